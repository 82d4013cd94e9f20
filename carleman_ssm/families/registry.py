"""All families in one place: what `carleman-ssm zoo` and the property tests go through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from carleman_ssm.families.delta_net import DeltaNet
from carleman_ssm.families.dss import DSS
from carleman_ssm.families.family import Family
from carleman_ssm.families.gated_delta_net import GatedDeltaNet
from carleman_ssm.families.gla import GLA
from carleman_ssm.families.h3 import H3
from carleman_ssm.families.linear_attention import LinearAttention
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.retnet import RetNet
from carleman_ssm.families.rg_lru import RGLRU
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s4d import S4D
from carleman_ssm.families.s5 import S5
from carleman_ssm.families.s7 import S7

FAMILIES: tuple[type[Family], ...] = (
    S4D,
    S4Block,
    S4,
    DSS,
    S5,
    LRU,
    H3,
    LinearAttention,
    RetNet,
    GLA,
    Mamba,
    Mamba2,
    RGLRU,
    S7,
    DeltaNet,
    GatedDeltaNet,
)
"""Every family once, in the order of the table: time-invariant, products, selective, rank-one."""


@dataclass(frozen=True)
class Entry:
    r"""What the table needs to know of a family beyond its class.

    Parameters
    ----------
    small
        Sizes for `Family.initialise` with which a layer has few entries of state.
    block
        n, the real entries of the smallest part of the state that a lift of the reference's default size has to hold
        together: the modes of one channel, all modes of a layer with several inputs, one column of a matrix state.
    block_words
        What that part is.
    pieces
        Names of the pointwise functions (`theory.activations`) of the layer that are no polynomials.
    kept
        What else is no polynomial: it stays as it is, or becomes an input of the lift.
    ring
        Sizes with which a ring of the layer has 16 nodes.
    """

    small: Mapping[str, Any]
    block: int
    block_words: str
    pieces: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    ring: Mapping[str, Any] = field(default_factory=dict)


_RMS = "RMSNorm"
_POWER = "power of the decay"
r"""$\sigma(-v)^a = e^{-a\,\mathrm{softplus}(v)}$ or $\alpha^r$ with an exponent that is no integer."""
_L2 = "l2 norm of queries and keys"

_S4 = {"channels": 1, "d_state": 32}
_GATED = ("gelu", "sigmoid")
_HEAD = "one column of a head"

ENTRIES: Mapping[str, Entry] = MappingProxyType(
    {
        "s4d": Entry({"channels": 2}, 64, "one channel", _GATED, ring=_S4),
        "s4-block": Entry({"channels": 2}, 64, "one channel", _GATED, ring=_S4),
        "s4": Entry({"channels": 2}, 64, "one channel", _GATED, ring={"channels": 1, "d_state": 16}),
        "dss": Entry({"channels": 2, "d_state": 4}, 128, "one channel", _GATED, ring={"channels": 1, "d_state": 16}),
        "s5": Entry({}, 256, "the layer", ("gelu_tanh", "sigmoid"), ring={"states": 32}),
        "lru": Entry({}, 256, "the layer", ("gelu_tanh", "sigmoid"), ring={"states": 16}),
        "h3": Entry({"d_model": 2, "d_state": 4}, 128, "one head", ring={"d_model": 1, "d_state": 32}),
        "linear-attention": Entry(
            {"hidden_size": 4}, 128, _HEAD, (), (_RMS,), ring={"hidden_size": 16, "num_heads": 1}
        ),
        "retnet": Entry(
            {"hidden_size": 4, "expand_v": 1}, 128, _HEAD, ("silu",), (_RMS,), ring={"hidden_size": 32, "num_heads": 1}
        ),
        "gla": Entry({}, 128, _HEAD, ("sigmoid", "silu"), ("16th root of the gate", _RMS), ring={"keys": 16}),
        "mamba": Entry(
            {}, 16, "one channel", ("softplus", "sigmoid", "silu"), (f"{_POWER}, once trained",), ring={"states": 16}
        ),
        "mamba2": Entry({}, 128, _HEAD, ("softplus", "sigmoid", "silu"), (_POWER, _RMS), ring={"states": 16}),
        "rg-lru": Entry({}, 1, "one channel", ("sigmoid", "gelu_tanh"), (_POWER, "square root"), ring={"channels": 16}),
        "s7": Entry(
            {}, 128, "the layer, 128 states", ("gelu_tanh", "sigmoid"), ("quotient of the decay",), ring={"states": 16}
        ),
        "delta-net": Entry({}, 256, _HEAD, ("sigmoid", "silu"), (_L2, _RMS)),
        "gated-delta-net": Entry({}, 256, _HEAD, ("softplus", "sigmoid", "silu"), (_POWER, _L2, _RMS)),
    }
)
"""By the name of the family."""


def family_named(name: str) -> type[Family]:
    """The family of this name.

    Raises
    ------
    ValueError
        No family has it; the message lists all names.
    """
    for family in FAMILIES:
        if family.family == name:
            return family
    msg = f"unknown family {name!r}: known are {', '.join(family.family for family in FAMILIES)}"
    raise ValueError(msg)


def small_layer(family: type[Family], rng: np.random.Generator) -> Family:
    """A layer of few entries of state, drawn as its reference initialises it."""
    return family.initialise(rng, **ENTRIES[family.family].small)


def ring_layer(family: type[Family], rng: np.random.Generator) -> Family:
    """A layer whose rings have 16 nodes, or as many as its defaults give, drawn as its reference initialises it."""
    return family.initialise(rng, **ENTRIES[family.family].ring)
