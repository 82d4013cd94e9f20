"""Margins of a one-layer polynomial network and their gradients by PyTorch, for a general solver: float64."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.second_order_torch import TorchNetwork


def by_autograd(network, task):
    """Margins above what is wanted (m,) and their gradients (m, n) as functions of the change (n,): one reverse pass
    for all margins together, vectorised.
    """
    polynomial = (0.0, *network.layers[0].activation_coefficients.tolist())

    def activation(y):
        result = torch.full_like(y, polynomial[-1])
        for coefficient in polynomial[-2::-1]:
            result = result * y + coefficient
        return result

    model = TorchNetwork(network, len(task.sequence), activation)
    sequence, readout = torch.from_numpy(task.sequence[:, 0].copy()), torch.from_numpy(task.readout.copy())
    wanted, units = torch.from_numpy(task.wanted.copy()), torch.eye(len(task.wanted), dtype=torch.float64)

    def margins(change):
        return readout @ model(sequence + change) - wanted

    def slack(change):
        with torch.no_grad():
            return margins(torch.from_numpy(change)).numpy()

    def slope(change):
        at = torch.from_numpy(np.array(change)).requires_grad_()
        if len(units) == 1:
            return torch.autograd.grad(margins(at), at)[0].numpy()
        return torch.autograd.grad(margins(at), at, units, is_grads_batched=True)[0].numpy()

    return slack, slope
