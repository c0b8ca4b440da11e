"""Minima and saddles by geomeTRIC, every gradient of which is kept: a killed search finds the same end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from combust.errors import DivergenceError
from combust.kinetics.quantum.constants import BOHR
from combust.kinetics.quantum.engines.pyscf_engine import need
from combust.kinetics.quantum.engines.structure import Array, Energy, Engine, Pieces, Structure, inputs
from combust.report.meter import SILENT, Reporter

Derived = Callable[[Structure, str], tuple[Energy, Array]]
Enough = Callable[[Structure, Array], bool]
STEPS = 100
QUIET = (
    "[loggers]\nkeys=root\n[handlers]\nkeys=file\n[formatters]\nkeys=plain\n[logger_root]\nlevel=WARNING\nhandlers=file\n"
    "[handler_file]\nclass=logging.FileHandler\nformatter=plain\nargs=(r'{}',)\n[formatter_plain]\nformat=%(message)s\n"
)


class Ended(Exception):
    """A search that went far enough."""

    def __init__(self, structure: Structure) -> None:
        super().__init__()
        self.structure = structure


def optimise(
    engine: Engine, structure: Structure, level: str, pieces: Pieces, name: str, *,
    saddle: bool = False, reporter: Reporter = SILENT, steps: int = STEPS, enough: Enough | None = None,
) -> Structure:  # fmt: skip
    """The minimum, or with `saddle` the saddle, near `structure`.

    name : under which gradients are kept;  a saddle begins with second derivatives at the first geometry
    enough : of a structure and its gradient, whether the search may end there already

    Raises DivergenceError where it is not found in `steps` steps, DependencyError.
    """
    if len(structure.elements) == 1:
        return structure
    geometric = need("geometric")
    need("geometric.optimize")
    first = kept_hessian(engine, structure, level, pieces, f"{name}_first_hessian")[1] if saddle else None
    progress = reporter.of(f"gradients of {structure.name} (at most)")

    class Kept(geometric.engine.Engine):  # type: ignore[name-defined]
        """Energies and gradients of `engine`, one file each."""

        done = 0

        def calc_new(self, coords: Any, dirname: Any) -> dict[str, Any]:
            here = structure.at(np.asarray(coords, dtype=float).reshape(-1, 3) * BOHR)
            found = kept_gradient(engine, here, level, pieces, f"{name}_{self.done:03d}")
            self.done += 1
            progress.reach(min(self.done, steps), steps)
            if enough is not None and enough(here, found[1]):
                raise Ended(here)
            return {"energy": found[0].value, "gradient": found[1].ravel()}

    molecule = geometric.molecule.Molecule()
    molecule.elem, molecule.xyzs = list(structure.elements), [structure.places]
    try:
        found = searched(geometric, Kept(molecule), first, steps)
    except Ended as end:
        progress.clear()
        return end.structure
    except geometric.errors.Error as error:
        raise DivergenceError(f"{structure.name}: {level}: geomeTRIC found no {'saddle' if saddle else 'minimum'}: "
                              f"{error or type(error).__name__}") from None  # fmt: skip
    progress.clear()
    return structure.at(np.asarray(found.xyzs[-1]))


def searched(geometric: Any, engine: Any, first: Array | None, steps: int) -> Any:
    """geomeTRIC's search, in a folder that goes;  first : second derivatives, with which a saddle is sought"""
    with tempfile.TemporaryDirectory() as work:
        options: dict[str, Any] = {"maxiter": steps, "qccnv": False, "coordsys": "tric"}
        if first is not None:
            np.savetxt(Path(work) / "hessian.txt", first)
            options |= {"transition": True, "hessian": f"file:{Path(work) / 'hessian.txt'}"}
        settings = Path(work) / "log.ini"
        settings.write_text(QUIET.format(Path(work) / "log.txt"))
        return geometric.optimize.run_optimizer(
            customengine=engine, input=str(Path(work) / "job"), logIni=str(settings), **options
        )


def kept_gradient(engine: Engine, here: Structure, level: str, pieces: Pieces, name: str) -> tuple[Energy, Array]:
    """The gradient, from its file if it is there."""
    return _kept(engine, "gradient", engine.gradient, here, level, pieces, name)


def kept_hessian(engine: Engine, here: Structure, level: str, pieces: Pieces, name: str) -> tuple[Energy, Array]:
    """Second derivatives, from their file if they are there."""
    return _kept(engine, "hessian", engine.hessian, here, level, pieces, name)


def _kept(
    engine: Engine, what: str, derived: Derived, here: Structure, level: str, pieces: Pieces, name: str
) -> tuple[Energy, Array]:
    def make() -> dict[str, Any]:
        energy, values = derived(here, level)
        return {"energy": energy.value, "s2": energy.s2, what: values.tolist()}

    kept = pieces.get(name, inputs(here, level, what, engine.version), make)
    return Energy(kept["energy"], kept["s2"]), np.array(kept[what])


def kept_energy(engine: Engine, here: Structure, level: str, pieces: Pieces, name: str) -> Energy:
    """A single point, from its file if it is there."""

    def make() -> dict[str, Any]:
        return engine.energy(here, level)._asdict()

    return Energy(**pieces.get(name, inputs(here, level, "energy", engine.version), make))
