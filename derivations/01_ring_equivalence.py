# %% [markdown]
# # Every diagonal model is a ring
# The modes of $x_k = \Lambda x_{k-1} + \bar b u_k$, $y_k = c^\top x_k + D u_k$ are put on N nodes by a unitary
# transform, $x = \sqrt N F h$ with $F_{nj} = e^{2\pi i n j/N}/\sqrt N$. We show that the contents of the nodes move by
# a circulant matrix, $h_k = W h_{k-1} + \beta u_k$ with $W_{jl} = w_{j-l}$ and $w_d = \frac1N \sum_n \lambda_n
# e^{-2\pi i n d/N}$, and that $\sum_j C_j h_j$ is the same output.   [THEORY T1, T1′]
#
# Nothing is asked of the spectrum: a ring is no property of a model. Contents, couplings and weights are sums over the
# modes, so what is shown for one mode n of N, and for two different ones, holds for all spectra.
# %%
import sympy as sp

import carleman_ssm as cs

N = sp.Symbol("N", integer=True, positive=True)
j, l, d, n, p, q = sp.symbols("j l d n p q", integer=True)
a, b, c, g, lam, x = sp.symbols("a_n b_n c_n g_n lambda_n x_n")
step = sp.Symbol("Delta", positive=True)
k, tau, u = sp.Symbol("k", integer=True, positive=True), sp.Symbol("tau", integer=True), sp.IndexedBase("u")
turn = 2 * sp.pi * sp.I


def projector(distance):
    """What mode n adds to a circulant of N nodes, per unit of its eigenvalue."""
    return sp.exp(-turn * n * distance / N) / N


# %% [markdown]
# ## One mode moves by its coupling
# The coupling of mode n acts on the contents of mode n, for any N.
# %%
derivation = (
    cs.Derivation("One step of the ring", sp.Sum(lam * projector(j - l) * x * projector(l), (l, 0, N - 1)))
    .step(
        sp.Sum(lam * x * sp.exp(-turn * n * j / N) / N**2, (l, 0, N - 1)),
        because=r"$e^{-2\pi i n (j - l)/N} e^{-2\pi i n l/N} = e^{-2\pi i n j/N}$",
    )
    .step(lam * x * projector(j), because=r"N equal terms: the content that $\lambda_n x_n$ gives to node j")
    .lemma(
        cs.Identity(
            projector(d + N), projector(d), name="once around the ring", because="n whole turns: W is circulant"
        )
    )
)

# %% [markdown]
# ## Two modes do not mix
# The coupling of mode n on the contents of another mode p is a sum of N-th roots of unity, and so is the overlap of two
# columns of F: it is 0 unless N divides n − p. The same sum over the modes says that together they are the identity.
# %%
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(sp.exp(turn * (n - p) * l / N), (l, 0, N - 1)),
        0,
        name="the roots of unity",
        because=r"a geometric sum with $r^N = 1 \ne r$",
        nonzero=(sp.exp(turn * (n - p) / N) - 1,),
    ),
    cs.Identity(sp.Sum(projector(0), (n, 0, N - 1)), 1, name="all modes at the distance 0", because="N equal terms"),
    cs.Identity(
        sp.Sum(sp.Abs(x * sp.exp(-turn * n * j / N) / sp.sqrt(N)) ** 2, (j, 0, N - 1)),
        sp.Abs(x) ** 2,
        name="the transform keeps the energy",
        because="F is unitary",
    ),
)

# %% [markdown]
# ## The output, in every gauge
# A node is read out with $C_j = \sum_n c_n e^{2\pi i n j/N}$: mode n of the weights meets mode n of the contents, and
# no other one, as roots of unity add up to 0 again. Factors $g_n \ne 0$ that scale the state of a mode leave its
# output as it is; with $g_n = 1/b_n$ the input enters with the weight 1, that is at node 0 alone.
# %%
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(c * sp.exp(turn * n * j / N) * x * projector(j), (j, 0, N - 1)),
        c * x,
        name="readout of one mode",
        because="N equal terms",
    ),
    cs.Identity(
        c / g * sp.Sum(lam ** (k - tau) * (g * b) * u[tau], (tau, 1, k)),
        c * sp.Sum(lam ** (k - tau) * b * u[tau], (tau, 1, k)),
        name="every gauge",
        because=r"$c_n/g_n$ reads what $g_n b_n$ drives",
        nonzero=(g,),
    ),
)

# %% [markdown]
# ## The same ring for every rule of sampling
# Entry (j, l) of one mode. The hold samples the ring itself: $E = e^{W\Delta}$, as $E' = WE$. The bilinear rule takes
# the same rational function of W: in $(1 - \frac\Delta2 W) E$ a mode has the factor $\lambda_n (1 - \frac\Delta2 a_n)$,
# which is $1 + \frac\Delta2 a_n$ for its multiplier.
# %%


def coupled(multiplier):
    return sp.Sum(a * projector(j - q) * multiplier * projector(q - l), (q, 0, N - 1))


held = sp.exp(a * step)
derivation = derivation.lemma(
    cs.Identity(
        sp.Derivative(held * projector(j - l), step), coupled(held), name="the hold", because=r"it obeys $E' = W E$"
    ),
    cs.Identity(
        lam * projector(j - l) - step / 2 * coupled(lam),
        lam * (1 - a * step / 2) * projector(j - l),
        name="the bilinear rule",
        because="F diagonalises both sides",
    ),
)

# %% [markdown]
# ## Written out
# Two instances with all modes together: two nodes driven in discrete time, in the gauge of the model, and three nodes
# after an impulse in continuous time, in the gauge $b_n = 1$, where the input enters at node 0 alone.
# %%
zeta = dict(zip(sp.symbols("zeta zetabar"), (sp.exp(turn / 3), sp.exp(-turn / 3)), strict=True))


def written_out(title, ring, moments, letters):
    """All statements about one ring; couplings, kick, weights and contents have names."""
    form, named = cs.ring_equivalence(ring), {}
    for stem, values in (("w", ring.couplings), ("beta", ring.kick), ("C", ring.readout_weights)):
        named |= {sp.Symbol(f"{stem}_{values.index(v)}"): v for v in dict.fromkeys(values) if v.args}
    for now, moment in moments:
        named |= {sp.Function(str(h))(moment): content.subs(now, moment) for h, content in form.where.items()}
    shorter = {value: letter for letter, value in letters.items()}
    where = letters | {letter: value.xreplace(shorter) for letter, value in named.items()}
    return cs.Derivation(title, form.symbol, where=where, sizes=f"N = {ring.nodes}").lemma(*form.certificates)


two = cs.ring_embedding(cs.DiscreteSSM.symbolic(states=2, feedthrough=True), gauge="textbook")
three, t = cs.ring_embedding(cs.DiagonalSSM.symbolic(states=3)), sp.Symbol("t", real=True)
derivation = derivation.chain(
    written_out("Two nodes in discrete time", two, ((k, k), (k, k - 1)), {}),
    written_out("Three nodes after an impulse", three, ((t, t),), zeta),
)

gauge = "factors other than 0 that scale the modes, a gauge"
notation = dict.fromkeys((g, *sp.symbols("g_:3")), gauge)
notation |= {sp.Symbol("t"): "time"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
