r"""The float layer of a family beside the proved statement: its parameters put into the compiled output.

A statement is proved for letters; a layer is a program. Here the letters become the numbers of a layer, and what the
statement says of the last step is compared with what the layer reads there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from carleman_ssm.experiments.float_lifts import relative_difference
from carleman_ssm.experiments.invariant_letters import (
    Reading,
    dss_readings,
    h3_readings,
    linear_attention_readings,
    lru_readings,
    retnet_readings,
    s4_block_readings,
    s4_readings,
    s4d_readings,
    s5_readings,
    short_register,
)
from carleman_ssm.experiments.selective_letters import (
    delta_readings,
    gla_readings,
    mamba2_readings,
    mamba_readings,
    rg_lru_readings,
    s7_readings,
)
from carleman_ssm.families.family import Family
from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.networks.layers import Array


@dataclass(frozen=True)
class Bridge:
    """How a layer of one family meets its statement.

    Parameters
    ----------
    readings
        From a layer and inputs (1, L, H): one `Reading` for each output of which the statement speaks.
    sizes
        From the states of the statement: sizes for `Family.initialise`.
    within
        Makes a layer of those sizes one of which the statement speaks.
    """

    readings: Callable[[Any, Array], Iterator[Reading]]
    sizes: Callable[[int], Mapping[str, Any]]
    within: Callable[[Any], Family] = lambda layer: layer


def _heads(states: int) -> Mapping[str, Any]:
    return {"states": states}


BRIDGES: Mapping[str, Bridge] = MappingProxyType(
    {
        "s4d": Bridge(s4d_readings, lambda n: {"channels": 2, "d_state": 2 * n}),
        "s4-block": Bridge(s4_block_readings, lambda n: {"channels": 4, "d_state": 2 * n, "copies": 2}),
        "s4": Bridge(s4_readings, lambda n: {"channels": 2, "d_state": n}),
        "dss": Bridge(dss_readings, lambda n: {"channels": 2, "d_state": n}),
        "s5": Bridge(s5_readings, lambda n: {"channels": 2, "states": 2 * n}),
        "lru": Bridge(lru_readings, lambda n: {"channels": 2, "states": n}),
        "h3": Bridge(h3_readings, lambda n: {"d_model": 2, "d_state": 2 * n}, short_register),
        "linear-attention": Bridge(linear_attention_readings, lambda n: {"hidden_size": 2 * n}),
        "retnet": Bridge(retnet_readings, lambda n: {"hidden_size": 4 * n}),
        "gla": Bridge(gla_readings, lambda n: {"keys": n}),
        "mamba": Bridge(mamba_readings, _heads),
        "mamba2": Bridge(mamba2_readings, _heads),
        "rg-lru": Bridge(rg_lru_readings, lambda n: {"channels": n, "heads": 1}),
        "s7": Bridge(s7_readings, lambda n: {"channels": 1, "states": n}),
        "delta-net": Bridge(delta_readings, _heads),
        "gated-delta-net": Bridge(delta_readings, _heads),
    }
)
"""By the name of the family."""


def bridged_layer(family: type[Family], rng: np.random.Generator, states: int = 2) -> Family:
    """A layer of the size of a statement, its parameters moved away from where the reference starts.

    Parameters
    ----------
    family
        Its class.
    rng
        Draws the layer and what its parameters are moved by.
    states
        Of the statement.

    Raises
    ------
    KeyError
        A family without a bridge.
    """
    bridge = BRIDGES[family.family]
    return bridge.within(moved(family.initialise(rng, **bridge.sizes(states)), rng, 0.2))


def moved(record: Any, rng: np.random.Generator, scale: float) -> Any:
    """The same layer, or part of one, with normal numbers times `scale` added to the real parts of all its arrays.

    Biases, gains and feedthroughs are then no longer 0 or 1.

    Parameters
    ----------
    record
        A frozen dataclass; arrays of floats among its fields are moved, records too.
    rng
        Draws the normal numbers.
    scale
        Their standard deviation.
    """
    changed: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc" and entry.init:
            changed[entry.name] = value + scale * rng.normal(size=value.shape)
        elif is_dataclass(value) and entry.init:
            changed[entry.name] = moved(value, rng, scale)
    return replace(record, **changed)


def readings(layer: Family, inputs: Array) -> tuple[Reading, ...]:
    """What a layer reads after the last step, in the letters of its statement.

    Parameters
    ----------
    layer
        Of a family with a bridge.
    inputs
        (1, L, H).

    Raises
    ------
    KeyError
        A family without a bridge.
    ValueError
        An option of the layer of which the statement does not speak.
    """
    return tuple(BRIDGES[layer.family].readings(layer, inputs))


def stated(output: ClosedForm, reading: Reading) -> Array:
    """The compiled output of a statement at the letters of a layer, as a row."""
    values = (reading.letters[str(name)] for name in output.arguments)
    return np.ravel(compile_kernel(output, backend="numpy")(*values))


def bridge_error(family: type[Family], rng: np.random.Generator, *, states: int = 2, steps: int = 3) -> float:
    """Largest difference of the stated output and the layer's, relative to the layer's, over all its outputs.

    Parameters
    ----------
    family
        Its class.
    rng
        Draws the layer and its inputs.
    states, steps
        Size of the statement.

    Raises
    ------
    KeyError
        A family without a bridge.
    ValueError
        Sizes that the layer or the statement does not have.
    """
    layer, output = bridged_layer(family, rng, states), family.statement(states, steps).output
    found = readings(layer, rng.normal(size=(1, steps, layer.channels)))
    return max(relative_difference(stated(output, one), np.ravel(one.value)) for one in found)
