# %% [markdown]
# # Attention without softmax: products of inputs in one recurrence
# Linear attention, retention and H3 multiply projections of the input: the key with the value before the recurrence,
# the query behind it. Given these products they are linear and time-invariant, so the lift of the linear map is the
# same for every input, and the output is a sum over causal pairs of query and key. We show it for a feature and any
# number of steps; features add. The kernels of third order are those of the script on products of three.   [THEORY T12,
# T25]
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.attention_statements import linear_attention_statement, retnet_statement
from carleman_ssm.recurrences.h3_statement import h3_statement

k, j = (sp.Symbol(name, integer=True, positive=True) for name in "kj")
lam = sp.Symbol("lambda_0")
q, kappa, v = (sp.IndexedBase(name) for name in ("q", "kappa", "v"))

# %% [markdown]
# ## One feature, any number of steps
# $S_k = \lambda S_{k-1} + \kappa_kv_k$ from rest, with $\lambda = 1$ in linear attention and
# $\lambda = \gamma e^{-i\theta}$ in retention; the query reads $q_kS_k$.
# %%
before = sp.Sum(lam ** (k - 1 - j) * kappa[j] * v[j], (j, 1, k - 1))
derivation = (
    cs.Derivation("A query after one more step", start=q[k] * (lam * before + kappa[k] * v[k]))
    .step(
        q[k] * sp.Sum(lam ** (k - j) * kappa[j] * v[j], (j, 1, k)),
        because=r"$\lambda\,\lambda^{k-1-j} = \lambda^{k-j}$, and the new pair has not decayed",
    )
    .step(
        sp.Sum(lam ** (k - j) * (q[k] * kappa[j]) * v[j], (j, 1, k)),
        because="the query goes into the sum: causal pairs of query and key",
    )
)

# %% [markdown]
# ## Linear attention
# The state of one feature, written out for two steps, and what the query reads.   [Katharopoulos et al. 2020]
# %%


def claims(statement, *laws):
    """The state of a family at one feature and two steps, and the laws that begin with these words."""
    written = (replace(law, sizes="N = 1, L = 2") for law in statement.laws if law.name.startswith(laws or "-"))
    return (*statement.output.certificates, *written)


derivation = derivation.lemma(*claims(linear_attention_statement(1, 2), "sum over causal pairs"))

# %% [markdown]
# ## Retention
# The state is a pair of real rows. In the rotary form keys turn by $\theta j$ at step j and queries by $\theta k$ at
# step k, beside one real decay: each pair of query and key has the same weight as in the recurrence, for all k and j.
# [Sun et al. 2023]
# %%
query, key = sp.symbols("q kappa")
theta, gamma = sp.Symbol("theta", real=True), sp.Symbol("gamma", positive=True)
derivation = derivation.lemma(
    cs.Identity(
        gamma ** (k - j) * sp.conjugate(query * sp.exp(sp.I * theta * k)) * key * sp.exp(sp.I * theta * j),
        sp.conjugate(query) * (gamma * sp.exp(-sp.I * theta)) ** (k - j) * key,
        name="rotary form",
        because="the angles of query and key subtract",
    ),
    *claims(retnet_statement(1, 2)),
)

# %% [markdown]
# ## H3
# The key passes a register of taps, here two, before it meets the value; the product drives diagonal modes. Register,
# its products and modes close under a step: a monomial of the register has its degree for a weight, a mode weighs 2.
# [Fu et al. 2023]
# %%
derivation = derivation.lemma(
    *claims(
        h3_statement(1, 2),
        "the register forgets",
        "finite impulse response by the rec",
        "the joint lift closes at step 1",
    )
)

# %%
meanings = {
    "Bk": "input weights of the register",
    "Ck": "readout weights of the register",
    "gamma": "decay of retention",
    "k": "keys of the steps, with the step first",
    "kappa": "keys",
    "q": "queries of the steps",
    "stilde": "any contents of the register",
    "theta": "angle by which a key turns in one step",
    "v": "values of the steps",
    "xtilde": "entries of any state",
}
letters = {letter for one in derivation.statements for letter in (one.left.free_symbols | one.right.free_symbols)}
notation = {
    letter: meanings[stem]
    for letter in sorted(letters - {k}, key=str)
    if (stem := str(letter).split("_")[0].split("[")[0]) in meanings
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
