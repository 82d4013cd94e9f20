"""`zoo` end to end: what it prints and writes, what it says about wrong input, and one layer of a checkpoint."""

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from carleman_ssm.experiments.layer_checks import check_layer, eigenvalues
from carleman_ssm.experiments.statement_checks import Tally, tally
from carleman_ssm.experiments.zoo import Degree
from carleman_ssm.families.clock_scan import ClockScan
from carleman_ssm.families.registry import ENTRIES, FAMILIES, family_named, small_layer
from carleman_ssm.families.scans import (
    InvariantDenseScan,
    InvariantDiagonalScan,
    VaryingDiagonalScan,
    VaryingRankOneScan,
)
from carleman_ssm.recurrences.affine import InvariantDense, InvariantDiagonal, VaryingDiagonal, VaryingRankOne
from carleman_ssm.report.cli import main
from carleman_ssm.report.markdown import write_markdown
from carleman_ssm.report.sections import Grid, Note, Pairs, Section, Verbatim
from carleman_ssm.report.zoo import FILES, zoo
from carleman_ssm.report.zoo_sections import PIECES, verdicts, zoo_sections
from carleman_ssm.theory.real_spectra import complex_twins

DATA = Path(__file__).parent / "data" / "zoo"


def run(*arguments):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["zoo", *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    screen = io.StringIO()
    report = zoo(output=folder, console=Console(file=screen, width=80))
    return folder, report, screen.getvalue()


def test_every_family_has_its_row(whole):
    _, report, text = whole
    names = [family.family for family in FAMILIES]
    assert [one.family for one in report.found] == names == list(ENTRIES)
    assert len(set(names)) == 16
    for name in names:
        assert re.search(rf"^ {name} ", text, re.M), name


def test_every_claim_is_proved_every_twin_refuted_and_all_routes_agree(whole):
    for one in whole[1].found:
        assert one.exact, (one.family, one.claims, one.twins)
        assert one.measured.agree, (one.family, one.measured)
        assert min(tally.total for tally in one.claims.values()) >= 1, one.family
        assert one.twins.total >= 1
        for degree in (one.degree, *one.further_degrees.values()):
            assert degree.found == degree.stated, one.family
        assert one.spectrum_as_stated is not False, one.family


def test_the_files_say_what_the_terminal_says(whole):
    folder, report, _ = whole
    assert [path.name for path in report.files] == list(FILES)
    content = json.loads((folder / "zoo.json").read_text(encoding="utf-8"))
    assert [entry["family"] for entry in content["families"]] == [one.family for one in report.found]
    for entry, one in zip(content["families"], report.found, strict=True):
        assert entry["exact"] is one.exact
        assert entry["twins"]["refuted"] == one.twins.refuted
    assert (folder / "zoo.png").read_bytes()[:4] == b"\x89PNG"
    for name in ("zoo.html", "zoo.md"):
        text = (folder / name).read_text(encoding="utf-8")
        assert all(one.family in text for one in report.found)
    assert "<script" not in (folder / "zoo.html").read_text(encoding="utf-8")


def test_a_tick_needs_its_verdict(whole):
    """What is not proved, not refuted or not equal loses the tick in the table."""
    one = whole[1].found[0]
    true = _cells(one)
    assert "✗" not in "".join(true)
    spoiled = [
        replace(one, claims=one.claims | {"the laws": Tally(proved=1, supported=1)}),
        replace(one, claims=one.claims | {"the output": Tally(proved=2, refuted=1)}),
        replace(one, twins=Tally(refuted=2, supported=1)),
        replace(one, twins=Tally()),
        replace(one, degree=Degree(1, 2)),
        replace(one, degree=Degree(1, None)),
        replace(one, further_degrees={"other maps": Degree(5, 4)}),
        replace(one, measured=replace(one.measured, kernel=1e-3)),
        replace(one, measured=replace(one.measured, product=float("nan"))),
    ]
    for wrong in spoiled:
        assert "✗" in "".join(_cells(wrong)[1:5]), wrong


def test_none_has_its_tick_from_the_proof_and_the_multipliers_that_were_found(whole):
    """Real and not negative, and the law for any number of nodes proved; the same law claimed of others is false."""
    for one in whole[1].found:
        found = one.waves.nodes is not None and one.waves.real and one.waves.nonnegative
        assert (one.standing is not None) == found == (_cells(one)[-1] == "✓ none"), one.family
        assert ("✓" in _cells(one)[-1]) == found
    still = next(one for one in whole[1].found if one.family == "mamba")
    assert still.standing == Tally(proved=3)
    assert _cells(replace(still, standing=Tally(proved=2, supported=1)))[-1] == "✗ none"
    swinging = replace(still.waves, nonnegative=False)
    assert _cells(replace(still, standing=None, waves=swinging))[-1] == "no side"
    assert tally(complex_twins()).all_refuted
    assert any("✓ 3 laws" in block.text for block in zoo_sections([still])[4].blocks if isinstance(block, Note))
    turning = next(one for one in whole[1].found if one.family == "lru")
    assert not any("laws" in block.text for block in zoo_sections([turning])[4].blocks if isinstance(block, Note))


def test_powers_of_a_decay_are_listed_where_their_exponent_is_no_integer(whole):
    """A power of a sigmoid with another exponent is no polynomial of it; Mamba's are integers as it starts."""
    kept = {one.family: one.kept for one in whole[1].found}
    assert {name for name, words in kept.items() if "power of the decay" in words} == {
        "mamba2",
        "rg-lru",
        "gated-delta-net",
    }
    assert kept["mamba"] == ("power of the decay, once trained",)
    mamba, mamba2, delta = (
        family_named(name).initialise(np.random.default_rng(0)) for name in ("mamba", "mamba2", "gated-delta-net")
    )
    assert np.allclose(np.exp(mamba.A_log), np.arange(1, mamba.A_log.shape[1] + 1))
    for layer in (mamba2, delta):
        assert not np.allclose(np.exp(layer.A_log), np.round(np.exp(layer.A_log)))
    assert "for A = -(n + 1), as Mamba starts" in PIECES


def _cells(one):
    return next(block for block in zoo_sections([one])[0].blocks if isinstance(block, Grid)).rows[0]


def test_counts_in_words():
    assert verdicts(Tally()) == "none stated"
    assert verdicts(Tally(proved=3)) == "✓ 3"
    assert verdicts(Tally(proved=3, supported=1, refuted=2)) == "✗ 3 of 6: 1 supported, 2 refuted"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mambo",), "unknown family 'mambo': known are"),
        (("--states", 4), "--states must be between 2 and 3, got 4"),
        (("--steps", 1), "--steps must be between 2 and 4, got 1"),
        (("--states", "two"), "--states"),
        (("--layer", 1), "--layer: of a layer of --model FILE"),
        (("--dialect", "s5", "--config", "c.json"), "--dialect, --config: of a layer of --model FILE"),
        (("--model", "x.npz", "--states", 3), "leave --states out"),
        (("--model", "x.npz", "--steps", 3), "leave --steps out"),
        (("s5", "--model", "x.npz"), "leave s5 out"),
        (("--model", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--output", ""), "empty"),
        (("--degree", 2), "--degree"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.output == ""
    assert result.error.count("\n") == 1
    assert words in result.error
    assert not list(tmp_path.iterdir())


def test_families_can_be_chosen_once_each(tmp_path):
    result = run("lru", "s5", "lru", "--steps", 2, "--output", tmp_path / "two")
    assert result.exit_code == 0, result.error
    content = json.loads((tmp_path / "two" / "zoo.json").read_text(encoding="utf-8"))
    assert [entry["family"] for entry in content["families"]] == ["lru", "s5"]
    assert content["families"][0]["steps"] == 2


def test_a_family_without_a_ring_has_no_figure(tmp_path):
    result = run("delta-net", "--steps", 2, "--output", tmp_path)
    assert result.exit_code == 0, result.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["zoo.html", "zoo.json", "zoo.md"]
    assert "no ring" in result.output


def references():
    return sorted(path for path in DATA.glob("*.npz") if not path.name.endswith(".reference.npz"))


@pytest.mark.parametrize("path", references(), ids=lambda path: path.stem)
def test_a_checkpoint_is_described(path, tmp_path):
    more = ("--dialect", "fla-linear-attention") if path.stem == "fla-linear-attention__identity" else ()
    result = run("--model", path, *more, "--output", tmp_path)
    assert result.exit_code == 0, result.error
    dialect = path.name.split("__")[0]
    content = json.loads((tmp_path / "zoo.json").read_text(encoding="utf-8"))
    assert content["conventions"]["dialect"] == dialect
    assert content["route_error"] <= 1e-9  # two float64 routes over 64 steps
    assert dialect in result.output
    assert "eigenvalues of the steps" in result.output
    assert not (tmp_path / "zoo.png").exists()


def test_what_a_checkpoint_leaves_open_can_be_said(tmp_path):
    path = DATA / "fla-linear-attention__identity.npz"
    open_dialect = run("--model", path, "--output", tmp_path / "out")
    assert open_dialect.exit_code == 2
    assert "--dialect of the command" in open_dialect.error
    content = {name: value for name, value in np.load(path).items() if name != "config"}
    np.savez(tmp_path / "bare.npz", **content)
    (tmp_path / "said.json").write_text(str(np.load(path)["config"]), encoding="utf-8")
    options = ("--model", tmp_path / "bare.npz", "--dialect", "fla-linear-attention", "--output", tmp_path / "out")
    silent = run(*options)
    assert silent.exit_code == 2
    assert "feature_map" in silent.error
    assert run(*options, "--config", tmp_path / "said.json").exit_code == 0
    found = json.loads((tmp_path / "out" / "zoo.json").read_text(encoding="utf-8"))
    assert found["options"]["feature_map"] == "identity"
    assert "feature_map" not in found["assumed"]
    assert run(*options, "--config", tmp_path / "no.json").exit_code == 2


def test_a_layer_that_a_checkpoint_does_not_have_is_refused(tmp_path):
    result = run("--model", references()[0], "--layer", 7, "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "no layer 7; there are 1" in result.error
    assert not (tmp_path / "out").exists()


def test_the_folder_of_results_is_not_that_of_the_checkpoint_under_its_name(tmp_path):
    source = tmp_path / "zoo.json"
    source.write_text("{}", encoding="utf-8")
    result = run("--model", source, "--output", tmp_path)
    assert result.exit_code == 2
    assert "would write over" in result.error
    assert source.read_text(encoding="utf-8") == "{}"


def test_eigenvalues_of_dense_and_rank_one_steps():
    rng = np.random.default_rng(0)
    key = rng.standard_normal(3)
    scan = VaryingRankOneScan(np.array([[0.9]]), np.array([[0.5]]), key[None, None], rng.standard_normal((1, 1, 3, 2)))
    dense = 0.9 * (np.eye(3) - 0.5 * np.outer(key, key))
    assert np.isclose(eigenvalues(scan).min(), np.linalg.eigvalsh(dense).min())
    assert np.isclose(eigenvalues(scan).max(), np.linalg.eigvalsh(dense).max())
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert np.allclose(np.sort_complex(eigenvalues(InvariantDenseScan(turn, np.zeros((1, 1, 2))))), [-1j, 1j])
    with pytest.raises(TypeError, match="four types"):
        eigenvalues(object())


def test_a_layer_with_complex_modes_and_one_without():
    complex_layer = check_layer(small_layer(family_named("lru"), np.random.default_rng(0)))
    real_layer = check_layer(small_layer(family_named("mamba"), np.random.default_rng(0)))
    assert complex_layer.complex_share == 1.0
    assert real_layer.complex_share == 0.0
    assert real_layer.negative_share == 0.0
    assert 0 < real_layer.modulus[0] <= real_layer.modulus[1] < 1


def test_markdown_holds_every_kind_of_block(tmp_path):
    blocks = (Grid(("a",), (("1|2",),)), Pairs({"n": "v"}), Note("words"), Verbatim("x\ny"))
    text = write_markdown(tmp_path / "a.md", "T", [Section("S", blocks)], lead="L").read_text(encoding="utf-8")
    assert text == "# T\n\nL\n\n## S\n\n| a |\n|---|\n| 1\\|2 |\n\n- n: v\n\nwords\n\n```\nx\ny\n```\n"


STATED = {
    InvariantDiagonal: (InvariantDiagonalScan,),
    InvariantDense: (InvariantDenseScan,),
    VaryingDiagonal: (VaryingDiagonalScan, ClockScan),
    VaryingRankOne: (VaryingRankOneScan,),
}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.family)
def test_the_float_layer_has_the_type_of_recurrence_that_is_stated(family):
    layer = small_layer(family, np.random.default_rng(0))
    scan = layer.scan(np.ones((1, 3, layer.channels)))
    assert isinstance(scan, STATED[type(family.statement(2, 2).recurrence)])
