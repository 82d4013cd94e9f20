# %% [markdown]
# # The ordered product of lifted steps collapses to one translation
# One step of the lifted state is $X_k = T(u_k) X_{k-1}$, so the state after $k$ steps from rest is an ordered
# product of $k$ matrices. We show $X_k = T(\xi_k)\, e_0$ with
# $\xi_k = \sum_{j=1}^k \Lambda^{k-j} \bar b\, u_j$: one matrix, for symbolic $k$.
# Hence $z_k = G X_k = \sigma(c^\top \xi_k + D u_k)$.   [THEORY T9, T12]
#
# The reason is a group. Lifting $x \mapsto \Lambda x + \xi$ to monomials represents the affine maps:
# translations $T(\xi) = \exp(\sum_n \xi_n E_n)$ commute, scalings $M_0 = \mathrm{diag}(\lambda^\alpha)$
# normalise them. The chain is printed for one mode and degree 2; two modes, with the mixed monomial, follow
# as lemmas.
# %%
import sympy as sp

import carleman_ssm as cs

DEGREE = 2
k, j = sp.Symbol("k", integer=True, positive=True), sp.Symbol("j", integer=True, positive=True)
u = sp.IndexedBase("u")


def lift_of(states):
    model = cs.DiscreteSSM.symbolic(states=states, feedthrough=True)
    return cs.carleman_lift(model, cs.PolynomialDecoder.symbolic(model, degree=DEGREE))


def lift(x):
    return sp.ImmutableMatrix(cs.MonomialBasis(len(x), DEGREE).lift(tuple(x)))


def translation(shift):
    return cs.affine_representation([1] * len(shift), shift, DEGREE)


def scaling(multipliers):
    return cs.affine_representation(multipliers, [0] * len(multipliers), DEGREE)


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## The group
# With $E_n X_\alpha = \alpha_n X_{\alpha - e_n}$ the curve $T(t\xi)$ starts at 1 and has the generator
# $\sum_n \xi_n E_n$: it is the exponential. The others are the relations of the affine group.
# %%
lifted = lift_of(states=2)
lam, b = lifted.ssm.multipliers, lifted.ssm.input_vector
xi, eta, t = sp.symbols("xi_0 xi_1"), sp.symbols("eta_0 eta_1"), sp.Symbol("t")
along = translation([t * x for x in xi])
group = (
    cs.Identity(translation([0, 0]), sp.eye(lifted.basis.size), name="no translation"),
    cs.Identity(
        along.diff(t),
        product(cs.lowering_matrix(xi, DEGREE), along),
        name="generator",
        because=r"$\partial_t (x + t\xi)^\alpha = \sum_n \xi_n \alpha_n (x + t\xi)^{\alpha - e_n}$",
    ),
    cs.Identity(
        product(translation(xi), translation(eta)),
        translation([xi[0] + eta[0], xi[1] + eta[1]]),
        name="translations add",
        because="the lowering maps commute",
    ),
    cs.Identity(
        product(scaling(lam), translation(xi)),
        product(translation([lam[0] * xi[0], lam[1] * xi[1]]), scaling(lam)),
        name="scalings normalise translations",
        because=r"$\Lambda (x + \xi) = \Lambda x + \Lambda \xi$",
    ),
)

# %% [markdown]
# ## The induction
# Suppose $X_{k-1} = T(\xi_{k-1}) e_0$; the first column of $T(\xi)$ is the lift of $\xi$. Then one more step
# gives $X_k = T(\xi_k) e_0$.
# %%


def collapsed(ssm, steps):
    modes = zip(ssm.multipliers, ssm.input_vector, strict=True)
    return [sp.Sum(multiplier ** (steps - j) * gain * u[j], (j, 1, steps)) for multiplier, gain in modes]


def induction_step(lifted):
    ssm, e0 = lifted.ssm, lift([0] * lifted.ssm.states)
    before, kick = collapsed(ssm, k - 1), [gain * u[k] for gain in ssm.input_vector]
    moved = [multiplier * x for multiplier, x in zip(ssm.multipliers, before, strict=True)]
    both = [first + second for first, second in zip(moved, kick, strict=True)]
    return (
        cs.Derivation("One more lifted step", start=product(lifted.transition_matrix(u[k]), lift(before)))
        .step(
            product(translation(kick), scaling(ssm.multipliers), translation(before), e0),
            because=r"a step scales, then translates; $X_{k-1} = T(\xi_{k-1}) e_0$",
        )
        .step(
            product(translation(kick), translation(moved), scaling(ssm.multipliers), e0),
            because=r"$M_0 T(\xi) = T(\Lambda\xi) M_0$",
        )
        .step(product(translation(kick), translation(moved), e0), because=r"rest is fixed, $M_0 e_0 = e_0$")
        .step(product(translation(both), e0), because=r"$T(\eta) T(\xi) = T(\xi + \eta)$")
        .step(product(translation(collapsed(ssm, k)), e0), because=r"$\Lambda\xi_{k-1} + \bar b u_k = \xi_k$")
        .step(lift(collapsed(ssm, k)), because=r"$T(\xi) e_0$ is the lift of $\xi$")
    )


def base_and_readout(lifted):
    ssm, now = lifted.ssm, collapsed(lifted.ssm, k)
    limits = [(index, start.subs(k, 0), end.subs(k, 0)) for total in now for index, start, end in total.limits]
    empty = [total.func(total.function, limit) for total, limit in zip(now, limits, strict=True)]
    yield cs.Identity(lift(empty), lift([0] * ssm.states), name="initial value", because="an empty sum")
    decoded = lifted.decoder(ssm.readout(tuple(now), u[k]))
    yield cs.Identity((lifted.readout_row(u[k]) * lift(now))[0], decoded, name="readout", because="multinomial theorem")


# %% [markdown]
# ## Together, and an instance without induction
# %%
two_modes = induction_step(lifted)
first, second = (lifted.transition_matrix(u[step]) for step in (1, 2))
ordered = cs.Identity(
    product(second, first, lift([0, 0])),
    lift(collapsed(lifted.ssm, sp.Integer(2))),
    name="the ordered product of two steps",
)
derivation = induction_step(lift_of(states=1))
for lemma in (
    *group,
    *base_and_readout(lift_of(states=1)),
    *base_and_readout(lifted),
    *two_modes.steps,
    two_modes.conclusion,
    ordered,
):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
