"""Whole networks of S5 and LRU layers: references, exact arithmetic, the operator, its bound and its derivatives."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from scipy.special import log_softmax

from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.lru import LRU
from carleman_ssm.families.network_layer import FamilyLayer
from carleman_ssm.families.networks import load_network
from carleman_ssm.families.s4 import S4
from carleman_ssm.families.s5 import S5
from carleman_ssm.networks.checkpoints import CheckpointError
from carleman_ssm.networks.network import NetworkConfig, Normalization, S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.adjoint import gradients
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.jets import jets
from carleman_ssm.operators.stack_trace import run_logits
from carleman_ssm.report.explain import explain
from tests.error_attacks import fitted_stack, rules_of
from tests.oracles import ball_precision, exact_logits, largest_error

FOLDER = Path(__file__).parent / "data" / "networks"
FILES = sorted(path for path in FOLDER.glob("*.npz") if "reference" not in path.name)
SEEDS = st.integers(0, 2**32 - 1)


def reference(path):
    with np.load(path.with_suffix(".reference.npz")) as stored:
        return stored["x"].astype(np.float64), stored["log_probabilities"]


def random_core(generator, family, channels, modes):
    """Small layers, hard cases on purpose: a zero eigenvalue, equal ones, no feedthrough."""
    pick = generator.choice
    if family == "s4":
        core = S4.initialise(generator, channels=channels, d_state=2 * modes)
        return replace(core, D=core.D * pick([0.0, 1.0]), output=BlockOutput("id"))
    if family == "lru":
        core = LRU.initialise(generator, channels=channels, states=modes, gated=False)
        return replace(core, D=core.D * pick([0.0, 1.0]))
    decay = -np.abs(generator.normal(size=modes)) * pick([0.0, 1.0])
    angle = generator.normal(size=modes) * 3 * pick([0.0, 1.0])
    return S5(
        Lambda_re=np.full(modes, decay[0]) if pick(2) else decay,
        Lambda_im=np.full(modes, angle[0]) if pick(2) else angle,
        B=generator.normal(size=(modes, channels, 2)),
        C=generator.normal(size=(channels, modes, 2)),
        D=generator.normal(size=channels) * pick([0.0, 1.0]),
        log_step=generator.normal(size=(modes, 1)) - 1,
        discretization=str(pick(["zoh", "bilinear"])),
        conj_sym=bool(pick(2)),
        clip_eigs=bool(pick(2)),
        step_rescale=float(pick([0.5, 1.0, 2.0])),
    )


def random_network(seed, activations=("gelu_tanh", "gelu", "identity", "square")):
    generator = np.random.default_rng(seed)
    pick, family = generator.choice, str(generator.choice(["s5", "lru", "s4"]))
    channels, depth = int(generator.integers(1, 4)), int(generator.integers(1, 3))
    output = str(pick(["none", "linear", "glu"]))
    rows = {"none": 0, "linear": channels, "glu": 2 * channels}[output]
    norm = str(pick(["none", "batch", "layer"]))
    cores = [random_core(generator, family, channels, int(generator.integers(1, 4))) for _ in range(depth)]
    rule = {"s5": lambda: cores[0].discretization, "lru": lambda: "zoh", "s4": lambda: "bilinear"}[family]()

    def normalization():
        stats = (generator.normal(size=channels), generator.uniform(0.2, 2, channels)) if norm == "batch" else ()
        found = Normalization(generator.normal(size=channels), generator.normal(size=channels), *stats)
        return None if norm == "none" else found

    layers = tuple(
        FamilyLayer(
            replace(core, discretization=rule) if family == "s5" else core,
            generator.normal(size=(rows, channels)) if rows else None,
            generator.normal(size=rows) if rows else None,
            normalization(),
        )
        for core in cores
    )
    config = NetworkConfig(
        family=family,
        activation=str(pick(activations)),
        output=output,
        norm=norm,
        prenorm=bool(pick(2)),
        residual=bool(pick(2)),
        pool=str(pick(["mean", "last"])),
        discretization=rule,
    )
    encoder, head = generator.normal(size=(channels, 2)), generator.normal(size=(2, channels))
    network = StateSpaceNetwork(
        encoder, generator.normal(size=channels), layers, head, generator.normal(size=2), config
    )
    return network, generator.normal(size=(2, int(generator.integers(1, 7)), 2)) * 0.7


def test_there_are_reference_networks_of_both_families():
    assert {path.stem.split("-")[0] for path in FILES} == {"s5", "lru"}
    assert len(FILES) == 4


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["convolution", "recurrence"])
def test_the_reference_outputs_are_reproduced(path, method):
    x, expected = reference(path)
    # float64 on both sides, 64 steps and at most two layers
    assert np.abs(log_softmax(load_network(path)(x, method), axis=-1) - expected).max() < 1e-11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_network_with_a_wrong_convention_would_be_seen(path):
    x, expected = reference(path)
    network = load_network(path)
    core = network.layers[0].core
    if isinstance(core, S5):
        wrong = [
            replace(core, conj_sym=False),
            replace(core, discretization="bilinear"),
            replace(core, C=core.C * [1, -1]),
        ]
    else:
        wrong = [replace(core, C_im=-core.C_im), replace(core, gamma_log=0 * core.gamma_log)]
    others = [NetworkConfig(**{**network.config.stated(), "activation": "gelu"})]
    layers = [(replace(network.layers[0], core=other), *network.layers[1:]) for other in wrong]
    broken = [
        replace(network, layers=kept) for kept in layers if kept[0].discretization == network.config.discretization
    ]
    broken += [replace(network, config=config) for config in others]
    assert len(broken) >= 3
    for other in broken:
        assert np.abs(log_softmax(other(x), axis=-1) - expected).max() > 1e-6


@given(seed=SEEDS)
@settings(max_examples=25)
def test_simulation_and_exact_arithmetic_agree(seed):
    network, x = random_network(seed)
    exact = exact_logits(network, x)
    size = 1 + float(max(abs(e).upper() for e in exact.ravel()))
    for method in ("convolution", "recurrence"):
        # a few hundred operations on values that norms may have divided by small spreads
        assert largest_error(network(x, method), exact) < 1e-8 * size


@given(seed=SEEDS)
@settings(max_examples=25)
def test_the_enclosed_kernel_encloses_the_kernel_of_the_stored_parameters(seed):
    network, _ = random_network(seed)
    layer, length = network.layers[0], 6
    enclosed = layer.enclosed_kernel(length)
    plain = NetworkConfig(
        activation="identity", output="none", residual=False, pool="none", family=network.config.family
    )
    probe = replace(layer, output_weight=None, output_bias=None, norm=None)
    one = np.eye(layer.channels)
    alone = StateSpaceNetwork(
        one, np.zeros(layer.channels), (probe,), one, np.zeros(layer.channels),
        replace(plain, discretization=layer.discretization),
    )  # fmt: skip
    impulses = np.zeros((layer.channels, length, layer.channels))
    impulses[:, 0] = one
    exact = exact_logits(alone, impulses).reshape(layer.channels, length, layer.channels).transpose(2, 0, 1)
    if enclosed.value.ndim == 2:  # S4 does not mix channels
        exact = exact[np.arange(layer.channels), np.arange(layer.channels)]
    with ball_precision(40):
        for place in np.ndindex(exact.shape):
            gap = abs(exact[place] - float(enclosed.value[place]))
            assert gap.lower() <= float(enclosed.error[place])
    assert enclosed.error.max() < 1e-10 * (1 + np.abs(enclosed.value).max())


@given(seed=SEEDS)
@settings(max_examples=25)
def test_the_certified_bound_contains_the_error_of_the_operator(seed):
    network, x = random_network(seed, activations=("gelu_tanh", "square"))
    operator = network_operator(network, sequences=x, degree=None if _is_exact(rules_of(network)) else 6)
    bounds, exact = operator.bounds(x).per_sequence, exact_logits(network, x)
    for place in np.ndindex(bounds.shape):
        assert largest_error(operator(x)[place], exact[place]) <= bounds[place]


def test_a_planted_error_of_a_mixed_kernel_exceeds_the_bound():
    network, x = random_network(3, activations=("square",))
    operator = network_operator(network, sequences=x)
    broken = replace(network.layers[0], core=replace(network.layers[0].core, D=network.layers[0].core.D + 1e-6))
    exact = exact_logits(replace(network, layers=(broken, *network.layers[1:])), x)
    assert largest_error(operator(x), exact) > operator.bounds(x).per_sequence.max()


def _is_exact(rules):
    return all(rule.activation.is_polynomial and (rule.gate is None or rule.gate.is_polynomial) for rule in rules)


@given(seed=SEEDS)
@settings(max_examples=15)
def test_gradients_and_jets_are_those_of_the_operator(seed):
    network, x = random_network(seed, activations=("gelu_tanh", "square"))
    stack, decoders, _ = fitted_stack(network, x, 8, margin=0.5)
    direction = np.random.default_rng(seed + 1).normal(size=x.shape) * 1e-5

    def logits(values):
        return run_logits(stack, decoders, values)

    slope = (logits(x + direction) - logits(x - direction)) / 2
    found = np.einsum("bcld,bld->bc", gradients(stack, decoders, x), direction)
    scale = np.abs(found).max() + np.abs(logits(x)).max()
    assert np.abs(found - slope).max() < 1e-6 * scale
    first = jets(stack, decoders, x[0], x[:1] + direction[:1], 1)
    assert np.abs(first[1] - found[:1]).max() < 1e-9 * scale


@pytest.mark.parametrize("path", FILES[:2], ids=lambda path: path.stem)
def test_a_trained_network_has_a_certified_operator(path):
    x, _ = reference(path)
    network = load_network(path)
    operator = network_operator(network, sequences=x[:8])
    assert np.abs(operator(x[:8]) - network(x[:8])).max() <= operator.certified_error.max() + 1e-10
    assert operator.certified_classes(x[:8]).all()


def rewritten(tmp_path, path, config=None, **changes):
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    if config is not None:
        arrays["config"] = np.array(config)
    arrays |= {name.replace("__", "/"): value for name, value in changes.items()}
    target = tmp_path / "network.npz"
    np.savez(target, **{name: value for name, value in arrays.items() if value is not None})
    return target


def test_wrong_files_are_refused_with_what_is_wrong(tmp_path):
    s5, lru = (next(path for path in FILES if path.stem == name) for name in ("s5-digits", "lru-digits"))
    cases = [
        (rewritten(tmp_path, s5, config="{}"), {}, "give norm, prenorm, pool"),
        (s5, {"pool": "last"}, "pool"),
        (s5, {"pooling": "mean"}, "unknown configuration entries pooling"),
        (lru, {"activation": "gelu"}, "unknown configuration entries activation"),
    ]
    for path, config, words in cases:
        with pytest.raises(CheckpointError, match=words):
            load_network(path, config)
    bad = {
        "missing key decoder/kernel": {"params__decoder__kernel": None},
        "unknown tensors extra": {"params__extra": np.zeros(3)},
        "wrong dtype": {"params__decoder__bias": np.zeros(10, dtype=np.int64)},
        "NaN": {"params__encoder__layers_0__seq__D": np.full(12, np.nan)},
    }
    for words, changes in bad.items():
        with pytest.raises(CheckpointError, match=words):
            load_network(rewritten(tmp_path, s5, **changes))
    half = '{"activation": "half_glu2", "norm": "batch", "prenorm": true, "pool": "mean"}'
    with pytest.raises(CheckpointError, match="half_glu2"):
        load_network(rewritten(tmp_path, s5, config=half))
    with pytest.raises(CheckpointError, match="no such file"):
        load_network(tmp_path / "nothing.npz")


def test_the_activation_of_blocks_without_maps_is_not_guessed(tmp_path):
    """GELU or none: the tensors of S5 are the same, and a network of the package has GELU."""
    path = next(path for path in FILES if path.stem == "s5-digits")
    with np.load(path) as stored:
        maps = {name.replace("/", "__"): None for name in stored.files if "/out" in name}
        stated = json.loads(str(stored["config"]))
    plain = {name: value for name, value in stated.items() if name != "activation"}
    for said, words in (({}, "gelu or none"), ({"activation": "none"}, "none of S5's networks")):
        with pytest.raises(CheckpointError, match=words):
            load_network(rewritten(tmp_path, path, config=json.dumps(plain | said), **maps))
    network = load_network(rewritten(tmp_path, path, config=json.dumps(plain | {"activation": "gelu"}), **maps))
    assert (network.config.activation, network.config.output) == ("gelu_tanh", "none")


def test_a_batch_norm_without_its_statistics_is_no_layer_norm(tmp_path):
    for path in FILES:
        with np.load(path) as stored:
            statistics = {name.replace("/", "__"): None for name in stored.files if name.startswith("batch_stats/")}
        if statistics:
            with pytest.raises(CheckpointError, match="batch_stats"):
                load_network(rewritten(tmp_path, path, **statistics))
            other = '{"norm": "layer", "prenorm": false, "pool": "mean"}'
            with pytest.raises(CheckpointError, match="norm 'layer': unknown"):
                load_network(rewritten(tmp_path, path, config=other))
        else:
            other = '{"norm": "batch", "prenorm": false, "pool": "mean"}'
            with pytest.raises(CheckpointError, match="norm 'batch': missing"):
                load_network(rewritten(tmp_path, path, config=other))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_tensor_of_a_network_can_be_left_out_unseen(tmp_path, path):
    with np.load(path) as stored:
        names = [name for name in stored.files if name != "config"]
    for name in names:
        with pytest.raises(CheckpointError, match=r"missing|maps|out1|out2|activation|together"):
            load_network(rewritten(tmp_path, path, **{name.replace("/", "__"): None}))


def test_the_configuration_beside_a_file_is_read(tmp_path):
    with np.load(FILES[0]) as stored:
        arrays = {name: stored[name] for name in stored.files}
    config = str(arrays.pop("config"))
    np.savez(tmp_path / "bare.npz", **arrays)
    with pytest.raises(CheckpointError, match="give norm"):
        load_network(tmp_path / "bare.npz")
    (tmp_path / "bare.json").write_text(config)
    assert load_network(tmp_path / "bare.npz").config == load_network(FILES[0]).config


def test_s4d_networks_are_read_as_before():
    assert isinstance(load_network("frequencies"), S4DNetwork)
    network, _ = random_network(1)
    with pytest.raises(TypeError, match="S4DLayer"):
        S4DNetwork(
            network.encoder_weight, network.encoder_bias, network.layers, network.decoder_weight, network.decoder_bias,
            replace(network.config, family="s4d"),
        )  # fmt: skip


def test_a_core_with_an_activation_of_its_own_or_of_another_kind_is_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="activation of its own"):
        FamilyLayer(LRU.initialise(generator, channels=2, states=2))
    with pytest.raises(TypeError, match="S5, LRU or S4"):
        FamilyLayer(np.eye(2))


def test_explain_reads_a_network_of_another_family(tmp_path):
    x, _ = reference(FILES[0])
    np.savez(tmp_path / "x.npz", x=x[:4])
    found = explain(
        str(FILES[0]), inputs=tmp_path / "x.npz", output=tmp_path / "out", degree=8, console=Console(quiet=True)
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["max_abs_error_vs_polynomial_simulation"] < 1e-9
    assert "pairs_of_modes" not in report
    assert found.operator.network.layers[0].kind in (tmp_path / "out" / "report.html").read_text()
