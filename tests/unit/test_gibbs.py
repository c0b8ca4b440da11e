"""Equilibrium temperatures against Cantera's."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust.kinetics import Mechanism
from combust.kinetics.reactors.gibbs import equilibrium_temperature, richness

MIXTURES = {  # of fuel and oxidizer; phi
    "h2o2.yaml": ("H2:1", "O2:1, N2:3.76", (0.2, 1.0, 4.0)),
    "gri30.yaml": ("CH4:0.8, NH3:0.2", "O2:1, AR:3.76", (0.2, 1.0, 6.0)),
}


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_is_canteras(name, hold):
    solution, (fuel, oxidizer, phis) = ct.Solution(name, transport_model=None), MIXTURES[name]
    rows, exact = [], []
    for phi in phis:
        for T, p in ((700.0, 1e5), (1600.0, 5e6)):
            solution.TP = T, p
            solution.set_equivalence_ratio(phi, fuel, oxidizer)
            rows.append((T, p if hold == "hp" else solution.density, solution.Y))
            solution.equilibrate(hold.upper(), rtol=1e-10, max_steps=10000)
            exact.append(solution.T)
    T, held, Y = (torch.tensor(np.array(x, dtype=float)) for x in zip(*rows, strict=True))
    gas = Mechanism.load(name)
    found = equilibrium_temperature(gas, hold, T, held, Y.T.contiguous())
    assert torch.allclose(found, torch.tensor(exact, dtype=torch.float64), rtol=0, atol=0.1)


def test_gas_without_reactions_keeps_its_temperature():
    gas = Mechanism.load("h2o2.yaml")
    found = equilibrium_temperature(gas, "hp", torch.tensor([900.0]).double(), torch.tensor([1e5]).double(),
                                    gas.composition("AR:1").unsqueeze(1))  # fmt: skip
    assert float(found[0]) == pytest.approx(900.0, abs=0.1)


@pytest.mark.parametrize("phi", [0.3, 1.0, 3.0])
def test_richness_is_the_equivalence_ratio(phi):
    gas = Mechanism.load("gri30.yaml")
    Y = 0.7 * gas.mixture("CH4:0.5, H2:0.5", "O2:1, N2:3.76", phi) + 0.3 * gas.composition("CO2:1, H2O:1, AR:1")
    assert float(richness(gas, Y.unsqueeze(1))[0]) == pytest.approx(phi, rel=1e-12)


def test_gas_without_an_oxidizer_is_rich():
    gas = Mechanism.load("gri30.yaml")
    assert torch.isinf(richness(gas, gas.composition("CH4:1, AR:9").unsqueeze(1))).all()
