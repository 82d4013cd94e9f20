r"""What a layer is beside its tensors: the options that it was told, and the conventions that they make.

No shape says by which rule a layer is discretised, whether pairs are read twice, or how large the ε of its norm is. The
configuration does, under the names of the reference; what it leaves out is the reference's default. A layer read from
a file without its configuration is therefore one of several, and which options were assumed has to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType

from carleman_ssm.families.annotated_s4d import AnnotatedS4D
from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.conventions import Convention, convention
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
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s4_options import S4Options
from carleman_ssm.families.s4d import S4D
from carleman_ssm.families.s5 import S5
from carleman_ssm.families.s7 import S7
from carleman_ssm.families.selective_settings import UNLIMITED, mixer_settings

NAMED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "h3": ("disc", "real_type", "l_max"),
        "fla-linear-attention": ("num_heads", "do_feature_map_norm", "norm_q", "norm_k", "norm_eps"),
        "fla-retnet": ("num_heads", "norm_eps"),
        "fla-gla": ("num_heads", "gate_logit_normalizer", "clamp_min", "norm_eps"),
        "mamba2": ("ngroups", "norm_before_gate"),
        "s5": ("discretization", "conj_sym", "clip_eigs", "step_rescale"),
        "s7": ("gelu_form",),
        "fla-delta-net": ("qk_activation", "qk_norm", "allow_neg_eigval", "norm_eps"),
        "fla-gated-delta-net": ("num_heads", "allow_neg_eigval", "norm_eps"),
    }
)
"""Options that are fields of the layer under the reference's name, by dialect."""

OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {"norm_feature_map": "do_feature_map_norm", "head_dim": "num_heads", "d_state": "ngroups"}
)
"""Entries of a configuration that say an option under another name, or from which it follows."""


def layer_options(layer: Family) -> dict[str, object]:
    """Everything that the tensors of a layer leave open, as a configuration by the reference's names.

    ``type(layer).from_tensors(layer.tensors(), layer_options(layer))`` is the layer again.

    Examples
    --------
    >>> import numpy as np
    >>> layer_options(S7.initialise(np.random.default_rng(0)))
    {'gelu_form': 'tanh'}
    """
    return {name: getattr(layer, name) for name in NAMED.get(layer.dialect, ())} | _others(layer)


def _others(layer: Family) -> dict[str, object]:
    """Options that are no fields of the layer, and those that only some layers of a dialect leave open."""
    match layer:
        case S4D():
            return {"activation": layer.output.activation, "discretization": layer.layer.discretization}
        case S4Block():
            return {"activation": layer.output.activation, **_s4_options(layer.options, "bidirectional")}
        case S4():
            told = ("bidirectional", "disc", "bandlimit")
            return {"activation": layer.output.activation, **_s4_options(layer.options, *told)}
        case DSS():
            version: dict[str, object] = {} if layer.version == "exp-re-im" else {"version": layer.version}
            return {"activation": layer.output.activation, **version}
        case S5():
            return {} if layer.out1 is not None else {"activation": layer.activation}
        case LinearAttention():
            return _of_attention(layer)
        case RetNet() if layer.num_kv_heads != layer.num_heads:
            return {"num_kv_heads": layer.num_kv_heads}
        case GLA() if layer.g_proj_weight is not None and layer.norm_weight is None:
            return {"fuse_norm": layer.fuse_norm}
        case Mamba2():
            eps: dict[str, object] = {} if layer.norm_weight is None else {"norm_eps": layer.norm_eps}
            return {"dt_limit": None if layer.dt_limit == UNLIMITED else list(layer.dt_limit), **eps}
    return {}


def _s4_options(options: S4Options, *told: str) -> dict[str, object]:
    return {field.name: getattr(options, field.name) for field in fields(options) if field.name not in told}


def _of_attention(layer: LinearAttention) -> dict[str, object]:
    """A weight tells the norm and the product maps; heads that share no keys are what is meant without a number."""
    open_ones: dict[str, object] = {} if layer.norm_weight is not None else {"output_norm": layer.output_norm}
    if layer.q1_weight is None:
        open_ones["feature_map"] = "identity"
    if layer.num_kv_heads != layer.num_heads:
        open_ones["num_kv_heads"] = layer.num_kv_heads
    return open_ones


def assumed_options(layer: Family, config: Mapping[str, object]) -> dict[str, object]:
    """Those options of a layer that neither its tensors nor its configuration say: defaults of the reference.

    Parameters
    ----------
    layer
        As it was read with this configuration.
    config
        The configuration of its file, completed by the caller.

    Examples
    --------
    >>> import numpy as np
    >>> layer = H3.initialise(np.random.default_rng(0))
    >>> assumed_options(layer, {"disc": "bilinear", "l_max": None})
    {'real_type': 'exp'}
    """
    options = layer_options(layer)
    entries = {**config, **mixer_settings(layer.family, config)} if isinstance(layer, Mamba2) else config
    unset = {name for name, value in options.items() if value in (None, "id")}  # what null says where it says anything
    stated = {name for name, value in entries.items() if value is not None or name in unset}
    stated |= {OTHER_NAMES[name] for name in stated if name in OTHER_NAMES}
    return {name: value for name, value in options.items() if name not in stated}


def layer_convention(layer: Family) -> Convention:
    """The row of the table of conventions with what this layer chose where its dialect leaves a choice.

    The ε is that of the layer's own norm; 0 without one, whatever the residual block around it has.

    Examples
    --------
    >>> import numpy as np
    >>> layer = S5.initialise(np.random.default_rng(0), conj_sym=False)
    >>> layer_convention(layer).pairs, layer_convention(layer).input_rule
    ('1 Re', 'zoh')
    """
    row = replace(convention(layer.dialect), activation=_activation(layer), norm_eps=_norm_eps(layer))
    row = row if _has_dense_maps(layer) else replace(row, dense_layout="none")
    match layer:
        case S4D():
            return replace(row, input_rule=layer.layer.discretization)
        case S4Block():
            return _of_block(row, layer)
        case DSS():
            rule = "dss" if layer.version == "softmax" else "zoh"
            return replace(row, input_rule="discrete" if layer.version.endswith("no-scale") else rule)
        case S5():
            return replace(row, input_rule=layer.discretization, pairs="2 Re" if layer.conj_sym else "1 Re")
        case H3():
            return replace(row, input_rule=layer.disc)
        case Mamba() if layer.A_imag is not None:
            return replace(row, imaginary="+", pairs="2 Re")
    return row


def _of_block(row: Convention, layer: S4Block) -> Convention:
    once = layer.factor == 1
    row = replace(row, input_rule=layer.options.disc)
    if layer.A_imag is None:
        return replace(row, imaginary="none", pairs="real" if once else "2 real")
    return replace(row, pairs="1 Re" if once else "2 Re")


def _activation(layer: Family) -> str:
    """Form of the pointwise nonlinearity, and what gates it."""
    usual = convention(layer.dialect).activation
    match layer:
        case S4D() | S4Block() | S4() | DSS():
            return _output_words(layer.output)
        case AnnotatedS4D():
            return "none" if layer.out is None else f"{usual}, glu" if layer.gate is not None else usual
        case S5():
            gate = "" if layer.activation == "gelu" else f", {layer.activation}"
            return "none" if layer.activation == "none" else usual + gate
        case LRU():
            return "none" if layer.out1 is None else f"{usual}, full_glu"
        case RetNet():
            return usual if (layer.g_weight is not None or layer.q_conv_weight is not None) else "none"
        case GLA():
            return usual if (layer.g_proj_weight is not None or layer.q_conv1d_weight is not None) else "none"
        case S7():
            return f"gelu ({layer.gelu_form})"
    return usual


def _output_words(output: BlockOutput) -> str:
    names = {"id": "none", "gelu": "gelu (erf)"}
    name = names.get(output.activation, output.activation)
    return f"{name}, glu" if output.final == "glu" else name


def _norm_eps(layer: Family) -> float:
    """ε of the norm inside the layer, 0 without one."""
    match layer:
        case LinearAttention():
            return layer.norm_eps if layer.output_norm == "rmsnorm" else 0.0
        case RetNet() | GLA() | DeltaNet() | GatedDeltaNet():
            return layer.norm_eps
        case Mamba2() if layer.norm_weight is not None:
            return layer.norm_eps
    return 0.0


def _has_dense_maps(layer: Family) -> bool:
    """Whether there is a dense weight whose layout matters."""
    match layer:
        case S4D() | S4Block() | S4() | DSS():
            return layer.output.weight is not None
        case AnnotatedS4D():
            return layer.out is not None
        case S5() | LRU():
            return layer.out2 is not None
    return True
