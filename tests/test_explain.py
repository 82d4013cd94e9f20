"""`explain` end to end: what it writes, what it prints, and what it says about wrong input."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image

from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.networks.checkpoints import load_network, save_network
from carleman_ssm.networks.sequences import frequency_sequences
from carleman_ssm.operators.closed_forms import decimal, network_formula
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.printing.decimals import decimal_text
from carleman_ssm.report import explain
from carleman_ssm.report.cli import main
from carleman_ssm.report.directed import above, below, share_below
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.figures import first_order_figure
from carleman_ssm.report.formula_page import formula_lines, formula_logits, formula_of
from carleman_ssm.report.formula_text import lines, tex, text
from carleman_ssm.report.inputs import shipped_sequences

KEYS = {
    "n_sequences", "n_classes", "degree", "max_abs_error_vs_polynomial_simulation", "max_abs_error_vs_simulation",
    "certified_error", "certified_same_class", "agreement", "accuracy_simulation", "accuracy_operator",
    "accuracy_by_order", "accuracy_by_order_refit", "logits",
}  # fmt: skip


def run(*arguments):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["explain", *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


def read(folder):
    return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    return folder, run("--output", folder)


def test_without_arguments_a_real_network_is_explained(explained):
    folder, result = explained
    assert result.exit_code == 0, result.output
    report = read(folder)
    assert set(report) >= KEYS
    assert (report["n_sequences"], report["n_classes"]) == (450, 10)
    assert report["accuracy_simulation"] >= 0.97
    assert report["certified_same_class"] >= 0.99
    assert report["agreement"] == 1.0
    assert report["max_abs_error_vs_simulation"] <= max(report["certified_error"])
    assert report["max_abs_error_vs_polynomial_simulation"] < 1e-10
    assert len(report["accuracy_by_order"]) == len(report["accuracy_by_order_refit"]) == report["degree"] + 1
    assert report["accuracy_by_order"][-1] == report["accuracy_operator"]


def test_the_report_s_logits_are_those_of_the_operator(explained):
    folder, _ = explained
    report, network = read(folder), load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu")
    operator = network_operator(network, degree=report["degree"], sequences=sequences.x)
    np.testing.assert_allclose(report["logits"], operator(sequences.x), rtol=1e-12)
    assert np.mean(np.argmax(report["logits"], axis=1) == sequences.y) == report["accuracy_operator"]


def test_the_terminal_shows_each_section(explained):
    folder, result = explained
    for word in ("the network", "the operator", "agreement", "certified bound", "order", "files", "necessary"):
        assert word in result.output
    for name in ("report.json", "operator.tex", "orders.png"):
        assert name in result.output.replace("\n", "")
        assert (folder / name).stat().st_size > 0


def test_figures_are_pictures_with_something_on_them(explained):
    folder, _ = explained
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 5
    for path in pictures:
        assert image.imread(path).std() > 0.05


def test_latex_of_the_most_important_channel_is_balanced(explained):
    source = (explained[0] / "operator.tex").read_text(encoding="utf-8")
    assert source.count("{") == source.count("}")
    assert r"\begin{document}" in source
    assert r"\cos" in source


def test_the_page_sized_network_is_one_formula_that_classifies(tmp_path):
    result = run("frequencies", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    assert read(tmp_path)["accuracy_operator"] == 1.0
    page = (tmp_path / "formula.txt").read_text(encoding="utf-8")
    assert "accuracy of this formula, evaluated as printed, on 2000 sequences: 1.0000" in page
    assert page.splitlines()[0] in result.output  # the formula itself is printed
    assert (tmp_path / "formula.pdf").read_bytes().startswith(b"%PDF")
    assert image.imread(tmp_path / "formula.png").shape[0] > 1000


@pytest.fixture(scope="module")
def frequencies():
    sequences = frequency_sequences(60, seed=11)
    return network_operator(load_network("frequencies"), sequences=sequences.x), sequences


def test_the_printed_formula_is_the_network_up_to_its_digits(frequencies):
    operator, sequences = frequencies
    exact = operator(sequences.x)
    errors = []
    for digits in (4, 6, 8):
        formula = network_formula(operator.network, operator.form, operator.decoders, digits)
        errors.append(np.abs(formula_logits(formula, sequences.x) - exact).max() / np.abs(exact).max())
    assert errors[0] < 0.05
    assert errors[1] < errors[0] / 10
    assert errors[2] < errors[1] / 10


def test_a_formula_with_one_wrong_sign_does_not_classify(frequencies):
    operator, sequences = frequencies
    formula = formula_of(operator)
    good = formula_logits(formula, sequences.x).argmax(axis=1)
    assert (good == sequences.y).all()
    wrong = dict(formula.where)
    key = next(key for key in wrong if str(key) == "q_2")
    wrong[key] = -wrong[key]
    bad = formula_logits(type(formula)(formula.symbol, formula.expression, formula.arguments, wrong), sequences.x)
    assert (bad.argmax(axis=1) == sequences.y).mean() < 0.9


def test_every_number_of_the_formula_is_on_the_page(frequencies):
    operator, _ = frequencies
    formula = formula_of(operator)
    shown = "".join(left + right for _, group in formula_lines(formula, as_tex=False) for left, right in group)
    numbers = set().union(*(value.atoms(sp.Rational) for value in (*formula.where.values(), *formula.expression)))
    long = [number for number in numbers if number.q > 1 and number != sp.Rational(1, 64)]
    assert len(long) > 30
    for number in long:
        assert decimal_text(abs(number)) in shown


@pytest.mark.parametrize("name", ["digits-gelu", "digits-quadratic", "frequencies"])
def test_the_closed_form_of_a_channel_compiles_to_its_decoder_output(name):
    network, sequences = load_network(name), shipped_sequences(name).x[:5]
    operator = network_operator(network, sequences=sequences, degree=6 if name == "digits-gelu" else None)
    channel, last = operator.form.channels - 1, sequences.shape[1] - 1
    kernel = compile_kernel(operator.channel(channel, digits=17), backend="numpy")
    expected = operator.decoders(operator.preactivations(sequences))[:, last, channel]
    np.testing.assert_allclose(kernel(last, *np.moveaxis(sequences, -1, 0)), expected, rtol=1e-9, atol=1e-9)


def test_formulas_that_would_fill_a_book_are_refused():
    sequences = shipped_sequences("digits-quadratic").x[:2]
    operator = network_operator(load_network("digits-quadratic"), sequences=sequences)
    with pytest.raises(ValueError, match=r"print single channels with operator\.channel"):
        network_formula(operator.network, operator.form, operator.decoders)
    with pytest.raises(ValueError, match="there is no channel 16"):
        operator.channel(16)


def test_decimals_are_printed_in_full():
    x, k = sp.IndexedBase("x"), sp.Symbol("k")
    assert decimal(-0.00123456, 3) == sp.Rational(-123, 100000)
    assert decimal_text(sp.Rational(1, 3)) is None
    assert decimal_text(sp.Rational(-125, 100)) == "-1.25"
    assert text(sp.Rational(5, 2) * x[k] - sp.Rational(3, 10)) == "2.5 x[k] − 0.3"
    assert tex(sp.Rational(1, 10) * sp.Rational(99, 100) ** k) == r"0.1 \cdot 0.99^{k}"


def test_lines_keep_the_reading_order(frequencies):
    formula = formula_of(frequencies[0])
    found = lines(formula, as_tex=False)
    assert [left for left, _ in found][-4:] == ["ℓ₀", "ℓ₁", "ℓ₂", "ℓ₃"]
    assert len(found) == len(formula.where) + 4


def test_unlabelled_sequences_have_null_accuracies(tmp_path):
    sequences = shipped_sequences("digits-quadratic").x[:30]
    np.savez(tmp_path / "x.npz", x=sequences, y=np.zeros(0, dtype=int))
    result = run("digits-quadratic", "--inputs", tmp_path / "x.npz", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    report = read(tmp_path / "out")
    assert report["accuracy_operator"] is report["accuracy_simulation"] is None
    assert set(report["accuracy_by_order"]) == set(report["accuracy_by_order_refit"]) == {None}


def test_one_sequence_of_a_user_s_checkpoint(tmp_path):
    save_network(load_network("frequencies"), tmp_path / "mine.safetensors")
    fresh = frequency_sequences(1, seed=3)
    np.savez(tmp_path / "one.npz", x=fresh.x, y=fresh.y)
    result = run(tmp_path / "mine.safetensors", "--inputs", tmp_path / "one.npz", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert read(tmp_path / "out")["n_sequences"] == 1


def test_a_refitted_constant_predicts_one_class():
    """Order 0 of a polynomial network knows nothing of the input: refitted, it is one constant answer."""
    sequences = frequency_sequences(200, seed=4)
    shares = np.bincount(sequences.y[1::2], minlength=4) / 100
    for residual in (True, False):
        network = load_network("frequencies")
        network = replace(network, config=replace(network.config, residual=residual))
        operator = network_operator(network, sequences=sequences.x)
        explanation = Explanation("x", operator, sequences.x, sequences.y, False)
        assert explanation.accuracy_by_order_refit[0] in shares


@given(st.floats(1e-12, 1e12), st.integers(1, 8))
def test_printed_bounds_never_shrink_and_printed_shares_never_grow(value, digits):
    assert Decimal(below(value, digits)) <= Decimal(value) <= Decimal(above(value, digits))
    assert Decimal(below(-value, digits)) <= Decimal(-value) <= Decimal(above(-value, digits))
    share = min(value, 1.0)
    assert Decimal(share_below(share).removesuffix(" %")) <= Decimal(share) * 100


def test_an_input_bound_and_a_degree_are_taken(tmp_path):
    result = run("--degree", 4, "--input-bound", 1.5, "--output", tmp_path)
    assert result.exit_code == 0, result.output
    report = read(tmp_path)
    assert report["degree"] == 4
    assert report["domain"]["kind"] == "box"
    assert report["domain"]["input_bound"] == 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "nobody: no such file and no shipped network"),
        (["--degree", "99"], "degree must be between 0 and 64"),
        (["--input-bound", "0.25"], "more than input_bound = 0.25"),
        (["digits-quadratic", "--degree", "1"], "would truncate it"),
        (["--inputs", "missing.npz"], "missing.npz"),
        (["--output", __file__], "is a file; name a folder"),
        (["frequencies", "--inputs", "{wide}"], "x has 3 input channels, the network takes 1"),
        (["frequencies", "--inputs", "{labels}"], "y holds the label 9, the network has classes 0 to 3"),
        (["frequencies", "--inputs", "{nan}"], "NaN or infinity"),
        (["frequencies", "--inputs", "{noise}"], "npz"),
    ],
)
def test_wrong_input_is_one_clear_line_and_no_traceback(arguments, message, tmp_path):
    files = {name: tmp_path / f"{name}.npz" for name in ("wide", "labels", "nan", "noise")}
    np.savez(files["wide"], x=np.zeros((2, 5, 3)))
    np.savez(files["labels"], x=np.zeros((1, 5, 1)), y=np.array([9]))
    np.savez(files["nan"], x=np.full((1, 5, 1), np.nan))
    files["noise"].write_bytes(b"this is not an archive")
    result = run(
        *(argument.format(**files) for argument in arguments),
        *(["--output", tmp_path / "o"] if "--output" not in arguments else []),
    )
    assert result.exit_code == 2
    assert message in result.error
    assert result.error.startswith("carleman-ssm: ")
    assert result.error.count("\n") == 1
    assert result.output == ""
    assert not (tmp_path / "o").exists()  # nothing half-written


def test_signals_are_drawn_as_curves_and_rasters_as_pictures():
    """64 steps are a square number: only sequences that say so are images."""
    for name, raster in (("digits-quadratic", True), ("frequencies", False)):
        sequences = shipped_sequences(name)
        operator = network_operator(load_network(name), sequences=sequences.x[:20])
        explanation = Explanation(name, operator, sequences.x[:20], None, False, is_raster=raster)
        axes = [axis for axis in first_order_figure(explanation).axes if axis.get_title()]
        assert all(bool(axis.images) == raster for axis in axes)
        assert all(bool(axis.lines) != raster for axis in axes)
        assert (sequences.features == ("intensity",)) == raster


HOSTILE = "[b] $\\frac$ :rocket: [/red]"
"""A name that is markup and a formula, and not a good one: the names of files and classes are a user's."""


def test_names_are_printed_and_drawn_as_they_are(tmp_path):
    folder = tmp_path / HOSTILE  # also two folders, "… [" and "red]"
    folder.parent.mkdir()
    name = HOSTILE.split("/")[0]
    model, data = tmp_path / f"{name}.safetensors", tmp_path / "x.npz"
    save_network(load_network("frequencies"), model)
    fresh = frequency_sequences(12, seed=3)
    np.savez(data, x=fresh.x, y=fresh.y, classes=[f"{HOSTILE} {label}" for label in range(4)])
    result = run(model, "--inputs", data, "--output", folder)
    assert result.exit_code == 0, result.error
    assert f"the network: {name}" in result.output
    for path in folder.iterdir():
        assert f"\n  {path}\n" in result.output
    assert len(list(folder.iterdir())) == 12
    curves = Explanation(
        HOSTILE, network_operator(load_network("frequencies"), sequences=fresh.x), fresh.x, None, False
    )
    named = replace(curves, class_names=("$a$", "$b^_{$", "c", "$"))
    assert [axis.title._preprocess_math(axis.get_title()) for axis in first_order_figure(named).axes] == [
        ("$a$", False), ("$b^_{$", False), ("c", False), ("$", False)
    ]  # fmt: skip


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    def no_work(*arguments, **settings):
        pytest.fail("the work began")

    monkeypatch.setattr(explain, "network_operator", no_work)
    (tmp_path / "taken" / "report.json").mkdir(parents=True)
    for output in (tmp_path / "taken", "/proc/x"):
        result = run("--output", output)
        assert result.exit_code == 2
        assert result.error.startswith(f"carleman-ssm: --output {output}")
        assert "name another folder" in result.error
        assert result.output == ""
