r"""The pointwise decoders of all channels at once: exact polynomials, or fits with a certified error.

Phase products are in `cosine_decoders`, Taylor polynomials in `taylor_decoders`. All kinds evaluate $p_h(y)$ for
arrays (…, H), bound their own rounding, and give the Taylor coefficients $p_h^{(q)}(y_0)/q!$ that the Volterra
kernels need (THEORY T10, T12′, T13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Protocol

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import UNDERFLOW, Floats, gamma, outward
from carleman_ssm.theory.clenshaw import clenshaw
from carleman_ssm.theory.fits import ChebyshevFit
from carleman_ssm.theory.ladder import least_squares_ladder, truncation_ladder

# Samples that stand for the density of a channel's pre-activations in nested fits: its quantiles, ends included.
MAX_DENSITY = 4096


def quantiles(samples: Floats, count: int) -> Floats:
    """At most `count` evenly ranked samples of every column of (n, H), smallest and largest included."""
    ranked = np.sort(samples, axis=0)
    if len(ranked) <= count:
        return ranked
    return ranked[np.linspace(0, len(ranked) - 1, count).round().astype(np.int64)]


class ChannelDecoders(Protocol):
    """What an operator asks of its decoders; arrays end in the channel axis H."""

    @property
    def degree(self) -> int:
        """Largest degree of any channel."""

    @property
    def exact(self) -> bool:
        """True when the decoders *are* the network's activation, not a fit of it."""

    @property
    def fit_error(self) -> Floats:
        """Certified sup-distance to the activation on the channel's interval, (H,)."""

    @property
    def lower(self) -> Floats:
        """Lower ends (H,) of the intervals on which `fit_error` holds; −∞ where the decoder is exact."""

    @property
    def upper(self) -> Floats:
        """Upper ends (H,); ∞ where the decoder is exact."""

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends."""

    def __call__(self, preactivations: Floats) -> Floats:
        """$p_h(y)$ for y (…, H)."""

    def magnitude(self, bound: Floats) -> Floats:
        """Upper bound (H,) of the computed $|p_h(y)|$ for $|y| ≤$ bound (H,)."""

    def rounding(self, bound: Floats) -> Floats:
        """Bound (H,) of |computed − exact $p_h(y)$| for $|y| ≤$ bound (H,) inside the intervals."""

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$p_h^{(q)}(y_0)/q!$ for q = 0 … order, (order + 1, …, H)."""


class UnfittedDecoders(Brief):
    """What decoders have in common that *are* the network's activation: nothing was fitted, so no interval bounds them.

    Parameters
    ----------
    channels
        H.
    """

    channels: int

    @property
    def exact(self) -> bool:
        """Always true: nothing was fitted."""
        return True

    @property
    def fit_error(self) -> Floats:
        """Zero, (H,)."""
        return np.zeros(self.channels)

    @property
    def lower(self) -> Floats:
        """−∞: the activation is itself everywhere."""
        return np.full(self.channels, -np.inf)

    @property
    def upper(self) -> Floats:
        """∞."""
        return np.full(self.channels, np.inf)

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends, (H,) each."""
        return self.lower, self.upper


@dataclass(frozen=True, eq=False, repr=False)
class ExactDecoders(UnfittedDecoders):
    r"""One polynomial $\varphi(y) = \sum_q g_q y^q$ for all channels, its coefficients (P + 1,) taken as exact."""

    coefficients: Floats
    channels: int

    @property
    def degree(self) -> int:
        """P."""
        return len(self.coefficients) - 1

    def __call__(self, preactivations: Floats) -> Floats:
        """Horner's rule."""
        result = np.full_like(preactivations, self.coefficients[-1])
        for coefficient in self.coefficients[-2::-1].tolist():
            result *= preactivations
            result += coefficient
        return result

    def magnitude(self, bound: Floats) -> Floats:
        r"""$\sum_q |g_q| Y^q$, enlarged by the rounding of Horner's rule."""
        sizes = np.polynomial.polynomial.polyval(bound, np.abs(self.coefficients))
        return outward(np.asarray(sizes, dtype=np.float64))

    def rounding(self, bound: Floats) -> Floats:
        r"""Horner: $\gamma_{2P}\sum_q|g_q|Y^q$ (Higham §5.1), and an underflow in any product times its powers of Y."""
        powers = np.polynomial.polynomial.polyval(bound, np.ones(self.degree + 1))
        return outward(gamma(2 * self.degree + 1) * self.magnitude(bound) + UNDERFLOW * powers)

    def slope(self, bound: Floats) -> Floats:
        r"""Upper bound (H,) of $|\varphi'(y)|$ for $|y| \le Y$: $\sum_q q|g_q|Y^{q-1}$."""
        derivative = np.arange(1, self.degree + 1) * np.abs(self.coefficients[1:])
        sizes = np.polynomial.polynomial.polyval(bound, derivative) if self.degree else np.zeros_like(bound)
        return outward(np.asarray(sizes, dtype=np.float64))

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$\sum_p \binom{p}{q} g_p y_0^{p-q}$."""
        polynomial = np.polynomial.Polynomial(self.coefficients)
        parts = [polynomial.deriv(q)(centres) / factorial(q) if q else polynomial(centres) for q in range(order + 1)]
        return np.stack([np.broadcast_to(part, centres.shape) for part in parts])


class CentredIntervals:
    r"""Intervals $m \pm w$ of the channels, as fits on them hold `centre` and `half_width`, (H,) each."""

    centre: Floats
    half_width: Floats

    @property
    def lower(self) -> Floats:
        """$m - w$ rounded inward, (H,)."""
        return np.nextafter(self.centre - self.half_width, np.inf)

    @property
    def upper(self) -> Floats:
        """$m + w$ rounded inward, (H,)."""
        return np.nextafter(self.centre + self.half_width, -np.inf)

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Lower and upper ends, (H,) each."""
        return self.lower, self.upper


@dataclass(frozen=True, eq=False, repr=False)
class FittedDecoders(CentredIntervals, Brief):
    r"""Chebyshev series $p_h(y) = \sum_j c_{jh} T_j((y - m_h)/w_h)$, one interval $m_h \pm w_h$ per channel.

    Parameters
    ----------
    centre, half_width
        $m$ and $w$ (H,).
    coefficients
        $c$ (P + 1, H).
    fit_error
        Certified sup-error of each channel on its interval, (H,).
    rule
        The activation that is fitted.
    samples
        Observed pre-activations (n, H) for the nested fits of `ladder`, or None.
    by_density
        Whether the coefficients are least squares under the samples (otherwise they interpolate at Chebyshev points).
    """

    centre: Floats
    half_width: Floats
    coefficients: Floats
    fit_error: Floats
    rule: Callable[[Floats], Floats]
    samples: Floats | None
    by_density: bool = False

    @classmethod
    def from_fits(
        cls,
        fits: Sequence[ChebyshevFit],
        rule: Callable[[Floats], Floats],
        samples: Floats | None = None,
        *,
        by_density: bool = False,
    ) -> FittedDecoders:
        """Stack one fit of one degree per channel."""
        return cls(
            np.array([fit.centre for fit in fits]),
            np.array([fit.half_width for fit in fits]),
            np.stack([fit.coefficients for fit in fits], axis=1),
            np.array([fit.sup_error for fit in fits]),
            rule,
            samples,
            by_density,
        )

    @cached_property
    def ladder(self) -> Floats:
        """Fits of degree 0 … P of every channel, (P + 1, P + 1, H); the last rung is the decoder itself.

        Least squares under the observed density (its quantiles) where there are samples, else truncations of the
        Chebyshev series.
        """
        if self.samples is None:
            columns = [truncation_ladder(column) for column in self.coefficients.T]
        else:
            density = quantiles(self.samples, MAX_DENSITY)
            positions, values = self.position(density), self.rule(density)
            columns = [
                least_squares_ladder(position, value, self.degree)
                for position, value in zip(positions.T, values.T, strict=True)
            ]
        rungs = np.stack(columns, axis=-1)
        rungs[-1] = self.coefficients
        return rungs

    @property
    def degree(self) -> int:
        """P."""
        return len(self.coefficients) - 1

    @property
    def exact(self) -> bool:
        """Always false: the activation is approximated."""
        return False

    def position(self, preactivations: Floats) -> Floats:
        """$t = (y - m)/w$ in [−1, 1]; rounding past the ends is cut off."""
        scaled: Floats = (preactivations - self.centre) / self.half_width
        return np.clip(scaled, -1.0, 1.0, out=scaled)

    def __call__(self, preactivations: Floats) -> Floats:
        """Clenshaw's rule."""
        return clenshaw(self.coefficients, self.position(preactivations))

    def magnitude(self, bound: Floats) -> Floats:  # noqa: ARG002  (the intervals bound it already)
        r"""$\sum_j|c_j|$, since $|T_j| \le 1$, enlarged by the rounding."""
        return outward(np.abs(self.coefficients).sum(axis=0) + self._clenshaw_rounding())

    def rounding(self, bound: Floats) -> Floats:  # noqa: ARG002
        r"""Clenshaw's rounding, and $\sum_j j^2|c_j|$ times the rounding of t (Markov: $|T_j'| \le j^2$)."""
        slope = (np.arange(self.degree + 1)[:, None] ** 2 * np.abs(self.coefficients)).sum(axis=0)
        return outward(self._clenshaw_rounding() + gamma(3) * slope)

    def _clenshaw_rounding(self) -> Floats:
        r"""A local error $\epsilon_k$ in $b_k = 2tb_{k+1} - b_{k+2} + c_k$ acts as a change of $c_k$.

        As $|T_k| \le 1$, the whole error is at most $\sum_k|\epsilon_k|$, with
        $|\epsilon_k| \le \gamma_3(|c_k| + 2|b_{k+1}| + |b_{k+2}|)$ and $|b_k| \le \sum_{j\ge k}(j-k+1)|c_j|$
        ($|U_j| \le j+1$).
        """
        size = np.abs(self.coefficients)
        tail = np.cumsum(size[::-1], axis=0)[::-1]
        reach = np.cumsum(tail[::-1], axis=0)[::-1]  # Σ_{j≥k}(j−k+1)|c_j|
        padded = np.concatenate([reach, np.zeros((2, size.shape[1]))])
        local = size + 2.0 * padded[1:-1] + padded[2:]
        # The computed b_k themselves exceed their exact bound by a relative γ: one per cent covers degrees below 10⁶.
        return outward(gamma(4) * 1.01 * local.sum(axis=0))

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$p^{(q)}(y_0)/q!$ through the Chebyshev series of the derivatives."""
        position, parts, series = self.position(centres), [], self.coefficients
        for q in range(order + 1):
            parts.append(clenshaw(series, position) / (factorial(q) * self.half_width**q))
            series = np.asarray(np.polynomial.chebyshev.chebder(series), dtype=np.float64)
        return np.stack(parts)


def chebyshev_moments(position: Floats, degree: int, pool_axis: int) -> Floats:
    r"""Mean over one axis of $T_j(t)$, j = 0 … degree, stacked in front: all truncations at the price of one."""
    moments = np.empty((degree + 1, *np.delete(position.shape, pool_axis)))
    before, here = np.ones_like(position), position
    for j in range(degree + 1):
        moments[j] = before.mean(axis=pool_axis)
        before, here = here, 2.0 * position * here - before
    return moments
