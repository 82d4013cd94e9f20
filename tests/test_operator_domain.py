"""Where an operator does not hold it says so, in every method alike: no plausible number, no NaN, no stale proof."""

from dataclasses import replace

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators import stack_operator
from carleman_ssm.operators.bases import WIDEST
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.operator import DomainError, refuse_outside
from carleman_ssm.operators.stack_trace import run
from carleman_ssm.operators.wiener import orthogonal_orders
from tests.strategies_networks import moderate_network


def sequences(batch=4, length=6, seed=3):
    return np.random.default_rng(seed).normal(size=(batch, length, 1))


def operator(layers=2, form="auto", channels=3, **entries):
    network = moderate_network(layers, channels=channels, seed=5, **entries)
    fitted = entries.get("activation", "gelu") == "gelu" or entries.get("output") == "glu"
    return network_operator(network, sequences=sequences(), form=form, **({"degree": 8} if fitted else {}))


@pytest.mark.parametrize("norm", ["none", "rms"])
def test_orders_refuse_what_the_operator_refuses(norm):
    found, outside = operator(norm=norm), 3.0 * sequences()
    for method in (found, found.orders, lambda x: orthogonal_orders(found, x), found.certified_classes):
        with pytest.raises(DomainError, match="leaves the certified interval of layer 0, channel"):
            method(outside)
    with pytest.raises(DomainError, match="leaves the certified interval"):
        found.orders(sequences(), observed=outside)
    np.testing.assert_allclose(found.orders(sequences()).sum(axis=-1), found(sequences()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "entries",
    [
        {"activation": "square"},
        {"activation": "poly", "norm": "batch"},
        {"activation": "square", "output": "glu", "gate": "identity"},
        {"activation": "cube", "pool": "last", "output": "none"},
    ],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_polynomials_past_float64_are_refused_and_warn_of_nothing(layers, entries):
    network = moderate_network(layers, channels=3, seed=5, **entries)
    found, far = network_operator(network, sequences=sequences(), form="stack"), sequences()
    far[1:] *= 1e160
    assert not np.isfinite(run(found.stack, found.decoders, far)[0]).all()
    for method in (found, found.orders, found.certified_classes):
        with pytest.raises(DomainError, match=r"sequence 1 .*range of float64.*scale the sequences"):
            method(far)
    assert np.isinf(found.bounds(far).per_sequence[1:]).all()


def test_one_layer_past_float64_is_refused():
    network = moderate_network(1, channels=3, seed=5, activation="square")
    with pytest.raises(ValueError, match="range of float64"):
        network_operator(network, sequences=1e160 * sequences())


def test_rms_of_huge_values_is_refused_and_not_zero():
    """Squares overflow, and 1/sqrt(inf) = 0 would print the logits of the zero branch."""
    network = moderate_network(1, channels=3, seed=5, activation="square", norm="rms", prenorm=True)
    found = network_operator(network, sequences=sequences())
    with pytest.raises(DomainError, match="range of float64"):
        found(1e170 * sequences())


def test_nan_lies_in_no_interval():
    values, ends = np.zeros((2, 3, 1)), np.array([1.0])
    refuse_outside(values, -ends, ends, "layer 0, channel")
    values[1, 2] = np.nan
    with pytest.raises(DomainError, match=r"sequence 1 leaves the range of float64 .* layer 0, channel 0 at step 2"):
        refuse_outside(values, -ends, ends, "layer 0, channel")


def test_a_proof_of_other_sequences_is_refused():
    found, given = operator(), sequences()
    proof = found.bounds(given)
    assert found.certified_classes(given, proof).tolist() == found.certified_classes(given).tolist()
    other_values = given[:, ::-1]  # as many, as long and as large as the given ones
    for other in (found.bounds(given[:1]), found.bounds(given[:, :3]), found.bounds(other_values)):
        with pytest.raises(ValueError, match=r"take bounds\(sequences\)"):
            found.certified_classes(given, other)


def test_certified_sequences_are_known_again_and_certified_once(monkeypatch):
    found, given = operator(), sequences()
    wanted, anew = found.certified_classes(given, found.bounds(given)), []
    counted = stack_operator.certify_sequences
    monkeypatch.setattr(
        stack_operator, "certify_sequences", lambda *parts: anew.append(len(parts[-1])) or counted(*parts)
    )
    order = np.array([2, 0, 0])
    assert found.certified_classes(given).tolist() == wanted.tolist()
    assert found.certified_classes(given[order].astype(object).astype(float)).tolist() == wanted[order].tolist()
    assert anew == []
    # False twins: one value that differs, a beginning, an array changed in place after it was certified.
    moved = given.copy()
    moved[1, 2, 0] = np.nextafter(moved[1, 2, 0], 0.0)
    found.certified_classes(moved)
    found.certified_classes(given[:, :5])
    assert anew == [4, 4]
    twin = replace(found, decoders=(*found.decoders[:1], *operator().decoders[1:]))
    twin.certified_classes(given)
    assert anew == [4, 4, 4]
    inputs = sequences()
    own = network_operator(moderate_network(2, channels=3, seed=5), sequences=inputs, degree=8)
    before = own.certificate.per_pair.copy()
    inputs[0] *= 0.5
    own.certified_classes(inputs)
    assert anew == [4, 4, 4, 4]
    assert not np.array_equal(own.bounds(inputs).per_pair[0], before[0])


def test_rows_of_a_certificate_follow_their_sequences():
    found, given = operator(), sequences()
    order = np.array([3, 1])
    assert found.certificate.rows_of(given[order]).tolist() == order.tolist()
    assert not found.certificate.covers(given + 1e-12)
    with pytest.raises(ValueError, match=r"4 given sequences, and 1 of these 2 are not among them"):
        found.certificate.rows_of(np.stack([given[0], given[1] * 0.5]))
    with pytest.raises(ValueError, match="1 digests for 4 certified sequences"):
        replace(found.certificate, digests=found.certificate.digests[:1])
    # A row is a bound of its sequence whatever stands beside it in the batch.
    alone = found.bounds(given[1:2])
    np.testing.assert_allclose(alone.per_pair[0], found.certificate.per_pair[1], rtol=1e-6)


def test_a_proof_for_a_box_serves_what_lies_in_it():
    network = moderate_network(2, channels=3, seed=5)
    found = network_operator(network, input_bound=1.0, length=4, degree=3)
    inside = np.clip(sequences(length=3), -1.0, 1.0)
    assert found.certified_classes(inside, found.certificate).shape == (4,)
    for narrow in (replace(found.certificate, input_bound=0.5), replace(found.certificate, length=2)):
        with pytest.raises(ValueError, match=r"the certificate holds for at most"):
            found.certified_classes(inside, narrow)


@pytest.mark.parametrize(("layers", "form"), [(1, "one_layer"), (1, "stack"), (2, "stack")])
def test_no_sequences_are_refused_alike(layers, form):
    found, none = operator(layers, form), sequences()[:0]
    for method in (found, found.orders, found.bounds, found.certified_classes):
        with pytest.raises(ValueError, match=r"none of these 0; got shape \(0, 6, 1\)"):
            method(none)


def test_bounds_of_one_layer_are_its_certificate():
    found = operator(1, "one_layer")
    assert found.bounds(sequences()) is found.certificate
    with pytest.raises(DomainError):
        found.bounds(2.0 * sequences())


@pytest.mark.parametrize(("layers", "form"), [(1, "one_layer"), (1, "stack"), (3, "stack")])
@pytest.mark.parametrize("box", [True, False])
def test_intervals_too_wide_to_fit_are_refused_at_once(layers, form, box):
    network = moderate_network(layers, channels=3, seed=5)
    domain = {"input_bound": 1e9, "length": 6} if box else {"sequences": 1e9 * sequences()}
    remedy = "Give sequences without an input_bound" if box else "Scale the sequences"
    with pytest.raises(ValueError, match=rf"layer 0 \(preactivation\) range over .*{remedy}"):
        network_operator(network, degree=3, form=form, **domain)
    polynomial = moderate_network(layers, channels=3, seed=5, activation="square")  # needs no fit, and no width
    assert network_operator(polynomial, form=form, **domain).exact


def test_gates_and_deeper_layers_too_wide_are_named():
    network = moderate_network(2, channels=3, seed=5, activation="cube", output="glu")
    with pytest.raises(ValueError, match=r"layer \d \(gate\) range over .*Scale the sequences"):
        network_operator(network, degree=3, sequences=1e3 * sequences())
    assert WIDEST == 1e6


@pytest.mark.parametrize("fit", ["chebyshev", "cosine", "taylor", "least_squares"])
def test_a_fit_of_an_exact_network_is_refused(fit):
    for layers in (1, 2):
        network = moderate_network(layers, channels=3, seed=5, activation="square")
        with pytest.raises(ValueError, match="exact at its own degree: leave the fit out"):
            network_operator(network, sequences=sequences(), fit=fit)
    with pytest.raises(ValueError, match="leave the fit out"):
        network_operator(load_network("digits-quadratic"), input_bound=1.0, length=64, fit=fit)
