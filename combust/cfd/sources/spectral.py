"""Turbulence in a periodic box kept up by a force along its own largest waves.

Machiels, Phys. Rev. Lett. 79 (1997) 3411, doi:10.1103/PhysRevLett.79.3411: P u_band / (2 k_band) per mass has the power
P whatever the flow does, and no random numbers. u_band are the waves of the box up to a wave number; each has the
discrete divergence that it had in the flow, so that the force has none where the flow has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from combust.cfd.closures.base import Rates
from combust.cfd.closures.view import View
from combust.cfd.mesh.grid import NAMES, Grid, along, equal_cells
from combust.cfd.sources.base import Acting, Count
from combust.cfd.sources.linear import motion, require_box
from combust.errors import ConfigError

FEWEST = 8  # cells of the shortest wave that is forced
# Less energy of the waves that are forced is no motion but what solvers leave, or round-off, which differs by ranks: of
# that of what differs from the mean velocity; of that of all motion.
EMPTY, ROUNDED = 1e-12, 1e-24
HOLD = 3.0  # power is 1 + HOLD times that of rest, over 1 + HOLD k/k0: how firmly k is held


def require_equal(grid: Grid, what: str) -> None:
    """Raises ConfigError unless the mesh is a periodic box of equal cells."""
    require_box(grid, what)
    for a in grid.layout.axes:
        if not equal_cells(grid.faces[a]):
            raise ConfigError(f"{what}: needs equal cells in each direction: those in {NAMES[a]} are stretched")


def largest_side(grid: Grid) -> float:
    """Of the directions that the grid has [m]."""
    return max(float(grid.faces[a][-1] - grid.faces[a][0]) for a in grid.layout.axes)


class SpectralForcing(Acting):
    """Amplifies the waves up to a wave number, by the power u_rms^3 / length per mass where the energy is the wanted
    one, more below it and less above it.

    u_rms : of a component [m/s];  length [m];  largest : wave number of the shortest wave that is forced [1/m]
    """

    def __init__(self, grid: Grid, u_rms: float, length: float, largest: float) -> None:
        axes = grid.layout.axes
        self.dimensions, self.wanted, self.per_mass = len(axes), 0.5 * len(axes) * u_rms**2, u_rms**3 / length
        sides = [float(f[-1] - f[0]) for f in grid.faces]
        counts = [int(largest * sides[a] / (2 * math.pi) * (1 + 1e-9)) if a in axes else 0 for a in range(3)]
        k = [2 * math.pi * torch.arange(-m, m + 1, dtype=torch.float64) / sides[a] for a, m in enumerate(counts)]
        square = k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2
        self.counts = ((square > 0) & (square <= largest**2 * (1 + 1e-9))).to(grid.device)
        self.cells = math.prod(grid.block.shape)
        self.waves = {a: [_waves(grid, a, b, k[b]) for b in range(3)] for a in axes}
        self.speed = u_rms
        self.shortest = 2 * math.pi / largest

    def rates(self, view: View, t: float, dt: float) -> Rates:
        """A u_band, A so that the force alone adds power times dt to the energy, where the density is one."""
        if dt == 0.0:
            return Rates()
        layout = view.grid.layout
        hats, energy, (_, _, k) = self._forced(view)
        rate = (math.sqrt(1.0 + self.power_per_mass(k) * dt / energy) - 1.0) / dt if energy > 0 else 0.0
        found: list[Tensor | None] = [None, None, None]
        for a in layout.axes:
            found[a] = rate * _back(hats[a], self.waves[a])
        return Rates(acceleration=tuple(found))

    def power_per_mass(self, k: float) -> float:
        """At a kinetic energy per mass k [m2/s2]: that of the wanted motion where k is the wanted one [m2/s3]."""
        return self.per_mass * (1 + HOLD) / (1 + HOLD * k / self.wanted)

    def _forced(self, view: View) -> tuple[dict[int, Tensor], float, tuple[float, list[float], float]]:
        """What is forced, its energy per mass [m2/s2], zero where there is no more than EMPTY and ROUNDED, and `motion`
        (collective).
        """
        hats, whole = self._band(view), motion(view)
        energy = sum(0.5 * float((hat.abs() ** 2).sum()) for hat in hats.values())
        _, mean, k = whole
        if energy <= max(EMPTY * k, ROUNDED * (k + 0.5 * sum(u * u for u in mean))):
            energy = 0.0
        return hats, energy, whole

    def _band(self, view: View) -> dict[int, Tensor]:
        """Fourier coefficients of the waves that are forced, of each component (collective)."""
        layout, found = view.grid.layout, []
        for a in layout.axes:
            own = along(view.u[a], layout, a, 0, 0)  # type: ignore[arg-type]
            own = own.narrow(a, 0, layout.n[a])
            found.append(_forth(own.to(torch.complex128), self.waves[a], layout.n))
        total = view.sum(torch.view_as_real(torch.stack(found)))
        hats = torch.view_as_complex(total) / self.cells * self.counts
        return dict(zip(layout.axes, hats, strict=True))

    @property
    def columns(self) -> Mapping[str, Count]:
        return {"forcing_power": self.power, "turbulence_u_rms": self.u_rms}

    def power(self, view: View) -> float:
        """That of the step to come [W]."""
        _, energy, (mass, _, k) = self._forced(view)
        return self.power_per_mass(k) * mass if energy > 0 else 0.0

    def u_rms(self, view: View) -> float:
        """Of a component, now [m/s]."""
        return math.sqrt(2.0 * motion(view)[2] / self.dimensions)

    def concerns(self, view: View) -> dict[str, str]:
        """What has none of the waves that are forced is left as it is."""
        _, energy, (_, _, k) = self._forced(view)
        if energy > 0:
            return {}
        said = f"sources: spectral forcing amplifies waves of at least {self.shortest:.3g} m"
        if k == 0:
            return {"forcing": f"{said}, and nothing moves but the mean: it adds nothing; give initial.turbulence"}
        return {
            "forcing": f"{said}, and the motion has none so long, but for round-off: it adds nothing until there are "
            "some; take more `waves`, or an initial motion with them, as initial.turbulence of a larger length"
        }


def _waves(grid: Grid, component: int, axis: int, k: Tensor) -> Tensor:
    """exp(i k x), (waves, places), at the block's faces 0..n of a component along its axis, at cells along others."""
    x = grid.face_points(component)[axis].reshape(-1) - float(grid.faces[axis][0])
    if axis not in grid.layout.axes:
        x = torch.zeros_like(x)
    phase = k.to(grid.device)[:, None] * x
    return torch.polar(torch.ones_like(phase), phase)


def _forth(u: Tensor, waves: Sequence[Tensor], n: Sequence[int]) -> Tensor:
    """Sums of u exp(-i k x) over the block's own faces."""
    z, y, x = (wave[:, :count].conj() for wave, count in zip(waves, n, strict=True))
    found = torch.tensordot(u, x, dims=([2], [1]))
    found = torch.tensordot(found, y, dims=([1], [1]))  # (nz, kx, ky)
    return torch.tensordot(found, z, dims=([0], [1])).permute(2, 1, 0)


def _back(hat: Tensor, waves: Sequence[Tensor]) -> Tensor:
    """What the coefficients are at the block's faces."""
    z, y, x = waves
    found = torch.tensordot(hat, x, dims=([2], [0]))
    found = torch.tensordot(found, y, dims=([1], [0]))  # (kz, nx, ny)
    return torch.tensordot(found, z, dims=([0], [0])).permute(2, 1, 0).real.contiguous()
