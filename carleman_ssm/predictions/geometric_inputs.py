r"""What families of inputs have in common: the geometric sequences that they are sums of.

$x_{k,j} = \mathrm{Re}(A\rho^{k-p})$ for $k \ge p$, else 0: one term with amplitude A, ratio ρ, first step p and
input channel j. The families themselves are in `input_families`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import reduce
from numbers import Integral, Real
from operator import add
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.theory.polynomials import require_integer

Complexes: TypeAlias = NDArray[np.complex128]
Lags: TypeAlias = NDArray[np.int64]

LARGEST = 1e150  # the square of such a value still is a float64 number
WHOLE = ("position", "channel")


@dataclass(frozen=True)
class GeometricTerm:
    r"""$x_{k,j} = \mathrm{Re}(A\rho^{k-p})$ from step p on.

    Parameters
    ----------
    amplitude, ratio
        A [input] and ρ (per step).
    position, channel
        p and j, both from 0.
    """

    amplitude: complex
    ratio: complex
    position: int
    channel: int


class InputFamily:
    """What all families have: the input as an array, and as geometric terms."""

    @property
    def parts(self) -> tuple[SimpleFamily, ...]:
        """The simple families that it is the sum of."""
        raise NotImplementedError

    @property
    def terms(self) -> tuple[GeometricTerm, ...]:
        """The geometric terms whose real parts add up to the input, one of every part."""
        return tuple(part.term for part in self.parts)

    def sequence(self, length: int, features: int = 1) -> Floats:
        """The input as an array (length, features).

        Parameters
        ----------
        length
            Number of steps, at least one.
        features
            Number d of input channels.

        Raises
        ------
        ValueError
            The input starts after the last step, its channel does not exist, or it leaves the range of float64.
        TypeError
            The length, or the number of features, is no integer.
        """
        raise NotImplementedError

    def __add__(self, other: InputFamily) -> SumOfInputs:
        """Both inputs at once."""
        if not isinstance(other, InputFamily):
            return NotImplemented
        return SumOfInputs((self, other))


@dataclass(frozen=True, kw_only=True)
class SimpleFamily(InputFamily):
    """One geometric term with named parameters, every one of them a number.

    Parameters
    ----------
    position, channel
        Step p and input channel j, both from 0.

    Raises
    ------
    TypeError
        A parameter is no number, or one of these two no integer.
    ValueError
        A parameter is not finite, or one of these two is negative.
    """

    position: int = 0
    channel: int = 0

    def __post_init__(self) -> None:
        for name in parameter_names(type(self)):
            value = getattr(self, name)
            if name in WHOLE:
                object.__setattr__(self, name, _whole(name, value))
            else:
                object.__setattr__(self, name, _finite(name, value))

    @staticmethod
    def geometric(values: Mapping[str, Floats]) -> tuple[Complexes, Complexes]:
        r"""Amplitude A and ratio ρ of arrays of parameters, by name; they broadcast."""
        raise NotImplementedError

    @property
    def parts(self) -> tuple[SimpleFamily, ...]:
        """Itself."""
        return (self,)

    @property
    def term(self) -> GeometricTerm:
        """Its one geometric term."""
        names = [name for name in parameter_names(type(self)) if name not in WHOLE]
        with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
            amplitude, ratio = self.geometric({name: np.array(getattr(self, name)) for name in names})
        if not abs(complex(ratio)) < LARGEST:
            msg = f"{self!r} grows by a factor beyond {LARGEST:g} in one step: lower its rate"
            raise ValueError(msg)
        return GeometricTerm(complex(amplitude), complex(ratio), self.position, self.channel)

    def sequence(self, length: int, features: int = 1) -> Floats:
        """The input as an array (length, features); see `InputFamily.sequence`."""
        check_place(self.position, self.channel, length, features)
        values = {name: np.array(getattr(self, name)) for name in parameter_names(type(self))}
        result = np.zeros((length, features))
        with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
            result[self.position :, self.channel] = self.profile(np.arange(length - self.position), values)
        if not (np.abs(result) < LARGEST).all():
            msg = f"{self!r} grows beyond {LARGEST:g} within {length} steps: lower its rate, its height or the length"
            raise ValueError(msg)
        return result

    @staticmethod
    def profile(lags: Lags, values: Mapping[str, Floats]) -> Floats:
        """Input at `lags` ≥ 0 steps after its start, for arrays of parameters that broadcast with the lags."""
        raise NotImplementedError


@dataclass(frozen=True)
class SumOfInputs(InputFamily):
    """Several inputs at once; sums of sums are flattened.

    Parameters
    ----------
    summands
        Families, at least one.

    Raises
    ------
    ValueError
        There is no summand.
    TypeError
        A summand is no family.

    Examples
    --------
    >>> from carleman_ssm.predictions.input_families import Impulse, Step
    >>> (Step() + Impulse(height=-1.0, position=1)).sequence(3)[:, 0].tolist()
    [1.0, 0.0, 1.0]
    """

    summands: tuple[InputFamily, ...]

    def __post_init__(self) -> None:
        found: list[SimpleFamily] = []
        given: tuple[object, ...] = tuple(self.summands)
        for part in given:
            if not isinstance(part, InputFamily):
                msg = f"a sum of inputs is one of families such as Impulse(), got {type(part).__name__}"
                raise TypeError(msg)
            found += part.parts
        if not found:
            msg = "a sum of inputs has at least one summand: SumOfInputs((Impulse(), Step()))"
            raise ValueError(msg)
        object.__setattr__(self, "summands", tuple(found))

    @property
    def parts(self) -> tuple[SimpleFamily, ...]:
        """The simple families among the summands and theirs."""
        return tuple(part for summand in self.summands for part in summand.parts)

    def sequence(self, length: int, features: int = 1) -> Floats:
        """The input as an array (length, features); see `InputFamily.sequence`."""
        return reduce(add, (part.sequence(length, features) for part in self.parts))


def parameter_names(family: type[SimpleFamily]) -> tuple[str, ...]:
    """The parameters of a family, `position` and `channel` last."""
    names = [field.name for field in fields(family)]
    return (*(name for name in names if name not in WHOLE), *WHOLE)


def check_place(position: int, channel: int, length: int, features: int) -> None:
    """Refuse an input that starts after the last of `length` steps, or whose channel is not one of `features`.

    Raises
    ------
    ValueError
        With the position or channel, and what there is.
    TypeError
        One of the four is no integer.
    """
    require_integer(length, "the length")
    require_integer(features, "the number of features")
    _whole("position", position)
    _whole("channel", channel)
    if length < 1 or features < 1:
        msg = f"a sequence has at least one step and one channel, got length {length} and {features} features"
        raise ValueError(msg)
    if position >= length:
        msg = (
            f"the input starts at step {position}, the sequence has steps 0 to {length - 1}: choose an earlier position"
        )
        raise ValueError(msg)
    if channel >= features:
        msg = f"there is no input channel {channel}: the sequences have channels 0 to {features - 1}"
        raise ValueError(msg)


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        msg = f"{name} must be a number, got {value!r}; for arrays of parameters use predicted_logits"
        raise TypeError(msg)
    if not abs(float(value)) < LARGEST:
        msg = f"{name} must be finite and below {LARGEST:g} in size, got {value}"
        raise ValueError(msg)
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        msg = f"{name} must be an integer, got {value!r}"
        raise TypeError(msg)
    if value < 0:
        msg = f"{name} counts from 0, got {value}"
        raise ValueError(msg)
    return int(value)
