r"""Selective diagonal recurrences as a time-invariant kernel on a clock that the input drives (T19).

$x_k = e^{\Delta_k A} x_{k-1} + b_k$ with $A = \mathrm{diag}(a)$ fixed and $\Delta_k$, $b_k$ any functions of the
inputs. Diagonal matrices commute, so with the clock $\tau_k = \sum_{i \le k} \Delta_i$

$$x_k = \sum_{j \le k} e^{(\tau_k - \tau_j) A}\, b_j ,$$

the kernel $t \mapsto e^{tA}$ of a linear time-invariant system, read at times that the input sets. Where every row
of the state has increments of its own (gated linear attention) it has a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity, check_names
from carleman_ssm.recurrences.affine import VaryingDiagonal, Vector
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.monomials import MonomialBasis
from carleman_ssm.theory.polynomials import exact_entries, require_integer, require_kind

REFERENCE = "derivations/19_selective_clock"

Read = Callable[[sp.ImmutableMatrix, int], sp.Basic]
"""The readout $(Z_k, k) \\mapsto y_k$: selective models read each step with another $C_k$."""


@dataclass(frozen=True)
class Clock:
    r"""Rates and the increments of time of L steps: $\lambda_{k,n} = e^{a_n \Delta_k}$.

    Parameters
    ----------
    rates
        $a_1, \dots, a_N$ [1/time].
    increments
        $\Delta_1, \dots, \Delta_L$ [time]: one expression for each step, shared by all rows of the state, or one
        sequence of N for each step, a clock for each row.

    Raises
    ------
    ValueError, TypeError
        Rows of increments that do not fit the rates, entries that are not exact, or illegal names.

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> a, first, second = sp.symbols("a Delta_1 Delta_2")
    >>> clock = Clock((a,), (first, second))
    >>> clock.times(2)
    (Delta_1 + Delta_2,)
    >>> clock.recurrence(((1,), (0,))).state(2)
    Matrix([[exp(Delta_2*a)]])
    """

    rates: Vector
    increments: tuple[Vector, ...]

    def __post_init__(self) -> None:
        rates = exact_entries(self.rates, "rates")
        rows = tuple(_row(row, f"the increment of step {k}") for k, row in enumerate(self.increments, start=1))
        lengths = {len(row) for row in rows}
        if lengths not in ({1}, {len(rates)}):
            msg = f"every step needs one increment or {len(rates)}, one for each rate; got {sorted(lengths) or 'none'}"
            raise ValueError(msg)
        object.__setattr__(self, "rates", rates)
        object.__setattr__(self, "increments", rows)
        check_names(dict.fromkeys(s for e in (*rates, *(e for row in rows for e in row)) for s in e.free_symbols))

    @property
    def states(self) -> int:
        """N."""
        return len(self.rates)

    @property
    def steps(self) -> int:
        """L."""
        return len(self.increments)

    @property
    def shared(self) -> bool:
        """Whether one clock serves all rows of the state."""
        return len(self.increments[0]) == 1

    def times(self, k: int) -> Vector:
        r"""$\tau_k = \sum_{i \le k} \Delta_i$, one entry for each clock; $\tau_0 = 0$."""
        return self.elapsed(k, 0)

    def elapsed(self, k: int, j: int) -> Vector:
        r"""$\tau_k - \tau_j = \sum_{i=j+1}^{k} \Delta_i$."""
        last = require_integer(k, "the step k", least=0, most=self.steps)
        first = require_integer(j, "the step j", least=0, most=last)
        rows = zip(*self.increments[first:last], strict=True) if last > first else [()] * len(self.increments[0])
        return tuple(sp.Add(*row) for row in rows)

    def kernel(self, elapsed: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        r"""$\mathrm{diag}(e^{a_n t_n})$ for one time, or one for each row."""
        times = exact_entries(elapsed, "the elapsed times")
        times = times * self.states if len(times) == 1 else times
        return sp.ImmutableMatrix(sp.diag(*(sp.exp(a * t) for a, t in zip(self.rates, times, strict=True))))

    def recurrence(self, drives: Sequence[object]) -> VaryingDiagonal:
        r"""$Z_k = e^{\Delta_k A} Z_{k-1} + B_k$ with the drives $B_k$, matrices (N, V) or sequences of N entries.

        Raises
        ------
        TypeError, ValueError
            Not one drive for each step, or drives that do not fit the rates.
        """
        if len(drives) != self.steps:
            msg = f"a clock of {self.steps} steps needs as many drives, got {len(drives)}"
            raise ValueError(msg)
        multipliers = tuple(tuple(self.kernel(row).diagonal()) for row in self.increments)
        return VaryingDiagonal(multipliers, tuple(drives))

    def names(self, k: int) -> tuple[sp.Symbol, ...]:
        r"""The symbols of $\tau_k$: ``tau_k``, or ``tau_k_n`` for one clock a row."""
        if self.shared:
            return (sp.Symbol(f"tau_{k}"),)
        return tuple(sp.Symbol(f"tau_{k}_{n}") for n in range(self.states))


def _row(value: object, what: str) -> Vector:
    return exact_entries(value if isinstance(value, Sequence) else (value,), what)


def clocked_state(clock: Clock, recurrence: VaryingDiagonal, k: int) -> sp.ImmutableMatrix:
    r"""$\sum_{j \le k} e^{(\tau_k - \tau_j) A} B_j$ with the letters $\tau$, not unfolded."""
    now = clock.names(k)
    total = sp.zeros(recurrence.states, recurrence.columns)
    for j in range(1, k + 1):
        elapsed = [t - s for t, s in zip(now, clock.names(j), strict=True)]
        total = total + clock.kernel(elapsed) * recurrence.drives[j - 1]
    return sp.ImmutableMatrix(total)


def clock_definitions(clock: Clock) -> dict[sp.Basic, sp.Basic]:
    r"""$\tau_k = \tau_{k-1} + \Delta_k$, in the order of the steps."""
    found: dict[sp.Basic, sp.Basic] = {}
    for k in range(1, clock.steps + 1):
        before = clock.names(k - 1) if k > 1 else (sp.S.Zero,) * len(clock.increments[0])
        found |= {t: s + d for t, s, d in zip(clock.names(k), before, clock.increments[k - 1], strict=True)}
    return found


def clocked_output(
    clock: Clock, drives: Sequence[object], read: Read, *, symbol: sp.Basic, reference: str = REFERENCE
) -> ClosedForm:
    r"""The output after the last step as a time-invariant kernel on the clock, certified at every step.

    Parameters
    ----------
    clock
        Rates and increments.
    drives
        $B_1, \dots, B_L$, as in `Clock.recurrence`.
    read
        $(Z_k, k) \mapsto y_k$, feedthrough included.
    symbol, reference
        As in `ClosedForm`.

    Returns
    -------
    ClosedForm
        In the letters $\tau_k$, whose definitions it carries. Certificates: the state on the clock obeys the
        recurrence at every step after the first; the output on the clock is the readout of the recurrence from rest.

    Raises
    ------
    TypeError, ValueError
        No clock, or drives that do not fit it; or a rate, increment, drive or readout with a letter that is called
        like one of the clock, $\tau_k$.

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> a, first, second, u, v = sp.symbols("a Delta_1 Delta_2 u v")
    >>> clocked_output(Clock((a,), (first, second)), ((u,), (v,)), lambda z, k: z[0], symbol=sp.Symbol("y")).expression
    u*exp(a*(-tau_1 + tau_2)) + v
    """
    require_kind(clock, Clock, "the clock")
    recurrence, where = clock.recurrence(drives), clock_definitions(clock)
    times = {name: t for k in range(1, clock.steps + 1) for name, t in zip(clock.names(k), clock.times(k), strict=True)}
    recurred = [sp.sympify(read(recurrence.recurred_state(k), k), strict=True) for k in range(1, clock.steps + 1)]
    _refuse_names_of_the_clock(clock, recurrence, recurred)
    last = clock.steps
    output = sp.sympify(read(clocked_state(clock, recurrence, last), last), strict=True)
    states = [clocked_state(clock, recurrence, k).xreplace(times) for k in range(last + 1)]
    read_out = Identity(
        output.xreplace(times),
        recurred[-1],
        name=f"output on the clock, step {last}",
        because=r"$Z_k = e^{\Delta_k A} Z_{k-1} + B_k$ from rest, and diagonal matrices commute",
        sizes=f"N = {clock.states}, L = {last}",
    )
    used = output.free_symbols | {s for value in where.values() for s in value.free_symbols}
    arguments = tuple(sorted(used - set(where), key=str))
    return ClosedForm(symbol, output, arguments, where, (*_stepped(recurrence, states), read_out), reference)


def _stepped(recurrence: VaryingDiagonal, states: Sequence[sp.ImmutableMatrix]) -> Iterator[Identity]:
    """One more step, not multiplied out, from each state on the clock but the first, which is its drive."""
    for k in range(2, recurrence.steps + 1):
        yield Identity(
            states[k],
            sp.MatAdd(
                sp.MatMul(recurrence.transition(k), states[k - 1], evaluate=False),
                recurrence.drives[k - 1],
                evaluate=False,
            ),
            name=f"the state on the clock after step {k}",
            because=r"$(\tau_k - \tau_{k-1}) + (\tau_{k-1} - \tau_j) = \tau_k - \tau_j$",
            sizes=f"N = {recurrence.states}, k = {k}",
        )


def _refuse_names_of_the_clock(clock: Clock, recurrence: VaryingDiagonal, outputs: Sequence[sp.Basic]) -> None:
    r"""A letter of the caller called $\tau_k$ would be read as the clock, and silently get its definition."""
    increments = (entry for row in clock.increments for entry in row)
    letters = {*recurrence.parameters, *(s for e in (*clock.rates, *increments, *outputs) for s in e.free_symbols)}
    names = {str(name) for k in range(1, clock.steps + 1) for name in clock.names(k)}
    if taken := sorted(names & {str(letter) for letter in letters}):
        msg = f"{', '.join(taken)}: this is what the clock is called here; rename the rate, increment, drive or readout"
        raise ValueError(msg)


def lifted_clock(clock: Clock, degree: int) -> Clock:
    r"""The clock of all monomials of degree at most P: rates $\alpha \cdot a$, the same increments.

    Lifting keeps the form: $e^{\Delta_k A}$ lifted is $\mathrm{diag}(e^{\Delta_k (\alpha \cdot a)})$. With one clock
    for each row the monomial $x^\alpha$ runs on $\sum_n \alpha_n a_n \Delta_{k,n}$ at rate 1.

    Examples
    --------
    >>> lifted_clock(Clock(sp.symbols("a b"), (sp.Symbol("Delta"),)), 2).rates
    (0, a, b, 2*a, a + b, 2*b)
    """
    indices = MonomialBasis(clock.states, degree).exponents.tolist()
    if clock.shared:
        return Clock(tuple(_weighted(index, clock.rates) for index in indices), clock.increments)
    rows = [[a * d for a, d in zip(clock.rates, row, strict=True)] for row in clock.increments]
    return Clock((1,) * len(indices), tuple(tuple(_weighted(index, row) for index in indices) for row in rows))


def _weighted(index: Sequence[int], values: Sequence[sp.Expr]) -> sp.Expr:
    return sp.Add(*(sp.Integer(power) * value for power, value in zip(index, values, strict=True)))


def clock_laws(clock: Clock, degree: int = 2) -> tuple[Identity, ...]:
    r"""What makes a clock of the increments, for all of its steps.

    Returns
    -------
    tuple of Identity
        The transitions multiply to the kernel at $\tau_L - \tau_j$ for every j; they do so in the reversed order too;
        the kernel is a semigroup; and the lift of every step runs on the same clock with the rates $\alpha \cdot a$.
    """
    last, lifted = clock.steps, lifted_clock(clock, degree)
    steps = [clock.kernel(row) for row in clock.increments]
    products = tuple(
        Identity(
            sp.MatMul(sp.eye(clock.states), *reversed(steps[j:]), evaluate=False),
            clock.kernel(clock.elapsed(last, j)),
            name=f"the transitions after step {j} are the kernel on the clock",
            because=r"$e^{\Delta A} e^{\Delta' A} = e^{(\Delta + \Delta') A}$",
        )
        for j in range(last)
    )
    backwards = Identity(
        sp.MatMul(sp.eye(clock.states), *steps, evaluate=False),
        clock.kernel(clock.times(last)),
        name="the order of the steps does not matter",
        because="diagonal matrices commute",
    )
    basis, x = MonomialBasis(clock.states, degree), tuple(sp.Symbol(f"xtilde_{n}") for n in range(clock.states))
    lifts = tuple(
        Identity(
            sp.MatMul(lifted.kernel(other), column(basis.lift(x)), evaluate=False),
            column(basis.lift(tuple(clock.kernel(row) * column(x)))),
            name=f"the lift of step {k} runs on the same clock",
            because=r"$(e^{\Delta a_n} x_n)^\alpha = e^{\Delta (\alpha \cdot a)} x^\alpha$",
        )
        for k, (row, other) in enumerate(zip(clock.increments, lifted.increments, strict=True), start=1)
    )
    return (*products, backwards, kernel_semigroup(clock), *lifts)


def kernel_semigroup(clock: Clock) -> Identity:
    r"""$e^{sA} e^{tA} = e^{(s + t)A}$: what makes the kernel time-invariant."""
    rows = len(clock.increments[0])
    s, t = (tuple(sp.Symbol(f"{stem}_{n}") for n in range(rows)) for stem in ("stilde", "ttilde"))
    return Identity(
        sp.MatMul(clock.kernel(s), clock.kernel(t), evaluate=False),
        clock.kernel([first + second for first, second in zip(s, t, strict=True)]),
        name="the kernel is a semigroup",
        because="the exponential of commuting matrices",
    )
