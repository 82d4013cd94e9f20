"""Exact rings: equal, zero and real modes, on and off an equally spaced circle."""

from __future__ import annotations

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from carleman_ssm.testing.numbers import gaussians, multipliers, rationals
from carleman_ssm.theory.ring import RingEmbedding, ring_embedding
from carleman_ssm.theory.ssm import DiscreteSSM

CLOSURES = ("complex", "real", "antiperiodic")


@st.composite
def _on_the_circle(draw: DrawFn, size: int) -> list[sp.Expr]:
    """Equally spaced multipliers on a circle, in some order."""
    radius = draw(st.sampled_from([sp.S.One, sp.Rational(1, 2), sp.Rational(-9, 10)]))
    hop = draw(st.integers(0, 3))
    circle = [radius * sp.exp(2 * sp.pi * sp.I * sp.Rational(hop * n, size)) for n in range(size)]
    return draw(st.permutations(circle))


@st.composite
def _off_the_circle(draw: DrawFn, size: int) -> list[sp.Expr]:
    """Zero, one, equal and real multipliers, and Gaussian rationals."""
    found = draw(st.lists(multipliers(), min_size=size, max_size=size))
    if size > 1 and draw(st.booleans()):
        found[-1] = found[0]
    return found


@st.composite
def rings(draw: DrawFn, closures: tuple[str, ...] = CLOSURES, max_nodes: int = 5) -> RingEmbedding:
    """Rings of 1 to 5 nodes with every closure, gauge and order; a feedthrough or none; pairs stored or not.

    Parameters
    ----------
    closures
        Those to draw from: ``"complex"``, ``"real"``, ``"antiperiodic"``.
    max_nodes
        Largest number of nodes.
    """
    unknown = set(closures) - set(CLOSURES)
    if unknown:
        msg = f"rings are closed in the ways {', '.join(CLOSURES)}, got {', '.join(map(repr, sorted(unknown)))}"
        raise ValueError(msg)
    closure = draw(st.sampled_from(closures))
    most = {"complex": max_nodes, "real": (max_nodes + 1) // 2, "antiperiodic": max_nodes // 2}[closure]
    size = draw(st.integers(1, most))
    found = list(draw(st.one_of(_on_the_circle(size), _off_the_circle(size))))
    gauge = draw(st.sampled_from(["unit-input", "textbook"]))
    weights = gaussians().filter(bool) if gauge == "unit-input" else gaussians()
    inputs = draw(st.lists(weights, min_size=size, max_size=size))
    order = list(draw(st.permutations(range(size))))
    if closure == "real":
        found = [m + sp.I if m.is_real is not False else m for m in found]
        found[order[0]], inputs[order[0]] = draw(rationals()), draw(rationals().filter(bool))
    outputs = draw(st.lists(gaussians(), min_size=size, max_size=size))
    pairs = closure != "complex" or draw(st.booleans())
    model = DiscreteSSM(tuple(found), tuple(inputs), tuple(outputs), draw(rationals()), pairs)
    return ring_embedding(model, closure=closure, gauge=gauge, order=tuple(order))
