"""Parts of a decoder of a sum: by expansion, by the full tensor, by inclusion and exclusion, and false twins."""

from itertools import combinations, product
from math import comb

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.affine_lift import affine_representation
from carleman_ssm.theory.marginals import joint_part, marginal, marginal_decoder
from carleman_ssm.theory.polynomials import PolynomialDecoder
from tests.strategies_carleman import decoders, rationals
from tests.strategies_ssm import planted

CASES = [(degree, powers) for degree in (0, 1, 3, 4) for powers in ((1,), (0, 2), (1, 1), (2, 1), (1, 0, 2))]


@pytest.mark.parametrize(("degree", "powers"), CASES)
def test_every_certificate_of_a_marginal_is_proved_and_its_false_twin_refuted(degree, powers):
    for certificate in marginal(PolynomialDecoder.symbolic(degree=degree), powers).certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


@pytest.mark.parametrize(("degree", "parts"), [(0, 1), (2, 1), (2, 2), (4, 2), (3, 3), (2, 3)])
def test_every_certificate_of_a_joint_part_is_proved_and_its_false_twin_refuted(degree, parts):
    for certificate in joint_part(PolynomialDecoder.symbolic(degree=degree), parts).certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def letters(form, decoder):
    *parts, rest = form.arguments[len(decoder.parameters) :]
    return parts, rest


@given(decoders(4), st.lists(st.integers(0, 3), min_size=1, max_size=3))
def test_the_marginal_is_the_part_of_the_expanded_polynomial(decoder, powers):
    """The independent route: expand the power of the sum and pick the monomials."""
    form = marginal(decoder, powers)
    parts, rest = letters(form, decoder)
    whole = sp.Poly(decoder(sp.Add(*parts, rest)), *parts)
    picked = whole.coeff_monomial(sp.Mul(*map(sp.Pow, parts, powers)))
    assert sp.expand(form.expression - picked * sp.Mul(*map(sp.Pow, parts, powers))) == 0


@given(decoders(3), st.lists(rationals, min_size=2, max_size=5))
def test_windows_of_inputs_agree_with_the_sum_over_the_full_tensor(decoder, inputs):
    """Two windows: the part of degree (p, q) against the L^P terms, one by one."""
    cut = len(inputs) // 2
    window, others = inputs[:cut], inputs[cut:]
    for p, q in product(range(3), repeat=2):
        form = marginal(decoder, (p, q))
        parts, rest = letters(form, decoder)
        values = dict(zip((*parts, rest), (sum(window, sp.S.Zero), sum(others, sp.S.Zero), sp.S.Zero), strict=True))
        order, found = p + q, sp.S.Zero
        for places in product(range(len(inputs)), repeat=order):
            if sum(place < cut for place in places) == p and order <= decoder.degree:
                found += decoder.coefficients[order] * sp.Mul(*(inputs[place] for place in places))
        assert form.expression.xreplace(values) == found


@given(decoders(4), st.tuples(rationals, rationals, rationals))
def test_the_pair_part_is_inclusion_and_exclusion(decoder, numbers):
    form = joint_part(decoder, 2)
    parts, rest = letters(form, decoder)
    a, b, c = numbers
    expected = decoder(a + b + c) - decoder(a + c) - decoder(b + c) + decoder(c)
    assert form.expression.xreplace(dict(zip((*parts, rest), numbers, strict=True))) == expected


@given(decoders(3), st.lists(rationals, min_size=3, max_size=5), rationals)
def test_all_parts_of_all_sets_of_inputs_add_up_to_the_decoder(decoder, inputs, rest):
    """Only sets of at most P inputs have a part; a degree P polynomial needs no larger ones."""
    total = sp.S.Zero
    for count in range(len(inputs) + 1):
        for chosen in combinations(inputs, count):
            part = decoder(rest)
            if count:
                form = joint_part(decoder, count)
                parts, c = letters(form, decoder)
                part = form.expression.xreplace(dict(zip((*parts, c), (*chosen, rest), strict=True)))
            assert count <= decoder.degree or part == 0
            total += part
    assert total == decoder(sum(inputs, sp.S.Zero) + rest)


@given(decoders(4), st.integers(0, 5), st.integers(0, 5))
def test_without_a_rest_the_weight_is_a_binomial(decoder, p, q):
    weight = marginal_decoder(decoder, (p, q))(sp.S.Zero)
    expected = decoder.coefficients[p + q] * comb(p + q, p) if p + q <= decoder.degree else 0
    assert weight == expected


def test_the_square_of_a_sum_needs_the_factor_two_and_other_false_twins():
    g, square = sp.Symbol("g_2"), PolynomialDecoder.symbolic(degree=2)
    form = marginal(square, (1, 1))
    (a, b), _ = letters(form, square)
    assert verify(Identity(form.expression, 2 * g * a * b)).proved
    for wrong in (g * a * b, 2 * g * a**2, 2 * g * a * b + sp.Symbol("g_1")):
        assert verify(Identity(form.expression, wrong)).evidence is Evidence.REFUTED


def test_a_pair_part_without_the_empty_set_is_refuted():
    decoder = PolynomialDecoder.symbolic(degree=3)
    form = joint_part(decoder, 2)
    (a, b), c = letters(form, decoder)
    wrong = decoder(a + b + c) - decoder(a + c) - decoder(b + c)
    assert verify(Identity(form.expression, wrong)).evidence is Evidence.REFUTED


def test_cores_that_are_no_exponentials_do_not_multiply():
    """The false twin of e^{aG} e^{bG} = e^{(a+b)G}: powers of the core of 1 in place of it."""
    a, b = sp.symbols("a b")
    core = affine_representation([sp.S.One], [sp.S.One], 2)
    true = affine_representation([sp.S.One], [a + b], 2)
    twin = Identity(a * core * (b * core), true)
    assert verify(twin).evidence is Evidence.REFUTED


def test_wrong_requests_are_refused():
    decoder = PolynomialDecoder.symbolic(degree=2)
    with pytest.raises(TypeError, match="decoder must be of the class PolynomialDecoder"):
        marginal((1, 2), (1,))
    with pytest.raises(ValueError, match="degree p_2 must not be negative"):
        marginal(decoder, (1, -1))
    with pytest.raises(TypeError, match="degree p_1 must be an integer"):
        marginal(decoder, (0.5,))
    with pytest.raises(ValueError, match="number of summands must be at least 1"):
        marginal(decoder, ())
    with pytest.raises(ValueError, match="number of summands must be at most 6"):
        joint_part(decoder, 7)
    with pytest.raises(TypeError, match="decoder must be of the class"):
        joint_part(sp.Symbol("g"), 2)
    with pytest.raises(ValueError, match="uses the names a_1"):
        marginal(PolynomialDecoder((0, sp.Symbol("a_1"))), (1,))
