"""Files that are truncated, oversized, damaged or hostile are refused before any allocation."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from carleman_ssm.networks import containers
from carleman_ssm.networks.checkpoints import CheckpointError, load_network, tensors
from carleman_ssm.networks.network import S4DNetwork
from tests.checkpoint_files import CONFIG, arrays, both_formats, written


@both_formats
def test_every_truncation_is_noticed(tmp_path, suffix):
    data = written(tmp_path / f"n{suffix}", arrays()).read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in {*range(0, len(data), 97), len(data) - 1, 7, 8, 9}:
        path.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            load_network(path)


def test_bytes_beyond_the_last_tensor_are_noticed(tmp_path):
    path = written(tmp_path / "n.safetensors", arrays())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CheckpointError, match="truncated, oversized"):
        load_network(path)


def test_a_file_larger_than_the_limit_is_not_read(tmp_path, monkeypatch):
    path = written(tmp_path / "n.safetensors", arrays())
    with path.open("r+b") as stream:
        stream.truncate(containers.MAX_BYTES + 1)  # sparse: nothing is written
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("the file was read"))
    with pytest.raises(CheckpointError, match="oversized"):
        load_network(path)


@pytest.mark.parametrize("length", [2**63, 2**40, 2000])
def test_a_header_length_beyond_the_file_or_the_limit_is_refused(tmp_path, length):
    path = tmp_path / "n.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b" " * 100)
    with pytest.raises(CheckpointError, match=r"announces a header|oversized"):
        load_network(path)
    path.write_bytes(struct.pack("<Q", containers.MAX_HEADER_BYTES + 1) + b" " * (containers.MAX_HEADER_BYTES + 2))
    with pytest.raises(CheckpointError, match="header is oversized"):
        load_network(path)


def npy(descr="'<f4'", shape="(2,)", data=b"\0" * 8, fortran="False", magic=b"\x93NUMPY\x01\x00"):
    header = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return magic + struct.pack("<H", len(header)) + header + data


MALFORMED_MEMBERS = {
    "huge shape": (npy(shape="(1000000000000,)"), "announces .* bytes"),
    "product beyond 64 bits": (npy(shape="(4294967296, 4294967296, 4294967296)"), "announces .* bytes"),
    "negative axis": (npy(shape="(-2,)"), "no plain array"),
    "float axis": (npy(shape="(2.0,)"), "no plain array"),
    "too little data": (npy(data=b"\0" * 4), "announces"),
    "too much data": (npy(data=b"\0" * 9), "announces"),
    "objects": (npy(descr="'|O'"), "never read"),
    "records": (npy(descr="[('a', '<f4')]"), "no plain array"),
    "unknown type": (npy(descr="'<f3'"), "unknown dtype"),
    "no dictionary": (npy()[:10] + b"[" * 60, "damaged|oversized"),
    "an expression": (npy(shape="__import__('os').getcwd()"), "damaged"),
    "flag as number": (npy(fortran="1"), "no plain array"),
    "deep nesting": (npy(shape="(" * 5000), "damaged"),
    "no magic": (npy(magic=b"\x93NUMPX\x01\x00"), "no NumPy array"),
    "future version": (npy(magic=b"\x93NUMPY\x09\x00"), "no NumPy array"),
    "empty": (b"", "no NumPy array"),
}


@pytest.mark.parametrize("case", MALFORMED_MEMBERS)
def test_malformed_members_of_an_archive_are_refused_before_any_allocation(tmp_path, case):
    member, message = MALFORMED_MEMBERS[case]
    path = written(tmp_path / "n.npz", arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.npy", member)
    with pytest.raises(CheckpointError, match=message):
        load_network(path)


def test_a_well_formed_extra_member_is_only_unknown(tmp_path):
    path = written(tmp_path / "n.npz", arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.npy", npy())
    with pytest.raises(CheckpointError, match=r"unknown keys .*more"):
        load_network(path)


def test_pickled_objects_are_never_unpickled(tmp_path):
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (marker.touch, ())

    values = arrays()
    values["encoder.bias"] = np.array([Trap(), Trap()], dtype=object)
    np.savez(tmp_path / "n.npz", **values, config=np.array(json.dumps(CONFIG)))
    with pytest.raises(CheckpointError, match="never read"):
        load_network(tmp_path / "n.npz")
    assert not marker.exists()


def test_a_zip_bomb_is_refused_by_its_announced_size(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as stream:
        stream.write(npy(shape="(999999999,)", data=b""))
        for _ in range(9):
            stream.write(b"\0" * 2**26)
    assert path.stat().st_size < 2**20
    with pytest.raises(CheckpointError, match="oversized"):
        load_network(path)


def test_a_bomb_that_lies_about_its_size_is_noticed(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(data=b"\0" * 100_000))
    data = bytearray(buffer.getvalue())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", len(npy()))  # the unpacked size in the directory
    (tmp_path / "n.npz").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"truncated or damaged|announces"):
        load_network(tmp_path / "n.npz")


def test_a_member_that_unpacks_to_less_than_announced_is_noticed(tmp_path):
    path = tmp_path / "n.npz"
    written(path, {name: value for name, value in arrays().items() if name != "encoder.bias"})
    bias = npy(data=b"\0" * 4)  # one number where the header announces two; the checksum is right
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("encoder.bias.npy", bias, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", len(bias) + 4)
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"encoder.bias' is truncated"):
        load_network(path)


@pytest.mark.parametrize("text", [np.array(["a", "b"]), np.array(3.0), np.array("x" * 20_000), np.array([b"\xff"])])
def test_a_config_array_that_is_no_short_text_is_refused(tmp_path, text):
    np.savez(tmp_path / "n.npz", **arrays(), config=text)
    with pytest.raises(CheckpointError, match="`config`"):
        load_network(tmp_path / "n.npz")


def test_a_configuration_file_that_is_too_large_is_refused(tmp_path):
    path = written(tmp_path / "n.npz", arrays(), None)
    (tmp_path / "n.json").write_text(json.dumps(CONFIG) + " " * containers.MAX_CONFIG_BYTES)
    with pytest.raises(CheckpointError, match=r"n.json is oversized"):
        load_network(path)


def original(suffix):
    buffer = io.BytesIO()
    if suffix == ".safetensors":
        return safetensors.numpy.save(arrays(), {"config": json.dumps(CONFIG)})
    np.savez(buffer, **arrays(), config=np.array(json.dumps(CONFIG)))
    return buffer.getvalue()


ORIGINALS = {suffix: original(suffix) for suffix in (".safetensors", ".npz")}
edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "copy"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def edited(data, changes):
    data = bytearray(data)
    for kind, place, value in changes:
        at = place % (len(data) + 1)
        if kind == "flip":
            data[at : at + len(value)] = value
        elif kind == "cut":
            del data[at : at + value[0]]
        elif kind == "insert":
            data[at:at] = value
        else:
            data[at:at] = data[: value[0]]
    return bytes(data)


@both_formats
@given(changes=edits)
@settings(deadline=None, max_examples=300)
def test_a_damaged_file_gives_a_checkpoint_error_or_a_valid_network(tmp_path_factory, suffix, changes):
    path = tmp_path_factory.mktemp("fuzz") / f"n{suffix}"
    path.write_bytes(edited(ORIGINALS[suffix], changes))
    try:
        network = load_network(path)
    except CheckpointError:
        return
    assert isinstance(network, S4DNetwork)
    assert all(np.isfinite(value).all() for value in tensors(network).values())


def test_a_signalling_nan_is_refused_without_a_warning(tmp_path):
    # Found by fuzzing: converting it to float64 raises a RuntimeWarning.
    bits = np.array([0x7F800001, 0], dtype=np.uint32).view(np.float32)
    with pytest.raises(CheckpointError, match=r"encoder.bias holds NaN"):
        load_network(written(tmp_path / "n.npz", {**arrays(), "encoder.bias": bits}))
