# %% [markdown]
# # A stack of layers has an exact finite lift
# Two layers with one mode each: $x_1 \leftarrow \lambda_1 x_1 + \bar b_1 u$, $v = \sigma_1(c_1 x_1)$,
# $x_2 \leftarrow \lambda_2 x_2 + \bar b_2 v$, $z = \sigma_2(c_2 x_2)$ with polynomials of degree 2. Give $x_1$ the
# weight 1 and $x_2$ the weight 2 of $v$; the output weighs 4. The monomials of weight at most 4 go over into each
# other: $X_k = M(u_k) X_{k-1}$, $z_k = G X_k$, nothing cut off.   [THEORY T16; class of Iacob, Tóth, Schoukens 2025]
#
# The chain reads the output after one step in three ways. The lemmas say that substitution never raises the
# weight, do every monomial, and add what networks have besides: a residual path and a feedthrough, a gated linear
# unit, BatchNorm, two channels that are mixed, and the mean over time.
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.stack_lift import LENGTH, StackLift
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack

u, t = sp.Symbol("u"), sp.Symbol("t")
x1, x2 = sp.symbols("x_1_0 x_2_0")
lam1, b1, c1, lam2, b2, c2 = sp.symbols("lambda_1_0 bbar_1_0 c_1_0 lambda_2_0 bbar_2_0 c_2_0")
sigma1, sigma2 = (cs.PolynomialDecoder.symbolic(degree=2, name=f"g_{layer}") for layer in (1, 2))


def lifted(*state):
    """The monomials of weight at most 4, weights 1 and 2, by hand."""
    x, y = state
    return sp.ImmutableMatrix([1, x, x**2, y, x**3, x * y, x**4, x**2 * y, y**2])


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## One step of the output
# %%
def after_one_step(x, y):
    first = lam1 * x + b1 * u
    return first, lam2 * y + b2 * sigma1(c1 * first)


lift = StackLift(PolynomialStack.symbolic(states=(1, 1), degrees=(2, 2)))
M, G = lift.step_matrix, lift.output_matrix
new1, new2 = after_one_step(x1, x2)
derivation = (
    cs.Derivation("The output after one step of a stack", start=sp.ImmutableMatrix([sigma2(c2 * new2)]))
    .step(product(G, lifted(new1, new2)), because="the output weighs 4, so G reads it off the new monomials")
    .step(product(G, M, lifted(x1, x2)), because=r"$f(x, u)^\alpha$ weighs at most $w\cdot\alpha$: a row of $M(u) X$")
)

# %% [markdown]
# ## Every monomial
# $f_n(t^w x, u)$ is a polynomial of degree at most $w_n$ in t, and weights of products add: so the span is invariant.
# %%
scaled = after_one_step(t * x1, t**2 * x2)
every = (
    cs.Identity(
        sp.ImmutableMatrix([sp.Derivative(f, (t, w + 1), evaluate=False) for f, w in zip(scaled, (1, 2), strict=True)]),
        sp.zeros(2, 1),
        name="substitution never raises the weight",
        because=r"$x_2$ is given $v$, of degree 2 in $x_1$",
    ),
    cs.Identity(product(M, lifted(x1, x2)), lifted(new1, new2), name="one step of the nine monomials"),
    cs.Identity(
        product(G, lifted(x1, x2)), sp.ImmutableMatrix([sigma2(c2 * x2)]), name="output", because="binomial theorem"
    ),
)

# %% [markdown]
# ## The mean over time is one row more
# %%
total = sp.Symbol("s_0")
pooled = cs.Identity(
    product(lift.pooled_step().expression, sp.ImmutableMatrix([*lifted(x1, x2), total])),
    sp.ImmutableMatrix([*lifted(new1, new2), total + sigma2(c2 * new2) / LENGTH]),
    name="mean over time",
    because=r"$s \leftarrow s + \frac1L G(u) M(u) X$",
)

# %% [markdown]
# ## What networks have besides
# A residual path keeps the degree at max(1, P); a gate of degree Q multiplies it by 1 + Q; BatchNorm in evaluation
# is affine and adds a constant. In each, one step of all monomials and the output are proved.
# %%
square = cs.PolynomialDecoder((0, 1, sp.Symbol("g")))
mode = cs.DiscreteSSM.symbolic(states=1)


def gated(residual):
    """One channel, values and gates from one activation, $y + w_0$ times $\\tau(y + w_1)$ of degree 1."""
    mixing = ExactAffineMap(sp.Matrix(sp.symbols("W_0:2")), sp.symbols("w_0:2"))
    gate = cs.PolynomialDecoder.symbolic(degree=1, name="q")
    return PolynomialLayer((mode,), square, mixing, gate, residual=residual)


def normed():
    """BatchNorm in front of one layer, with a residual path beside it, and behind it."""
    norms = [ExactAffineMap.diagonal((sp.Symbol(f"alpha_{n}"),), (sp.Symbol(f"beta_{n}"),)) for n in range(2)]
    return PolynomialLayer((mode,), square, residual=True, norm_before=norms[0], norm_after=norms[1])


def mixed():
    """Two channels, encoded from one input, mixed behind, one entry read by the head."""
    modes = [cs.DiscreteSSM(*((sp.Symbol(f"{stem}_{h}"),) for stem in ("lambda", "bbar", "c"))) for h in range(2)]
    square = cs.PolynomialDecoder((0, 0, 1))
    layer = PolynomialLayer(tuple(modes), square, ExactAffineMap(sp.Matrix(2, 2, sp.symbols("W_0:4"))), residual=True)
    encoder = ExactAffineMap(sp.Matrix(sp.symbols("e_0:2")), sp.symbols("f_0:2"))
    return PolynomialStack((layer,), encoder, ExactAffineMap(sp.Matrix([sp.symbols("V_0:2")])))


networks = {
    "residual path and feedthrough": PolynomialStack.symbolic((1, 1), (2, 2), residual=True, feedthrough=True),
    "gated linear unit": PolynomialStack((gated(residual=False),)),
    "gated linear unit with a residual path": PolynomialStack((gated(residual=True),)),
    "BatchNorm before and behind": PolynomialStack((normed(),)),
    "two channels": mixed(),
}


def lemmas(name, stack):
    lift = StackLift(stack)
    moved, now = stack.advance(lift.state, lift.inputs), sp.ImmutableMatrix(lift.basis.lift(lift.state))
    yield cs.Identity(product(lift.step_matrix, now), sp.ImmutableMatrix(lift.basis.lift(moved)), name=f"{name}: step")
    reached = sp.ImmutableMatrix(stack.output(lift.state, lift.inputs))
    yield cs.Identity(product(lift.output_matrix, now), reached, name=f"{name}: output")


# %%
for lemma in (*every, pooled, *(lemma for name, stack in networks.items() for lemma in lemmas(name, stack))):
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
