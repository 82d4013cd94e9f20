"""What every prediction asks of its operator, its input and its length."""

from __future__ import annotations

from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError, NetworkOperator
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.predictions.geometric_inputs import InputFamily
from carleman_ssm.theory.polynomials import require_integer


def checked_operator(operator: NetworkOperator) -> OneLayerOperator | StackOperator:
    """The operator, known as one of those that there are.

    Raises
    ------
    TypeError
        This is no operator.
    """
    if isinstance(operator, OneLayerOperator | StackOperator):
        return operator
    msg = f"expected the operator of a network, got {type(operator).__name__}: build it with network_operator(network)"
    raise TypeError(msg)


def checked_input(family: object) -> InputFamily:
    """The input, if it is one.

    Raises
    ------
    TypeError
        This is no input; a class of inputs is none either.
    """
    if isinstance(family, InputFamily):
        return family
    got = f"the class {family.__name__}" if isinstance(family, type) else type(family).__name__
    msg = f"expected a family of inputs such as Impulse(), got {got}"
    raise TypeError(msg)


def checked_label(label: int, classes: int) -> int:
    """The class as an int, if it is one of 0 … classes − 1.

    Raises
    ------
    TypeError
        The label is no integer.
    ValueError
        There is no such class.
    """
    whole = require_integer(label, "the class")
    if not 0 <= whole < classes:
        msg = f"there is no class {whole}: the network has classes 0 to {classes - 1}"
        raise ValueError(msg)
    return whole


def checked_length(operator: NetworkOperator, length: int | None) -> int:
    """The number of steps, by default all that the operator serves.

    Raises
    ------
    TypeError
        This is no operator, or the length no integer.
    ValueError
        There is no step.
    DomainError
        There are more steps than the operator serves.
    """
    known = checked_operator(operator)
    served = known.form.length if isinstance(known, OneLayerOperator) else known.stack.length
    if length is None:
        return served
    steps = require_integer(length, "the length")
    if steps < 1:
        msg = f"a sequence has at least one step, got length {steps}"
        raise ValueError(msg)
    if steps > served:
        msg = f"the operator holds for at most {served} steps, {steps} are asked for: build it with a longer length"
        raise DomainError(msg)
    return steps


def stated_bound(operator: NetworkOperator) -> float:
    """B of an operator that was built for all inputs |x| ≤ B; infinite for one that was built for sequences."""
    proof = checked_operator(operator).certificate
    return proof.input_bound if proof.domain == "box" else float("inf")
