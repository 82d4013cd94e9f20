# %% [markdown]
# # Rigid waves are exactly the equally spaced circles; dispersion of the others
# The step of a ring is a shift $\rho e^{i\varphi} P^\delta$ if and only if
# $\lambda_n = \rho e^{i\varphi} e^{2\pi i\delta f_n/N}$.
# *If:* the couplings of this spectrum are one number at the distance $\delta$ and zero elsewhere (the chain below, and
# the first lemma). *Only if:* the ring modes are eigenvectors of every shift, with these eigenvalues, and the discrete
# Fourier transform is injective. Other spectra disperse; real ones carry no wave.   [THEORY T6]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES, mode_frequency, mode_sum, whole_start

N, d = NODES, DISTANCE
rigid = cs.rigid_spectrum()
f = mode_frequency(whole_start(None), N)
hop, q = sp.symbols("delta q", integer=True)
scale = sp.Symbol("rho", positive=True) * sp.exp(sp.I * sp.Symbol("varphi", real=True))

# %% [markdown]
# ## The spectrum of a shift, and back
# At the distance $\delta + qN$ every mode contributes $\rho e^{i\varphi} e^{-2\pi i f_n q}$, which is the same for all.
# %%
landing = mode_sum(rigid.expression * sp.exp(-2 * sp.pi * sp.I * f * (hop + N * q) / N), N)
derivation = (
    cs.Derivation("The couplings of a rigid spectrum", start=landing)
    .step(mode_sum(scale * sp.exp(-2 * sp.pi * sp.I * f * q), N), because=r"$\delta - (\delta + qN) = -qN$")
    .step(scale, because=r"$e^{-2\pi i f_n q} = 1$ for whole frequencies")
)
nowhere_else = cs.Identity(
    sp.Sum(scale * sp.exp(2 * sp.pi * sp.I * MODE * (hop - d) / N), (MODE, 1, N - 1)),
    -scale,
    name="elsewhere the other modes cancel the first",
    because="the roots of unity add up to 0",
    nonzero=(sp.exp(2 * sp.pi * sp.I * (hop - d) / N) - 1,),
)

# %% [markdown]
# ## Dispersion
# S4D-Lin: both velocities are N/2. S4D-Inv: the group velocity depends on the mode, and points backward. The hold
# keeps the velocities, the bilinear transform does not: $\mathrm{Im}(\lambda'/\lambda)$ is the slope of $\arg\lambda$.
# %%
lin, inv = cs.s4d_lin_dispersion(), cs.s4d_inv_dispersion()
laws = (inv, cs.held_dispersion(lin), cs.bilinear_dispersion(lin))
dispersion = [c for law in laws for c in law.group_velocity.certificates]

# %% [markdown]
# ## No wave, many nodes, and a shift register without a wave
# For real $a_n$ the contents never exceed those of node 0. The participation ratio counts the nodes that share the
# energy. In the Krylov frame *every* spectrum is a shift register for its first N steps; for S4D-Lin at one node per
# step the feedback is the single wire $\chi(z) = z^N - e^{-1}$.
# %%
others = [
    *cs.real_spectrum_contents().certificates,
    *cs.participation_ratio_formula().certificates,
    *cs.jittered_peak().certificates[:2],
    *cs.krylov_frame(cs.DiscreteSSM.symbolic(states=3)).certificates,
    *cs.unit_hop_characteristic(3, first=0).certificates,
]
for lemma in (nowhere_else, *rigid.certificates[2:], *dispersion, *others):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
