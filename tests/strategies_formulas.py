"""Expressions, identities and false twins for the formulas, hard cases on purpose."""

import sympy as sp
from hypothesis import strategies as st

from carleman_ssm.formulas.special import phi

a, b, lam, mu = sp.symbols("a b lambda_0 mu")
t = sp.Symbol("t", real=True)
k = sp.Symbol("k", integer=True, positive=True)
j = sp.Symbol("j", integer=True)
u = sp.IndexedBase("u")
SYMBOLS = (a, b, lam, mu, t)


def small_rationals():
    return st.builds(sp.Rational, st.integers(-4, 4), st.integers(1, 3))


def atoms():
    return st.one_of(
        st.sampled_from(
            [*SYMBOLS, sp.conjugate(lam), sp.I, lam**k, lam ** (k + 1), u[k], u[k - 1], (-1) ** k, sp.sqrt(2)]
        ),
        small_rationals(),
    )


def _grown(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda p: p[0] + p[1]),
        pair.map(lambda p: p[0] * p[1]),
        pair.map(lambda p: p[0] - p[1]),
        st.tuples(inner, st.integers(2, 3)).map(lambda p: p[0] ** p[1]),
        inner.map(lambda e: phi(1, a * t) * e),
        inner.map(lambda e: sp.exp(a + b) * e),
        inner.map(sp.conjugate),
        inner.map(sp.re),
        st.tuples(inner, st.sampled_from([lam, mu * lam, sp.S.One])).map(
            lambda p: sp.Sum(p[0] * p[1] ** (k - j) * u[j], (j, 1, k))
        ),
        inner.map(lambda e: sp.Sum(e * j * lam**j, (j, 0, k - 1))),
    )


def expressions():
    return st.recursive(atoms(), _grown, max_leaves=5)


@st.composite
def mutated(draw, expression):
    """A copy with one small error: a sign, a shift of k, λ for its conjugate, a changed number."""
    return expression.xreplace(
        draw(
            st.sampled_from(
                [
                    {lam: -lam},
                    {k: k + 1},
                    {sp.conjugate(lam): lam},
                    {a: 2 * a},
                    {u: sp.IndexedBase("v")},
                    {t: t + 1},
                    {sp.I: -sp.I},
                    {sp.Integer(2): sp.Integer(3)},
                    {mu: lam},
                ]
            )
        )
    )
