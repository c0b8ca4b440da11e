"""Quasi-steady-state species: by hand, against the mechanism with all species, in Cantera, in the integrators."""

import re
import subprocess
import sys
import warnings

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust import kernels
from combust.errors import MechanismError
from combust.kinetics import Mechanism
from combust.kinetics.integrate import cells as ode
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.rates import production as rates
from combust.kinetics.rates import qss
from combust.kinetics.rates.thermo import GAS_CONSTANT
from combust.kinetics.reactors.ignition import ignition_delays
from combust.reduction.select import qss as reduction
from combust.reduction.submechanism import Parent

METHANE = (
    "H2 H O O2 OH H2O HO2 H2O2 CH2 CH2(S) CH3 CH4 CO CO2 HCO CH2O CH2OH CH3O CH3OH C2H2 C2H3 C2H4 C2H5 C2H6 HCCO "
    "CH2CO N2"
).split()
QSS = ["CH2(S)", "HCO", "CH2OH", "CH3O", "C2H3", "C2H5", "HCCO"]

CHAIN = (
    """
phases:
- {name: gas, thermo: ideal-gas, elements: [N], species: [A, B, X, Y], kinetics: gas,
   combust: {qss: {species: [X, Y]}}}
species:
"""
    + "".join(
        f"- {{name: {name}, composition: {{N: 2}}, thermo: {{model: constant-cp, h0: 0.0, s0: 190, cp0: 29}}}}\n"
        for name in "ABXY"
    )
    + """
reactions:
- {equation: A => X, rate-constant: {A: 3.0, b: 0, Ea: 0}}
- {equation: X => Y, rate-constant: {A: 500.0, b: 0, Ea: 0}}
- {equation: Y => X, rate-constant: {A: 200.0, b: 0, Ea: 0}}
- {equation: X => A, rate-constant: {A: 100.0, b: 0, Ea: 0}}
- {equation: Y <=> B, rate-constant: {A: 50.0, b: 0, Ea: 0}}
"""
)


@pytest.fixture(scope="module")
def parent():
    return Parent(Mechanism.load("gri30.yaml"))


def rows(parent, names):
    return [parent.gas.index(name) for name in names]


@pytest.fixture(scope="module")
def files(parent, tmp_path_factory):
    """YAML of a methane mechanism made linear, and the same with QSS species."""
    text, module = reduction.export(parent, parent.keep(rows(parent, METHANE)), rows(parent, QSS), {"of": "gri30"})
    folder = tmp_path_factory.mktemp("qss")
    (folder / "qss.yaml").write_text(text)
    (folder / "own.py").write_text(module)
    return folder / "qss.yaml"


@pytest.fixture(scope="module")
def steady(files):
    return Mechanism.load(files)


@pytest.fixture(scope="module")
def full(files, tmp_path_factory):
    """The mechanism of all species."""
    path = tmp_path_factory.mktemp("full") / "full.yaml"
    path.write_text(re.sub(r"      qss:\n(        .*\n)+", "", files.read_text()))
    gas = Mechanism.load(path)
    assert not gas.qss
    return gas


@pytest.fixture(scope="module")
def igniting(full):
    """T (states,) and Y (species, states) of all species along an ignition at 1 bar."""
    solution = full.cantera()
    solution.TPX = 1500.0, 1e5, "CH4:1, O2:2, N2:7.52"
    reactor = ct.IdealGasConstPressureReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    states, last = [], 0.0
    while network.time < 2e-3:
        network.step()
        if abs(reactor.T - last) > 60.0:
            states.append([reactor.T, *solution.Y])
            last = reactor.T
    states = torch.tensor(np.array(states)).T
    return states[0], states[1:]


def kept(full, steady, Y):
    """Mass fractions of the kept species, summing to one."""
    Y = Y[[full.index(name) for name in steady.species]]
    return Y / Y.sum(0)


def test_linear_chain_by_hand(tmp_path):
    """Two coupled species: losses and exchange from the rate constants, solved as a 2 x 2 system."""
    path = tmp_path / "chain.yaml"
    path.write_text(CHAIN)
    gas = Mechanism.load(path)
    assert gas.species == ("A", "B") and gas.qss == ("X", "Y")
    T, C = torch.tensor([900.0, 900.0], dtype=torch.float64), torch.tensor([[2.0, 0.5], [0.7, 0.0]]).double()
    omega, c, _, _ = qss.steady_state(gas.kinetics, T, C)
    loss = np.array([[500.0 + 100.0, -200.0], [-500.0, 200.0 + 50.0]])
    expected = np.linalg.solve(loss, np.stack([3.0 * C[0].numpy(), 50.0 * C[1].numpy()]))
    np.testing.assert_allclose(c.numpy(), expected, rtol=1e-13)
    np.testing.assert_allclose(omega[0].numpy(), 100.0 * expected[0] - 3.0 * C[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(omega[1].numpy(), 50.0 * (expected[1] - C[1].numpy()), rtol=1e-12)
    assert torch.equal(qss.steady_state(gas.kinetics, T, 0 * C)[1], 0 * C)  # nothing produced: nothing there


@pytest.mark.compile
@pytest.mark.slow
def test_compiled_kernels(full, steady, igniting, monkeypatch):
    """Rates and Jacobians of fused kernels are the eager ones."""
    T, Y = igniting[0][2:18], kept(full, steady, igniting[1])[:, 2:18]
    z = torch.cat([T[None], steady.density(T, 1e5, Y) * Y])
    s, shift = torch.zeros_like(z), torch.full_like(T, 1e6)
    expected = [ode.rate_kernel.eager(steady.kinetics, "flow", z, s)]
    expected += ode.linearise_kernel.eager(steady.kinetics, "flow", z, s, None, shift)
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    with kernels.using("compiled"):
        found = [ode.rate_kernel(steady.kinetics, "flow", z, s)]
        found += ode.linearise_kernel(steady.kinetics, "flow", z, s, None, shift)
    for a, b in zip(found, expected, strict=True):
        assert float((a - b).abs().max()) <= 1e-11 * float(b.abs().max())


@pytest.mark.parametrize("n", [1, 5, qss.LARGEST_ELIMINATED + 4])
def test_solve(n):
    generator = draws.generator(n)
    A = -torch.rand(n, n, 3, 2, generator=generator, dtype=torch.float64)
    A = A + torch.diag_embed(1.0 - A.sum(0).movedim(0, -1)).movedim((-2, -1), (0, 1))  # columns' diagonals dominate
    B = torch.rand(n, 4, 3, 2, generator=generator, dtype=torch.float64)
    X = qss.solve(A, B)
    assert torch.allclose(torch.einsum("ijab,jkab->ikab", A, X), B, rtol=1e-12, atol=1e-13)


def concentrations(gas, T, Y):
    """C (species, states) kmol/m3 at 1 bar."""
    return gas.mole_fractions(Y) * (1e5 / (GAS_CONSTANT * T))


def test_steady_where_the_rates_of_all_species_say_so(full, steady, igniting):
    """With c_Q, the rates of the mechanism of all species vanish for Q and agree for K; elements are kept."""
    T, Y = igniting[0], kept(full, steady, igniting[1])
    C = concentrations(steady, T, Y)
    omega, c, _, _ = qss.steady_state(steady.kinetics, T, C)
    inner, everything = steady.kinetics.inner, torch.cat([C, c])
    forward, reverse = rates.progress(inner, T, everything)
    scale = torch.cat([forward, reverse]).abs().amax(0)
    all_rates = rates.production_rates(inner, T, everything)
    assert float((all_rates[len(steady.species) :].abs() / scale).max()) < 1e-12
    assert float(((all_rates[: len(steady.species)] - omega).abs() / scale).max()) < 1e-12
    assert float(((steady.element_matrix @ omega).abs() / scale).max()) < 1e-12
    assert float(c.min()) > 0.0
    # third-body sums of the file include Q, whose share is small
    names = [*steady.species, *steady.qss]
    order = [names.index(name) for name in full.species]
    theirs = rates.production_rates(full.kinetics, T, everything[order])
    assert float(((theirs - all_rates[order]).abs() / scale).max()) < 2e-3


def test_concentrations_are_those_of_the_flame_radicals(full, steady, igniting):
    """Where the reaction is in full swing, c_Q is what integration of all species gave, within 15 %."""
    T, Y = igniting
    middle = (T > 1900.0) & (T < 2500.0)
    c = steady.qss_concentrations(T, 1e5, kept(full, steady, Y))[:, middle]
    known = concentrations(full, T, Y)[[full.index(k) for k in steady.qss]][:, middle]
    fastest = [steady.qss.index(k) for k in ("CH2(S)", "HCO", "CH3O")]
    assert float((c[fastest] / known[fastest] - 1.0).abs().max()) < 0.15


def test_derivatives_are_those_of_the_rates(full, steady, igniting):
    pick = slice(2, None, 6)
    T, Y = igniting[0][pick], kept(full, steady, igniting[1])[:, pick]
    C = concentrations(steady, T, Y)
    omega, dT, J = qss.rate_derivatives(steady.kinetics, T, C)
    W = steady.molar_mass
    for i in range(T.shape[0]):
        by_T, by_C = torch.autograd.functional.jacobian(
            lambda t, c: qss.production_rates(steady.kinetics, t, c), (T[i], C[:, i])
        )
        by_C = by_C * W[:, None] / W
        assert float((J[..., i] - by_C).abs().max() / by_C.abs().max()) < 1e-10
        assert float((dT[:, i] - by_T).abs().max() / by_T.abs().max()) < 1e-10
    assert torch.equal(omega, qss.production_rates(steady.kinetics, T, C))


def test_rates_of_progress_and_parameters(full, steady, igniting):
    """In the file's order, and rates follow changed parameters."""
    T, Y = igniting[0][5:8], kept(full, steady, igniting[1])[:, 5:8]
    forward, reverse = steady.rates_of_progress(T, 1e5, Y)
    theirs = full.cantera()
    net = torch.tensor(theirs.product_stoich_coeffs - theirs.reactant_stoich_coeffs) @ (forward - reverse)
    mine = net[[full.index(k) for k in steady.species]]
    omega = steady.net_production_rates(T, 1e5, Y)
    assert torch.allclose(mine, omega, rtol=1e-9, atol=1e-12 * float(omega.abs().max()))
    twice = steady.with_parameters(A=2 * steady.parameters.A, A_low=2 * steady.parameters.A_low)
    assert torch.allclose(twice.net_production_rates(T, 1e5, Y), 2 * omega, rtol=1e-9)
    theirs = twice.cantera(transport=False)
    theirs.TPY = float(T[0]), 1e5, Y[:, 0].numpy()
    np.testing.assert_allclose(theirs.net_production_rates, 2 * omega[:, 0], rtol=1e-8, atol=1e-11 * float(omega.max()))
    assert twice.sha256 != steady.sha256


def test_ignition_delay(full, steady):
    """Within 1 % of that of all species by Cantera, and by our integrator the same as by Cantera."""
    delays = []
    for gas in (full, steady):
        solution = gas.cantera()
        solution.TP = 1500.0, 1e6
        solution.set_equivalence_ratio(1.0, "CH4:1", "O2:1, N2:3.76")
        reactor = ct.IdealGasReactor(solution, clone=False)
        network, history = ct.ReactorNet([reactor]), []
        network.rtol, network.atol = 1e-8, 1e-15
        while network.time < 2.5e-4:
            network.step()
            history.append((network.time, reactor.T))
        t, temperature = np.array(history).T
        delays.append(t[np.argmax(np.gradient(temperature, t))])
    assert abs(delays[1] / delays[0] - 1.0) < 0.01
    T, Y = torch.tensor([1500.0], dtype=torch.float64), steady.mixture("CH4:1", "O2:1, N2:3.76", 1.0)
    ours = float(ignition_delays(steady, T, 1e6, Y, 2e-4, rtol=1e-4, atol=1e-12)[0])
    assert abs(ours / delays[1] - 1.0) < 2e-3


def test_cantera_agrees(steady, files, igniting, full):
    """Production rates at every fourth state."""
    T, Y = igniting[0], kept(full, steady, igniting[1])
    ours = steady.net_production_rates(T, 1e5, Y)
    theirs = steady.cantera()
    for i in range(0, T.numel(), 4):
        theirs.TPY = float(T[i]), 1e5, Y[:, i].numpy()
        scale = float(ours[:, i].abs().max())
        np.testing.assert_allclose(theirs.net_production_rates, ours[:, i].numpy(), rtol=1e-9, atol=1e-12 * scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = ct.Solution(str(files))
    assert plain.n_species == len(METHANE)  # by itself, Cantera takes it for a mechanism of all species


def test_cantera_follows_a_file_that_changes(tmp_path):
    """Two mechanisms of one name, one after the other; neither takes the other's rates."""
    path, omega = tmp_path / "chain.yaml", []
    solutions = []
    for factor in ("3.0", "6.0"):
        path.write_text(CHAIN.replace("A: 3.0", f"A: {factor}"))
        solutions.append(Mechanism.load(path).cantera())
    for solution in (*solutions, *solutions):
        solution.TPX = 900.0, 1e5, "A:1"
        omega.append(solution.net_production_rates[0])
    assert omega[1] == pytest.approx(2 * omega[0], rel=1e-12) and omega[2:] == omega[:2]


def test_exported_module_needs_no_combust(steady, files):
    """In a Python of its own: the rates after Cantera copied the phase for a reactor."""
    code = (
        f"import sys; sys.path.insert(0, {str(files.parent)!r})\n"
        "import own, cantera as ct\n"
        f"gas = own.solution({str(files)!r})\n"
        "gas.TPX = 1600, 2e5, 'CH4:1, O2:2, H:0.1, CH3:0.1, CO:0.3'\n"
        "reactor = ct.IdealGasConstPressureReactor(gas, clone=True)\n"
        "print(*reactor.phase.net_production_rates.ravel(), 'combust' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out.pop() == "False"
    Y = steady.composition("CH4:1, O2:2, H:0.1, CH3:0.1, CO:0.3")
    omega = steady.net_production_rates(1600.0, 2e5, Y).numpy()
    np.testing.assert_allclose(np.array(out, dtype=float), omega, rtol=1e-9, atol=1e-12 * abs(omega).max())


def test_one_step_with_and_without(full, steady, igniting):
    """A flow cell's step: kept species as those of all species, and as by CVODE."""
    pick = slice(4, None, 5)
    T, Y = igniting[0][pick], igniting[1][:, pick]
    results = []
    for gas, y in ((full, Y), (steady, kept(full, steady, Y))):
        rhoY = gas.density(T, 1e5, y) * y
        chemistry = Direct(gas, 1e-5, 1e-9)
        step = chemistry.begin(T, rhoY, 1e-6)
        result = chemistry.advance(step, torch.zeros_like(rhoY), torch.zeros_like(T))
        assert result.stats.fallbacks == 0
        results.append(result)
    assert float((results[1].T - results[0].T).abs().max()) < 3.0
    atoms = steady.element_matrix / steady.molar_mass
    assert torch.allclose(atoms @ results[1].rhoY, atoms @ rhoY, rtol=1e-12)
    cvode = Cvode(steady, 1e-8, 1e-14)
    end = cvode.advance(cvode.begin(T[:2], rhoY[:, :2], 1e-6), torch.zeros_like(rhoY[:, :2]), torch.zeros_like(T[:2]))
    assert torch.allclose(end.T, results[1].T[:2], rtol=1e-6)


def test_export_says_what_was_dropped(parent, files):
    part = reduction.linearise(parent, parent.keep(rows(parent, METHANE)), rows(parent, QSS))
    assert [parent.reactions[i].equation for i in part.dropped] == ["2 HCCO <=> C2H2 + 2 CO"]
    block = ct.Solution(str(files)).input_data["combust"]
    assert block["of"] == "gri30"
    assert sorted(block["qss"]["species"]) == sorted(QSS) and block["qss"]["dropped"] == ["2 HCCO <=> C2H2 + 2 CO"]


def test_reverse_directions_alone_are_dropped(parent):
    """CH3 + HO2 <=> OH + CH3O: with OH and CH3O in quasi-steady state its reverse goes."""
    subset = parent.keep(rows(parent, METHANE))
    part = reduction.linearise(parent, subset, rows(parent, ["CH3O", "OH"]))
    row = next(i for i in subset.reactions if parent.reactions[i].equation == "CH3 + HO2 <=> CH3O + OH")
    assert row in part.one_way and row not in part.dropped
    equations = reduction.skeletal(parent, part).reaction_equations()
    assert "CH3 + HO2 => CH3O + OH" in equations and "CH3 + HO2 <=> CH3O + OH" not in equations


def test_refusals(parent, steady, tmp_path):
    subset = parent.keep(rows(parent, METHANE))
    with pytest.raises(MechanismError, match="N2 is inert"):
        reduction.linearise(parent, subset, rows(parent, ["N2"]))
    with pytest.raises(MechanismError, match="not in the part: NO"):
        reduction.linearise(parent, subset, rows(parent, ["NO"]))
    with pytest.raises(MechanismError, match="'HCO' is in quasi-steady state"):
        steady.mixture("HCO:1", "O2:1", 1.0)
    with pytest.raises(MechanismError, match="quasi-steady state"):
        Parent(steady)
    path = tmp_path / "bad.yaml"
    for change, message in (
        (("[X, Y]", "[X, Z]"), "unknown: Z"),
        (("[X, Y]", "X"), "must be a map"),
        (("[X, Y]", "[A, B, X, Y]"), "none are left"),
        (("X => Y,", "2 X => X + Y,"), "reaction 2: 2 X => X .* not linear"),
        (("A => X,", "A + B => X + Y,"), None),
        (("Y <=> B", "X + Y <=> 2 B"), "its forward rate is not linear"),
        (("Y <=> B", "2 B <=> X + Y"), "its reverse rate is not linear"),
    ):
        path.write_text(CHAIN.replace(*change))
        if message is None:
            Mechanism.load(path)
            continue
        with pytest.raises(MechanismError, match=message):
            Mechanism.load(path)


def test_undershoots_stay_small(steady):
    """Traces below zero, as transport leaves them: rates stay finite and as faint as the traces."""
    generator = draws.generator(3)
    for mixture in ("CH4:1", "O2:1, N2:3.76", "CH4:1, O2:2, N2:7.52"):
        Y = steady.composition(mixture)[:, None].expand(-1, 200).clone()
        Y = Y + 1e-12 * (torch.rand(Y.shape, generator=generator, dtype=torch.float64) - 0.5)
        T = torch.linspace(300.0, 1000.0, 200, dtype=torch.float64)
        omega = steady.net_production_rates(T, 1e5, Y / Y.sum(0))
        plain = 1e-12 * 1e14 * 1e-2 * 1e-2  # traces at collision rate
        assert bool(torch.isfinite(omega).all()) and float(omega.abs().max()) < plain


def test_extinction_by_cantera_is_ours(steady):
    """The stirred reactor with rates and Jacobian from QSS steps in Cantera, against that with our kinetics."""
    from combust.kinetics.reactors.psr import extinction, follow
    from combust.kinetics.reactors.psr_cantera import CanteraReactor

    Y = steady.mixture("CH4:1", "O2:0.21, N2:0.79", 1.0)
    ours = extinction(steady, 300.0, ct.one_atm, Y)
    found = follow(CanteraReactor(steady.cantera(), 300.0, ct.one_atm, Y.numpy()))
    assert found.tau == pytest.approx(ours.tau, rel=1e-5)
    assert found.T == pytest.approx(ours.T, abs=0.01)
