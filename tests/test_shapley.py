"""Indices of a decoder of a sum: certificates proved, any number of players in exact fractions, false twins refuted."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import comb, factorial

import pytest
import sympy as sp

from carleman_ssm.formulas.statements import unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.random_joins import contracted, exponential, join_series
from carleman_ssm.theory.shapley import shapley_interaction, shapley_value

FORMS = {
    "value": shapley_value,
    "interaction": shapley_interaction,
    "taylor": lambda decoder: shapley_interaction(decoder, taylor=True),
}
CASES = [(name, degree) for name in FORMS for degree in range(1, 6) if degree > 1 or name == "value"]
PLAYERS = [Fraction(n, 7) for n in (3, -5, 2, 11, -1, 4, -9)]
COEFFICIENTS = [Fraction(n, 5) for n in (1, -2, 3, 4, -1, 2)]
REST = Fraction(2, 3)


def worth(degree, present):
    total = REST + sum(present)
    return sum(g * total**p for p, g in enumerate(COEFFICIENTS[: degree + 1]))


def dividends(degree):
    """Möbius inversion over all coalitions of 7 players."""
    found = {}
    for size in range(8):
        for chosen in combinations(range(7), size):
            below = (found[part] for count in range(size) for part in combinations(chosen, count))
            found[chosen] = worth(degree, [PLAYERS[i] for i in chosen]) - sum(below)
    return found


@pytest.mark.parametrize(("name", "degree"), CASES)
def test_certificates_are_proved_for_symbolic_decoders(name, degree):
    form = FORMS[name](PolynomialDecoder.symbolic(degree=degree))
    assert form.certificates
    assert all(verify(certificate).proved for certificate in form.certificates)


@pytest.mark.parametrize(("name", "degree"), CASES)
def test_the_forms_hold_for_more_players_than_degrees(name, degree):
    decoder = PolynomialDecoder(tuple(sp.Rational(g.numerator, g.denominator) for g in COEFFICIENTS[: degree + 1]))
    form = FORMS[name](decoder)
    values = {sp.Symbol("c"): REST, sp.Symbol("a_1"): PLAYERS[0], sp.Symbol("a_2"): PLAYERS[1]}
    values |= {sp.Symbol(f"S_{r}"): sum(a**r for a in PLAYERS) for r in range(1, degree + 1)}
    exact = {symbol: sp.Rational(value.numerator, value.denominator) for symbol, value in values.items()}
    share = {
        "value": lambda size: Fraction(1, size),
        "interaction": lambda size: Fraction(1, size - 1),
        "taylor": lambda size: Fraction(1, comb(size, 2)),
    }[name]
    held = {0} if name == "value" else {0, 1}
    wanted = sum(value * share(len(chosen)) for chosen, value in dividends(degree).items() if held <= set(chosen))
    assert form.expression.xreplace(exact) == sp.Rational(wanted.numerator, wanted.denominator)


def test_shares_by_degree_are_refuted():
    """False twin: a_1 times (σ(c + Σa) − σ(c))/Σa, which gives a_1² a_2 two thirds to player 1."""
    decoder = PolynomialDecoder((0, 0, 0, 1))
    form = shapley_value(decoder)
    players = sp.symbols("a_1:4")
    total, rest = sp.Add(*players), sp.Symbol("c")
    quotient = sp.cancel((decoder(rest + total) - decoder(rest)) / total)
    planted = replace(form.certificates[0], left=players[0] * quotient)
    assert verify(planted).evidence is Evidence.REFUTED
    complete = replace(form.certificates[1], left=total * quotient)
    assert verify(complete).proved  # completeness alone does not tell them apart


def test_weights_of_one_index_do_not_make_another():
    decoder = PolynomialDecoder.symbolic(degree=3)
    plain, taylor = shapley_interaction(decoder), shapley_interaction(decoder, taylor=True)
    planted = replace(taylor.certificates[0], left=plain.certificates[0].left)
    assert verify(planted).evidence is Evidence.REFUTED


def test_power_sums_stand_in_the_definitions_and_unfold():
    form = shapley_value(PolynomialDecoder((0, 0, 1)))
    s1, a1, a2, c = sp.symbols("S_1 a_1 a_2 c")
    assert form.where == {s1: a1 + a2}
    assert sp.expand(unfold(form).expression - a1 * (a1 + a2) - 2 * a1 * c) == 0


def test_joined_series_are_the_mean_over_coalitions_in_exact_fractions():
    t, degree = Fraction(2, 7), 5
    cumulants, slopes = join_series(t, degree)
    sums = [sum(a**r for a in PLAYERS[:4]) for r in range(degree + 1)]
    moments = exponential([c * power for c, power in zip(cumulants, sums, strict=True)])
    for p in range(degree + 1):
        mean = sum(
            t**size * (1 - t) ** (4 - size) * sum(chosen) ** p
            for size in range(5)
            for chosen in combinations(PLAYERS[:4], size)
        )
        assert factorial(p) * moments[p] == mean
    # (e^x − 1) = β (1 − t + t e^x)
    for r in range(1, degree + 1):
        product = (1 - t) * slopes[r] + sum(t * slopes[q] * Fraction(1, factorial(r - q)) for q in range(r + 1))
        assert product == Fraction(1, factorial(r))
    means = contracted([Fraction(0), Fraction(0), Fraction(1)], moments[:3])
    assert means == [factorial(2) * moments[2], 2 * moments[1], 2 * moments[0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: shapley_value(sp.Symbol("x")), TypeError, "decoder"),
        (lambda: shapley_interaction(PolynomialDecoder((0, 1))), ValueError, "at least 2"),
        (lambda: shapley_value(PolynomialDecoder((0,) * 6 + (1,))), ValueError, "at most 5"),
        (lambda: shapley_value(PolynomialDecoder((0, sp.Symbol("a_1")))), ValueError, "rename"),
    ],
)
def test_decoders_that_are_not_covered_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
