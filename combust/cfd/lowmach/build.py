"""Builds the low-Mach flow of a case."""

from __future__ import annotations

from combust.cfd.boundaries import build as sides
from combust.cfd.lowmach import ambient
from combust.cfd.lowmach.flow import ReactingFlow
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.problem import LowMachNumerics, Problem
from combust.cfd.model.case import Case
from combust.errors import ConfigError
from combust.kinetics.mechanism.ideal_gas import require_ideal

SAME = 1e-6  # of a pressure: one that differs by less is the same


def build(case: Case) -> ReactingFlow:
    """The flow at time zero (collective). Raises ConfigError, MechanismError, DivergenceError."""
    model, data = case.transport_data()
    fresh, fields, table = case.unburnt, case.fields(), case.numerics
    if case.reacts:
        coldest = -case.comm.max(-float(fields[0][0].min()))[0]
        require_ideal("gas.pressure", coldest, case.pressure)
    problem = Problem(
        case.gas,
        case.boundaries,
        model,
        case.gravity,
        reference_density=ambient.reference_density(case, fields),
        closure=case.closure(),
        sources=case.sources(),
        interaction=case.interaction(),
        called=case.called,
    )
    numerics = LowMachNumerics(
        table.coupling, table.sweeps, table.cfl, reconstruction=table.reconstruction, momentum=table.momentum
    )
    scheme = LowMach(case.grid, problem, numerics, case.chemistry(), case.pressure_solver(), data)
    if case.content and not scheme.closed and abs(case.content.p0 / case.pressure - 1) > SAME:
        raise ConfigError(
            f"gas.pressure = {case.pressure:g}: the earlier run of initial.folder has p0 = {case.content.p0!r} Pa, "
            "which an open domain keeps: give that"
        )
    follower = sides.follower(
        case.sides, case.boundaries, None if fresh is None else fresh.thickness, case.grid.faces[2]
    )
    return ReactingFlow(
        scheme,
        fields,
        case.pressure,
        fresh,
        case.identity,
        follower,
        case.concerns,
        case.elsewhere,
        case.definitions,
        case.content,
    )
