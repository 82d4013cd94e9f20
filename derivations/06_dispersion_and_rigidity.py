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
# ## The argument of a bilinear multiplier
# With $A = 1 - \frac\Delta4$, $C = 1 + \frac\Delta4$ and $B = \frac\Delta2\mathrm{Im}\,a_n$ the bilinear transform of
# $a_n = -\frac12 + i\,\mathrm{Im}\,a_n$ is $\lambda_n = (A + iB)/(C - iB)$: with $A + iB = re^{i\alpha}$ and
# $C + iB = se^{i\beta}$ its argument is $\alpha + \beta$.
# %%
r, s = sp.symbols("r s", positive=True)
alpha, beta = sp.symbols("alpha beta", real=True)
above, below = (size * (sp.cos(angle) + sp.I * sp.sin(angle)) for size, angle in ((r, alpha), (s, beta)))
derivation = derivation.chain(
    cs.Derivation("Argument after the bilinear transform", start=above / sp.conjugate(below))
    .step(r * sp.exp(sp.I * alpha) / (s * sp.exp(-sp.I * beta)), because="Euler's formula")
    .step(r / s * sp.exp(sp.I * (alpha + beta)), because="the angles add")
)

# %% [markdown]
# ## The velocity of a packet
# The slope of the argument, $\mathrm{Im}(\log\lambda)'$, is the group velocity. S4D-Lin: $B = \frac{\pi n\Delta}2$.
# %%
mode, step = MODE_NUMBER, STEP
A, B, C = 1 - step / 4, sp.pi * mode * step / 2, 1 + step / 4
slope, angles = sp.pi * step / 2, sp.atan2(B, A, evaluate=False) + sp.atan2(B, C, evaluate=False)
law = (A + sp.I * B) / (C - sp.I * B)
logarithm = sp.I * slope / (A + sp.I * B) + sp.I * slope / (C - sp.I * B)


def shortened(turning):
    """A, B and C by their letters, alone and where they stand together."""
    a, b, c = sp.symbols("A B C")
    together = {a + sp.I * b: A + sp.I * turning, c - sp.I * b: C - sp.I * turning, c + sp.I * b: C + sp.I * turning}
    squares = {a**2 + b**2: A**2 + turning**2, c**2 + b**2: C**2 + turning**2}
    return together | {a - sp.I * b: A - sp.I * turning} | squares | {a: A, b: turning, c: C}


lin, inv = cs.s4d_lin_dispersion(), cs.s4d_inv_dispersion()
bilinear = cs.bilinear_dispersion(lin)
packet = (
    cs.Derivation(
        "Group velocity after the bilinear transform",
        start=N / (2 * sp.pi) * sp.im(sp.Derivative(sp.log(law), mode), evaluate=False),
        where=shortened(B),
    )
    .step(
        N / (2 * sp.pi) * (logarithm - sp.conjugate(logarithm)) / (2 * sp.I),
        because=r"$(\log\lambda)' = \frac{iB'}{A + iB} + \frac{iB'}{C - iB}$ with $B' = \frac{\pi\Delta}2$",
    )
    .step(
        N / (2 * sp.pi) * slope * (A / (A**2 + B**2) + C / (C**2 + B**2)),
        because=r"$1/(A + iB) = (A - iB)/(A^2 + B^2)$",
    )
    .step(N / (2 * sp.pi) * sp.Derivative(angles, mode), because=r"$\partial_B\,\mathrm{atan2}(B, A) = A/(A^2 + B^2)$")
    .step(bilinear.group_velocity.expression, because=r"$v_g = \frac{N}{2\pi}\,\partial_n \arg\lambda_n$")
)
derivation = derivation.chain(packet)

# %% [markdown]
# ## Dispersion
# S4D-Lin: both velocities are N/2. S4D-Inv: the group velocity depends on the mode, and points backward. The hold
# keeps the velocities; the bilinear transform does not. For every n, N and $\Delta$.
# %%
for title, base in (("S4D-Lin", lin), ("S4D-Inv", inv)):
    laws = {"": base, ", held": cs.held_dispersion(base), ", bilinear": cs.bilinear_dispersion(base)}
    for words, each in laws.items():
        short = shortened(base.phase * step / 2) if "bilinear" in words else {}
        chain = cs.Derivation(f"{title}{words}", start=each.eigenvalue, where=short)
        derivation = derivation.chain(chain.lemma(*each.phase_velocity.certificates, *each.group_velocity.certificates))

# %% [markdown]
# ## No wave
# For real $a_n$ the contents never exceed those of node 0: $h_0^2 - |h_d|^2$ is a sum of what is not negative.
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
# In the Krylov frame *every* spectrum is a shift register for its first N steps, written out for N = 3. For S4D-Lin at
# one node per step the feedback is the single wire $\chi(z) = z^N - e^{-1}$: all N multipliers are its roots.
# %%
register = cs.krylov_frame(cs.DiscreteSSM.symbolic(states=3))
wires = (cs.unit_hop_characteristic(), cs.unit_hop_characteristic(3, first=0))
derivation = derivation.lemma(*register.certificates, *(one for form in wires for one in form.certificates))

notation = {
    r: "here: modulus of $A + iB$",
    s: "here: modulus of $C + iB$; for jittered phases the standard deviation of their rates",
    alpha: "here: argument of $A + iB$",
    beta: "here: argument of $C + iB$",
    sp.Symbol("p"): "here: energies of the nodes",
    sp.Symbol("W"): "here: number of nodes that share the energy equally",
    sp.Symbol("g_0"): "here: contents of the shift register",
    sp.Symbol("g_1"): "here: contents of the shift register",
    sp.Symbol("z"): "here: argument of the characteristic polynomial",
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
