"""Reads all of an HDF5 file, and passes over what is wrong in it: `python hdf5_probe.py FILE SECONDS` (of CPU time).

A script of its own, which loads nothing of combust, since it is run before every file that has no checksum.
"""

import resource
import sys
from contextlib import suppress

import h5py

MOST = 2**26  # bytes of an array that is read whole


def look(name: str, node: h5py.HLObject) -> None:
    """Attributes, and numbers unless they are large and lie in one piece, in which nothing can lead astray."""
    for key in node.attrs:
        with suppress(Exception):
            node.attrs[key]
    if not isinstance(node, h5py.Dataset):
        return
    plain = node.id.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS
    with suppress(Exception):
        if node.nbytes <= MOST:
            node[()]
        elif not plain:
            for chunk in node.iter_chunks():
                node[chunk]


def visit(group: h5py.Group, seen: set[int], depth: int = 0) -> None:
    """All that hard links lead to, each once; an object that cannot be read does not hide the next."""
    for name in group:
        with suppress(Exception):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            node = group[name]
            place = h5py.h5o.get_info(node.id).addr
            if place in seen:
                continue
            seen.add(place)
            look(name, node)
            if isinstance(node, h5py.Group) and depth < 64:
                visit(node, seen, depth + 1)


if __name__ == "__main__":
    seconds = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(Exception), h5py.File(sys.argv[1], "r", locking="best-effort") as file:
        with suppress(Exception):
            look("/", file)
        visit(file, set())
