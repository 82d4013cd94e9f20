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


def phases(power):
    """One phase for each input, kept as a product."""
    return sp.Mul(*(sp.exp(sp.I * omega * part * power) for part in parts), evaluate=False)


def waves(turn):
    r"""The decoder's waves from $n \mapsto e^{in\omega y}$."""
    return sp.Add(*(a[n - 1] / 2 * (turn(n) + turn(-n)) + b[n - 1] / (2 * sp.I) * (turn(n) - turn(-n)) for n in (1, 2)))


# %% [markdown]
# ## The chain
# %%
derivation = (
    cs.Derivation(
        "Cosines as phase products",
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
# The mixed derivative in two inputs is the second derivative of σ times both
# kernel values: no order of interaction was cut off.
# %%
mixed = (line + waves(phases)).doit().diff(u[0], u[1])
curvature = sp.Add(
    *(-((n * omega) ** 2) * (a[n - 1] * sp.cos(n * omega * y) + b[n - 1] * sp.sin(n * omega * y)) for n in (1, 2))
)
derivation = derivation.lemma(
    cs.Identity(mixed, K[0] * K[1] * curvature, name="two inputs interact", because=r"$y = K_0u_0 + K_1u_1$")
)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
