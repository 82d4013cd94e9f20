"""`explain` speaks of waves and pairs only where a degree of the decoders is an order of the input."""

from types import SimpleNamespace

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.decoders import FittedDecoders
from carleman_ssm.operators.wiener import orthogonal_orders, p_is_order
from carleman_ssm.report.explanation import Explanation
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.report.order_words import order_words, why_no_orders
from carleman_ssm.report.orders_figure import orders_figure
from tests.strategies_networks import moderate_network
from tests.test_explain import read, run

WAVES = ("waves only", "pairs only", "waves and pairs", "without pairs", "without waves")


def flat(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """Terminal, page and report of two shipped networks of the same task: one layer, and a deep gated one."""
    found = {}
    for name in ("digits-gelu", "digits-deep-block"):
        folder, sequences = tmp_path_factory.mktemp(name), shipped_sequences(name)
        np.savez(folder / "x.npz", x=sequences.x[:24], y=sequences.y[:24])
        result = run(name, "--inputs", folder / "x.npz", "--degree", 12, "--output", folder)
        assert result.exit_code == 0, result.error
        page = (folder / "report.html").read_text(encoding="utf-8").split("data:image")
        texts = [flat(result.output), *map(flat, page), flat((folder / "report.json").read_text(encoding="utf-8"))]
        found[name] = SimpleNamespace(texts=texts, output=texts[0], page="".join(texts[1:-1]), report=read(folder))
    return found


@pytest.mark.parametrize("word", WAVES)
def test_waves_are_named_in_one_layer_and_never_in_a_deep_block(explained, word):
    for text in explained["digits-deep-block"].texts:
        assert word not in text
    for text in (explained["digits-gelu"].output, explained["digits-gelu"].page, explained["digits-gelu"].texts[-1]):
        assert word in text


def test_a_deep_block_is_told_by_degree_of_its_decoders_and_why(explained):
    deep, one = explained["digits-deep-block"], explained["digits-gelu"]
    why = "no order of the input: through 2 layers decoders with gates of degree p reach up to degree (p + p²)^2 of it"
    for text in (deep.output, deep.page, deep.report["order_means"]):
        assert "decoders of degree ≤" in text
        assert why in text
        assert "LayerNorm is no polynomial" in text
    for text in one.texts:
        assert "decoders of degree ≤" not in text
        assert "no order of the input" not in text
    assert "decoders of degree ≤ 1" in deep.report["accuracy_without"]


def test_true_orders_are_offered_and_said_to_cancel(explained):
    for found in explained.values():
        taylor, logits = found.report["taylor_orders"], np.array(found.report["logits"])
        centred = logits - logits.mean(axis=1, keepdims=True)
        assert taylor["n_sequences"] == len(logits) == 24
        assert max(taylor["spread"]) > np.sqrt((centred**2).mean())
        assert "cancel one another and mislead" in found.output
        assert "taylor_orders in report.json" in found.output
    assert "True orders of the input exist" in explained["digits-deep-block"].output


@pytest.mark.parametrize("name", ["digits-gelu", "digits-deep-block"])
def test_the_figure_uses_the_words_of_the_report(name):
    sequences = shipped_sequences(name)
    operator = network_operator(load_network(name), sequences=sequences.x[:8], degree=8)
    figure = orders_figure(Explanation(name, operator, sequences.x[:8], sequences.y[:8], False))
    figure.canvas.draw()
    ticks = [label.get_text() for axis in figure.axes for label in axis.get_yticklabels()]
    words = [*ticks, *(axis.get_xlabel() for axis in figure.axes), figure.get_supxlabel()]
    drawn = flat(" ".join(words))
    waves = name == "digits-gelu"
    assert ("waves" in drawn) == ("pairs only" in drawn) == waves
    assert ("decoders of degree ≤ p" in drawn) == ("no order of the input" in drawn) != waves


def degree_along_a_segment(parts, points):
    """Smallest degree of a polynomial that passes through values (points, classes) along a straight line of inputs."""
    for degree in range(12):
        basis = np.polynomial.chebyshev.chebvander(points, degree)
        rest = parts - basis @ np.linalg.lstsq(basis, parts, rcond=None)[0]
        if np.abs(rest).max() < 1e-12 * np.abs(parts).max():
            return degree
    return None


@pytest.mark.parametrize(
    ("layers", "entries", "reached"),
    [
        (1, {"norm": "batch"}, {1: 1, 2: 2, 3: 3}),
        (1, {"output": "glu"}, {1: 2, 2: 6}),
        (2, {}, {1: 1, 2: 4}),
        (2, {"output": "glu"}, {1: 4}),
        (1, {"norm": "layer"}, {1: None, 2: None}),
        (2, {"norm": "rms", "prenorm": True}, {1: None}),
    ],
)
def test_decoders_of_degree_p_reach_the_degree_that_is_said(layers, entries, reached, monkeypatch):
    """Along a straight line of inputs, by interpolation; where p is no order, another degree than p is found."""
    # Beyond the observed arguments fits are constant; a cut first layer sends the second there. Here the polynomials.
    monkeypatch.setattr(FittedDecoders, "position", lambda fit, y: (y - fit.centre) / fit.half_width)
    network = moderate_network(layers, seed=1, **entries)
    generator, points = np.random.default_rng(2), np.cos(np.pi * (np.arange(40) + 0.5) / 40)
    first, last = 3 * generator.normal(size=(2, 10, 1))
    inputs = (first + last) / 2 + points[:, None, None] * (last - first) / 2
    operator = network_operator(network, sequences=inputs, degree=10, form="stack")
    parts = orthogonal_orders(operator, inputs, observed=inputs, degree=3)
    found = {p: degree_along_a_segment(parts[..., : p + 1].sum(axis=-1), points) for p in reached}
    assert found == reached
    is_order = p_is_order(operator.stack)
    assert is_order == all(p == degree for p, degree in reached.items())
    assert order_words(operator).first.startswith("waves only" if is_order else "decoders of degree ≤ 1")
    if not is_order:
        said = why_no_orders(operator)
        assert (None in reached.values()) == ("is no polynomial" in said)
        gated, power = entries.get("output") == "glu", f"^{layers}" if layers > 1 else ""
        assert (f"degree {'(p + p²)' if gated and power else 'p + p²' if gated else 'p'}{power} of it" in said) == (
            gated or layers > 1
        )


@pytest.mark.parametrize("entries", [{}, {"norm": "batch"}, {"output": "glu", "gate": "identity"}])
def test_polynomial_networks_of_any_depth_keep_their_waves(entries):
    """Their orders are total degrees, so order 1 is the waves at any depth and through gates."""
    network = moderate_network(2, activation="square", **entries)
    inputs = np.random.default_rng(3).normal(size=(4, 8, 1))
    operator = network_operator(network, sequences=inputs)
    assert order_words(operator).first == "waves only (orders 0, 1)"
    kept = Explanation("x", operator, inputs, None, False).accuracy_without
    assert list(kept)[:2] == ["all orders", "waves only (orders 0, 1)"]


@pytest.mark.parametrize("entries", [{"norm": "layer"}, {"norm": "rms"}])
def test_a_polynomial_activation_beside_a_norm_that_is_none_has_no_waves(entries):
    network = moderate_network(1, activation="square", **entries)
    operator = network_operator(network, sequences=np.random.default_rng(4).normal(size=(4, 8, 1)))
    assert operator.exact
    assert order_words(operator).first == "decoders of degree ≤ 1"
    assert "in one layer" not in why_no_orders(operator)
