"""Run by ParaView's pvpython: steps through a series, prints what it sees as JSON, renders one picture.

xvfb-run -a pvpython validation/render.py FIELDS.pvd PICTURE.png
"""

from __future__ import annotations

import json
import sys


def main(series: str, picture: str) -> None:
    from paraview import simple  # only pvpython has it

    simple._DisableFirstRenderCameraReset()
    reader = simple.PVDReader(FileName=series)
    view = simple.CreateView("RenderView")
    view.ViewSize = [1500, 1150]
    view.OrientationAxesVisibility = 0
    view.Background = [1.0, 1.0, 1.0]
    view.UseColorPaletteForBackground = 0
    view.CameraParallelProjection = 1
    display = simple.Show(reader, view)
    display.SetRepresentationType("Surface")
    simple.ColorBy(display, ("CELLS", "T"))
    display.Ambient, display.Diffuse, display.Specular = 1.0, 0.0, 0.0  # colours as the table has them
    for time in reader.TimestepValues:
        view.ViewTime = time
        reader.UpdatePipeline(time)
        information = reader.GetDataInformation()
        arrays = {a.Name: list(a.GetRange(0)) for a in reader.CellData.values()}
        print(json.dumps({"time": time, "cells": information.GetNumberOfCells(), "ranges": arrays}), flush=True)
    table = simple.GetColorTransferFunction("T")
    table.ApplyPreset("Inferno (matplotlib)", True)
    low, high = reader.CellData["T"].GetRange(0)
    table.RescaleTransferFunction(low, high)
    bar = simple.GetScalarBar(table, view)
    bar.Title, bar.ComponentTitle = "T [K]", ""
    bar.TitleColor = bar.LabelColor = [0.0, 0.0, 0.0]
    bar.Orientation, bar.WindowLocation, bar.ScalarBarLength = "Horizontal", "Lower Center", 0.5
    display.SetScalarBarVisibility(view, True)
    points = simple.CellDatatoPointData(Input=reader)
    front = simple.Contour(Input=points, ContourBy=["POINTS", "T"], Isosurfaces=[1000.0])
    line = simple.Show(front, view)
    simple.ColorBy(line, None)
    line.DiffuseColor = line.AmbientColor = [1.0, 1.0, 1.0]
    line.LineWidth = 3.0
    simple.ResetCamera(view)
    low, high = reader.GetDataInformation().GetBounds()[2:4]
    for place in ("CameraPosition", "CameraFocalPoint"):  # room for the bar below
        x, y, z = getattr(view, place)
        setattr(view, place, [x, y - 0.09 * (high - low), z])
    view.CameraParallelScale = 0.6 * (high - low)
    simple.SaveScreenshot(picture, view, ImageResolution=view.ViewSize)


if __name__ == "__main__":
    main(*sys.argv[1:])
