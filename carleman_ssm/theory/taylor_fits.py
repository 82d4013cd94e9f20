r"""Taylor polynomials of an activation about a stated point, in float64, with a certified sup-error on an interval.

The expansion in monomials behind Carleman's operator at 0. Its degree grows like the square of the interval
(THEORY T13), so `fits` and `cosine_fits` serve wide intervals; here the bound says how far the monomials carry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from flint import arb, arb_poly, arb_series

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
from carleman_ssm.theory.fit_checks import coefficient_row, require_error
from carleman_ssm.theory.polynomials import require_count

LARGEST_POWER = 280
"""Decades: where a term exceeds them on the interval, the error is said to be infinite."""


@dataclass(frozen=True, eq=False)
class TaylorFit:
    r"""$p(y) = \sum_{q=0}^P g_q (y - m)^q$ with exact float64 numbers, on [lower, upper].

    Parameters
    ----------
    centre
        $m$ [units of y].
    coefficients
        $(g_0, \dots, g_P)$: the Taylor coefficients of $\varphi$ at $m$, rounded to float64.
    lower, upper
        Where the certificate holds.
    sup_error
        Certified upper bound of $\sup |\varphi - p|$ there; infinite if not certified.

    Raises
    ------
    ValueError
        A number is not finite, there is no coefficient, or the interval is empty.

    References
    ----------
    THEORY T13.
    """

    centre: float
    coefficients: Floats
    lower: float
    upper: float
    sup_error: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", coefficient_row(self.coefficients, "a Taylor fit"))
        if not (math.isfinite(self.centre) and -math.inf < self.lower <= self.upper < math.inf):
            msg = f"a Taylor fit needs a finite centre and interval, got {self.centre} and [{self.lower}, {self.upper}]"
            raise ValueError(msg)
        require_error(self.sup_error)

    @property
    def degree(self) -> int:
        """P."""
        return len(self.coefficients) - 1

    def __call__(self, y: Floats) -> Floats:
        """p(y) by Horner's rule."""
        return np.asarray(np.polynomial.polynomial.polyval(np.asarray(y) - self.centre, self.coefficients))


def fit_taylor(activation: Activation, lower: float, upper: float, degree: int, centre: float = 0.0) -> TaylorFit:
    r"""Taylor polynomial of $\varphi$ at a point, with its certified sup-error on [lower, upper].

    Parameters
    ----------
    activation
        $\varphi$.
    lower, upper
        Interval [units of y]; it need not contain the centre.
    degree
        P ≥ 0.
    centre
        $m$.

    Returns
    -------
    TaylorFit
        Its error is infinite, not certified, where its terms exceed 10²⁸⁰ on the interval.

    Raises
    ------
    ValueError
        The interval is empty or not finite, or the degree is negative.
    ArithmeticError
        The certificate does not converge.

    References
    ----------
    THEORY T13.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> fit_taylor(activation("gelu"), -1.0, 1.0, 4).sup_error < 1e-2
    True
    """
    count = require_count(degree, "the degree of a Taylor polynomial")
    with ball_arithmetic(128 + 2 * count, count):
        series = activation.series(arb_series([arb(float(centre)), arb(1)], prec=count + 2))
        coefficients = np.array([float(series[q]) for q in range(count + 1)])
    fit = TaylorFit(float(centre), coefficients, float(lower), float(upper))
    reach = max(abs(fit.lower - fit.centre), abs(fit.upper - fit.centre), 1.0)
    sizes = np.log10(np.maximum(np.abs(coefficients), 1e-300)) + np.arange(count + 1) * math.log10(reach)
    if sizes.max() > LARGEST_POWER:
        return fit
    return replace(fit, sup_error=enclose_taylor_error(activation, fit).upper)


def enclose_taylor_error(activation: Activation, fit: TaylorFit, *, extra_bits: int = 0) -> Supremum:
    r"""Certified bounds of $\sup |\varphi - p|$ on the fit's interval from both sides, as in `fits.enclose_error`.

    Raises
    ------
    ArithmeticError
        The bisection does not converge.
    """
    middle, half_width = enclosing_interval(fit.lower, fit.upper)
    reach = 1.0 + abs(middle - fit.centre) + half_width
    # terms of this size cancel in the sum, and get that many more bits
    bits = fit.degree * math.log2(reach) + 64
    with ball_arithmetic(112 + math.ceil(bits) + extra_bits):
        polynomial = arb_poly(fit.coefficients.tolist())

        def model(t: float, radius: float) -> TaylorModel:
            position, width = arb(middle) + arb(half_width) * arb(t), arb(half_width) * arb(radius)
            exact, remainder = taylor_coefficients(activation.series, position, width)
            fitted = polynomial(arb_poly([position - arb(fit.centre), width])).coeffs()
            cut = sum((abs(c) for c in fitted[ORDER:]), remainder)
            fitted += [arb(0)] * (ORDER - len(fitted))
            return TaylorModel(t, radius, arb_poly([a - b for a, b in zip(exact, fitted, strict=False)]), cut)

        return supremum(model, pieces=initial_pieces(half_width), tolerance=error_tolerance)
