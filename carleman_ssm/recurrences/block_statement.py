r"""The statement of the S4 block in diagonal mode, for each of its rules of discretisation."""

from __future__ import annotations

from typing import Literal, get_args

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.block_laws import copies_law, implicit_steps_law, real_modes_law
from carleman_ssm.recurrences.pair_laws import (
    FEEDTHROUGH,
    STEP,
    bilinear_law,
    convolution_law,
    doubled_law,
    dropped_conjugate,
    euler_twin,
    flipped_bilinear,
    gauge_law,
    hold_law,
    other_sign,
    two_sided_law,
)
from carleman_ssm.recurrences.pair_letters import input_letters, mode_letters, pair_output
from carleman_ssm.recurrences.softmax_laws import EPSILON, bounded_input, softmax_laws, softmax_twins
from carleman_ssm.recurrences.statement import FamilyStatement
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold

Rule = Literal["zoh", "bilinear", "dss"]


def s4_block_statement(states: int = 2, steps: int = 3, disc: Rule = "zoh") -> FamilyStatement:
    r"""The S4 block before its activation: $A = -\alpha - i\omega$, a trained B, and one rule of discretisation.

    Parameters
    ----------
    states, steps
        As in `s4d_statement`.
    disc
        ``"zoh"``; ``"bilinear"``; or ``"dss"``: $1\,\mathrm{Re}$, and the inputs of `softmax_laws.bounded_input` for
        modes that decay.

    Returns
    -------
    FamilyStatement
        Laws beyond those of S4D: B and the sign fold into $c' = \overline{c B}$; the bilinear rule, and the modes
        under it; two directions; real modes; copies. Under ``"dss"`` those of `softmax_laws` as well. A twin to each.

    Raises
    ------
    TypeError, ValueError
        As in `s4d_statement`; an unknown rule.

    References
    ----------
    THEORY T1′ (gauge), T10; Gu et al. (2022), S4D, eq. 3.
    """
    inputs, pairs = input_letters(steps), _pairs(states)
    stored = _sampled(pairs, disc, steps)
    recurrence, output = pair_output(stored, inputs, "derivations/12_time_invariant_families")
    model, rate = stored.named()[0], pairs.eigenvalues[0]
    multipliers, gains = mode_letters("lambda", states), mode_letters("bbar", states)
    softmax = ((), ()) if disc != "dss" else _softmax(rate, multipliers[0], steps)
    return FamilyStatement(
        "s4-block",
        recurrence,
        output,
        (
            convolution_law(model, inputs, output),
            doubled_law(model, inputs, output),
            hold_law(rate),
            gauge_law(multipliers, gains, pairs.input_vector, pairs.output_vector, inputs),
            *bilinear_law(),
            implicit_steps_law(pairs, inputs),
            two_sided_law(inputs, shift=1),
            real_modes_law(states, inputs),
            copies_law(inputs),
            *softmax[0],
        ),
        (
            dropped_conjugate(model, inputs, output),
            euler_twin(rate),
            other_sign(model, inputs, output),
            flipped_bilinear(),
            two_sided_law(inputs, shift=0),
            real_modes_law(states, inputs, factor=1),
            copies_law(inputs, lambda channel: channel // 2),
            *softmax[1],
        ),
        input_degree=1,
        real_spectrum=False,
    )


def _pairs(states: int) -> DiagonalSSM:
    decays, frequencies = mode_letters("alpha", states, positive=True), mode_letters("omega", states, real=True)
    rates = tuple(-decay - sp.I * frequency for decay, frequency in zip(decays, frequencies, strict=True))
    return DiagonalSSM(rates, mode_letters("B", states), mode_letters("c", states), FEEDTHROUGH, conjugate_pairs=True)


def _sampled(pairs: DiagonalSSM, disc: Rule, steps: int) -> DiscreteSSM:
    if disc not in get_args(Rule):
        msg = f"disc: expected one of {', '.join(get_args(Rule))}, got {disc!r}"
        raise ValueError(msg)
    if disc == "bilinear":
        return bilinear_transform(pairs, STEP)
    held = zero_order_hold(pairs, STEP)
    if disc == "zoh":
        return held
    modes = zip(pairs.eigenvalues, held.multipliers, pairs.input_vector, strict=True)
    gains = tuple(drive * bounded_input(rate, multiplier, steps, EPSILON) for rate, multiplier, drive in modes)
    halves = tuple(readout / 2 for readout in pairs.output_vector)
    return DiscreteSSM(held.multipliers, gains, halves, FEEDTHROUGH, conjugate_pairs=True)


def _softmax(rate: sp.Expr, multiplier: sp.Expr, steps: int) -> tuple[tuple[Identity, ...], tuple[Identity, ...]]:
    return softmax_laws(rate, multiplier), softmax_twins(rate, multiplier, steps)
