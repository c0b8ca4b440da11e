"""The correction of a network's step: what remains of an error, what it keeps, how well it knows itself."""

import numpy as np
import pytest
import torch

from combust.kinetics.integrate.cells import System, evaluate_all
from combust.kinetics.integrate.systems import Fixed, linearise, rate, transport_rate
from combust.kinetics.providers.direct import Direct
from combust.surrogates.trust.corrector import Corrector
from combust.surrogates.trust.references import References, SharedJacobians, drawn

torch.set_num_threads(1)
DT = 1e-6


@pytest.fixture(scope="module")
def flame(tiny):
    """z (1 + species, cells) and p of the middle of the flame, where cells react."""
    T, p, Y = tiny.flame(every=3)
    some = (T > 500.0) & (T < 1550.0)
    return torch.cat([T[some].unsqueeze(0), Y[:, some]]), p[some]


@pytest.fixture(scope="module")
def corrector(tiny, flame):
    """With references of the flame itself."""
    z, _ = flame
    front = drawn(z[0], z[1:], 16)
    core = tiny.model().core(tiny.gas)
    return Corrector(core, System(tiny.gas.kinetics, "hp"), SharedJacobians(tiny.gas, "hp", front))


def rates(gas, z, p):
    return evaluate_all(System(gas.kinetics, "hp"), z, torch.zeros_like(z), 2048, Fixed(p))


def exact(gas, z, p, dt):
    end = gas.integrate(z[0], p, z[1:], dt, rtol=1e-11, atol=1e-17)
    return torch.cat([end.T.unsqueeze(0), end.Y])


def corrected(corrector, gas, z, z1, p, dt=DT):
    near = corrector.shared.nearest(z)
    return corrector(z, z1, rates(gas, z, p), torch.zeros_like(z), near, p, dt, Fixed(p))


def guess(tiny, z, p, dt=DT):
    step = tiny.model().step(tiny.gas, z[0], p, z[1:], torch.full_like(p, dt))
    return torch.cat([step.T.unsqueeze(0), step.Y]).detach()


def sizes(tiny, error):
    """Of T, and the largest in shares of the peaks, (2, cells)."""
    peak = tiny.flame()[2].amax(1).clamp_min(1e-9).unsqueeze(1)
    return torch.stack([error[0].abs(), (error[1:].abs() / peak).amax(0)])


def test_most_of_the_error_goes(tiny, flame, corrector):
    z, p = flame
    z1, end = guess(tiny, z, p), exact(tiny.gas, z, p, DT)
    new = corrected(corrector, tiny.gas, z, z1, p)
    before, after = sizes(tiny, z1 - end), sizes(tiny, new.z - end)
    assert bool((after.median(1).values < 0.3 * before.median(1).values).all()), (before.median(1), after.median(1))


def test_one_cell_by_hand(tiny, flame):
    """With the cell's own Jacobian: the departure from the rule of fourth order is taken off, then elements are met;
    that from the trapezoidal rule is the estimate.
    """
    gas, (z, p) = tiny.gas, flame
    z, p = z[:, 20:21].contiguous(), torch.full((1,), 10.0 ** (100 / 20), dtype=torch.float64)
    shared = SharedJacobians(gas, "hp", References(z[0], z[1:]))
    corrector = Corrector(tiny.model().core(gas), System(gas.kinetics, "hp"), shared)
    z1 = guess(tiny, z, p)
    new = corrected(corrector, gas, z, z1, p)
    zero, fixed = torch.zeros_like(z), Fixed(p)
    f, f1 = (rate(gas.kinetics, "hp", x, zero, fixed) for x in (z, z1))
    J = linearise(gas.kinetics, "hp", z, zero, fixed).jacobian[..., 0].numpy()
    x = DT * J
    departure = (z1 - z - 0.5 * DT * (f + f1)).numpy() + x @ (DT * (f1 - f)).numpy() / 12
    change = np.linalg.solve(np.eye(11) - x / 2 + x @ x / 12, departure)
    # Elements hold already, up to the round-off of the solve; T follows from the enthalpy, so it differs a little.
    np.testing.assert_allclose(new.z[1:], (z1 - change)[1:], rtol=1e-6, atol=1e-13)
    np.testing.assert_allclose(new.z[0], (z1 - change)[0], atol=0.2 * abs(change[0, 0]) + 1e-6)
    f2 = rate(gas.kinetics, "hp", new.z, zero, fixed)
    left = np.linalg.solve(np.eye(11) - 0.5 * DT * J, (new.z - z - 0.5 * DT * (f + f2)).numpy())
    np.testing.assert_allclose(new.error, left, rtol=1e-6, atol=1e-13)


def test_elements_and_enthalpy_are_kept(tiny, flame, corrector):
    gas, (z, p) = tiny.gas, flame
    z1 = guess(tiny, z, p)
    z1[1:] = z1[1:] * (1.0 + 0.2 * torch.sin(torch.arange(z1[1:].numel())).reshape(z1[1:].shape))  # nearly lost
    new = corrected(corrector, gas, z, z1, p)
    good = torch.isfinite(new.defect)
    assert int(good.sum()) > 10 and bool((new.z[1:].amin(0) >= 0)[good].all())
    atoms = gas.element_matrix / gas.molar_mass
    np.testing.assert_allclose(atoms @ new.z[1:], atoms @ z1[1:], rtol=1e-13, atol=1e-20)
    h0, h1 = (gas.enthalpy(x[0], x[1:] / x[1:].sum(0)) * x[1:].sum(0) for x in (z1, new.z))
    assert float(((h1 - h0).abs() / (gas.cp(z1[0], z1[1:] / z1[1:].sum(0)) * z1[0])).max()) < 1e-12
    assert float(new.defect[good].max()) < 1e-12
    inert = [1 + gas.index(name) for name in ("N2", "AR")]
    assert torch.equal(new.z[inert], z1[inert])


def test_an_exact_step_is_left_nearly_alone(tiny, flame, corrector):
    """Its departure is that of the trapezoidal rule itself, of third order in dt."""
    z, p = flame
    moved = []
    for dt in (4e-8, 2e-8):
        end = exact(tiny.gas, z, p, dt)
        moved.append((corrected(corrector, tiny.gas, z, end, p, dt).z - end)[1:].abs().amax(1))
    fast = moved[0] > 1e-11
    assert int(fast.sum()) >= 4 and float((moved[0] / moved[1])[fast].min()) > 5.0, moved


def test_what_would_turn_negative_is_set_to_zero_and_said(tiny, flame, corrector):
    """A radical predicted far below what the rates give back: cut at zero, and the cut is counted."""
    gas, (z, p) = tiny.gas, flame
    z1 = exact(gas, z, p, DT)
    k = 1 + gas.index("HO2")
    z1[k] = 10.0 * z1[k].max() + 1e-3
    new = corrected(corrector, gas, z, z1, p)
    assert float(new.z[1:].min()) >= 0 and bool((new.negative[new.z[1:].amin(0) > 0] == 0).all())
    assert bool(((new.negative > 0) == (new.z[1:][:8].amin(0) == 0)).all())


def test_nan_and_no_cells(tiny, flame, corrector):
    z, p = flame
    z1 = guess(tiny, z, p)
    z1[4, 3] = torch.nan
    new = corrected(corrector, tiny.gas, z, z1, p)
    bad = torch.arange(p.numel()) == 3
    assert torch.equal(~torch.isfinite(new.z.sum(0) + new.error.sum(0)), bad)
    none = corrected(corrector, tiny.gas, z[:, :0], z1[:, :0], p[:0])
    assert none.z.shape == none.error.shape == (11, 0) and none.defect.shape == (0,)


def test_response_to_transport(tiny, flame):
    """ "flow": changed sources change the end of an exact step by this, to first order, with elements exact."""
    gas, (z, p) = tiny.gas, flame
    rho = gas.density(z[0], p, z[1:])
    front = References(z[0], z[1:])  # each cell its own Jacobian
    z = torch.cat([z[:1], rho * z[1:]]).contiguous()
    corrector = Corrector(tiny.model().core(gas), System(gas.kinetics), SharedJacobians(gas, "flow", front))
    exact, zero = Direct(gas, 1e-9, 1e-15), torch.zeros_like(z)
    k, dt = (1 + gas.index(name) for name in ("H2", "O2")), 2e-7
    s = zero.clone()
    for row in k:
        s[row] = 1e2 * z[row]
    s[0] = 1e7
    ends = []
    for source in (zero, s):
        done = exact.advance(exact.begin(z[0], z[1:], dt), source[1:], source[0])
        ends.append(torch.cat([done.T.unsqueeze(0), done.rhoY]))
    change = corrector.respond(z, s, corrector.shared.nearest(z)[1], p, dt)
    atoms, amounts = gas.element_matrix / gas.molar_mass, (ends[0] + dt * s)[1:]
    np.testing.assert_allclose(atoms @ change[1:], atoms @ (dt * s)[1:], rtol=1e-11, atol=1e-16)
    moved = corrector.nonnegative(ends[0] + change, amounts)
    np.testing.assert_allclose(atoms @ moved[1:], atoms @ amounts, rtol=1e-13, atol=1e-18)
    assert float(moved[1:].min()) >= 0
    wanted = sizes(tiny, ends[1] - ends[0])
    off = sizes(tiny, moved - ends[1])
    assert bool((off <= 0.25 * wanted + 1e-9).all())
    first = dt * transport_rate(gas.thermo, z, s)  # what transport alone would do: chemistry takes some of it back
    assert float((change[0] / first[0]).max()) < 1.5
