r"""What would follow from claims that sound true, written out for the smallest case, and what holds instead.

Each function returns two statements: one that is refuted with a witness, one that stands.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.statements import Identity, unfold
from carleman_ssm.theory.gaussian_expectations import normal_distribution
from carleman_ssm.theory.gelu_series import biased_gelu_coefficient, gelu_series
from carleman_ssm.theory.kuramoto import KuramotoModel, phase_gap
from carleman_ssm.theory.legs_eigenvectors import legs_condition_square
from carleman_ssm.theory.localisation import jittered_peak

_LAMBDA = sp.symbols("lambda_0 lambda_1")
_Y = sp.Symbol("y", real=True)


def _contents(multipliers: tuple[sp.Expr, sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """What both nodes of a ring hold, one step after a pulse of 1 at node 0."""
    first, second = multipliers
    return (first + second) / 2, (first - second) / 2


def waves_on_every_ring() -> tuple[Statement, Statement]:
    """The pulse has left node 0 after one step; W has equal couplings at equal distances, for any spectrum."""
    start, beside = _contents(_LAMBDA)
    ring, fourier = sp.ImmutableMatrix([[start, beside], [beside, start]]), sp.ImmutableMatrix([[1, 1], [1, -1]])
    return (
        Identity(start, sp.S.Zero, name="the pulse has left its node", sizes="N = 2"),
        Identity(
            sp.MatMul(fourier, ring), sp.diag(*_LAMBDA) * fourier, name="every spectrum has a ring", sizes="N = 2"
        ),
    )


def input_of_one_lag() -> tuple[Statement, Statement]:
    r"""Node 0 of two, after three steps of one node each, damped by $\rho$ in each step."""
    rho, u, m = sp.Symbol("rho", positive=True), sp.IndexedBase("u"), sp.Symbol("m", integer=True)
    modes = (sp.Integer(1), sp.Integer(-1))  # to the power m: lag m of each mode
    content = sp.Sum(rho**m * sp.Add(*(mode**m for mode in modes)) * u[3 - m] / 2, (m, 0, 2))
    sizes = "N = 2, k = 3"
    return (
        Identity(content, u[3], name="the input of one lag alone", sizes=sizes),
        Identity(content, u[3] + rho**2 * u[1], name="with that of a revolution before", sizes=sizes),
    )


def real_nodes_of_pairs() -> tuple[Statement, Statement]:
    r"""The coupling $(a - \bar a)/2$ of two nodes with the modes $a, \bar a$; with the phases of half a turn more."""
    a = sp.Symbol("a")
    periodic = (a - sp.conjugate(a)) / 2
    # frequencies 1/2 and -1/2 instead of 0 and 1: the pair is conjugate, as real nodes need
    shifted = (a * sp.I - sp.conjugate(a) * sp.I) / 2
    real = Identity(periodic, sp.conjugate(periodic), name="the coupling is real, periodic closure", sizes="N = 2")
    return real, Identity(shifted, -sp.im(a), name="the coupling is real, anti-periodic closure", sizes="N = 2")


def kept_waves() -> tuple[Statement, Statement]:
    """The peak keeps its intensity; with a jitter of 0.2 spacings it has lost nearly 4/5 after one revolution."""
    form = unfold(jittered_peak())
    intensity = dict(zip(("N", "s", "t"), form.arguments, strict=True))
    left = form.expression.subs({intensity["s"]: sp.pi / 5, intensity["t"]: 2, intensity["N"]: 64})
    kept = Identity(form.expression, sp.S.One, name="the peak keeps its intensity")
    return kept, Bound(left, sp.Rational(22, 100), {}, name="after one revolution, 64 nodes, 0.2 spacings")


def same_phases() -> tuple[Statement, Statement]:
    """The gap between the phases of the linear network and Kuramoto's is in proportion to that of the amplitudes."""
    model = KuramotoModel.symbolic(2)
    gap = phase_gap(model).expression
    amplitudes = [symbol for symbol in gap.free_symbols if symbol.name.startswith("r_")]
    gap = gap.xreplace({symbol: sp.Symbol(symbol.name, positive=True) for symbol in amplitudes})
    names = {symbol.name: symbol for symbol in gap.free_symbols}
    own, other, coupling, strength = (names[name] for name in ("r_0", "r_1", "a_0_1", "epsilon"))
    turn = sp.sin(names["theta_0"] - names["theta_1"] + names["varphi"])
    return (
        Identity(gap[0], sp.S.Zero, name="the gap is none", sizes="N = 2"),
        Identity(own * gap[0], strength * coupling * (own - other) * turn, name="the gap", sizes="N = 2"),
    )


def phase_at_rest() -> tuple[Statement, Statement]:
    r"""$0\,e^{i\theta} = 0\,e^{i\vartheta}$: a phase that is a function of the state would be one there."""
    theta, other = sp.symbols("theta vartheta", real=True)
    x = sp.Symbol("x")
    state, size = sp.re(x) + sp.I * sp.im(x), sp.re(x) ** 2 + sp.im(x) ** 2
    return (
        Identity(sp.exp(sp.I * theta), sp.exp(sp.I * other), name="one phase belongs to the state 0"),
        Identity(state**2 / size, x / sp.conjugate(x), nonzero=(x,), name="$e^{2i\\theta}$ of another state"),
    )


def _fourth_order() -> sp.Expr:
    polynomial = gelu_series(4)
    return polynomial.expression.xreplace({polynomial.arguments[0]: _Y})


def low_order_gelu() -> tuple[Statement, Statement]:
    """A tenth is enough on [-3, 3]; a hundredth is, on [-1, 1]."""
    error = sp.Abs(_Y * normal_distribution(_Y) - _fourth_order())
    return (
        Bound(error, sp.Rational(1, 10), {_Y: (-3, 3)}, name="order 4 within 1/10 for |y| at most 3"),
        Bound(error, sp.Rational(1, 100), {_Y: (-1, 1)}, name="order 4 within 1/100 for |y| at most 1"),
    )


def exact_truncation() -> tuple[Statement, Statement]:
    """GELU is its polynomial of order 4; what is odd in it is y/2."""
    gelu = _Y * normal_distribution(_Y)
    return (
        Identity(gelu, _fourth_order(), name="GELU is its polynomial"),
        Identity((gelu - gelu.subs(_Y, -_Y)) / 2, _Y / 2, name="the odd part of GELU is y/2"),
    )


def no_third_order() -> tuple[Statement, Statement]:
    r"""The third order about a bias: not zero, but $(y_0^3 - 4y_0)\varphi(y_0)/6$."""
    (third,) = biased_gelu_coefficient(3).certificates
    return Identity(third.left, sp.S.Zero, name="no third order about any bias"), third


def truncated_layers() -> tuple[Statement, Statement]:
    """The squared output of two layers, with matrices cut at degree 2: its constant; without bias, its order 2."""
    f, g = sp.symbols("f_0:3"), sp.symbols("g_0:3")
    inner, x = sp.symbols("y x")
    outer = f[0] + f[1] * inner + f[2] * inner**2
    rows = [sp.Poly(outer**2, inner).coeff_monomial(inner**i) for i in range(3)]
    unbiased = outer.subs(inner, g[1] * x + g[2] * x**2)
    second = sp.Poly(unbiased**2, x).coeff_monomial(x**2)
    cut = rows[0] + rows[1] * g[0] + rows[2] * g[0] ** 2
    return (
        Identity(cut, outer.subs(inner, g[0]) ** 2, name="truncated matrices compose", sizes="P = 2"),
        Identity(rows[1] * g[2] + rows[2] * g[1] ** 2, second, name="without a bias they do", sizes="P = 2"),
    )


def waves_of_real_spectra() -> tuple[Statement, Statement]:
    """Two multipliers between 0 and 1: node 1 holds more than node 0, and the reverse."""
    multipliers = sp.symbols("lambda_0 lambda_1", real=True)
    box = dict.fromkeys(multipliers, (0, 1))
    start, beside = _contents(multipliers)
    return (
        Bound(start, beside, box, name="the pulse has moved on"),
        Bound(beside, start, box, name="it stays highest where it was"),
    )


def equal_discretisations() -> tuple[Statement, Statement]:
    """The multiplier of a mode; for a real rate $-x$ and the step 1 they differ in the third order."""
    a, delta = sp.symbols("a Delta")
    x = sp.Symbol("x", real=True)

    def bilinear(z: sp.Expr) -> sp.Expr:
        return (1 + z / 2) / (1 - z / 2)

    return (
        Identity(sp.exp(a * delta), bilinear(a * delta), name="one multiplier"),
        Bound(sp.exp(-x) - bilinear(-x), x**3 / 12, {x: (0, 1)}, name="equal up to the second order in the step"),
    )


def harmless_eigenvectors() -> tuple[Statement, Statement]:
    """The squared condition of the eigenvectors of HiPPO-LegS: for N = 16 beyond, for N = 4 within 10^8."""
    limit = sp.Pow(10, 16, evaluate=False)
    return (
        Bound(legs_condition_square(16), limit, {}, name="half of the digits of float64 are left, N = 16"),
        Bound(legs_condition_square(4), limit, {}, name="half of the digits of float64 are left, N = 4"),
    )


def truncation_is_training() -> tuple[Statement, Statement]:
    r"""Least squares on $y = x^2$ at two inputs: the slope of the trained line, and that of the cut polynomial, 0."""
    first, second = sp.symbols("x_1 x_2", real=True)
    slope = sp.Symbol("w", real=True)
    loss = (slope * first - first**2) ** 2 + (slope * second - second**2) ** 2
    trained = (first**3 + second**3) / (first**2 + second**2)
    assumed = (first**2 + second**2,)
    return (
        Identity(trained, sp.S.Zero, nonzero=assumed, name="the trained slope is that of the cut polynomial"),
        Identity(
            sp.diff(loss, slope).subs(slope, trained), sp.S.Zero, nonzero=assumed, name="the trained line is the best"
        ),
    )
