"""Sampled states as an HDF5 file with their origin.

Root attributes: format, version, combust, cantera (versions of the writer), mechanism, sha256 (of the mechanism's
file), content (SHA-256 of all below). Datasets: T, p, case, position (states,), Y (species, states), and as JSON text
`cases` and `species`; row i of `cases` has the states with case == i.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import cantera as ct
import h5py
import numpy as np

from combust import __version__
from combust.errors import FileFormatError
from combust.files import fit
from combust.io.checkpoint import DAMAGE
from combust.io.hdf5 import opened, writing
from combust.reduction.cases.conditions import Case
from combust.reduction.cases.samples import Samples

FORMAT, VERSION = "combust samples", 1
NUMBERS = ("T", "p", "Y", "case", "position")
TEXTS = ("cases", "species")


def write(samples: Samples, path: Path) -> None:
    """Readers see the whole file or none of it."""
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


def read(path: Path) -> Samples:
    """Raises FileFormatError for a file that is missing, damaged, of another kind or of a later version."""
    try:
        with opened(path) as file:
            _require_format(path, file)
            return _read(path, file)
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


def _read(path: Path, file: h5py.File) -> Samples:
    texts = {key: file[key].asstr()[()] for key in TEXTS}
    cases = fit(json.loads(texts["cases"]), tuple[Case, ...], f"samples '{path}': cases")
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
