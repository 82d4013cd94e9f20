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
    HOP,
    MODE,
    NODES,
    TIME,
    interpolation_sum,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    symmetric_start,
    whole_start,
)
from carleman_ssm.theory.wave_readout import deleted_share

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

# %% [markdown]
# ## What a node holds
# With $\bar b_n = 1$ mode n is $x_n = \sum_m \lambda_n^m u_{k-m}$ after k steps from rest, and
# $\lambda_n = e^{2 a_n\delta/N} = \rho\,e^{2\pi i f_n\delta/N}$ is in phase with the nodes: each input travels as a
# whole. One step moves the contents on and lets the input enter: $h_j(k) = \rho h_{j-\delta}(k-1) + D(-j) u_k$.
# %%
m, j = sp.Symbol("m", integer=True, nonnegative=True), sp.Symbol("j", integer=True)
k, speed, u = sp.Symbol("k", integer=True, positive=True), HOP, sp.IndexedBase("u")
multiplier = sp.exp(sp.expand(2 * lin_eigenvalue(f) * speed / N))
modes = sp.Sum(multiplier**m * u[k - m], (m, 0, k - 1))
damped = sp.Sum(sp.exp(-speed / N) ** m * sp.exp(turn * f * speed * m) * u[k - m], (m, 0, k - 1))
contents = (
    cs.Derivation("Node contents", start=mode_sum(modes * sp.exp(-turn * f * j), N))
    .step(mode_sum(damped * sp.exp(-turn * f * j), N), because=r"$\lambda_n^m = \rho^m e^{2\pi i f_n\delta m/N}$")
    .step(cs.unfold(cs.node_contents()).expression, because=r"at each lag the sum over n is $D(\delta m - j)$")
)

# %% [markdown]
# ## How it is read, and the return of the wave
# The weight of node j is the undamped kernel at its travel time $t_j = 2j/N$; for whole frequencies
# $e^{2a_n} = e^{-1}$, so the kernel repeats itself after one revolution.
# %%
c, g = sp.IndexedBase("c"), mode_frequency(whole_start(None), N)  # from any whole frequency on
kernel, travel = cs.impulse_response().expression, 2 * j / N
read = (
    cs.Derivation("Readout of a node", start=sp.exp(travel / 2) * kernel.subs(t, travel))
    .step(
        sp.exp(travel / 2) * sp.Sum(c[MODE] * sp.exp(-travel / 2) * sp.exp(turn * g * j), (MODE, 0, N - 1)),
        because=r"$a_n t_j = -t_j/2 + 2\pi i f_n j/N$",
    )
    .step(cs.readout_weights().expression, because=r"$e^{t_j/2} e^{-t_j/2} = 1$")
)
again = (
    cs.Derivation("One revolution later", start=kernel.subs(t, t + 2))
    .step(
        sp.Sum(c[MODE] * sp.exp(sp.expand(2 * lin_eigenvalue(g))) * sp.exp(lin_eigenvalue(g) * t), (MODE, 0, N - 1)),
        because=r"$e^{a_n(t+2)} = e^{2a_n}e^{a_n t}$",
    )
    .step(sp.exp(-1) * kernel, because=r"$e^{2a_n} = e^{-1}e^{2\pi i f_n} = e^{-1}$")
)

# %% [markdown]
# ## Zeroing the weight of a node
# For a whole $\delta$ node j meets lag m at $\delta m - j$, a whole number: where that is a multiple of N the node
# holds all of the lag, elsewhere nothing of it.   [THEORY T24]
# %%
gone = deleted_share().certificates
q, rho = sp.Symbol("q", integer=True), sp.Symbol("rho", positive=True)
visited = (
    cs.Derivation("A lag that visits the node", start=gone[0].left)
    .step(
        rho**m * sp.Sum(c[MODE] * sp.exp(turn * g * (hop * m - q * N)), (MODE, 0, N - 1)),
        because=r"$D(qN) = 1$ for whole frequencies",
    )
    .step(gone[0].right, because=r"$e^{-2\pi i f_n q} = 1$")
)

# %%
chains = [statement for chain in (contents, read, again, visited) for statement in (*chain.steps, chain.conclusion)]
forms = (
    cs.wave_propagator(),
    cs.rigid_step(),
    cs.node_contents(),
    cs.readout_weights(),
    cs.impulse_response(),
    cs.tap_design(3),
    deleted_share(),
    cs.edited_kernel(3, node=0),
)
certificates = [certificate for form in forms for certificate in form.certificates]
for lemma in dict.fromkeys((others, *chains, *certificates)):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
