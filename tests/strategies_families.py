"""Layers of all families: variants of discretisation, real and complex spectra and size, with perturbed parameters."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType

import numpy as np

from carleman_ssm.families.registry import FAMILIES, family_named

VARIANTS = MappingProxyType(
    {
        "s4d": {
            "zoh": {"channels": 2, "d_state": 4},
            "bilinear": {"channels": 1, "d_state": 2, "discretization": "bilinear"},
            "real": {"channels": 2, "d_state": 4, "init": "diag-real"},
        },
        "s4-block": {
            "legs": {"channels": 2, "d_state": 4},
            "lin_one": {"channels": 1, "d_state": 2, "init": "diag-lin"},
            "copies": {"channels": 4, "d_state": 6, "copies": 2},
        },
        "s4": {"legs": {"channels": 2, "d_state": 4}, "one_pair": {"channels": 1, "d_state": 2}},
        "dss": {
            "softmax": {"channels": 2, "d_state": 3},
            "exp": {"channels": 1, "d_state": 1, "version": "exp"},
        },
        "s5": {
            "zoh": {"channels": 2, "states": 4, "activation": "full_glu"},
            "bilinear": {"channels": 1, "states": 2, "discretization": "bilinear", "activation": "gelu"},
            "all_modes": {"channels": 3, "states": 3, "conj_sym": False},
        },
        "lru": {
            "ring": {"channels": 2, "states": 3},
            "one": {"channels": 1, "states": 1, "gated": False},
            "small_phase": {"channels": 3, "states": 2, "max_phase": 1e-3, "r_min": 0.5},
        },
        "h3": {
            "default": {"d_model": 2, "d_state": 4},
            "heads": {"d_model": 4, "d_state": 2, "head_dim": 2},
            "hold": {"d_model": 1, "d_state": 4, "disc": "zoh"},
        },
        "linear-attention": {
            "hadamard": {"hidden_size": 4},
            "identity": {"hidden_size": 2, "num_heads": 1, "feature_map": "identity", "output_norm": "identity"},
        },
        "retnet": {"two_heads": {"hidden_size": 8}, "one_head": {"hidden_size": 2, "num_heads": 1, "expand_v": 1}},
        "gla": {"two_heads": {"channels": 4}, "one_key": {"channels": 2, "heads": 1, "keys": 1, "values": 2}},
        "mamba": {
            "real": {"channels": 2, "states": 3},
            "complex": {"channels": 1, "states": 2, "spectrum": "lin"},
            "one_state": {"channels": 1, "states": 1},
        },
        "mamba2": {"default": {"channels": 2}, "one_state": {"channels": 1, "states": 1}},
        "rg-lru": {"two_heads": {"channels": 4}, "one": {"channels": 1, "heads": 1}},
        "s7": {"default": {}},
        "delta-net": {"default": {"channels": 4}, "plain": {"channels": 2, "heads": 1, "width": 0, "gate": True}},
        "gated-delta-net": {"default": {"channels": 4}, "plain": {"channels": 2, "heads": 1, "width": 0}},
    }
)
"""Sizes for `Family.initialise`, by family and variant."""

CONFIGURATIONS = MappingProxyType(
    {
        ("s4d", "bilinear"): {"discretization": "bilinear"},
        ("s5", "bilinear"): {"discretization": "bilinear", "activation": "gelu"},
        ("s5", "all_modes"): {"conj_sym": False, "activation": "half_glu1"},
        ("h3", "hold"): {"disc": "zoh"},
        ("linear-attention", "hadamard"): {"num_heads": 2},
        ("linear-attention", "identity"): {"num_heads": 1, "feature_map": "identity", "output_norm": "identity"},
        ("retnet", "two_heads"): {"num_heads": 2},
        ("retnet", "one_head"): {"num_heads": 1},
        ("gla", "two_heads"): {"num_heads": 2},
        ("gla", "one_key"): {"num_heads": 1},
    }
)
"""What the tensors of a variant do not say."""

AMBIGUOUS = {("linear-attention", "identity"): {"dialect": "fla-linear-attention"}}
"""What has to be said beside, as the keys are those of another dialect too."""

CASES = tuple(
    (family.family, variant) for family in FAMILIES for variant in VARIANTS.get(family.family, {"default": {}})
)
IDS = ["-".join(case) for case in CASES]


def drawn_layer(case, rng, scale=0.2):
    """The variant as its reference initialises it, then every real parameter moved by normal numbers."""
    family, variant = case
    layer = family_named(family).initialise(rng, **VARIANTS[family][variant])
    return perturbed(layer, rng, scale)


def perturbed(record, rng, scale):
    """The same record with every array of numbers moved: biases, gains and feedthroughs are no longer 0 or 1."""
    moved = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc" and entry.init:
            moved[entry.name] = value + scale * rng.normal(size=value.shape)
        elif is_dataclass(value) and entry.init:
            moved[entry.name] = perturbed(value, rng, scale)
    return replace(record, **moved)


def drawn_inputs(layer, rng, kind, batch=2, steps=9):
    """Normal, constant, zero, a late impulse, or a single step."""
    steps = 1 if kind == "one step" else steps
    values = rng.normal(size=(batch, steps, layer.channels))
    if kind == "constant":
        return np.broadcast_to(values[:, :1], values.shape).copy()
    if kind == "zero":
        return np.zeros_like(values)
    if kind == "impulse":
        return values * (np.arange(steps) == steps // 2)[:, None]
    return values


KINDS = ("normal", "constant", "zero", "impulse", "one step")
