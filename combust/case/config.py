"""The whole of a case file: its tables, each with the kinds that its package lists."""

from __future__ import annotations

from typing import Annotated, Literal

from combust.case.gas import Gas
from combust.case.running import Numerics, Output, Stop
from combust.cfd.boundaries.settings import Boundary
from combust.cfd.closures.settings import NoTurbulence, Turbulence
from combust.cfd.initial.settings import Initial
from combust.cfd.mesh.settings import Mesh
from combust.kinetics.providers.settings import CvodeChemistry, DirectChemistry, NoChemistry
from combust.settings.base import Settings, doc
from combust.surrogates.provider.settings import LearnedChemistry

Chemistry = DirectChemistry | LearnedChemistry | CvodeChemistry | NoChemistry
CHEMISTRIES = (DirectChemistry, LearnedChemistry, CvodeChemistry, NoChemistry)


class Config(Settings, frozen=True, kw_only=True):
    """A case: physics, numerics, running."""

    title: Annotated[str, doc("one line about the case")] = ""
    device: Annotated[Literal["auto", "cpu", "cuda"], doc("where fields live; auto: a GPU if there is one")] = "auto"
    mesh: Annotated[Mesh, doc("grid")]
    gas: Annotated[Gas, doc("gas")]
    chemistry: Annotated[Chemistry, doc("reactions")] = DirectChemistry()
    turbulence: Annotated[Turbulence, doc("closure")] = NoTurbulence()
    initial: Annotated[Initial, doc("initial fields")]
    boundary: Annotated[Boundary, doc("sides of the domain")]
    numerics: Annotated[Numerics, doc("numerical methods")] = Numerics()
    stop: Annotated[Stop, doc("end of the run")]
    output: Annotated[Output, doc("files")] = Output()
