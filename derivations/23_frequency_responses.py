# %% [markdown]
# # From the first step to the steady answer
# An input $\rho^n$, switched on at $n = 0$, drives a mode by $x_n = \lambda x_{n-1} + \rho^n$; an impulse is
# $\rho = 0$, a step $\rho = 1$, a sinusoid the pair $\rho = e^{\pm i\omega}$. The answer is the geometric sum
# $\Gamma_n$: a steady part $\rho/(\rho - \lambda)\,\rho^n$ less a transient. Steady parts add up to the transfer
# function $H(\rho) = D + \sum c\bar b\rho/(\rho - \lambda)$, and a decoder answers with products of H.
# [THEORY T15, T23]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.formulas.special import phi
from carleman_ssm.predictions.formulas import response_laws

n, T = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("n", "T"))
i, m, k = (sp.Symbol(name, integer=True) for name in "imk")
lam, rho, w = sp.symbols("lambda_0 rho w")
column = sp.ImmutableMatrix
notation = {
    rho: "ratio of an input $\\rho^n$ from step to step",
    n: "steps since the input was switched on",
    T: "the last lag of a partial sum",
    w: "logarithm of the ratio of input and multiplier",
}


def away(age, ratio=rho):
    return (ratio ** (age + 1) - lam ** (age + 1)) / (ratio - lam)


def resonant(age):
    return (age + 1) * lam**age


# %% [markdown]
# ## The sum over the inputs
# From rest, each input $\rho^i$ is multiplied by $\lambda$ once for every step since. The sum is characterised by its
# first value and by one more step of the recurrence.
# %%
derivation = (
    cs.Derivation("A mode that is switched on", start=sp.Sum(lam ** (n - i) * rho**i, (i, 0, n)))
    .step(away(n), because=r"geometric sum, $\rho \ne \lambda$", nonzero=(rho - lam,))
    .step(
        rho / (rho - lam) * rho**n - lam / (rho - lam) * lam**n,
        because="what goes on, and what dies out",
        nonzero=(rho - lam,),
    )
)
derivation = derivation.lemma(
    cs.Identity(
        column([away(0), away(n + 1)]),
        column([1, lam * away(n) + rho ** (n + 1)]),
        name="first value and one more step",
        nonzero=(rho - lam,),
    ),
)

# %% [markdown]
# ## At resonance and near it
# At $\rho = \lambda$ every input adds the same. Near it the quotient is a difference of neighbours; written with
# $\varphi_1(z) = (e^z - 1)/z$ it is not.
# %%
derivation = derivation.lemma(
    cs.Identity(
        column([1, resonant(n + 1)]),
        column([1, lam * resonant(n) + lam ** (n + 1)]),
        name="first value and one more step at resonance",
    ),
    cs.Identity(sp.Sum(lam ** (n - i) * lam**i, (i, 0, n)), resonant(n), name="sum over the inputs at resonance"),
    cs.Identity(
        column([lam**n * (n + 1) * phi(1, (n + 1) * w) / phi(1, w), resonant(n)]),
        column([away(n, lam * sp.exp(w)), resonant(n)]),
        name="the quotient, and its value at resonance",
        nonzero=(lam, sp.exp(w) - 1),
    ),
)

# %% [markdown]
# ## The transfer function
# The steady states obey the recurrence, and H is the transform of the kernel $K_m = c\bar b\lambda^m$ (+ D at $m = 0$):
# what is missing up to lag T vanishes if $|\rho| > |\lambda|$. Said of one mode; as modes add, it holds for any N.
# %%
D, c, b = sp.Symbol("D", real=True), sp.Symbol("c_0"), sp.Symbol("bbar_0")
share = b * rho / (rho - lam)
H = D + c * share
derivation = derivation.lemma(
    cs.Identity(
        column([share * rho**k]),
        column([lam * (share * rho ** (k - 1)) + b * rho**k]),
        name="steady states",
        nonzero=(rho, rho - lam),
    ),
    cs.Identity(c * (share * rho**k) + D * rho**k, H * rho**k, name="steady output", nonzero=(rho, rho - lam)),
    cs.Identity(
        D + sp.Sum(c * b * lam**m * rho ** (-m), (m, 0, T)),
        H - c * share * (lam / rho) ** (T + 1),
        name="transform of the kernel",
        nonzero=(rho, rho - lam),
    ),
)

# %% [markdown]
# ## Products of transfer functions
# About the level $y_0$ (what the biases alone produce) every power of the pre-activation splits by orders, for any
# exponent; and for a quadratic decoder the answers of first and second order are written out.
# %%
g0, g1, g2, y0, A, gain = sp.symbols("g_0 g_1 g_2 y_0 A H")
sizes, gains, ratios = (sp.symbols(f"{stem}_1:3") for stem in ("A", "H", "rho"))
notation |= dict.fromkeys((A, *sizes), "amplitude of an input") | dict.fromkeys(ratios, notation[rho])
notation |= dict.fromkeys((gain, *gains), "value of the transfer function at the ratio of an input")


def quadratic(y):
    return g0 + y * (g1 + y * g2)


def mixed_derivative(order):
    inputs = list(zip(sizes, gains, ratios, strict=True))[:order]
    y = y0 + sp.Add(*(size * H_i * ratio**k for size, H_i, ratio in inputs))
    curve = {1: g1 + 2 * g2 * y, 2: g2}[order]
    return cs.Identity(
        sp.Derivative(quadratic(y), *sizes[:order]),
        order * curve * sp.Mul(*(H_i * ratio**k for _, H_i, ratio in inputs)),
        name=f"mixed derivative of order {order} in the amplitudes",
        nonzero=ratios[:order],
        sizes=f"P = 2, order {order}",
    )


orders = [quadratic(y0).expand(), (g1 + 2 * g2 * y0) * A * gain * rho**k, g2 * (A * gain * rho**k) ** 2]
p, q = (sp.Symbol(name, integer=True, nonnegative=True) for name in "pq")
value = sp.Symbol("z")
power = sp.Sum(sp.binomial(p, q) * y0 ** (p - q) * value**q, (q, 0, p))
notation |= {value: "what an input adds to the pre-activation"}
derivation = derivation.lemma(
    cs.Identity(power, (y0 + value) ** p, name="orders of a power", because="binomial theorem"),
    mixed_derivative(1),
    mixed_derivative(2),
    cs.Identity(
        sp.Add(*orders), quadratic(y0 + A * gain * rho**k), name="orders add up", nonzero=(rho,), sizes="P = 2"
    ),
)
# %% [markdown]
# ## A mode and its conjugate under a real input
# What the formulas of trained networks are built of: the real parts of a mode and of an input
# $e^{i\vartheta}\rho^n$, with the conjugates as letters of their own, give four sums of the same kind.
# %%
derivation = derivation.lemma(response_laws()[-1])
notation |= {
    sp.Symbol("w_0"): "weight of a mode",
    sp.Symbol("wbar_0"): "its conjugate",
    sp.Symbol("lambdabar_0"): "conjugate of the multiplier",
    sp.Symbol("rhobar"): "conjugate of the ratio of the input",
    sp.Symbol("alpha"): "phase factor $e^{i\\vartheta}$ of the input",
    sp.Symbol("alphabar"): "its conjugate",
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
