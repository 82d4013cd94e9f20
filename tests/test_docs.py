"""The documentation: its examples run, its commands are understood, and its reference names all that is public."""

import doctest
import importlib
import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest
import sympy as sp
import typer

import carleman_ssm
from carleman_ssm.book.notation import NOTATION
from carleman_ssm.formulas.evidence import Evidence
from carleman_ssm.formulas.verification import verify
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS
from carleman_ssm.proofs.representatives import REPRESENTATIVES
from carleman_ssm.proofs.scripts import load_script
from carleman_ssm.report.cli import app

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path for path in DOCS.glob("*.md") if path.name != "predict_and_steer.md")  # that one has its own tests
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(scope="module")
def extensions():
    """The modules that make the site; those under test need no Sphinx."""
    folder = str(DOCS / "_ext")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


def failures(text):
    """Examples of all blocks of a page, run as one session: how many fail, and what is said of them."""
    parser, found, words = doctest.DocTestParser(), [], []
    for block in BLOCK.finditer(text):
        for example in parser.get_examples(block[2]):
            example.lineno += text.count("\n", 0, block.start(2))
            found.append(example)
    runner = doctest.DocTestRunner(optionflags=OPTIONS, verbose=False)
    runner.run(doctest.DocTest(found, {}, "page", "page", 0, None), out=words.append)
    return runner.failures, "".join(words)


def test_there_are_pages():
    assert {"start", "derive", "explain", "steer", "notation", "truncation", "design"} <= {page.stem for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_true(page):
    failed, words = failures(page.read_text(encoding="utf-8"))
    assert failed == 0, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_python_is_an_example(page):
    text = page.read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert text.count("```python") == len(blocks)
    assert all(block.lstrip().startswith(">>> ") for _, block in blocks)


def test_a_false_example_would_be_seen():
    text = "x\n\n```python\n>>> 1 + 1\n2\n```\n- y\n  ```python\n  >>> 1 + 1\n  3\n  ```\n"
    assert failures(text)[0] == 1
    assert failures(text.replace("  3", "  2")) == (0, "")


def test_commands_of_the_pages_are_understood():
    commands = typer.main.get_command(app).commands
    lines = [
        line for page in PAGES for line in re.findall(r"^carleman-ssm (.*)$", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert len(lines) > 5
    for line in lines:
        name, *arguments = shlex.split(line)
        commands[name].make_context(name, arguments)  # parses, and runs nothing


def test_commands_named_in_sentences_exist():
    commands = typer.main.get_command(app).commands
    named = {name for page in PAGES for name in re.findall(r"`carleman-ssm (\w+)", page.read_text("utf-8"))}
    assert named
    assert named <= set(commands)


def test_every_public_name_stands_in_one_group_of_the_reference(extensions):
    groups = extensions("public_names").public_groups()
    listed = [name for group in groups for name in group.names]
    public = [name for name, value in vars(carleman_ssm).items() if name[0] != "_" and not inspect.ismodule(value)]
    assert sorted(listed) == sorted(public)
    assert all(group.names and group.heading for group in groups)


def test_every_room_of_the_table_of_contents_has_its_page(extensions):
    rooms = {group.room for group in extensions("public_names").public_groups()}
    index = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    for room in rooms:
        assert f".. public-names:: {room}\n" in (DOCS / "reference" / f"{room}.rst").read_text(encoding="utf-8")
        assert f"\n{room}\n" in index


def test_a_name_above_the_first_heading_is_refused(extensions):
    groups_of = extensions("public_names").groups_of
    text = "# room: heading\nfrom carleman_ssm.a import b as b\n"
    assert [group.names for group in groups_of(text)] == [("b",)]
    with pytest.raises(ValueError, match="b stands above the first heading"):
        groups_of("\n".join(reversed(text.splitlines())))


def test_links_of_the_pages_name_what_is_public(extensions):
    paths = extensions("public_names").public_paths()
    targets = [target for page in PAGES for target in re.findall(r"{py:obj}`[^`<]*<([^>]+)>`", page.read_text("utf-8"))]
    assert len(targets) > 15
    assert set(targets) <= set(paths)


CONVERTED = {
    r"the sum $\sum_n\n    a_n$, and $x$s": r"the sum :math:`\sum_n a_n`, and :math:`x`\ s",
    "see `verify`, `rows` and ``$raw``": "see :py:obj:`verify <carleman_ssm.verify>`, ``rows`` and ``$raw``",
    "|error| of x_ and y_i": r"\|error\| of x\_ and y_i",
    "derivations/03_rigid_waves; THEORY T12′.": ":doc:`derivations/03_rigid_waves </derivations/03_rigid_waves>`; "
    ":ref:`THEORY T12′ <theory-t12-prime>`.",
    "THEORY T9, T10.": ":ref:`THEORY T9 <theory-t9>`, :ref:`T10 <theory-t10>`.",
    "so that $$a = b,$$ and": "so that \n\n.. math::\n\n   a = b,\n\n and",
}


@pytest.mark.parametrize("text", CONVERTED)
def test_docstrings_become_restructured_text(text, extensions):
    lines = text.replace(r"\n    ", "\n    ").split("\n")
    assert "\n".join(extensions("docstrings").to_restructured(lines)) == CONVERTED[text]


def test_examples_in_docstrings_stay_as_they_are(extensions):
    lines = ["Fails::", "", ">>> print('$x$ `y` |z|')", "$x$ `y` |z|", "", "with $x$"]
    assert extensions("docstrings").to_restructured(lines) == ["Fails:", *lines[1:5], "with :math:`x`"]


def test_every_representative_of_a_public_name_is_under_it(extensions):
    """The key under which the reference looks for the forms of a name is that of the table."""
    qualified = extensions("closed_forms").qualified
    keys = {}
    for name, value in vars(carleman_ssm).items():
        keys[qualified(f"carleman_ssm.{name}")] = name
        if inspect.isclass(value):
            keys |= {qualified(f"carleman_ssm.{name}.{member}"): name for member in dir(value) if member[0] != "_"}
    public = {path.removeprefix("carleman_ssm.") for path in extensions("public_names").public_paths()}
    shown = {key for key in REPRESENTATIVES if key in public or key.rpartition(".")[0] in public}
    assert len(shown) > 50
    assert shown <= set(keys)


def test_a_formula_of_the_reference_is_printed_with_its_evidence(extensions):
    text = "\n".join(extensions("closed_forms").formula_lines("theory.waves.wave_propagator"))
    assert ".. math::" in text
    assert carleman_ssm.to_latex(carleman_ssm.wave_propagator().expression) in text
    assert ":doc:`03_rigid_waves </derivations/03_rigid_waves>`" in text
    assert text.count("Proved in general: ") == 1
    assert all(claim.name in text for claim in carleman_ssm.wave_propagator().certificates)


def test_the_page_of_a_derivation_shows_every_section_reason_and_verdict(extensions):
    name = "12_low_rank_steps"
    page, script = extensions("derivation_pages").derivation_page(name), load_script(name)
    assert page.startswith(f"# {script.title}\n")
    assert all(f"\n## {section.heading}\n" in page for section in script.sections if section.heading)
    assert all(" ".join(step.because.split()) in page for step in script.derivation.steps)
    assert page.count("{.evidence}") >= len(script.derivation.steps) + len(script.derivation.lemmas)
    assert page.count("$$") % 2 == 0
    assert all(verify(step).evidence is Evidence.PROVED for step in script.derivation.steps)


def test_the_table_of_notation_is_that_of_the_book(extensions):
    table = extensions("pages").notation_table()
    assert table.count("\n| ") == len(NOTATION)
    assert "<!-- generated: notation -->" in (DOCS / "notation.md").read_text(encoding="utf-8")


def test_statements_are_targets_and_scripts_are_links(extensions):
    text = "**T12′ (rank).** Text. *Proof:* `12_affine_collapse.py`."
    page = extensions("pages").statements_page(text)
    assert page == "(theory-t12-prime)=\n**T12′ (rank).** Text. *Proof:* [12_affine_collapse](12_affine_collapse.md)."


def test_citations_of_statements_are_links_where_there_is_such_a_statement(extensions):
    linked = extensions("pages").linked
    assert linked("see THEORY T12′.") == "see [THEORY T12′](#theory-t12-prime)."
    assert linked("see THEORY T99.") == "see THEORY T99."
    assert linked("THEORY T9, T99, T12.") == "[THEORY T9](#theory-t9), T99, [T12](#theory-t12)."


def test_annotations_are_shown_as_they_are_written(extensions):
    short = extensions("docstrings").shortened
    array = "~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float64]]"
    assert short(f"(x: {array} | None, n: int = 3)") == "(x: NDArray[~numpy.float64] | None, n: int = 3)"
    assert short("~collections.abc.Sequence[float] | TypeAliasForwardRef('Floats')").endswith("[float] | Floats")
    assert short("(hole: ~collections.abc.Mapping = <factory>)") == "(hole: ~collections.abc.Mapping = ...)"
    assert short("list[~carleman_ssm.theory.fits.ChebyshevFit]") == "list[~carleman_ssm.theory.fits.ChebyshevFit]"


def test_the_reference_covers_the_room_of_strategies_too(extensions):
    names = extensions("public_names").documented_names()
    assert {"carleman_ssm.verify", "carleman_ssm.testing.check"} <= set(names)
    assert len(set(names)) == len(names)
    paths = extensions("public_names").public_paths()
    assert paths["carleman_ssm.testing.check"] == "carleman_ssm.testing.check"
    assert "check" not in paths  # a bare word in a text is no strategy


def test_every_false_claim_has_its_section(extensions, monkeypatch):
    pages = extensions("pages")
    page = (DOCS / "false_claims.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- generated: (\w+) -->", page) == ["false_claims"]
    monkeypatch.setattr(pages, "_body", lambda claim: claim.why)  # the verdicts have tests of their own
    sections = pages.GENERATED["false_claims"]().split("\n## ")
    assert len(sections) == len(FALSE_CLAIMS)
    for section, claim in zip(sections, FALSE_CLAIMS, strict=True):
        assert section.removeprefix("## ").startswith(f"{claim.number}. {claim.claim}\n\n{claim.why}")


def test_a_certificate_that_fails_is_not_printed(extensions):
    x = sp.Symbol("x")
    wrong = carleman_ssm.ClosedForm(sp.Symbol("y"), x, (x,), certificates=(carleman_ssm.Identity(x, x + 1, name="no"),))
    with pytest.raises(ValueError, match="y is printed with certificates that do not hold: no"):
        extensions("closed_forms").certificates(wrong)


def test_closed_forms_that_cite_a_script_are_links_where_they_are_public(extensions):
    module = extensions("derivation_pages")
    names = ["theory.waves.wave_propagator", "theory.stack_lift.StackLift.step", "theory.waves.private"]
    assert module.with_citing(f"a {module.CITING} b", names) == (
        "a Closed forms that rest on this: {py:obj}`wave_propagator <carleman_ssm.wave_propagator>`, "
        "{py:obj}`StackLift.step <carleman_ssm.StackLift>`, `theory.waves.private`. b"
    )
    assert module.with_citing(f"a{module.CITING}b", []) == "ab"


def test_letters_of_one_meaning_stand_together(extensions):
    first, second, other = sp.symbols("q_1 q_2 r")
    notation = {first: "here: a query", second: "a query", other: "here a key", sp.Symbol("q_1", real=True): "a query"}
    rows = list(extensions("derivation_pages")._letters(notation))
    assert rows == ["$q_{1}$, $q_{2}$: a query", "$r$: a key"]
