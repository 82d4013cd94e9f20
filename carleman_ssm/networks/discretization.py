r"""Discretisation of diagonal modes in float64: zero-order hold and the bilinear (Tustin) rule.

With $z = a\Delta$ and $b = 1$,

$$\text{zoh: } \lambda = e^{z},\quad \bar b = \frac{e^{z} - 1}{a}; \qquad
\text{bilinear: } \lambda = \frac{1 + z/2}{1 - z/2},\quad \bar b = \frac{\Delta}{1 - z/2} .$$

The exact forms are `theory.ssm.zero_order_hold` and `theory.ssm.bilinear_transform`; `networks.kernel.modes` encloses
them. That all three agree is measured in tests/test_discretization.py.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from carleman_ssm.networks.parameters import Array, ComplexArray

Discretization = Literal["zoh", "bilinear"]
DISCRETIZATIONS: tuple[Discretization, ...] = ("zoh", "bilinear")


def require_discretization(rule: str) -> None:
    """Refuse an unknown rule.

    Raises
    ------
    ValueError
        It is neither 'zoh' nor 'bilinear'.
    """
    if rule not in DISCRETIZATIONS:
        msg = f"unknown discretization {rule!r}; choose 'zoh' or 'bilinear'"
        raise ValueError(msg)


def step_multipliers(eigenvalues: ComplexArray, step: Array, rule: str) -> ComplexArray:
    r"""$\lambda$, what a mode is multiplied by in one step; the shapes broadcast.

    Parameters
    ----------
    eigenvalues
        $a$ [1/time].
    step
        $\Delta$ [time].
    rule
        ``"zoh"`` or ``"bilinear"`` (with a pole at $a\Delta = 2$, which no stable mode reaches).

    References
    ----------
    THEORY §3; Gu et al. (2022), S4D, eq. 3.

    Examples
    --------
    >>> step_multipliers(np.array([-1.0 + 0j]), np.array([0.5]), "bilinear")
    array([0.6+0.j])
    """
    rates = step * eigenvalues
    result: ComplexArray = np.exp(rates) if rule == "zoh" else (1 + rates / 2) / (1 - rates / 2)
    return result


def step_inputs(eigenvalues: ComplexArray, step: Array, rule: str) -> ComplexArray:
    r"""$\bar b$ of $b = 1$ [time]; the zero-order hold by expm1, since $e^z - 1$ cancels, and $\Delta$ at $a = 0$.

    Parameters
    ----------
    eigenvalues, step, rule
        As in `step_multipliers`.

    Examples
    --------
    >>> step_inputs(np.array([-1.0 + 0j]), np.array([0.5]), "bilinear")
    array([0.4+0.j])
    """
    rates = step * eigenvalues
    if rule == "bilinear":
        tustin: ComplexArray = step / (1 - rates / 2)
        return tustin
    at_zero = np.broadcast_to(step, rates.shape).astype(np.complex128)
    held: ComplexArray = np.divide(np.expm1(rates), eigenvalues, out=at_zero, where=eigenvalues != 0)
    return held


def step_powers(eigenvalues: ComplexArray, step: Array, rule: str, exponents: Array) -> ComplexArray:
    r"""$\lambda^k$ for integer exponents $k \ge 0$ along a new last axis."""
    if rule == "zoh":
        held: ComplexArray = np.exp((step * eigenvalues)[..., None] * exponents)
        return held
    tustin: ComplexArray = step_multipliers(eigenvalues, step, rule)[..., None] ** exponents
    return tustin
