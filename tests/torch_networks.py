"""Networks as modules of torch's own layers, every choice of a configuration included; skips without torch."""

from __future__ import annotations

import numpy as np
import pytest

from tests.strategies_networks import moderate_network

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
F = torch.nn.functional

CHANNELS, FEATURES, CLASSES, MODES, LAYERS, LENGTH = 5, 2, 3, 4, 2, 40
PHI = {
    "gelu": F.gelu,
    "gelu_tanh": lambda y: F.gelu(y, approximate="tanh"),
    "silu": F.silu,
    "identity": lambda y: y,
    "square": torch.square,
    "cube": lambda y: y**3,
}


def tensor(values):
    return torch.from_numpy(np.array(values))


class TorchNetwork(torch.nn.Module):
    """Written from the equations with torch's Linear, norms and glu; states advance by a dense matrix per step."""

    def __init__(self, network):
        super().__init__()
        self.config, self.layers = network.config, network.layers
        self.encoder = linear(network.encoder_weight, network.encoder_bias)
        self.decoder = linear(network.decoder_weight, network.decoder_bias)
        self.outputs = [
            None if layer.output_weight is None else linear(layer.output_weight, layer.output_bias)
            for layer in network.layers
        ]
        self.norms = [torch_norm(layer.norm, network.config) for layer in network.layers]

    def forward(self, x):
        config, hidden = self.config, self.encoder(x)
        for layer, output, norm in zip(self.layers, self.outputs, self.norms, strict=True):
            branch = self.branch(layer, output, norm(hidden) if config.prenorm else hidden)
            hidden = hidden + branch if config.residual else branch
            if not config.prenorm:
                hidden = norm(hidden)
        pools = {"mean": lambda v: v.mean(dim=1), "last": lambda v: v[:, -1], "none": lambda v: v}
        return self.decoder(pools[config.pool](hidden))

    def branch(self, layer, output, u):
        y = states(layer, u) + tensor(layer.D) * u
        if self.config.activation == "poly":
            z = sum(c * y**k for k, c in enumerate(tensor(layer.activation_coefficients), 1))
        else:
            z = PHI[self.config.activation](y)
        if output is None:
            return z
        mapped = output(z)
        if self.config.output == "linear":
            return mapped
        if self.config.gate == "sigmoid":
            return F.glu(mapped, dim=-1)
        value, gate = mapped.chunk(2, dim=-1)
        return value * gate


def linear(weight, bias):
    module = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    module.load_state_dict({"weight": tensor(weight), "bias": tensor(bias)})
    return module


def torch_norm(norm, config):
    if norm is None:
        return torch.nn.Identity()
    parameters, channels = {"weight": tensor(norm.weight)}, len(norm.weight)
    if config.norm == "rms":
        module = torch.nn.RMSNorm(channels, eps=config.eps, dtype=torch.float64)
    elif config.norm == "layer":
        module = torch.nn.LayerNorm(channels, eps=config.eps, dtype=torch.float64)
        parameters["bias"] = tensor(norm.bias)
    else:
        module = torch.nn.BatchNorm1d(channels, eps=config.eps, dtype=torch.float64).eval()
        parameters |= {name: tensor(getattr(norm, name)) for name in ("bias", "running_mean", "running_var")}
        parameters["num_batches_tracked"] = torch.tensor(1)
    module.load_state_dict(parameters)
    if config.norm != "batch":
        return module
    return lambda v: module(v.transpose(1, 2)).transpose(1, 2)


def states(layer, u):
    """2 Re C x by real 2 x 2 systems x' = A x + u: matrix exponential, or (I - ΔA/2)⁻¹(I + ΔA/2)."""
    decay, frequency = torch.exp(tensor(layer.log_A_real)), tensor(layer.A_imag)
    matrix = torch.stack([torch.stack([-decay, -frequency], -1), torch.stack([frequency, -decay], -1)], -2)
    scaled = torch.exp(tensor(layer.log_dt))[:, None, None, None] * matrix
    eye = torch.eye(2, dtype=torch.float64).expand_as(scaled)
    if layer.discretization == "zoh":
        advance = torch.linalg.matrix_exp(scaled)
        drive = torch.linalg.solve(matrix, advance - eye)[..., 0]
    else:
        advance = torch.linalg.solve(eye - scaled / 2, eye + scaled / 2)
        step = torch.exp(tensor(layer.log_dt))[:, None, None]
        drive = torch.linalg.inv(eye - scaled / 2)[..., 0] * step
    readout = torch.stack([tensor(layer.C.real), -tensor(layer.C.imag)], -1)
    x, found = torch.zeros(len(u), *drive.shape, dtype=torch.float64), []
    for k in range(u.shape[1]):
        x = torch.einsum("hmij,bhmj->bhmi", advance, x) + drive * u[:, k, :, None, None]
        found.append(2 * torch.einsum("hmi,bhmi->bh", readout, x))
    return torch.stack(found, dim=1)


def network_of(**entries):
    return moderate_network(LAYERS, CHANNELS, FEATURES, CLASSES, MODES, **entries)
