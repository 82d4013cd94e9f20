r"""The letters of the statements as numbers of a layer: families whose transitions depend on the input.

The letters per step (increments, keys, values, strengths) are what the layer makes of its input.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from carleman_ssm.experiments.invariant_letters import Reading, entries, require_stated, steps
from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.gated_delta_net import GatedDeltaNet
from carleman_ssm.families.gla import GLA
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.pointwise import gelu, linear
from carleman_ssm.families.rg_lru import RGLRU
from carleman_ssm.families.s7 import S7
from carleman_ssm.networks.layers import Array
from carleman_ssm.recurrences.selective_statements import VALUES


def gla_readings(layer: GLA, inputs: Array) -> Iterator[Reading]:
    r"""Gates, keys, queries and values of every head, with $d^{-1/2}$ as in the statement."""
    require_stated(layer, [(layer.values != VALUES, f"{layer.values} values of a head, but of {VALUES}")])
    increments, states = layer.increments(inputs)[0], layer.scan(inputs).states()[0, -1]
    q, k, v = (layer.projected(name, inputs)[0] for name in ("q", "k", "v"))
    for h, state in enumerate(states):
        letters = steps("g", -increments[:, h]) | steps("kappa", k[:, h]) | steps("q", q[:, h]) | steps("v", v[:, h])
        yield Reading(layer.keys, letters, q[-1, h] @ state / np.sqrt(layer.keys))


def mamba_readings(layer: Mamba, inputs: Array) -> Iterator[Reading]:
    r"""$\Delta$, x, B, C per step and A, D of every inner channel, before the gate."""
    require_stated(layer, [(layer.A_imag is not None, "a complex A with its conjugate modes")])
    chosen, states = layer.selection(inputs), layer.scan(inputs).states()[0, -1]
    vectors = steps("B", chosen.input_vectors[0]) | steps("C", chosen.output_vectors[0])
    for e, state in enumerate(states):
        letters = vectors | steps("Delta", chosen.step[0, :, e]) | steps("x", chosen.x[0, :, e])
        letters |= entries("A", layer.eigenvalues[e]) | {"D": layer.D[e]}
        value = chosen.output_vectors[0, -1] @ state + layer.D[e] * chosen.x[0, -1, e]
        yield Reading(len(state), letters, value)


def mamba2_readings(layer: Mamba2, inputs: Array) -> Iterator[Reading]:
    r"""$\Delta$, x, B, C per step and a, D of every head, before gate and norm."""
    chosen, states = layer.selection(inputs), layer.scan(inputs).states()[0, -1]
    values, per_entry = chosen.x.shape[-1], layer.D.size != layer.heads
    require_stated(layer, [(values != VALUES, f"{values} values of a head"), (per_entry, "a D for each entry")])
    for h, state in enumerate(states):
        letters = steps("Delta", chosen.step[0, :, h]) | steps("x", chosen.x[0, :, h])
        letters |= steps("B", chosen.keys[0, :, h]) | steps("C", chosen.queries[0, :, h])
        letters |= {"a": layer.eigenvalues[h], "D": layer.D[h]}
        value = chosen.queries[0, -1, h] @ state + layer.D[h] * chosen.x[0, -1, h]
        yield Reading(len(state), letters, value)


def rg_lru_readings(layer: RGLRU, inputs: Array) -> Iterator[Reading]:
    r"""Decays, their roots and gated inputs per step; c is a row of the output map, s the other branch.

    The bias of the output map, of which the statement does not speak, is taken off the layer's output.
    """
    decays = np.exp(layer.log_decays(inputs))[0]
    roots = np.concatenate([np.ones_like(decays[:1]), np.sqrt(1 - decays[1:] ** 2)])
    letters = steps("a", decays) | steps("beta", roots) | steps("x", layer.gated_inputs(inputs)[0])
    letters |= entries("s", gelu(linear(inputs, layer.linear_y_weight, layer.linear_y_bias), "tanh")[0, -1])
    for row, value in zip(layer.linear_out_weight, layer(inputs)[0, -1] - layer.linear_out_bias, strict=True):
        yield Reading(decays.shape[1], letters | entries("c", row), value)


def s7_readings(layer: S7, inputs: Array) -> Iterator[Reading]:
    r"""The affine maps of a layer with one channel; the slope of its bias joins that of B, and c stands for $C_L$."""
    require_stated(layer, [(layer.channels != 1, f"{layer.channels} channels, but of one")])
    readout = layer.C_weight[:, 0] * inputs[0, -1, 0] + layer.C_bias
    letters = entries("w", layer.Lambda_weight[:, 0]) | entries("z", layer.Lambda_bias) | entries("c", readout)
    letters |= entries("B", layer.B_weight[:, 0]) | entries("beta", layer.B_bias + layer.bias_weight[:, 0])
    letters |= entries("o", layer.bias_bias) | steps("u", inputs[0, :, 0])
    yield Reading(layer.states, letters, readout @ layer.scan(inputs).states()[0, -1])


def delta_readings(layer: DeltaNet | GatedDeltaNet, inputs: Array) -> Iterator[Reading]:
    r"""Keys, strengths, decays, values of every column of every head; the query without $N^{-1/2}$."""
    scan = layer.scan(inputs)
    states, queries, values = scan.states()[0, -1], layer.queries(inputs)[0, -1], layer.values(inputs)[0]
    for h, (state, query) in enumerate(zip(states, queries, strict=True)):
        letters = steps("kappa", scan.keys[0, :, h]) | steps("beta", scan.strengths[0, :, h]) | entries("q", query)
        letters |= steps("g", scan.decays[0, :, h])
        for column, value in enumerate(query @ state):
            yield Reading(len(query), letters | steps("v", values[:, h, column : column + 1]), value)
