r"""What diagonalising S4 costs: the condition of its eigenvectors and the error of its kernel by rounded modes.

HiPPO-LegS itself has the eigenvalues $-1, \dots, -N$ and nearly parallel eigenvectors, in closed form
(`theory.legs_eigenvectors`). In exact arithmetic the diagonal form is as good as the dense one; with modes rounded to
float64 its kernel loses as many digits as the condition number has. The matrix that a layer holds in float64 is another
one: from N = 22 or so it has complex eigenvalues and a smaller condition number, so the two are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

import flint
import numpy as np

from carleman_ssm.families.s4 import S4
from carleman_ssm.networks.enclosures import outward
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.legs_eigenvectors import legs_condition_square, legs_right_vectors

SIZES = (8, 16, 24)
LAGS = 64
BITS = 512
"""The weights of LegS are sums that cancel; at N = 64 they lose some 160 bits."""


@dataclass(frozen=True)
class EigenvectorCost:
    """HiPPO-LegS, and one channel of S4 that its reference initialises with it, over 64 lags.

    Parameters
    ----------
    states
        N.
    condition
        Condition number of the unit eigenvectors of LegS, in the Frobenius norm: an exact number, rounded upward.
    relative_error
        Certified bound of what rounding the modes of LegS to float64 costs the kernel, relative to its largest value;
        for the step of that channel and a seeded readout.
    rounded_condition
        Certified upper bound of the same condition number for the matrix of the steps as float64 holds it.
    rounded_error
        Certified bound of what rounding the modes of that matrix costs its kernel, relative to its largest value.
    bits
        Precision at which the modes of that matrix were enclosed.
    """

    states: int
    condition: float
    relative_error: float
    rounded_condition: float
    rounded_error: float
    bits: int


def eigenvector_costs(sizes: Iterable[int] = SIZES, *, seed: int = 0) -> tuple[EigenvectorCost, ...]:
    """Certify the diagonal form of S4 at each size.

    Raises
    ------
    ArithmeticError
        The eigenvalues of a matrix in float64 are not separated at the highest precision.

    Examples
    --------
    >>> small, large = eigenvector_costs((4, 12))
    >>> small.relative_error < 1e-12 < large.relative_error < 1e-5
    True
    """
    return tuple(_cost(size, np.random.default_rng(seed)) for size in sizes)


def _cost(size: int, rng: np.random.Generator) -> EigenvectorCost:
    layer = S4.initialise(rng, channels=1, d_state=size)
    form = layer.diagonal_form(0, LAGS)
    largest = np.abs(form.kernel.value) - form.kernel.error
    step = float(layer.options.step(layer.inv_dt)[0, 0])
    with flint.ctx.workprec(BITS):
        return EigenvectorCost(
            size,
            legs_condition(size),
            legs_error(step, rng.normal(size=size)),
            form.condition,
            float(outward(form.float64_error / largest.max())),
            form.bits,
        )


def legs_condition(size: int) -> float:
    r"""$\|V\|_F \|V^{-1}\|_F$ of the unit eigenvectors of HiPPO-LegS, above.

    Examples
    --------
    >>> f"{legs_condition(24):.5g}"
    '1.0597e+17'
    """
    square = legs_condition_square(size)
    return float(outward(float(flint.arb(flint.fmpq(int(square.p), int(square.q))).sqrt().upper())))


def legs_error(step: float, readout: Array) -> float:
    r"""Certified bound of $\max_\ell |\sum_n \tilde w_n \tilde\lambda_n^\ell - K_\ell| / \max_\ell |K_\ell|$ for LegS.

    Parameters
    ----------
    step
        $\Delta$ of the bilinear rule: $\lambda_n = (2 - (n+1)\Delta)/(2 + (n+1)\Delta)$.
    readout
        c, (N,), in the coordinates of LegS: $w_n = (c^\top V)_n \binom{2n}{n} \cdot 2\Delta/(2 + (n+1)\Delta)$.

    Returns
    -------
    float
        Over 64 lags; $\tilde w$, $\tilde\lambda$ are the modes rounded to float64, summed in exact arithmetic.
    """
    with flint.ctx.workprec(BITS):
        multipliers, weights = _legs_modes(flint.arb(step), readout)
        exact = _kernel(weights, multipliers)
        through = _kernel([flint.arb(float(w)) for w in weights], [flint.arb(float(v)) for v in multipliers])
        gap = max(float((a - b).abs_upper()) for a, b in zip(through, exact, strict=True))
        largest = max(float(value.abs_lower()) for value in exact)
    return float(outward(gap / largest))


def _legs_modes(step: flint.arb, readout: Array) -> tuple[list[flint.arb], list[flint.arb]]:
    size, vectors = len(readout), legs_right_vectors(len(readout))
    row = [flint.arb(float(value)) * flint.arb(2 * n + 1).sqrt() for n, value in enumerate(readout)]
    below = [2 + (n + 1) * step for n in range(size)]
    multipliers = [(2 - (n + 1) * step) / below[n] for n in range(size)]
    read = [sum((row[i] * vectors[i][n] for i in range(n, size)), flint.arb(0)) for n in range(size)]
    return multipliers, [read[n] * comb(2 * n, n) * 2 * step / below[n] for n in range(size)]


def _kernel(weights: list[flint.arb], multipliers: list[flint.arb]) -> list[flint.arb]:
    terms, values = list(weights), []
    for _ in range(LAGS):
        values.append(sum(terms, flint.arb(0)))
        terms = [term * value for term, value in zip(terms, multipliers, strict=True)]
    return values
