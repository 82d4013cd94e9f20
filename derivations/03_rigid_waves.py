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
z, place = N * t / 2 - d, sp.Symbol("z", real=True)
turn = 2 * sp.pi * sp.I / N
start, f_n = whole_start(None), sp.Symbol("f_n")
symmetric, whole = {f_n: f}, {f_n: mode_frequency(start, N)}

# %% [markdown]
# ## The propagator
# Entry d of $e^{Wt} = F^H e^{\Lambda t} F$ is $\frac1N\sum_n e^{a_n t} e^{-2\pi i f_n d/N}$; its exponents are those of
# one variable, $z = \tfrac N2 t - d$. The sum is worked out for frequencies that lie symmetrically around 0 (halves for
# even N); another first frequency only multiplies the profile with a phase.
# %%
spectral = mode_sum(sp.exp(lin_eigenvalue(f) * t) * sp.exp(-turn * f * d), N)
quotient = sp.exp(turn * f_0 * z) * (sp.exp(2 * sp.pi * sp.I * z) - 1) / (N * (sp.exp(turn * z) - 1))
apart = (sp.exp(turn * z) - 1, sp.sin(sp.pi * z / N))
derivation = (
    cs.Derivation("Rigid waves", start=spectral, where={place: z} | symmetric)
    .step(sp.exp(-t / 2) * interpolation_sum(z, N), because=r"$a_n t - 2\pi i f_n d/N = -t/2 + 2\pi i f_n z/N$")
    .step(sp.exp(-t / 2) * quotient, because="geometric sum", nonzero=apart)
    .step(cs.wave_propagator().expression.subs(place, z), because="half angles", nonzero=apart)
    .lemma(
        *cs.wave_propagator().certificates[1:],
        cs.Identity(
            interpolation_sum(place, N, first=start),
            sp.exp(turn * (start - f_0) * place) * interpolation_sum(place, N),
            name="another first frequency",
            because="a factor of every term",
        ),
    )
)

# %% [markdown]
# ## Whole nodes
# For a step of $\Delta = 2\delta/N$ with a whole $\delta$ all modes are in phase at the distance $\delta$, modulo N,
# and at any other distance the powers of a root of unity add up to zero: the step is $\rho P^\delta$.
# %%
shift = cs.Derivation("The step is a shift", cs.rigid_step().symbol, where=whole)
derivation = derivation.chain(shift.lemma(*cs.rigid_step().certificates))

# %% [markdown]
# ## What a node holds
# With $\bar b_n = 1$ mode n is $x_n = \sum_m \lambda_n^m u_{k-m}$ after k steps from rest, and
# $\lambda_n = e^{2 a_n\delta/N} = \rho\,e^{2\pi i f_n\delta/N}$ is in phase with the nodes: each input travels as a
# whole. One step moves the contents on and lets the input enter: $h_j(k) = \rho h_{j-\delta}(k-1) + D(-j) u_k$.
# That, and the empty ring at $k = 0$, is an induction over all k.
# %%
m, j = sp.Symbol("m", integer=True, nonnegative=True), sp.Symbol("j", integer=True)
hop, k = sp.Symbol("delta", integer=True), sp.Symbol("k", integer=True, positive=True)
speed, u = HOP, sp.IndexedBase("u")
multiplier = sp.exp(2 * lin_eigenvalue(f) * speed / N)
modes = sp.Sum(multiplier**m * u[k - m], (m, 0, k - 1))
damped = sp.Sum(sp.exp(-speed / N) ** m * sp.exp(turn * f * speed * m) * u[k - m], (m, 0, k - 1))
contents = (
    cs.Derivation("Node contents", start=mode_sum(modes * sp.exp(-turn * f * j), N), where=symmetric)
    .step(mode_sum(damped * sp.exp(-turn * f * j), N), because=r"$\lambda_n^m = \rho^m e^{2\pi i f_n\delta m/N}$")
    .step(cs.unfold(cs.node_contents()).expression, because=r"at each lag the sum over n is $D(\delta m - j)$")
)
derivation = derivation.chain(contents.lemma(*cs.node_contents().certificates[:-2]))

# %% [markdown]
# ## How it is read, and the return of the wave
# The weight of node j is the undamped kernel at its travel time $t_j = 2j/N$, as $a_nt_j = -t_j/2 + 2\pi if_nj/N$;
# for whole frequencies $e^{2a_n} = e^{-1}$, so the kernel repeats itself after one revolution.
# %%
c, g, kernel = sp.IndexedBase("c"), whole[f_n], cs.impulse_response().expression
read = cs.Derivation("Readout of a node", start=cs.readout_weights().expression, where=whole)
again = (
    cs.Derivation("One revolution later", start=kernel.subs(t, t + 2), where=whole)
    .step(
        sp.Sum(c[MODE] * sp.exp(sp.expand(2 * lin_eigenvalue(g))) * sp.exp(lin_eigenvalue(g) * t), (MODE, 0, N - 1)),
        because=r"$e^{a_n(t+2)} = e^{2a_n}e^{a_n t}$",
    )
    .step(sp.exp(-1) * kernel, because=r"$e^{2a_n} = e^{-1}e^{2\pi i f_n} = e^{-1}$")
)
read, again = read.lemma(*cs.readout_weights().certificates), again.lemma(*cs.impulse_response().certificates)
derivation = derivation.chain(read, again)

# %% [markdown]
# ## Prescribed taps
# At one node per step $c_n = \frac1N\sum_q \rho^{-q} K_q e^{-2\pi i f_n q/N}$ gives the taps $K_0 \dots K_{N-1}$: tap q
# gives what it should to lag q, and nothing to another one. Written out for three nodes.
# %%
q, rho, tap = sp.Symbol("q", integer=True), sp.Symbol("rho", positive=True), sp.Symbol("K_q")
given = mode_sum(rho**-q * tap * sp.exp(-turn * g * q) * rho**m * sp.exp(turn * g * m), N)
design, turned = cs.tap_design(3), [turn * N * place / 3 for place in (0, 1, -1)]
named = {sp.Symbol(f"lambda_{n}"): sp.exp(angle - sp.Rational(1, 3)) for n, angle in enumerate(turned)}
named |= dict(zip(sp.symbols("zeta zetabar"), map(sp.exp, turned[1:]), strict=True))
three = cs.Derivation("Three taps", design.symbol, where=named, sizes="N = 3").lemma(*design.certificates)
derivation = derivation.lemma(
    cs.Identity(given.subs(m, q), tap, name="a tap at its lag", because="N equal terms"),
    cs.Identity(
        given * (sp.exp(turn * (m - q)) - 1), 0, name="a tap at another lag", because="roots of unity add to 0"
    ),
).chain(three)

# %% [markdown]
# ## Zeroing the weight of a node
# The profile interpolates every mode exactly: read out at all nodes, mode n of the profile gives mode n at $\delta m$,
# any other one nothing. So the nodes share the kernel. For a whole $\delta$ node j meets lag m at $\delta m - j$, a
# whole number: where that is a multiple of N it holds all of the lag, elsewhere nothing of it.   [THEORY T24]
# %%
p, gone = sp.Symbol("p", integer=True), deleted_share().certificates


def read_profile(other):
    """Mode n, read from another mode of the profile that stands at delta m."""
    return sp.Sum(sp.exp(turn * g * j) * sp.exp(turn * (g - MODE + other) * (speed * m - j)) / N, (j, 0, N - 1))


visited = (
    cs.Derivation("A lag that visits the node", start=gone[0].left, where=whole)
    .step(
        rho**m * sp.Sum(c[MODE] * sp.exp(turn * g * (hop * m - q * N)), (MODE, 0, N - 1)),
        because=r"$D(qN) = 1$ for whole frequencies",
    )
    .step(gone[0].right, because=r"$e^{-2\pi i f_n q} = 1$")
    .lemma(gone[1])
)
edited, weight = cs.edited_kernel(3, node=0), cs.readout_weights(3, first=-1).expression
shares = {sp.Symbol(f"C_{place}"): weight.subs(j, place) for place in range(3)}
profile, fronts = sp.Function("D"), [speed * m - place for place in range(3)]
shares |= {3 * profile(front): 3 * interpolation_sum(front, 3) for front in fronts}
shared = cs.Derivation("Three nodes share the kernel", edited.symbol, where=shares, sizes="N = 3")
derivation = derivation.lemma(
    cs.Identity(
        read_profile(MODE), sp.exp(turn * g * speed * m), name="mode n of the profile", because="N equal terms"
    ),
    cs.Identity((sp.exp(turn * (MODE - p)) - 1) * read_profile(p), 0, name="another mode", because="roots of unity"),
).chain(visited, shared.lemma(*edited.certificates))
notation = dict.fromkeys(sp.symbols("f f_0"), "whole frequencies of the modes on the ring, $f_n$, and the lowest one")
notation |= {sp.Symbol("t"): "time", sp.Symbol("R"): "number of steps of one revolution"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
