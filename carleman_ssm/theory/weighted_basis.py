r"""Monomials $x^\alpha$ whose weighted degree $\sum_n w_n\alpha_n$ is at most $W$.

With all weights 1 these are the monomials of degree at most $W$ in the order of `MonomialBasis`. In a stack
of layers the state of a deeper layer weighs more, because it collects products of the states before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from carleman_ssm.theory.monomials import refuse_beyond_budget
from carleman_ssm.theory.polynomials import require_count, require_integer

MAX_WEIGHTED_MONOMIALS = 2_000
"""Larger bases are counted but not written out."""

Exponents = tuple[int, ...]


@dataclass(frozen=True)
class WeightedBasis:
    r"""The basis $(x^\alpha)_{w \cdot \alpha \le W}$: lower weight first, then larger powers of earlier variables.

    Parameters
    ----------
    weights
        $w_n \ge 1$, one for each variable.
    weight
        W, not negative.

    Raises
    ------
    ValueError, TypeError
        A weight is less than 1 or no integer, or there is none; W is negative.

    References
    ----------
    THEORY T16.

    Examples
    --------
    >>> basis = WeightedBasis((1, 2), 3)
    >>> basis.lift(sp.symbols("x y"))
    (1, x, x**2, y, x**3, x*y)
    >>> WeightedBasis((1, 1, 2, 2), 4).size
    30
    """

    weights: tuple[int, ...]
    weight: int

    def __post_init__(self) -> None:
        weights = tuple(require_integer(w, f"weight w_{n}", least=1) for n, w in enumerate(self.weights))
        if not weights:
            msg = "a basis needs at least one variable, so at least one weight"
            raise ValueError(msg)
        object.__setattr__(self, "weights", weights)
        require_count(self.weight, "the largest weight W")

    @cached_property
    def size(self) -> int:
        r"""Number of monomials: the sum of the first W + 1 coefficients of $\prod_n (1 - t^{w_n})^{-1}$."""
        counts = [1] + [0] * self.weight
        for w in self.weights:
            for reached in range(w, self.weight + 1):
                counts[reached] += counts[reached - w]
        return sum(counts)

    @cached_property
    def exponents(self) -> tuple[Exponents, ...]:
        r"""All $\alpha$ in order.

        Raises
        ------
        ValueError
            There are more than 2,000.
        """
        refuse_beyond_budget(self.size, f"the basis of weight {self.weight}", MAX_WEIGHTED_MONOMIALS)
        found = self._within(self.weights, self.weight)
        return tuple(sorted(found, key=lambda alpha: (self.weight_of(alpha), [-power for power in alpha])))

    @cached_property
    def places(self) -> dict[Exponents, int]:
        r"""The place of every $\alpha$."""
        return {alpha: place for place, alpha in enumerate(self.exponents)}

    def weight_of(self, alpha: Exponents) -> int:
        r"""$w \cdot \alpha$."""
        return sum(w * power for w, power in zip(self.weights, alpha, strict=True))

    def lift(self, state: tuple[sp.Expr, ...]) -> tuple[sp.Expr, ...]:
        r"""$(x^\alpha)$ at the point $x$.

        Raises
        ------
        ValueError
            The point has not one coordinate for each weight.
        """
        if len(state) != len(self.weights):
            msg = f"the lift needs {len(self.weights)} coordinates, got {len(state)}"
            raise ValueError(msg)
        return tuple(
            sp.Mul(*(x**power for x, power in zip(state, alpha, strict=True) if power)) for alpha in self.exponents
        )

    def _within(self, weights: tuple[int, ...], left: int) -> Iterator[Exponents]:
        if not weights:
            yield ()
            return
        first, *rest = weights
        for power in range(left // first + 1):
            for tail in self._within(tuple(rest), left - first * power):
                yield (power, *tail)
