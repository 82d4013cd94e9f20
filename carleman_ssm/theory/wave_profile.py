r"""The profile of a wave on the ring: a periodic sinc, as a quotient and as the finite sum over the modes.

$D(z) = \frac1N\sum_n e^{2\pi i f_n z/N}$ with the ring frequencies $f_n = f_0 + n$, $n = 0 \dots N-1$. For the
symmetric range $f_0 = -(N-1)/2$ it is real and even: whole frequencies for odd N (period N), halves for even N
(anti-period N). At whole z it is a Kronecker delta; between, it is the band-limited interpolation of one.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.theory.polynomials import exact, exact_without

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
FIRST = sp.Symbol("f_0", integer=True)
"""The lowest frequency of a ring, where it is not given: any whole number."""
LETTERS = sp.symbols("n m k j i q z d t f s p a u c h x rho lambda varphi delta Delta C G K L R S W")
r"""What the statements about waves call their own quantities, so what $N$ and $f_0$ cannot be called."""
MAX_WRITTEN = 256
"""Largest number of nodes for which a statement is written out node by node."""


def checked_nodes(nodes: sp.Expr | int) -> sp.Expr:
    """The number of nodes as an expression: a positive integer, or symbols that stand for one.

    Raises
    ------
    TypeError, ValueError
        No positive integer, or one of `LETTERS` in another meaning.
    """
    size = exact_without(nodes, "the number of nodes", *LETTERS, FIRST)
    if size.is_integer is not True or size.is_positive is False or (size.is_number and not size.is_positive):
        msg = f"the number of nodes must be a positive integer or an integer symbol, got {nodes}"
        raise ValueError(msg)
    return size


def written_nodes(nodes: sp.Expr | int, remedy: str, most: int = MAX_WRITTEN) -> int:
    """The number of nodes as an int, for a statement that is written out node by node.

    Parameters
    ----------
    nodes
        N.
    remedy
        The statement to use instead for symbols and for larger N.
    most
        The largest N.

    Raises
    ------
    TypeError, ValueError
        No positive number, or more than `most` nodes.
    """
    size = checked_nodes(nodes)
    if not size.is_Integer or size > most:
        msg = f"this is written out node by node, so N must be a number of at most {most}, got {size}: {remedy}"
        raise ValueError(msg)
    return int(size)


def real_without(value: object, what: str, *letters: sp.Basic) -> sp.Expr:
    """`value` as an exact real scalar that contains none of the letters.

    Raises
    ------
    TypeError, ValueError
        As in `exact_without`; or the value is not known to be real.
    """
    expression = exact_without(value, what, *letters)
    if expression.is_real is not True:
        msg = f"{what} must be real, got {expression}: declare its symbols with real=True"
        raise ValueError(msg)
    return expression


def checked_hop(hop: object) -> sp.Expr:
    r"""$\delta$ as an exact real scalar: the letters $\delta$ and $\Delta$ and those that no statement uses.

    Raises
    ------
    TypeError, ValueError
        As in `real_without`.
    """
    return real_without(hop, "the hop", *(s for s in LETTERS if s.name not in ("delta", "Delta")))


def symmetric_start(nodes: sp.Expr | int = NODES) -> sp.Expr:
    """The first of N frequencies that lie symmetrically around 0: whole numbers for odd N, halves for even N."""
    return -(exact(nodes, "the number of nodes") - 1) / 2


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
    """$f_0$ as a whole number: None stands for the symbol ``f_0``.

    Raises
    ------
    TypeError, ValueError
        No whole number, or one of `LETTERS` in another meaning.
    """
    start = FIRST if first is None else real_without(first, "the first frequency", *LETTERS)
    if start.is_integer is not True:
        msg = f"this needs whole frequencies, got f_0 = {start}: use 0, or -(N - 1)/2 with a given odd N"
        raise ValueError(msg)
    return start


def mode_frequency(first: sp.Expr | int | None, nodes: sp.Expr) -> sp.Expr:
    r"""$f_n = f_0 + n$ for the summation index n; `first` None is the symmetric range.

    Raises
    ------
    TypeError, ValueError
        $f_0$ is not known to be real, or contains one of `LETTERS`.
    """
    return MODE + (symmetric_start(nodes) if first is None else real_without(first, "the first frequency", *LETTERS))


def mode_sum(summand: sp.Expr, nodes: sp.Expr) -> sp.Expr:
    r"""$\frac1N \sum_{n=0}^{N-1}$ of a summand in the index of `mode_frequency`."""
    return sp.Sum(summand, (MODE, 0, nodes - 1)) / nodes


def lin_eigenvalue(frequency: sp.Expr) -> sp.Expr:
    r"""$a = -\tfrac12 + i\pi f$, the eigenvalue of S4D-Lin at the ring frequency f."""
    return -sp.Rational(1, 2) + sp.I * sp.pi * frequency


def interpolation_sum(
    position: sp.Expr | int, nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None
) -> sp.Expr:
    r"""$\frac1N\sum_n e^{2\pi i f_n z/N}$: the profile of the wave as a finite sum, without a singularity.

    Parameters
    ----------
    position
        z, in nodes from the peak; any real number.
    nodes, first
        N and $f_0$.

    Raises
    ------
    TypeError, ValueError
        A value that is not exact, or that contains the summation index.

    Examples
    --------
    >>> interpolation_sum(sp.Integer(0), 3).doit(), sp.expand_complex(interpolation_sum(sp.Integer(1), 3).doit())
    (1, 0)
    """
    size, place = checked_nodes(nodes), exact_without(position, "the position", MODE)
    return mode_sum(sp.exp(2 * sp.pi * sp.I * mode_frequency(first, size) * place / size), size)


def periodic_sinc(
    position: sp.Expr | int, nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None
) -> sp.Expr:
    r"""$D(z) = e^{2\pi i (f_0 + (N-1)/2) z/N}\,\frac{\sin \pi z}{N \sin(\pi z/N)}$, real for the symmetric range.

    At $z = qN$ the quotient is 0/0 and the value $e^{2\pi i f_0 q}$: it is filled in where z is known to be such a
    number; `interpolation_sum` is the same function without that hole for symbols.

    Parameters
    ----------
    position
        z, in nodes from the peak.
    nodes, first
        N and $f_0$ (symmetric by default).

    Raises
    ------
    TypeError, ValueError
        A value that is not exact.

    References
    ----------
    THEORY T3.

    Examples
    --------
    >>> periodic_sinc(sp.Symbol("z"))
    sin(pi*z)/(N*sin(pi*z/N))
    >>> periodic_sinc(sp.Rational(1, 2), 3), periodic_sinc(0, 3)
    (2/3, 1)
    """
    size, place = checked_nodes(nodes), exact(position, "the position")
    start, below = mode_frequency(first, size) - MODE, sp.sin(sp.pi * place / size)
    if below.is_zero:
        return sp.exp(sp.expand(2 * sp.pi * sp.I * start * place / size))
    phase = sp.exp(2 * sp.pi * sp.I * sp.expand(start - symmetric_start(size)) * place / size)
    return phase * sp.sin(sp.pi * place) / (size * below)


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
