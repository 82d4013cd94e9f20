r"""Decay and input weight of RG-LRU as one point of the unit circle: $a_k^2 + \beta_k^2 = 1$.

The root $\beta = \sqrt{1 - a^2}$ is no polynomial in a, but with one letter t per step both are rational,
$a = (1 - t^2)/(1 + t^2)$ and $\beta = 2t/(1 + t^2)$, and the recurrence is polynomial after clearing denominators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import VaryingDiagonal, Vector, step_symbols
from carleman_ssm.theory.polynomials import require_integer


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
    )
    yield Identity(
        (decay * h + root * x) ** 2 + (root * h - decay * x) ** 2,
        h**2 + x**2,
        name="a step is half of a rotation of state and input",
        because=r"so $h_k^2 \le h_{k-1}^2 + x_k^2$",
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
    )


def square_root_error(degree: int) -> sp.Expr:
    r"""Largest error on [0, 1] of the Chebyshev series of $\sqrt{1 - a^2}$ cut after degree Q: $2/(\pi (2K + 1))$.

    $\sqrt{1 - a^2} = \frac{2}{\pi} - \frac{4}{\pi} \sum_{m \ge 1} T_{2m}(a)/(4m^2 - 1)$; with $K = \lfloor Q/2 \rfloor$
    the rest is largest at a = 1, where every $T_{2m}$ is 1 and the sum telescopes,
    $\sum_{m > K} 1/(4m^2 - 1) = 1/(2(2K + 1))$. The root meets $a = 1$ with an infinite slope, so a lift that is
    polynomial in the decay gains only one digit for a tenfold degree; with β as a letter of its own it is exact.

    Examples
    --------
    >>> square_root_error(8)
    2/(9*pi)
    """
    half = require_integer(degree, "the degree", least=0) // 2
    return 2 / (sp.pi * (2 * half + 1))


def by_entry(left: Sequence[sp.Expr], right: Sequence[sp.Expr]) -> Vector:
    """Entry by entry."""
    return tuple(a * b for a, b in zip(left, right, strict=True))
