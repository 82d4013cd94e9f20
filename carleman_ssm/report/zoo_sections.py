"""What `zoo` says: one table of the families with ticks, and behind it proofs, agreements, bounds and costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import sympy as sp

from carleman_ssm.experiments.eigenvector_costs import LAGS, EigenvectorCost
from carleman_ssm.experiments.statement_checks import Tally
from carleman_ssm.experiments.zoo import FIT_BOUND, FIT_DEGREE, LENGTH, Degree, FamilyFinding
from carleman_ssm.recurrences.gate_costs import decay_error_bound
from carleman_ssm.report.directed import above
from carleman_ssm.report.sections import Grid, Note, Section

YES, NO = "✓", "✗"


def zoo_sections(found: Sequence[FamilyFinding], costs: Sequence[EigenvectorCost] = ()) -> tuple[Section, ...]:
    """The sections in reading order, for the terminal and for the page."""
    dense = (Section("eigenvectors of S4", (_eigenvectors(costs), Note(EIGENVECTORS))),) if costs else ()
    return (
        Section("families", (_overview(found), Note(_reading(found)))),
        Section("proofs", (_proofs(found), Note(PROOFS))),
        Section("agreement of routes (measured)", (_agreement(found), Note(AGREEMENT))),
        Section("what is no polynomial", (_pieces(found), Note(PIECES))),
        Section("waves (measured)", (_waves(found), Note(WAVES), *_standing(found))),
        *dense,
        Section("size of a lift", (_lifts(found), Note(LIFTS))),
    )


def tick(holds: bool) -> str:
    """✓ or ✗."""
    return YES if holds else NO


def _overview(found: Iterable[FamilyFinding]) -> Grid:
    """At most 80 columns wide, so that no name is cut."""
    rows = tuple(
        (
            one.family,
            f"{tick(one.exact)} {one.proved.proved}",
            tick(one.measured.agree),
            one.transition,
            degree_words((one.degree, *one.further_degrees.values())),
            f"≤ {above(max(piece.bound for piece in one.pieces), 2)}" if one.pieces else "–",
            f"{one.lift_monomials():,}",
            waves_words(one),
        )
        for one in found
    )
    return Grid(("family", "exact", "agree", "A_k", "deg.", "fits", "lift", "waves"), rows)


def degree_words(degrees: Sequence[Degree]) -> str:
    """The stated degrees, with a tick if the closed forms have them; a dash if the output is no polynomial.

    Examples
    --------
    >>> degree_words([Degree(3, 3), Degree(5, 5)]), degree_words([Degree(3, 2)]), degree_words([Degree(None, None)])
    ('✓ 3, 5', '✗ 3', '–')
    """
    stated = [degree for degree in degrees if degree.stated is not None]
    if not stated:
        return "–"
    return f"{tick(all(one.found == one.stated for one in stated))} {', '.join(str(one.stated) for one in stated)}"


def waves_words(one: FamilyFinding) -> str:
    """Whether waves travel, as found on the rings of one layer, in a word; the section on waves says more."""
    if one.waves.nodes is None:
        return "no ring"
    if one.waves.travels:
        return "rigid" if one.waves.rigid else "spread"
    if one.standing is not None:
        return f"{tick(one.standing.all_proved)} none"
    return "no side" if one.waves.real else "not told"


def _reading(found: Sequence[FamilyFinding]) -> str:
    size = f"{found[0].states} states, {found[0].steps} steps" if found else "no family"
    return (
        f"exact: every claim about the recurrence with symbols for all parameters ({size}) is proved, and every false "
        "twin of a claim is refuted; the number counts proved claims. agree: compiled formula, the layer's numbers "
        "put into it, closed form of the states, recurrence and ordered product of lifts, to 10⁻⁹ (measured). A_k: "
        "what the transitions are, (u) if they depend on the input; diagonals multiply in any order, to powers or to "
        "an input-driven clock; of rank-one steps only the ordered product is known. deg.: degree of what the "
        "recurrence reads out in the inputs of its projections, ✓ if the closed form has it, – if it is no "
        "polynomial; of linear attention two, for the identity as feature map and for products of two maps. "
        f"fits: the largest certified error, on |v| ≤ {FIT_BOUND:g} at degree {FIT_DEGREE}, of the pointwise functions "
        "that a polynomial replaces, – if there is none. lift: monomials of degree at most 2 at the reference's "
        "default size. waves: rigid or "
        "spreading as measured; none if the multipliers found are real and not negative, ✓ if it is proved that such "
        "carry none; no side (real, some negative: a kick may hop by half of the ring); not told (rounding alone "
        "decides); or no ring: the steps do not commute, and real as each is, products may turn."
    )


def _proofs(found: Iterable[FamilyFinding]) -> Grid:
    rows = tuple(
        (
            one.family,
            *(verdicts(one.claims[name]) for name in ("the lift collapses", "the output", "the laws")),
            f"{tick(one.twins.all_refuted)} {one.twins.refuted} of {one.twins.total}",
            f"{one.seconds:.1f}",
        )
        for one in found
    )
    return Grid(("family", "collapse", "output", "laws", "twins", "seconds"), rows)


PROOFS = (
    "Proved identities by what they claim: that the lift of all steps collapses, that the closed form of the output is "
    "the recurrence's, and the laws of the family. twins: false statements that were refuted, of all. seconds: of all "
    "checks of the family."
)


def verdicts(tally: Tally) -> str:
    """How many were proved, and what else there was; only what is all proved has the tick.

    Examples
    --------
    >>> verdicts(Tally(proved=3)), verdicts(Tally(proved=3, supported=1)), verdicts(Tally())
    ('✓ 3', '✗ 3 of 4: 1 supported', 'none stated')
    """
    if not tally.total:
        return "none stated"
    if tally.all_proved:
        return f"{YES} {tally.proved}"
    others = {"supported": tally.supported, "refuted": tally.refuted, "undecided": tally.undecided}
    words = ", ".join(f"{count} {word}" for word, count in others.items() if count)
    return f"{NO} {tally.proved} of {tally.total}: {words}"


def _agreement(found: Iterable[FamilyFinding]) -> Grid:
    rows = tuple(
        (
            one.family,
            tick(one.measured.agree),
            f"{one.measured.kernel:.1e}",
            "–" if one.measured.bridge is None else f"{one.measured.bridge:.1e}",
            f"{one.measured.routes:.1e}",
            f"{one.measured.product:.1e}",
            str(one.measured.product_degree),
            "no polynomial" if one.measured.layer_degree is None else f"degree {one.measured.layer_degree}",
        )
        for one in found
    )
    return Grid(("family", "", "compiled", "layer", "closed", "product", "of degree", "whole layer"), rows)


AGREEMENT = (
    f"Measured on {LENGTH} steps of seeded noise, layers of few entries of state as their references initialise them, "
    "relative to the largest value. compiled: the float64 formula of the output beside single steps at 30 digits, at "
    "drawn values of all symbols. layer: the numbers of a float layer (2 states, 3 steps, parameters moved away from "
    "where the reference starts) put into that formula beside what the layer reads. closed: states and outputs by the "
    "closed form beside the recurrence. product: T(b_L) S(A_L) … T(b_1) S(A_1), lifted to that degree, beside the "
    "lift of the closed form. whole layer: with its projections, gates and norms, by differences of the output along "
    "scaled inputs; no polynomial if none vanishes up to order 8."
)


def _pieces(found: Iterable[FamilyFinding]) -> Grid:
    rows = tuple(
        (
            one.family,
            "; ".join(f"{piece.name} ≤ {above(piece.bound, 2)}" for piece in one.pieces) or "–",
            "–" if one.state_bound is None else f"≤ {above(one.state_bound, 2)}",
            ", ".join(one.kept) or "–",
        )
        for one in found
    )
    return Grid(("family", "approximated: certified error", "of the states", "kept as it is"), rows)


DECAY_RATES = (1, 4, 16)


def _decay_errors() -> str:
    """Bounds that hold for every r, rounded upward."""
    bounds = (sp.N(decay_error_bound(sp.Integer(rate), FIT_DEGREE), 30) for rate in DECAY_RATES)
    raised = (math.nextafter(float(bound), math.inf) for bound in bounds)
    return ", ".join(f"≤ {above(b, 2)} at s = {rate}" for b, rate in zip(raised, DECAY_RATES, strict=True))


PIECES = (
    f"Certified: bounds of the error of a Chebyshev polynomial of degree {FIT_DEGREE} on |v| ≤ {FIT_BOUND:g}, in ball "
    f"arithmetic. of the states: for A = -(n + 1), as Mamba starts, all gates in that range and drives within ±1, 4 "
    f"modes, {LENGTH} steps. What is kept is an input of the lift, or a coordinate of its own. A power of the decay is "
    "kept where its exponent is no integer; e^(-s r) by a polynomial of that degree in 0 ≤ r ≤ 1 would be off by "
    f"{_decay_errors()}."
)


def _waves(found: Iterable[FamilyFinding]) -> Grid:
    rows = tuple(
        (
            one.family,
            str(one.waves.nodes or "–"),
            _number(one.waves.hop),
            _number(one.waves.residual),
            _number(one.waves.participation),
            one.waves.words.split(":")[0],
        )
        for one in found
    )
    return Grid(("family", "nodes", "per step", "residual", "sharing", "verdict"), rows)


def _number(value: float | None) -> str:
    """Three digits; what is rounding beside a node is 0."""
    if value is None:
        return "–"
    return f"{value:.3g}" if abs(value) > 1e-9 else "0"


WAVES = (
    "Rings of one layer as its reference initialises it, medians over its rings. per step: nodes per step of the "
    "nearest rigid law. residual: of its phases, in mode spacings; from 0.2 on a pattern spreads within a revolution. "
    "sharing: how many nodes share a kick (participation ratio) after one revolution, or after the longest run. The "
    "sign of per step turns with the order in which the modes are stored, and with the half of the conjugate pairs "
    "that is: it says nothing else of a layer."
)


def _standing(found: Iterable[FamilyFinding]) -> tuple[Note, ...]:
    """What stands behind "none": once, as it is the same law for every family."""
    laws = next((one.standing for one in found if one.standing is not None), None)
    if laws is None:
        return ()
    return (
        Note(f"That real multipliers that are not negative carry no wave (T6 v): {verdicts(laws)} laws of a kick."),
    )


def _eigenvectors(costs: Iterable[EigenvectorCost]) -> Grid:
    rows = tuple(
        (
            str(cost.states),
            f"≤ {above(cost.condition, 1)}",
            f"≤ {above(cost.relative_error, 1)}",
            f"≤ {above(cost.rounded_condition, 1)}",
            f"≤ {above(cost.rounded_error, 1)}",
            str(cost.bits),
        )
        for cost in costs
    )
    header = (
        "states",
        "condition of LegS",
        "its kernel by modes",
        "condition in float64",
        "its kernel by modes",
        "bits",
    )
    return Grid(header, rows)


EIGENVECTORS = (
    "Certified: the condition of unit eigenvectors in the Frobenius norm, and what rounding the modes to float64 costs "
    f"the kernel over {LAGS} lags, relative to its largest value. First of HiPPO-LegS itself, by its closed form; then "
    "of the matrix of one layer that starts with it as float64 holds that matrix, which is another one: rounding makes "
    "some of its eigenvalues complex from about 22 states on. bits: precision that its enclosure took. The dense "
    "matrix, a contraction, has no such loss and is the route of computation."
)


def _lifts(found: Iterable[FamilyFinding]) -> Grid:
    header = ("family", "entries held together", "of", "degree 1", "degree 2", "degree 3")
    rows = tuple(
        (
            one.family,
            str(one.lift_entries),
            one.lift_words,
            *(f"{one.lift_monomials(degree):,}" for degree in (1, 2, 3)),
        )
        for one in found
    )
    return Grid(header, rows)


LIFTS = (
    "Monomials of a lift at the reference's default size. The closed form of the states needs no lift; the lift is "
    "what makes powers of the state linear."
)
