r"""Node contents of rings for given inputs: modes by blocks of time, then a Fourier transform along the modes.

A block of time is cut into chunks of T steps. Inside a chunk that starts from the state $s$ the modes are
$x_i = \sum_{i' \le i} \lambda^{i-i'}\bar b\,u_{i'} + \lambda^{i+1} s$: one matrix product for all chunks of a block,
and one product per number for what was there before. The transform runs while the block is in the cache.

Half of the modes of a real ring are conjugates of the others and are never computed. On a ring of 2M - 1 nodes the
real transform of the M modes $f \ge 0$ gives the nodes. On an anti-periodic ring of N = 2M nodes the even modes
$n = 2p$ of the wave numbers $n + \frac12$ are enough,

$$h_j + i h_{j+M} = \frac1M e^{-i\pi j/N} \sum_{p<M} x_{2p}\, e^{-2\pi i p j/M}, \qquad 0 \le j < M,$$

since $e^{-2\pi i(n + 1/2)(j + M)/N} = -i\,(-1)^n e^{-2\pi i(n + 1/2)j/N}$ lets the odd ones cancel (THEORY T5b).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft

from carleman_ssm.networks.kernel import powers
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.theory.ring_modes import COMPLEX, REAL

CHUNK = 8
"""Steps per chunk: each step costs T multiply-adds per mode, each chunk one step of a short recurrence."""

BLOCK_ENTRIES = 2**16
"""Complex numbers per block (1 MiB): more would leave the cache, fewer make Python wait."""

BLOCK_STEPS = 64
"""Steps per block; how many channels and sequences share it follows from the entries."""

NODES_BY_MATRIX = 64
"""Up to here the transform of a real ring is a matrix product: as fast at 63 nodes, faster below and at primes."""

Transform = Callable[[ComplexArray], Array | ComplexArray]


@dataclass(frozen=True, eq=False)
class _Scan:
    """The matrices of H channels with P computed modes each."""

    response: Array  # (H, T, 2TP): from the inputs of a chunk to its modes, real and imaginary parts alternating
    onward: ComplexArray  # (H, T, P): λ, …, λ^T, from the state before a chunk to its modes

    @classmethod
    def of(cls, multipliers: ComplexArray, input_vector: ComplexArray) -> _Scan:
        table = powers(multipliers, CHUNK + 1).swapaxes(1, 2)  # (H, T + 1, P)
        driven = np.zeros((len(table), CHUNK, CHUNK, table.shape[2]), dtype=np.complex128)
        for first in range(CHUNK):
            driven[:, first, first:] = table[:, : CHUNK - first] * input_vector[:, None]
        response = driven.reshape(len(table), CHUNK, -1).view(np.float64)
        return cls(response, np.ascontiguousarray(table[:, 1:]))

    def __call__(self, u: Array, state: ComplexArray) -> ComplexArray:
        """Modes (H, sequences, chunks, T, P) of inputs (H, sequences, chunks, T); the state (H, sequences, P) moves."""
        channels, sequences, chunks, steps = u.shape
        driven = u.reshape(channels, -1, steps) @ self.response
        modes = driven.view(np.complex128).reshape(*u.shape, -1)
        before = np.empty((channels, sequences, chunks, modes.shape[-1]), dtype=np.complex128)
        last = self.onward[:, None, -1]
        for c in range(chunks):
            before[:, :, c] = state
            np.multiply(state, last, out=state)
            state += modes[:, :, c, -1]
        modes += before[:, :, :, None] * self.onward[:, None, None]
        return modes


def node_states(multipliers: ComplexArray, input_vector: ComplexArray, closure: str, u: Array) -> Array | ComplexArray:
    """(batch, length, H, N) contents after each step of u (batch, length, H) from rest.

    Parameters
    ----------
    multipliers, input_vector
        (H, N) by ascending wave number of the closure.

    Raises
    ------
    ValueError
        The contents leave the range of float64.
    """
    channels, nodes = multipliers.shape
    used = computed_modes(closure, nodes)
    to_nodes = _transform(closure, nodes)
    contents = np.empty((*u.shape, nodes), np.complex128 if closure == COMPLEX else np.float64)
    width = max(1, BLOCK_ENTRIES // (len(used) * BLOCK_STEPS))
    for first in range(0, channels, width):
        rings = slice(first, first + width)
        with np.errstate(over="ignore", invalid="ignore"):  # what has overflowed is refused by name
            scan = _Scan.of(multipliers[rings, used], input_vector[rings, used])
            _fill(scan, to_nodes, u[..., rings], contents[..., rings, :])
    return contents


def _fill(scan: _Scan, to_nodes: Transform, u: Array, contents: Array | ComplexArray) -> None:
    """Fill the contents (batch, length, h, N) of a few channels."""
    batch, length, channels = u.shape
    modes = scan.onward.shape[2]
    steps = min(-(-length // CHUNK) * CHUNK, max(BLOCK_STEPS, CHUNK))
    group = max(1, BLOCK_ENTRIES // (channels * modes * steps))
    final = np.zeros((channels, batch, modes), dtype=np.complex128)
    for start in range(0, batch, group):
        rows = slice(start, start + group)
        for first in range(0, length, steps):
            block = slice(first, min(first + steps, length))
            joined = scan(_chunked(u[rows, block]), final[:, rows])
            moved = to_nodes(joined.reshape(*joined.shape[:2], -1, modes))[:, :, : block.stop - first]
            _require_range(moved)
            contents[rows, block] = moved.transpose(1, 2, 0, 3)


def _require_range(contents: Array | ComplexArray) -> None:
    """Refuse infinity and NaN; the sum sees them in one pass and overflows itself only for huge contents."""
    if not np.isfinite(contents.sum()) and not np.isfinite(contents).all():
        msg = "the contents of a ring leave the range of float64: the inputs are too large, or the ring grows (|λ| > 1)"
        raise ValueError(msg)


def computed_modes(closure: str, nodes: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices (by ascending wave number) of the modes that determine all others of a ring with real inputs."""
    if closure == COMPLEX:
        return np.arange(nodes)
    if closure == REAL:
        return np.arange(nodes // 2, nodes)
    return (2 * np.arange(nodes // 2) + nodes // 2) % nodes


def _chunked(u: Array) -> Array:
    """(sequences, steps, H) to (H, sequences, chunks, T), zeros behind the end."""
    sequences, steps, channels = u.shape
    chunks = -(-steps // CHUNK)
    padded = np.zeros((channels, sequences, chunks * CHUNK))
    padded[..., :steps] = u.transpose(2, 0, 1)
    return padded.reshape(channels, sequences, chunks, CHUNK)


def _transform(closure: str, nodes: int) -> Transform:
    """From the computed modes (…, P) to the nodes (…, N)."""
    if closure == COMPLEX:
        return lambda modes: np.asarray(fft.fft(modes, norm="forward"))

    def real(modes: ComplexArray) -> Array:
        return np.asarray(fft.hfft(modes, nodes, norm="forward"))

    half = nodes // 2
    turn = np.exp(-1j * np.pi / nodes * np.arange(half))

    def antiperiodic(modes: ComplexArray) -> Array:
        pairs = fft.fft(modes, norm="forward") * turn
        return np.concatenate([pairs.real, pairs.imag], axis=-1)

    transform = real if closure == REAL else antiperiodic
    if nodes > NODES_BY_MATRIX:
        return transform
    units = np.eye(len(computed_modes(closure, nodes)), dtype=np.complex128)
    matrix = np.stack([transform(units), transform(1j * units)], axis=1).reshape(-1, nodes)
    return lambda modes: modes.view(np.float64) @ matrix
