# %% [markdown]
# # How low a quadratic margin falls on a ball
# The margin $m + g^\top\eta + \eta^\top Q\eta$ is not below $b(\mu) = m - \mu\varepsilon^2 + \frac12g^\top v$ with $v =
# -\frac12(Q + \mu I)^{-1}g$ for any $\|\eta\| \le \varepsilon$ and any $\mu \ge 0$ with $Q + \mu I \succ 0$: what is
# left are two terms that are not negative there. [THEORY T22]
# %%
import sympy as sp

import carleman_ssm as cs

mu, m, epsilon, chi = sp.symbols("mu m epsilon chi", real=True)
gi, qi = sp.symbols("g_i q_i", real=True)
q11, q12, q22 = sp.symbols("q_1_1 q_1_2 q_2_2", real=True)
Q = sp.ImmutableMatrix([[q11, q12], [q12, q22]])
g, eta = (sp.ImmutableMatrix(sp.symbols(f"{name}_1 {name}_2", real=True)) for name in ("g", "eta"))
zeta = sp.symbols("zeta_1:3", real=True)
notation = {epsilon: "radius of a ball", m: "margin", mu: "multiplier of the ball"}
notation |= {qi: "eigenvalue of Q", chi: "determinant of a system"}
notation |= dict.fromkeys((*g, gi), "gradient of the margin") | dict.fromkeys((q11, q12, q22), "entries of Q")
notation |= dict.fromkeys(eta, "any change of the inputs")
notation |= dict.fromkeys(zeta, "distance from the lowest point of the bound")


def inner(a, matrix, b):
    return (a.T * matrix * b)[0]


# %% [markdown]
# ## One direction of Q
# In the eigenbasis of Q, for any number of inputs, with the gradient $g_i = -2(q_i + \mu)v_i$: a square, which is not
# negative, the part of the direction in $b(\mu)$, and $-\mu\eta_i^2$, which all directions together hold above
# $-\mu\varepsilon^2$. The slope of b is $\|v\|^2 - \varepsilon^2$.
# %%
etai, vi = sp.symbols("eta_i v_i", real=True)
lowest = -gi / (2 * (qi + mu))
derivation = (
    cs.Derivation("Square completed in one direction", start=-2 * (qi + mu) * vi * etai + qi * etai**2)
    .step((qi + mu) * (etai**2 - 2 * vi * etai) - mu * etai**2, because=r"$\mu\eta_i^2$ added and taken off")
    .step((qi + mu) * (etai - vi) ** 2 - (qi + mu) * vi**2 - mu * etai**2, because="square completed")
    .lemma(
        cs.Identity(
            sp.Derivative(gi * lowest / 2, mu),
            lowest**2,
            name="slope of the bound in one direction",
            because=r"$b'(\mu) = \|v\|^2 - \varepsilon^2$",
            nonzero=(qi + mu,),
        )
    )
)
notation |= {etai: "entry of a change", vi: "entry of the lowest point"}

# %% [markdown]
# ## Two inputs
# With every entry of Q a letter.
# %%
raised = sp.ImmutableMatrix(Q + mu * sp.eye(2))
v = sp.ImmutableMatrix(sp.symbols("v_1 v_2", real=True))
downhill = sp.ImmutableMatrix(-2 * raised * v)
spare = mu * (epsilon**2 - (eta.T * eta)[0])
solved = sp.ImmutableMatrix(-sp.ImmutableMatrix(raised.adjugate() / raised.det()) * g / 2)
derivation = derivation.chain(
    cs.Derivation(
        "Lower bound on the ball",
        start=m + (downhill.T * eta)[0] + inner(eta, Q, eta),
        where={chi: raised.det()} | dict(zip((*g, *zeta), (*downhill, *(eta - v)), strict=True)),
        sizes="n = 2",
    )
    .step(
        m - mu * epsilon**2 + (downhill.T * v)[0] / 2 + inner(eta - v, raised, eta - v) + spare,
        because=r"$g = -2(Q + \mu I)v$ leaves no linear part",
    )
    .lemma(cs.Identity(raised * solved, -g / 2, name="stationary on the ball", nonzero=(raised.det(),), sizes="n = 2"))
)
notation |= dict.fromkeys(v, "lowest point of the bound")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
