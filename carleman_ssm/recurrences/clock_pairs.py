r"""Selective models with complex rates store one of each conjugate pair and read $2\,\mathrm{Re}$ of the rest.

Mamba with a complex A: $\Delta_k$ and $x_k$ are real, $A_n$, $B_{k,n}$, $C_{k,n}$ complex,
$y_k = 2\,\mathrm{Re} \sum_n C_{k,n} h_{k,n}$. The conjugates $\bar h$ run on the same clock with the rates $\bar A$.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import step_symbols
from carleman_ssm.recurrences.clock import Clock
from carleman_ssm.theory.polynomials import require_integer

Map = Callable[[sp.Expr], sp.Expr]


def paired_output(states: int = 1, steps: int = 2) -> tuple[Identity, tuple[Identity, ...]]:
    r"""$2\,\mathrm{Re}$ of the stored modes is the output of all modes; two false twins.

    Parameters
    ----------
    states, steps
        N stored modes, L.

    Returns
    -------
    tuple
        The law: twice the real part of what is read from the closed form of N stored modes is the readout of the
        recurrence of all 2N modes. The twins: the conjugates dropped, and for L > 1 (the first step meets a state at
        rest, and no rate) the rates conjugated while C stays.

    Raises
    ------
    TypeError, ValueError
        N or L is no positive integer.

    References
    ----------
    THEORY T19, T5.
    """
    count = require_integer(states, "the number of states", least=1)
    last = require_integer(steps, "the number of steps", least=1)
    stored = _read(count, last, (lambda value: value,))
    every = _read(count, last, (lambda value: value, sp.conjugate), closed=False)
    mirrored = _read(count, last, (lambda value: value,), rates=sp.conjugate)
    law = Identity(
        stored + sp.conjugate(stored),
        every,
        name="twice the real part of the stored modes",
        because=r"for real $\Delta_k$ and $x_k$ the conjugate modes carry the conjugate state",
    )
    dropped = Identity(2 * stored, every, name="the conjugate modes are dropped")
    sign = Identity(mirrored + sp.conjugate(mirrored), every, name="+i for -i in the rates alone")
    return law, (dropped, sign) if last > 1 else (dropped,)


def _read(
    states: int, steps: int, copies: Sequence[Map], *, rates: Map = lambda value: value, closed: bool = True
) -> sp.Expr:
    """The last output of the modes and of what the maps make of them, from rest."""
    a, c = sp.symbols(f"A_:{states}"), sp.symbols(f"C_{steps}_:{states}")
    b = step_symbols("B", steps, states)
    increments, x = (step_symbols(stem, steps, real=True) for stem in ("Delta", "x"))
    clock = Clock(tuple(rates(copy(value)) for copy in copies for value in a), increments)
    drives = [
        [d * copy(value) * u for copy in copies for value in row] for d, row, u in zip(increments, b, x, strict=True)
    ]
    recurrence = clock.recurrence(drives)
    state = recurrence.state(steps) if closed else recurrence.recurred_state(steps)
    weights = [copy(value) for copy in copies for value in c]
    return sp.Add(*(weight * h for weight, h in zip(weights, state, strict=True)))
