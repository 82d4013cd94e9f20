"""Exact numbers: small rationals and Gaussian rationals; the ones at which formulas break stand first."""

from __future__ import annotations

from functools import cache

import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_PLAIN = (sp.Integer(0), sp.Integer(1), sp.Integer(-1), sp.Rational(1, 2), sp.Rational(-2, 3), sp.Integer(3))
_HARD = (sp.Integer(0), sp.Integer(1), sp.Integer(-1), sp.I, sp.Rational(1, 2))


@cache
def rationals(largest: int = 4) -> SearchStrategy[sp.Rational]:
    """Rationals in ±largest with denominators up to 7; 0, ±1, 1/2 and a few others often.

    Parameters
    ----------
    largest
        Bound of the size, at least 1.
    """
    drawn = st.fractions(-largest, largest, max_denominator=7).map(lambda f: sp.Rational(f.numerator, f.denominator))
    return st.sampled_from([value for value in _PLAIN if abs(value) <= largest]) | drawn


@cache
def gaussians(largest: int = 4) -> SearchStrategy[sp.Expr]:
    """Gaussian rationals p + iq, real and zero ones among them.

    Parameters
    ----------
    largest
        Bound of the size of both parts.
    """
    return st.builds(lambda real, imaginary: real + sp.I * imaginary, rationals(largest), rationals(largest))


@cache
def multipliers() -> SearchStrategy[sp.Expr]:
    r"""Multipliers $\lambda$: 0 (a mode without memory), 1 (a sum), −1, i and 1/2 often; any Gaussian rational else."""
    return st.sampled_from(_HARD) | gaussians()
