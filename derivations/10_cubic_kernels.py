# %% [markdown]
# # A product of three: the Volterra kernel of H3
# H3 multiplies a delayed key with the value, lets a diagonal SSM remember the product, and multiplies what it reads
# with the query. With $q_t = W_q u_t$, $v_t = W_v u_t$, keys $W_k \sum_l \kappa_l u_{t-l}$ and modes
# $\lambda_n, b_n, c_n$ beside their conjugates
# $y_t = \sum_l \sum_{m<t} h_l(m)\, u_t u_{t-m} u_{t-m-l} + D\,W_q W_v W_k \sum_l \kappa_l u_t^2 u_{t-l}$ with
# $h_l(m) = W_q W_v W_k \kappa_l\, 2\,\mathrm{Re} \sum_n c_n b_n \lambda_n^m$: one kernel of order 3, for every t.
# [THEORY T25; Fu et al. 2023]
#
# It is linear in the taps and in the weights and a sum over the modes, so one mode and one tap are shown, of any lag l,
# and the weights of one channel of each of the three inputs. Linear attention
# ($\lambda = 1$) and retention ($\lambda = \gamma e^{-i\theta}$) have one tap, at lag 0.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.cubic_series import cubic_series

t, m = sp.Symbol("t", integer=True, positive=True), sp.Symbol("m", integer=True, nonnegative=True)
l, u = sp.Symbol("l", integer=True, nonnegative=True), sp.IndexedBase("u")
lam, b, c = sp.symbols("lambda_n b_n c_n")
kappa, query, value, key, D = sp.symbols("kappa_l W_q W_v W_k D", real=True)


def product(i):
    """Delayed key times value at step i; inputs before the first are 0, as the register starts empty."""
    return value * u[i] * key * kappa * u[i - l]


def state(i):
    return sp.Sum(lam**m * b * product(i - m), (m, 0, i - 1))


# %% [markdown]
# ## The memory of one mode
# The state is the weighted sum of all products so far: it starts empty, and one more step multiplies what was there
# and adds the present product. That is an induction over all steps t.
# %%
weights = query * value * key * kappa
direct = D * weights * u[t] ** 2 * u[t - l]
series = sp.Sum(weights * c * b * lam**m * u[t] * u[t - m] * u[t - m - l], (m, 0, t - 1)) + direct
derivation = cs.Derivation(
    "The Volterra kernel of a product of three", start=query * u[t] * (c * state(t) + D * product(t))
).lemma(
    cs.Identity(state(sp.S.Zero), 0, name="starts at rest", because="an empty sum"),
    cs.Identity(
        state(t),
        lam * state(t - 1) + b * product(t),
        name="one step",
        because="the term m = 0 is the present product, the others are one step older",
    ),
)

# %% [markdown]
# ## The query reads it
# Each product of a weight of the query, the memory at lag m and a tap is one entry of the kernel; beside its conjugate
# a mode gives twice the real part.
# %%
derivation = (
    derivation.step(
        query * u[t] * (sp.Sum(c * lam**m * b * product(t - m), (m, 0, t - 1)) + D * product(t)),
        because="the readout of each product that is remembered",
    )
    .step(series, because="the query does not depend on the lag: one sum over m, ordered by its three inputs")
    .lemma(
        cs.Identity(
            c * b * lam**m + sp.conjugate(c * b * lam**m),
            2 * sp.re(c * b * lam**m, evaluate=False),
            name="a mode beside its conjugate",
            because=r"$z + \bar z = 2\,\mathrm{Re}\,z$",
        )
    )
)

# %% [markdown]
# ## Three inputs and no more
# Every term has three factors u: scaled inputs give the cube of the factor, so that the degree is 3 and nothing is
# cut off.
# %%
s = sp.Symbol("s")
scaled = series.replace(lambda e: isinstance(e, sp.Indexed), lambda e: s * e)
derivation = derivation.lemma(
    cs.Identity(scaled, s**3 * series, name="homogeneous of degree 3", because="three factors in each term")
)

# %% [markdown]
# ## Written out
# One instance with all that belongs to it: one mode and its conjugate, two taps.
# %%
instance = cubic_series(1, 2)
written = cs.Derivation("One mode and two taps", instance.symbol, sizes="N = 1, 2 taps")
derivation = derivation.chain(written.lemma(*instance.certificates))

notation = {
    t: "the last step",
    l: "lag of the key",
    s: "any number, by which inputs are scaled",
    **dict.fromkeys((query, value, key), "weights of query, value and key"),
    **dict.fromkeys((kappa, *sp.symbols("kappa_:2")), "taps of the key"),
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
