"""Training: the terms of the loss, the loop, checkpoints that continue bit by bit, several processes."""

import multiprocessing
import os
from dataclasses import replace

import draws
import numpy as np
import pytest
import torch
import training_fixture
from training_fixture import task

from combust.errors import DivergenceError, FileFormatError
from combust.report.meter import Meter
from combust.surrogates.model.conserve import correct
from combust.surrogates.model.coordinates import Coordinates
from combust.surrogates.model.model import Model, temperature
from combust.surrogates.model.network import Network
from combust.surrogates.settings import Loss
from combust.surrogates.training import distributed, losses
from combust.surrogates.training import state as training_state
from combust.surrogates.training.distributed import Group
from combust.surrogates.training.losses import EVERY, Objective
from combust.surrogates.training.rows import BLOCK, columns, heating
from combust.surrogates.training.state import State
from combust.surrogates.training.training import Trainer

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def gas():
    return training_fixture.mechanism()


@pytest.fixture(scope="module")
def samples():
    return training_fixture.sample_set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return training_fixture.files(tmp_path_factory.mktemp("training"))


def objective(task, network=None, **weights):
    loss = Loss(**({"step": 0.0} | weights))
    network = network or Network(*task.shape)
    return Objective(network, task.core, loss, task.peak, task.config.range.dt[0], False)


def without_seconds(state):
    return [line[:-1] for line in state.history]


# --- rows and terms -------------------------------------------------------------------------------------------------


def test_rows_are_float32_and_contiguous(gas, samples, folder, monkeypatch):
    monkeypatch.setattr("combust.surrogates.training.rows.BLOCK", 50)  # several blocks
    assert BLOCK > 50
    made = task(gas, samples, folder, "train.loss.tail=1")
    rows, c = made.rows, made.core.coordinates
    assert len(rows) == 240 and len(made.validation) == 60
    for x in (rows.x, rows.z):
        assert x.dtype == torch.float32 and x.is_contiguous()
    T, p, dt, Y, Y1, _ = columns(samples.of("train"))
    assert torch.equal(rows.x, c.features(T, p, Y, dt).T.float()) and torch.equal(rows.z, c.target(Y, Y1, dt).T.float())
    assert torch.equal(rows.states.Y1, Y1[c.active].T)
    assert task(gas, samples, folder).rows.states is None  # memory for terms that are not asked for
    some = rows.of(torch.tensor([3, 5]))
    assert torch.equal(some.states.Y, rows.states.Y[[3, 5]]) and torch.equal(some.z, rows.z[[3, 5]])


@pytest.mark.parametrize("hold", ["hp", "uv"])
def test_heating_is_what_an_error_does_to_the_temperature(gas, samples, folder, hold):
    core = task(gas, samples, folder).core._replace(hold=hold)
    T, p, dt, Y, Y1, T1 = columns(samples.of("test"))
    active = core.coordinates.active
    error = 1e-6 * torch.rand(active.numel(), T.numel(), generator=draws.generator(0), dtype=Y.dtype)
    error = error * Y1[active]
    fixed, _, _ = correct(core.atoms, Y1[active], Y1[active] + error)
    # The state after the step keeps its energy: T of the wrong composition from the right one.
    off, _ = temperature(gas.thermo, hold, T1, Y1, Y1.index_copy(0, active, fixed))
    expected = -(heating(core, T1, Y1) * error).sum(0)
    assert (off - T1 - expected).abs().max() < 1e-4 * (off - T1).abs().max()
    assert (off - T1).abs().max() > 1e-5


def test_terms_by_hand(gas, samples, folder):
    made = task(gas, samples, folder, "train.loss.tail=1")
    torch.manual_seed(draws.seed(1))
    network = Network(*made.shape)
    torch.nn.init.normal_(network.layers[-1].weight, std=0.02)
    rows, c = made.rows, made.core.coordinates
    u = torch.rand(len(rows))
    with torch.no_grad():

        def value(**weights):
            loss, terms = objective(made, network, **weights)(rows, u, 1.0 / len(rows))
            assert float(loss) == pytest.approx(2.0 * float(terms[0]), rel=1e-5)
            return float(terms[0])

        out = network(rows.x)
        assert value(step=2.0) == pytest.approx(float((out - rows.z).abs().mean()), rel=1e-5)
        s = rows.states
        said = c.decode(s.Y.T, out.T, s.dt)
        assert (said >= 0).all()
        worst = ((said - s.Y1.T).abs() / made.peak.unsqueeze(1)).amax(0)
        assert value(tail=2.0) == pytest.approx(float(worst.mean()), rel=1e-6)
        model = Model(c, [network], {"hold": "hp"})
        three, own = slice(None, None, EVERY), s.dt[::EVERY] / 3 >= 1e-7
        T, Y, p, dt = (x[three][own] for x in (s.T, s.Y, s.p, s.dt))
        Y = Y.T
        for _ in range(3):
            T, Y, _, _ = model.step(gas, T, p, Y, dt / 3)
        off = c.target(s.Y[three][own].T, Y, dt) - rows.z[three][own].T
        expected = float(off.abs().sum()) / off.shape[0] * EVERY / len(rows)
        assert value(rollout=2.0) == pytest.approx(expected, rel=1e-6)


def test_heat_is_the_error_of_the_temperature(gas, samples, folder):
    """To first order: of a network whose steps are the labels of one that differs by a little."""
    made = task(gas, samples, folder, "train.loss.heat=1")
    torch.manual_seed(draws.seed(1))
    network = Network(*made.shape)
    torch.nn.init.normal_(network.layers[-1].weight, std=0.01)
    s, c = made.rows.states, made.core.coordinates
    with torch.no_grad():
        model = Model(c, [network], {"hold": "hp"})
        label = model.step(gas, s.T, s.p, s.Y.T, s.dt)
        rows = replace(
            made.rows, states=s._replace(Y1=label.Y[c.active].T, heat=heating(made.core, label.T, label.Y).T.float())
        )
        network.layers[-1].weight.mul_(1.01)
        end = model.step(gas, s.T, s.p, s.Y.T, s.dt)
        loss, _ = objective(made, network, heat=1.0)(rows, None, 1.0 / len(rows))
        assert 100 * float(loss) == pytest.approx(float((end.T - label.T).abs().mean()), rel=0.05)


def test_semigroup_of_exact_steps_is_zero(gas, samples, folder, monkeypatch):
    """With exact chemistry in the network's place the term has nothing to find, whatever the cut."""
    made = task(gas, samples, folder, "train.loss.semigroup=1")

    def exact(core, T, p, Y, dt):
        end = gas.integrate(T, p, Y, dt, rtol=1e-6, atol=1e-13, compile=False)
        return end.T, end.Y, None, None

    monkeypatch.setattr(losses, "step", exact)
    rows = made.rows.of(slice(0, 60))
    with torch.no_grad():
        _, terms = objective(made, semigroup=1.0)(rows, torch.rand(60), 1.0 / 60)
    assert 0 < float(terms[0]) < 1e-2 * float(rows.z.abs().mean())


def test_every_term_has_a_gradient_and_none_is_computed_in_vain(gas, samples, folder, monkeypatch):
    made = task(gas, samples, folder, "train.loss.tail=1")
    for name in losses.TERMS:
        own = objective(made, **{name: 1.0})
        loss, _ = own(made.rows, torch.rand(len(made.rows)), 1.0 / len(made.rows))
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in own.parameters())
        assert float(own.network.layers[-1].weight.grad.abs().sum()) > 0
    monkeypatch.setattr(losses, "step", None)
    monkeypatch.setattr(Coordinates, "decode", None)
    objective(made, step=1.0)(made.rows, None, 1.0)


def test_composed_terms_need_time_steps_that_can_be_cut(gas, samples):
    dt = torch.tensor([1e-6, 3e-7, 1.5e-7])
    assert losses.composable(Loss(semigroup=1.0, rollout=1.0), dt, 1e-7) == {
        "semigroup": pytest.approx(2 / 3), "rollout": pytest.approx(2 / 3)
    }  # fmt: skip
    assert losses.composable(Loss(), dt, 1e-7) == {}


# --- the loop -------------------------------------------------------------------------------------------------------


def test_learns_and_stops_early_with_the_best_weights(gas, samples, folder, tmp_path):
    made = task(gas, samples, folder, "train.epochs=40", out=tmp_path)
    state = State()
    kept = {}
    made.after_epoch = lambda now: kept.update({now.epoch: now.network}) if now.member == 0 else None
    (network,) = Trainer(made, state).run()
    validation = [line[6] for line in state.history]
    assert validation[-1] < 0.7 * validation[0]
    best = int(np.argmin(validation)) + 1
    assert torch.equal(network.layers[1].weight, kept[best]["layers.1.weight"])
    assert state.rows == 40 * 3 * 64 and state.history[-1][3] < state.history[0][3] < 2e-3

    made = task(gas, samples, folder, "train.epochs=40", "train.patience=2", "train.rate=1e-12", out=tmp_path)
    state = State(planned=40)
    trainer = Trainer(made, state)
    trainer._validate = lambda objective: [1.0, 1.0]  # never better than the first
    trainer.run()
    assert len(state.history) == 3


class Killed(Exception):
    pass


class Deadly(Meter):
    """Ends the training at a step, as kill -9 does."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def reach(self, done, total):
        self.left -= 1
        if self.left == 0:
            raise Killed

    def say(self, line):
        pass


def test_continues_bit_by_bit_from_wherever_it_was_killed(gas, samples, folder, tmp_path):
    changes = ("network.ensemble=2", "train.loss.semigroup=0.1", "train.epochs=4")
    whole = State()
    expected = Trainer(task(gas, samples, folder, *changes, out=tmp_path / "a"), whole).run()
    made = task(gas, samples, folder, *changes, out=tmp_path / "b")
    state = State()
    for step in (1, 5, 7, 2, 6):  # in the middle of epochs, of both networks, and before the first checkpoint
        with pytest.raises(Killed):
            Trainer(made, state, Deadly(step)).run()
        state, _ = training_state.read(made.checkpoint)
    assert state.member == 1
    networks = Trainer(made, state).run()
    assert without_seconds(state) == without_seconds(whole) and len(whole.history) == 8
    for a, b in zip(networks, expected, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not torch.equal(*(net.layers[0].weight for net in expected))  # the networks differ
    other = Trainer(task(gas, samples, folder, *changes, "train.seed=1", out=tmp_path / "c"), State()).run()
    assert not torch.equal(other[0].layers[0].weight, expected[0].layers[0].weight)


def test_a_time_budget_shortens_the_schedule(gas, samples, folder, tmp_path, monkeypatch):
    clock = iter(np.arange(0.0, 1e6, 10.0))  # each look at the clock is 10 s later
    monkeypatch.setattr("combust.surrogates.training.training.time.monotonic", lambda: next(clock))
    made = task(gas, samples, folder, "train.epochs=100", "network.ensemble=2", out=tmp_path)
    made.budget = 100.0
    state = State()
    Trainer(made, state).run()
    assert [line[:2] for line in state.history] == [[m, e] for m in (0, 1) for e in range(1, 6)]
    last = [line[3] for line in state.history if line[1] == 5]
    assert all(rate < 0.1 * 2e-3 for rate in last)  # the cosine has come down


def test_a_time_budget_makes_a_steady_plan(gas, samples, folder, tmp_path, monkeypatch):
    """Whatever an epoch takes, the rate falls with the time that has passed, and is down when that is over."""
    clock = iter(np.cumsum([0.0, *np.tile([7.0, 13.0, 10.0, 25.0], 99)]))  # seconds of the epochs, saving included
    monkeypatch.setattr("combust.surrogates.training.training.time.monotonic", lambda: next(clock))
    made = task(gas, samples, folder, "train.epochs=1000", "train.patience=1000", out=tmp_path)
    made.budget, state, rates = 300.0, State(), []
    trainer = Trainer(made, state)
    whole = trainer._rate
    trainer._rate = lambda of_epoch: rates.append(whole(of_epoch)) or rates[-1]
    trainer.run()
    assert rates == sorted(rates, reverse=True)  # it never rises again
    assert len(state.history) > 10 and abs(state.seconds - 300.0) <= 25.0  # over within an epoch
    steps = len(rates) // len(state.history)
    assert rates[-1] < 2e-3 * 0.03 and rates[0] > 2e-3 * 0.99
    passed = [0.0, *(line[-1] / state.seconds for line in state.history)]
    for epoch, share in enumerate(passed[:-1]):
        expected = 0.5 * (1 + np.cos(np.pi * share))
        assert abs(rates[epoch * steps] / 2e-3 - expected) < 0.12


def test_bf16_is_close(gas, samples, folder, tmp_path):
    curves = []
    for precision in ("fp32", "bf16"):
        state = State()
        Trainer(task(gas, samples, folder, f'train.precision="{precision}"', out=tmp_path), state).run()
        curves.append([line[6] for line in state.history])
    assert curves[0] != curves[1] and np.allclose(*curves, rtol=0.02)


def test_a_loss_that_is_not_finite(gas, samples, folder, tmp_path):
    made = task(gas, samples, folder, out=tmp_path)
    made.rows.z[7] = float("nan")
    with pytest.raises(DivergenceError, match=r"training loss is nan in epoch 1 .* lower train.rate"):
        Trainer(made, State()).run()


def test_checkpoint_files(tmp_path):
    path = tmp_path / "c.safetensors"
    weights = {"w": torch.rand(3)}
    state = State(1, 2, 3, 0.1, 1, 4, 5.0, [[0, 1, 0.1 + 0.2]], weights, weights, [weights], [{"m": torch.rand(2)}])
    training_state.write(path, state, {"a": 1})
    found, identity = training_state.read(path)
    assert identity == {"a": 1} and found.history == state.history and not list(tmp_path.glob("*.tmp"))
    assert torch.equal(found.done[0]["w"], weights["w"]) and torch.equal(found.adam[0]["m"], state.adam[0]["m"])
    data = path.read_bytes()
    for damage in (data[:-3], data[:20], b""):
        path.write_bytes(damage)
        with pytest.raises(FileFormatError, match="damaged"):
            training_state.read(path)


# --- processes ------------------------------------------------------------------------------------------------------


def test_parts_of_a_batch_are_whole_and_aligned():
    for total in (1, 7, 64, 240):
        parts = [Group(rank, 3).part(total) for rank in range(3)]
        assert parts[0].start == 0 and parts[-1].stop == total
        assert all(a.stop == b.start and b.start % EVERY == 0 for a, b in zip(parts, parts[1:], strict=False))


def child(number, port, made, folder):
    """One of two processes that train; the root leaves its curve and weights behind."""
    os.environ.update(RANK=str(number), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    made.group = distributed.join(cuda=False)
    assert (made.group.rank, made.group.size) == (number, 2)
    assert made.group.bcast(float(number)) == 0.0 and made.group.root_first(lambda: number) == number
    state = State()
    (network,) = Trainer(made, state).run()
    made.group.leave()
    np.save(folder / f"curve{number}.npy", np.array(without_seconds(state)))
    np.save(folder / f"weights{number}.npy", network.layers[1].weight.detach().numpy())


def test_two_processes_agree_with_one(gas, samples, folder, tmp_path):
    """Gradients are means over processes: the same numbers to round-off, with uneven parts and composed terms."""
    changes = ("train.epochs=2", "train.batch=50", "train.loss.semigroup=0.2", "train.loss.tail=0.1")
    made = task(gas, samples, folder, *changes, out=tmp_path)
    state = State()
    (network,) = Trainer(made, state).run()
    fork = multiprocessing.get_context("fork")  # what is loaded and made here need not be so again
    port = distributed.free_port()
    started = [fork.Process(target=child, args=(k, port, made, tmp_path)) for k in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join()
        assert process.exitcode == 0
    for number in range(2):
        curve = np.load(tmp_path / f"curve{number}.npy")
        assert np.allclose(curve, without_seconds(state), rtol=1e-5)
        weights = np.load(tmp_path / f"weights{number}.npy")
        assert np.allclose(weights, network.layers[1].weight.detach().numpy(), rtol=0, atol=1e-5)
    assert not np.array_equal(curve, without_seconds(state))  # sums were in another order
