"""`carleman-ssm predict` as a user runs it: predictions beside simulation, data and figures, errors in one line."""

import json

import numpy as np
import pytest

import carleman_ssm as cs
from carleman_ssm.networks.network import NetworkConfig, S4DLayer, S4DNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report import cli
from carleman_ssm.report import frequency_domain as domain
from carleman_ssm.report.family_requests import Family, family_request
from carleman_ssm.report.formula_document import written_formula
from carleman_ssm.report.frequency_domain import on_grid, window_of


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


def test_the_formula_stands_beside_the_predictions_with_its_measured_difference(capsys, tmp_path):
    """A damped sinusoid later in another channel: what is no letter of the formula is what was asked for."""
    network = one_layer_network(features=2)
    cs.save_network(network, tmp_path / "small.safetensors")
    settings = {"frequency": 0.7, "amplitude": 1.5, "phase": 0.4, "rate": -0.03, "position": 3, "channel": 1}
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    code, out, err = run(
        capsys, tmp_path / "small.safetensors", "--family", "sinusoid", *given, "--length", 16, "--output", tmp_path
    )
    assert (code, err) == (0, "")
    formula = report_of(tmp_path)["formula"]
    assert len(formula["evaluated"]) == 10
    own = network(cs.Sinusoid(**settings).sequence(16, 2)[None])[0].max()
    assert formula["evaluated"][0] == pytest.approx(own, abs=1e-4)  # six digits of its numbers
    apart = np.abs(np.array(formula["evaluated"]) - formula["predicted"]).max()
    assert formula["largest_difference"] == pytest.approx(apart)
    assert 0 < apart < 1e-3
    words = " ".join((tmp_path / "logit.tex").read_text(encoding="utf-8").split())
    assert "measured" in words
    assert r"$\omega$ is its frequency [rad/step]" in words
    assert f"{apart:.2g} (measured)" in " ".join(out.split())
    assert {"amplitude", "rate", "position"} <= set(report_of(tmp_path)["settings"])


def test_a_wrong_formula_is_told_by_its_difference():
    operator = network_operator(one_layer_network(), input_bound=2.0, length=12)
    parts = (cs.Sinusoid(frequency=0.5),)
    predicted = cs.predict(operator, parts[0], 12).logits[:1]
    true = written_formula(operator, [parts], predicted, 0, 12)
    false = written_formula(operator, [(cs.Sinusoid(frequency=0.51),)], predicted, 0, 12)
    assert true.difference < 1e-4 < 1e-3 < false.difference


def one_layer_network(features=1, classes=3, activation="square"):
    rng = np.random.default_rng(3)
    layer = S4DLayer(
        rng.uniform(-3, -1, 2), rng.normal(size=(2, 2)), rng.uniform(0, 6, (2, 2)),
        rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)), rng.normal(size=2),
    )  # fmt: skip
    config = NetworkConfig(activation=activation, output="none", pool="mean")
    return S4DNetwork(
        rng.normal(size=(2, features)), rng.normal(size=2), (layer,), rng.normal(size=(classes, 2)),
        rng.normal(size=classes), config,
    )  # fmt: skip


def test_without_a_formula_the_reason_is_said(capsys, tmp_path):
    code, out, _ = run(capsys, "digits-quadratic", "--family", "step", "--length", 8, "--output", tmp_path)
    assert code == 0
    assert report_of(tmp_path)["formula"] is None
    assert "256 modes are too many" in " ".join(out.split())


def test_a_bound_of_an_operator_is_about_the_numbers_that_it_was_given(capsys, tmp_path):
    code, out, _ = run(capsys, "digits-deep-gelu", "--family", "step", "--length", 8, "--output", tmp_path)
    assert code == 0
    assert report_of(tmp_path)["closed_form"] is False
    words = " ".join(out.split())
    assert "certified for the exact network on these float64 values" in words
    assert "closed form of the family" not in words


def test_one_logit_has_no_largest(capsys, tmp_path):
    cs.save_network(one_layer_network(classes=1), tmp_path / "one.safetensors")
    code, out, _ = run(capsys, tmp_path / "one.safetensors", "--family", "impulse", "--length", 6, "--output", tmp_path)
    assert code == 0
    assert "largest logit" not in out
    assert "The error is certified" in " ".join(out.split())


def test_an_input_bound_holds_for_polynomials_too_and_refuses_larger_inputs(capsys, tmp_path):
    given = ("--family", "step", "--length", 8)
    code, _, err = run(capsys, *given, "--input-bound", 2, "--output", tmp_path / "in")
    assert (code, err) == (0, "")
    code, out, err = run(capsys, *given, "--input-bound", 0.5, "--output", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "0.5" in err
    assert not (tmp_path / "out").exists()


def test_noise_beyond_float64_is_refused_by_name_and_leaves_nothing(capsys, tmp_path):
    code, out, err = run(capsys, "--family", "gaussian", "--set", "variance=1e200", "--output", tmp_path / "o")
    assert (code, out) == (2, "")
    assert "float64" in err
    assert not (tmp_path / "o").exists()


def test_a_network_in_a_json_file_is_refused_with_the_remedy(capsys, tmp_path):
    cs.save_network(one_layer_network(), tmp_path / "net.safetensors")
    (tmp_path / "net.safetensors").rename(tmp_path / "net.json")
    code, _, err = run(capsys, tmp_path / "net.json", "--family", "step")
    assert code == 2
    assert "rename it" in err
    assert "codec" not in err


@pytest.mark.parametrize(
    ("family", "setting"),
    [(Family.EXPONENTIAL, "rate=0.05"), (Family.EXPONENTIAL, "rate=-3"), (Family.SINUSOID, "frequency=4.5"),
     (Family.SINUSOID, "frequency=-1"), (Family.STEP, "height=-7"), (Family.EXPONENTIAL, "rate=-0.5")],
)  # fmt: skip
def test_the_input_that_was_asked_for_lies_in_the_range_that_is_swept(family, setting):
    values = family_request(family, [setting]).sweep(64)
    own = float(setting.partition("=")[2])
    assert values.min() <= own <= values.max()
    assert (np.diff(values) > 0).all()


def test_long_sequences_are_swept_at_fewer_points():
    assert len(family_request(Family.IMPULSE, []).sweep(100_000, 21)) == 21
    assert len(family_request(Family.IMPULSE, []).sweep(20, 241)) == 20


@pytest.mark.parametrize("frequencies", [(0.005,), (0.5, 0.503), (0.49,), (0.6, 0.2), (np.pi,), (0.0,), (0.5, 0.5)])
def test_the_window_keeps_tones_apart_from_each_other_and_from_a_constant(frequencies):
    tones = [cs.Sinusoid(frequency=frequency) for frequency in frequencies]
    window = window_of(tones)
    placed = [on_grid(tone, window).frequency for tone in tones]
    assert len(set(placed)) == len(set(frequencies))
    for given, moved in zip(frequencies, placed, strict=True):
        assert (moved == 0) == (given == 0)
        assert abs(moved - given) <= 0.05 * max(given, 1e-300)
        assert moved * window / (2 * np.pi) == pytest.approx(round(moved * window / (2 * np.pi)), abs=1e-9)


def test_tones_that_no_window_tells_apart_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="away from each other"):
        window_of([cs.Sinusoid(frequency=0.5), cs.Sinusoid(frequency=0.5 + 1e-7)])


def test_a_damped_tone_has_transfer_functions_but_no_lines(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(domain, "write_frequency_figures", lambda *given, **named: drawn.append(given) or [])
    operator = network_operator(one_layer_network(), input_bound=2.0, length=8)
    damped = domain.frequency_domain(operator, [cs.Sinusoid(rate=-0.1)], 8, tmp_path, ("a", "b", "c"))
    steady = domain.frequency_domain(operator, [cs.Sinusoid()], 8, tmp_path, ("a", "b", "c"))
    assert "lines" not in damped.data
    assert damped.data["transfer_functions"] == steady.data["transfer_functions"]
    assert "rate 0" in damped.notes[0]
    assert len(drawn) == 2


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
