"""Faults inside the real flow: a lost solution ends in a message and exit code 3, bad input in 2, on any rank count.

As a script under mpirun: `combust` with the fault that FAULT names, set off before step 4 on the last rank.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from combust.__main__ import main
from combust.cfd.lowmach.flow import ReactingFlow
from combust.errors import DivergenceError
from combust.kinetics.flames.counterflow import counterflow_flame
from combust.kinetics.integrate import cells, cvode

CASES = Path(__file__).resolve().parents[2] / "cases"
AT = 4  # the step in which the fault strikes
SMALL = [
    "mesh.cells=[12,12]",
    "mesh.upper=[8.4e-4,8.4e-4]",
    "initial.centre=[4e-4,4e-4]",
    "initial.radius=2e-4",
    "numerics.dt=4e-7",
    "stop.steps=6",
    "output.checkpoint.every={steps=2}",
    'output.fields.names=["T"]',
]


def arguments(out, *changes):
    sets = [part for change in (*SMALL, *changes) for part in ("--set", change)]
    return ["run", str(CASES / "kernel.toml"), "--out", str(out), *sets]


def nan_in_temperature(flow):
    flow.current.U[0, 0, 2, 2] = float("nan")
    flow.current.q[0, ..., 4, 4] = float("nan")


def nan_in_velocity(flow):
    flow.current.u[2][..., 5, 5] = float("nan")


def negative_density(flow):
    flow.current.U[:, 0, 2, 2] *= -1.0


def no_temperature(flow):
    """An enthalpy that no temperature has: Newton's iteration runs away."""
    flow.current.U[0, 0, 2, 2] = 1e12


def stubborn_chemistry(flow):
    """Neither the batched integrator nor CVODE gets to the end of the step."""
    cells.MAX_STEPS = 0
    cvode.ct = SimpleNamespace(CanteraError=RuntimeError, ReactorNet=failing, IdealGasReactor=None)
    chemistry = flow.scheme.chemistry
    while hasattr(chemistry, "chemistry"):
        chemistry = chemistry.chemistry
    chemistry.tolerance = type(chemistry.tolerance)(1e-12, 1e-20)


def failing(*_):
    raise RuntimeError("CVodes: too many steps")


FAULTS = {
    f.__name__: f for f in (nan_in_temperature, nan_in_velocity, negative_density, no_temperature, stubborn_chemistry)
}


def broken(fault: str):
    """`ReactingFlow.advance` in which the fault strikes."""
    advance = ReactingFlow.advance

    def step(self, dt):
        if self.step + 1 == AT and self.block.comm.rank == self.block.comm.size - 1:
            FAULTS[fault](self)
        advance(self, dt)

    return step


def arm(fault: str) -> None:
    """Lets the fault strike in the flow of this process, and leaves the picture out."""
    ReactingFlow.advance = broken(fault)  # type: ignore[method-assign]
    sys.modules["combust.run.picture"] = SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))  # type: ignore[assignment]


def launch(fault, ranks, out, *changes):
    launcher = ["mpirun", "--oversubscribe", "-n", str(ranks)]
    if shutil.which("mpirun") is None:
        pytest.skip("no mpirun on this machine")
    environment = {
        **os.environ,
        "FAULT": fault,
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = [*launcher, sys.executable, __file__, *arguments(out, *changes)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)


SAID = {
    "nan_in_temperature": "T = nan",
    "nan_in_velocity": "finite",
    "negative_density": "density",
    "no_temperature": "T = ",
    "stubborn_chemistry": "cannot be integrated",
}


def require_lost(fault, folder, code, out, error):
    assert code == 3, (code, out[-500:], error[-2500:])
    said = out + error
    assert SAID[fault] in said and "Traceback" not in said
    assert f"last good checkpoint: {folder}/checkpoint_000002.h5" in said
    assert said.count("last good checkpoint") == 1
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("fault", FAULTS)
def test_lost_solution_ends_with_3(run, tmp_path, monkeypatch, fault):
    for module, name in ((cells, "MAX_STEPS"), (cvode, "ct")):  # a fault changes them
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(ReactingFlow, "advance", broken(fault))
    require_lost(fault, tmp_path / "out", *run("chemistry.kind=direct", "chemistry.balance=true"))


@pytest.mark.parametrize(
    "fault, balance", [("nan_in_temperature", "true"), ("stubborn_chemistry", "true"), ("stubborn_chemistry", "false")]
)
def test_lost_solution_ends_with_3_on_two_ranks(tmp_path, fault, balance):
    pytest.importorskip("petsc4py")
    done = launch(fault, 2, tmp_path / "out", "chemistry.kind=direct", f"chemistry.balance={balance}")
    require_lost(fault, tmp_path / "out", done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("combust.run.picture.plot", lambda folder: SimpleNamespace(path=folder / "flame.png"))

    def call(*changes, out="out", more=()):
        code = main([*arguments(tmp_path / out, *changes), *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_step_far_too_long_ends_with_3(run, tmp_path):
    code, out, error = run("numerics.dt=3e-4")
    assert code == 3 and "Traceback" not in error
    assert "shorten the time step" in out + error or "smaller time step" in out + error
    assert "no step was done, and nothing of this run is left" in out + error


def test_checkpoint_of_another_mechanism_or_mesh(run, tmp_path):
    code, _, _ = run("chemistry.kind=none", "stop.steps=2")
    assert code == 0
    again = ("--restart", "auto")
    code, _, error = run("chemistry.kind=none", "gas.mechanism=gri30.yaml", more=again)
    assert code == 2 and "belongs to another case: its mechanism is" in error and "start anew" in error
    code, _, error = run("chemistry.kind=none", "mesh.cells=[12,10]", more=again)
    assert code == 2 and "belongs to another case: its mesh is" in error


def test_unknown_species_and_mechanism(run):
    """Input that cannot be used is said before the first step."""
    code, _, error = run("initial.fuel=KEROSENE:1")
    assert code == 2 and "KEROSENE" in error
    code, _, error = run("gas.mechanism=nowhere.yaml", out="other")
    assert code == 2 and "nowhere.yaml" in error


if __name__ == "__main__":
    arm(os.environ["FAULT"])
    sys.exit(main())


AIR = "O2:0.21, N2:0.79"
NO_FLAMES = [
    ("counterflow", {"initial.fuel": "N2:1"}, 'initial.kind = "counterflow": .* heats itself by more than 0 K'),
    ("counterflow", {"initial.oxidizer": "N2:1"}, 'initial.kind = "counterflow": .* heats itself by more than 0 K'),
    ("counterflow", {"initial.fuel": AIR}, 'initial.kind = "counterflow": .*heats itself by more than 0 K'),
    ("flame1d_h2", {"initial.fuel": "N2:1"}, 'initial.kind = "flame": .*the mixture does not burn'),
    ("flame1d_h2", {"initial.phi": "0.01"}, 'initial.kind = "flame": .*the mixture does not burn'),
]


@pytest.mark.parametrize("name, given, message", NO_FLAMES)
def test_a_flame_of_gases_that_cannot_burn_is_bad_input(name, given, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path / "cache"))
    sets = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    assert main(["run", str(CASES / f"{name}.toml"), "--out", str(tmp_path / "out"), *sets]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_flame_without_stoichiometric_mixture(tmp_path, monkeypatch):
    """Premixed gas against nitrogen burns, but Cantera's search begins from a stoichiometric mixture of both jets."""
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    with pytest.raises(DivergenceError, match="no mixture of both jets is stoichiometric"):
        counterflow_flame("h2o2.yaml", 101325.0, "H2:2, O2:1, N2:4", 300.0, 1.0, "N2:1", 300.0, 1.0)
