r"""Expectations of decoders of a Gaussian pre-activation, by the heat equation.

For $Y \sim N(\mu, v)$ the expectation $F(\mu, v) = \mathbb E f(Y)$ obeys $\partial_v F = \tfrac12\partial_\mu^2 F$
with $F(\mu, 0) = f(\mu)$, because the density does. Among functions that grow no faster than $e^{a\mu^2}$ there is
one solution (Tychonoff), so these two statements, which are the certificates here, determine F. For a Gaussian pair
$(Y, Z)$ with covariance c in addition $\partial_c = \partial_{\mu_1}\partial_{\mu_2}$.
"""

from __future__ import annotations

from math import comb, factorial, prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_kind

REFERENCE = "derivations/23_gaussian_inputs"

MEAN, VARIANCE = sp.Symbol("mu", real=True), sp.Symbol("v", nonnegative=True)
_MEANS = sp.symbols("mu_1 mu_2", real=True)
_VARIANCES = sp.symbols("v_1 v_2", nonnegative=True)
_COVARIANCE = sp.Symbol("c", real=True)


def normal_density(y: sp.Expr) -> sp.Expr:
    r"""$\varphi(y) = e^{-y^2/2}/\sqrt{2\pi}$."""
    return sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi)


def normal_distribution(y: sp.Expr) -> sp.Expr:
    r"""$\Phi(y) = \tfrac12\big(1 + \operatorname{erf}(y/\sqrt2)\big)$."""
    return (1 + sp.erf(y / sp.sqrt(2))) / 2


def gaussian_mean_gelu() -> ClosedForm:
    r"""$\mathbb E\,\mathrm{GELU}(Y) = \mu\,\Phi(\mu/s) + \frac vs\,\varphi(\mu/s)$ for $Y \sim N(\mu, v)$.

    $s = \sqrt{1 + v}$; GELU is the exact $y\,\Phi(y)$. No interval is needed and nothing is truncated.

    Returns
    -------
    ClosedForm
        Of ``mean`` in $\mu$ and v, with s in `where`. Certificates, in $\mu$ and s: $\mathrm{GELU}(\mu)$ at
        $s = 1$, and the heat equation $\frac1s\partial_s F = \partial_\mu^2 F$, which is
        $\partial_v F = \frac12\partial_\mu^2 F$ since $\partial_v = \frac1{2s}\partial_s$.

    References
    ----------
    derivations/23_gaussian_inputs; THEORY T23.

    Examples
    --------
    >>> form = gaussian_mean_gelu()
    >>> form.expression.subs({form.arguments[0]: 0, sp.Symbol("s", positive=True): sp.sqrt(2), form.arguments[1]: 1})
    1/(2*sqrt(pi))
    """
    s = sp.Symbol("s", positive=True)
    ratio = MEAN / s
    spread = MEAN * normal_distribution(ratio) + VARIANCE / s * normal_density(ratio)
    smooth = spread.xreplace({VARIANCE: s**2 - 1})
    certificates = (
        Identity(smooth.subs(s, 1), activation("gelu").expression(MEAN), name="without spread GELU itself"),
        Identity(
            sp.Derivative(smooth, s) / s,
            sp.Derivative(smooth, MEAN, 2),
            name="heat equation",
            because=r"$v = s^2 - 1$, so $\partial_v = \frac1{2s}\partial_s$",
        ),
    )
    return ClosedForm(sp.Symbol("mean"), spread, (MEAN, VARIANCE), {s: sp.sqrt(1 + VARIANCE)}, certificates, REFERENCE)


def gaussian_mean(decoder: PolynomialDecoder) -> ClosedForm:
    r"""$\mathbb E\,\sigma(Y) = \sum_p g_p\sum_{j \le p/2}\binom p{2j}(2j-1)!!\,\mu^{p-2j}v^j$, $Y \sim N(\mu, v)$.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.

    Returns
    -------
    ClosedForm
        Of ``mean`` in the coefficients, $\mu$ and v. Certificates: $\sigma(\mu)$ at $v = 0$; the heat equation;
        and Stein's identity $\mathbb E(Y - \mu)\sigma(Y) = v\,\mathbb E\,\sigma'(Y)$ between two such means.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, or one that uses the names ``mu``, ``v``.

    References
    ----------
    derivations/23_gaussian_inputs; THEORY T23; Stein (1981), Ann. Statist. 9, 1135.

    Examples
    --------
    >>> gaussian_mean(PolynomialDecoder((0, 0, 1))).expression
    mu**2 + v
    """
    _require_free(decoder, MEAN, VARIANCE)
    mean = polynomial_mean(decoder, MEAN, VARIANCE)
    times_y = PolynomialDecoder((sp.S.Zero, *decoder.coefficients))
    certificates = (
        Identity(mean.subs(VARIANCE, 0), decoder(MEAN), name="without spread the decoder itself"),
        Identity(sp.Derivative(mean, VARIANCE), sp.Derivative(mean, MEAN, 2) / 2, name="heat equation"),
        Identity(
            polynomial_mean(times_y, MEAN, VARIANCE) - MEAN * mean,
            VARIANCE * polynomial_mean(decoder.derivative(), MEAN, VARIANCE),
            name="Stein's identity",
            because="integration by parts against the density",
        ),
    )
    written_out = at_size(certificates, f"P = {decoder.degree}")
    return ClosedForm(sp.Symbol("mean"), mean, (*decoder.parameters, MEAN, VARIANCE), {}, written_out, REFERENCE)


def gaussian_covariance(first: PolynomialDecoder, second: PolynomialDecoder) -> ClosedForm:
    r"""$\mathrm{Cov}\big(\sigma(Y), \tau(Z)\big) = \sum_{n\ge1}\frac{c^n}{n!}\,
    \mathbb E\,\sigma^{(n)}(Y)\;\mathbb E\,\tau^{(n)}(Z)$.

    $(Y, Z)$ is Gaussian with the means $\mu_1, \mu_2$, the variances $v_1, v_2$ and the covariance c; the sum ends at
    the lower of the two degrees. For $Y = Z$, $c = v$, it is the variance of $\sigma(Y)$.

    Parameters
    ----------
    first, second
        $\sigma$ and $\tau$.

    Returns
    -------
    ClosedForm
        Of ``covariance``. Certificates, for $J = \mathbb E\,\sigma(Y)\tau(Z)$ = this + the product of the means:
        $J = \sigma(\mu_1)\tau(\mu_2)$ without spread, $\partial_{v_i} J = \frac12\partial_{\mu_i}^2 J$ and
        $\partial_c J = \partial_{\mu_1}\partial_{\mu_2} J$, which determine J.

    Raises
    ------
    TypeError, ValueError
        As in `gaussian_mean`; the names are ``mu_1``, ``mu_2``, ``v_1``, ``v_2`` and ``c``.

    References
    ----------
    derivations/23_gaussian_inputs; THEORY T23; Price (1958), IRE Trans. Inf. Theory 4, 69.

    Examples
    --------
    >>> square = PolynomialDecoder((0, 0, 1))
    >>> gaussian_covariance(square, square).expression
    2*c**2 + 4*c*mu_1*mu_2
    """
    for decoder in (first, second):
        _require_free(decoder, *_MEANS, *_VARIANCES, _COVARIANCE)
    slopes, terms = (first, second), []
    for n in range(min(first.degree, second.degree) + 1):
        factors = [polynomial_mean(slope, _MEANS[i], _VARIANCES[i]) for i, slope in enumerate(slopes)]
        terms.append(_COVARIANCE**n / factorial(n) * prod(factors))
        slopes = (slopes[0].derivative(), slopes[1].derivative())
    joint, covariance = sp.Add(*terms), sp.Add(*map(sp.expand, terms[1:]))
    symbols = dict.fromkeys((*first.parameters, *second.parameters, *_MEANS, *_VARIANCES, _COVARIANCE))
    certificates = at_size(_pair_laws(joint, first, second), f"P = {first.degree} and {second.degree}")
    return ClosedForm(sp.Symbol("covariance"), covariance, tuple(symbols), {}, certificates, REFERENCE)


def _pair_laws(joint: sp.Expr, first: PolynomialDecoder, second: PolynomialDecoder) -> tuple[Identity, ...]:
    still = dict.fromkeys((*_VARIANCES, _COVARIANCE), sp.S.Zero)
    one, other = _MEANS
    return (
        Identity(joint.xreplace(still), first(one) * second(other), name="product without spread"),
        *(
            Identity(sp.Derivative(joint, v), sp.Derivative(joint, mu, 2) / 2, name=f"heat equation in {v}")
            for mu, v in zip(_MEANS, _VARIANCES, strict=True)
        ),
        Identity(sp.Derivative(joint, _COVARIANCE), sp.Derivative(joint, one, other), name="Price's theorem"),
    )


def polynomial_mean(decoder: PolynomialDecoder, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    r"""$\sum_p g_p\,\mathbb E Y^p$ from the moments of $N(\mu, v)$; $(2j-1)!! = (2j)!/(2^jj!)$.

    Examples
    --------
    >>> mu, v = sp.symbols("mu v")
    >>> polynomial_mean(PolynomialDecoder((0, 0, 0, 0, 1)), mu, v)
    mu**4 + 6*mu**2*v + 3*v**2
    """
    terms = [
        g * comb(p, 2 * j) * (factorial(2 * j) // (2**j * factorial(j))) * mean ** (p - 2 * j) * variance**j
        for p, g in enumerate(decoder.coefficients)
        for j in range(p // 2 + 1)
    ]
    return sp.Add(*terms)


def _require_free(decoder: PolynomialDecoder, *letters: sp.Symbol) -> None:
    require_kind(decoder, PolynomialDecoder, "the decoder")
    require_free(decoder.parameters, letters, "the decoder")
