"""A computed rate as an entry of a mechanism: a Cantera file that `combust merge` takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cantera as ct

from combust.errors import ConfigError
from combust.kinetics.quantum.rates.record import RateRecord
from combust.kinetics.trajectories.cantera_file import KEY, phase_of, rounded, save

SHOWN = 8  # temperatures of the table of factors


def write_entry(path: Path, record: RateRecord, mechanism: ct.Solution) -> None:
    """A file with the reaction and, of `mechanism`, thermo of its species. Raises ConfigError, OutputError."""
    law = record.fitted
    if law is None:
        raise ConfigError(f"{record.equation}: has no law in T: ask for four temperatures or more")
    names = {name.upper(): name for name in mechanism.species_names}
    wanted = sorted({*record.reactants, *record.products})
    if lacking := [name for name in wanted if name.upper() not in names]:
        raise ConfigError(f"{record.equation}: the mechanism has no species {', '.join(lacking)}")
    used = {names[name.upper()] for name in wanted}
    gas = phase_of(mechanism, used, "quantum")
    equation = " <=> ".join(" + ".join(names[n.upper()] for n in s) for s in (record.reactants, record.products))
    data: Any = {"equation": equation, "rate-constant": {"A": law.A, "b": law.b, "Ea": law.E * ct.gas_constant}}
    made = ct.Reaction.from_dict(data, gas)
    told: Any = {"note": note(record), KEY: about(record)}
    made.update_user_data(told)
    gas.add_reaction(made)
    save(path, gas)


def note(record: RateRecord) -> str:
    """For people."""
    law = record.fitted
    assert law is not None
    low, high = record.at[0], record.at[-1]
    theory = "canonical variational transition-state theory" if record.variational else "transition-state theory"
    return (
        f"{theory}, {record.level}//{record.geometry}, {record.tunnelling} tunnelling, "
        f"E0 {record.barrier:.2f} kJ/mol; fit within {100 * math.expm1(law.error):.1f} % over "
        f"{law.T_low:g} to {law.T_high:g} K; within a factor {rounded(low.factor)} at {low.T:g} K, "
        f"{rounded(high.factor)} at {high.T:g} K"
    )


def about(record: RateRecord) -> dict[str, Any]:
    """For programs; `factor` is the largest, `factors` go with `temperatures`."""
    law = record.fitted
    assert law is not None
    step = max(1, math.ceil(len(record.at) / SHOWN))
    rows = sorted({*record.at[::step], record.at[-1]}, key=lambda one: one.T)
    return {
        "source": "quantum", "level": record.level, "geometry": record.geometry, "tunnelling": record.tunnelling,
        **({"variational": True} if record.variational else {}),
        "range": [law.T_low, law.T_high], "fit": math.exp(law.error), "factor": rounded(record.factor),
        "temperatures": [one.T for one in rows], "factors": [rounded(one.factor) for one in rows],
        "records": [digest[:16] for digest in record.records.values()],
    }  # fmt: skip
