r"""Logits as functions of a family's parameters: whole grids of frequencies, heights, positions at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError, NetworkOperator, checked_sequences, refuse_outside
from carleman_ssm.predictions.arguments import checked_input, checked_length, stated_bound
from carleman_ssm.predictions.geometric_inputs import (
    LARGEST,
    WHOLE,
    InputFamily,
    SimpleFamily,
    check_place,
    parameter_names,
)
from carleman_ssm.predictions.predict import decoded_logits
from carleman_ssm.predictions.responses import TermArrays, preactivations

BLOCK = 2**17  # complex numbers in one table of responses: what a cache holds
Outside = Literal["refuse", "nan"]


def predicted_logits(
    operator: NetworkOperator,
    family: type[SimpleFamily],
    length: int | None = None,
    *,
    channel: int = 0,
    background: InputFamily | None = None,
    outside: Outside = "refuse",
    **parameters: npt.ArrayLike,
) -> Floats:
    r"""Logits of every input of a family on a grid of its parameters, (…, classes).

    Parameters
    ----------
    operator
        From `network_operator`; one layer answers by the closed form of `responses`.
    family
        `Impulse`, `Step`, `Exponential` or `Sinusoid`.
    length
        Number of steps; by default as many as the operator serves.
    channel
        Input channel of the family.
    background
        An input that is added to all of them.
    outside
        What happens to inputs that leave the certified interval, or exceed the bound that the operator was built for:
        an error, or NaN in place of their logits.
    **parameters
        Numbers or arrays by the names of the family, which broadcast; what is missing has its default.

    Returns
    -------
    Floats
        The common shape of the parameters, and the classes.

    Raises
    ------
    DomainError
        An input leaves the certified interval or the input bound and `outside` is ``"refuse"``, or the length is more
        than the operator serves.
    TypeError
        This is no class of inputs, it has no such parameter, or a value is no number, or not whole where it counts.
    ValueError
        A value is not finite or too large, the values do not broadcast, or there is no such step or channel.

    References
    ----------
    THEORY T10, T15, T23.

    Examples
    --------
    >>> import numpy as np
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> from carleman_ssm.operators.construction import network_operator
    >>> from carleman_ssm.predictions.input_families import Sinusoid
    >>> operator = network_operator(load_network("frequencies"), input_bound=2.0, length=64)
    >>> heights, frequencies = np.array([0.5, 1.0])[:, None], np.linspace(0.0, np.pi, 200)
    >>> predicted_logits(operator, Sinusoid, amplitude=heights, frequency=frequencies).shape
    (2, 200, 4)
    """
    steps = checked_length(operator, length)
    if outside not in ("refuse", "nan"):
        msg = f"outside must be 'refuse' or 'nan', got {outside!r}"
        raise ValueError(msg)
    values, shape = _grid(family, parameters)
    check_place(int(values["position"].max(initial=0)), channel, steps, operator.network.features)
    added = None if background is None else checked_input(background).sequence(steps, operator.network.features)
    found = np.empty((int(np.prod(shape)), operator.network.classes))
    for rows in _blocks(len(found), max(1, BLOCK // (steps * operator.network.channels))):
        block = {name: array[rows] for name, array in values.items()}
        inputs = _sequences(family, block, channel, (steps, operator.network.features))
        inputs = inputs if added is None else inputs + added
        if isinstance(operator, OneLayerOperator):
            terms = [_terms(family, block, channel)]
            found[rows] = _closed(operator, _with(terms, background, len(inputs)), inputs, outside)
        else:
            found[rows] = _by_operator(operator, inputs, outside)
    return found.reshape((*shape, found.shape[1]))


def _grid(
    family: type[SimpleFamily], parameters: Mapping[str, npt.ArrayLike]
) -> tuple[dict[str, Floats], tuple[int, ...]]:
    """Every parameter of the family as a flat array of the common shape, positions as integers, and that shape."""
    given_family: object = family
    if not isinstance(given_family, type) or not issubclass(given_family, SimpleFamily) or given_family is SimpleFamily:
        msg = f"expected a class of inputs such as Sinusoid, got {family!r}; an input that is added is a background"
        raise TypeError(msg)
    names = parameter_names(family)
    unknown = sorted(set(parameters) - set(names))
    if unknown:
        msg = f"{family.__name__} has no parameter {unknown[0]!r}: it has {', '.join(names)}"
        raise TypeError(msg)
    defaults = {name: getattr(family(), name) for name in names if name != "channel"}
    given = {name: np.asarray(parameters.get(name, default)) for name, default in defaults.items()}
    for name, array in given.items():
        if array.dtype.kind not in ("iu" if name in WHOLE else "iuf"):
            msg = f"{name} must hold {'integers' if name in WHOLE else 'real numbers'}, got {array.dtype}"
            raise TypeError(msg)
        if not (np.abs(array) < LARGEST).all() or (name in WHOLE and (array < 0).any()):
            msg = f"{name} must be finite{' and not negative' if name in WHOLE else f' and below {LARGEST:g} in size'}"
            raise ValueError(msg)
    shape = _common_shape(given)
    flat = {name: np.broadcast_to(array, shape).ravel() for name, array in given.items()}
    return {
        name: array.astype(np.int64) if name in WHOLE else array.astype(np.float64) for name, array in flat.items()
    }, shape


def _common_shape(given: Mapping[str, npt.NDArray[np.generic]]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(array.shape for array in given.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items() if array.ndim)
        msg = f"the values do not broadcast to one grid, their shapes are {shapes}: give each an axis of its own"
        raise ValueError(msg) from error


def _terms(family: type[SimpleFamily], values: Mapping[str, Floats], channel: int) -> TermArrays:
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
        amplitude, ratio = family.geometric(values)
    if not (np.abs(ratio) < LARGEST).all():
        msg = f"an input grows by a factor beyond {LARGEST:g} in one step: lower its rate"
        raise ValueError(msg)
    return TermArrays(amplitude, ratio, values["position"].astype(np.int64), channel)


def _blocks(count: int, size: int) -> Iterator[slice]:
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


def _sequences(
    family: type[SimpleFamily], values: Mapping[str, Floats], channel: int, shape: tuple[int, int]
) -> Floats:
    """The inputs (inputs, length, d), 0 before their positions."""
    ages = np.arange(shape[0]) - values["position"][:, None]
    columns = {name: array[:, None] for name, array in values.items()}
    result = np.zeros((len(ages), *shape))
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
        result[:, :, channel] = np.where(ages < 0, 0.0, family.profile(np.maximum(ages, 0), columns))
    if not (np.abs(result) < LARGEST).all():
        msg = f"an input grows beyond {LARGEST:g} within {shape[0]} steps: lower the rate, the height or the length"
        raise ValueError(msg)
    return result


def _with(terms: list[TermArrays], background: InputFamily | None, count: int) -> list[TermArrays]:
    """The terms, and those of the background once for every input."""
    for term in () if background is None else background.terms:
        amplitude, ratio = np.full(count, term.amplitude), np.full(count, term.ratio)
        terms.append(TermArrays(amplitude, ratio, np.full(count, term.position), term.channel))
    return terms


def _closed(operator: OneLayerOperator, terms: list[TermArrays], inputs: Floats, outside: Outside) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name
        reached = preactivations(operator.form, terms, inputs.shape[1])
    lower, upper, bound = operator.certificate.lower, operator.certificate.upper, stated_bound(operator)
    if outside == "refuse":
        refuse_outside(reached, lower, upper, "channel")
        checked_sequences(inputs, operator.form.features, inputs.shape[1], bound)
        return decoded_logits(operator, reached, inputs)
    inside = ((reached >= lower) & (reached <= upper)).all(axis=(1, 2)) & (np.abs(inputs) <= bound).all(axis=(1, 2))
    result = np.full((len(inputs), operator.form.classes), np.nan)
    if inside.any():
        result[inside] = decoded_logits(operator, reached[inside], inputs[inside])
    return result


def _by_operator(operator: NetworkOperator, inputs: Floats, outside: Outside) -> Floats:
    if outside == "refuse":
        return operator(inputs)
    result = np.full((len(inputs), operator.network.classes), np.nan)
    for row, sequence in enumerate(inputs):
        try:
            result[row] = operator(sequence[None])[0]
        except DomainError:  # outside: its logits stay NaN
            continue
    return result
