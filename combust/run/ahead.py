"""Machine code that a case will want, known from its file: compiled beside the start, while torch and Cantera load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from combust import machine_code, machine_code_ahead
from combust.case.config import Config
from combust.cfd.operators.native import library as flow
from combust.cfd.pressure.choice import takes_multigrid
from combust.cfd.pressure.multigrid import library as pressure
from combust.kinetics.integrate.native import library as integrator
from combust.kinetics.providers.settings import CvodeChemistry, NoChemistry
from combust.machine import has_gpu
from combust.machine_code import Code
from combust.parallel import Communicator
from combust.report.meter import Reporter


def wanted(config: Config) -> list[Code]:
    """What a run of the case uses of machine code, as far as its file tells; the dearest to compile first.

    A mechanism with species in quasi-steady state wants no integrator, and cells of very different widths no multigrid:
    that shows later, and what was compiled in vain serves the next case.
    """
    if not machine_code.wanted() or config.device not in ("auto", "cpu") or config.device == "auto" and has_gpu():
        return []
    found = [flow.code()]
    if not isinstance(config.chemistry, CvodeChemistry | NoChemistry):
        found.insert(0, integrator.code())
    choice, directions = config.numerics.pressure, sum(n > 1 for n in config.mesh.shape)
    if takes_multigrid(choice.solver, choice.preconditioner, directions, config.numerics.order == 4):
        found.append(pressure.code())
    return found


@contextlib.contextmanager
def compiled_ahead(config: Config, comm: Communicator, reporter: Reporter) -> Iterator[None]:
    """Within, one rank of each machine has what is wanted compiled, where it is not yet (collective)."""
    here = comm.here()
    place, every = here.rank, here.gather(machine_code_ahead.processors())
    here.free()
    codes = machine_code_ahead.absent(wanted(config)) if place == 0 else []
    if codes:
        reporter.say(f"compiling:   {', '.join(code.what for code in codes)}, once on this machine, beside the start")
    # launchers bind each rank to a processor, and with it what it starts: compilers may use those of all
    with machine_code_ahead.compiling(codes, set[int]().union(*every)):
        yield
