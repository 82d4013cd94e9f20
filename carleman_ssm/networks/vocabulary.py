"""Characters as one-hot sequences: the vocabulary of a character model and its encoding."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array

__all__ = ["PRINTABLE", "Vocabulary", "character_frequencies", "parse_vocabulary", "save_vocabulary", "vocabulary_file"]

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """Distinct characters in a fixed order; character i is the unit vector e_i.

    Parameters
    ----------
    characters
        At least one; no character twice.

    Raises
    ------
    ValueError
        Empty, or a character occurs twice.

    Examples
    --------
    >>> abc = Vocabulary("abc")
    >>> abc.tokens("cab")
    array([2, 0, 1])
    >>> abc.one_hot("cab").shape
    (3, 3)
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or len(set(self.characters)) != len(self.characters):
            msg = "a vocabulary holds at least one character and none twice"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.characters)

    def index(self, character: str) -> int:
        """Position of one character.

        Raises
        ------
        ValueError
            Not a single character of the vocabulary.
        """
        if len(character) != 1 or character not in self.characters:
            msg = f"{character!r} is not one character of the vocabulary {self.characters!r}"
            raise ValueError(msg)
        return self.characters.index(character)

    def tokens(self, text: str) -> Tokens:
        """Positions of the characters of a text, (length,).

        Raises
        ------
        ValueError
            A character is not in the vocabulary; `normalise` replaces those.
        """
        return np.array([self.index(character) for character in text], dtype=np.int64)

    def text(self, tokens: npt.ArrayLike) -> str:
        """The text of positions (length,).

        Raises
        ------
        TypeError
            Positions are no integers.
        ValueError
            A position outside the vocabulary.
        """
        given = np.asarray(tokens)
        if given.size and given.dtype.kind not in "iu":
            msg = f"positions of characters are integers, got {given.dtype}"
            raise TypeError(msg)
        if given.ndim != 1 or ((given < 0) | (given >= len(self))).any():
            msg = f"positions of characters are a list of numbers from 0 to {len(self) - 1}, got {tokens!r}"
            raise ValueError(msg)
        return "".join(self.characters[i] for i in given)

    def one_hot(self, text: str) -> Array:
        """Sequence (length, characters) of unit vectors."""
        rows: Array = np.eye(len(self))[self.tokens(text)]
        return rows

    def normalise(self, text: str) -> str:
        """The text with typographic marks in ASCII, and without the characters that the vocabulary lacks."""
        plain = text.translate(TYPOGRAPHIC)
        return "".join(character for character in plain if character in self.characters)


TYPOGRAPHIC = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\t": "    "})
"""Marks of typeset text and what stands for them in ASCII."""

PRINTABLE = Vocabulary("\n" + "".join(map(chr, range(32, 127))))
"""Newline and the 95 printable characters of ASCII."""


def vocabulary_file(network: Path) -> Path:
    """Where the vocabulary of a network's file stands: beside it, ``NAME-vocabulary.json``."""
    return network.with_name(f"{network.stem}-vocabulary.json")


def save_vocabulary(vocabulary: Vocabulary, frequencies: npt.ArrayLike, path: Path) -> None:
    """Write the characters and their frequencies in the training text (characters,) as JSON."""
    content = {"characters": vocabulary.characters, "frequencies": np.asarray(frequencies, dtype=np.float64).tolist()}
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def parse_vocabulary(text: str) -> tuple[Vocabulary, Array]:
    """The vocabulary and frequencies (characters,) of a text that `save_vocabulary` wrote.

    Raises
    ------
    ValueError
        Not such a text: other entries, or frequencies that do not fit the characters or do not sum to 1.
    """
    content = json.loads(text)
    named = isinstance(content, dict) and set(content) == {"characters", "frequencies"}
    if not named or not isinstance(content["characters"], str):
        msg = "a vocabulary file holds an object with 'characters', a string, and 'frequencies', and nothing else"
        raise ValueError(msg)
    vocabulary = Vocabulary(content["characters"])
    return vocabulary, character_frequencies(content["frequencies"], len(vocabulary))


def character_frequencies(values: npt.ArrayLike, size: int) -> Array:
    """Frequencies (size,) of the characters of a vocabulary, read-only.

    Raises
    ------
    TypeError
        The values are no real numbers.
    ValueError
        Another number of them, one below 0, or a sum that is not 1 (to 1e-6).
    """
    frequencies = real_array("frequencies", values)
    fits = frequencies.shape == (size,) and bool((frequencies >= 0).all())
    if not fits or abs(float(frequencies.sum()) - 1.0) > 1e-6:
        msg = f"frequencies must be {size} numbers, at least 0, with sum 1"
        raise ValueError(msg)
    return frequencies
