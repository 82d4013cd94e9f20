"""Three-wave resonance: the gain against the sums it stands for, its certificates with false twins, and its limits."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.statements import unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.ssm import DiagonalSSM, bilinear_transform, zero_order_hold
from carleman_ssm.theory.wave_resonance import resonance_gain, s4d_lin_resonance, size_of_gain
from tests.strategies_ssm import planted


def gain(p, q, r, step, following=None):
    form = s4d_lin_resonance(*map(sp.sympify, (step, following or step)))
    at = dict(zip(form.arguments, map(sp.sympify, (p, q, r)), strict=True))
    return float(unfold(form).expression.xreplace(at).evalf(30))


HALF, TWENTIETH = sp.Rational(1, 2), sp.Rational(1, 20)
GAINS = [
    resonance_gain(),
    resonance_gain((HALF, sp.I / 3, HALF)),
    s4d_lin_resonance(),
    s4d_lin_resonance(TWENTIETH, sp.pi / 40),
    s4d_lin_resonance(next_step=TWENTIETH),
]


@pytest.mark.parametrize("form", GAINS)
def test_the_certificates_of_the_gain_are_proved_and_their_false_twins_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def test_a_wrong_gain_is_refuted_by_its_certificate():
    x, y, angle = sp.symbols("x y vartheta", real=True)
    s = sp.Symbol("s", positive=True)
    kappa, turned = x + sp.I * y, s * sp.exp(sp.I * angle)
    squared = (1 - s) ** 2 + 4 * s * sp.sin(angle / 2) ** 2
    for gain, ratio in ((1 / sp.Abs(1 - kappa), kappa), (1 / sp.sqrt(squared), turned)):
        apart = dict.fromkeys(ratio.free_symbols - {angle}, sp.S.Zero)
        assert all(verify(law).proved for law in size_of_gain(gain, ratio, apart))
        for wrong in (-gain, 17 * gain, gain + 5, 1 / gain, gain**2, 17 / sp.Abs(1 + ratio)):
            verdicts = [verify(law).evidence for law in size_of_gain(wrong, ratio, apart)]
            assert Evidence.REFUTED in verdicts


@pytest.mark.parametrize("form", GAINS)
def test_the_certified_gain_is_the_expression_of_the_form(form):
    """The last certificate holds the square of the expression itself, for κ = x + iy in the general case."""
    x, y = sp.symbols("x y", real=True)
    expression = form.expression.xreplace({sp.Symbol("kappa"): x + sp.I * y})
    assert form.certificates[-1].left.has(expression**2)


def test_without_decay_there_is_no_gain():
    """|κ| ≥ 1: contributions that do not become small."""
    fifth, size = sp.Rational(1, 5), sp.Symbol("z", positive=True)
    for steps in ((TWENTIETH, fifth), (TWENTIETH, 2 * TWENTIETH), (size, 4 * size), (sp.pi, 2 * sp.pi)):
        with pytest.raises(ValueError, match="needs Deltaprime < 2"):
            s4d_lin_resonance(*steps)
    for multipliers in ((1, 1, 1), (HALF, 1, HALF * sp.I), (0, 0, 0), (HALF, HALF, sp.Rational(1, 5))):
        with pytest.raises(ValueError, match="add up to no limit"):
            resonance_gain(multipliers)
    sums = np.cumsum(np.exp(0.2 / 2 - 0.05) ** np.arange(400))  # matching waves, Δ = 1/20 and Δ' = 1/5
    assert np.all(np.diff(sums) >= 1)


def test_wrong_steps_and_multipliers_are_refused():
    with pytest.raises(ValueError, match="steps are positive, got t"):
        s4d_lin_resonance(sp.Symbol("t"))
    with pytest.raises(ValueError, match="steps are positive"):
        s4d_lin_resonance(-TWENTIETH)
    with pytest.raises(ValueError, match="a meaning of its own"):
        s4d_lin_resonance(sp.Symbol("p", positive=True))
    with pytest.raises(TypeError, match="is the text"):
        s4d_lin_resonance("1/20")
    with pytest.raises(ValueError, match="3 multipliers, got 2"):
        resonance_gain((HALF, HALF))


def test_the_gain_of_given_multipliers_is_the_limit_of_the_sum():
    ratio = sp.Rational(3, 5) * (1 + sp.I) / 2
    form = resonance_gain((ratio, HALF, HALF))
    limit = 1 / (1 - complex(ratio))
    assert abs(float(unfold(form).expression) - abs(limit)) < 1e-15 * abs(limit)
    assert abs(sum(complex(ratio) ** m for m in range(200)) - limit) < 1e-14


def test_the_gains_are_those_of_the_statement():
    """THEORY T18, Δ = 0.05, mode 9: three digits as printed there."""
    step = sp.Rational(1, 20)
    for (p, q), stated in {(4, 5): 40.5, (3, 6): 40.5, (4, 4): 6.4, (2, 5): 3.2}.items():
        assert abs(gain(p, q, 9, step) - stated) < 0.05


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 24))
def test_the_gain_is_what_a_driven_mode_collects(p, q, r):
    """Second route: the recurrence of a mode that two undisturbed waves drive, relative to the mode's own decay."""
    step, steps = 0.05, 1500
    lam = [np.exp((-0.5 + 1j * np.pi * n) * step) for n in (p, q, r)]
    ratio, collected = lam[0] * lam[1] / lam[2], 0.0
    for m in range(steps):
        collected = collected + ratio**m
    remainder = np.exp(-0.5 * step * steps) / (1 - np.exp(-0.5 * step))
    assert abs(abs(collected) - gain(p, q, r, Fraction(1, 20))) <= remainder + 1e-9


@settings(max_examples=20)
@given(st.integers(1, 99).map(lambda n: sp.Rational(n, 100)), st.integers(1, 30))
def test_matching_frequencies_are_the_best_whatever_the_step(step, r):
    best = gain(r // 2, r - r // 2, r, step)
    assert abs(best - float(1 / (1 - sp.exp(-step / 2)))) < 1e-9 * best
    for mismatch in (1, 2, 5, -1, -3):
        p = r + mismatch - r // 2
        assume((mismatch * step / 2) % 1 != 0)  # aliases match as well
        assert gain(p, r // 2, r, step) < best


def test_an_alias_resonates_like_the_matching_mode():
    step = sp.Rational(1, 10)
    assert gain(4, 5, 29, step) == pytest.approx(gain(4, 5, 9, step), rel=1e-12)  # 20 · 1/10 = 2


def test_unequal_steps_resonate_at_other_modes():
    step, following = sp.Rational(1, 20), sp.Rational(1, 40)
    gains = [gain(2, 3, r, step, following) for r in range(20)]
    assert int(np.argmax(gains)) == 10  # (2 + 3) / 20 = 10 / 40


def test_difference_combinations_need_conjugate_modes():
    step = sp.Rational(1, 20)
    assert gain(9, -4, 5, step) == pytest.approx(gain(2, 3, 5, step))
    assert gain(9, 4, 5, step) < gain(9, -4, 5, step) / 10


def test_waves_of_the_bilinear_transform_do_not_match_exactly():
    """The false twin: its phases are not additive in the index."""
    step = sp.Rational(1, 20)
    modes = {n: DiagonalSSM((-sp.Rational(1, 2) + sp.I * sp.pi * n,), (1,), (1,)) for n in (4, 5, 9)}

    def phase(rule):
        lam = {n: rule(model, step).multipliers[0] for n, model in modes.items()}
        return abs(sp.arg(sp.N(lam[4] * lam[5] / lam[9], 40)))

    assert phase(zero_order_hold) < sp.Float("1e-35")
    assert phase(bilinear_transform) > sp.Float("1e-2")
