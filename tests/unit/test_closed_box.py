"""A closed box in three dimensions, under gravity: its pressure follows the heat that walls let in."""

import pytest

from validation.two_gases import WALL, inert, steps


def test_pressure_of_a_closed_box_follows_the_heat_from_its_wall():
    """Of constant heat capacity, gamma = 7/5: V (p0 - p0(0)) = (gamma - 1) Q, where Q conducts in through the floor."""
    floor = {"kind": "wall", "temperature": 360.0}
    flow = inert({"cells": (6, 5, 7), "lower": (0, 0, 0), "upper": (0.01, 0.01, 0.01)},
                 {"x": WALL, "y_low": floor, "y_high": WALL, "z": WALL}, gravity=(0.0, -9.81, 0.0), viscosity=2e-3,
                 numerics={"reconstruction": "weno5", "momentum": "conserving"})  # fmt: skip
    before = flow.quantity("p0")
    steps(flow, 10, 0.002)
    heat = -float(flow.current.heat_out.sum())
    assert flow.quantity("p0") > 1.04 * before
    assert flow.quantity("p0") - before == pytest.approx(0.4 * heat / 1e-6, rel=3e-4)
    assert flow.quantity("speed_max") > 1e-3  # it rises from the floor
    assert abs(flow.quantity("mass_error")) < 1e-13 and abs(flow.quantity("enthalpy_error")) < 1e-13
