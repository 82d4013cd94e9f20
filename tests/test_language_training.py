"""The training script of the character model: its forward pass is the network's, a seed decides all, nothing leaks."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.data.train_language import RECIPE, LanguageTrainer, load_text, main, ngram_bits, score
from carleman_ssm.networks.vocabulary import PRINTABLE, Vocabulary
from carleman_ssm.steering.language import character_model
from tests.checkpoint_files import same

SMALL = replace(RECIPE, epochs=3, channels=4, modes=3, batch=8)
LETTERS = Vocabulary("abc")


@pytest.fixture
def one_thread():
    torch = pytest.importorskip("torch", reason="torch is not installed: extra torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)


def cycle(length):
    return np.arange(length) % 3


def test_a_few_steps_lower_the_loss_and_repeat_exactly(one_thread):
    one, two = (LanguageTrainer(SMALL, LETTERS) for _ in range(2))
    losses = one.train_on_tokens(cycle(600), window=16)
    assert losses[-1] < losses[0]
    assert two.train_on_tokens(cycle(600), window=16) == losses
    assert same(one.network(), two.network())


def test_the_trained_logits_are_those_of_the_network(one_thread):
    trainer = LanguageTrainer(SMALL, LETTERS)
    trainer.train_on_tokens(cycle(600), window=16)
    network, tokens = trainer.network(), np.random.default_rng(0).integers(0, 3, (2, 11))
    with one_thread.no_grad():
        logits, reached = trainer.forward(one_thread.tensor(tokens), training=False)
    assert network.config.pool == "none"
    # float32 against float64, values near 1
    assert np.abs(network(np.eye(3)[tokens]) - logits.numpy().transpose(0, 2, 1)).max() < 1e-4
    both = np.concatenate(network.preactivations(np.eye(3)[tokens]), axis=-1)
    assert np.abs(both - reached.numpy().transpose(0, 2, 1)).max() < 1e-4


def test_the_script_writes_a_model_that_opens(one_thread, tmp_path, capsys, monkeypatch):
    topics = {f"topic{i}": f"The topic {i} says that {i} follows {i - 1}.\n\n" * 3 + "x" * 40 * i for i in range(24)}
    monkeypatch.setattr("carleman_ssm.data.train_language.RECIPE", replace(SMALL, batch=2))
    monkeypatch.setattr("carleman_ssm.data.train_language.load_text", lambda: load_text(topics))
    main(["--epochs", "1", "--output", str(tmp_path / "m.safetensors")])
    assert "bits per character" in capsys.readouterr().out
    model = character_model(str(tmp_path / "m.safetensors"))
    assert model.vocabulary == PRINTABLE
    assert model.next_characters("The topic").logits.shape == (96,)


def test_nothing_that_is_scored_is_trained_on():
    topics = {f"t{i:02}": f"own paragraph {i}\n\nshared paragraph\n\nquoted  from {i % 4}" for i in range(16)}
    text = load_text(topics)
    assert text.topics == ("t04", "t12")
    held_out = [" ".join(part.split()) for part in text.held_out.split("\n\n")]
    train = [" ".join(part.split()) for part in text.train.split("\n\n")]
    assert not set(held_out) & set(train)
    assert Counter(held_out + train).most_common(1)[0][1] == 1
    assert "shared paragraph" in held_out
    assert load_text({**topics, "t00": "other"}).sha256 != text.sha256


def test_the_documentation_of_this_python_splits_without_overlap():
    text = load_text()
    assert len(text.train) > 4 * len(text.topics)
    paragraphs = [
        {" ".join(part.split()) for part in half.split("\n\n")} - {""} for half in (text.train, text.held_out)
    ]
    assert not paragraphs[0] & paragraphs[1]


def test_ngrams_agree_with_counting_by_hand():
    """After 'aab' the unigrams are a: 2, b: 1 with two kinds among three characters of a vocabulary of three."""
    train, tokens = LETTERS.tokens("aab"), LETTERS.tokens("ab")
    unigram = (1 + 2 / 3) / (3 + 2)  # of b
    bigram = (1 + 2 * unigram) / (2 + 2)  # of b after a: seen 2 times, followed by a and b
    assert ngram_bits(train, tokens, 2, 1, 3) == pytest.approx([-np.log2(unigram), -np.log2(bigram)], rel=1e-12)


def test_the_score_is_that_of_the_probabilities_of_the_network():
    model = character_model()
    tokens = model.vocabulary.tokens("The following sections describe the standard types in turn.\n")
    bits, accuracy = score(model.network, tokens, window=16)
    wanted, hits = [], []
    for start in range(0, len(tokens) - 16, 8):
        for i in range(start + 8, start + 16):
            found = model.network(np.eye(96)[tokens[start : i + 1]][None], method="recurrence")[0, -1]
            chances = np.exp(found) / np.exp(found).sum()
            wanted.append(-np.log2(chances[tokens[i + 1]]))
            hits.append(found.argmax() == tokens[i + 1])
    assert bits == pytest.approx(np.mean(wanted), rel=1e-9)
    assert accuracy == pytest.approx(np.mean(hits))


def test_the_script_refuses_other_endings(tmp_path):
    with pytest.raises(SystemExit):
        main(["--output", str(tmp_path / "m.npz")])
