# %% [markdown]
# # Every diagonal model is a ring
# The modes of $x_k = \Lambda x_{k-1} + \bar b u_k$, $y_k = c^\top x_k + D u_k$ are put on N nodes by a unitary
# transform, $x = \sqrt N F h$ with $F_{nj} = e^{2\pi i n j/N}/\sqrt N$. We show that the contents of the nodes move by
# a circulant matrix, $h_k = W h_{k-1} + \beta u_k$ with $W_{jl} = w_{j-l}$ and $w_d = \frac1N \sum_n \lambda_n
# e^{-2\pi i n d/N}$, and that $\sum_j C_j h_j$ is the same output.   [THEORY T1, T1′]
#
# Nothing is asked of the spectrum: a ring is no property of a model. Continuous time reads the same with a for
# $\lambda$ and a derivative for the step.
# %%
import sympy as sp

import carleman_ssm as cs

N = sp.Symbol("N", integer=True, positive=True)
j, l, d, n, s = sp.symbols("j l d n s", integer=True)
lam, x, c = sp.symbols("lambda_n x_n c_n")
step = sp.Symbol("Delta", positive=True)


def phase(turns):
    return sp.exp(2 * sp.pi * sp.I * turns)


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## One mode, any number of nodes
# Contents, couplings and weights are sums over the modes. So take the coupling of mode n on the contents of mode n;
# the coupling of mode n on the contents of another mode m is a sum of the roots of unity of $s = n - m$, which is
# zero: the root 1, at $l = 0$, and the others, which add to -1.
# %%
coupling = lam * phase(-n * (j - l) / N) / N
derivation = (
    cs.Derivation("One step of the ring", start=sp.Sum(coupling * x * phase(-n * l / N) / N, (l, 0, N - 1)))
    .step(
        sp.Sum(lam * x * phase(-n * j / N) / N**2, (l, 0, N - 1)),
        because=r"$e^{-2\pi i n (j - l)/N} e^{-2\pi i n l/N} = e^{-2\pi i n j/N}$",
    )
    .step(lam * x * phase(-n * j / N) / N, because=r"N equal terms: the content that $\lambda_n x_n$ gives to node j")
)
any_size = (
    cs.Identity(
        sp.Sum(phase(s * l / N), (l, 1, N - 1)),
        -1,
        name="the roots of unity but 1",
        because=r"a geometric sum with $r^N = 1 \ne r$",
        nonzero=(phase(s / N) - 1,),
    ),
    cs.Identity(
        phase(-n * (d + N) / N), phase(-n * d / N), name="once around the ring", because="n whole turns: W is circulant"
    ),
    cs.Identity(
        phase(-(n + sp.Rational(1, 2)) * (d + N) / N),
        -phase(-(n + sp.Rational(1, 2)) * d / N),
        name="once around the anti-periodic ring",
        because="half a turn more for half-integer frequencies",
    ),
    cs.Identity(
        sp.Sum(c * phase(n * j / N) * x * phase(-n * j / N) / N, (j, 0, N - 1)),
        c * x,
        name="readout of one mode",
        because="N equal terms",
    ),
    cs.Identity(
        sp.Sum(sp.Abs(x * phase(-n * j / N) / sp.sqrt(N)) ** 2, (j, 0, N - 1)),
        sp.Abs(x) ** 2,
        name="the transform keeps the energy",
        because="F is unitary",
    ),
)

# %% [markdown]
# ## The same ring for every rule of sampling
# The hold samples the ring itself, $e^{W\Delta}$; the bilinear rule takes the same rational function of $W$.
# %%
continuous = cs.DiagonalSSM.symbolic(states=3)
W = cs.ring_embedding(continuous).coupling_matrix
held = cs.ring_embedding(cs.zero_order_hold(continuous, step)).coupling_matrix
tustin = cs.ring_embedding(cs.bilinear_transform(continuous, step)).coupling_matrix
one = sp.eye(3)
sampled = (
    cs.Identity(held.subs(step, 0), one, name="no time has passed"),
    cs.Identity(held.diff(step), product(W, held), name="the hold is the exponential", because="it obeys $E' = W E$"),
    cs.Identity(
        product(one - step * W / 2, tustin),
        one + step * W / 2,
        name="the bilinear rule",
        because="F diagonalises both sides",
    ),
)

# %% [markdown]
# ## All modes together, every step, every input
# The certificates of rings of two and three nodes, in the gauge of the model and with $\bar b = 1$.
# %%
rings = [
    cs.ring_embedding(cs.DiscreteSSM.symbolic(states=2, feedthrough=True), gauge="textbook"),
    cs.ring_embedding(cs.DiscreteSSM.symbolic(states=3, feedthrough=True), gauge="textbook"),
    cs.ring_embedding(cs.DiscreteSSM.symbolic(states=3, feedthrough=True)),
    cs.ring_embedding(continuous, gauge="textbook"),
]
certificates = [certificate for ring in rings for certificate in cs.ring_equivalence(ring).certificates]
for lemma in (*any_size, *sampled, *certificates):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
