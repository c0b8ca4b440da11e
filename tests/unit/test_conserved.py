"""What reactors keep at their end: elements to round-off, amounts that are not below zero, and no state beyond none."""

from pathlib import Path

import draws
import pytest
import torch

from combust.errors import DivergenceError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import failed_cell
from combust.kinetics.integrate.conserved import ROUND_OFF, elements_kept
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.rerun import rerun

ROOT = Path(__file__).parents[2]


def mixture(gas, **Y):
    """(species,), from mass fractions."""
    made = torch.zeros(len(gas.species), dtype=torch.float64)
    for name, x in Y.items():
        made[gas.index(name)] = x
    return made / made.sum()


def off(gas, y, end):
    """Change of elements over the sum of all atoms, (cells,)."""
    atoms = gas.element_matrix / gas.molar_mass
    return (atoms @ (end - y)).abs().amax(0) / (atoms @ y).sum(0)


def test_elements_are_put_right_and_what_is_absent_stays_so():
    gas = Mechanism.load("gri30.yaml")
    Y = draws.generator(0)
    y = torch.rand(53, 40, generator=Y, dtype=torch.float64) ** 8
    y[:, :20] *= (torch.rand(53, 20, generator=Y) < 0.2).double()
    y[gas.index("N2")] += 1e-3
    y[:, 39] = mixture(gas, H2O2=1.0)  # its elements come in one proportion
    y[gas.index("H"), 5] = -1e-9
    y /= y.sum(0)
    end = y * (1 + 1e-9 * torch.randn(y.shape, generator=Y, dtype=torch.float64))
    end[:, 30:39] = y[:, 30:39]
    dt = torch.linspace(0.5, 2.0, 40, dtype=y.dtype)
    kept = elements_kept(gas, y, end, torch.zeros_like(y), dt)
    assert float(off(gas, y, kept).max()) < ROUND_OFF
    assert torch.equal(kept[:, 30:39], end[:, 30:39])  # to the last bit
    assert bool((kept[y == 0] == 0).all()) and bool((kept * end >= 0).all())
    assert float(((kept - end).abs() / end.abs().clamp_min(1e-300)).max()) < 1e-6
    added = 1e-3 * y[:, torch.randperm(40, generator=Y)]
    fed = elements_kept(gas, y, end + added * dt, added, dt)
    assert float(off(gas, y + added * dt, fed).max()) < ROUND_OFF


def test_derivatives_are_those_of_the_steps():
    gas = Mechanism.load("h2o2.yaml")
    y = mixture(gas, H2=0.1, O2=0.2, N2=0.7).unsqueeze(1)
    end = (y * (1 + torch.linspace(-1e-9, 1e-9, 10, dtype=y.dtype).unsqueeze(1))).requires_grad_()
    slope = torch.arange(10.0, dtype=y.dtype).unsqueeze(1)
    (elements_kept(gas, y, end, torch.zeros_like(y), torch.ones(1, dtype=y.dtype)) * slope).sum().backward()
    assert torch.equal(end.grad, slope)


def test_long_steps_keep_elements():
    """Burnt gas at 4800 K in steps of 0.1 ms: net rates are differences of rates 1e8 times as large."""
    gas = Mechanism.load(ROOT / "cases/h2_boivin.yaml")
    Y = mixture(gas, O2=0.274, H2O=0.11, H=0.0205, O=0.133, OH=0.286, HO2=0.0225, H2O2=0.0866, N2=0.0671)
    end = gas.integrate(310.28, 4.17e6, Y, 3e-4, hold="uv")
    assert float(end.T) > 4500.0
    assert float(off(gas, Y.unsqueeze(1), end.Y.reshape(-1, 1))) < 2e-14


def test_two_of_a_hundred_species_do_not_end_below_zero():
    """A step over the first traces of C2H leaves it and C2H2 several atol off, with opposite signs."""
    gas = Mechanism.load("nDodecane_Reitz.yaml", "nDodecane_IG")
    Y = mixture(
        gas, n2=0.511139, c6h12=0.158497, c4ket23=0.148095, c5h5=0.097413, A1c2h3=0.0487, **{"c7h15-2": 0.036156}
    )
    end = gas.integrate(352.2988, 103164.8, Y, 5.2113e-8)
    assert end.stats.steps > 3 and float(end.Y.min()) > -1e-10
    assert float(end.Y[gas.index("c2h")]) == pytest.approx(0.0, abs=1e-15)


def test_gas_without_an_end_state_is_an_error(tmp_path, monkeypatch):
    """Carbon vapour in oxygen heats up to where the extrapolated heat capacity vanishes; CVODE steps across."""
    monkeypatch.setenv("COMBUST_DUMP", str(tmp_path))
    monkeypatch.setattr(ode, "MAX_STEPS", 300)  # it is there after some 230
    gas = Mechanism.load(ROOT / "combust/reduction/library/methane_cfd.yaml")
    Y = mixture(gas, OH=0.47, C=0.38, O2=0.15)
    with pytest.raises(DivergenceError, match=r"At 8\d{3}\S* K its heat capacity vanishes.* lies above the data of"):
        gas.integrate(1428.2, 0.54e5, Y, 2.7e-7, hold="uv")
    (file,) = tmp_path.glob("*.json")
    first, second = rerun(failed_cell.read(file))
    assert "did not arrive" in first and "heat capacity vanishes" in second
