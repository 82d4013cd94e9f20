"""Parts by degree in two windows: against interpolation of the simulation in two scales, and sums."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.interactions.window_marginals import window_marginals
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.operator import DomainError
from tests.strategies_networks import s4d_networks

DATA = Path(__file__).parent / "data"


def interpolated(network, base, one, other, degree):
    """Coefficients of s^p t^q of the simulation's logits at base + s·one + t·other, through (P + 1)² values."""
    nodes = np.polynomial.chebyshev.chebpts1(degree + 1)
    values = np.stack([network(base + s * one + t * other) for s in nodes for t in nodes])
    inverse = np.linalg.inv(np.vander(nodes, increasing=True))
    grid = values.reshape(degree + 1, degree + 1, *values.shape[1:])
    return np.einsum("ps,qt,st...->pq...", inverse, inverse, grid)


@settings(max_examples=20, deadline=None)
@given(
    s4d_networks(activations=("identity", "square", "cube", "poly")),
    st.integers(1, 7),
    st.sampled_from(["present", "absent"]),
    st.integers(0, 2**32 - 1),
)
def test_parts_are_the_coefficients_in_two_scales(network, length, rest, seed):
    generator = np.random.default_rng(seed)
    sequences = generator.uniform(-1, 1, (2, length, network.features))
    centre = generator.uniform(-1, 1, sequences.shape[1:])
    operator = network_operator(network, input_bound=1.0, length=length, centre=centre)
    owner = generator.integers(0, 3, centre.shape)
    found = window_marginals(operator, sequences, owner == 1, owner == 2, rest)
    deviation = sequences - centre
    one, other = (np.where(owner == number, deviation, 0.0) for number in (1, 2))
    base = sequences - one - other if rest == "present" else np.broadcast_to(centre, sequences.shape)
    degree = max(operator.degree, 1)
    wanted = interpolated(network, base, one, other, degree)
    scale = 1.0 + np.abs(wanted).max() + np.abs(found).max()
    # The inverse Vandermonde matrix of 5 Chebyshev nodes magnifies rounding by less than 10³.
    assert np.abs(found - wanted).max() < 1e-10 * scale


@pytest.fixture(scope="module")
def fitted():
    name = "digits64__L1_H16_N32_gelu_linear_batch__s0"
    network = load_network(DATA / f"{name}.npz")
    inputs = np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)
    return network_operator(network, sequences=inputs, degree=10), inputs


def test_parts_of_all_degrees_sum_to_the_logits(fitted):
    operator, inputs = fitted
    steps = np.arange(64)
    parts = window_marginals(operator, inputs, steps < 20, (steps >= 30) & (steps < 40))
    logits = operator(inputs)
    assert np.allclose(parts.sum(axis=(0, 1)), logits, rtol=0, atol=1e-9 * np.abs(logits).max())


def test_single_steps_have_the_parts_of_the_second_order_kernel(fitted):
    operator, inputs = fitted
    i, j = np.sort(np.argsort(inputs[0, :, 0])[-2:])
    one, other = (np.arange(64) == position for position in (i, j))
    part = window_marginals(operator, inputs[:1], one, other, "absent")[1, 1, 0]
    kernel = operator.second_order_kernel()
    wanted = [2 * kernel.array(label)[i, 0, j, 0] * inputs[0, i, 0] * inputs[0, j, 0] for label in range(10)]
    assert np.abs(wanted).max() > 1e-4
    assert np.allclose(part, wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())


def test_a_pair_part_with_the_rest_present_is_not_that_with_the_rest_absent(fitted):
    operator, inputs = fitted
    one, other = np.arange(64) < 32, np.arange(64) >= 48
    present, absent = (window_marginals(operator, inputs, one, other, rest)[1, 1] for rest in ("present", "absent"))
    assert np.abs(present - absent).max() > 1e-2 * np.abs(present).max()


def test_windows_that_are_none_are_refused(fitted):
    operator, inputs = fitted
    window = np.arange(64) < 9
    with pytest.raises(ValueError, match="overlap"):
        window_marginals(operator, inputs, window, window)
    with pytest.raises(ValueError, match="as booleans"):
        window_marginals(operator, inputs, window, np.arange(64))
    with pytest.raises(ValueError, match="'present' or 'absent'"):
        window_marginals(operator, inputs, window, ~window, "zero")
    with pytest.raises(DomainError, match="input_bound"):
        window_marginals(operator, 9 * inputs, window, ~window)


@pytest.mark.parametrize("rest", ["present", "absent"])
def test_a_residual_path_keeps_its_degree_where_the_decoders_have_none(rest):
    generator = np.random.default_rng(3)
    layer = S4DLayer(
        *generator.uniform(-1, 0, (1, 2)),
        *generator.uniform(-1, 1, (2, 2, 2)),
        C=generator.normal(size=(2, 2)) + 0j,
        D=generator.normal(size=2),
    )
    config = NetworkConfig(activation="gelu", output="none", residual=True)
    parts = generator.normal(size=(2, 1)), generator.normal(size=2)
    network = S4DNetwork(*parts, (layer,), generator.normal(size=(3, 2)), generator.normal(size=3), config)
    sequences, centre = generator.uniform(-1, 1, (2, 5, 1)), generator.uniform(-1, 1, (5, 1))
    operator = network_operator(network, input_bound=1.0, length=5, centre=centre, degree=0)
    window = np.arange(5) < 2
    found = window_marginals(operator, sequences, window, ~window, rest)
    logits = operator(sequences)
    assert operator.degree == 0
    assert found.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(found.sum(axis=(0, 1)), logits, rtol=0, atol=1e-13 * np.abs(logits).max())
    # The decoders are constant: what a window adds is the affine path of its deviation alone.
    alone = operator(np.where(window[:, None], sequences, centre)) - operator(centre[None])
    np.testing.assert_allclose(found[1, 0], alone, rtol=0, atol=1e-13 * np.abs(logits).max())
    assert np.abs(found[1, 0]).max() > 1e-2
    assert not found[1, 1].any()


@pytest.mark.parametrize("rest", ["present", "absent"])
def test_parts_that_cancel_to_rounding_are_refused_and_those_of_a_lower_degree_add_up(rest):
    network = load_network("OSULeaf-gelu-0")
    sequences = np.random.default_rng(0).normal(size=(2, 80, 1)).cumsum(axis=1) / 4
    window = np.arange(80) < 40
    steep, usual = (network_operator(network, sequences=sequences, degree=degree) for degree in (60, 12))
    with pytest.raises(ValueError, match=r"degree 60 reach .* cancel to rounding.*lower degree"):
        window_marginals(steep, sequences, window, ~window, rest)
    parts = window_marginals(usual, sequences, window, ~window, rest)
    logits = usual(sequences)
    assert np.abs(parts.sum(axis=(0, 1)) - logits).max() < 1e-8 * np.abs(logits).max()


def test_the_rest_may_leave_the_intervals_where_parts_are_those_of_the_polynomials_continued(fitted):
    operator, inputs = fitted
    inside, outside = np.arange(64) < 20, np.arange(64) >= 40
    alone = np.where((inside | outside)[:, None], inputs, operator.centre)
    values = operator.form.preactivations(alone)
    lower, upper = operator.decoders.interval
    assert ((values < lower) | (values > upper)).any()
    parts = window_marginals(operator, inputs, inside, outside, "absent")
    decoders = operator.decoders
    positions = (values - decoders.centre) / decoders.half_width
    vander = np.polynomial.chebyshev.chebvander(positions, decoders.degree)
    pooled = np.einsum("bkhj,jh->bkh", vander, decoders.coefficients).mean(axis=1)
    wanted = operator.form.read_out(pooled, operator.form.pooled(alone))
    assert np.abs(parts.sum(axis=(0, 1)) - wanted).max() < 1e-9 * np.abs(wanted).max()


def test_operators_of_another_kind_are_refused_with_a_remedy(fitted):
    operator, inputs = fitted
    stack = network_operator(operator.network, sequences=inputs, degree=4, form="stack")
    with pytest.raises(TypeError, match=r"got StackOperator: .*form='one_layer'.*interaction_indices"):
        window_marginals(stack, inputs, np.arange(64) < 9, np.arange(64) > 9)
