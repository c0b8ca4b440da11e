"""Ignition delays against Cantera's reactors at tight tolerances."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, MechanismError, StateError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import cells as ode
from combust.kinetics.reactors import ignition
from combust.kinetics.reactors.delays import Criterion, read_delays
from combust.kinetics.reactors.ignition import ignition_delays

AIR = "O2:1, N2:3.76"


def by_cantera(gas, T, p, Y, hold, t_end, criterion):
    """Delay from a history at rtol 1e-10, read by differences on a fine grid of times."""
    solution = gas.cantera()
    solution.TPY = T, p, Y
    reactor = (ct.IdealGasConstPressureReactor if hold == "hp" else ct.IdealGasReactor)(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol, network.max_time_step = 1e-10, 1e-18, t_end / 4000
    t, value = [], []
    quantity, _, kind = criterion.partition(" ")
    while network.time < t_end:
        network.step()
        t.append(network.time)
        value.append({"T": reactor.T, "p": solution.P}.get(quantity) or solution[quantity].Y[0])
    t, value = np.array(t), np.array(value)
    if kind == "max slope":
        slope = np.gradient(value, t)
        return t[slope.argmax()]
    if kind == "max":
        return t[value.argmax()]
    level = 0.5 * (value[0] + value.max())
    return np.interp(level, value[: value.argmax()], t[: value.argmax()])


@pytest.fixture(scope="module")
def hydrogen():
    gas = Mechanism.load("h2o2.yaml")
    return gas, gas.mixture("H2:1", AIR, 1.0)


CRITERIA = ["T max slope", "p max slope", "OH max", "OH half max", "H2O max slope"]
STARTS = torch.tensor([1000.0, 1200.0, 1500.0], dtype=torch.float64)


@pytest.fixture(scope="module")
def delays(hydrogen):
    """By hold and criterion: of one integration each, which has the same bits as one for a single criterion."""
    gas, Y = hydrogen
    found = {}
    for hold in ("hp", "uv"):
        asked = [text for text in CRITERIA if (hold, text) != ("hp", "p max slope")]
        rows = ignition_delays(gas, STARTS, 2e5, Y, 0.01, hold, asked)
        found |= {(hold, text): row for text, row in zip(asked, rows, strict=True)}
    assert torch.equal(ignition_delays(gas, STARTS, 2e5, Y, 0.01, "uv", "OH max"), found["uv", "OH max"])
    return found


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_hydrogen(hydrogen, delays, hold, criterion):
    gas, Y = hydrogen
    if (hold, criterion) == ("hp", "p max slope"):
        with pytest.raises(ConfigError, match='constant; use "uv"'):
            ignition_delays(gas, 1000.0, 1e5, Y, 1.0, hold, criterion)
        return
    for T0, delay in zip(STARTS.tolist(), delays[hold, criterion].tolist(), strict=True):
        exact = by_cantera(gas, T0, 2e5, Y.numpy(), hold, 3 * delay, criterion)
        assert delay == pytest.approx(exact, rel=2e-3)


def test_methane_and_tolerance():
    gas = Mechanism.load("gri30.yaml")
    Y = gas.mixture("CH4:1", AIR, 1.0)
    T = torch.tensor([1300.0, 1600.0], dtype=torch.float64)
    coarse, fine = (ignition_delays(gas, T, 1e5, Y, 1.0, "hp", rtol=rtol, atol=1e-4 * rtol) for rtol in (1e-5, 1e-7))
    assert torch.allclose(coarse, fine, rtol=1e-3)
    assert float(fine[1]) == pytest.approx(by_cantera(gas, 1600.0, 1e5, Y.numpy(), "hp", 2 * float(fine[1]), "T max slope"), rel=1e-3)  # fmt: skip  # noqa: E501


def test_many_cells_equal_one(hydrogen):
    gas, Y = hydrogen
    T = torch.linspace(950.0, 1600.0, 30, dtype=torch.float64)
    together = ignition_delays(gas, T, 1e5, Y, 1.0)
    assert bool((together[1:] < together[:-1]).all())
    alone = ignition_delays(gas, T[7:8], 1e5, Y, 1.0)
    assert float(alone) == pytest.approx(float(together[7]), rel=1e-12)


def test_no_ignition_is_nan(hydrogen):
    gas, Y = hydrogen
    delays = ignition_delays(gas, torch.tensor([600.0, 1200.0], dtype=torch.float64), 1e5, Y, 1e-3)
    assert torch.isnan(delays[0]) and not torch.isnan(delays[1])
    air = gas.composition(AIR)
    assert torch.isnan(ignition_delays(gas, 1500.0, 1e5, air, 1.0)).all()


def test_cvode_takes_over(hydrogen, monkeypatch):
    gas, Y = hydrogen
    good = ignition_delays(gas, 1200.0, 1e5, Y, 1e-3)
    monkeypatch.setattr(ode, "MAX_STEPS", 5)
    monkeypatch.setattr(ignition, "LONGER", 1)
    found, all_states = visits(monkeypatch, gas, 1200.0, 1e5, Y, 1e-3)
    assert float(found) == pytest.approx(float(good), rel=2e-3)
    monkeypatch.setattr(ignition, "FEW", 0)
    early, few = visits(monkeypatch, gas, 1200.0, 1e5, Y, 1e-3)
    assert torch.equal(early, found) and few < all_states


def test_long_ways_need_no_cvode(monkeypatch):
    gas = Mechanism.load("gri30.yaml")
    state = gas, 1500.0, 1e6, gas.mixture("CH4:1", AIR, 1.0), 1e-3
    exact = ignition_delays(*state, rtol=1e-8, atol=1e-14)
    monkeypatch.setattr(ignition, "_by_cvode", None)
    found, states = visits(monkeypatch, *state, rtol=1e-9, atol=1e-17)
    assert torch.allclose(found, exact, rtol=1e-6) and states > ode.MAX_STEPS


def test_progress_and_pieces(hydrogen, monkeypatch):
    gas, Y = hydrogen
    T = torch.linspace(1000.0, 1600.0, 5, dtype=torch.float64)
    whole, done = ignition_delays(gas, T, 1e5, Y, 1.0), []
    monkeypatch.setattr(ignition, "HISTORY", 0)
    monkeypatch.setattr(ignition.ReactorIntegrator, "__init__", small(ignition.ReactorIntegrator.__init__))
    pieces = ignition_delays(gas, T, 1e5, Y, 1.0, progress=done.append)
    assert done == sorted(done) and {2, 4, 5} <= set(done)
    assert torch.allclose(pieces, whole, rtol=1e-12)


def visits(monkeypatch, *arguments, **options):
    """Delays, and how many states were looked at for them."""
    seen, whole = [], ignition.History.delays

    def counted(self, cells, rise):
        seen.append(sum(len(part) for part in self.parts))
        return whole(self, cells, rise)

    with monkeypatch.context() as patch:
        patch.setattr(ignition.History, "delays", counted)
        return ignition_delays(*arguments, **options), sum(seen)


WIDE = [  # mechanism, phase, fuel, T [K], what is held
    ("gri30.yaml", None, "CH4:1", (1100.0, 2000.0), "hp"),
    ("nDodecane_Reitz.yaml", "nDodecane_IG", "c12h26:1", (620.0, 1400.0), "uv"),  # cool flames
]


@pytest.mark.parametrize(("name", "phase", "fuel", "between", "hold"), WIDE)
def test_reactors_end_after_their_event(name, phase, fuel, between, hold, monkeypatch):
    gas = Mechanism.load(name, phase)
    T = torch.linspace(*between, 20, dtype=torch.float64)
    p = 1e5 * torch.logspace(0.0, 2.0, 4, dtype=torch.float64).repeat(5)
    Y = torch.stack([gas.mixture(fuel, AIR, phi) for phi in np.geomspace(0.2, 4.0, 5).repeat(4)], 1)
    state, asked = (gas, T, p, Y, 10.0, hold), ["T max slope", "T max slope extrapolated"]
    monkeypatch.setattr(ignition, "FEW", 0)
    early, few = visits(monkeypatch, *state, asked)
    whole, all_states = visits(monkeypatch, *state, asked, to_end=True)
    assert torch.isfinite(whole).sum() > 20
    assert torch.equal(early.nan_to_num(-1.0), whole.nan_to_num(-1.0))
    assert few < 0.9 * all_states


def test_ends_are_of_steepest_rises_only(hydrogen, monkeypatch):
    gas, Y = hydrogen
    monkeypatch.setattr(ignition, "FEW", 0)
    state = gas, STARTS, 2e5, Y, 0.01, "uv"
    for asked in ("OH max", "T max", "T half max", "H2 min slope", ["T max slope", "OH max slope"]):
        assert visits(monkeypatch, *state, asked)[1] == visits(monkeypatch, *state, asked, to_end=True)[1]
    # a rise that there is not is looked for until the end
    found, states = visits(monkeypatch, *state, "T max slope", rise=1e4)
    assert found.isnan().all() and states == visits(monkeypatch, *state, "T max slope", to_end=True)[1]


def test_torch_ends_as_early(hydrogen, monkeypatch):
    gas, Y = hydrogen
    monkeypatch.setattr(ignition, "FEW", 0)
    state = gas, STARTS[-1:], 2e5, Y, 1e-4, "uv", ["p max slope", "T max slope"], 1e-5
    found, few = visits(monkeypatch, *state)
    assert few < visits(monkeypatch, *state, to_end=True)[1]
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    by_torch, other = visits(monkeypatch, *state)
    assert torch.allclose(by_torch, found, rtol=1e-4) and other == pytest.approx(few, rel=0.05)


def small(init):
    def smaller(self, *arguments):
        init(self, *arguments)
        self.block = 2

    return smaller


def test_reading_a_known_history():
    """A Gaussian pulse of the slope: its maximum, the steepest place and half of the rise are at 1."""
    t = torch.linspace(0, 2.5, 40, dtype=torch.float64)[None]
    x = (t - 1) / 0.3
    slope = torch.exp(-0.5 * x**2)
    value = 0.3 * (torch.pi / 2) ** 0.5 * (1 + torch.erf(x / 2**0.5))
    T = 1000 + 100 * value
    assert float(read_delays(Criterion("T", "max slope"), t, value, slope, T)) == pytest.approx(1.0, abs=2e-3)
    assert float(read_delays(Criterion("OH", "max"), t, slope, -x / 0.3 * slope, T)) == pytest.approx(1.0, abs=1e-3)
    half = float(read_delays(Criterion("OH", "half max"), t, slope, -x / 0.3 * slope, T))
    assert half == pytest.approx(1 - 0.3 * (2 * np.log(2)) ** 0.5, abs=2e-3)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(criterion="T middle"), ConfigError, r'"T middle": allowed is .* max slope \| max \| half max'),
        (dict(criterion="XX max"), MechanismError, "no species 'XX'"),
        (dict(hold="tp"), StateError, "allowed: 'hp'"),
        (dict(T=float("nan")), StateError, r"temperature nan in cell \(0,\)"),
        (dict(t_end=-1.0), StateError, r"dt -1.0 in cell \(0,\)"),
    ],
)
def test_bad_input(hydrogen, arguments, error, message):
    gas, Y = hydrogen
    with pytest.raises(error, match=message):
        ignition_delays(gas, **{"T": 1000.0, "p": 1e5, "Y": Y, "t_end": 1.0, **arguments})


@pytest.mark.parametrize(("file", "fuel"), [("h2o2.yaml", "H2:1"), ("gri30.yaml", "CH4:1")])
def test_default_tolerances_give_four_digits(file, fuel):
    """From the traces that hydrogen's radicals grow from at 900 K on, up to 1800 K and 50 bar."""
    gas = Mechanism.load(file)
    T, p = torch.tensor([900.0, 900.0, 1100.0, 1400.0, 1800.0]), torch.tensor([1e5, 50e5, 10e5, 1e5, 50e5])
    state = T.double(), p.double(), gas.mixture(fuel, AIR, 1.0), 100.0
    exact = ignition_delays(gas, *state, rtol=1e-9, atol=1e-20)
    torch.testing.assert_close(ignition_delays(gas, *state), exact, rtol=1e-4, atol=0)
