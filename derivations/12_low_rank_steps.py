# %% [markdown]
# # No step of S4 lengthens a state, and what its stored readout holds
# S4 keeps a dense matrix, a diagonal less a rank one that couples every stored mode to all others and to their
# conjugates: $(Ax)_n = -(\alpha_n + i\omega_n) x_n - P_n \sum_l (\bar P_l x_l + P_l \bar x_l)$, $\alpha_n \ge 0$. In
# real coordinates $x_n = X_n + iY_n$, $P_n = p_n + iq_n$ it is a rotation with decay, less twice the projection on
# (p, q). The bilinear step $v \mapsto (1 - G)^{-1} (1 + G) v$, $G = \tfrac12 \Delta A$, is then a contraction. That is
# why the dense recurrence is accurate at every N, where the eigenvectors of HiPPO-LegS are not.
# [THEORY T12; Gu, Goel and Ré 2022]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.invariant_statements import s4_statement

N, L = sp.Symbol("N", integer=True, positive=True), sp.Symbol("L", integer=True, positive=True)
n, l, m = sp.symbols("n l m", integer=True)
i, k = sp.symbols("n k", integer=True, nonnegative=True)
X, Y, p, q, f, g, d, w = map(sp.IndexedBase, "XYpqfgdw")
alpha, omega = sp.IndexedBase("alpha"), sp.IndexedBase("omega")
delta = sp.Symbol("Delta", positive=True)
notation = {
    **dict.fromkeys((X, Y), "real and imaginary part of the stored modes"),
    **dict.fromkeys((p, q), "real and imaginary part of the vector P of the rank one, or two real vectors"),
    alpha: "decay rates of the stored modes",
    sp.Symbol("zeta"): "letter of the generating function of the kernel",
    **dict.fromkeys((f, g), "real and imaginary part of $Ax$"),
    d: "entries of the inverse of the diagonal part",
    w: "any vector",
    **dict.fromkeys(sp.symbols("a_:2_:2", real=True), "entries of the matrix of one step"),
    **dict.fromkeys(sp.symbols("b_:2", real=True), "input weights of one step"),
}


def over_modes(summand, index=n):
    return sp.Sum(summand, (index, 0, N - 1))


# %% [markdown]
# ## One step
# Put $v = (1 - G)w$: the step takes it to $(1 + G)w$. With $w = (X, Y)$ and $Aw = (f, g)$ the two squares differ by
# $2\Delta\,w \cdot Aw$, whatever A is.
# %%


def square(sign):
    """$|w + sGw|^2$."""
    return over_modes((X[n] + sign * delta / 2 * f[n]) ** 2 + (Y[n] + sign * delta / 2 * g[n]) ** 2)


derivation = cs.Derivation("The length of a state after one step", start=square(1)).step(
    square(-1) + 2 * delta * over_modes(X[n] * f[n] + Y[n] * g[n]),
    because=r"$|w + Gw|^2 - |w - Gw|^2 = 4\,w \cdot Gw$",
)

# %% [markdown]
# ## What the matrix of S4 does to a length
# In $w \cdot Aw$ the rotation drops out, and the rank one leaves a square: the sum is not positive. So no step
# lengthens a state. And $|w - Gw|^2 = |w|^2 - 2\,w \cdot Gw + |Gw|^2 \ge |w|^2$, so that $1 - G$ has an inverse.
# For any number N of stored modes.
# %%
shared = over_modes(p[l] * X[l] + q[l] * Y[l], l)
real = -alpha[n] * X[n] + omega[n] * Y[n] - 2 * p[n] * shared
imaginary = -omega[n] * X[n] - alpha[n] * Y[n] - 2 * q[n] * shared
state, vector = (X[l] + sp.I * Y[l], X[l] - sp.I * Y[l]), (p[l] + sp.I * q[l], p[l] - sp.I * q[l])
derivation = derivation.chain(
    cs.Derivation("What A does to the square of a length", start=over_modes(X[n] * real + Y[n] * imaginary))
    .step(
        -over_modes(alpha[n] * (X[n] ** 2 + Y[n] ** 2)) - 2 * shared**2,
        because=r"$\omega_n X_n Y_n$ cancels; $\sum_n (p_n X_n + q_n Y_n)$ is what stands in the rank one",
    )
    .lemma(
        cs.Identity(
            -(alpha[n] + sp.I * omega[n]) * (X[n] + sp.I * Y[n])
            - (p[n] + sp.I * q[n]) * over_modes(vector[1] * state[0] + vector[0] * state[1], l),
            real + sp.I * imaginary,
            name="real coordinates",
            because=r"$\bar P_l x_l + P_l \bar x_l = 2\,\mathrm{Re}(\bar P_l x_l) = 2 (p_l X_l + q_l Y_l)$",
        )
    )
)

# %% [markdown]
# ## HiPPO-LegS
# Its matrix has $-\sqrt{(2n+1)(2k+1)}$ below the diagonal, $-(n+1)$ on it and zero above: triangular, so its
# eigenvalues are $-1, -2, \dots$. With $P_n = \sqrt{n + \frac12}$ the matrix $A + PP^\top$ is $-\frac12$ plus a skew
# one, hence normal: above the diagonal there is $PP^\top$ alone, with entries $\frac12\sqrt{(2n+1)(2k+1)}$, and the
# others are, for every n and k:
# %%
root, diagonal = sp.sqrt(2 * i + 1) * sp.sqrt(2 * k + 1), sp.Mul(sp.S.Half, 2 * i + 1, evaluate=False)
derivation = derivation.lemma(
    cs.Identity(sp.Add(-root, root / 2, evaluate=False), -root / 2, name="below the diagonal"),
    cs.Identity(sp.Add(-i - 1, diagonal, evaluate=False), -sp.S.Half, name="on the diagonal"),
)

# %% [markdown]
# ## The stored readout, and the inverse of a step
# At $\zeta^L = 1$ the truncated generating function of the kernel is that of the readout
# $\tilde c^\top = c^\top (1 - \bar A^L)$ without an end: S4 stores $\tilde c$. Powers of one matrix commute, so the
# telescoping sum is that of one eigenvalue. The inverse of a diagonal plus a rank one is that of Sherman and Morrison:
# it gives back any w, for every N.
# %%
lam, c, zeta = sp.symbols("lambda_n c_n zeta")
overlap, projected = over_modes(q[l] * d[l] * p[l], l), over_modes(q[l] * d[l] * w[l], l)


def solved(index):
    return d[index] * w[index] - d[index] * p[index] * projected / (1 + overlap)


derivation = derivation.lemma(
    cs.Identity(
        (1 - lam * zeta) * sp.Sum(c * (lam * zeta) ** m, (m, 0, L - 1)),
        c * (1 - (lam * zeta) ** L),
        name="the stored readout",
        because="a telescoping sum",
    ),
    cs.Identity(
        solved(n) / d[n] + p[n] * over_modes(q[l] * solved(l), l),
        w[n],
        name="the inverse of the low-rank step",
        because=r"with $\sum_l q_l d_l p_l = s$: $1 - \frac1{1+s} - \frac s{1+s} = 0$",
        nonzero=(d[n], 1 + overlap),
    ),
)

# %% [markdown]
# ## The output
# The recurrence with a dense matrix, written out for a state of two entries and two steps.
# %%
derivation = derivation.lemma(*s4_statement(2, 2).output.certificates)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
