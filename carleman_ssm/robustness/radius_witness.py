r"""Changes of class near a sequence: upper bounds of the distance to the boundary, beside a certified radius.

A quadratic margin is met exactly: the minimiser of its Lagrangian on the ball, completed along the lowest eigenvector
in the hard case. Otherwise the search is local, by repeated projection on linearised margins (Moosavi-Dezfooli and
others 2016) from several starts; what it finds is checked elsewhere.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.network_function import NetworkFunction, network_function
from carleman_ssm.robustness.certified_quadratics import BallBounds, EnclosedQuadratics

STEPS = 15
"""Projections of a local search; on smooth margins they converge linearly, and the scale is bisected afterwards."""
RIVALS = 4
"""Margins that are tried, lowest bound first: a bound on the time with many classes, which may miss a nearer change."""
HALVINGS = 40
"""From a bracket of 0.02 to 2⁻⁴⁰ of it, past what a float64 logit decides."""
SHORT = 1.0 - 1e-9
"""A stationary point so close to the sphere lies on it up to the bisection of the multiplier; else the case is hard."""


def boundary_point(quadratics: EnclosedQuadratics, row: int, bounds: BallBounds, radius: float) -> Floats:
    r"""Where one quadratic is least on the sphere of a radius, (n,).

    If the stationary point v is short of the sphere (the hard case: no gradient along the lowest eigenvector w), both
    $v + tw$ with $\lVert v + tw\rVert = \varepsilon$ are candidates, and the lower one is taken.
    """
    point = np.asarray(bounds.points[row])
    if np.linalg.norm(point) >= SHORT * radius:
        return point
    lowest = quadratics.spectrum.vectors[row, :, 0]
    along = float(point @ lowest)
    root = np.sqrt(max(along**2 + radius**2 - float(point @ point), 0.0))
    ends = [point + (sign * root - along) * lowest for sign in (1.0, -1.0)]
    gradient, curvature = quadratics.gradients[row], quadratics.curvatures[row]
    heights = [float(gradient @ end + end @ curvature @ end) for end in ends]
    return np.asarray(ends[int(np.argmin(heights))])


def nearest_change(
    network: StateSpaceNetwork, sequence: Floats, label: int, starts: Floats, heights: Floats, limit: float
) -> Floats | None:
    """A small change (L, d) that takes the network's class at a sequence (L, d) away from `label`, or None.

    Parameters
    ----------
    starts
        A change (K − 1, L, d) for each rival, in ascending order: the search starts there, and at no change.
    heights
        (K − 1,): the rivals with the lowest of these are tried.
    limit
        Larger changes are not of interest.
    """
    function = network_function(network, len(sequence))
    tried = np.argsort(heights)[:RIVALS]
    rows = function.margins(label)[tried]
    both = np.concatenate([np.zeros_like(starts[tried]), starts[tried]])
    with np.errstate(all="ignore"):  # where float64 is left, no change is found
        changes = _projected(function, sequence, np.concatenate([rows, rows]), both, limit)
        scales = [_smallest_scale(function, sequence, label, change) for change in changes]
    lengths = [float(np.linalg.norm(change)) for change in changes]
    # No change of class on a ray is an infinite scale, and may come with no change at all (a margin without a slope).
    norms = [scale * size if np.isfinite(scale) else np.inf for scale, size in zip(scales, lengths, strict=True)]
    best = int(np.argmin(norms))
    return scales[best] * changes[best] if np.isfinite(norms[best]) else None


def _projected(function: NetworkFunction, sequence: Floats, rows: Floats, starts: Floats, limit: float) -> Floats:
    r"""$\delta \leftarrow \frac{g\cdot\delta - m(x + \delta)}{\lVert g\rVert^2}\,g$, one row each: at rest
    δ is parallel to g and m = 0, which are the conditions of a least norm.
    """
    changes = starts
    for _ in range(STEPS):
        inputs = sequence + changes
        margins = np.einsum("bk,bk->b", function.logits(inputs), rows)
        slopes = np.stack([function.gradients(x, row)[0] for x, row in zip(inputs, rows, strict=True)])
        square = np.einsum("bld,bld->b", slopes, slopes)
        ahead = np.einsum("bld,bld->b", slopes, changes) - margins
        steps = np.divide(ahead, square, out=np.zeros_like(ahead), where=square > 0)
        following = steps[:, None, None] * slopes
        norms = np.linalg.norm(following.reshape(len(following), -1), axis=1)
        following *= np.minimum(1.0, limit / np.maximum(norms, limit))[:, None, None]
        changes = np.where(np.isfinite(following).all(axis=(1, 2), keepdims=True), following, changes)
    return changes


def _smallest_scale(function: NetworkFunction, sequence: Floats, label: int, change: Floats) -> float:
    """Smallest factor found that takes the class away, ∞ where none up to 2 does; the first hundredths are searched in
    one batch, then bisected.
    """
    factors = np.linspace(0.02, 2.0, 100)
    classes = function.logits(sequence + factors[:, None, None] * change).argmax(axis=1)
    changed = np.flatnonzero(classes != label)
    if not len(changed):
        return float("inf")
    high = float(factors[changed[0]])
    low = float(factors[changed[0] - 1]) if changed[0] else 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if int(function.logits(sequence + middle * change).argmax()) == label:
            low = middle
        else:
            high = middle
    return high
