r"""Gaussian inputs: a mean sequence, and noise about it whose covariance depends on the time difference alone.

$x_k = m_k + \xi_k$ with $\mathbb E\,\xi_{k+\tau}\xi_k^\top = R_\tau$ ($d \times d$, $R_{-\tau} = R_\tau^\top$). The
mean may be anything: zero, a family's sequence, or a sequence that was measured and is now disturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import real_array, require_range
from carleman_ssm.predictions.covariance_roots import CovarianceRoot, block_toeplitz, covariance_root
from carleman_ssm.theory.polynomials import require_integer, require_kind


@dataclass(frozen=True, eq=False, repr=False)
class GaussianProcess(Brief):
    r"""A Gaussian process of L steps and d channels.

    Parameters
    ----------
    mean
        $m$ (L, d).
    autocovariance
        $R_\tau$ for $\tau = 0 \dots L-1$, (L, d, d); or (L,), one function for all channels, independent of each other.

    Raises
    ------
    ValueError
        Wrong shapes, NaN or infinity, or no covariance: the block Toeplitz matrix of the $R_{k-l}$ has a negative
        eigenvalue (given in the message). A matrix of more than 2048 rows is judged by its circulant embedding alone.

    Examples
    --------
    >>> process = GaussianProcess.autoregressive(3, correlation=0.5, variance=4.0)
    >>> process.covariance()
    array([[4., 2., 1.],
           [2., 4., 2.],
           [1., 2., 4.]])

    Not every even sequence is an autocovariance:

    >>> GaussianProcess(np.zeros((3, 1)), np.array([1.0, 0.9, 0.0]))
    Traceback (most recent call last):
    ...
    ValueError: no Gaussian process has this autocovariance: its covariance matrix has the eigenvalue -0.272792...
    """

    mean: Floats
    autocovariance: Floats

    def __post_init__(self) -> None:
        mean = real_array("the mean (length, channels)", self.mean, (None, None))
        if 0 in mean.shape:
            msg = f"the mean must have at least one step and one channel, got the shape {mean.shape}"
            raise ValueError(msg)
        length, features = mean.shape
        given = real_array("the autocovariance", self.autocovariance)
        if given.shape == (length,):
            given = real_array("the autocovariance", given[:, None, None] * np.eye(features))
        if given.shape != (length, features, features):
            msg = (
                f"the autocovariance must have the shape ({length},) or ({length}, {features}, {features}) for a mean "
                f"{mean.shape}; got {given.shape}"
            )
            raise ValueError(msg)
        if not np.allclose(given[0], given[0].T, rtol=1e-12, atol=0.0):
            msg = "the covariance of one step (lag 0) must be symmetric"
            raise ValueError(msg)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "autocovariance", given)
        _ = self._root  # raises where this is no covariance

    @classmethod
    def of(
        cls,
        length: int,
        correlation: Callable[[Floats], Floats],
        *,
        variance: npt.ArrayLike = 1.0,
        mean: npt.ArrayLike = 0.0,
        features: int = 1,
    ) -> GaussianProcess:
        r"""$R_\tau = \rho(\tau)\,\Sigma$ for a function $\rho$ of the lags $0 \dots L-1$ (an array).

        Parameters
        ----------
        variance
            $\Sigma$: a number, one for each channel (d,), or the covariance of the channels (d, d).
        mean
            Whatever broadcasts to (L, d); a sequence (L, d) sets d.

        Raises
        ------
        ValueError
            The shapes do not fit, or this is no autocovariance.
        """
        steps = require_integer(length, "length", least=1)
        centre = real_array("mean", mean)
        channels = centre.shape[1] if centre.ndim == 2 else require_integer(features, "features", least=1)
        between = real_array("variance", variance)
        if between.ndim < 2:
            between = np.diag(_broadcast("variance", between, (channels,)))
        shape = real_array("the correlation of the lags 0 … L-1", correlation(np.arange(float(steps))), (steps,))
        between = real_array(f"variance, for {channels} channels", between, (channels, channels))
        with np.errstate(over="ignore"):
            blocks = require_range("the autocovariances", shape[:, None, None] * between)
        return cls(_broadcast("mean", centre, (steps, channels)), blocks)

    @classmethod
    def white(
        cls, length: int, *, variance: npt.ArrayLike = 1.0, mean: npt.ArrayLike = 0.0, features: int = 1
    ) -> GaussianProcess:
        r"""White noise: $R_\tau = \Sigma\,\delta_{\tau 0}$; arguments as in `of`."""
        return cls.of(
            length, lambda lags: np.where(lags == 0.0, 1.0, 0.0), variance=variance, mean=mean, features=features
        )

    @classmethod
    def autoregressive(
        cls,
        length: int,
        correlation: float,
        *,
        variance: npt.ArrayLike = 1.0,
        mean: npt.ArrayLike = 0.0,
        features: int = 1,
    ) -> GaussianProcess:
        r"""AR(1) in its stationary state: $R_\tau = \Sigma\,a^{\tau}$, $|a| \le 1$; arguments as in `of`.

        Raises
        ------
        ValueError
            $|a| > 1$ has no stationary state.
        """
        if not abs(correlation) <= 1.0:
            msg = f"an AR(1) process with correlation {correlation} has no stationary state: |correlation| <= 1"
            raise ValueError(msg)
        return cls.of(length, lambda lags: correlation**lags, variance=variance, mean=mean, features=features)

    @classmethod
    def squared_exponential(
        cls, length: int, scale: float, *, variance: npt.ArrayLike = 1.0, mean: npt.ArrayLike = 0.0, features: int = 1
    ) -> GaussianProcess:
        r"""Smooth noise: $R_\tau = \Sigma\,e^{-\tau^2/2s^2}$, s in steps; arguments as in `of`."""
        scale = _positive("scale", scale)
        return cls.of(
            length, lambda lags: np.exp(-0.5 * (lags / scale) ** 2), variance=variance, mean=mean, features=features
        )

    @classmethod
    def periodic(
        cls,
        length: int,
        period: float,
        *,
        scale: float = 1.0,
        variance: npt.ArrayLike = 1.0,
        mean: npt.ArrayLike = 0.0,
        features: int = 1,
    ) -> GaussianProcess:
        r"""Noise that repeats itself: $R_\tau = \Sigma\,e^{-2\sin^2(\pi\tau/p)/s^2}$, p in steps; otherwise as `of`.

        References
        ----------
        MacKay (1998), Introduction to Gaussian processes, §4 (the periodic covariance function).
        """
        period, scale = _positive("period", period), _positive("scale", scale)
        return cls.of(
            length,
            lambda lags: np.exp(-2.0 * (np.sin(np.pi * lags / period) / scale) ** 2),
            variance=variance,
            mean=mean,
            features=features,
        )

    @property
    def length(self) -> int:
        """L."""
        return int(self.mean.shape[0])

    @property
    def features(self) -> int:
        """The number of input channels d."""
        return int(self.mean.shape[1])

    def scaled(self, factor: float) -> GaussianProcess:
        """The same mean with the noise times a factor: the covariance times its square."""
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.square(real_array("factor", factor, ()))
            blocks = require_range("the autocovariances", size * self.autocovariance)
        return GaussianProcess(self.mean, blocks)

    def covariance(self) -> Floats:
        r"""The covariance matrix of the whole sequence over (step, channel), $(Ld, Ld)$: blocks $R_{k-l}$.

        Raises
        ------
        ValueError
            It has more than 2048 rows.
        """
        return block_toeplitz(self.autocovariance)

    def projected(self, weights: Floats) -> Floats:
        r"""Autocovariance $w_h^\top R_\tau w_h$ of the signals $w_h^\top x$, (H, L), for weights (H, d).

        It is even in $\tau$ although $R_\tau$ need not be symmetric.
        """
        result: Floats = np.einsum("hi,tij,hj->ht", weights, self.autocovariance, weights, optimize=True)
        return result

    def sample(self, count: int, generator: np.random.Generator) -> Floats:
        """Independent sequences (count, L, d).

        Raises
        ------
        TypeError
            The generator is none (an integer, say: ``np.random.default_rng(0)`` is one), or the count not whole.
        ValueError
            ``count < 1``.
        """
        require_kind(generator, np.random.Generator, "generator")
        return self.mean + self._root.noise(require_integer(count, "count", least=1), generator)

    @cached_property
    def _root(self) -> CovarianceRoot:
        return covariance_root(self.autocovariance)


def _broadcast(name: str, values: Floats, shape: tuple[int, ...]) -> Floats:
    try:
        return np.broadcast_to(values, shape)
    except ValueError as error:
        msg = f"{name}: the shape {values.shape} does not broadcast to {shape}"
        raise ValueError(msg) from error


def _positive(name: str, value: float) -> float:
    number = float(value)
    if not (np.isfinite(number) and number > 0.0):
        msg = f"the {name} of an autocovariance is a positive number, got {value}"
        raise ValueError(msg)
    return number
