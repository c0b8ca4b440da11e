"""The change from eager to compiled kernels at a step that is known before the run."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import CASE, Heat

from combust import kernels, parallel
from combust.graphs import cells_last, has_cells
from combust.kernel_orders import Order, mark
from combust.kernel_process import KernelProcess
from combust.kinetics.integrate.cells import Tolerance
from combust.kinetics.integrate.w_method import slow_first, slow_second_kernel
from combust.run import compilation, memory
from combust.run.run import run

PARTS = 1e-9  # by which what is compiled here differs from what is eager


def cooled(T):
    return 0.999 * T + 0.3


class Late:
    """A process that is through when it was asked some times."""

    looks, orders = 0, []

    def __init__(self, orders):
        Late.orders += orders
        self.left = Late.looks

    def done(self):
        self.left -= 1
        return self.left < 0

    def end(self):
        pass


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """Runs of a flow with a kernel, whose compiled results are larger by PARTS: to(step, ...) gives T at the end."""
    kernel, flows = kernels.compiled(cooled), []

    class Cooled(Heat):
        def __init__(self, config, comm):
            super().__init__(config, comm)
            kernels.set_mode("compiled" if config.numerics.compile != "off" else "eager")
            flows.append(self)

        def advance(self, dt):
            super().advance(dt)
            self.T = kernel(torch.from_numpy(self.T)).numpy()

    monkeypatch.setenv("COMBUST_COMPILE", "1")
    monkeypatch.setitem(sys.modules, "combust.run.build", SimpleNamespace(build=Cooled))
    monkeypatch.setattr(kernels, "_fuse", lambda fn, dynamic: lambda T: fn(T) * (1.0 + PARTS))
    monkeypatch.setattr(kernels, "_policy", kernels._Policy())
    monkeypatch.setattr(kernels, "compiler", lambda: "g++")
    monkeypatch.setattr(compilation, "KernelProcess", Late)
    monkeypatch.setattr(compilation, "_prepare", lambda: None)
    monkeypatch.setattr(Late, "orders", [])
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "case.toml").write_text(CASE)

    def to(step, *changes, folder="out", restart=None, looks=0, force=False):
        Late.looks = looks
        changes = [f"output.directory={tmp_path / folder}", f"stop.steps={step}", *changes]
        report = run(tmp_path / "case.toml", overrides=changes, restart=restart, force=force)
        assert report.step == step and kernels._policy.deferred is None
        return flows[-1].T

    return to


def shifts(a, b):
    """By how many compiled steps the fields differ."""
    return float(np.mean(a / b - 1.0)) / PARTS


@pytest.mark.compile
def test_kernels_change_over_at_a_known_step(pretended):
    """At the same step whatever the time that compiling takes; `compile` and `eager_steps` choose it."""
    eager = pretended(6, "numerics.compile=off", folder="eager")
    for changes, compiled in (
        (["numerics.eager_steps=4"], 2),
        (["numerics.eager_steps=0"], 6),
        (["numerics.compile=on", "numerics.eager_steps=4"], 6),
        ([], 0),  # so small that all of them are eager
    ):
        found = pretended(6, *changes, folder="-".join(changes) or "auto")
        assert shifts(found, eager) == pytest.approx(compiled, abs=0.05)
    assert [order.name for order in Late.orders] == ["test_compilation.cooled"] * 2
    late = pretended(6, "numerics.eager_steps=4", folder="late", looks=5)
    prompt = pretended(6, "numerics.eager_steps=4", folder="prompt")
    assert np.array_equal(late, prompt)
    done = mark(Late.orders[0])  # what is marked as compiled needs no process, and changes over no sooner
    done.parent.mkdir(parents=True)
    done.touch()
    asked = len(Late.orders)
    assert np.array_equal(pretended(6, "numerics.eager_steps=4", folder="marked"), prompt)
    assert len(Late.orders) == asked


@pytest.mark.compile
@pytest.mark.parametrize("stop", [2, 4, 5])
def test_a_restart_changes_over_at_the_same_step(pretended, stop):
    """Before, at and after it; and it may be asked for another one, which changes nothing of it."""
    whole = pretended(8, "numerics.eager_steps=4", folder="whole")
    pretended(stop, "numerics.eager_steps=4")
    assert np.array_equal(pretended(8, "numerics.eager_steps=1", restart="auto"), whole)


@pytest.mark.compile
def test_an_eager_run_that_goes_on_longer(pretended):
    """It was too short to compile for; from where it is continued a longer one has its own first steps."""
    eager = pretended(6, "numerics.compile=off", folder="eager")
    pretended(2, "numerics.compile=off")
    found = pretended(6, "numerics.eager_steps=1", restart="auto")
    assert shifts(found, eager) == pytest.approx(3, abs=0.05)


def test_first_steps_by_the_work_of_a_step():
    """Of about 5 s, at least two; none where one takes longer, or all are to be compiled."""
    config = SimpleNamespace(numerics=SimpleNamespace(compile="auto", eager_steps=None))
    assert [memory.eager_steps(config, cells, 10) for cells in (12_288, 300_000, 400_000)] == [16, 2, 0]
    config.numerics.eager_steps = 7
    assert memory.eager_steps(config, 1e9, 100) == 7
    config.numerics.compile = "on"
    assert memory.eager_steps(config, 100, 10) == 0


def test_orders_hold_functions_and_arguments_without_numbers():
    tolerance = Tolerance(1e-3, 1e-9)
    z = torch.rand(3, 8, dtype=torch.float64)
    cells_last(z)
    solve = torch.rand(4, 3, dtype=torch.float64).T
    order = Order.of(slow_second_kernel(tolerance).eager, None, (solve, (z, 2, "hp"), None))
    fn, dynamic, (matrix, (states, two, hold), none) = order.opened()
    assert (dynamic, two, hold, none) == (None, 2, "hp", None)
    assert (matrix.shape, matrix.stride(), matrix.dtype) == (solve.shape, solve.stride(), solve.dtype)
    assert has_cells(states) and not has_cells(matrix)
    a, b, dt = torch.eye(3, dtype=torch.float64), torch.rand(3, 8, dtype=torch.float64), torch.tensor(1e-3)
    same = slow_second_kernel(tolerance).eager(a, z, b, z, dt)
    assert all(torch.equal(x, y) for x, y in zip(fn(a, z, b, z, dt), same, strict=True))
    assert Order.of(slow_first, None, (z,)).opened()[0] is slow_first
    more = torch.rand(3, 5, dtype=torch.float64)
    cells_last(more)
    other = Order.of(slow_second_kernel(tolerance).eager, None, (solve, (more, 2, "hp"), None))
    assert other.digest == order.digest  # one graph for any number of cells
    again = Order.of(slow_second_kernel(Tolerance(1e-3, 1e-9)).eager, None, (solve, (z + 1.0, 2, "hp"), None))
    assert (
        Order.of(slow_first, None, (z.requires_grad_(),)) is None and Order.of(slow_first, None, (lambda: z,)) is None
    )
    assert again.digest != order.digest  # z + 1 is not marked


@pytest.mark.slow
@pytest.mark.compile
def test_a_process_compiles_into_the_cache(tmp_path, monkeypatch):
    """What the run then finds there: it compiles nothing itself."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)
    process = KernelProcess([Order.of(cooled, False, (x,))])
    assert process._process.wait() == 0 and process.done() and mark(Order.of(cooled, False, (x,))).exists()
    code = (
        "import torch, sys; from torch._dynamo.utils import counters; from combust import kernels;"
        f"sys.path.insert(0, {os.path.dirname(__file__)!r}); sys.path.insert(0, {os.path.dirname(__file__) + '/..'!r});"
        "from test_compilation import cooled; x = torch.arange(12.0, dtype=torch.float64).reshape(3, 4);"
        "assert torch.allclose(kernels.compiled(cooled)(x), cooled(x), rtol=1e-15);"
        "found = counters['inductor']; print(found['fxgraph_cache_hit'], found['fxgraph_cache_miss'])"
    )
    environment = {**os.environ, "COMBUST_COMPILE": "1"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "0"]


@pytest.mark.slow
def test_a_process_ends_with_the_run():
    x = torch.zeros(3, dtype=torch.float64)
    process = KernelProcess([Order.of(cooled, False, (x,))] * 100)
    process.end()
    assert process.done()


@pytest.mark.parametrize(("processors", "shares"), [(1, [5]), (3, [2, 2, 1]), (64, [2, 1, 1, 1])])
def test_idle_processors_compile_too(processors, shares, monkeypatch, tmp_path):
    """A rank has as many processes for its kernels as there are processors for a rank, four at most."""
    given = []
    monkeypatch.setattr(compilation, "KernelProcess", lambda orders: given.append(len(orders)))
    monkeypatch.setattr(compilation, "_processors", lambda: processors)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    hook = compilation.Compilation(SimpleNamespace())
    hook._met = {str(number): Order(f"kernel {number}", str(number), b"") for number in range(5)}
    hook._give_out(parallel.Communicator())
    assert given == shares


def test_a_run_that_ends_does_not_wait_for_the_compiler():
    """As after Ctrl-C in its first seconds."""
    script = "import time\nfrom combust import kernels\nfrom combust.run import compilation\n"
    script += "kernels.options = lambda: time.sleep(3600)\ncompilation._prepare()\nprint('ends')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")
