r"""The activation functions themselves: value, slope, exact expression, ball series, Taylor law.

Each is an `AnalyticFunction`: six ways to look at one $\varphi$. `activations` gives them their public face.
"GELU" is the exact $y\,\Phi(y)$; its tanh form is another function, and not entire.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import sympy as sp
from flint import arb, arb_series, fmpq
from scipy import special

Floats = npt.NDArray[np.float64]

GELU_CUBIC = Fraction(44715, 1000000)
r"""$\beta$ in the tanh form of GELU, $\tfrac y2 (1 + \tanh(\sqrt{2/\pi}\,(y + \beta y^3)))$."""


@dataclass(frozen=True)
class AnalyticFunction:
    r"""A function $\varphi$, real-analytic on the whole line.

    Parameters
    ----------
    values, slopes
        $\varphi$ and $\varphi'$ in float64, elementwise, accurate also where they are tiny.
    expression
        $\varphi$ of an expression, exact.
    series
        $\varphi$ of a power series with ball coefficients; encloses every exact value.
    taylor_coefficient
        $k \mapsto \varphi^{(k)}(0)/k!$, exact.
    convergence_radius
        Distance from 0 to the nearest complex singularity.
    """

    values: Callable[[Floats], Floats]
    slopes: Callable[[Floats], Floats]
    expression: Callable[[sp.Expr], sp.Expr]
    series: Callable[[arb_series], arb_series]
    taylor_coefficient: Callable[[int], sp.Expr]
    convergence_radius: sp.Expr


def tanh_coefficient(k: int) -> sp.Expr:
    r"""$[y^k] \tanh y = 2^{k+1}(2^{k+1}-1)\,B_{k+1}/(k+1)!$ for odd $k$, else 0."""
    if k % 2 == 0:
        return sp.Integer(0)
    return sp.Integer(2 ** (k + 1) * (2 ** (k + 1) - 1)) * sp.bernoulli(k + 1) / sp.factorial(k + 1)


def gelu() -> AnalyticFunction:
    r"""$\tfrac y2 (1 + \operatorname{erf}(y/\sqrt2))$: entire, and $\mathrm{GELU}(y) - y/2$ is even (T13)."""
    return AnalyticFunction(
        values=lambda y: np.asarray(y * special.ndtr(y)),
        slopes=lambda y: np.asarray(special.ndtr(y) + y * np.exp(-y * y / 2) / math.sqrt(2 * math.pi)),
        expression=lambda y: y / 2 * (1 + sp.erf(y / sp.sqrt(2))),
        series=lambda y: y * (1 + (y / arb(2).sqrt()).erf()) / 2,
        taylor_coefficient=_gelu_coefficient,
        convergence_radius=sp.oo,
    )


def _gelu_coefficient(k: int) -> sp.Expr:
    if k % 2 or k == 0:
        return sp.Rational(1, 2) if k == 1 else sp.Integer(0)
    j = k // 2 - 1
    return sp.Rational((-1) ** j, 2**j * math.factorial(j) * (2 * j + 1)) / sp.sqrt(2 * sp.pi)


def gelu_tanh() -> AnalyticFunction:
    r"""$\tfrac y2 (1 + \tanh(\sqrt{2/\pi}\,(y + \beta y^3)))$, singular at distance 2.827 from 0."""
    return AnalyticFunction(
        values=lambda y: np.asarray(y * special.expit(_gate_argument(y))),
        slopes=_gelu_tanh_slopes,
        expression=lambda y: y / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (y + _rational(GELU_CUBIC) * y**3))),
        series=lambda y: y * _sigmoid_series((8 / arb.pi()).sqrt() * (y + _ball(GELU_CUBIC) * (y * y * y))),
        taylor_coefficient=_gelu_tanh_coefficient,
        convergence_radius=_gelu_tanh_radius(),
    )


def _gate_argument(y: Floats) -> Floats:
    """Twice the argument of tanh: (1 + tanh v)/2 is the sigmoid of 2v, which is accurate in the tail."""
    return np.asarray(math.sqrt(8 / math.pi) * (y + float(GELU_CUBIC) * y * y * y))


def _gelu_tanh_slopes(y: Floats) -> Floats:
    gate, other = special.expit(_gate_argument(y)), special.expit(-_gate_argument(y))
    return np.asarray(gate + y * gate * other * math.sqrt(8 / math.pi) * (1 + 3 * float(GELU_CUBIC) * y * y))


def _gelu_tanh_coefficient(k: int) -> sp.Expr:
    if k <= 1:
        return sp.Rational(k, 2)
    scale = sp.sqrt(2 / sp.pi)
    # (y + β y³)^n contributes comb(n, j) β^j to y^{n + 2j}, and the factor y in front shifts by one
    terms = (
        tanh_coefficient(k - 1 - 2 * j)
        * scale ** (k - 1 - 2 * j)
        * math.comb(k - 1 - 2 * j, j)
        * _rational(GELU_CUBIC) ** j
        for j in range((k - 1) // 3 + 1)
    )
    return sp.Add(*terms) / 2


def _gelu_tanh_radius() -> sp.Expr:
    r"""Modulus of the nearest $y$ with $\sqrt{2/\pi}\,(y + \beta y^3) = \pm i\pi/2$.

    With $y = iw$: $\beta w^3 - w + q = 0$, $q = (\pi/2)^{3/2}$. Its one real root is
    $w_1 = -\tfrac{2}{\sqrt{3\beta}}\cosh(\tfrac13\operatorname{arcosh}(\tfrac{3q}{2}\sqrt{3\beta}))$; the
    other two are conjugate with $|w|^2 = q/(\beta|w_1|)$, and nearer.
    """
    beta, q = _rational(GELU_CUBIC), sp.sqrt(sp.pi / 2) ** 3
    real_root = 2 / sp.sqrt(3 * beta) * sp.cosh(sp.acosh(3 * q / 2 * sp.sqrt(3 * beta)) / 3)
    return sp.sqrt(q / (beta * real_root))


def sigmoid() -> AnalyticFunction:
    r"""$\sigma(y) = 1/(1 + e^{-y}) = \tfrac12 + \tfrac12 \tanh(y/2)$, singular at $\pm i\pi$."""
    return AnalyticFunction(
        values=special.expit,
        slopes=lambda y: np.asarray(special.expit(y) * special.expit(-y)),
        expression=lambda y: 1 / (1 + sp.exp(-y)),
        series=_sigmoid_series,
        taylor_coefficient=_sigmoid_coefficient,
        convergence_radius=sp.pi,
    )


def _sigmoid_coefficient(k: int) -> sp.Expr:
    return tanh_coefficient(k) / 2 ** (k + 1) if k else sp.Rational(1, 2)


def _sigmoid_series(y: arb_series) -> arb_series:
    if y[0] < 0:  # the exponential that is small keeps a wide ball narrow
        exponential = y.exp()
        return exponential / (1 + exponential)
    return (1 + (-y).exp()).inv()


def softplus() -> AnalyticFunction:
    r"""$\ln(1 + e^y)$, whose slope is the sigmoid; singular at $\pm i\pi$."""
    return AnalyticFunction(
        values=lambda y: np.logaddexp(0.0, y),
        slopes=special.expit,
        expression=lambda y: sp.log(1 + sp.exp(y)),
        series=_softplus_series,
        taylor_coefficient=lambda k: _sigmoid_coefficient(k - 1) / k if k else sp.log(2),
        convergence_radius=sp.pi,
    )


def _softplus_series(y: arb_series) -> arb_series:
    if y[0] > 0:  # the exponential that is small keeps a wide ball narrow
        return y + (1 + (-y).exp()).log()
    return (1 + y.exp()).log()


def silu() -> AnalyticFunction:
    r"""$y\,\sigma(y)$; as for GELU, $\mathrm{SiLU}(y) - y/2$ is even."""
    return AnalyticFunction(
        values=lambda y: np.asarray(y * special.expit(y)),
        slopes=lambda y: np.asarray(special.expit(y) * (1 + y * special.expit(-y))),
        expression=lambda y: y / (1 + sp.exp(-y)),
        series=lambda y: y * _sigmoid_series(y),
        taylor_coefficient=lambda k: _sigmoid_coefficient(k - 1) if k else sp.Integer(0),
        convergence_radius=sp.pi,
    )


def tanh() -> AnalyticFunction:
    r"""$\tanh y$: odd, singular at $\pm i\pi/2$."""
    return AnalyticFunction(
        values=np.tanh,
        slopes=lambda y: np.asarray(4 * special.expit(2 * y) * special.expit(-2 * y)),
        expression=sp.tanh,
        series=lambda y: 2 * _sigmoid_series(2 * y) - 1,
        taylor_coefficient=tanh_coefficient,
        convergence_radius=sp.pi / 2,
    )


def polynomial(coefficients: Sequence[Fraction]) -> AnalyticFunction:
    r"""$\sum_k c_k y^k$ with exact coefficients $(c_0, \dots, c_d)$."""
    slopes = [k * c for k, c in enumerate(coefficients)][1:]

    def taylor_coefficient(k: int) -> sp.Expr:
        return _rational(coefficients[k]) if k < len(coefficients) else sp.Integer(0)

    return AnalyticFunction(
        values=lambda y: _horner(coefficients, y),
        slopes=lambda y: _horner(slopes, y),
        expression=lambda y: sp.Add(*(_rational(c) * y**k for k, c in enumerate(coefficients))),
        series=lambda y: _horner_series(coefficients, y),
        taylor_coefficient=taylor_coefficient,
        convergence_radius=sp.oo,
    )


def _horner(coefficients: Sequence[Fraction], y: Floats) -> Floats:
    result = np.zeros_like(y)
    for c in reversed(coefficients):
        result = result * y + float(c)
    return result


def _horner_series(coefficients: Sequence[Fraction], y: arb_series) -> arb_series:
    result = 0 * y
    for c in reversed(coefficients):
        result = result * y + _ball(c)
    return result


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def _ball(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))
