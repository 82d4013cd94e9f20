"""`carleman-ssm verify`: what it prints and writes, its exit codes, and that nothing false passes it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from multiprocessing import active_children

import pytest
import sympy as sp
from rich.console import Console

from carleman_ssm.formulas.bounds import Bound
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.formulas.verification import verify as judge
from carleman_ssm.proofs import checks, ledger
from carleman_ssm.proofs.checks import check_all, check_plainly
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS
from carleman_ssm.proofs.ledger import Entry, evidence_words, reaches_claim, statements_of
from carleman_ssm.proofs.scripts import Script, Section, find_scripts, load_script
from carleman_ssm.report import verify as command
from carleman_ssm.report.cli import main

QUICK = "13_phase_products"
x = sp.Symbol("x", real=True)


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["verify", *arguments])
    return ended.value.code, capsys.readouterr()


def script_of(derivation, name="99_planted"):
    section = Section("Only section", "", derivation.steps, derivation.lemmas, derivation.chains)
    return Script(name, "Planted", (section,), derivation, {})


def planted_script(monkeypatch, derivation):
    """The command finds this derivation under the name of a quick one."""
    monkeypatch.setattr(ledger, "load_script", lambda name: script_of(derivation, name))
    monkeypatch.setattr(checks, "load_script", lambda name: script_of(derivation, name))
    monkeypatch.setattr(ledger, "representatives_of", lambda reference: ())
    monkeypatch.setattr(checks, "representatives_of", lambda reference: ())


TRUE = Derivation("Square", (x + 1) ** 2).step(x**2 + 2 * x + 1, because="binomial theorem")
FALSE = Derivation("Square", (x + 1) ** 2).step(x**2 + 1, because="a dropped binomial")


def test_a_derivation_that_stands_ends_with_0(capsys):
    code, said = run(QUICK, "--jobs", "1", capsys=capsys)
    assert code == 0
    assert "everything is as claimed" in said.out
    assert "FAILED" not in said.out
    assert QUICK in said.out


def test_a_false_step_ends_with_1_and_is_named(capsys, monkeypatch):
    planted_script(monkeypatch, FALSE)
    code, said = run(QUICK, "--jobs", "1", "--no-planted", capsys=capsys)
    assert code == 1
    assert f"{QUICK}, Only section: Square, step 1: refuted at x = " in said.out
    assert "NOT everything is as claimed" in said.out
    planted_script(monkeypatch, TRUE)
    assert run(QUICK, "--jobs", "1", capsys=capsys)[0] == 0


def test_evidence_below_the_claim_ends_with_1(capsys, monkeypatch):
    """Numbers agree on sin² + cos² written so that the normal form cannot tell; claimed as supported it passes."""
    gamma = Identity(sp.gamma(x**2 + 2), (x**2 + 1) * sp.gamma(x**2 + 1), name="of the gamma function")
    assert judge(gamma).evidence is Evidence.SUPPORTED
    for claims, expected in ((Evidence.PROVED, 1), (Evidence.SUPPORTED, 0)):
        planted_script(monkeypatch, TRUE.lemma(replace(gamma, claims=claims)))
        code, said = run(QUICK, "--jobs", "1", "--no-planted", "--verbose", capsys=capsys)
        assert code == expected
        assert "of the gamma function: supported at 30 digits" in said.out


def test_a_planted_error_that_is_not_refuted_ends_with_1(capsys, monkeypatch):
    planted_script(monkeypatch, TRUE)
    monkeypatch.setattr(ledger, "planted_errors", lambda statement: (("one added", statement),))  # no error at all
    code, said = run(QUICK, "--jobs", "1", capsys=capsys)
    assert code == 1
    assert "planted errors not refuted: one added" in said.out
    assert run(QUICK, "--jobs", "1", "--no-planted", capsys=capsys)[0] == 0


def test_a_certificate_that_is_not_stated_ends_with_1(capsys, monkeypatch):
    monkeypatch.setattr(checks, "underived_forms", lambda name: (("theory.waves.rigid_step", "wave equation"),))
    code, said = run(QUICK, "--jobs", "1", "--no-planted", capsys=capsys)
    assert code == 1
    assert "does not state a certificate of theory.waves.rigid_step: wave equation" in said.out


def test_a_script_that_cannot_be_run_ends_with_1_and_says_why(capsys, monkeypatch):
    def broken(name):
        msg = "no line of it"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(checks, "load_script", broken)
    code, said = run(QUICK, "--jobs", "1", capsys=capsys)
    assert code == 1
    assert f"{QUICK} cannot be checked: ZeroDivisionError: no line of it" in said.out


def test_a_claim_that_is_not_refuted_ends_with_1(monkeypatch):
    """Here what would follow from the first claim is what holds instead, and the other way round."""
    first = FALSE_CLAIMS[0]
    swapped = replace(first, build=lambda: first.build()[::-1])
    monkeypatch.setattr(checks, "FALSE_CLAIMS", (swapped,))
    monkeypatch.setattr(command, "find_scripts", lambda names: (QUICK,))
    screen = Console(file=StringIO(), width=200)
    assert not command.verify(planted=False, jobs=1, console=screen).as_claimed
    assert "claim 1, " in screen.file.getvalue()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["no_such_derivation"], "there are 0"),
        ([QUICK, ""], "there are 0"),
        ([QUICK, "--jobs", "0"], "--jobs must be at least 1"),
        ([QUICK, "--jobs", "many"], "integer"),
        ([QUICK, "--output", "."], "name a file"),
        ([QUICK, "--output", ""], "name a file"),
        ([QUICK, "--fast"], "--fast"),
    ],
    ids=["name", "empty name", "no process", "no number", "folder", "empty", "option"],
)
def test_wrong_requests_end_with_2_and_one_line(arguments, word, capsys):
    code, said = run(*arguments, capsys=capsys)
    assert code == 2
    assert word in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "check_all", None)  # no work is begun
    (tmp_path / "taken").write_text("a file, and no folder", encoding="utf-8")
    code, said = run(QUICK, "--output", str(tmp_path / "taken" / "found.json"), capsys=capsys)
    assert (code, said.out) == (2, "")
    assert "no files can be written there" in said.err


def test_the_file_holds_every_statement(tmp_path, capsys):
    target = tmp_path / "new" / "found.json"
    assert run(QUICK, "--jobs", "1", "--output", str(target), capsys=capsys)[0] == 0
    found = json.loads(target.read_text(encoding="utf-8"))
    assert (found["schema"], found["schema_version"]) == ("carleman-ssm verification", 1)
    assert found["as_claimed"] is True
    (script,) = found["derivations"]
    stated = statements_of(load_script(QUICK))
    assert [row["name"] for row in script["statements"]] == [statement.name for _, _, statement in stated]
    for row in script["statements"]:
        assert row["evidence"] == "proved"
        assert row["planted"] == row["refuted"] >= 1
    assert script["closed_forms"] == ["theory.phase_products.phase_product[2, 2]"]
    assert list(target.parent.iterdir()) == [target]  # nothing temporary is left


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "found.json"
    target.write_text("before", encoding="utf-8")

    def refuse(*_):
        msg = "the disk is full"
        raise OSError(msg)

    monkeypatch.setattr(command.Path, "replace", refuse)
    with pytest.raises(OSError, match="disk is full"):
        command.verify([QUICK], planted=False, jobs=1, output=target, console=Console(file=StringIO()))
    assert target.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_processes_find_what_one_process_finds(tmp_path):
    """The installed command, in processes of its own, on a narrow terminal."""
    names = ("12_low_rank_steps", QUICK)
    request = ["verify", *names, "--no-planted", "--jobs", "2", "--output", "found.json"]
    ended = subprocess.run(
        [sys.executable, "-m", "carleman_ssm", *request],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "80"},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["derivations"]
    assert tuple(script["name"] for script in found) == names
    for script in found:
        here = check_plainly(script["name"], planted=False)
        assert [row["words"] for row in script["statements"]] == [row.words for row in here.statements]
        assert tuple(script["closed_forms"]) == here.closed_forms


def test_processes_end_with_the_reader_of_their_results():
    """As after Ctrl-C: the others are not waited for."""
    found = check_all((QUICK, "15_closed_responses"), planted=False, jobs=2)
    assert next(found).as_claimed
    assert active_children()
    found.close()
    for worker in active_children():
        worker.join(timeout=20)
    assert not active_children()


def test_an_interrupt_is_told_in_one_line(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "check_all", interrupted)
    code, said = run(QUICK, capsys=capsys)
    assert (code, said.out, said.err) == (130, "", "carleman-ssm: interrupted\n")


def test_citations_and_files_are_names():
    assert find_scripts((f"derivations/{QUICK}", "derivations/03_rigid_waves.py")) == ("03_rigid_waves", QUICK)
    assert find_scripts() == find_scripts(("0", "1", "2"))


def test_work_needs_a_process():
    with pytest.raises(ValueError, match="at least one process"):
        next(check_all((QUICK,), jobs=0))


# --- the words of the ledger -----------------------------------------------------------------------------------------


def test_words_are_never_exchanged_for_one_another():
    square = Identity((x + 1) ** 2, x**2 + 2 * x + 1)
    verdict = judge(square)
    assert evidence_words(square, verdict) == "proved in general"
    assert evidence_words(replace(square, sizes="N = 3, P = 2"), verdict) == "proved for N = 3, P = 2"
    below = Bound(1 + x, sp.exp(x), {x: (0, 2)})
    assert evidence_words(below, judge(below)) == "certified on x in [0, 2]"
    wrong = Identity(x, x + 1)
    assert evidence_words(wrong, judge(wrong)).startswith("refuted at x = ")
    assert evidence_words(square, replace(verdict, evidence=Evidence.UNDECIDED)) == "undecided"


def test_only_what_is_claimed_as_supported_may_be_supported():
    square = Identity((x + 1) ** 2, x**2 + 2 * x + 1)
    verdict = judge(square)
    weaker = replace(verdict, evidence=Evidence.SUPPORTED, digits=30)
    assert reaches_claim(square, verdict)
    assert not reaches_claim(square, weaker)
    assert reaches_claim(replace(square, claims=Evidence.SUPPORTED), weaker)
    assert not reaches_claim(square, replace(verdict, evidence=Evidence.CERTIFIED))
    below = Bound(1 + x, sp.exp(x), {x: (0, 2)})
    assert reaches_claim(below, judge(below))
    assert not reaches_claim(below, weaker)


def test_an_entry_with_a_missed_error_is_not_as_claimed():
    square = Identity((x + 1) ** 2, x**2 + 2 * x + 1)
    entry = Entry("99", "", "lemma", square, judge(square), 0.0, planted=2, refuted=2)
    assert entry.as_claimed
    assert not replace(entry, refuted=1, missed=("one added",)).as_claimed


def test_statements_of_further_chains_are_listed_under_their_section():
    inner = Derivation("Cube", (x + 1) ** 3).step(sp.expand((x + 1) ** 3), because="binomial theorem")
    rows = statements_of(script_of(TRUE.chain(inner)))
    assert [(kind, statement.name) for _, kind, statement in rows] == [
        ("step", "Square, step 1"),
        ("conclusion", "Square"),
        ("step", "Cube, step 1"),
        ("conclusion", "Cube"),
    ]
    assert {section for section, _, _ in rows} == {"Only section"}
