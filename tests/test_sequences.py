"""Sequences: the shipped digits are the data, and what is no batch of sequences is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import CheckpointError, load_network
from carleman_ssm.networks.sequences import Sequences, frequency_sequences, load_sequences
from tests.checkpoint_files import DATA


def test_the_shipped_digits_are_exact_sixteenths_of_ten_classes():
    digits = load_sequences("digits-test")
    assert digits.x.shape == (450, 64, 1)
    assert (digits.x * 16 == np.round(digits.x * 16)).all()
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    assert np.bincount(digits.y).min() >= 43
    assert digits.classes == tuple("0123456789")
    assert digits.features == ("intensity",)


def test_the_shipped_digits_are_the_held_out_quarter_of_scikit_learn():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: extra data")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    _, x, _, y = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    digits = load_sequences("digits-test")
    assert np.array_equal(digits.x[..., 0] * 16, x)
    assert np.array_equal(digits.y, y)


@pytest.mark.parametrize(("name", "right"), [("digits-gelu", 438), ("digits-quadratic", 441)])
def test_the_shipped_networks_reach_the_accuracy_that_their_provenance_states(name, right):
    digits = load_sequences("digits-test")
    logits = load_network(name)(digits.x)
    assert (logits.argmax(axis=1) == digits.y).sum() == right
    assert right / 450 >= 0.97
    wrong = (logits[::-1].argmax(axis=1) == digits.y).mean()
    assert wrong < 0.3


def test_the_frequency_network_tells_fresh_sequences_apart_and_not_shuffled_ones():
    fresh = frequency_sequences(400, seed=7)
    network = load_network("frequencies")
    assert (network(fresh.x).argmax(axis=1) == fresh.y).all()
    shuffled = np.random.default_rng(0).permuted(fresh.x, axis=1)
    assert (network(shuffled).argmax(axis=1) == fresh.y).mean() < 0.5


def test_fresh_sequences_follow_the_recipe_of_the_reference_data():
    with np.load(DATA / "toy_freq_rand__L1_H2_N4_poly2_linear_none__s0.reference.npz") as reference:
        x, y = reference["x"][..., 0], reference["y"]
    for sequences, labels in ((x, y), (lambda s: (s.x[..., 0], s.y))(frequency_sequences(50))):
        spectrum = np.abs(np.fft.rfft(sequences, axis=1))
        assert np.array_equal(spectrum.argmax(axis=1), np.array([3, 5, 7, 9])[labels])
        assert ((spectrum.max(axis=1) > 15.99) & (spectrum.max(axis=1) < 48.01)).all()
    assert np.array_equal(frequency_sequences(5, seed=3).x, frequency_sequences(5, seed=3).x)
    with pytest.raises(ValueError, match="at least one"):
        frequency_sequences(0)


def saved(path, **values):
    np.savez(path, **values)
    return path


def test_reference_files_open_as_sequences_and_empty_labels_count_as_none(tmp_path):
    leaf = load_sequences(DATA / "OSULeaf__L1_H16_N32_gelu_linear_batch__s0.reference.npz")
    assert (leaf.x.shape, leaf.y) == ((3, 427, 1), None)
    assert load_sequences(DATA / "digits64__L1_H16_N32_gelu_linear_batch__s0.reference.npz").y.shape == (12,)
    assert load_sequences(saved(tmp_path / "a.npz", x=np.zeros((1, 2, 3), np.uint8))).x.dtype == np.float64


X = np.zeros((2, 3, 1))
BAD = {
    "no x": ({"y": np.zeros(2, int)}, "missing array x"),
    "two axes": ({"x": X[0]}, "expected real numbers"),
    "no steps": ({"x": X[:, :0]}, "no axis empty"),
    "complex": ({"x": X * 1j}, "expected real numbers"),
    "text": ({"x": X.astype(str)}, "expected real numbers"),
    "NaN": ({"x": X + np.nan}, "NaN"),
    "objects": ({"x": np.array([None])}, "never read"),
    "labels of another batch": ({"x": X, "y": np.zeros(3, int)}, "one integer label"),
    "negative labels": ({"x": X, "y": np.array([0, -1])}, "one integer label"),
    "labels as floats": ({"x": X, "y": np.zeros(2)}, "one integer label"),
    "labels as columns": ({"x": X, "y": np.zeros((2, 1), int)}, "one integer label"),
    "huge labels": ({"x": X, "y": np.array([0, 2**63], np.uint64)}, "one integer label"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_batch_of_sequences_is_refused(tmp_path, case):
    values, message = BAD[case]
    path = tmp_path / "s.npz"
    np.savez(path, **values)
    with pytest.raises(CheckpointError, match=message):
        load_sequences(path)


@pytest.mark.parametrize("source", ["no-such", ".", "", "a\0b"])
def test_what_is_no_file_names_the_shipped_sequences(source):
    with pytest.raises(CheckpointError, match="digits-test"):
        load_sequences(source)


def test_records_are_read_only():
    sequences = Sequences(X, np.array([0, 1]))
    with pytest.raises(ValueError, match="read-only"):
        sequences.y[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        sequences.x[0] = 1


@given(place=st.integers(0, 5000), value=st.binary(min_size=1, max_size=8))
@settings(deadline=None)
def test_a_damaged_file_gives_a_checkpoint_error_or_sequences(tmp_path_factory, place, value):
    path = saved(tmp_path_factory.mktemp("fuzz") / "s.npz", x=X, y=np.array([0, 1]), classes=np.array(["a", "b"]))
    data = bytearray(path.read_bytes())
    at = place % len(data)
    data[at : at + len(value)] = value
    path.write_bytes(data)
    try:
        assert load_sequences(path).x.ndim == 3
    except CheckpointError:
        return
