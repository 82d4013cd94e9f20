# %% [markdown]
# # The lift in continuous time is bilinear, and its series stops
# With $x' = \Lambda x + bu$ the monomials $X = (x^\alpha)_{|\alpha|\le P}$ obey $X' = (A + uN)X$,
# $A = \mathrm{diag}(\alpha\cdot a)$ and $N = \sum_nb_nE_n$ with $E_nX_\alpha = \alpha_nX_{\alpha-e_n}$: linear in X
# and in u apart, where a sampled step has all powers of u up to P. N lowers the degree by one, so $N^{P+1} = 0$, and
# the series of Peano, Baker and Dyson in powers of u ends at order P.   [THEORY T14; Carleman 1932; Rugh 1981]
# %%
import sympy as sp

import carleman_ssm as cs

alpha, r = sp.symbols("alpha r", integer=True, nonnegative=True)
a, b, x, u, xi = sp.symbols("a_n b_n x_n u xi")
binomial, factorial = sp.binomial, sp.factorial

# %% [markdown]
# ## One mode
# The chain rule, for every exponent. Of the product over the modes one factor is differentiated at a time: mode n
# adds $\alpha_na_nX_\alpha + u\,\alpha_nb_nX_{\alpha-e_n}$, for any N. Where a power below the exponent 0 would stand
# its coefficient is 0: the condition $x_n \ne 0$ speaks of it alone.
# %%
derivation = (
    cs.Derivation("Drift of a monomial", start=sp.Derivative(x**alpha, x) * (a * x + b * u))
    .step(alpha * x ** (alpha - 1) * (a * x + b * u), because=r"$\partial_nx_n^\alpha = \alpha x_n^{\alpha-1}$")
    .step(
        alpha * a * x**alpha + u * alpha * b * x ** (alpha - 1),
        because=r"$x_n\,\partial_n$ keeps the degree, $\partial_n$ lowers it",
        nonzero=(x,),
    )
)

# %% [markdown]
# ## The input lowers the degree
# $(b_n\partial_n)^rx_n^\alpha = r!\binom\alpha rb_n^rx_n^{\alpha-r}$ by induction over r: nothing at r = 0, then one
# more derivative. At $r = \alpha$ it is the constant $\alpha!\,b_n^\alpha$, which the next one destroys. So
# $N^{P+1}$ vanishes on all monomials of degree at most P, whatever the number of modes, since the $E_n$ commute.
# %%


def lowered(times):
    return factorial(times) * binomial(alpha, times) * b**times * x ** (alpha - times)


derivation = derivation.chain(
    cs.Derivation("One more time", start=b * sp.Derivative(lowered(r), x))
    .step(
        factorial(r) * (alpha - r) * binomial(alpha, r) * b ** (r + 1) * x ** (alpha - r - 1),
        because=r"$\partial_nx_n^{\alpha-r} = (\alpha - r)x_n^{\alpha-r-1}$",
        nonzero=(x,),
    )
    .step(lowered(r + 1), because=r"$(\alpha - r)\binom\alpha r = (r + 1)\binom\alpha{r+1}$", nonzero=(x,))
    .lemma(
        cs.Identity(
            sp.Subs(lowered(r), r, alpha),
            factorial(alpha) * b**alpha,
            name="as often as the degree",
            because=r"$\binom\alpha\alpha = 1$",
        ),
        cs.Identity(
            sp.Subs(lowered(r), r, alpha + 1),
            0,
            name="once more",
            because=r"$\binom\alpha{\alpha+1} = 0$",
            nonzero=(x,),
        ),
    )
)

# %% [markdown]
# ## The finite series
# Without input $x_n' = a_nx_n$, and the state is $e^{a_nt}x_n(0)$. What the input adds is $\xi(t)$, with
# $\xi' = a_n\xi + b_nu$, $\xi(0) = 0$. The term of order r of the series of $x_n^\alpha$ is
# $\binom\alpha rx_n^{\alpha-r}\xi^r$: it starts at 0 for r > 0, and its derivative is its own drift and the input times
# the term of order r − 1 of the monomial below, which is how the terms of the series are defined. Stated for the
# exponent $\alpha + 1$ and the order r + 1; the order 0 is $x_n^\alpha$, which drifts alone. No
# order is above the exponent; all together are $(x_n + \xi)^\alpha$.
# %%


def order(degree, times):
    return binomial(degree, times) * x ** (degree - times) * xi**times


grown = order(alpha + 1, r + 1)
series = (
    cs.Derivation(
        "Law of one order", start=sp.Derivative(grown, x) * a * x + sp.Derivative(grown, xi) * (a * xi + b * u)
    )
    .step(
        (alpha + 1) * a * grown + (r + 1) * binomial(alpha + 1, r + 1) * b * u * x ** (alpha - r) * xi**r,
        because=r"$x_n\partial_n + \xi\partial_\xi$ counts the degree",
        nonzero=(x,),
    )
    .step(
        (alpha + 1) * a * grown + (alpha + 1) * b * u * order(alpha, r),
        because=r"$(r + 1)\binom{\alpha+1}{r+1} = (\alpha + 1)\binom\alpha r$",
        nonzero=(x,),
    )
)
series = series.lemma(
    cs.Identity(
        sp.Sum(order(alpha, r), (r, 0, alpha)),
        (x + xi) ** alpha,
        name="all orders together",
        because=r"binomial theorem (proved by induction in the lift of a step)",
    )
)
derivation = derivation.chain(series)

# %% [markdown]
# ## Written out
# The generator and the readout for one mode and degree 2, and for two modes and degree 1; and $N^{P+1} = 0$ there.
# %%
for states, degree in ((1, 2), (2, 1)):
    lifted = cs.carleman_lift(cs.DiagonalSSM.symbolic(states), cs.PolynomialDecoder.symbolic(degree=degree))
    derivation = derivation.lemma(
        *lifted.generator().certificates,
        *lifted.readout().certificates,
        cs.Identity(
            sp.MatMul(*[lifted.input_matrix] * (degree + 1), evaluate=False),
            sp.zeros(lifted.basis.size),
            name=r"nilpotent",
            because="each factor lowers the degree by one",
            sizes=lifted.sizes,
        ),
    )
notation = {sp.Symbol("alpha"): "exponent of one mode in a monomial"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
