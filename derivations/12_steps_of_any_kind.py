# %% [markdown]
# # Lifted steps collapse whether or not they commute
# Let $x_k = A_k x_{k-1} + b_k$ with any matrices and drives, which may depend on the inputs in any way. With $S(A)$ the
# lift of $x \mapsto Ax$ and $T(\xi)$ that of $x \mapsto x + \xi$ the ordered product of the lifted steps is one
# displacement after one lifted linear map, $\prod_{i=k}^1 T(b_i) S(A_i) = T(\xi_k)\, S(A_k \cdots A_1)$ with
# $\xi_k = \sum_j A_k \cdots A_{j+1} b_j$. What a family of models adds is what it knows of $A_k \cdots A_1$.
# [THEORY T12, T19]
#
# The proof is in two parts. Lifts multiply like the maps that they lift, $M_f M_g = M_{f \circ g}$: both sides take the
# monomials of x to those of $f(g(x))$, for all x, and monomials are independent functions. So the product of the
# lifted steps is the lift of all steps one after another, $x \mapsto A_k \cdots A_1 x + \xi_k$. That $\xi_k$ is what
# the recurrence leaves from rest is an induction over k, which follows. Then all of it as matrices, for small sizes.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.affine import InvariantDense, VaryingDiagonal
from carleman_ssm.recurrences.lift import collapse
from carleman_ssm.recurrences.selective_statements import gla_statement

N, k = (sp.Symbol(name, integer=True, positive=True) for name in "Nk")

# %% [markdown]
# ## One more step
# Let $f_j$ be what the steps after step j have made of $b_j$, up to step $k - 1$: the state is $\sum_j f_j$. Row i of
# $A_k$ reads its N entries, and that sum is the one over j of what the row makes of each $f_j$: whichever sum comes
# first, one more entry adds the same, and for one entry there is nothing to exchange. So step k takes
# $\sum_{j<k} f_j$ to $\sum_{j<k} A_k f_j + b_k$, and its own drive has waited for nothing.
# %%
i, j, n = sp.symbols("i j n", integer=True)
A, b, f = (sp.IndexedBase(name) for name in ("A", "b", "f"))
notation = {
    A: "entries $A_{k,i,n}$ of the matrix of step k",
    b: "drives $b_{k,i}$, entry i of what enters at step k",
    f: "$f_{j,n}$, entry n of what later steps have made of the drive of step j",
}


def read_by_entry(entries):
    return sp.Sum(A[k, i, n] * sp.Sum(f[j, n], (j, 1, k - 1)), (n, 0, entries - 1))


def read_by_drive(entries):
    return sp.Sum(sp.Sum(A[k, i, n] * f[j, n], (n, 0, entries - 1)), (j, 1, k - 1))


derivation = (
    cs.Derivation("What one more entry adds to a row", start=read_by_entry(N + 1) - read_by_entry(N))
    .step(A[k, i, N] * sp.Sum(f[j, N], (j, 1, k - 1)), because="the entries before it are the same")
    .step(read_by_drive(N + 1) - read_by_drive(N), because="the weight goes into the sum over the drives")
    .lemma(
        cs.Identity(read_by_entry(sp.S.One), read_by_drive(sp.S.One), name="one entry", because="nothing to exchange")
    )
)

# %% [markdown]
# ## A multiplier that changes
# Two steps of one mode, degree 2: every lifted step, how the linear maps move translations, their products, and the
# ordered product of both steps.
# %%
multipliers, drives = sp.symbols("lambda_1 lambda_2"), sp.symbols("b_1 b_2")
changing = VaryingDiagonal(tuple((p,) for p in multipliers), tuple((d,) for d in drives))
derivation = derivation.lemma(*collapse(changing, 2).certificates)
notation |= dict.fromkeys(multipliers, "multiplier of step k") | dict.fromkeys(drives, "drives of step k")

# %% [markdown]
# ## A dense matrix
# Two steps of two entries, degree 1, with one matrix that is not diagonal.
# %%
entries = sp.symbols("A_:2_:2")
kicks = sp.symbols("b_1_:2"), sp.symbols("b_2_:2")
dense = InvariantDense(sp.Matrix(2, 2, entries), kicks)
derivation = derivation.lemma(*collapse(dense, 1).certificates)
notation |= dict.fromkeys(entries, "entries of the matrix of every step")
notation |= dict.fromkeys((*kicks[0], *kicks[1]), "drives of step k")
notation |= dict.fromkeys(sp.symbols("xtilde_:2"), "entries of any state")
notation |= dict.fromkeys(sp.symbols("xitilde_:2"), "entries of any displacement")

# %% [markdown]
# ## The steps of a family
# Every statement of a family carries the collapse of its own steps. A matrix state is lifted entry by entry, row by
# row: here gated linear attention with one key and two values, two steps, degree 1.
# %%
derivation = derivation.lemma(*gla_statement(1, 2).collapsed(1).certificates)
notation |= {
    letter: meaning
    for stem, meaning in (
        ("g", "logarithm of the decay of step k"),
        ("kappa", "key of step k"),
        ("v", "values of step k"),
    )
    for letter in derivation.statements[-1].left.free_symbols
    if str(letter).startswith(f"{stem}_")
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
