"""Interactions of turbulence and chemistry where there is no chemistry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from combust.kinetics.providers.frozen import Frozen

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow


def concerns(flow: ReactingFlow) -> dict[str, str]:
    """name -> sentence of an interaction that has no reactions to act on."""
    problem = flow.scheme.problem
    if problem.interaction is None or not problem.interaction.reacts or not isinstance(flow.scheme.plain, Frozen):
        return {}
    kind = problem.name("interaction").removeprefix("combustion.")
    return {
        "no reactions": f'combustion: {kind} acts on reactions, and chemistry.kind = "none" has none: leave out the '
        "table combustion, or use another chemistry"
    }
