"""Averages, probes, planes and spectra: the same bytes on any ranks, after a kill and a restart on other ranks."""

import pytest
from helpers import CASE, launch

OUTPUT = """
averages = { names = ["T", "u"], start = 0.0025, window = 0.006 }
spectra = { fields = ["T", "u"], every = { steps = 6 } }
[[output.probes]]
kind = "points"
name = "two"
points = [[0.55, 0.15, 0.25], [1.2, 0.6, 0.41]]
[[output.probes]]
kind = "line"
name = "across"
start = [0.1, 0.1, 0.1]
end = [2.3, 1.1, 0.7]
count = 7
every = { steps = 3 }
[[output.probes]]
kind = "plane"
name = "cut"
normal = "x"
at = 1.2
fields = ["u", "T"]
every = { time = 0.002 }
"""
IDLE = {"OMPI_MCA_mpi_yield_when_idle": "1"}
FILES = ("averages.csv", "averages.pvd", "probe_two.csv", "probe_across.csv", "planes_cut.npy", "spectra.csv")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A case and its output on one rank without a break."""
    folder = tmp_path_factory.mktemp("output")
    (folder / "heat.toml").write_text(CASE + OUTPUT)
    done = launch(["run", folder / "heat.toml", "--out", folder / "whole"])
    assert done.returncode == 0, done.stderr
    return folder


def same(one, other):
    names = [*FILES, *sorted(path.name for path in one.glob("averages_*.vtr"))]
    assert len(names) > len(FILES) + 2
    assert sorted(path.name for path in other.glob("averages_*")) == sorted(
        path.name for path in one.glob("averages_*")
    )
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_killed_on_two_ranks_and_continued_on_one(whole):
    """Killed amid its second checkpoint (step 10), continued from the first one (step 5)."""
    out = whole / "killed"
    killed = launch(["run", whole / "heat.toml", "--out", out], ranks=2, TOY_KILL_AT="2", **IDLE)
    assert killed.returncode != 0 and (out / "planes_cut.npy").exists()
    done = launch(["run", whole / "heat.toml", "--out", out, "--restart", "auto"])
    assert done.returncode == 0, done.stderr
    same(whole / "whole", out)


@pytest.mark.slow
def test_a_longer_run_is_one_run(whole):
    """Ended at step 9 with half a window, continued to step 20 on two ranks; a new run leaves nothing of it."""
    out = whole / "longer"
    done = launch(["run", whole / "heat.toml", "--out", out, "--steps", "9"])
    assert done.returncode == 0 and "output.averages: window = 0.006 s is longer than the run" in done.stderr
    assert (out / "averages_000009.vtr").exists()
    done = launch(["run", whole / "heat.toml", "--out", out, "--restart", "auto"], ranks=2, **IDLE)
    assert done.returncode == 0, done.stderr
    same(whole / "whole", out)
    fresh = launch(["run", whole / "heat.toml", "--out", out, "--force", "--steps", "1"])
    assert fresh.returncode == 0 and len(list(out.glob("averages_*.vtr"))) == 0, fresh.stderr
