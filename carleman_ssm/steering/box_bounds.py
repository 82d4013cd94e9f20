r"""A lower bound of the smallest change within a box that lifts quadratic margins, from any multipliers.

For $\nu\ge0$ with $A = I-\sum_j\nu_jQ_j\succeq\mu I$, μ > 0, a change δ that fulfils
$q_j(\delta) = g_j^\top\delta+\delta^\top Q_j\delta\ge r_j$ and $l\le\delta\le u$, and any point $\hat\delta$,

$$\lVert\delta\rVert^2\ge \mathcal L(\delta) = \lVert\delta\rVert^2-\sum_j\nu_j(q_j(\delta)-r_j)
\ge \mathcal L(\hat\delta) + \sum_i\min_{l_i-\hat\delta_i\le t\le u_i-\hat\delta_i}(G_it+\mu t^2),\qquad
G = \nabla\mathcal L(\hat\delta),$$

as $\mathcal L(\hat\delta+t) = \mathcal L(\hat\delta)+G^\top t+t^\top At$. At a Karush–Kuhn–Tucker point with its
multipliers every minimum of the sum is 0 and $\mathcal L(\hat\delta) = \lVert\hat\delta\rVert^2$: where
$A\succ0$ there, the point is the **global** optimum under the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.steering.quadratic import Quadratic, require_margins


def box_bound(
    quadratics: Sequence[Quadratic],
    wanted: Floats,
    multipliers: Floats,
    change: Floats,
    limits: tuple[Floats, Floats],
) -> float:
    r"""Lower bound of $\lVert\delta\rVert$, evaluated in float64; 0 where $I-\sum\nu_jQ_j$ is not positive definite.

    Parameters
    ----------
    quadratics, wanted
        The margins of size n, and their wanted values (m,).
    multipliers
        ν (m,) ≥ 0: derivatives of $\lVert\delta\rVert^2$ by the wanted values, for a good bound.
    change
        $\hat\delta$ (n,), near the optimum for a good bound.
    limits
        l and u (n,), −∞ and ∞ for none.

    Raises
    ------
    ValueError
        A multiplier is negative, sizes do not fit, or a number that has to be finite is not.

    References
    ----------
    THEORY T22 (weak duality under limits).

    Examples
    --------
    δ₁ + δ₂ ≥ 3 with δ₁ ≤ 1: the nearest point is (1, 2), and its multiplier 4 proves it.

    >>> import numpy as np
    >>> plane = Quadratic(0.0, np.ones(2), np.zeros((2, 2)))
    >>> limits = np.full(2, -np.inf), np.array([1.0, np.inf])
    >>> box_bound([plane], np.array([3.0]), np.array([4.0]), np.array([1.0, 2.0]), limits) ** 2
    5.000...
    """
    require_margins(quadratics, wanted, multipliers)
    size = quadratics[0].size
    if change.shape != (size,) or not np.isfinite(change).all() or any(limit.shape != (size,) for limit in limits):
        msg = f"expected a finite change and two limits of {size} values, got {change} and limits {limits}"
        raise ValueError(msg)
    bent = np.eye(size) - np.tensordot(multipliers, np.array([q.curvature for q in quadratics]), 1)
    convexity = float(np.linalg.eigvalsh(bent)[0])
    if convexity <= 0.0:
        return 0.0
    lack = wanted - np.array([float(q(change)) for q in quadratics])
    slope = 2.0 * change - multipliers @ np.array([q.slope(change) for q in quadratics])
    lagrangian = float(change @ change + multipliers @ lack)
    low, high = limits[0] - change, limits[1] - change
    step = np.clip(-slope / (2.0 * convexity), low, high)
    return float(np.sqrt(max(0.0, lagrangian + np.sum(slope * step + convexity * step**2))))
