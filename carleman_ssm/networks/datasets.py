"""Four real data sets as sequences with a training and a test part: digits, OSULeaf, JapaneseVowels, BasicMotions.

The digits come from scikit-learn (their test part is shipped); the other three lie in the package `aeon`, with the
archives' own split, and are scaled to zero mean and unit variance per channel by the training part.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.extras import require
from carleman_ssm.networks.layers import Array
from carleman_ssm.networks.sequences import Sequences, load_sequences
from carleman_ssm.networks.trained import DATASETS

__all__ = ["DATASETS", "Dataset", "load_dataset", "load_digit_parts", "require_known", "standardised"]

SHAPES: MappingProxyType[str, tuple[int, int, int]] = MappingProxyType(
    {"digits": (64, 1, 10), "OSULeaf": (427, 1, 6), "JapaneseVowels": (25, 12, 9), "BasicMotions": (100, 6, 4)}
)
"""Steps, input channels and classes of each."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Brief):
    """Sequences of one data set with their labels.

    Parameters
    ----------
    name
        One of `DATASETS`.
    train
        The training part; None where only the shipped test part is at hand (digits without scikit-learn).
    test
        The test part.

    Raises
    ------
    ValueError
        A part has no labels, or the parts differ in steps or channels.
    """

    name: str
    train: Sequences | None
    test: Sequences

    def __post_init__(self) -> None:
        parts = [part for part in (self.train, self.test) if part is not None]
        if any(part.y is None for part in parts) or len({part.x.shape[1:] for part in parts}) != 1:
            msg = f"{self.name}: both parts need labels and the same steps and channels"
            raise ValueError(msg)

    @property
    def length(self) -> int:
        """L, steps of every sequence."""
        return int(self.test.x.shape[1])

    @property
    def features(self) -> int:
        """d, input channels."""
        return int(self.test.x.shape[2])


def load_dataset(name: str) -> Dataset:
    r"""Read a data set; every number is exact in float32, so that training and evaluation see the same.

    ``digits``: 64 raster steps of intensities / 16, stratified split 1347 / 450 of scikit-learn's 1797 images with
    seed 0. ``OSULeaf``: outlines of leaves, 427 steps, 200 / 242. ``JapaneseVowels``: 12 cepstral channels of speech
    in the archive's equal-length version (25 steps), 270 / 370. ``BasicMotions``: six channels of a watch's motion
    sensor, 100 steps, 40 / 40. The last three as $(x - \bar x)/s$, mean and deviation per channel over the sequences
    and steps of the training part.

    Parameters
    ----------
    name
        One of `DATASETS`.

    Returns
    -------
    Dataset
        x (batch, length, channels), y labels from 0 in the order of the class names.

    Raises
    ------
    ValueError
        No data set of this name.
    ImportError
        The package that holds it is not installed; the message names the extra.

    References
    ----------
    Digits: Alpaydin and Kaynak (1998), UCI. OSULeaf: Dau et al. (2019), the UCR archive.
    JapaneseVowels: Kudo, Toyama and Shimbo (1999), UCI. BasicMotions: Bagnall et al. (2018), the UEA archive.

    Examples
    --------
    >>> load_dataset("digits").test.x.shape
    (450, 64, 1)
    """
    require_known(name)
    return _digits() if name == "digits" else _archived(name)


def require_known(name: str) -> None:
    """Refuse a name that is not one of `DATASETS`.

    Raises
    ------
    ValueError
        With the names that there are.
    """
    if name not in DATASETS:
        msg = f"no data set of the name {name!r}; choose from {', '.join(DATASETS)}"
        raise ValueError(msg)


def _digits() -> Dataset:
    try:
        parts = load_digit_parts()
    except ImportError:
        return Dataset("digits", None, load_sequences("digits-test"))
    x_train, x_test, y_train, y_test = parts
    names = tuple(str(digit) for digit in range(10))
    train, test = (
        Sequences(x.astype(np.float64), y, ("intensity",), names) for x, y in ((x_train, y_train), (x_test, y_test))
    )
    return Dataset("digits", train, test)


def load_digit_parts() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], Array, Array]:
    """Split scikit-learn's 1797 digits, stratified 75/25 with seed 0: x_train, x_test, y_train, y_test.

    Sequences are (n, 64, 1) in float32, exact multiples of 1/16.

    Raises
    ------
    ImportError
        scikit-learn is not installed.
    """
    datasets = require("sklearn.datasets", "data")
    selection = require("sklearn.model_selection", "data")
    x, y = datasets.load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)[..., None]
    x_train, x_test, y_train, y_test = selection.train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    return x_train, x_test, y_train, y_test


def _archived(name: str) -> Dataset:
    """One of the sets of the UCR and UEA archives that lie inside `aeon`; nothing is downloaded."""
    datasets = require("aeon.datasets", "datasets")
    parts = {}
    for split in ("train", "test"):
        # Only this set needs (and has) an equal-length version; its series were stretched to 25 steps by the archive.
        x, y = datasets.load_classification(name, split=split, load_equal_length=name == "JapaneseVowels")
        parts[split] = np.moveaxis(np.asarray(x, dtype=np.float64), 1, 2), np.asarray(y)
    classes = tuple(str(label) for label in np.unique(parts["train"][1]))
    x_train, x_test = standardised(parts["train"][0], parts["test"][0])
    channels = tuple(f"channel {index}" for index in range(x_train.shape[2]))
    train, test = (
        Sequences(x.astype(np.float64), np.searchsorted(classes, y), channels, classes)
        for x, y in ((x_train, parts["train"][1]), (x_test, parts["test"][1]))
    )
    found = (*train.x.shape[1:], len(classes))
    if found != SHAPES[name]:
        msg = f"{name} of the installed aeon has (steps, channels, classes) {found}, expected {SHAPES[name]}"
        raise ValueError(msg)
    return Dataset(name, train, test)


def standardised(train: Array, test: Array) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Both parts (batch, length, channels) less the training part's mean over its standard deviation, per channel.

    A channel that stands still in the training part keeps its scale.
    """
    mean, deviation = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    scale = np.where(deviation > 0, deviation, 1.0)
    return ((train - mean) / scale).astype(np.float32), ((test - mean) / scale).astype(np.float32)
