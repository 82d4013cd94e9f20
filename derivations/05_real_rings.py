# %% [markdown]
# # Real signals on real rings
# A model that stores one mode of each conjugate pair and reads out $2\,\mathrm{Re}(c^\top x)$ is a *real* ring. With
# one real mode among M stored ones, whose two copies merge, it has $N = 2M - 1$ nodes: M = 32 stored modes of S4D-Lin
# make 63 nodes, not 64. Without a real mode it has $N = 2M$ nodes and changes sign once around.   [THEORY T5, T5b]
#
# Everything is a sum over pairs, and different modes do not mix (T1): on either ring their frequencies differ by whole
# numbers. So one pair on N nodes is shown, for symbolic N, and then that sums of pairs are real for symbolic M.
# %%
import sympy as sp

import carleman_ssm as cs

M, N = sp.symbols("M N", integer=True, positive=True)
n, j, d = sp.symbols("n j d", integer=True)
a = sp.IndexedBase("a")
half, turn, bar = sp.Rational(1, 2), 2 * sp.pi * sp.I, sp.conjugate


def imaginary(value):
    """The imaginary part, to be found out by the check."""
    return sp.im(value, evaluate=False)


# %% [markdown]
# ## The output of a pair
# The modes x and $\bar x$ stand at the frequencies $\pm\frac q2$: whole numbers on the periodic ring, halves of odd
# ones on the anti-periodic ring. Node j holds $h_j$ and has the weight $C_j$, both real; the weight of one mode meets
# the content of the other in a sum of roots of unity, which is 0 unless N divides q.
# %%
c, x, q = sp.Symbol("c_n"), sp.Symbol("x_n"), sp.Symbol("q", integer=True)
wave = sp.exp(sp.I * sp.pi * q * j / N)
weight, content = c * wave + bar(c) / wave, (x / wave + bar(x) * wave) / N
read, apart = sp.Mul(weight, content, evaluate=False), (sp.exp(turn * q / N) - 1,)
names = {sp.Symbol("h_j"): content, sp.Symbol("C_j"): weight}
derivation = (
    cs.Derivation("Output of a real ring", start=sp.Sum(read, (j, 0, N - 1)), where=names)
    .step(c * x + bar(c) * bar(x), because="N equal terms, and the cross terms add to 0", nonzero=apart)
    .step(2 * sp.re(c * x), because=r"$z + \bar z = 2\,\mathrm{Re}\,z$")
    .lemma(
        cs.Identity(
            (c * x + bar(c) * bar(x) + c * bar(x) * wave**2 + bar(c) * x / wave**2) / N,
            read,
            name="one node",
            because="the terms of a product",
        ),
        cs.Identity(sp.Sum(wave**2, (j, 0, N - 1)), 0, name="cross terms", because="roots of unity", nonzero=apart),
        cs.Identity(imaginary(weight), 0, name="the weight is real", because="a sum of conjugates"),
        cs.Identity(imaginary(content), 0, name="the content is real", because="a sum of conjugates"),
    )
)

# %% [markdown]
# ## A real mode, and its two copies
# It stands at the frequency 0. Its state $x_0$ is real, so that its copies merge and twice the real part of its output
# weight remains.
# %%
c0, x0 = sp.Symbol("c_0"), sp.Symbol("x_0", real=True)
derivation = derivation.lemma(
    cs.Identity(c0 * x0 + bar(c0) * x0, 2 * sp.re(c0) * x0, name="the copies merge", because=r"$\bar x_0 = x_0$")
)

# %% [markdown]
# ## Real couplings, for any number of pairs
# Conjugate modes stand at opposite frequencies: whole ones around a real mode, or halves. So each coupling is its own
# conjugate.
# %%
rate = sp.Symbol("a_0", real=True)


def coupling(at_zero, first, size):
    phase = sp.exp(-turn * (n + first) * d / size)
    pairs = sp.Sum(a[n] * phase + bar(a[n]) / phase, (n, 1 if at_zero else 0, M - 1))
    return (at_zero + pairs) / size


conjugates = "each pair is its own conjugate"
derivation = derivation.lemma(
    cs.Identity(imaginary(coupling(rate, 0, 2 * M - 1)), 0, name="real couplings, $N = 2M - 1$", because=conjugates),
    cs.Identity(imaginary(coupling(0, half, 2 * M)), 0, name="real couplings, $N = 2M$", because=conjugates),
    cs.Identity(
        coupling(0, half, 2 * M).subs(d, d + 2 * M),
        -coupling(0, half, 2 * M),
        name="the anti-periodic ring changes sign",
        because="half a turn more for half-integer frequencies",
    ),
)

# %% [markdown]
# ## Why two closures
# Every circulant matrix has the eigenvector $(1, \dots, 1)$: a real one has a real eigenvalue, so pairs without a
# real mode are on no real ring that is periodic. The skew-circulant one has not this eigenvector: the wave
# $e^{i\pi j/N}$ takes its place. Row j of N: the distances up to j, and with the other sign those across the seam.
# %%
w = sp.IndexedBase("w", real=True)
across = sp.Sum(w[d] * sp.exp(sp.I * sp.pi * (N + j - d) / N), (d, j + 1, N - 1))
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(w[d], (d, 0, j)) + sp.Sum(w[d], (d, j + 1, N - 1)),
        sp.Sum(w[d], (d, 0, N - 1)),
        name="a real eigenvalue",
        because="every row of a circulant matrix has one sum",
    ),
    cs.Identity(
        sp.Sum(w[d] * sp.exp(sp.I * sp.pi * (j - d) / N), (d, 0, j)) - across,
        sp.exp(sp.I * sp.pi * j / N) * sp.Sum(w[d] * sp.exp(-sp.I * sp.pi * d / N), (d, 0, N - 1)),
        name="a complex eigenvalue of the skew-circulant matrix",
        because=r"$-e^{i\pi(N + m)/N} = e^{i\pi m/N}$",
    ),
)

# %% [markdown]
# ## Written out
# Two instances: the ring of one real mode and a pair, with $b = 1$, and the anti-periodic ring of one pair, whose
# coupling across the seam is $-w_1$. Couplings and weights are sums of conjugates, and the ring is the model.
# %%
t, a0, (a1, c1) = sp.Symbol("t", real=True), rate, sp.symbols("a_1 c_1")
third = {sp.Symbol("zeta"): sp.exp(turn / 3), sp.Symbol("zetabar"): sp.exp(-turn / 3)}
mixed = cs.DiagonalSSM((a0, a1), (1, 1), (c0, c1), conjugate_pairs=True)
pair = cs.DiagonalSSM.symbolic(states=1, conjugate_pairs=True)


def written_out(title, model, closure):
    ring = cs.ring_embedding(model, closure=closure)
    decays = tuple(b * sp.exp(a * t) for a, b in zip(ring.modes.eigenvalues, ring.modes.input_vector, strict=True))
    names = {}
    for stem, values in (("w", ring.couplings), ("C", ring.readout_weights)):
        names |= {sp.Symbol(f"{stem}_{place}"): value for place, value in enumerate(values)}
    names |= {sp.Function(f"h_{place}")(t): value for place, value in enumerate(ring.node_contents(decays))}
    if ring.nodes == 3:
        shorter = {value: letter for letter, value in third.items()}
        names = third | {letter: value.xreplace(shorter) for letter, value in names.items()}
    else:
        names |= {-sp.Symbol("w_1"): -ring.couplings[1]}
    form = cs.ring_equivalence(ring)
    return cs.Derivation(title, form.symbol, where=names, sizes=f"N = {ring.nodes}").lemma(*form.certificates)


derivation = derivation.chain(
    written_out("A real mode and a pair on three nodes", mixed, "real"),
    written_out("A pair on the anti-periodic ring of two nodes", pair, "antiperiodic"),
)

notation = {w: "couplings by distance of a real matrix"}
notation |= {sp.Symbol("t"): "time"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
