r"""How far a network is from its linearisation on a ball of inputs, and the quadratics below its margins.

On $\lVert\delta\rVert_2 \le \varepsilon$ a value moves by $a + s$ with $a = A\delta$,
$|a| \le \varepsilon\lVert A\rVert_2$, and $|s| \le e$; e is carried forward, of second order in ε, and zero in front
of the first nonlinear node. By the identity of `linearisation` the remainder of each node counts in a margin with its
adjoint λ of the linearised network. Remainders are:

* of a pointwise function, $\tfrac12D\,(a + s)^2$ with D in the range of `mean_curvature`;
* of a gate $a\,s(g)$ with $a = a_0 + \alpha$ and $g = g_0 + \beta$: $\tfrac12a_0D\beta^2 + \bar s'\alpha\beta$, with
  $\bar s'$ a mean slope, $\alpha\beta$ with its sign and only what $\bar s'$ varies by in size;
* of a norm $n = cq$ over the channels of one step, with $c \to c + \gamma$: see `_norm_terms`.

So a margin is at least $m_0 + g^\top\delta + \delta^\top Q\delta$ on the whole ball, with Q kept full. All of second
order is in Q with its sign, and what is estimated by size alone is of third order. For one layer with affine
surroundings s = 0, and for a quadratic activation the minorant *is* the margin.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Enclosed, Floats, gamma, outward
from carleman_ssm.operators.activation_bounds import from_ends, slope_bounds
from carleman_ssm.operators.ball_arrays import centred_radius, convolved, product, scaled
from carleman_ssm.operators.stack import Norm
from carleman_ssm.robustness.certified_quadratics import EnclosedQuadratics
from carleman_ssm.robustness.curvature_bounds import CurvatureRange, mean_curvature
from carleman_ssm.robustness.linearisation import GatePlace, LayerAdjoints, LayerPlaces, Linearisation, NormPlace, Place
from carleman_ssm.robustness.preactivation_curvature import (
    PreactivationCurvature,
    central_curvature,
    deviations,
    preactivation_curvatures,
)
from carleman_ssm.robustness.quadratic_terms import BELOW_ONE, QuadraticTerms, Reach, reach_of


def minorants(
    linear: Linearisation,
    rows: Floats,
    adjoints: tuple[LayerAdjoints, ...],
    radius: float,
    curvatures: tuple[PreactivationCurvature | None, ...] | None = None,
) -> EnclosedQuadratics:
    r"""Quadratics below every combination (rows, K) of the logits, valid for $\lVert\delta\rVert_2 \le$ `radius`.

    Parameters
    ----------
    linear, adjoints
        `linearised` at the centre of the ball, and its adjoints for the same rows.
    radius
        ε ≥ 0.
    curvatures
        `preactivation_curvatures` of the linearisation, if they are at hand: they do not depend on the radius.

    Returns
    -------
    EnclosedQuadratics
        With infinite errors where nothing is known.

    References
    ----------
    THEORY T20, T22; curvature certificates: Singla and Feizi (2020), arXiv:2006.00731.
    """
    terms = QuadraticTerms(len(rows), linear.logits.linear.value.shape[0])
    rest = np.zeros((linear.layers[0].slope.value.shape[0], linear.stack.channels))
    with np.errstate(all="ignore"):  # what overflows becomes an infinite error
        known = preactivation_curvatures(linear) if curvatures is None else curvatures
        bends: list[Floats] = []
        for places, adjoint, curvature in zip(linear.layers, adjoints, known, strict=True):
            bend = None if curvature is None else curvature.rest(radius, bends)
            rest = _layer_terms(places, adjoint, radius, (rest, bend, bends), terms)
        return terms.below(linear.logits, rows)


def _layer_terms(
    places: LayerPlaces,
    adjoint: LayerAdjoints,
    radius: float,
    found: tuple[Floats, Floats | None, list[Floats]],
    terms: QuadraticTerms,
) -> Floats:
    """Gather a layer's remainders; returns the rest (L, H) of its result.

    Found so far: the rest of the source, a second bound of that of the pre-activations if there is one, and the
    `deviations` of earlier layers, to which this one's are added.
    """
    layer, (source, bend, bends) = places.layer, found
    rest = _norm_terms(layer.norm_before, places.before, adjoint.normalised_before, source, radius, terms)
    rest = outward(convolved(layer.kernel.magnitude, rest[None])[0]) if rest.any() else rest
    if bend is not None:
        rest = np.fmin(rest, bend)  # a bound that is no number says nothing
    reach = reach_of(places.preactivation, rest, radius)
    bounds = mean_curvature(places.rules.activation, places.preactivation.value, reach.total)
    terms.add_squares(_half_curvature(adjoint.activated, bounds), places.preactivation, reach)
    bends.append(deviations(central_curvature(places), bounds, reach.first, reach.rest))
    rest = outward(places.slope.magnitude * rest + 0.5 * bounds.magnitude * reach.total**2)
    if layer.output is not None:
        rest = outward(rest @ layer.output.weight.magnitude.T)
    if places.gate is not None:
        rest = _gate_terms(places, places.gate, adjoint.branch, rest, radius, terms)
    if layer.residual:
        rest = outward(rest + source)
    return _norm_terms(layer.norm_after, places.after, adjoint.normalised_after, rest, radius, terms)


def _half_curvature(adjoint: Enclosed, bounds: CurvatureRange) -> Floats:
    r"""Lower bounds of $\tfrac12\lambda D$, (rows, L, C)."""
    return _below(product(adjoint, from_ends(0.5 * bounds.lower, 0.5 * bounds.upper)))


def _below(array: Enclosed) -> Floats:
    return np.nextafter(array.value - array.error, -np.inf)


def _gate_terms(
    places: LayerPlaces, gate: GatePlace, adjoint: Enclosed, rest: Floats, radius: float, terms: QuadraticTerms
) -> Floats:
    """The gate's squares and products, and the rest of a·s(g)."""
    rule = places.rules.gate
    if rule is None:
        msg = "the output is gated: give the gate's function in the layer's rules"
        raise ValueError(msg)
    ends = np.split(rest, 2, axis=-1)
    values, argument = reach_of(gate.values, ends[0], radius), reach_of(gate.argument, ends[1], radius)
    bounds = mean_curvature(rule, gate.argument.value, argument.total)
    terms.add_squares(_half_curvature(product(adjoint, gate.values.value), bounds), gate.argument, argument)
    middle = gate.argument.value.value
    span = outward(gate.argument.value.error + argument.total) + 2.0**-50 * np.abs(middle)
    slopes = slope_bounds(rule, middle - span, middle + span)
    terms.add_products(product(adjoint, slopes), gate.values, gate.argument, (values, argument))
    linear = gate.opening.magnitude * values.rest + gate.values.value.magnitude * gate.slope.magnitude * argument.rest
    curved = 0.5 * gate.values.value.magnitude * bounds.magnitude * argument.total**2
    return outward(linear + curved + slopes.magnitude * values.total * argument.total)


def _norm_terms(
    norm: Norm | None,
    place: NormPlace | None,
    adjoint: Enclosed | None,
    rest: Floats,
    radius: float,
    terms: QuadraticTerms,
) -> Floats:
    r"""A norm's squares and products, and the rest behind it, (L, H).

    With $b = \mathrm{mean}\,c\gamma$, $M = \mathrm{mean}\,\gamma^2$, $\Delta v = 2b + M$ exactly, and $q = f(v)$ for
    the convex $f(v) = (v + \varepsilon)^{-1/2}$: $\Delta q = -\tfrac12q^3\Delta v + r$ with
    $\tfrac38q_{\min}^5\Delta v^2 \le r \le \tfrac38q_{\max}^5\Delta v^2$. The remainder of
    $(c + \gamma)(q + \Delta q)$ weighed with $\mu$ over the channels of a step is therefore, with
    $P = \sum\mu_hc_h$,

    $$P\,(r - \tfrac12q^3M) - q^3\sum_h\mu_h\gamma_h\,b + \sum_h\mu_h\gamma_h\,(r - \tfrac12q^3M).$$
    """
    if norm is None:
        return rest
    if place is None or adjoint is None:
        return outward(norm.weight.magnitude * rest)
    inner = centred_radius(rest) if norm.kind == "layer" else rest
    reach = reach_of(place.centred, inner, radius)
    squared = outward((reach.total**2).mean(axis=-1, keepdims=True))
    size = place.centred.value.magnitude
    along = reach_of(place.slant, outward((size * inner).mean(axis=-1, keepdims=True)), radius)
    smallest, largest = _inverse_range(norm, place, squared, along.total)
    residue = outward(0.375 * largest**5 * outward(2.0 * along.total + squared) ** 2)  # r at most
    cube = product(place.inverse, product(place.inverse, place.inverse))
    pulled = product(adjoint, place.centred.value)
    total = Enclosed(pulled.value.sum(axis=-1, keepdims=True), _summed_error(pulled))
    mean_weight = scaled(-0.5 / size.shape[-1], product(total, cube))
    terms.add_squares(np.broadcast_to(_slightly_below(mean_weight), adjoint.value.shape), place.centred, reach)
    least = _below(total)
    bent = np.where(least < 0, -outward(-least * (1.5 * largest**5)), least * (1.5 * smallest**5) * BELOW_ONE)
    terms.add_squares(bent, place.slant, Reach(along.first, outward(along.rest + 0.5 * squared)))
    slant = _spread(place.slant, size.shape[-1])
    wide = Reach(np.broadcast_to(along.first, size.shape), np.broadcast_to(along.rest, size.shape))
    terms.add_products(scaled(-1.0, product(adjoint, cube)), place.centred, slant, (reach, wide))
    third = np.maximum(residue, outward(0.5 * cube.magnitude * squared))
    terms.take_off(adjoint.magnitude * outward(reach.total * third))
    return outward(norm.weight.magnitude * _behind_norm(place, reach, along, squared, residue, largest))


def _behind_norm(
    place: NormPlace, reach: Reach, along: Reach, squared: Floats, residue: Floats, largest: Floats
) -> Floats:
    r"""The rest of n = cq: $dn$ of the rest of c, and $|c|\max(r, \tfrac12q^3M) + |\gamma||\Delta q|$ for its own."""
    normalised, inverse = place.normalised.magnitude, place.inverse.magnitude
    carried = inverse * (reach.rest + normalised * (normalised * reach.rest).mean(axis=-1, keepdims=True))
    own = place.centred.value.magnitude * np.maximum(residue, outward(0.5 * inverse**3 * squared))
    change = outward(0.5 * largest**3 * outward(2.0 * along.total + squared))
    return outward(carried + own + reach.total * change)


def _inverse_range(norm: Norm, place: NormPlace, squared: Floats, along: Floats) -> tuple[Floats, Floats]:
    r"""Bounds of q on the ball, (L, 1) each.

    v is at most $v + 2|b| + M$, and at least $v - 2|b|$ and $(\sqrt v - \sqrt M)^2$ (triangle inequality of the root
    mean square).
    """
    variance = np.maximum(_below(place.slant.value), 0.0)
    root = np.maximum(np.sqrt(variance) * BELOW_ONE - outward(np.sqrt(squared)), 0.0)
    least = np.maximum(np.maximum(variance - outward(2.0 * along), root * root), 0.0) * BELOW_ONE
    most = outward(outward(place.slant.value.magnitude) + 2.0 * along + squared + norm.eps)
    return 1.0 / np.sqrt(most) * BELOW_ONE, outward(1.0 / np.sqrt((least + norm.eps) * BELOW_ONE))


def _spread(place: Place, channels: int) -> Place:
    """A place (L, 1) for every channel of its step."""

    def wide(array: Floats) -> Floats:
        return np.broadcast_to(array, (*array.shape[:-1], channels))

    value, linear = place.value, place.linear
    return Place(Enclosed(wide(value.value), wide(value.error)), Enclosed(wide(linear.value), wide(linear.error)))


def _summed_error(array: Enclosed) -> Floats:
    """Error of the computed sum over the last axis."""
    rounding = gamma(array.value.shape[-1]) * np.abs(array.value).sum(axis=-1, keepdims=True)
    return outward(array.error.sum(axis=-1, keepdims=True) + rounding)


def _slightly_below(array: Enclosed) -> Floats:
    """Lower ends, past the rounding of one more factor."""
    return _below(array) - 2.0**-50 * np.abs(array.value)
