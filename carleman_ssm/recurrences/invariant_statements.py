r"""Statements of time-invariant families with one input per state: S4D, S4 with its low rank, DSS.

All of them are $x_k = \bar A x_{k-1} + \bar b u_k$, so their outputs are convolutions; what differs is how
$\bar A$, $\bar b$ and the readout come from what is stored: $2\,\mathrm{Re}$ or $1\,\mathrm{Re}$, the sign of the
imaginary part, the rule of discretisation, and what the stored readout has absorbed.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDense, InvariantDiagonal
from carleman_ssm.recurrences.dense_laws import dense_laws, dense_twins
from carleman_ssm.recurrences.pair_laws import (
    FEEDTHROUGH,
    STEP,
    bilinear_law,
    convolution_law,
    doubled_law,
    dropped_conjugate,
    euler_twin,
    flipped_bilinear,
    hold_law,
    other_sign,
)
from carleman_ssm.recurrences.pair_letters import input_letters, mode_letters, pair_output, positive_count
from carleman_ssm.recurrences.softmax_laws import (
    EPSILON,
    STEP_IM,
    STEP_RE,
    layer_input,
    softmax_laws,
    softmax_twins,
    two_step_multiplier,
)
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold

REFERENCE = "derivations/12_time_invariant_families"
_HALF = sp.Rational(1, 2)


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
    inputs, rates = input_letters(steps), mode_letters("a", states)
    ones = (sp.S.One,) * states
    stored = zero_order_hold(
        DiagonalSSM(rates, ones, mode_letters("c", states), FEEDTHROUGH, conjugate_pairs=True), STEP
    )
    recurrence, output = pair_output(stored, inputs, REFERENCE)
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
    inputs = input_letters(steps)
    positive_count(states, "states")
    matrix = sp.ImmutableMatrix(states, states, lambda i, j: sp.Symbol(f"a_{i}_{j}", real=True))
    drive, readout = mode_letters("b", states, real=True), mode_letters("c", states, real=True)
    recurrence = InvariantDense(matrix, tuple(tuple(b * u for b in drive) for u in inputs))
    row = sp.ImmutableMatrix([readout])
    output = read_output(
        recurrence,
        lambda state: (row * state)[0] + FEEDTHROUGH * inputs[-1],
        symbol=sp.Symbol(f"y_{steps}"),
        reference="derivations/12_low_rank_steps",
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

    $\lambda_n = e^{\Delta_{re} \mathrm{Re}\,\Lambda_n + i \Delta_{im} \mathrm{Im}\,\Lambda_n}$, and $\bar b_n$ is the
    quotient $(\lambda_n - 1)/(\Lambda_n(\lambda_n^L - 1))$ with the $\varepsilon$ of the layer (`softmax_laws`). It
    depends on L: there is one recurrence for each length.

    Parameters
    ----------
    states, steps
        As in `s4d_statement`.

    Returns
    -------
    FamilyStatement
        Laws: convolution, the hold of the versions ``exp``, the normaliser for symbolic L with and without
        $\varepsilon$, the form for growing modes, equal steps. Twins: twice the real part, the other sign of i, Euler's
        rule, $\varepsilon$ forgotten or one for all modes, one step for both parts, a kernel that does not depend on L,
        the growing form without its shift.

    Raises
    ------
    TypeError, ValueError
        As in `s4d_statement`.

    References
    ----------
    Gupta, Gu & Berant (2022), DSS, proposition 1, which is $\varepsilon = 0$.
    """
    inputs, rates = input_letters(steps), mode_letters("Lambda", states)
    multipliers, weights = mode_letters("lambda", states), mode_letters("W", states)
    gains = mode_letters("bbar", states)
    recurrence = InvariantDiagonal(multipliers, tuple(tuple(g * u for g in gains) for u in inputs))
    definitions: dict[sp.Basic, sp.Basic] = {
        multiplier: two_step_multiplier(rate) for multiplier, rate in zip(multipliers, rates, strict=True)
    }
    for gain, rate, multiplier in zip(gains, rates, multipliers, strict=True):
        growth = sp.exp(2 * steps * STEP_RE * sp.re(rate))
        definitions[gain] = layer_input(rate, multiplier, steps, growth)

    def read(state: sp.ImmutableMatrix, share: sp.Expr = _HALF) -> sp.Expr:
        terms = [share * weight * x for weight, x in zip(weights, state, strict=True)]
        return sp.Add(*terms, *map(sp.conjugate, terms), FEEDTHROUGH * inputs[-1])

    output = read_output(
        recurrence,
        read,
        symbol=sp.Symbol(f"y_{steps}"),
        reference=REFERENCE,
        where=definitions,
        arguments=(*rates, STEP_RE, STEP_IM, EPSILON, *weights, FEEDTHROUGH, *inputs),
    )
    halves = tuple(weight / 2 for weight in weights)
    model = DiscreteSSM(multipliers, gains, halves, FEEDTHROUGH, conjugate_pairs=True)
    twice = Identity(output.expression, read(recurrence.state(steps), sp.S.One), name="twin: twice the real part")
    return FamilyStatement(
        "dss",
        recurrence,
        output,
        (convolution_law(model, inputs, output), *softmax_laws(rates[0], multipliers[0]), hold_law(rates[0])),
        (
            twice,
            other_sign(model, inputs, output),
            euler_twin(rates[0]),
            *softmax_twins(rates[0], multipliers[0], steps),
        ),
        input_degree=1,
        real_spectrum=False,
    )
