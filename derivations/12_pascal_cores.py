# %% [markdown]
# # Pascal's matrices: parts of a decoder of a sum, and indices of interaction, without expanding
# With $G_{p,p-1} = p$ the matrix $E(a) = e^{aG}$ takes $v(y) = (1, y, \dots, y^P)^\top$ to $v(y + a)$: each summand a
# of a pre-activation is a matrix of size P + 1, and all of them commute. Replaced matrices read off parts of
# $\sigma(\sum_i a_i + c) = g^\top \prod_i E(a_i)\,v(c)$; their averages over random coalitions give Shapley values and
# interaction indices. Since $e^{sy}$ generates all powers of y, a statement about it is one about every decoder.
# [THEORY T12'; Oseledets 2013; Shapley 1953; Owen 1972; Grabisch and Roubens 1999]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.marginals import joint_part, marginal
from carleman_ssm.theory.random_joins import join_series
from carleman_ssm.theory.shapley import shapley_interaction, shapley_value

p, q, r = (sp.Symbol(name, integer=True, nonnegative=True) for name in "pqr")
y, a, b, c, s, t = sp.symbols("y a b c s t")
x = sp.Symbol("x")
notation = {
    a: "a summand of the pre-activation",
    sp.Symbol("a_1"): "the summands, what each player adds to the pre-activation",
    b: "another summand",
    c: "the rest of the pre-activation",
    s: "the letter of a generating function",
    t: "the probability with which each summand joins",
    x: "$sa$",
    **dict.fromkeys(sp.symbols("sigma_0 sigma_1 sigma_2 sigma_12"), "worth of the players in the index, less $g_0$"),
}


def shifted(by, at):
    """Row p of E(by) v(at)."""
    return sp.Sum(sp.binomial(p, q) * by ** (p - q) * at**q, (q, 0, p))


# %% [markdown]
# ## The group
# Row p of $E(a)\,v(y)$ is $\sum_q \binom pq a^{p-q} y^q$, for every p. As the vectors $v(y)$ span the space, what holds
# on them holds for the matrices: $E(a)E(b) = E(a + b)$, and $E' = GE$, whose row p + 1 has the factor p + 1.
# %%
generated = r"row p + 1 of $E'(a)\,v(y) = G\,E(a)\,v(y)$"
derivation = (
    cs.Derivation("One shift after another", start=shifted(a, y + b))
    .step((y + b + a) ** p, because="binomial theorem")
    .step(shifted(a + b, y), because="binomial theorem")
    .lemma(cs.Identity(sp.Derivative((y + a) ** (p + 1), a), (p + 1) * (y + a) ** p, "generator", because=generated))
)

# %% [markdown]
# ## Parts of a given degree
# The part of degree p in a is $\frac{(aG)^p}{p!}\,v(c)$, and G differentiates: $G\,v(c) = v'(c)$. Row $q + p$ of
# $G^p v(c)$ is $\frac{(q+p)!}{q!}\,c^q$, by induction over p; divided by p! it is $\binom{q+p}p c^q$, which stands in
# $(a + c)^{q+p}$ with $a^p$. Written out: the part of a cubic decoder of degree 1 in each of two summands.
# %%
cubic, square = (cs.PolynomialDecoder.symbolic(degree=degree) for degree in (3, 2))
derivation = derivation.lemma(
    cs.Identity(
        sp.Derivative(sp.factorial(q + p + 1) / sp.factorial(q + 1) * c ** (q + 1), c),
        sp.factorial(q + p + 1) / sp.factorial(q) * c**q,
        name="one more derivative",
        because=r"$(q+1)/(q+1)! = 1/q!$",
    ),
    *marginal(cubic, (1, 1)).certificates,
)

# %% [markdown]
# ## Parts that need all
# $E(a) - 1$ stands for what needs a at all. Multiplied out, two of them are the sum over subsets with alternating
# signs, here in the generating function, for every decoder; and with the parts of all subsets everything is there
# again. Then for a square, with $\sigma_S = \sigma(c + \sum_{i \in S} a_i) - g_0$: the same product as matrices, and
# the marginals that it collects.
# %%
needed = (sp.exp(s * a) - 1) * (sp.exp(s * b) - 1) * sp.exp(s * c)
derivation = derivation.lemma(
    cs.Identity(
        needed,
        sp.exp(s * (a + b + c)) - sp.exp(s * (a + c)) - sp.exp(s * (b + c)) + sp.exp(s * c),
        name="both summands are needed",
        because=r"$e^{sa} e^{sc} = e^{s(a+c)}$",
    ),
    cs.Identity(
        needed + ((sp.exp(s * a) - 1) + (sp.exp(s * b) - 1) + 1) * sp.exp(s * c),
        sp.exp(s * (a + b + c)),
        name="parts add up",
        because="$(A - 1)(B - 1) + (A - 1) + (B - 1) + 1 = AB$",
    ),
)
players = sp.symbols("a_1 a_2")
coalitions = {"0": c, "1": c + players[0], "2": c + players[1], "12": c + players[0] + players[1]}
worth = {sp.Symbol(f"sigma_{who}"): square(y) - square(0) for who, y in coalitions.items()}
worth |= {share * letter: share * value for letter, value in worth.items() for share in (-2, -1, -sp.S.Half, sp.S.Half)}
joint = joint_part(square, 2)
both = cs.Derivation("What two summands of a square do together", joint.expression, where=worth, sizes="P = 2")
derivation = derivation.chain(both.lemma(*joint.certificates))

# %% [markdown]
# ## Summands that join at random
# If every summand joins with probability t, $e^{sy}$ has the mean $e^{sc}\prod_i(1 - t + te^{sa_i})$. Its derivative in
# t is the sum of what each adds when the others have joined so: between t = 0 and 1 these add up to everything. With
# $x = sa_i$ the i-th part is $\frac{e^x - 1}{1 - t + te^x}$ times the mean. The logarithm of the mean is a sum over the
# power sums $\sum_i a_i^r$ with the coefficients $c_r$ of $\ln(1 - t + te^x)$. Multiplied by $1 - t + te^x$ the series
# of the part is $e^x - 1$, and that of $\sum_r r c_r x^r$ is $txe^x$: triangular systems, which determine the
# coefficients one after another. Their first three rows:
# %%
joined, other = 1 - t + t * sp.exp(s * a), 1 - t + t * sp.exp(s * b)
one = 1 - t + t * sp.exp(x)
cumulants, slopes = join_series(t, 3)
rows, column = (1, 2, 3), sp.ImmutableMatrix
shares, logarithm = column(slopes[1:]), column([order * cumulants[order] for order in rows])
mean = sp.ImmutableMatrix(3, 3, lambda i, j: t / sp.factorial(i - j) if i > j else int(i == j))
series = (
    ("series of the part", shares, column([1 / sp.factorial(order) for order in rows]), "$e^x - 1$"),
    ("series of the logarithm", logarithm, column([t / sp.factorial(order - 1) for order in rows]), "$txe^x$"),
)
derivation = derivation.lemma(
    cs.Identity(
        sp.Derivative(joined * other, t),
        (sp.exp(s * a) - 1) * other + joined * (sp.exp(s * b) - 1),
        name="what each adds",
        because="product rule",
    ),
    cs.Identity(sp.Derivative(sp.log(one), t), (sp.exp(x) - 1) / one, name="one part, relative to the mean"),
    *(
        cs.Identity(sp.MatMul(mean, one_of, evaluate=False), right, name, f"coefficients of {of}", sizes="P = 3")
        for name, one_of, right, of in series
    ),
)

# %% [markdown]
# ## Coalitions and the integral over t
# A coalition of q others, with r left out, has the weight $\int_0^1 t^q(1-t)^r dt = \frac{q!\,r!}{(q+r+1)!}$ in a
# Shapley value. Induction over r: for r = 0 it is $\frac1{q+1}$; and as $t^{q+1}(1-t)^{r+1}$ vanishes at both ends, the
# integral of its derivative relates r + 1 to r as the factorials do.
# %%
derivation = derivation.lemma(
    cs.Identity(
        sp.Derivative(t ** (q + 1) * (1 - t) ** (r + 1), t),
        (q + 1) * t**q * (1 - t) ** (r + 1) - (r + 1) * t ** (q + 1) * (1 - t) ** r,
        name="integration by parts",
    ),
    cs.Identity(
        (q + 1) * sp.factorial(q) * sp.factorial(r + 1) / sp.factorial(q + r + 2),
        (r + 1) * sp.factorial(q + 1) * sp.factorial(r) / sp.factorial(q + r + 2),
        name="the factorials do the same",
    ),
)

# %% [markdown]
# The indices themselves, for two players and a square: first the value of player 1, then what both do together. Each
# monomial holds at most P players, and a player who adds 0 changes nothing, so that P players stand for any number.
# %%
forms = (shapley_value(square), shapley_interaction(square), shapley_interaction(square, taylor=True))
indices = cs.Derivation("Indices of a square", forms[0].expression, where=worth, sizes="P = 2")
derivation = derivation.chain(indices.lemma(*(one for form in forms for one in form.certificates)))

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
