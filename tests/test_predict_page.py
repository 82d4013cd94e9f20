"""The page of the forward and backward questions: its examples run, and its table and commands name what there is."""

import doctest
import importlib
import pkgutil
import re
import shlex
from inspect import isfunction
from pathlib import Path

import pytest
import typer

import carleman_ssm
import carleman_ssm.predictions
import carleman_ssm.robustness
import carleman_ssm.steering
from carleman_ssm.report.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "predict_and_steer.md"
ROOMS = (carleman_ssm.predictions, carleman_ssm.robustness, carleman_ssm.steering)
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
KINDS = {"exact", "certified", "global", "local", "measured", "limit"}


@pytest.fixture(scope="module")
def page():
    text = PAGE.read_text(encoding="utf-8")
    assert text.strip()
    return text


def examples(text):
    """All Python blocks as one session, each with the line on which it stands."""
    parser, found = doctest.DocTestParser(), []
    for block in re.finditer(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, block.start(1))
        for example in parser.get_examples(block[1]):
            example.lineno += first
            found.append(example)
    return found


def failures(session):
    """Number of examples that fail, and what is said about them."""
    words = []
    test = doctest.DocTest(session, {}, PAGE.name, str(PAGE), 0, None)
    failed = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS).run(test, out=words.append).failed
    return failed, "".join(words)


def rows(text):
    """Names and kind of every row of the table."""
    table = text.split("| name | kind |", 1)[1].split("\n\n", 1)[0]
    return [
        (re.findall(r"`(\w+)`", cells[1]), cells[2].strip())
        for cells in (line.split("|") for line in table.splitlines()[2:])
    ]


def public_in_the_rooms():
    """What the modules of both rooms define, by name."""
    found = {}
    for room in ROOMS:
        for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
            found.update(vars(importlib.import_module(module.name)))
    return found


def test_the_examples_of_the_page_are_true(page):
    session = examples(page)
    assert len(session) > 40
    failed, words = failures(session)
    assert failed == 0, words


def test_every_block_of_python_is_an_example(page):
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    assert page.count("```python") == len(blocks)
    assert all(block.startswith(">>> ") for block in blocks)


def test_a_false_example_would_be_seen():
    text = "x\n\n```python\n>>> round(0.25 + 0.5, 2)\n0.75\n```\n\n```python\n>>> 1 + 1\n3\n```\n"
    failed, words = failures(examples(text))
    assert failed == 1
    assert "line 9" in words
    assert failures(examples(text.replace("\n3\n", "\n2\n"))) == (0, "")


def test_the_table_names_functions_that_exist(page):
    known = public_in_the_rooms()
    table = rows(page)
    assert len(table) > 15
    for names, kind in table:
        assert names, kind
        assert all(isfunction(known.get(name)) for name in names), names
        assert set(re.findall(r"\w+", kind)) & KINDS, kind


def test_every_public_function_of_both_rooms_is_in_the_table(page):
    named = {name for names, _ in rows(page) for name in names}
    public = {
        name
        for name, value in vars(carleman_ssm).items()
        if isfunction(value) and value.__module__.startswith(tuple(room.__name__ + "." for room in ROOMS))
    }
    assert len(public) > 5
    assert public <= named, f"docs/predict_and_steer.md says nothing about {sorted(public - named)}"


def test_the_commands_of_the_page_are_understood(page):
    lines = re.findall(r"^carleman-ssm (.*)$", page, flags=re.MULTILINE)
    commands = typer.main.get_command(app).commands
    assert {line.split()[0] for line in lines} == {"predict", "steer"}
    for line in lines:
        name, *arguments = shlex.split(line)
        commands[name].make_context(name, arguments)  # parses, and runs nothing
