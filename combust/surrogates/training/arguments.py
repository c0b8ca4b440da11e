"""Arguments of the verbs of learned chemistry; loads nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

Verb = Callable[[Any, str, str], argparse.ArgumentParser]


def add(verbs: Any, verb: Verb) -> None:
    """The verbs sample, train, verify and models."""
    sample = verb(verbs, "sample", "states and exact end states for learned chemistry")
    config_arguments(sample)
    sample.add_argument("--out", metavar="FILE", help="samples (HDF5); default: runs/<name of the config>/samples.h5")
    sample.add_argument(
        "--check",
        action="store_true",
        help="only say what it takes, and whether learning is likely to pay for these species; writes nothing",
    )
    resume_arguments(sample)

    train_arguments(verb(verbs, "train", "train a learned chemistry on sampled states"))

    verify = verb(verbs, "verify", "report card of a learned chemistry: reactors and flames beside exact chemistry")
    verify.add_argument("model", help="name of a shipped model (combust models), or path")
    verify.add_argument("--out", metavar="DIR", help="folder of report.md and report.json; default: runs/verify_<name>")
    verify.add_argument("--quick", action="store_true", help="a small subset, in about a minute")
    verify.add_argument(
        "--only",
        metavar="A,B",
        help="of the parts reactors, flames, steps, cost, speed, ends; an earlier report of the same weights keeps its "
        "others",
    )
    verify.add_argument(
        "--coupling", action="store_true", help="flames also with exact chemistry, and nothing, in its place"
    )
    verify.add_argument("--force", action="store_true", help="replace these files")

    models = verb(verbs, "models", "the models that come with combust: list, verify the files, explain one")
    models.add_argument("name", nargs="?", help="one model (name or path): what it covers and how well")


def config_arguments(made: argparse.ArgumentParser) -> None:
    made.add_argument("config", help="the learned chemistry (TOML)")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a key: network.width=64")
    phase_keys(made)


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


def resume_arguments(made: argparse.ArgumentParser) -> None:
    again = made.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue what was interrupted")
    again.add_argument("--force", action="store_true", help="replace what an earlier run made")


def train_arguments(made: argparse.ArgumentParser) -> None:
    """Also of `python -m combust.surrogates.training.train`."""
    config_arguments(made)
    made.add_argument("--samples", metavar="FILE", help="samples; default: samples.h5 in the output folder")
    made.add_argument("--out", metavar="DIR", help="output folder; default: runs/<name of the config>")
    made.add_argument("--init", metavar="MODEL", help="start from the weights and coordinates of this model")
    made.add_argument(
        "--calibrate", action="store_true", help="no training: the router of --init anew, by [router] of the config"
    )
    made.add_argument(
        "--range",
        action="store_true",
        help="no training, no samples: the range of the fresh gas of --init anew, from the config's trajectories",
    )
    made.add_argument("--minutes", type=float, metavar="M", help="fit the schedule into M minutes by the measured pace")
    made.add_argument("--processes", type=int, default=1, metavar="N", help="processes (torch DDP); default: 1")
    made.add_argument("--tensorboard", action="store_true", help="also write the losses for TensorBoard")
    resume_arguments(made)
