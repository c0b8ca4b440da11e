"""Turbulence and vortices that are added to an initial field: what a case gets, and what it is refused."""

import math

import numpy as np
import pytest
import torch

from combust.case.load import load, to_toml
from combust.cfd.boundaries.tables import FileColumns
from combust.cfd.initial import vortices
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import Builder, build

CASE = """
[mesh]
kind = "uniform"
cells = [32, 32]
lower = [0, 0]
upper = ["10 mm", "10 mm"]
[gas]
mechanism = "h2o2.yaml"
[chemistry]
kind = "none"
[initial]
kind = "uniform"
composition = "N2:1"
temperature = 300
velocity = [1.0, -2.0]
[boundary]
x = { kind = "periodic" }
y = { kind = "periodic" }
[stop]
steps = 5
"""
TURBULENCE = "initial.turbulence={spectrum={kind='passot-pouquet', u_rms='1 m/s', length='1.5 mm'}, seed=4}"
CLOSED = ("boundary.x.kind=wall", "boundary.y.kind=wall")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "box.toml").write_text(CASE)
    return tmp_path / "box.toml"


def velocity(flow):
    return flow.scheme.block_faces(flow.current.u)


def divergence(u, grid):
    return sum(torch.diff(u[a], dim=a) * grid.metrics[a].per_width for a in grid.layout.axes)


def test_turbulence_on_a_moving_gas(path):
    """The start's projection has nothing left to do, and a step keeps the energy."""
    builder = Builder(load(path, [TURBULENCE]), Communicator())
    given, flow = builder.fields()[1], builder.flow()
    found = velocity(flow)
    for a, mean in ((1, -2.0), (2, 1.0)):
        assert float((found[a] - given[a]).abs().max()) < 1e-12
        assert float(given[a].narrow(a, 1, 32).mean()) == pytest.approx(mean)
    energy = 0.5 * sum(float((given[a].narrow(a, 1, 32) - m).pow(2).mean()) for a, m in ((1, -2.0), (2, 1.0)))
    assert energy == pytest.approx(1.0, rel=1e-3)
    flow.advance(1e-6)
    assert flow.quantity("eos_drift") < 1e-12


def test_region_and_sides(path):
    """Nothing beyond the region, and none through closed sides, though the field knows of none."""
    changes = [TURBULENCE, *CLOSED, "initial.velocity=[0]", "initial.turbulence.region.x=['2 mm', '7 mm']"]
    builder = Builder(load(path, changes), Communicator())
    u = builder.fields()[1]
    x = builder.grid.face_points(2)[2].flatten()
    outside = (x <= 2e-3) | (x >= 7e-3)
    assert float(u[2][..., outside].abs().max()) == 0.0 and float(u[2].abs().max()) > 0.5
    assert float(u[1][:, 0].abs().max()) == float(u[1][:, -1].abs().max()) == 0.0
    assert float(divergence(u, builder.grid).abs().max()) < 1e-12 * 1e3 / 3e-4
    flow = builder.flow()
    assert float((velocity(flow)[2] - u[2]).abs().max()) < 1e-9


def test_flame_with_turbulence_has_the_divergence_that_it_asks_for(path):
    """Density varies: what is added has no divergence, so that the projection corrects what it would without it."""
    hot = ("initial={kind='kernel', fuel='H2:1', oxidizer='O2:0.21, N2:0.79', phi=0.5, hot_temperature=1800, "
           "centre=[5e-3, 5e-3], radius=2e-3, thickness=1e-3}")  # fmt: skip
    config = load(path, [hot, TURBULENCE])
    quiet, flow = build(load(path, [hot]), Communicator()), build(config, Communicator())
    added = Builder(config, Communicator()).fields()[1]
    S = flow.current.S
    target = S - float((S * flow.grid.volume).sum()) / float(flow.grid.volume.sum())
    for a in (1, 2):
        difference = velocity(flow)[a] - velocity(quiet)[a] - added[a]
        assert float(difference.abs().max()) < 1e-6 * float(added[a].abs().max())
    rest = divergence(velocity(flow), flow.grid) - target
    assert float(rest.abs().max()) < 1e-2 * float(S.abs().max()) + 1e-6


@pytest.mark.parametrize("kind, make", [("taylor", vortices.taylor), ("lamb-oseen", vortices.lamb_oseen)])
def test_vortex(path, kind, make):
    """Its speed is largest at its radius, anticlockwise, and its faces have no divergence."""
    radius, r = 1.5e-3, np.linspace(1e-5, 6e-3, 4001)
    psi = make(radius, 3.0)(r**2)
    v, middle = -np.diff(psi) / np.diff(r), 0.5 * (r[1:] + r[:-1])
    assert v.max() == pytest.approx(3.0, rel=1e-5) and middle[v.argmax()] == pytest.approx(radius, rel=1e-2)
    if kind == "taylor":
        exact = 3.0 * middle / radius * np.exp(0.5 * (1 - (middle / radius) ** 2))
    else:
        core = 1 - np.exp(-((1.120906 * middle / radius) ** 2))
        exact = 3.0 * radius / middle * core / (1 - math.exp(-(1.120906**2)))
    np.testing.assert_allclose(v, exact, rtol=1e-4, atol=1e-5)
    vortex = f"initial.vortex={{kind='{kind}', centre=['5 mm', '5 mm'], radius='1.5 mm', velocity=3.0}}"
    builder = Builder(load(path, [vortex, *CLOSED, "initial.velocity=[0]"]), Communicator())
    u = builder.fields()[1]
    assert float(divergence(u, builder.grid).abs().max()) < 1e-9
    right = u[1][0, 16, 16 + round(radius / 10e-3 * 32)]  # v, to the right of the centre
    assert 2.5 < float(right) < 3.1
    assert float(velocity(builder.flow())[1][:, 0].abs().max()) < 1e-9  # closed sides hold


def test_images_of_vortices_and_columns(path):
    """In a periodic direction a vortex that sticks out on one side comes in on the other; in 3-D it is a column."""
    vortex = "initial.vortex=[{kind='taylor', centre=[0, '5 mm'], radius='1 mm', velocity=-3.0}]"
    u = Builder(load(path, [vortex, "initial.velocity=[0]"]), Communicator()).fields()[1]
    assert float((u[1][0, :, :16] + u[1][0, :, 16:].flip(-1)).abs().max()) < 1e-9
    cube = ["mesh.cells=[8, 8, 4]", "mesh.lower=[0,0,0]", "mesh.upper=[0.01,0.01,0.01]", "boundary.z.kind=periodic"]
    u = Builder(load(path, [vortex, *cube, "initial.velocity=[0]"]), Communicator()).fields()[1]
    assert float(u[0].abs().max()) == 0.0 and torch.equal(u[1][0], u[1][3]) and float(u[1].abs().max()) > 1.0


def test_table_of_a_file(path, tmp_path):
    (tmp_path / "cbc.csv").write_text("# station 42\nk [1/cm],E [cm3/s2]\n2,120\n4,47\n8,12.6\n")
    config = load(path, ["initial.turbulence={spectrum={kind='table', file='cbc.csv'}}"])
    table = config.initial.turbulence.spectrum
    assert (
        table.file is None and table.k == (200.0, 400.0, 800.0) and table.E == pytest.approx((12e-5, 4.7e-5, 1.26e-5))
    )
    path.with_name("again.toml").write_text(to_toml(config))
    assert load(path.with_name("again.toml")).initial == config.initial
    with pytest.raises(ConfigError, match=r"initial.turbulence.spectrum: file: .*k and E must be greater than 0"):
        (tmp_path / "bad.csv").write_text("k,E\n0,1\n1,1\n")
        load(path, ["initial.turbulence={spectrum={kind='table', file='bad.csv'}}"])
    assert FileColumns(tmp_path / "cbc.csv").numbers("k", "wave number") == [200.0, 400.0, 800.0]


REFUSED = {
    "initial.turbulence={spectrum={kind='passot-pouquet', length=1e-3}}": "give u_rms or energy",
    "initial.turbulence={spectrum={kind='passot-pouquet', length=1e-3, u_rms=1, energy=1}}": "give u_rms or energy",
    "initial.turbulence={spectrum={kind='table', k=[1,2]}}": "give k and E, or a file",
    "initial.turbulence={spectrum={kind='table', k=[1,2], E=[1,2,3]}}": "k has 2 entries, E 3",
    "initial.turbulence={spectrum={kind='table', k=[2,1], E=[1,2]}}": "entries of k must rise",
    "initial.turbulence={spectrum={kind='table', file='none.csv'}}": "initial.turbulence.spectrum: file: none.csv",
    "initial.turbulence={spectrum={kind='karman', u_rms=1}}": 'initial.turbulence.spectrum.kind = "karman"',
    "initial.turbulence={spectrum={kind='passot-pouquet', length=1e-3, u_rms=1}, region={x=[2,1]}}": "must rise",
    "initial.turbulence={spectrum={kind='passot-pouquet', length=1e-3, u_rms=1}, region={}}": "one or more of",
}
REFUSED_ON_MESH = {
    "initial.turbulence={spectrum={kind='von-karman-pao', length=1e-3, u_rms=1, viscosity=1.0}}": "no such spectrum",
    "initial.turbulence={spectrum={kind='passot-pouquet', length=1e-3, u_rms=1}, region={z=[0,1]}}": "region.z",
    "initial.vortex={kind='lamb-oseen', centre=[0,0], radius=1e-3, velocity=1}": 'take kind = "taylor"',
}


@pytest.mark.parametrize("change", REFUSED)
def test_refused(path, change):
    with pytest.raises(ConfigError) as error:
        load(path, [change])
    assert REFUSED[change] in str(error.value)


@pytest.mark.parametrize("change", REFUSED_ON_MESH)
def test_refused_on_this_mesh(path, change):
    with pytest.raises(ConfigError) as error:
        Builder(load(path, [change]), Communicator()).fields()
    assert REFUSED_ON_MESH[change] in str(error.value) and str(error.value).startswith("initial.")


def test_refused_in_one_direction_and_around_an_axis(path):
    line = ["mesh.cells=[16]", "mesh.lower=[0]", "mesh.upper=[0.01]", "initial.velocity=[0]"]
    one = path.with_name("line.toml")
    one.write_text(CASE.replace('y = { kind = "periodic" }\n', ""))
    around = ["mesh={kind='axisymmetric', x={lower=0,upper=1,cells=8}, y={lower=0,upper=1,cells=8}}", *CLOSED[:1],
              "boundary={x={kind='wall'}, y_low={kind='symmetry'}, y_high={kind='wall'}}"]  # fmt: skip
    vortex = "initial.vortex={kind='taylor', centre=[0,0], radius=1e-3, velocity=1}"
    for file, changes in ((one, line), (path, around)):
        for added in (TURBULENCE, vortex):
            with pytest.raises(ConfigError, match=r"^initial\.(turbulence|vortex): needs a mesh in"):
                Builder(load(file, [*changes, added]), Communicator()).fields()


def test_doubts(path):
    def doubts(*changes):
        flow = build(load(path, changes), Communicator())
        return [text for concern in Builder(load(path, changes), Communicator()).concerns for text in concern(flow)]

    fine = "initial.turbulence={spectrum={kind='passot-pouquet', u_rms=1, length='0.5 mm'}}"
    large = "initial.turbulence={spectrum={kind='passot-pouquet', u_rms=1, length='4 mm'}}"
    assert "fine_turbulence" in doubts(fine) and "large_turbulence" in doubts(large)
    assert not {"fine_turbulence", "large_turbulence"} & {*doubts(TURBULENCE)}
    small = "initial.vortex={kind='taylor', centre=[0,0], radius='0.5 mm', velocity=1}"
    assert "initial.vortex" in doubts(small)
