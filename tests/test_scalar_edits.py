"""Edits of one decoded value (T21): against dense scans, closed forms, SLSQP and simulation, residual path or none."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from carleman_ssm.networks.network import NetworkConfig, S4DNetwork
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.scalar_edits import (
    ScalarReadout,
    channel_readout,
    linear_edit,
    logit_readout,
    scalar_edit,
)
from carleman_ssm.steering.scalar_shifts import least_norm, nearest_root
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.scalar_edits import nearest_shift
from tests.strategies_networks import moderate_network

NAMES = ("gelu", "silu", "tanh", "sigmoid", "softplus", "identity", "square", "cube")
SCAN = np.linspace(-40, 40, 160_001)
reals = st.floats(-3, 3)


@given(st.sampled_from(NAMES), reals, reals, st.sampled_from((0.0, 0.5, -1.0)), st.floats(-2, 2))
def test_the_nearest_root_is_the_nearest_sign_change_of_a_dense_scan(name, y, weight, slope, wanted):
    """A scan with steps of 5e-4 may miss a pair of roots, never find one nearer than the proved nearest."""
    rule = activation(name)

    def left_over(t):
        return weight * (rule(y + t) - rule(np.array(y))) + slope * t - wanted

    found = nearest_root(rule, y, weight, slope, wanted)
    values = left_over(SCAN)
    crossings = np.flatnonzero(values[1:] * values[:-1] < 0)
    roots = [brentq(left_over, SCAN[i], SCAN[i + 1], xtol=1e-14) for i in crossings]
    nearest = min(map(abs, roots), default=np.inf)
    if found.shift is None:
        assert nearest == np.inf or not found.decided
        return
    size = abs(weight) * (1 + abs(y) + abs(found.shift)) ** 3 + abs(wanted) + abs(slope * found.shift)
    assert abs(left_over(found.shift)) <= 1e-11 * size
    assert abs(found.shift) <= nearest * (1 + 1e-9) + 1e-12
    assert found.lower_bound <= abs(found.shift) * (1 + 1e-12)
    assert not found.decided or found.lower_bound >= abs(found.shift) * (1 - 1e-9) - 1e-12


@given(reals, reals, st.floats(-2, 2))
def test_a_quadratic_decoder_has_the_closed_form_of_the_theory(y, linear, wanted):
    form = nearest_shift()
    s, g, r = form.arguments
    slope = linear + 2.0 * y
    discriminant = slope**2 + 4.0 * wanted
    rule = activation("poly", [linear, 1.0])
    found = nearest_root(rule, y, 1.0, 0.0, wanted)
    if abs(discriminant) < 1e-6 or abs(wanted) < 1e-6:
        return  # touching roots are undecided in rounding
    assert (found.shift is None) == (discriminant < 0)
    if found.shift is not None and abs(slope) > 1e-6:
        exact = form.expression.xreplace(form.where).xreplace({s: slope, g: 1.0, r: wanted})
        assert found.shift == pytest.approx(float(exact), rel=1e-9)


def test_the_nearer_of_two_roots_is_taken_and_the_farther_is_refuted():
    found = nearest_root(activation("square"), 1.0, 1.0, 0.0, 3.0)
    assert found.shift == 1.0
    farther = -3.0
    assert (1.0 + farther) ** 2 - 1.0 == 3.0
    assert abs(farther) > found.lower_bound


@pytest.mark.parametrize(
    ("name", "y", "wanted"), [("square", 1.0, -1.5), ("gelu", 0.0, -0.2), ("tanh", 0.0, 1.5), ("sigmoid", 0.0, -0.75)]
)
def test_values_out_of_reach_are_reported_as_such(name, y, wanted):
    found = nearest_root(activation(name), y, 1.0, 0.0, wanted)
    assert found.shift is None
    assert found.decided
    assert found.lower_bound == np.inf


def test_a_value_that_is_only_tended_to_is_not_decided():
    found = nearest_root(activation("tanh"), 0.0, 1.0, 0.0, 1.0)
    assert not found.decided
    assert found.shift is None or found.shift > 20


@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_the_least_norm_beside_a_residual_path_is_the_least_of_a_scan(name, seed):
    generator = np.random.default_rng(seed)
    kernel, residual = generator.normal(size=(2, 4)) * 10.0 ** generator.uniform(-1, 1, size=(2, 1))
    y, weight, wanted = 2 * generator.normal(), generator.normal(), generator.normal()
    a, b, e = float(kernel @ kernel), float(kernel @ residual), float(residual @ residual)
    rule = activation(name)

    def squared(t):
        rest = wanted - weight * (rule(y + t) - rule(np.array(y)))
        return (e * t * t - 2 * b * t * rest + a * rest * rest) / (a * e - b * b)

    found = least_norm(rule, y, weight, wanted, (a, b / a, e - b * b / a))
    reach = np.sqrt(a * squared(0.0))
    scan = squared(np.linspace(-1.1 * reach, 1.1 * reach, 100_001)).min()
    assert found.decided
    assert squared(found.shift) <= scan * (1 + 1e-10)
    assert found.lower_bound <= scan
    assert found.lower_bound >= squared(found.shift) * (1 - 1e-8)


def one_channel_network(name, *, residual, seed=0):
    """Read at the last step; the second class reads one channel alone."""
    network = moderate_network(
        1, seed=seed, activation=name, output="none", norm="none", residual=residual, pool="last", features=2
    )
    decoder = network.decoder_weight.copy()
    decoder[1] = [0.0, 0.8, 0.0, 0.0]
    parts = {part: getattr(network, part) for part in ("encoder_weight", "encoder_bias", "layers", "decoder_bias")}
    return S4DNetwork(decoder_weight=decoder, config=network.config, **parts)


def slsqp_norm(read, jacobian, shape, wanted, starts):
    equality = {"type": "eq", "fun": lambda d: [read(d.reshape(shape)) - wanted], "jac": jacobian}
    best = np.inf
    for start in starts:
        found = minimize(lambda d: (0.5 * d @ d, d), start, jac=True, constraints=equality, method="SLSQP",
                         options={"maxiter": 300, "ftol": 1e-14})  # fmt: skip
        if abs(equality["fun"](found.x)[0]) < 1e-8:
            best = min(best, float(np.linalg.norm(found.x)))
    return best


@pytest.mark.parametrize("name", ["gelu", "square", "silu", "poly"])
@pytest.mark.parametrize("residual", [False, True])
def test_edits_of_a_logit_reach_it_in_the_simulated_network_and_none_of_slsqp_is_shorter(name, residual):
    network = one_channel_network(name, residual=residual, seed=3)
    generator = np.random.default_rng(1)
    x = generator.normal(size=(7, 2))
    readout = logit_readout(network, x, [0.0, 1.0, 0.0])
    other = 0.3 * generator.normal(size=x.shape)
    assert readout(other) == pytest.approx(network((x + other)[None])[0, 1], abs=1e-12)
    wanted = readout.value + 0.4
    found = scalar_edit(readout, wanted)
    assert found.status == "global"
    assert network((x + found.change)[None])[0, 1] == pytest.approx(wanted, abs=1e-10)
    assert found.lower_bound <= found.norm <= found.lower_bound * (1 + 1e-8)
    assert readout.residual.any() == residual

    def jacobian(d):
        shifted = readout.preactivation + np.sum(readout.kernel * d.reshape(x.shape))
        slope = readout.weight * readout.rule.derivative(np.array(shifted))
        return (slope * readout.kernel + readout.residual).reshape(1, -1)

    starts = [np.zeros(14), *generator.normal(size=(6, 14))]
    assert found.norm <= slsqp_norm(readout, jacobian, x.shape, wanted, starts) * (1 + 1e-7)


def test_the_formula_without_a_residual_path_misses_where_there_is_one():
    network = one_channel_network("gelu", residual=True, seed=3)
    x = np.random.default_rng(1).normal(size=(7, 2))
    readout = logit_readout(network, x, [0.0, 1.0, 0.0])
    blind = ScalarReadout(
        readout.rule, readout.preactivation, readout.value, readout.weight, readout.kernel, np.zeros((7, 2))
    )
    found = scalar_edit(blind, readout.value + 0.4)
    assert abs(network((x + found.change)[None])[0, 1] - (readout.value + 0.4)) > 1e-3


def test_a_decoded_value_of_any_step_is_moved_by_what_came_before():
    network = one_channel_network("gelu", residual=True, seed=5)
    x = np.random.default_rng(2).normal(size=(9, 2))
    readout = channel_readout(network, x, channel=2, step=4)
    found = scalar_edit(readout, 1.25)
    assert not found.change[5:].any()
    reached = network.preactivations((x + found.change)[None])[0][0, 4, 2]
    assert activation("gelu")(np.array(reached)) == pytest.approx(1.25, abs=1e-12)
    assert reached - readout.preactivation == pytest.approx(found.shift, rel=1e-9)
    assert found.norm == pytest.approx(abs(found.shift) / np.linalg.norm(readout.kernel), rel=1e-12)


def test_subspaces_and_metrics_keep_the_theorem():
    network = one_channel_network("gelu", residual=True, seed=6)
    x = np.random.default_rng(3).normal(size=(8, 2))
    readout = logit_readout(network, x, [0.0, 1.0, 0.0])
    wanted, free = readout.value - 0.05, scalar_edit(readout, readout.value - 0.05)
    late = scalar_edit(readout, wanted, EditConstraints(lags=[1, 2], channels=[0]))
    assert np.argwhere(late.change)[:, 0].tolist() == [5, 6]
    assert not late.change[:, 1].any()
    assert readout(late.change) == pytest.approx(wanted, abs=1e-10)
    smooth = EditConstraints(smoothness=3.0)
    found = scalar_edit(readout, wanted, smooth)
    assert found.norm == pytest.approx(smooth.norm(found.change), rel=1e-10)
    assert found.norm <= smooth.norm(free.change) * (1 + 1e-12)
    assert free.norm < late.norm
    with pytest.raises(ValueError, match="local_edit"):
        scalar_edit(readout, wanted, EditConstraints(box=(0.0, 1.0)))


@pytest.mark.parametrize(
    ("weight", "kernel", "residual", "wanted", "norm", "status"),
    [
        (1.0, [0.0, 0.0], [3.0, 4.0], 2.0, 0.4, "global"),  # the decoder sees nothing
        (1.0, [0.0, 0.0], [0.0, 0.0], 2.0, np.inf, "unreachable"),  # nobody sees anything
        (0.0, [1.0, 0.0], [0.0, 0.0], 2.0, np.inf, "unreachable"),
        (0.0, [1.0, 0.0], [3.0, 4.0], 2.0, 0.4, "global"),  # only the residual path is read
        (1.0, [3.0, 4.0], [6.0, 8.0], 0.0, 0.0, "global"),  # nothing to do
        (1.0, [3.0, 4.0], [6.0, 8.0], 3.0, 0.2, "global"),  # parallel: t² + 2t = 3 about y = 0
    ],
)
def test_degenerate_readouts(weight, kernel, residual, wanted, norm, status):
    readout = ScalarReadout(
        activation("square"), 0.0, 0.0, weight, np.array(kernel)[:, None], np.array(residual)[:, None]
    )
    found = scalar_edit(readout, wanted)
    assert found.status == status
    assert found.norm == pytest.approx(norm, rel=1e-9)
    assert found.lower_bound == pytest.approx(norm, rel=1e-8)


def test_several_linear_readings_are_moved_by_the_pseudoinverse():
    network = one_channel_network("identity", residual=False, seed=7)
    x = np.random.default_rng(4).normal(size=(6, 2))
    readouts = [channel_readout(network, x, channel, step) for channel, step in ((0, 5), (2, 3), (3, 5))]
    rows, changes = np.stack([readout.kernel for readout in readouts]), np.array([0.5, -1.0, 0.25])
    edit = linear_edit(rows, changes)
    moved = network.preactivations(np.stack([x, x + edit]))[0]
    found = [moved[1, step, channel] - moved[0, step, channel] for channel, step in ((0, 5), (2, 3), (3, 5))]
    np.testing.assert_allclose(found, changes, atol=1e-11)
    kernel_space = np.linalg.svd(rows.reshape(3, -1))[2][3:]
    np.testing.assert_allclose(kernel_space @ edit.reshape(-1), 0.0, atol=1e-12)  # nothing that no reading sees
    with pytest.raises(ValueError, match="depend on each other"):
        linear_edit(np.stack([rows[0], 2 * rows[0]]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="expected rows"):
        linear_edit(rows, np.ones(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, x: logit_readout(n, x, [1.0, 0.0, 0.0]), "reads 4 channels"),
        (lambda n, x: logit_readout(n, x, [1.0, 0.0]), "shape"),
        (lambda n, x: channel_readout(n, x, 4), "does not exist"),
        (lambda n, x: channel_readout(n, x, 0, 7), "does not exist"),
        (lambda n, x: channel_readout(n, x[:, :1], 0), "finite sequence"),
        (lambda n, x: scalar_edit(channel_readout(n, x, 0), np.nan), "finite"),
    ],
)
def test_what_is_not_covered_is_refused(call, message):
    network, x = one_channel_network("gelu", residual=True), np.zeros((7, 2))
    with pytest.raises(ValueError, match=message):
        call(network, x)


def test_a_mean_pool_is_refused_with_the_remedy():
    network = moderate_network(1, activation="gelu", output="none", norm="none", pool="mean")
    assert isinstance(network.config, NetworkConfig)
    with pytest.raises(ValueError, match="smallest_edit or local_edit"):
        logit_readout(network, np.zeros((5, 1)), [1.0, 0.0, 0.0])


@pytest.mark.parametrize("past", [1e-6, -1e-6, 1e-12, -1e-12, 1e-16, 0.0])
def test_a_parabola_is_reached_up_to_its_lowest_value_and_no_further(past):
    """(0.3 + t)² − 0.3² = r has a root where 0.3² + r ≥ 0, in exact rationals of the float64 numbers."""
    y, wanted = Fraction(0.3), -0.3 * 0.3 * (1.0 + past)
    reachable = y * y + Fraction(wanted) >= 0
    found = nearest_root(activation("square"), 0.3, 1.0, 0.0, wanted)
    assert found.decided
    assert (found.shift is not None) == reachable
    if found.shift is not None:
        assert found.shift == pytest.approx(-0.3 + float(y * y + Fraction(wanted)) ** 0.5, abs=1e-13)


def test_a_root_that_a_parabola_only_touches_is_proved_where_it_is_exact():
    exact = nearest_root(activation("square"), 1.0, 1.0, 0.0, -1.0)
    assert exact.decided
    assert exact.shift == -1.0
