"""Collects what a study finds: prints it, and writes docs/validation/<name>.md and what lies beside it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from combust.interrupts import stoppable

ROOT = Path(__file__).resolve().parents[1]
Run = TypeVar("Run")


class UnknownRun(ValueError):
    """A name after --only that no run of the study has."""


def chosen(names: Iterable[str], only: Sequence[str]) -> list[str]:
    """Names that begin like one of `only`; all if there is none. Raises UnknownRun where one of `only` fits none."""
    names = list(names)
    if odd := [prefix for prefix in only if not any(name.startswith(prefix) for name in names)]:
        raise UnknownRun(f"--only {', '.join(odd)}: no run of that name; known: {', '.join(names)}")
    return [name for name in names if not only or name.startswith(tuple(only))]


class Report:
    """Markdown of one study, made of paragraphs, tables and targets in the order they come.

    All that a study writes lies in `root`: its page, its pictures and what it keeps in docs, its runs in runs.
    """

    def __init__(self, name: str, title: str, root: Path = ROOT):
        self.name, self.title, self.root = name, title, root
        self.parts: list[str] = []
        self.targets: list[tuple[str, str, str, str]] = []
        self.start = time.perf_counter()

    @property
    def page(self) -> Path:
        """Where the page is written."""
        return self.root / "docs" / "validation" / f"{self.name}.md"

    @property
    def pictures(self) -> Path:
        """Folder of the pictures that pages show."""
        return self.root / "docs" / "pictures"

    @property
    def runs(self) -> Path:
        """Folder of the runs of this study."""
        return self.root / "runs" / self.name

    def kept(self) -> dict[str, Any]:
        """What earlier runs of a study left beside its page, by name: runs can then be repeated one by one."""
        path = self.page.with_suffix(".json")
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def keep(self, found: dict[str, Any], names: Iterable[str]) -> None:
        """Leaves what has been found in the order of `names`, so that a repeated run changes its own lines only."""
        ordered = {name: found[name] for name in names if name in found}
        path = self.page.with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")

    def measured(
        self, runs: Mapping[str, Run], only: Sequence[str], measure: Callable[[Run], dict[str, Any]]
    ) -> dict[str, Any]:
        """What each run gave, by name: those chosen by `only` are made now and kept, the others are those kept.

        measure : what a run gives, with its `steps` and `cpu` [s]. Raises UnknownRun.
        """
        found = self.kept()
        for name in chosen(runs, only):
            found[name] = measure(runs[name])
            self.keep(found, runs)
            self.progress(f"{name}: {found[name]['steps']} steps, {found[name]['cpu']:.0f} s")
        return found

    def resumed(
        self, names: Iterable[str], only: Sequence[str], make: Callable[[str], Any], told: Callable[[Any], str]
    ) -> dict[str, Any]:
        """The same of long runs: made are those that are not kept yet, or those that `only` names, until a signal stops
        it; the same command goes on. told : what is said of a run on the terminal.
        """
        found, names = self.kept(), list(names)
        with contextlib.suppress(KeyboardInterrupt), stoppable():
            for name in chosen(names, only):
                if only or name not in found:
                    found[name] = make(name)
                    self.keep(found, names)
                    self.progress(f"{name}: {told(found[name])}")
        return found

    @property
    def missed(self) -> list[str]:
        """What missed its target."""
        return [what for what, _, _, verdict in self.targets if verdict != "met"]

    def progress(self, line: str) -> None:
        """A line on the terminal only, with the seconds since the start."""
        print(f"{self.name} [{time.perf_counter() - self.start:6.0f} s] {line}", flush=True)

    def text(self, paragraph: str) -> None:
        """A paragraph of Markdown."""
        self.parts.append(" ".join(paragraph.split()))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A Markdown table; values are written as they print, so format numbers first."""
        text = table(columns, rows)
        self.parts.append(text)
        print(text, flush=True)

    def target(self, what: str, value: float, limit: float, unit: str = "", *, at_least: bool = False) -> None:
        """A measured value that should stay within `limit` (or reach it), for the table of targets at the end."""
        met = value >= limit if at_least else abs(value) <= limit
        sign = ">=" if at_least else "<="
        row = (what, f"{value:.3g}{unit}", f"{sign} {limit:g}{unit}", "met" if met else "**missed**")
        self.targets.append(row)
        self.progress(" | ".join(row))

    def markdown(self) -> str:
        """The whole page; nothing in it depends on the date or the machine, but for round-off."""
        parts = [f"# {self.title}", f"Made by `python -m validation {self.name}`.", *self.parts]
        if self.targets:
            parts += ["## Targets", table(("what", "measured", "target", ""), self.targets)]
        return "\n\n".join(parts) + "\n"

    def write(self) -> Path:
        """Writes the page; returns its path."""
        self.page.parent.mkdir(parents=True, exist_ok=True)
        self.page.write_text(self.markdown(), encoding="utf-8")
        return self.page


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def percent(value: float, digits: int = 2) -> str:
    """A ratio as a signed percentage."""
    return f"{100 * value:+.{digits}f} %"
