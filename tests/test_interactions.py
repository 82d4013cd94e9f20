"""Contributions by order and Volterra kernels, against scaling, differences and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.volterra_kernels import MAX_ENTRIES, SecondOrderKernel
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.theory.ladder import least_squares_ladder, truncation_ladder
from tests.strategies_networks import input_sequences, s4d_networks


@st.composite
def polynomial_cases(draw):
    network = draw(s4d_networks(activations=("identity", "square", "cube", "poly")))
    sequences = draw(input_sequences(network.features))
    return network, sequences, draw(st.sampled_from(["zero", "mean"]))


def scale_of(values):
    return max(1.0, float(np.abs(values).max()))


@given(polynomial_cases())
def test_orders_sum_to_the_logits_and_scale_by_their_degree(case):
    """Order q of the deviation scaled by ε is ε^q times order q: the definition of a total degree."""
    network, sequences, centre = case
    operator = network_operator(network, sequences=sequences, centre=centre)
    parts = operator.orders(sequences)
    tolerance = 1e-11 * scale_of(parts)  # rounding of sums of terms of that size
    np.testing.assert_allclose(parts.sum(axis=-1), operator(sequences), atol=tolerance)
    for scale in (0.5, -1.0):
        moved = operator.centre + scale * (sequences - operator.centre)
        if np.abs(moved).max() > operator.certificate.input_bound:
            continue
        expected = parts * scale ** np.arange(operator.degree + 1)
        np.testing.assert_allclose(operator(moved), expected.sum(axis=-1), atol=tolerance)


@given(polynomial_cases())
def test_first_and_second_kernel_rebuild_orders_one_and_two(case):
    network, sequences, centre = case
    operator = network_operator(network, sequences=sequences, centre=centre)
    parts, deviation = operator.orders(sequences), sequences - operator.centre
    tolerance = 1e-11 * scale_of(parts)
    first = np.einsum("isj,bsj->bi", operator.first_order_kernel(), deviation)
    np.testing.assert_allclose(first, parts[..., 1], atol=tolerance)
    kernel = operator.second_order_kernel()
    second = kernel.quadratic_form(deviation)
    if operator.degree >= 2:
        np.testing.assert_allclose(second, parts[..., 2], atol=tolerance)
    for label in range(network.classes):
        array = kernel.array(label)
        np.testing.assert_allclose(array, array.transpose(2, 3, 0, 1), atol=tolerance)
        brute = np.einsum("sjtk,bsj,btk->b", array, deviation, deviation)
        np.testing.assert_allclose(brute, second[:, label], atol=tolerance)


def test_kernels_of_a_fit_are_its_derivatives():
    """Central differences of the operator itself; the false twin (no factor ½) is told apart."""
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:100]
    operator = network_operator(network, degree=12, sequences=sequences, centre="mean")
    generator, width = np.random.default_rng(0), 1e-3
    direction = generator.normal(size=operator.centre.shape) * width * (operator.centre > 0.05)
    ahead, here, behind = operator(
        np.stack([operator.centre + direction, operator.centre, operator.centre - direction])
    )
    first = np.einsum("isj,sj->i", operator.first_order_kernel(), direction)
    np.testing.assert_allclose((ahead - behind) / 2, first, atol=1e-3 * np.abs(first).max())
    second = operator.second_order_kernel().quadratic_form(direction[None])[0]
    difference = (ahead - 2 * here + behind) / 2
    np.testing.assert_allclose(difference, second, atol=1e-3 * np.abs(second).max())
    assert not np.allclose(difference, 2 * second, atol=1e-3 * np.abs(second).max())


def test_orders_of_a_fit_are_its_nested_fits():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:60]
    operator = network_operator(network, degree=6, sequences=sequences)
    parts = operator.orders(sequences)
    assert parts.shape == (60, 10, 7)
    np.testing.assert_allclose(parts.sum(axis=-1), operator(sequences), atol=1e-11)
    lower = network_operator(network, degree=4, sequences=sequences, fit="least_squares")
    np.testing.assert_allclose(parts[..., :5].sum(axis=-1), lower(sequences), atol=1e-8)


def test_without_sequences_the_nested_fits_are_truncations():
    operator = network_operator(load_network("digits-gelu"), degree=5, input_bound=0.2, length=16)
    rungs = operator.decoders.ladder
    assert rungs.shape == (6, 6, 16)
    np.testing.assert_array_equal(rungs[3, :4], operator.decoders.coefficients[:4])
    assert not rungs[3, 4:].any()


@given(st.integers(0, 8), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_ladder_rungs_are_the_least_squares_fits(degree, count, seed):
    generator = np.random.default_rng(seed)
    position, values = generator.uniform(-1, 1, count), generator.normal(size=count)
    rungs = least_squares_ladder(position, values, degree)
    for p, row in enumerate(rungs):
        assert not row[p + 1 :].any()
        basis = np.polynomial.chebyshev.chebvander(position, p)
        residual = values - basis @ row[: p + 1]
        best = np.linalg.lstsq(basis, values, rcond=None)[0]
        assert np.linalg.norm(residual) <= np.linalg.norm(values - basis @ best) * (1 + 1e-6) + 1e-6


def test_truncation_ladder_cuts_the_series():
    np.testing.assert_array_equal(truncation_ladder(np.array([1.0, 2.0, 3.0])), [[1, 0, 0], [1, 2, 0], [1, 2, 3]])


def test_an_oversized_kernel_is_refused_with_the_form_to_use():
    length = int(MAX_ENTRIES**0.5) + 1
    kernel = SecondOrderKernel(np.ones((1, 1, length)), np.ones((1, length)), np.ones((1, 1)))
    with pytest.raises(ValueError, match="use quadratic_form"):
        kernel.array(0)


def test_orders_want_sequences_of_the_centre_s_length():
    sequences = shipped_sequences("frequencies").x[:3]
    operator = network_operator(load_network("frequencies"), sequences=sequences)
    with pytest.raises(ValueError, match="the centre has 64 steps, the sequences 10"):
        operator.orders(sequences[:, :10])


def test_the_most_important_channel_hurts_most():
    """Silencing the channel that is called most important moves decisions more than silencing the least one."""
    network = load_network("digits-quadratic")
    sequences = shipped_sequences("digits-quadratic").x[:100]
    operator = network_operator(network, sequences=sequences)
    importance = operator.channel_importance(sequences)
    values = operator.decoders(operator.preactivations(sequences)).mean(axis=1)
    moved = []
    for channel in (importance.argmax(), importance.argmin()):
        silenced = values.copy()
        silenced[:, channel] = values[:, channel].mean()
        change = (values - silenced) @ operator.form.readout.value.T
        moved.append(np.linalg.norm(change - change.mean(axis=1, keepdims=True)))
    assert moved[0] > moved[1]
