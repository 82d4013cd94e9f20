"""What goes into a ring: an impulse, a step, a sine or a sequence from a file, directly or through a network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np

from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.sequences import SHIPPED_SEQUENCES, load_sequences

MIN_LENGTH, MAX_LENGTH = 32, 1024
"""Bounds of the default length; a user may ask for more."""
LONGEST = 100_000
SINES_PER_REVOLUTION = 3
REVOLUTIONS = 2


class Signal(StrEnum):
    """Inputs that need no file."""

    IMPULSE = "impulse"
    STEP = "step"
    SINE = "sine"


@dataclass(frozen=True, eq=False)
class RingInput:
    """A sequence x (L, d), what captions call it, and how long the whole sequence of a file is."""

    x: Array
    words: str
    whole: int | None = None


def chosen_input(
    given: str, features: int, revolution: float, length: int | None, index: int | None = None
) -> RingInput:
    """The input that ``--input`` names, for d input channels; signals go into the first of them.

    Parameters
    ----------
    given
        ``impulse``, ``step``, ``sine``, or a file (npz with x, as `explain` reads it) or shipped sequences.
    features
        d.
    revolution
        Steps of one revolution of the ring that is shown; a sine has three periods in it.
    length
        L; by default two revolutions, or all of a file's sequence.
    index
        Which sequence of a file; the first by default.

    Raises
    ------
    ValueError
        A length below 1, a file of another number of channels or without that sequence, or a sequence of a signal.
    """
    if length is not None and not 1 <= length <= LONGEST:
        msg = f"--length must be between 1 and {LONGEST} steps, got {length}"
        raise ValueError(msg)
    if given not in tuple(Signal):
        return _from_file(given, features, length, index or 0)
    if index is not None:
        msg = f"--sequence {index} chooses one of a file, and --input {given} is none: leave it out"
        raise ValueError(msg)
    steps = length or default_length(revolution)
    x = np.zeros((steps, features))
    x[:, 0], words = _signal(Signal(given), steps, revolution)
    place = " in the first input channel" if features > 1 else ""
    return RingInput(x, words + place)


def default_length(revolution: float) -> int:
    """Two revolutions, between 32 and 1024 steps.

    Examples
    --------
    >>> default_length(100.0), default_length(float("inf"))
    (200, 1024)
    """
    return int(min(max(ceil(REVOLUTIONS * min(revolution, MAX_LENGTH)), MIN_LENGTH), MAX_LENGTH))


def _signal(signal: Signal, length: int, revolution: float) -> tuple[Array, str]:
    if signal is Signal.IMPULSE:
        return np.eye(1, length)[0], "a unit impulse at step 1"
    if signal is Signal.STEP:
        return np.ones(length), "a unit step, from step 1 on"
    period = max(4, round(min(revolution, float(length)) / SINES_PER_REVOLUTION))
    return np.sin(2 * np.pi * np.arange(length) / period), f"a sine of amplitude 1 and period {period} steps"


def _from_file(given: str, features: int, length: int | None, index: int) -> RingInput:
    try:
        sequences = load_sequences(given)
    except ValueError as error:
        known = ", ".join([*Signal, *SHIPPED_SEQUENCES])
        msg = f"--input is none of {known}, and no file of sequences: {error}"
        raise ValueError(msg) from error
    batch, available, channels = sequences.x.shape
    if channels != features:
        msg = f"{given}: x has {channels} input channels, the ring's input has {features}"
        raise ValueError(msg)
    if not 0 <= index < batch:
        msg = f"{given} holds the sequences 0 to {batch - 1}: there is no --sequence {index}"
        raise ValueError(msg)
    if length is not None and length > available:
        msg = f"{given}: a sequence has {available} steps, fewer than --length {length}"
        raise ValueError(msg)
    name = "" if sequences.y is None else f", label {int(sequences.y[index])}"
    return RingInput(sequences.x[index, :length], f"sequence {index} of {given}{name}", available)


def driving_input(network: S4DNetwork, x: Array, layer: int) -> Array:
    r"""What of x reaches each channel of a layer, (L, H): the deviation from the layer's input at x = 0.

    In the first layer it is $W x_k$ (the bias drops out); further on it has passed the decoders of the layers before.

    Raises
    ------
    ValueError
        The input leaves the range of float64 on its way.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        both = network.layer_inputs(np.stack([x, np.zeros_like(x)]))[layer]
        deviation: Array = both[0] - both[1]
    if not np.isfinite(deviation).all():
        msg = f"--input leaves the range of float64 before it reaches layer {layer}: the inputs are too large"
        raise ValueError(msg)
    return deviation
