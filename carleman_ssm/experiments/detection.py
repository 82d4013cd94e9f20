r"""How well signals can be told apart at best, and how sure a measured accuracy is.

An input is one of $M$ equally likely orthogonal signals of energy $E = \sum_k s_k^2$ in white Gaussian noise of
standard deviation $\sigma$ per step. No readout of anything beats the ideal observer of the input itself.
"""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import numpy.typing as npt
from scipy import special

_QUADRATURE_HALF_WIDTH = 12.0  # standard deviations; the Gaussian beyond is below 1e-31
_QUADRATURE_POINTS = 4001


def known_signal_accuracy(energy: float, noise: float, classes: int) -> float:
    r"""Accuracy of the ideal observer of known orthogonal signals, which is linear in the input.

    $\int \varphi(z - \sqrt E/\sigma)\,\Phi(z)^{M-1}\,dz$: the largest of $M$ correlations is the right one.

    Parameters
    ----------
    energy, noise
        $E$ and $\sigma$, in the units of the squared input and of the input.
    classes
        $M \ge 2$.

    Raises
    ------
    ValueError
        An energy or noise that is not positive, or fewer than two classes.

    References
    ----------
    Proakis & Salehi, Digital Communications, 5th ed., chapter 4 (coherent detection of orthogonal signals).

    Examples
    --------
    >>> bool(abs(known_signal_accuracy(2.0, 1.0, 2) - 0.8413447460685429) < 1e-12)  # Φ(√(E/2)/σ) for two
    True
    """
    _check(energy, noise, classes)
    mean = sqrt(energy) / noise
    z = np.linspace(mean - _QUADRATURE_HALF_WIDTH, mean + _QUADRATURE_HALF_WIDTH, _QUADRATURE_POINTS)
    density = np.exp(-((z - mean) ** 2) / 2) / sqrt(2 * np.pi)
    return float((density * special.ndtr(z) ** (classes - 1)).sum() * (z[1] - z[0]))  # smooth: trapezia converge


def unknown_phase_accuracy(energy: float, noise: float, classes: int) -> float:
    r"""Accuracy of the ideal observer of orthogonal sines of unknown phase: the largest *power*, a quadratic.

    $1 - \sum_{k=1}^{M-1} \frac{(-1)^{k+1}}{k+1}\binom{M-1}{k} e^{-\frac{k}{k+1}\frac{E}{2\sigma^2}}$.

    Parameters
    ----------
    energy, noise, classes
        As in `known_signal_accuracy`; a sine and the cosine of its frequency are orthogonal too.

    Raises
    ------
    ValueError
        As in `known_signal_accuracy`.

    References
    ----------
    Proakis & Salehi, Digital Communications, 5th ed., chapter 4 (noncoherent detection of orthogonal signals).
    """
    _check(energy, noise, classes)
    ratio = energy / (2 * noise**2)
    terms = ((-1) ** (k + 1) / (k + 1) * comb(classes - 1, k) * np.exp(-k / (k + 1) * ratio) for k in range(1, classes))
    return float(1 - sum(terms))


def confidence_interval(accuracies: npt.ArrayLike, trials: int) -> tuple[float, float]:
    r"""95 % interval of an accuracy that was measured in several independent runs of `trials` tests each.

    The hull of two intervals: Student's t over the runs (it knows how readouts differ between runs, but has no
    width where all runs agree) and Wilson's for the pooled count (it has, but takes all tests as alike).

    Parameters
    ----------
    accuracies
        (runs,) shares of right answers, at least two runs.
    trials
        Tests in each run.

    Raises
    ------
    ValueError
        Fewer than two runs, or shares outside [0, 1].

    Examples
    --------
    >>> low, high = confidence_interval([1.0, 1.0, 1.0], trials=100)
    >>> round(low, 3), high
    (0.987, 1.0)
    """
    values = np.asarray(accuracies, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not ((values >= 0) & (values <= 1)).all() or trials < 1:
        msg = "an interval needs the accuracies, between 0 and 1, of at least two runs of at least one test"
        raise ValueError(msg)
    mean, runs = float(values.mean()), len(values)
    half = float(special.stdtrit(runs - 1, 0.975)) * float(values.std(ddof=1)) / sqrt(runs)
    low, high = wilson_interval(mean, trials * runs)
    return max(0.0, min(mean - half, low)), min(1.0, max(mean + half, high))


def wilson_interval(share: float, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share that was found in this many trials."""
    z = float(special.ndtri(0.975))
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return centre - half, centre + half


def _check(energy: float, noise: float, classes: int) -> None:
    if not (energy > 0 and noise > 0 and classes >= 2):
        msg = f"give a positive energy and noise and at least two classes, got {energy}, {noise}, {classes}"
        raise ValueError(msg)
