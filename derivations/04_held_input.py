# %% [markdown]
# # Where a held input lands
# The zero-order hold multiplies the input of mode n (in the gauge $b = 1$) by
# $\bar b_n = \int_0^\Delta e^{a_n\tau} d\tau = \Delta\varphi_1(a_n\Delta)$. On the ring this is
# $\mathrm{kick}_d = \frac1N\sum_n \bar b_n e^{-2\pi i f_n d/N}$. Its derivative in the step is the propagator, and it
# is nothing for no time. Hence
# $$\mathrm{kick}_d = \int_0^\Delta e^{-\tau/2} D(\tfrac N2\tau - d)\,d\tau
#   = \frac2N\int_0^\delta e^{-v/N} D(v - d)\,dv:$$
# a sinc smeared over the $\delta = N\Delta/2$ nodes that it passes. With $\bar b_n = 1$ the kick is node 0 alone.
# [THEORY T4]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    NODES,
    interpolation_sum,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
)

N, d = NODES, DISTANCE
step, further = sp.symbols("Delta s", positive=True)
a, place = lin_eigenvalue(mode_frequency(None, N)), sp.exp(-2 * sp.pi * sp.I * mode_frequency(None, N) * d / N)
z = N * step / 2 - d
names = {sp.Symbol("z", real=True): z, sp.Symbol("f_n"): mode_frequency(None, N)}

# %% [markdown]
# ## One mode
# The hold of $\Delta + s$ is the hold of s moved on for $\Delta$, and the hold of $\Delta$. In nodes,
# $\Delta = 2\delta/N$, the derivative gains the factor 2/N: the second form of the integral. All of it holds for every
# complex a, the quotient for $a \ne 0$.
# %%
b, hop = sp.Symbol("a"), sp.Symbol("delta", real=True)


def hold(time):
    return time * cs.phi(1, b * time)


derivation = cs.Derivation(
    "Derivative of the held kick",
    start=mode_sum(sp.Derivative((sp.exp(a * step) - 1) / a * place, step), N),
    where=names,
).lemma(
    cs.Identity(
        hold(step),
        (sp.exp(b * step) - 1) / b,
        name="the held input of a mode",
        because=r"the definition of $\varphi_1$",
        nonzero=(b,),
    ),
    cs.Identity(
        hold(step + further),
        hold(step) + sp.exp(b * step) * hold(further),
        name="holding on",
        because=r"$\int_0^{\Delta+s} = \int_0^\Delta + \int_\Delta^{\Delta+s}$",
    ),
    cs.Identity(
        sp.Derivative(hold(2 * hop / N), hop),
        2 / N * sp.exp(2 * b * hop / N),
        name="in nodes per step",
        because=r"$d\Delta = \tfrac2N d\delta$",
    ),
)

# %% [markdown]
# ## The derivative of the kick is the propagator
# Shown mode by mode, for symbolic N, every distance and every step. Two functions of $\Delta$ with one derivative that
# agree at $\Delta = 0$ are one function: the kick is the integral of the propagator.
# %%
derivation = (
    derivation.step(
        mode_sum(sp.exp(a * step) * place, N), because=r"$\partial_\Delta (e^{a\Delta} - 1)/a = e^{a\Delta}$"
    )
    .step(sp.exp(-step / 2) * interpolation_sum(z, N), because=r"$z = \tfrac N2\Delta - d$")
    .step(sp.exp(-step / 2) * cs.periodic_sinc(z, N), because="periodic sinc", nonzero=(sp.sin(sp.pi * z / N),))
    .lemma(*cs.held_kick().certificates)
)
notation = {sp.Symbol("s"): "time after a step"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
