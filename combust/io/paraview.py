"""A state of ParaView for the fields of a run: a script that lies beside their index."""

from __future__ import annotations

from pathlib import Path

from combust.io.blocks import write_text

STATE = '''\
# The fields of this run in ParaView: File > Load State... (.py), or pvpython paraview_state.py PICTURE.png
# Written by combust at the start of a run. The folder may be moved: where ParaView does not tell the script its
# own place, it looks in the folder that it was written to, FOLDER.
import os
import sys

from paraview import simple

FOLDER = {folder!r}
COLOURS = {{  # of the first of these fields that the run has
    "T": "Inferno (matplotlib)",
    "heat_release": "Inferno (matplotlib)",
    "mixture_fraction": "Viridis (matplotlib)",
    "vorticity": "Cool to Warm",
    "u": "Viridis (matplotlib)",
}}
SECOND = ("heat_release", "Y_OH", "vorticity", "u")  # what is shown beside it


def place():
    here = os.path.dirname(os.path.abspath(globals().get("__file__", "")))
    return here if os.path.exists(os.path.join(here, "fields.pvd")) else FOLDER


def ranges(reader, names):
    """Smallest and largest value (of vectors: the modulus) over all times."""
    found = {{}}
    for time in reader.TimestepValues:
        reader.UpdatePipeline(time)
        for name in names:
            array = reader.CellData[name]
            low, high = array.GetRange(-1 if array.GetNumberOfComponents() > 1 else 0)
            before = found.get(name, (low, high))
            found[name] = min(before[0], low), max(before[1], high)
    return found


def show(source, view, name, span):
    """Coloured by a field, with a bar."""
    display = simple.Show(source, view)
    display.SetRepresentationType("Surface")
    simple.ColorBy(display, ("CELLS", name))
    display.Ambient, display.Diffuse, display.Specular = 1.0, 0.0, 0.0
    table = simple.GetColorTransferFunction(name)
    table.ApplyPreset(COLOURS.get(name, "Viridis (matplotlib)"), True)
    low, high = span
    table.RescaleTransferFunction(low, high if high > low else low + 1.0)
    bar = simple.GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = name, ""
    display.SetScalarBarVisibility(view, True)
    return display


def main(picture=None):
    reader = simple.PVDReader(FileName=os.path.join(place(), "fields.pvd"))
    reader.UpdatePipeline(reader.TimestepValues[-1])
    fields = [array.Name for array in reader.CellData.values()]
    first = next((name for name in COLOURS if name in fields), fields[0])
    others = [name for name in SECOND if name in fields and name != first][:1]
    spans = ranges(reader, [first, *others])
    bounds = reader.GetDataInformation().GetBounds()
    extents = [bounds[2 * axis + 1] - bounds[2 * axis] for axis in range(3)]
    source = reader
    if extents[2] > 0:
        source = simple.Slice(Input=reader)
        source.SliceType.Origin = [0.5 * (bounds[2 * axis] + bounds[2 * axis + 1]) for axis in range(3)]
        source.SliceType.Normal = [0.0, 0.0, 1.0]
    views = []
    for name in [first, *others]:
        view = simple.CreateView("RenderView")
        view.CameraParallelProjection = int(extents[2] == 0)
        show(source, view, name, spans[name])
        views.append(view)
    low, high = spans[first]
    if high > low and extents[1] > 0:  # the iso-surface half way, of temperature the flame
        points = simple.CellDatatoPointData(Input=reader)
        front = simple.Contour(Input=points, ContourBy=["POINTS", first], Isosurfaces=[0.5 * (low + high)])
        for view in views:
            line = simple.Show(front, view)
            simple.ColorBy(line, None)
            line.DiffuseColor = line.AmbientColor = [1.0, 1.0, 1.0]
            line.LineWidth = 2.0
            line.Opacity = 1.0 if extents[2] == 0 else 0.3
    layout = simple.CreateLayout("combust")
    if len(views) > 1:
        layout.SplitVertical(0, 0.5) if extents[0] > 2 * extents[1] else layout.SplitHorizontal(0, 0.5)
    for number, view in enumerate(views):
        layout.AssignView(number + len(views) - 1, view)
        view.ViewTime = reader.TimestepValues[-1]
        simple.ResetCamera(view)
    if picture:
        simple.SaveScreenshot(picture, layout, ImageResolution=[1400, 700])


main(*sys.argv[1:2] if __name__ == "__main__" and len(sys.argv) > 1 and sys.argv[1].endswith(".png") else ())
'''


def write_state(path: Path) -> None:
    """The script for the fields in its folder. Raises OutputError."""
    write_text(path, STATE.format(folder=str(path.parent.resolve())))
