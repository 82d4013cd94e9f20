# %% [markdown]
# # One output, three forms: lags, whatever y is a sum of, a train of matrices
# The decoder $\sigma(y) = \sum_p g_p y^p$ sees the inputs through one number, $y = \sum_m K_m u_{k-m}$, which is just
# as well a sum over modes or over the nodes of the ring. Each power of it, multiplied out, is one more order of
# interaction. We derive the Volterra kernels, of rank one; the same sum in the order of time; the sum over ring nodes;
# and the product of small commuting matrices that never multiplies anything out.
# [THEORY T10, T11, T12'; Rugh 1981; Oseledets 2013]
# %%
import sympy as sp

import carleman_ssm as cs

k, p = sp.Symbol("k", integer=True, positive=True), sp.Symbol("p", integer=True, nonnegative=True)
N, d = sp.Symbol("N", integer=True, positive=True), sp.Symbol("d", integer=True)
m, n, i, q = sp.symbols("m n i q", integer=True)
y, u, K, each = sp.Symbol("y"), sp.IndexedBase("u"), sp.IndexedBase("K"), sp.IndexedBase("y")
notation = {sp.Symbol("eta"): "a second summand of the pre-activation"}


def convolved(tap):
    return sp.Sum(tap * u[k - m], (m, 0, k - 1))


# %% [markdown]
# ## Modes or lags
# Mode n adds $\sum_m K_{n,m} u_{k-m}$ to y, and $K_m = \sum_n K_{n,m}$. Whichever sum comes first, one more mode adds
# the same; and for one mode there is nothing to exchange. So both are y, for any number of modes and steps.
# %%


def mode_by_mode(modes):
    return sp.Sum(convolved(K[n, m]), (n, 0, modes - 1))


def lag_by_lag(modes):
    return convolved(sp.Sum(K[n, m], (n, 0, modes - 1)))


derivation = (
    cs.Derivation("What one more mode adds", start=mode_by_mode(N + 1) - mode_by_mode(N))
    .step(convolved(K[N, m]), because="the modes before it are the same")
    .step(lag_by_lag(N + 1) - lag_by_lag(N), because="at each lag the tap grows by its share")
    .lemma(cs.Identity(mode_by_mode(1), lag_by_lag(1), name="one mode"))
)

# %% [markdown]
# ## Volterra kernels
# A product of sums is a sum of products: the square holds every pair of lags, and one more factor brings one more sum
# (induction over p). So $z_k = \sum_p \sum_{m_1 \dots m_p} g_p K_{m_1} \cdots K_{m_p}\,u_{k-m_1} \cdots u_{k-m_p}$:
# the kernel of order p is $g_p$ times a product of taps, of rank one. Over modes each tap is a sum of exponentials.
# %%
derivation = derivation.lemma(
    cs.Identity(
        convolved(K[m]) ** 2,
        sp.Sum(K[m] * K[i] * u[k - m] * u[k - i], (m, 0, k - 1), (i, 0, k - 1)),
        name="two factors",
    ),
    cs.Identity(y**p * convolved(K[m]), convolved(y**p * K[m]), name="one more factor", because="$y^p$ has no lag"),
    cs.Identity(
        sp.Sum(K[n, m], (n, 0, N - 1)) * sp.Sum(K[n, i], (n, 0, N - 1)),
        sp.Sum(K[n, m] * K[q, i], (n, 0, N - 1), (q, 0, N - 1)),
        name="separable exponentials",
    ),
)

# %% [markdown]
# From the recurrence itself: the taps of two modes are what an impulse gives; for one mode and degree 2 the derivatives
# of the simulated output at zero input are the values of the kernel, and the series is the output.
# %%
two = cs.DiscreteSSM.symbolic(states=2, feedthrough=True)
one = cs.DiscreteSSM.symbolic(states=1, feedthrough=True)
square = cs.PolynomialDecoder.symbolic(one, degree=2)
derivation = derivation.lemma(
    *cs.convolution_kernel(two).certificates,
    *cs.volterra_kernel(one, square, order=2).certificates,
    *cs.volterra_series(one, square, steps=2).certificates,
)

# %% [markdown]
# ## In the order of time
# Sorted by $m_1 \le \dots \le m_p$ a product of p summands stands for $p!/\prod_i \mu_i!$ equal ones, with $\mu_i$ the
# multiplicities. One more summand is the binomial theorem, for every p: it takes q of the p places, in
# $\binom pq$ ways, and $\binom pq\,\frac{(p-q)!}{\prod\mu!} = \frac{p!}{q!\prod\mu!}$. For pairs the induction over
# the number of summands reads as follows.
# %%


def total(count):
    return sp.Sum(each[m], (m, 0, count - 1))


def in_order(count):
    pairs = sp.Sum(sp.Sum(each[i] * each[m], (i, 0, m - 1)), (m, 0, count - 1))
    return sp.Sum(each[m] ** 2, (m, 0, count - 1)) + 2 * pairs


derivation = derivation.chain(
    cs.Derivation("Pairs in the order of time, one more lag", start=in_order(k + 1) - in_order(k))
    .step(each[k] ** 2 + 2 * each[k] * total(k), because="the terms that hold lag k")
    .step(total(k + 1) ** 2 - total(k) ** 2, because=r"$(a + b)^2 - a^2 = b^2 + 2ab$")
).lemma(
    cs.Identity(in_order(sp.S.One), total(sp.S.One) ** 2, name="one summand", because="no pairs"),
    cs.Identity(
        (y + each[k]) ** p,
        sp.Sum(sp.binomial(p, q) * each[k] ** q * y ** (p - q), (q, 0, p)),
        name="one more summand in any power",
        because="binomial theorem",
    ),
)

# %% [markdown]
# ## Nodes of the ring
# Nodes hold $h_j = \frac1N \sum_n x_n e^{-2\pi ijn/N}$ and are read with $C_j = \sum_n c_n e^{2\pi ijn/N}$. In
# $\sum_j C_j h_j$ two modes at the distance d meet with $\sum_j e^{2\pi ijd/N}$, which is 0 unless N divides d: what
# remains is $\sum_n c_n x_n = y$. For two nodes, squared, there are two squares and one pair of nodes that interact.
# %%
turn = 2 * sp.pi * sp.I * d / N
letters, c, x = sp.symbols("C_0 C_1 h_0 h_1"), sp.symbols("c_0 c_1"), sp.symbols("x_0 x_1")
C, h = (c[0] + c[1], c[0] - c[1]), ((x[0] + x[1]) / 2, (x[0] - x[1]) / 2)
meeting = sp.Sum(sp.exp(turn * m), (m, 0, N - 1))
derivation = derivation.chain(
    cs.Derivation(
        "Two modes are two nodes",
        start=(c[0] * x[0] + c[1] * x[1]) ** 2,
        where=dict(zip(letters, (*C, *h), strict=True)) | {2 * letters[0]: sp.expand(2 * C[0])},
        sizes="N = 2, p = 2",
    )
    .step((C[0] * h[0] + C[1] * h[1]) ** 2, because=r"$\sum_j C_j h_j = \sum_n c_n x_n$")
    .step(C[0] ** 2 * h[0] ** 2 + 2 * C[0] * C[1] * h[0] * h[1] + C[1] ** 2 * h[1] ** 2, because="and one pair")
).lemma(cs.Identity(meeting, sp.S.Zero, name="different modes do not meet", nonzero=(sp.exp(turn) - 1,)))

# %% [markdown]
# ## A train of matrices
# With $G_{p,p-1} = p$ the matrix $e^{yG}$ is Pascal's, and $z = g^\top e^{yG} e_0$. The exponentials of summands
# commute and multiply to that of the sum, so each input has its own matrix of size P + 1. For two inputs and P = 2:
# %%
g, now, past = sp.symbols("g_0:3"), K[0] * u[2], K[1] * u[1]
in_time = past**2 + 2 * past * now + now**2


def train(*shifts):
    cores = (cs.affine_representation([1], [shift], 2) for shift in shifts)
    return sp.MatMul(sp.ImmutableMatrix([g]), *cores, sp.ImmutableMatrix([1, 0, 0]), evaluate=False)


derivation = derivation.chain(
    cs.Derivation("The three forms of two inputs", start=train(past, now), sizes="k = 2, P = 2")
    .step(train(past + now), because=r"$e^{aG} e^{bG} = e^{(a+b)G}$")
    .step(sp.ImmutableMatrix([g[0] + g[1] * (past + now) + g[2] * (past + now) ** 2]), because=r"$\sigma(y)$")
    .step(sp.ImmutableMatrix([g[0] + g[1] * (past + now) + g[2] * in_time]), because="in the order of time")
).lemma(*cs.rank_form(one, square).certificates)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
