"""What the report says of basis, centre, bound and names of networks, as they are."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.sequences import frequency_sequences
from carleman_ssm.networks.trained import DATASETS, DEEP
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report.cli import main
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.report.kinds import bound_sources
from carleman_ssm.report.operator_words import bound_blocks, how_chosen


def run(*arguments):
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(list(map(str, arguments)))
    return stopped.value.code, " ".join(output.getvalue().split()), error.getvalue()


@pytest.fixture(scope="module")
def fitted():
    sequences = shipped_sequences("digits-gelu")
    operator = network_operator(load_network("digits-gelu"), sequences=sequences.x[:40], degree=4)
    return Explanation("digits-gelu", operator, sequences.x[:40], sequences.y[:40], False, sequences.classes)


def test_a_least_squares_fit_and_the_mean_centre_are_called_so(tmp_path):
    given = ("explain", "digits-gelu", "--fit", "least_squares", "--degree", 4, "--output", tmp_path)
    code, output, error = run(*given, "--centre", "mean")
    formula = " ".join((tmp_path / "operator.tex").read_text(encoding="utf-8").split())
    assert (code, error) == (0, "")
    assert "least-squares fit per channel, degree 4" in output
    assert "Chebyshev fit" not in output
    assert "The least-squares fit (a series of Chebyshev polynomials, unrounded)" in formula
    assert "centre the mean of the sequences" in output
    assert json.loads((tmp_path / "report.json").read_text())["centre"] == "the mean of the sequences"


def test_the_centre_is_named_as_it_is(fitted):
    assert fitted.centre == "the zero input"
    mean = replace(fitted, operator=replace(fitted.operator, centre=fitted.sequences.mean(axis=0)))
    assert mean.centre == "the mean of the sequences"
    other = replace(fitted, operator=replace(fitted.operator, centre=fitted.sequences[0]))
    assert other.centre == "a given input"  # neither of the two


def test_shares_of_the_bound_of_one_layer_make_up_the_bound(fitted):
    """Both are rounded up, so their sum is at least the bound, by a few units in the last place alone."""
    shares, bound = bound_sources(fitted.operator), fitted.operator.certified_error
    total = sum(shares.values())
    assert list(shares) == ["fit of the activation", "rounding"]
    assert (total >= bound).all()
    np.testing.assert_allclose(total, bound, rtol=1e-12)
    (grid,) = bound_blocks(fitted)
    assert grid.rows[0][0] == "fit of the activation"  # of degree 4: far above float64's rounding


def test_an_exact_operator_has_a_bound_of_rounding_alone():
    operator = network_operator(load_network("frequencies"), sequences=frequency_sequences(4, seed=1).x)
    shares = bound_sources(operator)
    assert list(shares) == ["rounding"]
    assert (shares["rounding"] >= operator.certified_error).all()


def test_a_search_that_falls_short_says_what_was_not_reached(fitted):
    short = replace(fitted, degree_was_chosen=True)
    short.__dict__["certified_same_class"] = 0.5
    assert how_chosen(short) == ": the finest tried; certified classes for 99 % of the sequences were NOT reached"


def test_classes_that_are_numbers_are_called_classes(fitted):
    assert fitted.class_name(3) == "class 3"
    assert replace(fitted, class_names=()).class_name(3) == "class 3"
    assert replace(fitted, class_names=("Walking",)).class_name(0) == "Walking"


@pytest.mark.parametrize("arguments", [("explain", "--help"), ("waves", "--help"), ("explain", "no-such-network")])
def test_help_and_refusal_say_how_the_trained_networks_are_called(arguments):
    _, output, error = run(*arguments)
    text = output + error
    for name in ("digits-gelu", "OSULeaf-gelu-0", "DATASET-DECODER-SEED", *DATASETS, *DEEP):
        assert name in text
