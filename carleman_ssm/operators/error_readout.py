r"""From the errors of the last layer to the bounds of logits and of their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import UNIT_ROUNDOFF, Enclosed, Floats, gamma, outward
from carleman_ssm.operators.ball_arrays import matrix_product, product
from carleman_ssm.operators.error_adjoint import paired, pulled_back
from carleman_ssm.operators.error_steps import LayerSteps, Stage, finite_or_infinite, map_step
from carleman_ssm.operators.stack import Stack

GROUPS = 64
"""The lengths 1 … L of a box are bounded one by one up to so many, in so many groups beyond."""


@dataclass(frozen=True, eq=False)
class Propagated:
    """What the pass forward leaves: steps of every layer, rounding of the encoder, the last layer's result."""

    steps: tuple[LayerSteps, ...]
    encoder_local: Floats
    result: Stage


@dataclass(frozen=True, eq=False)
class Pooled:
    """Magnitude, error and own rounding of the pooled values, (batch, H) each."""

    magnitude: Floats
    radius: Floats
    local: Floats


def pooled_sequences(stack: Stack, result: Stage) -> Pooled:
    """Pooling of sequences of the full length at hand."""
    return _pooled(stack, stack.pooled(result.magnitude), stack.pooled(result.radius), result.middle.shape[1])


def pooled_prefixes(stack: Stack, result: Stage) -> Pooled:
    """The largest magnitude and error over all lengths up to that at hand."""
    steps = np.arange(1, result.middle.shape[1] + 1)[:, None]

    def largest(values: Floats) -> Floats:
        prefix: Floats = np.cumsum(values, axis=1) / steps if stack.pool == "mean" else values
        return np.asarray(prefix.max(axis=1))

    return _pooled(stack, largest(result.magnitude), largest(result.radius), result.middle.shape[1])


def _pooled(stack: Stack, magnitude: Floats, radius: Floats, length: int) -> Pooled:
    rounding = gamma(length + 1) if stack.pool == "mean" else 0.0
    local = outward(rounding * magnitude)
    return Pooled(outward(magnitude + local), outward(radius + local), local)


def sequence_seeds(logits: Floats) -> Floats:
    r"""Rows (batch, 2·classes, classes): every logit alone, then $\ell_w - \ell_j$ with w the winner."""
    classes = logits.shape[1]
    alone = np.broadcast_to(np.eye(classes), (len(logits), classes, classes))
    return np.concatenate([alone, np.eye(classes)[logits.argmax(axis=1)][:, None] - alone], axis=1)


def box_seeds(classes: int) -> Floats:
    r"""Rows (1, classes + pairs, classes): every logit alone, then $\ell_i - \ell_j$ for all i < j."""
    first, second = np.triu_indices(classes, 1)
    unit = np.eye(classes)
    return np.concatenate([unit, unit[first] - unit[second]])[None]


def sequence_pairs(bounds: Floats, logits: Floats) -> Floats:
    r"""(batch, classes, classes) of bounds of `sequence_seeds`: differences of two losers go by way of the winner."""
    classes = logits.shape[1]
    single, behind = bounds[:, :classes], bounds[:, classes:].copy()
    behind[np.arange(len(logits)), logits.argmax(axis=1)] = 0.0
    pairs = np.minimum(single[:, :, None] + single[:, None], behind[:, :, None] + behind[:, None])
    return _without_diagonal(outward(pairs))


def box_pairs(bounds: Floats, classes: int) -> Floats:
    """(1, classes, classes) of bounds of `box_seeds`."""
    pairs = np.zeros((1, classes, classes))
    first, second = np.triu_indices(classes, 1)
    pairs[:, first, second] = pairs[:, second, first] = bounds[:, classes:]
    return pairs


def _without_diagonal(pairs: Floats) -> Floats:
    diagonal = np.arange(pairs.shape[1])
    pairs[:, diagonal, diagonal] = 0.0
    return pairs


def full_length_weights(stack: Stack, length: int) -> Enclosed:
    """Weight of every step in the pooling, (1, L)."""
    weights = stack.pool_weights(length)[None]
    return Enclosed(weights, UNIT_ROUNDOFF * weights)


def prefix_weights(stack: Stack, length: int) -> Enclosed:
    """Weights of every step for groups [a, b] of lengths 1 … L, (groups, L): each encloses those of its lengths."""
    ends = np.unique(np.floor(np.geomspace(1, length + 1, GROUPS + 1)).astype(np.int64))
    ends = np.arange(1, length + 2) if length <= GROUPS else np.union1d(ends, [1, length + 1])
    shortest, longest, step = ends[:-1, None], ends[1:, None] - 1, np.arange(length)
    if stack.pool == "mean":
        low = np.where(step < shortest, 1.0 / longest, 0.0)
        high = np.where(step < longest, 1.0 / shortest, 0.0)
    else:
        high = np.where((step >= shortest - 1) & (step < longest), 1.0, 0.0)
        low = np.where(shortest == longest, high, 0.0)
    middle = 0.5 * (low + high)
    return Enclosed(middle, outward(0.5 * (high - low) + 2.0 * UNIT_ROUNDOFF * high))


def readout_bounds(
    stack: Stack, propagated: Propagated, pooled: Pooled, seeds: Floats, weights: Enclosed
) -> tuple[Floats, Floats]:
    """Bounds (batch, seeds) and where they start (batch, places, seeds); `weights` has a row per item of the batch.

    For a box the batch of the pass back are the groups of lengths; the largest of them counts.
    """
    local, _ = map_step(stack.head, Stage(pooled.magnitude, np.zeros_like(pooled.magnitude), pooled.radius))
    adjoint = _seed_adjoint(stack, seeds)
    head = outward((np.abs(seeds) @ local[..., None])[..., 0])
    forward = outward((adjoint.magnitude @ pooled.radius[..., None])[..., 0] + head)
    pooling = outward((adjoint.magnitude @ pooled.local[..., None])[..., 0] + head)
    after = product(_with_time(adjoint), Enclosed(weights.value[:, None, :, None], weights.error[:, None, :, None]))
    parts = _pass_back(stack, propagated, after)
    parts.append(np.broadcast_to(pooling, parts[0].shape))
    places = np.stack(parts, axis=1)
    backward = outward(places.sum(axis=1))
    return _smaller(forward, backward, places)


def _smaller(forward: Floats, backward: Floats, places: Floats) -> tuple[Floats, Floats]:
    """The smaller bound; where that is the one carried forward, the places keep their shares."""
    forward, backward = finite_or_infinite(forward), finite_or_infinite(backward)
    if len(backward) != len(forward):
        places, backward = places.max(axis=0, keepdims=True), backward.max(axis=0, keepdims=True)
    bound = np.minimum(forward, backward)
    shares = places * np.where(bound < backward, bound / backward, 1.0)[:, None]
    return bound, finite_or_infinite(shares)


def _seed_adjoint(stack: Stack, seeds: Floats) -> Enclosed:
    """Adjoint of the pooled values, (batch, seeds, H)."""
    return matrix_product(Enclosed(seeds, np.zeros_like(seeds)), stack.head.weight)


def _with_time(adjoint: Enclosed) -> Enclosed:
    return Enclosed(adjoint.value[:, :, None], adjoint.error[:, :, None])


def _pass_back(stack: Stack, propagated: Propagated, after: Enclosed) -> list[Floats]:
    """Parts of the bound in the order of `place_names`, without the last."""
    parts: list[Floats] = []
    for layer, steps in zip(reversed(stack.layers), reversed(propagated.steps), strict=True):
        found, after = pulled_back(layer, steps, after)
        gate = [found.gate_fit] if layer.gated else []
        parts = [found.fit, *gate, found.rounding, *parts]
    return [paired(after, propagated.encoder_local), *parts]


def place_names(stack: Stack) -> tuple[str, ...]:
    """Names of the rows of the sources: encoder, each layer's fits and rounding, pooling and head."""
    names = ["encoder: rounding"]
    for index, layer in enumerate(stack.layers):
        roles: Sequence[str] = ("activation", "gate") if layer.gated else ("activation",)
        names += [f"layer {index}: fit of the {role}" for role in roles] + [f"layer {index}: rounding"]
    return (*names, "pooling and head: rounding")
