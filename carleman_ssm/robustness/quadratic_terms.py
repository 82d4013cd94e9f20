r"""Sums of squares and products of linear forms, gathered into one quadratic below each margin.

The values of a network move by $a + s$ on a ball, with $a = A\delta$ linear and $|s| \le e$ (`Reach`). What a minorant
is made of:

* $c\,(a + s)^2$ with $c < 0$: at least $c\,(1 + \theta)a^2 + c\,(1 + 1/\theta)s^2$, any $\theta > 0$; with $c \ge 0$:
  at least $c\,(1 - \theta)a^2 - c\,(1/\theta - 1)s^2$ for $0 < \theta < 1$, and at least 0. Both are
  $2|as| \le \theta a^2 + s^2/\theta$; taken is θ = e/(ε‖A‖), so that the numbers are at most $|c|\,e\,(e + ε‖A‖)$;
* $w\,(a + s)(b + t)$: exactly $w\,ab$, and a rest of at most $|w|\,(|a||t| + |b||s| + |s||t|)$;
* numbers.

The linear forms are known as $\hat A$ with $\lVert A - \hat A\rVert \le r$, so
$\lVert AB^\top - \hat A\hat B^\top\rVert \le r_A\lVert B\rVert + \lVert A\rVert r_B$, and the sums of n products round
by at most $\gamma_n\sum|w|\lVert A\rVert\lVert B\rVert$ in the Frobenius norm (a rank-one matrix has norm
$\lVert A\rVert\lVert B\rVert$).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, Floats, gamma, outward
from carleman_ssm.operators.ball_arrays import matrix_product
from carleman_ssm.operators.error_steps import finite_or_infinite
from carleman_ssm.robustness.certified_quadratics import EnclosedQuadratics, norm_bound
from carleman_ssm.robustness.linearisation import Place

BELOW_ONE = 1.0 - 2.0**-40
"""Rounds a product of a few factors down: each rounding takes 2⁻⁵³ of it at most."""


@dataclass(frozen=True, eq=False, repr=False)
class Reach(Brief):
    """How far a value moves on the ball: `first` ≥ |Aδ| and `rest` ≥ |s|, (L, C)."""

    first: Floats
    rest: Floats

    @property
    def total(self) -> Floats:
        """Upper bound of the whole change."""
        return outward(self.first + self.rest)


def reach_of(place: Place, rest: Floats, radius: float) -> Reach:
    """Reach of a place on the ball of a radius."""
    return Reach(outward(radius * place.norms), rest)


class QuadraticTerms:
    """Squares, products and numbers of all rows; each is rounded towards lower minorants as it is added.

    Parameters
    ----------
    rows
        Number of margins.
    size
        n = L·d.
    """

    def __init__(self, rows: int, size: int) -> None:
        self.curvature: Floats = np.zeros((rows, size, size))
        self.curvature_error: Floats = np.zeros(rows)
        self.lost: Floats = np.zeros(rows)

    def take_off(self, amounts: Floats) -> None:
        """Numbers (rows, L, C) ≥ 0, or upper bounds of such."""
        self.lost = outward(self.lost + amounts.sum(axis=(1, 2)))

    def add_squares(self, weights: Floats, place: Place, reach: Reach) -> None:
        r"""$c\,(a + s)^2$ with c (rows, L, C): exact numbers, or lower bounds."""
        kept = weights
        if reach.rest.any():
            share = np.divide(reach.rest, reach.first, out=np.zeros_like(reach.rest), where=reach.first > 0)
            less = np.maximum(1.0 - outward(share), 0.0) * BELOW_ONE
            kept = np.where(weights < 0, -outward(-weights * (1.0 + share)), weights * less)
            self.take_off(np.abs(weights) * outward(reach.rest * outward(reach.rest + reach.first)))
        self._add(kept, place, place)

    def add_products(self, weights: Enclosed, first: Place, second: Place, reaches: tuple[Reach, Reach]) -> None:
        r"""$w\,(a + s)(b + t)$ with w (rows, L, C) and two places (L, C)."""
        a, b = reaches
        self._add(weights.value, first, second)
        rest = a.first * b.rest + a.rest * b.first + a.rest * b.rest
        self.take_off(np.abs(weights.value) * outward(rest) + outward(weights.error * (a.total * b.total)))

    def _add(self, weights: Floats, first: Place, second: Place) -> None:
        rows = len(self.curvature)
        flat = weights.reshape(rows, -1)
        used = np.flatnonzero(flat.any(axis=0))  # all but the last step have no weight under the last-step pooling
        flat = flat[:, used]
        (a, r, longest), (b, t, other) = (_columns(place, used) for place in (first, second))
        self.curvature += np.matmul(a * flat[:, None, :], b.T)
        sizes = gamma(len(used) + 4) * longest * other + r * other + longest * t
        # Each addition to what is there rounds by a unit of the sum, which the later terms' γ does not know of.
        self.curvature_error += np.abs(flat) @ outward(sizes) + gamma(2) * norm_bound(self.curvature, (1, 2))

    def below(self, logits: Place, rows: Floats) -> EnclosedQuadratics:
        """The minorants: values and gradients of the rows (rows, K) of the logits, and all that was gathered."""
        weights = Enclosed(rows.T, np.zeros_like(rows.T))
        value = matrix_product(logits.value, weights)
        gradient = matrix_product(Enclosed(logits.linear.value[:, 0], logits.linear.error[:, 0]), weights)
        rounding = gamma(2) * norm_bound(self.curvature, (1, 2))
        return EnclosedQuadratics(
            value.value[0],
            finite_or_infinite(outward(value.error[0] + self.lost)),
            np.ascontiguousarray(gradient.value.T),
            finite_or_infinite(norm_bound(gradient.error, 0)),
            # Taking the symmetric part is a projection: it brings the matrix no further from the true one.
            0.5 * (self.curvature + self.curvature.swapaxes(1, 2)),
            finite_or_infinite(outward(self.curvature_error + rounding)),
        )


def _columns(place: Place, used: np.ndarray[tuple[int], np.dtype[np.intp]]) -> tuple[Floats, Floats, Floats]:
    """Â (n, m), bounds of ‖A − Â‖ and of ‖A‖ (m,), of the values in use."""
    size = place.linear.value.shape[0]
    columns = place.linear.value.reshape(size, -1)[:, used]
    return columns, place.error_norms.ravel()[used], place.norms.ravel()[used]
