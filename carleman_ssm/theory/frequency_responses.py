r"""Steady answers: transfer functions of order 1, 2, 3, … of a diagonal recurrence and its decoder.

An input $\rho^k$ for all times k (a sinusoid is the pair $\rho = e^{\pm i\omega}$) is answered by
$y_k = H(\rho)\rho^k$ with $H(\rho) = D + \sum_n c_n\bar b_n\,\rho/(\rho - \lambda_n)$, the transform
$\sum_m K_m\rho^{-m}$ of the kernel for $|\rho| > \max|\lambda_n|$. A decoder $\sigma$ that works about the level $y_0$
(what biases alone produce) answers several such inputs with their products: the coefficient of
$\prod_i A_i\rho_i^k$ in $\sigma(y_0 + \sum_i A_iH(\rho_i)\rho_i^k)$ is $p!\,H_p$ with the symmetric transfer function
$$H_p(\rho_1, \dots, \rho_p) = \frac{\sigma^{(p)}(y_0)}{p!}\prod_{i=1}^p H(\rho_i).$$
These hold when the transient has died; what happens before is `finite_responses`.
"""

from __future__ import annotations

from math import factorial, prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_free, require_integer, require_kind
from carleman_ssm.theory.ssm import DiscreteSSM

REFERENCE = "derivations/23_frequency_responses"
MAX_ORDER = 6
"""Orders up to which products of transfer functions are written out."""

_rho = sp.Symbol("rho")
_k = sp.Symbol("k", integer=True)
_last = sp.Symbol("T", integer=True, nonnegative=True)


def transfer_function(model: DiscreteSSM) -> ClosedForm:
    r"""$H(\rho) = D + \sum_n c_n\bar b_n\,\rho/(\rho - \lambda_n)$, at $\rho = e^{i\omega}$ for a sinusoid.

    Parameters
    ----------
    model
        Stored conjugate pairs are doubled first.

    Returns
    -------
    ClosedForm
        Of ``H`` in the parameters and $\rho$, wherever $\rho$ is none of the $\lambda_n$. Certificates: the states
        $x_{n,k} = \bar b_n\rho/(\rho - \lambda_n)\,\rho^k$ obey the recurrence; its output is $H\rho^k$; and the
        transform of the kernel up to lag T is H less $\sum_n c_n\bar b_n(\lambda_n/\rho)^{T+1}\rho/(\rho - \lambda_n)$,
        which vanishes as T grows if $|\rho| > \max|\lambda_n|$.

    Raises
    ------
    TypeError
        Not a discrete model.
    ValueError
        The model uses the name ``rho``, ``k``, ``m``, ``T`` or ``H``.

    References
    ----------
    derivations/23_frequency_responses; THEORY T23.

    Examples
    --------
    >>> transfer_function(DiscreteSSM((sp.Rational(1, 2),), (1,), (1,))).expression
    rho/(rho - 1/2)
    """
    require_kind(model, DiscreteSSM, "the model")
    require_free(model.parameters, ("rho", "k", "m", "T", "H"), "the model")
    named, where = model.named()
    doubled = named.with_conjugates()
    modes = list(zip(doubled.output_vector, doubled.input_vector, doubled.multipliers, strict=True))
    shares = [b * _rho / (_rho - multiplier) for _, b, multiplier in modes]
    gain = doubled.readout(tuple(shares), sp.S.One)
    gaps = tuple(_rho - multiplier for _, _, multiplier in modes)
    now, before = ([share * _rho**time for share in shares] for time in (_k, _k - 1))
    moved = [multiplier * x + b * _rho**_k for (_, b, multiplier), x in zip(modes, before, strict=True)]
    late = [
        c * share * (multiplier / _rho) ** (_last + 1) for (c, _, multiplier), share in zip(modes, shares, strict=True)
    ]
    certificates = (
        Identity(column(now), column(moved), name="steady states", nonzero=(_rho, *gaps)),
        Identity(doubled.readout(tuple(now), _rho**_k), gain * _rho**_k, name="steady output", nonzero=(_rho, *gaps)),
        Identity(_transform(doubled), gain - sp.Add(*late), name="transform of the kernel", nonzero=(_rho, *gaps)),
    )
    return ClosedForm(sp.Symbol("H"), gain, (*model.parameters, _rho), where, certificates, REFERENCE)


def _transform(model: DiscreteSSM) -> sp.Expr:
    r"""$\sum_{m \le T} K_m\rho^{-m}$ with $K_m = \sum_n c_n\bar b_n\lambda_n^m + D\,[m = 0]$."""
    m = sp.Symbol("m", integer=True)
    modes = zip(model.output_vector, model.input_vector, model.multipliers, strict=True)
    return model.feedthrough + sp.Add(
        *(sp.Sum(c * b * multiplier**m * _rho ** (-m), (m, 0, _last)) for c, b, multiplier in modes)
    )


def transfer_of_order(decoder: PolynomialDecoder, order: int) -> ClosedForm:
    r"""$H_p = \frac{\sigma^{(p)}(y_0)}{p!}\prod_i H_i$ with $H_i = H(\rho_i)$ of one channel.

    Parameters
    ----------
    decoder
        $\sigma$ of degree P.
    order
        p, from 1 to `MAX_ORDER`; beyond P it is 0.

    Returns
    -------
    ClosedForm
        Of ``transfer_p`` in the coefficients, the level $y_0$ and $H_1 \dots H_p$. Certificates: the mixed derivative
        $\partial_{A_1}\cdots\partial_{A_p}\,\sigma(y)$ of the steady answer, $y = y_0 + \sum_iA_iH_i\rho_i^k$, is
        $p!\prod_i\rho_i^k$ times $H_p$ at the level y, which is $y_0$ where $A = 0$; and the answers of all orders to
        one input add up to $\sigma(y_0 + AH\rho^k)$.

    Raises
    ------
    TypeError, ValueError
        Not a polynomial decoder, an order out of range, or a decoder that uses one of the names.

    References
    ----------
    derivations/23_frequency_responses; THEORY T23; Schetzen (1980), The Volterra and Wiener Theories, ch. 6.

    Examples
    --------
    >>> transfer_of_order(PolynomialDecoder((0, 0, 1)), 2).expression
    H_1*H_2
    """
    require_kind(decoder, PolynomialDecoder, "the decoder")
    require_integer(order, "the order", least=1, most=MAX_ORDER)
    level = sp.Symbol("y_0")
    gains, sizes, ratios = (sp.symbols(f"{stem}_1:{order + 1}") for stem in ("H", "A", "rho"))
    require_free(decoder.parameters, ("y_0", "k", "A", "H", "rho", *gains, *sizes, *ratios), "the decoder")
    local = decoder.shifted(level).coefficients
    expression = (local[order] if order <= decoder.degree else sp.S.Zero) * prod(gains)
    answers = [size * gain * ratio**_k for size, gain, ratio in zip(sizes, gains, ratios, strict=True)]
    answer = level + sp.Add(*answers)
    certificates = (
        Identity(
            sp.Derivative(decoder(answer), *sizes),
            factorial(order) * expression.xreplace({level: answer}) * prod(ratio**_k for ratio in ratios),
            name="mixed derivative in the amplitudes",
            nonzero=tuple(ratios),
        ),
        _orders_add_up(decoder, level),
    )
    arguments = (*decoder.parameters, level, *gains)
    written_out = at_size(certificates, f"P = {decoder.degree}")
    return ClosedForm(sp.Symbol(f"transfer_{order}"), expression, arguments, {}, written_out, REFERENCE)


def _orders_add_up(decoder: PolynomialDecoder, level: sp.Symbol) -> Identity:
    """The answer to one input is the sum of its orders."""
    size, gain = sp.symbols("A H")
    answer = size * gain * _rho**_k
    terms = [g * answer**p for p, g in enumerate(decoder.shifted(level).coefficients)]
    return Identity(sp.Add(*terms), decoder(level + answer), name="orders add up", nonzero=(_rho,))
