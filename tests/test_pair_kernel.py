"""The pair kernel of two layers against simulation, at resonance, in float64, and false twins; three-wave resonance."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.pair_kernel import geometric_pair, pair_kernel, second_layer
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, bilinear_transform, zero_order_hold
from carleman_ssm.theory.wave_resonance import resonance_gain, s4d_lin_resonance
from tests.strategies_carleman import discrete_models, rationals, spoiled

SQUARE = PolynomialDecoder((0, 0, 1))
LAYERS = {
    "one mode each": (DiscreteSSM.symbolic(1), second_layer(1)),
    "two and two": (DiscreteSSM.symbolic(2), second_layer(2)),
    "feedthroughs": (DiscreteSSM.symbolic(2, feedthrough=True), second_layer(1, feedthrough=True)),
    "conjugate pairs": (
        DiscreteSSM.symbolic(1, conjugate_pairs=True),
        replace(second_layer(1), conjugate_pairs=True),
    ),
    "held inputs": (
        zero_order_hold(DiagonalSSM.symbolic(1), sp.Symbol("Delta")),
        zero_order_hold(DiagonalSSM(sp.symbols("f,"), (1,), (1,)), sp.Symbol("Delta")),
    ),
    "at resonance in numbers": (
        DiscreteSSM((sp.Rational(1, 2), sp.Rational(1, 3)), (1, 2), (1, 3)),
        DiscreteSSM((sp.Rational(1, 6), sp.Rational(1, 5)), (1, 1), (1, 1)),
    ),
    "S4D-Lin": (
        zero_order_hold(DiagonalSSM((-sp.Rational(1, 2) + sp.I * sp.pi,), (1,), (1,)), sp.Symbol("Delta")),
        zero_order_hold(DiagonalSSM((-sp.S.One + 2 * sp.I * sp.pi,), (1,), (1,)), sp.Symbol("Delta")),
    ),
    "at resonance": (DiscreteSSM.symbolic(1), DiscreteSSM((sp.Symbol("lambda_0") ** 2,), (1,), (1,))),
}


def value(form, first, second):
    """The kernel at two numbers, exactly."""
    lags = dict(zip(form.symbol.indices, map(sp.Integer, (first, second)), strict=True))
    return sp.expand(unfold(form).expression.xreplace(lags).doit())


def output(model, inputs):
    """A diagonal model step by step, exactly."""
    x, found = [sp.S.Zero] * model.states, []
    for u in inputs:
        rows = zip(model.multipliers, x, model.input_vector, strict=True)
        x = [sp.expand(lam * xn + b * u) for lam, xn, b in rows]
        total = sum(c * xn for c, xn in zip(model.output_vector, x, strict=True))
        found.append(sp.expand(total + model.feedthrough * u))
    return found


def second_order(first, decoder, second, a, b):
    """Half the mixed second derivative of the simulated layers, read off as a coefficient."""
    s, t = sp.symbols("s t")
    length = max(a, b) + 1
    inputs = [sp.S.Zero] * length
    for lag, scale in ((a, s), (b, t)):
        inputs[length - 1 - lag] += scale
    last = output(second, [decoder(y) for y in output(first, inputs)])[-1]
    mixed = last.diff(s).diff(t) / 2
    return sp.expand(mixed.xreplace({s: sp.S.Zero, t: sp.S.Zero}))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(layers):
    form = pair_kernel(layers[0], PolynomialDecoder.symbolic(degree=3), layers[1])
    assert len(form.certificates) == 5
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(spoiled(certificate)).evidence is Evidence.REFUTED


@settings(max_examples=40)
@given(st.data(), st.integers(0, 3), st.integers(0, 3))
def test_the_kernel_is_the_second_derivative_of_the_simulation(data, a, b):
    """Multipliers 0, equal and resonant ones included."""
    first, second = (data.draw(discrete_models(data.draw(st.integers(1, 2)))) for _ in range(2))
    if data.draw(st.booleans()):
        product = sp.expand(first.multipliers[0] * first.multipliers[-1])
        second = replace(second, multipliers=(product, *second.multipliers[1:]))
    decoder = data.draw(st.tuples(*[rationals] * data.draw(st.integers(1, 4))).map(PolynomialDecoder))
    form = pair_kernel(first, decoder, second)
    assert value(form, a, b) == second_order(first, decoder, second, a, b)
    assert value(form, a, b) == value(form, b, a)


def test_at_resonance_the_kernel_grows_linearly_with_the_delay():
    """ρ = 1 for the pair (0, 1) and the mode 0, by exact numbers."""
    half, third = sp.Rational(1, 2), sp.Rational(1, 3)
    first, second = DiscreteSSM((half, third), (1, 1), (1, 1)), DiscreteSSM((half * third,), (1,), (1,))
    form = pair_kernel(first, SQUARE, second)
    assert form.expression.has(sp.Symbol("mu", integer=True, nonnegative=True) + 1)
    for lag in range(4):
        assert value(form, lag, lag) == second_order(first, SQUARE, second, lag, lag)


@given(rationals, st.integers(0, 6))
def test_the_resonant_factor_is_the_limit_of_the_other(mode, delay):
    s = sp.Symbol("s")
    away = sp.cancel(geometric_pair(s, mode, sp.Integer(delay)))
    assert away.subs(s, mode) == geometric_pair(mode, mode, sp.Integer(delay), resonant=True)


def test_the_factor_is_that_of_the_statement_with_the_ratio_rho():
    p, q, r = sp.symbols("p q r")
    l1, l2, mu = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("l_1", "l_2", "mu"))
    rho = r / (p * q)
    ours = p ** (l1 - mu) * q ** (l2 - mu) * geometric_pair(p * q, r, mu)
    stated = p**l1 * q**l2 * (1 - rho ** (mu + 1)) / (1 - rho)
    assert verify(Identity(ours, stated)).proved
    for wrong in (
        p**l1 * q**l2 * (1 - rho**mu) / (1 - rho),
        p**l1 * q**l2 * (1 - rho ** (-mu - 1)) / (1 - 1 / rho),
        p**l2 * q**l1 * (1 - rho ** (mu + 1)) / (1 - rho),
    ):
        assert verify(Identity(ours, wrong)).evidence is Evidence.REFUTED


def test_the_longer_lag_instead_of_the_shorter_is_wrong():
    half = sp.Rational(1, 2)
    first, second = DiscreteSSM((half,), (1,), (1,)), DiscreteSSM((sp.Rational(1, 3),), (1,), (1,))
    form = pair_kernel(first, SQUARE, second)
    mu = sp.Symbol("mu", integer=True, nonnegative=True)
    longer = replace(form, where={mu: sp.Max(*form.symbol.indices)})
    truth = second_order(first, SQUARE, second, 1, 3)
    assert value(form, 1, 3) == truth
    assert value(longer, 1, 3) != truth


def test_only_the_quadratic_coefficient_enters():
    first, second = DiscreteSSM.symbolic(1), second_layer(1)
    assert pair_kernel(first, PolynomialDecoder((5, 7)), second).expression == 0
    plain, other = (pair_kernel(first, PolynomialDecoder(g), second) for g in ((0, 0, 1), (3, 2, 1, 9)))
    assert plain.expression == other.expression


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_figure_of_the_statement_holds_within_a_factor_of_100(seed):
    """2.5e-14 in float64 against the sum over the delay, relative to the largest entry; lags up to 40."""
    generator, length = np.random.default_rng(seed), 41

    def model(states):
        angles, sizes = generator.uniform(0, 2 * np.pi, states), generator.uniform(0.7, 0.98, states)
        rows = [sizes * np.exp(1j * angles), *(generator.normal(size=(2, states, 2)) @ np.array([1, 1j]))]
        return DiscreteSSM(*(tuple(map(gaussian, row)) for row in rows))

    first, second = model(2), model(2)
    kernel = compile_kernel(pair_kernel(first, SQUARE, second))
    lags = [(a, b) for a in range(length) for b in range(a, length, 7)]
    k, kk = (impulse_response(each, length) for each in (first, second))
    expected = np.array([sum(kk[m] * k[a - m] * k[b - m] for m in range(min(a, b) + 1)) for a, b in lags])
    found = np.array([complex(kernel(a, b)) for a, b in lags])
    assert np.abs(found - expected).max() <= 100 * 2.5e-14 * np.abs(expected).max()


def gaussian(z):
    parts = (sp.Rational(round(part * 10**6), 10**6) for part in (z.real, z.imag))
    return next(parts) + sp.I * next(parts)


def impulse_response(model, length):
    lam, b, c = (
        np.array([complex(z) for z in row]) for row in (model.multipliers, model.input_vector, model.output_vector)
    )
    return [(c * b * lam**m).sum() for m in range(length)]


# --- three waves -----------------------------------------------------------------------------------------------------


def gain(p, q, r, step, following=None):
    form = s4d_lin_resonance()
    at = dict(zip(form.arguments, map(sp.sympify, (p, q, r, step, following or step)), strict=True))
    return float(unfold(form).expression.xreplace(at).evalf(30))


@pytest.mark.parametrize("form", [resonance_gain(), s4d_lin_resonance()])
def test_the_certificates_of_the_gain_are_proved_and_their_false_twins_refuted(form):
    for certificate in form.certificates:
        assert verify(certificate).proved, certificate.name
        assert verify(spoiled(certificate)).evidence is Evidence.REFUTED


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


# --- refusals --------------------------------------------------------------------------------------------------------


def test_wrong_layers_are_refused():
    first, second = DiscreteSSM.symbolic(1), second_layer(1)
    with pytest.raises(TypeError, match="first layer must be of the class DiscreteSSM"):
        pair_kernel(DiagonalSSM.symbolic(1), SQUARE, second)
    with pytest.raises(TypeError, match="decoder must be of the class PolynomialDecoder"):
        pair_kernel(first, (0, 0, 1), second)
    with pytest.raises(ValueError, match="names mu"):
        pair_kernel(DiscreteSSM(sp.symbols("mu,"), (1,), (1,)), SQUARE, second)
    with pytest.raises(ValueError, match="names lambdaprime_0"):
        pair_kernel(
            DiscreteSSM(sp.symbols("lambdaprime_0,"), (1,), (1,)), SQUARE, DiscreteSSM((2 * sp.pi,), (1,), (1,))
        )
    with pytest.raises(ValueError, match="more than the 500"):
        pair_kernel(DiscreteSSM.symbolic(8), SQUARE, second_layer(8))
    with pytest.raises(ValueError, match="number of states must be at least 1"):
        second_layer(0)
