r"""What two windows of a sequence contribute by degree in each, without expanding the interactions (THEORY T12′).

A pre-activation is $c + a + b$: the response to one window, to the other, and the rest with the biases. In the basis
$(1, y, \dots, y^P)$ adding a number is the Pascal matrix $e^{aG}$, so the part of degree p in the first and q in the
second window replaces two factors of a product of commuting $(P+1)\times(P+1)$ matrices by their terms of degree p, q:

$$\varphi\ \to\ \frac{a^pb^q}{p!\,q!}\,\varphi^{(p+q)}(c),$$

read out like the decoder itself. No tensor over the $L^P$ combinations of steps is formed.
"""

from __future__ import annotations

from math import comb
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator

Rest = Literal["present", "absent"]


def window_marginals(
    operator: OneLayerOperator,
    sequences: Floats,
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    rest: Rest = "present",
) -> Floats:
    r"""Parts of the logits by degree p in one window and q in another, (Q + 1, Q + 1, batch, classes).

    Parameters
    ----------
    operator
        Of one layer; degrees count deviations from its centre.
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
    ValueError
        The windows overlap or have the wrong shape, or `rest` is neither of the two.
    DomainError
        A sequence is outside the operator's domain.
    """
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
    return result


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
