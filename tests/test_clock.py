"""The input-driven clock: closed forms, the lift on it, powers of one sigmoid, waves at the speed of the input."""

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.recurrences.affine import VaryingDiagonal, step_symbols
from carleman_ssm.recurrences.clock import Clock, clock_laws, clocked_output, lifted_clock
from carleman_ssm.recurrences.clock_drives import clock_drives, equation_of_motion, euler_gain, hold_laws, split_step
from carleman_ssm.recurrences.clock_ring import clocked_wave
from carleman_ssm.recurrences.lift import collapse
from carleman_ssm.recurrences.sigmoid_powers import (
    held_recurrence,
    hold_certificates,
    logistic,
    selective_degree,
    sigmoid_powers,
    softplus,
)
from carleman_ssm.theory.rigidity import shift_matrix

pytestmark = pytest.mark.symbolic


def symbolic_clock(states, steps, *, rows=False):
    increments = step_symbols("Delta", steps, states) if rows else step_symbols("Delta", steps)
    return Clock(sp.symbols(f"a_:{states}"), increments)


def symbolic_drives(states, steps, columns=1):
    return [sp.Matrix(states, columns, lambda i, j: sp.Symbol(f"b_{k}_{i}_{j}")) for k in range(steps)]  # noqa: B023


def total(state, _):
    return sp.Add(*state)


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize(("states", "steps"), [(1, 1), (2, 3), (3, 4)])
def test_every_claim_of_a_clock_is_proved(states, steps, rows):
    clock = symbolic_clock(states, steps, rows=rows)
    form = clocked_output(clock, symbolic_drives(states, steps), total, symbol=sp.Symbol("y"))
    claims = [*form.certificates, *clock_laws(clock)]
    assert len(claims) == steps + (steps + 2 + steps)
    assert all(verify(claim).proved for claim in claims)


@pytest.mark.parametrize("rows", [False, True])
def test_the_collapsed_lift_of_a_clock_is_proved_and_its_linear_part_is_the_lifted_kernel(rows):
    clock = symbolic_clock(2, 3, rows=rows)
    assert all(verify(c).proved for c in collapse(clock.recurrence(symbolic_drives(2, 3)), 2).certificates)
    at_rest = collapse(clock.recurrence([sp.zeros(2, 1)] * 3), 2).expression
    lifted = lifted_clock(clock, 2)
    assert verify(Identity(at_rest, lifted.kernel(lifted.times(3)))).proved


@pytest.mark.parametrize(
    "wrong",
    [
        lambda clock, b: clock.kernel(clock.elapsed(3, 0)) * b[0],  # one increment too many
        lambda clock, b: clock.kernel([3 * clock.increments[0][0]]) * b[0],  # steps of equal length
        lambda clock, b: clock.kernel([-t for t in clock.elapsed(3, 1)]) * b[0],  # the clock runs backwards
    ],
)
def test_another_clock_is_refuted(wrong):
    clock, b = symbolic_clock(2, 3), symbolic_drives(2, 3)
    silent = [b[0], sp.zeros(2, 1), sp.zeros(2, 1)]
    claim = Identity(wrong(clock, b), clock.recurrence(silent).recurred_state(3))
    assert verify(claim).evidence is Evidence.REFUTED


def test_one_clock_does_not_serve_rows_that_the_input_drives_apart():
    d = step_symbols("Delta", 2, 2)
    apart, one = Clock(sp.symbols("a b"), d), Clock(sp.symbols("a b"), (d[0][0], d[1][0]))
    assert verify(Identity(one.kernel(one.times(2)), apart.kernel(apart.times(2)))).evidence is Evidence.REFUTED


numbers = st.fractions(-2, 2, max_denominator=4).map(lambda f: sp.Rational(f.numerator, f.denominator))


@given(st.data())
def test_the_clock_with_numbers_is_the_recurrence_in_mpmath(data):
    """Rates and increments may be 0, equal, complex or negative; the inputs constant; one step, one state."""
    states, steps = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    draw = lambda n: data.draw(st.lists(numbers, min_size=n, max_size=n))  # noqa: E731
    rates = [p + sp.I * q for p, q in zip(draw(states), draw(states), strict=True)]
    increments, drives = draw(steps), [draw(states) for _ in range(steps)]
    form = clocked_output(Clock(tuple(rates), tuple(increments)), drives, total, symbol=sp.Symbol("y"))
    with mp.workdps(30):
        x = [mp.mpc(0)] * states
        for delta, row in zip(increments, drives, strict=True):
            step = mp.mpf(delta.p) / delta.q
            x = [
                mp.exp(mp.mpc(mp.mpf(sp.re(a).p) / sp.re(a).q, mp.mpf(sp.im(a).p) / sp.im(a).q) * step) * value
                + mp.mpf(b.p) / b.q
                for a, value, b in zip(rates, x, row, strict=True)
            ]
        found = mp.mpmathify(sp.N(unfold(form).expression, 30))
        # 30 digits and at most 15 exponentials of size e^20
        assert abs(found - mp.fsum(x)) < mp.mpf(10) ** -18


def test_the_compiled_kernel_unfolds_the_clock():
    clock = symbolic_clock(2, 3)
    form = clocked_output(clock, symbolic_drives(2, 3), total, symbol=sp.Symbol("y"))
    kernel, rng = compile_kernel(form), np.random.default_rng(2)
    values = dict(zip(kernel.arguments, rng.normal(size=len(kernel.arguments)), strict=True))
    x = np.zeros(2)
    for k in range(3):
        decay = np.exp(np.array([values["a_0"], values["a_1"]]) * values[f"Delta_{k + 1}"])
        x = decay * x + [values[f"b_{k}_0_0"], values[f"b_{k}_1_0"]]
    assert kernel(**values) == pytest.approx(x.sum(), rel=1e-13)  # rounding of 30 operations


# --- one sigmoid ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("states", [1, 4])
def test_multipliers_and_holds_are_powers_of_one_sigmoid(states):
    claims = [*sigmoid_powers(states).certificates, *(c for n in range(states) for c in hold_certificates(n))]
    assert all(verify(claim).proved for claim in claims)
    w, bias, u = sp.symbols("w bias u")
    assert all(verify(claim).proved for claim in sigmoid_powers(states, w * u + bias).certificates)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_another_power_or_sign_is_refuted(n):
    v = sp.Symbol("v")
    truth = sp.exp(-(n + 1) * softplus(v))
    for wrong in (logistic(-v) ** (n + 2), logistic(v) ** (n + 1), 1 - logistic(-v) ** (n + 1)):
        if wrong != truth:
            assert verify(Identity(wrong, truth)).evidence is Evidence.REFUTED
    euler = Identity(softplus(v), (1 - logistic(-v) ** (n + 1)) / (n + 1))
    assert verify(euler).evidence is Evidence.REFUTED


def test_a_hold_is_exact_in_the_time_of_the_clock_and_eulers_rule_is_not():
    assert all(verify(law).proved for law in hold_laws())
    assert verify(split_step(euler_gain)).evidence is Evidence.REFUTED
    assert verify(equation_of_motion(euler_gain, *sp.symbols("a t w"))).evidence is Evidence.REFUTED


@given(st.integers(1, 3), st.integers(1, 4), st.data())
def test_held_drives_are_the_integral_over_the_time_of_the_clock(states, steps, data):
    draw = lambda n: data.draw(st.lists(numbers, min_size=n, max_size=n))  # noqa: E731
    rates, increments = draw(states), [abs(x) for x in draw(steps)]
    inputs = [draw(states) for _ in range(steps)]
    clock = Clock(tuple(rates), tuple(increments))
    state = clock.recurrence(clock_drives(clock, inputs)).state(steps)
    with mp.workdps(25):
        moment = [mp.mpf(t[0].p) / t[0].q for t in (clock.times(k) for k in range(steps + 1))]
        for n, a in enumerate(rates):
            rate = mp.mpf(a.p) / a.q
            pieces = (
                mp.mpf(w[n].p) / w[n].q * mp.quad(lambda s, rate=rate: mp.exp(rate * (moment[-1] - s)), [start, end])
                for w, start, end in zip(inputs, moment, moment[1:], strict=False)
            )
            assert abs(mp.mpmathify(sp.N(state[n], 25)) - mp.fsum(pieces)) < mp.mpf(10) ** -15  # sizes up to e^16


def test_the_hold_in_sigmoids_is_the_hold_by_quadrature():
    with mp.workdps(30):
        for v in (-30, -1, 0, mp.mpf(7) / 3):
            delta, s = mp.log1p(mp.exp(v)), 1 / (1 + mp.exp(v))
            for n in range(4):
                integral = mp.quad(lambda t, n=n: mp.exp(-(n + 1) * t), [0, delta])
                assert abs((1 - s ** (n + 1)) / (n + 1) - integral) < mp.mpf(10) ** -25


def test_a_held_selective_state_is_a_polynomial_in_its_sigmoids():
    states, steps = 3, 3
    s, inputs = step_symbols("s", steps), step_symbols("b", steps, states)
    recurrence = held_recurrence(s, inputs)
    clock = Clock(tuple(-(n + 1) for n in range(states)), tuple(-sp.log(value) for value in s))
    for n, value in enumerate(recurrence.state(steps)):
        assert sp.Poly(value, *s).total_degree() == steps * (n + 1)
    for k in range(1, steps + 1):
        assert verify(Identity(recurrence.transition(k), clock.kernel(clock.increments[k - 1]))).proved
        rates = ((1 - sp.exp(-(n + 1) * clock.increments[k - 1][0])) / (n + 1) * b for n, b in enumerate(inputs[k - 1]))
        assert verify(Identity(recurrence.drives[k - 1], sp.Matrix(list(rates)))).proved
    assert verify(Identity(recurrence.state(steps), recurrence.recurred_state(steps))).proved


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize(("steps", "degree"), [(1, 1), (2, 2), (3, 1), (3, 2)])
def test_the_degree_in_the_inputs_is_the_stated_one(steps, degree, hold):
    """Count the degree itself: sigmoid and increment as polynomials of degree Q in the input, the drive B(u)u."""
    u = step_symbols("u", steps)
    s = [sum((q + 2) * value**q for q in range(degree + 1)) for value in u]
    delta = [sum((q + 3) * value**q for q in range(degree + 1)) for value in u]
    for n in range(3):
        multipliers = [(value ** (n + 1),) for value in s]
        factor = [(1 - value ** (n + 1)) / (n + 1) for value in s] if hold else delta
        drives = [(f * (1 + value) * value,) for f, value in zip(factor, u, strict=True)]
        state = VaryingDiagonal(tuple(multipliers), tuple(drives)).state(steps)[0]
        assert sp.Poly(state, *u).total_degree() == selective_degree(n, steps, degree, hold=hold)


# --- waves ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"first": 0}, {"nodes": 5}, {"nodes": 4, "first": -2}])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_wave_of_a_selective_ring_is_proved_for_every_number_of_nodes(steps, options):
    assert all(verify(claim).proved for claim in clocked_wave(steps, **options).certificates)


def test_a_wave_that_lags_behind_the_clock_is_refuted():
    form = clocked_wave(2)
    late = form.certificates[0]
    slower = late.right.xreplace({sp.Symbol("Delta_2", real=True): sp.Symbol("Delta_1", real=True)})
    assert verify(Identity(late.left, slower, nonzero=late.nonzero)).evidence is Evidence.REFUTED


def test_a_ring_with_whole_advances_is_shifted_by_their_sum():
    """Second route: the DFT of the modes, by NumPy, beside the shift of nodes; the input is silent after the kick."""
    nodes, hops = 7, (2, 0, 3, 1)
    frequencies = np.arange(nodes)
    modes = np.ones(nodes, dtype=complex)
    ring = np.array(shift_matrix(nodes, sum(hops)), dtype=float)[:, 0] * np.exp(-sum(hops) / nodes)
    for hop in hops:
        modes = modes * np.exp((-0.5 + 1j * np.pi * frequencies) * 2 * hop / nodes)
    turned = np.exp(-2j * np.pi * np.outer(np.arange(nodes), frequencies) / nodes)
    np.testing.assert_allclose(turned @ modes / nodes, ring, atol=1e-13)  # 7 terms of size 1
    real = np.exp(-(frequencies + 1) * 2 * sum(hops) / nodes)
    assert np.abs(turned @ real / nodes)[0] > np.abs(turned @ real / nodes)[1:].max()  # T6 (v): real rates, no wave


def test_the_kernel_of_the_wave_is_the_sum_over_modes():
    kernel = compile_kernel(clocked_wave(3))
    nodes, increments = 9, (0.31, 0.07, 0.5)
    f = np.arange(nodes) - (nodes - 1) / 2
    for d in range(nodes):
        modes = np.exp((-0.5 + 1j * np.pi * f) * sum(increments)) * np.exp(-2j * np.pi * f * d / nodes)
        arguments = {"N": nodes, "d": d} | {f"Delta_{k}": value for k, value in enumerate(increments, start=1)}
        assert kernel(**arguments) == pytest.approx(modes.mean().real, abs=1e-13)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_wrong_input_is_refused_with_its_name():
    a, d = sp.symbols("a d")
    for increments, words in (((), "increment"), (((d, d, d),), "increment"), (((d,), (d, d)), "increment")):
        with pytest.raises(ValueError, match=words):
            Clock((a, a), increments)
    with pytest.raises(ValueError, match="rates"):
        Clock((0.5,), (d,))
    with pytest.raises(TypeError, match="increment of step 1"):
        Clock((a,), ("d",))
    clock = Clock((a,), (d, d))
    with pytest.raises(ValueError, match="at most 2"):
        clock.times(3)
    with pytest.raises(ValueError, match="drives"):
        clocked_output(clock, ((1,),), total, symbol=sp.Symbol("y"))
    with pytest.raises(TypeError, match="clock"):
        clocked_output(a, ((1,),), total, symbol=sp.Symbol("y"))
    with pytest.raises(ValueError, match="meaning of its own"):
        sigmoid_powers(2, sp.Symbol("s") + 1)
    with pytest.raises(ValueError, match="2 steps and 1 rates"):
        clock_drives(clock, ((1,),))
    with pytest.raises(ValueError, match="1 sigmoids and 2 steps"):
        held_recurrence((a,), ((1,), (1,)))
    with pytest.raises(ValueError, match="states"):
        sigmoid_powers(0)
    with pytest.raises(ValueError, match="steps"):
        selective_degree(0, 0, 2)


@pytest.mark.parametrize(
    ("rates", "increments", "drive", "weight"),
    [
        ("a", "d", "tau_1", "c"),
        ("tau_2", "d", "u", "c"),
        ("a", "tau_1", "u", "c"),
        ("a", "d", "u", "tau_1"),
    ],
)
def test_a_letter_called_like_the_clock_is_refused_not_taken_for_it(rates, increments, drive, weight):
    a, d, u, c = (sp.Symbol(name, real=name == "tau_1") for name in (rates, increments, drive, weight))
    with pytest.raises(ValueError, match=r"tau_[12]: this is what the clock is called"):
        clocked_output(Clock((a,), (d, d)), ((u,), (1,)), lambda z, k: c * z[0], symbol=sp.Symbol("y"))


def test_a_letter_of_a_clock_that_is_not_in_use_is_free():
    """One step has no tau_2, and shared increments have no clock for each row."""
    a, d, u, v = sp.symbols("a d tau_2 tau_1_0")
    form = clocked_output(Clock((a,), (d,)), ((u + v,),), total, symbol=sp.Symbol("y"))
    assert all(verify(claim).proved for claim in form.certificates)
    assert {u, v} <= set(form.arguments)
