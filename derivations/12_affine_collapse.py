# %% [markdown]
# # The ordered product of lifted steps collapses to one translation
# One step of the lifted state is $X_k = T(u_k) X_{k-1}$, so the state after $k$ steps from rest is an ordered
# product of $k$ matrices. We show $X_k = T(\xi_k)\, e_0$ with
# $\xi_k = \sum_{j=1}^k \Lambda^{k-j} \bar b\, u_j$: one matrix, for symbolic $k$.
# Hence $z_k = G X_k = \sigma(c^\top \xi_k + D u_k)$.
#
# The reason is a group. Lifting $x \mapsto \Lambda x + \xi$ to monomials represents the affine maps:
# translations $T(\xi) = \exp(\sum_n \xi_n E_n)$ commute, scalings $M_0 = \mathrm{diag}(\lambda^\alpha)$
# normalise them.   [THEORY T9, T12]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.affine import InvariantDense, VaryingDiagonal
from carleman_ssm.recurrences.lift import collapse

DEGREE = 2
k, j = sp.Symbol("k", integer=True, positive=True), sp.Symbol("j", integer=True, positive=True)
u = sp.IndexedBase("u")


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## Any mode, any power
# The state of one mode is the sum $\xi$ before step k and $\xi'$ after it. A lifted step takes the monomial
# $x^\alpha$ to $(\lambda x + \bar b u_k)^\alpha$; what it makes of $\xi^\alpha$ is therefore $\xi'^\alpha$, for every
# exponent $\alpha$ and every step k. Several modes multiply: $x^\alpha = \prod_n x_n^{\alpha_n}$. With the empty sum
# at $k = 0$ this is the induction.
# %%
alpha, beta = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("alpha", "beta"))
lam, b, xi_before, xi_now = sp.symbols("lambda_0 bbar_0 xi xiprime")


def state(steps, multiplier=lam, gain=b):
    return sp.Sum(multiplier ** (steps - j) * gain * u[j], (j, 1, steps))


derivation = (
    cs.Derivation(
        "One more step of every power",
        start=(lam * state(k - 1) + b * u[k]) ** alpha,
        where={xi_before: state(k - 1), xi_now: state(k)},
    )
    .step(
        (sp.Sum(lam ** (k - j) * b * u[j], (j, 1, k - 1)) + b * u[k]) ** alpha,
        because=r"$\lambda\, \lambda^{k-1-j} = \lambda^{k-j}$",
    )
    .step(state(k) ** alpha, because=r"$\bar b u_k$ is the term of $j = k$")
    .lemma(cs.Identity(sp.Sum(lam ** (-j) * b * u[j], (j, 1, 0)), sp.S.Zero, name="at rest", because="an empty sum"))
)

# %% [markdown]
# ## The group
# Entry $(\alpha, \beta)$ of $M_0 T(\xi) = T(\Lambda\xi) M_0$, for one mode and any exponents:
# %%
shift = sp.Symbol("xi_0")
derivation = derivation.lemma(
    cs.Identity(
        lam**alpha * sp.binomial(alpha, beta) * shift ** (alpha - beta),
        sp.binomial(alpha, beta) * (lam * shift) ** (alpha - beta) * lam**beta,
        name="scalings normalise translations, entry by entry",
        because=r"$\lambda^\alpha = \lambda^{\alpha-\beta} \lambda^\beta$",
        nonzero=(lam, shift),
    )
)

# %% [markdown]
# The relations once more as matrices, for two modes and degree 2, with the mixed monomial. With
# $E_n X_\alpha = \alpha_n X_{\alpha - e_n}$ the curve $T(t\xi)$ starts at 1 and has the generator $\sum_n \xi_n E_n$:
# it is the exponential.
# %%


def lift_of(states):
    model = cs.DiscreteSSM.symbolic(states=states, feedthrough=True)
    return cs.carleman_lift(model, cs.PolynomialDecoder.symbolic(model, degree=DEGREE))


def translation(shift):
    return cs.affine_representation([1] * len(shift), shift, DEGREE)


def scaling(multipliers):
    return cs.affine_representation(multipliers, [0] * len(multipliers), DEGREE)


multipliers = lift_of(2).ssm.multipliers
xi, eta, t = sp.symbols("xi_0 xi_1"), sp.symbols("eta_0 eta_1"), sp.Symbol("t", real=True)
along = translation([t * x for x in xi])
two_modes = "N = 2, P = 2"
derivation = derivation.lemma(
    cs.Identity(translation([0, 0]), sp.eye(along.rows), name="no translation", sizes=two_modes),
    cs.Identity(
        along.diff(t),
        product(cs.lowering_matrix(xi, DEGREE), along),
        name="generator",
        because=r"$\partial_t (x + t\xi)^\alpha = \sum_n \xi_n \alpha_n (x + t\xi)^{\alpha - e_n}$",
        sizes=two_modes,
    ),
    cs.Identity(
        product(translation(xi), translation(eta)),
        translation([xi[0] + eta[0], xi[1] + eta[1]]),
        name="translations add",
        because="the lowering maps commute",
        sizes=two_modes,
    ),
    cs.Identity(
        product(scaling(multipliers), translation(xi)),
        product(translation([lam * x for lam, x in zip(multipliers, xi, strict=True)]), scaling(multipliers)),
        name="scalings normalise translations",
        because=r"$\Lambda (x + \xi) = \Lambda x + \Lambda \xi$",
        sizes=two_modes,
    ),
)

# %% [markdown]
# ## The induction by the group
# The same step as matrices, for one mode and degree 2 and any k: suppose $X_{k-1} = T(\xi) e_0$; the first column of
# $T(\xi)$ is the lift of $\xi$.
# %%
one_mode = lift_of(1)
lifted_step, kick = one_mode.transition_matrix(u[k]), translation([b * u[k]])
before, rest = sp.ImmutableMatrix([1, state(k - 1), state(k - 1) ** 2]), sp.ImmutableMatrix([1, 0, 0])
moved = lam * state(k - 1)
derivation = derivation.chain(
    cs.Derivation(
        "One more lifted step",
        start=product(lifted_step, before),
        where={xi_before: state(k - 1), xi_now: state(k)},
        sizes="N = 1, P = 2",
    )
    .step(
        product(kick, scaling([lam]), translation([state(k - 1)]), rest),
        because=r"a step scales, then translates; $X_{k-1} = T(\xi) e_0$",
    )
    .step(product(kick, translation([moved]), scaling([lam]), rest), because=r"$M_0 T(\xi) = T(\Lambda\xi) M_0$")
    .step(product(kick, translation([moved]), rest), because=r"rest is fixed, $M_0 e_0 = e_0$")
    .step(product(translation([moved + b * u[k]]), rest), because=r"$T(\eta) T(\xi) = T(\xi + \eta)$")
    .step(product(translation([state(k)]), rest), because=r"$\lambda\xi + \bar b u_k = \xi'$")
    .step(sp.ImmutableMatrix([1, state(k), state(k) ** 2]), because=r"$T(\xi') e_0$ is the lift of $\xi'$")
)

# %% [markdown]
# ## The operator
# What characterises $z_k = \sigma(c^\top \xi_k + D u_k)$ is the lift of rest, one lifted step for any k, and the
# readout; for one mode and for two, both of degree 2.
# %%
two = lift_of(2)
sums = [[state(at, *mode) for mode in zip(two.ssm.multipliers, two.ssm.input_vector, strict=True)] for at in (k - 1, k)]
letters = sp.symbols("xi_0 xi_1 xiprime_0 xiprime_1")
initial, one_step, readout = cs.forward_operator(two).certificates
derivation = derivation.lemma(*cs.forward_operator(one_mode).certificates).chain(
    cs.Derivation(
        "Two modes: the new state, lifted and read",
        start=readout.left,
        where=dict(zip(letters, (*sums[0], *sums[1]), strict=True)),
        sizes=two_modes,
    )
    .step(readout.right, because="multinomial theorem")
    .lemma(initial, one_step, readout)
)

# %% [markdown]
# ## Steps of any kind
# Nothing in the group asks that the linear maps commute: with $S(A)$ the lift of $x \mapsto Ax$ the product of lifted
# steps is $T(\xi_k) S(A_k \cdots A_1)$. Written out for two steps of one mode whose multiplier changes (degree 2) and
# for two of a dense matrix (two entries, degree 1).
# %%
changing = VaryingDiagonal([[p] for p in sp.symbols("lambda_1 lambda_2")], [[d] for d in sp.symbols("b_1 b_2")])
dense = InvariantDense(sp.Matrix(2, 2, sp.symbols("A_:2_:2")), [sp.symbols(f"b_{step}_:2") for step in (1, 2)])
notation = {
    sp.Symbol("A_0_0"): "entries of a dense step",
    sp.Symbol("b_1"): "here: drives $b_k$ of the steps; $b_{k,n}$ of entry n",
    sp.Symbol("lambda_1"): "here, under the last heading: multipliers of the steps 1 and 2",
    sp.Symbol("xtilde_0"): "entries of any state",
    sp.Symbol("xitilde_0"): "entries of any displacement",
    xi_now: "displacement after one more step",
}
derivation = derivation.lemma(*collapse(changing, 2).certificates, *collapse(dense, 1).certificates)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
