r"""How probably a Gaussian input leaves what a fitted operator is certified for.

Each pre-activation, and each value of the input, is Gaussian: its own probability of lying outside an interval
$[l, u]$ is exactly $\Phi((l-\mu)/s) + \Phi((\mu-u)/s)$. That *some* value does so has at least the largest of these
probabilities, and at most their sum (union bound).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.predictions.gaussian_moments import PreactivationMoments
from carleman_ssm.predictions.gaussian_process import GaussianProcess


@dataclass(frozen=True, eq=False, repr=False)
class LeavingProbability(Brief):
    """Probabilities that single values lie outside, and what follows for a whole sequence.

    Parameters
    ----------
    preactivations
        Of every pre-activation and its channel's interval, (L, H).
    inputs
        Of every input value and the input bound of the certificate, (L, d).
    """

    preactivations: Floats
    inputs: Floats

    @property
    def at_least(self) -> float:
        """Lower bound of the probability that a sequence leaves: the largest of all values' probabilities."""
        return float(max(self.preactivations.max(), self.inputs.max()))

    @property
    def at_most(self) -> float:
        """Upper bound of the same probability: the sum of all, or 1."""
        return float(min(1.0, self.preactivations.sum() + self.inputs.sum()))

    @property
    def worst(self) -> tuple[int, int]:
        """Step and channel of the pre-activation that leaves its interval most probably."""
        step, channel = np.unravel_index(int(self.preactivations.argmax()), self.preactivations.shape)
        return int(step), int(channel)


def leaving_probability(
    moments: PreactivationMoments,
    lower: Floats,
    upper: Floats,
    process: GaussianProcess,
    input_bound: float = np.inf,
) -> LeavingProbability:
    r"""Probabilities of leaving the intervals [lower, upper] (H,) of the channels, and $|x| \le B$.

    Exact for real arithmetic; a value without variance is inside or outside.
    """
    variance = np.diagonal(process.autocovariance[0])
    deviation = np.broadcast_to(np.sqrt(np.maximum(variance, 0.0)), process.mean.shape)
    bound = np.full(process.features, input_bound)
    return LeavingProbability(
        outside(moments.mean, moments.deviation, lower, upper), outside(process.mean, deviation, -bound, bound)
    )


def outside(mean: Floats, deviation: Floats, lower: Floats, upper: Floats) -> Floats:
    r"""$P(y < l) + P(y > u)$ of $y \sim N(\mu, s^2)$, entrywise.

    Examples
    --------
    >>> outside(mean=np.zeros(1), deviation=np.ones(1), lower=np.array([-np.inf]), upper=np.zeros(1))
    array([0.5])
    >>> outside(mean=np.full(1, 2.0), deviation=np.zeros(1), lower=np.zeros(1), upper=np.ones(1))
    array([1.])
    """
    spread = np.where(deviation > 0.0, deviation, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):  # to ±∞ where there is no variance
        tails: Floats = special.ndtr((lower - mean) / spread) + special.ndtr((mean - upper) / spread)
    moving = deviation > 0.0
    return np.where(moving, tails, ((mean < lower) | (mean > upper)).astype(np.float64))
