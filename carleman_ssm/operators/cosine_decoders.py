r"""Decoders of all channels as a line plus phases: $p_h(y) = s_h d + \mathrm{Re}\sum_k w_{kh} e^{ik\omega_h d}$.

The form that stays cheap on wide intervals, where polynomials need degrees in the hundreds (THEORY T13b). It is no
polynomial: it holds all interaction orders at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats, gamma, outward
from carleman_ssm.operators.decoders import CentredIntervals
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.cosine_fits import CosineFit
from carleman_ssm.theory.phases import phase, phase_sum


@dataclass(frozen=True, eq=False, repr=False)
class CosineDecoders(CentredIntervals, Brief):
    r"""One `CosineFit` per channel, all with K frequencies; $d = y - m_h$.

    Parameters
    ----------
    centre, half_width
        $m$ and $h$ (H,): the certificate holds on $m \pm h$.
    frequency
        $\omega$ (H,), with $\omega h < \pi$.
    slope
        $s$ (H,).
    weights
        $w$ (K + 1, H), complex; $w_k = a_k - ib_k$.
    fit_error
        Certified sup-error of each channel on its interval, (H,).
    rule
        The activation that is fitted.
    """

    centre: Floats
    half_width: Floats
    frequency: Floats
    slope: Floats
    weights: npt.NDArray[np.complex128]
    fit_error: Floats
    rule: Activation

    @classmethod
    def from_fits(cls, fits: Sequence[CosineFit], rule: Activation) -> CosineDecoders:
        """Stack one fit of one number of terms per channel."""
        return cls(
            np.array([fit.centre for fit in fits]),
            np.array([fit.half_width for fit in fits]),
            np.array([fit.frequency for fit in fits]),
            np.array([fit.slope for fit in fits]),
            np.stack([fit.weights for fit in fits], axis=1),
            np.array([fit.sup_error for fit in fits]),
            rule,
        )

    @property
    def terms(self) -> int:
        """K, the number of frequencies."""
        return len(self.weights) - 1

    @property
    def degree(self) -> int:
        """K: what stands for the degree; as a series in y a phase product has all orders."""
        return self.terms

    @property
    def exact(self) -> bool:
        """Always false: the activation is approximated."""
        return False

    def _distance(self, preactivations: Floats) -> Floats:
        """$d = y - m$, cut off at ±h where rounding passes it."""
        return np.clip(preactivations - self.centre, -self.half_width, self.half_width)

    def __call__(self, preactivations: Floats) -> Floats:
        """One phase per value, and Horner's rule in it."""
        distance = self._distance(preactivations)
        total = phase_sum(self.weights, phase(self.frequency * distance))
        total += self.slope * distance
        return total

    def magnitude(self, bound: Floats) -> Floats:
        r"""$|s|h + \sum_k|w_k|$, enlarged by the rounding."""
        return outward(np.abs(self.slope) * self.half_width + np.abs(self.weights).sum(axis=0) + self.rounding(bound))

    def rounding(self, bound: Floats) -> Floats:  # noqa: ARG002  (the intervals bound it already)
        r"""$80u\sum_k(k+1)|w_k| + \gamma_4(|s|h + \sum_k|w_k|)$ with $u = 2^{-53}$.

        Horner's rule in z with $|z| \le 1 + 2^{-47}$: a product errs by at most $2.9u$ and a sum by $1.01u$ of
        $\sum_{j\ge k}|w_j|$, in all $4u\sum_k(k+1)|w_k|$. The phase errs by $64u$ (`PHASE_ROUNDING`) and its angle
        $\omega d$, |ωd| ≤ π, by $2u\pi$: together below $71u$, times the slope $\sum_k k|w_k|$ of the sum in z.
        """
        size = np.abs(self.weights)
        slope = (np.arange(1, len(size) + 1)[:, None] * size).sum(axis=0)
        return outward(gamma(80) * slope + gamma(4) * (np.abs(self.slope) * self.half_width + size.sum(axis=0)))

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$p^{(q)}(y_0)/q! = \mathrm{Re}\sum_k w_k (ik\omega)^q e^{ik\omega d_0}/q!$, and the line's share."""
        distance = self._distance(centres)
        turns, series, parts = phase(self.frequency * distance), self.weights, []
        factor = 1j * np.arange(len(series))[:, None] * self.frequency
        for q in range(order + 1):
            parts.append(phase_sum(series, turns) / factorial(q))
            series = series * factor
        parts[0] = parts[0] + self.slope * distance
        if order:
            parts[1] = parts[1] + self.slope
        return np.stack(parts)
