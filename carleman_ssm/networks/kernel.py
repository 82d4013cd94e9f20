r"""Convolution kernels of trained channels with a proved bound on the rounding.

$K_{h,l} = 2\,\mathrm{Re}\sum_n C_{hn}\,\bar b_{hn}\,\lambda_{hn}^{\,l} + D_h\,\delta_{l0}$ with
$\lambda = e^{\Delta a}$, $\bar b = (\lambda - 1)/a$ (zero-order hold; THEORY T10), or
$\lambda = (1 + \Delta a/2)/(1 - \Delta a/2)$, $\bar b = \Delta/(1 - \Delta a/2)$ (bilinear). The multipliers
and weights come from ball arithmetic; the powers are float64 products whose error is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import flint
import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, Floats, gamma, outward, working_precision

Complexes = NDArray[np.complex128]

# One complex product in float64 has relative error at most √5 u (Brent, Percival, Zimmermann 2007); with fused
# multiply-adds 2u. Four u covers both.
COMPLEX_PRODUCT = 4.0 * 2.0**-53
NEGLIGIBLE = 1e-200


class StoredModes(Protocol):
    """What is read of an S4D layer: its stored parameters, (H,) and (H, M)."""

    @property
    def log_dt(self) -> Floats:
        r"""$\ln\Delta$ (H,)."""

    @property
    def log_A_real(self) -> Floats:
        """Logarithm of −Re A, (H, M)."""

    @property
    def A_imag(self) -> Floats:
        """Im A, (H, M)."""

    @property
    def C(self) -> Complexes:
        """(H, M)."""

    @property
    def D(self) -> Floats:
        """(H,)."""

    @property
    def discretization(self) -> str:
        """The rule of the steps."""


@dataclass(frozen=True, eq=False, repr=False)
class Modes(Brief):
    r"""Multipliers $\lambda$ and weights w (S4D: $2C\bar b$), (rows, M) complex, with absolute errors."""

    multipliers: Complexes
    multiplier_error: Floats
    weights: Complexes
    weight_error: Floats


def round_complex(balls: list[flint.acb], shape: tuple[int, ...]) -> tuple[Complexes, Floats]:
    """Round complex balls to complex128 once, keeping a bound on what was lost."""
    value = np.array([complex(float(ball.real.mid()), float(ball.imag.mid())) for ball in balls])
    gaps = (ball - flint.acb(*_parts(rounded)) for ball, rounded in zip(balls, value.tolist(), strict=True))
    error = np.array([float(abs(gap).upper()) for gap in gaps])
    return value.reshape(shape), outward(error).reshape(shape)


def _parts(number: complex) -> tuple[float, float]:
    return number.real, number.imag


def modes(layer: StoredModes) -> Modes:
    r"""$\lambda_{hn}$ and $w_{hn} = 2C_{hn}\bar b_{hn}$ of the stored parameters, by the layer's discretization.

    The stored numbers are taken as exact; each result is rounded once.
    """
    shape = layer.C.shape
    with working_precision():
        multipliers, weights = [], []
        for step, real, imaginary, readout in zip(
            np.repeat(layer.log_dt, shape[1]).tolist(),
            layer.log_A_real.ravel().tolist(),
            layer.A_imag.ravel().tolist(),
            layer.C.ravel().tolist(),
            strict=True,
        ):
            eigenvalue = flint.acb(-flint.arb(real).exp(), flint.arb(imaginary))
            multiplier, driven = discretized(eigenvalue, flint.arb(step).exp(), layer.discretization)
            multipliers.append(multiplier)
            weights.append(flint.acb(*_parts(readout)) * 2 * driven)
        return Modes(*round_complex(multipliers, shape), *round_complex(weights, shape))


def discretized(eigenvalue: flint.acb, step: flint.arb, rule: str) -> tuple[flint.acb, flint.acb]:
    r"""Balls around $\lambda$ and $\bar b$ of one mode with an exact eigenvalue; $\bar b = \Delta$ at $a = 0$.

    Not finite where $1 - \Delta a/2$ may vanish, which a stable mode excludes.
    """
    if eigenvalue == 0:
        return flint.acb(1), flint.acb(step)
    exponent = eigenvalue * step
    if rule == "zoh":
        return exponent.exp(), exponent.expm1() / eigenvalue
    return (1 + exponent / 2) / (1 - exponent / 2), step / (1 - exponent / 2)


def powers(multipliers: Complexes, length: int) -> Complexes:
    r"""$\lambda^l$ for $l = 0, …, L-1$ along a new last axis, by doubling: ⌈log₂ L⌉ vectorised products."""
    table = np.ones((*multipliers.shape, length), dtype=np.complex128)
    filled, base = 1, multipliers[..., None]
    while filled < length:
        stop = min(2 * filled, length)
        table[..., filled:stop] = table[..., : stop - filled] * base
        filled, base = stop, base * base
    return table


def _power_error(spectrum: Modes, table: Complexes) -> Floats:
    r"""$|\hat\lambda^l - \lambda^l| \le ((1+r)^l(1+4u)^l - 1)|\lambda|^l$.

    r is the relative error of λ, and a product tree of l leaves has l − 1 nodes.
    """
    size = np.abs(spectrum.multipliers)
    relative = np.divide(spectrum.multiplier_error, size, out=np.zeros_like(size), where=size > NEGLIGIBLE)
    growth = np.log1p(relative) + COMPLEX_PRODUCT
    exponents = np.arange(table.shape[-1]) * growth[..., None]
    error: Floats = outward(np.expm1(outward(exponents)) * np.abs(table) * 1.01)
    # Where λ is so small that its relative error says nothing, every power past the first entry is below it.
    error[..., 1:] += np.where(size > NEGLIGIBLE, 0.0, 2.0 * (size + spectrum.multiplier_error))[..., None]
    return error


def convolution_kernel(layer: StoredModes, length: int) -> Enclosed:
    r"""Kernel of every channel over lags $0 … L-1$, feedthrough included, (H, L), with its error bound.

    Memory is bounded by handling blocks of channels.
    """
    kernel = kernel_of_modes(modes(layer), length)
    return with_feedthrough(kernel, layer.D)


def with_feedthrough(kernel: Enclosed, feedthrough: Floats) -> Enclosed:
    """The kernel (H, L), or (H, H, L), with the feedthrough (H,) added in lag 0, and the rounding of the sum."""
    added = np.zeros_like(kernel.value)
    added[..., 0] = np.diag(feedthrough) if added.ndim == 3 else feedthrough
    value = kernel.value + added
    return Enclosed(value, outward(kernel.error + 2.0**-53 * np.abs(value) * (added != 0)))


def kernel_of_modes(spectrum: Modes, length: int) -> Enclosed:
    r"""$K_{r,l} = \mathrm{Re}\sum_n w_{rn}\lambda_{rn}^l$ of every row of modes, (rows, L), with its error bound."""
    rows, states = spectrum.weights.shape
    block = max(1, 2**22 // (states * length))
    parts = [_kernel_block(spectrum, slice(first, first + block), length) for first in range(0, rows, block)]
    value = np.concatenate([part.value for part in parts])
    error = np.concatenate([part.error for part in parts])
    return Enclosed(value, outward(error))


def _kernel_block(spectrum: Modes, rows: slice, length: int) -> Enclosed:
    part = Modes(
        spectrum.multipliers[rows], spectrum.multiplier_error[rows], spectrum.weights[rows], spectrum.weight_error[rows]
    )
    table = powers(part.multipliers, length)
    weights, size = part.weights[:, None, :], np.abs(part.weights)[:, None, :]
    value = (weights.real @ table.real - weights.imag @ table.imag)[:, 0, :]
    power_error = _power_error(part, table)
    reach = np.abs(table) + power_error
    summed = (
        size @ power_error
        + part.weight_error[:, None, :] @ reach
        + gamma(2 * table.shape[1] + 2) * (size @ np.abs(table))
    )[:, 0, :]
    return Enclosed(value, outward(summed))
