"""Under each function that returns a closed form: the form itself, printed from the object, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import sympy as sp

import carleman_ssm
from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.formulas.verification import verify
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.proofs.ledger import evidence_words, reaches_claim
from carleman_ssm.proofs.representatives import REPRESENTATIVES, representative
from carleman_ssm.proofs.scripts import script_names

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LONGEST = 6000
"""Characters of TeX beyond which a form is described and not printed: no reader takes in that much."""


def qualified(name: str) -> str:
    """The key of the table of representatives, ``theory.waves.wave_propagator``, of a documented name.

    A method belongs to the class that is documented, also where a class that is not public defines it.
    """
    first, _, member = name.removeprefix("carleman_ssm.").partition(".")
    owner = getattr(carleman_ssm, first, None)
    module = getattr(owner, "__module__", "").removeprefix("carleman_ssm.")
    return ".".join(part for part in (module, getattr(owner, "__qualname__", first), member) if part)


def formula_lines(name: str) -> list[str]:
    """All representatives of this name, in reStructuredText."""
    lines = ["", ".. rubric:: Formula", ""]
    for label in REPRESENTATIVES[name]:
        lines += _instance(label, representative(name, label))
    return lines


def _instance(label: str, form: ClosedForm) -> Iterator[str]:
    if label:
        yield from (f"*{label}:*", "")
    tex = to_latex(form)
    if len(tex) <= LONGEST:
        yield from (".. math::", "", *(f"   {line}" for line in tex.splitlines() if line.strip()), "")
    else:
        entries = sum(1 for value in _entries(form.expression) if value != 0)
        yield from (f"An expression with {entries} entries that are not 0; ``cs.to_latex`` prints it.", "")
    yield from _known(form)


def _entries(expression: sp.Basic) -> list[sp.Basic]:
    return list(expression) if isinstance(expression, sp.MatrixBase) else [expression]


def _known(form: ClosedForm) -> Iterator[str]:
    name = form.reference.removeprefix("derivations/")
    parts = [f"derived in :doc:`{name} </derivations/{name}>`"] if name in script_names() else []
    grouped: dict[str, list[str]] = {}
    for claim, words in certificates(form):
        grouped.setdefault(words, []).append(claim.name or "what characterises it")
    parts += [f"{words}: {', '.join(dict.fromkeys(names))}" for words, names in grouped.items()]
    if parts:
        text = ". ".join(part[0].upper() + part[1:] for part in parts)
        yield from (f"{text}.", "")


@cache
def certificates(form: ClosedForm) -> tuple[tuple[Any, str], ...]:
    """Each certificate with what `verify` says of it now.

    Raises
    ------
    ValueError
        One does not hold as it is claimed.
    """
    verdicts = [(claim, verify(claim)) for claim in form.certificates]
    failed = [claim.name for claim, verdict in verdicts if not reaches_claim(claim, verdict)]
    if failed:
        msg = f"{form.symbol} is printed with certificates that do not hold: {', '.join(failed)}"
        raise ValueError(msg)
    return tuple((claim, evidence_words(claim, verdict)) for claim, verdict in verdicts)


def append(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001 - Sphinx calls it so
    """For autodoc: after the sections of the docstring have been read."""
    if (found := qualified(name)) in REPRESENTATIVES:
        lines += formula_lines(found)


def setup(app: Sphinx) -> dict[str, bool]:
    """After NumPy's sections."""
    app.connect("autodoc-process-docstring", append, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
