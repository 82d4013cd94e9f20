r"""The convolution kernel, and the Volterra kernels of every order of a model with a polynomial decoder.

$K_m = \sum_n c_n \lambda_n^m \bar b_n + D\,\delta_{m0}$ and $h_p(m_1, \dots, m_p) = g_p \prod_i K_{m_i}$, so
$z_k = \sum_p \sum_{m_1, \dots, m_p} h_p(m_1, \dots, m_p) \prod_i u_{k - m_i}$. Each kernel is rank one. The
state starts at rest and the first input is $u_1$.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_count
from carleman_ssm.theory.ssm import DiscreteSSM

_REFERENCE = "derivations/11_three_forms"
_TERM_BUDGET = 20_000
_SMALL = 40  # certificates that grow with the size of the model are attached up to this many entries


def convolution_kernel(discrete: DiscreteSSM) -> ClosedForm:
    r"""$K_m = c^\top \bar\Lambda^m \bar b + D\,\delta_{m0}$ for symbolic m: $y_k = \sum_{m<k} K_m u_{k-m}$.

    For conjugate pairs the conjugate terms stand beside the stored ones (the factor 2 Re, written out).

    Parameters
    ----------
    discrete
        The sampled model; compound entries are named $\lambda_n$, $\bar b_n$ and defined in `where`.

    Returns
    -------
    ClosedForm of ``K[m]``. Certificates: the first values are the simulated answer to a unit impulse; the
    characteristic polynomial of $\bar\Lambda$ annihilates $K_{m+1}$ (up to six modes); the state of the
    answer obeys the one-step rule.

    References
    ----------
    derivations/11_three_forms; THEORY T10; Gu et al. (2022), S4D, eq. 5.

    Examples
    --------
    >>> kernel = convolution_kernel(DiscreteSSM.symbolic(states=2))
    >>> kernel.symbol, kernel.expression
    (K[m], bbar_0*c_0*lambda_0**m + bbar_1*c_1*lambda_1**m)
    """
    model, where = discrete.named()
    m = sp.Symbol("m", integer=True, nonnegative=True)
    return ClosedForm(
        sp.IndexedBase("K")[m],
        _kernel_value(model, m),
        (*discrete.parameters, m),
        where,
        at_size(_kernel_certificates(model, m), f"N = {model.states}"),
        _REFERENCE,
    )


def volterra_kernel(discrete: DiscreteSSM, decoder: PolynomialDecoder, order: int) -> ClosedForm:
    r"""The symmetric kernel $h_p(m_1, \dots, m_p) = g_p K_{m_1} \cdots K_{m_p}$, for symbolic lags.

    Parameters
    ----------
    discrete
        The sampled model, with feedthrough and conjugate pairs if it has them.
    decoder
        $\sigma(y) = \sum_p g_p y^p$; orders above its degree vanish.
    order
        $p \ge 0$.

    Returns
    -------
    ClosedForm of ``h_p[m_1, …, m_p]`` (of ``h_0`` for order 0). Certificates: the step of the
    impulse's state; and, for small models, that the values at small lags are the derivatives
    $\frac{1}{p!}\partial^p z/\partial u_{k-m_1}\cdots\partial u_{k-m_p}$ at $u = 0$ of the simulated model,
    the separable exponential form, and the recurrence in a lag.

    References
    ----------
    derivations/11_three_forms; THEORY T10; Rugh (1981), §6.

    Examples
    --------
    >>> decoder = PolynomialDecoder.symbolic(degree=2)
    >>> volterra_kernel(DiscreteSSM.symbolic(states=1), decoder, order=2).expression
    g_2*K[m_1]*K[m_2]
    """
    require_count(order, "the order")
    model, where = discrete.named()
    kernel, m = sp.IndexedBase("K"), sp.Symbol("m", integer=True, nonnegative=True)
    lags = sp.symbols(f"m_1:{order + 1}", integer=True, nonnegative=True)
    symbol = sp.IndexedBase(f"h_{order}")[lags] if order else sp.Symbol("h_0")
    expression = _coefficient(decoder, order) * prod((kernel[lag] for lag in lags), start=sp.S.One)
    arguments = (*discrete.parameters, *_new_symbols(discrete, decoder), *lags)
    definitions = {**where, kernel[m]: _kernel_value(model, m)} if order else where
    certificates = at_size(_volterra_certificates(model, decoder, lags), f"N = {model.states}, p = {order}")
    return ClosedForm(symbol, expression, arguments, definitions, certificates, _REFERENCE)


def volterra_series(discrete: DiscreteSSM, decoder: PolynomialDecoder, steps: int) -> ClosedForm:
    r"""The output after `steps` inputs, summed over lags in order of time.

    $z_k = \sum_p g_p \sum_{m_1 \le \dots \le m_p} \frac{p!}{\prod_i \mu_i!} \prod_i K_{m_i} u_{k-m_i}$, with
    $\mu_i$ the multiplicities of equal lags.

    Parameters
    ----------
    steps
        k, an integer $\ge 0$; at $k = 0$ the output is $g_0$.

    Returns
    -------
    ClosedForm of $z$ in the inputs ``u[1] … u[k]``; certificate: the simulated recurrence and decoder.

    Raises
    ------
    ValueError
        More than 20 000 terms: the message names the number and the form to use instead.

    References
    ----------
    derivations/11_three_forms; THEORY T10 (time-ordered version).
    """
    require_count(steps, "the number of steps")
    terms = sum(comb(steps + p - 1, p) for p in range(1, decoder.degree + 1)) + 1
    if terms > _TERM_BUDGET:
        msg = (
            f"the series of {steps} steps and degree {decoder.degree} has {terms} terms (limit "
            f"{_TERM_BUDGET}): use forward_operator (T12) or rank_form (T12′), which stay factored"
        )
        raise ValueError(msg)
    model, where = discrete.named()
    kernel, u = sp.IndexedBase("K"), sp.IndexedBase("u")
    m = sp.Symbol("m", integer=True, nonnegative=True)
    weights = [
        (_coefficient(decoder, p) * _ordered_weight(lags), lags)
        for p in range(decoder.degree + 1)
        for lags in combinations_with_replacement(range(steps), p)
    ]
    factors = [kernel[lag] * u[steps - lag] for lag in range(steps)]
    values = [_kernel_value(model, lag) * u[steps - lag] for lag in range(steps)]
    expression, written = (
        sp.Add(*(weight * prod((each[lag] for lag in lags), start=sp.S.One) for weight, lags in weights))
        for each in (factors, values)
    )
    definitions = {**where, kernel[m]: _kernel_value(model, m)}
    arguments = (*discrete.parameters, *_new_symbols(discrete, decoder), u)
    simulated = decoder(simulate(model, [u[j] for j in range(1, steps + 1)]))
    sizes = f"N = {model.states}, P = {decoder.degree}, k = {steps}"
    certificate = Identity(written, simulated, name="the series is the output of the recurrence", sizes=sizes)
    symbol = sp.Symbol(f"z_{steps}")
    return ClosedForm(symbol, expression, arguments, definitions, (certificate,), _REFERENCE)


def simulate(discrete: DiscreteSSM, inputs: list[sp.Expr]) -> sp.Expr:
    r"""$y_k$ after the given inputs $u_1, \dots, u_k$, by running the recurrence from rest.

    Stored conjugate pairs run as the doubled system, which is linear in the inputs.
    """
    model = discrete.with_conjugates()
    state: tuple[sp.Expr, ...] = (sp.S.Zero,) * model.states
    for u in inputs:
        state = tuple(
            multiplier * x + b * u
            for multiplier, x, b in zip(model.multipliers, state, model.input_vector, strict=True)
        )
    return model.readout(state, inputs[-1] if inputs else sp.S.Zero)


def _kernel_value(model: DiscreteSSM, lag: sp.Expr | int) -> sp.Expr:
    impulse = tuple(b * multiplier**lag for multiplier, b in zip(model.multipliers, model.input_vector, strict=True))
    return model.readout(impulse, sp.KroneckerDelta(lag, 0))


def _kernel_certificates(model: DiscreteSSM, m: sp.Symbol) -> list[Identity]:
    doubled = model.with_conjugates()
    lags = range(doubled.states + 1)
    impulse = [sp.S.One, *[sp.S.Zero] * doubled.states]
    values = sp.Matrix([sp.Subs(_kernel_value(model, m), m, lag) for lag in lags])
    simulated = sp.Matrix([simulate(model, impulse[: lag + 1]) for lag in lags])
    certificates = [Identity(values, simulated, name="first values: the simulated answer to a unit impulse")]
    if doubled.states <= 6:
        certificates.append(
            Identity(
                _annihilated(doubled, [_kernel_value(model, m + 1 + j) for j in lags]),
                sp.S.Zero,
                name="recurrence: the characteristic polynomial annihilates the kernel",
            )
        )
    return [*certificates, _state_certificate(model)]


def _state_certificate(model: DiscreteSSM) -> Identity:
    r"""The state after an impulse, $\bar\Lambda^m \bar b$, makes one step; of linear size for any model."""
    m = sp.Symbol("m", integer=True, nonnegative=True)
    modes = list(zip(model.multipliers, model.input_vector, strict=True))
    later = sp.Matrix([b * multiplier ** (m + 1) for multiplier, b in modes])
    moved = sp.Matrix([multiplier * (b * multiplier**m) for multiplier, b in modes])
    return Identity(later, moved, name="state: one step")


def _annihilated(model: DiscreteSSM, values: list[sp.Expr]) -> sp.Expr:
    r"""$\sum_j e_j f_j$ with $\prod_n (\zeta - \lambda_n) = \sum_j e_j \zeta^j$."""
    coefficients = [sp.S.One]
    for multiplier in model.multipliers:
        shifted, scaled = [sp.S.Zero, *coefficients], [*coefficients, sp.S.Zero]
        coefficients = [high - multiplier * low for high, low in zip(shifted, scaled, strict=True)]
    return sp.Add(*(e * value for e, value in zip(coefficients, values, strict=True)))


def _volterra_certificates(
    model: DiscreteSSM, decoder: PolynomialDecoder, lags: tuple[sp.Symbol, ...]
) -> list[Identity]:
    order, g = len(lags), _coefficient(decoder, len(lags))
    doubled = model.with_conjugates()
    certificates = [_state_certificate(model)]
    if comb(doubled.states + order, order) <= _SMALL:
        certificates.append(_derivative_certificate(model, decoder, lags, doubled.states))

    def h(*at: sp.Expr) -> sp.Expr:
        return g * prod((_kernel_value(model, lag) for lag in at), start=sp.S.One)

    if order and doubled.states**order <= _SMALL and doubled.feedthrough == 0:
        certificates.append(Identity(h(*lags), _separable(doubled, g, lags), name="separable exponentials"))
    if order and doubled.states <= 6:
        rooted = tuple(multiplier for multiplier in doubled.multipliers if not multiplier.is_number)
        shifted = [h(lags[0] + 1 + j, *lags[1:]) for j in range(doubled.states + 1)]
        certificates.append(Identity(_annihilated(doubled, shifted), sp.S.Zero, "recurrence in a lag", nonzero=rooted))
    return certificates


def _derivative_certificate(
    model: DiscreteSSM, decoder: PolynomialDecoder, lags: tuple[sp.Symbol, ...], largest: int
) -> Identity:
    """Kernel values at lags up to `largest` against derivatives of the simulated output at zero input."""
    order = len(lags)
    u = [sp.Dummy(f"u_{lag}") for lag in range(largest + 1)]
    output = decoder(simulate(model, u[::-1]))
    rows = list(combinations_with_replacement(range(largest + 1), order))
    rest = dict.fromkeys(u, sp.S.Zero)
    derived = [_derivative(output, [u[lag] for lag in row]).xreplace(rest) / factorial(order) for row in rows]
    law = _coefficient(decoder, order) * prod((_kernel_value(model, lag) for lag in lags), start=sp.S.One)
    values = [sp.Subs(law, lags, row) if lags else law for row in rows]
    return Identity(
        sp.Matrix(values),
        sp.Matrix(derived),
        name=f"input derivatives of order {order} of the simulated output, lags up to {largest}",
    )


def _derivative(expression: sp.Expr, variables: list[sp.Symbol]) -> sp.Expr:
    """Differentiated by each variable in turn; by none, the expression itself."""
    for variable in variables:
        expression = expression.diff(variable)
    return expression


def _separable(doubled: DiscreteSSM, g: sp.Expr, lags: tuple[sp.Symbol, ...]) -> sp.Expr:
    r"""$g_p \sum_{n_1 \dots n_p} \prod_i c_{n_i} \bar b_{n_i} \lambda_{n_i}^{m_i}$, without a feedthrough."""
    modes = list(zip(doubled.multipliers, doubled.input_vector, doubled.output_vector, strict=True))
    terms = [
        [c * b * multiplier**lag for (multiplier, b, c), lag in zip(chosen, lags, strict=True)]
        for chosen in product(modes, repeat=len(lags))
    ]
    return g * sp.Add(*(sp.Mul(*factors) for factors in terms))


def _ordered_weight(lags: tuple[int, ...]) -> sp.Integer:
    r"""$p!/\prod_i \mu_i!$, the number of orders in which these lags occur in the symmetric sum."""
    return sp.Integer(factorial(len(lags)) // prod(factorial(count) for count in Counter(lags).values()))


def _coefficient(decoder: PolynomialDecoder, order: int) -> sp.Expr:
    return decoder.coefficients[order] if order <= decoder.degree else sp.S.Zero


def _new_symbols(discrete: DiscreteSSM, decoder: PolynomialDecoder) -> tuple[sp.Symbol, ...]:
    """The symbols of the decoder that are no parameters of the model."""
    return tuple(symbol for symbol in decoder.parameters if symbol not in discrete.parameters)
