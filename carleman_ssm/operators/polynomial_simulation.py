"""The network simulated step by step with decoders in place of its activations and gates: the operator's witness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.cosine_decoders import CosineDecoders
from carleman_ssm.operators.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.operators.taylor_decoders import TaylorDecoders


def simulate_with_decoders(
    network: StateSpaceNetwork, decoders: ChannelDecoders | Sequence[LayerDecoders], sequences: Floats
) -> Floats:
    """Logits (batch, classes) by the recurrence, each channel's activation and gate replaced by its decoder.

    It shares the decoders' coefficients with the operator and nothing else: pre-activations come from the recurrence,
    the decoders' values from NumPy's own series or from their definition written out, norms and everything else from
    the simulation.

    Parameters
    ----------
    decoders
        Those of a network of one layer without a gate, or a record for each layer.

    Raises
    ------
    ValueError
        The number of records is not that of the layers, or a gate is decoded where there is none.
    """
    layers = decoders if isinstance(decoders, Sequence) else (LayerDecoders(decoders),)
    gated = network.config.output == "glu"
    if any((layer.gate is None) == gated for layer in layers):
        msg = f"output {network.config.output!r} {'needs decoders of its gates' if gated else 'has no gate to decode'}"
        raise ValueError(msg)
    gates = [_by_definition(layer.gate) for layer in layers if layer.gate is not None]
    return network(
        sequences,
        method="recurrence",
        activation=[_by_definition(layer.activation) for layer in layers],
        gate=gates if gated else None,
    )


def _by_definition(decoders: ChannelDecoders) -> Callable[[Floats], Floats]:
    """The function that the coefficients define, by another route than the decoders' own evaluation where we know it.

    Decoders of an unknown kind evaluate themselves.
    """
    if isinstance(decoders, FittedDecoders):
        return lambda values: _chebyshev(decoders, values)
    if isinstance(decoders, ExactDecoders):
        return lambda values: _monomials(decoders.coefficients, values)
    if isinstance(decoders, TaylorDecoders):
        return lambda values: _monomials(decoders.coefficients.T, values - decoders.centre)
    if isinstance(decoders, CosineDecoders):
        return lambda values: _cosines(decoders, values)
    return decoders


def _chebyshev(decoders: FittedDecoders, values: Floats) -> Floats:
    columns = zip(decoders.coefficients.T, np.moveaxis(decoders.position(values), -1, 0), strict=True)
    return np.stack([np.polynomial.chebyshev.chebval(position, row) for row, position in columns], axis=-1)


def _monomials(coefficients: Floats, values: Floats) -> Floats:
    r"""$\sum_q g_q v^q$ by powers, coefficients (P + 1,) or (H, P + 1)."""
    powers = values[..., None] ** np.arange(coefficients.shape[-1])
    return np.asarray((powers * coefficients).sum(axis=-1))


def _cosines(decoders: CosineDecoders, values: Floats) -> Floats:
    r"""$sd + \sum_k (a_k\cos k\omega d + b_k\sin k\omega d)$ with $w_k = a_k - ib_k$, an angle for each term."""
    distance = np.clip(values - decoders.centre, -decoders.half_width, decoders.half_width)
    angles = np.arange(decoders.terms + 1)[:, None] * decoders.frequency * distance[..., None, :]
    waves = decoders.weights.real * np.cos(angles) - decoders.weights.imag * np.sin(angles)
    return np.asarray(decoders.slope * distance + waves.sum(axis=-2))
