r"""Rigorous lower bounds of quadratic functions on a ball, from floating-point numbers, every rounding counted.

Let $m(\delta) = m_0 + g^\top\delta + \delta^\top Q\delta$ with float64 numbers $m_0, g, Q = Q^\top$ and
$\lVert\delta\rVert \le \varepsilon$. For every $\lambda \ge 0$, every $v$, and every $\tau \ge 0$ with
$Q + \lambda I \succeq -\tau I$,

$$m(\delta) \ \ge\ m(v) + \lambda(\lVert v\rVert^2 - \varepsilon^2)
 - \lVert g + 2(Q + \lambda I)v\rVert\,(\varepsilon + \lVert v\rVert) - \tau(\varepsilon + \lVert v\rVert)^2 .$$

*Proof.* On the ball $m(\delta) \ge m(\delta) + \lambda(\lVert\delta\rVert^2 - \varepsilon^2) = L(\delta)$. The function
L is quadratic with second-order part $A = Q + \lambda I$, so $L(\delta) = L(v) + \nabla L(v)^\top(\delta - v) +
(\delta - v)^\top A(\delta - v)$; now Cauchy–Schwarz, $A \succeq -\tau I$ and
$\lVert\delta - v\rVert \le \varepsilon + \lVert v\rVert$. ∎

Nothing is assumed of λ and v: they come from a plain eigendecomposition and a secular equation, and a bad guess only
makes the bound low. At the solution of the trust-region problem (Moré and Sorensen 1983) the gradient of L vanishes
and $\lambda(\lVert v\rVert - \varepsilon) = 0$, so nothing is lost but rounding, for indefinite Q
and in the hard case too.

The number τ is found after the fact. For *any* matrices V and $\Lambda = \mathrm{diag}$, with
$\eta \ge \lVert V^\top V - I\rVert$ and $r \ge \lVert Q - V\Lambda V^\top\rVert$, and $\lambda \ge -\min\Lambda$:
$Q + \lambda I = V(\Lambda + \lambda)V^\top + (Q - V\Lambda V^\top) + \lambda(I - VV^\top)
\succeq -(r + \lambda\eta)I$, since a square V has $\lVert VV^\top - I\rVert = \lVert V^\top V - I\rVert$. Both norms
are bounded by Frobenius norms of computed residuals plus $\gamma_n$ times norms of factors.

If the numbers stand for others, $|m_0 - m_0'| \le \rho_0$, $\lVert g - g'\rVert \le \rho_g$,
$\lVert Q - Q'\rVert \le \rho_Q$, the bound falls by at most $\rho_0 + \rho_g\varepsilon + \rho_Q\varepsilon^2$.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats, gamma, outward

SQUARES_LOST = 1e-145
"""More than a Euclidean norm loses because the squares of numbers below 1e-154 vanish."""
HALVINGS = 80
"""Steps of the secular equation's bisection; they set the quality of the bound, not its truth."""
SHIFT = 2.0**-44
"""How far past the last pole the multiplier starts, in units of the largest eigenvalue."""


def norm_bound(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Upper bounds of the Euclidean norms over some axes."""
    return outward(np.sqrt(np.square(values).sum(axis=axis)) + SQUARES_LOST)


@dataclass(frozen=True, eq=False, repr=False)
class BallBounds(Brief):
    """`lower` (rows,): proved lower bounds of the quadratics on the ball; `points` (rows, n): where they are nearly
    attained; `multipliers` (rows,).
    """

    lower: Floats
    points: Floats
    multipliers: Floats


@dataclass(frozen=True, eq=False, repr=False)
class EnclosedQuadratics(Brief):
    r"""Quadratics $m_i(\delta) = m_{0,i} + g_i^\top\delta + \delta^\top Q_i\delta$, known up to stated errors.

    Parameters
    ----------
    values, value_errors
        $m_0$ and $\rho_0$, (rows,).
    gradients, gradient_errors
        $g$ (rows, n), and $\rho_g$ (rows,) in the Euclidean norm.
    curvatures, curvature_errors
        $Q$ (rows, n, n), each exactly symmetric, and $\rho_Q$ (rows,) in the spectral norm.

    Raises
    ------
    ValueError
        Shapes do not fit, a matrix is not symmetric, or an error is negative (NaN and ∞ are errors that nothing is
        proved with).
    """

    values: Floats
    value_errors: Floats
    gradients: Floats
    gradient_errors: Floats
    curvatures: Floats
    curvature_errors: Floats

    def __post_init__(self) -> None:
        if self.gradients.ndim != 2:
            msg = f"gradients have shape (rows, n), got {self.gradients.shape}: one gradient is a row, gradient[None]"
            raise ValueError(msg)
        rows, size = self.gradients.shape
        if self.curvatures.shape != (rows, size, size):
            msg = f"{rows} gradients of {size} entries need curvatures of shape {(rows, size, size)}, got "
            raise ValueError(msg + str(self.curvatures.shape))
        for name in ("values", "value_errors", "gradient_errors", "curvature_errors"):
            if getattr(self, name).shape != (rows,):
                msg = f"{name} must have shape ({rows},), got {getattr(self, name).shape}"
                raise ValueError(msg)
        for name in ("value_errors", "gradient_errors", "curvature_errors"):
            if (getattr(self, name) < 0).any():
                msg = f"{name} bound absolute values, so none is negative: got {getattr(self, name).min()}"
                raise ValueError(msg)
        if not np.array_equal(self.curvatures, self.curvatures.swapaxes(1, 2), equal_nan=True):
            msg = "the curvature matrices must be exactly symmetric: pass (Q + Q.swapaxes(1, 2)) / 2"
            raise ValueError(msg)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Eigenvalues and vectors, with proved bounds of their residuals."""
        return proved_spectrum(self.curvatures)

    def ball_bounds(self, radius: float) -> BallBounds:
        r"""Lower bounds on $\lVert\delta\rVert \le \varepsilon$ of every quadratic, for all that the numbers stand for.

        Parameters
        ----------
        radius
            ε ≥ 0, taken as an exact number.

        Returns
        -------
        BallBounds
            −∞ where nothing can be proved (a number that is not finite).

        Raises
        ------
        ValueError
            The radius is negative or not finite.

        References
        ----------
        Moré and Sorensen (1983), Computing a trust region step; weak duality as in the module's proof. Rounding of
        sums: Higham (2002), Accuracy and Stability of Numerical Algorithms, §3.1. THEORY T22.

        Examples
        --------
        The saddle $1 + x^2 - 2y^2$ falls to $1 - 2\varepsilon^2$ (the hard case: no gradient):

        >>> zero = np.zeros(1)
        >>> saddle = EnclosedQuadratics(zero + 1, zero, np.zeros((1, 2)), zero, np.diag([1.0, -2.0])[None], zero)
        >>> bool(0.5 - 1e-12 < saddle.ball_bounds(0.5).lower[0] <= 0.5)
        True
        """
        if not (np.isfinite(radius) and radius >= 0):
            msg = f"the radius of a ball is a finite number that is not negative, got {radius}"
            raise ValueError(msg)
        with np.errstate(all="ignore"):  # what is not finite proves nothing, below
            multipliers, points = _dual_points(self.gradients, self.spectrum, radius)
            lower = self._proved(multipliers, points, radius)
        return BallBounds(np.where(np.isfinite(lower), lower, -np.inf), points, multipliers)

    def _proved(self, multipliers: Floats, points: Floats, radius: float) -> Floats:
        """The right-hand side of the module's inequality, rounded down."""
        size = points.shape[1]
        applied = np.matmul(self.curvatures, points[:, :, None])[:, :, 0]
        square = np.einsum("ri,ri->r", points, points)
        parts = np.stack(
            [
                self.values,
                np.einsum("ri,ri->r", self.gradients, points),
                np.einsum("ri,ri->r", applied, points),
                multipliers * square,
                -multipliers * (radius * radius),
            ]
        )
        slope, reach = self._slope(multipliers, points, applied), outward(radius + np.sqrt(outward(square)))
        tau = self.spectrum.defect(multipliers)
        lost = slope * reach + tau * reach * reach
        lost = lost + self.value_errors + self.gradient_errors * radius + self.curvature_errors * radius * radius
        lost = lost + gamma(2 * size + 12) * self._sizes(multipliers, points, square, radius)
        lower: Floats = np.nextafter(parts.sum(axis=0) - outward(lost), -np.inf)
        return np.asarray(lower - 2.0**-50 * np.abs(parts).sum(axis=0), dtype=np.float64)

    def _slope(self, multipliers: Floats, points: Floats, applied: Floats) -> Floats:
        r"""Upper bound of $\lVert g + 2(Q + \lambda I)v\rVert$."""
        slope = self.gradients + 2.0 * (applied + multipliers[:, None] * points)
        size = np.abs(self.gradients) + 2.0 * self._moved(points) + 2.0 * np.abs(multipliers[:, None] * points)
        return outward(norm_bound(slope, 1) + gamma(points.shape[1] + 6) * norm_bound(size, 1))

    def _moved(self, points: Floats) -> Floats:
        """|Q||v| (rows, n)."""
        product: Floats = np.matmul(np.abs(self.curvatures), np.abs(points)[:, :, None])[:, :, 0]
        return product

    def _sizes(self, multipliers: Floats, points: Floats, square: Floats, radius: float) -> Floats:
        """What the roundings of the value are relative to: every part with absolute values inside."""
        size = np.abs(points)
        curved = np.einsum("ri,ri->r", self._moved(points), size)
        linear = np.einsum("ri,ri->r", np.abs(self.gradients), size)
        return outward(np.abs(self.values) + linear + curved + multipliers * (square + radius * radius))


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(Brief):
    r"""$Q \approx V\Lambda V^\top$ with proved residuals, rows of everything.

    Parameters
    ----------
    eigenvalues, vectors
        Λ (rows, n) ascending and V (rows, n, n): any numbers, as the residuals are proved of just these.
    residuals
        Upper bounds of $\lVert Q - V\Lambda V^\top\rVert$, (rows,).
    skewness
        Upper bounds of $\lVert V^\top V - I\rVert$, (rows,).
    """

    eigenvalues: Floats
    vectors: Floats
    residuals: Floats
    skewness: Floats

    def defect(self, multipliers: Floats) -> Floats:
        r"""τ with $Q + \lambda I \succeq -\tau I$, (rows,); infinite where $\lambda < -\min\Lambda$."""
        tau = outward(self.residuals + np.abs(multipliers) * self.skewness)
        return np.where(multipliers >= -self.eigenvalues.min(axis=1), tau, np.inf)


def proved_spectrum(matrices: Floats) -> Spectrum:
    """Eigendecomposition of symmetric matrices (rows, n, n), and what is wrong with it at most."""
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    given = np.where(finite[:, None, None], matrices, 0.0)
    values, vectors = np.linalg.eigh(given)
    size, transposed = given.shape[1], vectors.swapaxes(1, 2)
    columns = np.einsum("rij,rij->rj", vectors, vectors)
    with np.errstate(all="ignore"):
        residual = given - np.matmul(vectors * values[:, None, :], transposed)
        factors = norm_bound(given, (1, 2)) + (np.abs(values) * outward(columns)).sum(axis=1)
        skew = np.matmul(transposed, vectors) - np.eye(size)
        apart = norm_bound(residual, (1, 2)) + gamma(size + 4) * factors
        crooked = norm_bound(skew, (1, 2)) + gamma(size + 2) * (columns.sum(axis=1) + np.sqrt(size))
    return Spectrum(values, vectors, np.where(finite, outward(apart), np.inf), outward(crooked))


def _dual_points(gradients: Floats, spectrum: Spectrum, radius: float) -> tuple[Floats, Floats]:
    r"""Near-optimal λ (rows,) and $v = -\tfrac12(Q + \lambda)^{-1}g$ (rows, n): bisection of
    $\lVert v(\lambda)\rVert = \varepsilon$.
    """
    values = spectrum.eigenvalues
    turned = np.matmul(spectrum.vectors.swapaxes(1, 2), gradients[:, :, None])[:, :, 0]
    scale = np.abs(values).max(axis=1)
    bottom = -values[:, 0]
    low = np.maximum(np.maximum(bottom, 0.0), bottom + SHIFT * scale)
    high = low + norm_bound(gradients, 1) / max(2.0 * radius, 1e-290)

    def steps(multipliers: Floats) -> Floats:
        """V in the eigenbasis; infinite where a gradient meets no curvature."""
        denominators = 2.0 * (values + multipliers[:, None])
        unbounded = np.where(turned == 0, 0.0, np.inf)
        return np.asarray(np.divide(-turned, denominators, out=unbounded, where=denominators > 0))

    inside = np.linalg.norm(steps(low), axis=1) <= radius
    first, last = low.copy(), high
    for _ in range(HALVINGS):
        middle = 0.5 * (first + last)
        long = np.linalg.norm(steps(middle), axis=1) > radius
        first, last = np.where(long, middle, first), np.where(long, last, middle)
    multipliers = np.where(inside, low, last)
    points = np.matmul(spectrum.vectors, steps(multipliers)[:, :, None])[:, :, 0]
    return multipliers, points
