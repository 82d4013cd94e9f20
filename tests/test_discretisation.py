"""One sampled step of a mode against the exponential of a matrix, its laws, and false twins of them."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify
from carleman_ssm.theory.discretisation import GAIN, INPUT, RATE, STATE, STEP, bilinear_step, held_step
from tests.strategies_ssm import planted

numbers = st.complex_numbers(max_magnitude=3, allow_subnormal=False)
FORMS = {"hold": held_step, "bilinear": bilinear_step}


@given(numbers, numbers, numbers, numbers, st.floats(0.01, 2))
def test_a_held_step_is_the_exponential_of_the_mode_beside_its_constant_input(a, b, x, u, length):
    """Van Loan's matrix [[a, b], [0, 0]]: SciPy's Padé approximation shares nothing with the closed form."""
    value = compile_kernel(held_step())(a, b, length, x, u)
    expected = scipy.linalg.expm(length * np.array([[a, b], [0, 0]])) @ [x, u]
    assert abs(value - expected[0]) < 1e-12 * (1 + abs(a) + abs(b) + abs(x) + abs(u)) ** 3 * np.exp(3 * length)


def test_a_held_step_without_decay_adds_up_the_input():
    assert compile_kernel(held_step())(0.0, 2.0, 0.5, 1.0, 3.0) == 4.0


@pytest.mark.parametrize("name", FORMS)
def test_certificates_are_proved_and_refuted_with_an_error(name):
    form = FORMS[name]()
    assert form.certificates
    for certificate in form.certificates:
        assert verify(certificate).proved
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def test_the_rules_do_not_pass_for_each_other():
    for law, other in ((held_step().certificates[0], bilinear_step()), (bilinear_step().certificates[0], held_step())):
        moved = other.expression.xreplace(dict(other.where))
        left = sp.Derivative(moved, STEP) if isinstance(law.left, sp.Derivative) else (1 - RATE * STEP / 2) * moved
        right = RATE * moved + GAIN * INPUT if isinstance(law.left, sp.Derivative) else law.right
        assert verify(Identity(left, right)).evidence is Evidence.REFUTED


def test_a_small_bilinear_step_agrees_with_the_hold_to_second_order_in_the_state():
    """The ratio of the errors of two steps, one half of the other, tends to 8."""
    hold, tustin = (compile_kernel(form(), "mpmath", 40) for form in (held_step, bilinear_step))
    with mpmath.workdps(40):
        errors = [abs(hold(-1, 1, mpmath.mpf(h), 1, 0) - tustin(-1, 1, mpmath.mpf(h), 1, 0)) for h in ("1e-3", "5e-4")]
        assert abs(errors[0] / errors[1] - 8) < 0.02


def test_a_value_at_a_point_is_a_statement():
    """What `Subs` leaves to be carried out is compared like anything else."""
    t = sp.Symbol("t")
    held = sp.Subs(sp.exp(RATE * t) * STATE + t, t, 0)
    assert verify(Identity(held, STATE)).proved
    assert verify(Identity(held, STATE + 1)).evidence is Evidence.REFUTED
