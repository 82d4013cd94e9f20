# %% [markdown]
# # The ordered product of lifted steps collapses to one translation
# One step of the lifted state is $X_k = T(u_k) X_{k-1}$, so the state after $k$ steps is an ordered product of
# $k$ matrices. We show $X_k = T(\xi_k)\, e_0$ with $\xi_k = \sum_{j=1}^k \Lambda^{k-j} \bar b\, u_j$: one matrix, for
# symbolic $k$, hence $z_k = G X_k = \sigma(c^\top \xi_k + D u_k)$.   [THEORY T9, T12]
#
# The reason is a group. Lifting $x \mapsto \Lambda x + \xi$ is a representation of the affine maps: translations
# $T(\xi) = \exp(\sum_n \xi_n E_n)$ commute, and scalings $M_0 = \mathrm{diag}(\lambda^\alpha)$ normalise them.
# %%
import sympy as sp

import carleman_ssm as cs

model = cs.DiscreteSSM.symbolic(states=2, feedthrough=True)
decoder = cs.PolynomialDecoder.symbolic(model, degree=2)
lifted = cs.carleman_lift(model, decoder)
(l0, l1), (b0, b1), degree = model.multipliers, model.input_vector, decoder.degree


def T(shift):
    """Translation by `shift` on the monomials of degree ≤ P."""
    return cs.affine_representation([1, 1], shift, degree)


def lift(x):
    return sp.ImmutableMatrix(lifted.basis.lift(tuple(x)))


M0 = cs.affine_representation([l0, l1], [0, 0], degree)
e0 = lift([0, 0])

# %% [markdown]
# ## The group
# With $E_n X_\alpha = \alpha_n X_{\alpha - e_n}$ the curve $T(t\xi)$ starts at 1 and has the generator $\sum_n \xi_n E_n$:
# it is the exponential. The other three lemmas are the relations of the affine group.
# %%
xi, eta, t, u = sp.symbols("xi_0 xi_1"), sp.symbols("eta_0 eta_1"), sp.Symbol("t"), sp.Symbol("u")
along = T([t * x for x in xi])
group = (
    cs.Identity(T([0, 0]), sp.eye(lifted.basis.size), name="no translation"),
    cs.Identity(along.diff(t), cs.lowering_matrix(xi, degree) * along, name="generator",
                because=r"$\partial_t (x + t\xi)^\alpha = \sum_n \xi_n \alpha_n (x + t\xi)^{\alpha - e_n}$"),
    cs.Identity(T(xi) * T(eta), T([x + y for x, y in zip(xi, eta)]), name="translations add",
                because="the lowering maps commute"),
    cs.Identity(M0 * T(xi), T([l0 * xi[0], l1 * xi[1]]) * M0, name="scalings normalise translations",
                because=r"$\Lambda (x + \xi) = \Lambda x + \Lambda \xi$"),
    cs.Identity(lifted.transition_matrix(u), T([b0 * u, b1 * u]) * M0, name="a step scales, then translates",
                because="binomial theorem"),
)

# %% [markdown]
# ## The induction
# Base: before the first input the sum is empty. Step: suppose $X_{k-1} = T(\xi_{k-1}) e_0$.
# %%
k, j = sp.Symbol("k", integer=True, positive=True), sp.Symbol("j", integer=True, positive=True)
inputs = sp.IndexedBase("u")


def collapsed(steps):
    return [sp.Sum(l**(steps - j) * b * inputs[j], (j, 1, steps)) for l, b in ((l0, b0), (l1, b1))]


now, before = collapsed(k), collapsed(k - 1)
kick, moved = [b0 * inputs[k], b1 * inputs[k]], [l0 * before[0], l1 * before[1]]
derivation = (
    cs.Derivation("One lifted step, collapsed", start=lifted.transition_matrix(inputs[k]) * lift(before))
    .step(T(kick) * M0 * T(before) * e0, because=r"a step scales, then translates; $X_{k-1} = T(\xi_{k-1}) e_0$")
    .step(T(kick) * T(moved) * M0 * e0, because=r"$M_0 T(\xi) = T(\Lambda\xi) M_0$")
    .step(T(kick) * T(moved) * e0, because=r"$M_0 e_0 = e_0$: rest stays at rest")
    .step(T([a + b for a, b in zip(kick, moved)]) * e0, because=r"$T(\xi) T(\eta) = T(\xi + \eta)$")
    .step(lift(now), because=r"$\Lambda \xi_{k-1} + \bar b u_k = \xi_k$: $j = k$ joins the sum; $T(\xi) e_0$ is the lift of $\xi$")
)

# %% [markdown]
# ## Base, readout, and two instances without induction
# %%
base = cs.Identity(lift(collapsed(sp.Integer(0))), e0, name="initial value", because="an empty sum")
readout = cs.Identity((lifted.readout_row(inputs[k]) * lift(now))[0], decoder(model.readout(tuple(now), inputs[k])),
                      name="readout", because="multinomial theorem")
product, instances = e0, []
for steps in (1, 2, 3):
    product = lifted.transition_matrix(inputs[steps]) * product
    instances.append(cs.Identity(product, lift(collapsed(steps)), name=f"the ordered product of {steps} steps"))
for lemma in (*group, base, readout, *instances):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
