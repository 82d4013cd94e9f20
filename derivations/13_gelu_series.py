# %% [markdown]
# # GELU has no cubic term, and how far its series reaches
# GELU is $y\,\Phi(y)$ with the normal distribution function $\Phi$. Without its linear half it is even: the decoder
# makes pairs, fours, sixes of inputs interact, and no threes. The series converges everywhere, but its first omitted
# term bounds the remainder only where the terms fall. About a bias the third order returns.
# [THEORY T13; Hendrycks and Gimpel 2016]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.activations import gelu_taylor_remainder
from carleman_ssm.theory.gelu_series import biased_gelu_coefficient, gelu_coefficient, gelu_series

y, level = sp.Symbol("y", real=True), sp.Symbol("y_0", real=True)
r = sp.Symbol("r", integer=True, nonnegative=True)


def gelu(at):
    return at / 2 * (1 + sp.erf(at / sp.sqrt(2)))


def density(at):
    return sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)


# %% [markdown]
# ## Parity
# $\Phi(y) = \frac12(1 + \operatorname{erf}(y/\sqrt2))$, and the error function is odd. SiLU, $y/(1 + e^{-y})$, has the
# same parity.
# %%
derivation = (
    cs.Derivation("GELU without its linear half is even", start=gelu(-y) + y / 2)
    .step(y / 2 * sp.erf(y / sp.sqrt(2)), because=r"$\operatorname{erf}(-y) = -\operatorname{erf}(y)$")
    .step(gelu(y) - y / 2, because=r"$\frac y2\operatorname{erf}(y/\sqrt2)$ is what GELU adds to $\frac y2$")
    .lemma(cs.Identity(-y / (1 + sp.exp(y)) + y / 2, y / (1 + sp.exp(-y)) - y / 2, name="SiLU"))
)

# %% [markdown]
# ## The curvature
# Value 0 and slope $\frac12$ at 0, and the second derivative, determine GELU.
# %%
curvature = (
    cs.Derivation("The curvature of GELU", start=sp.Derivative(gelu(y), (y, 2)))
    .step(2 * density(y) + y * sp.Derivative(density(y), y), because=r"product rule, $\Phi' = \varphi$")
    .step((2 - y**2) * density(y), because=r"$\varphi'(y) = -y\,\varphi(y)$")
)
derivation = derivation.chain(curvature)

# %% [markdown]
# ## The series
# It is found from the curvature, power by power. Let $v_r$ be the coefficient of $y^{2r}$
# in $\varphi(y) = e^{-y^2/2}/\sqrt{2\pi}$, so that $2(r+1)v_{r+1} = -v_r$. Then $(2 - y^2)\,\varphi(y)$ has
# $2v_{r+1} - v_r = (2r+4)\,v_{r+1}$ at $y^{2r+2}$, and two integrations divide it by $(2r+4)(2r+3)$.
# %%
derivation = derivation.lemma(*gelu_coefficient().certificates)

# %% [markdown]
# Cut at degree 4, the polynomial has the same data but for the last term.
# %%
derivation = derivation.lemma(*gelu_series(4).certificates)

# %% [markdown]
# ## The remainder
# Term $r + 1$ is $-q_r y^2$ times term r, and the $q_r$ fall: each difference is a quotient of positive numbers.
# So where $q_r y^2 < 1$ for the first omitted r, the omitted terms alternate and fall, and they add up to less than
# the first of them (Leibniz). For r = P/2 this is $y^2 < \frac{(P+2)(P+3)}{P+1}$.
# %%


def term(at):
    return (-1) ** at * y ** (2 * at + 2) / (sp.sqrt(2 * sp.pi) * 2**at * sp.factorial(at) * (2 * at + 1))


def quotient(at):
    return (2 * at + 1) / ((2 * at + 2) * (2 * at + 3))


falling = (
    cs.Derivation("One term after the other", start=term(r + 1))
    .step(-quotient(r) * y**2 * term(r), because=r"$(r+1)! = (r+1)\,r!$, and $q_r = \frac{2r+1}{(2r+2)(2r+3)}$")
    .lemma(
        cs.Identity(
            quotient(r) - quotient(r + 1),
            (8 * r**2 + 16 * r + 2) / ((2 * r + 2) * (2 * r + 3) * (2 * r + 4) * (2 * r + 5)),
            name="the quotients fall",
            because="positive for every r from 0 on",
        )
    )
)
derivation = derivation.chain(falling)

# %% [markdown]
# ## The same by ball arithmetic
# Certified without the series: degree 2 and 4 on $|y| \le \frac52$. At 0 both sides touch
# (to order 6 and 8), where derivatives decide. Beside them the range of the curvature, $-2\varphi(2)$ to
# $2\varphi(0)$, on $|y| \le 8$.
# %%
box = {y: (sp.Rational(-5, 2), sp.Rational(5, 2))}
derivation = derivation.lemma(
    *(
        cs.Bound(
            sp.Abs(gelu(y) - gelu_series(degree).expression),
            gelu_taylor_remainder(degree, y),
            box,
            name=f"remainder after degree {degree}",
            because="the first omitted term",
        )
        for degree in (2, 4)
    ),
    cs.Bound((2 - y**2) * density(y), 2 * density(sp.S.Zero), {y: (-8, 8)}, name="greatest curvature"),
    cs.Bound(-2 * density(sp.Integer(2)), (2 - y**2) * density(y), {y: (-8, 8)}, name="least curvature"),
)

# %% [markdown]
# ## About a bias
# With the pre-activation $y_0 + y$ the powers of y have the coefficients $\mathrm{GELU}^{(p)}(y_0)/p!$. The third one
# vanishes at $y_0 = 0$ and $\pm2$ alone: with a bias three inputs interact.
# %%
third = (
    cs.Derivation("The third order about a bias", start=sp.Derivative(gelu(level), (level, 3)) / 6)
    .step(sp.Derivative((2 - level**2) * density(level), level) / 6, because="the curvature from above")
    .step((-2 * level - level * (2 - level**2)) * density(level) / 6, because=r"$\varphi' = -y_0\,\varphi$")
    .step((level**3 - 4 * level) * density(level) / 6, because="collect")
    .step(level * (level - 2) * (level + 2) * density(level) / 6, because="its zeros")
    .lemma(*biased_gelu_coefficient(3).certificates)
)
derivation = derivation.chain(third)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
