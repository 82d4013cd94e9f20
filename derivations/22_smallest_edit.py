# %% [markdown]
# # The smallest change that moves a quadratic margin
# The margin $m(\delta) = m + g^\top\delta + \delta^\top Q\delta$ is to change by r with the least $\|\delta\|$; Q is
# symmetric, of any signs. We show that the Lagrangian $L(\eta) = \|\eta\|^2 + \nu(r - g^\top\eta - \eta^\top Q\eta)$ is
# a number $d(\nu)$ plus $(\eta - \delta_\nu)^\top(I - \nu Q)(\eta - \delta_\nu)$. Where $I - \nu Q \succ 0$ nothing
# that reaches r is therefore shorter than $\sqrt{d(\nu)}$; if $\delta_\nu$ reaches r it is the global optimum.
# [THEORY T22]
# %%
import sympy as sp

import carleman_ssm as cs

nu, r = sp.symbols("nu r", real=True)
q11, q12, q22 = sp.symbols("q_1_1 q_1_2 q_2_2", real=True)
Q = sp.ImmutableMatrix([[q11, q12], [q12, q22]])
g, eta = (sp.ImmutableMatrix(sp.symbols(f"{name}_1 {name}_2", real=True)) for name in ("g", "eta"))
system, one = sp.ImmutableMatrix(sp.eye(2) - nu * Q), sp.eye(2)


def inverse(matrix):
    return sp.ImmutableMatrix(matrix.adjugate() / matrix.det())


def inner(a, matrix, b):
    return (a.T * matrix * b)[0]


def moved(change, slope):
    return (slope.T * change)[0] + inner(change, Q, change)


# %% [markdown]
# ## The lower bound
# In the eigenbasis of Q, for any number n of inputs. The gradient is written by the stationary point,
# $g_i = \frac2\nu(1 - \nu q_i)\delta_i$: for $\nu \ne 0$ and an invertible matrix that is any g, and
# $\frac{\nu^2}4g^\top(I - \nu Q)^{-1}g = \delta^\top(I - \nu Q)\delta$.
# %%
i, n = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True, positive=True)
any_eta, best, eigenvalue = (sp.IndexedBase(name)[i] for name in ("eta", "delta", "q"))
weight, ascent = 1 - nu * eigenvalue, 2 / nu * (1 - nu * eigenvalue) * best


def total(summand):
    return sp.Sum(summand, (i, 1, n))


derivation = (
    cs.Derivation(
        "Every change against the stationary one",
        start=total(any_eta**2) + nu * (r - total(ascent * any_eta) - total(eigenvalue * any_eta**2)),
    )
    .step(
        nu * r + total(weight * (any_eta**2 - 2 * best * any_eta)),
        because=r"$g_i = \frac2\nu(1 - \nu q_i)\delta_i$, direction by direction",
        nonzero=(nu,),
    )
    .step(
        nu * r - total(weight * best**2) + total(weight * (any_eta - best) ** 2),
        because=r"square completed: $L(\delta) = d(\nu)$, and the rest is not negative",
    )
)

# %% [markdown]
# ## Two inputs
# Once more for two inputs with every entry of Q a letter, and the equation that $\delta_\nu$ solves.
# %%
delta = sp.ImmutableMatrix(sp.symbols("delta_1 delta_2", real=True))
slope, zeta = sp.ImmutableMatrix(2 / nu * system * delta), sp.symbols("zeta_1:3", real=True)
chi = sp.Symbol("chi", real=True)
solved = sp.ImmutableMatrix(nu / 2 * inverse(system) * g)
apart = inner(eta - delta, system, eta - delta)
derivation = derivation.chain(
    cs.Derivation(
        "The same for two inputs",
        start=(eta.T * eta)[0] + nu * (r - moved(eta, slope)),
        where={chi: system.det()} | dict(zip((*g, *zeta), (*slope, *(eta - delta)), strict=True)),
        sizes="n = 2",
    )
    .step(
        nu * r - inner(delta, system, delta) + apart,
        because=r"no linear part: $2(I - \nu Q)\delta = \nu g$",
        nonzero=(nu,),
    )
    .lemma(cs.Identity(system * solved, nu / 2 * g, name="stationary", nonzero=(system.det(),), sizes="n = 2"))
)
notation = {nu: "multiplier of the goal", r: "wanted change of the margin", chi: "determinant of a system"}
notation |= dict.fromkeys((*delta, sp.Symbol("delta_i"), sp.IndexedBase("delta")), r"stationary change")
notation |= dict.fromkeys(zeta, "distance from the stationary change")
notation |= dict.fromkeys((*eta, sp.IndexedBase("eta")), "any change of the inputs")
notation |= dict.fromkeys((q11, q12, q22), "entries of Q")
notation |= dict.fromkeys((*sp.symbols("q q_i"), sp.IndexedBase("q")), "eigenvalues of Q")
notation |= dict.fromkeys((*g, sp.Symbol("g_i")), "gradient of the margin")

# %% [markdown]
# ## One direction of Q
# What $\delta_\nu$ reaches, its norm and the slope of the bound are sums of these: $d' = r - r(\nu)$, so the bound is
# concave and highest where $\delta_\nu$ reaches r.
# %%
gi, qi, di = sp.symbols("g_i q_i delta_i", real=True)
step = nu / 2 * gi / (1 - nu * qi)
reached = gi**2 * nu * (2 - nu * qi) / (4 * (1 - nu * qi) ** 2)
saved = nu**2 * gi**2 / (4 * (1 - nu * qi))
derivation = derivation.lemma(
    cs.Identity(gi * step + qi * step**2, reached, name="reached in one direction", nonzero=(1 - nu * qi,)),
    cs.Identity(
        sp.Derivative(reached, nu),
        gi**2 / (2 * (1 - nu * qi) ** 3),
        name="growth in one direction",
        nonzero=(1 - nu * qi,),
    ),
    cs.Identity(
        sp.ImmutableMatrix([step**2, sp.Derivative(saved, nu)]),
        sp.ImmutableMatrix([nu * reached - saved, reached]),
        name="norm and slope of the bound in one direction",
        nonzero=(1 - nu * qi,),
    ),
    cs.Identity(
        gi * di + qi * di**2,
        -(gi**2) / (4 * qi) + qi * (di + gi / (2 * qi)) ** 2,
        name="square completed in one direction",
        because=r"of one sign of all $q_i$ there is a most or least that can be reached",
        nonzero=(qi,),
    ),
)

# %% [markdown]
# ## The hard case
# g has no part along the eigenvector of the extreme eigenvalue q, and the other directions reach too little at
# $\nu = 1/q$: what is missing is made up along it, in either sense, and the bound is attained.
# %%
q = sp.Symbol("q", real=True)
at_end = step.xreplace({nu: 1 / q})
tau = sp.sqrt((r - (gi * at_end + qi * at_end**2)) / q)
derivation = derivation.lemma(
    cs.Identity(
        sp.ImmutableMatrix([gi * at_end + qi * at_end**2 + q * tau**2, at_end**2 + tau**2]),
        sp.ImmutableMatrix([r, r / q - gi**2 / (4 * q**2 * (1 - qi / q))]),
        name="it reaches r and attains the bound",
        nonzero=(q, q - qi),
    )
)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
