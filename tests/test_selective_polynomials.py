"""Selective recurrences as polynomials: certified fits, bounds of the states, and the errors of THEORY T19."""

import copy
import dataclasses
import math
from itertools import pairwise

import flint
import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.families.selective_polynomials import SelectivePolynomials, selective_polynomials
from carleman_ssm.families.selective_states import exact_selective_scan, state_bound
from carleman_ssm.recurrences.affine import VaryingDiagonal
from carleman_ssm.recurrences.sigmoid_powers import selective_degree
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.certification import ball_arithmetic
from carleman_ssm.theory.fits import fit_chebyshev

ROUNDING = 1e-13
"""Relative to the largest state: rounding of two float64 runs of at most 12 steps, a few units for each step."""


def sequence(seed, steps, states, reach=3.5, scale=0.8):
    """Inputs u with |u| ≤ 3.5, gates v = 0.8u, and B = 1: the drives are the inputs."""
    u = np.random.default_rng(seed).uniform(-reach, reach, steps)
    return scale * u, np.repeat(u[:, None], states, axis=1)


def in_mpmath(gates, drives, sigmoid, softplus):
    x, found = [mp.mpf(0)] * drives.shape[1], []
    for gate, row in zip(gates.tolist(), drives.tolist(), strict=True):
        s, delta = sigmoid(mp.mpf(gate)), softplus(mp.mpf(gate))
        x = [s ** (n + 1) * value + delta * mp.mpf(b) for n, (value, b) in enumerate(zip(x, row, strict=True))]
        found.append(list(x))
    return found


def polynomial_at(fit, v):
    """The fit as a sum of cosines of multiples of an angle: no Clenshaw."""
    angle = mp.acos((v - mp.mpf(fit.centre)) / mp.mpf(fit.half_width))
    return mp.re(mp.fsum(mp.mpf(float(c)) * mp.cos(j * angle) for j, c in enumerate(fit.coefficients)))


T19 = {2: 0.84, 4: 0.099, 6: 6.8e-3, 8: 1.5e-3, 12: 4.1e-5, 16: 5.3e-7, 24: 2.7e-10}


@pytest.mark.parametrize("degree", T19)
def test_the_errors_of_the_theory_are_met_within_a_factor_of_100(degree):
    """N = 4, 80 steps, |u| ≤ 3.5 as stated there; assumed: gates v = 0.8 u, B = 1, u uniform, the largest error."""
    gates, drives = sequence(0, 80, 4)
    error = selective_polynomials(-2.8, 2.8, degree).measured_error(gates[None], drives[None]).max()
    assert T19[degree] / 100 < error < 100 * T19[degree]


def test_the_error_falls_with_the_degree():
    gates, drives = sequence(1, 80, 4)
    errors = [selective_polynomials(-2.8, 2.8, q).measured_error(gates[None], drives[None]).max() for q in T19]
    assert all(after < before / 3 for before, after in pairwise(errors))


@settings(max_examples=15)
@given(st.integers(0, 12), st.integers(0, 50), st.integers(1, 12), st.integers(1, 4), st.floats(0.1, 6), st.booleans())
def test_bounds_and_enclosures_hold_and_measured_errors_lie_inside(degree, seed, steps, states, reach, constant):
    gates, drives = sequence(seed, steps, states, reach=reach)
    if constant:
        gates, drives = np.full_like(gates, 0.8 * reach), np.full_like(drives, -reach)
    polynomials = selective_polynomials(-0.8 * reach, 0.8 * reach, degree)
    enclosed, bound = polynomials.enclosed_error(gates, drives), polynomials.error_bound(states, steps, reach)
    assert (np.abs(enclosed.value) - enclosed.error <= bound).all()  # one step of a constant attains it
    measured = polynomials.measured_error(gates[None], drives[None])[0]
    size = 1 + np.abs(polynomials.scan(gates[None], drives[None]).states()).max()
    assert (np.abs(measured - np.abs(enclosed.value)) <= ROUNDING * size).all()


@pytest.mark.parametrize("degree", [1, 4, 9])
def test_the_enclosed_error_contains_that_of_mpmath(degree):
    gates, drives = sequence(3, 10, 3)
    polynomials = selective_polynomials(-2.8, 2.8, degree)
    enclosed = polynomials.enclosed_error(gates, drives)
    with mp.workdps(40):
        exact = in_mpmath(gates, drives, lambda v: 1 / (1 + mp.exp(v)), lambda v: mp.log1p(mp.exp(v)))
        fitted = in_mpmath(
            gates,
            drives,
            lambda v: polynomial_at(polynomials.sigmoid, -v),
            lambda v: polynomial_at(polynomials.softplus, v),
        )
        for k, n in np.ndindex(*drives.shape):
            truth = fitted[k][n] - exact[k][n]
            assert abs(truth - mp.mpf(float(enclosed.value[k, n]))) <= mp.mpf(float(enclosed.error[k, n]))


@given(st.integers(0, 99), st.floats(-3, 3), st.booleans())
def test_states_stay_below_what_a_longest_step_forgets(seed, upper, constant):
    rng = np.random.default_rng(seed)
    gates = np.full(200, upper) if constant else upper - rng.exponential(0.5, 200)
    drives = np.full((200, 4), 2.0) if constant else rng.uniform(-2, 2, (200, 4))
    states = np.abs(exact_selective_scan(gates[None], drives[None]).states())[0]
    bound = state_bound(upper, 4, 2.0)
    assert (states <= bound * (1 + 1e-12)).all()  # rounding of 200 steps
    if constant:  # attained: e^{-200 softplus(v)} is what is still missing
        missing = np.exp(-200 * np.log1p(np.exp(upper)) * np.arange(1, 5))
        np.testing.assert_allclose(states[-1], bound * (1 - missing), rtol=1e-11)


def test_states_under_a_gate_that_is_almost_shut_are_bounded_by_the_drive_over_the_rate():
    np.testing.assert_allclose(state_bound(-300.0, 3, 1.0), [1, 1 / 2, 1 / 3], rtol=1e-15)  # T/(1 - e^{-pT}) at T -> 0


def test_a_certificate_that_claims_too_little_gives_a_bound_that_fails():
    """The bound rests on the certified sup-errors: a hundredth of them is no bound of the worst inputs."""
    polynomials = selective_polynomials(-2.8, 2.8, 4)
    sharper = copy.copy(polynomials)
    for name in ("sigmoid", "softplus"):
        fit = getattr(polynomials, name)
        forged = dataclasses.replace(fit, sup_error=fit.sup_error / 100)
        with pytest.raises(ValueError, match=f"no fit of the {name}"):
            dataclasses.replace(polynomials, **{name: forged})
        object.__setattr__(sharper, name, forged)  # past the check
    gates, drives = sequence(0, 80, 4)
    error = np.abs(polynomials.enclosed_error(gates, drives).value)
    assert (error <= polynomials.error_bound(4, 80, 3.5)).all()
    assert not (error <= sharper.error_bound(4, 80, 3.5)).all()


def test_the_sigmoid_of_the_wrong_sign_is_no_approximation():
    gates, drives = sequence(0, 40, 4)
    polynomials = selective_polynomials(-2.8, 2.8, 16)
    wrong = dataclasses.replace(polynomials.scan(gates[None], drives[None]))
    mirrored = polynomials.sigmoids(-gates)[None, :, None] ** np.arange(1, 5)
    off = dataclasses.replace(wrong, multipliers=mirrored).states()
    assert np.abs(off - exact_selective_scan(gates[None], drives[None]).states()).max() > 1


def test_the_exact_scan_is_the_exponential_of_the_increments():
    gates, drives = sequence(5, 30, 3)
    delta = np.log1p(np.exp(gates))
    x, found = np.zeros(3), []
    for step, row in zip(delta, drives, strict=True):
        x = np.exp(-step * np.arange(1, 4)) * x + step * row
        found.append(x)
    for method in ("closed", "recurrence"):
        np.testing.assert_allclose(exact_selective_scan(gates[None], drives[None]).states(method)[0], found, rtol=1e-12)


@pytest.mark.symbolic
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_the_fitted_model_is_a_polynomial_of_the_stated_degree_in_the_inputs(degree):
    polynomials = selective_polynomials(-1.0, 2.0, degree)
    u = sp.symbols("u_1:4")
    mirrored = polynomials.sigmoid.exact_decoder
    s = [mirrored(-value) for value in u]
    delta = [polynomials.softplus.exact_decoder(value) for value in u]
    for n in (0, 1):
        drives = tuple((step * value,) for step, value in zip(delta, u, strict=True))
        recurrence = VaryingDiagonal(tuple((value ** (n + 1),) for value in s), drives)
        state = sp.Poly(recurrence.state(3)[0], *u)
        assert state.total_degree() == selective_degree(n, 3, degree, drive=1)
        value = np.array([0.3, -0.7, 1.9])
        scan = polynomials.scan(value[None], np.repeat(value[None, :, None], n + 1, axis=2))
        found = float(state.eval(dict(zip(u, map(sp.Rational, value.tolist()), strict=True))))
        assert scan.states()[0, -1, n] == pytest.approx(found, rel=1e-12)


@pytest.mark.parametrize(("w", "b"), [(1.0, 0.0), (0.8, 1.5), (2.0, -4.0)])
@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_taylor_series_of_the_gate_in_the_input_ends_at_its_poles(name, w, b):
    """v = w u + b has its singularities at |w u| = √(b² + π²): root test at the coefficients of u^200 to u^290."""
    with ball_arithmetic(400, order=300):
        series = activation(name).series(flint.arb_series([b, w], prec=300))
        sizes = [abs(float(series[k])) ** (1 / k) for k in range(200, 290) if float(series[k])]
    radius = math.sqrt(b * b + math.pi**2) / w
    assert 1 / max(sizes) == pytest.approx(radius, rel=0.03)  # k^(1/k) is 1.027 at k = 200


def test_fits_of_other_functions_are_refused_however_well_they_are_certified():
    fitted = {name: fit_chebyshev(activation(name), -2.0, 2.0, 6) for name in ("sigmoid", "softplus", "tanh", "gelu")}
    assert all(fit.sup_error < 0.05 for fit in fitted.values())
    assert SelectivePolynomials(fitted["sigmoid"], fitted["softplus"]).range == (-2.0, 2.0)
    for first, second, named in (
        ("tanh", "gelu", "sigmoid"),
        ("tanh", "softplus", "sigmoid"),
        ("sigmoid", "gelu", "softplus"),
        ("softplus", "sigmoid", "sigmoid"),
    ):
        with pytest.raises(ValueError, match=f"no fit of the {named}"):
            SelectivePolynomials(fitted[first], fitted[second])
    loose = dataclasses.replace(fitted["softplus"], sup_error=0.5)  # more than is certified: true all the same
    assert SelectivePolynomials(fitted["sigmoid"], loose).softplus.sup_error == 0.5


@pytest.mark.parametrize(("lower", "upper"), [(-1.0, 2.0), (-0.1, 0.3), (1.0, 1.0)])
def test_the_next_gate_beyond_the_range_is_refused(lower, upper):
    polynomials = selective_polynomials(lower, upper, 4)
    for gate in (lower, upper):
        assert np.isfinite(polynomials.sigmoids(gate))
        assert np.isfinite(polynomials.increments(gate))
    for gate in (np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)):
        for function in (polynomials.sigmoids, polynomials.increments):
            with pytest.raises(ValueError, match="leave the range"):
                function([gate])


def test_wrong_input_is_refused_with_its_name():
    polynomials = selective_polynomials(-1.0, 2.0, 4)
    gates, drives = np.zeros((1, 3)), np.zeros((1, 3, 2))
    with pytest.raises(ValueError, match="leave the range"):
        polynomials.scan(gates + 2.1, drives)
    with pytest.raises(ValueError, match="leave the range"):
        polynomials.enclosed_error(np.array([-1.1]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="axes of the gates"):
        polynomials.scan(gates, drives[:, :2])
    with pytest.raises(ValueError, match="axes of the gates"):
        exact_selective_scan(gates[0], drives[0])
    with pytest.raises(ValueError, match="mirrored"):
        SelectivePolynomials(polynomials.softplus, polynomials.softplus)
    uncertified = dataclasses.replace(polynomials.softplus, sup_error=math.inf)
    with pytest.raises(ValueError, match="certified"):
        SelectivePolynomials(polynomials.sigmoid, uncertified)
    with pytest.raises(ValueError, match="not negative"):
        polynomials.error_bound(2, 3, -1.0)
    with pytest.raises(ValueError, match="finite"):
        polynomials.scan(gates * np.nan, drives)
    for sizes in ((0, 3), (2, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            polynomials.error_bound(*sizes, 1.0)


def test_a_bound_beyond_float64_is_infinite_and_says_nothing():
    assert selective_polynomials(-30.0, 30.0, 1).error_bound(4, 10_000, 1.0)[-1, -1] == math.inf
