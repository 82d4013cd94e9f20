# %% [markdown]
# # A stack of layers has an exact finite lift
# Two layers with one mode each: $x_1 \leftarrow \lambda_1 x_1 + \bar b_1 u$, $v = \sigma_1(c_1x_1)$,
# $x_2 \leftarrow \lambda_2 x_2 + \bar b_2 v$, $z = \sigma_2(c_2x_2)$ with polynomials of degrees $P_1$ and $P_2$. Give
# $x_1$ the weight 1 and $x_2$ the weight $P_1$ of v; the output weighs $W = P_1P_2$. The monomials of weight at most W
# go over into each other: $X_k = M(u_k) X_{k-1}$, $z_k = G X_k$, nothing cut off.
# [THEORY T16; class of Iacob, Tóth, Schoukens 2025]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.predictions.amplitude_polynomials import heights_from_values
from carleman_ssm.theory.affine_maps import ExactAffineMap
from carleman_ssm.theory.stack_lift import StackLift
from carleman_ssm.theory.stacks import PolynomialLayer, PolynomialStack

u, t = sp.Symbol("u"), sp.Symbol("t")
x1, x2, lam1, lam2, b1, b2 = sp.symbols("x_1_0 x_2_0 lambda_1_0 lambda_2_0 bbar_1_0 bbar_2_0")
g10, g11, g12, g20, g21, v = sp.symbols("g_1_0 g_1_1 g_1_2 g_2_0 g_2_1 v")
letters = {
    "t": "a common scale of all inputs and states",
    "g_1_:3 g_2_:2 lambda_1_0 lambda_2_0 bbar_1_0 bbar_2_0 x_1_:2 x_2_0": "of layer $\\ell$, the first index",
    "v": "what the first layer gives to the second",
    "q_:2": "coefficients of the gate",
    "e_:2": "weights of the encoder, $f_h$ its biases",
    "f_:2": "biases of the encoder",
    "V_:2": "weights of the head",
    "W_:4": "weights behind a layer, $w_n$ biases",
    "alpha_:2": "factors of BatchNorm, $\\beta_n$ its shifts",
    "beta_:2": "shifts of BatchNorm",
    "w_1": "bias of the gate",
    "g": "coefficient of $y^2$ in $\\sigma(y) = y + gy^2$",
    "s_0": "running mean of the outputs",
    "a_1:3": "heights of the inputs",
    "C_:4_:4": "coefficients of a polynomial in the heights",
    "M_:2": "the two long entries of the last row of M(u)",
    "m_:2": "the two long entries of the row of the running mean",
    "xprime_1_0 xprime_2_0": "states after one more step",
}
notation = {symbol: meaning for names, meaning in letters.items() for symbol in sp.symbols(names, seq=True)}


def product(*matrices):
    """Printed as a product, multiplied out only by the check."""
    return sp.MatMul(*matrices, evaluate=False)


# %% [markdown]
# ## Substitution never raises the weight
# Put $tx_1$ for $x_1$. The term of order p of v becomes $t^p$ times a polynomial in $1/t$, for every p; so v is of
# degree at most $P_1$ in t for any $P_1$ and any coefficients, and $x_2$, which is given v, may be scaled by $t^{P_1}$.
# Weights of products add, hence no monomial leaves the span.
# %%
p = sp.Symbol("p", integer=True, nonnegative=True)
derivation = cs.Derivation("A stack of two layers", start=(t * lam1 * x1 + b1 * u) ** p)
derivation = derivation.step((t * (lam1 * x1 + b1 * u / t)) ** p, because="t taken out", nonzero=(t,)).step(
    t**p * (lam1 * x1 + b1 * u / t) ** p, because="every term of the bracket has t to the power 0 or $-1$", nonzero=(t,)
)

# %% [markdown]
# ## One step as a matrix
# Written out for $P_1 = 2$, $P_2 = 1$, so that the monomials $1, x_1, x_1^2, x_2$ have weights up to 2; the readout
# weights $c = 1$ are a choice of gauge. What the network does in one step is read in three ways.
# %%
decoders = cs.PolynomialDecoder((g10, g11, g12)), cs.PolynomialDecoder((g20, g21))
modes = (cs.DiscreteSSM((lam,), (b,), (1,)) for lam, b in ((lam1, b1), (lam2, b2)))
layers = tuple(PolynomialLayer((mode,), decoder) for mode, decoder in zip(modes, decoders, strict=True))
lift = StackLift(PolynomialStack(layers))
M, G = lift.step_matrix, lift.output_matrix
new1 = lam1 * x1 + b1 * u
new2 = lam2 * x2 + b2 * decoders[0](new1)


def lifted(first, second):
    """The monomials of weight at most 2, by hand."""
    return sp.ImmutableMatrix([1, first, first**2, second])


xi1, xi2, m0, m1 = sp.symbols("xprime_1_0 xprime_2_0 M_0 M_1")
where = {
    xi1: new1,
    xi2: lam2 * x2 + b2 * decoders[0](xi1),
    m0: M[3, 0],
    m1: M[3, 1],
}
derivation = derivation.chain(
    cs.Derivation(
        "The output after one step of a stack",
        start=sp.ImmutableMatrix([g20 + g21 * new2]),
        where=where,
        sizes="N = 1 and 1, P = 2 and 1",
    )
    .step(product(G, lifted(new1, new2)), because="the output weighs 2, so G reads it off the new monomials")
    .step(product(G, M, lifted(x1, x2)), because=r"$f(x, u)^\alpha$ weighs at most $w\cdot\alpha$: a row of $M(u) X$")
    .lemma(*lift.step().certificates, *lift.output().certificates)
)

# %% [markdown]
# ## The mean over time is one row more
# $s \leftarrow s + \frac1L G(u) M(u) X$, from $s = 0$, is the mean of the outputs after L steps.
# %%
[running] = lift.pooled_step().certificates
to_mean = sp.symbols("m_0 m_1")
derivation = derivation.chain(
    cs.Derivation(
        "One step of the state and of the running mean",
        running.left,
        where=where | dict(zip(to_mean, running.left.args[0][4, :2], strict=True)),
        sizes=running.sizes,
    ).step(running.right, because=running.because)
)

# %% [markdown]
# ## Heights of the inputs
# Inputs $\sum_i a_iu_i$ with heights $a_i$ are of degree 1 in them, so the output is a polynomial in the heights, of a
# degree that the weights bound. Its part q of degree n is known by its values where the heights are $\beta/n$ with
# $|\beta| = n$. Written out for two heights and n = 2 and 3, with letters $C_\alpha$ for the coefficients of q.
# %%
derivation = derivation.lemma(*heights_from_values())

# %% [markdown]
# ## What networks have besides
# A residual path keeps the degree at max(1, P); a gate of degree Q multiplies it by 1 + Q; BatchNorm in evaluation
# is affine and adds a constant. In each, one step of all monomials and the output are proved, for one layer of one mode
# (two channels: two), $\sigma(y) = y + gy^2$.
# %%
square, gate = cs.PolynomialDecoder((0, 1, sp.Symbol("g"))), cs.PolynomialDecoder.symbolic(degree=1, name="q")


def mode(number=0, feedthrough=0):
    return cs.DiscreteSSM((sp.Symbol(f"lambda_{number}"),), (1,), (1,), feedthrough)


def one(channel, **parts):
    """One layer of one channel with a residual path."""
    return PolynomialStack((PolynomialLayer((channel,), square, residual=True, **parts),))


norms = [ExactAffineMap.diagonal((sp.Symbol(f"alpha_{n}"),), (sp.Symbol(f"beta_{n}"),)) for n in range(2)]
mixing = ExactAffineMap(sp.Matrix(2, 2, sp.symbols("W_0:4")))
two_channels = PolynomialLayer((mode(0), mode(1)), cs.PolynomialDecoder((0, 0, 1)), mixing, residual=True)
encoder = ExactAffineMap(sp.Matrix(sp.symbols("e_0:2")), sp.symbols("f_0:2"))
networks = {
    "residual path and feedthrough": one(mode(0, sp.Symbol("D"))),
    "gated linear unit": one(mode(), mixing=ExactAffineMap(sp.Matrix([1, 1]), (0, sp.Symbol("w_1"))), gate=gate),
    "BatchNorm before and behind": one(mode(), norm_before=norms[0], norm_after=norms[1]),
    "two channels": PolynomialStack((two_channels,), encoder, ExactAffineMap(sp.Matrix([sp.symbols("V_0:2")]))),
}
for name, stack in networks.items():
    lift = StackLift(stack)
    moved, now = stack.advance(lift.state, lift.inputs), sp.ImmutableMatrix(lift.basis.lift(lift.state))
    reached = sp.ImmutableMatrix(lift.basis.lift(moved)), sp.ImmutableMatrix(stack.output(lift.state, lift.inputs))
    matrices = {"step": lift.step_matrix, "output": lift.output_matrix}
    for (what, matrix), right in zip(matrices.items(), reached, strict=True):
        law = cs.Identity(product(matrix, now), right, name=f"{name}: {what}", sizes=f"N = {len(lift.state)}, {name}")
        derivation = derivation.lemma(law)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
