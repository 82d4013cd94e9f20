"""The operator of a one-layer network against exact real arithmetic, and its certificate against attacks."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.kernel import convolution_kernel
from carleman_ssm.operators.construction import CERTIFIED_SHARE, network_operator
from carleman_ssm.operators.decoders import ExactDecoders, FittedDecoders
from carleman_ssm.operators.operator import DomainError
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.theory.clenshaw import clenshaw
from tests.oracles import exact_logits, largest_error, widest_radius
from tests.strategies_networks import input_sequences, s4d_networks

SMOOTH = ("gelu", "gelu_tanh", "silu")
POLYNOMIAL = ("identity", "square", "cube", "poly")


def certified_gap(operator, sequences):
    """Largest |printed − exact| / certified error over sequences and classes: above 1 refutes the certificate."""
    exact = exact_logits(operator.network, sequences)
    printed, ratios = operator(sequences), []
    for label, bound in enumerate(operator.certified_error):
        error = largest_error(printed[:, label], exact[:, label])
        ratios.append(error / bound)
    assert widest_radius(exact) < 1e-20
    return max(ratios)


@st.composite
def networks_with_sequences(draw, activations):
    network = draw(s4d_networks(activations=activations))
    return network, draw(input_sequences(network.features))


@given(networks_with_sequences(SMOOTH), st.integers(0, 9))
def test_certificate_for_given_sequences_holds_against_exact_arithmetic(case, degree):
    network, sequences = case
    operator = network_operator(network, degree=degree, sequences=sequences)
    assert certified_gap(operator, sequences) <= 1


@given(networks_with_sequences(POLYNOMIAL))
def test_polynomial_networks_are_exact_up_to_certified_rounding(case):
    network, sequences = case
    operator = network_operator(network, sequences=sequences)
    assert operator.decoders.exact
    assert not operator.decoders.fit_error.any()
    assert certified_gap(operator, sequences) <= 1


@given(networks_with_sequences((*SMOOTH, "square")), st.integers(0, 6), st.sampled_from([0.0, 0.3, 2.0]))
def test_certificate_for_a_box_holds_on_random_and_extreme_inputs(case, degree, bound):
    network, sequences = case
    wanted = None if network.config.activation == "square" else degree
    operator = network_operator(network, degree=wanted, input_bound=bound, length=sequences.shape[1])
    inside = np.clip(sequences, -1, 1) * bound
    corners = bound * np.sign(operator.first_order_kernel())  # pushes every logit as far as its gradient goes
    assert certified_gap(operator, np.concatenate([inside, corners, -corners])) <= 1


@given(networks_with_sequences(("gelu",)))
def test_box_intervals_are_reached_and_not_left(case):
    network, sequences = case
    operator = network_operator(network, degree=2, input_bound=1.0, length=sequences.shape[1])
    form, length = operator.form, sequences.shape[1]
    for channel in range(form.channels):
        weights = form.kernel.value[channel, :length][::-1, None] * form.drive_weight.value[channel]
        ends = operator.preactivations(np.stack([np.sign(weights), -np.sign(weights)]))[:, -1, channel]
        lower, upper = operator.certificate.lower[channel], operator.certificate.upper[channel]
        assert lower <= ends.min() <= ends.max() <= upper
        # The last step has the longest reach; the interval may only be wider through the bias's trajectory.
        reach = np.abs(weights).sum()
        assert ends.max() - ends.min() == pytest.approx(2 * reach, rel=1e-9, abs=1e-12)


def test_an_understated_fit_error_is_refuted():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:3]
    operator = network_operator(network, degree=3, sequences=sequences)
    assert certified_gap(operator, sequences) <= 1
    certificate = replace(operator.certificate, decoder_error=operator.certificate.decoder_error * 1e-3)
    assert certified_gap(replace(operator, certificate=certificate), sequences) > 1


def test_an_understated_rounding_is_refuted():
    network = load_network("digits-quadratic")
    sequences = shipped_sequences("digits-quadratic").x[:3]
    operator = network_operator(network, sequences=sequences)
    certificate = replace(operator.certificate, decoder_error=np.zeros(16), other_error=np.full(10, 1e-18))
    assert certified_gap(replace(operator, certificate=certificate), sequences) > 1


@pytest.mark.parametrize("name", ["digits-gelu", "digits-quadratic", "frequencies"])
def test_shipped_networks_hold_their_certificate(name):
    network = load_network(name)
    sequences = shipped_sequences(name).x
    operator = network_operator(network, sequences=sequences)
    assert certified_gap(operator, sequences[:4]) <= 1
    measured = np.abs(operator(sequences) - network(sequences)).max(axis=0)
    assert (measured <= operator.certified_error + 1e-10).all()  # 1e-10: the simulation's own rounding


def test_the_chosen_degree_is_the_smallest():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x
    operator = network_operator(network, sequences=sequences)
    below = network_operator(network, degree=operator.degree - 1, sequences=sequences)
    share = [one.certified_same_class(one(sequences)).mean() for one in (below, operator)]
    assert share[0] < CERTIFIED_SHARE <= share[1]


def test_certified_classes_are_those_of_the_exact_network():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:40]
    operator = network_operator(network, degree=4, sequences=sequences)
    logits = operator(sequences)
    certified = operator.certified_same_class(logits)
    assert 0 < certified.sum() < len(certified)  # both kinds occur, or the test says nothing
    assert (logits.argmax(axis=1) == network(sequences).argmax(axis=1))[certified].all()


def test_a_margin_below_its_bound_is_not_certified():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:5]
    operator = network_operator(network, degree=6, sequences=sequences)
    bound = operator.certificate.per_pair[2, 7]
    logits = np.full((2, 10), -1e6)
    logits[:, 2] = 0.0
    logits[:, 7] = [-bound * 0.999, -bound * 1.001]
    assert operator.certified_same_class(logits).tolist() == [False, True]


def test_an_input_that_leaves_an_interval_is_named():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x
    operator = network_operator(network, degree=6, sequences=sequences[:50])
    checkerboard = np.tile([0.0, 1.0], 32)[None, :, None]
    with pytest.raises(DomainError, match=r"sequence 1 leaves the certified interval of channel \d+ at step \d+"):
        operator(np.concatenate([sequences[:1], checkerboard]))


def test_inputs_past_the_bound_or_the_length_are_refused():
    operator = network_operator(load_network("digits-gelu"), degree=3, input_bound=0.5, length=10)
    with pytest.raises(DomainError, match=r"value of size 0\.6.*\|x\| <= 0\.5"):
        operator(np.full((1, 10, 1), 0.6))
    with pytest.raises(DomainError, match="11 steps, the operator holds for at most 10"):
        operator(np.zeros((1, 11, 1)))
    with pytest.raises(ValueError, match="NaN or infinity"):
        operator(np.full((1, 5, 1), np.nan))
    with pytest.raises(ValueError, match=r"expected sequences \(batch, length, 1\)"):
        operator(np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"none of these 0; got shape \(0, 10, 1\)"):
        operator(np.zeros((0, 10, 1)))
    assert operator(np.full((1, 10, 1), 0.5)).shape == (1, 10)  # both sides of the limit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give the inputs for which the operator shall hold"),
        ({"input_bound": 1.0}, "needs the length"),
        ({"input_bound": -1.0, "length": 4}, "not negative"),
        ({"input_bound": 1.0, "length": 0, "degree": 2}, "at least one step"),
        ({"input_bound": 1.0, "length": 4}, "give a degree, or sequences"),
        ({"input_bound": 1.0, "length": 4, "degree": 65}, "between 0 and 64"),
        ({"sequences": np.zeros((2, 3))}, "sequences must be finite and of shape"),
        ({"sequences": np.zeros((0, 3, 1))}, "none of them zero"),
        ({"sequences": np.zeros((2, 3, 2)), "degree": 2}, "takes 1 input channels, the sequences have 2"),
        ({"sequences": np.ones((2, 3, 1)), "degree": 2, "input_bound": 0.5}, "more than input_bound = 0.5"),
        (
            {"sequences": np.ones((2, 3, 1)), "degree": 2, "fit": "splines"},
            "'chebyshev', 'least_squares', 'taylor', 'cosine'",
        ),
        ({"input_bound": 1.0, "length": 4, "degree": 2, "fit": "least_squares"}, "needs sequences"),
        ({"input_bound": 1.0, "length": 4, "degree": 2, "centre": "mean"}, "'mean' \\(with sequences\\)"),
        ({"input_bound": 1.0, "length": 4, "degree": 2, "centre": np.zeros((3, 1))}, r"shape \(4, 1\)"),
    ],
)
def test_bad_requests_say_what_is_missing(arguments, message):
    with pytest.raises(ValueError, match=message):
        network_operator(load_network("digits-gelu"), **arguments)


def test_a_polynomial_is_not_truncated_silently():
    sequences = np.zeros((1, 4, 1))
    with pytest.raises(ValueError, match="degree 1 would truncate it"):
        network_operator(load_network("digits-quadratic"), degree=1, sequences=sequences)


@given(s4d_networks(outputs=("linear", "glu"), norms=("none", "layer"), max_layers=2))
def test_depth_gates_and_layer_norm_have_no_one_layer_form(network):
    config = network.config
    reasons = [
        ("S4D layers", len(network.layers) > 1),
        ("GLU", config.output == "glu"),
        ("LayerNorm", config.norm == "layer"),
    ]
    if not any(holds for _, holds in reasons):
        return
    with pytest.raises(ValueError, match="no one-layer operator") as caught:
        network_operator(network, degree=2, sequences=np.zeros((1, 3, network.features)), form="one_layer")
    for word, holds in reasons:
        assert (word in str(caught.value).split("network_operator gives")[0]) == holds


@given(networks_with_sequences(("gelu", "silu")), st.integers(2, 6))
def test_options_of_the_fit_keep_their_certificate(case, degree):
    network, sequences = case
    for options in ({"fit": "least_squares"}, {"shared_fit": True}, {"centre": "mean"}):
        operator = network_operator(network, degree=degree, sequences=sequences, **options)
        assert certified_gap(operator, sequences) <= 1


@given(networks_with_sequences(("identity",)))
def test_kernel_enclosure_holds_lag_by_lag(case):
    """An impulse into a network that passes pre-activations through reads the kernel out exactly."""
    network, sequences = case
    layer, length = network.layers[0], sequences.shape[1]
    plain = replace(
        network, encoder_weight=np.ones((network.channels, 1)), encoder_bias=np.zeros(network.channels),
        layers=(replace(layer, output_weight=None, output_bias=None, norm=None),),
        decoder_weight=np.eye(network.channels), decoder_bias=np.zeros(network.channels),
        config=replace(network.config, norm="none", output="none", residual=False, pool="last"),
    )  # fmt: skip
    enclosed = convolution_kernel(layer, length)
    for lag in range(length):
        exact = exact_logits(plain, np.eye(1, lag + 1)[..., None])[0]
        for channel in range(network.channels):
            assert largest_error(enclosed.value[channel, lag], exact[channel]) <= enclosed.error[channel, lag]


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_clenshaw_rounding_is_within_its_bound(degree, seed):
    generator = np.random.default_rng(seed)
    coefficients = generator.normal(size=(degree + 1, 1)) * 10.0 ** generator.integers(-6, 6)
    decoders = FittedDecoders(np.zeros(1), np.ones(1), coefficients, np.zeros(1), None, None)
    position = generator.uniform(-1, 1, (3, 1))
    printed, bound = decoders(position)[:, 0], decoders.rounding(np.ones(1))[0]
    for value, at in zip(printed.tolist(), position[:, 0].tolist(), strict=True):
        before, here, total = Fraction(1), Fraction(at), Fraction(0)
        for c in coefficients[:, 0].tolist():
            total += Fraction(c) * before
            before, here = here, 2 * Fraction(at) * here - before
        assert abs(Fraction(value) - total) <= bound


@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_stacked_clenshaw_equals_numpy_column_by_column(degree, channels, seed):
    generator = np.random.default_rng(seed)
    coefficients = generator.normal(size=(degree + 1, channels))
    position = generator.uniform(-1, 1, (5, channels))
    ours = clenshaw(coefficients, position)
    for channel in range(channels):
        theirs = np.polynomial.chebyshev.chebval(position[:, channel], coefficients[:, channel])
        np.testing.assert_allclose(ours[:, channel], theirs, rtol=0, atol=1e-12 * (degree + 1) ** 2)


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_toeplitz_convolution_equals_numpy(length, channels, seed):
    generator = np.random.default_rng(seed)
    kernel, drive = generator.normal(size=(channels, length)), generator.normal(size=(2, length, channels))
    ours = convolve(kernel, drive)
    for channel in range(channels):
        theirs = np.convolve(drive[1, :, channel], kernel[channel])[:length]
        np.testing.assert_allclose(ours[1, :, channel], theirs, atol=1e-12 * length)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(-3, 3))
def test_exact_decoders_bound_their_rounding(coefficients, at):
    decoders = ExactDecoders(np.array(coefficients), 1)
    value = float(decoders(np.array([at]))[0])
    exact = sum(Fraction(c) * Fraction(at) ** p for p, c in enumerate(coefficients))
    assert abs(Fraction(value) - exact) <= decoders.rounding(np.array([abs(at)]))[0]


def test_what_are_no_logits_is_not_certified():
    sequences = shipped_sequences("frequencies").x[:3]
    operator = network_operator(load_network("frequencies"), sequences=sequences)
    with pytest.raises(ValueError, match=r"expected logits \(batch, 4\)"):
        operator.certified_same_class(sequences)


def test_construction_reports_its_progress():
    said = []
    network_operator(load_network("digits-gelu"), sequences=shipped_sequences("digits-gelu").x[:20],
                     progress=said.append)  # fmt: skip
    assert said[0].startswith("degree 0: class certified for")
    assert len(said) >= 2
