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

Rounding may hide curvature: eigenvalues are known to $\epsilon = 64\,n\,2^{-53}\lVert Q\rVert$, slopes alike. The
same bound with $Q + \epsilon I$, which holds whatever is hidden (with the slopes' part taken off r), decides what is
said: a change is called global where it stays within 10⁻⁵ of its norm, and where a value seems unreachable but for
curvature within ε of 0, it is the norm below which certainly no change reaches it.

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
from carleman_ssm.steering.rising_value import RisingValue
from carleman_ssm.steering.secular import Secular, rounding_of_zero

PROVED = 1e-5
"""Share of the norm that hidden curvature may take from the bound of a global change: 10 times that at a vertex, where
the least norm depends on the square root of ε (n = 64: 7·10⁻⁷)."""


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
        ``"global"``: the least norm, by the dual bound. ``"unreachable"``: by completing the square, curvature and
        slopes within rounding of 0 counted as 0. ``"local"``: curvature within rounding of 0 decides; the change
        has this `value`, and only `lower_bound` is known.
    lower_bound
        No feasible change is smaller. Global: root of the dual value at ν, equal to the norm up to rounding. Else it
        holds whatever curvature rounding hides; infinite where Q is definite beyond rounding.
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
    status: Literal["global", "local", "unreachable"]
    lower_bound: float
    hard_case: bool
    extreme: float | None
    certificate: str


def smallest_change(quadratic: Quadratic, target: float) -> QuadraticChange:
    r"""The change of least Euclidean norm that gives the function the value `target`.

    One eigendecomposition of Q, which the `Quadratic` keeps for further targets, and one bracketed root. The result is
    a global optimum: proved by the dual bound above, evaluated in float64, and the value is checked at it. Where
    eigenvalues within 64 n 2⁻⁵³ ‖Q‖ of zero decide, the status is ``"local"`` or the bound finite.

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
        The target is not finite, or the squared norm of the change leaves the range of float64.

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
    shift = float(target) - quadratic.value
    if not isfinite(shift):
        msg = f"the wanted value and its distance from {quadratic.value:.6g} have to be finite, got {target}"
        raise ValueError(msg)
    if shift == 0.0:
        return _nothing_to_do(quadratic)
    rising = RisingValue(quadratic, float(target))
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
            found = _solved(rising)
    except ArithmeticError as error:
        raise ValueError(_OUT_OF_RANGE) from error
    numbers = (found.value, 0.0 if found.status == "unreachable" else found.norm**2)
    if not np.isfinite(numbers).all() or np.isnan(found.lower_bound):
        raise ValueError(_OUT_OF_RANGE)
    return found


_OUT_OF_RANGE = (
    "the squared norm of the smallest change leaves the range of float64: scale the sequence, or ask for a nearer value"
)


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
        $I - \nu Q$ has a negative eigenvalue: the Lagrangian is unbounded and proves nothing. Or the target is not
        finite.

    References
    ----------
    THEORY T22.

    Examples
    --------
    >>> import numpy as np
    >>> circle = Quadratic(0.0, np.zeros(2), np.eye(2))
    >>> [dual_bound(circle, 9.0, nu) for nu in (0.0, 0.25, 1.0)]
    [0.0, 1.5, 3.0]
    """
    if not isfinite(target):
        msg = f"the wanted value has to be finite, got {target}"
        raise ValueError(msg)
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


def _solved(rising: RisingValue) -> QuadraticChange:
    """The optimum, else the shortest change that has the value in spite of rounding, else the proof of none."""
    forms = (rising.cleaned, rising.secular)
    if rising.reaches(forms[0]):
        found = _optimum(rising, forms[0])
        clear = rising.is_clear(found.multiplier, found.norm)
        if rising.fits(found.change) and (clear or found.norm - rising.certain_bound <= PROVED * found.norm):
            return found
        if rising.reaches(forms[1]):
            points = [rising.point(form) for form in forms]
            fitting = [point for point in points if rising.fits(point)] or points[1:]
            return _undecided(rising, min(fitting, key=lambda point: float(np.linalg.norm(point))))
    witness = rising.witness()
    if witness is not None:
        return _undecided(rising, witness)
    return _unreachable(rising, next(form for form in forms if not rising.reaches(form)))


def _nothing_to_do(quadratic: Quadratic) -> QuadraticChange:
    nothing = np.zeros(quadratic.size)
    words = "no change is needed"
    return QuadraticChange(nothing, 0.0, 0.0, quadratic.value, "global", 0.0, False, None, words)


def _undecided(rising: RisingValue, change: Floats) -> QuadraticChange:
    norm, value, bound = float(np.linalg.norm(change)), float(rising.quadratic(change)), rising.certain_bound
    words = (
        f"curvature within {rising.hidden:.2g} of 0, where rounding decides, is what reaches {rising.target:.6g}: "
        f"certain is that no change of norm below {bound:.10g} does"
    )
    return QuadraticChange(change, norm, 0.0, value, "local", min(bound, norm), False, None, words)


def _unreachable(rising: RisingValue, secular: Secular) -> QuadraticChange:
    if (rising.secular.slopes != 0.0).any() and secular.limit == 0.0 and (rising.secular.slopes**2 == 0.0).any():
        raise OverflowError
    side, least = ("negative", "<=") if rising.sign > 0 else ("positive", ">=")
    extreme, bound = rising.extreme(secular), rising.certain_bound
    square = f"completing the square gives m(δ) {least} {extreme:.10g} for every δ"
    words = (
        f"Q is {side} semidefinite, so {square}"
        if not isfinite(bound)
        else f"Q is {side} semidefinite (eigenvalues within {rising.hidden:.2g} of 0 count as 0), so {square}. "
        f"Whatever curvature rounding may hide, no change of norm below {bound:.6g} reaches {rising.target:.6g}"
    )
    nothing, infinite, value = np.zeros(rising.quadratic.size), float("inf"), rising.quadratic.value
    return QuadraticChange(
        nothing, infinite, rising.sign * infinite, value, "unreachable", bound, False, extreme, words
    )


def _optimum(rising: RisingValue, secular: Secular) -> QuadraticChange:
    s, change = secular.root(rising.shift), rising.point(secular)
    norm, value = float(np.linalg.norm(change)), float(rising.quadratic(change))
    sigma = s + secular.top
    multiplier = rising.sign * rising.in_units(1.0 / sigma, -1) if sigma > 0.0 else rising.sign * float("inf")
    bound = min(norm, secular.dual(s, rising.shift, norm))
    words = (
        f"2(I - νQ)δ = νg and the smallest eigenvalue of I - νQ is {secular.slack(s):.3g} >= 0 at ν = "
        f"{multiplier:.6g}: the dual value there proves that no change of norm below {bound:.10g} reaches "
        f"{rising.target:.6g}"
        if sigma > 0.0
        else "the extreme value itself is wanted: completing the square, it is reached nearest at δ = -½Q⁺g"
    )
    hard, extreme = secular.is_hard(rising.shift), rising.extreme(secular)
    return QuadraticChange(change, norm, multiplier, value, "global", bound, hard, extreme, words)
