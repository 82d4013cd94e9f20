r"""Statements of the time-invariant families with one input per state: S4D, the S4 block, S4 with its low rank, DSS.

All of them are $x_k = \bar A x_{k-1} + \bar b u_k$, so their outputs are convolutions; what differs is how
$\bar A$, $\bar b$ and the readout come from what is stored: $2\,\mathrm{Re}$ or $1\,\mathrm{Re}$, the sign of the
imaginary part, the rule of discretisation, and what the stored readout has absorbed.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import InvariantDense, InvariantDiagonal, step_symbols
from carleman_ssm.recurrences.dense_laws import dense_laws, dense_twins
from carleman_ssm.recurrences.pair_laws import (
    FEEDTHROUGH,
    STEP,
    bilinear_law,
    convolution_law,
    diagonal_recurrence,
    doubled_law,
    dropped_conjugate,
    euler_twin,
    flipped_bilinear,
    gauge_law,
    hold_law,
    other_sign,
    softmax_input,
    softmax_laws,
    softmax_twins,
    two_sided_law,
)
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.polynomials import require_count
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold

_HALF = sp.Rational(1, 2)


def _inputs(steps: int) -> tuple[sp.Expr, ...]:
    return tuple(step_symbols("u", _positive(steps, "steps"), real=True))


def _positive(count: int, what: str) -> int:
    if require_count(count, f"the number of {what}") == 0:
        msg = f"a statement needs at least one of its {what}"
        raise ValueError(msg)
    return count


def _letters(stem: str, count: int, **assumptions: bool) -> tuple[sp.Symbol, ...]:
    return tuple(sp.Symbol(f"{stem}_{n}", **assumptions) for n in range(_positive(count, "states")))


def _pair_output(
    stored: DiscreteSSM, inputs: tuple[sp.Expr, ...], reference: str
) -> tuple[InvariantDiagonal, ClosedForm]:
    """The recurrence of stored pairs in named letters, and the output after the last step."""
    model, where = stored.named()
    recurrence = diagonal_recurrence(model, inputs)
    arguments = (*stored.parameters, *inputs)
    output = read_output(
        recurrence,
        lambda state: model.readout(tuple(state), inputs[-1]),
        symbol=sp.Symbol(f"y_{len(inputs)}"),
        reference=reference,
        where=where,
        arguments=arguments,
    )
    return recurrence, output


def s4d_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""S4D: $\lambda_n = e^{a_n\Delta}$, $\bar b_n = (e^{a_n\Delta} - 1)/a_n$, $y = 2\,\mathrm{Re}(c^\top x) + D u$.

    Parameters
    ----------
    states
        Number of stored modes.
    steps
        L.

    Returns
    -------
    FamilyStatement
        Laws: convolution, doubled system, hold. Twins: a dropped conjugate, Euler's rule, the other sign of i.

    Raises
    ------
    TypeError, ValueError
        Sizes that are no positive counts.

    References
    ----------
    THEORY T9 to T12; Gu et al. (2022), S4D, eq. 3 and 5.
    """
    inputs, rates = _inputs(steps), _letters("a", states)
    ones = (sp.S.One,) * states
    stored = zero_order_hold(DiagonalSSM(rates, ones, _letters("c", states), FEEDTHROUGH, conjugate_pairs=True), STEP)
    recurrence, output = _pair_output(stored, inputs, "THEORY T10; Gu et al. (2022), S4D, eq. 5")
    model = stored.named()[0]
    return FamilyStatement(
        "s4d",
        recurrence,
        output,
        (convolution_law(model, inputs, output), doubled_law(model, inputs, output), hold_law(rates[0])),
        (dropped_conjugate(model, inputs, output), euler_twin(rates[0]), other_sign(model, inputs, output)),
        input_degree=1,
        real_spectrum=False,
    )


def s4_block_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""The S4 block before its activation: $A = -\alpha - i\omega$, a trained B, and both rules.

    Laws beyond those of S4D: B and the sign fold into $c' = \overline{c B}$; the bilinear rule; two directions.

    Parameters
    ----------
    states, steps
        As in `s4d_statement`.

    Raises
    ------
    TypeError, ValueError
        As in `s4d_statement`.

    References
    ----------
    THEORY T1′ (gauge), T10; Gu et al. (2022), S4D, eq. 3.
    """
    inputs = _inputs(steps)
    decays, frequencies = _letters("alpha", states, positive=True), _letters("omega", states, real=True)
    rates = tuple(-decay - sp.I * frequency for decay, frequency in zip(decays, frequencies, strict=True))
    drive, readout = _letters("B", states), _letters("c", states)
    stored = zero_order_hold(DiagonalSSM(rates, drive, readout, FEEDTHROUGH, conjugate_pairs=True), STEP)
    recurrence, output = _pair_output(stored, inputs, "THEORY T10; Gu et al. (2022), S4D, eq. 3")
    model = stored.named()[0]
    multipliers, gains = _letters("lambda", states), _letters("bbar", states)
    gauge = gauge_law(multipliers, gains, drive, readout, inputs)
    return FamilyStatement(
        "s4-block",
        recurrence,
        output,
        (
            convolution_law(model, inputs, output),
            doubled_law(model, inputs, output),
            hold_law(rates[0]),
            gauge,
            *bilinear_law(),
            two_sided_law(inputs, shift=1),
        ),
        (
            dropped_conjugate(model, inputs, output),
            euler_twin(rates[0]),
            other_sign(model, inputs, output),
            flipped_bilinear(),
            two_sided_law(inputs, shift=0),
        ),
        input_degree=1,
        real_spectrum=False,
    )


def s4_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""S4 with its low rank: a dense $\bar A$, in real coordinates (Re, Im) of the stored modes.

    Parameters
    ----------
    states
        N, real entries of the state (two for each stored mode).
    steps
        L.

    Returns
    -------
    FamilyStatement
        Laws of `dense_laws`: the stored readout, the inverse of the low-rank step, the normal part of HiPPO-LegS and
        its real spectrum, the real coordinates. Twins: the stored readout taken as it is, the low rank dropped, the
        bilinear rule flipped, the other sign of i.

    Raises
    ------
    TypeError, ValueError
        As in `s4d_statement`.

    References
    ----------
    Gu, Goel & Ré (2022), S4, theorem 1 and appendix C.
    """
    inputs = _inputs(steps)
    _positive(states, "states")
    matrix = sp.ImmutableMatrix(states, states, lambda i, j: sp.Symbol(f"a_{i}_{j}", real=True))
    drive, readout = _letters("b", states, real=True), _letters("c", states, real=True)
    recurrence = InvariantDense(matrix, tuple(tuple(b * u for b in drive) for u in inputs))
    row = sp.ImmutableMatrix([readout])
    output = read_output(
        recurrence,
        lambda state: (row * state)[0] + FEEDTHROUGH * inputs[-1],
        symbol=sp.Symbol(f"y_{steps}"),
        reference="Gu, Goel & Ré (2022), S4, eq. 5",
        arguments=(*recurrence.parameters[: states * states], *drive, *readout, FEEDTHROUGH, *inputs),
    )
    flipped = flipped_bilinear()
    return FamilyStatement(
        "s4",
        recurrence,
        output,
        (*bilinear_law(), *dense_laws(matrix, row, steps)),
        (flipped, *dense_twins(matrix, row, steps)),
        input_degree=1,
        real_spectrum=True,
    )


def dss_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""DSS: $y = \mathrm{Re}(W^\top x) + D u$ with inputs that make the modes a softmax over the L lags.

    $\bar b_n = (\lambda_n - 1)/(\Lambda_n(\lambda_n^L - 1))$ depends on L: there is one recurrence for each length.

    Parameters
    ----------
    states, steps
        As in `s4d_statement`.

    Returns
    -------
    FamilyStatement
        Laws: convolution, the normaliser for symbolic L, the form for growing modes. Twins: twice the real part, a
        kernel that does not depend on L, the growing form without its shift, Euler's rule.

    Raises
    ------
    TypeError, ValueError
        As in `s4d_statement`.

    References
    ----------
    Gupta, Gu & Berant (2022), DSS, proposition 1.
    """
    inputs, rates = _inputs(steps), _letters("Lambda", states)
    multipliers, weights = _letters("lambda", states), _letters("W", states)
    gains = _letters("bbar", states)
    recurrence = InvariantDiagonal(multipliers, tuple(tuple(g * u for g in gains) for u in inputs))
    definitions: dict[sp.Basic, sp.Basic] = {
        multiplier: sp.exp(rate * STEP) for multiplier, rate in zip(multipliers, rates, strict=True)
    }
    for gain, rate, multiplier in zip(gains, rates, multipliers, strict=True):
        definitions[gain] = softmax_input(rate, multiplier, steps)

    def read(state: sp.ImmutableMatrix, share: sp.Expr = _HALF) -> sp.Expr:
        terms = [share * weight * x for weight, x in zip(weights, state, strict=True)]
        return sp.Add(*terms, *map(sp.conjugate, terms), FEEDTHROUGH * inputs[-1])

    output = read_output(
        recurrence,
        read,
        symbol=sp.Symbol(f"y_{steps}"),
        reference="Gupta, Gu & Berant (2022), DSS, proposition 1",
        where=definitions,
        arguments=(*rates, STEP, *weights, FEEDTHROUGH, *inputs),
    )
    halves = tuple(weight / 2 for weight in weights)
    model = DiscreteSSM(multipliers, gains, halves, FEEDTHROUGH, conjugate_pairs=True)
    twice = Identity(output.expression, read(recurrence.state(steps), sp.S.One), name="twin: twice the real part")
    return FamilyStatement(
        "dss",
        recurrence,
        output,
        (convolution_law(model, inputs, output), *softmax_laws(rates[0], multipliers[0])),
        (twice, *softmax_twins(rates[0], multipliers[0], steps), euler_twin(rates[0])),
        input_degree=1,
        real_spectrum=False,
    )
