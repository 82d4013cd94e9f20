"""Language models of Mamba layers: logits of the reference, one step at a time, causality, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.mamba_language_model import MambaBlock, MambaLanguageModel, load_language_model
from carleman_ssm.networks.containers import CheckpointError

DATA = Path(__file__).parent / "data" / "zoo" / "models"
MODELS = {"mamba__language_model": Mamba, "mamba2__language_model": Mamba2}
AGREEMENT = 1e-12  # of the largest logit: two layers of sums of at most 40 products


def reference(name):
    with np.load(DATA / f"{name}.reference.npz") as file:
        return dict(file)


def stored(name):
    with np.load(DATA / f"{name}.npz") as file:
        return {key: file[key] for key in file.files if key != "config"}, json.loads(str(file["config"]))


def distance(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("method", ["closed", "recurrence"])
@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_the_reference(name, method):
    model, known = load_language_model(DATA / f"{name}.npz"), reference(name)
    assert {type(block.mixer) for block in model.blocks} == {MODELS[name]}
    assert distance(model.hidden(known["tokens"], method), known["hidden"]) < AGREEMENT
    assert distance(model(known["tokens"], method), known["logits"]) < AGREEMENT


@pytest.mark.parametrize("name", MODELS)
def test_parameters_return_under_their_keys(name):
    tensors, config = stored(name)
    back = MambaLanguageModel.from_tensors(tensors, config).tensors()
    assert back.keys() == tensors.keys()
    assert all((back[key] == tensors[key]).all() for key in tensors)
    renamed = {key.replace("embedding.", "embeddings."): value for key, value in tensors.items()}
    again = MambaLanguageModel.from_tensors(renamed, config)
    assert (again.embedding_weight == tensors["backbone.embedding.weight"]).all()


def test_a_tied_decoder_is_the_embedding():
    tensors, config = stored("mamba__language_model")
    known = reference("mamba__language_model")
    without = {key: value for key, value in tensors.items() if key != "lm_head.weight"}
    model = MambaLanguageModel.from_tensors(without, config)
    assert model.lm_head_weight is None
    assert distance(model(known["tokens"]), known["logits"]) < AGREEMENT
    assert "lm_head.weight" not in model.tensors()


@pytest.mark.parametrize("name", MODELS)
def test_later_tokens_do_not_change_earlier_logits(name):
    model, tokens = load_language_model(DATA / f"{name}.npz"), reference(name)["tokens"].copy()
    before = model(tokens)
    tokens[:, 5:] = (tokens[:, 5:] + 1) % 11
    after = model(tokens)
    np.testing.assert_allclose(after[:, :5], before[:, :5], rtol=0, atol=1e-13 * np.abs(before).max())
    assert np.abs(after[:, 5:] - before[:, 5:]).max() > 1e-2


@pytest.mark.parametrize(
    "twin",
    [
        lambda m, b: MambaLanguageModel(m.embedding_weight, b[::-1], m.norm_f_weight, m.lm_head_weight),
        lambda m, b: MambaLanguageModel(m.embedding_weight, b, m.norm_f_weight, m.lm_head_weight, norm_eps=0.1),
        lambda m, b: MambaLanguageModel(m.embedding_weight, b[:1], m.norm_f_weight, m.lm_head_weight),
    ],
)
def test_other_models_have_other_logits(twin):
    known = reference("mamba__language_model")
    model = load_language_model(DATA / "mamba__language_model.npz")
    assert distance(twin(model, model.blocks)(known["tokens"]), known["logits"]) > 1e-2


def test_tokens_that_the_model_does_not_have_are_refused():
    model = load_language_model(DATA / "mamba__language_model.npz")
    with pytest.raises(ValueError, match="numbers from 0 to 15, got 0 to 16"):
        model([[0, 16]])
    with pytest.raises(ValueError, match=r"\(batch, length\) with at least one step"):
        model([1, 2])
    with pytest.raises(TypeError, match="expected integers"):
        model([[0.0, 1.0]])


def test_models_of_other_layers_are_refused_by_name():
    tensors, config = stored("mamba__language_model")
    ones = np.ones((2, 2))
    cases = [
        (tensors | {"backbone.layers.0.mlp.fc1.weight": ones}, config, "not known here: backbone.layers.0.mlp.fc1"),
        (tensors | {"backbone.norm_f.bias": ones}, config, "not known here: backbone.norm_f.bias"),
        (tensors | {"backbone.layers.3.norm.weight": ones}, config, "without a gap"),
        (tensors | {"backbone.layers.2.norm.weight": ones}, config, "layer 2: expected norm.weight and a mixer"),
        (tensors | {"backbone.layers.1.mixer.dt_bias": ones}, config, "layer 1: Mamba: .*not known here: dt_bias"),
        ({k: v for k, v in tensors.items() if "embedding" not in k}, config, "missing backbone.embedding.weight"),
        (tensors, config | {"n_layer": 3}, "says n_layer = 3, the parameters say 2"),
        (tensors, config | {"rms_norm": False}, "says rms_norm = False"),
        (tensors | {"backbone.norm_f.weight": np.ones(5)}, config, "norm_f_weight"),
        ({k: v for k, v in tensors.items() if "layers" not in k}, {}, "blocks of 6 channels"),
    ]
    for spoiled, settings, message in cases:
        with pytest.raises(ValueError, match=message):
            MambaLanguageModel.from_tensors(spoiled, settings)
    with pytest.raises(ValueError, match="norm_weight"):
        MambaBlock(np.ones(3), Mamba.initialise(np.random.default_rng(0)))


def written(folder, tensors, config):
    np.savez(folder / "model.npz", **tensors, config=np.array(json.dumps(config)))
    return folder / "model.npz"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tie_word_embeddings": False}, "says tie_word_embeddings = False, but lm_head.weight is not there"),
        ({"tie_embeddings": "no"}, "tie_embeddings must be true or false"),
        ({"vocab_size": 19}, "says vocab_size = 19 in multiples of 8, the embedding has 16 rows"),
        ({"expand": 7}, "says expand = 7"),
        ({"intermediate_size": 99}, "says d_inner = 99"),
        ({"num_heads": 99}, "unknown configuration entries num_heads"),
        ({"attn_layer_idx": [1]}, r"attn_layer_idx = \[1\], but no layer has attention"),
        ({"layer_norm_epsilon": -1.0}, "norm_eps must be a number of 0 or more, got -1"),
        ({"norm_epsilon": 0.5}, "unknown configuration entries norm_epsilon"),
        ({"rms_norm_eps": 0.5}, "unknown configuration entries rms_norm_eps"),
        ({"ssm_cfg": {"d_state": 3, "no_such": 1}}, "unknown configuration entries no_such"),
        ({"use_bias": True}, "says bias = True"),
    ],
)
def test_a_configuration_that_contradicts_the_tensors_is_refused(entry, message, tmp_path):
    tensors, config = stored("mamba__language_model")
    tied = {name: value for name, value in tensors.items() if name != "lm_head.weight"}
    load_language_model(written(tmp_path, tied, config))
    rest = {name: value for name, value in config.items() if name not in entry and name != "tie_embeddings"}
    with pytest.raises(CheckpointError, match=message):
        load_language_model(written(tmp_path, tied, rest | entry))
    with pytest.raises(CheckpointError, match=message):
        load_language_model(written(tmp_path, tied, rest), entry)


def test_a_tied_decoder_that_is_another_matrix_is_refused(tmp_path):
    tensors, config = stored("mamba__language_model")
    other = tensors | {"lm_head.weight": tensors["lm_head.weight"] + 1}
    with pytest.raises(CheckpointError, match=r"says tie_embeddings = True, but lm_head\.weight is not"):
        load_language_model(written(tmp_path, other, config | {"tie_embeddings": True}))
    assert load_language_model(written(tmp_path, other, config | {"tie_embeddings": False})).lm_head_weight is not None


def test_heads_of_a_mamba2_model_are_compared(tmp_path):
    tensors, config = stored("mamba2__language_model")
    heads = len(tensors["backbone.layers.0.mixer.A_log"])
    load_language_model(written(tmp_path, tensors, config | {"num_heads": heads}))
    with pytest.raises(CheckpointError, match="says num_heads = 99"):
        load_language_model(written(tmp_path, tensors, config | {"num_heads": 99}))


def test_two_keys_of_one_tensor_are_refused(tmp_path):
    tensors, config = stored("mamba__language_model")
    twice = tensors | {key.replace("layers.0.", "layers.00."): value for key, value in tensors.items()}
    with pytest.raises(CheckpointError, match=r"another key says .* of layer 0"):
        load_language_model(written(tmp_path, twice, config))


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"missing backbone\.embedding\.weight"):
        load_language_model(DATA.parent / "mamba__default.npz")
    with pytest.raises(CheckpointError, match="n_layer"):
        load_language_model(DATA / "mamba__language_model.npz", {"n_layer": 5})
    with pytest.raises(CheckpointError):
        load_language_model(tmp_path / "none.npz")
