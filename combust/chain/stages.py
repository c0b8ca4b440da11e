"""The stages of a chain, from its settings: which there are, in which order, and what each reads of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from combust.chain.links import constants, flows, kinetics, learning, levels, rates, report, rounds
from combust.chain.settings import Chain, Needs
from combust.chain.stage import Stage
from combust.errors import ConfigError

REPORT = "report"


def stages_of(settings: Chain, out: Path) -> tuple[Stage, ...]:
    """All stages in order. Raises ConfigError for names of flows, times or needs that cannot be."""
    found = [*constants.stages(settings, out), *kinetics.stages(settings, out), *learning.stages(settings, out)]
    found += rounds.stages(settings, out)
    found += [learning.card(settings, out), *flows.stages(settings, out)]
    found += rates.stages(settings, out)
    found.append(levels.stage(settings, out, tuple(found)))
    found.append(report.stage(settings, out, tuple(found)))
    names = [stage.name for stage in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"flows.{name}: is the name of another stage")
    for table in ("expected", "needs"):
        for name in getattr(settings, table):
            if name not in names:
                raise ConfigError(f"{table}.{name}: there is no such stage; there are {', '.join(names)}")
    return tuple(
        replace(stage, seconds=settings.expected.get(stage.name), needs=settings.needs.get(stage.name, Needs()))
        for stage in found
    )
