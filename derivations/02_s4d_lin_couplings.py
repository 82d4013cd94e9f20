# %% [markdown]
# # The couplings of S4D-Lin
# On the ring the spectrum $a_n = -\frac12 + i\pi n$, $n = 0 \dots N-1$, becomes the couplings
# $w_d = \frac1N \sum_n a_n e^{-2\pi i n d/N}$. We sum them, for symbolic N and any distance $d \not\equiv 0$:
# $w_d = -\frac\pi2 e^{i\pi d/N}/\sin\frac{\pi d}N$.   [THEORY T2]
#
# The size is $|w_d| = \frac N2/\mathrm{chord}(d)$: a power law with exponent 1, and the phase grows linearly with
# the distance. So the ring is not coupled to nearest neighbours: S4D-Lin differentiates along the ring exactly as a
# Fourier method does, and that is why its waves keep their shape.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.couplings import coupling_sum
from carleman_ssm.theory.wave_profile import MODE, RANGES, lin_eigenvalue, whole_start

N = sp.Symbol("N", integer=True, positive=True)
n, d = sp.symbols("n d", integer=True)
r = sp.Symbol("r")
root = sp.exp(-2 * sp.pi * sp.I * d / N)
apart = (root - 1,)
a_n = sp.Symbol("a_n")
spectrum = {a_n: lin_eigenvalue(MODE), sp.conjugate(a_n): sp.conjugate(lin_eigenvalue(MODE))}

# %% [markdown]
# ## The sum
# With $r = e^{-2\pi i d/N}$, $r^N = 1 \ne r$: the constant part adds to nothing, and $\sum_{n<N} n r^n = N/(r-1)$.
# %%
derivation = (
    cs.Derivation("Couplings of S4D-Lin", start=coupling_sum("one-sided"), where=spectrum)
    .step(
        sp.I * sp.pi / N * sp.Sum(n * sp.exp(-2 * sp.pi * sp.I * n * d / N), (n, 0, N - 1)),
        because=r"the roots of unity add to nothing, $\sum_n r^n = 0$",
        nonzero=apart,
    )
    .step(sp.I * sp.pi / (root - 1), because=r"$\sum_{n<N} n r^n = N/(r - 1)$", nonzero=apart)
    .step(-sp.pi / 2 * (sp.cot(sp.pi * d / N) + sp.I), because="Euler's formula", nonzero=apart)
    .step(cs.s4d_lin_couplings("one-sided").expression, because=r"$\cos + i \sin$ over $\sin$", nonzero=apart)
    .lemma(
        cs.Identity(
            sp.Sum(n * r**n, (n, 0, N - 1)) * (r - 1) ** 2,
            (N - 1) * r ** (N + 1) - N * r**N + r,
            name="arithmetic-geometric sum",
            because="for every r",
        ),
        cs.Identity(
            sp.Sum(n * sp.exp(-2 * sp.pi * sp.I * n * d / N), (n, 0, N - 1)),
            N / (root - 1),
            name="at a root of unity",
            because=r"$r^N = 1 \ne r$",
            nonzero=apart,
        ),
    )
)

# %% [markdown]
# ## Another first mode
# A range that begins at $f_0$ multiplies the sum by $r^{f_0}$, and shifts every eigenvalue by $i\pi f_0$, which the
# couplings at $d \ne 0$ do not feel, as $\sum_n r^n = 0$.
# %%
f_0 = whole_start(None)
shifted = sp.Sum(lin_eigenvalue(f_0 + n) * sp.exp(-2 * sp.pi * sp.I * (f_0 + n) * d / N), (n, 0, N - 1)) / N
derivation = derivation.lemma(
    cs.Identity(
        shifted,
        sp.exp(-2 * sp.pi * sp.I * f_0 * d / N) * cs.s4d_lin_couplings("one-sided").expression,
        name="another first mode",
        because=r"$r^{f_0}$ leaves the sum, the rest of the shift is a sum of roots",
        nonzero=apart,
    )
)

# %% [markdown]
# ## Three ranges
# The ranges in use are $f_0 = 0$, $-N/2$ and $-(N-1)/2$. For each: the sum, its form with the cotangent, and what the
# couplings are. W + ½ moves contents around and keeps their energy (it is skew-Hermitian); it is the derivative of the
# band-limited interpolation, up to the factor $-\frac N2$. For the $N = 2M - 1$ frequencies around 0 the phases cancel:
# $w_d$ is real. All of it holds for symbolic N or M and every distance.
# %%
titles = ("Modes from 0 to $N - 1$", "Modes from $-M$ to $M - 1$", "Modes from $-(M - 1)$ to $M - 1$")
for name, title in zip(RANGES, titles, strict=True):
    couplings, alone = cs.s4d_lin_couplings(name), cs.s4d_lin_self_coupling(name)
    whole_range = cs.Derivation(title, start=coupling_sum(name), where=spectrum)
    derivation = derivation.chain(whole_range.lemma(*alone.certificates, *couplings.certificates))

# %% [markdown]
# ## One power law
# The phase is linear in the distance, and the size is that of a chord.
# %%
derivation = derivation.lemma(*cs.coupling_strength().certificates)

# %% [markdown]
# ## An instance
# The real ring of two stored modes has three nodes; its couplings, by the transform of its spectrum, are those of the
# formula: $w_1 = \pi/\sqrt3 = -w_2$.
# %%
M = sp.Symbol("M", integer=True, positive=True)
ring = cs.ring_embedding(cs.s4d_lin(2), closure="real")
formula = cs.unfold(cs.s4d_lin_couplings("symmetric")).expression
values = [cs.s4d_lin_self_coupling("symmetric").expression, *(formula.subs({M: 2, d: e}) for e in (1, 2))]
instance = cs.Identity(
    sp.ImmutableMatrix(ring.couplings),
    sp.ImmutableMatrix(values),
    name="three nodes",
    because=r"the transform of $-\frac12$ and $-\frac12 \pm i\pi$",
    sizes="N = 3",
)
derivation = derivation.lemma(instance)

notation = {r: r"any number, and the root of unity $e^{-2\pi id/N}$"}
notation |= {sp.Symbol("f_0"): "lowest frequency of the modes on the ring"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
