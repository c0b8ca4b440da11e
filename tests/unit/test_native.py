"""The C++ kernels beside torch's: rates, factors, integration, histories; and what they leave to torch."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
import torch

from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import jacobian, production, systems
from combust.kinetics.integrate.native import library, pattern, structure
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import blocks
from combust.kinetics.rates.production import apply_sparse
from combust.kinetics.reactors import ignition
from combust.kinetics.reactors.ignition import ignition_delays

HERE = Path(__file__).parent
HOLDS = ("flow", "hp", "uv")
OWN = ("pressure_rates", "falloff_rates", "special_rates", "mixed_thermo")
# Third bodies that Cantera finds on both sides, of rate constants that depend on the pressure as well.
BODIES = """
- equation: H2O2 + H <=> OH + OH + H
  type: pressure-dependent-Arrhenius
  rate-constants:
  - {P: 0.1 atm, A: 1.0e+11, b: 0.0, Ea: 2000.0}
  - {P: 10 atm, A: 1.0e+13, b: 0.1, Ea: 4000.0}
- equation: HO2 + M <=> H + O2 + M
  type: Chebyshev
  temperature-range: [290.0, 3000.0]
  pressure-range: [0.01 atm, 100 atm]
  data: [[9.0, 1.0], [1.0, 0.5]]
  efficiencies: {H2O: 6.0}
"""
MECHANISMS = ("h2o2.yaml", "gri30.yaml", *OWN, "pressure_bodies")

pytestmark = pytest.mark.skipif(library.library() is None, reason="no C++ compiler")


def states(gas, hold, count=21, seed=0):
    """z, s and what is fixed, of mixtures with traces, absent and slightly negative species."""
    draw = torch.Generator().manual_seed(seed)
    n = len(gas.species)
    Y = torch.rand(n, count, generator=draw, dtype=torch.float64) ** 6
    Y[n // 2, ::3] = 0.0
    Y /= Y.sum(0)
    Y[n // 3, ::4] = -1e-9
    T = 500.0 + 2000.0 * torch.rand(count, generator=draw, dtype=torch.float64)
    p = 10 ** (4.0 + 3.0 * torch.rand(count, generator=draw, dtype=torch.float64))
    rho = gas.density(T, p, Y)
    z = torch.cat([T.unsqueeze(0), rho * Y if hold == "flow" else Y])
    s = 1e-3 * torch.randn(z.shape, generator=draw, dtype=torch.float64)
    return z, s, None if hold == "flow" else systems.Fixed(p if hold == "hp" else rho)


@pytest.fixture(scope="module")
def gases(tmp_path_factory):
    bodies = tmp_path_factory.mktemp("native") / "pressure_bodies.yaml"
    bodies.write_text((HERE / "pressure_rates.yaml").read_text() + BODIES)
    files = {name: str(HERE / f"{name}.yaml") for name in OWN} | {"pressure_bodies": str(bodies)}
    return {name: Mechanism.load(files.get(name, name)) for name in MECHANISMS}


def near(x, reference, rtol):
    """Within rtol of each value, or of 1e-10 of the largest of its cell: sums of rates cancel."""
    size = reference.abs() + 1e-10 * reference.abs().amax(0)
    return bool(((x - reference).abs() <= rtol * size).all())


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("name", MECHANISMS)
def test_rates_are_torchs(gases, name, hold):
    gas = gases[name]
    z, s, fixed = states(gas, hold)
    native = compiled_for(gas.kinetics)
    assert near(native.rates(hold, z, s, *(fixed or (None, None))), systems.rate(gas.kinetics, hold, z, s, fixed), 1e-8)


@pytest.mark.parametrize("name", MECHANISMS)
def test_production_rates_are_torchs(gases, name, monkeypatch):
    """Of any shape of cells, in slices; those of changed rates too, from as many cells as the tables are worth."""
    gas = gases[name]
    z = states(gas, "flow", 24)[0]
    T, C = z[0].reshape(4, 6), (z[1:] / gas.molar_mass[:, None]).reshape(-1, 4, 6)
    told = []
    monkeypatch.setattr(production, "SLICE", 9)
    monkeypatch.setattr(production, "compiled_for", lambda *x: told.append(1) or compiled_for(*x))
    by_torch = blocks.production_rates(gas.kinetics, T, C)
    assert near(production.production_rates(gas.kinetics, T, C).flatten(1), by_torch.flatten(1), 1e-8) and told
    told.clear()
    assert torch.equal(production.production_rates(gas.kinetics, T, C, once=True), by_torch) and not told
    monkeypatch.setattr(production, "PAYS_FROM", 24)
    assert near(production.production_rates(gas.kinetics, T, C, once=True).flatten(1), by_torch.flatten(1), 1e-8)
    leaf = T.clone().requires_grad_()
    production.production_rates(gas.kinetics, leaf, C).sum().backward()
    assert told and leaf.grad is not None


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("name", MECHANISMS)
def test_solves_are_those_of_the_dense_matrix(gases, name, hold):
    gas = gases[name]
    z, s, fixed = states(gas, hold, seed=1)
    shift = torch.logspace(5, 9, z.shape[1], dtype=torch.float64)
    J = systems.linearise(gas.kinetics, hold, z, s, fixed).jacobian
    A = (torch.eye(z.shape[0], dtype=z.dtype).unsqueeze(-1) * shift - J).permute(2, 0, 1)
    b = z * torch.linspace(-1, 1, z.numel(), dtype=z.dtype).reshape(z.shape)
    x, sign = compiled_for(gas.kinetics).solve(hold, z, s, None if fixed is None else fixed.held, shift, b)
    # The residual over what it is made of: the matrices are as ill-conditioned as chemistry makes them.
    residual = (A @ x.T.unsqueeze(-1)).squeeze(-1).T - b
    assert bool((residual.abs() <= 1e-7 * ((A.abs() @ x.T.abs().unsqueeze(-1)).squeeze(-1).T + b.abs())).all())
    assert torch.equal(sign, torch.linalg.slogdet(A)[0])


def test_dense_air_needs_no_pivots():
    """At 424 kg/m3, 300 to 3500 K, recombination is as fast as anywhere: solutions are those of factors with pivots."""
    gas = Mechanism.load("air.yaml")
    z, s, _ = states(gas, "uv", 400, seed=2)
    z[0], z[1:] = torch.linspace(300.0, 3500.0, 400, dtype=z.dtype), z[1:].clamp_min(0.0)
    held, shift = torch.full((400,), 424.0, dtype=z.dtype), torch.logspace(3, 16, 400, dtype=z.dtype).flip(0).roll(131)
    J = systems.linearise(gas.kinetics, "uv", z, s * 0, systems.Fixed(held)).jacobian
    A = (torch.eye(z.shape[0], dtype=z.dtype).unsqueeze(-1) * shift - J).permute(2, 0, 1)
    f = systems.rate(gas.kinetics, "uv", z, s * 0, systems.Fixed(held))
    x, sign = compiled_for(gas.kinetics).solve("uv", z, s * 0, held, shift, f)
    exact = torch.linalg.solve(A, f.T.unsqueeze(-1)).squeeze(-1).T
    tolerance = ode.Tolerance(1e-6, 1e-10)
    assert bool((tolerance.error(z, x - exact) <= 1e-3 * tolerance.error(z, exact).clamp_min(1.0)).all())
    assert torch.equal(sign, torch.linalg.slogdet(A)[0])


@pytest.mark.parametrize(("name", "hold"), [("h2o2.yaml", "flow"), ("special_rates", "uv")])
def test_integration_is_torchs(gases, name, hold, monkeypatch):
    gas = gases[name]
    z, s, fixed = states(gas, hold, 3)
    first = torch.full((3,), 1e-9, dtype=torch.float64)
    system, tolerance = ode.System(gas.kinetics, hold), ode.Tolerance(1e-6, 1e-10)

    def run():
        return ode.integrate_cells(system, METHODS["rodas4"], tolerance, z, s * 0, 2e-8, first, 8, fixed)

    native = run()
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    by_torch = run()
    assert not native.failed.numel() and not by_torch.failed.numel()
    assert float(tolerance.error(by_torch.z, native.z - by_torch.z).max()) < 0.1
    assert abs(native.steps - by_torch.steps) <= 0.02 * by_torch.steps + 2  # steps alike but for round-off


def test_cells_do_not_depend_on_their_company(gases):
    gas = gases["h2o2.yaml"]
    z, s, fixed = states(gas, "hp", 40)
    first = torch.full((40,), 1e-9, dtype=torch.float64)
    system, tolerance = ode.System(gas.kinetics, "hp"), ode.Tolerance(1e-6, 1e-10)

    def end(cells):
        given = (x[:, cells].contiguous() for x in (z, s))
        return ode.integrate_cells(
            system, METHODS["rodas4"], tolerance, *given, 1e-5, first[cells], 8, fixed.of(cells)
        ).z  # fmt: skip

    alone = torch.cat([end(slice(i, i + 1)) for i in range(40)], dim=1)
    assert torch.equal(end(slice(0, 40)), alone)
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        whole = z.repeat(1, 6), s.repeat(1, 6)
        many = ode.integrate_cells(
            system, METHODS["rodas4"], tolerance, *whole, 1e-5, first.repeat(6), 8, systems.Fixed(fixed.held.repeat(6))
        ).z
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(many, alone.repeat(1, 6))


def test_delays_are_torchs(gases, monkeypatch):
    gas = gases["h2o2.yaml"]
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)
    T = torch.tensor([1200.0, 1300.0], dtype=torch.float64)
    criteria = ["T max slope", "p half max", "OH max"]
    native = ignition_delays(gas, T, 1e5, Y, 1e-4, criterion=criteria)
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    assert torch.allclose(native, ignition_delays(gas, T, 1e5, Y, 1e-4, criterion=criteria), rtol=2e-4)


def test_members_of_an_ensemble_have_their_own_rates(gases):
    gas = gases["h2o2.yaml"]
    factors = torch.rand(29, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
    family = gas.ensemble(factors)
    z, s, fixed = states(family, "hp", 12)
    member = torch.arange(12) % 4
    f = compiled_for(family.kinetics).rates("hp", z, s, fixed.held, member)
    assert near(f, systems.rate(family.kinetics, "hp", z, s, systems.Fixed(fixed.held, member)), 1e-8)


def integrated(gas, cells, **options):
    """Ignitions that take minutes."""
    z, s, fixed = states(gas, "hp", cells)
    first = torch.full((cells,), 1e-12, dtype=torch.float64)
    system, tolerance = ode.System(gas.kinetics, "hp"), ode.Tolerance(1e-8, 1e-14)
    return ode.integrate_cells(system, METHODS["rodas4"], tolerance, z, s * 0, 1.0, first, 8, fixed, **options)


def test_an_error_of_progress_stops_the_integration(gases):
    def stop(arrived):
        raise ZeroDivisionError("of progress")

    with pytest.raises(ZeroDivisionError, match="of progress"):
        integrated(gases["gri30.yaml"], 4000, arrived=stop)


def test_an_interrupt_stops_the_integration(gases):
    """Comes as the function of progress begins, and is neither lost nor told as an exception that was ignored."""
    hook = sys.unraisablehook
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            integrated(gases["gri30.yaml"], 4000)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert sys.unraisablehook is hook


def test_states_that_are_none_have_no_rates(gases):
    """Of a temperature below zero too, whose logarithm is made of bits."""
    for name in ("h2o2.yaml", "special_rates"):
        z, s, fixed = states(gases[name], "uv", 8)
        z[0, 1], z[0, 2], z[2, 3], z[1:, 4] = -300.0, torch.nan, torch.nan, 0.0
        f = compiled_for(gases[name].kinetics).rates("uv", z, s, fixed.held, None)
        assert torch.isfinite(f).all(0).tolist() == [True, False, False, False, False, True, True, True]
        assert torch.equal(f.isfinite(), systems.rate(gases[name].kinetics, "uv", z, s, fixed).isfinite())


def test_arrays_of_other_shapes_and_types(gases):
    gas = gases["h2o2.yaml"]
    z, s, fixed = states(gas, "hp", 9)
    native = compiled_for(gas.kinetics)
    expected = native.rates("hp", z, s * 0 + 2.0, fixed.held * 0 + 1e5, None)
    two, pressure = torch.full((1, 1), 2.0, dtype=z.dtype), torch.tensor(1e5, dtype=z.dtype)
    assert torch.equal(native.rates("hp", z.T.contiguous().T, two, pressure, None), expected)
    with pytest.raises(RuntimeError, match="expand"):
        native.rates("hp", z, s[:, :4], fixed.held, None)
    system = ode.System(gas.kinetics, "hp")
    single = ode.evaluate(system, z, s, systems.Fixed(fixed.held.float()))
    assert torch.allclose(single, ode.evaluate(system, z, s, fixed), rtol=1e-4)
    followed = ode.evaluate(system, z, s, systems.Fixed(fixed.held.clone().requires_grad_()))
    assert followed.requires_grad


def test_derivatives_and_other_mechanisms_are_left_to_torch(gases, monkeypatch):
    gas = gases["h2o2.yaml"]
    z = states(gas, "flow")[0]
    assert compiled_for(gas.kinetics, z) is not None
    assert compiled_for(gas.kinetics, z.float()) is None
    assert compiled_for(gas.kinetics, z.clone().requires_grad_()) is None
    seen = []
    torch.func.jvp(lambda x: seen.append(compiled_for(gas.kinetics, x)) or x, (z,), (z,))
    torch.func.vmap(lambda x: seen.append(compiled_for(gas.kinetics, x)) or x)(z)
    assert seen == [None, None]
    special = Mechanism.load(str(HERE / "linear_burke_rates.yaml"))
    assert compiled_for(special.kinetics, z) is None
    learned = gas.with_parameters(A=gas.parameters.A.clone().requires_grad_())
    assert compiled_for(learned.kinetics, z) is None
    slower = gas.with_parameters(Ea_R=gas.parameters.Ea_R.clone().requires_grad_())
    assert compiled_for(slower.kinetics, z) is None
    torch.func.jvp(
        lambda A: seen.append(compiled_for(gas.with_parameters(A=A).kinetics)) or A, *[(gas.parameters.A,)] * 2
    )
    assert seen[2] is None
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    assert compiled_for(gas.kinetics, z) is None


def test_least_degree_keeps_an_arrow_sparse():
    arrow = [{0, *range(1, 9)}, *({0, i} for i in range(1, 9))]
    made = pattern.pattern_of(arrow)
    assert made.order[-1] in (0, 8) and made.dense_from == 7 and len(made.update) == 7 * 3 * 3
    inner = sum(int((made.column[made.start[i] : made.start[i + 1]] < 9).sum()) for i in range(9))
    assert inner == 9 + 2 * 8  # no fill: the species that all depend on goes last


def test_net_coefficients_of_reactions(gases):
    """The tree of sums, taken apart, is the matrix that it stands for."""
    for gas in gases.values():
        net = gas.kinetics.rates.net
        count = gas.kinetics.rates.A.shape[0]
        dense = apply_sparse(net, torch.eye(count, dtype=torch.float64))
        rows = torch.zeros(count, len(gas.species), dtype=torch.float64)
        for r, terms in enumerate(structure.net_coefficients(net, count)):
            for k, nu in terms:
                rows[r, k] = nu
        assert torch.equal(rows, dense.T)


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("count", [1, 9])
def test_jacobians(gases, hold, count):
    """Of both widths of the kernels, with sources, beside torch's."""
    for name, gas in gases.items():
        z, s, fixed = states(gas, hold, count)
        f, J = jacobian.linearise(gas.kinetics, hold, z, fixed, s)
        expected = systems.linearise(gas.kinetics, hold, z, s, fixed)
        scale = expected.jacobian.abs().amax((0, 1))
        assert float(((J - expected.jacobian) / scale).abs().max()) < 1e-11, name
        assert torch.allclose(f, expected.chemical, rtol=1e-9, atol=1e-9 * float(expected.chemical.abs().max()))


def test_other_rate_parameters_keep_the_structure(gases, monkeypatch):
    """The order of the unknowns and the sums of the Jacobian are found once, for a fit's many mechanisms."""
    gas = gases["gri30.yaml"]
    made = []
    monkeypatch.setattr(structure, "pattern_of", lambda *x: made.append(1) or pattern.pattern_of(*x))
    structure._made.cache_clear()
    A = gas.parameters.A.clone()
    fitted = [gas.with_parameters(A=(A * factor).requires_grad_()).detached for factor in (1.0, 1.1, 1.2)]
    z, s, fixed = states(gas, "hp", 3)
    rates = [compiled_for(x.kinetics).rates("hp", z, s, fixed.held, None) for x in fitted]
    assert len(made) == 1
    for other, f in zip(fitted, rates, strict=True):
        assert torch.allclose(f, systems.rate(other.kinetics, "hp", z, s, fixed), rtol=1e-9, atol=1e-9)


def test_ignition_of_a_mechanism_too_large_for_dense_factors(gases, monkeypatch):
    """Is integrated in C++ all the same, and goes to CVODE without; the delays are those of each other."""
    gas = gases["h2o2.yaml"]
    monkeypatch.setattr(ignition, "LARGEST_DENSE", 5)
    state = [1200.0, 1500.0], 2e5, gas.mixture("H2:1", "O2:1, N2:3.76", 1.0), 0.01
    told = []
    monkeypatch.setattr(ignition, "_by_cvode", lambda *x, by=ignition._by_cvode: told.append(1) or by(*x))
    native = ignition_delays(gas, torch.tensor(state[0]), *state[1:])
    assert not told
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    torch.testing.assert_close(native, ignition_delays(gas, torch.tensor(state[0]), *state[1:]), rtol=1e-4, atol=0)
    assert len(told) == 2


def test_round_off_in_the_duration_changes_no_number_of_steps(gases):
    """Steps that are refused become tenths of dt: ten of them, whatever rounding makes of that."""
    gas = gases["h2o2.yaml"]
    z, s, _ = states(gas, "flow", 60)
    system, tolerance = ode.System(gas.kinetics, "flow"), ode.Tolerance(1e-6, 1e-10)

    def path(dt):
        return ode.integrate_cells(system, METHODS["rodas3"], tolerance, z, s * 0, dt, dt, 8)

    dt = torch.full((60,), 4e-7, dtype=torch.float64)
    plain = path(dt)
    assert plain.rejected > 60
    for factor in (1 + 1e-15, 1 - 1e-13, 1 + 3e-11):
        other = path(dt * factor)
        assert (other.steps, other.rejected) == (plain.steps, plain.rejected)
        assert float(tolerance.error(plain.z, other.z - plain.z).max()) < 1e-3
