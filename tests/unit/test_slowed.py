"""Chemistry slowed by a factor in each cell: against Cantera with its rates multiplied, and the same in other time."""

import pytest
import torch
from test_chemistry import DT, distance, flame  # noqa: F401 (a fixture)

from combust import kernels
from combust.errors import ConfigError
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.providers.chemistry import Result
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.providers.frozen import Frozen
from combust.kinetics.providers.slowed import Slowed

FACTORS = (1.0, 0.5, 0.3, 1e-2, 1e-4, 3.0, 0.0, 1e-30)


@pytest.fixture(autouse=True)
def eager():
    with kernels.using("eager"):
        yield


def slowed(chemistry, factor, T, rhoY, Q, Qh, sweeps=(1.0,)):
    """The step of DT with these factors, after sweeps with parts of the sources."""
    slow = Slowed(chemistry)
    slow.factor = factor
    step = slow.begin(T, rhoY, DT, Q, Qh)
    for part in sweeps:
        result = slow.advance(step, part * Q, part * Qh)
    return result


def multiplied(gas, factor, T, rhoY, Q, Qh):
    """The same by Cantera's own multipliers of its rates."""
    exact, ends = Cvode(gas, 1e-12, 1e-20), []
    for i, f in enumerate(factor.tolist()):
        exact.cell.solution.set_multiplier(f)
        one = slice(i, i + 1)
        ends.append(exact.advance(exact.begin(T[one], rhoY[:, one], DT), Q[:, one], Qh[one]))
    return Result(torch.cat([end.T for end in ends]), torch.cat([end.rhoY for end in ends], 1), ends[0].stats)


@pytest.fixture(scope="module")
def cells(flame):  # noqa: F811
    """Every other cell of a flame with a factor of its own, and what becomes of it."""
    gas, T, rhoY, Q, Qh = flame = (flame[0], *(f[..., ::2].contiguous() for f in flame[1:]))
    factor = torch.tensor(FACTORS, dtype=torch.float64).repeat(T.numel())[: T.numel()]
    return flame, factor, multiplied(gas, factor, T, rhoY, Q, Qh)


@pytest.mark.parametrize(
    "rtol, atol, parts", [(1e-4, 1e-8, ((1.0,), (0.9, 1.0), (0.99, 1.0))), (1e-7, 1e-11, ((0.99, 1.0),))]
)
def test_direct_integration_equals_cantera_with_its_rates_multiplied(cells, rtol, atol, parts):
    (gas, *state), factor, reference = cells
    assert distance(slowed(Direct(gas, rtol, atol), factor, *state), reference) < 2 * rtol
    T, rhoY = state[0], state[1]
    with_fresh = Direct(gas, rtol, atol, reference=torch.cat([T[:1], rhoY[:, 0]]))  # slow cells share matrices
    for sweeps in parts:
        assert distance(slowed(with_fresh, factor, *state, sweeps), reference) < 2 * rtol


def test_cvode_equals_cantera_with_its_rates_multiplied(cells):
    (gas, *state), factor, reference = cells
    assert distance(slowed(Cvode(gas, 1e-9, 1e-15), factor, *state), reference) < 1e-7


def test_a_factor_of_zero_leaves_transport_alone(flame):  # noqa: F811
    gas, T, rhoY, Q, Qh = flame
    frozen = Frozen(gas)
    inert = frozen.advance(frozen.begin(T, rhoY, DT), Q, Qh)
    for chemistry in (Direct(gas, reference=torch.cat([T[:1], rhoY[:, 0]])), Cvode(gas, 1e-9, 1e-15), frozen):
        result = slowed(chemistry, torch.zeros_like(T), T, rhoY, Q, Qh)
        near = 1e-7 if isinstance(chemistry, Cvode) else 1e-12  # CVODE's own error, of a constant rate, too
        torch.testing.assert_close(result.rhoY, rhoY + DT * Q, rtol=near, atol=1e-14)
        torch.testing.assert_close(result.T, inert.T, rtol=1e-6, atol=0)


@pytest.mark.parametrize("factor", [0.25, 0.3])
def test_a_closed_reactor_is_the_plain_one_in_other_time(flame, factor):  # noqa: F811
    """Rates times f over dt are the rates over f dt; of a power of two the very same numbers."""
    gas, T, rhoY, Q, Qh = flame
    direct, zero = Direct(gas, 1e-6, 1e-10, reference=torch.cat([T[:1], rhoY[:, 0]])), torch.zeros_like(Q)
    plain = direct.advance(direct.begin(T, rhoY, factor * DT), zero, zero[0])
    found = slowed(direct, torch.full_like(T, factor), T, rhoY, zero, zero[0])
    assert distance(found, plain) < 1e-6
    assert factor != 0.25 or (torch.equal(found.T, plain.T) and torch.equal(found.rhoY, plain.rhoY))


def test_factors_of_one_change_nothing(flame):  # noqa: F811
    """No bit, but for slow cells of exact chemistry: C++ takes them where all have one duration, else torch does."""
    gas, *state = flame
    for chemistry in (Direct(gas, reference=torch.cat([state[0][:1], state[1][:, 0]])), Cvode(gas), Frozen(gas)):
        for sweeps in ((1.0,), (0.99, 1.0)):
            one = slowed(chemistry, torch.ones_like(state[0]), *state, sweeps)
            none = slowed(chemistry, None, *state, sweeps)
            assert one.stats == none.stats
            bits = {"rtol": 1e-12, "atol": 1e-16} if isinstance(chemistry, Direct) else {"rtol": 0, "atol": 0}
            torch.testing.assert_close(one.T, none.T, **bits)
            torch.testing.assert_close(one.rhoY, none.rhoY, **bits)


def test_rates_are_multiplied(flame):  # noqa: F811
    gas, T, rhoY, *_ = flame
    slow = Slowed(Direct(gas))
    slow.factor = torch.linspace(0.0, 2.0, T.numel(), dtype=torch.float64)
    torch.testing.assert_close(slow.rates(T, rhoY), slow.factor * Direct(gas).rates(T, rhoY), rtol=0, atol=0)
    slow.factor = slow.factor[1:]
    with pytest.raises(ConfigError, match="factors of 39 cells, but there are 40"):
        slow.begin(T, rhoY, DT)


def test_cells_that_share_a_matrix_do_not_depend_on_others():
    share = torch.tensor([1.0, 0.99, 0.5, 0.49, 2.0**-40, 1.01], dtype=torch.float64)
    durations = Durations(4e-6, share)
    assert durations.alike().tolist() == [0, 0, -1, -1, -40, 1]
    assert durations.typical(0) == 4e-6 and durations.typical(-1) == 2e-6
    middle = durations.alike(4, nearest=True)
    assert middle.tolist() == [0, 0, -4, -4, -160, 0]
    assert Durations(1e-6).alike() is None and Durations(1e-6).of(torch.tensor([0])).seconds == 1e-6
