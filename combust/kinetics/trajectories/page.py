"""The page of a network: graph, rates with their bars, counts against the persistence time, tables."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from combust.errors import DependencyError
from combust.kinetics.trajectories.count import Read
from combust.kinetics.trajectories.events import History
from combust.kinetics.trajectories.molecules import Species
from combust.kinetics.trajectories.rates import Population
from combust.kinetics.trajectories.record import GAS_CONSTANT, NetworkRecord, ReactionFound
from combust.report.charts import drawing
from combust.report.pages import Block, Over, Picture, Section, Table, html
from combust.report.tables import writing

Names = Mapping[Species, str]
NODES, BARS, LINES = 12, 14, 8
UNITS = {1: (1.0, "1/s"), 2: (1e3, "cm3/mol/s"), 3: (1e6, "cm6/mol2/s")}


def write(path: Path, record: NetworkRecord, read: Sequence[Read], histories: Sequence[History], names: Names) -> None:
    """The page as one file. Without matplotlib it has no pictures. Raises OutputError."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            shown = pictures(Path(folder), record, read, histories, names)
        except DependencyError as error:
            shown = [Section("Pictures", [str(error)])]
        text = html("Reactions in molecular dynamics", [*head(record), *shown, *tables(record)])
    with writing(path) as file:
        file.write(text)


def head(record: NetworkRecord) -> list[Section]:
    """What was read, how it was counted, how far it is to be trusted."""
    counting, judged = record.counting, record.benchmark
    rows = [[t.name, f"{t.T:g}", f"{t.time * 1e12:.4g}", str(t.frames), f"{t.between * 1e15:.4g}", str(t.atoms),
             f"{t.volume * 1e27:.4g}", t.sha256[:12]] for t in record.trajectories]  # fmt: skip
    what = Table(("trajectory", "T [K]", "time [ps]", "frames", "apart [fs]", "atoms", "volume [nm3]", "SHA-256"), rows)
    how = (
        f"Bonds form at an order of {counting.on:g} and break below {counting.off:g} (by distance {counting.near:g} "
        f"and {counting.far:g} of the sum of covalent radii). States of a bond shorter than "
        f"{counting.persistence * 1e15:g} fs are left out; molecules shorter than {counting.passage * 1e15:g} fs are "
        f"passages{', as are ' + ', '.join(counting.complexes) if counting.complexes else ''}."
    )
    model = (
        f"Error of the forces: a factor {judged.factor:.3g}, "
        + (f"by {judged.equation} beside {judged.source}." if judged.equation else "as given.")
        if judged
        else "Error of the forces: unknown; no benchmark reaction was counted. Bars are those of counting alone."
    )
    return [Section("What was read", [what, how, model, *(f"Warning: {line}." for line in record.warnings)])]


def tables(record: NetworkRecord) -> list[Section]:
    """Rates, stability, species."""
    T = [f"{time * 1e15:g}" for time in record.counting.table]
    rates = [row for one in record.reactions if one.count for row in rate_rows(one)]
    bounds = [row for one in record.reactions if not one.count for row in rate_rows(one)]
    head_ = ("reaction", "T [K]", "events", "k", "95 % from", "to", "mechanism", "k / mechanism", "f counting",
             "f forces", "unit")  # fmt: skip
    laws = [[one.equation, f"{one.law.A * UNITS[len(one.reactants)][0]:.3g}", f"{one.law.E / GAS_CONSTANT:.4g}",
             f"{one.law.error_ER:.3g}", f"{one.law.T_low:g} to {one.law.T_high:g}"]
            for one in record.reactions if one.law is not None and len(one.reactants) in UNITS]  # fmt: skip
    law: Block = (
        Table(("reaction", "A", "E/R [K]", "1 sigma [K]", "T [K]"), laws) if laws
        else "None: a law wants events at four temperatures or more."
    )  # fmt: skip
    stable = [[one.equation, *map(str, one.by_persistence), "yes" if one.stable else Over("no")]
              for one in record.reactions if one.count]  # fmt: skip
    total = [["all events before contraction", *map(str, record.events), ""],
             ["led back to the same", *map(str, record.recrossed), ""]]  # fmt: skip
    kinds = [[s.name, s.graph, f"{s.mean:.3g}", s.mechanism or "-"] for s in record.species]
    return [
        Section("Rate constants", [Table(head_, rates), "k = N / X, X the integral of the reactants' concentrations; "
                                   "exact Poisson (Garwood) intervals."]),
        Section("Arrhenius laws", [law]),
        Section("Events against the persistence time [fs]", [Table(("", *T, "stable"), total + stable),
                "Stable: from the chosen time on, counts change by less than their square root."]),
        Section("Upper bounds of what did not happen", [Table(head_, bounds)]),
        Section("Molecules", [Table(("name", "graph", "mean number", "in the mechanism"), kinds, 2)]),
    ]  # fmt: skip


def rate_rows(one: ReactionFound) -> list[list[str]]:
    """A row for each temperature."""
    scale, unit = UNITS.get(len(one.reactants), (1.0, "SI"))
    found = []
    for i, r in enumerate(one.at):
        ratio = f"{r.k / r.mechanism:.3g}" if r.mechanism and r.count else ""
        found.append([
            one.equation if i == 0 else "", f"{r.T:g}", str(r.count), f"{r.k * scale:.3g}" if r.count else "",
            f"{r.low * scale:.3g}", f"{r.high * scale:.3g}", f"{r.mechanism * scale:.3g}" if r.mechanism else "", ratio,
            f"{one.counting:.3g}" if one.counting else "", f"{one.model:.3g}" if one.model else "", unit,
        ])  # fmt: skip
    return found


def pictures(
    folder: Path, record: NetworkRecord, read: Sequence[Read], histories: Sequence[History], names: Names
) -> list[Section]:
    """PNG files in `folder`."""
    graph, bars, counts, time = (folder / f"{name}.png" for name in ("graph", "bars", "counts", "time"))
    draw_graph(graph, histories, names)
    draw_bars(bars, record)
    draw_counts(counts, record)
    draw_time(time, record, read, histories, names)
    return [
        Section("Network", [Picture(graph, "which molecules atoms went to, and how often; the most frequent ones")]),
        Section("Pictures", [
            Picture(bars, "rate constants with 95 % intervals of counting; hollow: the mechanism"),
            Picture(counts, "events against the persistence time; the line is the one chosen"),
            Picture(time, "molecules over time"),
        ]),
    ]  # fmt: skip


def passages(histories: Sequence[History], names: Names) -> Counter[tuple[str, str]]:
    """(from, to) -> how many events took atoms from one kind of molecule to another."""
    found: Counter[tuple[str, str]] = Counter()
    for made in histories:
        for event in made.events:
            if made.kinds(event.reactants) == made.kinds(event.products):
                continue
            pairs = set()
            for a in event.reactants:
                for b in event.products:
                    if set(made.molecules[a].atoms) & set(made.molecules[b].atoms):
                        pairs.add(tuple(names.get(made.molecules[m].kind, "?") for m in (a, b)))
            found.update(pair for pair in pairs if pair[0] != pair[1])  # type: ignore[misc]
    return found


def draw_graph(path: Path, histories: Sequence[History], names: Names) -> None:
    """Molecules on a circle, an arrow for each way of atoms."""
    moved = passages(histories, names)
    weight: Counter[str] = Counter()
    for (a, b), n in moved.items():
        weight[a] += n
        weight[b] += n
    nodes = [name for name, _ in weight.most_common(NODES)]
    edges = {pair: n for pair, n in moved.items() if set(pair) <= set(nodes)}
    with drawing(path, (6.4, 5.6)) as figure:
        axes = figure.subplots()
        axes.set(xlim=(-1.35, 1.35), ylim=(-1.25, 1.25), aspect="equal")
        axes.axis("off")
        at = {n: np.array([math.sin(2 * math.pi * i / len(nodes)), math.cos(2 * math.pi * i / len(nodes))])
              for i, n in enumerate(nodes)}  # fmt: skip
        most = max(edges.values(), default=1)
        for (a, b), n in sorted(edges.items(), key=lambda item: item[1]):
            arrow(axes, at[a], at[b], n, most)
        for name, place in at.items():
            axes.text(*place, name, ha="center", va="center", fontsize=9 if len(name) < 8 else 6.5, zorder=5,
                      bbox={"boxstyle": "round,pad=0.35", "fc": "white", "ec": "#444444", "lw": 0.8})  # fmt: skip
        if not nodes:
            axes.text(0, 0, "no reaction", ha="center")


def arrow(axes: Any, begin: np.ndarray, end: np.ndarray, count: int, most: int) -> None:
    """A bent arrow, as wide as it is frequent, with its number a third of the way along."""
    share = count / most
    style = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.13", "lw": 0.5 + 2.5 * share, "shrinkA": 17,
             "shrinkB": 17, "color": (0.15, 0.35, 0.65, 0.25 + 0.7 * share), "mutation_scale": 9}  # fmt: skip
    axes.annotate("", end, begin, arrowprops=style, zorder=2)
    way = end - begin
    middle = begin + 0.4 * way + 0.13 * 0.5 * np.array([way[1], -way[0]]) * 0.96
    if share > 0.08:
        axes.text(*middle, str(count), fontsize=6.5, ha="center", va="center", color="#20406a", zorder=4)


def draw_bars(path: Path, record: NetworkRecord) -> None:
    """Rate constants of the most frequent reactions of two reactants, an offset for each temperature."""
    some = [one for one in record.reactions if one.count and len(one.reactants) == 2][:BARS]
    colours = {T: f"C{i}" for i, T in enumerate(record.temperatures)}
    with drawing(path, (7.2, 0.8 + 0.36 * max(len(some), 2))) as figure:
        axes = figure.subplots()
        for i, one in enumerate(some):
            for j, r in enumerate(r for r in one.at if r.count):
                y, k = -i - 0.14 * j, 1e3 * r.k
                axes.errorbar(k, y, xerr=[[k - 1e3 * r.low], [1e3 * r.high - k]], fmt="o", ms=3.5, lw=1,
                              color=colours[r.T])  # fmt: skip
                if r.mechanism:
                    axes.plot(1e3 * r.mechanism, y, "o", ms=4.5, mfc="none", mec=colours[r.T])
        for T, colour in colours.items():
            axes.plot([], [], "o", ms=3.5, color=colour, label=f"{T:g} K")
        axes.set_yticks([-i for i in range(len(some))], [one.equation for one in some], fontsize=7)
        axes.set_xlabel("k [cm3/mol/s]")
        if some:
            axes.set_xscale("log")
        axes.legend(frameon=False, fontsize=7)


def draw_counts(path: Path, record: NetworkRecord) -> None:
    """Events of the most frequent reactions against the persistence time."""
    times = [time * 1e15 for time in record.counting.table]
    with drawing(path, (6.4, 3.4)) as figure:
        axes = figure.subplots()
        for one in [one for one in record.reactions if one.count][:LINES]:
            n = np.array(one.by_persistence, float)
            axes.errorbar(times, n, yerr=np.sqrt(n), marker="o", ms=3, lw=1, capsize=2, label=one.equation)
        axes.axvline(record.counting.persistence * 1e15, color="#888888", lw=0.8)
        axes.set(xlabel="persistence time [fs]", ylabel="events", ylim=(0, None))
        axes.legend(frameon=False, fontsize=6.5)


def draw_time(
    path: Path, record: NetworkRecord, read: Sequence[Read], histories: Sequence[History], names: Names
) -> None:
    """Molecules of each kind over time, a panel for the first trajectory of each temperature."""
    first = {one.T: (one, made) for one, made in reversed(list(zip(read, histories, strict=True)))}
    wanted = [s.name for s in record.species][:LINES]
    panels = sorted(first.items())[:4]
    with drawing(path, (3.1 * len(panels) + 0.8, 3.0)) as figure:
        for axes, (T, (one, made)) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            lives = Population(made, one.step)
            at = np.unique(np.concatenate([[made.end], *(steps for steps, _ in lives.steps.values())]))
            for kind in sorted(lives.steps, key=lambda kind: names.get(kind, "?")):
                if (name := names.get(kind)) in wanted:
                    times = (at - made.begin) * one.step * 1e12
                    counts = lives.counts(kind, at)
                    counts[-1] = counts[-2]  # all lives end with the trajectory
                    axes.step(times, counts, where="post", lw=1, label=name,
                              color=f"C{wanted.index(name)}")  # fmt: skip
            axes.set(xlabel="time [ps]", title=f"{T:g} K")
            axes.legend(frameon=False, fontsize=7)
