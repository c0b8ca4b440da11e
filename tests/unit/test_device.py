"""Kinetics, learned chemistry and flows on a device, a pretend one (tests/pretend.py): the bits of the processor, no
operation that mixes devices, and few waits of the host for the device. These budgets may fall and never rise.
"""

from typing import Any

import numpy as np
import pretend
import pytest
import torch

from combust import devices
from combust.case.load import load
from combust.cfd.model.flow import Flow
from combust.cfd.pressure.choice import takes_petsc
from combust.errors import ConfigError
from combust.kinetics.integrate import cells as ode
from combust.kinetics.integrate.rosenbrock import METHODS
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import ALONE
from combust.run.build import build
from combust.surrogates.model.model import Model
from combust.surrogates.provider.learned import Learned

pytestmark = pytest.mark.skipif(
    tuple(int(n) for n in torch.__version__.split(".")[:2]) < pretend.OLDEST,
    reason="torch below 2.9 has no devices that are written in Python",
)

DT = 8e-7  # s
CASES = {
    "kernel": ["mesh.cells=[12, 12]"],  # a closed box, exact chemistry
    "flame_learned": ["mesh.cells=[16, 8]"],  # inflow, outflow
}
WAITS_OF_STEP = 40
WAITS_OF_INTEGRATE = 15


@pytest.fixture(autouse=True)
def _torch_kernels(monkeypatch):
    """What devices run: the integrator in torch, not the one in C++, in blocks of fixed size with few looks of the
    host. On a processor cells leave a block when they are done, and the last bit of a vector loop hangs on the place.
    """
    monkeypatch.setenv("COMBUST_NATIVE", "0")
    monkeypatch.setattr(devices, "works_ahead", lambda device: True)


def same(ours: torch.Tensor, there: torch.Tensor) -> None:
    """The second is on the device, with the bits of the first."""
    assert there.device.type == pretend.NAME
    assert torch.equal(ours, pretend.on_host(there))


def hydrogen(device: str, cells: int = 64) -> tuple[Mechanism, tuple[torch.Tensor, ...]]:
    """A mechanism there, and T, p, Y of gases at all temperatures, some of them about to ignite."""
    gas = Mechanism.load("h2o2.yaml", device=device)
    T = torch.linspace(900.0, 2500.0, cells, dtype=torch.float64)
    p = torch.full_like(T, 101325.0)
    Y = torch.full((len(gas.species), cells), 1e-4, dtype=torch.float64)
    for name, amount in (("H2", 0.028), ("O2", 0.226), ("N2", 0.745)):
        Y[gas.species.index(name)] = amount
    Y = Y / Y.sum(0)
    return gas, tuple(x.to(device) for x in (T, p, Y))


def test_the_pretend_device_refuses_a_mix_and_counts_waits():
    with pretend.on_device() as counts:
        x = torch.arange(4.0, device="pretend")
        assert x.device == torch.device("pretend", 0) and (x + torch.tensor(1.0)).device == x.device
        for wrong in (
            lambda: x + torch.arange(4.0),
            lambda: torch.stack([x[0], torch.tensor(1.0)]),
            lambda: x + torch.arange(4.0, device="pretend:1"),
            lambda: x[torch.arange(2)].add_(torch.arange(2.0)),
        ):
            with pytest.raises(pretend.DeviceMix):
                wrong()
        assert counts.total == 0
        assert float(x.sum()) == 6.0 and x.tolist() == [0.0, 1.0, 2.0, 3.0] and torch.equal(x, x)
        assert counts.total == 3
        assert x[x > 1.0].shape == (2,) and x.nonzero().shape == (3, 1)
        assert counts.total == 5
        assert x.cpu().device.type == "cpu" and torch.tensor([1.0], device=x.device).device == x.device
        assert counts.total == 7
        to = torch.zeros(4)
        to.copy_(x, non_blocking=True)
        assert bool(to.isnan().all()) and counts.total == 7
        devices.finish(x.device)
        assert to.tolist() == [0.0, 1.0, 2.0, 3.0] and counts.total == 8


def test_one_device_for_each_rank_of_a_machine():
    class Rank:
        def __init__(self, place: int) -> None:
            self.place = place

        def place_on_this_machine(self) -> int:
            return self.place

    with pretend.on_device():
        assert [devices.pick("pretend", Rank(place)) for place in range(3)] == ["pretend:0", "pretend:1", "pretend:0"]
        assert devices.is_there("pretend:1") and not devices.is_there("pretend:2")
    assert devices.pick("cpu", ALONE) == "cpu"
    assert takes_petsc("auto", "auto", 2, 2, False) and not takes_petsc("auto", "auto", 2, 2, False, "pretend:1")
    with pytest.raises(ConfigError, match="there is none here"):
        devices.pick("pretend", ALONE)


def test_case_files_name_it_where_it_is_there():
    change = ['device="pretend"']
    with pretend.on_device():
        assert load("cases/kernel.toml", change).device == "pretend"
    with pytest.raises(ConfigError, match="device"):
        load("cases/kernel.toml", change)


def test_kinetics():
    def values(device: str) -> list[torch.Tensor]:
        gas, (T, p, Y) = hydrogen(device)
        return [
            gas.net_production_rates(T, p, Y),
            gas.jacobian(T, p, Y),
            gas.enthalpy(T, Y),
            gas.temperature(gas.enthalpy(T, Y), Y),
            *gas.transport(T, p, Y),
        ]

    expected = values("cpu")
    with pretend.on_device():
        for ours, there in zip(expected, values("pretend"), strict=True):
            same(ours, there)


def test_integration_of_reactors():
    gas, state = hydrogen("cpu")
    expected = gas.integrate(*state, 1e-6, rtol=1e-4, atol=1e-8)
    assert expected.stats.steps > 64  # it takes many
    with pretend.on_device():
        gas, state = hydrogen("pretend")
        found, counts = pretend.counted(lambda: gas.integrate(*state, 1e-6, rtol=1e-4, atol=1e-8))
        same(expected.T, found.T)
        same(expected.Y, found.Y)
        assert found.stats == expected.stats
    assert counts.total <= WAITS_OF_INTEGRATE, counts.table()


def test_the_host_looks_once_in_eight_attempts(monkeypatch):
    attempts = 0
    linearise = ode.linearise_block

    def counted(*args: Any) -> ode.Linearised:
        nonlocal attempts
        attempts += 1
        return linearise(*args)

    monkeypatch.setattr(ode, "linearise_block", counted)
    with pretend.on_device():
        gas, (T, p, Y) = hydrogen("pretend", 8)
        z = torch.cat([T.unsqueeze(0), gas.density(T, p, Y) * Y])
        job = ode.System(gas.kinetics), METHODS["ros3"], ode.Tolerance(1e-4, 1e-8), z, torch.zeros_like(z)
        _, counts = pretend.counted(lambda: ode.integrate_cells(*job, 3e-7, torch.full_like(T, 1e-9), 16))
    assert attempts > 2 * ode.LOOK and counts.total == attempts / ode.LOOK + 1, counts.table()  # and once at the end


def test_steps_do_not_hang_on_when_the_host_looks(monkeypatch):
    def integrated() -> Any:
        gas, state = hydrogen("cpu", 21)
        return gas.integrate(*state, 1e-6, rtol=1e-4, atol=1e-8)

    seldom = integrated()
    monkeypatch.setattr(devices, "works_ahead", lambda device: False)
    often = integrated()
    assert seldom.stats == often.stats
    torch.testing.assert_close(seldom.T, often.T, rtol=1e-11, atol=0.0)
    torch.testing.assert_close(seldom.Y, often.Y, rtol=1e-9, atol=1e-15)


def test_learned_chemistry(tiny):
    """Cells of every route: the limit of trust lies amid what the network would have."""

    def advanced(device: str, limit: float) -> Any:
        T, p, Y, *_ = (x.to(device) for x in tiny.rows("validation", 12))
        learned = Learned(Model.load(tiny.strict), Mechanism.load("h2o2.yaml", device=device))
        trust = learned.parts.trust
        learned.parts.trust = trust._replace(limit=torch.full_like(trust.limit, limit))
        return learned.advance(T, p, Y, 1e-6)

    errors = advanced("cpu", 1e-12).stats.error
    middle = float(errors[errors > 0].median())
    expected = advanced("cpu", middle)
    assert expected.stats.network and expected.stats.exact
    with pretend.on_device():
        found = advanced("pretend", middle)
        same(expected.T, found.T)
        same(expected.Y, found.Y)


def flow(case: str, device: str) -> Flow:
    """At time zero."""
    changes = [*CASES[case], f'device="{device}"', f"numerics.dt={DT}"]
    return build(load(f"cases/{case}.toml", changes), ALONE)


def state(flow: Flow) -> dict[str, np.ndarray]:
    """All that a restart needs."""
    return {name: array for name, (array, _) in flow.state().items()}


def same_state(found: Flow, expected: dict[str, np.ndarray]) -> None:
    """All of it, to the bit."""
    have = state(found)
    for name, array in expected.items():
        np.testing.assert_array_equal(have[name], array, err_msg=name)


def test_steps_and_a_restart_of_exact_chemistry():
    ours = flow("kernel", "cpu")
    ours.advance(DT)
    first = state(ours)
    ours.advance(DT)
    with pretend.on_device():
        there = flow("kernel", "pretend")
        there.advance(DT)
        same_state(there, first)
        again = flow("kernel", "pretend")
        again.time, again.step, again.dt = DT, 1, DT
        again.restore(lambda name: first[name])
        _, counts = pretend.counted(lambda: again.advance(DT))
        same_state(again, state(ours))
    assert counts.total <= WAITS_OF_STEP, counts.table()


def test_a_step_of_learned_chemistry():
    ours = flow("flame_learned", "cpu")
    ours.advance(DT)
    with pretend.on_device():
        there = flow("flame_learned", "pretend")
        _, counts = pretend.counted(lambda: there.advance(DT))
        same_state(there, state(ours))
    assert counts.total <= WAITS_OF_STEP, counts.table()
