# %% [markdown]
# # Closed responses: impulse, step, exponential, sinusoid
# From rest, inputs that are sums of exponentials have answers in closed form, in continuous time and sampled. A mode
# is linear in the input, so one term $u = e^{s_0t}$ suffices: $s_0 = 0$ is a step, $s_0 = \pm i\omega$ a sinusoid. The
# lifted monomials are powers of the answers of the modes.   [THEORY T15, T14, T9]
#
# What is said of one mode n holds for any exponent; monomials of several modes are products, for any N.
# %%
import sympy as sp

import carleman_ssm as cs

alpha = sp.Symbol("alpha", integer=True, nonnegative=True)
beta, k = sp.Symbol("beta", integer=True), sp.Symbol("k", integer=True, positive=True)
i = sp.Symbol("i", integer=True, positive=True)
a, b, s, lam, gain, rho = sp.symbols("a_n b_n s_0 lambda_n bbar_n rho_0")
t, omega = sp.symbols("t omega", real=True)


def answer(rate, eigenvalue=a):
    """Of a mode to the exponential of this rate."""
    return b * t * sp.exp(rate * t) * cs.phi(1, (eigenvalue - rate) * t)


def quotient(rate):
    """The same where the rate is no eigenvalue."""
    return b * (sp.exp(rate * t) - sp.exp(a * t)) / (rate - a)


def law(name, left, right, because, *nonzero):
    return cs.Identity(left, right, name=name, because=because, nonzero=nonzero)


# %% [markdown]
# ## One exponential, at resonance and away from it
# $\int_0^te^{a_n(t-\tau)}b_ne^{s_0\tau}d\tau = b_nt\,e^{s_0t}\varphi_1((a_n - s_0)t)$: it is 0 at the start and obeys
# the equation of the mode, without a division. Away from resonance it is a difference of two exponentials, at $s_0 =
# a_n$ it grows like $t$. An impulse sets $x_n = b_n$, and nothing follows.
# %%
free, grown = sp.exp(a * t), b * t * sp.exp(a * t)
derivation = (
    cs.Derivation("A mode under an exponential", start=sp.Derivative(answer(s), t))
    .step(
        s * answer(s) + b * sp.exp(s * t) * sp.exp((a - s) * t),
        because=r"$\frac d{dt}\,t\varphi_1(zt) = e^{zt}$ with $z = a_n - s_0$",
    )
    .step(a * answer(s) + b * sp.exp(s * t), because=r"$e^z = z\varphi_1(z) + 1$")
    .lemma(
        law("away from resonance", answer(s), quotient(s), r"$\varphi_1(z) = (e^z - 1)/z$", s - a),
        law("at resonance", sp.Derivative(grown, t), a * grown + b * free, r"$s_0 = a_n$ and $\varphi_1(0) = 1$"),
        law("step", answer(0), b * (free - 1) / a, "the exponential of rate 0", a),
        law("impulse", sp.Derivative(b * free, t), a * b * free, "no input any more"),
    )
)

# %% [markdown]
# ## A sinusoid
# $\cos\omega t$ is half of two exponentials. Away from $a_n = \pm i\omega$ the answer is a transient and a sinusoid; at
# $a_n = i\omega$ one of the two parts is in resonance.
# %%
half, turn = sp.Rational(1, 2), sp.I * omega
derivation = derivation.chain(
    cs.Derivation("A mode under a sinusoid", start=half * answer(turn) + half * answer(-turn))
    .step(half * quotient(turn) + half * quotient(-turn), "away from resonance", nonzero=(turn - a, turn + a))
    .step(
        b * (a * free - a * sp.cos(omega * t) + omega * sp.sin(omega * t)) / (a**2 + omega**2),
        because=r"over the common divisor $(a_n - i\omega)(a_n + i\omega)$",
    )
    .lemma(
        law(
            "at resonance",
            half * answer(turn, turn) + half * answer(-turn, turn),
            b * (t * sp.exp(turn * t) + sp.sin(omega * t) / omega) / 2,
            r"$\varphi_1(0) = 1$, and $e^{i\omega t} - e^{-i\omega t} = 2i\sin\omega t$",
            omega,
        )
    )
)

# %% [markdown]
# ## Every monomial
# The power of a difference of two exponentials is a sum of exponentials, one for each $\beta\le\alpha$.
# %%
term = sp.binomial(alpha, beta) * (-1) ** beta * (b / (s - a)) ** alpha * sp.exp((beta * a + (alpha - beta) * s) * t)
derivation = derivation.chain(
    cs.Derivation("A power of the answer", start=answer(s) ** alpha)
    .step(quotient(s) ** alpha, because="away from resonance", nonzero=(s - a,))
    .step(sp.Sum(term, (beta, 0, alpha)), because="binomial theorem")
    .lemma(
        law("a power after an impulse", (b * free) ** alpha, b**alpha * sp.exp(alpha * a * t), "a power of a product")
    )
)

# %% [markdown]
# ## Sampled time
# With $u_k = \rho_0^k$ the convolution is $x_k = \bar b_n\sum_{i=1}^k\lambda_n^{k-i}\rho_0^i$, by induction over k. It
# is a geometric sum: a quotient where $\rho_0\ne\lambda_n$, and $k\rho_0^k$ at resonance. Near resonance the quotient
# loses digits and the sum does not.
# %%


def sampled(steps, multiplier=lam):
    return gain * sp.Sum(multiplier ** (steps - i) * rho**i, (i, 1, steps))


closed = gain * rho * (rho**k - lam**k) / (rho - lam)
derivation = derivation.chain(
    cs.Derivation("One step more", start=lam * sampled(k) + gain * rho ** (k + 1))
    .step(
        gain * sp.Sum(lam ** (k + 1 - i) * rho**i, (i, 1, k)) + gain * rho ** (k + 1),
        because=r"$\lambda_n\lambda_n^{k-i} = \lambda_n^{k+1-i}$",
    )
    .step(sampled(k + 1), because="the new input is the last term")
    .lemma(
        law("the first step", sampled(sp.S.One), gain * rho, "one term"),
        law("away from resonance", sampled(k), closed, "geometric sum", rho - lam),
        law("at resonance", sampled(k, rho), gain * k * rho**k, "k equal terms"),
    )
)

# %% [markdown]
# ## Written out
# What characterises a response is where it starts and how it moves, in continuous time T14 and sampled T9. Stated for
# five: the square of a mode under an exponential, in both times; a product of two modes after an impulse; the
# output of one mode under a sinusoid, and sampled under a step.
# %%
one, two, sampled_one = cs.DiagonalSSM.symbolic(1), cs.DiagonalSSM.symbolic(2), cs.DiscreteSSM.symbolic(1)
square = cs.PolynomialDecoder.symbolic(degree=2)
responses = (
    cs.lifted_response(one, cs.Excitation.exponential(s), (2,)),
    cs.lifted_response(sampled_one, cs.Excitation.exponential(s), (2,), step=sp.Symbol("Delta")),
    cs.lifted_response(two, cs.Excitation.impulse(), (1, 1)),
    cs.output_response(one, square, cs.Excitation.sinusoid(omega)),
    cs.output_response(sampled_one, square, cs.Excitation.step()),
)
for response in responses:
    derivation = derivation.lemma(*response.certificates)

# %%
notation = {s: "rate of the input $e^{s_0t}$", rho: r"factor of the input from step to step, $e^{s_0\Delta}$"}
notation |= {sp.Symbol("alpha"): "exponent of one mode in a monomial"}
notation |= {sp.Symbol("t"): "time"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
