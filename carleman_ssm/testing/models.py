"""Exact state space models and decoders."""

from __future__ import annotations

from typing import Any

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from carleman_ssm.testing.numbers import gaussians, multipliers, rationals
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

KINDS = ("any", "equal", "zero", "conjugate", "resonant")


@st.composite
def spectra(draw: DrawFn, states: int) -> tuple[sp.Expr, ...]:
    r"""N eigenvalues or multipliers: any, all equal, with a zero, conjugate pairs, or resonant.

    Resonant means $\lambda_1 = \lambda_0^2$, $\lambda_2 = \lambda_0^3$, …: a mode of the next order answers at its own
    frequency.

    Parameters
    ----------
    states
        N ≥ 1.
    """
    if states < 1:
        msg = f"a spectrum has at least one value, got states={states}"
        raise ValueError(msg)
    kind = draw(st.sampled_from(KINDS))
    first = draw(gaussians() if kind == "conjugate" else multipliers())
    match kind:
        case "equal":
            return (first,) * states
        case "zero":
            return (sp.Integer(0), *draw(st.tuples(*[multipliers()] * (states - 1))))
        case "conjugate":
            return tuple(sp.conjugate(first) if n % 2 else first for n in range(states))
        case "resonant":
            return tuple(sp.expand(first ** (n + 1)) for n in range(states))
    return draw(st.tuples(*[multipliers()] * states))


@st.composite
def discrete_models(
    draw: DrawFn, max_states: int = 3, *, min_states: int = 1, pairs: bool | None = False
) -> DiscreteSSM:
    r"""Models $x_k = \mathrm{diag}(\lambda)x_{k-1} + \bar b u_k$, $y = c^\top x + Du$ with D = 0 and D ≠ 0.

    Parameters
    ----------
    max_states, min_states
        Range of N.
    pairs
        Whether one mode of each conjugate pair is stored; None draws it.
    """
    return DiscreteSSM(*_parts(draw, min_states, max_states, pairs))


@st.composite
def continuous_models(
    draw: DrawFn, max_states: int = 3, *, min_states: int = 1, pairs: bool | None = False
) -> DiagonalSSM:
    r"""Models $x' = \mathrm{diag}(a)x + bu$, $y = c^\top x + Du$ with D = 0 and D ≠ 0; a = 0 and equal ones often.

    Parameters
    ----------
    max_states, min_states
        Range of N.
    pairs
        Whether one mode of each conjugate pair is stored; None draws it.
    """
    return DiagonalSSM(*_parts(draw, min_states, max_states, pairs))


def _parts(draw: DrawFn, least: int, most: int, pairs: bool | None) -> tuple[Any, ...]:
    states = draw(st.integers(least, most))
    vectors = [draw(st.tuples(*[gaussians()] * states)) for _ in range(2)]
    stored = draw(st.booleans()) if pairs is None else pairs
    return draw(spectra(states)), *vectors, draw(rationals()), stored


def decoders(max_degree: int = 3, *, min_degree: int = 0) -> SearchStrategy[PolynomialDecoder]:
    r"""Decoders $z = \sum_{p \le P} g_py^p$ with rational coefficients; degree 0 and vanishing ones among them.

    Parameters
    ----------
    max_degree, min_degree
        Range of P.
    """
    return st.integers(min_degree, max_degree).flatmap(
        lambda degree: st.tuples(*[rationals()] * (degree + 1)).map(PolynomialDecoder)
    )
