r"""What an S4 block adds to a pair of modes: the bilinear rule in steps, real modes, copies of A and B for channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.pair_laws import FEEDTHROUGH, STEP, diagonal_recurrence
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold

COPIES, CHANNELS = 2, 4
"""Of the layer whose tiling is stated: two channels for each copy."""


def implicit_steps_law(pairs: DiagonalSSM, inputs: Sequence[sp.Expr]) -> Identity:
    r"""The modes under the bilinear rule after the last step, from the closed form and from L implicit steps."""
    model = bilinear_transform(pairs, STEP)
    state = [sp.S.Zero] * len(pairs.eigenvalues)
    for u in inputs:
        modes = zip(pairs.eigenvalues, pairs.input_vector, state, strict=True)
        state = [(x + STEP * (rate * x / 2 + drive * u)) / (1 - rate * STEP / 2) for rate, drive, x in modes]
    return Identity(
        diagonal_recurrence(model, inputs).state(len(inputs)),
        sp.ImmutableMatrix(state),
        name="the modes of the bilinear rule solve its implicit steps",
        because=r"$(1 - a\Delta/2)\, x_k = (1 + a\Delta/2)\, x_{k-1} + \Delta B u_k$, step by step",
    )


def real_modes_law(states: int, inputs: Sequence[sp.Expr], factor: int = 2) -> Identity:
    """Stored modes that are real are doubled as complex ones are; with ``factor=1`` they are not, which is false."""
    stems = ("lambda", "bbar", "c")
    multipliers, gains, readout = (tuple(sp.Symbol(f"{stem}_{n}", real=True) for n in range(states)) for stem in stems)
    model = DiscreteSSM(multipliers, gains, readout, FEEDTHROUGH, conjugate_pairs=True)
    state = diagonal_recurrence(model, inputs).state(len(inputs))
    read = [factor * c * x for c, x in zip(readout, state, strict=True)]
    return Identity(
        model.readout(tuple(state), inputs[-1]),
        sp.Add(*read, FEEDTHROUGH * inputs[-1]),
        name="real modes are read twice" if factor == 2 else "twin: real modes are read once",
        because=r"$2\,\mathrm{Re}\,c x = 2 c x$: the factor stays when A, B and C are real",
    )


def copies_law(inputs: Sequence[sp.Expr], copy_of: Callable[[int], int] | None = None) -> Identity:
    r"""Four channels of one mode share two copies of A and B, with steps and readouts of their own.

    The layer stacks S copies H/S times, $(\mathbf{1} \otimes I)\,A$; each channel alone is a mode with the copy that
    `copy_of` gives. By default that is $h \bmod S$; another rule is false.
    """
    rates, drives, readouts, steps = (
        sp.symbols(f"{stem}_:{count}", **assumed)
        for stem, count, assumed in (
            ("a", COPIES, {}),
            ("B", COPIES, {}),
            ("c", CHANNELS, {}),
            ("Delta", CHANNELS, {"positive": True}),
        )
    )
    tiling = sp.kronecker_product(sp.ones(CHANNELS // COPIES, 1), sp.eye(COPIES))
    stacked = [tuple(tiling * sp.Matrix(stored)) for stored in (rates, drives)]
    of = copy_of or (lambda channel: channel % COPIES)
    alone = [(rates[of(h)], drives[of(h)]) for h in range(CHANNELS)]
    layer, single = (
        [_channel(rate, drive, c, step, inputs) for (rate, drive), c, step in zip(modes, readouts, steps, strict=True)]
        for modes in (list(zip(*stacked, strict=True)), alone)
    )
    return Identity(
        sp.Matrix([closed for closed, _ in layer]),
        sp.Matrix([recurred for _, recurred in single]),
        name="twin: neighbouring channels share a copy" if copy_of else "channel h has copy h mod S",
        because=r"the copies are stacked, $(\mathbf{1} \otimes I)\,A$",
    )


def _channel(
    rate: sp.Expr, drive: sp.Expr, readout: sp.Expr, step: sp.Expr, inputs: Sequence[sp.Expr]
) -> tuple[sp.Expr, sp.Expr]:
    """The output of one channel of one held mode, from the closed form and from the recurrence."""
    model = zero_order_hold(DiagonalSSM((rate,), (drive,), (readout,), sp.S.Zero, conjugate_pairs=True), step)
    recurrence, last = diagonal_recurrence(model, inputs), len(inputs)
    closed, recurred = recurrence.state(last), recurrence.recurred_state(last)
    return model.readout(tuple(closed), inputs[-1]), model.readout(tuple(recurred), inputs[-1])
