"""The same baselines and the same chunked scan in PyTorch: float64, no gradients."""

from __future__ import annotations

import torch

from carleman_ssm.networks.chunked_scan import ChunkedScan
from carleman_ssm.networks.layers import S4DLayer


class _Layer:
    """Feedthrough, exact GELU and output map, common to all; subclasses give K ⋆ u."""

    def __init__(self, layer: S4DLayer) -> None:
        self.layer = layer
        self.rates = torch.from_numpy(layer.step[:, None] * layer.eigenvalues)[..., None]
        self.weights = torch.from_numpy(2 * layer.C * layer.input_vector)
        self.skip = torch.from_numpy(layer.D.copy())[:, None]
        self.output = torch.from_numpy(layer.output_weight.copy())
        self.bias = torch.from_numpy(layer.output_bias.copy())[:, None]

    def finish(self, y):
        return self.output @ torch.nn.functional.gelu(y) + self.bias


class Fourier(_Layer):
    """Baselines (i) to (iii): `kernel` is ``reference`` or ``two_level``; `cached` keeps its transform."""

    def __init__(self, layer: S4DLayer, kernel: str, cached: int = 0) -> None:
        super().__init__(layer)
        self.kernel = getattr(self, kernel)
        self.transform = self.prepare(cached) if cached else None

    def reference(self, length):
        powers = torch.exp(self.rates * torch.arange(length))
        return torch.einsum("hn,hnl->hl", self.weights, powers).real

    def two_level(self, length):
        inner = int(length**0.5 + 0.9999)
        fine = torch.exp(self.rates * torch.arange(inner))
        coarse = self.weights[..., None] * torch.exp(self.rates * (inner * torch.arange(-(-length // inner))))
        left = torch.cat([coarse.real, -coarse.imag], dim=1).transpose(1, 2)
        right = torch.cat([fine.real, fine.imag], dim=1)
        return (left @ right).flatten(1)[:, :length]

    def prepare(self, length):
        return torch.fft.rfft(self.kernel(length), n=2 * length)

    def __call__(self, u):
        length = u.shape[-1]
        transform = self.prepare(length) if self.transform is None else self.transform
        y = torch.fft.irfft(torch.fft.rfft(u, n=2 * length) * transform, n=2 * length)[..., :length]
        return self.finish(y + self.skip * u)


class Scan(_Layer):
    """Our chunked scan with the matrices of `ChunkedScan`, one sequence after another in one set of buffers.

    `cached` False builds the matrices at every call.
    """

    def __init__(self, layer: S4DLayer, *, cached: bool) -> None:
        super().__init__(layer)
        self.matrices = self.prepare() if cached else None

    def prepare(self):
        scan = ChunkedScan.of(self.layer)
        steps = scan.chunk
        parts = scan.drive, scan.advance, scan.response[:, :steps].copy(), scan.response[:, steps:].copy()
        return tuple(torch.from_numpy(part) for part in parts)

    def __call__(self, u):
        drive, advance, within, readout = self.prepare() if self.matrices is None else self.matrices
        batch, channels, length = u.shape
        steps = drive.shape[1]
        chunks = -(-length // steps)
        result = u.new_empty(batch, channels, length)
        states = u.new_zeros(channels, chunks + 1, drive.shape[2])
        y = u.new_empty(channels, chunks, steps)
        padded = torch.nn.functional.pad(u, (0, chunks * steps - length)) if chunks * steps > length else u
        for item in range(batch):
            inputs = padded[item].reshape(channels, chunks, steps)
            states[:, 1:] = torch.bmm(inputs, drive)
            _accumulate(torch.view_as_complex(states.unflatten(-1, (-1, 2))), advance, chunks)
            torch.bmm(inputs, within, out=y)
            y.baddbmm_(states[:, :chunks], readout)
            result[item] = self.finish(y.view(channels, -1)[:, :length])
        return result


def _accumulate(states, advance, chunks) -> None:
    """Each state receives λ^T times the one before; the first is zero."""
    for k in range(1, chunks):
        states[:, k].addcmul_(states[:, k - 1], advance)
