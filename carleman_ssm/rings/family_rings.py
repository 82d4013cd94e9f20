r"""Whether waves travel on the ring of a family: measured for one layer, on the multipliers that its inputs cause.

A diagonal recurrence $x_k = \lambda_k \odot x_{k-1} + b_k$ has rings of $N$ nodes, one for each row of modes (a
channel, a head, a direction). In the gauge $b = 1$ a kick enters node 0 alone and leaves

$$h_j(k) = \frac1N \sum_n \Big(\prod_{i \le k} \lambda_{i,n}\Big) e^{-2\pi i n j/N}$$

after k steps, whichever input channel it came from; in the gauge of the layer itself channel c kicks the ring by
$\frac1N \sum_n (\bar B e_c)_n e^{-2\pi i n j/N}$, so that several inputs are several kicks that superpose. Real
multipliers that are not negative carry no wave (THEORY T6 v, proved in `theory.real_spectra`). Negative ones prefer no
side either, but a kick may hop by half of the ring. The rest is measured. The multipliers of a dense layer are enclosed
eigenvalues; nothing is told of those that rounding may have made real or complex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.dense_spectrum import DenseSpectrum
from carleman_ssm.families.family import Family
from carleman_ssm.families.scans import InvariantDenseScan
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import complex_array, real_array
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.rings.family_multipliers import layer_multipliers
from carleman_ssm.rings.rigidity import TURN, rigidity
from carleman_ssm.rings.wave_words import LEAST_NODES, SPREADS, complex_words, real_words, untold_words
from carleman_ssm.rings.waves import participation_ratio

AS_RIGID = 1e-6
"""Residuals [mode spacings] closer than this are alike; then the modes stay as stored."""

LONGEST = 256
"""Steps that a kick is followed at most, where a revolution would take longer."""

NOISE_STEPS = 16
"""Steps of the noise that tells a selective layer its multipliers, if no inputs are given."""


@dataclass(frozen=True, eq=False, repr=False)
class FamilyRings(Brief):
    r"""The multipliers of a layer by rings, and in which order the modes sit on them.

    Parameters
    ----------
    multipliers
        $\lambda_{k,n}$ (L, R, N) in ring order: L steps (1 if they do not change), R rings, N modes.
    order
        (R, N): ``order[r, n]`` is the stored mode at wave number n.
    spectra
        Of a dense layer, the enclosed spectrum that each ring comes from; None where the multipliers are stored.

    Raises
    ------
    TypeError, ValueError
        Arrays of other shapes, NaN or infinity.

    References
    ----------
    THEORY T1, T1′, T6.
    """

    multipliers: ComplexArray
    order: npt.NDArray[np.int64]
    spectra: tuple[DenseSpectrum, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", complex_array("multipliers", self.multipliers, (None, None, None)))
        if self.order.shape != self.multipliers.shape[1:]:
            msg = f"an order of shape {self.multipliers.shape[1:]} is needed, got {self.order.shape}"
            raise ValueError(msg)

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.multipliers.shape[2])

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """(R,): whether the multipliers of a ring are real, or not, whatever rounding did to the matrix."""
        spectra = self.spectra or ()
        return np.array([spectrum.real is not None for spectrum in spectra] or [True] * len(self.order))

    def only(self, chosen: npt.NDArray[np.bool_]) -> FamilyRings:
        """The chosen rings, (R,)."""
        spectra = (
            None if self.spectra is None else tuple(s for s, kept in zip(self.spectra, chosen, strict=True) if kept)
        )
        return FamilyRings(self.multipliers[:, chosen], self.order[chosen], spectra)

    @property
    def time_invariant(self) -> bool:
        """Whether all steps have the same multipliers."""
        return bool((self.multipliers == self.multipliers[:1]).all())

    @property
    def hops(self) -> Array:
        r"""Nodes per step of the nearest rigid law, (L, R), modulo N; $N\Delta_k/2$ on the clock of S4D-Lin (T19)."""
        return np.stack([rigidity(step).hop for step in self.multipliers])

    @property
    def displacements(self) -> Array:
        r"""Mean shift of a kick by each step, $\frac{N}{2\pi} \arg \sum_{n<N-1} \lambda_{n+1} \bar\lambda_n$, (L, R).

        Nodes, in (-N/2, N/2]. Without a fit, hence a second route to `hops`; 0 for multipliers that are real and not
        negative. With the pair that closes the ring, n = N - 1, it would be the mean place of $|h_j|^2$ on the circle.
        """
        pairs = (self.multipliers[..., 1:] * self.multipliers[..., :-1].conj()).sum(axis=-1)
        result: Array = self.nodes / TURN * np.angle(pairs)
        return result

    def kick(self, steps: int) -> ComplexArray:
        r"""$h_j(k)$, (steps + 1, R, N): a kick of node 0 at once and after each step, in the gauge $b = 1$.

        Raises
        ------
        ValueError
            The multipliers change and are known for fewer steps.
        """
        if not self.time_invariant and steps > len(self.multipliers):
            msg = f"the multipliers change from step to step and are known for {len(self.multipliers)}, not {steps}"
            raise ValueError(msg)
        known = self.multipliers[:1] if self.time_invariant else self.multipliers[:steps]
        moved = np.broadcast_to(known, (steps, *self.order.shape))
        weights = np.concatenate([np.ones((1, *self.order.shape)), np.cumprod(moved, axis=0)])
        return self.contents(weights, ordered=True)

    def contents(self, modes: npt.ArrayLike, *, ordered: bool = False) -> ComplexArray:
        r"""$h_j = \frac1N \sum_n x_n e^{-2\pi i n j/N}$ of modes (…, R, N), as stored unless they are ordered."""
        values = np.asarray(modes)
        arranged = values if ordered else np.take_along_axis(values, np.broadcast_to(self.order, values.shape), axis=-1)
        result: ComplexArray = np.fft.fft(arranged, norm="forward")
        return result


@dataclass(frozen=True)
class FamilyWaves:
    """What was found of the waves of one layer; numbers are medians over its rings, None where it has none.

    Parameters
    ----------
    real, nonnegative
        Whether all multipliers are real, and not below 0.
    nodes
        N.
    hop
        Nodes per step of the nearest rigid law; of the first step, where steps differ.
    residual
        Its phase residual in mode spacings, None where it does not move and yet has one; from `SPREADS`
        on a pattern spreads within a revolution.
    participation
        How many nodes share a kick after one revolution of that law, or after the longest run.
    words
        The verdict.
    resolved
        False: the multipliers are eigenvalues that rounding may have made complex, or real, so that nothing is told.
    """

    real: bool
    nonnegative: bool
    nodes: int | None
    hop: float | None
    residual: float | None
    participation: float | None
    words: str
    resolved: bool = True

    @property
    def travels(self) -> bool:
        """Whether patterns move to one side; a hop by half of the ring, of negative multipliers, has none."""
        return self.nodes is not None and self.resolved and not self.real

    @property
    def rigid(self) -> bool:
        """Whether they keep their shape for a revolution; not told of one or two modes."""
        enough = self.nodes is not None and self.nodes >= LEAST_NODES
        return self.travels and enough and self.residual is not None and self.residual < SPREADS


def family_rings(family: Family, inputs: npt.ArrayLike | None = None) -> FamilyRings | None:
    r"""The rings of a layer, for the multipliers that the first of the input sequences causes.

    Parameters
    ----------
    family
        Any layer; a dense time-invariant one (S4) through the enclosed eigenvalues of its matrix.
    inputs
        (batch, L, H), or None for seeded noise. Of no effect on a time-invariant layer.

    Returns
    -------
    FamilyRings or None
        In the order, as stored or by angle, that is nearer to a rigid law (T6 iii); None if the transitions do not
        commute, so that no frame makes rings of all of them.
    """
    given = np.random.default_rng(0).normal(size=(1, NOISE_STEPS, family.channels)) if inputs is None else inputs
    scan = family.scan(real_array("inputs", given, (None, None, family.channels)))
    found = layer_multipliers(family, scan)
    if found is None:
        return None
    multipliers = found.values
    by_index = np.broadcast_to(np.arange(multipliers.shape[2]), multipliers.shape[1:])
    by_angle = np.argsort(np.angle(multipliers[0]), axis=-1, kind="stable")
    sorted_law, stored_law = (
        rigidity(np.take_along_axis(multipliers[0], order, axis=-1)).relative_residual for order in (by_angle, by_index)
    )
    better = sorted_law < stored_law - AS_RIGID
    order = np.where(better[:, None], by_angle, by_index).astype(np.int64)
    arranged = np.take_along_axis(multipliers, np.broadcast_to(order, multipliers.shape), axis=-1)
    return FamilyRings(arranged, order, found.spectra)


def kicked_rings(family: Family, channel: int, length: int) -> ComplexArray | None:
    r"""What the nodes hold after each step of an impulse of one input channel: $h(k)$ of $\lambda^{k-1} \bar B e_c$.

    Parameters
    ----------
    family
        A layer with complex or real diagonal transitions.
    channel
        c.
    length
        Steps, the first of which holds the impulse.

    Returns
    -------
    ndarray (length, R, N) in the gauge of the layer, or None if its transitions are not diagonal. Of a matrix state
    the values are added up.

    Raises
    ------
    ValueError
        There is no such channel.
    """
    if not 0 <= channel < family.channels:
        msg = f"the layer has the input channels 0 … {family.channels - 1}, got {channel}"
        raise ValueError(msg)
    impulse = np.zeros((1, length, family.channels))
    impulse[0, 0, channel] = 1.0
    scan, rings = family.scan(impulse), family_rings(family, impulse)
    if rings is None or isinstance(scan, InvariantDenseScan):
        return None
    states = scan.states()[0]
    if states.size != length * rings.order.size:
        states = states.sum(axis=-1)
    return rings.contents(states.reshape(length, *rings.order.shape))


def family_waves(family: Family, inputs: npt.ArrayLike | None = None) -> FamilyWaves:
    """Whether waves travel through a layer, and how rigidly.

    Parameters
    ----------
    family, inputs
        As in `family_rings`.

    Returns
    -------
    FamilyWaves
        Measured, but for what real multipliers imply, which is proved: no wave where none is negative.

    References
    ----------
    THEORY T6, T19.

    Examples
    --------
    >>> from carleman_ssm.families.lru import LRU
    >>> waves = family_waves(LRU.initialise(np.random.default_rng(0), states=16))
    >>> waves.real, waves.rigid, waves.words[:24]
    (False, False, 'waves travel and spread:')
    """
    rings = family_rings(family, inputs)
    if rings is None:
        words = "no ring: the transitions do not commute; each is real, and products of them may turn"
        return FamilyWaves(False, False, None, None, None, None, words)
    every, told = rings, rings.told
    rings = every.only(told)
    real = bool((rings.multipliers.imag == 0).all())
    if real and not told.all():
        return FamilyWaves(
            False, False, every.nodes, None, None, None, untold_words(every.only(~told).spectra or ()), False
        )
    return _told_waves(rings, real=real, untold=int((~told).sum()))


def _told_waves(rings: FamilyRings, *, real: bool, untold: int) -> FamilyWaves:
    nonnegative = real and bool((rings.multipliers.real >= 0).all())
    law = rigidity(rings.multipliers[0])
    hop, spread = float(np.median(law.hop)), float(np.median(law.relative_residual))
    residual = spread if np.isfinite(spread) else None
    followed = len(rings.multipliers) if not rings.time_invariant else LONGEST
    steps = int(min(followed, np.ceil(np.median(law.revolution_steps))))
    participation = float(np.median(participation_ratio(rings.kick(steps)[-1])))
    alike = bool((rings.multipliers == rings.multipliers[..., :1]).all())
    if real:
        words = real_words(alike=alike, nonnegative=nonnegative, computed=rings.spectra is not None)
    else:
        words = complex_words(rings.nodes, hop, residual) + (
            f"; of {untold} more rings nothing is told" if untold else ""
        )
    return FamilyWaves(real, nonnegative, rings.nodes, hop, residual, participation, words)
