# %% [markdown]
# # When the phases of the linear network are those of Kuramoto's model
# The phases of $x' = (i\,\mathrm{diag}\,\omega + \epsilon e^{-i\varphi} A) x$ move like Kuramoto's plus the gap
# $g_j = \epsilon \sum_l a_{jl} (r_l/r_j - 1) \sin(\theta_l - \theta_j - \varphi)$, and so are Kuramoto's on an
# interval if and only if $g = 0$ on it. Equal amplitudes suffice, if they stay equal. For two nodes,
# $\frac12 (r_0^2 - r_1^2)' = 2 \epsilon a\, r_0 r_1 \sin\varphi \sin(\theta_1 - \theta_0)$: they do where
# $\epsilon a \sin\varphi = 0$, without a lag and with the lag $\pi$, which only turns the sign of the coupling.
# Otherwise equal amplitudes part at once unless the phases are equal or opposite, and the phases of the linear network
# are an *approximation* of Kuramoto's.   [THEORY T8; Budzinski et al. 2022]
# %%
import sympy as sp

import carleman_ssm as cs

N = sp.Symbol("N", integer=True, positive=True)
j, l, d, q = sp.symbols("j l d q", integer=True)
a, theta, r, omega = (sp.IndexedBase(name, real=True) for name in ("a", "theta", "r", "omega"))
epsilon, varphi, t = sp.symbols("epsilon varphi t", real=True)
nodes, pull = (l, 0, N - 1), theta[l] - theta[j] - varphi

# %% [markdown]
# ## The gap
# For symbolic N and any node j; the first line is T7 with $W_{jl} = \epsilon e^{-i\varphi} a_{jl}$ beside the
# frequencies. Where the gap vanishes the phases solve Kuramoto's equations, whose solution is unique; where the phases
# of both models agree, so do their velocities, and the gap vanishes.
# %%
kuramoto = omega[j] + epsilon * sp.Sum(a[j, l] * sp.sin(pull), nodes)
derivation = (
    cs.Derivation(
        "The gap between the two models",
        start=omega[j] + epsilon * sp.Sum(a[j, l] * r[l] / r[j] * sp.sin(pull), nodes),
        where={sp.Symbol("vartheta_j_l"): -pull},
    )
    .step(
        kuramoto + epsilon * sp.Sum(a[j, l] * (r[l] - r[j]) / r[j] * sp.sin(pull), nodes),
        because="$r_j$ added and taken away",
    )
    .step(
        kuramoto + epsilon * sp.Sum(a[j, l] * (r[l] / r[j] - 1) * sp.sin(pull), nodes),
        because="the gap beside Kuramoto's velocity",
    )
)

# %% [markdown]
# ## Order parameters, and the projected iteration
# A node feels the others through $\sum_l a_{jl} e^{i\theta_l}$ alone. That also makes the projected iteration, which
# steps the network and divides by the amplitudes, Kuramoto's to first order: at $x = e^{i\theta}$ the imaginary part of
# $\bar x_j (Wx)_j$ is Kuramoto's velocity, and the real part is the growth that the projection removes.
# %%
felt = sp.Sum(a[j, l] * sp.exp(sp.I * theta[l]), nodes)
moved = sp.I * omega[j] * sp.exp(sp.I * theta[j]) + epsilon * sp.exp(-sp.I * varphi) * felt
derivation = derivation.lemma(
    cs.Identity(
        sp.exp(-sp.I * theta[j]) * moved,
        epsilon * sp.Sum(a[j, l] * sp.cos(pull), nodes) + sp.I * kuramoto,
        name="one step to first order",
        because="Euler's formula",
    )
)

# %% [markdown]
# ## Twisted states
# On a circulant A with equal frequencies and amplitudes let $\theta_j = \Theta + 2\pi q j/N$: q turns around the ring.
# Sums over the distances d are the same for all nodes j, with or without lag: all turn and grow alike, so the
# amplitudes stay equal and the gap stays zero. For symbolic N and q.
# %%
common = sp.Symbol("Theta", real=True)


def phase(node):
    return common + 2 * sp.pi * q * node / N


angle, there, distances = 2 * sp.pi * q * d / N + varphi, phase(j - d) - phase(j) - varphi, (d, 0, N - 1)
derivation = derivation.lemma(
    cs.Identity(
        sp.exp(sp.I * phase(j + N)), sp.exp(sp.I * phase(j)), name="the ring closes", because="q is a whole number"
    ),
    cs.Identity(
        sp.Sum(a[d] * sp.sin(there), distances),
        -sp.Sum(a[d] * sp.sin(angle), distances),
        name="all nodes turn alike",
        because="neighbours at one distance differ by one phase",
    ),
    cs.Identity(
        sp.Sum(a[d] * sp.cos(there), distances),
        sp.Sum(a[d] * sp.cos(angle), distances),
        name="all nodes grow alike",
        because="neighbours at one distance differ by one phase",
    ),
)

# %% [markdown]
# ## Two equal nodes
# The smallest network, with one frequency and one weight: the amplitudes stay equal only if the right side below is 0.
# %%
weight, turns = sp.symbols("a omega", real=True)
pair = cs.KuramotoModel((turns, turns), sp.Matrix([[0, weight], [weight, 0]]), epsilon, varphi)
angles, sizes = (sp.symbols(f"{stem}_0:2", real=True) for stem in ("theta", "r"))
still = {sp.Symbol("u", real=True): sp.S.Zero}
growing = [value.xreplace(still) for value in cs.polar_field(pair.linear_network()).where.values()][2:]
between, strength = angles[1] - angles[0], epsilon * weight
parting = (
    cs.Derivation("Amplitudes of two nodes part", start=sizes[0] * growing[0] - sizes[1] * growing[1], sizes="N = 2")
    .step(
        strength * sizes[0] * sizes[1] * (sp.cos(between - varphi) - sp.cos(-between - varphi)),
        because="both pull each other with the same weight",
    )
    .step(2 * strength * sizes[0] * sizes[1] * sp.sin(varphi) * sp.sin(between), because="addition theorem")
)
derivation = derivation.chain(parting)

# %% [markdown]
# ## The solution for two equal nodes
# It shows the same. For $\varphi = 0$,
# $x_{0,1} = e^{i\omega t} (p_0 e^{\epsilon a t} \pm p_1 e^{-\epsilon a t})$ and $|x_0|^2 - |x_1|^2$ keeps its
# value, and so it does for $\varphi = \pi$. With any lag it turns unless $\epsilon a \sin\varphi = 0$.
# %%
first, second = sp.symbols("p_0 p_1")
kept = 2 * (first * sp.conjugate(second) + second * sp.conjugate(first))
turn = sp.exp(-2 * sp.I * strength * t * sp.sin(varphi))
turned = 2 * (first * sp.conjugate(second) * turn + second * sp.conjugate(first) / turn)


def difference_of_squares(lag):
    rate = strength * sp.exp(-sp.I * lag)
    sides = [sp.exp(sp.I * turns * t) * (first * sp.exp(rate * t) + s * second * sp.exp(-rate * t)) for s in (1, -1)]
    return sides[0] * sp.conjugate(sides[0]) - sides[1] * sp.conjugate(sides[1])


because = "two of the four products of each square cancel"
for lag, value, words in ((0, kept, "without lag"), (sp.pi, kept, "half a turn of lag"), (varphi, turned, "any lag")):
    solved = cs.Identity(difference_of_squares(lag), value, name=words, because=because, sizes="N = 2")
    derivation = derivation.lemma(solved)

# %% [markdown]
# ## Two nodes, written out
# What the package writes for a model of a given size: field, gap and projected step of two nodes.
# %%
model = cs.KuramotoModel.symbolic(2)
forms = (cs.kuramoto_field(model), cs.phase_gap(model), cs.projected_step(model))
derivation = derivation.lemma(*(certificate for form in forms for certificate in form.certificates))

pulls = (a, *sp.symbols("a_0_1 a_1_0"))
notation = {
    **dict.fromkeys(pulls, "weight with which one node pulls another; on a ring by distance, for two nodes one number"),
    epsilon: "strength of all couplings",
    **dict.fromkeys((first, second), "coefficients of the two modes"),
    q: "whole turns of a twisted state",
    common: "phase of node 0 in a twisted state",
    **dict.fromkeys((theta, *sp.symbols("theta_:2")), "phases of all nodes"),
    **dict.fromkeys((r, *sp.symbols("r_:2")), "amplitudes of all nodes"),
    varphi: "lag of all couplings",
    t: "time",
}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
