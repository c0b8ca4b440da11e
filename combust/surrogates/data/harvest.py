"""Cells of flow runs, from their checkpoints: what a learned chemistry meets on its own path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.errors import ConfigError, FileFormatError
from combust.io.checkpoint import open_checkpoint, read_meta, verify
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data.streams import Group, States
from combust.surrogates.settings import Surrogate


def require_runs(gas: Mechanism, folders: Sequence[str]) -> None:
    """Raises ConfigError for a folder without checkpoints, FileFormatError for a run with another mechanism."""
    for folder in folders:
        for path in checkpoints(folder):
            with open_checkpoint(path) as file:
                _require_mechanism(path, read_meta(path, file), gas)


def checkpoints(folder: str) -> list[Path]:
    """Those of a run, in turn. Raises ConfigError if there are none."""
    files = sorted(Path(folder).glob("checkpoint_*.h5"))
    if not files:
        raise ConfigError(f"sample.flows: {folder} holds no checkpoint_*.h5; give the output folder of a run")
    return files


def _require_mechanism(path: Path, meta: dict[str, Any], gas: Mechanism) -> None:
    sha256 = meta.get("identity", {}).get("mechanism", "nothing")
    if sha256 != gas.sha256:
        raise FileFormatError(
            f"{path}: its run had another mechanism (SHA-256 {sha256[:12]}) than {gas.path} ({gas.sha256[:12]}): "
            "harvest runs of the same mechanism"
        )


def harvest(gas: Mechanism, settings: Surrogate, first: int) -> tuple[States, list[Group], int]:
    """States of all cells of all checkpoints of sample.flows, a group per run from number `first`, and how many cells
    were left out as beyond range.T or range.p.

    Raises ConfigError for a folder without checkpoints or without a cell in the range, FileFormatError for a damaged
    checkpoint or of another mechanism.
    """
    parts: list[States] = []
    groups: list[Group] = []
    skipped = 0
    (T0, T1), (p0, p1) = settings.range.T, settings.range.p
    for folder in settings.sample.flows:
        files = checkpoints(folder)
        for path in files:
            T, p, Y = read_cells(path, gas)
            inside = (T >= T0) & (T <= T1) & (p >= p0) & (p <= p1)
            skipped += int((~inside).sum())
            parts.append(States(T, p, Y, np.full(len(T), first + len(groups))).rows(inside))
        groups.append({"kind": "flow", "folder": str(folder), "checkpoints": len(files)})
    found = States.join(parts)
    if not len(found):
        raise ConfigError("sample.flows: no cell of any checkpoint lies within range.T and range.p")
    return found, groups, skipped


def read_cells(path: Path, gas: Mechanism) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """T (cells,), p (cells,), Y (cells, species) of a checkpoint's cells."""
    try:
        with open_checkpoint(path) as file:
            _require_mechanism(path, read_meta(path, file), gas)
            arrays = {}
            state = verify(path, file)
            for name in ("U", "q", "p0"):
                if name not in state:
                    raise FileFormatError(f"{path}: damaged: it lacks {name!r}")
                arrays[name] = np.asarray(state[name].data[...])
    except OSError as error:
        raise FileFormatError(f"{path}: damaged: {error}") from error
    if arrays["U"].shape[0] != 1 + len(gas.species) or arrays["p0"].size != 1:
        raise FileFormatError(f"{path}: damaged: U has shape {arrays['U'].shape} for {len(gas.species)} species")
    rhoY = arrays["U"][1:].reshape(len(gas.species), -1).T.clip(min=0.0)
    T = arrays["q"][0].reshape(-1)
    return T, np.full(len(T), float(arrays["p0"])), rhoY / rhoY.sum(1, keepdims=True)
