"""Train the shipped character model `pydoc`: `python -m carleman_ssm.data.train_language --output FILE`.

A causal network on the documentation that comes with Python (`pydoc_data.topics`): characters enter as one-hot
vectors, so the encoder is their embedding; two S4D layers with learned quadratic activations, affine output,
residual and BatchNorm; no pooling, the decoder gives the logits of the next character at every step. Needs the
extra `torch`. On one machine and one version of torch a seed gives one network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from carleman_ssm.data.train import Recipe, Trainer
from carleman_ssm.networks.checkpoints import save_network
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.vocabulary import PRINTABLE, Vocabulary, save_vocabulary, vocabulary_file

Tokens = npt.NDArray[np.int64]
BITS = log(2.0)

WINDOW = 128
"""Characters of one training sequence, read from rest."""
HELD_OUT = 8
"""Every eighth topic, in alphabetical order, is held out."""
STEPS = (0.01, 0.5)
"""Range of the initial step sizes: characters need a shorter memory than the rasters of the other networks."""
RECIPE = Recipe(
    activation="poly",
    epochs=50,
    channels=64,
    modes=16,
    batch=32,
    rate=0.01,
    state_rate=0.003,
    decay=0.3,
    smoothing=0.0,
    range_penalty=1e-3,
    layers=2,
)


@dataclass(frozen=True)
class Text:
    """Training and held-out text, the names of the held-out topics, and the SHA-256 of all topics together."""

    train: str
    held_out: str
    topics: tuple[str, ...]
    sha256: str


def load_text(topics: dict[str, str] | None = None) -> Text:
    """Split the topics; each paragraph counts once, and first in the held-out part.

    Topics quote each other (a chapter holds its sections), so whole paragraphs of a held-out topic would
    otherwise be trained on.

    Parameters
    ----------
    topics
        Texts by name; those of the running Python by default.
    """
    found: dict[str, str] = import_module("pydoc_data.topics").topics if topics is None else topics
    names = sorted(found)
    chosen = names[HELD_OUT // 2 :: HELD_OUT]
    seen: set[str] = set()
    held_out = _distinct([found[name] for name in chosen], seen)
    train = _distinct([found[name] for name in names if name not in chosen], seen)
    digest = hashlib.sha256("\0".join(name + "\0" + found[name] for name in names).encode()).hexdigest()
    return Text(PRINTABLE.normalise(train), PRINTABLE.normalise(held_out), tuple(chosen), digest)


def _distinct(texts: Sequence[str], seen: set[str]) -> str:
    """The paragraphs of the texts that are not in `seen`, which grows."""
    kept = []
    for paragraph in (part for text in texts for part in text.split("\n\n")):
        key = " ".join(paragraph.split())
        if key and key not in seen:
            seen.add(key)
            kept.append(paragraph.strip("\n"))
    return "\n\n".join(kept) + "\n"


class LanguageTrainer(Trainer):
    """The trainer of the other networks, with characters as input and a next character at every step."""

    def __init__(self, recipe: Recipe = RECIPE, vocabulary: Vocabulary = PRINTABLE) -> None:
        super().__init__(recipe, len(vocabulary), len(vocabulary))

    def _initial_layer(self, index: int, step: Any) -> dict[str, Any]:
        low, high = STEPS
        unit = (step - log(1e-3)) / log(100)
        return super()._initial_layer(index, log(low) + unit * log(high / low))

    def forward(self, x: Any, *, training: bool) -> tuple[Any, Any]:
        """Logits (batch, K, length) of the next characters of tokens x (batch, length), and pre-activations."""
        p = self.parameters
        u = (p["encoder.weight"].T[x] + p["encoder.bias"]).transpose(1, 2)
        reached = []
        for index in range(self.recipe.layers):
            y, u = self._apply(index, u, training)
            reached.append(y)
        logits = self.torch.einsum("kh,bhl->bkl", p["decoder.weight"], u) + p["decoder.bias"][:, None]
        return logits, self.torch.cat(reached, dim=1)

    def train_on_tokens(
        self, tokens: Tokens, window: int = WINDOW, report: Callable[[int, float], None] = lambda *_: None
    ) -> list[float]:
        """Run all epochs on windows of the tokens at offsets drawn afresh; return the mean loss of each."""
        torch, recipe = self.torch, self.recipe
        text = torch.tensor(tokens)
        groups = self._groups()
        optimizer = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs)
        count = max(1, len(tokens) // (window * recipe.batch))
        losses = []
        for epoch in range(recipe.epochs):
            losses.append(float(np.mean([self._step(optimizer, *self._windows(text, window)) for _ in range(count)])))
            schedule.step()
            report(epoch, losses[-1])
        return losses

    def _groups(self) -> list[dict[str, Any]]:
        slow = ("kernel.log_dt", "kernel.log_A_real", "kernel.A_imag")
        state = [value for name, value in self.parameters.items() if name.endswith(slow)]
        rest = [value for name, value in self.parameters.items() if not name.endswith(slow)]
        return [{"params": rest}, {"params": state, "lr": self.recipe.state_rate, "weight_decay": 0.0}]

    def _windows(self, text: Any, window: int) -> tuple[Any, Any]:
        """Sequences (batch, window) and their next characters."""
        last = len(text) - window
        starts = self.torch.randint(0, last, (self.recipe.batch, 1), generator=self.generator)
        rows = text[starts + self.torch.arange(window + 1)]
        return rows[:, :-1], rows[:, 1:]

    def network(self) -> S4DNetwork:
        """The record of the trained parameters, without a pool."""
        pooled = super().network()
        return replace(pooled, config=replace(pooled.config, pool="none"))


def score(network: S4DNetwork, tokens: Tokens, window: int = WINDOW) -> tuple[float, float]:
    """Bits per character and accuracy on tokens, each predicted from the `window / 2` to `window` before it."""
    half = window // 2
    starts = np.arange(0, len(tokens) - window, half)
    rows = tokens[starts[:, None] + np.arange(window + 1)]
    units, bits, hits = np.eye(network.classes), [], []
    for block in np.array_split(rows, -(-len(rows) // 64)):
        logits, wanted = network(units[block[:, :-1]])[:, half:], block[:, half + 1 :]
        shifted = logits - logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(shifted, wanted[..., None], axis=-1)[..., 0]
        bits.append((np.log(np.exp(shifted).sum(axis=-1)) - chosen) / BITS)
        hits.append(logits.argmax(axis=-1) == wanted)
    return float(np.concatenate(bits).mean()), float(np.concatenate(hits).mean())


def ngram_bits(train: Tokens, tokens: Tokens, order: int, first: int, classes: int) -> list[float]:
    """Bits per character of tokens from index `first` on, under n-grams of order 1 to `order` counted on `train`.

    Shorter contexts back longer ones up by the rule of Witten and Bell (1991): a context seen n times with t distinct
    successors gives the backing distribution the weight t / (n + t).
    """
    chance = np.full(len(tokens) - first, 1.0 / classes)
    known, asked, found = train.tolist(), tokens.tolist(), []
    for size in range(order):
        pairs = Counter(tuple(known[i - size : i + 1]) for i in range(size, len(known)))
        seen: Counter[tuple[int, ...]] = Counter()
        kinds: Counter[tuple[int, ...]] = Counter()
        for pair, count in pairs.items():
            seen[pair[:-1]] += count
            kinds[pair[:-1]] += 1
        for place, i in enumerate(range(first, len(asked))):
            context = tuple(asked[i - size : i])
            if context in seen:
                total = seen[context] + kinds[context]
                chance[place] = (pairs[*context, asked[i]] + kinds[context] * chance[place]) / total
        found.append(float(-np.log(chance).mean() / BITS))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the character model, print its scores beside those of n-grams, and write it with its vocabulary."""
    parser = argparse.ArgumentParser(description="Train a causal character model on Python's documentation topics.")
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs)
    parser.add_argument("--output", required=True, type=Path, help="a .safetensors file; the vocabulary goes beside it")
    options = parser.parse_args(arguments)
    if options.epochs < 1 or options.output.suffix != ".safetensors":
        parser.error("--epochs is at least 1 and --output ends in .safetensors")
    text = load_text()
    train, held_out = PRINTABLE.tokens(text.train), PRINTABLE.tokens(text.held_out)
    print(f"Python {platform.python_version()}, SHA-256 {text.sha256}, {len(train)} and {len(held_out)} characters")
    trainer = LanguageTrainer(replace(RECIPE, epochs=options.epochs))
    trainer.torch.set_num_threads(1)
    trainer.train_on_tokens(train, report=_print_epoch)
    network = trainer.network()
    save_network(network, options.output)
    frequencies = np.bincount(train, minlength=len(PRINTABLE)) / len(train)
    save_vocabulary(PRINTABLE, frequencies, vocabulary_file(options.output))
    print(json.dumps({"held out topics": text.topics, **_scores(network, train, held_out)}, indent=1))


def _print_epoch(epoch: int, loss: float) -> None:
    print(f"epoch {epoch + 1}: {loss / BITS:.3f} bits per character", flush=True)


def _scores(network: S4DNetwork, train: Tokens, held_out: Tokens) -> dict[str, object]:
    bits, accuracy = score(network, held_out)
    last = WINDOW // 2 * ((len(held_out) - 1) // (WINDOW // 2))  # the part that `score` reads
    ngrams = ngram_bits(train, held_out[: last + 1], 5, WINDOW // 2 + 1, network.classes)
    return {"bits per character": bits, "accuracy": accuracy, "bits per character of n-grams, n = 1 to 5": ngrams}


if __name__ == "__main__":
    main()
