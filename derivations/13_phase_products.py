# %% [markdown]
# # A decoder of cosines gives every past input a phase
# Let the output of a linear recurrence be $y = \sum_m K_m u_m$ over past inputs, and decode it by
# $\sigma(y) = c + sy + \sum_n a_n\cos(n\omega y) + b_n\sin(n\omega y)$. Then every past input multiplies a phase by its
# own: no expansion in orders, no truncation. It is printed for two inputs and two frequencies.   [THEORY T13b]
# %%
import sympy as sp

import carleman_ssm as cs

INPUTS, TERMS = 2, 2
K, u = sp.symbols(f"K_0:{INPUTS}"), sp.symbols(f"u_0:{INPUTS}")
a, b = sp.symbols(f"a_1:{TERMS + 1}"), sp.symbols(f"b_1:{TERMS + 1}")
c, s, omega = sp.symbols("c s omega")
parts = [weight * value for weight, value in zip(K, u, strict=True)]
y = sp.Add(*parts)
line = c + s * y
total = sp.Symbol("y")
notation = {
    c: "constant of the decoder",
    s: "slope of the line in the decoder",
}
notation |= dict.fromkeys(a, "weights of the cosines") | dict.fromkeys(b, "weights of the sines")


def phases(power):
    """One phase for each input, kept as a product."""
    return sp.Mul(*(sp.exp(sp.I * omega * part * power) for part in parts), evaluate=False)


def waves(turn):
    r"""The decoder's waves from $n \mapsto e^{in\omega y}$."""
    return sp.Add(*(a[n - 1] / 2 * (turn(n) + turn(-n)) + b[n - 1] / (2 * sp.I) * (turn(n) - turn(-n)) for n in (1, 2)))


# %% [markdown]
# ## One more input
# For any frequency and any number of inputs before: with one more summand the phase is multiplied by its own.
# %%
before, nu = sp.symbols("y_1 nu", real=True)
value, tap = sp.symbols("u K", real=True)
own, others = sp.exp(sp.I * nu * tap * value), sp.exp(sp.I * nu * before)
derivation = (
    cs.Derivation("One more input multiplies a wave by its phase", start=sp.cos(nu * (before + tap * value)))
    .step(
        (sp.exp(sp.I * nu * (before + tap * value)) + sp.exp(-sp.I * nu * (before + tap * value))) / 2,
        because=r"$2\cos\theta = e^{i\theta} + e^{-i\theta}$",
    )
    .step(
        (others * own + 1 / (others * own)) / 2,
        because=r"$e^{i\nu(y_1 + Ku)} = e^{i\nu y_1}e^{i\nu Ku}$: the phase of the others times its own",
    )
)
notation |= {nu: "any frequency of the decoder", before: "what the other inputs add up to"}

# %% [markdown]
# ## Two inputs, two frequencies
# %%
derivation = derivation.chain(
    cs.Derivation(
        "Cosines as phase products",
        where={total: y},
        sizes="2 inputs, 2 frequencies",
        start=line + sp.Add(*(a[n - 1] * sp.cos(n * omega * y) + b[n - 1] * sp.sin(n * omega * y) for n in (1, 2))),
    )
    .step(
        line + waves(lambda n: sp.exp(sp.I * omega * y) ** n),
        because=r"$e^{i\theta} = \cos\theta + i\sin\theta$",
    )
    .step(line + waves(phases), because=r"$e^{in\omega\sum_m y_m} = \prod_m e^{in\omega y_m}$")
)

# %% [markdown]
# ## All orders at once
# The mixed derivative in two inputs is the second derivative of $\sigma$ times both kernel values: no order of
# interaction was cut off.
# %%
mixed = (line + waves(phases)).doit().diff(u[0], u[1])
curvature = sp.Add(
    *(-((n * omega) ** 2) * (a[n - 1] * sp.cos(n * omega * y) + b[n - 1] * sp.sin(n * omega * y)) for n in (1, 2))
)
derivation = derivation.lemma(
    cs.Identity(
        mixed,
        K[0] * K[1] * curvature,
        name="two inputs interact",
        because=r"$y = K_0u_0 + K_1u_1$",
        sizes="2 inputs, 2 frequencies",
    )
)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
