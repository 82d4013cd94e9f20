"""Which stored mode sits at which wave number of a ring, and the modes of exact models as numbers.

Orders, gauges and closures of `theory.ring_modes`, for arrays of all channels at once and for angles in float64. That
both mean the same is measured in tests/test_ring_bridges.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.discretization import require_discretization, step_inputs, step_multipliers
from carleman_ssm.networks.exact_numbers import to_complex, to_real
from carleman_ssm.networks.layers import Array, ComplexArray, parameter_array
from carleman_ssm.theory.ring_modes import AUTO, COMPLEX, INDEX, ORDERS, REAL, require_choice
from carleman_ssm.theory.ssm import DiagonalSSM

Integers = npt.NDArray[np.int64]

AFFINE_TOLERANCE = 2.0**-22
"""Share of the largest |Im a| by which a law may differ from an affine one: checkpoints round πn to float32."""


@dataclass(frozen=True, eq=False, repr=False)
class StoredModes(Brief):
    r"""The stored modes of H channels before they are put on a ring: (H, M) each, $D$ and $\Delta t$ (H,).

    `wraps` says that the angle of a multiplier is Im a · Δt taken modulo 2π (zero-order hold); `pairs` that the
    output is twice a real part.
    """

    eigenvalues: ComplexArray
    multipliers: ComplexArray
    input_vector: ComplexArray
    output_vector: ComplexArray
    feedthrough: Array
    step: Array
    wraps: bool
    pairs: bool

    @property
    def vectors(self) -> tuple[ComplexArray, ...]:
        """Eigenvalues, multipliers, input and output, (H, M)."""
        return self.eigenvalues, self.multipliers, self.input_vector, self.output_vector

    def in_unit_gauge(self) -> StoredModes:
        r"""$x_n \to x_n/\bar b_n$: input 1, output $c_n \bar b_n$ (T1′).

        Raises
        ------
        ValueError
            A mode has no input.
        """
        silent = np.argwhere(self.input_vector == 0)
        if len(silent):
            channel, mode = silent[0]
            msg = (
                f"mode {mode} of channel {channel} has no input, so no gauge makes it 1: use gauge='textbook' "
                "or leave the mode out"
            )
            raise ValueError(msg)
        ones = np.ones_like(self.input_vector)
        return replace(self, input_vector=ones, output_vector=self.output_vector * self.input_vector)

    def on_ring(self, order: Integers, closure: str) -> tuple[ComplexArray, ...]:
        """Eigenvalues, multipliers, input and output by ascending wave number, conjugates included: (H, N) each."""
        rows = [np.take_along_axis(values, order, axis=1) for values in self.vectors]
        if closure == COMPLEX:
            return tuple(rows)
        if closure == REAL:  # the two copies of the real mode are one: their output weights add up to 2 Re c
            rows[3][:, 0] = 2 * rows[3][:, 0].real
        skipped = 1 if closure == REAL else 0
        return tuple(np.concatenate([row[:, skipped:][:, ::-1].conj(), row], axis=1) for row in rows)


def stored_modes(closure: str, nodes: int) -> int:
    """M, the number of stored modes behind a ring of N nodes.

    Raises
    ------
    ValueError
        No such ring: a real one has an odd number of nodes, an anti-periodic one an even number.
    """
    if closure != COMPLEX and nodes % 2 != (closure == REAL):
        msg = f"the {closure} closure needs {'2M - 1' if closure == REAL else '2M'} nodes, got {nodes}"
        raise ValueError(msg)
    return nodes if closure == COMPLEX else (nodes + 1) // 2


def mode_order(stored: StoredModes, order: str | npt.ArrayLike, *, real_mode_first: bool) -> Integers:
    """The permutation (H, M) that a name or an array of modes means; for one model see `sampled_order`.

    Raises
    ------
    ValueError
        An unknown name, no permutation, or no single real mode where one is needed at wave number 0.
    """
    by_angle = np.argsort(np.angle(stored.multipliers), axis=1, kind="stable")
    by_index = np.broadcast_to(np.arange(by_angle.shape[1]), by_angle.shape)
    if isinstance(order, str):
        require_choice(order, ORDERS, "order")
        keep = keeps_index(stored) if order == AUTO else np.full(len(by_angle), order == INDEX)
        chosen = np.where(keep[:, None], by_index, by_angle)
    else:
        chosen = permutation(order, by_angle.shape)
    if not real_mode_first:
        return chosen
    mode = _real_mode(stored)
    if isinstance(order, str):
        behind = chosen[chosen != mode[:, None]].reshape(len(chosen), -1)
        return np.concatenate([mode[:, None], behind], axis=1)
    if (chosen[:, 0] != mode).any():
        channel = int(np.argmax(chosen[:, 0] != mode))
        first = mode[channel]
        msg = f"wave number 0 of a real ring needs the real mode: begin the order of channel {channel} with {first}"
        raise ValueError(msg)
    return chosen


def keeps_index(stored: StoredModes) -> npt.NDArray[np.bool_]:
    r"""Per channel (H,): max|Im a|·Δt < π, so that no angle wraps, or Im a is affine in the index (T6).

    As `sampled_order` does exactly (tests/test_ring_bridges.py).
    """
    frequency = stored.eigenvalues.imag
    modes = np.arange(frequency.shape[1])
    largest = np.abs(frequency).max(axis=1)
    if not stored.wraps:
        return np.ones(len(frequency), dtype=np.bool_)
    slope = (frequency[:, -1] - frequency[:, 0]) / max(1, len(modes) - 1)
    gap = np.abs(frequency - frequency[:, :1] - slope[:, None] * modes).max(axis=1)
    kept: npt.NDArray[np.bool_] = (largest * stored.step < np.pi) | (gap <= AFFINE_TOLERANCE * largest)
    return kept


def permutation(order: npt.ArrayLike, shape: tuple[int, int]) -> Integers:
    """An order (M,) or (H, M) as a read-only array (H, M).

    Raises
    ------
    ValueError
        Another shape, or a row that does not hold each mode once.
    """
    given = np.asarray(order)
    if given.dtype.kind not in "iu" or given.shape not in (shape, shape[1:]):
        msg = f"an order is a permutation of shape {shape[1:]} or {shape}, got {given.dtype} of shape {given.shape}"
        raise ValueError(msg)
    chosen = np.array(np.broadcast_to(given, shape), dtype=np.int64)
    if (np.sort(chosen, axis=1) != np.arange(shape[1])).any():
        msg = f"an order holds each of 0 … {shape[1] - 1} once"
        raise ValueError(msg)
    chosen.flags.writeable = False
    return chosen


def _real_mode(stored: StoredModes) -> Integers:
    """The one real mode of each channel, (H,)."""
    real = (stored.eigenvalues.imag == 0) & (stored.input_vector.imag == 0)
    count = real.sum(axis=1)
    if (count != 1).any():
        channel = int(np.argmax(count != 1))
        msg = (
            f"channel {channel} has {count[channel]} real modes with a real input; a real ring needs exactly one, at "
            "wave number 0: use closure='antiperiodic'"
        )
        raise ValueError(msg)
    found: Integers = np.argmax(real, axis=1)
    return found


def model_modes(ssm: DiagonalSSM, step: float | npt.ArrayLike, discretization: str) -> StoredModes:
    """Discretise an exact model with numeric entries at each of the steps.

    `zero_order_hold` and `bilinear_transform` for many steps at once; that the numbers agree is measured in
    tests/test_rings.py, test_model_rings_round_the_exact_discretisation.

    Raises
    ------
    ValueError
        Symbols among the entries, a step that is not positive, an unknown rule or a pole of it.
    """
    steps = parameter_array("step", np.atleast_1d(np.asarray(step, dtype=np.float64)), (None,))
    if (steps <= 0).any():
        msg = f"a step must be positive, got {steps.min():g}"
        raise ValueError(msg)
    require_discretization(discretization)
    a, b, c = (to_complex(getattr(ssm, name), name) for name in ("eigenvalues", "input_vector", "output_vector"))
    (feedthrough,) = to_real((ssm.feedthrough,), "feedthrough")
    rates = steps[:, None] * a
    if discretization == "bilinear" and (rates == 2).any():
        msg = f"the bilinear rule has a pole at mode {int(np.argwhere(rates == 2)[0, 1])}: a·Δt = 2; change the step"
        raise ValueError(msg)
    multipliers = step_multipliers(a, steps[:, None], discretization)
    inputs = step_inputs(a, steps[:, None], discretization) * b
    return StoredModes(
        np.broadcast_to(a, rates.shape),
        multipliers,
        inputs,
        np.broadcast_to(c, rates.shape),
        np.full(len(steps), feedthrough),
        steps,
        wraps=discretization == "zoh",
        pairs=ssm.conjugate_pairs,
    )
