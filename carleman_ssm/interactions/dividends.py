r"""Interaction indices at any depth, from the dividends of small coalitions.

A network that is a polynomial of degree D in its input has no dividend (Möbius coefficient) above D players: each
monomial holds at most D of them. So the values of the coalitions of at most D players determine the game,

$$m(S) = \sum_{T\subseteq S}(-1)^{|S|-|T|}v(T),\qquad v(N) = \sum_{|S|\le D}m(S),$$

and with them every index: Shapley $\sum_{S\ni i}m(S)/|S|$, Shapley interaction
$\sum_{S\supseteq\{i,j\}}m(S)/(|S|-1)$, Shapley–Taylor of order 2 $\sum_{S\supseteq\{i,j\}}m(S)/\binom{|S|}{2}$.
A network that is no polynomial is covered with D = n, all $2^n$ coalitions of few players.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.indices import (
    PAIR_INDICES,
    InteractionIndices,
    PairIndex,
    one_layer_indices,
    readout_row,
)
from carleman_ssm.interactions.players import members
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator

MAX_COALITIONS = 50_000
BATCH_ENTRIES = 2**22


@dataclass(frozen=True, eq=False, repr=False)
class Dividends(Brief):
    r"""Möbius coefficients of a game with logits as values; build them with `dividends`.

    Parameters
    ----------
    coalitions
        For each size s = 0 … D the coalitions, integers (C(n, s), s), each row ascending.
    values
        For each size the dividends $m(S)$, (C(n, s), classes).
    total
        $v(N)$, evaluated on its own and not summed from the dividends, (classes,).
    """

    coalitions: tuple[NDArray[np.int64], ...]
    values: tuple[Floats, ...]
    total: Floats

    @property
    def degree(self) -> int:
        """D, the largest coalition that was evaluated."""
        return len(self.values) - 1

    @property
    def players(self) -> int:
        """Number n of players."""
        return len(self.values[1])

    @property
    def baseline(self) -> Floats:
        r"""$v(\emptyset)$, (classes,)."""
        return np.asarray(self.values[0][0], dtype=np.float64)

    @cached_property
    def gap(self) -> Floats:
        r"""$v(N) - \sum_S m(S)$ (classes,): what coalitions above D add."""
        summed = sum((part.sum(axis=0) for part in self.values), np.zeros_like(self.total))
        return np.asarray(self.total - summed, dtype=np.float64)

    def mobius_values(self) -> Floats:
        r"""$m(\{i\})$, (n, classes)."""
        return self.values[1].copy()

    def shapley_values(self) -> Floats:
        r"""$\sum_{S\ni i}m(S)/|S|$, (n, classes); they sum to ``total - baseline - gap``."""
        result = np.zeros_like(self.values[1])
        for size in range(1, self.degree + 1):
            for column in self.coalitions[size].T:
                np.add.at(result, column, self.values[size] / size)
        return result

    def pairs(self, index: PairIndex, label: int, rival: int | None = None) -> Floats:
        """Index of every pair of players for one logit, or for a margin: (n, n), diagonal 0.

        Parameters
        ----------
        index
            ``"mobius"``, ``"shapley"`` or ``"shapley_taylor"``, as in `indices.OneLayerIndices.pairs`.

        Raises
        ------
        ValueError
            An unknown index or class.
        """
        if index not in PAIR_INDICES:
            msg = f"unknown index {index!r}; choose one of {', '.join(map(repr, PAIR_INDICES))}"
            raise ValueError(msg)
        result = np.zeros((self.players, self.players))
        chosen = readout_row(np.eye(len(self.total)), label, rival)
        for size in range(2, self.degree + 1):
            share = {"mobius": float(size == 2), "shapley": 1 / (size - 1), "shapley_taylor": 1 / comb(size, 2)}[index]
            worth = share * (self.values[size] @ chosen)
            for first, second in combinations(self.coalitions[size].T, 2):
                np.add.at(result, (first, second), worth)
        return np.asarray(result + result.T, dtype=np.float64)


def dividends(
    evaluate: Callable[[Floats], Floats],
    centre: Floats,
    sequence: Floats,
    degree: int | None = None,
    groups: NDArray[np.int64] | None = None,
) -> Dividends:
    """Dividends of all coalitions of at most D players of one sequence.

    Parameters
    ----------
    evaluate
        Logits (batch, classes) of sequences (batch, L, d): an operator, or a network.
    centre, sequence
        What absent and present players hold, (L, d).
    degree
        D; all coalitions without it (needed unless the network is a polynomial of degree D).
    groups
        Number 0 … n − 1 of the player of every step (L,) or entry (L, d); every step one by default.

    Raises
    ------
    ValueError
        More than 50 000 coalitions, or shapes that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> game = dividends(lambda x: x.prod(axis=1), np.zeros((2, 1)), np.array([[2.0], [3.0]]))
    >>> game.mobius_values().tolist(), game.pairs("mobius", 0)[0, 1].item(), game.shapley_values().tolist()
    ([[0.0], [0.0]], 6.0, [[3.0], [3.0]])
    """
    if sequence.shape != centre.shape or sequence.ndim != 2:
        msg = f"sequence and centre must both be (L, d), got {sequence.shape} and {centre.shape}"
        raise ValueError(msg)
    masks = members(np.arange(len(sequence)) if groups is None else groups, sequence.shape)
    largest = len(masks) if degree is None else min(degree, len(masks))
    coalitions = _coalitions(len(masks), max(largest, 1))
    deviation = sequence - centre
    step = max(1, BATCH_ENTRIES // (len(masks) * deviation.size))

    def worths(rows: NDArray[np.int64]) -> Floats:
        parts = []
        for first in range(0, len(rows), step):
            present = masks[rows[first : first + step]].any(axis=1)
            parts.append(evaluate(centre + np.where(present, deviation, 0.0)))
        return np.concatenate(parts)

    worth = [worths(rows) for rows in coalitions]
    return Dividends(coalitions, _mobius(coalitions, worth), evaluate(sequence[None])[0])


def interaction_indices(
    operator: NetworkOperator, sequence: Floats, groups: NDArray[np.int64] | None = None
) -> InteractionIndices:
    """Indices of a sequence (L, d) against the operator's centre, by the cheapest way that is exact for its network.

    One layer: closed form, of the fitted polynomials where there are fits. A polynomial stack: coalitions of at most
    its total degree. Anything else: all coalitions of the network itself, so few groups.

    Parameters
    ----------
    groups
        Number 0 … n − 1 of the player of every step (L,) or entry (L, d); every step one by default.

    Raises
    ------
    ValueError
        Too many coalitions for a deep network: take groups.
    DomainError
        The sequence lies outside the operator's domain.

    References
    ----------
    THEORY T12′.
    """
    centre = operator.centre[: len(sequence)]
    if isinstance(operator, OneLayerOperator):
        operator.preactivations(operator.checked(sequence[None]))  # refuses what lies outside the domain
        return one_layer_indices(operator.form, operator.decoders, centre, sequence, groups)
    if isinstance(operator, StackOperator) and operator.is_polynomial:
        return dividends(operator, centre, sequence, operator.total_degree, groups)
    return dividends(operator.network, centre, sequence, None, groups)


def _coalitions(players: int, largest: int) -> tuple[NDArray[np.int64], ...]:
    """All coalitions by size, in colexicographic order, so that `_rank` finds each."""
    count = sum(comb(players, size) for size in range(largest + 1))
    if count > MAX_COALITIONS:
        msg = (
            f"{players} players and coalitions of up to {largest} of them need {count:.3g} evaluations (at most "
            f"{MAX_COALITIONS}): take groups of positions as players, so that there are fewer"
        )
        raise ValueError(msg)
    found = []
    for size in range(largest + 1):
        rows = np.array(list(combinations(range(players), size)), dtype=np.int64)
        found.append(rows[np.argsort(_rank(rows))])
    return tuple(found)


def _rank(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    r"""Place of each ascending row among all of its size, $\sum_i\binom{c_i}{i}$ (i from 1)."""
    largest = int(rows.max(initial=0)) + 1
    table = np.array([[comb(c, i) for i in range(1, rows.shape[1] + 1)] for c in range(largest)], dtype=np.int64)
    ranks: NDArray[np.int64] = table[rows, np.arange(rows.shape[1])].sum(axis=1) if rows.shape[1] else rows.sum(axis=1)
    return ranks


def _mobius(coalitions: tuple[NDArray[np.int64], ...], worth: list[Floats]) -> tuple[Floats, ...]:
    """Inclusion and exclusion, size by size: m(S) = v(S) − Σ over proper subsets of m."""
    values: list[Floats] = [worth[0]]
    for size in range(1, len(coalitions)):
        rest = worth[size].copy()
        for smaller in range(size):
            for kept in combinations(range(size), smaller):
                rest -= values[smaller][_rank(coalitions[size][:, list(kept)])]
        values.append(rest)
    return tuple(values)
