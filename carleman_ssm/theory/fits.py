r"""Polynomial fits of an activation function on an interval, each with a certified sup-error.

$p(y) = \sum_{j \le P} c_j T_j\big((y - m)/h\big)$ with float64 numbers $m$, $h$, $c_j$ that mean exactly what
they are: the certificate $\sup |\varphi - p| \le$ `sup_error` on $[m - h, m + h]$ holds for the real
functions, not for a rounded evaluation. High degrees are evaluated by Clenshaw, never as raw monomials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb, arb_poly, fmpq, fmpq_poly, fmpz_poly

from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.analytic import Floats
from carleman_ssm.theory.certification import (
    ORDER,
    Supremum,
    TaylorModel,
    ball_arithmetic,
    enclosing_interval,
    error_tolerance,
    initial_pieces,
    supremum,
    taylor_coefficients,
)
from carleman_ssm.theory.clenshaw import clenshaw
from carleman_ssm.theory.fit_checks import coefficient_row, require_error
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_count


@dataclass(frozen=True, eq=False)
class ChebyshevFit:
    r"""$p(y) = \sum_{j=0}^P c_j T_j((y - m)/h)$, close to $\varphi$ on an interval.

    Parameters
    ----------
    centre, half_width
        $m$ and $h > 0$ [units of y], exact float64 numbers.
    coefficients
        $(c_0, \dots, c_P)$, exact float64 numbers.
    lower, upper
        The interval asked for; it lies inside $[m - h, m + h]$, where the certificate holds.
    sup_error
        Certified upper bound of $\sup |\varphi - p|$ on $[m - h, m + h]$; infinite if not certified.

    Raises
    ------
    ValueError
        A number is not finite, the half-width is not positive, no coefficient is given, or the interval
        sticks out of the certified one.
    """

    centre: float
    half_width: float
    coefficients: Floats
    lower: float
    upper: float
    sup_error: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", coefficient_row(self.coefficients, "a fit"))
        if not (math.isfinite(self.centre) and math.isfinite(self.half_width) and self.half_width > 0):
            msg = f"a fit needs a finite centre and a positive half-width, got {self.centre}, {self.half_width}"
            raise ValueError(msg)
        require_error(self.sup_error)
        m, h = fmpq(*self.centre.as_integer_ratio()), fmpq(*self.half_width.as_integer_ratio())
        ends = [fmpq(*float(end).as_integer_ratio()) for end in (self.lower, self.upper)]
        if not m - h <= ends[0] <= ends[1] <= m + h:
            msg = f"[{self.lower}, {self.upper}] does not lie in {self.centre} ± {self.half_width}"
            raise ValueError(msg)

    @property
    def degree(self) -> int:
        """P, the stated degree."""
        return len(self.coefficients) - 1

    def __call__(self, y: npt.ArrayLike) -> Floats:
        """p(y) in float64 by Clenshaw's recurrence, elementwise, for y in the certified interval.

        Raises
        ------
        ValueError
            A value lies outside, where a polynomial of high degree means nothing.
        """
        position = (np.asarray(y, dtype=np.float64) - self.centre) / self.half_width
        if (np.abs(position) > 1 + 4 * np.finfo(np.float64).eps).any():
            msg = f"y leaves the interval {self.centre} ± {self.half_width} of the fit: fit a wider one"
            raise ValueError(msg)
        return clenshaw(self.coefficients, position)

    def contains(self, y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Where y lies in [lower, upper]; outside, a polynomial of high degree means nothing."""
        values = np.asarray(y, dtype=np.float64)
        return np.asarray((values >= self.lower) & (values <= self.upper))

    @property
    def exact_decoder(self) -> PolynomialDecoder:
        """The same polynomial in powers of y, with exact rational coefficients."""
        m, h = fmpq(*self.centre.as_integer_ratio()), fmpq(*self.half_width.as_integer_ratio())
        powers = scaled_polynomial(self.coefficients)(fmpq_poly([-m / h, 1 / h]))
        numbers = [powers[k] for k in range(self.degree + 1)]
        return PolynomialDecoder(tuple(sp.Rational(int(c.p), int(c.q)) for c in numbers))


def scaled_polynomial(coefficients: Floats) -> fmpq_poly:
    r"""$\sum_j c_j T_j(t)$ in powers of t, exactly: Clenshaw in integers over one power of two."""
    ratios = [float(c).as_integer_ratio() for c in coefficients]
    denominator = max(d for _, d in ratios)
    twice_t, ahead, second = fmpz_poly([0, 2]), fmpz_poly([]), fmpz_poly([])
    for numerator, d in reversed(ratios[1:]):
        ahead, second = numerator * (denominator // d) + twice_t * ahead - second, ahead
    numerator, d = ratios[0]
    total = numerator * (denominator // d) + fmpz_poly([0, 1]) * ahead - second
    return fmpq_poly(total) / denominator


def fit_chebyshev(activation: Activation, lower: float, upper: float, degree: int) -> ChebyshevFit:
    r"""Interpolate $\varphi$ at the Chebyshev points of [lower, upper], with a certified sup-error.

    Parameters
    ----------
    activation
        $\varphi$.
    lower, upper
        Interval [units of y]; equal ends are allowed (a constant channel).
    degree
        P ≥ 0.

    Returns
    -------
    The fit; its error is within a small factor (1.1 to 2.2 for GELU) of the best of its degree.

    Raises
    ------
    ValueError
        The interval is empty or not finite, or the degree is negative.
    ArithmeticError
        No bound of the error was reached: the interval is far too wide (measured: past about 10¹²). Scale the
        argument; operators refuse such intervals by name.

    References
    ----------
    T13.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> fit = fit_chebyshev(activation("gelu"), -3.0, 3.0, 8)
    >>> 2.9e-3 < fit.sup_error < 3.1e-3
    True
    """
    count = require_count(degree, "the degree of a fit") + 1
    centre, half_width = enclosing_interval(float(lower), float(upper))
    angles = np.pi * (np.arange(count) + 0.5) / count
    values = activation(centre + half_width * np.cos(angles))
    coefficients = 2 / count * np.cos(np.outer(np.arange(count), angles)) @ values
    coefficients[0] /= 2
    return _certified(activation, ChebyshevFit(centre, half_width, coefficients, float(lower), float(upper)))


def fit_least_squares(
    activation: Activation,
    samples: npt.ArrayLike,
    degree: int,
    lower: float | None = None,
    upper: float | None = None,
) -> ChebyshevFit:
    r"""Fit $\varphi$ by least squares on observed pre-activations: small error where samples are dense.

    Parameters
    ----------
    activation
        $\varphi$.
    samples
        Observed values of y, any shape.
    degree
        P ≥ 0. With fewer distinct samples than P + 1 the solution of smallest norm is taken.
    lower, upper
        Interval of the certificate; by default the range of the samples.

    Returns
    -------
    ChebyshevFit
        With its certified sup-error, which may be large where samples are rare.

    Raises
    ------
    ValueError
        There is no sample, one is not finite, or one lies outside the interval.
    ArithmeticError
        No bound of the error was reached: the interval is far too wide (measured: past about 10¹²). Scale the
        argument; operators refuse such intervals by name.

    References
    ----------
    Standard least squares; THEORY T13.
    """
    y = np.asarray(samples, dtype=np.float64).ravel()
    if not y.size or not np.isfinite(y).all():
        msg = "a least-squares fit needs at least one sample, all of them finite"
        raise ValueError(msg)
    low, high = float(y.min() if lower is None else lower), float(y.max() if upper is None else upper)
    if low > y.min() or high < y.max():
        msg = f"samples reach [{y.min()}, {y.max()}], outside the interval [{low}, {high}]: widen it"
        raise ValueError(msg)
    centre, half_width = enclosing_interval(low, high)
    basis = np.polynomial.chebyshev.chebvander((y - centre) / half_width, require_count(degree, "the degree of a fit"))
    coefficients = np.asarray(np.linalg.lstsq(basis, activation(y), rcond=None)[0], dtype=np.float64)
    return _certified(activation, ChebyshevFit(centre, half_width, coefficients, low, high))


def fit_many(
    activation: Activation, lower: Sequence[float] | Floats, upper: Sequence[float] | Floats, degree: int
) -> list[ChebyshevFit]:
    """One Chebyshev fit per channel, each on its own interval.

    Parameters
    ----------
    lower, upper
        Ends of the H intervals, shape (H,).

    Returns
    -------
    list of ChebyshevFit
        H fits of one degree.

    Raises
    ------
    ValueError
        The two rows differ in length, or an interval is empty or not finite.
    ArithmeticError
        As `fit_chebyshev`.

    References
    ----------
    THEORY T13.
    """
    return [fit_chebyshev(activation, float(a), float(b), degree) for a, b in zip(lower, upper, strict=True)]


def certify(activation: Activation, fit: ChebyshevFit) -> float:
    r"""Certified upper bound of $\sup |\varphi - p|$ on the whole interval of the fit, rounded outward.

    See `enclose_error` for how sharp it is.

    Parameters
    ----------
    activation
        $\varphi$.
    fit
        $p$ with its interval.

    Returns
    -------
    float
        In units of $\varphi$.

    Raises
    ------
    ArithmeticError
        The bisection does not converge.

    References
    ----------
    Taylor models: Makino and Berz (2003); ball arithmetic: Johansson (2017).
    """
    return enclose_error(activation, fit).upper


def enclose_error(activation: Activation, fit: ChebyshevFit, *, extra_bits: int = 0) -> Supremum:
    r"""Certified bounds of $\sup |\varphi - p|$ on $[m - h, m + h]$ from both sides.

    They are at most 1e-10 apart, or $10^{-7}$ of the supremum if that is more, or $10^{-3}$ of it if that is
    less; $p$ is the exact polynomial of the stored numbers.

    Parameters
    ----------
    activation, fit
        $\varphi$ and $p$.
    extra_bits
        Working precision beyond what the degree and the coefficients need.

    Raises
    ------
    ArithmeticError
        The bisection does not converge.
    """
    polynomial = scaled_polynomial(fit.coefficients)
    size = math.log2(1.0 + float(np.abs(fit.coefficients).max()) * len(fit.coefficients))
    # powers of t carry coefficients up to 2.42^P Σ|c|, which cancel: they get that many more bits
    with ball_arithmetic(112 + 2 * fit.degree + math.ceil(size) + extra_bits):
        powers, centre, half_width = arb_poly(polynomial), arb(fit.centre), arb(fit.half_width)

        def model(t: float, radius: float) -> TaylorModel:
            exact, remainder = taylor_coefficients(
                activation.series, centre + half_width * arb(t), half_width * arb(radius)
            )
            fitted = powers(arb_poly([arb(t), arb(radius)])).coeffs()
            cut = sum((abs(c) for c in fitted[ORDER:]), remainder)
            fitted += [arb(0)] * (ORDER - len(fitted))
            return TaylorModel(t, radius, arb_poly([a - b for a, b in zip(exact, fitted, strict=False)]), cut)

        return supremum(model, pieces=initial_pieces(fit.half_width), tolerance=error_tolerance)


def _certified(activation: Activation, fit: ChebyshevFit) -> ChebyshevFit:
    return replace(fit, sup_error=certify(activation, fit))
