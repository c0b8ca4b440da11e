"""The file of factors that `combust uncertainty` takes: what each rate constant may be off by."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from combust.settings.base import Positive, Settings, Temperature, Text, doc

SIGMAS = 2.0  # standard deviations that a factor stands for unless a file says otherwise: 95 % of a normal ln k
Stated = Literal["factor", "log10", "ln"]


class AtTemperatures(Settings, frozen=True):
    """A factor that changes with temperature."""

    T: Annotated[tuple[Temperature, ...], Meta(min_length=1), doc("temperatures", "K")]
    f: Annotated[tuple[float, ...], Meta(min_length=1), doc("factors there, as many")]
    source: Annotated[str, doc("where they are from")] = ""

    def __post_init__(self) -> None:
        if len(self.T) != len(self.f):
            raise ValueError(f"T has {len(self.T)} entries and f {len(self.f)}: give one factor for each temperature")
        if len(set(self.T)) < len(self.T):
            raise ValueError("T names a temperature twice")


class Together(Settings, frozen=True):
    """Reactions whose rate constants are off together, by the same factor: one rate with several colliders."""

    equations: Annotated[tuple[Text, ...], Meta(min_length=1), doc("of the reactions")]
    factor: Annotated[float | AtTemperatures, doc("of all of them")]
    source: Annotated[str, doc("where it is from")] = ""


class FactorFile(Settings, frozen=True):
    """Factors of rate constants: k lies between k/f and k f."""

    name: Annotated[str, doc("of the set in tables and pictures; the file's if omitted")] = ""
    source: Annotated[str, doc("where the factors are from, unless an entry says otherwise")] = ""
    sigmas: Annotated[Positive, doc("standard deviations of ln k that a factor stands for")] = SIGMAS
    stated: Annotated[Stated, doc("what the numbers are: f itself, log10 f or ln f")] = "factor"
    default: Annotated[float | None, doc("of all other reactions; they are exact if omitted")] = None
    factors: Annotated[dict[str, Any], doc("by equation: a number, or { T = [...], f = [...] }")] = {}
    together: Annotated[tuple[Together, ...], doc("reactions that share one error")] = ()

    def __post_init__(self) -> None:
        if not self.factors and not self.together and self.default is None:
            raise ValueError("states no factor: give factors, together or default")
