r"""How a `CosineFit` is found: least squares in a line and K frequencies whose period is longer than the interval.

The functions $\cos(k\omega d), \sin(k\omega d)$ are nearly dependent on the shorter interval, so the problem is solved
with its smallest singular values cut off (Adcock, Huybrechs and Martín-Vaquero 2014); the certificate is computed
afterwards from the numbers that came out, and trusts nothing of this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.analytic import Floats
from carleman_ssm.theory.certification import enclosing_interval
from carleman_ssm.theory.cosine_fits import CosineFit, enclose_cosine_error
from carleman_ssm.theory.phases import PHASE_ROUNDING
from carleman_ssm.theory.polynomials import require_count

EXTENSIONS = (1.1, 1.25, 1.5, 2.0)
r"""Half a period over the half-width, $\pi/(\omega h)$: short periods need fewer terms, long ones smaller weights."""

_CUTOFF = 1e-13
"""Singular values of the least-squares problem below this share of the largest are left out: weights stay bounded."""


def fit_cosines(
    activation: Activation, lower: float, upper: float, terms: int, extension: float | None = None
) -> CosineFit:
    r"""Fit $\varphi$ by a line and K frequencies, least squares on [lower, upper], with a certified sup-error.

    Parameters
    ----------
    activation
        $\varphi$.
    lower, upper
        Interval [units of y]; equal ends are allowed (a constant channel).
    terms
        K ≥ 0.
    extension
        $\pi/(\omega h) \ge 1.01$, at most 100; by default the best of `EXTENSIONS` on a grid.

    Returns
    -------
    CosineFit
        Even functions about the centre get sines of the size of rounding only, and odd ones cosines.

    Raises
    ------
    ValueError
        The interval is empty or not finite, K is negative, or the extension is out of range.

    References
    ----------
    THEORY T13b; Fourier extensions: Adcock, Huybrechs and Martín-Vaquero (2014), Found. Comput. Math. 14, 635.

    Examples
    --------
    >>> from carleman_ssm.theory.activations import activation
    >>> fit = fit_cosines(activation("gelu"), -20.0, 20.0, 22)
    >>> fit.sup_error < 1e-3
    True
    """
    fit = uncertified_cosines(activation, [lower], [upper], terms, extension)[0]
    return certified_cosines(activation, fit)


def certified_cosines(activation: Activation, fit: CosineFit) -> CosineFit:
    """The same fit with its certified sup-error (see `enclose_cosine_error`)."""
    return replace(fit, sup_error=enclose_cosine_error(activation, fit).upper)


def uncertified_cosines(
    activation: Activation,
    lower: Sequence[float] | Floats,
    upper: Sequence[float] | Floats,
    terms: int,
    extension: float | None = None,
) -> list[CosineFit]:
    """One fit per interval, without certificates (``sup_error`` is infinite): one factorisation serves all of them.

    See `fit_cosines` for the parameters, and `measured_error` for what a search may go by.
    """
    count = require_count(terms, "the number of terms of a cosine fit")
    if extension is not None and not 1.01 <= extension <= 100:
        msg = f"the extension must lie between 1.01 and 100, got {extension}: the period must exceed the interval"
        raise ValueError(msg)
    intervals = [enclosing_interval(float(low), float(high)) for low, high in zip(lower, upper, strict=True)]
    position = np.cos(np.pi * (np.arange(16 * count + 64) + 0.5) / (16 * count + 64))
    target = activation(np.stack([centre + half_width * position for centre, half_width in intervals], axis=1))
    ratios = EXTENSIONS if extension is None else (extension,)
    solved = [_solve(position, target, count, ratio) for ratio in ratios]
    best = np.argmin([errors for _, errors in solved], axis=0)
    return [
        _assemble(interval, ends, ratios[choice], solved[choice][0][:, channel])
        for channel, (interval, ends, choice) in enumerate(
            zip(intervals, zip(lower, upper, strict=True), best.tolist(), strict=True)
        )
    ]


def measured_error(activation: Activation, fit: CosineFit) -> float:
    """Largest error on a fine grid: what a search goes by before it certifies; no bound."""
    y = fit.centre + fit.half_width * np.cos(np.pi * (np.arange(8 * fit.terms + 97) + 0.5) / (8 * fit.terms + 97))
    return float(np.abs(fit(y) - activation(y)).max())


def _assemble(interval: tuple[float, float], ends: tuple[float, float], extension: float, numbers: Floats) -> CosineFit:
    centre, half_width = interval
    count = len(numbers) // 2 - 1
    return CosineFit(
        centre,
        half_width,
        math.pi / (extension * half_width),
        float(numbers[0]),
        float(numbers[1]) / half_width,
        numbers[2 : 2 + count],
        numbers[2 + count :],
        float(ends[0]),
        float(ends[1]),
    )


def _design(position: Floats, count: int, extension: float) -> Floats:
    angles = np.outer(position, np.arange(1, count + 1) * (np.pi / extension))
    return np.hstack([np.ones((len(position), 1)), position[:, None], np.cos(angles), np.sin(angles)])


def _solve(position: Floats, target: Floats, count: int, extension: float) -> tuple[Floats, Floats]:
    """Least squares on every fourth sample, target (n, H); the others tell how good it is between.

    Returns the numbers (2K + 2, H) and an error (H,) that counts the rounding of large weights.
    """
    design = _design(position, count, extension)
    numbers = np.asarray(np.linalg.lstsq(design[1::4], target[1::4], rcond=_CUTOFF)[0], dtype=np.float64)
    rounding = 2 * PHASE_ROUNDING * (count + 1) * np.abs(numbers).sum(axis=0)
    return numbers, np.asarray(np.abs(design @ numbers - target).max(axis=0) + rounding)
