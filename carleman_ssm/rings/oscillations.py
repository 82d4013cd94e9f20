r"""Amplitudes and phases of an oscillator network in floating point: integration, exact solution, singular points.

$x_j = r_j e^{i\theta_j} = e^{i\psi_j}$, $\psi = \theta - i \ln r$ (T7). Where some $x_j = 0$ the phase does not exist
and its equation has a pole. For complex data such times are avoided generically; on a real ring they come at every
change of sign; at rest, where a state space model starts, all nodes are singular. The remedies, by name:

- ``"direct"``: integrate $\psi$ itself; refuses where an amplitude vanishes. Amplitudes that only decay may become
  as small as they like.
- ``"state"``: integrate $x$, convert afterwards; refuses if some phase is lost at the times asked for.
- ``"masked"``: the same, with the lost phases masked.
- ``"signed"``: on a real network a frozen phase 0 or $\pi$ and an amplitude that may change its sign.
- ``"complexified"``: on a real network integrate $\psi$ of $z = x + i g$, $g(0) = q$, and take the real part: exact,
  since the network is linear and real. On a circulant ring $q = 1$ gives $g = e^{a_0 t} > 0$, so z never vanishes.

All numbers are measured, not proved; the closed forms stand in `theory.oscillator_solutions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import ascending_times, real_array, require_fraction, require_range
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.oscillators import Oscillators, require_time
from carleman_ssm.rings.phases import TOLERANCE, Phases, SingularPhaseError, masked_phases

REMEDIES = ("direct", "state", "masked", "signed", "complexified")

MOST_EVALUATIONS = 1_000_000
"""A run that asks for the velocities more often is refused: some ten seconds."""

Input = Callable[[float], float]


def no_input(t: float) -> float:
    """$u(t) = 0$."""
    del t
    return 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Brief):
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

    References
    ----------
    THEORY T7.
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
        Real input, finite at every time.
    remedy
        One of `REMEDIES`; the module says what they do.
    offset
        (N,) $q$ of the remedy ``"complexified"``, by default 1 for every node.
    tolerance
        After ``"state"`` and ``"masked"`` a phase is lost where the amplitude is at most this fraction of the largest
        one met so far, or at most `atol`; after ``"complexified"``, this fraction of $|z_j|$. In ``"direct"``
        and ``"complexified"`` an amplitude vanishes where the others and the input would move a node by its whole
        amplitude within this fraction of the time from the first to the last of `times`.
    rtol, atol
        Relative and absolute tolerance of the integrator, both positive; `atol` is in the units of the state, or of
        the phase in ``"direct"`` and ``"complexified"``.

    Returns
    -------
    Trajectory

    Raises
    ------
    SingularPhaseError
        ``"direct"`` came to (or starts at) a vanishing amplitude; ``"state"``: a phase is lost at one of the times.
    ValueError, TypeError
        An unknown remedy, or one that needs a real network on a complex one; shapes that do not fit; numbers that are
        not finite or, for u, not real; a state that leaves float64; more than `MOST_EVALUATIONS`.

    References
    ----------
    THEORY T7.
    """
    require_time(oscillators, discrete=False)
    moments, start = ascending_times(times), oscillators.states(initial)
    if remedy not in REMEDIES:
        msg = f"remedy must be one of {', '.join(REMEDIES)}, got {remedy!r}"
        raise ValueError(msg)
    given: object = u
    if not callable(given):
        msg = f"u must be a function of the time, got {given!r}"
        raise TypeError(msg)
    if remedy in ("signed", "complexified") and not (oscillators.real and not start.imag.any()):
        msg = (
            f"the remedy {remedy!r} needs real W, beta and initial states: use 'state' or 'masked' on a complex network"
        )
        raise ValueError(msg)
    precision = {"rtol": require_fraction("rtol", rtol), "atol": float(real_array("atol", atol, ()))}
    if not min(precision.values()) > 0:
        msg = f"rtol and atol must be positive, got {rtol} and {atol}"
        raise ValueError(msg)
    job = _Job(oscillators, u, moments, start, require_fraction("tolerance", tolerance), precision, remedy)
    with np.errstate(all="ignore"):  # what leaves float64 is refused, not warned about
        if remedy == "direct":
            return job.direct()
        if remedy == "signed":
            return job.signed()
        if remedy == "complexified":
            away = np.ones(oscillators.nodes) if offset is None else offset
            return job.complexified(real_array("offset, one entry per node", away, (oscillators.nodes,)))
        return job.state()


@dataclass(frozen=True, eq=False)
class _Pull:
    r"""The event that stops the integrator: $|\sum_{l \ne j} W_{jl} x_l + \beta_j u| = r_j/\tau$ for some node.

    Within $\tau$, a tiny fraction of the run, the others and the input would take such a node through zero. The own
    term $W_{jj} x_j$ is left out: alone it makes an amplitude small, but never zero.
    """

    job: _Job
    terminal: bool = True
    direction: float = 0.0

    def rates(self, t: float, psi: ComplexArray) -> Array:
        """What the others and the input do to a node, relative to its amplitude [1/time]."""
        own = np.diagonal(self.job.oscillators.coupling_matrix)
        rates: Array = np.abs(1j * self.job.phase_velocity(t, psi) - own)
        return rates

    def __call__(self, t: float, psi: ComplexArray) -> float:
        highest = float(self.rates(t, psi).max())
        return 1.0 - self.job.brief * highest if np.isfinite(highest) else 1.0

    def refuse(self, t: float, psi: ComplexArray) -> NoReturn:
        """Say which node it is."""
        node = int(np.argmax(self.rates(t, psi)))
        size = float(np.exp(-psi[node].imag))
        moved = f"vanishes: {size:.3g}, as far as the others and the input move it within {self.job.brief:.3g} of time"
        self.job.refuse(node, t, moved)


@dataclass(frozen=True, eq=False)
class _Job:
    """One integration: the network, its input, and what every remedy needs."""

    oscillators: Oscillators
    u: Input
    times: Array
    start: ComplexArray
    tolerance: float
    precision: dict[str, float]
    remedy: str

    @property
    def brief(self) -> float:
        """The fraction of the run within which a zero counts as reached [time]."""
        return self.tolerance * float(self.times[-1] - self.times[0])

    def velocity(self, t: float, x: ComplexArray) -> ComplexArray:
        """The linear network."""
        return self.oscillators.coupling_matrix @ x + self.oscillators.drive * self.input(t)

    def input(self, t: float) -> float:
        """u(t), if it is a finite real number: the integrator would look for a step for ever."""
        return float(real_array(f"u at t = {t:.6g}", self.u(t), ()))

    def phase_velocity(self, t: float, psi: ComplexArray) -> ComplexArray:
        r"""$\psi_j' = -i\sum_l W_{jl} e^{i(\psi_l - \psi_j)} - i\beta_j u e^{-i\psi_j}$, with the sum taken first."""
        x = np.exp(1j * psi)
        return -1j * self.velocity(t, x) / x

    def integrate(self, velocity: Callable[[float, Any], Any], start: Any, **more: Any) -> Any:
        """DOP853 at the times asked for, to the last of them or to an event."""
        calls = count(1)

        def limited(t: float, y: Any) -> Any:
            if next(calls) > MOST_EVALUATIONS:
                msg = f"more than {MOST_EVALUATIONS} evaluations up to t = {t:.6g}: ask for earlier times"
                raise ValueError(msg)
            return velocity(t, y)

        span = (self.times[0], self.times[-1])
        require_range("the velocities at the start", np.asarray(velocity(span[0], start)))
        run = solve_ivp(limited, span, start, "DOP853", t_eval=self.times, **self.precision, **more)
        if run.status < 0:
            passed = self.times[max(len(run.t) - 1, 0)]
            msg = (
                f"the integrator stopped after t = {passed:.6g}, before the next time asked for: the state leaves the "
                f"range of float64, or u has a pole ({run.message}); ask for earlier times"
            )
            raise ValueError(msg)
        return run

    def complex_phases(self, start: ComplexArray) -> tuple[ComplexArray, int]:
        r"""$\psi$ of every node (T, N), from a state without zeros."""
        if not start.all():
            self.refuse(int(np.argmin(np.abs(start))), self.times[0], "is 0")
        pull, psi = _Pull(self), -1j * np.log(start)
        if pull(self.times[0], psi) < 0:
            pull.refuse(self.times[0], psi)
        run = self.integrate(self.phase_velocity, psi, events=pull)
        if run.status > 0:
            pull.refuse(float(run.t_events[0][0]), run.y_events[0][0])
        return require_range("the phases", run.y.T), int(run.nfev)

    def direct(self) -> Trajectory:
        """ψ itself; the phases are continuous, not taken modulo 2π."""
        psi, evaluations = self.complex_phases(self.start)
        amplitudes = np.exp(-psi.imag)
        phases = np.ma.MaskedArray(psi.real, mask=np.zeros(psi.shape, bool))
        return Trajectory(self.times, np.exp(1j * psi), amplitudes, phases, self.remedy, evaluations)

    def state(self) -> Trajectory:
        """The state first, then amplitude and phase; phases that are lost are refused or masked."""
        run = self.integrate(self.velocity, self.start)
        states = require_range("the states", run.y.T)
        phases = masked_phases(np.abs(states), np.angle(states), self.tolerance, floor=self.precision["atol"])
        if self.remedy == "state" and phases.mask.any():
            k, node = np.argwhere(phases.mask)[0]
            self.refuse(
                int(node),
                float(self.times[k]),
                f"is lost: {abs(states[k, node]):.3g}, at most atol or {self.tolerance:.3g} of the largest met so far, "
                f"{np.abs(states[: k + 1]).max():.3g}",
            )
        return Trajectory(self.times, states, np.abs(states), phases, self.remedy, int(run.nfev))

    def signed(self) -> Trajectory:
        r"""Frozen phases 0 or π, signed amplitudes: $r_j' = \sum_l W_{jl} \cos(\theta_l - \theta_j) r_l + \dots$."""
        sign = np.where(self.start.real < 0, -1.0, 1.0)
        matrix = sign[:, None] * self.oscillators.coupling_matrix.real * sign[None, :]
        drive = sign * self.oscillators.drive.real
        run = self.integrate(lambda t, r: matrix @ r + drive * self.input(t), np.abs(self.start))
        amplitudes = require_range("the amplitudes", run.y.T)
        phases = np.broadcast_to(np.where(sign < 0, np.pi, 0.0), amplitudes.shape)
        frozen = np.ma.MaskedArray(phases, mask=np.zeros(amplitudes.shape, bool))
        states = (sign * amplitudes).astype(complex)
        return Trajectory(self.times, states, amplitudes, frozen, self.remedy, int(run.nfev))

    def complexified(self, offset: Array) -> Trajectory:
        """ψ of z = x + i g, of which x is the real part."""
        psi, evaluations = self.complex_phases(self.start + 1j * offset)
        z = np.exp(1j * psi)
        states, amplitudes = z.real.astype(complex), np.abs(z.real)
        phases = masked_phases(amplitudes, np.angle(states), 0.0, floor=self.tolerance * np.abs(z))
        return Trajectory(self.times, states, amplitudes, phases, self.remedy, evaluations)

    def refuse(self, node: int, t: float, reason: str) -> NoReturn:
        """Say why a node has no phase, and what to do."""
        others = ", 'signed' or 'complexified'" if self.oscillators.real and not self.start.imag.any() else ""
        whose, remedy = "its amplitude", f"use remedy='masked'{others}"
        if self.remedy == "complexified":
            whose, remedy = "the amplitude of z", "use remedy='masked', 'signed' or another offset"
        msg = f"node {node} has no phase at t = {t:.6g}, where {whose} {reason}; {remedy}"
        raise SingularPhaseError(msg)
