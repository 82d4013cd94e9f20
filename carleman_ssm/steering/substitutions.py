r"""Logits of every sequence that differs from a given one in a single step, without reading each of them.

Two layers, polynomial decoders, affine norms, no gates, read at the last step n. Replacing $x_p$ by another row moves
the drive of the first layer by $a$ (H,) at step p alone, so its pre-activations move by $K_{h,k-p}a_h$ and, by Taylor's
formula with $t_{j,kh} = \varphi^{(j)}(y_{kh})/j!$, its activations by $\sum_j t_{j,kh}K_{h,k-p}^ja_h^j$. The second
layer's pre-activation is needed at one step only and is linear in them. It moves by

$$\sum_j\sum_{h'}M_{p,j,hh'}a_{h'}^j + K'_{h,n-p}c_h\Delta_h,\qquad
  M_{p,j,hh'} = c_hW_{hh'}\sum_{k=p}^{n}K'_{h,n-k}\,t_{j,kh'}\,K_{h',k-p}^j,$$

where c are the gains of the norms between the layers, W the output map of the first layer, K' the kernel of the second
and Δ the change of the encoded row (its term is that of the residual path). All matrices M cost $O(JL^2H^2)$
operations for degree J, each replacement $O(JH^2)$ more. Nothing is neglected; the difference from reading the
sequences is rounding.
"""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.operator import refuse_non_finite
from carleman_ssm.operators.stack import Norm, Stack, StackLayer
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import LayerTrace, normalised
from carleman_ssm.theory.polynomials import require_kind

BLOCK_ENTRIES = 2**23


def substitution_logits(operator: StackOperator, sequence: Floats, rows: Floats) -> Floats:
    """Logits of the sequences in which one step is replaced by one row.

    Parameters
    ----------
    operator
        Of any depth. Two layers of polynomial decoders with affine norms, read at the last step, take the closed
        form of this module; other operators read all the sequences.
    sequence
        x (L, d).
    rows
        What may stand in place of a step, (m, d).

    Returns
    -------
    numpy.ndarray
        (L, m, classes): entry [p, i] belongs to the sequence with row i at step p.

    Raises
    ------
    ValueError
        Shapes do not fit each other.
    TypeError
        Not the operator of a stack.
    DomainError
        The operator refuses a sequence, or values leave the range of float64.

    References
    ----------
    THEORY T10, T16.
    """
    require_kind(operator, StackOperator, "the operator (build it with network_operator, form='stack')")
    given, options = np.asarray(sequence, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    if given.ndim != 2 or options.ndim != 2 or given.shape[1] != options.shape[1] or not len(options):
        msg = f"expected a sequence (L, d) and rows (m, d), m >= 1; got shapes {given.shape} and {options.shape}"
        raise ValueError(msg)
    if has_closed_substitutions(operator):
        return _closed(operator, given, options)
    return _read(operator, given, options)


def has_closed_substitutions(operator: StackOperator) -> bool:
    """Whether this operator has the closed form of this module."""
    layers = operator.stack.layers
    plain = all(layer.is_polynomial and not layer.gated for layer in layers)
    return len(layers) == 2 and plain and operator.exact and operator.stack.pool == "last"


def _read(operator: StackOperator, sequence: Floats, rows: Floats) -> Floats:
    """One after another, in blocks of sequences."""
    length, count = len(sequence), len(rows)
    found = np.empty((length * count, operator.stack.classes))
    size = max(1, BLOCK_ENTRIES // (length * max(operator.stack.channels, sequence.shape[1])))
    for first in range(0, length * count, size):
        chosen = np.arange(first, min(first + size, length * count))
        inputs = np.repeat(sequence[None], len(chosen), axis=0)
        inputs[np.arange(len(chosen)), chosen // count] = rows[chosen % count]
        found[chosen] = operator(inputs)
    return found.reshape(length, count, -1)


def _closed(operator: StackOperator, sequence: Floats, rows: Floats) -> Floats:
    """The formula of the module; index p of positions, i of rows."""
    stack, (first, second) = operator.stack, operator.stack.layers
    last = len(sequence) - 1
    traces = operator.trace(sequence[None])[1]
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
        moved = (rows[None] - sequence[:, None]) @ stack.encoder.weight.value.T  # Δ (p, i, H)
        drive = moved * _gain(first.norm_before, stack)
        powers = _taylor(operator, traces[0])
        inner = _after_first(stack, powers, drive, last)  # movement of the first layer's sum, at the last step
        if first.residual:
            inner[last] += moved[last]
        gain = _gain(first.norm_after, stack)
        reached = _second_preactivation(stack, powers, drive, gain * _gain(second.norm_before, stack), moved)
        logits = _finish(operator, traces[1], reached, inner * gain)
    refuse_non_finite(logits.reshape(-1, stack.classes))
    return logits


def _gain(norm: Norm | None, stack: Stack) -> Floats:
    """The factor (H,) of an affine norm on a difference."""
    return np.ones(stack.channels) if norm is None else norm.weight.value


def _taylor(operator: StackOperator, trace: LayerTrace) -> Floats:
    r"""$t_{j,kh}$ for j = 1 … J, (J, L, H)."""
    rules = operator.decoders[0].activation
    return rules.taylor(trace.preactivation[0], rules.degree)[1:]


def _after_first(stack: Stack, powers: Floats, drive: Floats, last: int) -> Floats:
    """The movement (p, i, H) of the first layer's branch at the last step."""
    layer = stack.layers[0]
    lagged = layer.kernel.value[:, last::-1].T  # (p, H), K_{h, last - p}
    step = drive * lagged[:, None]
    activated = np.zeros_like(step)
    for taylor in powers[::-1, last]:  # Horner: Σ_j t_j s^j
        activated = (activated + taylor) * step
    return _mapped(layer, activated)


def _mapped(layer: StackLayer, values: Floats) -> Floats:
    """The linear part of the output map."""
    return values if layer.output is None else np.asarray(values @ layer.output.weight.value.T)


def _second_preactivation(stack: Stack, powers: Floats, drive: Floats, gain: Floats, moved: Floats) -> Floats:
    """The movement (p, i, H) of the second layer's pre-activation at the last step."""
    first, second = stack.layers
    length = len(drive)
    later = second.kernel.value[:, length - 1 :: -1]  # (H, k), K'_{h, last - k}
    lags = np.arange(length) - np.arange(length)[:, None]  # k - p
    kernel = np.where(lags[..., None] >= 0, first.kernel.value.T[np.maximum(lags, 0)], 0.0)  # (p, k, H')
    weight = np.eye(stack.channels) if first.output is None else first.output.weight.value
    found = moved * (later * gain[:, None]).T[:, None] if first.residual else np.zeros_like(drive)
    lagged, step = np.ones_like(kernel), np.ones_like(drive)
    for taylor in powers:
        lagged, step = lagged * kernel, step * drive
        matrices = (later @ (lagged * taylor)) * (gain[:, None] * weight)  # M_{p,j} (p, H, H')
        found += step @ matrices.transpose(0, 2, 1)
    return found


def _finish(operator: StackOperator, trace: LayerTrace, reached: Floats, inner: Floats) -> Floats:
    """The second layer at the last step and the head, for movements of its pre-activation and of its source."""
    layer, stack = operator.stack.layers[1], operator.stack
    activated = operator.decoders[1].activation(trace.preactivation[0, -1] + reached)
    branch = activated if layer.output is None else layer.output(activated)
    summed = branch + trace.source[0, -1] + inner if layer.residual else branch
    return stack.head(normalised(layer.norm_after, summed))
