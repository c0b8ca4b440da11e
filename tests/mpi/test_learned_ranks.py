"""A flame with learned chemistry on 1, 2 and 4 ranks: the same fields, whoever evaluates or integrates a cell; an error
on one rank ends all.

As a script under mpirun, with the folder of the case: runs of RUNS for this number of ranks ("runs"), errors on one
rank, one after the other ("errors"), both ("both"), or one that ends the program ("lost").
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from launcher import run_ranks, said_by_ranks

from combust.case.load import to_toml
from combust.cfd.mesh.block import Block
from combust.errors import DivergenceError
from combust.io.checkpoint import read_checkpoint
from combust.io.series import read_series
from combust.io.vtr import read_vtr
from combust.parallel import Communicator
from combust.surrogates.provider import settings
from combust.surrogates.provider.step import LearnedStep

CELLS, STEPS = (1, 12, 32), 6
# Name: ranks and chemistry. pool = 4 spreads the few exact cells over all ranks, 100000 gathers them on one; with
# share = "on" the network cells of all ranks are evaluated in one batch, on the first. Those that the network tries are
# evened out from EVEN_FROM on, here, unless balance = false.
EVEN_FROM = 4
RUNS = {
    "one": (1, []),
    "two": (2, ["chemistry.pool=4"]),
    "two, not balanced": (2, ["chemistry.pool=4", "chemistry.balance=false"]),
    "two, one works": (2, ["chemistry.pool=100000"]),
    "four": (4, ["chemistry.pool=4"]),
    "four, shared": (4, ["chemistry.pool=100000", "chemistry.share=on"]),
    "one, no fallback": (1, ["chemistry.fallback=none"]),
    "two, no fallback": (2, ["chemistry.fallback=none", "chemistry.share=on"]),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    import learned_fixture  # not where the script is one rank's part

    return learned_fixture.make(tmp_path_factory)


@pytest.fixture(scope="module")
def base(tiny, tmp_path_factory):
    """The case of a wrinkled flame."""
    pytest.importorskip("petsc4py")
    folder = tmp_path_factory.mktemp("ranks")
    names = [f"{name}_share" for name in ("slow", "network", "exact", "refused")]
    config = tiny.case(
        mesh={"cells": [32, 12], "lower": [0.0, 0.0], "upper": [2.4e-3, 9e-4]},
        stop={"steps": STEPS},
        initial={"perturbation": {"amplitude": 2e-4, "modes": [1, 2], "seed": 3}},
        boundary={"y": {"kind": "periodic"}},
        output={
            "fields": {"names": ["T", "route", "route_error"], "every": {"steps": STEPS}},
            "series": {"quantities": ["element_error", *names], "every": {"steps": 1}},
        },
    )
    (folder / "flame.toml").write_text(to_toml(config))
    return folder


@pytest.fixture(scope="module")
def said(base):
    """What 1, 2 and 4 ranks say of their runs, two of them of errors, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMPI_MCA_mpi_yield_when_idle", "1")  # ranks share two cores: one that waits must yield
        what = {1: "runs", 2: "both", 4: "runs"}
        return {ranks: said_by_ranks(__file__, ranks, what[ranks], str(base), timeout=900) for ranks in what}


@pytest.fixture(scope="module")
def runs(said, base):
    for text in said.values():
        assert "runs: done" in text.splitlines(), text[-4000:]
    return base


def state(folder):
    block = Block.create(Communicator(), CELLS, (False, False, False))
    return read_checkpoint(folder / f"checkpoint_{STEPS:06d}.h5", block).arrays


def largest(values):
    """Largest magnitude of each component of a field, or of a global array."""
    return np.abs(values).max(axis=(-3, -2, -1), keepdims=True) if values.ndim >= 3 else np.abs(values).max()


@pytest.mark.parametrize("name", [name for name in RUNS if not name.startswith("one")])
def test_ranks_agree(runs, name):
    """To 1e-8: other batches have other round-off, in the single precision of the network too."""
    one = runs / ("one, no fallback" if "fallback" in name else "one")
    found, wanted = state(runs / name), state(one)
    assert sorted(found) == sorted(wanted)
    for field, value in wanted.items():
        scale = np.abs(value).max() if field == "wdot" else largest(value)
        off = np.abs(found[field] - value)
        assert (off <= 1e-8 * scale).all(), (field, off.max(), scale.max())
    a, b = (read_vtr(folder / f"fields_{STEPS:06d}.vtr").fields for folder in (runs / name, one))
    np.testing.assert_array_equal(a["route"], b["route"])
    np.testing.assert_allclose(a["route_error"], b["route_error"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", RUNS)
def test_balances_and_routes(runs, name):
    series = read_series(runs / name / "series.csv")
    assert max(series["element_error"]) < 1e-12
    total = sum(np.array(series[f"{route}_share"]) for route in ("slow", "network", "exact", "refused"))
    np.testing.assert_allclose(total[1:], 1.0)
    assert min(series["network_share"][1:]) > 0.01
    dear = series["refused_share" if "fallback" in name else "exact_share"]
    assert min(dear[1:]) > 0.01


def test_an_error_on_one_rank_is_everyones(said):
    assert "all said" in said[2].splitlines(), said[2][-4000:]


@pytest.mark.slow
def test_an_error_on_one_of_four_ranks_is_everyones(base):
    assert "all said" in run_ranks(__file__, 4, "errors", str(base), timeout=900)


def test_exact_chemistry_that_fails_on_one_rank_ends_the_program(base, tmp_path):
    if not any((Path(folder) / "mpirun").exists() for folder in os.get_exec_path()):
        pytest.skip("no mpirun on this machine")
    environment = {
        **os.environ,
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = ["mpirun", "--oversubscribe", "-n", "2", sys.executable, __file__, "lost", str(base), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, env=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 3 and said.count("cannot be integrated") == 1 and "Traceback" not in said, said[-3000:]


# --- one rank's part ------------------------------------------------------------------------------------------------


def script(what, base, *more):
    from combust.__main__ import main
    from combust.parallel import all_or_none, world

    sys.modules["combust.run.picture"] = SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))  # type: ignore[assignment]
    comm, case = world(), str(base / "flame.toml")
    settings.EVEN_FROM = EVEN_FROM
    sent: list[None] = []
    packed = LearnedStep.packed
    LearnedStep.packed = lambda *given: (sent.append(None), packed(*given))[1]  # type: ignore[method-assign]
    if what in ("runs", "both"):
        for name, (ranks, changes) in RUNS.items():
            if ranks == comm.size:
                sets = [part for change in changes for part in ("--set", change)]
                sent.clear()
                assert main(["run", case, "--out", str(base / name), *sets]) == 0
                evened = comm.size > 1 and not {"chemistry.balance=false", "chemistry.share=on"} & set(changes)
                assert (comm.sum(float(len(sent)))[0] > 0) == evened, (name, len(sent))
        if comm.is_root:
            print("runs: done", flush=True)
        if what == "runs":
            return 0
    if what == "lost":
        if comm.rank == comm.size - 1:
            no_integration()
        return main(["run", case, "--out", f"{more[0]}/out", "--set", "chemistry.pool=4", *TIGHT])
    with all_or_none(comm):
        for name, fault in ERRORS.items():
            ends_all(comm, case, name, fault)
        comm.barrier()
    if comm.is_root:
        print("all said")
    return 0


TIGHT = ["--set", "chemistry.rtol=1e-7", "--set", "chemistry.atol=1e-12"]  # one step will not do


def no_integration():
    """Neither the batched integrator nor CVODE gets to the end of a step here."""
    from combust.kinetics.integrate import cells as integrate
    from combust.kinetics.integrate import cvode

    def failing(*_, **__):
        raise RuntimeError("CVodes: too many steps")

    kept = integrate.MAX_STEPS, cvode.ct
    integrate.MAX_STEPS = 0
    cvode.ct = SimpleNamespace(
        **{name: getattr(kept[1], name) for name in ("CanteraError", "IdealGasReactor")}, ReactorNet=failing
    )

    def again():
        integrate.MAX_STEPS, cvode.ct = kept

    return again


def bad_source(flow):
    advance = flow.scheme.chemistry.advance

    def broken(step, Q, Qh):
        Q = Q.clone()
        Q[2, 1] = torch.nan
        return advance(step, Q, Qh)

    flow.scheme.chemistry.advance = broken


def bad_network(flow):
    def broken(*_):
        raise RuntimeError("out of memory")

    flow.scheme.chemistry.parts.network = broken


def lost_network(flow):
    """On this rank, wherever the cells belong; the others go on to the exact cells, and wait for it there."""

    def broken(*_):
        raise DivergenceError("the network is lost")

    flow.scheme.chemistry.parts.network = broken


def bad_state(flow):
    flow.current.U[3, 0, 2, 9] = torch.nan


def bad_pressure(flow):
    flow.current.U[1, 0, 2, 9] = -0.9 * float(flow.current.U[1:, 0, 2, 9].sum())


# Name: what to do on which rank, settings, what all must say.
ERRORS = {
    "a source that is not finite": (bad_source, -1, [], "source"),
    "the same, one device": (bad_source, -1, ["chemistry.share=on"], "source"),
    "the same, no fallback": (bad_source, -1, ["chemistry.share=on", "chemistry.fallback=none"], "source"),
    "a state that is not finite": (bad_state, -1, ["chemistry.share=on"], "nan"),
    "a pressure below zero": (bad_pressure, -1, [], "pressure"),
    "exact chemistry": (lambda flow: no_integration(), -1, ["chemistry.pool=4", *TIGHT[1::2]], "cannot be integrated"),
    "exact chemistry of all": (
        lambda flow: no_integration(), 0, ["chemistry.pool=4", "chemistry.share=on", *TIGHT[1::2]],
        "cannot be integrated"),
    "the network on one rank": (lost_network, -1, ["chemistry.pool=4"], "the network is lost"),
    "the same, where it has none": (lost_network, 0, ["chemistry.pool=4"], "the network is lost"),
    "the shared device": (bad_network, 0, ["chemistry.share=on"], "out of memory"),
}  # fmt: skip


def ends_all(comm, case, name, fault):
    """All ranks raise the same DivergenceError in the step in which the fault strikes one of them."""
    from combust.case.load import load
    from combust.run import build as builder

    strike, rank, changes, words = fault
    flow = builder.build(load(case, changes), comm)
    for _ in range(2):
        flow.advance(2e-6)
    again = strike(flow) if comm.rank == rank % comm.size else None
    try:
        flow.advance(2e-6)
    except DivergenceError as error:
        said = str(error)
    else:
        said = "nothing"
    finally:
        if callable(again):
            again()
    assert words in said and len(set(comm.gather(said))) == 1, (name, comm.rank, said)


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(script(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
