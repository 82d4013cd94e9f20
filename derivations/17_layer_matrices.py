# %% [markdown]
# # Carleman matrices of layers compose if the inner layer vanishes at zero
# $C_{D,E}(f)$ holds the coefficients of $f^\beta$, $|\beta| \le D$, on $x^\alpha$, $|\alpha| \le E$. Nothing is lost
# in $C_D(f)\,C_D(g) = C_D(f \circ g)$ when $g(0) = 0$: the rows $g^\alpha$ with $|\alpha| > D$, which the square
# matrices drop, start at degree $|\alpha|$. With biases it is false in general. We show by how much it fails, and
# the cure: expand about what the biases alone produce.   [THEORY T17]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.layer_matrices import carleman_matrix
from carleman_ssm.theory.polynomial_maps import PolynomialMap

DEGREE = 2
x, y = sp.symbols("x y")
f = cs.PolynomialDecoder.symbolic(degree=2, name="f")
g = cs.PolynomialDecoder.symbolic(degree=2, name="g")
g0, g1, g2 = g.coefficients
outer, biased = PolynomialMap.of_decoder(f, y), PolynomialMap.of_decoder(g, x)
centred = PolynomialMap.of_decoder(cs.PolynomialDecoder((0, g1, g2)), x)


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


def powers(value, degree):
    """1, value, value squared and so on."""
    return sp.ImmutableMatrix([value**p for p in range(degree + 1)])


def definition(name, mapping, columns, degree=DEGREE):
    """The powers of x carried to those of f, by hand up to the degree of the last column."""
    (variable,), (value,) = mapping.variables, mapping.components
    matrix = carleman_matrix(mapping, degree, columns=columns)
    whole = [value**p for p in range(degree + 1)]
    kept = [
        power
        if p * mapping.degree <= columns
        else sp.Add(*(power.expand().coeff(variable, k) * variable**k for k in range(columns + 1))).expand()
        for p, power in enumerate(whole)
    ]
    return cs.Identity(
        product(matrix, powers(variable, columns)),
        sp.ImmutableMatrix(kept),
        name=f"definition, {name}, columns up to {columns}",
        because=r"its rows are the coefficients of $f^\beta$",
    )


# %% [markdown]
# ## The chain
# `wide` has the columns that the square matrix of f drops, `tall` the rows that the square matrix of g drops.
# %%
wide = carleman_matrix(outer, DEGREE, columns=2 * DEGREE)
tall = carleman_matrix(centred, 2 * DEGREE, columns=DEGREE)
derivation = (
    cs.Derivation(
        "Composition of centred layers",
        start=product(carleman_matrix(outer, DEGREE), carleman_matrix(centred, DEGREE)),
    )
    .step(product(wide, tall), because=r"the rows $g^\alpha$, $|\alpha| > D$, of g vanish")
    .step(
        carleman_matrix(outer.after(centred), DEGREE),
        because=r"$f(g(x))^\beta = \sum_\alpha C_{\beta\alpha}(f)\, g(x)^\alpha$",
    )
)

# %% [markdown]
# ## What the matrices are, and what biases spoil
# With all columns a Carleman matrix carries the powers of x to those of f. For any g the square product errs by
# the dropped columns times the dropped rows; both are kept by the rectangular product, which is exact.
# %%
everything = carleman_matrix(biased, 2 * DEGREE, columns=2 * DEGREE)
lemmas = [
    cs.Identity(
        product(wide, powers(y, 2 * DEGREE)),
        powers(f(y), DEGREE),
        name="definition",
        because="no column is missing",
    ),
    cs.Identity(
        tall[DEGREE + 1 :, :],
        sp.zeros(DEGREE, DEGREE + 1),
        name="dropped rows vanish",
        because=r"$g^\alpha = x^\alpha (g_1 + g_2 x)^\alpha$",
    ),
    cs.Identity(
        carleman_matrix(outer.after(biased), DEGREE) - carleman_matrix(outer, DEGREE) * carleman_matrix(biased, DEGREE),
        product(wide[:, DEGREE + 1 :], everything[DEGREE + 1 :, : DEGREE + 1]),
        name="what an uncentred product loses",
        because="split the sum over the powers of g at D",
    ),
    cs.Identity(
        product(wide, carleman_matrix(biased, 2 * DEGREE, columns=4 * DEGREE)),
        carleman_matrix(outer.after(biased), DEGREE, columns=4 * DEGREE),
        name="all rows kept",
        because=r"$|\alpha| \le D \deg f$ is all that f asks for",
    ),
]

# %% [markdown]
# ## About the bias-only trajectory
# $r_1 = g(0)$, $r_2 = f(r_1)$: the recentred layers vanish at 0, compose to $f(g(\delta)) - f(g(0))$, and so do
# their square matrices. The second pair of maps is a stack of two SSM layers with biases over two steps.
# %%


def about_biases(name, inner, outer):
    rest = inner.constant
    first, second = inner.recentred([0] * len(inner.variables)), outer.recentred(rest)
    whole = outer.after(inner)
    deviation = whole.recentred([0] * len(whole.variables))
    yield cs.Identity(
        sp.ImmutableMatrix(second(first.components)),
        sp.ImmutableMatrix(deviation.components).expand(),
        name=f"{name}: recentred maps compose",
        because=r"$r_1 + \tilde g(\delta) = g(\delta)$",
    )
    yield cs.Identity(
        product(carleman_matrix(second, DEGREE), carleman_matrix(first, DEGREE)),
        carleman_matrix(deviation, DEGREE),
        name=f"{name}: matrices about the bias-only trajectory",
        because="both recentred maps vanish at 0",
    )


def two_steps(layer):
    """A layer of one mode over two steps from rest, $u \\mapsto g_0 + y^2$, by hand."""
    v = sp.symbols("v_1_0 v_2_0")
    lam, b, c, bias = (sp.Symbol(f"{stem}_{layer}_0") for stem in ("lambda", "bbar", "c", "g"))
    states = [b * v[0], lam * b * v[0] + b * v[1]]
    return PolynomialMap(v, tuple(bias + (c * state) ** 2 for state in states))


lemmas += [*about_biases("two decoders", biased, outer), *about_biases("two layers", two_steps(1), two_steps(2))]
recentred_f = outer.recentred(biased.constant)
deviation = outer.after(biased).recentred([0])
deviation = PolynomialMap(deviation.variables, [value.expand() for value in deviation.components])
square = {
    "f": outer,
    "g centred": centred,
    "f after g centred": outer.after(centred),
    "g about 0": biased.recentred([0]),
    "f about the constant of g": recentred_f,
    "f after g about 0": deviation,
}
lemmas += [definition(name, mapping, DEGREE) for name, mapping in square.items()]
lemmas += [
    definition("f", outer, 2 * DEGREE),
    definition("g", biased, 4 * DEGREE, degree=2 * DEGREE),
    definition("f after g", outer.after(biased), 4 * DEGREE),
]
for lemma in lemmas:
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
