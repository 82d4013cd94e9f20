"""Which dialect the keys and shapes of a checkpoint are of, and where its layers are.

A layer is found under a prefix, such as ``backbone.layers.0.mixer.``, below which the keys of one convention lie and
no others. Keys that fit no convention or several are an error that says what was found and what is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carleman_ssm.families.conventions import CONVENTIONS, REFUSED, Convention, convention
from carleman_ssm.networks.containers import CheckpointError, TensorHeader

Headers = Mapping[str, TensorHeader]


@dataclass(frozen=True)
class StoredLayer:
    """One layer of a checkpoint.

    Parameters
    ----------
    prefix
        What its keys begin with, as stored; empty for a file of one layer.
    convention
        That of its dialect.
    names
        Key within the layer -> key in the file, both as stored.
    """

    prefix: str
    convention: Convention
    names: Mapping[str, str]


@dataclass(frozen=True)
class _Candidate:
    """How the keys under a prefix compare with one convention."""

    prefix: str
    convention: Convention
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    misshapen: tuple[str, ...]

    @property
    def distance(self) -> int:
        return len(self.missing) + len(self.unknown) + len(self.misshapen)

    def __str__(self) -> str:
        parts = {"missing": self.missing, "not known there": self.unknown, "shape": self.misshapen}
        told = "; ".join(f"{what}: {_listed(keys)}" for what, keys in parts.items() if keys)
        return f"{self.convention.dialect} ({told})" if told else self.convention.dialect


def recognise(headers: Headers) -> Convention:
    """The convention of the layers of a checkpoint.

    Raises
    ------
    CheckpointError
        As `stored_layers`, or the layers are of several dialects.

    Examples
    --------
    >>> keys = ("Lambda_re", "Lambda_im", "B", "C", "D", "log_step")
    >>> recognise({f"params/encoder/layers_0/seq/{key}": TensorHeader("float32", (4,)) for key in keys}).dialect
    's5'
    """
    found = {layer.convention.dialect: layer.convention for layer in stored_layers(headers)}
    if len(found) > 1:
        msg = f"the checkpoint holds layers of several dialects: {', '.join(found)}; read them one by one"
        raise CheckpointError(msg)
    return next(iter(found.values()))


def stored_layers(headers: Headers, dialect: str | None = None) -> tuple[StoredLayer, ...]:
    """All layers of a checkpoint in the order of their prefixes, numbers compared as numbers.

    Parameters
    ----------
    headers
        Types and shapes by key.
    dialect
        Expect this dialect; needed only where the keys leave several open.

    Raises
    ------
    CheckpointError
        No layer of a known dialect, keys inside a layer that its dialect does not have, keys that fit several
        dialects, or a dialect that the keys contradict.
    ValueError
        No such dialect.
    """
    plain = _plain(headers)
    expected = None if dialect is None else convention(dialect)
    groups = _outermost(_candidates(plain, headers))
    layers = tuple(_decided(prefix, groups[prefix], expected, plain) for prefix in sorted(groups, key=_natural))
    if not layers:
        raise CheckpointError(_refusal(plain))
    return layers


def _plain(headers: Headers) -> dict[str, str]:
    """Keys with dots between their parts -> keys as stored."""
    plain = {name.replace("/", "."): name for name in headers}
    if len(plain) != len(headers):
        msg = "two keys differ in nothing but / and . between their parts"
        raise CheckpointError(msg)
    return plain


def _candidates(plain: Mapping[str, str], headers: Headers) -> dict[str, list[_Candidate]]:
    """By prefix, every convention of whose marks at least half are there."""
    found: dict[str, list[_Candidate]] = {}
    for row in CONVENTIONS.values():
        for prefix in sorted({prefix for mark in row.marks for prefix in _prefixes(plain, mark)}):
            candidate = _compared(prefix, row, plain, headers)
            if 2 * len(candidate.missing) <= len(row.marks):
                found.setdefault(prefix, []).append(candidate)
    return found


def _prefixes(plain: Mapping[str, str], mark: str) -> Iterator[str]:
    for name in plain:
        if name == mark or name.endswith(f".{mark}"):
            yield name.removesuffix(mark)


def _compared(prefix: str, row: Convention, plain: Mapping[str, str], headers: Headers) -> _Candidate:
    inside = _inside(prefix, row, plain)
    missing = sorted(row.marks - inside.keys())
    if row.choices and not row.choices & inside.keys():
        missing.append(f"one of {', '.join(sorted(row.choices))}")
    wrong = (
        f"{key} has {len(headers[inside[key]].shape)} axes, not {axes}"
        for key, axes in row.axes.items()
        if key in inside and len(headers[inside[key]].shape) != axes
    )
    return _Candidate(prefix, row, tuple(missing), tuple(sorted(inside.keys() - row.keys)), tuple(wrong))


def _inside(prefix: str, row: Convention, plain: Mapping[str, str]) -> dict[str, str]:
    """Keys of the layer -> keys as stored; the norm of the residual block is not the layer's."""
    names = {name.removeprefix(prefix): stored for name, stored in plain.items() if name.startswith(prefix)}
    return {name: stored for name, stored in names.items() if name.partition(".")[0] not in row.beside}


def _outermost(found: dict[str, list[_Candidate]]) -> dict[str, list[_Candidate]]:
    """Of prefixes that contain each other the outer one, unless an inner one fits better: then both stand."""
    best = {prefix: min(candidate.distance for candidate in group) for prefix, group in found.items()}

    def beaten(prefix: str) -> bool:
        outer = (other for other in found if other != prefix and prefix.startswith(other))
        return any(best[other] <= best[prefix] for other in outer)

    return {prefix: group for prefix, group in found.items() if not beaten(prefix)}


def _decided(
    prefix: str, group: list[_Candidate], expected: Convention | None, plain: Mapping[str, str]
) -> StoredLayer:
    fitting = [candidate for candidate in group if candidate.distance == 0]
    chosen = [candidate for candidate in fitting if expected in (None, candidate.convention)]
    if len(chosen) == 1:
        row = chosen[0].convention
        names = _inside(prefix, row, plain)
        return StoredLayer(prefix, row, {_shown(key, stored): stored for key, stored in names.items()})
    where = f"the layer {prefix!r}" if prefix else "the layer"
    if fitting and expected is not None:
        told = " or ".join(candidate.convention.dialect for candidate in fitting)
        msg = f"{where} is of the dialect {told}, not {expected.dialect}: its keys and shapes say so"
    elif fitting:
        told = ", ".join(candidate.convention.dialect for candidate in fitting)
        msg = f"the keys of {where} fit several dialects: {told}; say which with dialect=… (--dialect of the command)"
    else:
        nearest = sorted(group, key=lambda candidate: candidate.distance)[:2]
        msg = f"{where} is of no known dialect; nearest: {'; '.join(map(str, nearest))}"
        reason = _named(plain, nearest[0].convention)
        msg = f"{reason}; {msg}" if reason else msg
    raise CheckpointError(msg)


def _shown(key: str, stored: str) -> str:
    return stored[len(stored) - len(key) :]


def _refusal(plain: Mapping[str, str]) -> str:
    found = f"found are {_listed(tuple(plain)) or 'no keys at all'}; known dialects are {', '.join(CONVENTIONS)}"
    reason = _named(plain)
    return f"{reason}; {found}" if reason else f"no layer of a known dialect: {found}"


def _named(plain: Mapping[str, str], nearest: Convention | None = None) -> str | None:
    """A layout that is named and refused, with the remedy, unless the nearest dialect has all of its marks itself."""
    last = {name.rpartition(".")[2] for name in plain}
    near = {name.rpartition(".")[2] for name in nearest.keys} if nearest else set()
    for row in REFUSED:
        if row.marks <= last and not row.marks <= near:
            return f"the keys are those of {row.name}, which is not read: {row.remedy}"
    return None


def _natural(prefix: str) -> list[tuple[int, str]]:
    """Order in which 10 comes after 9."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", prefix)]


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
