"""Gaussian processes as inputs: what is a covariance, and whether samples have it."""

import numpy as np
import pytest

from carleman_ssm.predictions.covariance_roots import covariance_root, separated
from carleman_ssm.predictions.gaussian_process import GaussianProcess

PROCESSES = {
    "white": lambda length: GaussianProcess.white(length, variance=[1.0, 0.25], features=2),
    "autoregressive": lambda length: GaussianProcess.autoregressive(length, 0.7, variance=2.0),
    "alternating": lambda length: GaussianProcess.autoregressive(length, -0.9),
    "constant": lambda length: GaussianProcess.autoregressive(length, 1.0, variance=3.0),
    "smooth": lambda length: GaussianProcess.squared_exponential(length, 2.5),
    "periodic": lambda length: GaussianProcess.periodic(length, 3.3, scale=0.8),
    "still": lambda length: GaussianProcess.white(length, variance=0.0),
    "mixed": lambda length: moving_average(length)[0],
    "joined": lambda length: GaussianProcess.autoregressive(length, 0.5, variance=[[2.0, 0.5], [0.5, 1.0]], features=2),
    "joined and periodic": lambda length: GaussianProcess.periodic(
        length, 3.3, variance=[[2.0, -0.5], [-0.5, 1.0]], features=2
    ),
}


def moving_average(length, features=2, taps=3, seed=0):
    """$x_k = m_k + \\sum_i M_i e_{k-i}$: its autocovariance, not symmetric, and its factor, row by row."""
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(taps, features, features))
    autocovariance = np.zeros((length, features, features))
    for lag in range(min(taps, length)):
        autocovariance[lag] = sum(weights[i + lag] @ weights[i].T for i in range(taps - lag))
    factor = np.zeros((length, features, length + taps - 1, features))
    for step in range(length):
        for i in range(taps):
            factor[step, :, step + taps - 1 - i] = weights[i]
    mean = generator.normal(size=(length, features))
    return GaussianProcess(mean, autocovariance), factor.reshape(length * features, -1)


@pytest.mark.parametrize("length", [1, 2, 7])
def test_the_covariance_matrix_is_that_of_the_process_behind_it(length):
    process, factor = moving_average(length)
    np.testing.assert_allclose(process.covariance(), factor @ factor.T, atol=1e-13)


def test_a_transposed_autocovariance_is_another_process():
    process, factor = moving_average(5)
    turned = GaussianProcess(process.mean, process.autocovariance.swapaxes(1, 2))
    assert not np.allclose(turned.covariance(), factor @ factor.T, atol=1e-3)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("length", [1, 2, 9])
def test_samples_have_the_covariance(name, length):
    """Entry by entry within six standard errors of 20 000 samples; both factors, circulant and dense, are met."""
    process = PROCESSES[name](length)
    count = 20000
    drawn = process.sample(count, np.random.default_rng(3)) - process.mean
    assert drawn.shape == (count, *process.mean.shape)
    flat, exact = drawn.reshape(count, -1), process.covariance()
    found = flat.T @ flat / count
    size = np.diag(exact)
    error = np.sqrt((np.outer(size, size) + exact**2) / count)  # Isserlis
    assert (np.abs(found - exact) <= 6.0 * error + 1e-12).all()
    assert (np.abs(flat.mean(axis=0)) <= 6.0 * np.sqrt(size / count) + 1e-12).all()


def test_both_ways_of_sampling_are_taken():
    assert PROCESSES["white"](9)._root.is_spectral
    assert not PROCESSES["periodic"](9)._root.is_spectral
    assert PROCESSES["mixed"](9)._root.between is None
    assert PROCESSES["joined"](9)._root.between is not None


def test_one_function_of_the_lag_has_one_spectrum():
    """The root of the Kronecker product against that of the whole matrix, and a twin that is none by 1e-9."""
    between = np.array([[2.0, 0.5], [0.5, 1.0]])
    shape = 0.7 ** np.arange(6.0)
    whole = shape[:, None, None] * between
    np.testing.assert_array_equal(separated(whole)[0], shape)
    root = covariance_root(whole)
    assert root.root.shape == (11, 1, 1)
    np.testing.assert_allclose(root.between @ root.between, between, atol=1e-15)
    twin = whole.copy()
    twin[3, 0, 1] *= 1.0 + 1e-9
    assert separated(twin) is None
    process = GaussianProcess.white(400, features=60)  # 799 · 60² entries, were every channel its own
    assert process._root.root.size == 799
    many = np.zeros((700, 60, 60))
    many[0], many[1, 0, 1] = np.eye(60), 1e-3
    with pytest.raises(ValueError, match=r"5036400 entries .* one function of the lag"):
        GaussianProcess(np.zeros((700, 60)), many)


def test_a_process_cannot_be_changed_after_it_was_checked():
    given, mean = np.array([1.0, 0.5]), np.zeros((2, 1))
    process = GaussianProcess(mean, given)
    given[1], mean[0] = 9.0, 9.0
    assert process.autocovariance[1] == 0.5
    assert not process.mean.any()
    for array in (process.autocovariance, process.mean):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_the_constructors_state_their_functions():
    lags = np.arange(6)
    np.testing.assert_allclose(PROCESSES["autoregressive"](6).autocovariance[:, 0, 0], 2.0 * 0.7**lags)
    np.testing.assert_allclose(PROCESSES["smooth"](6).autocovariance[:, 0, 0], np.exp(-(lags**2) / 12.5))
    wave = np.exp(-2 * np.sin(np.pi * lags / 3.3) ** 2 / 0.64)
    np.testing.assert_allclose(PROCESSES["periodic"](6).autocovariance[:, 0, 0], wave)
    np.testing.assert_allclose(PROCESSES["white"](6).autocovariance[0], np.diag([1.0, 0.25]))
    assert not PROCESSES["white"](6).autocovariance[1:].any()
    between = np.array([[1.0, 0.5], [0.5, 1.0]])
    process = GaussianProcess.autoregressive(4, 0.5, variance=between, mean=np.ones((4, 2)))
    np.testing.assert_allclose(process.autocovariance[2], 0.25 * between)
    np.testing.assert_array_equal(process.mean, np.ones((4, 2)))


def test_projected_autocovariances_are_those_of_the_signals():
    process, factor = moving_average(6)
    weights = np.random.default_rng(1).normal(size=(3, 2))
    rows = np.einsum("hi,kin->hkn", weights, factor.reshape(6, 2, -1))
    for signal, found in zip(rows, process.projected(weights), strict=True):
        covariance = signal @ signal.T
        np.testing.assert_allclose(covariance, found[np.abs(np.subtract.outer(range(6), range(6)))], atol=1e-12)


@pytest.mark.parametrize(
    ("mean", "autocovariance"),
    [
        (np.zeros((3, 1)), [1.0, 0.9, 0.0]),
        (np.zeros((2, 1)), [-1.0, 0.0]),
        (np.zeros((2, 1)), [1.0, 1.1]),
        (np.zeros((1, 2)), [[[1.0, 2.0], [2.0, 1.0]]]),
        (np.zeros((1, 2)), [[[1.0, 0.5], [0.0, 1.0]]]),
        (np.zeros((2, 1)), [1.0, np.nan]),
        (np.zeros((2, 1)), [1.0, 0.0, 0.0]),
        (np.zeros(3), [1.0, 0.0, 0.0]),
        (np.full((1, 1), np.inf), [1.0]),
    ],
)
def test_what_is_no_process_is_refused(mean, autocovariance):
    with pytest.raises(ValueError, match=r"autocovariance|symmetric|mean"):
        GaussianProcess(mean, np.array(autocovariance))


def test_what_lies_on_the_edge_is_taken():
    """Singular covariances: a constant that is random, and two channels that are one."""
    GaussianProcess(np.zeros((2, 1)), np.array([1.0, 1.0]))
    GaussianProcess(np.zeros((1, 2)), np.ones((1, 2, 2)))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: GaussianProcess.autoregressive(3, 1.5),
        lambda: GaussianProcess.squared_exponential(3, 0.0),
        lambda: GaussianProcess.periodic(3, -1.0),
        lambda: GaussianProcess.white(0),
        lambda: GaussianProcess.white(3).sample(0, np.random.default_rng(0)),
        lambda: GaussianProcess.white(3000).covariance(),
        lambda: GaussianProcess.periodic(2500, 7.3),
        lambda: GaussianProcess.of(4, lambda lags: 1.0),
        lambda: GaussianProcess.white(4, variance=[1.0, 2.0, 3.0], features=2),
        lambda: GaussianProcess.white(4, variance=np.eye(3), features=2),
        lambda: GaussianProcess.white(4, mean=np.zeros((1, 4, 1))),
        lambda: GaussianProcess.white(4, mean=np.zeros((3, 2))),
        lambda: GaussianProcess.white(4, variance=np.nan),
        lambda: GaussianProcess.white(4).scaled(1e200),
    ],
)
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"stationary|positive|step|at least 1|rows|variance|mean|correlation|range"):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: GaussianProcess.white(2.5),
        lambda: GaussianProcess.white(3, features=1.5),
        lambda: GaussianProcess.white(3).sample(2, 0),
        lambda: GaussianProcess.white(3).sample(2.0, np.random.default_rng(0)),
        lambda: GaussianProcess.white(3, variance="one"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(wrong):
    with pytest.raises(TypeError, match=r"length|features|generator|count|variance"):
        wrong()
