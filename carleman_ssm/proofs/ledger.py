"""The ledger: every statement of a derivation with its verdict, what is known of it in words, and what was planted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import sympy as sp

from carleman_ssm.formulas.bounds import Bound, Statement
from carleman_ssm.formulas.conditions import own_divisors
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.normal_forms import Normaliser
from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import Verdict, verify
from carleman_ssm.proofs.planted import planted_errors
from carleman_ssm.proofs.representatives import representatives_of
from carleman_ssm.proofs.scripts import Script, load_script


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    script, section
        Where the statement stands: name of the script, heading of its section.
    kind
        ``"step"``, ``"conclusion"`` or ``"lemma"``.
    statement
        As the script states it.
    verdict
        What `verify` says of it.
    seconds
        How long that took, planted errors not counted.
    planted, refuted
        False twins that were tried, and how many of them were refuted with a witness; 0 if none was asked for.
    missed
        The kinds of error that were not refuted.
    """

    script: str
    section: str
    kind: str
    statement: Statement
    verdict: Verdict
    seconds: float
    planted: int = 0
    refuted: int = 0
    missed: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What is known of the statement (`evidence_words`)."""
        return evidence_words(self.statement, self.verdict)

    @property
    def as_claimed(self) -> bool:
        """Does the evidence reach what is claimed, and was every planted error refuted?"""
        return reaches_claim(self.statement, self.verdict) and self.planted == self.refuted


def reaches_claim(statement: Statement, verdict: Verdict) -> bool:
    """Is the evidence what is claimed: certified for a bound, supported where no more is claimed, else proved?"""
    enough = {Evidence.PROVED}
    if isinstance(statement, Bound):
        enough.add(Evidence.CERTIFIED)
    elif statement.claims is Evidence.SUPPORTED:
        enough.add(Evidence.SUPPORTED)
    return verdict.evidence in enough and not hidden_conditions(statement, verdict)


def hidden_conditions(statement: Statement, verdict: Verdict) -> tuple[sp.Expr, ...]:
    """What a proof assumes not to vanish although the statement neither lists it nor divides by it.

    Examples
    --------
    >>> a = sp.Symbol("a")
    >>> slope = Identity(a * sp.Derivative(sp.log(a), a), sp.S.One)
    >>> hidden_conditions(slope, verify(slope))
    (a,)
    >>> told = Identity(slope.left, slope.right, nonzero=(a,))
    >>> hidden_conditions(told, verify(told))
    ()
    """
    if not isinstance(statement, Identity) or not verdict.nonzero:
        return ()
    form = Normaliser()
    written = own_divisors((statement.left, statement.right))
    told = {form.vanishing(divisor) for divisor in (*statement.nonzero, *written)}
    return tuple(divisor for divisor in verdict.nonzero if form.vanishing(divisor) not in told)


def evidence_words(statement: Statement, verdict: Verdict) -> str:
    """What is known of a statement, in words that are never exchanged for one another.

    Examples
    --------
    >>> import sympy as sp
    >>> x = sp.Symbol("x")
    >>> square = Identity((x + 1) ** 2, x**2 + 2 * x + 1)
    >>> evidence_words(square, verify(square))
    'proved in general'
    >>> matrix = Identity(sp.Matrix([[x]]) ** 2, sp.Matrix([[x**2]]), sizes="N = 1")
    >>> evidence_words(matrix, verify(matrix))
    'proved for N = 1'
    """
    if verdict.evidence is Evidence.PROVED:
        sizes = statement.sizes if isinstance(statement, Identity) else ""
        return f"proved for {sizes}" if sizes else "proved in general"
    if verdict.evidence is Evidence.CERTIFIED and isinstance(statement, Bound):
        box = (f"{symbol} in [{least}, {greatest}]" for symbol, (least, greatest) in statement.domain.items())
        return f"certified on {', '.join(box)}" if statement.domain else "certified"
    if verdict.evidence is Evidence.SUPPORTED:
        return f"supported at {verdict.digits} digits"
    if verdict.evidence is Evidence.REFUTED:
        at = ", ".join(f"{symbol} = {value}" for symbol, value in (verdict.witness or {}).items())
        return f"refuted at {at}" if at else "refuted for all values"
    return str(verdict.evidence.value)


def check_script(name: str, planted: bool = False) -> tuple[Entry, ...]:
    """The ledger of a derivation: one entry for every statement, where it stands first.

    Parameters
    ----------
    name
        Of the script.
    planted
        Challenge each statement with planted errors (`planted_errors`), too.

    Raises
    ------
    ValueError
        There is no such script.
    """
    return tuple(_checked(name, *row, planted) for row in statements_of(load_script(name)))


def statements_of(script: Script) -> tuple[tuple[str, str, Statement], ...]:
    """Section, kind and statement of all that a script states, without repetitions."""
    seen: dict[Statement, tuple[str, str, Statement]] = {}
    for section, kind, statement in _rows(script):
        seen.setdefault(statement, (section, kind, statement))
    return tuple(seen.values())


def _rows(script: Script) -> Iterator[tuple[str, str, Statement]]:
    last = max((number for number, section in enumerate(script.sections) if section.steps), default=None)
    for number, section in enumerate(script.sections):
        yield from ((section.heading, "step", step) for step in section.steps)
        if number == last:
            yield section.heading, "conclusion", script.derivation.conclusion
        yield from ((section.heading, "lemma", lemma) for lemma in section.lemmas)
        for chain in section.chains:
            yield from ((section.heading, kind, statement) for kind, statement in _of_chain(chain))


def _of_chain(chain: Derivation) -> Iterator[tuple[str, Statement]]:
    yield from (("step", step) for step in chain.steps)
    if chain.steps:
        yield "conclusion", chain.conclusion
    yield from (("lemma", lemma) for lemma in chain.lemmas)
    for further in chain.chains:
        yield from _of_chain(further)


def _checked(name: str, section: str, kind: str, statement: Statement, planted: bool) -> Entry:
    started = perf_counter()
    verdict = verify(statement)
    seconds = perf_counter() - started
    twins = planted_errors(statement) if planted else ()
    missed = tuple(error for error, twin in twins if not is_refuted(verify(twin)))
    return Entry(name, section, kind, statement, verdict, seconds, len(twins), len(twins) - len(missed), missed)


def is_refuted(verdict: Verdict) -> bool:
    """Refuted, and with values of the letters for which both sides differ (none where there are no letters)."""
    return verdict.evidence is Evidence.REFUTED and verdict.witness is not None


def not_derived(form: ClosedForm) -> tuple[Identity, ...]:
    """The certificates of a closed form that the derivation which it cites does not state.

    A citation of no derivation derives nothing: then these are all certificates.
    """
    name = form.reference.removeprefix("derivations/")
    try:
        stated = load_script(name).derivation.statements if form.reference != name else ()
    except ValueError:
        stated = ()
    known = {(statement.left, statement.right) for statement in stated if isinstance(statement, Identity)}
    return tuple(one for one in form.certificates if (one.left, one.right) not in known)


def underived_forms(name: str) -> tuple[tuple[str, str], ...]:
    """Closed forms that cite this script and have a certificate that it does not state: name, certificate."""
    rows = representatives_of(f"derivations/{name}")
    return tuple(
        (f"{form}[{label}]" if label else form, missing.name)
        for form, label, value in rows
        for missing in not_derived(value)
    )
