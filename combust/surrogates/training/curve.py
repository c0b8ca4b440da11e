"""The loss curve of a training: losses.csv, written as it goes on, losses.png at its end, TensorBoard if asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from combust.atomic import replace_bytes
from combust.surrogates.training.state import State


class Curve:
    """losses.csv holds every epoch of the state after each call; a resumed training leaves no line twice."""

    def __init__(self, folder: Path, terms: Sequence[str], board: Any = None) -> None:
        """terms: names of those that have a weight; board: a SummaryWriter, or None."""
        self.path, self.board = folder / "losses.csv", board
        checked = [f"validation_{name}" for name in terms]
        self.columns = ["network", "epoch", "rows", "rate", "loss", *terms, "validation", *checked, "seconds"]
        self.written = 0

    def __call__(self, state: State) -> None:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([f"{value:.8g}" for value in line] for line in state.history)
        replace_bytes(self.path, text.getvalue().encode())
        for line in state.history[self.written :] if self.board is not None else ():
            for name, value in zip(self.columns[2:], line[2:], strict=True):
                self.board.add_scalar(f"network {line[0]:.0f}/{name}", value, int(line[1]))
        self.written = len(state.history)

    def draw(self, state: State) -> Path | None:
        """losses.png; None without matplotlib."""
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            return None
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for member in sorted({line[0] for line in state.history}):
            lines = [dict(zip(self.columns, line, strict=True)) for line in state.history if line[0] == member]
            epochs = [line["epoch"] for line in lines]
            name = f", network {member:.0f}" if state.member > 1 else ""
            colour = f"C{int(member)}"
            axes.semilogy(epochs, [line["loss"] for line in lines], colour, label=f"training{name}")
            axes.semilogy(epochs, [line["validation"] for line in lines], colour, ls="--", label=f"validation{name}")
        axes.set(xlabel="epoch", ylabel="loss")
        axes.grid(which="both", alpha=0.3)
        axes.legend()
        path = self.path.with_suffix(".png")
        figure.savefig(path, dpi=120)
        return path


def board(folder: Path) -> tuple[Any, str]:
    """A writer for TensorBoard, and nothing; or None, and why there is none."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        return None, f"--tensorboard: not there ({error}); losses.csv has the same numbers"
    return SummaryWriter(str(folder / "tensorboard")), ""
