"""`Learned`: what every step keeps, where each cell goes, what is counted, what is refused."""

import draws
import learned_fixture
import numpy as np
import pytest
import torch

from combust.errors import ConfigError, FileFormatError, StateError
from combust.kinetics.integrate import systems
from combust.surrogates import Learned as Exported
from combust.surrogates.data.sample_set import SPLITS
from combust.surrogates.provider.learned import Learned
from combust.surrogates.training.calibrate import own_states
from combust.surrogates.trust.router import misfit, trust_of
from combust.surrogates.trust.routes import EXACT, NETWORK, REFUSED, SLOW, RouteStatistics

torch.set_num_threads(1)
DT = 1e-6


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return learned_fixture.make(tmp_path_factory)


@pytest.fixture(scope="module")
def chem(tiny):
    return tiny.learned()


@pytest.fixture(scope="module")
def flame(tiny):
    return tiny.flame(every=3)


@pytest.fixture(scope="module")
def done(chem, flame):
    """One step of the flame: all routes but the refusal occur."""
    return chem.advance(*flame, DT)


def atoms(gas, Y):
    return (gas.element_matrix / gas.molar_mass) @ Y.reshape(Y.shape[0], -1)


def energy(gas, T, Y, hold="hp"):
    """Specific, (...cells), of Y as it is: also if it is negative or not normalised."""
    return (Y * systems.energies(gas.thermo, hold, T)[0]).sum(0)


def conserved(gas, before, after, rtol=1e-12):
    """Elements and enthalpy; the latter over cp T."""
    (T, Y), (T1, Y1) = before, after
    a0, a1 = atoms(gas, Y), atoms(gas, Y1)
    there = a0.abs() > 1e-12
    assert float(((a1 - a0).abs()[there] / a0.abs()[there]).max()) < rtol
    assert float((a1 - a0).abs()[~there].sum()) < 1e-20
    cp = (Y * systems.energies(gas.thermo, "hp", T)[1]).sum(0)
    off = (energy(gas, T1, Y1) - energy(gas, T, Y)).abs() / (cp * T)
    assert float(off.max()) < rtol


# --- the call -------------------------------------------------------------------------------------------------------


def test_unpacks_and_keeps_shapes(chem, flame):
    T, p, Y = (x[..., :84] for x in flame)
    t, y, route, stats = chem.advance(T, p, Y, DT)
    many = chem.advance(T.reshape(7, 12), p.reshape(7, 12), Y.reshape(-1, 7, 12), DT)
    assert many.T.shape == many.route.shape == many.stats.error.shape == (7, 12) and many.Y.shape == (10, 7, 12)
    assert torch.equal(many.T.reshape(-1), t) and torch.equal(many.Y.reshape(10, -1), y)
    assert torch.equal(many.route.reshape(-1), route) and many.stats == stats
    assert stats.cells == 84 == stats.slow + stats.network + stats.exact + stats.refused
    assert sum(stats.share(name) for name in ("slow", "network", "exact", "refused")) == pytest.approx(1.0)


def test_takes_numbers_lists_and_arrays(chem, flame):
    T, p, Y = flame
    k = 60
    one = chem.advance(float(T[k]), 101325, Y[:, k].tolist(), DT)
    assert one.T.shape == () and one.Y.shape == (10,)
    several = chem.advance(T[k].expand(3).numpy(), 101325.0, Y[:, k : k + 1].expand(-1, 3).numpy().astype("f8"), DT)
    np.testing.assert_allclose(several.T, float(one.T), rtol=1e-6)
    none = chem.advance(torch.zeros(0), 1e5, torch.zeros(10, 0), DT)
    assert none.T.shape == (0,) and none.Y.shape == (10, 0) and none.stats.cells == 0 and none.stats.share("slow") == 0


def test_input_is_not_written_to(chem, flame):
    before = [x.clone() for x in flame]
    chem.advance(*flame, DT)
    assert all(torch.equal(a, b) for a, b in zip(before, flame, strict=True))


def test_load_by_path(tiny, flame, done):
    chem = Exported.load(tiny.path, fallback="direct")
    assert torch.equal(chem.advance(*flame, DT).Y, done.Y)
    with pytest.raises(ConfigError, match="gri30"):
        Learned.load(tiny.path, mechanism="gri30.yaml")
    with pytest.raises(FileFormatError, match="no such"):
        Learned.load(tiny.folder / "other")
    with pytest.raises(ConfigError, match="direct, cvode, none"):
        tiny.learned(fallback="hope")


def test_statistics_add_up():
    a = RouteStatistics(cells=3, slow=1, network=2, substeps=1, error="a")
    b = RouteStatistics(cells=3, exact=3, outside=3, substeps=1, error="b")
    both = a + b
    assert (both.cells, both.slow, both.network, both.exact, both.outside, both.substeps) == (6, 1, 2, 3, 3, 2)
    assert both.error == "b" and both.share("exact") == 0.5


# --- what a step keeps ----------------------------------------------------------------------------------------------


def test_all_routes_conserve(tiny, flame, done):
    T, _, Y = flame
    assert min(int((done.route == r).sum()) for r in (SLOW, NETWORK, EXACT)) > 2
    conserved(tiny.gas, (T, Y), (done.T, done.Y), 1e-13)
    assert float(done.Y.min()) >= 0


@pytest.mark.parametrize(
    "steps, options", [(200, {}), (200, {"router": False}), (30, {"precision": "bf16"}), (30, {"precision": "fp64"})]
)
def test_hundreds_of_steps(tiny, steps, options):
    """From a flame's states to burnt gas: nothing drifts, nothing turns negative, whatever the route."""
    T, p, Y = tiny.flame(every=16)
    seen = RouteStatistics(substeps=0)
    t, y = T, Y
    for step in learned_fixture.iterate(tiny.learned(**options), T, p, Y, DT, steps):
        conserved(tiny.gas, (t, y), (step.T, step.Y))
        assert float(step.Y.min()) >= -1e-20, seen
        t, y, seen = step.T, step.Y, seen + step.stats
    conserved(tiny.gas, (T, Y), (t, y), 1e-11)
    assert seen.cells == steps * T.numel() and seen.network > 0 and seen.substeps == steps and seen.negative == 0


def test_agrees_with_exact_integration(tiny):
    """Exact cells closely, slow ones within the stated error, of the network's most, as of the rows it was tuned by."""
    gas, chem, trust = tiny.gas, tiny.learned(), trust_of(tiny.model(), tiny.gas)
    rows = np.flatnonzero((tiny.samples.split == SPLITS.index("validation")) & own_states(tiny.samples))
    T, p, Y = (torch.as_tensor(x[rows]) for x in (tiny.samples.T, tiny.samples.p, tiny.samples.Y))
    Y = Y.T.contiguous()
    done, exact = chem.advance(T, p, Y, DT), gas.integrate(T, p, Y, DT, rtol=1e-10, atol=1e-16)
    z, z1, end = (torch.cat([t.unsqueeze(0), y]) for t, y in ((T, Y), (done.T, done.Y), (exact.T, exact.Y)))
    true = misfit(trust, z, z1, z1 - end)
    slow, network, direct = (true[done.route == r] for r in (SLOW, NETWORK, EXACT))
    assert min(map(len, (slow, network, direct))) > 20
    assert float(direct.max()) < 0.3 and float(slow.max()) < 1.0
    # The stated share holds for rows at their own dt, which calibration saw; these are all at one.
    assert float((network <= 1.0).double().mean()) > 0.85 and float(network.max()) < 5.0


def test_cvode_agrees_with_direct(tiny, flame, done):
    chem = tiny.learned(fallback="cvode", rtol=1e-9, atol=1e-15)
    other = chem.advance(*flame, DT)
    assert torch.equal(other.route, done.route) and other.stats == done.stats
    np.testing.assert_allclose(other.T, done.T, rtol=1e-5)
    np.testing.assert_allclose(other.Y, done.Y, rtol=1e-3, atol=1e-7)
    conserved(tiny.gas, (flame[0], flame[2]), (other.T, other.Y))


def test_cells_do_not_depend_on_their_company(chem, flame, done):
    """A batch, its halves, and its cells in another order. The sums of matrix products differ by round-off, which the
    network's single precision makes 1e-7; the exact route has none.
    """
    T, p, Y = flame
    cut = T.numel() // 2 + 1
    halves = [chem.advance(T[a], p[a], Y[:, a], DT) for a in (slice(cut), slice(cut, None))]
    order = torch.randperm(T.numel(), generator=draws.generator(0))
    shuffled = chem.advance(T[order], p[order], Y[:, order], DT)
    back = torch.argsort(order)
    for other_T, other_Y, route in (
        (torch.cat([h.T for h in halves]), torch.cat([h.Y for h in halves], 1), torch.cat([h.route for h in halves])),
        (shuffled.T[back], shuffled.Y[:, back], shuffled.route[back]),
    ):
        assert torch.equal(route, done.route)
        exact = route == EXACT
        np.testing.assert_allclose(other_T[exact], done.T[exact], rtol=1e-12)
        np.testing.assert_allclose(other_Y[:, exact], done.Y[:, exact], rtol=1e-9, atol=1e-16)
        np.testing.assert_allclose(other_T, done.T, rtol=1e-6)
        np.testing.assert_allclose(other_Y, done.Y, rtol=1e-4, atol=1e-8)


def test_repeats_bit_by_bit(tiny, flame, done):
    again = tiny.learned().advance(*flame, DT)
    assert torch.equal(again.T, done.T) and torch.equal(again.Y, done.Y) and torch.equal(again.route, done.route)
    assert torch.equal(again.stats.error, done.stats.error)


@pytest.mark.parametrize("precision, tolerance", [("fp64", 1e-4), ("bf16", 1.0)])
def test_precisions(tiny, flame, precision, tolerance):
    """Double precision changes next to nothing; bfloat16 has three digits, and elements are as exact with it."""
    T, p, Y, dt, *_ = tiny.rows("validation", 200, slow=False)
    parts = {name: tiny.learned(precision=name).parts for name in ("fp32", precision)}
    one, other = (x.network(T, p, Y, DT) for x in parts.values())
    change = (one.T - T).abs().max()
    assert 0 < float((other.T - one.T).abs().max()) < tolerance * float(change)
    assert float(other.defect.max()) < 1e-12 and other.T.dtype == torch.float64
    done = tiny.learned(precision=precision).advance(*flame, DT)
    assert done.stats.network > 0


# --- routes ---------------------------------------------------------------------------------------------------------


def test_long_steps_are_cut(tiny, chem, flame):
    """5 us is three times 1.67 us; the route shown is the dearest of the three."""
    T, p, Y = flame
    long = chem.advance(T, p, Y, 5e-6)
    assert long.stats.substeps == 3 and long.stats.cells == 3 * T.numel()
    t, y, route = T, Y, torch.zeros_like(long.route)
    for step in learned_fixture.iterate(chem, T, p, Y, 5e-6 / 3, 3):
        t, y, route = step.T, step.Y, torch.maximum(route, step.route)
    assert torch.equal(long.route, route)
    np.testing.assert_allclose(long.T, t, rtol=1e-6)  # the sums of Y differ by round-off, the network is fp32
    np.testing.assert_allclose(long.Y, y, rtol=1e-4, atol=1e-9)
    exact = tiny.gas.integrate(T, p, Y, 5e-6)
    assert float((long.T - exact.T).abs().max()) < 5.0
    assert chem.advance(T, p, Y, 2e-6).stats.substeps == 1  # the range's own end


def test_steps_below_the_range_are_not_for_the_network(tiny, chem):
    T, p, Y, *_ = tiny.rows("validation", 1000)
    short = chem.advance(T, p, Y, 5e-8)
    assert short.stats.network == 0 and short.stats.outside == short.stats.exact > 0 and short.stats.substeps == 1
    exact = tiny.gas.integrate(T, p, Y, 5e-8, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(short.T, exact.T, rtol=1e-5)


def test_other_pressures_are_exact(tiny, chem, flame):
    T, p, Y = flame
    done = chem.advance(T, 3.0 * p, Y, DT)
    assert done.stats.network == 0 and done.stats.outside == done.stats.exact > 0
    exact = tiny.gas.integrate(T, 3.0 * p, Y, DT, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(done.T, exact.T, rtol=1e-4)
    # Cells of both pressures: those within keep the network.
    both = chem.advance(torch.cat([T, T]), torch.cat([p, 3.0 * p]), torch.cat([Y, Y], 1), DT)
    assert both.stats.network > 0 and not bool((both.route[T.numel() :] == NETWORK).any())


def test_without_fallback_cells_are_left_and_counted(tiny, flame, done):
    T, p, Y = flame
    bare = tiny.learned(fallback="none").advance(T, p, Y, DT)
    refused = bare.route == REFUSED
    assert torch.equal(refused, done.route == EXACT) and bare.stats.refused == done.stats.exact > 0
    assert bare.stats.exact == 0 and bare.stats.distrusted + bare.stats.outside == bare.stats.refused
    assert torch.equal(bare.T[refused], T[refused])
    np.testing.assert_allclose(bare.Y[:, refused], Y[:, refused], rtol=1e-15)
    assert torch.equal(bare.T[~refused], done.T[~refused])


def test_the_error_says_why(chem, flame, done):
    """Up to the limit: trusted; zero where the network was not asked."""
    error, route, stats = done.stats.error, done.route, done.stats
    assert bool((error[route == NETWORK] <= chem.parts.trust.limit).all()) and float(error[route == NETWORK].max()) > 0
    assert bool((error[route == SLOW] == 0).all())
    asked = (route == EXACT) & (error > 0)
    assert int(asked.sum()) == stats.distrusted and stats.outside == int((route == EXACT).sum()) - stats.distrusted


def test_router_off(tiny, flame):
    """All that changes goes to the network, whose elements are exact even where it is lost."""
    T, p, Y = flame
    done = tiny.learned(router=False).advance(T, p, Y, DT)
    assert done.stats.network > 0.6 * T.numel() and done.stats.outside == 0
    idle = done.route == SLOW
    assert torch.equal(done.T[idle], T[idle]) and int(idle.sum()) > 0
    conserved(tiny.gas, (T, Y), (done.T, done.Y), 1e-13)
    lost = tiny.learned(router=False, fallback="none").advance(T, p, Y[torch.randperm(10)], DT)
    assert bool(torch.isfinite(lost.T).all()) and float(lost.Y.min()) >= 0


def test_a_lost_network_costs_time_not_truth(tiny, flame):
    """Weights of noise: the router sends every cell that reacts to exact integration."""
    model = tiny.model()
    torch.manual_seed(draws.seed(0))
    for layer in model.networks[0].layers:
        torch.nn.init.normal_(layer.weight, std=3.0)
    T, p, Y = flame
    done = Learned(model, tiny.gas).advance(T, p, Y, DT)
    assert done.stats.network <= 1 and done.stats.exact > 30
    exact = tiny.gas.integrate(T, p, Y, DT, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(done.T, exact.T, rtol=1e-4)
    assert Learned(model, tiny.gas, network=False).advance(T, p, Y, DT).stats.network == 0
    with torch.no_grad():
        model.networks[0].layers[0].weight[0, 0] = torch.nan
    done = Learned(model, tiny.gas).advance(T, p, Y, DT)
    assert done.stats.network == 0 and bool(torch.isfinite(done.T).all()) and bool(torch.isfinite(done.Y).all())
    done = Learned(model, tiny.gas, fallback="none", router=False).advance(T, p, Y, DT)
    assert done.stats.network == 0 and done.stats.refused > 0 and bool(torch.isfinite(done.T).all())


def test_constant_volume(tiny, flame):
    """A model of (u, v): the density stays over sub-steps, and with it the pressure rises."""
    model = tiny.model()
    model.card["hold"] = "uv"
    T, p, Y = flame
    chem = Learned(model, tiny.gas, rtol=1e-7, atol=1e-12)
    done = chem.advance(T, p, Y, 6e-6)  # in three
    assert done.stats.substeps == 3
    u0, u1 = energy(tiny.gas, T, Y, "uv"), energy(tiny.gas, done.T, done.Y, "uv")
    assert float(((u1 - u0).abs() / (tiny.gas.cp(T, Y) * T)).max()) < 1e-12
    exact = tiny.gas.integrate(T, p, Y, 6e-6, "uv", rtol=1e-10, atol=1e-16)
    alone = Learned(model, tiny.gas, rtol=1e-7, atol=1e-12, network=False)  # which was taught another system
    np.testing.assert_allclose(alone.advance(T, p, Y, 6e-6).T, exact.T, rtol=1e-4)


# --- states as transport leaves them --------------------------------------------------------------------------------


def test_negative_and_unnormalised_input_is_counted_and_conserved(tiny, chem, flame, done):
    """What holds in every route: elements and energy of Y as given, and no species that reacts is left negative."""
    gas, (T, p, Y) = tiny.gas, flame
    Y = Y.clone()
    k = [gas.index("HO2"), gas.index("AR")]
    Y[k[0], 10::4] = -1e-9
    Y[k[1], 11::4] = -1e-12
    scale = torch.ones_like(T)
    scale[20::5] = 1.01
    Y = Y * scale
    found = chem.advance(T, p, Y, DT)
    assert found.stats.negative == int((Y < 0).any(0).sum()) > 30
    assert found.stats.unnormalised == int(((Y.sum(0) - 1).abs() > 1e-6).sum()) >= int((scale != 1).sum())
    conserved(gas, (T, Y), (found.T, found.Y))
    network = found.route == NETWORK
    active = [i for i in range(10) if gas.species[i] not in ("AR", "N2")]
    assert int(network.sum()) > 0 and float(found.Y[active].min()) >= 0
    np.testing.assert_allclose(found.Y[k[1]], Y[k[1]], rtol=1e-12, atol=0)  # inert: as it was
    # The amounts matter, not their sum: twice the mass of everything, the same change.
    np.testing.assert_allclose(found.T, done.T, atol=5.0)


@pytest.mark.parametrize("scale", [0.95, 1.05])
def test_the_sum_is_not_chemistrys(chem, flame, done, scale):
    T, p, Y = flame
    found = chem.advance(T, p, scale * Y, DT)
    assert found.stats.unnormalised == T.numel() and torch.equal(found.route, done.route)
    np.testing.assert_allclose(found.T, done.T, rtol=1e-6)
    np.testing.assert_allclose(found.Y, scale * done.Y, rtol=1e-4, atol=1e-9)


def spoilt(flame, where, cell, value):
    T, p, Y = (x.clone() for x in flame)
    {"T": T, "p": p, "Y": Y[3]}[where][cell] = value
    return T, p, Y


@pytest.mark.parametrize(
    "where, value, words",
    [
        ("T", torch.nan, "temperature nan"), ("T", 20.0, "temperature 20"), ("T", 1e5, "50 to 6000 K"),
        ("p", torch.nan, "pressure nan"), ("p", 0.0, "pressure 0"), ("p", torch.inf, "finite"),
        ("Y", torch.nan, "sum of mass fractions nan"), ("Y", torch.inf, "inf"), ("Y", 0.5, "0.9 to 1.1"),
    ],
)  # fmt: skip
def test_impossible_states_are_named(chem, flame, where, value, words):
    with pytest.raises(StateError, match=words) as found:
        chem.advance(*spoilt(flame, where, 7, value), DT)
    assert "cell (7,)" in str(found.value)


def test_a_large_negative_fraction_is_refused_whatever_the_sum(chem, flame):
    T, p, Y = flame
    Y = Y.clone()
    Y[3, 7], Y[9, 7] = -0.2, Y[9, 7] + Y[3, 7] + 0.2
    with pytest.raises(StateError, match="least mass fraction -0.2 .*-0.05 or more"):
        chem.advance(T, p, Y, DT)


def test_half_of_a_cell_is_refused(chem, flame):
    T, p, Y = flame
    half = torch.zeros_like(Y)
    half[:2] = 0.25  # exactly a half, in whatever order they are summed
    with pytest.raises(StateError, match="sum of mass fractions 0.5"):
        chem.advance(T, p, half, DT)


def test_wrong_shapes(chem, flame):
    T, p, Y = flame
    with pytest.raises(StateError, match="10 species"):
        chem.advance(T, p, Y[:9], DT)
    with pytest.raises(StateError, match="10 species"):
        chem.advance(T, p, Y.T, DT)
    with pytest.raises(StateError, match="T has shape"):
        chem.advance(T[:5], p, Y, DT)
    with pytest.raises(StateError, match="p has shape"):
        chem.advance(T, p.reshape(1, 1, -1), Y, DT)
    with pytest.raises(StateError, match="Y has shape"):
        chem.advance(300.0, 1e5, 1.0, DT)


@pytest.mark.parametrize("dt", [0.0, -1e-6, float("nan"), float("inf")])
def test_impossible_time_steps(chem, flame, dt):
    with pytest.raises(StateError, match="dt = "):
        chem.advance(*flame, dt)


def test_a_cell_too_hot_for_the_mechanism_keeps_its_number(tiny, flame):
    """Exact chemistry ends where the thermodynamic data do; the message names the cell of the batch, not of the few
    that are exact.
    """
    with pytest.raises(StateError, match="temperature 5500.* in cell .70,.: must be within the mechanism's 200 to"):
        tiny.learned().advance(*spoilt(flame, "T", 70, 5500.0), DT)


def test_gradients_are_not_kept(chem, flame):
    """A step is no part of a training graph."""
    T, p, Y = flame
    assert not chem.advance(T, p, Y.clone().requires_grad_(), DT).Y.requires_grad
