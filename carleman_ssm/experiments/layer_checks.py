"""What is found about one float layer of any family: its routes on noise, and the spectrum of its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.families.family import Family
from carleman_ssm.families.scans import InvariantDenseScan, Scan, Values, VaryingRankOneScan
from carleman_ssm.rings.family_multipliers import StepMultipliers, layer_multipliers, step_multipliers_of

NOISE_STEPS = 64
_REAL = 1e-12


@dataclass(frozen=True)
class LayerFinding:
    r"""One layer on seeded standard normal noise of 64 steps.

    Parameters
    ----------
    scan
        Name of the type of its recurrence.
    route_error
        Largest difference of the closed form and the recurrence, relative to the largest output.
    modulus
        Smallest and largest modulus of the eigenvalues of all $A_k$.
    complex_share
        Share of eigenvalues with an imaginary part. If it is 0 and so is the next, no wave travels (THEORY T6 v).
    negative_share
        Share of real eigenvalues below 0. Both are None where rounding may have made eigenvalues of a dense matrix
        complex, or real (`families.dense_spectrum`).
    state_shape
        Axes of the state of one step.
    """

    scan: str
    route_error: float
    modulus: tuple[float, float]
    complex_share: float | None
    negative_share: float | None
    state_shape: tuple[int, ...]


def eigenvalues(scan: Scan) -> Values:
    r"""Eigenvalues of the transitions: $\lambda$, $\lambda_k$, those of A, or $g_k$ and $g_k(1 - \beta_k|\kappa_k|^2)$.

    Raises
    ------
    TypeError
        No scan of the four types.
    """
    if isinstance(scan, InvariantDenseScan):
        return np.asarray(step_multipliers_of(scan))
    if isinstance(scan, VaryingRankOneScan):
        along = scan.decays * (1 - scan.strengths * (scan.keys * scan.keys).sum(axis=-1))
        others = [scan.decays] if scan.keys.shape[-1] > 1 else []
        return np.stack([along, *others])
    multipliers = getattr(scan, "multipliers", None)  # of every diagonal type
    if isinstance(scan, Scan) and multipliers is not None:
        return np.asarray(multipliers)
    msg = f"expected a scan of one of the four types, got {type(scan).__name__}"
    raise TypeError(msg)


def check_layer(layer: Family, *, seed: int = 0) -> LayerFinding:
    """Run one layer on noise by both routes, and look at the eigenvalues of its steps."""
    inputs = np.random.default_rng(seed).standard_normal((1, NOISE_STEPS, layer.channels))
    closed, stepped = layer(inputs, "closed"), layer(inputs, "recurrence")
    scan = layer.scan(inputs)
    found = layer_multipliers(layer, scan) if isinstance(scan, InvariantDenseScan) else None
    values, told = (eigenvalues(scan), True) if found is None else (found.values, _told(found))
    sizes = np.abs(values)
    imaginary = np.abs(np.imag(values)) > _REAL * np.maximum(sizes, _REAL)
    return LayerFinding(
        scan=type(scan).__name__.removesuffix("Scan"),
        route_error=float(np.abs(closed - stepped).max() / max(np.abs(stepped).max(), np.finfo(float).tiny)),
        modulus=(float(sizes.min()), float(sizes.max())),
        complex_share=float(imaginary.mean()) if told else None,
        negative_share=float((~imaginary & (np.real(values) < 0)).mean()) if told else None,
        state_shape=tuple(np.shape(scan.drives)[2:]),
    )


def _told(found: StepMultipliers) -> bool:
    return all(spectrum.real is not None for spectrum in found.spectra or ())
