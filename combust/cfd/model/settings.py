"""Tables of a case file about a flow's equations: base of the kinds of `model`, and `numerics`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from combust.cfd.operators.names import ABOUT_MOMENTUM, ABOUT_ORDER, Momentum, Order
from combust.cfd.operators.reconstruction import ABOUT
from combust.cfd.operators.reconstruction import Name as Reconstruction
from combust.cfd.pressure.settings import PressureSolver
from combust.settings.base import Positive, Settings, doc


class ModelSettings(Settings, frozen=True):
    """Base of the kinds of `model`, each with `build(case) -> flow`: combust.cfd.model.case and combust.cfd.model.flow.

    NUMERICS : keys of the table `numerics` that the model takes, beside those of the time loop; others are refused
    """

    NUMERICS: ClassVar[tuple[str, ...]] = ()


class Numerics(Settings, frozen=True):
    """How the equations are solved."""

    coupling: Annotated[Literal["sdc", "strang"], doc("sdc: chemistry sees transport as a source; strang: split")] = (
        "sdc"
    )
    sweeps: Annotated[Literal[1, 2], doc("passes over each step")] = 2
    cfl: Annotated[Annotated[float, Meta(gt=0, le=2)], doc("limit on velocity x dt / cell width")] = 0.5
    dt: Annotated[
        Positive | None, doc("fixed time step, whatever dt_max says, from the first one on; adaptive if omitted", "s")
    ] = None
    dt_max: Annotated[Positive | None, doc("largest time step", "s")] = None
    dt_first: Annotated[
        Positive | None,
        doc("largest first time step, for a start far from a balance; others grow from it; not beside dt", "s"),
    ] = None
    growth: Annotated[Annotated[float, Meta(gt=1)], doc("largest ratio of a time step to the one before")] = 1.1
    reconstruction: Annotated[Reconstruction, doc(ABOUT)] = "van-leer"
    momentum: Annotated[Momentum, doc(ABOUT_MOMENTUM)] = "central"
    order: Annotated[Order, doc(ABOUT_ORDER)] = 2
    pressure: Annotated[PressureSolver, doc("pressure equation")] = PressureSolver()
    compile: Annotated[
        Literal["auto", "on", "off"],
        doc("compiled kernels; auto: if the run is long enough, after first steps with eager ones; on: from the start"),
    ] = "auto"
    eager_steps: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        doc(
            "with compile = auto: first steps with eager kernels, while compiled ones are made beside; by the work of "
            "a step if omitted. Another number changes last digits"
        ),
    ] = None


# Keys of `numerics` that every model takes.
LOOP = ("cfl", "dt", "dt_max", "dt_first", "growth", "compile", "eager_steps")
