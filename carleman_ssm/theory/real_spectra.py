r"""Real multipliers carry no wave, whatever they are and however they change from step to step.

A kick of node 0 in the gauge $b = 1$ leaves the weight $v_n = \prod_i \lambda_{i,n}$ on mode n, and the node contents

$$h_d = \frac1N \sum_n v_n e^{-2\pi i n d/N} .$$

If the multipliers are real, so are the weights, and both directions are alike: $h_{-d} = \bar h_d$. This holds for any
real inputs too, whose weights are sums of such products. If the multipliers are not negative either, the kick stays
largest where it entered, because

$$h_0^2 - |h_d|^2 = \frac{2}{N^2} \sum_{m,n} v_m v_n \sin^2 \frac{\pi (m - n) d}{N} \ge 0 .$$

`theory.rigidity.real_spectrum_contents` is the case $v_n = e^{a_n t}$. Here the multipliers may also vanish and may
depend on the inputs: Mamba, Mamba-2, GLA, RG-LRU, S4D-Real. What is *not* true: multipliers below 0, as the bilinear
transform makes them of a fast real mode, carry the one motion that is its own mirror image, half of the ring per step.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES, checked_nodes, letters, mode_sum

REFERENCE = "derivations/06_real_spectra"

WEIGHTS = sp.IndexedBase("v", real=True)
"""$v_n$, what mode n holds of the kick."""

OTHER = sp.Symbol("m", integer=True)
HALF = sp.Symbol("M", integer=True, positive=True)
SIZE = sp.Symbol("rho", real=True)


def kicked_contents(distance: sp.Expr, nodes: sp.Expr = NODES) -> sp.Expr:
    r"""$\frac1N \sum_n v_n e^{-2\pi i n d/N}$, d nodes from the kick.

    Examples
    --------
    >>> kicked_contents(sp.Integer(1), sp.Integer(2)).doit()
    v[0]/2 - v[1]/2
    """
    return mode_sum(WEIGHTS[MODE] * sp.exp(-2 * sp.pi * sp.I * MODE * distance / nodes), nodes)


def standing_contents(nodes: sp.Expr | int = NODES) -> ClosedForm:
    r"""What a node holds of a kick under real multipliers: $h_d = \frac1N \sum_n v_n e^{-2\pi i n d/N}$.

    Parameters
    ----------
    nodes
        N.

    Returns
    -------
    ClosedForm
        Of ``h[d]`` in the real weights ``v[n]``. Certificates, for symbolic N: both directions alike; node 0 largest,
        $h_0^2 - |h_d|^2$ as a sum of $v_m v_n \sin^2$, which is not negative for $v \ge 0$; the displacements to both
        sides cancel, so the pattern does not move on average.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer or integer symbol.

    References
    ----------
    derivations/06_real_spectra; THEORY T6 (v).

    Examples
    --------
    >>> standing_contents(2).expression.doit().subs(DISTANCE, 0)
    v[0]/2 + v[1]/2
    """
    size = checked_nodes(nodes)
    ahead, behind = kicked_contents(DISTANCE, size), kicked_contents(-DISTANCE, size)
    sine = sp.sin(2 * sp.pi * DISTANCE / size)
    moved = ahead * conjugate_sum(DISTANCE, size) * sine - behind * conjugate_sum(-DISTANCE, size) * sine
    certificates = (
        Identity(behind, conjugate_sum(DISTANCE, size), name="both directions alike", because="the weights are real"),
        Identity(
            kicked_contents(sp.S.Zero, size) ** 2 - ahead * conjugate_sum(DISTANCE, size),
            excess_at_the_kick(size),
            name="never larger than at node 0",
            because=r"$1 - \cos x = 2\sin^2(x/2)$ for each pair of modes",
        ),
        Identity(
            moved, sp.S.Zero, name="displacements to both sides cancel", because=r"$|h_{-d}| = |h_d|$; sines are odd"
        ),
    )
    return ClosedForm(
        sp.IndexedBase("h")[DISTANCE], ahead, (*letters(size), WEIGHTS, DISTANCE), {}, certificates, REFERENCE
    )


def excess_at_the_kick(nodes: sp.Expr = NODES) -> sp.Expr:
    r"""$h_0^2 - |h_d|^2 = \frac{2}{N^2} \sum_{m,n} v_m v_n \sin^2(\pi(m - n)d/N)$, not negative for $v \ge 0$."""
    squares = WEIGHTS[OTHER] * WEIGHTS[MODE] * sp.sin(sp.pi * (OTHER - MODE) * DISTANCE / nodes) ** 2
    return 2 * sp.Sum(squares, (OTHER, 0, nodes - 1), (MODE, 0, nodes - 1)) / nodes**2


def conjugate_sum(distance: sp.Expr, nodes: sp.Expr = NODES) -> sp.Expr:
    r"""$\bar h_d$, the sum with conjugate phases, in an index of its own."""
    wave = sp.exp(2 * sp.pi * sp.I * OTHER * distance / nodes)
    return sp.Sum(WEIGHTS[OTHER] * wave, (OTHER, 0, nodes - 1)) / nodes


def alternating_hop() -> ClosedForm:
    r"""Multipliers below zero: $\lambda_n = (-1)^n \rho$ on $N = 2M$ nodes is $\rho P^M$, half of the ring a step.

    Real multipliers of both signs are mirror images of themselves as well, but the kick is not largest at node 0: after
    one step it stands at node M alone. After an even number of steps the weights are squares, and it is back.

    Returns
    -------
    ClosedForm
        Of ``h[M]`` after one step. Certificates, for symbolic M: node M holds $\rho$; node 0 holds nothing, nor
        does any other node; two steps bring $\rho^2$ back to node 0.

    References
    ----------
    derivations/06_real_spectra; THEORY T6 (v).
    """
    nodes, weight = 2 * HALF, SIZE * sp.exp(sp.I * sp.pi * MODE)

    def content(values: sp.Expr, distance: sp.Expr) -> sp.Expr:
        return mode_sum(values * sp.exp(-2 * sp.pi * sp.I * MODE * distance / nodes), nodes)

    apart = sp.exp(-sp.I * sp.pi * DISTANCE / HALF) + 1
    certificates = (
        Identity(content(weight, HALF), SIZE, name="half of the ring away", because=r"$(-1)^n e^{-i\pi n} = 1$"),
        Identity(content(weight, sp.S.Zero), sp.S.Zero, name="nothing is left", because="as many signs of each kind"),
        Identity(
            content(weight, DISTANCE),
            sp.S.Zero,
            name="nothing elsewhere",
            because=r"a geometric sum of $r = -e^{-i\pi d/M}$ with $r^{2M} = 1$",
            nonzero=(apart,),
        ),
        Identity(content(weight**2, sp.S.Zero), SIZE**2, name="back after two steps", because=r"$(-1)^{2n} = 1$"),
    )
    return ClosedForm(sp.IndexedBase("h")[HALF], SIZE, (SIZE,), {}, certificates, REFERENCE)
