r"""Integrated Gradients and Integrated Hessians of a one-layer polynomial network in closed form.

Along the straight path from the centre to the sequence a pre-activation is $y_0 + t\eta$, $\eta = \sum_ja_j$, so with
$t_p = p_h^{(p)}(y_0)/p!$ the integrals are polynomials in η: a monomial $a^\alpha$ of degree p gives player i the share
$\alpha_i/p$, and the pair (i, j) the share $\alpha_i\alpha_j/p^2$,

$$\mathrm{IG}_i = a_i\sum_pt_p\eta^{p-1},\qquad
\mathrm{IH}_{ij} = a_ia_j\sum_p\frac{p-1}{p}t_p\eta^{p-2} + [i=j]\,a_i\sum_p\frac1pt_p\eta^{p-1}.$$

Integrated Gradients are the Shapley values up to degree 2, and from degree 3 on they are not (a square of one player
in a mixed monomial). Integrated Hessians are no interaction index from degree 2 on: of $c\,a_ia_j$ the entries (i, j),
(j, i), (i, i) and (j, j) hold a quarter each, where the Shapley interaction index of the pair is all of $c\,a_ia_j$.
So at degree 2 an entry (i, j) is a quarter of that index, and the diagonal holds what a player adds alone and a quarter
of each of its pairs.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.interactions.indices import OneLayerIndices, readout_row
from carleman_ssm.networks.enclosures import Floats


def integrated_gradients(indices: OneLayerIndices) -> Floats:
    """Integrated Gradients of every player and logit, (n, classes); they sum to ``total - baseline``.

    Parameters
    ----------
    indices
        The game of one sequence, from `interaction_indices` of a one-layer operator (or `one_layer_indices`).

    Raises
    ------
    TypeError
        These are other indices, or an attribution.

    References
    ----------
    Sundararajan, Taly & Yan (2017), ICML, arXiv:1703.01365.
    """
    _require_one_layer(indices)
    slope = _sum(indices, [0.0, *np.ones(indices.degree)], 1)
    weighted = indices.pool_weights[:, None] * slope
    result: Floats = indices.direct + indices.players.collected(1, weighted) @ indices.readout.T
    return result


def integrated_hessians(indices: OneLayerIndices, label: int, rival: int | None = None) -> Floats:
    """Integrated Hessians of every pair for one logit, or for its margin over a rival: symmetric (n, n).

    Rows sum to `integrated_gradients`. No interaction index: the diagonal takes a share of every pair, too (see the
    module), so use `OneLayerIndices.pairs` for what two players add together.

    Raises
    ------
    ValueError
        No such class, or too many effects: use groups of positions.
    TypeError
        These are other indices, or an attribution.

    References
    ----------
    Janizek, Sturmfels & Lee (2021), JMLR 22, arXiv:2002.04138.
    """
    _require_one_layer(indices)
    degrees = np.arange(1, indices.degree + 1)
    row, pool = readout_row(indices.readout, label, rival), indices.pool_weights[:, None]
    bends = pool * _sum(indices, [0.0, *((degrees - 1) / degrees)], 2) * row
    alone = pool * _sum(indices, [0.0, *(1 / degrees)], 1) * row
    effects = indices.effects()
    result: Floats = np.tensordot(effects, effects * bends.T[:, None, :], axes=((0, 2), (0, 2)))
    own = indices.players.collected(1, alone).sum(axis=1)
    direct = indices.direct[:, label] - (0.0 if rival is None else indices.direct[:, rival])
    np.fill_diagonal(result, result.diagonal() + own + direct)
    return result


def _require_one_layer(indices: object) -> None:
    if not isinstance(indices, OneLayerIndices):
        msg = (
            f"closed forms of path integrals are those of one layer, got {type(indices).__name__}: give them "
            "interaction_indices(operator, sequence) of an operator built with network_operator(…, form='one_layer'). "
            "At any depth, positions of attribute(operator, sequence) are Integrated Gradients of a margin"
        )
        raise TypeError(msg)


def _sum(indices: OneLayerIndices, shares: list[float], drop: int) -> Floats:
    r"""$\sum_{p\ge\mathrm{drop}} s_pt_p\eta^{p-\mathrm{drop}}$, (L, H)."""
    parts = np.asarray(shares)[:, None, None] * indices.coefficients
    if len(parts) <= drop:
        return np.zeros_like(indices.coefficients[0])
    response = indices.players.power_sum(1)
    return np.asarray(np.polynomial.polynomial.polyval(response, parts[drop:], tensor=False), dtype=np.float64)
