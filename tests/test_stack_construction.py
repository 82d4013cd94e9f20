"""Operators of any network: what is chosen, that it can be overruled, that its bound holds, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.bases import basis_name
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.domain import checked_domain
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError
from carleman_ssm.operators.polynomial_simulation import simulate_with_decoders
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.operators.stack_fits import FitChoice, visited_inputs
from carleman_ssm.operators.stack_operator import StackOperator
from tests.strategies_networks import moderate_network

DATA = Path(__file__).parent / "data"
DEEP = ("digits64__L2_H16_N32_gelu_glu_layer__s0", "digits64__L2_H16_N32_gelu_linear_batch__s0")


def sequences(batch=6, length=12, features=1, seed=3):
    return np.random.default_rng(seed).normal(size=(batch, length, features))


def reference(name):
    return load_network(DATA / f"{name}.npz"), np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)


def gap(operator, network, inputs):
    """Largest |operator − network| over the certified error; the simulation may round by 1e-11 of the logits."""
    logits = network(inputs)
    distance = np.abs(operator(inputs) - logits) - 1e-11 * np.abs(logits)
    return float((distance / operator.certificate.per_sequence).max())


@given(
    layers=st.integers(1, 3),
    output=st.sampled_from(("none", "linear", "glu")),
    norm=st.sampled_from(("none", "batch", "layer", "rms")),
    activation=st.sampled_from(("gelu", "gelu_tanh", "silu", "poly")),
    gate=st.sampled_from(("sigmoid", "identity")),
    prenorm=st.booleans(),
    pool=st.sampled_from(("mean", "last")),
    seed=st.integers(0, 50),
)
@example(layers=1, output="glu", norm="batch", activation="poly", gate="sigmoid", prenorm=False, pool="last", seed=3)
@example(layers=3, output="glu", norm="none", activation="poly", gate="sigmoid", prenorm=True, pool="mean", seed=3)
def test_operator_of_any_network_keeps_its_bound_and_equals_its_witness(layers, output, norm, gate, **entries):
    seed, entries["gate"] = entries.pop("seed"), gate if output == "glu" else "sigmoid"
    network = moderate_network(layers, channels=3, seed=seed, output=output, norm=norm, **entries)
    inputs = sequences(3, 7, seed=seed)
    request = {"tolerance": 1e-3}
    if entries["activation"] == "poly" and (output != "glu" or gate == "identity"):
        request = {}
    try:
        operator = network_operator(network, sequences=inputs, form="stack", **request)
    except ValueError as refusal:  # squares of squares may leave every interval on which a fit means anything
        assume("is fitted): no fit of reasonable size" not in str(refusal))
        raise
    assert isinstance(operator, StackOperator)
    assert gap(operator, network, inputs) <= 1
    witness = simulate_with_decoders(network, operator.decoders, inputs)
    difference = np.abs(operator(inputs) - witness).max(axis=1)
    # Cosines on wide intervals have large coefficients that cancel: only the certificate knows their roundings.
    cancels = any(record.basis == "cosine" for record in operator.bases)
    allowed = operator.certificate.per_sequence.max(axis=1) if cancels else 1e-9 * max(1.0, np.abs(witness).max())
    assert (difference <= allowed).all()
    assert operator.exact == (request == {})


@pytest.mark.parametrize("name", DEEP)
def test_two_layer_reference_networks_are_decoded_within_a_certified_millionth_fit(name):
    network, inputs = reference(name)
    operator = network_operator(network, sequences=inputs, tolerance=1e-6)
    assert gap(operator, network, inputs) <= 1
    assert operator.certified_error.max() < 1e-2
    assert all(record.fit_error.max() <= 1e-6 for record in operator.bases)
    roles = ["activation", "gate"] * 2 if "glu" in name else ["activation"] * 2
    assert [record.role for record in operator.bases] == roles


@pytest.mark.parametrize("name", DEEP)
def test_the_search_ends_where_the_bound_leaves_the_classes_alone(name):
    network, inputs = reference(name)
    lines = []
    operator = network_operator(network, sequences=inputs, progress=lines.append)
    assert operator.certified_classes(inputs).mean() >= 0.99
    assert "class certified for 100.0 %" in lines[-1]
    assert (operator(inputs).argmax(axis=1) == network(inputs).argmax(axis=1)).all()


def test_a_search_by_a_probe_certifies_all_sequences():
    network, inputs = moderate_network(2, output="linear", activation="gelu"), sequences(150, 6)
    lines = []
    operator = network_operator(network, sequences=inputs, progress=lines.append)
    assert operator.certificate.per_sequence.shape == (150, 3)
    assert "% of 50 sequences" in lines[0]
    assert "% of 150 sequences" in lines[-1] or "finer fits do not bring" in lines[-1]
    assert gap(operator, network, inputs) <= 1


def test_a_search_that_cannot_certify_says_so_and_where_it_starts():
    network = moderate_network(2, output="linear", activation="gelu")
    twins = replace(network, decoder_weight=network.decoder_weight[[0, 0, 1]], decoder_bias=np.array([5.0, 5.0, 0.0]))
    lines = []
    operator = network_operator(twins, sequences=sequences(), progress=lines.append)
    assert not operator.certified_classes(sequences()).any()  # two logits are equal: no bound tells them apart
    assert "finer fits do not bring" in lines[-1]
    assert lines[-1].endswith(operator.certificate.dominant)


def test_one_layer_asked_for_as_a_stack_is_within_both_bounds_of_the_one_layer_form():
    network, inputs = reference("digits64__L1_H16_N32_gelu_linear_batch__s0")
    one, stack = (network_operator(network, sequences=inputs, degree=20, form=form) for form in ("auto", "stack"))
    assert isinstance(one, OneLayerOperator)
    assert isinstance(stack, StackOperator)
    distance = np.abs(one(inputs) - stack(inputs))
    assert (distance <= one.certified_error + stack.certified_error).all()
    assert gap(stack, network, inputs) <= 1


def test_a_polynomial_stack_is_exact_as_it_is():
    network, inputs = reference("digits64__L2_H16_N32_poly3_linear_batch__s0")
    operator = network_operator(network, sequences=inputs)
    assert operator.exact
    assert operator.total_degree == 9
    assert [str(record) for record in operator.bases] == [
        f"layer {index} activation: exact polynomial of degree 3" for index in (0, 1)
    ]
    assert np.abs(operator(inputs) - network(inputs)).max() <= 1e-11
    for request in ({"degree": 3}, {"tolerance": 1e-3}, {"bases": {(0, "activation"): ("cosine", 3)}}):
        with pytest.raises(ValueError, match="exact at its own degree"):
            network_operator(network, sequences=inputs, **request)


def test_what_is_set_by_hand_is_what_is_built():
    network = moderate_network(2, output="glu", activation="gelu")
    inputs = sequences()
    chosen = {(0, "gate"): ("cosine", 7), (1, "activation"): ("least_squares", 9)}
    operator = network_operator(network, sequences=inputs, tolerance=1e-2, fit="chebyshev", bases=chosen)
    assert [(record.basis, record.terms) for record in operator.bases][1:3] == [("cosine", 7), ("least_squares", 9)]
    assert operator.bases[0].basis == operator.bases[3].basis == "chebyshev"
    assert gap(operator, network, inputs) <= 1
    for fit in ("chebyshev", "least_squares", "cosine"):
        asked = network_operator(network, sequences=inputs, degree=8, fit=fit)
        assert {(record.basis, record.terms) for record in asked.bases} == {(fit, 8)}
        assert gap(asked, network, inputs) <= 1


def test_monomials_at_zero_serve_small_inputs_only():
    network = moderate_network(2, output="linear", activation="gelu")
    small = 0.02 * sequences()
    assert gap(network_operator(network, sequences=small, degree=24, fit="taylor"), network, small) <= 1
    near = network_operator(network, sequences=small, degree=12, fit="taylor")
    far = network_operator(network, sequences=100 * small, degree=12, fit="taylor")
    assert max(record.fit_error.max() for record in far.bases) > 100 * max(r.fit_error.max() for r in near.bases)


def wide_network(factor):
    """Without norms, the second layer sees what the first sends, however large."""
    network = moderate_network(2, output="linear", activation="gelu", seed=5)
    return replace(network, encoder_weight=factor * network.encoder_weight)


def test_wide_intervals_of_a_second_layer_get_phases_of_fewer_terms():
    network, inputs = wide_network(20.0), sequences(20, 32)
    operator = network_operator(network, sequences=inputs, tolerance=1e-3)
    second = operator.bases[1]
    reach = max(np.abs(second.lower).max(), second.upper.max())
    assert reach > 60
    assert second.basis == "cosine"
    assert second.fit_error.max() <= 1e-3
    assert gap(operator, network, inputs) <= 1
    polynomial = network_operator(network, sequences=inputs, tolerance=1e-3, fit="chebyshev").bases[1]
    assert polynomial.terms >= 2 * second.terms  # hundreds against tens


def test_a_sequence_that_leaves_an_interval_is_refused_with_layer_step_and_channel():
    network, inputs = wide_network(1.0), sequences()
    operator = network_operator(network, sequences=inputs, tolerance=1e-3)
    with pytest.raises(DomainError, match=r"leaves the certified interval of layer \d, channel \d at step"):
        operator(10 * inputs)


def test_the_way_from_the_centre_to_a_sequence_stays_inside():
    network, inputs = wide_network(1.0), sequences()
    operator = network_operator(network, sequences=inputs, tolerance=1e-3, centre="mean")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        operator(operator.centre + share * (inputs - operator.centre))
    operator(np.zeros_like(inputs))


def test_visited_inputs_hold_sequences_centre_zero_and_points_between():
    inputs = sequences(300, 4)
    blocks = visited_inputs(checked_domain(1, None, inputs, None, "mean"))
    assert np.array_equal(blocks[0], inputs)
    assert np.array_equal(blocks[-1][0], inputs.mean(axis=0))
    assert not blocks[-1][1].any()
    assert np.allclose(blocks[2][0], (inputs[0] + inputs.mean(axis=0)) / 2)


@given(st.integers(0, 20), st.sampled_from(("linear", "glu")), st.sampled_from(("none", "batch")))
def test_a_box_operator_keeps_its_bound_at_the_corners_of_the_box(seed, output, norm):
    network = moderate_network(2, channels=2, output=output, norm=norm, activation="gelu", seed=seed)
    bound, generator = 0.05, np.random.default_rng(seed)
    operator = network_operator(network, input_bound=bound, length=5, tolerance=1e-4)
    inputs = bound * np.concatenate([generator.choice([-1.0, 1.0], size=(8, 5, 1)), np.zeros((1, 5, 1))])
    assert (np.abs(operator(inputs) - network(inputs)) <= operator.certified_error).all()
    with pytest.raises(DomainError, match="larger input_bound"):
        operator(np.full((1, 5, 1), 2 * bound))


def test_a_box_beyond_reach_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="Give sequences without an input_bound"):
        network_operator(wide_network(1.0), input_bound=1e7, length=20, degree=8)


def test_a_shared_fit_has_one_interval_and_a_larger_error():
    network, inputs = wide_network(3.0), sequences()
    each, shared = (
        network_operator(network, sequences=inputs, degree=10, shared_fit=shared).bases for shared in (False, True)
    )
    assert len(set(shared[1].lower.tolist())) == 1 < len(set(each[1].lower.tolist()))
    assert shared[1].fit_error.max() >= 0.9 * each[1].fit_error.max()
    assert shared[1].fit_error.min() > each[1].fit_error.min()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fit": "splines"}, "must be 'auto' or one of"),
        ({"degree": -1}, "between 0 and"),
        ({"fit": "cosine", "degree": 1000}, "number of frequencies of a cosine fit must be between"),
        ({"tolerance": 0.0}, "must be positive"),
        ({"bases": {(7, "activation"): ("cosine", 3)}}, "is no nonlinearity of this network"),
        ({"bases": {(0, "gate"): ("cosine", 3)}}, "is no nonlinearity of this network"),
        ({"bases": {(0, "activation"): ("splines", 3)}}, "must be 'auto' or one of"),
        ({"form": "tower"}, "form must be"),
        ({"form": "one_layer"}, "no one-layer operator"),
        ({"length": 3}, "must cover the sequences"),
    ],
)
def test_requests_that_mean_nothing_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        network_operator(wide_network(1.0), sequences=sequences(), **arguments)


def test_a_search_without_sequences_is_refused():
    with pytest.raises(ValueError, match="give a degree or a tolerance, or sequences"):
        network_operator(wide_network(1.0), input_bound=1e-3, length=3)


def test_a_network_without_a_pool_is_told_to_read_a_step():
    network = wide_network(1.0)
    plain = replace(network, config=replace(network.config, pool="none"))
    with pytest.raises(ValueError, match="read_at_last_step"):
        network_operator(plain, sequences=sequences(), degree=3)


def test_rules_are_those_that_the_network_states():
    gated = layer_rules(moderate_network(2, output="glu", activation="poly", gate="identity"))
    assert [rule.gate.name for rule in gated] == ["identity", "identity"]
    assert gated[0].activation != gated[1].activation  # learned coefficients differ
    assert layer_rules(moderate_network(1, output="linear"))[0].gate is None


def test_choices_are_validated_where_they_are_built():
    with pytest.raises(ValueError, match="must be positive"):
        FitChoice(tolerance=-1.0)
    assert basis_name(network_operator(wide_network(1.0), sequences=sequences(), degree=2).decoders[0].activation) == (
        "chebyshev"
    )


def test_the_one_layer_operator_names_its_basis_too():
    network, inputs = reference("digits64__L1_H16_N32_gelu_linear_batch__s0")
    (record,) = network_operator(network, sequences=inputs, degree=7).bases
    assert (record.layer, record.role, record.basis, record.terms) == (0, "activation", "chebyshev", 7)


def test_one_layer_on_wide_intervals_falls_back_to_phases_and_says_so():
    narrow = moderate_network(1, output="linear", activation="gelu", seed=5)
    wide = replace(narrow, encoder_weight=20.0 * narrow.encoder_weight)
    inputs, lines = sequences(40, 16), []
    operator = network_operator(wide, sequences=inputs, progress=lines.append)
    assert isinstance(operator, StackOperator)
    assert operator.bases[0].basis == "cosine"
    assert any("phase products instead" in line for line in lines)
    assert operator.certified_classes(inputs).mean() >= 0.99
    kept = network_operator(wide, sequences=inputs, degree=64)
    assert isinstance(kept, OneLayerOperator)  # what is asked for is not overruled
    assert kept.certified_error.max() > 10 * operator.certified_error.max()
    assert isinstance(network_operator(narrow, sequences=inputs), OneLayerOperator)


def test_a_box_with_sequences_takes_their_density_and_keeps_the_bound_of_the_box():
    network, inputs = moderate_network(2, channels=3, seed=4, activation="gelu"), 0.2 * np.tanh(sequences(5, 8))
    request = {"input_bound": 0.25, "degree": 12, "form": "stack"}
    dense = network_operator(network, sequences=inputs, fit="least_squares", **request)
    assert [basis.basis for basis in dense.bases] == ["least_squares"] * 2
    assert dense.certificate.domain == "box"
    assert gap(dense, network, inputs) <= 1
    corners = 0.25 * np.sign(sequences(20, 8, seed=9))
    assert gap(dense, network, corners) <= 1
    with pytest.raises(ValueError, match="needs sequences"):
        network_operator(network, length=8, fit="least_squares", **request)


def test_phase_products_have_no_total_degree():
    network, inputs = moderate_network(2, channels=3, seed=4, activation="gelu"), sequences(5, 8)
    polynomial = network_operator(network, sequences=inputs, fit="chebyshev", degree=3, form="stack")
    assert polynomial.total_degree == 9
    with pytest.raises(ValueError, match="no total degree"):
        assert network_operator(network, sequences=inputs, fit="cosine", degree=9, form="stack").total_degree
