r"""Oscillator networks with numbers: velocities of amplitude and phase, the exact state, the polar recurrence (T7).

Everything here is floating point and measured; the closed forms and their proofs stand in `theory`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import sympy as sp
from scipy.linalg import expm

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.exact_numbers import to_complex
from carleman_ssm.networks.finite_arrays import complex_array, real_array, require_range
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.phases import TOLERANCE, Phases, SingularPhaseError, masked_phases
from carleman_ssm.rings.rings import Rings
from carleman_ssm.theory.couplings import skew_circulant
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.polynomials import require_kind
from carleman_ssm.theory.ring_modes import ANTIPERIODIC


@dataclass(frozen=True, eq=False, repr=False)
class Oscillators(Brief):
    r"""$x' = W x + \beta u$, or one step $x_k = W x_{k-1} + \beta u_k$, with numbers.

    Parameters
    ----------
    coupling_matrix
        $W$, shape (N, N), real or complex.
    drive
        $\beta$, shape (N,).
    discrete
        True for the recurrence.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, or entries that are no finite numbers; `discrete` is no bool.

    References
    ----------
    THEORY T7.
    """

    coupling_matrix: ComplexArray
    drive: ComplexArray
    discrete: bool = False

    def __post_init__(self) -> None:
        matrix, drive = complex_array("W", self.coupling_matrix), complex_array("beta", self.drive)
        if matrix.ndim != 2 or drive.shape != matrix.shape[:1] or matrix.shape != (drive.size,) * 2 or not drive.size:
            msg = f"W must be square and beta have one entry per node, got shapes {matrix.shape} and {drive.shape}"
            raise ValueError(msg)
        flag: object = self.discrete
        if not isinstance(flag, bool):
            msg = f"discrete must be True or False, got {flag!r}"
            raise TypeError(msg)
        for name, value in (("coupling_matrix", matrix), ("drive", drive)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def of_network(cls, network: OscillatorNetwork) -> Oscillators:
        """The network of exact numbers in float64.

        Raises
        ------
        ValueError
            The network has free symbols.
        """
        require_kind(network, OscillatorNetwork, "the network")
        matrix = to_complex(network.coupling_matrix, "W").reshape(network.nodes, network.nodes)
        return cls(matrix, to_complex(network.drive, "beta"), network.discrete)

    @classmethod
    def of_rings(cls, rings: Rings, channel: int) -> Oscillators:
        """One step of a channel of a trained layer: its propagator and its kick.

        Raises
        ------
        IndexError
            There is no such channel.
        """
        matrix = ring_matrix(rings.propagator[channel], rings.closure).astype(np.complex128)
        return cls(matrix, rings.kick[channel], discrete=True)

    def states(self, values: npt.ArrayLike) -> ComplexArray:
        """One finite state per node.

        Raises
        ------
        ValueError, TypeError
            Another number of states, or NaN or infinity, or no numbers.
        """
        return complex_array("states, one per node", values, (self.nodes,))

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.drive.size)

    @property
    def real(self) -> bool:
        """True where W and β have no imaginary part: phases are then only signs."""
        return not (self.coupling_matrix.imag.any() or self.drive.imag.any())


def ring_matrix(column: npt.ArrayLike, closure: str) -> Array | ComplexArray:
    r"""The matrix (N, N) of a first column (N,): circulant; skew-circulant, $w_{d-N} = -w_d$, if anti-periodic.

    The signs are those of `theory.couplings.skew_circulant`, applied to a column of ones.

    Examples
    --------
    >>> ring_matrix([1.0, 2.0, 3.0], "complex")[0], ring_matrix([1.0, 2.0], "antiperiodic")[0]
    (array([1., 3., 2.]), array([ 1., -2.]))
    """
    values = np.asarray(column)
    nodes = len(values)
    lags = np.arange(nodes)[:, None] - np.arange(nodes)[None, :]
    matrix: Array | ComplexArray = values[lags % nodes]
    return matrix * _seam(nodes) if closure == ANTIPERIODIC else matrix


@lru_cache(maxsize=8)
def _seam(nodes: int) -> Array:
    """1 for j ≥ l, -1 for what has passed the seam."""
    signs = np.array(skew_circulant([sp.S.One] * nodes).tolist(), dtype=np.float64)
    signs.flags.writeable = False
    return signs


def polar_velocity(
    oscillators: Oscillators, phases: npt.ArrayLike, amplitudes: npt.ArrayLike, u: float
) -> tuple[Array, Array]:
    r"""$(\theta', r')$ of T7 for every node, in continuous time and for real u.

    The formula of `theory.polar.polar_field` as array operations; that the two agree is measured in
    tests/test_ring_bridges.py.

    Raises
    ------
    SingularPhaseError
        An amplitude is 0.
    ValueError, TypeError
        A network in discrete time; not one finite real phase and amplitude per node; a velocity beyond float64.

    Examples
    --------
    >>> polar_velocity(Oscillators(np.array([[2j - 1]]), np.array([0])), np.array([0.3]), np.array([2.0]), 0.0)
    (array([2.]), array([-2.]))
    """
    require_time(oscillators, discrete=False)
    shape, drive = (oscillators.nodes,), oscillators.drive * float(real_array("u", u, ()))
    theta, r = real_array("phases", phases, shape), real_array("amplitudes", amplitudes, shape)
    if not r.all():
        node = int(np.argmin(np.abs(r)))
        msg = f"node {node} has the amplitude 0 and no phase: see the remedies of integrate_oscillators"
        raise SingularPhaseError(msg)
    angles = theta[None, :] - theta[:, None] + np.angle(oscillators.coupling_matrix)
    with np.errstate(over="ignore", invalid="ignore"):
        pulls = np.abs(oscillators.coupling_matrix) * r[None, :]
        kicks = drive * np.exp(-1j * theta)
        turning = ((pulls * np.sin(angles)).sum(1) + kicks.imag) / r
        growing = (pulls * np.cos(angles)).sum(1) + kicks.real
    return require_range("the velocities of the phases", turning), require_range("those of the amplitudes", growing)


def exact_states(
    oscillators: Oscillators,
    times: npt.ArrayLike,
    initial: npt.ArrayLike,
    terms: Sequence[tuple[complex, complex]] = (),
) -> ComplexArray:
    r"""$x(t) = e^{Wt} x(0) + \int_0^t e^{W(t-\tau)} \beta u(\tau)\,d\tau$ for $u = \sum_j A_j e^{s_j t}$.

    No integrator: the exponential of the block matrix of network and input, which needs no modes, nor cases at
    resonance.

    Parameters
    ----------
    oscillators
        In continuous time.
    times
        (T,) [time].
    initial
        (N,) $x(0)$.
    terms
        Pairs $(A_j, s_j)$ as in `Excitation`.

    Returns
    -------
    (T, N) complex.

    Raises
    ------
    ValueError, TypeError
        A network in discrete time, or not one finite initial state per node; times or terms that are no finite
        numbers; states beyond float64.

    References
    ----------
    THEORY T7.
    """
    require_time(oscillators, discrete=False)
    moments = real_array("times", times, (None,))
    pairs = complex_array("the terms (amplitude, rate)", list(terms) or np.empty((0, 2)), (None, 2))
    nodes, size = oscillators.nodes, oscillators.nodes + len(terms)
    generator = np.zeros((size, size), complex)
    generator[:nodes, :nodes] = oscillators.coupling_matrix
    for place, (amplitude, rate) in enumerate(pairs, start=nodes):
        generator[:nodes, place], generator[place, place] = oscillators.drive * amplitude, rate
    start = np.concatenate([oscillators.states(initial), np.ones(len(terms))])
    with np.errstate(all="ignore"):
        states = np.array([(expm(generator * t) @ start)[:nodes] for t in moments], complex).reshape(-1, nodes)
    return require_range("the states", states)


def polar_recurrence(
    oscillators: Oscillators,
    inputs: npt.ArrayLike,
    initial: npt.ArrayLike | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> tuple[Array, Phases]:
    r"""Amplitudes and phases after every step, carried on in polar form with hypot and atan2.

    $r_j^+ e^{i\theta_j^+} = \sum_l |W_{jl}| r_l e^{i(\theta_l + \arg W_{jl})} + |\beta_j| u e^{i \arg\beta_j}$.

    Parameters
    ----------
    oscillators
        In discrete time.
    inputs
        (L,) real $u_1, \dots, u_L$.
    initial
        (N,) $x_0$, by default rest.
    tolerance
        Phases of amplitudes below this fraction of the largest one met so far are masked.

    Returns
    -------
    (L, N) amplitudes and (L, N) masked phases in $(-\pi, \pi]$ [rad].

    Raises
    ------
    ValueError, TypeError
        A network in continuous time, or not one finite initial state per node; inputs that are no finite real
        numbers; amplitudes beyond float64.

    References
    ----------
    THEORY T7.
    """
    require_time(oscillators, discrete=True)
    u = real_array("inputs", inputs, (None,))
    start = oscillators.states(np.zeros(oscillators.nodes) if initial is None else initial)
    strength, lag = np.abs(oscillators.coupling_matrix), np.angle(oscillators.coupling_matrix)
    kick, aim = np.abs(oscillators.drive), np.angle(oscillators.drive)
    amplitudes, phases = np.empty((2, u.size, oscillators.nodes))
    r, theta = np.abs(start), np.angle(start)
    with np.errstate(over="ignore", invalid="ignore"):
        for k, value in enumerate(u):
            sizes, angles = strength * r, theta + lag
            across = (sizes * np.cos(angles)).sum(1) + kick * value * np.cos(aim)
            along = (sizes * np.sin(angles)).sum(1) + kick * value * np.sin(aim)
            r, theta = np.hypot(across, along), np.arctan2(along, across)
            amplitudes[k], phases[k] = r, theta
    return require_range("the amplitudes", amplitudes), masked_phases(amplitudes, phases, tolerance)


def require_time(oscillators: Oscillators, *, discrete: bool) -> None:
    """Refuse a recurrence where an equation in continuous time is needed, and the reverse.

    Raises
    ------
    ValueError, TypeError
        The network is of the other kind, or none.
    """
    require_kind(oscillators, Oscillators, "the network")
    if oscillators.discrete is not discrete:
        kinds = ("continuous", "discrete")
        msg = f"a network in {kinds[discrete]} time is needed, this one is {kinds[oscillators.discrete]}"
        raise ValueError(msg)
