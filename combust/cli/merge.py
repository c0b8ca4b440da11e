"""combust merge: rates put into a mechanism, with what they change."""

from __future__ import annotations

import argparse

from combust.parallel import Communicator


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "A rate replaces what the mechanism has of the same species, in either direction, duplicates too; reverses "
        "follow from its thermo. One that holds at a single temperature scales what is there."
    )
    parser.add_argument("mechanism", help="mechanism file (Cantera YAML)")
    parser.add_argument("rates", nargs="+", help="Cantera YAML files of rates: rates.yaml of combust network, or any")
    parser.add_argument("--out", required=True, metavar="YAML", help="the new mechanism")
    parser.add_argument("--only", action="append", default=[], metavar="EQ", help="of all rates: 'OH + H2 <=> H2O + H'")
    parser.add_argument("--force", action="store_true", help="replace this file")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Merges; prints each change with its size."""
    from combust.kinetics.constants.merge import TEMPERATURES, merge

    found = merge(args.mechanism, args.rates, args.out, only=args.only, force=args.force)
    head = " ".join(f"{T:>8g}" for T in TEMPERATURES)
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
