"""Networks of moderate size beside those that `carleman_ssm.testing` draws."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DLayer, S4DNetwork
from carleman_ssm.testing.inputs import sequences as input_sequences
from carleman_ssm.testing.networks import ACTIVATIONS, layers, networks, stored

s4d_layers, s4d_networks = layers, networks
__all__ = ["ACTIVATIONS", "input_sequences", "moderate_network", "s4d_layers", "s4d_networks", "stored"]


def moderate_network(layers, channels=4, features=1, classes=3, modes=3, seed=0, **entries):
    """A network with random float32 parameters of moderate size: values stay near 1 at any depth."""
    config, generator = NetworkConfig(**entries), np.random.default_rng(seed)
    rows = {"none": None, "linear": channels, "glu": 2 * channels}[config.output]

    def normal(*shape):
        return stored(generator.normal(size=shape) / np.sqrt(shape[-1]))

    def norm():
        if config.norm == "none":
            return None
        if config.norm == "rms":
            return Normalization(1 + normal(channels))
        statistics = (normal(channels), 0.5 + normal(channels) ** 2) if config.norm == "batch" else ()
        return Normalization(1 + normal(channels), normal(channels), *statistics)

    def layer():
        return S4DLayer(
            log_dt=normal(channels) - 2,
            log_A_real=normal(channels, modes),
            A_imag=8 * normal(channels, modes),
            C=normal(channels, modes) + 1j * normal(channels, modes),
            D=normal(channels),
            output_weight=None if rows is None else normal(rows, channels),
            output_bias=None if rows is None else normal(rows),
            norm=norm(),
            activation_coefficients=normal(3) if config.activation == "poly" else None,
            discretization=config.discretization,
        )

    return S4DNetwork(
        encoder_weight=normal(channels, features),
        encoder_bias=normal(channels),
        layers=tuple(layer() for _ in range(layers)),
        decoder_weight=normal(classes, channels),
        decoder_bias=normal(classes),
        config=config,
    )
