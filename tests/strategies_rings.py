"""Exact rings with the hard cases drawn on purpose: equal, zero and real modes, on and off an equally spaced circle."""

from __future__ import annotations

import sympy as sp
from hypothesis import strategies as st

from carleman_ssm.theory.ring import RingEmbedding, ring_embedding
from carleman_ssm.theory.ssm import DiscreteSSM
from tests.strategies_ssm import gaussian, hard_multipliers, small

nonzero = gaussian.filter(lambda z: z != 0)


@st.composite
def on_the_circle(draw, size):
    """Equally spaced multipliers on a circle, in some order."""
    radius = draw(st.sampled_from([sp.S.One, sp.Rational(1, 2), sp.Rational(-9, 10)]))
    hop = draw(st.integers(0, 3))
    circle = [radius * sp.exp(2 * sp.pi * sp.I * sp.Rational(hop * n, size)) for n in range(size)]
    return draw(st.permutations(circle))


@st.composite
def off_the_circle(draw, size):
    """Zero, one, equal and real multipliers, and Gaussian rationals."""
    multipliers = draw(st.lists(st.one_of(hard_multipliers, gaussian), min_size=size, max_size=size))
    if size > 1 and draw(st.booleans()):
        multipliers[-1] = multipliers[0]
    return multipliers


@st.composite
def rings(draw, closures=("complex", "real", "antiperiodic"), max_nodes=5):
    """Rings of 1 to 5 nodes with every closure, gauge and order; a feedthrough or none; pairs stored or not."""
    closure = draw(st.sampled_from(closures))
    most = {"complex": max_nodes, "real": (max_nodes + 1) // 2, "antiperiodic": max_nodes // 2}[closure]
    size = draw(st.integers(1, most))
    multipliers = draw(st.one_of(on_the_circle(size), off_the_circle(size)))
    gauge = draw(st.sampled_from(["unit-input", "textbook"]))
    inputs = draw(st.lists(nonzero if gauge == "unit-input" else gaussian, min_size=size, max_size=size))
    order = list(draw(st.permutations(range(size))))
    if closure == "real":
        multipliers = [m + sp.I if m.is_real is not False else m for m in multipliers]
        multipliers[order[0]], inputs[order[0]] = draw(small), draw(small.filter(bool))
    outputs = draw(st.lists(gaussian, min_size=size, max_size=size))
    pairs = closure != "complex" or draw(st.booleans())
    model = DiscreteSSM(tuple(multipliers), tuple(inputs), tuple(outputs), draw(small), pairs)
    return ring_embedding(model, closure=closure, gauge=gauge, order=tuple(order))


def ring_output(ring: RingEmbedding, inputs):
    """The output after the inputs, by stepping the nodes with W and the kick."""
    contents = sp.zeros(ring.nodes, 1)
    for u in inputs:
        contents = (ring.coupling_matrix * contents + sp.Matrix(ring.kick) * u).expand()
    return ring.readout(tuple(contents), inputs[-1])


def mode_output(model: DiscreteSSM, inputs):
    """The output after the inputs, by stepping the modes; twice a real part as a sum of conjugates.

    `sympy.re` of a root of unity would be written with nested radicals, which the normal form cannot compare.
    """
    state = [sp.S.Zero] * model.states
    for u in inputs:
        rows = zip(model.multipliers, state, model.input_vector, strict=True)
        state = [sp.expand(m * x + b * u) for m, x, b in rows]
    y = sp.expand(sum((c * x for c, x in zip(model.output_vector, state, strict=True)), sp.S.Zero))
    return (y + sp.conjugate(y) if model.conjugate_pairs else y) + model.feedthrough * inputs[-1]
