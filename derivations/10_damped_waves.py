# %% [markdown]
# # A trained channel is a sum of damped waves
# A channel stores modes with multipliers $\lambda_n = \rho_ne^{i\omega_n}$ and reads them with weights whose products
# with the input weights are $A_ne^{i\phi_n}$. Its kernel is $K_m = \sum_nA_n\rho_n^m\cos(\omega_nm + \phi_n)$: numbers
# that can be read, a decay, a frequency and a phase for every mode. We show it for one mode and any number of steps;
# modes add. The decoder behind it is a polynomial of the output, or a Chebyshev series.   [THEORY T10]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.operators.closed_forms import channel_laws

k, m = (sp.Symbol(name, integer=True, nonnegative=True) for name in "km")
A, rho = sp.symbols("A rho", positive=True)
omega, phi = sp.symbols("omega phi", real=True)
u = sp.IndexedBase("u")
notation = {
    A: "amplitude of the wave of a mode",
    phi: "phase of the wave of a mode",
    sp.Symbol("vartheta"): "angle, the cosine of which is the argument of a Chebyshev polynomial",
    sp.Symbol("p"): "degree of a Chebyshev polynomial",
}

# %% [markdown]
# ## A stored mode and its conjugate
# The output from rest is half the sum of the mode and of its conjugate; $u_0$ is the first input.
# %%


def answer(sign):
    """Half of what a mode (or its conjugate) adds to the output."""
    multiplier, weight = rho * sp.exp(sign * sp.I * omega), A * sp.exp(sign * sp.I * phi) / 2
    return sp.Sum(weight * multiplier**m * u[k - m], (m, 0, k))


turn = sp.I * (omega * m + phi)
derivation = (
    cs.Derivation("The output of a damped wave", start=answer(1) + answer(-1))
    .step(
        sp.Sum(A / 2 * rho**m * (sp.exp(turn) + sp.exp(-turn)) * u[k - m], (m, 0, k)),
        because=r"$e^{i\phi}(\rho e^{i\omega})^m = \rho^me^{i(\omega m + \phi)}$, at each lag",
    )
    .step(
        sp.Sum(A * rho**m * sp.cos(omega * m + phi) * u[k - m], (m, 0, k)),
        because=r"$e^{i\theta} + e^{-i\theta} = 2\cos\theta$",
    )
)

# %% [markdown]
# ## What the formula of a channel rests on
# One tap as a wave; the convolution over all lags obeys the recurrence of the mode, step by step; and a fitted decoder
# is written with the three-term recurrence of the Chebyshev polynomials, $T_{p+1}(t) = 2t\,T_p(t) - T_{p-1}(t)$. With
# these laws the package writes a trained network as a formula, with its own numbers; those of a small one follow, to
# three digits.
# %%
first = sp.Sum(sp.Symbol("lambda_0") ** m * u[-m], (m, 0, 0))
derivation = derivation.lemma(
    *channel_laws(), cs.Identity(first, u[0], name="the first step", because="no input but the first one")
)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
