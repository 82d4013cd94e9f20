# %% [markdown]
# # Time-invariant families are convolutions
# S4D, its block, DSS, S5 and LRU store modes $x_k = \lambda x_{k-1} + \bar b u_k$ and read $2\,\mathrm{Re}(c^\top x) +
# Du$ or a part of it. We show that every stored mode adds $c\bar b\lambda^m$ and its conjugate to tap m of the kernel,
# for any number of steps; modes add, and so do several inputs. What differs between the families is how the letters
# come from what is stored: of that the laws below are proved in general, and the states of one mode are written out for
# two steps.   [THEORY T10, T12]
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.block_statement import s4_block_statement
from carleman_ssm.recurrences.invariant_statements import dss_statement, s4d_statement
from carleman_ssm.recurrences.mimo_statements import lru_statement, s5_statement

k, j = (sp.Symbol(name, integer=True, positive=True) for name in "kj")
m = sp.Symbol("m", integer=True, nonnegative=True)
lam, b, c, D = sp.symbols("lambda_0 bbar_0 c_0 D")
u = sp.IndexedBase("u")

# %% [markdown]
# ## A stored mode, any number of steps
# The state from rest is $\sum_j\lambda^{k-j}\bar bu_j$. Counted by the lag $m = k - j$ the output is the kernel.
# %%
mirrored = tuple(map(sp.conjugate, (lam, b, c)))


def read(multiplier, gain, weight):
    return weight * sp.Sum(multiplier ** (k - j) * gain * u[j], (j, 1, k))


def taps(multiplier, gain, weight):
    return sp.Sum(weight * gain * multiplier**m * u[k - m], (m, 0, k - 1))


tap = c * b * lam**m + mirrored[2] * mirrored[1] * mirrored[0] ** m
derivation = (
    cs.Derivation("Output of a stored mode", start=read(lam, b, c) + read(*mirrored) + D * u[k])
    .step(taps(lam, b, c) + taps(*mirrored) + D * u[k], because=r"$j = k - m$")
    .step(sp.Sum(tap * u[k - m], (m, 0, k - 1)) + D * u[k], because="both sums run over the same lags")
)

# %% [markdown]
# ## S4D
# $\lambda = e^{a\Delta}$ and $\bar b = (e^{a\Delta} - 1)/a$. The kernel of one mode and two steps, and the hold, which
# solves $x' = ax + 1$.   [Gu et al. 2022]
# %%


def claims(statement, general=(), written=()):
    """The state of a family at one mode and two steps, and those of its laws that begin with these words."""
    laws = (
        replace(law, sizes="" if law.name.startswith(tuple(general)) else "N = 1, L = 2")
        for law in statement.laws
        if law.name.startswith((*general, *written))
    )
    return (*statement.output.certificates, *laws)


derivation = derivation.lemma(*claims(s4d_statement(1, 2), ["the hold"], ["the output is a convolution"]))

# %% [markdown]
# ## The block of S4D
# It stores B and C, two directions, copies of modes for its channels, and chooses the bilinear rule or a hold.
# %%
derivation = derivation.lemma(*claims(s4_block_statement(1, 2), ["bilinear rule"], ["two directions"]))

# %% [markdown]
# ## DSS
# The input weights make the modes a softmax over the L lags, with a small $\varepsilon$ in the normaliser; its laws
# hold for any L.   [Gupta, Gu and Berant 2022]
# %%
derivation = derivation.lemma(*claims(dss_statement(1, 2), ["without", "with", "epsilon", "the form", "equal steps"]))

# %% [markdown]
# ## S5 and LRU
# Several inputs share the modes, here two. LRU draws
# $\lambda = e^{-\nu + i\vartheta}$ with its own normaliser $\gamma$, which makes the mean square of a state under white
# noise 1 after many steps.   [Smith, Warrington and Linderman 2023; Orvieto et al. 2023]
# %%
derivation = derivation.lemma(*claims(s5_statement(1, 2)))
derivation = derivation.lemma(*claims(lru_statement(1, 2), ["the modulus", "the mean square"]))

# %%
meanings = {
    "B": "input weights that the block stores",
    "L": "number of steps",
    "Lambda": "stored eigenvalue",
    "W": "readout weight of DSS",
    "alpha": "decay rate of a mode",
    "epsilon": "what DSS adds to its normaliser",
    "b": "input weights, of several inputs one each",
    "gamma": "normaliser of LRU",
    "nu": "decay of a mode of LRU in one step",
    "omega": "frequency of a mode",
    "r": "modulus of a multiplier",
    "theta": "angle of a mode of LRU in one step",
}
letters = {letter for one in derivation.statements for letter in (one.left.free_symbols | one.right.free_symbols)}
notation = {
    letter: meanings[stem] for letter in sorted(letters, key=str) if (stem := str(letter).split("_")[0]) in meanings
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
