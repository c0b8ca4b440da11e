"""`combust check` tells what `combust run` does: its first step, its memory, what is doubtful; and a trial of it."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from helpers import ROOT, env
from test_cases import CASES, SHRUNK, stored_flame

from combust import machine
from combust.__main__ import main
from combust.case.load import load
from combust.check import command
from combust.io.folder import Folder
from combust.io.series import read_series
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.run import build as case
from combust.run import memory

CUBE = ['boundary={x_low={kind="inflow",velocity="balanced"},x_high={kind="outflow"},y={kind="periodic"},'
        'z={kind="periodic"}}', "mesh.lower=[0,0,0]", "mesh.upper=[0.0144,0.0096,0.0096]"]  # fmt: skip
FIRST = re.compile(r"^first dt: (\S+) s \((.*?);", re.MULTILINE)


def call(verb, name, *changes, more=()):
    """Exit code of a verb on a shipped case."""
    changes = (*changes, "device=cpu")
    return main([verb, str(CASES / f"{name}.toml"), *(part for c in changes for part in ("--set", c)), *more])


@pytest.fixture
def flames(monkeypatch):
    monkeypatch.setattr("combust.kinetics.flames.free.free_flame", stored_flame)
    monkeypatch.setitem(
        sys.modules, "combust.run.picture", SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))
    )


def small(name):
    return [c for c in SHRUNK[name][2] if not c.startswith("chemistry.")]


def first_steps(name, changes, tmp_path, capsys):
    """The first step by check, and that of a run."""
    assert call("check", name, *changes) == 0
    said = FIRST.search(capsys.readouterr().out)
    more = ("--steps", "1", "--out", str(tmp_path))
    assert call("run", name, *changes, "output.series.every={steps=1}", more=more) == 0
    line = capsys.readouterr().out.split("\n")
    logged = next(words for words in map(str.split, line) if words[:1] == ["1"])
    return float(said[1]), said[2], read_series(Folder(tmp_path).series)["dt"][1], logged[3]


@pytest.mark.parametrize("name", [name for name in SHRUNK if name != "mms"])  # which takes long to derive: below
def test_first_step(name, flames, tmp_path, capsys):
    changes = [*small(name), "output.log.every={steps=1}"]
    said, why, done, logged = first_steps(name, changes, tmp_path, capsys)
    assert said == pytest.approx(done, rel=5e-4) and why.split()[0] == logged  # four digits are said


@pytest.mark.parametrize("changes, why", [
    (["numerics.dt_max=3e-7"], "dt_max"), (["numerics.dt_first=1e-7"], "dt_first"),
    (["numerics.cfl=0.01"], "cfl"), (["numerics.dt=2e-7"], "fixed"),
    (["stop.time=6e-6"], "stop time"),
    (["output.fields.every={time=1e-7, exact=true}"], "output time"),
])  # fmt: skip
def test_first_step_whatever_limits_it(changes, why, flames, tmp_path, capsys):
    changes = [*small("flame"), "output.log.every={steps=1}", *changes]
    said, name, done, logged = first_steps("flame", changes, tmp_path, capsys)
    assert said == pytest.approx(done, rel=5e-4) and name == why and logged == why.split()[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", SHRUNK)
def test_first_step_of_the_whole_case(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(
        sys.modules, "combust.run.picture", SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))
    )
    said, why, done, logged = first_steps(name, ["output.log.every={steps=1}"], tmp_path, capsys)
    assert said == pytest.approx(done, rel=5e-4) and why.split()[0] == logged


# --- memory ---------------------------------------------------------------------------------------------------------


def measured(arguments, ranks=1):
    """Largest resident memory of a rank of `combust run` [MB], steps and picture; by the kernel's own count."""
    launcher = [] if ranks == 1 else ["bash", str(ROOT / "scripts" / "mpirun.sh"), "-n", str(ranks)]
    script = str(ROOT / "tests" / "cases" / "peak.py")
    done = subprocess.run([*launcher, sys.executable, script, *arguments], env=env(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return max(float(found) for found in re.findall(r"^peak (\S+)", done.stdout, re.MULTILINE))


def said_and_measured(name, changes, tmp_path, ranks=1, steps=3):
    sets = [part for c in (*changes, "device=cpu") for part in ("--set", c)]
    path = str(CASES / f"{name}.toml")
    words = [sys.executable, "-m", "combust", "check", path, *sets, "--ranks", str(ranks)]
    said = subprocess.run(words, env=env(), capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = float(re.search(r"^memory: +(\S+) MB per rank", said.stdout, re.MULTILINE)[1])
    return found, measured(["run", path, *sets, "--steps", str(steps), "--out", str(tmp_path / "out")], ranks)


def test_memory_is_what_a_run_takes(tmp_path):
    said, taken = said_and_measured("flame", ["numerics.compile=off", "mesh.cells=[96,64]"], tmp_path, steps=2)
    assert said == pytest.approx(taken, rel=0.15)


LARGE = {
    "one direction": ("flame1d_h2", [], 1),
    "two directions": ("flame", [], 1),
    "manufactured": ("mms", [], 1),
    "learned": ("flame_learned", [], 1),
    "closed": ("kernel", [], 1),
    "vortices": ("taylor_green_2d", [], 1),
    "28 species": ("flame1d_ch4", ["mesh.cells=[6000]", "numerics.dt=1e-7"], 1),  # that of 200 cells takes 201 stages
    "soret": ("flame", ["gas.transport.soret=true"], 1),
    "strang": ("flame", ["numerics.coupling=strang"], 1),
    "PETSc": ("flame", ["numerics.pressure.solver=petsc"], 1),
    "two ranks": ("flame", [], 2),
    "32 cubed": ("flame", [*CUBE, "mesh.cells=[32,32,32]"], 1),
    "64 cubed": ("flame", [*CUBE, "mesh.cells=[64,64,64]"], 1),
    "48 cubed on two ranks": ("flame", [*CUBE, "mesh.cells=[48,48,48]"], 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("which", LARGE)
def test_memory_of_larger_runs(which, tmp_path):
    name, changes, ranks = LARGE[which]
    said, taken = said_and_measured(name, [*changes, "numerics.compile=off"], tmp_path, ranks, 2)
    assert said == pytest.approx(taken, rel=0.15)


@pytest.mark.compile
@pytest.mark.slow
@pytest.mark.parametrize("which", ["learned", "64 cubed"])
def test_memory_of_compiled_runs(which, tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    name, changes, ranks = LARGE[which]
    said, taken = said_and_measured(name, [*changes, "numerics.compile=on"], tmp_path, ranks, 2)
    assert said == pytest.approx(taken, rel=0.15)


@pytest.mark.compile
@pytest.mark.slow
def test_memory_of_a_run_whose_first_steps_are_eager(tmp_path, monkeypatch):
    """Processes that compile beside it are not the rank's."""
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    said, taken = said_and_measured("flame", ["numerics.eager_steps=2"], tmp_path, steps=64)
    assert said == pytest.approx(taken, rel=0.15)


def test_large_cases_are_counted_and_not_built(monkeypatch, capsys):
    """A billion cells for 512 ranks; on this machine a run would refuse them, and so does check."""
    monkeypatch.setattr(case, "build", lambda *_: pytest.fail("was built"))
    many = [*CUBE, "mesh.cells=[1000,1000,1000]"]
    assert call("check", "flame", *many, more=("--ranks", "512")) == 0
    said = capsys.readouterr()
    assert "1000000000 on 512 rank(s)" in said.out and " x 16 x " in said.out
    assert "warning: memory: 512 rank(s) need" in said.err and "machines like this one" in said.err
    assert "first dt: not known" in said.out
    assert call("check", "flame", *many) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "1000 x 1000 x 1000 cells" in said and said.count("\n") == 1
    assert call("check", "flame", *many, more=("--ranks", "512", "--trial")) == 2
    assert call("check", "flame", more=("--ranks", "0")) == 2
    assert "--ranks 0: must be at least 1" in capsys.readouterr().err
    assert call("check", "flame1d_h2", more=("--ranks", "200")) == 2
    assert "200 ranks cannot share" in capsys.readouterr().err


def test_account_grows_with_cells_and_falls_with_ranks():
    def of(cells, ranks=1, **changes):
        config = load(CASES / "flame.toml", [*CUBE, f"mesh.cells=[{cells},{cells},{cells}]", "numerics.compile=off",
                                             *(f"{key}={value}" for key, value in changes.items())])  # fmt: skip
        size = memory.size_of(config, config.mesh.shape, ranks, 10)
        parts = memory.account(config, size, ranks, 3e8)
        growing = sum(parts[name] for name in ("fields", "fields with ghosts", "pressure", "chemistry"))
        return sum(parts.values()) - parts["process"], size, growing

    small, large = of(64), of(128)
    assert 7 < large[2] / small[2] < 9 and large[1].cells == 8 * small[1].cells
    assert 4 < large[0] / small[0] < 9  # buffers of kernels and what the heap keeps do not grow with the cells
    assert 0.45 < of(128, 2)[0] / large[0] < 0.65
    assert of(64, **{"chemistry.kind": "none"})[0] < small[0]
    closures = [f"{{kind='{kind}'}}" for kind in ("none", "wale", "k-equation", "k-epsilon")]
    taken = [of(64, turbulence=closure)[0] for closure in closures]
    assert taken[0] == small[0] and taken == sorted(set(taken))
    field = 8 * 64**3  # of a second quantity: at n and n+1, of its stages, its balance
    assert 1.5 * (taken[2] - taken[1]) > taken[3] - taken[2] > 15 * field
    petsc = {"numerics.pressure.solver": "petsc"}
    assert of(64, **petsc)[0] > small[0] and of(64, **{"gas.transport.soret": "true"})[0] > small[0]


def test_out_of_memory_is_foreseen(tmp_path, monkeypatch, capsys):
    """By check and by run, in one message, before a field is made: what is needed, what there is, what would fit."""
    monkeypatch.setattr(memory, "machine_memory", lambda: 3e9)
    large = [*CUBE, "mesh.cells=[128,128,128]"]
    for verb, more in (("check", ()), ("run", ("--out", str(tmp_path / "out")))):
        assert call(verb, "flame", *large, more=more) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1 and "out of memory foreseen" in said
        assert "128 x 128 x 128 cells (2097152) of 10 species need" in said and "has 3 GB" in said
    more = float(re.search(r"at most about (\S+) cells", said)[1])
    monkeypatch.setenv("COMBUST_NATIVE", "0")  # torch's kernels keep the factors of Jacobians, those in C++ do not
    assert call("check", "flame", *large) == 2
    most = float(re.search(r"at most about (\S+) cells", capsys.readouterr().err)[1])
    assert 60**3 < most < 110**3 and most <= more and not list(tmp_path.glob("out/*"))


def test_memory_of_the_machine_is_held_against_it(flames, monkeypatch, capsys):
    monkeypatch.setattr(command, "machine_memory", lambda: 2e8)
    assert call("check", "flame1d_h2", *small("flame1d_h2")) == 0
    said = capsys.readouterr()
    assert "warning: memory: 1 rank(s) need" in said.err and "has 0.2 GB" in said.err
    assert "too large to be built" in said.out
    page = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < machine.machine_memory() <= page and 1e7 < machine.resident_memory() <= page


def test_a_container_may_have_less(tmp_path, monkeypatch):
    (tmp_path / "max").write_text("123456789\n")
    monkeypatch.setattr(machine, "LIMITS", (str(tmp_path / "nowhere"), str(tmp_path / "max")))
    assert machine.machine_memory() == 123456789
    (tmp_path / "max").write_text("max\n")
    assert machine.machine_memory() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


# --- what is doubtful -----------------------------------------------------------------------------------------------


def test_cells_per_thickness(flames, tmp_path, capsys):
    """0.333 mm of a hydrogen flame: on 96 cells of 1.6 mm 20, on 12 of them 2.5, which check and run warn of."""
    assert call("check", "flame1d_h2", *small("flame1d_h2")) == 0
    said = capsys.readouterr()
    assert re.search(r"^flame: +20\.\d cells per thermal thickness \(0.00033", said.out, re.MULTILINE)
    assert "thermal thickness (" not in said.err
    few = [*small("flame1d_h2"), "mesh.cells=[12]", "numerics.dt=5e-7"]
    assert call("check", "flame1d_h2", *few) == 0
    said = capsys.readouterr()
    assert "the flame has 2.5 cells per thermal thickness" in said.err and "coarse_flames.md" in said.err
    assert call("run", "flame1d_h2", *few, more=("--steps", "2", "--out", str(tmp_path))) == 0
    assert capsys.readouterr().err.count("the flame has 2.5 cells per thermal thickness") == 1
    stretched = 'mesh={kind="stretched", x={lower=0, upper=1.575e-3, cells=60, ratio=1.05}}'
    assert call("check", "flame1d_h2", *small("flame1d_h2")[2:], stretched) == 0
    cells = float(re.search(r"^flame: +(\S+) cells", capsys.readouterr().out, re.MULTILINE)[1])
    front, end = (1.575e-3 * 1.05**k * 0.05 / (1.05**60 - 1) for k in (46, 59))  # widths at 0.8 mm and of the last
    assert 3.33e-4 / end < cells < 3.33e-4 / front


def test_a_kernel_is_held_against_the_free_flame_of_its_gas(monkeypatch, capsys):
    from combust.check import flame

    asked = []
    monkeypatch.setattr(flame, "free_flame", lambda *a, **k: asked.append(a) or SimpleNamespace(thermal_thickness=2e-4))
    assert call("check", "kernel", *small("kernel")) == 0
    said = capsys.readouterr()
    assert asked[0][1:] == (300.0, 101325.0, "H2:1", "O2:0.21, N2:0.79", 0.7)
    assert "flame:    3.2 cells per thermal thickness (0.0002 m)" in said.out and "has 3.2 cells" in said.err


@pytest.mark.parametrize("change, name, value, range_", [
    ("gas.pressure=2e6", "p = 2e+06 Pa (19.7 atm)", "5.07e+04 to 1.01e+06 Pa", "range.p"),
    ("numerics.dt=6e-6", "dt = 6e-06 s", "1e-07 to 5e-06 s", "numerics.dt"),
    ("initial.phi=0.1", "initial: a mixture of", "phi 0.3 to 4", "range.phi"),
])  # fmt: skip
def test_learned_chemistry_that_will_not_be_used(change, name, value, range_, monkeypatch, tmp_path, capsys):
    """Said by check and by run, with the range and the value, and true: no cell is the network's."""
    kernel = ["chemistry.kind=learned", "chemistry.model=h2_air", *small("kernel"), "mesh.cells=[6,6]",
              "output.series={quantities=['network_share'], every={steps=1}}", change]  # fmt: skip
    from combust.check import flame

    monkeypatch.setattr(flame, "free_flame", lambda *a, **k: SimpleNamespace(thermal_thickness=1e-3))
    monkeypatch.setitem(
        sys.modules, "combust.run.picture", SimpleNamespace(plot=lambda folder: SimpleNamespace(path="not drawn"))
    )
    assert call("check", "kernel", *kernel) == 0
    said = capsys.readouterr().err
    assert f"warning: {name}" in said and value in said and range_ in said and "exact chemistry" in said
    assert call("run", "kernel", *kernel, more=("--steps", "1", "--out", str(tmp_path))) in (0, 3)
    said = capsys.readouterr().err
    assert said.count(name) == 1 and value in said
    assert max(read_series(Folder(tmp_path).series)["network_share"]) == 0.0


def test_learned_chemistry_that_is_used_says_nothing(flames, tmp_path, capsys):
    changes = [*small("flame_learned"), "numerics.dt_max=2e-6"]
    assert call("check", "flame_learned", *changes) == 0
    assert "learned" not in capsys.readouterr().err
    assert call("run", "flame_learned", *changes, more=("--steps", "3", "--out", str(tmp_path))) == 0
    assert "learned" not in capsys.readouterr().err


def test_faster_than_sound_is_refused(tmp_path, capsys):
    fast = ["mesh.cells=[8,8]", "initial.velocity=900.0"]
    for verb, more in (("check", ()), ("run", ("--out", str(tmp_path / "out")))):
        assert call(verb, "taylor_green_2d", *fast, more=more) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "Mach number" in said and "low-Mach" in said and said.count("\n") == 1
    assert not list(tmp_path.glob("out/*"))


# --- a trial --------------------------------------------------------------------------------------------------------


def test_a_trial_says_what_a_step_takes_and_writes_nothing(flames, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = [*small("flame_learned"), "numerics.dt_max=2e-6"]
    assert call("check", "flame_learned", *changes, more=("--trial", "--out", str(tmp_path / "out"))) == 0
    said = capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert re.search(r"^trial: +\S+ s per step", said, re.MULTILINE)
    shares = dict((name, float(share)) for share, name in re.findall(r"(\S+) % (slow|network|exact)", said))
    assert shares["network"] > 0 and sum(shares.values()) == pytest.approx(100, abs=0.5)
    assert re.search(r"^memory: +\d+ MB per rank at the peak of the trial", said, re.MULTILINE)
    assert re.search(r"^run: +about 1000 steps, ", said, re.MULTILINE)  # 2 ms in steps of 2 us
    assert call("check", "flame", *small("flame"), "stop={wall='90s'}", more=("--trial",)) == 0
    said = capsys.readouterr().out
    assert "% slow" in said and "% integrated" in said and re.search(r"^run: +1 min 30 s, about \d+ steps", said, re.M)


@pytest.mark.parametrize(("device", "keeps"), [("cpu", False), ("cuda", True)])
def test_factors_are_those_of_the_device_that_is_asked_for(device, keeps, monkeypatch):
    """On a CPU the C++ kernels keep no factors of Jacobians; on a GPU, which need not be here, torch's do."""
    monkeypatch.setattr(memory, "compiled_for", lambda kinetics: object())  # as where there is a compiler
    config = load(CASES / "flame.toml", [f"device={device}"])
    gas = Mechanism.load(config.gas.mechanism, device="cpu")
    assert memory.keeps_factors(config, gas) is keeps
