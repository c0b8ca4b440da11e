"""The .vtr files: our reader and VTK's own reader get back what was written."""

import draws
import numpy as np
import pytest

from combust.cfd.mesh.block import Block
from combust.errors import FileFormatError
from combust.io.vtr import read_pvd, read_vtr, write_pvd, write_vtr
from combust.parallel import Communicator

SHAPES = [(4, 5, 6), (1, 7, 9), (1, 1, 12), (3, 1, 5)]


def example(shape):
    rng = draws.rng(1)
    coordinates = [np.cumsum(rng.uniform(0.1, 1.0, n + 1)) for n in shape]
    fields = {"T": rng.normal(size=shape), "u": rng.normal(size=(3, *shape)), "Y_CH2(S)": rng.normal(size=shape)}
    return coordinates, fields


def write(path, shape):
    coordinates, fields = example(shape)
    block = Block.create(Communicator(), shape, (False, False, False))
    write_vtr(path, block, coordinates, fields, 1.0 / 3.0, 42)
    return coordinates, fields


@pytest.mark.parametrize("shape", SHAPES)
def test_own_reader(tmp_path, shape):
    coordinates, fields = write(tmp_path / "a.vtr", shape)
    shot = read_vtr(tmp_path / "a.vtr")
    assert (shot.time, shot.step) == (1.0 / 3.0, 42)
    assert list(shot.fields) == list(fields)
    for name, values in fields.items():
        np.testing.assert_array_equal(shot.fields[name], values)
    for ours, theirs in zip(shot.coordinates, coordinates, strict=True):
        np.testing.assert_array_equal(ours, theirs if theirs.size > 2 else [0.0])


@pytest.mark.parametrize("shape", SHAPES)
def test_vtk_reader(tmp_path, shape):
    """Values, component order, cell order, coordinates and time as VTK (and so ParaView) sees them."""
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    coordinates, fields = write(tmp_path / "a.vtr", shape)
    reader = vtk.vtkXMLRectilinearGridReader()
    reader.SetFileName(str(tmp_path / "a.vtr"))
    reader.Update()
    grid = reader.GetOutput()
    assert reader.GetErrorCode() == 0
    assert grid.GetNumberOfCells() == np.prod(shape)
    data = grid.GetCellData()
    np.testing.assert_array_equal(vtk_to_numpy(data.GetArray("T")).reshape(shape), fields["T"])
    np.testing.assert_array_equal(vtk_to_numpy(data.GetArray("Y_CH2(S)")).reshape(shape), fields["Y_CH2(S)"])
    vectors = vtk_to_numpy(data.GetArray("u")).reshape(*shape, 3)
    np.testing.assert_array_equal(np.moveaxis(vectors, -1, 0), fields["u"])
    assert data.GetScalars().GetName() == "T" and data.GetVectors().GetName() == "u"
    for axis, faces in zip("ZYX", coordinates, strict=True):
        points = vtk_to_numpy(getattr(grid, f"Get{axis}Coordinates")())
        np.testing.assert_array_equal(points, faces if faces.size > 2 else [0.0])
    assert grid.GetFieldData().GetArray("TimeValue").GetValue(0) == 1.0 / 3.0


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "a.vtr"
    write(path, (1, 4, 4))
    whole = path.read_bytes()
    for bad in (whole[:-40], b"<VTKFile>", b""):
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match=r"a\.vtr"):
            read_vtr(path)


def test_files_of_flat_cases_that_lie_elsewhere_are_read(tmp_path, monkeypatch):
    """Flat directions used to lie in the middle of their cell."""
    monkeypatch.setattr("combust.io.vtr.flat", lambda faces: faces if faces.size > 2 else np.array([faces.mean()]))
    coordinates, fields = write(tmp_path / "a.vtr", (1, 7, 9))
    shot = read_vtr(tmp_path / "a.vtr")
    assert shot.coordinates[0] == [coordinates[0].mean()]
    np.testing.assert_array_equal(shot.fields["T"], fields["T"])


def test_data_are_aligned(tmp_path):
    write(tmp_path / "a.vtr", (1, 3, 5))
    head, mark, _ = (tmp_path / "a.vtr").read_bytes().partition(b'<AppendedData encoding="raw">\n_')
    assert len(head + mark) % 8 == 0


def test_index(tmp_path):
    entries = [(0.0, "fields_000000.vtr"), (1.0 / 3.0, "fields_000010.vtr")]
    write_pvd(tmp_path / "fields.pvd", entries)
    assert read_pvd(tmp_path / "fields.pvd") == entries
    assert read_pvd(tmp_path / "none.pvd") == []
    assert [p.name for p in tmp_path.iterdir()] == ["fields.pvd"]
