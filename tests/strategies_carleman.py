"""Exact models and decoders with the hard cases drawn on purpose."""

from __future__ import annotations

import sympy as sp
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

PLAIN = [sp.Integer(0), sp.Integer(1), sp.Integer(-1), sp.Rational(1, 2), sp.Rational(-2, 3), sp.Integer(3)]

rationals = st.sampled_from(PLAIN) | st.fractions(-3, 3, max_denominator=7).map(
    lambda f: sp.Rational(f.numerator, f.denominator)
)
gaussians = st.builds(lambda re, im: re + sp.I * im, rationals, rationals)
sizes = st.tuples(st.integers(1, 3), st.integers(0, 3))


@st.composite
def spectra(draw, states):
    """Distinct, all equal, with a zero, as conjugate pairs, or resonant (λ₁ = λ₀², λ₂ = λ₀³)."""
    kind = draw(st.sampled_from(["any", "equal", "zero", "conjugate", "resonant"]))
    first = draw(gaussians if kind == "conjugate" else rationals)
    match kind:
        case "equal":
            return (first,) * states
        case "zero":
            return (sp.Integer(0), *draw(st.tuples(*[rationals] * (states - 1))))
        case "conjugate":
            return tuple(sp.conjugate(first) if n % 2 else first for n in range(states))
        case "resonant":
            return tuple(sp.expand(first ** (n + 1)) for n in range(states))
    return draw(st.tuples(*[rationals] * states))


@st.composite
def discrete_models(draw, states):
    """With and without feedthrough."""
    vectors = [draw(st.tuples(*[rationals] * states)) for _ in range(2)]
    return DiscreteSSM(draw(spectra(states)), *vectors, draw(rationals))


@st.composite
def continuous_models(draw, states):
    """With and without feedthrough."""
    vectors = [draw(st.tuples(*[rationals] * states)) for _ in range(2)]
    return DiagonalSSM(draw(spectra(states)), *vectors, draw(rationals))


def decoders(degree):
    return st.tuples(*[rationals] * (degree + 1)).map(PolynomialDecoder)


@st.composite
def discrete_cases(draw):
    """A discrete model with a decoder: N ≤ 3, P ≤ 3, degree 0 included."""
    states, degree = draw(sizes)
    return draw(discrete_models(states)), draw(decoders(degree))


@st.composite
def continuous_cases(draw):
    states, degree = draw(sizes)
    return draw(continuous_models(states)), draw(decoders(degree))


def spoiled(identity):
    """The same statement with 1 added to the last entry of the right-hand side: its false twin."""
    right = identity.right
    if not isinstance(right, sp.MatrixBase):
        return Identity(identity.left, right + 1)
    change = sp.zeros(*right.shape)
    change[-1, -1] = 1
    return Identity(identity.left, right + change)
