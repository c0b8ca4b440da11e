"""combust.results gives what a run has written; the state for ParaView runs as far as VTK can tell."""

import os
import runpy
import subprocess
import sys
import tomllib
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from helpers import CASE, Heat

import combust
from combust.case.load import convert
from combust.errors import ConfigError, FileFormatError
from combust.io.folder import Folder
from combust.io.vtr import read_pvd, read_vtr
from combust.parallel import Communicator
from combust.run.course import simulation

OUTPUT = """
averages = { names = ["T", "u"], window = 0.008 }
spectra = { fields = ["T"], every = { steps = 10 } }
[[output.probes]]
kind = "points"
name = "two"
points = [[0.55, 0.15, 0.25], [2.4, 0.1, 0.1]]
[[output.probes]]
kind = "plane"
name = "cut"
normal = "z"
at = 0.4
fields = ["u", "T"]
every = { steps = 5 }
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The results of twenty steps of the toy flow, and the flow."""
    folder = tmp_path_factory.mktemp("run")
    config = convert(tomllib.loads(CASE + OUTPUT), "case")
    flow = Heat(config, Communicator())
    simulation(flow, config, Folder(folder)).run()
    return combust.results(folder), flow


def test_profiles_of_averages(run):
    found, _ = run
    averages = found.averages
    along = averages.profile("x")
    assert along.x == pytest.approx(found.grid.x) and along.u_mean.shape == along.u_rms.shape == (3, 24)
    lengths = averages.times - averages.begins
    each = [averages.field("T_mean", end).mean((0, 1)) for end in averages.times]  # cells are alike
    assert len(each) > 1 and along.T_mean == pytest.approx(np.average(each, axis=0, weights=lengths))
    assert averages.profile("x", time=averages.times[0]).T_mean == pytest.approx(each[0])
    with pytest.raises(ConfigError, match='needs a direction, "x", "y" or "z"'):
        averages.profile("r")
    with pytest.raises(ConfigError, match="column 'T_favre' is unknown"):
        along["T_favre"]


def test_planes_of_an_axisymmetric_mesh_have_no_mean(run, tmp_path, monkeypatch):
    averages = run[0].averages
    monkeypatch.setattr(averages.folder, "case", tmp_path / "case.toml")
    (tmp_path / "case.toml").write_text('[mesh]\nkind = "axisymmetric"\n')
    with pytest.raises(ConfigError, match="planes of an axisymmetric mesh"):
        averages.profile("x")


def test_fields_and_grid(run):
    found, flow = run
    assert found.names == ("T", "u") and len(found.times) == 5 and found.times[-1] == flow.time
    assert np.array_equal(found.field("T"), flow.T)  # (z, y, x)
    assert np.array_equal(found.field("u"), flow.field("u"))
    assert found.field("T", time=found.times[1] + 1e-5).max() == found.field("T", time=found.times[1]).max()
    assert found.field("T", time=0.0).max() > found.field("T").max()
    assert len(found.grid.x) == 24 and found.grid.x[0] == pytest.approx(0.05) and len(found.grid.z_faces) == 9
    assert found.field("T").shape == (len(found.grid.z), len(found.grid.y), len(found.grid.x))
    with pytest.raises(ConfigError, match="field 'TT' is unknown; there are T, u. Did you mean \"T\"?"):
        found.field("TT")
    with pytest.raises(ConfigError, match="time = nan: needs a time"):
        found.field("T", time=float("nan"))


def test_flat_directions_are_left_out(tmp_path):
    config = convert(tomllib.loads(CASE.replace("[24, 12, 8]", "[24]").replace("[0, 0, 0]", "[0]")
                                   .replace("[2.4, 1.2, 0.8]", "[2.4]").replace(', y = { kind = "periodic" }, z = '
                                   '{ kind = "periodic" }', "")), "case")  # fmt: skip
    flow = Heat(config, Communicator())
    simulation(flow, config, Folder(tmp_path)).run()
    found = combust.results(tmp_path)
    assert found.field("T").shape == (24,) and found.field("u").shape == (3, 24) and len(found.grid.y) == 1


def test_series_probes_planes_averages_spectra(run):
    found, flow = run
    assert list(found.series) == ["step", "time", "dt", "T_max", "T_mean"] and len(found.series["T_max"]) == 11
    assert found.series.T_max[-1] == flow.T.max() and found.series["time"][-1] == flow.time
    with pytest.raises(ConfigError, match="series.csv: column 'T_maxi' is unknown; there are step.*\"T_max\""):
        found.series["T_maxi"]
    two = found.probes["two"]
    assert two["T"].shape == (21, 2) and list(two.x) == [0.55, 2.4] and len(two.times) == 21 and two.steps[3] == 3
    assert two["T"][-1, 0] == pytest.approx(flow.T[2, 1, 5])
    assert found.planes["cut"].field("T").shape == (5, 1, 12, 24) and found.planes["cut"].normal == "z"
    assert np.array_equal(found.planes["cut"]["T"], found.planes["cut"].field("T"))
    with pytest.raises(ConfigError, match="probe 'twoo' is unknown; there are.*two"):
        found.probes["twoo"]
    means = found.averages
    assert "T_rms" in means.names and len(means.begins) == len(means.times) and means.begins[0] == 0.0
    assert means.field("T_mean").shape == (8, 12, 24) and means.field("u_cov").shape == (3, 8, 12, 24)
    assert found.spectra["T"].shape == (3, len(found.spectra["k"])) and not found.conditional
    assert {"T_max", "time"} <= set(dir(found.series)) and "run" in repr(found)


def test_half_a_group_of_rows_is_left_out(run, tmp_path):
    found, _ = run
    lines = (found.path / "probe_two.csv").read_text().splitlines(keepends=True)
    (tmp_path / "probe_two.csv").write_text("".join(lines[:-1]))
    (tmp_path / "series.csv").write_text("step,time,dt\n")
    assert combust.results(tmp_path).probes["two"]["T"].shape == (20, 2)


def test_what_is_no_output_is_named(tmp_path):
    with pytest.raises(FileFormatError, match="none: no such folder; give the output folder of a run"):
        combust.results(tmp_path / "none")
    with pytest.raises(FileFormatError, match="is no output folder of a run: it holds no fields.pvd"):
        combust.results(tmp_path)
    (tmp_path / "series.csv").write_text("step,time,dt\n")
    some = combust.results(tmp_path)
    with pytest.raises(FileFormatError, match="it holds no fields.pvd"):
        some.field("T")
    with pytest.raises(
        FileFormatError, match=r"has no averages.pvd, so no averages: the case needs a table \[output.av"
    ):
        some.averages  # noqa: B018
    with pytest.raises(FileFormatError, match="is a file; give the output folder"):
        combust.results(tmp_path / "series.csv")


def test_neither_torch_nor_mpi_is_loaded(run):
    code = (
        f"import sys, combust; r = combust.results({str(run[0].path)!r}); r.field('T'), r.series['T_max'], r.probes, "
        "r.planes, r.averages.names; print([m for m in ('torch', 'mpi4py', 'h5py', 'cantera') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0 and done.stdout == "[]\n", done.stdout + done.stderr


class Recorded(SimpleNamespace):
    """Stands for a proxy of ParaView: takes any property and call."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = Recorded() if name == "SliceType" else lambda *_: Recorded()
        object.__setattr__(self, name, made)
        return made


def simple_of(folder, log):
    """A paraview.simple whose reader sees the files, and which notes what is asked of it."""

    class Reader(Recorded):
        def __init__(self, FileName):  # noqa: N803
            super().__init__()
            self.entries = read_pvd(type(folder)(FileName))
            self.TimestepValues = [time for time, _ in self.entries]

        def UpdatePipeline(self, time):  # noqa: N802
            name = dict(self.entries)[time]
            shot = read_vtr(folder / name)
            self.bounds = [end for c in reversed(shot.coordinates) for end in (c[0], c[-1])]
            self.CellData = {name: Recorded(
                Name=name, GetNumberOfComponents=lambda v=values: 3 if v.ndim == 4 else 1,
                GetRange=lambda component, v=values: (float(v.min()), float(v.max())),
            ) for name, values in shot.fields.items()}  # fmt: skip

        def GetDataInformation(self):  # noqa: N802
            return Recorded(GetBounds=lambda: self.bounds)

    made = ModuleType("paraview.simple")
    made.PVDReader = Reader
    for name in ("CreateView", "Show", "ColorBy", "GetColorTransferFunction", "GetScalarBar", "CellDatatoPointData",
                 "Contour", "Slice", "ResetCamera", "SaveScreenshot", "CreateLayout"):  # fmt: skip

        def call(*given, name=name, **named):
            log.append((name, given, named))
            return Recorded()

        setattr(made, name, call)
    return made


def test_the_state_for_paraview_shows_the_fields(run, monkeypatch):
    """With a stand-in of ParaView: temperature and velocity, a cut of the 3-D box, the contour half way."""
    folder, log = run[0].path, []
    package, simple = ModuleType("paraview"), simple_of(folder, log)
    package.simple = simple
    monkeypatch.setitem(sys.modules, "paraview", package)
    monkeypatch.setitem(sys.modules, "paraview.simple", simple)
    runpy.run_path(str(folder / "paraview_state.py"), run_name="state")
    assert [given[1] for name, given, _ in log if name == "ColorBy"][:2] == [("CELLS", "T"), ("CELLS", "u")]
    level = next(named["Isosurfaces"][0] for name, _, named in log if name == "Contour")
    T = [run[0].field("T", time=t) for t in run[0].times]
    assert level == pytest.approx(0.5 * (min(t.min() for t in T) + max(t.max() for t in T)))
    assert any(name == "Slice" for name, *_ in log) and not any(name == "SaveScreenshot" for name, *_ in log)


def test_vtk_finds_the_contour_of_the_state(run):
    """What the state asks ParaView for, by VTK's own filters: point data of cells, and their iso-surface."""
    vtk = pytest.importorskip("vtk")
    folder = run[0].path
    reader = vtk.vtkXMLRectilinearGridReader()
    reader.SetFileName(str(folder / read_pvd(folder / "fields.pvd")[-1][1]))
    points = vtk.vtkCellDataToPointData()
    points.SetInputConnection(reader.GetOutputPort())
    contour = vtk.vtkContourFilter()
    contour.SetInputConnection(points.GetOutputPort())
    contour.SetInputArrayToProcess(0, 0, 0, vtk.vtkDataObject.FIELD_ASSOCIATION_POINTS, "T")
    T = run[0].field("T")
    contour.SetValue(0, 0.5 * float(T.min() + T.max()))
    contour.Update()
    assert contour.GetOutput().GetNumberOfPoints() > 10
