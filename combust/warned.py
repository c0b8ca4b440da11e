"""Warnings of the libraries underneath, in combust's words: each kind once, in one line and without a source line."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# What a message of Cantera, NumPy, torch or matplotlib is called here; "" for one that means nothing to a user.
WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"[Tt]emperature \((?P<T>[\d.]+) ?K\) outside valid range of (?P<low>\S+) K to (?P<high>\S+) K"),
        "a temperature of {T} K lies beyond the thermodynamic data ({low} to {high} K), which Cantera continues there",
    ),
    (re.compile("suspicious MPI execution environment"), ""),  # an error where it matters (combust.parallel.world)
)
NUMBER = re.compile(r"[-+]?\d[\d.]*(e[-+]?\d+)?")


def words(message: str) -> str:
    """The warning as combust says it, in one line; empty for one that is not said."""
    for pattern, text in WORDS:
        if found := pattern.search(message):
            return text.format(**{k: f"{float(v):.0f}" for k, v in found.groupdict().items()})
    return " ".join(message.split())


class Said:
    """Says each kind of warning once: those that differ by their numbers only are of one kind."""

    def __init__(self, say: Callable[[str], Any] | None = None) -> None:
        """say: takes the words; standard error if None."""
        self._say, self._kinds = say, set[str]()

    def __call__(self, message: Warning | str, *place: Any, **more: Any) -> None:
        """As warnings.showwarning is called."""
        text = words(str(message))
        kind = NUMBER.sub("#", text)
        if text and kind not in self._kinds:
            self._kinds.add(kind)
            if self._say is not None:
                self._say(text)
            else:
                bar = "\r\x1b[K" if sys.stderr.isatty() else ""  # what stands there is drawn again
                print(f"{bar}warning: {text}", file=sys.stderr, flush=True)


@contextmanager
def in_words(say: Callable[[str], Any] | None = None) -> Iterator[None]:
    """Warnings within the block are said by `Said`. Those that Python ignores (of deprecation) stay ignored."""
    with warnings.catch_warnings():
        warnings.showwarning = Said(say)
        yield


@contextmanager
def noted() -> Iterator[list[str]]:
    """Warnings within the block as a list of messages, for a process that speaks for this one (`pass_on`)."""
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.showwarning = Said(found.append)
        yield found


def pass_on(messages: list[str]) -> None:
    """Warns of what was noted in another process."""
    for message in messages:
        warnings.warn(message, stacklevel=2)
