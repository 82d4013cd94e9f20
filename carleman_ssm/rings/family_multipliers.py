r"""What one step of a layer's recurrence multiplies each mode by, as rows of modes: the rings of the layer.

The multipliers of a dense layer are the eigenvalues of its matrix. They are enclosed, and kept with whether rounding
could have made them real or complex (`families.dense_spectrum`): nothing about waves follows from those that it could.
S4 is seen through A, not through its steps: the bilinear rule $\lambda \mapsto (2 + \Delta\lambda)/(2 - \Delta\lambda)$
maps real numbers to real ones and others to others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.dense_spectrum import DenseSpectrum, dense_spectrum
from carleman_ssm.families.family import Family
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.scans import InvariantDenseScan, InvariantDiagonalScan, Scan, Values, VaryingDiagonalScan
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array, ComplexArray

MOST = 16
"""Different matrices of a layer that are enclosed; one of 64 states takes about half a second."""


@dataclass(frozen=True, eq=False, repr=False)
class StepMultipliers(Brief):
    r"""The multipliers of one layer.

    Parameters
    ----------
    values
        $\lambda_{k,n}$ (L, R, N) of the first sequence; L = 1 if they do not change.
    spectra
        Of a dense layer, for each ring the spectrum that they come from; None where the multipliers are themselves
        what the recurrence is made of.
    """

    values: ComplexArray
    spectra: tuple[DenseSpectrum, ...] | None = None


def layer_multipliers(layer: Family, scan: Scan) -> StepMultipliers | None:
    """The multipliers of a layer under the inputs of one of its scans, or None for no diagonal.

    The modes are the last axis of the state; the last but one where the last holds the values of a matrix state, all
    of which see the same multipliers.
    """
    if isinstance(scan, InvariantDenseScan):
        return _of_s4(layer) if isinstance(layer, S4) else _of_matrices(scan.matrices)
    values = step_multipliers_of(scan)
    return None if values is None else StepMultipliers(values)


def step_multipliers_of(scan: Scan) -> ComplexArray | None:
    """`layer_multipliers` of a scan alone: the matrices of a dense one are what they are in float64."""
    if isinstance(scan, InvariantDenseScan):
        return _of_matrices(scan.matrices).values
    if isinstance(scan, InvariantDiagonalScan):
        return _by_rows(scan.multipliers, scan.drives.shape[2:], varying=False)
    if isinstance(scan, VaryingDiagonalScan | ClockScan):
        return _by_rows(scan.multipliers[0], scan.drives.shape[2:], varying=True)
    return None


def _of_matrices(matrices: Values) -> StepMultipliers:
    spectra = _spectra(matrices.reshape(-1, *matrices.shape[-2:]))
    return StepMultipliers(np.stack([spectrum.eigenvalues for spectrum in spectra])[None], spectra)


def _of_s4(layer: S4) -> StepMultipliers:
    """By the eigenvalues of A, or of the rates if the modes of a channel have steps of their own."""
    repeats, modes = layer.channels // layer.A_real.shape[0], layer.size // 2
    step, rates = layer.options.step(layer.inv_dt), np.tile(layer.matrices, (repeats, 1, 1))
    if step.shape[1] > 1:
        rows = np.broadcast_to(step, (layer.channels, modes))
        rates, step = np.concatenate([rows, rows], axis=-1)[..., None] * rates, np.ones((layer.channels, 1))
    spectra = _spectra(rates)
    half = step.astype(np.complex128) / 2 * np.stack([spectrum.eigenvalues for spectrum in spectra])
    values: ComplexArray = (1 + half) / (1 - half)
    return StepMultipliers(values[None], spectra)


def _spectra(matrices: Array) -> tuple[DenseSpectrum, ...]:
    """Each different matrix is enclosed once; nothing is told of those beyond `MOST`."""
    known: dict[bytes, DenseSpectrum] = {}
    for matrix in matrices:
        if matrix.tobytes() not in known:
            known[matrix.tobytes()] = dense_spectrum(matrix) if len(known) < MOST else _not_enclosed(matrix)
    return tuple(known[matrix.tobytes()] for matrix in matrices)


def _not_enclosed(matrix: Array) -> DenseSpectrum:
    return DenseSpectrum(np.linalg.eigvals(matrix).astype(np.complex128), np.inf, np.inf, 0, None)


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
