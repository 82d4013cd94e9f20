r"""Nodes and weights of $\int_0^1(1-t)f(t)\,dt$, and how many of them a path needs.

A polynomial needs half its degree (Gauss and Jacobi). Anything else is tried with more and more nodes on the whole
path; where f has a narrow peak (a step of LayerNorm whose channels nearly agree) they are gathered there by halving.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from carleman_ssm.networks.enclosures import Floats

TOLERANCE = 1e-10
"""The search ends where what is missing from the integral is below this share of its terms."""
MAX_NODES = 256
GAUSS_NODES = (8, 16, 32, 64)
PANEL_NODES = 8
Nodes = tuple[Floats, Floats]


def path_nodes(count: int) -> Nodes:
    r"""Nodes t and weights w with $\int_0^1(1-t)f(t)\,dt = \sum w f(t)$ up to degree 2 · count − 1.

    Examples
    --------
    >>> t, w = path_nodes(1)
    >>> [round(float(v), 12) for v in (t[0], w[0])]
    [0.333333333333, 0.5]
    """
    points, weights = special.roots_jacobi(count, 1.0, 0.0)
    return np.asarray((points + 1.0) / 2.0), np.asarray(weights / 4.0)


def sufficient_nodes(function: Callable[[Floats], Floats], integral: float) -> Nodes:
    r"""Nodes and weights for which $\sum w f(t)$ meets the known integral.

    Parameters
    ----------
    function
        f at points t (n,), values (n,).
    integral
        $\int_0^1(1-t)f(t)\,dt$ by another route.

    Returns
    -------
    Nodes
        At most 256, whether they meet the integral or not: the caller prints what is missing.
    """
    for count in GAUSS_NODES:
        points, weights = path_nodes(count)
        if _meets(weights * function(points), integral):
            return points, weights
    return _by_halving(function, integral)


def _meets(terms: Floats, integral: float) -> bool:
    missing = abs(integral - float(terms.sum()))
    return missing <= TOLERANCE * (abs(integral) + float(np.abs(terms).sum()))


def _by_halving(function: Callable[[Floats], Floats], integral: float) -> Nodes:
    """Halve the panel whose halves differ most from the whole, until the integral is met."""
    whole = _panel(0.0, 1.0)
    panels = [_halved(function, whole, whole[1] * function(whole[0]))]
    while True:
        points = np.concatenate([panel[0] for panel in panels])
        weights = np.concatenate([panel[1] for panel in panels])
        terms = np.concatenate([panel[2] for panel in panels])
        if _meets(terms, integral) or len(points) + 2 * PANEL_NODES > MAX_NODES:
            return points, weights
        worst = panels.pop(max(range(len(panels)), key=lambda index: panels[index][3]))
        panels.extend(
            _halved(function, (worst[0][half], worst[1][half]), worst[2][half])
            for half in (slice(0, PANEL_NODES), slice(PANEL_NODES, None))
        )


def _halved(function: Callable[[Floats], Floats], panel: Nodes, terms: Floats) -> tuple[Floats, Floats, Floats, float]:
    """Both halves of a panel as one: nodes, weights, terms, and how far their sum is from that of the whole."""
    low, high = _ends(panel[0])
    middle = 0.5 * (low + high)
    parts = [_panel(low, middle), _panel(middle, high)]
    points, weights = (np.concatenate([part[i] for part in parts]) for i in range(2))
    finer = weights * function(points)
    return points, weights, finer, abs(float(finer.sum() - terms.sum()))


def _panel(low: float, high: float) -> Nodes:
    points, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    inside = 0.5 * (low + high) + 0.5 * (high - low) * points
    return inside, 0.5 * (high - low) * weights * (1.0 - inside)


def _ends(points: Floats) -> tuple[float, float]:
    """The panel that these Gauss nodes lie in."""
    reach = float(np.polynomial.legendre.leggauss(PANEL_NODES)[0][-1])
    middle, half = 0.5 * float(points[0] + points[-1]), 0.5 * float(points[-1] - points[0]) / reach
    return middle - half, middle + half
