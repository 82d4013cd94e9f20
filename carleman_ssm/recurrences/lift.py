r"""The lift and the collapse, written once for every affine recurrence.

Lifting $x \mapsto Ax + \xi$ to the monomials $X = (x^\alpha)_{|\alpha| \le P}$ represents the affine group:
$T(\xi)$ lifts the translation, $S(A)$ the linear map. Three relations hold for all matrices, commuting or not,

$$T(\xi) T(\eta) = T(\xi + \eta), \qquad S(A) T(\xi) = T(A\xi) S(A), \qquad S(A) S(A') = S(AA'),$$

and the ordered product of lifted steps collapses to one displacement after one lifted linear map:

$$\prod_{i=k}^{1} T(b_i) S(A_i) = T(\xi_k)\, S(A_k \cdots A_1), \qquad \xi_k = \sum_{j \le k} A_k \cdots A_{j+1} b_j$$

(T12; T19 for what a family knows of $A_k \cdots A_1$). A matrix state is lifted entry by entry, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import AffineRecurrence
from carleman_ssm.theory.affine_lift import affine_representation, column
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.layer_matrices import carleman_matrix
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomial_maps import PolynomialMap
from carleman_ssm.theory.polynomials import require_count, require_kind

MAX_MONOMIALS = 200
"""Lifts of more monomials are not written out: use the state's closed form, which needs no lift."""


def lift_size(entries: int, degree: int) -> int:
    r"""$\binom{n + P}{P}$: the number of monomials of degree at most P in n entries of the state.

    Examples
    --------
    >>> lift_size(32, 2)
    561
    """
    return comb(require_count(entries, "the number of entries") + require_count(degree, "the degree"), degree)


def lift_of_affine_map(matrix: sp.MatrixBase, shift: Sequence[sp.Expr], degree: int) -> sp.ImmutableMatrix:
    r"""$T(\xi) S(A)$, the matrix of $x \mapsto Ax + \xi$ on the monomials of degree at most P.

    Parameters
    ----------
    matrix
        A, shape (n, n), exact.
    shift
        $\xi$, n entries.
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        $\binom{n+P}{P}$ square, block lower triangular in the graded order.

    Raises
    ------
    ValueError
        More than 200 monomials, or shapes that do not fit.

    References
    ----------
    THEORY T12.

    Examples
    --------
    >>> a, xi = sp.symbols("a xi")
    >>> lift_of_affine_map(sp.Matrix([[a]]), [xi], 2)
    Matrix([
    [    1,      0,    0],
    [   xi,      a,    0],
    [xi**2, 2*a*xi, a**2]])
    """
    require_kind(matrix, sp.MatrixBase, "the matrix")
    entries = len(shift)
    if matrix.shape != (entries, entries):
        msg = f"a shift of {entries} entries needs a matrix of shape {(entries, entries)}, got {matrix.shape}"
        raise ValueError(msg)
    if lift_size(entries, degree) > MAX_MONOMIALS:
        msg = (
            f"the lift of {entries} entries to degree {degree} has {lift_size(entries, degree)} monomials, more than "
            f"{MAX_MONOMIALS}: use the closed form of the state, which needs no lift"
        )
        raise ValueError(msg)
    if matrix.is_diagonal():
        return affine_representation(list(matrix.diagonal()), list(shift), degree)
    x = tuple(sp.Dummy(f"x_{n}") for n in range(entries))
    image = tuple(sp.Add(value, xi) for value, xi in zip(matrix * column(x), shift, strict=True))
    named, back = _as_variables(image, x)
    return carleman_matrix(named, degree).xreplace(back)


def _as_variables(image: Sequence[sp.Expr], x: Sequence[sp.Dummy]) -> tuple[PolynomialMap, dict[sp.Basic, sp.Basic]]:
    """The map in plain symbols (a `PolynomialMap` checks their names); coefficients that are no symbols get letters."""
    variables = tuple(sp.Symbol(f"liftvariable_{n}") for n in range(len(x)))
    letters: dict[sp.Expr, sp.Symbol] = {}

    def letter(value: sp.Expr) -> sp.Expr:
        return value if value.is_Rational else letters.setdefault(value, sp.Symbol(f"liftletter_{len(letters)}"))

    components = []
    for value in image:
        linear = [letter(value.coeff(v)) * w for v, w in zip(x, variables, strict=True)]
        components.append(sp.Add(letter(value.xreplace(dict.fromkeys(x, sp.S.Zero))), *linear))
    return PolynomialMap(variables, tuple(components)), {symbol: value for value, symbol in letters.items()}


def lifted_step(recurrence: AffineRecurrence, k: int, degree: int) -> sp.ImmutableMatrix:
    """$T(b_k) S(A_k)$, the lift of step k."""
    return lift_of_affine_map(recurrence.flat_transition(k), list(recurrence.drives[k - 1]), degree)


def ordered_product(recurrence: AffineRecurrence, k: int, degree: int) -> sp.MatMul:
    r"""$T(b_k) S(A_k) \cdots T(b_1) S(A_1)$, printed as a product and not multiplied out."""
    return sp.MatMul(*(lifted_step(recurrence, i, degree) for i in range(k, 0, -1)), evaluate=False)


def collapsed_lift(recurrence: AffineRecurrence, k: int, degree: int) -> sp.ImmutableMatrix:
    r"""$T(\xi_k) S(A_k \cdots A_1)$ from the closed forms of the state and of the propagator."""
    return lift_of_affine_map(recurrence.flat_propagator(k, 0), list(recurrence.state(k)), degree)


def collapse(recurrence: AffineRecurrence, degree: int) -> ClosedForm:
    r"""The whole lifted pass as one matrix: $X_L = T(\xi_L)\, S(A_L \cdots A_1)\, X_0$.

    Parameters
    ----------
    recurrence
        Any affine recurrence with exact entries; commuting or not.
    degree
        P.

    Returns
    -------
    ClosedForm
        Of the matrix that moves $X_0$ to $X_L$. Certificates: every lifted step moves the lift of $x$ to that of
        $A_k x + b_k$; $S(A_k) T(\xi) = T(A_k \xi) S(A_k)$; $S$ multiplies; the closed form of the state is the
        recurrence's; and the ordered product of the L lifted steps is the matrix.

    Raises
    ------
    TypeError, ValueError
        No recurrence, or a lift of more than 200 monomials.

    References
    ----------
    THEORY T12, T19; derivations/12_steps_of_any_kind.

    Examples
    --------
    >>> from carleman_ssm.recurrences.affine import VaryingDiagonal
    >>> p, q, b, c = sp.symbols("p q b c")
    >>> collapse(VaryingDiagonal(((p,), (q,)), ((b,), (c,))), degree=1).expression
    Matrix([
    [      1,   0],
    [b*q + c, p*q]])
    """
    require_kind(recurrence, AffineRecurrence, "the recurrence")
    last = recurrence.steps
    sizes = f"n = {recurrence.states * recurrence.columns}, L = {last}, P = {degree}"
    certificates = (
        *(identity for k in range(1, last + 1) for identity in _step_certificates(recurrence, k, degree)),
        *state_certificates(recurrence),
        ordered_product_certificate(recurrence, degree),
    )
    matrix = collapsed_lift(recurrence, last, degree)
    return ClosedForm(
        sp.Symbol(f"X_{last}"),
        matrix,
        recurrence.parameters,
        certificates=at_size(certificates, sizes),
        reference="derivations/12_steps_of_any_kind",
    )


def state_certificates(recurrence: AffineRecurrence) -> tuple[Identity, ...]:
    r"""$Z_k = \sum_{j \le k} \Phi(k, j) B_j$ obeys the recurrence at every step after the first, where it is $B_1$."""
    return tuple(
        Identity(
            recurrence.state(k),
            sp.MatAdd(
                sp.MatMul(recurrence.transition(k), recurrence.state(k - 1), evaluate=False),
                recurrence.drives[k - 1],
                evaluate=False,
            ),
            name=f"the state after step {k}",
            because=r"$Z_k = A_k Z_{k-1} + B_k$",
        )
        for k in range(min(2, recurrence.steps), recurrence.steps + 1)
    )


def ordered_product_certificate(recurrence: AffineRecurrence, degree: int) -> Identity:
    """The ordered product of all lifted steps is one displacement after one lifted linear map."""
    return Identity(
        ordered_product(recurrence, recurrence.steps, degree),
        collapsed_lift(recurrence, recurrence.steps, degree),
        name="the ordered product collapses",
        because=r"$S(A) T(\xi) = T(A \xi) S(A)$ and $S(A) S(A') = S(A A')$",
    )


def _step_certificates(recurrence: AffineRecurrence, k: int, degree: int) -> tuple[Identity, ...]:
    entries = recurrence.states * recurrence.columns
    x, xi = (tuple(sp.Symbol(f"{stem}_{n}") for n in range(entries)) for stem in ("xtilde", "xitilde"))
    matrix, drive = recurrence.flat_transition(k), list(recurrence.drives[k - 1])
    basis, zeros, one = MonomialBasis(entries, degree), [0] * entries, sp.eye(entries)
    image = [sp.Add(value, b) for value, b in zip(matrix * column(x), drive, strict=True)]
    linear = lift_of_affine_map(matrix, zeros, degree)
    certificates = (
        Identity(
            lifted_step(recurrence, k, degree) * column(basis.lift(x)),
            column(basis.lift(tuple(image))),
            name=f"lifted step {k}",
            because="multinomial theorem on every entry of $A_k x + b_k$",
        ),
        Identity(
            sp.MatMul(linear, lift_of_affine_map(one, xi, degree), evaluate=False),
            sp.MatMul(lift_of_affine_map(one, list(matrix * column(xi)), degree), linear, evaluate=False),
            name=f"the linear map of step {k} moves translations",
            because=r"$A (x + \xi) = A x + A \xi$",
        ),
    )
    if k == 1:
        return certificates
    return (
        *certificates,
        Identity(
            sp.MatMul(linear, lift_of_affine_map(recurrence.flat_propagator(k - 1, 0), zeros, degree), evaluate=False),
            lift_of_affine_map(recurrence.flat_propagator(k, 0), zeros, degree),
            name=f"the linear maps up to step {k} multiply",
            because=r"$S(A_k) S(A_{k-1} \cdots A_1) = S(A_k \cdots A_1)$",
        ),
    )
