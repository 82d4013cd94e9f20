# %% [markdown]
# # No step of S4 lengthens a state, and what its stored readout holds
# S4 keeps a dense matrix $A = \Lambda - P P^*$. In the real coordinates $w = (\mathrm{Re}\,x, \mathrm{Im}\,x)$ of a
# stored mode with $\Lambda = -\alpha - i\omega$ and $p = (\mathrm{Re}\,P, \mathrm{Im}\,P)$ it is a rotation with decay,
# less $2 p p^\top$. The bilinear step $v \mapsto (1 - G)^{-1} (1 + G) v$, $G = \tfrac12 \Delta A$, is then a
# contraction: put $v = (1 - G) w$. That is why the dense recurrence is accurate at every N, where the eigenvectors of
# HiPPO-LegS are not.   [THEORY T12]
# %%
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.invariant_statements import s4_statement

alpha, omega, p_0, p_1, w_0, w_1 = sp.symbols("alpha omega p_0 p_1 w_0 w_1", real=True)
delta = sp.Symbol("Delta", positive=True)
p, w = sp.Matrix([p_0, p_1]), sp.Matrix([w_0, w_1])
A = sp.Matrix([[-alpha, omega], [-omega, -alpha]]) - 2 * p * p.T
half = delta * A / 2


def square(vector):
    """$|v|^2$."""
    return (vector.T * vector)[0]


before, after = w - half * w, w + half * w

# %% [markdown]
# ## The chain
# The difference of the two squares is a quadratic form of the symmetric part of A, in which the rotation drops out.
# %%
derivation = (
    cs.Derivation("The length of a state after one step", start=square(after))
    .step(
        square(before) + delta * (w.T * (A + A.T) * w)[0],
        because=r"$|w + Gw|^2 - |w - Gw|^2 = 2 w^\top (G + G^\top) w$ with $G = \Delta A / 2$",
    )
    .step(
        square(before) - 2 * delta * (alpha * square(w) + 2 * (p.T * w)[0] ** 2),
        because=r"$A + A^\top = -2\alpha - 4 p p^\top$: not more than $|v|^2$ for $\alpha \ge 0$",
    )
)

# %% [markdown]
# ## What else is said of S4
# At $\omega^L = 1$ the truncated generating function is that of $\tilde c^\top = c^\top (1 - \bar A^L)$, the readout
# that a layer stores; its step is inverted by Sherman and Morrison's formula; HiPPO-LegS is normal up to its rank one,
# and its spectrum is real.
# %%
for law in s4_statement(2, 3).laws:
    derivation = derivation.lemma(law)

if __name__ == "__main__":
    print(cs.to_latex(derivation))
