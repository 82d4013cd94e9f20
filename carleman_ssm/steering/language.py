r"""A causal character model: its next character before running it, what decides it, and how to change it.

The characters of a text enter as unit vectors, so the sequence is x (L, V) with one 1 in each row, and the logits of
the next character are those of the last step (`read_at_last_step`). With polynomial activations and affine norms they
are a polynomial in x, evaluated by its operator; with the embedded sequence $E x_k$ in place of x a text may be changed
by any real vectors, and the smallest such change is sought (`smallest_edit`).

Every answer is found through the operator and then verified: the network is simulated, and both numbers are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np

from carleman_ssm.interactions.attribution import Attribution, attribute
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.checkpoints import CHARACTER_MODELS, load_network, read_bounded
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.networks.vocabulary import (
    Vocabulary,
    character_frequencies,
    parse_vocabulary,
    vocabulary_file,
)
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.steering.character_answers import NextCharacters, Replacement, Replacements, margins_of
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit import Edit
from carleman_ssm.steering.smallest_edit import smallest_edit
from carleman_ssm.steering.substitutions import substitution_logits


@dataclass(frozen=True, eq=False, repr=False)
class CharacterModel(Brief):
    """A causal network that reads characters and scores the next one; build a stored one with `character_model`.

    Parameters
    ----------
    network
        Inputs and classes are the characters; pool ``"none"`` or ``"last"``.
    vocabulary
        Its characters, in the order of inputs and classes.
    frequencies
        Of the characters in the training text, (V,); all equal by default. The usual character, about which
        contributions are counted, is this mean of the unit vectors.

    Raises
    ------
    ValueError
        Network, vocabulary and frequencies do not fit each other, frequencies are negative or do not sum to 1, or the
        network pools over time.
    """

    network: StateSpaceNetwork
    vocabulary: Vocabulary
    frequencies: Floats | None = None

    def __post_init__(self) -> None:
        size = len(self.vocabulary)
        if (self.network.features, self.network.classes) != (size, size):
            msg = (
                f"a character model of {size} characters needs as many inputs and classes; the network has "
                f"{self.network.features} inputs and {self.network.classes} classes"
            )
            raise ValueError(msg)
        if self.network.config.pool == "mean":
            msg = "the network takes the mean over time: a character model is causal, with pool 'none' or 'last'"
            raise ValueError(msg)
        given = np.full(size, 1.0 / size) if self.frequencies is None else self.frequencies
        object.__setattr__(self, "frequencies", character_frequencies(given, size))

    def one_hot(self, text: str) -> Floats:
        """The sequence x (L, V) of a text.

        Raises
        ------
        ValueError
            The text is empty, or has a character outside the vocabulary.
        """
        if not text:
            msg = "the text is empty: what follows it needs at least one character"
            raise ValueError(msg)
        return self.vocabulary.one_hot(text)

    def operator(self, text: str) -> StackOperator:
        """The operator of the next character's logits, certified for this text, centred at usual characters.

        Raises
        ------
        ValueError
            As `one_hot`.
        TypeError
            The network has no operator of a stack.

        References
        ----------
        THEORY T10, T16.
        """
        x = self.one_hot(text)
        centre = np.broadcast_to(np.asarray(self.frequencies), x.shape).copy()
        found = network_operator(self.network.read_at_last_step(), sequences=x[None], centre=centre, form="stack")
        if not isinstance(found, StackOperator):
            msg = f"expected the operator of a stack, got {type(found).__name__}"
            raise TypeError(msg)
        return found

    def next_characters(self, text: str, operator: StackOperator | None = None) -> NextCharacters:
        """Logits of the next character, through the operator, beside the simulated network.

        Parameters
        ----------
        operator
            ``model.operator(text)``, where it is there already.

        Raises
        ------
        ValueError
            As `one_hot`.
        DomainError
            The given operator does not hold for the text.
        """
        known, x = self.operator(text) if operator is None else operator, self.one_hot(text)[None]
        bound = known.bounds(x).per_class
        return NextCharacters(text, self.vocabulary, known(x)[0], bound, self._simulated(x)[0])

    def attribution(
        self,
        text: str,
        target: str | None = None,
        rival: str | None = None,
        operator: StackOperator | None = None,
    ) -> Attribution:
        r"""Which characters, and which pairs of them, decide between two next characters (`attribute`).

        Parameters
        ----------
        target, rival
            Next characters; by default the most probable one and the second.
        """
        known = self.operator(text) if operator is None else operator
        labels = [None if character is None else self.vocabulary.index(character) for character in (target, rival)]
        return attribute(known, self.one_hot(text), *labels)

    def replacements(
        self,
        text: str,
        wanted: str,
        *,
        count: int = 5,
        allowed: str | None = None,
        operator: StackOperator | None = None,
    ) -> Replacements:
        """Every single-character replacement through the operator; the best ones verified by the network.

        Parameters
        ----------
        wanted
            The next character that is wanted.
        count
            How many of the best replacements are verified and listed.
        allowed
            The characters that may be put in, all of the vocabulary by default; `margins` holds all of them anyway.

        Returns
        -------
        Replacements
            Margins of the wanted character over its best rival for all L · V texts.

        Raises
        ------
        ValueError
            A character is not in the vocabulary, or no replacement is asked for or allowed.
        """
        label, tokens = self.vocabulary.index(wanted), self.vocabulary.tokens(text)
        known, x = self.operator(text) if operator is None else operator, self.one_hot(text)
        margins = margins_of(substitution_logits(known, x, np.eye(len(self.vocabulary))), label)
        own = (np.arange(len(tokens)), tokens)
        current = float(margins_of(known(x[None]), label)[0])
        ranked = np.full_like(margins, -np.inf)
        columns = self.vocabulary.tokens(self.vocabulary.characters if allowed is None else allowed)
        ranked[:, columns] = margins[:, columns]
        ranked[own], margins[own] = -np.inf, current
        left = int(np.isfinite(ranked).sum())
        if count < 1 or not left:
            msg = f"at least one replacement has to be asked for and possible; got {count} of {left}"
            raise ValueError(msg)
        chosen = np.argsort(-ranked, axis=None, kind="stable")[: min(count, left)]
        best = tuple(self._verified(text, label, int(i), margins) for i in chosen)
        return Replacements(text, wanted, current, margins, best)

    def smallest_embedding_edit(
        self, text: str, wanted: str, *, margin: float = 1e-3, constraints: EditConstraints | None = None
    ) -> Edit:
        """The smallest change found of the embedded text (L, H) after which the next character is `wanted`.

        Two layers make margins of degree above 2, so the edit is a local optimum; it is verified by the network.

        Parameters
        ----------
        margin
            By how much the wanted logit shall exceed all others.
        constraints
            Which steps and channels of the embedding may change, and how.
        """
        label = self.vocabulary.index(wanted)
        embedded = embedded_network(self.network.read_at_last_step())
        return smallest_edit(embedded, self.embedded(text), label, margin=margin, constraints=constraints)

    def embedded(self, text: str) -> Floats:
        """The embedded text, (L, H)."""
        return self.one_hot(text) @ self.network.encoder_weight.T + self.network.encoder_bias

    def _simulated(self, sequences: Floats) -> Floats:
        return self.network.read_at_last_step()(sequences)

    def _verified(self, text: str, label: int, place: int, margins: Floats) -> Replacement:
        position, choice = divmod(place, len(self.vocabulary))
        character = self.vocabulary.characters[choice]
        changed = text[:position] + character + text[position + 1 :]
        logits = self._simulated(self.one_hot(changed)[None])
        said = self.vocabulary.characters[int(logits[0].argmax())]
        network_margin = float(margins_of(logits, label)[0])
        return Replacement(position, character, changed, float(margins[position, choice]), network_margin, said)


def character_model(name: str = "pydoc") -> CharacterModel:
    """A shipped character model, or one of a file with its vocabulary beside it.

    Parameters
    ----------
    name
        ``"pydoc"``, or a file NAME.safetensors with NAME-vocabulary.json.

    Raises
    ------
    CheckpointError
        As `load_network`.
    ValueError
        The vocabulary is missing or does not fit the network.

    References
    ----------
    ``carleman_ssm/data/PROVENANCE.md``, "The character model"; THEORY T10, T16.
    """
    network = load_network(name)
    if name in CHARACTER_MODELS:
        content = (resources.files("carleman_ssm.data") / f"{name}-vocabulary.json").read_bytes()
    else:
        content = read_bounded(vocabulary_file(Path(name)), "a character model needs NAME-vocabulary.json beside it")
    return CharacterModel(network, *parse_vocabulary(content.decode()))


def embedded_network(network: StateSpaceNetwork) -> StateSpaceNetwork:
    """The network without its encoder: its inputs are the encoded sequences (L, H)."""
    size = network.channels
    return replace(network, encoder_weight=np.eye(size), encoder_bias=np.zeros(size))
