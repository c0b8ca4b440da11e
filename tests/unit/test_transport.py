"""Transport properties against Cantera."""

from typing import NamedTuple

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust import kernels
from combust.errors import ConfigError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.transport_models import transport_model
from combust.kinetics.mechanism.transport_tables import soret_from_cantera, transport_from_cantera
from combust.kinetics.rates.thermo import cp_mass
from combust.kinetics.transport.properties import ConstantTransport, SoretTransport, TransportData, transport_properties


def random_states(gas, count, seed=1):
    rng = draws.rng(seed)
    states = ct.SolutionArray(gas, count)
    p = 10.0 ** rng.uniform(4, 6.5, count)
    states.TPY = rng.uniform(250, 3400, count), p, rng.dirichlet(np.full(gas.n_species, 0.2), count)
    T, p, Y = (torch.tensor(x) for x in (states.T, states.P, states.Y.T.copy()))
    return states, T, p, Y


def worst(value, reference):
    return float(np.max(np.abs(value.numpy() / reference - 1.0)))


@pytest.mark.parametrize("mechanism", ["h2o2.yaml", "gri30.yaml"])
def test_equals_cantera(mechanism):
    gas = ct.Solution(mechanism)
    gas.transport_model = "mixture-averaged"
    states, T, p, Y = random_states(gas, 1200)
    mu, conductivity, D = transport_properties(transport_from_cantera(gas), T, p, Y)
    assert worst(mu, states.viscosity) < 1e-12
    assert worst(conductivity, states.thermal_conductivity) < 1e-12
    # Cantera forms W - X_k W_k by subtraction and loses digits where one species is nearly alone.
    mixed = Y.max(0).values.numpy() < 0.99
    assert mixed.sum() > 1000
    assert worst(D[:, mixed], states.mix_diff_coeffs.T[:, mixed]) < 1e-10


@pytest.mark.parametrize("name", ["AR", "H2"])
def test_a_gas_of_one_species(tmp_path, name):
    """Its diffusivity is that of itself in itself, as Cantera has it; with thermal diffusion of light ones, too."""
    alone = [s for s in ct.Species.list_from_file("h2o2.yaml") if s.name == name]
    gas = ct.Solution(thermo="ideal-gas", kinetics="gas", transport_model="mixture-averaged", species=alone)
    gas.write_yaml(tmp_path / "alone.yaml")
    gas.TP = 450.0, 2e5
    theirs = (gas.viscosity, gas.thermal_conductivity, gas.mix_diff_coeffs[0])
    mechanism = Mechanism.load(str(tmp_path / "alone.yaml"))
    T, p, Y = (torch.tensor(x, dtype=torch.float64) for x in ([450.0], 2e5, [[1.0]]))
    for soret in (False, True) if name == "H2" else (False,):
        found = transport_properties(transport_model(mechanism, "mixture-averaged", soret=soret), T, p, Y)
        for ours, exact in zip(found, (*theirs, 0.0), strict=False):
            assert float(ours.reshape(())) == pytest.approx(exact, rel=1e-12, abs=1e-300)


def test_unity_lewis_equals_cantera():
    gas = ct.Solution("h2o2.yaml")
    gas.transport_model = "unity-Lewis-number"
    states, T, p, Y = random_states(gas, 1000)
    data = transport_from_cantera(gas)
    assert gas.transport_model == "unity-Lewis-number"
    _, _, D = transport_properties(data, T, p, Y, "unity-Lewis", torch.tensor(states.cp_mass))
    assert worst(D, states.mix_diff_coeffs.T) < 1e-12


def test_pure_species_are_the_limit_of_trace_amounts():
    gas = ct.Solution("h2o2.yaml")
    data = transport_from_cantera(gas)
    n = gas.n_species
    T, p = torch.full((n,), 700.0, dtype=torch.float64), torch.tensor(101325.0, dtype=torch.float64)
    pure = transport_properties(data, T, p, torch.eye(n, dtype=torch.float64))
    for k in range(n):
        gas.TPX = 700.0, 101325.0, np.where(np.arange(n) == k, 1.0, 1e-8)
        assert float(pure[0][k]) == pytest.approx(gas.viscosity, rel=1e-5)
        assert float(pure[1][k]) == pytest.approx(gas.thermal_conductivity, rel=1e-5)
        assert pure[2][:, k].numpy() == pytest.approx(gas.mix_diff_coeffs, rel=1e-5)


def test_absent_and_slightly_negative_species_count_as_absent():
    gas = ct.Solution("gri30.yaml")
    data = transport_from_cantera(gas)
    gas.TPX = 900.0, 2e5, "CH4:1, O2:2, N2:7.52"
    Y = torch.tensor(gas.Y)
    negative = torch.where(Y == 0.0, torch.full_like(Y, -1e-12), Y)
    T, p = torch.tensor([900.0, 900.0], dtype=torch.float64), torch.tensor(2e5, dtype=torch.float64)
    both = transport_properties(data, T, p, torch.stack([Y, negative], 1))
    for value in both:
        assert torch.isfinite(value).all() and (value > 0).all()
        assert torch.allclose(value[..., 0], value[..., 1], rtol=1e-9, atol=0.0)
    assert both[2][:, 0].numpy() == pytest.approx(gas.mix_diff_coeffs, rel=1e-10)


@pytest.mark.compile
def test_fields_keep_their_shape_and_compiled_equals_eager():
    gas = ct.Solution("h2o2.yaml")
    data = transport_from_cantera(gas)
    _, T, _, Y = random_states(gas, 24)
    p = torch.tensor(101325.0, dtype=torch.float64)
    flat = transport_properties(data, T, p, Y)
    field = transport_properties(data, T.reshape(2, 3, 4), p, Y.reshape(-1, 2, 3, 4))
    kernels.configure()
    fast = torch.compile(transport_properties)(data, T, p, Y)
    for a, b, c in zip(flat, field, fast, strict=True):
        assert b.shape[-3:] == (2, 3, 4)
        assert torch.equal(a, b.reshape(a.shape))
        assert torch.allclose(a, c, rtol=1e-12, atol=0.0)


def test_constant_numbers():
    gas = ct.Solution("h2o2.yaml")
    states, T, p, Y = random_states(gas, 10)
    numbers = [torch.tensor(x, dtype=torch.float64) for x in (2e-5, 0.7, 0.9)]
    data = ConstantTransport(*numbers, torch.tensor(gas.molecular_weights))
    mu, conductivity, D = transport_properties(data, T, p, Y, "constant", torch.tensor(states.cp_mass))
    assert worst(mu, np.full(10, 2e-5)) < 1e-14
    assert worst(conductivity, 2e-5 * states.cp_mass / 0.7) < 1e-14
    assert worst(D, np.tile(2e-5 / (states.density * 0.9), (10, 1))) < 1e-13


def test_errors_say_what_is_missing():
    air = ct.Solution("air.yaml")
    bare = [ct.Species(s.name, s.composition) for s in air.species()]
    for new, old in zip(bare, air.species(), strict=True):
        new.thermo = old.thermo
    gas = ct.Solution(thermo="ideal-gas", kinetics="gas", species=bare)
    with pytest.raises(MechanismError, match="O2"):
        transport_from_cantera(gas)
    _, T, p, Y = random_states(air, 2)
    with pytest.raises(ConfigError, match="unity-Lewis"):
        transport_properties(transport_from_cantera(air), T, p, Y, "mixture")
    with pytest.raises(ConfigError, match="cp"):
        transport_properties(transport_from_cantera(air), T, p, Y, "unity-Lewis")


def full_soret(gas):
    return SoretTransport(transport_from_cantera(gas), soret_from_cantera(gas, lighter_than=1e9))


@pytest.mark.parametrize("mechanism", ["h2o2.yaml", "gri30.yaml", "air.yaml"])
def test_thermal_diffusion_of_all_species_equals_cantera(mechanism):
    """The formula is Cantera 3.2's; it takes all species where we take the light ones."""
    gas = ct.Solution(mechanism)
    gas.transport_model = "mixture-averaged"
    states, T, p, Y = random_states(gas, 400)
    D_T = transport_properties(full_soret(gas), T, p, Y).thermal_diffusion.numpy()
    reference = states.thermal_diff_coeffs.T
    assert np.all(np.abs(D_T - reference) <= 1e-11 * np.abs(reference).max(0))


@pytest.fixture(scope="module")
def flame_states():
    """Along a mixing line from hydrogen/air to its burnt gas, with radicals."""
    gas = Mechanism.load("h2o2.yaml")
    solution = gas.cantera()
    solution.TP = 300.0, 101325.0
    solution.set_equivalence_ratio(0.5, "H2", "O2:0.21, N2:0.79")
    fresh = solution.Y
    solution.equilibrate("HP")
    X = solution.X
    X[gas.index("H")] += 0.005  # above equilibrium, as in flames
    solution.X = X
    part = np.linspace(0.0, 1.0, 40)
    return gas, 300 + (solution.T - 300) * part, 101325.0, fresh[:, None] * (1 - part) + solution.Y[:, None] * part


def test_thermal_diffusion_of_light_species(flame_states):
    """Within 0.5 % of Cantera's mixture-averaged values (measured: 0.2 %), 16 % of its multicomponent ones (15 %)."""
    gas, T, p, Y = flame_states
    ours = gas.transport(T, p, Y, soret=True).thermal_diffusion.numpy()
    solution = gas.cantera()
    allowed = {"mixture-averaged": 0.005, "multicomponent": 0.16}
    for model, bound in allowed.items():
        solution.transport_model = model
        states = ct.SolutionArray(solution, T.size)
        states.TPY = T, p, Y.T
        for name in ("H2", "H"):
            k = gas.index(name)
            used = Y[k] > 1e-6
            error = np.abs(ours[k, used] / states.thermal_diff_coeffs.T[k, used] - 1)
            assert error.max() < bound
    assert np.all(ours[[gas.index("H2"), gas.index("H")], 1:] < 0)  # towards the hot side
    assert np.all(np.abs(ours.sum(0)) < 1e-14 * np.abs(ours).max())


def test_thermal_diffusion_limits():
    """None in a pure gas, independent of pressure, nothing for absent species; errors speak."""
    gas = Mechanism.load("h2o2.yaml")
    n = len(gas.species)
    pure = gas.transport(900.0, 1e5, torch.eye(n, dtype=torch.float64), soret=True)
    assert float(pure.thermal_diffusion.abs().max()) < 1e-22
    Y = gas.composition("H2:1, O2:2, N2:4")
    low, high = (gas.transport(900.0, p, Y, soret=True).thermal_diffusion for p in (1e4, 1e6))
    assert torch.allclose(low, high, rtol=1e-12, atol=1e-25)
    absent = Y == 0
    assert float(low[absent].abs().max()) < 1e-22 and float(low[gas.index("H2")]) < 0
    with pytest.raises(MechanismError, match="lighter than 5 kg/kmol"):
        air = Mechanism.load("air.yaml")
        air.transport(300.0, 1e5, air.composition("O2:1, N2:4"), soret=True)


def test_public_face_has_named_fields(flame_states):
    gas, T, p, Y = flame_states
    plain, soret = gas.transport(T, p, Y), gas.transport(T, p, Y, soret=True)
    viscosity, conductivity, diffusivity = plain
    assert plain._fields == ("viscosity", "conductivity", "diffusivity")
    assert soret._fields == (*plain._fields, "thermal_diffusion")
    assert diffusivity.shape == Y.shape and all(torch.equal(a, b) for a, b in zip(plain, soret[:3], strict=True))
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    assert worst(viscosity, states.viscosity) < 1e-12 and worst(conductivity, states.thermal_conductivity) < 1e-12


def test_constant_lewis(flame_states):
    gas, T, p, Y = flame_states
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TPY = T, p, Y.T
    mu, conductivity, D = gas.transport(T, p, Y, "constant-Lewis", lewis={"H2": 0.3, "H": 0.18}, default=1.1)
    lewis = np.full(len(gas.species), 1.1)
    lewis[[gas.index("H2"), gas.index("H")]] = 0.3, 0.18
    heat = states.thermal_conductivity / (states.density * states.cp_mass)
    assert worst(D, heat / lewis[:, None]) < 1e-12 and worst(mu, states.viscosity) < 1e-12
    ones = gas.transport(T, p, Y, "constant-Lewis", lewis=dict.fromkeys(gas.species, 1.0))
    assert torch.equal(ones.diffusivity, gas.transport(T, p, Y, "unity-Lewis").diffusivity.expand_as(D))


def test_viscosity_laws(flame_states):
    gas, T, p, Y = flame_states
    numbers = {"viscosity": 1.716e-5, "temperature": 273.15, "prandtl": 0.71, "schmidt": 0.9}
    density, cp = gas.density(torch.tensor(T), p, torch.tensor(Y)), gas.cp(T, Y)
    for model, extra, law in (
        ("sutherland", {"constant": 110.4}, 1.716e-5 * (T / 273.15) ** 1.5 * (273.15 + 110.4) / (T + 110.4)),
        ("power-law", {"exponent": 0.67}, 1.716e-5 * (T / 273.15) ** 0.67),
    ):
        mu, conductivity, D = gas.transport(T, p, Y, model, **numbers, **extra)
        assert worst(mu, law) < 1e-13
        assert torch.allclose(conductivity, mu * cp / 0.71, rtol=1e-13)
        assert torch.allclose(D, (mu / (density * 0.9)).expand_as(D), rtol=1e-13)
    air = gas.transport(300.0, p, Y[:, 0], "sutherland", **numbers, constant=110.4)
    assert float(air.viscosity) == pytest.approx(1.846e-5, rel=1e-3)  # of air at 300 K
    fixed = gas.transport(T, p, Y, "power-law", viscosity=1e-5, temperature=300.0, exponent=0.0)
    assert torch.equal(fixed.viscosity, gas.transport(T, p, Y, "constant", viscosity=1e-5).viscosity)


@pytest.mark.parametrize(
    "model, numbers, message",
    [
        ("mixture", {}, "unknown; known: mixture-averaged"),
        ("unity-Lewis", {"soret": True}, "takes no soret; it takes: none"),
        ("constant", {"prandtl": 0.7}, "needs viscosity"),
        ("constant", {"viscosity": 1e-5, "prandtl": 0.0}, "prandtl = 0.0: must be finite and > 0"),
        ("sutherland", {"viscosity": 1e-5, "constant": 110.0}, "needs temperature"),
        ("power-law", {"viscosity": -1e-5, "temperature": 300.0, "exponent": 0.7}, "viscosity = -1e-05"),
        ("constant-Lewis", {}, "needs lewis"),
        ("constant-Lewis", {"lewis": {"H2": 0.3}}, "no Lewis number for 9 of 10 species.*H, O, O2.*default"),
        ("constant-Lewis", {"lewis": {"H3": 0.3}, "default": 1.0}, "no species 'H3'.*nearest: .*H2"),
        ("constant-Lewis", {"lewis": {"H2": 0.0}, "default": 1.0}, "H2 = 0.0: must be finite and > 0"),
    ],
)
def test_numbers_of_a_model_are_checked(model, numbers, message):
    gas = Mechanism.load("h2o2.yaml")
    with pytest.raises(ConfigError, match=message):
        gas.transport(300.0, 1e5, gas.composition("H2:1"), model, **numbers)


def test_a_mechanism_without_transport_data_says_so():
    gas = Mechanism.load("nDodecane_Reitz.yaml", phase="nDodecane_IG")
    Y = gas.composition("o2:1, n2:3.76")
    with pytest.raises(MechanismError, match="nDodecane_Reitz.yaml: no transport data for c12h26, o2"):
        gas.transport(300.0, 1e5, Y)
    assert float(gas.transport(300.0, 1e5, Y, "constant", viscosity=1e-5).viscosity) == 1e-5


@pytest.mark.parametrize("mechanism", ["h2o2.yaml", "gri30.yaml"])
def test_gradients_where_species_are_absent(mechanism):
    """Numbers, the same forward and backward, through the public face."""
    gas = Mechanism.load(mechanism)
    Y = gas.composition("H2:1, O2:2, N2:4")
    T = torch.tensor(1200.0, dtype=torch.float64)

    def f(T, Y):
        mu, conductivity, D, D_T = gas.transport(T, 1e5, Y, soret=True)
        return torch.cat([mu[None], conductivity[None], D, D_T])

    for forward, reverse in zip(torch.func.jacfwd(f, (0, 1))(T, Y), torch.func.jacrev(f, (0, 1))(T, Y), strict=True):
        assert torch.isfinite(forward).all()
        assert torch.allclose(forward, reverse, rtol=1e-9, atol=1e-12 * float(forward.abs().max()))


@pytest.mark.compile
@pytest.mark.parametrize(
    "model, numbers",
    [
        ("mixture-averaged", {"soret": True}),
        ("unity-Lewis", {}),
        ("constant-Lewis", {"lewis": {}, "default": 0.9}),
        ("sutherland", {"viscosity": 1.7e-5, "temperature": 273.15, "constant": 110.4}),
        ("power-law", {"viscosity": 1.7e-5, "temperature": 273.15, "exponent": 0.67}),
    ],
)
def test_gradients_by_state_and_compiled_equals_eager(model, numbers):
    """Forward-mode derivatives against central differences, at a state where every species is present."""
    gas = Mechanism.load("h2o2.yaml")
    data = transport_model(gas, model, **numbers)
    T = torch.tensor([900.0, 2100.0], dtype=torch.float64)
    Y = torch.tensor(draws.rng(3).dirichlet(np.ones(10), 2).T)
    p = torch.tensor(2e5, dtype=torch.float64)

    def f(T, Y):
        cp = (Y * cp_mass(gas.thermo, T)).sum(0)
        out = transport_properties(data, T, p, Y, model, None if model == "mixture-averaged" else cp)
        return torch.cat([x.reshape(-1, 2) for x in out])

    def jump(step_T, step_Y):
        return (f(T + step_T, Y + step_Y) - f(T - step_T, Y - step_Y)) / 2

    size = f(T, Y).abs() + 1e-3 * f(T, Y).abs().amax(1, keepdim=True)
    _, slope = torch.func.jvp(lambda T: f(T, Y), (T,), (torch.ones_like(T),))
    assert torch.all((slope - jump(1e-2, 0.0) / 1e-2).abs() <= 1e-7 * size)
    direction = torch.tensor(draws.rng(4).normal(size=Y.shape)) * Y
    _, slope = torch.func.jvp(lambda Y: f(T, Y), (Y,), (direction,))
    assert torch.all((slope - jump(0.0, 1e-5 * direction) / 1e-5).abs() <= 1e-6 * size)
    if numbers.get("soret") and torch.__version__ >= torch.torch_version.TorchVersion("2.13"):
        # torch.compile of 2.9 cannot trace properties of a NamedTuple; combust's kernels do not go through it on CPUs.
        kernels.configure()
        fast = torch.compile(f, fullgraph=True)(T, Y)
        assert torch.allclose(fast, f(T, Y), rtol=1e-12, atol=1e-22)


class Doubled(NamedTuple):
    """Twice the mixture-averaged conductivity: a model of one's own, known to no table of combust."""

    fits: TransportData

    @property
    def models(self):
        return ("doubled",)

    @property
    def molar_mass(self):
        return self.fits.molar_mass

    def mixture(self, gas, model):
        found = self.fits.mixture(gas, "mixture-averaged")
        return found._replace(conductivity=2.0 * found.conductivity)


def test_a_model_of_ones_own_is_what_the_protocol_says():
    gas = ct.Solution("air.yaml")
    states, T, p, Y = random_states(gas, 4)
    data, cp = transport_from_cantera(gas), torch.tensor(states.cp_mass)
    plain, own = transport_properties(data, T, p, Y), transport_properties(Doubled(data), T, p, Y, "doubled", cp)
    assert torch.equal(own.conductivity, 2.0 * plain.conductivity) and torch.equal(own.viscosity, plain.viscosity)
    with pytest.raises(ConfigError, match='"mixture-averaged" does not go with Doubled: that is for doubled'):
        transport_properties(Doubled(data), T, p, Y)
    with pytest.raises(ConfigError, match="lewis is a table of species and numbers, default a number"):
        transport_model(Mechanism.load("h2o2.yaml"), "constant-Lewis", lewis=0.9)
    with pytest.raises(ConfigError, match="prandtl = {'H2': 1.0}: must be a number"):
        transport_model(Mechanism.load("h2o2.yaml"), "constant", viscosity=1e-5, prandtl={"H2": 1.0})
