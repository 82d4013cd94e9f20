r"""The secular function of the smallest change of a quadratic function, and its one root (THEORY T22).

In the eigenbasis of Q, with $\bar q = \max(0, q_1, \dots, q_n)$ and gaps $d_i = \bar q - q_i\ge 0$, the stationary
point of multiplier $\nu = 1/(s+\bar q)$ has the coordinates $c_i/2(s+d_i)$ and reaches

$$r(s) = \sum_i c_i^2\,\frac{2s+\bar q+d_i}{4(s+d_i)^2},\qquad s > 0 .$$

The gaps are computed once: s, and not ν, is the unknown, so nothing cancels where s is far below q̄ (the nearly hard
case).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, log, sqrt

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Floats

MAX_STEPS = 200


@dataclass(frozen=True, eq=False, repr=False)
class Secular(Brief):
    """The function $r(s)$ of eigenvalues q (n,) and slopes $c = V^⊤g$ (n,)."""

    eigenvalues: Floats
    slopes: Floats

    @cached_property
    def top(self) -> float:
        """$q̄$."""
        return max(0.0, float(self.eigenvalues.max()))

    @cached_property
    def gaps(self) -> Floats:
        """$d$ (n,)."""
        return self.top - self.eigenvalues

    @cached_property
    def _active(self) -> tuple[Floats, Floats]:
        """Quarters of the squared slopes, and gaps, where the slope is not zero."""
        squares = 0.25 * self.slopes**2
        kept = squares > 0.0
        return squares[kept], self.gaps[kept]

    @cached_property
    def limit(self) -> float:
        """$r(0+)$, infinite where g has a component along the extreme eigenspace."""
        squares, gaps = self._active
        if not (gaps > 0.0).all():
            return float("inf")
        return float(np.sum(squares * (self.top + gaps) / gaps**2))

    def __call__(self, s: float) -> float:
        """$r(s)$, s > 0."""
        squares, gaps = self._active
        return float(np.sum(squares * (2.0 * s + self.top + gaps) / (s + gaps) ** 2))

    def slope(self, s: float) -> float:
        r"""$r'(s) = -2\sum_i\tfrac{c_i^2}{4}\,(s+\bar q)/(s+d_i)^3$, s > 0."""
        squares, gaps = self._active
        return -2.0 * (s + self.top) * float(np.sum(squares / (s + gaps) ** 3))

    def stationary(self, s: float) -> Floats:
        """$c_i/2(s+d_i)$ (n,), 0 where $c_i$ is."""
        return np.divide(0.5 * self.slopes, s + self.gaps, out=np.zeros_like(self.slopes), where=self.slopes != 0.0)

    def slack(self, s: float) -> float:
        r"""Smallest eigenvalue $(s + \min d)/(s+\bar q)$ of $I-\nu Q$, $s + \bar q > 0$."""
        return (s + float(self.gaps.min())) / (s + self.top)

    def dual(self, s: float, shift: float, norm: float) -> float:
        r"""$\sqrt{\nu(r - \tfrac14\sum_i c_i^2/(s+d_i))}$ at $\nu = 1/(s+\bar q)$: a lower bound of the norm.

        Where ν is infinite (the extreme value of a concave function is wanted) its limit is the norm of the point.
        """
        squares, gaps = self._active
        sigma = s + self.top
        if sigma == 0.0:
            return norm
        return sqrt(max(0.0, (shift - float(np.sum(squares / (s + gaps)))) / sigma))

    def is_hard(self, shift: float) -> bool:
        """Whether g is orthogonal to the extreme eigenspace up to rounding, and the rest does not reach the shift."""
        near = self.gaps <= rounding_of_zero(self.gaps)
        if self.top == 0.0 or np.linalg.norm(self.slopes[near]) > rounding_of_zero(self.slopes):
            return False
        return Secular(self.eigenvalues, np.where(near, 0.0, self.slopes)).limit < shift

    def root(self, shift: float) -> float:
        r"""The s > 0 with r(s) = shift > 0; 0 where r(0+) does not exceed the shift.

        Newton's method for log r as a function of log s, whose slope lies between −2 and 0, inside a bracket: all
        terms are at most those of gap 0, and those of gap 0 are terms of the sum.
        """
        squares, gaps = self._active
        if not self.limit > shift:
            return 0.0
        high = self._crude(4.0 * float(squares.sum()), shift)
        flat = 4.0 * float(squares[gaps == 0.0].sum())
        low = self._crude(flat, shift) if flat > 0.0 else UNIT_ROUNDOFF**2 * float(gaps.min())
        if self(low) <= shift:
            return low if flat > 0.0 else 0.0
        return self._newton(low, high, shift)

    def _crude(self, square: float, shift: float) -> float:
        r"""Root of $\lVert c\rVert^2(1/2s + \bar q/4s^2) = r$."""
        return (0.5 * square + sqrt(0.25 * square**2 + shift * square * self.top)) / (2.0 * shift)

    def _newton(self, low: float, high: float, shift: float) -> float:
        s, smallest = high, 4.0 * UNIT_ROUNDOFF
        for _ in range(MAX_STEPS):
            reached = self(s)
            error = log(reached / shift)
            following = s * exp(min(50.0, max(-50.0, -error * reached / (s * self.slope(s)))))
            if abs(error) <= smallest or abs(following - s) <= smallest * s:
                return following
            low, high = (s, high) if error > 0.0 else (low, s)
            if high - low <= smallest * high:
                return high
            s = following if low < following < high else sqrt(low) * sqrt(high)
        return s


def rounding_of_zero(values: Floats) -> float:
    """What rounding leaves of zero among values (n,) of one decomposition: 64 n 2⁻⁵³ of the largest."""
    return 64 * len(values) * UNIT_ROUNDOFF * float(np.abs(values).max())
