"""The verdict on the waves of a layer, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carleman_ssm.families.dense_spectrum import DenseSpectrum

SPREADS = 0.2
"""Phase residual, in mode spacings, from which on a pattern spreads within one revolution (THEORY T6 iii)."""

LEAST_NODES = 3
"""Two phases are affine in the index whatever they are."""


def real_words(*, alike: bool, nonnegative: bool, computed: bool) -> str:
    """Of real multipliers; computed: they are eigenvalues, real for every matrix within rounding."""
    if alike:
        return "no wave: all modes of a ring decay alike, so nothing leaves its node"
    found = "eigenvalues are real within their rounding error" if computed else "multipliers are real"
    if nonnegative:
        return f"no wave: {found} and not negative (T6 v)"
    return f"no side is preferred: {found}, some negative; a kick may hop by half of the ring"


def complex_words(nodes: int, hop: float, residual: float | None) -> str:
    """Of multipliers that are not all real."""
    if nodes < LEAST_NODES:
        return f"multipliers are complex; {nodes} modes are too few to tell a rigid wave from another"
    if residual is None:
        return "multipliers are complex, but the nearest rigid law does not move"
    if residual < SPREADS:
        return f"waves travel rigidly: {hop:.3g} nodes per step, residual {residual:.2g} mode spacings"
    return f"waves travel and spread: residual {residual:.2g} mode spacings"


def untold_words(spectra: Sequence[DenseSpectrum]) -> str:
    """Of eigenvalues that rounding may have made complex, or real."""
    enclosed = [spectrum for spectrum in spectra if np.isfinite(spectrum.error)]
    if not enclosed:
        return "not told: the eigenvalues are not resolved"
    found, total = (
        sum(counts) for counts in zip(*((s.complex_count, s.eigenvalues.size) for s in enclosed), strict=True)
    )
    return (
        f"not told: the eigenvalues are not resolved; as float64 holds the matrix {found} of {total} are complex, "
        "which rounding alone may have done or undone"
    )
