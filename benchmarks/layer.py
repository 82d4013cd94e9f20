"""One S4D layer: kernel, convolution, feedthrough, GELU or its fit, output map, beside three baselines.

(i) the reference layer's form, (ii) two-level powers, (iii) a cached transform of the kernel; all with FFTs
of twice the length. Ours is the chunked scan: built at every call against (i) and (ii), kept against (iii),
with the same library, the same threads and float64 on both sides.
"""

from __future__ import annotations

import numpy as np

from benchmarks.layer_numpy import FourierLayer, reference_kernel, s4d_layer, two_level_kernel
from benchmarks.measure import Row, alternate
from carleman_ssm.networks.fast_layer import FastLayer
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.fits import fit_many

SIZES = ((8, 128, 4096, 64), (1, 1, 1024, 64))
REPEATS = (7, 301)
FIT_DEGREE = 8
AIMS = ({"(i)": 4.0, "(ii)": 1.2, "(iii)": 1.0}, {"(i)": 1.0})


def rows(threads: int) -> list[Row]:
    result = []
    for size, repeats, aims in zip(SIZES, REPEATS, AIMS, strict=True):
        layer, u, used = case(size, threads)
        result += compare("NumPy", size, numpy_candidates(layer, u, used), repeats, aims)
        result += _fitted(size, layer, u, used, repeats)
    return result


def case(size, threads):
    """A layer, an input and the threads to use: small sizes run on one, a second one only costs there."""
    batch, channels, length, states = size
    u = np.random.default_rng(1).standard_normal((batch, channels, length))
    return s4d_layer(channels, states), u, threads if batch * channels > 1 else 1


def numpy_candidates(layer, u, threads):
    """Name to a call without arguments; the names say what the other side of a comparison is."""
    gelu = activation("gelu")
    reference = FourierLayer(layer, gelu, reference_kernel, threads)
    two_level = FourierLayer(layer, gelu, two_level_kernel, threads)
    cached, fast = two_level.cached(u.shape[-1]), FastLayer.of(layer, gelu)
    return {
        "ours, built": lambda: FastLayer.of(layer, gelu)(u, workers=threads),
        "ours, kept": lambda: fast(u, workers=threads),
        "(i)": lambda: reference(u),
        "(ii)": lambda: two_level(u),
        "(iii)": lambda: cached(u),
    }


def compare(library, size, candidates, repeats, aims) -> list[Row]:
    """Ours beside each baseline, all of them taking turns."""
    seconds = alternate(candidates, repeats)
    labels = {"(i)": "H·N/2·L exponentials", "(ii)": "two-level powers", "(iii)": "cached transform"}
    result = []
    for other, label in labels.items():
        ours = "ours, kept" if other == "(iii)" else "ours, built"
        name = f"layer {size}, {library}"
        row = Row(name, ours, f"{other} {label}", 1e3 * seconds[ours], 1e3 * seconds[other], "ms", aims.get(other))
        result.append(row)
    return result


def _fitted(size, layer, u, threads, repeats) -> list[Row]:
    """Fits of degree 8 per channel in place of GELU: ours beside (iii) with the fits called one by one."""
    gelu = activation("gelu")
    y = FastLayer.of(layer, gelu).scan(u)
    lower, upper = y.min(axis=(0, 2)), y.max(axis=(0, 2))
    room = 1e-9 * (upper - lower)  # the other side rounds differently, and a fit refuses what leaves its interval
    fits = fit_many(gelu, lower - room, upper + room, FIT_DEGREE)

    def by_channel(values):
        return np.stack([fit(values[:, h]) for h, fit in enumerate(fits)], axis=1)

    cached = FourierLayer(layer, by_channel, two_level_kernel, threads).cached(u.shape[-1])
    fast = FastLayer.of(layer, fits)
    seconds = alternate({"ours": lambda: fast(u, workers=threads), "(iii)": lambda: cached(u)}, repeats)
    name = f"layer {size}, NumPy, fits of degree {FIT_DEGREE}"
    return [Row(name, "ours, kept", "(iii) cached transform", 1e3 * seconds["ours"], 1e3 * seconds["(iii)"], "ms")]
