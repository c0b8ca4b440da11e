"""The switch between eager and fused kernels."""

import logging

import pytest
import torch

from combust import kernels


def wave(x, y):
    return torch.sin(x) * y + x.sum(0)


@pytest.fixture
def switch(monkeypatch):
    """Compiling allowed, whatever the test session says; the policy is put back afterwards."""
    monkeypatch.setenv("COMBUST_COMPILE", "1")
    monkeypatch.setattr(kernels, "_policy", kernels._Policy())
    kernels._has_compiler.cache_clear()
    yield monkeypatch
    kernels._has_compiler.cache_clear()


def test_environment_forces_eager_at_call_time(monkeypatch):
    monkeypatch.setenv("COMBUST_COMPILE", "0")
    called = []
    kernel = kernels.compiled(lambda x: called.append(torch.compiler.is_compiling()) or x)
    kernel(torch.ones(3))
    assert called == [False]
    assert kernels.mode() == "eager"


def test_compiled_equals_eager_and_says_so_once(switch, caplog):
    kernel = kernels.compiled(wave)
    x, y = torch.rand(3, 5, dtype=torch.float64), torch.rand(3, 5, dtype=torch.float64)
    with caplog.at_level(logging.INFO, logger="combust.kernels"):
        first, second = kernel(x, y), kernel(x, y)
    assert torch.allclose(first, wave(x, y), rtol=1e-14, atol=0) and torch.equal(first, second)
    assert [r.getMessage() for r in caplog.records if "compiling" in r.getMessage()] == [
        "compiling test_kernels.wave ..."
    ]


def test_set_mode(switch):
    kernel = kernels.compiled(lambda x: x + (1 if torch.compiler.is_compiling() else 0))
    kernels.set_mode("eager")
    assert kernels.mode() == "eager" and float(kernel(torch.zeros(()))) == 0
    with pytest.raises(ValueError, match="allowed: 'compiled', 'eager'"):
        kernels.set_mode("fast")


def test_without_a_compiler_eager_with_one_warning(switch, caplog):
    switch.setattr(kernels.shutil, "which", lambda name: None)
    kernel = kernels.compiled(wave)
    x = torch.rand(2, 4)
    with caplog.at_level(logging.WARNING, logger="combust.kernels"):
        assert torch.equal(kernel(x, x), wave(x, x))
        kernels.compiled(wave)(x, x)
    assert len(caplog.records) == 1 and "install g++" in caplog.text


def test_errors_of_the_compiler_are_raised(switch):
    def breaks_the_graph(x):
        torch._dynamo.graph_break()
        return x

    with pytest.raises(Exception, match="graph_break|graph break"):
        kernels.compiled(breaks_the_graph)(torch.ones(2))


def test_a_kernel_may_call_a_kernel(switch):
    inner = kernels.compiled(wave)
    outer = kernels.compiled(lambda x: inner(x, x) * 2)
    x = torch.rand(2, 3, dtype=torch.float64)
    assert torch.allclose(outer(x), 2 * wave(x, x), rtol=1e-14, atol=0)
