r"""Derivatives of the exact GELU, and of pooled logits with respect to the inputs.

With $\varphi' = -y\varphi$ and the Hermite polynomials of $\varphi^{(n)} = (-1)^n\mathrm{He}_n\varphi$,
$$\mathrm{GELU}' = \Phi + y\varphi,\qquad
\mathrm{GELU}^{(n)} = (-1)^{n-1}(\mathrm{He}_n - \mathrm{He}_{n-2})\,\varphi\quad(n \ge 2),$$
so $\mathrm{GELU}'' = (2 - y^2)\varphi$. A channel $y = \beta + \mathcal Ku$, $\mathcal K_{kj} = K_{k-j}$ for $j \le k$,
adds $\ell = \frac VL\sum_k\sigma(y_k)$ to a logit, with the gradient $\frac VL\mathcal K^\top\sigma'(y)$ and the
Hessian $\frac VL\mathcal K^\top\mathrm{diag}(\sigma''(y))\,\mathcal K$; channels add.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.gaussian_expectations import normal_density, normal_distribution
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_integer, require_kind

REFERENCE = "derivations/20_derivatives"
MAX_ORDER = 8
MAX_LENGTH = 4
"""Lengths up to which matrices of steps are written out."""

_y = sp.Symbol("y", real=True)


def gelu_derivative(order: int) -> ClosedForm:
    r"""$\mathrm{GELU}^{(n)}(y)$ of the exact GELU $y\,\Phi(y)$.

    Parameters
    ----------
    order
        n, from 1 to `MAX_ORDER`.

    Returns
    -------
    ClosedForm
        Of ``slope_n`` in y. Certificate: it is the n-th derivative.

    Raises
    ------
    TypeError, ValueError
        The order is no integer in that range.

    References
    ----------
    derivations/20_derivatives; THEORY T20.

    Examples
    --------
    >>> gelu_derivative(2).expression
    sqrt(2)*(2 - y**2)*exp(-y**2/2)/(2*sqrt(pi))
    """
    n = require_integer(order, "the order of a derivative", least=1, most=MAX_ORDER)
    expression = _gelu_slope(n)
    derived = Identity(
        sp.Derivative(activation("gelu").expression(_y), (_y, n)), expression, name=f"derivative of order {n}"
    )
    return ClosedForm(sp.Symbol(f"slope_{n}"), expression, (_y,), {}, (derived,), REFERENCE)


def _gelu_slope(n: int) -> sp.Expr:
    if n == 1:
        return normal_distribution(_y) + _y * normal_density(_y)
    return (-1) ** (n - 1) * sp.expand(_hermite(n) - _hermite(n - 2)) * normal_density(_y)


def _hermite(n: int) -> sp.Expr:
    r"""$\mathrm{He}_{n+1} = y\,\mathrm{He}_n - n\,\mathrm{He}_{n-1}$."""
    before, now = sp.S.Zero, sp.S.One
    for k in range(n):
        before, now = now, sp.expand(_y * now - k * before)
    return now


def gelu_curvature_range() -> ClosedForm:
    r"""$-2\varphi(2) \le \mathrm{GELU}'' \le 2\varphi(0)$: the least and the greatest curvature.

    Returns
    -------
    ClosedForm
        Of the column ``range``. Certificate: $\mathrm{GELU}''' = y(y - 2)(y + 2)\varphi$, and the curvature at -2, 2
        and 0 is one of the two; so it turns there only, and at infinity it vanishes.

    References
    ----------
    derivations/20_derivatives; THEORY T20, T22.

    Examples
    --------
    >>> [round(float(value), 6) for value in gelu_curvature_range().expression]
    [-0.107982, 0.797885]
    """
    gelu, second = activation("gelu").expression(_y), _gelu_slope(2)
    expression = column([-2 * normal_density(sp.Integer(2)), 2 * normal_density(sp.S.Zero)])
    turns = Identity(
        column([sp.Derivative(gelu, (_y, 3)), *(second.subs(_y, place) for place in (-2, 2, 0))]),
        column([_y * (_y - 2) * (_y + 2) * normal_density(_y), expression[0], expression[0], expression[1]]),
        name="where the curvature turns, and its values there",
    )
    return ClosedForm(sp.Symbol("range"), expression, (), {}, (turns,), REFERENCE)


def pooled_hessian(decoder: PolynomialDecoder, length: int = 2) -> ClosedForm:
    r"""$\frac VL\mathcal K^\top\mathrm{diag}(\sigma''(y))\,\mathcal K$: Hessian of a mean-pooled logit, one channel.

    Parameters
    ----------
    decoder
        $\sigma$.
    length
        L, from 1 to `MAX_LENGTH`; inputs $u_0 \dots u_{L-1}$.

    Returns
    -------
    ClosedForm
        Of the L × L matrix ``hessian`` in the coefficients, V, $K_0 \dots K_{L-1}$, $\beta_0 \dots \beta_{L-1}$ and the
        inputs, with $y_k$ in `where`. Certificates: its entries are the second derivatives of
        $\frac VL\sum_k\sigma(y_k)$; and $\frac VL\mathcal K^\top\sigma'(y)$ its first ones.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, a length out of range, or a decoder that uses one of the names.

    References
    ----------
    derivations/20_derivatives; THEORY T20.
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    size = require_integer(length, "the length", least=1, most=MAX_LENGTH)
    weight, (kernel, biases, inputs, names) = (
        sp.Symbol("V"),
        (sp.symbols(f"{stem}_0:{size}") for stem in ("K", "beta", "u", "y")),
    )
    letters = (weight, *kernel, *biases, *inputs)
    require_free(decoder.parameters, (*letters, *names), "the decoder")
    lags = sp.ImmutableMatrix(size, size, lambda k, j: kernel[k - j] if j <= k else sp.S.Zero)
    where = {name: bias + value for name, bias, value in zip(names, biases, lags * column(inputs), strict=True)}
    slope, curve = decoder.derivative(), decoder.derivative().derivative()
    gradient = weight / size * lags.T * column([slope(y) for y in names])
    hessian = weight / size * lags.T * sp.diag(*map(curve, names)) * lags
    logit = weight / size * sp.Add(*(decoder(y) for y in where.values()))
    certificates = (
        Identity(
            sp.ImmutableMatrix(size, size, lambda i, j: sp.Derivative(logit, inputs[i], inputs[j])),
            hessian.xreplace(where),
            name="second derivatives",
        ),
        Identity(column([sp.Derivative(logit, u) for u in inputs]), gradient.xreplace(where), name="first derivatives"),
    )
    arguments, sizes = (*decoder.parameters, *letters), f"P = {decoder.degree}, L = {size}"
    return ClosedForm(sp.Symbol("hessian"), hessian, arguments, where, at_size(certificates, sizes), REFERENCE)
