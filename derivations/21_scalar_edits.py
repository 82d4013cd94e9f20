# %% [markdown]
# # The shortest change of an input that moves one number
# At one time the readout of one channel sees a change $\eta$ of n inputs only through $t = \sum_m K_m\eta_m$, the shift
# of the pre-activation. We show that $\delta = Kt/\|K\|^2$ is the shortest change with this shift, for every n and any
# decoder, find the nearest root for a quadratic one, and treat a residual path $\sum_m e_m\eta_m$, with which two
# numbers count.   [THEORY T21]
# %%
import sympy as sp

import carleman_ssm as cs

n, m, j = sp.Symbol("n", integer=True, positive=True), sp.Symbol("m", integer=True), sp.Symbol("j", integer=True)
K, e, eta = (sp.IndexedBase(name) for name in ("K", "e", "eta"))
t, varrho = sp.symbols("t varrho", real=True)


def inner(a, b, index=j):
    return sp.Sum(a[index] * b[index], (index, 0, n - 1))


A, B, E, V = sp.symbols("A B E V", real=True)
products = {A: inner(K, K), B: inner(K, e), E: inner(e, e)}
shifts = {t: inner(K, eta), varrho: inner(e, eta)}
notation = {
    n: "number of inputs",
    e: "weights of a residual path",
    eta: "any change of the inputs, $\\eta_m$",
    t: "shift of the pre-activation by the change",
    varrho: "shift of the residual path by the change",
    A: "square of the length of K",
    B: "inner product of K and e",
    E: "square of the length of e",
    V: "weight of the channel in the readout",
    sp.Symbol("r"): "wanted change of what is read out",
    sp.Symbol("s"): "slope of the decoder at the level y",
}


# %% [markdown]
# ## One number
# What is left of a change without its part along K:
# %%
squares, seen = inner(K, K), inner(K, eta)
share = seen / squares
rest = sp.Sum((eta[m] - K[m] * share) ** 2, (m, 0, n - 1))
derivation = (
    cs.Derivation("The part that the shift does not see", start=rest, where=products | shifts)
    .step(sp.Sum(eta[m] ** 2 - 2 * eta[m] * K[m] * share + (K[m] * share) ** 2, (m, 0, n - 1)), because="multiply out")
    .step(
        inner(eta, eta, m) - seen**2 / squares,
        because="sum term by term: the middle part is twice the last",
        nonzero=(squares,),
    )
)
derivation = derivation.lemma(
    cs.Identity(sp.Sum(K[m] * (K[m] * t / squares), (m, 0, n - 1)), t, name="it shifts by t", nonzero=(squares,)),
    cs.Identity(
        inner(eta, eta, m), seen**2 / squares + rest, name="no change with this shift is shorter", nonzero=(squares,)
    ),
)

# %% [markdown]
# ## The nearest root
# A quadratic decoder turns the wanted shift r of its output into $g_2t^2 + st = r$ with $s = \sigma'(y)$. Completing
# the square shows when no t reaches r; of two roots $2r/(s + q)$ is the nearer if $q = \pm\sqrt{s^2 + 4g_2r}$ has the
# sign of s, as $sq \ge 0$; it stays finite at $g_2 = 0$, where it is the only one.
# %%
g1, g2, s, r, y = sp.symbols("g_1 g_2 s r y", real=True)
disc = s**2 + 4 * g2 * r


def quadratic(at):
    return at * (g1 + at * g2)


def roots(q, case):
    near, far = 2 * r / (s + q), -(s + q) / (2 * g2)
    yield cs.Identity(g2 * near**2 + s * near, r, name=f"a root, {case}", nonzero=(s + q,))
    yield cs.Identity(
        sp.ImmutableMatrix([g2 * far**2 + s * far, far**2 - near**2]),
        sp.ImmutableMatrix([r, s * q / g2**2]),
        name=f"the other root is farther, {case}",
        nonzero=(g2, s + q),
    )


derivation = derivation.lemma(
    cs.Identity(quadratic(y + t) - quadratic(y), g2 * t**2 + (g1 + 2 * g2 * y) * t, name="equation of the decoder"),
    cs.Identity(4 * g2 * (g2 * t**2 + s * t - r), (2 * g2 * t + s) ** 2 - disc, name="square completed"),
    *roots(sp.sqrt(disc), "positive slope"),
    *roots(-sp.sqrt(disc), "negative slope"),
)

# %% [markdown]
# ## Two numbers
# With the products A, B, E of K and e a combination of both reaches any two shifts, and what is orthogonal to both
# is wasted. Along $V(\sigma(y + t) - \sigma(y)) + \varrho = r$ the square N of the norm depends on t alone.
# %%
g0, g1, g2 = sp.symbols("g_0 g_1 g_2")
norm = (E * t**2 - 2 * B * t * varrho + A * varrho**2) / (A * E - B**2)
change = (((E * t - B * varrho) * K[m] + (A * varrho - B * t) * e[m]) / (A * E - B**2)).xreplace(products)
apart = eta[m] - change.xreplace(shifts)
gram = (A * E - B**2).xreplace(products)
other = r - V * ((g0 + (y + t) * (g1 + (y + t) * g2)) - (g0 + y * (g1 + y * g2)))
derivation = derivation.lemma(
    cs.Identity(
        sp.ImmutableMatrix([sp.Sum(row[m] * change, (m, 0, n - 1)) for row in (K, e)]),
        sp.ImmutableMatrix([t, varrho]),
        name="both shifts",
        nonzero=(gram,),
    ),
    cs.Identity(
        inner(eta, eta, m),
        norm.xreplace(products | shifts) + sp.Sum(apart**2, (m, 0, n - 1)),
        name="no change with these shifts is shorter",
        nonzero=(gram,),
    ),
    cs.Identity(
        (A * E - B**2) * sp.Derivative(norm.xreplace({varrho: other}), t) / 2,
        E * t - B * other - (A * other - B * t) * V * (g1 + 2 * g2 * (y + t)),
        name="slope of N",
        sizes="P = 2",
        nonzero=(A * E - B**2,),
    ),
    cs.Identity(
        norm,
        t**2 / A + (varrho - B * t / A) ** 2 * A / (A * E - B**2),
        name="square completed, N",
        nonzero=(A, A * E - B**2),
    ),
)
# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
