r"""GELU as a power series: $y\,\Phi(y) = \frac y2 + \sum_{r\ge0} g_{2r+2}\,y^{2r+2}$, and its orders about a bias.

$g_{2r+2} = \frac{(-1)^r}{\sqrt{2\pi}\,2^r\,r!\,(2r+1)}$. GELU without its linear half is even, so there is no cubic
term in y. About a bias $y_0$ all orders are there; the third one is $\mathrm{GELU}'''(y_0)/6 = (y_0^3 - 4y_0)\,
\varphi(y_0)/6$, which vanishes at $y_0 = 0$ and $\pm2$ alone.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.gaussian_expectations import normal_density
from carleman_ssm.theory.input_derivatives import MAX_ORDER, gelu_derivative
from carleman_ssm.theory.polynomials import require_integer

REFERENCE = "derivations/13_gelu_series"
MAX_DEGREE = 24
"""For longer ones use a fit: on |y| ≤ R the series needs a degree of about e R²."""

COUNTER = sp.Symbol("r", integer=True, nonnegative=True)

_y = sp.Symbol("y", real=True)
_level = sp.Symbol("y_0", real=True)


def gelu_coefficient() -> ClosedForm:
    r"""The coefficient of $y^{2r+2}$ in GELU, for symbolic r: $\frac{(-1)^r}{\sqrt{2\pi}\,2^r\,r!\,(2r+1)}$.

    Returns
    -------
    ClosedForm
        Of ``g[2r + 2]``. Certificates: $g_2 = \varphi(0)$, half of the curvature at 0; and with $v_r$ the coefficients
        of $\varphi(y)$, $(2r+4)(2r+3)\,g_{2r+4} = 2v_{r+1} - v_r$, which is $\mathrm{GELU}'' = (2 - y^2)\,\varphi$
        power by power.

    References
    ----------
    derivations/13_gelu_series; THEORY T13; Hendrycks & Gimpel (2016), arXiv 1606.08415 (the function).

    Examples
    --------
    >>> [gelu_coefficient().expression.subs(COUNTER, r) * sp.sqrt(2 * sp.pi) for r in range(4)]
    [1, -1/6, 1/40, -1/336]
    """
    expression, r = _coefficient(COUNTER), COUNTER
    certificates = (
        Identity(
            2 * _coefficient(sp.S.Zero),
            sp.Subs(sp.Derivative(activation("gelu").expression(_y), (_y, 2)), _y, 0),
            name="the curvature at 0",
        ),
        Identity(
            (2 * r + 4) * (2 * r + 3) * _coefficient(r + 1),
            2 * _density_coefficient(r + 1) - _density_coefficient(r),
            name="power by power",
            because=r"$(2 - y^2)\,\varphi(y)$ has $2v_{r+1} - v_r$ at $y^{2r+2}$",
        ),
    )
    return ClosedForm(sp.IndexedBase("g")[2 * r + 2], expression, (r,), {}, certificates, REFERENCE)


def gelu_series(degree: int) -> ClosedForm:
    r"""The Taylor polynomial of GELU at 0: $\frac y2 + \sum_{r<P/2} g_{2r+2}\,y^{2r+2}$.

    What it leaves out is bounded by `gelu_taylor_remainder`.

    Parameters
    ----------
    degree
        P, even, from 2 to `MAX_DEGREE`: odd degrees above 1 add nothing.

    Returns
    -------
    ClosedForm
        Of ``z`` in y. Certificates: value and slope at 0; and the second derivative, which is
        $(2 - y^2)$ times the Taylor polynomial of $\varphi$ of degree P − 2 but for its term of degree P.

    Raises
    ------
    TypeError, ValueError
        The degree is no even integer in that range.

    References
    ----------
    derivations/13_gelu_series; THEORY T13.

    Examples
    --------
    >>> gelu_series(4).expression
    -sqrt(2)*y**4/(12*sqrt(pi)) + sqrt(2)*y**2/(2*sqrt(pi)) + y/2
    """
    p = require_integer(degree, "the degree", least=2, most=MAX_DEGREE)
    if p % 2:
        msg = f"the series of GELU is stated for even degrees, got {p}: use {p - 1}, the same polynomial"
        raise ValueError(msg)
    terms = range(p // 2)
    polynomial = _y / 2 + sp.Add(*(_coefficient(sp.Integer(r)) * _y ** (2 * r + 2) for r in terms))
    density = sp.Add(*(_density_coefficient(sp.Integer(r)) * _y ** (2 * r) for r in terms))
    cut = _density_coefficient(sp.Integer(p // 2 - 1)) * _y**p
    exact, sizes = activation("gelu").expression(_y), f"P = {p}"
    at_rest = (sp.Subs(function, _y, 0) for function in (exact, sp.Derivative(exact, _y)))
    certificates = (
        Identity(
            column([polynomial.subs(_y, 0), polynomial.diff(_y).subs(_y, 0)]),
            column(list(at_rest)),
            name="value and slope at 0",
            sizes=sizes,
        ),
        Identity(
            sp.Derivative(polynomial, (_y, 2)),
            (2 - _y**2) * density + cut,
            name="second derivative",
            because=r"$\mathrm{GELU}'' = (2 - y^2)\,\varphi$; the term of degree P is cut off",
            sizes=sizes,
        ),
    )
    return ClosedForm(sp.Symbol("z"), polynomial, (_y,), {}, certificates, REFERENCE)


def biased_gelu_coefficient(order: int = 3) -> ClosedForm:
    r"""What multiplies the p-th power of a deviation from the level $y_0$: $\mathrm{GELU}^{(p)}(y_0)/p!$.

    At $y_0 = 0$ the third order vanishes; about a bias it returns as $(y_0^3 - 4y_0)\,\varphi(y_0)/6$.

    Parameters
    ----------
    order
        p, from 1 to 8.

    Returns
    -------
    ClosedForm
        Of ``g_p`` in $y_0$. Certificate: it is the derivative, divided by p!.

    Raises
    ------
    TypeError, ValueError
        The order is no integer in that range.

    References
    ----------
    derivations/13_gelu_series; THEORY T13, T20.

    Examples
    --------
    >>> third = biased_gelu_coefficient(3).expression
    >>> [third.subs(sp.Symbol("y_0", real=True), level) for level in (0, 2)]
    [0, 0]
    """
    p = require_integer(order, "the order", least=1, most=MAX_ORDER)
    slope = gelu_derivative(p)
    level = dict.fromkeys(slope.arguments, _level)
    expression = slope.expression.xreplace(level) / sp.factorial(p)
    derivative = sp.Derivative(activation("gelu").expression(_level), (_level, p)) / sp.factorial(p)
    certificate = Identity(derivative, expression, name=f"order {p} about a bias")
    return ClosedForm(sp.Symbol(f"g_{p}"), expression, (_level,), {}, (certificate,), REFERENCE)


def _coefficient(r: sp.Expr) -> sp.Expr:
    return _density_coefficient(r) / (2 * r + 1)


def _density_coefficient(r: sp.Expr) -> sp.Expr:
    r"""The coefficient of $y^{2r}$ in $\varphi(y) = e^{-y^2/2}/\sqrt{2\pi}$."""
    return normal_density(sp.S.Zero) * (-1) ** r / (2**r * sp.factorial(r))
