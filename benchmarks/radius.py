"""Certified ℓ² radii of shipped one-layer networks on test digits: how far below the best attack, beside auto_LiRPA.

The aims are figures of the radii, not times: an attack at most twice as far (GELU), and at least 1.3 × the radius that
CROWN certifies for the same function written as dense layers. auto_LiRPA is no dependency: where it cannot be imported
ours is shown alone. It bounds in float64 without directed rounding; ours counts every rounding.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module, resources
from statistics import median

import numpy as np

from benchmarks.measure import Row
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.robustness.radius import Radius, certified_radius

NETWORKS = {"digits-quadratic": (4, 1 + 1e-6), "digits-gelu": (4, 2.0), "digits-deep-gelu": (2, None)}
"""Network to the number of digits, and the aim for the distance of the attack over the radius."""
AIM_BESIDE = 1.3


def rows(threads: int) -> list[Row]:
    return [row for name, (count, aim) in NETWORKS.items() for row in compare(name, count, aim, threads)]


def compare(name: str, count: int, aim: float | None, threads: int) -> list[Row]:
    """Radii of the first digits; beside auto_LiRPA where there is one layer and it is installed."""
    network, sequences = load_network(name), digits(count)
    start = time.perf_counter()
    found = [certified_radius(network, x) for x in sequences]
    seconds = (time.perf_counter() - start) / count
    title = f"certified radius, {name}"
    result = [
        Row(title, "attack / radius, largest", "", max(each.ratio for each in found), None, "", aim),
        Row(title, "time, attack included", "", 1e3 * seconds, None, "ms"),
    ]
    if len(network.layers) > 1:
        return result
    theirs = crown()
    if theirs is None:
        return result
    return [*result, *beside(network, sequences, found, title, lambda *given: theirs(*given, threads))]


def crown():
    """The peer's radius, or None where auto_LiRPA, or what it imports itself (PyTorch, appdirs), is missing."""
    try:
        return import_module("benchmarks.radius_auto_lirpa").crown_radius
    except ImportError as missing:
        # Standard output is the JSON of the measuring process.
        print(f"auto_LiRPA cannot be imported ({missing}): certified radii are shown without it", file=sys.stderr)
        return None


def digits(count: int):
    """The first test digits, (count, 64, 1)."""
    with np.load(resources.files("carleman_ssm.data") / "digits-test.npz") as stored:
        return stored["x"][:count].astype(np.float64)


def beside(network, sequences, found: list[Radius], title: str, peer) -> list[Row]:
    """Inverse radii, so that a ratio above one means that ours is larger; the median digit."""
    pairs = []
    for x, ours in zip(sequences, found, strict=True):
        theirs = peer(network, x, ours.label, 1.2 * ours.witness_norm)
        pairs.append((ours.radius, theirs))
    middle = median(mine / theirs for mine, theirs in pairs)
    typical = min(pairs, key=lambda pair: abs(pair[0] / pair[1] - middle))
    return [Row(title, "1/radius, median digit", "auto_LiRPA, CROWN", 1 / typical[0], 1 / typical[1], "", AIM_BESIDE)]
