"""A flame with learned chemistry on 1, 2 and 4 ranks: the same fields, whoever evaluates or integrates a cell; an error on
one rank ends all.

As a script under mpirun: runs the case MODEL in FOLDER, or lets a fault strike on the last rank.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import learned_fixture
import numpy as np
import pytest
from launcher import command_of, run_ranks

from combust.cfd.block import Block
from combust.io.checkpoint import read_checkpoint
from combust.io.series import read_series
from combust.parallel import Communicator

CELLS, STEPS = (1, 12, 32), 6
# name: (ranks, chemistry): pool = 4 spreads a few exact cells over all ranks, 100000 gathers all of them on one; with
# share = "on" all ranks' network cells are evaluated in one batch, on the first.
RUNS = {
    "one": (1, {}),
    "two": (2, {"pool": 4}),
    "two, one works": (2, {"pool": 100_000}),
    "four, shared": (4, {"pool": 4, "share": "on"}),
    "refused": (2, {"fallback": "none"}),
    "refused, one": (1, {"fallback": "none"}),
}
"""
"""
