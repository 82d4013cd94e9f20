# %% [markdown]
# # Lifted steps collapse whether or not they commute
# Let $x_k = A_k x_{k-1} + b_k$ with any matrices and drives, which may depend on the inputs in any way. With $S(A)$ the
# lift of $x \mapsto Ax$ and $T(\xi)$ that of $x \mapsto x + \xi$ the ordered product of the lifted steps is one
# displacement after one lifted linear map, $\prod_{i=k}^1 T(b_i) S(A_i) = T(\xi_k)\, S(A_k \cdots A_1)$. What a family
# of models adds is what it knows of $A_k \cdots A_1$.   [THEORY T12, T19]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.affine import InvariantDense, VaryingDiagonal
from carleman_ssm.recurrences.invariant_statements import s4d_statement
from carleman_ssm.recurrences.lift import collapse

k, j = (sp.Symbol(name, integer=True, positive=True) for name in "kj")

# %% [markdown]
# ## One entry of the state, any number of steps
# Let $f_j$ be what the steps after step j have made of $b_j$, up to step $k - 1$. Row i of $A_k$ reads the entries of
# the state, here two; for more of them the row has more terms. One more step goes through to every drive, and the drive
# of step k itself has waited for nothing.
# %%
i = sp.Symbol("i", integer=True)
A, b, f = (sp.IndexedBase(name) for name in ("A", "b", "f"))
notation = {
    A: "entries $A_{k,i,n}$ of the matrix of step k",
    b: "here: drives $b_{k,i}$, entry i of what enters at step k",
    f: "here: $f_{j,n}$, entry n of what later steps have made of the drive of step j",
}
before = [sp.Sum(f[j, n], (j, 1, k - 1)) for n in (1, 2)]
through = [sp.Sum(A[k, i, n] * f[j, n], (j, 1, k - 1)) for n in (1, 2)]
derivation = (
    cs.Derivation(
        "One more step of any affine recurrence",
        start=A[k, i, 1] * before[0] + A[k, i, 2] * before[1] + b[k, i],
        sizes="N = 2",
    )
    .step(sp.Add(*through) + b[k, i], because="the row of the matrix goes into the sums over the steps")
    .step(
        sp.Sum(A[k, i, 1] * f[j, 1] + A[k, i, 2] * f[j, 2], (j, 1, k - 1)) + b[k, i],
        because="row i of $A_k$ times what each drive had become",
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
notation |= dict.fromkeys(multipliers, "here: multiplier of step k") | dict.fromkeys(drives, "here: drives of step k")

# %% [markdown]
# ## A dense matrix
# Two steps of two entries, degree 1, with one matrix that is not diagonal.
# %%
entries = sp.symbols("A_:2_:2")
kicks = sp.symbols("b_1_:2"), sp.symbols("b_2_:2")
dense = InvariantDense(sp.Matrix(2, 2, entries), kicks)
derivation = derivation.lemma(*collapse(dense, 1).certificates)
notation |= dict.fromkeys(entries, "entries of the matrix of every step")
notation |= dict.fromkeys((*kicks[0], *kicks[1]), "here: drives of step k")
notation |= dict.fromkeys(sp.symbols("xtilde_:2"), "entries of any state")
notation |= dict.fromkeys(sp.symbols("xitilde_:2"), "entries of any displacement")

# %% [markdown]
# ## Matrix states
# Families with keys and values hold a matrix; it is lifted entry by entry, row by row. One step of a family with two
# values and one multiplier, degree 1.
# %%
values = sp.symbols("v_1_:2")
pair = VaryingDiagonal(((multipliers[0],),), (sp.Matrix([values]),))
derivation = derivation.lemma(*collapse(pair, 1).certificates)
notation |= dict.fromkeys(values, "here: values of step k, one for each column of the state")

# %% [markdown]
# ## A family
# Every statement of a family carries the collapse of its own steps: here S4D with one mode, two steps, degree 1.
# %%
derivation = derivation.lemma(*s4d_statement(1, 2).collapsed(1).certificates)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
