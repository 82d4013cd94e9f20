"""Claims that sound true: what would follow is refuted with a witness, what holds instead stands."""

import re
from dataclasses import replace

import pytest
import sympy as sp

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS, claim_prose
from carleman_ssm.proofs.ledger import reaches_claim
from carleman_ssm.proofs.scripts import derivation_folder, script_names

pytestmark = pytest.mark.symbolic
each_claim = pytest.mark.parametrize("claim", FALSE_CLAIMS, ids=lambda claim: str(claim.number))
THEORY = (derivation_folder() / "THEORY.md").read_text(encoding="utf-8")


def test_claims_are_numbered_without_gaps():
    assert [claim.number for claim in FALSE_CLAIMS] == list(range(1, 15))


@each_claim
def test_what_would_follow_is_refuted_and_what_holds_stands(claim):
    refuted, held = claim.verdicts
    assert refuted.evidence is Evidence.REFUTED
    assert refuted.witness is not None
    assert reaches_claim(claim.holds, held), str(held)


@each_claim
def test_the_witness_really_refutes(claim):
    """Put into both sides, with SymPy's own numbers and not with what found it."""
    statement, witness = claim.statement, claim.verdicts[0].witness
    sequences = {key: value for key, value in witness.items() if isinstance(key, sp.Indexed)}
    sides = [
        side.doit().xreplace(sequences).subs({key: value for key, value in witness.items() if key not in sequences})
        for side in (statement.left, statement.right)
    ]
    left, right = (sp.N(side.doit(), 30) for side in sides)
    assert left.is_number
    assert right.is_number
    assert left > right if isinstance(statement, Bound) else abs(left - right) > sp.Rational(1, 10**6)


@each_claim
def test_references_are_those_of_the_repository(claim):
    listed = set(re.findall(r"^\*\*(T\d+)", THEORY, re.M))
    assert set(claim.numbered.split(", ")) <= listed
    assert set(claim.scripts) <= set(script_names())


@each_claim
def test_the_prose_says_claim_witness_and_evidence(claim):
    prose = claim_prose(claim)
    assert prose.startswith(f"**{claim.number}. {claim.claim}**")
    assert claim.why in prose
    assert claim.instead in prose
    assert "\nRefuted" in prose
    assert re.search(r"This is (proved|certified)", prose)
    assert prose.count("$$") == 4


@each_claim
def test_a_claim_that_is_true_would_be_seen(claim):
    """With both statements exchanged nothing is refuted, and nothing stands."""
    refuted, held = replace(claim, build=lambda: claim.build()[::-1]).verdicts
    assert refuted.evidence is not Evidence.REFUTED
    assert not reaches_claim(claim.statement, held)


def test_figures_of_the_prose_are_those_of_the_formulas():
    multiplier = -sp.Rational(1, 2) + 63 * sp.pi * sp.I
    step = sp.Rational(1, 20)
    bilinear = sp.Abs((1 + multiplier * step / 2) / (1 - multiplier * step / 2))
    (claim,) = [claim for claim in FALSE_CLAIMS if claim.number == 12]
    assert f"{float(bilinear):.4f}"[1:] in claim.why
    assert f"{float(sp.exp(-step / 2)):.4f}"[1:] in claim.why
