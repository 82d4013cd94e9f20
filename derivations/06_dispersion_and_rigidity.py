# %% [markdown]
# # Rigid waves, and the dispersion of all others
# The step of a ring is a shift $\rho e^{i\varphi} P^\delta$ if and only if
# $\lambda_n = \rho e^{i\varphi} e^{2\pi i\delta f_n/N}$.
# *If:* the couplings of this spectrum are one number at the distance $\delta$ and zero elsewhere. *Only if:* a shift
# has these eigenvalues, and couplings determine the spectrum, because the Fourier transform has an inverse. Other
# spectra disperse. Real eigenvalues carry no wave in continuous time and under a hold; real multipliers can: 1 and -1
# are the shift of two nodes.   [THEORY T6]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.dispersion import MODE_NUMBER, STEP
from carleman_ssm.theory.wave_profile import DISTANCE, NODES, mode_frequency, mode_sum, whole_start

N, d, turn = NODES, DISTANCE, 2 * sp.pi * sp.I / NODES
rigid, start = cs.rigid_spectrum(), whole_start(None)
f = mode_frequency(start, N)
names = {sp.Symbol("f_n"): f}

# %% [markdown]
# ## The spectrum of a shift, and back
# At the distance $\delta + qN$ every mode contributes $\rho e^{i\varphi} e^{-2\pi i f_n q}$, which is the same for all;
# at another one the roots of unity cancel. For symbolic N, $\delta$ and d.
# %%
hop, q = sp.symbols("delta q", integer=True)
scale = sp.Symbol("rho", positive=True) * sp.exp(sp.I * sp.Symbol("varphi", real=True))
landing = mode_sum(rigid.expression * sp.exp(-turn * f * (hop + N * q)), N)
derivation = (
    cs.Derivation("The couplings of a rigid spectrum", start=landing, where=names)
    .step(mode_sum(scale * sp.exp(-2 * sp.pi * sp.I * f * q), N), because=r"$\delta - (\delta + qN) = -qN$")
    .step(scale, because=r"$e^{-2\pi i f_n q} = 1$ for whole frequencies")
    .lemma(*rigid.certificates)
)

# %% [markdown]
# ## The couplings determine the spectrum
# $\lambda_m = \sum_d w_d e^{2\pi i f_m d/N}$: mode n adds $\lambda_n$ to it for $n = m$, and nothing for another m.
# %%
m, n, value = sp.Symbol("m", integer=True), sp.Symbol("n", integer=True), sp.Symbol("lambda_n")


def returned(mode):
    """What the couplings of mode n give back at another mode."""
    return sp.Sum(value / N * sp.exp(-turn * (start + n) * d) * sp.exp(turn * (start + mode) * d), (d, 0, N - 1))


derivation = derivation.lemma(
    cs.Identity(returned(n), value, name="a mode comes back", because="N equal terms"),
    cs.Identity((sp.exp(turn * (m - n)) - 1) * returned(m), 0, name="and no other mode does", because="$r^N = 1$"),
)

# %% [markdown]
# ## Velocities
# Mode n turns by $\omega_n = \mathrm{Im}\,a_n$ and has the phase $-2\pi nj/N$ along the nodes: its crest moves with
# $v_p = N\omega_n/(2\pi n)$, a packet of neighbouring modes with $v_g = \frac N{2\pi}\partial_n\omega_n$. S4D-Lin:
# both are N/2. S4D-Inv: the group velocity depends on the mode, and points backward.
# %%
lin, inv = cs.s4d_lin_dispersion(), cs.s4d_inv_dispersion()
for title, law in (("S4D-Lin", lin), ("S4D-Inv", inv)):
    velocities = cs.Derivation(title, start=law.eigenvalue)
    derivation = derivation.chain(velocities.lemma(*law.phase_velocity.certificates, *law.group_velocity.certificates))

# %% [markdown]
# ## After a hold
# For *any* spectrum whose modes decay alike: phase and slope at one n are all that matters, so the straight line
# $\omega(n) = \omega_0 + \omega_1n$ with any real letters stands for it, $a_n = -r + i\omega(n)$. The multiplier
# $\lambda_n = e^{a_n\Delta}$ turns by $\omega\Delta$, as it is positive when turned back by it: the same wave, sampled.
# %%
mode, step = MODE_NUMBER, STEP
r, (omega_0, omega_1) = sp.Symbol("r", positive=True), sp.symbols("omega_0 omega_1", real=True)
omega = omega_0 + omega_1 * mode
law = cs.Dispersion(-r + sp.I * omega, omega, -r, omega_1)
held = cs.held_dispersion(law)
sampled = cs.Derivation("Any spectrum, held", start=held.eigenvalue)
derivation = derivation.chain(sampled.lemma(*held.phase_velocity.certificates, *held.group_velocity.certificates))

# %% [markdown]
# ## After the bilinear transform
# With $A = 1 - \frac{r\Delta}2$, $B = \frac\Delta2\omega(n)$ and $C = 1 + \frac{r\Delta}2$ the multiplier is
# $\lambda_n = (A + iB)/(C - iB)$, and its argument the sum of the angles of $A + iB$ and $C + iB$. The slope
# of the argument is that of $\mathrm{Im}\log\lambda$. It depends on B, and so on the mode even where $\omega$ is linear
# in n: numerical dispersion.
# %%
A, B, C = 1 - r * step / 2, step * omega / 2, 1 + r * step / 2
a, b, c = sp.symbols("A B C")
short = {a + sp.I * b: A + sp.I * B, c - sp.I * b: C - sp.I * B, c + sp.I * b: C + sp.I * B, a - sp.I * b: A - sp.I * B}
short |= {a**2 + b**2: A**2 + B**2, c**2 + b**2: C**2 + B**2, a: A, b: B, c: C}
slope, angles = omega_1 * step / 2, sp.atan2(B, A, evaluate=False) + sp.atan2(B, C, evaluate=False)
bilinear = cs.bilinear_dispersion(law)
packet = (
    cs.Derivation(
        "Slope of the argument after the bilinear transform",
        start=sp.im(sp.Derivative(sp.log(bilinear.eigenvalue), mode), evaluate=False),
        where=short,
    )
    .step(
        slope * (A / (A**2 + B**2) + C / (C**2 + B**2)),
        because=r"$(\log\lambda)' = iB'\big(\frac1{A + iB} + \frac1{C - iB}\big)$, $B' = \frac\Delta2\omega_1$, and "
        r"$\frac1{A + iB} = \frac{A - iB}{A^2 + B^2}$",
        nonzero=(A + sp.I * B,),
    )
    .step(
        sp.Derivative(angles, mode),
        because=r"$\partial_B\,\mathrm{atan2}(B, A) = A/(A^2 + B^2)$",
        nonzero=(A**2 + B**2,),
    )
    .lemma(*bilinear.phase_velocity.certificates, *bilinear.group_velocity.certificates)
)
derivation = derivation.chain(packet)

# %% [markdown]
# ## No wave
# For real $a_n$ both directions are alike and the contents never exceed those of node 0: $h_0^2 - |h_d|^2$ is a sum of
# what is not negative. The next derivation extends this to multipliers that change with the input.
# %%
derivation = derivation.lemma(*cs.real_spectrum_contents().certificates)

# %% [markdown]
# ## Many nodes
# The participation ratio, $(\sum_j p_j)^2/\sum_j p_j^2$ of the energies $p_j = |h_j|^2$, counts the nodes that share
# the energy: at least 1, at most N. Phases that err by $\varepsilon_n t$, standard deviation s, leave of the peak, in
# the mean, $q = e^{-s^2t^2}$ and an N-th of the rest.
# %%
derivation = derivation.lemma(*cs.participation_ratio_formula().certificates, *cs.jittered_peak().certificates)

# %% [markdown]
# ## A shift register without a wave
# In the Krylov frame, $V = [\bar b, \Lambda\bar b, \dots, \Lambda^{N-1}\bar b]$, *every* spectrum is a shift register
# for its first N steps: $\Lambda$ takes each column of V to the next, and the last one back through
# $\chi(\lambda_n) = 0$. Written out for N = 3. For S4D-Lin at one node per step the feedback is the single wire
# $\chi(z) = z^N - e^{-1}$: all N multipliers are its roots.
# %%
register = cs.krylov_frame(cs.DiscreteSSM.symbolic(states=3))
wires = (cs.unit_hop_characteristic(), cs.unit_hop_characteristic(3, first=0))
derivation = derivation.lemma(*register.certificates, *(one for form in wires for one in form.certificates))

notation = {
    r: "decay of all modes",
    sp.Symbol("s", positive=True): "standard deviation of the rates of jittered phases",
    sp.Symbol("p"): "energies of the nodes",
    sp.Symbol("W"): "number of nodes that share the energy equally",
    sp.Symbol("g_0"): "contents of the shift register",
    sp.Symbol("g_1"): "contents of the shift register",
    sp.Symbol("z"): "argument of the characteristic polynomial",
}
notation |= {sp.Symbol("f_0"): "lowest frequency of the modes on the ring"}
notation |= {sp.Symbol("t"): "time"}
notation |= {sp.Symbol("varphi"): "phase that one step turns all nodes by"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
