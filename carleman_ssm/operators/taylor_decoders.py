r"""Decoders of all channels as Taylor polynomials $p_h(y) = \sum_q g_{qh}(y - m_h)^q$: the monomials of Carleman's
operator, about 0 or a stated point, with a certified error on each channel's interval (THEORY T13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNDERFLOW, Floats, gamma, outward
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.taylor_fits import TaylorFit


@dataclass(frozen=True, eq=False, repr=False)
class TaylorDecoders(Brief):
    """One `TaylorFit` per channel, all of degree P.

    Parameters
    ----------
    centre
        $m$ (H,).
    coefficients
        $g$ (P + 1, H).
    lower, upper
        Intervals (H,) on which the error is certified.
    fit_error
        Certified sup-error of each channel there, (H,).
    rule
        The activation that is expanded.
    """

    centre: Floats
    coefficients: Floats
    lower: Floats
    upper: Floats
    fit_error: Floats
    rule: Activation

    @classmethod
    def from_fits(cls, fits: Sequence[TaylorFit], rule: Activation) -> TaylorDecoders:
        """Stack one fit of one degree per channel."""
        return cls(
            np.array([fit.centre for fit in fits]),
            np.stack([fit.coefficients for fit in fits], axis=1),
            np.array([fit.lower for fit in fits]),
            np.array([fit.upper for fit in fits]),
            np.array([fit.sup_error for fit in fits]),
            rule,
        )

    @property
    def degree(self) -> int:
        """P."""
        return len(self.coefficients) - 1

    @property
    def exact(self) -> bool:
        """Always false: the series is cut off."""
        return False

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends, (H,) each."""
        return self.lower, self.upper

    @property
    def reach(self) -> Floats:
        """Largest $|y - m|$ on the interval, (H,)."""
        return outward(np.maximum(np.abs(self.lower - self.centre), np.abs(self.upper - self.centre)))

    def __call__(self, preactivations: Floats) -> Floats:
        """Horner's rule in y − m."""
        distance: Floats = preactivations - self.centre
        result: Floats = np.zeros_like(distance) + self.coefficients[-1]
        for coefficient in self.coefficients[-2::-1]:
            result *= distance
            result += coefficient
        return result

    def magnitude(self, bound: Floats) -> Floats:
        r"""$\sum_q|g_q|r^q$ with the reach r, enlarged by the rounding."""
        return outward(self._powers(np.abs(self.coefficients)) + self.rounding(bound))

    def rounding(self, bound: Floats) -> Floats:  # noqa: ARG002  (the intervals bound it already)
        r"""Horner: $\gamma_{3P}\sum_q|g_q|r^q$ (Higham §5.1; one more rounding for every $y - m$), and underflow."""
        underflow = UNDERFLOW * self._powers(np.ones_like(self.coefficients))
        return outward(gamma(3 * self.degree + 2) * self._powers(np.abs(self.coefficients)) + underflow)

    def _powers(self, coefficients: Floats) -> Floats:
        total = np.zeros_like(self.reach)
        for row in coefficients[::-1]:
            total = total * self.reach + row
        return total

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$\sum_p \binom{p}{q} g_p (y_0 - m)^{p-q}$."""
        distance, parts = centres - self.centre, []
        for q in range(order + 1):
            total = np.zeros_like(distance)
            for p in range(self.degree, q - 1, -1):
                total = total * distance + comb(p, q) * self.coefficients[p]
            parts.append(total)
        return np.stack(parts)
