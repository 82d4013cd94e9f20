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

nu, mu, r, m, epsilon = sp.symbols("nu mu r m epsilon", real=True)
q11, q12, q22 = sp.symbols("q_1_1 q_1_2 q_2_2", real=True)
Q = sp.ImmutableMatrix([[q11, q12], [q12, q22]])
g, eta = (sp.ImmutableMatrix(sp.symbols(f"{name}_1 {name}_2", real=True)) for name in ("g", "eta"))
system, one = sp.ImmutableMatrix(sp.eye(2) - nu * Q), sp.eye(2)
determinant = system.det()


def inverse(matrix):
    return sp.ImmutableMatrix(matrix.adjugate() / matrix.det())


def inner(a, matrix, b):
    return (a.T * matrix * b)[0]


def moved(change):
    return (g.T * change)[0] + inner(change, Q, change)


def lagrangian(change):
    return (change.T * change)[0] + nu * (r - moved(change))


# %% [markdown]
# ## The lower bound
# Two inputs, with every entry of Q and g a letter; then, in the eigenbasis of Q, any number n of them.
# %%
best = sp.ImmutableMatrix(nu / 2 * inverse(system) * g)
dual = nu * r - nu**2 / 4 * inner(g, inverse(system), g)
apart = inner(eta - best, system, eta - best)
derivation = (
    cs.Derivation("Every change against the stationary one", start=lagrangian(eta))
    .step(
        lagrangian(best) + apart,
        because=r"no linear part: $(I - \nu Q)\delta_\nu = \frac\nu2g$",
        nonzero=(determinant,),
    )
    .step(dual + apart, because=r"$L(\delta_\nu) = d(\nu)$", nonzero=(determinant,))
)
i, n = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True, positive=True)
any_eta, any_best, eigenvalue = (sp.IndexedBase(name)[i] for name in ("eta", "delta", "q"))
weight, slope = 1 - nu * eigenvalue, 2 / nu * (1 - nu * eigenvalue) * any_best


def over_directions(summand):
    return sp.Sum(summand, (i, 1, n))


growth = (
    cs.Identity(
        over_directions(any_eta**2)
        + nu * (r - over_directions(slope * any_eta) - over_directions(eigenvalue * any_eta**2)),
        nu * r - over_directions(weight * any_best**2) + over_directions(weight * (any_eta - any_best) ** 2),
        name="lower bound in any number of directions",
        because=r"$g_i = \frac2\nu(1 - \nu q_i)\delta_i$",
        nonzero=(nu,),
    ),
    cs.Identity(system * best, nu / 2 * g, name="stationary", nonzero=(determinant,)),
    cs.Identity(
        sp.Derivative(moved(best), nu),
        inner(g, inverse(system) ** 3, g) / 2,
        name="growth of what is reached",
        because="so it grows where the matrix is positive definite",
        nonzero=(determinant,),
    ),
)

# %% [markdown]
# ## One direction of Q
# What $\delta_\nu$ reaches, its norm and the slope of the bound are sums of these: $d' = r - r(\nu)$, so the bound is
# concave and highest where $\delta_\nu$ reaches r.
# %%
gi, qi, di = sp.symbols("g_i q_i delta_i", real=True)
step = nu / 2 * gi / (1 - nu * qi)
reached = gi**2 * nu * (2 - nu * qi) / (4 * (1 - nu * qi) ** 2)
saved = nu**2 * gi**2 / (4 * (1 - nu * qi))
directions = (
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
hard = cs.Identity(
    sp.ImmutableMatrix([gi * at_end + qi * at_end**2 + q * tau**2, at_end**2 + tau**2]),
    sp.ImmutableMatrix([r, r / q - gi**2 / (4 * q**2 * (1 - qi / q))]),
    name="it reaches r and attains the bound",
    nonzero=(q, q - qi),
)

# %% [markdown]
# ## On a ball
# The other question: how low does the margin fall for $\|\eta\| \le \varepsilon$? For $\mu \ge 0$ with
# $Q + \mu I \succ 0$ never below $b(\mu)$.
# %%
raised = sp.ImmutableMatrix(Q + mu * one)
lowest = sp.ImmutableMatrix(-inverse(raised) * g / 2)
bound = m - mu * epsilon**2 + (g.T * lowest)[0] / 2
ball = (
    cs.Identity(
        m + moved(eta),
        bound + inner(eta - lowest, raised, eta - lowest) + mu * (epsilon**2 - (eta.T * eta)[0]),
        name="lower bound on the ball",
        nonzero=(raised.det(),),
    ),
    cs.Identity(
        sp.Derivative(bound, mu),
        (lowest.T * lowest)[0] - epsilon**2,
        name="slope of the bound",
        nonzero=(raised.det(),),
    ),
)
for lemma in (*growth, *directions, hard, *ball):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
