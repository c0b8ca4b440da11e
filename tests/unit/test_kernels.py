"""The switch between eager and fused kernels."""

import logging
import os
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch

from combust import graphs, half_written, kernels, torch_parts


def wave(x, y):
    return torch.sin(x) * y + x.sum(0)


@pytest.fixture
def switch(monkeypatch):
    """Compiling allowed, whatever the test session says; the policy is put back afterwards."""
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    monkeypatch.setattr(kernels, "_policy", kernels._Policy())
    kernels.compiler.cache_clear()
    yield monkeypatch
    kernels.compiler.cache_clear()


def test_environment_forces_eager_at_call_time(monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "0")
    called = []
    kernel = kernels.compiled(lambda x: called.append(torch.compiler.is_compiling()) or x)
    kernel(torch.ones(3))
    assert called == [False]
    assert kernels.mode() == "eager"


@pytest.mark.compile
def test_compiled_equals_eager_and_says_so_once(switch, caplog):
    kernel = kernels.compiled(wave)
    x, y = torch.rand(3, 5, dtype=torch.float64), torch.rand(3, 5, dtype=torch.float64)
    with caplog.at_level(logging.INFO, logger="combust.kernels"):
        first, second = kernel(x, y), kernel(x, y)
    assert torch.allclose(first, wave(x, y), rtol=1e-14, atol=0) and torch.equal(first, second)
    assert [r.getMessage() for r in caplog.records if "compiling" in r.getMessage()] == [
        "compiling test_kernels.wave ..."
    ]


@pytest.mark.compile
def test_set_mode(switch):
    kernel = kernels.compiled(lambda x: x + (1 if torch.compiler.is_compiling() else 0))
    kernels.set_mode("eager")
    assert kernels.mode() == "eager" and float(kernel(torch.zeros(()))) == 0
    with pytest.raises(ValueError, match="allowed: 'compiled', 'eager'"):
        kernels.set_mode("fast")


@pytest.mark.compile
def test_without_a_compiler_eager_with_one_warning(switch, caplog):
    switch.setattr(kernels.shutil, "which", lambda name: None)
    kernel = kernels.compiled(wave)
    x = torch.rand(2, 4)
    with caplog.at_level(logging.WARNING, logger="combust.kernels"):
        assert torch.equal(kernel(x, x), wave(x, x))
        kernels.compiled(wave)(x, x)
    assert len(caplog.records) == 1 and "install g++" in caplog.text


@pytest.mark.compile
@pytest.mark.parametrize(
    ("named", "there", "found"),
    [
        (None, ("g++", "clang++"), "g++"),
        (None, ("clang++",), "clang++"),
        ("ccache g++", ("ccache", "g++"), "g++"),
        ("/a path/g++", ("/a path/g++", "g++"), "/a path/g++"),
        ("g++ -m64", ("g++", "clang++"), "g++"),
        ("icpx", ("g++", "clang++"), None),
    ],
)
def test_compiler_of_torch(switch, named, there, found):
    """A program alone, also where CXX has a launcher or options; what CXX names in vain is not replaced in silence."""
    switch.setattr(kernels.shutil, "which", lambda name: f"/usr/bin/{name}" if name in there else None)
    switch.setenv("CXX", named) if named else switch.delenv("CXX", raising=False)
    assert kernels.compiler() == found


@pytest.mark.compile
@pytest.mark.parametrize("dynamic", [False, None])
def test_errors_of_the_compiler_are_raised(switch, dynamic):
    def depends_on_the_data(x):
        return x + 1 if float(x.sum()) > 0 else x

    with pytest.raises(Exception, match=r"[Dd]ata.dependent|_local_scalar_dense|Tensor\.item\(\)"):
        kernels.compiled(depends_on_the_data, dynamic=dynamic)(torch.ones(2))


class Pair(NamedTuple):
    first: torch.Tensor
    power: int


def raised(pair, x, y, sign):
    result = sign * x * pair.first**pair.power + 2 * y
    return Pair(result, pair.power), result.sum(0)


@pytest.mark.compile
def test_static_kernels_know_their_arguments_apart(switch):
    """A tensor given twice, other constants, shapes and layouts: each meets the graph that was made for it."""
    kernel = kernels.compiled(raised)
    x, y = torch.rand(4, 6, dtype=torch.float64), torch.rand(4, 6, dtype=torch.float64)
    a, b = Pair(y, 2), Pair(y[:, :3].clone(), 3)
    for args in (
        (a, x, x, 1),
        (a, x, y, 1),
        (Pair(x, 2), x, y, 1),
        (a, x, y, -1),
        (Pair(y, 3), x, y, 1),
        (b, x[:, :3], y[:, 3:], 1),
        (a, x.float(), y, 1),
        (a, x, y, 1),
    ):
        got, expected = kernel(*args), raised(*args)
        assert isinstance(got[0], Pair) and got[0].power == expected[0].power
        torch.testing.assert_close((got[0].first, got[1]), (expected[0].first, expected[1]), rtol=1e-13, atol=0)


def scaled(pair, x, held, sign):
    count = x.shape[-1]
    return sign * x * pair.first.sum() + held + torch.zeros(count, dtype=x.dtype), x.sum(0) / count


@pytest.mark.compile
def test_one_graph_for_any_number_of_cells(switch, monkeypatch):
    """Where the last extent is marked; others, and arguments that do not agree about it, go another way."""
    made = []
    whole = graphs.Graphs._compile
    monkeypatch.setattr(graphs.Graphs, "_compile", lambda *args: made.append(1) or whole(*args))
    kernel, pair = kernels.compiled(scaled, dynamic=None), Pair(torch.rand(3, 3, dtype=torch.float64), 2)

    def check(n, marked=True, layout=None, sign=1):
        x, held = torch.rand(4, n, dtype=torch.float64), torch.rand(n, dtype=torch.float64)
        x = torch.rand(4, 2 * n, dtype=torch.float64)[:, ::2] if layout == "strided" else x
        if marked:
            graphs.cells_last(x, held)
        torch.testing.assert_close(kernel(pair, x, held, sign), scaled(pair, x, held, sign), rtol=1e-13, atol=1e-15)

    for n in (8, 3, 2048, 7, 2):
        check(n)
    check(16, layout="strided")
    assert len(made) == 1
    check(16, sign=-1)
    assert len(made) == 2
    for n in (1, 5, 9):
        check(n, marked=n == 1)
    assert len(made) == 2


@pytest.mark.compile
def test_matrices_that_lie_cell_by_cell_are_not_copied(switch, monkeypatch):
    """LAPACK's factors: one graph for any number of cells takes them as they lie, another if they lie otherwise."""
    seen, whole = [], graphs.Graphs._compile

    def spied(*args):
        graph, form = whole(*args)
        return lambda *tensors: seen.append(tensors) or graph(*tensors), form

    monkeypatch.setattr(graphs.Graphs, "_compile", spied)
    kernel = kernels.compiled(trace_of_square, dynamic=None)
    for n in (9, 4):
        by_cell = torch.rand(n, 3, 3, dtype=torch.float64).mT.movedim(0, -1)
        assert graphs.layout(by_cell) == (2, 1, 0)
        for matrices in (by_cell, by_cell.contiguous()):
            graphs.cells_last(matrices)
            torch.testing.assert_close(kernel(matrices), trace_of_square(matrices), rtol=1e-13, atol=0)
            assert seen[-1][0] is matrices
    assert graphs.layout(by_cell[:, :, ::2]) is None and graphs.layout(by_cell[:1].expand(3, 3, n)) is None


def trace_of_square(A):
    return (A * A.transpose(0, 1)).sum((0, 1))


@pytest.mark.compile
def test_a_kernel_that_depends_on_the_number_of_cells(switch):
    """No graph for all: each call is as if there were none."""

    def odd(x):
        return x * (2.0 if x.shape[-1] % 2 else 3.0)

    kernel = kernels.compiled(odd, dynamic=None)
    for n in (5, 8, 9):
        x = torch.rand(2, n, dtype=torch.float64)
        graphs.cells_last(x)
        assert torch.equal(kernel(x), odd(x))


@pytest.mark.compile
def test_static_kernels_can_be_differentiated(switch):
    kernel = kernels.compiled(wave)
    x, y = torch.rand(3, 5, dtype=torch.float64), torch.rand(3, 5, dtype=torch.float64)
    kernel(x, y)
    kernel(x.requires_grad_(), y).sum().backward()
    assert torch.allclose(x.grad, torch.cos(x.detach()) * y + 3)


@pytest.mark.compile
@pytest.mark.parametrize("differentiated", [False, True])
def test_too_many_sets_of_shapes_run_eager(switch, caplog, differentiated):
    """Beyond the limit a run goes on, with one warning; what was compiled before still is."""
    switch.setattr(graphs, "LIMIT", 2)
    switch.setattr(kernels, "LIMIT", 2)
    kernel = kernels.compiled(raised_by if differentiated else lambda x: x + 1)
    with (
        torch._dynamo.config.patch(recompile_limit=2, automatic_dynamic_shapes=False),
        caplog.at_level(logging.WARNING, logger="combust"),
    ):
        for n in (2, 3, 4, 5, 2, 5):
            x = torch.ones(n, requires_grad=differentiated)
            assert torch.equal(kernel(x), x + 1)
    told = [r.getMessage() for r in caplog.records]
    assert len(told) == 1 and "was compiled for 2 sets of argument shapes: with others it runs eager" in told[0]


def raised_by(x):
    return x + 1


@pytest.mark.slow
@pytest.mark.compile
def test_seventy_sets_of_shapes(switch, caplog):
    kernel = kernels.compiled(wave)
    with caplog.at_level(logging.WARNING, logger="combust"):
        for n in range(2, 72):
            x = torch.rand(2, n, dtype=torch.float64)
            torch.testing.assert_close(kernel(x, x), wave(x, x), rtol=1e-13, atol=0)
    assert caplog.text.count("runs eager") == 1


@pytest.mark.compile
def test_without_torchs_inner_parts_kernels_go_through_torch_compile(switch, caplog):
    """Another torch: one line, and the same results."""
    switch.setattr(torch_parts, "_found", lambda: torch_parts.Parts(*[None] * 9))
    torch_parts.parts.cache_clear()
    try:
        kernel = kernels.compiled(wave)
        with caplog.at_level(logging.WARNING, logger="combust"):
            x = torch.rand(3, 5, dtype=torch.float64)
            for _ in range(2):
                torch.testing.assert_close(kernel(x, x), wave(x, x), rtol=1e-14, atol=0)
        told = [r.getMessage() for r in caplog.records]
        assert len(told) == 1 and told[0].endswith("they go through torch.compile, each call 0.1 to 0.3 ms slower")
    finally:
        torch_parts.parts.cache_clear()


def test_importing_combust_changes_nothing_of_the_process():
    """Every module: environment, signals, warnings, logging, torch's settings and random numbers stay as they are."""
    code = """
import importlib, logging, os, pkgutil, random, signal, sys, warnings
import numpy, torch, cantera, ruamel.yaml, scipy.special, scipy.sparse  # these add filters of warnings
import torch._dynamo, torch._inductor.config
def seen():
    return {
        "environment": dict(os.environ), "signals": [signal.getsignal(n) for n in signal.valid_signals()],
        "warnings": list(warnings.filters), "hook": sys.excepthook, "errors": numpy.geterr(),
        "logging": (list(logging.root.handlers), logging.root.level), "path": list(sys.path), "folder": os.getcwd(),
        "dtype": torch.get_default_dtype(), "threads": torch.get_num_threads(), "grad": torch.is_grad_enabled(),
        "draws": (torch.initial_seed(), torch.get_rng_state().tolist(), random.getstate()),
        "dynamo": torch._dynamo.config.get_config_copy(), "inductor": torch._inductor.config.get_config_copy(),
        "determinism": torch.are_deterministic_algorithms_enabled(), "umask": (m := os.umask(0), os.umask(m))[0],
    }
before = seen()
import combust
for module in pkgutil.walk_packages(combust.__path__, "combust."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
after = seen()
print([key for key in before if before[key] != after[key]])
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.compile
def test_compiling_leaves_the_compilers_settings_to_others(switch):
    import torch._inductor.config

    before = torch._inductor.config.get_config_copy()
    kernel = kernels.compiled(lambda x: 3.0 * x)
    kernel(torch.ones(3))
    kernel(torch.ones(3, requires_grad=True))
    assert torch._inductor.config.get_config_copy() == before
    assert torch._dynamo.config.fail_on_recompile_limit_hit is False


ONE_KERNEL = """
import logging, sys
logging.basicConfig(format="%(message)s", level=logging.WARNING)
import torch
from combust import half_written, kernels
x = torch.arange(40, dtype=torch.float64).reshape(5, 8)
kernel = kernels.compiled(lambda x: torch.exp(-x) * x.sum(0))
assert torch.allclose(kernel(x), kernel.eager(x), rtol=1e-14, atol=0)
"""


@pytest.mark.slow
@pytest.mark.compile
def test_two_processes_compile_at_once(tmp_path):
    """The same kernel into one empty cache: both are right."""
    environment = {**os.environ, "COMBUST_COMPILE": "1", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", ONE_KERNEL], env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]


@pytest.mark.slow
@pytest.mark.compile
def test_a_cache_folder_that_cannot_be_written(tmp_path):
    """One line, and kernels are kept elsewhere."""
    environment = {**os.environ, "COMBUST_COMPILE": "1", "TMPDIR": str(tmp_path)}
    environment["TORCHINDUCTOR_CACHE_DIR"] = "/dev/null/kernels"
    said = subprocess.run([sys.executable, "-c", ONE_KERNEL], env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert said.stderr.strip().splitlines() == [
        f"compiled kernels cannot be kept in /dev/null/kernels, but are in {tmp_path}/combust-{os.getuid()}: "
        "name a folder in TORCHINDUCTOR_CACHE_DIR"
    ]


@pytest.mark.slow
@pytest.mark.compile
def test_machine_code_that_a_kill_cut_short_is_made_anew(tmp_path):
    environment = {**os.environ, "COMBUST_COMPILE": "1", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", ONE_KERNEL]
    subprocess.run(run, env=environment, check=True)
    for code in tmp_path.glob("*/*.main.so"):
        code.write_bytes(b"")
    again = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert "is not whole, as a compilation was killed: it is made anew" in again.stderr


def test_files_that_cannot_be_loaded_are_removed_and_made_again(tmp_path):
    """Each once; other errors, and one that comes again, are raised."""
    first, second = tmp_path / "a.so", tmp_path / "a cache with blanks" / "b.so"
    second.parent.mkdir()
    first.touch()
    second.touch()

    def load() -> str:
        for path in (first, second):
            if path.exists():
                raise RuntimeError("InductorError") from ImportError(f"{path}: file too short")
        return "loaded"

    assert half_written.without_them(load) == "loaded" and not first.exists() and not second.exists()

    def hopeless() -> None:
        first.touch()
        raise OSError(f"{first}: invalid ELF header")

    with pytest.raises(OSError, match="invalid ELF header"):
        half_written.without_them(hopeless)
    first.touch()
    with pytest.raises(ValueError, match=r"a\.so"):
        half_written.without_them(lambda: int(str(first)))
    assert first.exists()


@pytest.mark.compile
def test_a_kernel_may_call_a_kernel(switch):
    inner = kernels.compiled(wave)
    outer = kernels.compiled(lambda x: inner(x, x) * 2)
    x = torch.rand(2, 3, dtype=torch.float64)
    assert torch.allclose(outer(x), 2 * wave(x, x), rtol=1e-14, atol=0)


@pytest.mark.compile
@pytest.mark.parametrize("instructions, width", [("default", 0), ("avx2", 256)])
def test_the_compilers_cache_tells_instruction_sets_apart(instructions, width):
    """Wrong numbers otherwise: loops of code made for AVX-512 step over half of what AVX2 works on."""
    code = (
        "import torch, torch._inductor.config as c, torch._inductor.cpu_vec_isa as isa; from combust import kernels;"
        "kernels.configure(); print(isa.pick_vec_isa().bit_width(), c.save_config_portable()['cpp.simdlen'])"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": instructions}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    picked, key = map(int, said.stdout.split())
    assert picked == key and (picked == width or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"))
