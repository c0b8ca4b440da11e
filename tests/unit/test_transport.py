"""Transport properties against Cantera."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, MechanismError
from combust.kinetics.transport import ConstantTransport, TransportData, transport_properties


def random_states(gas, count, seed=1):
    rng = np.random.default_rng(seed)
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
    mu, conductivity, D = transport_properties(TransportData.from_cantera(gas), T, p, Y)
    assert worst(mu, states.viscosity) < 1e-12
    assert worst(conductivity, states.thermal_conductivity) < 1e-12
    # Cantera forms W - X_k W_k by subtraction and loses digits where one species is nearly alone.
    mixed = Y.max(0).values.numpy() < 0.99
    assert mixed.sum() > 1000
    assert worst(D[:, mixed], states.mix_diff_coeffs.T[:, mixed]) < 1e-10


def test_unity_lewis_equals_cantera():
    gas = ct.Solution("h2o2.yaml")
    gas.transport_model = "unity-Lewis-number"
    states, T, p, Y = random_states(gas, 1000)
    data = TransportData.from_cantera(gas)
    assert gas.transport_model == "unity-Lewis-number"
    _, _, D = transport_properties(data, T, p, Y, "unity-Lewis", torch.tensor(states.cp_mass))
    assert worst(D, states.mix_diff_coeffs.T) < 1e-12


def test_pure_species_are_the_limit_of_trace_amounts():
    gas = ct.Solution("h2o2.yaml")
    data = TransportData.from_cantera(gas)
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
    data = TransportData.from_cantera(gas)
    gas.TPX = 900.0, 2e5, "CH4:1, O2:2, N2:7.52"
    Y = torch.tensor(gas.Y)
    negative = torch.where(Y == 0.0, torch.full_like(Y, -1e-12), Y)
    T, p = torch.tensor([900.0, 900.0], dtype=torch.float64), torch.tensor(2e5, dtype=torch.float64)
    both = transport_properties(data, T, p, torch.stack([Y, negative], 1))
    for value in both:
        assert torch.isfinite(value).all() and (value > 0).all()
        assert torch.allclose(value[..., 0], value[..., 1], rtol=1e-9, atol=0.0)
    assert both[2][:, 0].numpy() == pytest.approx(gas.mix_diff_coeffs, rel=1e-10)


def test_fields_keep_their_shape_and_compiled_equals_eager():
    gas = ct.Solution("h2o2.yaml")
    data = TransportData.from_cantera(gas)
    _, T, _, Y = random_states(gas, 24)
    p = torch.tensor(101325.0, dtype=torch.float64)
    flat = transport_properties(data, T, p, Y)
    field = transport_properties(data, T.reshape(2, 3, 4), p, Y.reshape(-1, 2, 3, 4))
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
        TransportData.from_cantera(gas)
    _, T, p, Y = random_states(air, 2)
    with pytest.raises(ConfigError, match="unity-Lewis"):
        transport_properties(TransportData.from_cantera(air), T, p, Y, "mixture")
    with pytest.raises(ConfigError, match="cp"):
        transport_properties(TransportData.from_cantera(air), T, p, Y, "unity-Lewis")
