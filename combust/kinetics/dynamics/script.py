"""Input of LAMMPS for one segment of a run.

Every segment begins by reading the state that the one before has left, also where nothing stopped in between: a run
that was killed then does, to the bit, what one that was not does.
"""

from __future__ import annotations

from collections.abc import Sequence

from combust.kinetics.dynamics.settings import Dynamics

START, END, TABLE = "start.restart", "end.restart", "trajectory"
DATA, FIELD = "box.data", "potential"
NEIGHBOURS = "neighbor 2.0 bin\nneigh_modify every 10 delay 0 check no"  # no check: lists hang on nothing but the step


def text(settings: Dynamics, elements: Sequence[str], number: int) -> str:
    """Of segment `number`, 0 for the one that only settles."""
    femto, pico = settings.step * 1e15, settings.step * 1e12
    damping = settings.damping * (1e12 if settings.deep else 1e15)
    lines = [
        f"units {'metal' if settings.deep else 'real'}",
        f"atom_style {'atomic' if settings.deep else 'charge'}",
        "boundary p p p",
        f"read_data {DATA}" if number == 0 else f"read_restart {START}",
        *(potential(settings, elements)),
        NEIGHBOURS,
        f"velocity all create {settings.T:.10g} {settings.seed} mom yes rot no dist gaussian" if number == 0 else "",
        f"fix thermostat all nvt temp {settings.T:.10g} {settings.T:.10g} {damping:.10g}",
        *(output(settings, elements) if number else []),
        f"timestep {pico if settings.deep else femto:.10g}",
        "thermo_style custom step temp press etotal econserve",
        f"thermo {settings.steps_segment}",
        "reset_timestep 0" if number == 1 else "",
        f"run {settings.steps_segment if number else round(settings.settle / settings.step)}",
        f"write_restart {END}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def potential(settings: Dynamics, elements: Sequence[str]) -> list[str]:
    """The forces."""
    if settings.deep:
        return [f"pair_style deepmd {FIELD}", f"pair_coeff * * {' '.join(elements)}"]
    return [
        "pair_style reaxff NULL safezone 3.0 mincap 150",
        f"pair_coeff * * {FIELD} {' '.join(elements)}",
        "fix charges all qeq/reaxff 1 0.0 10.0 1.0e-6 reaxff",
    ]


def output(settings: Dynamics, elements: Sequence[str]) -> list[str]:
    """Bond orders where the potential has some, places of atoms else."""
    every = settings.steps_every
    if not settings.deep:
        return [f"fix bonds all reaxff/bonds {every} {TABLE}"]
    return [
        f"dump places all custom {every} {TABLE} id element x y z",
        f"dump_modify places sort id element {' '.join(elements)}",
    ]
