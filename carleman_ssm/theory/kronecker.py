r"""Kronecker powers and sums, duplication and elimination: the second route to every lifted matrix.

With the constant as letter 0, $\hat x = (1, x_0, \dots, x_{N-1})$, an affine map is one matrix
$\hat x \mapsto \hat A \hat x$, and $\hat x^{\otimes P}$ holds every monomial of degree $\le P$ as often as
its letters can be ordered. *Duplication* $E$ writes a monomial into all its places, *elimination* $E^+$ reads
one of them, $E^+ E = 1$, and

* a map lifts to $E^+ \hat A^{\otimes P} E$,
* a flow $\hat x' = \hat A \hat x$ lifts to $E^+ \hat A^{\oplus P} E$, the Kronecker sum.

Exact and sparse, but of size $(N+1)^P$: an oracle for tests and an export, never a way to compute.
Matrices are `DomainMatrix` (SymPy's exact layer): ``sympy.kronecker_product`` takes 20 s at N = P = 4.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.matrices import DomainMatrix

from carleman_ssm.theory.monomials import MonomialBasis, refuse_beyond_budget
from carleman_ssm.theory.polynomials import require_count

MAX_WORDS = 10_000
"""Largest Kronecker basis that is written out."""

Cells = dict[int, dict[int, Any]]


def _matrix(cells: Cells, shape: tuple[int, int], domain: Any) -> DomainMatrix:
    return DomainMatrix({i: row for i, row in cells.items() if row}, shape, domain)


def kronecker_product(left: DomainMatrix, right: DomainMatrix) -> DomainMatrix:
    r"""$A \otimes B$ of two exact matrices, over their common domain.

    Parameters
    ----------
    left, right
        Exact matrices (m, n) and (p, q).

    Returns
    -------
    DomainMatrix
        Shape (mp, nq), sparse.

    References
    ----------
    Standard; the oracle route to THEORY T9.

    Examples
    --------
    >>> a = DomainMatrix.from_Matrix(sp.Matrix([[1, 2], [0, 3]]))
    >>> kronecker_product(a, a).to_Matrix()
    Matrix([
    [1, 2, 2, 4],
    [0, 3, 0, 6],
    [0, 0, 3, 6],
    [0, 0, 0, 9]])
    """
    left, right = left.to_sparse().unify(right.to_sparse())
    rows, columns = right.shape
    cells: Cells = {}
    for (i, j), a in left.to_dok().items():
        for (k, m), b in right.to_dok().items():
            cells.setdefault(i * rows + k, {})[j * columns + m] = a * b
    return _matrix(cells, (left.shape[0] * rows, left.shape[1] * columns), left.domain)


def kronecker_power(matrix: DomainMatrix, power: int) -> DomainMatrix:
    r"""$A^{\otimes p}$; the zeroth power is the number 1.

    Parameters
    ----------
    matrix
        Exact square matrix (n, n).
    power
        p ≥ 0.

    Returns
    -------
    DomainMatrix
        Shape (nᵖ, nᵖ), sparse.

    Raises
    ------
    ValueError, TypeError
        The power is no count.

    References
    ----------
    Standard; the oracle route to THEORY T9.
    """
    require_count(power, "the power")
    result = DomainMatrix.eye(1, matrix.domain).to_sparse()
    for _ in range(power):
        result = kronecker_product(result, matrix)
    return result


def kronecker_sum(matrix: DomainMatrix, power: int) -> DomainMatrix:
    r"""$A^{\oplus p} = \sum_{i=1}^{p} 1^{\otimes i-1} \otimes A \otimes 1^{\otimes p-i}$; the zeroth is 0.

    Parameters
    ----------
    matrix
        Exact square matrix (n, n).
    power
        p ≥ 0.

    Returns
    -------
    DomainMatrix
        Shape (nᵖ, nᵖ), sparse.

    Raises
    ------
    ValueError, TypeError
        The power is no count.

    References
    ----------
    Standard; the oracle route to THEORY T14.
    """
    require_count(power, "the power")
    size = matrix.shape[0]
    result = DomainMatrix.zeros((size**power, size**power), matrix.domain).to_sparse()
    for i in range(power):
        left = DomainMatrix.eye(size**i, matrix.domain)
        right = DomainMatrix.eye(size ** (power - 1 - i), matrix.domain)
        result += kronecker_product(kronecker_product(left, matrix), right)
    return result


def homogeneous_matrix(linear: sp.MatrixBase, shift: sp.MatrixBase, corner: int = 1) -> DomainMatrix:
    r"""$\hat A = \begin{pmatrix} 1 & 0 \\ b & A \end{pmatrix}$: $x \mapsto Ax + b$ on $(1, x)$.

    Parameters
    ----------
    linear, shift
        A of shape (N, N) and b of shape (N, 1).
    corner
        1 for a map, 0 for a flow $x' = Ax + b$ (the constant does not move).

    Returns
    -------
    DomainMatrix
        Shape (N + 1, N + 1).

    References
    ----------
    Standard: an affine map as a linear one on (1, x).
    """
    size = linear.shape[0]
    top = sp.Matrix([[corner, *[0] * size]])
    return DomainMatrix.from_Matrix(top.col_join(shift.row_join(linear))).to_sparse()


def _ranks_of_words(states: int, degree: int) -> list[int]:
    """For every word of P letters 0 … N (0 is the constant): the place of its monomial in the basis."""
    basis = MonomialBasis(states, degree)
    refuse_beyond_budget((states + 1) ** degree, "the Kronecker basis", MAX_WORDS)
    words = np.array(list(product(range(states + 1), repeat=degree)), dtype=np.int64)
    letters = np.arange(1, states + 1)
    exponents = (words.reshape(len(words), degree, 1) == letters).sum(axis=1)
    ranks: list[int] = basis.rank(exponents).tolist()
    return ranks


def duplication_matrix(states: int, degree: int) -> DomainMatrix:
    r"""$E$ with $\hat x^{\otimes P} = E\,(x^\alpha)_{|\alpha| \le P}$, shape $((N+1)^P, \binom{N+P}{P})$.

    Parameters
    ----------
    states, degree
        N and P.

    Returns
    -------
    DomainMatrix
        Entries 0 and 1.

    Raises
    ------
    ValueError
        More than 10,000 words; the message names the forms to use instead.

    References
    ----------
    Standard: symmetric and full tensor bases.
    """
    ranks = _ranks_of_words(states, degree)
    cells: Cells = {word: {rank: sp.ZZ(1)} for word, rank in enumerate(ranks)}
    return _matrix(cells, (len(ranks), MonomialBasis(states, degree).size), sp.ZZ)


def elimination_matrix(states: int, degree: int) -> DomainMatrix:
    r"""$E^+$ that reads each monomial at its first word, shape $(\binom{N+P}{P}, (N+1)^P)$; $E^+ E = 1$.

    Parameters
    ----------
    states, degree
        N and P.

    Returns
    -------
    DomainMatrix
        Entries 0 and 1.

    Raises
    ------
    ValueError
        More than 10,000 words; the message names the forms to use instead.

    References
    ----------
    Standard: symmetric and full tensor bases.
    """
    ranks = _ranks_of_words(states, degree)
    first = {rank: word for word, rank in reversed(list(enumerate(ranks)))}
    cells: Cells = {rank: {word: sp.ZZ(1)} for rank, word in first.items()}
    return _matrix(cells, (len(first), len(ranks)), sp.ZZ)


def _project(matrix: DomainMatrix, states: int, degree: int) -> sp.ImmutableMatrix:
    outer = [
        part.convert_to(matrix.domain)
        for part in (elimination_matrix(states, degree), duplication_matrix(states, degree))
    ]
    return sp.ImmutableMatrix((outer[0] * matrix * outer[1]).to_Matrix())


def project_map(matrix: DomainMatrix, degree: int) -> sp.ImmutableMatrix:
    r"""$E^+ \hat A^{\otimes P} E$: the lift of a map, given as `homogeneous_matrix`.

    Parameters
    ----------
    matrix
        $\hat A$ (N + 1, N + 1).
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        On the monomials of degree ≤ P, $\binom{N+P}{P}$ square.

    Raises
    ------
    ValueError
        More than 10,000 words; the message names the forms to use instead.

    References
    ----------
    THEORY T9, by the full Kronecker route.

    Examples
    --------
    >>> l, b = sp.symbols("l b")
    >>> project_map(homogeneous_matrix(sp.Matrix([l]), sp.Matrix([b])), 2)
    Matrix([
    [   1,     0,    0],
    [   b,     l,    0],
    [b**2, 2*b*l, l**2]])
    """
    states = matrix.shape[0] - 1
    refuse_beyond_budget((states + 1) ** require_count(degree, "the degree"), "the Kronecker basis", MAX_WORDS)
    return _project(kronecker_power(matrix, degree), states, degree)


def project_flow(matrix: DomainMatrix, degree: int) -> sp.ImmutableMatrix:
    r"""$E^+ \hat A^{\oplus P} E$: the lift of a flow $\hat x' = \hat A \hat x$.

    Parameters
    ----------
    matrix
        $\hat A$ (N + 1, N + 1) with corner 0 [1/time].
    degree
        P.

    Returns
    -------
    ImmutableMatrix
        On the monomials of degree ≤ P, $\binom{N+P}{P}$ square [1/time].

    Raises
    ------
    ValueError
        More than 10,000 words; the message names the forms to use instead.

    References
    ----------
    THEORY T14, by the full Kronecker route.

    Examples
    --------
    >>> a, b = sp.symbols("a b")
    >>> project_flow(homogeneous_matrix(sp.Matrix([a]), sp.Matrix([b]), corner=0), 2)
    Matrix([
    [0,   0,   0],
    [b,   a,   0],
    [0, 2*b, 2*a]])
    """
    states = matrix.shape[0] - 1
    refuse_beyond_budget((states + 1) ** require_count(degree, "the degree"), "the Kronecker basis", MAX_WORDS)
    return _project(kronecker_sum(matrix, degree), states, degree)
