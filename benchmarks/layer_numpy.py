"""The three baselines of one S4D layer in NumPy and SciPy: float64, (batch, channels, length)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from carleman_ssm.networks.layers import S4DLayer


@dataclass(frozen=True, eq=False)
class FourierLayer:
    """K ⋆ u + D u by FFT of twice the length, then the activation and the output map.

    `transform` is the cached transform of the kernel, or None to build the kernel at every call by `kernel`.
    """

    layer: S4DLayer
    activation: object
    kernel: object
    threads: int
    transform: np.ndarray | None = None

    def __call__(self, u):
        length = u.shape[-1]
        transform = self.prepare(length) if self.transform is None else self.transform
        spectrum = fft.rfft(u, 2 * length, workers=self.threads)
        spectrum *= transform
        y = fft.irfft(spectrum, 2 * length, workers=self.threads)[..., :length]
        y += self.layer.D[:, None] * u
        result = self.layer.output_weight @ self.activation(y)
        result += self.layer.output_bias[:, None]
        return result

    def prepare(self, length):
        return fft.rfft(self.kernel(self.layer, length), 2 * length, workers=self.threads)

    def cached(self, length) -> FourierLayer:
        return FourierLayer(self.layer, self.activation, self.kernel, self.threads, self.prepare(length))


def reference_kernel(layer: S4DLayer, length: int) -> np.ndarray:
    """Baseline (i): the reference layer's form, H × N/2 × L complex exponentials."""
    rates = (layer.step[:, None] * layer.eigenvalues)[..., None]
    weights = 2 * layer.C * layer.input_vector
    return np.einsum("hn,hnl->hl", weights, np.exp(rates * np.arange(length))).real


def two_level_kernel(layer: S4DLayer, length: int) -> np.ndarray:
    """Baseline (ii): about 2 √L exponentials per mode, joined by one real matrix product per channel."""
    inner = int(np.ceil(np.sqrt(length)))
    rates = (layer.step[:, None] * layer.eigenvalues)[..., None]
    fine = np.exp(rates * np.arange(inner))
    coarse = (2 * layer.C * layer.input_vector)[..., None] * np.exp(rates * (inner * np.arange(-(-length // inner))))
    left = np.concatenate([coarse.real, -coarse.imag], axis=1).swapaxes(1, 2)
    right = np.concatenate([fine.real, fine.imag], axis=1)
    return (left @ right).reshape(layer.channels, -1)[:, :length]


def s4d_layer(channels: int, states: int, seed: int = 0) -> S4DLayer:
    """A layer as S4D-Lin initialises it, `states` = d_state, with an output map."""
    rng = np.random.default_rng(seed)
    shape = (channels, states // 2)
    return S4DLayer(
        log_dt=rng.uniform(np.log(1e-3), np.log(1e-1), channels),
        log_A_real=np.full(shape, np.log(0.5)),
        A_imag=np.tile(np.pi * np.arange(shape[1]), (channels, 1)),
        C=(rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2),
        D=rng.standard_normal(channels),
        output_weight=rng.standard_normal((channels, channels)) / np.sqrt(channels),
        output_bias=rng.standard_normal(channels),
    )
