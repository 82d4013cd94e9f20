"""The network's own activations as decoders: derivatives in mpmath and in balls, networks by the simulation."""

import sys

import mpmath as mp
import numpy as np
import pytest
from flint import arb, arb_series
from hypothesis import example, given
from hypothesis import strategies as st

from carleman_ssm.operators.activation_decoders import ActivationDecoders, activation_decoders, own_decoders
from carleman_ssm.operators.activation_series import SERIES, gelu, silu
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.jets import orders_with_remainder
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import run_logits
from carleman_ssm.theory.activations import activation
from tests.oracles import ball_precision
from tests.strategies_networks import input_sequences, moderate_network, s4d_networks
from tests.test_activations import reference

ORDER = 6
NAMES = sorted(SERIES)


@pytest.mark.parametrize("name", NAMES)
@example(y=0.0)
@example(y=2.0**0.5)
@example(y=-1e-300)
@example(y=36.9)
@given(y=st.floats(-25, 25))
def test_taylor_coefficients_lie_in_the_balls_of_exact_arithmetic(name, y):
    found = SERIES[name](np.array([y]), ORDER)[:, 0]
    with ball_precision(300):  # 1 + erf cancels to 1e-138 in the tail
        exact = activation(name).series(arb_series([arb(y), arb(1)]))
        balls = [exact[q] for q in range(ORDER + 1)]
    # In the tail a coefficient is e^{-|y|} or e^{-y²/2} times a polynomial: the rounding of y², of relative size
    # y² 2⁻⁵³, moves it as a whole; near its own zeros only the terms that cancel there tell its accuracy.
    cancelling = np.exp(-np.abs(y)) if name != "gelu" else np.exp(-y * y / 2) * (1 + abs(y)) ** ORDER
    for q, ball in enumerate(balls):
        value = float(ball.mid())
        size = abs(value) * (1 + abs(y) ** 3) + min(1.0, cancelling) * (1 + abs(y) ** 4)
        assert abs(found[q] - value) <= 4e-15 * size + 1e-300, (q, found[q], value)


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_far_out_are_those_of_the_asymptotes(name):
    """Where squares and cubes of y overflow: 0 or a straight line, never NaN."""
    far = np.array([1e100, 1e200, 1.7e308])
    for sign in (-1.0, 1.0):
        found = SERIES[name](sign * far, ORDER)
        level = np.full(3, {"sigmoid": max(sign, 0.0), "tanh": sign}.get(name, np.nan))
        line = far if sign > 0 else np.zeros(3)
        np.testing.assert_array_equal(found[0], np.where(np.isnan(level), line, level))
        np.testing.assert_array_equal(found[1], np.where(np.isnan(level), float(sign > 0), 0.0))
        assert not found[2:].any()


def test_decoders_are_those_of_a_network():
    with pytest.raises(TypeError, match="expected a network of time-invariant layers, got str"):
        own_decoders("x")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("digits", [30, 60])
def test_derivatives_are_differences_of_mpmath_at_two_precisions(name, digits):
    points = np.array([-3.0, -0.5, 0.0, 1.25, 4.0])
    found = SERIES[name](points, 3)
    for y, column in zip(points.tolist(), found.T, strict=True):
        with mp.workdps(digits):
            step = mp.mpf(10) ** (-digits // 5)  # third differences: h² truncated, 10^-digits / h³ rounded
            at = [reference(name, mp.mpf(y) + k * step) for k in (-2, -1, 0, 1, 2)]
            first = (at[3] - at[1]) / (2 * step)
            second = (at[3] - 2 * at[2] + at[1]) / step**2
            third = (at[4] - 2 * at[3] + 2 * at[1] - at[0]) / (2 * step**3)
            expected = [float(v) for v in (at[2], first, second / 2, third / 6)]
        np.testing.assert_allclose(column, expected, atol=1e-11 if digits == 30 else 1e-14)


def test_the_curvature_of_gelu_is_two_minus_y_squared_times_the_density():
    y = np.linspace(-6, 6, 101)
    density = np.exp(-y * y / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(2 * gelu(y, 2)[2], (2 - y * y) * density, atol=1e-15)
    # False twins: the curvature of SiLU, and 1 − y² in place of 2 − y².
    assert np.abs(2 * silu(y, 2)[2] - (2 - y * y) * density).max() > 0.1
    assert np.abs(2 * gelu(y, 2)[2] - (1 - y * y) * density).max() > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_order_zero_is_the_activation_and_order_one_its_slope(name):
    phi, y = activation(name), np.concatenate([np.linspace(-50, 50, 201), [1e-12, -300.0, 300.0]]).reshape(2, -1)
    decoders = ActivationDecoders(phi, channels=y.shape[1])
    taylor = decoders.taylor(y, 1)
    assert taylor.shape == (2, *y.shape)
    np.testing.assert_array_equal(decoders(y), phi(y))
    np.testing.assert_allclose(taylor[0], phi(y), rtol=1e-15, atol=0)
    np.testing.assert_allclose(taylor[1], phi.derivative(y), rtol=1e-13, atol=1e-300)
    assert np.isfinite(SERIES[name](np.array([1e90, -1e90]), 4)).all()


@pytest.mark.parametrize("name", NAMES)
def test_orders_asked_for_are_prefixes_of_one_series(name):
    y = np.linspace(-4, 4, 9)
    whole = SERIES[name](y, 5)
    for order in range(5):
        np.testing.assert_array_equal(SERIES[name](y, order), whole[: order + 1])


def test_what_is_exact_and_what_is_refused():
    own = activation_decoders(activation("gelu"), 3)
    assert own.exact
    assert own.degree == sys.maxsize
    assert not own.fit_error.any()
    assert all(np.isinf(end).all() for end in own.interval)
    for refused in (own.rounding, own.magnitude):
        with pytest.raises(TypeError, match="certificates need the polynomial decoders"):
            refused(np.ones(3))
    assert isinstance(activation_decoders(activation("poly", [1.0, 0.5]), 3), ExactDecoders)
    with pytest.raises(ValueError, match="a polynomial has ExactDecoders"):
        ActivationDecoders(activation("square"), 3)


@given(st.data())
def test_a_stack_with_its_own_decoders_is_the_network(data):
    network = data.draw(
        s4d_networks(outputs=("linear", "none", "glu"), norms=("none", "batch", "layer", "rms"), max_layers=2)
    )
    x = data.draw(input_sequences(network.features))
    simulated = network(x)
    found = run_logits(build_stack(network, x.shape[1]), own_decoders(network), x)
    reached = max(float(np.abs(y).max()) for y in network.preactivations(x))
    size = 1 + np.abs(simulated).max()
    if np.isfinite(size) and reached < 1e4:  # two summations of different order; norms may divide by tiny spreads
        np.testing.assert_allclose(found, simulated, atol=1e-7 * size)


@pytest.mark.parametrize("output", ["linear", "glu"])
def test_orders_at_any_depth_leave_a_remainder_of_the_next_order(output):
    network = moderate_network(2, features=2, activation="gelu", output=output, norm="layer")
    stack, decoders = build_stack(network, 6), own_decoders(network)
    generator = np.random.default_rng(4)
    centre, direction = generator.normal(size=(6, 2)), 0.2 * generator.normal(size=(6, 2))

    def falls(change):
        left = []
        for scale in (1.0, 0.5):
            parts = orders_with_remainder(stack, decoders, centre, (centre + scale * direction)[None], 3)
            left.append(np.abs(parts[-1] + change * parts[2]).max())
        return left[0] / left[1]

    # ε⁴ and what follows: halving ε divides by 16, up to the share of the orders after it
    assert 12 < falls(0.0) < 20
    assert falls(0.1) < 8  # a curvature that is wrong by a tenth leaves ε², which halving divides by 4
