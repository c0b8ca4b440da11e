"""Rate parameters: in the file's order, changed as Cantera changes them, and differentiated."""

from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.errors import MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.parameters import RateParameters
from combust.kinetics.rates import production as rates
from combust.kinetics.rates.thermo import GAS_CONSTANT

HERE = Path(__file__).parent
NAMES = ("special", "pressure", "falloff", "linear_burke")
MECHANISMS = ["h2o2.yaml", "gri30.yaml", *(str(HERE / f"{name}_rates.yaml") for name in NAMES)]
STEPS = {"b": 1e-3, "Ea_R": 1.0, "b_low": 1e-3, "Ea_R_low": 1.0, "A_low": 1e-3}
WITH_ARRHENIUS = [path for path in MECHANISMS if "pressure" not in path and "linear" not in path]


def state_of(gas, seed=0, zeros=False):
    """T, p and Y of one cell; half the species are absent with `zeros`."""
    rng = draws.rng(seed)
    Y = rng.dirichlet(np.ones(len(gas.species)))
    Y[Y < np.median(Y)] *= not zeros
    T, p = torch.tensor([rng.uniform(800, 2500), 3e5], dtype=torch.float64)
    return T, p, torch.tensor(Y / Y.sum())


def at(solution, T, p, Y):
    """Cantera's rates of progress (forward, reverse) at a state; large where round-off would hide differences."""
    solution.TPY = float(T), float(p), Y.numpy()
    return np.array([solution.forward_rates_of_progress, solution.reverse_rates_of_progress])


@pytest.fixture(scope="module", params=MECHANISMS, ids=lambda path: Path(path).stem)
def gas(request):
    return Mechanism.load(request.param)


def test_parameters_are_those_of_the_file(gas):
    ours = gas.parameters
    assert all(x.shape == (gas.rates.A.shape[0],) for x in ours)
    for i, r in enumerate(gas.cantera().reactions()):
        k = r.rate
        if isinstance(k, ct.FalloffRate):
            limits = [(k.high_rate, ours[:3]), (k.low_rate, ours[3:])]
        elif isinstance(k, ct.ArrheniusRate | ct.BlowersMaselRate):
            limits = [(k, ours[:3])]
        else:
            limits = []
            assert float(ours.A[i]) == 1.0
        for file, (A, b, Ea_R) in limits:
            assert float(A[i]) == pytest.approx(file.pre_exponential_factor, rel=1e-12)
            assert float(b[i]) == pytest.approx(file.temperature_exponent, abs=1e-12)
            assert float(Ea_R[i]) == pytest.approx(file.activation_energy / GAS_CONSTANT, rel=1e-12, abs=1e-9)


def test_the_same_parameters_change_nothing(gas):
    T, p, Y = state_of(gas)
    same = gas.with_parameters(**gas.parameters._asdict())
    old, new = gas.net_production_rates(T, p, Y), same.net_production_rates(T, p, Y)
    assert torch.all((new - old).abs() <= 1e-13 * old.abs().max())
    old, new = gas.jacobian(T, p, Y), same.jacobian(T, p, Y)
    assert torch.all((new - old).abs() <= 1e-12 * old.abs().max())
    assert same.species == gas.species and same.path == gas.path


def test_changed_parameters_are_what_cantera_makes_of_them(gas):
    """All limits of all Arrhenius and falloff reactions changed at once."""
    solution, rng = gas.cantera(), draws.rng(1)
    factor, shift, heat = rng.uniform(0.5, 2, 6), rng.uniform(-0.2, 0.2, 6), rng.uniform(-300, 300, 6)
    old, T, p, Y = gas.parameters, *state_of(gas)

    def changed(k, i):
        return ct.Arrhenius(
            k.pre_exponential_factor * factor[i],
            k.temperature_exponent + shift[i],
            k.activation_energy + heat[i] * GAS_CONSTANT,
        )

    reactions = solution.reactions()
    for r in reactions:
        if isinstance(r.rate, ct.FalloffRate):
            r.rate.high_rate, r.rate.low_rate = changed(r.rate.high_rate, 0), changed(r.rate.low_rate, 1)
        elif isinstance(r.rate, ct.ArrheniusRate | ct.BlowersMaselRate):
            k = changed(r.rate, 0)
            rest = (r.rate.bond_energy,) if isinstance(r.rate, ct.BlowersMaselRate) else ()
            rate = type(r.rate)(k.pre_exponential_factor, k.temperature_exponent, k.activation_energy, *rest)
            rate.allow_negative_pre_exponential_factor = True
            r.rate = rate
    solution = ct.Solution(thermo="ideal-gas", kinetics="gas", species=solution.species(), reactions=reactions)
    for i, r in enumerate(reactions):
        if isinstance(r.rate, ct.PlogRate | ct.ChebyshevRate | ct.LinearBurkeRate):
            solution.set_multiplier(factor[0], i)
    new = gas.with_parameters(
        A=old.A * factor[0], b=old.b + shift[0], Ea_R=old.Ea_R + heat[0],
        A_low=old.A_low * factor[1], b_low=old.b_low + shift[1], Ea_R_low=old.Ea_R_low + heat[1],
    )  # fmt: skip
    ours = np.array([x.numpy() for x in new.rates_of_progress(T, p, Y)])
    theirs = at(solution, T, p, Y)
    assert np.all(np.abs(ours - theirs) <= 1e-10 * np.abs(theirs))


def test_logarithmic_sensitivity_is_the_multiplier(gas):
    """d omega / d ln(A, A_low) is what Cantera's multipliers do, which is linear."""
    T, p, Y = state_of(gas)
    old = gas.parameters

    def omega(ln_factor):
        factor = torch.exp(ln_factor)
        return gas.with_parameters(A=old.A * factor, A_low=old.A_low * factor).net_production_rates(T, p, Y)

    zero = torch.zeros_like(old.A)
    forward, reverse = torch.func.jacfwd(omega)(zero), torch.func.jacrev(omega)(zero)
    solution = gas.cantera()
    q = np.subtract(*at(solution, T, p, Y))
    exact = torch.tensor((solution.product_stoich_coeffs - solution.reactant_stoich_coeffs) * q)
    gross = torch.tensor(np.abs(at(solution, T, p, Y)).sum(0))  # A may be negative
    for ours in (forward, reverse):
        assert torch.all((ours - exact).abs() <= 1e-10 * gross)


@pytest.mark.parametrize("path", WITH_ARRHENIUS, ids=lambda path: Path(path).stem)
@pytest.mark.parametrize("name, step", [*STEPS.items()])
def test_sensitivities_against_differences(path, name, step):
    """Each parameter alone (A by its logarithm), against fourth-order differences; above, these meet Cantera's."""
    gas = Mechanism.load(path)
    state, old = state_of(gas), getattr(gas.parameters, name)
    zero = torch.zeros_like(old)

    def q(x):
        value = old * torch.exp(x) if name == "A_low" else old + x
        forward, reverse = gas.with_parameters(**{name: value}).rates_of_progress(*state)
        return torch.cat([forward, reverse])

    # A reaction's rate depends on its own parameters only: one direction gives all derivatives.
    _, slope = torch.func.jvp(q, (zero,), (torch.ones_like(old),))
    near, far = (q(zero + h) - q(zero - h) for h in (step, 2 * step))
    difference = (8 * near - far) / (12 * step)
    size = q(zero).abs() + slope.abs()
    assert torch.all((slope - difference).abs() <= 1e-8 * size)


TABLES = {
    "pressure_rates.yaml": [("plog", "terms"), ("chebyshev", "coefficients")],
    "falloff_rates.yaml": [("falloff", "ratio"), ("falloff", "a"), ("falloff", "r_T3"), ("falloff", "r_T1"),
                           ("falloff", "T2"), ("falloff", "tsang"), ("falloff", "sri")],
    "linear_burke_rates.yaml": [("linear_burke", "named"), ("linear_burke", "high"), ("linear_burke", "plog"),
                                ("linear_burke", "chebyshev")],
    "special_rates.yaml": [("blowers_masel", "w_R")],
}  # fmt: skip
CASES = [(file, table, part) for file, parts in TABLES.items() for table, part in parts]


@pytest.mark.parametrize("file, table, part", CASES, ids=[f"{t}.{p}" for _, t, p in CASES])
def test_tables_of_other_types_are_differentiable(file, table, part):
    """Every floating-point tensor of a table: forward and reverse mode, against differences, nothing but numbers."""
    gas = Mechanism.load(HERE / file)
    T, p, Y = state_of(gas, seed=2)
    C = gas.mole_fractions(Y) * (p / (GAS_CONSTANT * T))
    whole = getattr(gas.rates, table)
    leaves, spec = torch.utils._pytree.tree_flatten(getattr(whole, part))
    for i, leaf in enumerate(leaves):
        if not leaf.is_floating_point() or not leaf.numel():
            continue

        def q(x, i=i):
            changed = torch.utils._pytree.tree_unflatten([*leaves[:i], x, *leaves[i + 1 :]], spec)
            data = gas.rates._replace(**{table: whole._replace(**{part: changed})})
            return torch.cat(rates.rates_of_progress(gas.kinetics._replace(rates=data), T, C))

        direction = 1e-3 * leaf.abs().clamp(1e-4, 1e6) * (leaf.abs() < 1e20)  # not the stand-ins for infinity
        value, slope = torch.func.jvp(q, (leaf,), (direction,))
        difference = (8 * (q(leaf + 0.5 * direction) - q(leaf - 0.5 * direction)) - q(leaf + direction)
                      + q(leaf - direction)) / 6  # fmt: skip
        assert torch.isfinite(slope).all()
        assert torch.all((slope - difference).abs() <= 1e-6 * slope.abs() + 1e-10 * value.abs())
        back = torch.func.vjp(q, leaf)[1](torch.ones_like(value))[0]
        assert torch.isfinite(back).all()
        round_off = 1e-12 * float(value.sum())
        assert float((back * direction).sum()) == pytest.approx(float(slope.sum()), rel=1e-9, abs=round_off)


@pytest.mark.parametrize("zeros", [False, True], ids=["all present", "half absent"])
def test_gradients_by_state_are_numbers(gas, zeros):
    """Reverse and forward mode through the public face agree and are finite, also where species are absent."""
    T, p, Y = state_of(gas, seed=3, zeros=zeros)

    def f(T, Y):
        return torch.cat([gas.net_production_rates(T, p, Y), gas.enthalpy(T, Y)[None], gas.cp(T, Y)[None]])

    for forward, reverse in zip(torch.func.jacfwd(f, (0, 1))(T, Y), torch.func.jacrev(f, (0, 1))(T, Y), strict=True):
        assert torch.isfinite(forward).all()
        assert torch.all((forward - reverse).abs() <= 1e-11 * forward.abs().amax(0))


def test_wrong_parameters_are_refused():
    gas = Mechanism.load("h2o2.yaml")
    with pytest.raises(MechanismError, match="unknown Ea; known: A, b, Ea_R, A_low"):
        gas.with_parameters(Ea=gas.parameters.Ea_R)
    with pytest.raises(MechanismError, match=r"rate parameters A: shape \(28,\); allowed: \(29,\)"):
        gas.with_parameters(A=gas.parameters.A[1:])
    assert RateParameters._fields[:3] == ("A", "b", "Ea_R")
