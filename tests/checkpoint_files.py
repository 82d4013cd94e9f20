"""Checkpoint files written by NumPy and safetensors themselves, for the tests of the reader."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from carleman_ssm.networks.checkpoints import tensors

DATA = Path(__file__).parent / "data"
QUADRATIC = DATA / "toy_freq_rand__L1_H2_N4_poly2_linear_none__s0.npz"
GELU = DATA / "digits64__L1_H16_N32_gelu_linear_batch__s0.npz"
CONFIG = {
    "family": "s4d", "activation": "poly", "output": "linear", "norm": "none",
    "prenorm": False, "residual": True, "pool": "mean",
}  # fmt: skip
C = "s4_layers.0.kernel.C"


def arrays(path=QUADRATIC):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files if name != "config"}


def written(path, values, config=CONFIG):
    """Write tensors by the libraries themselves, not by the package."""
    text = json.dumps(config) if isinstance(config, dict) else config
    if path.suffix == ".npz":
        np.savez(path, **values, **({} if text is None else {"config": np.array(text)}))
    else:
        contiguous = {name: np.ascontiguousarray(value) for name, value in values.items()}
        safetensors.numpy.save_file(contiguous, path, None if text is None else {"config": text})
    return path


def same(one, two):
    left, right = tensors(one), tensors(two)
    return (
        one.config == two.config
        and left.keys() == right.keys()
        and all(np.array_equal(left[name], right[name]) for name in left)
    )


both_formats = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
