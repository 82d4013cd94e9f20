"""Exact models, decoders, inputs and excitations, with the hard cases drawn on purpose."""

from __future__ import annotations

import sympy as sp
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import ClosedForm, Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

small = st.integers(-4, 4).flatmap(lambda p: st.integers(1, 5).map(lambda q: sp.Rational(p, q)))
gaussian = st.builds(lambda re, im: re + sp.I * im, small, small)
hard_multipliers = st.sampled_from([sp.S.Zero, sp.S.One, -sp.S.One, sp.I, sp.Rational(1, 2)])


@st.composite
def discrete_models(draw, max_states=3, pairs=None):
    """Multipliers 0, 1, equal ones, Gaussian rationals; D zero or not; pairs stored or not."""
    states = draw(st.integers(1, max_states))
    multipliers = draw(st.lists(st.one_of(hard_multipliers, gaussian), min_size=states, max_size=states))
    if states > 1 and draw(st.booleans()):
        multipliers[1] = multipliers[0]
    b, c = (draw(st.lists(gaussian, min_size=states, max_size=states)) for _ in range(2))
    stored = draw(st.booleans()) if pairs is None else pairs
    return DiscreteSSM(tuple(multipliers), tuple(b), tuple(c), draw(small), stored)


@st.composite
def continuous_models(draw, max_states=2):
    """Eigenvalues 0, equal ones, Gaussian rationals; no stored pairs."""
    states = draw(st.integers(1, max_states))
    eigenvalues = draw(st.lists(st.one_of(st.just(sp.S.Zero), gaussian), min_size=states, max_size=states))
    if states > 1 and draw(st.booleans()):
        eigenvalues[1] = eigenvalues[0]
    b, c = (draw(st.lists(gaussian, min_size=states, max_size=states)) for _ in range(2))
    return DiagonalSSM(tuple(eigenvalues), tuple(b), tuple(c), draw(small))


decoders = st.lists(small, min_size=1, max_size=4).map(lambda g: PolynomialDecoder(tuple(g)))
real_inputs = st.one_of(st.lists(small, max_size=4), st.just([sp.S.One] * 3))


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
    if isinstance(right, sp.MatrixBase):
        wrong = sp.Matrix(right)
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
