"""Nested least-squares decoders under an observed density of pre-activations, of every degree at once.

They are not certified: their `fit_error` is infinite. They stay constant beyond the interval that the samples visit,
widened by a tenth: other sequences leave it a little, and a polynomial far outside means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import MAX_DENSITY, FittedDecoders, quantiles
from carleman_ssm.theory.ladder import least_squares_ladder

MARGIN = 1.1


def density_decoders(
    samples: Floats, rule: Callable[[Floats], Floats], degree: int, *, shared: bool = False
) -> tuple[FittedDecoders, ...]:
    """Best polynomials of degrees 0 … P for each channel in the mean square over its samples (…, H).

    Parameters
    ----------
    samples
        Observed arguments of the nonlinearity; at most 4096 quantiles of each channel stand for its density.
    rule
        The nonlinearity, or the decoder in its place, that is fitted: values (n, H) at arguments (n, H).
    degree
        P.
    shared
        One density, interval and polynomial for all channels.

    Raises
    ------
    ValueError
        The degree is negative.
    """
    if degree < 0:
        msg = f"a polynomial has a degree of at least 0, got {degree}"
        raise ValueError(msg)
    channels = samples.shape[-1]
    columns = samples.reshape(-1, 1 if shared else channels)
    density = quantiles(columns, MAX_DENSITY * (channels if shared else 1))
    lower, upper = density[0], density[-1]
    # A floor for channels that stand still, so that the scaled variable keeps its meaning.
    floor = 1e-6 * np.maximum(1.0, np.maximum(np.abs(lower), np.abs(upper)))
    centre, half_width = (lower + upper) / 2, MARGIN * np.maximum((upper - lower) / 2, floor)
    values = np.asarray(rule(density), dtype=np.float64)
    ladders = [
        least_squares_ladder(t, y, degree) for t, y in zip(((density - centre) / half_width).T, values.T, strict=True)
    ]
    rungs = np.stack(ladders * (channels if shared else 1), axis=-1)  # (degree of the fit, Chebyshev index, H)
    middle, width = np.broadcast_to(centre, (channels,)), np.broadcast_to(half_width, (channels,))
    top = FittedDecoders(middle, width, rungs[-1], np.full(channels, np.inf), rule, None)
    return tuple(replace(top, coefficients=rungs[p, : p + 1]) for p in range(degree + 1))
