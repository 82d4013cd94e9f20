"""Features of a ring against direct runs, and ridge regression against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.experiments.claims import RINGS
from carleman_ssm.experiments.distinction import simple_ring
from carleman_ssm.experiments.readouts import PENALTIES, Readout, RingResponses, _singular_vectors, fit_ridge
from carleman_ssm.rings.rings import model_rings
from carleman_ssm.theory.initialisations import s4d_lin


def drawn(seed, count=7, length=80):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, length)), generator.standard_normal((count, length))


def direct(rings, u, readout):
    """The features by their definition: run, transform to modes, square, average or take the last."""
    h = rings.node_contents(u[:, :, None])[:, :, 0]
    if readout in (Readout.QUADRATIC_LAST, Readout.QUADRATIC_MEAN):
        x = rings.mode_amplitudes(h)
        values = np.abs(x[..., rings.frequencies >= 0]) ** 2
    else:
        values = np.concatenate([h.real[..., :32], h.imag[..., 1:32]], axis=-1) if np.iscomplexobj(h) else h
    return values.mean(axis=1) if readout in (Readout.LINEAR_MEAN, Readout.QUADRATIC_MEAN) else values[:, -1]


@pytest.mark.parametrize("readout", list(Readout))
@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_responses_add_up_so_that_one_run_serves_every_noise_level(ring, readout, sigma):
    signals, noise = drawn(1)
    found = RingResponses(simple_ring(ring), signals, noise).features(readout, sigma)
    expected = direct(simple_ring(ring), signals + sigma * noise, readout)
    np.testing.assert_allclose(found, expected, atol=1e-12 * max(1.0, np.abs(expected).max()))


def test_powers_do_not_add_up_without_their_cross_term():
    signals, noise = drawn(2)
    ring = simple_ring("S4D-Lin")
    both = direct(ring, signals + noise, Readout.QUADRATIC_MEAN)
    apart = direct(ring, signals, Readout.QUADRATIC_MEAN) + direct(ring, noise, Readout.QUADRATIC_MEAN)
    assert np.abs(both - apart).max() > 0.1 * np.abs(both).max()


@pytest.mark.parametrize("readout", [Readout.QUADRATIC_LAST, Readout.QUADRATIC_MEAN])
def test_powers_are_even_in_the_input_and_contents_are_odd(readout):
    signals, noise = drawn(3)
    ring, zero = simple_ring("S4D-Lin"), np.zeros_like(noise)
    there, back = (RingResponses(ring, sign * signals, zero) for sign in (1, -1))
    np.testing.assert_array_equal(there.features(readout, 1.0), back.features(readout, 1.0))
    for linear in (Readout.LINEAR_LAST, Readout.LINEAR_MEAN):
        np.testing.assert_allclose(there.features(linear, 1.0), -back.features(linear, 1.0), atol=1e-15)


def test_many_sequences_are_run_in_batches_with_the_same_result():
    signals, noise = drawn(4, count=205, length=5)
    ring = simple_ring("S4D-Lin")
    for readout in Readout:
        found = RingResponses(ring, signals, noise).features(readout, 0.5)
        np.testing.assert_allclose(found, direct(ring, signals + 0.5 * noise, readout), atol=1e-13)


def test_rings_of_several_channels_and_ragged_inputs_are_refused():
    signals, noise = drawn(5)
    several = model_rings(s4d_lin(2, output_vector=(1, 1)), [0.1, 0.2])
    with pytest.raises(ValueError, match="one channel"):
        RingResponses(several, signals, noise)
    with pytest.raises(ValueError, match="are \\(batch, length\\)"):
        RingResponses(simple_ring("S4D-Lin"), signals, noise[:, 1:])


def ridge(features, targets, penalty):
    """Ridge with a free offset, by least squares on an augmented system."""
    centre, offset = features.mean(axis=0), targets.mean(axis=0)
    deviation = features - centre
    rows = np.concatenate([deviation, np.sqrt(penalty) * np.eye(features.shape[1])])
    right = np.concatenate([targets - offset, np.zeros((features.shape[1], targets.shape[1]))])
    weights = np.linalg.lstsq(rows, right, rcond=None)[0]
    return lambda x: (x - centre) @ weights + offset


@given(seed=st.integers(0, 2**32 - 1), noise=st.sampled_from([0.01, 1.0, 30.0]), classes=st.sampled_from([2, 3]))
def test_the_penalty_is_the_one_that_leaving_out_each_sequence_prefers(seed, noise, classes):
    generator = np.random.default_rng(seed)
    labels = np.arange(14) % classes
    features = np.eye(5)[labels] + noise * generator.standard_normal((14, 5))
    targets = np.eye(classes)[labels]
    deviation = features - features.mean(axis=0)
    scale = np.linalg.norm(deviation, 2) ** 2
    fitted = fit_ridge(features, labels, classes)
    expected = ridge(features, targets, fitted.penalty * scale)(features)
    np.testing.assert_allclose(
        fitted(features), expected, atol=1e-7
    )  # an augmented system with a penalty of 1e-30 is near singular
    errors = []
    for penalty in PENALTIES:
        left_out = [
            targets[row]
            - ridge(np.delete(features, row, 0), np.delete(targets, row, 0), penalty * scale)(features[row])
            for row in range(14)
        ]
        errors.append(np.mean(np.square(left_out)))
    chosen = errors[PENALTIES.index(fitted.penalty)]
    assert chosen <= min(errors) * (1 + 1e-6)


def graded(seed, smallest):
    """Features in random directions whose strengths fall to `smallest`; the label hangs on the faintest of them."""
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((600, 20))
    strengths = np.geomspace(1, smallest, 20)
    axes = np.linalg.qr(generator.standard_normal((20, 20)))[0]
    return scores * strengths @ axes, (scores[:, -1] > 0).astype(int)


@pytest.mark.parametrize("smallest", [1e-3, 1e-7, 1e-11])
def test_a_label_in_a_faint_direction_is_found_down_to_rounding(smallest):
    features, labels = graded(0, smallest)
    fitted = fit_ridge(features[:300], labels[:300], 2)
    assert fitted.accuracy(features[300:], labels[300:]) > 0.9
    assert not fitted.at_edge


def test_normal_equations_would_lose_it():
    features, _ = graded(0, 1e-11)
    deviation = features[:100] - features[:100].mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(deviation.T @ deviation)
    singular = np.linalg.svd(deviation, compute_uv=False)
    assert singular[-1] < 1e-10 * singular[0]
    assert abs(np.sqrt(abs(eigenvalues[0])) / singular[-1] - 1) > 10
    assert singular[-1] == pytest.approx(_singular_vectors(deviation)[1][-1], rel=1e-3)


def test_beyond_the_ends_of_the_grid_nothing_changes(monkeypatch):
    generator = np.random.default_rng(2)
    clean, labels = graded(1, 1e-13)
    for features, end in ((clean, 0), (generator.standard_normal((600, 20)), -1)):
        scores = []
        for further in (1.0, 1e-4 if end == 0 else 1e4):
            penalty = PENALTIES[end] * further
            monkeypatch.setattr("carleman_ssm.experiments.readouts.PENALTIES", (penalty,))
            found = fit_ridge(features, labels, 2)(features)
            scores.append((found - found.mean(axis=0)) / found.std(axis=0))
        np.testing.assert_allclose(scores[0], scores[1], atol=1e-2)


@pytest.mark.parametrize("shape", [(300, 63), (5, 3), (3, 5), (301, 64), (40, 1)])
def test_the_decomposition_by_halves_is_one(shape):
    matrix = np.random.default_rng(3).standard_normal(shape)
    left, values, right = _singular_vectors(matrix)
    np.testing.assert_allclose(left * values @ right, matrix, atol=1e-13)
    np.testing.assert_allclose(left.T @ left, np.eye(len(values)), atol=1e-13)
    np.testing.assert_allclose(values, np.linalg.svd(matrix, compute_uv=False), rtol=1e-12)


def test_of_a_real_spectrum_half_of_the_nodes_say_all():
    ring = simple_ring("S4D-Real")
    h = ring.node_contents(drawn(4)[0][:, :, None])[:, -1, 0]
    np.testing.assert_allclose(h[:, 1:], h[:, :0:-1].conj(), atol=1e-15)


def test_a_readout_of_nodes_and_one_of_modes_are_the_same():
    """The claim "waves tell them apart" is one about the state: another orthonormal basis changes nothing."""
    signals, noise = drawn(6, count=60)
    labels = np.arange(60) % 3
    nodes = RingResponses(simple_ring("S4D-Lin"), signals, noise).features(Readout.LINEAR_LAST, 1.0)
    x = nodes @ simple_ring("S4D-Lin").waves  # conjugate pairs: Re and Im of one half, each √2 times
    half = x[:, 32:]
    modes = np.concatenate([x[:, 31:32].real, np.sqrt(2) * half.real, np.sqrt(2) * half.imag], axis=1)
    np.testing.assert_allclose(fit_ridge(nodes, labels, 3)(nodes), fit_ridge(modes, labels, 3)(modes), atol=1e-9)
    stretched = modes * np.linspace(1, 100, 63)
    assert np.abs(fit_ridge(nodes, labels, 3)(nodes) - fit_ridge(stretched, labels, 3)(stretched)).max() > 1e-3


def test_scores_count_as_the_largest_and_r_squared_as_its_definition():
    labels = np.array([0, 1, 0, 1])
    fitted = fit_ridge(np.array([[0.0], [1.0], [0.1], [0.9]]), labels, 2)
    assert fitted.accuracy(np.array([[0.2], [0.8]]), np.array([0, 1])) == 1.0
    assert fitted.accuracy(np.array([[0.2], [0.8]]), np.array([1, 1])) == 0.5
    assert 0.97 < fitted.explained(np.array([[0.0], [1.0]]), np.array([0, 1])) <= 1.0
    assert fitted.explained(np.array([[0.0], [1.0]]), np.array([1, 0])) < 0


@pytest.mark.parametrize("shape", [(1, 3), (4,), (5, 2)])
def test_what_cannot_be_fitted_is_refused(shape):
    with pytest.raises(ValueError, match="of at least two"):
        fit_ridge(np.ones(shape), np.zeros(1 if shape == (1, 3) else 4, dtype=int), 2)
    with pytest.raises(ValueError, match="the same for all"):
        fit_ridge(np.ones((4, 3)), np.array([0, 1, 0, 1]), 2)
