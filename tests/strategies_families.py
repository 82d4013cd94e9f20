"""Layers of all families: variants of discretisation, real and complex spectra and size, with perturbed parameters."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np

from carleman_ssm.experiments.layer_bridge import moved
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
            "bilinear": {"channels": 2, "d_state": 4, "disc": "bilinear"},
            "dss_rule": {"channels": 1, "d_state": 4, "disc": "dss"},
            "real_modes": {"channels": 2, "d_state": 3, "real": True},
            "both_directions": {"channels": 2, "d_state": 4},
        },
        "s4": {
            "legs": {"channels": 2, "d_state": 4},
            "one_pair": {"channels": 1, "d_state": 2},
            "trained": {"channels": 1, "d_state": 4},
            "both_directions": {"channels": 2, "d_state": 2},
        },
        "dss": {
            "softmax": {"channels": 2, "d_state": 3},
            "exp": {"channels": 1, "d_state": 1, "version": "exp"},
            "clip": {"channels": 2, "d_state": 2},
            "both_directions": {"channels": 1, "d_state": 2},
        },
        "s5": {
            "zoh": {"channels": 2, "states": 4, "activation": "full_glu"},
            "bilinear": {"channels": 1, "states": 2, "discretization": "bilinear", "activation": "gelu"},
            "all_modes": {"channels": 3, "states": 3, "conj_sym": False},
            "real_spectrum": {"channels": 2, "states": 3, "conj_sym": False, "activation": "gelu"},
            "both_directions": {"channels": 2, "states": 4, "bidirectional": True, "activation": "full_glu"},
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
            "normalised": {"hidden_size": 4, "output_norm": "identity"},
            "summed": {"hidden_size": 4},
        },
        "retnet": {
            "two_heads": {"hidden_size": 8},
            "one_head": {"hidden_size": 2, "num_heads": 1, "expand_v": 1},
            "convolution": {"hidden_size": 4, "expand_v": 1},
        },
        "gla": {
            "two_heads": {"channels": 4},
            "one_key": {"channels": 2, "heads": 1, "keys": 1, "values": 2},
            "grouped_convolution": {"channels": 4},
        },
        "mamba": {
            "real": {"channels": 2, "states": 3},
            "complex": {"channels": 1, "states": 2, "spectrum": "lin"},
            "one_state": {"channels": 1, "states": 1},
            "biased": {"channels": 2, "states": 2},
        },
        "mamba2": {
            "default": {"channels": 2},
            "one_state": {"channels": 1, "states": 1},
            "groups": {"channels": 2, "states": 2, "ngroups": 2},
        },
        "rg-lru": {"two_heads": {"channels": 4}, "one": {"channels": 1, "heads": 1}},
        "s7": {"default": {}, "one": {"channels": 1, "states": 1}, "erf": {"channels": 3, "states": 2}},
        "delta-net": {
            "default": {"channels": 4},
            "plain": {"channels": 2, "heads": 1, "width": 0, "gate": True},
            "sums": {"channels": 4, "qk_activation": "elu", "qk_norm": "sum", "allow_neg_eigval": True},
        },
        "gated-delta-net": {
            "default": {"channels": 4},
            "plain": {"channels": 2, "heads": 1, "width": 0},
            "shared_keys": {"channels": 4, "heads": 2, "num_heads": 1, "allow_neg_eigval": True},
        },
    }
)
"""Sizes for `Family.initialise`, by family and variant."""


def _convolutions(rng, name, sizes):
    """Taps of width 3 and biases for queries, keys and values of these numbers of channels."""
    shapes = {"weight": lambda size: (size, 1, 3), "bias": lambda size: (size,)}
    return {
        f"{letter}_{name}_{kind}": rng.normal(size=shape(size))
        for letter, size in zip("qkv", sizes, strict=True)
        for kind, shape in shapes.items()
    }


def _backward(layer, rng):
    """A second set of readouts, of the states that run from the end."""
    return replace(
        layer,
        C=np.concatenate([layer.C, rng.normal(size=layer.C.shape) + 1j * rng.normal(size=layer.C.shape)]),
        options=replace(layer.options, bidirectional=True),
    )


def _grouped_gla(layer, rng):
    """One head of keys and values for both heads of queries, and convolutions before SiLU."""
    shared = {
        name: getattr(layer, name)[:2]
        for name in ("k_proj_weight", "v_proj_weight", "gk_proj_1_weight", "gk_proj_1_bias")
    }
    return replace(layer, **shared, **_convolutions(rng, "conv1d", (4, 2, 2)))


FINISHED = MappingProxyType(
    {
        ("s4-block", "both_directions"): _backward,
        ("s4", "both_directions"): _backward,
        ("s4", "trained"): lambda layer, rng: replace(layer, l_kernel=5),
        ("dss", "clip"): lambda layer, rng: replace(layer, version="clip"),
        ("dss", "both_directions"): lambda layer, rng: replace(
            layer, W=np.concatenate([layer.W, rng.normal(size=layer.W.shape) + 0j]), bidirectional=True
        ),
        ("s5", "real_spectrum"): lambda layer, rng: replace(layer, Lambda_im=np.zeros(layer.modes)),
        ("linear-attention", "normalised"): lambda layer, rng: replace(layer, do_feature_map_norm=True),
        ("linear-attention", "summed"): lambda layer, rng: replace(layer, norm_q=True, norm_k=True),
        ("retnet", "convolution"): lambda layer, rng: replace(
            layer, g_weight=None, fuse_norm=False, **_convolutions(rng, "conv", (4, 4, 4))
        ),
        ("gla", "grouped_convolution"): _grouped_gla,
        ("mamba", "biased"): lambda layer, rng: replace(
            layer, in_proj_bias=rng.normal(size=8), out_proj_bias=rng.normal(size=2)
        ),
        ("mamba2", "groups"): lambda layer, rng: replace(layer, norm_before_gate=True),
        ("s7", "erf"): lambda layer, rng: replace(layer, gelu_form="erf"),
        ("delta-net", "sums"): lambda layer, rng: replace(layer, b_weight=None),
    }
)
"""What `Family.initialise` has no size for; from the moved layer and random numbers."""

TWO_DIRECTIONS = frozenset((family, "both_directions") for family in ("s4-block", "s4", "dss", "s5"))

CONFIGURATIONS = MappingProxyType(
    {
        ("s4d", "bilinear"): {"discretization": "bilinear"},
        ("s5", "bilinear"): {"discretization": "bilinear", "activation": "gelu"},
        ("s4-block", "bilinear"): {"disc": "bilinear"},
        ("s4-block", "dss_rule"): {"disc": "dss"},
        ("dss", "clip"): {"version": "clip"},
        ("s5", "real_spectrum"): {"conj_sym": False, "activation": "gelu"},
        ("s5", "all_modes"): {"conj_sym": False, "activation": "half_glu1"},
        ("h3", "hold"): {"disc": "zoh"},
        ("linear-attention", "hadamard"): {"num_heads": 2},
        ("linear-attention", "identity"): {"num_heads": 1, "feature_map": "identity", "output_norm": "identity"},
        ("linear-attention", "normalised"): {
            "num_heads": 2,
            "output_norm": "identity",
            "do_feature_map_norm": True,
        },
        ("linear-attention", "summed"): {"num_heads": 2, "norm_q": True, "norm_k": True},
        ("retnet", "convolution"): {"num_heads": 2},
        ("retnet", "two_heads"): {"num_heads": 2},
        ("retnet", "one_head"): {"num_heads": 1},
        ("gla", "two_heads"): {"num_heads": 2},
        ("gla", "one_key"): {"num_heads": 1},
        ("gla", "grouped_convolution"): {"num_heads": 2},
        ("mamba2", "default"): {"ngroups": 1},
        ("mamba2", "groups"): {"ngroups": 2, "norm_before_gate": True},
        ("s7", "erf"): {"gelu_form": "erf"},
        ("delta-net", "sums"): {"qk_activation": "elu", "qk_norm": "sum", "allow_neg_eigval": True},
        ("gated-delta-net", "shared_keys"): {"num_heads": 1, "allow_neg_eigval": True},
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
    """The variant as its reference initialises it, every real parameter moved by normal numbers, then finished."""
    family, variant = case
    layer = moved(family_named(family).initialise(rng, **VARIANTS[family][variant]), rng, scale)
    return FINISHED.get(case, lambda drawn, _: drawn)(layer, rng)


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
