"""Exact models with decoders for the lift: both kinds of time, N ≤ 3, P ≤ 3, degree 0 included."""

from __future__ import annotations

from hypothesis import strategies as st

from carleman_ssm import testing

rationals = testing.rationals(3)
gaussians = testing.gaussians(3)
sizes = st.tuples(st.integers(1, 3), st.integers(0, 3))
spectra = testing.spectra


def discrete_models(states):
    """Of just so many states, with and without feedthrough."""
    return testing.discrete_models(states, min_states=states)


def decoders(degree):
    """Of just this degree."""
    return testing.decoders(degree, min_degree=degree)


@st.composite
def discrete_cases(draw):
    """A discrete model with a decoder."""
    return draw(testing.discrete_models()), draw(testing.decoders())


@st.composite
def continuous_cases(draw):
    """A continuous model with a decoder."""
    return draw(testing.continuous_models()), draw(testing.decoders())
