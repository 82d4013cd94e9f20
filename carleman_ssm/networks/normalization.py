r"""Norms of trained networks: BatchNorm in evaluation, LayerNorm and RMSNorm.

BatchNorm has running statistics and is affine. LayerNorm and RMSNorm divide by a spread of the channels at each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.parameters import Array, parameter_array

NormKind = Literal["batch", "layer", "rms"]


@dataclass(frozen=True, eq=False, repr=False)
class Normalization(Brief):
    r"""BatchNorm in evaluation (with running statistics), LayerNorm (without), or RMSNorm (without bias too).

    BatchNorm, LayerNorm: $\mathrm{weight} \cdot (x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \mathrm{bias}$, where
    $\mu, \sigma^2$ are the stored running statistics of each channel, or the mean and biased variance over the channels
    per step. RMSNorm: $\mathrm{weight} \cdot x/\sqrt{\overline{x^2} + \varepsilon}$, the mean square over the channels.

    Parameters
    ----------
    weight
        (H,).
    bias
        (H,), or None for RMSNorm, which has none.
    running_mean, running_var
        (H,) for BatchNorm, both None for LayerNorm and RMSNorm.

    Raises
    ------
    ValueError
        Wrong shapes, NaN or infinity, one running statistic without the other or without a bias, a negative variance.

    References
    ----------
    Ba, Kiros, Hinton (2016), arXiv:1607.06450, eq. 3; Zhang, Sennrich (2019), RMSNorm, eq. 4 (with the usual ε).

    Examples
    --------
    >>> rms = Normalization(np.ones(2))
    >>> rms.kind, rms(np.array([3.0, 4.0]), 3.5).tolist()  # mean square 12.5
    ('rms', [0.75, 1.0])
    """

    weight: Array
    bias: Array | None = None
    running_mean: Array | None = None
    running_var: Array | None = None

    def __post_init__(self) -> None:
        weight = parameter_array("norm weight", self.weight, (None,))
        shape = weight.shape
        object.__setattr__(self, "weight", weight)
        if self.bias is not None:
            object.__setattr__(self, "bias", parameter_array("norm bias", self.bias, shape))
        if (self.running_mean is None) != (self.running_var is None):
            msg = "running_mean and running_var come together (BatchNorm) or not at all (LayerNorm, RMSNorm)"
            raise ValueError(msg)
        if self.running_mean is None or self.running_var is None:
            return
        if self.bias is None:
            msg = "running statistics need a bias (BatchNorm); an RMSNorm has neither"
            raise ValueError(msg)
        variance = parameter_array("norm running_var", self.running_var, shape)
        if (variance < 0).any():
            msg = "norm running_var has a negative entry; a variance is at least 0"
            raise ValueError(msg)
        mean = parameter_array("norm running_mean", self.running_mean, shape)
        object.__setattr__(self, "running_mean", mean)
        object.__setattr__(self, "running_var", variance)

    @property
    def kind(self) -> NormKind:
        """The name by which a configuration states it."""
        if self.bias is None:
            return "rms"
        return "layer" if self.running_mean is None else "batch"

    def __call__(self, x: Array, eps: float) -> Array:
        """Normalise x (…, H)."""
        result: Array
        if self.bias is None:
            result = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + eps) * self.weight
            return result
        mean: Array | np.floating
        variance: Array | np.floating
        if self.running_mean is None or self.running_var is None:
            mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        else:
            mean, variance = self.running_mean, self.running_var
        result = (x - mean) / np.sqrt(variance + eps) * self.weight + self.bias
        return result
