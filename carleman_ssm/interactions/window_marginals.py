r"""What two windows of a sequence contribute by degree in each, without expanding the interactions (THEORY T12′).

A pre-activation is $c + a + b$: the response to one window, to the other, and the rest with the biases. In the basis
$(1, y, \dots, y^P)$ adding a number is the Pascal matrix $e^{aG}$, so the part of degree p in the first and q in the
second window replaces two factors of a product of commuting $(P+1)\times(P+1)$ matrices by their terms of degree p, q:

$$\varphi\ \to\ \frac{a^pb^q}{p!\,q!}\,\varphi^{(p+q)}(c),$$

read out like the decoder itself. No tensor over the $L^P$ combinations of steps is formed. Away from its interval a fit
of high degree is huge, and so are its parts: what their sum misses of the logits is checked, and cancellation refused.
"""

from __future__ import annotations

from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.indices import MAX_GAP
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import FittedDecoders
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.theory.clenshaw import clenshaw

Rest = Literal["present", "absent"]


def window_marginals(
    operator: NetworkOperator,
    sequences: Floats,
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    rest: Rest = "present",
) -> Floats:
    r"""Parts of the logits by degree p in one window and q in another, (Q + 1, Q + 1, batch, classes).

    Parameters
    ----------
    operator
        A `OneLayerOperator`; degrees count deviations from its centre.
    sequences
        x (batch, L, d).
    first, second
        The windows: which steps (L,) or entries (L, d) belong to each; they do not overlap.
    rest
        What all other entries hold: ``"present"``, the sequence (the parts of all degrees sum to its logits), or
        ``"absent"``, the centre.

    Returns
    -------
    numpy.ndarray
        Zero where $p + q > Q$. Entry (0, 0) is the logits with both windows at the centre. $Q = \max(P, 1)$ for
        decoders of degree P: the path past them has degree 1.

    Raises
    ------
    TypeError
        The operator is of another kind: of deeper networks take dividends over groups of positions.
    ValueError
        The windows overlap or have the wrong shape, `rest` is neither of the two, or the parts cancel to rounding:
        their sum misses the logits of what the windows and the rest hold by more than `MAX_GAP` of the largest.
    DomainError
        A sequence is outside the operator's domain.

    References
    ----------
    THEORY T12′.
    """
    if not isinstance(operator, OneLayerOperator):
        msg = (
            f"parts by window are those of one layer, got {type(operator).__name__}: build the operator with "
            "network_operator(…, form='one_layer') where the network has that form; otherwise "
            "interaction_indices(operator, sequence, groups) tells what groups of positions add together"
        )
        raise TypeError(msg)
    inputs = operator.checked(sequences)
    form, centre = operator.form, operator.centre[: inputs.shape[1]]
    masks = [_window(window, centre.shape) for window in (first, second)]
    if (masks[0] & masks[1]).any():
        msg = "the two windows overlap: an entry belongs to one window or to none"
        raise ValueError(msg)
    if rest not in ("present", "absent"):
        msg = f"rest must be 'present' or 'absent', got {rest!r}"
        raise ValueError(msg)
    deviation = inputs - centre
    one, other = (np.where(mask, deviation, 0.0) for mask in masks)
    others = deviation - one - other if rest == "present" else np.zeros_like(deviation)
    parts = _decoded(operator, *map(form.response, (others, one, other)))
    result: Floats = parts @ form.readout.value.T
    for place, values in (((0, 0), centre + others), ((1, 0), one), ((0, 1), other)):
        result[place] += form.pooled(values) @ form.skip.value.T
    result[0, 0] += form.offset.value[:, 0]
    _refuse_cancellation(operator, centre + others + one + other, result)
    return result


def _refuse_cancellation(operator: OneLayerOperator, inputs: Floats, parts: Floats) -> None:
    """Compare the sum of the parts with the polynomials themselves, continued beyond their intervals."""
    form, values = operator.form, operator.form.preactivations(inputs)
    wanted = form.read_out(form.pooled(_continued(operator, values)), form.pooled(inputs))
    gap, largest = np.abs(parts.sum(axis=(0, 1)) - wanted).max(initial=0.0), np.abs(wanted).max(initial=0.0)
    if not gap <= MAX_GAP * largest:  # NaN is refused, too
        msg = (
            f"the parts of polynomials of degree {operator.degree} reach {np.abs(parts).max():.2g} and cancel to "
            f"rounding: their sum misses the logits by {gap:.2g} (at most {MAX_GAP:.0e} of the largest is let pass). "
            "Build the operator with a lower degree"
        )
        raise ValueError(msg)


def _continued(operator: OneLayerOperator, values: Floats) -> Floats:
    """The decoders at values (batch, L, H) that may lie outside the intervals, where fits are cut off otherwise."""
    decoders = operator.decoders
    if not isinstance(decoders, FittedDecoders):
        return decoders(values)
    return clenshaw(decoders.coefficients, (values - decoders.centre) / decoders.half_width)


def _decoded(operator: OneLayerOperator, rest: Floats, one: Floats, other: Floats) -> Floats:
    """Pooled decoder parts, (Q + 1, Q + 1, batch, H), of three responses (batch, L, H); zero above degree P."""
    degree = operator.degree
    taylor = _shifted(operator, rest)
    shown = max(degree, 1) + 1
    parts = np.zeros((shown, shown, len(rest), rest.shape[2]))
    power = np.ones_like(one)
    for p in range(degree + 1):
        both = power.copy()
        for q in range(degree + 1 - p):
            parts[p, q] = operator.form.pooled(comb(p + q, p) * taylor[p + q] * both)
            both *= other
        power *= one
    return parts


def _shifted(operator: OneLayerOperator, shift: Floats) -> list[Floats]:
    r"""Taylor coefficients at the centre's pre-activations plus c, by $e^{cG}$: $\sum_{r\ge s}\binom{r}{s}t_rc^{r-s}$.

    The centre is inside the intervals of a fit; the centre plus c need not be.
    """
    trajectory = operator.form.preactivations(operator.centre[None, : shift.shape[1]])[0]
    taylor, found = operator.decoders.taylor(trajectory, operator.degree), []
    for s in range(operator.degree + 1):
        value = np.zeros_like(shift)
        for r in range(operator.degree, s - 1, -1):
            value *= shift
            value += comb(r, s) * taylor[r]
        found.append(value)
    return found


def _window(window: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.asarray(window)
    if mask.dtype != np.bool_ or mask.shape not in (shape, shape[:1]):
        msg = f"a window marks steps {shape[:1]} or entries {shape} as booleans, got {mask.dtype} {mask.shape}"
        raise ValueError(msg)
    return mask if mask.ndim == 2 else np.broadcast_to(mask[:, None], shape)
