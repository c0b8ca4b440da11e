"""What a box of molecules is and how it moves, and the record that a run leaves of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from combust.settings.base import Count, NotNegative, Positive, Settings, Text, doc

Kelvin = Annotated[float, Meta(ge=10, le=10000)]
AVOGADRO = 6.02214076e26  # 1/kmol


class Dynamics(Settings, frozen=True):
    """Molecules in a periodic cube at constant volume and temperature (Nose-Hoover)."""

    molecules: Annotated[dict[str, Count], doc("how many of each molecule")]
    T: Annotated[Kelvin, doc("temperature", "K")]
    density: Annotated[Positive, doc("mass density", "kg/m3")]
    time: Annotated[Positive, doc("length of the trajectory", "s")]
    seed: Annotated[int, Meta(ge=1, le=2**31 - 1), doc("of places, rotations and velocities")] = 1
    step: Annotated[Positive, doc("time step", "s")] = 0.2e-15
    every: Annotated[Positive, doc("between two frames of the trajectory", "s")] = 5e-15
    settle: Annotated[NotNegative, doc("before the first frame, for the thermostat", "s")] = 0.2e-12
    segment: Annotated[Positive, doc("of the pieces that a killed run loses at most one of", "s")] = 1e-12
    damping: Annotated[Positive, doc("time constant of the thermostat", "s")] = 25e-15
    potential: Annotated[Text, doc("ReaxFF file, or a DeePMD model (.pb, .pth, .pt2, .savedmodel)")] = "ffield.reax.cho"

    def __post_init__(self) -> None:
        if not self.molecules:
            raise ValueError("molecules: name at least one")
        if self.every < self.step or self.segment < self.every:
            raise ValueError("step <= every <= segment must hold")

    @property
    def steps_every(self) -> int:
        """Steps between two frames."""
        return max(1, round(self.every / self.step))

    @property
    def steps_segment(self) -> int:
        """Steps of a segment, a multiple of those between two frames."""
        return self.steps_every * max(1, round(self.segment / self.step / self.steps_every))

    @property
    def segments(self) -> int:
        """How many segments the trajectory has; the last one is as long as the others."""
        return max(1, -int(-self.time / self.step * (1 - 1e-9) // self.steps_segment))

    @property
    def deep(self) -> bool:
        """Whether the potential is a DeePMD model."""
        return self.potential.endswith((".pb", ".pth", ".pt2", ".savedmodel"))


class Segment(Settings, frozen=True):
    """A piece of the trajectory that is whole: its file, its digest, and that of the state at its end."""

    file: str
    sha256: str
    restart: str


class Record(Settings, frozen=True):
    """`md.json` of a folder: what the trajectory in it is, enough to read it without a word from the user."""

    settings: Dynamics
    elements: Annotated[tuple[str, ...], doc("of the types 1, 2, ... of LAMMPS")]
    volume: Annotated[Positive, doc("of the box", "m3")]
    potential_sha256: str
    lammps: Annotated[str, doc("its version, as it says it")]
    segments: tuple[Segment, ...] = ()
    combust: str = ""
