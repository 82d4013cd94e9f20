r"""States of the delta rule without a loop over time: chunks of steps through one triangular system each.

Within a chunk, with $D_{kj} = g_k \cdots g_{j+1}$ for $j \le k$ and $D_{k0} = g_k \cdots g_1$,

$$Z_k = D_{k0} Z_0 + \sum_{j \le k} D_{kj} (B_j - \kappa_j r_j^\top), \qquad
r_k = \beta_k \kappa_k^\top \Big(D_{k0} Z_0 + \sum_{j<k} D_{kj} (B_j - \kappa_j r_j^\top)\Big):$$

what step k takes away is a multiple $r_k$ of its key, and the $r_k$ solve $(1 + T)\, r = \rho$ with the strictly lower
triangular $T_{kj} = \beta_k D_{kj}\, \kappa_k \cdot \kappa_j$. This is the WY form of `recurrences.delta_rule` for any
drives. All chunks are solved together; only the states between them are found one after the other. Decays are
multiplied, never divided, so that zero is allowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

CHUNK = 32
"""Steps in one triangular system: its cost grows with the square, the number of systems falls with it."""


def delta_states(decays: Values, strengths: Values, keys: Values, drives: Values, *, chunk: int = CHUNK) -> Values:
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
        Steps treated at once.

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
    if chunk < 1:
        msg = f"a chunk needs at least one step, got {chunk}"
        raise ValueError(msg)
    length = drives.shape[1]
    size = min(chunk, length)
    gates = (np.moveaxis(np.broadcast_to(gate, keys.shape[:-1]), 1, -1) for gate in (decays, strengths))
    decays, strengths = (_cut(gate, size, -1) for gate in gates)
    keys, drives = _cut(np.moveaxis(keys, 1, -2), size, -2), _cut(np.moveaxis(drives, 1, -3), size, -3)
    states = _states_in_chunks(decays, strengths, keys, drives)
    whole = states.reshape(*states.shape[:-4], -1, *states.shape[-2:])
    return np.moveaxis(whole[..., :length, :, :], -3, 1)


def _cut(values: Values, size: int, axis: int) -> Values:
    """The axis of the steps as two, chunks and steps of a chunk; the last chunk is filled up with zeros."""
    place = axis % values.ndim
    padding = [(0, -values.shape[place] % size if number == place else 0) for number in range(values.ndim)]
    padded = np.pad(values, padding)
    return padded.reshape(*values.shape[:place], -1, size, *values.shape[place + 1 :])


def _states_in_chunks(decays: Values, strengths: Values, keys: Values, drives: Values) -> Values:
    r"""All chunks at once; $r = r^0 + W Z_0$ is affine in the state $Z_0$ before a chunk, which comes last."""
    between, carried = decay_products(decays), np.cumprod(decays, axis=-1)
    undisturbed = _weighted(between, drives)
    asked = strengths[..., None] * keys
    reads = np.einsum("...kn,...knv->...kv", asked, undisturbed - drives)
    system = np.tril(between * (asked @ np.swapaxes(keys, -1, -2)), -1) + np.eye(decays.shape[-1])
    solved = np.linalg.solve(system, np.concatenate([reads, carried[..., None] * asked], axis=-1))
    taken, vectors = solved[..., : reads.shape[-1]], solved[..., reads.shape[-1] :]
    last_keys = np.swapaxes(between[..., -1, :, None] * keys, -1, -2)
    through = carried[..., -1, None, None] * np.eye(keys.shape[-1]) - last_keys @ vectors
    before = _chained(through, undisturbed[..., -1, :, :] - last_keys @ taken)
    taken = taken + vectors @ before
    lasting = carried[..., None, None] * before[..., None, :, :] + undisturbed
    return lasting - _weighted(between, keys[..., None] * taken[..., None, :])


def _chained(through: Values, ends: Values) -> Values:
    """The state before every chunk: from rest, each chunk maps its state affinely. The loop is over chunks."""
    before = np.zeros(ends.shape, dtype=np.result_type(through, ends))
    for number in range(ends.shape[-3] - 1):
        before[..., number + 1, :, :] = through[..., number, :, :] @ before[..., number, :, :] + ends[..., number, :, :]
    return before


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


def _weighted(weights: Values, terms: Values) -> Values:
    r"""$\sum_j D_{kj} X_j$ of matrices $X_j$, as one matrix product."""
    flat = terms.reshape(*terms.shape[:-2], -1)
    result: Values = (weights @ flat).reshape(terms.shape)
    return result
