"""A network of S4D layers with y² or GELU as activation in PyTorch, and ways to its second derivatives: float64."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from carleman_ssm.networks.network import S4DNetwork

ROWS = 16
ACTIVATIONS = {"square": torch.square, "gelu": torch.nn.functional.gelu}


class TorchNetwork:
    """Logits (…, K) of sequences (L,) or (…, 1, L), written for `torch.func`; kernels are transformed once."""

    def __init__(self, network: S4DNetwork, length: int, activation=None) -> None:
        self.network = network
        self.activation = activation or ACTIVATIONS[network.config.activation]
        self.size = 2 * length
        self.encoder = torch.from_numpy(network.encoder_weight[:, 0].copy())[:, None]
        self.encoder_bias = torch.from_numpy(network.encoder_bias.copy())[:, None]
        self.head = torch.from_numpy(network.decoder_weight.copy())
        self.head_bias = torch.from_numpy(network.decoder_bias.copy())
        self.layers = [self.prepare(layer, length) for layer in network.layers]

    def prepare(self, layer, length):
        """Spectrum of the kernel with its feedthrough, output map with bias, and BatchNorm as scale and shift."""
        kernel = layer.kernel(length)
        kernel[:, 0] += layer.D
        norm = layer.norm
        scale = norm.weight / (norm.running_var + self.network.config.eps) ** 0.5
        columns = layer.output_bias, scale, norm.bias - scale * norm.running_mean
        spectrum = torch.fft.rfft(torch.from_numpy(kernel), n=self.size)
        weight = torch.from_numpy(layer.output_weight.copy())
        return spectrum, weight, *(torch.from_numpy(column.copy())[:, None] for column in columns)

    def __call__(self, u):
        hidden = self.encoder * u + self.encoder_bias
        for spectrum, weight, bias, scale, shift in self.layers:
            y = torch.fft.irfft(torch.fft.rfft(hidden, n=self.size) * spectrum, n=self.size)[..., : hidden.shape[-1]]
            hidden = scale * (weight @ self.activation(y) + bias + hidden) + shift
        pooled = hidden.mean(dim=-1) if self.network.config.pool == "mean" else hidden[..., -1]
        return pooled @ self.head.T + self.head_bias


def by_hessian(model: TorchNetwork, length: int):
    """Half of `torch.func.hessian` (forward over reverse, both batched)."""
    u = torch.zeros(length, dtype=torch.float64)
    return torch.func.hessian(model)(u).numpy() / 2


def by_hand(model: TorchNetwork, length: int, rows: int = ROWS):
    """Forward over reverse: tangents are carried through the graph once, for all logits; a reverse pass per logit.

    A batch holds one copy of the sequence per row of the Hessian. Of what was tried (one batch of all rows, two reverse
    passes, batches of other sizes) this was the fastest.
    """
    found = []
    for first in range(0, length, rows):
        count = min(rows, length - first)
        with forward_ad.dual_level():
            copies = torch.zeros(count, 1, length, dtype=torch.float64, requires_grad=True)
            directions = torch.eye(length, dtype=torch.float64)[first : first + count, None]
            logits = model(forward_ad.make_dual(copies, directions)).sum(dim=0)
            gradients = [torch.autograd.grad(logit, copies, retain_graph=True)[0] for logit in logits]
            found.append(torch.stack([forward_ad.unpack_dual(gradient).tangent[:, 0] for gradient in gradients]))
    return torch.cat(found, dim=1).detach().numpy() / 2
