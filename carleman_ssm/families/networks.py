r"""Whole networks of S5 and LRU layers, from the checkpoints of their reference implementations.

Both classify sequences by encoder, L blocks, a mean over time (or the last step) and a decoder; a block is
$x \leftarrow x + \mathrm{branch}(x)$ with a norm before or behind. Flax keys: ``params/encoder/encoder/kernel``,
``params/encoder/layers_i/seq/…``, ``params/encoder/layers_i/{out1,out2,norm|normalization}/…``,
``params/decoder/kernel``, and ``batch_stats/…/{mean,var}`` with BatchNorm. The logits are those before log-softmax.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from carleman_ssm.families.flax_tensors import Dense
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.network_layer import FamilyLayer
from carleman_ssm.families.s5 import S5
from carleman_ssm.networks.checkpoints import load_network as load_s4d_network
from carleman_ssm.networks.checkpoints import merged_config, read_bounded
from carleman_ssm.networks.containers import (
    MAX_CONFIG_BYTES,
    CheckpointError,
    Container,
    open_container,
    parse_object,
)
from carleman_ssm.networks.layers import Array, Normalization
from carleman_ssm.networks.network import NetworkConfig, StateSpaceNetwork

FamilyName = Literal["s5", "lru"]
OutputMap = Literal["none", "glu"]

LAYER = re.compile(r"encoder/layers_(0|[1-9]\d{0,3})/(.+)")
NORMS = MappingProxyType({"s5": "norm", "lru": "normalization"})
EPSILON = MappingProxyType({"batch": 1e-5, "layer": 1e-6})
"""flax's defaults, by which both references normalise."""

FLOATS = ("float32", "float64", "float16", "bfloat16")
NEEDED = ("norm", "prenorm", "pool")
OF_S5 = ("activation", "discretization", "conj_sym", "clip_eigs", "step_rescale")


def load_network(source: str | os.PathLike[str], config: Mapping[str, object] | None = None) -> StateSpaceNetwork:
    """Read a network of S4D, S5 or LRU layers; the family is told by the keys.

    Parameters
    ----------
    source
        A file, or the name of a shipped network (S4D).
    config
        Entries that the checkpoint lacks. S5 and LRU need ``norm`` (``"batch"``, ``"layer"``: flax stores both under
        the same keys), ``prenorm`` and ``pool`` (``"mean"``, ``"last"``), S5 also
        ``activation`` (``"full_glu"``, ``"half_glu1"``, ``"gelu"``) unless ``out1`` is there; with it
        ``discretization``, ``conj_sym``, ``clip_eigs`` and ``step_rescale``, if they are not the reference's defaults.

    Returns
    -------
    StateSpaceNetwork
        An `S4DNetwork` for S4D.

    Raises
    ------
    CheckpointError
        The file is missing, damaged or of another dialect, or an entry is missing, unknown or contradicted.

    References
    ----------
    lindermanlab/S5, ``s5/seq_model.py``; NicolasZucchet/minimal-LRU, ``lru/model.py``.
    """
    label = os.fspath(source)
    path = Path(label)
    if not path.is_file():
        return load_s4d_network(source, config)
    try:
        container = open_container(read_bounded(path, "no such file"))
    except CheckpointError:
        return load_s4d_network(source, config)  # which names the damage, and the remedy for other formats
    if not any(LAYER.fullmatch(_path(name)) for name in container.headers):
        return load_s4d_network(source, config)
    try:
        stored = _stored_config(container, path)
        return build_family_network(_tensors(container), merged_config(stored, config or {}))
    except (ValueError, TypeError) as error:
        msg = f"{label}: {error}"
        raise CheckpointError(msg) from error


def build_family_network(tensors: Mapping[str, Array], config: Mapping[str, object]) -> StateSpaceNetwork:
    """Build a network from flax parameters by path, without the collection ``params``.

    Raises
    ------
    CheckpointError
        As `load_network`.
    """
    left = dict(tensors)
    family: FamilyName = "lru" if any(name.endswith("seq/nu_log") for name in left) else "s5"
    settings = _settings(family, config)
    encoder, decoder = (_dense(left, name) for name in ("encoder/encoder", "decoder"))
    parts: dict[int, dict[str, Array]] = {}
    for name in list(left):
        found = LAYER.fullmatch(name)
        if found:
            parts.setdefault(int(found[1]), {})[found[2]] = left.pop(name)
    if left or sorted(parts) != list(range(len(parts))):
        what = f"unknown tensors {', '.join(sorted(left))}" if left else f"layers {sorted(parts)} are not 0, 1, …"
        raise CheckpointError(what)
    blocks = [_named_block(index, family, parts[index], settings) for index in range(len(parts))]
    outputs = {output for _, output in blocks}
    if len(outputs) != 1:
        msg = f"the blocks differ in their activation: {sorted(outputs) or 'there is no block'}"
        raise CheckpointError(msg)
    norm = settings["norm"]
    common = NetworkConfig(
        family=family,
        activation="gelu_tanh",
        output=outputs.pop(),
        norm=norm,
        prenorm=settings["prenorm"],
        pool=settings["pool"],
        discretization=blocks[0][0].discretization,
        eps=EPSILON[norm],
    )
    return StateSpaceNetwork(
        encoder.kernel.T, encoder.bias, tuple(block for block, _ in blocks), decoder.kernel.T, decoder.bias, common
    )


def _block(
    family: FamilyName, tensors: Mapping[str, Array], settings: Mapping[str, Any]
) -> tuple[FamilyLayer, OutputMap]:
    """One block, and what its output map is called in a configuration."""
    norm = _norm(tensors, NORMS[family], settings["norm"])
    kept = {name: value for name, value in tensors.items() if not name.startswith(f"{NORMS[family]}/")}
    if family == "lru":
        layer: S5 | LRU = LRU.from_tensors(kept, {})
        activation = "full_glu" if layer.out1 is not None else "gelu"
        core: S5 | LRU = replace(layer, out1=None, out2=None)
    else:
        given = {name: settings[name] for name in OF_S5 if name in settings}
        layer = S5.from_tensors(kept, given)
        activation = layer.activation
        core = replace(layer, out1=None, out2=None, activation="none")
    weight, bias = _output_map(activation, layer)
    return FamilyLayer(core, weight, bias, norm), "none" if weight is None else "glu"


def _output_map(activation: str, layer: S5 | LRU) -> tuple[Array | None, Array | None]:
    r"""The two halves of $a \odot \sigma(b)$ as one map; the value half of ``half_glu1`` is the identity."""
    if activation == "none":
        msg = "a block without an activation is none of S5's networks; of GELU say config={'activation': 'gelu'}"
        raise CheckpointError(msg)
    if activation == "gelu" or layer.out2 is None:
        return None, None
    if activation == "half_glu2":
        msg = "the activation half_glu2 gates y and not GELU(y): no network of the package has it; use the layer alone"
        raise CheckpointError(msg)
    channels = layer.channels
    value = Dense(np.eye(channels), np.zeros(channels)) if layer.out1 is None else layer.out1
    weight = np.concatenate([value.kernel.T, layer.out2.kernel.T])
    return weight, np.concatenate([value.bias, layer.out2.bias])


def _named_block(
    index: int, family: FamilyName, tensors: Mapping[str, Array], settings: Mapping[str, Any]
) -> tuple[FamilyLayer, OutputMap]:
    try:
        return _block(family, tensors, settings)
    except (ValueError, TypeError) as error:
        msg = f"encoder/layers_{index}: {error}"
        raise CheckpointError(msg) from error


def _norm(tensors: Mapping[str, Array], name: str, kind: object) -> Normalization:
    """The norm of a block; scale and bias alone would fit LayerNorm and a BatchNorm without its statistics."""
    if kind not in EPSILON:
        msg = f"configuration entry 'norm' is {kind!r}; choose one of {', '.join(map(repr, EPSILON))}"
        raise CheckpointError(msg)
    parts = ("scale", "bias", "mean", "var") if kind == "batch" else ("scale", "bias")
    given = {path.removeprefix(f"{name}/") for path in tensors if path.startswith(f"{name}/")}
    for what, paths in (("missing", set(parts) - given), ("unknown", given - set(parts))):
        if paths:
            hint = "; mean and var are in the collection batch_stats" if kind == "batch" else ""
            msg = f"norm {kind!r}: {what} {name}/{', '.join(sorted(paths))}{hint}"
            raise CheckpointError(msg)
    return Normalization(*(tensors[f"{name}/{part}"] for part in parts))


def _settings(family: str, config: Mapping[str, object]) -> dict[str, Any]:
    known = NEEDED + (OF_S5 if family == "s5" else ())
    unknown, missing = sorted(set(config) - set(known)), [name for name in NEEDED if name not in config]
    if unknown or missing:
        what = f"unknown configuration entries {', '.join(unknown)}" if unknown else f"give {', '.join(missing)}"
        msg = f"{what}: the keys of a network of {family.upper()} do not say them; known are {', '.join(known)}"
        raise CheckpointError(msg)
    return dict(config)


def _stored_config(container: Container, path: Path) -> dict[str, Any]:
    """The configuration in the file, or in the JSON file of the same name beside it."""
    text: str | bytes | None = container.config
    beside = path.with_suffix(".json")
    if text is None and beside.is_file():
        text = read_bounded(beside, "no such file", MAX_CONFIG_BYTES)
    return {} if text is None else parse_object(text, "the configuration")


def _dense(tensors: dict[str, Array], name: str) -> Dense:
    try:
        return Dense(tensors.pop(f"{name}/kernel"), tensors.pop(f"{name}/bias"))
    except KeyError as error:
        msg = f"missing key {error.args[0]}"
        raise CheckpointError(msg) from error
    except (ValueError, TypeError) as error:
        msg = f"{name}: {error}"
        raise CheckpointError(msg) from error


def _tensors(container: Container) -> dict[str, Array]:
    """Parameters and running statistics by path; a path that occurs in both collections is refused."""
    found: dict[str, Array] = {}
    for name, header in container.headers.items():
        if header.dtype not in FLOATS:
            msg = f"wrong dtype: {name} is {header.dtype}, expected one of {', '.join(FLOATS)}"
            raise CheckpointError(msg)
        if _path(name) in found:
            msg = f"{name}: two collections hold this path"
            raise CheckpointError(msg)
        values = container.read(name)
        if not np.isfinite(values).all():
            msg = f"{name} holds NaN or infinity; retrain or repair the checkpoint"
            raise CheckpointError(msg)
        found[_path(name)] = np.asarray(values, dtype=np.float64)
    return found


def _path(name: str) -> str:
    return re.sub(r"^(params|batch_stats)/", "", name.replace(".", "/"))
