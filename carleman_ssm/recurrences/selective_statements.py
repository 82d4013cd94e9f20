r"""Statements of the selective families with real diagonal decay: Mamba (S6), Mamba-2 (SSD), gated linear attention.

All three are a time-invariant kernel on a clock that the input drives (`clock`). Mamba has one clock for each channel
and one rate for each mode, Mamba-2 one clock and one rate for each head, gated linear attention a clock for each row of
its matrix state. What the selection functions are does not matter for the statements: the increments and the
vectors B, C (keys and queries) are symbols for each step.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import VaryingDiagonal, step_symbols
from carleman_ssm.recurrences.clock import Clock, Read, clock_laws, clocked_output
from carleman_ssm.recurrences.clock_drives import clock_drives, euler_gain, held_gain
from carleman_ssm.recurrences.clock_pairs import paired_output
from carleman_ssm.recurrences.lift import collapsed_lift, ordered_product
from carleman_ssm.recurrences.sigmoid_powers import ARGUMENT, logistic, sigmoid_laws, softplus
from carleman_ssm.recurrences.statement import FamilyStatement
from carleman_ssm.theory.polynomials import require_integer

VALUES = 2
"""Columns of the matrix states in the statements of Mamba-2 and gated linear attention."""

GATE_NORMALISER = 16
"""The root of the sigmoid that gated linear attention decays with."""


def mamba_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""Mamba (S6): $h_k = e^{\Delta_k A} h_{k-1} + \Delta_k B_k x_k$, $y_k = C_k \cdot h_k + D x_k$.

    One channel: $x_k$ is its input (after convolution and SiLU), $\Delta_k > 0$, $B_k$, $C_k$ what the input selects.

    Parameters
    ----------
    states, steps
        N and L.

    Returns
    -------
    FamilyStatement
        The output is $y_L = C_L^\top \sum_j e^{A(\tau_L - \tau_j)} \Delta_j B_j x_j + D x_L$. Laws: the clock, and for
        Mamba's own rates $a_n = -(n+1)$ with $\Delta = \mathrm{softplus}(v)$ the powers of one sigmoid; for complex
        rates, stored pairs are read as $2\,\mathrm{Re}$. Twins: a clock read one step early, steps of equal length, a
        hold for Euler's rule, lifted steps in the wrong order, a dropped conjugate, +i for -i, and the wrong power and
        sign of the sigmoid.

    Raises
    ------
    TypeError, ValueError
        N or L is no positive integer.

    References
    ----------
    Gu and Dao, Mamba (2023), eqs. (1)-(2), section 3.6; THEORY T19.
    """
    count, last = _sizes(states, steps)
    rates, increments = sp.symbols(f"A_:{count}"), step_symbols("Delta", last)
    b, c, x = step_symbols("B", last, count), step_symbols("C", last, count), step_symbols("x", last)
    feedthrough, clock = sp.Symbol("D"), Clock(rates, increments)
    inputs = [[e * u for e in row] for row, u in zip(b, x, strict=True)]
    drives = clock_drives(clock, inputs, euler_gain)

    def read(state: sp.ImmutableMatrix, k: int) -> sp.Expr:
        return sp.Add(*(weight * h for weight, h in zip(c[k - 1], state, strict=True)), feedthrough * x[k - 1])

    output = clocked_output(clock, drives, read, symbol=sp.Symbol(f"y_{last}"))
    recurrence = clock.recurrence(drives)
    held = clock.recurrence(clock_drives(clock, inputs, held_gain)).state(last)
    pairs, without_pairs = paired_output(count, last)
    twins = (
        _twin(recurrence, read, _early(clock, recurrence), "the clock is read one step early"),
        _twin(recurrence, read, held, "a hold instead of Euler's rule"),
        *without_pairs,
        *_equal_steps(clock, recurrence, read),
        *_swapped(recurrence),
        Identity(logistic(-ARGUMENT) ** count, sp.exp(-(count + 1) * softplus(ARGUMENT)), name="one power too few"),
        Identity(logistic(ARGUMENT), sp.exp(-softplus(ARGUMENT)), name="the sigmoid of v for that of -v"),
    )
    laws = (*clock_laws(clock), *sigmoid_laws(count), pairs)
    return FamilyStatement("mamba", recurrence, output, laws, twins, input_degree=None, real_spectrum=True)


def mamba2_statement(states: int = 2, steps: int = 3, values: int = VALUES) -> FamilyStatement:
    r"""One head of Mamba-2: $S_k = e^{a\Delta_k} S_{k-1} + \Delta_k B_k x_k^\top$, $y_k = S_k^\top C_k + D x_k$.

    Parameters
    ----------
    states, steps, values
        N, L, and the width V of the head; S has the shape (N, V).

    Returns
    -------
    FamilyStatement
        The output is the row $\sum_j e^{a(\tau_L - \tau_j)} \Delta_j C_L^\top B_j x_j^\top + D x_L^\top$. Laws: the
        clock; masked attention gives the same output (state space duality); all rows of S move alike,
        $A_k = e^{a\Delta_k} 1$, so that in no basis anything travels between them. Twins: the clock one step early,
        queries and keys exchanged, a hold for Euler's rule, equal steps, lifted steps in the wrong order.

    Raises
    ------
    TypeError, ValueError
        A size is no positive integer.

    References
    ----------
    Dao and Gu, Transformers are SSMs (2024), sections 3 and 6; THEORY T19.
    """
    count, last = _sizes(states, steps)
    width = require_integer(values, "the number of values", least=1)
    rate, increments, feedthrough = sp.Symbol("a"), step_symbols("Delta", last), sp.Symbol("D")
    b, c, x = (_columns(stem, last, size) for stem, size in (("B", count), ("C", count), ("x", width)))
    clock = Clock((rate,) * count, increments)
    drives = [d * key * value.T for d, key, value in zip(increments, b, x, strict=True)]

    def read(state: sp.ImmutableMatrix, k: int) -> sp.ImmutableMatrix:
        return c[k - 1].T * state + feedthrough * x[k - 1].T

    output = clocked_output(clock, drives, read, symbol=sp.Symbol(f"y_{last}"))
    recurrence = clock.recurrence(drives)

    truth = read(recurrence.recurred_state(last), last)
    held = [held_gain(rate, d) * key * value.T for d, key, value in zip(increments, b, x, strict=True)]
    laws = (
        *clock_laws(clock),
        Identity(
            _attention(clock, c, b, x) + feedthrough * x[-1].T,
            truth,
            name="the output is masked attention",
            because=r"$C_L^\top B_j x_j^\top = (C_L \cdot B_j)\, x_j^\top$, and the transitions are scalars",
        ),
        *_alike(recurrence),
    )
    exchanged = _attention(clock, b, c, x) + feedthrough * x[-1].T
    twins = (
        _twin(recurrence, read, _early(clock, recurrence), "the clock is read one step early"),
        _twin(recurrence, read, clock.recurrence(held).state(last), "a hold instead of Euler's rule"),
        *([Identity(exchanged, truth, name="queries and keys exchanged")] if last > 1 else []),
        *_equal_steps(clock, recurrence, read),
        *_swapped(recurrence),
    )
    return FamilyStatement("mamba2", recurrence, output, laws, twins, input_degree=None, real_spectrum=True)


def gla_statement(states: int = 2, steps: int = 3, values: int = VALUES) -> FamilyStatement:
    r"""Gated linear attention, one head: $S_k = \mathrm{diag}(\alpha_k) S_{k-1} + \kappa_k v_k^\top$.

    With $\alpha_{k,i} = e^{g_{k,i}}$ every row of S runs on a clock of its own, $\tau_{k,i} = \sum_{j \le k} g_{j,i}$.

    Parameters
    ----------
    states, steps, values
        The dimension N of keys, L, and the dimension V of values; S has the shape (N, V).

    Returns
    -------
    FamilyStatement
        The output is the row $N^{-1/2} \sum_j \sum_i q_{L,i} e^{\tau_{L,i} - \tau_{j,i}} \kappa_{j,i} v_j^\top$. Laws:
        the clocks, and $\alpha^{16} = \sigma(z)$ for $g = \tfrac1{16} \ln \sigma(z)$. Twins: the clocks one step
        early, one clock for all rows, lifted steps in the wrong order, a decay without its sixteenth root.

    Raises
    ------
    TypeError, ValueError
        A size is no positive integer.

    References
    ----------
    Yang et al., Gated linear attention (2023), section 4; THEORY T19.
    """
    count, last = _sizes(states, steps)
    width = require_integer(values, "the number of values", least=1)
    decays = step_symbols("g", last, count)
    q, keys, v = (_columns(stem, last, size) for stem, size in (("q", count), ("kappa", count), ("v", width)))
    clock, scale = Clock((1,) * count, decays), 1 / sp.sqrt(count)
    drives = [key * value.T for key, value in zip(keys, v, strict=True)]

    def read(state: sp.ImmutableMatrix, k: int) -> sp.ImmutableMatrix:
        return scale * q[k - 1].T * state

    output = clocked_output(clock, drives, read, symbol=sp.Symbol(f"o_{last}"))
    recurrence = clock.recurrence(drives)
    gate = sp.log(logistic(ARGUMENT)) / GATE_NORMALISER
    root = Identity(
        sp.exp(gate) ** GATE_NORMALISER,
        1 - logistic(-ARGUMENT),
        name="the decay is a root of a sigmoid",
        because=r"$(\sigma^{1/16})^{16} = \sigma$, and $\sigma(z) = 1 - \sigma(-z)$",
    )
    common = Clock((1,) * count, tuple(row[0] for row in decays)).recurrence(drives).state(last)
    rows = [_twin(recurrence, read, common, "one clock for all rows")] if last > 1 and count > 1 else []
    twins = (
        _twin(recurrence, read, _early(clock, recurrence), "the clocks are read one step early"),
        *rows,
        *_swapped(recurrence),
        Identity(sp.exp(gate), logistic(ARGUMENT), name="the decay without its root"),
    )
    return FamilyStatement("gla", recurrence, output, (*clock_laws(clock), root), twins, None, real_spectrum=True)


def _sizes(states: int, steps: int) -> tuple[int, int]:
    count = require_integer(states, "the number of states", least=1)
    return count, require_integer(steps, "the number of steps", least=1)


def _columns(stem: str, steps: int, size: int) -> list[sp.ImmutableMatrix]:
    return [sp.ImmutableMatrix(row) for row in step_symbols(stem, steps, size)]


def _attention(
    clock: Clock,
    queries: Sequence[sp.ImmutableMatrix],
    keys: Sequence[sp.ImmutableMatrix],
    values: Sequence[sp.ImmutableMatrix],
) -> sp.ImmutableMatrix:
    r"""$\sum_j e^{a(\tau_L - \tau_j)} \Delta_j (q_L \cdot \kappa_j)\, v_j^\top$: one row of masked attention."""
    rate, last = clock.rates[0], clock.steps
    weights = (
        sp.exp(rate * clock.elapsed(last, j)[0]) * clock.increments[j - 1][0] * queries[-1].dot(keys[j - 1])
        for j in range(1, last + 1)
    )
    rows = [weight * value.T for weight, value in zip(weights, values, strict=True)]
    return sum(rows[1:], rows[0]).as_immutable()


def _alike(recurrence: VaryingDiagonal) -> tuple[Identity, ...]:
    """Every transition is a number times the identity, so it commutes with every change of basis."""
    size = recurrence.states
    basis = sp.ImmutableMatrix(size, size, lambda i, j: sp.Symbol(f"basis_{i}_{j}"))
    return tuple(
        Identity(
            sp.MatMul(basis, recurrence.transition(k), evaluate=False),
            sp.MatMul(recurrence.transition(k), basis, evaluate=False),
            name=f"step {k} is the same in every basis",
            because=r"$A_k = e^{a\Delta_k} 1$",
        )
        for k in range(1, recurrence.steps + 1)
    )


def _twin(
    recurrence: VaryingDiagonal,
    read: Read,
    state: sp.ImmutableMatrix,
    name: str,
) -> Identity:
    """The false claim that this state is that of the recurrence after the last step."""
    last = recurrence.steps
    return Identity(read(state, last), read(recurrence.recurred_state(last), last), name=name)


def _early(clock: Clock, recurrence: VaryingDiagonal) -> sp.ImmutableMatrix:
    r"""$\sum_j e^{(\tau_L - \tau_{j-1})A} B_j$."""
    last = clock.steps
    terms = (clock.kernel(clock.elapsed(last, j - 1)) * recurrence.drives[j - 1] for j in range(1, last + 1))
    return sum(terms, sp.zeros(recurrence.states, recurrence.columns)).as_immutable()


def _equal_steps(clock: Clock, recurrence: VaryingDiagonal, read: Read) -> tuple[Identity, ...]:
    """A kernel of the lag alone, as if the input did not drive the clock."""
    if clock.steps == 1:
        return ()
    uniform = Clock(clock.rates, (clock.increments[0],) * clock.steps)
    state = uniform.recurrence(recurrence.drives).state(clock.steps)
    return (_twin(recurrence, read, state, "steps of equal length"),)


def _swapped(recurrence: VaryingDiagonal) -> tuple[Identity, ...]:
    """Lifted steps do not commute, although the transitions do."""
    if recurrence.steps == 1:
        return ()
    product = ordered_product(recurrence, recurrence.steps, 1)
    swapped = sp.MatMul(*reversed(product.args), evaluate=False)
    return (Identity(swapped, collapsed_lift(recurrence, recurrence.steps, 1), name="the lifted steps in reverse"),)
