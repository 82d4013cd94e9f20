r"""Taylor coefficients of the activations at any points, in float64: $\varphi^{(q)}(y)/q!$ for q = 0 … n.

Two laws give them all. With the Hermite polynomials of the normal density, $\mathrm{He}_{k+1} = y\,\mathrm{He}_k -
k\,\mathrm{He}_{k-1}$ and $\Phi^{(k+1)} = (-1)^k\mathrm{He}_k\phi$,

$$\mathrm{GELU}^{(q)}(y) = (y\,\Phi(y))^{(q)} = (-1)^{q-1}\,(\mathrm{He}_q - \mathrm{He}_{q-2})(y)\,\phi(y)$$

for q ≥ 2, so that $\mathrm{GELU}'' = (2 - y^2)\phi$ (THEORY T20). The logistic function obeys $s' = s\,(1-s)$, an
equation between power series; SiLU, tanh, softplus and the tanh form of GELU are made of it. The factor $1 - s$ is
carried as a series of its own, $s(-y)$: where s is close to 1 nothing cancels.

The coefficients are accurate to a few units in the last place of the terms that they sum: measured, not certified.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from scipy import special

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.theory.analytic import GELU_CUBIC

PointSeries: TypeAlias = Callable[[Floats, int], Floats]
"""Points y (…) and an order n to the coefficients (n + 1, …)."""

LARGEST_DEVIATION = 40.0
r"""$\phi$ is 0 in float64 from here on; cutting |y| off keeps its square from overflowing."""
LARGEST_ARGUMENT = 1e3
"""$e^{-|u|}$ is 0 in float64 from here on."""


def gelu(points: Floats, order: int) -> Floats:
    r"""Exact (erf) GELU: $h_k = \mathrm{He}_k\phi/k!$ by $k\,h_k = y\,h_{k-1} - h_{k-2}$.

    Examples
    --------
    >>> import numpy as np
    >>> gelu(np.array([0.0]), 2)[:, 0].round(4)  # 0, 1/2, φ(0) = 0.3989
    array([0.    , 0.5   , 0.3989])
    """
    near = np.minimum(np.abs(points), LARGEST_DEVIATION)
    density = np.exp(-0.5 * near * near) / math.sqrt(2.0 * math.pi)
    below = special.ndtr(points)
    parts, hermite = [points * below, below + points * density], [density, points * density]
    for q in range(2, order + 1):
        hermite.append((points * hermite[-1] - hermite[-2]) / q)
        parts.append((-1.0) ** (q - 1) * (hermite[q] - hermite[q - 2] / (q * (q - 1))))
    return np.stack(parts[: order + 1])


def sigmoid(points: Floats, order: int) -> Floats:
    r"""$s(y) = 1/(1 + e^{-y})$."""
    return _logistic((points, np.ones(())), order)


def silu(points: Floats, order: int) -> Floats:
    r"""$y\,s(y)$."""
    return _times_points(points, sigmoid(points, order))


def gelu_tanh(points: Floats, order: int) -> Floats:
    r"""$y\,s(u)$ with $u = \sqrt{8/\pi}\,(y + \beta y^3)$, the tanh form of GELU."""
    scale, cubic = math.sqrt(8.0 / math.pi), float(GELU_CUBIC)
    near = np.clip(points, -LARGEST_DEVIATION, LARGEST_DEVIATION)  # e^{-u} is 0 out there, and the cube of y may be ∞
    argument = (
        scale * (near + cubic * near * near * near),
        scale * (1.0 + 3.0 * cubic * near * near),
        scale * 3.0 * cubic * near,
        np.array(scale * cubic),
    )
    return _times_points(points, _logistic(argument, order))


def tanh(points: Floats, order: int) -> Floats:
    r"""$\tanh y = 2s(2y) - 1$; its order 0 is `numpy.tanh`, which is accurate near 0."""
    series = sigmoid(2.0 * np.clip(points, -LARGEST_ARGUMENT, LARGEST_ARGUMENT), order)
    series *= _powers(2.0, order, points.ndim) * 2.0
    series[0] = np.tanh(points)
    return series


def softplus(points: Floats, order: int) -> Floats:
    r"""$\ln(1 + e^y)$, whose slope is s."""
    value = np.logaddexp(0.0, points)[None]
    if order == 0:
        return value
    orders = np.arange(1.0, order + 1).reshape(-1, *[1] * points.ndim)
    return np.concatenate([value, sigmoid(points, order - 1) / orders])


SERIES: MappingProxyType[str, PointSeries] = MappingProxyType(
    {
        "gelu": gelu,
        "gelu_tanh": gelu_tanh,
        "silu": silu,
        "tanh": tanh,
        "sigmoid": sigmoid,
        "softplus": softplus,
    }
)
"""Every activation that is no polynomial, by its name in `theory.activations`."""


def _logistic(argument: Sequence[Floats], order: int) -> Floats:
    r"""$s(u)$ of a series u: $(q+1)\,s_{q+1} = \sum_j (j+1)\,u_{j+1}\,w_{q-j}$ with $w = s\,(1-s)$."""
    rising, falling = [special.expit(argument[0])], [special.expit(-argument[0])]
    products: list[Floats] = []
    for q in range(order):
        products.append(sum((rising[i] * falling[q - i] for i in range(1, q + 1)), rising[0] * falling[q]))
        slope = sum(
            ((j + 1) * argument[j + 1] * products[q - j] for j in range(1, min(q, len(argument) - 2) + 1)),
            argument[1] * products[q],
        )
        rising.append(slope / (q + 1))
        falling.append(-rising[-1])
    return np.stack(rising)


def _times_points(points: Floats, series: Floats) -> Floats:
    """The product with the function y itself, whose series is y + ε."""
    result: Floats = points * series
    result[1:] += series[:-1]
    return result


def _powers(base: float, order: int, axes: int) -> Floats:
    powers: Floats = np.power(base, np.arange(order + 1.0))
    return powers.reshape(-1, *[1] * axes)
