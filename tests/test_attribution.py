"""Contributions of positions and pairs: complete, exact on monomials, and equal to other routes."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.interactions import attribution
from carleman_ssm.interactions.attribution import attribute, grouped
from carleman_ssm.interactions.path_integrals import MAX_NODES, MOST_NODES, path_nodes, sufficient_nodes
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.adjoint import gradients
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.report.inputs import shipped_sequences
from tests.strategies_networks import moderate_network

EXACT = {
    "one layer": (1, {"activation": "poly"}),
    "two layers": (2, {"activation": "square", "norm": "batch"}),
    "gates": (2, {"activation": "square", "output": "glu", "gate": "identity"}),
    "last, bilinear": (3, {"activation": "square", "pool": "last", "discretization": "bilinear"}),
}
FITTED = {
    "gelu": (1, {}),
    "layer": (2, {"norm": "layer", "output": "glu"}),
    "rms": (2, {"norm": "rms", "prenorm": True}),
}


def case(layers, entries, length=8, **options):
    network = moderate_network(layers, channels=4, features=2, **entries)
    sequences = 0.7 * np.random.default_rng(1).normal(size=(3, length, 2))
    fitted = network.config.activation == "gelu"
    return network_operator(network, sequences=sequences, centre="mean", **options, **_fit(fitted)), sequences


def _fit(fitted):
    return {"degree": 12, "fit": "chebyshev"} if fitted else {}


@pytest.mark.parametrize("name", EXACT)
def test_parts_of_a_polynomial_network_sum_to_the_margin(name):
    operator, sequences = case(*EXACT[name])
    for sequence in sequences:
        parts = attribute(operator, sequence)
        assert abs(parts.gap) <= 1e-12 * parts.scale
        logits = operator(sequence[None])[0]
        assert parts.margin == pytest.approx(logits[parts.target] - logits[parts.rival])
        assert logits[parts.target] == logits.max()
        np.testing.assert_allclose(parts.pairs, parts.pairs.T, atol=1e-13 * parts.scale)


@pytest.mark.parametrize("name", FITTED)
def test_parts_of_a_fitted_network_sum_to_the_margin(name):
    layers, entries = FITTED[name]
    operator, sequences = case(layers, {"activation": "gelu"} | entries)
    parts = attribute(operator, sequences[0])
    # One layer: the remainder of a polynomial by enough nodes. Deeper: the search for nodes ends below 1e-10.
    assert abs(parts.gap) <= 2e-10 * parts.scale


@pytest.mark.parametrize("name", ["one layer", "two layers", "gates"])
def test_shares_are_integrated_gradients(name):
    """A position with its row of pairs has the share α/p of every monomial; the path integral is the other route."""
    layers, entries = EXACT[name]
    operator, sequences = case(layers, entries, form="stack")
    parts = attribute(operator, sequences[0], features=True)
    deviation = sequences[0] - operator.centre
    points, weights = np.polynomial.legendre.leggauss(24)
    inputs = operator.centre + 0.5 * (points[:, None, None] + 1) * deviation
    contrast = np.eye(3)[[parts.target]] - np.eye(3)[[parts.rival]]
    slopes = gradients(operator.stack, operator.decoders, inputs, contrast)[:, 0]
    expected = 0.5 * np.tensordot(weights, slopes, axes=1) * deviation
    np.testing.assert_allclose(parts.shares, expected, atol=1e-12 * parts.scale)


def test_one_layer_has_the_same_pairs_in_both_forms_and_by_all_routes():
    for entries in ({"activation": "poly"}, {"activation": "poly", "pool": "last"}):
        one, sequences = case(1, entries)
        deep, _ = case(1, entries, form="stack")
        for window in (1, 3):
            pair = [attribute(operator, sequences[0], 0, 1, window=window) for operator in (one, deep)]
            np.testing.assert_allclose(pair[0].pairs, pair[1].pairs, atol=1e-12 * pair[0].scale)
            np.testing.assert_allclose(pair[0].positions, pair[1].positions, atol=1e-12 * pair[0].scale)
        apart = attribute(one, sequences[0], 0, 1, features=True).pairs.sum(axis=(1, 3))
        np.testing.assert_allclose(apart, attribute(one, sequences[0], 0, 1).pairs, atol=1e-12)


def test_one_input_channel_goes_by_lag_matrices_to_the_same_pairs():
    network = load_network("digits-gelu")
    sequences = shipped_sequences("digits-gelu").x[:40]
    operator = network_operator(network, degree=14, sequences=sequences, centre="mean")
    for sequence in sequences[:3]:
        fine = attribute(operator, sequence)
        coarse = attribute(operator, sequence, window=5)
        np.testing.assert_allclose(grouped(grouped(fine.pairs, 5).T, 5), coarse.pairs, atol=1e-12 * fine.scale)
        np.testing.assert_allclose(coarse.groups, grouped(fine.groups, 5), atol=1e-13 * fine.scale)
        assert abs(fine.gap) <= 1e-12 * fine.scale


def monomial_network(power):
    """Two inputs at one step, no state: logit 0 is (2a + 3b)^power, logit 1 is 0."""
    # C = 0, D = 1: the convolution is the identity.
    layer = S4DLayer([0.0], [[0.0]], [[0.0]], [[0.0]], [1.0], activation_coefficients=[0.0] * (power - 1) + [1.0])
    config = NetworkConfig(activation="poly", output="none", residual=False, pool="last")
    return S4DNetwork([[2.0, 3.0]], [0.0], (layer,), [[1.0], [0.0]], [0.0, 0.0], config)


@pytest.mark.parametrize("power", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("form", ["one_layer", "stack"])
def test_a_monomial_is_shared_by_its_exponents(power, form):
    """α_iα_j/(p(p−1)) and α_i(α_i−1)/(p(p−1)) of every monomial of (2a + 3b)^p; an even split is refuted."""
    a, b = sp.symbols("a b")
    values = {a: sp.Rational(1, 2), b: sp.Rational(-3, 4)}
    expected, even = sp.zeros(2, 2), sp.zeros(2, 2)
    single = [0, 0]
    for exponents, coefficient in sp.Poly((2 * a + 3 * b) ** power, a, b).terms():
        term = (coefficient * a ** exponents[0] * b ** exponents[1]).subs(values)
        for i, j in product(range(2), range(2)):
            shared = exponents[i] * (exponents[j] - (i == j))
            if power == 1:
                single[i] += term * exponents[i] if i == j else 0
            else:
                expected[i, j] += term * sp.Rational(shared, power * (power - 1))
                even[i, j] += term / 4
    operator = network_operator(monomial_network(power), sequences=np.ones((1, 1, 2)), form=form)
    parts = attribute(operator, np.array([[0.5, -0.75]]), 0, 1, features=True)
    np.testing.assert_allclose(parts.pairs.reshape(2, 2), np.array(expected, dtype=float), atol=1e-13)
    np.testing.assert_allclose(parts.positions[0], np.array(single, dtype=float), atol=1e-13)
    if power > 2:
        assert np.abs(parts.pairs.reshape(2, 2) - np.array(even, dtype=float)).max() > 1e-3


def test_too_few_nodes_leave_a_gap_that_is_told():
    """The false twin: pairs from the Hessian at the centre alone (the second order) do not sum to the margin."""
    operator, sequences = case(2, {"activation": "square"})
    parts = attribute(operator, sequences[0])
    assert parts.nodes == operator.total_degree // 2
    deviation = (sequences[0] - operator.centre)[None]
    second = operator.second_order_kernel().quadratic_form(deviation)[0]
    missing = parts.margin - parts.centre_margin - parts.positions.sum() - (second[parts.target] - second[parts.rival])
    assert abs(missing) > 1e-3 * parts.scale


@pytest.mark.parametrize(
    "name", ["digits64__L2_H16_N32_gelu_linear_batch__s0", "digits64__L2_H16_N32_gelu_glu_layer__s0"]
)
def test_trained_deep_networks_are_explained_completely(name):
    network = load_network(f"tests/data/{name}.npz")
    with np.load(f"tests/data/{name}.reference.npz") as stored:
        sequences = np.asarray(stored["x"], dtype=np.float64)
    operator = network_operator(network, sequences=sequences, centre="mean", tolerance=1e-5)
    parts = attribute(operator, sequences[0], window=16)
    assert abs(parts.gap) <= 2e-10 * parts.scale
    assert parts.shares.sum() + parts.centre_margin == pytest.approx(parts.margin, rel=1e-7)


def test_each_pair_is_settled_where_their_sum_is(monkeypatch):
    """Beside three times as many nodes: measured on one trained network, no bound."""
    name = "digits64__L2_H16_N32_gelu_glu_layer__s0"
    network = load_network(f"tests/data/{name}.npz")
    with np.load(f"tests/data/{name}.reference.npz") as stored:
        sequences = np.asarray(stored["x"], dtype=np.float64)
    operator = network_operator(network, sequences=sequences, centre="mean", tolerance=1e-5)
    parts = attribute(operator, sequences[0], window=16)
    monkeypatch.setattr(attribution, "_chosen_nodes", lambda *_: path_nodes(3 * parts.nodes))
    np.testing.assert_allclose(attribute(operator, sequences[0], window=16).pairs, parts.pairs, atol=1e-9 * parts.scale)


def test_a_path_outside_the_fits_is_told():
    """A fit for two opposite inputs never saw what lies between them."""
    network = moderate_network(2, seed=2, residual=False)
    ends = 3.0 * np.ones((2, 6, 1)) * np.array([1.0, -1.0])[:, None, None]
    operator = network_operator(network, sequences=ends, centre=ends[1], fit="chebyshev", degree=8)
    assert attribute(operator, ends[0], 0, 1).extrapolated
    boxed = network_operator(network, input_bound=3.0, length=6, centre=ends[1], fit="chebyshev", degree=8)
    assert not attribute(boxed, ends[0], 0, 1).extrapolated


class Exploding(ExactDecoders):
    """A decoder whose second derivative is infinite, and that does not claim to be the network's own."""

    exact = False

    def taylor(self, centres, order):
        found = super().taylor(centres, order)
        return np.concatenate([found[:2], np.full_like(found[2:], np.inf)])


def test_a_path_that_blows_up_is_refused_with_the_remedy():
    operator, sequences = case(2, {"activation": "square"})
    decoders = tuple(LayerDecoders(Exploding(layer.activation.coefficients, 4)) for layer in operator.decoders)
    with pytest.raises(ValueError, match="fit='cosine'"):
        attribute(replace(operator, decoders=decoders), sequences[0])


def test_nodes_are_exact_for_polynomials_of_their_degree():
    for count in (1, 2, 5, 9):
        points, weights = path_nodes(count)
        for degree in range(2 * count):
            assert weights @ points**degree == pytest.approx(1 / ((degree + 1) * (degree + 2)), rel=1e-13)
        wrong = weights @ points ** (2 * count) - 1 / ((2 * count + 1) * (2 * count + 2))
        assert count > 5 or abs(wrong) > 1e-9


def test_nodes_gather_at_a_peak():
    """1/((t − 0.3)² + w²), w = 1/500: narrower than any node set on the whole path resolves."""
    width = 1 / 500

    def peak(t):
        return 1.0 / ((t - 0.3) ** 2 + width**2)

    ends = np.array([0.7, -0.3])
    integral = float(np.diff(-0.7 * np.arctan(ends / width) / width + 0.5 * np.log(ends**2 + width**2))[0])
    points, weights = sufficient_nodes(peak, integral)
    assert len(points) <= MAX_NODES
    assert weights @ peak(points) == pytest.approx(integral, rel=1e-9)
    coarse = path_nodes(64)
    assert coarse[1] @ peak(coarse[0]) != pytest.approx(integral, rel=1e-2)


@pytest.mark.parametrize("width", [1e-4, 1e-7, 1e-10])
def test_a_peak_at_the_centre_is_found_however_narrow(width):
    """1/(t + w)²: a sequence 1/w times larger than what its norm's variance starts from."""
    integral = 1.0 / width - np.log((1.0 + width) / width)

    def peak(t):
        return 1.0 / (t + width) ** 2

    points, weights = sufficient_nodes(peak, integral)
    assert weights @ peak(points) == pytest.approx(integral, rel=1e-9)
    assert len(points) <= MOST_NODES
    coarse = path_nodes(64)
    assert abs(coarse[1] @ peak(coarse[0]) - integral) > 1e-2 * integral


def test_parts_that_do_not_sum_to_the_margin_are_called_unresolved():
    """Between inputs of ordinary size and huge ones a fit stands still outside its interval: no nodes meet that."""
    network = moderate_network(2, channels=3, norm="layer", prenorm=True, output="none")
    given = np.random.default_rng(1).normal(size=(3, 8, 1))
    whole = attribute(network_operator(network, sequences=given, degree=6), given[0])
    assert whole.resolved
    missed = replace(whole, pairs=0.0 * whole.pairs)
    assert abs(missed.gap) > 0.01 * abs(missed.margin - missed.centre_margin)
    assert not missed.resolved
    far = attribute(network_operator(network, sequences=1e9 * given, degree=6), 1e9 * given[0])
    assert abs(far.gap) > 0.01 * abs(far.margin - far.centre_margin)
    assert far.extrapolated
    assert not far.resolved


def test_a_class_that_is_no_integer_is_refused():
    operator, sequences = case(1, {"activation": "square"})
    for wrong in ({"target": 0.5}, {"rival": "1"}):
        with pytest.raises(TypeError, match=r"must be the number of a class, an integer, not"):
            attribute(operator, sequences[0], **wrong)
    assert attribute(operator, sequences[0], np.int64(1)).target == 1


def test_a_goal_that_no_nodes_meet_ends_the_search():
    points, _ = sufficient_nodes(lambda t: np.sin(t), 5.0)
    assert len(points) <= MAX_NODES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 3}, "classes 0 to 2"),
        ({"target": 1, "rival": 1}, "between two classes"),
        ({"window": 0}, "between 1 and 8"),
        ({"window": 9}, "between 1 and 8"),
        ({"window": 2, "features": True}, "must be 1"),
    ],
)
def test_what_cannot_be_attributed_is_refused(options, message):
    operator, sequences = case(1, {"activation": "square"})
    with pytest.raises(ValueError, match=message):
        attribute(operator, sequences[0], **options)


def test_a_sequence_of_another_length_is_refused():
    operator, sequences = case(1, {"activation": "square"})
    with pytest.raises(ValueError, match="same shape"):
        attribute(operator, sequences[0][:-1])


def test_one_logit_has_no_margin():
    network = moderate_network(1, classes=1, activation="square")
    operator = network_operator(network, sequences=np.ones((1, 4, 1)))
    with pytest.raises(ValueError, match="two classes"):
        attribute(operator, np.ones((4, 1)))


def test_an_operator_of_another_kind_is_refused():
    operator, sequences = case(1, {"activation": "square"})

    class Other(NetworkOperator):
        centre, network = operator.centre, operator.network
        exact = degree = certified_error = orders = None
        first_order_kernel = second_order_kernel = certified_classes = None

        def __call__(self, x):
            return operator(x)

    with pytest.raises(TypeError, match="network_operator"):
        attribute(Other(), sequences[0])
