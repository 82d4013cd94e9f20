r"""The modes that stand on a ring: order, gauge and closure of a diagonal model (THEORY T1′, T5, T5b, T6).

The names of the choices stand here, once; `rings.ring_modes` does the same to arrays of trained parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cmp_to_key
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import sympy as sp

from carleman_ssm.theory.polynomials import exact_entries
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM, zero_order_hold

Model = DiagonalSSM | DiscreteSSM

COMPLEX, REAL, ANTIPERIODIC = "complex", "real", "antiperiodic"
UNIT_INPUT, TEXTBOOK = "unit-input", "textbook"
INDEX, ANGLE, AUTO = "index", "angle", "auto"
CLOSURES = MappingProxyType(
    {
        COMPLEX: "the M stored modes, complex nodes",
        REAL: "2M - 1 real nodes, for pairs with exactly one real mode",
        ANTIPERIODIC: "2M real nodes, with a change of sign once around",
    }
)
GAUGES = (UNIT_INPUT, TEXTBOOK)
ORDERS = (INDEX, ANGLE, AUTO)
_DIGITS = 40  # numbers that agree to three quarters of these are equal for the purpose of sorting


def spectrum_of(model: Model) -> tuple[sp.Expr, ...]:
    r"""The eigenvalues $a_n$, or the multipliers $\lambda_n$."""
    spectrum: tuple[sp.Expr, ...] = model.eigenvalues if isinstance(model, DiagonalSSM) else model.multipliers
    return spectrum


def check_model(model: Model, closure: str, gauge: str) -> None:
    """Refuse what cannot be put on a ring with this closure and in this gauge.

    Raises
    ------
    TypeError
        Not a diagonal model.
    ValueError
        An unknown name, an input entry 0 in the unit gauge, or a spectrum that the closure cannot hold.
    """
    given: object = model
    if not isinstance(given, DiagonalSSM | DiscreteSSM):
        msg = f"a ring is built from a DiagonalSSM or a DiscreteSSM, got {type(given).__name__}"
        raise TypeError(msg)
    require_choice(closure, CLOSURES, "closure")
    require_choice(gauge, GAUGES, "gauge")
    if gauge == UNIT_INPUT:
        _check_inputs(model)
    if closure != COMPLEX and not model.conjugate_pairs:
        msg = f"the {closure} closure appends conjugates, but the model stores no pairs: use closure='complex'"
        raise ValueError(msg)
    if closure == REAL:
        _check_real_mode(model, gauge)


def require_choice(value: object, known: Collection[str], what: str) -> None:
    """Refuse what is not one of the choices, by name.

    Raises
    ------
    ValueError
        With the choices.
    """
    if value not in known:
        msg = f"unknown {what} {value!r}: use {' or '.join(map(repr, known))}"
        raise ValueError(msg)


def _check_inputs(model: Model) -> None:
    for n, b in enumerate(model.input_vector):
        if b.is_zero:
            msg = f"mode {n} has the input entry 0, which no gauge makes 1: drop the mode or use gauge='textbook'"
            raise ValueError(msg)


def _real_modes(model: Model) -> list[int]:
    return [n for n, value in enumerate(spectrum_of(model)) if value.is_real is True]


def _check_real_mode(model: Model, gauge: str) -> None:
    found = _real_modes(model)
    if len(found) != 1:
        listed = f"modes {', '.join(map(str, found))} are" if found else "no mode is"
        msg = (
            f"the real closure needs exactly one mode that is known to be real, and {listed}: "
            "use closure='antiperiodic' or 'complex', or declare the symbol real"
        )
        raise ValueError(msg)
    if gauge == TEXTBOOK and model.input_vector[found[0]].is_real is not True:
        msg = f"the two copies of the real mode {found[0]} merge only for a real input entry: use gauge='unit-input'"
        raise ValueError(msg)


def resolved_order(model: Model, closure: str, order: str | Sequence[int]) -> tuple[int, ...]:
    """The order that a name stands for, as indices of the stored modes (see `ring_embedding`).

    Raises
    ------
    ValueError
        An unknown name, or the angle of symbols.
    TypeError
        Neither a name nor a sequence of integers.
    """
    if not isinstance(order, str):
        return permutation(order, model, closure)
    require_choice(order, ORDERS, "order")
    by_index = order == INDEX or (order == AUTO and (isinstance(model, DiagonalSSM) or _keeps_index(model)))
    indices = list(range(model.states)) if by_index else _ascending(_angles(model))
    if closure == REAL:
        indices.sort(key=lambda n: n not in _real_modes(model))
    return tuple(indices)


def sampled_order(model: DiagonalSSM, step: sp.Expr, closure: str = COMPLEX) -> tuple[int, ...]:
    r"""The order of the modes of a model that is held for steps $\Delta$, by the rule of T6.

    The index where no angle wraps, $\max|\mathrm{Im}\, a|\Delta < \pi$, or where $\mathrm{Im}\, a$ is affine in the
    index, else by $\arg e^{a\Delta}$. ``order="auto"`` of `ring_embedding` must do without a and $\Delta$.

    Parameters
    ----------
    model
        In continuous time, with exact numbers.
    step
        $\Delta$ [time], an exact number.
    closure
        A real ring puts its real mode first.

    Raises
    ------
    ValueError
        Symbols in the model or in the step, or a step that is not positive.

    Examples
    --------
    >>> from carleman_ssm.theory.initialisations import s4d_inv, s4d_lin
    >>> sampled_order(s4d_lin(4), sp.Integer(3)), sampled_order(s4d_inv(4), sp.Integer(1))
    ((0, 1, 2, 3), (1, 0, 3, 2))
    """
    frequencies = _angles(model)
    held = zero_order_hold(model, step)
    numbers = _angles(held)  # refuses a symbol in the step
    delta = sp.N(step, _DIGITS)
    if not (delta.is_real and delta > 0):
        msg = f"a step must be positive, got {step}"
        raise ValueError(msg)
    gaps = [after - before for before, after in pairwise(frequencies)]
    affine = all(_sign(gap - gaps[0]) == 0 for gap in gaps)
    keeps = affine or all(_sign(abs(w) * delta - sp.pi.n(_DIGITS)) < 0 for w in frequencies)
    indices = list(range(model.states)) if keeps else _ascending(numbers)
    if closure == REAL:
        indices.sort(key=lambda n: n not in _real_modes(model))
    return tuple(indices)


def _keeps_index(model: DiscreteSSM) -> bool:
    """The law is affine in the index modulo 2π, or no angle wraps as far as the multipliers tell."""
    angles = _angles(model)
    differences = [_turned(after - before) for before, after in pairwise(angles)]
    if all(_sign(_turned(difference - differences[0])) == 0 for difference in differences):
        return True
    slowest = min(range(len(angles)), key=lambda n: abs(angles[n]))
    followed = [
        angles[slowest] + (sp.Add(*differences[slowest:n]) if n > slowest else -sp.Add(*differences[n:slowest]))
        for n in range(len(angles))
    ]
    return all(_sign(abs(angle) - sp.pi.n(_DIGITS)) < 0 for angle in followed)


def _turned(angle: sp.Expr) -> sp.Expr:
    """The angle modulo 2π nearest to 0."""
    turn = 2 * sp.pi.n(_DIGITS)
    return angle - turn * sp.floor(angle / turn + sp.Rational(1, 2))


def _ascending(values: Sequence[sp.Expr]) -> list[int]:
    """The indices by value, equal values by index."""

    def compare(n: int, m: int) -> int:
        return _sign(values[n] - values[m])

    return sorted(range(len(values)), key=cmp_to_key(compare))


def _angles(model: Model) -> list[sp.Expr]:
    r"""$\arg\lambda_n$ in (-π, π], 0 for $\lambda_n = 0$, or $\mathrm{Im}\,a_n$: numbers of 40 digits."""
    for n, value in enumerate(spectrum_of(model)):
        if value.free_symbols:
            msg = f"the angle of mode {n}, {value}, is not known: give exact numbers, order='index' or the indices"
            raise ValueError(msg)
    if isinstance(model, DiagonalSSM):
        angles = [sp.im(a) for a in model.eigenvalues]
    else:
        angles = [sp.S.Zero if m.is_zero else sp.arg(m) for m in model.multipliers]
    return [sp.N(angle, _DIGITS) for angle in angles]


def _sign(difference: sp.Expr) -> int:
    """−1, 0 or 1: which of two angles is smaller, or that they are equal."""
    if abs(difference) < sp.Float(10, _DIGITS) ** (-3 * _DIGITS // 4):
        return 0
    return 1 if difference > 0 else -1


def permutation(order: Any, model: Model, closure: str) -> tuple[int, ...]:
    """`order` if it lists each stored mode once, and the real mode of a real ring first.

    Raises
    ------
    TypeError
        No sequence of integers.
    ValueError
        No permutation, or another mode than the real one at frequency 0.
    """
    if not isinstance(order, tuple | list) or not all(isinstance(n, int) and not isinstance(n, bool) for n in order):
        names = ", ".join(map(repr, ORDERS))
        msg = f"order must be {names} or the indices of the stored modes as a tuple of integers, got {order!r}"
        raise TypeError(msg)
    if sorted(order) != list(range(model.states)):
        msg = f"order must list each of the modes 0 to {model.states - 1} once, got {tuple(order)}"
        raise ValueError(msg)
    if closure == REAL and order[0] not in _real_modes(model):
        msg = f"a real ring has its real mode at frequency 0: begin the order with {_real_modes(model)[0]}"
        raise ValueError(msg)
    return tuple(order)


def ring_modes(model: Model, closure: str, gauge: str, order: tuple[int, ...]) -> Model:
    """The modes at the ring's frequencies, ascending: gauge, order, and conjugates at negative frequencies."""
    stored = _reordered(unit_input(model) if gauge == UNIT_INPUT else model, order)
    if closure == COMPLEX:
        return stored
    doubled = stored.with_conjugates(merge_real=closure == REAL)
    return _reordered(doubled, (*reversed(range(stored.states, doubled.states)), *range(stored.states)))


def regauged(model: Model, factors: Sequence[sp.Expr]) -> Model:
    r"""$x_n \to g_n x_n$: input $g_n b_n$, output $c_n/g_n$, and the same answer to every input (T1′).

    Raises
    ------
    TypeError, ValueError
        Not one exact factor for each mode, or a factor 0.
    """
    gauge = exact_entries(factors, "factors")
    if len(gauge) != model.states or any(g.is_zero for g in gauge):
        msg = f"a gauge has one factor for each of the {model.states} modes, none of them 0, got {gauge}"
        raise ValueError(msg)
    inputs = tuple(g * b for g, b in zip(gauge, model.input_vector, strict=True))
    outputs = tuple(c / g for g, c in zip(gauge, model.output_vector, strict=True))
    return replace(model, input_vector=inputs, output_vector=outputs)


def unit_input(model: Model) -> Model:
    r"""The gauge $g_n = 1/b_n$: input 1, output $c_n b_n$."""
    ones = (sp.S.One,) * model.states  # for numbers such as 1 + i the product b/b would not become 1 by itself
    return replace(regauged(model, [1 / b for b in model.input_vector]), input_vector=ones)


def _reordered(model: Model, order: Sequence[int]) -> Model:
    spectrum, inputs, outputs = (
        tuple(vector[n] for n in order) for vector in (spectrum_of(model), model.input_vector, model.output_vector)
    )
    return type(model)(spectrum, inputs, outputs, model.feedthrough, model.conjugate_pairs)
