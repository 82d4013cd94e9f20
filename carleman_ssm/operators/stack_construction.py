r"""From a trained network of any depth to its `StackOperator`: rules, decoders, certificate, and the search for a
tolerance that certifies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.bases import NO_FIT
from carleman_ssm.operators.domain import CERTIFIED_SHARE, Domain
from carleman_ssm.operators.error_propagation import certify_box, certify_sequences
from carleman_ssm.operators.ranges import LayerRules
from carleman_ssm.operators.stack import Stack, build_stack
from carleman_ssm.operators.stack_fits import FitChoice, stack_decoders
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.theory.activations import activation

TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
PROBE = 64
"""At most so many sequences, evenly spaced, tell in the search which tolerance serves."""
Progress = Callable[[str], None]


def layer_rules(network: StateSpaceNetwork) -> tuple[LayerRules, ...]:
    """Activation and gate of every layer, as the network states them."""
    config, rules = network.config, []
    for layer in network.layers:
        learned = layer.activation_coefficients
        phi = activation(config.activation, None if learned is None else tuple(learned.tolist()))
        rules.append(LayerRules(phi, activation(config.gate) if config.output == "glu" else None))
    return tuple(rules)


def stack_operator(
    network: StateSpaceNetwork, domain: Domain, choice: FitChoice, *, search: bool, progress: Progress = lambda _: None
) -> StackOperator:
    """The operator of a network as a stack, whatever its depth.

    Parameters
    ----------
    domain
        Where it shall hold, from `checked_domain`.
    choice
        How its decoders are chosen.
    search
        Lower the tolerance until the certified bound leaves the class of 99 % of the sequences alone; where the
        ladder ends first, or stops to gain, the last operator is returned and `progress` says so.
    progress
        Called with a line of text as the work goes on.

    Raises
    ------
    ValueError
        As `build_stack` and `stack_decoders`; a search without sequences; or fits asked of a network that needs none.
    """
    stack, rules = build_stack(network, domain.steps), layer_rules(network)
    exact = all(_is_exact(rule) for rule in rules)
    asked = choice.fit != "auto" or choice.terms is not None or choice.tolerance is not None or bool(choice.bases)
    if exact and asked:
        raise ValueError(NO_FIT)
    if not search or exact:
        return _assembled(network, stack, rules, domain, choice)
    if domain.inputs is None:
        msg = "give a degree or a tolerance, or sequences for which the tolerance that certifies is searched"
        raise ValueError(msg)

    probe = domain.inputs[:: -(-len(domain.inputs) // PROBE)]

    def assembled(tolerance: float) -> StackOperator:
        return _assembled(network, stack, rules, domain, replace(choice, tolerance=tolerance), probe)

    return _searched(assembled, domain.inputs, probe, progress)


def _is_exact(rule: LayerRules) -> bool:
    return rule.activation.is_polynomial and (rule.gate is None or rule.gate.is_polynomial)


def _assembled(
    network: StateSpaceNetwork,
    stack: Stack,
    rules: tuple[LayerRules, ...],
    domain: Domain,
    choice: FitChoice,
    certified: Floats | None = None,
) -> StackOperator:
    """Fit, and certify on the box or on the sequences (all of them, unless some are named)."""
    decoders = stack_decoders(stack, rules, domain, choice)
    if domain.is_box or domain.inputs is None:
        proof = certify_box(stack, decoders, rules, domain.bound)
    else:
        proof = certify_sequences(stack, decoders, rules, domain.inputs if certified is None else certified)
    return StackOperator(network, stack, decoders, rules, proof, domain.centre)


def _searched(
    assembled: Callable[[float], StackOperator], inputs: Floats, probe: Floats, progress: Progress
) -> StackOperator:
    """Go down the tolerances by a probe of the sequences; where it is certified, all of them have to be."""
    before = float("inf")
    for tolerance in TOLERANCES:
        operator = assembled(tolerance)
        if _reaches(operator, probe, tolerance, progress):
            operator = _certified_on(operator, inputs)
            if len(probe) == len(inputs) or _reaches(operator, inputs, tolerance, progress):
                return operator
        error = float(operator.certified_error.max())
        if error > 0.5 * before:
            break
        before = error
    progress(
        "finer fits do not bring the certified bound to leave 99 % of the classes alone: most of it starts at "
        + operator.certificate.dominant
    )
    return _certified_on(operator, inputs)


def _certified_on(operator: StackOperator, inputs: Floats) -> StackOperator:
    """The operator with a certificate of these sequences, unless its own serves them."""
    if operator.certificate.covers(inputs):
        return operator
    return replace(operator, certificate=operator.bounds(inputs))


def _reaches(operator: StackOperator, inputs: Floats, tolerance: float, progress: Progress) -> bool:
    share = float(operator.certified_classes(inputs, operator.certificate).mean())
    progress(
        f"fits to {tolerance:.0e}: class certified for {100 * share:.1f} % of {len(inputs)} sequences, certified "
        f"error {float(operator.certified_error.max()):.3g}, most of it from {operator.certificate.dominant}"
    )
    return share >= CERTIFIED_SHARE
