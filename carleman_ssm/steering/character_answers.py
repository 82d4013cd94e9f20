"""What a character model answers: the next character, and the replacements that change it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False, repr=False)
class NextCharacters(Brief):
    """What follows a text.

    Parameters
    ----------
    text
        The text.
    vocabulary
        Its characters are the classes.
    logits
        Through the operator, (V,).
    certified_error
        Bound of |logit − logit of the exact network| for this text, (V,).
    network_logits
        Of the simulated network (V,).
    """

    text: str
    vocabulary: Vocabulary
    logits: Floats
    certified_error: Floats
    network_logits: Floats

    @property
    def character(self) -> str:
        """The most probable next character."""
        return self.vocabulary.characters[int(self.logits.argmax())]

    @property
    def probabilities(self) -> Floats:
        """Softmax of the logits, (V,)."""
        return probabilities(self.logits)

    def ranked(self, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The `count` most probable characters with their probabilities."""
        chances = self.probabilities
        order = np.argsort(-chances, kind="stable")[:count].tolist()
        return tuple((self.vocabulary.characters[i], float(chances[i])) for i in order)


@dataclass(frozen=True, eq=False, repr=False)
class Replacement(Brief):
    """One character of a text put in place of another.

    Parameters
    ----------
    position, character
        What was replaced (counted from 0), and by what.
    text
        The text afterwards.
    margin
        Of the wanted next character over its best rival, by the operator.
    network_margin, network_character
        The same by simulation of the network on the new text, and the next character that it says.
    """

    position: int
    character: str
    text: str
    margin: float
    network_margin: float
    network_character: str


@dataclass(frozen=True, eq=False, repr=False)
class Replacements(Brief):
    """All single-character replacements of a text and what they do to the margin of a wanted next character.

    Parameters
    ----------
    text, wanted
        The text and the next character that is wanted.
    margin
        Of the wanted character over its best rival for the text as it is, by the operator.
    margins
        The same for every replacement, (L, V); entries of the text itself repeat `margin`.
    best
        The replacements of largest margin, best first, each verified by the network.
    """

    text: str
    wanted: str
    margin: float
    margins: Floats
    best: tuple[Replacement, ...]

    @property
    def successes(self) -> int:
        """How many replacements make the wanted character the most probable one, by the operator."""
        return int((self.margins > 0.0).sum()) if self.margin <= 0.0 else 0


def margins_of(logits: Floats, label: int) -> Floats:
    """Margin (…) of one class over the largest other logit (…, classes)."""
    others: Floats = np.delete(logits, label, axis=-1).max(axis=-1)
    return logits[..., label] - others


def probabilities(logits: Floats) -> Floats:
    """Softmax over the last axis."""
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return result
