r"""Square roots of block Toeplitz covariances, from which sequences are drawn.

A covariance of L steps and d channels has the blocks $R_{k-l}$. Its circulant embedding has the spectrum
$\sum_\tau R_\tau e^{-2\pi if\tau/(2L-1)}$ over $|\tau| < L$: where all these are positive, so is every block Toeplitz
matrix cut out of the circulant, and its samples are exact (Dietrich and Newsam 1997, SIAM J. Sci. Comput. 18, 1088).
Where they are not, the matrix itself is decomposed.

Most processes are $R_\tau = \rho_\tau\Sigma$. Then the matrix is a Kronecker product, positive with both of its factors
($\rho_0 = 1$): one spectrum for all channels, and one root of $\Sigma$.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import require_range
from carleman_ssm.networks.kernel import Complexes

TOLERANCE = 1e-10
"""Eigenvalues down to −TOLERANCE of the largest count as rounding of zero."""
DENSE = 2048
"""Most rows of a covariance matrix that is written out: 32 MB, a few seconds for its eigenvectors."""
LARGEST_SPECTRUM = 2**22
"""Most entries (2L − 1)·d² of a spectrum that differs between channels: some 400 MB with its eigenvectors."""


@dataclass(frozen=True, eq=False, repr=False)
class CovarianceRoot(Brief):
    r"""How noise with a covariance is made of independent normal numbers.

    Parameters
    ----------
    length, features
        L and d.
    root
        If `is_spectral`, roots of the circulant's spectrum: (2L − 1, d, d), or (2L − 1, 1, 1) for all channels. Else
        the root of the matrix itself: (Ld, Ld), or (L, L) for all channels.
    is_spectral
        Whether the circulant embedding is a covariance.
    between
        A root (d, d) of $\Sigma$ where one function of the lag serves all channels, else None.
    """

    length: int
    features: int
    root: Complexes
    is_spectral: bool
    between: Floats | None

    def noise(self, count: int, generator: np.random.Generator) -> Floats:
        """Independent draws (count, L, d) of mean zero."""
        drawn = (self._waves if self.is_spectral else self._dense)(count, generator)
        return drawn if self.between is None else drawn @ self.between

    def _waves(self, count: int, generator: np.random.Generator) -> Floats:
        real, imaginary = generator.standard_normal((2, count, len(self.root), self.features))
        waves = real + 1j * imaginary
        waves = self.root[..., 0] * waves if self.between is not None else np.einsum("fij,nfj->nfi", self.root, waves)
        sequences: Floats = np.fft.ifft(waves, axis=1, norm="ortho").real[:, : self.length]
        return sequences

    def _dense(self, count: int, generator: np.random.Generator) -> Floats:
        numbers = generator.standard_normal((count, len(self.root), self.length * self.features // len(self.root)))
        drawn: Floats = (self.root.real @ numbers).reshape(count, self.length, self.features)
        return drawn


def covariance_root(autocovariance: Floats) -> CovarianceRoot:
    r"""The root of the covariance with the blocks $R_\tau$ (L, d, d), $\tau \ge 0$.

    Raises
    ------
    ValueError
        A negative eigenvalue (given in the message), or too many entries to tell.
    """
    length, features = autocovariance.shape[:2]
    parts = separated(autocovariance)
    if parts is None:
        entries = (2 * length - 1) * features**2
        if entries > LARGEST_SPECTRUM:
            msg = (
                f"the spectrum of {length} steps and {features} channels has {entries} entries (at most "
                f"{LARGEST_SPECTRUM} are decomposed): give fewer steps or channels, or one function of the lag for all "
                "channels, which has one spectrum"
            )
            raise ValueError(msg)
        return CovarianceRoot(length, features, *_root(autocovariance), None)
    values, vectors = np.linalg.eigh(parts[1])
    _refuse_negative(values)
    between = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return CovarianceRoot(length, features, *_root(parts[0][:, None, None], float(values[-1])), between)


def separated(autocovariance: Floats) -> tuple[Floats, Floats] | None:
    r"""$\rho$ (L,) and $\Sigma = R_0$ with $R_\tau = \rho_\tau\Sigma$ up to rounding, or None.

    Examples
    --------
    >>> shape, between = separated(np.array([4.0, 2.0, 1.0])[:, None, None] * np.eye(2))
    >>> shape
    array([1.  , 0.5 , 0.25])
    """
    between = autocovariance[0]
    largest = np.unravel_index(int(np.abs(between).argmax()), between.shape)
    if between[largest] == 0.0:
        return None if autocovariance.any() else ((np.arange(len(autocovariance)) == 0).astype(np.float64), between)
    shape = autocovariance[:, largest[0], largest[1]] / between[largest]
    product = shape[:, None, None] * between
    rounding = 4.0 * np.finfo(np.float64).eps * np.abs(product) + np.finfo(np.float64).tiny
    return (shape, between) if (np.abs(product - autocovariance) <= rounding).all() else None


def block_toeplitz(autocovariance: Floats) -> Floats:
    r"""The matrix over (step, channel), $(Ld, Ld)$, with the blocks $R_{k-l}$ and $R_{-\tau} = R_\tau^\top$.

    Raises
    ------
    ValueError
        It has more than 2048 rows.
    """
    length, features = autocovariance.shape[:2]
    if length * features > DENSE:
        msg = (
            f"the covariance matrix of {length} steps and {features} channels has {length * features} rows (at most "
            f"{DENSE} are written out): take fewer steps"
        )
        raise ValueError(msg)
    both = np.concatenate([autocovariance[:0:-1].swapaxes(1, 2), autocovariance])
    lags = np.arange(length)[:, None] - np.arange(length) + length - 1
    matrix: Floats = both[lags].transpose(0, 2, 1, 3).reshape(length * features, length * features)
    return matrix


def _root(autocovariance: Floats, factor: float = 1.0) -> tuple[Complexes, bool]:
    """The root, and whether it is that of the circulant; the eigenvalue of a refusal is times the factor."""
    both = np.concatenate([autocovariance, autocovariance[:0:-1].swapaxes(1, 2)])
    with np.errstate(over="ignore", invalid="ignore"):
        spectrum = require_range("the sums of the autocovariances", np.fft.fft(both, axis=0))
    values, vectors = np.linalg.eigh(spectrum)
    if values.max() >= 0.0 and values.min() >= -TOLERANCE * values.max():
        roots: Complexes = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.conj().swapaxes(1, 2)
        return roots, True
    if len(autocovariance) * autocovariance.shape[1] > DENSE:
        msg = (
            "the circulant embedding of this autocovariance is not positive, and a matrix of more than "
            f"{DENSE} rows is not decomposed: give fewer steps"
        )
        raise ValueError(msg)
    values, vectors = np.linalg.eigh(block_toeplitz(autocovariance))
    _refuse_negative(values * factor)
    dense: Complexes = vectors * np.sqrt(np.maximum(values, 0.0)) + 0j
    return dense, False


def _refuse_negative(eigenvalues: Floats) -> None:
    """Refuse a matrix with these eigenvalues, in ascending order."""
    if eigenvalues[-1] < 0.0 or eigenvalues[0] < -TOLERANCE * eigenvalues[-1]:
        msg = (
            f"no Gaussian process has this autocovariance: its covariance matrix has the eigenvalue {eigenvalues[0]:g}"
        )
        raise ValueError(msg)
