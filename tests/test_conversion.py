"""Conversion of torch checkpoints: the reference layout, saved as its script saves it, end to end."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from carleman_ssm.networks.checkpoints import CheckpointError, load_network
from carleman_ssm.networks.conversion import convert_checkpoint
from carleman_ssm.networks.extras import require
from tests.checkpoint_files import DATA, arrays, same

REFERENCE = DATA / "digits64__L2_H16_N32_gelu_glu_layer__s0.npz"


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is not installed: extra torch")


def state_dict(torch, path=REFERENCE):
    return {name: torch.from_numpy(value) for name, value in arrays(path).items()}


def save(torch, path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_the_reference_script_saves_is_converted_end_to_end(torch, tmp_path, suffix):
    source = save(torch, tmp_path / "ckpt.pth", {"model": state_dict(torch), "acc": 97.6, "epoch": 149})
    done = convert_checkpoint(source, tmp_path / f"out{suffix}")
    assert same(load_network(tmp_path / f"out{suffix}"), load_network(REFERENCE))
    assert dict(done.assumed) == {"activation": "gelu", "prenorm": False, "residual": True, "pool": "mean"}
    with np.load(REFERENCE.with_suffix(".reference.npz")) as reference:
        assert np.allclose(done.network(reference["x"]), reference["logits"], rtol=0, atol=1e-10)


def test_a_bare_state_dict_parallel_prefixes_and_views_are_read(torch, tmp_path):
    state = {f"module.{name}": value.T.contiguous().T for name, value in state_dict(torch).items() if value.ndim == 2}
    state |= {f"module.{name}": value for name, value in state_dict(torch).items() if value.ndim != 2}
    convert_checkpoint(save(torch, tmp_path / "a.pth", state), tmp_path / "a.npz")
    assert same(load_network(tmp_path / "a.npz"), load_network(REFERENCE))


@pytest.mark.parametrize("prefix", ["", "model.", "module.model."])
def test_what_training_frameworks_save_under_another_name_is_read(torch, tmp_path, prefix):
    state = {f"{prefix}{name}": value for name, value in state_dict(torch).items()}
    convert_checkpoint(save(torch, tmp_path / "a.ckpt", {"state_dict": state, "epoch": 1}), tmp_path / "a.npz")
    assert same(load_network(tmp_path / "a.npz"), load_network(REFERENCE))


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_is_read_exactly(torch, tmp_path, kind):
    narrow = {name: value.to(getattr(torch, kind)) for name, value in state_dict(torch).items()}
    done = convert_checkpoint(save(torch, tmp_path / "a.pth", narrow), tmp_path / "a.npz")
    assert np.array_equal(done.network.encoder_bias, narrow["encoder.bias"].double().numpy())
    assert np.array_equal(done.network.layers[1].D, narrow["s4_layers.1.D"].double().numpy())


def test_what_the_keys_or_the_caller_decide_is_not_assumed(torch, tmp_path):
    quadratic = DATA / "digits64__L1_H16_N32_poly2_linear_batch__s0.npz"
    source = save(torch, tmp_path / "a.pth", {"model": state_dict(torch, quadratic)})
    done = convert_checkpoint(source, tmp_path / "a.npz", {"pool": "last"})
    assert dict(done.assumed) == {"prenorm": False, "residual": True}
    assert (done.network.config.pool, done.network.config.activation) == ("last", "poly")


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run(torch, tmp_path):
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (marker.touch, ())

    source = save(torch, tmp_path / "a.pth", {"model": state_dict(torch), "extra": Trap()})
    with pytest.raises(CheckpointError, match="weights_only=True"):
        convert_checkpoint(source, tmp_path / "a.npz")
    assert not marker.exists()
    assert not (tmp_path / "a.npz").exists()


def test_loading_is_never_tried_in_another_way(torch, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(torch, "load", lambda *_, **options: calls.append(options) or {}["missing"])
    (tmp_path / "a.pth").write_bytes(b"anything")
    with pytest.raises(CheckpointError):
        convert_checkpoint(tmp_path / "a.pth", tmp_path / "a.npz")
    assert [options["weights_only"] for options in calls] == [True]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02."])
def test_damaged_files_are_refused(torch, tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth: torch refuses"):
        convert_checkpoint(tmp_path / "a.pth", tmp_path / "a.npz")


def test_contents_that_are_no_state_dict_of_s4d_are_refused(torch, tmp_path):
    state = state_dict(torch)
    bias = "encoder.bias"
    cases = {
        "no state_dict": [{}, 3, {1: state[bias]}],
        "no plain tensor": [{**state, bias: 1.0}, {**state, bias: state[bias].to_sparse()}],
        "wrong dtype: encoder.bias is torch.int32": [{**state, bias: state[bias].int()}],
        "missing key": [{"weight": state[bias]}],
        "NaN": [{**state, bias: state[bias] * float("nan")}],
        "dialect of the S4Block": [{**state, "layer.kernel.inv_dt": state[bias]}],
    }
    for message, contents in cases.items():
        for content in contents:
            source = save(torch, tmp_path / "a.pth", content)
            with pytest.raises(CheckpointError, match=message):
                convert_checkpoint(source, tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["missing.pth", "."])
def test_a_missing_file_or_a_directory_is_refused(torch, tmp_path, name):
    with pytest.raises(CheckpointError, match=r"cannot be read|not a regular file"):
        convert_checkpoint(tmp_path / name, tmp_path / "a.npz")


def test_without_torch_the_message_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"carleman_ssm\[torch\]"):
        convert_checkpoint(tmp_path / "a.pth", tmp_path / "a.npz")
    with pytest.raises(ImportError, match=r"carleman_ssm\[data\]"):
        require("no_such_module", "data")
