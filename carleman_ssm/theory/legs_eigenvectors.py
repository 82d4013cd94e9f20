r"""The eigenvectors of HiPPO-LegS in closed form, and how nearly parallel they are, exactly.

With $D = \mathrm{diag}\sqrt{2n+1}$ the matrix is $A = D M D^{-1}$, $M_{nk} = -(2k+1)$ for $n > k$, $-(n+1)$ for
$n = k$, zero above. Its eigenvalues are $-1, \dots, -N$, and $A V = -V \mathrm{diag}(n + 1)$ with $V = D X$,

$$X_{nj} = (-1)^{n-j} \binom{n+j}{n-j}, \qquad (X^{-1})_{nk} = \binom{2n}{n-k} - \binom{2n}{n-k-1} .$$

**Proof, for every N.** Right: row n of $M X = -X \mathrm{diag}(j+1)$ says $\sum_{k<n} (2k+1) X_{kj} = (j - n) X_{nj}$.
Both sides are 0 at $n = j$, and grow alike, for $(n + 1 + j) X_{nj} = -(n + 1 - j) X_{n+1,j}$. Left: with
$y_k = (X^{-1})_{nk}$, $\sum_{m>k} y_m = \binom{2n}{n-k-1}$ telescopes, and $(2k+1) \binom{2n}{n-k-1} = (n - k) y_k$ is
column k of $y^\top M = -(n+1) y^\top$. Vectors of different eigenvalues are orthogonal, and
$X_{nn} = (X^{-1})_{nn} = 1$.

The drive of LegS is $b = D (1, \dots, 1)^\top$, so that $(V^{-1} b)_n = \sum_k (X^{-1})_{nk} = \binom{2n}{n}$. A
rational function of A, such as a step of the bilinear rule, has the same eigenvectors.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

import sympy as sp

from carleman_ssm.theory.polynomials import require_integer


def legs_right_vectors(size: int) -> tuple[tuple[int, ...], ...]:
    r"""X, row by row: the eigenvectors of LegS are the columns of $D X$, by the eigenvalues $-1, \dots, -N$.

    Examples
    --------
    >>> legs_right_vectors(3)
    ((1, 0, 0), (-1, 1, 0), (1, -3, 1))
    """
    require_integer(size, "size", least=1)
    return tuple(tuple((-1) ** (n - j) * comb(n + j, n - j) if n >= j else 0 for j in range(size)) for n in range(size))


def legs_left_vectors(size: int) -> tuple[tuple[int, ...], ...]:
    r"""$X^{-1}$, row by row.

    Examples
    --------
    >>> legs_left_vectors(3)
    ((1, 0, 0), (1, 1, 0), (2, 3, 1))
    """
    require_integer(size, "size", least=1)
    return tuple(tuple(_ballot(n, k) if n >= k else 0 for k in range(size)) for n in range(size))


def _ballot(n: int, k: int) -> int:
    return comb(2 * n, n - k) - (comb(2 * n, n - k - 1) if n > k else 0)


def legs_condition_square(size: int) -> sp.Rational:
    r"""$(\|V\|_F \|V^{-1}\|_F)^2$ for eigenvectors of unit length, an exact rational number.

    $N \sum_n \big(\sum_i (2i+1) X_{in}^2\big) \big(\sum_k (X^{-1})_{nk}^2 / (2k+1)\big)$. It is the same in every
    orthonormal basis, so also in the one in which S4 stores the matrix.

    Parameters
    ----------
    size
        N, at least 1.

    Examples
    --------
    >>> legs_condition_square(2), sp.sqrt(legs_condition_square(16)).evalf(4)
    (16, 8.906e+10)
    """
    right, left = legs_right_vectors(size), legs_left_vectors(size)
    total = sum(
        sum((2 * i + 1) * right[i][n] ** 2 for i in range(size))
        * sum(Fraction(left[n][k] ** 2, 2 * k + 1) for k in range(size))
        for n in range(size)
    )
    exact = size * Fraction(total)
    return sp.Rational(exact.numerator, exact.denominator)
