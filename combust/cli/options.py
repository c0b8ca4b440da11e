"""Options that several verbs have, and how much is logged."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from combust.cli.configs import phase_keys
from combust.errors import ConfigError, FileFormatError
from combust.parallel import Communicator
from combust.settings.ranges import PRESSURE_HELP, values
from combust.units import to_si

if TYPE_CHECKING:
    from combust.kinetics.mechanism.mechanism import Mechanism


def number(kind: str) -> Callable[[str], float]:
    """What argparse makes one number of: in SI, or with a unit ("2 cm"). kind : a key of combust.units.TABLES."""

    def read(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            pass
        try:
            return to_si(text, kind)
        except FileFormatError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def case_arguments(made: argparse.ArgumentParser) -> None:
    """Of a verb that takes a case file and changes to it."""
    made.add_argument("case", help="case file (TOML)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: numerics.cfl=0.3")
    phase_keys(made, "gas.")
    made.add_argument("--out", metavar="DIR", help="output folder")
    made.add_argument("--steps", type=int, metavar="N", help="end after step N of the case")


def overrides(args: argparse.Namespace) -> list[str]:
    """--set, and the options that are short for it."""
    extra = [f"output.directory={json.dumps(args.out)}"] if args.out else []
    return [*args.set, *extra, *([f"stop.steps={args.steps}"] if args.steps is not None else [])]


def mechanism_arguments(made: argparse.ArgumentParser, text: str) -> None:
    made.add_argument("mechanism", help=text)
    made.add_argument("--phase", metavar="NAME", help="phase of that file; default: the first that combust covers")
    made.add_argument("--ions", choices=["neutral"], help="let ions of an ionized-gas phase diffuse like neutrals")


def mixture_arguments(made: argparse.ArgumentParser, temperature: str) -> None:
    made.add_argument("--fuel", required=True, metavar="X", help="a species, or mole fractions: CH4:0.8,H2:0.2")
    made.add_argument("--oxidizer", default="O2:1, N2:3.76", metavar="X", help="default: %(default)s")
    made.add_argument("--phi", default="1", metavar="RANGE", help="equivalence ratios; default: %(default)s")
    made.add_argument(
        "--T",
        default=temperature,
        metavar="RANGE",
        help="temperatures in K, or with a unit: 500:900:5degC; default: %(default)s",
    )
    made.add_argument("--p", default="1", metavar="RANGE", help=f"pressures: {PRESSURE_HELP}")


def flame_arguments(made: argparse.ArgumentParser) -> None:
    """What is modelled of a flame."""
    made.add_argument("--transport", default="mixture-averaged", choices=["mixture-averaged", "unity-Lewis"])
    made.add_argument("--soret", action="store_true", help="with thermal diffusion")
    made.add_argument("--radiation", action="store_true", help="of H2O and CO2, optically thin, nothing else radiates")
    made.add_argument(
        "--emissivity", default="0,0", metavar="A,B",
        help="of the left and the right boundary, whose temperatures radiate back; default: %(default)s",
    )  # fmt: skip


def emissivities(text: str) -> tuple[float, float]:
    """Those of both boundaries from "0,0.5", or one number for both. Raises ConfigError."""
    numbers = values(text, "--emissivity")
    if len(numbers) > 2:
        raise ConfigError(f"--emissivity {text}: give one number, or those of the left and the right boundary")
    return numbers[0], numbers[-1]


def radiation_of(args: argparse.Namespace, kind: str, gas: Mechanism) -> dict[str, Any]:
    """Options of a flame from --radiation and --emissivity, none without; says what radiates. Raises ConfigError."""
    from combust.kinetics.flames.radiation import SAID, check_radiation

    emissivity = emissivities(args.emissivity)
    check_radiation(kind, gas, args.radiation, emissivity)
    if not args.radiation:
        return {}
    print(f"with {SAID}, emissivity of the boundaries {emissivity[0]:g} and {emissivity[1]:g}")
    return {"radiation": True, "emissivity": emissivity}


def folder_arguments(made: argparse.ArgumentParser, files: str) -> None:
    made.add_argument("--out", default=".", metavar="DIR", help=f"folder of {files}; default: the current one")
    made.add_argument("--force", action="store_true", help="replace these files")


def output_arguments(made: argparse.ArgumentParser, files: str) -> None:
    made.add_argument(
        "--out", default=".", metavar="PATH",
        help=f"folder of {files}, or one file: .csv or .json for the table, .png, .pdf or .svg for the picture; "
        "default: the current folder",
    )  # fmt: skip
    made.add_argument("--force", action="store_true", help="replace these files")


def log(comm: Communicator) -> None:
    """The root says what takes long (compiling kernels), all ranks what is wrong; other libraries only the latter."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("combust").setLevel(logging.INFO if comm.is_root else logging.WARNING)
