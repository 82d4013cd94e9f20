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
from carleman_ssm.theory.instances import for_nodes
from carleman_ssm.theory.wave_profile import DISTANCE, MODE, NODES, checked_nodes, letters, mode_sum

REFERENCE = "derivations/06_real_spectra"

WEIGHTS = sp.IndexedBase("v", real=True)
"""$v_n$, what mode n holds of the kick."""

COMPLEX_WEIGHTS = sp.IndexedBase("v")
"""The same of multipliers that need not be real: what the laws are false for."""

OTHER = sp.Symbol("m", integer=True)
HALF = sp.Symbol("M", integer=True, positive=True)
SIZE = sp.Symbol("rho", real=True)


def kicked_contents(distance: sp.Expr, nodes: sp.Expr = NODES, weights: sp.IndexedBase = WEIGHTS) -> sp.Expr:
    r"""$h_d = \frac1N \sum_n v_n e^{-2\pi i n d/N}$, d nodes from the kick.

    Examples
    --------
    >>> kicked_contents(sp.Integer(1), sp.Integer(2)).doit()
    v[0]/2 - v[1]/2
    """
    return mode_sum(weights[MODE] * sp.exp(-2 * sp.pi * sp.I * MODE * distance / nodes), nodes)


def standing_contents(nodes: sp.Expr | int = NODES) -> ClosedForm:
    r"""What a node holds of a kick under real multipliers: $h_d = \frac1N \sum_n v_n e^{-2\pi i n d/N}$.

    Parameters
    ----------
    nodes
        N.

    Returns
    -------
    ClosedForm
        Of ``h[d]`` in the real weights ``v[n]``. Certificates, for symbolic N: both directions alike,
        $\bar h_d = h_{-d}$; node 0 largest, $h_0 \bar h_0 - h_d \bar h_d$ as a sum of $v_m v_n \sin^2$, which is not
        negative for $v \ge 0$; as much on both sides, $|h_d|^2 = |h_{-d}|^2$, so the pattern does not move on average.

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
    return ClosedForm(
        sp.IndexedBase("h")[DISTANCE],
        kicked_contents(DISTANCE, size),
        (*letters(size), WEIGHTS, DISTANCE),
        {},
        for_nodes(_standing_laws(size, WEIGHTS), size),
        REFERENCE,
    )


def complex_twins(nodes: sp.Expr | int = NODES) -> tuple[Identity, ...]:
    r"""The certificates of `standing_contents` claimed of complex weights: all false for $N \ge 3$.

    Parameters
    ----------
    nodes
        N. On two nodes the third is true, as node 1 is its own mirror image; on one node the second is, too.

    Raises
    ------
    TypeError, ValueError
        As in `standing_contents`.

    References
    ----------
    THEORY T6 (v).
    """
    return _standing_laws(checked_nodes(nodes), COMPLEX_WEIGHTS)


def _standing_laws(size: sp.Expr, weights: sp.IndexedBase) -> tuple[Identity, ...]:
    """Written with the conjugate itself, so that they use that the weights are real."""
    kick, ahead, behind = (kicked_contents(d, size, weights) for d in (sp.S.Zero, DISTANCE, -DISTANCE))
    return (
        Identity(conjugated(ahead), behind, name="both directions alike", because="the weights are real"),
        Identity(
            kick * conjugated(kick) - ahead * conjugated(ahead),
            excess_at_the_kick(size, weights),
            name="never larger than at node 0",
            because=r"the weights are real, and $1 - \cos x = 2\sin^2(x/2)$ for each pair of modes",
        ),
        Identity(
            ahead * conjugated(ahead),
            behind * conjugated(behind),
            name="as much on both sides",
            because=r"$\bar h_d = h_{-d}$",
        ),
    )


def conjugated(content: sp.Expr) -> sp.Expr:
    r"""$\bar h_d$, not carried out: that the weights are real is for the check to use."""
    return content.replace(lambda e: isinstance(e, sp.Sum), lambda e: sp.conjugate(e, evaluate=False))


def excess_at_the_kick(nodes: sp.Expr = NODES, weights: sp.IndexedBase = WEIGHTS) -> sp.Expr:
    r"""$h_0^2 - |h_d|^2 = \frac{2}{N^2} \sum_{m,n} v_m v_n \sin^2(\pi(m - n)d/N)$, not negative for $v \ge 0$."""
    squares = weights[OTHER] * weights[MODE] * sp.sin(sp.pi * (OTHER - MODE) * DISTANCE / nodes) ** 2
    return 2 * sp.Sum(squares, (OTHER, 0, nodes - 1), (MODE, 0, nodes - 1)) / nodes**2


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
