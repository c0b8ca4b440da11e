"""Flames and closed boxes on 1, 2 and 4 ranks: the same fields; restarts continue bit by bit.

As a script under mpirun: runs both cases, then goes on from their checkpoints in other folders.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from launcher import run_ranks

from combust.__main__ import main
from combust.case.load import load
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import along
from combust.cfd.operators import reconstruction
from combust.cfd.operators.reconstruction.base import Reconstruction
from combust.errors import DivergenceError
from combust.io.checkpoint import read_checkpoint
from combust.io.series import read_series
from combust.io.vtr import BEGIN, read_vtr
from combust.parallel import Communicator, world
from combust.run.build import build
from combust.run.hooks import check_finite
from combust.run.simulation import Limits, Simulation

ROOT = Path(__file__).resolve().parents[2]
FIELDS = 'output.fields.names=["T", "u", "p", "Y_H", "heat_release", "vorticity", "strain", "Q", "viscous_dissipation"]'
EDDIES = 'output.fields.names=["T", "u", "p", "nu_t"]'
PLAIN = 'output.fields.names=["T", "u", "p", "vorticity"]'
OF_RUN = {"eddies": EDDIES, "fourth": PLAIN}
FILES = {"eddies": "kernel", "cylinder": "kernel", "fourth": "kernel"}
# name: (cells z y x, steps, step of the checkpoint to restart from, changes to the shipped case)
RUNS = {
    # dt: above 1 us the explicit path of the chemistry amplifies rounding errors up to its tolerance.
    "flame": (
        (1, 24, 32),
        8,
        5,
        [
            "mesh.cells=[32, 24]",
            "mesh.upper=[0.0024, 0.0018]",
            "initial.position=0.0012",
            "numerics.dt=1e-6",
            "initial.perturbation={amplitude = 2e-4, modes = [1, 2], seed = 3}",
            "output.fields.every={steps = 4}",
        ],
    ),
    # Smagorinsky's closure, and in the place of "central" a scheme that reads three layers of ghosts.
    "eddies": (
        (4, 8, 10),
        4,
        2,
        [
            "mesh.cells=[10, 8, 4]",
            "mesh.lower=[0, 0, 0]",
            "mesh.upper=[0.0008, 0.00064, 0.00032]",
            "initial.centre=[4e-4, 2.6e-4, 1.6e-4]",
            "initial.radius=1.5e-4",
            'boundary={x={kind="wall"}, y={kind="symmetry"}, z={kind="periodic"}}',
            "gas.gravity=[0, -5e5, 0]",
            'chemistry={kind="none"}',
            'turbulence={kind="smagorinsky"}',
            'numerics.reconstruction="central"',
            "output.fields.every={steps = 2}",
            "numerics.dt=1e-6",
        ],
    ),
    # Restarted within a pulse of its inflow.
    "jet": ((1, 20, 24), 8, 5, ["mesh.cells=[24, 20]", "numerics.dt=1e-5", "output.fields.every={steps = 4}"]),
    # Around an axis; cut along both directions on four ranks.
    "cylinder": (
        (1, 10, 16),
        5,
        3,
        [
            'mesh={kind="axisymmetric", x={lower=0, upper=1.28e-3, cells=16}, y={lower=0, upper=8e-4, cells=10}}',
            "initial.centre=[6e-4, 0]",
            "initial.radius=2e-4",
            'boundary={x={kind="wall"}, y_low={kind="symmetry"}, y_high={kind="wall", temperature=400}}',
            "output.fields.every={steps = 3}",
            "numerics.dt=5e-7",
        ],
    ),
    # Differences of fourth order along x, with the pressure solver of their own.
    "fourth": (
        (1, 12, 18),
        4,
        2,
        [
            "mesh.cells=[18, 12]",
            "mesh.lower=[0, 0]",
            "mesh.upper=[1.44e-3, 9.6e-4]",
            "initial.centre=[6e-4, 4e-4]",
            "initial.radius=3e-4",
            'boundary={x={kind="periodic"}, y={kind="wall"}}',
            'chemistry={kind="none"}',
            "numerics.order=4",
            'numerics.reconstruction="weno5"',
            "output.fields.every={steps = 2}",
            "numerics.dt=1e-6",
        ],
    ),
    "kernel": (
        (8, 12, 14),
        6,
        4,
        [
            "mesh.cells=[14, 12, 8]",
            "mesh.lower=[0, 0, 0]",
            "mesh.upper=[0.00112, 0.00096, 0.00064]",
            "initial.centre=[4e-4, 5e-4, 3e-4]",
            "initial.radius=2e-4",
            'boundary.z={kind = "wall", slip = true}',
            "output.fields.every={steps = 3}",
            "numerics.dt_max=5e-7",
            'output.averages={names=["T", "u"], start=4e-7}',
            'output.probes=[{kind="plane", name="cut", normal="y", at=5e-4}, {kind="line", name="axis", '
            "start=[1e-5, 5e-4, 3e-4], end=[1.1e-3, 5e-4, 3e-4]}]",
            'output.conditional=[{on="progress", fields=["T", "heat_release"], bins=10, every={steps=2}}]',
        ],
    ),
}


def run(name: str, folder: Path, *more: str) -> None:
    """One run through the command line's own entry."""
    _, steps, early, changes = RUNS[name]
    every = f"output.checkpoint.every={{steps = {early}}}"
    changes = [*changes, OF_RUN.get(name, FIELDS), every, "output.series.every={steps = 1}"]
    arguments = [part for change in changes for part in ("--set", change)]
    case = str(ROOT / "cases" / f"{FILES.get(name, name)}.toml")
    code = main(["run", case, "--out", str(folder), "--steps", str(steps), *arguments, *more])
    assert code == 0, f"exit code {code}"


def wide_values(q, u, layout, metric, axis):
    """Central, sixth order on uniform grids: three cells on either side."""
    weights = (1 / 60, -8 / 60, 37 / 60, 37 / 60, -8 / 60, 1 / 60)
    return sum(w * along(q, layout, axis, i, i + 1) for i, w in zip(range(-3, 3), weights, strict=True))


def restored_eddies(base: Path, ranks: int) -> None:
    """Writes nu_t of the checkpoint of one rank, as these ranks restore it."""
    flow = build(load(ROOT / "cases" / "kernel.toml", [*RUNS["eddies"][3], EDDIES]), world())
    flow.restore(read_checkpoint(base / "eddies1" / "checkpoint_000002.h5", flow.block).arrays.__getitem__)
    whole = np.empty(flow.block.shape)
    for start, part in flow.block.comm.gather((flow.block.start, flow.field("nu_t"))):
        whole[tuple(slice(s, s + n) for s, n in zip(start, part.shape, strict=True))] = part
    if flow.block.comm.is_root:
        np.save(base / f"nu_t{ranks}.npy", whole)


def lost_on_a_rank(base: Path) -> None:
    """Writes what the guard and a step say of a NaN in a cell of the last rank."""
    flow = build(load(ROOT / "cases" / "kernel.toml", RUNS["kernel"][3]), world())
    comm = flow.block.comm
    if comm.rank == comm.size - 1:
        flow.scheme.inner(flow.current.q)[3, 1, 2, 3] = torch.nan
    z, y, x = (1 + flow.block.start[0], 2 + flow.block.start[1], 3 + flow.block.start[2])
    said = [f"Y_O at cell (x, y, z) = ({x}, {y}, {z}) on rank {comm.size - 1} is nan"]
    for call in (lambda: check_finite(Simulation(flow, [], Limits())), lambda: flow.advance(1e-8)):
        try:
            call()
        except DivergenceError as error:
            said.append(str(error))
    if comm.rank == comm.size - 1:
        (base / "lost.txt").write_text("\n".join(said))


def script(ranks: int, base: Path) -> None:
    reconstruction._loaded["central"] = Reconstruction(wide_values, ghosts=3, order=6, order_stretched=1)
    sys.modules["combust.run.picture"] = SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))  # type: ignore[assignment]
    for name, (_, _, early, _) in RUNS.items():
        run(name, base / f"{name}{ranks}")
        if name == "eddies":
            restored_eddies(base, ranks)
        if ranks > 2:
            continue
        restart = f"checkpoint_{early:06d}.h5"
        run(name, base / f"{name}{ranks}_again", "--restart", str(base / f"{name}{ranks}" / restart))
        if ranks == 2:
            run(name, base / f"{name}2_from1", "--restart", str(base / f"{name}1" / restart))
    if ranks == 2:
        lost_on_a_rank(base)


def test_a_lost_cell_is_named_on_two_ranks(base):
    place, guard, step = (base / "lost.txt").read_text().splitlines()
    assert guard == f"after step 0: {place}"
    assert step.startswith("in step 1, from t = 0 s: ") and step.endswith(f"; before this step {place}")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The folders of all runs; ranks share two cores, so a waiting one must yield."""
    pytest.importorskip("petsc4py")
    folder = tmp_path_factory.mktemp("ranks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMPI_MCA_mpi_yield_when_idle", "1")
        for ranks in (1, 2, 4):
            run_ranks(__file__, ranks, str(folder), timeout=900)
    return folder


def state(folder: Path, name: str):
    shape, steps, _, _ = RUNS[name]
    block = Block.create(Communicator(), shape, (False, False, False))
    saved = read_checkpoint(folder / f"checkpoint_{steps:06d}.h5", block)
    return saved.arrays, saved.meta


def largest(values: np.ndarray) -> np.ndarray:
    """Largest magnitude of each component of a field, or of a global array."""
    return np.abs(values).max(axis=(-3, -2, -1), keepdims=True) if values.ndim >= 3 else np.abs(values).max()


def close(found: dict, wanted: dict) -> None:
    """Fields agree to 1e-8 of their largest value, reaction rates to that of the fastest species."""
    assert sorted(found) == sorted(wanted)
    for name, value in wanted.items():
        scale = np.abs(value).max() if name == "wdot" else largest(value)
        if name == "wdot" and scale < 1e-9:
            continue  # nothing reacts: roundings
        if name == "heat_out":  # through sides without a gradient: roundings of the heat that there is
            scale = max(scale, 1e-6 * np.abs(wanted["initial"][0]))
        worst = (np.abs(found[name] - value) - 1e-8 * scale).max()
        assert worst <= 0.0, (name, np.abs(found[name] - value).max(), scale.max())


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_agree(base, name, ranks):
    close(state(base / f"{name}{ranks}", name)[0], state(base / f"{name}1", name)[0])


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("ranks", [2, 4])
def test_written_fields_have_one_layout(base, name, ranks):
    one, many = base / f"{name}1", base / f"{name}{ranks}"
    names = sorted(path.name for path in one.glob("fields_*.vtr"))
    assert len(names) == 3 and names == sorted(path.name for path in many.glob("fields_*.vtr"))
    for file in names:
        headers = [(folder / file).read_bytes().partition(BEGIN)[0] for folder in (one, many)]
        times = [header.split(b'"TimeValue"')[1].split(b">")[1].split(b"<")[0] for header in headers]
        assert float(times[1]) == pytest.approx(float(times[0]), rel=1e-8)
        assert headers[0].replace(times[0], b"") == headers[1].replace(times[1], b"")
        a, b = read_vtr(one / file), read_vtr(many / file)
        for axis in range(3):
            assert np.array_equal(a.coordinates[axis], b.coordinates[axis])
        close({k: v for k, v in b.fields.items() if k != "p"}, {k: v for k, v in a.fields.items() if k != "p"})


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("ranks", [1, 2])
def test_restart_is_bitwise(base, name, ranks):
    whole, again = base / f"{name}{ranks}", base / f"{name}{ranks}_again"
    (wanted, meta), (found, found_meta) = state(whole, name), state(again, name)
    for field, value in wanted.items():
        assert np.array_equal(found[field], value), field
    for key in ("time", "step", "dt", "free_dt"):
        assert found_meta["loop"][key] == meta["loop"][key]
    steps = RUNS[name][1]
    assert (whole / f"fields_{steps:06d}.vtr").read_bytes() == (again / f"fields_{steps:06d}.vtr").read_bytes()
    a, b = read_series(whole / "series.csv"), read_series(again / "series.csv")
    for column in a:
        assert a[column][-1] == b[column][-1], column


def test_eddies_are_the_same_on_every_number_of_ranks(base):
    """nu_t of one checkpoint, restored on 1, 2 and 4 ranks: bit by bit; and there are some."""
    one, *others = (np.load(base / f"nu_t{ranks}.npy") for ranks in (1, 2, 4))
    assert one.max() > 1e-7 and all(np.array_equal(one, other) for other in others)


@pytest.mark.parametrize("name", RUNS)
def test_restart_on_another_number_of_ranks(base, name):
    close(state(base / f"{name}2_from1", name)[0], state(base / f"{name}1", name)[0])


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_balances_on_ranks(base, ranks):
    for name in RUNS:
        series = read_series(base / f"{name}{ranks}" / "series.csv")
        assert max(map(abs, series["mass_error"])) < 1e-12 and max(series["element_error"]) < 1e-12
        assert max(series["eos_drift"]) < 1e-3 and min(series["Y_min"]) > -1e-8
    assert max(map(abs, series["enthalpy_error"])) < 1e-12
    assert series["p0"][-1] > series["p0"][0]


if __name__ == "__main__":
    script(world().size, Path(sys.argv[1]))
