r"""How affine maps act on monomials: the group behind the lift.

Lifting $x \mapsto \Lambda x + \xi$ to the monomials $X = (x^\alpha)_{|\alpha| \le P}$ is a representation of
the affine group. Translations are $T(\xi) = \exp(\sum_n \xi_n E_n)$ with the lowering maps
$E_n: X_\alpha \mapsto \alpha_n X_{\alpha - e_n}$, scalings are $M_0 = \mathrm{diag}(\lambda^\alpha)$, and

* $T(\xi) T(\eta) = T(\xi + \eta)$: translations commute,
* $M_0 T(\xi) = T(\Lambda \xi) M_0$: scalings normalise them.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.theory.monomials import MonomialBasis, refuse_beyond_budget
from carleman_ssm.theory.term_table import MAX_EXPRESSION_TERMS, lifted_table


def column(entries: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    """A column vector."""
    return sp.ImmutableMatrix(len(entries), 1, list(entries))


def affine_representation(multipliers: Sequence[sp.Expr], shift: Sequence[sp.Expr], degree: int) -> sp.ImmutableMatrix:
    r"""Matrix $T(\xi) M_0$ of $x \mapsto \Lambda x + \xi$ on the monomials of degree $\le P$.

    $T_{\alpha\beta} = \prod_n \binom{\alpha_n}{\beta_n} \lambda_n^{\beta_n} \xi_n^{\alpha_n - \beta_n}$: with
    $\Lambda = 1$ the translation $T(\xi)$, with $\xi = 0$ the scaling $M_0$.

    Parameters
    ----------
    multipliers, shift
        $\lambda_n$ and $\xi_n$, N each.
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        $\binom{N+P}{P}$ square, lower triangular in the graded order.

    Raises
    ------
    ValueError
        More than 5,000 terms, or vectors of different lengths.

    References
    ----------
    THEORY T9, T12.

    Examples
    --------
    >>> s, t = sp.symbols("s t")
    >>> shifts = [affine_representation([1], [xi], degree=2) for xi in (s, t, s + t)]
    >>> (shifts[0] * shifts[1]).expand() == shifts[2].expand()
    True

    Scalings and translations do not commute::

    >>> scaling = affine_representation([s], [0], degree=2)
    >>> (scaling * shifts[1]).expand() == (shifts[1] * scaling).expand()
    False
    """
    return lifted_table(len(multipliers), degree).to_sympy(multipliers, shift)


def lowering_matrix(gains: Sequence[sp.Expr], degree: int) -> sp.ImmutableMatrix:
    r"""$N = \sum_n b_n E_n$ on the monomials of degree $\le P$; nilpotent, $N^{P+1} = 0$.

    Parameters
    ----------
    gains
        $b_n$, one for each state.
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        $\binom{N+P}{P}$ square, strictly lower triangular in the graded order.

    Raises
    ------
    ValueError
        More than 5,000 terms.

    References
    ----------
    THEORY T12, T14.

    Examples
    --------
    >>> lowering_matrix(sp.symbols("b,"), degree=2)
    Matrix([
    [0,   0, 0],
    [b,   0, 0],
    [0, 2*b, 0]])
    """
    basis = MonomialBasis(len(gains), degree)
    refuse_beyond_budget(basis.size * len(gains), "the lowering matrix", MAX_EXPRESSION_TERMS)
    cells: dict[tuple[int, int], sp.Expr] = {}
    for row, alpha in enumerate(basis.exponents):
        for n in alpha.nonzero()[0].tolist():
            lower = alpha.copy()
            lower[n] -= 1
            cells[row, int(basis.rank(lower))] = int(alpha[n]) * gains[n]
    return sp.ImmutableMatrix(sp.SparseMatrix(basis.size, basis.size, cells))


def scaling_generator(rates: Sequence[sp.Expr], degree: int) -> sp.ImmutableMatrix:
    r"""$A = \mathrm{diag}(\alpha \cdot a)$ on the monomials of degree $\le P$: the flow of $x_n' = a_n x_n$.

    Parameters
    ----------
    rates
        $a_n$ [1/time], one for each state.
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        Diagonal, $\binom{N+P}{P}$ square [1/time].

    Raises
    ------
    ValueError
        More than 5,000 monomials.

    References
    ----------
    THEORY T14.
    """
    basis = MonomialBasis(len(rates), degree)
    refuse_beyond_budget(basis.size, "the diagonal drift", MAX_EXPRESSION_TERMS)
    diagonal = [sp.Add(*(k * a for k, a in zip(alpha, rates, strict=True))) for alpha in basis.exponents.tolist()]
    return sp.ImmutableMatrix(sp.diag(*diagonal))
