"""Which entries of a configuration a layer takes, and which speak of the model around it.

An entry that nobody reads would be an option that has no effect, or a misspelt one: it is refused. What the caller says
has to be an entry of the layer. The file's own configuration may be that of the whole model: what such configurations
say of other parts is set aside, by a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from carleman_ssm.families.conventions import convention
from carleman_ssm.networks.checkpoints import merged_config
from carleman_ssm.networks.containers import CheckpointError

Names = frozenset[str]


def _names(text: str) -> Names:
    return frozenset(text.split())


_BLOCK = _names("activation final_act postact d_state d_model channels")
_START = _names("init init_args dt_min dt_max dropout tie_dropout transposed lr wd")
"""How a layer starts and is trained: nothing of what it computes."""

_S4 = _BLOCK | _START | _names(
    "mode kernel rank n_ssm is_real disc real_transform imag_transform dt_transform dt_fast dt_tie bandlimit "
    "bidirectional l_max gate bottleneck mult_act weight_norm swap_channels deterministic backend"
)  # fmt: skip
_HEADS = _names("hidden_size num_heads expand_v norm_eps mode layer_idx")
_ATTENTION = _HEADS | _names("expand_k elementwise_affine num_kv_heads feature_map")
_SHORT = _names("use_short_conv conv_size conv_bias")
_SELECTIVE = _names(
    "ssm_cfg layer layer_idx d_model d_state d_conv d_inner expand bias conv_bias hidden_act mixer_rms_eps "
    "hidden_size state_size conv_kernel intermediate_size use_bias use_conv_bias "
    "dt_min dt_max dt_init dt_scale dt_init_floor time_step_min time_step_max time_step_floor time_step_scale "
    "time_step_init_scheme"
)
_DSS = _names("version bidirectional hyper_act max_kernel_length weight_norm max_real_Lambda epsilon sep_dt_re_im")
_LINEAR = _names("output_norm norm_q norm_k do_feature_map_norm norm_feature_map tie_feature_map_qk")
_GATED = _names("gate_fn use_output_gate fuse_norm")
_MATRIX_STATES = _names(
    "headdim head_dim num_heads ngroups n_groups d_ssm D_has_hdim rmsnorm norm_before_gate dt_limit time_step_limit "
    "norm_eps layer_norm_epsilon A_init_range conv_init chunk_size use_mem_eff_path"
)

LAYER: Mapping[str, Names] = MappingProxyType(
    {
        "s4d": (_BLOCK - {"channels"}) | _START | _names("discretization output"),
        "s4-block": _S4,
        "s4-dplr": _S4,
        "annotated-s4": _START | _names("glu N layer"),
        "dss": _BLOCK | _START | _DSS,
        "s5": _names("activation discretization conj_sym clip_eigs bidirectional step_rescale"),
        "minimal-lru": frozenset(),
        "h3": _START
        | _names("d_model d_state head_dim disc real_type l_max bandlimit force_real n_ssm mode layer_idx"),
        "fla-linear-attention": _ATTENTION | _LINEAR,
        "fla-retnet": _ATTENTION | _SHORT | _GATED,
        "fla-gla": _ATTENTION
        | _SHORT
        | _GATED
        | _names("gate_logit_normalizer gate_low_rank_dim clamp_min model_type"),
        "mamba": _SELECTIVE | _names("dt_rank time_step_rank use_fast_path use_mambapy"),
        "mamba2": _SELECTIVE | _MATRIX_STATES,
        "recurrentgemma": _names("width num_heads lru_width conv1d_temporal_width"),
        "s7": _names("d_model d_state gelu_form"),
        "fla-delta-net": _HEADS | _SHORT | _names("expand_k use_beta use_gate qk_activation qk_norm allow_neg_eigval"),
        "fla-gated-delta-net": _HEADS | _SHORT | _names("head_dim num_v_heads use_gate allow_neg_eigval"),
    }
)
"""Entries that a layer reads, compares with its tensors, or that only say how it starts; by dialect."""

MODEL: Names = _names(
    "prenorm residual pool norm eps output gate "
    "architectures model_type torch_dtype dtype transformers_version auto_map return_dict output_hidden_states "
    "use_cache vocab_size pad_vocab_size_multiple n_layer num_hidden_layers tie_embeddings tie_word_embeddings "
    "bos_token_id eos_token_id pad_token_id initializer_range rescale_prenorm_residual residual_in_fp32 "
    "fused_add_norm rms_norm layer_norm_epsilon norm_epsilon d_intermediate attn_layer_idx attn_cfg "
    "attn attn_mode max_position_embeddings hidden_ratio hidden_act intermediate_size use_output_norm "
    "fuse_norm fuse_cross_entropy fuse_linear_cross_entropy fuse_swiglu use_l2warp"
)
"""Entries of the configurations of whole models that speak of other parts than the recurrent layer."""

_FAMILIES: Mapping[str, Names] = MappingProxyType({"s4-block": _names("s4block"), "s4-dplr": _names("s4block")})
"""Further names under which configurations call the family of a layer."""


def layer_settings(dialect: str, stored: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """What a layer is told: the configuration of the file without what speaks of the model, completed by the caller.

    Parameters
    ----------
    dialect
        Of the layer.
    stored
        The configuration of the file.
    given
        What the caller says.

    Raises
    ------
    CheckpointError
        An entry that the layer does not have, another family than the layer's, or the two contradict each other.

    Examples
    --------
    >>> layer_settings("s5", {"activation": "gelu", "pool": "mean"}, {"conj_sym": True})
    {'activation': 'gelu', 'conj_sym': True}
    """
    known = LAYER[dialect]
    require_known(dialect, given, known)
    require_known(dialect, stored, known | MODEL)
    names = {dialect, convention(dialect).family} | _FAMILIES.get(dialect, frozenset())
    for source in (stored, given):
        if source.get("family", dialect) not in names:
            msg = f"the configuration says family = {source['family']!r}, but the layer is of the dialect {dialect}"
            raise CheckpointError(msg)
    kept = {name: value for name, value in stored.items() if name in known}
    return merged_config(kept, {name: value for name, value in given.items() if name != "family"})


def require_known(layer: str, config: Mapping[str, object], known: Names) -> None:
    """Refuse entries that are not known; ``family`` is, and ``ssm_cfg`` is looked into.

    Raises
    ------
    CheckpointError
        With their names and those that are known.
    """
    inner = config.get("ssm_cfg")
    named = [*config, *(inner if isinstance(inner, Mapping) else ())]
    unknown = sorted(set(named) - known - {"family"})
    if unknown:
        msg = (
            f"unknown configuration entries {', '.join(unknown)}: they would have no effect; known for {layer} are "
            f"{', '.join(sorted(known - MODEL)) or 'none'}"
        )
        raise CheckpointError(msg)
