r"""How an input drives a selective state: a zero-order hold, exact in the time of the clock, and Euler's rule.

$\dot x = Ax + w$ with a constant w for the time $\Delta$ adds $\Delta\,\varphi_1(a\Delta)\,w$ to $e^{a\Delta} x$, where
$\Delta\,\varphi_1(a\Delta) = (e^{a\Delta} - 1)/a$: the hold. Mamba adds $\Delta w$ instead. Under a hold the clock is
time itself: two steps with one input are one step of their summed length. Under Euler's rule they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import Vector
from carleman_ssm.recurrences.clock import Clock
from carleman_ssm.theory.polynomials import exact_entries

Gain = Callable[[sp.Expr, sp.Expr], sp.Expr]
"""(rate, increment) to the factor of the input."""

RATE, INPUT = sp.symbols("a w")
FIRST, SECOND, TIME = sp.symbols("Delta_1 Delta_2 t")


def held_gain(rate: sp.Expr, increment: sp.Expr) -> sp.Expr:
    r"""$\int_0^\Delta e^{at}\,dt = \Delta\,\varphi_1(a\Delta)$; $\Delta$ for a = 0.

    Examples
    --------
    >>> held_gain(sp.S.Zero, sp.Symbol("Delta")), held_gain(sp.Symbol("a"), sp.Symbol("Delta"))
    (Delta, Delta*phi(1, Delta*a))
    """
    return increment * phi(1, rate * increment)


def euler_gain(_rate: sp.Expr, increment: sp.Expr) -> sp.Expr:
    r"""$\Delta$, whatever the rate."""
    return increment


def clock_drives(clock: Clock, inputs: Sequence[Sequence[sp.Expr]], gain: Gain = held_gain) -> tuple[Vector, ...]:
    r"""$B_k$ of a clock: the factor of each rate and increment times what enters, $w_{k,n} = B_{k,n} u_k$.

    Parameters
    ----------
    clock
        Rates and increments.
    inputs
        $w_{k,n}$, L sequences of N.
    gain
        `held_gain` or `euler_gain`.

    Returns
    -------
    tuple
        L rows of N drives for `Clock.recurrence`.

    Raises
    ------
    TypeError, ValueError
        Sizes that do not fit, or entries that are not exact.

    Examples
    --------
    >>> a, d, w = sp.symbols("a Delta w")
    >>> clock_drives(Clock((a,), (d,)), ((w,),), euler_gain)
    ((Delta*w,),)
    """
    rows = [exact_entries(row, f"the inputs of step {k}") for k, row in enumerate(inputs, start=1)]
    if [len(row) for row in rows] != [clock.states] * clock.steps:
        msg = (
            f"a clock of {clock.steps} steps and {clock.states} rates has as many inputs, got {[len(r) for r in rows]}"
        )
        raise ValueError(msg)
    found = []
    for row, increments in zip(rows, clock.increments, strict=True):
        each = increments * clock.states if clock.shared else increments
        found.append(tuple(gain(a, d) * w for a, d, w in zip(clock.rates, each, row, strict=True)))
    return tuple(found)


def hold_laws() -> tuple[Identity, ...]:
    r"""The hold solves $\dot x = ax + w$, vanishes in no time, and splitting a step changes nothing.

    References
    ----------
    THEORY T19, T4.
    """
    return (
        equation_of_motion(held_gain, RATE, TIME, INPUT),
        Identity(
            sp.Subs(held_gain(RATE, TIME) * INPUT, TIME, 0), sp.S.Zero, name="no hold in no time", because="its factor"
        ),
        split_step(held_gain),
    )


def equation_of_motion(gain: Gain, rate: sp.Expr, time: sp.Symbol, drive: sp.Expr | int = 1) -> Identity:
    r"""$x(t) = \mathrm{gain}(a, t)\, w$ solves $\dot x = ax + w$: true of the hold, false of Euler's rule.

    Parameters
    ----------
    gain
        `held_gain` or `euler_gain`; both vanish at t = 0.
    rate, time, drive
        a, t and w; t does not occur in the others.

    References
    ----------
    THEORY T4.
    """
    state = gain(rate, time) * drive
    return Identity(
        sp.Derivative(state, time),
        rate * state + drive,
        name="the hold solves the equation of motion",
        because=r"$\frac{d}{dt} \int_0^t e^{as}\,ds = e^{at} = a \int_0^t e^{as}\,ds + 1$",
    )


def split_step(gain: Gain) -> Identity:
    """Two steps with one input are one of their summed length: true of the hold, false of Euler's rule."""
    return Identity(
        sp.exp(RATE * SECOND) * gain(RATE, FIRST) * INPUT + gain(RATE, SECOND) * INPUT,
        gain(RATE, FIRST + SECOND) * INPUT,
        name="two steps with one input are one longer step",
        because=r"$e^{a\Delta_2} \int_0^{\Delta_1} e^{at}\,dt = \int_{\Delta_2}^{\Delta_1 + \Delta_2} e^{at}\,dt$",
    )
