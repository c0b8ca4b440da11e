"""Agreement with Cantera over all gas mechanisms in its wheel and our own small ones.

Quick: a few hundred states each; slow: 2000 random ones and more along ignitions and flames. Random states have
T 250-3500 K, p 0.1-100 atm, and a fifth of the species absent.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import cantera as ct
import draws
import numpy as np
import pytest
import torch

from combust.errors import MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates import jacobian, thermo
from combust.kinetics.rates import production as rates

HERE = Path(__file__).parent
DATA = Path(ct.__file__).parent / "data"
RATES, THERMO, TRANSPORT, DERIVATIVES = 1e-10, 1e-12, 1e-10, 1e-8
PRESSURE = 9 * ct.one_atm  # of ignitions: between the pressures of P-log tables, where their derivatives jump
UNDERFLOW = 1e-250  # kmol/m3/s: rates of nothing, where products of factors leave the range of float64


@dataclass(frozen=True)
class Case:
    """A mechanism, and a mixture that burns or decomposes from `T` [K]; `flame`: at 300 K, 1 atm as well."""

    path: str
    phase: str | None = None
    mixture: str | None = None
    T: float = 1200.0
    flame: bool = False
    big: bool = False

    @property
    def name(self):
        return Path(self.path).stem + (f"-{self.phase}" if self.phase else "")


AMMONIA = "example_data/ammonia-CO-H2-Alzueta-2023.yaml"
METHANE = "CH4:1, O2:2, N2:7.52"
WHEEL = [
    Case("h2o2.yaml", mixture="H2:2, O2:1, N2:3.76", flame=True),
    Case("ohn.yaml", mixture="H2:2, O2:1, N2:3.76"),
    Case("air.yaml", mixture="O2:1, N2:3.76, AR:0.04, NO2:0.1", T=2500.0),
    Case("airNASA9.yaml"),
    Case("gri30.yaml", mixture=METHANE, T=1400.0, flame=True),
    Case("gri30_highT.yaml", mixture=METHANE, T=1400.0),
    Case("gri30_ion.yaml", mixture=METHANE, T=1400.0),
    Case("ptcombust.yaml", "gas", mixture="CH4:1, O2:2, AR:7.52", T=1400.0),
    Case("nDodecane_Reitz.yaml", "nDodecane_IG", mixture="c12h26:1, o2:18.5, n2:69.6", T=900.0),
    Case("SiF4_NH3_mec.yaml", "gas", mixture="NH3:6, SIF4:1", T=2000.0),
    Case("KOH.yaml", "KOH_plasma"),
    Case("diamond.yaml", "gas"),
    Case("methane_pox_on_pt.yaml", "gas"),
    Case("sofc.yaml", "gas"),
    Case("example_data/ammonia-Ru-Ba-YSZ-CSM-2019.yaml", "gas"),
    Case("example_data/co2-thermo.yaml", "CO2-Ideal"),
    Case(AMMONIA, "baseline", mixture="NH3:0.5, H2:0.5, O2:0.625, N2:2.35", T=1400.0, flame=True),
    Case(AMMONIA, "linear-Burke", mixture="NH3:0.5, H2:0.5, O2:0.625, N2:2.35", T=1400.0),
    Case("example_data/n-hexane-NUIG-2015.yaml", mixture="NC6H14:1, O2:9.5, N2:35.7", T=1100.0, big=True),
]
PHASE = r"^- name: (.+)\n  thermo: (ideal-gas|plasma)$"
OWN = [
    Case(str(HERE / f"{name}.yaml"))
    for name in ("special_rates", "pressure_rates", "falloff_rates", "linear_burke_rates", "mixed_thermo")
]
QUICK = [pytest.param(case, 150, id=case.name) for case in (*WHEEL, *OWN) if not case.big]
SLOW = [
    pytest.param(case, 400 if case.big else 2000, id=f"{case.name}-slow", marks=pytest.mark.slow)
    for case in (*WHEEL, *OWN)
]


def random_states(gas, count, seed=0, zeros=0.2):
    rng = draws.rng(seed)
    T, p = rng.uniform(250, 3500, count), ct.one_atm * 10 ** rng.uniform(-1, 2, count)
    Y = rng.dirichlet(np.full(len(gas.species), 0.3), count).T
    Y[rng.random(Y.shape) < zeros] = 0
    Y[:, Y.sum(0) == 0] = 1
    return T, p, Y / Y.sum(0)


def ignition(gas, case, count):
    """States along a reactor at constant pressure, until 0.1 s or `count` of them, evenly picked from all steps."""
    solution = gas.cantera()
    solution.TPX = case.T, PRESSURE, case.mixture
    reactor = ct.IdealGasConstPressureMoleReactor(solution)
    net = ct.ReactorNet([reactor])
    net.preconditioner = ct.AdaptivePreconditioner()
    T, Y = [], []
    while net.time < 0.1 and len(T) < 5000:
        net.step()
        T.append(reactor.T)
        Y.append(np.abs(reactor.thermo.Y))
    assert np.ptp(T) > 50, f"{case.name}: nothing happened"
    pick = np.unique(np.linspace(0, len(T) - 1, count).astype(int))
    Y = np.array(Y)[pick].T
    return np.array(T)[pick], np.full(pick.size, PRESSURE), Y / Y.sum(0)


def flame(gas, case):
    """States of a coarse free flame."""
    solution = gas.cantera()
    solution.TPX = 300.0, ct.one_atm, case.mixture
    flame = ct.FreeFlame(solution, width=0.02)
    flame.set_refine_criteria(ratio=3, slope=0.15, curve=0.25)
    flame.solve(loglevel=0, auto=True)
    Y = np.abs(flame.Y)
    return flame.T, np.full(flame.T.size, ct.one_atm), Y / Y.sum(0)


def states_of(gas, case, count):
    """Random states, and where the case has them an ignition (and a flame)."""
    parts = [random_states(gas, count)]
    if case.mixture:
        parts.append(ignition(gas, case, count // 3))
    if case.flame and (count > 1000 or len(gas.species) < 20):
        parts.append(flame(gas, case))
    return tuple(np.concatenate(x, axis=-1) for x in zip(*parts, strict=True))


KINETIC = {
    "forward": "forward_rates_of_progress",
    "reverse": "reverse_rates_of_progress",
    "omega": "net_production_rates",
}
THERMODYNAMIC = {
    "h": "enthalpy_mass",
    "cp": "cp_mass",
    "h_RT": "standard_enthalpies_RT",
    "cp_R": "standard_cp_R",
    "s_R": "standard_entropies_R",
}
PROPERTIES = {"mu": "viscosity", "lambda": "thermal_conductivity", "D": "mix_diff_coeffs"}


def cantera_values(solution, T, p, Y):
    """Each quantity, (..., states); kinetics and transport where there are such data."""
    names = dict(THERMODYNAMIC)
    if solution.n_reactions:
        names |= KINETIC
    if has_transport(solution):
        solution.transport_model = "mixture-averaged"  # gri30_ion.yaml asks for a model of its own
        names |= PROPERTIES
    found = {name: [] for name in names}
    for i in range(T.size):
        solution.TPY = T[i], p[i], Y[:, i]
        for name, attribute in names.items():
            found[name].append(getattr(solution, attribute))
    return {name: np.stack(x, axis=-1) for name, x in found.items()}


def has_transport(solution):
    return all(s.transport is not None for s in solution.species())


def measure(gas, T, p, Y):
    """Largest differences from Cantera, in the units that their tolerances refer to."""
    solution = gas.cantera()
    theirs = cantera_values(solution, T, p, Y)
    errors = thermo_errors(gas, T, p, Y, theirs, solution.reference_pressure)
    if "omega" in theirs:
        errors |= rate_errors(gas, T, p, Y, theirs, solution.reactant_stoich_coeffs + solution.product_stoich_coeffs)
    else:
        assert not gas.net_production_rates(T, p, Y).any()
    if "mu" in theirs:
        errors |= transport_errors(gas, T, p, Y, theirs)
    return {name: max(float(x.max(initial=0.0)) for x in parts) for name, parts in errors.items()}


def rate_errors(gas, T, p, Y, theirs, nu):
    """Of rates of progress over the larger of both, of production rates over the sum of their absolute terms."""
    forward, reverse = (x.numpy() for x in gas.rates_of_progress(T, p, Y))
    larger = np.maximum(np.abs(theirs["forward"]), np.abs(theirs["reverse"])) + UNDERFLOW
    gross = nu @ (np.abs(theirs["forward"]) + np.abs(theirs["reverse"])) + UNDERFLOW
    omega = gas.net_production_rates(T, p, Y).numpy()
    return {
        "rates of progress": [
            np.abs(forward - theirs["forward"]) / larger,
            np.abs(reverse - theirs["reverse"]) / larger,
        ],  # fmt: skip
        "production rates": [np.abs(omega - theirs["omega"]) / gross],
    }


def thermo_errors(gas, T, p, Y, theirs, p_ref):
    """Of mixture enthalpy over cp T, of species properties over themselves or 1 (in units of R, RT)."""
    theirs["s_R"] += np.log(p / p_ref)  # Cantera's standard state has the pressure of the gas

    def species(function, name):
        ours = function(gas.thermo, torch.tensor(T)).numpy()
        return np.abs(ours - theirs[name]) / np.maximum(1, np.abs(theirs[name]))

    h = np.abs(gas.enthalpy(T, Y).numpy() - theirs["h"]) / (theirs["cp"] * T)
    cp = np.abs(gas.cp(T, Y).numpy() / theirs["cp"] - 1)
    parts = ((thermo.h_RT, "h_RT"), (thermo.cp_R, "cp_R"), (thermo.s_R, "s_R"))
    return {"thermo": [h, cp, *(species(*part) for part in parts)]}


def transport_errors(gas, T, p, Y, theirs):
    """Relative; without diffusivities where one species is nearly alone: Cantera loses digits of W - X_k W_k there."""
    mu, conductivity, D = (x.numpy() for x in gas.transport(T, p, Y))
    mixed = Y.max(0) < 0.99
    relative = (mu / theirs["mu"], conductivity / theirs["lambda"], D[:, mixed] / theirs["D"][:, mixed])
    return {"transport": [np.abs(x - 1) for x in relative]}


@pytest.mark.parametrize("case, count", [*QUICK, *SLOW])
def test_rates_thermo_and_transport(case, count):
    gas = Mechanism.load(case.path, case.phase, ions="neutral")
    errors = measure(gas, *states_of(gas, case, count))
    allowed = {"rates of progress": RATES, "production rates": RATES, "thermo": THERMO, "transport": TRANSPORT}
    assert all(error <= allowed[name] for name, error in errors.items()), errors


# --- derivatives ----------------------------------------------------------------------------------------------------


def directional_error(gas, T, p, Y, seed=0):
    """Analytic derivative of omega in random directions of (T, C) against forward-mode differentiation.

    In units of the sum of the absolute terms of the derivative.
    """
    T, C = torch.tensor(T), torch.tensor(Y * p / (thermo.GAS_CONSTANT * T)) / gas.molar_mass[:, None]
    C = C * gas.mean_molar_mass(torch.tensor(Y))
    rng = draws.generator(seed)
    dT = T * torch.randn(T.shape, generator=rng, dtype=T.dtype)
    dC = C.sum(0) * torch.randn(C.shape, generator=rng, dtype=T.dtype)
    _, by_T, by_C = jacobian.rate_derivatives(gas.kinetics, T, C)
    W = gas.molar_mass
    by_C = by_C * (W / W[:, None])[..., None]
    ours = by_T * dT + torch.einsum("kjc,jc->kc", by_C, dC)
    solution = gas.cantera()
    made, used = (torch.tensor(x) for x in (solution.product_stoich_coeffs, solution.reactant_stoich_coeffs))
    _, q = torch.func.jvp(lambda T, C: torch.cat(rates.rates_of_progress(gas.kinetics, T, C)), (T, C), (dT, dC))
    forward, reverse = q.chunk(2)
    size = (made + used) @ (forward.abs() + reverse.abs()) + torch.einsum("kjc,jc->kc", by_C.abs(), dC.abs())
    return float(((ours - (made - used) @ (forward - reverse)).abs() / (size + UNDERFLOW)).max())


REACTING = [param for param in (*QUICK, *SLOW) if param.values[0].mixture or param.values[0] in OWN]


@pytest.mark.parametrize("case, count", REACTING)
def test_derivatives_are_those_of_the_rates(case, count):
    """All rate types, at random states and along ignitions."""
    gas = Mechanism.load(case.path, case.phase, ions="neutral")
    species = len(gas.species)
    count = min(count, max(4, 2_000_000 // species**2))  # (species, species, states) have to fit
    parts = [random_states(gas, count)] + ([ignition(gas, case, count)] if case.mixture and not case.big else [])
    for T, p, Y in parts:
        assert directional_error(gas, T, p, Y) <= DERIVATIVES


def exact_part(case, folder):
    """The mechanism's Arrhenius and three-body reactions, whose derivatives Cantera gives exactly, or None.

    Cantera takes differences for falloff, keeps the pressure of P-log rates fixed, and the enthalpy of reaction of
    Blowers-Masel ones.
    """
    gas = Mechanism.load(case.path, case.phase, ions="neutral").cantera()
    kept = [r for r in gas.reactions() if type(r.rate) is ct.ArrheniusRate]
    if not kept:
        return None
    plain = ct.Solution(thermo="ideal-gas", kinetics="gas", species=gas.species(), reactions=kept)
    plain.write_yaml(folder / "plain.yaml")
    return Mechanism.load(folder / "plain.yaml")


def cantera_derivatives(solution, T, p, Y):
    """d(omega)/dC (species, species, states) and d(forward rates of progress)/dT (reactions, states)."""
    by_C, by_T = [], []
    for i in range(T.size):
        solution.TPY = T[i], p[i], Y[:, i]
        by_C.append(solution.net_production_rates_ddCi)
        by_T.append(solution.forward_rates_of_progress_ddT)  # of reverse ones Cantera takes differences
    return np.stack(by_C, -1), np.stack(by_T, -1)


@pytest.mark.parametrize("case, count", [param for param in REACTING if not param.values[0].big])
def test_derivatives_against_cantera(case, count, tmp_path):
    gas = exact_part(case, tmp_path)
    if gas is None:
        pytest.skip("no Arrhenius reaction")
    T, p, Y = random_states(gas, count // 5, zeros=0.0)
    by_C, by_T = cantera_derivatives(gas.cantera(), T, p, Y)
    C = gas.mole_fractions(torch.tensor(Y)) * torch.tensor(p / (thermo.GAS_CONSTANT * T))
    W, T = gas.molar_mass.numpy(), torch.tensor(T)
    ours = jacobian.rate_derivatives(gas.kinetics, T, C)[2].numpy() * (W / W[:, None])[..., None]
    assert np.all(np.abs(ours - by_C) <= DERIVATIVES * np.abs(by_C).max(1, keepdims=True) + UNDERFLOW)
    forward = rates.rates_of_progress(gas.kinetics, T, C)[0].numpy()
    _, slope = torch.func.jvp(lambda T: rates.rates_of_progress(gas.kinetics, T, C)[0], (T,), (torch.ones_like(T),))
    size = np.abs(by_T) + np.abs(forward) / T.numpy() + UNDERFLOW
    assert np.all(np.abs(slope.numpy() - by_T) <= DERIVATIVES * size)


# --- what there is --------------------------------------------------------------------------------------------------


def test_every_gas_phase_of_the_wheel_is_compared_or_refused():
    """A new Cantera with new mechanisms fails here until they are listed."""
    listed = {(Path(case.path).name, case.phase) for case in WHEEL}
    whole = {name for name, phase in listed if phase is None}
    for file in sorted(DATA.rglob("*.yaml")):
        for phase, model in re.findall(PHASE, file.read_text(), re.MULTILINE):
            if model == "plasma":
                with pytest.raises(MechanismError), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    Mechanism.load(file, phase)
            else:
                assert file.name in whole or (file.name, phase) in listed, f"{file.name}: phase {phase}"


def test_ions_have_mixture_averaged_transport_if_that_is_asked_for():
    """gri30_ion.yaml names Cantera's ion model, which also moves charges by fields: that part is not covered."""
    with pytest.raises(MechanismError, match="transport: ionized-gas, which is not covered: HCO., H3O., E would"):
        Mechanism.load("gri30_ion.yaml")
    with pytest.raises(MechanismError, match='allowed: "neutral"'):
        Mechanism.load("gri30_ion.yaml", ions="charged")
    gas = Mechanism.load("gri30_ion.yaml", ions="neutral")
    assert gas.cantera().transport_model == "ionized-gas"
    assert len(gas.transport(1000.0, ct.one_atm, gas.composition("CH4:1, O2:2, E:1e-9, H3O+:1e-9")).diffusivity) == 56
