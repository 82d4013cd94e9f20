# %% [markdown]
# # S4D-Lin carries rigid waves
# On the ring with the frequencies $f_n = f_0 + n$ the modes of S4D-Lin, $a_n = -\tfrac12 + i\pi f_n$, add up to one
# profile that travels: $[e^{Wt}]_d = e^{-t/2} D(\tfrac N2 t - d)$ with the periodic sinc D. For symbolic N this is a
# geometric sum. The pattern moves N/2 nodes per unit of time and loses $e^{-1}$ in one revolution.   [THEORY T3]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    MODE,
    NODES,
    TIME,
    interpolation_sum,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    symmetric_start,
)

N, d, t = NODES, DISTANCE, TIME
f, f_0 = mode_frequency(None, N), symmetric_start(N)  # the symmetric range
z = N * t / 2 - d
turn = 2 * sp.pi * sp.I / N

# %% [markdown]
# ## The propagator
# Entry d of $e^{Wt} = F^H e^{\Lambda t} F$ is $\frac1N\sum_n e^{a_n t} e^{-2\pi i f_n d/N}$; its exponents are those of
# one variable, $z = \tfrac N2 t - d$.
# %%
spectral = mode_sum(sp.exp(lin_eigenvalue(f) * t) * sp.exp(-turn * f * d), N)
quotient = sp.exp(turn * f_0 * z) * (sp.exp(2 * sp.pi * sp.I * z) - 1) / (N * (sp.exp(turn * z) - 1))
apart = (sp.exp(turn * z) - 1, sp.sin(sp.pi * z / N))
derivation = (
    cs.Derivation("Rigid waves", start=spectral)
    .step(sp.exp(-t / 2) * interpolation_sum(z, N), because=r"$a_n t - 2\pi i f_n d/N = -t/2 + 2\pi i f_n z/N$")
    .step(sp.exp(-t / 2) * quotient, because="geometric sum", nonzero=apart)
    .step(cs.wave_propagator().expression.subs(sp.Symbol("z", real=True), z), because="half angles", nonzero=apart)
)

# %% [markdown]
# ## Whole nodes
# For a step of $\Delta = 2\delta/N$ with a whole $\delta$ all modes are in phase at the distance $\delta$, modulo N,
# and at any other distance the powers of a root of unity add up to zero: the step is $\rho P^\delta$.
# %%
hop = sp.Symbol("delta", integer=True)
others = cs.Identity(
    sp.Sum(sp.exp(turn * MODE * (hop - d)), (MODE, 1, N - 1)),
    sp.Integer(-1),
    name="with the first mode, 1, the roots of unity add up to 0",
    because=r"$r + \dots + r^{N-1} = (r^N - 1)/(r - 1) - 1$ and $r^N = 1$",
    nonzero=(sp.exp(turn * (hop - d)) - 1,),
)
arrival = cs.rigid_step().certificates[0]

# %% [markdown]
# ## What a node holds, how it is read, and the return of the wave
# One step moves the contents on and lets the input enter: $h_j(k) = \rho h_{j-\delta}(k-1) + D(-j) u_k$. The
# weight of node j is the undamped kernel at its travel time; for whole frequencies $e^{2a_n} = e^{-1}$, so the kernel
# repeats itself after one revolution. Zeroing the weight of a node takes the profile out of the kernel   [THEORY T24].
# %%
moves = [c for c in cs.node_contents().certificates if c.right != 0]
read = [*cs.readout_weights().certificates, *cs.impulse_response().certificates]
edited = cs.edited_kernel(3, node=0).certificates
for lemma in (others, arrival, *moves, *read, *edited):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
