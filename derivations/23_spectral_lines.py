# %% [markdown]
# # Spectral lines of a decoder, and the Bessel form for GELU
# About the level 0 a steady sinusoid drives the decoder by $y = R\cos\theta$. For the exact GELU the mean over a turn
# is $\frac{R^2e^{-x}}{2\sqrt{2\pi}}\,(I_0(x) + I_1(x))$ with $x = R^2/4$. As $\Phi(R\cos\theta)$ has the derivative
# $-R\sin\theta\,\varphi(R\cos\theta)$, integration by parts removes the error function; what remains is an exponential
# of $\cos2\theta$, whose mean is a Bessel function by definition: over a turn the mean of
# $\cos(2n\theta)\,e^{-x\cos2\theta}$ is $(-1)^nI_n(x)$ (DLMF 10.32.3).   [THEORY T15, T23]
# %%
from itertools import product

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.predictions.frequency_polynomials import products_of_inputs

R, theta = sp.Symbol("R", real=True), sp.Symbol("theta", real=True)
y, x = R * sp.cos(theta), R**2 / 4
notation = {R: "amplitude of the pre-activation", theta: "phase of a sinusoid"}


def gelu(at):
    return at / 2 * (1 + sp.erf(at / sp.sqrt(2)))


def density(at):
    return sp.exp(-(at**2) / 2) / sp.sqrt(2 * sp.pi)


def distribution(at):
    return (1 + sp.erf(at / sp.sqrt(2))) / 2


# %% [markdown]
# ## The mean
# The first term of the second line is the derivative of a periodic function, and has the mean 0.
# %%
periodic = sp.Derivative(R * sp.sin(theta) * distribution(y), theta)
scale = R**2 * sp.exp(-x) / (2 * sp.sqrt(2 * sp.pi))
derivation = (
    cs.Derivation("Stein's identity on the circle", start=gelu(y), where={sp.Function("Phi")(y): distribution(y)})
    .step(
        periodic + R**2 * sp.sin(theta) ** 2 * density(y),
        because=r"$\partial_\theta\Phi(R\cos\theta) = -R\sin\theta\,\varphi(R\cos\theta)$",
    )
    .step(
        periodic + scale * (1 - sp.cos(2 * theta)) * sp.exp(-x * sp.cos(2 * theta)),
        because=r"$2\sin^2\theta = 1 - \cos2\theta$ and $R^2\cos^2\theta/2 = x + x\cos2\theta$",
    )
)

# %% [markdown]
# ## Every harmonic
# The waves $h \pm 1$ are integrated by parts in the same way; shown for any h but $\pm1$, and for 0 and 2 once more. At
# an even h the integrand is one of Bessel functions. For an odd one half a turn decides: there
# GELU has lost $R\cos\theta$, so twice the mean of $\cos(h\theta)\,\mathrm{GELU}$ is that of $R\cos\theta\cos h\theta$.
# %%


def even_harmonic(h):
    waves = sp.sin((h + 1) * theta) / (h + 1) + sp.sin((h - 1) * theta) / (h - 1)
    rest = R**2 / 2 * waves * sp.sin(theta) * density(y)
    pairs = (sp.cos(h * theta) - sp.cos((h + 2) * theta)) / (h + 1)
    pairs += (sp.cos((h - 2) * theta) - sp.cos(h * theta)) / (h - 1)
    apart, sizes = ((), f"h = {h}") if isinstance(h, int) else ((h + 1, h - 1), "")
    yield cs.Identity(
        sp.cos(h * theta) * gelu(y),
        sp.Derivative(R / 2 * waves * distribution(y), theta) + rest,
        name=f"by parts on the circle, harmonic {h}",
        nonzero=apart,
        sizes=sizes,
    )
    yield cs.Identity(
        rest,
        scale / 2 * pairs * sp.exp(-x * sp.cos(2 * theta)),
        name=f"integrand of the Bessel functions, harmonic {h}",
        nonzero=apart,
        sizes=sizes,
    )


later = R * sp.cos(theta + sp.pi)
any_harmonic = sp.Symbol("h", integer=True)
notation |= {any_harmonic: "number of a harmonic"}
derivation = derivation.lemma(*even_harmonic(any_harmonic), *even_harmonic(0), *even_harmonic(2)).lemma(
    cs.Identity(
        gelu(y) * sp.cos(theta) + gelu(later) * sp.cos(theta + sp.pi),
        R / 2 + R / 2 * sp.cos(2 * theta),
        name="half a turn later",
        because=r"$\mathrm{GELU}(y) - \mathrm{GELU}(-y) = y$ and $2\cos^2\theta = 1 + \cos2\theta$",
    )
)

# %% [markdown]
# ## Lines of a polynomial
# A quadratic decoder about the level $y_0$ doubles one frequency; of two it shows the sum and the difference, with
# half the product of the amplitudes on either side of the spectrum.
# %%
g0, g1, g2, y0 = sp.symbols("g_0 g_1 g_2 y_0")


def lines(tones, words):
    sizes, angles = (sp.symbols(f"{stem}_1:{tones + 1}", real=True) for stem in ("R", "theta"))
    total = sp.S.Zero
    for h in product(range(-2, 3), repeat=tones):
        waves = sp.exp(sp.I * sp.Add(*(count * angle for count, angle in zip(h, angles, strict=True))))
        order = sum(map(abs, h))
        if order == 0:
            squares = sp.Add(*(2 * g2 * (size / 2) ** 2 for size in sizes))
            total += g0 + g1 * y0 + g2 * y0**2 + squares
        elif order == 1:
            [size] = [size for size, count in zip(sizes, h, strict=True) if count]
            total += (g1 + 2 * g2 * y0) * (size / 2) * waves
        elif order == 2:
            halves = sp.Mul(*((size / 2) ** abs(count) for size, count in zip(sizes, h, strict=True)))
            total += sp.Integer(2) / sp.Mul(*map(sp.factorial, map(abs, h))) * g2 * halves * waves
    signal = y0 + sp.Add(*(size * sp.cos(angle) for size, angle in zip(sizes, angles, strict=True)))
    return cs.Identity(total, g0 + signal * (g1 + signal * g2), name=f"all lines of {words}", sizes=f"P = 2, {words}")


derivation = derivation.lemma(lines(1, "one tone"), lines(2, "two tones"))
notation |= dict.fromkeys(sp.symbols("R_1:3"), notation[R]) | dict.fromkeys(
    sp.symbols("theta_1:3"), "phases of the tones"
)

# %% [markdown]
# ## Products of sinusoidal inputs
# A network of degree P multiplies inputs of ages $k_1, \dots, k_n$, $n \le P$. A product of any number of cosines is a
# sum of them: one more factor splits every term into two.
# %%
angle, age, omega = sp.symbols("vartheta k_1 omega", real=True)
term = (sp.cos(angle + age * omega + theta) + sp.cos(angle - age * omega - theta)) / 2
derivation = derivation.lemma(
    cs.Identity(sp.cos(angle) * sp.cos(age * omega + theta), term, name="one more factor", because="sum of angles"),
    *products_of_inputs(3),
)
notation |= {angle: "angle of a term"} | dict.fromkeys(sp.symbols("k_1:5", integer=True), "ages of the inputs")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
