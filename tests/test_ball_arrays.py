"""Operations on enclosed arrays hold the exact result of every member, checked in rational or 60-digit arithmetic."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.operators.ball_arrays import (
    centred_radius,
    convolution,
    matrix_product,
    mean,
    normalised_balls,
    normalised_cap,
    product,
    scaled,
    total,
)
from carleman_ssm.operators.stack import Norm

SEEDS = range(20)


def ball(generator, *shape, spread=3.0):
    """Middles over several decades, and radii from 0 to larger than the middle."""
    value = generator.normal(size=shape) * 10.0 ** generator.uniform(-spread, spread)
    relative = generator.choice([0.0, 1e-15, 1e-3, 2.0], shape)
    return Enclosed(value, np.abs(value) * relative)


def member(generator, enclosed):
    """An exact member, as fractions: an end of each entry, the other end, or the middle."""
    signs = generator.integers(-1, 2, enclosed.value.shape)
    flat = zip(enclosed.value.ravel().tolist(), enclosed.error.ravel().tolist(), signs.ravel().tolist(), strict=True)
    rows = [Fraction(v) + sign * Fraction(e) for v, e, sign in flat]
    return np.array(rows, dtype=object).reshape(enclosed.value.shape)


def inside(enclosed, exact):
    flat = zip(enclosed.value.ravel().tolist(), enclosed.error.ravel().tolist(), np.ravel(exact), strict=True)
    return all(abs(Fraction(value) - truth) <= Fraction(error) for value, error, truth in flat)


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_products_means_and_matrix_products_hold_their_members(seed):
    generator = np.random.default_rng(seed)
    first, second, matrix = ball(generator, 2, 3, 4), ball(generator, 2, 3, 4), ball(generator, 4, 3)
    a, b, m = (member(generator, part) for part in (first, second, matrix))
    assert inside(total(first, second), a + b)
    assert inside(product(first, second), a * b)
    assert inside(scaled(-0.3, first), Fraction(-0.3) * a)
    assert inside(mean(first), a.sum(axis=-1, keepdims=True) / 4)
    assert inside(matrix_product(first, matrix), a @ m)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("backwards", [False, True])
def test_convolutions_and_their_transposes_hold_their_members(seed, backwards):
    generator = np.random.default_rng(seed)
    kernel, drive = ball(generator, 2, 5), ball(generator, 2, 2, 5, 2)
    k, v = member(generator, kernel), member(generator, drive)
    exact = np.zeros(drive.value.shape, dtype=object) + Fraction(0)
    for step in range(5):
        for lag in range(5):
            source = step + lag if backwards else step - lag
            if 0 <= source < 5:
                exact[..., step, :] += k[:, lag] * v[..., source, :]
    assert inside(convolution(kernel, drive, backwards=backwards), exact)


@pytest.mark.parametrize("kind", ["layer", "rms"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_parts_of_a_norm_hold_every_member(kind, seed):
    generator = np.random.default_rng(seed)
    channels = int(generator.integers(1, 6))
    values = ball(generator, 2, channels, spread=2.0)
    norm = Norm(kind, *(Enclosed(np.ones(channels), np.zeros(channels)) for _ in range(2)), eps=1e-5)
    centred, inverse, normalised = normalised_balls(norm, values)
    for _ in range(5):
        x = member(generator, values)
        c = x - x.sum(axis=-1, keepdims=True) / channels if kind == "layer" else x
        variance = (c * c).sum(axis=-1, keepdims=True) / channels + Fraction(1e-5)
        assert inside(centred, c)
        with mpmath.workdps(60):
            q = np.array([[1 / mpmath.sqrt(_mp(v)) for v in row] for row in variance])
            n = np.vectorize(_mp, otypes=[object])(c) * q
            assert _inside_mp(inverse, q)
            assert _inside_mp(normalised, n)
            assert max(abs(entry) for entry in np.ravel(n)) <= normalised_cap(norm, channels)


def _mp(fraction):
    return mpmath.mpf(fraction.numerator) / fraction.denominator


def _inside_mp(enclosed, exact):
    flat = zip(enclosed.value.ravel().tolist(), enclosed.error.ravel().tolist(), np.ravel(exact), strict=True)
    return all(abs(mpmath.mpf(value) - truth) <= mpmath.mpf(error) for value, error, truth in flat)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_centred_value_moves_by_at_most_the_centred_radius_and_some_move_attains_it(seed):
    generator = np.random.default_rng(seed)
    channels = int(generator.integers(1, 6))
    radius = np.abs(generator.normal(size=channels)) * 10.0 ** generator.uniform(-3, 3, channels)
    bound = centred_radius(radius)
    for channel in range(channels):
        signs = -np.ones(channels)
        signs[channel] = 1.0
        moved = signs * radius - (signs * radius).mean()
        assert abs(moved[channel]) <= bound[channel]
        assert abs(moved[channel]) > bound[channel] * (1 - 1e-5) - 1e-12 * radius.max()


def test_a_product_without_the_radii_cross_term_is_refuted():
    """The false twin: |a| r_b + r_a |b| misses r_a r_b."""
    first, second = Enclosed(np.zeros(1), np.ones(1)), Enclosed(np.zeros(1), np.ones(1))
    assert product(first, second).error[0] >= 1
