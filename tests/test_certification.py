"""Taylor models and the best-first search, on functions whose supremum is known in closed form."""

import math

import flint
import numpy as np
import pytest
from flint import arb, arb_poly, arb_series
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.theory.certification import (
    TaylorModel,
    ball_arithmetic,
    enclosing_interval,
    float_above,
    float_below,
    initial_pieces,
    model_of,
    supremum,
    taylor_coefficients,
)


def supremum_of(series, centre, half_width, tolerance=1e-10, pieces=1, bits=128):
    with ball_arithmetic(bits):
        return supremum(model_of(series, centre, half_width), pieces=pieces, tolerance=lambda _: tolerance)


@pytest.mark.parametrize(
    ("series", "centre", "half_width", "truth"),
    [
        (lambda y: y.sin(), 0.0, 10.0, 1.0),
        (lambda y: y.sin(), 0.0, 0.5, math.sin(0.5)),
        (lambda y: (0 - y * y).exp(), 0.3, 4.0, 1.0),
        (lambda y: y * y * y - 3 * y, 0.0, 1.5, 2.0),
        (lambda y: y.exp(), -1.0, 2.0, math.e),
        (lambda y: y - y, 0.0, 1.0, 0.0),
        (lambda y: 1 + 0 * y, 5.0, 1e-9, 1.0),
    ],
)
@pytest.mark.parametrize("pieces", [1, 8])
def test_supremum_encloses_the_known_value(series, centre, half_width, truth, pieces):
    bounds = supremum_of(series, centre, half_width, pieces=pieces)
    assert bounds.lower <= truth * (1 + 1e-15)
    assert truth * (1 - 1e-15) <= bounds.upper <= bounds.lower + 1e-10


@given(
    roots=st.lists(st.floats(-1, 1), min_size=1, max_size=8),
    scale=st.floats(1e-3, 1e3),
    pieces=st.sampled_from([1, 4]),
)
def test_supremum_of_random_polynomials(roots, scale, pieces):
    def series(y):
        product = scale + 0 * y
        for root in roots:
            product = product * (y - root)
        return product

    bounds = supremum_of(series, 0.0, 1.0, tolerance=1e-9, pieces=pieces)
    grid = np.linspace(-1, 1, 20001)
    values = np.abs(scale * np.prod([grid - r for r in roots], axis=0))
    assert bounds.upper >= values.max() * (1 - 1e-13)
    assert bounds.lower <= values.max() + 1e-6 * scale * len(roots) ** 2
    assert bounds.upper - bounds.lower <= 1e-9


def test_a_pole_is_noticed():
    with pytest.raises(ArithmeticError, match="pole"):
        supremum_of(lambda y: (y - arb(1) / 3).inv(), 0.0, 1.0)


def test_a_series_that_was_cut_is_refused():
    with pytest.raises(ArithmeticError, match="ball_arithmetic"):
        taylor_coefficients(lambda y: y.exp(), arb(0), arb(1))


@given(centre=st.floats(-5, 5), radius=st.floats(1e-3, 1.0), s=st.floats(-1, 1), side=st.booleans())
def test_taylor_model_and_its_halves_enclose_the_function(centre, radius, s, side):
    with ball_arithmetic(100):
        coefficients, remainder = taylor_coefficients(lambda y: y.sin(), arb(centre), arb(radius))
        model = TaylorModel(0.0, 1.0, arb_poly(coefficients), remainder)
        half = model.halves()[side]
        assert (half.centre, half.radius) == (0.5 if side else -0.5, 0.5)
        for part in (model, half):
            truth = (arb(centre) + arb(radius) * (arb(part.centre) + arb(part.radius) * arb(s))).sin()
            assert not abs(truth - part.polynomial(arb(s))) > part.remainder


@given(st.floats(-1e300, 1e300), st.floats(0, 1e10))
def test_floats_leave_balls_outward(middle, radius):
    ball = arb(middle) / 3 + arb(0, radius)
    above, below = float_above(ball), float_below(ball)
    assert arb(above) >= abs(ball) or not arb(above) < abs(ball)
    assert arb(above) >= ball.abs_upper()
    assert arb(below) <= ball.abs_lower() or below == 0.0
    assert below <= above


def test_floats_from_nothing_promise_nothing():
    assert float_above(arb("nan")) == math.inf
    assert float_below(arb("nan")) == 0.0


def test_powers_of_a_ball_around_zero_are_never_used():
    """Pins the trap that the products in this package avoid (it may go away: then this test says so)."""
    ball = arb(0, 0.5)
    assert (ball * ball).is_finite()


@given(st.floats(1e-12, 1e4))
def test_initial_pieces_are_short_and_few(half_width):
    pieces = initial_pieces(half_width)
    assert pieces & (pieces - 1) == 0
    assert pieces == 64 or (pieces < 64 and 2 * half_width / pieces <= 1)


def test_degenerate_interval_gets_a_positive_width():
    assert enclosing_interval(2.0, 2.0) == (2.0, math.ldexp(2.0, -30))


def test_context_is_restored():
    before = flint.ctx.prec, flint.ctx.cap
    supremum_of(lambda y: y.sin(), 0.0, 1.0)
    assert (flint.ctx.prec, flint.ctx.cap) == before
    assert isinstance(arb_series([0, 1]), arb_series)
