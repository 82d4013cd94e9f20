r"""Recurrences that are affine in their state, in float64: $Z_k = A_k Z_{k-1} + B_k$ from rest, all steps at once.

The numeric counterparts of `recurrences.affine`: the same four types. Drives have the axes (batch, L, *S); the
axes S of the state are free (channels and modes, heads, keys and values). Every type has two routes: ``"recurrence"``
steps through time, ``"closed"`` uses what is known of the propagator and has no loop over time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.families.delta_scan import delta_states
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import require_range

Values = NDArray[Any]
Method = Literal["closed", "recurrence"]
CHUNK_ENTRIES, MIN_CHUNK = 2**16, 16
"""Entries of the states of one chunk, and the fewest steps of one: shorter chunks leave NumPy little to do at once."""
METHODS: tuple[Method, ...] = ("closed", "recurrence")


class Scan(ABC, Brief):
    """One affine recurrence for a batch of input sequences.

    Attributes
    ----------
    drives
        $B_k$, shape (batch, L, *S).
    """

    drives: Values

    def states(self, method: str = "closed") -> Values:
        r"""$Z_1, \dots, Z_L$, the shape of the drives.

        Where a multiplier grows, its powers can leave float64 before the states do: then the closed form gives way to
        the recurrence.

        Raises
        ------
        ValueError
            The method is neither ``"closed"`` nor ``"recurrence"``, or the states leave the range of float64.
        """
        if method not in METHODS:
            msg = f"unknown method {method!r}; choose 'closed' or 'recurrence'"
            raise ValueError(msg)
        with np.errstate(over="ignore", invalid="ignore"):
            states = self._closed() if method == "closed" else self._recur()
            if method == "closed" and not np.isfinite(states).all():
                states = self._recur()
        return require_range("the states", states)

    @abstractmethod
    def _closed(self) -> Values: ...

    @abstractmethod
    def _step(self, k: int, state: Values) -> Values:
        """$A_k Z$ of one state (batch, *S), k from 0."""

    def _recur(self) -> Values:
        states = np.empty(self.drives.shape, dtype=self._dtype())
        state: Values = np.zeros(self.drives.shape[:1] + self.drives.shape[2:], dtype=states.dtype)
        for k in range(self.drives.shape[1]):
            state = self._step(k, state) + self.drives[:, k]
            states[:, k] = state
        return states

    @abstractmethod
    def _dtype(self) -> np.dtype[Any]: ...


@dataclass(frozen=True, eq=False, repr=False)
class InvariantDiagonalScan(Scan):
    r"""$A_k = \mathrm{diag}(\lambda)$.

    Parameters
    ----------
    multipliers
        $\lambda$, broadcast to the axes S of the state.
    drives
        (batch, L, *S).
    """

    multipliers: Values
    drives: Values

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(self.multipliers, self.drives)

    def _step(self, _k: int, state: Values) -> Values:
        return self.multipliers * state

    def _closed(self) -> Values:
        r"""Doubling: after pass i every state holds the last $2^{i+1}$ drives, weighted by powers of $\lambda$."""
        states = self.drives.astype(self._dtype())
        power, reach = np.asarray(self.multipliers), 1
        while reach < states.shape[1]:
            states[:, reach:] = states[:, reach:] + power * states[:, :-reach]
            power, reach = power * power, 2 * reach
        return states


@dataclass(frozen=True, eq=False, repr=False)
class InvariantDenseScan(Scan):
    r"""$A_k = A$, one dense matrix for each channel; the last axis of the state is the one it acts on.

    Parameters
    ----------
    matrices
        (…, N, N), broadcast to the axes of the state before the last.
    drives
        (batch, L, …, N).
    """

    matrices: Values
    drives: Values

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(self.matrices, self.drives)

    def _step(self, _k: int, state: Values) -> Values:
        return (self.matrices @ state[..., None])[..., 0]

    def _closed(self) -> Values:
        r"""Doubling with $A, A^2, A^4, \dots$: no eigenvectors, so nothing is lost to their condition."""
        states = self.drives.astype(self._dtype())
        power, reach = np.asarray(self.matrices), 1
        while reach < states.shape[1]:
            states[:, reach:] = states[:, reach:] + (power @ states[:, :-reach, ..., None])[..., 0]
            power, reach = power @ power, 2 * reach
        return states


@dataclass(frozen=True, eq=False, repr=False)
class VaryingDiagonalScan(Scan):
    r"""$A_k = \mathrm{diag}(\lambda_k)$, given step by step; any sign, zero included.

    Parameters
    ----------
    multipliers
        $\lambda_k$, broadcast to (batch, L, *S).
    drives
        (batch, L, *S).
    """

    multipliers: Values
    drives: Values

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(self.multipliers, self.drives)

    def _step(self, k: int, state: Values) -> Values:
        return np.broadcast_to(self.multipliers, self.drives.shape)[:, k] * state

    def _closed(self) -> Values:
        r"""Doubling of the pairs $(\prod \lambda, \text{state})$ in chunks: products commute, any bracketing will do.

        A chunk begins where the one before ended, and is short enough to stay in the cache.
        """
        states = self.drives.astype(self._dtype())
        multipliers = np.broadcast_to(self.multipliers, states.shape)
        length = states.shape[1]
        chunk = max(MIN_CHUNK, CHUNK_ENTRIES * length // max(states.size, 1))
        for start in range(0, length, chunk):
            inside, products = states[:, start : start + chunk], multipliers[:, start : start + chunk].copy()
            if start:
                inside[:, 0] += products[:, 0] * states[:, start - 1]
            reach = 1
            while reach < inside.shape[1]:
                inside[:, reach:] += products[:, reach:] * inside[:, :-reach]
                products[:, reach:] *= products[:, :-reach]
                reach *= 2
        return states


@dataclass(frozen=True, eq=False, repr=False)
class VaryingRankOneScan(Scan):
    r"""$A_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top)$ on the rows of matrix states (…, N, V).

    Parameters
    ----------
    decays, strengths
        $g_k$ and $\beta_k$, (batch, L, …): the axes of the state before the last two.
    keys
        $\kappa_k$, (batch, L, …, N).
    drives
        (batch, L, …, N, V).
    """

    decays: Values
    strengths: Values
    keys: Values
    drives: Values

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(self.decays, self.strengths, self.keys, self.drives)

    def _step(self, k: int, state: Values) -> Values:
        key, strength, decay = self.keys[:, k], self.strengths[:, k], self.decays[:, k]
        read = (key[..., None, :] @ state)[..., 0, :]
        correction = strength[..., None, None] * key[..., :, None] * read[..., None, :]
        result: Values = decay[..., None, None] * (state - correction)
        return result

    def _closed(self) -> Values:
        """Chunk by chunk through one triangular system each (the WY form); no clock exists (THEORY T19)."""
        return delta_states(self.decays, self.strengths, self.keys, self.drives)
