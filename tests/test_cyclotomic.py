"""Roots of unity in the normal form: what vanishes is proved, what does not is refuted, and nothing else."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ring_equivalence import ring_equivalence
from carleman_ssm.theory.ssm import DiscreteSSM

I, pi = sp.I, sp.pi
ORDERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 30)

roots = st.tuples(st.sampled_from(ORDERS), st.integers(-30, 30)).map(
    lambda q: sp.exp(2 * pi * I * sp.Rational(q[1], q[0]))
)
radicals = st.sampled_from(
    [sp.S.One, *map(sp.sqrt, (2, 3, 5, 6, 7, 10, 11)), sp.root(2, 4), sp.Rational(1, 3), sp.root(8, 4)]
)
terms = st.tuples(st.integers(-3, 3), roots, radicals)
numbers = st.lists(terms, min_size=1, max_size=6).map(lambda parts: sp.Add(*(c * w * s for c, w, s in parts)))


def verdict(left, right=0, nonzero=()):
    return verify(Identity(left, right, nonzero=nonzero))


def size(number):
    with mpmath.workdps(60):
        return abs(mpmath.mpmathify(sp.N(number, 60)))


@given(numbers)
def test_a_number_is_zero_in_the_normal_form_exactly_when_it_is_zero(number):
    vanishes = number == 0 or size(number) < 1e-40
    assert verdict(number).proved == vanishes


@given(numbers, numbers, numbers)
def test_the_field_laws_are_proved_and_their_twins_are_not(x, y, z):
    left, right = sp.Mul(x, sp.Add(y, z, evaluate=False), evaluate=False), x * y + x * z
    assert verdict(left, right).proved
    assert verdict(left, right + 1).evidence is Evidence.REFUTED


@pytest.mark.parametrize("order", [2, 3, 4, 5, 7, 9, 15])
def test_all_roots_of_one_order_add_to_zero_and_fewer_do_not(order):
    powers = [sp.exp(2 * pi * I * k / order) for k in range(order)]
    x = sp.Symbol("x")
    assert verdict(sp.Add(*powers) * x).proved
    assert verdict(sp.Add(*powers[1:]) * x).evidence is Evidence.REFUTED
    assert verdict(sp.Mul(*(x - w for w in powers)), x**order - 1).proved


@pytest.mark.parametrize("prime", [3, 5, 7])
def test_gauss_sums_are_square_roots(prime):
    squares = {k * k % prime for k in range(1, prime)}
    total = sp.Add(*((1 if k in squares else -1) * sp.exp(2 * pi * I * k / prime) for k in range(1, prime)))
    root = sp.sqrt(prime) if prime % 4 == 1 else I * sp.sqrt(prime)
    assert verdict(total, root).proved
    assert verdict(total, -root).evidence is Evidence.REFUTED


def test_roots_and_radicals_meet_in_one_field():
    assert verdict(sp.exp(2 * pi * I / 3), sp.Rational(-1, 2) + sp.sqrt(3) * I / 2).proved
    assert verdict(2 * sp.exp(pi * I / 4), sp.sqrt(2) * (1 + I)).proved
    assert verdict(sp.root(2, 4) ** 3, sp.root(2, 4) * (sp.exp(pi * I / 4) + sp.exp(-pi * I / 4))).proved
    assert verdict(1 / (1 - sp.exp(2 * pi * I / 3)), sp.Rational(1, 2) + I * sp.sqrt(3) / 6).proved


def test_a_divisor_that_is_a_nonzero_number_is_no_condition():
    x = sp.Symbol("x")
    assert verdict(x * (1 - sp.exp(2 * pi * I / 5)) / (1 - sp.exp(2 * pi * I / 5)), x).nonzero == ()


def test_a_divisor_that_vanishes_proves_nothing():
    hidden = sp.exp(2 * pi * I / 7) * sum(sp.exp(2 * pi * I * k / 7) for k in range(7))
    assert not verdict(1 / hidden, 2 / hidden).proved


d, n = sp.Symbol("d", integer=True, positive=True), sp.Symbol("n", integer=True)
N, M = sp.symbols("N M", integer=True, positive=True)


def test_the_sum_over_a_whole_circle_vanishes_for_symbolic_order():
    w = sp.exp(-2 * pi * I * d / N)
    total = sp.Sum(w**n, (n, 0, N - 1))
    assert verdict(total, 0, nonzero=(w - 1,)).proved
    assert verdict(sp.Sum(w**n, (n, 0, N)), 0, nonzero=(w - 1,)).evidence is Evidence.REFUTED


def test_without_its_condition_the_sum_over_a_circle_names_it():
    w = sp.exp(-2 * pi * I * d / N)
    assert verdict(sp.Sum(w**n, (n, 0, N - 1)), 0).nonzero == (w - 1,)


def test_fractions_of_polynomials_in_an_exponent_are_divided():
    odd = 2 * M - 1
    assert verdict(sp.exp(I * pi * 2 * M * d / odd), (-1) ** d * sp.exp(I * pi * d / odd)).proved
    assert verdict(sp.exp(I * pi * 2 * M * d / odd), (-1) ** d * sp.exp(-I * pi * d / odd)).evidence is Evidence.REFUTED
    t = sp.Symbol("t")
    assert verdict(sp.exp(t * M**2 / (M + 1)), sp.exp(t * (M - 1)) * sp.exp(t / (M + 1))).proved


def test_half_turns_are_powers_of_minus_one_for_every_exponent():
    x, y = sp.Symbol("x"), sp.Symbol("y")
    assert verdict(sp.exp(I * pi * (x + y)), sp.Pow(-1, x) * sp.exp(I * pi * y)).proved
    assert verdict(sp.exp(I * pi * x) ** 2, sp.exp(2 * I * pi * x)).proved
    # not for a power of a power: ((−1)^{2x})^{1/2} is ± (−1)^x
    assert not verdict(sp.sqrt(sp.exp(2 * I * pi * x)), sp.exp(I * pi * x)).proved


def test_a_point_where_a_written_divisor_vanishes_refutes_nothing():
    """At d = N both sides of this are undefined, in floating point only almost."""
    odd = 2 * M - 1
    left = sp.Sum((-sp.Rational(1, 2) + I * pi * n) * sp.exp(-2 * pi * I * d * n / odd), (n, 1 - M, M - 1)) / odd
    right = -pi / 2 * (-1) ** d / sp.sin(pi * d / odd)
    assert verdict(left, right).proved
    assert verdict(left, -right).evidence is Evidence.REFUTED
    assert verdict(sp.erf(d) / sp.sin(pi * d / odd), sp.erf(d) / sp.cos(pi * d / odd)).evidence is Evidence.REFUTED
    assert verdict(1 / sp.sin(pi * d), 2 / sp.sin(pi * d)).evidence is Evidence.UNDECIDED


def test_conditions_are_merged_only_where_they_vanish_together():
    x, y = sp.symbols("x y")
    statement = Identity(1 / (x**2 + x * y) + 1 / (x + y), (1 + x) / (x**2 + x * y))
    found = verify(statement)
    assert found.proved
    assert sp.Mul(*found.nonzero).subs(x, 0) == 0
    assert sp.Mul(*found.nonzero).subs(x, -y).expand() == 0
    both = verify(Identity(1 / (x * y) + 1 / (x**2 * y**3), (x * y**2 + 1) / (x**2 * y**3)))
    assert both.proved
    assert len(both.nonzero) == 2  # x and y once each


def test_a_root_of_a_hidden_number_is_a_number():
    x = sp.Symbol("x")
    one = sp.sqrt(sp.sin(x) ** 2 + sp.cos(x) ** 2)
    assert verdict(one, 1).proved
    assert not verdict(1 / (one - 1) + 1, one / (one - 1)).proved  # a division by zero everywhere


def test_powers_of_the_imaginary_unit_have_period_four():
    k = sp.Symbol("k", integer=True)
    assert verdict(I ** (4 * k), 1).proved
    assert verdict((-I) ** k * I**k, 1).proved
    assert verdict(I ** (k + 1), I * I**k).proved
    assert verdict(I ** (2 * k), 1).evidence is Evidence.REFUTED
    x = sp.Symbol("x")
    assert verdict(I**x, sp.exp(I * pi * x / 2)).proved


def test_a_long_quotient_in_an_exponent_is_given_up_in_time():
    x = sp.Symbol("x")
    hidden = sp.sin(x) ** 2 + sp.cos(x) ** 2
    assert not verdict(sp.exp(x**200_000 / (x - 1)) * hidden, sp.exp(x**200_000 / (x - 1)) * 2).proved


def test_powers_of_zero_pick_one_term_of_a_sum():
    k, j = sp.Symbol("k", integer=True, positive=True), sp.Symbol("j", integer=True)
    u, x = sp.IndexedBase("u"), sp.Symbol("x")
    last = sp.Sum(sp.Pow(0, k - j) * x**j * u[j], (j, 1, k))
    assert verdict(last, x**k * u[k]).proved
    assert verdict(last, x**k * u[k - 1]).evidence is Evidence.REFUTED
    assert verdict(sp.Sum(sp.Pow(0, j - 1) * u[j], (j, 1, k)), u[1]).proved
    assert not verdict(sp.Sum(sp.Pow(0, k - j) * u[j], (j, 1, k - 1)), u[k]).proved
    whatever = sp.Symbol("n", integer=True, nonnegative=True)  # for n = 0 the sum is empty
    assert not verdict(sp.Sum(sp.Pow(0, whatever - j) * u[j], (j, 1, whatever)), u[whatever]).proved


@pytest.mark.parametrize("multipliers", [(0,), (0, 0), (sp.Rational(1, 2), 0), (I, 0), (sp.Symbol("a"), 0, -1)])
def test_a_ring_with_a_mode_that_forgets_at_once_is_proved(multipliers):
    """λ = 0: the contents hold powers of zero (T1 is about every spectrum)."""
    ones = (1,) * len(multipliers)
    form = ring_equivalence(ring_embedding(DiscreteSSM(multipliers, ones, ones)))
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
