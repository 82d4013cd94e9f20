r"""The smallest change δ that gives a quadratic function a wanted value: the global optimum, with its certificate.

$$\min\lVert\delta\rVert^2\quad\text{subject to}\quad g^\top\delta + \delta^\top Q\,\delta = r ,$$

Q symmetric, definite or not, singular or zero (a generalised trust-region problem). For every real ν with
$I - \nu Q \succeq 0$ and every δ that fulfils the constraint

$$\lVert\delta\rVert^2 = \lVert\delta\rVert^2 - \nu\,(g^\top\delta + \delta^\top Q\,\delta - r)
\;\ge\; \nu r - \tfrac{\nu^2}{4}\,g^\top(I-\nu Q)^{+}g ,$$

the minimum of a convex function of δ, which is bounded below if and only if g is in the range of $I - \nu Q$. Equality
holds for a feasible δ with $2(I-\nu Q)\,\delta = \nu g$: such a δ is a global optimum, and ν proves it. It is found as
follows, for r > 0 (else all signs are turned). With the largest eigenvalue q̄ of Q, or 0 if that is larger, and
$\sigma = 1/\nu = s + \bar q$, s > 0, the stationary point is $\delta = \tfrac12(\sigma I - Q)^{-1}g$ and reaches

$$r(s) = \sum_i c_i^2\,\frac{2s + \bar q + d_i}{4\,(s+d_i)^2},\qquad c = V^\top g,\quad d_i = \bar q - q_i \ge 0,$$

strictly decreasing from its limit at s → 0 to 0 as $r'(s) = -\tfrac12\sum_i c_i^2(s + \bar q)/(s+d_i)^3 < 0$: one root.

* The limit is finite when g has no component in the eigenspace of q̄ (d = 0). If it is less than r and q̄ > 0, an
  eigenvector of q̄ of length $\sqrt{(r - r(0))/\bar q}$ is added: the *hard case*; ν = 1/q̄ proves it optimal.
* If q̄ = 0 there, Q has no positive eigenvalue and completing the square gives
  $g^\top\delta + \delta^\top Q\,\delta = r(0) - (\delta-\delta_0)^\top(-Q)(\delta-\delta_0) \le r(0)$ for *every* δ:
  a larger r is unreachable.

References
----------
THEORY T22; J. J. Moré, Generalizations of the trust region problem, Optim. Methods Softw. 2 (1993); R. J. Stern and
H. Wolkowicz, SIAM J. Optim. 5 (1995); T. K. Pong and H. Wolkowicz, Comput. Optim. Appl. 58 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Literal

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.quadratic import Quadratic
from carleman_ssm.steering.secular import Secular, rounding_of_zero


@dataclass(frozen=True, eq=False, repr=False)
class QuadraticChange(Brief):
    r"""The change of least norm, or the proof that there is none.

    Parameters
    ----------
    change
        δ (n,); zero where the value is unreachable.
    norm
        $\lVert\delta\rVert$; infinite where unreachable.
    multiplier
        ν, of the sign of the wanted change of value; ±∞ where the extreme value itself is wanted.
    value
        $m(\delta)$, evaluated anew.
    status
        ``"global"`` or ``"unreachable"``.
    lower_bound
        Root of the dual value at ν: no feasible change is smaller. Equal to the norm up to rounding.
    hard_case
        Whether an eigenvector of the extreme curvature was needed because g has no component along it.
    extreme
        Largest (for a wanted increase; else smallest) value that any change reaches, where there is one.
    certificate
        What proves it, with its numbers.
    """

    change: Floats
    norm: float
    multiplier: float
    value: float
    status: Literal["global", "unreachable"]
    lower_bound: float
    hard_case: bool
    extreme: float | None
    certificate: str


def smallest_change(quadratic: Quadratic, target: float) -> QuadraticChange:
    r"""The change of least Euclidean norm that gives the function the value `target`.

    One eigendecomposition of Q, which the `Quadratic` keeps for further targets, and one bracketed root. The result is
    a global optimum: proved by the dual bound above, evaluated in float64. Eigenvalues within 64 n 2⁻⁵³ ‖Q‖ of zero
    count as zero when they decide whether Q is semidefinite.

    Parameters
    ----------
    quadratic
        $m(\delta)$.
    target
        Wanted value.

    Returns
    -------
    QuadraticChange

    Raises
    ------
    ValueError
        The target is not finite.

    References
    ----------
    THEORY T22.

    Examples
    --------
    The nearest point to the origin on the hyperbola $\delta_1^2 - \delta_2^2 = 4$; and there is none on
    $-\delta_1^2 - \delta_2^2 = 4$.

    >>> import numpy as np
    >>> found = smallest_change(Quadratic(0.0, np.zeros(2), np.diag([1.0, -1.0])), 4.0)
    >>> abs(found.change).tolist(), found.norm, found.lower_bound, found.hard_case
    ([2.0, 0.0], 2.0, 2.0, True)
    >>> nowhere = smallest_change(Quadratic(0.0, np.zeros(2), -np.eye(2)), 4.0)
    >>> nowhere.status, nowhere.extreme
    ('unreachable', 0.0)
    """
    if not isfinite(target):
        msg = f"the wanted value has to be finite, got {target}"
        raise ValueError(msg)
    shift = float(target) - quadratic.value
    if shift == 0.0:
        return _nothing_to_do(quadratic)
    sign = 1.0 if shift > 0.0 else -1.0
    values, vectors = quadratic.spectrum
    secular = _cleaned(sign * values, sign * (vectors.T @ quadratic.gradient))
    limit = secular.limit
    extreme = quadratic.value + sign * limit if secular.top == 0.0 and isfinite(limit) else None
    if extreme is not None and abs(shift) > limit:
        return _unreachable(quadratic, sign, abs(shift), limit)
    s = secular.root(abs(shift))
    coordinates = secular.stationary(s)
    if secular.top > 0.0 and s == 0.0:
        coordinates[np.argmin(secular.gaps)] = sqrt(max(abs(shift) - limit, 0.0) / secular.top)
    return _optimum(quadratic, target, sign, secular, s, vectors @ coordinates, extreme)


def dual_bound(quadratic: Quadratic, target: float, multiplier: float) -> float:
    r"""$\sqrt{\max(0,\ \nu r - \tfrac{\nu^2}{4}g^\top(I-\nu Q)^{+}g)}$: no change with $m(\delta)$ = target is smaller.

    Evaluated in float64, in the eigenbasis of Q.

    Parameters
    ----------
    multiplier
        Any ν with $I-\nu Q\succeq0$, of either sign.

    Raises
    ------
    ValueError
        $I - \nu Q$ has a negative eigenvalue: the Lagrangian is unbounded and proves nothing.

    Examples
    --------
    >>> import numpy as np
    >>> circle = Quadratic(0.0, np.zeros(2), np.eye(2))
    >>> [dual_bound(circle, 9.0, nu) for nu in (0.0, 0.25, 1.0)]
    [0.0, 1.5, 3.0]
    """
    values, vectors = quadratic.spectrum
    slack = 1.0 - multiplier * values
    if not isfinite(multiplier) or slack.min() < -rounding_of_zero(slack):
        msg = f"I - νQ has the eigenvalue {slack.min():.6g} at ν = {multiplier:.6g}: a bound needs none below 0"
        raise ValueError(msg)
    squares = (vectors.T @ quadratic.gradient) ** 2
    if (squares[slack <= 0.0] > 0.0).any():
        return 0.0
    positive = slack > 0.0
    lost = 0.25 * multiplier**2 * float(np.sum(squares[positive] / slack[positive]))
    return sqrt(max(0.0, multiplier * (target - quadratic.value) - lost))


def _cleaned(values: Floats, slopes: Floats) -> Secular:
    """The secular function; where Q is negative semidefinite up to rounding, with its zeros made exact."""
    small = rounding_of_zero(values)
    if values.max() > small:
        return Secular(values, slopes)
    flat = values >= -small
    if np.linalg.norm(slopes[flat]) <= rounding_of_zero(slopes):
        slopes = np.where(flat, 0.0, slopes)
    return Secular(np.where(flat, 0.0, values), slopes)


def _nothing_to_do(quadratic: Quadratic) -> QuadraticChange:
    nothing = np.zeros(quadratic.size)
    words = "no change is needed"
    return QuadraticChange(nothing, 0.0, 0.0, quadratic.value, "global", 0.0, False, None, words)


def _unreachable(quadratic: Quadratic, sign: float, shift: float, limit: float) -> QuadraticChange:
    small = rounding_of_zero(quadratic.spectrum[0])
    side, least = ("negative", "<=") if sign > 0 else ("positive", ">=")
    hidden = f"a norm of at least {sqrt((shift - limit) / (4.0 * small)):.3g}" if small > 0.0 else "an infinite norm"
    extreme = quadratic.value + sign * limit
    words = (
        f"Q is {side} semidefinite (eigenvalues within {small:.2g} of 0 count as 0), so completing the square gives "
        f"m(δ) {least} {extreme:.10g} for every δ. A curvature that rounding may hide would still need {hidden}"
    )
    nothing = np.zeros(quadratic.size)
    infinite = float("inf")
    return QuadraticChange(
        nothing, infinite, sign * infinite, quadratic.value, "unreachable", infinite, False, extreme, words
    )


def _optimum(
    quadratic: Quadratic,
    target: float,
    sign: float,
    secular: Secular,
    s: float,
    change: Floats,
    extreme: float | None,
) -> QuadraticChange:
    shift = abs(target - quadratic.value)
    norm, value = float(np.linalg.norm(change)), float(quadratic(change))
    sigma = s + secular.top
    multiplier = sign / sigma if sigma > 0.0 else sign * float("inf")
    bound = min(norm, secular.dual(s, shift, norm))
    words = (
        f"2(I - νQ)δ = νg and the smallest eigenvalue of I - νQ is {secular.slack(s):.3g} >= 0 at ν = "
        f"{multiplier:.6g}: the dual value there proves that no change of norm below {bound:.10g} reaches {target:.6g}"
        if sigma > 0.0
        else "the extreme value itself is wanted: completing the square, it is reached nearest at δ = -½Q⁺g"
    )
    return QuadraticChange(change, norm, multiplier, value, "global", bound, secular.is_hard(shift), extreme, words)
