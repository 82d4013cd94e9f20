r"""The selective recurrence as a polynomial in its inputs: named approximations of two functions of the gate.

At the rates $a_n = -(n+1)$ with which Mamba starts, $x_{k,n} = s_k^{n+1} x_{k-1,n} + \Delta_k b_{k,n}$ with
$s = \sigma(-v)$ and $\Delta = \mathrm{softplus}(v)$. Neither function is a polynomial. Two Chebyshev fits of one degree
Q on a stated range of gates, each with a certified sup-error, make it one: of degree $\sim LQ(n+1)$ in the inputs
after L steps (`recurrences.sigmoid_powers.selective_degree`). What that costs the states is bounded for all inputs in
the range, and enclosed for given ones; both speak of exact numbers, without the rounding of a run in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from flint import arb

from carleman_ssm.families.scans import VaryingDiagonalScan
from carleman_ssm.families.selective_states import (
    ball_powers,
    drive_bound,
    exact_selective_scan,
    powers_scan,
    state_balls,
)
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Enclosed, enclose, working_precision
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.certification import float_above
from carleman_ssm.theory.fits import ChebyshevFit, certify, fit_chebyshev
from carleman_ssm.theory.polynomials import require_integer


@dataclass(frozen=True, eq=False, repr=False)
class SelectivePolynomials(Brief):
    r"""$\hat s(v) \approx \sigma(-v)$ and $\hat\Delta(v) \approx \mathrm{softplus}(v)$ on one range of gates.

    Parameters
    ----------
    sigmoid
        Fit of $\sigma$ on $[-v_+, -v_-]$; it is evaluated at $-v$.
    softplus
        Fit of softplus on $[v_-, v_+]$.

    Raises
    ------
    ValueError
        The two ranges are not mirror images, or a fit does not approximate its function within the error that it
        states: a fit does not carry the name of its function, so this is certified again here.
    ArithmeticError
        As in `theory.fits.certify`.

    References
    ----------
    THEORY T19, T13.

    Examples
    --------
    >>> gates = selective_polynomials(-2.0, 2.0, degree=4)
    >>> f"{gates.sigmoid.sup_error:.0e}, {gates.softplus.sup_error:.0e}"
    '3e-03, 8e-04'
    """

    sigmoid: ChebyshevFit
    softplus: ChebyshevFit

    def __post_init__(self) -> None:
        mirrored = (-self.sigmoid.upper, -self.sigmoid.lower)
        if mirrored != self.range:
            msg = f"the sigmoid is fitted on the mirrored range: expected {self.range}, got {mirrored}"
            raise ValueError(msg)
        if not (np.isfinite(self.sigmoid.sup_error) and np.isfinite(self.softplus.sup_error)):
            msg = "both fits need a certified sup-error: make them with `selective_polynomials`"
            raise ValueError(msg)
        for name in ("sigmoid", "softplus"):
            fit: ChebyshevFit = getattr(self, name)
            found = certify(activation(name), fit)
            if found > fit.sup_error:
                msg = (
                    f"no fit of the {name}: it states the error {fit.sup_error:.3g}, certified is {found:.3g}; "
                    "make both with `selective_polynomials`"
                )
                raise ValueError(msg)

    @property
    def range(self) -> tuple[float, float]:
        """The gates $[v_-, v_+]$ for which the certificates hold."""
        return (self.softplus.lower, self.softplus.upper)

    def sigmoids(self, gates: npt.ArrayLike) -> Array:
        r"""$\hat s(v)$, elementwise.

        Raises
        ------
        ValueError
            A gate leaves the range.
        """
        values: Array = self.sigmoid(-self._inside(gates))
        return values

    def increments(self, gates: npt.ArrayLike) -> Array:
        r"""$\hat\Delta(v)$, elementwise.

        Raises
        ------
        ValueError
            A gate leaves the range.
        """
        values: Array = self.softplus(self._inside(gates))
        return values

    def _inside(self, gates: npt.ArrayLike, shape: tuple[int | None, ...] | None = None) -> Array:
        """The fits are certified slightly beyond their range, by rounding outward; the range is what is promised."""
        values = real_array("gates", gates, shape)
        if not self.softplus.contains(values).all():
            msg = f"gates leave the range [{self.range[0]}, {self.range[1]}] of the fits: fit a wider one"
            raise ValueError(msg)
        return values

    def scan(self, gates: npt.ArrayLike, drives: npt.ArrayLike) -> VaryingDiagonalScan:
        r"""The polynomial recurrence $\hat x_{k,n} = \hat s_k^{n+1} \hat x_{k-1,n} + \hat\Delta_k b_{k,n}$.

        Parameters
        ----------
        gates
            v, shape (batch, L, …).
        drives
            b, shape (batch, L, …, N).

        Raises
        ------
        TypeError, ValueError
            Shapes that do not fit, or a gate outside of the range.
        """
        return powers_scan(self.sigmoids(gates), self.increments(gates), drives)

    def measured_error(self, gates: npt.ArrayLike, drives: npt.ArrayLike) -> Array:
        r"""$|\hat x - x|$ of two runs in float64, the shape of the drives: measured, rounding included.

        Raises
        ------
        TypeError, ValueError
            As in `scan`.
        """
        error: Array = np.abs(self.scan(gates, drives).states() - exact_selective_scan(gates, drives).states())
        return error

    def enclosed_error(self, gates: npt.ArrayLike, drives: npt.ArrayLike) -> Enclosed:
        r"""$\hat x - x$ for one sequence of exact inputs, enclosed: both recurrences run in ball arithmetic.

        Parameters
        ----------
        gates
            v, shape (L,).
        drives
            b, shape (L, N).

        Returns
        -------
        Enclosed
            Shape (L, N): values with a proved bound of what they miss.

        Raises
        ------
        TypeError, ValueError
            Shapes that do not fit, or a gate outside of the range.
        """
        v = self._inside(gates, (None,))
        b = real_array("drives", drives, (v.size, None))
        found: list[arb] = []
        with working_precision():
            exact, fitted = [arb(0)] * b.shape[1], [arb(0)] * b.shape[1]
            for gate, row in zip(v.tolist(), b.tolist(), strict=True):
                grown = arb(gate).exp()
                exact = _step(exact, 1 / (1 + grown), grown.log1p(), row)
                fitted = _step(fitted, _value(self.sigmoid, -gate), _value(self.softplus, gate), row)
                found += [after - before for after, before in zip(fitted, exact, strict=True)]
            return enclose(found, b.shape)

    def error_bound(self, states: int, steps: int, drive: float) -> Array:
        r"""Bound of $|\hat x_{k,n} - x_{k,n}|$ for **all** gates in the range and all $|b| \le$ `drive`.

        With $S = \sup s$, $\hat S = S + \varepsilon_s$, $T = \sup\Delta$, $p = n + 1$ and $H_k \ge |x_k|$,

        $$\delta_k = \hat S^p \delta_{k-1} + (\hat S^p - S^p) H_{k-1} + \varepsilon_\Delta |b|, \qquad
          H_k = \min\Bigl(S^p H_{k-1} + T |b|, \frac{T |b|}{1 - e^{-pT}}\Bigr),$$

        because $|\hat s^p - s^p| \le \varepsilon_s \sum_{i<p} (s + \varepsilon_s)^i s^{p-1-i}$, which is
        $(s + \varepsilon_s)^p - s^p$ and grows with s; the second bound of the state is `state_bound`. Where
        $\hat S > 1$ the bound grows geometrically with k; the fit may do so too.

        Parameters
        ----------
        states, steps
            N and L.
        drive
            Bound of $|b|$, not negative.

        Returns
        -------
        Array
            (L, N), rounded upward; infinite where the bound leaves float64.

        Raises
        ------
        TypeError, ValueError
            Sizes that are no positive integers, or a bound that is negative or not finite.
        """
        count, bound = require_integer(states, "the number of states", least=1), drive_bound(drive)
        last = require_integer(steps, "the number of steps", least=1)
        rows = np.empty((last, count))
        with working_precision():
            largest = 1 / (1 + arb(self.range[0]).exp())
            fitted = largest + arb(self.sigmoid.sup_error)
            longest = arb(self.range[1]).exp().log1p()
            apart, drift = arb(self.softplus.sup_error) * bound, longest * bound
            error, size = [arb(0)] * count, [arb(0)] * count
            caps = state_balls(longest, count, bound)
            powers = list(zip(ball_powers(fitted, count), ball_powers(largest, count), strict=True))
            for k in range(last):
                error = [q * e + (q - p) * h + apart for (q, p), e, h in zip(powers, error, size, strict=True)]
                size = [(p * h + drift).min(cap) for (_, p), h, cap in zip(powers, size, caps, strict=True)]
                rows[k] = [float_above(ball) for ball in error]
        return rows


def selective_polynomials(lower: float, upper: float, degree: int) -> SelectivePolynomials:
    r"""Both functions of the gate by Chebyshev interpolation of degree Q on $[v_-, v_+]$, certified.

    Parameters
    ----------
    lower, upper
        $v_-$ and $v_+$, the range of what enters softplus.
    degree
        Q.

    Raises
    ------
    TypeError, ValueError, ArithmeticError
        As in `theory.fits.fit_chebyshev`.

    References
    ----------
    THEORY T19, T13.
    """
    return SelectivePolynomials(
        fit_chebyshev(activation("sigmoid"), -upper, -lower, degree),
        fit_chebyshev(activation("softplus"), lower, upper, degree),
    )


def _step(state: list[arb], sigmoid: arb, increment: arb, drives: list[float]) -> list[arb]:
    powers = ball_powers(sigmoid, len(state))
    return [power * x + increment * b for power, x, b in zip(powers, state, drives, strict=True)]


def _value(fit: ChebyshevFit, gate: float) -> arb:
    """The polynomial of the stored numbers at an exact gate, by Clenshaw's recurrence."""
    t = (arb(gate) - fit.centre) / fit.half_width
    now, before = arb(0), arb(0)
    for c in reversed(fit.coefficients[1:].tolist()):
        now, before = 2 * t * now - before + c, now
    return t * now - before + float(fit.coefficients[0])
