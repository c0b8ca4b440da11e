"""Thermodynamics against Cantera."""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.errors import StateError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import thermo

MIXED = str(Path(__file__).parent / "mixed_thermo.yaml")
MECHANISMS = ["h2o2.yaml", "gri30.yaml", "ohn.yaml", "airNASA9.yaml", MIXED]
TOLERANCE = 1e-12


def joints_of(data):
    """All temperatures at which a polynomial takes over, as the files give them."""
    both = torch.cat([data.T_mid, data.T_upper.flatten()]).unique()
    return both[torch.isfinite(both)].round(decimals=6)


@pytest.fixture(scope="module", params=MECHANISMS, ids=lambda path: Path(path).stem)
def case(request):
    """Mechanism, temperatures (also at and beside the joints, and outside the fits), Cantera's states there."""
    gas = Mechanism.load(request.param)
    joints = joints_of(gas.thermo).numpy()
    T = np.concatenate([draws.rng(1).uniform(250, 3500, 1500), joints, joints + 1e-9, [150.0, 6000.0]])
    states = ct.SolutionArray(gas.cantera(), T.size)
    states.TP = T, ct.one_atm
    return gas, torch.tensor(T), states


def close(ours, cantera, scale):
    return np.abs(ours.numpy() - cantera).max(initial=0, where=np.isfinite(cantera)) <= TOLERANCE * scale


def test_species_properties(case):
    gas, T, states = case
    assert close(thermo.cp_R(gas.thermo, T), states.standard_cp_R.T, 1)
    h, s, g = states.standard_enthalpies_RT.T, states.standard_entropies_R.T, states.standard_gibbs_RT.T
    assert np.all(np.abs(thermo.h_RT(gas.thermo, T).numpy() - h) <= TOLERANCE * np.maximum(1, np.abs(h)))
    assert np.all(np.abs(thermo.s_R(gas.thermo, T).numpy() - s) <= TOLERANCE * np.maximum(1, np.abs(s)))
    assert np.all(np.abs(thermo.g_RT(gas.thermo, T).numpy() - g) <= TOLERANCE * np.maximum(1, np.abs(g)))


def test_mass_basis(case):
    gas, T, states = case
    R = thermo.GAS_CONSTANT / gas.molar_mass.numpy()[:, None]
    assert thermo.GAS_CONSTANT == pytest.approx(ct.gas_constant, rel=1e-15)
    h, s = states.standard_enthalpies_RT.T, states.standard_entropies_R.T
    ours = thermo.h_mass(gas.thermo, T).numpy() / (R * T.numpy())
    assert np.all(np.abs(ours - h) <= TOLERANCE * np.maximum(1, np.abs(h)))
    assert np.all(np.abs(thermo.cp_mass(gas.thermo, T).numpy() / R - states.standard_cp_R.T) <= TOLERANCE * 10)
    assert np.all(np.abs(thermo.s_mass(gas.thermo, T).numpy() / R - s) <= TOLERANCE * np.maximum(1, np.abs(s)))


def test_derivative_of_cp(case):
    gas, T, _ = case
    away = T[(T[:, None] - joints_of(gas.thermo)).abs().amin(1) > 1e-6].requires_grad_()
    (slope,) = torch.autograd.grad(thermo.cp_R(gas.thermo, away).sum(), away)
    assert torch.allclose(thermo.dcp_R_dT(gas.thermo, away).sum(0), slope, rtol=1e-10, atol=1e-14)


def mixtures(gas, count=1000):
    rng = draws.rng(2)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), count).T
    return torch.tensor(rng.uniform(250, 3500, count)), torch.tensor(Y.copy())


def test_mixture_enthalpy_and_heat_capacity(case):
    gas, _, _ = case
    T, Y = mixtures(gas)
    states = ct.SolutionArray(gas.cantera(), T.shape[0])
    states.TPY = T.numpy(), ct.one_atm, Y.numpy().T
    assert np.allclose(gas.cp(T, Y).numpy(), states.cp_mass, rtol=TOLERANCE, atol=0)
    assert np.all(np.abs(gas.enthalpy(T, Y).numpy() - states.enthalpy_mass) <= TOLERANCE * states.cp_mass * T.numpy())


def test_temperature_is_found_again(case):
    gas, _, _ = case
    T, Y = mixtures(gas)
    assert torch.allclose(gas.temperature(gas.enthalpy(T, Y), Y), T, rtol=1e-12, atol=0)
    h = (Y * thermo.h_mass(gas.thermo, T)).sum(0)
    # Each iteration squares the error: from 100 K it is 1e-9 at 250 K, from 50 K 256 times less.
    near = thermo.temperature_from_enthalpy(gas.thermo, h, Y, T + 50, iterations=3)
    assert torch.allclose(near, T, rtol=1e-9, atol=0)


def test_enthalpy_out_of_range_names_the_cell():
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.composition("H2:2, O2:1").reshape(-1, 1, 1).repeat(1, 2, 3)
    h = gas.enthalpy(torch.full((2, 3), 900.0), Y)
    for bad, text in ((-1e12, r"-1e\+12 J/kg in cell \(1, 2\)"), (float("nan"), r"nan J/kg in cell \(1, 2\)")):
        h[1, 2] = bad
        with pytest.raises(StateError, match=text):
            gas.temperature(h, Y)
