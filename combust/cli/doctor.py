"""combust doctor: what is installed, in which version, and the command that gets what is missing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from combust import __version__
from combust.parallel import Communicator

if TYPE_CHECKING:
    from combust.installation import Found

INCOMPLETE = 2  # exit code


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def call(args: argparse.Namespace, comm: Communicator) -> int:
    """Prints one line per part; 0 if all that is required is there, else 2."""
    from combust import installation

    print(f"combust     {__version__}")
    complete = installation.doctor(show).complete
    print("all required parts are there" if complete else "required parts are missing: see the lines marked MISSING")
    return 0 if complete else INCOMPLETE


def show(found: Found) -> None:
    """One part."""
    print(f"{found.part.name:<11} {found.mark:<8} {found.version}")
    if found.mark != "ok":
        print(f"{'':<21}for {found.part.why}; get it: {found.part.remedy}")
