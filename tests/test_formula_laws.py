"""What the formulas of trained networks rest on: heights from values, waves, the convolution, Chebyshev polynomials."""

from fractions import Fraction

import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.operators.closed_forms import channel_laws
from carleman_ssm.predictions.amplitude_polynomials import heights_from_values

pytestmark = pytest.mark.symbolic


@pytest.mark.parametrize("law", heights_from_values(), ids=lambda law: law.sizes)
def test_a_form_is_found_from_its_values_and_not_from_neighbouring_points(law):
    assert cs.verify(law).proved
    heights = sp.symbols("a_1 a_2", real=True)
    shifted = law.right.xreplace({heights[0]: heights[0] + sp.Rational(1, 7)})
    assert cs.verify(cs.Identity(law.left, shifted)).evidence is cs.Evidence.REFUTED


@pytest.mark.parametrize("law", heights_from_values(), ids=lambda law: law.sizes)
def test_the_values_alone_give_the_numbers_of_a_form(law):
    heights = sp.symbols("a_1 a_2", real=True)
    letters = sorted(law.left.free_symbols - set(heights), key=str)
    numbers = dict(zip(letters, (Fraction(3), Fraction(-2, 5), Fraction(7, 3), Fraction(1, 2)), strict=False))
    at = dict(zip(heights, (Fraction(2, 3), Fraction(-5, 4)), strict=True))
    by_hand = sum(
        value * at[heights[0]] ** int(str(c)[2]) * at[heights[1]] ** int(str(c)[4]) for c, value in numbers.items()
    )
    exact = {symbol: sp.Rational(value.numerator, value.denominator) for symbol, value in (numbers | at).items()}
    assert law.right.xreplace(exact) == sp.Rational(by_hand.numerator, by_hand.denominator)


def test_the_laws_of_a_channel_are_proved_and_their_false_twins_refuted():
    wave, convolution, chebyshev = channel_laws()
    assert all(cs.verify(law).proved for law in (wave, convolution, chebyshev))
    omega = sp.Symbol("omega", real=True)
    twins = (
        cs.Identity(wave.left, wave.right.xreplace({omega: -omega})),
        cs.Identity(convolution.left.xreplace({sp.Symbol("lambda_0"): sp.Symbol("lambda_1")}), convolution.right),
        cs.Identity(chebyshev.left, chebyshev.right + 1),
    )
    assert all(cs.verify(twin).evidence is cs.Evidence.REFUTED for twin in twins)
