"""Causal convolution by Toeplitz products: against exact rational arithmetic, in blocks of every shape."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import peak_megabytes
from carleman_ssm.networks import convolution
from carleman_ssm.networks.convolution import convolve
from carleman_ssm.networks.enclosures import gamma
from carleman_ssm.operators.fourier import FourierKernel


def exact(kernel, drive):
    """The sum itself, entry by entry in rational numbers."""
    batch, length, channels = drive.shape
    result = np.empty(drive.shape, dtype=object)
    for b, k, h in np.ndindex(batch, length, channels):
        lags = zip(kernel[h, : k + 1].tolist(), drive[b, k::-1, h].tolist(), strict=True)
        result[b, k, h] = sum((Fraction(one) * Fraction(two) for one, two in lags), Fraction(0))
    return result


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 4)),
    entries=st.sampled_from([1, 7, 20, 60, 2**23]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_block_shape_gives_the_sum_within_its_bound(shape, entries, seed):
    generator = np.random.default_rng(seed)
    kernel = generator.normal(size=(shape[2], shape[1] + 2)) * 10.0 ** generator.integers(-3, 3, size=(shape[2], 1))
    drive = generator.normal(size=shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "BLOCK_ENTRIES", entries)
        found = convolve(kernel, drive)
    expected, size = exact(kernel, drive), exact(np.abs(kernel), np.abs(drive))
    for index in np.ndindex(shape):
        gap = abs(Fraction(float(found[index])) - expected[index])
        assert gap <= Fraction(float(gamma(shape[1]))) * size[index]


def test_a_convolution_shifted_by_one_step_is_refuted():
    generator = np.random.default_rng(0)
    kernel, drive = generator.normal(size=(2, 6)), generator.normal(size=(1, 6, 2))
    shifted = np.concatenate([np.zeros((1, 1, 2)), drive[:, :-1]], axis=1)
    expected = exact(kernel, drive).astype(float)
    assert np.abs(convolve(kernel, drive) - expected).max() < 1e-14
    assert np.abs(convolve(kernel, shifted) - expected).max() > 0.1


def test_fourier_and_toeplitz_products_agree_and_so_do_their_adjoints():
    generator = np.random.default_rng(1)
    kernel, drive, cotangent = generator.normal(size=(3, 70)), *generator.normal(size=(2, 2, 70, 3))
    fourier = FourierKernel.of(kernel, 70)
    assert np.abs(fourier(drive) - convolve(kernel, drive)).max() < 1e-12
    # ⟨w, K ⋆ v⟩ = ⟨K† w, v⟩
    left, right = np.sum(cotangent * convolve(kernel, drive)), np.sum(fourier.adjoint(cotangent) * drive)
    assert abs(left - right) < 1e-11


def test_long_sequences_keep_the_memory_of_the_blocks(monkeypatch):
    # Only the drive, the result and their blocks grow with L: the L x L matrix of one channel would hold 32 MB.
    monkeypatch.setattr(convolution, "BLOCK_ENTRIES", 2**16)
    kernel, drive = np.ones((1, 2048)), np.ones((1, 2048, 1))
    assert peak_megabytes(lambda: convolve(kernel, drive)) < 4
    monkeypatch.setattr(convolution, "BLOCK_ENTRIES", 2**23)
    assert peak_megabytes(lambda: convolve(kernel, drive)) > 16
