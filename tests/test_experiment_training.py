"""Training of the experiment's networks: every architecture's forward pass is the network's, names decide recipes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.data import train
from carleman_ssm.data.train import DEEP_RECIPES, RECIPES, Recipe, Trainer, main, recipe_of
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.datasets import Dataset
from carleman_ssm.networks.sequences import Sequences, load_sequences
from carleman_ssm.networks.trained import DATASETS, DECODERS, DEEP, SEEDS, TRAINED, decoders_of, trained_name
from tests.checkpoint_files import same

SMALL = Recipe(epochs=2, channels=4, modes=3)


@pytest.fixture(autouse=True)
def one_thread():
    torch = pytest.importorskip("torch", reason="torch is not installed: extra torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(before)


@pytest.fixture
def digits():
    """A hundred shipped digits for either part: needs no extra."""
    all_digits = load_sequences("digits-test")
    parts = (
        Sequences(all_digits.x[part], all_digits.y[part], ("intensity",), all_digits.classes)
        for part in (slice(100), slice(100, 200))
    )
    return Dataset("digits", *parts)


@pytest.mark.parametrize("activation", ["identity", "poly", "gelu"])
@pytest.mark.parametrize(("output", "norm"), [("linear", "batch"), ("glu", "layer"), ("linear", "none")])
@pytest.mark.parametrize("layers", [1, 3])
def test_the_forward_pass_of_training_is_that_of_the_network(one_thread, digits, activation, output, norm, layers):
    recipe = replace(SMALL, activation=activation, output=output, norm=norm, layers=layers)
    trainer, x = Trainer(recipe), digits.train.x.astype(np.float32)
    trainer.train(x, digits.train.y)
    with one_thread.no_grad():
        logits, reached = trainer.forward(one_thread.as_tensor(x[:20]), training=False)
    network = trainer.network()
    assert (network.config.output, network.config.norm, len(network.layers)) == (output, norm, layers)
    # float32 in training against float64 in the network; logits are of size one after two epochs.
    np.testing.assert_allclose(network(x[:20]), logits.numpy(), atol=2e-4, rtol=2e-4)
    expected = np.concatenate(network.preactivations(x[:20]), axis=2)
    np.testing.assert_allclose(expected, reached.numpy().transpose(0, 2, 1), atol=2e-4, rtol=2e-4)


def test_an_identity_network_is_an_affine_functional_and_a_quadratic_one_is_not(digits):
    """The meaning of the experiment's linear column: ℓ(x + y) − ℓ(x) − ℓ(y) + ℓ(0) = 0."""
    x, y = digits.train.x[:30], digits.train.x[30:60]
    for decoder, affine in (("identity", True), ("poly", False), ("gelu", False)):
        trainer = Trainer(replace(SMALL, activation=decoder))
        trainer.train(digits.train.x.astype(np.float32), digits.train.y)
        network = trainer.network()
        bend = network(x + y) - network(x) - network(y) + network(0 * x)
        assert (np.abs(bend).max() < 1e-9) == affine


def test_every_name_has_its_recipe_and_the_same_for_all_decoders():
    for dataset in DATASETS:
        recipes = {
            replace(recipe_of(trained_name(dataset, decoder, seed)), activation="gelu", norm="batch", seed=0)
            for decoder in decoders_of(dataset)
            for seed in SEEDS
        }
        assert recipes == {RECIPES[dataset]}
    assert [recipe_of(name).seed for name in TRAINED[:3]] == list(SEEDS)
    assert {recipe_of(f"OSULeaf-{decoder}-0").norm for decoder in DECODERS} == {"none", "batch"}
    assert recipe_of("OSULeaf-bare-0").activation == recipe_of("OSULeaf-identity-0").activation == "identity"
    assert [recipe_of(name) for name in DEEP] == list(DEEP_RECIPES.values())
    with pytest.raises(ValueError, match="no trained network is called"):
        recipe_of("digits-relu-0")


def test_the_script_trains_what_the_folder_lacks_and_leaves_the_rest(tmp_path, capsys, monkeypatch, digits):
    monkeypatch.setattr(train, "load_dataset", lambda name: digits)
    monkeypatch.setattr(train, "recipe_of", lambda name: replace(SMALL, seed=SEEDS.index(int(name[-1]))))
    names = ["digits-gelu-0", "digits-gelu-1"]
    arguments = [part for name in names for part in ("--name", name)]
    main([*arguments, "--output", str(tmp_path)])
    first = load_network(tmp_path / "digits-gelu-0.safetensors")
    printed = capsys.readouterr().out
    assert f"test {train.accuracy(first, digits.test.x, digits.test.y):.4f}" in printed
    assert not same(first, load_network(tmp_path / "digits-gelu-1.safetensors"))
    (tmp_path / "digits-gelu-1.safetensors").unlink()
    before = (tmp_path / "digits-gelu-0.safetensors").stat().st_mtime_ns
    main([*arguments, "--output", str(tmp_path)])
    assert "digits-gelu-0" not in capsys.readouterr().out
    assert (tmp_path / "digits-gelu-0.safetensors").stat().st_mtime_ns == before
    assert (tmp_path / "digits-gelu-1.safetensors").is_file()


def test_what_cannot_be_trained_is_refused(tmp_path, capsys, digits):
    with pytest.raises(SystemExit):
        main(["--name", "digits-relu-0", "--output", str(tmp_path)])
    assert "no trained network is called" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"carleman_ssm\[data\]"):
        train.train_network("digits-gelu-0", Dataset("digits", None, digits.test))
