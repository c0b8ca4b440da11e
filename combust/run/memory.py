"""The peak memory of a run, counted from the case alone: nothing is allocated for it.

A step holds most in the stages of diffusion of its last sweep. Then there are the fields of the step (listed below),
the factors of the chemistry, and the temporaries of the kernel, which are those of a slab where the block is cut
(`combust.cfd.mesh.slabs`). What the C library keeps of freed arrays comes on top: its heap has holes, many where arrays
are smaller than 32 MiB, few beside larger ones. tests/cases/test_check.py holds the account against the memory of
processes.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from combust.case.config import Config
from combust.cfd.boundaries.settings import Periodic
from combust.cfd.closures.carried import quantities_of
from combust.cfd.initial.settings import FlameInitial, ManufacturedInitial, TaylorGreenInitial, UniformInitial
from combust.cfd.mesh.block import Triple, choose_dims
from combust.cfd.mesh.slabs import split
from combust.cfd.operators.reconstruction import layers_of_ghosts
from combust.cfd.pressure.choice import compiles as compiles_multigrid
from combust.cfd.pressure.choice import takes_multigrid, takes_petsc
from combust.devices import is_there
from combust.errors import ConfigError
from combust.kinetics.integrate.native.integrator import compiled_for
from combust.kinetics.integrate.native.library import LANES
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.kinetics.mechanism.settings import MixtureAveraged, has_soret
from combust.kinetics.providers.direct import FACTOR_BYTES, block_size
from combust.kinetics.providers.settings import CvodeChemistry, DirectChemistry, NoChemistry
from combust.machine import machine_memory
from combust.surrogates.provider.settings import LearnedChemistry

REAL = 8  # bytes of a number
VECTORS = ("u", "vorticity")
AVERAGED = (5, 19)  # numbers a cell of a scalar, a vector: means and squares, Reynolds and Favre, products, weight
# (T, Y) or (rho h, rho Y) of the owned cells: U at n, the diffusion that sweeps share, source and two stages of
# Runge-Kutta-Chebyshev; of chemistry: start, source, end, and the rates of slow cells.
OWNED = 9
# The same with ghosts: (T, Y) at n and of the last stage; transport coefficients at n and n+1/2.
PADDED = 4
SORET = 2  # thermal diffusion beside those coefficients
FACES, SCALARS = 4, 6  # per direction: velocities at n, n+1/2 and advective, mass fluxes; p, S, chi and the like
PAIRS = 3  # arrays (species, species) of binary diffusion in the eager kernel of the coefficients
STAGE = 18  # fields of a stage of diffusion in its eager kernel
FUSED = 10  # fields that the compiled kernels of a phase need at once
BUILT = 10  # fields, with ghosts or without, while the start is built, which is eager
# Of a closure: what it adds to the coefficients, with ghosts; gradients, velocity and diffusivities of the owned cells.
EDDIES_PADDED, EDDIES_OWNED = 3, 16
# Of each quantity that it carries: at n and n+1, of diffusion and of a stage, with ghosts; ends and stages of its step,
# balance and sources of the owned cells.
CARRIED_PADDED, CARRIED_OWNED = 4, 18
PRESSURE = 12  # vectors of conjugate gradients, conductances, separable problem
MULTIGRID = 5  # of its levels, in single precision
PETSC = 60  # numbers per cell of matrix, its pattern and a multigrid hierarchy
BLOCK_ARRAYS = 6  # Jacobians of one block of cells while it is integrated
HEAP_LIMIT = 2**25  # bytes of an array from which on holes of the heap are few
HOLES, FEWER_HOLES = 0.35, 0.1  # of the heap: where it serves all arrays; where those of pairs of species are beyond it
# Of the process, before any field, in bytes: Python, torch, Cantera; compiler; MPI; PETSc; what kinds bring along.
PROCESS, COMPILER, MPI, PETSC_ITSELF, LEARNED, MANUFACTURED = 335e6, 190e6, 11e6, 29e6, 30e6, 75e6
LATER = 70e6  # of what is loaded after the mechanism: the solver, files, the picture at the end
PER_SPECIES = 0.4e6  # of a mechanism's tables
CERTAIN = 0.8  # of the account: a run that needs so much more than there is does not fit
FEWEST = 4  # (T, Y) that any run keeps: before and after a step, conserved and primitive
# Below this much work the seconds of compiling are not won back (cells x steps of one rank, times species).
COMPILE_WORTH = 1.5e7
# Work of eager first steps (cells of one rank times species, times steps) while compiled kernels are made, about 5 s of
# a core: where ranks have all cores, longer ones would only be slower. Two at least, as compiling begins after the
# first; none where such a step takes more than about 7 s.
EAGER_WORK, EAGER_STEP = 2e6, 3e6
MANY = 1000  # steps of a run whose end does not tell them


@dataclass(frozen=True)
class Size:
    """The largest share of a rank: owned cells, those with ghosts, those of a slab, directions that count, species; and
    of all ranks the fewest cells, and ranks per direction (z, y, x).
    """

    cells: int
    padded: int
    slab: int
    directions: int
    species: int
    least: int
    dims: Triple

    def fields(self, count: float) -> float:
        """Bytes of so many (T, Y) of the owned cells."""
        return count * REAL * (1 + self.species) * self.cells

    def temporaries(self, count: float) -> float:
        """Bytes of so many (T, Y) of the cells that a kernel works on at once."""
        return count * REAL * (1 + self.species) * self.slab

    def with_ghosts(self, count: float) -> float:
        """Bytes of so many (T, Y) with ghosts."""
        return count * REAL * (2 + self.species) * self.padded


def size_of(config: Config, shape: Triple, ranks: int, species: int) -> Size:
    """The largest block of `shape` (nz, ny, nx) on so many ranks. Raises ConfigError if they cannot share it."""
    sides = config.boundary.sides(config.mesh.dimensions)
    periodic = tuple(isinstance(sides.get(f"{a}_low"), Periodic) for a in "zyx")
    dims = choose_dims(ranks, shape, (periodic[0], periodic[1], periodic[2]))
    count = [-(-n // parts) for n, parts in zip(shape, dims, strict=True)]
    axes = [a for a in range(3) if shape[a] > 1]
    ghosts = layers_of_ghosts(config.numerics.reconstruction, config.numerics.order)
    padded = math.prod(n + 2 * ghosts * (a in axes) for a, n in enumerate(count))
    least = math.prod(n // parts for n, parts in zip(shape, dims, strict=True))
    planes = max(n for _, n in split(count[0], count[1] * count[2])) if len(axes) == 3 else count[0]
    slab = planes * count[1] * count[2]
    return Size(math.prod(count), padded, slab, max(len(axes), 1), species, least, dims)


def keeps_factors(config: Config, gas: Mechanism) -> bool:
    """Whether exact chemistry keeps the factors of Jacobians: torch's kernels do, those in C++ (of CPUs) do not."""
    on_cpu = config.device == "cpu" or (config.device == "auto" and not is_there("cuda"))
    return isinstance(config.chemistry, DirectChemistry) and not (on_cpu and compiled_for(gas.kinetics) is not None)


def require_memory(config: Config, gas: Mechanism, ranks: int, here: int | None = None) -> None:
    """Raises ConfigError if the run would not fit into this machine, before one field is made.

    here : ranks that share this machine, all of them if omitted. The whole account is held against its memory only if
    kernels run there, and with room for what the account may be wrong by.
    """
    species = len(gas.species)
    counts = list(reversed(config.mesh.shape))[: config.mesh.dimensions]
    fewest = REAL * FEWEST * (1 + species) * math.prod(counts) / ranks + REAL * sum(counts)
    have, cells = machine_memory(), " x ".join(str(n) for n in counts)
    if fewest > have:
        raise ConfigError(
            f"mesh: {cells} cells of {species} species need more than {fewest / 1e9:.3g} GB on each of "
            f"{ranks} rank(s); this machine has {have / 1e9:.3g} GB: take fewer cells or more ranks"
        )
    if config.device not in ("auto", "cpu"):
        return
    here = ranks if here is None else here
    size = size_of(config, config.mesh.shape, ranks, species)
    parts = account(config, size, ranks, kept=keeps_factors(config, gas))
    each = sum(parts.values())
    if CERTAIN * here * each > have:
        room = max(have / here - parts["process"], 0.0) / (each - parts["process"])
        raise ConfigError(
            f"mesh: out of memory foreseen: {cells} cells ({math.prod(counts)}) of {species} species need "
            f"{here * each / 1e9:.3g} GB on the {here} rank(s) here, this machine has {have / 1e9:.3g} GB: take at "
            f"most about {room * math.prod(counts):.2g} cells, fewer species, or spread ranks over more machines"
        )


def compiles(config: Config, size: Size) -> bool:
    """Whether the run compiles its kernels, as far as the case tells: `case.kernel_mode` knows the first step, too."""
    choice = config.numerics.compile
    if os.environ.get("COMBUST_COMPILE", "1") == "0":
        return False
    if choice != "auto":
        return choice == "on"
    dt = config.numerics.dt or config.numerics.dt_max
    by_time = config.stop.time / dt if config.stop.time and dt else math.inf
    steps = min(config.stop.steps or math.inf, by_time)
    return size.cells * size.species * (steps if math.isfinite(steps) else MANY) > COMPILE_WORTH


def eager_steps(config: Config, cells: float, species: int) -> int:
    """First steps of a run with `cells` on a rank that are eager, if it compiles its kernels; by the case alone."""
    if config.numerics.compile == "on":
        return 0
    if config.numerics.eager_steps is not None:
        return config.numerics.eager_steps
    step = cells * species
    return max(2, int(EAGER_WORK / step)) if step <= EAGER_STEP else 0


def account(
    config: Config, size: Size, ranks: int, process: float | None = None, kept: bool = False
) -> dict[str, float]:
    """What one rank needs at the peak of a run [bytes], by name.

    process : what this process holds already, without fields; an estimate if omitted;  kept : see `keeps_factors`
    """
    compiled = compiles(config, size)
    fused = compiled and not eager_steps(config, size.cells, size.species)
    choice, fourth = config.numerics.pressure, config.numerics.order == 4
    chosen = choice.solver, choice.preconditioner
    multigrid = takes_multigrid(*chosen, size.directions, fourth, config.device) and compiles_multigrid()
    petsc = not multigrid and takes_petsc(*chosen, ranks, size.directions, fourth, config.device)
    several = size.directions > 1
    faces = REAL * size.padded * (FACES * size.directions + SCALARS)
    parts = {
        "process": _process(config, size.species, compiled, process)
        + (MPI + PETSC_ITSELF * petsc) * (petsc or ranks > 1),
        "fields": size.fields(OWNED) + faces,
        "fields with ghosts": size.with_ghosts(PADDED + (SORET if has_soret(config.gas.transport) else 0)),
        "kernels": _kernels(config, size, fused, kept),
        "pressure": REAL * size.cells * (PRESSURE + MULTIGRID * multigrid + PETSC * petsc) * several,
        "closure": _closure(config, size),
        "chemistry": _factors(config, size, kept) + _blocks(config, size.species, kept),
    }
    within = sum(value for name, value in parts.items() if name not in ("process", "kernels"))
    if config.output.averages is not None:
        parts["averages"] = REAL * size.cells * sum(AVERAGED[name in VECTORS] for name in config.output.averages.names)
    parts["heap"] = _heap(size, _pairs(config, size), within, parts["kernels"], compiled)
    return parts


def _heap(size: Size, pairs: float, within: float, kernels: float, compiled: bool) -> float:
    """What the C library keeps beside arrays; `within`: of the fields and the like."""
    if size.fields(1) >= HEAP_LIMIT:
        return HOLES * kernels + FEWER_HOLES * within
    if compiled or pairs < HEAP_LIMIT:
        return HOLES * (within + kernels)
    stage = size.temporaries(STAGE)  # freed by earlier kernels, of no use to those of pairs
    return stage + FEWER_HOLES * (within + stage)


def _process(config: Config, species: int, compiled: bool, measured: float | None) -> float:
    total = (PROCESS + PER_SPECIES * species) if measured is None else measured + LATER
    total += COMPILER * compiled
    total += LEARNED * isinstance(config.chemistry, LearnedChemistry)
    return total + MANUFACTURED * isinstance(config.initial, ManufacturedInitial)


def _mixture_averaged(config: Config) -> bool:
    return config.gas.transport == "mixture-averaged" or isinstance(config.gas.transport, MixtureAveraged)


def _pairs(config: Config, size: Size) -> float:
    """Bytes of one array of binary diffusion."""
    return REAL * size.species**2 * size.padded * size.slab / size.cells if _mixture_averaged(config) else 0.0


def _kernels(config: Config, size: Size, compiled: bool, kept: bool) -> float:
    """Temporaries of the largest kernel."""
    pairs = PAIRS * _pairs(config, size)
    if compiled:  # those of pairs are of the start, which is eager, beside less
        less = size.fields(OWNED + PADDED - BUILT) + _factors(config, size, kept)
        return max(size.temporaries(FUSED), pairs - less)
    return max(pairs, size.temporaries(STAGE))


def burning_share(config: Config) -> float:
    """Share of the cells whose chemistry is integrated: those behind the front of an initial flame, else all."""
    initial, mesh = config.initial, config.mesh
    if isinstance(initial, UniformInitial | TaylorGreenInitial):
        return float(initial.temperature > 700.0)
    if not isinstance(initial, FlameInitial):
        return 1.0
    low, high = mesh.span
    cells = mesh.shape[2]
    burnt = (high - initial.position) / (high - low)
    return min(max(burnt + 4.0 / cells, 0.0), 1.0)


def _closure(config: Config, size: Size) -> float:
    """Fields of a turbulence closure, and of what it carries."""
    closure = config.turbulence.build()
    if closure is None:
        return 0.0
    rows = len(quantities_of(closure))
    padded, owned = EDDIES_PADDED + CARRIED_PADDED * rows, EDDIES_OWNED + CARRIED_OWNED * rows
    return REAL * (padded * size.padded + owned * size.cells)


def _factors(config: Config, size: Size, kept: bool) -> float:
    """Jacobians' factors of the cells that are integrated, as long as they are kept."""
    once = config.numerics.coupling == "strang" or config.numerics.sweeps == 1
    if once or not kept:
        return 0.0
    n = 1 + size.species
    beside = 3 * n + 1  # state, rates, enthalpies, heat capacity and step of a cell that has factors
    return (n * n + beside) / (n * n) * min(burning_share(config) * size.cells * REAL * n * n, FACTOR_BYTES)


def _blocks(config: Config, species: int, kept: bool) -> float:
    """Work of one block of cells."""
    if isinstance(config.chemistry, NoChemistry | CvodeChemistry):
        return 0.0
    if isinstance(config.chemistry, DirectChemistry) and not kept:
        return REAL * LANES * (1 + species) ** 2
    return REAL * BLOCK_ARRAYS * block_size(species) * (1 + species) ** 2
