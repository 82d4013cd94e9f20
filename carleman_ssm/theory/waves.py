r"""Travelling waves on the ring of S4D-Lin: the propagator, the shift by whole nodes, and what a node holds.

Notation: ring frequencies $f_n = f_0 + n$, $a_n = -\tfrac12 + i\pi f_n$, node contents
$h_j = \frac1N\sum_n x_n e^{-2\pi i f_n j/N}$. The propagator is $[e^{Wt}]_d = e^{-t/2} D(\tfrac N2 t - d)$: one fixed
profile $D$ (`wave_profile`) that moves toward $+j$ with $N/2$ nodes per unit of time, $\delta = N\Delta/2$ nodes per
step, and is damped as a whole. For a whole $\delta$ the step is $\rho P^\delta$ with $\rho = e^{-\delta/N}$, a shift.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.polynomials import exact, require_count
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    HOP,
    MODE,
    NODES,
    TIME,
    checked_nodes,
    interpolation_sum,
    letters,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    periodic_sinc,
    whole_positions,
    whole_start,
)

REFERENCE = "derivations/03_rigid_waves"

_LAG = sp.Symbol("m", integer=True, nonnegative=True)
_STEPS = sp.Symbol("k", integer=True, positive=True)
_NODE = sp.Symbol("j", integer=True)
_TURNS = sp.Symbol("q", integer=True)
_DAMPING = sp.Symbol("rho", positive=True)
_INPUT = sp.IndexedBase("u")


def wave_propagator(
    nodes: sp.Expr | int = NODES,
    *,
    first: sp.Expr | int | None = None,
    time: sp.Expr = TIME,
    distance: sp.Expr = DISTANCE,
) -> ClosedForm:
    r"""The ring of S4D-Lin after time t: $[e^{Wt}]_d = e^{-t/2} D(\tfrac N2 t - d)$, $d = j - l$.

    A pattern moves rigidly toward $+j$ with N/2 nodes per unit of time and is damped as a whole; one revolution
    lasts 2 units of time and costs the factor $e^{-1}$, whatever N.

    Parameters
    ----------
    nodes
        N, a symbol or a number.
    first
        $f_0$: None for the symmetric range (real couplings for odd N), 0 for the stored modes, $-N/2$.
    time, distance
        t and d.

    Returns
    -------
    ClosedForm
        Of ``G[d]``, with z the position relative to the peak. Certificates: it is the sum over the modes
        (for symbolic N, a geometric sum); each mode obeys $x' = ax$; it is the identity at $t = 0$.

    Raises
    ------
    ValueError
        The number of nodes is no positive integer.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.

    Examples
    --------
    >>> wave_propagator().expression
    exp(-t/2)*sin(pi*z)/(N*sin(pi*z/N))
    """
    size, z = checked_nodes(nodes), sp.Symbol("z", real=True)
    f = mode_frequency(first, size)
    arguments = tuple(sorted((size.free_symbols | time.free_symbols | distance.free_symbols), key=str))
    return ClosedForm(
        sp.IndexedBase("G")[distance],
        sp.exp(-time / 2) * periodic_sinc(z, size, first=first),
        arguments,
        {z: size * time / 2 - distance},
        (
            _propagator_sum(f, size, time, distance, first),
            _equation_of_motion(f, size, distance),
            *whole_positions(size, first),
        ),
        REFERENCE,
    )


def _propagator_sum(
    f: sp.Expr, size: sp.Expr, time: sp.Expr, distance: sp.Expr, first: sp.Expr | int | None
) -> Identity:
    wave = sp.exp(lin_eigenvalue(f) * time) * sp.exp(-2 * sp.pi * sp.I * f * distance / size)
    z = size * time / 2 - distance
    return Identity(
        mode_sum(wave, size),
        sp.exp(-time / 2) * periodic_sinc(z, size, first=first),
        name="propagator of the ring",
        because=r"a geometric sum of $e^{2\pi i z/N}$ with $z = Nt/2 - d$",
        nonzero=(sp.sin(sp.pi * z / size),),
    )


def _equation_of_motion(f: sp.Expr, size: sp.Expr, distance: sp.Expr) -> Identity:
    a, place = lin_eigenvalue(f), sp.exp(-2 * sp.pi * sp.I * f * distance / size)
    return Identity(
        mode_sum(sp.Derivative(sp.exp(a * TIME), TIME) * place, size),
        mode_sum(a * sp.exp(a * TIME) * place, size),
        name="equation of motion",
        because=r"$W$ multiplies mode n by $a_n$",
    )


def rigid_step(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""The step by a whole number of nodes: $e^{W\Delta} = \rho P^\delta$ with $\rho = e^{-\delta/N}$.

    The step is $\Delta = 2\delta/N$.

    Parameters
    ----------
    nodes
        N.
    first
        $f_0$, a whole number; None for the symbol ``f_0``: the statement holds for each.

    Returns
    -------
    ClosedForm
        Of the entry ``G[delta + N*q]``; all other entries vanish. Certificates, with symbolic N and $\delta$: the
        entry at the distance $\delta + Nq$ is $\rho$; at any other distance d it is 0, since
        $(e^{2\pi i(\delta - d)/N} - 1)$ times it is 0.

    Raises
    ------
    ValueError
        The first frequency is no whole number: on an anti-periodic ring the sign changes with each turn.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    size, hop = checked_nodes(nodes), sp.Symbol("delta", integer=True)
    start = whole_start(first)
    f = mode_frequency(start, size)

    def entry(distance: sp.Expr) -> sp.Expr:
        step = sp.exp(sp.expand(lin_eigenvalue(f) * 2 * hop / size))
        return mode_sum(step * sp.exp(-2 * sp.pi * sp.I * f * distance / size), size)

    landing, apart = hop + size * _TURNS, sp.exp(2 * sp.pi * sp.I * (hop - DISTANCE) / size) - 1
    certificates = (
        Identity(entry(landing), sp.exp(-hop / size), name="arrival δ nodes away", because="all modes in phase"),
        Identity(apart * entry(DISTANCE), sp.S.Zero, name="on no other node", because="the roots of unity add up to 0"),
    )
    symbols = letters(size, start, hop)
    return ClosedForm(sp.IndexedBase("G")[landing], sp.exp(-hop / size), symbols, {}, certificates, REFERENCE)


def node_contents(
    nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None, hop: sp.Expr = HOP
) -> ClosedForm:
    r"""What node j holds after k steps from rest: $h_j(k) = \sum_{m=0}^{k-1} \rho^m u_{k-m} D(\delta m - j)$.

    In the unit-input gauge ($\bar b_n = 1$) each input enters at node 0 and travels as a whole. For a whole
    $\delta$ only the lags with $\delta m \equiv j \bmod N$ remain (`visiting_lags`): node j holds the input of
    $j/\delta$ steps ago *and* its damped predecessors of one, two, … revolutions before (with alternating signs on
    an anti-periodic ring). Otherwise the contents are interpolated between nodes.

    Parameters
    ----------
    nodes, first
        N and $f_0$ (symmetric by default, where D is even).
    hop
        $\delta = N\Delta/2$, a symbol or a number.

    Returns
    -------
    ClosedForm
        Of ``h[j]``, a finite double sum, valid for every $\delta$. Certificates: empty before the first input;
        $h_j(k) = \rho\,h_{j-\delta}(k-1) + D(-j)\,u_k$, at node 0 and at every other; each mode of one kick is
        $\rho^m e^{2\pi i f_n(\delta m - j)/N}$ after m steps; and D is the unit kick of node 0.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    size, step = checked_nodes(nodes), exact(hop, "the nodes per step")
    f = mode_frequency(first, size)

    def contents(node: sp.Expr, steps: sp.Expr) -> sp.Expr:
        wave = sp.exp(2 * sp.pi * sp.I * f * (step * _LAG - node) / size)
        inputs = _DAMPING**_LAG * _INPUT[steps - _LAG]
        return sp.Sum(inputs * wave, (_LAG, 0, steps - 1), (MODE, 0, size - 1)) / size

    def law(node: sp.Expr, kick: sp.Expr, where: str) -> Identity:
        moved = _DAMPING * contents(node - step, _STEPS - 1) + kick * _INPUT[_STEPS]
        because = r"lag m of step $k - 1$ is lag $m + 1$ of step k"
        return Identity(contents(node, _STEPS), moved, name=f"moves on, and the input enters{where}", because=because)

    certificates = (
        Identity(contents(_NODE, sp.S.Zero), sp.S.Zero, name="at rest before the first input", because="an empty sum"),
        law(_NODE, interpolation_sum(-_NODE, size, first=first), ""),
        law(sp.S.Zero, sp.S.One, " at node 0"),
        _kick_after_steps(size, step),
        *whole_positions(size, first),
    )
    arguments = (*letters(size, step), _INPUT, _NODE, _STEPS)
    where = {_DAMPING: sp.exp(-step / size)}
    return ClosedForm(sp.IndexedBase("h")[_NODE], contents(_NODE, _STEPS), arguments, where, certificates, REFERENCE)


def _kick_after_steps(size: sp.Expr, hop: sp.Expr) -> Identity:
    f = sp.Symbol("f", real=True)
    one_step = sp.exp(sp.expand(lin_eigenvalue(f) * 2 * hop / size))
    return Identity(
        one_step**_LAG * sp.exp(-2 * sp.pi * sp.I * f * _NODE / size),
        sp.exp(-hop / size) ** _LAG * sp.exp(2 * sp.pi * sp.I * f * (hop * _LAG - _NODE) / size),
        name="a mode of one kick, m steps later",
        because=r"$\lambda_n = \rho\,e^{2\pi i f_n \delta/N}$",
    )


def visiting_lags(node: int, nodes: int, hop: int, steps: int) -> tuple[int, ...]:
    r"""The lags $m < k$ whose input stands on a node: $\delta m \equiv j \bmod N$, for a whole $\delta$.

    Parameters
    ----------
    node, nodes
        j and N.
    hop
        $\delta$, a whole number of nodes per step; negative against the direction of the nodes.
    steps
        k, the number of inputs so far.

    Raises
    ------
    ValueError, TypeError
        N is no positive count, or j, $\delta$ are no integers.

    References
    ----------
    THEORY T3.

    Examples
    --------
    >>> visiting_lags(node=1, nodes=3, hop=1, steps=9)  # the wave came round twice
    (1, 4, 7)
    >>> visiting_lags(node=1, nodes=4, hop=2, steps=9)  # even hops never visit an odd node
    ()
    """
    size = require_count(nodes, "the number of nodes")
    if size == 0:
        msg = "a ring needs at least one node"
        raise ValueError(msg)
    lags = range(require_count(steps, "the number of steps"))
    return tuple(m for m in lags if (hop * m - node) % size == 0)
