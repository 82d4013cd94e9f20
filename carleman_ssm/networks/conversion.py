"""Conversion of what the reference training script saves (`.pth`) to a safetensors or npz checkpoint.

Needs the extra `torch`. The file is loaded with `weights_only=True` and in no other way: a checkpoint that
needs more is refused, because loading it could run code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from carleman_ssm.networks.checkpoints import build_network, read_bounded, save_network
from carleman_ssm.networks.containers import (
    MAX_BYTES,
    MAX_CONFIG_BYTES,
    ArrayContainer,
    CheckpointError,
    parse_object,
)
from carleman_ssm.networks.extras import require
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.schema import decided_by_keys, network_sizes

REFERENCE_SCRIPT = MappingProxyType({"activation": "gelu", "prenorm": False, "residual": True, "pool": "mean"})
"""What the reference script builds by default and does not record (`--prenorm` is its one such option)."""

PLACES = ("model", "state_dict")
"""Where training scripts keep the state_dict beside other things."""

INSIDE = "model."
"""What the keys of a network begin with that is an attribute of the module that trains it."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """A converted network.

    Parameters
    ----------
    network
        What was written.
    assumed
        Configuration entries taken from the defaults of the reference script, because neither the keys nor
        the caller decided them: to be shown to the user.
    """

    network: S4DNetwork
    assumed: Mapping[str, object]


def convert_checkpoint(
    source: str | os.PathLike[str], target: str | os.PathLike[str], config: Mapping[str, object] | None = None
) -> Conversion:
    """Read a torch checkpoint of the reference training script and write it as `save_network` does.

    Parameters
    ----------
    source
        `{'model': state_dict, …}` as the script saves it, `{'state_dict': …}`, or a bare state_dict.
    target
        Ends in `.safetensors` or `.npz`.
    config
        Configuration entries, where they differ from the defaults of the script (such as `prenorm`).

    Raises
    ------
    ImportError
        torch is not installed; the message names the extra.
    CheckpointError
        The file is no such checkpoint, or needs more than weights-only loading.
    """
    label = os.fspath(source)
    try:
        container = torch_container(source)
        decided = decided_by_keys(container.headers, network_sizes(container.headers))
        given = dict(config or {})
        assumed = {k: v for k, v in REFERENCE_SCRIPT.items() if k not in decided and k not in given}
        network = build_network(container, {**assumed, **given})
    except (ValueError, TypeError) as error:
        msg = f"{label}: {error}"
        raise CheckpointError(msg) from error
    save_network(network, target)
    return Conversion(network, MappingProxyType(assumed))


def torch_container(source: str | os.PathLike[str]) -> ArrayContainer:
    """The tensors of a torch checkpoint, without the prefix `module.`, and `model.` where a network has it.

    Half precision becomes float32, which holds these numbers exactly and which NumPy has.

    Raises
    ------
    ImportError
        torch is not installed; the message names the extra.
    CheckpointError
        The file is no state_dict of plain tensors, or needs more than weights-only loading.
    """
    torch = require("torch", "torch")
    return ArrayContainer(_arrays(torch, _state_dict(torch, Path(source))))


def read_config(path: Path) -> dict[str, Any]:
    """The configuration entries of a JSON file.

    Raises
    ------
    CheckpointError
        The file is missing, oversized or no JSON object.
    """
    text = read_bounded(path, "no such configuration file", MAX_CONFIG_BYTES)
    return parse_object(text, f"the configuration {path}")


def _state_dict(torch: ModuleType, path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
    except OSError as error:
        msg = f"the file cannot be read: {error.strerror or error}"
        raise CheckpointError(msg) from error
    if not path.is_file() or size > MAX_BYTES:
        msg = f"not a regular file of at most {MAX_BYTES} bytes"
        raise CheckpointError(msg)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loader reports damage by errors of many kinds: each one is a refusal
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f"torch refuses the file with weights_only=True, and no other way is tried: {reason}"
        raise CheckpointError(msg) from error
    for place in PLACES:
        if isinstance(content, dict) and isinstance(content.get(place), dict):
            content = content[place]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(name, str) for name in content):
        msg = f"the file holds no state_dict, neither as a whole nor under {' or '.join(map(repr, PLACES))}"
        raise CheckpointError(msg)
    content = {name.removeprefix("module."): value for name, value in content.items()}
    inside = any(name.startswith(f"{INSIDE}s4_layers.") for name in content)
    return {name.removeprefix(INSIDE) if inside else name: value for name, value in content.items()}


def _arrays(torch: ModuleType, state: Mapping[str, Any]) -> dict[str, Any]:
    half = (torch.float16, torch.bfloat16)
    readable = (torch.float32, torch.float64, torch.int64, *half)
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
            msg = f"{name} is no plain tensor"
            raise CheckpointError(msg)
        if value.dtype not in readable:
            msg = f"wrong dtype: {name} is {value.dtype}, expected one of {', '.join(map(str, readable))}"
            raise CheckpointError(msg)
    widened = {name: value.float() if value.dtype in half else value for name, value in state.items()}
    return {name: value.detach().contiguous().numpy() for name, value in widened.items()}
