"""The four data sets: digits always; the others where the package aeon is installed."""

import sys

import numpy as np
import pytest

from carleman_ssm.networks import datasets, trained
from carleman_ssm.networks.datasets import SHAPES, Dataset, load_dataset, standardised
from carleman_ssm.networks.sequences import Sequences, load_sequences

SIZES = {"digits": (1347, 450), "OSULeaf": (200, 242), "JapaneseVowels": (270, 370), "BasicMotions": (40, 40)}


@pytest.mark.parametrize("name", trained.DATASETS)
def test_a_data_set_has_the_archives_split_and_finite_numbers_that_float32_holds(name):
    if name == "digits":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed: extra data")
    else:
        pytest.importorskip("aeon", reason="aeon is not installed: extra datasets")
    data = load_dataset(name)
    steps, channels, classes = SHAPES[name]
    assert (len(data.train.x), len(data.test.x)) == SIZES[name]
    assert (data.length, data.features) == (steps, channels)
    assert data.train.classes == data.test.classes
    assert len(data.train.classes) == classes
    for part in (data.train, data.test):
        assert set(part.y.tolist()) == set(range(classes))
        assert np.array_equal(part.x, part.x.astype(np.float32))
    if name != "digits":  # the test part is scaled by the training part's numbers, so only that one is exactly so
        np.testing.assert_allclose(data.train.x.mean(axis=(0, 1)), 0, atol=1e-6)
        np.testing.assert_allclose(data.train.x.std(axis=(0, 1)), 1, atol=1e-6)
        alone = np.allclose(data.test.x.std(axis=(0, 1)), 1, atol=1e-6)
        assert alone == (name == "OSULeaf")  # the archive has scaled every leaf by itself already


def test_the_digits_are_those_that_are_shipped():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: extra data")
    data, shipped = load_dataset("digits"), load_sequences("digits-test")
    assert np.array_equal(data.test.x, shipped.x)
    assert np.array_equal(data.test.y, shipped.y)


def test_without_scikit_learn_the_shipped_test_part_is_all_there_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # import raises ImportError
    data = load_dataset("digits")
    assert data.train is None
    assert data.test.x.shape == (450, 64, 1)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "aeon.datasets", None)
    with pytest.raises(ImportError, match=r"carleman_ssm\[datasets\]"):
        load_dataset("OSULeaf")


def test_another_version_of_a_data_set_is_noticed(monkeypatch):
    """The networks were trained on these shapes; a stretched or cut version would be scored without a word."""

    class Other:
        @staticmethod
        def load_classification(name, split, load_equal_length):
            return np.random.default_rng(0).normal(size=(6, 1, 100)), np.array(list("123456"))

    monkeypatch.setattr(datasets, "require", lambda module, extra: Other)
    with pytest.raises(ValueError, match=r"OSULeaf of the installed aeon.*\(427, 1, 6\)"):
        load_dataset("OSULeaf")


def test_scaling_uses_the_training_part_alone_and_survives_a_channel_that_stands_still():
    generator = np.random.default_rng(0)
    train, test = generator.normal(3, 2, (50, 20, 2)), generator.normal(-1, 9, (30, 20, 2))
    train[..., 1] = 5.0
    one, two = standardised(train, test)
    expected = (test[..., 0] - train[..., 0].mean()) / train[..., 0].std()
    np.testing.assert_allclose(two[..., 0], expected, rtol=1e-6)
    assert np.array_equal(one[..., 1], np.zeros((50, 20)))
    again, _ = standardised(train, test * 100)
    assert np.array_equal(one, again)


def test_wrong_names_and_parts_are_refused():
    with pytest.raises(ValueError, match="choose from digits, OSULeaf"):
        load_dataset("mnist")
    good = Sequences(np.zeros((2, 3, 1)), np.array([0, 1]))
    for bad in (Sequences(np.zeros((2, 3, 1))), Sequences(np.zeros((2, 4, 1)), np.array([0, 1]))):
        with pytest.raises(ValueError, match="both parts need"):
            Dataset("digits", good, bad)


def test_names_of_trained_networks_say_where_they_come_from():
    assert len(trained.TRAINED) == len(set(trained.TRAINED)) == (3 + 4 + 4 + 4) * 3 + 2
    for name in trained.TRAINED:
        assert name.startswith(trained.dataset_of(name))
    with pytest.raises(ValueError, match="DATASET-DECODER-SEED"):
        trained.dataset_of("digits-gelu-7")
