# %% [markdown]
# # The delta rule: a product of steps that do not commute, without a clock
# A step of DeltaNet is $A_k = 1 - \beta_k \kappa_k \kappa_k^\top$. Suppose that up to step $k - 1$
# $$A_{k-1} \cdots A_1 = 1 - \sum_{i<k} \kappa_i w_i^\top .$$
# We show that one more step keeps the form and only adds a term, with
# $w_k = \beta_k (\kappa_k - \sum_{i<k} (\kappa_i \cdot \kappa_k)\, w_i)$, for symbolic $k$: the product of k steps
# differs from the identity by a matrix of rank at most k, and its vectors solve one triangular system.   [THEORY T19]
#
# What is proved by machine here is for keys of two entries, $N = 2$, and any number of steps. For other N the argument
# is the same row by row: its only sum over the entries is the exchange
# $\kappa_k^\top \sum_{i<k} \kappa_i w_i^\top = \sum_{i<k} (\kappa_i \cdot \kappa_k)\, w_i^\top$ of two finite
# sums, in words; what follows it is a lemma on one entry, in which N does not occur.
#
# That is all that is left of a closed form. The lemmas say why there is no clock: two steps commute only if their keys
# are orthogonal or parallel, and their product is symmetric only if they commute. Two things beside them are in words:
# that $\exp(\sum_i \tau_i G_i)$ with the symmetric generators of the steps is symmetric, because transposition leaves
# every power of a symmetric matrix as it is; and that in $(\kappa \cdot \eta)^2 \le |\kappa|^2 |\eta|^2$
# (Cauchy–Schwarz) equality of real keys means that they are parallel.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.commuting_keys import clock_laws, column, commutation_laws
from carleman_ssm.recurrences.delta_rule import delta_net_statement, gated_delta_net_statement
from carleman_ssm.recurrences.turning_steps import turning_laws

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
        "One more step of the delta rule, keys of two entries",
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
# Entry (n, m) of the same for keys of any length: the row $\kappa_k^\top (1 - \sum_{i<k} \kappa_i w_i^\top)$ is known
# by the overlaps $o_{ik} = \kappa_i \cdot \kappa_k$, and $w_k$ is $\beta_k$ times it.
# %%
n, m = sp.symbols("n m", integer=True, positive=True)
overlap = sp.IndexedBase("o")
row = kappa[k, m] - over_steps(overlap[i, k] * w[i, m], k - 1)
entry_before, entry_after = (sp.KroneckerDelta(n, m) - over_steps(kappa[i, n] * w[i, m], last) for last in (k - 1, k))
entry = cs.Identity(
    entry_before - beta[k] * kappa[k, n] * row,
    entry_after + kappa[k, n] * (w[k, m] - beta[k] * row),
    name="one more step of keys of any length, entry by entry",
    because=r"one term more in the sum; the bracket vanishes for $w_k = \beta_k (\kappa_k - \sum_{i<k} o_{ik} w_i)$",
)

# %% [markdown]
# ## Who commutes
# The commutator of two keys, its norm, and the two cases in which a clock exists after all: equal keys, and orthogonal
# ones ($\eta = |\kappa|^2 p - (\kappa \cdot p) \kappa$). Even there each step has to be an exponential of its own, with
# the determinant $e^{-\tau}$: for $\beta |\kappa|^2 = 1$ the step is singular and there is no $\tau$.
# %%
first, second = (column(sp.symbols(f"{stem}_:{ENTRIES}")) for stem in ("kappa", "eta"))
who_commutes = (
    *commutation_laws(first, second),
    *clock_laws(first, column(sp.symbols(f"p_:{ENTRIES}")), sp.symbols("beta_1 beta_2")),
)

# %% [markdown]
# ## Real steps, products that turn
# A step is symmetric, and its eigenvalues are real. A plane turns where the discriminant $(\mathrm{tr} A)^2 - 4 \det A$
# is negative. For keys of length 1 at the angle $\theta$ two steps of equal strength turn if and only if
# $0 < \cos^2 \theta < 4(\beta - 1)/\beta^2$, which needs $\beta > 1$: a negative eigenvalue $1 - \beta$. Two
# reflections ($\beta = 2$) are the rotation by twice the angle of their keys, and $N - 1$ of them move every entry to
# the next place. Three steps turn at small strengths too, $0 < \beta < 4\sqrt3 - 6$ for keys at 0, 60 and 120 degrees.
# That real multipliers carry no wave (T6 v) is said of steps that share a ring, not of these.
# %%
turning = turning_laws(3)

# %% [markdown]
# ## Three steps without induction, with decays, and the lift
# The lift never needed that the transitions commute: the ordered product of the lifted steps is one displacement after
# the lift of $A_k \cdots A_1$.
# %%
plain, gated = delta_net_statement(2, 3), gated_delta_net_statement(2, 3)
said = {law.name for law in (*who_commutes, *turning)}
written_out = [law for law in (*plain.laws, *gated.laws) if "of 1 step," not in law.name and law.name not in said]
for lemma in (rest, entry, *who_commutes, *turning, *written_out, *plain.collapsed(1).certificates):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
