r"""States of the delta rule without a loop over time: chunks of steps through one triangular system each.

Within a chunk, with $D_{kj} = g_k \cdots g_{j+1}$ for $j \le k$ and $D_{k0} = g_k \cdots g_1$,

$$Z_k = D_{k0} Z_0 + \sum_{j \le k} D_{kj} (B_j - \kappa_j r_j^\top), \qquad
r_k = \beta_k \kappa_k^\top \Big(D_{k0} Z_0 + \sum_{j<k} D_{kj} (B_j - \kappa_j r_j^\top)\Big):$$

what step k takes away is a multiple $r_k$ of its key, and the $r_k$ solve $(1 + T)\, r = \rho$ with the strictly lower
triangular $T_{kj} = \beta_k D_{kj}\, \kappa_k \cdot \kappa_j$. This is the WY form of `recurrences.delta_rule` for any
drives. Decays are multiplied, never divided, so that zero is allowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

CHUNK = 16
"""Steps in one triangular system: its cost grows with the square, the number of systems falls with it."""
GROWTH = 1e3
"""By how much the states may grow within a chunk: that factor of the rounding can be lost in its system."""


def delta_states(
    decays: Values, strengths: Values, keys: Values, drives: Values, *, chunk: int | None = None
) -> Values:
    r"""$Z_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top) Z_{k-1} + B_k$ from rest, for all steps.

    Parameters
    ----------
    decays, strengths
        $g_k$, $\beta_k$: (batch, L, …).
    keys
        $\kappa_k$: (batch, L, …, N).
    drives
        $B_k$: (batch, L, …, N, V).
    chunk
        Steps treated at once; by default 16, or fewer where $|1 - \beta_k |\kappa_k|^2| > 1$ lets states grow.

    Returns
    -------
    ndarray
        (batch, L, …, N, V), in the common dtype.

    Raises
    ------
    ValueError
        The chunk has no step.

    References
    ----------
    Yang et al., arXiv 2406.06484, section 3 (there for $B_k = \beta_k \kappa_k v_k^\top$); THEORY T19.
    """
    chunk = chunk_length(strengths, keys) if chunk is None else chunk
    if chunk < 1:
        msg = f"a chunk needs at least one step, got {chunk}"
        raise ValueError(msg)
    decays, strengths = (np.moveaxis(np.broadcast_to(gate, keys.shape[:-1]), 1, -1) for gate in (decays, strengths))
    keys, drives = np.moveaxis(keys, 1, -2), np.moveaxis(drives, 1, -3)
    states = np.empty(drives.shape, dtype=np.result_type(decays, strengths, keys, drives))
    state = np.zeros(drives.shape[:-3] + drives.shape[-2:], dtype=states.dtype)
    for start in range(0, drives.shape[-3], chunk):
        part = slice(start, start + chunk)
        found = _chunk_states(
            decays[..., part], strengths[..., part], keys[..., part, :], drives[..., part, :, :], state
        )
        states[..., part, :, :], state = found, found[..., -1, :, :]
    return np.moveaxis(states, -3, 1)


def chunk_length(strengths: Values, keys: Values) -> int:
    r"""Steps in which no state grows by more than 1e3: 16 for keys of unit length with $0 \le \beta \le 2$.

    Examples
    --------
    >>> chunk_length(np.array([[1.0]]), np.array([[[1.0, 0.0]]])), chunk_length(np.array([[2.0]]), np.array([[[3.0]]]))
    (16, 2)
    """
    growth = float(np.max(np.abs(1 - strengths * np.sum(keys * keys, axis=-1)), initial=0.0))
    return CHUNK if growth <= GROWTH ** (1 / CHUNK) else max(1, int(np.log(GROWTH) / np.log(growth)))


def _chunk_states(decays: Values, strengths: Values, keys: Values, drives: Values, state: Values) -> Values:
    """States of one chunk (…, C, N, V) after the state (…, N, V), which enters as a part of the first drive."""
    steps, size, columns = drives.shape[-3:]
    between = decay_products(decays)
    taking = np.tril(strengths[..., None] * between, -1)
    by_row = np.swapaxes(drives, -3, -2).reshape(*drives.shape[:-3], size, steps * columns)
    answers = (keys @ by_row).reshape(*drives.shape[:-3], steps, steps, columns)
    carried = (strengths * np.cumprod(decays, axis=-1))[..., None] * (keys @ state)
    reads = (taking[..., None, :] @ answers)[..., 0, :] + carried
    taken = np.linalg.solve(np.eye(steps) + taking * (keys @ np.swapaxes(keys, -1, -2)), reads)
    net = drives - keys[..., None] * taken[..., None, :]
    net[..., 0, :, :] += decays[..., 0, None, None] * state
    found: Values = (between @ net.reshape(*net.shape[:-2], -1)).reshape(net.shape)
    return found


def decay_products(decays: Values) -> Values:
    r"""$D_{kj} = g_k \cdots g_{j+1}$ for $j \le k$, else 0: (…, C) to (…, C, C).

    Examples
    --------
    >>> decay_products(np.array([0.5, 2.0, 3.0]))
    array([[1., 0., 0.],
           [2., 1., 0.],
           [6., 3., 1.]])
    """
    steps = decays.shape[-1]
    later = np.tril(np.ones((steps, steps), dtype=bool), -1)
    factors = np.where(later, decays[..., :, None], np.ones((), dtype=decays.dtype))
    products: Values = np.tril(np.cumprod(factors, axis=-2))
    return products
