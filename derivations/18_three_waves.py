# %% [markdown]
# # Resonance of two waves with a third
# A pair of waves with multipliers $\lambda_p$, $\lambda_q$ drives a wave $\lambda'_r$ of the next layer. Relative to
# the mode r itself the contributions are powers of $\kappa = \lambda_p\lambda_q/\lambda'_r$; the gain is $1/|1 -
# \kappa|$ for $|\kappa| < 1$ (S4D-Lin: $\Delta' < 2\Delta$), and without limit beyond.   [THEORY T18]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.pair_kernel import geometric_pair
from carleman_ssm.theory.wave_resonance import size_of_gain

mu, m = sp.Symbol("mu", integer=True, nonnegative=True), sp.Symbol("m", integer=True)
p, q, r = sp.symbols("lambda_p lambda_q lambdaprime_r")
notation = {mu: "the smaller of two lags"}
kappa, (x, y) = sp.Symbol("kappa"), sp.symbols("x y", real=True)
waves_p, waves_q, waves_r = sp.symbols("p q r", integer=True)
step, next_step = sp.symbols("Delta Deltaprime", positive=True)
notation |= {kappa: r"ratio of the pair of waves to the wave that it drives, $\lambda_p\lambda_q/\lambda'_r$"}
notation |= dict.fromkeys((x, y), r"real and imaginary part of $\kappa$")
notation |= dict.fromkeys(sp.symbols("s vartheta"), r"modulus and argument of $\kappa$")
notation |= dict.fromkeys((waves_p, waves_q, waves_r), "frequencies of three waves")

# %% [markdown]
# ## Contributions of all delays
# Up to the smaller of two lags they are a geometric sum; its limit for $|\kappa| < 1$ is $1/(1 - \kappa)$.
# %%
ratio = p * q / r
derivation = (
    cs.Derivation("Contributions of all delays", start=geometric_pair(p * q, r, mu))
    .step(
        r**mu * (1 - ratio ** (mu + 1)) / (1 - ratio),
        because=r"${\lambda'_r}^{\mu+1}$ taken out above, $\lambda'_r$ below",
        nonzero=(r, p * q - r),
    )
    .step(r**mu * sp.Sum(ratio**m, (m, 0, mu)), because="geometric sum", nonzero=(p, q, r, p * q - r))
    .lemma(cs.Identity((1 - kappa) * sp.Sum(kappa**m, (m, 0, mu)), 1 - kappa ** (mu + 1), name="contributions add up"))
)

# %% [markdown]
# ## The size of the gain
# Its square times $(1 - \kappa)(1 - \bar\kappa)$ is 1 for $\kappa \ne 1$, and it is 1 at $\kappa = 0$; it vanishes
# nowhere. So it is the modulus of $1/(1 - \kappa)$, for the two parts of $\kappa$ and for its modulus and argument.
# %%
s, angle = sp.Symbol("s", positive=True), sp.Symbol("vartheta", real=True)
turned, squared = s * sp.exp(sp.I * angle), (1 - s) ** 2 + 4 * s * sp.sin(angle / 2) ** 2
derivation = derivation.lemma(
    cs.Identity((1 - turned) * (1 - sp.conjugate(turned)), squared, name="squared distance"),
    *size_of_gain(1 / sp.Abs(1 - x - sp.I * y), x + sp.I * y, {x: sp.S.Zero, y: sp.S.Zero}),
    *size_of_gain(1 / sp.sqrt(squared), turned, {s: sp.S.Zero}),
)

# %% [markdown]
# ## Three waves of S4D-Lin
# With $a_n = -\frac12 + i\pi n$ and the steps $\Delta$ and $\Delta'$ the gain is largest where $(p + q)\Delta -
# r\Delta'$ is an even number, so with equal steps at $p + q = r$.
# %%
phase = sp.I * sp.pi * ((waves_p + waves_q) * step - waves_r * next_step)


def s4d_lin(n, step):
    return sp.exp((-sp.Rational(1, 2) + sp.I * sp.pi * n) * step)


derivation = derivation.lemma(
    cs.Identity(
        s4d_lin(waves_p, step) * s4d_lin(waves_q, step) / s4d_lin(waves_r, next_step),
        sp.exp(next_step / 2 - step) * sp.exp(phase),
        name="ratio of S4D-Lin",
    )
)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
