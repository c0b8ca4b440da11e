"""HDF5 files that are looked at before the HDF5 library opens them: damage can keep that library in a loop for ever.

What combust writes ends with a checksum (combust.io.seal), and a file that has another content is refused unopened. A
file without one, of an earlier version or changed by another program, is first read by a child process of limited time.
"""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from combust.atomic import replacing
from combust.io.seal import BROKEN, require_sealed, seal

SIGNATURE = b"\x89HDF\r\n\x1a\n"
END = {0: 40, 1: 44, 2: 28, 3: 28}  # where a superblock has the address of the file's end, by its version
PROBE = Path(__file__).with_name("hdf5_probe.py")
SECONDS, SPEED = 5, 2e7  # CPU time of the child, and bytes per second beyond that


@contextmanager
def writing(path: Path) -> Iterator[h5py.File]:
    """A new file for writing; readers see the whole of it, with its checksum, or nothing. Raises OSError."""
    with replacing(path) as part:
        with h5py.File(part, "w") as file:
            yield file
        seal(part)


def opened(path: str | Path) -> h5py.File:
    """The file, for reading. Raises what `require_readable` and h5py do."""
    require_readable(Path(path))
    return h5py.File(path, "r", locking="best-effort")


def require_readable(path: Path) -> None:
    """Raises ValueError where the content is not what was written, or HDF5 would not come to an end with it.

    Raises OSError where it cannot be read. What is no HDF5 file is left to h5py.
    """
    size, end = path.stat().st_size, end_of(path)
    if end is not None and size < end:
        raise ValueError(f"it is truncated: it has {size} bytes of {end}")
    if require_sealed(path):
        return
    if end is not None and size > end:
        raise ValueError(BROKEN)  # what follows the end is no checksum any more
    require_end(path)


def end_of(path: Path) -> int | None:
    """The size of an HDF5 file that its superblock states; None for what is none, or has other addresses."""
    with open(path, "rb") as file:
        head = file.read(64)
    if head[:8] != SIGNATURE or len(head) < 64 or head[8] not in END or head[13 if head[8] < 2 else 9] != 8:
        return None
    return int.from_bytes(head[END[head[8]] :][:8], "little")


def require_end(path: Path) -> None:
    """Lets a child read all of a file. Raises ValueError where it dies or takes too long; its errors are the reader's.

    HDF5 holds Python's lock and heeds no signal in its loops: no other way stops it.
    """
    seconds = SECONDS + int(path.stat().st_size / SPEED)
    done = subprocess.run(
        [sys.executable, str(PROBE), str(path.absolute()), str(seconds)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        raise ValueError(f"HDF5 does not come to an end with its content within {seconds} s")
    if done.returncode < 0:
        raise ValueError(f"HDF5 dies of its content (signal {-done.returncode})")


def contiguous(group: h5py.Group, name: str, shape: tuple[int, ...]) -> h5py.Dataset:
    """A contiguous float64 data set whose place in the file is fixed at once and not filled."""
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.CONTIGUOUS)
    plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    plist.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plist)
    return group[name]


def plain(group: h5py.Group, name: str, dtype: str, most: float = math.inf) -> h5py.Dataset:
    """A data set as combust writes it: contiguous, within the file. Raises ValueError for what is not."""
    data = group.get(name) if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(data, h5py.Dataset):
        raise ValueError(f"{name!r} is missing")
    layout = data.id.get_create_plist()
    if data.dtype.str != dtype or layout.get_layout() != h5py.h5d.CONTIGUOUS or layout.get_external_count():
        raise ValueError(f"{name!r} is stored as {data.dtype}, not as combust writes it")
    if data.nbytes != data.id.get_storage_size() or data.nbytes > most:
        raise ValueError(f"{name!r} of shape {data.shape} is not in the file as a whole")
    return data
