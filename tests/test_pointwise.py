"""Activations, norms and short convolutions of the families beside mpmath, SciPy and a sum written out."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from carleman_ssm.families import pointwise

POINTS = [-745.0, -40.0, -20.0, -1.5, -1e-9, 0.0, 1e-9, 0.3, 20.0, 21.0, 700.0]
ULPS = 8 * np.finfo(float).eps
EXACT = {
    "silu": lambda v: v / (1 + mpmath.exp(-v)),
    "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
    "softplus": lambda v: mpmath.log1p(mpmath.exp(v)),
    "log_sigmoid": lambda v: -mpmath.log1p(mpmath.exp(-v)),
    "gelu": lambda v: v * mpmath.ncdf(v),
}


@pytest.mark.parametrize("name", sorted(EXACT))
def test_the_functions_agree_with_mpmath_in_both_tails(name):
    with mpmath.workdps(400):
        exact = np.array([float(EXACT[name](mpmath.mpf(v))) for v in POINTS])
    found = getattr(pointwise, name)(np.array(POINTS))
    # 1e-300: below it the float itself has fewer digits. 1e-12: erfc of a rounded square root, for GELU at -20 and -40.
    tolerance = 1e-12 if name == "gelu" else ULPS
    np.testing.assert_allclose(found, exact, rtol=tolerance, atol=1e-300)


def test_the_two_forms_of_gelu_differ_by_what_the_documents_say():
    v = np.linspace(-6, 6, 4001)
    gap = np.abs(pointwise.gelu(v) - pointwise.gelu(v, "tanh")).max()
    assert 4.6e-4 < gap < 4.8e-4
    with pytest.raises(ValueError, match="'erf' and 'tanh'"):
        pointwise.gelu(v, "none")


@given(st.floats(1e-8, 700))
def test_softplus_has_its_inverse(step):
    back = pointwise.softplus(pointwise.inverse_softplus(np.array(step)))
    # The inverse near ln 2 is close to 0: its relative error enters absolutely, with a slope of at most 1.
    np.testing.assert_allclose(back, step, rtol=1e-13, atol=0)


def test_one_sigmoid_makes_the_decay_of_softplus():
    v = np.linspace(-30, 30, 241)
    np.testing.assert_allclose(np.exp(-3 * pointwise.softplus(v)), pointwise.sigmoid(-v) ** 3, rtol=1e-13)


@pytest.mark.parametrize("width", [1, 2, 4, 7])
@pytest.mark.parametrize("length", [1, 3, 6])
def test_the_convolution_is_causal_and_its_last_tap_meets_the_present(width, length):
    rng = np.random.default_rng(3)
    v, weight, bias = rng.normal(size=(2, length, 3)), rng.normal(size=(3, 1, width)), rng.normal(size=3)
    found = pointwise.causal_conv1d(v, weight, bias)
    slow = np.empty_like(v)
    for c in range(3):
        for b in range(2):
            slow[b, :, c] = signal.lfilter(weight[c, 0, ::-1], [1.0], v[b, :, c]) + bias[c]
    np.testing.assert_allclose(found, slow, rtol=0, atol=1e-14)
    turned = pointwise.causal_conv1d(v, weight[..., ::-1], bias)
    assert width == 1 or np.abs(turned - slow).max() > 1e-3


def test_weights_of_other_channels_are_refused():
    with pytest.raises(ValueError, match=r"2 channels needs weights \(2, 1, W\), got \(3, 1, 4\)"):
        pointwise.causal_conv1d(np.zeros((1, 2, 2)), np.zeros((3, 1, 4)))
    with pytest.raises(ValueError, match=r"got \(2, 2, 4\)"):
        pointwise.causal_conv1d(np.zeros((1, 2, 2)), np.zeros((2, 2, 4)))


def test_norms_of_one_row_by_hand():
    v, weight = np.array([3.0, 4.0]), np.array([1.0, 2.0])
    root = np.sqrt(12.5 + 1e-5)
    np.testing.assert_allclose(pointwise.rms_norm(v, weight, 1e-5), [3 / root, 8 / root], rtol=1e-15)
    np.testing.assert_allclose(pointwise.rms_norm(v, None, 0.0), v / np.sqrt(12.5), rtol=1e-15)
    np.testing.assert_allclose(pointwise.l2_norm(v), v / np.sqrt(25 + 1e-6), rtol=1e-15)
    assert (pointwise.l2_norm(np.zeros(3)) == 0).all()


def test_linear_maps_have_their_weights_as_out_by_in():
    weight = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    assert pointwise.linear(np.ones((1, 1, 3)), weight, np.array([1.0, 0.0])).ravel().tolist() == [7.0, 1.0]
