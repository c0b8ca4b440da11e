"""PaSR and EDC: their factors against the formulas, the times they compare, and flows that ask for them."""

import re
from types import SimpleNamespace

import cantera as ct
import numpy as np
import pytest
import torch
from test_flow import kernel
from test_interaction import same

from combust.case.load import load
from combust.cfd.closures import algebraic
from combust.cfd.concerns import no_reactions
from combust.cfd.interaction import edc, pasr, times
from combust.cfd.interaction.base import Met
from combust.errors import ConfigError, MechanismError
from combust.kinetics.mechanism.mechanism import Mechanism
from validation.two_gases import CASES, steps

NU = 1.5e-5
EDDIES = "turbulence={kind='smagorinsky', constant=20.0, prandtl=1e4, schmidt=1e4}"  # the mesh is too fine for others

FORCED = "sources=[{kind='linear-forcing', u_rms=1.0}]"


def of(*values):
    return torch.tensor(values, dtype=torch.float64)


def eddies(reynolds):
    """k [m2/s2], epsilon [m2/s3] of gas of NU with k^2/(nu epsilon) of these values."""
    k = torch.full_like(reynolds, 3.0)
    return k, k * k / (NU * reynolds)


# --- EDC ------------------------------------------------------------------------------------------------------------

REYNOLDS = (1e5, 1e4, 1e3, 100.0, 30.0)
# gamma = 2.1377 Re^(-1/4), kappa = gamma^a/(1 - gamma^b), in decimal arithmetic
KAPPA = {
    "1981": (1.74018479e-3, 9.86514917e-3, 0.0581270225, 0.447001906, 3.20305524),
    "1996": (0.0144760012, 0.0461484267, 0.152908392, 0.661245330, 3.50669493),
    "2005": (0.0146627432, 0.0478858835, 0.168918741, 0.841539670, 5.03574781),
}


@pytest.mark.parametrize("version", KAPPA)
def test_kappa_at_five_reynolds_numbers(version):
    Re = of(*REYNOLDS)
    gamma = 2.1377 * Re.numpy() ** -0.25
    a, b = {"1981": (3, 3), "1996": (2, 3), "2005": (2, 2)}[version]
    formula = gamma**a / (1 - gamma**b)
    np.testing.assert_allclose(formula, KAPPA[version], rtol=1e-8)
    found = edc.fine_structures(version, torch.full_like(Re, NU), *eddies(Re), (edc.C_GAMMA, edc.C_TAU))
    np.testing.assert_allclose(found.kappa, np.minimum(formula, 1.0), rtol=1e-12)
    assert found.limited.tolist() == [False] * 4 + [True]
    np.testing.assert_allclose(found.time, 0.4083 * np.sqrt(NU / eddies(Re)[1].numpy()), rtol=1e-12)


def test_kappa_is_at_most_one_and_every_limit_is_known():
    """From gamma = 1, at Re_t = 2.1377^4 = 20.9, it means nothing; without eddies all reacts, and that is no limit."""
    Re = torch.logspace(-3, 8, 400, dtype=torch.float64)
    for version in ("1981", "1996", "2005", "2016"):
        constants = edc.local_constants(torch.full_like(Re, NU), eddies(Re)[1], eddies(Re)[0], of(1e4))
        constants = constants if version == "2016" else (edc.C_GAMMA, edc.C_TAU)
        found = edc.fine_structures(version, torch.full_like(Re, NU), *eddies(Re), constants)
        assert bool(((found.kappa > 0) & (found.kappa <= 1.0)).all())
        assert bool(((found.kappa == 1.0) == found.limited).all())
        if version != "2016":
            assert bool(found.limited[Re < 2.1377**4].all())
    still = edc.fine_structures("2005", of(NU, NU, NU), of(0.0, 0.0, 1.0), of(0.0, 1.0, 0.0), (edc.C_GAMMA, edc.C_TAU))
    assert still.kappa.tolist() == [1.0] * 3 and still.limited.tolist() == [False] * 3


def test_local_constants_of_2016():
    """C_tau = 0.05774/(Da (Re + 1)^0.5) up to 2.1377, C_gamma = 0.5 (Da (Re + 1))^0.5 from 0.4082 to 5, Da to 10."""
    Re, Da = of(99.0, 99.0, 399.0, 1e-9), of(0.04, 50.0, 1e-14, 1.0)
    k, epsilon = eddies(Re)
    nu = torch.full_like(Re, NU)
    gamma, tau = edc.local_constants(nu, epsilon, k, Da / times.kolmogorov_time(nu, epsilon))
    np.testing.assert_allclose(gamma, [1.0, 5.0, 0.4082, 0.5], rtol=1e-6)
    np.testing.assert_allclose(tau, [0.14435, 5.774e-4, 2.1377, 0.05774], rtol=1e-6)
    bounded = edc.gamma_bounded(nu, epsilon, k, Da / times.kolmogorov_time(nu, epsilon))
    assert bounded.tolist() == [False, True, True, False]
    assert not edc.gamma_bounded(of(NU), of(0.0), of(0.0), of(1e5))  # no eddies, no limit


# --- PaSR -----------------------------------------------------------------------------------------------------------


def test_mixing_times():
    k, epsilon, nu, nu_t = of(2.0), of(500.0), of(NU), of(1e-3)
    integral, kolmogorov = 4e-3, (NU / 500.0) ** 0.5
    for kind, wanted in (
        ("integral", integral),
        ("kolmogorov", kolmogorov),
        ("geometric", (integral * kolmogorov) ** 0.5),
        ("effective", ((NU + 1e-3) / 500.0) ** 0.5),
    ):
        assert float(pasr.mixing_time(kind, k, epsilon, nu, nu_t)) == pytest.approx(wanted, rel=1e-12)
        for nothing in ((0.0, 500.0), (0.0, 0.0), (2.0, 0.0)):
            assert float(pasr.mixing_time(kind, *map(of, nothing), nu, nu_t)) == 0.0


def test_the_part_that_reacts_goes_from_one_to_none():
    """kappa = tau_c/(tau_c + tau_m): tau_m -> 0 laminar, -> infinity none; no reactions: one."""
    mixing, frequency = of(0.0, 1e-5, 1e-4, 1e20, 1e-4), of(1e4, 1e4, 1e4, 1e4, 0.0)
    np.testing.assert_allclose(pasr.reacting_fraction(mixing, frequency), [1, 1 / 1.1, 0.5, 1e-24, 1], rtol=1e-12)


@pytest.mark.parametrize("kind", ["integral", "kolmogorov", "geometric", "effective"])
def test_gas_whose_eddies_vanish_reacts_as_laminar_gas(kind):
    """A closure of large eddies in cells of D = 0.1 mm: kappa goes to one with nu_t, without a jump anywhere, and is
    the model's own from Re_t = k^2/(nu epsilon) = 1 on.
    """
    nu_t, D = torch.logspace(-30, -2, 4001, dtype=torch.float64), of(1e-4)
    (k, epsilon), nu = algebraic.energy(nu_t, D), torch.full_like(nu_t, NU)
    own, longest = pasr.mixing_time(kind, k, epsilon, nu, nu_t), pasr.longest_mixing(k, epsilon, nu)
    kappa = pasr.reacting_fraction(torch.minimum(own, longest), of(1e5))
    Re = times.turbulent_reynolds(nu, k, epsilon)
    assert float(kappa[0]) == 1.0 and float((kappa[1:] - kappa[:-1]).abs().max()) < 0.02
    rises = (kappa[1:] > kappa[:-1]).long()
    assert int((rises[1:] - rises[:-1]).abs().sum()) <= 3  # falls once, and rises again as mixing grows faster
    np.testing.assert_array_equal((own > longest)[(Re < 0.99) | (Re > 1.03)], (Re < 1)[(Re < 0.99) | (Re > 1.03)])
    np.testing.assert_allclose(longest, (k**5 / (NU**2 * epsilon**3))[...], rtol=1e-9, atol=1e-300)
    # D^2/nu of the cell times how much the eddies diffuse: 0.094 x 9.2 of nu_t/nu
    faint = longest[Re < 1e-3] / (D * D / NU * nu_t[Re < 1e-3] / NU)
    np.testing.assert_allclose(faint, 1 / (0.094 * 1.048**3), rtol=1e-9)
    nothing = algebraic.energy(of(0.0), D)
    assert float(pasr.longest_mixing(*nothing, of(NU))) == float(pasr.mixing_time(kind, *nothing, of(NU), of(0.0))) == 0


# --- times of reactions ---------------------------------------------------------------------------------------------


class Seen:
    """Of a view what times of reactions ask for."""

    def __init__(self, gas, T, Y, p=101325.0):
        shape = (1, 1, len(T))
        self.T, self.Y = T.reshape(shape), Y.reshape(len(Y), *shape)
        self.rho = gas.density(self.T, p, self.Y)
        solution, rates = gas.cantera(), []
        for t, y in zip(T.tolist(), Y.T.numpy(), strict=True):
            solution.TPY = t, p, y
            rates.append(solution.net_production_rates * solution.molecular_weights)
        self.reactions = torch.tensor(np.array(rates).T).reshape(len(Y), *shape)


def test_time_of_reactions_is_that_of_openfoam():
    """sum C sum w/sum w^2 over forward and reverse directions, w = rate of progress times kmol made, by Cantera."""
    gas = Mechanism.load("h2o2.yaml")
    solution, wanted = gas.cantera(), []
    T, compositions = (
        of(300.0, 1100.0, 1800.0, 2400.0),
        ("H2:2, O2:1, N2:4", "H2:2, O2:1, OH:0.1", "H2O:1, H:0.01", "N2:1"),
    )
    Y = torch.stack([gas.composition(x) for x in compositions], 1)
    for t, y in zip(T.tolist(), Y.T.numpy(), strict=True):
        solution.TPY = t, 101325.0, y
        w = np.concatenate([
            solution.product_stoich_coeffs.sum(0) * solution.forward_rates_of_progress,
            solution.reactant_stoich_coeffs.sum(0) * solution.reverse_rates_of_progress,
        ])  # fmt: skip
        wanted.append((w**2).sum() / w.sum() / solution.concentrations.sum() if w.sum() > 0 else 0.0)
    found = times.TimeOfReactions(gas).frequency(Seen(gas, T, Y)).flatten()
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-30)
    assert wanted[1] > 1e3 and wanted[3] == 0.0


def test_a_gas_without_reactions_has_no_frequency():
    gas = Mechanism.load("cases/nitrogen.yaml")
    view = SimpleNamespace(T=torch.full((1, 2, 3), 300.0), rho=torch.ones(1, 2, 3), Y=torch.ones(1, 1, 2, 3))
    assert not times.TimeOfReactions(gas).frequency(view).any()


def test_time_of_conversion():
    """The longest of those in which species that are consumed would be gone."""
    gas = Mechanism.load("h2o2.yaml")
    Y = torch.stack([gas.composition(x) for x in ("H2:2, O2:1, H:0.01, N2:4", "N2:1", "H2O:1")], 1)
    seen = Seen(gas, of(1500.0, 1500.0, 2800.0), Y)
    rows = [gas.index("H2"), gas.index("O2")]
    found = times.TimeOfConversion(rows).frequency(seen).flatten()
    per = [float(-seen.reactions[k, 0, 0, 0] / (seen.rho[0, 0, 0] * Y[k, 0])) for k in rows]
    assert min(per) > 0 and float(found[0]) == pytest.approx(min(per), rel=1e-12)
    assert float(found[1]) == 0.0 and float(found[2]) == 0.0  # nothing is consumed there


# --- flows ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["kind='pasr', constant=1e5", "kind='edc', version='2016'"])
def test_a_flow_with_it_restarts_bit_by_bit_and_keeps_all(kind):
    changes = (EDDIES, f"combustion={{{kind}}}")
    flow = steps(kernel(*changes), 2, 4e-7)
    kappa = flow.field("kappa")
    assert kappa.min() >= 0 and kappa.max() <= 1.0 and kappa.min() < 0.9
    assert abs(flow.quantity("element_error")) < 1e-12 and abs(flow.quantity("enthalpy_error")) < 1e-12
    if "edc" in kind:
        assert 0.0 < flow.quantity("gamma_limited") <= 1.0
        assert flow.quantity("kappa_limited") == np.mean(kappa == 1.0) < 1.0 and flow.field("fine_time").max() > 0
    else:
        assert flow.field("mixing_time").max() > 0 and 0.0 <= flow.quantity("mixing_limited") <= 1.0
    saved = {name: array.copy() for name, (array, _) in flow.state().items()}
    again = kernel(*changes)
    again.restore(saved.__getitem__)
    again.time, again.step, again.dt = flow.time, flow.step, flow.dt
    same(steps(again, 1, 4e-7), steps(flow, 1, 4e-7))


def test_mixing_at_once_is_laminar_and_never_is_no_reaction():
    laminar = steps(kernel(EDDIES), 1, 4e-7)
    same(steps(kernel(EDDIES, "combustion={kind='pasr', constant=0.0}"), 1, 4e-7), laminar)
    assert kernel("combustion={kind='laminar'}").scheme.problem.interaction is None
    never = steps(kernel(EDDIES, "combustion={kind='pasr', constant=1e12}"), 1, 4e-7)
    assert never.quantity("heat_release") < 1e-6 * laminar.quantity("heat_release")


def test_inert_gas_is_unchanged():
    inert = (EDDIES, "chemistry={kind='none'}")
    plain = steps(kernel(*inert), 2, 4e-7)
    for kind in ("pasr", "edc"):
        flow = steps(kernel(*inert, f"combustion={{kind='{kind}'}}"), 2, 4e-7)
        same(flow, plain)
        assert re.match("combustion: .* acts on reactions, and chemistry.kind = .none. has none", doubts(flow))
    assert not doubts(plain)


def doubts(flow):
    return no_reactions.concerns(flow).get("no reactions", "")


def test_cells_whose_eddies_are_too_weak_are_counted():
    weak = kernel("turbulence={kind='smagorinsky', constant=0.01}", "combustion={kind='edc'}")
    weak.advance(4e-7)
    assert weak.quantity("kappa_limited") > 0.9 and np.all(weak.field("kappa") == 1.0)
    assert weak.quantity("gamma_limited") == 0.0 and not doubts(weak)  # no bounds but those of 2016
    view, eddies = weak.diagnostics.eddies.now()
    slow = pasr.Pasr("geometric", 1.0, times.TimeOfReactions(weak.scheme.problem.gas))
    assert slow.share_limited(Met(view, eddies)) > 0.9
    reynolds = times.turbulent_reynolds(view.kinematic_viscosity, eddies.energy, eddies.dissipation)
    assert slow.columns["mixing_limited"](Met(view, eddies)) == float(((0 < reynolds) & (reynolds < 1)).double().mean())


def test_damkoehler_and_karlovitz_numbers():
    flow = kernel(EDDIES)
    k, epsilon, T = flow.field("k_t"), flow.field("epsilon_t"), flow.field("T")
    view = flow.diagnostics.view()
    frequency = times.TimeOfReactions(flow.scheme.problem.gas).frequency(view).numpy()
    nu = view.kinematic_viscosity.numpy()
    there = epsilon > 0
    np.testing.assert_allclose(flow.field("Da")[there], (k / epsilon * frequency)[there], rtol=1e-9)
    np.testing.assert_allclose(flow.field("Ka")[there], (np.sqrt(epsilon / nu) / frequency)[there], rtol=1e-9)
    assert there.any() and T.max() > 1000
    choice = kernel(EDDIES, "combustion={kind='pasr', chemical_time='conversion', species=['H2','O2']}")
    assert not np.allclose(choice.field("Da"), flow.field("Da"))


@pytest.mark.parametrize(
    "changes, said",
    [
        (["combustion.kind=pasr"], 'combustion.kind = "pasr": needs the energy of eddies.*turbulence.kind = "none"'),
        (["combustion.kind=edc"], 'combustion.kind = "edc": needs the energy of eddies.*turbulence.kind = "none"'),
        ([EDDIES, "combustion={kind='pasr', chemical_time='conversion'}"], "species = .* go together"),
        ([EDDIES, "combustion={kind='pasr', species=['H2']}"], "species = .* go together"),
        ([EDDIES, "combustion={kind='edc', version='2009'}"], "combustion.version"),
        ([EDDIES, "combustion={kind='pasr', constant=-1.0}"], "combustion.constant"),
        (
            ["turbulence.kind=k-epsilon", "combustion.kind=thickened"],
            'combustion.kind = "thickened": .*k-epsilon.*large',
        ),
        (["turbulence.kind=k-omega-sst", FORCED], r'sources\[0\].kind = "linear-forcing": .*"k-omega-sst" stands'),
    ],
)
def test_what_does_not_go_together_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        load(CASES / "kernel.toml", changes)


def test_species_and_closures_that_lack_something_are_named():
    with pytest.raises(MechanismError, match="combustion: .*XYZ"):
        kernel(EDDIES, "combustion={kind='pasr', chemical_time='conversion', species=['XYZ']}")
    with pytest.raises(ConfigError, match='"kappa" needs combustion.kind = "pasr"'):
        kernel(EDDIES).field("kappa")
    assert ct.__version__
