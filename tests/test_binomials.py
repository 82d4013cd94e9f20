"""Binomial coefficients with symbolic arguments: Pascal's rule, ratios and complete sums, and false twins of each."""

from math import comb
from random import Random

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.normal_forms import Normaliser
from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify

pytestmark = pytest.mark.symbolic

binomial, factorial = sp.binomial, sp.factorial
alpha, beta, m, r = sp.symbols("alpha beta m r", integer=True, nonnegative=True)
any_integer, j = sp.symbols("z j", integer=True)
p, q, x, n, a, s, t = sp.symbols("p q x n a s t")


COEFFICIENT = binomial(alpha, j)


def powers(upper, *, lower=0, weight=COEFFICIENT):
    return sp.Sum(weight * p**j * q ** (alpha - j), (j, lower, upper))


TRUE = {
    "Pascal's rule for every upper argument": (
        binomial(n + 1, any_integer),
        binomial(n, any_integer) + binomial(n, any_integer - 1),
    ),
    "Vandermonde": (
        binomial(n + 2, any_integer),
        binomial(n, any_integer) + 2 * binomial(n, any_integer - 1) + binomial(n, any_integer - 2),
    ),
    "symmetry": (binomial(alpha, alpha - beta), binomial(alpha, beta)),
    "explicit lower argument": (binomial(n, 3), n * (n - 1) * (n - 2) / 6),
    "absorption": ((beta + 1) * binomial(alpha, beta + 1), (alpha - beta) * binomial(alpha, beta)),
    "absorption, both arguments": ((beta + 1) * binomial(alpha + 1, beta + 1), (alpha + 1) * binomial(alpha, beta)),
    "absorption, downwards": (alpha * binomial(alpha - 1, beta - 1), beta * binomial(alpha, beta)),
    "multinomial": (
        binomial(alpha + beta, beta) * binomial(alpha + beta + m, m),
        factorial(alpha + beta + m) / (factorial(alpha) * factorial(beta) * factorial(m)),
    ),
    "factorial": (factorial(alpha + 2), (alpha + 2) * (alpha + 1) * factorial(alpha)),
    "binomial theorem": (powers(alpha), (p + q) ** alpha),
    "binomial theorem, mirrored": (powers(alpha).xreplace({p: q, q: p}), (p + q) ** alpha),
    "without its first term": (powers(alpha, lower=1), (p + q) ** alpha - q**alpha),
    "without its last term": (powers(alpha - 1), (p + q) ** alpha - p**alpha),
    "partial sums, by Pascal's rule alone": (
        sp.Sum(binomial(alpha + 1, j) * p**j * q ** (alpha + 1 - j), (j, 0, m)),
        (p + q) * powers(m) - binomial(alpha, m) * p ** (m + 1) * q ** (alpha - m),
    ),
    "mean": (sp.Sum(binomial(alpha, j) * j * x**j, (j, 0, alpha)), alpha * x * (1 + x) ** (alpha - 1)),
    "second moment": (
        sp.Sum(binomial(alpha, j) * j**2 * x**j, (j, 0, alpha)),
        alpha * x * (1 + alpha * x) * (1 + x) ** (alpha - 2),
    ),
    "alternating": (sp.Sum(binomial(m + 1, j) * (-1) ** j, (j, 0, m + 1)), sp.Pow(0, m + 1)),
    "exponentials": (
        sp.Sum(binomial(alpha, j) * (-1) ** j * sp.exp((j * a + (alpha - j) * s) * t), (j, 0, alpha)),
        (sp.exp(s * t) - sp.exp(a * t)) ** alpha,
    ),
    "one power out of a sum": ((p * q + p * x) ** alpha, p**alpha * (q + x) ** alpha),
    "sign out of a power": ((p - q) ** alpha, (-1) ** alpha * (q - p) ** alpha),
    "power of an entire quotient": (phi(1, a * t) ** alpha * (a * t) ** alpha, (sp.exp(a * t) - 1) ** alpha),
    "power of a sine": ((2 * sp.I * sp.sin(a)) ** alpha, (sp.exp(sp.I * a) - sp.exp(-sp.I * a)) ** alpha),
    "divisor out of a power": ((p / q + x / q) ** alpha * q**alpha, (p + x) ** alpha),
}

FALSE = {
    "no coefficient": (powers(alpha, weight=1), (p + q) ** alpha),
    "one term short": (powers(alpha - 1), (p + q) ** alpha),
    "symmetry of negative numbers": (binomial(any_integer, any_integer - beta), binomial(any_integer, beta)),
    "negative upper argument": (sp.Sum(binomial(any_integer, r) * x**r, (r, 0, any_integer)), (1 + x) ** any_integer),
    "Pascal upside down": (binomial(alpha + 1, beta), binomial(alpha, beta) + binomial(alpha, beta + 1)),
    "ratio, off by one": ((beta + 1) * binomial(alpha, beta + 1), (alpha - beta + 1) * binomial(alpha, beta)),
    "power of another quotient": (phi(2, a * t) ** alpha * (a * t) ** alpha, (sp.exp(a * t) - 1) ** alpha),
    "no sign out of a power": ((p - q) ** alpha, (q - p) ** alpha),
    "mean without its slope": (sp.Sum(binomial(alpha, j) * j * x**j, (j, 0, alpha)), alpha * (1 + x) ** alpha),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_statements_are_proved_and_their_twins_refuted(name):
    left, right = TRUE[name]
    assert verify(Identity(left, right)).proved
    for wrong in (right + 1, right * 2 + p - x):
        assert verify(Identity(left, wrong)).evidence is Evidence.REFUTED


@pytest.mark.parametrize("name", FALSE)
def test_false_statements_are_refuted_with_a_witness(name):
    verdict = verify(Identity(*FALSE[name]))
    assert verdict.evidence is Evidence.REFUTED, verdict
    assert verdict.witness


def test_the_binomial_theorem_needs_no_condition_and_a_ratio_says_its_own():
    assert verify(Identity(*TRUE["binomial theorem"])).nonzero == ()
    assert verify(Identity(*TRUE["absorption"])).nonzero == ()
    assert verify(Identity(*TRUE["absorption, both arguments"])).nonzero == ()
    falling = Identity((alpha + 1 - beta) * binomial(alpha + 1, beta), (alpha + 1) * binomial(alpha, beta))
    assert verify(falling).nonzero == (alpha - beta + 1,)
    assert verify(Identity(powers(m), powers(m) * binomial(alpha, 0))).proved


def test_a_quotient_that_is_equal_everywhere_needs_no_condition():
    """The proof divides by x/p - 1; both sides are continuous where x = p."""
    total = sp.Sum(p ** (m + 1 - j) * x**j, (j, 1, m + 1))
    longer = Identity(sp.Sum(p ** (m + 2 - j) * x**j, (j, 1, m + 2)), p * total + x ** (m + 2))
    assert verify(longer).proved
    assert verify(longer).nonzero == ()
    assert verify(Identity(total, x * (x ** (m + 1) - p ** (m + 1)) / (x - p))).nonzero == (-p + x,)


@given(st.integers(0, 6), st.integers(0, 3), st.integers(-3, 3), st.integers(-2, 3))
def test_the_closed_value_of_a_sum_is_what_its_terms_add_up_to(size, power, ratio, excess):
    """The normal form for a symbolic n, at a whole number, against Python's own sum of the terms."""
    closed = Normaliser().normal(sp.Sum(binomial(alpha, j) * j**power * x**j, (j, 0, alpha + excess)))
    if ratio not in (0, -1) and size + excess >= -1:
        value = closed.subs({alpha: size, x: ratio})
        assert value == sum(comb(size, i) * i**power * ratio**i for i in range(size + excess + 1))


uppers, lowers = st.sampled_from([n, alpha, any_integer, alpha + m]), st.sampled_from([beta, alpha, alpha - beta, j])
shifts = st.integers(-2, 2)


@given(uppers, lowers, shifts, shifts, st.integers(0, 4), st.integers(0, 2**20))
def test_a_proof_is_never_contradicted_by_sympys_own_numbers(upper, lower, up, down, rule, seed):
    """Right rules and wrong ones, applied to shifted arguments: what is proved holds at whole numbers of any sign."""
    upper, lower = upper + up, lower + down
    rules = (
        (binomial(upper, lower), binomial(upper - 1, lower) + binomial(upper - 1, lower - 1)),
        (binomial(upper, lower), binomial(upper, upper - lower)),
        (lower * binomial(upper, lower), upper * binomial(upper - 1, lower - 1)),
        ((upper - lower) * binomial(upper, lower), upper * binomial(upper - 1, lower)),
        (lower * binomial(upper, lower), (upper - lower) * binomial(upper, lower - 1)),
    )
    left, right = rules[rule]
    verdict = verify(Identity(left, right), samples=2, digits=15)
    drawn = Random(seed)
    for _ in range(12):
        point = {s: sp.Integer(drawn.randint(0, 4)) for s in (alpha, beta, m)}
        point |= {s: sp.Integer(drawn.randint(-4, 4)) for s in (any_integer, j)}
        point[n] = sp.Rational(drawn.randint(-9, 9), 2)
        if verdict.proved and all(condition.xreplace(point) != 0 for condition in verdict.nonzero):
            assert left.xreplace(point) == right.xreplace(point)
