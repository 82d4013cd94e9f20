"""`carleman-ssm predict` as a user runs it: predictions beside simulation, data and figures, errors in one line."""

import json

import numpy as np
import pytest

import carleman_ssm as cs
from carleman_ssm.report import cli
from carleman_ssm.report.family_requests import Family, family_request


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["predict", *map(str, arguments)])
    caught = capsys.readouterr()
    return stop.value.code, caught.out, caught.err


def report_of(folder):
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_a_sinusoid_is_predicted_beside_simulation_with_its_spectrum(capsys, tmp_path):
    code, out, err = run(capsys, "--family", "sinusoid", "--set", "frequency=0.49", "--output", tmp_path)
    assert (code, err) == (0, "")
    report = report_of(tmp_path)
    steps = np.arange(64)
    own = cs.load_network("frequencies")(np.cos(0.49 * steps)[None, :, None])[0]
    np.testing.assert_allclose(report["logits"], own, atol=1e-9)
    assert report["class"] == 1
    assert report["class_certified"]
    swept = report["sweep"]
    logits = np.array(swept["logits"])
    for frequency, simulated in zip(swept["simulated_at"], swept["simulated"], strict=True):
        place = swept["values"].index(frequency)
        np.testing.assert_allclose(logits[place], simulated, atol=1e-9)
    lines = report["frequency_domain"]["lines"]
    assert {tuple(line["multiples"]) for line in lines} == {(0,), (1,), (2,)}  # a quadratic decoder: no third harmonic
    written = sorted(path.name for path in tmp_path.iterdir())
    assert {"prediction.png", "logit.tex", "spectrum.png", "response_second_order.png", "report.html"} <= set(written)
    assert all(name in out for name in written)


def test_two_tones_meet_in_lines_at_their_sum_and_difference(capsys, tmp_path):
    given = ("--family", "sinusoid", "--set", "frequency=0.6", "--second", 0.2, "--length", 12, "--output", tmp_path)
    code, out, err = run(capsys, *given)
    assert (code, err) == (0, "")
    report = report_of(tmp_path)
    steps = np.arange(12)
    own = cs.load_network("frequencies")((np.cos(0.6 * steps) + np.cos(0.2 * steps))[None, :, None])[0]
    np.testing.assert_allclose(report["logits"], own, atol=1e-9)
    lines = {tuple(line["multiples"]): line["magnitude"] for line in report["frequency_domain"]["lines"]}
    assert min(lines[1, 1]) > 1e-3 < min(lines[1, -1])
    assert "waves have interacted" in " ".join(out.split())


def test_positions_of_an_impulse_are_swept_as_whole_steps(capsys, tmp_path):
    code, _, err = run(capsys, "--family", "impulse", "--set", "height=2", "--length", 20, "--output", tmp_path)
    assert (code, err) == (0, "")
    swept = report_of(tmp_path)["sweep"]
    assert swept["values"] == list(range(20))
    x = np.zeros((1, 20, 1))
    x[0, 7] = 2.0
    np.testing.assert_allclose(swept["logits"][7], cs.load_network("frequencies")(x)[0], atol=1e-9)


def test_noise_is_expected_without_an_interval_and_the_probability_of_leaving_one_is_said(capsys, tmp_path):
    settings = ("--set", "variance=0.05", "--set", "mean=0.3", "--set", "correlation=0.5")
    code, out, err = run(
        capsys,
        "digits-gelu",
        "--family",
        "gaussian",
        *settings,
        "--input-bound",
        1.5,
        "--degree",
        8,
        "--output",
        tmp_path,
    )
    assert (code, err) == (0, "")
    report = report_of(tmp_path)
    simulation = report["simulation"]
    apart = np.abs(np.array(report["expected_logits"]) - simulation["mean"])
    assert (apart < 6 * np.array(simulation["standard_error"])).all()
    assert 0 <= report["leaving"]["at_least"] <= report["leaving"]["at_most"] <= 1
    assert "leaves the intervals" in " ".join(out.split())


def test_a_deep_network_under_noise_is_measured_and_says_so(capsys, tmp_path):
    code, out, _ = run(
        capsys, "digits-deep-gelu", "--family", "gaussian", "--set", "variance=0.05", "--output", tmp_path
    )
    assert code == 0
    assert "Measured alone" in out
    assert "expected_logits" not in report_of(tmp_path)


def test_what_leaves_the_certified_interval_is_refused_with_the_excess(capsys, tmp_path):
    code, out, err = run(
        capsys, "digits-gelu", "--family", "step", "--set", "height=0.9", "--input-bound", 0.3, "--degree", 8,
        "--output", tmp_path / "o",
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert "leaves the certified interval" in err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--family"),
        (("--family", "wave"), "wave"),
        (("--family", "impulse", "--set", "hight=3"), "height, position, channel"),
        (("--family", "impulse", "--set", "height"), "NAME=VALUE"),
        (("--family", "impulse", "--set", "height=x"), "no number"),
        (("--family", "impulse", "--set", "height=inf"), "finite"),
        (("--family", "impulse", "--set", "height=1", "--set", "height=2"), "twice"),
        (("--family", "impulse", "--set", "position=1.5"), "whole number"),
        (("--family", "impulse", "--set", "position=64"), "steps 0 to 63"),
        (("--family", "impulse", "--set", "channel=1"), "channel"),
        (("--family", "gaussian", "--set", "correlation=3"), "stationary"),
        (("--family", "gaussian", "--set", "variance=-1"), "autocovariance"),
        (("--family", "step", "--second", "0.2"), "beside a sinusoid"),
        (("--family", "step", "--length", "0"), "at least one step"),
        (("nobody", "--family", "step"), "no shipped network"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing_behind(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_settings_are_numbers_and_nothing_else():
    """Text from the command line is parsed, never evaluated."""
    with pytest.raises(ValueError, match="no number"):
        family_request(Family.STEP, ["height=__import__('os')"])
    assert dict(family_request(Family.STEP, ["height=-2.5e-1"]).settings) == {"height": -0.25}
