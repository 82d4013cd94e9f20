"""Train the shipped digits networks: `python -m carleman_ssm.data.train_digits --output FILE`.

One S4D layer on scikit-learn's handwritten digits, read as 64 raster steps scaled by 1/16: encoder, S4D,
activation, affine output, residual, BatchNorm, mean over time, decoder. Needs the extras `torch` and `data`.
On one machine and one version of torch a seed gives one network: a single thread, an own random generator,
the last epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np

from carleman_ssm.networks.checkpoints import build_network, save_network
from carleman_ssm.networks.containers import ArrayContainer
from carleman_ssm.networks.extras import require
from carleman_ssm.networks.network import Array, S4DNetwork

STATE = ("kernel.log_dt", "kernel.log_A_real", "kernel.A_imag")
ACTIVATIONS = ("gelu", "poly")


@dataclass(frozen=True)
class Recipe:
    r"""Hyperparameters.

    Parameters
    ----------
    channels, modes
        H and M (half of d_state).
    rate, state_rate, decay
        AdamW's learning rates (of $\Delta$ and A: `state_rate`, without decay) and weight decay.
    smoothing
        Label smoothing.
    range_penalty
        Weight of the mean fourth power of the pre-activations in the loss: it keeps their range small.
    """

    activation: str = "gelu"
    epochs: int = 150
    seed: int = 0
    channels: int = 16
    modes: int = 16
    batch: int = 128
    rate: float = 0.02
    state_rate: float = 0.01
    decay: float = 0.1
    clip: float = 1.0
    smoothing: float = 0.1
    range_penalty: float = 1e-3


@dataclass(frozen=True)
class Digits:
    """Sequences x (n, 64, 1) float32, exact multiples of 1/16, and labels y (n,), stratified 75/25."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


def load_digit_sequences() -> Digits:
    """Split scikit-learn's 1797 digits with seed 0."""
    datasets = require("sklearn.datasets", "data")
    selection = require("sklearn.model_selection", "data")
    x, y = datasets.load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)[..., None]
    x_train, x_test, y_train, y_test = selection.train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    return Digits(x_train, y_train, x_test, y_test)


class Trainer:
    """Parameters under the reference key names, the forward pass in torch, and the training loop."""

    def __init__(self, recipe: Recipe, features: int = 1, classes: int = 10) -> None:
        self.torch = require("torch", "torch")
        self.recipe = recipe
        self.generator = self.torch.Generator().manual_seed(recipe.seed)
        self.parameters = self._initial(features, classes)
        for value in self.parameters.values():
            value.requires_grad_(True)
        h = recipe.channels
        self.statistics = {"running_mean": self.torch.zeros(h), "running_var": self.torch.ones(h)}

    def _uniform(self, bound: float, *shape: int) -> Any:
        return (2 * self.torch.rand(shape, generator=self.generator) - 1) * bound

    def _initial(self, features: int, classes: int) -> dict[str, Any]:
        """S4D-Lin, A_n = -1/2 + iπn; step log-uniform in [0.001, 0.1]; affine maps as torch draws them."""
        torch, h, m = self.torch, self.recipe.channels, self.recipe.modes
        layer = "s4_layers.0."
        step = log(1e-3) + torch.rand(h, generator=self.generator) * log(100)
        values = {
            "encoder.weight": self._uniform(1 / sqrt(features), h, features),
            "encoder.bias": self._uniform(1 / sqrt(features), h),
            layer + "D": torch.randn(h, generator=self.generator),
            layer + "kernel.C": torch.randn(h, m, 2, generator=self.generator) * sqrt(0.5),
            layer + "kernel.log_dt": step,
            layer + "kernel.log_A_real": torch.full((h, m), log(0.5)),
            layer + "kernel.A_imag": (pi * torch.arange(m)).repeat(h, 1),
            layer + "output_linear.0.weight": self._uniform(1 / sqrt(h), h, h, 1),
            layer + "output_linear.0.bias": self._uniform(1 / sqrt(h), h),
            "norms.0.weight": torch.ones(h),
            "norms.0.bias": torch.zeros(h),
            "decoder.weight": self._uniform(1 / sqrt(h), classes, h),
            "decoder.bias": self._uniform(1 / sqrt(h), classes),
        }
        if self.recipe.activation == "poly":  # the first two Taylor coefficients of GELU
            values[layer + "activation.c"] = torch.tensor([0.5, 1 / sqrt(2 * pi)])
        return values

    def _kernel(self, length: int) -> Any:
        torch, p = self.torch, {name.rpartition(".")[2]: value for name, value in self.parameters.items()}
        rates = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
        steps = rates * torch.exp(p["log_dt"])[:, None]
        weights = torch.view_as_complex(p["C"]) * (torch.exp(steps) - 1) / rates
        powers = torch.exp(steps[..., None] * torch.arange(length))
        return 2 * torch.einsum("hm,hml->hl", weights, powers).real

    def forward(self, x: Any, *, training: bool) -> tuple[Any, Any]:
        """Logits and pre-activations of x (batch, length, features)."""
        torch, functional, p = self.torch, self.torch.nn.functional, self.parameters
        u = functional.linear(x, p["encoder.weight"], p["encoder.bias"]).transpose(1, 2)
        size = 2 * u.shape[-1]
        spectrum = torch.fft.rfft(self._kernel(u.shape[-1]), n=size) * torch.fft.rfft(u, n=size)
        y = torch.fft.irfft(spectrum, n=size)[..., : u.shape[-1]] + p["s4_layers.0.D"][:, None] * u
        learned = p.get("s4_layers.0.activation.c")
        v = functional.gelu(y) if learned is None else y * (learned[0] + learned[1] * y)
        weight, bias = p["s4_layers.0.output_linear.0.weight"], p["s4_layers.0.output_linear.0.bias"]
        v = functional.conv1d(v, weight, bias) + u
        mean, variance = self.statistics["running_mean"], self.statistics["running_var"]
        v = functional.batch_norm(v, mean, variance, p["norms.0.weight"], p["norms.0.bias"], training)
        return functional.linear(v.mean(-1), p["decoder.weight"], p["decoder.bias"]), y

    def train(self, x: Any, y: Any, report: Callable[[int, float], None] = lambda *_: None) -> list[float]:
        """Run all epochs on x (n, length, features), y (n,); return the mean loss of each."""
        torch, recipe = self.torch, self.recipe
        inputs, labels = torch.tensor(x), torch.tensor(y, dtype=torch.long)
        state = [value for name, value in self.parameters.items() if name.endswith(STATE)]
        rest = [value for name, value in self.parameters.items() if not name.endswith(STATE)]
        groups = [{"params": rest}, {"params": state, "lr": recipe.state_rate, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
        losses = []
        for epoch in range(recipe.epochs):
            losses.append(float(np.mean([self._step(optimizer, inputs[i], labels[i]) for i in self._batches(len(x))])))
            schedule.step()
            report(epoch, losses[-1])
        return losses

    def _batches(self, count: int) -> Iterator[Any]:
        order = self.torch.randperm(count, generator=self.generator)
        yield from order.split(self.recipe.batch)

    def _step(self, optimizer: Any, x: Any, y: Any) -> float:
        optimizer.zero_grad()
        logits, reached = self.forward(x, training=True)
        loss = self.torch.nn.functional.cross_entropy(logits, y, label_smoothing=self.recipe.smoothing)
        (loss + self.recipe.range_penalty * (reached**4).mean()).backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.clip)
        optimizer.step()
        return float(loss.detach())

    def network(self) -> S4DNetwork:
        """The record of the trained parameters."""
        values = {name: value.detach().numpy() for name, value in self.parameters.items()}
        values |= {f"norms.0.{name}": value.numpy() for name, value in self.statistics.items()}
        config = {"activation": self.recipe.activation, "prenorm": False, "residual": True, "pool": "mean"}
        return build_network(ArrayContainer(values), config)


def accuracy(network: S4DNetwork, x: Array, y: Any) -> float:
    """Fraction of sequences whose largest logit is the label's."""
    return float((network(x).argmax(axis=1) == y).mean())


def _print_epoch(epoch: int, loss: float) -> None:
    print(f"epoch {epoch + 1}: loss {loss:.4f}")


def _print_scores(name: str, network: S4DNetwork, x: Array, y: Any) -> None:
    reached = network.preactivations(x)[0]
    low, high = reached.min(), reached.max()
    print(f"{name}: accuracy {accuracy(network, x, y):.4f}, pre-activations in [{low:.2f}, {high:.2f}]")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train one network, print its accuracies and write it."""
    parser = argparse.ArgumentParser(description="Train a one-layer S4D network on scikit-learn's digits.")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="gelu")
    parser.add_argument("--epochs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="a .safetensors or .npz file")
    parser.add_argument("--sequences", help="an .npz file for the held-out sequences")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or not options.output.endswith((".safetensors", ".npz")):
        parser.error("--epochs is at least 1 and --output ends in .safetensors or .npz")
    recipe = Recipe(options.activation, options.epochs, options.seed)
    trainer, digits = Trainer(recipe), load_digit_sequences()
    trainer.torch.set_num_threads(1)
    trainer.train(digits.x_train, digits.y_train, _print_epoch)
    network = trainer.network()
    _print_scores("train", network, digits.x_train, digits.y_train)
    _print_scores("test", network, digits.x_test, digits.y_test)
    save_network(network, options.output)
    if options.sequences:
        names = [str(digit) for digit in range(10)]
        np.savez_compressed(options.sequences, x=digits.x_test, y=digits.y_test, features=["intensity"], classes=names)


if __name__ == "__main__":
    main()
