"""What the tensors of a layer leave open: all of it is known, all that nobody stated is named, none is a table's."""

import json
from pathlib import Path

import numpy as np
import pytest

from carleman_ssm.experiments.layer_checks import check_layer
from carleman_ssm.families.conventions import convention
from carleman_ssm.families.importers import open_checkpoint, save_layer
from carleman_ssm.families.layer_options import NAMED, assumed_options, layer_convention, layer_options
from carleman_ssm.families.linear_attention import LinearAttention
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.retnet import RetNet
from carleman_ssm.families.s4 import S4
from carleman_ssm.networks.containers import CheckpointError
from carleman_ssm.report.convention_words import convention_blocks, convention_rows
from carleman_ssm.report.sections import Grid, Note
from carleman_ssm.report.zoo_model import described

FOLDER = Path(__file__).parent / "data" / "zoo"
FILES = sorted(path for path in FOLDER.glob("*.npz") if not path.name.endswith(".reference.npz"))
BARE = {"fla-linear-attention__identity"}
REFUSED = {
    "fla-gated-delta-net__shared_keys_negative": "4 heads of keys do not divide",
    "fla-gla__default": "needs num_heads",
    "fla-gla__grouped_conv": "needs num_heads",
    "fla-gla__no_gate": "needs num_heads",
    "fla-linear-attention__identity": "say config={'feature_map': 'identity'}",
    "fla-linear-attention__summed_keys": "say config={'feature_map': 'identity'}",
    "mamba2__groups_before_gate": r"ngroups · d_state = 6 alone: give ngroups or d_state",
    "mamba2__groups_norm": "give ngroups or d_state",
    "mamba2__no_norm_mlp": "give ngroups or d_state",
    "s4-block__glu_activation": r"expected \(8, 16\)",
    "s5__all_modes_zoh_clipped_half_glu2": "half_glu1 or half_glu2: say which with config=",
    "s5__conj_zoh_gelu_bidirectional": "gelu or none: say which with config=",
    "s5__conj_zoh_half_glu1": "half_glu1 or half_glu2: say which with config=",
}
REFUSED |= dict.fromkeys(
    (f"fla-linear-attention__{name}" for name in ("default", "hadamard", "tied_normalised")), "needs num_heads"
)
REFUSED |= dict.fromkeys(
    (f"fla-retnet__{name}" for name in ("default", "grouped_keys", "no_gate_conv")), "needs num_heads"
)
"""Without their configuration these do not load; the others do."""
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def opened(path):
    """A file of four projections and nothing else may be of two dialects."""
    return open_checkpoint(path, path.name.partition("__")[0] if path.stem in BARE else None)


def without_configuration(path, folder):
    """The same tensors in a file that says nothing else."""
    tensors = {name: value for name, value in np.load(path).items() if name != "config"}
    file = folder / path.name
    np.savez(file, **tensors)
    return open_checkpoint(file, path.name.partition("__")[0])


def fits(layer, path):
    """Whether the layer gives the outputs of the reference, to 1e-9 in float64."""
    other = np.load(path.with_name(f"{path.stem}.reference.npz"))
    return np.abs(layer(other["x"]) - other["y"]).max() <= 1e-9 * max(1, np.abs(other["y"]).max())


@every_file
def test_tensors_and_options_are_the_whole_layer(path):
    layer = opened(path).layer(0)
    again = type(layer).from_tensors(layer.tensors(), json.loads(json.dumps(layer_options(layer))))
    assert fits(again, path)
    assert layer_options(again) == layer_options(layer)
    assert layer_convention(again) == layer_convention(layer)


@every_file
def test_a_file_without_its_configuration_is_refused_or_says_which_options_it_assumed(path, tmp_path):
    """The right layer, or a refusal that says what to give, or the option that makes the difference is listed."""
    true, bare = opened(path).layer(0), without_configuration(path, tmp_path)
    if path.stem in REFUSED:
        with pytest.raises(CheckpointError, match=REFUSED[path.stem]):
            bare.layer(0)
        return
    layer = bare.layer(0)
    assumed, stated = bare.assumed(layer), layer_options(true)
    differing = {name for name, value in layer_options(layer).items() if stated.get(name, value) != value}
    assert differing <= assumed.keys()
    assert fits(layer, path) or differing
    completed = bare.layer(0, {name: stated[name] for name in assumed if name in stated})
    assert fits(completed, path)
    assert not bare.assumed(completed, {name: stated[name] for name in stated})


@pytest.mark.parametrize(
    ("name", "option", "true", "assumed"),
    [
        ("dss__clip", "version", "clip", "softmax"),
        ("fla-delta-net__elu_sum", "qk_norm", "sum", "l2"),
        ("fla-gated-delta-net__plain", "norm_eps", 1e-3, 1e-5),
        ("h3__heads", "disc", "zoh", "bilinear"),
        ("s4-block__transforms", "disc", "bilinear", "zoh"),
        ("s4-block__dss_rule", "disc", "dss", "zoh"),
        ("s5__conj_bilinear_full_glu_bidirectional", "discretization", "bilinear", "zoh"),
        ("s7__erf", "gelu_form", "erf", "tanh"),
    ],
)
def test_an_assumption_that_is_wrong_is_listed(name, option, true, assumed, tmp_path):
    path = FOLDER / f"{name}.npz"
    bare = without_configuration(path, tmp_path)
    layer = bare.layer(0)
    assert not fits(layer, path)
    assert bare.assumed(layer)[option] == assumed
    assert layer_options(opened(path).layer(0))[option] == true
    _, content = described(tmp_path / path.name, 0)
    assert option in content["assumed"]
    assert content["conventions"]["dialect"] == layer.dialect


def test_an_s5_without_dense_maps_is_not_guessed(tmp_path):
    path = FOLDER / "s5__conj_zoh_gelu_bidirectional.npz"
    bare = without_configuration(path, tmp_path)
    with pytest.raises(CheckpointError, match=r"gelu or none: say which with config=\{'activation': 'gelu'\}"):
        bare.layer(0)
    assert fits(bare.layer(0, {"activation": "gelu"}), path)
    assert not fits(bare.layer(0, {"activation": "none"}), path)


def test_two_directions_are_told_by_the_readouts(tmp_path):
    for name in ("s4-block__bidirectional", "s4-dplr__lengthened"):
        path = FOLDER / f"{name}.npz"
        config = {key: value for key, value in opened(path).config.items() if key != "bidirectional"}
        bare = without_configuration(path, tmp_path)
        assert fits(bare.layer(0, config), path)
        with pytest.raises(CheckpointError, match="C: expected the shape"):
            bare.layer(0, config | {"bidirectional": False})


def test_a_file_that_states_everything_assumes_nothing(tmp_path):
    for name in ("dss__clip", "s4-block__transforms", "mamba2__groups_before_gate", "fla-gla__grouped_conv"):
        layer = opened(FOLDER / f"{name}.npz").layer(0)
        save_layer(layer, tmp_path / "layer.npz", config=layer_options(layer))
        found = open_checkpoint(tmp_path / "layer.npz")
        assert found.assumed(found.layer(0)) == {}
        assert not any(isinstance(block, Note) for block in convention_blocks(layer, {}))


def test_other_names_and_places_state_an_option_too():
    normed = opened(FOLDER / "fla-linear-attention__tied_normalised.npz").layer(0)
    assert "do_feature_map_norm" not in assumed_options(normed, {"norm_feature_map": True})
    gated = opened(FOLDER / "fla-gated-delta-net__default.npz").layer(0)
    assert "num_heads" not in assumed_options(gated, {"head_dim": 3})
    grouped = opened(FOLDER / "mamba2__groups_norm.npz").layer(0)
    assert "ngroups" not in assumed_options(grouped, {"n_groups": 2})
    assert "ngroups" not in assumed_options(grouped, {"ssm_cfg": {"ngroups": 2}})
    assert "ngroups" in assumed_options(grouped, {"ngroups": None})
    assert "ngroups" not in assumed_options(grouped, {"d_state": 2})  # the shapes hold the product of the two


def test_options_are_fields_of_the_layer():
    for path in FILES:
        layer = opened(path).layer(0)
        assert all(hasattr(layer, name) for name in NAMED.get(layer.dialect, ()))


EXPECTED = {
    # Read from the configurations and keys of the files, not from this package.
    "mamba__complex": {
        "imaginary part": "enters as stored",
        "conjugate pairs": "one of each pair",
        "ε": "no norm inside",
    },
    "mamba__default": {"imaginary part": "none is stored", "conjugate pairs": "no complex numbers"},
    "s5__all_modes_zoh_clipped_half_glu2": {"conjugate pairs": "once", "activation": "gelu (tanh), half_glu2"},
    "s5__conj_bilinear_full_glu_bidirectional": {"conjugate pairs": "twice the real part", "rule": "bilinear"},
    "s4-block__real": {"imaginary part": "none is stored", "conjugate pairs": "real modes, read twice"},
    "s4-block__two_copies": {"imaginary part": "sign changed", "conjugate pairs": "twice the real part", "rule": "zoh"},
    "s4-block__transforms": {"activation": "silu", "rule": "bilinear"},
    "s4-block__bandlimit": {"activation": "none", "dense": "none"},
    "s4-block__dss_rule": {"rule": "dss", "conjugate pairs": "once"},
    "dss__softmax": {"rule": "dss", "activation": "gelu (erf), glu"},
    "dss__exp": {"rule": "zoh", "activation": "gelu (erf)"},
    "dss__clip": {"activation": "none"},
    "dss__clip_no_scale": {"rule": "discrete"},
    "h3__heads": {"rule": "zoh"},
    "h3__bilinear": {"rule": "bilinear"},
    "fla-gated-delta-net__plain": {"ε": "0.001"},
    "fla-gated-delta-net__default": {"ε": "1e-05"},
    "fla-gla__grouped_conv": {"ε": "0.001"},
    "fla-linear-attention__identity": {"ε": "no norm inside"},
    "mamba2__no_norm_mlp": {"ε": "no norm inside"},
    "mamba2__default": {"ε": "1e-05"},
    "s7__erf": {"activation": "gelu (erf)"},
    "s7__default": {"activation": "gelu (tanh)"},
    "annotated-s4__linear": {"conjugate pairs": "once", "activation": "gelu (tanh)"},
    "fla-retnet__grouped_keys": {"ε": "0.001", "imaginary part": "turn with their position"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_conventions_are_those_of_the_layer(name):
    rows = convention_rows(opened(FOLDER / f"{name}.npz").layer(0))
    for start, words in EXPECTED[name].items():
        (value,) = (value for row, value in rows.items() if row.startswith(start))
        exact = start in ("activation", "rule", "dense")
        assert value == words if exact else words in value, (start, value)


@every_file
def test_what_is_said_of_complex_numbers_is_what_the_steps_have(path):
    layer = opened(path).layer(0)
    rows, found = convention_rows(layer), check_layer(layer)
    stored = rows["imaginary part"].startswith("enters")
    assert stored == any(name in rows["conjugate pairs"] for name in ("real part",))
    if not isinstance(layer, RetNet):  # whose keys and queries are turned by their positions
        assert stored or found.complex_share == 0
        assert not stored or found.complex_share > 0 or isinstance(layer, S4)  # whose low rank makes them real
    assert (layer_convention(layer).norm_eps > 0) == any("norm" in field for field in normed(layer))


def normed(layer):
    """The norm inside a layer, by its tensors; two dialects have one without a weight."""
    without_weight = isinstance(layer, LinearAttention) and layer.output_norm == "rmsnorm"
    weightless = layer.family in ("gla", "retnet") or without_weight
    return ["norm"] if weightless else [name for name in layer.tensors() if "norm" in name]


@every_file
def test_every_entry_of_the_configuration_that_is_an_option_has_its_value(path):
    """Stated values are printed, not those of the table: second route through the text of the file."""
    found = opened(path)
    layer = found.layer(0)
    options = layer_options(layer)
    assumed = found.assumed(layer)
    for name in found.config.keys() & options.keys():
        stated = (
            {None: "id"}.get(found.config[name], found.config[name]) if name == "activation" else found.config[name]
        )
        assert options[name] == stated, name
        assert name not in assumed
    grids = [block for block in convention_blocks(layer, assumed) if isinstance(block, Grid)]
    said = {row[0]: row[2] for grid in grids for row in grid.rows}
    assert said == {name: "assumed" if name in assumed else "the configuration" for name in options}


def test_the_row_of_a_layer_differs_from_the_table_only_where_it_chose():
    layer = Mamba2.initialise(np.random.default_rng(0))
    assert layer_convention(layer) == convention("mamba2")
