"""Layers of any known dialect from safetensors and npz files, and back.

The dialect is told by keys and shapes (`dialects`), the rest by the configuration of the file, of the JSON file beside
it, or of the caller. No tensor of a layer is ignored; what lies outside of the layers is listed.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import safetensors.numpy

from carleman_ssm.families.annotated_s4d import AnnotatedS4D
from carleman_ssm.families.dialects import StoredLayer, stored_layers
from carleman_ssm.families.family import Family
from carleman_ssm.families.known_entries import layer_settings
from carleman_ssm.families.layer_options import assumed_options
from carleman_ssm.families.registry import FAMILIES
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.checkpoints import read_bounded
from carleman_ssm.networks.containers import (
    CONFIG,
    MAX_CONFIG_BYTES,
    CheckpointError,
    Container,
    open_container,
    parse_object,
)
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.polynomials import require_integer

TORCH = (".pth", ".pt", ".ckpt", ".bin")
"""Endings of files that only torch reads."""

_CLASSES: tuple[type[Family], ...] = (*FAMILIES, AnnotatedS4D)
READERS: Mapping[str, type[Family]] = MappingProxyType({family.dialect: family for family in _CLASSES})
"""The class that reads a dialect; S4D is stored in two."""


DTYPES = ("float32", "float64", "float16", "bfloat16", "int64")
"""Types of stored numbers, all of which float64 holds exactly (int64: lengths)."""


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint(Brief):
    """The layers of a file.

    Parameters
    ----------
    label
        The name of the file.
    layers
        In the order of their prefixes.
    unused
        Keys outside of all layers: embeddings, encoders, decoders, the norms between the layers.
    config
        The configuration of the file; empty without one.
    """

    label: str
    layers: tuple[StoredLayer, ...]
    unused: tuple[str, ...]
    config: Mapping[str, object]
    container: Container

    def layer(self, index: int, config: Mapping[str, object] | None = None) -> Family:
        """Build one layer, counted from 0; `config` completes the configuration of the file.

        Raises
        ------
        CheckpointError
            There is no such layer, or its tensors or its configuration do not fit.
        TypeError
            The index is no integer.
        """
        require_integer(index, "layer")
        if not 0 <= index < len(self.layers):
            held = ", ".join(repr(layer.prefix) for layer in self.layers[:8])
            msg = f"{self.label}: no layer {index}; there are {len(self.layers)}, counted from 0, under {held}"
            raise CheckpointError(msg)
        stored = self.layers[index]
        try:
            tensors = {key: _values(self.container, name) for key, name in stored.names.items()}
            settings = layer_settings(stored.convention.dialect, self.config, config or {})
            return _reader(stored.convention.dialect).from_tensors(tensors, settings)
        except (ValueError, TypeError) as error:
            where = f" {stored.prefix}" if stored.prefix else ""
            msg = f"{self.label}:{where} ({stored.convention.dialect}): {error}"
            raise CheckpointError(msg) from error

    def assumed(self, layer: Family, config: Mapping[str, object] | None = None) -> dict[str, object]:
        """Options of a layer that neither its tensors nor a configuration say: the defaults of the reference.

        Parameters
        ----------
        layer
            As `layer` built it.
        config
            What was given to `layer` besides.

        Returns
        -------
        dict
            By the reference's names; empty if everything was stated. Another value of one of them is another layer
            with the same tensors.
        """
        return assumed_options(layer, layer_settings(layer.dialect, self.config, config or {}))


def open_checkpoint(source: str | os.PathLike[str], dialect: str | None = None, *, prefix: str = "") -> Checkpoint:
    """Find the layers of a file without building one.

    Parameters
    ----------
    source
        A safetensors or npz file, with its configuration in it under `config` or beside it as `<name>.json`.
    dialect
        Expect this one; needed only where the keys leave several open.
    prefix
        Look at the keys that begin with it alone: for checkpoints that hold other layers besides.

    Raises
    ------
    CheckpointError
        The file is missing or damaged, or its keys are not those of a known dialect or of the one expected.
    """
    path = Path(source)
    try:
        container, config = _opened(path)
        layers = stored_layers(
            {name: header for name, header in container.headers.items() if name.startswith(prefix)}, dialect
        )
    except (ValueError, TypeError) as error:
        msg = f"{path}: {error}"
        raise CheckpointError(msg) from error
    used = {name for layer in layers for name in layer.names.values()}
    return Checkpoint(
        str(path), layers, tuple(name for name in container.headers if name not in used), config, container
    )


def load_layer(
    source: str | os.PathLike[str],
    *,
    layer: int = 0,
    dialect: str | None = None,
    config: Mapping[str, object] | None = None,
    prefix: str = "",
) -> Family:
    """Read one layer of a checkpoint of any known dialect.

    Parameters
    ----------
    source
        A safetensors or npz file; torch files are converted by `carleman-ssm convert`.
    layer
        Which one, counted from 0.
    dialect
        Expect this one (`conventions.CONVENTIONS`); a dialect that the keys contradict is refused.
    config
        Entries of the layer that the file lacks (`families.known_entries.LAYER`); they may not contradict it.
    prefix
        Look at the keys that begin with it alone.

    Returns
    -------
    Family
        The layer of the family of the dialect, in float64, equal to the stored numbers. Options that nobody stated are
        the reference's defaults: `Checkpoint.assumed` lists them.

    Raises
    ------
    CheckpointError
        The file is missing or damaged, the keys fit no dialect or several or another one, there is no such layer, or
        a tensor or an entry of the configuration is missing, unknown or wrong: the message names it.
    TypeError
        The layer's number is no integer.

    References
    ----------
    Key names and conventions: the sources in `conventions.CONVENTIONS`.
    """
    return open_checkpoint(source, dialect, prefix=prefix).layer(layer, config)


def save_layer(
    layer: Family, path: str | os.PathLike[str], *, config: Mapping[str, object] | None = None, prefix: str = ""
) -> None:
    """Write a layer under the key names of its reference, in float64.

    Parameters
    ----------
    path
        Ends in `.safetensors` or `.npz`.
    config
        What the tensors do not say, as `load_layer` takes it: `families.layer_options.layer_options` is all of it. The
        layer is read back before it is written.
    prefix
        What the keys begin with, such as ``backbone.layers.0.mixer.``.

    Raises
    ------
    ValueError
        Another ending, a file that cannot be written, or tensors and configuration that give another layer.
    """
    target = Path(path)
    tensors = {prefix + key: np.asarray(value, order="C") for key, value in layer.tensors().items()}
    settings = dict(config or {})
    again = type(layer).from_tensors(layer.tensors(), layer_settings(layer.dialect, {}, settings))
    if not _same(layer, again):
        msg = f"{target}: with this configuration the tensors are read as another layer; complete config={settings}"
        raise ValueError(msg)
    text = json.dumps(settings)
    if target.suffix == ".safetensors":
        data = safetensors.numpy.save(tensors, metadata={CONFIG: text})
    elif target.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **tensors, **{CONFIG: np.array(text)})
        data = buffer.getvalue()
    else:
        msg = f"{target}: a layer is written as .safetensors or .npz"
        raise ValueError(msg)
    try:
        target.write_bytes(data)
    except OSError as error:
        msg = f"{target}: the layer cannot be written: {error.strerror or error}"
        raise ValueError(msg) from error


def _reader(dialect: str) -> type[Family]:
    if dialect not in READERS:
        msg = f"layers of this dialect are recognised but not read; read are {', '.join(READERS)}"
        raise CheckpointError(msg)
    return READERS[dialect]


def _opened(path: Path) -> tuple[Container, Mapping[str, object]]:
    if path.suffix in TORCH:
        msg = "torch checkpoints are read by `carleman-ssm convert CKPT.pth OUT.safetensors`"
        raise CheckpointError(msg)
    container = open_container(read_bounded(path, "no such file"))
    text: str | bytes | None = container.config
    beside = path.with_suffix(".json")
    if text is None and beside.is_file():
        text = read_bounded(beside, "no such file", MAX_CONFIG_BYTES)
    return container, {} if text is None else parse_object(text, "the configuration")


def _values(container: Container, name: str) -> Array:
    if container.headers[name].dtype not in DTYPES:
        msg = f"wrong dtype: {name} is {container.headers[name].dtype}, expected one of {', '.join(DTYPES)}"
        raise CheckpointError(msg)
    values = container.read(name)
    # Before the conversion: a signalling NaN in float32 makes the conversion itself complain.
    if not np.isfinite(values).all():
        msg = f"{name} holds NaN or infinity; retrain or repair the checkpoint"
        raise CheckpointError(msg)
    return values.astype(np.float64)


def _same(layer: Family, other: Family) -> bool:
    """Whether two layers have equal fields, arrays by their numbers."""
    mine, theirs = vars(layer), vars(other)
    return mine.keys() == theirs.keys() and all(_equal(mine[name], theirs[name]) for name in mine)


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and bool((one == other).all())
    if hasattr(one, "__dict__") and type(one) is type(other):
        return vars(one).keys() == vars(other).keys() and all(
            _equal(value, vars(other)[name]) for name, value in vars(one).items()
        )
    return one is other or (not isinstance(one, np.ndarray) and not isinstance(other, np.ndarray) and one == other)
