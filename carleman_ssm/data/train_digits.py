"""Train the shipped digits networks: `python -m carleman_ssm.data.train_digits --output FILE`.

One S4D layer on scikit-learn's handwritten digits, read as 64 raster steps scaled by 1/16: encoder, S4D,
activation, affine output, residual, BatchNorm, mean over time, decoder. Needs the extras `torch` and `data`.
The network and its training are those of `carleman_ssm.data.train`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carleman_ssm.data.train import Recipe, Trainer, accuracy
from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.networks.datasets import load_digit_parts
from carleman_ssm.networks.network import Array, S4DNetwork

__all__ = ["ACTIVATIONS", "Digits", "Recipe", "Trainer", "accuracy", "load_digit_sequences", "main"]

ACTIVATIONS = ("gelu", "poly")


@dataclass(frozen=True)
class Digits:
    """Sequences x (n, 64, 1) float32, exact multiples of 1/16, and labels y (n,), stratified 75/25."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


def load_digit_sequences() -> Digits:
    """Split scikit-learn's 1797 digits with seed 0."""
    x_train, x_test, y_train, y_test = load_digit_parts()
    return Digits(x_train, y_train, x_test, y_test)


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
