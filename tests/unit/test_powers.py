"""Orders below one, where C^n has no finite slope at zero, and rates that vanish: values, Jacobians, integration."""

from pathlib import Path

import cantera as ct
import pytest
import torch

from combust.errors import DivergenceError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import cvode, systems
from combust.kinetics.integrate.cvode import CellIntegrator
from combust.kinetics.rates import powers
from combust.kinetics.rates.production import production_rates
from combust.kinetics.rates.qss import with_tolerance

INPUTS = Path(__file__).parents[1] / "faults" / "inputs"
CELL = {"O2": 0.05, "H2O": 0.10, "CO": 0.012, "CO2": 0.103, "N2": 0.735}


def cell(gas, **other):
    Y = torch.zeros(len(gas.species), dtype=torch.float64)
    for name, value in {**CELL, **other}.items():
        Y[gas.index(name)] = value
    return Y / Y.sum()


def written(tmp_path, reaction, orders="", extra=""):
    """A mechanism of the species of fractional_order.yaml with this reaction alone."""
    text = (INPUTS / "fractional_order.yaml").read_text().split("reactions:")[0]
    path = tmp_path / "one.yaml"
    path.write_text(
        f"{text}reactions:\n- equation: {reaction}\n{extra}" + (f"  orders: {{{orders}}}\n" if orders else "")
    )
    return Mechanism.load(path)


@pytest.mark.parametrize("n", [-1.0, -0.3, 0.1, 0.5, 0.9])
def test_power_is_exact_above_the_trace_and_smooth_through_it(n):
    order, trace = torch.tensor([n], dtype=torch.float64), torch.tensor(1e-12, dtype=torch.float64)
    C = torch.logspace(-11.9, 0, 50, dtype=torch.float64)
    assert torch.allclose(powers.power(C, order, trace), C**n, rtol=1e-14, atol=0)
    near = torch.linspace(-2e-12, 2e-12, 4001, dtype=torch.float64)
    value, slope = powers.power(near, order, trace), powers.power_slope(near, order, trace)
    assert torch.isfinite(value).all() and torch.isfinite(slope).all()
    step = near[1] - near[0]
    change, mean = (value[1:] - value[:-1]) / step, 0.5 * (slope[1:] + slope[:-1])
    assert float((change - mean).abs().max()) < 2e-3 * float(slope.abs().max())
    assert torch.all(value[near < -1e-16] <= 0) and torch.all(value[near > 1e-16] > 0)


def test_one_cell_at_the_edge_of_a_law():
    """Cantera at rtol 1e-8, atol 1e-15 and a largest step of 1e-11 s: 1902.228 K; hydrogen is used up at once."""
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    Y = cell(gas)[:, None]
    end = gas.integrate(1900.0, 101325.0, Y, 2e-6, rtol=1e-4, atol=1e-9)
    assert end.stats.fallbacks == 0 and end.stats.steps + end.stats.rejected < 20
    assert float(end.T) == pytest.approx(1902.228, abs=0.01)
    assert abs(float(end.Y[gas.index("H2")])) < 1e-11


@pytest.mark.parametrize("n", [0.25, 0.5])
def test_what_is_used_up_stays_zero(tmp_path, n):
    """Hydrogen burns to nothing in finite time, and more comes in: any tolerance gives the same end."""
    text = (INPUTS / "fractional_order.yaml").read_text().replace("H2: 0.25", f"H2: {n}")
    (tmp_path / "gas.yaml").write_text(text)
    gas = Mechanism.load(tmp_path / "gas.yaml")
    Y = torch.stack([cell(gas), cell(gas, H2=1e-3), cell(gas, H2=-1e-8)], 1)
    exact = gas.integrate(1900.0, 101325.0, Y, 1e-5, rtol=1e-6, atol=1e-10)
    end = gas.integrate(1900.0, 101325.0, Y, 1e-5, rtol=1e-4, atol=1e-9)
    assert end.stats.fallbacks == 0 and end.stats.steps + end.stats.rejected < 400
    assert float(end.Y.min()) > -2e-8 and float(end.Y[:, :2].min()) > -1e-9
    assert float((end.T - exact.T).abs().max()) < 1e-2
    assert float((end.Y - exact.Y).abs().max()) < 1e-6


@pytest.mark.parametrize("hold", ["hp", "uv"])
@pytest.mark.parametrize("atol", [1e-9, 1e-12])
def test_jacobian_at_the_edge_is_the_derivative(hold, atol):
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    kin, held = with_tolerance(gas.kinetics, atol), torch.tensor([101325.0 if hold == "hp" else 0.2])
    trace = powers.trace_of(atol) / 6e-3  # mole fraction
    for amounts in (
        {"H2": 0.0},
        {"H2": 0.03 * trace},
        {"H2": -0.03 * trace},
        {"H2": -1e-8},
        {"H2": -1e-8, "O2": -1e-9},
    ):
        z = torch.cat([torch.tensor([1900.0], dtype=torch.float64), cell(gas, **amounts)])
        s = torch.zeros_like(z)[:, None]
        fixed = systems.Fixed(held.to(z))
        ours = systems.linearise(kin, hold, z[:, None], s, fixed).jacobian[..., 0]
        exact = torch.func.jacfwd(lambda z: systems.rate(kin, hold, z[:, None], s, fixed)[:, 0])(z)
        assert torch.isfinite(ours).all()
        assert torch.all((ours - exact).abs() <= 1e-8 * exact.abs() + 1e-12 * exact.abs().amax(-1, keepdim=True))


def test_two_negative_factors_or_a_spectator_make_no_rate(tmp_path):
    extra = "  rate-constant: {A: 1e12, b: 0, Ea: 0}\n  nonreactant-orders: true\n"
    gas = written(tmp_path, "2 H2 + O2 => 2 H2O", "H2: 0.25, O2: 0.5, CO: 0.5", extra)
    names, T = ("H2", "O2", "CO"), torch.tensor([1900.0], dtype=torch.float64)

    def made(*amounts):
        C = cell(gas)[:, None] * 6e-3
        for name, x in zip(names, amounts, strict=True):
            C[gas.index(name)] = x
        return float(production_rates(gas.kinetics, T, C)[gas.index("H2O")])

    assert made(1e-9, 1e-3, 1e-3) > 0 > made(-1e-22, 1e-3, 1e-3)
    assert made(1e-9, -1e-22, 1e-3) < 0 == made(0.0, 1e-3, 1e-3)
    assert made(-1e-9, -1e-9, 1e-3) == made(1e-3, 1e-3, -1e-9) == made(-1e-9, -1e-9, -1e-9) == 0


@pytest.mark.parametrize(
    "low, high, kind, orders",
    [
        ("1e18", "0", "falloff", ""),
        ("0", "1e13", "falloff", ""),
        ("0", "0", "falloff", ""),
        ("1e18", "0", "chemically-activated", ""),
        ("0", "1e13", "chemically-activated", ""),
        ("1e18", "0", "falloff", "  Troe: {A: 0.5, T3: 1.0e-30, T1: 1.0e+30}\n"),
        ("0", "1e13", "falloff", "  Troe: {A: 0.5, T3: 0.0, T1: 0.0}\n"),
        ("1e18", "1e13", "falloff", "  Troe: {A: 0.0, T3: 1.0e+30, T1: 1.0e-30}\n"),
        ("0", "1e13", "falloff", "  SRI: {A: 1.1, B: 700.0, C: 1234.0}\n"),
    ],
)
def test_jacobian_is_finite_where_a_rate_vanishes(tmp_path, low, high, kind, orders):
    """Equal to the one by automatic differentiation, and to the limit of rates that vanish."""
    limits = f"  low-P-rate-constant: {{A: {low}, b: 0, Ea: 0}}\n  high-P-rate-constant: {{A: {high}, b: 0, Ea: 0}}\n"
    gas = written(tmp_path, "CO + H2O (+M) <=> CO2 + H2 (+M)", extra=f"  type: {kind}\n{limits}{orders}")
    z = torch.cat([torch.tensor([1900.0], dtype=torch.float64), cell(gas, H2=1e-3)])
    s, fixed = torch.zeros_like(z)[:, None], systems.Fixed(torch.tensor([101325.0], dtype=torch.float64))
    ours = gas.jacobian(z[0], 101325.0, z[1:])
    exact = torch.func.jacfwd(lambda z: systems.rate(gas.kinetics, "hp", z[:, None], s, fixed)[:, 0])(z)
    assert torch.isfinite(ours).all()
    if torch.isfinite(exact).all():
        assert torch.all((ours - exact).abs() <= 1e-8 * exact.abs() + 1e-12 * exact.abs().amax(-1, keepdim=True))
    if "0" in (low, high) and not (kind == "chemically-activated" and high != "0"):
        assert float(ours.abs().max()) < 1e-100


def test_parameters_keep_the_low_limit_of_a_dead_reaction(tmp_path):
    limits = "  low-P-rate-constant: {A: 1e18, b: 0.5, Ea: 0}\n  high-P-rate-constant: {A: 0, b: 0, Ea: 0}\n"
    gas = written(tmp_path, "CO + H2O (+M) <=> CO2 + H2 (+M)", extra=f"  type: falloff\n{limits}")
    p = gas.parameters
    assert float(p.A[0]) == 0.0 and float(p.A_low[0]) == pytest.approx(1e12, rel=1e-10)
    alive = gas.with_parameters(A=torch.tensor([1e7], dtype=torch.float64))
    assert float(alive.net_production_rates(1900.0, 1e5, cell(gas)).abs().max()) > 0
    assert torch.equal(gas.with_parameters().net_production_rates(1900.0, 1e5, cell(gas)), torch.zeros(6))


def test_cvode_tightens_where_it_falls_below_zero():
    """At the flow's tolerances CVODE steps through zero to Y_H2 = -4.6e-5, where Cantera's rates end."""
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    z = torch.cat([torch.tensor([1900.0], dtype=torch.float64), cell(gas)])
    integrator = CellIntegrator(gas, 1e-4, 1e-9, "hp")
    once = integrator._integrate(z.numpy(), 0 * z.numpy(), 2e-6, 101325.0)
    assert once[1 + gas.index("H2")] < -1e-5  # Cantera's, so that this test still shows what it should
    end = integrator(0, z, 0 * z, 2e-6, 101325.0)
    assert float(end[1:].min()) >= -1e-9 and float(end[0]) == pytest.approx(1902.228, abs=0.01)


def test_cvode_takes_less_than_nothing_that_is_the_solution():
    """Transport takes more H out of cold gas than is there; the H that lacks takes HO2 below zero as well."""
    gas = Mechanism.load("h2o2.yaml")
    y = dict(H2=0.0239, O2=0.1919, N2=0.632, H2O=6.96e-6, HO2=1.48e-6, H2O2=2.27e-7, OH=6.4e-8, O=3.2e-8, H=3.8e-11)
    z, s = torch.zeros(2, 1 + len(gas.species), dtype=torch.float64)
    for name, value in y.items():
        z[1 + gas.index(name)] = value
    z[0], s[1 + gas.index("H")] = 301.5, -0.0421
    end = CellIntegrator(gas, 1e-6, 1e-10)(0, z, s, 2e-6)
    exact = CellIntegrator(gas, 1e-12, 1e-20)._integrate(z.numpy(), s.numpy(), 2e-6, None)
    assert float(end[1 + gas.index("HO2")]) < -1e-7
    torch.testing.assert_close(end, torch.from_numpy(exact), rtol=1e-6, atol=1e-9)


def test_cvode_gives_up_with_the_reason(monkeypatch):
    gas = Mechanism.load(INPUTS / "fractional_order.yaml")
    z = torch.cat([torch.tensor([1900.0], dtype=torch.float64), cell(gas)])
    monkeypatch.setattr(cvode, "TIGHTER", (1.0,))
    with pytest.raises(DivergenceError, match=r"the result has H2 = -.*below -atol"):
        CellIntegrator(gas, 1e-4, 1e-9, "hp")(0, z, 0 * z, 2e-6, 101325.0)


def test_no_work_without_such_orders():
    gas = Mechanism.load("h2o2.yaml")
    assert with_tolerance(gas.kinetics, 1e-9) is gas.kinetics and not any(x.numel() for x in gas.rates.edge)


@pytest.mark.parametrize("steps", ["one", "two", "four"])
def test_global_mechanisms_ignite_as_in_cantera(steps):
    """Methane by one step of order -0.3, two of 0.5 and 0.65, four of 0.5 and 0.25; Cantera at tight tolerances."""
    gas = Mechanism.load(INPUTS / f"global_{steps}.yaml")
    Y, times = gas.mixture("CH4:1", "O2:1, N2:3.76", 1.0), [1e-5, 1e-4, 1e-2]
    end = gas.integrate(
        torch.full((3,), 1500.0), 1e5, Y[:, None].expand(-1, 3), torch.tensor(times, dtype=torch.float64), rtol=1e-4,
        atol=1e-9,
    )  # fmt: skip
    assert end.stats.fallbacks == 0 and float(end.Y.min()) > -1e-9
    for t, T in zip(times, end.T.tolist(), strict=True):
        solution = gas.cantera()
        solution.TPY = 1500.0, 1e5, Y.numpy()
        network = ct.ReactorNet([reactor := ct.IdealGasConstPressureReactor(solution, clone=False)])
        network.rtol, network.atol, network.max_steps = 1e-9, 1e-16, 200_000
        network.advance(t)
        assert reactor.T == pytest.approx(T, abs=0.01)
