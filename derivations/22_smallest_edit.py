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


def inverse(matrix):
    return sp.ImmutableMatrix(matrix.adjugate() / matrix.det())


def inner(a, matrix, b):
    return (a.T * matrix * b)[0]


def moved(change, slope):
    return (slope.T * change)[0] + inner(change, Q, change)


# %% [markdown]
# ## The lower bound
# Two inputs, with every entry of Q a letter; then, in the eigenbasis of Q, any number n of them. The gradient is
# written by the stationary point, $g = \frac2\nu(I - \nu Q)\delta$: for $\nu \ne 0$ and an invertible matrix that is
# any g, and $\frac{\nu^2}4g^\top(I - \nu Q)^{-1}g = \delta^\top(I - \nu Q)\delta$.
# %%
delta = sp.ImmutableMatrix(sp.symbols("delta_1 delta_2", real=True))
slope = sp.ImmutableMatrix(2 / nu * system * delta)


zeta = sp.symbols("zeta_1:3", real=True)
notation = dict.fromkeys(delta, "here: stationary change, $\\delta_\\nu$") | {nu: "multiplier of the goal"}
notation |= dict.fromkeys(zeta, "distance from the stationary change")
notation |= dict.fromkeys(eta, "here: any change of the inputs") | dict.fromkeys((q11, q12, q22), "entries of Q")
notation |= dict.fromkeys(g, "here: gradient of the margin") | {r: "here: wanted change of the margin"}


def lagrangian(change):
    return (change.T * change)[0] + nu * (r - moved(change, slope))


apart = inner(eta - delta, system, eta - delta)
derivation = (
    cs.Derivation(
        "Every change against the stationary one",
        start=lagrangian(eta),
        where=dict(zip((*g, *zeta), (*slope, *(eta - delta)), strict=True)),
        sizes="n = 2",
    )
    .step(lagrangian(delta) + apart, because=r"no linear part: $2(I - \nu Q)\delta = \nu g$", nonzero=(nu,))
    .step(nu * r - inner(delta, system, delta) + apart, because=r"$L(\delta) = d(\nu)$", nonzero=(nu,))
)
i, n = sp.Symbol("i", integer=True), sp.Symbol("n", integer=True, positive=True)
any_eta, any_best, eigenvalue = (sp.IndexedBase(name)[i] for name in ("eta", "delta", "q"))
weight, ascent = 1 - nu * eigenvalue, 2 / nu * (1 - nu * eigenvalue) * any_best


def over_directions(summand):
    return sp.Sum(summand, (i, 1, n))


solved = sp.ImmutableMatrix(nu / 2 * inverse(system) * g)
derivation = derivation.lemma(
    cs.Identity(
        over_directions(any_eta**2)
        + nu * (r - over_directions(ascent * any_eta) - over_directions(eigenvalue * any_eta**2)),
        nu * r - over_directions(weight * any_best**2) + over_directions(weight * (any_eta - any_best) ** 2),
        name="lower bound in any number of directions",
        because=r"$g_i = \frac2\nu(1 - \nu q_i)\delta_i$",
        nonzero=(nu,),
    ),
    cs.Identity(system * solved, nu / 2 * g, name="stationary", nonzero=(system.det(),)),
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

# %% [markdown]
# ## On a ball
# The other question: how low does the margin fall for $\|\eta\| \le \varepsilon$? For $\mu \ge 0$ with
# $Q + \mu I \succ 0$ never below $b(\mu) = m - \mu\varepsilon^2 + \frac12g^\top v$, $v = -\frac12(Q + \mu I)^{-1}g$.
# %%
raised = sp.ImmutableMatrix(Q + mu * one)
v = sp.ImmutableMatrix(sp.symbols("v_1 v_2", real=True))
downhill, vi = sp.ImmutableMatrix(-2 * raised * v), -gi / (2 * (qi + mu))
derivation = derivation.lemma(
    cs.Identity(
        raised * sp.ImmutableMatrix(-inverse(raised) * g / 2),
        -g / 2,
        name="stationary on the ball",
        nonzero=(raised.det(),),
    ),
    cs.Identity(
        m + moved(eta, downhill),
        m
        - mu * epsilon**2
        + (downhill.T * v)[0] / 2
        + inner(eta - v, raised, eta - v)
        + mu * (epsilon**2 - (eta.T * eta)[0]),
        name="lower bound on the ball",
        because=r"$g = -2(Q + \mu I)v$ leaves no linear part",
    ),
    cs.Identity(
        sp.Derivative(gi * vi / 2, mu),
        vi**2,
        name="slope of the bound in one direction",
        because=r"$v_i = -g_i/(2(q_i + \mu))$; so $b'(\mu) = \|v\|^2 - \varepsilon^2$",
        nonzero=(qi + mu,),
    ),
)
# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
