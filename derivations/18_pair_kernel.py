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
notation = dict.fromkeys((l1, l2), "lags of two inputs") | {mu: "the smaller of two lags"}
notation |= {d: "difference of two lags", sp.Symbol("l"): "a lag"}

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
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(r**m * p ** (l1 - m) * (r / p) ** (l2 - m), (m, 0, mu)),
        p ** (l1 - mu) * (r / p) ** (l2 - mu) * geometric_pair(r, r, mu, resonant=True),
        name="resonance",
        because=r"at $\lambda_p\lambda_q = \lambda'_r$ every delay adds the same",
        nonzero=(p, r),
    )
)

# %% [markdown]
# ## The kernel of two layers, feedthroughs included
# A feedthrough of the first layer acts at the end of the delay: the last term of the sum over the delay holds $K_0$ for
# $k_0$. The kernel is that sum where both lags are 0, one is, or none is, with $l$ and $d$ for all lags and their
# differences; the simulated layers are the second route.
# %%
lam, mode = sp.symbols("lambda_0 lambdaprime_0")
l = sp.Symbol("l", integer=True, nonnegative=True)
D, DD = (sp.Symbol(name, real=True) for name in ("D", "Dprime"))


def state_kernel(lag):
    return c * b * lam**lag


def kernel(lag):
    return state_kernel(lag) + D * sp.KroneckerDelta(lag, 0)


def waves(a, b_, least):
    return (c * b) ** 2 * lam ** (a - least) * lam ** (b_ - least) * geometric_pair(lam**2, mode, least)


def pair(a, b_):
    """The whole kernel at two lags."""
    least, same = sp.Min(a, b_), sp.KroneckerDelta(a, b_)
    met = D * state_kernel(a + b_ - 2 * least) * (1 + same) + D**2 * same
    gain = g2 * cc * bb
    return gain * waves(a, b_, least) + gain * mode**least * met + g2 * DD * kernel(a) * kernel(b_)


def delays(a, b_):
    """The sum over the delay: waves throughout, and at its end what the feedthrough adds to their product."""
    last = sp.Min(a, b_)
    inner = (c * b) ** 2 * mode**m * lam ** (a - m) * lam ** (b_ - m)
    whole = kernel(a - last) * kernel(b_ - last) - state_kernel(a - last) * state_kernel(b_ - last)
    total = cc * bb * sp.Sum(inner, (m, 0, last)) if last != 0 else cc * bb * (c * b) ** 2 * lam**a * lam**b_
    return g2 * (total + cc * bb * mode**last * whole + DD * kernel(a) * kernel(b_))


def simulated(a, b_, steps=3):
    """Half the second derivative of the output of both layers after three inputs, $u_0$ the last."""
    u, x, y, out = sp.symbols(f"u_0:{steps}"), 0, 0, 0
    for now in reversed(u):
        x = lam * x + b * now
        v = g2 * (c * x + D * now) ** 2
        y = mode * y + bb * v
        out = cc * y + DD * v
    return out.diff(u[a]).diff(u[b_]) / 2


zero, ahead = sp.S.Zero, (l, l + d)
regions = [(zero, zero), (zero, d + 1), (d + 1, zero), (l + 1, l + 1), (l + 1, l + d + 2), (l + d + 2, l + 1)]
numbers = [(sp.Integer(i), sp.Integer(j)) for i in range(3) for j in range(i, 3)]
layers = {
    "sum over the delay": [
        (waves(*ahead, l), (c * b) ** 2 * sp.Sum(mode**m * lam ** (ahead[0] - m) * lam ** (ahead[1] - m), (m, 0, l)))
    ],
    "one more step of delay": [
        (
            waves(l + 1, l + d + 1, l + 1),
            mode * waves(*ahead, l) + (c * b) ** 2 * lam ** (l + 1) * lam ** (l + d + 1),
        )
    ],
    "the kernel at all lags": [(pair(*lags), delays(*lags)) for lags in regions],
    "derivatives of the simulated layers": [(pair(*lags), simulated(*lags)) for lags in numbers],
}
for name, rows in layers.items():
    sides = map(sp.Matrix, zip(*rows, strict=True))
    derivation = derivation.lemma(cs.Identity(*sides, name=name, sizes="N = 1 and 1", nonzero=(lam**2 - mode,)))

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
