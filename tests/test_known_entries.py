"""Configurations and keys: no entry is without effect, no tensor can go missing unnoticed, switches are booleans."""

import json
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.families.importers import READERS, load_layer
from carleman_ssm.families.known_entries import LAYER, MODEL, layer_settings
from carleman_ssm.networks.containers import CheckpointError

FOLDER = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in FOLDER.glob("*.npz") if not path.name.endswith(".reference.npz"))
BARE = "fla-linear-attention"
"""Without a norm its four projections could be those of another dialect."""
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def dialect_of(path):
    """The first part of the name."""
    return path.name.partition("__")[0]


def stored(path):
    """Tensors and configuration of a file."""
    content = dict(np.load(path))
    return {name: value for name, value in content.items() if name != "config"}, json.loads(str(content["config"]))


def read(path, folder, tensors, stated, config=None):
    """A file of these read as a layer of the dialect of `path`."""
    np.savez(folder / "layer.npz", **tensors, config=np.array(json.dumps(stated)))
    dialect = dialect_of(path) if dialect_of(path) == BARE else None
    return load_layer(folder / "layer.npz", dialect=dialect, config=config)


def test_every_dialect_has_its_entries():
    assert set(LAYER) == set(READERS)


@every_file
def test_an_entry_that_nobody_knows_is_refused(path, tmp_path):
    tensors, config = stored(path)
    for more in ({"stored": {"no_such_entry": 3}}, {"given": {"no_such_entry": 3}}):
        with pytest.raises(CheckpointError, match=r"unknown configuration entries no_such_entry: .* known for"):
            read(path, tmp_path, tensors, config | more.get("stored", {}), config=more.get("given"))
    with pytest.raises(CheckpointError, match="unknown configuration entries vocab_size"):
        read(path, tmp_path, tensors, config, config={"vocab_size": 7})
    read(path, tmp_path, tensors, config | {"vocab_size": 7, "tie_word_embeddings": True})  # of the model around it


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("s4-block__two_copies", {"discretization": "bilinear"}),
        ("h3__bilinear", {"discretization": "zoh"}),
        ("h3__bilinear", {"shift_kernel_k": 1}),
        ("s4d__perturbed", {"disc": "bilinear"}),
        ("s4-dplr__rank_two", {"discretization": "zoh"}),
        ("s4-dplr__rank_two", {"disc": "zoh"}),
        ("mamba__default", {"ssm_cfg": {"no_such_entry": 1}}),
        ("mamba2__default", {"num_heads": 99}),
        ("mamba2__default", {"expand": 7}),
        ("mamba__default", {"expand": 7}),
        ("mamba__default", {"intermediate_size": 99}),
        ("mamba__default", {"use_bias": True}),
        ("fla-gla__default", {"expand_k": 2.0}),
        ("fla-retnet__default", {"expand_v": 1.0}),
        ("fla-linear-attention__hadamard", {"expand_v": 2.0}),
        ("fla-delta-net__default", {"conv_size": 3}),
        ("fla-gated-delta-net__default", {"conv_bias": True}),
        ("s4d__perturbed", {"d_state": 9}),
        ("s4d__perturbed", {"family": "s5"}),
        ("annotated-s4__glu", {"N": 7}),
    ],
)
def test_entries_of_another_dialect_and_contradictions_are_refused(name, entry, tmp_path):
    path = FOLDER / f"{name}.npz"
    tensors, config = stored(path)
    kept = {key: value for key, value in config.items() if key not in entry}
    read(path, tmp_path, tensors, kept)
    for places in ((kept | entry, {}), (kept, entry)):
        with pytest.raises(CheckpointError, match=rf"unknown|says|has the bilinear rule|{next(iter(entry))}"):
            read(path, tmp_path, tensors, places[0], config=places[1])


def test_the_model_around_a_layer_is_set_aside_only_where_the_file_says_it():
    assert layer_settings("s7", {"gelu_form": "erf", "torch_dtype": "float32"}, {}) == {"gelu_form": "erf"}
    assert {"vocab_size", "torch_dtype", "prenorm"} <= MODEL
    with pytest.raises(CheckpointError, match="torch_dtype"):
        layer_settings("s7", {}, {"torch_dtype": "float32"})
    with pytest.raises(CheckpointError, match="the checkpoint has 'erf', given is 'tanh'"):
        layer_settings("s7", {"gelu_form": "erf"}, {"gelu_form": "tanh"})


GATED = {"g_norm_swish_gate.weight": "elementwise_affine", "g_norm.weight": "elementwise_affine"}
LEGITIMATE = {
    "mamba": {"conv1d.bias": "conv_bias"},
    "mamba2": {"conv1d.bias": "conv_bias", "norm.weight": "rmsnorm"},
    "fla-delta-net": {"b_proj.weight": "use_beta"},
    "fla-gated-delta-net": {"g_proj.weight": "use_gate"},
    "fla-gla": {**GATED, "g_proj.weight": "use_output_gate"},
    "fla-linear-attention": {"norm.weight": "elementwise_affine"},
    "fla-retnet": {**GATED, "g_proj.weight": "use_output_gate"},
}
"""Tensors that the reference leaves out of a layer by an option: where the configuration does not state it."""


@every_file
def test_no_tensor_is_missing_unnoticed(path, tmp_path):
    """Each key alone removed: refused, or the tensors of a layer with another option that nobody stated."""
    tensors, config = stored(path)
    legitimate = LEGITIMATE.get(dialect_of(path), {})
    for key in tensors:
        left = {name: value for name, value in tensors.items() if name != key}
        option = legitimate.get(key)
        fused = key == "g_proj.weight" and "g_norm_swish_gate.weight" in tensors  # a norm that only a gated layer has
        if option is None or config.get(option) or fused:
            with pytest.raises(CheckpointError, match="layer"):
                read(path, tmp_path, left, config)
        else:
            read(path, tmp_path, left, config | {option: False})
            with pytest.raises(CheckpointError, match=option):
                read(path, tmp_path, left, config | {option: True})


@pytest.mark.parametrize("name", ["s4d__perturbed", "s4-block__two_copies", "s4-dplr__legs", "dss__softmax"])
def test_half_of_a_linear_map_is_refused(name, tmp_path):
    path = FOLDER / f"{name}.npz"
    tensors, config = stored(path)
    config.pop("postact", None)
    config.pop("final_act", None)
    (weight,) = (key for key in tensors if key.startswith("output_linear") and key.endswith(".weight"))
    for key in (weight, weight.replace("weight", "bias")):
        with pytest.raises(CheckpointError, match="one weight and one bias"):
            read(path, tmp_path, {other: value for other, value in tensors.items() if other != key}, config)
    assert read(path, tmp_path, {k: v for k, v in tensors.items() if "output_linear" not in k}, config)


@pytest.mark.parametrize("wrong", ["false", "yes", 1, 0])
@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("s5__conj_zoh_half_glu1", "conj_sym"),
        ("s5__conj_zoh_half_glu1", "clip_eigs"),
        ("mamba2__groups_norm", "norm_before_gate"),
        ("fla-delta-net__default", "allow_neg_eigval"),
        ("fla-gated-delta-net__default", "allow_neg_eigval"),
        ("fla-linear-attention__hadamard", "norm_q"),
        ("fla-gla__default", "fuse_norm"),
        ("s4-block__two_copies", "dt_fast"),
        ("s4-block__two_copies", "bidirectional"),
        ("dss__softmax", "bidirectional"),
    ],
)
def test_switches_are_true_or_false(name, entry, wrong, tmp_path):
    path = FOLDER / f"{name}.npz"
    tensors, config = stored(path)
    with pytest.raises(CheckpointError, match=entry):
        read(path, tmp_path, tensors, config | {entry: wrong})


@pytest.mark.parametrize("wrong", [2.5, -3, [3], [3, 4]])
def test_a_number_of_lags_is_one_whole_number(wrong, tmp_path):
    path = FOLDER / "s4-dplr__legs.npz"
    tensors, config = stored(path)
    with pytest.raises(CheckpointError, match=r"layer\.kernel\.l_kernel: expected one whole number of steps"):
        read(path, tmp_path, tensors | {"layer.kernel.l_kernel": np.asarray(wrong)}, config)


@pytest.mark.parametrize("index", ["0", None, 0.0, True])
def test_a_layer_is_chosen_by_an_integer(index):
    with pytest.raises(TypeError, match="layer must be an integer"):
        load_layer(FOLDER / "s7__erf.npz", layer=index)
