"""The layer benchmark with PyTorch on both sides; no rows without the extra ``torch``."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from benchmarks.layer import AIMS, REPEATS, SIZES, case, compare
from benchmarks.measure import Row


def rows(threads: int) -> list[Row]:
    if find_spec("torch") is None:
        return []
    result = []
    for size, repeats, aims in zip(SIZES, REPEATS, AIMS, strict=True):
        layer, u, used = case(size, threads)
        result += compare("torch", size, torch_candidates(layer, u, used), repeats, aims)
    return result


def torch_candidates(layer, u, threads):
    """Name to a call without arguments, as in `layer.numpy_candidates`."""
    import torch

    from benchmarks.layer_torch import Fourier, Scan

    torch.set_num_threads(threads)
    v = torch.from_numpy(u)
    layers = {
        "ours, built": Scan(layer, cached=False),
        "ours, kept": Scan(layer, cached=True),
        "(i)": Fourier(layer, "reference"),
        "(ii)": Fourier(layer, "two_level"),
        "(iii)": Fourier(layer, "two_level", cached=u.shape[-1]),
    }
    return {name: partial(_without_gradients, run, v) for name, run in layers.items()}


def _without_gradients(run, v):
    import torch

    with torch.inference_mode():
        return run(v)
