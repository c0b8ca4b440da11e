"""The providers of the chemistry seam: direct, CVODE and frozen, with transport sources."""

import numpy as np
import pytest
import torch

from combust.errors import ConfigError, DivergenceError, StateError
from combust.kinetics.flames.free import free_flame
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.state import as_packed
from combust.kinetics.integrate.statistics import Statistics
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers import direct as direct_module
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.providers.frozen import Frozen
from combust.kinetics.rates import thermo

DT = 1e-6


@pytest.fixture(scope="module")
def flame(tmp_path_factory):
    """States of a hydrogen flame and the transport rates that carry it along: T, rhoY, Q, Qh."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
        profile = free_flame("h2o2.yaml", 300.0, 101325.0, "H2:1", "O2:0.21, N2:0.79", 1.0, slope=0.1, curve=0.2)
    gas = Mechanism.load("h2o2.yaml")
    middle = profile.x[np.gradient(profile.T, profile.x).argmax()]
    x = middle + np.linspace(-3.0, 7.0, 40) * profile.thermal_thickness
    T, Y = (torch.tensor(np.array([np.interp(x, profile.x, row) for row in rows])) for rows in ([profile.T], profile.Y))
    T = T[0]
    rhoY = gas.density(T, 101325.0, Y) * Y
    drift = torch.tensor(profile.speed * np.gradient(rhoY.numpy(), x, axis=1))
    heat = torch.tensor(profile.speed * np.gradient(T.numpy(), x))
    Q = drift - Direct(gas).rates(T, rhoY)
    rho_cp = (rhoY * thermo.cp_mass(gas.thermo, T)).sum(0)
    Qh = rho_cp * heat + (thermo.h_mass(gas.thermo, T) * drift).sum(0)
    return gas, T, rhoY, Q, Qh


def distance(result, other):
    rho = other.rhoY.sum(0)
    return max(
        float(((result.T - other.T) / other.T).abs().max()), float(((result.rhoY - other.rhoY) / rho).abs().max())
    )


def test_cvode_integrates_the_stated_equations():
    """Enthalpy is kept without sources; the rates of change are the sources plus the reactions."""
    gas = Mechanism.load("h2o2.yaml")
    solution = gas.cantera()
    solution.TPX = 1300.0, 101325.0, "H2:2, O2:1, N2:3.76, H:1e-3"
    T, rhoY = torch.tensor([1300.0]), torch.tensor(solution.density * solution.Y)[:, None]
    zero = torch.zeros_like(rhoY)
    chemistry = Cvode(gas, 1e-12, 1e-20)
    end = chemistry.advance(chemistry.begin(T.double(), rhoY, 2e-5), zero, zero[0])
    h = lambda state: float((state[1] * thermo.h_mass(gas.thermo, state[0])).sum())  # noqa: E731
    before, after = h((T.double(), rhoY)), h((end.T, end.rhoY))
    assert float(end.T) > 1500.0
    assert after == pytest.approx(before, rel=1e-9)
    # the source term itself
    Q = torch.linspace(-1.0, 2.0, 10, dtype=torch.float64)[:, None] * 1e-3
    tiny = chemistry.advance(chemistry.begin(T.double(), rhoY, 1e-12), Q, torch.tensor([5e9]).double())
    rate = (tiny.rhoY - rhoY) / 1e-12
    assert torch.allclose(rate, Q + chemistry.rates(T.double(), rhoY), rtol=1e-3, atol=1e-3)


def test_rates_equal_cantera(flame):
    gas, T, rhoY, _, _ = flame
    ours, theirs = Direct(gas).rates(T, rhoY), Cvode(gas).rates(T, rhoY)
    assert float((ours - theirs).abs().max()) <= 1e-11 * float(theirs.abs().max())


@pytest.mark.parametrize("method", ["rodas3", "ros3", "rodas4"])
def test_direct_equals_cvode_with_sources(flame, method):
    gas, T, rhoY, Q, Qh = flame
    exact = Cvode(gas, 1e-12, 1e-20)
    for scale in (1.0, 0.0):  # with transport (a flame that moves) and without (splitting)
        reference = exact.advance(exact.begin(T, rhoY, DT), scale * Q, scale * Qh)
        for rtol, atol in ((1e-4, 1e-8), (1e-7, 1e-11)):
            direct = Direct(gas, rtol, atol, method=method)
            result = direct.advance(direct.begin(T, rhoY, DT, scale * Q, scale * Qh), scale * Q, scale * Qh)
            assert distance(result, reference) < 2 * rtol
            assert result.stats.cells == 40 and result.stats.fallbacks == 0


def test_sweeps_start_from_the_same_state(flame):
    """A second advance with other sources equals a fresh step, whatever was guessed in `begin`."""
    gas, T, rhoY, Q, Qh = flame
    direct = Direct(gas, 1e-5, 1e-9)
    step = direct.begin(T, rhoY, DT)
    first = direct.advance(step, 0.9 * Q, 0.9 * Qh)
    second = direct.advance(step, Q, Qh)
    fresh = direct.advance(direct.begin(T, rhoY, DT, Q, Qh), Q, Qh)
    assert distance(second, fresh) < 1e-5
    again = direct.advance(step, 0.9 * Q, 0.9 * Qh)
    assert torch.equal(first.T, again.T) and torch.equal(first.rhoY, again.rhoY) and first.stats == again.stats


def test_factors_that_do_not_fit_are_computed_again(flame, monkeypatch):
    gas, T, rhoY, Q, Qh = flame
    ends = []
    for room in (direct_module.FACTOR_BYTES, 0):
        monkeypatch.setattr(direct_module, "FACTOR_BYTES", room)
        chemistry = Direct(gas, block=8)
        step = chemistry.begin(T, rhoY, DT, 0.9 * Q, 0.9 * Qh)
        ends += [chemistry.advance(step, x * Q, x * Qh) for x in (0.99, 1.0)]
    assert torch.equal(ends[0].rhoY, ends[2].rhoY) and torch.equal(ends[1].rhoY, ends[3].rhoY)


def test_elements_are_exact(flame):
    gas, T, rhoY, Q, Qh = flame
    for scale, method in ((1.0, "ros3"), (0.0, "ros3"), (1.0, "rodas3"), (0.0, "rodas3")):
        direct = Direct(gas, method=method)
        result = direct.advance(direct.begin(T, rhoY, DT), scale * Q, scale * Qh)
        assert result.stats.steps > 0 and result.stats.skipped > 0
        atoms = gas.element_matrix / gas.molar_mass
        total = (atoms @ rhoY).amax(1, keepdim=True)
        residual = atoms @ (result.rhoY - rhoY - DT * scale * Q)
        present = total[:, 0] > 0
        assert float((residual / total)[present].abs().max()) < 5e-16


def test_cold_gas_is_skipped_and_the_rate_test_is_no_temperature_cut(flame):
    gas, *_ = flame
    T = torch.tensor([300.0, 300.0, 2500.0], dtype=torch.float64)
    Y = torch.stack([gas.composition(x) for x in ("H2:2, O2:1", "H2:2, O2:1, H:1, OH:1", "N2:1")], 1)
    rhoY = gas.density(T, 101325.0, Y) * Y
    direct = Direct(gas)
    step = direct.begin(T, rhoY, 1e-6)
    assert step.slow.tolist() == [0, 2]  # cold radicals react; hot nitrogen does not
    result = direct.advance(step, torch.zeros_like(rhoY), torch.zeros_like(T))
    assert result.stats.skipped == 2 and torch.equal(result.T[0], T[0])


def test_a_skipped_cell_that_ignites_is_caught(flame):
    """The rate test passes at the start, the source makes it hot and reactive during the step."""
    gas, *_ = flame
    T = torch.tensor([300.0], dtype=torch.float64)
    Y = gas.composition("H2:2, O2:1, N2:3.76")[:, None]
    rhoY = gas.density(T, 101325.0, Y) * Y
    Q, Qh = torch.zeros_like(rhoY), torch.tensor([2.0e3 * 1.4e3 / 1e-4], dtype=torch.float64)
    direct, exact = Direct(gas, 1e-4, 1e-12), Cvode(gas, 1e-10, 1e-18)
    step = direct.begin(T, rhoY, 1e-4)
    assert step.slow.tolist() == [0]
    result = direct.advance(step, Q, Qh)
    reference = exact.advance(exact.begin(T, rhoY, 1e-4), Q, Qh)
    assert result.stats.skipped == 0 and result.stats.steps > 1
    assert distance(result, reference) < 1e-3


@pytest.mark.compile
def test_compiled_equals_eager_and_repeats_bitwise(flame, monkeypatch):
    gas, T, rhoY, Q, Qh = flame
    direct = Direct(gas)
    eager = direct.advance(direct.begin(T, rhoY, DT, Q, Qh), Q, Qh)
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    runs = [direct.advance(direct.begin(T, rhoY, DT, Q, Qh), Q, Qh) for _ in range(2)]
    assert distance(runs[0], eager) < 1e-11
    assert torch.equal(runs[0].T, runs[1].T) and torch.equal(runs[0].rhoY, runs[1].rhoY)
    odd = direct.advance(direct.begin(T[:17], rhoY[:, :17], DT, Q[:, :17], Qh[:17]), Q[:, :17], Qh[:17])
    assert float((odd.T - eager.T[:17]).abs().max()) < 1e-8


def test_cells_without_convergence_go_to_cvode(flame, monkeypatch):
    gas, T, rhoY, Q, Qh = flame
    monkeypatch.setattr(ode, "MAX_STEPS", 1)
    direct, exact = Direct(gas, 1e-7, 1e-12), Cvode(gas, 1e-10, 1e-16)
    result = direct.advance(direct.begin(T, rhoY, DT), Q, Qh)
    assert result.stats.fallbacks > 0
    assert distance(result, exact.advance(exact.begin(T, rhoY, DT), Q, Qh)) < 1e-6


def test_a_lost_cell_is_named(flame, monkeypatch):
    gas, T, rhoY, Q, Qh = flame
    Qh = Qh.clone()
    Qh[7] = -1e15  # cools the cell below absolute zero
    with pytest.raises(DivergenceError, match=r"cell 7 .* T = .* smaller time step"):
        Direct(gas).advance(Direct(gas).begin(T, rhoY, DT), Q, Qh)


def test_bad_states_are_refused(flame):
    gas, T, rhoY, Q, Qh = flame
    for provider in (Direct(gas), Cvode(gas), Frozen(gas)):
        for cell, value in ((3, float("nan")), (5, 20.0), (6, 9000.0)):
            bad = T.clone()
            bad[cell] = value
            with pytest.raises(StateError, match=rf"cell {cell} has T"):
                provider.begin(bad, rhoY, DT)
        bad = rhoY.clone()
        bad[2, 4] = float("nan")
        with pytest.raises(StateError, match="cell 4"):
            provider.begin(T, bad, DT)
        step = provider.begin(T, rhoY, DT)
        with pytest.raises(StateError, match="source .* of cell 4"):
            provider.advance(step, bad, Qh)


def test_bad_options_are_refused(flame):
    gas = flame[0]
    with pytest.raises(ConfigError, match="rodas3"):
        Direct(gas, method="rodas5")
    with pytest.raises(ConfigError, match="rtol"):
        Direct(gas, rtol=0.0)


def test_frozen_is_transport_alone(flame):
    gas, T, rhoY, Q, Qh = flame
    frozen = Frozen(gas)
    result = frozen.advance(frozen.begin(T, rhoY, DT), Q, Qh)
    assert torch.equal(result.rhoY, rhoY + DT * Q)

    def heat_error(dt):
        end = frozen.advance(frozen.begin(T, rhoY, dt), Q, Qh)
        before, after = ((c * thermo.h_mass(gas.thermo, t)).sum(0) for t, c in ((T, rhoY), (end.T, end.rhoY)))
        return float((after - before - dt * Qh).abs().max())

    assert heat_error(DT) < 1e-4 * float((DT * Qh).abs().max())
    assert heat_error(DT) > 6.0 * heat_error(DT / 2)  # third order in one step
    assert not frozen.rates(T, rhoY).any()


def test_no_cells_and_statistics(flame):
    gas, T, rhoY, Q, Qh = flame
    direct = Direct(gas)
    empty = direct.advance(direct.begin(T[:0], rhoY[:, :0], DT), Q[:, :0], Qh[:0])
    assert empty.T.shape == (0,) and empty.stats == Statistics()
    assert Statistics(1, 2, 3, 4, 5) + Statistics(1, 1, 1, 1, 1) == Statistics(2, 3, 4, 5, 6)


def test_reference_gas_keeps_traces_of_radicals_on_the_cheap_path():
    """H in cold hydrogen/air lives for a tenth of a microsecond: explicit steps of 5 us cannot follow that."""
    gas = Mechanism.load("h2o2.yaml")
    T = torch.linspace(300.0, 305.0, 6, dtype=torch.float64)
    fresh = gas.mixture("H2:1", "O2:0.21, N2:0.79", 0.5)
    Y = fresh.unsqueeze(1).repeat(1, 6)
    Y[gas.index("H")] += 5e-13 * torch.arange(6)
    Y[gas.index("HO2")] += 1e-8
    Y /= Y.sum(0)
    rhoY = gas.density(T, 101325.0, Y) * Y
    reference = torch.cat([T[:1], gas.density(T[:1], 101325.0, Y[:, :1]) * fresh])
    plain, helped = Direct(gas, 1e-4, 1e-9), Direct(gas, 1e-4, 1e-9, reference=reference)
    zero = torch.zeros_like(rhoY)
    # Diffusion feeds the radicals, which their sinks balance.
    Q = zero.clone()
    Q[gas.index("H")] = -0.9 * plain.rates(T, rhoY)[gas.index("H")]
    Q[gas.index("N2")] = -Q.sum(0)
    alone = plain.advance(plain.begin(T, rhoY, 5e-6), Q, zero[0])
    assert alone.stats.skipped < T.numel()
    exact = Cvode(gas, 1e-11, 1e-18)
    wanted = exact.advance(exact.begin(T, rhoY, 5e-6), Q, zero[0])
    found = helped.advance(helped.begin(T, rhoY, 5e-6), Q, zero[0])
    assert found.stats.skipped == T.numel()
    difference = torch.cat([(found.T - wanted.T)[None], found.rhoY - wanted.rhoY])
    assert float(helped.tolerance.error(torch.cat([T[None], rhoY]), difference).max()) < 0.5
    elements = gas.element_matrix / gas.molar_mass
    gained = (elements @ (found.rhoY - rhoY - 5e-6 * Q)).abs()
    assert float((gained / (elements @ rhoY).clamp_min(1e-300)).max()) < 1e-14
    # The second sweep of a step corrects the first.
    step = helped.begin(T, rhoY, 5e-6)
    helped.advance(step, 0.8 * Q, zero[0])
    corrected = helped.advance(step, Q, zero[0])
    difference = corrected.rhoY - found.rhoY
    assert corrected.stats.skipped == T.numel()
    assert float(helped.tolerance.error(rhoY, difference).max()) < 0.05


def test_rows_of_one_array_are_not_copied():
    whole = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    joined = as_packed(whole[0], whole[1:])
    assert joined.data_ptr() == whole.data_ptr() and torch.equal(joined, whole)
    part = torch.arange(24.0, dtype=torch.float64).reshape(6, 4)[2:5]
    assert torch.equal(as_packed(part[0], part[1:]), part)
    for T, rhoY in (
        (whole[1], whole[:1]),
        (whole[2], whole[:2]),
        (whole[0].clone(), whole[1:]),
        (whole[0, ::2], whole[1:, ::2]),
    ):
        assert torch.equal(as_packed(T, rhoY), torch.cat([T[None], rhoY]))
