r"""The diagonal selective recurrence by its closed form, in chunks that fit the cache and the range of the numbers.

Increments $\Delta_k$ and rates $a_n$ make the multipliers $e^{a_n \Delta_k}$. With the clock
$\tau_j = \Delta_{s+1} + \dots + \Delta_j$ of a chunk that begins with step s, the states of all its steps are

$$x_j = e^{a \tau_j} \Bigl( x_s + \sum_{i=s+1}^{j} e^{-a \tau_i} b_i \Bigr), \qquad
  x_s = e^{a \Delta_s} x_{s-1} + b_s :$$

one exponential for each state and a cumulative sum, which is a product with a triangular matrix of ones. The factor
$e^{-a \tau_i}$ grows as fast as the state forgets, so a chunk ends before $|\mathrm{Re}\, a| \tau$ passes a bound.
Its first step is taken as it stands: a step that passes the bound alone (or forgets everything) begins a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]

RANGE_SINGLE, RANGE_DOUBLE = 32.0, 128.0
"""Largest |Re a| τ inside a chunk: rounding a τ costs this many units in the last place of a term at the most."""
CHUNK_BYTES = 2**18
"""Bytes of one buffer of a chunk; three of them share the second-level cache."""
BLOCK_STATES = 8192
"""States that a block of channels advances together: enough to make a NumPy call worth its overhead."""
LONGEST = 64
"""Most steps in a chunk: the triangular product costs as many operations for each state."""


def clock_states(increments: npt.ArrayLike, rates: npt.ArrayLike, drives: npt.ArrayLike) -> Values:
    r"""All states of $x_k = e^{a \Delta_k} x_{k-1} + b_k$ from rest.

    Parameters
    ----------
    increments
        $\Delta_k$, real, (batch, L, …), broadcast to the drives.
    rates
        $a$, real or complex, broadcast to the axes of the state.
    drives
        $b_k$, (batch, L, *S).

    Returns
    -------
    Values
        (batch, L, *S): single precision if all arguments are, else double.

    Raises
    ------
    ValueError
        The shapes do not broadcast, or the increments are complex.

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> clock_states(np.full((1, 3, 1), np.log(2)), -1.0, np.ones((1, 3, 1))).ravel()
    array([1.  , 1.5 , 1.75])
    """
    steps, slopes, kicks = _common(increments, rates, drives)
    exponents = _aligned(steps, slopes, kicks.shape)
    dtype = np.result_type(exponents, kicks)
    states = np.empty(kicks.shape, dtype)
    early, late, out = (array.swapaxes(0, 1) for array in (exponents, kicks, states))
    state: Values = np.zeros(out.shape[1:], dtype)
    reach = np.abs(early.real).max(axis=tuple(range(1, early.ndim)), initial=0)
    longest = _longest(state)
    ones, clock_ones = (np.tri(longest, dtype=kind) for kind in (dtype, early.dtype))
    for start, stop in chunk_cuts(reach, chunk_range(kicks), longest):
        decay = np.exp(_clock(clock_ones, early[start:stop]))
        sums: Values = late[start:stop] / decay
        sums[0] = np.exp(early[start]) * state + late[start]
        np.multiply(_summed(ones, sums), decay, out=out[start:stop])
        state = out[stop - 1]
    return states


def selective_scan(
    increments: npt.ArrayLike,
    rates: npt.ArrayLike,
    values: npt.ArrayLike,
    B: npt.ArrayLike,
    C: npt.ArrayLike,
    *,
    workers: int = 1,
) -> Values:
    r"""Outputs of a selective layer, without storing its states.

    $$x_{k,d,n} = e^{a_{d,n} \Delta_{k,d}} x_{k-1,d,n} + v_{k,d} B_{k,n}, \qquad y_{k,d} = \sum_n C_{k,n} x_{k,d,n} .$$

    Parameters
    ----------
    increments
        $\Delta_{k,d}$, real, (batch, L, D).
    rates
        $a_{d,n}$, real or complex, (D, N).
    values
        $v_{k,d}$, (batch, L, D); Mamba's rule for the input matrix (Euler's) is $v = \Delta u$.
    B, C
        (batch, L, N).
    workers
        Threads; the batch and the blocks of channels are shared among them.

    Returns
    -------
    Values
        y, (batch, L, D): single precision if all arguments are, else double.

    Raises
    ------
    ValueError
        Shapes that do not fit each other, complex increments, or fewer than one worker.

    References
    ----------
    A. Gu and T. Dao, arXiv:2312.00752, equations 2 and 3; THEORY T19.

    Examples
    --------
    >>> ones = np.ones((1, 3, 1))
    >>> selective_scan(np.log(2) * ones, [[-1.0]], ones, ones, 2 * ones).ravel()
    array([2. , 3. , 3.5])
    """
    problem = _problem(increments, rates, values, B, C)
    if workers < 1:
        msg = f"workers: expected at least 1, got {workers}"
        raise ValueError(msg)
    batch, _, channels = problem.values.shape
    states = max(1, problem.slopes.shape[0])
    width = max(1, min(channels, BLOCK_STATES // states, -(-channels * batch // workers)))
    height = max(1, min(BLOCK_STATES // (width * states), -(-batch // workers)))
    outputs = np.empty(problem.values.shape, problem.dtype)
    tasks = [
        (rows, block, outputs[rows, :, block].swapaxes(0, 1))
        for rows, block in product(_slices(batch, height), _slices(channels, width))
    ]
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            problem.solve(*task)
        return outputs
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(problem.solve, *task) for task in tasks]:
            done.result()
    return outputs


@dataclass(frozen=True, eq=False, repr=False)
class _Problem:
    """Arrays of one selective scan in their common precision; `slopes` is (N, D), channels last."""

    steps: Values
    slopes: Values
    values: Values
    B: Values
    C: Values

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(self.steps, self.slopes, self.values, self.B, self.C)

    def solve(self, rows: slice, block: slice, outputs: Values) -> None:
        """Outputs (L, batch, D) of some sequences and one block of channels."""
        steps, values = (array[rows, :, block].swapaxes(0, 1)[:, :, None] for array in (self.steps, self.values))
        B, C = self.B[rows].swapaxes(0, 1)[..., None], self.C[rows].swapaxes(0, 1)[..., None, :]
        slopes = self.slopes[:, block]
        state: Values = np.zeros((steps.shape[1], *slopes.shape), self.dtype)
        longest = _longest(state)
        reach = np.abs(steps).max(axis=(1, 2, 3), initial=0) * np.abs(slopes.real).max(initial=0)
        buffers = np.empty((3, longest, *state.shape), self.dtype)
        ones, clock_ones = (np.tri(longest, dtype=kind) for kind in (self.dtype, steps.dtype))
        for start, stop in chunk_cuts(reach, chunk_range(values, B), longest):
            size = stop - start
            decay, kicks, states = buffers[:, :size]
            np.exp(np.multiply(_clock(clock_ones, steps[start:stop]), slopes, out=decay), out=decay)
            np.multiply(values[start:stop], B[start:stop], out=kicks)
            kicks[0] += np.exp(steps[start] * slopes) * state  # decay is 1 there
            kicks /= decay
            np.matmul(ones[:size, :size], kicks.reshape(size, -1), out=states.reshape(size, -1))
            states *= decay
            np.matmul(C[start:stop], states, out=outputs[start:stop, :, None])
            state = states[-1].copy()


def _problem(
    increments: npt.ArrayLike, rates: npt.ArrayLike, values: npt.ArrayLike, B: npt.ArrayLike, C: npt.ArrayLike
) -> _Problem:
    steps, slopes, kicks = _common(increments, rates, values)
    before, after = np.asarray(B), np.asarray(C)
    if slopes.ndim != 2 or kicks.ndim != 3:
        msg = f"expected rates (D, N) and values (batch, L, D), got {slopes.shape} and {kicks.shape}"
        raise ValueError(msg)
    channels, states = slopes.shape
    wanted = {
        "increments": (steps, (*kicks.shape[:2], channels)),
        "values": (kicks, (*kicks.shape[:2], channels)),
        "B": (before, (*kicks.shape[:2], states)),
        "C": (after, (*kicks.shape[:2], states)),
    }
    for name, (array, shape) in wanted.items():
        if array.shape != shape:
            msg = f"{name}: expected the shape {shape} beside rates {slopes.shape}, got {array.shape}"
            raise ValueError(msg)
    return _Problem(steps, np.ascontiguousarray(slopes.T), kicks, before, after)


def _common(increments: npt.ArrayLike, rates: npt.ArrayLike, drives: npt.ArrayLike) -> tuple[Values, Values, Values]:
    """The arrays, integers as float64; a Python number as rates takes the precision of the others."""
    steps, slopes, kicks = (np.asarray(value) for value in (increments, rates, drives))
    if np.iscomplexobj(steps):
        msg = "increments: expected real numbers; complex ones belong into the rates"
        raise ValueError(msg)
    steps, kicks = (value if value.dtype.kind in "fc" else value.astype(np.float64) for value in (steps, kicks))
    if not isinstance(rates, np.ndarray) or slopes.dtype.kind not in "fc":
        kind = np.complex64 if np.iscomplexobj(slopes) else np.float32
        slopes = slopes.astype(np.result_type(steps, kind))
    return steps, slopes, kicks


def _aligned(steps: Values, slopes: Values, shape: tuple[int, ...]) -> Values:
    """Exponents a Δ_k, with the axes of the drives."""
    if slopes.ndim > len(shape) - 2 or steps.ndim != len(shape):
        msg = f"increments {steps.shape} and rates {slopes.shape} do not fit drives (batch, L, *S) = {shape}"
        raise ValueError(msg)
    try:
        exponents: Values = steps * slopes
        np.broadcast_to(exponents, shape)
    except ValueError as error:
        msg = f"increments {steps.shape} and rates {slopes.shape} do not broadcast to the drives {shape}"
        raise ValueError(msg) from error
    return np.broadcast_to(exponents, (*shape[:2], *exponents.shape[2:]))


def chunk_cuts(reach: Values, limit: float, longest: int) -> Iterator[tuple[int, int]]:
    """Chunks of at most `longest` steps whose reaches, the first one aside, sum to at most `limit`."""
    # A step beyond the limit begins a chunk however large it is; as it stands it would swallow the sums after it.
    clock = np.cumsum(np.minimum(reach, limit + 1), dtype=np.float64)
    start, length = 0, len(clock)
    while start < length:
        fitting = int(np.searchsorted(clock, clock[start] + limit, "right"))
        stop = max(start + 1, min(start + longest, fitting, length))
        yield start, stop
        start = stop


def chunk_range(*factors: Values) -> float:
    """Largest |Re a| τ of a chunk at which sums of the drives, enlarged by its exponential, stay in range."""
    single = all(factor.dtype.itemsize <= 4 * (1 + np.iscomplexobj(factor)) for factor in factors)
    largest = sum(log(max(1.0, float(np.abs(factor).max(initial=0)))) for factor in factors)
    room = log(float(np.finfo(np.float32 if single else np.float64).max)) - log(2 * LONGEST) - largest
    return max(0.0, min(RANGE_SINGLE if single else RANGE_DOUBLE, room))


def _slices(length: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, length, size)]


def _longest(state: Values) -> int:
    """Steps of a chunk that stay in the cache."""
    return max(1, min(LONGEST, CHUNK_BYTES // max(1, state.nbytes)))


def _clock(ones: Values, increments: Values) -> Values:
    """Increments summed since the first step of a chunk, time first."""
    later = increments.copy()
    later[0] = 0
    return _summed(ones, later)


def _summed(ones: Values, values: Values) -> Values:
    """Cumulative sums along the first axis, by a triangle of ones at least as long."""
    size = len(values)
    return (ones[:size, :size] @ values.reshape(size, -1)).reshape(values.shape)
