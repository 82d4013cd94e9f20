r"""A state space model with its decoder, from a JSON file of exact numbers and names.

::

    {"eigenvalues": ["-1/2", "-1/2 + 3*pi*I"], "b": [1, 1], "c": ["c_0", "1/3"], "D": 0,
     "decoder": ["g_0", 0, "1/2"], "conjugate_pairs": false, "step": "1/100"}

Entries are numbers (decimals are exact: 0.1 is 1/10) or texts in the grammar of `expressions`. Only
``eigenvalues`` is required: ``b`` is 1, ``c`` and the decoder are symbols, ``D`` is 0, and the step is the
symbol $\Delta$ by default.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import sympy as sp

from carleman_ssm.report.expressions import ExpressionError, parse_expression, parse_number
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import DiagonalSSM

MAX_BYTES = 1_000_000
MAX_STATES = 1_000
_KEYS = ("eigenvalues", "b", "c", "D", "decoder", "conjugate_pairs", "step")


class SystemFileError(ValueError):
    """The file describes no system; the message names the file, the entry and what was expected."""


@dataclass(frozen=True)
class System:
    """A model in continuous time, the decoder if the file has one, and the step if the file has one."""

    model: DiagonalSSM
    decoder: PolynomialDecoder | None = None
    step: sp.Expr | None = None


def read_system(path: Path) -> System:
    """Read a system from a JSON file.

    Raises
    ------
    SystemFileError
        The file is missing, too large, no JSON object, has unknown or repeated keys, vectors of different
        lengths, or an entry outside the grammar; the message names the entry and the position in it.
    """
    try:
        return parse_system(_text(path))
    except ValueError as error:
        msg = f"{path}: {error}"
        raise SystemFileError(msg) from error


def parse_system(text: str) -> System:
    """The system that a JSON text describes (see `read_system`).

    Examples
    --------
    >>> parse_system('{"eigenvalues": ["-1/2"], "decoder": [0, 0, 0.5]}').decoder.coefficients
    (0, 0, 1/2)
    """
    entries = _object(text)
    eigenvalues = _vector(entries, "eigenvalues")
    states = len(eigenvalues)
    pairs = entries.get("conjugate_pairs", False)
    if not isinstance(pairs, bool):
        msg = f"conjugate_pairs must be true or false, got {pairs!r}"
        raise SystemFileError(msg)
    b = _vector(entries, "b") if "b" in entries else (sp.S.One,) * states
    c = _vector(entries, "c") if "c" in entries else tuple(sp.Symbol(f"c_{n}") for n in range(states))
    for key, vector in (("b", b), ("c", c)):
        if len(vector) != states:
            msg = f"{key} has {len(vector)} entries, but there are {states} eigenvalues"
            raise SystemFileError(msg)
    feedthrough = _entry(entries["D"], "D") if "D" in entries else sp.S.Zero
    model = DiagonalSSM(eigenvalues, b, c, feedthrough, pairs)
    decoder = PolynomialDecoder(_vector(entries, "decoder")) if "decoder" in entries else None
    return System(model, decoder, _entry(entries["step"], "step") if "step" in entries else None)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        msg = f"cannot be read ({error.strerror})"
        raise SystemFileError(msg) from error
    if len(content) > MAX_BYTES:
        msg = f"larger than {MAX_BYTES} bytes, which no system file needs"
        raise SystemFileError(msg)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        msg = "not a text in UTF-8"
        raise SystemFileError(msg) from error


def _object(text: str) -> dict[str, Any]:
    try:
        entries = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        msg = f"no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        raise SystemFileError(msg) from error
    except RecursionError as error:
        msg = "no system: the JSON is nested too deeply"
        raise SystemFileError(msg) from error
    if not isinstance(entries, dict):
        msg = "expected a JSON object with the key eigenvalues"
        raise SystemFileError(msg)
    unknown = sorted(set(entries) - set(_KEYS))
    if unknown or "eigenvalues" not in entries:
        wrong = f"unknown key {unknown[0]!r}" if unknown else "the key 'eigenvalues' is missing"
        msg = f"{wrong}; the keys are {', '.join(_KEYS)}"
        raise SystemFileError(msg)
    return entries


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no number that can stand in a system"
    raise SystemFileError(msg)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        msg = f"the key {repeated[0]!r} stands twice"
        raise SystemFileError(msg)
    return dict(pairs)


def _vector(entries: dict[str, Any], key: str) -> tuple[sp.Expr, ...]:
    values = entries[key]
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_STATES:
        msg = f"{key} must be a list of 1 to {MAX_STATES} numbers or texts"
        raise SystemFileError(msg)
    return tuple(_entry(value, f"{key}[{n}]") for n, value in enumerate(values))


def _entry(value: object, where: str) -> sp.Expr:
    try:
        if isinstance(value, str):
            return parse_expression(value)
        if isinstance(value, int | Decimal):
            return parse_number(value)
    except ExpressionError as error:
        msg = f"{where}: {error}"
        raise SystemFileError(msg) from error
    msg = f"{where}: expected a number or a text such as '-1/2 + 3*pi*I', got {str(value)[:40]}"
    raise SystemFileError(msg)
