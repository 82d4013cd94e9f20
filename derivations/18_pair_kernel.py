# %% [markdown]
# # Pairs of waves of one layer drive the waves of the next
# The first layer has the kernel $K_m = k_m + D\delta_{m0}$, $k_m = c\,\bar b\,\lambda^m$ for each mode, its decoder
# the quadratic coefficient $g_2$, the second layer $k'_m = c'\bar b'\lambda'^m$. What it hears of two inputs
# $l_1$ and $l_2$ steps ago is the sum over the delay m in the second layer,
# $g_2\sum_{m \le \mu} k'_m K_{l_1-m} K_{l_2-m}$ with $\mu = \min(l_1, l_2)$: a geometric sum with the ratio
# $\rho = \lambda'/(\lambda_p\lambda_q)$, for symbolic lags.   [THEORY T18]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.pair_kernel import geometric_pair

l1, l2, mu, d = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("l_1", "l_2", "mu", "d"))
m = sp.Symbol("m", integer=True)
g2, c, b, cc, bb = sp.symbols("g_2 c_0 bbar_0 cprime_0 bbarprime_0")
p, q, r = sp.symbols("lambda_p lambda_q lambdaprime_r")

# %% [markdown]
# ## The geometric sum
# Two modes $\lambda_p$ and $\lambda_q$ of the first layer and one of the second, without their constant factors.
# %%
derivation = (
    cs.Derivation("Delay in the second layer", start=sp.Sum(r**m * p ** (l1 - m) * q ** (l2 - m), (m, 0, mu)))
    .step(
        p**l1 * q**l2 * sp.Sum((r / (p * q)) ** m, (m, 0, mu)),
        because=r"$\lambda_p^{l_1-m} = \lambda_p^{l_1}\lambda_p^{-m}$",
        nonzero=(p, q),
    )
    .step(
        p**l1 * q**l2 * (1 - (r / (p * q)) ** (mu + 1)) / (1 - r / (p * q)),
        because=r"geometric sum, $\rho \ne 1$",
        nonzero=(p, q, p * q - r),
    )
    .step(
        p ** (l1 - mu) * q ** (l2 - mu) * geometric_pair(p * q, r, mu),
        because=r"times $(\lambda_p\lambda_q)^{\mu+1}$ above and below: no division by a multiplier",
        nonzero=(p, q, p * q - r),
    )
)
resonance = cs.Identity(
    sp.Sum(r**m * p ** (l1 - m) * (r / p) ** (l2 - m), (m, 0, mu)),
    p ** (l1 - mu) * (r / p) ** (l2 - mu) * geometric_pair(r, r, mu, resonant=True),
    name="resonance",
    because=r"at $\lambda_p\lambda_q = \lambda'_r$ every delay adds the same",
    nonzero=(p, r),
)

# %% [markdown]
# ## The kernel of two layers, feedthroughs included
# `same` is 1 for equal lags and 0 for others. A feedthrough of the first layer acts at the end of the delay. The value
# at $\mu = 0$ and one more step of delay fix the kernel for all lags; the simulated layers are the second route.
# %%
lam, mode, same = sp.symbols("lambda_0 lambdaprime_0 delta")
D, DD = (sp.Symbol(name, real=True) for name in ("D", "Dprime"))


def state_kernel(lag):
    return c * b * lam**lag


def kernel(lag):
    return state_kernel(lag) + D * sp.KroneckerDelta(lag, 0)


def waves(a, b_, least):
    return cc * bb * g2 * (c * b) ** 2 * lam ** (a - least) * lam ** (b_ - least) * geometric_pair(lam**2, mode, least)


def driven(a, b_, least, same):
    met = D * state_kernel(a + b_ - 2 * least) * (1 + same) + D**2 * same
    return waves(a, b_, least) + g2 * cc * bb * mode**least * met


def pair(a, b_):
    """The whole kernel at two numbers."""
    values = map(sp.Integer, (a, b_, min(a, b_), a == b_))
    return driven(*values) + g2 * DD * kernel(sp.Integer(a)) * kernel(sp.Integer(b_))


def simulated(a, b_, steps=3):
    """Half the second derivative of the output of both layers after three inputs, $u_0$ the last."""
    u, x, y, out = sp.symbols(f"u_0:{steps}"), 0, 0, 0
    for now in reversed(u):
        x = lam * x + b * now
        v = g2 * (c * x + D * now) ** 2
        y = mode * y + bb * v
        out = cc * y + DD * v
    return out.diff(u[a]).diff(u[b_]) / 2


begun, zero = state_kernel(sp.S.Zero) + D, sp.S.Zero
lags = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
layers = [
    (
        waves(l1, l2, mu),
        g2 * cc * bb * sp.Sum(mode**m * state_kernel(l1 - m) * state_kernel(l2 - m), (m, 0, mu)),
        "sum over the delay",
    ),
    (
        driven(l1 + 1, l2 + 1, mu + 1, same),
        mode * driven(l1, l2, mu, same) + g2 * cc * bb * state_kernel(l1 + 1) * state_kernel(l2 + 1),
        "one more step of delay",
    ),
    (driven(zero, d + 1, zero, zero), g2 * cc * bb * begun * state_kernel(d + 1), "no delay, different lags"),
    (driven(zero, zero, zero, sp.S.One), g2 * cc * bb * begun**2, "no delay, equal lags"),
]
two_layers = [
    cs.Identity(sp.ImmutableMatrix([left]), sp.ImmutableMatrix([right]), name=name) for left, right, name in layers
]
both = (sp.ImmutableMatrix([kernel_at(*at) for at in lags]) for kernel_at in (pair, simulated))
two_layers.append(cs.Identity(*both, name="derivatives of the simulated layers"))

# %% [markdown]
# ## Three waves
# Relative to the mode r itself the contributions are powers of $\kappa = \lambda_p\lambda_q/\lambda'_r$; the gain is
# $1/|1 - \kappa|$. S4D-Lin, $a_n = -\frac12 + i\pi n$, with the steps $\Delta$ and $\Delta'$: largest where
# $(p + q)\Delta - r\Delta'$ is an even number, so with equal steps at $p + q = r$.
# %%
kappa, s, angle = sp.Symbol("kappa"), sp.Symbol("s", real=True), sp.Symbol("vartheta", real=True)
waves_p, waves_q, waves_r = sp.symbols("p q r", integer=True)
step, next_step = sp.symbols("Delta Deltaprime", positive=True)


def s4d_lin(n, step):
    return sp.exp((-sp.Rational(1, 2) + sp.I * sp.pi * n) * step)


phase = sp.I * sp.pi * ((waves_p + waves_q) * step - waves_r * next_step)
three_waves = [
    cs.Identity((1 - kappa) * sp.Sum(kappa**m, (m, 0, mu)), 1 - kappa ** (mu + 1), name="contributions add up"),
    cs.Identity(
        geometric_pair(p * q, r, mu),
        r**mu * (1 - (p * q / r) ** (mu + 1)) / (1 - p * q / r),
        name="the mode taken out",
    ),
    cs.Identity(
        s4d_lin(waves_p, step) * s4d_lin(waves_q, step) / s4d_lin(waves_r, next_step),
        sp.exp(next_step / 2 - step) * sp.exp(phase),
        name="ratio of S4D-Lin",
        because=r"$(a_p + a_q)\Delta - a_r\Delta'$",
    ),
    cs.Identity(
        (1 - s * sp.exp(sp.I * angle)) * (1 - s * sp.exp(-sp.I * angle)),
        (1 - s) ** 2 + 4 * s * sp.sin(angle / 2) ** 2,
        name="squared distance",
        because=r"$\cos\vartheta = 1 - 2\sin^2\frac\vartheta2$",
    ),
]
for lemma in (resonance, *two_layers, *three_waves):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
