r"""Decay and input weight of RG-LRU as one point of the unit circle: $a_k^2 + \beta_k^2 = 1$.

The root $\beta = \sqrt{1 - a^2}$ is no polynomial in a, but with one letter t per step both are rational,
$a = (1 - t^2)/(1 + t^2)$ and $\beta = 2t/(1 + t^2)$, and the recurrence is polynomial after clearing denominators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import VaryingDiagonal, Vector, step_symbols


def on_circle(t: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    r"""$a = (1 - t^2)/(1 + t^2)$ and $\beta = 2t/(1 + t^2)$; $t = \sqrt{(1 - a)/(1 + a)}$ for $-1 < a \le 1$."""
    return (1 - t**2) / (1 + t**2), 2 * t / (1 + t**2)


def circle_laws(states: int, steps: int) -> Iterator[Identity]:
    """What holds on the circle: its equation, the bound of a step, the polynomial form of all L steps."""
    h, x, t = sp.symbols("h x t")
    decay, root = on_circle(t)
    yield Identity(
        decay**2 + root**2,
        sp.S.One,
        name="decay and root lie on the unit circle",
        because=r"$(1 - t^2)^2 + 4t^2 = (1 + t^2)^2$",
        nonzero=(1 + t**2,),
    )
    yield Identity(
        (decay * h + root * x) ** 2 + (root * h - decay * x) ** 2,
        h**2 + x**2,
        name="a step is half of a rotation of state and input",
        because=r"so $h_k^2 \le h_{k-1}^2 + x_k^2$ for real letters",
        nonzero=(1 + t**2,),
    )
    yield _cleared_circle(states, steps)


def _cleared_circle(states: int, steps: int) -> Identity:
    letters, inputs = (step_symbols(stem, steps, states) for stem in ("t", "x"))
    pairs = [tuple(map(on_circle, row)) for row in letters]
    drives = tuple(
        tuple(root * x for (_, root), x in zip(*row, strict=True)) for row in zip(pairs, inputs, strict=True)
    )
    rational = VaryingDiagonal(tuple(tuple(decay for decay, _ in row) for row in pairs), drives)
    state, cleared = [sp.S.Zero] * states, [sp.S.One] * states
    for row, entries in zip(letters, inputs, strict=True):
        driven = [2 * t * done * x for t, done, x in zip(row, cleared, entries, strict=True)]
        state = [(1 - t**2) * h + drive for t, h, drive in zip(row, state, driven, strict=True)]
        cleared = [done * (1 + t**2) for done, t in zip(cleared, row, strict=True)]
    return Identity(
        sp.ImmutableMatrix(by_entry(cleared, list(rational.state(steps)))),
        sp.ImmutableMatrix(state),
        name="the state after clearing denominators is a polynomial in the letters",
        because=r"$\hat h_k = (1 - t_k^2) \hat h_{k-1} + 2 t_k (1 + t_{k-1}^2) \cdots (1 + t_1^2)\, x_k$",
        nonzero=tuple(1 + t**2 for row in letters for t in row),
    )


def by_entry(left: Sequence[sp.Expr], right: Sequence[sp.Expr]) -> Vector:
    """Entry by entry."""
    return tuple(a * b for a, b in zip(left, right, strict=True))
