"""Boundary values that cannot be used: refused with the key, what it is, and what is allowed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from combust import planes
from combust.case.load import complete, convert
from combust.cfd.boundaries.conditions import ConvectiveOutflow, Inflow, Outflow, Parts, Wall
from combust.cfd.boundaries.values import Table
from combust.cfd.lowmach.discretisation import require_fitting
from combust.errors import CombustError, ConfigError
from combust.parallel import Communicator
from combust.run import build as case

IN, WALL = {"kind": "inflow", "velocity": 1.0}, {"kind": "wall"}
CONVECTIVE = {"kind": "outflow", "condition": "convective"}
OVER_Y = {"over": "y", "at": [0.0, 1e-3], "values": [1.0, 2.0]}


def raw_of(entry, **more):
    return {
        "mesh": {"kind": "uniform", "cells": [8, 8], "lower": [0.0, 0.0], "upper": [1e-3, 1e-3]},
        "gas": {"mechanism": "h2o2.yaml", "transport": "unity-Lewis"},
        "chemistry": {"kind": "none"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": "N2:1"},
        "boundary": {"x_low": entry, "x_high": {"kind": "outflow"}, "y": {"kind": "wall"}, **more},
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }


def refused(entry, folder=None, **more):
    with pytest.raises(CombustError) as caught:
        config = convert(raw_of(entry, **more), "case.toml")
        if folder is not None:
            config = complete(config, folder / "case.toml")
        case.Builder(config, Communicator()).flow()
    assert caught.value.exit_code == 2
    return str(caught.value)


def profile(**changes):
    return {**IN, "velocity": {k: v for k, v in {**OVER_Y, **changes}.items() if v is not None}}


def part(low, high, **entry):
    return {**(entry or IN), "where": {"y": [low, high]}}


@pytest.mark.parametrize("entry, words", [
    (profile(at=[1e-3, 0.0]), ["boundary.x_low.velocity", "at", "must rise"]),
    (profile(at=[0.0, 0.0]), ["boundary.x_low.velocity", "must rise"]),
    (profile(at=[0.0, float("nan")]), ["boundary.x_low.velocity.at[1] = nan", "finite"]),
    (profile(values=[1.0, float("inf")]), ["boundary.x_low.velocity.values[1] = inf", "finite"]),
    (profile(at=[0.0], values=[1.0]), ["boundary.x_low.velocity.at", "list"]),
    (profile(at=[0.0, 5e-4, 1e-3]), ["boundary.x_low.velocity", "as many as values"]),
    (profile(at=[0.0, "1 s"]), ["boundary.x_low.velocity.at[1]", "1 s", "length"]),
    (profile(values=["1 m/s", "2 K"]), ["boundary.x_low.velocity.values[1]", "2 K", "velocity"]),
    (profile(over="time", at=[0.0, "1 mm"]), ["boundary.x_low.velocity.at[1]", "1 mm", "time"]),
    (profile(at=[0.0, 9e-4]), ["boundary.x_low.velocity.at", "0 to 0.0009", "must cover"]),
    (profile(values=[1.0, -2.0]), ["boundary.x_low.velocity.values[1] = -2", "outflow"]),
    (profile(over="x"), ["boundary.x_low.velocity.over", '"x"', "allowed: y, time"]),
    (profile(over="z"), ["boundary.x_low.velocity.over", '"z"', "allowed: y, time"]),
    (profile(over="s"), ["boundary.x_low.velocity.over", '"r", "time", "x", "y", "z"']),
    (profile(over="r"), ["boundary.x_low.velocity.over", '"r"', "allowed: y, time"]),
    (profile(over=["y", "y"], at=[[0.0, 1e-3]] * 2, values=[[1.0, 1.0]] * 2), ["velocity", "different"]),
    (profile(over=["y", "time"]), ["boundary.x_low.velocity", "list"]),
    (profile(values=[[1.0, 2.0], [1.0, 2.0]]), ["boundary.x_low.velocity.values", "list of numbers"]),
    (profile(over=["time", "y"], at=[[], [0.0, 1e-3]], values=[[1.0], [1.0]]), ["boundary.x_low.velocity"]),
    (profile(at=[], values=[]), ["boundary.x_low.velocity"]),
    ([{**IN, "where": {"y": []}}], ["boundary", "where.y"]),
    (profile(values=None), ["boundary.x_low.velocity", "give at and values, or a file"]),
    (profile(file="inlet.csv"), ["boundary.x_low.velocity", "give at and values, or a file"]),
    (profile(column="u"), ["boundary.x_low.velocity", "column is for a file"]),
    (profile(repeat=True), ["boundary.x_low.velocity", "repeat is for a table over time"]),
    (profile(kind="table"), ["boundary.x_low.velocity.kind", "unknown key", "over"]),
    ({**IN, "temperature": {**OVER_Y, "values": [300.0, 7000.0]}}, ["temperature.values[1] = 7000", "100 to 6000 K"]),
    ({**IN, "composition": {**OVER_Y, "values": ["N2:1", "XY:1"]}}, ["boundary.x_low.composition", "XY"]),
    ({**IN, "fuel": "H2:1", "oxidizer": "O2:1", "phi": {**OVER_Y, "values": [0.0, 1.0]}}, ["phi.values[0] = 0"]),
    ({**IN, "tangential": {"x": 1.0}}, ["boundary.x_low.tangential.x", "allowed: y"]),
    ({"kind": "wall", "temperature": {**OVER_Y, "values": [300.0, 50.0]}}, ["boundary.x_low.temperature.values[1]"]),
    ({"kind": "wall", "velocity": [OVER_Y, 0.0, 0.0]}, ["boundary.x_low.velocity", "a wall is where it is"]),
    ([part(0.0, 5e-4), part(6e-4, 1e-3)], ["boundary.x_low", "0.0005 to 0.0006 m is left out"]),
    ([part(0.0, 5e-4), part(4e-4, 1e-3)], ["boundary.x_low", "0.0004 to 0.0005 m is given twice"]),
    ([part(0.0, 5e-4), part(5e-4, 9e-4)], ["boundary.x_low", "0.0009", "cover it all"]),
    ([part(0.0, 5e-4), part(5e-4, 5.2e-4), part(5.2e-4, 1e-3)], ["boundary.x_low", "centre of no cell"]),
    ([part(0.0, 5e-4), WALL], ["boundary: x_low[1].where is missing"]),
    ({**IN, "where": {"y": [0.0, 5e-4]}}, ["boundary", "x_low.where", "list of parts"]),
    ([{**IN, "where": {"x": [0.0, 1e-3]}}], ["boundary.x_low[0].where", "allowed: y"]),
    ([{**IN, "where": {"y": [1e-3, 0.0]}}], ["boundary.x_low[0].where", "must rise"]),
    ([{**IN, "where": {}}], ["boundary.x_low[0].where", "one of x, y and z"]),
    ([{**IN, "velocity": "balanced", "where": {"y": [0.0, 1e-3]}}], ["boundary.x_low[0].velocity", "flame"]),
    ([part(0.0, 5e-4, **profile(at=[0.0, 4e-4])), part(5e-4, 1e-3)], ["boundary.x_low[0].velocity.at", "must cover"]),
    ([{"kind": "periodic"}], ["boundary.x_low[0].kind"]),
    ([], ["boundary.x_low"]),
    (CONVECTIVE, ["boundary.x_low: a convective outflow beside x_high", "give convection"]),
    ([part(0.0, 5e-4, **CONVECTIVE), part(5e-4, 1e-3, kind="outflow")],
     ["boundary.x_low[0]: a convective outflow beside x_low[1]", "give convection"]),
])  # fmt: skip
def test_bad_tables_and_parts_are_named(entry, words):
    said = refused(entry)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("text, words", [
    ("y,velocity\n0,1\n", ["needs a line of names and two or more"]),
    ("y,velocity\n0,1\n1e-3\n", ["line 3", "1 entries"]),
    ("y,velocity\n0,1\n1e-3,fast\n", ["line 3, column velocity: 'fast'", "no finite velocity"]),
    ("y,velocity\n0,1\n1e-3,nan\n", ["line 3, column velocity: 'nan'"]),
    ("y,velocity [K]\n0,1\n1e-3,2\n", ["column velocity", "K"]),
    ("y,speed\n0,1\n1e-3,2\n", ["has no column 'velocity'", "it has y, speed"]),
    ("x,velocity\n0,1\n1e-3,2\n", ["has no column 'y'"]),
    ("y,velocity\n1e-3,1\n0,2\n", ["boundary.x_low.velocity", "must rise"]),
    ("y,y\n0,1\n1e-3,2\n", ["taken"]),
    ("y;velocity\n0;1\n1e-3;2\n", ["separated by commas"]),
    ("y,velocity\n0,1\n5e-4,-1\n1e-3,2\n", ["boundary.x_low.velocity.values[1] = -1"]),
    (None, ["boundary.x_low.velocity.file", "inlet.csv", "cannot be read"]),
])  # fmt: skip
def test_bad_files_are_named(tmp_path, text, words):
    if text is not None:
        (tmp_path / "inlet.csv").write_text(text)
    said = refused({**IN, "velocity": {"over": "y", "file": "inlet.csv"}}, tmp_path)
    assert "boundary.x_low.velocity" in said and all(word in said for word in words), said


def test_a_table_over_two_coordinates_needs_every_pair(tmp_path):
    (tmp_path / "inlet.csv").write_text("time,y,velocity\n0,0,1\n0,1e-3,1\n1,0,2\n")
    said = refused({**IN, "velocity": {"over": ["time", "y"], "file": "inlet.csv"}}, tmp_path)
    assert "one line for each pair, 4" in said


@pytest.mark.parametrize("call, words", [
    (lambda: Inflow(velocity=[0.0, 1.0]), ["velocity", "three"]),
    (lambda: Inflow(stream=[300.0, 1.0]), ["stream", "float64 tensor"]),
    (lambda: Wall(pressure="open"), ["pressure", '"neumann"']),
    (lambda: Parts(1, [(0.0, 1.0)], []), ["Parts: ranges"]),
    (lambda: Table(("w",), [[0.0, 1.0]], TWO), ["'w'", "x, y, z, r and time"]),
    (lambda: Table(("y",), [[0.0]], TWO), ["at", "two or more"]),
    (lambda: built({"x_mid": Inflow()}), ["x_mid", "y_low, y_high, x_low, x_high"]),
    (lambda: built({"x_low": Outflow()}), ["x_low", "Outflow", "Inflow"]),
    (lambda: built({"x_low": Inflow(stream=TWO)}), ["Inflow: stream", "2 entries"]),
    (lambda: built({"x_low": Parts(2, [(0.0, 1e-3)], [Inflow()])}), ["Parts: over = 2", "allowed: y"]),
    (lambda: built(moving(lambda t, p: 1.0)), ["velocity[2]", "torch tensor, not float"]),
    (lambda: built(moving(lambda t, p: p[1].float())), ["velocity[2]", "float32"]),
    (lambda: built(moving(lambda t, p: p[1, :, :3])), ["velocity[2]", "does not broadcast"]),
    (lambda: built(moving(lambda t, p: p[1] / 0)), ["velocity[2]", "not finite"]),
    (lambda: built(moving(lambda t, p: p[3])), ["velocity[2]", "its function failed at t = 0 s: IndexError"]),
    (lambda: built({"x_low": Inflow(stream=lambda t, p: p)}), ["Inflow: stream", "does not broadcast"]),
    (lambda: built({"x_low": Inflow(velocity=[0.0, 0.0, -1.0])}), ["Inflow: velocity[2]", "-1 m/s", "low side of x"]),
    (lambda: built(moving(lambda t, p: 0 * p[1] - 2)), ["velocity[2]", "-2 m/s", "outwards", "at t = 0 s"]),
    (lambda: built({"x_low": Inflow(stream=gas(T=-300.0))}), ["Inflow: stream", "T = -300 K"]),
    (lambda: built({"x_low": Inflow(stream=gas(Y=2.0))}), ["Inflow: stream", "sum to 2", "must be 1"]),
    (lambda: built({"x_low": Inflow(scalars=gas(Y=0.5))}), ["Inflow: scalars", "sum to 0.5"]),
    (lambda: built({"x_low": Inflow(stream=negative())}), ["Inflow: stream", "mass fraction is -0.5"]),
    (lambda: built({"x_low": Inflow(stream=lambda t, p: gas(T=0.0).reshape(-1, 1, 1, 1))}), ["stream", "T = 0 K"]),
    (lambda: ConvectiveOutflow(convection=0.0), ["ConvectiveOutflow: convection = 0", "above 0"]),
    (lambda: ConvectiveOutflow(convection=float("nan")), ["ConvectiveOutflow: convection = nan"]),
    (lambda: fitting(x=(ConvectiveOutflow(), Outflow())),
     ["boundary.x_low: a convective outflow beside x_high", "give convection"]),
    (lambda: built({"x_low": Wall(heat="warm")}), ["Wall: heat", "number or a function"]),
])  # fmt: skip
def test_wrong_calls_name_their_argument(call, words):
    with pytest.raises(ConfigError) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def gas(T=300.0, Y=1.0):
    """T and Y of h2o2.yaml, all nitrogen."""
    return torch.tensor([T] + 9 * [0.0] + [Y], dtype=torch.float64)


def negative():
    return torch.tensor([300.0, -0.5] + 8 * [0.0] + [1.5], dtype=torch.float64)


def moving(function):
    return {"x_low": Inflow(velocity=[0.0, 0.0, function])}


def built(conditions):
    return case.Builder(convert(raw_of(IN), "case.toml"), Communicator(), conditions=conditions).flow()


def fitting(x):
    """A problem that Python gives its sides in x."""
    scheme = built({}).scheme
    require_fitting(scheme.grid, replace(scheme.problem, boundaries=(*scheme.problem.boundaries[:2], x)))


TWO = torch.tensor([300.0, 1.0], dtype=torch.float64)


def test_a_side_without_velocity_is_told():
    """Inflows of the number 0, on a side or a part; not tables that begin there."""
    flow = case.Builder(convert(raw_of({**IN, "velocity": 0.0}), "case.toml"), Communicator()).flow()
    assert "boundary.x_low.velocity = 0: no gas enters" in flow.concerns()["no inflow boundary.x_low"]
    parts = [part(0.0, 5e-4, kind="inflow", velocity=0.0), part(5e-4, 1e-3)]
    found = case.Builder(convert(raw_of(parts), "case.toml"), Communicator()).flow().concerns()
    assert [name for name in found if name.startswith("no inflow")] == ["no inflow boundary.x_low[0]"]
    later = {**IN, "velocity": {"over": "time", "at": [0.0, 1.0], "values": [0.0, 1.0]}}
    assert not case.Builder(convert(raw_of(later), "case.toml"), Communicator()).flow().concerns()


# --- planes of an earlier run -----------------------------------------------------------------------------------------


def plane_file(folder, times=(0.0, 1e-3), **changes):
    """A plane normal to x of 4 cells in y with u, v, T and Y."""
    y = (np.arange(4) + 0.5) * 2.5e-4
    where = {"x": np.array([0.0]), "y": y, "z": np.array([0.5]), **changes.pop("where", {})}
    one = np.ones((1, len(where["y"]), len(where["x"])))
    only = changes.pop("only", None)
    fields = {"u": 2 * one, "v": 0 * one, "T": 300 * one, "Y_N2": one, **changes}
    fields = {name: f for name, f in fields.items() if only is None or name in only}
    path = folder / "plane.npy"
    rows = [planes.record(i, t, where, {k: v * one for k, v in fields.items()}) for i, t in enumerate(times)]
    planes.begin(path, planes.record_type(where, list(fields)))
    for row in rows:
        planes.append(path, row)
    return path


FROM = {"kind": "inflow", **{k: {"file": "plane.npy"} for k in ("velocity", "temperature", "composition")}}


@pytest.mark.parametrize("changes, entry, words", [
    ({"u": np.nan}, FROM, ["boundary.x_low.composition.file", "u holds numbers that are not finite"]),
    ({"u": -1.0}, FROM, ["boundary.x_low.velocity.file", "moves outwards", "-1 m/s along x"]),
    ({"only": ("u", "T")}, FROM, ["boundary.x_low.composition.file", "has none of these fields; it has u, T"]),
    ({"times": ()}, FROM, ["boundary.x_low.composition.file", "holds no plane yet"]),
    ({"Y_N2": 0.5}, FROM, ["boundary.x_low.composition.file", "miss 1 by 0.5"]),
    ({"Y_XX": 0.0}, FROM, ["boundary.x_low.composition.file", "Y_XX is no species"]),
    ({"where": {"y": np.array([1e-4, 2e-4])}}, FROM, ["boundary.x_low.composition.file", "must cover it"]),
    ({"where": {"x": np.array([0.0, 1.0]), "y": np.array([0.0])}}, FROM, ["normal to y, the side is normal to x"]),
    ({}, {**FROM, "velocity": {"file": "plane.npy", "column": "U"}}, ["has no field 'U'", "u, v, T, Y_N2"]),
    ({}, {**FROM, "velocity": {"file": "plane.npy", "over": "y"}}, ["velocity", "omit over"]),
    ({}, {**FROM, "velocity": {"file": "other.npy"}}, ["boundary.x_low.velocity.file", "other.npy", "no such file"]),
])  # fmt: skip
def test_bad_planes_are_named(tmp_path, changes, entry, words):
    plane_file(tmp_path, **changes)
    said = refused(entry, tmp_path)
    assert all(word in said for word in words), said


def test_a_damaged_plane_is_named(tmp_path):
    path = plane_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert "truncated" in refused(FROM, tmp_path)
    changed = bytearray(whole)
    changed[-10] ^= 1
    path.write_bytes(bytes(changed))
    config = complete(convert(raw_of(FROM), "case.toml"), tmp_path / "case.toml")
    with pytest.raises(CombustError, match="checksum of record 1"):
        case.Builder(config, Communicator()).flow().advance(1e-4)
    path.write_text("no plane")
    assert "no file of planes" in refused(FROM, tmp_path)
