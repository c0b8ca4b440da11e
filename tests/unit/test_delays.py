"""Every definition of an ignition delay against the same definition on a dense trajectory of Cantera's reactors."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, MechanismError
from combust.kinetics import Mechanism
from combust.kinetics.reactors.delays import Criterion, excited_species, read_delays
from combust.kinetics.reactors.ignition import ignition_delays

AIR = "O2:1, N2:3.76"
COARSE, DENSE = 300, 800  # samples of the whole trajectory, and about an event


def trajectory(gas, T, p, Y, hold, times):
    """T, p, Y at the times given, rows of (2 + species,), by CVODE's own interpolation at tight tolerances."""
    solution = gas.cantera(transport=False)
    solution.TPY = T, p, Y
    reactor = (ct.IdealGasConstPressureReactor if hold == "hp" else ct.IdealGasReactor)(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    found = []
    for time in times:
        network.advance(time)
        found.append([solution.T, solution.P, *solution.Y])
    return np.array(found)


def vertex(t, y):
    """Time of the largest of equally spaced samples, by the parabola through three."""
    i = int(y.argmax())
    assert 0 < i < len(y) - 1
    a, b, c = y[i - 1 : i + 2]
    return t[i] + 0.5 * (a - c) / (a - 2 * b + c) * (t[1] - t[0])


def event(t, y, kind, first, largest):
    """The definition, on dense samples (t, y); first, largest: values at t = 0 and of the whole trajectory."""
    middle, slope = 0.5 * (t[1:] + t[:-1]), np.diff(y) / np.diff(t)
    if kind == "max":
        return vertex(t, y)
    if kind in ("max slope", "min slope"):
        return vertex(middle, slope if kind == "max slope" else -slope)
    if kind == "max slope extrapolated":
        at = vertex(middle, slope)
        return at - (np.interp(at, t, y) - first) / np.interp(at, middle, slope)
    share = {"half max": 0.5, "20% max": 0.2}[kind]
    level = first + share * (largest - first)
    after = int(np.argmax(y >= level))
    return float(np.interp(level, y[after - 1 : after + 1], t[after - 1 : after + 1]))


def by_cantera(gas, T, p, Y, hold, texts, near):
    """The delays of all definitions from one trajectory that is dense about where each is expected."""
    windows = [np.linspace(0.95 * x, 1.06 * x, DENSE) for x in near]
    times = np.unique(np.concatenate([np.linspace(0, 2.5 * max(near), COARSE)[1:], *windows]))
    found, delays = trajectory(gas, T, p, Y, hold, times), []
    for text, window in zip(texts, windows, strict=True):
        quantity, _, kind = text.partition(" ")
        column = {"T": 0, "p": 1}[quantity] if quantity in ("T", "p") else 2 + gas.index(quantity)
        first, values = [T, p, *Y][column], found[:, column]
        delays.append(event(window, values[np.searchsorted(times, window)], kind, first, max(values.max(), first)))
    return delays


def check(gas, T, p, Y, hold, texts, t_end=0.1, names=lambda text: text):
    ours = ignition_delays(gas, T, p, Y, t_end, hold, texts)
    assert ours.shape == (len(texts), 1) and not torch.isnan(ours).any()
    ours = ours[:, 0].tolist()
    exact = by_cantera(gas, T, p, Y.numpy(), hold, [names(text) for text in texts], ours)
    for text, delay, there in zip(texts, ours, exact, strict=True):
        assert delay == pytest.approx(there, rel=1e-3), text
    return ours


CASES = [  # mechanism, fuel, phi, T, p, hold, definitions
    ("h2o2.yaml", "H2:1", 1.0, 1100.0, 1e5, "uv", ["T max slope", "p max slope", "p max slope extrapolated", "OH max",
     "OH half max", "OH 20% max", "OH max slope extrapolated", "H2 min slope", "p half max"]),
    ("h2o2.yaml", "H2:1", 0.5, 950.0, 5e5, "hp", ["T max slope", "T half max", "T max slope extrapolated", "H max"]),
    pytest.param("gri30.yaml", "CH4:1", 1.0, 1500.0, 2e5, "uv", ["p max slope", "OH max", "CH max", "CH4 min slope",
                 "CO half max", "CH max slope extrapolated"], marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize("file, fuel, phi, T, p, hold, definitions", CASES)
def test_all_definitions(file, fuel, phi, T, p, hold, definitions):
    gas = Mechanism.load(file)
    check(gas, T, p, gas.mixture(fuel, AIR, phi), hold, definitions)


@pytest.mark.slow
@pytest.mark.parametrize("T", [760.0, 1000.0])
def test_two_stages(T):
    """n-dodecane at 20 bar: the first stage has a maximum of its own in some signals, and the largest one counts."""
    gas = Mechanism.load("nDodecane_Reitz.yaml")
    definitions = ["T max slope", "p max slope", "p max slope extrapolated", "oh max", "oh half max", "T half max"]
    check(gas, T, 2e6, gas.mixture("c12h26:1", AIR, 1.0), "uv", definitions, 0.02)


def test_several_at_once_equal_one():
    gas = Mechanism.load("h2o2.yaml")
    Y, T = gas.mixture("H2:1", AIR, 1.0), torch.tensor([1300.0, 1600.0], dtype=torch.float64)
    texts = ["OH max", "T max slope", "OH half max"]
    together = ignition_delays(gas, T, 1e5, Y, 1e-3, "uv", texts)
    assert torch.equal(ignition_delays(gas, T, 1e5, Y, 1e-3, "uv", "OH half max"), together[2])


EXCITED = """
units: {length: cm, quantity: mol, activation-energy: cal/mol}
phases:
- name: gas
  thermo: ideal-gas
  elements: [O, H, N]
  species: [{h2o2.yaml/species: [H2, H, O, O2, OH, H2O, HO2, H2O2, N2]}, {species: ["%s"]}]
  kinetics: gas
  reactions: [{h2o2.yaml/reactions: declared-species}, {reactions: all}]
  skip-undeclared-third-bodies: true
  transport: none
species:
- name: "%s"
  composition: {O: 1, H: 1}
  thermo:
    model: NASA7
    temperature-ranges: [200.0, 1000.0, 6000.0]
    data:
    - [3.46084428, 0.00050187, -2.00254e-06, 3.18902e-09, -1.35452e-12, 50734.9466, 1.739764]
    - [2.7558292, 0.0013984876, -4.19428e-07, 6.33453e-11, -3.56042e-15, 50975.1756, 5.62581]
reactions:
- equation: H + O + M <=> %s + M
  rate-constant: {A: 1.5e+13, b: 0.0, Ea: 5975.0}
  type: three-body
- equation: %s => OH
  rate-constant: {A: 1.45e+06, b: 0.0, Ea: 0.0}
"""


def excited(tmp_path, name):
    path = tmp_path / "excited.yaml"
    path.write_text(EXCITED % (name, name, name, name))
    return Mechanism.load(path)


@pytest.mark.parametrize("name", ["OH*", "OHEX", "OHV", "OH(A)"])
def test_names_of_excited_species(tmp_path, name):
    gas = excited(tmp_path, name)
    assert excited_species(gas, "OH") == name and Criterion.parse("OH* max", gas, "uv").quantity == name
    assert Criterion.parse("OHEX max", gas, "uv").quantity == name


def test_light_of_an_excited_species(tmp_path):
    name = "OHV"
    gas = excited(tmp_path, name)
    Y, texts = gas.mixture("H2:1", AIR, 1.0), ["OH* max", "OH* half max", "OH max"]
    ours = check(gas, 1200.0, 1e5, Y, "uv", texts, 0.01, lambda text: text.replace("OH*", name))
    assert ours[0] < ours[2]  # light peaks with H and O, before the ground state


def test_words_of_files():
    gas = Mechanism.load("h2o2.yaml")
    for text, meant in (
        ("OH 1/2 max", "OH half max"),
        ("OH half rise", "OH half max"),
        ("oh 50% max", "OH half max"),
        ("OH 10 % max", "OH 10% max"),
        ("pressure d/dt max", "p max slope"),
        ("temperature d/dt max extrapolated", "T max slope extrapolated"),
        ("OH baseline max intercept from d/dt", "OH max slope extrapolated"),
        ("H2 d/dt min", "H2 min slope"),
    ):
        assert str(Criterion.parse(text, gas, "uv")) == meant


@pytest.mark.parametrize(
    "text, hold, error, message",
    [
        ("OH* max", "uv", ConfigError, r'no electronically excited OH .*"OH max"'),
        ("OHEX half max", "uv", ConfigError, r'looked for OH\*, OHEX.*"OH half max"'),
        ("CH* max", "uv", MechanismError, r"no species 'CH\*'"),
        ("p max slope", "hp", ConfigError, 'constant; use "uv"'),
        ("pressure max", "hp", ConfigError, 'constant; use "uv"'),
        ("OH", "uv", ConfigError, "allowed is a quantity"),
        ("OH N% max", "uv", ConfigError, "allowed is a quantity"),
        ("OH 120% max", "uv", ConfigError, "allowed is a quantity"),
    ],
)
def test_what_is_refused(text, hold, error, message):
    with pytest.raises(error, match=message):
        Criterion.parse(text, Mechanism.load("h2o2.yaml"), hold)


def test_reading_a_known_history():
    """A Gaussian pulse of the slope about 1: its tangent there, and where that passes the first value."""
    t = torch.linspace(0, 2.5, 60, dtype=torch.float64)[None]
    x = (t - 1) / 0.2
    slope, value = torch.exp(-0.5 * x**2), 0.2 * (torch.pi / 2) ** 0.5 * (1 + torch.erf(x / 2**0.5)) + 3.0
    at = float(read_delays(Criterion("T", "max slope extrapolated"), t, value, slope, 1000 * value))
    assert at == pytest.approx(1 - 0.2 * (torch.pi / 2) ** 0.5, abs=2e-3)
    falling = float(read_delays(Criterion("T", "min slope"), t, -value, -slope, 1000 * value))
    assert falling == pytest.approx(1.0, abs=2e-3)


def test_a_tangent_that_crosses_before_the_start_gives_no_delay():
    t = torch.tensor([[0.0, 1.0, 2.0, 3.0, 4.0]], dtype=torch.float64)
    value = torch.tensor([[0.0, 5.0, 7.0, 9.5, 11.0]], dtype=torch.float64)  # up at once, then a slower rise
    slope = torch.tensor([[0.5, 1.0, 2.0, 1.0, 0.5]], dtype=torch.float64)
    T = 1000.0 + 100.0 * t
    found = read_delays(Criterion("p", "max slope extrapolated"), t, value, slope, T)
    assert found.isnan().all() and read_delays(Criterion("p", "max slope"), t, value, slope, T).item() == 2.0
