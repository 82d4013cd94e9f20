r"""Waves of a selective model: with the rates of S4D-Lin the input sets the speed, and the wave stays rigid (T19).

$a_n = -\tfrac12 + i\pi f_n$, $f_n = f_0 + n$: step k multiplies mode n by $e^{-\Delta_k/2} e^{2\pi i f_n \delta_k/N}$
with $\delta_k = N\Delta_k/2$. The phase is affine in the index whatever $\Delta_k$ is, so the whole pattern advances
$\delta_k$ nodes, and $N\tau_k/2$ after k steps.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.recurrences.affine import step_symbols
from carleman_ssm.recurrences.clock import REFERENCE, Clock
from carleman_ssm.theory.polynomials import require_integer
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    MODE,
    NODES,
    checked_nodes,
    interpolation_sum,
    letters,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    periodic_sinc,
)

PLACE = sp.Symbol("z", real=True)


def clocked_wave(steps: int = 2, nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""A unit kick after L selective steps: $[e^{\tau_L W}]_d = e^{-\tau_L/2} D(\tfrac N2 \tau_L - d)$.

    Parameters
    ----------
    steps
        L, the number of steps since the kick, with the increments $\Delta_1, \dots, \Delta_L$, real symbols.
    nodes, first
        N and $f_0$ as in `theory.waves.wave_propagator`.

    Returns
    -------
    ClosedForm
        Of ``G[d]`` in z, the place relative to the peak, and in the clock $\tau_L$. Certificates, for symbolic N: the
        sum over the modes after L selective steps is this wave; every step shifts the phase of mode n by
        $2\pi f_n \delta_k/N$, affine in n, with one damping for all modes; and the advances add up.

    Raises
    ------
    TypeError, ValueError
        As in `theory.waves.wave_propagator`; or L is no positive integer.

    References
    ----------
    derivations/19_selective_clock; THEORY T19, T3, T6 (iii).

    Examples
    --------
    >>> clocked_wave(2).expression
    exp(-tau/2)*sin(pi*z)/(N*sin(pi*z/N))
    """
    last, size = require_integer(steps, "the number of steps", least=1), checked_nodes(nodes)
    increments, f = step_symbols("Delta", last, real=True), mode_frequency(first, size)
    clock, tau = Clock((lin_eigenvalue(f),), increments), sp.Symbol("tau", real=True)
    elapsed = clock.times(last)[0]
    place = size * elapsed / 2 - DISTANCE
    wave = sp.exp(-tau / 2) * periodic_sinc(PLACE, size, first=first)
    used = (size, *increments, DISTANCE, f - MODE)
    return ClosedForm(
        sp.IndexedBase("G")[DISTANCE],
        wave,
        letters(*used),
        {tau: elapsed, PLACE: size * tau / 2 - DISTANCE},
        (
            after_steps(clock, size, first),
            Identity(
                sp.exp(-elapsed / 2) * interpolation_sum(place, size, first=first),
                wave.xreplace({tau: elapsed, PLACE: place}),
                name="the profile in closed form",
                because="a geometric sum",
                nonzero=(sp.sin(sp.pi * place / size), sp.exp(2 * sp.pi * sp.I * place / size) - 1),
            ),
            *rigid_steps(clock, size, first),
        ),
        REFERENCE,
    )


def after_steps(clock: Clock, nodes: sp.Expr, first: sp.Expr | int | None) -> Identity:
    r"""$\frac1N \sum_n (\prod_k e^{a_n \Delta_k}) e^{-2\pi i f_n d/N}$ is the profile that moved $N\tau_L/2$ nodes."""
    f, elapsed = mode_frequency(first, nodes), clock.times(clock.steps)[0]
    multipliers = sp.Mul(*(clock.kernel(row)[0] for row in clock.increments))
    return Identity(
        mode_sum(multipliers * sp.exp(-2 * sp.pi * sp.I * f * DISTANCE / nodes), nodes),
        sp.exp(-elapsed / 2) * interpolation_sum(nodes * elapsed / 2 - DISTANCE, nodes, first=first),
        name="a kick after all steps",
        because=r"$\sum_k (a_n \Delta_k) - 2\pi i f_n d/N = -\tau/2 + 2\pi i f_n (N\tau/2 - d)/N$",
    )


def rigid_steps(clock: Clock, nodes: sp.Expr, first: sp.Expr | int | None) -> tuple[Identity, ...]:
    r"""$e^{a_n \Delta_k} = e^{-\Delta_k/2} e^{2\pi i f_n \delta_k/N}$ for each step; $\sum_k \delta_k = N\tau_L/2$."""
    f = mode_frequency(first, nodes)
    hops = [nodes * row[0] / 2 for row in clock.increments]
    turns = tuple(
        Identity(
            clock.kernel(row)[0],
            sp.exp(-row[0] / 2) * sp.exp(2 * sp.pi * sp.I * f * hop / nodes),
            name=f"step {k} is rigid",
            because=r"the phase is affine in the index, with the slope $2\pi\delta_k/N$",
        )
        for k, (row, hop) in enumerate(zip(clock.increments, hops, strict=True), start=1)
    )
    added = Identity(
        sp.Add(*hops),
        nodes * clock.times(clock.steps)[0] / 2,
        name="the advances add up",
        because=r"$\delta_k = N\Delta_k/2$",
    )
    return (*turns, *([added] if clock.steps > 1 else []))
