r"""What an edit of a sequence may do: which steps, channels and frequencies, how smoothly, between which values.

An edit δ (L, d) is added to a sequence. Which steps, which channels and which frequencies it may use are linear
subspaces, $\delta = Bz$; a preference for smooth edits is a metric,

$$\lVert\delta\rVert_\mu^2 = \lVert\delta\rVert^2 + \mu\sum_{k\ge1}\lVert\delta_k - \delta_{k-1}\rVert^2
= \delta^\top M\delta .$$

The columns of B are orthonormal in that metric, $B^\top MB = I$, so $\lVert z\rVert = \lVert\delta\rVert_\mu$ and a
problem of smallest change in δ is one of the same kind in z: what THEORY T22 proves global stays global. Limits of the
values and the number of values that change are no subspaces; edits under them are local or relaxed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import real_array

Indices = np.ndarray[tuple[int, ...], np.dtype[np.intp]]


@dataclass(frozen=True, eq=False, repr=False)
class EditSpace(Brief):
    r"""The subspace $\delta = Bz$ of the edits of sequences (L, d), as a map that is never written out.

    Parameters
    ----------
    length, features
        L and d.
    step_basis
        $T$ (L, r), orthonormal in the metric, or None for the steps themselves (then r = L).
    columns
        Which of the r · d products of a column of T and a channel are coordinates, counted channel by channel within
        a column of T.
    smoothness
        μ of the metric.
    """

    length: int
    features: int
    step_basis: Floats | None
    columns: Indices
    smoothness: float = 0.0

    @property
    def dimension(self) -> int:
        """Number of coordinates z."""
        return len(self.columns)

    @property
    def is_everything(self) -> bool:
        """True when z is the flattened edit itself: every value may change, in the plain norm."""
        return self.step_basis is None and self.dimension == self.length * self.features

    def expand(self, coordinates: Floats) -> Floats:
        """Edits $Bz$ (…, L, d) of coordinates (…, r)."""
        width = self.length if self.step_basis is None else self.step_basis.shape[1]
        grid = np.zeros((*coordinates.shape[:-1], width * self.features))
        grid[..., self.columns] = coordinates
        grid = grid.reshape(*coordinates.shape[:-1], width, self.features)
        return grid if self.step_basis is None else np.asarray(self.step_basis @ grid)

    def reduce(self, gradients: Floats) -> Floats:
        r"""$B^\top g$ (…, r) of gradients g (…, L, d): derivatives with respect to the coordinates."""
        grid = gradients if self.step_basis is None else self.step_basis.T @ gradients
        result: Floats = grid.reshape(*gradients.shape[:-2], -1)[..., self.columns]
        return result

    def coordinates(self, edits: Floats) -> Floats:
        r"""$z = B^\top M\delta$ (…, r): of the nearest edit of the subspace, in the metric, to edits (…, L, d)."""
        return self.reduce(with_metric(edits, self.smoothness))

    def matrix(self) -> Floats:
        """$B$ (L · d, r), its rows the values of the flattened edit."""
        return self.expand(np.eye(self.dimension)).reshape(self.dimension, -1).T


@dataclass(frozen=True, eq=False, repr=False)
class EditConstraints(Brief):
    r"""What an edit may do; without arguments, anything.

    Parameters
    ----------
    lags
        Steps that may change, counted back from the last one: lag m is step L − 1 − m, on which $K_m$ acts when the
        last step is read.
    channels
        Input channels (features) that may change.
    box
        (low, high): the *edited* values stay between them. Numbers, or arrays that broadcast to (L, d); low < high,
        and ±∞ for no limit.
    band
        (low, high) in cycles per step, $0\le$ low $\le$ high $\le\tfrac12$: the edit is a combination of the cosines
        $\cos(\pi j(k+\tfrac12)/n)$, of frequency $j/2n$, over the n steps that may change (DCT-II; these must be
        consecutive). Beyond them the edit is zero, and the jump there is not counted.
    smoothness
        $\mu\ge0$ in the metric of this module; 0 is the plain norm.
    sparsity
        At most so many values (step, channel) change. Which ones is searched for, never proved best.

    Raises
    ------
    ValueError
        An entry is empty, repeated, out of range or contradicts another.
    TypeError
        Indices are no list of integers, or band and smoothness no real numbers.

    References
    ----------
    THEORY T22 (subspaces and metrics are changes of variables).

    Examples
    --------
    >>> space = EditConstraints(lags=[0, 1]).space(4, 1)
    >>> space.expand(np.array([1.0, 2.0]))[:, 0].tolist()
    [0.0, 0.0, 1.0, 2.0]
    """

    lags: Iterable[int] | None = None
    channels: Iterable[int] | None = None
    box: tuple[npt.ArrayLike, npt.ArrayLike] | None = None
    band: tuple[float, float] | None = None
    smoothness: float = 0.0
    sparsity: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lags", _indices("lags", self.lags))
        object.__setattr__(self, "channels", _indices("channels", self.channels))
        object.__setattr__(self, "box", _limits(self.box))
        object.__setattr__(self, "band", _band(self.band))
        object.__setattr__(self, "smoothness", float(real_array("smoothness", self.smoothness, ())))
        if self.smoothness < 0.0:
            msg = f"smoothness is at least 0, got {self.smoothness}"
            raise ValueError(msg)
        if self.sparsity is None:
            return
        if isinstance(self.sparsity, bool) or not isinstance(self.sparsity, int | np.integer) or self.sparsity < 1:
            msg = f"sparsity is the number of values that may change, at least 1; got {self.sparsity!r}"
            raise ValueError(msg)
        if self.band is not None or self.smoothness:
            msg = "a sparse edit is neither smooth nor in a band: give sparsity alone, or with lags, channels and box"
            raise ValueError(msg)

    @property
    def is_subspace(self) -> bool:
        """True when only a subspace and a metric are asked for: no box, no sparsity."""
        return self.box is None and self.sparsity is None

    def space(self, length: int, features: int) -> EditSpace:
        """The subspace for sequences (length, features), with its metric.

        Raises
        ------
        ValueError
            A lag or a channel does not exist, steps in a band are not consecutive, or no cosine lies in the band.
        """
        steps, channels = _chosen("lag", self.lags, length), _chosen("channel", self.channels, features)
        steps = np.sort(length - 1 - steps)
        basis = None
        if self.band is not None or self.smoothness:
            basis = _orthonormal(_step_basis(length, steps, self.band), self.smoothness)
            steps = np.arange(basis.shape[1])
        columns = (steps[:, None] * features + channels).reshape(-1)
        return EditSpace(length, features, basis, columns, float(self.smoothness))

    def basis(self, length: int, features: int) -> Floats:
        r"""$B$ (L · d, r) with $B^\top MB = I$; orthonormal columns where `smoothness` is 0.

        Raises
        ------
        ValueError
            As `space`.
        """
        return self.space(length, features).matrix()

    def norm(self, edit: Floats) -> float:
        r"""$\lVert\delta\rVert_\mu$ of an edit (L, d)."""
        return float(np.sqrt(np.sum(edit * with_metric(edit, self.smoothness))))

    def limits(self, sequence: Floats) -> tuple[Floats, Floats]:
        r"""Least and largest edit (L, d) that keeps a sequence (L, d) in the box; ∓∞ without one.

        Raises
        ------
        ValueError
            The box does not broadcast to the sequence, or a value that may not change lies outside it.
        """
        low, high = (-np.inf, np.inf) if self.box is None else self.box
        try:
            lower = np.broadcast_to(low, sequence.shape) - sequence
            upper = np.broadcast_to(high, sequence.shape) - sequence
        except ValueError as error:
            msg = f"a box of shapes {np.shape(low)} and {np.shape(high)} does not go with a sequence {sequence.shape}"
            raise ValueError(msg) from error
        outside = (lower > 0.0) | (upper < 0.0)
        if outside.any():
            free = EditConstraints(lags=self.lags, channels=self.channels).space(*sequence.shape)
            outside.reshape(-1)[free.columns] = False
        if outside.any():
            step, channel = (int(index) for index in np.argwhere(outside)[0])
            msg = (
                f"the sequence lies outside the box at step {step}, channel {channel}, which may not change: let it "
                "change, or widen the box"
            )
            raise ValueError(msg)
        return lower, upper


def with_metric(edits: Floats, smoothness: float) -> Floats:
    r"""$M\delta = \delta + \mu D^\top D\delta$ for edits (…, L, d), D the difference of consecutive steps."""
    if smoothness == 0.0:
        return edits
    steps = smoothness * np.diff(edits, axis=-2)
    result = np.array(edits, dtype=np.float64)
    result[..., 1:, :] += steps
    result[..., :-1, :] -= steps
    return result


def cosines(length: int, band: tuple[float, float]) -> Floats:
    r"""Orthonormal cosines (n, r) of frequencies $j/2n$ in a band of cycles per step (DCT-II), lowest first.

    Raises
    ------
    ValueError
        None lies in the band.
    """
    frequencies = np.arange(length) / (2.0 * length)
    chosen = np.flatnonzero((frequencies >= band[0]) & (frequencies <= band[1]))
    if len(chosen) == 0:
        msg = (
            f"no cosine of {length} steps has a frequency in [{band[0]}, {band[1]}] cycles per step: they lie "
            f"{1.0 / (2.0 * length):.6g} apart, the last at {frequencies[-1]:.6g}; widen the band"
        )
        raise ValueError(msg)
    table: Floats = fft.dct(np.eye(length), type=2, norm="ortho", axis=0).T
    return table[:, chosen]


def _step_basis(length: int, steps: Indices, band: tuple[float, float] | None) -> Floats:
    """Orthonormal columns (L, r) over the steps that may change, in their band."""
    if band is None:
        return np.asarray(np.eye(length)[:, steps])
    if len(steps) != steps[-1] - steps[0] + 1:
        msg = "a band needs consecutive steps: choose lags without gaps, or no band"
        raise ValueError(msg)
    window = cosines(len(steps), band)
    basis = np.zeros((length, window.shape[1]))
    basis[steps] = window
    return basis


def _orthonormal(basis: Floats, smoothness: float) -> Floats:
    r"""Orthonormal columns made orthonormal in the metric: $T(T^\top MT)^{-1/2}$ by its Cholesky factor."""
    if smoothness == 0.0:
        return basis
    gram = basis.T @ with_metric(basis, smoothness)
    result: Floats = np.linalg.solve(np.linalg.cholesky(gram), basis.T).T
    return result


def _indices(name: str, given: Iterable[object] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, Iterable) or isinstance(given, str):
        msg = f"{name} are integers in a list, got {given!r}"
        raise TypeError(msg)
    found = list(given)
    integers = [int(index) for index in found if isinstance(index, int | np.integer) and not isinstance(index, bool)]
    if len(integers) < len(found):
        msg = f"{name} are integers, got {found!r}"
        raise TypeError(msg)
    if not integers or min(integers) < 0 or len(set(integers)) < len(integers):
        msg = f"{name} are different numbers from 0 on, at least one; got {found!r}"
        raise ValueError(msg)
    return tuple(sorted(integers))


def _chosen(what: str, given: Iterable[int] | None, count: int) -> Indices:
    if count < 1:
        msg = f"a sequence has at least one step and one channel, got {count}"
        raise ValueError(msg)
    chosen = np.arange(count) if given is None else np.array(list(given), dtype=np.intp)
    if chosen.max() >= count:
        msg = f"{what} {int(chosen.max())} does not exist: there are {count}, numbered from 0"
        raise ValueError(msg)
    return chosen


def _limits(box: Sequence[npt.ArrayLike] | None) -> tuple[Floats, Floats] | None:
    """Copies that nobody can change after the check."""
    if box is None:
        return None
    if not isinstance(box, Sequence | np.ndarray) or len(box) != 2:
        msg = f"a box is (low, high), got {box!r}"
        raise ValueError(msg)
    low, high = (np.array(limit, dtype=np.float64) for limit in box)
    try:
        ordered = bool((low < high).all())
    except ValueError as error:
        msg = f"the halves of a box have to go with each other, got shapes {low.shape} and {high.shape}"
        raise ValueError(msg) from error
    if not ordered:
        msg = "a box needs low < high everywhere (keep values fixed by lags and channels), and no NaN"
        raise ValueError(msg)
    low.flags.writeable = high.flags.writeable = False
    return low, high


def _band(band: Sequence[float] | None) -> tuple[float, float] | None:
    if band is None:
        return None
    low, high = (float(end) for end in real_array("band (low, high)", band, (2,)))
    if not 0.0 <= low <= high <= 0.5:
        msg = f"a band is (low, high) with 0 <= low <= high <= 1/2 cycles per step, got {band!r}"
        raise ValueError(msg)
    return low, high
