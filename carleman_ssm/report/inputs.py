"""Which sequences `explain` uses: a user's file, the shipped test sequences, or fresh ones by their recipe."""

from __future__ import annotations

from pathlib import Path

from carleman_ssm.networks.checkpoints import SHIPPED
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.sequences import Sequences, frequency_sequences, load_sequences

FRESH_SEED = 1  # not the seed of the training sequences: what `explain frequencies` scores was never seen
FRESH_COUNT = 2000


def shipped_sequences(name: str) -> Sequences:
    """The held-out digits for ``digits-*``, 2000 fresh sines for ``frequencies``.

    Raises
    ------
    ValueError
        No sequences come with a network of this name.
    """
    if name not in SHIPPED:
        msg = f"no sequences are shipped for {name}: give some with --inputs FILE.npz (x: batch, length, channels)"
        raise ValueError(msg)
    return frequency_sequences(FRESH_COUNT, FRESH_SEED) if name == "frequencies" else load_sequences("digits-test")


def sequences_for(model: str, network: S4DNetwork, inputs: Path | None) -> Sequences:
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
