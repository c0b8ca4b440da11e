"""combust models: the learned chemistries that come with combust, whether their files are whole, what each is for."""

from __future__ import annotations

import argparse

from combust.errors import FileFormatError
from combust.parallel import Communicator

DAMAGED = 1  # exit code


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one model (name or path): what it covers and how well")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Lists the shipped models, or explains one; 1 if a model listed or explained cannot be used."""
    from combust.surrogates.judge import models

    if args.name:
        entries = [models.named(args.name)]
        if entries[0].card is None:
            raise FileFormatError("; ".join(entries[0].problems))
        print(models.explain(entries[0].path, entries[0], entries[0].card))
    else:
        entries = models.shipped()
        print(models.listing(entries))
    return DAMAGED if any(entry.problems for entry in entries) else 0
