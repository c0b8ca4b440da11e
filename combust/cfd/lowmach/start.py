"""Velocity and dynamic pressure of a start state."""

from __future__ import annotations

import torch
from torch import Tensor

from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import State
from combust.cfd.mesh.grid import Faces
from combust.cfd.operators import momentum


def velocity(scheme: LowMach, s: State) -> Faces:
    """Velocities of a start state with the divergence it asks for; the pressure of this impulse is dropped."""
    u = tuple(None if f is None else f.clone() for f in s.u)
    return scheme.projection.project(u, s.p, _per_density(scheme, _padded_density(scheme, s)), s)[0]


def pressure(scheme: LowMach, s: State) -> Tensor:
    """The pressure, padded, that a start state under gravity rests on, or that drives it as its weight does at once.

    div (grad p / rho) = div ((rho - rho_ref) g / rho), no flow through closed sides: with p = 0 the gas would fall for
    a step, and walls would drag at it.
    """
    gravity = scheme.problem.gravity
    if not any(gravity):
        return s.p
    rho = _padded_density(scheme, s)
    beta, head = _per_density(scheme, rho), _head(scheme, s)
    padded = scheme.filler.pressure(head)
    reference = scheme.reference_density(s.U[1:].sum(0))
    force: list[Tensor | None] = [None] * 3
    for a in scheme.layout.axes:
        per_density = beta[a]
        assert per_density is not None
        r = momentum.face_density(rho, scheme.layout, scheme.metrics, a)
        slope = momentum.gradient(padded, scheme.layout, scheme.metrics, a)
        force[a] = (gravity[a] * (r - reference) - slope) * per_density
        for patch in scheme.filler.patches():
            if patch.at.axis == a and patch.condition.pressure == "neumann":
                patch.owned(force[a].narrow(a, patch.at.side * scheme.layout.n[a], 1)).zero_()  # type: ignore[union-attr]
    faces = scheme.filler.pad_faces(tuple(force))
    rhs = momentum.velocity_divergence(faces, scheme.layout, scheme.metrics)
    terms = momentum.velocity_moduli(faces, scheme.layout, scheme.metrics)
    return scheme.filler.pressure(head + scheme.pressure.solve(beta, rhs, terms=terms).p)  # type: ignore[arg-type]


def _head(scheme: LowMach, s: State) -> Tensor:
    """Of a closed domain: the pressure under which gas of its mean density rests, whose mean is zero [Pa].

    It is exact to round-off, which a solve would not be: uniform gas then rests as well as it does in an open domain.
    """
    rho, gravity, reference = s.U[1:].sum(0), scheme.problem.gravity, scheme.problem.reference_density
    head = torch.zeros_like(rho)
    if not scheme.closed or reference is None:
        return head
    for a in scheme.layout.axes:
        head = head + gravity[a] * scheme.grid.centres[a]
    weighted, mass = scheme.comm.sum(float((head * scheme.grid.volume).sum()), float((rho * scheme.grid.volume).sum()))
    return (mass / scheme.volume - reference) * (head - weighted / scheme.volume)


def _padded_density(scheme: LowMach, s: State) -> Tensor:
    rho = s.U[1:].sum(0)
    return scheme.filler.momentum_inputs(rho, rho, scheme.block_faces(s.u), s.u)[0]


def _per_density(scheme: LowMach, rho: Tensor) -> Faces:
    """1 / rho on the block's faces."""
    return tuple(
        1.0 / momentum.face_density(rho, scheme.layout, scheme.metrics, a) if a in scheme.layout.axes else None
        for a in range(3)
    )
