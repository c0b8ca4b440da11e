"""Fields and numbers of mixture, flame and motion against exact solutions."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from combust import kernels
from combust.case import names
from combust.case.load import load
from combust.cfd.diagnostics import flame, mixture, motion
from combust.cfd.initial.fields import Fields, stack
from combust.cfd.lowmach.sound import require_sound
from combust.cfd.mesh.block import Block
from combust.cfd.mesh.grid import Grid, stretched_faces, uniform_faces
from combust.cfd.operators import gradients
from combust.errors import CombustError, ConfigError, DivergenceError
from combust.parallel import Communicator
from combust.run.build import Builder
from combust.run.hooks import check_finite
from combust.run.simulation import Limits, Simulation

torch.set_num_threads(1)
CASES = Path(__file__).resolve().parents[2] / "cases"
SLIP, OPEN, MIRROR = '{kind="wall", slip=true}', '{kind="outflow"}', '{kind="symmetry"}'
INERT = (
    "chemistry.kind=none",
    'initial={kind="uniform", temperature=300.0, composition="N2:1"}',
    'output.fields.names=["T"]',
    'output.series.quantities=["T_max"]',
    'boundary.x={kind="wall", slip=true}',
    'boundary.y={kind="wall", slip=true}',
)


@dataclass(frozen=True)
class Moving(Builder):
    """Gas whose velocity (x, y, z) is a matrix times place; as set, not projected."""

    matrix: list = field(default_factory=list)

    def fields(self) -> Fields:
        u = [None, None, None]
        for axis in range(3):
            z, y, x = self.grid.face_points(axis)
            row = self.matrix[2 - axis]
            shape = [n + (a == axis) for a, n in enumerate(self.grid.layout.n)]
            u[axis] = (row[0] * x + row[1] * y + row[2] * z).expand(shape).contiguous()
        return stack(self.grid, 300.0, self.mixture(self.config.initial)), tuple(u)


def moving(matrix, *mesh):
    kernels.set_mode("eager")
    builder = Moving(load(CASES / "taylor_green_2d.toml", [*INERT, *mesh]), Communicator(), matrix=matrix)
    flow = builder.flow()
    flow.current.u = flow.scheme.filler.pad_faces(builder.fields()[1])
    return flow


def inside(values):
    """Away from the sides, whose ghosts do not follow the velocity as it was set."""
    keep = tuple(slice(2, -2) if n > 4 else slice(None) for n in values.shape[-3:])
    return values[(..., *keep)]


STRETCHED = ('mesh={kind="stretched", x={lower=0.01, upper=0.05, cells=9, ratio=1.1}, '
             'y={lower=0.02, upper=0.07, cells=8, ratio=0.92}}')  # fmt: skip


@pytest.mark.parametrize("mesh", ["mesh.cells=[9,8]", STRETCHED])
def test_solid_rotation_and_pure_strain(mesh):
    """Rotation at w: vorticity 2 w, no strain, Q = w^2. Strain (a x, -a y): no vorticity, 2 a, Q = -a^2."""
    w, a = 30.0, 40.0
    for matrix, curl, strain, q in (
        ([[0, -w, 0], [w, 0, 0], [0, 0, 0]], 2 * w, 0.0, w**2),
        ([[a, 0, 0], [0, -a, 0], [0, 0, 0]], 0.0, 2 * a, -(a**2)),
        ([[0, a, 0], [0, 0, 0], [0, 0, 0]], -a, a, 0.0),  # shear: as much of both
    ):
        flow = moving(matrix, mesh)
        np.testing.assert_allclose(inside(flow.field("vorticity"))[2], curl, rtol=1e-10, atol=1e-8)
        np.testing.assert_allclose(inside(flow.field("strain")), strain, rtol=1e-10, atol=1e-8)
        np.testing.assert_allclose(inside(flow.field("Q")), q, rtol=1e-10, atol=1e-7)
        mu = inside(flow.field("viscosity"))
        np.testing.assert_allclose(inside(flow.field("viscous_dissipation")), mu * strain**2, rtol=1e-9, atol=1e-9)
        enstrophy = motion.enstrophy(flow.current.u, flow.scheme.layout, flow.scheme.metrics).numpy()
        np.testing.assert_allclose(inside(enstrophy), 0.5 * curl**2, rtol=1e-10, atol=1e-7)


def test_all_components_in_three_dimensions():
    """A general gradient A: S:S, W:W and tau : grad u as of matrices."""
    A = np.array([[1.0, 5.0, -2.0], [3.0, -4.0, 0.5], [2.5, -1.0, 2.0]])
    flow = moving(A.tolist(), "mesh.cells=[6,5,7]", "mesh.lower=[0,0,0]", "mesh.upper=[0.1,0.1,0.1]",
                  f"boundary.z={SLIP}")  # fmt: skip
    S, W = 0.5 * (A + A.T), 0.5 * (A - A.T)
    np.testing.assert_allclose(inside(flow.field("strain")), np.sqrt(2 * (S * S).sum()), rtol=1e-10)
    np.testing.assert_allclose(inside(flow.field("Q")), 0.5 * ((W * W).sum() - (S * S).sum()), rtol=1e-9)
    heat = 2 * (S * S).sum() - 2 / 3 * np.trace(A) ** 2
    np.testing.assert_allclose(
        inside(flow.field("viscous_dissipation") / flow.field("viscosity")), heat, rtol=1e-10, atol=1e-9
    )


def test_the_axis_has_a_hoop_strain():
    """u = a x, v = -a r/2: strain a sqrt(3), Q = -3/4 a^2, dissipation 3 mu a^2."""
    a = 50.0
    flow = moving(
        [[a, 0, 0], [0, -a / 2, 0], [0, 0, 0]],
        'mesh={kind="axisymmetric", x={lower=0, upper=0.01, cells=6}, y={lower=0, upper=0.008, cells=7}}',
        f"boundary={{x={SLIP}, y_low={MIRROR}, y_high={SLIP}}}",
    )
    np.testing.assert_allclose(inside(flow.field("strain")), a * np.sqrt(3), rtol=1e-10)
    np.testing.assert_allclose(inside(flow.field("Q")), -0.75 * a**2, rtol=1e-10)
    heat = inside(flow.field("viscous_dissipation") / flow.field("viscosity"))
    np.testing.assert_allclose(heat, 3 * a**2, rtol=1e-10)


def test_taylor_green_vortices_lose_what_viscosity_takes():
    """Energy and dissipation of 2-D vortices: exact in the mean, and dE/dt = -dissipation over steps."""
    U, k = 4.0, 1e3
    flow = Builder(load(CASES / "taylor_green_2d.toml", ["mesh.cells=[32,32]"]), Communicator()).flow()
    area, rho, mu = (float(flow.grid.volume.sum()), *(flow.quantity(f"mean({n})") for n in ("rho", "viscosity")))
    # Modified wave number of differences over one cell, and that of the fields.
    kh = k * flow.grid.widths[2][0]
    slope = k * np.sin(kh / 2) / (kh / 2)
    assert flow.quantity("enstrophy") == pytest.approx(0.5 * (U * slope) ** 2 * area, rel=1e-9)
    assert flow.quantity("viscous_dissipation") == pytest.approx(mu * (U * slope) ** 2 * area, rel=1e-9)
    before, dt = flow.quantity("kinetic_energy"), 1e-6
    loss = flow.quantity("viscous_dissipation")
    for _ in range(4):
        flow.advance(dt)
    after = flow.quantity("kinetic_energy")
    # the energy of means of faces is that of faces times cos^2(k h / 2)
    rate = (before - after) / (4 * dt) / np.cos(kh / 2) ** 2
    assert rate == pytest.approx(loss, rel=5e-3)
    assert rho * loss / mu == pytest.approx(2 * rho * flow.quantity("enstrophy"), rel=2e-3)


def padded(grid, function):
    """A scalar of (z, y, x) in a padded array whose ghosts lie where the grid has them."""
    places = []
    for a in range(3):
        metric = grid.metrics[a]
        if metric is None:
            places.append(grid.centres[a])
            continue
        half = metric.half.flatten().numpy()
        edges = np.r_[0.0, np.cumsum(2 * half)]
        centre = 0.5 * (edges[1:] + edges[:-1]) - edges[grid.ghosts] + grid.faces[a][0]
        places.append(torch.tensor(centre).reshape([-1 if i == a else 1 for i in range(3)]))
    return function(*places).contiguous()


def box(nx=12, ny=10, nz=1, periodic=False):
    faces = (uniform_faces(0, 1, nz), stretched_faces(0.0, 2.0, ny, 1.1), stretched_faces(-1.0, 1.0, nx, 0.93))
    if periodic:
        faces = (faces[0], uniform_faces(0, 2, ny), uniform_faces(-1, 1, nx))
    block = Block.create(Communicator(), (nz, ny, nx), (periodic,) * 3)
    return Grid(block, faces)


def test_gradients_are_exact_for_parabolas_up_to_sides():
    grid = box()
    f = padded(grid, lambda z, y, x: 3.0 + 2.0 * x - y + 0.7 * x**2 + 1.5 * y**2 - 0.4 * x * y + 0 * z)
    found = gradients.gradient(f, grid.layout, grid.metrics)
    z, y, x = grid.centres
    np.testing.assert_allclose(found[2], 2.0 + 1.4 * x - 0.4 * y + 0 * z, rtol=1e-10)
    np.testing.assert_allclose(found[1], -1.0 + 3.0 * y - 0.4 * x + 0 * z, rtol=1e-10, atol=1e-12)
    assert float(found[0].abs().max()) == 0.0
    # A side without a gradient: the ghost is the cell, x^2 about it.
    g = padded(grid, lambda z, y, x: (x + 1.0) ** 2 + 0 * y + 0 * z)
    g[..., :2] = g[..., 2:3]
    first = gradients.gradient(g, grid.layout, grid.metrics)[2][..., 0]
    np.testing.assert_allclose(first, 2 * (x[..., 0] + 1.0).expand_as(first), rtol=1e-10)


def test_flame_surface_of_planes_and_circles():
    """A plane has the section of the box, and a hot spot behind it adds nothing; a ring of c = 1/2 at R has 2 pi R."""
    grid = box(64, 48, periodic=True)
    volume = grid.volume

    def area(function):
        return float((flame.surface_density(padded(grid, function), grid.layout, grid.metrics) * volume).sum())

    plane = area(lambda z, y, x: torch.sigmoid((x - 0.1) / 0.04) + 0 * y + 0 * z)
    assert plane == pytest.approx(2.0, rel=1e-6)
    hot = area(lambda z, y, x: torch.sigmoid((x - 0.1) / 0.04) * (1 + 0.2 * torch.sigmoid((x - 0.6) / 0.03)) + 0 * y)
    assert hot == pytest.approx(2.0, rel=1e-6)
    ring = area(lambda z, y, x: torch.sigmoid((0.6 - (x**2 + (y - 1) ** 2).sqrt()) / 0.04) + 0 * z)
    assert ring == pytest.approx(2 * np.pi * 0.6, rel=5e-3)


def test_flame_index_tells_premixed_from_diffusion():
    grid = box()
    fuel = padded(grid, lambda z, y, x: x + 0.5 * y + 0 * z)
    flat = torch.zeros_like(fuel)
    for other, wanted in ((2.0 * fuel, 1.0), (5.0 - fuel, -1.0), (flat, 0.0)):
        q = torch.stack([flat, fuel, other])
        np.testing.assert_allclose(mixture.flame_index(q, 0, 1, grid.layout, grid.metrics), wanted, rtol=1e-12)
    across = padded(grid, lambda z, y, x: 0.5 * x - y + 0 * z)
    found = mixture.flame_index(torch.stack([flat, fuel, across]), 0, 1, grid.layout, grid.metrics)
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def mixing(*changes):
    """A mixture of H2 and air at half the box, by the fields of a case."""
    kernels.set_mode("eager")
    return Builder(load(CASES / "taylor_green_2d.toml", [*INERT, "mesh.cells=[16,4]", *changes]), Communicator())


STREAMS = 'output.mixture_fraction={fuel="H2:1, N2:1", oxidizer="O2:0.21, N2:0.79"}'


def test_scalar_dissipation_of_a_linear_mixture():
    """Z that rises by 1 over the box: 2 lambda/(rho cp)/L^2."""
    builder = mixing(STREAMS)
    flow = builder.flow()
    gas, grid = flow.scheme.problem.gas, flow.grid
    x = grid.centres[2].expand(grid.layout.n)
    Z = (x - grid.faces[2][0]) / (grid.faces[2][-1] - grid.faces[2][0])
    air, fuel = flow.definitions.streams
    Y = air.reshape(-1, 1, 1, 1) + Z * (fuel - air).reshape(-1, 1, 1, 1)
    q = torch.cat([torch.full_like(Z, 300.0)[None], Y])
    flow.current.q = flow.scheme.filler.scalars(q)
    flow.current.coefficients = flow.scheme.coefficients(flow.current.q)
    flow.current.U = torch.cat([Z[None], Y])  # a density of one
    np.testing.assert_allclose(flow.field("mixture_fraction"), Z, rtol=1e-12, atol=1e-14)
    length = grid.faces[2][-1] - grid.faces[2][0]
    wanted = 2 * flow.field("conductivity") / flow.field("cp") / length**2
    np.testing.assert_allclose(inside(flow.field("scalar_dissipation")), inside(wanted), rtol=1e-10)
    np.testing.assert_allclose(inside(flow.field("flame_index")), -1.0, rtol=1e-12)
    assert gas.species[mixture.reactants(gas, flow.definitions.streams)[0]] == "H2"


def test_streams_come_from_the_table_or_the_initial_gas():
    fresh = 'initial={kind="uniform", temperature=300.0, fuel="H2:1", oxidizer="O2:1, AR:4", phi=0.5}'
    gas = mixing().gas
    air, argon = gas.composition("O2:0.21, N2:0.79"), gas.composition("O2:1, AR:4")
    assert torch.equal(mixing(STREAMS, fresh).definitions.streams[0], air)
    assert torch.equal(mixing(fresh).definitions.streams[0], argon)
    assert mixing().definitions.streams is None
    layers = 'initial={{kind="layers", along="x", streams=[{}]}}'
    stream = '{{composition="{}", temperature=300.0{}}}'
    three = [stream.format("O2:1, AR:4", ', until="1 mm", width="0.5 mm"'),
             stream.format("H2:1, N2:1", ', until="3 mm", width="0.5 mm"'), stream.format("H2O:1", "")]  # fmt: skip
    found = mixing(layers.format(", ".join(three))).definitions.streams
    assert torch.equal(found, torch.stack([argon, gas.composition("H2:1, N2:1")]))
    assert mixing(layers.format(", ".join([three[0], stream.format("O2:1, AR:4", "")]))).definitions.streams is None
    with pytest.raises(ConfigError, match="output.mixture_fraction: fuel = .*no more C and H over O"):
        mixing('output.mixture_fraction={fuel="O2:1", oxidizer="H2:1"}').flow()
    with pytest.raises(CombustError, match="output.mixture_fraction.oxidizer: .*XX"):
        mixing('output.mixture_fraction={fuel="H2:1", oxidizer="XX:1"}').flow()


def test_progress_by_species_or_given_ends():
    flow = mixing("output.progress={fresh=300, burnt=900}").flow()
    assert np.all(flow.field("progress") == 0.0) and flow.quantity("flame_surface") == 0.0
    kernel = Builder(load(CASES / "kernel.toml", ["mesh.cells=[12,12]", 'output.progress={species="H2O:1"}']),
                     Communicator()).flow()  # fmt: skip
    k = kernel.scheme.problem.gas.index("H2O")
    burnt = float(kernel.unburnt.burnt_Y[k])
    np.testing.assert_allclose(kernel.field("progress"), kernel.field("Y_H2O") / burnt, rtol=1e-12)
    surface, speed = kernel.quantity("flame_surface"), kernel.quantity("flame_speed")
    section = kernel.scheme.volume / (kernel.grid.faces[2][-1] - kernel.grid.faces[2][0])
    assert surface > 0 and kernel.quantity("consumption_speed") == pytest.approx(speed * section / surface)
    with pytest.raises(ConfigError, match="output.progress: is 0 in the fresh gas and in the burnt"):
        Builder(load(CASES / "kernel.toml", ["mesh.cells=[12,12]", 'output.progress={species="AR:1"}']),
                Communicator()).flow()  # fmt: skip
    with pytest.raises(ConfigError, match="fresh and burnt must differ"):
        load(CASES / "kernel.toml", ["output.progress={fresh=1, burnt=1}"])


@pytest.mark.parametrize(
    "name, row, said",
    [
        ("U", 4, "rho Y_O2 at cell"),
        ("q", 0, "T at cell"),
        ("p", None, "p at cell"),
        ("wdot", 0, "omega_H2 at cell"),
        ("S", None, "div u at cell"),
    ],
)
def test_what_is_lost_is_named_with_field_cell_and_step(name, row, said):
    """By the step that meets it, and by the guard of a run."""
    flow = Builder(load(CASES / "kernel.toml", ["mesh.cells=[10,8]"]), Communicator()).flow()
    flow.advance(1e-7)
    values = getattr(flow.current, name)
    inner = flow.scheme.inner(values) if name in ("q", "p") else values
    (inner if row is None else inner[row])[0, 5, 3] = torch.nan
    where = rf"{said} \(x, y, z\) = \(3, 5, 0\) on rank 0 is nan"
    with pytest.raises(DivergenceError, match="after step 1: " + where):
        check_finite(Simulation(flow, [], Limits()))
    with pytest.raises(DivergenceError, match="in step 2, from t = 1e-07 s: .*; before this step " + where):
        flow.advance(1e-7)


def test_what_a_step_makes_is_named_too():
    flow = Builder(load(CASES / "kernel.toml", ["mesh.cells=[10,8]"]), Communicator()).flow()
    scheme, s, species = flow.scheme, flow.current, flow.scheme.problem.gas.species
    s.U = s.U.clone()
    s.U[3, 0, 2, 7] = torch.inf
    with pytest.raises(
        DivergenceError, match=r"not finite .*: rho Y_O at cell \(x, y, z\) = \(7, 2, 0\) of rank 0: sh"
    ):
        require_sound(s, flow.grid, scheme.thermo, species, 0.05)
    s.U[3, 0, 2, 7] = -9.0
    with pytest.raises(DivergenceError, match=r"density is not positive.*: density at cell \(x, y, z\) = \(7, 2, 0\)"):
        require_sound(s, flow.grid, scheme.thermo, species, 1e9)


def test_bars_do_not_end_columns_of_the_reference():
    lines = [line for line in names.markdown() if line.startswith("| `")]
    assert any("grad c" in line for line in lines)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in lines)
