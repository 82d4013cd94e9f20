"""Low-degree networks: the collapse of shared fits, what fits per channel keep, and the repair of the readout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.interactions.low_degree import (
    KINDS,
    LowDegreeScore,
    LowDegreeTable,
    apart_from,
    low_degree_networks,
    low_degree_table,
    refit_readout,
)
from carleman_ssm.interactions.ridge import RIDGES, ridge_fit
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.sequences import load_sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.low_degree_section import low_degree_content, low_degree_networks_of, low_degree_section
from tests.strategies_networks import s4d_networks

DATA = Path(__file__).parent / "data"


def load(name):
    return load_network(DATA / f"{name}.npz")


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn, which has the digits, is not installed")
    selection = pytest.importorskip("sklearn.model_selection", reason="scikit-learn is not installed")
    x, y = datasets.load_digits(return_X_y=True)
    parts = selection.train_test_split(x / 16, y, test_size=0.25, stratify=y, random_state=0)
    return parts[0][..., None], parts[1][..., None], parts[3]


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).uniform(0, 1, (60, 20, 1))


@pytest.mark.parametrize(
    ("name", "worst_shared", "per_channel", "refitted"),
    [
        # (n = 450: one standard error is 0.7 to 1.5 points; bounds leave two of them around what ZOO 9.3 tabulates)
        ("digits64__L1_H16_N32_gelu_linear_batch__s0", 0.35, {2: 0.87, 3: 0.95, 4: 0.95}, 0.90),
        ("digits64__L2_H16_N32_gelu_linear_batch__s0", 0.35, {2: 0.92, 3: 0.95, 4: 0.96}, 0.95),
    ],
)
def test_fits_per_channel_keep_what_a_shared_fit_destroys(digits, name, worst_shared, per_channel, refitted):
    fit_on, score_on, labels = digits
    table = low_degree_table(load(name), fit_on[:600], score_on, labels, degrees=(4, 2, 3))
    found = {kind: {score.degree: score for score in table.of_kind(kind)} for kind in KINDS}
    assert table.accuracy > 0.97
    assert found["shared"][2].accuracy < worst_shared
    for degree, least in per_channel.items():
        assert found["per channel"][degree].accuracy > least
    assert found["refitted"][2].accuracy > max(refitted, found["per channel"][2].accuracy)
    assert found["refitted"][2].usual_distance < found["per channel"][2].usual_distance
    assert found["refitted"][2].largest_distance > 1  # a different network
    assert table.smallest_degree("refitted") in (2, 3, 4)
    assert table.smallest_degree("shared") is None


@pytest.mark.parametrize(
    "name", ["digits64__L2_H16_N32_gelu_glu_layer__s0", "digits64__L2_H16_N32_gelu_linear_batch__s0"]
)
def test_the_stack_and_the_simulation_step_by_step_give_one_low_degree_network(name, noise):
    network = load(name)
    low = low_degree_networks(network, noise, 3)[3]
    gates = [rules.gate for rules in low.decoders]
    wanted = network(
        noise[:5],
        method="recurrence",
        activation=[rules.activation for rules in low.decoders],
        gate=None if gates[0] is None else gates,
    )
    assert np.allclose(low(noise[:5]), wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    assert np.abs(wanted - network(noise[:5])).max() > 1e-3


@settings(max_examples=20, deadline=None)
@given(
    s4d_networks(outputs=("linear", "none", "glu"), norms=("none", "batch", "layer", "rms"), max_layers=2),
    st.integers(1, 9),
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_every_network_has_low_degree_networks_that_the_simulation_knows(network, length, degree, shared, seed):
    inputs = np.random.default_rng(seed).uniform(-1, 1, (4, length, network.features))
    low = low_degree_networks(network, inputs, degree, shared=shared)[-1]
    rules = {"activation": [rules.activation for rules in low.decoders]}
    if low.decoders[0].gate is not None:
        rules["gate"] = [rules.gate for rules in low.decoders]
    wanted = network(inputs, method="recurrence", **rules)
    # Norms divide by deviations that may be small: rounding of the layer before is magnified by 1/√ε = 316 at most.
    scale = 1 + np.abs(wanted).max() + np.abs(low.features(inputs)).max()
    assert np.abs(low(inputs) - wanted).max() < 1e-8 * scale
    assert np.isfinite(refit_readout(low, inputs)(inputs)).all()


def test_a_quadratic_network_is_its_own_at_degree_two_and_not_at_degree_one(noise):
    network = load("digits64__L1_H16_N32_poly2_linear_batch__s0")
    degrees = low_degree_networks(network, noise, 2)
    assert [low.degree for low in degrees] == [0, 1, 2]
    size = np.abs(network(noise)).max()
    assert np.abs(degrees[2](noise) - network(noise)).max() < 1e-9 * size
    assert np.abs(degrees[1](noise) - network(noise)).max() > 1e-2 * size


def test_the_refitted_readout_is_the_least_squares_solution(noise):
    network = load("digits64__L1_H16_N32_gelu_linear_batch__s0")
    low, ridge = low_degree_networks(network, noise, 2)[2], 0.01
    found = refit_readout(low, noise, ridge)
    features = low.features(noise)
    spread, count = features.std(axis=0), len(noise)
    rows = np.hstack([features, np.ones((count, 1))])
    penalty = np.hstack([np.diag(np.sqrt(ridge * count) * spread), np.zeros((16, 1))])
    missing = network(noise) - low(noise)
    change = np.linalg.lstsq(np.vstack([rows, penalty]), np.vstack([missing, np.zeros((16, 10))]), rcond=None)[0]
    weight, bias = low.readout.weight.value + change[:16].T, low.readout.bias.value + change[16]
    assert np.allclose(found(noise), features @ weight.T + bias, rtol=0, atol=1e-8 * np.abs(missing).max())
    # False twin: without the penalty on the change the solution is another one.
    free = np.linalg.lstsq(rows, missing, rcond=None)[0]
    assert np.abs(free - change).max() > 1e-3


def left_out(features, targets, ridge):
    """Squared error of every sequence under the ridge fit to all others, on the whole's scales, by normal equations."""
    spread, count, errors = features.std(axis=0), len(features), []
    for row in range(count):
        kept, missing = np.delete(features, row, 0), np.delete(targets, row, 0)
        centre, usual = kept.mean(axis=0), missing.mean(axis=0)
        scaled = (kept - centre) / spread
        gram = scaled.T @ scaled + ridge * count * np.eye(features.shape[1])
        weights = np.linalg.solve(gram, scaled.T @ (missing - usual))
        errors.append(((features[row] - centre) / spread @ weights + usual - targets[row]) ** 2)
    return np.mean(errors)


@pytest.mark.parametrize(("noise_level", "heavy"), [(1e-9, False), (3.0, True)])
def test_the_chosen_ridge_predicts_left_out_sequences_almost_as_well_as_any(noise_level, heavy):
    generator = np.random.default_rng(5)
    features = (
        generator.normal(size=(40, 12)) @ np.diag(10.0 ** -np.arange(0, 3, 0.25)) @ generator.normal(size=(12, 12))
    )
    targets = features @ generator.normal(size=(12, 3)) + noise_level * generator.normal(size=(40, 3))
    ridge = ridge_fit(features, targets, None)[2]
    assert (ridge > 1e-3) is heavy
    tried = [value for value in RIDGES if value > 1e-9]  # below, the normal equations of this test lose digits
    errors = [left_out(features, targets, value) for value in tried]
    # Generalised cross-validation puts the mean in place of every leverage: near the best, not the best.
    assert left_out(features, targets, max(ridge, tried[0])) < 1.2 * min(errors)


def test_the_generalised_cross_validation_score_is_that_of_the_hat_matrix():
    generator = np.random.default_rng(6)
    features, targets = generator.normal(size=(15, 4)), generator.normal(size=(15, 2))
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    scores = []
    for ridge in RIDGES:
        hat = scaled @ np.linalg.solve(scaled.T @ scaled + 15 * ridge * np.eye(4), scaled.T) + 1 / 15
        scores.append(((targets - hat @ targets) ** 2).sum() / np.trace(np.eye(15) - hat) ** 2)
    assert ridge_fit(features, targets, None)[2] == RIDGES[int(np.argmin(scores))]
    assert len(set(np.round(scores, 6))) > 3


def test_features_that_stand_still_get_no_weight_and_as_many_features_as_sequences_are_no_obstacle():
    generator = np.random.default_rng(7)
    moving, targets = generator.normal(size=(9, 3)), generator.normal(size=(9, 2))
    still = 0.1 + np.spacing(0.1) * generator.integers(-2, 3, (9, 1))
    weights, offset, ridge = ridge_fit(np.hstack([moving, still]), targets, None)
    alone = ridge_fit(moving, targets, None)
    assert (weights[:, 3] == 0).all()
    assert ridge == alone[2]
    assert np.allclose(weights[:, :3], alone[0], rtol=1e-12, atol=1e-12)
    assert np.allclose(offset, alone[1], rtol=1e-12, atol=1e-12)
    for number in (8, 9, 30):
        found = ridge_fit(generator.normal(size=(9, number)), targets, None)
        assert np.isfinite(found[0]).all()
    with pytest.raises(ValueError, match="at least 3 sequences"):
        ridge_fit(moving[:2], targets[:2], None)


def test_at_degree_one_the_chosen_ridge_keeps_what_a_heavy_one_loses_and_is_stated():
    sequences, network = load_sequences("digits-test"), load_network("digits-gelu")
    given, labels = sequences.x, sequences.y
    parts = given[::2], given[1::2], labels[1::2]
    chosen, heavy = (
        low_degree_table(network, *parts, (1,), ridge=ridge).of_kind("refitted")[0] for ridge in (None, 1e-3)
    )
    assert chosen.accuracy > heavy.accuracy + 0.1
    assert chosen.usual_distance < heavy.usual_distance
    assert heavy.ridge == 1e-3
    assert chosen.ridge in RIDGES
    # Scored sequences and their labels do not enter.
    other = low_degree_table(network, parts[0], parts[1][:50], np.roll(parts[2][:50], 1), (1,))
    assert other.of_kind("refitted")[0].ridge == chosen.ridge
    table = low_degree_table(network, *parts, (1,))
    assert [score.ridge is None for score in table.scores] == [True, True, False]
    content, section = low_degree_content(table), low_degree_section(table)
    assert [score["ridge_of_the_readout"] for score in content["scores"]] == [None, None, chosen.ridge]
    assert section.blocks[0].rows[0][-1] == f"{chosen.ridge:.0e}"
    assert "generalised cross-validation" in section.blocks[1].text


def test_a_heavy_ridge_keeps_the_original_readout(noise):
    network = load("digits64__L1_H16_N32_gelu_linear_batch__s0")
    low = low_degree_networks(network, noise, 2)[2]
    held = refit_readout(low, noise, 1e12)
    assert np.allclose(held.readout.weight.value, network.decoder_weight, rtol=0, atol=1e-8)
    assert held.kind == "refitted"
    assert held.original is network
    assert not hasattr(held, "certified_error")


def test_sequences_are_apart_when_a_value_differs():
    fitted = np.array([[[0.0], [1.0]], [[2.0], [3.0]]])
    scored = np.array([[[-0.0], [1.0]], [[2.0], [np.nextafter(3.0, 4.0)]], [[1.0], [0.0]]])
    assert apart_from(fitted, scored).tolist() == [False, True, True]


def test_a_report_leaves_copies_of_fitted_sequences_out_and_says_how_many_are_scored():
    given = np.random.default_rng(0).uniform(0, 1, (40, 64, 1))
    given[1], given[7] = given[0], given[38]
    network = load("digits64__L1_H16_N32_gelu_linear_batch__s0")
    labels = network(given).argmax(axis=1)
    operator = network_operator(network, sequences=given, degree=4)
    table = low_degree_networks_of(Explanation("copies", operator, given, labels, False))
    assert table.items == 18
    assert table.accuracy == 1.0  # the labels kept are those of the sequences kept
    assert "measured on 18 sequences" in low_degree_section(table).blocks[1].text
    twice = np.repeat(given[::2], 2, axis=0)
    assert low_degree_networks_of(Explanation("twice", operator, twice, labels, False)) is None


def test_labels_do_not_enter_the_repair(digits):
    fit_on, score_on, labels = digits
    network = load("digits64__L1_H16_N32_gelu_linear_batch__s0")
    tables = [
        low_degree_table(network, fit_on[:100], score_on[:80], y, degrees=(2,))
        for y in (labels[:80], np.roll(labels[:80], 1))
    ]
    first, second = (table.of_kind("refitted")[0] for table in tables)
    assert first.accuracy != second.accuracy
    assert replace(first, accuracy=0.0) == replace(second, accuracy=0.0)


def test_the_smallest_degree_keeps_the_accuracy_within_the_tolerance():
    scores = tuple(
        LowDegreeScore(degree, "per channel", accuracy, 1.0, 0.0, 0.0)
        for degree, accuracy in ((1, 0.4), (2, 0.93), (3, 0.97))
    )
    for tolerance, degree in ((0.0, None), (0.01, 3), (0.06, 2), (0.6, 1)):
        table = LowDegreeTable(0.98, scores, tolerance, 100)
        assert table.smallest_degree("per channel") == degree
        assert table.smallest_degree("shared") is None


def test_what_would_mislead_is_refused(noise):
    network = load("digits64__L1_H16_N32_gelu_linear_batch__s0")
    low, labels = low_degree_networks(network, noise, 1)[1], np.zeros(60, dtype=int)
    other = np.random.default_rng(1).uniform(0, 1, (8, 20, 1))
    for copies in (9, 1):  # all of them, and one alone among others
        scored = np.concatenate([noise[:copies], other])[:9]
        with pytest.raises(ValueError, match=f"{copies} of 9 scored sequences.*score other sequences"):
            low_degree_table(network, noise, scored, labels[:9])
    low_degree_table(network, noise, other, labels[:8], (1,))
    with pytest.raises(ValueError, match="one label for each"):
        low_degree_table(network, noise, noise[:9] / 2, labels)
    with pytest.raises(ValueError, match="ridge must be positive"):
        refit_readout(low, noise, 0.0)
