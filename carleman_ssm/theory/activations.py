r"""Activation functions $\varphi$ by their names: float values, exact Taylor series, certified slopes.

``gelu`` is the exact erf form. The tanh form is another function with another name, ``gelu_tanh``: the two
differ by 4.7e-4, and the tanh form is not entire. ``relu`` is refused: it has no expansion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb_series

from carleman_ssm.theory import analytic
from carleman_ssm.theory.certification import (
    Supremum,
    ball_arithmetic,
    enclosing_interval,
    error_tolerance,
    initial_pieces,
    model_of,
    supremum,
)
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_count

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    r"""A function $\varphi : \mathbb R \to \mathbb R$ applied to each pre-activation; see `activation`.

    Parameters
    ----------
    name
        The name by which `activation` finds it and a network's configuration states it.
    coefficients
        $(c_0, \dots, c_d)$ of a polynomial, exact; None for the others.
    function
        The mathematics behind the name.
    """

    name: str
    coefficients: tuple[Fraction, ...] | None
    function: analytic.AnalyticFunction = field(compare=False, repr=False)

    def __call__(self, y: npt.ArrayLike) -> Floats:
        r"""$\varphi(y)$ in float64, elementwise; accurate in the negative tail, where $\varphi$ is tiny."""
        return self.function.values(np.asarray(y, dtype=np.float64))

    def derivative(self, y: npt.ArrayLike) -> Floats:
        r"""$\varphi'(y)$ in float64, elementwise."""
        return self.function.slopes(np.asarray(y, dtype=np.float64))

    def expression(self, y: sp.Expr) -> sp.Expr:
        r"""$\varphi(y)$ as an exact expression."""
        return self.function.expression(y)

    def series(self, y: arb_series) -> arb_series:
        r"""$\varphi$ of a power series with ball coefficients: encloses every exact value."""
        return self.function.series(y)

    @property
    def convergence_radius(self) -> sp.Expr:
        """Distance from 0 to the nearest complex singularity; infinite for an entire function."""
        return self.function.convergence_radius

    @property
    def is_polynomial(self) -> bool:
        """Whether `exact_decoder` exists, so that the lift needs no fit."""
        return self.coefficients is not None

    @property
    def exact_decoder(self) -> PolynomialDecoder:
        """The decoder that *is* this function.

        Raises
        ------
        ValueError
            The function is no polynomial.
        """
        if self.coefficients is None:
            msg = f"{self.name} is no polynomial: use fit_chebyshev on an interval, or taylor(degree) near 0"
            raise ValueError(msg)
        return self.taylor(len(self.coefficients) - 1)

    def taylor(self, degree: int) -> PolynomialDecoder:
        r"""Taylor polynomial at 0, $\sum_{k \le P} \varphi^{(k)}(0)/k!\; y^k$, with exact coefficients.

        It serves where $|y|$ is small; on an observed range take `fit_chebyshev` (T13).

        Raises
        ------
        TypeError, ValueError
            The degree is no integer, or negative.

        Examples
        --------
        >>> activation("gelu").taylor(2).coefficients
        (0, 1/2, sqrt(2)/(2*sqrt(pi)))
        """
        require_count(degree, "the degree of a Taylor polynomial")
        return PolynomialDecoder(tuple(self.function.taylor_coefficient(k) for k in range(degree + 1)))

    def lipschitz(self, lower: float, upper: float) -> float:
        r"""A certified upper bound of $\sup |\varphi'|$ on [lower, upper], at most 1e-4 of it too large.

        Raises
        ------
        ValueError
            The interval is empty or not finite.
        """
        centre, half_width = enclosing_interval(lower, upper)

        def slope(y: arb_series) -> arb_series:
            return self.series(y).derivative() / y[1]

        with ball_arithmetic(96):
            model = model_of(slope, centre, half_width)
            bound = supremum(model, pieces=initial_pieces(half_width), tolerance=lambda found: found * 1e-4)
        return bound.upper


_MAKERS = MappingProxyType(
    {
        "gelu": analytic.gelu,
        "gelu_tanh": analytic.gelu_tanh,
        "silu": analytic.silu,
        "tanh": analytic.tanh,
        "sigmoid": analytic.sigmoid,
        "softplus": analytic.softplus,
    }
)
_POWERS = MappingProxyType({"identity": 1, "square": 2, "cube": 3})


def activation(name: str, coefficients: Iterable[float | Fraction] | None = None) -> Activation:
    r"""The activation function of this name.

    Parameters
    ----------
    name
        ``gelu`` (exact erf), ``gelu_tanh``, ``silu``, ``tanh``, ``sigmoid``, ``softplus``, ``identity``,
        ``square``, ``cube`` or ``poly``.
    coefficients
        For ``poly`` only: the learned $c_1, \dots, c_d$ of $\sum_{k=1}^d c_k y^k$, at their exact value.

    Returns
    -------
    Activation
        Frozen; two of one name and coefficients are equal.

    Raises
    ------
    ValueError
        The name is unknown, is ``relu`` (no expansion exists), or the coefficients do not fit the name.

    References
    ----------
    THEORY T13.

    Examples
    --------
    >>> activation("poly", [0.5, 0.25]).expression(sp.Symbol("y"))
    y**2/4 + y/2
    """
    if name == "poly":
        return _polynomial("poly", (Fraction(0), *_learned(coefficients)))
    if coefficients is not None:
        msg = f"{name!r} has no coefficients: only 'poly' takes them"
        raise ValueError(msg)
    if name in _POWERS:
        return _polynomial(name, (Fraction(0),) * _POWERS[name] + (Fraction(1),))
    if name in _MAKERS:
        return Activation(name, None, _MAKERS[name]())
    if name == "relu":
        msg = (
            "relu has no expansion at 0: it is not analytic there (slopes 0 and 1 meet), so no power series "
            "decodes it; train with 'gelu', 'silu' or 'poly' instead"
        )
        raise ValueError(msg)
    known = ", ".join(sorted([*_MAKERS, *_POWERS, "poly"]))
    msg = f"unknown activation {name!r}: known are {known}"
    raise ValueError(msg)


def _polynomial(name: str, coefficients: tuple[Fraction, ...]) -> Activation:
    return Activation(name, coefficients, analytic.polynomial(coefficients))


def _learned(coefficients: Iterable[float | Fraction] | None) -> tuple[Fraction, ...]:
    values = [] if coefficients is None else [c if isinstance(c, Fraction) else float(c) for c in coefficients]
    if not values:
        msg = "'poly' needs its learned coefficients c_1, …, c_d"
        raise ValueError(msg)
    if not all(math.isfinite(c) for c in values):
        msg = f"the coefficients of 'poly' must be finite, got {values}"
        raise ValueError(msg)
    return tuple(Fraction(c) for c in values)


def enclose_distance(first: Activation, second: Activation, lower: float, upper: float) -> Supremum:
    r"""Certified bounds of $\sup |\varphi_1 - \varphi_2|$ on [lower, upper] from both sides.

    Raises
    ------
    ValueError
        The interval is empty or not finite.

    Examples
    --------
    The tanh form of GELU is another function:

    >>> distance = enclose_distance(activation("gelu"), activation("gelu_tanh"), -8, 8)
    >>> 4.7e-4 < distance.lower <= distance.upper < 4.8e-4
    True
    """
    centre, half_width = enclosing_interval(float(lower), float(upper))

    def difference(y: arb_series) -> arb_series:
        return first.series(y) - second.series(y)

    with ball_arithmetic(112):
        model = model_of(difference, centre, half_width)
        return supremum(model, pieces=initial_pieces(half_width), tolerance=error_tolerance)


def gelu_taylor_remainder(degree: int, y: sp.Expr) -> sp.Expr:
    r"""Bound of $|\mathrm{GELU}(y) - \text{Taylor}_P(y)|$ for even $P \ge 2$: the first omitted term.

    $|y|^{P+2} / (\sqrt{2\pi}\, 2^{P/2} (P/2)!\, (P+1))$, because the series alternates with falling terms.

    Parameters
    ----------
    degree
        P, even and at least 2 (degree 0 leaves out the term y/2, which no later term bounds).
    y
        An exact number with $y^2 < (P+2)(P+3)/(P+1)$, or a symbol for one.

    Raises
    ------
    ValueError
        P is odd or 0, or the terms do not fall yet at y.

    References
    ----------
    derivations/13_gelu_series; THEORY T13.
    """
    p = require_count(degree, "the degree of a Taylor polynomial")
    if p % 2 or p == 0:
        msg = f"the remainder is stated for even degrees from 2, got {p}: an odd degree above 1 adds nothing"
        raise ValueError(msg)
    y = sp.sympify(y, strict=True)
    if y.is_number and not bool(y * y < sp.Rational((p + 2) * (p + 3), p + 1)):
        msg = f"the terms of the series do not fall yet at y = {y}: take P with y² < (P+2)(P+3)/(P+1)"
        raise ValueError(msg)
    return abs(y) ** (p + 2) / (sp.sqrt(2 * sp.pi) * 2 ** (p // 2) * sp.factorial(p // 2) * (p + 1))
