r"""S4D layers by chunked scan: the convolution as small matrix products and a short recurrence.

The sequence is cut into chunks of T steps. With $x_k = \lambda x_{k-1} + u_k$ and
$y_k = \mathrm{Re}\sum_n w_n x_{k,n} + D u_k$, $w = 2 C \bar b$, one chunk that starts from the state $s$ is

$$y_j = \sum_{i \le j} K_{j-i}\, u_i + \mathrm{Re} \sum_n w_n \lambda_n^{j+1} s_n, \qquad
  s' = \lambda^T s + \sum_i \lambda^{T-1-i} u_i,$$

two products with matrices that depend on the layer alone (feedthrough included as $K_0 + D$). Nothing depends
on the length of the sequence, and a block of channels stays in the cache from the input to the activation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.kernel import powers
from carleman_ssm.networks.layers import S4DLayer

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Decode = Callable[[Floats, slice], None]
"""Replaces the pre-activations (h, L) of a range of channels by their decoded values, in place."""

CHUNK = 64
"""Steps per chunk: shorter chunks mean a longer recurrence, longer ones larger triangles of the kernel."""

_TASK_ENTRIES = 2**19
"""Numbers of the input in one task at most (4 MiB): more would leave the cache, fewer make Python wait."""

_PRODUCT_ENTRIES = 2**18
"""Multiply-adds of one matrix product at most: up to here BLAS stays on the thread that calls it."""


class Task(NamedTuple):
    """One sequence of the batch and a range of channels."""

    item: int
    channels: slice


@dataclass(frozen=True, eq=False)
class ChunkedScan:
    r"""The convolution and feedthrough of H channels with M stored modes each, ready to be applied.

    Parameters
    ----------
    drive
        (H, T, 2M): from the inputs of a chunk to the state at its end; real and imaginary parts alternate.
    advance
        (H, M) complex, $\lambda^T$.
    response
        (H, T + 2M, T): from the inputs of a chunk and the state at its start to its outputs.

    Examples
    --------
    >>> layer = S4DLayer(np.zeros(1), np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)) + 0j, np.zeros(1))
    >>> impulse = np.zeros((1, 1, 100))
    >>> impulse[..., 0] = 1
    >>> bool(np.allclose(ChunkedScan.of(layer)(impulse)[0], layer.kernel(100), atol=1e-15))
    True
    """

    drive: Floats
    advance: Complexes
    response: Floats

    @classmethod
    def of(cls, layer: S4DLayer, chunk: int = CHUNK) -> ChunkedScan:
        """Build the matrices of a layer: T + 1 powers of each multiplier, nothing of the sequence's length.

        Raises
        ------
        ValueError
            The chunk has no step.
        """
        if chunk < 1:
            msg = f"a chunk needs at least one step, got {chunk}"
            raise ValueError(msg)
        table = powers(layer.multipliers, chunk + 1)
        weighted = 2 * (layer.C * layer.input_vector)[..., None] * table
        kernel = weighted[..., :chunk].real.sum(axis=1)
        kernel[:, 0] += layer.D
        drive = np.ascontiguousarray(table[..., chunk - 1 :: -1].swapaxes(1, 2)).view(np.float64)
        # Re(w s) = Re w Re s - Im w Im s: the conjugate's parts, alternating as those of the state do
        readout = np.ascontiguousarray(weighted[..., 1:].conj().swapaxes(1, 2)).view(np.float64).swapaxes(1, 2)
        response = np.concatenate([_upper_toeplitz(kernel), readout], axis=1)
        return cls(drive, np.ascontiguousarray(table[..., chunk]), response)

    @property
    def chunk(self) -> int:
        """T, the steps per chunk."""
        return int(self.drive.shape[1])

    def __call__(self, u: Floats, decode: Decode | None = None, *, workers: int = 1) -> Floats:
        r"""$K \star u + D u$ along the last axis, decoded while it is in the cache.

        Parameters
        ----------
        u
            (batch, H, L), channels before time as in the reference layer.
        decode
            The activation, applied in place to blocks of channels; None: the identity.
        workers
            Number of threads.

        Returns
        -------
        (batch, H, L), float64.

        Raises
        ------
        ValueError
            The input is not (batch, H, L) for the H of the layer.
        """
        if u.ndim != 3 or u.shape[1] != len(self.drive):
            msg = f"expected (batch, {len(self.drive)}, length), got {u.shape}: channels come before time"
            raise ValueError(msg)
        if not u.size:
            return np.zeros(u.shape)
        groups, rows = self._grouping(u.shape[2])
        result = np.empty((*u.shape[:2], groups * rows * self.chunk))

        def run(task: Task) -> None:
            block = result[task.item, task.channels]
            chunked = block.reshape(len(block), groups, rows, self.chunk)
            self._scan(u[task.item, task.channels], task.channels, chunked)
            if decode is not None:
                decode(block, task.channels)

        for_each(run, list(_tasks(u.shape, workers)), workers)
        return result[..., : u.shape[2]]

    def _grouping(self, length: int) -> tuple[int, int]:
        """Groups of chunks (one product each) and chunks per group that cover the length."""
        chunks = -(-length // self.chunk)
        largest = max(1, _PRODUCT_ENTRIES // (self.response.shape[1] * self.chunk))
        groups = -(-chunks // largest)
        return groups, -(-chunks // groups)

    def _scan(self, u: Floats, channels: slice, result: Floats) -> None:
        """One block of channels of one sequence: u is (h, L), the result (h, groups, rows, T)."""
        count, groups, rows, steps = result.shape
        joined = np.empty((count, groups * rows + 1, self.response.shape[1]))  # inputs beside the state before
        _place(u, joined[..., :steps])
        joined[:, 0, steps:] = 0.0
        before, after = (part.reshape(count, groups, rows, -1) for part in (joined[:, :-1], joined[:, 1:, steps:]))
        np.matmul(before[..., :steps], self.drive[channels, None], out=after)
        states, advance = joined[..., steps:].view(np.complex128), self.advance[channels]
        carried = np.empty_like(advance)
        for k in range(1, groups * rows):
            states[:, k] += np.multiply(states[:, k - 1], advance, out=carried)
        np.matmul(before, self.response[channels, None], out=result)


def _place(u: Floats, chunks: Floats) -> None:
    """Cut u (h, L) into chunks (h, count, T), zeros behind its end."""
    steps = chunks.shape[2]
    filled = u.shape[1] // steps
    rest = u.shape[1] - filled * steps
    chunks[:, :filled] = u[:, : filled * steps].reshape(len(u), filled, steps)
    chunks[:, filled:] = 0.0
    if rest:
        chunks[:, filled, :rest] = u[:, filled * steps :]


def _tasks(shape: tuple[int, ...], workers: int) -> Iterator[Task]:
    """Ranges of channels outside, sequences inside, so that the matrices of a range are loaded once."""
    batch, channels, length = shape
    share = -(-batch * channels // workers)  # a single long sequence is shared by its channels
    size = max(1, min(channels, share, _TASK_ENTRIES // length))
    for first in range(0, channels, size):
        for item in range(batch):
            yield Task(item, slice(first, min(first + size, channels)))


def for_each(run: Callable[[Task], None], tasks: list[Task], workers: int) -> None:
    """Run every task, on this thread if one worker is asked for; NumPy's products release the lock."""
    if workers <= 1 or len(tasks) == 1:
        for task in tasks:
            run(task)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(run, tasks):
            pass


def _upper_toeplitz(kernel: Floats) -> Floats:
    r"""$R_{h,i,j} = K_{h,j-i}$ for $j \ge i$, else 0: (H, T) to (H, T, T)."""
    steps = kernel.shape[1]
    padded = np.concatenate([np.zeros((len(kernel), steps - 1)), kernel], axis=1)
    return np.lib.stride_tricks.sliding_window_view(padded, steps, axis=1)[:, ::-1]
