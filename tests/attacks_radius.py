"""Attacks on certified balls: projected gradients from many starts, and whatever else looks for a change of class."""

from __future__ import annotations

import numpy as np

from carleman_ssm.operators.network_function import network_function


def projected(changes, radius):
    """Changes (batch, L, d) brought back to the ball."""
    norms = np.linalg.norm(changes.reshape(len(changes), -1), axis=1)
    return changes * np.minimum(1.0, radius / np.maximum(norms, 1e-300))[:, None, None]


def on_the_sphere(generator, count, shape, radius):
    """Random changes whose norm is the radius."""
    changes = generator.normal(size=(count, *shape))
    norms = np.linalg.norm(changes.reshape(count, -1), axis=1)
    return changes * (radius / norms)[:, None, None]


def smallest_margin(network, sequence, label, radius, generator, steps=20, starts=3):
    """The smallest margin of the class over any rival that projected gradients find in the ball."""
    function = network_function(network, len(sequence))
    rows = function.margins(label)
    count = starts * len(rows)
    changes = on_the_sphere(generator, count, sequence.shape, radius)
    changes[: len(rows)] *= 1e-3
    chosen = np.tile(np.arange(len(rows)), starts)
    best = np.inf
    for step in range(steps):
        margins = function.logits(sequence + changes) @ rows.T
        best = min(best, float(margins.min()))
        slopes = function.gradients(sequence + changes, rows)[np.arange(count), chosen]
        largest = np.maximum(np.abs(slopes).max(axis=(1, 2), keepdims=True), 1e-300)
        slopes = np.nan_to_num(slopes / largest, posinf=0.0, neginf=0.0)
        norms = np.linalg.norm(slopes.reshape(count, -1), axis=1)
        stride = radius * (1.0 if step < steps // 2 else 0.2) / np.maximum(norms, 1e-300)
        changes = np.nan_to_num(projected(changes - stride[:, None, None] * slopes, radius * (1 - 1e-12)))
    return min(best, float((function.logits(sequence + changes) @ rows.T).min()))
