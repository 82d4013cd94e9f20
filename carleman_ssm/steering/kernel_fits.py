r"""Kernels as sums of few damped modes: $K_m \approx 2\,\mathrm{Re}\sum_{n<M} c_n e^{a_nm}$.

Poles come from the shift invariance of the Hankel matrix $V_{ij} = K_{i+j}$: its leading left singular vectors U span
the columns $(\lambda^i)_i$, so $U_{2:} \approx U_{:-1}Z$ with the poles as eigenvalues of Z (ESPRIT; Roy and Kailath,
1989). Exact for sums of that many modes; otherwise a start for `design_layer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array, ComplexArray

LARGEST, SMALLEST = 0.9999, 1e-4
"""|λ| of a pole that starts a fit: stable, and with a logarithm."""

LOG_DECAYS = (-15.0, 5.0)
"""Range of log(−Re a) in a search: from e^{-3e-7} to e^{-148} per step, so that nothing leaves float64."""

NEGLIGIBLE = 1e-12
"""Singular values below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class Modes(Brief):
    r"""Rates $a$ and weights $c$ of H channels with M stored modes, (H, M) each, at the step Δ = 1."""

    rates: ComplexArray
    weights: ComplexArray

    @property
    def parameters(self) -> Array:
        r"""$(\log(-\mathrm{Re}\,a), \mathrm{Im}\,a, \mathrm{Re}\,c, \mathrm{Im}\,c)$ of every channel, (H, 4, M)."""
        return np.stack([np.log(-self.rates.real), self.rates.imag, self.weights.real, self.weights.imag], axis=1)

    def moved(self, values: Array) -> Modes:
        """The modes with these `parameters`, given in any shape."""
        decay, turn, real, imaginary = values.reshape(len(self.rates), 4, -1).swapaxes(0, 1)
        return Modes(-np.exp(decay) + 1j * turn, real + 1j * imaginary)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper limits of the `parameters` in a search."""
        upper = np.full_like(self.parameters, np.inf)
        lower = -upper
        lower[:, 0], upper[:, 0] = LOG_DECAYS
        return lower, upper

    def kernels(self, length: int) -> Array:
        r"""$K_{h,m}$ (H, length)."""
        result: Array = 2 * np.einsum("hn,hmn->hm", self.weights, self._powers(length)).real
        return result

    def derivatives(self, length: int) -> Array:
        r"""$\partial K_{h,m}$ by `parameters` of channel h, (H, length, 4M)."""
        powers = self._powers(length)
        lagged = np.arange(length)[:, None] * powers * self.weights[:, None]
        decay = 2 * (lagged * self.rates.real[:, None]).real
        parts = np.stack([decay, -2 * lagged.imag, 2 * powers.real, -2 * powers.imag], axis=2)
        return parts.reshape(*powers.shape[:2], -1)

    def _powers(self, length: int) -> ComplexArray:
        result: ComplexArray = np.exp(self.rates[:, None] * np.arange(length)[:, None])
        return result


def fitted_modes(kernels: Array, modes: int) -> Modes:
    """Every kernel (H, L) by `modes` stored modes: poles by ESPRIT or equally spaced, weights by least squares.

    Parameters
    ----------
    kernels
        (H, L), finite.
    modes
        M, at least 1.

    Returns
    -------
    Modes
        With all rates in the left half plane; modes that a kernel does not need get the weight 0.
    """
    fits = [_fitted(kernel, modes) for kernel in kernels]
    return Modes(np.array([rates for rates, _ in fits]), np.array([weights for _, weights in fits]))


def _fitted(kernel: Array, modes: int) -> tuple[ComplexArray, ComplexArray]:
    """The better of two choices of poles."""
    starts = [_rates_by_shift(kernel, modes), _equally_spaced(len(kernel), modes)]
    fits = [(rates, _weights(kernel, rates)) for rates in starts]
    return min(
        fits, key=lambda fit: float(np.linalg.norm(Modes(fit[0][None], fit[1][None]).kernels(len(kernel)) - kernel))
    )


def _rates_by_shift(kernel: Array, modes: int) -> ComplexArray:
    """The M strongest poles of the Hankel matrix; spare ones stand by at frequencies of their own."""
    rates = np.log(_stable(_poles(kernel, 2 * modes)))
    kept = np.argsort(-np.abs(_weights(kernel, rates)) / np.sqrt(-rates.real), kind="stable")[:modes]
    spare = np.arange(modes - len(kept))
    return np.concatenate([rates[kept], -0.1 - 0.05 * spare + 0.3j * (1 + spare)])


def _equally_spaced(length: int, modes: int) -> ComplexArray:
    r"""$a_n = (-\tfrac12 + i\pi(2n + 1))/R$ with R the lags or 2M, the fewer: S4D-Lin at one node per step.

    These realise every kernel of at most 2M lags (THEORY T3, taps), and delays better than poles by shift do.
    """
    revolution = min(length, 2 * modes) if length > 1 else 2
    angles = np.pi * (2 * np.arange(modes) + 1) / (2 * modes)
    return np.asarray(-0.5 / revolution + 1j * angles, dtype=np.complex128)


def _poles(kernel: Array, order: int) -> ComplexArray:
    """Poles by shift invariance, one of each conjugate pair."""
    rows = (len(kernel) + 1) // 2 + 1
    if rows >= len(kernel):
        return np.array([0.5 + 0j])  # one or two lags: any pole will do
    vectors, strength, _ = linalg.svd(linalg.hankel(kernel[:rows], kernel[rows - 1 :]), full_matrices=False)
    rank = max(1, min(order, rows - 1, int((strength > NEGLIGIBLE * strength[0]).sum())))
    shift = linalg.lstsq(vectors[:-1, :rank], vectors[1:, :rank])[0]
    poles = np.asarray(linalg.eigvals(shift), dtype=np.complex128)
    return poles[poles.imag >= 0]


def _stable(poles: ComplexArray) -> ComplexArray:
    """The nearest poles on their rays that are neither unstable nor 0."""
    size = np.abs(poles)
    direction = np.divide(poles, size, out=np.ones_like(poles), where=size > 0)
    result: ComplexArray = direction * np.clip(size, SMALLEST, LARGEST)
    return result


def _weights(kernel: Array, rates: ComplexArray) -> ComplexArray:
    powers = np.exp(rates * np.arange(len(kernel))[:, None])
    columns = 2 * np.concatenate([powers.real, -powers.imag], axis=1)
    found = linalg.lstsq(columns, kernel)[0]
    result: ComplexArray = found[: len(rates)] + 1j * found[len(rates) :]
    return result
