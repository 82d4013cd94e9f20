r"""The operator of a network of any depth, with gates and norms (THEORY T10, T12′, T16).

Layer by layer it is a convolution with closed-form kernels, per-channel decoders, affine maps, products of gates and,
where the network has LayerNorm or RMSNorm, one algebraic number per step. The simulation is never called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.adjoint import gradients
from carleman_ssm.operators.bases import DecoderBasis, decoder_bases
from carleman_ssm.operators.curvature import StackQuadraticKernel, second_order_kernel
from carleman_ssm.operators.error_propagation import LayerRules, certify_sequences
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.operator import Flags, NetworkOperator, checked_sequences
from carleman_ssm.operators.stack import Stack
from carleman_ssm.operators.stack_certificate import StackCertificate
from carleman_ssm.operators.stack_trace import LayerDecoders, LayerTrace, checked_run
from carleman_ssm.operators.wiener import orthogonal_orders


@dataclass(frozen=True, eq=False, repr=False)
class StackOperator(NetworkOperator, Brief):
    """The operator of a network of any depth; build it with `network_operator`.

    Parameters
    ----------
    network
        The network that it is the operator of (kept to print its parameters, not to evaluate).
    stack
        Kernels, affine maps and norms.
    decoders
        The decoders of every layer.
    rules
        The activation and gate that the decoders stand for, per layer.
    certificate
        Bounds on the printed logits and the inputs they hold for.
    centre
        The input (L, d) about which orders and Volterra kernels are counted.

    References
    ----------
    THEORY T10, T12′, T13b, T16, §8.
    """

    network: StateSpaceNetwork
    stack: Stack
    decoders: tuple[LayerDecoders, ...]
    rules: tuple[LayerRules, ...]
    certificate: StackCertificate
    centre: Floats

    @property
    def exact(self) -> bool:
        """True when every decoder is the network's own polynomial (norms may still be algebraic)."""
        return all(layer.exact for layer in self.decoders)

    @property
    def is_polynomial(self) -> bool:
        """True when the operator is a polynomial in the input: exact decoders, and norms affine or absent."""
        return self.exact and all(layer.is_polynomial for layer in self.stack.layers)

    @property
    def degree(self) -> int:
        """Largest degree of the decoders of the activations; of phase products, the number of frequencies."""
        return max(layer.activation.degree for layer in self.decoders)

    @property
    def total_degree(self) -> int:
        r"""Degree in x: $\prod_\ell \max(r_\ell, P_\ell(1 + Q_\ell))$, r = 1 with a residual path, else 0 (T16).

        Raises
        ------
        ValueError
            A norm is not affine, or a decoder is a phase product, so the operator is no polynomial.
        """
        if not all(layer.is_polynomial for layer in self.stack.layers):
            msg = "LayerNorm and RMSNorm are not polynomial: this operator has no total degree"
            raise ValueError(msg)
        if any(basis.basis == "cosine" for basis in self.bases):
            msg = "phase products are not polynomial: this operator has no total degree; ask for fit='chebyshev'"
            raise ValueError(msg)
        return degree_of_product(self.stack, self.decoders)

    @property
    def bases(self) -> tuple[DecoderBasis, ...]:
        """What stands for the activation and the gate of every layer: basis, size, intervals, certified errors."""
        return decoder_bases(self.decoders)

    @property
    def certified_error(self) -> Floats:
        """Bound of |printed logit − logit of the exact network|, (classes,), on the certificate's domain."""
        return self.certificate.per_class

    def checked(self, sequences: Floats) -> Floats:
        """The sequences as float64, once shape, finiteness, length and input bound are found good."""
        bound = self.certificate.input_bound if self.certificate.domain == "box" else float("inf")
        return checked_sequences(sequences, self.stack.features, self.stack.length, bound)

    def trace(self, sequences: Floats) -> tuple[Floats, tuple[LayerTrace, ...]]:
        """Logits and every intermediate value, the arguments of all decoders checked against their intervals.

        Raises
        ------
        DomainError
            A value leaves the interval of its decoder, or the range of float64.
        """
        return checked_run(self.stack, self.decoders, self.checked(sequences))

    def __call__(self, sequences: Floats) -> Floats:
        """Logits (batch, classes) of sequences (batch, length, d), through the operator.

        Raises
        ------
        DomainError
            A sequence is too long or too large, or a value leaves the interval of its decoder (named) or float64.
        ValueError
            Wrong shape, or NaN or infinity.
        """
        return self.trace(sequences)[0]

    def orders(self, sequences: Floats, *, observed: Floats | None = None) -> Floats:
        """Contributions by order, (batch, classes, orders); they sum to the logits.

        For a polynomial network: total degree in the deviation from the centre (`jets`). Otherwise: orthogonalised
        orders (`wiener.orthogonal_orders`, also for `observed`), because raw orders of high-degree fits cancel. Those
        count the degree of the decoders, which is an order of the input in one layer only (`wiener.p_is_order`).

        Raises
        ------
        DomainError
            As a call: the operator does not hold for a sequence.
        """
        inputs = self.checked(sequences)
        if self.is_polynomial:
            checked_run(self.stack, self.decoders, inputs)
            parts = jets(self.stack, self.decoders, self.centre, inputs, self.total_degree)
            return np.moveaxis(parts, 0, -1)
        return orthogonal_orders(self, inputs, observed=observed)

    def first_order_kernel(self) -> Floats:
        """Gradient of every logit at the centre over input steps and channels, (classes, L, d)."""
        result: Floats = gradients(self.stack, self.decoders, self.centre[None])[0]
        return result

    def second_order_kernel(self) -> StackQuadraticKernel:
        """Half the Hessian of every logit at the centre."""
        return second_order_kernel(self.stack, self.decoders, self.centre)

    def bounds(self, sequences: Floats) -> StackCertificate:
        """A certificate for these sequences; for a box operator its own is one already."""
        return certify_sequences(self.stack, self.decoders, self.rules, self.checked(sequences))

    def certified_classes(self, sequences: Floats, proof: StackCertificate | None = None) -> Flags:
        """For each sequence: is the class that the operator prints proved to be the exact network's? (batch,).

        Sequences that the operator's certificate is of are known again, value by value; others are certified anew.
        `proof` is another certificate that they are of (from `bounds`).

        Raises
        ------
        ValueError
            The proof is of other sequences than these, or of a box that they leave.
        """
        logits, inputs = self(sequences), np.asarray(sequences, dtype=np.float64)
        if proof is None:
            proof = self.certificate if self._is_certified(inputs) else self.bounds(inputs)
        winner = logits.argmax(axis=1)
        margin = np.take_along_axis(logits, winner[:, None], axis=1) - logits
        slack = proof.per_pair[proof.rows_of(inputs), winner]
        beaten = margin > slack + 2.0**-52 * np.abs(margin)
        np.put_along_axis(beaten, winner[:, None], True, axis=1)
        return np.asarray(beaten.all(axis=1), dtype=np.bool_)

    def _is_certified(self, inputs: Floats) -> bool:
        """Whether its certificate is of these sequences, and of these decoders: a replaced part is certified anew."""
        own, parts = self.certificate, (self.stack, self.decoders, self.rules)
        kept = len(own.subject) == len(parts) and all(old is new for old, new in zip(own.subject, parts, strict=True))
        return own.domain == "box" or (kept and own.covers(inputs))


def degree_of_product(stack: Stack, decoders: Sequence[LayerDecoders]) -> int:
    r"""$\prod_\ell\max(r_\ell, P_\ell(1 + Q_\ell))$: degree in x of polynomial decoders in a stack without other norms.

    Parameters
    ----------
    stack, decoders
        r = 1 with a residual path, else 0; P and Q the degrees of a layer's activation and gate.

    References
    ----------
    THEORY T16.
    """
    total = 1
    for layer, rule in zip(stack.layers, decoders, strict=True):
        branch = rule.activation.degree * (1 + (rule.gate.degree if rule.gate is not None else 0))
        total *= max(int(layer.residual), branch)
    return total
