# %% [markdown]
# # Carleman matrices of layers compose if the inner layer vanishes at zero
# $C_{D,E}(f)$ holds the coefficients of $f^\beta$, $|\beta| \le D$, on $x^\alpha$, $|\alpha| \le E$. Nothing is lost
# in $C_D(f)\,C_D(g) = C_D(f \circ g)$ when $g(0) = 0$: the rows $g^\alpha$ with $|\alpha| > D$, which the square
# matrices drop, start at degree $|\alpha|$. With biases it is false in general. We show by how much it fails, and
# the cure: expand about what the biases alone produce.   [THEORY T17]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.layer_matrices import (
    carleman_composition,
    carleman_matrix,
    recentred_composition,
    rectangular_composition,
)
from carleman_ssm.theory.polynomial_maps import PolynomialMap

x, y = sp.symbols("x y")
f = cs.PolynomialDecoder.symbolic(degree=2, name="f")
g = cs.PolynomialDecoder.symbolic(degree=2, name="g")
(f0, f1, f2), (g0, g1, g2) = f.coefficients, g.coefficients
outer, biased = PolynomialMap.of_decoder(f, y), PolynomialMap.of_decoder(g, x)
centred = PolynomialMap.of_decoder(cs.PolynomialDecoder((0, g1, g2)), x)
notation = {x: "argument of the inner map", y: "argument of the outer map"}
notation |= dict.fromkeys((f0, f1, f2), "coefficients of the outer map") | {
    sp.Symbol("delta_0"): "distance from the trajectory"
}


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## What is dropped starts too high
# For every exponent $\alpha$ the power of a map without constant has only the powers $x^\alpha$ and above. In the
# product of two square matrices the column $\alpha > D$ of f meets the row $g^\alpha$ alone, and that row has no entry
# up to degree D.
# %%
alpha, m = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("alpha", "m"))
derivation = (
    cs.Derivation("Powers of a map that vanishes at zero", start=(g1 * x + g2 * x**2) ** alpha, sizes="degree 2")
    .step(x**alpha * (g1 + g2 * x) ** alpha, because="every term holds x")
    .step(
        x**alpha * sp.Sum(sp.binomial(alpha, m) * g1 ** (alpha - m) * (g2 * x) ** m, (m, 0, alpha)),
        because="binomial theorem",
    )
)

# %% [markdown]
# ## Two square matrices
# Written out for two maps of degree 2 in one variable and $D = 2$. The wide matrix of f has the columns that its square
# one drops, the tall matrix of g the rows that its square one drops.
# %%
DEGREE = 2
wide = carleman_matrix(outer, DEGREE, columns=2 * DEGREE)
tall = carleman_matrix(centred, 2 * DEGREE, columns=DEGREE)
one_variable = "D = 2, n = 1, degrees 2 and 2"
derivation = derivation.chain(
    cs.Derivation(
        "Composition of centred layers",
        start=product(carleman_matrix(outer, DEGREE), carleman_matrix(centred, DEGREE)),
        sizes=one_variable,
    )
    .step(product(wide, tall), because=r"the rows $g^\alpha$, $|\alpha| > D$, of g vanish")
    .step(
        carleman_matrix(outer.after(centred), DEGREE),
        because=r"$f(g(x))^\beta = \sum_\alpha C_{\beta\alpha}(f)\, g(x)^\alpha$",
    )
    .lemma(*carleman_composition(outer, centred, DEGREE).certificates)
)

# %% [markdown]
# ## What biases spoil
# For any g the square product errs by the dropped columns times the dropped rows; both are kept by the rectangular
# product, which is exact. Here $D = 1$, which leaves two rows of f.
# %%
low, high = carleman_matrix(outer, 1, columns=2), carleman_matrix(biased, 2, columns=4)
lost = cs.Identity(
    carleman_matrix(outer.after(biased), 1) - carleman_matrix(outer, 1) * carleman_matrix(biased, 1),
    product(low[:, 2:], high[2:, :2]),
    name="what an uncentred product loses",
    because="split the sum over the powers of g at D",
    sizes="D = 1, n = 1, degrees 2 and 2",
)
derivation = derivation.lemma(lost, *rectangular_composition(outer, biased, 1).certificates)

# %% [markdown]
# ## About the bias-only trajectory
# $r_1 = g(0) = g_0$, $r_2 = f(r_1)$: the recentred layers $\tilde g(x) = g_1x + g_2x^2$ and
# $\tilde f(y) = (f_1 + 2f_2g_0)y + f_2y^2$ vanish at 0, compose to $f(g(x)) - f(g_0)$, and so do their square matrices.
# The letter $\phi$ is the slope of f at $r_1$.
# %%
slope = sp.Symbol("phi")
laws = recentred_composition([biased, outer], DEGREE).certificates
maps, matrices = laws[:2]
derivation = derivation.chain(
    cs.Derivation(
        "Matrices about the bias-only trajectory",
        start=matrices.left,
        where={slope: f1 + 2 * f2 * g0},
        sizes=one_variable,
    )
    .step(matrices.right, because=matrices.because)
    .lemma(maps, *laws[2:])
)
notation |= {slope: "slope of the outer map where the biases put it"}

# %% [markdown]
# ## Two layers over two steps
# Each layer has one mode, $\bar b = c = 1$, and the decoder $q + y + y^2$ with a bias q: from rest it takes $v_1, v_2$
# to $q + y_1 + y_1^2$ and $q + y_2 + y_2^2$ with $y_1 = v_1$, $y_2 = \lambda v_1 + v_2$. These are maps of two
# variables; about the bias-only trajectory $(q_1, q_1)$ of the first layer their square matrices compose: $D = 1$.
# %%
v = sp.symbols("v_1 v_2")
notation |= {v[0]: "what enters a layer at step k", sp.Symbol("q_1"): "biases $q_\\ell$ of the layers"}


def two_steps(layer):
    """A layer of one mode over two steps from rest, by hand."""
    lam, bias = sp.symbols(f"lambda_{layer} q_{layer}")
    answers = (v[0], lam * v[0] + v[1])
    return PolynomialMap(v, tuple(bias + a + a**2 for a in answers))


inner, second = two_steps(1), two_steps(2)
rest = inner.constant
first, about = inner.recentred([0, 0]), second.recentred(rest)
deviation = second.after(inner).recentred([0, 0])
derivation = derivation.lemma(
    cs.Identity(
        product(carleman_matrix(about, 1), carleman_matrix(first, 1)),
        carleman_matrix(deviation, 1),
        name="two layers: matrices about the bias-only trajectory",
        because="both recentred maps vanish at 0",
        sizes="D = 1, n = 2, degrees 2 and 2",
    )
)
notation |= {sp.Symbol("alpha"): "exponent of a monomial"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
