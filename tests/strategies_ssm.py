"""Exact models, decoders, inputs and excitations, with the hard cases drawn on purpose."""

from __future__ import annotations

import sympy as sp

from carleman_ssm import testing
from carleman_ssm.formulas.statements import ClosedForm, Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify

small = testing.rationals()
gaussian = testing.gaussians()


def discrete_models(max_states=3, pairs=None):
    """With pairs stored or not, unless that is said."""
    return testing.discrete_models(max_states, pairs=pairs)


def continuous_models(max_states=2):
    """Without stored pairs."""
    return testing.continuous_models(max_states)


decoders = testing.decoders()
real_inputs = testing.exact_inputs()


def simulated_output(model, inputs):
    """y after the inputs, from the definition: 2 Re taken of numbers."""
    state = [sp.S.Zero] * model.states
    for u in inputs:
        state = [sp.expand(m * x + b * u) for m, x, b in zip(model.multipliers, state, model.input_vector, strict=True)]
    y = sum((c * x for c, x in zip(model.output_vector, state, strict=True)), sp.S.Zero)
    y = sp.expand(y)
    last = inputs[-1] if inputs else sp.S.Zero
    return sp.expand((2 * sp.re(y) if model.conjugate_pairs else y) + model.feedthrough * last)


def value_of(form: ClosedForm, **values):
    """The number that a closed form gives at these values of its arguments (sequences as mappings)."""
    unfolded = unfold(form).expression
    rules = {argument: values[str(argument)] for argument in form.arguments if str(argument) in values}
    return sp.expand(sp.sympify(unfolded).subs(rules))


def planted(identity: Identity) -> Identity:
    """The false twin: the right side with an error of one in its last entry."""
    right = identity.right
    if right.is_Matrix:
        wrong = sp.Matrix(right.as_explicit())
        wrong[wrong.rows - 1, wrong.cols - 1] += 1
        return Identity(identity.left, wrong, nonzero=identity.nonzero)
    return Identity(identity.left, right + 1, nonzero=identity.nonzero)


def assert_certified(form: ClosedForm) -> None:
    """Every certificate is proved, and refuted with an error of one planted."""
    assert form.certificates
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(planted(certificate)).evidence is Evidence.REFUTED, certificate.name
