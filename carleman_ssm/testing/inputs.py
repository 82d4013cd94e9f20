"""Inputs: exact ones as lists, and arrays for trained networks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from carleman_ssm.testing.numbers import rationals

KINDS = ("noise", "zero", "constant", "impulse", "alternating")


@st.composite
def exact_inputs(draw: DrawFn, max_length: int = 4, *, min_length: int = 0) -> list[sp.Rational]:
    """Real inputs $u_1, …, u_L$: none at all, constant, an impulse, alternating, or any.

    Parameters
    ----------
    max_length, min_length
        Range of L.
    """
    length, kind = draw(st.integers(min_length, max_length)), draw(st.sampled_from(KINDS))
    if kind == "noise":
        return draw(st.lists(rationals(), min_size=length, max_size=length))
    height = sp.Integer(0) if kind == "zero" else draw(rationals())
    place = draw(st.integers(0, max(0, length - 1))) if kind == "impulse" else 0
    signs = {
        "impulse": [int(k == place) for k in range(length)],
        "alternating": [(-1) ** k for k in range(length)],
    }
    return [height * sign for sign in signs.get(kind, [1] * length)]


@st.composite
def sequences(
    draw: DrawFn, features: int = 1, max_batch: int = 2, max_length: int = 9, bound: float = 1.0
) -> npt.NDArray[np.float64]:
    """Arrays (batch, length, features) within ±bound: noise, zero, constant, an impulse, or alternating signs.

    Parameters
    ----------
    features
        Input channels d.
    max_batch, max_length
        Largest sizes; the least is 1.
    bound
        Largest size of a value.
    """
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, max_batch)), draw(st.integers(1, max_length)), features)
    kind = draw(st.sampled_from(KINDS))
    if kind == "noise":
        return generator.uniform(-bound, bound, shape)
    x = np.zeros(shape)
    if kind == "constant":
        x[:] = bound
    if kind == "impulse":
        x[:, generator.integers(shape[1])] = -bound
    if kind == "alternating":
        x[:] = (bound * (-1.0) ** np.arange(shape[1]))[:, None]
    return x
