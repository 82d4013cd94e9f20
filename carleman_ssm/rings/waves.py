r"""How rigidly, how fast and for how long waves travel on numeric rings; nothing here is proved, all is measured.

A step of a ring is a rigid shift, $h_j \to \rho e^{i\varphi} h_{j-\delta}$, exactly when
$\lambda_n = \rho e^{i\varphi} e^{2\pi i \delta n/N}$ in ring order (THEORY T6). `rigidity` measures the distance to the
nearest such law, `kick_participation` how many nodes share an impulse later, `dispersion` the velocity of each mode.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.exact_numbers import to_complex
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.rings.rigidity import TURN, Rigidity, revolution_steps, rigidity, wrapped
from carleman_ssm.rings.rings import Rings, layer_rings
from carleman_ssm.theory.initialisations import s4d_lin
from carleman_ssm.theory.ring_modes import ANGLE, COMPLEX, INDEX

REVOLUTIONS = (0.25, 0.5, 1.0)
"""When the table looks at a kick, in revolutions of the nearest rigid law."""

LIN_REVOLUTION = 2.0
"""The time in which the waves of S4D-Lin go around once, whatever N (THEORY T3)."""

Masked = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]

__all__ = [
    "LIN_REVOLUTION",
    "ChannelWaves",
    "Masked",
    "ModeVelocities",
    "Rigidity",
    "dispersion",
    "kick_participation",
    "kick_states",
    "participation_ratio",
    "revolution_steps",
    "rigidity",
    "wave_table",
    "with_lin_spectrum",
]


def participation_ratio(h: npt.ArrayLike, axis: int = -1) -> Array:
    r"""$(\sum_j|h_j|^2)^2/\sum_j|h_j|^4$: how many nodes share the energy, from 1 (one node) to N (all alike).

    A pattern without energy has the ratio 0. The formula of `theory.localisation.participation_ratio_formula`, scaled
    so that no square under- or overflows; that the two agree is measured in tests/test_ring_bridges.py.

    Returns
    -------
    Of the shape of `h` without the axis.

    References
    ----------
    THEORY T6 (ii).

    Examples
    --------
    >>> participation_ratio([[0, 3, 0, 0], [1, -1, 1j, 1], [0, 0, 0, 0]])
    array([1., 4., 0.])
    """
    amplitude = np.abs(np.asarray(h))
    largest = amplitude.max(axis=axis, keepdims=True)
    energy = np.divide(amplitude, largest, out=np.zeros_like(amplitude, dtype=np.float64), where=largest > 0) ** 2
    total, squares = energy.sum(axis=axis), (energy**2).sum(axis=axis)
    ratio: Array = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    return ratio


@dataclass(frozen=True, eq=False, repr=False)
class ModeVelocities(Brief):
    r"""Velocities of the modes of H rings, (H, N) masked arrays, towards +j where positive.

    Parameters
    ----------
    frequencies
        (N,) wave numbers.
    phase_velocity, group_velocity
        $N \mathrm{Im}\,a_n/(2\pi f_n)$ and $\frac{N}{2\pi}\frac{d\,\mathrm{Im}\,a}{df}$ [nodes per time], the
        derivative as the mean difference to the neighbouring modes; the phase velocity of wave number 0 is masked.
    phase_velocity_per_step, group_velocity_per_step
        The same of $\arg\lambda_n$ [nodes per step], whose differences are taken modulo 2π and whose sum starts at the
        wave number nearest to 0.

    References
    ----------
    THEORY T6 (i).
    """

    frequencies: Array
    phase_velocity: Masked
    group_velocity: Masked
    phase_velocity_per_step: Masked
    group_velocity_per_step: Masked


def dispersion(rings: Rings) -> ModeVelocities:
    """Phase and group velocity of every mode (T6 i), from numbers; in closed form see `theory.dispersion`.

    Returns
    -------
    ModeVelocities
        Masked arrays (H, N).

    References
    ----------
    THEORY T6 (i).
    """
    f = rings.frequencies
    angular = rings.eigenvalues.imag
    turned = np.angle(rings.multipliers)
    slowest = int(np.argmin(np.abs(f)))
    path = np.cumsum(np.concatenate([turned[:, :1], wrapped(np.diff(turned, axis=1))], axis=1), axis=1)
    path = path + (turned - path)[:, slowest, None]
    return ModeVelocities(f, _phase(angular, f), _group(angular), _phase(path, f), _group(path))


def _phase(law: Array, frequencies: Array) -> Masked:
    nodes = law.shape[1]
    standing = np.broadcast_to(frequencies == 0, law.shape)
    return _masked(nodes / TURN * law / np.where(standing, 1.0, frequencies), standing)


def _group(law: Array) -> Masked:
    nodes = law.shape[1]
    if nodes == 1:
        return _masked(np.zeros_like(law), np.ones_like(law, dtype=np.bool_))
    return _masked(nodes / TURN * np.gradient(law, axis=1), np.zeros_like(law, dtype=np.bool_))


def _masked(values: Array, mask: npt.NDArray[np.bool_]) -> Masked:
    result: Masked = np.ma.masked_array(values, mask=mask)
    return result


def kick_states(rings: Rings, steps: npt.ArrayLike) -> ComplexArray:
    r"""$\frac1N\sum_n\lambda_n^k e^{-2\pi i f_n j/N}$: k steps after a kick of node 0, (K, H, N).

    Parameters
    ----------
    steps
        Whole numbers (K,), or (K, H) to look at each channel at its own steps.

    Raises
    ------
    ValueError
        Steps that are no whole numbers, or a growing ring that leaves the range of float64 by then.
    """
    count = np.asarray(steps)
    if count.dtype.kind not in "iu" or count.ndim not in (1, 2) or (count < 0).any():
        msg = "steps must be whole numbers of shape (K,) or (K, H), none negative"
        raise ValueError(msg)
    exponents = count[:, None] if count.ndim == 1 else count
    with np.errstate(over="ignore", invalid="ignore"):
        grown = rings.multipliers ** exponents[..., None]
    if not np.isfinite(grown).all():
        msg = "a kick leaves the range of float64: a multiplier beyond 1 grows without bound; look at fewer steps"
        raise ValueError(msg)
    result: ComplexArray = grown @ rings.waves.conj().T / rings.nodes
    return result


def kick_participation(rings: Rings, steps: npt.ArrayLike) -> Array:
    """How many nodes share the energy k steps after a kick of one node, (K, H).

    Returns
    -------
    (K, H), between 1 and N; 0 where nothing is left of the kick.

    References
    ----------
    THEORY T6 (ii).
    """
    return participation_ratio(kick_states(rings, steps))


@dataclass(frozen=True)
class ChannelWaves:
    r"""What is measured on the ring of one channel of a trained network; plain numbers, ready for JSON.

    Parameters
    ----------
    layer, channel
        Counted from 0.
    closure, order, nodes
        The ring: its closure, whether its modes are in ``"index"`` order or by ``"angle"``, and N.
    step
        $\Delta t$ [time].
    hop, offset, phase_residual, relative_residual, radius, radius_residual
        See `Rigidity`; nodes per step, rad, rad per step, a share of the mode spacing, 1, 1.
    group_velocity, group_velocity_per_step
        Median over the modes [nodes per time], [nodes per step].
    revolution_steps, revolution_time
        $N/|\delta|$ [steps] and times Δt [time].
    wraps
        Revolutions over the length of the sequence.
    participation, lin_participation
        Nodes that share a kick of one node after 1/4, 1/2 and 1 revolution (rounded to steps), here and on the ring of
        S4D-Lin with the same N and Δt at the same steps.

    References
    ----------
    THEORY T3, T6.
    """

    layer: int
    channel: int
    closure: str
    order: str
    nodes: int
    step: float
    hop: float
    offset: float
    phase_residual: float
    relative_residual: float | None
    radius: float
    radius_residual: float
    group_velocity: float | None
    group_velocity_per_step: float | None
    revolution_steps: float | None
    revolution_time: float | None
    wraps: float
    participation: tuple[float, ...]
    lin_participation: tuple[float, ...]

    def as_dict(self) -> dict[str, object]:
        """Name to value; a quantity that is infinite or undefined is None."""
        return asdict(self)


def with_lin_spectrum(layer: S4DLayer) -> S4DLayer:
    """The layer with the spectrum of `s4d_lin` and everything else as it is.

    Returns
    -------
    S4DLayer

    References
    ----------
    Gu et al. (2022), S4D, eq. 9.
    """
    spectrum = np.broadcast_to(to_complex(s4d_lin(layer.modes).eigenvalues, "eigenvalues"), layer.A_imag.shape)
    return replace(layer, log_A_real=np.log(-spectrum.real), A_imag=spectrum.imag)


def wave_table(network: S4DNetwork, length: int, *, closure: str = COMPLEX) -> tuple[ChannelWaves, ...]:
    """The wave quantities of every layer and channel of a network, for sequences of `length` steps.

    Returns
    -------
    One `ChannelWaves` for each layer and channel, in their order.

    Raises
    ------
    ValueError
        The length is not positive, or the closure does not hold the spectra (see `layer_rings`).

    References
    ----------
    THEORY T3, T6.
    """
    if length < 1:
        msg = f"a sequence has at least one step, got length {length}"
        raise ValueError(msg)
    return tuple(
        row for index, layer in enumerate(network.layers) for row in _layer_waves(index, layer, length, closure)
    )


def _layer_waves(index: int, layer: S4DLayer, length: int, closure: str) -> list[ChannelWaves]:
    rings = layer_rings(layer, closure=closure)
    reference = layer_rings(with_lin_spectrum(layer), closure=closure, order=INDEX)
    law, moving = rigidity(rings.multipliers), dispersion(rings)
    revolution = law.revolution_steps
    looked = np.where(np.isfinite(revolution), revolution, 0.0) * np.array(REVOLUTIONS)[:, None]
    steps = np.rint(looked).astype(np.int64)
    spread, lin = kick_participation(rings, steps), kick_participation(reference, steps)
    in_order = (rings.order == np.arange(layer.modes)).all(axis=1)
    rows = []
    for h in range(layer.channels):
        row = ChannelWaves(
            layer=index,
            channel=h,
            closure=closure,
            order=INDEX if in_order[h] else ANGLE,
            nodes=rings.nodes,
            step=float(rings.step[h]),
            hop=float(law.hop[h]),
            offset=float(law.offset[h]),
            phase_residual=float(law.phase_residual[h]),
            relative_residual=_finite(law.relative_residual[h]),
            radius=float(law.radius[h]),
            radius_residual=float(law.radius_residual[h]),
            group_velocity=_median(moving.group_velocity[h]),
            group_velocity_per_step=_median(moving.group_velocity_per_step[h]),
            revolution_steps=_finite(revolution[h]),
            revolution_time=_finite(revolution[h] * rings.step[h]),
            wraps=float(law.wraps(length)[h]),
            participation=tuple(spread[:, h].tolist()),
            lin_participation=tuple(lin[:, h].tolist()),
        )
        rows.append(row)
    return rows


def _median(velocities: Masked) -> float | None:
    known = velocities.compressed()
    return float(np.median(known)) if len(known) else None


def _finite(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
