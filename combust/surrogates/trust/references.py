"""Jacobians that similar cells share: those of a few dozen reference states, at the pressure and time step at hand.

A Jacobian of one's own for every cell is most of the cost of exact integration. What is done with these is of the same
order whatever the Jacobian is, and its error is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from combust import devices
from combust.kernels import compiled
from combust.kinetics.integrate import linear, systems
from combust.kinetics.integrate.blocks import BLOCK, blocks, by_blocks, take, where
from combust.kinetics.integrate.durations import Durations
from combust.kinetics.integrate.native import shared
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.native.shared import Alike, single
from combust.kinetics.integrate.systems import Fixed, Hold
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.rates.thermo import GAS_CONSTANT

KELVIN, POWER, WEIGHT, FLOOR = 300.0, 0.1, 6.0, 1e-12  # of the distance: T / KELVIN and WEIGHT (Y + FLOOR)^POWER
PER_DECADE = 20.0  # pressures that share Jacobians: within 12 %
PER_OCTAVE = 4  # durations that share matrices: within 9 %, where they differ
BINS = 2**14  # more than there are bins of pressure
SHOWN = 255  # runs of cells with one matrix that a device tells the host of at once
KEPT = 2**27  # bytes of matrices of different durations that are kept, at most: those that were asked for last


MatrixOf = Callable[[Tensor], Tensor]  # of dt J (references, n, n): (references, n, any)


class References(NamedTuple):
    """T (references,) K, Y (species, references)."""

    T: Tensor
    Y: Tensor

    def joined(self, other: References) -> References:
        """These and others."""
        return References(torch.cat([self.T, other.T.to(self.T)]), torch.cat([self.Y, other.Y.to(self.Y)], 1))


class Block(NamedTuple):
    """Some cells, how many of them are no padding, and the places (from, to) of those that share a matrix, each with
    the pressure bin, the reference and the number of the duration (`Durations.alike`) of that.
    """

    cells: Tensor
    count: int  # type: ignore[assignment]
    runs: list[tuple[int, int, int, int, int]]


class SharedJacobians:
    """References of one mechanism and system; keeps what it computed for the last pressures and time step."""

    def __init__(self, gas: Mechanism, hold: Hold, references: References) -> None:
        self.gas, self.hold = gas, hold
        self.size = 1 + len(gas.species)
        self.references = References(*(x.to(gas.device) for x in references))
        places = place(*self.references).to(torch.float32)
        self._own = place(*self.references).T.contiguous()
        self._places = (-2.0 * places.T.contiguous(), places.square().sum(0))
        self._jacobians: dict[int, Tensor] = {}
        self._matrices: dict[tuple[int, float, MatrixOf], tuple[Tensor, list[Tensor]]] = {}
        self._whole = 0.0  # s, of the step that they belong to

    def nearest(self, z: Tensor) -> Tensor:
        """Rows (cells,) of the references nearest to z (1 + species, cells)."""
        if (code := compiled_for(self.gas.kinetics, z)) is not None:
            return shared.nearest(code, self._own, (KELVIN, POWER, WEIGHT, FLOOR), z)
        return by_blocks(partial(nearest_kernel, *self._places), z)

    def blocks(self, near: Tensor, p: Tensor, dt: float | Durations = 0.0) -> Iterator[Block]:
        """Cells with references near (cells,), at p (cells,) Pa, in an order in which those alike stand together."""
        if not near.numel():
            return
        count, bins = self.references.T.numel(), decades(p)
        kinds, numbers = bins + BINS // 2, Durations.given(dt).alike(PER_OCTAVE, nearest=True)
        if numbers is not None:
            kinds = kinds + BINS * numbers
        kinds = kinds * count + near
        order = torch.argsort(kinds)
        alike = runs_of(take(kinds, order))
        begin = 0
        for cells, used in blocks(order, BLOCK):
            runs, start = [], 0
            while start < used:
                kind, stop = alike[0]
                end = min(stop - begin, used)
                if stop - begin <= used:
                    del alike[0]
                number, decade = divmod(kind // count, BINS)
                runs.append((decade - BINS // 2, kind % count, start, end, number))
                start = end
            decade, row, start, _, number = runs[-1]
            runs[-1] = decade, row, start, len(cells), number  # the padding is like the last cell
            begin += used
            yield Block(cells, used, runs)

    def alike(
        self, cells: Tensor, near: Tensor, p: Tensor, dt: float, *of: MatrixOf
    ) -> Iterator[tuple[Tensor | None, Alike]]:
        """Cells (some,) of fields with references near and p [Pa] (all cells,), for each pressure bin that there is:
        their places among `cells`, None for all of them, and of(dt J) of each.
        """
        if not cells.numel():
            return
        bins = decades(p[cells])
        for decade in [int(bins[0])] if single(bins) else bins.unique().tolist():
            places = None if bool((bins == decade).all()) else where(bins == decade)
            own = cells if places is None else cells[places]
            yield places, Alike(own, near[own], tuple(self._kept(decade, dt, one)[0] for one in of))

    def solve(self, block: Block, dt: float | Durations, of: MatrixOf, x: Tensor) -> Tensor:
        """of(dt J) x for the cells of a block, each with the J of its reference; of `Durations`, about its own dt."""
        found, given = x.new_empty(self.size, x.shape[1]), Durations.given(dt)
        for decade, row, start, end, number in block.runs:
            matrices = self.matrices(decade, given.typical(number, PER_OCTAVE), of, given.whole)
            torch.mm(matrices[row], x[:, start:end], out=found[:, start:end])
        return found

    def jacobians(self, decade: int) -> Tensor:
        """(references, 1 + species, 1 + species) at the pressure of a bin."""
        if decade not in self._jacobians:
            T, Y = self.references
            p = torch.full_like(T, 10.0 ** (decade / PER_DECADE))
            rho = p * self.gas.mean_molar_mass(Y) / (GAS_CONSTANT * T)
            z = torch.cat([T.unsqueeze(0), Y * rho if self.hold == "flow" else Y])
            fixed = None if self.hold == "flow" else Fixed(p if self.hold == "hp" else rho)
            found = systems.linearise(self.gas.kinetics, self.hold, z, torch.zeros_like(z), fixed).jacobian
            self._jacobians[decade] = found.permute(2, 0, 1).contiguous()
        return self._jacobians[decade]

    def matrices(self, decade: int, dt: float, of: MatrixOf, whole: float = 0.0) -> list[Tensor]:
        """of(dt J) of each reference; whole : the step that dt [s] is a share of, dt itself if omitted."""
        return self._kept(decade, dt, of, whole)[1]

    def _kept(self, decade: int, dt: float, of: MatrixOf, whole: float = 0.0) -> tuple[Tensor, list[Tensor]]:
        """The same, all together and one by one."""
        key, whole = (decade, dt, of), whole or dt
        if whole != self._whole:  # those of other steps are history
            self._matrices, self._whole = {}, whole
        found = self._matrices.pop(key, None)
        if found is None:
            stack = of(dt * self.jacobians(decade)).contiguous()
            found = stack, list(stack.unbind(0))
            if len(self._matrices) >= max(KEPT // (8 * self.size**2 * self.references.T.numel()), 1):
                del self._matrices[next(iter(self._matrices))]
        self._matrices[key] = found
        return found


def decades(p: Tensor) -> Tensor:
    """Numbers of the bins of pressures p [Pa]."""
    return (p.log10() * PER_DECADE).round().to(torch.int64)


def runs_of(kinds: Tensor) -> list[tuple[int, int]]:
    """Of sorted whole numbers: each that is there, and where its run ends. The host waits for a device once, where they
    are no more than SHOWN.
    """
    changes = kinds[1:] != kinds[:-1]
    if devices.works_ahead(kinds.device):
        place = torch.cat([changes.new_zeros(1), changes]).cumsum(0).clamp_max(SHOWN)
        shown = kinds.new_zeros(2, SHOWN + 1)
        shown[0].scatter_(0, place, kinds)
        shown[1].scatter_reduce_(0, place, torch.arange(1, 1 + kinds.numel(), device=kinds.device), "amax")
        found = list(zip(*shown.tolist(), strict=True))
        if not found[-1][1]:
            return [pair for pair in found if pair[1]]
    stops = torch.cat([1 + changes.nonzero().squeeze(-1), changes.new_full((1,), kinds.numel(), dtype=torch.int64)])
    return list(zip(kinds[stops - 1].tolist(), stops.tolist(), strict=True))


def inverse(x: Tensor) -> Tensor:
    """(1 + x)^-1 of matrices x (..., n, n)."""
    return linear.inverse(torch.eye(x.shape[-1], dtype=x.dtype, device=x.device) + x)


def nearest(minus_twice: Tensor, squares: Tensor, z: Tensor) -> Tensor:
    """See `SharedJacobians.nearest`: minus twice the references' places, transposed, and their squared lengths."""
    z = z.to(minus_twice.dtype)
    at = place(z[0], z[1:] / z[1:].sum(0))
    return (minus_twice @ at + squares.unsqueeze(1)).T.argmin(1)


nearest_kernel = compiled(nearest, dynamic=None)


def place(T: Tensor, Y: Tensor) -> Tensor:
    """Coordinates in which distance tells how alike the Jacobians are, (1 + species, states)."""
    return torch.cat([T.unsqueeze(0) / KELVIN, WEIGHT * (Y.clamp_min(0.0) + FLOOR) ** POWER])


def burnt_and_fresh(gas: Mechanism, fuel: str, oxidizer: str, phis: list[float], T: float, p: float) -> References:
    """References of mixtures: fresh gas at T [K] and burnt gas in equilibrium, of each equivalence ratio."""
    solution = gas.cantera()
    found: list[tuple[float, Tensor]] = []
    for phi in phis:
        Y = gas.mixture(fuel, oxidizer, phi).cpu()
        found.append((T, Y))
        solution.TPY = T, p, Y.numpy()
        solution.equilibrate("HP")
        found.append((float(solution.T), torch.tensor(solution.Y.copy())))
    return References(torch.tensor([T for T, _ in found], dtype=torch.float64), torch.stack([Y for _, Y in found], 1))


def drawn(T: Tensor, Y: Tensor, count: int, seed: int = 0) -> References:
    """`count` of the states T (rows,), Y (species, rows), at random: most where most cells will be. For timing;
    what a model brings is chosen (combust.surrogates.trust.choice).
    """
    some = torch.randperm(T.numel(), generator=torch.Generator().manual_seed(seed))[:count]
    return References(T[some], Y[:, some])
