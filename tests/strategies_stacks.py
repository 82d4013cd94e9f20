"""Exact stacks of layers with the hard cases drawn on purpose: multipliers 0, equal or resonant, degree 0, gates."""

from __future__ import annotations

import numpy as np
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
    """One layer of degree up to 3, or two layers of degree up to 2 with one mode in each channel."""
    width = draw(st.integers(1, 2))
    if draw(st.booleans()):
        found = [draw(layers(width, modes=3 - width, most=3))]
    else:
        found = [draw(layers(width, gated=width == 1)), draw(layers(width, gated=False))]
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


def _exact(values):
    """Floats as the rational (or Gaussian rational) numbers that they are."""
    array = np.asarray(values)

    def number(value):
        parts = [sp.Rational(*float(part).as_integer_ratio()) for part in (value.real, value.imag)]
        return parts[0] + sp.I * parts[1]

    return [number(value) for value in array.astype(complex).ravel()]


def of_network(network, activation):
    """An `S4DNetwork` with BatchNorm or no norm as an exact stack, one activation for all layers."""
    config, layers = network.config, []
    gate = PolynomialDecoder((0, 1)) if config.output == "glu" else None
    for layer in network.layers:
        rows = zip(layer.multipliers, layer.input_vector, layer.C, _exact(layer.D), strict=True)
        channels = tuple(
            DiscreteSSM(*(tuple(_exact(row)) for row in vectors), feedthrough, conjugate_pairs=True)
            for *vectors, feedthrough in rows
        )
        norm = None
        if layer.norm is not None:
            scale = layer.norm.weight / np.sqrt(layer.norm.running_var + config.eps)
            shift = layer.norm.bias - scale * layer.norm.running_mean
            norm = ExactAffineMap.diagonal(_exact(scale), _exact(shift))
        mixing = None if layer.output_weight is None else _affine(layer.output_weight, layer.output_bias)
        norms = (norm, None) if config.prenorm else (None, norm)
        layers.append(PolynomialLayer(channels, activation, mixing, gate, config.residual, *norms))
    encoder = _affine(network.encoder_weight, network.encoder_bias)
    return PolynomialStack(tuple(layers), encoder, _affine(network.decoder_weight, network.decoder_bias))


def _affine(weight, bias):
    return ExactAffineMap(sp.Matrix(*weight.shape, _exact(weight)), tuple(_exact(bias)))
