r"""What diagonalising S4 costs: the condition of its eigenvectors and the error of its kernel by rounded modes.

The matrix of HiPPO-LegS has real, simple eigenvalues and nearly parallel eigenvectors. In exact arithmetic the diagonal
form is as good as the dense one; with modes rounded to float64 it loses as many digits as the condition number has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from carleman_ssm.families.s4 import S4

SIZES = (8, 16, 24)
LAGS = 64


@dataclass(frozen=True)
class EigenvectorCost:
    """One channel of S4 as its reference initialises it (HiPPO-LegS), over 64 lags.

    Parameters
    ----------
    states
        N.
    condition
        Certified upper bound of the condition number of the unit eigenvectors, in the Frobenius norm.
    bits
        Precision at which they were enclosed.
    relative_error
        Certified bound of what rounding the modes to float64 costs the kernel, relative to its largest value.
    """

    states: int
    condition: float
    bits: int
    relative_error: float


def eigenvector_costs(sizes: Iterable[int] = SIZES, *, seed: int = 0) -> tuple[EigenvectorCost, ...]:
    """Certify the diagonal form of S4 at each size.

    Raises
    ------
    ArithmeticError
        The eigenvalues of a matrix are not separated at the highest precision.

    Examples
    --------
    >>> small, large = eigenvector_costs((4, 12))
    >>> small.relative_error < 1e-12 < large.relative_error < 1e-6
    True
    """
    return tuple(_cost(size, np.random.default_rng(seed)) for size in sizes)


def _cost(size: int, rng: np.random.Generator) -> EigenvectorCost:
    form = S4.initialise(rng, channels=1, d_state=size).diagonal_form(0, LAGS)
    largest = float(np.abs(form.kernel.value).max())
    return EigenvectorCost(size, form.condition, form.bits, form.float64_error / largest)
