"""Exact stacks of layers with the hard cases drawn on purpose: multipliers 0, equal or resonant, degree 0, gates."""

from __future__ import annotations

import sympy as sp
from hypothesis import strategies as st

from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack
from tests.strategies_carleman import decoders, rationals, spectra


@st.composite
def affine_maps(draw, rows, columns):
    entries = [draw(rationals) for _ in range(rows * columns)]
    return ExactAffineMap(sp.Matrix(rows, columns, entries), draw(st.tuples(*[rationals] * rows)))


@st.composite
def layers(draw, width, *, modes=1, most=2, gated=True):
    """One layer of `width` channels that keeps the width."""
    channels = []
    for _ in range(width):
        states = draw(st.integers(1, modes))
        vectors = [draw(st.tuples(*[rationals] * states)) for _ in range(2)]
        channels.append(DiscreteSSM(draw(spectra(states)), *vectors, draw(rationals)))
    gate = draw(st.none() | decoders(1)) if gated else None
    mixing = draw(affine_maps(2 * width if gate else width, width)) if gate or draw(st.booleans()) else None
    norms = [
        ExactAffineMap.diagonal(*(draw(st.tuples(*[rationals] * width)) for _ in range(2)))
        if draw(st.booleans())
        else None
        for _ in range(2)
    ]
    activation = draw(decoders(draw(st.integers(0, most))))
    return PolynomialLayer(tuple(channels), activation, mixing, gate, draw(st.booleans()), *norms)


@st.composite
def stacks(draw):
    """One layer with up to two modes and degree 3, or two layers with one mode in each channel."""
    width, depth = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    if depth == 1:
        found = [draw(layers(width, modes=2, most=3))]
    else:
        found = [draw(layers(width)), draw(layers(width, gated=False))]
    encoder = draw(affine_maps(width, 1)) if width > 1 or draw(st.booleans()) else None
    head = draw(affine_maps(draw(st.integers(1, 2)), width)) if draw(st.booleans()) else None
    return PolynomialStack(tuple(found), encoder, head)


def numeric_stack(generator, states, degrees, *, residual=False, gate_degree=None):
    """One channel in each layer, random rational entries of three digits; |λ| ≤ 0.9."""

    def draw(*, below=1.0):
        return sp.Rational(round(1000 * below * generator.uniform(-1, 1)), 1000)

    built = []
    for modes, degree in zip(states, degrees, strict=True):
        lam, b, c = (tuple(draw(below=size) for _ in range(modes)) for size in (0.9, 1, 1))
        channel = DiscreteSSM(lam, b, c)
        activation = PolynomialDecoder(tuple(draw() for _ in range(degree + 1)))
        gate = mixing = None
        if gate_degree is not None and not built:
            activation, mixing = PolynomialDecoder((0, 1)), ExactAffineMap(sp.Matrix([draw(), draw()]), (0, draw()))
            gate = PolynomialDecoder(tuple(draw() for _ in range(gate_degree + 1)))
        built.append(PolynomialLayer((channel,), activation, mixing, gate, residual))
    return PolynomialStack(tuple(built))
