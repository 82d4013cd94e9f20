"""Which sequences `explain` uses: a user's file, the shipped test sequences, or fresh ones by their recipe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from carleman_ssm.networks.checkpoints import SHIPPED
from carleman_ssm.networks.datasets import load_dataset
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.networks.sequences import Sequences, frequency_sequences, load_sequences
from carleman_ssm.networks.trained import TRAINED, dataset_of

FRESH_SEED = 1  # not the seed of the training sequences: what `explain frequencies` scores was never seen
FRESH_COUNT = 2000


def shipped_sequences(name: str) -> Sequences:
    """The held-out digits for ``digits-*``, 2000 fresh sines for ``frequencies``, else the test part of its data set.

    Raises
    ------
    ValueError
        No sequences come with a network of this name.
    ImportError
        The package that holds its data set is not installed; the message names the extra.
    """
    if name in TRAINED and dataset_of(name) != "digits":
        return load_dataset(dataset_of(name)).test
    if name not in SHIPPED + TRAINED:
        msg = f"no sequences are shipped for {name}: give some with --inputs FILE.npz (x: batch, length, channels)"
        raise ValueError(msg)
    return frequency_sequences(FRESH_COUNT, FRESH_SEED) if name == "frequencies" else load_sequences("digits-test")


def sequences_for(model: str, network: StateSpaceNetwork, inputs: Path | None) -> Sequences:
    """The sequences to explain a network on, checked against it.

    Raises
    ------
    ValueError
        There are none, they have another number of channels, or a label is no class of the network.
    """
    sequences = shipped_sequences(model) if inputs is None else load_sequences(inputs)
    if sequences.x.shape[2] != network.features:
        msg = f"{inputs}: x has {sequences.x.shape[2]} input channels, the network takes {network.features}"
        raise ValueError(msg)
    if sequences.y is not None and int(sequences.y.max()) >= network.classes:
        msg = (
            f"{inputs}: y holds the label {int(sequences.y.max())}, the network has classes 0 to {network.classes - 1}"
        )
        raise ValueError(msg)
    return sequences


class Fit(StrEnum):
    """Bases of the decoders' fits, as ``--fit`` names them."""

    AUTO = "auto"
    CHEBYSHEV = "chebyshev"
    LEAST_SQUARES = "least_squares"
    TAYLOR = "taylor"
    COSINE = "cosine"


class CentreChoice(StrEnum):
    """Inputs about which orders are counted, as ``--centre`` names them."""

    ZERO = "zero"
    MEAN = "mean"


def require_layer(layer: int | None, network: StateSpaceNetwork) -> None:
    """Refuse a layer that the network has not.

    Raises
    ------
    ValueError
        With the layers that there are.
    """
    if layer is not None and not 0 <= layer < len(network.layers):
        last = len(network.layers) - 1
        there = "1 layer, give 0" if last == 0 else f"{last + 1} layers, give 0 to {last}"
        msg = f"--layer {layer}: the network has {there}"
        raise ValueError(msg)
