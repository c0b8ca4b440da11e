"""`--set X.kind=...` in a case: fields and quantities of its file that only the kind before gave are left out, too."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from combust.case.config import Config
from combust.case.names import has, need_of
from combust.cfd.closures.settings import kinds_of_inflows
from combust.explain import dotted
from combust.settings.switch import Path, Switches

T = TypeVar("T")


class CaseSwitches(Switches):
    """Those of a case."""

    def fit_inflows(self, raw: dict[str, Any]) -> None:
        """Leaves out, in place, what the file's inflows say of eddies that the new closure does not carry."""
        if self.kinds.get("turbulence") in (None, *kinds_of_inflows()) or not isinstance(raw.get("boundary"), dict):
            return
        for name, side in raw["boundary"].items():
            parts: list[tuple[Path, Any]] = [(("boundary", name), side)]
            if isinstance(side, list):
                parts = [(("boundary", name, number), part) for number, part in enumerate(side)]
            for place, table in parts:
                key = (*place, "turbulence")
                within = any(given[: len(key)] == key for given in self.given)
                if isinstance(table, dict) and "turbulence" in table and not (within or self._was_given(key)):
                    del table["turbulence"]
                    self.left_out.append(dotted(list(key)))

    def _was_given(self, place: Path) -> bool:
        return any(place[: len(given)] == given for given in self.given)

    def fitted(self, config: Config) -> Config:
        """The case without fields and quantities of its file that the new kinds do not give."""
        if not self.kinds:
            return config
        fields = self._kept(config, ("output", "fields", "names"), config.output.fields.names)
        columns = self._kept(config, ("output", "series", "quantities"), config.output.series.quantities)
        output, replace = config.output, msgspec.structs.replace
        averages = output.averages
        if averages is not None:
            names = self._kept(config, ("output", "averages", "names"), averages.names)
            averages = replace(averages, names=names) if names else None
        output = replace(
            output,
            fields=replace(output.fields, names=fields),
            series=replace(output.series, quantities=columns),
            averages=averages,
            probes=self._tables(config, "probes", output.probes),
            conditional=self._tables(config, "conditional", output.conditional),
        )
        return replace(config, output=output)

    def _tables(self, config: Config, name: str, tables: tuple[T, ...]) -> tuple[T, ...]:
        """Those of a list of output, without fields that there are not; without those that have none then."""
        found = []
        for number, table in enumerate(tables):
            place: Path = ("output", name, number, "fields")
            given = getattr(table, "on", None)
            if given is not None and not self._kept(config, ("output", name, number, "on"), (given,)):
                continue
            fields = self._kept(config, place, table.fields)  # type: ignore[attr-defined]
            if fields:
                found.append(msgspec.structs.replace(table, fields=fields))  # type: ignore[type-var]
        return tuple(found)

    def _kept(self, config: Config, place: Path, asked: tuple[str, ...]) -> tuple[str, ...]:
        if self._was_given(place):
            return asked
        kept = tuple(name for name in asked if has(config, need_of(name)))
        missing = [name for name in asked if name not in kept]
        if missing:
            self.left_out.append(f"of {dotted(list(place))}: {', '.join(missing)}")
        return kept
