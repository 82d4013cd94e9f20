"""Second-order lag kernels of every logit of a one-layer quadratic network, beside second derivatives in PyTorch.

L = 256 steps, H = 64 channels, K = 10 classes: half the Hessian of all logits at zero input, (10, 256, 256). Float64
and the same threads on both sides; the convolution kernel is ready on both. PyTorch differentiates twice, by
`torch.func.hessian`, and by hand, forward over reverse, on batches that hold a copy of the input per row of the
Hessian. Without the extra ``torch`` ours is shown alone.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from benchmarks.layer_numpy import s4d_layer
from benchmarks.measure import Row, alternate
from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DNetwork
from carleman_ssm.operators.construction import network_operator

LENGTH, CHANNELS, CLASSES, STATES = 256, 64, 10, 64
POOLS = ("mean", "last")
AIM = 300.0
REPEATS = {"ours": 15, "theirs": 2}


def rows(threads: int) -> list[Row]:
    return [row for pool in POOLS for row in compare(quadratic_network(pool=pool), LENGTH, threads, REPEATS)]


def quadratic_network(layers=1, channels=CHANNELS, classes=CLASSES, states=STATES, pool="mean") -> S4DNetwork:
    """S4D-Lin layers with random readouts, y² as activation, a linear output map, residual and BatchNorm."""
    generator = np.random.default_rng(11)

    def normal(*shape):
        return generator.normal(size=shape) / np.sqrt(shape[-1])

    def layer():
        plain = s4d_layer(channels, states)
        norm = Normalization(1 + normal(channels), normal(channels), normal(channels), 0.5 + normal(channels) ** 2)
        fields = {name: getattr(plain, name) for name in ("log_dt", "log_A_real", "A_imag", "C", "D")}
        return type(plain)(**fields, output_weight=normal(channels, channels), output_bias=normal(channels), norm=norm)

    return S4DNetwork(
        normal(channels, 1), normal(channels), tuple(layer() for _ in range(layers)),
        normal(classes, channels), normal(classes), NetworkConfig(activation="square", norm="batch", pool=pool),
    )  # fmt: skip


def compare(network, length, threads, repeats) -> list[Row]:
    """Ours beside each of PyTorch's routes; each of theirs takes turns with ours."""
    runs = candidates(network, length, threads)
    ours = runs.pop("ours")
    name = (
        f"second-order kernels, L = {length}, H = {network.channels}, K = {network.classes}, {network.config.pool} pool"
    )
    if not runs:
        seconds = alternate({"ours": ours}, repeats["ours"])["ours"]
        return [Row(name, "all logits at once", "", 1e3 * seconds, None, "ms")]
    mine = alternate({"ours": ours}, repeats["ours"])["ours"]
    theirs = alternate(runs, repeats["theirs"])
    again = alternate({"ours": ours}, repeats["ours"])["ours"]
    seconds = max(mine, again)  # before and after, since theirs take seconds: the slower of the two counts
    return [Row(name, "all logits at once", label, 1e3 * seconds, 1e3 * t, "ms", AIM) for label, t in theirs.items()]


def candidates(network, length, threads):
    """Name to a call without arguments that returns half the Hessians (K, L, L)."""
    operator = network_operator(network, input_bound=1.0, length=length)
    runs = {"ours": lambda: operator.second_order_kernel().all_arrays()[:, :, 0, :, 0]}
    if find_spec("torch") is None:
        return runs
    import torch

    from benchmarks.second_order_torch import TorchNetwork, by_hand, by_hessian

    torch.set_num_threads(threads)
    model = TorchNetwork(network, length)
    return runs | {
        "torch.func.hessian": lambda: by_hessian(model, length),
        "torch, vectorised by hand": lambda: by_hand(model, length),
    }
