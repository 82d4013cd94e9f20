"""The S4 block in diagonal mode and S4D as a family: reference outputs, a plain restatement, false twins, refusals."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.experiments.invariant_letters import entries, steps
from carleman_ssm.families.annotated_s4d import AnnotatedS4D
from carleman_ssm.families.block_output import BlockOutput
from carleman_ssm.families.s4_block import S4Block
from carleman_ssm.families.s4_options import S4Options, stored_parameter, transformed
from carleman_ssm.families.s4_parts import EPSILON
from carleman_ssm.families.s4d import S4D
from carleman_ssm.formulas.numerics import compile_kernel
from carleman_ssm.networks.kernel import modes
from carleman_ssm.recurrences.block_statement import s4_block_statement

DATA = Path(__file__).parent / "data"
FILES = {S4Block: "s4-block__*", S4D: "s4d__*", AnnotatedS4D: "annotated-s4__*"}
CASES = [
    (family, path.name.removesuffix(".reference.npz"))
    for family, pattern in FILES.items()
    for path in sorted((DATA / "zoo").glob(f"{pattern}.reference.npz"))
]
TOLERANCE = 1e-12  # 24 steps in float64, values of size 1 to 10


def stored(name, folder="zoo"):
    with np.load(DATA / folder / f"{name}.npz") as archive:
        tensors = {key: archive[key] for key in archive.files}
    with np.load(DATA / folder / f"{name}.reference.npz") as archive:
        reference = {key: archive[key] for key in archive.files}
    return tensors, json.loads(str(tensors.pop("config"))), reference


def block(name, folder="zoo"):
    tensors, config, reference = stored(name, folder)
    return S4Block.from_tensors(tensors, config), reference


def gap(left, right):
    return float(np.max(np.abs(left - right)))


def test_there_are_reference_files_of_every_kind():
    assert {family for family, _ in CASES} == set(FILES)
    assert len(CASES) >= 10


@pytest.mark.parametrize(("family", "name"), CASES)
def test_layers_compute_what_their_references_do(family, name):
    tensors, config, reference = stored(name)
    layer = family.from_tensors(tensors, config)
    x = reference["x"]
    assert gap(layer(x), reference["y"]) < TOLERANCE
    assert gap(layer(x, "recurrence"), reference["y"]) < TOLERANCE
    assert gap(layer.preactivation(layer.scan(x).states(), x), reference["preactivation"]) < TOLERANCE
    if "kernel" in reference:
        assert gap(layer.kernel(x.shape[1]), reference["kernel"]) < TOLERANCE


@pytest.mark.parametrize("name", ["s4block_legs_zoh", "s4block_inv_bilinear", "s4block_no_output_linear"])
def test_blocks_as_first_initialised_compute_what_their_references_do(name):
    layer, reference = block(name, folder=".")
    assert gap(layer(reference["x"]), reference["y"]) < TOLERANCE


@pytest.mark.parametrize(("family", "name"), CASES)
def test_tensors_come_back_as_they_were_stored(family, name):
    tensors, config, _ = stored(name)
    returned = family.from_tensors(tensors, config).tensors()
    assert returned.keys() == tensors.keys()
    assert all(np.array_equal(returned[key], tensors[key]) for key in tensors)
    assert all(returned[key].shape == tensors[key].shape for key in tensors)


def test_a_plain_loop_over_channels_and_modes_gives_the_same_values():
    tensors, _, reference = stored("s4-block__perturbed_copies")
    part = {key.removeprefix("layer.").removeprefix("kernel."): value for key, value in tensors.items()}
    rate = -np.exp(part["A_real"]) - 1j * part["A_imag"]
    c, b = (part[key][0, ..., 0] + 1j * part[key][0, ..., 1] for key in "CB")
    expected = np.zeros_like(reference["x"])
    for h in range(4):
        step, copy = np.exp(part["inv_dt"][h, 0]), h % 2
        for n in range(4):
            a, state = rate[copy, n], 0
            for k in range(24):
                state = np.exp(step * a) * state + (np.exp(step * a) - 1) / a * b[copy, n] * reference["x"][:, k, h]
                expected[:, k, h] += 2 * (c[h, n] * state).real
        expected[:, :, h] += part["D"][0, h] * reference["x"][:, :, h]
    assert gap(expected, reference["preactivation"]) < TOLERANCE


def test_false_conventions_give_other_values():
    layer, reference = block("s4-block__perturbed_copies")
    x, y = reference["x"], reference["y"]
    twins = {
        "the other sign of the imaginary part": {"A_imag": -layer.A_imag},
        "copies repeated channel by channel": {"A_imag": np.repeat(layer.A_imag, 2, axis=0)},
        "the bilinear rule": {"options": S4Options(disc="bilinear")},
        "no B": {"B": np.ones_like(layer.B)},
        "no feedthrough": {"D": np.zeros_like(layer.D)},
    }
    repeated = twins["copies repeated channel by channel"]
    repeated |= {"A_real": np.repeat(layer.A_real, 2, axis=0), "B": np.repeat(layer.B, 2, axis=0)}
    for words, change in twins.items():
        assert gap(dataclasses.replace(layer, **change)(x), y) > 1e-4, words


def test_the_annotated_layer_is_neither_doubled_nor_gated_by_the_erf_form():
    tensors, config, reference = stored("annotated-s4__glu")
    layer = AnnotatedS4D.from_tensors(tensors, config)
    x = reference["x"]
    assert gap(dataclasses.replace(layer, C=2 * layer.C)(x), reference["y"]) > 1e-2
    assert gap(dataclasses.replace(layer, A_im=-layer.A_im)(x), reference["y"]) > 1e-2
    assert gap(dataclasses.replace(layer, B_re=5 * layer.B_re)(x), reference["y"]) < TOLERANCE
    assert gap(dataclasses.replace(layer, A_re=np.maximum(layer.A_re, -1e-4))(x), reference["y"]) > 1e-3


@pytest.mark.parametrize("name", ["annotated-s4__glu", "annotated-s4__linear"])
def test_the_annotated_layer_is_an_s4d_layer_with_half_the_readout(name):
    tensors, config, reference = stored(name)
    folded = AnnotatedS4D.from_tensors(tensors, config).as_s4d_layer()
    assert gap(folded.preactivation(reference["x"]), reference["preactivation"]) < TOLERANCE


@pytest.mark.parametrize("name", ["s4-block__bandlimit", "s4-block__real", "s4-block__perturbed_copies"])
def test_one_directional_blocks_are_s4d_layers(name):
    layer, reference = block(name)
    folded = layer.as_s4d_layer()
    for method in ("convolution", "recurrence"):
        assert gap(folded.preactivation(reference["x"], method), reference["preactivation"]) < TOLERANCE
    assert modes(folded) is not None  # the enclosed modes behind every certified operator


def test_a_step_for_each_mode_folds_into_the_eigenvalues():
    tensors, config, _ = stored("s4-block__transforms")
    both = S4Block.from_tensors(tensors, config)
    single = dataclasses.replace(both, D=both.D[:1], C=both.C[:1], output=BlockOutput("gelu"))
    x = np.random.default_rng(0).normal(size=(2, 20, 4))
    expected = single.preactivation(single.scan(x).states("recurrence"), x)
    assert gap(single.as_s4d_layer().preactivation(x), expected) < TOLERANCE


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("s4-block__bidirectional", "two directions"),
        ("s4-block__transforms", "several readouts"),
        ("s4-block__dss_rule", "depends on the length"),
    ],
)
def test_blocks_that_are_no_s4d_layer_say_why(name, words):
    with pytest.raises(ValueError, match=words):
        block(name)[0].as_s4d_layer()


def test_modes_that_do_not_decay_are_simulated_and_not_folded():
    layer, _ = block("s4-block__two_copies")
    still = dataclasses.replace(
        layer, A_real=np.zeros((2, 4)), A_imag=np.zeros((2, 4)), options=S4Options(real_transform="none")
    )
    x = np.random.default_rng(1).normal(size=(1, 9, 4))
    step = np.exp(layer.inv_dt[:, 0])
    weight = 2 * np.sum(layer.C[0] * np.tile(layer.B, (2, 1)), axis=1).real
    expected = weight * step * np.cumsum(x, axis=1) + layer.D[0] * x  # A = 0 adds up the inputs
    assert gap(still.preactivation(still.scan(x).states(), x), expected) < TOLERANCE
    with pytest.raises(ValueError, match="do not decay"):
        still.as_s4d_layer()


def test_the_future_starts_after_the_present_step():
    layer, _ = block("s4-block__bidirectional")
    x = np.zeros((1, 8, 4))
    x[0, 5] = 1
    seen = layer.preactivation(layer.scan(x).states(), x)[0] - layer.D[0] * x[0]
    kernel = layer.kernel(8)
    assert gap(seen[5:], kernel[0, :, :3].T) < TOLERANCE
    assert gap(seen[:5], kernel[1, :, :5][:, ::-1].T) < TOLERANCE


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 5, 17]),
    st.sampled_from(["zoh", "bilinear", "dss"]),
    st.booleans(),
    st.sampled_from(["legs", "diag-lin", "diag-inv", "diag-inv2", "diag-quad", "diag-real", "diag-rand"]),
)
def test_the_closed_form_is_the_recurrence(seed, steps, disc, both, init):
    rng = np.random.default_rng(seed)
    drawn = S4Block.initialise(rng, channels=2, d_state=4, init=init, copies=1)
    options = S4Options(disc=disc, bidirectional=both)
    layer = dataclasses.replace(drawn, C=np.tile(drawn.C, (1 + both, 1, 1)), options=options)
    x = np.full((2, steps, 2), 1.5)
    x[1] = rng.normal(size=(steps, 2))
    assert gap(layer(x), layer(x, "recurrence")) < 1e-10 * max(1, np.abs(layer(x)).max())


@settings(max_examples=30)
@given(st.floats(1e-3, 0.99), st.sampled_from(["none", "exp", "relu", "sigmoid", "softplus"]))
def test_transforms_are_inverted_where_the_reference_inverts_them(value, transform):
    excess = 1e-4 if transform == "relu" else 0  # the reference adds it on the way out only
    read = transformed(stored_parameter(np.array([value]), transform), transform)
    assert abs(float(read[0]) - value - excess) < 1e-13


def test_a_trained_network_and_the_family_agree_on_what_reaches_the_activation():
    name = "digits64__L2_H16_N32_gelu_glu_layer__s0"
    tensors, _, reference = stored(name, folder=".")
    prefix = "s4_layers.0."
    part = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    layer = S4D.from_tensors(part, {"activation": "gelu", "output": "glu"})
    encoded = reference["x"][:3] @ tensors["encoder.weight"].T.astype(float) + tensors["encoder.bias"]
    assert gap(layer.preactivation(layer.scan(encoded).states(), encoded), reference["preactivation_0"]) < 1e-9
    with pytest.raises(ValueError, match="the configuration says"):
        S4D.from_tensors(part, {"activation": "gelu", "output": "linear"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "dplr"}, "mode"),
        ({"is_real": True}, "is_real"),
        ({"final_act": "id"}, "final_act"),
        ({"final_act": None}, "final_act"),
        ({"disc": "euler"}, "disc"),
        ({"real_transform": "cube"}, "real_transform"),
        ({"gate": 2}, "gate"),
        ({"activation": "cubic"}, "activation"),
        ({"bandlimit": -1.0}, "bandlimit"),
        ({"bidirectional": True}, "shape"),
        ({"d_state": 16}, "d_state"),
        ({"channels": 2}, "channels"),
    ],
)
def test_configurations_that_contradict_the_tensors_are_refused(change, words):
    tensors, config, _ = stored("s4-block__two_copies")
    with pytest.raises(ValueError, match=words):
        S4Block.from_tensors(tensors, config | change)


def test_missing_and_foreign_tensors_are_named():
    tensors, config, _ = stored("s4-block__two_copies")
    without = {key: value for key, value in tensors.items() if key != "layer.kernel.B"}
    with pytest.raises(ValueError, match=r"missing layer\.kernel\.B"):
        S4Block.from_tensors(without, config)
    with pytest.raises(ValueError, match=r"unknown layer\.kernel\.P"):
        S4Block.from_tensors(tensors | {"layer.kernel.P": np.ones((1, 2, 4, 2))}, config)
    with pytest.raises(ValueError, match="copies"):
        dataclasses.replace(
            S4Block.from_tensors(tensors, config), A_real=np.ones((3, 4)), A_imag=np.ones((3, 4)), B=np.ones((3, 4))
        )
    with pytest.raises(ValueError, match="NaN"):
        S4Block.from_tensors(tensors | {"layer.D": np.full((1, 4), np.nan)}, config)


def test_inputs_beyond_the_longest_kernel_are_refused():
    tensors, config, reference = stored("s4-block__two_copies")
    layer = S4Block.from_tensors(tensors, config | {"l_max": 24})
    assert gap(layer(reference["x"]), reference["y"]) < TOLERANCE
    with pytest.raises(ValueError, match="l_max"):
        layer(np.zeros((1, 25, 4)))
    with pytest.raises(ValueError, match="length 0"):
        layer(np.zeros((1, 0, 4)))


@pytest.mark.symbolic
@pytest.mark.parametrize("disc", ["zoh", "bilinear", "dss"])
@pytest.mark.parametrize("real", [False, True])
def test_the_block_is_its_statement_under_each_rule(disc, real):
    """Four channels with two copies of A and B; real modes are modes of frequency 0."""
    rng = np.random.default_rng(3)
    drawn = S4Block.initialise(rng, channels=4, d_state=4, copies=2, disc=disc)
    layer = dataclasses.replace(
        drawn,
        inv_dt=rng.normal(-1, 0.5, (4, 1)),
        A_real=rng.normal(size=drawn.A_real.shape),
        B=rng.normal(size=drawn.B.shape) + (0 if real else 1j),
        C=drawn.C.real.astype(complex) if real else drawn.C,
        A_imag=None if real else drawn.A_imag,
    )
    inputs = rng.normal(size=(1, 3, 4))
    computed = layer.preactivation(layer.scan(inputs).states(), inputs)[0, -1]
    rules = {rule: s4_block_statement(2, 3, rule).output for rule in ("zoh", "bilinear", "dss")}
    for h in range(4):
        own = {rule: stated_channel(output, layer, h, inputs, copy=h % 2) for rule, output in rules.items()}
        for rule, value in own.items():
            assert (abs(value - computed[h]) <= 1e-11 * abs(computed).max()) == (rule == disc)
        if h in (1, 2):  # the channels that another tiling would give the other copy
            assert abs(stated_channel(rules[disc], layer, h, inputs, copy=h // 2) - computed[h]) > 1e-6


def stated_channel(output, layer, channel, inputs, copy):
    rates = layer.options.eigenvalues(layer.A_real, layer.A_imag)[copy]
    letters = {"Delta": layer.step[channel, 0], "D": layer.D[0, channel], "epsilon": EPSILON}
    letters |= entries("alpha", -rates.real) | entries("omega", -rates.imag) | entries("B", layer.B[copy])
    letters |= entries("c", layer.C[0, channel]) | steps("u", inputs[0, :, channel])
    return complex(compile_kernel(output)(*(letters[str(letter)] for letter in output.arguments)))
