"""The training script: its forward pass is the network's, its steps lower the loss, a seed decides all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.data import train_digits
from carleman_ssm.data.train_digits import Recipe, Trainer, accuracy, load_digit_sequences, main
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.sequences import load_sequences
from tests.checkpoint_files import same


@pytest.fixture(autouse=True)
def one_thread():
    torch = pytest.importorskip("torch", reason="torch is not installed: extra torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)


SMALL = Recipe(epochs=3, channels=4, modes=3)


@pytest.mark.parametrize("activation", train_digits.ACTIVATIONS)
def test_a_few_steps_lower_the_loss_and_repeat_exactly(activation):
    digits = load_sequences("digits-test")
    recipe = replace(SMALL, activation=activation)
    x, y = digits.x[:200].astype(np.float32), digits.y[:200]
    one, two = Trainer(recipe), Trainer(recipe)
    losses = one.train(x, y)
    assert losses[-1] < losses[0]
    assert two.train(x, y) == losses
    assert same(one.network(), two.network())
    other = Trainer(replace(recipe, seed=1))
    other.train(x, y)
    assert not same(one.network(), other.network())


@pytest.mark.parametrize("activation", train_digits.ACTIVATIONS)
def test_the_forward_pass_of_training_is_that_of_the_network(one_thread, activation):
    digits = load_sequences("digits-test")
    x = digits.x[:20].astype(np.float32)
    trainer = Trainer(replace(SMALL, activation=activation))
    trainer.train(x, digits.y[:20])
    with one_thread.no_grad():
        logits, reached = trainer.forward(one_thread.as_tensor(x), training=False)
    network = trainer.network()
    assert np.allclose(network(x), logits.numpy(), atol=1e-4, rtol=1e-4)
    assert np.allclose(network.preactivations(x)[0], reached.numpy().transpose(0, 2, 1), atol=1e-5)


def test_the_script_writes_a_network_and_the_held_out_sequences(tmp_path, capsys, monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: extra data")
    monkeypatch.setattr(train_digits, "Recipe", lambda *values: replace(SMALL, activation=values[0], epochs=values[1]))
    target, sequences = tmp_path / "n.safetensors", tmp_path / "s.npz"
    main(["--activation", "poly", "--epochs", "1", "--output", str(target), "--sequences", str(sequences)])
    assert load_network(target).config.activation == "poly"
    written, shipped = load_sequences(sequences), load_sequences("digits-test")
    assert np.array_equal(written.x, shipped.x)
    assert np.array_equal(written.y, shipped.y)
    printed = capsys.readouterr().out
    assert f"test: accuracy {accuracy(load_network(target), shipped.x, shipped.y):.4f}" in printed


@pytest.mark.parametrize("options", [["--output", "n.pt"], ["--output", "n.npz", "--epochs", "0"]])
def test_options_that_cannot_work_are_refused_before_training(options, capsys):
    with pytest.raises(SystemExit):
        main(options)
    assert "--output ends in" in capsys.readouterr().err


def test_the_split_is_stratified_and_the_parts_share_no_image_index():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: extra data")
    digits = load_digit_sequences()
    assert (len(digits.x_train), len(digits.x_test)) == (1347, 450)
    shares = np.bincount(digits.y_test) / (np.bincount(digits.y_test) + np.bincount(digits.y_train))
    assert np.abs(shares - 0.25).max() < 0.01
