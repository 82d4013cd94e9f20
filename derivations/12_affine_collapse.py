# %% [markdown]
# # The ordered product of lifted steps collapses to one translation
# One step of the lifted state is $X_k = T(u_k) X_{k-1}$, so the state after $k$ steps from rest is an ordered product
# of $k$ matrices. We show $X_k = T(\xi_k)\, e_0$ with $\xi_k = \sum_{j=1}^k \Lambda^{k-j} \bar b\, u_j$: one matrix,
# for symbolic $k$. Hence $z_k = G X_k = \sigma(c^\top \xi_k + D u_k)$. The reason is a group. Lifting $x \mapsto
# \Lambda x + \xi$ to monomials represents the affine maps: translations $T(\xi) = \exp(\sum_n \xi_n E_n)$ commute,
# scalings $M_0 = \mathrm{diag}(\lambda^\alpha)$ normalise them.   [THEORY T9, T12]
# %%
import sympy as sp

import carleman_ssm as cs

DEGREE = 2
k, j = (sp.Symbol(name, integer=True, positive=True) for name in "kj")
u = sp.IndexedBase("u")


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## Any mode, any power
# The state of mode 0 is the sum $\xi_0$ before step k and $\xi'_0$ after it. A lifted step takes the monomial
# $x^\alpha$ to $(\lambda x + \bar b u_k)^\alpha$; what it makes of $(\xi_0)^\alpha$ is therefore $(\xi'_0)^\alpha$, for
# every exponent $\alpha$ and every step k. Several modes multiply: $x^\alpha = \prod_n x_n^{\alpha_n}$. With the empty
# sum at $k = 0$ this is the induction, for any number of modes and any degree.
# %%
alpha, beta = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("alpha", "beta"))
lam, b, x = sp.symbols("lambda_0 bbar_0 x_0")


def state(steps, multiplier=lam, gain=b):
    return sp.Sum(multiplier ** (steps - j) * gain * u[j], (j, 1, steps))


def displacements(n, *mode):
    """The letters of the sums of a mode, before and after step k."""
    return {sp.Symbol(f"xi_{n}"): state(k - 1, *mode), sp.Symbol(f"xiprime_{n}"): state(k, *mode)}


where = displacements(0)
where_two = where | displacements(1, *sp.symbols("lambda_1 bbar_1"))
notation = dict.fromkeys(sp.symbols("xiprime_:2"), "displacement after one more step")
notation |= {sp.Symbol("zeta"): "any displacement", sp.Symbol("t"): "a factor of a displacement"}
derivation = (
    cs.Derivation("One more step", start=lam * state(k - 1) + b * u[k], where=where)
    .step(
        sp.Sum(lam ** (k - j) * b * u[j], (j, 1, k - 1)) + b * u[k],
        because=r"$\lambda\, \lambda^{k-1-j} = \lambda^{k-j}$",
    )
    .step(state(k), because=r"$\bar b u_k$ is the term of $j = k$")
    .lemma(
        cs.Identity(sp.Sum(b * u[j], (j, 1, 0)), sp.S.Zero, name="at rest", because="an empty sum"),
        cs.Identity(
            sp.Sum(sp.binomial(alpha, beta) * (b * u[k]) ** (alpha - beta) * (lam * x) ** beta, (beta, 0, alpha)),
            (lam * x + b * u[k]) ** alpha,
            name="the lifted step of every power",
            because="binomial theorem",
        ),
    )
)

# %% [markdown]
# ## The group
# Let $M_f$ be the matrix of an affine map f, $M_f X(x) = X(f(x))$ for all x. Then
# $M_f M_g X(x) = M_f X(g(x)) = X(f(g(x)))$, and as monomials are independent functions the columns $X(x)$ span the
# space: $M_f M_g = M_{f \circ g}$, for any number of modes and any degree. So translations add,
# $T(\zeta) T(\eta) = T(\zeta + \eta)$, and $M_0 T(\zeta) = T(\Lambda\zeta) M_0$. What remains to be shown is that T is
# what it is called, here for one mode and any exponent: its row $\alpha$ translates the power; entry $(\alpha, \beta)$
# is normalised; and the curve $T(t\zeta)$, which starts at 1, has the generator $\zeta E$ with
# $E X_\alpha = \alpha X_{\alpha - 1}$, so that it is the exponential.
# %%
shift, t = sp.Symbol("zeta"), sp.Symbol("t", real=True)
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(sp.binomial(alpha, beta) * shift ** (alpha - beta) * x**beta, (beta, 0, alpha)),
        (x + shift) ** alpha,
        name="a translation acts on every power",
        because="binomial theorem",
    ),
    cs.Identity(
        lam**alpha * sp.binomial(alpha, beta) * shift ** (alpha - beta),
        sp.binomial(alpha, beta) * (lam * shift) ** (alpha - beta) * lam**beta,
        name="scalings normalise translations, entry by entry",
        nonzero=(lam, shift),
    ),
    cs.Identity(
        sp.Derivative((x + t * shift) ** alpha, t),
        shift * alpha * (x + t * shift) ** (alpha - 1),
        name="the generator",
        because="row $\\alpha$ of $T' = \\zeta E\\,T$",
        nonzero=(x + t * shift,),
    ),
)


# %% [markdown]
# ## The induction by the group
# The same step as matrices, for one mode and degree 2 and any k: suppose $X_{k-1} = T(\xi_0) e_0$; the first column of
# $T(\xi_0)$ is the lift of $\xi_0$.
# %%
def lift_of(states):
    model = cs.DiscreteSSM.symbolic(states=states, feedthrough=True)
    return cs.carleman_lift(model, cs.PolynomialDecoder.symbolic(model, degree=DEGREE))


def translation(shift):
    return cs.affine_representation([1], [shift], DEGREE)


def scaling(multiplier):
    return cs.affine_representation([multiplier], [0], DEGREE)


one_mode = lift_of(1)
lifted_step, kick = one_mode.transition_matrix(u[k]), translation(b * u[k])
before, rest = (sp.ImmutableMatrix([1, xi, xi**2]) for xi in (state(k - 1), 0))
moved = lam * state(k - 1)
derivation = derivation.chain(
    cs.Derivation("One more lifted step", start=product(lifted_step, before), where=where, sizes="N = 1, P = 2")
    .step(
        product(kick, scaling(lam), translation(state(k - 1)), rest),
        because=r"a step scales, then translates; $X_{k-1} = T(\xi_0) e_0$",
    )
    .step(product(kick, translation(moved), scaling(lam), rest), because=r"$M_0 T(\xi_0) = T(\lambda\xi_0) M_0$")
    .step(product(kick, translation(moved), rest), because=r"rest is fixed, $M_0 e_0 = e_0$")
    .step(product(translation(moved + b * u[k]), rest), because=r"$T(\eta) T(\zeta) = T(\zeta + \eta)$")
    .step(product(translation(state(k)), rest), because=r"$\lambda\xi_0 + \bar b u_k = \xi'_0$")
    .step(sp.ImmutableMatrix([1, state(k), state(k) ** 2]), because=r"$T(\xi'_0) e_0$ is the lift of $\xi'_0$")
)

# %% [markdown]
# ## The operator
# What characterises $z_k = \sigma(c^\top \xi_k + D u_k)$ is the lift of rest, one lifted step for any k, and the
# readout; for one mode and for two, which has a mixed monomial, both of degree 2.
# %%
for states, words, letters in ((1, "one mode", where), (2, "two modes", where_two)):
    operator = cs.forward_operator(lift_of(states))
    chain = cs.Derivation(f"The operator of {words}", operator.expression, where=letters, sizes=f"N = {states}, P = 2")
    derivation = derivation.chain(chain.lemma(*operator.certificates))
notation |= dict.fromkeys(sp.symbols("alpha beta"), "exponent of one mode in a monomial")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
