"""What a polynomial operator of any depth is asked for its orders in a scale of the input."""

from __future__ import annotations

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.predictions.arguments import checked_operator

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
    known = checked_operator(operator)
    if isinstance(known, OneLayerOperator):
        if not known.exact:
            msg = "the decoder is a fit: only logits of networks with polynomial activations are polynomials"
            raise ValueError(msg)
        return max(1 if known.form.skip.value.any() else 0, known.degree)
    if not known.is_polynomial:
        msg = "only logits of networks with polynomial activations and gates, and affine norms, are polynomials"
        raise ValueError(msg)
    return known.total_degree


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
    known = checked_operator(operator)
    centre = np.zeros(sequences.shape[1:]) if background is None else background
    size = max(1, BLOCK // (sequences.shape[1] * known.network.channels))
    parts = [
        jets(known.stack, known.decoders, centre, centre + sequences[first : first + size], degree)
        for first in range(0, len(sequences), size)
    ]
    return np.concatenate(parts, axis=1)
