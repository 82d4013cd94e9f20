"""Pairs of modes and nodes: closed forms against states step by step, kernels, exact sums, and false twins."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.interactions.layer_views import layer_drive
from carleman_ssm.interactions.mode_pairs import pair_matrices, sequence_pair_matrices, three_wave_response
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.geometric import geometric_sum, triangular_sum
from tests.strategies_networks import moderate_network

LENGTH = 9


def operator_of(form="one_layer", layers=1, features=2, **entries):
    network = moderate_network(layers, channels=3, modes=2, features=features, activation="square", **entries)
    sequences = np.random.default_rng(2).normal(size=(2, LENGTH, features))
    return network_operator(network, sequences=sequences, form=form), sequences[0]


def stepped_waves(layer, drive):
    """Real waves 2 Re C_n x_n and D u, (H, M + 1, L), by the recurrence."""
    state, found = np.zeros_like(layer.multipliers), []
    for u in drive:
        state = layer.multipliers * state + layer.input_vector * u[:, None]
        found.append(np.concatenate([2 * (layer.C * state).real, (layer.D * u)[:, None]], axis=1))
    return np.moveaxis(np.array(found), 0, -1)


def node_matrix(modes):
    return np.exp(-2j * np.pi * np.outer(np.arange(modes), np.arange(modes)) / modes) / modes


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("entries", [{}, {"norm": "batch"}, {"discretization": "bilinear", "output": "none"}])
def test_pairs_of_one_sequence_are_products_of_its_waves(pool, entries):
    operator, sequence = operator_of(pool=pool, **entries)
    found = sequence_pair_matrices(operator, sequence)
    waves = stepped_waves(operator.network.layers[0], sequence @ operator.form.drive_weight.value.T)
    weights = operator.second_order_kernel().weights
    expected = np.einsum("ihk,hak,hbk->ihab", weights, waves, waves)
    np.testing.assert_allclose(found.total, expected, atol=1e-12 * np.abs(expected).max())
    second = operator.second_order_kernel().quadratic_form(sequence[None])[0]
    for basis in ("modes", "nodes"):
        pairs = sequence_pair_matrices(operator, sequence, basis=basis)
        np.testing.assert_allclose(pairs.total.sum(axis=(1, 2, 3)), second, atol=1e-12 * np.abs(expected).max())
        np.testing.assert_allclose(pairs.over_channels, pairs.over_channels.swapaxes(1, 2), atol=1e-14)


@pytest.mark.parametrize("form", ["one_layer", "stack"])
@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("basis", ["modes", "nodes"])
def test_closed_forms_of_an_impulse_equal_its_states(form, pool, basis):
    operator, sequence = operator_of(form, pool=pool)
    impulse = np.zeros_like(sequence)
    impulse[0] = 1.0
    closed, stepped = (
        pair_matrices(operator, drive="impulse", basis=basis),
        sequence_pair_matrices(operator, impulse, basis=basis),
    )
    assert closed.steady
    for name in ("sums", "differences"):
        expected = getattr(stepped, name)
        np.testing.assert_allclose(getattr(closed, name), expected, atol=1e-13 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("form", ["one_layer", "stack"])
@pytest.mark.parametrize("pool", ["mean", "last"])
def test_closed_forms_of_white_noise_are_sums_over_impulses_at_every_step(form, pool):
    """Independent inputs: the expectation is the sum over single ones, each stepped through the network's states."""
    operator, sequence = operator_of(form, pool=pool, norm="batch", prenorm=True)
    expected = 0.0
    for step in range(LENGTH):
        for feature in range(2):
            single = np.zeros_like(sequence)
            single[step, feature] = 1.0
            expected = expected + sequence_pair_matrices(operator, single).total
    found = pair_matrices(operator).total
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())
    trace = [np.trace(operator.second_order_kernel().array(i).reshape(2 * LENGTH, -1)) for i in range(3)]
    np.testing.assert_allclose(found.sum(axis=(1, 2, 3)), trace, rtol=1e-10)


def test_nodes_are_the_fourier_transform_of_modes():
    operator, sequence = operator_of()
    layer, modes = operator.network.layers[0], 2
    drive = layer_drive(operator, sequence, 0)
    state, found = np.zeros_like(layer.multipliers), []
    for u in drive:
        state = layer.multipliers * state + u[:, None]  # the gauge with input 1
        found.append(state)
    pairs = sequence_pair_matrices(operator, sequence, basis="nodes")
    order = np.argsort(np.angle(layer.multipliers), axis=1) if _by_angle(layer) else np.arange(modes)[None].repeat(3, 0)
    states = np.take_along_axis(np.moveaxis(np.array(found), 0, -1), order[..., None], axis=1)
    contents = np.einsum("jn,hnk->hjk", node_matrix(modes), states)
    weights = np.take_along_axis(layer.C * layer.input_vector, order, axis=1) @ (modes * node_matrix(modes).conj())
    waves = 2 * (weights[..., None] * contents).real
    expected = np.einsum("ihk,hak,hbk->ihab", operator.second_order_kernel().weights, waves, waves)
    np.testing.assert_allclose(pairs.total[:, :, :modes, :modes], expected, atol=1e-12 * np.abs(expected).max())


def _by_angle(layer):
    return np.abs(layer.A_imag * layer.step[:, None]).max() >= np.pi


@pytest.mark.parametrize("closure", ["complex", "real", "antiperiodic"])
@pytest.mark.parametrize("basis", ["modes", "nodes"])
def test_every_closure_of_the_ring_holds_the_same_second_order(closure, basis):
    """S4D-Lin has a real mode, shifted by half a turn it has none: the rings that fit each."""
    shift = 0.5 if closure == "antiperiodic" else 0.0
    frequencies = np.pi * (np.arange(4) + shift) * np.ones((2, 1))
    generator = np.random.default_rng(4)
    readout = generator.normal(size=(2, 4)) + 1j * generator.normal(size=(2, 4))
    layer = S4DLayer([-3.0, -2.0], np.log(0.5) * np.ones((2, 4)), frequencies, readout, [0.3, -0.2])
    config = NetworkConfig(activation="square", output="none", residual=False)
    network = S4DNetwork([[1.0], [0.5]], [0.0, 0.1], (layer,), np.eye(2), [0.0, 0.0], config)
    sequence = generator.normal(size=(30, 1))
    operator = network_operator(network, sequences=sequence[None])
    pairs = sequence_pair_matrices(operator, sequence, basis=basis, closure=closure)
    assert pairs.sums.shape[-1] == {"complex": 5, "real": 8, "antiperiodic": 9}[closure]
    second = operator.second_order_kernel().quadratic_form(sequence[None])[0]
    np.testing.assert_allclose(pairs.total.sum(axis=(1, 2, 3)), second, atol=1e-11 * np.abs(pairs.total).max())
    impulse = np.eye(30, 1)
    closed = pair_matrices(operator, drive="impulse", basis=basis, closure=closure)
    stepped = sequence_pair_matrices(operator, impulse, basis=basis, closure=closure)
    for name in ("sums", "differences"):
        expected = getattr(stepped, name)
        np.testing.assert_allclose(getattr(closed, name), expected, atol=1e-12 * np.abs(expected).max())


def test_pairs_of_a_deeper_layer_are_its_share_of_the_second_order():
    """Both layers' shares make the second order of a network whose later layers stay linear along the way."""
    operator, sequence = operator_of("stack", layers=2)
    small = operator.centre + 1e-4 * (sequence - operator.centre)
    shares = [sequence_pair_matrices(operator, small, layer=layer).total.sum(axis=(1, 2, 3)) for layer in (0, 1)]
    second = operator.second_order_kernel().quadratic_form((small - operator.centre)[None])[0]
    # What is missing is of third order in a deviation of 1e-4.
    np.testing.assert_allclose(shares[0] + shares[1], second, rtol=1e-2, atol=1e-3 * np.abs(shares).max())
    assert np.abs(shares[0] - second).max() > 0.05 * np.abs(second).max()  # one layer alone is refuted


def test_a_mode_resonates_with_its_own_conjugate():
    """Two slow modes: the difference of a mode with itself outgrows the pair of different modes by their detuning."""
    layer = S4DLayer([-3.0], [[-3.0, -3.0]], [[3.0, 20.0]], [[1.0, 1.0]], [0.0])
    config = NetworkConfig(activation="square", output="none", residual=False)
    network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    operator = network_operator(network, input_bound=1.0, length=400)
    found = pair_matrices(operator)
    assert found.differences[0, 0, 0, 0] > 20 * abs(found.differences[0, 0, 0, 1])
    assert found.differences[0, 0, 0, 0] > 20 * abs(found.sums[0, 0, 0, 0])
    np.testing.assert_allclose(found.angles[0], layer.step[0] * layer.A_imag[0], rtol=1e-12)


def test_a_fitted_decoder_with_changing_curvature_says_so():
    network = moderate_network(1)
    sequences = np.random.default_rng(3).normal(size=(4, LENGTH, 1))
    operator = network_operator(network, sequences=sequences, degree=6, centre="mean")
    assert not pair_matrices(operator).steady
    assert sequence_pair_matrices(operator, sequences[0]).steady


@st.composite
def ratios(draw):
    kind = draw(st.sampled_from(("disc", "near one", "one", "zero", "circle", "minus one")))
    size = 10.0 ** -draw(st.integers(1, 15))
    angle = draw(st.floats(0, 6.25))
    if kind == "disc":
        return draw(st.floats(0, 1)) * np.exp(1j * angle)
    return {
        "near one": 1 - size * np.exp(1j * (angle % 1.5)),
        "one": 1.0 + 0j,
        "zero": 0j,
        "circle": np.exp(1j * angle),
        "minus one": -1 + 0j,
    }[kind]


@given(ratios(), st.integers(1, 300))
def test_geometric_sums_equal_their_terms_at_50_digits(ratio, count):
    with mpmath.workdps(50):
        z = mpmath.mpc(complex(ratio))
        plain = mpmath.fsum(z**k for k in range(count))
        weighted = mpmath.fsum((count - k) * z**k for k in range(count))
        total = mpmath.fsum(abs(z) ** k for k in range(count))
        found = geometric_sum(np.array([ratio]), count)[0], triangular_sum(np.array([ratio]), count)[0]
        # 1e-11 of the sum of sizes: a ratio near 1 is itself known to 1e-16 of 1 − z at best.
        assert abs(plain - found[0]) <= 1e-11 * total
        assert abs(weighted - found[1]) <= 1e-11 * count * total


@pytest.mark.parametrize("count", [1100, 10**6])
def test_long_geometric_sums_raise_no_warnings(count):
    """Warnings are errors here: what is not taken of the two ways must not overflow."""
    ratio = np.array([0.9 * np.exp(1j), 1.0, 1 - 1e-9, np.exp(0.3j), -1.0, 0.0])
    found = geometric_sum(ratio, count)
    for z, value in zip(ratio.tolist(), found.tolist(), strict=True):
        with mpmath.workdps(50):
            exact = count if z == 1 else (1 - mpmath.mpc(z) ** count) / (1 - mpmath.mpc(z))
        assert abs(exact - value) <= 1e-9 * count
    assert np.isfinite(triangular_sum(ratio, count)).all()


@pytest.mark.parametrize("drive", ["white", "impulse"])
def test_pair_matrices_of_long_sequences_raise_no_warnings(drive):
    network = moderate_network(1, channels=3, modes=2, features=2, activation="square")
    operator = network_operator(network, input_bound=1.0, length=1100)
    assert np.isfinite(pair_matrices(operator, drive=drive).total).all()


def test_geometric_sums_of_rational_ratios_are_exact():
    for ratio in (Fraction(1, 2), Fraction(-3, 4), Fraction(1023, 1024)):
        for count in (1, 2, 17):
            exact = sum((ratio**k for k in range(count)), Fraction(0))
            assert geometric_sum(np.array([complex(ratio)]), count)[0] == pytest.approx(float(exact), rel=1e-13)


def test_three_waves_resonate_where_their_angles_add_up():
    """S4D-Lin with equal steps: modes n1 + n2 = r (THEORY T18); the sum over delays is the other route."""
    modes = np.exp((-0.5 + 1j * np.pi * np.arange(6)) * 0.05)
    steps = 60
    found = three_wave_response(modes, modes, steps)
    delays = np.arange(steps + 1)
    pair = (modes[:, None] * modes)[:, :, None, None]
    expected = (modes[None, None, :, None] ** (steps - delays) * pair**delays).sum(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    for n, m in ((1, 2), (2, 2), (1, 4)):
        assert np.abs(found[n, m]).argmax() == n + m
    far = np.abs(found[1, 2])
    assert far[3] > 3 * np.delete(far, 3).max()
    np.testing.assert_allclose(three_wave_response(modes, np.zeros(1), 3)[:, :, 0], pair[..., 0, 0] ** 3, rtol=1e-12)
    assert three_wave_response(np.zeros(1), np.zeros(1), 3)[0, 0, 0] == 0


def test_one_step_of_two_waves_holds_their_product():
    assert three_wave_response(np.array([0.5 + 0j]), np.array([0.2 + 0j]), 0)[0, 0, 0] == 1
    with pytest.raises(ValueError, match="at least 0"):
        three_wave_response(np.array([0.5 + 0j]), np.array([0.2 + 0j]), -1)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"basis": "rings"}, "unknown basis"), ({"drive": "noise"}, "unknown drive"), ({"layer": 1}, "layers 0 to 0")],
)
def test_an_unknown_choice_is_refused(options, message):
    operator, _ = operator_of()
    with pytest.raises(ValueError, match=message):
        pair_matrices(operator, **options)


def test_a_sequence_of_another_shape_is_refused():
    operator, sequence = operator_of()
    with pytest.raises(ValueError, match="must agree"):
        sequence_pair_matrices(operator, sequence[:-1])
