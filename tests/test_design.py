"""Designed layers: what a layer can do is found again, what it cannot is reported, and the operator agrees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import carleman_ssm as cs
from carleman_ssm.steering.design import _derivatives, design_layer
from carleman_ssm.steering.kernel_fits import Modes, fitted_modes


def random_modes(channels, modes, seed):
    rng = np.random.default_rng(seed)
    rates = -rng.uniform(0.05, 0.4, (channels, modes)) + 1j * rng.uniform(0.1, 2.5, (channels, modes))
    return Modes(rates, rng.normal(size=rates.shape) + 1j * rng.normal(size=rates.shape))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(0, 999))
def test_a_sum_of_modes_is_found_again(modes, seed):
    """Exact sums: what is left is rounding times the condition of near poles, far below 1e-6 of the kernel."""
    kernel = random_modes(1, modes, seed).kernels(40)
    error = np.abs(fitted_modes(kernel, modes).kernels(40) - kernel).max()
    assert error < 1e-6 * np.abs(kernel).max()


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("modes", [1, 3])
def test_short_and_vanishing_kernels_get_stable_modes(length, modes):
    found = fitted_modes(np.stack([np.zeros(length), np.ones(length), (-1.0) ** np.arange(length)]), modes)
    assert found.rates.shape == (3, modes)
    assert (found.rates.real < 0).all()
    assert np.abs(found.kernels(length)[0]).max() < 1e-12


def test_derivatives_are_those_of_the_residual():
    """Central differences of step 1e-6: error about 1e-9 of the values."""
    modes, readout = random_modes(2, 2, 5), np.array([[0.7, -0.4], [0.2, 1.1]])
    wanted = design_layer(np.ones((2, 5)), np.zeros((2, 5, 5)), modes=1, steps=1).wanted
    exact = _derivatives(modes.kernels(5), modes.derivatives(5), readout, 0.8)
    point = np.concatenate([modes.parameters.ravel(), readout.ravel()])

    def residual(values):
        return wanted.residual(modes.moved(values[:16]).kernels(5), values[16:].reshape(2, 2), 0.8)

    for index in range(len(point)):
        step = 1e-6 * np.eye(len(point))[index]
        measured = (residual(point + step) - residual(point - step)) / 2e-6
        np.testing.assert_allclose(exact[:, index], measured, atol=1e-6 * max(1, np.abs(exact).max()))
    slopes = modes.derivatives(5).copy()
    slopes[:, :, 2] *= -1  # by Im a of the first mode, with the wrong sign
    assert np.abs(_derivatives(modes.kernels(5), slopes, readout, 0.8) - exact).max() > 0.1


@pytest.mark.parametrize(("channels", "modes", "classes"), [(1, 1, 1), (2, 2, 1), (3, 1, 2)])
def test_the_kernels_of_a_layer_are_realised_by_a_layer(channels, modes, classes):
    kernels = random_modes(channels, modes, 11).kernels(24)
    readout = np.random.default_rng(3).normal(size=(classes, channels))
    first, second = readout @ kernels, np.einsum("ih,hm,hn->imn", readout, kernels, kernels)
    design = design_layer(first, second, modes=modes * max(1, channels))
    assert design.first_error < 1e-4
    assert design.second_error < 1e-4


def test_the_operator_of_the_designed_network_has_the_kernels_that_the_design_reports():
    first, second = np.eye(6)[1], np.zeros((6, 6))
    second[2, 4] = second[4, 2] = 0.5  # x_{k-2} x_{k-4}
    design = design_layer(first, second, modes=2, offset=0.25)
    operator = cs.network_operator(design.network, input_bound=1.0, length=6)
    backwards = slice(None, None, -1)  # lag m is the step L - 1 - m
    np.testing.assert_allclose(operator.first_order_kernel()[0, backwards, 0], design.first[0], atol=1e-9)
    array = operator.second_order_kernel().array(0)[backwards, 0, backwards, 0]
    np.testing.assert_allclose(array, design.second[0], atol=1e-9)
    x = np.random.default_rng(0).uniform(-1, 1, (5, 6, 1))
    lagged = x[:, ::-1, 0]
    wanted = 0.25 + lagged @ design.first[0] + np.einsum("bm,mn,bn->b", lagged, design.second[0], lagged)
    np.testing.assert_allclose(design.network(x)[:, 0], wanted, atol=1e-9)
    forwards = 0.25 + x[..., 0] @ design.first[0] + np.einsum("bm,mn,bn->b", x[..., 0], design.second[0], x[..., 0])
    assert np.abs(design.network(x)[:, 0] - forwards).max() > 0.1  # kernels over steps, not over lags, are refuted


def test_more_modes_come_nearer_to_what_no_sum_of_modes_is():
    delay, none = np.eye(16)[7], np.zeros((16, 16))
    few, many = (design_layer(delay, none, modes=modes) for modes in (1, 6))
    assert few.first_error > 0.5
    assert many.first_error < 0.05
    assert few.second_error == pytest.approx(np.linalg.norm(few.second))


def test_a_detector_of_two_lags_is_built_from_its_two_eigenvectors():
    """x_{k-3} x_{k-7} = ((x_{k-3} + x_{k-7})² − (x_{k-3} − x_{k-7})²)/4: the parts are seen only together."""
    second = np.zeros((16, 16))
    second[3, 7] = second[7, 3] = 0.5
    design = design_layer(np.zeros(16), second, modes=8)
    assert design.second_error < 1e-9
    x = np.random.default_rng(1).normal(size=(9, 16, 1))
    np.testing.assert_allclose(design.network(x)[:, 0], x[:, 15 - 3, 0] * x[:, 15 - 7, 0], atol=1e-9)


def test_the_error_is_the_standard_deviation_of_the_logit_under_normal_inputs():
    """20,000 draws tell a standard deviation to about 0.5 %; three of these are the tolerance."""
    scale, rng = 0.7, np.random.default_rng(4)
    second = np.zeros((8, 8))
    second[1, 5] = second[5, 1] = 1.0
    design = design_layer(np.eye(8)[3], second, modes=1, input_scale=scale)
    x = scale * rng.normal(size=(20_000, 8))
    one, two = design.first[0] - design.wanted.first[0], design.second[0] - design.wanted.second[0]
    errors = x @ one + np.einsum("bm,mn,bn->b", x, two, x)
    assert errors.std() == pytest.approx(design.rms_error[0], rel=0.03)
    unpaired = np.sqrt(scale**2 * np.sum(one**2) + scale**4 * np.sum(two**2))  # without the 2 of Wick's two pairings
    assert abs(errors.std() / unpaired - 1) > 0.1
    residual = design.wanted.residual(np.zeros((1, 8)), np.zeros((1, 1)), scale)  # of no network at all
    assert residual @ residual == pytest.approx(scale**2 + 2 * scale**4 * np.sum(second**2))


@pytest.mark.parametrize(
    ("first", "second", "change", "words"),
    [
        ([1.0, 0.0], np.zeros((3, 3)), {}, "shapes"),
        ([1.0, np.nan], np.zeros((2, 2)), {}, "NaN"),
        ([1.0, 0.0], [[0, 1], [0, 0]], {}, "symmetric"),
        ([1.0, 0.0], np.zeros((2, 2)), {"modes": 0}, "at least 1"),
        ([1.0, 0.0], np.zeros((2, 2)), {"channels": 0}, "at least 1"),
        ([1.0, 0.0], np.zeros((2, 2)), {"input_scale": 0.0}, "positive"),
        ([1.0, 0.0], np.eye(2), {"input_scale": 1e200}, "other units"),
        ([1e200, 0.0], np.eye(2), {}, "other units"),
        ([1e-200, 0.0], np.zeros((2, 2)), {}, "other units"),
        ([1.0, 0.0], np.zeros((2, 2)), {"steps": 0}, "at least 1"),
        ([1.0, 0.0], np.zeros((2, 2)), {"offset": [1.0, 2.0]}, "one for each of 1 logits"),
        ([1.0, 0.0], np.zeros((2, 2)), {"offset": np.nan}, "finite"),
        (np.ones(2000), np.zeros((2000, 2000)), {"modes": 8, "channels": 2}, "fewer lags"),
    ],
)
def test_what_makes_no_sense_is_refused(first, second, change, words):
    with pytest.raises(ValueError, match=words):
        design_layer(first, second, **({"modes": 1} | change))


@pytest.mark.parametrize("change", [{"modes": 1.5}, {"channels": 1.5}, {"steps": 2.0}])
def test_numbers_of_things_are_integers(change):
    with pytest.raises(TypeError, match="integer"):
        design_layer([1.0, 0.5], np.zeros((2, 2)), **({"modes": 1} | change))


@pytest.mark.parametrize(("one", "two"), [(1e49, 1e49), (1e-49, 1e-49), (1e-49, 1e49), (1e49, 1e-49)])
def test_sizes_within_the_stated_range_leave_no_float64(one, two):
    decay = 0.8 ** np.arange(6)
    design = design_layer(one * decay, two * np.outer(decay, decay), modes=1, steps=20)
    assert np.isfinite([design.first_error, design.second_error, *design.rms_error]).all()
