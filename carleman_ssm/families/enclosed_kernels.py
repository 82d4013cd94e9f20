r"""Kernels of time-invariant families with a proved bound on their distance to those of the stored parameters.

$K_{oi,l} = \mathrm{Re}\sum_p W_{oi,p}\lambda_p^l + D_{oi}\delta_{l0}$: multipliers and weights come from ball
arithmetic on the stored numbers, each rounded once; the powers are float64 products whose error is counted
(`networks.kernel`).
"""

from __future__ import annotations

from collections.abc import Iterable

import flint
import numpy as np

from carleman_ssm.families.lru import LRU
from carleman_ssm.families.s5 import LARGEST_REAL_PART, S5
from carleman_ssm.networks.enclosures import UNDERFLOW, Enclosed, Floats, outward, working_precision
from carleman_ssm.networks.kernel import (
    COMPLEX_PRODUCT,
    Complexes,
    Modes,
    discretized,
    kernel_of_modes,
    round_complex,
    with_feedthrough,
)

Balls = list[flint.acb]


def s5_kernel(layer: S5, length: int) -> Enclosed:
    r"""Kernel (H, H, L) of an S5 layer before its activation, feedthrough included.

    Raises
    ------
    ValueError
        The layer runs in both directions: its kernel is not causal.
    """
    if layer.bidirectional:
        msg = "a layer that runs in both directions has no causal kernel: its operator is not built"
        raise ValueError(msg)
    decay = np.minimum(layer.Lambda_re, LARGEST_REAL_PART) if layer.clip_eigs else layer.Lambda_re
    with working_precision():
        rows = zip(decay.tolist(), layer.Lambda_im.tolist(), layer.log_step[:, 0].tolist(), strict=True)
        scale = flint.arb(layer.step_rescale)
        pairs = [
            discretized(flint.acb(re, im), scale * flint.arb(log).exp(), layer.discretization) for re, im, log in rows
        ]
        factor = 2 if layer.conj_sym else 1
        return _mixing_kernel(
            [multiplier for multiplier, _ in pairs],
            [held * factor for _, held in pairs],
            layer.B[..., 0] + 1j * layer.B[..., 1],
            layer.output_matrix,
            layer.D,
            length,
        )


def lru_kernel(layer: LRU, length: int) -> Enclosed:
    """Kernel (H, H, L) of an LRU before its activation, feedthrough included."""
    with working_precision():
        multipliers = [
            flint.acb(-flint.arb(nu).exp(), flint.arb(theta).exp()).exp()
            for nu, theta in zip(layer.nu_log.tolist(), layer.theta_log.tolist(), strict=True)
        ]
        scales = [flint.acb(flint.arb(gamma).exp()) for gamma in layer.gamma_log.tolist()]
        return _mixing_kernel(multipliers, scales, layer.B_re + 1j * layer.B_im, layer.output_matrix, layer.D, length)


def _mixing_kernel(
    multipliers: Balls, scales: Balls, inputs: Complexes, outputs: Complexes, feedthrough: Floats, length: int
) -> Enclosed:
    r"""$W_{oi,p} = C_{op} s_p B_{pi}$ for every pair of channels, then the powers.

    $s_p B_{pi}$ is rounded once; its product with the stored $C_{op}$ is one complex product in float64.
    """
    modes, channels = inputs.shape
    driven = [scale * ball for scale, row in zip(scales, inputs.tolist(), strict=True) for ball in _balls(row)]
    value, error = round_complex(multipliers, (1, modes))
    drive, drive_error = round_complex(driven, (modes, channels))
    weight = outputs[:, None] * drive.T
    weight_error = outward(np.abs(outputs)[:, None] * drive_error.T + COMPLEX_PRODUCT * np.abs(weight) + UNDERFLOW)
    pairs, shape = (channels * channels, modes), (channels, channels, length)
    spectrum = Modes(
        np.broadcast_to(value, pairs),
        np.broadcast_to(error, pairs),
        weight.reshape(pairs),
        weight_error.reshape(pairs),
    )
    kernel = kernel_of_modes(spectrum, length)
    return with_feedthrough(Enclosed(kernel.value.reshape(shape), kernel.error.reshape(shape)), feedthrough)


def _balls(numbers: Iterable[complex]) -> Balls:
    return [flint.acb(number.real, number.imag) for number in numbers]
