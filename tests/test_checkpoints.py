"""Checkpoints: what is written is read back, and every wrong tensor or entry is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings

from carleman_ssm.networks.checkpoints import SHIPPED, CheckpointError, load_network, save_network, tensors
from carleman_ssm.networks.network import S4DNetwork
from tests.checkpoint_files import CONFIG, DATA, GELU, QUADRATIC, C, arrays, both_formats, same, written
from tests.strategies_networks import s4d_networks

everything = s4d_networks(
    outputs=("linear", "none", "glu"),
    norms=("none", "batch", "layer", "rms"),
    pools=("mean", "last", "none"),
    max_layers=3,
)


@both_formats
@given(network=everything)
@settings(deadline=None)
def test_what_is_saved_is_loaded_to_the_last_bit(tmp_path_factory, suffix, network):
    path = tmp_path_factory.mktemp("round") / f"network{suffix}"
    save_network(network, path)
    assert same(load_network(path), network)


@both_formats
def test_numbers_beyond_float32_survive_a_round_trip(tmp_path, suffix):
    network = load_network(QUADRATIC)
    finer = S4DNetwork(
        network.encoder_weight * (1 + 2**-40), network.encoder_bias, network.layers,
        network.decoder_weight, network.decoder_bias * 1e-300, network.config,
    )  # fmt: skip
    save_network(finer, tmp_path / f"finer{suffix}")
    assert same(load_network(tmp_path / f"finer{suffix}"), finer)


@both_formats
def test_arrays_that_are_not_contiguous_are_written_in_logical_order(tmp_path, suffix):
    # safetensors 0.8 writes the memory of such arrays as it lies; the record must not pass that on.
    network = load_network(GELU)
    layer = network.layers[0]
    transposed = np.asfortranarray(layer.output_weight)
    strided = np.repeat(network.decoder_weight, 2, axis=1)[:, ::2]
    changed = S4DNetwork(
        network.encoder_weight,
        network.encoder_bias,
        network.layers,
        strided,
        network.decoder_bias,
        network.config,
    )
    object.__setattr__(changed.layers[0], "output_weight", transposed)  # past the constructor, which copies
    object.__setattr__(changed, "decoder_weight", strided)
    assert not transposed.flags.c_contiguous
    assert not strided.flags.c_contiguous
    save_network(changed, tmp_path / f"n{suffix}")
    assert same(load_network(tmp_path / f"n{suffix}"), changed)


def test_the_trap_that_the_writer_avoids_is_real_or_gone():
    # Pins what is assumed of the library: transposed arrays either come back wrong (0.8) or right.
    value = np.arange(6.0, dtype=np.float32).reshape(2, 3).T
    back = safetensors.numpy.load(safetensors.numpy.save({"a": value}))["a"]
    assert back.shape == value.shape


@both_formats
def test_files_in_fortran_order_and_other_byte_order_are_read(tmp_path, suffix):
    values = arrays(GELU)
    if suffix == ".npz":
        values = {
            name: np.asfortranarray(value).astype(value.dtype.newbyteorder(">")) for name, value in values.items()
        }
    config = {**CONFIG, "activation": "gelu", "norm": "batch"}
    assert same(load_network(written(tmp_path / f"n{suffix}", values, config)), load_network(GELU))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_networks_open_by_name(name):
    network = load_network(name)
    assert len(network.layers) == 1
    assert network.config.norm in ("none", "batch")


def test_the_shipped_frequency_network_is_the_reference_one():
    assert same(load_network("frequencies"), load_network(QUADRATIC))
    assert sum(value.size for value in tensors(load_network("frequencies")).values()) == 44


@pytest.mark.parametrize("place", ["inside", "beside", "argument", "split"])
@both_formats
def test_the_configuration_is_found_in_each_of_its_places(tmp_path, suffix, place):
    path = written(tmp_path / f"n{suffix}", arrays(), CONFIG if place == "inside" else None)
    given = {}
    if place == "beside":
        (tmp_path / "n.json").write_text(json.dumps(CONFIG))
    if place == "argument":
        given = CONFIG
    if place == "split":
        (tmp_path / "n.json").write_text(json.dumps({"residual": True}))
        given = {"pool": "mean"}
    assert same(load_network(path, given), load_network(QUADRATIC))


@pytest.mark.parametrize("kind", ["<U999", ">U300", "S300"])
def test_the_text_of_an_archive_may_be_padded_bytes_or_of_another_byte_order(tmp_path, kind):
    np.savez(tmp_path / "n.npz", **arrays(), config=np.array([json.dumps(CONFIG)], dtype=kind))
    assert same(load_network(tmp_path / "n.npz"), load_network(QUADRATIC))


@both_formats
def test_an_unusual_eps_is_kept(tmp_path, suffix):
    network = load_network(GELU)
    changed = replace(network, config=replace(network.config, eps=1e-3))
    save_network(changed, tmp_path / f"n{suffix}")
    assert load_network(tmp_path / f"n{suffix}").config.eps == 1e-3


@both_formats
def test_what_the_keys_do_not_decide_is_asked_for_by_name(tmp_path, suffix):
    with pytest.raises(CheckpointError, match=r"residual .*pool") as caught:
        load_network(written(tmp_path / f"n{suffix}", arrays(), None))
    for decided in ("activation", "prenorm (", "norm (", "output ("):
        assert decided not in str(caught.value)
    with pytest.raises(CheckpointError, match=r"activation .*prenorm .*residual .*pool"):
        load_network(written(tmp_path / f"m{suffix}", arrays(GELU), None))


@pytest.mark.parametrize(
    "network", ["L2_H16_N32_gelu_glu_layer", "L1_H16_N32_gelu_linear_none", "L2_H16_N32_poly3_linear_batch"]
)
def test_output_norm_and_poly_are_inferred_from_the_keys(tmp_path, network):
    reference = DATA / f"digits64__{network}__s0.npz"
    given = {"residual": True, "pool": "mean", "prenorm": False}
    if "poly" not in network:
        given["activation"] = "gelu"
    assert same(load_network(written(tmp_path / "n.npz", arrays(reference), None), given), load_network(reference))


def test_a_given_entry_may_not_contradict_the_checkpoint():
    assert load_network(QUADRATIC, {"pool": "mean"}).config.pool == "mean"
    with pytest.raises(CheckpointError, match="'pool'"):
        load_network(QUADRATIC, {"pool": "last"})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "not valid JSON"), ("[" * 10_000, "not valid JSON"),
        ("[1]", "not a JSON object"), ('"s4d"', "not a JSON object"),
        ({**CONFIG, "d_model": 2}, "unknown configuration entries d_model"),
        ({**CONFIG, "family": "s4block"}, "'family'"), ({**CONFIG, "activation": "relu"}, "not analytic"),
        ({**CONFIG, "activation": "swish"}, "'activation' is 'swish'"),
        ({**CONFIG, "activation": ["gelu"]}, "'activation'"),
        ({**CONFIG, "prenorm": 0}, "'prenorm'"), ({**CONFIG, "residual": "yes"}, "'residual'"),
        ({**CONFIG, "pool": None}, "'pool'"),
        ({**CONFIG, "eps": -1.0}, "'eps'"), ({**CONFIG, "activation": "gelu"}, "unknown keys .*activation.c"),
        ({**CONFIG, "norm": "batch"}, "missing keys .*norms.0.weight"),
        ({**CONFIG, "output": "none"}, "unknown keys .*output_linear"),
        ({**CONFIG, "output": "glu"}, "wrong shape: s4_layers.0.output_linear.0.weight"),
    ],
)  # fmt: skip
@both_formats
def test_a_wrong_configuration_is_named(tmp_path, suffix, config, message):
    with pytest.raises(CheckpointError, match=message):
        load_network(written(tmp_path / f"n{suffix}", arrays(), config))


@pytest.mark.parametrize("name", sorted(arrays()))
@both_formats
def test_each_missing_key_is_named(tmp_path, suffix, name):
    values = arrays()
    del values[name]
    expected = r"unknown keys|missing key.*" + name if name.endswith("weight") else r"missing key.*" + name
    expected = "s4_layers.0.activation.c" if name.endswith("activation.c") else expected
    with pytest.raises(CheckpointError, match=expected):
        load_network(written(tmp_path / f"n{suffix}", values))


def replaced(name, value):
    return lambda: {**arrays(), name: value}


BAD_TENSORS = {
    "unknown key": (replaced("head.weight", np.zeros(3, np.float32)), "unknown keys .*head.weight"),
    "a counter without its norm": (
        replaced("norms.0.num_batches_tracked", np.array(3)),
        "unknown keys|missing key",
    ),
    "a gap in the layers": (replaced("s4_layers.2.D", np.zeros(2, np.float32)), "missing key s4_layers.1"),
    "wrong shape": (replaced(C, np.zeros((2, 3, 2), np.float32)), f"wrong shape: {C}"),
    "missing axis": (replaced(C, np.zeros((2, 4), np.float32)), f"wrong shape: {C}"),
    "scalar": (replaced("encoder.weight", np.float32(1)), "wrong shape: encoder.weight"),
    "empty axis": (replaced("encoder.weight", np.zeros((2, 0), np.float32)), "wrong shape: encoder.weight"),
    "NaN": (replaced("decoder.bias", np.full(4, np.nan, np.float32)), "decoder.bias holds NaN"),
    "infinity": (replaced(C, np.full((2, 2, 2), np.inf, np.float32)), f"{C} holds NaN or infinity"),
    "unstable": (
        replaced("s4_layers.0.kernel.log_A_real", np.full((2, 2), -1e4, np.float32)),
        "layer 0: .*unstable",
    ),
    "out of range": (
        replaced("s4_layers.0.kernel.log_A_real", np.full((2, 2), 1e4, np.float32)),
        "layer 0: .*range",
    ),
    "integers": (replaced("encoder.bias", np.zeros(2, np.int64)), "wrong dtype: encoder.bias is int64"),
    "half precision": (replaced("encoder.bias", np.zeros(2, np.float16)), "wrong dtype: encoder.bias"),
    "complex": (replaced(C, np.zeros((2, 2), np.complex64)), f"wrong (dtype|shape): {C}"),
    "flags": (replaced("encoder.bias", np.zeros(2, bool)), "wrong dtype: encoder.bias"),
}


@pytest.mark.parametrize("case", BAD_TENSORS)
@both_formats
def test_each_kind_of_bad_tensor_has_its_own_message(tmp_path, suffix, case):
    make, message = BAD_TENSORS[case]
    with pytest.raises(CheckpointError, match=message):
        load_network(written(tmp_path / f"n{suffix}", make()))


@pytest.mark.parametrize(("name", "dialect"), [("s4block_legs_zoh", "S4Block"), ("s4block_dplr_legs", "low-rank")])
def test_other_dialects_are_refused_by_name(name, dialect):
    with pytest.raises(CheckpointError, match=f"dialect of .*{dialect}"):
        load_network(DATA / f"{name}.npz")


@pytest.mark.parametrize("source", ["no-such-network", "no/such/file.npz", ".", "", "a\0b", "f" * 5000])
def test_what_is_no_file_names_the_shipped_networks_or_the_reason(source):
    with pytest.raises(CheckpointError, match=r"digits-gelu, digits-quadratic, frequencies|too long"):
        load_network(source)


def test_torch_files_are_sent_to_the_converter(tmp_path):
    (tmp_path / "ckpt.pth").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="carleman-ssm convert"):
        load_network(tmp_path / "ckpt.pth")


def test_a_network_is_not_saved_under_an_unknown_ending_or_into_nothing(tmp_path):
    with pytest.raises(ValueError, match="written as"):
        save_network(load_network(QUADRATIC), tmp_path / "network.pt")
    with pytest.raises(ValueError, match="cannot be written"):
        save_network(load_network(QUADRATIC), tmp_path / "nowhere" / "network.npz")


NORMED = {
    **arrays(), "norms.0.weight": np.ones(2, np.float32), "norms.0.bias": np.zeros(2, np.float32),
}  # fmt: skip


@both_formats
def test_a_norm_without_bias_is_an_rms_norm_whatever_the_configuration_leaves_out(tmp_path, suffix):
    config = {name: value for name, value in CONFIG.items() if name != "norm"}
    with_bias = load_network(written(tmp_path / f"layer{suffix}", NORMED, config))
    rms = {name: value for name, value in NORMED.items() if name != "norms.0.bias"}
    without = load_network(written(tmp_path / f"rms{suffix}", rms, config))
    assert (with_bias.config.norm, without.config.norm) == ("layer", "rms")
    assert without.layers[0].norm.bias is None
    with pytest.raises(CheckpointError, match=r"missing keys .*norms.0.bias"):
        load_network(written(tmp_path / f"missing{suffix}", rms, {**config, "norm": "layer"}))
    with pytest.raises(CheckpointError, match=r"unknown keys .*norms.0.bias"):
        load_network(written(tmp_path / f"unknown{suffix}", NORMED, {**config, "norm": "rms"}))


@both_formats
def test_files_from_before_the_optional_entries_mean_what_they_meant(tmp_path, suffix):
    network = load_network(written(tmp_path / f"old{suffix}", arrays(), CONFIG))
    assert (network.config.discretization, network.config.gate, network.config.eps) == ("zoh", "sigmoid", 1e-5)
    assert network.config.stated() == CONFIG
    newer = load_network(written(tmp_path / f"new{suffix}", arrays(), {**CONFIG, "discretization": "bilinear"}))
    assert newer.layers[0].discretization == "bilinear"
    with pytest.raises(CheckpointError, match="'discretization' is 'euler'"):
        load_network(written(tmp_path / f"wrong{suffix}", arrays(), {**CONFIG, "discretization": "euler"}))
    with pytest.raises(CheckpointError, match="'gate' is 'identity', but output 'linear' has no gate"):
        load_network(written(tmp_path / f"gate{suffix}", arrays(), {**CONFIG, "gate": "identity"}))
