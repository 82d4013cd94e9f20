r"""Amplitudes and phases of an oscillator network in floating point: integration, exact solution, singular points.

$x_j = r_j e^{i\theta_j} = e^{i\psi_j}$, $\psi = \theta - i \ln r$ (T7). Where some $x_j = 0$ the phase does not exist
and its equation has a pole. For complex data such times are avoided generically; on a real ring they come at every
change of sign; at rest, where a state space model starts, all nodes are singular. The remedies, by name:

- ``"direct"``: integrate $\psi$ itself; refuses when an amplitude falls below the tolerance.
- ``"state"``: integrate $x$, convert afterwards; refuses if some phase does not exist at the times asked for.
- ``"masked"``: the same, with phases below the tolerance masked.
- ``"signed"``: on a real network a frozen phase 0 or $\pi$ and an amplitude that may change its sign.
- ``"complexified"``: on a real network integrate $\psi$ of $z = x + i g$, $g(0) = q$, and take the real part: exact,
  since the network is linear and real. On a circulant ring $q = 1$ gives $g = e^{a_0 t} > 0$, so z never vanishes.

All numbers are measured, not proved; the closed forms stand in `theory.oscillator_solutions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.networks.oscillators import (
    TOLERANCE,
    Oscillators,
    Phases,
    SingularPhaseError,
    masked_phases,
    require_time,
)

REMEDIES = ("direct", "state", "masked", "signed", "complexified")

Input = Callable[[float], float]


def no_input(t: float) -> float:
    """$u(t) = 0$."""
    del t
    return 0.0


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""States, amplitudes and phases at the times (or steps) asked for.

    Parameters
    ----------
    times
        (T,) [time], or step numbers.
    states
        (T, N) $x_j$.
    amplitudes
        (T, N) $r_j$; signed for the remedy ``"signed"``.
    phases
        (T, N) $\theta_j$ [rad], masked where the phase does not exist: never NaN.
    remedy
        How the singular points were treated.
    evaluations
        How often the integrator asked for the velocities.
    """

    times: Array
    states: ComplexArray
    amplitudes: Array
    phases: Phases
    remedy: str
    evaluations: int


def integrate_oscillators(
    oscillators: Oscillators,
    times: npt.ArrayLike,
    initial: npt.ArrayLike,
    u: Input = no_input,
    *,
    remedy: str = "direct",
    offset: npt.ArrayLike | None = None,
    tolerance: float = TOLERANCE,
    rtol: float = 1e-12,
    atol: float = 1e-12,
) -> Trajectory:
    r"""Integrate the network with DOP853, in the variables that the remedy names.

    Parameters
    ----------
    oscillators
        In continuous time.
    times
        (T,) ascending, the first one is the time of the initial state [time].
    initial
        (N,) $x$ at ``times[0]``.
    u
        Real input.
    remedy
        One of `REMEDIES`; the module says what they do.
    offset
        (N,) $q$ of the remedy ``"complexified"``, by default 1 for every node.
    tolerance
        A phase does not exist below this fraction of the largest amplitude met.
    rtol, atol
        Of the integrator.

    Returns
    -------
    Trajectory

    Raises
    ------
    SingularPhaseError
        ``"direct"`` came to (or starts at) a vanishing amplitude; ``"state"``: so at one of the times.
    ValueError
        An unknown remedy, or one that needs a real network on a complex one; shapes that do not fit.
    """
    require_time(oscillators, discrete=False)
    moments, start = np.asarray(times, float), oscillators.states(initial)
    if remedy not in REMEDIES:
        msg = f"remedy must be one of {', '.join(REMEDIES)}, got {remedy!r}"
        raise ValueError(msg)
    if moments.ndim != 1 or moments.size < 2 or not (np.diff(moments) > 0).all():
        msg = "times must be at least two ascending numbers, the first one that of the initial state"
        raise ValueError(msg)
    if remedy in ("signed", "complexified") and not (oscillators.real and not start.imag.any()):
        msg = (
            f"the remedy {remedy!r} needs real W, beta and initial states: use 'state' or 'masked' on a complex network"
        )
        raise ValueError(msg)
    job = _Job(oscillators, u, moments, start, tolerance, {"rtol": rtol, "atol": atol})
    if remedy == "direct":
        return job.direct()
    if remedy == "signed":
        return job.signed()
    if remedy == "complexified":
        return job.complexified(np.ones(oscillators.nodes) if offset is None else np.asarray(offset, float))
    return job.state(remedy)


@dataclass(frozen=True)
class _Smallest:
    """The event that stops the integrator: an amplitude has fallen to the floor."""

    floor: float
    terminal: bool = True
    direction: float = 0.0

    def __call__(self, t: float, psi: ComplexArray) -> float:
        del t
        size = float(np.exp(-psi.imag).min())
        return size - self.floor if np.isfinite(size) else -1.0


@dataclass(frozen=True, eq=False)
class _Job:
    """One integration: the network, its input, and what every remedy needs."""

    oscillators: Oscillators
    u: Input
    times: Array
    start: ComplexArray
    tolerance: float
    precision: dict[str, float]

    def velocity(self, t: float, x: ComplexArray) -> ComplexArray:
        """The linear network."""
        return self.oscillators.coupling_matrix @ x + self.oscillators.drive * self.u(t)

    def phase_velocity(self, t: float, psi: ComplexArray) -> ComplexArray:
        r"""$\psi_j' = -i\sum_l W_{jl} e^{i(\psi_l - \psi_j)} - i\beta_j u e^{-i\psi_j}$, with the sum taken first."""
        x = np.exp(1j * psi)
        return -1j * self.velocity(t, x) / x

    def integrate(self, velocity: Callable[[float, Any], Any], start: Any, **more: Any) -> Any:
        """DOP853 at the times asked for."""
        span = (self.times[0], self.times[-1])
        return solve_ivp(velocity, span, start, "DOP853", t_eval=self.times, **self.precision, **more)

    def complex_phases(self, start: ComplexArray) -> tuple[ComplexArray, int]:
        r"""$\psi$ of every node (T, N), from a state without zeros."""
        floor = self.tolerance * np.abs(start).max()
        if not np.abs(start).min() > floor:
            self._refuse(int(np.argmin(np.abs(start))), self.times[0])

        with np.errstate(all="ignore"):  # a step beyond the pole is refused below, not warned about
            run = self.integrate(self.phase_velocity, -1j * np.log(start), events=_Smallest(floor))
        psi = run.y.T
        if run.status != 0 or not np.isfinite(psi).all():
            last = psi[-1] if len(psi) else -1j * np.log(start)
            reached = run.t_events[0][0] if len(run.t_events[0]) else run.t[-1] if len(run.t) else self.times[0]
            self._refuse(int(np.argmax(last.imag)), float(reached))
        return psi, int(run.nfev)

    def direct(self) -> Trajectory:
        """ψ itself; the phases are continuous, not taken modulo 2π."""
        psi, evaluations = self.complex_phases(self.start)
        amplitudes = np.exp(-psi.imag)
        phases = np.ma.MaskedArray(psi.real, mask=np.zeros(psi.shape, bool))
        return Trajectory(self.times, np.exp(1j * psi), amplitudes, phases, "direct", evaluations)

    def state(self, remedy: str) -> Trajectory:
        """The state first, then amplitude and phase; phases that do not exist are refused or masked."""
        run = self.integrate(self.velocity, self.start)
        found = self._of_states(run.y.T, remedy, int(run.nfev))
        if remedy == "state" and found.phases.mask.any():
            k, node = np.argwhere(found.phases.mask)[0]
            self._refuse(int(node), float(self.times[k]))
        return found

    def signed(self) -> Trajectory:
        r"""Frozen phases 0 or π, signed amplitudes: $r_j' = \sum_l W_{jl} \cos(\theta_l - \theta_j) r_l + \dots$."""
        sign = np.where(self.start.real < 0, -1.0, 1.0)
        matrix = sign[:, None] * self.oscillators.coupling_matrix.real * sign[None, :]
        drive = sign * self.oscillators.drive.real
        run = self.integrate(lambda t, r: matrix @ r + drive * self.u(t), np.abs(self.start))
        amplitudes = run.y.T
        phases = np.broadcast_to(np.where(sign < 0, np.pi, 0.0), amplitudes.shape)
        frozen = np.ma.MaskedArray(phases, mask=np.zeros(amplitudes.shape, bool))
        return Trajectory(self.times, (sign * amplitudes).astype(complex), amplitudes, frozen, "signed", int(run.nfev))

    def complexified(self, offset: Array) -> Trajectory:
        """ψ of z = x + i g, of which x is the real part."""
        if offset.shape != self.start.shape:
            msg = f"the offset needs one entry per node, {self.oscillators.nodes}, got shape {offset.shape}"
            raise ValueError(msg)
        psi, evaluations = self.complex_phases(self.start + 1j * offset)
        return self._of_states(np.exp(1j * psi).real.astype(complex), "complexified", evaluations)

    def _of_states(self, states: ComplexArray, remedy: str, evaluations: int) -> Trajectory:
        amplitudes = np.abs(states)
        phases = masked_phases(amplitudes, np.angle(states), self.tolerance)
        return Trajectory(self.times, states, amplitudes, phases, remedy, evaluations)

    def _refuse(self, node: int, t: float) -> None:
        msg = (
            f"node {node} has no phase at t = {t:.6g}, where its amplitude vanishes: use remedy='masked', or on a real "
            "network 'signed' or 'complexified'"
        )
        raise SingularPhaseError(msg)
