"""Second route of interaction indices: all 2^n coalitions of the simulation, and indices by their definitions."""

from math import comb

import numpy as np


def all_coalitions(network, centre, sequence, masks):
    """v(S) and m(S) of the network's own simulation for each of 2^n coalitions, (2^n, classes) each."""
    count = len(masks)
    bits = np.arange(2**count)[:, None] >> np.arange(count) & 1
    present = np.einsum("sn,nld->sld", bits, masks).astype(bool)
    worth = network(np.where(present, sequence, centre))
    dividend = worth.copy()
    for player in range(count):
        holds = bits[:, player] == 1
        dividend[holds] -= dividend[np.flatnonzero(holds) ^ (1 << player)]
    return worth, dividend, bits


def expected(dividend, bits):
    """Indices by their definition as sums of dividends; pairs for the first logit."""
    sizes, count = bits.sum(axis=1), bits.shape[1]
    mobius = dividend[1 << np.arange(count)]
    shapley = bits.T @ (dividend / np.maximum(sizes, 1)[:, None])
    weights = {
        "mobius": (sizes == 2) * 1.0,
        "shapley": 1 / np.maximum(sizes - 1, 1),
        "shapley_taylor": np.array([1 / max(comb(s, 2), 1) for s in sizes.tolist()]),
    }
    pairs = {}
    for name, weight in weights.items():
        pairs[name] = bits.T @ (bits * (weight * dividend[:, 0])[:, None])
        np.fill_diagonal(pairs[name], 0.0)
    return mobius, shapley, pairs


def agree(found, wanted, scale, tolerance=1e-9):
    assert np.abs(found - wanted).max() <= tolerance * scale
