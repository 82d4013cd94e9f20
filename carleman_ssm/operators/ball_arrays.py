r"""Arithmetic of enclosed arrays: middle and radius, with every rounding of the middle counted in the radius.

$(\hat a \pm r_a)(\hat b \pm r_b) \subseteq \hat a\hat b \pm (|\hat a|r_b + r_a(|\hat b| + r_b) + u|\hat a\hat b|)$, and
sums of products by $\gamma_n$ (see `enclosures`). Radii are sums of non-negative numbers, rounded outward at the end of
each operation.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.convolution import convolve, summands, transposed
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Enclosed, Floats, gamma, outward
from carleman_ssm.operators.stack import AffineMap, Norm


def total(first: Enclosed, second: Enclosed) -> Enclosed:
    """Sum, entry by entry."""
    value = first.value + second.value
    return Enclosed(value, outward(first.error + second.error + UNIT_ROUNDOFF * np.abs(value)))


def product(first: Enclosed, second: Enclosed) -> Enclosed:
    """Product, entry by entry, with broadcasting."""
    value = first.value * second.value
    spread = np.abs(second.value) + second.error
    spread = first.error * spread
    spread += np.abs(first.value) * second.error
    spread += UNIT_ROUNDOFF * np.abs(value)
    return Enclosed(value, outward(spread))


def scaled(factor: float, array: Enclosed) -> Enclosed:
    """Product with one exact number."""
    value = factor * array.value
    return Enclosed(value, outward(abs(factor) * array.error + UNIT_ROUNDOFF * np.abs(value)))


def mean(array: Enclosed, axis: int = -1) -> Enclosed:
    """Mean over one axis, which is kept with length one."""
    size = np.abs(array.value).mean(axis=axis, keepdims=True)
    error = array.error.mean(axis=axis, keepdims=True) + gamma(array.value.shape[axis] + 1) * size
    return Enclosed(array.value.mean(axis=axis, keepdims=True), outward(error))


def matrix_product(array: Enclosed, matrix: Enclosed) -> Enclosed:
    """Rows (…, n) times a matrix (n, m)."""
    size = np.abs(array.value)
    error = array.error @ matrix.magnitude + size @ outward(matrix.error + gamma(size.shape[-1]) * matrix.magnitude)
    return Enclosed(array.value @ matrix.value, outward(error))


def affine(mapping: AffineMap, array: Enclosed) -> Enclosed:
    """$Wv + w$ of enclosed values (…, columns)."""
    weight = mapping.weight
    return total(matrix_product(array, Enclosed(weight.value.T, weight.error.T)), mapping.bias)


def convolution(kernel: Enclosed, drive: Enclosed, *, backwards: bool = False) -> Enclosed:
    r"""$y_k = \sum_{m\le k}K_mv_{k-m}$ of enclosed v (…, L, H); backwards its transpose, $\sum_{m\ge k}K_{m-k}v_m$."""
    size = np.abs(drive.value)
    rough = outward(kernel.error + gamma(summands(kernel.value, drive.value.shape[-2]) + 1) * kernel.magnitude)
    error = convolved(kernel.magnitude, drive.error, backwards) + convolved(rough, size, backwards)
    return Enclosed(convolved(kernel.value, drive.value, backwards), outward(error))


def convolved(kernel: Floats, drive: Floats, backwards: bool = False) -> Floats:
    """`convolve` for any leading axes, and its transpose in time (and in the channels that a kernel mixes)."""
    flat = drive.reshape(-1, *drive.shape[-2:])
    flat = convolve(transposed(kernel), flat[:, ::-1])[:, ::-1] if backwards else convolve(kernel, flat)
    return flat.reshape(*drive.shape[:-1], flat.shape[-1])


def normalised_balls(norm: Norm, values: Enclosed) -> tuple[Enclosed, Enclosed, Enclosed]:
    r"""Enclosures of c (…, H), q (…, 1) and $n = cq$ (…, H) over all values (…, H) of a LayerNorm or RMSNorm.

    $v = \mathrm{mean}_H c^2$ lies in the mean of the ranges of $c^2$, $q = (v + \varepsilon)^{-1/2}$ falls with v, and
    $|n| \le \sqrt{H}$ (LayerNorm: $\sqrt{H-1}$, as its c sum to zero).
    """
    channels = values.value.shape[-1]
    centred = _centred(values, channels) if norm.kind == "layer" else values
    size = np.abs(centred.value)
    low = np.maximum(size - centred.error, 0.0)
    high = outward(size + centred.error)
    smallest = (low * low).mean(axis=-1, keepdims=True) * (1.0 - 2.0**-20)
    largest = outward((high * high).mean(axis=-1, keepdims=True))
    inverse = _between(
        1.0 / np.sqrt(outward(largest + norm.eps)) * (1.0 - 2.0**-20),
        outward(1.0 / np.sqrt((smallest + norm.eps) * (1.0 - 2.0**-20))),
    )
    plain, cap = product(centred, inverse), normalised_cap(norm, channels)
    below = np.clip(plain.value - plain.error * (1.0 + 2.0**-20), -cap, cap)
    above = np.clip(plain.value + plain.error * (1.0 + 2.0**-20), -cap, cap)
    return centred, inverse, _between(below, above)


def normalised_cap(norm: Norm, channels: int) -> float:
    r"""$\sup|cq|$ over one step: $\sqrt H$, and $\sqrt{H-1}$ for LayerNorm."""
    return float(np.sqrt(channels - 1 if norm.kind == "layer" else channels)) * (1.0 + 2.0**-40)


def _centred(values: Enclosed, channels: int) -> Enclosed:
    r"""$\delta c_h \le r_h(1 - 1/H) + \sum_{j\ne h}r_j/H$."""
    size = np.abs(values.value)
    rounding = gamma(channels + 2) * (size + size.mean(axis=-1, keepdims=True))
    return Enclosed(
        values.value - values.value.mean(axis=-1, keepdims=True), outward(centred_radius(values.error) + rounding)
    )


def centred_radius(radius: Floats) -> Floats:
    r"""$r_h(1 - 1/H) + \sum_{j\ne h}r_j/H$: how far $x - \mathrm{mean}_Hx$ moves when every $x_j$ moves by $r_j$."""
    channels = radius.shape[-1]
    whole = radius.sum(axis=-1, keepdims=True)
    # The difference cancels: what it lost is at most γ of the whole sum.
    others = np.maximum(whole - radius, 0.0) + gamma(channels + 2) * whole
    return outward(radius * (1.0 - 1.0 / channels) + others / channels)


def _between(lower: Floats, upper: Floats) -> Enclosed:
    """The interval between two bounds as middle and radius."""
    middle = 0.5 * lower + 0.5 * upper
    return Enclosed(middle, outward(np.maximum(upper - middle, middle - lower) + UNIT_ROUNDOFF * np.abs(middle)))
