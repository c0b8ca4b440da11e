"""`--set X.kind=...` in a case: fields and quantities of its file that only the kind before gave are left out, too."""

from __future__ import annotations

import msgspec

from combust.case.config import Config
from combust.case.names import has, need_of
from combust.explain import dotted
from combust.settings.switch import Path, Switches


class CaseSwitches(Switches):
    """Those of a case."""

    def fitted(self, config: Config) -> Config:
        """The case without fields and quantities of its file that the new kinds do not give."""
        if not self.kinds:
            return config
        fields = self._kept(config, ("output", "fields", "names"), config.output.fields.names)
        columns = self._kept(config, ("output", "series", "quantities"), config.output.series.quantities)
        replace = msgspec.structs.replace
        output = replace(
            config.output,
            fields=replace(config.output.fields, names=fields),
            series=replace(config.output.series, quantities=columns),
        )
        return replace(config, output=output)

    def _kept(self, config: Config, place: Path, asked: tuple[str, ...]) -> tuple[str, ...]:
        if any(place[: len(given)] == given for given in self.given):
            return asked
        kept = tuple(name for name in asked if has(config, need_of(name)))
        missing = [name for name in asked if name not in kept]
        if missing:
            self.left_out.append(f"of {dotted(list(place))}: {', '.join(missing)}")
        return kept
