# %% [markdown]
# # When the phases of the linear network are those of Kuramoto's model
# The phases of $x' = (i\,\mathrm{diag}\,\omega + \varepsilon e^{-i\varphi} A) x$ move like Kuramoto's plus the gap
# $g_i = \varepsilon \sum_j a_{ij} (r_j/r_i - 1) \sin(\theta_j - \theta_i - \varphi)$, and so are Kuramoto's on an
# interval if and only if $g = 0$ on it. Equal amplitudes suffice, if they stay equal. Whether they do is the content
# of the chain, for two nodes:
# $\frac12 (r_0^2 - r_1^2)' = 2 \varepsilon a\, r_0 r_1 \sin\varphi \sin(\theta_1 - \theta_0)$. They do
# where $\varepsilon a \sin\varphi = 0$: without a lag, and also with the lag $\pi$, which only turns the sign of the
# coupling. Where $\varepsilon a \sin\varphi \ne 0$, equal amplitudes part at once unless the phases are equal or
# opposite, and the phases of the linear network are an *approximation* of Kuramoto's.   [THEORY T8]
# %%
import sympy as sp

import carleman_ssm as cs

omega, epsilon, varphi, a = sp.symbols("omega epsilon varphi a", real=True)
t = sp.Symbol("t", real=True)


def velocities(model):
    """θ' and r' of the linear network without input."""
    values = [value.xreplace({sp.Symbol("u", real=True): sp.S.Zero}) for value in cs.polar_field(model).where.values()]
    return values[: model.nodes], values[model.nodes :]


# %% [markdown]
# ## Two equal nodes
# %%
pair = cs.KuramotoModel((omega, omega), sp.Matrix([[0, a], [a, 0]]), epsilon, varphi)
theta, r = (sp.symbols(f"{stem}_0:2", real=True) for stem in ("theta", "r"))
turning, growing = velocities(pair.linear_network())
between = theta[1] - theta[0]
derivation = (
    cs.Derivation("Amplitudes of two nodes part", start=r[0] * growing[0] - r[1] * growing[1])
    .step(
        epsilon * a * r[0] * r[1] * (sp.cos(between - varphi) - sp.cos(-between - varphi)),
        because=r"both pull each other with the same weight",
    )
    .step(2 * epsilon * a * r[0] * r[1] * sp.sin(varphi) * sp.sin(between), because="addition theorem of the cosine")
)

# %% [markdown]
# The solution shows it too. For $\varphi = 0$,
# $x_{0,1} = e^{i\omega t} (p e^{\varepsilon a t} \pm q e^{-\varepsilon a t})$ and $|x_0|^2 - |x_1|^2$ keeps its value,
# and so it does for $\varphi = \pi$. With any lag it is $4\,\mathrm{Re}(p \bar q e^{-2 i \varepsilon a t \sin\varphi})$
# and turns unless $\varepsilon a \sin\varphi = 0$.
# %%
p, q = sp.symbols("p q")


def difference_of_squares(lag):
    rate = epsilon * a * sp.exp(-sp.I * lag)
    sides = [sp.exp(sp.I * omega * t) * (p * sp.exp(rate * t) + sign * q * sp.exp(-rate * t)) for sign in (1, -1)]
    return sides[0] * sp.conjugate(sides[0]) - sides[1] * sp.conjugate(sides[1])


kept = [
    cs.Identity(difference_of_squares(lag), 2 * (p * sp.conjugate(q) + q * sp.conjugate(p)), name=f"kept with {words}")
    for lag, words in ((sp.S.Zero, "no lag"), (sp.pi, "the lag pi"))
]
turn = sp.exp(-2 * sp.I * epsilon * a * t * sp.sin(varphi))
lost = cs.Identity(
    difference_of_squares(varphi),
    2 * (p * sp.conjugate(q) * turn + q * sp.conjugate(p) / turn),
    name="with a lag the difference of squares turns",
)

# %% [markdown]
# ## Twisted states
# On a circulant A with equal frequencies let $\theta_j = \Theta + 2\pi q j/N$ with equal amplitudes: q turns around
# the ring. All nodes turn and grow alike, so the amplitudes stay equal and the gap stays zero, with or without lag.
# %%


def twisted_state(nodes):
    turns, common, r = sp.Symbol("q", integer=True), sp.Symbol("Theta", real=True), sp.Symbol("r", real=True)
    weights = sp.symbols(f"a_0:{nodes}", real=True)
    matrix = sp.Matrix(nodes, nodes, lambda i, j: weights[(i - j) % nodes])
    turning, growing = velocities(cs.KuramotoModel((omega,) * nodes, matrix, epsilon, varphi).linear_network())
    state = {sp.Symbol(f"theta_{j}", real=True): common + 2 * sp.pi * turns * j / nodes for j in range(nodes)}
    state |= {sp.Symbol(f"r_{j}", real=True): r for j in range(nodes)}
    angles = [2 * sp.pi * turns * d / nodes + varphi for d in range(nodes)]
    frequency = omega - epsilon * sp.Add(*(w * sp.sin(angle) for w, angle in zip(weights, angles, strict=True)))
    growth = r * epsilon * sp.Add(*(w * sp.cos(angle) for w, angle in zip(weights, angles, strict=True)))
    return cs.Identity(
        sp.Matrix([value.xreplace(state) for value in (*turning, *growing)]),
        sp.Matrix([frequency] * nodes + [growth] * nodes),
        name=f"twisted states of {nodes} nodes",
        nonzero=(r,),
    )


# %% [markdown]
# ## The gap in general, and the projected iteration to first order
# %%
lemmas = [*kept, lost, twisted_state(3), twisted_state(4)]
for nodes in (2, 3):
    model = cs.KuramotoModel.symbolic(nodes)
    for form in (cs.kuramoto_field(model), cs.phase_gap(model), cs.projected_step(model)):
        lemmas += form.certificates
for lemma in lemmas:
    derivation = derivation.lemma(lemma)

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
