"""A low-Mach simulation: the scheme, its state and clock, and what may be asked of it by name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from combust.cfd.boundaries import ahead
from combust.cfd.boundaries.follow import Follower
from combust.cfd.closures.view import View
from combust.cfd.diagnostics.mixture import Definitions
from combust.cfd.initial.earlier import Content
from combust.cfd.initial.fields import Fields
from combust.cfd.initial.unburnt import Unburnt
from combust.cfd.lowmach import start
from combust.cfd.lowmach.cause import rates_beyond_use
from combust.cfd.lowmach.diagnostics import NOWHERE, UNDEFINED, Diagnostics, Elsewhere
from combust.cfd.lowmach.lowmach import LowMach
from combust.cfd.lowmach.state import State, arrays, first_not_finite, label, read_carried, read_into
from combust.cfd.mesh.grid import Faces
from combust.cfd.mesh.require import require_faces, require_field
from combust.cfd.mesh.slabs import pointwise
from combust.cfd.operators import scalars
from combust.cfd.operators.coefficients import density
from combust.cfd.sources import base as sources
from combust.errors import ConfigError, DivergenceError
from combust.kinetics.rates.thermo import Thermo, h_mass

logger = logging.getLogger(__name__)
CLOCK = "clock"  # of a checkpoint, where boundaries change with time: times of n-1 and n [s]
FOLLOWER = "follower"  # of a checkpoint: the state of what chooses the velocity of an inflow
LARGEST_MACH = 0.3  # beyond it the error of the equations is told; beyond 1 they end


class ReactingFlow:
    """Advances a State and answers for it: satisfies the Flow protocol that the time loop drives."""

    def __init__(
        self,
        scheme: LowMach,
        fields: Fields,
        pressure: float,
        unburnt: Unburnt | None,
        identity: dict[str, str],
        follower: Follower | None = None,
        concerns: Sequence[Callable[[ReactingFlow], dict[str, str]]] = (),
        elsewhere: Elsewhere = NOWHERE,
        definitions: Definitions = UNDEFINED,
        content: Content | None = None,
    ):
        """concerns : what is asked of the flow beside its own doubts (combust.cfd.concerns), each name -> text
        elsewhere : names that other chemistry than its own shows, so that asking for them says so
        definitions : what mixture fraction and progress refer to
        content : rho h, rho Y and p0 that the flow starts with, in place of those of `fields` at `pressure`
        """
        self.scheme, self.grid, self.block = scheme, scheme.grid, scheme.grid.block
        self.unburnt, self._identity, self.follower = unburnt, identity, follower
        self._concerns, self.elsewhere, self.definitions = concerns, elsewhere, definitions
        self.time, self.step, self.dt = 0.0, 0, 0.0
        self.time_before = 0.0
        self.totals = sources.Totals(scheme.problem.sources)
        self.current = self._start(fields, content, pressure)
        self.diagnostics = Diagnostics(self)
        if follower is not None:
            follower.begin(self)

    def _start(self, fields: Fields, content: Content | None, pressure: float) -> State:
        """State at time zero: velocities get the divergence that transport and reactions ask for."""
        scheme, grid = self.scheme, self.grid
        q_inner, u = fields
        require_field("fields: (T, Y)", q_inner, (1 + len(scheme.problem.gas.species), *grid.layout.n), grid.device)
        require_faces("fields: velocity", u, grid)
        p0 = torch.tensor(content.p0 if content else pressure, dtype=torch.float64, device=grid.device)
        U = content.U if content else conserved(scheme.thermo, q_inner, p0)
        q = scheme.filler.scalars(q_inner)
        padded_u = scheme.filler.velocity(scheme.filler.pad_faces(u))
        view = scheme.view(padded_u, q, U, p0, 0.0, 0.0)
        carried = self._carried_first(view, content)
        given = scheme.asked(replace(view, carried=carried))
        c, S = scheme.evaluate(q, U, padded_u, given, 0.0)
        n = U.shape[0] - 1
        wdot = scheme.chemistry.rates(q_inner[0].reshape(-1), U[1:].reshape(n, -1)).reshape(U[1:].shape)
        totals = self.block.comm.sum(*(U * grid.volume).sum((1, 2, 3)).tolist())
        initial = torch.tensor(totals, dtype=torch.float64, device=grid.device)
        zero = torch.zeros_like(S)
        s = State(
            U=U,
            q=q,
            u=padded_u,
            p=scheme.filler.pressure(zero),
            p0=p0,
            S=S,
            wdot=wdot,
            q_before=q,
            u_before=padded_u,
            S_before=S,
            balance=torch.zeros_like(initial),
            heat_out=initial.new_zeros(scalars.SIDES),
            initial=initial,
            coefficients=c,
            coefficients_before=c,
            carried=carried,
            carried_names=() if scheme.carrier is None else scheme.carrier.names,
        )
        return self._projected(s)

    def _carried_first(self, view: View, content: Content | None) -> torch.Tensor | None:
        """What the closure carries at a start, padded: that of an earlier run, else as the closure says."""
        carrier = self.scheme.carrier
        if carrier is None:
            return None
        if content is None:
            return carrier.begin(view)
        if content.carried is None:
            names = ", ".join(carrier.names)
            logger.info("initial: the earlier run has no %s of this closure: it begins anew, as at a start", names)
        return carrier.begin(view, content.carried)

    def _projected(self, s: State) -> State:
        """A start state with the velocities and the pressure that it asks for, in place."""
        try:
            s.u = start.velocity(self.scheme, s)
            s.p = start.pressure(self.scheme, s)
        except DivergenceError as error:
            raise DivergenceError(f"initial state: {error}{self._cause(s)}") from error
        s.u_before = s.u
        return s

    def limit(self) -> tuple[float, str]:
        """Largest stable time step [s] and which limit sets it."""
        limits, filler = self.scheme.limits(self.current), self.scheme.filler
        if filler.unsteady:
            cfl = self.scheme.numerics.cfl
            limits["inflow"] = ahead.step_limit(filler, self.block.comm, cfl, self.time, min(limits.values()))
        limits["sources"] = sources.step_limit(self.scheme.problem.sources, self.time)
        name = min(limits, key=lambda k: limits[k])
        return limits[name], name

    def next_time(self) -> float:
        """The next time [s] that a step must meet exactly: where a source begins or ends."""
        return sources.next_time(self.scheme.problem.sources, self.time)

    def advance(self, dt: float) -> None:
        """One step. Raises DivergenceError on all ranks when the solution is lost."""
        if self.step == 0:
            self.current.dt_before = dt
        if self.follower is not None:
            self.follower.update(self)
        self.diagnostics.unresolved.forget()
        self.current.acted = None
        try:
            self.current = self.scheme.step(self.current, self.time, dt)
        except DivergenceError as error:
            text = f"in step {self.step + 1}, from t = {self.time:.6g} s: {error}{self._cause(self.current)}"
            lost = first_not_finite(self.current, self.grid, self.scheme.problem.gas.species)
            raise DivergenceError(text + (f"; before this step {lost}" if lost else "")) from error
        self.time_before, self.time = self.time, self.time + dt
        self.step += 1
        self.dt = dt

    def label(self, name: str, row: int | None) -> str:
        """What an array of the state, or a row of it, is."""
        return label(name, row, self.scheme.problem.gas.species)

    def _cause(self, s: State) -> str:
        return rates_beyond_use(self.scheme.problem.gas, s, self.grid)

    def field(self, name: str) -> np.ndarray:
        """Owned cells of a field, (nz, ny, nx) or (3, nz, ny, nx). Raises ConfigError for an unknown name."""
        return self.diagnostics.field(name)

    def quantity(self, name: str) -> float:
        """A number about the whole flow, the same on all ranks. Raises ConfigError for an unknown name."""
        return self.diagnostics.quantity(name)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Global face coordinates (z, y, x) [m]."""
        return self.grid.faces

    def state(self) -> dict[str, tuple[np.ndarray, str]]:
        """Name -> (owned part, place) of all that a restart needs. The pressure solver forgets what it may have kept
        from earlier steps, as a restarted one would.
        """
        self.scheme.pressure.forget()
        found = {name: (array, place) for name, array, place in arrays(self.current, self.grid)}
        if self.scheme.filler.unsteady:
            found[CLOCK] = (np.array([self.time_before, self.time]), "global")
        if self.follower is not None and self.follower.state().size:
            found[FOLLOWER] = (self.follower.state(), "global")
        return found | {name: (array, "global") for name, array in self.totals.state(self.time).items()}

    def restore(self, read: Callable[[str], np.ndarray]) -> None:
        """Takes the fields of a checkpoint, written at `self.time`; ghosts and coefficients follow from them."""
        s, scheme = self.current, self.scheme
        s.q_before, s.u_before = s.q.clone(), tuple(None if f is None else f.clone() for f in s.u)
        read_into(s, self.grid, read)
        scheme.pressure.forget()  # it was used to prepare the initial state
        before, now = self._clock(read)
        if self.follower is not None and self.follower.state().size:
            self._restore_follower(self.follower, read)
        self.totals.restore(read, self.time)
        for t, faces in ((now, s.u), (before, s.u_before)):
            self._flows_in(t, faces)
            scheme.filler.velocity(faces)
        s.q_before = scheme.filler.scalars(scheme.inner(s.q_before))
        self._flows_in(now, s.u)
        s.q = scheme.filler.scalars(scheme.inner(s.q))
        s.p = scheme.filler.pressure(scheme.inner(s.p))
        s.coefficients, s.coefficients_before = scheme.coefficients(s.q), scheme.coefficients(s.q_before)
        self._restore_carried(s, read)

    def renewed(self) -> tuple[str, ...]:
        """What the closure carries: a checkpoint of another closure has none of it."""
        return self.current.carried_names

    def _flows_in(self, t: float, faces: Faces) -> None:
        """From here on boundaries hold what they did at time t [s], when these were the velocities."""
        self.scheme.filler.at(t)
        if self.follower is not None and self.block.at_boundary(2, 0):
            # What flowed in then, not what the flame consumes now.
            inlet = self.scheme.block_faces(faces)[2]
            assert inlet is not None  # x has faces
            self.follower.inflow.velocity[2] = float(inlet[0, 0, 0])

    def _restore_carried(self, s: State, read: Callable[[str], np.ndarray]) -> None:
        """Of a checkpoint without it, what the closure carries begins anew, from the flow as it is."""
        carrier = self.scheme.carrier
        if carrier is None or s.carried is None:
            return
        missing = read_carried(s, self.grid, read)
        view = self.scheme.view_of(s, self.time, self.dt)
        if missing:
            logger.info("the checkpoint has no %s: what the closure carries begins anew, as at a start", missing)
            s.carried = carrier.begin(replace(view, carried=None))
        else:
            s.carried = carrier.filled(s.carried, view)

    def _restore_follower(self, follower: Follower, read: Callable[[str], np.ndarray]) -> None:
        """Of a checkpoint without one, the controller begins anew, from the position of the case."""
        try:
            follower.restore(read(FOLLOWER))
        except KeyError:
            logger.info("the checkpoint has no controller of the inflow: it begins anew")

    def _clock(self, read: Callable[[str], np.ndarray]) -> tuple[float, float]:
        """Times [s] of n-1 and n. Those of a checkpoint whose boundaries were steady follow from its last step."""
        if not self.scheme.filler.unsteady:
            return self.time_before, self.time
        try:
            self.time_before, self.time = (float(t) for t in read(CLOCK))
        except KeyError:
            self.time_before = self.time - self.current.dt_before
        return self.time_before, self.time

    def concerns(self) -> dict[str, str]:
        """What is doubtful of chemistry and speed of the gas now, and what it was given to be asked for: name -> text
        (collective). Raises as `require_slow`.
        """
        mach = self.require_slow()
        found: dict[str, str] = dict(getattr(self.scheme.chemistry, "concerns", {}))
        for concerns in self._concerns:
            found |= concerns(self)
        for source in self.scheme.problem.sources:
            if isinstance(source, sources.Acting):
                found |= source.concerns(self.diagnostics.view())
        return found | too_fast(mach)

    def step_concerns(self, dt: float) -> dict[str, str]:
        """What is doubtful of the chemistry of steps of dt [s]: name -> text (collective)."""
        doubts = getattr(self.scheme.chemistry, "doubts", None)
        return {} if doubts is None else doubts(dt, float(self.current.p0), self.block.comm)

    def require_slow(self) -> float:
        """The largest Mach number (collective). Raises above 1: ConfigError of a start, DivergenceError later."""
        mach = self.quantity("max(Mach)")
        if self.step == 0:
            mach = max(mach, ahead.largest_mach(self.scheme.problem.boundaries, self.scheme.thermo))
            mach = max(mach, self.diagnostics.mach_of(sources.speed(self.scheme.problem.sources)))
        if not mach > 1.0:
            return mach
        text = f"Mach number {mach:.2g}: the low-Mach equations have no sound, and do not hold above {LARGEST_MACH:g}"
        if self.step == 0:
            raise ConfigError(
                f"{text}. Lower the velocities of the case (initial, boundary, sources), or use another solver"
            )
        raise DivergenceError(
            f"after step {self.step}, t = {self.time:.6g} s: {text}. The flow has become that fast by itself or is "
            "being lost: look at the last fields, shorten the time step, or use a compressible solver"
        )

    def timers(self) -> dict[str, float]:
        """Wall seconds by phase of this rank."""
        return dict(self.scheme.timers.seconds)

    def identity(self) -> dict[str, str]:
        """What a checkpoint must agree with to be continued."""
        return self._identity

    def temperature(self) -> torch.Tensor:
        return self.scheme.inner(self.current.q)[0]


def too_fast(mach: float) -> dict[str, str]:
    """name -> sentence of a Mach number that the equations bear badly."""
    if not mach > LARGEST_MACH:
        return {}
    return {"Mach": f"Mach number {mach:.2g}: a low-Mach flow has no sound, and above {LARGEST_MACH:g} lacks what "
            "the gas does at its speed"}  # fmt: skip


def conserved(thermo: Thermo, q: torch.Tensor, p0: torch.Tensor) -> torch.Tensor:
    """(rho h, rho Y) [J/m3, kg/m3] of (T, Y) at the pressure p0 [Pa]."""

    def of(q: torch.Tensor) -> torch.Tensor:
        h = (q[1:] * h_mass(thermo, q[0])).sum(0)
        return density(thermo, q[0], q[1:], p0) * torch.cat([h[None], q[1:]])

    return pointwise(of, q)
