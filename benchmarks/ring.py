"""Node contents of rings beside the plain recurrence of the modes, which stores every state and knows no ring.

Float64 and one thread on both sides; the stored modes are M = N/2, so a real ring has 2M - 1 = 63 nodes at N = 64 and
as many numbers as M complex modes. The aim is a cost of at most twice that of the recurrence. The second size has so
many channels that the recurrence's loop over time costs nothing: it is shown without an aim.
"""

from __future__ import annotations

import numpy as np

from benchmarks.layer_numpy import s4d_layer
from benchmarks.measure import Row, alternate
from carleman_ssm.rings.rings import layer_rings
from carleman_ssm.theory.ring_modes import CLOSURES

SIZES = ((1, 16, 4096, 64), (1, 128, 784, 64))
AIMS = (0.5, None)
REPEATS = 9


def rows(threads: int) -> list[Row]:
    del threads  # both sides run on one thread but for BLAS, which is told by the environment
    return [row for size, aim in zip(SIZES, AIMS, strict=True) for row in compare(size, aim, REPEATS)]


def compare(size, aim, repeats) -> list[Row]:
    """Every closure beside the recurrence, all of them taking turns."""
    seconds = alternate(candidates(size), repeats)
    other = 1e3 * seconds["recurrence"]
    name = f"ring states {size}"
    return [
        Row(name, f"{closure} ring", "recurrence of the modes", 1e3 * seconds[closure], other, "ms", aim)
        for closure in CLOSURES
    ]


def candidates(size):
    """Name to a call without arguments."""
    batch, channels, length, states = size
    layer = s4d_layer(channels, states)
    u = np.random.default_rng(1).standard_normal((batch, length, channels))
    multipliers, drive = layer.multipliers, layer.input_vector
    runs = {"recurrence": lambda: plain_states(multipliers, drive, u)}
    for closure in CLOSURES:
        rings = layer_rings(layer, closure=closure)
        runs[closure] = lambda rings=rings: rings.node_contents(u)
    return runs


def plain_states(multipliers, drive, u):
    """x_k = λ x_{k-1} + b̄ u_k from rest; (batch, length, H, M), every state kept."""
    states = np.empty((*u.shape, multipliers.shape[1]), dtype=np.complex128)
    x = np.zeros((len(u), *multipliers.shape), dtype=np.complex128)
    for k in range(u.shape[1]):
        x = multipliers * x + drive * u[:, k, :, None]
        states[:, k] = x
    return states
