# %% [markdown]
# # A product of three: the Volterra kernel of H3
# H3 multiplies a delayed key with the value, lets a diagonal SSM remember the product, and multiplies what it reads
# with the query. With $q_t = W_q u_t$, $v_t = W_v u_t$, keys $W_k \sum_l \kappa_l u_{t-l}$ and modes
# $\lambda, \bar b, c$ beside their conjugates we show
# $y_t = \sum_l \sum_{m<t} h_l(m)\, u_t u_{t-m} u_{t-m-l} + D\,W_q W_v W_k \sum_l \kappa_l u_t^2 u_{t-l}$ with
# $h_l(m) = W_q W_v W_k \kappa_l\, 2\,\mathrm{Re}(c \bar b \lambda^m)$: one kernel of order 3, for every t.
# [THEORY T10]
#
# Linear attention ($\lambda = 1$) and retention ($\lambda = \gamma e^{-i\theta}$) have one tap, $\kappa = (1)$.
# %%
import sympy as sp

import carleman_ssm as cs

t, m = sp.Symbol("t", integer=True, positive=True), sp.Symbol("m", integer=True, nonnegative=True)
u = sp.IndexedBase("u")
lam, b, c = sp.symbols("lambda_0 b_0 c_0")
kappa = sp.symbols("kappa_0 kappa_1", real=True)
query, value, key = sp.symbols("W_q W_v W_k", real=True)
D = sp.Symbol("D", real=True)


def product(j):
    """Delayed key times value at step j; inputs before the first are 0, as the register starts empty."""
    return value * u[j] * key * (kappa[0] * u[j] + kappa[1] * u[j - 1])


# %% [markdown]
# ## The memory of one mode
# The state is the weighted sum of all products so far: it starts empty, and one more step multiplies what was there
# and adds the present product.
# %%


def state(multiplier, gain, j):
    return sp.Sum(multiplier**m * gain * product(j - m), (m, 0, j - 1))


modes = ((lam, b, c), tuple(map(sp.conjugate, (lam, b, c))))
lemmas = [
    cs.Identity(state(multiplier, gain, sp.S.Zero), 0, name="starts at rest", because="an empty sum")
    for multiplier, gain, _ in modes
] + [
    cs.Identity(
        state(multiplier, gain, t),
        multiplier * state(multiplier, gain, t - 1) + gain * product(t),
        name="one step",
        because="the term m = 0 is the present product, the others are one step older",
    )
    for multiplier, gain, _ in modes
]

# %% [markdown]
# ## The query reads it
# Each product of a weight of the query, the memory at lag m and a tap is one entry of the kernel.
# %%
held = sp.Add(*(weight * state(multiplier, gain, t) for multiplier, gain, weight in modes))
every = query * value * key
memory = sp.Add(*(weight * gain * multiplier**m for multiplier, gain, weight in modes))
entries = [every * tap * memory for tap in kappa]
present = D * every * (kappa[0] * u[t] ** 2 * u[t] + kappa[1] * u[t] ** 2 * u[t - 1])
series = sp.Add(
    *(sp.Sum(h * u[t] * u[t - m] * u[t - m - lag], (m, 0, t - 1)) for lag, h in enumerate(entries)), present
)
whole = sp.Sum(query * u[t] * memory * product(t - m), (m, 0, t - 1))
derivation = (
    cs.Derivation("The Volterra kernel of a product of three", start=query * u[t] * (held + D * product(t)))
    .step(whole + query * u[t] * D * product(t), because="the query does not depend on the lag: one sum over m")
    .step(series, because="sums of products, ordered by the lags of value and key")
)

# %% [markdown]
# ## Three inputs and no more
# Every term has three factors u: scaled inputs give the cube of the factor, so that the degree is 3 and nothing is
# cut off.
# %%
s = sp.Symbol("s")
scaled = sp.Add(
    *(sp.Sum(h * (s * u[t]) * (s * u[t - m]) * (s * u[t - m - lag]), (m, 0, t - 1)) for lag, h in enumerate(entries)),
    s**3 * present,
)
lemmas.append(cs.Identity(scaled, s**3 * series, name="homogeneous of degree 3", because="three factors in each term"))
lemmas.append(derivation.conclusion)
for lemma in lemmas:
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
