# %% [markdown]
# # Gates that are no exponentials: rational and circular decays
# RG-LRU scales its input by $\beta_k = \sqrt{1 - a_k^2}$ for the decay $a_k$, and S7 has the multiplier $1 -
# 1/(\Lambda_k^2 + \frac12)$. Neither is a polynomial of the input. Given the gates the recurrences are affine and
# collapse like all; and both are polynomial once denominators are cleared: the pair $(a, \beta)$ is a point of the unit
# circle, $a = \frac{1-t^2}{1+t^2}$ and $\beta = \frac{2t}{1+t^2}$, and S7 is cleared by $d_k = 2\Lambda_k^2 + 1$. We
# show one step of each for any number of steps before, then two steps written out.   [THEORY T19]
# %%
from dataclasses import replace

import sympy as sp

import carleman_ssm as cs
from carleman_ssm.recurrences.rational_gates import rg_lru_statement, s7_multiplier, s7_statement

h, q, x, t = sp.symbols("h q x t")
rate, drive = sp.Symbol("Lambda", real=True), sp.Symbol("b")
notation = {
    h: "state before a step",
    q: "product of the denominators of all earlier steps",
    x: "input after the input gate",
    t: "letter of the circle, $t = \\sqrt{(1-a)/(1+a)}$",
    rate: "rate of a step of S7, a real number",
    drive: "drive of a step",
}


def written_out(statement, *general):
    """Claims of a family at one state and two steps; those named are about letters alone and hold in general."""
    for law in (*statement.output.certificates, *statement.laws):
        if law.name == "an undamped first step is a point of the circle":
            continue  # said in words: both sides are written out alike
        yield replace(law, sizes="" if law.name.startswith(general) else "N = 1, L = 2")


# %% [markdown]
# ## S7, cleared
# Let q be the product of all earlier denominators, and $\hat h = qh$. One more step times $q\,d$ is a polynomial in
# $\hat h$, q, $\Lambda$ and the drive: by induction every cleared state is one, and $q d$ is the next q.
# %%
denominator = 2 * rate**2 + 1
derivation = (
    cs.Derivation("A cleared step of S7", start=q * denominator * (s7_multiplier(rate) * h + drive))
    .step(
        q * (denominator * h - 2 * h + denominator * drive),
        because=r"$d\,\big(1 - \frac{1}{\Lambda^2 + 1/2}\big) = d - 2$",
    )
    .step(
        (2 * rate**2 - 1) * (q * h) + q * denominator * drive,
        because=r"$d - 2 = 2\Lambda^2 - 1$, and $qh$ is the cleared state before",
    )
    .lemma(*written_out(s7_statement(1, 2), "the multiplier"))
)

# %% [markdown]
# ## RG-LRU, cleared
# With the letter of the circle in the same way: the factor is now $1 + t^2$.
# %%
decay, root = (1 - t**2) / (1 + t**2), 2 * t / (1 + t**2)
circle = (
    cs.Derivation("A cleared step of RG-LRU", start=q * (1 + t**2) * (decay * h + root * x))
    .step(q * ((1 - t**2) * h + 2 * t * x), because=r"both letters have the denominator $1 + t^2$", nonzero=(1 + t**2,))
    .step((1 - t**2) * (q * h) + 2 * t * q * x, because=r"$qh$ is the cleared state before")
)
derivation = derivation.chain(circle)

# %% [markdown]
# ## RG-LRU, written out
# The circle, the bound of a step, and the clock of the decays: with an open gate each is the eighth power of one
# sigmoid. The first step is not scaled: from rest $a_1$ is not read, so it is the point (0, 1) of the circle, t = 1.
# [De et al. 2024]
# %%
derivation = derivation.lemma(*written_out(rg_lru_statement(1, 2), "decay and root", "a step is", "with an open"))

# %%
meanings = {
    "Lambda": "rates of the steps of S7",
    "a": "decays of the steps",
    "alpha": "base of the decays of RG-LRU",
    "b": "drives of the steps",
    "beta": "input scales of the steps",
    "p": "a parameter that is real",
    "r": "gates of the steps",
    "s": "the other branch of RG-LRU",
    "t": "letters of the circle of the steps",
    "x": "inputs of the steps after the input gate",
}
letters = {letter for one in derivation.statements for letter in (one.left.free_symbols | one.right.free_symbols)}
named = {letter: str(letter).split("_")[0] for letter in sorted(letters - set(notation), key=str)}
notation |= {letter: meanings[stem] for letter, stem in named.items() if stem in meanings}

# %%
if __name__ == "__main__":
    print(cs.to_latex(derivation))
