r"""Letters and outputs that the statements of the diagonal time-invariant families have in common."""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.recurrences.affine import InvariantDiagonal, step_symbols
from carleman_ssm.recurrences.pair_laws import diagonal_recurrence
from carleman_ssm.recurrences.statement import read_output
from carleman_ssm.theory.polynomials import require_count
from carleman_ssm.theory.ssm import DiscreteSSM


def positive_count(count: int, what: str) -> int:
    """The count itself.

    Raises
    ------
    TypeError, ValueError
        It is no whole number, or below 1.
    """
    if require_count(count, f"the number of {what}") == 0:
        msg = f"a statement needs at least one of its {what}"
        raise ValueError(msg)
    return count


def input_letters(steps: int) -> tuple[sp.Expr, ...]:
    """Real $u_1, …, u_L$.

    Raises
    ------
    TypeError, ValueError
        As in `positive_count`.
    """
    return tuple(step_symbols("u", positive_count(steps, "steps"), real=True))


def mode_letters(stem: str, count: int, **assumptions: bool) -> tuple[sp.Symbol, ...]:
    """One letter for each mode, counted from 0.

    Raises
    ------
    TypeError, ValueError
        As in `positive_count`.
    """
    return tuple(sp.Symbol(f"{stem}_{n}", **assumptions) for n in range(positive_count(count, "states")))


def pair_output(
    stored: DiscreteSSM, inputs: tuple[sp.Expr, ...], reference: str
) -> tuple[InvariantDiagonal, ClosedForm]:
    """The recurrence of stored pairs in named letters, and the output after the last step.

    Parameters
    ----------
    stored
        The sampled model; compound entries get letters, whose definitions are the `where` of the output.
    inputs
        One for each step.
    reference
        Of the output.
    """
    model, where = stored.named()
    recurrence = diagonal_recurrence(model, inputs)
    output = read_output(
        recurrence,
        lambda state: model.readout(tuple(state), inputs[-1]),
        symbol=sp.Symbol(f"y_{len(inputs)}"),
        reference=reference,
        where=where,
        arguments=(*stored.parameters, *inputs),
    )
    return recurrence, output
