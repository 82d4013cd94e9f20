r"""How far a sequence has to be changed at least before a goal can be reached: certified, for any network.

A goal asks for several values at once, $\mathrm{row}_j\cdot\ell \ge r_j$. If for *one* of them the least value of
$r_j - \mathrm{row}_j\cdot\ell$ on the ball $\lVert\delta\rVert_2\le\varepsilon$ is positive, no change within the ball
reaches the goal. The least values are bounded as for `certified_radius`: by a quadratic minorant and its trust-region
dual, every rounding counted. For a quadratic network and one value it is the optimum of THEORY T22, rounded down.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.robustness.radius import EXACT_TOLERANCE
from carleman_ssm.robustness.radius_search import largest_radius
from carleman_ssm.robustness.subjects import checked_network, checked_sequence
from carleman_ssm.robustness.surroundings import Surroundings, surroundings


def certified_distance(
    source: StateSpaceNetwork | NetworkOperator,
    sequence: npt.ArrayLike,
    readout: npt.ArrayLike,
    wanted: npt.ArrayLike,
    *,
    tolerance: float = 1e-3,
) -> float:
    r"""A norm ε such that no change δ with $\lVert\delta\rVert_2\le\varepsilon$ reaches all wanted values.

    Parameters
    ----------
    source
        A network of any depth whose layers are time-invariant, or an operator of one: the claim is about the exact
        real function of the network.
    sequence
        x (L, d), its float64 numbers taken as exact.
    readout, wanted
        Rows (m, K) and values (m,): $\mathrm{row}_j\cdot\ell(x + \delta) \ge r_j$ for all j is the goal.
    tolerance
        The search ends when the interval that holds ε is relatively shorter; 2⁻³² for quadratic logits.

    Returns
    -------
    float
        ε, certified; 0 where nothing is proved, as for a goal that x reaches itself.

    Raises
    ------
    ValueError
        Shapes that do not fit, numbers that are not finite, or Jacobians that do not fit in memory.
    TypeError
        The source is neither, or its recurrence depends on the input.

    References
    ----------
    THEORY T20, T22.

    Examples
    --------
    The logit $y^2$ at y = 3 shall fall to 1: y has to change by 2.

    >>> from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
    >>> layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.0]], D=[1.0])
    >>> config = NetworkConfig(activation="square", output="none", residual=False, pool="last")
    >>> network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0]], [0.0], config)
    >>> bool(2 - 1e-8 < certified_distance(network, [[3.0]], [[-1.0]], [-1.0]) <= 2)
    True
    """
    network = checked_network(source)
    given = checked_sequence(network, sequence)
    rows, values = _goal(network, readout, wanted)
    around = surroundings(network, given, -rows)
    precision = EXACT_TOLERANCE if around.quadratic is not None else float(tolerance)

    def lower(radius: float) -> float:
        missing = around.bounds(radius, "real").lower
        # The sum is rounded once.
        return float((missing + values - UNIT_ROUNDOFF * np.abs(missing + values)).max())

    return largest_radius(lower, _first_guess(around, values), precision)


def _first_guess(around: Surroundings, values: Floats) -> float:
    """Where the last of the linearised values is reached, or 1 + ‖x‖ if that is nearer."""
    logits = around.linear.logits
    missing = around.rows @ logits.value.value[0] + values
    slopes = np.linalg.norm(logits.linear.value[:, 0] @ around.rows.T, axis=0)
    with np.errstate(all="ignore"):
        guesses = missing / slopes
    guesses = guesses[np.isfinite(guesses) & (guesses > 0)]
    farthest = 1.0 + float(np.linalg.norm(around.sequence))
    return min(float(np.max(guesses, initial=0.0)) or farthest, farthest)


def _goal(network: StateSpaceNetwork, readout: npt.ArrayLike, wanted: npt.ArrayLike) -> tuple[Floats, Floats]:
    rows, values = np.asarray(readout, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != network.classes or values.shape != rows.shape[:1] or not len(rows):
        msg = f"a goal has rows (m, {network.classes}) and values (m,), m ≥ 1; got {rows.shape} and {values.shape}"
        raise ValueError(msg)
    if not (np.isfinite(rows).all() and np.isfinite(values).all()):
        msg = "a goal holds NaN or infinity"
        raise ValueError(msg)
    return rows, values
