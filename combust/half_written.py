"""Machine code in torch's cache that a killed process left half written, which torch takes for whole."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
ENDS = re.compile(r"\.so\b")  # of names in the message of the loader
FILES = 8  # that one compilation may read


def without_them(compile: Callable[[], T]) -> T:
    """compile(), again without each file of machine code that cannot be loaded; raises what else it raises."""
    removed: set[Path] = set()
    while True:
        try:
            return compile()
        except Exception as error:
            path = named_in(error)
            if path is None or path in removed or len(removed) == FILES:
                raise
            logger.warning("%s is not whole, as a compilation was killed: it is made anew", path)
            path.unlink(missing_ok=True)
            removed.add(path)


def named_in(error: BaseException | None) -> Path | None:
    """The file of machine code that an error, or what it came from, says cannot be loaded; None where there is none."""
    while error is not None:
        of_loader = isinstance(error, OSError) or "ImportError" in f"{type(error).__name__} {error}"
        if of_loader and (path := _file_in(str(error))):
            return path
        error = error.__cause__ or error.__context__
    return None


def _file_in(text: str) -> Path | None:
    """The first file of machine code that a text names, with blanks or without."""
    for end in (found.end() for found in ENDS.finditer(text)):
        for start in (i for i, sign in enumerate(text[:end]) if sign == "/"):
            if os.path.isfile(text[start:end]):
                return Path(text[start:end])
    return None
