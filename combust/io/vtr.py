"""Fields for ParaView: `.vtr` rectilinear grids with raw appended data, one file for all ranks, and a `.pvd` index.

VTK orders a field x fastest, as combust does, but keeps the components of a vector together: scalars (nz, ny, nx) go
out as they are, vectors (3, nz, ny, nx) are written as (nz, ny, nx, 3). A direction with one cell is written flat, so
that ParaView shows 1-D and 2-D cases as lines and planes.
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

from combust.cfd.block import Block
from combust.errors import FileFormatError
from combust.io.blocks import Placed, on_root, replacing, write_blocks, write_text

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

    def begin(part: Path) -> None:
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

    parts = []
    for name, array in fields.items():
        place = len(head) + offsets[name] + 8
        if array.ndim == 4:
            shape, start = (*block.shape, array.shape[0]), (*block.start, 0)
            parts.append(Placed(place, np.moveaxis(array, 0, -1), shape, start))
        else:
            parts.append(Placed(place, array, block.shape, block.start))
    with replacing(block.comm, path) as part:
        on_root(block.comm, lambda: begin(part), f"write {path}")
        write_blocks(block.comm, part, len(head) + total + len(TAIL), parts)


def flat(faces: np.ndarray) -> np.ndarray:
    """The faces, or the middle of the only cell."""
    return faces if faces.size > 2 else np.array([0.5 * (faces[0] + faces[1])])


def header(
    points: Sequence[np.ndarray],
    fields: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    time: float,
    step: int,
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
    """Reads a file that `write_vtr` wrote. Raises FileFormatError naming the file and what is wrong with it."""
    raw = Path(path).read_bytes()
    head, mark, data = raw.partition(BEGIN)
    if not mark or not data.endswith(TAIL):
        raise FileFormatError(f"{path}: is not a complete .vtr file written by combust")
    try:
        root = ET.fromstring(head.decode() + "</VTKFile>")
        arrays = {node.attrib["Name"]: node for node in root.iter("DataArray")}
        time, step = float(arrays.pop("TimeValue").text or ""), int(arrays.pop("step").text or "")
        values = {name: appended(data, node) for name, node in arrays.items()}
        points = tuple(values.pop(axis) for axis in "zyx")
    except (ET.ParseError, KeyError, ValueError) as error:
        raise FileFormatError(f"{path}: is not a .vtr file written by combust ({error})") from error
    shape = tuple(max(p.size - 1, 1) for p in points)
    fields = {
        name: value.reshape(shape) if value.ndim == 1 else np.moveaxis(value.reshape(*shape, 3), -1, 0)
        for name, value in values.items()
    }
    return Snapshot(time, step, (points[0], points[1], points[2]), fields)


def appended(data: bytes, node: ET.Element) -> np.ndarray:
    """One array of the appended data: (n,) or (n, components)."""
    offset, components = int(node.attrib["offset"]), int(node.attrib["NumberOfComponents"])
    size = int(np.frombuffer(data, np.uint64, 1, offset)[0])
    values = np.frombuffer(data, np.float64, size // 8, offset + 8)
    return values if components == 1 else values.reshape(-1, components)


ENTRY = re.compile(r'<DataSet timestep="([^"]+)" part="0" file="([^"]+)"/>')


def write_pvd(path: Path, entries: Sequence[tuple[float, str]]) -> None:
    """Writes the index: (time [s], file name) per snapshot. Raises OutputError."""
    lines = [f'<DataSet timestep="{time!r}" part="0" file="{name}"/>' for time, name in entries]
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="1.0">\n<Collection>\n'
    write_text(path, head + "".join(line + "\n" for line in lines) + "</Collection>\n</VTKFile>\n")


def read_pvd(path: Path) -> list[tuple[float, str]]:
    """(time [s], file name) of the snapshots in an index; none if the file does not exist."""
    if not path.exists():
        return []
    return [(float(time), name) for time, name in ENTRY.findall(path.read_text(encoding="utf-8"))]
