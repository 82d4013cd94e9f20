r"""The lift of an affine map as a table of integers: no computer algebra until a reader asks for it.

Substituting $x_n \to \lambda_n x_n + b_n u$ into every $x^\alpha$, $|\alpha| \le P$, gives one term for each
monomial of degree at most $P$ in the $2N$ *atoms* $\lambda_n x_n$ (number $2n$) and $b_n u$ (number $2n+1$),
$$T_{\alpha\beta}(u) = \prod_n \tbinom{\alpha_n}{\beta_n} \lambda_n^{\beta_n} (b_n u)^{\alpha_n - \beta_n},$$
so there are exactly $\binom{2N+P}{P}$ terms. A term of degree $p$ is a sorted tuple of $p$ atoms; behind a
first atom $a$ stand all tuples of degree $p-1$ that begin at $a$ or later, and these are a *tail* of the list
of degree $p-1$. Hence every column is a concatenation of tails: copies, no search and no hashing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt
import scipy.sparse
import sympy as sp

from carleman_ssm.theory.monomials import MAX_TERMS, MonomialBasis, refuse_beyond_budget
from carleman_ssm.theory.polynomials import exact
from carleman_ssm.theory.term_table_construction import Columns, build_columns, tail_start

MAX_EXPRESSION_TERMS = 5_000
"""SymPy expressions are built only up to this many terms (about a second)."""

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class TermTable:
    r"""All terms of $T(u)$ of the lift of $x \mapsto \Lambda x + b u$, degrees $0 \dots P$.

    Parameters
    ----------
    states, degree
        N and P.
    row, column
        Places of $\alpha$ and $\beta$ in `MonomialBasis(states, degree)`.
    input_power
        $|\alpha| - |\beta|$, the power of $u$.
    coefficient
        $\prod_n \binom{\alpha_n}{\beta_n}$: int64, Python integers beyond degree 56.
    factors
        For each degree p an array (p, terms of degree p) of sorted atoms.

    References
    ----------
    THEORY T9.

    Examples
    --------
    >>> table = lifted_table(states=1, degree=2)
    >>> print(*table.latex(), sep=", ")
    1, \lambda_{0}, \bar{b}_{0} u, \lambda_{0}^{2}, 2 \lambda_{0} \bar{b}_{0} u, \bar{b}_{0}^{2} u^{2}
    >>> table.to_sympy(sp.symbols("l,"), sp.symbols("b,"), sp.Symbol("u"))
    Matrix([
    [        1,       0,    0],
    [      b*u,       l,    0],
    [b**2*u**2, 2*b*l*u, l**2]])
    """

    states: int
    degree: int
    row: Array
    column: Array
    input_power: Array
    coefficient: Array
    factors: tuple[Array, ...]

    def __post_init__(self) -> None:
        columns = (self.row, self.column, self.input_power, self.coefficient)
        if {len(column) for column in columns} != {comb(2 * self.states + self.degree, self.degree)}:
            msg = "the columns of a term table must have one entry for each monomial in the 2N atoms"
            raise ValueError(msg)
        for column in (*columns, *self.factors):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def basis(self) -> MonomialBasis:
        """The basis that rows and columns count."""
        return MonomialBasis(self.states, self.degree)

    @property
    def nbytes(self) -> int:
        """Memory of the table [bytes]."""
        columns = (self.row, self.column, self.input_power, self.coefficient, *self.factors)
        return sum(column.nbytes for column in columns)

    def values(self, multipliers: npt.ArrayLike, input_vector: npt.ArrayLike) -> Array:
        r"""Every term without its power of u, in floating point, shape (terms,).

        Raises
        ------
        ValueError
            The two vectors have not N entries each.
        """
        atoms = np.stack([np.asarray(multipliers), np.asarray(input_vector)], axis=-1).reshape(-1)
        if atoms.shape != (2 * self.states,):
            msg = f"N = {self.states} multipliers and input gains are needed, got {atoms.size / 2:g}"
            raise ValueError(msg)
        result = np.empty(len(self), dtype=np.result_type(atoms, np.float64))
        start = 0
        for factors in self.factors:
            stop = start + factors.shape[1]
            np.copyto(result[start:stop], self.coefficient[start:stop].astype(np.float64))
            for factor in factors:
                result[start:stop] *= atoms[factor]
            start = stop
        return result

    def matrices(self, multipliers: npt.ArrayLike, input_vector: npt.ArrayLike) -> tuple[scipy.sparse.csr_array, ...]:
        r"""$M_0, \dots, M_P$ of $T(u) = \sum_r u^r M_r$ as sparse matrices in floating point."""
        values, size = self.values(multipliers, input_vector), self.basis.size
        chosen = (np.flatnonzero(self.input_power == power) for power in range(self.degree + 1))
        return tuple(
            scipy.sparse.csr_array((values[of], (self.row[of], self.column[of])), shape=(size, size)) for of in chosen
        )

    def matrix(self, multipliers: npt.ArrayLike, input_vector: npt.ArrayLike, u: complex) -> scipy.sparse.csr_array:
        r"""$T(u)$ as a sparse matrix in floating point."""
        values = self.values(multipliers, input_vector) * np.power(u, self.input_power.astype(np.float64))
        size = self.basis.size
        return scipy.sparse.csr_array((values, (self.row, self.column)), shape=(size, size))

    def to_sympy(
        self, multipliers: Sequence[sp.Expr], input_vector: Sequence[sp.Expr], u: sp.Expr = sp.S.One
    ) -> sp.ImmutableMatrix:
        """T(u) as an exact matrix.

        Raises
        ------
        ValueError
            More than 5,000 terms, or vectors of the wrong length.
        """
        refuse_beyond_budget(len(self), "the lifted matrix as an expression", MAX_EXPRESSION_TERMS)
        gains = [exact(value, "input gain") * u for value in input_vector]
        atoms = [atom for pair in zip(map(sp.sympify, multipliers), gains, strict=True) for atom in pair]
        if len(atoms) != 2 * self.states:
            msg = f"N = {self.states} multipliers and input gains are needed, got {len(atoms) // 2}"
            raise ValueError(msg)
        products = [sp.Mul(*(atoms[a] for a in term)) for block in self.factors for term in block.T.tolist()]
        cells = {
            (i, j): c * product
            for i, j, c, product in zip(
                self.row.tolist(), self.column.tolist(), self.coefficient.tolist(), products, strict=True
            )
        }
        return sp.ImmutableMatrix(sp.SparseMatrix(self.basis.size, self.basis.size, cells))

    def latex(self, multiplier: str = r"\lambda", gain: str = r"\bar{b}", u: str = "u") -> list[str]:
        r"""LaTeX of every term, such as ``2 \lambda_{0} \bar{b}_{0} u``, straight from the table.

        Parameters
        ----------
        multiplier, gain, u
            LaTeX of $\lambda$, $b$ (an index is appended) and of the input.
        """
        powers = [
            [""] + [f"{stem}_{{{n}}} " if m == 1 else f"{stem}_{{{n}}}^{{{m}}} " for m in range(1, self.degree + 1)]
            for n in range(self.states)
            for stem in (multiplier, gain)
        ]
        bodies = _products(powers, self.degree)
        inputs = ["", u, *(f"{u}^{{{r}}}" for r in range(2, self.degree + 1))]
        numbers = {c: "" if c == 1 else f"{c} " for c in set(self.coefficient.tolist())}
        terms = zip(self.coefficient.tolist(), bodies, self.input_power.tolist(), strict=True)
        return [f"{numbers[c]}{body}{inputs[r]}".rstrip() or "1" for c, body, r in terms]


def _products(powers: list[list[str]], degree: int) -> list[str]:
    """Texts of all monomials in order: a run ``atom^m`` in front of a tail that begins at a later atom."""
    atoms, blocks = len(powers), [[""]]
    for p in range(1, degree + 1):
        block: list[str] = []
        for a, power in enumerate(powers):
            for m in range(p, 0, -1):
                run, tail = power[m], tail_start(atoms, p - m, a + 1)
                block += [run + text for text in blocks[p - m][tail:]]
        blocks.append(block)
    return [text for block in blocks for text in block]


def lifted_table(states: int, degree: int) -> TermTable:
    r"""Terms of $T(u)$ for N states and degrees $0 \dots P$, by the closed form.

    Parameters
    ----------
    states, degree
        N ≥ 1 and P ≥ 0.

    Returns
    -------
    TermTable
        $\binom{2N+P}{P}$ entries.

    Raises
    ------
    ValueError
        More than $10^6$ terms; the message names the size and the form to use instead.

    References
    ----------
    THEORY T9.
    """
    MonomialBasis(states, degree)
    terms = comb(2 * states + degree, degree)
    refuse_beyond_budget(terms, f"the lift of {states} states to degree {degree}")
    refuse_beyond_budget(terms * degree, "the list of the atoms of this lift", 50 * MAX_TERMS)
    columns: Columns = build_columns(states, degree)
    return TermTable(states, degree, *columns)
