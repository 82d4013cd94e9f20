"""What a ring and its modes give, by stepping them; the rings themselves are drawn by `carleman_ssm.testing`."""

from __future__ import annotations

import sympy as sp

from carleman_ssm.testing import rings as rings
from carleman_ssm.theory.ring import RingEmbedding
from carleman_ssm.theory.ssm import DiscreteSSM


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
