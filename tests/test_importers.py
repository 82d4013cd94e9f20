"""Layers of every dialect through one door: its own reference file loads and gives the outputs of the reference."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from carleman_ssm.families.conventions import CONVENTIONS
from carleman_ssm.families.conversion import convert
from carleman_ssm.families.importers import READERS, load_layer, open_checkpoint, save_layer
from carleman_ssm.families.networks import load_network as load_any_network
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.containers import CheckpointError
from carleman_ssm.report.cli import main

FOLDER = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in FOLDER.glob("*.npz") if not path.name.endswith(".reference.npz"))
BARE = {"fla-linear-attention__identity"}
"""Files of four projections and nothing else, which two dialects could have written."""


def dialect_of(path):
    """The dialect is the first part of the name."""
    return path.name.partition("__")[0]


def reference(path):
    """Inputs and outputs of the public implementation, by name."""
    return np.load(path.with_name(f"{path.stem}.reference.npz"))


def stored(path):
    """Tensors and configuration text of a file."""
    content = dict(np.load(path))
    return {name: value for name, value in content.items() if name != "config"}, str(content.get("config", "{}"))


def write(path, tensors, config="{}"):
    """An npz checkpoint."""
    np.savez(path, **tensors, config=np.array(config))
    return path


def expected(path):
    """What to say of the dialect: nothing, unless the keys leave it open."""
    return dialect_of(path) if path.stem in BARE else None


def test_every_file_has_its_reference_and_every_dialect_has_a_file():
    assert FILES
    assert all(path.with_name(f"{path.stem}.reference.npz").is_file() for path in FILES)
    assert {dialect_of(path) for path in FILES} == set(READERS)
    assert set(READERS) == set(CONVENTIONS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_layer_of_a_file_gives_the_outputs_of_the_reference(path):
    layer, other = load_layer(path, dialect=expected(path)), reference(path)
    assert layer.dialect == dialect_of(path)
    for method in ("closed", "recurrence"):
        # 1e-9: both sides in float64, sums of a few dozen terms of order one; files in float32 state their own.
        assert np.abs(layer(other["x"], method=method) - other["y"]).max() <= 1e-9 * max(1, np.abs(other["y"]).max())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_layer_is_found_in_a_checkpoint_and_what_is_beside_it_is_listed(path, tmp_path):
    tensors, config = stored(path)
    folder = "params/encoder/layers_{}/" if any("/" in name for name in tensors) else "backbone.layers.{}.mixer."
    many = {folder.format(index) + name: value for index in (2, 10) for name, value in tensors.items()}
    other = {"backbone.norm_f.weight": np.ones(3), "lm_head.weight": np.zeros((3, 3))}
    file = write(tmp_path / "many.npz", many | other, config)
    found = open_checkpoint(file, expected(path))
    assert [layer.prefix for layer in found.layers] == [folder.format(i).replace("/", ".") for i in (2, 10)]
    assert found.unused == tuple(other)
    inputs = reference(path)["x"]
    same = load_layer(path, dialect=expected(path))(inputs)
    assert np.array_equal(load_layer(file, layer=1, dialect=expected(path))(inputs), same)
    for index in (2, -1):
        with pytest.raises(CheckpointError, match=f"no layer {index}; there are 2"):
            load_layer(file, layer=index, dialect=expected(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_layer_is_written_and_read_back(path, suffix, tmp_path):
    tensors, config = stored(path)
    layer = load_layer(path, dialect=expected(path))
    save_layer(layer, tmp_path / f"layer{suffix}", config=json.loads(config), prefix="layers.0.")
    again = load_layer(tmp_path / f"layer{suffix}", dialect=expected(path))
    assert set(again.tensors()) == set(layer.tensors())
    assert all(np.array_equal(value, layer.tensors()[name]) for name, value in again.tensors().items())
    for name, value in layer.tensors().items():
        assert np.array_equal(np.asarray(value, dtype=float), tensors[name].astype(float)), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_renamed_missing_and_foreign_keys_are_refused(path, tmp_path):
    tensors, config = stored(path)
    key = sorted(CONVENTIONS[dialect_of(path)].marks)[0]
    name = next(name for name in tensors if name.replace("/", ".") == key)
    without = {other: value for other, value in tensors.items() if other != name}
    changes = {"missing": without, "renamed": {**without, f"{name}_old": tensors[name]}}
    changes["foreign"] = {**tensors, "scale_of_another": np.ones(2)}
    for change, content in changes.items():
        file = write(tmp_path / f"{change}.npz", content, config)
        with pytest.raises(CheckpointError, match=str(file)):
            load_layer(file, dialect=expected(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_wrong_dialect_does_not_load(path):
    fits = {"fla-linear-attention", "fla-retnet"} if path.stem in BARE else {dialect_of(path)}
    for dialect in set(CONVENTIONS) - fits:
        with pytest.raises(CheckpointError):
            load_layer(path, dialect=dialect)


def test_the_sign_of_the_imaginary_part_is_that_of_the_dialect(tmp_path):
    # One set of numbers under the keys of both: +i of s4d.py with C is -i of s4.py with conj(C), and no other.
    rng = np.random.default_rng(0)
    channels, modes = 2, 3
    log_dt, real, imag = rng.uniform(-3, -1, channels), rng.normal(size=(2, modes)), rng.uniform(1, 9, (2, modes))
    C, D = rng.normal(size=(channels, modes, 2)), rng.normal(size=channels)
    inputs = rng.normal(size=(1, 20, channels))
    plain = {"kernel.log_dt": log_dt, "kernel.log_A_real": real, "kernel.A_imag": imag, "kernel.C": C, "D": D}
    one = np.stack([np.ones((1, 2, modes)), np.zeros((1, 2, modes))], axis=-1)
    block = {"layer.kernel.inv_dt": log_dt[:, None], "layer.kernel.A_real": real, "layer.kernel.A_imag": imag}
    block |= {"layer.kernel.B": one, "layer.D": D[None]}
    first = load_layer(write(tmp_path / "a.npz", plain))(inputs)
    readouts = {True: C * [1, -1], False: C}
    config = json.dumps({"final_act": None})
    for conjugate, readout in readouts.items():
        file = write(tmp_path / "b.npz", block | {"layer.kernel.C": readout[None]}, config)
        assert (np.abs(load_layer(file)(inputs) - first).max() <= 1e-12) == conjugate


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_layer(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_bytes(b"PK but nothing else")
    with pytest.raises(CheckpointError, match=r"text\.npz"):
        load_layer(tmp_path / "text.npz")
    with pytest.raises(CheckpointError, match="carleman-ssm convert"):
        load_layer(tmp_path / "model.pth")


def example(name="minimal-lru__ring_glu"):
    """Tensors and configuration of one file."""
    return stored(FOLDER / f"{name}.npz")


def test_not_a_number_and_other_types_are_refused_by_name(tmp_path):
    tensors, _ = example()
    poisoned = {**tensors, "seq/D": tensors["seq/D"] * np.nan}
    with pytest.raises(CheckpointError, match="seq/D holds NaN or infinity"):
        load_layer(write(tmp_path / "a.npz", poisoned))
    with pytest.raises(CheckpointError, match="wrong dtype: seq/D is complex128"):
        load_layer(write(tmp_path / "b.npz", {**tensors, "seq/D": tensors["seq/D"] * 1j}))


def test_the_configuration_beside_a_file_is_read_and_not_contradicted(tmp_path):
    tensors, config = example("s5__conj_zoh_half_glu1")
    file = tmp_path / "layer.safetensors"
    file.write_bytes(safetensors.numpy.save(tensors))
    with pytest.raises(CheckpointError, match="half_glu1 or half_glu2"):
        load_layer(file)
    assert load_layer(file, config=json.loads(config)).dialect == "s5"
    file.with_suffix(".json").write_text(config)
    assert load_layer(file).dialect == "s5"
    with pytest.raises(CheckpointError, match="conj_sym"):
        load_layer(file, config={"conj_sym": False})


def test_a_layer_that_would_not_be_read_back_is_not_written(tmp_path):
    path = FOLDER / "s5__conj_bilinear_full_glu_bidirectional.npz"
    layer = load_layer(path)
    with pytest.raises(ValueError, match="read as another layer"):
        save_layer(layer, tmp_path / "layer.npz")
    assert not list(tmp_path.iterdir())
    _, config = stored(path)
    with pytest.raises(ValueError, match=r"\.safetensors or \.npz"):
        save_layer(layer, tmp_path / "layer.pth", config=json.loads(config))
    with pytest.raises(ValueError, match="cannot be written"):
        save_layer(layer, tmp_path / "no" / "layer.npz", config=json.loads(config))


@pytest.mark.parametrize("name", ["mamba__default", "s4-dplr__legs"])
def test_torch_files_are_converted_unchanged(name, tmp_path):
    torch = pytest.importorskip("torch")
    tensors, config = example(name)
    state = {f"backbone.layers.0.mixer.{key}": torch.from_numpy(value.copy()) for key, value in tensors.items()}
    torch.save({"model": state}, tmp_path / "model.pth")
    done = convert(tmp_path / "model.pth", tmp_path / "model.safetensors", json.loads(config))
    assert (done.dialect, done.tensors) == (name.partition("__")[0], len(tensors))
    other = reference(FOLDER / f"{name}.npz")
    assert np.abs(load_layer(tmp_path / "model.safetensors")(other["x"]) - other["y"]).max() <= 1e-9
    with pytest.raises(ValueError, match=r"written as \.safetensors"):
        convert(tmp_path / "model.pth", tmp_path / "model.npz")
    torch.save({"w": torch.ones(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth: no layer of a known dialect"):
        convert(tmp_path / "other.pth", tmp_path / "other.safetensors")


def test_the_command_converts_layers_of_any_dialect(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    tensors, _ = example("mamba2__default")
    torch.save({key: torch.from_numpy(value.copy()) for key, value in tensors.items()}, tmp_path / "layer.pth")
    with pytest.raises(SystemExit) as done:
        main(["convert", str(tmp_path / "layer.pth"), str(tmp_path / "layer.safetensors")])
    assert done.value.code == 0
    assert "of the dialect mamba2, no number changed" in capsys.readouterr().out
    assert (
        load_layer(tmp_path / "layer.safetensors", config=json.loads(example("mamba2__default")[1])).family == "mamba2"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_network_of_another_dialect_is_pointed_to_this_door(path):
    for reader in (load_network, load_any_network):
        with pytest.raises(CheckpointError, match=r"`carleman-ssm zoo --model FILE` and read by .*load_layer"):
            reader(path)


@pytest.mark.parametrize("name", ["s5-digits", "lru-digits"])
def test_a_network_of_other_layers_is_pointed_to_the_command_that_reads_it(name):
    with pytest.raises(CheckpointError, match=rf"dialect of {name[:2].upper()}.*`carleman-ssm explain`"):
        load_network(FOLDER.parent / "networks" / f"{name}.npz")


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_torch_files_in_half_precision_are_converted_exactly(kind, tmp_path):
    torch = pytest.importorskip("torch")
    tensors, config = example("mamba__default")
    state = {
        name: torch.from_numpy(np.round(8 * value) / 8).to(getattr(torch, kind)) for name, value in tensors.items()
    }
    torch.save(state, tmp_path / "half.pth")
    convert(tmp_path / "half.pth", tmp_path / "half.safetensors", json.loads(config))
    found = load_layer(tmp_path / "half.safetensors").tensors()
    assert all(np.array_equal(found[name], np.round(8 * value) / 8) for name, value in tensors.items())


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("s4-dplr__legs", "model.layers.0.layer."),
        ("s4-block__two_copies", "model.layers.0.layer."),
        ("s5__conj_zoh_half_glu1", "encoder.layers_0."),
        ("mamba__default", "encoder.layers.0.mixer."),
    ],
)
@pytest.mark.parametrize("place", [None, "model", "state_dict"])
def test_layers_beside_encoders_and_decoders_are_converted(name, prefix, place, tmp_path):
    torch = pytest.importorskip("torch")
    tensors, config = example(name)
    state = {f"{prefix}{key.replace('/', '.')}": torch.from_numpy(value.copy()) for key, value in tensors.items()}
    state |= {f"{part}.{kind}": torch.ones(2) for part in ("encoder", "decoder") for kind in ("weight", "bias")}
    torch.save({place: state, "epoch": 3} if place else state, tmp_path / "model.ckpt")
    done = convert(tmp_path / "model.ckpt", tmp_path / "model.safetensors", json.loads(config))
    assert (done.dialect, done.tensors) == (dialect_of(FOLDER / f"{name}.npz"), len(tensors) + 4)
    other = reference(FOLDER / f"{name}.npz")
    found = load_layer(tmp_path / "model.safetensors")
    assert np.abs(found(other["x"]) - other["y"]).max() <= 1e-9 * max(1, np.abs(other["y"]).max())


def test_what_a_configuration_says_of_the_network_is_not_asked_of_the_layer(tmp_path):
    tensors, config = example("s5__conj_zoh_half_glu1")
    named = {f"params/encoder/layers_0/{key}": value for key, value in tensors.items()}
    network = {**json.loads(config), "prenorm": True, "pool": "mean"}
    inputs = reference(FOLDER / "s5__conj_zoh_half_glu1.npz")["x"]
    found = load_layer(write(tmp_path / "network.npz", named, json.dumps(network)))
    assert np.array_equal(found(inputs), load_layer(FOLDER / "s5__conj_zoh_half_glu1.npz")(inputs))
    with pytest.raises(CheckpointError, match="pool"):
        load_layer(FOLDER / "s5__conj_zoh_half_glu1.npz", config={"pool": "mean"})


def test_layers_of_a_trained_network_are_those_that_the_network_has():
    path = FOLDER.parent / "digits64__L2_H16_N32_gelu_glu_layer__s0.npz"
    network, inputs = load_network(path), np.random.default_rng(1).normal(size=(2, 12, 16))
    found = open_checkpoint(path)
    assert "encoder.weight" in found.unused
    for index, layer in enumerate(network.layers):
        family = found.layer(index)
        for name in ("log_dt", "log_A_real", "A_imag", "C", "D"):
            assert np.array_equal(getattr(family.layer, name), getattr(layer, name)), name
        assert np.abs(family(inputs) - family(inputs, "recurrence")).max() <= 1e-11


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_read_exactly(kind, tmp_path):
    # Published checkpoints are often stored so. The numbers are chosen to be exact in both types.
    torch = pytest.importorskip("torch")
    save = pytest.importorskip("safetensors.torch").save_file
    tensors, config = example("mamba__default")
    rounded = {name: np.round(8 * value) / 8 for name, value in tensors.items()}
    narrow = {name: torch.from_numpy(value).to(getattr(torch, kind)) for name, value in rounded.items()}
    save(narrow, tmp_path / "layer.safetensors", metadata={"config": config})
    found = load_layer(tmp_path / "layer.safetensors").tensors()
    assert all(np.array_equal(found[name], value) for name, value in rounded.items())


def test_one_layer_of_a_hybrid_is_read_by_its_prefix(tmp_path):
    gated, config = example("fla-gla__default")
    others = {name: value for name, value in gated.items() if not name.startswith("gk")} | {"q_norm.weight": np.ones(4)}
    hybrid = {f"model.layers.0.attn.{name}": value for name, value in others.items()}
    hybrid |= {f"model.layers.1.attn.{name}": value for name, value in gated.items()}
    file = write(tmp_path / "hybrid.npz", hybrid, config)
    with pytest.raises(CheckpointError, match=r"'model\.layers\.0\.attn\.' is of no known dialect.*q_norm"):
        load_layer(file)
    assert load_layer(file, prefix="model.layers.1.").dialect == "fla-gla"
