"""Options of verbs that take a TOML file with changes, and work that can be continued."""

from __future__ import annotations

import argparse
import json
from typing import Any


class SetKey(argparse.Action):
    """Appends "KEY=value" to --set; KEY is the option's constant."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: Any = None) -> None:
        namespace.set = [*namespace.set, f"{self.const}={json.dumps(values)}"]


def phase_keys(made: argparse.ArgumentParser, table: str = "") -> None:
    """--phase and --ions, short for --set."""
    made.add_argument(
        "--phase",
        action=SetKey,
        const=f"{table}phase",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help=f"phase of the mechanism's file: {table}phase",
    )
    made.add_argument(
        "--ions",
        action=SetKey,
        const=f"{table}ions",
        choices=["neutral"],
        default=argparse.SUPPRESS,
        help=f"let ions of an ionized-gas phase diffuse like neutrals: {table}ions",
    )


def config_arguments(made: argparse.ArgumentParser, what: str, key: str) -> None:
    """The file, of `what`, and changes to it, of which `key` is an example."""
    made.add_argument("config", help=f"{what} (TOML)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=f"change a key: {key}")
    phase_keys(made)


def learned_arguments(made: argparse.ArgumentParser) -> None:
    """The file of a learned chemistry."""
    config_arguments(made, "the learned chemistry", "network.width=64")


def resume_arguments(made: argparse.ArgumentParser) -> None:
    again = made.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue what was interrupted")
    again.add_argument("--force", action="store_true", help="replace what an earlier run made")
