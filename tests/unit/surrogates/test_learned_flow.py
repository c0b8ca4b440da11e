"""Learned chemistry in the flow: a planar flame of few cells, what it conserves, how near it is to exact chemistry,
what may be asked of it.
"""

import learned_fixture
import numpy as np
import pytest
import torch

from combust import kernels
from combust.case.load import convert
from combust.errors import ConfigError, DivergenceError, StateError
from combust.io.series import read_series
from combust.io.vtr import read_vtr
from combust.kinetics.integrate.state import pack
from combust.kinetics.providers.direct import Direct
from combust.parallel import Communicator
from combust.run import build as case
from combust.surrogates.model.model import Model
from combust.surrogates.provider.flow import LearnedFlow
from combust.surrogates.provider.splitting import SPLITTINGS
from combust.surrogates.trust.parts import Parts
from combust.surrogates.trust.router import misfit
from combust.surrogates.trust.routes import EXACT, NETWORK, REFUSED, SLOW

torch.set_num_threads(1)
DT, STEPS = 2e-6, 12  # the longest step of the model's range: most cells are left to the network


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return learned_fixture.make(tmp_path_factory)


def build(tiny, chemistry=None, **tables):
    kernels.set_mode("eager")
    return case.build(tiny.case(chemistry, **tables), Communicator())


def steps(flow, count=STEPS, dt=DT):
    for _ in range(count):
        flow.advance(dt)
    return flow


@pytest.fixture(scope="module")
def exact(tiny):
    return steps(build(tiny, {"kind": "direct", "rtol": 1e-6, "atol": 1e-11}))


@pytest.fixture(scope="module")
def flow(tiny):
    return steps(build(tiny))


def balanced(flow, elements=1e-12):
    assert abs(flow.quantity("mass_error")) < 1e-13
    assert flow.quantity("element_error") < elements
    assert abs(flow.quantity("enthalpy_error")) < 1e-12
    assert np.isfinite(flow.field("T")).all()


def near(flow, exact, T, Y, speed):
    """Largest differences of T [K] and of Y in shares of its largest value, relative one of the flame speed."""
    assert float(np.abs(flow.field("T") - exact.field("T")).max()) < T
    for name in ("H2", "H2O", "OH", "H", "HO2"):
        wanted = exact.field(f"Y_{name}")
        assert np.abs(flow.field(f"Y_{name}") - wanted).max() < Y * wanted.max(), name
    assert flow.quantity("flame_speed") == pytest.approx(exact.quantity("flame_speed"), rel=speed)


# --- the flame ------------------------------------------------------------------------------------------------------


def test_balances_and_nearness(flow, exact):
    balanced(flow)
    near(flow, exact, T=0.2, Y=3e-3, speed=1e-3)
    assert flow.quantity("Y_min") > -1e-9
    shares = {name: flow.quantity(f"{name}_share") for name in ("slow", "network", "exact", "refused")}
    assert sum(shares.values()) == pytest.approx(1.0) and shares["refused"] == 0
    assert min(shares["slow"], shares["network"], shares["exact"]) > 0, shares


@pytest.mark.parametrize("splitting", SPLITTINGS)
def test_splittings(tiny, exact, splitting):
    """The correction makes up for what splitting does."""
    flow = steps(build(tiny, {"splitting": splitting}))
    balanced(flow)
    near(flow, exact, T=0.2, Y=3e-3, speed=1e-3)


@pytest.mark.parametrize(
    "chemistry",
    [{"fallback": "cvode"}, {"precision": "bf16"}, {"precision": "fp64"}, {"share": "on", "pool": 4}],
    ids=lambda x: ",".join(map(str, x.values())),
)
def test_options(tiny, exact, chemistry):
    flow = steps(build(tiny, chemistry))
    balanced(flow, 1e-8 if "fallback" in chemistry else 1e-12)  # CVODE keeps elements to its own tolerance
    near(flow, exact, T=0.2, Y=3e-3, speed=1e-3)


@pytest.mark.parametrize("chemistry", [{"fallback": "none"}, {"router": False}, {"router": False, "fallback": "none"}])
def test_without_what_makes_it_exact(tiny, chemistry):
    """It runs, it conserves, and it says what it did not do."""
    untrusted = {"gas": {"pressure": 1.2e5}} if chemistry == {"fallback": "none"} else {}  # above the range
    flow = steps(build(tiny, chemistry, **untrusted))
    balanced(flow)
    refused, exact = (flow.quantity(f"{name}_share") for name in ("refused", "exact"))
    assert (flow.quantity("network_share") == 0) == bool(untrusted)
    assert exact == 0 if "fallback" in chemistry else refused == 0
    if chemistry == {"fallback": "none"}:
        assert refused > 0 and (flow.field("route") == REFUSED).sum() == round(refused * 32)
    if "router" in chemistry:
        assert flow.quantity("slow_share") == 0


def test_strang_coupling(tiny):
    """Chemistry alone, in half steps: no transport in it."""
    flow = steps(build(tiny, numerics={"coupling": "strang"}))
    other = steps(build(tiny, {"kind": "direct"}, numerics={"coupling": "strang"}))
    balanced(flow)
    near(flow, other, T=0.2, Y=1e-2, speed=1e-3)
    assert flow.quantity("network_share") > 0


def test_one_sweep(tiny):
    flow = steps(build(tiny, numerics={"sweeps": 1}))
    other = steps(build(tiny, {"kind": "direct"}, numerics={"sweeps": 1}))
    balanced(flow)
    near(flow, other, T=0.2, Y=3e-3, speed=1e-3)


def test_steps_and_pressures_out_of_range_are_exact(tiny):
    for dt in (1.5e-7, 2.5e-6):
        flow = steps(build(tiny), 2, dt)
        assert flow.quantity("network_share") == 0 and flow.quantity("refused_share") == 0
        assert flow.quantity("exact_share") > 0 or dt < 1e-6  # then all may be slow
    high = steps(build(tiny, gas={"pressure": 2e5}), 2)
    assert high.quantity("network_share") == 0 and high.quantity("exact_share") > 0
    balanced(high)


def test_repeats_bit_by_bit(tiny, flow):
    again = steps(build(tiny))
    for name in ("T", "Y_OH", "route", "route_error"):
        assert np.array_equal(again.field(name), flow.field(name)), name


# --- what may be asked of it ----------------------------------------------------------------------------------------


def test_fields_of_routes(tiny, flow):
    route, error = flow.field("route"), flow.field("route_error")
    assert route.shape == error.shape == (1, 1, 32)
    for number, name in ((SLOW, "slow"), (NETWORK, "network"), (EXACT, "exact"), (REFUSED, "refused")):
        assert (route == number).mean() == pytest.approx(flow.quantity(f"{name}_share"))
    limit = float(Model.load(tiny.strict).tables["trust.limit"])
    assert (error[route == SLOW] == 0).all() and (error[route == NETWORK] <= limit).all()
    assert error[route == NETWORK].max() > 0 and flow.quantity("max(route_error)") == error.max()
    assert 0 < flow.quantity("mean(route)") < 2
    # Cold gas does not react; the front does.
    assert (route[flow.field("T") < 301.0] == SLOW).all()
    assert (route[flow.field("Y_HO2") > 0.5 * flow.field("Y_HO2").max()] != SLOW).any()
    stats = flow.scheme.chemistry.routes
    assert stats.cells == 32 == stats.slow + stats.network + stats.exact
    assert flow.scheme.chemistry_stats.cells == 32 and flow.scheme.chemistry_stats.skipped == stats.slow


def test_before_the_first_step(tiny):
    flow = build(tiny)
    assert (flow.field("route") == 0).all() and (flow.field("route_error") == 0).all()
    assert all(flow.quantity(f"{name}_share") == 0 for name in ("slow", "network", "exact", "refused"))


def test_only_learned_chemistry_has_routes(exact):
    for ask in (exact.field, exact.quantity):
        with pytest.raises(ConfigError, match='needs chemistry.kind = "learned"'):
            ask({exact.field: "route", exact.quantity: "network_share"}[ask])


def test_output_of_a_run(tiny, tmp_path):
    """Series columns, fields and the case file that a run leaves behind."""
    from combust.io.folder import Folder
    from combust.run.course import simulation

    config = tiny.case(
        output={"directory": str(tmp_path / "out"),
                "fields": {"names": ["T", "route", "route_error"], "every": {"steps": 5}},
                "series": {"quantities": ["slow_share", "network_share", "exact_share", "max(route_error)"],
                           "every": {"steps": 1}}},
        stop={"steps": 5},
    )  # fmt: skip
    folder = Folder(config.output.directory)
    folder.path.mkdir(parents=True, exist_ok=True)
    assert simulation(case.build(config, Communicator()), config, folder).run().exit_code == 0
    series = read_series(folder.series)
    total = np.add(series["slow_share"], np.add(series["network_share"], series["exact_share"]))
    assert len(total) == 6 and total[0] == 0 and np.allclose(total[1:], 1.0) and max(series["max(route_error)"]) > 0
    found = read_vtr(tmp_path / "out" / "fields_000005.vtr").fields
    assert set(np.unique(found["route"])) <= {0, 1, 2} and found["route"].shape[-1] == 32


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chemistry, words",
    [
        ({"fallback": "hope"}, "fallback"), ({"splitting": "none"}, "splitting"), ({"precision": "fp8"}, "precision"),
        ({"share": "maybe"}, "share"), ({"pool": 0}, "pool"), ({"rtol": -1.0}, "rtol"), ({"trust": True}, "trust"),
        ({"model": ""}, "model"),
    ],
    ids=lambda x: str(x),
)  # fmt: skip
def test_unknown_settings_are_refused(tiny, chemistry, words):
    with pytest.raises(ConfigError, match=words):
        tiny.case(chemistry)


def test_the_model_is_needed(tiny):
    raw = {name: dict(table) for name, table in learned_fixture.CASE.items()} | {"chemistry": {"kind": "learned"}}
    with pytest.raises(ConfigError, match="model"):
        convert(raw, "test")


def test_a_model_of_constant_volume_is_refused(tiny):
    model = tiny.model()
    model.card["hold"] = "uv"
    with pytest.raises(ConfigError, match='keeps uv; a low-Mach flow needs one of "hp"'):
        LearnedFlow(Parts.of(model, tiny.gas), Direct(tiny.gas))
    with pytest.raises(ConfigError, match="known are lie, strang"):
        LearnedFlow(Parts.of(tiny.model(), tiny.gas), Direct(tiny.gas), splitting="none")


# --- the provider alone ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cells(tiny):
    """T, rho Y of the flame, and transport rates Q, Qh of its own size."""
    T, p, Y = tiny.flame(every=4)
    rhoY = tiny.gas.density(T, p, Y) * Y
    Q = 2e3 * (rhoY.roll(-1, 1) - 2 * rhoY + rhoY.roll(1, 1))
    Q[:, [0, -1]] = 0.0
    return T, rhoY, Q - Q.sum(0) * Y, 1e7 * torch.sin(torch.arange(T.numel()) / 5.0)


def limited(tiny, limit, rtol=1e-4, atol=1e-8):
    parts = Parts.of(tiny.model(), tiny.gas)
    parts.trust = parts.trust._replace(limit=torch.full_like(parts.trust.limit, limit))
    return LearnedFlow(parts, Direct(tiny.gas, rtol, atol))


@pytest.fixture(scope="module")
def middle(tiny, cells):
    """A limit that leaves half of the cells that the network is asked for to it, whatever it is good at."""
    T, rhoY, Q, Qh = cells
    trusting = limited(tiny, torch.inf)
    trusting.advance(trusting.begin(T, rhoY, DT), Q, Qh)
    found = trusting.error[trusting.error > 0].sort().values
    assert len(found) > 20
    return float(found[len(found) // 2 - 1 : len(found) // 2 + 1].mean())


@pytest.fixture
def provider(tiny, middle):
    return limited(tiny, middle)


def test_a_step_against_exact_integration(tiny, provider, cells):
    T, rhoY, Q, Qh = cells
    exact = Direct(tiny.gas, 1e-8, 1e-14)
    done = provider.advance(provider.begin(T, rhoY, DT), Q, Qh)
    wanted = exact.advance(exact.begin(T, rhoY, DT), Q, Qh)
    counts = [int((provider.route == r).sum()) for r in (SLOW, NETWORK, EXACT)]
    assert min(counts) > 1, counts
    assert float((done.T - wanted.T).abs().max()) < 2.0
    atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
    np.testing.assert_allclose(atoms @ done.rhoY, atoms @ (rhoY + DT * Q), rtol=1e-13, atol=1e-18)


def test_later_sweeps(tiny, provider, cells):
    """The same transport again changes nothing; another one is followed, by the routes of the first."""
    T, rhoY, Q, Qh = cells
    begun = provider.begin(T, rhoY, DT)
    first = provider.advance(begun, Q, Qh)
    route = provider.route.clone()
    again = provider.advance(begun, Q, Qh)
    np.testing.assert_allclose(again.T, first.T, rtol=1e-9)
    np.testing.assert_allclose(again.rhoY, first.rhoY, rtol=1e-7, atol=1e-14)
    exact = Direct(tiny.gas, 1e-8, 1e-14)
    for factor in (1.02, 1.5, 0.0):  # a little, much, none at all
        done = provider.advance(begun, factor * Q, factor * Qh)
        wanted = exact.advance(exact.begin(T, rhoY, DT), factor * Q, factor * Qh)
        assert torch.equal(provider.route, route) and float((done.T - wanted.T).abs().max()) < 3.0, factor
        atoms = tiny.gas.element_matrix / tiny.gas.molar_mass
        np.testing.assert_allclose(atoms @ done.rhoY, atoms @ (rhoY + factor * DT * Q), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("factor", [1.02, 1.5])
def test_later_sweeps_of_exact_cells(tiny, cells, factor):
    """By a little, to first order; by much, integrated anew: within a share of what is allowed in a step either way.

    All cells that are not slow are exact, and closely so in the first sweep: what is seen is the second's.
    """
    T, rhoY, Q, Qh = cells
    provider = limited(tiny, 0.0, 1e-7, 1e-13)
    begun = provider.begin(T, rhoY, DT)
    provider.advance(begun, Q, Qh)
    done = provider.advance(begun, factor * Q, factor * Qh)
    exact = Direct(tiny.gas, 1e-8, 1e-14)
    wanted = exact.advance(exact.begin(T, rhoY, DT), factor * Q, factor * Qh)
    here, z, a, b = provider.route == EXACT, pack(T, rhoY), pack(done.T, done.rhoY), pack(wanted.T, wanted.rhoY)
    wrong = misfit(provider.parts.trust, z, b, a - b)[here]
    assert wrong.numel() > 20 and float(wrong.max()) < 0.2


def test_a_later_sweep_that_the_network_cannot_follow(provider, cells, monkeypatch):
    """It loses its way with the new transport: the cells keep the linear response, nothing becomes NaN."""
    T, rhoY, Q, Qh = cells
    begun = provider.begin(T, rhoY, DT)
    provider.advance(begun, Q, Qh)
    network = provider.parts.network

    def lost(*given):
        done = network(*given)
        return done._replace(T=done.T * torch.nan, Y=done.Y * torch.nan)

    monkeypatch.setattr(provider.parts, "network", lost)
    done = provider.advance(begun, 5.0 * Q, 5.0 * Qh)
    assert bool(torch.isfinite(done.T).all()) and bool(torch.isfinite(done.rhoY).all())


def test_inputs_are_not_written_to(provider, cells):
    T, rhoY, Q, Qh = (x.clone() for x in cells)
    begun = provider.begin(T, rhoY, DT)
    provider.advance(begun, Q, Qh)
    provider.advance(begun, 1.1 * Q, Qh)
    assert all(torch.equal(a, b) for a, b in zip((T, rhoY, Q, Qh), cells, strict=True))


def test_rates_are_exact_and_remembered(tiny, provider, cells):
    T, rhoY, Q, Qh = (x.clone() for x in cells)
    rates = provider.rates(T, rhoY)
    np.testing.assert_allclose(rates, Direct(tiny.gas).rates(T, rhoY), rtol=1e-12)
    T += 50.0  # a caller writes into what it passed: that is another state
    assert float((provider.rates(T, rhoY) - rates).abs().max()) > 0
    T -= 50.0
    np.testing.assert_array_equal(provider.rates(*(x.clone() for x in cells[:2])), rates)


def test_no_cells(provider, cells):
    none = [x[..., :0] for x in cells]
    done = provider.advance(provider.begin(none[0], none[1], DT), none[2], none[3])
    assert done.T.shape == (0,) and done.rhoY.shape == (10, 0) and provider.routes.cells == 0


def test_lost_states_are_named(provider, cells):
    T, rhoY, Q, Qh = cells
    for row, value, words in (
        (None, torch.nan, "cell 4 has T = nan"),
        (3, torch.nan, "cell 4 has"),
        (None, 9e3, "allowed 50 to 6000"),
    ):
        t, r = T.clone(), rhoY.clone()
        (t if row is None else r[row])[4] = value
        with pytest.raises(StateError, match=words):
            provider.begin(t, r, DT)
    r = rhoY.clone()
    r[0, 4] = -0.9 * float(r[:, 4].sum()) + float(r[0, 4])  # more negative hydrogen than gas: p < 0 at rho > 0
    with pytest.raises(StateError, match="pressure -.* in cell .4,."):
        provider.begin(T, r, DT)
    bad = Q.clone()
    bad[2, 4] = torch.nan
    with pytest.raises(StateError, match="source .* of cell 4 is not finite"):
        provider.advance(provider.begin(T, rhoY, DT), bad, Qh)


def test_nan_in_the_flow_ends_with_divergence(tiny):
    flow = steps(build(tiny), 2)
    flow.current.U[3, 0, 0, 9] = float("nan")
    with pytest.raises(DivergenceError):
        flow.advance(DT)
    flow = steps(build(tiny), 2)
    flow.current.q[0, ..., 9] = float("nan")
    with pytest.raises(DivergenceError):
        flow.advance(DT)
