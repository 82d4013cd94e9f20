"""Hessian of one logit of a GELU network over its input, by PyTorch: float64."""

from __future__ import annotations

import torch

from benchmarks.second_order_torch import TorchNetwork


def hessian(model: TorchNetwork, sequence, label: int):
    """A call without arguments: `torch.func.hessian` (forward over reverse, both batched), (L, L)."""
    at = torch.from_numpy(sequence.copy())
    return lambda: torch.func.hessian(lambda u: model(u)[label])(at)


def hessian_product(model: TorchNetwork, sequence, direction, label: int):
    """A call without arguments: the product with a direction (L,), forward over reverse."""
    at, along = torch.from_numpy(sequence.copy()), torch.from_numpy(direction.copy())
    slope = torch.func.grad(lambda u: model(u)[label])
    return lambda: torch.func.jvp(slope, (at,), (along,))[1]
