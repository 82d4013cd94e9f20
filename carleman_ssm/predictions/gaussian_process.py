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

Complexes = npt.NDArray[np.complex128]

TOLERANCE = 1e-10
"""Eigenvalues down to −TOLERANCE of the largest count as rounding of zero."""
DENSE = 2048
"""Largest L·d whose covariance matrix is decomposed."""


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
        eigenvalue (given in the message). A matrix of more than 2048 rows is judged by its circulant embedding.

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
        mean = np.array(self.mean, dtype=np.float64)
        if mean.ndim != 2 or 0 in mean.shape or not np.isfinite(mean).all():
            msg = f"the mean must be finite and of shape (length, channels), none of them 0; got {mean.shape}"
            raise ValueError(msg)
        length, features = mean.shape
        given = np.array(self.autocovariance, dtype=np.float64)
        if given.shape == (length,):
            given = given[:, None, None] * np.eye(features)
        if given.shape != (length, features, features) or not np.isfinite(given).all():
            msg = (
                f"the autocovariance must be finite and of shape ({length},) or ({length}, {features}, {features}) for "
                f"a mean {mean.shape}; got {given.shape}"
            )
            raise ValueError(msg)
        if not np.allclose(given[0], given[0].T, rtol=1e-12, atol=0.0):
            msg = "the covariance of one step (lag 0) must be symmetric"
            raise ValueError(msg)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "autocovariance", given)
        if self._spectral_factor is None:
            _ = self._dense_factor  # raises where this is no covariance

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
        if length < 1:
            msg = f"a process has at least one step, got length {length}"
            raise ValueError(msg)
        centre = np.asarray(mean, dtype=np.float64)
        channels = centre.shape[1] if centre.ndim == 2 else features
        between = np.asarray(variance, dtype=np.float64)
        if between.ndim < 2:
            between = np.diag(np.broadcast_to(between, (channels,)))
        lags = np.arange(length, dtype=np.float64)
        shape = np.asarray(correlation(lags), dtype=np.float64)
        return cls(np.broadcast_to(centre, (length, channels)), shape[:, None, None] * between)

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
        return GaussianProcess(self.mean, float(factor) ** 2 * self.autocovariance)

    def covariance(self) -> Floats:
        r"""The covariance matrix of the whole sequence over (step, channel), $(Ld, Ld)$: blocks $R_{k-l}$.

        Raises
        ------
        ValueError
            It has more than 2048 rows.
        """
        length, features = self.mean.shape
        if length * features > DENSE:
            msg = (
                f"the covariance matrix of {length} steps and {features} channels has {length * features} rows (at "
                f"most {DENSE} are written out): take fewer steps"
            )
            raise ValueError(msg)
        both = np.concatenate([self.autocovariance[:0:-1].swapaxes(1, 2), self.autocovariance])
        lags = np.arange(length)[:, None] - np.arange(length) + length - 1
        matrix: Floats = both[lags].transpose(0, 2, 1, 3).reshape(length * features, length * features)
        return matrix

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
        ValueError
            ``count < 1``.
        """
        if count < 1:
            msg = f"at least one sequence is drawn, got count {count}"
            raise ValueError(msg)
        if self._spectral_factor is None:
            noise = generator.standard_normal((count, self.mean.size)) @ self._dense_factor.T
            return self.mean + noise.reshape(count, *self.mean.shape)
        shape = (2, count, *self._spectral_factor.shape[:2])
        real, imaginary = generator.standard_normal(shape)
        waves = np.einsum("fij,nfj->nfi", self._spectral_factor, real + 1j * imaginary)
        sequences: Floats = np.fft.ifft(waves, axis=1, norm="ortho").real[:, : self.length]
        return self.mean + sequences

    @cached_property
    def _spectral_factor(self) -> Complexes | None:
        r"""Square roots (2L − 1, d, d) of the circulant embedding's spectrum, or None where that is no covariance.

        $\sum_\tau R_\tau e^{-2\pi if\tau/(2L-1)}$ over $|\tau| < L$: where all these are positive, so is every block
        Toeplitz matrix cut out of the circulant, and its samples are exact (Dietrich and Newsam 1997).
        """
        both = np.concatenate([self.autocovariance, self.autocovariance[:0:-1].swapaxes(1, 2)])
        values, vectors = np.linalg.eigh(np.fft.fft(both, axis=0))
        if values.min() < -TOLERANCE * max(values.max(), 0.0) or values.max() < 0.0:
            return None
        roots: Complexes = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.conj().swapaxes(1, 2)
        return roots

    @cached_property
    def _dense_factor(self) -> Floats:
        if self.mean.size > DENSE:
            msg = (
                f"the circulant embedding of this autocovariance is not positive, and {self.mean.size} > {DENSE} rows "
                "are not decomposed: give fewer steps"
            )
            raise ValueError(msg)
        values, vectors = np.linalg.eigh(self.covariance())
        if values[0] < -TOLERANCE * max(float(values[-1]), 0.0) or values[-1] < 0.0:
            msg = f"no Gaussian process has this autocovariance: its covariance matrix has the eigenvalue {values[0]:g}"
            raise ValueError(msg)
        factor: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
        return factor


def _positive(name: str, value: float) -> float:
    number = float(value)
    if not (np.isfinite(number) and number > 0.0):
        msg = f"the {name} of an autocovariance is a positive number, got {value}"
        raise ValueError(msg)
    return number
