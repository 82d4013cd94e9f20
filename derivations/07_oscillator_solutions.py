# %% [markdown]
# # The nonlinear network is solved by its modes
# The equations of amplitude and phase are nonlinear, but they were written down for a linear ring: with
# $x_j = e^{i\psi_j}$ the complex phases obey them whenever the nodes move as the ring does, and nodes move so whenever
# the modes do (T1). The modes have a closed form for every input that has one. So the phases have one too:
# $\psi_j = -i\ln x_j$ with $x_j = \frac1N \sum_n e^{-2\pi ijn/N} x_n(t)$, as long as $x_j$ does not vanish. What
# follows are the two halves of this argument: the equation of $\psi_j$ for any number of nodes, and the motion of any
# mode; then all of it written out for two nodes.   [THEORY T1, T7, T15]
# %%
import sympy as sp

import carleman_ssm as cs

N, k = sp.Symbol("N", integer=True, positive=True), sp.Symbol("k", integer=True, positive=True)
j, l, i = sp.symbols("j l i", integer=True)
W, psi, beta = sp.IndexedBase("W"), sp.IndexedBase("psi"), sp.IndexedBase("beta")
t, u, height = sp.Symbol("t", real=True), sp.Symbol("u", real=True), sp.Symbol("A", real=True)
notation = {
    beta: r"input weights of the nodes",
    sp.Symbol("zeta"): "any node",
    **dict.fromkeys(sp.symbols("v_0 v_1"), "velocity of a node"),
    height: "height of a constant input, or of an exponential one",
    psi: r"complex phases of the nodes, $x_j = e^{i\psi_j}$",
    sp.Symbol("p_0"): "start of node 0; under the heading of one mode, of that mode",
    sp.Symbol("p_1"): "start of node 1",
    sp.Symbol("rho_0"): r"the factor $e^{s\Delta}$ of an exponential input in one step",
    sp.Symbol("s"): "rate of an exponential input",
    i: "time of an input",
}

# %% [markdown]
# ## Any number of nodes
# Node j moves by $x_j' = \sum_l W_{jl} x_l + \beta_j u$, and $\psi_j' = -i x_j'/x_j$ by the chain rule, whatever branch
# of the logarithm is continued. What comes out is the field of the complex phase: the couplings act through
# differences of phases. Its real part is $\theta_j'$ and its imaginary part $-r_j'/r_j$.
# %%
node = sp.Symbol("zeta")
pull = sp.Sum(W[j, l] * sp.exp(sp.I * psi[l]), (l, 0, N - 1))
alone = sp.exp(-sp.I * psi[j])
derivation = (
    cs.Derivation("The complex phase of a node", start=-sp.I * (pull + beta[j] * u) / sp.exp(sp.I * psi[j]))
    .step(-sp.I * alone * pull - sp.I * beta[j] * u * alone, because=r"$1/e^{i\psi_j} = e^{-i\psi_j}$")
    .step(
        -sp.I * sp.Sum(W[j, l] * sp.exp(sp.I * (psi[l] - psi[j])), (l, 0, N - 1)) - sp.I * beta[j] * u * alone,
        because=r"$e^{i\psi_l} e^{-i\psi_j} = e^{i(\psi_l - \psi_j)}$",
    )
    .lemma(
        cs.Identity(
            sp.Derivative(-sp.I * sp.log(node), node),
            -sp.I / node,
            name="the phase by the node",
            because=r"so that $\psi' = -i\zeta'/\zeta$ along any path",
            nonzero=(node,),
        )
    )
)

# %% [markdown]
# ## One mode
# Under a constant input from $t = 0$ a mode is $p\,e^{at} + b A\,t\,\varphi_1(at)$, also for $a = 0$; in discrete time
# an exponential input leaves a geometric sum. Both move as they should, one of any number of modes.
# %%
a, b, p, lam, gain, ratio = sp.symbols("a_0 b_0 p_0 lambda_0 bbar_0 rho_0")
mode = p * sp.exp(a * t) + b * height * t * cs.phi(1, a * t)


def driven(steps):
    return p * lam**steps + gain * height * sp.Sum(lam ** (steps - i) * ratio**i, (i, 1, steps))


derivation = derivation.chain(
    cs.Derivation("A constant input", start=sp.Derivative(mode, t))
    .step(a * p * sp.exp(a * t) + b * height * sp.exp(a * t), because=r"$(t\,\varphi_1(at))' = e^{at}$")
    .step(a * mode + b * height, because=r"$e^{at} = 1 + at\,\varphi_1(at)$"),
    cs.Derivation("An exponential input, step by step", start=driven(k + 1))
    .step(lam * driven(k) + gain * height * ratio ** (k + 1), because=r"the term of $i = k + 1$ apart")
    .lemma(cs.Identity(driven(1), lam * p + gain * height * ratio, name="the first step", because="one term")),
)

# %% [markdown]
# ## Two nodes in continuous time
# The nodes hold $h_0 = \frac12(x_0 + x_1)$ and $h_1 = \frac12(x_0 - x_1)$. Whatever the real input, modes with
# $x_n' = a_n x_n + u$ make the field of $\psi$ hold, and the equations of amplitude and phase, times $r$ and $r^2$:
# $r_j r_j'$ and $r_j^2\theta_j'$ are the real and the imaginary part of $\bar h_j h_j'$. The start and the motion of
# the modes complete the solution under a constant input.
# %%
h, moving, x, start = (sp.symbols(f"{stem}_0 {stem}_1") for stem in ("h", "v", "x", "p"))
halves = [rate / 2 for rate in sp.symbols("a_0 a_1")]
parts = [letter / 2 for letter in x]
pulled = [rate * letter for rate, letter in zip(halves, x, strict=True)]
where = dict(zip(h, (parts[0] + parts[1], parts[0] - parts[1]), strict=True))
velocities = dict(zip(moving, (pulled[0] + pulled[1] + u, pulled[0] - pulled[1]), strict=True))
coupling = {sp.Symbol("w_1"): halves[0] - halves[1]}


def mirrored(definitions):
    """Letters beside their conjugates."""
    return definitions | {sp.conjugate(letter): sp.conjugate(value) for letter, value in definitions.items()}


def solution(model, excitation):
    return cs.oscillator_solution(cs.OscillatorNetwork.of_ring(cs.ring_embedding(model)), excitation, initial=start)


flow = solution(cs.DiagonalSSM.symbolic(2), cs.Excitation.step(height)).certificates
(law,) = [one for one in flow if one.name == r"equation of $\psi_0$"]
derivation = derivation.chain(
    cs.Derivation(
        "The complex phase of node 0 of two",
        start=law.left,
        where=mirrored(where | velocities) | coupling,
        sizes="N = 2",
    )
    .step(law.right, because=r"$W_{00} = \frac12(a_0 + a_1)$ and $W_{01} = w_1$", nonzero=law.nonzero)
    .lemma(*flow)
)

# %% [markdown]
# ## Two nodes in discrete time
# The polar step takes the nodes to those after one step of the modes.
# %%
steps = solution(cs.DiscreteSSM.symbolic(2), cs.Excitation.exponential(sp.Symbol("s"), height)).certificates
(polar,) = [one for one in steps if one.name == "polar step of node 0"]
derivation = derivation.chain(
    cs.Derivation("The polar step of node 0 of two", start=polar.left, where=mirrored(where), sizes="N = 2")
    .step(polar.right, because=r"amplitude times phasor is the node again", nonzero=polar.nonzero)
    .lemma(*steps)
)
notation |= {sp.Symbol("t"): "time"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
