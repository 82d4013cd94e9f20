"""Shapley values in the report: by which route, against all coalitions of the network, and what is not given."""

from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.interactions.indices import one_layer_indices
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report import shapley_section as module
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.report.shapley_section import shapley_content, shapley_section, step_shares
from tests.coalitions import all_coalitions, expected
from tests.test_dividends import two_layers
from tests.test_explain import read, run

DATA = Path(__file__).parent / "data"
ONE, DEEP = "digits64__L1_H16_N32_{}_linear_batch__s0", "digits64__L2_H16_N32_gelu_{}__s0"


def load(name, count=8):
    network = load_network(DATA / f"{name}.npz")
    return network, np.load(DATA / f"{name}.reference.npz")["x"][:count].astype(np.float64)


def by_definition(network, centre, sequence, players, classes):
    """Alone, Shapley values and Shapley–Taylor pairs of the margin by all coalitions of the simulation."""
    owner = np.arange(len(sequence)) // -(-len(sequence) // players)
    masks = (owner == np.arange(owner[-1] + 1)[:, None]).astype(float)[:, :, None]
    worth, _, _ = all_coalitions(network, centre, sequence, masks)
    target, rival = classes
    margins = (worth[:, [target]] - worth[:, [rival]]).copy()
    dividend, bits = margins.copy(), np.arange(len(margins))[:, None] >> np.arange(len(masks)) & 1
    for player in range(len(masks)):
        holds = bits[:, player] == 1
        dividend[holds] -= dividend[np.flatnonzero(holds) ^ (1 << player)]
    alone, values, pairs = expected(dividend, bits)
    return alone[:, 0], values[:, 0], pairs["shapley_taylor"]


def words(found):
    return " ".join(shapley_section(0, found).blocks[0].rows.values())


def assert_complete(found):
    scale = 1 + abs(found.margin) + np.abs(found.values).sum()
    assert abs(found.gap) < 1e-10 * scale
    assert abs(found.centre_margin + found.values.sum() - found.margin) < 1e-10 * scale
    if len(found.alone) == len(found.pairs):
        assert abs(found.centre_margin + found.alone.sum() + found.pairs.sum() / 2 - found.margin) < 1e-10 * scale


def test_one_layer_has_the_closed_form_of_every_step():
    network, inputs = load(ONE.format("poly2"))
    operator = network_operator(network, sequences=inputs)
    found = step_shares(operator, inputs[0], 3, 5)
    assert (len(found.values), len(found.pairs)) == (64, 64)
    assert "closed form of the network's polynomials" in found.route
    assert found.distance is None  # nothing is fitted
    assert_complete(found)
    grouped = by_definition(network, operator.centre, inputs[0], 8, (3, 5))[1]
    # At degree 2 a group's value is the sum of its steps': a step shares a pair inside the group with its partner.
    assert np.allclose(found.values.reshape(8, 8).sum(axis=1), grouped, rtol=0, atol=1e-9 * np.abs(grouped).max())


def test_values_of_a_fit_stand_beside_those_of_the_network_itself():
    network = load_network("digits-gelu")
    inputs = shipped_sequences("digits-gelu").x[:100]
    found = [
        step_shares(network_operator(network, sequences=inputs, degree=degree), inputs[0], 1, 2) for degree in (6, 12)
    ]
    assert all("closed form of the fitted polynomials" in shares.route for shares in found)
    assert found[1].distance < 1e-2 * found[0].distance
    assert f"{found[1].distance:.2g} logits (measured" in words(found[1])
    owner = np.arange(64) // 8
    operator = network_operator(network, sequences=inputs, degree=6)
    closed = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], owner)
    difference = closed.shapley_values()[:, 1] - closed.shapley_values()[:, 2]
    wanted = by_definition(network, operator.centre, inputs[0], 8, (1, 2))[1]
    assert found[0].distance == pytest.approx(np.abs(difference - wanted).max(), rel=1e-9)


def test_values_of_a_fit_far_from_those_of_the_network_are_not_given():
    """Fitted to few sequences: coalitions of their steps leave the intervals."""
    network, inputs = load(ONE.format("gelu"))
    found = step_shares(network_operator(network, sequences=inputs[:1], degree=12), inputs[0], 1, 2)
    assert "all 256 coalitions of 8 groups of steps, through the network itself" in found.route
    assert "off the sequences the fits miss the network" in words(found)
    assert found.distance is None
    assert_complete(found)


def test_a_fit_whose_closed_form_cancels_gives_the_network_itself_and_says_why():
    network, inputs = load(ONE.format("gelu"))
    operator = network_operator(network, sequences=inputs, degree=30)
    found = step_shares(operator, inputs[0], 1, 2)
    assert "all 256 coalitions of 8 groups" in found.route
    assert "lower degree" in found.route
    wanted = by_definition(network, operator.centre, inputs[0], 8, (1, 2))
    for values, other in zip((found.alone, found.values, found.pairs), wanted, strict=True):
        assert np.allclose(values, other, rtol=0, atol=1e-9 * np.abs(wanted[1]).max())
    assert_complete(found)


@pytest.mark.parametrize("name", ["glu_layer", "linear_batch"])
def test_a_deep_network_that_is_no_polynomial_takes_all_coalitions_of_eight_groups_of_the_network(name):
    network, inputs = load(DEEP.format(name), 2)
    operator = network_operator(network, sequences=inputs, degree=6)
    found = step_shares(operator, inputs[0], 1, 2)
    assert found.route == "all 256 coalitions of 8 groups of steps, through the network itself"
    wanted = by_definition(network, operator.centre, inputs[0], 8, (1, 2))
    for values, other in zip((found.alone, found.values, found.pairs), wanted, strict=True):
        assert np.allclose(values, other, rtol=0, atol=1e-9 * np.abs(wanted[1]).max())
    assert_complete(found)
    assert found.margin == pytest.approx(float(network(inputs[:1])[0] @ np.eye(10)[[1, 2]].T @ [1, -1]), rel=1e-12)


@pytest.mark.parametrize(("output", "groups"), [("linear", 9), ("glu", 9)])
def test_a_deep_polynomial_takes_coalitions_up_to_its_degree(output, groups):
    network = two_layers(output)
    sequence, centre = np.random.default_rng(5).uniform(-1, 1, (2, 9, 1))
    operator = network_operator(network, sequences=np.stack([sequence, centre]), centre=centre)
    found = step_shares(operator, sequence, 0, 1)
    assert f"coalitions of at most {min(operator.total_degree, 9)} of {groups} groups" in found.route
    wanted = by_definition(network, centre, sequence, groups, (0, 1))
    scale = 1 + max(np.abs(part).max() for part in wanted)
    for values, other in zip((found.alone, found.values, found.pairs), wanted, strict=True):
        assert np.abs(values - other).max() < 1e-9 * scale


def test_long_sequences_have_a_value_per_step_and_pairs_of_groups():
    name = "OSULeaf__L1_H16_N32_poly2_linear_batch__s0"
    network, inputs = load(name, 2)
    operator = network_operator(network, sequences=inputs)
    found = step_shares(operator, inputs[0], 0, 1)
    assert (len(found.values), len(found.pairs)) == (427, 61)
    assert_complete(found)
    joint = one_layer_indices(operator.form, operator.decoders, operator.centre, inputs[0], np.arange(427) // 7)
    alone = joint.mobius_values()[:, 0] - joint.mobius_values()[:, 1]
    whole = found.centre_margin + alone.sum() + found.pairs.sum() / 2
    assert whole == pytest.approx(found.margin, abs=1e-9 * (1 + np.abs(alone).sum()))


@pytest.mark.parametrize("length", [1, 2, 7, 9, 17, 64, 65, 427])
@pytest.mark.parametrize("most", [8, 11, 64])
def test_every_step_belongs_to_the_group_that_names_it(length, most):
    owner = module._groups(length, most)
    players = int(owner[-1]) + 1
    assert players <= most
    share = module.StepShares("", length, *np.zeros((3, 1)), 0.0, 0.0, 0.0, None)
    for player in range(players):
        steps = np.flatnonzero(owner == player)
        name = f"{steps[0]}" if len(steps) == 1 else f"{steps[0]}–{steps[-1]}"
        assert share.steps(player, players) == name


def test_many_groups_are_taken_only_where_their_coalitions_are_affordable():
    assert module._most_groups(64, 2) == 64
    assert module._most_groups(64, 4) == 16
    assert module._most_groups(10**6, 2) == module.FEW
    assert module._most_groups(5, 40) == module.FEW


def test_the_section_and_the_content_hold_one_row_per_group():
    network, inputs = load(DEEP.format("linear_batch"), 2)
    found = step_shares(network_operator(network, sequences=inputs, degree=6), inputs[0], 1, 2)
    section, content = shapley_section(7, found), shapley_content(found)
    assert section.title == "sequence 7: Shapley values"
    rows = section.blocks[1].rows
    assert len(rows) == 8
    assert {row[0] for row in rows} == {f"{first}–{first + 7}" for first in range(0, 64, 8)}
    sizes = [abs(float(row[2])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert content["steps_per_player"] == content["steps_per_group_of_pairs"] == 8
    assert len(content["mobius_values"]) == len(content["shapley_taylor_pairs"]) == 8


def test_one_step_has_a_value_and_no_pairs():
    network = two_layers("linear")
    sequences = np.array([[[0.7]], [[-0.4]]])
    operator = network_operator(network, sequences=sequences, centre=np.zeros((1, 1)))
    found = step_shares(operator, sequences[0], 0, 2)
    assert_complete(found)
    assert found.pairs.tolist() == [[0.0]]
    (row,) = shapley_section(0, found).blocks[1].rows
    assert row[0] == "0"
    assert row[3:] == ("", "")


def test_explain_prints_and_stores_them(tmp_path):
    result = run("digits-quadratic", "--index", 1, "--output", tmp_path)
    assert result.exit_code == 0, result.error
    found = read(tmp_path)["sequence"]
    shares = found["shapley"]
    assert "sequence 1: Shapley values" in result.output
    assert "sequence 1: Shapley values</h2>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    whole = shares["margin_of_the_centre"] + np.sum(shares["shapley_values"])
    assert whole == pytest.approx(found["margin"], abs=1e-9)
    # Second route: at degree 2 Shapley values are first order and the rows of the pairs of Taylor's remainder.
    wanted = np.sum(found["positions"], axis=1) + np.sum(found["pairs"], axis=1)
    assert np.allclose(shares["shapley_values"], wanted, rtol=0, atol=1e-9)
