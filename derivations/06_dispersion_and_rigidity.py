# %% [markdown]
# # Rigid waves are exactly the circles with one phase step of whole nodes; dispersion of the others
# The step of a ring is a shift $\rho e^{i\varphi} P^\delta$ if and only if
# $\lambda_n = \rho e^{i\varphi} e^{2\pi i\delta f_n/N}$.
# *If:* the couplings of this spectrum are one number at the distance $\delta$ and zero elsewhere (the chain below, and
# a lemma). *Only if:* a shift has these eigenvalues, and couplings determine the spectrum, because the discrete Fourier
# transform has an inverse (two lemmas). Other spectra disperse. Real eigenvalues carry no wave in continuous time and
# under a hold; real multipliers can: 1 and -1 are the shift of two nodes.   [THEORY T6]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.dispersion import MODE_NUMBER, STEP
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES, mode_frequency, mode_sum, whole_start

N, d = NODES, DISTANCE
rigid = cs.rigid_spectrum()
start = whole_start(None)
f = mode_frequency(start, N)
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
# ## The couplings determine the spectrum
# $\lambda_m = \sum_d w_d e^{2\pi i f_m d/N}$: mode n adds $\lambda_n$ to it for $n = m$, and nothing for another m.
# %%
m, n, value = sp.Symbol("m", integer=True), sp.Symbol("n", integer=True), sp.Symbol("lambda_n")


def returned(mode):
    """What the couplings of mode n give back at mode m."""
    wave = sp.exp(-2 * sp.pi * sp.I * (start + n) * d / N) * sp.exp(2 * sp.pi * sp.I * (start + mode) * d / N)
    return sp.Sum(value / N * wave, (d, 0, N - 1))


inverse = (
    cs.Identity(returned(n), value, name="a mode comes back", because="N equal terms"),
    cs.Identity(
        (sp.exp(2 * sp.pi * sp.I * (m - n) / N) - 1) * returned(m),
        0,
        name="and no other mode does",
        because=r"$r^N = 1$ for $r = e^{2\pi i(m - n)/N}$",
    ),
)

# %% [markdown]
# ## Dispersion
# S4D-Lin: both velocities are N/2. S4D-Inv: the group velocity depends on the mode, and points backward. The hold
# keeps the velocities. The bilinear transform has $\lambda = (A + iB)/(C - iB)$ with $A = 1 - \frac\Delta4$,
# $C = 1 + \frac\Delta4$, $B = \frac{\pi n\Delta}2$: with $A + iB = re^{i\alpha}$ and $C + iB = se^{i\beta}$ its
# argument is $\alpha + \beta$.
# %%
r, s = sp.symbols("r s", positive=True)
alpha, beta = sp.symbols("alpha beta", real=True)
above, below = (size * (sp.cos(angle) + sp.I * sp.sin(angle)) for size, angle in ((r, alpha), (s, beta)))
argument = (
    cs.Derivation("Argument after the bilinear transform", start=above / sp.conjugate(below))
    .step(r * sp.exp(sp.I * alpha) / (s * sp.exp(-sp.I * beta)), because="Euler's formula")
    .step(r / s * sp.exp(sp.I * (alpha + beta)), because="the angles add")
)

# %% [markdown]
# Its slope is the group velocity: $\mathrm{Im}(\lambda'/\lambda)$ with $B' = \frac{\pi\Delta}2$.
# %%
lin, inv = cs.s4d_lin_dispersion(), cs.s4d_inv_dispersion()
bilinear, mode, step = cs.bilinear_dispersion(lin), MODE_NUMBER, STEP
A, B, C = 1 - step / 4, sp.pi * mode * step / 2, 1 + step / 4
slope = sp.pi * step / 2
angles = sp.atan2(B, A, evaluate=False) + sp.atan2(B, C, evaluate=False)
law = (A + sp.I * B) / (C - sp.I * B)
logarithm = sp.I * slope / (A + sp.I * B) + sp.I * slope / (C - sp.I * B)
packet = (
    cs.Derivation(
        "Group velocity after the bilinear transform", start=N / (2 * sp.pi) * sp.im(sp.diff(law, mode) / law)
    )
    .step(
        N / (2 * sp.pi) * (logarithm - sp.conjugate(logarithm)) / (2 * sp.I),
        because=r"$\lambda'/\lambda = \frac{iB'}{A + iB} + \frac{iB'}{C - iB}$",
    )
    .step(
        N / (2 * sp.pi) * slope * (A / (A**2 + B**2) + C / (C**2 + B**2)),
        because=r"$1/(A + iB) = (A - iB)/(A^2 + B^2)$",
    )
    .step(N / (2 * sp.pi) * sp.Derivative(angles, mode), because=r"$\partial_B\,\mathrm{atan2}(B, A) = A/(A^2 + B^2)$")
    .step(bilinear.group_velocity.expression, because=r"$v_g = \frac{N}{2\pi}\,\partial_n \arg\lambda_n$")
)
laws = [law for base in (lin, inv) for law in (base, cs.held_dispersion(base), cs.bilinear_dispersion(base))]
dispersion = [
    certificate
    for law in laws
    for velocity in (law.phase_velocity, law.group_velocity)
    for certificate in velocity.certificates
]

# %% [markdown]
# ## No wave, many nodes, and a shift register without a wave
# For real $a_n$ the contents never exceed those of node 0. The participation ratio counts the nodes that share the
# energy. In the Krylov frame *every* spectrum is a shift register for its first N steps; for S4D-Lin at one node per
# step the feedback is the single wire $\chi(z) = z^N - e^{-1}$.
# %%
forms = (
    rigid,
    cs.real_spectrum_contents(),
    cs.participation_ratio_formula(),
    cs.jittered_peak(),
    cs.krylov_frame(cs.DiscreteSSM.symbolic(states=3)),
    cs.unit_hop_characteristic(),
    cs.unit_hop_characteristic(3, first=0),
)
others = [certificate for form in forms for certificate in form.certificates]
chains = [statement for chain in (argument, packet) for statement in (*chain.steps, chain.conclusion)]
for lemma in dict.fromkeys((nowhere_else, *inverse, *chains, *dispersion, *others)):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
