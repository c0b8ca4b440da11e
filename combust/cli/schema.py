"""combust schema: the JSON Schema of the files that combust takes, or their reference tables."""

from __future__ import annotations

import argparse
import json

from combust.parallel import Communicator
from combust.settings import FILES


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="file", default="case", choices=FILES, help="which file: a case (default), or that of a verb"
    )
    parser.add_argument("--markdown", action="store_true", help="reference tables instead")


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints the JSON Schema of files of a kind, or their reference tables."""
    from combust.cli.reference import markdown, schema_of

    print(markdown(args.file) if args.markdown else json.dumps(schema_of(args.file), indent=2))
    return 0
