"""Shortest changes of one and of two numbers: certificates, random rivals, solvers that know nothing, false twins."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.scalar_edits import (
    edit_of_two_shifts,
    inner_product,
    nearest_root_laws,
    nearest_shift,
    residual_edit_norm,
    shift_laws,
    shortest_edit,
)
from tests.strategies_carleman import rationals
from tests.strategies_ssm import planted

pytestmark = pytest.mark.symbolic
FORMS = [
    shortest_edit(),
    nearest_shift(),
    *(residual_edit_norm(PolynomialDecoder.symbolic(degree=degree)) for degree in (0, 1, 2, 3)),
]  # the sums of `edit_of_two_shifts` take seconds: proved and spoiled with its derivation


@pytest.mark.parametrize("form", FORMS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def test_a_change_along_another_vector_does_not_split_like_pythagoras():
    """The certificate pins the direction: with e in the place of K it is false."""
    pythagoras, m = shortest_edit().certificates[1], sp.Symbol("m", integer=True)
    e, kernel, eta = sp.IndexedBase("e"), sp.IndexedBase("K"), sp.IndexedBase("eta")
    other = pythagoras.right.xreplace({kernel[m]: e[m]})
    assert verify(Identity(pythagoras.left, other)).evidence is Evidence.REFUTED
    half = pythagoras.right - inner_product(kernel, eta) ** 2 / (2 * inner_product(kernel, kernel))
    assert verify(Identity(pythagoras.left, half)).evidence is Evidence.REFUTED


def evidence(laws):
    return {verify(law).evidence for law in laws}


def test_another_change_or_shift_is_refuted_by_its_own_certificates():
    """The certificates are made from what is returned, so a wrong result cannot carry true ones."""
    m, (length, t) = sp.Symbol("m", integer=True), sp.symbols("A t", real=True)
    kernel, e = sp.IndexedBase("K")[m], sp.IndexedBase("e")[m]
    right = shortest_edit().expression
    assert right == kernel * t / length
    assert evidence(shift_laws(right)) == {Evidence.PROVED}
    for wrong in (2 * right, -right, right / length, e * t / length, kernel * t):
        assert Evidence.REFUTED in evidence(shift_laws(wrong)), wrong
    form = nearest_shift()
    ((disc, value),) = form.where.items()
    (first, above), (second, _) = form.expression.args
    assert evidence(nearest_root_laws(form.expression, value)) == {Evidence.PROVED}
    swapped = sp.Piecewise((second, above), (first, True))  # the root farther from 0
    halved, negated = form.expression / 2, form.expression.xreplace({disc: -disc})
    for wrong in (swapped, halved, negated, first, second):
        assert Evidence.REFUTED in evidence(nearest_root_laws(wrong, value)), wrong
    assert Evidence.REFUTED in evidence(nearest_root_laws(form.expression, value + 1))


def test_no_random_change_with_the_same_shift_is_shorter():
    rng = np.random.default_rng(0)
    kernel = compile_kernel(shortest_edit())
    for count in (1, 2, 7):
        K, eta = rng.normal(size=count), rng.normal(size=(200, count))
        shifts = eta @ K
        edits = np.stack([kernel(K, shifts, count, m) for m in range(count)], axis=-1)
        np.testing.assert_allclose(edits @ K, shifts, atol=1e-12)
        assert np.all(np.linalg.norm(edits, axis=-1) <= np.linalg.norm(eta, axis=-1) * (1 + 1e-12))


# --- the nearest root ------------------------------------------------------------------------------------------------


@given(rationals, rationals, rationals)
def test_the_nearest_shift_is_the_smallest_root(slope, curvature, wanted):
    assume((slope, curvature) != (0, 0) and not (slope == 0 and wanted == 0))
    form = nearest_shift()
    s, g2, r = form.arguments
    t = form.expression.xreplace(form.where).subs({s: slope, g2: curvature, r: wanted})
    if slope**2 + 4 * curvature * wanted < 0:
        assert t.is_real is False
        return
    assert sp.expand(sp.radsimp(curvature * t**2 + slope * t - wanted)) == 0
    roots = sp.Poly(curvature * sp.Symbol("t") ** 2 + slope * sp.Symbol("t") - wanted, sp.Symbol("t")).all_roots()
    assert float(abs(t)) <= min(float(abs(root)) for root in roots) * (1 + 1e-12)


def test_the_nearest_shift_keeps_its_digits_where_the_school_formula_loses_them():
    kernel = compile_kernel(nearest_shift())
    s, g2, r = 1.0, 1e-9, 1e-9
    assert abs(kernel(s, g2, r) / 1e-9 - 1) < 1e-15
    assert abs((-s + np.sqrt(s * s + 4 * g2 * r)) / (2 * g2) / 1e-9 - 1) > 1e-3


# --- two numbers -----------------------------------------------------------------------------------------------------


def test_no_random_change_with_both_shifts_is_shorter():
    rng = np.random.default_rng(1)
    K, e, eta = rng.normal(size=5), np.eye(5)[4], rng.normal(size=(100, 5))
    kernel = compile_kernel(edit_of_two_shifts())
    shifts, residuals = eta @ K, eta @ e
    edits = np.stack([kernel(K, e, shifts, residuals, 5, m) for m in range(5)], axis=-1)
    np.testing.assert_allclose([edits @ K, edits @ e], [shifts, residuals], atol=1e-12)
    assert np.all(np.linalg.norm(edits, axis=-1) <= np.linalg.norm(eta, axis=-1) * (1 + 1e-12))


def residual_problem(seed):
    rng = np.random.default_rng(seed)
    K, e, g = rng.normal(size=6), rng.normal(size=6), rng.normal(size=3)
    return K, e, g, *rng.normal(size=3)


@pytest.mark.parametrize("seed", range(6))
def test_the_best_root_of_the_cubic_is_never_worse_than_solvers_in_all_inputs(seed):
    K, e, g, weight, y, wanted = residual_problem(seed)
    products = (K @ K, K @ e, e @ e)
    norm = compile_kernel(residual_edit_norm(PolynomialDecoder.symbolic(degree=2)))

    def square(t):
        return norm(*g, weight, y, wanted, *products, t)

    fitted = np.polynomial.Polynomial.fit(np.linspace(-2, 2, 9), square(np.linspace(-2, 2, 9)), 4)
    candidates = [root.real for root in fitted.deriv().roots() if abs(root.imag) < 1e-9]
    assert len(candidates) in (1, 3)
    best = min(map(square, candidates))

    def missed(delta):
        values = [np.polyval(g[::-1], at) for at in (y + K @ delta, y)]
        return weight * (values[0] - values[1]) + e @ delta - wanted

    rng, found = np.random.default_rng(seed + 100), []
    for _ in range(8):
        result = optimize.minimize(
            lambda d: d @ d, 2 * rng.normal(size=6), jac=lambda d: 2 * d, constraints={"type": "eq", "fun": missed}
        )
        if result.success and abs(missed(result.x)) < 1e-8:
            found.append(result.fun)
    assert found
    assert best <= min(found) * (1 + 1e-6)  # SLSQP stops at a relative change of 1e-6
    assert best >= min(found) * (1 - 1e-5)


def test_the_norm_grows_beyond_the_interval_of_the_search():
    K, e, g, weight, y, wanted = residual_problem(11)
    norm = compile_kernel(residual_edit_norm(PolynomialDecoder.symbolic(degree=2)))
    t = np.linspace(-50, 50, 1001)
    assert np.all(norm(*g, weight, y, wanted, K @ K, K @ e, e @ e, t) >= t**2 / (K @ K) * (1 - 1e-12))


def test_parallel_kernel_and_residual_are_outside_the_statement():
    form = edit_of_two_shifts()
    assert all(certificate.nonzero for certificate in form.certificates)
    kernel = compile_kernel(form)
    with pytest.raises(ZeroDivisionError):
        kernel(np.ones(2), np.ones(2), 1.0, 1.0, 2, 0)


def test_names_of_the_statement_are_refused():
    for name in ("V", "t", "varrho"):
        with pytest.raises(ValueError, match=name):
            residual_edit_norm(PolynomialDecoder((sp.Symbol(name), 1)))


@given(st.lists(rationals, min_size=2, max_size=4))
def test_the_shift_of_a_quadratic_decoder_is_reached_exactly(entries):
    """End to end: nearest root, then shortest change, in exact numbers."""
    K = [sp.Integer(1), *entries]
    decoder, y = PolynomialDecoder((1, 3, 2)), sp.S.Zero
    form = nearest_shift()
    s, g2, r = form.arguments
    t = form.expression.xreplace(form.where).subs({s: 3, g2: 2, r: 5})
    delta = [entry * t / sum(a**2 for a in K) for entry in K]
    moved = y + sum(a * d for a, d in zip(K, delta, strict=True))
    assert sp.expand(decoder(moved) - decoder(y)) == 5
    assert t == 1  # the other root is -5/2
