"""Functions of x, y and t with their derivatives, exact to rounding: what a manufactured source is made of.

Sums, products, quotients, sines and cosines follow the chain rule; formulas written for tensors take these as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ZERO, ONE = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)


@dataclass(frozen=True)
class Taylor:
    """Values f at points, and there the derivatives of first order in x, y, t and of second order in x and y."""

    f: Tensor
    x: Tensor = ZERO
    y: Tensor = ZERO
    t: Tensor = ZERO
    xx: Tensor = ZERO
    xy: Tensor = ZERO
    yy: Tensor = ZERO

    def of(self, value: Tensor, first: Tensor, second: Tensor) -> Taylor:
        """h(f), of a function h with these values and derivatives at f."""
        return Taylor(
            value, first * self.x, first * self.y, first * self.t,
            second * self.x * self.x + first * self.xx,
            second * self.x * self.y + first * self.xy,
            second * self.y * self.y + first * self.yy,
        )  # fmt: skip

    def sin(self) -> Taylor:
        s = self.f.sin()
        return self.of(s, self.f.cos(), -s)

    def cos(self) -> Taylor:
        c = self.f.cos()
        return self.of(c, -self.f.sin(), -c)

    def __add__(self, other: Taylor | float) -> Taylor:
        if not isinstance(other, Taylor):
            return Taylor(self.f + other, self.x, self.y, self.t, self.xx, self.xy, self.yy)
        return Taylor(
            self.f + other.f, self.x + other.x, self.y + other.y, self.t + other.t,
            self.xx + other.xx, self.xy + other.xy, self.yy + other.yy,
        )  # fmt: skip

    def __mul__(self, other: Taylor | float) -> Taylor:
        if not isinstance(other, Taylor):
            return Taylor(self.f * other, self.x * other, self.y * other, self.t * other,
                          self.xx * other, self.xy * other, self.yy * other)  # fmt: skip
        return Taylor(
            self.f * other.f,
            self.x * other.f + self.f * other.x,
            self.y * other.f + self.f * other.y,
            self.t * other.f + self.f * other.t,
            self.xx * other.f + 2 * self.x * other.x + self.f * other.xx,
            self.xy * other.f + self.x * other.y + self.y * other.x + self.f * other.xy,
            self.yy * other.f + 2 * self.y * other.y + self.f * other.yy,
        )

    def __rtruediv__(self, other: float) -> Taylor:
        r = 1 / self.f
        return self.of(r, -r * r, 2 * r * r * r) * other

    def __truediv__(self, other: Taylor | float) -> Taylor:
        return self * (1 / other)

    def __sub__(self, other: Taylor | float) -> Taylor:
        return self + other * -1.0

    def __rsub__(self, other: float) -> Taylor:
        return self * -1.0 + other

    __radd__, __rmul__ = __add__, __mul__
