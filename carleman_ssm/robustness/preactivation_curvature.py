r"""How far a deep layer's pre-activations can bend away from their linearisation, with what cancels on the way.

Behind layers with affine surroundings the only nonlinear nodes are the activations, so (see `linearisation`, with a
pre-activation in place of a logit)

$$y_p(x + \delta) - y_p(x) - A_p\delta = \sum_u J_{pu}R_u,\qquad R_u = \tfrac12D_u(a_u + s_u)^2,\quad a_u = A_u\delta,$$

over the nodes u of all earlier layers, with J the Jacobian of $y_p$ by the node's output. With any number $\kappa_u$ in
place of $D_u$ the sum is the quadratic form of $M_p = \tfrac12\sum_u J_{pu}\kappa_uA_uA_u^\top$, and

$$\Big|\sum_u J_{pu}R_u\Big| \le \varepsilon^2\lVert M_p\rVert_2 + \sum_u |J_{pu}|\,d_u,\qquad
d_u = \tfrac12\sup|D_u - \kappa_u|\,T_u^2 + \tfrac12|\kappa_u|\,e_u(2\varepsilon\lVert A_u\rVert + e_u),$$

where $T_u \ge |a_u + s_u|$ and $e_u \ge |s_u|$. With $\kappa = \varphi''$ at the centre the $d_u$ are of third order.
The spectral norm is bounded by $\lVert M\rVert_2^4 = \lVert S^\top S\rVert_2 \le \lVert S^\top S\rVert_F$ with
$S = M^\top M$, the rounding of each product counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, Floats, gamma, outward
from carleman_ssm.operators.activation_bounds import curvature_bounds
from carleman_ssm.operators.ball_arrays import convolution
from carleman_ssm.robustness.certified_quadratics import norm_bound
from carleman_ssm.robustness.curvature_bounds import CurvatureRange
from carleman_ssm.robustness.linearisation import LayerPlaces, Linearisation, layer_adjoints, norm_adjoint

MAX_COUPLINGS = 2**22
"""More pairs of a node and a pre-activation than this are not coupled: the plain bound serves there."""
BLOCK_ENTRIES = 2**20


@dataclass(frozen=True, eq=False, repr=False)
class PreactivationCurvature(Brief):
    r"""What bounds the bend of one layer's pre-activations.

    Parameters
    ----------
    norms
        Upper bounds of $\lVert M_p\rVert_2$, (L, H).
    couplings
        Upper bounds of $|J_{pu}|$, (L·H, L·H) for every earlier layer.
    """

    norms: Floats
    couplings: tuple[Floats, ...]

    def rest(self, radius: float, deviations: list[Floats]) -> Floats:
        """Bounds (L, H) of the sum for $d_u$ (L, H) of every earlier layer."""
        bent = radius * radius * self.norms
        for coupling, deviation in zip(self.couplings, deviations, strict=True):
            bent = bent + (coupling @ deviation.ravel()).reshape(bent.shape)
        return outward(bent)


def deviations(centre: Floats, bounds: CurvatureRange, first: Floats, rest: Floats) -> Floats:
    """$d_u$ (L, H) of the nodes of one layer, whose arguments move by at most ``first + rest``."""
    off = outward(np.maximum(bounds.upper - centre, centre - bounds.lower) + 2.0**-50 * np.abs(centre))
    return outward(0.5 * off * outward(first + rest) ** 2 + 0.5 * np.abs(centre) * rest * (2.0 * first + rest))


def central_curvature(places: LayerPlaces) -> Floats:
    """κ: φ'' at the pre-activations, up to the width of a table's cell, (L, H)."""
    at = places.preactivation.value.value
    found = curvature_bounds(places.rules.activation, at, at).value
    return np.where(np.isfinite(found), found, 0.0)


def preactivation_curvatures(linear: Linearisation) -> tuple[PreactivationCurvature | None, ...]:
    """For every layer; None for the first (nothing bends there), behind gates and norms, and where too large."""
    found: list[PreactivationCurvature | None] = [None]
    for index in range(1, len(linear.layers)):
        earlier, here = linear.layers[:index], linear.layers[index]
        plain = all(places.gate is None and places.layer.is_polynomial for places in earlier)
        plain = plain and (here.layer.norm_before is None or here.layer.norm_before.is_affine)
        small = here.slope.value.size**2 <= MAX_COUPLINGS
        found.append(_curvature(here, earlier) if plain and small else None)
    return tuple(found)


def _curvature(here: LayerPlaces, earlier: tuple[LayerPlaces, ...]) -> PreactivationCurvature:
    shape = here.slope.value.shape
    seeds = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    driven = convolution(here.layer.kernel, Enclosed(seeds, np.zeros_like(seeds)), backwards=True)
    _, after = norm_adjoint(here.layer.norm_before, here.before, driven)
    jacobians: list[Enclosed] = []
    for places in reversed(earlier):
        nodes, after = layer_adjoints(places, after)
        jacobians.insert(0, nodes.activated)
    flat = [Enclosed(each.value.reshape(len(seeds), -1), each.error.reshape(len(seeds), -1)) for each in jacobians]
    norms = np.empty(len(seeds))
    entries = earlier[0].preactivation.linear.value.shape[0] ** 2
    block = max(1, BLOCK_ENTRIES // entries)
    for first in range(0, len(seeds), block):
        part = slice(first, first + block)
        norms[part] = _form_norms([Enclosed(each.value[part], each.error[part]) for each in flat], earlier)
    return PreactivationCurvature(norms.reshape(shape), tuple(each.magnitude for each in flat))


def _form_norms(jacobians: list[Enclosed], earlier: tuple[LayerPlaces, ...]) -> Floats:
    r"""Bounds of $\lVert M_p\rVert_2$ for some p; what J, A and the sums are off by counts in the Frobenius norm."""
    size = earlier[0].preactivation.linear.value.shape[0]
    matrices, error = np.zeros((len(jacobians[0].value), size, size)), np.zeros(len(jacobians[0].value))
    for jacobian, places in zip(jacobians, earlier, strict=True):
        place = places.preactivation
        weights = 0.5 * jacobian.value * central_curvature(places).ravel()
        columns = place.linear.value.reshape(size, -1)
        matrices += np.matmul(columns * weights[:, None, :], columns.T)
        norms, off = place.norms.ravel(), place.error_norms.ravel()
        error += np.abs(weights) @ outward(gamma(columns.shape[1] + 6) * norms**2 + 2.0 * norms * off)
        error += (0.5 * jacobian.error * np.abs(central_curvature(places)).ravel()) @ outward(norms**2)
        error += gamma(2) * norm_bound(matrices, (1, 2))
    return outward(spectral_bound(matrices) + error)


def spectral_bound(matrices: Floats) -> Floats:
    """Upper bounds of the spectral norms of matrices (rows, n, n), by the Frobenius norm of a fourth power.

    Examples
    --------
    >>> found = spectral_bound(np.diag([3.0, -4.0])[None])
    >>> bool(4 <= found[0] < 4.4)
    True
    """
    size, rounding = matrices.shape[-1], gamma(matrices.shape[-1] + 2)
    square = np.matmul(matrices.swapaxes(1, 2), matrices)
    square_error = rounding * outward(norm_bound(matrices, (1, 2)) ** 2)
    fourth = norm_bound(np.matmul(square.swapaxes(1, 2), square), (1, 2))
    fourth = outward(fourth + gamma(size + 2) * norm_bound(square, (1, 2)) ** 2)
    return outward(np.sqrt(outward(np.sqrt(fourth) + square_error)))
