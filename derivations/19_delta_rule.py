# %% [markdown]
# # The delta rule: a product of steps that do not commute, without a clock
# A step of DeltaNet is $A_k = 1 - \beta_k \kappa_k \kappa_k^\top$. Suppose that up to step $k - 1$
# $$A_{k-1} \cdots A_1 = 1 - \sum_{i<k} \kappa_i w_i^\top .$$
# We show that one more step keeps the form and only adds a term, with
# $w_k = \beta_k (\kappa_k - \sum_{i<k} (\kappa_i \cdot \kappa_k)\, w_i)$, for symbolic $k$: the product of k steps
# differs from the identity by a matrix of rank at most k, and its vectors solve one triangular system.   [THEORY T19]
#
# That is all that is left of a closed form. The lemmas say why there is no clock: two steps commute only if their keys
# are orthogonal or parallel, and their product is symmetric only if they commute, while $\exp(\sum_i \tau_i G_i)$ with
# the symmetric generators of the steps is always symmetric.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.commuting_keys import clock_laws, column, commutation_laws
from carleman_ssm.recurrences.delta_rule import delta_net_statement, gated_delta_net_statement

ENTRIES = 2
k, i = sp.Symbol("k", integer=True, positive=True), sp.Symbol("i", integer=True, positive=True)
beta, kappa, w = (sp.IndexedBase(name) for name in ("beta", "kappa", "w"))
key = sp.ImmutableMatrix([kappa[k, n] for n in range(ENTRIES)])
one = sp.eye(ENTRIES)


def over_steps(term, until):
    r"""$\sum_{i \le \text{until}}$ of a term."""
    return sp.Sum(term, (i, 1, until))


def product_up_to(last):
    r"""$1 - \sum_{i \le \text{last}} \kappa_i w_i^\top$."""
    return sp.ImmutableMatrix(ENTRIES, ENTRIES, lambda n, m: one[n, m] - over_steps(kappa[i, n] * w[i, m], last))


def answered(last):
    r"""$\sum_{i \le \text{last}} (\kappa_i \cdot \kappa_k)\, w_i$."""
    overlap = sp.Add(*(kappa[i, n] * kappa[k, n] for n in range(ENTRIES)))
    return sp.ImmutableMatrix([over_steps(overlap * w[i, m], last) for m in range(ENTRIES)])


# %% [markdown]
# ## The induction
# %%
before = product_up_to(k - 1)
new = beta[k] * (key - answered(k - 1))
derivation = (
    cs.Derivation(
        "One more step of the delta rule",
        start=sp.MatMul((one - beta[k] * key * key.T).as_immutable(), before, evaluate=False),
    )
    .step(
        (before - beta[k] * key * (key.T * before)).as_immutable(),
        because=r"the step reads only the row $\kappa_k^\top$ of what came before",
    )
    .step(
        (before - key * new.T).as_immutable(),
        because=r"$\beta_k \kappa_k^\top (1 - \sum_{i<k} \kappa_i w_i^\top) = w_k^\top$, one term more in the sum",
    )
)
rest = cs.Identity(product_up_to(sp.S.Zero), one, name="no step", because="an empty sum")

# %% [markdown]
# ## Who commutes
# The commutator of two keys, its norm, and the two cases in which a clock exists after all: equal keys, and orthogonal
# ones ($\eta = |\kappa|^2 p - (\kappa \cdot p) \kappa$).
# %%
first, second = (column(sp.symbols(f"{stem}_:{ENTRIES}")) for stem in ("kappa", "eta"))
who_commutes = (
    *commutation_laws(first, second),
    *clock_laws(first, column(sp.symbols(f"p_:{ENTRIES}")), sp.symbols("beta_1 beta_2")),
)

# %% [markdown]
# ## Three steps without induction, with decays, and the lift
# The lift never needed that the transitions commute: the ordered product of the lifted steps is one displacement after
# the lift of $A_k \cdots A_1$.
# %%
plain, gated = delta_net_statement(2, 3), gated_delta_net_statement(2, 3)
written_out = tuple(law for law in plain.laws if "of 1 steps" not in law.name and law not in who_commutes)
for lemma in (rest, *who_commutes, *written_out, *gated.laws, *plain.collapsed(1).certificates):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
