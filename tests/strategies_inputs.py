"""Inputs of the families, drawn with their hard cases: resonance, no step, the last step, heights of zero."""

from __future__ import annotations

import flint
import numpy as np
from hypothesis import strategies as st

from carleman_ssm.predictions.input_families import Exponential, Impulse, Sinusoid, Step, SumOfInputs

KINDS = (Impulse, Step, Exponential, Sinusoid)


@st.composite
def simple_inputs(draw, length, features=1, resonances=(0.1j,)):
    """One family; the logarithms in `resonances` are drawn as rate and frequency on purpose."""
    kind = draw(st.sampled_from(KINDS))
    place = {"position": draw(st.integers(0, length - 1)), "channel": draw(st.integers(0, features - 1))}
    size = draw(st.sampled_from([0.0, 1.0]) | st.floats(-1.5, 1.5))
    exponent = draw(st.sampled_from(resonances))
    if kind in (Impulse, Step):
        return kind(size, **place)
    if kind is Exponential:
        return kind(size, draw(st.just(exponent.real) | st.sampled_from([0.0, -40.0]) | st.floats(-2, 0.2)), **place)
    frequency = draw(st.just(exponent.imag) | st.sampled_from([0.0, np.pi]) | st.floats(-7, 7))
    rate = draw(st.just(exponent.real) | st.just(0.0) | st.floats(-1, 0.1))
    return kind(size, frequency, draw(st.floats(-4, 4)), rate, **place)


@st.composite
def inputs(draw, length, features=1, resonances=(0.1j,)):
    """One family, or a sum of up to three."""
    parts = draw(st.lists(simple_inputs(length, features, resonances), min_size=1, max_size=3))
    return parts[0] if len(parts) == 1 else SumOfInputs(tuple(parts))


def exact_sequence(family, length, features):
    """The input of the exact parameters in balls, by the definitions: an object array (length, features)."""
    result = np.full((length, features), flint.arb(0), dtype=object)
    for part in family.parts:
        for k in range(part.position, length):
            n = k - part.position
            result[k, part.channel] = result[k, part.channel] + _exact_value(part, n)
    return result


def _exact_value(part, n):
    ball = flint.arb
    if isinstance(part, Impulse):
        return ball(part.height if n == 0 else 0.0)
    if isinstance(part, Step):
        return ball(part.height)
    if isinstance(part, Exponential):
        return ball(part.height) * (ball(part.rate) * n).exp()
    wave = (ball(part.frequency) * n + ball(part.phase)).cos()
    return ball(part.amplitude) * (ball(part.rate) * n).exp() * wave
