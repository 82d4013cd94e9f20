r"""Phases $e^{i\theta}$ and sums $\mathrm{Re}\sum_k w_k z^k$ in float64, from products and sums alone.

Written without a library's sine, so that their rounding is bounded by the standard model of arithmetic: see
`PHASE_ROUNDING` and, for the sum, `operators.cosine_decoders`.
"""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Phases = npt.NDArray[np.complex128]

HALVINGS = 3
PHASE_ROUNDING = 2.0**-47
r"""Bound of $|\mathrm{phase}(\theta) - e^{i\theta}|$ for $|\theta| \le \pi$: see `phase`."""

_COSINE = tuple((-1.0) ** n / factorial(2 * n) for n in range(9))
_SINE = tuple((-1.0) ** n / factorial(2 * n + 1) for n in range(9))


def phase(angle: Floats) -> Phases:
    r"""$e^{i\theta}$ for $|\theta| \le \pi$: Taylor polynomials at $\theta/8$ (exact division), squared three times.

    With u = 2⁻⁵³, $t = |\theta|/8 \le 0.393$ and $q = t^2 \le 0.155$: omitted terms are below $t^{18}/18! < u/10^6$.
    Horner's rule multiplies an error made n steps before its end by $q^n$, so the cosine errs by less than 1.5u (the
    last sum u, the last product and the rounding of q 0.08u each, all before 0.155 of such) and the sine by less than
    u; together $e_0 < 2u$. A squaring turns e into at most $2e + e^2 + 2.83u|z|^2 < 2e + 2.9u$ (each part of the square
    is one sum of two products), so $e_3 < 8e_0 + 7 \cdot 2.9u < 37u < 2^{-47}$.
    """
    eighth = angle * 0.125
    square = eighth * eighth
    z = _horner(_COSINE, square) + 1j * (eighth * _horner(_SINE, square))
    for _ in range(HALVINGS):
        z = z * z
    return np.asarray(z, dtype=np.complex128)


def _horner(coefficients: tuple[float, ...], square: Floats) -> Floats:
    r"""$\sum_n c_n q^n$ for $q \le 0.16$: an error made n steps before the end is multiplied by $q^n$."""
    result = np.full_like(square, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result *= square
        result += coefficient
    return result


def phase_sum(weights: Phases, phases: Phases) -> Floats:
    r"""$\mathrm{Re}\sum_{k=0}^K w_k z^k$ by Horner's rule; weights (K + 1, …) broadcast against z."""
    total = np.zeros_like(phases) + weights[-1]
    for weight in weights[-2::-1]:
        total *= phases
        total += weight
    return np.asarray(total.real, dtype=np.float64)
