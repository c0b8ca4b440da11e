"""The models that come with combust: whole, of the mechanisms they name, and as good as stated on a few states."""

from __future__ import annotations

import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates import Learned, library
from combust.surrogates.trust.routes import NETWORK

CASES = {
    "h2_air": ("H2:1", 1150.0, 0.8, 120),
    "ch4_air": ("CH4:1", 1650.0, 0.9, 120),
    "ch4_gri30": ("CH4:1", 1650.0, 0.9, 120),
    "nh3_h2": ("NH3:0.6, H2:0.4", 1350.0, 0.9, 120),
}
ACCEPTED = {"nh3_h2": 0.7, "ch4_gri30": 0.55}  # share of validation rows; of h2_air and ch4_air, which are larger, more


@pytest.mark.parametrize("name", library.names())
def test_card_and_files_belong_to_the_mechanism(name):
    model = library.load(name)
    card = model.card
    model.require(Mechanism.load(card["mechanism"]["path"]))
    assert card["router"]["ranking"]["estimate"]["accepted"] > ACCEPTED.get(name, 0.8)
    assert (library.FOLDER / f"{name}.toml").is_file()


def test_the_models_are_there():
    assert set(CASES) == set(library.names())


@pytest.mark.parametrize("name", CASES)
def test_an_ignition_that_no_one_trained_on(name):
    """Twelve dozen steps through an ignition against exact integration of the same steps."""
    fuel, start, phi, steps = CASES[name]
    chem = Learned.load(name)
    gas = chem.gas
    T = torch.tensor([start, start + 150.0, start + 300.0], dtype=torch.float64)
    Y = gas.mixture(fuel, "O2:1, N2:3.76", phi).unsqueeze(1).expand(-1, 3).contiguous()
    atoms = gas.element_matrix / gas.molar_mass
    h, elements = gas.enthalpy(T, Y), atoms @ Y
    T1, Y1, seen = T, Y, torch.zeros(4, dtype=torch.int64)
    dt = 1e-6
    for _ in range(steps):
        T1, Y1, route, _ = chem.advance(T1, 101325.0, Y1, dt)
        seen += torch.bincount(route.long(), minlength=4)
    exact = gas.integrate(T, 101325.0, Y, steps * dt, rtol=1e-8, atol=1e-14)
    assert torch.allclose(atoms @ Y1, elements, rtol=1e-12, atol=1e-16)
    assert torch.allclose(gas.enthalpy(T1, Y1), h, rtol=0, atol=1e-6 * float(gas.cp(T, Y).max()) * 1e3)
    assert seen[NETWORK] > 0  # the network had its share
    assert torch.allclose(T1, exact.T, rtol=0, atol=15.0)
