"""Contributions by orthogonal order: against the simulation with the same polynomials, and against algebra."""

import numpy as np
import pytest

from carleman_ssm.experiments.ablations import DELETIONS, OrderContributions, order_contributions
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.theory.activations import activation

H, M, L, CLASSES = 3, 2, 12, 4


def a_network(name="gelu", *, seed=0, pool="mean", coefficients=None, residual=True):
    generator = np.random.default_rng(seed)
    draw = generator.normal
    layer = S4DLayer(
        log_dt=np.log(generator.uniform(0.02, 0.2, H)),
        log_A_real=np.full((H, M), np.log(0.5)),
        A_imag=np.tile(np.pi * np.arange(M), (H, 1)),
        C=2 * (draw(size=(H, M)) + 1j * draw(size=(H, M))),
        D=draw(size=H),
        output_weight=draw(size=(H, H)),
        output_bias=draw(size=H),
        activation_coefficients=coefficients,
    )
    config = NetworkConfig(activation=name, output="linear", residual=residual, pool=pool)
    parts = (draw(size=(H, 2)), draw(size=H), (layer,), draw(size=(CLASSES, H)), draw(size=CLASSES), config)
    return S4DNetwork(*parts)


def sequences(count, seed):
    return np.random.default_rng(seed).normal(size=(count, L, 2))


@pytest.mark.parametrize("pool", ["mean", "last"])
@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_orders_up_to_p_are_the_simulation_with_the_fit_of_degree_p(pool, order):
    """Second route: recurrence, monomials, and the normal least-squares solver instead of FFT and orthogonal steps."""
    network, density = a_network(pool=pool), sequences(30, 1)
    x = density[:8]  # within the density: beyond it the fits are constant, and no polynomials
    found = order_contributions(network, density, x, 5)
    rule, samples = activation("gelu"), network.preactivations(density)[0].reshape(-1, H)
    fits = [np.polynomial.Polynomial.fit(y, rule(y), order) for y in samples.T]

    def decode(values):
        return np.stack([fit(values[..., h]) for h, fit in enumerate(fits)], axis=-1)

    expected = network(x, "recurrence", activation=decode)
    # The residual path is affine and belongs to order 1; up to order 0 it stands at its mean.
    if order == 0:

        def constant(v):
            return v.mean(axis=(0, 1)) if pool == "mean" else v[:, -1].mean(axis=0)

        change = (x.mean(axis=1) if pool == "mean" else x[:, -1]) - constant(density)
        expected = expected - change @ network.encoder_weight.T @ network.decoder_weight.T
    np.testing.assert_allclose(found.up_to(order), expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_the_first_order_of_a_linear_network_is_all_of_it():
    network, x = a_network("identity"), sequences(6, 3)
    found = order_contributions(network, sequences(20, 4), x, 4)
    assert np.ptp(found.parts[0], axis=0).max() == 0  # the same for all sequences
    np.testing.assert_allclose(found.up_to(1), network(x), atol=1e-10)
    np.testing.assert_allclose(found.parts[2:], 0, atol=1e-10)
    np.testing.assert_allclose(found.rest, 0, atol=1e-10)


def test_a_quadratic_network_has_waves_and_pairs_and_nothing_else():
    network, x = a_network("poly", coefficients=[0.5, 0.4]), sequences(6, 5)
    found = order_contributions(network, sequences(20, 6), x, 4)
    np.testing.assert_allclose(found.up_to(2), network(x), atol=1e-9)
    assert np.abs(found.parts[2]).max() > 0.1
    np.testing.assert_allclose(found.parts[3:], 0, atol=1e-9)


def test_what_an_order_adds_is_orthogonal_to_the_lower_ones_under_the_density():
    """Pre-activations of one step that are their own density: the orders of the decoder do not correlate."""
    generator = np.random.default_rng(7)
    layer = S4DLayer(log_dt=[0.0], log_A_real=[[0.0]], A_imag=[[0.0]], C=[[0.0]], D=[1.0])
    config = NetworkConfig(activation="gelu", output="none", residual=False)
    network = S4DNetwork([[1.0]], [0.0], (layer,), [[1.0], [-1.0]], [0.0, 0.0], config)
    x = generator.gamma(2.0, size=(500, 1, 1)) - 1.5  # a skewed density, so symmetry does not help
    parts = order_contributions(network, x, x, 6).parts[:, :, 0]
    gram = parts @ parts.T
    scale = np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    np.testing.assert_allclose(gram[~np.eye(7, dtype=bool)], 0, atol=1e-9 * scale.max())
    raw = np.polynomial.Polynomial.fit(x.ravel(), parts.sum(axis=0), 6).convert().coef
    monomials = raw[:, None] * x.ravel() ** np.arange(7)[:, None]
    crossed = monomials @ monomials.T
    assert np.abs(crossed[~np.eye(7, dtype=bool)]).max() > 1.0  # false twin: raw orders of the same fit do correlate


def test_deletions_are_sums_and_differences_of_orders():
    network, x = a_network(seed=3), sequences(5, 8)
    found = order_contributions(network, sequences(20, 9), x, 6)
    zero, one, two = found.parts[:3]
    expected = {
        "waves only": zero + one,
        "pairs only": zero + two,
        "without waves": network(x) - one,
        "without pairs": network(x) - two,
    }
    assert set(expected) == set(DELETIONS)
    for name, logits in expected.items():
        np.testing.assert_allclose(found.after(name), logits, atol=1e-12)
    np.testing.assert_allclose(found.up_to(6) + found.rest, network(x), atol=1e-12)


def test_what_cannot_be_taken_out_is_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        order_contributions(a_network(), sequences(3, 0), sequences(3, 1), 0)
    with pytest.raises(ValueError, match="deletions are waves only"):
        OrderContributions(np.zeros((3, 2, 2)), np.zeros((2, 2))).after("triples")
    with pytest.raises(ValueError, match="orders 0 to 2"):
        OrderContributions(np.zeros((2, 2, 2)), np.zeros((2, 2))).after("waves only")
