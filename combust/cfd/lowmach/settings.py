"""The table of a case file that asks for the low-Mach equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from combust.cfd.model.settings import ModelSettings

if TYPE_CHECKING:
    from combust.cfd.lowmach.flow import ReactingFlow
    from combust.cfd.model.case import Case


class LowMachModel(ModelSettings, frozen=True, tag_field="kind", tag="low-mach"):
    """Flow much slower than sound: one thermodynamic pressure, density by temperature and composition."""

    NUMERICS: ClassVar[tuple[str, ...]] = ("coupling", "sweeps", "reconstruction", "momentum", "order", "pressure")

    def build(self, case: Case) -> ReactingFlow:
        """The flow at time zero. Raises ConfigError, MechanismError, DivergenceError."""
        from combust.cfd.lowmach.build import build

        return build(case)
