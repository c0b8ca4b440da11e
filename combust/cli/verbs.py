"""The verbs of the command line. Each is a file here of its name: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import importlib
from typing import NamedTuple, Protocol, cast

from combust.parallel import Communicator


class Module(Protocol):
    """A file of a verb. It loads nothing heavy before it is called: `combust --help` reads them all."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments of the verb."""

    def call(self, args: argparse.Namespace, comm: Communicator) -> int:
        """Does what was asked for, on all ranks of `comm`; prints; the exit code. Raises CombustError."""


class Verb(NamedTuple):
    """A verb and what `combust --help` says of it;  ranks : whether all ranks of an MPI run do it together."""

    name: str
    help: str
    ranks: bool = False
    passes: bool = False  # what stands after -- goes to another program

    def load(self) -> Module:
        """Its file."""
        return cast(Module, importlib.import_module(f"combust.cli.{self.name}"))


VERBS = (
    Verb("new", "list the cases that come with combust, or copy one to begin with"),
    Verb("run", "simulate a case", ranks=True),
    Verb("check", "build a case and say what a run would do: memory, first step, what is doubtful", ranks=True),
    Verb("profile", "where the time of a case goes: phases, messages, memory, a trace", ranks=True),
    Verb("info", "what is in a checkpoint, .vtr, .pvd, mechanism or failed cell"),
    Verb("schema", "JSON Schema of the files that combust takes, for editors"),
    Verb("plot", "draw fields and history of a run from its output folder"),
    Verb("ignite", "ignition delays over ranges of mixture, temperature and pressure"),
    Verb("flamespeed", "laminar flame speeds over ranges of mixture, temperature and pressure"),
    Verb("extinction", "strain rates at which counterflow diffusion flames go out"),
    Verb("validate", "compare a mechanism with published experiments"),
    Verb("network", "reactions and rate constants, with their errors, of molecular dynamics"),
    Verb("md", "reactive molecular dynamics of a box of molecules, by LAMMPS"),
    Verb("tst", "rate constants from electronic structure, by transition-state theory"),
    Verb("merge", "put rates into a mechanism: what is replaced, and by how much"),
    Verb("rate", "what mechanisms, trajectories and published work say of one reaction"),
    Verb("thermo", "thermochemistry of computed structures, as NASA polynomials for a mechanism"),
    Verb("uncertainty", "bands of ignition delays and flame speeds from factors of rates; which rate counts most"),
    Verb("falloff", "rate constants over pressure: a master equation, or tables of MESS and Arkane"),
    Verb("reduce", "make a small mechanism of a large one that meets error tolerances"),
    Verb("sample", "states and exact end states for learned chemistry"),
    Verb("train", "train a learned chemistry on sampled states"),
    Verb("learn", "rounds of learning: explore flows, label where the network fails, train, judge"),
    Verb("verify", "report card of a learned chemistry: reactors and flames beside exact chemistry"),
    Verb("chain", "from a mechanism to a turbulent flame, and the error of each link", passes=True),
    Verb("models", "learned chemistries at hand: list, verify the files, explain one, fetch more"),
    Verb("doctor", "versions of all that combust needs, and how to get what is missing"),
    Verb("list", "kinds that a case file may name"),
)
