"""Starts of ranks that tests share: each loads torch, Cantera and MPI on every rank, longer than most checks take."""

import importlib.util
from pathlib import Path

import launcher
import pytest

WITH_PETSC = ("test_open_ranks", "test_pressure_ranks", "test_trivial_ranks")


@pytest.fixture(scope="session")
def checked(request):
    """checked(module, ranks): runs `check(comm)` of that module and of all others whose tests ask for as many ranks."""
    asked: dict[int, list[str]] = {}
    said: dict[int, str] = {}
    for item in request.session.items:
        if "checked" in item.fixturenames:
            names, name = asked.setdefault(item.callspec.params["ranks"], []), Path(item.path).stem
            if name not in names and (name not in WITH_PETSC or importlib.util.find_spec("petsc4py")):
                names.append(name)

    def check(module: str, ranks: int) -> None:
        if module in WITH_PETSC:
            pytest.importorskip("petsc4py")
        if ranks not in said:
            said[ranks] = launcher.said_by_ranks(launcher.__file__, ranks, *asked[ranks])
        assert f"{module}: done" in said[ranks].splitlines(), said[ranks][-4000:]

    return check
