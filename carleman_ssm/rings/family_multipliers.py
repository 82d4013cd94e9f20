"""What one step of a layer's recurrence multiplies each mode by, as rows of modes: the rings of the layer."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.scans import InvariantDenseScan, InvariantDiagonalScan, Scan, Values, VaryingDiagonalScan
from carleman_ssm.networks.layers import ComplexArray


def step_multipliers_of(scan: Scan) -> ComplexArray | None:
    r"""$\lambda_{k,n}$ (L, R, N) of the first sequence of a scan (L = 1 if time-invariant), or None for no diagonal.

    The modes are the last axis of the state; the last but one where the last holds the values of a matrix state, all
    of which see the same multipliers.
    """
    if isinstance(scan, InvariantDenseScan):
        matrices = scan.matrices.reshape(-1, *scan.matrices.shape[-2:])
        return np.stack([_eigenvalues(matrix) for matrix in matrices])[None]
    if isinstance(scan, InvariantDiagonalScan):
        return _by_rows(scan.multipliers, scan.drives.shape[2:], varying=False)
    if isinstance(scan, VaryingDiagonalScan | ClockScan):
        return _by_rows(scan.multipliers[0], scan.drives.shape[2:], varying=True)
    return None


def _eigenvalues(matrix: Values) -> ComplexArray:
    r"""Eigenvalues; an imaginary part within the first-order error $N \epsilon \|A\| / |l_i^* r_i|$ of one is rounding.

    HiPPO-LegS has real eigenvalues, of which float64 makes complex ones from N = 16 or so on.
    """
    values, left, right = linalg.eig(matrix, left=True, right=True)
    overlap = np.abs((left.conj() * right).sum(axis=0))
    noise = len(matrix) * np.finfo(np.float64).eps * np.linalg.norm(matrix, 2)
    rounding = np.abs(values.imag) * overlap <= noise
    result: ComplexArray = np.where(rounding, values.real, values)
    return result


def _by_rows(multipliers: Values, state: tuple[int, ...], *, varying: bool) -> ComplexArray:
    """Multipliers as (L, R, N)."""
    values: Values = np.asarray(multipliers)
    if not varying:
        values = values[np.newaxis]
    values = values.reshape(len(values), *(1,) * (len(state) + 1 - values.ndim), *values.shape[1:])
    columns = len(state) > 1 and state[-1] > values.shape[-1] == 1  # the columns of a matrix state
    kept = state[:-1] if columns else state
    full = np.broadcast_to(values[..., 0] if columns else values, (len(values), *kept))
    return full.reshape(len(values), -1, kept[-1]).astype(np.complex128)
