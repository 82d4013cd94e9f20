"""The table of conventions: one row for each dialect, told apart by keys and shapes alone."""

import itertools

import pytest

from carleman_ssm.families.conventions import CONVENTIONS, REFUSED, convention

ROWS = tuple(CONVENTIONS.values())


def test_rows_are_filed_under_their_names():
    assert all(name == row.dialect for name, row in CONVENTIONS.items())
    assert len(CONVENTIONS) >= 17


def test_no_layer_of_one_dialect_has_all_it_needs_of_another_except_the_bare_attention():
    """The least layer of a dialect is also one of another only where nothing but four projections is there."""
    alike = set()
    for one, other in itertools.permutations(ROWS, 2):
        fits = other.marks <= one.marks <= other.keys
        if fits and not any(key in other.axes and other.axes[key] != axes for key, axes in one.axes.items()):
            alike.add(frozenset((one.dialect, other.dialect)))
    assert alike == {frozenset(("fla-linear-attention", "fla-retnet"))}


def test_marks_choices_and_options_are_apart():
    for row in ROWS:
        assert row.marks
        assert not row.marks & row.choices
        assert not row.optional & (row.marks | row.choices), row.dialect
        assert not any(key.partition(".")[0] in row.beside for key in row.keys)
        assert set(row.axes) <= row.keys


def test_words_are_those_of_the_documentation():
    rules = {"zoh", "bilinear", "euler", "discrete", "dss", "none"}
    for row in ROWS:
        assert set(row.input_rule.split(" or ")) <= rules
        assert row.activation in {"gelu (erf)", "gelu (tanh)", "silu", "none"}
        assert (row.imaginary == "none") == (row.pairs == "real")
        assert 0 < row.norm_eps < 1e-3


@pytest.mark.parametrize(
    ("dialect", "entries"),
    [
        # The differences that no shape shows, each read from the source named in the row.
        ("s4d", {"imaginary": "+", "pairs": "2 Re", "activation": "gelu (erf)", "input_rule": "zoh"}),
        ("s4-block", {"imaginary": "-", "pairs": "2 Re"}),
        ("annotated-s4", {"pairs": "1 Re", "activation": "gelu (tanh)", "norm_eps": 1e-6}),
        ("minimal-lru", {"pairs": "1 Re", "input_rule": "discrete", "dense_layout": "in, out"}),
        ("s5", {"pairs": "2 Re", "activation": "gelu (tanh)", "dense_layout": "in, out"}),
        ("mamba", {"input_rule": "euler", "pairs": "real"}),
    ],
)
def test_traps_are_in_the_table(dialect, entries):
    row = convention(dialect)
    assert {name: getattr(row, name) for name in entries} == entries


def test_refused_layouts_have_a_remedy_and_no_dialect_is_among_them():
    for layout in REFUSED:
        assert layout.remedy
        for row in ROWS:
            last = {key.rpartition(".")[2] for key in row.keys}
            assert not layout.marks <= last or row.dialect in layout.remedy or row.family in layout.remedy.lower()


def test_unknown_dialects_are_answered_with_the_list():
    with pytest.raises(ValueError, match="known are s4d, s4-block"):
        convention("lrnnx-s5")
