r"""Fits of an activation by phases: a line plus a Fourier series on a longer period, certified on an interval.

$$p(y) = c + s\,d + \sum_{k=1}^K a_k\cos(k\omega d) + b_k\sin(k\omega d)
       = s\,d + \mathrm{Re}\sum_{k=0}^K w_k e^{ik\omega d},\qquad d = y - m,\; w_0 = c,\; w_k = a_k - ib_k,$$

with float64 numbers that mean exactly what they are. As $e^{ik\omega\sum_j y_j} = \prod_j e^{ik\omega y_j}$, every
past input of a linear recurrence adds a *phase* and all interaction orders are summed up in one product (THEORY T13b).
The period $2\pi/\omega$ is longer than the interval (a Fourier extension), so $\varphi$ need not be periodic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from flint import acb, acb_poly, arb, arb_poly

from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.analytic import Floats
from carleman_ssm.theory.certification import (
    ORDER,
    Supremum,
    TaylorModel,
    ball_arithmetic,
    enclosing_interval,
    error_tolerance,
    supremum,
    taylor_coefficients,
)
from carleman_ssm.theory.phases import PHASE_ROUNDING, phase, phase_sum
from carleman_ssm.theory.polynomials import require_count

EXTENSIONS = (1.1, 1.25, 1.5, 2.0)
r"""Half a period over the half-width, $\pi/(\omega h)$: short periods need fewer terms, long ones smaller weights."""

_CUTOFF = 1e-13
"""Singular values of the least-squares problem below this share of the largest are left out: weights stay bounded."""


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


def fit_cosines(
    activation: Activation, lower: float, upper: float, terms: int, extension: float | None = None
) -> CosineFit:
    r"""Fit $\varphi$ by a line and K frequencies, least squares on [lower, upper], with a certified sup-error.

    Parameters
    ----------
    activation
        $\varphi$.
    lower, upper
        Interval [units of y]; equal ends are allowed (a constant channel).
    terms
        K ≥ 0.
    extension
        $\pi/(\omega h) \ge 1.01$, at most 100; by default the best of `EXTENSIONS` on a grid.

    Returns
    -------
    CosineFit
        Even functions about the centre get sines of the size of rounding only, and odd ones cosines.

    Raises
    ------
    ValueError
        The interval is empty or not finite, K is negative, or the extension is out of range.

    References
    ----------
    THEORY T13b; Fourier extensions: Adcock, Huybrechs and Martín-Vaquero (2014), Found. Comput. Math. 14, 635.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> fit = fit_cosines(activation("gelu"), -20.0, 20.0, 22)
    >>> fit.sup_error < 1e-3
    True
    """
    fit = uncertified_cosines(activation, lower, upper, terms, extension)
    return replace(fit, sup_error=enclose_cosine_error(activation, fit).upper)


def uncertified_cosines(
    activation: Activation, lower: float, upper: float, terms: int, extension: float | None = None
) -> CosineFit:
    """`fit_cosines` without its certificate: ``sup_error`` is infinite. For searches; see `fit_cosines`."""
    count = require_count(terms, "the number of terms of a cosine fit")
    centre, half_width = enclosing_interval(float(lower), float(upper))
    if extension is not None and not 1.01 <= extension <= 100:
        msg = f"the extension must lie between 1.01 and 100, got {extension}: the period must exceed the interval"
        raise ValueError(msg)
    position = np.cos(np.pi * (np.arange(16 * count + 64) + 0.5) / (16 * count + 64))
    target = activation(centre + half_width * position)
    ratios = EXTENSIONS if extension is None else (extension,)
    solved = [(ratio, *_solve(position, target, count, ratio)) for ratio in ratios]
    ratio, numbers, _ = min(solved, key=lambda candidate: candidate[2])
    return CosineFit(
        centre,
        half_width,
        math.pi / (ratio * half_width),
        float(numbers[0]),
        float(numbers[1]) / half_width,
        numbers[2 : 2 + count],
        numbers[2 + count :],
        float(lower),
        float(upper),
    )


def _design(position: Floats, count: int, extension: float) -> Floats:
    angles = np.outer(position, np.arange(1, count + 1) * (np.pi / extension))
    return np.hstack([np.ones((len(position), 1)), position[:, None], np.cos(angles), np.sin(angles)])


def _solve(position: Floats, target: Floats, count: int, extension: float) -> tuple[Floats, float]:
    """Least squares on every fourth sample; the others tell how good it is between, rounding of large weights added."""
    design = _design(position, count, extension)
    numbers = np.asarray(np.linalg.lstsq(design[1::4], target[1::4], rcond=_CUTOFF)[0], dtype=np.float64)
    rounding = 2 * PHASE_ROUNDING * (count + 1) * float(np.abs(numbers).sum())
    return numbers, float(np.abs(design @ numbers - target).max()) + rounding


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
    pieces = 1 << max(0, math.ceil(math.log2(max(2 * fit.half_width, fit.frequency * fit.half_width * fit.terms))))
    with ball_arithmetic(144 + math.ceil(size) + extra_bits):
        expansion = _Expansion.of(fit)

        def model(t: float, radius: float) -> TaylorModel:
            distance, width = arb(fit.half_width) * arb(t), arb(fit.half_width) * arb(radius)
            exact, remainder = taylor_coefficients(activation.series, arb(fit.centre) + distance, width)
            fitted, cut = expansion(distance, width)
            return TaylorModel(
                t, radius, arb_poly([a - b for a, b in zip(exact, fitted, strict=True)]), remainder + cut
            )

        return supremum(model, pieces=min(1024, pieces), tolerance=error_tolerance)


@dataclass(frozen=True)
class _Expansion:
    r"""Taylor coefficients of $p$: the polynomials $\sum_k k^q w_k z^k$ in $z = e^{i\omega d}$, and their sizes."""

    frequency: arb
    slope: arb
    rows: list[acb_poly]
    sizes: arb

    @classmethod
    def of(cls, fit: CosineFit) -> _Expansion:
        weights = [acb(float(w.real), float(w.imag)) for w in fit.weights]
        rows = [acb_poly([_power(k, q) * w for k, w in enumerate(weights)]) for q in range(ORDER)]
        sizes = sum((_power(k, ORDER) * abs(w) for k, w in enumerate(weights)), arb(0))
        return cls(arb(fit.frequency), arb(fit.slope), rows, sizes)

    def __call__(self, distance: arb, width: arb) -> tuple[list[arb], arb]:
        """ORDER coefficients at a distance from the centre, in units of the width, and the remainder."""
        turn, scale = acb(0, self.frequency * distance).exp(), acb(1)
        coefficients = []
        for q, row in enumerate(self.rows):
            coefficients.append((scale * row(turn)).real)
            scale = scale * acb(0, self.frequency * width) / (q + 1)
        coefficients[0] += self.slope * distance
        coefficients[1] += self.slope * width
        return coefficients, (abs(scale) * self.sizes).abs_upper()


def _power(base: int, exponent: int) -> int:
    """Integer power with 0⁰ = 1, exact."""
    return int(base**exponent)
