# %% [markdown]
# # No step of S4 lengthens a state, and what its stored readout holds
# S4 keeps a dense matrix $A = \Lambda - P P^*$. In the real coordinates $w = (\mathrm{Re}\,x, \mathrm{Im}\,x)$ of a
# stored mode with $\Lambda = -\alpha - i\omega$ and $p = (\mathrm{Re}\,P, \mathrm{Im}\,P)$ it is a rotation with decay,
# less $2 p p^\top$. The bilinear step $v \mapsto (1 - G)^{-1} (1 + G) v$, $G = \tfrac12 \Delta A$, is then a
# contraction: put $v = (1 - G) w$. That is why the dense recurrence is accurate at every N, where the eigenvectors of
# HiPPO-LegS are not.   [THEORY T12]
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.invariant_statements import s4_statement

alpha, omega, p_0, p_1, w_0, w_1 = sp.symbols("alpha omega p_0 p_1 w_0 w_1", real=True)
delta = sp.Symbol("Delta", positive=True)
p, w = sp.Matrix([p_0, p_1]), sp.Matrix([w_0, w_1])
A = sp.Matrix([[-alpha, omega], [-omega, -alpha]]) - 2 * p * p.T
half = delta * A / 2


def square(vector):
    """$|v|^2$."""
    return (vector.T * vector)[0]


before, after = w - half * w, w + half * w

# %% [markdown]
# ## The chain
# The difference of the two squares is a quadratic form of the symmetric part of A, in which the rotation drops out.
# %%
squares = sp.symbols("V_0 V_1", real=True)
where = dict(zip(squares, (square(before), square(w)), strict=True))
notation = {
    alpha: "here: decay rate of the stored mode",
    omega: "here: frequency of the stored mode",
    squares[0]: "square of the length of the state before the step",
    squares[1]: "square of the length of w",
}
derivation = (
    cs.Derivation("The length of a state after one step", start=square(after), where=where)
    .step(
        square(before) + delta * (w.T * (A + A.T) * w)[0],
        because=r"$|w + Gw|^2 - |w - Gw|^2 = 2 w^\top (G + G^\top) w$ with $G = \Delta A / 2$",
    )
    .step(
        square(before) - 2 * delta * (alpha * square(w) + 2 * (p.T * w)[0] ** 2),
        because=r"$A + A^\top = -2\alpha - 4 p p^\top$: not more than $|v|^2$ for $\alpha \ge 0$",
    )
)

# %% [markdown]
# ## What else is said of S4
# Written out for a state of two entries and two steps: the output; the truncated generating function at $\omega^L = 1$,
# which is that of $\tilde c^\top = c^\top (1 - \bar A^L)$, the readout that a layer stores; the step, inverted by
# Sherman and Morrison's formula; HiPPO-LegS, which is normal up to its rank one and has a real spectrum.   [Gu, Goel
# and Ré 2022]
# %%
s4 = s4_statement(2, 2)
general = ("bilinear rule",)
derivation = derivation.lemma(
    *s4.output.certificates,
    *(replace(law, sizes="" if law.name in general else "N = 2, L = 2") for law in s4.laws),
)
meanings = {
    "a": "here: entries of a dense matrix",
    "b": "here: input weights of a dense step",
    "d": "here: entries of the diagonal part of a step",
    "g": "here: entries of half a step, $G = \\frac12\\Delta A$",
    "mu": "here: an eigenvalue",
    "p": "here: parts of the vector P of the low rank",
    "q": "here: second vector of a low rank",
    "w": "here: real coordinates of the state, after $1 - G$",
}
letters = {letter for one in derivation.statements for letter in (one.left.free_symbols | one.right.free_symbols)}
named = {letter: str(letter).split("_")[0] for letter in sorted(letters - set(notation), key=str)}
notation |= {letter: meanings[stem] for letter, stem in named.items() if stem in meanings}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
