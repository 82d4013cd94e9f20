"""Stored parameters as read-only float64 arrays, checked where a record is built."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


def parameter_array(name: str, value: npt.ArrayLike, shape: tuple[int | None, ...]) -> Array:
    """Return `value` as a read-only float64 array, checked against `shape` (None: any positive length).

    Raises
    ------
    TypeError
        The values are not real numbers that float64 holds exactly.
    ValueError
        The shape is wrong, or an entry is NaN or infinite.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > np.dtype(np.float64).itemsize:
        msg = f"{name} holds {array.dtype}, expected real numbers of at most 64 bits"
        raise TypeError(msg)
    fits = array.ndim == len(shape) and all(
        have > 0 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
        msg = f"{name} has shape {array.shape}, expected {wanted} with no empty axis"
        raise ValueError(msg)
    if not np.isfinite(array).all():
        msg = f"{name} holds NaN or infinity; retrain or repair the checkpoint"
        raise ValueError(msg)
    frozen = np.array(array, dtype=np.float64, order="C")
    frozen.flags.writeable = False
    return frozen
