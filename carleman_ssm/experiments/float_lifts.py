r"""The ordered product of lifts of a float layer: what `recurrences.lift` proves with symbols, with numbers.

One batch element of a scan is $z_k = A_k z_{k-1} + b_k$ with all entries of the state in one column. In homogeneous
coordinates $(1, z)$ a step is one matrix; its lift of degree 2 acts on the products $z_i z_j$, $i \le j$, $z_0 = 1$,
and is read off the Kronecker square. That is another route than the multinomials of the exact lift.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from carleman_ssm.families.scans import Scan, Values

MAX_MONOMIALS = 200
"""Larger lifts are not formed: degree 1 instead of 2."""


def step_maps(scan: Scan) -> tuple[Values, Values]:
    r"""$A_k$, shape (L, n, n), and $b_k$, shape (L, n), the state as one column of n entries.

    Column i of $A_k$ is what step k makes of the state $e_i$: the recurrence, driven with $e_i$ at step k - 1 alone.
    $A_1$ acts on the state from rest and is never seen; it is returned as the identity.

    Parameters
    ----------
    scan
        A batch of one sequence.

    Raises
    ------
    ValueError
        More than one sequence: each has its own $A_k$.
    """
    drives = np.asarray(scan.drives)
    if drives.shape[0] != 1:
        msg = f"the steps of one sequence are wanted, got a batch of {drives.shape[0]}: give one"
        raise ValueError(msg)
    length, entries = drives.shape[1], int(np.prod(drives.shape[2:], dtype=int))
    columns = [_response(scan, k, i) for k in range(length - 1) for i in range(entries)]
    later = np.array(columns).reshape(length - 1, entries, entries).swapaxes(1, 2)
    first = np.eye(entries, dtype=later.dtype)[None]
    return np.concatenate([first, later]), drives.reshape(length, entries)


def _response(scan: Scan, k: int, i: int) -> Values:
    """What step k + 1 (from 0) makes of the state e_i after step k."""
    drives = np.asarray(scan.drives)
    impulse = np.zeros((drives.shape[1], int(np.prod(drives.shape[2:], dtype=int))), dtype=drives.dtype)
    impulse[k, i] = 1.0
    driven: Scan = replace(cast(Any, scan), drives=impulse.reshape(drives.shape))
    column: Values = driven.states("recurrence")[0, k + 1].reshape(-1)
    return column


def lift_of_products(matrix: Values, shift: Values, degree: int) -> Values:
    r"""The lift of $x \mapsto A x + \xi$ to the monomials of degree at most 1 or 2, in homogeneous coordinates.

    Parameters
    ----------
    matrix, shift
        A, (n, n), and $\xi$, (n).
    degree
        1, or 2: rows $z_i z_j$ with $i \le j$, $z = (1, x)$.
    """
    entries = len(shift)
    step = np.zeros((entries + 1, entries + 1), dtype=np.result_type(matrix, shift))
    step[0, 0], step[1:, 0], step[1:, 1:] = 1.0, shift, matrix
    if degree == 1:
        return step
    rows, columns = np.triu_indices(entries + 1)
    square = step[rows[:, None], rows[None, :]] * step[columns[:, None], columns[None, :]]
    crossed = step[rows[:, None], columns[None, :]] * step[columns[:, None], rows[None, :]]
    lifted: Values = np.where(rows == columns, square, square + crossed)
    return lifted


def lift_of_point(state: Values, degree: int) -> Values:
    r"""$(1, x)$, or all $z_i z_j$ with $i \le j$, of one state of n entries."""
    point = np.concatenate([np.ones(1, dtype=state.dtype), state])
    if degree == 1:
        return point
    rows, columns = np.triu_indices(len(point))
    product: Values = point[rows] * point[columns]
    return product


def ordered_product_error(scan: Scan) -> tuple[float, int]:
    r"""How far $T(b_L) S(A_L) \cdots T(b_1) S(A_1) X_0$ is from the lift of the closed form of the last state.

    Parameters
    ----------
    scan
        A batch of one sequence.

    Returns
    -------
    tuple of float, int
        Largest difference among the monomials of one degree relative to the largest of them, and the degree of the
        lift: 2, or 1 where degree 2 has more than 200 monomials.
    """
    matrices, shifts = step_maps(scan)
    entries = shifts.shape[1]
    degree = 2 if (entries + 2) * (entries + 1) // 2 <= MAX_MONOMIALS else 1
    product = lift_of_products(matrices[0], shifts[0], degree)
    for matrix, shift in zip(matrices[1:], shifts[1:], strict=True):
        product = lift_of_products(matrix, shift, degree) @ product
    reached = product @ lift_of_point(np.zeros(entries, dtype=product.dtype), degree)
    wanted = lift_of_point(scan.states("closed")[0, -1].reshape(-1), degree)
    powers = _degrees(entries, degree)
    errors = [relative_difference(reached[powers == power], wanted[powers == power]) for power in range(degree + 1)]
    return max(errors), degree


def _degrees(entries: int, degree: int) -> Values:
    """Degree in the state of each monomial of the lift."""
    single: Values = np.concatenate([np.zeros(1, dtype=int), np.ones(entries, dtype=int)])
    if degree == 1:
        return single
    rows, columns = np.triu_indices(entries + 1)
    total: Values = single[rows] + single[columns]
    return total


def relative_difference(first: Values, second: Values) -> float:
    """Largest difference relative to the largest entry of the second; infinite where that is 0 and the first is not."""
    gap, size = float(np.abs(first - second).max()), float(np.abs(second).max())
    if gap == 0.0:
        return 0.0
    return gap / size if size else float("inf")
