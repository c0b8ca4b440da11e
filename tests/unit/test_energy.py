"""What convection and time steps make of kinetic energy without viscosity: nothing in space, a stated order in time."""

import math

import numpy as np
import pytest
import torch

from combust.case.load import load
from combust.cfd.boundaries.fill import Filler
from combust.cfd.lowmach.problem import LowMachNumerics
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, along, uniform_faces
from combust.cfd.operators import momentum
from combust.errors import ConfigError
from combust.parallel import Communicator
from combust.run.build import Builder
from combust.timers import Timers
from tests.draws import generator


def grid_of(mesh, n=(6, 5, 8)):
    """A periodic box; stretched: widths swing by 60 % either way."""
    faces = []
    for cells in n:
        s = uniform_faces(0.0, 1.0, cells)
        faces.append(s if mesh == "uniform" else s - 0.6 / (2 * math.pi) * np.sin(2 * math.pi * s))
    return Grid(Block.create(Communicator(), n, (True, True, True)), tuple(faces))


def on_faces_of(grid, values):
    """Periodic face values, owned by cells, padded."""
    filler = Filler(grid, ((None, None),) * 3, Timers())
    whole = (torch.cat([f, f.narrow(a, 0, 1)], a) for a, f in enumerate(values))
    return filler.velocity(filler.pad_faces(tuple(whole)))


def without_divergence(grid, A):
    """Fluxes on faces: the curl of A in forward differences, as the divergence takes."""

    def slope(f, axis):
        return (torch.roll(f, -1, axis) - f) / grid.metrics[axis].width

    others = [((a + 1) % 3, (a + 2) % 3) for a in range(3)]
    return on_faces_of(grid, [slope(A[c], b) - slope(A[b], c) for b, c in others])


def power(mesh, scheme, density):
    """d/dt of the kinetic energy by convection, and of its modulus, of random velocities and mass fluxes.

    Density follows the fluxes: d(rho u)/dt = conv, so d(rho u^2 / 2)/dt = u conv - u^2 / 2 d(rho)/dt.
    """
    grid, random = grid_of(mesh), generator()
    layout, metrics = grid.layout, grid.metrics
    drawn = [torch.randn((3, *layout.n), generator=random, dtype=torch.float64) for _ in range(2)]
    u = on_faces_of(grid, drawn[0])
    mass = (on_faces_of if density == "variable" else without_divergence)(grid, drawn[1])
    rate = -momentum.velocity_divergence(mass, layout, metrics)
    assert density == "variable" or float(rate.abs().max()) < 1e-10
    rate = Filler(grid, ((None, None),) * 3, Timers()).pressure(rate)
    total = size = 0.0
    for a, conv in enumerate(momentum.convection(u, mass, layout, metrics, scheme)):
        own = along(u[a], layout, a, 0, 1)
        volume = grid.volume / metrics[a].width / metrics[a].per_momentum.narrow(a, 0, layout.n[a])
        gained = own * conv - 0.5 * own * own * momentum.face_density(rate, layout, metrics, a)
        gained = gained.narrow(a, 0, layout.n[a]) * volume
        total, size = total + float(gained.sum()), size + float(gained.abs().sum())
    return total, size


@pytest.mark.parametrize("density", ["constant", "variable"])
@pytest.mark.parametrize(
    "mesh, scheme", [("uniform", "central"), ("uniform", "conserving"), ("stretched", "conserving")]
)
def test_convection_conserves_kinetic_energy(mesh, scheme, density):
    total, size = power(mesh, scheme, density)
    assert abs(total) < 1e-13 * size


def test_interpolation_does_not_on_stretched_grids():
    total, size = power("stretched", "central", "constant")
    assert abs(total) > 1e-4 * size


def on_faces(flow):
    """Kinetic energy of the velocities where they are, over density and volume [m2/s2]."""
    faces, volume, total = flow.scheme.block_faces(flow.current.u), flow.grid.volume, 0.0
    for a in flow.grid.layout.axes:
        metric, n = flow.grid.metrics[a], flow.grid.layout.n[a]
        share = volume / metric.width / metric.per_momentum.narrow(a, 0, n)
        total += 0.5 * float((faces[a].narrow(a, 0, n) ** 2 * share).sum())
    return total / float(volume.sum())


def vortices(*changes):
    changes = ["gas.transport={kind='constant',viscosity=1e-30}", "device=cpu", "numerics.compile=off", *changes]
    return Builder(load("cases/tgv3d_cold.toml", changes), Communicator()).flow()


def drift(cfl, turnovers=2.0):
    """Relative change of the kinetic energy of inviscid vortices on 12 cubed cells."""
    flow = vortices("mesh.cells=[12,12,12]", f"numerics.cfl={cfl}")
    start, end = on_faces(flow), turnovers * 2.5e-4
    steps = math.ceil(end / flow.limit()[0])
    for _ in range(steps):
        flow.advance(end / steps)
    assert abs(flow.quantity("mass_error")) < 1e-13
    return on_faces(flow) / start - 1


def test_time_steps_change_kinetic_energy_by_their_second_order():
    coarse, fine = drift(0.5), drift(0.25)
    assert 0 < fine < coarse < 5e-3
    assert math.log2(coarse / fine) > 1.8


def test_schemes_of_momentum_are_chosen_by_name():
    flow = vortices("mesh.cells=[4,4,4]", 'numerics.momentum="conserving"')
    assert flow.scheme.numerics.momentum == "conserving"
    with pytest.raises(ConfigError, match='momentum = "upwind" is unknown; known: central, conserving'):
        LowMachNumerics(momentum="upwind")
    with pytest.raises(ConfigError, match="numerics.momentum"):
        load("cases/tgv3d_cold.toml", ["numerics.momentum=upwind"])
