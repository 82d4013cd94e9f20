r"""What the two coefficients of RG-LRU cost as polynomials: the power of a decay little, the root much.

Both statements are about Chebyshev series cut after degree Q, exact, and hold for every argument of the range. The
decay $\alpha^{8r} = e^{-s r}$ is entire in its gate r: the error falls faster than geometrically. The root
$\sqrt{1 - a^2}$ meets a = 1, where slow decays are, with an infinite slope: the error falls like 1/Q. A lift keeps the
root as a letter of its own (`circle_gates`) and is exact.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.theory.polynomials import exact, require_integer


def square_root_error(degree: int) -> sp.Expr:
    r"""Largest error on [0, 1] of the Chebyshev series of $\sqrt{1 - a^2}$ cut after degree Q: $2/(\pi (2K + 1))$.

    $\sqrt{1 - a^2} = \frac{2}{\pi} - \frac{4}{\pi} \sum_{m \ge 1} T_{2m}(a)/(4m^2 - 1)$; with $K = \lfloor Q/2 \rfloor$
    the rest is largest at a = 1, where every $T_{2m}$ is 1 and the sum telescopes,
    $\sum_{m > K} 1/(4m^2 - 1) = 1/(2(2K + 1))$. The root meets $a = 1$ with an infinite slope, so a lift that is
    polynomial in the decay gains only one digit for a tenfold degree; with β as a letter of its own it is exact.

    Examples
    --------
    >>> square_root_error(8)
    2/(9*pi)
    """
    half = require_integer(degree, "the degree", least=0) // 2
    return 2 / (sp.pi * (2 * half + 1))


def decay_error_bound(rate: sp.Expr, degree: int) -> sp.Expr:
    r"""A bound for the error on $0 \le r \le 1$ of the Chebyshev series of $e^{-s r}$ cut after degree Q.

    With $z = s/2$ and $x = 2r - 1$, $e^{-s r} = e^{-z} (I_0(z) + 2 \sum_{m \ge 1} (-1)^m I_m(z) T_m(x))$, so the error
    is at most $2 e^{-z} \sum_{m > Q} I_m(z)$, which it is at r = 0. With $I_m(z) \le (z/2)^m e^{z^2/(4(m+1))} / m!$ and
    a geometric series,

    $$\text{error} \le 2 e^{-z}\, \frac{(z/2)^{Q+1}}{(Q+1)!}\, \frac{e^{z^2/(4(Q+2))}}{1 - z/(2(Q+2))} .$$

    Parameters
    ----------
    rate
        s, positive and exact: $8\, \mathrm{softplus}(p)$ of a channel [1/step].
    degree
        Q, above $z/2 - 2$: before that the series has not begun to converge.

    Raises
    ------
    ValueError
        A rate that is not positive, or a degree that is too small for it.

    Examples
    --------
    >>> f"{float(decay_error_bound(sp.Integer(1), 4)):.0e}"
    '1e-05'
    """
    s = exact(rate, "the rate")
    if not (s.is_number and s.is_positive):
        msg = f"the rate must be a positive number, got {s}"
        raise ValueError(msg)
    order, half = require_integer(degree, "the degree", least=0) + 1, s / 4
    if bool(half >= order + 1):
        msg = f"a decay of rate {s} needs a degree above {half - 2}, got {degree}"
        raise ValueError(msg)
    first = 2 * sp.exp(-2 * half) * half**order / sp.factorial(order)
    return first * sp.exp(half**2 / (order + 1)) / (1 - half / (order + 1))
