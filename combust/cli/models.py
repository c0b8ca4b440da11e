"""combust models: the learned chemistries at hand, whether their files are whole, what each is for; fetches others."""

from __future__ import annotations

import argparse

from combust.errors import ConfigError, FileFormatError
from combust.parallel import Communicator

DAMAGED = 1  # exit code


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", help="one model (name or path): what it covers, how well, what it was made of"
    )
    parser.add_argument(
        "--fetch",
        metavar="SOURCE",
        help="add a model: path or address (http, https, file) of its card, NAME.json, beside which its weights lie",
    )
    parser.add_argument("--name", dest="keep", metavar="NAME", help="of a fetched model; default: that of the file")
    parser.add_argument("--sha256", metavar="HEX", help="of the fetched weights, as whoever gave the address states it")
    parser.add_argument("--force", action="store_true", help="replace a fetched model of the same name")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Lists the models, explains one, or fetches one; 1 if a model listed or explained cannot be used."""
    from combust.report.meter import Meter
    from combust.surrogates.judge import models
    from combust.surrogates.judge.fetch import fetch

    if args.fetch:
        if args.name:
            raise ConfigError(f"--fetch: explains no model; leave out {args.name}, or give its new name as --name")
        entries = [fetch(args.fetch, args.keep, args.sha256, args.force, Meter())]
        print(models.listing(entries))
        print(f"{entries[0].name}: weights {(entries[0].card or {})['weights']['sha256']} (SHA-256), {entries[0].path}")
    elif args.keep or args.sha256 or args.force:
        raise ConfigError("--name, --sha256 and --force go with --fetch")
    elif args.name:
        entries = [models.named(args.name)]
        if entries[0].card is None:
            raise FileFormatError("; ".join(entries[0].problems))
        print(models.explain(entries[0].path, entries[0], entries[0].card))
    else:
        entries = models.available()
        print(models.listing(entries))
    return DAMAGED if any(entry.problems for entry in entries) else 0
