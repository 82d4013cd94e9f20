# %% [markdown]
# # The delta rule: a product of steps that do not commute, without a clock
# A step of DeltaNet is $A_k = 1 - \beta_k \kappa_k \kappa_k^\top$. Suppose that up to step $k - 1$
# $$A_{k-1} \cdots A_1 = 1 - \sum_{i<k} \kappa_i w_i^\top .$$
# We show that one more step keeps the form and only adds a term, with
# $w_k = \beta_k (\kappa_k - \sum_{i<k} (\kappa_i \cdot \kappa_k)\, w_i)$, for symbolic $k$: the product of k steps
# differs from the identity by a matrix of rank at most k, and its vectors solve one triangular system.   [THEORY T19]
#
# That is all that is left of a closed form. What follows says why there is no clock: two steps commute only if their
# keys are orthogonal or parallel, and their product is symmetric only if they commute. Two things beside them are in
# words: that $\exp(\sum_i \tau_i G_i)$ with the symmetric generators of the steps is symmetric, because transposition
# leaves every power of a symmetric matrix as it is; and that in $(\kappa \cdot \eta)^2 \le |\kappa|^2 |\eta|^2$
# (Cauchy–Schwarz) equality of real keys means that they are parallel.
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.commuting_keys import clock_laws, column, commutation_laws
from carleman_ssm.recurrences.delta_rule import delta_net_statement, gated_delta_net_statement
from carleman_ssm.recurrences.turning_steps import turning_laws

k, i = sp.Symbol("k", integer=True, positive=True), sp.Symbol("i", integer=True, positive=True)
n, m = sp.symbols("n m", integer=True, positive=True)
beta, kappa, w, overlap = (sp.IndexedBase(name) for name in ("beta", "kappa", "w", "o"))


def over_steps(term, until):
    r"""$\sum_{i \le \text{until}}$ of a term."""
    return sp.Sum(term, (i, 1, until))


# %% [markdown]
# ## The induction
# Entry (n, m), for keys of any length. A step reads of what came before only the row $\kappa_k^\top (1 - \sum_{i<k}
# \kappa_i w_i^\top)$, which is known by the overlaps $o_{ik} = \kappa_i \cdot \kappa_k$; what it takes off is
# $\kappa_k$ times the vector $w_k$ in brackets, one more term of the sum.
# %%
before = sp.KroneckerDelta(n, m) - over_steps(kappa[i, n] * w[i, m], k - 1)
row = kappa[k, m] - over_steps(overlap[i, k] * w[i, m], k - 1)
new = beta[k] * kappa[k, m] - over_steps(beta[k] * overlap[i, k] * w[i, m], k - 1)
derivation = (
    cs.Derivation("One more step of the delta rule", start=before - beta[k] * kappa[k, n] * row)
    .step(before - kappa[k, n] * new, because=r"$\beta_k$ goes into the bracket, which is $w_k$")
    .step(
        sp.KroneckerDelta(n, m) - over_steps(kappa[i, n] * w[i, m], k) + kappa[k, n] * (w[k, m] - new),
        because="one term more in the sum; the last bracket vanishes by the definition of $w_k$",
    )
    .lemma(
        cs.Identity(
            sp.KroneckerDelta(n, m) - over_steps(kappa[i, n] * w[i, m], 0),
            sp.KroneckerDelta(n, m),
            name="no step",
            because="an empty sum",
        )
    )
)

# %% [markdown]
# ## The row in overlaps
# The row exchanges the sum over the entries of a key with that over the steps. Written out for keys of two
# entries and any number of steps; more entries add terms in the same way.
# %%
pair = (1, 2)
derivation = derivation.lemma(
    cs.Identity(
        sp.Add(*(kappa[k, e] * over_steps(kappa[i, e] * w[i, m], k - 1) for e in pair)),
        over_steps(sp.Add(*(kappa[i, e] * kappa[k, e] for e in pair)) * w[i, m], k - 1),
        name="the row in overlaps",
        because=r"$\kappa_k^\top \sum_i \kappa_i w_i^\top = \sum_i (\kappa_i \cdot \kappa_k)\, w_i^\top$",
        sizes="N = 2",
    )
)

# %% [markdown]
# ## Who commutes
# The commutator of two keys, its norm, and the two cases in which a clock exists after all: equal keys, and orthogonal
# ones ($\eta = |\kappa|^2 p - (\kappa \cdot p) \kappa$). Even there each step has to be an exponential of its own, with
# the determinant $e^{-\tau}$: for $\beta |\kappa|^2 = 1$ the step is singular and there is no $\tau$.
# %%
first, second = (column(sp.symbols(f"{stem}_:2")) for stem in ("kappa", "eta"))
third = column(sp.symbols("p_:2"))
derivation = derivation.lemma(
    *(replace(law, sizes="N = 2") for law in commutation_laws(first, second)),
    *(replace(law, sizes="N = 2") for law in clock_laws(first, third, sp.symbols("beta_1 beta_2"))),
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
derivation = derivation.lemma(*(replace(law, sizes="N = 2 or 3") for law in turning_laws(3)))

# %% [markdown]
# ## Two steps without induction
# Keys of two entries and one value: the output is that of the recurrence, and the WY form with the state in the span of
# the keys. With decays $g_k$ beside the
# product of the steps has theirs as a factor, which changes nothing in who commutes.   [Yang et al. 2024]
# %%
plain, gated = delta_net_statement(2, 2), gated_delta_net_statement(2, 2)
known = {statement.name for statement in derivation.statements}
laws = [law for law in plain.laws if law.name not in known and law.left != law.right]
laws += [law for law in gated.laws if law.name.startswith(("WY", "the state")) and law.left != law.right]
derivation = derivation.lemma(
    *plain.output.certificates,
    *gated.output.certificates,
    *(replace(law, sizes="N = 2, L = 2") for law in laws),
)
notation = {
    beta: "strengths $\\beta_k$ of the steps",
    kappa: "keys $\\kappa_k$",
    w: "vectors of the WY form",
    overlap: "overlaps of the keys, $o_{ik} = \\kappa_i\\cdot\\kappa_k$",
}
meanings = {
    "beta": "strengths of the steps",
    "eta": "a second key",
    "g": "decays of the steps",
    "kappa": "keys",
    "p": "a vector that gives an orthogonal key",
    "psi": "angle of the second key",
    "q": "query of the last step",
    "tau": "time of a step on the clock",
    "theta": "angle of two keys",
    "v": "values of the steps",
}
letters = {letter for one in derivation.statements for letter in (one.left.free_symbols | one.right.free_symbols)}
named = {letter: str(letter).split("_")[0] for letter in sorted(letters - set(notation), key=str)}
notation |= {letter: meanings[stem] for letter, stem in named.items() if stem in meanings}
notation |= {sp.Symbol("varphi"): "angle of the first key"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
