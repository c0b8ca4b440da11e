"""Numbers as callers give them: a number, a list, an array or a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from torch import Tensor

Values: TypeAlias = "float | Tensor | np.ndarray | np.generic | Sequence[Values]"
