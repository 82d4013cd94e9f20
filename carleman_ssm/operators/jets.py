r"""Contributions by order at any depth: power series in a scale ε, carried through all layers.

Along $x^0 + \varepsilon(x - x^0)$ every intermediate value is a power series in ε; its coefficient of $\varepsilon^n$
is the part of total degree n in the deviation from the centre, the trajectory of the centre (biases included) being
order 0. Affine maps and convolutions act order by order; a decoder acts through its Taylor coefficients at the value
of order 0; gates multiply series; the scalar of LayerNorm and RMSNorm is the series q with $q^2(v+\varepsilon_0)=1$.

For a network of polynomials the series ends at the total degree (THEORY T16) and sums to the logits. Otherwise the
orders up to n leave a remainder, which `orders_with_remainder` prints beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.fourier import FourierKernel
from carleman_ssm.operators.series import (
    Series,
    compose,
    derivative_coefficients,
    inverse_root,
    mapped,
    product,
    shifted,
    total,
)
from carleman_ssm.operators.stack import AffineMap, Norm, Stack, StackLayer
from carleman_ssm.operators.stack_trace import LayerDecoders, layered, run_logits


@dataclass(frozen=True, eq=False)
class DecodedSeries:
    """A decoder on a series, with what its derivative needs.

    Parameters
    ----------
    argument
        The series that enters, (batch, L, H).
    taylor
        Taylor coefficients at its order 0, (orders, batch, L, H).
    order
        Largest order kept.
    """

    argument: Series
    taylor: Floats
    order: int

    @classmethod
    def of(cls, decoders: ChannelDecoders, argument: Series, order: int, derivatives: int) -> DecodedSeries:
        """Expand as far as orders of the series (and so many derivatives) ask for, and no exact polynomial past its
        degree.
        """
        # A series that stands still needs the value alone.
        reach = (order if len(argument) > 1 else 0) + derivatives
        if decoders.exact:
            reach = max(min(reach, decoders.degree), derivatives)
        return cls(argument, decoders.taylor(argument[0], reach), order)

    @cached_property
    def value(self) -> Series:
        """The decoder's series."""
        return compose(self.taylor, self.argument, self.order)

    @cached_property
    def slope(self) -> Series:
        """The series of the decoder's derivative."""
        return compose(derivative_coefficients(self.taylor), self.argument, self.order)


@dataclass(frozen=True, eq=False)
class NormSeries:
    r"""A norm on a series: $w\,c\,q + b$ with $q^2(\mathrm{mean}\,c^2 + \varepsilon) = 1$; affine norms have no q.

    Parameters
    ----------
    norm
        The norm.
    scaled
        $n = cq$ (the source itself for an affine norm).
    inverse
        $q$, (batch, L, 1), or None.
    """

    norm: Norm
    scaled: Series
    inverse: Series | None

    @classmethod
    def of(cls, norm: Norm, source: Series, order: int) -> NormSeries:
        """Normalise a series (batch, L, H)."""
        if norm.is_affine:
            return cls(norm, source, None)
        centred = mapped(norm.centred, source)
        variance = mapped(_channel_mean, product(centred, centred, order))
        inverse = inverse_root(shifted(variance, np.array(norm.eps)), order)
        return cls(norm, product(centred, inverse, order), inverse)

    @property
    def value(self) -> Series:
        """The normalised series."""
        weight = self.norm.weight.value
        return shifted(mapped(lambda term: term * weight, self.scaled), self.norm.bias.value)


@dataclass(frozen=True, eq=False)
class LayerSeries:
    """The series of one layer that its derivatives need; see `stack_trace.LayerTrace` for the names."""

    layer: StackLayer
    kernel: FourierKernel
    norm_before: NormSeries | None
    activation: DecodedSeries
    values: Series | None
    gate: DecodedSeries | None
    norm_after: NormSeries | None
    result: Series


def _channel_mean(values: Floats) -> Floats:
    return np.asarray(values.mean(axis=-1, keepdims=True))


def affine_series(transform: AffineMap, series: Series) -> Series:
    """$Wv + w$ on a series: the bias belongs to order 0."""
    weight = transform.weight.value.T
    return shifted(mapped(lambda term: np.asarray(term @ weight), series), transform.bias.value)


def layer_series(
    layer: StackLayer, decoders: LayerDecoders, source: Series, order: int, derivatives: int = 0
) -> LayerSeries:
    """One layer on a series (batch, L, H), truncated at `order`.

    Parameters
    ----------
    derivatives
        So many derivatives of every decoder are kept beside its value: 1 for a reverse pass, else 0.
    """
    before = None if layer.norm_before is None else NormSeries.of(layer.norm_before, source, order)
    drive = source if before is None else before.value
    kernel = FourierKernel.of(layer.kernel.value, source[0].shape[-2])
    activation = DecodedSeries.of(decoders.activation, mapped(kernel, drive), order, derivatives)
    branch = activation.value if layer.output is None else affine_series(layer.output, activation.value)
    values, gate = None, None
    if decoders.gate is not None:
        half = branch[0].shape[-1] // 2
        values = mapped(lambda term: term[..., :half], branch)
        opening = mapped(lambda term: np.ascontiguousarray(term[..., half:]), branch)
        gate = DecodedSeries.of(decoders.gate, opening, order, derivatives)
        branch = product(values, gate.value, order)
    summed = total(branch, source) if layer.residual else branch
    after = None if layer.norm_after is None else NormSeries.of(layer.norm_after, summed, order)
    result = summed if after is None else after.value
    return LayerSeries(layer, kernel, before, activation, values, gate, after, result)


def stack_series(
    stack: Stack, decoders: Sequence[LayerDecoders], inputs: Series, order: int, derivatives: int = 0
) -> tuple[Series, tuple[LayerSeries, ...]]:
    """Series of the logits (batch, classes) for a series of inputs (batch, L, d), and those of every layer."""
    hidden, layers = affine_series(stack.encoder, inputs), []
    for layer, rules in zip(stack.layers, decoders, strict=True):
        layers.append(layer_series(layer, rules, hidden, order, derivatives))
        hidden = layers[-1].result
    return affine_series(stack.head, mapped(stack.pooled, hidden)), tuple(layers)


def jets(
    stack: Stack, decoders: Sequence[LayerDecoders] | ChannelDecoders, centre: Floats, inputs: Floats, order: int
) -> Floats:
    r"""Parts of the logits by order in the deviation from the centre, (order + 1, batch, classes).

    Entry n is $\frac{1}{n!}\frac{d^n}{d\varepsilon^n}\ell(x^0+\varepsilon(x-x^0))$ at $\varepsilon = 0$. Only
    orders that can differ from zero are computed; the rest of the array is zero.

    Parameters
    ----------
    stack, decoders
        ``operator.stack`` and ``operator.decoders``.
    centre
        $x^0$ (L, d).
    inputs
        x (batch, L, d).
    order
        Largest order n.

    Raises
    ------
    TypeError
        `stack` is an operator, say, and not the stack of one.
    ValueError
        The order is negative, or the sequences and the centre differ in shape.

    References
    ----------
    THEORY T10 (orders), T16 (total degree of a stack).
    """
    layers = layered(stack, decoders)
    _check(stack, centre, inputs, order)
    deviation = inputs - centre
    along = (centre[None], deviation) if order > 0 else (centre[None],)
    found, _ = stack_series(stack, layers, along, order)
    result = np.zeros((order + 1, len(inputs), stack.classes))
    for n, term in enumerate(found):
        result[n] = term
    return result


def orders_with_remainder(
    stack: Stack, decoders: Sequence[LayerDecoders], centre: Floats, inputs: Floats, order: int
) -> Floats:
    """`jets`, and as a last entry what they leave of the logits: (order + 2, batch, classes), its sum the logits.

    The remainder of a polynomial network is rounding once `order` reaches its total degree. It is measured, and says
    nothing about inputs other than these.

    Raises
    ------
    ValueError
        As `jets`.

    References
    ----------
    THEORY T16.
    """
    parts = jets(stack, decoders, centre, inputs, order)
    rest = run_logits(stack, decoders, inputs) - parts.sum(axis=0)
    return np.concatenate([parts, rest[None]])


def _check(stack: Stack, centre: Floats, inputs: Floats, order: int) -> None:
    if order < 0:
        msg = f"an order is at least 0, got {order}"
        raise ValueError(msg)
    if centre.ndim != 2 or centre.shape[1] != stack.features:
        msg = f"the centre has shape {centre.shape}, expected (length, {stack.features})"
        raise ValueError(msg)
    if inputs.ndim != 3 or inputs.shape[1:] != centre.shape:
        msg = (
            f"sequences of shape {inputs.shape} do not go with a centre of shape {centre.shape}: orders are counted "
            "about a centre of their own length"
        )
        raise ValueError(msg)
