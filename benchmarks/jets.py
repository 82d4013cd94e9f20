"""Jets of order 8 of two-layer quadratic networks, as multiples of one simulation of the same sequences.

H = 16 channels, L = 256 steps, 16 sequences. The simulation is the faster of the recurrence-free simulation of the
records and the operator's own forward pass. With a linear output map the total degree is 4, so that orders 5 to 8 are
known to be zero and cost nothing; with the bilinear gate it is 16 and all orders are there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.measure import Row, alternate
from benchmarks.second_order import quadratic_network
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run_logits

LENGTH, CHANNELS, CLASSES, STATES, BATCH = 256, 16, 10, 32, 16
ORDER = 8
AIM = 15.0
REPEATS = 7


def rows(threads: int) -> list[Row]:
    del threads  # told by the environment
    plain = quadratic_network(2, CHANNELS, CLASSES, STATES)
    return [
        row
        for network, gate in ((plain, "linear output"), (gated(plain), "bilinear gates"))
        for row in compare(network, gate, LENGTH, BATCH, REPEATS)
    ]


def gated(network: S4DNetwork) -> S4DNetwork:
    """The same network with a bilinear gate a·b in every layer: output maps of twice the rows."""
    generator = np.random.default_rng(12)

    def doubled(layer):
        other = generator.normal(size=layer.output_weight.shape) / layer.channels
        weight = np.concatenate([layer.output_weight, other])
        return replace(layer, output_weight=weight, output_bias=np.concatenate([layer.output_bias, 0.5 + layer.D * 0]))

    config = replace(network.config, output="glu", gate="identity")
    return replace(network, layers=tuple(map(doubled, network.layers)), config=config)


def own_decoders(network: S4DNetwork) -> tuple[LayerDecoders, ...]:
    """y² for every layer, and the identity for every bilinear gate."""
    square, same = (ExactDecoders(np.eye(3)[degree], network.channels) for degree in (2, 1))
    gate = same if network.config.output == "glu" else None
    return (LayerDecoders(square, gate),) * len(network.layers)


def compare(network, gate, length, batch, repeats) -> list[Row]:
    """Jets as multiples of one simulation; all of them take turns."""
    seconds = alternate(candidates(network, length, batch), repeats)
    once = min(seconds["simulation"], seconds["forward pass"])
    name = f"jets of order {ORDER}, two layers, y², {gate}"
    degree = 2 * len(network.layers) if network.config.output == "linear" else 4 ** len(network.layers)
    subject = f"orders 0 to {min(ORDER, degree)} of {degree}"
    return [Row(name, subject, "one simulation", seconds["jets"] / once, None, "simulations", AIM)]


def candidates(network, length, batch):
    """Name to a call without arguments."""
    x = np.random.default_rng(13).uniform(-1, 1, (batch, length, 1))
    stack, decoders, centre = build_stack(network, length), own_decoders(network), np.zeros((length, 1))
    return {
        "simulation": lambda: network(x),
        "forward pass": lambda: run_logits(stack, decoders, x),
        "jets": lambda: jets(stack, decoders, centre, x, ORDER),
    }
