"""Names that tables of closures choose by."""

from __future__ import annotations

from typing import Literal

Filter = Literal["volume", "scotti"]
Average = Literal["plane", "global", "lagrangian"]
Scalars = Literal["given", "dynamic"]
Walls = Literal["automatic", "resolved"]
