r"""When a ring carries a rigid wave, and when it cannot carry one at all.

In a given order of the modes the step is $\rho e^{i\varphi} P^\delta$, a shift by $\delta$ whole nodes, **if and only
if** $\lambda_n = \rho e^{i\varphi} e^{2\pi i \delta n/N}$: the moduli are equal, and the phase is affine in the index
modulo $2\pi$ with the slope $2\pi\delta/N$ of a *whole* $\delta$. Another order keeps input and output but not the
picture. Real eigenvalues a carry no wave in continuous time nor under a hold: $|h_d(t)| \le h_0(t)$. Real
*multipliers* can: 1, -1 are the shift by one of two nodes, and the bilinear transform makes $\lambda < 0$ of a real a
once $|a|\Delta > 2$.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import Evidence, verify
from carleman_ssm.theory.instances import for_nodes
from carleman_ssm.theory.polynomials import exact_entries, require_integer
from carleman_ssm.theory.wave_profile import (
    DISTANCE,
    MAX_WRITTEN,
    MODE,
    NODES,
    TIME,
    checked_nodes,
    letters,
    mode_frequency,
    mode_sum,
    whole_start,
)

REFERENCE = "derivations/06_dispersion_and_rigidity"

_HOP = sp.Symbol("delta", integer=True)
_NODE = sp.Symbol("j", integer=True)
_TURNS = sp.Symbol("q", integer=True)
_SPECTRUM = sp.IndexedBase("a", real=True)


def shift_matrix(nodes: int, hop: int) -> sp.ImmutableMatrix:
    r"""$P^\delta$, shape (N, N): what stood at node l stands at node $l + \delta \bmod N$.

    Parameters
    ----------
    nodes, hop
        N and $\delta$; negative against the direction of the nodes.

    Raises
    ------
    TypeError
        N or $\delta$ is no integer.
    ValueError
        N is not positive, or larger than `MAX_WRITTEN`.

    References
    ----------
    THEORY T6 (iii).

    Examples
    --------
    >>> shift_matrix(3, 1) * sp.Matrix([5, 6, 7])
    Matrix([
    [7],
    [5],
    [6]])
    """
    size = require_integer(nodes, "the number of nodes", least=1, most=MAX_WRITTEN)
    advance = require_integer(hop, "the hop")
    return sp.ImmutableMatrix(size, size, lambda j, l: int((j - l - advance) % size == 0))


def rigid_spectrum(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""The spectra of rigid waves: $\lambda_n = \rho e^{i\varphi} e^{2\pi i\delta f_n/N}$, $f_n = f_0 + n$; no others.

    Parameters
    ----------
    nodes
        N.
    first
        $f_0$, a whole number; None for the symbol ``f_0``.

    Returns
    -------
    ClosedForm
        Of ``lambda[n]``. Certificates, with symbolic N and $\delta$: the ring of this spectrum couples nodes at the
        distance $\delta$ (modulo N) with $\rho e^{i\varphi}$ and no others; conversely the modes $e^{-2\pi i f j/N}$
        of the shift $\rho e^{i\varphi} P^\delta$ have these eigenvalues; and in the order $n \to qn$ the hop is
        $q\delta$.

    Raises
    ------
    ValueError
        N is no positive integer, or $f_0$ no whole number.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6.
    """
    size, start = checked_nodes(nodes), whole_start(first)
    rho, angle = sp.Symbol("rho", positive=True), sp.Symbol("varphi", real=True)
    f, scale = mode_frequency(start, size), rho * sp.exp(sp.I * angle)
    spectrum = scale * _turn(_HOP * f, size)

    def coupling(distance: sp.Expr) -> sp.Expr:
        return mode_sum(spectrum * _turn(-distance * f, size), size)

    q, n = sp.Symbol("q", integer=True), sp.Symbol("n", integer=True)
    certificates = (
        Identity(coupling(_HOP + size * _TURNS), scale, name="one coupling", because="all modes in phase"),
        Identity(
            (_turn(_HOP - DISTANCE, size) - 1) * coupling(DISTANCE),
            sp.S.Zero,
            name="and no other",
            because="the roots of unity add up to 0",
        ),
        Identity(
            scale * _turn((_HOP - _NODE) * f, size),
            spectrum * _turn(-_NODE * f, size),
            name="the modes of a shift",
            because=r"$(P^\delta v)_j = v_{j-\delta}$",
        ),
        Identity(
            _turn(_HOP * (q * n - size * _NODE), size),
            _turn((q * _HOP) * n, size),
            name="another rigid order",
            because=r"$qn \bmod N = qn - jN$",
        ),
    )
    arguments = (*letters(size, start), rho, angle, _HOP, MODE)
    return ClosedForm(sp.IndexedBase("lambda")[MODE], spectrum, arguments, {}, for_nodes(certificates, size), REFERENCE)


def _turn(steps: sp.Expr, size: sp.Expr) -> sp.Expr:
    return sp.exp(2 * sp.pi * sp.I * steps / size)


def rigidity_conditions(multipliers: Sequence[sp.Expr], hop: int) -> tuple[Identity, ...]:
    r"""$\lambda_n = \lambda_0 e^{2\pi i \delta n/N}$ for $n = 1 \dots N-1$: the step is a shift iff all of them hold.

    Parameters
    ----------
    multipliers
        $\lambda_n$ in ring order, exact, from the frequency 0 (or any whole frequency) upwards.
    hop
        $\delta$.

    Raises
    ------
    ValueError, TypeError
        No multiplier, or one that is not exact, or $\delta$ is no integer.

    References
    ----------
    THEORY T6.
    """
    values, advance = _exact_multipliers(multipliers), require_integer(hop, "the hop")
    size = len(values)
    return tuple(
        Identity(value, values[0] * _turn(sp.Integer(advance * n), sp.Integer(size)), name=f"mode {n} keeps step")
        for n, value in enumerate(values[1:], 1)
    )


def _exact_multipliers(multipliers: object) -> tuple[sp.Expr, ...]:
    values = exact_entries(multipliers, "multipliers")
    require_integer(len(values), "the number of multipliers", least=1)
    return values


def rigid_hops(multipliers: Sequence[sp.Expr]) -> tuple[int, ...]:
    r"""All $\delta \in \{0, …, N-1\}$ for which the step of the ring is $\lambda_0 P^\delta$; empty if it is no shift.

    Parameters
    ----------
    multipliers
        $\lambda_n$ in ring order, exact numbers or symbols.

    Raises
    ------
    TypeError
        No sequence of exact multipliers.
    ValueError
        A condition can be neither proved nor refuted; or no multiplier is given.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> rigid_hops([1, sp.I, -1, -sp.I]), rigid_hops([1, -1, sp.I, -sp.I])  # the order matters
    ((1,), ())
    """
    values = _exact_multipliers(multipliers)
    return tuple(hop for hop in range(len(values)) if all(map(_holds, rigidity_conditions(values, hop))))


def _holds(condition: Identity) -> bool:
    verdict = verify(condition)
    if verdict.proved or verdict.evidence is Evidence.REFUTED:
        return verdict.proved
    msg = f"cannot decide whether {condition.left} = {condition.right}: {verdict}; give simpler exact multipliers"
    raise ValueError(msg)


def multiplied_order(nodes: int, factor: int) -> tuple[int, ...]:
    r"""The order $n \to qn \bmod N$ of the modes: a rigid wave of hop $\delta$ becomes one of hop $q\delta$.

    Raises
    ------
    TypeError
        N or q is no integer.
    ValueError
        N is not positive, or q and N have a common divisor, so that this is no permutation.

    References
    ----------
    THEORY T6.

    Examples
    --------
    >>> multiplied_order(5, 2), multiplied_order(5, -1)  # -1 turns the wave round
    ((0, 2, 4, 1, 3), (0, 4, 3, 2, 1))
    """
    size, q = require_integer(nodes, "the number of nodes", least=1), require_integer(factor, "the factor")
    if gcd(q, size) != 1:
        msg = f"{q} and {size} have the common divisor {gcd(q, size)}: choose a factor coprime to N"
        raise ValueError(msg)
    return tuple(q * n % size for n in range(size))


def real_spectrum_contents(nodes: sp.Expr | int = NODES) -> ClosedForm:
    r"""Real eigenvalues carry no wave: $h_d(t) = \frac1N\sum_n e^{a_n t - 2\pi i n d/N}$ never exceeds $h_0(t)$.

    The kick of node 0 stays largest at node 0 for all times: nothing travels. This covers S4D-Real and Mamba's
    default $A = -(n+1)$, in continuous time and sampled by a hold ($\lambda_n = e^{a_n\Delta} > 0$); equal eigenvalues
    do not even couple the nodes. It says nothing of multipliers below 0, as the bilinear transform makes them once
    $|a|\Delta > 2$: with $\lambda = (1, -1)$ the kick changes nodes at every step.

    Parameters
    ----------
    nodes
        N.

    Returns
    -------
    ClosedForm
        Of ``h[d]`` for real eigenvalues ``a[n]`` and any real t. Certificates: $h_{-d} = \bar h_d$, so both
        directions are alike; $h_0^2 - |h_d|^2$ is a sum of $e^{a_n t}e^{a_m t}\sin^2$, hence not negative; the same
        symmetry of the couplings.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6.
    """
    size, other = checked_nodes(nodes), sp.Symbol("m", integer=True)

    def spread(values: sp.Expr, distance: sp.Expr) -> sp.Expr:
        return mode_sum(values * _turn(-MODE * distance, size), size)

    alive = sp.exp(_SPECTRUM[MODE] * TIME)
    at_rest, away = spread(alive, sp.S.Zero), spread(alive, DISTANCE)
    squares = alive * alive.subs(MODE, other) * sp.sin(sp.pi * (MODE - other) * DISTANCE / size) ** 2
    certificates = (
        Identity(spread(alive, -DISTANCE), _conjugated(away), name="both directions alike", because="$a_n$ is real"),
        Identity(
            at_rest**2 - away * sp.conjugate(away),
            2 / size**2 * sp.Sum(squares, (other, 0, size - 1), (MODE, 0, size - 1)),
            name="never larger than at node 0",
            because=r"$1 - \cos x = 2\sin^2(x/2)$ for each pair of modes",
        ),
        Identity(
            spread(_SPECTRUM[MODE], -DISTANCE),
            _conjugated(spread(_SPECTRUM[MODE], DISTANCE)),
            name="Hermitian couplings",
            because="$a_n$ is real",
        ),
    )
    arguments = (*letters(size), _SPECTRUM, TIME, DISTANCE)
    return ClosedForm(sp.IndexedBase("h")[DISTANCE], away, arguments, {}, for_nodes(certificates, size), REFERENCE)


def _conjugated(expression: sp.Expr) -> sp.Expr:
    """The conjugate of the sums, not carried out: so that a statement about it compares two different things."""
    return expression.replace(lambda e: isinstance(e, sp.Sum), lambda e: sp.conjugate(e, evaluate=False))
