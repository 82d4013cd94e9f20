"""The two file formats of a checkpoint, read with their sizes checked before anything is allocated.

A `Container` knows the names, types and shapes of its tensors from the headers alone; `read` fetches one
tensor. Both formats are read from bytes already in memory, so a file that changes underneath cannot fault.
Nothing is unpickled and nothing is evaluated.
"""

from __future__ import annotations

import ast
import io
import json
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import safetensors

MAX_BYTES = 2**29
"""Largest accepted file, and largest accepted sum of unpacked tensors: half a gibibyte."""
MAX_HEADER_BYTES = 2**20
MAX_MEMBERS = 10_000
MAX_CONFIG_BYTES = 2**16
CONFIG = "config"


class CheckpointError(ValueError):
    """A checkpoint cannot be read as a network; the message says what, which and the remedy."""


@dataclass(frozen=True)
class TensorHeader:
    """Type (a NumPy name such as `float32`, or the file's own word for what NumPy lacks) and shape."""

    dtype: str
    shape: tuple[int, ...]


class Container(Protocol):
    """Named tensors and an optional configuration text."""

    @property
    def headers(self) -> Mapping[str, TensorHeader]:
        """Types and shapes, known before any data is unpacked."""

    @property
    def config(self) -> str | None:
        """The embedded configuration, JSON text."""

    def read(self, name: str) -> npt.NDArray[Any]:
        """Fetch one tensor of a floating type (bfloat16 as float32) or an integer type."""


def open_container(data: bytes) -> Container:
    """Open the bytes of a safetensors or npz file, told apart by their first bytes.

    Raises
    ------
    CheckpointError
        The bytes are neither, truncated, damaged, or announce more than the limits.
    """
    if data[:2] == b"PK":
        return NpzContainer(data)
    return SafetensorsContainer(data)


def parse_object(text: str | bytes, what: str) -> dict[str, Any]:
    """Parse JSON text that must be one object.

    Raises
    ------
    CheckpointError
        It is not, or it nests too deeply.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{what} is not valid JSON: {error}"
        raise CheckpointError(msg) from error
    if not isinstance(value, dict):
        msg = f"{what} is not a JSON object but {type(value).__name__}"
        raise CheckpointError(msg)
    return value


class SafetensorsContainer:
    """A safetensors file: 8 bytes of header length, a JSON header, the tensors end to end."""

    _NAMES = (("F64", "float64"), ("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16"), ("I64", "int64"))

    def __init__(self, data: bytes) -> None:
        self.config = self._metadata(data).get(CONFIG)
        try:
            deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
            parts = dict(deserialize(data))
        except (safetensors.SafetensorError, ValueError, TypeError) as error:
            msg = f"the file is truncated, oversized or no safetensors file: {error}"
            raise CheckpointError(msg) from error
        names = dict(self._NAMES)
        self.headers = {
            name: TensorHeader(names.get(part["dtype"], part["dtype"]), tuple(part["shape"]))
            for name, part in parts.items()
        }
        self._data = {name: part["data"] for name, part in parts.items()}

    @staticmethod
    def _metadata(data: bytes) -> dict[str, str]:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > len(data) - 8:
            msg = (
                f"the file is truncated or no safetensors file: it has {len(data)} bytes and announces "
                f"a header of {length}"
            )
            raise CheckpointError(msg)
        if length > MAX_HEADER_BYTES:
            msg = f"the safetensors header is oversized: {length} bytes, at most {MAX_HEADER_BYTES} are read"
            raise CheckpointError(msg)
        metadata = parse_object(data[8 : 8 + length], "the safetensors header").get("__metadata__", {})
        if not isinstance(metadata, dict) or not isinstance(metadata.get(CONFIG, ""), str):
            msg = "the metadata of the safetensors header is no mapping of texts"
            raise CheckpointError(msg)
        return metadata

    def read(self, name: str) -> npt.NDArray[Any]:
        """Fetch one tensor."""
        header = self.headers[name]
        if header.dtype == "bfloat16":  # the upper half of a float32
            upper = np.frombuffer(self._data[name], dtype="<u2").astype(np.uint32)
            return (upper << 16).view(np.float32).reshape(header.shape)
        dtype = np.dtype(header.dtype).newbyteorder("<")
        return np.frombuffer(self._data[name], dtype=dtype).reshape(header.shape)


@dataclass(frozen=True)
class ArrayContainer:
    """Arrays that are in memory already, by name."""

    arrays: Mapping[str, npt.NDArray[Any]]
    config: str | None = None

    @property
    def headers(self) -> Mapping[str, TensorHeader]:
        """Types and shapes."""
        return {name: TensorHeader(array.dtype.name, array.shape) for name, array in self.arrays.items()}

    def read(self, name: str) -> npt.NDArray[Any]:
        """Fetch one array."""
        return self.arrays[name]


_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
)
"""What the standard library raises on a damaged archive: its own errors and those of what it rests on."""


class NpzContainer:
    """A NumPy archive: a zip file whose members are `.npy` arrays."""

    def __init__(self, data: bytes) -> None:
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            members = self._archive.infolist()
        except _DAMAGE as error:
            msg = f"the archive is truncated or damaged: {error}"
            raise CheckpointError(msg) from error
        self._check_sizes(members)
        self._members = {member.filename.removesuffix(".npy"): member for member in members}
        if len(self._members) != len(members):
            msg = "the archive holds two members of one name"
            raise CheckpointError(msg)
        self._starts: dict[str, tuple[int, str, bool]] = {}
        headers = {name: self._header(name) for name in self._members}
        self.config = self._config(headers.pop(CONFIG)) if CONFIG in headers else None
        self.headers = headers

    @staticmethod
    def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
        total = sum(member.file_size for member in members)
        if len(members) > MAX_MEMBERS or total > MAX_BYTES:
            msg = (
                f"the archive is oversized: {len(members)} members that unpack to {total} bytes; at most "
                f"{MAX_MEMBERS} and {MAX_BYTES} are read"
            )
            raise CheckpointError(msg)
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
                msg = f"member {member.filename!r} is encrypted or packed in a way NumPy does not write"
                raise CheckpointError(msg)

    def _unpack(self, name: str, size: int) -> bytes:
        """Fetch the first `size` bytes of a member, or all of it when it is shorter."""
        try:
            with self._archive.open(self._members[name]) as stream:
                data = stream.read(size)
        except _DAMAGE as error:
            msg = f"member {name!r} is truncated or damaged: {error}"
            raise CheckpointError(msg) from error
        if len(data) < min(size, self._members[name].file_size):
            msg = f"member {name!r} is truncated: it unpacks to {len(data)} bytes"
            raise CheckpointError(msg)
        return data

    def _header(self, name: str) -> TensorHeader:
        start, descr, fortran, shape = parse_npy_header(name, self._unpack(name, 2**14))
        dtype = _plain_dtype(name, descr)
        size = start + dtype.itemsize * prod(shape)
        if size != self._members[name].file_size:
            msg = (
                f"member {name!r} announces {descr} of shape {shape}, {size} bytes with its header, "
                f"but the archive holds {self._members[name].file_size}"
            )
            raise CheckpointError(msg)
        self._starts[name] = (start, descr, fortran)
        return TensorHeader(dtype.name, shape)

    def _config(self, header: TensorHeader) -> str:
        start, descr, _ = self._starts[CONFIG]
        size = self._members[CONFIG].file_size
        if prod(header.shape) != 1 or descr.lstrip("<>|=")[0] not in "US" or size > MAX_CONFIG_BYTES:
            msg = f"`config` must be one text of at most {MAX_CONFIG_BYTES} bytes, not {descr} {header.shape}"
            raise CheckpointError(msg)
        encoding = "utf-8" if "S" in descr else "utf-32-be" if descr[0] == ">" else "utf-32-le"
        try:
            return self._unpack(CONFIG, size)[start:].decode(encoding).rstrip("\0")
        except ValueError as error:
            msg = f"`config` is no text: {error}"
            raise CheckpointError(msg) from error

    def read(self, name: str) -> npt.NDArray[Any]:
        """Fetch one tensor."""
        start, descr, fortran = self._starts[name]
        data = self._unpack(name, self._members[name].file_size)
        values = np.frombuffer(data, np.dtype(descr), offset=start)
        return values.reshape(self.headers[name].shape, order="F" if fortran else "C")


def parse_npy_header(name: str, data: bytes) -> tuple[int, str, bool, tuple[int, ...]]:
    """Return where the values of a `.npy` file start, their type, whether in Fortran order, and the shape.

    Raises
    ------
    CheckpointError
        The header is not what NumPy writes for a plain array (objects and records are refused).
    """
    width = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}.get(data[6:8])
    start = 8 + (width or 0) + int.from_bytes(data[8 : 8 + (width or 0)], "little")
    if data[:6] != b"\x93NUMPY" or width is None or start > len(data):
        msg = f"member {name!r} is no NumPy array, or its header is truncated or oversized"
        raise CheckpointError(msg)
    try:
        with warnings.catch_warnings(action="ignore"):
            header = ast.literal_eval(data[8 + width : start].decode("latin1").strip())
        descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
        plain = (
            len(header) == 3
            and (type(descr), type(fortran), type(shape)) == (str, bool, tuple)
            and all(type(axis) is int and axis >= 0 for axis in shape)
        )
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        msg = f"the header of member {name!r} is damaged: {error}"
        raise CheckpointError(msg) from error
    if not plain:
        msg = f"member {name!r} is no plain array: {header}"
        raise CheckpointError(msg)
    return start, descr, fortran, shape


def _plain_dtype(name: str, descr: str) -> np.dtype[Any]:
    if not re.fullmatch(r"[<>|=]?(?:[fiucb]\d{1,2}|[US]\d{1,6})", descr):
        msg = f"member {name!r} has dtype {descr!r}; arrays of objects and records are never read (no pickle)"
        raise CheckpointError(msg)
    try:
        return np.dtype(descr)
    except TypeError as error:
        msg = f"member {name!r} has the unknown dtype {descr!r}"
        raise CheckpointError(msg) from error
