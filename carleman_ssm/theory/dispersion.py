r"""Dispersion on the ring: how fast the crest and the envelope of a wave move, mode by mode.

Mode n of the ring turns by $\omega_n = \mathrm{Im}\,a_n$ per unit of time, or by $\arg\lambda_n$ per step, and has the
phase $-2\pi n j/N$ along the nodes. Its crest moves with $v_p = N\omega_n/(2\pi n)$ nodes per unit of time (per step),
a packet of neighbouring modes with $v_g = \frac{N}{2\pi}\frac{d\omega}{dn}$. Only where both are one constant (S4D-Lin,
also after a zero-order hold) does a pattern travel without spreading. Held and bilinear rings are *not* the
same: the bilinear transform slows high modes down and hardly damps them.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.polynomials import exact
from carleman_ssm.theory.wave_profile import NODES, checked_nodes, letters

REFERENCE = "derivations/06_dispersion_and_rigidity"
MODE_NUMBER = sp.Symbol("n", real=True)
"""The number n of a ring mode; a real variable, so that it can be differentiated."""
STEP = sp.Symbol("Delta", positive=True)
"""The step, in units of time."""


@dataclass(frozen=True)
class Dispersion:
    r"""How the modes of a ring turn and decay: $a_n$ or $\lambda_n$ as a function of the mode number.

    Parameters
    ----------
    eigenvalue
        $a_n$ [1/time], or the multiplier $\lambda_n$ if `per_step`.
    phase
        $\mathrm{Im}\,a_n$ [rad/time], or $\arg\lambda_n$ [rad/step], continuous in n.
    modulus
        $|\lambda_n|^2$ of one step, or $\mathrm{Re}\,a_n$ [1/time] in continuous time.
    slope
        $d\,\mathrm{phase}/dn$ in closed form.
    nodes
        N.
    per_step
        False in continuous time.
    lemmas
        Further identities that the phase stands on.

    Raises
    ------
    ValueError, TypeError
        An entry is no exact expression, or the number of nodes is no positive integer.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> s4d_lin_dispersion().phase_velocity.expression, s4d_lin_dispersion().group_velocity.expression
    (N/2, N/2)
    >>> s4d_inv_dispersion().group_velocity.expression  # strongly dispersive, and backward
    -N**3/(pi**2*(2*n + 1)**2)
    """

    eigenvalue: sp.Expr
    phase: sp.Expr
    modulus: sp.Expr
    slope: sp.Expr
    nodes: sp.Expr = NODES
    per_step: bool = False
    lemmas: tuple[Identity, ...] = ()

    def __post_init__(self) -> None:
        for name in ("eigenvalue", "phase", "modulus", "slope"):
            object.__setattr__(self, name, exact(getattr(self, name), f"the {name}"))
        object.__setattr__(self, "nodes", checked_nodes(self.nodes))

    @property
    def phase_velocity(self) -> ClosedForm:
        r"""$v_p(n) = N\omega_n/(2\pi n)$ [nodes/time or nodes/step]; the crest of mode n stays in phase with it."""
        n, velocity = MODE_NUMBER, self.nodes * self.phase / (2 * sp.pi * MODE_NUMBER)
        crest = Identity(
            self.phase - 2 * sp.pi * n * velocity / self.nodes,
            sp.S.Zero,
            name="the phase along the crest is constant",
            because=r"$\omega_n t - 2\pi n j/N$ with $j = v_p t$",
        )
        return self._closed_form("v_p", velocity, (crest, *self.certificates))

    @property
    def group_velocity(self) -> ClosedForm:
        r"""$v_g(n) = \frac{N}{2\pi} d\omega/dn$ [nodes/time or nodes/step]."""
        velocity = self.nodes * self.slope / (2 * sp.pi)
        stationary = Identity(
            self.nodes * sp.Derivative(self.phase, MODE_NUMBER) / (2 * sp.pi),
            velocity,
            name="group velocity",
            because=r"neighbouring modes stay in phase where $\partial_n(\omega t - 2\pi n j/N) = 0$",
        )
        return self._closed_form("v_g", velocity, (stationary, *self.certificates))

    @property
    def certificates(self) -> tuple[Identity, ...]:
        r"""That phase and modulus are those of the eigenvalue.

        Per step the phase is characterised by its slope $\mathrm{Im}(\lambda'/\lambda)$ and its value at one n.
        """
        value, conjugate = self.eigenvalue, sp.conjugate(self.eigenvalue)
        if not self.per_step:
            return (
                Identity((value - conjugate) / (2 * sp.I), self.phase, name="phase: Im a"),
                Identity((value + conjugate) / 2, self.modulus, name="decay: Re a"),
                *self.lemmas,
            )
        turning = sp.Derivative(value, MODE_NUMBER) / value
        return (
            Identity(value * conjugate, self.modulus, name="modulus squared"),
            Identity(sp.im(turning), self.slope, name="slope of the phase", because=r"$\mathrm{Im}\,(\log\lambda)'$"),
            *self.lemmas,
        )

    def _closed_form(self, name: str, velocity: sp.Expr, certificates: tuple[Identity, ...]) -> ClosedForm:
        return ClosedForm(sp.Symbol(name), velocity, letters(velocity), {}, certificates, REFERENCE)


def _continuous(decay: sp.Expr, phase: sp.Expr, slope: sp.Expr, nodes: sp.Expr | int) -> Dispersion:
    return Dispersion(-decay + sp.I * phase, phase, -decay, slope, checked_nodes(nodes))


def s4d_lin_dispersion(nodes: sp.Expr | int = NODES) -> Dispersion:
    r"""S4D-Lin, $a_n = -\tfrac12 + i\pi n$: $v_p = v_g = N/2$, no dispersion.

    References
    ----------
    THEORY T6.
    """
    return _continuous(sp.Rational(1, 2), sp.pi * MODE_NUMBER, sp.pi, nodes)


def s4d_inv_dispersion(nodes: sp.Expr | int = NODES, *, size: sp.Expr | int | None = None) -> Dispersion:
    r"""S4D-Inv in index order, $\mathrm{Im}\,a_n = \frac S\pi(\frac{S}{2n+1} - 1)$: dispersive, and backward.

    $v_g = -\frac{N S^2}{\pi^2 (2n+1)^2}$.

    Parameters
    ----------
    nodes
        N of the ring.
    size
        S, the state size in the formula of the spectrum (twice the stored modes); N if not given.

    References
    ----------
    THEORY T6; Gu et al. (2022), S4D, eq. 8.
    """
    states = checked_nodes(nodes if size is None else size)
    odd = 2 * MODE_NUMBER + 1
    phase = states / sp.pi * (states / odd - 1)
    return _continuous(sp.Rational(1, 2), phase, -2 * states**2 / (sp.pi * odd**2), nodes)


def held_dispersion(law: Dispersion, step: sp.Expr = STEP) -> Dispersion:
    r"""After a zero-order hold, $\lambda_n = e^{a_n\Delta}$: the same wave, sampled; $v_g\Delta$ nodes per step.

    Parameters
    ----------
    law
        A ring in continuous time whose modes all decay alike.
    step
        $\Delta$.

    Raises
    ------
    ValueError
        The law is one of discrete time.

    References
    ----------
    THEORY T6.
    """
    _require_continuous(law)
    multiplier = sp.exp(law.modulus * step) * sp.exp(sp.I * law.phase * step)
    modulus = sp.exp(2 * law.modulus * step)
    return Dispersion(multiplier, law.phase * step, modulus, law.slope * step, law.nodes, per_step=True)


def bilinear_dispersion(law: Dispersion, step: sp.Expr = STEP) -> Dispersion:
    r"""After the bilinear transform: high modes are slower and less damped than the held ones.

    With $a = -r + i\omega$, $B = \omega\Delta/2$, $A = 1 - r\Delta/2$, $C = 1 + r\Delta/2$:
    $|\lambda|^2 = \frac{A^2 + B^2}{C^2 + B^2}$, $\arg\lambda = \mathrm{atan2}(B, A) + \mathrm{atan2}(B, C)$.

    Parameters
    ----------
    law
        A ring in continuous time whose decay $r$ does not depend on n.
    step
        $\Delta$.

    Raises
    ------
    ValueError
        The law is one of discrete time.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> bilinear_dispersion(s4d_lin_dispersion()).modulus
    (pi**2*Delta**2*n**2/4 + (1 - Delta/4)**2)/(pi**2*Delta**2*n**2/4 + (Delta/4 + 1)**2)
    """
    _require_continuous(law)
    half = step / 2
    above, below, turn = 1 + law.modulus * half, 1 - law.modulus * half, law.phase * half
    multiplier = (above + sp.I * turn) / (below - sp.I * turn)
    quarter = above / (above**2 + turn**2) + below / (below**2 + turn**2)
    return Dispersion(
        multiplier,
        sp.atan2(turn, above) + sp.atan2(turn, below),
        (above**2 + turn**2) / (below**2 + turn**2),
        law.slope * half * quarter,
        law.nodes,
        per_step=True,
        lemmas=(_quotient_of_polar_numbers(),),
    )


def _require_continuous(law: Dispersion) -> None:
    if law.per_step:
        msg = "this law is already one of discrete time: start from the law of the continuous ring"
        raise ValueError(msg)


def _quotient_of_polar_numbers() -> Identity:
    r"""For $A + iB = r e^{i\alpha}$, $C + iB = s e^{i\beta}$ the phase of $(A + iB)/(C - iB)$ is $\alpha + \beta$."""
    r, s = sp.symbols("r s", positive=True)
    alpha, beta = sp.symbols("alpha beta", real=True)
    above = r * sp.cos(alpha) + sp.I * r * sp.sin(alpha)
    below = s * sp.cos(beta) - sp.I * s * sp.sin(beta)
    return Identity(above / below, r / s * sp.exp(sp.I * (alpha + beta)), name="the two angles add")
