"""The diagonal selective scan by its closed form beside steps through time and an associative scan.

(a) NumPy step by step on arrays of all steps, (b) NumPy step by step on blocks that stay in the cache, both with
outputs summed over the states; (c) the documented formula of Mamba's reference scan, step by step in torch, with the
extra ``torch``; (d) ``jax.lax.associative_scan`` on pairs (multiplier, drive), with the extra ``jax``. Single
precision on all sides, Mamba's spectrum −1, …, −N, steps around 1e-3 to 1e-1 as it initialises them.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks.measure import Row, alternate
from carleman_ssm.families.selective_scan import selective_scan

SIZE = (2, 2048, 256, 16)
REPEATS = 7
BLOCK = 16
AIMS = {"(b)": 0.5, "(c)": 1.0, "(d)": 1.0}
LABELS = {
    "(a)": "NumPy step by step",
    "(b)": "NumPy step by step in the cache",
    "(c)": "torch step by step",
    "(d)": "JAX associative scan",
}
ERROR_AIM = 1e-6


def rows(threads: int) -> list[Row]:
    return compare(SIZE, threads, REPEATS)


def compare(size, threads: int, repeats: int) -> list[Row]:
    """Ours beside each baseline, all of them taking turns, and the error of every side."""
    problem = mamba_like(size)
    exact = by_blocks(*(array.astype(np.float64) for array in problem))
    runs = candidates(problem, threads)
    name = f"selective scan {size}, float32"
    errors = [
        Row(
            name,
            f"relative error: {label(key)}",
            "",
            _error(run(), exact),
            None,
            "",
            ERROR_AIM if key == "ours" else None,
        )
        for key, run in runs.items()
    ]
    seconds = alternate(runs, repeats)
    speeds = [
        Row(name, "ours", label(key), 1e3 * seconds["ours"], 1e3 * seconds[key], "ms", AIMS.get(key))
        for key in runs
        if key != "ours"
    ]
    return speeds + errors


def label(key: str) -> str:
    """What a candidate is called in the table."""
    return f"{key} {LABELS[key]}" if key in LABELS else key


def mamba_like(size):
    """Increments, rates, inputs, B, C in float32, distributed as Mamba initialises its layers."""
    batch, length, channels, states = size
    rng = np.random.default_rng(17)
    step = np.exp(rng.uniform(np.log(1e-3), np.log(1e-1), channels))
    bias = step + np.log(-np.expm1(-step))  # the inverse of softplus
    increments = np.log1p(np.exp(bias + 0.5 * rng.standard_normal((batch, length, channels))))
    rates = -np.tile(np.arange(1.0, states + 1), (channels, 1))
    others = (rng.standard_normal((batch, length, width)) for width in (channels, states, states))
    return tuple(array.astype(np.float32) for array in (increments, rates, *others))


def candidates(problem, threads: int):
    """Name to a call without arguments that returns y (batch, L, D) as a NumPy array."""
    runs = {
        "ours": partial(ours, *problem, workers=threads),
        "(a)": partial(step_by_step, *problem),
        "(b)": partial(by_blocks, *problem),
    }
    if find_spec("torch") is not None:
        from benchmarks.selective_scan_torch import prepared as torch_prepared

        runs["(c)"] = torch_prepared(problem, threads)
    if find_spec("jax") is not None:
        from benchmarks.selective_scan_jax import prepared as jax_prepared

        runs["(d)"] = jax_prepared(problem)
    return runs


def ours(increments, rates, inputs, B, C, workers=1):
    """The closed form in chunks."""
    return selective_scan(increments, rates, increments * inputs, B, C, workers=workers)


def step_by_step(increments, rates, inputs, B, C):
    """Baseline (a): multipliers and drives of all steps first, then one step after the other."""
    multipliers = np.exp(increments[..., None] * rates)
    drives = (increments * inputs)[..., None] * B[:, :, None]
    state = np.zeros_like(drives[:, 0])
    outputs = np.empty_like(inputs)
    for k in range(inputs.shape[1]):
        state = multipliers[:, k] * state + drives[:, k]
        outputs[:, k] = (state @ C[:, k, :, None])[..., 0]
    return outputs


def by_blocks(increments, rates, inputs, B, C):
    """Baseline (b): as (a), in blocks of steps that stay in the cache, in place, channels last."""
    slopes = np.ascontiguousarray(rates.T)
    outputs = np.empty_like(inputs)
    buffers = np.empty((2, BLOCK, *slopes.shape), inputs.dtype)
    for row, values in enumerate(increments * inputs):
        state = np.zeros(slopes.shape, inputs.dtype)
        for start in range(0, inputs.shape[1], BLOCK):
            steps = slice(start, start + BLOCK)
            size = len(values[steps])
            multipliers, states = buffers[:, :size]
            np.exp(np.multiply(increments[row, steps, None], slopes, out=multipliers), out=multipliers)
            np.multiply(values[steps, None], B[row, steps, :, None], out=states)
            for k in range(size):
                multipliers[k] *= state
                states[k] += multipliers[k]
                state = states[k]
            np.matmul(C[row, steps, None], states, out=outputs[row, steps, None])
            state = state.copy()
    return outputs


def _error(found, exact) -> float:
    return float(np.abs(np.asarray(found) - exact).max() / np.abs(exact).max())
