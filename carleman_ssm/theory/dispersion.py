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
from carleman_ssm.theory.initialisations import inv_eigenvalue
from carleman_ssm.theory.polynomials import exact, require_kind
from carleman_ssm.theory.wave_profile import NODES, checked_nodes, letters, lin_eigenvalue, real_without

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

    Raises
    ------
    ValueError, TypeError
        An entry is no exact expression, or has another symbol n than `MODE_NUMBER`; or the number of nodes is no
        positive integer.

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

    def __post_init__(self) -> None:
        for name in ("eigenvalue", "phase", "modulus", "slope"):
            value = exact(getattr(self, name), f"the {name}")
            if any(s.name == MODE_NUMBER.name and s != MODE_NUMBER for s in value.atoms(sp.Symbol)):
                msg = f"the {name} is {value} with another symbol n: write it with `MODE_NUMBER`, which is real"
                raise ValueError(msg)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "nodes", checked_nodes(self.nodes))

    @property
    def phase_velocity(self) -> ClosedForm:
        r"""$v_p(n) = N\omega_n/(2\pi n)$ [nodes/time or nodes/step]; the crest of mode n stays in phase with it."""
        velocity = self.nodes * self.phase / (2 * sp.pi * MODE_NUMBER)
        return self._closed_form("v_p", velocity, (self.turning(velocity), *self.certificates))

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
        crest = self.nodes * self.phase / (2 * sp.pi * MODE_NUMBER)
        return self._closed_form("v_g", velocity, (stationary, self.turning(crest), *self.certificates))

    def turning(self, velocity: sp.Expr) -> Identity:
        r"""That the crest of mode n moves with this velocity: $\lambda_n e^{-2\pi i n v/N} = |\lambda_n|$.

        In continuous time $\mathrm{Im}\,a_n = 2\pi n v/N$. In discrete time a velocity is known only modulo one
        revolution in n steps, and so is an argument modulo $2\pi$; which of them is the phase follows from its
        continuity in n.

        Parameters
        ----------
        velocity
            v [nodes/time or nodes/step].
        """
        angle = 2 * sp.pi * MODE_NUMBER * velocity / self.nodes
        if not self.per_step:
            left = sp.im(self.eigenvalue, evaluate=False)
            return Identity(
                left, angle, name=r"phase: $\mathrm{Im}\,a_n$", because=r"$\omega_n t - 2\pi n j/N$ with $j = v_p t$"
            )
        above, below = map(sp.sqrt, sp.fraction(self.modulus))  # both positive
        return Identity(
            sp.powsimp(self.eigenvalue * unit_number(-angle), combine="exp") * below,
            above,
            name=r"phase: $\arg\lambda_n$",
            because=r"turned back by its argument it is $|\lambda_n|$; $e^{i\,\mathrm{atan2}(y, x)}"
            r" = (x + iy)/\sqrt{x^2 + y^2}$",
        )

    @property
    def certificates(self) -> tuple[Identity, ...]:
        r"""That slope and modulus are those of the phase and of the eigenvalue; the phase itself is `turning`.

        Per step the slope is $\mathrm{Im}(\lambda'/\lambda)$, which no choice of the branch changes.
        """
        value = self.eigenvalue
        slope = Identity(
            sp.Derivative(self.phase, MODE_NUMBER), self.slope, name="slope of the phase", because="a derivative in n"
        )
        if not self.per_step:
            real = sp.re(value, evaluate=False)
            return (
                Identity(real, self.modulus, name=r"decay: $\mathrm{Re}\,a_n$", because="damping is the real part"),
                slope,
            )
        return (
            Identity(
                sp.powsimp(value * sp.conjugate(value), combine="exp"),
                self.modulus,
                name="modulus squared",
                because=r"$\lambda_n\bar\lambda_n$",
            ),
            slope,
            Identity(
                sp.im(sp.Derivative(sp.log(value), MODE_NUMBER), evaluate=False),
                self.slope,
                name="slope of the argument",
                because=r"$\mathrm{Im}\,(\log\lambda)'$",
                nonzero=(sp.fraction(value)[0],),
            ),
        )

    def _closed_form(self, name: str, velocity: sp.Expr, certificates: tuple[Identity, ...]) -> ClosedForm:
        return ClosedForm(sp.Symbol(name), velocity, letters(velocity), {}, certificates, REFERENCE)


def unit_number(angle: sp.Expr) -> sp.Expr:
    r"""$e^{i\theta}$; a term $\mathrm{atan2}(y, x)$ of the angle gives $(x + iy)/\sqrt{x^2 + y^2}$, its definition.

    Examples
    --------
    >>> x, y = sp.symbols("x y", real=True)
    >>> unit_number(sp.pi / 2 - sp.atan2(y, x))
    I*sqrt(x**2 + y**2)/(x + I*y)
    """
    factors = []
    for term in sp.Add.make_args(angle):
        count, turn = term.as_coeff_Mul()
        if isinstance(turn, sp.atan2) and count.is_Integer:
            y, x = turn.args
            factors.append(((x + sp.I * y) / sp.sqrt(x**2 + y**2)) ** count)
        else:
            factors.append(sp.exp(sp.I * term))
    return sp.Mul(*factors)


def _continuous(eigenvalue: sp.Expr, nodes: sp.Expr | int) -> Dispersion:
    r"""The law of a spectrum $-\frac12 + i\omega_n$, written in this form."""
    decay, turning = eigenvalue.as_independent(MODE_NUMBER, as_Add=True)
    phase = turning / sp.I
    return Dispersion(eigenvalue, phase, decay, sp.diff(phase, MODE_NUMBER), checked_nodes(nodes))


def s4d_lin_dispersion(nodes: sp.Expr | int = NODES) -> Dispersion:
    r"""S4D-Lin, $a_n = -\tfrac12 + i\pi n$: $v_p = v_g = N/2$, no dispersion.

    References
    ----------
    THEORY T6.
    """
    return _continuous(lin_eigenvalue(MODE_NUMBER), nodes)


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
    return _continuous(inv_eigenvalue(MODE_NUMBER, states), nodes)


def held_dispersion(law: Dispersion, step: sp.Expr = STEP) -> Dispersion:
    r"""After a zero-order hold, $\lambda_n = e^{a_n\Delta}$: the same wave, sampled; $v_g\Delta$ nodes per step.

    Parameters
    ----------
    law
        A ring in continuous time.
    step
        $\Delta > 0$.

    Raises
    ------
    TypeError, ValueError
        The law is one of discrete time, or the step is not known to be positive or depends on n.

    References
    ----------
    THEORY T6.
    """
    _require_continuous(law)
    step = _checked_step(step)
    modulus = sp.exp(2 * law.modulus * step)
    return Dispersion(
        sp.exp(law.eigenvalue * step), law.phase * step, modulus, law.slope * step, law.nodes, per_step=True
    )


def bilinear_dispersion(law: Dispersion, step: sp.Expr = STEP) -> Dispersion:
    r"""After the bilinear transform: high modes are slower and less damped than the held ones.

    With $a = -r + i\omega$, $B = \omega\Delta/2$, $A = 1 - r\Delta/2$, $C = 1 + r\Delta/2$:
    $|\lambda|^2 = \frac{A^2 + B^2}{C^2 + B^2}$, $\arg\lambda = \mathrm{atan2}(B, A) + \mathrm{atan2}(B, C)$: the
    principal argument, as $|A| \le C$ makes the sum of the angles at most $\pi$ in size.

    Parameters
    ----------
    law
        A ring in continuous time whose decay $r$ does not depend on n.
    step
        $\Delta > 0$.

    Raises
    ------
    TypeError, ValueError
        The law is one of discrete time, or its decay depends on n; or the step is not known to be positive or depends
        on n.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> bilinear_dispersion(s4d_lin_dispersion()).modulus
    (pi**2*Delta**2*n**2/4 + (1 - Delta/4)**2)/(pi**2*Delta**2*n**2/4 + (Delta/4 + 1)**2)
    """
    _require_continuous(law)
    if law.modulus.has(MODE_NUMBER):
        msg = f"the modes must decay alike, but Re a is {law.modulus}: the slope here holds for a decay without n"
        raise ValueError(msg)
    half = _checked_step(step) / 2
    above, below, turn = 1 + law.modulus * half, 1 - law.modulus * half, law.phase * half
    multiplier = (above + sp.I * turn) / (below - sp.I * turn)
    quarter = above / (above**2 + turn**2) + below / (below**2 + turn**2)
    return Dispersion(
        multiplier,
        sp.atan2(turn, above, evaluate=False) + sp.atan2(turn, below, evaluate=False),
        (above**2 + turn**2) / (below**2 + turn**2),
        law.slope * half * quarter,
        law.nodes,
        per_step=True,
    )


def _checked_step(step: sp.Expr) -> sp.Expr:
    checked = real_without(step, "the step", MODE_NUMBER)
    if checked.is_positive is not True:
        msg = f"the step must be positive, got {checked}: declare its symbols with positive=True"
        raise ValueError(msg)
    return checked


def _require_continuous(law: Dispersion) -> None:
    require_kind(law, Dispersion, "the law")
    if law.per_step:
        msg = "this law is already one of discrete time: start from the law of the continuous ring"
        raise ValueError(msg)
