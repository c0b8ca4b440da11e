"""Labelled states: what a learned chemistry is trained and judged on, as an HDF5 file with its lineage.

Root attributes: format, version, combust, mechanism, sha256 (of the mechanism's file), hold, revision, content (SHA-256
of all below). Datasets: the arrays of SampleSet by name, audit/row, audit/T, audit/Y, and as JSON or TOML text `texts`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from msgspec import Struct

from combust import __version__
from combust.errors import ConfigError, FileFormatError
from combust.files import fit
from combust.io.checkpoint import DAMAGE
from combust.io.hdf5 import opened, writing
from combust.kinetics.mechanism.mechanism import Mechanism

STREAMS = ("base", "perturbed", "mixed", "evolved", "multiscale", "flow")
SPLITS = ("train", "validation", "test")
FORMAT, VERSION = "combust sample set", 1
KINDS = {
    "T": "<f8", "p": "<f8", "dt": "<f8", "Y": "<f8", "T1": "<f8", "Y1": "<f8",
    "stream": "i1", "group": "<i4", "split": "i1", "round": "<i2", "slow": "?",
}  # fmt: skip
TWO = ("Y", "Y1")
AUDIT = {"row": "<i8", "T": "<f8", "Y": "<f8"}
LOWEST = "lowest of them"  # of the negative mass fractions: not a count
SLACK, SUM_SLACK = 1e-6, 1e-3  # of mass fractions below zero, and of their sum from one
FAINT = 1e-15  # mass fraction that no label is asked to resolve


class Texts(Struct):
    """The JSON text of a file."""

    species: tuple[str, ...]
    groups: tuple[dict[str, Any], ...]
    counts: dict[str, float]
    notes: tuple[str, ...]
    config: str
    summary: dict[str, float]


@dataclass(frozen=True, eq=False)
class SampleSet:
    """States, time steps and the exact end states, a row each; rows of one trajectory share a group and a split."""

    T: np.ndarray  # (rows,) K
    p: np.ndarray  # (rows,) Pa
    dt: np.ndarray  # (rows,) s
    Y: np.ndarray  # (rows, species)
    T1: np.ndarray  # (rows,) K after dt
    Y1: np.ndarray  # (rows, species) after dt
    stream: np.ndarray  # (rows,) int8, index of STREAMS
    group: np.ndarray  # (rows,) int32, index of `groups`; of a mixed pair the first parent's
    split: np.ndarray  # (rows,) int8, index of SPLITS; that of the trajectory
    round: np.ndarray  # (rows,) int16, 0 or the on-policy round that a row comes from
    slow: np.ndarray  # (rows,) bool: rates that are slow over dt, which a router takes explicitly
    species: tuple[str, ...]
    mechanism: str  # path as given
    sha256: str  # of the mechanism's file
    hold: str = "hp"  # what a cell keeps
    groups: tuple[dict[str, Any], ...] = ()  # kind, phi, p, T, ..., split
    audit: dict[str, Any] = field(default_factory=dict)  # row, T, Y (rows, species) by CVODE, summary
    counts: dict[str, Any] = field(default_factory=dict)  # what was clipped, rejected, skipped
    notes: tuple[str, ...] = ()  # flames that failed, and the like
    config: str = ""  # TOML
    revision: str = ""  # of the source, by git
    combust: str = __version__

    def __post_init__(self) -> None:
        rows = len(self.T)
        for name, kind in KINDS.items():
            value = np.ascontiguousarray(getattr(self, name), kind)
            shape = (rows, len(self.species)) if name in TWO else (rows,)
            if value.shape != shape:
                raise ValueError(f"sample set: {name} has shape {value.shape}, needs {shape}")
            object.__setattr__(self, name, value)
        if rows and not (0 <= self.group.min() and self.group.max() < len(self.groups)):
            raise ValueError(f"sample set: a row's group lies outside the {len(self.groups)} groups")

    def __len__(self) -> int:
        return len(self.T)

    def __repr__(self) -> str:
        return f"SampleSet({len(self)} rows of {len(self.groups)} trajectories, {self.mechanism!r})"

    def rows(self, which: np.ndarray) -> SampleSet:
        """Some of the rows, by a mask or indices (each once); all groups stay, and the audit of what is chosen."""
        index = np.arange(len(self))[which]
        found = replace(self, audit={}, **{name: getattr(self, name)[index] for name in KINDS})
        if not self.audit:
            return found
        place = np.full(len(self), -1)
        place[index] = np.arange(len(index))
        row = place[self.audit["row"]]
        kept = row >= 0
        return audited(found, row[kept], self.audit["T"][kept], self.audit["Y"][kept])

    def of(self, split: str) -> SampleSet:
        """The rows for "train", "validation" or "test"."""
        return self.rows(self.split == SPLITS.index(split))

    def require(self, gas: Mechanism) -> None:
        """Raises ConfigError if the rows belong to another mechanism."""
        if self.sha256 != gas.sha256 or self.species != gas.species:
            raise ConfigError(
                f"{self!r} belong to another mechanism (SHA-256 {self.sha256[:12]}, {len(self.species)} species) than "
                f"{gas!r} (SHA-256 {gas.sha256[:12]}): sample again with this one"
            )

    def write(self, path: str | Path) -> None:
        """Writes an HDF5 file; readers see the whole of it or none. Raises OSError where it cannot."""
        with writing(Path(path)) as file:
            _write(self, file)

    @classmethod
    def read(cls, path: str | Path) -> SampleSet:
        """From a file that `write` made. Raises FileFormatError if it is missing, damaged, of another kind or later."""
        try:
            with opened(path) as file:
                return _read(path, file)
        except FileNotFoundError as error:
            raise FileFormatError(f"sample set '{path}': no such file; make it with `combust sample`") from error
        except DAMAGE as error:
            raise FileFormatError(f"sample set '{path}': damaged or not an HDF5 file: {error}") from error

    @staticmethod
    def join(parts: Sequence[SampleSet]) -> SampleSet:
        """All rows of several sets, e.g. of on-policy rounds; texts are the first one's.

        Raises ConfigError where mechanism, species or what is held differ.
        """
        if not parts:
            raise ConfigError("sample sets: nothing to join")
        first = parts[0]
        for part in parts[1:]:
            for name in ("sha256", "species", "hold"):
                if getattr(part, name) != getattr(first, name):
                    raise ConfigError(
                        f"sample sets: {part!r} differs from {first!r} in {name}: only sets of one mechanism and of "
                        "one thing held can be joined"
                    )
        offset = np.cumsum([0, *(len(part.groups) for part in parts)])
        start = np.cumsum([0, *(len(part) for part in parts)])
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in KINDS}
        arrays["group"] = np.concatenate([part.group + k for part, k in zip(parts, offset, strict=False)])
        joined = replace(
            first, audit={}, groups=tuple(group for part in parts for group in part.groups),
            notes=tuple(note for part in parts for note in part.notes),
            counts=_added([part.counts for part in parts]), **arrays,
        )  # fmt: skip
        have = [(part.audit, k) for part, k in zip(parts, start, strict=False) if part.audit]
        if not have:
            return joined
        row = np.concatenate([audit["row"] + k for audit, k in have])
        return audited(joined, row, *(np.concatenate([audit[name] for audit, _ in have]) for name in ("T", "Y")))


def require_sound(samples: SampleSet, source: str) -> None:
    """Raises FileFormatError naming the first row of which no network can learn: NaN, or what no gas is."""
    for name in ("T", "p", "dt", "T1", "Y", "Y1"):
        value = getattr(samples, name)
        least = -SLACK if name in TWO else 0.0
        good = np.isfinite(value) & ((value >= least) if name in TWO else (value > least))
        if name in TWO:
            good = good.all(1) & (np.abs(value.sum(1) - 1.0) <= SUM_SLACK)
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            first = f"{name}[{row}] = {np.array2string(value[row], threshold=8)}"
            raise FileFormatError(f"{source}: {int((~good).sum())} rows are none of a gas, first {first}; sample again")
    for name, known in (("stream", STREAMS), ("split", SPLITS)):
        value = getattr(samples, name)
        if len(value) and not (0 <= value.min() and value.max() < len(known)):
            raise FileFormatError(f"{source}: {name} holds numbers beyond 0 to {len(known) - 1}")
    row = samples.audit.get("row", np.zeros(0, int))
    if row.ndim != 1 or (len(row) and not (0 <= row.min() and row.max() < len(samples))):
        raise FileFormatError(f"{source}: audit/row names rows that are not there")
    audit = [samples.audit[name] for name in ("T", "Y") if samples.audit]
    if audit and (audit[0].shape, audit[1].shape) != (row.shape, (len(row), len(samples.species))):
        raise FileFormatError(f"{source}: audit/T and audit/Y do not have a row for each of audit/row")
    if not all(np.isfinite(value).all() for value in audit):
        raise FileFormatError(f"{source}: audit holds numbers that are not finite")


def audited(samples: SampleSet, row: np.ndarray, T: np.ndarray, Y: np.ndarray) -> SampleSet:
    """The set with end states T, Y (rows, species) of some rows by CVODE, and how well the labels agree with them."""
    audit = {"row": np.asarray(row, "<i8"), "T": np.asarray(T, "<f8"), "Y": np.asarray(Y, "<f8")}
    return replace(samples, audit=audit | {"summary": agreement(samples, audit)})


def agreement(samples: SampleSet, audit: dict[str, Any]) -> dict[str, float]:
    """How far labels are from those of an audit.

    rows; T: largest |dT| K; error: largest error of a mass fraction over the largest increment of its row;
    within_1, within_10: shares of components with |e| <= 1e-15 + f |increment| at f = 1 %, 10 %.
    """
    row = audit["row"]
    if not len(row):
        return {"rows": 0, "T": 0.0, "error": 0.0, "within_1": 1.0, "within_10": 1.0}
    error = np.abs(samples.Y1[row] - audit["Y"])
    change = np.abs(audit["Y"] - samples.Y[row])
    return {
        "rows": len(row),
        "T": float(np.abs(samples.T1[row] - audit["T"]).max()),
        "error": float((error.max(1) / change.max(1).clip(1e-12)).max()),
        "within_1": float((error <= FAINT + 0.01 * change).mean()),
        "within_10": float((error <= FAINT + 0.1 * change).mean()),
    }


def _added(counts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for one in counts:
        for key, value in one.items():
            total[key] = min(total.get(key, 0.0), value) if key == LOWEST else total.get(key, 0) + value
    return total


def _texts(samples: SampleSet) -> str:
    names = ("species", "groups", "counts", "notes", "config")
    content = {name: getattr(samples, name) for name in names} | {"summary": samples.audit.get("summary", {})}
    return json.dumps(content, sort_keys=True)


def _write(samples: SampleSet, file: h5py.File) -> None:
    for name, kind in KINDS.items():
        file.create_dataset(name, data=getattr(samples, name).astype(kind), track_times=False)
    for name in AUDIT if samples.audit else ():
        file.create_dataset(f"audit/{name}", data=samples.audit[name], track_times=False)
    texts = _texts(samples)
    file.create_dataset("texts", data=np.frombuffer(texts.encode(), np.uint8), track_times=False)
    file.attrs.update(
        format=FORMAT, version=VERSION, combust=samples.combust, mechanism=samples.mechanism, sha256=samples.sha256,
        hold=samples.hold, revision=samples.revision, content=_content(samples, texts),
    )  # fmt: skip


def _read(path: str | Path, file: h5py.File) -> SampleSet:
    kind, version = file.attrs.get("format"), file.attrs.get("version")
    if kind != FORMAT:
        raise FileFormatError(f"sample set '{path}': an HDF5 file, but not a sample set (format {kind!r})")
    if version != VERSION:
        raise FileFormatError(f"sample set '{path}': version {version}, this combust reads {VERSION}")
    text = file["texts"][()].tobytes().decode()
    texts = json.loads(text)
    fit(texts, Texts, f"sample set '{path}': texts", finite=False)
    audit: dict[str, Any] = {name: file[f"audit/{name}"][()] for name in AUDIT} if "audit" in file else {}
    names = ("mechanism", "sha256", "hold", "revision", "combust")
    stored: dict[str, Any] = {name: str(file.attrs[name]) for name in names}
    for name, kind in (KINDS | {f"audit/{name}": kind for name, kind in AUDIT.items() if audit}).items():
        if (found := file[name].dtype).kind != np.dtype(kind).kind:
            raise FileFormatError(f"sample set '{path}': damaged: {name} is stored as {found}, not as {kind}")
    samples = SampleSet(
        **stored, **{name: file[name][()] for name in KINDS},
        species=tuple(texts["species"]), groups=tuple(texts["groups"]), counts=texts["counts"],
        notes=tuple(texts["notes"]), config=texts["config"],
        audit=audit | {"summary": texts["summary"]} if audit else {},
    )  # fmt: skip
    if _content(samples, text) != file.attrs["content"]:
        raise FileFormatError(f"sample set '{path}': damaged: the content does not match its checksum")
    require_sound(samples, f"sample set '{path}'")
    return samples


def _content(samples: SampleSet, texts: str) -> str:
    """SHA-256 of numbers with their shapes, of texts and of the mechanism."""
    found = hashlib.sha256(json.dumps([texts, samples.mechanism, samples.sha256, samples.hold]).encode())
    numbers = [(name, getattr(samples, name), kind) for name, kind in KINDS.items()]
    numbers += [(name, samples.audit[name], kind) for name, kind in AUDIT.items() if samples.audit]
    for name, value, kind in numbers:
        found.update(f"{name} {value.shape}".encode())
        found.update(np.ascontiguousarray(value, kind).tobytes())
    return found.hexdigest()
