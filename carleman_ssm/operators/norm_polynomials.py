r"""What polynomials in place of the inverse deviation of LayerNorm and RMSNorm do to an operator, on request only.

An operator keeps $q^2(v + \varepsilon) = 1$ as it is. A polynomial lift would need $q \approx p(v)$ with p on the range
of variances that occurs, and variances span factors of 100 to 2000: here are those polynomials with their certified
errors, and the logits with them. That is another function than the operator, and no certificate is carried over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.operator import Flags
from carleman_ssm.operators.stack import Norm
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.stack_trace import LayerDecoders, LayerTrace, normalised, run_layer
from carleman_ssm.theory.inverse_roots import InverseRootFit, fit_inverse_root

MARGIN = 2.0**-30
"""Relative widening of an observed range, past the rounding of a variance."""


@dataclass(frozen=True, eq=False, repr=False)
class PolynomialNorm(Norm):
    """A norm whose inverse deviation is a polynomial of the variance."""

    polynomial: InverseRootFit

    def inverse_deviation(self, centred: Floats) -> Floats:
        """$p(v)$, (…, 1), of c (…, H)."""
        return self.polynomial(variances(centred))


@dataclass(frozen=True, eq=False)
class NormPolynomial:
    """The polynomial in place of one norm.

    Parameters
    ----------
    layer, place
        Layer index from 0, and whether the norm stands before or after its branch.
    fit
        The polynomial on the observed range of variances, with certified absolute and relative errors.
    """

    layer: int
    place: Literal["before", "after"]
    fit: InverseRootFit

    @property
    def span(self) -> float:
        """Largest over smallest variance, ε counted in."""
        return (self.fit.fit.upper + self.fit.eps) / (self.fit.fit.lower + self.fit.eps)

    def __str__(self) -> str:
        return (
            f"norm {self.place} layer {self.layer}: degree {self.fit.degree} on variances that span a factor "
            f"{self.span:.4g}, certified relative error {self.fit.relative_error:.3g}"
        )


@dataclass(frozen=True, eq=False)
class NormReplacement:
    """The operator with polynomial norms.

    Parameters
    ----------
    polynomials
        One per LayerNorm or RMSNorm, in the order in which they act.
    logits
        (batch, classes), measured; NaN for the sequences in `escaped`.
    escaped
        (batch,): with these norms a value leaves the interval of its decoder, where the decoder means nothing.
    """

    polynomials: tuple[NormPolynomial, ...]
    logits: Floats
    escaped: Flags


def variances(centred: Floats) -> Floats:
    r"""$v = \mathrm{mean}_H c^2$, (…, 1)."""
    return np.asarray(np.mean(centred * centred, axis=-1, keepdims=True), dtype=np.float64)


def replace_norms(operator: StackOperator, sequences: Floats, degree: int) -> NormReplacement:
    """Put a polynomial of a degree in place of every LayerNorm and RMSNorm, front to back, and run the sequences.

    Parameters
    ----------
    sequences
        (batch, L, d): each polynomial is fitted on the variances that these produce with the polynomials before it.
    degree
        Q ≤ 64.

    Raises
    ------
    ValueError
        The operator has no such norm, or the degree is out of range.

    References
    ----------
    THEORY T16 (norms are algebraic, not polynomial).
    """
    if all(layer.is_polynomial for layer in operator.stack.layers):
        msg = "this network has no LayerNorm or RMSNorm to replace: its norms are affine, or there are none"
        raise ValueError(msg)
    hidden, found = operator.stack.encoder(operator.checked(sequences)), []
    escaped = np.zeros(len(hidden), dtype=np.bool_)
    for index, (layer, rule) in enumerate(zip(operator.stack.layers, operator.decoders, strict=True)):
        before, first = _fitted(layer.norm_before, hidden, degree)
        inner = replace(layer, norm_before=before, norm_after=None)
        trace = run_layer(inner, rule, hidden)
        escaped |= _escapes(rule, trace)
        after, last = _fitted(layer.norm_after, trace.result, degree)
        hidden = normalised(after, trace.result)
        found += [NormPolynomial(index, "before", first)] if first is not None else []
        found += [NormPolynomial(index, "after", last)] if last is not None else []
    logits = operator.stack.head(operator.stack.pooled(hidden))
    return NormReplacement(tuple(found), np.where(escaped[:, None], np.nan, logits), escaped)


def _fitted(norm: Norm | None, values: Floats, degree: int) -> tuple[Norm | None, InverseRootFit | None]:
    if norm is None or norm.is_affine:
        return norm, None
    seen = variances(norm.centred(values))
    lower, upper = float(seen.min()) * (1 - MARGIN), float(seen.max()) * (1 + MARGIN)
    fit = fit_inverse_root(lower, upper, degree, norm.eps)
    return PolynomialNorm(norm.kind, norm.weight, norm.bias, norm.eps, fit), fit


def _escapes(rule: LayerDecoders, trace: LayerTrace) -> Flags:
    """Which sequences leave the interval of a decoder in this layer, (batch,)."""
    outside = _outside(trace.preactivation, *rule.activation.interval)
    if rule.gate is not None:
        outside |= _outside(np.split(trace.mapped, 2, axis=-1)[1], *rule.gate.interval)
    return outside


def _outside(values: Floats, lower: Floats, upper: Floats) -> Flags:
    return np.asarray(((values < lower) | (values > upper)).any(axis=(1, 2)), dtype=np.bool_)
