"""What the rate kernels are given of a mechanism: parameters and sparsity, as tensors."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from combust.kinetics.rates.linear_burke import LinearBurke
from combust.kinetics.rates.pressure_rates import Chebyshev, Plog
from combust.kinetics.rates.rate_constants import BlowersMasel, Falloff
from combust.kinetics.rates.thermo import Thermo


class SparseRows(NamedTuple):
    """A sparse matrix acting on rows (n, ...cells), summed in a tree of a few terms per node.

    `index` and `weight` hold, level by level, blocks of nodes with equally many terms; every level reads the nodes
    of the one before. `place` picks the result's rows from all nodes and a last row of zeros.
    """

    index: tuple[tuple[Tensor, ...], ...]  # type: ignore[assignment]  # tuple's own `index` has no use here
    weight: tuple[tuple[Tensor, ...], ...]
    place: Tensor


class RateData(NamedTuple):
    """What `production_rates` needs; reactions in internal order (irreversible first), `order[i]` = Cantera's.

    Reactions with the same b and Ea share a row of `b`, `Ea_R` (and one exponential per cell). These rows are followed
    by one for each reaction of the other types: Blowers-Masel, P-log, Chebyshev, linear Burke.
    """

    A: Tensor  # (reactions,) kmol, m3, s; 1 for the last three types
    b: Tensor  # (exponents,)
    Ea_R: Tensor  # (exponents,) K
    exponent: Tensor  # (reactions,) row of the table [exponentials, other types]
    blowers_masel: BlowersMasel
    plog: Plog
    chebyshev: Chebyshev
    linear_burke: LinearBurke
    reactants: Tensor  # (reactions, slots) rows of a power table
    products: Tensor  # (reversible, slots)
    shift: Tensor  # (2, species): part of h/R and s/R that cancels in every reaction
    ln_c_ref: Tensor  # ln(p_ref / R)
    factor: Tensor  # (reactions,) row of the factor table [1, M, falloff]
    efficiency: Tensor  # (third bodies, species)
    falloff: Falloff
    power_species: Tensor  # species and order of each non-integer power in the power tables
    power: Tensor
    trace: Tensor  # () kmol/m3: see combust.kinetics.rates.powers
    edge: tuple[Tensor, Tensor]  # weights of `powers.forward_only`, as reactants and products; (0, 0) if never needed
    net: SparseRows  # rates of progress -> species
    order: Tensor
    multiplier: Tensor  # (reactions + reversible, members) of an ensemble; (.., 0) where there is none


class JacobianPattern(NamedTuple):
    """Entry e is the derivative of one forward or reverse rate with respect to one concentration in it."""

    forward: Tensor  # (entries,) reaction of each forward entry ...
    forward_count: Tensor  # ... multiplicity of the species ...
    forward_rest: Tensor  # ... and rows of the power table that remain in the product, (entries, slots)
    reverse: Tensor  # the same for reverse entries, numbered among the reversible reactions
    reverse_count: Tensor
    reverse_rest: Tensor
    reverse_species: Tensor  # species that the derivative is taken by
    reversible_net: tuple[Tensor, Tensor]  # species and net coefficients of the reversible reactions
    collider: Tensor  # reactions with a third body
    pressure: Tensor  # reactions whose rate constant depends on p = R T sum C, in the order of its table
    named: Tensor  # reactions of the named colliders of linear Burke reactions
    body_sum: SparseRows  # dq/dM of `collider` -> W_k d(omega_k)/dM summed per third body
    common: SparseRows  # [dq/dM, dq/d(sum C) of `pressure`] -> part of W_k d(omega_k)/dC_j that is the same for all j
    # [entries, body sums, named colliders] -> other parts of W_k/W_j d(omega_k)/dC_j, (species * species)
    matrix: SparseRows


class Kinetics(NamedTuple):
    """Everything the kernels need, in one argument."""

    thermo: Thermo
    rates: RateData
    pattern: JacobianPattern
