r"""Accuracies of classifiers that were trained several times and scored on one test set, with 95 % intervals.

Two things vary: the seed of the training, and which sequences happen to be in the test set. Student's t over the runs
knows the first alone, Wilson's and Newcombe's intervals over the items the second alone; the hull of both is given.
All runs see the same items, so items are counted once: three seeds on 40 sequences are no 120 trials.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy import special

from carleman_ssm.experiments.detection import wilson_interval
from carleman_ssm.networks.brief import Brief

__all__ = ["Scores", "difference_interval"]

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Brief):
    """Which test items each run of a classifier got right.

    Parameters
    ----------
    right
        (runs, items) of booleans; one run for a classifier without randomness.

    Raises
    ------
    ValueError
        Another shape or type, or no items.
    """

    right: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.right.ndim != 2 or 0 in self.right.shape or self.right.dtype != np.bool_:
            msg = f"scores are booleans (runs, items), got {self.right.dtype} {self.right.shape}"
            raise ValueError(msg)

    @property
    def items(self) -> int:
        """Number of test items."""
        return int(self.right.shape[1])

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Share of items that each run got right."""
        return tuple(self.right.mean(axis=1).tolist())

    @property
    def accuracy(self) -> float:
        """Mean over the runs."""
        return float(self.right.mean())

    @property
    def interval(self) -> Interval:
        """Hull of Wilson's interval for the mean over the items, and Student's t over the runs if there are several."""
        low, high = wilson_interval(self.accuracy, self.items)
        half = _student(np.array(self.accuracies))
        return max(0.0, min(low, self.accuracy - half)), min(1.0, max(high, self.accuracy + half))


def difference_interval(first: Scores, second: Scores) -> Interval:
    r"""95 % interval of accuracy(first) − accuracy(second), scored on the same items.

    The hull of Newcombe's interval for paired proportions (method 10: Wilson's intervals of both, and the correlation
    of being right on the same item; counts are means over the runs) and, with several runs, Student's t over the
    differences, run by run.

    Parameters
    ----------
    first, second
        On the same items, of the same number of runs; a single run stands beside each of several.

    Raises
    ------
    ValueError
        Items or runs differ in number.

    References
    ----------
    R. G. Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on
    paired data, Statistics in Medicine 17, 2635–2650, method 10.

    Examples
    --------
    >>> always, half = Scores(np.ones((1, 40), bool)), Scores(np.arange(40)[None] % 2 == 0)
    >>> low, high = difference_interval(always, half)
    >>> round(low, 2), round(high, 2)
    (0.33, 0.65)
    """
    runs = {len(first.right), len(second.right)} - {1}
    if first.items != second.items or len(runs) > 1:
        msg = f"the scores are {first.right.shape} and {second.right.shape}: items, and runs or one, must agree"
        raise ValueError(msg)
    a, b = np.broadcast_arrays(first.right, second.right)
    difference = float(a.mean() - b.mean())
    low, high = _newcombe(a, b, difference)
    half = _student(a.mean(axis=1) - b.mean(axis=1))
    return max(-1.0, min(low, difference - half)), min(1.0, max(high, difference + half))


def _student(values: npt.NDArray[np.float64]) -> float:
    """Half the width of Student's 95 % interval of the mean; 0 for a single value."""
    runs = len(values)
    if runs < 2:
        return 0.0
    return float(special.stdtrit(runs - 1, 0.975)) * float(values.std(ddof=1)) / sqrt(runs)


def _newcombe(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], difference: float) -> Interval:
    items = a.shape[1]
    p, q = float(a.mean()), float(b.mean())
    (p_low, p_high), (q_low, q_high) = wilson_interval(p, items), wilson_interval(q, items)
    correlation = _correlation(a, b)
    below = _hypotenuse(p - p_low, q_high - q, correlation)
    above = _hypotenuse(q - q_low, p_high - p, correlation)
    return difference - below, difference + above


def _hypotenuse(x: float, y: float, correlation: float) -> float:
    return sqrt(max(0.0, x * x - 2 * correlation * x * y + y * y))


def _correlation(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """φ of the table of being right together, with Newcombe's correction for continuity; 0 where a margin is empty."""
    runs, items = a.shape
    both, only_a = float((a & b).sum()) / runs, float((a & ~b).sum()) / runs
    only_b, neither = float((~a & b).sum()) / runs, float((~a & ~b).sum()) / runs
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if margins <= 0:
        return 0.0
    product = both * neither - only_a * only_b
    corrected: float = max(product - items / 2, 0.0) if product > 0 else product
    return corrected / sqrt(margins)
