"""Fields for ParaView: `.vtr` rectilinear grids with raw appended data, one file for all ranks, and a `.pvd` index.

VTK orders a field x fastest, as combust does, but keeps the components of a vector together: scalars (nz, ny, nx) go
out as they are, vectors (3, nz, ny, nx) are written as (nz, ny, nx, 3). A direction with one cell is written flat, at
zero, so that ParaView shows 1-D cases as lines on the x axis and 2-D cases as the plane z = 0. Behind the data, where
VTK reads no more, stands a checksum of the file (combust.io.seal).
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from combust.cfd.mesh.block import Block
from combust.errors import FileFormatError
from combust.files import read_bytes, read_text
from combust.io.blocks import Placed, replacing, write_blocks, write_text
from combust.io.folder import step_of
from combust.io.seal import MARK, Apart, checksum, seal, sealed, unsealed
from combust.parallel import on_root

HEAD = (
    f'<?xml version="1.0"?>\n<VTKFile type="RectilinearGrid" version="1.0" byte_order="{sys.byteorder.title()}Endian"'
)
BEGIN = b'<AppendedData encoding="raw">\n_'
TAIL = b"\n</AppendedData>\n</VTKFile>\n"


@dataclass(frozen=True)
class Snapshot:
    """A `.vtr` file in memory: time [s], step, faces (z, y, x) [m], fields (nz, ny, nx) or (3, nz, ny, nx)."""

    time: float
    step: int
    coordinates: tuple[np.ndarray, np.ndarray, np.ndarray]
    fields: dict[str, np.ndarray]


def write_vtr(
    path: Path,
    block: Block,
    coordinates: Sequence[np.ndarray],
    fields: Mapping[str, np.ndarray],
    time: float,
    step: int,
) -> None:
    """Writes this rank's owned `fields`, (nz, ny, nx) or (3, nz, ny, nx), into the file of all ranks.

    coordinates : global faces (z, y, x) [m];  time : [s].  Raises OutputError on all ranks.
    """
    points = [flat(np.asarray(c, dtype=np.float64)) for c in coordinates]
    cells = int(np.prod(block.shape))
    sizes = {name: cells * 8 * (array.shape[0] if array.ndim == 4 else 1) for name, array in fields.items()}
    head, offsets, total = header(points, fields, sizes, time, step)
    parts = [placed(block, len(head) + offsets[name] + 8, array) for name, array in fields.items()]
    sums = [checksum(block.comm, part.local, part.shape, part.start) for part in parts]
    apart = [Apart(part.offset, size, own) for part, size, own in zip(parts, sizes.values(), sums, strict=True)]

    def begin(part: Path) -> int:
        with open(part, "wb") as file:
            file.write(head)
            for axis, values in zip("zyx", points, strict=True):
                file.seek(len(head) + offsets[axis])
                file.write(np.uint64(values.nbytes).tobytes() + values.tobytes())
            for name, size in sizes.items():
                file.seek(len(head) + offsets[name])
                file.write(np.uint64(size).tobytes())
            file.seek(len(head) + total)
            file.write(TAIL)
        seal(part, apart)
        return part.stat().st_size

    with replacing(block.comm, path) as part:
        size = on_root(block.comm, lambda: begin(part), f"write {path}")
        write_blocks(block.comm, part, size, parts)


def placed(block: Block, offset: int, array: np.ndarray) -> Placed:
    """This rank's cells of a field whose first byte is at `offset`; the components of a vector go together."""
    if array.ndim == 4:
        return Placed(offset, np.moveaxis(array, 0, -1), (*block.shape, array.shape[0]), (*block.start, 0))
    return Placed(offset, array, block.shape, block.start)


def flat(faces: np.ndarray) -> np.ndarray:
    """The faces; of a direction with one cell the point 0, whatever width stands for it in the mesh."""
    return faces if faces.size > 2 else np.zeros(1)


def header(
    points: Sequence[np.ndarray], fields: Mapping[str, np.ndarray], sizes: Mapping[str, int], time: float, step: int
) -> tuple[bytes, dict[str, int], int]:
    """XML before the data, offsets of the arrays behind it, and bytes of all arrays."""
    offsets: dict[str, int] = {}
    total = 0
    lengths = {**sizes, **{axis: p.nbytes for axis, p in zip("zyx", points, strict=True)}}
    for name, length in lengths.items():
        offsets[name] = total
        total += 8 + length
    extent = " ".join(f"0 {p.size - 1}" for p in reversed(points))
    vectors = [name for name, array in fields.items() if array.ndim == 4]
    scalars = [name for name, array in fields.items() if array.ndim == 3]
    active = (f' Scalars="{scalars[0]}"' if scalars else "") + (f' Vectors="{vectors[0]}"' if vectors else "")
    lines = [
        f'{HEAD} header_type="UInt64">',
        f'<RectilinearGrid WholeExtent="{extent}">',
        "<FieldData>",
        f'<DataArray type="Float64" Name="TimeValue" NumberOfTuples="1" format="ascii">{time!r}</DataArray>',
        f'<DataArray type="Int64" Name="step" NumberOfTuples="1" format="ascii">{step}</DataArray>',
        "</FieldData>",
        f'<Piece Extent="{extent}">',
        f"<CellData{active}>",
        *(data_array(name, offsets[name], 3 if name in vectors else 1) for name in fields),
        "</CellData>",
        "<Coordinates>",
        *(data_array(axis, offsets[axis], 1) for axis in "xyz"),
        "</Coordinates>",
        "</Piece>",
        "</RectilinearGrid>",
    ]
    text = ("\n".join(lines) + "\n").encode()
    # Data on 8-byte boundaries: readers may map them.
    return text + b" " * (-(len(text) + len(BEGIN)) % 8) + BEGIN, offsets, total


def data_array(name: str, offset: int, components: int) -> str:
    where = f'NumberOfComponents="{components}" format="appended" offset="{offset}"'
    return f'<DataArray type="Float64" Name={quoteattr(name)} {where}/>'


def read_vtr(path: Path) -> Snapshot:
    """Reads a file that `write_vtr` wrote. Raises FileFormatError naming the file and what is wrong with it.

    A file of an earlier version has no checksum: other finite numbers in it go unnoticed.
    """
    try:
        head, mark, data = unsealed(read_bytes(path, sys.maxsize - 1)).partition(BEGIN)
    except ValueError as error:
        raise FileFormatError(f"{path}: damaged: {error}; a restart from before it makes it again") from error
    if not mark or not data.endswith(TAIL):
        raise FileFormatError(f"{path}: is not a complete .vtr file written by combust")
    try:
        root = ET.fromstring(head.decode() + "</VTKFile>")
        arrays = {node.attrib["Name"]: node for node in root.iter("DataArray")}
        time, step = float(arrays.pop("TimeValue").text or ""), int(arrays.pop("step").text or "")
        values = {name: appended(data, name, node) for name, node in arrays.items()}
        z, y, x = (values.pop(axis) for axis in "zyx")
        require_snapshot(time, step, (z, y, x), values)
    except (ET.ParseError, KeyError, ValueError, OverflowError, LookupError) as error:
        raise FileFormatError(f"{path}: is not a .vtr file written by combust ({error})") from error
    shape = tuple(max(p.size - 1, 1) for p in (z, y, x))
    fields = {
        name: value.reshape(shape) if value.ndim == 1 else np.moveaxis(value.reshape(*shape, 3), -1, 0)
        for name, value in values.items()
    }
    return Snapshot(time, step, (z, y, x), fields)


def require_snapshot(
    time: float, step: int, points: tuple[np.ndarray, np.ndarray, np.ndarray], values: Mapping[str, np.ndarray]
) -> None:
    """Raises ValueError for what no run writes: numbers that are not finite, points that do not rise, other sizes."""
    if not np.isfinite(time) or step < 0:
        raise ValueError(f"step {step}, time {time}")
    for axis, faces in zip("zyx", points, strict=True):
        if faces.ndim != 1 or not faces.size or not np.isfinite(faces).all() or not (np.diff(faces) > 0).all():
            raise ValueError(f"coordinates {axis} are not rising numbers")
    cells = int(np.prod([max(faces.size - 1, 1) for faces in points]))
    for name, value in values.items():
        if value.shape not in ((cells,), (cells, 3)):
            raise ValueError(f"field {name} has {value.shape} numbers for {cells} cells")
        if not np.isfinite(value).all():
            raise ValueError(f"field {name} holds numbers that are not finite")


def appended(data: bytes, name: str, node: ET.Element) -> np.ndarray:
    """One array of the appended data: (n,) or (n, components). Raises ValueError for one that is not all there."""
    offset, components = int(node.attrib["offset"]), int(node.attrib["NumberOfComponents"])
    if not 0 <= offset <= len(data) - 8 or components not in (1, 3):
        raise ValueError(f"{name}: offset {offset}, {components} components")
    size = int(np.frombuffer(data, np.uint64, 1, offset)[0])
    if size % 8 or size > len(data) - 8 - offset:
        raise ValueError(f"{name}: {size} bytes at offset {offset}, which the file does not have")
    values = np.frombuffer(data, np.float64, size // 8, offset + 8)
    return values if components == 1 else values.reshape(-1, components)


ENTRY = re.compile(r'<DataSet timestep="(\d[\d.]*(?:e[-+]?\d+)?)" part="0" file="((?:fields|averages)_\d+\.vtr)"/>')
INDEX_HEAD = ['<?xml version="1.0"?>', '<VTKFile type="Collection" version="1.0">', "<Collection>"]
INDEX_TAIL = ["</Collection>", "</VTKFile>"]
REMOVE = "without it a run goes on, and its index begins anew"


def write_pvd(path: Path, entries: Sequence[tuple[float, str]]) -> None:
    """Writes the index: (time [s], file name) per snapshot. Raises OutputError."""
    lines = [f'<DataSet timestep="{time!r}" part="0" file="{name}"/>' for time, name in entries]
    text = "".join(line + "\n" for line in [*INDEX_HEAD, *lines, *INDEX_TAIL])
    write_text(path, sealed(text.encode()).decode())


def read_pvd(path: Path) -> list[tuple[float, str]]:
    """(time [s], file name) of the snapshots in an index; none if the file does not exist.

    Raises FileFormatError naming the line that `write_pvd` would not have written: the files it names may be removed.
    """
    if not path.exists():
        return []
    text = read_text(path)
    lines = text.splitlines()
    lines = lines[:-1] if lines and lines[-1].startswith(MARK.decode()) else lines
    if lines[:3] != INDEX_HEAD or lines[-2:] != INDEX_TAIL:
        raise FileFormatError(f"{path}: is not a complete index of snapshots written by combust; {REMOVE}")
    found = []
    for number, line in enumerate(lines[3:-2], 4):
        entry = ENTRY.fullmatch(line)
        if entry is None or not np.isfinite(float(entry[1])):
            raise FileFormatError(f"{path}: line {number} is not an entry written by combust; {REMOVE}")
        found.append((float(entry[1]), entry[2]))
    try:
        unsealed(text.encode())
    except ValueError as error:
        raise FileFormatError(f"{path}: damaged: {error}; {REMOVE}") from error
    return found


def cut_back(index: Path, last: int | None) -> list[tuple[float, str]]:
    """Entries of an index up to step `last`, none if that is None; later snapshots are removed: a run that goes on
    writes them again.
    """
    kept = []
    for time, name in read_pvd(index):
        if last is not None and step_of(name) <= last:
            kept.append((time, name))
        else:
            (index.parent / name).unlink(missing_ok=True)
    write_pvd(index, kept)
    return kept
