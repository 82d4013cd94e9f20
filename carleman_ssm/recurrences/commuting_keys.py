r"""When two steps of the delta rule commute: keys that are orthogonal or parallel, and no others.

$$[\kappa\kappa^\top, \eta\eta^\top] = (\kappa \cdot \eta)(\kappa\eta^\top - \eta\kappa^\top) .$$
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import Vector


def commutation_laws(kappa: sp.ImmutableMatrix, eta: sp.ImmutableMatrix) -> tuple[Identity, ...]:
    r"""Which keys commute: the commutator, and its norm, which vanishes iff they are orthogonal or parallel.

    $\|[\kappa\kappa^\top, \eta\eta^\top]\|_F^2 = 2 (\kappa\cdot\eta)^2 (|\kappa|^2 |\eta|^2 - (\kappa\cdot\eta)^2)$:
    for real keys the last factor is zero only if they are parallel (Cauchy–Schwarz).
    """
    outer, other = kappa * kappa.T, eta * eta.T
    commutator, product = outer * other - other * outer, dot(kappa, eta)
    return (
        Identity(
            commutator,
            product * (kappa * eta.T - eta * kappa.T),
            name="commutator of two keys",
            because=r"$\kappa\kappa^\top \eta\eta^\top = (\kappa \cdot \eta)\, \kappa\eta^\top$",
        ),
        Identity(
            sp.Add(*(entry**2 for entry in commutator)),
            2 * product**2 * (dot(kappa, kappa) * dot(eta, eta) - product**2),
            name="two keys commute only if orthogonal or parallel",
            because=r"Lagrange's identity for $\kappa\eta^\top - \eta\kappa^\top$",
        ),
    )


def clock_laws(
    kappa: sp.ImmutableMatrix, direction: sp.ImmutableMatrix, strengths: tuple[sp.Expr, sp.Expr]
) -> tuple[Identity, ...]:
    r"""Where a clock exists after all: equal keys, and orthogonal keys; and which steps have no time at all.

    Equal keys with $|\kappa|^2 \beta_i = 1 - e^{-\tau_i}$: every step is $\exp(-\tau_i P)$ with the projector
    $P = \kappa\kappa^\top / |\kappa|^2$, and the times add. Orthogonal keys
    ($\eta = |\kappa|^2 p - (\kappa \cdot p) \kappa$ for any direction p): the exponents add.

    Either needs that each step is an exponential, $e^{-\tau} = 1 - \beta |\kappa|^2$, which is the determinant of the
    step: $\tau$ is finite and real for $\beta |\kappa|^2 < 1$. A step with $\beta |\kappa|^2 = 1$ is singular and no
    exponential at all; one with $\beta |\kappa|^2 > 1$ reflects, and $\tau$ is complex.
    """
    size, one = dot(kappa, kappa), sp.eye(kappa.rows)
    tau = sp.symbols("tau_1 tau_2")
    outer = kappa * kappa.T
    held = [one - (1 - sp.exp(-t)) / size * outer for t in tau]
    eta = size * direction - dot(kappa, direction) * kappa
    first, second = one - strengths[0] * outer, one - strengths[1] * eta * eta.T
    return (
        Identity(
            first.det(method="berkowitz"),
            1 - strengths[0] * size,
            name="determinant of a step",
            because=r"$\kappa$ is an eigenvector to $1 - \beta |\kappa|^2$, and what lies across it stays",
        ),
        Identity(
            held[1] * held[0],
            one - (1 - sp.exp(-tau[0] - tau[1])) / size * outer,
            name="equal keys have a clock",
            because=r"$P^2 = P$, so $\exp(-\tau P) = 1 - (1 - e^{-\tau}) P$",
            nonzero=(size,),
        ),
        Identity(
            second * first,
            one - strengths[0] * outer - strengths[1] * eta * eta.T,
            name="orthogonal keys have a clock",
            because=r"$\kappa \cdot \eta = 0$: the steps commute and act on different directions",
        ),
    )


def dot(left: sp.ImmutableMatrix, right: sp.ImmutableMatrix) -> sp.Expr:
    r"""$\kappa \cdot \eta = \kappa^\top \eta$, not conjugated."""
    return sp.Add(*(a * b for a, b in zip(left, right, strict=True)))


def column(entries: Vector) -> sp.ImmutableMatrix:
    """The entries as one column."""
    return sp.ImmutableMatrix(len(entries), 1, list(entries))
