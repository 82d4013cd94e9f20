"""Decoders of every basis: values, roundings and Taylor coefficients in mpmath; what is chosen, and when."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.operators.bases import (
    LARGEST,
    FitTask,
    basis_name,
    chosen_decoders,
    decoder_bases,
    exact_decoders,
    fit_decoders,
)
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.theory.activations import activation
from tests.test_activations import reference

LOWER, UPPER = np.array([-2.0, 1.0, -0.25]), np.array([3.0, 1.5, 0.5])
SIZES = {"chebyshev": 14, "least_squares": 10, "taylor": 12, "cosine": 9}
GENERATOR = np.random.default_rng(7)
SAMPLES = LOWER + (UPPER - LOWER) * GENERATOR.random((200, 3))


def task(name="gelu", lower=LOWER, upper=UPPER, samples=SAMPLES):
    return FitTask(activation(name), lower, upper, samples, np.array([0.0, 1.2, 0.0])[: len(lower)])


def exactly(decoders, channel, y):
    """The decoder's own formula in mpmath, from its stored numbers alone."""
    y = mp.mpf(y)
    if basis_name(decoders) == "taylor":
        return mp.polyval(
            [mp.mpf(c) for c in decoders.coefficients[::-1, channel].tolist()], y - decoders.centre[channel]
        )
    if basis_name(decoders) == "cosine":
        distance = y - mp.mpf(decoders.centre[channel])
        turn = mp.expj(mp.mpf(decoders.frequency[channel]) * distance)
        series = mp.fsum(mp.mpmathify(complex(w)) * turn**k for k, w in enumerate(decoders.weights[:, channel]))
        return mp.mpf(decoders.slope[channel]) * distance + mp.re(series)
    angle = mp.acos((y - mp.mpf(decoders.centre[channel])) / mp.mpf(decoders.half_width[channel]))
    return mp.re(mp.fsum(mp.mpf(c) * mp.cos(j * angle) for j, c in enumerate(decoders.coefficients[:, channel])))


@given(
    st.sampled_from(sorted(SIZES)),
    st.sampled_from(("gelu", "sigmoid", "tanh")),
    st.floats(0, 1),
    st.sampled_from([-40, 0, 2]),
)
def test_values_stay_within_the_stated_rounding_and_fit_error(basis, name, share, move):
    lower, upper = (LOWER, UPPER) if basis == "taylor" else (LOWER + move, UPPER + move)
    decoders = fit_decoders(task(name, lower, upper, SAMPLES + (lower - LOWER)), basis, SIZES[basis])
    y = np.clip(decoders.lower + share * (decoders.upper - decoders.lower), decoders.lower, decoders.upper)
    found, bound = decoders(y[None])[0], np.maximum(np.abs(decoders.lower), np.abs(decoders.upper))
    rounding, magnitude = decoders.rounding(bound), decoders.magnitude(bound)
    with mp.workdps(40):
        for channel, at in enumerate(y.tolist()):
            own = exactly(decoders, channel, at)
            assert abs(found[channel] - own) <= rounding[channel] <= 1e-9
            assert abs(own - reference(name, mp.mpf(at))) <= decoders.fit_error[channel]
            assert abs(found[channel]) <= magnitude[channel]


@pytest.mark.parametrize("basis", sorted(SIZES))
def test_taylor_coefficients_are_the_derivatives_of_the_decoder(basis):
    decoders = fit_decoders(task(), basis, SIZES[basis])
    inside = decoders.lower + 0.37 * (decoders.upper - decoders.lower)
    found = decoders.taylor(inside[None], 4)[:, 0]
    with mp.workdps(50):
        for channel, at in enumerate(inside.tolist()):
            expected = [float(c) for c in mp.taylor(lambda y, h=channel: exactly(decoders, h, y), mp.mpf(at), 4)]
            size = max(map(abs, expected))
            # the derivatives of the narrowest fits are 1/w^4 ~ 1e4 times rounding of 1e-14
            assert np.abs(found[:, channel] - expected).max() <= 1e-8 * max(1.0, size)


def test_coefficients_of_a_shifted_centre_are_not_those_at_the_point():
    decoders = fit_decoders(task(), "cosine", 9)
    inside = (decoders.lower + decoders.upper) / 2
    assert np.abs(decoders.taylor(inside[None], 2) - decoders.taylor(inside[None] + 0.1, 2)).max() > 1e-2


@pytest.mark.parametrize("basis", sorted(SIZES))
def test_the_stated_interval_lies_within_the_certified_one_and_covers_what_was_asked(basis):
    decoders = fit_decoders(task(), basis, SIZES[basis])
    assert (decoders.lower <= LOWER + 1e-15).all()
    assert (decoders.upper >= UPPER - 1e-15).all()
    assert not decoders.exact
    assert decoders.degree == SIZES[basis]
    for low, high, channel in zip(decoders.lower, decoders.upper, range(3), strict=True):
        for end in (low, high):
            with mp.workdps(40):
                gap = abs(exactly(decoders, channel, end) - reference("gelu", mp.mpf(float(end))))
                assert gap <= decoders.fit_error[channel]


def test_a_polynomial_is_decoded_by_itself_everywhere():
    decoders = exact_decoders(activation("poly", [0.5, 0.25]), 2)
    assert np.array_equal(decoders(np.array([[3.0, -1.0]])), [[3.75, -0.25]])
    assert (decoders.lower == -np.inf).all()
    assert (decoders.upper == np.inf).all()
    assert isinstance(decoders, ExactDecoders)
    assert decoders.fit_error.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["gelu", "silu", "sigmoid"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
@pytest.mark.parametrize("basis", ["auto", "chebyshev", "cosine"])
def test_the_chosen_size_reaches_the_tolerance(name, tolerance, basis):
    chosen = task(name, np.array([-9.0, 1.0]), np.array([6.0, 1.5]), None)
    decoders = chosen_decoders(chosen, basis, tolerance)
    assert decoders.fit_error.max() <= tolerance
    if basis in ("chebyshev", "cosine"):
        smaller = fit_decoders(chosen, basis, max(0, decoders.degree - 2))
        assert smaller.fit_error.max() > 0.5 * tolerance


def test_least_squares_and_taylor_reach_what_they_can():
    covered = np.linspace(LOWER, UPPER, 400)
    assert chosen_decoders(task(samples=covered), "least_squares", 1e-4).fit_error.max() <= 1e-4
    assert chosen_decoders(task(), "taylor", 1e-4).fit_error.max() <= 1e-4
    # the sigmoid's series at 0 ends at radius pi: no degree reaches the end 5, and the best is taken
    beyond = task("sigmoid", np.array([-5.0]), np.array([5.0]), None)
    best = chosen_decoders(beyond, "taylor", 1e-4)
    assert best.fit_error.max() > 0.05
    assert all(best.fit_error.max() <= fit_decoders(beyond, "taylor", size).fit_error.max() for size in (1, 3, 24))


def test_narrow_intervals_get_polynomials_and_wide_ones_phases():
    narrow = chosen_decoders(task(lower=np.array([-1.0]), upper=np.array([1.0]), samples=None), "auto", 1e-4)
    wide = chosen_decoders(task(lower=np.array([-86.0]), upper=np.array([53.0]), samples=None), "auto", 1e-3)
    assert basis_name(narrow) == "chebyshev"
    assert basis_name(wide) == "cosine"
    assert wide.fit_error.max() <= 1e-3
    polynomial = fit_decoders(
        task(lower=np.array([-86.0]), upper=np.array([53.0]), samples=None), "chebyshev", 2 * wide.degree
    )
    assert polynomial.fit_error.max() > 1e-3  # hundreds against tens


def test_a_tolerance_that_no_size_reaches_ends_at_the_largest_and_says_so():
    decoders = chosen_decoders(task(lower=np.array([-500.0]), upper=np.array([500.0]), samples=None), "chebyshev", 1e-3)
    assert decoders.degree == LARGEST["chebyshev"]
    assert decoders.fit_error.max() > 1e-3


def test_the_record_names_layer_role_basis_size_and_certified_error():
    gate = fit_decoders(task("sigmoid"), "cosine", 9)
    records = decoder_bases([LayerDecoders(exact_decoders(activation("square"), 3)), LayerDecoders(gate, gate)])
    assert [(r.layer, r.role, r.basis, r.terms) for r in records] == [
        (0, "activation", "exact", 2),
        (1, "activation", "cosine", 9),
        (1, "gate", "cosine", 9),
    ]
    assert str(records[0]) == "layer 0 activation: exact polynomial of degree 2"
    assert "9 frequencies" in str(records[2])
    assert f"{gate.fit_error.max():.3g}" in str(records[2])
    density = fit_decoders(task(), "least_squares", 3)
    assert "least_squares, degree 3" in str(decoder_bases([LayerDecoders(density)])[0])


@pytest.mark.parametrize(
    ("basis", "terms", "message"),
    [
        ("splines", 3, "one of 'chebyshev'"),
        ("cosine", -1, "number of frequencies of a cosine fit"),
        ("taylor", 999, "degree of a taylor fit"),
    ],
)
def test_bases_that_do_not_exist_are_refused(basis, terms, message):
    with pytest.raises(ValueError, match=message):
        fit_decoders(task(), basis, terms)


def test_least_squares_without_samples_is_refused():
    with pytest.raises(ValueError, match="needs sequences"):
        fit_decoders(task(samples=None), "least_squares", 3)
