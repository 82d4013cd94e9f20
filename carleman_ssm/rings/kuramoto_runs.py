r"""Kuramoto's model beside its two approximations by a linear network, in floating point (T8).

Kuramoto's phases come from an integrator. The phases of the linear network $x' = (i\,\mathrm{diag}\,\omega
+ \varepsilon e^{-i\varphi} A) x$ are exact for that network and an **approximation** of Kuramoto's, of no order in
anything: it is right where amplitudes stay equal along the edges and wrong elsewhere. The projected iteration
$x \leftarrow e^{W\tau} x$, $x \leftarrow x/|x|$ is an **approximation** of first order in $\tau$. All is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.exact_numbers import to_real
from carleman_ssm.networks.finite_arrays import ascending_times, complex_array, real_array, require_range
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.phases import SingularPhaseError
from carleman_ssm.theory.kuramoto import KuramotoModel
from carleman_ssm.theory.polynomials import require_integer, require_kind

_PRECISION = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class PhaseOscillators(Brief):
    r"""$\theta_i' = \omega_i + \varepsilon \sum_j a_{ij} \sin(\theta_j - \theta_i - \varphi)$ with numbers.

    Velocity, gap and coupling matrix are the formulas of `theory.kuramoto` as array operations; that they agree with
    the compiled ones is measured in tests/test_ring_bridges.py.

    Parameters
    ----------
    frequencies
        (N,) $\omega$ [rad/time].
    adjacency
        (N, N) $A$.
    strength
        $\varepsilon$ [1/time].
    lag
        $\varphi$ [rad].

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit; entries that are complex or not finite.

    References
    ----------
    THEORY T8.
    """

    frequencies: Array
    adjacency: Array
    strength: float = 1.0
    lag: float = 0.0

    def __post_init__(self) -> None:
        frequencies = real_array("frequencies", self.frequencies, (None,))
        if not frequencies.size:
            msg = "give at least one frequency"
            raise ValueError(msg)
        object.__setattr__(self, "frequencies", frequencies)
        object.__setattr__(self, "adjacency", real_array("adjacency", self.adjacency, (frequencies.size,) * 2))
        for name in ("strength", "lag"):
            object.__setattr__(self, name, float(real_array(name, getattr(self, name), ())))

    @classmethod
    def of_model(cls, model: KuramotoModel) -> PhaseOscillators:
        """A model of exact numbers in float64.

        Raises
        ------
        ValueError
            The model has free symbols.
        """
        require_kind(model, KuramotoModel, "the model")
        adjacency = to_real(model.adjacency, "adjacency").reshape(model.nodes, model.nodes)
        strength, lag = to_real((model.strength, model.lag), "(strength, lag)")
        return cls(to_real(model.frequencies, "frequencies"), adjacency, float(strength), float(lag))

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.frequencies.size)

    @property
    def coupling_matrix(self) -> ComplexArray:
        r"""$W = i\,\mathrm{diag}\,\omega + \varepsilon e^{-i\varphi} A$ of the linear network."""
        pull: ComplexArray = self.strength * np.exp(-1j * self.lag) * self.adjacency
        return 1j * np.diag(self.frequencies) + pull

    def kuramoto_velocity(self, phases: npt.ArrayLike) -> Array:
        """The right side of Kuramoto's equations.

        Raises
        ------
        ValueError, TypeError
            Not one finite real phase per node.
        """
        theta = real_array("phases", phases, (self.nodes,))
        angles = theta[None, :] - theta[:, None] - self.lag
        velocity: Array = self.frequencies + self.strength * (self.adjacency * np.sin(angles)).sum(1)
        return velocity

    def gap(self, states: npt.ArrayLike) -> Array:
        r"""The gap of T8 at a state without zeros, (N,) [rad/time].

        $g_i = \varepsilon \sum_j a_{ij} (r_j/r_i - 1) \sin(\theta_j - \theta_i - \varphi)$.

        Raises
        ------
        SingularPhaseError
            A node has the amplitude 0.
        ValueError, TypeError
            Not one finite state per node; a gap beyond float64.
        """
        x = complex_array("states", states, (self.nodes,))
        r, theta = np.abs(x), np.angle(x)
        if not r.all():
            msg = f"node {int(np.argmin(r))} has the amplitude 0 and no phase"
            raise SingularPhaseError(msg)
        with np.errstate(over="ignore", invalid="ignore"):
            weights = self.adjacency * (r[None, :] / r[:, None] - 1)
            gap: Array = self.strength * (weights * np.sin(theta[None, :] - theta[:, None] - self.lag)).sum(1)
        return require_range("the gaps", gap)


def ring_adjacency(nodes: int, reach: int) -> Array:
    """1 between nodes of a circle that are at most `reach` apart, 0 on the diagonal.

    Raises
    ------
    ValueError, TypeError
        The neighbourhood is empty or meets itself around the circle; a size that is no integer.

    Examples
    --------
    >>> ring_adjacency(4, 1)[0]
    array([0., 1., 0., 1.])
    """
    nodes, reach = require_integer(nodes, "the number of nodes"), require_integer(reach, "the reach")
    if not 1 <= reach <= (nodes - 1) // 2:
        msg = f"a circle of {nodes} nodes has neighbours within 1 to {(nodes - 1) // 2}, got {reach}"
        raise ValueError(msg)
    lags = np.abs(np.arange(nodes)[:, None] - np.arange(nodes)[None, :])
    distance = np.minimum(lags, nodes - lags)
    return np.where((distance >= 1) & (distance <= reach), 1.0, 0.0)


def kuramoto_phases(oscillators: PhaseOscillators, times: npt.ArrayLike, initial: npt.ArrayLike) -> Array:
    """Kuramoto's phases (T, N), continuous, by an integrator (DOP853, relative tolerance 1e-12).

    Parameters
    ----------
    times
        (T,) ascending, at least two; the first is that of the initial phases.
    initial
        (N,) [rad].

    Raises
    ------
    ValueError, TypeError
        Times that do not ascend, phases that are no finite real numbers, one per node; the integrator stopped before
        the last time.

    References
    ----------
    Kuramoto (1975); THEORY T8.
    """
    moments = ascending_times(times)
    run = solve_ivp(
        lambda _, phases: oscillators.kuramoto_velocity(phases),
        (moments[0], moments[-1]),
        real_array("initial", initial, (oscillators.nodes,)),
        "DOP853",
        t_eval=moments,
        rtol=_PRECISION,
        atol=_PRECISION,
    )
    if run.status != 0:
        msg = f"the integrator stopped: {run.message}"
        raise ValueError(msg)
    phases: Array = run.y.T
    return phases


def linear_states(oscillators: PhaseOscillators, times: npt.ArrayLike, initial: npt.ArrayLike) -> ComplexArray:
    r"""States $e^{W(t - t_0)} e^{i\theta(t_0)}$ of the linear network (T, N).

    Their arguments are an **approximation** of Kuramoto's phases, exact only where `PhaseOscillators.gap` vanishes.

    Raises
    ------
    ValueError, TypeError
        As in `kuramoto_phases`; states beyond float64.

    References
    ----------
    THEORY T8.
    """
    moments, start = ascending_times(times), np.exp(1j * real_array("initial", initial, (oscillators.nodes,)))
    with np.errstate(all="ignore"):
        states = np.array([expm(oscillators.coupling_matrix * (t - moments[0])) @ start for t in moments])
    return require_range("the states", states)


def projected_phases(
    oscillators: PhaseOscillators, step: float, steps: int, initial: npt.ArrayLike, *, splitting: bool = False
) -> Array:
    r"""Phases modulo 2π after steps $x \leftarrow e^{W\tau} x$, $x \leftarrow x/|x|$, (N,): an **approximation**.

    Its error against Kuramoto's model at a fixed time is of first order in $\tau$ (measured), for the exact exponential
    and for the splitting alike.

    Parameters
    ----------
    step
        $\tau$ [time].
    steps
        How many, at least 1.
    initial
        (N,) [rad].
    splitting
        $e^{i\,\mathrm{diag}\,\omega\,\tau} e^{\varepsilon e^{-i\varphi} A \tau}$ instead of $e^{W\tau}$: the same for
        equal frequencies.

    Returns
    -------
    (T, N) [rad].

    Raises
    ------
    SingularPhaseError
        An amplitude vanished within a step, or left float64: there is nothing to divide by.
    ValueError, TypeError
        No step, or a step that is not positive and finite; not one finite real phase per node.

    References
    ----------
    THEORY T8; Budzinski et al. (2022), Chaos 32, 031104.
    """
    count, length = require_integer(steps, "the number of steps"), float(real_array("step", step, ()))
    if count < 1 or not length > 0:
        msg = f"give at least one step of positive length, got {count} steps of {length}"
        raise ValueError(msg)
    x = np.exp(1j * real_array("initial", initial, (oscillators.nodes,)))
    turning = 1j * np.diag(oscillators.frequencies)
    with np.errstate(all="ignore"):
        if splitting:
            propagator = expm(turning * length) @ expm((oscillators.coupling_matrix - turning) * length)
        else:
            propagator = expm(oscillators.coupling_matrix * length)
        for k in range(count):
            x = propagator @ x
            sizes = np.abs(x)
            if not (np.isfinite(sizes) & (sizes > 0)).all():
                msg = f"in step {k + 1} an amplitude vanishes or leaves float64: give shorter steps"
                raise SingularPhaseError(msg)
            x /= sizes
    phases: Array = np.angle(x)
    return phases


def phase_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The largest difference of two sets of phases, modulo 2π [rad].

    Raises
    ------
    ValueError, TypeError
        Phases that are no finite real numbers, none, or two shapes that differ.

    Examples
    --------
    >>> round(phase_distance([0.0, 3.1], [0.0, -3.1]), 4)
    0.0832
    """
    one = real_array("the first phases", first)
    other = real_array("the second phases", second, one.shape)
    if not one.size:
        msg = "there are no phases to compare"
        raise ValueError(msg)
    return float(np.abs(np.angle(np.exp(1j * (one - other)))).max())
