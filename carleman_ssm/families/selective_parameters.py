"""Parameters of the selective layers: how they start, and whether settings agree with stored shapes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from carleman_ssm.families.pointwise import inverse_softplus
from carleman_ssm.families.reference_tensors import torch_linear
from carleman_ssm.networks.layers import Array

STEP_RANGE = (1e-3, 1e-1)
STEP_FLOOR = 1e-4


def step_bias(rng: np.random.Generator, count: int, steps: tuple[float, float] = STEP_RANGE) -> Array:
    r"""Biases b with $\mathrm{softplus}(b) = \Delta$, $\ln \Delta$ uniform between the logarithms of `steps`.

    Parameters
    ----------
    rng
        The source of random numbers.
    count
        How many.
    steps
        Smallest and largest $\Delta$ [time]; nothing below 1e-4 is drawn.

    Raises
    ------
    ValueError
        The range is empty or not positive.
    """
    least, most = steps
    if not 0 < least <= most:
        msg = f"steps are drawn between two positive numbers, the smaller one first, got {steps}"
        raise ValueError(msg)
    drawn: Array = np.exp(rng.uniform(np.log(least), np.log(most), count))
    return inverse_softplus(np.maximum(drawn, STEP_FLOOR))


def short_convolution(rng: np.random.Generator, channels: int, width: int) -> tuple[Array, Array]:
    r"""Taps (C, 1, W) and bias (C,) of a convolution of single channels: uniform within $\pm 1/\sqrt W$."""
    taps, bias = torch_linear(rng, channels, width)
    return taps[:, None, :], bias


def projection(rng: np.random.Generator, outputs: int, inputs: int) -> Array:
    """The weight (out, in) of a dense map without a bias."""
    return torch_linear(rng, outputs, inputs)[0]


def require_agreement(family: str, config: Mapping[str, object], stored: Mapping[str, object]) -> None:
    """Settings of the reference that are there must say what the shapes say; absent and automatic ones pass.

    Parameters
    ----------
    family
        For the message.
    config
        The settings.
    stored
        Name of a setting -> its value according to the parameters.

    Raises
    ------
    ValueError
        A setting that the shapes contradict.

    Examples
    --------
    >>> require_agreement("toy", {"d_state": 16, "d_conv": "auto"}, {"d_state": 16, "d_conv": 4})
    """
    for name, value in stored.items():
        said = config.get(name)
        if said not in (None, "auto", value):
            msg = f"{family}: the configuration says {name} = {said!r}, the parameters say {value!r}"
            raise ValueError(msg)
