"""Pictures in one style. matplotlib is loaded only here, at the first picture, and needs no display."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from combust.errors import DependencyError, OutputError

PICTURES = (".png", ".pdf", ".svg")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.useoffset": False,
}

ALIKE = 1.001  # ratio of values that are one on a logarithmic axis


@contextmanager
def drawing(path: Path, size: tuple[float, float] | None = None) -> Iterator[Any]:
    """A matplotlib figure of `size` [inches] to draw on; saved to `path` at the end of the block.

    Raises DependencyError without matplotlib.
    """
    try:
        warnings.filterwarnings("ignore", message="Unable to import Axes3D")  # a second matplotlib of the system
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError(f"plots need matplotlib: pip install matplotlib ({error})") from error
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, layout="constrained" if size else None)
        FigureCanvasAgg(figure)
        yield figure
        widen_logarithmic(figure)
        figure.savefig(path, dpi=160)


def widen_logarithmic(figure: Any) -> None:
    """Gives logarithmic axes of nearly equal values a range: matplotlib divides by the last digit they differ in."""
    for axes in figure.axes:
        for name in "xy":
            low, high = getattr(axes.dataLim, f"interval{name}")
            if getattr(axes, f"get_{name}scale")() == "log" and 0 < low <= high < low * ALIKE:
                getattr(axes, f"set_{name}lim")(low / 2, high * 2)


def picture(path: Path, draw: Callable[[], None], more: str = "") -> None:
    """Draws the last result of a command and says where it is; without matplotlib, a warning: the table is there.

    Raises OutputError where it cannot be written.
    """
    try:
        draw()
    except DependencyError as error:
        print(f"warning: no picture: {error}", file=sys.stderr)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    else:
        print(f"picture: {path}{more}")
