r"""What is known of a family, by running its checks: verdicts, agreements, costs.

A symbolic claim counts as proved only if `verify` proves it, a twin as refuted only if `verify` refutes it; float
routes are compared and the difference is stated; a bound is one of ball arithmetic. Nothing is taken from a table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np

from carleman_ssm.experiments.float_lifts import ordered_product_error, relative_difference
from carleman_ssm.experiments.layer_bridge import BRIDGES, bridge_error
from carleman_ssm.experiments.measured_degree import measured_degree
from carleman_ssm.experiments.statement_checks import Tally, degree_in_inputs, kernel_error, tally
from carleman_ssm.families.family import Family
from carleman_ssm.families.registry import ENTRIES, ring_layer, small_layer
from carleman_ssm.families.selective_polynomials import selective_polynomials
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDense, InvariantDiagonal, VaryingDiagonal, VaryingRankOne
from carleman_ssm.recurrences.lift import lift_size
from carleman_ssm.recurrences.statement import FamilyStatement
from carleman_ssm.rings.family_rings import FamilyWaves, family_waves
from carleman_ssm.theory.activations import activation
from carleman_ssm.theory.fits import fit_chebyshev
from carleman_ssm.theory.real_spectra import standing_contents

TOLERANCE = 1e-9
"""Two float64 routes agree: 10⁷ rounding units, for a few steps of at most some hundred operations."""
LENGTH = 12
"""Steps of the float checks."""
FIT_BOUND, FIT_DEGREE = 4.0, 16
"""Pointwise functions are fitted on [-4, 4] by polynomials of degree 16."""
_KINDS = {
    InvariantDiagonal: "diagonal",
    InvariantDense: "dense",
    VaryingDiagonal: "diagonal(u)",
    VaryingRankOne: "rank-one(u)",
}


@dataclass(frozen=True)
class Piece:
    r"""A pointwise function of a layer and its polynomial: $|f(v) - p(v)| \le$ `bound` for $|v| \le 4$, certified."""

    name: str
    degree: int
    bound: float


@dataclass(frozen=True)
class Measured:
    """A float layer of few entries of state on seeded noise: differences of routes, relative to the largest value.

    Parameters
    ----------
    kernel
        The compiled closed form of the symbolic output beside single steps at 30 digits.
    bridge
        The numbers of a layer put into that formula beside what the layer reads (`experiments.layer_bridge`: 2 states,
        3 steps, parameters moved away from where the reference starts); None: the family has no bridge.
    routes
        States and outputs of the layer by the closed form of its states beside the recurrence.
    product
        The ordered product of lifted steps beside the lift of the closed form.
    product_degree
        Degree of that lift.
    layer_degree
        Degree of the whole layer as a polynomial in its input; None: it is no polynomial of degree 7 or less.
    """

    kernel: float
    bridge: float | None
    routes: float
    product: float
    product_degree: int
    layer_degree: int | None

    @property
    def agree(self) -> bool:
        """True if all routes agree to 1e-9."""
        bridged = 0.0 if self.bridge is None else self.bridge
        return all(error <= TOLERANCE for error in (self.kernel, bridged, self.routes, self.product))  # False for NaN


@dataclass(frozen=True)
class Degree:
    """Of the output of the recurrence in the input of its projections, as stated and as read off its closed form.

    None where it is no polynomial, and where none is stated.
    """

    stated: int | None
    found: int | None


@dataclass(frozen=True)
class FamilyFinding:
    """Everything that was found about one family.

    Parameters
    ----------
    family, dialect
        Names as in the registry and in the table of conventions.
    states, steps
        Size of the symbolic statement.
    transition
        Which of the four types of recurrences the family has; "(u)": it depends on the input.
    commuting
        Whether all its transitions commute, so that their product has a closed form (the clock).
    claims
        Verdicts by what is claimed: the collapse of the lift, the output, the laws; of the further statements too.
    twins
        Verdicts on the false statements.
    degree
        Of the output of the recurrence.
    further_degrees
        The same of the further statements, by what they are: other feature maps.
    measured
        The float checks.
    pieces, kept
        What of the layer is no polynomial: approximated, and not.
    lift_entries, lift_words
        Entries of state that a lift of the reference's default size holds together, and what they are.
    waves
        What was found on the rings of a layer of about 16 modes as its reference initialises it.
    spectrum_as_stated
        Whether the multipliers of that layer are real exactly if the statement says so; None without a ring, or if
        rounding alone may decide whether they are real.
    state_bound
        Certified bound of what the polynomials of the gate cost the states of Mamba as it starts, $A = -(n + 1)$, where
        multipliers are powers of one sigmoid: 12 steps, 4 modes, gates within ±4, drives within ±1; None for others.
    standing
        Verdicts on the laws by which such multipliers carry no wave (`theory.real_spectra`, T6 v); None where the
        multipliers that were found are not all real and not negative, or where there is no ring.
    seconds
        Time that the checks took.
    """

    family: str
    dialect: str
    states: int
    steps: int
    transition: str
    commuting: bool
    claims: Mapping[str, Tally]
    twins: Tally
    degree: Degree
    further_degrees: Mapping[str, Degree]
    measured: Measured
    pieces: tuple[Piece, ...]
    kept: tuple[str, ...]
    lift_entries: int
    lift_words: str
    waves: FamilyWaves
    spectrum_as_stated: bool | None
    state_bound: float | None
    standing: Tally | None
    seconds: float

    @property
    def proved(self) -> Tally:
        """Verdicts on all claims together."""
        return sum(self.claims.values(), Tally())

    @property
    def exact(self) -> bool:
        """True if every claim is proved and every twin refuted."""
        return self.proved.all_proved and self.twins.all_refuted

    def lift_monomials(self, degree: int = 2) -> int:
        """Monomials of a lift of this degree at the reference's default size."""
        return lift_size(self.lift_entries, degree)


def examine(family: type[Family], *, states: int = 2, steps: int = 3, seed: int = 0) -> FamilyFinding:
    """Run all checks of one family.

    Parameters
    ----------
    family
        Its class.
    states, steps
        Size of the symbolic statement.
    seed
        Of the layer, its inputs and the values of symbols.

    Returns
    -------
    FamilyFinding
        Verdicts, differences, bounds and costs.

    Raises
    ------
    ValueError
        A size that the family's statement refuses.

    References
    ----------
    THEORY T6, T9 to T12, T19: what the statements claim.
    """
    begun = time.perf_counter()
    statement = family.statement(states, steps)
    further = {name: build(states, steps) for name, build in family.further_statements.items()}
    stated = (statement, *further.values())
    entry = ENTRIES[family.family]
    waves = family_waves(ring_layer(family, np.random.default_rng(seed)))
    measured = measure(small_layer(family, np.random.default_rng(seed)), statement, seed)
    claims = [one.claims() for one in stated]
    return FamilyFinding(
        family=family.family,
        dialect=family.dialect,
        states=states,
        steps=steps,
        transition=_KINDS[type(statement.recurrence)],
        commuting=statement.recurrence.commuting,
        claims={name: _tally_once(of_one[name] for of_one in claims) for name in claims[0]},
        twins=_tally_once(one.twins for one in stated),
        degree=_degree(statement, family.statement),
        further_degrees={name: _degree(one, family.further_statements[name]) for name, one in further.items()},
        measured=measured,
        pieces=tuple(certified_piece(name) for name in entry.pieces),
        kept=entry.kept,
        lift_entries=entry.block,
        lift_words=entry.block_words,
        waves=waves,
        spectrum_as_stated=waves.real is statement.real_spectrum
        if waves.nodes is not None and waves.resolved
        else None,
        state_bound=selective_bound() if family.family == "mamba" else None,
        standing=standing_laws() if waves.nodes is not None and waves.nonnegative else None,
        seconds=time.perf_counter() - begun,
    )


def _tally_once(identities: Iterable[Iterable[Identity]]) -> Tally:
    """What two statements share is counted once."""
    return tally(dict.fromkeys(chain.from_iterable(identities)))


def _degree(statement: FamilyStatement, build: Callable[[int, int], FamilyStatement]) -> Degree:
    if statement.input_degree is None:
        return Degree(None, None)
    other = build(statement.recurrence.states, 3 if statement.recurrence.steps == 2 else 2)
    shorter, longer = sorted((other, statement), key=lambda one: one.recurrence.steps)
    return Degree(statement.input_degree, degree_in_inputs(shorter, longer))


def measure(layer: Family, statement: FamilyStatement, seed: int = 0) -> Measured:
    """The float checks of a small layer, the compiled kernel of its statement, and the bridge between the two.

    Parameters
    ----------
    layer
        Of few entries of state: its steps are lifted to degree 2.
    statement
        Of its family.
    seed
        Of the inputs and of the values of symbols.
    """
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((1, LENGTH, layer.channels))
    scan = layer.scan(inputs)
    product, degree = ordered_product_error(scan)
    return Measured(
        kernel=kernel_error(statement, rng),
        bridge=bridge_error(type(layer), np.random.default_rng(seed)) if layer.family in BRIDGES else None,
        routes=max(
            relative_difference(layer(inputs, "closed"), layer(inputs, "recurrence")),
            relative_difference(scan.states("closed"), scan.states("recurrence")),
        ),
        product=product,
        product_degree=degree,
        layer_degree=measured_degree(layer, inputs),
    )


def certified_piece(name: str) -> Piece:
    """The Chebyshev fit of a pointwise function on [-4, 4] with its certified supremum error."""
    fit = fit_chebyshev(activation(name), -FIT_BOUND, FIT_BOUND, FIT_DEGREE)
    return Piece(name, fit.degree, fit.sup_error)


@cache
def standing_laws() -> Tally:
    """The verdicts on what real multipliers do to a kick, for any number of nodes: the same for every family."""
    return tally(standing_contents().certificates)


def selective_bound() -> float:
    """What polynomials of the gate of degree 16 on ±4 cost the states $A_n = -(n + 1)$, n < 4, in 12 steps."""
    gates = selective_polynomials(-FIT_BOUND, FIT_BOUND, FIT_DEGREE)
    return float(gates.error_bound(states=4, steps=LENGTH, drive=1.0).max())


def examine_all(
    families: Iterable[type[Family]], *, states: int = 2, steps: int = 3, say: Callable[[str], None] = lambda _: None
) -> tuple[FamilyFinding, ...]:
    """`examine` for each family, in order; `say` is told which one is next."""
    found = []
    for family in families:
        say(f"{family.family}: proving {states} states, {steps} steps")
        found.append(examine(family, states=states, steps=steps))
    return tuple(found)
