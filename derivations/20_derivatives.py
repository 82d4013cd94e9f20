# %% [markdown]
# # First and second derivatives of a pooled logit in its inputs
# A channel with the pre-activations $y = \beta + \mathcal Ku$, $\mathcal K_{kj} = K_{k-j}$, adds
# $\ell = \frac VL\sum_k\sigma(y_k)$ to a logit. We show that the Hessian is
# $\frac VL\mathcal K^\top\mathrm{diag}(\sigma''(y))\,\mathcal K$, for a cubic decoder at two steps, entry by entry
# for any number of steps and GELU, and find derivatives of GELU and the range of its curvature.   [THEORY T20]
# %%
import sympy as sp

import carleman_ssm as cs

V, g = sp.Symbol("V"), sp.symbols("g_0:4")
K, beta, u = (sp.symbols(f"{name}_0:2") for name in ("K", "beta", "u"))
lags = sp.ImmutableMatrix([[K[0], 0], [K[1], K[0]]])
y = [beta[0] + K[0] * u[0], beta[1] + K[0] * u[1] + K[1] * u[0]]


def cubic(at):
    return g[0] + at * (g[1] + at * (g[2] + at * g[3]))


def slope(at):
    return g[1] + at * (2 * g[2] + at * (3 * g[3]))


def curvature(at):
    return 2 * g[2] + at * (6 * g[3])


# %% [markdown]
# ## Any decoder, any step, any two inputs
# Two inputs enter the pre-activation of a step with the taps p and q, beside what all others add up to, a. For a
# polynomial decoder of any degree:
# %%
a, p, q = sp.symbols("a p q", real=True)
n, P = (sp.Symbol(name, integer=True, nonnegative=True) for name in "nP")
powers, inside = sp.IndexedBase("g"), a + p * u[0] + q * u[1]


def decoded(weight, lost=0):
    return sp.Sum(weight * powers[n] * inside ** (n - lost), (n, 0, P))


derivation = (
    cs.Derivation("Two derivatives of a decoder", start=sp.Derivative(decoded(sp.S.One), u[0], u[1]))
    .step(sp.Derivative(p * decoded(n, 1), u[1]), because=r"$\partial_{u_0}y = p$", nonzero=(inside,))
    .step(p * q * decoded(n * (n - 1), 2), because=r"$\partial_{u_1}y = q$", nonzero=(inside,))
)
notation = {
    a: "what all other inputs add up to",
    p: "tap of one input",
    q: "tap of another input",
    powers: "coefficients $g_n$ of the decoder",
}

# %% [markdown]
# ## Two steps of a cubic decoder
# The step k adds $\sigma''(y_k)$ times the product of what the two inputs put into it.
# %%
logit = V / 2 * (cubic(y[0]) + cubic(y[1]))
at = [sp.Function("y_0")(u[0]), sp.Function("y_1")(u[0], u[1])]
bends = sp.symbols("chi_:2")
notation |= dict.fromkeys(bends, "second derivatives $\\sigma''(y_k)$ of the decoder")
short = dict(zip(at, y, strict=True)) | dict(zip(bends, map(curvature, at), strict=True))
short |= {sp.Function("ell")(*u): V / 2 * (cubic(at[0]) + cubic(at[1]))}
notation |= {V: "weight of the channel in the logit", sp.Symbol("ell"): "the logit of one channel"}
first, second = (row.T * row for row in (lags.row(0), lags.row(1)))
gradient = cs.Identity(
    sp.ImmutableMatrix([sp.Derivative(logit, each) for each in u]),
    sp.ImmutableMatrix(V / 2 * lags.T * sp.ImmutableMatrix([slope(at) for at in y])),
    name="first derivatives",
    sizes="P = 3, L = 2",
)
derivation = derivation.chain(
    cs.Derivation(
        "The Hessian of a pooled logit",
        start=sp.ImmutableMatrix(2, 2, lambda i, j: sp.Derivative(logit, u[i], u[j])),
        where=short,
        sizes="P = 3, L = 2",
    )
    .step(
        sp.ImmutableMatrix(V / 2 * (curvature(y[0]) * first + curvature(y[1]) * second)),
        because=r"$\partial_{u_i}\partial_{u_j}\sigma(y_k) = \sigma''(y_k)K_{k-i}K_{k-j}$",
    )
    .step(
        sp.ImmutableMatrix(V / 2 * lags.T * sp.diag(*map(curvature, y)) * lags),
        because="the sum over the steps is a product of matrices",
    )
    .lemma(gradient)
)

# %% [markdown]
# ## Derivatives of GELU
# $\mathrm{GELU}^{(n)} = (-1)^{n-1}(\mathrm{He}_n - \mathrm{He}_{n-2})\,\varphi$ for $n \ge 2$. The third one shows that
# the curvature turns at 0 and $\pm2$ only; as it vanishes at infinity, its range is $[-2\varphi(2), 2\varphi(0)]$.
# %%
x = sp.Symbol("y", real=True)


def gelu(at):
    return at / 2 * (1 + sp.erf(at / sp.sqrt(2)))


def density(at):
    return sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)


hermite = {2: 2 - x**2, 3: x**3 - 4 * x, 4: -(x**4) + 7 * x**2 - 4, 5: x**5 - 11 * x**3 + 18 * x}
slopes = {1: (1 + sp.erf(x / sp.sqrt(2))) / 2 + x * density(x)} | {n: h * density(x) for n, h in hermite.items()}
far = density(sp.Integer(2))
derivation = derivation.lemma(
    *(
        cs.Identity(sp.Derivative(gelu(x), (x, n)), value, name=f"derivative of GELU of order {n}")
        for n, value in slopes.items()
    ),
    cs.Identity(
        sp.Derivative(gelu(inside), u[0], u[1]),
        p * q * (2 - inside**2) * density(inside),
        name="any step, any two inputs, GELU",
    ),
    cs.Identity(
        sp.ImmutableMatrix([sp.Derivative(gelu(x), (x, 3)), *(slopes[2].subs(x, place) for place in (-2, 2, 0))]),
        sp.ImmutableMatrix([x * (x - 2) * (x + 2) * density(x), -2 * far, -2 * far, 2 * density(sp.S.Zero)]),
        name="where the curvature turns, and its values there",
    ),
)
# %% [markdown]
# ## How steep GELU is
# Its slope turns where the curvature vanishes, at $y = \pm\sqrt2$. On $|y| \le 8$ ball arithmetic keeps it between
# $-\frac2{15}$ and $\frac{17}{15}$, without derivatives; at the turns it is $-0.1289\ldots$ and $1.1289\ldots$, and
# beyond them it only tends to its limits 0 and 1.
# %%
box = {x: (-8, 8)}
derivation = derivation.lemma(
    cs.Bound(slopes[1], sp.Rational(17, 15), box, name="the slope from above", because="enclosed piece by piece"),
    cs.Bound(-sp.Rational(2, 15), slopes[1], box, name="the slope from below", because="enclosed piece by piece"),
    cs.Identity(
        sp.Derivative(slopes[1], x), (sp.sqrt(2) - x) * (sp.sqrt(2) + x) * density(x), name="where the slope turns"
    ),
)
notation |= dict.fromkeys(sp.symbols("beta_0 beta_1"), "bias at a step")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
