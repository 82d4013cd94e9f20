"""Representatives of the formulas of trained networks: bundled ones, over a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.closed_forms import channel_formula, network_formula
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.predictions.amplitude_polynomials import amplitude_polynomial
from carleman_ssm.predictions.formulas import logit_formula
from carleman_ssm.predictions.frequency_polynomials import frequency_polynomial
from carleman_ssm.predictions.input_families import Impulse, Sinusoid, Step
from carleman_ssm.proofs.instances import Instances

STEPS = 8
DIGITS = 3
"""Of the numbers of a network: what is shown is the shape of its formula."""


@cache
def _operator() -> OneLayerOperator:
    operator = network_operator(load_network("frequencies"), input_bound=2.0, length=STEPS)
    if not isinstance(operator, OneLayerOperator):
        msg = f"the bundled network 'frequencies' is one layer; its operator is a {type(operator).__name__}"
        raise TypeError(msg)
    return operator


def _channel() -> ClosedForm:
    operator = _operator()
    return channel_formula(operator.network, operator.form, operator.decoders, 0, DIGITS)


def _network() -> ClosedForm:
    operator = _operator()
    return network_formula(operator.network, operator.form, operator.decoders, DIGITS)


def _heights() -> ClosedForm:
    return amplitude_polynomial(_operator(), Sinusoid(frequency=0.5) + Impulse(position=2)).formula(0)


_NAME = "frequencies"
TRAINED: Mapping[str, Instances] = MappingProxyType(
    {
        "operators.closed_forms.channel_formula": {_NAME: _channel},
        "operators.closed_forms.network_formula": {_NAME: _network},
        "operators.one_layer_operator.OneLayerOperator.channel": {_NAME: lambda: _operator().channel(0, DIGITS)},
        "predictions.amplitude_polynomials.AmplitudePolynomial.formula": {_NAME: _heights},
        "predictions.formulas.logit_formula": {_NAME: lambda: logit_formula(_operator(), Step, 0)},
        "predictions.frequency_polynomials.FrequencyPolynomial.formula": {
            _NAME: lambda: frequency_polynomial(_operator(), Sinusoid()).formula(0)
        },
    }
)
"""Qualified name -> label of the instance -> what builds it."""
