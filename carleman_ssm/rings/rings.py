r"""The channels of a trained layer, or of an exact model at numeric steps, as rings of nodes in float64.

With the wave numbers $f_n$ of the closure and the normalised node contents
$h_j = \frac1N \sum_n x_n e^{-2\pi i f_n j/N}$, $x_n = \sum_j h_j e^{2\pi i f_n j/N}$, one step is

$$h_j(k) = \sum_l p_{(j-l) \bmod N}\, h_l(k-1) + \beta_j u_k, \qquad
  y_k = \sum_j C_j h_j(k) + D u_k \quad (2\,\mathrm{Re} \text{ of the sum for stored pairs}),$$

$p_d = \frac1N \sum_n \lambda_n e^{-2\pi i f_n d/N}$ and $C_j = \sum_n c_n e^{2\pi i f_n j/N}$. The state starts at
rest and the output reads the new state. The same definitions hold exactly in `theory.ring.RingEmbedding`; that the
arrays agree with it is measured in tests/test_ring_bridges.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.layers import Array, ComplexArray, S4DLayer, parameter_array
from carleman_ssm.rings.ring_modes import (
    Integers,
    StoredModes,
    mode_order,
    model_modes,
    permutation,
    stored_modes,
)
from carleman_ssm.rings.ring_states import node_states
from carleman_ssm.theory.ring_modes import (
    AUTO,
    CLOSURES,
    COMPLEX,
    GAUGES,
    REAL,
    UNIT_INPUT,
    require_choice,
)
from carleman_ssm.theory.ssm import DiagonalSSM

RealOrComplex = Array | ComplexArray


@dataclass(frozen=True, eq=False, repr=False)
class Rings(Brief):
    r"""H rings of N nodes, one for each channel; `layer_rings` and `model_rings` build them.

    Parameters
    ----------
    eigenvalues
        (H, N) $a_n$ [1/time] of the ring modes, by ascending wave number (`frequencies`).
    multipliers
        (H, N) $\lambda_n$, what one step does to a mode.
    input_vector, output_vector
        (H, N) $\bar b_n$ and $c_n$, in the gauge.
    feedthrough
        (H,) $D$.
    step
        (H,) $\Delta t$ [time].
    closure
        ``"complex"``, ``"real"`` or ``"antiperiodic"``.
    gauge
        ``"unit-input"``: $\bar b_n = 1$, folded into $c_n$, so that the input enters node 0 alone (T1′);
        ``"textbook"``: $\bar b_n$ of the discretisation.
    order
        (H, M): ``order[h, i]`` is the stored mode at the i-th wave number that is not negative.
    conjugate_pairs
        True on a complex ring of stored conjugate pairs: the output is twice a real part.

    Raises
    ------
    ValueError
        Arrays that do not fit each other, or an unknown closure or gauge.

    References
    ----------
    THEORY T1, T1′, T5, T5b.
    """

    eigenvalues: ComplexArray
    multipliers: ComplexArray
    input_vector: ComplexArray
    output_vector: ComplexArray
    feedthrough: Array
    step: Array
    closure: str
    gauge: str
    order: Integers
    conjugate_pairs: bool

    def __post_init__(self) -> None:
        require_choice(self.closure, CLOSURES, "closure")
        require_choice(self.gauge, GAUGES, "gauge")
        shape = np.shape(self.eigenvalues)
        for name in ("eigenvalues", "multipliers", "input_vector", "output_vector"):
            object.__setattr__(self, name, _ring_array(name, getattr(self, name), shape, self.closure))
        object.__setattr__(self, "feedthrough", parameter_array("feedthrough", self.feedthrough, shape[:1]))
        object.__setattr__(self, "step", parameter_array("step", self.step, shape[:1]))
        object.__setattr__(self, "order", permutation(self.order, (shape[0], stored_modes(self.closure, shape[1]))))

    @property
    def channels(self) -> int:
        """H."""
        return int(self.eigenvalues.shape[0])

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.eigenvalues.shape[1])

    @property
    def is_real(self) -> bool:
        """True when the nodes hold real numbers (real and antiperiodic closures)."""
        return self.closure != COMPLEX

    @cached_property
    def frequencies(self) -> Array:
        """Wave numbers (N,), ascending: 0 … N - 1, or -(M - 1) … M - 1, or half-integers."""
        first = 0.0 if self.closure == COMPLEX else -(self.nodes - 1) / 2
        return np.asarray(first + np.arange(self.nodes), dtype=np.float64)

    @cached_property
    def waves(self) -> ComplexArray:
        r"""$e^{2\pi i f_n j/N}$, (N nodes, N modes); the angle is reduced in integers before it is rounded."""
        turns = np.outer(np.arange(self.nodes), np.rint(2 * self.frequencies).astype(np.int64)) % (2 * self.nodes)
        result: ComplexArray = np.exp(1j * np.pi / self.nodes * turns)
        return result

    @property
    def couplings(self) -> RealOrComplex:
        r"""$w_d = \frac1N \sum_n a_n e^{-2\pi i f_n d/N}$ [1/time], (H, N): the first column of W."""
        return self._on_nodes(self.eigenvalues)

    @property
    def propagator(self) -> RealOrComplex:
        r"""$p_d = \frac1N \sum_n \lambda_n e^{-2\pi i f_n d/N}$, (H, N): the first column of one step."""
        return self._on_nodes(self.multipliers)

    @property
    def kick(self) -> RealOrComplex:
        r"""$\beta_j$, (H, N): where one unit of input enters; node 0 alone in the unit-input gauge."""
        return self._on_nodes(self.input_vector)

    @property
    def readout_weights(self) -> RealOrComplex:
        r"""$C_j = \sum_n c_n e^{2\pi i f_n j/N}$, (H, N)."""
        return self._part(self.output_vector @ self.waves.T)

    def mode_amplitudes(self, h: npt.ArrayLike) -> ComplexArray:
        r"""$x_n = \sum_j h_j e^{2\pi i f_n j/N}$ for node contents (…, N)."""
        result: ComplexArray = np.asarray(h) @ self.waves
        return result

    def node_contents(self, u: npt.ArrayLike) -> RealOrComplex:
        r"""$h_j(k)$ after each step of inputs from rest.

        Parameters
        ----------
        u
            (batch, length, H) real and finite.

        Returns
        -------
        (batch, length, H, N), complex128 on complex rings, float64 on real and anti-periodic ones.

        Raises
        ------
        ValueError
            Wrong shape, NaN or infinity, or contents that leave the range of float64.
        """
        return node_states(self.multipliers, self.input_vector, self.closure, self._checked(u))

    def output(self, h: npt.ArrayLike, u: npt.ArrayLike) -> RealOrComplex:
        r"""$y_k$ of node contents (batch, length, H, N) and inputs (batch, length, H).

        Real, but complex for a complex ring that does not stand for conjugate pairs.

        Raises
        ------
        ValueError
            The shapes do not belong together, or contents are not finite numbers.
        """
        inputs, contents = self._checked(u), np.asarray(h)
        if contents.dtype.kind not in "fciub" or not np.isfinite(contents).all():
            msg = "node contents hold NaN, infinity or values that are not numbers"
            raise ValueError(msg)
        if contents.shape != (*inputs.shape, self.nodes):
            msg = f"node contents of these inputs have shape {(*inputs.shape, self.nodes)}, got {contents.shape}"
            raise ValueError(msg)
        read = np.einsum("hn,bthn->bth", self.readout_weights, contents)
        result: RealOrComplex = (2 * read.real if self.conjugate_pairs else read) + self.feedthrough * inputs
        return result

    def _on_nodes(self, modes: ComplexArray) -> RealOrComplex:
        return self._part(modes @ self.waves.conj().T / self.nodes)

    def _part(self, values: ComplexArray) -> RealOrComplex:
        """The conjugate modes of a real ring add up to real numbers; what is left of Im is rounding."""
        return np.ascontiguousarray(values.real) if self.is_real else values

    def _checked(self, u: npt.ArrayLike) -> Array:
        inputs = np.asarray(u)
        if inputs.ndim != 3 or inputs.shape[2] != self.channels or inputs.shape[1] < 1:
            msg = f"inputs have shape {inputs.shape}, expected (batch, length, {self.channels}) with at least one step"
            raise ValueError(msg)
        if inputs.dtype.kind not in "fiub" or not np.isfinite(inputs).all():
            msg = "inputs hold NaN, infinity or values that are not real numbers"
            raise ValueError(msg)
        return inputs.astype(np.float64)


def layer_rings(
    layer: S4DLayer, *, closure: str = COMPLEX, gauge: str = UNIT_INPUT, order: str | npt.ArrayLike = AUTO
) -> Rings:
    r"""The rings of a trained layer, one for each channel, by the layer's own discretization.

    Parameters
    ----------
    closure, gauge
        See `Rings`. A trained spectrum without a real mode has no real ring, but an anti-periodic one (T5b).
    order
        ``"index"``, ``"angle"`` (by arg λ in (-π, π]), a permutation (M,) or (H, M), or ``"auto"``: the index in
        each channel where max|Im a|·Δt < π or Im a is affine in the index, else by arg λ (T6).

    Raises
    ------
    ValueError
        An unknown choice, an order that is no permutation, a spectrum that the closure cannot hold.

    References
    ----------
    THEORY T1, T1′, T5, T5b.

    Examples
    --------
    >>> layer = S4DLayer([0.0], [[0.0, 0.0]], [[0.0, 1.0]], [[1.0 + 0j, 0.5j]], [0.0])
    >>> rings = layer_rings(layer, closure="real")
    >>> impulse = np.eye(1, 4)[..., None]
    >>> bool(np.allclose(rings.output(rings.node_contents(impulse), impulse)[0, :, 0], layer.kernel(4)[0]))
    True
    """
    stored = StoredModes(
        layer.eigenvalues,
        layer.multipliers,
        layer.input_vector,
        layer.C,
        layer.D,
        layer.step,
        wraps=layer.discretization == "zoh",
        pairs=True,
    )
    return _rings(stored, closure, gauge, order)


def model_rings(
    ssm: DiagonalSSM,
    step: float | npt.ArrayLike,
    *,
    discretization: str = "zoh",
    closure: str = COMPLEX,
    gauge: str = UNIT_INPUT,
    order: str | npt.ArrayLike = AUTO,
) -> Rings:
    r"""The rings of one exact model with numeric entries, at one step or at several: a channel for each.

    Parameters
    ----------
    ssm
        Entries without symbols; roots of polynomials (S4D-LegS) are taken from certified enclosures.
    step
        $\Delta t$ [time], a number or (H,), positive.
    discretization
        ``"zoh"`` or ``"bilinear"``.
    closure, gauge, order
        As in `layer_rings`; aliasing is no question for the bilinear rule, whose |arg λ| < π.

    Raises
    ------
    ValueError
        Symbols in the model, a step that is not positive, or as in `layer_rings`.

    References
    ----------
    THEORY T1, T1′, T5, T5b.
    """
    return _rings(model_modes(ssm, step, discretization), closure, gauge, order)


def _rings(stored: StoredModes, closure: str, gauge: str, order: str | npt.ArrayLike) -> Rings:
    require_choice(closure, CLOSURES, "closure")
    require_choice(gauge, GAUGES, "gauge")
    if closure != COMPLEX and not stored.pairs:
        msg = f"the {closure} closure joins stored conjugate pairs; this model has none: use closure='complex'"
        raise ValueError(msg)
    if gauge == UNIT_INPUT:
        stored = stored.in_unit_gauge()
    arranged = mode_order(stored, order, real_mode_first=closure == REAL)
    a, multipliers, b, c = stored.on_ring(arranged, closure)
    doubled = stored.pairs and closure == COMPLEX
    return Rings(a, multipliers, b, c, stored.feedthrough, stored.step, closure, gauge, arranged, doubled)


def _ring_array(name: str, values: npt.ArrayLike, shape: tuple[int, ...], closure: str) -> ComplexArray:
    array = np.array(values, dtype=np.complex128)
    if array.shape != shape or array.ndim != 2 or 0 in shape or not np.isfinite(array).all():
        msg = f"{name} must be finite and of shape (H, N) = {shape} like the eigenvalues, got {array.shape}"
        raise ValueError(msg)
    if closure != COMPLEX and (array != array[:, ::-1].conj()).any():
        msg = f"{name} of a ring of real nodes must hold the conjugate of wave number f at -f: build it by layer_rings"
        raise ValueError(msg)
    array.flags.writeable = False
    return array
