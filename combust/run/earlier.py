"""The state of an earlier run, for a case that starts from it on a grid of its own."""

from __future__ import annotations

import logging
import shutil
import tomllib
from pathlib import Path

import msgspec
import numpy as np

from combust.atomic import replacing
from combust.case.config import DEFAULT_MODEL, Config
from combust.case.load import convert
from combust.cfd.initial.earlier import Earlier, Slices
from combust.cfd.initial.settings import RunInitial
from combust.cfd.mesh.grid import mesh_digest
from combust.errors import ConfigError, FileFormatError, OutputError
from combust.io.checkpoint import open_checkpoint, read_meta, verify
from combust.io.folder import Folder
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.parallel import Communicator, on_root

logger = logging.getLogger(__name__)


def earlier(place: str, time: float | None, gas: Mechanism, comm: Communicator) -> Earlier:
    """The state in a folder of a run (the checkpoint nearest in time, the newest without one), or in one checkpoint.

    Every rank calls. Raises ConfigError for a folder without any, FileFormatError for one that is not whole.
    """
    path = on_root(comm, lambda: checkpoint_of(Path(place), time))
    on_root(comm, lambda: require_whole(path), f"read {path}")
    with open_checkpoint(path) as file:
        meta, names = read_meta(path, file), tuple(file["state"])
        p0 = float(np.asarray(file["state/p0"][...]))
    identity = meta["identity"]
    if identity.get("model", DEFAULT_MODEL) != DEFAULT_MODEL:
        raise ConfigError(f"{path}: is of a run with model {identity['model']}, which has other fields")
    if not meta["case"]:
        raise ConfigError(f"{path}: does not hold the case that wrote it, so that its mesh is not known")
    case = convert(tomllib.loads(meta["case"]), str(path))
    mesh, closure = case.mesh, case.turbulence.__struct_config__.tag
    faces = mesh.faces()
    if mesh_digest(faces, mesh.axisymmetric) != identity["mesh"]:
        raise FileFormatError(f"{path}: its mesh is not that of the case it holds")

    def read(name: str, part: Slices) -> np.ndarray:
        with open_checkpoint(path) as file:
            return np.asarray(file[f"state/{name}"][(..., *part)])

    species, same = tuple(identity["species"].split()), identity["mechanism"] == gas.sha256
    logger.info("initial: continues %s, t = %.9g s, on this grid", path, meta["time"])
    return Earlier(str(path), faces, mesh.axisymmetric, species, same, p0, meta["time"], str(closure), names, read)


def beginning(config: Config, own: Folder, restart: str | None, again: bool) -> Config:
    """The case with the checkpoint that it begins from, where it goes on from an earlier run; else as it is.

    again : it goes on from its own checkpoints: it began from the copy that was kept beside these, so that a restart
        needs no folder but its own
    Raises ConfigError.
    """
    table = config.initial
    if not isinstance(table, RunInitial):
        return config
    require_elsewhere(table, config.output.directory, again)
    kept = (own if restart in (None, "auto") else Folder(Path(restart).parent)).start
    start = kept if again and kept.is_file() else checkpoint_of(Path(table.folder), table.time)
    begun = msgspec.structs.replace(table, folder=str(start), time=None)
    require_elsewhere(begun, config.output.directory, again)  # what it is a link to
    return msgspec.structs.replace(config, initial=begun)


def keep(config: Config, own: Folder) -> None:
    """Copies what a case of `beginning` begins from, if anything, into its folder, unless it is there.

    Raises OutputError.
    """
    if not isinstance(config.initial, RunInitial) or own.start.is_file():
        return
    try:
        with replacing(own.start) as part:
            shutil.copyfile(config.initial.folder, part)
            part.chmod(0o644)
    except OSError as error:
        raise OutputError(
            f"{config.initial.folder} cannot be copied to {own.start}: {error.strerror or error}"
        ) from error


def require_elsewhere(table: RunInitial, own: str | None, again: bool = False) -> None:
    """Raises ConfigError where the earlier run lies in the output folder of this one, which begins with an empty one.

    again : a restart, which keeps what is there, and begins from what `keep` put there
    """
    place = Path(table.folder).resolve()
    if own and Path(own).resolve() in (place, place.parent) and not (again and place.name == Folder(own).start.name):
        raise ConfigError(
            f"initial.folder: {table.folder} is in this run's own output folder, which would write over it: give "
            "another with --out"
        )


def require_whole(path: Path) -> None:
    """Raises FileFormatError for a checkpoint that is damaged."""
    with open_checkpoint(path) as file:
        verify(path, file)


def checkpoint_of(place: Path, time: float | None) -> Path:
    """A checkpoint file, or that of a folder which is nearest to `time` [s]. Raises ConfigError."""
    if place.is_file():
        if time is not None:
            raise ConfigError(
                f"initial.time: {place} is one checkpoint, of its own time: omit the key, or give the folder"
            )
        return place
    found = Folder(place).checkpoints()
    if not found:
        raise ConfigError(
            f"initial.folder: {place} holds no checkpoint: give the output folder of a run, or one of its checkpoints"
        )
    if time is None:
        return found[0]

    def distance(path: Path) -> float:
        with open_checkpoint(path) as file:
            return abs(float(read_meta(path, file)["time"]) - time)

    return min(found, key=distance)
