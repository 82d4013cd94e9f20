r"""Readouts of a ring: what they see of it (features), and ridge regression on that.

A *linear* readout sees node contents, averaged over time or at the last step. A *quadratic* one sees the powers
$|x_n|^2 = |\sum_j h_j e^{2\pi i f_n j/N}|^2$ of the waves with $f_n$ wavelengths around the ring, quadratic forms of
the node contents, taken before the average over time as a decoder does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.rings import RealOrComplex, Rings
from carleman_ssm.theory.ring_modes import REAL

PENALTIES = tuple(10.0**exponent for exponent in range(-30, 5))
"""Penalties to choose from, in units of the largest squared singular value of the features.

At the ends a further step would change nothing: the smallest leaves every singular value alone that float64 can tell
from zero (penalties compare with their squares), and the largest shrinks all of them alike.
"""
_BATCH = 300
"""Sequences at a time: few large products, but runs of modes stay below some tens of megabytes."""
_SMALL_PRODUCT = 2**18
"""Multiplications for which BLAS starts no threads: on busy cores those cost more than they bring."""


class Readout(StrEnum):
    """What a readout sees: node contents or wave powers, at the last step or averaged over time."""

    LINEAR_LAST = "linear, last step"
    LINEAR_MEAN = "linear, time mean"
    QUADRATIC_LAST = "quadratic, last step"
    QUADRATIC_MEAN = "quadratic, time mean"


@dataclass(frozen=True, eq=False, repr=False)
class RingResponses(Brief):
    r"""Responses of one ring to signals and to noise, from which those to signal + σ · noise follow for every σ.

    The ring is linear, so node contents add up; powers add up with a cross term.

    Parameters
    ----------
    rings
        One channel.
    signals, noise
        (batch, length) each, the inputs.

    Raises
    ------
    ValueError
        Several channels, or inputs of different shapes.
    """

    rings: Rings
    signals: Array
    noise: Array

    def __post_init__(self) -> None:
        if self.rings.channels != 1:
            msg = f"give the ring of one channel, got {self.rings.channels}"
            raise ValueError(msg)
        if np.shape(self.signals) != np.shape(self.noise) or np.ndim(self.signals) != 2:
            msg = f"signals and noise are (batch, length), got {np.shape(self.signals)} and {np.shape(self.noise)}"
            raise ValueError(msg)

    def features(self, readout: Readout, sigma: float) -> Array:
        """What the readout sees of the ring for inputs signals + sigma · noise, (batch, features)."""
        if readout is Readout.QUADRATIC_MEAN:
            signal, cross, noise = self._mean_powers
            return np.asarray(signal + 2 * sigma * cross + sigma**2 * noise)
        last, mean = self._contents
        chosen = mean if readout is Readout.LINEAR_MEAN else last
        contents = chosen[0] + sigma * chosen[1]
        if readout is Readout.QUADRATIC_LAST:
            return np.asarray(np.abs(self._modes(contents)) ** 2)
        return _real_columns(contents, not self.rings.multipliers.imag.any())

    @cached_property
    def _contents(self) -> tuple[RealOrComplex, RealOrComplex]:
        r"""Node contents at the last step and their time means, (signal or noise, batch, N) each.

        With the response $g_m$ to an impulse: $\sum_m g_m u_{L-m}$, and $\frac1L \sum_i u_i \sum_{m \le L-i} g_m$.
        """
        response = self._impulse_response
        seen = np.concatenate([response, response.cumsum(axis=0) / len(response)], axis=1)
        backwards = np.concatenate([self.signals, self.noise])[:, ::-1]
        found: npt.NDArray[Any] = (backwards @ seen.view(np.float64)).view(response.dtype)
        parts = found.reshape(2, len(self.signals), 2, -1)
        return parts[:, :, 0], parts[:, :, 1]

    @cached_property
    def _impulse_response(self) -> RealOrComplex:
        """Node contents (length, N) after an impulse at the first step."""
        length = self.signals.shape[1]
        return self.rings.node_contents(np.eye(1, length)[:, :, None])[0, :, 0]

    @cached_property
    def _mean_powers(self) -> tuple[Array, Array, Array]:
        """Time means of the powers of the signal, of its cross term with the noise, of the noise: (batch, features)."""
        response = self._modes(self._impulse_response)
        steps = np.arange(len(response))
        lags = steps - steps[:, None]
        moved = np.where(lags[:, :, None] >= 0, response[lags], 0.0)  # (input, step, modes)
        matrix = moved.reshape(len(response), -1).view(np.float64)
        parts = []
        for at in range(0, len(self.signals), _BATCH):
            x, z = (
                (part[at : at + _BATCH] @ matrix).reshape(-1, *response.shape, 2) for part in (self.signals, self.noise)
            )
            products = ((x, x), (x, z), (z, z))  # of real and imaginary parts: Re(x z*)
            parts.append([np.einsum("bkmc,bkmc->bm", a, b) / len(response) for a, b in products])
        signal, cross, noise = (np.concatenate(part) for part in zip(*parts, strict=True))
        return signal, cross, noise

    def _modes(self, contents: RealOrComplex) -> ComplexArray:
        """Mode amplitudes up to conjugation; of real nodes one of each conjugate pair."""
        if self.rings.closure == REAL:
            return np.asarray(fft.rfft(contents))
        kept = self.rings.frequencies >= 0
        return np.asarray(contents @ self.rings.waves[:, kept])


def _real_columns(contents: RealOrComplex, real_spectrum: bool) -> Array:
    """Real numbers that say all about the contents; of a real spectrum node -j is the conjugate of node j."""
    if not np.iscomplexobj(contents):
        return np.asarray(contents)
    if not real_spectrum:
        return np.concatenate([contents.real, contents.imag], axis=-1)
    nodes = contents.shape[-1]
    return np.concatenate([contents.real[..., : nodes // 2 + 1], contents.imag[..., 1 : (nodes + 1) // 2]], axis=-1)


@dataclass(frozen=True, eq=False, repr=False)
class RidgeReadout(Brief):
    r"""Scores $(\varphi - \mu) V + \bar y$ of features $\varphi$, one per class; the largest names the class."""

    centre: Array
    weights: Array
    offset: Array
    penalty: float

    @property
    def at_edge(self) -> bool:
        """Whether the penalty is the smallest or the largest of `PENALTIES`: a smaller or larger one was not tried."""
        return self.penalty in (PENALTIES[0], PENALTIES[-1])

    def __call__(self, features: Array) -> Array:
        """Scores (batch, classes) of features (batch, number)."""
        return np.asarray((features - self.centre) @ self.weights + self.offset)

    def accuracy(self, features: Array, labels: npt.NDArray[np.int64]) -> float:
        """Share of features whose largest score is that of their label."""
        return float(np.mean(self(features).argmax(axis=1) == labels))

    def explained(self, features: Array, labels: npt.NDArray[np.int64]) -> float:
        """Share R² of the variance of the one-hot labels that the scores explain; below 0 if they only add error."""
        target = np.eye(len(self.offset))[labels]
        left = ((target - self(features)) ** 2).sum()
        return float(1 - left / ((target - target.mean(axis=0)) ** 2).sum())


def fit_ridge(features: Array, labels: npt.NDArray[np.int64], classes: int) -> RidgeReadout:
    r"""Least squares on one-hot labels with a penalty $\alpha\,|V|^2$, chosen on these features alone.

    $\alpha$ is the one of `PENALTIES` (times the largest squared singular value of the centred features) with the
    smallest squared error when each sequence is left out in turn, which the leverages give in closed form. The fit goes
    through the singular values themselves: normal equations square them, and lose all below $10^{-8}$ of the largest.

    Parameters
    ----------
    features
        (batch, number).
    labels
        (batch,) integers from 0.
    classes
        Number of classes.

    Raises
    ------
    ValueError
        Fewer than two sequences, shapes that differ, or features without any variation.

    References
    ----------
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd ed., §3.4.1 and §7.10.
    """
    values, given = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if values.ndim != 2 or len(values) < 2 or given.shape != values.shape[:1]:
        msg = f"features (batch, number) and labels (batch,) of at least two, got {values.shape} and {given.shape}"
        raise ValueError(msg)
    centre, target = values.mean(axis=0), np.eye(classes)[given]
    offset = target.mean(axis=0)
    if (values == values[0]).all():
        msg = "the features are the same for all sequences: nothing can be read from them"
        raise ValueError(msg)
    left, singular, right = _singular_vectors(values - centre)
    moments = left.T @ (target - offset)
    squares = (singular / singular[0]) ** 2
    lost = np.array(PENALTIES)[:, None] / (squares + np.array(PENALTIES)[:, None])  # (penalties, rank)
    beyond, spared = target - offset - left @ moments, np.maximum(1 - 1 / len(values) - (left**2).sum(axis=1), 0.0)
    if len(singular) == len(values) - 1:  # the features span all that labels can be: the rest is rounding
        beyond, spared = np.zeros_like(beyond), np.zeros_like(spared)
    residual, kept = beyond + left @ (lost[:, :, None] * moments), spared + _product(left**2, lost.T).T
    errors = ((residual / kept[:, :, None]) ** 2).mean(axis=(1, 2))
    best = int(errors.argmin())
    weights = right.T @ (((1 - lost[best]) / singular)[:, None] * moments)
    return RidgeReadout(centre, weights, offset, PENALTIES[best])


def _singular_vectors(matrix: Array) -> tuple[Array, Array, Array]:
    """The singular value decomposition, without values that rounding cannot tell from zero."""
    q, triangle = _orthogonal(matrix)
    left, values, right = linalg.svd(triangle, full_matrices=False, lapack_driver="gesvd")
    rank = int((values > max(matrix.shape) * np.finfo(np.float64).eps * values[0]).sum())
    return _product(q, left[:, :rank]), values[:rank], right[:rank]


def _orthogonal(matrix: Array) -> tuple[Array, Array]:
    """QR of a tall matrix by halves, each small enough for BLAS to start no threads."""
    rows, columns = matrix.shape
    if rows <= 2 * columns:
        return np.linalg.qr(matrix)
    (upper, first), (lower, second) = _orthogonal(matrix[: rows // 2]), _orthogonal(matrix[rows // 2 :])
    q, triangle = np.linalg.qr(np.concatenate([first, second]))
    return np.concatenate([_product(upper, q[: len(first)]), _product(lower, q[len(first) :])]), triangle


def _product(left: Array, right: Array) -> Array:
    """The product of two matrices in blocks of rows, see `_SMALL_PRODUCT`."""
    blocks = 1 + left.size * right.shape[1] // _SMALL_PRODUCT
    return np.concatenate([rows @ right for rows in np.array_split(left, blocks)])
