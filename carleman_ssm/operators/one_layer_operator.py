r"""The whole forward pass of a one-layer network as one explicit operator with a certified error.

The logits are evaluated in the Volterra / rank-(P+1) form (THEORY T10, T12′): a convolution with the closed-form
kernel, a polynomial per channel, one affine readout. The simulation of the network is never called.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.bases import DecoderBasis, decoder_bases
from carleman_ssm.operators.certificate import Certificate
from carleman_ssm.operators.closed_forms import channel_formula
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.operators.operator import (
    Flags,
    NetworkOperator,
    checked_sequences,
    refuse_non_finite,
    refuse_outside,
)
from carleman_ssm.operators.stack import Stack, build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.operators.volterra_kernels import (
    SecondOrderKernel,
    channel_orders,
    first_order_kernel,
    orders,
    second_order_kernel,
)


@dataclass(frozen=True, eq=False, repr=False)
class OneLayerOperator(NetworkOperator, Brief):
    """The operator of one S4D layer with affine surroundings: output linear or none, BatchNorm or no norm.

    Parameters
    ----------
    network
        The network that it is the operator of (kept to print its parameters, not to evaluate).
    form
        Kernels and affine maps.
    decoders
        The polynomial of every channel.
    certificate
        Bounds on the printed logits and the inputs they hold for.
    centre
        The input (L, d) about which orders and Volterra kernels are counted.

    References
    ----------
    THEORY T10, T12′, T13.
    """

    network: S4DNetwork
    form: OneLayerForm
    decoders: ChannelDecoders
    certificate: Certificate
    centre: Floats

    @cached_property
    def stack(self) -> Stack:
        """The network as a stack of one layer, for what takes stacks: `jets`, `gradients`, `orthogonal_orders`."""
        return build_stack(self.network, self.form.length)

    @property
    def bases(self) -> tuple[DecoderBasis, ...]:
        """What stands for the activation: basis, size, intervals, certified errors."""
        return decoder_bases([LayerDecoders(self.decoders)])

    @property
    def exact(self) -> bool:
        """True when the decoder is the network's own polynomial."""
        return self.decoders.exact

    @property
    def degree(self) -> int:
        """P, the degree of the decoders."""
        return self.decoders.degree

    @property
    def certified_error(self) -> Floats:
        """Bound of |printed logit − logit of the exact network|, (classes,), on the certificate's domain."""
        return self.certificate.per_class

    def __call__(self, sequences: Floats) -> Floats:
        """Logits (batch, classes) of sequences (batch, length, d), through the operator.

        Raises
        ------
        DomainError
            A value exceeds the input bound, the sequence is longer than the certificate's, or a pre-activation leaves
            its channel's interval: the message names sequence, step and channel.
        ValueError
            Wrong shape, or NaN or infinity.
        """
        inputs = self.checked(sequences)
        reached = self.preactivations(inputs)
        with np.errstate(over="ignore", invalid="ignore"):  # refused by name below
            logits = self.form.read_out(self.form.pooled(self.decoders(reached)), self.form.pooled(inputs))
        refuse_non_finite(logits)
        return logits

    def preactivations(self, sequences: Floats) -> Floats:
        """$y_{k,h}$ (batch, length, H), feedthrough and bias included, checked against the intervals.

        Raises
        ------
        DomainError
            A pre-activation leaves its interval.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = self.form.preactivations(sequences)
        refuse_outside(values, self.certificate.lower, self.certificate.upper, "channel")
        return values

    def checked(self, sequences: Floats) -> Floats:
        """The sequences as float64, once shape, finiteness, length and input bound are found good."""
        return checked_sequences(sequences, self.form.features, self.certificate.length, self.certificate.input_bound)

    def orders(self, sequences: Floats, *, observed: Floats | None = None) -> Floats:
        """Contributions by order, (batch, classes, P + 1); they sum to the logits (see `volterra_kernels.orders`).

        For fitted decoders the residual path stands in entry 0 at the mean of `observed` (n, L, d), or of `sequences`
        where None; its deviation is of order 1. Beside it, decoders of degree 0 have two entries.
        """
        inputs = self.checked(sequences)
        values = self.preactivations(inputs)
        return np.moveaxis(orders(self.form, self.decoders, self.centre, inputs, values, observed), 0, -1)

    def channel_orders(self, sequences: Floats) -> Floats:
        """Pooled decoder outputs by order, (orders, batch, H): what the readout of `orders` sees."""
        inputs = self.checked(sequences)
        return channel_orders(self.form, self.decoders, self.centre, inputs, self.preactivations(inputs))

    def first_order_kernel(self) -> Floats:
        """Gradient of every logit at the centre over input steps and channels, (classes, L, d)."""
        return first_order_kernel(self.form, self.decoders, self.centre)

    def second_order_kernel(self) -> SecondOrderKernel:
        """Half the Hessian of every logit at the centre, factored; ``.array(label)`` writes it out."""
        return second_order_kernel(self.form, self.decoders, self.centre)

    def channel(self, index: int, digits: int = 6) -> ClosedForm:
        """Closed form of one channel's decoder output over the input sequence (see `channel_formula`)."""
        return channel_formula(self.network, self.form, self.decoders, index, digits)

    def channel_importance(self, sequences: Floats) -> Floats:
        r"""Spread of each channel's part of the logits, (H,).

        $\lVert R_{\cdot h}\rVert_2\,\mathrm{std}_b\,\mathrm{pool}\,p_h$; the part of a readout column that all
        classes share moves no decision and is taken off first.
        """
        pooled = self.form.pooled(self.decoders(self.preactivations(self.checked(sequences))))
        readout = self.form.readout.value
        spread: Floats = np.linalg.norm(readout - readout.mean(axis=0), axis=0) * pooled.std(axis=0)
        return spread

    def certified_same_class(self, logits: Floats) -> Flags:
        r"""For printed logits (batch, classes): is the winning class proved to be the exact network's?

        True where $\ell_i - \ell_j$ exceeds its certified error for every other class j; shape (batch,).

        Raises
        ------
        ValueError
            These are no logits of this operator.
        """
        if logits.ndim != 2 or logits.shape[1] != self.form.classes:
            msg = f"expected logits (batch, {self.form.classes}), as the operator prints them; got shape {logits.shape}"
            raise ValueError(msg)
        winner = logits.argmax(axis=1)
        margin = np.take_along_axis(logits, winner[:, None], axis=1) - logits
        slack = self.certificate.per_pair[winner] + 2.0**-52 * np.abs(margin)
        beaten = margin > slack
        np.put_along_axis(beaten, winner[:, None], True, axis=1)
        return np.asarray(beaten.all(axis=1), dtype=np.bool_)

    def bounds(self, sequences: Floats) -> Certificate:
        """The operator's own certificate: it holds for every sequence that the operator accepts, so for these.

        Raises
        ------
        ValueError
            As a call: the operator does not accept them.
        """
        self.preactivations(self.checked(sequences))
        return self.certificate

    def certified_classes(self, sequences: Floats) -> Flags:
        """For each sequence: is the class that the operator prints proved to be the exact network's? (batch,)."""
        return self.certified_same_class(self(sequences))

    @property
    def lifted_sizes(self) -> dict[str, int]:
        """Numbers of coordinates of one channel's explicit lift, real states 2M: symmetric and Kronecker basis."""
        states = 2 * self.network.layers[0].C.shape[1]
        return {
            "symmetric": comb(states + self.degree, self.degree),
            "kronecker": sum(states**p for p in range(self.degree + 1)),
            "rank_form": self.degree + 1,
        }
