# %% [markdown]
# # One exponential solves the bilinear lift
# $X' = (A + uN)X$ has a matrix that changes with the input and does not commute with itself at other times. All the
# same its solution is one product, $X(t) = T(\xi(t))\,e^{At}X(0)$ with $\xi_n(t) =
# \int_0^te^{a_n(t-\tau)}b_nu(\tau)\,d\tau$ and $T(\xi) = \exp\sum_n\xi_nE_n$: the form of Wei and Norman with a single
# term. It says that the lift of $x(t) = e^{\Lambda t}x(0) + \xi(t)$ is the lift of its two parts.
# [THEORY T15; Wei and Norman 1964]
#
# Entries are products over the modes: what is said of one mode n holds for all exponents and, by the product, any N.
# %%
import sympy as sp

import carleman_ssm as cs

alpha, beta, r, i, j = sp.symbols("alpha beta r i j", integer=True, nonnegative=True)
a, b, x, u, xi, eta = sp.symbols("a_n b_n x_n u xi eta")
t, s = sp.symbols("t s", real=True)
binomial = sp.binomial


def entry(row, column, shift=xi, time=t):
    """Of T(shift) with the flow of that time."""
    return binomial(row, column) * shift ** (row - column) * sp.exp(column * a * time)


# %% [markdown]
# ## The solution
# $\xi' = a_n\xi + b_nu$ and the flow $e^{At}$ move an entry that stands r + 1 places below the diagonal, in the row of
# $\beta + r + 1$: its derivative is its own drift and the input times the entry of the row above. That is the equation
# $X' = (A + uN)X$ in every column $\beta$. On the diagonal stands $e^{\beta a_nt}$. At $t = 0$, where $\xi = 0$, only
# the diagonal is left: $X(0)$.
# %%
moving = entry(beta + r + 1, beta)
derivation = (
    cs.Derivation("One exponential", start=sp.Derivative(moving, t) + (a * xi + b * u) * sp.Derivative(moving, xi))
    .step(
        (beta + r + 1) * a * moving + (r + 1) * b * u * binomial(beta + r + 1, beta) * xi**r * sp.exp(beta * a * t),
        because=r"$\partial_t$ gives $\beta a_n$, and $\xi\,\partial_\xi$ the other r + 1",
    )
    .step(
        (beta + r + 1) * a * moving + u * (beta + r + 1) * b * entry(beta + r, beta),
        because=r"$(r + 1)\binom{\beta+r+1}\beta = (\beta + r + 1)\binom{\beta+r}\beta$",
    )
    .lemma(
        cs.Identity(
            sp.Sum(entry(alpha, j, 0, 0) * x**j, (j, 0, alpha)),
            x**alpha,
            name="start",
            because=r"$0^{\alpha-j}$ is 0 but for $j = \alpha$",
        )
    )
)

# %% [markdown]
# ## The row applied to a state
# The sum over a row is the power of the moved state, by the binomial theorem.
# %%
derivation = derivation.lemma(
    cs.Identity(
        sp.Sum(entry(alpha, j) * x**j, (j, 0, alpha)),
        (sp.exp(a * t) * x + xi) ** alpha,
        name="the lift of the moved state",
        because=r"$x_n(t) = e^{a_nt}x_n(0) + \xi$",
    )
)

# %% [markdown]
# ## Why one exponential is enough
# In the frame that moves with $e^{At}$ the matrix of the input is $e^{-As}Ne^{As} = \sum_nb_ne^{-a_ns}E_n$: all
# multiples of the same $E_n$, which commute, at all times. So the ordered exponential is the exponential of the
# integral $\eta_n = \int_0^te^{-a_ns}b_nu(s)\,ds$, and $e^{At}T(\eta) = T(e^{\Lambda t}\eta)e^{At}$ puts it in front.
# %%
derivation = derivation.lemma(
    cs.Identity(
        sp.exp(-(alpha + 1) * a * s) * (alpha + 1) * b * sp.exp(alpha * a * s),
        (alpha + 1) * b * sp.exp(-a * s),
        name="the input in the moving frame",
        because=r"one degree less on the right",
    ),
    cs.Identity(
        sp.Derivative(binomial(beta + r + 1, beta) * xi ** (r + 1), xi),
        (beta + r + 1) * binomial(beta + r, beta) * xi**r,
        name="the translation is an exponential",
        because=r"$\partial_\xi T(\xi) = E_nT(\xi)$",
    ),
    cs.Identity(
        sp.exp((j + r) * a * t) * binomial(j + r, j) * eta**r,
        entry(j + r, j, sp.exp(a * t) * eta),
        name="the flow passes a translation",
        because=r"$e^{(j+r)a_nt} = (e^{a_nt})^re^{ja_nt}$",
    ),
)

# %% [markdown]
# ## Times add
# After the times s and t, with displacements $\eta$ and $\xi$, the state is moved by $\xi + e^{a_nt}\eta$: in a path
# from $\beta$ over $\beta + i$ to $\beta + i + j$ the coefficients are those of the direct way times $\binom{i+j}i$,
# and these add up to a power.
# %%
derivation = derivation.lemma(
    cs.Identity(
        binomial(beta + i + j, beta + i) * binomial(beta + i, beta),
        binomial(beta + i + j, beta) * binomial(i + j, i),
        name="a path over a middle",
        because=r"both are $(\beta + i + j)!/(\beta!\,i!\,j!)$",
    ),
    cs.Identity(
        sp.Sum(binomial(r, i) * (sp.exp(a * t) * eta) ** i * xi ** (r - i), (i, 0, r)),
        (sp.exp(a * t) * eta + xi) ** r,
        name="all paths",
        because="binomial theorem",
    ),
)

# %% [markdown]
# ## A held input, written out
# While u is held, $\xi = \Delta\varphi_1(a_n\Delta)b_nu$. The matrices for one mode and degree 1, and for two modes.
# %%
for states in (1, 2):
    lifted = cs.carleman_lift(cs.DiagonalSSM.symbolic(states), cs.PolynomialDecoder.symbolic(degree=1))
    derivation = derivation.lemma(*cs.one_step_map(lifted).certificates)

# %%
notation = {eta: "a second displacement"}
notation |= dict.fromkeys(sp.symbols("alpha beta"), "exponent of one mode in a monomial")
notation |= dict.fromkeys(sp.symbols("s t"), "time, and an earlier one")

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
