# %% [markdown]
# # A selective model is a fixed kernel on a clock that the input drives
# One mode of $x_k = e^{\Delta_k A} x_{k-1} + b_k$, with $\Delta_k$ and $b_k$ any functions of the inputs (Mamba:
# $\Delta_k = \mathrm{softplus}(v_k)$, $b_k = \Delta_k B_k u_k$). With the clock $\tau_k = \sum_{i \le k} \Delta_i$ we
# show $x_k = \sum_{j \le k} e^{(\tau_k - \tau_j) a} b_j$ for symbolic k, by induction: the kernel is that of a linear
# time-invariant system, and the input sets the times at which it is read.   [THEORY T19]
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.clock import Clock, clock_laws, clocked_output
from carleman_ssm.recurrences.clock_drives import hold_laws
from carleman_ssm.recurrences.clock_ring import clocked_wave
from carleman_ssm.recurrences.lift import collapse
from carleman_ssm.recurrences.selective_statements import gla_statement, mamba2_statement, mamba_statement
from carleman_ssm.recurrences.sigmoid_powers import ARGUMENT, held_recurrence, hold_certificates, sigmoid_powers

k, j, i = (sp.Symbol(name, integer=True, positive=True) for name in "kji")
a, delta, tau, b = sp.Symbol("a"), sp.IndexedBase("Delta"), sp.IndexedBase("tau"), sp.IndexedBase("b")


def on_the_clock(last, until):
    r"""$\sum_{j \le \text{until}} e^{a(\tau_\text{last} - \tau_j)} b_j$."""
    return sp.Sum(sp.exp(a * (tau[last] - tau[j])) * b[j], (j, 1, until))


notation = {
    b: "drives $b_k$ of the steps, any functions of the inputs",
    sp.Symbol("w"): "an input that is held",
    sp.Symbol("v"): "argument of the sigmoid",
}
notation |= {sp.Symbol("t"): "time"} | dict.fromkeys(sp.symbols("b_1:4_:2"), "drives of the steps")
notation |= dict.fromkeys(sp.symbols("s_1:3"), "sigmoid of a step")
notation |= dict.fromkeys(sp.symbols("xtilde_:2"), "entries of any state")
notation |= dict.fromkeys(sp.symbols("stilde_:2 ttilde_:2"), "two times on the clock, of every row")

# %% [markdown]
# ## The induction
# Suppose $x_{k-1}$ stands on the clock. One more step lasts $\Delta_k = \tau_k - \tau_{k-1}$.
# %%
derivation = (
    cs.Derivation(
        "One more step of the clock", start=sp.exp(a * (tau[k] - tau[k - 1])) * on_the_clock(k - 1, k - 1) + b[k]
    )
    .step(on_the_clock(k, k - 1) + b[k], because=r"$(\tau_k - \tau_{k-1}) + (\tau_{k-1} - \tau_j) = \tau_k - \tau_j$")
    .step(on_the_clock(k, k), because=r"the new drive has waited for no time, $e^{a(\tau_k - \tau_k)} = 1$")
)

# %% [markdown]
# ## Where it begins
# The base of the induction is an empty sum, and the clock itself is a sum of increments.
# %%


def clock_at(last):
    return sp.Sum(delta[i], (i, 1, last))


derivation = derivation.lemma(
    cs.Identity(on_the_clock(sp.S.Zero, sp.S.Zero), sp.S.Zero, name="rest", because="an empty sum"),
    cs.Identity(clock_at(k - 1) + delta[k], clock_at(k), name="the clock advances", because="one more increment"),
)

# %% [markdown]
# ## Two modes, three steps, and the lift
# The same without induction. Lifting keeps the form: the monomial $x^\alpha$ runs on the same clock at the rate
# $\alpha \cdot a$. The lifted steps do not commute, but their ordered product collapses.
# %%
two = Clock(sp.symbols("a_0 a_1"), sp.symbols("Delta_1 Delta_2 Delta_3"))
drives = [sp.symbols(f"b_{step}_0 b_{step}_1") for step in (1, 2, 3)]
weights = sp.symbols("c_0 c_1")
output = clocked_output(two, drives, lambda z, _: weights[0] * z[0] + weights[1] * z[1], symbol=sp.Symbol("y_3"))
others = {f"the lift of step {step} runs on the same clock" for step in (2, 3)}
lifted = collapse(two.recurrence(drives), degree=1).certificates[-1]
derivation = derivation.lemma(
    *output.certificates,
    *(replace(law, sizes="N = 2, L = 3") for law in clock_laws(two) if law.name not in others),
    lifted,
)

# %% [markdown]
# ## One sigmoid for all modes
# For $\Delta = \ln(1 + e^v)$ and $a_n = -(n+1)$ the multipliers are the powers of $s = \sigma(-v)$, and so are the
# coefficients of a zero-order hold. A hold is exact in the time of the clock: two steps with one input are one step of
# their summed length, which is not so under Euler's rule. Two held steps of the second mode are a polynomial in $s_1$
# and $s_2$.
# %%
s, u = sp.symbols("s_1 s_2"), sp.symbols("u_1 u_2")
mode = sp.Symbol("n", integer=True, nonnegative=True)
held = held_recurrence(s, [(0, u[0]), (0, u[1])]).state(2)[1]
derivation = derivation.lemma(
    *sigmoid_powers(3).certificates,
    hold_certificates(mode)[0],
    *hold_laws(),
    cs.Identity(
        held,
        s[1] ** 2 * (1 - s[0] ** 2) * u[0] / 2 + (1 - s[1] ** 2) * u[1] / 2,
        name="two held steps of mode 1",
        because="a polynomial in the sigmoids",
        sizes="n = 1, L = 2",
    ),
    cs.Identity(
        sp.Derivative(sp.log(1 + sp.exp(-ARGUMENT)), ARGUMENT),
        -1 / (1 + sp.exp(ARGUMENT)),
        name="the logarithm of the sigmoid",
        nonzero=(1 + sp.exp(ARGUMENT), 1 + sp.exp(-ARGUMENT)),
        because=r"$-\ln \sigma(v) = \mathrm{softplus}(-v)$",
    ),
)

# %% [markdown]
# ## The wave at the speed of the input
# With the rates of S4D-Lin every step turns mode n by $2\pi f_n \delta_k/N$, $\delta_k = N\Delta_k/2$: affine in n for
# every $\Delta_k$, so the pattern stays rigid and its place is N/2 times the clock.
# %%
derivation = derivation.lemma(*clocked_wave().certificates)

# %% [markdown]
# ## Families
# The outputs of Mamba, Mamba-2 and GLA on their clocks, for one state and two steps (the last two with two values).
# [Gu and Dao 2023; Dao and Gu 2024; Yang et al. 2024]
# %%
meanings = {"kappa": "keys", "q": "queries of the steps", "v": "values of the steps"}
meanings |= {"A": "rate of a row", "B": "input weights of a step", "C": "readout of a step"}
meanings |= {"g": "logarithm of the decay of a row", "x": "what enters at a step"}
for statement in (mamba_statement(1, 2), mamba2_statement(1, 2), gla_statement(1, 2)):
    derivation = derivation.lemma(*statement.output.certificates)
    letters = {s for one in statement.output.certificates for s in one.left.free_symbols | one.right.free_symbols}
    notation |= {s: meanings[stem] for s in sorted(letters, key=str) if (stem := str(s).split("_")[0]) in meanings}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
