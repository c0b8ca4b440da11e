"""combust: a multiscale combustion framework, from rate constants to flames."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"


def results(folder: Any) -> Any:
    """What the run in an output folder has written, as arrays of NumPy: `combust.io.results.Results`.

    Raises FileFormatError for what is no output folder.
    """
    return importlib.import_module("combust.io.results").results(folder)
