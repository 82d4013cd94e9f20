r"""Monomials $x^\alpha$ of degree at most $P$ in $N$ variables, in graded lexicographic order.

$1,\ x_0, \dots, x_{N-1},\ x_0^2,\ x_0 x_1, \dots$: lower degree first, then the larger power of the
earlier variable first. With $r_n$ the degree left after the variables $0 \dots n$ ($r_{-1} = |\alpha|$), the
place of a monomial is $\sum_{n=-1}^{N-2} \binom{r_n + N - n - 2}{N - n - 1}$: so many stand before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
import numpy.typing as npt
import sympy as sp

from carleman_ssm.theory.polynomials import require_count

MAX_TERMS = 10**6
"""Explicit bases and tables beyond this many terms are refused."""

Integers = npt.NDArray[np.int64]


def refuse_beyond_budget(terms: int, what: str, budget: int = MAX_TERMS) -> None:
    """Refuse an explicit object of more than `budget` terms.

    Raises
    ------
    ValueError
        With the size, the budget and the forms to use instead.
    """
    if terms > budget:
        msg = (
            f"{what} has {terms:,} terms, more than the {budget:,} that are written out: use the Volterra "
            "form (THEORY T10) or the rank-(P+1) form (T12′), which never expand the lift"
        )
        raise ValueError(msg)


@dataclass(frozen=True)
class MonomialBasis:
    r"""The basis $(x^\alpha)_{|\alpha| \le P}$ of size $\binom{N+P}{P}$.

    Parameters
    ----------
    states
        N, at least 1.
    degree
        P, at least 0.

    Raises
    ------
    ValueError
        N < 1, P < 0, or a rank would not fit 62 bits.

    References
    ----------
    THEORY T9.

    Examples
    --------
    >>> basis = MonomialBasis(2, 2)
    >>> basis.size, basis.exponents.tolist()
    (6, [[0, 0], [1, 0], [0, 1], [2, 0], [1, 1], [0, 2]])
    >>> basis.lift(sp.symbols("x y"))
    (1, x, y, x**2, x*y, y**2)
    >>> basis.rank(basis.unrank(np.arange(6))).tolist()
    [0, 1, 2, 3, 4, 5]
    """

    states: int
    degree: int

    def __post_init__(self) -> None:
        if require_count(self.states, "the number of states") == 0:
            msg = "a monomial basis needs at least one state"
            raise ValueError(msg)
        require_count(self.degree, "the degree")
        if self.size >= 2**62:
            msg = f"{self.size:,} monomials cannot be numbered in 62 bits: use the Volterra form (THEORY T10)"
            raise ValueError(msg)

    @property
    def size(self) -> int:
        r"""$\binom{N+P}{P}$."""
        return comb(self.states + self.degree, self.degree)

    @cached_property
    def _before(self) -> Integers:
        """Row n+1, entry r: how many monomials a remaining degree r after variable n puts before."""
        variables = np.arange(-1, self.states - 1)
        table = [
            [comb(r + self.states - n - 2, self.states - n - 1) for r in range(self.degree + 1)]
            for n in variables.tolist()
        ]
        return np.array(table, dtype=np.int64)

    def rank(self, exponents: npt.ArrayLike) -> Integers:
        """Places of the monomials with the given exponents, shape (…, N) → (…).

        Raises
        ------
        ValueError
            Wrong shape, a negative exponent, or a degree above P.
        """
        powers = np.asarray(exponents)
        if powers.dtype.kind not in "iu" or powers.shape[-1:] != (self.states,):
            msg = f"exponents must be integers of shape (…, {self.states}), got {powers.dtype} {powers.shape}"
            raise ValueError(msg)
        left = powers.sum(-1, keepdims=True) - np.cumsum(powers, axis=-1) + powers
        if powers.size and (powers.min() < 0 or left[..., 0].max() > self.degree):
            msg = f"exponents must be non-negative with a sum of at most {self.degree}"
            raise ValueError(msg)
        places: Integers = self._before[np.arange(self.states), left].sum(-1)
        return places

    def unrank(self, ranks: npt.ArrayLike) -> Integers:
        """Exponents of the monomials at the given places, shape (…) → (…, N).

        Raises
        ------
        ValueError
            A place is outside ``0 … size - 1``.
        """
        rest = np.array(ranks, dtype=np.int64)
        if rest.size and (rest.min() < 0 or rest.max() >= self.size):
            msg = f"places must be within 0 … {self.size - 1}"
            raise ValueError(msg)
        left = np.zeros((*rest.shape, self.states + 1), dtype=np.int64)
        for n, before in enumerate(self._before):
            left[..., n] = np.searchsorted(before, rest, side="right") - 1
            rest -= before[left[..., n]]
        return left[..., :-1] - left[..., 1:]

    @cached_property
    def exponents(self) -> Integers:
        """All exponents in order, shape (size, N), read-only.

        Raises
        ------
        ValueError
            The basis is larger than the budget of explicit terms.
        """
        refuse_beyond_budget(self.size, f"the basis of degree {self.degree} in {self.states} states")
        table = self.unrank(np.arange(self.size))
        table.setflags(write=False)
        return table

    @property
    def degrees(self) -> Integers:
        r"""$|\alpha|$ of every monomial, shape (size,)."""
        degrees: Integers = self.exponents.sum(axis=1)
        return degrees

    def lift(self, state: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        r"""$(x^\alpha)_{|\alpha| \le P}$ at a point $x$ given as N expressions.

        Raises
        ------
        ValueError
            The point has not N coordinates.
        """
        if len(state) != self.states:
            msg = f"the lift needs {self.states} coordinates, got {len(state)}"
            raise ValueError(msg)
        return tuple(
            sp.Mul(*(x ** int(power) for x, power in zip(state, row, strict=True) if power))
            for row in self.exponents.tolist()
        )
