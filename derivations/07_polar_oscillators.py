# %% [markdown]
# # A ring of nodes is a network of nonlinear oscillators, solved exactly by its modes
# In $x' = W x + \beta u$ let $x_j = r_j e^{i\theta_j}$, $W_{jl} = K_{jl} e^{i\alpha_{jl}}$ with
# $W_{jj} = -\gamma_j + i\omega_j$, and $\beta_j = B_j e^{i\eta_j}$, u real. Since
# $\frac{d}{dt} r e^{i\theta} = e^{i\theta} (r' + i r\theta')$, the equations of amplitude and phase are the real
# and imaginary part of $e^{-i\theta_j} (W x + \beta u)_j$:
# $$\theta_j' = \omega_j + \sum_{l \ne j} K_{jl} \frac{r_l}{r_j} \sin(\theta_l - \theta_j + \alpha_{jl})
#   + \frac{B_j u}{r_j} \sin(\eta_j - \theta_j),$$
# $$r_j' = -\gamma_j r_j + \sum_{l \ne j} K_{jl} r_l \cos(\theta_l - \theta_j + \alpha_{jl})
#   + B_j u \cos(\eta_j - \theta_j).$$
# The chain does it for node 0 of three nodes; the lemmas cover every node of N, for symbolic N, the complex phase
# $\psi = \theta - i \ln r$, the couplings of S4D-Lin, and that the closed-form solution through the modes obeys the
# nonlinear equations.   [THEORY T7]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.polar_laws import polar_law, s4d_lin_polar_law

NODES = 3
network = cs.OscillatorNetwork.symbolic(NODES)
theta, r = (sp.symbols(f"{stem}_0:{NODES}", real=True) for stem in ("theta", "r"))
u = sp.Symbol("u", real=True)
states = [amplitude * sp.exp(sp.I * phase) for amplitude, phase in zip(r, theta, strict=True)]

# %% [markdown]
# ## The change of variables
# %%
field = cs.polar_field(network)
thetadot, rdot = (field.where[sp.Symbol(f"{stem}_0", real=True)] for stem in ("thetadot", "rdot"))
gamma, omega, B, eta = sp.symbols("gamma_0 omega_0 B_0 eta_0", real=True)
pulls = [
    (sp.Symbol(f"K_0_{l}", real=True) * r[l], theta[l] - theta[0] + sp.Symbol(f"alpha_0_{l}", real=True))
    for l in range(1, NODES)
] + [(B * u, eta - theta[0])]
derivation = (
    cs.Derivation("Amplitude and phase of one node", start=sp.exp(-sp.I * theta[0]) * network.derivative(states, u)[0])
    .step(
        r[0] * (-gamma + sp.I * omega) + sp.Add(*(size * sp.exp(sp.I * angle) for size, angle in pulls)),
        because=r"the phases of node, coupling and input add up",
    )
    .step(
        -gamma * r[0]
        + sp.Add(*(size * sp.cos(angle) for size, angle in pulls))
        + sp.I * (omega * r[0] + sp.Add(*(size * sp.sin(angle) for size, angle in pulls))),
        because="Euler's formula",
    )
    .step(
        rdot + sp.I * r[0] * thetadot,
        because=r"compare with $e^{-i\theta} \frac{d}{dt} r e^{i\theta} = r' + i r\theta'$, where $r \ne 0$",
        nonzero=(r[0],),
    )
)

# %% [markdown]
# ## S4D-Lin: damping one half, one natural frequency, and a lag that is linear in the distance
# The circulant of the spectrum $-\tfrac12 + i\pi n$ has the couplings $-\frac{\pi/2}{\sin(\pi d/N)} e^{i\pi d/N}$ (T2).
# %%


def s4d_lin_couplings(nodes):
    modes = tuple(-sp.Rational(1, 2) + sp.I * sp.pi * n for n in range(nodes))
    ring = cs.ring_embedding(cs.DiagonalSSM(modes, (1,) * nodes, (1,) * nodes))
    return cs.Identity(
        ring.coupling_matrix,
        cs.OscillatorNetwork.s4d_lin(nodes).coupling_matrix,
        name=f"couplings of S4D-Lin, {nodes} nodes",
    )


# %% [markdown]
# ## The solution
# Three nodes with arbitrary eigenvalues and initial states, a constant input from $t = 0$: the modes are
# $e^{a_n t} x_n(0) + A t \varphi_1(a_n t)$, the nodes their Fourier transform. Along it the field of $\psi$ and the
# polar equations hold. In discrete time the polar step carries it on.
# %%
initial = sp.symbols(f"p_0:{NODES}")
height = sp.Symbol("A", real=True)
ring = cs.ring_embedding(cs.DiagonalSSM.symbolic(NODES))
solution = cs.oscillator_solution(cs.OscillatorNetwork.of_ring(ring), cs.Excitation.step(height), initial=initial)
sampled = cs.oscillator_solution(
    cs.OscillatorNetwork.of_ring(cs.ring_embedding(cs.DiscreteSSM.symbolic(2))),
    cs.Excitation.exponential(sp.Symbol("s"), height),
    initial=initial[:2],
)
lemmas = (
    *cs.complex_phase_field(network).certificates,
    *field.certificates,
    *polar_law().certificates,
    *s4d_lin_polar_law().certificates,
    *cs.polar_step(cs.OscillatorNetwork.symbolic(2, discrete=True)).certificates,
    s4d_lin_couplings(2),
    s4d_lin_couplings(3),
    s4d_lin_couplings(4),
    *solution.certificates,
    *sampled.certificates,
)
for lemma in lemmas:
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
