r"""What every operator of a trained network offers, whatever its depth.

An operator is the whole forward pass with decoders (polynomials, or phase products) in place of the activations,
evaluated in its Volterra / rank-(P+1) form (THEORY T10, T12′, T16), and a certified bound of its distance from the
exact real function of the stored parameters. The simulation of the network is never called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork

Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class DomainError(ValueError):
    """An input lies outside the set for which the operator was built and certified."""


class QuadraticKernel(Protocol):
    """The quadratic part of every logit about the centre."""

    def array(self, label: int) -> Floats:
        """Half the Hessian of one logit, (L, d, L, d)."""

    def quadratic_form(self, deviation: Floats) -> Floats:
        """Second-order part (batch, classes) of deviations (batch, L, d)."""


class NetworkOperator(ABC):
    """The operator of a network; build it with `network_operator`.

    `OneLayerOperator` serves one layer with affine surroundings, `StackOperator` depth, gates and norms.
    """

    network: StateSpaceNetwork
    centre: Floats

    @property
    @abstractmethod
    def exact(self) -> bool:
        """True when the decoders *are* the network's activations and gates: nothing was fitted."""

    @property
    @abstractmethod
    def degree(self) -> int:
        """Largest degree of the decoders of the activations."""

    @property
    @abstractmethod
    def certified_error(self) -> Floats:
        """Bound of |printed logit − logit of the exact network|, (classes,), on the certificate's domain."""

    @property
    def error_bound(self) -> Floats:
        """The same as `certified_error`."""
        return self.certified_error

    @abstractmethod
    def __call__(self, sequences: Floats) -> Floats:
        """Logits (batch, classes) of sequences (batch, length, d), through the operator.

        Raises
        ------
        DomainError
            A sequence lies outside the certificate's domain; the message names sequence, step and channel.
        ValueError
            Wrong shape, or NaN or infinity.
        """

    @abstractmethod
    def orders(self, sequences: Floats, *, observed: Floats | None = None) -> Floats:
        """Contributions by order, (batch, classes, orders); they sum to the logits.

        Orders of fitted decoders refer to a usual sequence: the mean of `observed` (n, L, d), or of `sequences`.
        """

    @abstractmethod
    def first_order_kernel(self) -> Floats:
        """Gradient of every logit at the centre over input steps and channels, (classes, L, d)."""

    @abstractmethod
    def second_order_kernel(self) -> QuadraticKernel:
        """Half the Hessian of every logit at the centre."""

    @abstractmethod
    def certified_classes(self, sequences: Floats) -> Flags:
        """For each sequence: is the class that the operator prints proved to be the exact network's? (batch,)."""


def checked_sequences(sequences: Floats, features: int, length: int, input_bound: float) -> Floats:
    """The sequences as float64, once shape, finiteness, length and input bound are found good.

    Raises
    ------
    ValueError
        Wrong shape, no sequence or no step, or NaN or infinity.
    DomainError
        Too many steps, or a value beyond the input bound.
    """
    inputs = np.asarray(sequences, dtype=np.float64)
    if inputs.ndim != 3 or inputs.shape[2] != features or 0 in inputs.shape:
        msg = f"expected sequences (batch, length, {features}), none of these 0; got shape {inputs.shape}"
        raise ValueError(msg)
    if not np.isfinite(inputs).all():
        msg = f"sequence {int(np.argwhere(~np.isfinite(inputs))[0][0])} holds NaN or infinity"
        raise ValueError(msg)
    if inputs.shape[1] > length:
        msg = (
            f"sequences have {inputs.shape[1]} steps, the operator holds for at most {length}: build it with a longer "
            "length"
        )
        raise DomainError(msg)
    largest = float(np.abs(inputs).max(initial=0.0))
    if largest > input_bound:
        item = int(np.unravel_index(np.abs(inputs).argmax(), inputs.shape)[0])
        msg = (
            f"sequence {item} has a value of size {largest:.6g}, the certificate holds for |x| <= {input_bound:.6g}: "
            "build the operator with a larger input_bound"
        )
        raise DomainError(msg)
    return inputs


def refuse_outside(values: Floats, lower: Floats, upper: Floats, place: str) -> None:
    """Refuse values (batch, length, H) outside the per-channel intervals [lower, upper], (H,) each, and NaN.

    Raises
    ------
    DomainError
        With sequence, step and channel of the first value outside; `place` says which values these are.
    """
    outside = ~((values >= lower) & (values <= upper))  # NaN compares with nothing
    if not outside.any():
        return
    item, step, channel = (int(index) for index in np.argwhere(outside)[0])
    if not np.isfinite(values[item, step, channel]):
        msg = (
            f"sequence {item} leaves the range of float64 on its way to {place} {channel} at step {step}: scale the "
            "sequences or check the parameters"
        )
        raise DomainError(msg)
    value = values[item, step, channel]
    excess = max(lower[channel] - value, value - upper[channel])
    msg = (
        f"sequence {item} leaves the certified interval of {place} {channel} at step {step}: "
        f"y = {value:.6g} is not in [{lower[channel]:.6g}, {upper[channel]:.6g}], by {excess:.3g} "
        f"({int(outside.sum())} values are outside in all). A fit means nothing there; build the operator with these "
        "sequences, or with a larger input_bound"
    )
    raise DomainError(msg)


def refuse_non_finite(logits: Floats) -> None:
    """Refuse logits (batch, classes) that are no numbers.

    Raises
    ------
    DomainError
        With the first sequence whose logits are NaN or infinite.
    """
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        msg = (
            f"sequence {int(np.argmin(finite))} has logits that are not finite (so do {int((~finite).sum())} in all): "
            "a value on the way leaves the range of float64; scale the sequences or check the parameters"
        )
        raise DomainError(msg)
