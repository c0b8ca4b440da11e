"""Parts of a mechanism with some species in quasi-steady state (QSS): made linear in them, and written to a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cantera as ct

from combust.errors import MechanismError
from combust.kinetics.mechanism import qss_cantera, qss_file
from combust.kinetics.mechanism.layout import forward_orders
from combust.reduction.submechanism import Parent, Subset, _plain


@dataclass(frozen=True)
class QssSubset:
    """A part without the directions that are not linear in its QSS species."""

    subset: Subset  # all species, those in quasi-steady state too; the reactions that stay
    qss: tuple[int, ...]  # rows of the parent's species
    one_way: tuple[int, ...]  # rows of reactions of `subset` that lose their reverse direction
    dropped: tuple[int, ...]  # rows of reactions that are gone


def linearise(parent: Parent, subset: Subset, qss: Sequence[int]) -> QssSubset:
    """The part without the directions that consume two or more QSS molecules, or need one as third body.

    A reaction whose forward direction is such goes as a whole, as its reverse alone is no Cantera reaction. Raises
    MechanismError for QSS species that are not in the part, or are not both produced and consumed in what remains.
    """
    qss = tuple(sorted(set(qss)))
    missing = [parent.gas.species[k] for k in qss if k not in subset.species]
    if missing or not qss or len(qss) == len(subset.species):
        what = f"not in the part: {', '.join(missing)}" if missing else "give some, but not all species"
        raise MechanismError(f"{parent.gas.path}: QSS species: {what}")
    steady = frozenset(qss)
    dropped, one_way = [], []
    for i in subset.reactions:
        r = parent.reactions[i]
        if not _linear(dict(forward_orders(r, parent.index)), steady) or _third_body(r, parent) in steady:
            dropped.append(i)
        elif r.reversible and not _linear(parent.index.amounts(r.products), steady):
            one_way.append(i)
    kept = tuple(i for i in subset.reactions if i not in set(dropped))
    found = QssSubset(replace(subset, reactions=kept), qss, tuple(one_way), tuple(dropped))
    _refuse_one_sided(parent, found)
    return found


def skeletal(parent: Parent, part: QssSubset, transport: bool = True) -> ct.Solution:
    """All species of the part, made linear, as an ordinary mechanism."""
    solution = parent.cantera(part.subset, transport)
    one_way = {i for i, row in enumerate(part.subset.reactions) if row in set(part.one_way)}
    reactions = [_forward_only(r, solution) if i in one_way else r for i, r in enumerate(solution.reactions())]
    model = solution.transport_model
    return ct.Solution(
        thermo=solution.thermo_model, kinetics="gas", transport_model=None if model in (None, "none") else model,
        species=solution.species(), reactions=reactions, name=solution.name,
    )  # fmt: skip


def export(
    parent: Parent, subset: Subset, qss: Sequence[int], provenance: Mapping[str, Any], description: str = ""
) -> tuple[str, str]:
    """Texts of the part's YAML file, and of a Python module that makes Cantera heed its QSS species.

    By itself Cantera reads the file as an ordinary mechanism of all species; `Mechanism.load` has those in
    quasi-steady state solved for. The module is the same for every file. Raises MechanismError as `linearise` does, or
    where Cantera cannot write the part.
    """
    part = linearise(parent, subset, qss)
    solution = skeletal(parent, part)
    names = [parent.gas.species[k] for k in part.qss]
    changes = {"dropped": _equations(parent, part.dropped), "one-way": _equations(parent, part.one_way)}
    block = {**provenance, "qss": {"species": names, **{k: v for k, v in changes.items() if v}}}
    solution.TP = 300.0, ct.one_atm  # Cantera writes the state too
    try:
        solution.update_user_header({"description": description} if description else {})
        solution.update_user_data({"combust": _plain(block), **parent.naming})
        text = solution.write_yaml(header=True, precision=16)
    except ct.CanteraError as error:
        raise MechanismError(f"{parent.gas.path}: Cantera cannot write a part of it: {error}") from error
    return text, Path(qss_cantera.__file__).read_text()


def _linear(orders: Mapping[int, float], qss: Iterable[int]) -> bool:
    found = [orders[k] for k in qss if orders.get(k, 0.0) != 0.0]
    return found in ([], [1.0])


def _third_body(r: ct.Reaction, parent: Parent) -> int | None:
    return None if r.third_body is None else parent.index.row(r.third_body.name)


def _forward_only(r: ct.Reaction, solution: ct.Solution) -> ct.Reaction:
    data: Any = dict(r.input_data)
    data["equation"] = data["equation"].replace("<=>", "=>")
    return ct.Reaction.from_dict(data, solution)


def _equations(parent: Parent, rows: Iterable[int]) -> list[str]:
    return [parent.reactions[i].equation for i in rows]


def _refuse_one_sided(parent: Parent, part: QssSubset) -> None:
    """The same words as when the file is read; but before it is written."""
    qss_file.qss_kinetics_of(skeletal(parent, part, transport=False), [parent.gas.species[k] for k in part.qss])
