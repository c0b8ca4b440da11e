"""What may go to a terminal: text of files is shown, never obeyed.

A title, a name of a species or the message of another library may hold escape sequences that move the cursor, change
colours, rename the window, or turn the direction of writing; these are shown as `\\x1b`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

# Control characters but for line feed and tab; marks that turn the direction of writing; halves of surrogate pairs.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
BAR = re.compile(r"(\r|\x1b\[K)")  # what the progress bars of combust consist of


def printable(text: str) -> str:
    """`text` with what a terminal would obey written as escapes such as `\\x1b`; all else stays as it is."""
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


class Printable:
    """A text stream that shows what it is given; what cannot be encoded is written as an escape, too."""

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        """bars: carriage returns and "erase to the end of the line" pass, for progress bars."""
        self._stream, self._bars = stream, bars

    def write(self, text: str) -> int:
        parts = BAR.split(text) if self._bars else [text]
        shown = "".join(part if i % 2 else printable(part) for i, part in enumerate(parts))
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def shown() -> Iterator[None]:
    """Standard output and error show what they are given until the end of the block."""
    out, err = Printable(sys.stdout), Printable(sys.stderr, bars=True)
    with redirect_stdout(out), redirect_stderr(err):  # type: ignore[type-var]
        yield
