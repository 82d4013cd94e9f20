r"""The explicit operator: an ordered product of lifted steps collapses to one translation.

Notation: $T(\xi)$ translation and $M_0$ scaling of the monomials, $e_0$ the lift of rest. Since
$T(\xi) T(\eta) = T(\xi + \eta)$ and $M_0 T(\xi) = T(\Lambda \xi) M_0$, the state after $k$ steps is
$$X_k = T(u_k) \cdots T(u_1) e_0 = T(\xi_k) e_0, \qquad \xi_k = \sum_{j=1}^{k} \Lambda^{k-j} \bar b\, u_j,$$
so that $z_k = G X_k = \sigma(c^\top \xi_k + D u_k)$ (T12). With $K_m = c^\top \Lambda^m \bar b$,
$y_k = \sum_j K_{k-j} u_j + D u_k$ and the nilpotent $G_{p,p-1} = p$ the same number is
$z_k = g^\top e^{y_k G} e_0$, a product of commuting $(P+1) \times (P+1)$ matrices, one for each past input
(T12′). Here $K$ is the kernel of the state; the feedthrough stands beside it.
"""

from __future__ import annotations

from math import comb

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.affine_lift import affine_representation, column, lowering_matrix
from carleman_ssm.theory.carleman import (
    STEP,
    BilinearSystem,
    LiftedSystem,
    StateAffineSystem,
    carleman_lift,
)
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.polynomials import PolynomialDecoder, exact_without
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold

STEPS = sp.Symbol("k", integer=True, positive=True)
EARLIER = sp.Symbol("j", integer=True, positive=True)
"""The step of an input: the index of sums over the past."""
REFERENCE = "derivations/12_affine_collapse"
RANK_REFERENCE = "derivations/11_three_forms"

Model = LiftedSystem | DiagonalSSM | DiscreteSSM

_SEQUENCE = sp.IndexedBase("u")
_NAMES = ("u", "j", "k", "m", "y", "z", "K")
_CERTIFIED_TERMS = 1_000
"""Lifts with more terms are certified by the recurrence of the state alone."""


def collapsed_state(model: DiscreteSSM, steps: sp.Expr) -> tuple[sp.Expr, ...]:
    r"""The state after k steps from rest: $\xi_{k,n} = \sum_{j=1}^{k} \lambda_n^{k-j} \bar b_n u_j$.

    Parameters
    ----------
    model
        The discrete model with all modes written out.
    steps
        k.

    References
    ----------
    THEORY T12.
    """
    modes = zip(model.multipliers, model.input_vector, strict=True)
    return tuple(
        sp.Sum(multiplier ** (steps - EARLIER) * gain * _SEQUENCE[EARLIER], (EARLIER, 1, steps))
        for multiplier, gain in modes
    )


def forward_operator(
    model: Model, decoder: PolynomialDecoder | None = None, *, steps: sp.Expr | int = STEPS, step: sp.Symbol = STEP
) -> ClosedForm:
    r"""The whole forward pass from rest as one formula: $z_k = \sigma_P(c^\top \xi_k + D u_k)$.

    Parameters
    ----------
    model
        A lifted system, or an SSM together with its decoder. In continuous time the input is held during
        each step.
    decoder
        $\sigma$, if `model` is an SSM.
    steps
        k, a positive integer or an integer symbol.
    step
        $\Delta$ [time] of the hold; not used in discrete time.

    Returns
    -------
    ClosedForm
        Of ``z[k]`` in the inputs ``u[1] … u[k]``. Certificates: $X_0 = e_0$;
        $X_k = T(u_k) X_{k-1}$ for symbolic k; $z_k = G(u_k) X_k$. Beyond 1,000 terms of T only the
        recurrence of $\xi$ itself.

    Raises
    ------
    TypeError
        Not a model with an exact decoder.
    ValueError
        `steps` is no positive integer and no integer symbol, or a name is in use.

    References
    ----------
    derivations/12_affine_collapse; THEORY T12.

    Examples
    --------
    >>> form = forward_operator(DiscreteSSM.symbolic(states=1), PolynomialDecoder((0, 0, 1)))
    >>> form.symbol, form.expression
    (z[k], y**2)
    >>> for symbol, definition in form.where.items():
    ...     print(symbol, "=", definition)
    xi_0 = Sum(bbar_0*lambda_0**(-j + k)*u[j], (j, 1, k))
    y = c_0*xi_0
    """
    system, where, parameters = _discrete_system(model, decoder, step)
    k = _checked_steps(steps)
    letters, state = system.symbols("xi"), collapsed_state(system.ssm, k)
    y = sp.Symbol("y")
    definitions = {**where, **dict(zip(letters, state, strict=True)), y: system.ssm.readout(letters, _SEQUENCE[k])}
    arguments = (*parameters, _SEQUENCE, *([k] if isinstance(k, sp.Symbol) else []))
    return ClosedForm(
        sp.IndexedBase("z")[k],
        system.decoder(y),
        arguments,
        definitions,
        _collapse_certificates(system, k if isinstance(k, sp.Symbol) else STEPS),
        REFERENCE,
    )


def rank_form(
    model: Model, decoder: PolynomialDecoder | None = None, *, steps: sp.Expr | int = STEPS, step: sp.Symbol = STEP
) -> ClosedForm:
    r"""The smallest exact operator: $z_k = g^\top e^{y_k G} e_0$ with $G_{p,p-1} = p$, of size P + 1.

    $(e^{yG})_{pq} = \binom{p}{q} y^{p-q}$, the Pascal matrix; as $e^{yG} = \prod_j e^{K_{k-j} u_j G}$ with
    commuting factors, the interaction tensor of every order is a tensor train of ranks $\le P + 1$.

    Parameters
    ----------
    model, decoder, steps, step
        As in `forward_operator`.

    Returns
    -------
    ClosedForm
        Of ``z[k]``, a product row · matrix · column. Certificates: $E'(y) = G E(y)$ and $E(y) E(-y) = 1$ for
        $E(y) = e^{yG}$; $E(y) E(y') = E(y + y')$; $g^\top E(y) e_0 = \sigma(y)$; and that $y_k$ is the
        output of the recurrence.

    Raises
    ------
    TypeError, ValueError
        As in `forward_operator`.

    References
    ----------
    derivations/11_three_forms, 12_pascal_cores; THEORY T12′; Oseledets (2013); Grasedyck (2010).
    """
    system, where, parameters = _discrete_system(model, decoder, step)
    k = _checked_steps(steps)
    kernel, m, y = sp.IndexedBase("K"), sp.Symbol("m", integer=True, nonnegative=True), sp.Symbol("y")
    convolution = sp.Sum(kernel[k - EARLIER] * _SEQUENCE[EARLIER], (EARLIER, 1, k))
    definitions = {
        **where,
        kernel[m]: _state_kernel(system.ssm, m),
        y: convolution + system.ssm.feedthrough * _SEQUENCE[k],
    }
    arguments = (*parameters, _SEQUENCE, *([k] if isinstance(k, sp.Symbol) else []))
    certificates = (
        *at_size(_pascal_certificates(system.decoder), f"P = {system.decoder.degree}"),
        *at_size(
            _convolution_certificates(system.ssm, k if isinstance(k, sp.Symbol) else STEPS), f"N = {system.ssm.states}"
        ),
    )
    return ClosedForm(
        sp.IndexedBase("z")[k], _rank_product(system.decoder, y), arguments, definitions, certificates, RANK_REFERENCE
    )


def _state_kernel(model: DiscreteSSM, lag: sp.Expr) -> sp.Expr:
    r"""$K_m = \sum_n c_n \lambda_n^m \bar b_n$."""
    modes = zip(model.output_vector, model.multipliers, model.input_vector, strict=True)
    return sp.Add(*(c * multiplier**lag * gain for c, multiplier, gain in modes))


def _lift(ssm: DiagonalSSM | DiscreteSSM, decoder: PolynomialDecoder | None) -> LiftedSystem:
    if decoder is None:
        msg = "give the decoder beside the model, or a lifted system that holds both"
        raise TypeError(msg)
    return carleman_lift(ssm, decoder)


def _rank_product(decoder: PolynomialDecoder, y: sp.Expr) -> sp.Expr:
    """Row of coefficients · Pascal matrix · first unit vector, not multiplied out."""
    row = sp.ImmutableMatrix([decoder.coefficients])
    first = column([sp.S.One, *[sp.S.Zero] * decoder.degree])
    return sp.MatMul(row, affine_representation([sp.S.One], [y], decoder.degree), first, evaluate=False)


def _checked_steps(steps: sp.Expr | int) -> sp.Expr:
    k = exact_without(steps, "the number of steps", EARLIER, _SEQUENCE.label)
    if (isinstance(k, sp.Integer) and k >= 1) or (isinstance(k, sp.Symbol) and k.is_integer):
        return k
    msg = f"steps must be a positive integer or a symbol such as Symbol('k', integer=True), got {steps!r}"
    raise ValueError(msg)


def _discrete_system(
    model: Model, decoder: PolynomialDecoder | None, step: sp.Symbol
) -> tuple[StateAffineSystem, dict[sp.Basic, sp.Basic], tuple[sp.Symbol, ...]]:
    """The state-affine system with named entries, their definitions, and the parameters of the operator."""
    lifted = model if isinstance(model, BilinearSystem | StateAffineSystem) else _lift(model, decoder)
    held = (step,) if isinstance(lifted, BilinearSystem) else ()
    lifted.reserve(*_NAMES, *map(str, held))
    discrete = zero_order_hold(lifted.ssm, step) if isinstance(lifted, BilinearSystem) else lifted.ssm
    named, where = discrete.named()
    parameters = tuple(dict.fromkeys([*lifted.ssm.parameters, *held, *lifted.decoder.parameters]))
    return StateAffineSystem(named, lifted.decoder), dict(where), parameters


def _recurrence_certificates(model: DiscreteSSM, k: sp.Symbol) -> tuple[Identity, ...]:
    """At rest in the beginning, and one step of the state."""
    now, before = (collapsed_state(model, steps) for steps in (k, k - 1))
    rest = column([before_the_first_input(xi, k) for xi in now])
    rows = zip(model.multipliers, before, model.input_vector, strict=True)
    moved = column([multiplier * xi + gain * _SEQUENCE[k] for multiplier, xi, gain in rows])
    return (
        Identity(rest, sp.zeros(model.states, 1), name="at rest before the first input", because="an empty sum"),
        Identity(
            column(now),
            moved,
            name="recurrence of the state",
            because=r"$\lambda \lambda^{k-1-j} = \lambda^{k-j}$, and $j = k$ adds $\bar b u_k$",
        ),
    )


def _convolution_certificates(model: DiscreteSSM, k: sp.Symbol) -> tuple[Identity, ...]:
    """The convolution is the output of the recurrence."""
    convolution = sp.Sum(_state_kernel(model, k - EARLIER) * _SEQUENCE[EARLIER], (EARLIER, 1, k))
    output = Identity(
        convolution + model.feedthrough * _SEQUENCE[k],
        model.readout(collapsed_state(model, k), _SEQUENCE[k]),
        name="output of the state",
        because="sums over modes and over time exchange",
    )
    return (*_recurrence_certificates(model, k), output)


def before_the_first_input(expression: sp.Expr, k: sp.Symbol) -> sp.Expr:
    r"""The sums with k = 0 in their limits: empty over $1 \le j \le k$ whatever their terms, also for $\lambda = 0$."""

    def begun(total: sp.Sum) -> sp.Sum:
        return total.func(total.function, *((j, start.subs(k, 0), end.subs(k, 0)) for j, start, end in total.limits))

    return expression.replace(lambda e: isinstance(e, sp.Sum), begun)


def _collapse_certificates(system: StateAffineSystem, k: sp.Symbol) -> tuple[Identity, ...]:
    model, degree = system.ssm, system.decoder.degree
    if comb(2 * model.states + degree, degree) > _CERTIFIED_TERMS:
        return _recurrence_certificates(model, k)
    basis = system.basis
    state, before = collapsed_state(model, k), collapsed_state(model, k - 1)
    u, lift, sizes = _SEQUENCE[k], column(basis.lift(state)), f"N = {model.states}, P = {degree}"
    rest, empty = column([1, *[0] * (basis.size - 1)]), [before_the_first_input(xi, k) for xi in state]
    return (
        Identity(
            column(basis.lift(tuple(empty))), rest, name="initial value", because=r"at rest, $X_0 = e_0$", sizes=sizes
        ),
        Identity(
            sp.MatMul(system.transition_matrix(u), column(basis.lift(before)), evaluate=False),
            lift,
            name="one lifted step",
            because=r"$T(u_k) T(\xi_{k-1}) e_0 = T(\Lambda \xi_{k-1} + \bar b u_k) e_0$",
            sizes=sizes,
        ),
        Identity(
            (system.readout_row(u) * lift)[0],
            system.decoder(model.readout(state, u)),
            name="readout",
            because="multinomial theorem",
            sizes=sizes,
        ),
    )


def _pascal_certificates(decoder: PolynomialDecoder) -> tuple[Identity, ...]:
    y, other = sp.symbols("y eta")
    power = {at: affine_representation([sp.S.One], [at], decoder.degree) for at in (y, other, y + other, -y)}
    generator = lowering_matrix([sp.S.One], decoder.degree)
    return (
        Identity(
            sp.MatMul(generator, power[y], evaluate=False),
            power[y].diff(y),
            name="generator",
            because=r"$E'(y) = G\,E(y)$",
        ),
        Identity(
            sp.MatMul(power[y], power[-y], evaluate=False),
            sp.eye(decoder.degree + 1),
            name="back again",
            because=r"$E(y)\,E(-y) = E(0)$",
        ),
        Identity(
            sp.MatMul(power[y], power[other], evaluate=False),
            power[y + other],
            name="commuting factors",
            because="one factor for each past input",
        ),
        Identity(_rank_product(decoder, y).doit()[0, 0], decoder(y), name="the entry is the decoder"),
    )
