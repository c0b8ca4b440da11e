"""Shared settings: eager kernels and one thread, unless a test asks otherwise."""

import os
import tempfile

os.environ.setdefault("COMBUST_COMPILE", "0")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("COMBUST_POISON", "1")  # ghosts start as NaN
# Ranks share processors with other ranks and tests: one that waits yields, none is bound to a core that others use.
os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")
os.environ.setdefault("OMPI_MCA_hwloc_base_binding_policy", "none")
os.environ.setdefault("COMBUST_DUMP", tempfile.gettempdir())  # of cells that tests let fail

import draws  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small learned chemistry of hydrogen with its samples (tests/learned_fixture.py)."""
    import learned_fixture

    return learned_fixture.make(tmp_path_factory)


def pytest_collection_modifyitems(config, items):
    """On several processes (`make test`): ranks first, short files last, so that none waits long for the last one."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: {"mpi": 0, "unit": 2}.get(item.path.parent.name, 1))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a file in one process, which makes its fixtures once; those of ranks, which share starts, too."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "ranks" if "mpi/" in file else file

    return Files(config, log)


@pytest.fixture(autouse=True)
def _seeded():
    """Draws that name no generator."""
    torch.manual_seed(draws.seed())
