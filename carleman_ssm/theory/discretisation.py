r"""One sampled step of one mode, with the law that characterises it: zero-order hold and bilinear transform.

Both are $x_k = \lambda_n x_{k-1} + \bar b_n u_k$ with the coefficients of `ssm.zero_order_hold` and
`ssm.bilinear_transform`. What is held is the input; what the bilinear transform replaces is the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold

RATE, GAIN, STATE, INPUT = sp.symbols("a_n b_n x_n u")
STEP = sp.Symbol("Delta", positive=True)
REFERENCE = "derivations/00_discretisation"


def held_step() -> ClosedForm:
    r"""The state of a mode after $\Delta$ with the input held: $e^{a_n\Delta}x_n + \Delta\varphi_1(a_n\Delta)b_nu$.

    Returns
    -------
    ClosedForm
        $\lambda_n x_n + \bar b_n u$. Certificates: its derivative by $\Delta$ is $a_n$ times itself plus $b_n u$, and
        two steps with one input are one step (so a step of no length changes nothing); both at $a_n = 0$ as well.

    References
    ----------
    derivations/00_discretisation; THEORY §3; Gu et al. (2022), S4D, eq. 3.

    Examples
    --------
    >>> step = held_step()
    >>> step.expression
    bbar_n*u + lambda_n*x_n
    >>> step.where[sp.Symbol("lambda_n")]
    exp(Delta*a_n)
    """
    form = _step(zero_order_hold)
    moved = _written(form)
    first, second = sp.symbols("Delta_1 Delta_2", positive=True)
    twice = moved.subs(STEP, second).xreplace({STATE: moved.subs(STEP, first)})
    certificates = (
        Identity(
            sp.Derivative(moved, STEP),
            RATE * moved + GAIN * INPUT,
            name="the mode moves by its equation",
            because=r"$\frac{d}{d\Delta}e^{a_n\Delta} = a_ne^{a_n\Delta}$ and "
            r"$\frac{d}{d\Delta}\Delta\varphi_1(a_n\Delta) = e^{a_n\Delta}$",
        ),
        Identity(
            twice,
            moved.subs(STEP, first + second),
            name="two steps with one input",
            because="the second step starts where the first one ends",
        ),
    )
    return replace(form, certificates=certificates)


def bilinear_step() -> ClosedForm:
    r"""The state of a mode after one step of Tustin's rule: $\frac{1+a_n\Delta/2}{1-a_n\Delta/2}x_n + \bar b_nu$.

    Returns
    -------
    ClosedForm
        $\lambda_n x_n + \bar b_n u$. Certificate: it solves the equation at the mean of the two states,
        $(1 - a_n\Delta/2)x_k = (1 + a_n\Delta/2)x_{k-1} + \Delta b_nu_k$.

    References
    ----------
    derivations/00_discretisation; THEORY §3; Gu et al. (2022), S4D, eq. 3.

    Examples
    --------
    >>> bilinear_step().where[sp.Symbol("bbar_n")]
    Delta*b_n/(-Delta*a_n/2 + 1)
    """
    form = _step(bilinear_transform)
    moved = _written(form)
    half = RATE * STEP / 2
    law = Identity(
        (1 - half) * moved,
        (1 + half) * STATE + STEP * GAIN * INPUT,
        name="trapezoidal rule",
        because="what belongs to the new state on the left, to the old one on the right",
        nonzero=(1 - half,),
    )
    return replace(form, certificates=(law,))


def _step(rule: Callable[[DiagonalSSM, sp.Expr], DiscreteSSM]) -> ClosedForm:
    """One step by a rule, its coefficients by their names."""
    model = rule(DiagonalSSM((RATE,), (GAIN,), (sp.S.One,)), STEP)
    multiplier, gain = sp.symbols("lambda_n bbar_n")
    where = {multiplier: model.multipliers[0], gain: model.input_vector[0]}
    arguments = (RATE, GAIN, STEP, STATE, INPUT)
    return ClosedForm(sp.Symbol("x_k"), multiplier * STATE + gain * INPUT, arguments, where, (), REFERENCE)


def _written(form: ClosedForm) -> sp.Expr:
    return form.expression.xreplace(dict(form.where))
