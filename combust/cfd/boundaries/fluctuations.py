"""Synthetic turbulence at an inflow: functions of time and place that are added to the velocity of its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from combust.cfd.boundaries.conditions import Side, conditions_of
from combust.cfd.boundaries.fluctuation_settings import NAMES as STRESSES
from combust.cfd.boundaries.fluctuation_settings import DigitalFilter, Fluctuations
from combust.cfd.boundaries.keys import FREE, Key, Limits
from combust.cfd.boundaries.values import Function, Table, unsteady
from combust.cfd.mesh.grid import NAMES
from combust.cfd.synthetic.plane import InflowPlane
from combust.cfd.synthetic.varying import StressField
from combust.errors import ConfigError, at

NOT_NEGATIVE = Limits(0.0, np.inf, "at least 0")
STRONG = 0.3  # of the convection speed: beyond it gas flows out through an inflow at times


class Made(Protocol):
    """What fluctuates on a plane. u_rms : normal to it [m/s];  doubts : what is doubtful of it: key of its table ->
    sentence
    """

    @property
    def u_rms(self) -> float: ...
    @property
    def doubts(self) -> Mapping[str, str]: ...
    def velocity(self, component: int, t: float, places: Mapping[int, np.ndarray]) -> np.ndarray: ...


class Fluctuating:
    """A component of the velocity at a side: a mean, and what fluctuates."""

    unsteady = True
    turns = True  # gas may flow out at times

    def __init__(
        self, mean: float | Function, made: Made, component: int, axes: tuple[int, ...], doubts: dict[str, str]
    ):
        """doubts : what is doubtful of its strength and lengths, name -> sentence"""
        self.mean, self.made, self.component, self.axes, self.doubts = mean, made, component, axes, doubts
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()  # points stay what they are from step to step

    def __call__(self, t: float, points: Tensor) -> Tensor:
        """(nz, ny, nx) at the points [m/s]."""
        mean = self.mean(t, points) if callable(self.mean) else self.mean
        found = torch.from_numpy(np.ascontiguousarray(self.made.velocity(self.component, t, self._places(points))))
        return mean + found.to(points.device).reshape(points.shape[1:])

    def _places(self, points: Tensor) -> Mapping[int, np.ndarray]:
        """Along each direction of the plane [m]; what is on a GPU is fetched once."""
        if points not in self._known:
            self._known[points] = {a: points[a].movedim(a, 0).flatten(1)[:, 0].cpu().numpy() for a in self.axes}
        known: Mapping[int, np.ndarray] = self._known[points]
        return known


@dataclass(frozen=True)
class Extent:
    """Where fluctuations are: a side, or the part of it that reaches from where to where along x, y and z [m].

    normal : axis (0 z, 1 y, 2 x);  inwards : +1.0 or -1.0;  faces : of the whole mesh (z, y, x);  periodic : likewise
    """

    normal: int
    inwards: float
    reach: Mapping[str, tuple[float, float]]
    faces: tuple[np.ndarray, np.ndarray, np.ndarray]
    periodic: tuple[bool, bool, bool]
    axisymmetric: bool


def added(velocity: list[float | Function], table: Fluctuations, key: Key, where: Extent) -> list[float | Function]:
    """The velocity (z, y, x) with fluctuations; key : of the side. Raises ConfigError for what cannot be there."""
    name = f"{key.place}.fluctuations"
    varying = _varying(table, key) if isinstance(table, DigitalFilter) and table.profiles else None
    with at(name):
        on = _plane(where)
        on = replace(on, speed=table.convection or _mean(velocity[on.normal], on))
        made = table.build(on, varying)
    rms, doubt = made.u_rms, dict(made.doubts)
    if rms > STRONG * on.speed:
        doubt[""] = (
            f"u_rms normal to the side is {rms:.3g} m/s, {rms / on.speed:.2g} of the speed that the pattern "
            "comes in with: at times gas flows out there"
        )
    found: list[float | Function] = list(velocity)
    for component in (on.normal, *on.axes):
        told = {name + key: f"{name + key}: {text}" for key, text in doubt.items()}
        found[component] = Fluctuating(velocity[component], made, component, on.axes, told)
    return found


def _varying(table: DigitalFilter, key: Key) -> StressField:
    """Stresses of tables over the side, by place. Raises ConfigError for those that do not fit it."""
    made: dict[str, float | Table] = {}
    for part, given in table.profiles.items():
        name = f"fluctuations.{part}"
        limits = NOT_NEGATIVE if part in ("u_rms", "stresses.xx", "stresses.yy", "stresses.zz") else FREE
        value = key.value(name, given, limits)
        if not isinstance(value, Table) or unsteady(value):
            raise ConfigError(f"{key.place}.{name}: may be over coordinates of the side, not over time or from a plane")
        made[part] = value
    for part in STRESSES if table.stresses is not None else ():
        made.setdefault(f"stresses.{part}", getattr(table.stresses, part))

    def stresses(places: Mapping[int, np.ndarray]) -> np.ndarray:
        if "u_rms" in made:
            return np.multiply.outer(np.eye(3), _field(made["u_rms"], places) ** 2)
        xx, yy, zz, xy, xz, yz = (_field(made[f"stresses.{part}"], places) for part in STRESSES)
        return np.stack([np.stack(row) for row in ((zz, yz, xz), (yz, yy, xy), (xz, xy, xx))])

    return stresses


def _field(value: float | Table, places: Mapping[int, np.ndarray]) -> np.ndarray:
    """A number or a table at places along the axes of a plane, an array with one direction for each."""
    shape = [len(places[a]) for a in sorted(places)]
    if not isinstance(value, Table):
        return np.full(shape, float(value))
    along = [torch.as_tensor(places.get(a, np.zeros(1)), dtype=torch.float64) for a in range(3)]
    points = torch.stack(torch.meshgrid(*along, indexing="ij")).to(value.device)
    return value(0.0, points).expand(points.shape[1:]).cpu().numpy().reshape(shape)


def doubts(sides: Iterable[Side]) -> dict[str, str]:
    """What is doubtful of the fluctuations at these sides: name -> sentence."""
    moving = (v for side in sides for c in conditions_of(side) for v in c.velocity if isinstance(v, Fluctuating))
    return {name: text for v in moving for name, text in v.doubts.items()}


def _plane(where: Extent) -> InflowPlane:
    """Its plane, but for the speed. Raises ConfigError for a mesh without one."""
    faces, normal = where.faces, where.normal
    axes = tuple(a for a in range(3) if a != normal and len(faces[a]) > 2)
    if where.axisymmetric or not axes:
        what = "an axis" if where.axisymmetric else "one direction only"
        raise ConfigError(f"needs a mesh in two or three directions, without an axis; this one has {what}")
    cells = []
    for a in axes:
        low, high = where.reach[NAMES[a]]
        centres = 0.5 * (faces[a][1:] + faces[a][:-1])
        inside = np.flatnonzero((centres >= low) & (centres < high))
        if not len(inside):
            raise ConfigError(f"{NAMES[a]} from {low:.6g} to {high:.6g} m holds the centre of no cell")
        cells.append((int(inside[0]), len(inside)))
    depth = float(np.diff(faces[normal])[0 if where.inwards > 0 else -1])
    along = tuple(faces[a] for a in axes), tuple(where.periodic[a] for a in axes)
    return InflowPlane(normal, where.inwards, axes, *along, tuple(cells), depth, 1.0)


def _mean(velocity: float | Function, on: InflowPlane) -> float:
    """Mean of the velocity into the domain over the part [m/s]."""
    if unsteady(velocity):
        raise ConfigError("the velocity changes with time: give convection, the speed that the pattern comes in with")
    if callable(velocity):
        places = [torch.zeros(1, dtype=torch.float64)] * 3
        for a, centres in zip(on.axes, on.centres, strict=True):
            places[a] = torch.tensor(centres, dtype=torch.float64)
        device = velocity.device if isinstance(velocity, Table) else torch.device("cpu")
        points = torch.stack(torch.meshgrid(*places, indexing="ij")).to(device)
        field = velocity(0.0, points).expand(points.shape[1:]).cpu().numpy()
        speed = on.inwards * on.mean(field.reshape([len(c) for c in on.centres]))
    else:
        speed = on.inwards * velocity
    if not speed > 0:
        raise ConfigError("no gas flows in on the mean: give convection, the speed that the pattern comes in with")
    return speed
