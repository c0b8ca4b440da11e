"""The seam of chemistry: what cells keep, what providers show of themselves."""

import cantera as ct
import numpy as np
import pytest
import torch

from combust import kernels
from combust.case import names
from combust.case.config import CHEMISTRIES
from combust.errors import ConfigError
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.providers.balance import Balanced
from combust.kinetics.providers.chemistry import columns_of, fields_of, require_hold
from combust.kinetics.providers.cvode import Cvode
from combust.kinetics.providers.direct import Direct
from combust.kinetics.providers.frozen import Frozen
from combust.parallel import Communicator


@pytest.fixture(autouse=True)
def eager():
    """A few cells: compiling takes longer than it saves."""
    with kernels.using("eager"):
        yield


@pytest.fixture(scope="module")
def gas():
    return Mechanism.load("h2o2.yaml")


@pytest.fixture(scope="module")
def cells(gas):
    """T, rho Y of igniting hydrogen at 1 atm, and how long to integrate."""
    solution, states = gas.cantera(), []
    for T in (1300.0, 1500.0, 1700.0):
        solution.TP = T, 1e5
        solution.set_equivalence_ratio(1.0, "H2:1", "O2:0.21, N2:0.79")
        states.append([solution.T, *(solution.density * solution.Y)])
    z = torch.tensor(np.array(states).T)
    return z[0], z[1:], 2e-5


def at_constant_volume(gas, T, rhoY, dt):
    """T by Cantera's own reactor of constant volume."""
    solution = gas.cantera(transport=False)
    solution.TDY = T, rhoY.sum(), rhoY / rhoY.sum()
    reactor = ct.IdealGasReactor(solution, clone=False)
    network = ct.ReactorNet([reactor])
    network.rtol, network.atol = 1e-10, 1e-18
    network.advance(dt)
    return reactor.T


def tight(kind, gas, hold):
    """A provider whose errors are small."""
    return kind(gas, 1e-6, 1e-12, **({"method": "rodas5p"} if kind is Direct else {}), hold=hold)


@pytest.mark.parametrize("kind", [Direct, Cvode])
def test_cells_of_constant_volume_are_cantera_s(gas, cells, kind):
    T, rhoY, dt = cells
    chemistry = tight(kind, gas, "uv")
    zero = torch.zeros_like(rhoY)
    end = chemistry.advance(chemistry.begin(T, rhoY, dt, zero, zero[0]), zero, zero[0])
    expected = [at_constant_volume(gas, float(T[i]), rhoY[:, i].numpy(), dt) for i in range(3)]
    assert max(expected) - float(T.max()) > 100
    assert end.T.tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(end.rhoY.sum(0), rhoY.sum(0), rtol=1e-12)


@pytest.mark.parametrize("hold", ["flow", "uv"])
def test_providers_agree_with_sources(gas, cells, hold):
    """Batched integration and CVODE, with transport that changes the density and a second sweep."""
    T, rhoY, dt = cells
    Q, Qh = rhoY * torch.tensor([300.0, -200.0, 500.0]), torch.tensor([1e8, -5e7, 2e8], dtype=T.dtype)
    ends = []
    for kind in (Direct, Cvode):
        chemistry = tight(kind, gas, hold)
        step = chemistry.begin(T, rhoY, dt, 0.9 * Q, Qh)
        chemistry.advance(step, 0.9 * Q, Qh)
        ends.append(chemistry.advance(step, Q, Qh))
    assert torch.allclose(ends[0].T, ends[1].T, rtol=1e-5)
    assert torch.allclose(ends[0].rhoY, ends[1].rhoY, rtol=1e-3, atol=1e-8)
    assert torch.allclose(ends[0].rhoY.sum(0), (rhoY + dt * Q).sum(0), rtol=1e-10)


def test_frozen_cells_keep_their_energy(gas, cells):
    T, rhoY, dt = cells
    zero, heat = torch.zeros_like(rhoY), torch.full_like(T, 1e9)
    rise = {}
    for hold in ("flow", "uv"):
        chemistry = Frozen(gas, hold)
        rise[hold] = chemistry.advance(chemistry.begin(T, rhoY, dt), zero, heat).T - T
    Y = rhoY / rhoY.sum(0)
    gamma = gas.cp(T, Y) / (gas.cp(T, Y) - ct.gas_constant / gas.mean_molar_mass(Y))
    assert torch.allclose(rise["uv"] / rise["flow"], gamma, rtol=1e-2)


def test_what_cells_keep_is_asked_for(gas):
    for kind in (Direct, Cvode, Frozen):
        with pytest.raises(ConfigError, match='hold = "tp"; allowed: "flow"'):
            kind(gas, hold="tp")
    require_hold(Direct(gas), "flow", "a low-Mach flow")
    require_hold(object(), "flow", "a low-Mach flow")  # one that says nothing
    with pytest.raises(ConfigError, match='Direct: its cells keep "uv", a low-Mach flow needs "flow"'):
        require_hold(Direct(gas, hold="uv"), "flow", "a low-Mach flow")


class Counting(Direct):
    """A provider with a field and a column of its own."""

    def __init__(self, gas):
        super().__init__(gas)
        self.fields = {"visits": lambda: torch.ones(4)}
        self.columns = {"visits_share": lambda comm: comm.sum(3.0)[0]}


def test_providers_show_what_they_declare(gas):
    assert fields_of(Direct(gas)) == columns_of(Direct(gas)) == {}
    shown = Counting(gas)
    assert float(fields_of(shown)["visits"]().sum()) == 4 and columns_of(shown)["visits_share"](Communicator()) == 3
    balanced = Balanced(shown, Communicator())
    assert not fields_of(balanced) and list(columns_of(balanced)) == ["visits_share"]


def test_names_of_chemistry_are_declared_by_its_settings():
    for struct in CHEMISTRIES:
        kind = f'chemistry.kind = "{struct.__struct_config__.tag}"'
        for declared, known in ((struct.FIELDS, names.FIELDS), (struct.COLUMNS, names.QUANTITIES)):
            assert all(known[name] == about._replace(needs=kind) for name, about in declared.items())


def test_a_step_of_another_provider_is_refused():
    gas = Mechanism.load("h2o2.yaml")
    Y = gas.mixture("H2:1", "O2:1, N2:3.76", 1.0)[:, None]
    T = torch.tensor([300.0], dtype=torch.float64)
    rhoY = gas.density(T, 1e5, Y) * Y
    frozen, zero = Frozen(gas), torch.zeros_like(rhoY)
    for provider in (Direct(gas), Balanced(frozen, Communicator())):
        with pytest.raises(ConfigError, match=f"chemistry {type(provider).__name__}: step is StartState"):
            provider.advance(frozen.begin(T, rhoY, 1e-6), zero, zero[0])
