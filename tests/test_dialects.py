"""Recognition of dialects by keys and shapes: every row of the table, and what must be refused."""

import pytest

from carleman_ssm.families.conventions import CONVENTIONS, Convention
from carleman_ssm.families.dialects import recognise, stored_layers
from carleman_ssm.networks.containers import CheckpointError, TensorHeader

BARE = {"fla-linear-attention", "fla-retnet"}
"""Told apart by optional keys alone."""


def headers(keys, prefix="", axes=()):
    """Headers of tensors of one axis each, unless `axes` says otherwise."""
    return {prefix + key: TensorHeader("float32", (3,) * dict(axes).get(key, 1)) for key in keys}


def least(row: Convention, prefix=""):
    """The layer of a dialect without anything that it could lack."""
    telling = {"fla-linear-attention": "norm.weight", "fla-retnet": "g_proj.weight"}.get(row.dialect)
    keys = row.marks | frozenset(sorted(row.choices)[:1]) | frozenset([telling] if telling else [])
    return headers(keys, prefix, row.axes)


@pytest.mark.parametrize("row", CONVENTIONS.values(), ids=list(CONVENTIONS))
@pytest.mark.parametrize("prefix", ["", "backbone.layers.0.mixer.", "params/encoder/layers_3/", "layer.kernel."])
def test_every_dialect_is_recognised_under_every_prefix(row, prefix):
    found = least(row, prefix)
    assert recognise(found) is row
    (layer,) = stored_layers(found)
    assert layer.prefix == prefix.replace("/", ".")
    assert dict(layer.names) == {name.removeprefix(prefix): name for name in found}
    assert stored_layers(headers(row.marks | row.choices | row.optional, prefix, row.axes), row.dialect)


MARKS = [(row, mark) for row in CONVENTIONS.values() for mark in sorted(row.marks)]
INDISTINCT = {("s4-dplr", "layer.kernel.P"): "s4-block"}
"""Without its low rank, and without the length that a forward pass leaves, S4 has the keys of a diagonal block."""


@pytest.mark.parametrize(("row", "mark"), MARKS, ids=[f"{row.dialect}-{mark}" for row, mark in MARKS])
@pytest.mark.parametrize("prefix", ["", "model.layers.11."])
def test_a_renamed_or_foreign_or_missing_key_is_refused(row, mark, prefix):
    whole, foreign = least(row, prefix), {prefix + "scale_of_another": TensorHeader("float32", (1,))}
    without = {name: header for name, header in whole.items() if name != prefix + mark}
    renamed = {**without, prefix + mark + "_": whole[prefix + mark]}
    for broken in (renamed, {**whole, **foreign}):
        with pytest.raises(CheckpointError):
            stored_layers(broken)
    if (row.dialect, mark) in INDISTINCT:
        assert recognise(without).dialect == INDISTINCT[row.dialect, mark]
        return
    with pytest.raises(CheckpointError):
        stored_layers(without)


@pytest.mark.parametrize("row", CONVENTIONS.values(), ids=list(CONVENTIONS))
def test_no_other_dialect_loads_the_keys_of_a_layer(row):
    for other in CONVENTIONS:
        if other != row.dialect:
            with pytest.raises(CheckpointError, match=f"not {other}|of no known dialect"):
                stored_layers(least(row, "layers.0."), other)


def test_layers_come_in_the_order_of_their_numbers_and_what_is_beside_them_is_left_out():
    row = CONVENTIONS["s5"]
    found = {"params/encoder/encoder/kernel": TensorHeader("float32", (1, 3))}
    for index in (10, 9, 0):
        found |= least(row, f"params/encoder/layers_{index}/")
        found[f"params/encoder/layers_{index}/norm/scale"] = TensorHeader("float32", (3,))
    layers = stored_layers(found)
    assert [layer.prefix for layer in layers] == [f"params.encoder.layers_{index}." for index in (0, 9, 10)]
    assert not any("norm" in name for layer in layers for name in layer.names)


def test_mamba_and_mamba_2_are_told_apart_by_the_axes_of_the_decay():
    row = CONVENTIONS["mamba"]
    wrong = headers(row.marks, axes={"A_log": 1})
    with pytest.raises(CheckpointError, match="A_log has 1 axes, not 2"):
        stored_layers(wrong)


def test_four_bare_projections_fit_two_dialects_until_one_is_named():
    bare = headers(CONVENTIONS["fla-retnet"].marks)
    with pytest.raises(CheckpointError, match="fit several dialects: fla-linear-attention, fla-retnet"):
        stored_layers(bare)
    for dialect in BARE:
        assert stored_layers(bare, dialect)[0].convention.dialect == dialect


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("kernel.kernel.w_imag kernel.kernel.inv_w_real kernel.kernel.log_dt kernel.kernel.C D", "convert_v3_to_v4"),
        ("layer.kernel.w_imag layer.kernel.inv_dt layer.kernel.C layer.D layer.kernel.B", "negates w_imag"),
        ("kernel.kernel.inv_A_real kernel.kernel.A_imag kernel.kernel.log_dt kernel.kernel.C D", "only H3"),
        ("in_proj.weight dt_bias B_bias C_bias D out_proj.weight", "Mamba-3"),
        ("seq.Lambda_re seq.Lambda_im seq.P seq.B seq.C seq.D seq.log_step", "annotated-s4"),
        ("encoder.weight decoder.weight", "found are encoder.weight, decoder.weight; known dialects are s4d"),
        ("", "no keys at all"),
    ],
)
def test_layouts_that_are_not_read_are_named_with_a_remedy(keys, words):
    with pytest.raises(CheckpointError, match=words):
        stored_layers(headers(keys.split()))


def test_layers_of_two_dialects_are_read_one_by_one():
    found = least(CONVENTIONS["mamba"], "layers.0.mixer.") | least(CONVENTIONS["mamba2"], "layers.1.mixer.")
    assert [layer.convention.dialect for layer in stored_layers(found)] == ["mamba", "mamba2"]
    with pytest.raises(CheckpointError, match="several dialects: mamba, mamba2"):
        recognise(found)


def test_a_broken_layer_is_not_skipped_for_the_next_one():
    row = CONVENTIONS["fla-gla"]
    found = least(row, "layers.0.") | least(row, "layers.1.")
    found["layers.0.gk_proj.0.bias"] = TensorHeader("float32", (3,))
    with pytest.raises(CheckpointError, match=r"'layers\.0\.'.*gk_proj\.0\.bias"):
        stored_layers(found)


def test_keys_that_differ_in_their_separators_alone_are_refused():
    found = least(CONVENTIONS["s5"]) | {"seq/D": TensorHeader("float32", (3,))}
    with pytest.raises(CheckpointError, match="nothing but"):
        stored_layers(found)


def test_unknown_dialects_are_refused():
    with pytest.raises(ValueError, match="unknown dialect"):
        stored_layers(least(CONVENTIONS["s5"]), "s6")


def test_a_flaw_in_a_known_layer_is_told_as_such_and_not_as_another_layout():
    found = least(CONVENTIONS["h3"]) | {"scale_of_another": TensorHeader("float32", (1,))}
    with pytest.raises(CheckpointError, match=r"^the layer is of no known dialect; nearest: h3 \(not known there"):
        stored_layers(found)


@pytest.mark.parametrize("dialect", ["dss", "s5"])
def test_one_of_the_keys_to_choose_from_must_be_there(dialect):
    row = CONVENTIONS[dialect]
    assert stored_layers(headers(row.marks | {sorted(row.choices)[0]}))
    with pytest.raises(CheckpointError, match="missing: one of"):
        stored_layers(headers(row.marks))


def test_a_broken_layer_is_not_passed_over_for_one_inside_of_its_prefix():
    found = least(CONVENTIONS["s5"], "inner.") | headers(("D", "kernel.C", "kernel.log_dt"))
    with pytest.raises(CheckpointError, match="nearest: s4d"):
        stored_layers(found)
