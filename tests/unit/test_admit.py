"""Kinds of a script's own in each table that takes them: a case names them, is built of them, and makes a step."""

from typing import Annotated

import numpy as np
import pytest
import torch

from combust.case import config
from combust.case.load import convert
from combust.cfd.closures.base import EddyFields
from combust.cfd.initial.settings import UniformInitial
from combust.cfd.mesh.settings import UniformMesh
from combust.kinetics.providers.settings import NoChemistry
from combust.parallel import Communicator
from combust.run.build import build
from combust.settings.base import Positive, Settings, doc
from validation.two_gases import CASES, MIRROR, PERIODIC


class Even:
    """The same eddies everywhere."""

    def __init__(self, viscosity):
        self.viscosity = viscosity

    def update(self, view):
        nu = torch.full(view.grid.layout.n, self.viscosity, dtype=torch.float64)
        return EddyFields(nu, nu, nu)


class EvenEddies(Settings, frozen=True, tag_field="kind", tag="even"):
    """One eddy viscosity."""

    viscosity: Annotated[Positive, doc("of the eddies", "m2/s")] = 1e-3

    def build(self):
        return Even(self.viscosity)


class Squares(UniformMesh, frozen=True, tag_field="kind", tag="squares"):
    """A uniform mesh under a name of its own."""


class Inert(NoChemistry, frozen=True, tag_field="kind", tag="inert"):
    """No reactions under a name of their own."""


class Hot(UniformInitial, frozen=True, tag_field="kind", tag="hot"):
    """A uniform gas, twice as hot as it says."""

    def fields(self, case):
        q, u = super().fields(case)
        q[0] *= 2
        return q, u


KINDS = {"turbulence": EvenEddies, "mesh": Squares, "chemistry": Inert, "initial": Hot}


def raw(**kinds):
    """A box of two inert gases, with these kinds in the place of its own."""
    tables = {
        "mesh": {"kind": "uniform", "cells": (6, 5), "lower": (0, 0), "upper": (0.1, 0.1)},
        "gas": {
            "mechanism": str(CASES / "mms_gas.yaml"),
            "pressure": 1.013e7,
            "transport": {"kind": "constant", "viscosity": 2e-5, "prandtl": 0.7, "schmidt": 0.7},
        },
        "chemistry": {"kind": "none"},
        "turbulence": {"kind": "none"},
        "initial": {"kind": "uniform", "temperature": 300.0, "composition": "HEAVY:1"},
        "boundary": {"x": PERIODIC, "y": MIRROR},
        "numerics": {"compile": "off"},
        "stop": {"steps": 1},
    }
    for name, kind in kinds.items():
        tables[name] = {**tables[name], "kind": kind}
    return tables


@pytest.mark.parametrize("table", KINDS)
def test_a_kind_of_ones_own_makes_a_step(table, monkeypatch):
    monkeypatch.setattr(config, "_whole", config.Config)
    kind = KINDS[table]
    config.admit(table, kind)
    flow = build(convert(raw(**{table: kind.__struct_config__.tag}), "mine"), Communicator())
    flow.advance(1e-3)
    np.testing.assert_allclose(flow.field("T"), 600.0 if table == "initial" else 300.0, rtol=1e-12)
    if table == "turbulence":
        assert np.all(flow.field("nu_t") == 1e-3)
