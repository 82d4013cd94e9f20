r"""Matrix states on a clock, read by queries: outputs without the states.

$$S_k = \mathrm{diag}(e^{-\Delta_k}) S_{k-1} + k_k v_k^\top, \qquad o_k = S_k^\top q_k .$$

Inside a chunk that begins with step s, with the clock $\tau_k = \Delta_{s+1} + \dots + \Delta_k$ of each row,

$$o_k = \sum_{s \le j \le k} \bigl( (e^{-\tau_k} q_k) \cdot (e^{\tau_j} k_j) \bigr) v_j
  + (e^{-\tau_k} e^{-\Delta_s} S_{s-1})^\top q_k :$$

masked attention of decayed queries and grown keys, and one state for each chunk. A chunk ends before the largest
$\tau$ passes the range of the numbers.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.families.selective_scan import chunk_cuts, chunk_range
from carleman_ssm.networks.layers import Array

LONGEST = 64
"""Most steps in a chunk: its attention costs as many operations for each step."""


def gated_attention(increments: Array, keys: Array, values: Array, queries: Array) -> Array:
    r"""Outputs $o_k$ of all steps from rest.

    Parameters
    ----------
    increments
        $\Delta_k \ge 0$, (batch, L, h, K), or (batch, L, h, 1) with one clock for all rows of a head.
    keys, queries
        (batch, L, h, K).
    values
        (batch, L, h, V).

    Returns
    -------
    ndarray
        (batch, L, h, V).

    Raises
    ------
    ValueError
        Shapes that do not fit each other.

    References
    ----------
    Yang et al. (2024), §4.3; Dao and Gu (2024), §6; THEORY T19.

    Examples
    --------
    >>> ones = np.ones((1, 3, 1, 1))
    >>> gated_attention(np.log(2) * ones, ones, ones, 2 * ones).ravel()
    array([2. , 3. , 3.5])
    """
    _check(increments, keys, values, queries)
    outputs = np.empty(values.shape)
    increments, keys, values, queries = (np.moveaxis(v, 1, 2) for v in (increments, keys, values, queries))
    state = np.zeros((*keys.shape[:2], keys.shape[-1], values.shape[-1]))
    reach = increments.max(axis=(0, 1, 3), initial=0)
    for start, stop in chunk_cuts(reach, chunk_range(keys, values, queries), LONGEST):
        chunk = slice(start, stop)
        clock = increments[:, :, chunk].copy()
        clock[:, :, 0] = 0
        decay = np.exp(-np.cumsum(clock, axis=2))
        state = np.exp(-increments[:, :, start])[..., None] * state
        seen, grown = queries[:, :, chunk] * decay, keys[:, :, chunk] / decay
        scores = np.tril(seen @ grown.swapaxes(-1, -2))
        outputs[:, chunk] = np.moveaxis(scores @ values[:, :, chunk] + seen @ state, 2, 1)
        state = decay[:, :, -1, :, None] * (state + grown.swapaxes(-1, -2) @ values[:, :, chunk])
    return outputs


def _check(increments: Array, keys: Array, values: Array, queries: Array) -> None:
    wanted = {"increments": (increments, (keys.shape[-1], 1)), "queries": (queries, (keys.shape[-1],))}
    wanted["values"] = (values, values.shape[-1:])
    for name, (array, last) in wanted.items():
        if keys.ndim != 4 or array.shape[:-1] != keys.shape[:-1] or array.shape[-1] not in last:
            msg = f"{name}: the shape {array.shape} does not fit keys (batch, L, heads, K) = {keys.shape}"
            raise ValueError(msg)
    if (increments < 0).any():
        msg = "increments: a clock runs forwards, got a negative increment"
        raise ValueError(msg)
