"""Layers of reference implementations and what these computed, as they lie in ``tests/data/zoo``."""

import json
from pathlib import Path

import numpy as np

ZOO = Path(__file__).parent / "data" / "zoo"


def parameter_files(dialect):
    """The files of parameters of a dialect; there are some."""
    found = [path for path in sorted(ZOO.glob(f"{dialect}__*.npz")) if ".reference" not in path.name]
    assert found, dialect
    return found


def stored(path):
    """Tensors, configuration and reference arrays of one file of parameters."""
    with np.load(path) as arrays:
        tensors = {name: arrays[name] for name in arrays.files}
    config = json.loads(str(tensors.pop("config")))
    with np.load(path.with_suffix(".reference.npz")) as arrays:
        return tensors, config, {name: arrays[name] for name in arrays.files}
