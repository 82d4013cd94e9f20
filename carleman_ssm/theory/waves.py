r"""Travelling waves on the ring of S4D-Lin: the propagator, the shift by whole nodes, and what a node holds.

Notation: ring frequencies $f_n = f_0 + n$, $a_n = -\tfrac12 + i\pi f_n$, node contents
$h_j = \frac1N\sum_n x_n e^{-2\pi i f_n j/N}$. The propagator is $[e^{Wt}]_d = e^{-t/2} D(\tfrac N2 t - d)$: one fixed
profile $D$ (`wave_profile`) that moves toward $+j$ with $N/2$ nodes per unit of time, $\delta = N\Delta/2$ nodes per
step, and is damped as a whole. For a whole $\delta$ the step is $\rho P^\delta$ with $\rho = e^{-\delta/N}$, a shift.
"""

from __future__ import annotations

from math import gcd

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import for_nodes
from carleman_ssm.theory.polynomials import require_count, require_integer
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    HOP,
    MODE,
    NODES,
    TIME,
    checked_hop,
    checked_nodes,
    interpolation_sum,
    letters,
    lin_eigenvalue,
    mode_frequency,
    mode_sum,
    periodic_sinc,
    real_without,
    whole_positions,
    whole_start,
)

REFERENCE = "derivations/03_rigid_waves"
MAX_LAGS = 10**6
"""Most lags that `visiting_lags` lists."""

_LAG = sp.Symbol("m", integer=True, nonnegative=True)
_STEPS = sp.Symbol("k", integer=True, positive=True)
_NODE = sp.Symbol("j", integer=True)
_TURNS = sp.Symbol("q", integer=True)
_PLACE = sp.Symbol("z", real=True)
_DAMPING = sp.Symbol("rho", positive=True)
_INPUT = sp.IndexedBase("u")


def wave_propagator(
    nodes: sp.Expr | int = NODES,
    *,
    first: sp.Expr | int | None = None,
    time: sp.Expr | int = TIME,
    distance: sp.Expr | int = DISTANCE,
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
        t, real, and d, a whole number; exact numbers or expressions without n and z.

    Returns
    -------
    ClosedForm
        Of ``G[d]``, with z the position relative to the peak (written out if it is known to be at the peak).
        Certificates: it is the sum over the modes (for symbolic N, a geometric sum); each mode obeys $x' = ax$; it is
        the identity at $t = 0$.

    Raises
    ------
    TypeError, ValueError
        The number of nodes is no positive integer, $f_0$ or t is not known to be real, d to be whole; or a letter of
        the statement is used with another meaning.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.

    Examples
    --------
    >>> wave_propagator().expression
    exp(-t/2)*sin(pi*z)/(N*sin(pi*z/N))
    """
    size, moment = checked_nodes(nodes), real_without(time, "the time", MODE, _PLACE)
    away = real_without(distance, "the distance", MODE, _PLACE)
    if away.is_integer is not True:
        msg = f"the distance is a whole number of nodes, got {away}: between the nodes use `interpolation_sum`"
        raise ValueError(msg)
    f, place = mode_frequency(first, size), size * moment / 2 - away
    z = place if _at_peak(place, size) else _PLACE
    used = size.free_symbols | (f - MODE).free_symbols | moment.free_symbols | away.free_symbols
    return ClosedForm(
        sp.IndexedBase("G")[away],
        sp.exp(-moment / 2) * periodic_sinc(z, size, first=first),
        tuple(sorted(used, key=str)),
        {z: place} if z == _PLACE else {},
        for_nodes(
            (
                _propagator_sum(f, size, moment, away, first),
                _equation_of_motion(f, size, away),
                *whole_positions(size, first),
            ),
            size,
        ),
        REFERENCE,
    )


def _at_peak(place: sp.Expr, size: sp.Expr) -> bool:
    """The quotient for the profile would be 0/0 there."""
    return sp.sin(sp.pi * place / size).is_zero is True


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
        nonzero=() if _at_peak(z, size) else (sp.sin(sp.pi * z / size),),
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
        step = sp.exp(lin_eigenvalue(f) * 2 * hop / size)
        return mode_sum(step * sp.exp(-2 * sp.pi * sp.I * f * distance / size), size)

    landing, apart = hop + size * _TURNS, sp.exp(2 * sp.pi * sp.I * (hop - DISTANCE) / size) - 1
    certificates = (
        Identity(entry(landing), sp.exp(-hop / size), name="arrival after the hop", because="all modes in phase"),
        Identity(apart * entry(DISTANCE), sp.S.Zero, name="on no other node", because="the roots of unity add up to 0"),
    )
    symbols = letters(size, start, hop)
    return ClosedForm(
        sp.IndexedBase("G")[landing], sp.exp(-hop / size), symbols, {}, for_nodes(certificates, size), REFERENCE
    )


def node_contents(
    nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None, hop: sp.Expr | int = HOP
) -> ClosedForm:
    r"""What node j holds after k steps from rest: $h_j(k) = \sum_{m=0}^{k-1} \rho^m u_{k-m} D(\delta m - j)$.

    In the unit-input gauge ($\bar b_n = 1$) each input enters at node 0 and travels as a whole. For a whole
    $\delta$ only the lags with $\delta m \equiv j \bmod N$ remain (`visiting_lags`), and those as a whole: the first
    lag that visits node j *and* its damped predecessors of one, two, … periods before (with alternating signs on
    an anti-periodic ring). The first is $j/\delta$ if $\delta$ divides j; at $N = 5$, $\delta = 2$ node 1 holds the
    lags 3, 8, …; at $N = 4$, $\delta = 2$ none visits it. Otherwise the contents are interpolated between nodes.

    Parameters
    ----------
    nodes, first
        N and $f_0$ (symmetric by default, where D is even).
    hop
        $\delta = N\Delta/2$, a real symbol or number.

    Returns
    -------
    ClosedForm
        Of ``h[j]``, a finite double sum, valid for every $\delta$. Certificates: empty before the first input;
        $h_j(k) = \rho\,h_{j-\delta}(k-1) + D(-j)\,u_k$, at node 0 and at every other; each mode of one kick is
        $\rho^m e^{2\pi i f_n(\delta m - j)/N}$ after m steps; and D is the unit kick of node 0.

    Raises
    ------
    TypeError, ValueError
        N is no positive integer, $f_0$ or $\delta$ not known to be real; or a letter of the statement is used with
        another meaning.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    size, step = checked_nodes(nodes), checked_hop(hop)
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
    arguments = (*letters(size, f - MODE, step), _INPUT, _NODE, _STEPS)
    where = {_DAMPING: sp.exp(-step / size)}
    return ClosedForm(
        sp.IndexedBase("h")[_NODE], contents(_NODE, _STEPS), arguments, where, for_nodes(certificates, size), REFERENCE
    )


def _kick_after_steps(size: sp.Expr, hop: sp.Expr) -> Identity:
    f = sp.Symbol("f", real=True)
    one_step = sp.exp(lin_eigenvalue(f) * 2 * hop / size)
    return Identity(
        one_step**_LAG * sp.exp(-2 * sp.pi * sp.I * f * _NODE / size),
        sp.exp(-hop / size) ** _LAG * sp.exp(2 * sp.pi * sp.I * f * (hop * _LAG - _NODE) / size),
        name="a mode of one kick, m steps later",
        because=r"$\lambda_n = \rho\,e^{2\pi i f_n \delta/N}$",
    )


def visiting_lags(node: int, nodes: int, hop: int, steps: int) -> tuple[int, ...]:
    r"""The lags $m < k$ whose input stands on a node: $\delta m \equiv j \bmod N$, for a whole $\delta$.

    With $g = \gcd(\delta, N)$ there are none if g does not divide j, else every $(N/g)$-th lag.

    Parameters
    ----------
    node, nodes
        j and N.
    hop
        $\delta$, a whole number of nodes per step; negative against the direction of the nodes.
    steps
        k, the number of inputs so far.

    Returns
    -------
    Ascending lags.

    Raises
    ------
    TypeError
        j, N, $\delta$ or k is no integer.
    ValueError
        N is not positive, k is negative, or there are more than `MAX_LAGS` such lags.

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
    size, count = require_integer(nodes, "the number of nodes", least=1), require_count(steps, "the number of steps")
    place, advance = require_integer(node, "the node"), require_integer(hop, "the hop")
    common = gcd(advance, size)
    period = size // common
    if place % common:
        return ()
    first = place // common * pow(advance // common, -1, period) % period
    visits = max(0, -((first - count) // period))
    if visits > MAX_LAGS:
        msg = f"{visits} lags are more than {MAX_LAGS}: they are {first} + {period} q for q = 0 … {visits - 1}"
        raise ValueError(msg)
    return tuple(range(first, count, period))
