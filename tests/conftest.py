"""Shared settings: eager kernels and one thread, unless a test asks otherwise."""

import os
import tempfile

os.environ.setdefault("COMBUST_COMPILE", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("COMBUST_POISON", "1")  # ghosts start as NaN
os.environ.setdefault("COMBUST_DUMP", tempfile.gettempdir())  # of cells that tests let fail

import draws  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small learned chemistry of hydrogen with its samples (tests/learned_fixture.py)."""
    import learned_fixture

    return learned_fixture.make(tmp_path_factory)


@pytest.fixture(autouse=True)
def _seeded():
    """Draws that name no generator."""
    torch.manual_seed(draws.seed())
