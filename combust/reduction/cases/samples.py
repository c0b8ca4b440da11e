"""States that a detailed mechanism passes through in given reactors and flames: what species are judged by.

Root attributes of their HDF5 file: format, version, combust, cantera (versions of the writer), mechanism, sha256 (of
the mechanism) and content (SHA-256 of all below). Datasets: T, p, case, position (states,), Y (species, states), and as
JSON text `cases` and `species`; row i of `cases` has the states with case == i.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cantera as ct
import h5py
import numpy as np

from combust import __version__
from combust.errors import CombustError, ConfigError, FileFormatError
from combust.files import fit
from combust.io.checkpoint import DAMAGE
from combust.io.hdf5 import opened, writing
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.reduction.cases import trajectories
from combust.reduction.cases.conditions import KINDS, Kind, ReductionCase

HOLDS = ("uv", "hp")
FORMAT, VERSION = "combust samples", 1
NUMBERS = ("T", "p", "Y", "case", "position")
TEXTS = ("cases", "species")
FLAMES: tuple[Kind, ...] = ("flame", "counterflow")  # what needs transport data

Progress = Callable[[int, ReductionCase, int], None]


@dataclass(frozen=True, eq=False)
class Samples:
    """States with the case that each comes from; the states of a case, its trajectory, lie together in turn."""

    T: np.ndarray  # (states,) K
    p: np.ndarray  # (states,) Pa
    Y: np.ndarray  # (species, states)
    case: np.ndarray  # (states,) row of `cases`
    position: np.ndarray  # (states,) s since the start, s of residence, or m
    cases: tuple[ReductionCase, ...]
    species: tuple[str, ...]
    mechanism: str  # path as given
    sha256: str  # of the mechanism's file

    def __len__(self) -> int:
        return len(self.T)

    def __repr__(self) -> str:
        return f"Samples({len(self)} states of {len(self.cases)} cases, {self.mechanism!r})"

    def require(self, gas: Mechanism) -> None:
        """Raises ConfigError if the states belong to another mechanism."""
        if self.sha256 != gas.sha256 or self.species != gas.species:
            raise ConfigError(f"{self!r} belong to another mechanism than {gas!r}: sample again")

    def of_cases(self, rows: Iterable[int]) -> Samples:
        """The whole trajectories of these rows of `cases`, which are numbered anew."""
        rows = list(dict.fromkeys(rows))
        place = np.full(len(self.cases), -1)
        place[rows] = np.arange(len(rows))
        own = np.flatnonzero(place[self.case] >= 0)
        own = own[np.argsort(place[self.case[own]], kind="stable")]
        return replace(
            self,
            T=self.T[own],
            p=self.p[own],
            Y=self.Y[:, own],
            case=place[self.case[own]],
            position=self.position[own],
            cases=tuple(self.cases[i] for i in rows),
        )

    def of_kind(self, *kinds: Kind) -> Samples:
        """Cases of these kinds; raises ConfigError for an unknown one."""
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise ConfigError(f"samples of kind {', '.join(unknown)}: known are {', '.join(KINDS)}")
        return self.of_cases(i for i, case in enumerate(self.cases) if case.kind in kinds)

    def split(self, share: float, seed: int = 0) -> tuple[Samples, Samples]:
        """Two parts of whole trajectories, the second with about `share` of the cases, at least one each.

        States of one trajectory resemble each other too much for some to test what others have taught.
        Raises ConfigError for a share outside (0, 1) or fewer than two cases.
        """
        n = len(self.cases)
        if not 0 < share < 1 or n < 2:
            raise ConfigError(f"split of {n} cases by {share}: needs two cases and a share between 0 and 1")
        second = min(max(round(share * n), 1), n - 1)
        order = np.random.default_rng(seed).permutation(n)
        return self.of_cases(sorted(order[second:].tolist())), self.of_cases(sorted(order[:second].tolist()))

    def write(self, path: str | Path) -> None:
        """To an HDF5 file; readers see the whole of it or none."""
        _write(self, Path(path))

    @classmethod
    def read(cls, path: str | Path) -> Samples:
        """From a file that `write` made. Raises FileFormatError for a damaged or foreign one."""
        return _read(Path(path))


def sample(gas: Mechanism, cases: Sequence[ReductionCase], progress: Progress | None = None) -> Samples:
    """States of all cases, see combust.reduction.cases.trajectories; flames come from the cache if they are there.

    progress: told row and case of each that is done, and the number of its states. What cannot be computed stops
    the whole with the case named: MechanismError for a species that the mechanism lacks, ConfigError for a flame
    without transport data (both before anything is computed), DivergenceError for what does not burn or converge.
    """
    solution = gas.cantera()
    require_inputs(gas, solution, cases)
    parts: list[trajectories.Trajectory] = []
    for row, case in enumerate(cases):
        with _naming(case):
            parts.append(trajectories.of_case(gas, solution, case))
        if progress is not None:
            progress(row, case, len(parts[-1].T))
    Y = np.concatenate([part.Y for part in parts], 1).clip(min=0.0)  # integrators leave traces below zero
    return Samples(
        T=np.concatenate([part.T for part in parts]),
        p=np.concatenate([part.p for part in parts]),
        Y=Y / Y.sum(0),
        case=np.repeat(np.arange(len(parts)), [len(part.T) for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        cases=tuple(cases),
        species=gas.species,
        mechanism=gas.path,
        sha256=gas.sha256,
    )


def require_inputs(gas: Mechanism, solution: ct.Solution, cases: Sequence[ReductionCase]) -> None:
    """Raises MechanismError for a species that the mechanism lacks, ConfigError for a flame without transport data."""
    if not cases:
        raise ConfigError("sampling needs at least one case")
    for case in cases:
        if case.kind not in KINDS or case.hold not in HOLDS:
            allowed = f"kinds are {', '.join(KINDS)}; held is {' or '.join(HOLDS)}"
            raise ConfigError(f'case {case!r}: kind "{case.kind}" with "{case.hold}" held; {allowed}')
        with _naming(case):
            gas.composition(case.fuel)
            gas.composition(case.oxidizer)
    flame = next((case for case in cases if case.kind in FLAMES), None)
    if flame is None:
        return
    bare = [s.name for s in solution.species() if s.transport is None]
    if bare:
        raise ConfigError(
            f"case {flame}: a flame needs transport data, which {gas.path} lacks for {len(bare)} of its species "
            f"({', '.join(bare[:3])}{', ...' if len(bare) > 3 else ''}); leave flames out or take another file"
        )


@contextmanager
def _naming(case: ReductionCase) -> Iterator[None]:
    """Errors from within name the case."""
    try:
        yield
    except CombustError as error:
        raise type(error)(f"case {case}: {error}") from error


def _write(samples: Samples, path: Path) -> None:
    texts = {"cases": json.dumps([asdict(case) for case in samples.cases]), "species": json.dumps(samples.species)}
    with writing(path) as file:
        for key in NUMBERS:
            file[key] = getattr(samples, key)
        for key, text in texts.items():
            file[key] = text
        file.attrs.update(
            format=FORMAT, version=VERSION, combust=__version__, cantera=ct.__version__,
            mechanism=samples.mechanism, sha256=samples.sha256, content=_content(samples, texts),
        )  # fmt: skip


def _read(path: Path) -> Samples:
    """Raises FileFormatError for a file that is missing, damaged, of another kind or of a later version."""
    try:
        with opened(path) as file:
            _require_format(path, file)
            return _fields(path, file)
    except FileNotFoundError as error:
        raise FileFormatError(f"samples '{path}': no such file") from error
    except DAMAGE as error:
        raise FileFormatError(f"samples '{path}': damaged or not an HDF5 file: {error}") from error


def _require_format(path: Path, file: h5py.File) -> None:
    kind, version = file.attrs.get("format"), file.attrs.get("version")
    if kind != FORMAT:
        raise FileFormatError(f"samples '{path}': an HDF5 file, but not one of samples (format {kind!r})")
    if version != VERSION:
        raise FileFormatError(f"samples '{path}': version {version}, this combust reads {VERSION}")


def _fields(path: Path, file: h5py.File) -> Samples:
    texts = {key: file[key].asstr()[()] for key in TEXTS}
    cases = fit(json.loads(texts["cases"]), tuple[ReductionCase, ...], f"samples '{path}': cases")
    species = fit(json.loads(texts["species"]), tuple[str, ...], f"samples '{path}': species")
    for key in NUMBERS:
        if (found := file[key].dtype).kind != ("i" if key == "case" else "f"):
            raise FileFormatError(f"samples '{path}': damaged: {key} is stored as {found}")
    samples = Samples(
        **{key: file[key][()] for key in NUMBERS},
        cases=cases,
        species=species,
        mechanism=str(file.attrs["mechanism"]),
        sha256=str(file.attrs["sha256"]),
    )
    if _content(samples, texts) != file.attrs["content"]:
        raise FileFormatError(f"samples '{path}': damaged: the content does not match its checksum")
    require_sound(samples, path)
    return samples


def require_sound(samples: Samples, path: Path) -> None:
    """Raises FileFormatError naming what is no state of a gas."""
    states = samples.T.shape
    shapes = {"T": states, "p": states, "case": states, "position": states, "Y": (len(samples.species), *states)}
    for name, shape in shapes.items():
        value = getattr(samples, name)
        if value.shape != shape or len(states) != 1 or not np.isfinite(value).all():
            raise FileFormatError(f"samples '{path}': {name} of shape {value.shape}: needs {shape} finite numbers")
    if len(samples.T) and not (min(samples.T.min(), samples.p.min()) > 0 and samples.Y.min() > -1e-6):
        raise FileFormatError(f"samples '{path}': temperatures and pressures must be > 0, mass fractions >= 0")
    if len(samples.T) and not 0 <= samples.case.min() <= samples.case.max() < len(samples.cases):
        raise FileFormatError(f"samples '{path}': case: names cases that are not there")


def _content(samples: Samples, texts: dict[str, str]) -> str:
    """SHA-256 of numbers with their shapes, texts and mechanism."""
    found = hashlib.sha256(json.dumps([texts, samples.mechanism, samples.sha256], sort_keys=True).encode())
    for key in NUMBERS:
        value = np.asarray(getattr(samples, key))
        found.update(f"{key} {value.shape}".encode())
        found.update(np.ascontiguousarray(value, "<i8" if key == "case" else "<f8").tobytes())
    return found.hexdigest()
