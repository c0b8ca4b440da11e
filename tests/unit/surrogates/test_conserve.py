"""The element correction: exact elements, the smallest change in proportion to the mass fractions, honest numbers."""

import draws
import numpy as np
import pytest
import torch

from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.model.conserve import correct, solve
from combust.surrogates.model.model import atoms_of

CELLS = 2000


@pytest.fixture(scope="module", params=["h2o2.yaml", "gri30.yaml"])
def gas(request):
    return Mechanism.load(request.param)


def reactive(gas):
    """Rows of all but the inert ones."""
    return torch.tensor([k for k, name in enumerate(gas.species) if name not in ("AR", "N2")])


def states(gas, off, seed=0):
    """Atoms (elements, active), states (active, cells), and states `off` these."""
    rng = draws.rng(seed)
    active = reactive(gas)
    y = 10.0 ** rng.uniform(-12, 0, (len(active), CELLS))
    y[rng.random(y.shape) < 0.2] = 0.0
    y[0] = np.maximum(y[0], 1e-3)  # H2, so that no cell is empty
    y /= y.sum(0)
    wrong = y * (1.0 + off * rng.uniform(-1, 1, y.shape))
    atoms = atoms_of(gas, active)
    return atoms, torch.as_tensor(y), torch.as_tensor(wrong)


def relative(atoms, right, y):
    """Largest error of an element, over its amount."""
    amounts = atoms @ right
    there = amounts > 0
    return float(((atoms @ y - amounts).abs()[there] / amounts[there]).max())


@pytest.mark.parametrize("off", [1e-8, 1e-3, 0.1])
def test_elements_to_round_off(gas, off):
    atoms, right, wrong = states(gas, off)
    y, factor, missing = correct(atoms, right, wrong)
    assert relative(atoms, right, y) < (1e-14 if gas.path == "h2o2.yaml" else 1e-13)
    assert float(missing.max()) < 1e-14
    assert bool((y[:, factor <= 1.0] >= 0).all())
    assert bool((y[wrong == 0] == 0).all())


def test_round_off_does_not_add_up(gas):
    """Of a state that hardly changes, over many steps: factors near one, all rounded alike, made 1e-13."""
    atoms, right, _ = states(gas, 0.0)
    right = right[:, :100]
    y, random = right.clone(), draws.generator(0)
    for _ in range(3000):
        y, _, _ = correct(atoms, y, y * (1.0 + 1e-7 * (torch.rand(y.shape, generator=random, dtype=y.dtype) - 0.5)))
    N, before, after = (x.numpy().astype(np.longdouble) for x in (atoms, right, y))
    amounts = N @ before
    there = amounts > 1e-6 * amounts.sum(0)
    assert float((np.abs(N @ after - amounts)[there] / amounts[there]).max()) < 3e-14


def test_agrees_with_numpy(gas):
    """Each cell's multipliers from least squares (minimum norm: where an element is absent, or two go together)."""
    atoms, right, wrong = states(gas, 0.05)
    y, factor, _ = correct(atoms, right, wrong)
    N, amounts = atoms.numpy(), atoms @ right
    for i in range(0, CELLS, 40):
        y0 = wrong[:, i].numpy()
        multiplier = np.linalg.lstsq(N @ np.diag(y0) @ N.T, amounts[:, i].numpy() - N @ y0, rcond=1e-13)[0]
        expected = 1.0 + N.T @ multiplier
        there = y0 > 1e-6 * y0.max()
        np.testing.assert_allclose((y[:, i].numpy() / np.where(y0 > 0, y0, 1))[there], expected[there], atol=1e-7)


def test_solve_agrees_with_numpy(gas):
    atoms, right, wrong = states(gas, 0.05)
    amounts, wrong = atoms @ right, wrong.clamp_min(1e-5)
    x = solve(atoms, wrong, amounts)
    A = np.einsum("ek,kc,fk->cef", atoms, wrong, atoms)
    np.testing.assert_allclose(x.T, np.linalg.solve(A, amounts.numpy().T[..., None])[..., 0], rtol=1e-9)


def test_absent_elements(gas):
    """Cells without oxygen (or carbon): what remains is exact, and nothing appears."""
    atoms, _, wrong = states(gas, 0.0)
    names = [gas.species[k] for k in reactive(gas).tolist()]
    hydrogen = torch.tensor([set(name) <= set("H2") for name in names])
    y = torch.where(hydrogen.unsqueeze(1), wrong, 0.0)
    right = y
    y = y * torch.where(torch.arange(len(names)) == 0, 1.2, 0.9).unsqueeze(1)
    new, factor, missing = correct(atoms, right, y)
    assert relative(atoms, right, new) < 1e-14 and float(missing.max()) < 1e-14
    assert bool((new[~hydrogen] == 0).all()) and bool((new >= 0).all()) and float(factor.max()) < 0.5


def test_elements_that_go_together(gas):
    """All of a cell is H2O: H and O cannot be set apart, and need not."""
    active = reactive(gas)
    atoms = atoms_of(gas, active)
    k = [gas.species[j] for j in active.tolist()].index("H2O")
    y = torch.zeros(len(active), 7, dtype=torch.float64)
    y[k] = torch.linspace(0.1, 1.0, 7)
    new, factor, missing = correct(atoms, y * 1.001, y)
    np.testing.assert_allclose(new[k], 1.001 * y[k], rtol=1e-14)
    assert float(missing.max()) < 1e-14 and float(factor.max()) < 0.01


def test_says_what_cannot_be_met(gas):
    """An element of which no species is left has a defect; one that is far off has a large factor."""
    atoms, right, wrong = states(gas, 0.0)
    oxygen = [set(gas.species[k]) <= set("H2") for k in reactive(gas).tolist()]
    without = torch.where(torch.tensor(oxygen).unsqueeze(1), wrong, 0.0)
    amounts = atoms @ right
    some = (amounts > 1e-2 * amounts.sum(0)).all(0)
    _, _, missing = correct(atoms, right, without)
    assert bool(some.any()) and float(missing[some].min()) > 1e-3
    _, factor, missing = correct(atoms, right, 3.0 * wrong)
    assert float(factor.min()) > 0.5 and float(missing.max()) < 1e-13
    _, factor, missing = correct(atoms, right, torch.full_like(wrong, torch.nan))
    assert bool(factor.isnan().all()) and bool(missing.isnan().all())
