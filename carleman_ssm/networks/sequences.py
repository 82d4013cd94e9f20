"""Sequences for a network: npz files, the shipped digits, and fresh sequences of the frequency task."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.checkpoints import read_bounded
from carleman_ssm.networks.containers import CheckpointError, NpzContainer
from carleman_ssm.networks.layers import Array

SHIPPED_SEQUENCES = ("digits-test",)
MAX_LABEL = 2**31
FREQUENCIES = (3, 5, 7, 9)


@dataclass(frozen=True, eq=False, repr=False)
class Sequences(Brief):
    """A batch of sequences with or without labels.

    Parameters
    ----------
    x
        (batch, length, features), finite, read-only.
    y
        Labels (batch,), integers from 0, or None.
    features, classes
        Their names, or empty.
    """

    x: Array
    y: npt.NDArray[Any] | None = None
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x = np.asarray(self.x)
        if x.ndim != 3 or 0 in x.shape or x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
            msg = f"x is {x.dtype} {x.shape}, expected real numbers (batch, length, features), no axis empty"
            raise ValueError(msg)
        if not np.isfinite(x).all():
            msg = "x holds NaN or infinity"
            raise ValueError(msg)
        frozen = np.array(x, dtype=np.float64, order="C")
        frozen.flags.writeable = False
        object.__setattr__(self, "x", frozen)
        if self.y is not None:
            object.__setattr__(self, "y", _labels(np.asarray(self.y), len(x)))


def _labels(y: npt.NDArray[Any], batch: int) -> npt.NDArray[np.int64]:
    if y.shape != (batch,) or y.dtype.kind not in "iu" or (y < 0).any() or (y > MAX_LABEL).any():
        msg = f"y is {y.dtype} {y.shape}, expected one integer label from 0 for each of {batch} sequences"
        raise ValueError(msg)
    labels = y.astype(np.int64)
    labels.flags.writeable = False
    return labels


def load_sequences(source: str | os.PathLike[str]) -> Sequences:
    """Read sequences from an npz file, or the shipped `digits-test` by its name.

    The file holds `x` (batch, length, features), optionally labels `y` (an empty array counts as none) and
    names `features` and `classes`; anything else in it is left unread.

    Parameters
    ----------
    source
        An npz file, or ``"digits-test"``.

    Returns
    -------
    Sequences
        x (batch, length, features) in float64.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, oversized, or its arrays are wrong.

    Examples
    --------
    >>> load_sequences("digits-test").x.shape
    (450, 64, 1)
    """
    label = os.fspath(source)
    try:
        if label in SHIPPED_SEQUENCES:
            data = resources.files("carleman_ssm.data").joinpath(f"{label}.npz").read_bytes()
        else:
            data = read_bounded(Path(label), f"no such file; shipped are {', '.join(SHIPPED_SEQUENCES)}")
        container = NpzContainer(data)
        if "x" not in container.headers:
            msg = "missing array x (batch, length, features)"
            raise CheckpointError(msg)
        y = container.read("y") if "y" in container.headers else np.zeros(0)
        names = {key: _names(container, key) for key in ("features", "classes")}
        return Sequences(container.read("x"), y if y.size else None, **names)
    except (ValueError, TypeError) as error:
        msg = f"{label}: {error}"
        raise CheckpointError(msg) from error


def _names(container: NpzContainer, key: str) -> tuple[str, ...]:
    if key not in container.headers:
        return ()
    return tuple(str(name) for name in np.ravel(container.read(key)))


def frequency_sequences(count: int, seed: int = 0, length: int = 64) -> Sequences:
    r"""Fresh sequences of the task that the shipped network `frequencies` was trained on.

    $x_t = a \sin(2\pi f t/64 + \phi)$, $f \in \{3, 5, 7, 9\}$ (the class), $a$ uniform in [0.5, 1.5],
    $\phi$ uniform in $[0, 2\pi)$: no linear readout tells the classes apart.

    Parameters
    ----------
    count, seed
        Number of sequences, and the seed of the generator.
    length
        Steps.

    Returns
    -------
    Sequences
        x (count, length, 1) and labels y (count,).

    Raises
    ------
    ValueError
        A count or length below 1.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> fresh = frequency_sequences(100, seed=1)
    >>> float((load_network("frequencies")(fresh.x).argmax(axis=1) == fresh.y).mean())
    1.0
    """
    if count < 1 or length < 1:
        msg = f"need at least one sequence of at least one step, got {count} of {length}"
        raise ValueError(msg)
    generator = np.random.default_rng(seed)
    label = generator.integers(len(FREQUENCIES), size=count)
    amplitude, phase = generator.uniform(0.5, 1.5, count), generator.uniform(0, 2 * np.pi, count)
    angle = 2 * np.pi * np.array(FREQUENCIES)[label, None] * np.arange(length) / 64 + phase[:, None]
    x = (amplitude[:, None] * np.sin(angle))[..., None]
    return Sequences(x, label, ("signal",), tuple(f"frequency {f}" for f in FREQUENCIES))
