# %% [markdown]
# # Real signals on real rings
# A model that stores one mode of each conjugate pair and reads out $2\,\mathrm{Re}(c^\top x)$ is a *real* ring. With
# one real mode among M stored ones, whose two copies merge, it has $N = 2M - 1$ nodes: M = 32 stored modes of S4D-Lin
# make 63 nodes, not 64. Without a real mode it has $N = 2M$ nodes and changes sign once around.   [THEORY T5, T5b]
#
# The chain takes one real mode and one pair, three nodes; reality for any M follows as a lemma.
# %%
import sympy as sp

import carleman_ssm as cs

M = sp.Symbol("M", integer=True, positive=True)
n, d = sp.symbols("n d", integer=True)
a = sp.IndexedBase("a")
half, turn = sp.Rational(1, 2), 2 * sp.pi * sp.I


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## The output
# $x_0$ is real because its eigenvalue is; in the gauge b = 1.
# %%
rate = sp.Symbol("a_0", real=True)
pair, c0, c1, x1 = sp.symbols("a_1 c_0 c_1 x_1")
x0 = sp.Symbol("x_0", real=True)
stored = cs.DiagonalSSM((rate, pair), (1, 1), (c0, c1), conjugate_pairs=True)
ring = cs.ring_embedding(stored, closure="real")
nodes = sp.symbols("h_0:3", real=True)
bar = sp.conjugate


def content(j):
    return (x0 + 2 * sp.re(x1 * sp.exp(-turn * j / 3))) / 3


def weight(j):
    return 2 * sp.re(c0) + 2 * sp.re(c1 * sp.exp(turn * j / 3))


derivation = (
    cs.Derivation("Output of a real ring", start=2 * sp.re(c0 * x0 + c1 * x1))
    .step(
        2 * sp.re(c0) * x0 + c1 * x1 + bar(c1) * bar(x1),
        because=r"the two copies of the real mode merge, the pair stays $x_1, \bar x_1$",
    )
    .step(
        ring.readout(ring.node_contents((bar(x1), x0, x1)), sp.S.Zero),
        because="the transform of the modes at the frequencies -1, 0, 1",
    )
    .step(sum(weight(j) * content(j) for j in range(3)), because=r"$z + \bar z = 2\,\mathrm{Re}\,z$: both are real")
)

# %% [markdown]
# ## Reality, for any number of pairs
# Conjugate modes stand at opposite frequencies, so each coupling is its own conjugate.
# %%


def coupling(at_zero, first, size):
    """Conjugate modes at opposite frequencies: integers around a real mode, or half-integers."""
    phase = sp.exp(-turn * (n + first) * d / size)
    pairs = sp.Sum(a[n] * phase + bar(a[n]) / phase, (n, 1 if at_zero else 0, M - 1))
    return (at_zero + pairs) / size


def imaginary(value):
    """The imaginary part, to be found out by the check."""
    return sp.im(value, evaluate=False)


real_for_any_size = (
    cs.Identity(imaginary(coupling(rate, 0, 2 * M - 1)), 0, name="real couplings, N = 2M - 1"),
    cs.Identity(imaginary(coupling(0, half, 2 * M)), 0, name="real couplings, N = 2M"),
    cs.Identity(
        coupling(0, half, 2 * M).subs(d, d + 2 * M),
        -coupling(0, half, 2 * M),
        name="the anti-periodic ring changes sign",
        because="half a turn more",
    ),
)

# %% [markdown]
# ## Why two closures
# Every circulant matrix has the eigenvector $(1, \dots, 1)$: a real one has a real eigenvalue, so pairs without a
# real mode are on no real ring that is periodic. The skew-circulant one has not this eigenvector: the waves
# $e^{\pm i\pi j/N}$ take its place.
# %%
w = sp.symbols("w_0:4", real=True)
ones = sp.ones(4, 1)
wave = sp.ImmutableMatrix([sp.exp(sp.I * sp.pi * j / 4) for j in range(4)])
mobius = sum(w[j] * sp.exp(-sp.I * sp.pi * j / 4) for j in range(4))
closures = (
    cs.Identity(
        product(cs.circulant(w), ones), sum(w) * ones, name="a real eigenvalue", because="every row has one sum"
    ),
    cs.Identity(
        product(cs.skew_circulant(w), wave), mobius * wave, name="a complex eigenvalue", because=r"$e^{i\pi} = -1$"
    ),
)

# %% [markdown]
# ## Instances
# The real ring of one real mode and a pair, and the anti-periodic ring of two pairs: W, the kick and C are real.
# %%
two_pairs = cs.ring_embedding(cs.DiagonalSSM.symbolic(states=2, conjugate_pairs=True), closure="antiperiodic")
instances = [
    statement
    for embedding in (ring, two_pairs)
    for statement in (
        *(
            cs.Identity(sp.ImmutableMatrix(values).applyfunc(imaginary), sp.zeros(len(values), 1), name=name)
            for values, name in (
                (embedding.couplings, "W is real"),
                (embedding.kick, "the kick is real"),
                (embedding.readout_weights, "C is real"),
            )
        ),
        *cs.ring_equivalence(embedding).certificates,
    )
]
for lemma in (*real_for_any_size, *closures, *instances):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
