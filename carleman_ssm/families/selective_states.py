r"""The states of a selective model at Mamba's own rates: in float64, and how large they can become.

$x_{k,n} = s_k^{n+1} x_{k-1,n} + \Delta_k b_{k,n}$ with $s = \sigma(-v)$, $\Delta = \mathrm{softplus}(v)$: the rates are
$a_n = -(n+1)$, the drive is Euler's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from flint import arb

from carleman_ssm.families.scans import VaryingDiagonalScan
from carleman_ssm.networks.enclosures import working_precision
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.certification import float_above
from carleman_ssm.theory.polynomials import require_integer


def exact_selective_scan(gates: npt.ArrayLike, drives: npt.ArrayLike) -> VaryingDiagonalScan:
    r"""$x_{k,n} = \sigma(-v_k)^{n+1} x_{k-1,n} + \mathrm{softplus}(v_k)\, b_{k,n}$ in float64.

    Parameters
    ----------
    gates, drives
        v, shape (batch, L, …), and b, shape (batch, L, …, N).

    Returns
    -------
    VaryingDiagonalScan
        States (batch, L, …, N).

    Raises
    ------
    TypeError, ValueError
        Shapes that do not fit.

    References
    ----------
    Gu and Dao, *Mamba* (2023), Algorithm 2; THEORY T19.
    """
    values = real_array("gates", gates)
    return powers_scan(activation("sigmoid")(-values), activation("softplus")(values), drives)


def powers_scan(sigmoids: Array, increments: Array, drives: npt.ArrayLike) -> VaryingDiagonalScan:
    r"""The recurrence with these s and $\Delta$ (batch, L, …) in place of the functions of the gate.

    Parameters
    ----------
    sigmoids, increments
        s and $\Delta$, shape (batch, L, …).
    drives
        b, shape (batch, L, …, N).

    Returns
    -------
    VaryingDiagonalScan
        Multipliers $s_k^{n+1}$ and drives $\Delta_k b_{k,n}$.

    Raises
    ------
    TypeError, ValueError
        Drives of other axes than those of s and then the states, or that are no finite real numbers.
    """
    given = real_array("drives", drives)
    if given.ndim != sigmoids.ndim + 1 or given.shape[:-1] != sigmoids.shape or sigmoids.ndim < 2:
        msg = (
            f"drives need the axes of the gates (batch, L, …) and then the states, got {sigmoids.shape}, {given.shape}"
        )
        raise ValueError(msg)
    powers = sigmoids[..., None] ** np.arange(1, given.shape[-1] + 1)
    return VaryingDiagonalScan(powers, increments[..., None] * given)


def state_bound(upper: float, states: int, drive: float) -> Array:
    r"""$|x_{k,n}| \le T|b|/(1 - e^{-(n+1)T})$ with $T = \mathrm{softplus}(v_+)$, for all steps and gates $v \le v_+$.

    $e^{-p\Delta} H + \Delta |b| \le H$ is $\Delta |b|/(1 - e^{-p\Delta}) \le H$, and the left side of that grows with
    $\Delta$: what a step adds is bounded by what it forgets. Gates that stay at $v_+$ come as close as one likes.

    Parameters
    ----------
    upper
        $v_+$.
    states
        N.
    drive
        Bound of $|b|$, not negative.

    Returns
    -------
    Array
        (N,), rounded upward.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer, or a number is not finite, or the bound is negative.

    Examples
    --------
    >>> state_bound(2.0, 2, 1.0).round(3)
    array([2.415, 2.158])
    """
    count, bound = require_integer(states, "the number of states", least=1), drive_bound(drive)
    with working_precision():
        longest = arb(float(real_array("upper", upper, ()))).exp().log1p()
        return np.array([float_above(ball) for ball in state_balls(longest, count, bound)])


def state_balls(longest: arb, states: int, drive: float) -> list[arb]:
    """`state_bound` in ball arithmetic, from the longest increment."""
    return [longest * drive / -(-longest * (n + 1)).expm1() for n in range(states)]


def drive_bound(drive: float) -> float:
    """A bound of an absolute value: finite, not negative.

    Raises
    ------
    TypeError, ValueError
        It is no real number, not finite, or negative.
    """
    bound = float(real_array("drive", drive, ()))
    if bound < 0:
        msg = f"drive bounds an absolute value and is not negative, got {bound}"
        raise ValueError(msg)
    return bound


def ball_powers(base: arb, count: int) -> list[arb]:
    """The first powers by products: ``ball**k`` of a ball around 0 is NaN in python-flint."""
    found = [base]
    while len(found) < count:
        found.append(found[-1] * base)
    return found
