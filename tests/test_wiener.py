"""Orthogonalised orders: they add up to the logits, are orthogonal, and do not cancel as raw orders do."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from carleman_ssm.interactions.low_degree import low_degree_networks
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import ExactDecoders
from carleman_ssm.operators.density_fits import density_decoders
from carleman_ssm.operators.stack import build_stack
from carleman_ssm.operators.stack_trace import LayerDecoders, run_logits
from carleman_ssm.operators.wiener import orthogonal_orders, raw_cancellation
from carleman_ssm.theory.activations import activation
from tests.strategies_networks import s4d_networks

DATA = Path(__file__).parent / "data"
NAMES = ("digits64__L1_H16_N32_gelu_linear_batch__s0", "digits64__L2_H16_N32_gelu_glu_layer__s0")


def reference(name):
    network = load_network(DATA / f"{name}.npz")
    return network, np.load(DATA / f"{name}.reference.npz")["x"].astype(np.float64)


def fitted(name, degree=12):
    """A network as a stack, with fits of a high degree to the arguments of its nonlinearities on the reference inputs.

    What is recorded comes from the simulation, not from the stack.
    """
    network, inputs = reference(name)
    seen = {"activation": [], "gate": []}

    def recorder(role, rule):
        return lambda values: seen[role].append(values) or rule(values)

    rules = {"activation": activation("gelu"), "gate": activation("sigmoid")}
    network(inputs, **{role: recorder(role, rule) for role, rule in rules.items()})
    rows = [
        [density_decoders(values, rules[role], degree)[-1] for values in seen[role]] or [None] * len(network.layers)
        for role in rules
    ]
    decoders = tuple(LayerDecoders(*parts) for parts in zip(*rows, strict=True))
    return SimpleNamespace(stack=build_stack(network, inputs.shape[1]), decoders=decoders), inputs, network


@pytest.mark.parametrize("name", NAMES)
def test_orders_and_rest_add_up_to_the_logits(name):
    operator, inputs, network = fitted(name)
    parts = orthogonal_orders(operator, inputs, degree=4)
    logits = run_logits(operator.stack, operator.decoders, inputs)
    assert parts.shape == (*logits.shape, 6)
    assert np.allclose(parts.sum(axis=-1), logits, rtol=0, atol=1e-12 * np.abs(logits).max())
    # The decoders are fits of the simulation's activations: the sum is close to its logits, too.
    assert np.abs(logits - network(inputs)).max() < 0.2 * np.abs(logits).max()


@pytest.mark.parametrize("layer", [0, 1])
def test_orders_of_one_layer_add_up_as_well(layer):
    operator, inputs, _ = fitted(NAMES[1], 6)
    parts = orthogonal_orders(operator, inputs, degree=3, layer=layer)
    logits = run_logits(operator.stack, operator.decoders, inputs)
    assert np.allclose(parts.sum(axis=-1), logits, rtol=0, atol=1e-12 * np.abs(logits).max())
    both = orthogonal_orders(operator, inputs, degree=3)
    assert np.abs(parts - both).max() > 1e-3 * np.abs(logits).max()


def test_order_zero_does_not_depend_on_the_sequence():
    operator, inputs, _ = fitted(NAMES[0])
    parts = orthogonal_orders(operator, inputs, observed=inputs)
    assert np.ptp(parts[..., 0], axis=0).max() == 0
    alone = orthogonal_orders(operator, inputs[:1], observed=inputs)
    assert np.allclose(alone, parts[:1], rtol=0, atol=1e-11)


def test_a_polynomial_network_has_no_orders_above_its_degree():
    network, inputs = reference("digits64__L1_H16_N32_poly2_linear_batch__s0")
    coefficients = np.concatenate([[0.0], network.layers[0].activation_coefficients])
    decoders = (LayerDecoders(ExactDecoders(coefficients, network.channels)),)
    operator = SimpleNamespace(stack=build_stack(network, 64), decoders=decoders)
    parts = orthogonal_orders(operator, inputs, degree=4, observed=inputs)
    size = np.abs(parts.sum(axis=-1)).max()
    assert np.allclose(parts.sum(axis=-1), network(inputs), rtol=0, atol=1e-9 * size)
    assert np.abs(parts[..., 2]).max() > 1e-2 * size
    assert np.abs(parts[..., 3:]).max() < 1e-9 * size


def test_parts_of_a_decoder_are_orthogonal_under_its_density_and_not_under_another():
    generator = np.random.default_rng(3)
    samples = generator.gamma(2.0, size=(3000, 2)) - 1
    rungs = density_decoders(samples, activation("gelu"), 5)
    steps = np.diff([rung(samples) for rung in rungs], axis=0, prepend=0.0)
    elsewhere = np.linspace(samples.min(axis=0), samples.max(axis=0), 3000)
    others = np.diff([rung(elsewhere) for rung in rungs], axis=0, prepend=0.0)
    for values, orthogonal in ((steps, True), (others, False)):
        gram = np.einsum("pnh,qnh->pqh", values, values)
        size = np.sqrt(np.einsum("pph,qqh->pqh", gram, gram))
        cosines = (gram / size)[~np.eye(6, dtype=bool)]
        assert bool(np.abs(cosines).max() < 1e-8) is orthogonal
    direct = np.polynomial.polynomial.polyfit(samples[:, 0], activation("gelu")(samples[:, 0]), 3)
    assert np.allclose(np.polynomial.polynomial.polyval(samples[:, 0], direct), rungs[3](samples)[:, 0], atol=1e-9)


def test_under_a_normal_density_the_orders_are_hermite_orders():
    """q_2 − q_1 = E[φ'']/2 (y² − 1), and E[φ''] = 3/(4√π) for GELU; 4096 quantiles leave 1 % of the tail out."""
    quantiles = special.ndtri((np.arange(4096) + 0.5) / 4096)[:, None]
    rungs = density_decoders(quantiles, activation("gelu"), 2)
    y = np.linspace(-2, 2, 9)[:, None]
    hermite = 3 / (4 * np.sqrt(np.pi)) / 2 * (y**2 - 1)
    assert np.abs(rungs[2](y) - rungs[1](y) - hermite).max() < 0.01 * np.abs(hermite).max()
    assert np.abs(rungs[1](y) - (y / 2 + 1 / (2 * np.sqrt(np.pi)))).max() < 0.01


def test_raw_orders_of_a_fit_cancel_and_orthogonalised_orders_do_not():
    network, inputs = reference(NAMES[0])
    operator = network_operator(network, sequences=inputs, degree=16)
    form, decoders = operator.form, operator.decoders
    response = form.response(inputs - operator.centre)
    taylor = decoders.taylor(form.preactivations(operator.centre[None])[0], 16)
    raw = np.stack([form.pooled(t * response**q) @ form.readout.value.T for q, t in enumerate(taylor)], axis=-1)
    raw[..., 0] += form.offset.value[:, 0] + form.pooled(operator.centre[None]) @ form.skip.value.T
    raw[..., 1] += form.pooled(inputs - operator.centre) @ form.skip.value.T
    logits = operator(inputs)
    assert np.allclose(raw.sum(axis=-1), logits, rtol=0, atol=1e-6 * np.abs(logits).max())
    stack = SimpleNamespace(stack=build_stack(network, 64), decoders=(LayerDecoders(decoders),))
    orders = orthogonal_orders(stack, inputs, degree=8, observed=inputs)
    assert raw_cancellation(raw) > 5
    assert raw_cancellation(orders) < 2


def test_one_polynomial_for_all_channels_is_the_fit_of_all_samples_together():
    samples = np.random.default_rng(0).normal(size=(50, 4))
    rung = density_decoders(samples, activation("silu"), 3, shared=True)[-1]
    pooled = density_decoders(samples.reshape(-1, 1), activation("silu"), 3)[-1]
    y = np.linspace(-1, 1, 5)[:, None]
    assert np.allclose(rung(y * np.ones(4)), pooled(y), atol=1e-12)
    assert np.isinf(rung.fit_error).all()


@settings(max_examples=15, deadline=None)
@given(
    s4d_networks(outputs=("linear", "none", "glu"), norms=("none", "batch", "layer", "rms"), max_layers=2),
    st.integers(1, 7),
    st.integers(0, 3),
    st.integers(0, 2**32 - 1),
)
def test_orders_add_up_for_every_network(network, length, degree, seed):
    inputs = np.random.default_rng(seed).uniform(-1, 1, (3, length, network.features))
    low = low_degree_networks(network, inputs, 3)[3]
    parts = orthogonal_orders(low, inputs, degree=degree)
    assert parts.shape == (3, network.classes, degree + 2)
    assert np.abs(parts.sum(axis=-1) - low(inputs)).max() < 1e-11 * (1 + np.abs(parts).max())
    if degree == 3 and len(network.layers) == 1 and network.config.output != "glu":
        # The decoders are of this degree, and their arguments inside the intervals of the fits: nothing is left over.
        assert np.abs(parts[..., -1]).max() < 1e-6 * (1 + np.abs(parts).max())


def test_what_cannot_be_cut_is_refused():
    operator, inputs, _ = fitted(NAMES[0], 2)
    with pytest.raises(ValueError, match="layer 1 is not one of 0 … 0"):
        orthogonal_orders(operator, inputs, layer=1)
    with pytest.raises(ValueError, match="at least 0"):
        orthogonal_orders(operator, inputs, degree=-1)


def test_a_decoder_with_samples_has_its_own_density_and_another_that_of_the_batch():
    operator, inputs, _ = fitted(NAMES[0], 6)
    decoder = operator.decoders[0].activation
    assert decoder.samples is None
    batch = orthogonal_orders(operator, inputs, degree=2)
    assert np.allclose(batch, orthogonal_orders(operator, inputs, degree=2, observed=inputs), atol=1e-10)
    samples = np.random.default_rng(0).uniform(*decoder.interval, (300, 16))
    kept = SimpleNamespace(stack=operator.stack, decoders=(LayerDecoders(replace(decoder, samples=samples)),))
    parts = orthogonal_orders(kept, inputs, degree=2)
    cut = (LayerDecoders(density_decoders(samples, decoder, 2)[2]),)
    assert np.allclose(parts[..., :3].sum(axis=-1), run_logits(operator.stack, cut, inputs), atol=1e-10)
    assert np.abs(parts - batch).max() > 1e-2


def test_the_operator_of_a_deep_network_prints_these_orders():
    network, inputs = reference(NAMES[1])
    operator = network_operator(network, sequences=inputs, tolerance=1e-2)
    parts = operator.orders(inputs)
    logits = operator(inputs)
    assert np.allclose(parts.sum(axis=-1), logits, rtol=0, atol=1e-11 * np.abs(logits).max())
    again = orthogonal_orders(operator, inputs, observed=inputs)
    assert raw_cancellation(again) < 3


@pytest.mark.parametrize(("count", "exact"), [(4096, True), (9000, False)])
def test_quantiles_stand_for_more_than_4096_samples_so_orthogonality_is_approximate(count, exact):
    samples = np.random.default_rng(5).gamma(2.0, size=(count, 1)) - 1
    steps = np.diff([rung(samples)[:, 0] for rung in density_decoders(samples, activation("gelu"), 4)], axis=0)
    cosines = np.corrcoef(steps)[~np.eye(4, dtype=bool)]
    assert bool(np.abs(cosines).max() < 1e-9) is exact
    # Orders are largest at the tails, which the quantiles leave out.
    assert np.abs(cosines).max() < 0.1
