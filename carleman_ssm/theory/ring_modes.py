r"""The modes that stand on a ring: order, gauge and closure of a diagonal model (THEORY T1′, T5, T5b)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cmp_to_key
from typing import Any

import sympy as sp

from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

Model = DiagonalSSM | DiscreteSSM

COMPLEX, REAL, ANTIPERIODIC = "complex", "real", "antiperiodic"
UNIT_INPUT, TEXTBOOK = "unit-input", "textbook"
INDEX, ANGLE = "index", "angle"
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
    _require(closure, (COMPLEX, REAL, ANTIPERIODIC), "closure")
    _require(gauge, (UNIT_INPUT, TEXTBOOK), "gauge")
    if gauge == UNIT_INPUT:
        _check_inputs(model)
    if closure != COMPLEX and not model.conjugate_pairs:
        msg = f"the {closure} closure appends conjugates, but the model stores no pairs: use closure='complex'"
        raise ValueError(msg)
    if closure == REAL:
        _check_real_mode(model, gauge)


def _require(value: object, known: tuple[str, ...], what: str) -> None:
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
    """The order that a name stands for, as indices of the stored modes.

    Raises
    ------
    ValueError
        An unknown name, or the angle of symbols.
    TypeError
        Neither a name nor a sequence of integers.
    """
    if not isinstance(order, str):
        return permutation(order, model, closure)
    _require(order, (INDEX, ANGLE), "order")
    indices = list(range(model.states)) if order == INDEX else _by_angle(model)
    if closure == REAL:
        indices.sort(key=lambda n: n not in _real_modes(model))
    return tuple(indices)


def _by_angle(model: Model) -> list[int]:
    for n, value in enumerate(spectrum_of(model)):
        if value.free_symbols:
            msg = f"the angle of mode {n}, {value}, is not known: give exact numbers, order='index' or the indices"
            raise ValueError(msg)
    if isinstance(model, DiagonalSSM):
        angles = [sp.im(a) for a in model.eigenvalues]
    else:
        angles = [sp.S.Zero if m.is_zero else sp.arg(m) for m in model.multipliers]
    values = [sp.N(angle, _DIGITS) for angle in angles]

    def compare(n: int, m: int) -> int:
        return _sign(values[n] - values[m])

    return sorted(range(model.states), key=cmp_to_key(compare))


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
        msg = f"order must be 'index', 'angle' or the indices of the stored modes as a tuple of integers, got {order!r}"
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
    stored = _reordered(_unit_input(model) if gauge == UNIT_INPUT else model, order)
    if closure == COMPLEX:
        return stored
    doubled = stored.with_conjugates(merge_real=closure == REAL)
    return _reordered(doubled, (*reversed(range(stored.states, doubled.states)), *range(stored.states)))


def _unit_input(model: Model) -> Model:
    r"""The gauge $x_n \to x_n/b_n$, $c_n \to c_n b_n$."""
    outputs = tuple(c * b for c, b in zip(model.output_vector, model.input_vector, strict=True))
    return replace(model, input_vector=(sp.S.One,) * model.states, output_vector=outputs)


def _reordered(model: Model, order: Sequence[int]) -> Model:
    spectrum, inputs, outputs = (
        tuple(vector[n] for n in order) for vector in (spectrum_of(model), model.input_vector, model.output_vector)
    )
    return type(model)(spectrum, inputs, outputs, model.feedthrough, model.conjugate_pairs)
