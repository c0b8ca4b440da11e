"""How strongly species depend on each other directly, from net rates of progress: DRG, DRGEP and PFA coefficients.

With net stoichiometry nu_Ai, net rates w_i, d_Bi = 1 if B takes part in reaction i, production and consumption
P_A = sum max(0, nu_Ai w_i), C_A = sum max(0, -nu_Ai w_i), and P_AB, C_AB the same sums with d_Bi:

    DRG    r_AB = sum |nu_Ai w_i d_Bi| / sum |nu_Ai w_i|           Lu and Law 2005, doi 10.1016/j.proci.2004.08.145
    DRGEP  r_AB = |sum nu_Ai w_i d_Bi| / max(P_A, C_A)             Pepiot-Desjardins and Pitsch 2008,
                                                                   doi 10.1016/j.combustflame.2007.10.020
    PFA    with p_AB = P_AB / max(P_A, C_A), c_AB likewise,        Sun et al. 2010,
           r_AB = p_AB + c_AB + sum_M p_AM p_MB + sum_M c_AM c_MB  doi 10.1016/j.combustflame.2010.03.006

M runs over all but A and B. PFA sums may exceed 1: r / (1 + r) is used, which keeps their order and stays below 1.

Sums over reactions are products of constant sparse matrices with the rates, one row per pair of species that share
a reaction, so all states are done at once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

from combust.kinetics.mechanism.layout import net_stoichiometry
from combust.reduction.submechanism import Parent

Method = Literal["drgep", "drg", "pfa"]
METHODS: tuple[Method, ...] = ("drgep", "drg", "pfa")


class Interaction:
    """Stoichiometry and participation of a mechanism, and coefficients for given rates.

    Pairs (A, B): rows `A`, `B` of two species that share a reaction in which A changes, B != A, sorted by B; for PFA
    also pairs with one species between them.
    """

    def __init__(self, parent: Parent, method: Method, colliders: float | None = None) -> None:
        n = len(parent.gas.species)
        self.method, self.species = method, n
        self.net = _net_stoichiometry(parent)
        self.part = _participation(parent, colliders)
        self.first, self.shared = _pairs(self.net, self.part)
        self.A, self.B = self.first
        if method == "pfa":
            adjacent = sparse.csr_array((np.ones(len(self.A)), self.first), shape=(n, n))
            near = ((adjacent + adjacent @ adjacent) != 0).tocsc().tocoo()
            off = near.row != near.col
            self.A, self.B = near.row[off].astype(np.int64), near.col[off].astype(np.int64)
        self._net_split, self._shared_split = _split(self.net), _split(self.shared)

    def turnover(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P and C (species, states) of net rates w (reactions, states)."""
        return _signed_sums(self._net_split, w)

    def coefficients(self, w: np.ndarray, removed: np.ndarray | None = None) -> np.ndarray:
        """r (pairs, states) of net rates of progress w (reactions, states).

        removed (species,) bool: a group S that is gone. Then d_Bi becomes 1 for reactions with any of S too (group
        coefficients, Pepiot-Desjardins and Pitsch 2008): what is lost with B on top of what is lost already. That
        part is the same for all B; it is given to the pairs alone, as it ranks nothing elsewhere. Pairs with one of
        S have r = 0.
        """
        gone = np.zeros(self.species, dtype=bool) if removed is None else removed
        lost = self.lost(gone)[:, None]
        A, B = self.first
        alive = ~(gone[A] | gone[B])[:, None]
        kept, lost = w * (1 - lost), w * lost
        P, C = self.turnover(w)
        if self.method == "drg":
            shared = abs(self.shared) @ abs(kept) + (abs(self.net) @ abs(lost))[A]
            return alive * np.minimum(_ratio(shared, (P + C)[A]), 1.0)  # round-off goes beyond 1
        most = np.maximum(P, C)
        if self.method == "drgep":
            shared = self.shared @ kept + (self.net @ lost)[A]
            return alive * np.minimum(_ratio(abs(shared), most[A]), 1.0)
        halves = zip(_signed_sums(self._shared_split, kept), _signed_sums(self._net_split, lost), strict=True)
        return self._two_generations([alive * _ratio(pair + base[A], most[A]) for pair, base in halves])

    def lost(self, gone: np.ndarray) -> np.ndarray:
        """Share (reactions,) of each reaction that is lost with the species `gone` (species,) bool."""
        if not gone.any():
            return np.zeros(self.net.shape[1])
        return np.asarray(self.part[np.flatnonzero(gone)].max(axis=0).todense()).reshape(-1)

    def _two_generations(self, halves: list[np.ndarray]) -> np.ndarray:
        """PFA's r (pairs, states) of production and consumption, each (first pairs, states)."""
        A, B = self.first
        states = halves[0].shape[1]
        r = np.empty((len(self.A), states))
        for s in range(states):
            total = np.zeros((self.species, self.species))
            for half in halves:
                direct = np.zeros_like(total)
                direct[A, B] = half[:, s]
                total += direct + direct @ direct  # no species is its own neighbour, so M is neither A nor B
            r[:, s] = total[self.A, self.B]
        return r / (1 + r)

    def heat_shares(self, w: np.ndarray, dH: np.ndarray, removed: np.ndarray | None = None) -> np.ndarray:
        """Of the heat release, r_B (species, states) = sum |w_i dH_i| d_Bi / sum |w_i dH_i|; dH (reactions, states).

        With PFA r / (1 + r), on the scale of its other coefficients.
        """
        gone = np.zeros(self.species, dtype=bool) if removed is None else removed
        lost = self.lost(gone)[:, None]
        heat = abs(w * dH)
        reactive = (self.part.sum(axis=1) > 0) & ~gone
        shared = self.part @ (heat * (1 - lost)) + (heat * lost).sum(0)
        r = reactive[:, None] * np.minimum(_ratio(shared, heat.sum(0)), 1.0)
        return r / (1 + r) if self.method == "pfa" else r


def _net_stoichiometry(parent: Parent) -> sparse.csr_array:
    """nu (species, reactions)."""
    nets = (net_stoichiometry(reaction, parent.index) for reaction in parent.reactions)
    terms = {(k, i): nu for i, net in enumerate(nets) for k, nu in net.items()}
    return _matrix(terms, (len(parent.index), len(parent.reactions)))


def _participation(parent: Parent, colliders: float | None) -> sparse.csr_array:
    """d (species, reactions): 1 for what a reaction cannot do without.

    A collider with efficiency e >= `colliders` counts as 1 - 1/e, which is lost when an ordinary one takes its place.
    """
    terms: dict[tuple[int, int], float] = {}
    for i, (reaction, who) in enumerate(zip(parent.reactions, parent.participants, strict=True)):
        body = reaction.third_body
        if colliders is not None and body is not None:
            efficiencies = parent.index.values(body.efficiencies)
            terms.update({(k, i): 1.0 - 1.0 / e for k, e in efficiencies.items() if e >= colliders})
        terms.update({(k, i): 1.0 for k in who})
    return _matrix(terms, (len(parent.index), len(parent.reactions)))


def _pairs(net: sparse.csr_array, part: sparse.csr_array) -> tuple[tuple[np.ndarray, np.ndarray], sparse.csr_array]:
    """Rows A and B of all pairs, sorted by B, and nu_Ai d_Bi as a matrix (pairs, reactions)."""
    n = net.shape[0]
    nets, parts = net.tocsc(), part.tocsc()
    keys, columns, values = [], [], []
    for i in range(net.shape[1]):
        own, others = (slice(m.indptr[i], m.indptr[i + 1]) for m in (nets, parts))
        A, B = nets.indices[own], parts.indices[others]
        keys.append((B[None, :].astype(np.int64) * n + A[:, None]).ravel())
        columns.append(np.full(keys[-1].size, i))
        values.append((nets.data[own][:, None] * parts.data[others][None, :]).ravel())
    key, column, value = (np.concatenate([*x, np.empty(0, x[0].dtype)]) for x in (keys, columns, values))
    other = key // n != key % n
    pair, row = np.unique(key[other], return_inverse=True)
    shared = sparse.csr_array((value[other], (row, column[other])), shape=(len(pair), net.shape[1]))
    return (pair % n, pair // n), shared


def _matrix(terms: dict[tuple[int, int], float], shape: tuple[int, int]) -> sparse.csr_array:
    rows, columns = np.array(list(terms), dtype=np.int64).reshape(-1, 2).T
    return sparse.csr_array((np.array(list(terms.values()), dtype=float), (rows, columns)), shape=shape)


def _split(matrix: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Positive and negative part, both as positive numbers."""
    return matrix.maximum(0.0), (-matrix).maximum(0.0)


def _signed_sums(split: tuple[sparse.csr_array, sparse.csr_array], w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sum max(0, m_i w_i) and sum max(0, -m_i w_i) of a matrix given by its two parts."""
    positive, negative = split
    ahead, back = np.maximum(w, 0.0), np.maximum(-w, 0.0)
    return positive @ ahead + negative @ back, negative @ ahead + positive @ back


def _ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x / y, and 0 where nothing turns over."""
    return np.divide(x, y, out=np.zeros(np.broadcast_shapes(x.shape, y.shape)), where=y > 0)
