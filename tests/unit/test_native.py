"""The C++ kernels beside torch's: rates, factors, integration, histories; and what they leave to torch."""

from pathlib import Path

import pytest
import torch

from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate import systems
from combust.kinetics.integrate.native import library, pattern, tables
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.production import apply_sparse
from combust.kinetics.reactors import ignition
from combust.kinetics.reactors.ignition import ignition_delays

HERE = Path(__file__).parent
HOLDS = ("flow", "hp", "uv")
OWN = ("pressure_rates", "falloff_rates", "special_rates", "mixed_thermo")
MECHANISMS = ("h2o2.yaml", "gri30.yaml", *OWN)

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
def gases():
    return {name: Mechanism.load(str(HERE / f"{name}.yaml") if name in OWN else name) for name in MECHANISMS}


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


def test_an_interrupt_stops_the_integration(gases):
    gas = gases["gri30.yaml"]
    z, s, fixed = states(gas, "hp", 4000)

    def stop(arrived):
        raise KeyboardInterrupt

    first = torch.full((4000,), 1e-12, dtype=torch.float64)
    with pytest.raises(KeyboardInterrupt):
        ode.integrate_cells(
            ode.System(gas.kinetics, "hp"), METHODS["rodas4"], ode.Tolerance(1e-8, 1e-14),
            z, s * 0, 1.0, first, 8, fixed, arrived=stop,
        )  # fmt: skip


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
    assert made.order[-1] in (0, 8) and len(made.product) <= 8 * 9 + 9 * 9 + 100
    inner = sum(int((made.column[made.start[i] : made.start[i + 1]] < 9).sum()) for i in range(9))
    assert inner == 9 + 2 * 8  # no fill: the species that all depend on goes last


def test_net_coefficients_of_reactions(gases):
    """The tree of sums, taken apart, is the matrix that it stands for."""
    for gas in gases.values():
        net = gas.kinetics.rates.net
        count = gas.kinetics.rates.A.shape[0]
        dense = apply_sparse(net, torch.eye(count, dtype=torch.float64))
        rows = torch.zeros(count, len(gas.species), dtype=torch.float64)
        for r, terms in enumerate(tables.net_coefficients(net, count)):
            for k, nu in terms:
                rows[r, k] = nu
        assert torch.equal(rows, dense.T)


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


def test_code_has_a_place_where_the_cache_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(library.tempfile, "gettempdir", lambda: str(tmp_path / "other"))
    assert library._folder().parent == tmp_path / "other"
    monkeypatch.setattr(library.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(OSError, match="name a folder in TORCHINDUCTOR_CACHE_DIR"):
        library._folder()


def test_without_a_compiler_torch_serves(gases, monkeypatch, caplog):
    gas = gases["h2o2.yaml"]
    monkeypatch.setattr(library, "FLAGS", ("-no-such-flag",))
    library.library.cache_clear()
    try:
        assert compiled_for(gas.kinetics) is None
        assert "torch's slower kernels serve instead" in caplog.text and "no-such-flag" in caplog.text
    finally:
        library.library.cache_clear()
