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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """On several processes (`make test`): the tests of a file in one of them, which then makes its fixtures; those that
    share a start of ranks too; and files of long tests first, so that no process waits long for the last one.
    """
    if config.getoption("dist", "no") == "no":
        return
    for item in items:
        shared = "checked" in item.fixturenames
        item.add_marker(pytest.mark.xdist_group("ranks" if shared else item.path.stem))
    items.sort(key=lambda item: item.path.parent.name == "unit")


@pytest.fixture(autouse=True)
def _seeded():
    """Draws that name no generator."""
    torch.manual_seed(draws.seed())
