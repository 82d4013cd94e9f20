"""A second route to orders and derivatives: values of the exact network at a few points, interpolated in balls."""

from __future__ import annotations

import flint
import numpy as np

from tests.oracles import ball_precision, exact_logits


def interpolated_orders(network, centre, deviation, count, spacing=1.0, digits=80):
    """Coefficients of ε⁰ … ε^{count−1} of logits(centre + ε deviation), (count, classes), as float64.

    Exact for a polynomial of degree < count; else with the error of interpolation, which a small spacing makes small.
    Spacing and entries must be short dyadic numbers, so that every point is a float64 number.
    """
    steps = spacing * (np.arange(count) - count // 2)
    points = centre + steps[:, None, None] * deviation
    values = exact_logits(network, points, digits)
    with ball_precision(digits):
        powers = flint.arb_mat(count, count, [flint.arb(float(e)) ** k for e in steps for k in range(count)])
        solved = powers.solve(flint.arb_mat(count, values.shape[1], list(values.ravel())))
        widest = max(float(entry.rad()) for entry in solved.entries())
        if not widest < 1e-12:
            msg = f"the oracle itself knows only {widest:.1e}: raise its digits"
            raise ValueError(msg)
        return np.array([float(entry.mid()) for entry in solved.entries()]).reshape(count, -1)


def dyadic(generator, *shape):
    """Multiples of 1/16 between −1 and 1: sums and products with short numbers are exact in float64."""
    return generator.integers(-16, 17, shape) / 16.0
