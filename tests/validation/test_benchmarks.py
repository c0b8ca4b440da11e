"""Every benchmark runs on tiny sizes to its figures: medians of pairs with quartiles, on a processor that is named."""

import importlib
import json
import math
import os
import sys
from pathlib import Path

import cantera as ct
import numpy as np
import pytest
import torch

from combust import kernels

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
SHARED = {
    "pairs",
    "states",
    "page",
    "foam",
    "skeleton",
}  # what benchmarks are made of, and the page that is made of them
LONG = {"openfoam", "strip", "gradients", "start", "checkouts"}  # they start programs; a way back takes seconds
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in SHARED)


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of benchmarks/ as its scripts do; leaves the process as it was."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before, threads = set(sys.modules), torch.get_num_threads()
    with kernels.using(kernels.mode()):
        yield importlib.import_module
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == FOLDER:
            del sys.modules[name]


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in NAMES])
def test_benchmark(name, bench, capsys):
    if name == "strip" and not bench("foam").installed():
        pytest.skip("needs OpenFOAM")
    sheet = bench(name).main(["--smoke"])
    out = capsys.readouterr().out
    assert sheet.machine["processor"] in out and f"torch {torch.__version__}" in out
    assert sheet.figures
    for label, figure in sheet.figures.items():
        spread = figure.get("ratio", figure.get("value"))
        assert 0 < spread["low"] <= spread["median"] <= spread["high"] < math.inf and spread["count"] >= 2, label
        assert label in out or "value" in figure


def test_the_page_is_made_of_what_was_kept(bench):
    """Figures of a named processor are of five pairs or more; what is older says so."""
    page = bench("page")
    text = page.PAGE.read_text()
    assert page.filled(text) == text
    for path in page.FOLDER.glob("*.json"):
        kept = json.loads(path.read_text())
        assert f"| {kept['processor']} |" in text
        for figure in kept["figures"].values():
            if "text" in figure:
                assert "earlier" in kept["processor"]
            else:
                assert figure.get("ratio", figure.get("value"))["count"] >= 5


def test_another_processor_is_another_column(bench, tmp_path):
    page, pairs = bench("page"), bench("pairs")
    for name, first in (("A", 3.0), ("B", 8.0)):
        sheet = pairs.Sheet("toy", quiet=True)
        sheet.machine = {"processor": name}
        sheet.ratio("one: step", np.full(5, first), np.full(5, 2.0), "us", target=2.0)
        sheet.keep(tmp_path)
    made = page.filled("<!-- figures: toy, one -->\nold\n<!-- end -->\n", tmp_path)
    assert made.splitlines()[1] == "|  | target | A | B |" and "old" not in made
    assert "| one: step [us] | 2 | 3 / 2 = 1.5 (1.5 to 1.5, 5 pairs) **missed** | 8 / 2 = 4" in made


def test_growth_is_a_picture_and_a_table(bench, tmp_path):
    """Lines over cells and over species, each with its quartiles; costs above their target are said to miss it."""
    page, pairs = bench("page"), bench("pairs")
    sheet = pairs.Sheet("flow", quiet=True)
    sheet.machine = {"processor": "A"}
    for cells, cost in ((10648, 6.0), (97336, 5.0)):
        sheet.cost(f"growth, h2, 3-D, one sweep, {cells} cells: CPU", np.full(5, cost), "us")
    sheet.cost("growth, 3-D, exact, 10 species: CPU", np.full(5, 15.0), "us", target=14.0)
    sheet.phases("h2, 3-D", {"chemistry": 3.0, "pressure": 0.5}, "us")
    sheet.keep(tmp_path)
    assert page.grown(tmp_path) == {
        "cells": {"h2, 3-D, one sweep": [(10648, 6.0, 6.0, 6.0), (97336, 5.0, 5.0, 5.0)]},
        "species": {"3-D, exact": [(10, 15.0, 15.0, 15.0)]},
    }
    page.draw(tmp_path / "growth.png", tmp_path)
    assert (tmp_path / "growth.png").stat().st_size > 1000
    places = ("growth", "phases: flow", "phases: flow, h2, ", "figures: flow, ! growth")
    made = page.filled("".join(f"<!-- {place} -->\n<!-- end -->\n" for place in places), tmp_path)
    assert "![Growth](performance/growth.png)" in made and made.count("growth, h2, 3-D") == 2
    assert (
        "| h2, 3-D | A | 3.00 | 0.50 |" in made
        and "| 3-D | A | 3.00 | 0.50 |" in made
        and "14 | 15 (15 to 15, 5 rounds) **missed** |" in made
    )


def test_costs_are_drawn_over_species_and_cells(bench, tmp_path):
    parts = ("rates", "Jacobian", "factors", "a solve", "a step", "1 us, 1e-06", "CVODE, 1e-06")
    rows = {f"species: {n}": {"species": n} | dict.fromkeys(parts, 0.1 * n) for n in (10, 53)}
    rows["cells: h2o2"] = {"1e+00": 2000.0, "1e+06": 4.0, "CVODE": 80.0, "bytes a cell": 900}
    bench("cost").draw(tmp_path / "cost.png", rows)
    assert (tmp_path / "cost.png").stat().st_size > 1000


def test_contenders_take_turns(bench):
    """Round by round, the order reversed; a machine that slows down leaves ratios as they are."""
    pairs, order, now = bench("pairs"), [], [0.0]

    def work(name, seconds):
        order.append(name)
        now[0] += seconds * (1.0 + 0.1 * len(order))  # slower with every call

    calls = {"a": lambda: work("a", 2.0), "b": lambda: work("b", 1.0)}
    found = pairs.in_turn(calls, 4, clock=lambda: now[0])
    assert "".join(order) == "ab" + "abbaabba"
    assert np.median(found["a"] / found["b"]) == pytest.approx(2.0, rel=0.05)
    assert found["a"][-1] > 1.4 * found["a"][0]


def test_short_calls_are_repeated(bench):
    pairs, calls, now = bench("pairs"), [], [0.0]

    def short():
        calls.append(1)
        now[0] += 0.001

    found = pairs.in_turn({"a": short}, 3, clock=lambda: now[0], least=0.01)
    assert len(calls) == 2 + 3 * 10
    assert found["a"] == pytest.approx([0.001] * 3)


def test_figures_are_kept_beside_those_of_other_runs(bench, tmp_path, capsys):
    pairs = bench("pairs")
    for label, first in (("one", 3.0), ("two", 8.0)):
        sheet = pairs.Sheet("toy")
        sheet.ratio(label, np.array([first, first, first]), np.array([1.0, 2.0, 4.0]), "us", target=2.0)
        path = sheet.keep(tmp_path)
    kept = json.loads(path.read_text())
    assert list(kept["figures"]) == ["one", "two"] and kept["processor"] == sheet.machine["processor"]
    assert pairs.shown(kept["figures"]["two"]) == "8 / 2 = 4 (3 to 6, 3 pairs)"
    out = capsys.readouterr().out
    assert "target 2: missed" in out and "target 2: met" in out


def test_mechanism_for_openfoam(bench):
    """Reactions go over in kmol, m3, s and kelvin, named colliders as species; Sutherland's law fits viscosities."""
    foam, gas = bench("foam"), ct.Solution("h2o2.yaml")
    text = foam.reactions(gas)
    assert text.count("type reversible") == gas.n_reactions
    first, named = gas.reaction(2), next(r for r in gas.reactions() if r.third_body and r.third_body.name == "AR")
    rate = first.rate
    assert foam.equation(first) == "O + H2 = H + OH" or foam.equation(first) == "H2 + O = H + OH"
    assert f"A {rate.pre_exponential_factor:.10g}; beta {rate.temperature_exponent:g};" in text
    assert f"Ta {rate.activation_energy / ct.gas_constant:.10g};" in text
    assert foam.equation(named).split(" = ")[1].count("AR") == 1
    for k, name in enumerate(gas.species_names):
        As, Ts = foam.sutherland(gas, k)
        for T in (300.0, 1000.0, 2500.0):
            gas.TP = T, ct.one_atm
            assert As * math.sqrt(T) / (1 + Ts / T) == pytest.approx(gas.species_viscosities[k], rel=0.06), name


PROGRAM = """#!/bin/sh
step=0
while [ $step -lt 5 ]; do
  step=$((step + 1))
  echo "ExecutionTime = $step.25 s  ClockTime = 9 s"
done
echo "FOAM FATAL ERROR"
"""


def test_openfoam_takes_the_steps_that_it_is_asked_for(bench, monkeypatch, tmp_path):
    """CPU seconds between the lines that it prints after its steps; its last words where it ends too early."""
    foam = bench("foam")
    for name, text in (("blockMesh", "#!/bin/sh\n"), (foam.SOLVER, PROGRAM)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with foam.Solver(tmp_path) as solver:
        assert (solver.steps(1), solver.steps(2), solver.steps(1)) == (1.25, 2.0, 1.0)
        with pytest.raises(RuntimeError, match="(?s)reactingFoam has ended.*FOAM FATAL ERROR"):
            solver.steps(2)
    (tmp_path / "blockMesh").write_text("#!/bin/sh\necho no mesh\nexit 1\n")
    with pytest.raises(RuntimeError, match="(?s)blockMesh.*no mesh"):
        foam.Solver(tmp_path)


def test_chemistry_of_openfoam(bench):
    """Each is another choice, and a whole dictionary."""
    foam = bench("foam")
    for text in foam.CHEMISTRY.values():
        assert text.count("{") == text.count("}") and "solver seulex; absTol 1e-08; relTol 0.1;" in text
    assert len(set(foam.CHEMISTRY.values())) == 4 and "chemistry off" in foam.CHEMISTRY["none"]
    tables, alone = foam.CHEMISTRY["TDAC"], foam.CHEMISTRY["TDAC without DAC"]
    assert alone == tables.replace("reduction { active on", "reduction { active off") != tables


def test_the_strip_needs_openfoam(bench, monkeypatch, capsys):
    strip = bench("strip")
    monkeypatch.setattr(strip.foam, "installed", lambda: False)
    with pytest.raises(SystemExit) as end:
        strip.main(["--smoke"])
    assert end.value.code == 2 and "reactingFoam is not here" in capsys.readouterr().err


def test_speed_of_a_flame_that_drifts(bench):
    """A drifting profile gives its speed whatever is left in the burnt gas, and when it came within 1 %."""
    openfoam = bench("openfoam")
    code = openfoam.Code("toy", 2.0, 2e-4, 1.5, lambda dx: dx)
    times = np.linspace(0.0, 1e-3, 101)
    late = np.where(times > 4e-4, times - 4e-4, 0.0)
    fuel = 2e-3 + (1.5 - 2.0) * 0.9 * late - 0.9 * 1.0 * (times - late)  # 2.5 m/s until 0.4 ms, then 2
    run = openfoam.Run(100, times, fuel, np.full(101, 0.1), 1.0, 100)
    ends, speeds = run.speeds(code)
    assert speeds[0] == pytest.approx(2.5) and speeds[-1] == pytest.approx(2.0)
    when = openfoam.reached(run, code, 2.0)
    assert 5e-4 < when < 6.1e-4 and openfoam.reached(run, code, 2.1) is None
    assert openfoam.converged([run, run, run], code) == pytest.approx(2.0)
