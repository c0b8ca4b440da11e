"""Parts of mechanisms: in plain Cantera they react as the whole does with the other rates switched off."""

import math
from dataclasses import replace

import cantera as ct
import draws
import numpy as np
import pytest

from combust.kinetics import Mechanism
from combust.kinetics.reactors.psr import extinction
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.evaluate import Worker
from combust.reduction.cases.measures import Watch
from combust.reduction.cases.outcome import outcome
from combust.reduction.select import refit
from combust.reduction.submechanism import Parent

AIR = "O2:0.21, N2:0.79"
FILES = ["h2o2.yaml", "gri30.yaml", "example_data/ammonia-CO-H2-Alzueta-2023.yaml"]


@pytest.fixture(scope="module", params=FILES)
def parent(request):
    return Parent(Mechanism.load(request.param))


@pytest.fixture(scope="module")
def hydrogen():
    return Parent(Mechanism.load("h2o2.yaml"))


def random_part(parent, seed):
    """Some of the species and of the reactions, with a reaction at least."""
    rng = draws.rng(seed)
    while True:
        species = [k for k in range(len(parent.gas.species)) if rng.random() < 0.7]
        part = parent.keep(species, without=[i for i in range(len(parent.reactions)) if rng.random() < 0.2])
        if part.reactions:
            return part


def states(parent, part, count=5):
    rng = draws.rng(9)
    for _ in range(count):
        X = np.zeros(len(parent.gas.species))
        X[list(part.species)] = rng.random(len(part.species))
        yield rng.uniform(900.0, 2500.0), rng.uniform(1e5, 2e6), X


@pytest.mark.parametrize("seed", [0, 1])
def test_rates_of_a_part_are_those_of_the_whole(parent, seed, tmp_path):
    part = random_part(parent, seed)
    file = tmp_path / "part.yaml"
    file.write_text(parent.yaml(part, {"parent": parent.gas.path, "errors": {"ignition_delay": 0.05}}))
    for small in (parent.cantera(part), ct.Solution(str(file))):
        assert small.species_names == list(parent.names(part))
        for T, p, X in states(parent, part):
            parent.solution.TPX = T, p, X
            small.TPX = T, p, X[list(part.species)]
            whole = parent.solution.net_rates_of_progress[list(part.reactions)]
            np.testing.assert_allclose(small.net_rates_of_progress, whole, rtol=1e-12, atol=1e-13 * abs(whole).max())


def test_file_keeps_origin_notes_and_transport(hydrogen, tmp_path):
    file = tmp_path / "part.yaml"
    part = hydrogen.keep(range(8))
    file.write_text(hydrogen.yaml(part, {"parent": "h2o2.yaml", "sha256": hydrogen.gas.sha256}, "A part."))
    small = ct.Solution(str(file))
    assert small.input_data["combust"]["sha256"] == hydrogen.gas.sha256
    assert small.transport_model == "mixture-averaged" and small.species("H2").transport is not None
    assert small.species("H2").input_data["thermo"]["note"] == "TPIS78"
    assert "A part." in file.read_text()


def test_a_duplicate_left_alone_is_no_duplicate(hydrogen):
    twins = [i for i, r in enumerate(hydrogen.reactions) if r.duplicate]
    part = hydrogen.keep(range(10), without=twins[:1])
    small = hydrogen.cantera(part)  # Cantera refuses a mark of a duplicate without its twin
    assert sum(r.duplicate for r in small.reactions()) == len(twins) - 2


def test_without_is_keep(hydrogen):
    for k in range(10):
        fewer = [j for j in range(10) if j != k]
        assert hydrogen.without(hydrogen.whole, k) == hydrogen.keep(fewer)


def test_factors_scale_rates(parent):
    part = random_part(parent, 3)
    rng = draws.rng(4)
    scalable = [i for i in part.reactions if parent.reactions[i].input_data.get("type") != "linear-Burke"]
    factors = tuple((i, float(rng.uniform(0.5, 2.0))) for i in scalable)
    small, scaled = parent.cantera(part), parent.cantera(replace(part, factors=factors))
    expected = np.array([dict(factors).get(i, 1.0) for i in part.reactions])
    for T, p, X in states(parent, part, 2):
        for gas in (small, scaled):
            gas.TPX = T, p, X[list(part.species)]
        q = small.net_rates_of_progress * expected
        np.testing.assert_allclose(scaled.net_rates_of_progress, q, rtol=1e-11, atol=1e-13 * abs(q).max())


def test_extinction_responds_to_rates_as_its_adjoint_says(hydrogen, tmp_path):
    case = ReductionCase("psr", "H2:1", AIR, 300.0, ct.one_atm, 0.6)
    gas, whole = hydrogen.gas, hydrogen.whole
    found = refit.extinction_sensitivity(gas, case)

    def ln_tau(i, change):
        file = tmp_path / f"{i}.yaml"
        file.write_text(hydrogen.yaml(replace(whole, factors=((i, math.exp(change)),)), {}))
        changed = Mechanism.load(file)
        return math.log(extinction(changed, case.T, case.p, changed.mixture(case.fuel, case.oxidizer, case.phi)).tau)

    for i in np.argsort(-abs(found))[:3]:
        exact = (ln_tau(int(i), 0.01) - ln_tau(int(i), -0.01)) / 0.02
        assert found[i] == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("hold", ["uv", "hp"])
def test_delays_respond_to_rates_as_their_adjoint_says(hydrogen, tmp_path, hold):
    """Of a part with a changed rate, beside differences of Cantera's reactors."""
    case = ReductionCase("ignition", "H2:1", AIR, 1200.0, ct.one_atm, 0.8, hold)
    part, watch = replace(hydrogen.keep(range(10)), factors=((2, 1.2),)), Watch(burnt=False, rtol=1e-9, atol=1e-18)
    worker = Worker(hydrogen, [case], watch, tmp_path)
    found = np.array(refit.delay_sensitivity((part, 0), worker))
    solution = worker.solution(part)

    def ln_delay(i, change):
        solution.set_multiplier(math.exp(change), i)
        delay = outcome(solution, case, worker.reference(0), watch).values["ignition_delay"]
        solution.set_multiplier(1.0, i)
        return math.log(delay)

    largest = np.argsort(-abs(found))[:4]
    assert abs(found[largest[0]]) > 0.3 and len(found) == len(part.reactions)
    for i in map(int, largest):
        exact = (ln_delay(i, 0.05) - ln_delay(i, -0.05)) / 0.1
        assert found[i] == pytest.approx(exact, abs=5e-3 * abs(found).max())
