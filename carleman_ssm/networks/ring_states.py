"""Node contents of rings for given inputs: the modes step by step, then the Fourier transform to the nodes."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.layers import Array, ComplexArray


def node_states(multipliers: ComplexArray, input_vector: ComplexArray, waves: ComplexArray, u: Array) -> ComplexArray:
    """(batch, length, H, N) contents after each step of u (batch, length, H) from rest."""
    contents = np.empty((*u.shape, multipliers.shape[1]), dtype=np.complex128)
    state = np.zeros((u.shape[0], *multipliers.shape), dtype=np.complex128)
    for k in range(u.shape[1]):
        state = multipliers * state + input_vector * u[:, k, :, None]
        contents[:, k] = state
    result: ComplexArray = contents @ waves.conj().T / multipliers.shape[1]
    return result
