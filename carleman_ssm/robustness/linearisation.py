r"""A network at one input: values, Jacobians and adjoints of every place, each enclosed.

With $\delta \in \mathbb R^{Ld}$ the change of the input, every intermediate value is

$$v(x + \delta) = v_0 + A\,\delta + \text{remainder},$$

and here are $v_0$ and the linear map A (one column per input step and feature) of every place, of the *exact* network,
with proved errors; `remainders` bounds the rest. Written with each nonlinear node as its linear part plus its own
remainder R, the network is linear in δ and all the R, so exactly

$$\ell(x+\delta) - \ell(x) = G\,\delta + \sum_{\rm nodes}\langle\lambda, R\rangle,$$

with λ the adjoint of the *linearised* network at the node's output: no interval adjoint is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Enclosed, Floats, outward
from carleman_ssm.operators.ball_arrays import (
    affine,
    convolution,
    matrix_product,
    mean,
    product,
    scaled,
    total,
)
from carleman_ssm.operators.ranges import LayerRules, half
from carleman_ssm.operators.stack import AffineMap, Norm, Stack, StackLayer, exact_array
from carleman_ssm.robustness.certified_quadratics import norm_bound
from carleman_ssm.robustness.curvature_bounds import values_and_slopes


@dataclass(frozen=True, eq=False, repr=False)
class Place(Brief):
    r"""$v_0$ (L, C) and A (n, L, C): a value at the input, and its Jacobian by the n entries of δ."""

    value: Enclosed
    linear: Enclosed

    @cached_property
    def norms(self) -> Floats:
        r"""Upper bounds of $\lVert A_{\cdot,k,c}\rVert_2$: how far a unit δ moves each value to first order, (L, C)."""
        return outward(norm_bound(self.linear.value, 0) + self.error_norms)

    @cached_property
    def error_norms(self) -> Floats:
        r"""Upper bounds of $\lVert A - \hat A\rVert_2$ of every value, (L, C)."""
        return norm_bound(self.linear.error, 0)

    def half(self, which: int) -> Place:
        """The value rows (0) or gate rows (1) of a gated map."""
        return Place(half(self.value, which), half(self.linear, which))


@dataclass(frozen=True, eq=False, repr=False)
class NormPlace(Brief):
    """A norm: `centred` is c and its Jacobian, `inverse` q (L, 1), `normalised` n = cq (L, H).

    `slant` holds v = mean c² (L, 1), and the Jacobian of *half* of it.
    """

    centred: Place
    inverse: Enclosed
    normalised: Enclosed
    slant: Place


@dataclass(frozen=True, eq=False, repr=False)
class GatePlace(Brief):
    """A gate a·s(g): the places of a and g, s(g) and s'(g) (L, H)."""

    values: Place
    argument: Place
    opening: Enclosed
    slope: Enclosed


@dataclass(frozen=True, eq=False, repr=False)
class LayerPlaces(Brief):
    """One layer; `before` and `after` are None where there is no norm or an affine one."""

    layer: StackLayer
    rules: LayerRules
    before: NormPlace | None
    preactivation: Place
    slope: Enclosed
    gate: GatePlace | None
    after: NormPlace | None


@dataclass(frozen=True, eq=False, repr=False)
class LayerAdjoints(Brief):
    """Adjoints (rows, L, H) of a layer's nonlinear nodes: activated values, gated product, normalised n."""

    activated: Enclosed
    branch: Enclosed
    normalised_before: Enclosed | None
    normalised_after: Enclosed | None


@dataclass(frozen=True, eq=False, repr=False)
class Linearisation(Brief):
    """Values and Jacobians of a network at one input; build it with `linearised`.

    Parameters
    ----------
    stack, layers
        The network and the places of every layer.
    logits
        (1, K) and the Jacobian (n, 1, K).
    """

    stack: Stack
    layers: tuple[LayerPlaces, ...]
    logits: Place = field(repr=False)

    def adjoints(self, rows: Floats) -> tuple[LayerAdjoints, ...]:
        """Adjoints of every layer's nodes for combinations (rows, K) of the logits."""
        length = self.layers[0].slope.value.shape[0]
        pooled = matrix_product(exact_array(rows), self.stack.head.weight)
        weights = self.stack.pool_weights(length)[:, None]
        lifted = Enclosed(pooled.value[:, None], pooled.error[:, None])
        after = product(lifted, Enclosed(weights, UNIT_ROUNDOFF * weights))
        found = []
        for layer in reversed(self.layers):
            nodes, after = layer_adjoints(layer, after)
            found.append(nodes)
        return tuple(reversed(found))


def linearised(stack: Stack, rules: tuple[LayerRules, ...], sequence: Floats) -> Linearisation:
    """Enclose values and Jacobians of the exact network at a sequence (L, d), whose numbers are taken as exact.

    Raises
    ------
    ValueError
        The sequence does not fit the stack.
    """
    return _along(stack, rules, sequence, np.eye(sequence.size).reshape(sequence.size, *sequence.shape))


def enclosed_logits(stack: Stack, rules: tuple[LayerRules, ...], sequence: Floats) -> Enclosed:
    """Logits (1, K) of the exact network at a sequence (L, d), without Jacobians.

    Raises
    ------
    ValueError
        As `linearised`.
    """
    return _along(stack, rules, sequence, np.zeros((0, *sequence.shape))).logits.value


def _along(stack: Stack, rules: tuple[LayerRules, ...], sequence: Floats, units: Floats) -> Linearisation:
    """Values, and derivatives along directions (n, L, d)."""
    if sequence.ndim != 2 or sequence.shape[1] != stack.features or not 1 <= len(sequence) <= stack.length:
        msg = (
            f"expected a sequence (at most {stack.length} steps, {stack.features}), got shape {sequence.shape}: longer "
            "sequences need a stack built for their length"
        )
        raise ValueError(msg)
    weight = stack.encoder.weight
    place = Place(
        affine(stack.encoder, exact_array(sequence)),
        matrix_product(exact_array(units), Enclosed(weight.value.T, weight.error.T)),
    )
    layers = []
    for layer, rule in zip(stack.layers, rules, strict=True):
        found, place = _layer_places(layer, rule, place)
        layers.append(found)
    return Linearisation(stack, tuple(layers), _mapped_by(stack.head, pooled_place(stack, place)))


def pooled_place(stack: Stack, place: Place) -> Place:
    """Mean over the steps, or the last step; (1, C) and (n, 1, C)."""
    if stack.pool == "mean":
        return Place(mean(place.value, axis=0), mean(place.linear, axis=1))
    return Place(
        Enclosed(place.value.value[-1:], place.value.error[-1:]),
        Enclosed(place.linear.value[:, -1:], place.linear.error[:, -1:]),
    )


def _mapped_by(mapping: AffineMap, place: Place) -> Place:
    transposed = Enclosed(mapping.weight.value.T, mapping.weight.error.T)
    return Place(affine(mapping, place.value), matrix_product(place.linear, transposed))


def _layer_places(layer: StackLayer, rules: LayerRules, source: Place) -> tuple[LayerPlaces, Place]:
    before, drive = _through_norm(layer.norm_before, source)
    kernel = layer.kernel
    value = convolution(kernel, _batched(drive.value))
    reached = Place(Enclosed(value.value[0], value.error[0]), convolution(kernel, drive.linear))
    activated, slope = values_and_slopes(rules.activation, reached.value)
    branch, gate = Place(activated, product(slope, reached.linear)), None
    if layer.output is not None:
        branch = _mapped_by(layer.output, branch)
    if layer.gated and rules.gate is not None:
        values, argument = branch.half(0), branch.half(1)
        opening, rising = values_and_slopes(rules.gate, argument.value)
        gate = GatePlace(values, argument, opening, rising)
        steered = product(product(values.value, rising), argument.linear)
        branch = Place(product(values.value, opening), total(product(opening, values.linear), steered))
    summed = _sum(branch, source) if layer.residual else branch
    after, result = _through_norm(layer.norm_after, summed)
    return LayerPlaces(layer, rules, before, reached, slope, gate, after), result


def _sum(first: Place, second: Place) -> Place:
    return Place(total(first.value, second.value), total(first.linear, second.linear))


def _batched(array: Enclosed) -> Enclosed:
    return Enclosed(array.value[None], array.error[None])


def _through_norm(norm: Norm | None, place: Place) -> tuple[NormPlace | None, Place]:
    r"""$n = cq$ has the differential $dn = q\,(dc - n\,\mathrm{mean}(n\,dc))$."""
    if norm is None:
        return None, place
    if norm.is_affine:
        return None, Place(total(product(place.value, norm.weight), norm.bias), product(place.linear, norm.weight))
    centred, moved = centred_array(norm, place.value), centred_array(norm, place.linear)
    variance = mean(product(centred, centred))
    inverse = inverse_deviation(variance, norm.eps)
    normalised = product(centred, inverse)
    slant = Place(variance, mean(product(centred, moved)))
    inner = mean(product(normalised, moved))
    change = product(inverse, total(moved, scaled(-1.0, product(normalised, inner))))
    result = Place(total(product(normalised, norm.weight), norm.bias), product(change, norm.weight))
    return NormPlace(Place(centred, moved), inverse, normalised, slant), result


def inverse_deviation(variance: Enclosed, eps: float) -> Enclosed:
    r"""$q = s^{-1/2}$ with $s = v + \varepsilon$, v ≥ 0: $|q - \hat q| \le \tfrac12 s_{\min}^{-3/2}|s - \hat s|$."""
    squared = np.maximum(variance.value, 0.0) + eps
    apart = outward(variance.error + UNIT_ROUNDOFF * squared)
    smallest = np.maximum((squared - apart) * (1.0 - 2.0**-40), eps * (1.0 - 2.0**-40))
    value = 1.0 / np.sqrt(squared)
    return Enclosed(value, outward(0.5 * apart / (smallest * np.sqrt(smallest)) + 4.0 * UNIT_ROUNDOFF * value))


def centred_array(norm: Norm, array: Enclosed) -> Enclosed:
    """What a norm divides: the array, minus its mean over the channels for a LayerNorm."""
    return total(array, scaled(-1.0, mean(array))) if norm.kind == "layer" else array


def layer_adjoints(places: LayerPlaces, after: Enclosed) -> tuple[LayerAdjoints, Enclosed]:
    """Adjoints of a layer's nodes and of its source, from those (rows, L, H) of its result."""
    layer = places.layer
    normalised_after, summed = norm_adjoint(layer.norm_after, places.after, after)
    mapped = summed
    if places.gate is not None:
        value = product(summed, places.gate.opening)
        argument = product(summed, product(places.gate.values.value, places.gate.slope))
        mapped = Enclosed(
            np.concatenate([value.value, argument.value], axis=-1),
            np.concatenate([value.error, argument.error], axis=-1),
        )
    activated = mapped if layer.output is None else matrix_product(mapped, layer.output.weight)
    driven = convolution(layer.kernel, product(activated, places.slope), backwards=True)
    normalised_before, source = norm_adjoint(layer.norm_before, places.before, driven)
    if layer.residual:
        source = total(source, summed)
    return LayerAdjoints(activated, summed, normalised_before, normalised_after), source


def norm_adjoint(norm: Norm | None, place: NormPlace | None, after: Enclosed) -> tuple[Enclosed | None, Enclosed]:
    r"""Adjoint of n, and of what is normalised: $q(\mu - n\,\mathrm{mean}(\mu n))$, centred, with $\mu = w\lambda$."""
    if norm is None:
        return None, after
    weighted = product(after, norm.weight)
    if place is None:
        return None, weighted
    inner = mean(product(weighted, place.normalised))
    change = product(place.inverse, total(weighted, scaled(-1.0, product(place.normalised, inner))))
    return weighted, centred_array(norm, change)
