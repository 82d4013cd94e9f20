r"""The network's own activations as decoders, with exact derivatives of every order in place of a fit.

With them `jets`, `gradients`, `hessian_products` and `second_order_kernel` differentiate the *true* network (GELU and
the logistic gate included) at any depth, by formula and at any input: there is no interval that an input could leave.
They enclose nothing: certificates are made from polynomial decoders.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import NoReturn

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.activation_series import SERIES
from carleman_ssm.operators.bases import exact_decoders
from carleman_ssm.operators.decoders import ChannelDecoders, UnfittedDecoders
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.theory.activations import Activation


@dataclass(frozen=True, eq=False, repr=False)
class ActivationDecoders(UnfittedDecoders):
    r"""One activation $\varphi$ that is no polynomial, for all channels (`ChannelDecoders`).

    Parameters
    ----------
    rule
        $\varphi$, by its name.
    channels
        H.

    Raises
    ------
    ValueError
        No law for the derivatives of this activation is stated; polynomials have `ExactDecoders`.

    References
    ----------
    THEORY T20; `activation_series` for the laws.

    Examples
    --------
    >>> import numpy as np
    >>> from carleman_ssm.theory.activations import activation
    >>> decoders = ActivationDecoders(activation("sigmoid"), channels=1)
    >>> decoders.taylor(np.array([0.0]), 3)[:, 0].round(5)  # 1/2 + y/4 − y³/48
    array([ 0.5    ,  0.25   ,  0.     , -0.02083])
    """

    rule: Activation
    channels: int

    def __post_init__(self) -> None:
        if self.rule.name not in SERIES:
            msg = (
                f"no law for the derivatives of {self.rule.name!r} is stated: known are {', '.join(SERIES)}; a "
                "polynomial has ExactDecoders"
            )
            raise ValueError(msg)

    @property
    def degree(self) -> int:
        """The largest integer: no finite degree bounds an activation, and no order of a series may be left out."""
        return sys.maxsize

    def __call__(self, preactivations: Floats) -> Floats:
        r"""$\varphi(y)$."""
        return self.rule(preactivations)

    def magnitude(self, bound: Floats) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        """Refused: see `rounding`."""
        raise TypeError(_NO_BOUND)

    def rounding(self, bound: Floats) -> NoReturn:  # noqa: ARG002 - the protocol's signature
        """Refused: the rounding of erf and exp in float64 has no proved bound here."""
        raise TypeError(_NO_BOUND)

    def taylor(self, centres: Floats, order: int) -> Floats:
        r"""$\varphi^{(q)}(y_0)/q!$ for q = 0 … order, (order + 1, …, H)."""
        return SERIES[self.rule.name](centres, order)


_NO_BOUND = (
    "the activations of a network, as float64 evaluates them, have no proved bound of their rounding: certificates "
    "need the polynomial decoders that network_operator fits"
)


def activation_decoders(rule: Activation, channels: int) -> ChannelDecoders:
    """An activation or gate as decoders: itself where it is a polynomial, else with its laws of differentiation."""
    return exact_decoders(rule, channels) if rule.is_polynomial else ActivationDecoders(rule, channels)


def own_decoders(network: StateSpaceNetwork) -> tuple[LayerDecoders, ...]:
    """Activation and gate of every layer of a network as decoders: nothing is fitted.

    Parameters
    ----------
    network
        Any depth and any configuration.

    Returns
    -------
    tuple of LayerDecoders
        To be used with ``build_stack(network, length)`` in `jets`, `gradients`, `hessian_products` and
        `second_order_kernel`.

    Raises
    ------
    TypeError
        It is no network of time-invariant layers.

    References
    ----------
    THEORY T20.
    """
    given: object = network
    if not isinstance(given, StateSpaceNetwork):
        msg = f"expected a network of time-invariant layers, got {type(given).__name__}: an operator has its network"
        raise TypeError(msg)
    channels = network.channels
    return tuple(
        LayerDecoders(
            activation_decoders(rule.activation, channels),
            None if rule.gate is None else activation_decoders(rule.gate, channels),
        )
        for rule in layer_rules(network)
    )
