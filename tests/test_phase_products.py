"""The phase product: proved for a few inputs and frequencies, refuted with a planted error, numbers by mpmath."""

import mpmath as mp
import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.theory import phase_products
from carleman_ssm.theory.phase_products import phase_product

pytestmark = pytest.mark.symbolic


@pytest.mark.parametrize(("inputs", "terms"), [(1, 0), (1, 1), (2, 2), (3, 3)])
def test_certificates_are_proved(inputs, terms):
    for certificate in phase_product(inputs, terms).certificates:
        assert cs.verify(certificate).proved, certificate.name


@pytest.mark.parametrize("planted", ["sign", "lag"])
def test_a_planted_error_is_refuted(planted):
    form = phase_product(2, 2)
    statement = form.certificates[0]
    change = {sp.Symbol("b_2"): -sp.Symbol("b_2")} if planted == "sign" else {sp.Symbol("u_1"): sp.Symbol("u_0")}
    wrong = Identity(statement.left, statement.right.subs(change))
    assert cs.verify(wrong).evidence is cs.Evidence.REFUTED


def refuted(form):
    return {c.name for c in form.certificates if cs.verify(c).evidence is cs.Evidence.REFUTED}


E, omega = sp.symbols("E omega")
PRINTED = phase_products._in_phases
PRODUCT = phase_products._product
WRONG = {
    "a constant": ("_in_phases", lambda line, a, b, phase: PRINTED(line + 13 * (phase == E), a, b, phase)),
    "the slope": ("_in_phases", lambda line, a, b, phase: PRINTED(line * (1 + (phase == E)), a, b, phase)),
    "the sines": ("_in_phases", lambda line, a, b, phase: PRINTED(line, a, b, 1 / phase if phase == E else phase)),
    "the frequency": ("_product", lambda omega, parts: PRODUCT(7 * omega, parts)),
    "an input": ("_product", lambda omega, parts: PRODUCT(omega, parts[1:])),
}


@pytest.mark.parametrize(("function", "wrong"), WRONG.values(), ids=WRONG)
def test_a_wrong_expression_or_phase_is_refuted_by_its_certificates(monkeypatch, function, wrong):
    monkeypatch.setattr(phase_products, function, wrong)
    assert refuted(phase_product(2, 2)) == {"phases multiply", "decoded output"}


def test_the_certificates_end_with_what_is_printed():
    form = phase_product(2, 2)
    assert [c.right for c in form.certificates[1:]] == [unfold(form).expression] * 2
    assert refuted(form) == set()


def test_the_closed_form_gives_the_number_of_the_series():
    form = phase_product(3, 2)
    values = {argument: sp.Rational(7 * index + 3, 11) for index, argument in enumerate(form.arguments)}
    found = complex(unfold(form).expression.subs(values).evalf(30))
    with mp.workdps(30):
        number = {str(name): mp.mpf(value.p) / value.q for name, value in values.items()}
        y = mp.fsum(number[f"K_{m}"] * number[f"u_{m}"] for m in range(3))
        expected = number["c"] + number["s"] * y
        for n in (1, 2):
            expected += number[f"a_{n}"] * mp.cos(n * number["omega"] * y)
            expected += number[f"b_{n}"] * mp.sin(n * number["omega"] * y)
    assert abs(found - complex(expected)) <= 1e-12 * abs(complex(expected))


def test_sizes_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one past input"):
        phase_product(0, 1)
    with pytest.raises(ValueError, match="number of frequencies"):
        phase_product(1, -1)
