# %% [markdown]
# # Real multipliers carry no wave
# A kick of node 0 leaves the weight $v_n$ on mode n, the product of that mode's multipliers since then: they may differ
# from step to step, depend on the inputs, or vanish. Real weights look alike in both directions, and weights that are
# not negative keep the kick largest where it entered: $h_0^2 - |h_d|^2$ is a sum of products $v_m v_n \sin^2$. Weights
# of both signs do not: $1, -1, 1, -1, \dots$ is the shift by half of the ring.   [THEORY T6 v]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.theory.real_spectra import (
    OTHER,
    WEIGHTS,
    alternating_hop,
    conjugated,
    excess_at_the_kick,
    kicked_contents,
    standing_contents,
)
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES

N, d, m, n, v = NODES, DISTANCE, OTHER, MODE, WEIGHTS


def over_pairs(summand):
    """The mean over all pairs of modes."""
    return sp.Sum(summand, (m, 0, N - 1), (n, 0, N - 1)) / N**2


# %% [markdown]
# ## Never larger than at node 0
# The conjugate of $h_d$ has the conjugate phases, because the weights are real: nothing else is asked of them, and the
# first lemma below says it alone. Each pair of modes (m, n) stands beside (n, m), so that only the cosine of the
# difference of their phases stays. For every N and d and all real weights.
# %%
turn = 2 * sp.pi * (m - n) * d / N
kick, away = kicked_contents(0), kicked_contents(d)
derivation = (
    cs.Derivation("A kick stays largest at node 0", start=kick * conjugated(kick) - away * conjugated(away))
    .step(
        over_pairs(v[m] * v[n] * (1 - sp.exp(sp.I * turn))),
        because=r"$\bar v_m = v_m$; products of sums, pair by pair",
    )
    .step(over_pairs(v[m] * v[n] * (1 - sp.cos(turn))), because="the pairs (m, n) and (n, m) together")
    .step(excess_at_the_kick(), because=r"$1 - \cos x = 2\sin^2(x/2)$")
)
kicked, largest, both_sides = standing_contents().certificates

# %% [markdown]
# ## Both directions alike
# $\bar h_d = h_{-d}$, so $|h_{-d}| = |h_d|$: a pattern cannot move to one side. For that the weights need no sign: it
# holds for all real inputs. Of complex weights all three laws are false, and refuted
# (`theory.real_spectra.complex_twins`).
# %%
derivation = derivation.lemma(kicked, largest, both_sides)

# %% [markdown]
# ## Both signs
# $\lambda_n = (-1)^n \rho$ on $N = 2M$ nodes is $\rho P^M$: one step takes the kick to the opposite node, and two bring
# it back. It is the counterexample to the rest, for symbolic M.
# %%
hop = cs.Derivation("Half of the ring in one step", start=alternating_hop().certificates[0].left)
derivation = derivation.chain(hop.lemma(*alternating_hop().certificates))

notation = {v: "weights that a kick leaves on the modes, products of real multipliers"}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
