"""Finds the range of the fresh gas of a learned chemistry, from states of its trajectories and its hottest flames."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import torch

from combust.errors import DivergenceError
from combust.kinetics.flames.free import FlameProfile, free_flame
from combust.kinetics.mechanism.mechanism import Mechanism
from combust.surrogates.data import streams
from combust.surrogates.model.card import Ratios, Taught
from combust.surrogates.settings import Surrogate, decades
from combust.surrogates.trust import fresh
from combust.surrogates.trust.fresh import Mixing

NODES, MIXTURES = 56, 32
PHI_STEP, P_STEP = 0.25, 1.6  # of the logarithms, between the hottest flames
SLOPE, CURVE, MAX_POINTS = 0.05, 0.1, 3000  # of their grids: twice as coarse, the peak of fresh gas is 15 K too low
ROOM = 1e-3  # of the ratios of elements
LEAST_MIXTURE = 1e-4
PREMIXED = ("flame", "burner", "extinction", "ignition")
OTHER = ("ignition", "counterflow")  # whose rows the surface of the hottest flames does not cover

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # T (rows,), Y (rows, species), kind (rows,)


def fit(gas: Mechanism, hold: Any, settings: Surrogate, rows: Rows) -> Taught:
    """What was taught, by states of trajectories and flows and the kinds of these."""
    T, Y, kind = rows
    mixing = Mixing.of(gas, hold, settings.fuel, settings.oxidizer)
    z, cold = mixing(T, Y)
    nodes = np.linspace(math.floor(T.min()), math.ceil(T.max()), NODES)
    low = max(float(z.min()), LEAST_MIXTURE)
    mixtures = np.geomspace(low, max(float(z.max()), 1.01 * low), MIXTURES)
    ratio = element_ratios(gas, Y)
    premixed = spread(ratio, np.isin(kind, PREMIXED))
    apart = np.isin(kind, ("counterflow", "flow"))
    if premixed is not None:
        apart &= ~within(premixed, ratio)
    present, range_ = set(kind.tolist()), settings.range
    made = Taught(
        flames=range_.T_fresh if present & set(streams.FLAMES) or "extinction" in present else None,
        ignitions=range_.T_ignition if "ignition" in present else None, margin=fresh.MARGIN,
        temperature=numbers(nodes), mixture=tuple(float(f"{x:.6g}") for x in mixtures),
        coldest=numbers(np.floor(extremes(nodes, T, cold, -1))),
        hottest=surface(gas, mixing, settings, nodes, mixtures, (T, z, cold, kind)),
        apart=numbers(np.ceil(extremes(nodes, T[apart], cold[apart], 1))) if apart.any() else None,
        even=spread(ratio, kind == "ignition"), premixed=premixed,
    )  # fmt: skip
    table = fresh.tables(made, gas, hold, settings.fuel, settings.oxidizer)
    good = (
        fresh.known(
            table,
            masses(gas).to(gas.device),
            gas.thermo,
            hold,
            torch.as_tensor(T, device=gas.device),
            torch.as_tensor(np.ascontiguousarray(Y.T), device=gas.device),
        )
        .cpu()
        .numpy()
    )
    shares = {name: round(float(good[kind == name].mean()), 4) for name in sorted(present)}
    return msgspec.structs.replace(made, known=shares)


def numbers(x: np.ndarray) -> tuple[float, ...]:
    """For a card."""
    return tuple(float(f"{value:.10g}") for value in x)


def masses(gas: Mechanism) -> torch.Tensor:
    """Of the elements, (elements, species) kg per kg."""
    atomic = torch.as_tensor([gas.cantera_of_all().atomic_weight(e) for e in gas.elements], dtype=torch.float64)
    return atomic.unsqueeze(1) * (gas.element_matrix / gas.molar_mass).cpu()


def element_ratios(gas: Mechanism, Y: np.ndarray) -> np.ndarray:
    """(elements, elements, rows), see `fresh.ratios`."""
    return fresh.ratios(masses(gas), torch.as_tensor(np.ascontiguousarray(Y.T))).numpy()


def spread(ratio: np.ndarray, own: np.ndarray) -> Ratios | None:
    """Of rows; None of none."""
    if not own.any():
        return None
    low, high = ratio[..., own].min(-1) - ROOM, ratio[..., own].max(-1) + ROOM
    return Ratios(*(tuple(numbers(np.round(row, 5)) for row in table) for table in (low, high)))


def within(found: Ratios, ratio: np.ndarray) -> np.ndarray:
    """(rows,)"""
    low, high = (np.asarray(x)[..., None] for x in (found.lowest, found.highest))
    return ((ratio >= low) & (ratio <= high)).all((0, 1))


def extremes(nodes: np.ndarray, T: np.ndarray, value: np.ndarray, sign: int) -> np.ndarray:
    """Largest (sign 1) or smallest (-1) value of the rows around each node (nodes,), one node on; where there are no
    rows, that of the nearest node that has some.
    """
    found = np.full(len(nodes), -np.inf)
    place = np.clip(np.searchsorted(nodes, T) - 1, 0, len(nodes) - 2)
    for k in (0, 1):
        np.maximum.at(found, place + k, sign * value)
    wide = np.maximum(found, np.maximum(np.r_[found[1:], -np.inf], np.r_[-np.inf, found[:-1]]))
    some = np.flatnonzero(np.isfinite(wide))
    nearest = some[np.abs(np.arange(len(nodes))[:, None] - some).argmin(1)]
    return sign * wide[nearest]


def surface(
    gas: Mechanism,
    mixing: Mixing,
    settings: Surrogate,
    nodes: np.ndarray,
    mixtures: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> tuple[tuple[float, ...], ...] | None:
    """Fresh gas [K] of flames at the upper end of range.T_fresh, (nodes, mixtures), raised where rows are hotter."""
    T, z, cold, kind = rows
    under = ~np.isin(kind, OTHER)
    if not under.any():
        return None
    found = np.full((len(nodes), len(mixtures)), float(settings.range.T_fresh[1]))
    if np.isin(kind, ("flame", "burner")).any():
        for flames in hottest(gas, settings):
            level = np.stack([np.stack(along(mixing, flame, nodes)) for flame in flames])  # (flames, 2, nodes)
            for k in range(len(nodes)):
                order = level[:, 0, k].argsort()
                own = np.interp(np.log(mixtures), np.log(level[order, 0, k]), level[order, 1, k])
                found[k] = np.maximum(found[k], own)
    raised(found, nodes, mixtures, T[under], z[under], cold[under])
    return tuple(numbers(np.ceil(row)) for row in found)


def hottest(gas: Mechanism, settings: Surrogate) -> list[list[FlameProfile]]:
    """Free flames over phi, at each of a few pressures. Those that fail are left out."""
    within, made = settings.range, []
    phis, pressures = (
        np.geomspace(*pair, 2 + int(decades(pair) / step)) if pair[1] > pair[0] else np.array(pair[:1])
        for pair, step in ((within.phi, PHI_STEP), (within.p, P_STEP))
    )
    for p in pressures.tolist():
        flames = []
        for phi in phis.tolist():
            try:
                flames.append(
                    free_flame(
                        gas,
                        within.T_fresh[1],
                        p,
                        settings.fuel,
                        settings.oxidizer,
                        phi,
                        slope=SLOPE,
                        curve=CURVE,
                        max_points=MAX_POINTS,
                    )
                )
            except DivergenceError:
                continue
        made += [flames] if flames else []
    return made


def along(mixing: Mixing, flame: FlameProfile, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mixture fraction and fresh gas of a flame where it has the nodes' temperatures; beyond, those of its ends."""
    Y = flame.Y.clip(min=0.0)
    z, cold = mixing(flame.T, np.ascontiguousarray((Y / Y.sum(0)).T))
    rising = np.maximum.accumulate(flame.T)
    return np.interp(nodes, rising, z), np.interp(nodes, rising, cold)


def raised(
    found: np.ndarray, nodes: np.ndarray, mixtures: np.ndarray, T: np.ndarray, z: np.ndarray, cold: np.ndarray
) -> None:
    """Raises the surface at the four nodes around each row to the row's value, where that is higher."""
    i = np.clip(np.searchsorted(nodes, T) - 1, 0, len(nodes) - 2)
    j = np.clip(np.searchsorted(mixtures, z) - 1, 0, len(mixtures) - 2)
    for a in (0, 1):
        for b in (0, 1):
            np.maximum.at(found, (i + a, j + b), cold)
