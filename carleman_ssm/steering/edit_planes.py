r"""The plane of the two directions that a readout sees: the kernel K, and what a residual path e adds across it.

With $\kappa = B/A$ the part $e_\perp = e - \kappa K$ stands at right angles to K, so an edit with the shifts
$t = K\cdot\delta$ and $\varrho = e\cdot\delta$ is at its shortest
$\delta = K\,t/A + e_\perp\,(\varrho - \kappa t)/\lVert e_\perp\rVert^2$, of squared norm
$t^2/A + (\varrho - \kappa t)^2/\lVert e_\perp\rVert^2$ (`theory.scalar_edits`, "square completed"). The determinant
$AE - B^2 = A\lVert e_\perp\rVert^2$ is not formed: at a small angle it would be the difference of equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.theory.certification import ball_arithmetic

BITS = 512
"""Enough that e_⊥ of two float64 vectors of like scales keeps its digits at the smallest angle they can have."""


@dataclass(frozen=True, eq=False, repr=False)
class EditPlane(Brief):
    r"""K and $e_\perp$, with enclosures of their products; build it with `edit_plane`.

    Parameters
    ----------
    kernel, across
        K and $e_\perp$ (n,), the latter rounded to float64.
    squared, ratio, across_squared
        $A = \lVert K\rVert^2$, $\kappa = K\cdot e/A$ and $\lVert e_\perp\rVert^2$ of the exact $e_\perp$: enclosures.
    parallel
        Whether $e = \kappa K$ exactly, for the numbers as float64 holds them.
    """

    kernel: Floats
    across: Floats
    squared: arb
    ratio: arb
    across_squared: arb
    parallel: bool

    def along(self, shift: float) -> Floats:
        """The shortest δ (n,) with shift t, whatever e reads."""
        return float((arb(shift) / self.squared).mid()) * self.kernel

    def edit(self, shift: float, residual_shift: arb) -> Floats:
        r"""The shortest δ (n,) with shifts t and $\varrho$, where e is not parallel to K."""
        rest = (residual_shift - self.ratio * shift) / self.across_squared
        return self.along(shift) + float(rest.mid()) * self.across


def edit_plane(kernel: Floats, residual: Floats) -> EditPlane:
    """The plane of K and e (n,); K is not zero."""
    k, e = balls(kernel), balls(residual)
    with ball_arithmetic(BITS):
        pivot = int(np.abs(kernel).argmax())
        parallel = all(k[pivot] * second == e[pivot] * first for first, second in zip(k, e, strict=True))  # exact
        squared = inner_product(k, k)
        ratio = inner_product(k, e) / squared
        across = [arb(0) if parallel else second - ratio * first for first, second in zip(k, e, strict=True)]
        rounded = np.array([float(entry.mid()) for entry in across])
        return EditPlane(kernel, rounded, squared, ratio, inner_product(across, across), parallel)


def balls(values: Floats) -> list[arb]:
    """The entries at their exact values."""
    return [arb(float(value)) for value in values.reshape(-1)]


def inner_product(first: list[arb], second: list[arb]) -> arb:
    """Enclosure of a scalar product, in the present precision."""
    return sum((one * two for one, two in zip(first, second, strict=True)), arb(0))


def below(bound: arb) -> float:
    """A float64 number that is not above a number of at least 0."""
    return max(0.0, float(bound.lower()) * (1.0 - 2.0**-50))
