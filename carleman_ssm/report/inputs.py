"""Sequences for `explain`: a user's file, the shipped test sequences, or fresh ones by their recipe."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np

from carleman_ssm.networks import containers
from carleman_ssm.networks.checkpoints import read_bounded
from carleman_ssm.networks.enclosures import Floats

FREQUENCIES = (3, 5, 7, 9)
FREQUENCY_LENGTH = 64
Labels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def frequency_sequences(count: int, seed: int) -> tuple[Floats, Labels]:
    r"""Fresh test set of ``frequencies``: $x_t = a\sin(2\pi ft/64 + \varphi)$, t = 0 … 63.

    f is one of 3, 5, 7, 9 (the class), a ~ U[0.5, 1.5], φ ~ U[0, 2π); returns x (count, 64, 1) and y (count,).
    """
    generator = np.random.default_rng(seed)
    labels = generator.integers(len(FREQUENCIES), size=count)
    amplitude, phase = generator.uniform(0.5, 1.5, count), generator.uniform(0.0, 2 * np.pi, count)
    angle = 2 * np.pi * np.outer(np.array(FREQUENCIES)[labels], np.arange(FREQUENCY_LENGTH)) / FREQUENCY_LENGTH
    return (amplitude[:, None] * np.sin(angle + phase[:, None]))[..., None], labels


def read_sequences(path: Path, features: int, classes: int) -> tuple[Floats, Labels | None]:
    """Sequences ``x`` (batch, length, channels) and labels ``y`` (batch,) or None of an npz file.

    Raises
    ------
    ValueError
        The file is missing or no npz, ``x`` is missing, or a shape, type or value is wrong; the message says which.
    """
    try:
        return _parse(read_bounded(path, "no such file with sequences"), features, classes)
    except (ValueError, TypeError) as error:
        msg = f"{path}: {error}"
        raise ValueError(msg) from error


def shipped_sequences(name: str, features: int, classes: int) -> tuple[Floats, Labels | None]:
    """The held-out digits for ``digits-*``, fresh sines for ``frequencies``.

    Raises
    ------
    ValueError
        No sequences come with a network of this name.
    """
    if name == "frequencies":
        return frequency_sequences(2000, seed=1)
    if name.startswith("digits-"):
        return _parse(resources.files("carleman_ssm.data").joinpath("digits-test.npz").read_bytes(), features, classes)
    msg = f"no sequences are shipped for {name}: give some with --inputs FILE.npz (x: batch, length, channels)"
    raise ValueError(msg)


def _parse(data: bytes, features: int, classes: int) -> tuple[Floats, Labels | None]:
    if data[:2] != b"PK":
        msg = "it is no npz archive; write one with numpy.savez(FILE, x=sequences, y=labels)"
        raise ValueError(msg)
    container = containers.NpzContainer(data)
    if "x" not in container.headers:
        msg = f"it has no array 'x' (batch, length, channels); it holds {', '.join(container.headers) or 'nothing'}"
        raise ValueError(msg)
    sequences = np.asarray(container.read("x"))
    if sequences.dtype.kind not in "fiu" or sequences.ndim != 3 or 0 in sequences.shape:
        msg = f"'x' has shape {sequences.shape} and type {sequences.dtype}, expected numbers (batch, length, channels)"
        raise ValueError(msg)
    if sequences.shape[2] != features:
        msg = f"'x' has {sequences.shape[2]} input channels, the network takes {features}"
        raise ValueError(msg)
    if not np.isfinite(sequences).all():
        msg = f"'x' holds NaN or infinity, first in sequence {int(np.argwhere(~np.isfinite(sequences))[0][0])}"
        raise ValueError(msg)
    labels = np.asarray(container.read("y")) if "y" in container.headers else np.empty(0)
    return sequences.astype(np.float64), _labels(labels, len(sequences), classes)


def _labels(labels: np.ndarray[tuple[int, ...], np.dtype[np.generic]], count: int, classes: int) -> Labels | None:
    if labels.size == 0:
        return None
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        msg = f"'y' has shape {labels.shape} and type {labels.dtype}, expected {count} integers (or leave it out)"
        raise ValueError(msg)
    if labels.min() < 0 or labels.max() >= classes:
        msg = f"'y' holds labels from {labels.min()} to {labels.max()}, the network has classes 0 to {classes - 1}"
        raise ValueError(msg)
    return labels.astype(np.int64)
