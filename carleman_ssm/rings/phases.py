"""Phases that may not exist: what is masked, and from which amplitude on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.finite_arrays import real_array, require_fraction

TOLERANCE = 1e-12
"""Phases of amplitudes below this fraction of the largest one met so far do not exist."""

Phases = np.ma.MaskedArray[Any, np.dtype[np.float64]]


class SingularPhaseError(ValueError):
    """A phase was asked for where an amplitude vanishes.

    References
    ----------
    THEORY T7.
    """


def masked_phases(
    amplitudes: npt.ArrayLike,
    phases: npt.ArrayLike,
    tolerance: float = TOLERANCE,
    *,
    floor: npt.ArrayLike = 0.0,
) -> Phases:
    """The phases, masked where an amplitude is lost in the rounding of the largest one met so far.

    Parameters
    ----------
    amplitudes
        (N,), or (T, N) at ascending times: what comes later masks nothing.
    phases
        Of the same shape [rad]; where they are masked they may be NaN.
    tolerance
        The fraction of the largest amplitude at and below which there is no phase.
    floor
        Amplitudes at and below which there is no phase either; one, or of the same shape.

    Raises
    ------
    ValueError, TypeError
        Amplitudes, or phases that are not masked, which are no finite real numbers; shapes that differ; a tolerance
        outside of 0 to 1.

    References
    ----------
    THEORY T7.

    Examples
    --------
    >>> masked_phases(np.array([1.0, 0.0]), np.array([0.5, 0.0]))
    masked_array(data=[0.5, --], mask=[False,  True], fill_value=1e+20)
    """
    sizes = np.abs(real_array("amplitudes", amplitudes))
    if sizes.ndim not in (1, 2):
        msg = f"the amplitudes must have the shape (N,) or (T, N), got {sizes.shape}"
        raise ValueError(msg)
    if np.shape(phases) != sizes.shape:
        msg = f"the phases need the shape of the amplitudes, {sizes.shape}, got {np.shape(phases)}"
        raise ValueError(msg)
    largest = sizes.max(-1, initial=0.0)
    if sizes.ndim == 2:
        largest = np.maximum.accumulate(largest)[:, None]
    absent = sizes <= np.maximum(require_fraction("tolerance", tolerance) * largest, real_array("floor", floor))
    angles = real_array("phases", np.where(absent, 0.0, phases), sizes.shape)
    return np.ma.MaskedArray(angles, mask=absent)
