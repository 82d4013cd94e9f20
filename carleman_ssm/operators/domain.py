"""The inputs for which an operator shall hold: sequences, or all inputs of a box, and the centre of its orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.enclosures import Floats

CERTIFIED_SHARE = 0.99
"""Searches for a degree end when the class of this share of the sequences is certified."""
Centre = Floats | Literal["zero", "mean"]


@dataclass(frozen=True, eq=False)
class Domain:
    r"""What was asked for.

    Parameters
    ----------
    inputs
        Sequences (batch, length, d), or None.
    steps
        L, the longest sequence to serve.
    centre
        The input (L, d) about which orders are counted.
    bound
        B: $|x_{k,j}| \le B$; without one asked for, the largest value of the sequences and the centre.
    is_box
        Whether the operator shall hold on the whole box $|x| \le B$.
    """

    inputs: Floats | None
    steps: int
    centre: Floats
    bound: float
    is_box: bool


def checked_domain(
    features: int, input_bound: float | None, sequences: Floats | None, length: int | None, centre: Centre
) -> Domain:
    """Validate what was asked for.

    Raises
    ------
    ValueError
        Nothing is given, a shape is wrong, a number is not finite, or the sequences leave the box.
    """
    inputs, steps = _checked_inputs(input_bound, sequences, length)
    if inputs is not None and inputs.shape[2] != features:
        msg = f"the network takes {features} input channels, the sequences have {inputs.shape[2]}"
        raise ValueError(msg)
    origin = _centre(centre, inputs, steps, features)
    largest = max(0.0 if inputs is None else float(np.abs(inputs).max()), float(np.abs(origin).max()))
    bound = largest if input_bound is None else float(input_bound)
    if largest > bound:
        msg = f"the sequences (or the centre) reach |x| = {largest:.6g}, more than input_bound = {bound:.6g}"
        raise ValueError(msg)
    return Domain(inputs, steps, origin, bound, input_bound is not None)


def _checked_inputs(
    input_bound: float | None, sequences: Floats | None, length: int | None
) -> tuple[Floats | None, int]:
    """The sequences as float64, and the number of steps that the operator shall serve."""
    inputs = None if sequences is None else np.asarray(sequences, dtype=np.float64)
    if inputs is None and input_bound is None:
        msg = "give the inputs for which the operator shall hold: input_bound=B with length=L, or sequences=…"
        raise ValueError(msg)
    if inputs is not None and (inputs.ndim != 3 or 0 in inputs.shape or not np.isfinite(inputs).all()):
        msg = f"sequences must be finite and of shape (batch, length, channels), none of them zero; got {inputs.shape}"
        raise ValueError(msg)
    if input_bound is not None and not (np.isfinite(input_bound) and input_bound >= 0):
        msg = f"input_bound must be a finite number that is not negative, got {input_bound}"
        raise ValueError(msg)
    if length is None and inputs is None:
        msg = "an input bound needs the length of the sequences for which it shall hold: pass length=L"
        raise ValueError(msg)
    steps = length if length is not None else int(inputs.shape[1]) if inputs is not None else 0
    if steps < (1 if inputs is None else inputs.shape[1]):
        msg = f"length must cover the sequences and at least one step, got {steps}"
        raise ValueError(msg)
    return inputs, steps


def _centre(centre: Centre, inputs: Floats | None, steps: int, features: int) -> Floats:
    if isinstance(centre, str):
        if centre == "zero":
            return np.zeros((steps, features))
        if centre == "mean" and inputs is not None and inputs.shape[1] == steps:
            return np.asarray(inputs.mean(axis=0), dtype=np.float64)
        msg = f"centre must be 'zero', 'mean' (with sequences) or an array, got {centre!r}"
        raise ValueError(msg)
    given = np.asarray(centre, dtype=np.float64)
    if given.shape != (steps, features) or not np.isfinite(given).all():
        msg = f"the centre must be finite and of shape ({steps}, {features}), got {given.shape}"
        raise ValueError(msg)
    return given
