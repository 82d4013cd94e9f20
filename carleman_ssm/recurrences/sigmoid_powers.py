r"""The softplus gate in one sigmoid: $e^{-(n+1)\,\mathrm{softplus}(v)} = \sigma(-v)^{n+1}$.

With $\Delta = \ln(1 + e^v)$ and the rates $a_n = -(n+1)$ of Mamba's initialisation every multiplier of a step is a
power of the one number $s = \sigma(-v)$, and so is the coefficient with which a zero-order hold drives,
$(1 - s^{n+1})/(n+1)$. Euler's factor $\Delta = -\ln s$ is no polynomial in s: it stays a letter beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import VaryingDiagonal
from carleman_ssm.recurrences.clock import REFERENCE
from carleman_ssm.theory.polynomials import exact, exact_entries, exact_without, require_integer

ARGUMENT = sp.Symbol("v")
TIME = sp.Symbol("Delta")


def softplus(v: sp.Expr) -> sp.Expr:
    r"""$\ln(1 + e^v)$."""
    return sp.log(1 + sp.exp(exact(v, "the argument of softplus")))


def logistic(v: sp.Expr) -> sp.Expr:
    r"""$\sigma(v) = 1/(1 + e^{-v})$."""
    return 1 / (1 + sp.exp(-exact(v, "the argument of the sigmoid")))


def sigmoid_powers(states: int, v: sp.Expr = ARGUMENT) -> ClosedForm:
    r"""$e^{\Delta A} = \mathrm{diag}(s, s^2, \dots, s^N)$ for $\Delta = \mathrm{softplus}(v)$, $a_n = -(n+1)$.

    Parameters
    ----------
    states
        N.
    v
        What enters softplus.

    Returns
    -------
    ClosedForm
        Of the column of multipliers, in $s = \sigma(-v)$. Certificates: each power is $e^{-(n+1)\Delta}$;
        $1 - \sigma(v) = \sigma(-v)$; and $\Delta' = \sigma(v)$, so that the gate moves with the sigmoid.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer, v is not exact, or it contains a letter s.

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> sigmoid_powers(2).expression
    Matrix([
    [   s],
    [s**2]])
    """
    s = sp.Symbol("s")
    count, argument = require_integer(states, "the number of states", least=1), exact_without(v, "the argument", s)
    column = sp.ImmutableMatrix([s ** (n + 1) for n in range(count)])
    where = {s: logistic(-argument)}
    certificates = (
        *sigmoid_laws(count, argument),
        Identity(
            1 - logistic(argument),
            logistic(-argument),
            name="the sigmoid of the opposite argument",
            because=r"$1 - 1/(1 + e^{-v}) = 1/(1 + e^v)$",
            nonzero=(1 + sp.exp(argument), 1 + sp.exp(-argument)),
        ),
        Identity(
            sp.Derivative(softplus(ARGUMENT), ARGUMENT),
            logistic(ARGUMENT),
            name="the slope of softplus",
            because=r"$\frac{d}{dv} \ln(1 + e^v) = e^v/(1 + e^v)$",
            nonzero=(1 + sp.exp(ARGUMENT), 1 + sp.exp(-ARGUMENT)),
        ),
    )
    free = tuple(sorted(argument.free_symbols, key=str))
    return ClosedForm(sp.Symbol("Lambda"), column, free, where, certificates, REFERENCE)


def sigmoid_laws(states: int, v: sp.Expr = ARGUMENT) -> tuple[Identity, ...]:
    r"""For every $n < N$: the multiplier is $s^{n+1}$, and what a hold drives with $(1 - s^{n+1})/(n+1)$.

    Here $s = 1 - \sigma(v)$, which is $\sigma(-v)$.
    """
    s, delta, defined = 1 - logistic(v), softplus(v), (1 + sp.exp(v), 1 + sp.exp(-v))
    powers = (
        Identity(
            s ** (n + 1),
            sp.exp(-(n + 1) * delta),
            name=f"multiplier {n} is a power of one sigmoid",
            because=r"$e^{-\ln(1 + e^v)} = 1/(1 + e^v) = 1 - \sigma(v)$",
            nonzero=defined,
            sizes=f"n = {n}",
        )
        for n in range(states)
    )
    holds = (
        Identity(
            (1 - s ** (n + 1)) / (n + 1),
            _held(n, delta),
            name=f"hold of mode {n} in powers of one sigmoid",
            because=r"$\int_0^\Delta e^{-(n+1)t}\,dt$ and $e^{-(n+1)\Delta} = s^{n+1}$",
            nonzero=defined,
            sizes=f"n = {n}",
        )
        for n in range(states)
    )
    return (*powers, *holds)


def _held(n: int | sp.Symbol, delta: sp.Expr) -> sp.Expr:
    return (1 - sp.exp(-(n + 1) * delta)) / (n + 1)


def hold_certificates(n: int | sp.Symbol) -> tuple[Identity, Identity]:
    r"""$\int_0^\Delta e^{-(n+1)t}\,dt$, $n \ge 0$, is the function of this slope that vanishes at $\Delta = 0$."""
    return (
        Identity(sp.Derivative(_held(n, TIME), TIME), sp.exp(-(n + 1) * TIME), name=f"slope of the hold of mode {n}"),
        Identity(_held(n, sp.S.Zero), sp.S.Zero, name=f"no hold in no time, mode {n}"),
    )


def held_recurrence(sigmoids: Sequence[sp.Expr], inputs: Sequence[Sequence[sp.Expr]]) -> VaryingDiagonal:
    r"""Zero-order hold with $a_n = -(n+1)$: a recurrence whose coefficients are polynomials in one sigmoid per step.

    Parameters
    ----------
    sigmoids
        $s_k = \sigma(-v_k)$, L expressions.
    inputs
        $B_{k,n} u_k$, L sequences of N.

    Returns
    -------
    VaryingDiagonal
        $x_{k,n} = s_k^{n+1} x_{k-1,n} + \frac{1 - s_k^{n+1}}{n+1} B_{k,n} u_k$.

    Raises
    ------
    TypeError, ValueError
        Lengths that do not fit, or entries that are not exact.

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> s, t, u, v = sp.symbols("s t u v")
    >>> sp.expand(held_recurrence((s, t), ((u,), (v,))).state(2)[0])
    -s*t*u + t*u - t*v + v
    """
    values = exact_entries(sigmoids, "sigmoids")
    rows = [exact_entries(row, f"the inputs of step {k}") for k, row in enumerate(inputs, start=1)]
    if len(values) != len(rows):
        msg = f"one sigmoid for each step: got {len(values)} sigmoids and {len(rows)} steps of inputs"
        raise ValueError(msg)
    multipliers = tuple(tuple(s ** (n + 1) for n in range(len(row))) for s, row in zip(values, rows, strict=True))
    drives = tuple(
        sp.ImmutableMatrix([(1 - s ** (n + 1)) / (n + 1) * value for n, value in enumerate(row)])
        for s, row in zip(values, rows, strict=True)
    )
    return VaryingDiagonal(multipliers, drives)


def selective_degree(n: int, steps: int, degree: int, *, drive: int = 2, hold: bool = False) -> int:
    r"""Degree in the inputs of $x_{L,n}$ when s and $\Delta$ are polynomials of degree Q in the inputs.

    The oldest input counts most: L − 1 multipliers of degree $Q(n+1)$, and its drive. Under Euler's rule that is
    $Q + d$ with $d$ the degree of $B(u)u$; under a hold $Q(n+1) + d$. So there is no Volterra model of a fixed order.

    Parameters
    ----------
    n, steps, degree
        The mode, from 0; L; Q.
    drive
        d: 2 for $B(u)u$ with B affine, 1 for a B that does not select.
    hold
        Zero-order hold instead of Euler's rule.

    Raises
    ------
    TypeError, ValueError
        A number that is no count, or L = 0.

    References
    ----------
    THEORY T19: $\sim LQ(n+1)$.

    Examples
    --------
    >>> selective_degree(3, steps=80, degree=8)
    2538
    """
    whole = [require_integer(x, what, least=0) for x, what in ((n, "the mode n"), (degree, "Q"), (drive, "d"))]
    mode, q, own = whole
    multipliers = require_integer(steps, "the number of steps", least=1) - 1
    return multipliers * q * (mode + 1) + (q * (mode + 1) if hold else q) + own
