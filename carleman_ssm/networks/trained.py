"""Names of the trained networks of the experiment `necessity`: DATASET-DECODER-SEED, and two of two layers."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "DATASETS",
    "DECODERS",
    "DEEP",
    "PATTERNS",
    "SEEDS",
    "TRAINED",
    "dataset_of",
    "decoders_of",
    "trained_name",
    "trained_names",
]

DATASETS = ("digits", "OSULeaf", "JapaneseVowels", "BasicMotions")
"""Names that `datasets.load_dataset` knows."""
DECODERS = ("bare", "identity", "quadratic", "gelu")
"""How the states are decoded: not at all (a linear readout; ``bare`` has no norm either), by c₁y + c₂y², by GELU."""
SEEDS = (0, 1, 2)
DEEP = ("digits-deep-gelu", "digits-deep-block")
"""Two layers on the digits: GELU and BatchNorm; and GELU, gate (GLU) and LayerNorm, the reference block."""


PATTERNS = (
    f"DATASET-DECODER-SEED such as OSULeaf-gelu-0 (data sets {', '.join(DATASETS)}; decoders {', '.join(DECODERS)}; "
    f"seeds {SEEDS[0]} to {SEEDS[-1]}; no digits-bare), {', '.join(DEEP)}"
)
"""How the trained networks are called, in words."""


def trained_name(dataset: str, decoder: str, seed: int) -> str:
    """Name of a one-layer network of the experiment.

    Examples
    --------
    >>> trained_name("OSULeaf", "gelu", 0)
    'OSULeaf-gelu-0'
    """
    return f"{dataset}-{decoder}-{seed}"


def decoders_of(dataset: str) -> tuple[str, ...]:
    """The decoders with which networks were trained on a data set: all but ``bare`` on the digits."""
    return DECODERS[1:] if dataset == "digits" else DECODERS


def trained_names(datasets: Sequence[str] = DATASETS) -> tuple[str, ...]:
    """Names of all networks that were trained on these data sets, those of two layers included."""
    pairs = [(name, decoder) for name in datasets for decoder in decoders_of(name)]
    names = tuple(trained_name(name, decoder, seed) for name, decoder in pairs for seed in SEEDS)
    return names + (DEEP if "digits" in datasets else ())


TRAINED = trained_names()
"""Networks that come with the package beside those of `checkpoints.SHIPPED`."""


def dataset_of(name: str) -> str:
    """The data set that a network of this name was trained on.

    Raises
    ------
    ValueError
        There is no such network.

    Examples
    --------
    >>> dataset_of("digits-deep-block")
    'digits'
    """
    if name not in TRAINED:
        msg = f"no trained network is called {name!r}; they are called {PATTERNS}"
        raise ValueError(msg)
    return name.split("-")[0]
