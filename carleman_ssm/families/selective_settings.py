"""Settings that no shape tells: read from the configurations of references, checked against stored shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from carleman_ssm.families.reference_tensors import count, number, require_agreement

UNLIMITED = (0.0, float("inf"))
"""Bounds of the step of Mamba-2 where its configuration sets none."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "hidden_size": "d_model",
        "state_size": "d_state",
        "conv_kernel": "d_conv",
        "time_step_rank": "dt_rank",
        "head_dim": "headdim",
        "n_groups": "ngroups",
        "time_step_limit": "dt_limit",
        "layer_norm_epsilon": "norm_eps",
        "intermediate_size": "d_inner",
        "use_bias": "bias",
        "use_conv_bias": "conv_bias",
    }
)
"""Names of transformers' configurations of Mamba -> names of the reference."""


def mixer_settings(family: str, config: Mapping[str, object]) -> dict[str, object]:
    """Settings of a Mamba mixer by the reference's names, wherever a model's configuration keeps them.

    They stand at the top, under ``ssm_cfg`` (the reference's models), or under transformers' names.

    Parameters
    ----------
    family
        For the messages.
    config
        The configuration of a mixer or of a model.

    Raises
    ------
    TypeError
        ``ssm_cfg`` is no object.
    ValueError
        Two places that contradict each other, another activation than SiLU, or a model that norms its B, C and steps.

    Examples
    --------
    >>> mixer_settings("toy", {"n_groups": 8, "ssm_cfg": {"layer": "Mamba2", "d_state": 64}})
    {'layer': 'Mamba2', 'd_state': 64, 'ngroups': 8}
    """
    inner = config.get("ssm_cfg") or {}
    if not isinstance(inner, Mapping):
        msg = f"{family}: the setting ssm_cfg must be an object, got {inner!r}"
        raise TypeError(msg)
    settings: dict[str, object] = {}
    for source in (inner, config):
        for name, value in source.items():
            known = ALIASES.get(name, name)
            if known == "ssm_cfg" or value is None:
                continue
            if settings.setdefault(known, value) != value:
                msg = f"{family}: the configuration says {known} = {settings[known]!r} and {name} = {value!r}"
                raise ValueError(msg)
    require_agreement(family, settings, {"hidden_act": "silu"})
    if "mixer_rms_eps" in settings:
        msg = f"{family}: mixer_rms_eps belongs to a mixer that norms B, C and its steps (falcon_mamba): it is not read"
        raise ValueError(msg)
    return settings


def stated_groups(shared: int, heads: int, settings: Mapping[str, object], config: Mapping[str, object]) -> int:
    """G of Mamba-2 as stated, or from N as stated; without either 1, if that is the only one or the reference's own.

    Parameters
    ----------
    shared, heads
        G N, which is all that the shapes hold, and the number of heads, which G divides.
    settings, config
        Of the mixer, and of the model that it may be a part of.

    Raises
    ------
    ValueError
        Nothing says G, and several are possible.
    """
    if settings.get("ngroups") is None and settings.get("d_state") is not None:
        return max(shared // count(settings, "d_state"), 1)
    if settings.get("ngroups") is None and config.get("ssm_cfg") is None and math.gcd(shared, heads) > 1:
        msg = f"Mamba-2: the shapes hold ngroups · d_state = {shared} alone: give ngroups or d_state"
        raise ValueError(msg)
    return count(settings, "ngroups", 1)


def step_limits(config: Mapping[str, object]) -> tuple[float, float]:
    """``dt_limit`` of the configuration, smallest and largest step; without it none.

    Raises
    ------
    TypeError, ValueError
        It is no pair of numbers.
    """
    pair = config.get("dt_limit")
    pair = UNLIMITED if pair is None else pair
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        msg = f"the setting dt_limit must be two numbers, got {pair!r}"
        raise ValueError(msg)
    low, high = (number({"dt_limit": limit}, "dt_limit", 0.0) for limit in pair)
    return low, high
