"""A character model: its operator says what the network says, for every replacement of a character too."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import CHARACTER_MODELS, load_network, save_network
from carleman_ssm.networks.vocabulary import PRINTABLE, Vocabulary, parse_vocabulary, save_vocabulary, vocabulary_file
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.steering import substitutions
from carleman_ssm.steering.character_answers import margins_of
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.language import CharacterModel, character_model, embedded_network
from carleman_ssm.steering.substitutions import has_closed_substitutions, substitution_logits
from tests.strategies_networks import moderate_network, s4d_networks

LETTERS = Vocabulary("abcde")
ROUNDING = 1e-12  # float64: two routes to the same polynomial, relative to the logits' size


def small_model(**entries):
    choices = {"activation": "poly", "norm": "batch", "pool": "none", "seed": 3, **entries}
    return CharacterModel(moderate_network(2, features=5, classes=5, **choices), LETTERS)


def every_replacement(network, sequence, rows):
    """Brute force: each sequence is written out and simulated."""
    found = np.empty((len(sequence), len(rows), network.classes))
    for step in range(len(sequence)):
        for index, row in enumerate(rows):
            changed = sequence.copy()
            changed[step] = row
            found[step, index] = network(changed[None], method="recurrence")[0]
    return found


def close(one, two):
    scale = max(1.0, float(np.abs(two).max()))
    return float(np.abs(one - two).max()) <= ROUNDING * scale


@settings(max_examples=25, deadline=None)
@given(
    s4d_networks(activations=("poly", "square", "cube", "identity"), max_layers=2, pools=("last", "mean")),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)
def test_replacements_in_closed_form_are_those_of_the_simulation(network, length, seed):
    generator = np.random.default_rng(seed)
    sequence, rows = (generator.uniform(-1, 1, (count, network.features)) for count in (length, 3))
    operator = network_operator(network, sequences=sequence[None], form="stack")
    expected = every_replacement(network, sequence, rows)
    # Pre-activations grow with the drawn parameters; relative to the largest logit the routes differ by cancellation.
    scale = max(1.0, float(np.abs(expected).max()))
    assert np.abs(substitution_logits(operator, sequence, rows) - expected).max() <= 1e-8 * scale


@pytest.mark.parametrize("prenorm", [False, True])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("activation", ["poly", "cube"])
def test_two_layers_take_the_closed_form(prenorm, residual, activation):
    network = moderate_network(
        2, features=2, activation=activation, norm="batch", prenorm=prenorm, residual=residual, pool="last"
    )
    generator = np.random.default_rng(5)
    sequence, rows = generator.normal(size=(9, 2)), generator.normal(size=(4, 2))
    operator = network_operator(network, sequences=sequence[None])
    assert has_closed_substitutions(operator)
    expected = every_replacement(network, sequence, rows)
    assert close(substitution_logits(operator, sequence, rows), expected)
    assert close(substitutions._read(operator, sequence, rows), expected)


@pytest.mark.parametrize(
    "entries", [{"pool": "mean"}, {"norm": "layer"}, {"output": "glu", "gate": "identity"}, {"layers": 1}]
)
def test_other_operators_read_every_sequence(entries):
    choices = {"layers": 2, "features": 2, "activation": "poly", "norm": "batch", "pool": "last", **entries}
    network = moderate_network(**choices)
    generator = np.random.default_rng(6)
    sequence, rows = generator.normal(size=(5, 2)), generator.normal(size=(3, 2))
    operator = network_operator(network, sequences=sequence[None], form="stack")
    assert not has_closed_substitutions(operator)
    assert close(substitution_logits(operator, sequence, rows), every_replacement(network, sequence, rows))


def test_a_closed_form_without_the_square_of_the_change_would_be_seen(monkeypatch):
    """The false twin: only the linear term of the first layer."""
    network = moderate_network(2, features=2, activation="poly", norm="batch", pool="last")
    generator = np.random.default_rng(5)
    sequence, rows = generator.normal(size=(6, 2)), generator.normal(size=(3, 2))
    operator = network_operator(network, sequences=sequence[None])
    whole = substitutions._taylor
    monkeypatch.setattr(substitutions, "_taylor", lambda *given: whole(*given)[:1])
    expected = every_replacement(network, sequence, rows)
    assert np.abs(substitution_logits(operator, sequence, rows) - expected).max() > 1e-3


def test_other_things_than_operators_are_refused():
    with pytest.raises(TypeError, match="network_operator"):
        substitution_logits("x", np.zeros((2, 1)), np.zeros((1, 1)))


def test_rows_of_another_width_are_refused():
    model = small_model()
    operator = model.operator("abc")
    with pytest.raises(ValueError, match="rows"):
        substitution_logits(operator, model.one_hot("abc"), np.eye(4))
    with pytest.raises(ValueError, match="m >= 1"):
        substitution_logits(operator, model.one_hot("abc"), np.empty((0, 5)))


def test_the_next_character_is_that_of_the_simulated_network_within_the_certified_error():
    model = small_model()
    for text in ("a", "abacad", "eeeeeeee"):
        found = model.next_characters(text)
        simulated = model.network(model.one_hot(text)[None], method="recurrence")[0, -1]  # pool none: every step
        assert close(found.logits, simulated)
        assert close(found.network_logits, simulated)
        assert (found.certified_error < 1e-9).all()
        assert found.character == LETTERS.characters[int(simulated.argmax())] == found.ranked(1)[0][0]
        assert found.probabilities.sum() == pytest.approx(1.0, abs=1e-12)


def test_characters_and_pairs_sum_to_the_margin():
    model = small_model()
    found = model.attribution("abcda", "b", "d")
    simulated = model.network(model.one_hot("abcda")[None])[0, -1]
    centre = model.network(np.full((1, 5, 5), 0.2))[0, -1]  # the usual character: all frequencies equal
    assert found.centre_margin == pytest.approx(centre[1] - centre[3], abs=1e-12)
    assert found.centre_margin + found.shares.sum() == pytest.approx(simulated[1] - simulated[3], abs=1e-11)
    assert found.pairs.shape == (5, 5)


def test_the_best_replacement_is_the_best_of_all_of_them():
    model = small_model()
    text, wanted = "abcdab", "c"
    found = model.replacements(text, wanted, count=3)
    network = model.network.read_at_last_step()
    texts = {
        (position, character): text[:position] + character + text[position + 1 :]
        for position in range(len(text))
        for character in LETTERS.characters
        if character != text[position]
    }
    margins = {key: float(margins_of(network(model.one_hot(new)[None])[0], 2)) for key, new in texts.items()}
    ordered = sorted(margins, key=margins.get, reverse=True)
    assert [(best.position, best.character) for best in found.best] == ordered[:3]
    for best in found.best:
        assert best.text == texts[best.position, best.character]
        assert best.margin == pytest.approx(margins[best.position, best.character], abs=1e-11)
        assert best.network_margin == pytest.approx(margins[best.position, best.character], abs=1e-11)
        assert (best.network_character == wanted) == (best.network_margin > 0)
    own = float(margins_of(network(model.one_hot(text)[None])[0], 2))
    assert found.margin == pytest.approx(own, abs=1e-11)
    if own <= 0:
        assert found.successes == sum(value > 0 for value in margins.values())
    assert found.margins.shape == (6, 5)


def test_only_allowed_characters_are_put_in():
    model = small_model()
    everything = model.replacements("abcdab", "c", count=100)
    some = model.replacements("abcdab", "c", count=100, allowed="ad")
    expected = [(best.position, best.character) for best in everything.best if best.character in "ad"]
    assert [(best.position, best.character) for best in some.best] == expected
    assert np.array_equal(some.margins, everything.margins)
    with pytest.raises(ValueError, match="of 0"):
        model.replacements("aa", "c", allowed="a")


def test_a_text_of_one_character_has_its_replacements():
    assert len(small_model().replacements("a", "b", count=100).best) == 4


def test_the_network_without_its_encoder_reads_the_embedded_text():
    model = small_model()
    embedded = embedded_network(model.network)
    expected = model.network(model.one_hot("abcde")[None])
    assert close(embedded(model.embedded("abcde")[None]), expected)


def test_an_embedding_edit_makes_the_network_say_what_is_wanted():
    model = small_model()
    said = model.next_characters("abca").character
    wanted = next(character for character in "abcde" if character != said)
    edit = model.smallest_embedding_edit("abca", wanted, margin=0.01)
    assert edit.confirmed
    assert edit.status == "local"
    assert LETTERS.characters[edit.class_after] == wanted != LETTERS.characters[edit.class_before]
    simulated = embedded_network(model.network)(edit.edited[None], method="recurrence")[0, -1]
    assert float(margins_of(simulated, edit.target)) >= 0.01 - 1e-9
    last = model.smallest_embedding_edit("abca", wanted, margin=0.01, constraints=EditConstraints(lags=[0]))
    assert not last.edit[:3].any()
    if last.confirmed:
        assert last.norm >= edit.norm - 1e-9


def test_a_model_refuses_what_does_not_fit_it():
    network = small_model().network
    with pytest.raises(ValueError, match="5 inputs and 5 classes"):
        CharacterModel(network, Vocabulary("ab"))
    with pytest.raises(ValueError, match="causal"):
        small_model(pool="mean")
    for frequencies in (np.ones(4), np.ones(5), [1.2, -0.2, 0.0, 0.0, 0.0], [np.nan] * 5):
        with pytest.raises(ValueError, match="frequencies"):
            CharacterModel(network, LETTERS, frequencies)
    with pytest.raises(ValueError, match="empty"):
        small_model().next_characters("")
    with pytest.raises(ValueError, match="'z'"):
        small_model().next_characters("az")
    with pytest.raises(ValueError, match="'xy'"):
        small_model().replacements("ab", "xy")
    with pytest.raises(ValueError, match="at least one"):
        small_model().replacements("ab", "c", count=0)


@given(st.text(alphabet=PRINTABLE.characters, max_size=30))
def test_a_text_survives_its_encoding(text):
    assert PRINTABLE.text(PRINTABLE.tokens(text)) == text
    assert PRINTABLE.normalise(text) == text
    assert PRINTABLE.one_hot(text).sum(axis=1).tolist() == [1.0] * len(text)


def test_a_vocabulary_names_what_it_lacks():
    assert PRINTABLE.normalise("“naïve” — it’s…\t°") == '"nave" - it\'s...    '
    for characters in ("", "aa"):
        with pytest.raises(ValueError, match="vocabulary"):
            Vocabulary(characters)
    with pytest.raises(ValueError, match="'ï'"):
        PRINTABLE.tokens("naïve")
    for positions in ([96], [-1], 3):
        with pytest.raises(ValueError, match="0 to 95"):
            PRINTABLE.text(positions)
    with pytest.raises(TypeError, match="integers"):
        PRINTABLE.text([0.5])


def test_frequencies_cannot_be_changed_after_they_were_checked():
    given = np.full(5, 0.2)
    model = CharacterModel(small_model().network, LETTERS, given)
    given[0] = 7.0
    assert model.frequencies.tolist() == [0.2] * 5
    with pytest.raises(ValueError, match="read-only"):
        model.frequencies[0] = 7.0


def test_a_model_is_read_from_a_file_with_its_vocabulary_beside_it(tmp_path):
    model, path = small_model(), tmp_path / "letters.safetensors"
    save_network(model.network, path)
    with pytest.raises(ValueError, match=r"NAME-vocabulary\.json"):
        character_model(str(path))
    save_vocabulary(LETTERS, [0.6, 0.1, 0.1, 0.1, 0.1], vocabulary_file(path))
    again = character_model(str(path))
    assert again.vocabulary == LETTERS
    assert again.frequencies.tolist() == [0.6, 0.1, 0.1, 0.1, 0.1]
    assert close(again.next_characters("abc").logits, model.next_characters("abc").logits)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"characters": "ab"},
        {"characters": 5, "frequencies": [1.0]},
        {"characters": "ab", "frequencies": [1.0]},
        {"characters": "ab", "frequencies": [0.5, 0.6]},
        {"characters": "ab", "frequencies": [1.5, -0.5]},
    ],
)
def test_a_damaged_vocabulary_is_refused(content):
    with pytest.raises(ValueError, match=r"vocabulary|frequencies"):
        parse_vocabulary(json.dumps(content))


@pytest.mark.parametrize("name", CHARACTER_MODELS)
def test_the_shipped_model_is_small_and_says_what_its_simulation_says(name):
    model = character_model(name)
    assert len(model.network.layers) == 2
    assert model.network.config == load_network(name).config
    assert (model.network.config.activation, model.network.config.pool) == ("poly", "none")
    text = 'The "import" statement is used to l'
    found = model.next_characters(text)
    assert close(found.logits, model.network(model.one_hot(text)[None])[0, -1])
    assert found.certified_error.max() < 1e-9
    replaced = model.replacements(text, "x", count=2)
    assert all(abs(best.margin - best.network_margin) < 1e-11 for best in replaced.best)


def test_the_licence_names_what_comes_from_works_of_others():
    text = (Path(__file__).parents[1] / "LICENSE").read_text(encoding="utf-8")
    assert "BSD 3-Clause" in text
    for name in ("digits-test.npz", "CC BY 4.0", *(f"{name}.safetensors" for name in CHARACTER_MODELS), "PSF License"):
        assert name in text, name
