"""Which tensors a checkpoint of the reference S4D network holds, and what they say of its configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carleman_ssm.networks.config import CHOICES, OPTIONAL, NetworkConfig
from carleman_ssm.networks.containers import CheckpointError, TensorHeader

LAYER = re.compile(r"(?:s4_layers|norms)\.(\d{1,4})\..+")

DIALECTS = (
    ("S4 with a low-rank correction (DPLR)", {"P", "l_kernel", "inv_w_real", "log_w_real", "w_imag"}),
    ("the S4Block of models/s4/s4.py (mode 'diag')", {"inv_dt", "A_real"}),
    ("H3", {"ssm_k_D"}),
    ("S4 of version 2 or 3", {"inv_A_real"}),
    ("S5", {"Lambda_re"}),
    ("S4D of annotated-s4", {"A_re", "log_step"}),
    ("DSS", {"Lambda", "Lambda_log_neg_re", "W"}),
    ("LRU", {"nu_log", "theta_log", "gamma_log"}),
    ("Mamba, Mamba-2 or Gated DeltaNet", {"A_log", "dt_bias"}),
    ("RG-LRU", {"a_param"}),
)
"""Other layouts in use, by the last part of keys that only they have."""

ONLY = (
    "only the reference S4D network is read here: encoder.*, s4_layers.i.kernel.log_dt, log_A_real, A_imag, C, "
    "norms.i.*, decoder.*; a layer of another dialect is described by `carleman-ssm zoo --model FILE` and read by "
    "families.importers.load_layer, a whole network of S5 or LRU layers by `carleman-ssm explain` and "
    "families.networks.load_network"
)
"""What the networks of this room are, and where the others are read."""


@dataclass(frozen=True)
class Sizes:
    """What the shapes say: d, H, K, and for each layer M and the degree of a learned polynomial (0: none)."""

    features: int
    channels: int
    classes: int
    modes: tuple[int, ...]
    degrees: tuple[int, ...]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.modes)


def network_sizes(headers: Mapping[str, TensorHeader]) -> Sizes:
    """Read the sizes off the shapes.

    Raises
    ------
    CheckpointError
        The keys belong to another dialect (named), or a tensor that decides a size is missing or misshapen.
    """
    refuse_other_dialects(headers)
    if "encoder.weight" not in headers:
        msg = f"missing key encoder.weight; {ONLY}"
        raise CheckpointError(msg)
    channels, features = _axes(headers, "encoder.weight", 2)
    classes, _ = _axes(headers, "decoder.weight", 2)
    indices = {int(match[1]) for match in map(LAYER.fullmatch, headers) if match}
    count = max(1, len(indices))
    return Sizes(
        features=features,
        channels=channels,
        classes=classes,
        modes=tuple(_axes(headers, f"s4_layers.{i}.kernel.log_A_real", 2)[1] for i in range(count)),
        degrees=tuple(
            _axes(headers, name, 1)[0] if (name := f"s4_layers.{i}.activation.c") in headers else 0
            for i in range(count)
        ),
    )


def refuse_other_dialects(names: Iterable[str]) -> None:
    """Raise a `CheckpointError` that names the dialect when the keys are of another model family."""
    last = {name.replace("/", ".").rpartition(".")[2]: name for name in names}
    for dialect, marks in DIALECTS:
        found = sorted(marks & set(last))
        if found:
            msg = f"the key {last[found[0]]!r} belongs to the dialect of {dialect}; {ONLY}"
            raise CheckpointError(msg)


def _axes(headers: Mapping[str, TensorHeader], name: str, axes: int) -> tuple[int, ...]:
    if name not in headers:
        msg = f"missing key {name}"
        raise CheckpointError(msg)
    shape = headers[name].shape
    if len(shape) != axes or 0 in shape:
        msg = f"wrong shape: {name} is {shape}, expected {axes} axes, none of them empty"
        raise CheckpointError(msg)
    return shape


def complete_config(stored: Mapping[str, object], headers: Mapping[str, TensorHeader], sizes: Sizes) -> NetworkConfig:
    """Complete a configuration by what the keys decide.

    Raises
    ------
    CheckpointError
        An entry is unknown, or missing and not decided by the keys (all such entries are named).
    """
    unknown = sorted(set(stored) - set(CHOICES) - {"eps"})
    if unknown:
        msg = f"unknown configuration entries {', '.join(unknown)}; known are {', '.join(CHOICES)} and eps"
        raise CheckpointError(msg)
    entries = {**decided_by_keys(headers, sizes), **stored}
    missing = [name for name in CHOICES if name not in entries and name not in OPTIONAL]
    if missing:
        wanted = "; ".join(f"{name} ({', '.join(map(repr, CHOICES[name]))})" for name in missing)
        msg = (
            f"the configuration lacks entries that the keys do not decide: {wanted}. Give them in a "
            "JSON file of the same name beside the checkpoint, in it as 'config', or as the argument config"
        )
        raise CheckpointError(msg)
    return NetworkConfig(**entries)  # type: ignore[arg-type]  # each entry is checked by the record itself


def decided_by_keys(headers: Mapping[str, TensorHeader], sizes: Sizes) -> dict[str, object]:
    """Configuration entries that the names and shapes of the tensors decide."""
    entries: dict[str, object] = {"family": "s4d"}
    if sizes.degrees[0]:
        entries["activation"] = "poly"
    weight = headers.get("s4_layers.0.output_linear.0.weight")
    if weight is None:
        entries["output"] = "none"
    elif weight.shape[:1] in ((sizes.channels,), (2 * sizes.channels,)):
        entries["output"] = "linear" if weight.shape[0] == sizes.channels else "glu"
    if "norms.0.running_mean" in headers:
        entries["norm"] = "batch"
    elif "norms.0.weight" in headers:
        entries["norm"] = "layer" if "norms.0.bias" in headers else "rms"
    else:
        entries |= {"norm": "none", "prenorm": False}
    return entries


def check_tensors(
    config: NetworkConfig, sizes: Sizes, headers: Mapping[str, TensorHeader]
) -> dict[str, tuple[int, ...]]:
    """Check that the checkpoint holds the tensors of this configuration and no others; return their shapes.

    Raises
    ------
    CheckpointError
        A key is missing or unknown, or a tensor has the wrong type or shape (named).
    """
    shapes = tensor_shapes(config, sizes)
    missing = [name for name in shapes if name not in headers]
    if missing:
        msg = f"missing keys for output {config.output!r}, norm {config.norm!r}: {_listed(missing)}"
        raise CheckpointError(msg)
    counters = {f"norms.{i}.num_batches_tracked" for i in range(sizes.layers)} if config.norm == "batch" else set()
    unknown = [name for name in headers if name not in shapes and name not in counters]
    if unknown:
        msg = (
            f"unknown keys for activation {config.activation!r}, output {config.output!r}, "
            f"norm {config.norm!r}: {_listed(unknown)}"
        )
        raise CheckpointError(msg)
    for name, shape in shapes.items():
        if headers[name].dtype not in ("float32", "float64"):
            msg = f"wrong dtype: {name} is {headers[name].dtype}, expected float32 or float64"
            raise CheckpointError(msg)
        if headers[name].shape != shape:
            msg = f"wrong shape: {name} is {headers[name].shape}, expected {shape}"
            raise CheckpointError(msg)
    return shapes


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def tensor_shapes(config: NetworkConfig, sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors of a network, by the reference key names."""
    h = sizes.channels
    shapes: dict[str, tuple[int, ...]] = {"encoder.weight": (h, sizes.features), "encoder.bias": (h,)}
    rows = {"none": 0, "linear": h, "glu": 2 * h}[config.output]
    for i, (modes, degree) in enumerate(zip(sizes.modes, sizes.degrees, strict=True)):
        layer, norm = f"s4_layers.{i}.", f"norms.{i}."
        shapes |= {layer + "D": (h,), layer + "kernel.log_dt": (h,), layer + "kernel.C": (h, modes, 2)}
        shapes |= {layer + "kernel.log_A_real": (h, modes), layer + "kernel.A_imag": (h, modes)}
        if config.activation == "poly":
            shapes[layer + "activation.c"] = (degree or 1,)
        if rows:
            shapes |= {
                layer + "output_linear.0.weight": (rows, h, 1),
                layer + "output_linear.0.bias": (rows,),
            }
        if config.norm != "none":
            shapes[norm + "weight"] = (h,)
        if config.norm in ("batch", "layer"):
            shapes[norm + "bias"] = (h,)
        if config.norm == "batch":
            shapes |= {norm + "running_mean": (h,), norm + "running_var": (h,)}
    return shapes | {"decoder.weight": (sizes.classes, h), "decoder.bias": (sizes.classes,)}
