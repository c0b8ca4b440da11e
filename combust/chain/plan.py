"""What a call of a chain would do, stage by stage, and why: from the manifests alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from combust.chain import manifest as manifests
from combust.chain.digests import Digests
from combust.chain.folder import StageFolder
from combust.chain.manifest import Manifest, Wanted
from combust.chain.stage import Stage
from combust.errors import ConfigError, FileFormatError


@dataclass(frozen=True)
class Planned:
    """A stage and what is to be done: nothing where there are no reasons.

    before : the manifest of what stands there, stale or not;  wanted : None where a stage before it is to be made first
    """

    stage: Stage
    before: Manifest | None
    wanted: Wanted | None
    reasons: tuple[str, ...]

    @property
    def fresh(self) -> bool:
        """Up to date, as far as can be seen."""
        return not self.reasons

    @property
    def seconds(self) -> float | None:
        """CPU time that it took last, or is expected to take; None if nobody knows."""
        return self.before.cpu_seconds if self.before is not None else self.stage.seconds

    def words(self) -> str:
        """Why it runs, or that it does not."""
        return "up to date" if self.fresh else "; ".join(self.reasons)


def plan(
    stages: Sequence[Stage], out: Path, digests: Digests, again: Collection[str] = (), force: bool = False
) -> tuple[Planned, ...]:
    """All stages in order. again : stages that are made anew whatever their manifests say; force : whatever is refused

    Raises ConfigError with all that is edited, foreign, half or missing, by name, unless `force`; nothing is changed.
    """
    made: dict[str, Manifest] = {}
    found: list[Planned] = []
    refused: list[str] = []
    for stage in stages:
        before, wrong = standing(StageFolder(out, stage.name), digests)
        refused += [] if force else wrong
        stale = [one.stage.name for one in found if not one.fresh and one.stage.name in stage.after]
        wanted = None if stale else manifests.wanted(stage, digests, made)
        reasons = tuple(why(stage, before, wanted, stale, wrong, stage.name in again))
        found.append(Planned(stage, before, wanted, reasons))
        if not reasons and before is not None:
            made[stage.name] = before
    if refused:
        raise ConfigError(refusal(refused))
    return tuple(found)


def refusal(refused: Sequence[str]) -> str:
    """What is wrong, and what may be done."""
    return (
        "; ".join(refused) + ": what later stages would read is not what the chain made. Put it back, or move it away, "
        "or let --force make these stages again; nothing was changed"
    )


def standing(folder: StageFolder, digests: Digests) -> tuple[Manifest | None, list[str]]:
    """The manifest of a folder, and what is wrong with the folder."""
    try:
        found = folder.manifest()
    except FileFormatError as error:
        return None, [str(error)]
    return found, ([] if found is None else manifests.wounds(folder.path, found, digests))


def why(
    stage: Stage,
    before: Manifest | None,
    wanted: Wanted | None,
    stale: Sequence[str],
    wrong: Sequence[str],
    again: bool,
) -> list[str]:
    """Why a stage runs; empty if it need not."""
    if again:
        return ["asked for anew"]
    if wrong:
        return [*wrong]
    if before is None:
        return ["not made yet"]
    if wanted is None:
        return [f"after {' and '.join(stale)}, if what is read of that changes"]
    return manifests.differences(before, wanted, stage.settings)
