r"""Fits of an activation by phases: a line plus a Fourier series on a longer period, certified on an interval.

$$p(y) = c + s\,d + \sum_{k=1}^K a_k\cos(k\omega d) + b_k\sin(k\omega d)
       = s\,d + \mathrm{Re}\sum_{k=0}^K w_k e^{ik\omega d},\qquad d = y - m,\; w_0 = c,\; w_k = a_k - ib_k,$$

with float64 numbers that mean exactly what they are. As $e^{ik\omega\sum_j y_j} = \prod_j e^{ik\omega y_j}$, every
past input of a linear recurrence adds a *phase* and all interaction orders are summed up in one product (THEORY T13b).
The period $2\pi/\omega$ is longer than the interval (a Fourier extension), so $\varphi$ need not be periodic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import acb, acb_mat, arb, arb_poly

from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.analytic import Floats
from carleman_ssm.theory.certification import (
    ORDER,
    Supremum,
    TaylorModel,
    ball_arithmetic,
    error_tolerance,
    initial_pieces,
    supremum,
    taylor_coefficients,
)
from carleman_ssm.theory.phases import phase, phase_sum


@dataclass(frozen=True, eq=False)
class CosineFit:
    r"""$p(y) = c + s d + \sum_{k=1}^K a_k\cos(k\omega d) + b_k\sin(k\omega d)$, $d = y - m$, on an interval.

    Parameters
    ----------
    centre, half_width
        $m$ and $h > 0$ [units of y].
    frequency
        $\omega$ with $0 < \omega h \le \pi$ [radians per unit of y].
    offset, slope
        $c$ and $s$.
    cosines, sines
        $(a_1, \dots, a_K)$ and $(b_1, \dots, b_K)$; every number is an exact float64 number.
    lower, upper
        The interval asked for; it lies inside $[m - h, m + h]$, where the certificate holds.
    sup_error
        Certified upper bound of $\sup |\varphi - p|$ on $[m - h, m + h]$; infinite if not certified.

    Raises
    ------
    ValueError
        A number is not finite, the two rows differ in length, the period is shorter than the interval, or the
        interval asked for sticks out.

    References
    ----------
    THEORY T13b.
    """

    centre: float
    half_width: float
    frequency: float
    offset: float
    slope: float
    cosines: Floats
    sines: Floats
    lower: float
    upper: float
    sup_error: float = math.inf

    def __post_init__(self) -> None:
        rows = [np.array(row, dtype=np.float64) for row in (self.cosines, self.sines)]
        for name, row in zip(("cosines", "sines"), rows, strict=True):
            row.flags.writeable = False
            object.__setattr__(self, name, row)
        if rows[0].ndim != 1 or rows[0].shape != rows[1].shape:
            msg = f"cosines and sines must be rows of one length, got shapes {rows[0].shape} and {rows[1].shape}"
            raise ValueError(msg)
        numbers = (self.centre, self.half_width, self.frequency, self.offset, self.slope, *rows[0], *rows[1])
        if not all(math.isfinite(number) for number in numbers):
            msg = "every number of a cosine fit must be finite"
            raise ValueError(msg)
        # π rounded down: a product of doubles below it is below π also without rounding, up to its own 2⁻⁵³
        if not (self.half_width > 0 and 0 < self.frequency * self.half_width < math.pi):
            msg = (
                f"the half-width must be positive and half a period longer than it; got half-width {self.half_width} "
                f"and frequency {self.frequency}"
            )
            raise ValueError(msg)
        inside = self.centre - self.half_width <= self.lower <= self.upper <= self.centre + self.half_width
        if not inside or not self.sup_error >= 0:
            msg = f"[{self.lower}, {self.upper}] must lie in {self.centre} ± {self.half_width}, and the error be >= 0"
            raise ValueError(msg)

    @property
    def terms(self) -> int:
        """K, the number of frequencies."""
        return len(self.cosines)

    @property
    def weights(self) -> npt.NDArray[np.complex128]:
        """$(w_0, …, w_K)$ with $w_0 = c$ and $w_k = a_k - ib_k$."""
        return np.concatenate([[complex(self.offset)], self.cosines - 1j * self.sines])

    def __call__(self, y: npt.ArrayLike) -> Floats:
        """p(y) in float64, elementwise, for y in the certified interval.

        Raises
        ------
        ValueError
            A value lies outside, where the fit means nothing.
        """
        distance = np.asarray(y, dtype=np.float64) - self.centre
        if (np.abs(distance) > self.half_width * (1 + 4 * np.finfo(np.float64).eps)).any():
            msg = f"y leaves the interval {self.centre} ± {self.half_width} of the fit: fit a wider one"
            raise ValueError(msg)
        return np.asarray(self.slope * distance + phase_sum(self.weights, phase(self.frequency * distance)))

    def phase_product(self, parts: npt.ArrayLike) -> Floats:
        r"""The fit at $y = \sum_j y_j$ as $s\,d + \mathrm{Re}\sum_k w_k e^{-ik\omega m}\prod_j e^{ik\omega y_j}$.

        Parameters
        ----------
        parts
            $y_j$ (n, …), for instance one past input times its kernel value each.

        Returns
        -------
        Floats
            (…): what `__call__` gives at the sum, by another route.
        """
        values = np.asarray(parts, dtype=np.float64)
        turns = np.exp(1j * self.frequency * values).prod(axis=0) * np.exp(-1j * self.frequency * self.centre)
        powers = turns[..., None] ** np.arange(self.terms + 1)
        return np.asarray(self.slope * (values.sum(axis=0) - self.centre) + (powers @ self.weights).real)


def enclose_cosine_error(activation: Activation, fit: CosineFit, *, extra_bits: int = 0) -> Supremum:
    r"""Certified bounds of $\sup |\varphi - p|$ on $[m - h, m + h]$ from both sides, as sharp as `fits.enclose_error`.

    The Taylor coefficients of $p$ at $d$ with radius $r$ are $\mathrm{Re}\,(i\omega r)^q/q!\,\sum_k k^q w_k
    e^{ik\omega d}$, and their remainder is at most $\sum_k|w_k|(k\omega r)^q/q!$.

    Parameters
    ----------
    activation, fit
        $\varphi$ and $p$.
    extra_bits
        Working precision beyond what the weights need.

    Raises
    ------
    ArithmeticError
        The bisection does not converge.
    """
    size = math.log2(2.0 + float(np.abs(fit.weights).sum()))
    # pieces on which the fastest phase turns by at most 2 radians each way: there its remainder is below 1e-12
    turning = fit.frequency * fit.half_width * fit.terms / 2
    pieces = max(initial_pieces(fit.half_width), 1 << max(0, math.ceil(math.log2(max(turning, 1.0)))))
    with ball_arithmetic(144 + math.ceil(size) + extra_bits):
        expansion = _Expansion.of(fit)

        def model(t: float, radius: float) -> TaylorModel:
            distance, width = arb(fit.half_width) * arb(t), arb(fit.half_width) * arb(radius)
            exact, remainder = taylor_coefficients(activation.series, arb(fit.centre) + distance, width)
            fitted, cut = expansion(distance, width)
            return TaylorModel(
                t, radius, arb_poly([a - b for a, b in zip(exact, fitted, strict=True)]), remainder + cut
            )

        return supremum(model, pieces=pieces, tolerance=error_tolerance)


@dataclass(frozen=True)
class _Expansion:
    r"""Taylor coefficients of $p$ from the matrix $k^q w_k$ (q, k) and the powers of $z = e^{i\omega d}$."""

    frequency: arb
    slope: arb
    matrix: acb_mat
    size: arb

    @classmethod
    def of(cls, fit: CosineFit) -> _Expansion:
        weights = [acb(float(w.real), float(w.imag)) for w in fit.weights]
        entries = [_power(k, q) * w for q in range(ORDER) for k, w in enumerate(weights)]
        size = sum((_power(k, ORDER) * abs(w) for k, w in enumerate(weights)), arb(0))
        return cls(arb(fit.frequency), arb(fit.slope), acb_mat(ORDER, len(weights), entries), size)

    def __call__(self, distance: arb, width: arb) -> tuple[list[arb], arb]:
        """ORDER coefficients at a distance from the centre, in units of the width, and the remainder."""
        turn, powers = acb(0, self.frequency * distance).exp(), [acb(1)]
        for _ in range(self.matrix.ncols() - 1):
            powers.append(powers[-1] * turn)
        sums = self.matrix * acb_mat(len(powers), 1, powers)
        step, scale, coefficients = acb(0, self.frequency * width), acb(1), []
        for q in range(ORDER):
            coefficients.append((scale * sums[q, 0]).real)
            scale = scale * step / (q + 1)
        coefficients[0] += self.slope * distance
        coefficients[1] += self.slope * width
        return coefficients, (abs(scale) * self.size).abs_upper()


def _power(base: int, exponent: int) -> int:
    """Integer power with 0⁰ = 1, exact."""
    return int(base**exponent)
