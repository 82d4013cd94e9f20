"""Closure is a theorem for affine dynamics, and false as soon as one component is quadratic."""

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.theory.carleman import carleman_lift
from carleman_ssm.theory.closure import closure, closure_of
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM
from tests.strategies_carleman import continuous_cases, discrete_cases, rationals, sizes

X = sp.symbols("x_0:3")


def images(dynamics, states, degree, *, flow):
    """Images of all monomials by expansion: the independent route."""
    for monomial in MonomialBasis(states, degree).lift(X[:states]):
        if flow:
            yield sp.expand(sum(sp.diff(monomial, x) * f for x, f in zip(X, dynamics, strict=False)))
        else:
            moved = dict(zip(X, dynamics, strict=False))
            yield sp.expand(sp.sympify(monomial).subs(moved, simultaneous=True))


def leaves(dynamics, states, degree, *, flow):
    return any(
        sp.Poly(image, *X[:states]).total_degree() > degree for image in images(dynamics, states, degree, flow=flow)
    )


@given(continuous_cases() | discrete_cases())
def test_the_lift_of_a_drawn_model_is_closed(case):
    model, decoder = case
    report = closure(carleman_lift(model, decoder))
    assert report.closed
    assert report.missing == ()
    assert report.states == MonomialBasis(model.states, decoder.degree).size


@given(sizes, st.booleans(), st.data())
def test_affine_dynamics_close_and_the_expansion_agrees(size, flow, data):
    states, degree = size
    rows = st.tuples(*[rationals] * (states + 1))
    dynamics = [
        row[0] + sum(a * x for a, x in zip(row[1:], X, strict=False)) for row in data.draw(st.tuples(*[rows] * states))
    ]
    assert closure_of(dynamics, X[:states], degree, flow=flow).closed
    assert not leaves(dynamics, states, degree, flow=flow)


@given(sizes, st.booleans(), st.data())
def test_quadratic_dynamics_are_reported_exactly_when_the_expansion_leaves(size, flow, data):
    states, degree = size
    monomials = MonomialBasis(states, 2).lift(X[:states])
    rows = st.tuples(*[rationals] * len(monomials))
    dynamics = [
        sum(a * m for a, m in zip(row, monomials, strict=True)) for row in data.draw(st.tuples(*[rows] * states))
    ]
    report = closure_of(dynamics, X[:states], degree, flow=flow)
    assert report.closed is not leaves(dynamics, states, degree, flow=flow)
    assert all(sp.Poly(m, *X[:states]).total_degree() > degree for m in report.missing)


def test_the_logistic_map_and_flow_are_open():
    x = X[0]
    assert set(closure_of([x * (1 - x)], [x], 2).missing) == {x**3, x**4}
    assert closure_of([x * (1 - x)], [x], 2, flow=True).missing == (x**3,)
    assert closure_of([x * (1 - x)], [x], 0).closed


@pytest.mark.parametrize("kind", [DiagonalSSM, DiscreteSSM])
def test_closure_needs_no_expansion_at_large_size(kind):
    report = closure(carleman_lift(kind.symbolic(states=30), PolynomialDecoder.symbolic(degree=8)))
    assert report.closed
    assert report.states == 48_903_492
    assert "never raise the degree" in report.because


def test_what_is_no_polynomial_or_too_large_is_refused():
    with pytest.raises(ValueError, match="no polynomial"):
        closure_of([sp.sin(X[0])], X[:1], 2)
    many = sp.symbols("v_0:40")
    with pytest.raises(ValueError, match="more than the 1,000"):
        closure_of([v**2 for v in many], many, 3)
