# %% [markdown]
# # A ring of nodes is a network of nonlinear oscillators
# In $x' = W x + \beta u$ let $x_j = r_j e^{i\theta_j}$, $W_{jl} = K_{jl} e^{i\alpha_{jl}}$ and
# $\beta_j = B_j e^{i\eta_j}$, u real. Since $\frac{d}{dt} r e^{i\theta} = e^{i\theta} (r' + i r\theta')$, the equations
# of amplitude and phase are the real and imaginary part of $e^{-i\theta_j} (W x + \beta u)_j$, for every number N of
# nodes:
# $$\theta_j' = \sum_l K_{jl} \frac{r_l}{r_j} \sin(\theta_l - \theta_j + \alpha_{jl})
#   + \frac{B_j u}{r_j} \sin(\eta_j - \theta_j),$$
# $$r_j' = \sum_l K_{jl} r_l \cos(\theta_l - \theta_j + \alpha_{jl}) + B_j u \cos(\eta_j - \theta_j).$$
# The diagonal stands in the sums: $K_{jj} e^{i\alpha_{jj}} = -\gamma_j + i\omega_j$.   [THEORY T7; Muller, Mináč and
# Nguyen 2021]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.polar_laws import polar_law, s4d_lin_polar_law

law = polar_law()
K, lag, B, aim, theta, r, u, j, N = law.arguments
turning, growing = law.expression
l = sp.Symbol("l", integer=True)
nodes, pull, drive = (l, 0, N - 1), theta[l] - theta[j] + lag[j, l], aim[j] - theta[j]

# %% [markdown]
# ## Amplitude and phase of node j
# For symbolic N and j: all phases of node j are turned away, and what remains is split into real and imaginary part.
# %%
contents = sp.Sum(K[j, l] * sp.exp(sp.I * lag[j, l]) * r[l] * sp.exp(sp.I * theta[l]), nodes)
names = {sp.Symbol("thetadot_j"): turning, sp.Symbol("vartheta_j_l"): pull, sp.Symbol("vartheta_j"): drive}
derivation = (
    cs.Derivation(
        "Amplitude and phase of one node",
        start=sp.exp(-sp.I * theta[j]) * (contents + B[j] * u * sp.exp(sp.I * aim[j])),
        where=names,
    )
    .step(
        sp.Sum(K[j, l] * r[l] * sp.exp(sp.I * pull), nodes) + B[j] * u * sp.exp(sp.I * drive),
        because="the phases of node, coupling and input add up",
    )
    .step(
        sp.Sum(K[j, l] * r[l] * sp.cos(pull), nodes)
        + B[j] * u * sp.cos(drive)
        + sp.I * (sp.Sum(K[j, l] * r[l] * sp.sin(pull), nodes) + B[j] * u * sp.sin(drive)),
        because="Euler's formula",
    )
    .step(
        growing + sp.I * r[j] * turning,
        because=r"compare with $e^{-i\theta} \frac{d}{dt} r e^{i\theta} = r' + i r\theta'$, where $r_j \ne 0$",
        nonzero=(r[j],),
    )
    .lemma(*law.certificates)
)

# %% [markdown]
# ## One complex phase
# With $x_j = e^{i\psi_j}$, $\psi = \theta - i\ln r$, there is one equation: $i\psi_j' e^{i\psi_j} = (Wx + \beta u)_j$.
# %%
W, beta, psi = sp.IndexedBase("W"), sp.IndexedBase("beta"), sp.IndexedBase("psi")
velocity = -sp.I * sp.Sum(W[j, l] * sp.exp(sp.I * (psi[l] - psi[j])), nodes) - sp.I * beta[j] * u * sp.exp(
    -sp.I * psi[j]
)
derivation = derivation.lemma(
    cs.Identity(
        sp.I * velocity * sp.exp(sp.I * psi[j]),
        sp.Sum(W[j, l] * sp.exp(sp.I * psi[l]), nodes) + beta[j] * u,
        name="chain rule at node j",
        because=r"$\frac{d}{dt} e^{i\psi} = i\psi' e^{i\psi}$",
    )
)

# %% [markdown]
# ## One step in polar form
# In discrete time $x_j^+ = X_j + iY_j$ with two sums of cosines and sines, and modulus and argument of $X + iY$ are the
# next amplitude and phase.
# %%
X, Y = sp.symbols("X Y", real=True)
here = theta[l] + lag[j, l]
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(K[j, l] * r[l] * sp.cos(here), nodes) + sp.I * sp.Sum(K[j, l] * r[l] * sp.sin(here), nodes),
        contents,
        name="components",
        because="Euler's formula",
    ),
    cs.Identity(
        sp.sqrt(X**2 + Y**2) * (sp.cos(sp.atan2(Y, X)) + sp.I * sp.sin(sp.atan2(Y, X))),
        X + sp.I * Y,
        name="modulus and argument",
        because=r"$X + iY = re^{i\theta}$ with $r = \sqrt{X^2 + Y^2}$, $\theta = \mathrm{atan2}(Y, X)$",
        nonzero=(X**2 + Y**2,),
    ),
)

# %% [markdown]
# ## S4D-Lin
# Damping one half, one natural frequency $\frac{\pi(N-1)}2$, and a lag that is linear in the distance: the couplings
# $K_d e^{i\pi d/N}$, $K_d = -\frac{\pi/2}{\sin(\pi d/N)}$, are those of T2. For symbolic N.
# %%
lin, d = s4d_lin_polar_law(), sp.Symbol("d", integer=True)
between = {sp.Symbol("thetadot_j"): lin.expression[0]}
between |= {sp.Symbol("vartheta_d"): theta[j - d] - theta[j] + sp.pi * d / N, sp.Symbol("vartheta_j"): drive}
ring = cs.Derivation("The ring of S4D-Lin", start=sp.Symbol("F"), where=between)
derivation = derivation.chain(ring.lemma(*lin.certificates))

# %% [markdown]
# ## Two nodes, written out
# What the package writes for networks of a given size, here two nodes with arbitrary couplings: the velocity of each
# node in both forms, and one step.
# %%
network, stepped = cs.OscillatorNetwork.symbolic(2), cs.OscillatorNetwork.symbolic(2, discrete=True)
field, step = cs.polar_field(network), cs.polar_step(stepped)
turns = {key: value for key, value in field.where.items() if str(key).startswith("theta")}
parts = {key: value for key, value in step.where.items() if str(key)[0] in "XY"}
derivation = derivation.chain(
    cs.Derivation("Complex phases", sp.Symbol("F"), sizes="N = 2").lemma(*cs.complex_phase_field(network).certificates),
    cs.Derivation("Amplitudes and phases", sp.Symbol("F"), where=turns, sizes="N = 2").lemma(*field.certificates),
    cs.Derivation("One step", sp.Symbol("F"), where=parts, sizes="N = 2").lemma(*step.certificates),
)

meanings = {
    "K K_0_0 K_0_1 K_1_0 K_1_1": r"strength of a coupling, $W_{jl} = K_{jl}e^{i\alpha_{jl}}$",
    "alpha alpha_0_0 alpha_0_1 alpha_1_0 alpha_1_1": "lag of a coupling",
    "B B_0 B_1": r"strength of the drive, $\beta_j = B_je^{i\eta_j}$",
    "eta eta_0 eta_1": "lag of the drive",
    "beta": "drive of a node",
    "gamma_0 gamma_1": "damping of a node",
    "theta theta_0 theta_1": "phase of a node, $x_j = r_je^{i\\theta_j}$",
    "r r_0 r_1": "amplitude of a node",
    "psi psi_0 psi_1": "complex phase of a node, $x_j = e^{i\\psi_j}$",
    "X Y": "real and imaginary part of the next state",
}
notation = {sp.Symbol(name): meaning for names, meaning in meanings.items() for name in names.split()}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
