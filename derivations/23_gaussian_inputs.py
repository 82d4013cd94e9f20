# %% [markdown]
# # What a decoder gives on average over Gaussian inputs
# The pre-activation $Y \sim N(\mu, v)$ has a density that solves the heat equation
# $\partial_v p = \frac12\partial_\mu^2 p$, so $F(\mu, v) = \mathbb E f(Y)$ solves it as well, with $F = f$ at $v = 0$;
# among functions that grow no faster than $e^{a\mu^2}$ it is the only one that does (Tychonoff). We show
# $\mathbb E\,\mathrm{GELU}(Y) = \mu\Phi(\mu/s) + \frac vs\varphi(\mu/s)$ with $s = \sqrt{1+v}$, and the same for
# polynomials and for the covariance of two.   [THEORY T23]
# %%
import sympy as sp

import carleman_ssm as cs

mu, v, s = sp.Symbol("mu", real=True), sp.Symbol("v", nonnegative=True), sp.Symbol("s", positive=True)


def density(at):
    return sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)


def distribution(at):
    return (1 + sp.erf(at / sp.sqrt(2))) / 2


# %% [markdown]
# ## GELU
# $\mathrm{GELU}(y) = y\Phi(y)$, and Stein's identity $\mathbb E(Y - \mu)f(Y) = v\,\mathbb Ef'(Y)$ gives
# $\mathbb E\,\mathrm{GELU} = \mu\,\mathbb E\Phi(Y) + v\,\mathbb E\varphi(Y)$. Noise widens both means to s; all
# three are found from their heat equations, in s instead of v: $\partial_v = \frac1{2s}\partial_s$.
# %%
mean = mu * distribution(mu / s) + (s**2 - 1) / s * density(mu / s)
derivation = (
    cs.Derivation(
        "The mean GELU spreads like heat",
        start=sp.Derivative(mean, s) / s,
        where={sp.Function("Phi")(mu / s): distribution(mu / s)},
    )
    .step(
        (s**4 + s**2 - mu**2) / s**5 * density(mu / s),
        because=r"$\partial_s\Phi(\mu/s) = -\mu\varphi/s^2$ and $\partial_s\varphi(\mu/s) = \mu^2\varphi/s^3$",
    )
    .step(
        sp.Derivative(mean, mu, 2),
        because=r"$\partial_\mu\Phi(\mu/s) = \varphi/s$ and $\partial_\mu^2\varphi(\mu/s) = (\mu^2 - s^2)\varphi/s^4$",
    )
)
derivation = derivation.lemma(
    cs.Identity(mean.subs(s, 1), mu / 2 * (1 + sp.erf(mu / sp.sqrt(2))), name="without spread GELU itself"),
    cs.Identity(
        sp.Derivative(distribution(mu / s), s) / s, sp.Derivative(distribution(mu / s), mu, 2), name="mean of the step"
    ),
    cs.Identity(
        sp.Derivative(density(mu / s) / s, s) / s, sp.Derivative(density(mu / s) / s, mu, 2), name="mean of the density"
    ),
)

# %% [markdown]
# ## Polynomials
# Each power is replaced by its moment, $y^2 \mapsto \mu^2 + v$, $y^3 \mapsto \mu^3 + 3\mu v$, and so on.
# %%


def cubic(g):
    return g[0] + g[1] * mu + g[2] * mu**2 + g[2] * v + g[3] * mu**3 + 3 * g[3] * mu * v


g = sp.symbols("g_0:4")
fourth = mu**4 + 6 * mu**2 * v + 3 * v**2
times_y = sp.expand(g[0] * mu + g[1] * (mu**2 + v) + g[2] * (mu**3 + 3 * mu * v) + g[3] * fourth)
derivation = derivation.lemma(
    cs.Identity(
        cubic(g).subs(v, 0),
        g[0] + mu * (g[1] + mu * (g[2] + mu * g[3])),
        name="without spread the decoder itself",
        sizes="P = 3",
    ),
    cs.Identity(sp.Derivative(cubic(g), v), sp.Derivative(cubic(g), mu, 2) / 2, name="heat equation", sizes="P = 3"),
    cs.Identity(
        times_y - mu * cubic(g),
        v * (g[1] + 2 * g[2] * mu + 3 * g[3] * mu**2 + 3 * g[3] * v),
        name="Stein's identity",
        because="integration by parts against the density",
        sizes="P = 3",
    ),
)

# %% [markdown]
# ## Two decoders
# In the covariance c the density of a Gaussian pair solves $\partial_c p = \partial_{\mu_1}\partial_{\mu_2}p$, hence
# $\mathbb E\,\sigma(Y)\tau(Z) = \sum_n\frac{c^n}{n!}\mathbb E\sigma^{(n)}(Y)\,\mathbb E\tau^{(n)}(Z)$: at $c = 0$ the
# two are independent, and $\partial_\mu$ of a mean is the mean of the slope. For two quadratic decoders:
# %%
c, means, spreads = (
    sp.Symbol("c", real=True),
    sp.symbols("mu_1 mu_2", real=True),
    sp.symbols("v_1 v_2", nonnegative=True),
)
quadratics = [sp.symbols(f"{name}_0:3") for name in "gh"]
rows = list(zip(quadratics, means, spreads, strict=True))
averages = sp.Mul(*(k[0] + k[1] * m + k[2] * m**2 + k[2] * w for k, m, w in rows))
slopes = sp.Mul(*(k[1] + 2 * k[2] * m for k, m, _ in rows))
joint = averages + c * slopes + 2 * c**2 * quadratics[0][2] * quadratics[1][2]
both = "P = 2 and 2"
still = {c: 0, spreads[0]: 0, spreads[1]: 0}
parts = [
    part
    for n, (k, m, w) in enumerate(rows, start=1)
    for part in (
        (sp.Function(f"F_{n}")(m, w), k[0] + k[1] * m + k[2] * m**2 + k[2] * w),
        (sp.Function(f"Fprime_{n}")(m), k[1] + 2 * k[2] * m),
    )
]
notation = {sp.Symbol("F_1"): "mean of a decoder", sp.Symbol("Fprime_1"): "mean of its slope"}
notation |= dict.fromkeys(quadratics[1], "coefficients of the second decoder")
notation |= {c: "covariance of the two pre-activations", s: "$\\sqrt{1 + v}$"}
derivation = derivation.chain(
    cs.Derivation("Price's theorem", start=sp.Derivative(joint, c), where=dict(parts), sizes=both)
    .step(slopes + 4 * c * quadratics[0][2] * quadratics[1][2], because="the first and the second order in c")
    .step(sp.Derivative(joint, *means), because=r"$\partial_\mu F = F'$, and $\partial_\mu F' = 2g_2$")
    .lemma(
        cs.Identity(
            joint.xreplace(still),
            sp.Mul(*(k[0] + m * (k[1] + m * k[2]) for k, m, _ in rows)),
            name="product without spread",
            sizes=both,
        ),
        *(
            cs.Identity(sp.Derivative(joint, w), sp.Derivative(joint, m, 2) / 2, name=f"heat equation, {n}", sizes=both)
            for n, (_, m, w) in zip(("first decoder", "second decoder"), rows, strict=True)
        ),
    )
)
notation |= dict.fromkeys(sp.symbols("mu mu_1 mu_2"), "mean of a pre-activation")
notation |= dict.fromkeys(sp.symbols("v v_1 v_2"), "variance of a pre-activation")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
