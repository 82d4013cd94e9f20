r"""Hessian of one logit of a GELU network over its whole input, beside automatic differentiation.

One S4D layer, L = 256 steps, H = 64 channels, mean pool, at a random input: the full (L, L) Hessian, and its product
with one vector for lengths up to 4096, whose time should grow like $L\log L$. Float64 and the same threads on all
sides; convolution kernels are ready everywhere, and JAX has compiled before the clock starts: it folds into constants
what does not depend on the input. The aim is the ratio to the faster of the two. Without the extras ``torch`` and
``jax`` ours is shown alone.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from benchmarks.measure import Row, alternate
from benchmarks.second_order import quadratic_network
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.network_function import network_function

LENGTH, LENGTHS, LABEL = 256, (256, 1024, 4096), 1
AIM, SLOPE = 15.0, 1.5  # L log L has the exponent 1.15 between these lengths, L² has 2
REPEATS = {"ours": 15, "theirs": 3}


def rows(threads: int) -> list[Row]:
    if threads == 1:  # read by XLA when it starts
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    network = gelu_network()
    found = compare("input Hessian of one logit", full(network, LENGTH, threads), LENGTH, AIM, REPEATS)
    runs = {length: products(network, length, threads) for length in LENGTHS}
    alone = {str(length): run["ours"] for length, run in runs.items()}
    for length, run in runs.items():
        found += compare("Hessian-vector product", run, length, None, REPEATS)
    seconds = alternate(alone, REPEATS["ours"])  # in turns: a busy moment moves no slope
    slope = float(np.polyfit(np.log(LENGTHS), np.log(list(seconds.values())), 1)[0])
    name = f"Hessian-vector product, exponent of L from {LENGTHS[0]} to {LENGTHS[-1]}"
    return [*found, Row(name, "closed form", "", slope, None, "(slope)", SLOPE)]


def gelu_network(**sizes) -> S4DNetwork:
    """The network of the benchmark `second_order` with GELU in place of y²."""
    network = quadratic_network(**sizes)
    return replace(network, config=replace(network.config, activation="gelu"))


def compare(name, runs, length, aim, repeats) -> list[Row]:
    """Ours before and after theirs, which take longer: the slower of the two medians counts."""
    ours = runs.pop("ours")
    before = alternate({"ours": ours}, repeats["ours"])["ours"]
    theirs = alternate(runs, repeats["theirs"]) if runs else {}
    mine = max(before, alternate({"ours": ours}, repeats["ours"])["ours"])
    name = f"{name}, L = {length}, GELU"
    beside = [Row(name, "closed form", label, 1e3 * mine, 1e3 * t, "ms", aim) for label, t in theirs.items()]
    return beside or [Row(name, "closed form", "", 1e3 * mine, None, "ms")]


def full(network, length, threads):
    """Name to a call without arguments that returns the Hessian of one logit, L² numbers."""
    function, x, row = network_function(network, length), sequence(length), np.eye(network.classes)[LABEL]
    runs = {"ours": lambda: function.hessians(x[:, None], row)}
    for name, (hessian, _) in peers(network, length, threads).items():
        runs[f"{name} hessian"] = hessian(x)
    return runs


def products(network, length, threads):
    """Name to a call without arguments that returns the product of the Hessian with one vector."""
    function, x, v, row = (
        network_function(network, length),
        sequence(length),
        sequence(length, 1),
        np.eye(network.classes),
    )
    runs = {"ours": lambda: function.hessian_products(x[:, None], v[:, None], row[LABEL])}
    for name, (_, product) in peers(network, length, threads).items():
        runs[f"{name} jvp of grad"] = product(x, v)
    return runs


def peers(network, length, threads):
    """Name to makers of the two calls: Hessian at an input, and its product with a direction."""
    found = {}
    if find_spec("torch") is not None:
        import torch

        from benchmarks import input_hessian_torch as by_torch

        torch.set_num_threads(threads)
        model = by_torch.TorchNetwork(network, length)
        found["torch.func"] = (
            lambda x: by_torch.hessian(model, x, LABEL),
            lambda x, v: by_torch.hessian_product(model, x, v, LABEL),
        )
    if find_spec("jax") is not None:
        from benchmarks import input_hessian_jax as by_jax

        found["jax"] = (
            lambda x: by_jax.hessian(network, x, LABEL),
            lambda x, v: by_jax.hessian_product(network, x, v, LABEL),
        )
    return found


def sequence(length, seed=0):
    return np.random.default_rng(seed).normal(size=length)
