r"""A network of one S4D layer as kernels, one pointwise decoder and affine maps around it.

Everything but the activation is affine, so for an input $x_k \in \mathbb{R}^d$ the logits are exactly

$$y_{k,h} = \sum_{m=0}^{k} K_{h,m}\,(W x_{k-m} + b)_h, \qquad
\ell_i = o_i + \sum_h R_{ih}\,\mathrm{pool}_k\,\varphi(y_{k,h}) + \sum_j S_{ij}\,\mathrm{pool}_k\,x_{k,j}.$$

Encoder, normalisation (BatchNorm in evaluation is affine), output linear, residual path and head are folded into
$W, b, R, S, o$ in ball arithmetic, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import flint
import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import (
    Enclosed,
    Floats,
    ball_matrix,
    enclose_matrix,
    working_precision,
)
from carleman_ssm.networks.kernel import convolution_kernel
from carleman_ssm.networks.network import S4DLayer, S4DNetwork
from carleman_ssm.operators.stack import folded_statistics, pool_weights


@dataclass(frozen=True, eq=False, repr=False)
class OneLayerForm(Brief):
    """The arrays of the formula above, each with its error bound.

    Parameters
    ----------
    kernel
        $K$ (H, L), feedthrough included; L is the longest sequence it serves.
    drive_weight, drive_bias
        $W$ (H, d) and $b$ (H, 1).
    readout, skip, offset
        $R$ (classes, H), $S$ (classes, d) and $o$ (classes, 1).
    pool
        ``"mean"`` or ``"last"``.
    """

    kernel: Enclosed
    drive_weight: Enclosed
    drive_bias: Enclosed
    readout: Enclosed
    skip: Enclosed
    offset: Enclosed
    pool: str

    @property
    def length(self) -> int:
        """The longest sequence that the kernel serves."""
        return int(self.kernel.value.shape[1])

    @property
    def channels(self) -> int:
        """H."""
        return int(self.kernel.value.shape[0])

    @property
    def classes(self) -> int:
        """Number of logits."""
        return int(self.readout.value.shape[0])

    @property
    def features(self) -> int:
        """Input channels d."""
        return int(self.drive_weight.value.shape[1])

    def preactivations(self, inputs: Floats) -> Floats:
        r"""$y_{k,h} = \sum_m K_{h,m}(Wx_{k-m} + b)_h$ (batch, length, H) of x (batch, length, d)."""
        return convolve(self.kernel.value, inputs @ self.drive_weight.value.T + self.drive_bias.value[:, 0])

    def response(self, deviation: Floats) -> Floats:
        """The linear part of `preactivations`: no bias."""
        return convolve(self.kernel.value, deviation @ self.drive_weight.value.T)

    def pooled(self, values: Floats) -> Floats:
        """Mean or last step of (batch, length, …), as the network pools."""
        result: Floats = values.mean(axis=1) if self.pool == "mean" else values[:, -1]
        return result

    def pool_weights(self, length: int) -> Floats:
        """Weight of every step in the pooling, (length,)."""
        return pool_weights(self.pool, length)

    def read_out(self, decoded: Floats, inputs: Floats) -> Floats:
        """Logits of pooled decoder values (…, H) and pooled inputs (…, d)."""
        logits: Floats = (decoded @ self.readout.value.T + inputs @ self.skip.value.T) + self.offset.value[:, 0]
        return logits


def has_one_layer_form(network: S4DNetwork) -> bool:
    """Whether everything around the one activation is affine."""
    return not _obstacles(network)


def check_supported(network: S4DNetwork) -> None:
    """Refuse what this form does not cover.

    Raises
    ------
    ValueError
        More than one layer, GLU, LayerNorm or no pool: these have no affine surroundings.
    """
    reasons = _obstacles(network)
    if reasons:
        msg = (
            "this network has no one-layer operator: "
            + "; ".join(reasons)
            + ". network_operator gives it a stack operator instead, unless the one-layer form is asked for"
        )
        raise ValueError(msg)


def _obstacles(network: S4DNetwork) -> list[str]:
    config = network.config
    reasons = []
    if len(network.layers) != 1:
        reasons.append(f"it has {len(network.layers)} S4D layers (one is covered)")
    if config.output == "glu":
        reasons.append("its output is a GLU (linear or none are covered)")
    if config.norm in ("layer", "rms"):
        reasons.append("its norm is LayerNorm or RMSNorm (batch or none are covered)")
    if config.pool == "none":
        reasons.append("it has no pool (read_at_last_step() gives one whose logits are those of the last step)")
    return reasons


def one_layer_form(network: S4DNetwork, length: int) -> OneLayerForm:
    """Fold a supported network into `OneLayerForm` for sequences of up to `length` steps.

    Raises
    ------
    ValueError
        The network is not supported (see `check_supported`) or ``length < 1``.
    """
    check_supported(network)
    if length < 1:
        msg = f"a sequence has at least one step, got length {length}"
        raise ValueError(msg)
    layer = network.layers[0]
    with working_precision():
        parts = {name: enclose_matrix(matrix) for name, matrix in _affine_parts(network, layer).items()}
    return OneLayerForm(kernel=convolution_kernel(layer, length), pool=network.config.pool, **parts)


def _affine_parts(network: S4DNetwork, layer: S4DLayer) -> dict[str, flint.arb_mat]:
    encoder, bias = ball_matrix(network.encoder_weight), ball_matrix(network.encoder_bias[:, None])
    head, head_bias = ball_matrix(network.decoder_weight), ball_matrix(network.decoder_bias[:, None])
    scale, shift = _normalisation(layer, network.config.eps)
    mix, mix_bias = _output(layer)
    residual = int(network.config.residual)
    if network.config.prenorm:
        drive, drive_bias = scale * encoder, scale * bias + shift
        offset = head * (mix_bias + residual * bias) + head_bias
    else:
        drive, drive_bias = encoder, bias
        offset = head * (scale * (mix_bias + residual * bias) + shift) + head_bias
        head = head * scale
    return {
        "drive_weight": drive,
        "drive_bias": drive_bias,
        "readout": head * mix,
        "skip": head * encoder * residual,
        "offset": offset,
    }


def _normalisation(layer: S4DLayer, epsilon: float) -> tuple[flint.arb_mat, flint.arb_mat]:
    """BatchNorm in evaluation as ``scale * v + shift``; the identity where there is no norm."""
    channels = layer.D.shape[0]
    if layer.norm is None:
        return ball_matrix(np.eye(channels)), ball_matrix(np.zeros((channels, 1)))
    gains, shifts = folded_statistics(layer.norm, epsilon)
    scale = flint.arb_mat(channels, channels)
    for channel, gain in enumerate(gains):
        scale[channel, channel] = gain
    return scale, flint.arb_mat(channels, 1, shifts)


def _output(layer: S4DLayer) -> tuple[flint.arb_mat, flint.arb_mat]:
    """The output linear map, or the identity."""
    channels = layer.D.shape[0]
    if layer.output_weight is None or layer.output_bias is None:
        return ball_matrix(np.eye(channels)), ball_matrix(np.zeros((channels, 1)))
    weight: Floats = layer.output_weight.reshape(layer.output_weight.shape[0], channels)
    return ball_matrix(weight), ball_matrix(layer.output_bias[:, None])
