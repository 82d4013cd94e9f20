"""The pair kernel of two layers against simulation, at resonance, in float64, and false twins."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory import pair_kernel as module
from carleman_ssm.theory.pair_kernel import geometric_pair, pair_kernel, second_layer
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold
from tests.strategies_carleman import discrete_models, rationals
from tests.strategies_ssm import planted

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


@pytest.mark.parametrize("name", LAYERS)
def test_every_certificate_is_proved_and_its_false_twin_refuted(name):
    layers = LAYERS[name]
    form = pair_kernel(layers[0], PolynomialDecoder.symbolic(degree=3), layers[1])
    named = [certificate.name for certificate in form.certificates]
    assert named[:3] == ["sum over the delay", "one more step of delay", "the kernel at all lags"]
    assert named[4:] == (["resonances"] if "resonance" in name or name == "S4D-Lin" else [])
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        assert verify(planted(certificate)).evidence is Evidence.REFUTED


def refuted(form):
    """The names of the certificates that are false."""
    return {each.name for each in form.certificates if verify(each).evidence is Evidence.REFUTED}


def with_feedthroughs():
    return pair_kernel(DiscreteSSM.symbolic(1, feedthrough=True), SQUARE, second_layer(1, feedthrough=True))


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_longer_lag_in_the_definitions_is_refuted_by_the_certificates(monkeypatch, layers):
    assert refuted(pair_kernel(layers[0], SQUARE, layers[1])) == set()
    monkeypatch.setattr(module, "_LEAST", sp.Max(*module._LAGS))
    assert "the kernel at all lags" in refuted(pair_kernel(layers[0], SQUARE, layers[1]))


def late_direct_path(kernel, a, b, least, equal):
    """A term that vanishes at the lags up to 2 that are simulated."""
    return kernel.second.feedthrough * a * (a - 1) * (a - 2) * b


def late_product(kernel, a, b, least, equal):
    return kernel.quadratic * kernel.second.feedthrough * a * (a - 1) * (a - 2) * kernel.state_kernel(b)


def signed_distance(kernel, a, b, least, equal):
    r"""$k_{l_2-l_1}$ in place of $k_{|l_1-l_2|}$: the same where the first lag is the shorter."""
    wrong = kernel.state_kernel(b - a) - kernel.state_kernel(a + b - 2 * least)
    gain = kernel.quadratic * kernel.second.output_vector[0] * kernel.second.input_vector[0]
    return gain * kernel.second.multipliers[0] ** least * kernel.first.feedthrough * wrong


def equal_lags_again(kernel, a, b, least, equal):
    return equal * a * (a - 1) * (a - 2)


@pytest.mark.parametrize("extra", [late_direct_path, late_product, signed_distance, equal_lags_again])
def test_a_wrong_value_is_refuted_by_the_certificates(monkeypatch, extra):
    """Each agrees with the kernel at all lags that the simulated certificate compares."""
    right = module._PairKernel.value
    assert refuted(with_feedthroughs()) == set()
    monkeypatch.setattr(module._PairKernel, "value", lambda self, *at: right(self, *at) + extra(self, *at))
    assert refuted(with_feedthroughs()) == {"the kernel at all lags"}


def test_a_wrong_limit_at_the_resonance_is_refuted_by_the_certificates(monkeypatch):
    right = module.geometric_pair

    def early(pair, mode, delay, *, resonant=False):
        return delay * mode**delay if resonant else right(pair, mode, delay)

    monkeypatch.setattr(module, "geometric_pair", early)
    first, second = LAYERS["at resonance"]
    assert "sum over the delay" in refuted(pair_kernel(first, SQUARE, second))


def test_a_resonance_that_is_none_is_refuted_by_the_certificates(monkeypatch):
    monkeypatch.setattr(module, "_resonances", lambda *_: frozenset({(0, 0, 0)}))
    first, second = DiscreteSSM((sp.Rational(1, 2),), (1,), (1,)), DiscreteSSM((sp.Rational(1, 3),), (1,), (1,))
    assert "resonances" in refuted(pair_kernel(first, SQUARE, second))


ZEROS = {
    "of the first layer": ((0,), sp.symbols("w,")),
    "of both": ((0,), (0,)),
    "beside another mode": ((sp.Rational(1, 2), 0), (0,)),
    "of both beside others": ((sp.Rational(1, 2), 0), (sp.Rational(1, 3), 0)),
    "of the second layer": ((sp.Rational(1, 2),), (sp.Rational(1, 4), 0)),
    "with an irrational resonance": ((sp.sqrt(2) / 2, 0), (sp.Rational(1, 2), 0)),
}


@pytest.mark.parametrize("spectra", ZEROS.values(), ids=ZEROS)
def test_a_multiplier_0_is_included_in_what_the_certificates_prove(spectra):
    """No condition of a proof excludes it."""
    first, second = (DiscreteSSM(row, (1,) * len(row), (2,) * len(row), 3) for row in spectra)
    form = pair_kernel(first, SQUARE, second)
    for certificate in form.certificates:
        verdict = verify(certificate)
        assert verdict.proved, (certificate.name, str(verdict))
        for condition in verdict.nonzero:
            assert condition.xreplace(dict(form.where)) != 0, (certificate.name, condition)
    for a, b in ((0, 0), (0, 2), (2, 2), (3, 1)):
        assert sp.expand(value(form, a, b) - second_order(first, SQUARE, second, a, b)) == 0


def nested_radicals(scale=sp.S.One):
    """λ² and λ' are equal, which the normal form does not see: √2 + √3 = √(5 + 2√6)."""
    lam = scale * (sp.sqrt(2) + sp.sqrt(3)) / 5
    return lam, scale * sp.sqrt(5 + 2 * sp.sqrt(6)) / 5 * lam


@pytest.mark.parametrize("scale", [sp.S.One, sp.I, sp.Rational(1, 10**40), sp.Symbol("x")])
def test_a_resonance_that_cannot_be_proved_is_refused(scale):
    lam, mode = nested_radicals(scale)
    first, second = (DiscreteSSM((z,), (1,), (1,)) for z in (lam, mode))
    with pytest.raises(ValueError, match=r"lambda_0\*lambda_0 = .*lambdaprime_0 as the product"):
        pair_kernel(first, SQUARE, second)
    remedied = pair_kernel(first, SQUARE, DiscreteSSM((lam**2,), (1,), (1,)))
    assert refuted(remedied) == set()
    assert sp.expand(value(remedied, 2, 3) - 3 * lam**5) == 0


@pytest.mark.parametrize(
    ("lam", "mode"),
    [
        (sp.exp(-200), sp.exp(-401)),
        (sp.sqrt(2) / 2, sp.Rational(1, 2) + sp.Rational(1, 10**70)),
        ((sp.sqrt(2) + sp.sqrt(3)) / 5, nested_radicals()[1] + sp.sqrt(2) / 10**40),
        ((sp.sqrt(2) + sp.sqrt(3)) / 5, nested_radicals()[1] + sp.I / 10),
    ],
)
def test_numbers_that_are_close_or_tiny_but_different_are_no_resonance(lam, mode):
    form = pair_kernel(DiscreteSSM((lam,), (1,), (1,)), SQUARE, DiscreteSSM((mode,), (1,), (1,)))
    found, expected = (sp.N(z, 200) for z in (value(form, 1, 2), lam**3 + mode * lam))
    assert abs(found - expected) <= sp.Float("1e-60", 200) * abs(expected)


@pytest.mark.parametrize("gap", [10**3, 10**6, 10**9, 10**12])
def test_near_a_resonance_the_digits_that_are_lost_are_those_stated(gap):
    """ε over the distance, with a margin of 100; exact rational arithmetic is the second route."""
    lam, mode = sp.Rational(9, 10), sp.Rational(81, 100) + sp.Rational(1, gap)
    kernel = compile_kernel(pair_kernel(DiscreteSSM((lam,), (1,), (1,)), SQUARE, DiscreteSSM((mode,), (1,), (1,))))
    for lag in (0, 3, 30):
        truth = float(sum(mode**m * lam ** (2 * (lag - m)) for m in range(lag + 1)))
        assert abs(complex(kernel(lag, lag)) - truth) <= 100 * np.finfo(float).eps * gap * truth


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
