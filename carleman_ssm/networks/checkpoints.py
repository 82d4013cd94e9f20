"""Checkpoints: `load_network` reads and `save_network` writes safetensors and npz files.

Keys are those of the reference S4D network: `encoder.*`,
`s4_layers.i.kernel.{log_dt, log_A_real, A_imag, C}`, `s4_layers.i.D`, `s4_layers.i.activation.c`,
`s4_layers.i.output_linear.0.*`, `norms.i.*`, `decoder.*`. What the parameters do not say is a JSON
configuration: in the safetensors metadata under `config`, in the npz as the string array `config`, or beside
the file as `<name>.json`.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from carleman_ssm.networks import containers
from carleman_ssm.networks.containers import CONFIG, MAX_BYTES, MAX_CONFIG_BYTES, CheckpointError
from carleman_ssm.networks.discretization import Discretization
from carleman_ssm.networks.network import Array, Normalization, S4DLayer, S4DNetwork
from carleman_ssm.networks.schema import check_tensors, complete_config, network_sizes
from carleman_ssm.networks.trained import PATTERNS, TRAINED

__all__ = ["CHARACTER_MODELS", "SHIPPED", "CheckpointError", "build_network", "load_network", "save_network", "tensors"]

SHIPPED = ("digits-gelu", "digits-quadratic", "frequencies")
"""Names of the networks that come with the package."""
CHARACTER_MODELS = ("pydoc",)
"""Names of the character models that come with the package, each with a vocabulary beside it."""


def load_network(source: str | os.PathLike[str], config: Mapping[str, object] | None = None) -> S4DNetwork:
    """Read a network from a safetensors or npz file, or a shipped network by its name.

    Parameters
    ----------
    source
        A file, or one of `SHIPPED`, `CHARACTER_MODELS` or `trained.TRAINED` (write `./frequencies` for a file of
        that name).
    config
        Entries that the checkpoint lacks; they may not contradict it.

    Returns
    -------
    S4DNetwork
        float64 records equal to the stored numbers.

    Raises
    ------
    CheckpointError
        The file is missing, truncated, oversized, of another dialect, or its tensors or configuration are
        wrong: the message names the tensor or the entry.

    References
    ----------
    Key names: the reference implementation of S4D, `models/s4/s4d.py` and `example.py`.

    Examples
    --------
    >>> load_network("frequencies").classes
    4
    """
    label = os.fspath(source)
    try:
        data, beside = _shipped(label) if label in SHIPPED + CHARACTER_MODELS + TRAINED else _read_file(Path(label))
        container = containers.open_container(data)
        text = container.config if container.config is not None else beside
        stored = {} if text is None else containers.parse_object(text, "the configuration")
        return build_network(container, merged_config(stored, config or {}))
    except (ValueError, TypeError) as error:
        msg = f"{label}: {error}"
        raise CheckpointError(msg) from error


def build_network(container: containers.Container, config: Mapping[str, object]) -> S4DNetwork:
    """Build the network of an open container with this configuration, completed by what the keys decide.

    Raises
    ------
    ValueError
        As `load_network`, without the name of the file.
    """
    sizes = network_sizes(container.headers)
    complete = complete_config(config, container.headers, sizes)
    shapes = check_tensors(complete, sizes, container.headers)
    values = {name: _finite(name, container.read(name)) for name in shapes}
    return S4DNetwork(
        encoder_weight=values["encoder.weight"],
        encoder_bias=values["encoder.bias"],
        layers=tuple(_layer(values, index, complete.discretization) for index in range(sizes.layers)),
        decoder_weight=values["decoder.weight"],
        decoder_bias=values["decoder.bias"],
        config=complete,
    )


def _finite(name: str, value: npt.NDArray[Any]) -> Array:
    # Before the conversion: a signalling NaN in float32 makes the conversion itself complain.
    if not np.isfinite(value).all():
        msg = f"{name} holds NaN or infinity; retrain or repair the checkpoint"
        raise CheckpointError(msg)
    return value.astype(np.float64)


def _layer(values: Mapping[str, Array], index: int, discretization: Discretization) -> S4DLayer:
    prefix, norm = f"s4_layers.{index}.", f"norms.{index}."
    weight = values.get(prefix + "output_linear.0.weight")
    readout = values[prefix + "kernel.C"]
    try:
        return S4DLayer(
            log_dt=values[prefix + "kernel.log_dt"],
            log_A_real=values[prefix + "kernel.log_A_real"],
            A_imag=values[prefix + "kernel.A_imag"],
            C=readout[..., 0] + 1j * readout[..., 1],
            D=values[prefix + "D"],
            output_weight=None if weight is None else weight[..., 0],
            output_bias=values.get(prefix + "output_linear.0.bias"),
            norm=None if norm + "weight" not in values else _norm(values, norm),
            activation_coefficients=values.get(prefix + "activation.c"),
            discretization=discretization,
        )
    except ValueError as error:
        msg = f"layer {index}: {error}"
        raise CheckpointError(msg) from error


def _norm(values: Mapping[str, Array], prefix: str) -> Normalization:
    return Normalization(
        weight=values[prefix + "weight"],
        bias=values.get(prefix + "bias"),
        running_mean=values.get(prefix + "running_mean"),
        running_var=values.get(prefix + "running_var"),
    )


def merged_config(stored: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """What the file states and what is given, which may not contradict each other.

    Raises
    ------
    CheckpointError
        They say different things of one entry.
    """
    for name in sorted(set(stored) & set(given)):
        if stored[name] != given[name]:
            msg = f"configuration entry {name!r}: the checkpoint has {stored[name]!r}, given is {given[name]!r}"
            raise CheckpointError(msg)
    return {**stored, **given}


def _shipped(name: str) -> tuple[bytes, None]:
    folder = resources.files("carleman_ssm.data")
    place = folder if name not in TRAINED else folder / "trained"
    return place.joinpath(f"{name}.safetensors").read_bytes(), None


def _read_file(path: Path) -> tuple[bytes, str | None]:
    """Return the bytes of a file and the text of the JSON file beside it."""
    if path.suffix in (".pth", ".pt", ".ckpt", ".bin"):
        msg = "torch checkpoints are read by `carleman-ssm convert CKPT.pth OUT.safetensors`"
        raise CheckpointError(msg)
    hint = (
        f"no such file and no shipped network of that name; shipped are {', '.join(SHIPPED + CHARACTER_MODELS)}, "
        f"and those of the experiment necessity: {PATTERNS}"
    )
    data = read_bounded(path, hint)
    beside = path.with_suffix(".json")
    if beside == path:
        msg = "a file of tensors cannot end in .json, the name of the configuration beside it: rename it"
        raise CheckpointError(msg)
    return data, read_bounded(beside, hint, MAX_CONFIG_BYTES).decode() if beside.is_file() else None


def read_bounded(path: Path, missing: str, limit: int = MAX_BYTES) -> bytes:
    """Read a regular file of at most `limit` bytes; its size is checked first.

    Raises
    ------
    CheckpointError
        There is no such file (the message is `missing`), it is no regular file, or larger.
    """
    try:
        if not path.exists():
            raise CheckpointError(missing)
        if not path.is_file():
            msg = f"not a regular file but a directory or a device ({missing})"
            raise CheckpointError(msg)
        size = path.stat().st_size
        if size > limit:
            msg = f"{path.name} is oversized: {size} bytes, at most {limit} are read"
            raise CheckpointError(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"the file cannot be read: {error.strerror or error}"
        raise CheckpointError(msg) from error


def tensors(network: S4DNetwork) -> dict[str, Array]:
    """Return the parameters by the reference key names, C as (H, M, 2), output weights as (rows, H, 1)."""
    found: dict[str, Array] = {"encoder.weight": network.encoder_weight, "encoder.bias": network.encoder_bias}
    for index, layer in enumerate(network.layers):
        prefix, norm = f"s4_layers.{index}.", f"norms.{index}."
        optional = {
            prefix + "output_linear.0.weight": None if layer.output_weight is None else layer.output_weight[..., None],
            prefix + "output_linear.0.bias": layer.output_bias,
            prefix + "activation.c": layer.activation_coefficients,
        }
        for field in ("weight", "bias", "running_mean", "running_var") if layer.norm else ():
            optional[norm + field] = getattr(layer.norm, field)
        found |= {
            prefix + "D": layer.D,
            prefix + "kernel.log_dt": layer.log_dt,
            prefix + "kernel.log_A_real": layer.log_A_real,
            prefix + "kernel.A_imag": layer.A_imag,
            prefix + "kernel.C": np.stack([layer.C.real, layer.C.imag], axis=-1),
            **{name: value for name, value in optional.items() if value is not None},
        }
    return found | {"decoder.weight": network.decoder_weight, "decoder.bias": network.decoder_bias}


def save_network(network: S4DNetwork, path: str | os.PathLike[str]) -> None:
    """Write a network; `load_network` reads back the same numbers and configuration.

    Parameters
    ----------
    path
        Ends in `.safetensors` or `.npz`. A tensor is written as float32 where that is exact, else as float64.

    Returns
    -------
    None
        The file is written.

    Raises
    ------
    ValueError
        Another ending, or the file cannot be written.
    """
    target = Path(path)
    # safetensors 0.8 writes memory order, not logical order, for arrays that are not C-contiguous.
    arrays = {name: np.ascontiguousarray(_narrowed(value)) for name, value in tensors(network).items()}
    text = json.dumps(network.config.stated())
    if target.suffix == ".safetensors":
        data = safetensors.numpy.save(arrays, metadata={CONFIG: text})
    elif target.suffix == ".npz":
        buffer = io.BytesIO()
        members: dict[str, Any] = {**arrays, CONFIG: np.array(text)}
        np.savez_compressed(buffer, **members)
        data = buffer.getvalue()
    else:
        msg = f"{target}: a network is written as .safetensors or .npz"
        raise ValueError(msg)
    try:
        target.write_bytes(data)
    except OSError as error:
        msg = f"{target}: the network cannot be written: {error.strerror or error}"
        raise ValueError(msg) from error


def _narrowed(value: Array) -> npt.NDArray[np.floating[Any]]:
    with np.errstate(over="ignore"):
        narrow = value.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), value) else value
