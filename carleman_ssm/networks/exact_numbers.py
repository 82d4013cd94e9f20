"""Exact numbers as complex128: the one way from the symbolic world to arrays of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import flint
import numpy as np
import sympy as sp

from carleman_ssm.networks.layers import Array, ComplexArray

_DIGITS = 30
_PART, _NOTHING = 1e-25, 1e-90


def to_complex(entries: Iterable[sp.Expr], what: str) -> ComplexArray:
    """Exact numbers, each rounded once.

    Numbers that are written with roots of unity come out real where they are real: a part below 1e-25 of its entry, or
    below 1e-90 of the largest one, is rounding and is dropped. Roots of integer polynomials are taken from certified
    enclosures.

    Parameters
    ----------
    entries
        Numbers without symbols.
    what
        What they are called in an error message.

    Raises
    ------
    ValueError
        An entry has free symbols.

    Examples
    --------
    >>> to_complex([sp.Rational(1, 4), sp.exp(sp.I * sp.pi / 3) + sp.exp(-sp.I * sp.pi / 3)], "w")
    array([0.25+0.j, 1.  +0.j])
    """
    found = []
    for n, entry in enumerate(entries):
        if entry.free_symbols:
            letters = ", ".join(sorted(map(str, entry.free_symbols)))
            msg = f"{what}[{n}] has the free symbols {letters}: floating point needs numbers, substitute them first"
            raise ValueError(msg)
        roots = {root: _real_root(root) for root in entry.atoms(sp.CRootOf)}
        found.append(complex(entry.xreplace(roots).evalf(_DIGITS)))
    values = np.array(found, dtype=np.complex128)
    sizes = np.abs(values)
    rounding = np.maximum(_PART * sizes, _NOTHING * sizes.max(initial=0.0))
    values.real[np.abs(values.real) <= rounding] = 0.0
    values.imag[np.abs(values.imag) <= rounding] = 0.0
    return values


def to_real(entries: Iterable[sp.Expr], what: str) -> Array:
    """Exact real numbers in float64.

    Raises
    ------
    ValueError
        An entry has free symbols or is not real.
    """
    values = to_complex(entries, what)
    if values.imag.any():
        msg = f"{what}[{int(np.argmax(values.imag != 0))}] is not real"
        raise ValueError(msg)
    return np.ascontiguousarray(values.real)


def _real_root(root: sp.CRootOf) -> sp.Expr:
    """A real root of an integer polynomial from its certified enclosure: isolating it by bisection takes seconds."""
    ordered = _enclosed_roots(tuple(int(value) for value in reversed(root.poly.all_coeffs())))
    return ordered[root.index] if root.index < len(ordered) else root


@lru_cache(maxsize=8)
def _enclosed_roots(coefficients: tuple[int, ...]) -> tuple[sp.Expr, ...]:
    with flint.ctx.workprec(192):
        balls = [ball for ball, _ in flint.fmpz_poly(list(coefficients)).complex_roots()]
        middles = sorted(ball.real.mid() for ball in balls if ball.imag == 0)
        return tuple(sp.Float(middle.str(45, radius=False), 45) for middle in middles)
