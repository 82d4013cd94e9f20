"""Every derivation is run, every statement checked, planted errors refuted, each citation looked up in both ways."""

import dataclasses
import importlib
import inspect
import pkgutil
import runpy

import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm.families.registry import ENTRIES
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.proofs.ledger import check_script, not_derived, statements_of
from carleman_ssm.proofs.representatives import REPRESENTATIVES, representative, representatives_of
from carleman_ssm.proofs.scripts import derivation_folder, load_script, script_names
from tests.test_architecture import ROOMS as ALL_ROOMS

NAMES = script_names()
each_script = pytest.mark.parametrize("name", NAMES)


def test_there_are_derivations():
    assert len(NAMES) >= 24


@each_script
def test_every_statement_is_as_claimed(name):
    """They are challenged with planted errors in `test_planted` and by `carleman-ssm verify`."""
    entries = check_script(name)
    assert len(entries) >= 3
    assert [(entry.section, entry.statement.name, entry.words) for entry in entries if not entry.as_claimed] == []


def all_chains(derivation):
    yield derivation
    for chain in derivation.chains:
        yield from all_chains(chain)


@each_script
def test_steps_are_links_of_one_chain_and_have_reasons(name):
    for chain in all_chains(load_script(name).derivation):
        previous = chain.start
        for step in chain.steps:
            assert step.left == previous
            assert step.left != step.right, f"{step.name} says that a thing is itself"
            assert step.because
            previous = step.right
        assert (chain.conclusion.left, chain.conclusion.right) == (chain.start, previous)


@each_script
def test_sections_hold_all_that_is_derived_and_the_script_is_short(name):
    script = load_script(name)
    for part in ("steps", "lemmas", "chains"):
        found = tuple(item for section in script.sections for item in getattr(section, part))
        assert found == getattr(script.derivation, part), part
    assert {row[2] for row in statements_of(script)} == set(script.derivation.statements)
    assert script.title
    assert "[THEORY " in script.sections[0].prose
    lines = (derivation_folder() / f"{name}.py").read_text(encoding="utf-8").count("\n")
    assert lines <= 160


@each_script
def test_what_a_script_prints_is_its_derivation_and_importing_it_prints_nothing(name, capsys):
    derivation = load_script.__wrapped__(name).derivation  # not the cached one: run it now
    assert capsys.readouterr().out == ""
    runpy.run_path(str(derivation_folder() / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.strip() == to_latex(derivation).strip()
    assert printed.count("{") == printed.count("}")
    assert printed.count(r"\begin{") == printed.count(r"\end{")


# --- citations: rule 7 of CONTRIBUTING.md ----------------------------------------------------------------------------

ROOMS = ALL_ROOMS[ALL_ROOMS.index("theory") : ALL_ROOMS.index("proofs")]


def returns_closed_form(function):
    return inspect.isfunction(function) and "ClosedForm" in str(inspect.signature(function).return_annotation)


def members(value):
    """Name and function of what a class defines: methods, properties and cached properties."""
    for attribute, member in inspect.getmembers_static(value):
        function = getattr(member, "fget", None) or getattr(member, "func", None)
        yield attribute, function or getattr(member, "__func__", member)


def public_closed_forms():
    """Every public function, method and property of the rooms that says it returns a closed form."""
    for room in ROOMS:
        package = importlib.import_module(f"carleman_ssm.{room}")
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            for name, value in vars(module).items():
                if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                    continue
                if returns_closed_form(value):
                    yield f"{room}.{info.name}.{name}"
                for attribute, function in members(value) if inspect.isclass(value) else ():
                    if not attribute.startswith("_") and returns_closed_form(function):
                        yield f"{room}.{info.name}.{name}.{attribute}"


def test_every_public_closed_form_has_a_representative():
    found = set(public_closed_forms())
    assert (found - set(REPRESENTATIVES), set(REPRESENTATIVES) - found) == (set(), set())


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_every_certificate_is_stated_by_the_cited_derivation(name):
    for label in REPRESENTATIVES[name]:
        form = representative(name, label)
        assert form.certificates, label
        assert [missing.name for missing in not_derived(form)] == [], label


def test_the_output_of_every_family_has_a_representative():
    """A statement is a record that holds a closed form: its builders are not among the functions above."""
    builders = set()
    for info in pkgutil.iter_modules(importlib.import_module("carleman_ssm.recurrences").__path__):
        module = importlib.import_module(f"carleman_ssm.recurrences.{info.name}")
        for name, value in vars(module).items():
            own = inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
            if own and "FamilyStatement" in str(inspect.signature(value).return_annotation):
                builders.add(name.removesuffix("_statement").replace("_", "-"))
    assert builders == set(ENTRIES) == set(REPRESENTATIVES["recurrences.statement.read_output"])


def test_every_derivation_is_cited_by_a_closed_form():
    assert [name for name in NAMES if not representatives_of(f"derivations/{name}")] == []


def test_a_form_without_its_derivation_would_be_seen():
    form = cs.wave_propagator()
    first, *rest = form.certificates
    falsified = cs.Identity(first.left, 2 * first.right, name="doubled")
    (missing,) = not_derived(dataclasses.replace(form, certificates=(falsified, *rest)))
    assert missing.name == "doubled"
    for reference in ("", "THEORY T3", "derivations/02_s4d_lin_couplings", "derivations/no_such_file"):
        assert not_derived(dataclasses.replace(form, reference=reference)) == form.certificates


def test_a_representative_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="instances are '1', '2'"):
        representative("theory.collapse.forward_operator", "no such instance")
    with pytest.raises(ValueError, match="instances are none"):
        representative("theory.collapse.no_such_form", "1")


def test_a_derivation_whose_statement_is_false_would_be_seen():
    x = sp.Symbol("x")
    wrong = cs.Derivation("Square", (x + 1) ** 2).step(x**2 + 1, because="a dropped binomial")
    assert [cs.verify(statement).evidence for statement in wrong.statements] == 2 * [cs.Evidence.REFUTED]
