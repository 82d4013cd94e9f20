"""One layer of a checkpoint as `zoo --model` describes it: its conventions, shapes, routes and spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carleman_ssm.experiments.layer_checks import NOISE_STEPS, LayerFinding, check_layer
from carleman_ssm.families.family import Family
from carleman_ssm.families.importers import Checkpoint, open_checkpoint
from carleman_ssm.families.layer_options import layer_options
from carleman_ssm.families.scans import VaryingRankOneScan
from carleman_ssm.report.convention_words import convention_blocks, convention_rows, option_words
from carleman_ssm.report.sections import Grid, Note, Pairs, Section

RANK_ONE = VaryingRankOneScan.__name__.removesuffix("Scan")
"""Steps that do not commute, so that T6 v says nothing of them."""


def layer_sections(
    layer: Family, found: LayerFinding, file: Pairs, assumed: Mapping[str, object]
) -> tuple[Section, ...]:
    """What is stored, under which conventions, which of them were assumed, and what the recurrence is like."""
    shapes = Grid(
        ("tensor", "shape"),
        tuple((name, shape_words(value.shape)) for name, value in layer.tensors().items()),
    )
    return (
        Section("file", (file,)),
        Section("conventions", convention_blocks(layer, assumed)),
        Section("tensors", (shapes,)),
        Section("recurrence", (Pairs(recurrence_rows(found)), Note(READING))),
    )


def file_rows(checkpoint: Checkpoint, index: int) -> Mapping[str, str]:
    """Which layers the file has, which is shown, and what lies outside of them."""
    prefix = checkpoint.layers[index].prefix
    return {
        "layers": str(len(checkpoint.layers)),
        "shown": f"layer {index}, {prefix}" if prefix else f"layer {index}",
        "outside of the layers": ", ".join(checkpoint.unused) or "nothing",
    }


def recurrence_rows(found: LayerFinding) -> Mapping[str, str]:
    """What was measured, in words."""
    smallest, largest = found.modulus
    return {
        "type": found.scan,
        "state of one step": shape_words(found.state_shape),
        "eigenvalues of the steps": f"modulus {smallest:.4g} to {largest:.4g}; {_kind(found)}",
        "closed form and recurrence": f"differ by {found.route_error:.1e} of the largest output (measured)",
    }


def _kind(found: LayerFinding) -> str:
    """What the eigenvalues are, and what follows for waves."""
    if found.complex_share is None or found.negative_share is None:
        return "not told whether real or complex: rounding alone may decide it, and nothing follows of waves"
    negative = f"{found.negative_share:.0%} below 0"
    if found.scan == RANK_ONE:
        signs = f", {negative}" if found.negative_share else ""
        return f"all real{signs}; the steps do not commute and products of them may turn: no ring"
    if found.complex_share:
        return f"{found.complex_share:.0%} complex: waves" + (f"; {negative}" if found.negative_share else "")
    if found.negative_share:
        return f"all real, {negative}: no side is preferred, a kick may hop by half of the ring"
    return "all real and not negative: no wave travels"


def shape_words(shape: tuple[int, ...]) -> str:
    """(2, 3) as 2 × 3."""
    return " × ".join(map(str, shape)) or "one number"


READING = f"Measured on {NOISE_STEPS} steps of seeded standard normal noise, one sequence, in float64."


def layer_content(layer: Family, found: LayerFinding, assumed: Mapping[str, object]) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "conventions": dict(convention_rows(layer)),
        "options": {name: option_words(value) for name, value in layer_options(layer).items()},
        "assumed": list(assumed),
        "tensors": {name: list(value.shape) for name, value in layer.tensors().items()},
        "scan": found.scan,
        "state_shape": list(found.state_shape),
        "modulus": list(found.modulus),
        "complex_share": found.complex_share,
        "negative_share": found.negative_share,
        "route_error": found.route_error,
    }


def described(
    source: Path, index: int, dialect: str | None = None, config: Mapping[str, object] | None = None
) -> tuple[tuple[Section, ...], dict[str, Any]]:
    """Sections and JSON of one layer of a file, from one run of its checks; as `importers.load_layer` reads it.

    Raises
    ------
    ValueError
        The file holds no layer of a known dialect, or not this one.
    """
    checkpoint = open_checkpoint(source, dialect)
    layer = checkpoint.layer(index, config)
    found = check_layer(layer)
    file, assumed = file_rows(checkpoint, index), checkpoint.assumed(layer, config)
    content = {"file": dict(file), **layer_content(layer, found, assumed)}
    return layer_sections(layer, found, Pairs(file), assumed), content
