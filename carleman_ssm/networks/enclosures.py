r"""Enclosed arrays: floating-point values with a proved bound on their distance to the exact ones.

Small parameter algebra runs in ball arithmetic and is rounded once; long sums run in float64, with the
standard model $\mathrm{fl}(a\circ b) = (a\circ b)(1+\delta)$, $|\delta|\le u = 2^{-53}$, and
$\gamma_n = nu/(1-nu)$ (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., §2.2, §3.1). The bound
$|\mathrm{fl}(\sum_{i\le n} a_ib_i) - \sum a_ib_i| \le \gamma_n\sum|a_i||b_i|$ holds for every order of summation, so
for every conventional matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import flint
import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.brief import Brief

Floats = NDArray[np.float64]

UNIT_ROUNDOFF = 2.0**-53
# Products of two doubles below the normal range lose relative accuracy: this absolute term covers each of them, as
# long as what is lost is not multiplied again (Horner's rule does, and counts the powers itself).
UNDERFLOW = 1e-290
BALL_PRECISION = 128


def gamma(operations: int) -> float:
    r"""$\gamma_n = nu/(1-nu)$: relative error of a sum of n products, in any order."""
    product = operations * UNIT_ROUNDOFF
    return product / (1.0 - product)


def outward(bound: Floats | float) -> Floats:
    """Enlarge a bound by 2⁻²⁰ of itself: more than any rounding made while it was computed.

    That includes the conversion of a ball's upper bound to float64, which rounds to nearest, not upward.

    A bound here is a sum of at most 2²⁴ non-negative terms computed without cancellation, so its own
    relative rounding error is below 2⁻²⁸.
    """
    return np.asarray(bound, dtype=np.float64) * (1.0 + 2.0**-20) + UNDERFLOW


@dataclass(frozen=True, eq=False, repr=False)
class Enclosed(Brief):
    """`value` with ``|value - exact| <= error`` entrywise (float64 arrays of one shape)."""

    value: Floats
    error: Floats

    @property
    def magnitude(self) -> Floats:
        """Upper bound of the exact absolute values."""
        return outward(np.abs(self.value) + self.error)


def ball_matrix(array: Floats) -> flint.arb_mat:
    """Float64 matrix (rows, columns) as exact balls."""
    rows, columns = array.shape
    return flint.arb_mat(rows, columns, array.ravel().tolist())


def enclose(balls: Iterable[flint.arb], shape: tuple[int, ...]) -> Enclosed:
    """Round real balls to float64 once, keeping a bound on what was lost."""
    entries = list(balls)
    value = np.array([float(ball.mid()) for ball in entries], dtype=np.float64)
    radii = (ball - flint.arb(rounded) for ball, rounded in zip(entries, value.tolist(), strict=True))
    error = np.array([float(abs(radius).upper()) for radius in radii], dtype=np.float64)
    return Enclosed(value.reshape(shape), outward(error).reshape(shape))


def enclose_matrix(matrix: flint.arb_mat) -> Enclosed:
    """`enclose` for a ball matrix."""
    return enclose(matrix.entries(), (matrix.nrows(), matrix.ncols()))


def working_precision() -> AbstractContextManager[None]:
    """128-bit balls inside a ``with`` block; the precision set before is restored."""
    context: AbstractContextManager[None] = flint.ctx.workprec(BALL_PRECISION)
    return context
