"""Conversion of torch checkpoints of any known dialect to safetensors: the same tensors under the same keys."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from carleman_ssm.families.dialects import recognise
from carleman_ssm.networks.containers import CONFIG, CheckpointError
from carleman_ssm.networks.conversion import Conversion, convert_checkpoint, torch_container

NETWORK = re.compile(r"s4_layers\.\d+\.kernel\..+")
"""Keys of the reference S4D network."""


@dataclass(frozen=True)
class LayersConversion:
    """A converted checkpoint that is no S4D network.

    Parameters
    ----------
    dialect
        That of its layers.
    tensors
        How many were written.
    """

    dialect: str
    tensors: int


def convert(
    source: str | os.PathLike[str], target: str | os.PathLike[str], config: Mapping[str, object] | None = None
) -> Conversion | LayersConversion:
    """Convert an S4D network as `convert_checkpoint` does, layers of another dialect unchanged.

    Parameters
    ----------
    source
        What `torch.save` wrote of a state_dict, bare or under ``"model"`` or ``"state_dict"``; it is loaded with
        weights only. Half precision is written as float32, which holds it exactly.
    target
        Ends in `.safetensors`; an S4D network may also be written as `.npz`.
    config
        What the tensors do not say; stored with them.

    Raises
    ------
    ImportError
        torch is not installed; the message names the extra.
    CheckpointError
        The file is no such checkpoint, or of no known dialect.
    ValueError
        The file cannot be written.
    """
    path = Path(target)
    try:
        container = torch_container(source)
        if any(NETWORK.fullmatch(name) for name in container.headers):
            return convert_checkpoint(source, target, config)
        row = recognise(container.headers)
    except CheckpointError as error:
        label = f"{source}: "
        raise error if str(error).startswith(label) else CheckpointError(label + str(error)) from error
    if path.suffix != ".safetensors":
        msg = f"{path}: layers of the dialect {row.dialect} are written as .safetensors"
        raise ValueError(msg)
    arrays = {name: np.asarray(value, order="C") for name, value in container.arrays.items()}
    try:
        path.write_bytes(safetensors.numpy.save(arrays, metadata={CONFIG: json.dumps(dict(config or {}))}))
    except OSError as error:
        msg = f"{path}: the layers cannot be written: {error.strerror or error}"
        raise ValueError(msg) from error
    return LayersConversion(row.dialect, len(arrays))
