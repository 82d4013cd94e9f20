r"""Polynomials for the inverse deviation $q = (v + \varepsilon)^{-1/2}$ of LayerNorm and RMSNorm, certified.

The norm itself is kept algebraic, $q^2(v + \varepsilon) = 1$. A polynomial in v is what a polynomial lift would need
(it multiplies the degree by 1 + 2Q), and its error falls only like $((\sqrt\kappa - 1)/(\sqrt\kappa + 1))^Q$ where v
spans a factor κ (THEORY T16).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_poly, arb_series

from carleman_ssm.theory.analytic import Floats
from carleman_ssm.theory.certification import (
    Supremum,
    ball_arithmetic,
    enclosing_interval,
    error_tolerance,
    model_of,
    supremum,
)
from carleman_ssm.theory.fits import ChebyshevFit, scaled_polynomial
from carleman_ssm.theory.polynomials import require_count

LARGEST_DEGREE = 64


@dataclass(frozen=True, eq=False)
class InverseRootFit:
    r"""$p(v) \approx (v + \varepsilon)^{-1/2}$ on [lower, upper].

    Parameters
    ----------
    fit
        The polynomial with its interval; ``fit.sup_error`` is the certified absolute error.
    eps
        $\varepsilon \ge 0$; lower + ε > 0.
    relative_error
        Certified upper bound of $\sup|p(v)\sqrt{v + \varepsilon} - 1|$ there.

    References
    ----------
    THEORY T16.
    """

    fit: ChebyshevFit
    eps: float
    relative_error: float

    def __call__(self, variance: Floats) -> Floats:
        """p(v) in float64.

        Raises
        ------
        ValueError
            A variance lies outside the interval.
        """
        return self.fit(variance)

    @property
    def degree(self) -> int:
        """Q."""
        return self.fit.degree


def fit_inverse_root(lower: float, upper: float, degree: int, eps: float = 0.0) -> InverseRootFit:
    r"""Interpolate $(v + \varepsilon)^{-1/2}$ at the Chebyshev points of [lower, upper], with certified errors.

    Parameters
    ----------
    lower, upper
        Variances, $0 \le$ lower; lower + ε > 0.
    degree
        $0 \le Q \le 64$.
    eps
        $\varepsilon \ge 0$, finite.

    Raises
    ------
    ValueError
        The interval is empty; ε or the degree is out of range; or v + ε is not positive on the certified interval,
        which reaches at least $2^{-30}\max(1, |m|)$ to either side of the middle m of [lower, upper].

    References
    ----------
    THEORY T16.

    Examples
    --------
    >>> fit_inverse_root(1.0, 2.0, 4).relative_error < 1e-4
    True
    """
    count = require_count(degree, "the degree of a fit") + 1
    if count > LARGEST_DEGREE + 1:
        msg = f"the degree must be at most {LARGEST_DEGREE}, got {degree}"
        raise ValueError(msg)
    centre, half_width = enclosing_interval(float(lower), float(upper))
    _check_positive(float(lower), float(eps), centre - half_width)
    angles = np.pi * (np.arange(count) + 0.5) / count
    values = 1.0 / np.sqrt(centre + half_width * np.cos(angles) + eps)
    coefficients = 2 / count * np.cos(np.outer(np.arange(count), angles)) @ values
    coefficients[0] /= 2
    plain = ChebyshevFit(centre, half_width, coefficients, float(lower), float(upper))
    relative = enclose_relative_error(plain, eps).upper
    # |p − q| ≤ relative · q, and q is largest at the lower end of the certified interval
    largest = 1.0 / math.sqrt((centre - half_width + eps) * (1 - 2.0**-40))
    sup_error = relative * largest * (1 + 2.0**-40)
    certified = ChebyshevFit(centre, half_width, coefficients, float(lower), float(upper), sup_error)
    return InverseRootFit(certified, float(eps), relative)


def _check_positive(lower: float, eps: float, least: float) -> None:
    if not 0 <= eps < math.inf:
        msg = f"eps must be finite and not negative, got {eps}"
        raise ValueError(msg)
    if not lower + eps > 0:
        msg = f"variances from {lower} with eps = {eps} reach 0, where the inverse root is no number"
        raise ValueError(msg)
    if not least + eps > 0:
        msg = (
            f"variances from {lower} with eps = {eps} are positive, but errors are certified on an interval of "
            f"half-width at least 2^-30, down to {least}, where the inverse root is no number: raise eps, or multiply "
            "variances and eps by one factor and the fit by its square root"
        )
        raise ValueError(msg)


def enclose_relative_error(fit: ChebyshevFit, eps: float) -> Supremum:
    r"""Certified bounds of $\sup|p(v)\sqrt{v + \varepsilon} - 1|$ on $[m - h, m + h]$ from both sides.

    Raises
    ------
    ArithmeticError
        The bisection does not converge.
    """
    size = math.log2(2.0 + float(np.abs(fit.coefficients).sum()))
    with ball_arithmetic(112 + 3 * fit.degree + math.ceil(size)):
        powers = arb_poly(scaled_polynomial(fit.coefficients)).coeffs()
        centre, half_width = arb(fit.centre), arb(fit.half_width)

        def relative(v: arb_series) -> arb_series:
            position, total = (v - centre) / half_width, 0 * v
            for coefficient in reversed(powers):
                total = total * position + coefficient
            return total * (v + arb(eps)).sqrt() - 1

        model = model_of(relative, fit.centre, fit.half_width)
        return supremum(model, pieces=16, tolerance=error_tolerance)
