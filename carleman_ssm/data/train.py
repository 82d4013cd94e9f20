"""Train the networks of the experiment `necessity`: `python -m carleman_ssm.data.train --output FOLDER`.

S4D layers on one of four real data sets: encoder, then per layer S4D, decoder of the states (a line, a learned
quadratic polynomial, or GELU), output map, residual and norm, then the mean over time and a linear readout. Needs the
extras `torch`, `data` and `datasets`. On one machine and one version of torch a seed gives one network: a single
thread, an own random generator, the last epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from carleman_ssm.networks.checkpoints import build_network, save_network
from carleman_ssm.networks.containers import ArrayContainer
from carleman_ssm.networks.datasets import DATASETS, Dataset, load_dataset
from carleman_ssm.networks.extras import require
from carleman_ssm.networks.network import Array, S4DNetwork
from carleman_ssm.networks.trained import DEEP, dataset_of, trained_names

STATE = ("kernel.log_dt", "kernel.log_A_real", "kernel.A_imag")
ACTIVATIONS = {"bare": "identity", "identity": "identity", "quadratic": "poly", "gelu": "gelu"}
"""Decoders of the experiment, by their names in a network's configuration."""


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
    layers, output, norm
        Number of layers, ``"linear"`` or ``"glu"``, ``"batch"``, ``"layer"`` or ``"none"``.
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
    layers: int = 1
    output: str = "linear"
    norm: str = "batch"


PLAIN = Recipe(rate=0.01, decay=0.01, smoothing=0.0, range_penalty=0.0)
RECIPES = {
    "digits": replace(PLAIN, rate=0.02, epochs=300, batch=32),
    "OSULeaf": replace(PLAIN, epochs=200, batch=32),
    "JapaneseVowels": replace(PLAIN, epochs=100, batch=32),
    "BasicMotions": replace(PLAIN, epochs=200, batch=16),
}
"""One recipe per data set, the same for all decoders and seeds; how they were chosen: data/trained/PROVENANCE.md."""
DEEP_RECIPES = {
    DEEP[0]: replace(RECIPES["digits"], epochs=100, batch=64, layers=2, modes=8),
    DEEP[1]: replace(RECIPES["digits"], epochs=100, batch=64, layers=2, modes=8, output="glu", norm="layer"),
}
"""Two-layer networks on the digits: with BatchNorm, and the reference block with gate and LayerNorm."""


class Trainer:
    """Parameters under the reference key names, the forward pass in torch, and the training loop."""

    def __init__(self, recipe: Recipe, features: int = 1, classes: int = 10) -> None:
        self.torch = require("torch", "torch")
        self.recipe = recipe
        self.generator = self.torch.Generator().manual_seed(recipe.seed)
        self.parameters = self._initial(features, classes)
        for value in self.parameters.values():
            value.requires_grad_(True)
        shape = (recipe.channels,)
        self.statistics = {
            f"norms.{i}.{name}": fill(shape)
            for i in range(recipe.layers if recipe.norm == "batch" else 0)
            for name, fill in (("running_mean", self.torch.zeros), ("running_var", self.torch.ones))
        }

    def _uniform(self, bound: float, *shape: int) -> Any:
        return (2 * self.torch.rand(shape, generator=self.generator) - 1) * bound

    def _initial(self, features: int, classes: int) -> dict[str, Any]:
        """Step log-uniform in [0.001, 0.1]; affine maps as torch draws them."""
        h = self.recipe.channels
        steps = [log(1e-3) + self._draw("rand", h) * log(100) for _ in range(self.recipe.layers)]
        values = {
            "encoder.weight": self._uniform(1 / sqrt(features), h, features),
            "encoder.bias": self._uniform(1 / sqrt(features), h),
        }
        for index, step in enumerate(steps):
            values |= self._initial_layer(index, step)
        return values | {
            "decoder.weight": self._uniform(1 / sqrt(h), classes, h),
            "decoder.bias": self._uniform(1 / sqrt(h), classes),
        }

    def _draw(self, name: str, *shape: int) -> Any:
        return getattr(self.torch, name)(shape, generator=self.generator)

    def _initial_layer(self, index: int, step: Any) -> dict[str, Any]:
        """S4D-Lin, A_n = -1/2 + iπn, C and D normal."""
        torch, h, m = self.torch, self.recipe.channels, self.recipe.modes
        layer, rows = f"s4_layers.{index}.", (2 if self.recipe.output == "glu" else 1) * h
        values = {
            layer + "D": self._draw("randn", h),
            layer + "kernel.C": self._draw("randn", h, m, 2) * sqrt(0.5),
            layer + "kernel.log_dt": step,
            layer + "kernel.log_A_real": torch.full((h, m), log(0.5)),
            layer + "kernel.A_imag": (pi * torch.arange(m)).repeat(h, 1),
            layer + "output_linear.0.weight": self._uniform(1 / sqrt(h), rows, h, 1),
            layer + "output_linear.0.bias": self._uniform(1 / sqrt(h), rows),
        }
        if self.recipe.norm != "none":
            values |= {f"norms.{index}.weight": torch.ones(h), f"norms.{index}.bias": torch.zeros(h)}
        if self.recipe.activation == "poly":  # the first two Taylor coefficients of GELU
            values[layer + "activation.c"] = torch.tensor([0.5, 1 / sqrt(2 * pi)])
        return values

    def _kernel(self, layer: str, length: int) -> Any:
        torch, p = self.torch, {name: self.parameters[f"{layer}kernel.{name}"] for name in _KERNEL}
        rates = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
        steps = rates * torch.exp(p["log_dt"])[:, None]
        weights = torch.view_as_complex(p["C"]) * (torch.exp(steps) - 1) / rates
        powers = torch.exp(steps[..., None] * torch.arange(length))
        return 2 * torch.einsum("hm,hml->hl", weights, powers).real

    def forward(self, x: Any, *, training: bool) -> tuple[Any, Any]:
        """Logits of x (batch, length, features), and pre-activations (batch, layers · H, length)."""
        functional, p = self.torch.nn.functional, self.parameters
        u = functional.linear(x, p["encoder.weight"], p["encoder.bias"]).transpose(1, 2)
        reached = []
        for index in range(self.recipe.layers):
            y, u = self._apply(index, u, training)
            reached.append(y)
        return functional.linear(u.mean(-1), p["decoder.weight"], p["decoder.bias"]), self.torch.cat(reached, dim=1)

    def _apply(self, index: int, u: Any, training: bool) -> tuple[Any, Any]:
        """Pre-activation and output of one layer on u (batch, H, length)."""
        torch, functional, p = self.torch, self.torch.nn.functional, self.parameters
        layer, norm, size = f"s4_layers.{index}.", f"norms.{index}.", 2 * u.shape[-1]
        spectrum = torch.fft.rfft(self._kernel(layer, u.shape[-1]), n=size) * torch.fft.rfft(u, n=size)
        y = torch.fft.irfft(spectrum, n=size)[..., : u.shape[-1]] + p[layer + "D"][:, None] * u
        mapped = functional.conv1d(
            self._decode(layer, y), p[layer + "output_linear.0.weight"], p[layer + "output_linear.0.bias"]
        )
        v = (functional.glu(mapped, dim=1) if self.recipe.output == "glu" else mapped) + u
        if self.recipe.norm == "none":
            return y, v
        weight, bias = p[norm + "weight"], p[norm + "bias"]
        if self.recipe.norm == "layer":
            return y, functional.layer_norm(v.transpose(1, 2), weight.shape, weight, bias).transpose(1, 2)
        mean, variance = self.statistics[norm + "running_mean"], self.statistics[norm + "running_var"]
        return y, functional.batch_norm(v, mean, variance, weight, bias, training)

    def _decode(self, layer: str, y: Any) -> Any:
        if self.recipe.activation == "poly":
            learned = self.parameters[layer + "activation.c"]
            return y * (learned[0] + learned[1] * y)
        return y if self.recipe.activation == "identity" else self.torch.nn.functional.gelu(y)

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
        values |= {name: value.numpy() for name, value in self.statistics.items()}
        config = {"activation": self.recipe.activation, "prenorm": False, "residual": True, "pool": "mean"}
        return build_network(ArrayContainer(values), config)


_KERNEL = ("log_dt", "log_A_real", "A_imag", "C")


def accuracy(network: S4DNetwork, x: Array, y: Any) -> float:
    """Fraction of sequences whose largest logit is the label's."""
    return float((network(x).argmax(axis=1) == y).mean())


def recipe_of(name: str) -> Recipe:
    """Recipe of a network of the experiment by its name.

    Raises
    ------
    ValueError
        No network of the experiment has this name.
    """
    dataset = dataset_of(name)
    if name in DEEP_RECIPES:
        return DEEP_RECIPES[name]
    _, decoder, seed = name.split("-")
    norm = "none" if decoder == "bare" else "batch"
    return replace(RECIPES[dataset], activation=ACTIVATIONS[decoder], norm=norm, seed=int(seed))


def train_network(name: str, data: Dataset) -> S4DNetwork:
    """Train one network of the experiment on the training part.

    Raises
    ------
    ValueError
        The training part is missing.
    """
    if data.train is None:
        msg = f'{data.name}: the training part needs the extra: pip install "carleman_ssm[data]"'
        raise ValueError(msg)
    trainer = Trainer(recipe_of(name), data.features, len(data.train.classes))
    trainer.torch.set_num_threads(1)
    trainer.train(data.train.x.astype(np.float32), data.train.y)
    return trainer.network()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the networks that the folder lacks, print their accuracies and write them."""
    parser = argparse.ArgumentParser(description="Train the networks of the experiment `necessity`.")
    parser.add_argument("--dataset", action="append", choices=DATASETS, help="may be repeated; all by default")
    parser.add_argument("--name", action="append", help="a single network; may be repeated; all by default")
    parser.add_argument("--output", required=True, type=Path, help="folder for NAME.safetensors")
    options = parser.parse_args(arguments)
    try:
        sources = {name: dataset_of(name) for name in options.name or trained_names(options.dataset or DATASETS)}
    except ValueError as error:
        parser.error(str(error))
    options.output.mkdir(parents=True, exist_ok=True)
    data: dict[str, Dataset] = {}
    for name, source in sources.items():
        target = options.output / f"{name}.safetensors"
        if target.exists():
            continue
        if source not in data:
            data[source] = load_dataset(source)
        network = train_network(name, data[source])
        save_network(network, target)
        print(f"{name}: {_scores(network, data[source])}", flush=True)


def _scores(network: S4DNetwork, data: Dataset) -> str:
    parts = [("train", data.train), ("test", data.test)]
    return ", ".join(f"{label} {accuracy(network, part.x, part.y):.4f}" for label, part in parts if part is not None)


if __name__ == "__main__":
    main()
