"""Tensors under the key names of a reference: taken completely, returned unchanged."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping

import numpy as np

from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array


def taken(
    family: str, tensors: Mapping[str, Array], keys: Mapping[str, str], optional: Collection[str] = ()
) -> dict[str, Array | None]:
    """The tensors by the names of the fields; none is ignored, none is invented.

    Parameters
    ----------
    family
        For the messages.
    tensors
        By the key names of the reference.
    keys
        Field -> key name.
    optional
        Fields that may be absent: they become None.

    Raises
    ------
    ValueError
        A key is missing, or one is there that the layer does not have.

    Examples
    --------
    >>> taken("toy", {"D": np.ones(2)}, {"feedthrough": "D", "bias": "b"}, optional={"bias"})
    {'feedthrough': array([1., 1.]), 'bias': None}
    """
    missing = [key for field, key in keys.items() if key not in tensors and field not in optional]
    unknown = sorted(set(tensors) - set(keys.values()))
    if missing or unknown:
        msg = f"{family}: missing {', '.join(missing) or 'nothing'}; not known here: {', '.join(unknown) or 'nothing'}"
        raise ValueError(msg)
    return {field: np.asarray(tensors[key]) if key in tensors else None for field, key in keys.items()}


def flag(config: Mapping[str, object], name: str, *, default: bool) -> bool:
    """A switch of the configuration.

    Raises
    ------
    TypeError
        It is neither true nor false.
    """
    value = config.get(name, default)
    if not isinstance(value, bool):
        msg = f"{name} must be true or false, got {value!r}"
        raise TypeError(msg)
    return value


def require_flags(record: object, *names: str) -> None:
    """Refuse switches of a record that are neither true nor false: the text ``"false"`` counts as true.

    Raises
    ------
    TypeError
        The first that is none.
    """
    for name in names:
        if not isinstance(getattr(record, name), bool):
            msg = f"{name} must be true or false, got {getattr(record, name)!r}"
            raise TypeError(msg)


def count(config: Mapping[str, object], name: str, default: int | None = None) -> int:
    """A positive integer of the configuration; without a default it has to be there.

    Raises
    ------
    ValueError
        It is missing, or no positive integer.
    """
    value = config.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        msg = f"the configuration needs {name}, a positive integer, got {value!r}"
        raise ValueError(msg)
    return int(value)


def number(
    config: Mapping[str, object], name: str, default: float, *, least: float = -math.inf, most: float = math.inf
) -> float:
    """A number of the configuration from `least` to `most`; NaN is none.

    Raises
    ------
    TypeError
        It is no number.
    ValueError
        It is NaN, or out of this range.
    """
    value = config.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"the setting {name} must be a number, got {value!r}"
        raise TypeError(msg)
    if not least <= value <= most:
        bounds = "" if (least, most) == (-math.inf, math.inf) else f" from {least:g} to {most:g}"
        msg = f"the setting {name} must be a number{bounds}, got {'NaN' if math.isnan(value) else value}"
        raise ValueError(msg)
    return float(value)


def epsilon(config: Mapping[str, object], name: str, default: float) -> float:
    """The ε of a norm: a number that is finite and not negative.

    Raises
    ------
    TypeError, ValueError
        It is none.
    """
    return number(config, name, default, least=0.0, most=sys.float_info.max)


def require_agreement(family: str, config: Mapping[str, object], stored: Mapping[str, object]) -> None:
    """Refuse a configuration that says something else than the parameters; absent and automatic settings pass.

    Parameters
    ----------
    family
        For the message.
    config
        The settings.
    stored
        Name of a setting -> its value according to the parameters.

    Raises
    ------
    ValueError
        The first setting on which they differ.

    Examples
    --------
    >>> require_agreement("toy", {"d_state": 16, "d_conv": "auto"}, {"d_state": 16, "d_conv": 4})
    """
    for name, value in stored.items():
        said = config.get(name)
        if said not in (None, "auto", value):
            msg = f"{family}: the configuration says {name} = {said!r}, the parameters say {value!r}"
            raise ValueError(msg)


def require_convolutions(record: object, kind: str = "conv") -> None:
    """Refuse half a set of short convolutions: weights of queries, keys and values, and biases, all or none.

    Parameters
    ----------
    record
        The layer.
    kind
        What its fields are called: ``q_conv_weight``, ``v_conv1d_bias``.

    Raises
    ------
    ValueError
        Some are there and some are not, or biases without weights.
    """
    for part in ("weight", "bias"):
        present = [getattr(record, f"{name}_{kind}_{part}") is not None for name in "qkv"]
        if any(present) and not (all(present) and getattr(record, f"q_{kind}_weight") is not None):
            msg = f"the {part}s of the short convolutions of queries, keys and values come together or not at all"
            raise ValueError(msg)


def freeze_convolutions(record: object, rows: Mapping[str, int], kind: str = "conv") -> None:
    """Check the short convolutions of queries, keys and values of a frozen record and store them as `freeze_real` does.

    Parameters
    ----------
    record
        The layer.
    rows
        ``"q"``, ``"k"``, ``"v"`` -> channels: weights (channels, 1, W), biases (channels,).
    kind
        As in `require_convolutions`.

    Raises
    ------
    TypeError, ValueError
        As in `freeze_real` and `require_convolutions`.
    """
    for name, size in rows.items():
        freeze_real(record, {f"{name}_{kind}_weight": (size, 1, None), f"{name}_{kind}_bias": (size,)})
    require_convolutions(record, kind)


def stored_tensors(record: object, keys: Mapping[str, str]) -> dict[str, Array]:
    """The fields of a layer by the key names of its reference; those that are None are left out: `taken`, backwards."""
    held = {key: getattr(record, field) for field, key in keys.items()}
    return {key: value for key, value in held.items() if value is not None}


def require_together(record: object, *names: str) -> None:
    """Refuse a record that has some of the named tensors and not the others.

    Raises
    ------
    ValueError
        With their names.
    """
    if len({getattr(record, name) is None for name in names}) > 1:
        msg = f"{' and '.join(names)} come together or not at all"
        raise ValueError(msg)


def stored_convolutions(record: object, kind: str = "conv") -> dict[str, object]:
    """What a configuration says of the short convolutions, as the tensors have it; fields as `require_convolutions`."""
    taps = getattr(record, f"q_{kind}_weight")
    if taps is None:
        return {"use_short_conv": False}
    biased = getattr(record, f"q_{kind}_bias") is not None
    return {"use_short_conv": True, "conv_size": taps.shape[-1], "conv_bias": biased}


def require_expansion(family: str, config: Mapping[str, object], base: int, rows: Mapping[str, int]) -> None:
    """Refuse ratios of a configuration that do not give the stored sizes; what it does not say is not compared.

    Parameters
    ----------
    family
        For the message.
    config
        Name of a ratio -> the ratio.
    base
        The size that is multiplied.
    rows
        Name of a ratio -> the stored size.

    Raises
    ------
    ValueError
        Rounded down, the product is another size.

    Examples
    --------
    >>> require_expansion("toy", {"expand_k": 0.5}, 8, {"expand_k": 4, "expand_v": 16})
    """
    for name, size in rows.items():
        if config.get(name) is not None and int(base * number(config, name, 1.0)) != size:
            msg = f"{family}: the configuration says {name} = {config[name]!r}, the tensors have {size} for {base}"
            raise ValueError(msg)


def freeze_real(record: object, shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Check the named fields of a frozen record and store them as read-only float64; None stays.

    Raises
    ------
    TypeError, ValueError
        As in `networks.finite_arrays.real_array`.
    """
    for name, shape in shapes.items():
        value = getattr(record, name)
        if value is not None:
            object.__setattr__(record, name, real_array(name, value, shape))


def torch_linear(rng: np.random.Generator, outputs: int, inputs: int) -> tuple[Array, Array]:
    r"""Weight (out, in) and bias (out,) as torch initialises a dense map: uniform within $\pm 1/\sqrt{\text{in}}$."""
    bound = inputs**-0.5
    return rng.uniform(-bound, bound, (outputs, inputs)), rng.uniform(-bound, bound, outputs)
