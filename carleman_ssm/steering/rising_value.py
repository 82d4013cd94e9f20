r"""A quadratic function whose value has to rise, in units of its own, and what rounding may hide in it (THEORY T22).

A value that has to fall rises with all signs turned. All numbers are divided by the power of two next to the largest of
shift, slopes and curvature: the smallest change does not depend on it, and logits of any size are treated alike.

The eigenvalues of Q are those of a matrix within $\epsilon = 64\,n\,2^{-53}\lVert Q\rVert$, the slopes $c = V^\top g$
within $\epsilon_g = 64\,n\,2^{-53}\lVert c\rVert$. Every δ that reaches r fulfils
$c^\top z + z^\top(\mathrm{diag}\,q + \epsilon I)z\ge r - \epsilon_g\lVert z\rVert$ with $z = V^\top\delta$, so the
smallest change of that function is a lower bound of $\lVert\delta\rVert$ whatever is hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import frexp, isfinite, ldexp, sqrt

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Floats
from carleman_ssm.steering.quadratic import Quadratic
from carleman_ssm.steering.secular import Secular, rounding_of_zero

FITS = 1e-12
"""A change has the wanted value when it misses it by this share of the sizes of the terms: 8 n 2⁻⁵³ at n = 1000."""
SURE = 1e-6
"""Share of the wanted rise that the rounding of a witness's value may be."""


@dataclass(frozen=True, eq=False, repr=False)
class RisingValue(Brief):
    """The problem of `smallest_change`, target ≠ value."""

    quadratic: Quadratic
    target: float

    @property
    def sign(self) -> float:
        """−1 where the value has to fall."""
        return 1.0 if self.target > self.quadratic.value else -1.0

    @cached_property
    def exponent(self) -> int:
        """Of the power of two that the numbers of `secular` and `shift` are divided by."""
        q = self.quadratic
        sizes = (abs(self.target - q.value), float(np.abs(q.gradient).max()), float(np.abs(q.curvature).max()))
        return frexp(max(sizes))[1]

    def in_units(self, number: float, power: int = 1) -> float:
        """A number of the scaled function in the units of the given one; power −1 for a multiplier."""
        return ldexp(number, power * self.exponent)

    @cached_property
    def shift(self) -> float:
        """The wanted rise r > 0."""
        return ldexp(abs(self.target - self.quadratic.value), -self.exponent)

    @cached_property
    def secular(self) -> Secular:
        """By the spectrum as it was computed."""
        values, vectors = self.quadratic.spectrum
        slopes = vectors.T @ np.ldexp(self.quadratic.gradient, -self.exponent)
        return Secular(self.sign * np.ldexp(values, -self.exponent), self.sign * slopes)

    @cached_property
    def cleaned(self) -> Secular:
        """Where Q is negative semidefinite up to rounding, with its zeros, and slopes along them, made exact."""
        values, slopes = self.secular.eigenvalues, self.secular.slopes
        small = rounding_of_zero(values)
        if values.max() > small:
            return self.secular
        flat = values >= -small
        if np.linalg.norm(slopes[flat]) <= rounding_of_zero(slopes):
            slopes = np.where(flat, 0.0, slopes)
        return Secular(np.where(flat, 0.0, values), slopes)

    @property
    def hidden(self) -> float:
        """ε, in the units of Q."""
        return self.in_units(rounding_of_zero(self.secular.eigenvalues))

    def reaches(self, secular: Secular) -> bool:
        """Whether the function of this spectrum has the value anywhere."""
        return secular.top > 0.0 or secular.limit >= self.shift

    def extreme(self, secular: Secular) -> float | None:
        """The value that no change exceeds in the wanted direction, if there is one."""
        bounded = secular.top == 0.0 and isfinite(secular.limit)
        return self.quadratic.value + self.sign * self.in_units(secular.limit) if bounded else None

    def point(self, secular: Secular) -> Floats:
        """The smallest change δ (n,) of the function of this spectrum, which reaches the value."""
        s = secular.root(self.shift)
        coordinates = secular.stationary(s)
        if secular.top > 0.0 and s == 0.0:
            coordinates[np.argmin(secular.gaps)] = sqrt(max(self.shift - secular.limit, 0.0) / secular.top)
        change: Floats = self.quadratic.spectrum[1] @ coordinates
        return change if self.fits(change) else self._corrected(change)

    def fits(self, change: Floats) -> bool:
        """Whether m(δ) is the target up to the rounding of its terms."""
        missed = abs(float(self.quadratic(change)) - self.target)
        return missed <= FITS * (self.quadratic.terms(change) + abs(self.target) + abs(self.quadratic.value))

    def _corrected(self, change: Floats) -> Floats:
        """The change after one Newton step along the slope, if that misses the target by less."""
        missing, slope = self.target - float(self.quadratic(change)), self.quadratic.slope(change)
        step = missing * slope / max(float(slope @ slope), np.finfo(np.float64).tiny)
        better = change + step
        return better if abs(float(self.quadratic(better)) - self.target) < abs(missing) else change

    def is_clear(self, multiplier: float, norm: float) -> bool:
        r"""Whether ε takes less than 10⁻⁶ of $\lVert\delta\rVert^2$ from the dual value at ν, ε_g as much of r."""
        blur = rounding_of_zero(self.secular.slopes)
        return abs(multiplier) * self.hidden <= SURE and blur * norm <= SURE * self.shift

    @cached_property
    def certain_bound(self) -> float:
        """The lower bound of the norm that holds whatever curvature and slopes rounding hides."""
        values, slopes = self.secular.eigenvalues, self.secular.slopes
        raised, blur = Secular(values + rounding_of_zero(values), slopes), rounding_of_zero(slopes)
        whole = _least_norm(raised, self.shift)
        if blur == 0.0:
            return whole
        if not isfinite(whole):
            # Definite beyond rounding: the slopes' share of the extreme value is a relative one.
            near = raised.limit * (1.0 + 256.0 * len(slopes) * UNIT_ROUNDOFF)
            return whole if near < self.shift else _least_norm(raised, raised.limit * (1.0 - SURE))
        half = min(0.5 * self.shift / blur, _least_norm(raised, 0.5 * self.shift))
        rest = self.shift - blur * whole
        return max(half, _least_norm(raised, rest)) if rest > 0.0 else half

    def witness(self) -> Floats | None:
        """A change that has the value beyond the rounding of its own terms though Q seems not to allow it, or None.

        Along axes, and along the extreme eigenvectors of Q with its diagonal scaled to ±1: curvatures that are small
        beside those of other axes, but no rounding.
        """
        curvature = self.sign * self.quadratic.curvature
        diagonal = np.abs(np.diag(curvature))
        scales = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
        axes = np.concatenate([np.eye(len(scales)), np.linalg.eigh(scales[:, None] * curvature * scales)[1].T * scales])
        rays = axes / np.linalg.norm(axes, axis=1, keepdims=True)
        rays = np.concatenate([rays, -rays])
        linear, bent = rays @ (self.sign * self.quadratic.gradient), np.einsum("ri,ri->r", rays @ curvature, rays)
        rise = abs(self.target - self.quadratic.value)
        lengths = 2.0 * rise / (linear + np.sqrt(linear**2 + 4.0 * bent * rise))
        lengths = np.where((bent > 0.0) & (lengths > 0.0) & np.isfinite(lengths), lengths, np.inf)
        for ray in np.argsort(lengths)[: int(np.isfinite(lengths).sum())]:
            change: Floats = lengths[ray] * rays[ray]
            rounding = 4.0 * (len(scales) + 4) * UNIT_ROUNDOFF * self.quadratic.terms(change)
            if rounding <= SURE * rise and self.fits(change):
                return change
        return None


def _least_norm(secular: Secular, shift: float) -> float:
    """The dual value of a function at its best multiplier; infinite where it does not reach the shift."""
    if secular.top == 0.0 and secular.limit < shift:
        return float("inf")
    s = secular.root(shift)
    return secular.dual(s, shift, float(np.linalg.norm(secular.stationary(s))))
