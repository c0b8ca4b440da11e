"""Molecules as graphs of atoms, with names that do not depend on how atoms are numbered."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

FIRST = ("C", "N", "H", "O")  # order of elements in a formula; the rest follows by name
LARGEST_TREE = 80  # heavy atoms of a molecule that is named exactly


class Species(NamedTuple):
    """A kind of molecule:  formula : its composition, as H2O;  graph : who is bonded to whom, as OH-OH"""

    formula: str
    graph: str

    def __str__(self) -> str:
        """Both."""
        return f"{self.formula}[{self.graph}]"


def species(elements: Sequence[str], bonds: Iterable[tuple[int, int]]) -> Species:
    """The kind of one molecule;  bonds : between its atoms, numbered from 0.

    Hydrogen with one bond, to another element, is counted at its neighbour ("CH3"). Trees are named exactly; rings by
    colours of atoms that are refined by their neighbours' (Weisfeiler and Leman), which very few graphs share.
    """
    n = len(elements)
    near: list[list[int]] = [[] for _ in range(n)]
    for i, j in bonds:
        near[i].append(j)
        near[j].append(i)
    ends = [elements[i] == "H" and len(near[i]) == 1 and elements[near[i][0]] != "H" for i in range(n)]
    heavy = [i for i in range(n) if not ends[i]]
    labels = {i: elements[i] + hydrogens(sum(ends[j] for j in near[i])) for i in heavy}
    inner = {i: [j for j in near[i] if not ends[j]] for i in heavy}
    edges = sum(map(len, inner.values())) // 2
    tree = edges == len(heavy) - 1 and len(heavy) <= LARGEST_TREE
    graph = min(written(i, -1, labels, inner) for i in heavy) if tree else refined(labels, inner)
    return Species(formula(elements), graph)


def hydrogens(count: int) -> str:
    return "" if count == 0 else "H" if count == 1 else f"H{count}"


def formula(elements: Iterable[str]) -> str:
    """The composition: CH4, HO2, H2O, OH."""
    counts = Counter(elements)
    order = [e for e in FIRST if e in counts] + sorted(set(counts) - set(FIRST))
    if counts == {"H": 1, "O": 1}:
        order.reverse()
    return "".join(e if counts[e] == 1 else f"{e}{counts[e]}" for e in order)


def written(i: int, come: int, labels: Mapping[int, str], near: Mapping[int, Sequence[int]]) -> str:
    """A tree from atom i on, away from atom `come`; branches in the order of their texts."""
    parts = sorted(written(j, i, labels, near) for j in near[i] if j != come)
    return labels[i] + "".join(f"({part})" for part in parts[:-1]) + (f"-{parts[-1]}" if parts else "")


def refined(labels: Mapping[int, str], near: Mapping[int, Sequence[int]]) -> str:
    """Of graphs with rings: their atoms, and a hash of how these lie."""
    colour = dict(labels)
    for _ in range(len(labels)):
        colour = {
            i: hashlib.sha256("|".join([colour[i], *sorted(colour[j] for j in near[i])]).encode()).hexdigest()
            for i in labels
        }
    parts = "".join(f"{label}{'' if n == 1 else f'*{n}'}." for label, n in sorted(Counter(labels.values()).items()))
    return f"{parts}{hashlib.sha256('|'.join(sorted(colour.values())).encode()).hexdigest()[:6]}"


def shown(found: Mapping[Species, float]) -> dict[Species, str]:
    """Names for people: of all graphs of one composition the most frequent has the formula alone.

    found : species -> how much there is of it
    """
    best: dict[str, Species] = {}
    for one in sorted(found, key=lambda one: (-found[one], one.graph)):
        best.setdefault(one.formula, one)
    return {one: one.formula if best[one.formula] == one else str(one) for one in found}
