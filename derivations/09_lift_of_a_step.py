# %% [markdown]
# # One step, lifted to all monomials
# With $x_k = \Lambda x_{k-1} + \bar bu_k$ the monomials $X = (x^\alpha)_{|\alpha|\le P}$ obey $X_k = T(u_k)X_{k-1}$,
# $T_{\alpha\beta} = \prod_n\binom{\alpha_n}{\beta_n}\lambda_n^{\beta_n}(\bar b_nu)^{\alpha_n-\beta_n}$ for
# $\beta\le\alpha$, else 0. Nothing is cut off: a step sends a monomial to monomials of no higher degree. The decoder
# reads it by $z = GX$.   [THEORY T9; Iacob et al. 2025]
#
# What is said of one mode n holds for all exponents $\alpha$, and the product over the modes for any N.
# %%
import sympy as sp

import carleman_ssm as cs

alpha, m, N, P, order = sp.symbols("alpha m N P p", integer=True, nonnegative=True)
beta, q, i = sp.symbols("beta q i", integer=True)
lam, gain, x, c, u, D, zeta, theta = sp.symbols("lambda_n bbar_n x_n c_n u D zeta vartheta")
binomial = sp.binomial


def powers(exponent):
    """The binomial sum of an exponent."""
    return sp.Sum(binomial(exponent, beta) * zeta**beta * theta ** (exponent - beta), (beta, 0, exponent))


# %% [markdown]
# ## The binomial theorem, by induction over the exponent
# Two numbers $\zeta$ and $\vartheta$; in a step they are $\lambda_nx_n$ and $\bar b_nu$. The sum of exponent 0 is 1,
# and one more factor $\zeta + \vartheta$ makes that of $\alpha + 1$ out of that of $\alpha$, by Pascal's rule: so it
# is $(\zeta + \vartheta)^\alpha$.
# %%
derivation = (
    cs.Derivation("One factor more", start=(zeta + theta) * powers(alpha))
    .step(
        sp.Sum(binomial(alpha, beta - 1) * zeta**beta * theta ** (alpha + 1 - beta), (beta, 1, alpha + 1))
        + sp.Sum(binomial(alpha, beta) * zeta**beta * theta ** (alpha + 1 - beta), (beta, 0, alpha)),
        because=r"in the first sum $\beta$ counts from 1",
    )
    .step(powers(alpha + 1), because=r"$\binom\alpha{\beta-1} + \binom\alpha\beta = \binom{\alpha+1}\beta$")
    .lemma(
        cs.Identity(powers(sp.S.Zero), 1, name="the exponent 0", because="one term"),
        cs.Identity(
            binomial(alpha + 1, beta),
            binomial(alpha, beta) + binomial(alpha, beta - 1),
            name="Pascal's rule",
            because="with a given element, and without",
        ),
    )
)

# %% [markdown]
# ## One mode
# The power of the new state is a sum over the powers $\beta \le \alpha$ of the old one: a row of T, triangular and
# finite for every exponent.
# %%
entry = binomial(alpha, beta) * lam**beta * (gain * u) ** (alpha - beta)
derivation = derivation.lemma(
    cs.Identity(
        (lam * x + gain * u) ** alpha,
        sp.Sum(entry * x**beta, (beta, 0, alpha)),
        name="one mode",
        because=r"binomial theorem with $\zeta = \lambda_nx_n$, $\vartheta = \bar b_nu$",
    )
)


# %% [markdown]
# ## Several modes
# A product over the modes of sums is a sum over $\beta = (\beta_0, \beta_1, \dots)$ of products, for all exponents: the
# factors of a sum are free of its index. Stated for two modes; a further one is a factor again.
# %%
def row(n, a, b):
    """Of mode n: what its new power is, the term of the sum, and the range of b."""
    old, factor, kick = sp.Symbol(f"x_{n}"), sp.Symbol(f"lambda_{n}"), sp.Symbol(f"bbar_{n}") * u
    return (factor * old + kick) ** a, binomial(a, b) * factor**b * kick ** (a - b) * old**b, (b, 0, a)


orders, lower = sp.symbols("alpha_0 alpha_1", integer=True, nonnegative=True), sp.symbols("beta_0 beta_1", integer=True)
(new, first, inner), (other, second, outer) = map(row, range(2), orders, lower)
derivation = derivation.chain(
    cs.Derivation("Two modes", start=new * other, sizes="N = 2")
    .step(sp.Sum(first, inner) * sp.Sum(second, outer), because="binomial theorem in both")
    .step(sp.Sum(first * second, inner, outer), because="all pairs of terms")
)

# %% [markdown]
# ## How many entries there are
# T has $\beta\le\alpha$: a monomial $\alpha$ has $\prod_n(\alpha_n + 1)$ of them. Over all $|\alpha|\le P$ these are
# $\binom{2N+P}P$. One mode has $\sum_{\alpha\le P}(\alpha + 1) = \binom{P+2}2$. One mode more convolves with
# $\alpha + 1$; the second difference in P undoes that, whatever is convolved, and it takes $\binom{2N+2+P}{2N+2}$ to
# $\binom{2N+P}{2N}$. With the same first values, 0 at P = −1 and 1 at P = 0, this is induction over N.
# %%
Q = sp.IndexedBase("Q")


def convolved(degree):
    return sp.Sum((i + 1) * Q[degree - i], (i, 0, degree))


def second_difference(values, degree):
    return values(degree + 1) - 2 * values(degree) + values(degree - 1)


derivation = derivation.lemma(
    cs.Identity(sp.Sum(i + 1, (i, 0, P)), binomial(P + 2, 2), name="entries of one mode", because="an arithmetic sum"),
    cs.Identity(
        second_difference(convolved, P),
        Q[P + 1],
        name="a convolution and its second difference",
        because=r"$(i + 1) - 2i + (i - 1) = 0$",
    ),
    cs.Identity(
        second_difference(lambda degree: binomial(2 * N + 2 + degree, 2 * N + 2), P),
        binomial(2 * N + P + 1, 2 * N),
        name="entries of one mode more",
        because="Pascal's rule, twice",
    ),
)

# %% [markdown]
# ## The readout
# A decoder of degree P is a sum over its orders p, and each power of $y = c^\top x + Du$ is sorted by the powers of
# the state: with one mode $g_p(c_nx_n + Du)^p$ gives $\binom pq g_p(Du)^{p-q}c_n^q$ to $x_n^q$. Summed over $p \ge q$
# that is the coefficient of $x_n^q$ in G. Several modes share the order q by the multinomial coefficient $q!/\alpha!$;
# a further mode splits it once more.
# %%
derivation = derivation.lemma(
    cs.Identity(
        (c * x + D * u) ** order,
        sp.Sum(binomial(order, q) * c**q * (D * u) ** (order - q) * x**q, (q, 0, order)),
        name="one order of the decoder",
        because="binomial theorem",
    ),
    cs.Identity(
        binomial(alpha + m, m) * sp.factorial(alpha),
        sp.factorial(alpha + m) / sp.factorial(m),
        name="one mode more in the multinomial coefficient",
        because=r"$\binom{q+m}m\frac{q!}{\alpha!} = \frac{(q+m)!}{\alpha!\,m!}$ with $q = |\alpha|$ written $\alpha$",
    ),
)

# %% [markdown]
# ## Written out
# The matrices for one mode and degree 2. That T acts on all monomials as it should is the last line but one; the two
# before it say the same of its law in u: $T(0)$ is diagonal, and $T' = ET$ with the lowering map
# $E = \sum_n\bar b_nE_n$, $E_nX_\alpha = \alpha_nX_{\alpha - e_n}$.
# %%
model, decoder = cs.DiscreteSSM.symbolic(1, feedthrough=True), cs.PolynomialDecoder.symbolic(degree=2)
lifted = cs.carleman_lift(model, decoder)
derivation = derivation.lemma(*cs.one_step_map(lifted).certificates, *lifted.readout().certificates)

# %%
notation = {zeta: "any number", theta: "any other number", Q: "any sequence"}
notation |= dict.fromkeys(
    sp.symbols("alpha beta alpha_0 alpha_1"),
    "multi-indices, $x^\\alpha = \\prod_n x_n^{\\alpha_n}$; of one mode its exponent",
)

if __name__ == "__main__":
    print(cs.to_latex(derivation))
