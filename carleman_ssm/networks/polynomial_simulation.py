"""The network simulated step by step with polynomials as activation: the operator's independent witness."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.decoders import ChannelDecoders, FittedDecoders
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork


def simulate_with_decoders(network: S4DNetwork, decoders: ChannelDecoders, sequences: Floats) -> Floats:
    """Logits (batch, classes) by the recurrence, each channel's activation replaced by its polynomial.

    It shares the decoders' coefficients with the operator and nothing else: pre-activations come from the recurrence,
    the polynomial from NumPy's own series evaluation, the rest from the simulation.
    """

    def polynomial(values: Floats) -> Floats:
        if isinstance(decoders, FittedDecoders):
            columns = zip(decoders.coefficients.T, np.moveaxis(decoders.position(values), -1, 0), strict=True)
            return np.stack([np.polynomial.chebyshev.chebval(position, row) for row, position in columns], axis=-1)
        powers = values[..., None] ** np.arange(decoders.degree + 1)
        result: Floats = powers @ decoders.taylor(np.zeros(1), decoders.degree)[:, 0]
        return result

    return network(sequences, method="recurrence", activation=polynomial)
