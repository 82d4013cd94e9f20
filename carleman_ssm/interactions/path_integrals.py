r"""Nodes and weights of $\int_0^1(1-t)f(t)\,dt$, and how many of them a path needs.

A polynomial needs half its degree (Gauss and Jacobi). Anything else is tried with more and more nodes on the whole
path; where f has a narrow peak (a step of LayerNorm whose channels nearly agree) they are gathered there by halving.
A sequence of values far larger than the centre's has its peak within a tiny share of the path from the centre, where
no node of a whole path sees it: then halving starts again from panels that shrink towards both ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy import special

from carleman_ssm.networks.enclosures import Floats

TOLERANCE = 1e-10
"""The search ends where what is missing from the integral is below this share of its terms."""
MAX_NODES = 256
MOST_NODES = 1024
"""Of panels that shrink towards the ends; taken only where they meet the integral."""
GRADED = (*(8.0**-k for k in range(14, 0, -1)), *(1.0 - 8.0**-k for k in range(1, 7)))
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
        At most 256, or 1024 where those meet the integral. Where nothing does (the function has jumps), 256: the
        caller prints what is missing.
    """
    for count in GAUSS_NODES:
        points, weights = path_nodes(count)
        if _meets(weights * function(points), integral):
            return points, weights
    few, missing = _by_halving(function, integral, (0.0, 1.0), MAX_NODES)
    if missing == 0.0:
        return few
    many, remaining = _by_halving(function, integral, (0.0, *GRADED, 1.0), MOST_NODES)
    return many if remaining == 0.0 else few


def _meets(terms: Floats, integral: float) -> bool:
    return _missing(terms, integral) == 0.0


def _missing(terms: Floats, integral: float) -> float:
    """What the terms miss of the integral; 0 within the tolerance."""
    missing = abs(integral - float(terms.sum()))
    return 0.0 if missing <= TOLERANCE * (abs(integral) + float(np.abs(terms).sum())) else missing


def _by_halving(
    function: Callable[[Floats], Floats], integral: float, edges: Sequence[float], most: int
) -> tuple[Nodes, float]:
    """Halve the panel whose halves differ most from the whole, until the integral is met; and what is missing."""
    panels = []
    for low, high in pairwise(edges):
        whole = _panel(low, high)
        panels.append(_halved(function, whole, whole[1] * function(whole[0])))
    while True:
        points = np.concatenate([panel[0] for panel in panels])
        weights = np.concatenate([panel[1] for panel in panels])
        missing = _missing(np.concatenate([panel[2] for panel in panels]), integral)
        if missing == 0.0 or len(points) + 2 * PANEL_NODES > most:
            return (points, weights), missing
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
