r"""What a trained network answers to a family of inputs: predicted, certified, and simulated beside.

For one layer with affine surroundings the pre-activations are those of `responses`: no input sequence is run through
anything. Deeper networks answer through their operator. Inputs that leave the interval on which a fitted decoder is
certified are refused with the excess; one polynomial layer has no such interval. Inputs beyond the input bound that an
operator was built for are refused by every operator, as when it is called with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import overload

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import NetworkOperator, checked_sequences, refuse_non_finite, refuse_outside
from carleman_ssm.predictions.arguments import checked_input, checked_length, checked_operator, stated_bound
from carleman_ssm.predictions.family_certificate import prediction_error
from carleman_ssm.predictions.geometric_inputs import InputFamily
from carleman_ssm.predictions.responses import TermArrays, preactivations


@dataclass(frozen=True, eq=False, repr=False)
class Prediction(Brief):
    """Predicted logits beside those of the simulation.

    Parameters
    ----------
    family
        The input.
    length
        Number of steps.
    logits
        Predicted, (classes,).
    certified_error
        Bound of |predicted − exact logit|, (classes,), of the network with its own activation: on the exact input for
        a closed form, on ``family.sequence(length)`` in float64 for an operator.
    simulated
        Logits of the network run on that sequence, (classes,); they carry the rounding of the run.
    preactivations
        $y_{k,h}$ (length, H) by the closed form; None where an operator answered.
    """

    family: InputFamily
    length: int
    logits: Floats
    certified_error: Floats
    simulated: Floats
    preactivations: Floats | None

    @property
    def closed_form(self) -> bool:
        """Whether the pre-activations are closed forms of the family's parameters."""
        return self.preactivations is not None

    @property
    def winner(self) -> int:
        """The class with the largest predicted logit."""
        return int(self.logits.argmax())

    @property
    def certified_class(self) -> bool:
        """Whether the winner is proved to be that of the exact network.

        On the exact input where `closed_form`; else on its float64 values, ``family.sequence(length)``, alone: how far
        the class of the exact input may be from theirs is not bounded.
        """
        others = np.delete(self.logits + self.certified_error, self.winner)
        margin = self.logits[self.winner] - self.certified_error[self.winner]
        return bool((margin > others).all())

    @property
    def difference(self) -> float:
        """Largest measured |predicted − simulated| of all logits."""
        return float(np.abs(self.logits - self.simulated).max())


@overload
def predict(operator: NetworkOperator, family: InputFamily, length: int | None = None) -> Prediction: ...


@overload
def predict(
    operator: NetworkOperator, family: Iterable[InputFamily], length: int | None = None
) -> tuple[Prediction, ...]: ...


def predict(
    operator: NetworkOperator, family: InputFamily | Iterable[InputFamily], length: int | None = None
) -> Prediction | tuple[Prediction, ...]:
    r"""Logits of an input family, with a certified error and the simulation beside.

    $\ell_i = o_i + \sum_hR_{ih}\,\mathrm{pool}_k\,p_h(y_{k,h}) + \sum_jS_{ij}\,\mathrm{pool}_k\,x_{k,j}$ with the
    closed $y_{k,h}$ of `responses`: bias, transient and steady part, after every step, resonances included.

    Parameters
    ----------
    operator
        From `network_operator`.
    family
        An input, or several.
    length
        Number of steps; by default as many as the operator serves.

    Returns
    -------
    Prediction
        A tuple of them for several inputs.

    Raises
    ------
    DomainError
        A pre-activation leaves its certified interval (the message says where and by how much), the input exceeds the
        bound that the operator was built for, or it is longer than what the operator serves.
    ValueError
        The input starts after the last step, its channel does not exist, or it leaves the range of float64.
    TypeError
        This is no operator, or no family, or the length no integer.

    References
    ----------
    THEORY T10, T15, T23; derivations/23_frequency_responses.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> from carleman_ssm.operators.construction import network_operator
    >>> from carleman_ssm.predictions.input_families import Sinusoid, Step
    >>> operator = network_operator(load_network("frequencies"), input_bound=2.0, length=64)
    >>> found = predict(operator, Sinusoid(frequency=0.5) + Step(height=0.3, position=10))
    >>> found.closed_form, found.difference < 1e-10, bool((found.certified_error < 1e-9).all())
    (True, True, True)
    """
    steps = checked_length(operator, length)
    if isinstance(family, InputFamily) or not isinstance(family, Iterable):
        return _predicted(operator, checked_input(family), steps)
    return tuple(_predicted(operator, checked_input(one), steps) for one in family)


def _predicted(operator: NetworkOperator, family: InputFamily, length: int) -> Prediction:
    known = checked_operator(operator)
    sequence = family.sequence(length, known.network.features)
    reached: Floats | None = None
    if isinstance(known, OneLayerOperator):
        reached = closed_preactivations(known, family, length)
        checked_sequences(sequence[None], known.form.features, length, stated_bound(known))
        logits = decoded_logits(known, reached[None], sequence[None])[0]
        error = prediction_error(known, family, reached)
    else:
        logits, error = known(sequence[None])[0], known.bounds(sequence[None]).per_class
    simulated = known.network(sequence[None])[0]
    return Prediction(family, length, logits, error, simulated, reached)


def closed_preactivations(operator: OneLayerOperator, family: InputFamily, length: int) -> Floats:
    """$y_{k,h}$ (length, H) of an input by the closed form, checked against the certified intervals.

    Raises
    ------
    DomainError
        A pre-activation leaves its interval.
    """
    reached = preactivations(operator.form, [TermArrays.of(term) for term in family.terms], length)
    refuse_outside(reached, operator.certificate.lower, operator.certificate.upper, "channel")
    return np.asarray(reached[0])


def decoded_logits(operator: OneLayerOperator, reached: Floats, inputs: Floats) -> Floats:
    """Logits (inputs, classes) of pre-activations (inputs, length, H) and inputs (inputs, length, d).

    Raises
    ------
    DomainError
        A logit leaves the range of float64.
    """
    form = operator.form
    with np.errstate(over="ignore", invalid="ignore"):  # refused by name
        logits = form.read_out(form.pooled(operator.decoders(reached)), form.pooled(inputs))
    refuse_non_finite(logits)
    return logits
