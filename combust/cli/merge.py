"""combust merge: rates put into a mechanism, with what they change."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from combust.errors import ConfigError
from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.kinetics.constants.species_thermo import ThermoChange


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "A rate replaces what the mechanism has of the same species, in either direction, duplicates too; reverses "
        "follow from its thermo. One that holds at a single temperature scales what is there."
    )
    parser.add_argument("mechanism", help="mechanism file (Cantera YAML)")
    parser.add_argument("rates", nargs="*", help="Cantera YAML files of rates: rates.yaml of combust network, or any")
    parser.add_argument("--thermo", action="append", default=[], metavar="YAML",
                        help="species whose thermo replaces the mechanism's, of combust thermo")  # fmt: skip
    parser.add_argument("--out", required=True, metavar="YAML", help="the new mechanism")
    parser.add_argument("--only", action="append", default=[], metavar="EQ", help="of all rates: 'OH + H2 <=> H2O + H'")
    parser.add_argument("--force", action="store_true", help="replace this file")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Merges; prints each change with its size."""
    from combust.kinetics.constants.merge import TEMPERATURES, merge

    if not (args.rates or args.thermo):
        raise ConfigError("merge: give files of rates, or --thermo")
    found = merge(args.mechanism, args.rates, args.out, thermo=args.thermo, only=args.only, force=args.force)
    head = " ".join(f"{T:>8g}" for T in TEMPERATURES)
    show_thermo(found.thermo)
    if found.changes:
        print(f"{'rate':<34} {'':<9} {'f':>6}  new k / old k at {head} K")
    for one in found.changes:
        ratios = {T: f"{ratio:.3g}{'' if inside else '*'}" for T, ratio, inside in one.ratios}
        row = " ".join(f"{ratios.get(T, ''):>8}" for T in TEMPERATURES)
        factor = f"{one.factor:.3g}" if one.factor is not None else ""
        print(f"{one.equation:<34} {one.action:<9} {factor:>6}  {'':<16} {row}")
        if len(one.was) > 1 or (one.was and one.was[0] != one.equation):
            print(f"    in the place of {', '.join(one.was)}")
    if any(not inside for one in found.changes for _, _, inside in one.ratios):
        print("*: beyond the temperatures for which the rate is stated")
    for no in found.refused:
        print(f"left out: {no.equation}: {no.reason}")
    print(f"mechanism: {found.path} (SHA-256 {found.sha256[:12]})")
    return 0


def show_thermo(changes: tuple[ThermoChange, ...]) -> None:
    """New less old data of species."""
    if not changes:
        return
    print(f"{'thermo':<12} {'Hf 298':>8} kJ/mol {'S 298':>8} {'Cp 1000':>8} J/mol/K, new less old")
    for one in changes:
        print(f"{one.species:<12} {one.formation / 1e3:8.2f}        {one.entropy:8.2f} {one.heat:8.2f}         "
              f"{one.low:g} to {one.high:g} K")  # fmt: skip
