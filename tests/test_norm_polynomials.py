"""Polynomials for the inverse deviation: errors in mpmath, the table of T16, and what they do to an operator."""

from dataclasses import replace
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.norm_polynomials import replace_norms, variances
from carleman_ssm.theory.inverse_roots import enclose_relative_error, fit_inverse_root
from tests.strategies_networks import moderate_network

DATA = Path(__file__).parent / "data"


def relative_errors(fit, points=200):
    """|p(v)√(v + ε) − 1| on a grid of the interval, the polynomial summed term by term."""
    with mp.workdps(40):
        middle, half_width = mp.mpf(fit.fit.centre), mp.mpf(fit.fit.half_width)
        for k in range(points + 1):
            angle = mp.pi * k / points
            value = mp.fsum(mp.mpf(float(c)) * mp.cos(j * angle) for j, c in enumerate(fit.fit.coefficients))
            root = mp.sqrt(middle + half_width * mp.cos(angle) + mp.mpf(fit.eps))
            yield abs(value * root - 1), abs(value - 1 / root)


@given(
    lower=st.floats(1e-3, 10),
    span=st.sampled_from([1.0, 1.001, 2.0, 30.0, 1389.0]),
    degree=st.integers(0, 20),
    eps=st.sampled_from([0.0, 1e-5, 1.0]),
)
def test_certified_errors_are_at_least_the_errors_and_hardly_more(lower, span, degree, eps):
    fit = fit_inverse_root(lower, lower * span, degree, eps)
    relative, absolute = (max(errors) for errors in zip(*relative_errors(fit), strict=True))
    assert fit.relative_error >= relative
    assert fit.fit.sup_error >= absolute
    # 201 points miss a peak of an error with some Q + 2 of them by a share of (Q π / 200)² / 8 or so
    assert fit.relative_error <= relative * (1 + (degree + 4) ** 2 / 5000) + 1e-10


# THEORY T16: variances that span κ → relative errors of the degrees 2, 4, 8, 16. Interpolation is up to twice the best.
TABLE = {2: (3e-3, 8e-5, 5e-8, 3e-14), 10: (0.11, 0.022, 1e-3, 5e-6), 100: (0.57, 0.30, 0.10, 0.015)}


@pytest.mark.parametrize("span", TABLE)
def test_table_of_relative_errors(span):
    for degree, printed in zip((2, 4, 8, 16), TABLE[span], strict=True):
        assert 0.8 * printed <= fit_inverse_root(1.0, float(span), degree).relative_error <= 2 * printed


def test_a_planted_coefficient_is_seen():
    fit = fit_inverse_root(1.0, 2.0, 8)
    planted = replace(fit.fit, coefficients=fit.fit.coefficients + 1e-3 * np.eye(9)[3])
    assert enclose_relative_error(planted, 0.0).lower > 9e-4 > 100 * fit.relative_error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 3), "reach 0"),
        ((-1.0, 1.0, 3, 0.5), "reach 0"),
        ((1e-12, 1e-9, 10), "are positive, but errors are certified on an interval of half-width at least 2\\^-30"),
        ((5.0, 6.0, 3, -0.1), "eps must be finite and not negative"),
        ((5.0, 6.0, 3, float("inf")), "eps must be finite and not negative"),
        ((2.0, 1.0, 3), "empty"),
        ((1.0, 2.0, 65), "at most 64"),
        ((1.0, 2.0, -1), "degree"),
    ],
)
def test_what_has_no_inverse_root_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_inverse_root(*arguments)


def test_the_remedies_for_tiny_variances_work():
    assert fit_inverse_root(1e-12, 1e-9, 10, 1e-5).relative_error < 1e-10
    scale = 1e6  # (v + ε)^(-1/2) = √s (s v + s ε)^(-1/2)
    fit = fit_inverse_root(scale * 1e-9, scale * 2e-9, 10)
    value = float(fit(np.array([scale * 1.5e-9]))[0]) * scale**0.5
    assert value == pytest.approx(1.5e-9**-0.5, rel=2 * fit.relative_error)


def test_norms_of_the_reference_block_need_high_degrees():
    """ZOO 9.2: variances span a factor of about a hundred there; low degrees are far off, high ones come near."""
    name = "digits64__L2_H16_N32_gelu_glu_layer__s0"
    network, inputs = load_network(DATA / f"{name}.npz"), np.load(DATA / f"{name}.reference.npz")["x"].astype(float)
    operator = network_operator(network, sequences=inputs, tolerance=1e-6)
    own, distance = operator(inputs), {}
    for degree in (2, 16, 48):
        found = replace_norms(operator, inputs, degree)
        assert [(p.layer, p.place) for p in found.polynomials] == [(0, "after"), (1, "after")]
        assert np.isnan(found.logits).all(axis=1).tolist() == found.escaped.tolist()
        kept = ~found.escaped
        distance[degree] = np.abs(found.logits - own)[kept].max() if kept.any() else np.inf
    assert all(polynomial.span > 10 for polynomial in found.polynomials)
    assert distance[2] > 10 * distance[16] > 100 * distance[48]
    assert "certified relative error" in str(found.polynomials[0])


@pytest.mark.parametrize(("norm", "prenorm"), [("rms", True), ("layer", False), ("rms", False)])
def test_a_polynomial_of_high_degree_on_a_narrow_range_is_the_norm(norm, prenorm):
    network = moderate_network(1, channels=4, output="linear", norm=norm, activation="square", prenorm=prenorm)
    inputs = 1.0 + 1e-3 * np.random.default_rng(0).normal(size=(3, 2, 1))
    operator = network_operator(network, sequences=inputs)
    found = replace_norms(operator, inputs, 40)
    (polynomial,) = found.polynomials
    assert polynomial.place == ("before" if prenorm else "after")
    # a relative error e of q moves the logits by about e times their size
    assert np.abs(found.logits - operator(inputs)).max() <= 10 * max(polynomial.fit.relative_error, 1e-13)


def test_variances_are_means_of_squares():
    assert variances(np.array([[3.0, 4.0]])).tolist() == [[12.5]]


def test_an_operator_without_such_norms_is_refused():
    network = moderate_network(2, output="linear", norm="batch", activation="square")
    with pytest.raises(ValueError, match="no LayerNorm or RMSNorm"):
        replace_norms(network_operator(network, sequences=np.ones((1, 3, 1))), np.ones((1, 3, 1)), 4)
