"""Arrays that enter or leave the oscillators: real or complex numbers in float64, of a known shape, without NaN."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.layers import Array, ComplexArray

Shape = tuple[int | None, ...]

_Values = TypeVar("_Values", Array, ComplexArray)


def real_array(name: str, value: npt.ArrayLike, shape: Shape | None = None) -> Array:
    """`value` as a read-only copy in float64, checked against `shape` (None: any length; no shape: any).

    Raises
    ------
    TypeError
        The values are text, complex or objects.
    ValueError
        Another shape, or NaN or infinity.

    Examples
    --------
    >>> real_array("u", [1, 2], (None,))
    array([1., 2.])
    """
    array: Array = _checked(name, value, shape, "fiub").astype(np.float64)
    array.flags.writeable = False
    return array


def complex_array(name: str, value: npt.ArrayLike, shape: Shape | None = None) -> ComplexArray:
    """`value` in complex128, checked as in `real_array`."""
    array: ComplexArray = _checked(name, value, shape, "fiubc").astype(np.complex128)
    array.flags.writeable = False
    return array


def ascending_times(value: npt.ArrayLike) -> Array:
    """At least two finite times, ascending.

    Raises
    ------
    TypeError, ValueError
        As in `real_array`; fewer than two, or times that do not ascend.
    """
    moments = real_array("times", value, (None,))
    if moments.size < 2 or not (np.diff(moments) > 0).all():
        msg = "times must be at least two ascending numbers, the first one that of the initial state"
        raise ValueError(msg)
    return moments


def require_fraction(name: str, value: float) -> float:
    """A number from 0 to below 1.

    Raises
    ------
    TypeError, ValueError
        As in `real_array`; outside of that interval.
    """
    number = float(real_array(name, value, ()))
    if not 0 <= number < 1:
        msg = f"{name} must be at least 0 and below 1, got {number:g}"
        raise ValueError(msg)
    return number


def require_range(what: str, values: _Values) -> _Values:
    """Refuse results that have left float64.

    Raises
    ------
    ValueError
        Infinity or NaN among the values.
    """
    if not np.isfinite(values).all():
        place = ", ".join(map(str, np.argwhere(~np.isfinite(values))[0]))
        msg = f"{what} leave the range of float64 at index ({place}): give smaller numbers or a shorter run"
        raise ValueError(msg)
    return values


def _checked(name: str, value: npt.ArrayLike, shape: Shape | None, kinds: str) -> npt.NDArray[np.generic]:
    try:
        array = np.asarray(value)
    except ValueError as error:
        msg = f"{name}: expected an array of numbers, got rows of different lengths"
        raise ValueError(msg) from error
    if array.dtype.kind not in kinds:
        msg = f"{name}: expected {'real or complex' if 'c' in kinds else 'real'} numbers, got {array.dtype}"
        raise TypeError(msg)
    if shape is not None and (
        array.ndim != len(shape)
        or any(want is not None and have != want for have, want in zip(array.shape, shape, strict=True))
    ):
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        msg = f"{name}: expected the shape ({wanted}), got {array.shape}"
        raise ValueError(msg)
    if not np.isfinite(array).all():
        msg = f"{name}: expected finite numbers, got NaN or infinity"
        raise ValueError(msg)
    return array
