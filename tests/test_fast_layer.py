"""The chunked scan and the fast layer against the recurrence, the FFT baselines and exact sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.layer_numpy import FourierLayer, reference_kernel, s4d_layer, two_level_kernel
from carleman_ssm.networks.chunked_scan import ChunkedScan
from carleman_ssm.networks.fast_layer import FastLayer
from carleman_ssm.networks.layers import S4DLayer
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.fits import fit_many

GELU = activation("gelu")


def by_recurrence(layer, u):
    """The step-by-step recurrence of the network room, which knows no chunks: (batch, H, L)."""
    return layer.preactivation(u.swapaxes(1, 2), method="recurrence").swapaxes(1, 2)


@given(
    length=st.sampled_from([1, 2, 7, 63, 64, 65, 128, 200]),
    batch=st.integers(0, 3),
    channels=st.integers(1, 5),
    states=st.sampled_from([2, 6, 64]),
    chunk=st.sampled_from([1, 2, 5, 64, 300]),
    workers=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_scan_is_the_recurrence_at_every_length_and_chunk(length, batch, channels, states, chunk, workers, seed):
    layer = s4d_layer(channels, states, seed)
    u = np.random.default_rng(seed).standard_normal((batch, channels, length))
    y = ChunkedScan.of(layer, chunk)(u, workers=workers)
    assert y.shape == u.shape
    assert np.allclose(y, by_recurrence(layer, u), rtol=0, atol=1e-11)


def test_many_groups_of_chunks_are_joined_rightly():
    layer = s4d_layer(2, 64)
    u = np.random.default_rng(0).standard_normal((1, 2, 5000))
    assert np.allclose(ChunkedScan.of(layer)(u), by_recurrence(layer, u), rtol=0, atol=1e-11)


def test_impulse_gives_the_kernel_by_either_form():
    layer = s4d_layer(4, 64)
    impulse = np.zeros((1, 4, 700))
    impulse[..., 0] = 1.0
    y = ChunkedScan.of(layer)(impulse)[0]
    y[:, 0] -= layer.D
    for kernel in (reference_kernel, two_level_kernel):
        assert np.allclose(y, kernel(layer, 700), rtol=0, atol=1e-12)


def test_scan_is_causal_and_forgets_nothing():
    layer = s4d_layer(3, 8)
    u = np.random.default_rng(0).standard_normal((2, 3, 400))
    changed = u.copy()
    changed[..., 150:] += 1.0
    before, after = (ChunkedScan.of(layer)(v) for v in (u, changed))
    assert np.array_equal(before[..., :128], after[..., :128])  # whole chunks before the change
    assert np.allclose(before[..., :150], after[..., :150], rtol=0, atol=1e-13)
    assert (np.abs(before - after)[..., 150:].max(axis=-1) > 1e-3).all()


def test_a_dropped_state_is_noticed():
    """The false twin: without the carried state the chunks are independent, and the answer is wrong."""
    layer = s4d_layer(2, 8)
    scan = ChunkedScan.of(layer)
    forgetful = ChunkedScan(0 * scan.drive, scan.advance, scan.response)
    u = np.random.default_rng(0).standard_normal((1, 2, 300))
    assert np.allclose(forgetful(u)[..., :64], by_recurrence(layer, u)[..., :64], atol=1e-12)
    assert np.abs(forgetful(u) - by_recurrence(layer, u)).max() > 1e-2


@pytest.mark.parametrize("size", [(3, 8, 500, 64), (1, 1, 1024, 64), (2, 16, 96, 4)])
@pytest.mark.parametrize("workers", [1, 2])
def test_fast_layer_agrees_with_the_three_baselines(size, workers):
    batch, channels, length, states = size
    layer = s4d_layer(channels, states)
    u = np.random.default_rng(1).standard_normal((batch, channels, length))
    ours = FastLayer.of(layer, GELU)(u, workers=workers)
    reference = FourierLayer(layer, GELU, reference_kernel, workers)
    two_level = FourierLayer(layer, GELU, two_level_kernel, workers)
    for other in (reference, two_level, two_level.cached(length)):
        assert np.allclose(ours, other(u), rtol=0, atol=1e-10)


def test_fast_layer_agrees_with_the_layer_of_the_network():
    layer = s4d_layer(6, 16)
    u = np.random.default_rng(2).standard_normal((2, 130, 6))
    expected = layer.output(GELU(layer.preactivation(u)), gated=False)
    assert np.allclose(FastLayer.of(layer, GELU)(u.swapaxes(1, 2)).swapaxes(1, 2), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("degree", [0, 1, 2, 9])
def test_fitted_layer_evaluates_the_fit_of_each_channel(degree):
    layer = s4d_layer(40, 8)
    u = np.random.default_rng(3).standard_normal((2, 40, 1000))
    y = ChunkedScan.of(layer)(u)
    fits = fit_many(GELU, y.min(axis=(0, 2)), y.max(axis=(0, 2)), degree)
    decoded = np.stack([fit(y[:, h]) for h, fit in enumerate(fits)], axis=1)
    expected = layer.output_weight @ decoded + layer.output_bias[:, None]
    assert np.allclose(FastLayer.of(layer, fits)(u, workers=2), expected, rtol=0, atol=1e-11)


def test_fits_of_different_degrees_are_padded():
    layer = s4d_layer(2, 4)
    fits = [fit_many(GELU, [-20.0], [20.0], degree)[0] for degree in (2, 5)]
    u = np.random.default_rng(4).standard_normal((1, 2, 100))
    y = ChunkedScan.of(layer)(u)
    expected = layer.output_weight @ np.stack([fits[h](y[:, h]) for h in (0, 1)], axis=1) + layer.output_bias[:, None]
    assert np.allclose(FastLayer.of(layer, fits)(u), expected, rtol=0, atol=1e-11)


def test_layer_without_output_map_stops_at_the_activation():
    full = s4d_layer(3, 4)
    layer = S4DLayer(full.log_dt, full.log_A_real, full.A_imag, full.C, full.D)
    u = np.random.default_rng(5).standard_normal((1, 3, 50))
    assert np.allclose(FastLayer.of(layer, GELU)(u), GELU(by_recurrence(layer, u)), atol=1e-12)


def test_bad_requests_say_what_is_wrong():
    layer = s4d_layer(3, 4)
    with pytest.raises(ValueError, match="channels come before time"):
        FastLayer.of(layer, GELU)(np.zeros((1, 50, 3)))
    with pytest.raises(ValueError, match="one fit per channel"):
        FastLayer.of(layer, fit_many(GELU, [-1.0], [1.0], 2))
    with pytest.raises(ValueError, match="at least one step"):
        ChunkedScan.of(layer, 0)
    gated = S4DLayer(layer.log_dt, layer.log_A_real, layer.A_imag, layer.C, layer.D, np.zeros((6, 3)), np.zeros(6))
    with pytest.raises(ValueError, match="gated"):
        FastLayer.of(gated, GELU)


def test_torch_sides_of_the_benchmark_agree():
    torch = pytest.importorskip("torch")
    from benchmarks.layer_torch import Fourier, Scan

    layer = s4d_layer(5, 16)
    u = np.random.default_rng(6).standard_normal((2, 5, 150))
    expected = FastLayer.of(layer, GELU)(u)
    candidates = [
        Scan(layer, cached=False),
        Scan(layer, cached=True),
        Fourier(layer, "two_level", cached=150),
    ]
    candidates += [Fourier(layer, "reference"), Fourier(layer, "two_level")]
    with torch.inference_mode():
        for run in candidates:
            assert np.allclose(run(torch.from_numpy(u)).numpy(), expected, rtol=0, atol=1e-10)
