r"""The profile of a wave on the ring: a periodic sinc, as a quotient and as the finite sum over the modes.

$D(z) = \frac1N\sum_n e^{2\pi i f_n z/N}$ with the ring frequencies $f_n = f_0 + n$, $n = 0 \dots N-1$. For the
symmetric range $f_0 = -(N-1)/2$ it is real and even: whole frequencies for odd N (period N), halves for even N
(anti-period N). At whole z it is a Kronecker delta; between, it is the band-limited interpolation of one.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.polynomials import exact

RANGES = ("one-sided", "centred", "symmetric")
r"""$0 \dots N-1$; $-M \dots M-1$ with $N = 2M$; $-(M-1) \dots M-1$ with $N = 2M-1$."""
NODES = sp.Symbol("N", integer=True, positive=True)
"""Number of nodes N of the ring."""
TIME = sp.Symbol("t", real=True)
"""Time t; one revolution is 2 units."""
DISTANCE = sp.Symbol("d", integer=True)
"""Distance d from the source to the node, in nodes, toward +j."""
HOP = sp.Symbol("delta", real=True)
r"""Nodes per step, $\delta = N\Delta/2$."""
MODE = sp.Symbol("n", integer=True)
"""Summation index n of the modes."""


def checked_nodes(nodes: sp.Expr | int) -> sp.Expr:
    """The number of nodes as an expression: a positive integer, or symbols that stand for one."""
    size = exact(nodes, "the number of nodes")
    if size.is_integer is not True or size.is_positive is False or (size.is_number and not size.is_positive):
        msg = f"the number of nodes must be a positive integer or an integer symbol, got {nodes}"
        raise ValueError(msg)
    return size


def symmetric_start(nodes: sp.Expr | int = NODES) -> sp.Expr:
    """The first of N frequencies that lie symmetrically around 0: whole numbers for odd N, halves for even N."""
    return -(sp.sympify(nodes, strict=True) - 1) / 2


def first_frequency(frequencies: str, nodes: sp.Expr | int = NODES) -> sp.Expr:
    r"""$f_0$ of a named range: 0 (one-sided), $-N/2$ (centred), $-(N-1)/2$ (symmetric).

    Raises
    ------
    ValueError
        An unknown range; the known ones are `RANGES`.

    Examples
    --------
    >>> first_frequency("centred", 8), first_frequency("symmetric", 5)
    (-4, -2)
    """
    size = checked_nodes(nodes)
    starts = dict(zip(RANGES, (sp.S.Zero, -size / 2, symmetric_start(size)), strict=True))
    if frequencies not in starts:
        msg = f"unknown range of frequencies {frequencies!r}: use {', '.join(map(repr, RANGES))}"
        raise ValueError(msg)
    return starts[frequencies]


def whole_start(first: sp.Expr | int | None) -> sp.Expr:
    """$f_0$ as a whole number: None stands for the symbol ``f_0``."""
    start = sp.Symbol("f_0", integer=True) if first is None else exact(first, "the first frequency")
    if start.is_integer is not True:
        msg = f"this needs whole frequencies, got f_0 = {start}: use 0, or -(N - 1)/2 with a given odd N"
        raise ValueError(msg)
    return start


def mode_frequency(first: sp.Expr | int | None, nodes: sp.Expr) -> sp.Expr:
    r"""$f_n = f_0 + n$ for the summation index n; `first` None is the symmetric range."""
    return MODE + (symmetric_start(nodes) if first is None else exact(first, "the first frequency"))


def mode_sum(summand: sp.Expr, nodes: sp.Expr) -> sp.Expr:
    r"""$\frac1N \sum_{n=0}^{N-1}$ of a summand in the index of `mode_frequency`."""
    return sp.Sum(summand, (MODE, 0, nodes - 1)) / nodes


def lin_eigenvalue(frequency: sp.Expr) -> sp.Expr:
    r"""$a = -\tfrac12 + i\pi f$, the eigenvalue of S4D-Lin at the ring frequency f."""
    return -sp.Rational(1, 2) + sp.I * sp.pi * frequency


def interpolation_sum(
    position: sp.Expr, nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None
) -> sp.Expr:
    r"""$\frac1N\sum_n e^{2\pi i f_n z/N}$: the profile of the wave as a finite sum, without a singularity.

    Parameters
    ----------
    position
        z, in nodes from the peak; any real number.
    nodes, first
        N and $f_0$.

    Examples
    --------
    >>> interpolation_sum(sp.Integer(0), 3).doit(), sp.expand_complex(interpolation_sum(sp.Integer(1), 3).doit())
    (1, 0)
    """
    size = checked_nodes(nodes)
    return mode_sum(sp.exp(2 * sp.pi * sp.I * mode_frequency(first, size) * position / size), size)


def periodic_sinc(position: sp.Expr, nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> sp.Expr:
    r"""$D(z) = e^{2\pi i (f_0 + (N-1)/2) z/N}\,\frac{\sin \pi z}{N \sin(\pi z/N)}$, real for the symmetric range.

    The quotient is 0/0 at $z \equiv 0 \bmod N$; `interpolation_sum` is the same function without that hole.

    Parameters
    ----------
    position
        z, in nodes from the peak.
    nodes, first
        N and $f_0$ (symmetric by default).

    References
    ----------
    THEORY T3.

    Examples
    --------
    >>> periodic_sinc(sp.Symbol("z"))
    sin(pi*z)/(N*sin(pi*z/N))
    >>> periodic_sinc(sp.Rational(1, 2), 3)
    2/3
    """
    size = checked_nodes(nodes)
    centre = mode_frequency(first, size) - MODE - symmetric_start(size)
    shape = sp.sin(sp.pi * position) / (size * sp.sin(sp.pi * position / size))
    return sp.exp(2 * sp.pi * sp.I * sp.expand(centre) * position / size) * shape


def whole_positions(nodes: sp.Expr, first: sp.Expr | int | None) -> tuple[Identity, Identity]:
    r"""$D(0) = 1$, and $D(d) = 0$ at every other whole number: $(e^{2\pi i d/N} - 1) D(d) = 0$."""
    return (
        Identity(
            interpolation_sum(sp.S.Zero, nodes, first=first),
            sp.S.One,
            name="the profile at its peak",
            because="all modes are in phase",
        ),
        Identity(
            (sp.exp(2 * sp.pi * sp.I * DISTANCE / nodes) - 1) * interpolation_sum(DISTANCE, nodes, first=first),
            sp.S.Zero,
            name="the profile at other whole numbers",
            because=r"$r^N = 1$, so either $r = 1$ or the roots of unity add up to zero",
        ),
    )


def letters(*expressions: sp.Expr) -> tuple[sp.Symbol, ...]:
    """The free symbols of the expressions, each once."""
    found = (s for e in expressions for s in sorted(e.free_symbols, key=str))
    return tuple(dict.fromkeys(found))
