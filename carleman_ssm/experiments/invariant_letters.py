r"""The letters of the statements as numbers of a layer: families with fixed multipliers.

Each function yields, for every output that the statement speaks of (a channel, a column of a head), the numbers of its
letters and what the layer itself reads there after the last step of an input (1, L, H).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from carleman_ssm.families.dss import DSS
from carleman_ssm.families.family import Family
from carleman_ssm.families.h3 import H3
from carleman_ssm.families.linear_attention import LinearAttention
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.pointwise import linear
from carleman_ssm.families.retnet import RetNet
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s4_parts import EPSILON
from carleman_ssm.families.s4d import S4D
from carleman_ssm.families.s5 import S5
from carleman_ssm.families.scans import Values
from carleman_ssm.networks.layers import Array

Letters = dict[str, Values]


@dataclass(frozen=True)
class Reading:
    """One output of a layer, in the letters of its family's statement and as the layer computes it.

    Parameters
    ----------
    states
        Size of the statement whose letters these are.
    letters
        Name of a letter -> number; more than the output has are allowed.
    value
        What the layer reads: a number, or a row of them.
    """

    states: int
    letters: Letters
    value: Values


def entries(stem: str, values: Values) -> Letters:
    """``stem_0``, ``stem_1``, … of a vector; ``stem_0_0``, … of a matrix."""
    return {f"{stem}_{'_'.join(map(str, index))}": value for index, value in np.ndenumerate(values)}


def steps(stem: str, values: Values) -> Letters:
    """``stem_1``, … along the first axis, which counts steps from 1; further axes are entries from 0."""
    return {f"{stem}_{'_'.join(map(str, (k + 1, *rest)))}": v for (k, *rest), v in np.ndenumerate(values)}


def require_stated(layer: Family, holds: Sequence[tuple[bool, str]]) -> None:
    """Refuse a layer with an option of which the statement of its family does not speak.

    Raises
    ------
    ValueError
        The first option that holds.
    """
    for condition, words in holds:
        if condition:
            msg = f"the statement of {layer.family} does not speak of {words}"
            raise ValueError(msg)


def s4d_readings(layer: S4D, inputs: Array) -> Iterator[Reading]:
    r"""$\Delta$, a, c, D of every channel."""
    core = layer.layer
    require_stated(layer, [(core.discretization != "zoh", "the bilinear rule")])
    y = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1]
    rates = -np.exp(core.log_A_real) + 1j * core.A_imag
    for h, value in enumerate(y):
        letters = {"Delta": np.exp(core.log_dt[h]), "D": core.D[h]} | entries("a", rates[h]) | entries("c", core.C[h])
        yield Reading(rates.shape[1], letters | steps("u", inputs[0, :, h]), value)


def s4_block_readings(layer: S4Block, inputs: Array) -> Iterator[Reading]:
    r"""$\Delta$, $\alpha$, $\omega$, B, c, D of every channel and readout; channel h has copy h mod S."""
    options, step = layer.options, layer.step
    unsaid = [(options.disc != "zoh", f"the rule {options.disc}"), (options.bidirectional, "two directions")]
    require_stated(layer, [*unsaid, (bool((step != step[:, :1]).any()), "a step for each mode")])
    y = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1].reshape(layer.D.shape)
    for (row, h), value in np.ndenumerate(y):
        rates = layer.eigenvalues[h]
        letters = {"Delta": step[h, 0], "D": layer.D[row, h]} | entries("alpha", -rates.real)
        letters |= entries("omega", -rates.imag) | entries("B", layer.B[h % len(layer.B)])
        letters |= entries("c", layer.output_vectors[row, h]) | steps("u", inputs[0, :, h])
        yield Reading(len(rates), letters, value)


def s4_readings(layer: S4, inputs: Array) -> Iterator[Reading]:
    r"""$\bar A$, $\bar b$, c, D of every channel and readout, in real coordinates."""
    require_stated(layer, [(layer.options.bidirectional, "two directions in its output")])
    (matrices, drive), readouts = layer.discretised(), layer.output_vectors()
    y = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1].reshape(layer.D.shape)
    for (row, h), value in np.ndenumerate(y):
        letters = {"D": layer.D[row, h]} | entries("a", matrices[h]) | entries("b", drive[h])
        yield Reading(layer.size, letters | entries("c", readouts[row, h]) | steps("u", inputs[0, :, h]), value)


def dss_readings(layer: DSS, inputs: Array) -> Iterator[Reading]:
    r"""$\Lambda$, a step for either of its parts, $\varepsilon$, W, D of every channel and readout."""
    unsaid = [(layer.version != "softmax", f"the version {layer.version}"), (layer.bidirectional, "two directions")]
    require_stated(layer, unsaid)
    y = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1].reshape(layer.D.shape)
    shared = {"epsilon": EPSILON} | entries("Lambda", layer.eigenvalues)
    for (row, h), value in np.ndenumerate(y):
        letters = shared | {"Delta_re": layer.steps[h, 0], "Delta_im": layer.steps[h, 1], "D": layer.D[row, h]}
        letters |= entries("W", layer.W[row, h]) | steps("u", inputs[0, :, h])
        yield Reading(len(layer.eigenvalues), letters, value)


def s5_readings(layer: S5, inputs: Array) -> Iterator[Reading]:
    r"""$\lambda$, $\bar B$, and the rows of C and D of both outputs."""
    unsaid = [(not layer.conj_sym, "all modes stored"), (layer.bidirectional, "two directions")]
    require_stated(layer, unsaid)
    yield from _several_inputs(layer, inputs, entries("b", layer.input_matrix))


def lru_readings(layer: LRU, inputs: Array) -> Iterator[Reading]:
    r"""$\lambda$, $\gamma$, B, and the rows of C and D of both outputs."""
    drives = entries("b", layer.B_re + 1j * layer.B_im) | entries("gamma", layer.gamma_log)
    yield from _several_inputs(layer, inputs, drives)


def _several_inputs(layer: S5 | LRU, inputs: Array, drives: Letters) -> Iterator[Reading]:
    require_stated(layer, [(layer.channels != 2, f"{layer.channels} inputs, but of two")])
    y = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1]
    shared = drives | entries("lambda", layer.multipliers) | steps("u", inputs[0])
    for value, row, feedthrough in zip(y, layer.output_matrix, np.diag(layer.D), strict=True):
        yield Reading(layer.modes, shared | entries("c", row) | entries("D", feedthrough), value)


def _places(layer: H3) -> int:
    """Of the shift register in the statement; the layer's has twice as many as there are modes."""
    return max(int(layer.C.shape[1]), 2)


def short_register(layer: H3) -> H3:
    """The layer with only as many places of its shift register in use as the statement has."""
    used = np.arange(layer.shift_B.shape[1]) < _places(layer)
    return replace(layer, shift_B=layer.shift_B * used, shift_C=layer.shift_C * used)


def h3_readings(layer: H3, inputs: Array) -> Iterator[Reading]:
    r"""q, k, v per step, the shift register, $\lambda$, $\bar b$, c and D of every channel."""
    places = _places(layer)
    beyond = np.concatenate([layer.shift_B[:, places:], layer.shift_C[:, places:]], axis=1).any()
    unsaid = [(layer.head_dim > 1, "heads of several channels"), (bool(beyond), f"a register beyond {places} places")]
    require_stated(layer, unsaid)
    states, products = layer.scan(inputs).states(), layer.products(inputs)
    core = (2 * np.einsum("blijhm,hm->blijh", states, layer.C).real + layer.D * products)[0, -1, 0, 0]
    q, k, v = (
        linear(inputs, getattr(layer, f"{name}_weight"), getattr(layer, f"{name}_bias"))[0] for name in ("q", "k", "v")
    )
    for h, value in enumerate(q[-1] * core):
        letters = {"D": layer.D[h], "D_k": layer.shift_D[h]} | entries("lambda", layer.multipliers[h])
        letters |= entries("Bk", layer.shift_B[h, :places]) | entries("Ck", layer.shift_C[h, :places])
        letters |= entries("b", layer.input_vector[h]) | entries("c", layer.C[h])
        yield Reading(
            layer.C.shape[1], letters | steps("q", q[:, h]) | steps("k", k[:, h]) | steps("v", v[:, h]), value
        )


def linear_attention_readings(layer: LinearAttention, inputs: Array) -> Iterator[Reading]:
    """Features of queries and keys, and values, of every column of every head."""
    require_stated(layer, [(layer.do_feature_map_norm, "a normaliser")])
    yield from _columns_of_heads(layer, inputs, [{}] * layer.num_heads)


def retnet_readings(layer: RetNet, inputs: Array) -> Iterator[Reading]:
    r"""Queries, keys and values of every column of every head, its decay $\gamma$ and its angles."""
    angles = entries("theta", layer.frequencies)
    yield from _columns_of_heads(layer, inputs, [{"gamma": decay} | angles for decay in layer.decays])


def _columns_of_heads(layer: LinearAttention | RetNet, inputs: Array, letters: Sequence[Letters]) -> Iterator[Reading]:
    q, k, v = (read(inputs)[0] for read in (layer.queries, layer.keys, layer.values))
    for (h, column), value in np.ndenumerate(layer.core(layer.scan(inputs).states(), inputs)[0, -1]):
        named = letters[h] | steps("q", q[:, h]) | steps("k", k[:, h]) | steps("v", v[:, h, column : column + 1])
        yield Reading(q.shape[-1], named, value)
