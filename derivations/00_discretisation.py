# %% [markdown]
# # One step of a mode: zero-order hold and bilinear transform
# A mode obeys $x_n' = a_nx_n + b_nu$. Sampled in steps of length $\Delta$ it becomes
# $x_k = \lambda_nx_{k-1} + \bar b_nu_k$. If the input is held during the step, this is exact, with
# $\lambda_n = e^{a_n\Delta}$ and $\bar b_n = \Delta\,\varphi_1(a_n\Delta)\,b_n$; the bilinear transform approximates.
# All is shown for one mode, and modes do not mix: it holds for any N.   [THEORY §3; Gu et al. 2022]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.discretisation import GAIN, INPUT, RATE, STATE, STEP, bilinear_step, held_step

a, b, u, x, Delta = RATE, GAIN, INPUT, STATE, STEP
hold, tustin = held_step(), bilinear_step()

# %% [markdown]
# ## The input is held
# Variation of constants proposes $e^{a_n\Delta}x_n + \int_0^\Delta e^{a_n\tau}d\tau\,b_nu$, and the integral is
# $\Delta\varphi_1(a_n\Delta)$ with $\varphi_1(z) = (e^z - 1)/z$. That it is right is seen by putting it in: as a
# function of $\Delta$ it is $x_n$ at 0 and obeys the equation, and such an equation has one solution from there.
# %%
moved = cs.unfold(hold).expression
derivation = (
    cs.Derivation("The held mode moves by its equation", start=sp.Derivative(moved, Delta))
    .step(
        a * sp.exp(a * Delta) * x + sp.exp(a * Delta) * b * u,
        because=r"$\frac{d}{d\Delta}\,\Delta\varphi_1(a_n\Delta) = e^{a_n\Delta}$",
    )
    .step(a * moved + b * u, because=r"$e^z = z\varphi_1(z) + 1$")
)

# %% [markdown]
# ## No division by the eigenvalue
# $(\lambda_n - 1)b_n/a_n$ is the same number where $a_n \ne 0$. The form with $\varphi_1$ has no singularity: at
# $a_n = 0$ it is $\Delta b_n$. The functions are one family, $\varphi_k(z) = \sum_j z^j/(j + k)!$ with
# $\varphi_0(z) = e^z$. Taking the first term away gives $z\varphi_{k+1}(z) = \varphi_k(z) - 1/k!$, and
# $\varphi_k' = \varphi_k$ less $k\varphi_{k+1}$ by comparing the coefficients of $z^{j-1}$, for every k; the functions
# of the package are these for k = 0, 1, 2, 3.   [Hochbruck and Ostermann 2010]
# %%
z, orders = sp.Symbol("z"), range(4)
j, order = sp.Symbol("j", integer=True, positive=True), sp.Symbol("k", integer=True, nonnegative=True)
derivation = derivation.lemma(
    cs.Identity(
        hold.where[sp.Symbol("bbar_n")],
        (sp.exp(a * Delta) - 1) * b / a,
        name="the quotient of the textbooks",
        because=r"$\varphi_1(z) = (e^z - 1)/z$",
        nonzero=(a,),
    ),
    cs.Identity(
        j / sp.factorial(j + order),
        1 / sp.factorial(j - 1 + order) - order / sp.factorial(j + order),
        name="coefficients of the derivative",
        because="$j = (j + k) - k$",
    ),
    cs.Identity(
        sp.ImmutableMatrix([z * cs.phi(k + 1, z) for k in orders]),
        sp.ImmutableMatrix([cs.phi(k, z) - 1 / sp.factorial(k) for k in orders]),
        name="recurrence",
        because="the power series without its first term",
        sizes="k = 0, 1, 2, 3",
    ),
    cs.Identity(
        sp.ImmutableMatrix([sp.Derivative(cs.phi(k, z), z) for k in orders]),
        sp.ImmutableMatrix([cs.phi(k, z) - k * cs.phi(k + 1, z) for k in orders]),
        name="derivative",
        because="term by term",
        sizes="k = 0, 1, 2, 3",
    ),
)

# %% [markdown]
# ## A step is as good as its halves
# Two steps with one input are one step of their summed length: the hold is exact, whatever the step.
# %%
first, second = sp.symbols("Delta_1 Delta_2", positive=True)
after = {length: moved.xreplace({Delta: length}) for length in (first, second, first + second)}
derivation = derivation.chain(
    cs.Derivation("Two steps with one input", start=after[second].xreplace({x: after[first]}))
    .step(
        sp.exp(a * (first + second)) * x
        + (sp.exp(a * second) * first * cs.phi(1, a * first) + second * cs.phi(1, a * second)) * b * u,
        because="the second step starts where the first one ends",
    )
    .step(
        after[first + second],
        because=r"$\int_0^{\Delta_1+\Delta_2} = \int_{\Delta_2}^{\Delta_1+\Delta_2} + \int_0^{\Delta_2}$",
    )
)

# %% [markdown]
# ## After k steps
# From $x_n$ on, with $u_1, u_2, \dots$ in turn, the state is $x_k = \lambda_n^kx_n + \sum_{m=0}^{k-1}\lambda_n^m\bar
# b_nu_{k-m}$, by induction over k: an empty sum at k = 0, and one step more.
# %%
lam, gain, inputs = *sp.symbols("lambda_n bbar_n"), sp.IndexedBase("u")
k, m = sp.Symbol("k", integer=True, nonnegative=True), sp.Symbol("m", integer=True)


def after_steps(count):
    return lam**count * x + sp.Sum(lam**m * gain * inputs[count - m], (m, 0, count - 1))


derivation = derivation.chain(
    cs.Derivation("One step more", start=lam * after_steps(k) + gain * inputs[k + 1])
    .step(
        lam ** (k + 1) * x + sp.Sum(lam ** (m + 1) * gain * inputs[k - m], (m, 0, k - 1)) + gain * inputs[k + 1],
        because=r"$\lambda_n\lambda_n^m = \lambda_n^{m+1}$",
    )
    .step(after_steps(k + 1), because="every lag grows by one, and the new input has none")
    .lemma(cs.Identity(after_steps(sp.S.Zero), x, name="before the first step", because="an empty sum"))
)

# %% [markdown]
# ## The bilinear transform
# Here the equation is asked to hold at the mean of the two states, $x_k - x_{k-1} =
# \Delta\big(a_n\frac{x_k + x_{k-1}}2 + b_nu_k\big)$. Solved for $x_k$ it gives $\lambda_n = \frac{1 + a_n\Delta/2}{1 -
# a_n\Delta/2}$ and $\bar b_n = \frac{\Delta b_n}{1 - a_n\Delta/2}$, with a pole at $a_n\Delta = 2$. Where the real
# part of $a_n$ is negative the multiplier is inside the unit circle: with $z = a_n\Delta/2$ the squares of its
# denominator and of its numerator differ by $-4\,\mathrm{Re}\,z > 0$.
# %%
half = a * Delta / 2
rule = cs.Derivation("The bilinear transform", start=tustin.expression, where={z: half, -z: -half})
derivation = derivation.chain(
    rule.lemma(
        *tustin.certificates,
        cs.Identity(
            sp.Abs(1 - half) ** 2 - sp.Abs(1 + half) ** 2,
            -2 * Delta * sp.re(a),
            name="stable stays stable",
            because=r"$|1 - z|^2 - |1 + z|^2 = -4\,\mathrm{Re}\,z$",
        ),
    )
)

notation = {
    z: r"argument of the functions $\varphi_k$; for the bilinear transform $a_n\Delta/2$",
    j: "exponent of a power series",
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
