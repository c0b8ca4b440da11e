"""Every closure between two walls: two ranks agree with one, and a restart goes on bit by bit.

`check` is one rank's part. A kind that is not in TABLES is asked for with its defaults.
"""

from typing import get_args

import numpy as np
import pytest

from combust.case.load import load
from combust.cfd.closures.settings import NoTurbulence, Turbulence
from combust.parallel import Communicator
from combust.run.build import build

TABLES = {
    "smagorinsky": ["", "van_driest=true"],
    "wale": ["filter='scotti'"],
    "k-omega-sst": ["", "walls='resolved'"],
    "dynamic-smagorinsky": ["", "average='global',scalars='dynamic'", "average='lagrangian'"],
}
KINDS = [struct.__struct_config__.tag for struct in get_args(Turbulence) if struct is not NoTurbulence]
WAYS = [(kind, keys) for kind in KINDS for keys in TABLES.get(kind, [""])]
BY_GRADIENTS = [("smagorinsky", ""), ("wale", "filter='scotti'"), ("vreman", ""), ("sigma", "")]  # restarts: unit tests
AVERAGED = ("k-epsilon", "k-omega-sst")
DT = 2e-5
NAMES = ("u", "nu_t")
BUDGET = ("viscous_dissipation", "modelled_dissipation", "numerical_dissipation")


def flow_with(comm, kind, keys):
    """Turbulence between two walls, of cells that are cut across and along them."""
    table = f"turbulence={{kind='{kind}'{',' if keys else ''}{keys}}}"
    spectrum = "{kind='von-karman-pao',u_rms=2.0,length=1e-3}"
    eddies = f"initial={{kind='uniform',temperature=300,composition='N2:1',turbulence={{spectrum={spectrum},seed=4}}}}"
    changes = [
        "mesh={kind='uniform',cells=[6,10,4],lower=[0,0,0],upper=[6e-3,6e-3,6e-3]}",
        "device=cpu",
        "numerics.compile=off",
        "boundary={x={kind='periodic'},z={kind='periodic'},y={kind='wall'}}",
        table,
        *([] if kind in AVERAGED else [eddies]),  # averaged flow has vortices, which no closure stands for
    ]
    return build(load("cases/tgv3d_cold.toml", changes), comm)


def stepped(flow, count):
    for _ in range(count):
        flow.advance(DT)
    return flow


@pytest.mark.parametrize("kind, keys", [way for way in WAYS if way not in BY_GRADIENTS])
def test_a_restart_goes_on_bit_by_bit(kind, keys):
    flow = stepped(flow_with(Communicator(), kind, keys), 1)
    assert flow.field("nu_t").max() > 0
    saved = {name: array.copy() for name, (array, _) in flow.state().items()}
    again = flow_with(Communicator(), kind, keys)
    again.restore(saved.__getitem__)
    again.time, again.step, again.dt = flow.time, flow.step, flow.dt
    stepped(flow, 1), stepped(again, 1)
    for name, (array, _) in flow.state().items():
        assert np.array_equal(array, again.state()[name][0]), name
    assert flow.quantity("numerical_dissipation") == again.quantity("numerical_dissipation")


@pytest.mark.parametrize("ranks", [2])
def test_ranks_agree(checked, ranks):
    checked(__name__, ranks)


def check(comm):
    own = {}  # each rank runs its share of the flows alone
    for kind, keys in WAYS[comm.rank :: comm.size]:
        alone = stepped(flow_with(Communicator(), kind, keys), 1)
        own[kind, keys] = {name: alone.field(name) for name in NAMES} | {name: alone.quantity(name) for name in BUDGET}
    wholes = {way: fields for some in comm.gather(own) for way, fields in some.items()}
    for kind, keys in WAYS:
        flow = stepped(flow_with(comm, kind, keys), 1)
        start, count = flow.grid.block.start, flow.grid.block.count
        part = (..., *(slice(s, s + n) for s, n in zip(start, count, strict=True)))
        for name in NAMES:
            whole = wholes[kind, keys][name]
            away = np.abs(flow.field(name) - whole[part]).max() / np.abs(whole).max()
            assert away < 1e-8, (kind, keys, name, away)
        for name in BUDGET:
            whole = wholes[kind, keys]
            away = abs(flow.quantity(name) - whole[name]) / whole["viscous_dissipation"]
            assert away < 1e-8, (kind, keys, name, away)
