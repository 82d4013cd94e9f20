r"""Where the zero-order hold puts an input on the ring of S4D-Lin: smeared over the nodes that it passes."""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import for_nodes
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    MODE,
    NODES,
    checked_nodes,
    letters,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    periodic_sinc,
)

REFERENCE = "derivations/04_held_input"

_STEP = sp.Symbol("Delta", positive=True)


def held_kick(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""Where a held input lands: $\mathrm{kick}_d = \frac1N\sum_n \bar b_n e^{-2\pi i f_n d/N}$.

    In the textbook gauge $b = 1$, $\bar b_n = \Delta\varphi_1(a_n\Delta)$, so that
    $$\mathrm{kick}_d = \int_0^\Delta e^{-\tau/2} D(\tfrac N2\tau - d)\,d\tau
        = \frac2N \int_0^\delta e^{-v/N} D(v - d)\,dv,$$
    a sinc smeared over the $\delta$ nodes that it passes during the step. In the gauge $\bar b_n = 1$ the kick is
    node 0 alone.

    Parameters
    ----------
    nodes, first
        N and $f_0$ (symmetric by default).

    Returns
    -------
    ClosedForm
        Of ``kick[d]`` after a hold of $\Delta$. Certificates: 0 for $\Delta = 0$, and its derivative in $\Delta$
        is the propagator $e^{-\Delta/2} D(\tfrac N2\Delta - d)$: both together determine it; for each a,
        $\partial_\Delta\,\Delta\varphi_1(a\Delta) = e^{a\Delta}$.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer, or $f_0$ not known to be real; or a letter of the statement is used with another
        meaning.

    References
    ----------
    derivations/04_held_input; THEORY T4.
    """
    size = checked_nodes(nodes)
    f = mode_frequency(first, size)
    a, place = lin_eigenvalue(f), sp.exp(-2 * sp.pi * sp.I * f * DISTANCE / size)
    z, any_a = size * _STEP / 2 - DISTANCE, sp.Symbol("a")
    kick = mode_sum(_STEP * phi(1, a * _STEP) * place, size)
    certificates = (
        Identity(kick.subs(_STEP, 0), sp.S.Zero, name="no time, no kick", because="every term has the factor 0"),
        Identity(
            kick_growth(kick),
            sp.exp(-_STEP / 2) * periodic_sinc(z, size, first=first),
            name="what enters at once stands at the front of the wave",
            because=r"$\partial_\Delta \Delta\varphi_1(a\Delta) = e^{a\Delta}$, then the propagator",
            nonzero=(sp.sin(sp.pi * z / size),),
        ),
        Identity(
            sp.Derivative(_STEP * phi(1, any_a * _STEP), _STEP),
            sp.exp(any_a * _STEP),
            name="held input of a mode",
            because=r"$\bar b = \int_0^\Delta e^{a\tau} d\tau$",
        ),
    )
    symbol, arguments = sp.IndexedBase("kick")[DISTANCE], (*letters(size, f - MODE), _STEP, DISTANCE)
    return ClosedForm(symbol, kick, arguments, {}, for_nodes(certificates, size), REFERENCE)


def kick_growth(kick: sp.Expr) -> sp.Expr:
    r"""The derivative of a kick in the step, under its sum over the modes, with $\varphi_1(z)$ as $(e^z - 1)/z$.

    No $a_n$ of S4D-Lin is 0, so nothing is lost by the division.
    """
    return kick.rewrite(sp.exp).replace(
        lambda e: isinstance(e, sp.Sum), lambda e: e.func(sp.Derivative(e.function, _STEP), *e.limits)
    )
