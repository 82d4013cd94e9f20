"""What a polynomial operator of any depth is asked for its orders in a scale of the input."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator

BLOCK = 2**19  # numbers in one batch of sequences times channels


def polynomial_degree(operator: NetworkOperator) -> int:
    """Degree of the logits in the input, of an operator that is a polynomial of it.

    Raises
    ------
    ValueError
        A decoder is a fit, or a norm is not affine.
    TypeError
        This is no operator.

    References
    ----------
    THEORY T16.
    """
    if isinstance(operator, OneLayerOperator):
        if not operator.exact:
            msg = "the decoder is a fit: only logits of networks with polynomial activations are polynomials"
            raise ValueError(msg)
        return max(1 if operator.form.skip.value.any() else 0, operator.degree)
    if not isinstance(operator, StackOperator):
        msg = f"expected the operator of a network, got {type(operator).__name__}: build it with network_operator"
        raise TypeError(msg)
    if not operator.is_polynomial:
        msg = "only logits of networks with polynomial activations and gates, and affine norms, are polynomials"
        raise ValueError(msg)
    return operator.total_degree


def orders_of_scale(
    operator: NetworkOperator, sequences: Floats, degree: int, background: Floats | None = None
) -> Floats:
    r"""Coefficients of $\varepsilon^n$ in $\ell(x^0 + \varepsilon x)$, n = 0 … degree, (degree + 1, batch, classes).

    Through `jets` about the background, at any depth.

    Parameters
    ----------
    operator
        A polynomial one (`polynomial_degree`).
    sequences
        x (batch, length, d).
    degree
        Largest n.
    background
        $x^0$ (length, d), zero by default.

    Raises
    ------
    TypeError
        This is no operator.
    """
    if not isinstance(operator, OneLayerOperator | StackOperator):
        msg = f"expected the operator of a network, got {type(operator).__name__}: build it with network_operator"
        raise TypeError(msg)
    centre = np.zeros(sequences.shape[1:]) if background is None else background
    size = max(1, BLOCK // (sequences.shape[1] * operator.network.channels))
    parts = [
        jets(operator.stack, operator.decoders, centre, centre + sequences[first : first + size], degree)
        for first in range(0, len(sequences), size)
    ]
    return np.concatenate(parts, axis=1)
