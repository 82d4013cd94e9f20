"""Radii certified by CROWN (auto_LiRPA) for a one-layer network written as dense layers over the whole sequence."""

from __future__ import annotations

import numpy as np
import torch
from auto_LiRPA import BoundedModule, BoundedTensor
from auto_LiRPA.operators.gelu import GELU
from auto_LiRPA.perturbations import PerturbationLpNorm

from carleman_ssm.networks.convolution import toeplitz
from carleman_ssm.operators.one_layer import one_layer_form

STEPS = 10


class DenseMargins(torch.nn.Module):
    """Margins of one class over all others, of sequences (batch, L) with one feature."""

    def __init__(self, network, length, label):
        super().__init__()
        form = one_layer_form(network, length)
        channels = form.channels
        lagged = toeplitz(form.kernel.value, length).transpose(0, 2, 1)
        drive, bias = form.drive_weight.value[:, 0], form.drive_bias.value[:, 0]
        units = (lagged * drive[:, None, None]).reshape(channels * length, length)
        offsets = (lagged.sum(axis=2) * bias[:, None]).ravel()
        rows = np.eye(form.classes)[label] - np.delete(np.eye(form.classes), label, axis=0)
        pool = form.pool_weights(length)
        readout = np.einsum("rh,k->rhk", rows @ form.readout.value, pool).reshape(len(rows), -1)
        self.inner = dense(units, offsets)
        self.outer = dense(readout, (rows @ form.offset.value)[:, 0])
        self.skip = dense(np.einsum("r,k->rk", (rows @ form.skip.value)[:, 0], pool), np.zeros(len(rows)))
        self.gelu = GELU() if network.config.activation == "gelu" else None
        given = network.layers[0].activation_coefficients
        self.coefficients = None if given is None else [float(c) for c in given]

    def forward(self, x):
        reached = self.inner(x)
        if self.gelu is not None:
            return self.outer(self.gelu(reached)) + self.skip(x)
        linear, quadratic = self.coefficients
        return self.outer(linear * reached + quadratic * reached**2) + self.skip(x)


def dense(weight, bias):
    module = torch.nn.Linear(*weight.shape[::-1], dtype=torch.float64)
    module.weight.data = torch.from_numpy(np.ascontiguousarray(weight))
    module.bias.data = torch.from_numpy(np.ascontiguousarray(bias))
    return module


def crown_radius(network, sequence, label: int, highest: float, threads: int) -> float:
    """The largest radius that bisection finds with positive lower bounds of all margins."""
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)  # its own identities are of the default type
    point = torch.from_numpy(np.array(sequence[:, 0][None]))
    module = BoundedModule(DenseMargins(network, len(sequence), label), torch.zeros_like(point), verbose=False)
    low, high = 0.0, highest
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        ball = BoundedTensor(point, PerturbationLpNorm(norm=2, eps=middle))
        bounds, _ = module.compute_bounds(x=(ball,), method="CROWN", bound_upper=False)
        low, high = (middle, high) if float(bounds.detach().min()) > 0 else (low, middle)
    return max(low, highest * 2.0**-STEPS)
