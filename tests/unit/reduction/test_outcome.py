"""What a mechanism gives at a case: against combust's own reactors and flames, of parts, and of what cannot burn."""

import math
import pickle
import time

import numpy as np
import pytest
import torch

from combust.errors import ConfigError, DivergenceError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.reactors.ignition import ignition_delays
from combust.kinetics.reactors.psr import Reactor, extinction
from combust.kinetics.reactors.psr_cantera import CanteraReactor
from combust.reduction.cases import batch, ignition_case
from combust.reduction.cases.conditions import ReductionCase
from combust.reduction.cases.outcome import Outcome, Reference, Watch, errors, outcome, reference
from combust.reduction.submechanism import Parent

AIR = "O2:1, N2:3.76"
P = 101325.0
CASES = {
    "ignition": ReductionCase("ignition", "H2:1", AIR, 1100.0, P),
    "psr": ReductionCase("psr", "H2:1", AIR, 300.0, P),
    "flame": ReductionCase("flame", "H2:1", AIR, 300.0, P),
    "counterflow": ReductionCase("counterflow", "H2:0.5, N2:0.5", AIR, 300.0, P, strain=200.0),
}
WATCH = Watch(peak=("HO2", "OH"), final=("H2O",))
METHANE = ReductionCase("ignition", "CH4:1", AIR, 1200.0, P, phi=0.5)


@pytest.fixture(scope="module")
def hydrogen():
    return Parent(Mechanism.load("h2o2.yaml"))


@pytest.fixture(scope="module")
def methane():
    return Parent(Mechanism.load("gri30.yaml"))


@pytest.fixture(scope="module")
def references(hydrogen):
    return {kind: reference(hydrogen.gas, case, WATCH) for kind, case in CASES.items()}


def without(parent, *names):
    species = [k for k, name in enumerate(parent.gas.species) if name not in names]
    return parent.cantera(parent.keep(species))


@pytest.mark.parametrize("hold", ["uv", "hp"])
def test_delay_is_that_of_our_integrator(hydrogen, hold):
    gas, case = hydrogen.gas, ReductionCase("ignition", "H2:1", AIR, 1000.0, P, 0.5, hold)
    own = ignition_delays(gas, torch.tensor([1000.0]), P, gas.mixture("H2:1", AIR, 0.5), 4e-4, hold, rtol=1e-4)
    found = reference(hydrogen.gas, case, Watch(burnt=False)).outcome
    assert found.values == {"ignition_delay": pytest.approx(float(own), rel=1e-3)} and not found.profiles


@pytest.mark.parametrize("T, ratio", [(1100.0, 1.5), (1800.0, 3.0), (2200.0, 6.0)])
def test_hot_gas_ignites_long_before_it_is_hot(hydrogen, T, ratio):
    """The detailed mechanism is a candidate that passes, and so is one that never held what does not matter."""
    case, watch = ReductionCase("ignition", "H2:1", AIR, T, P), Watch(burnt=False)
    known = reference(hydrogen.gas, case, watch)
    assert (1.0 + known.number("after") / known.number("delay") > ratio) == (T > 1100.0)
    for of in (hydrogen.cantera(hydrogen.whole), without(hydrogen, "AR")):
        assert errors(outcome(of, case, known, watch), known.outcome)["ignition_delay"] < 1e-3
    ((batched,),) = batch.outcomes(hydrogen, [hydrogen.whole], [case], [known])
    assert errors(batched, known.outcome)["ignition_delay"] < 5e-3
    assert outcome(without(hydrogen, "H"), case, known, watch).reason.startswith("no ignition by")


def test_delay_of_methane_is_that_of_our_integrator(methane):
    gas, case = methane.gas, ReductionCase("ignition", "CH4:1", AIR, 1600.0, P)
    own = ignition_delays(gas, torch.tensor([1600.0]), P, gas.mixture("CH4:1", AIR, 1.0), 6e-4, rtol=1e-4, atol=1e-12)
    found = reference(methane.gas, case, Watch(burnt=False)).outcome
    assert found.values["ignition_delay"] == pytest.approx(float(own), rel=2e-3)


def test_extinction_is_that_of_our_rates(hydrogen, references):
    gas = hydrogen.gas
    own = extinction(gas, 300.0, P, gas.mixture("H2:1", AIR, 1.0))
    values = references["psr"].outcome.values
    assert values["extinction_time"] == pytest.approx(own.tau, rel=1e-6)
    assert values["extinction_temperature"] == pytest.approx(own.T, rel=1e-6)


@pytest.mark.parametrize("name, fuel", [("h2o2.yaml", "H2:1"), ("gri30.yaml", "CH4:1")])
def test_residual_and_jacobian_are_those_of_our_rates(name, fuel):
    gas = Mechanism.load(name)
    Y = gas.mixture(fuel, AIR, 1.0)
    own, cantera = Reactor(gas, 300.0, P, Y), CanteraReactor(gas.cantera(), 300.0, P, Y.numpy())
    z = torch.cat([own.equilibrium(), torch.tensor([-9.0], dtype=torch.float64)])
    z[:-2] = 0.8 * z[:-2] + 0.3 * Y  # does not sum to one, as within Newton's iteration
    for ours, theirs in zip(own.residual(z), cantera.residual(z), strict=True):
        assert float((ours - theirs).abs().max()) < 1e-6 * float(ours.abs().max())


def test_flame_is_that_of_free_flame(references, tmp_path, monkeypatch):
    monkeypatch.setenv("COMBUST_CACHE", str(tmp_path))
    own = free_flame("h2o2.yaml", 300.0, P, "H2:1", AIR, 1.0, slope=0.1, curve=0.2)
    values = references["flame"].outcome.values
    assert values["flame_speed"] == pytest.approx(own.speed, rel=2e-3)
    assert values["burnt_temperature"] == pytest.approx(own.burnt_temperature, abs=2.0)


@pytest.mark.parametrize("kind", CASES)
def test_the_detailed_mechanism_as_candidate_has_no_error(hydrogen, references, kind):
    of = references[kind]
    found = errors(outcome(hydrogen.cantera(hydrogen.whole), CASES[kind], of, WATCH), of.outcome)
    assert set(found) == {*of.outcome.values, *of.outcome.profiles} and len(found) >= 3
    assert max(found.values()) < 1e-3


@pytest.mark.parametrize("kind", CASES)
def test_a_part_without_an_idle_species_has_next_to_no_error(hydrogen, references, kind):
    of = references[kind]
    found = errors(outcome(without(hydrogen, "AR"), CASES[kind], of, WATCH), of.outcome)
    assert max(found.values()) < 1e-3


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("gone", ["H", "H2"])
def test_what_cannot_burn_fails_quickly_with_a_reason(hydrogen, references, kind, gone):
    began = time.process_time()
    found = outcome(without(hydrogen, gone), CASES[kind], references[kind], WATCH)
    assert found.reason and not found.values and time.process_time() - began < 3.0
    assert set(errors(found, references[kind].outcome).values()) == {math.inf}


def test_a_species_that_is_gone_counts_as_none_of_it(hydrogen, references):
    found = outcome(without(hydrogen, "H2O2"), CASES["ignition"], references["ignition"], WATCH)
    assert found.values["ignition_delay"] > 0
    watch = Watch(peak=("H2O2",))
    of = reference(hydrogen.gas, CASES["ignition"], watch)
    part = outcome(without(hydrogen, "H2O2"), CASES["ignition"], of, watch)
    assert part.values["peak H2O2"] == 0.0 and errors(part, of.outcome)["peak H2O2"] == 1.0


def test_the_preconditioned_integrator_agrees(methane, monkeypatch):
    dense = reference(methane.gas, METHANE, Watch())
    monkeypatch.setattr(ignition_case, "PRECONDITIONED", 1)
    assert max(errors(outcome(methane.solution, METHANE, dense, Watch()), dense.outcome).values()) < 1e-3


def test_errors_by_kind_of_metric():
    def made(speed, T, NO, q):
        values = {"flame_speed": speed, "burnt_temperature": T, "final NO": NO}
        return Outcome(values, {"q": np.array([q, 3.0])}, 300.0)

    expected, given = made(2.0, 1300.0, 0.0, 1.0), made(1.0, 1400.0, 1e-9, 2.0)
    assert errors(given, expected) == pytest.approx(
        {"flame_speed": 0.5, "burnt_temperature": 0.1, "final NO": 0.1, "q": 0.25}
    )
    broken = made(math.nan, math.nan, math.nan, math.nan)
    assert set(errors(broken, expected).values()) == {math.inf}


def test_round_trips(references, tmp_path):
    for kind, of in references.items():
        of.write(tmp_path / kind)
        for again in (Reference.read(tmp_path / kind), pickle.loads(pickle.dumps(of))):
            assert again.outcome.values == of.outcome.values and again.species == of.species
            assert again.outcome.T_unburnt == of.outcome.T_unburnt
            assert all(np.array_equal(again.arrays[name], of.arrays[name]) for name in of.arrays)
        text = of.outcome.to_json()
        assert Outcome.from_json(text).to_json() == text
    assert Outcome.from_json(Outcome.failed("no flame").to_json()).reason == "no flame"


def test_a_detailed_mechanism_that_does_not_burn_is_named(hydrogen):
    for case in (
        ReductionCase("ignition", "H2:1", "N2:0.999, O2:0.001", 1000.0, P),
        ReductionCase("ignition", "H2:1", AIR, 300.0, P),
        ReductionCase("psr", "H2:1", AIR, 300.0, P, phi=0.01),
        ReductionCase("flame", "H2:1", AIR, 300.0, P, phi=0.01),
    ):
        with pytest.raises(DivergenceError) as error:
            reference(hydrogen.gas, case)
        assert str(case) in str(error.value)
    with pytest.raises(ConfigError, match="NO"):
        reference(hydrogen.gas, CASES["ignition"], Watch(final=("NO",)))


def test_digest_changes_with_every_choice():
    assert len({Watch().digest, Watch(peak=("OH",)).digest, Watch(final=("OH",)).digest, Watch(rtol=1e-6).digest}) == 4
