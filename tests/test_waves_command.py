"""`waves` end to end: what it draws, checked by the arrays on the axes; what it writes, prints and refuses."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image
from rich.console import Console

from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.layers import Normalization
from carleman_ssm.networks.network import NetworkConfig
from carleman_ssm.report.animation import frame_steps, write_animation
from carleman_ssm.report.cli import main
from carleman_ssm.report.couplings_page import couplings_document, lin_reference
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.report.ring_inputs import MAX_LENGTH, MIN_LENGTH, chosen_input, default_length, driving_input
from carleman_ssm.report.ring_run import AMPLITUDE_TOLERANCE, RingRun, channel_ring
from carleman_ssm.report.ring_sources import Closure, InitialSpectrum, initial_source, network_source
from carleman_ssm.report.spectrum_figures import coupling_figure, dispersion_figure
from carleman_ssm.report.wave_figures import phase_colours, space_time_figure
from carleman_ssm.report.wave_summary import CountedSteps, print_waves
from carleman_ssm.rings.waves import wave_table

FILES = (
    "space_time.png", "couplings.png", "dispersion.png", "ring.gif", "couplings.tex", "waves.json", "contents.npz",
)  # fmt: skip


def command(*arguments):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main(["waves", *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


def lin_run(modes, step, inputs, closure=Closure.COMPLEX):
    source = initial_source(InitialSpectrum.S4D_LIN, modes, step, closure)
    ring = channel_ring(source.rings[0], 0)
    return RingRun(source.title(0, 0), "Input.", ring, np.asarray(inputs, float), lin_reference(ring), is_lin=True)


def impulse(length):
    return np.eye(1, length)[0]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    return folder, command("--length", 12, "--output", folder)


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lin")
    arguments = ("--init", "s4d-lin", "--modes", 5, "--dt", 0.3, "--closure", "real", "--input", "sine", "--length", 9)
    return folder, command(*arguments, "--output", folder)


def test_without_arguments_a_real_network_is_shown(trained):
    folder, result = trained
    assert result.exit_code == 0, result.error
    assert {path.name for path in folder.iterdir()} == set(FILES)
    printed = result.output.replace("\n", "")
    for name in FILES:
        assert name in printed
        assert (folder / name).stat().st_size > 0
    assert "digits-gelu" in result.output


def test_the_report_holds_every_channel_and_draws_the_fastest(trained):
    report = json.loads((trained[0] / "waves.json").read_text(encoding="utf-8"))
    rows = wave_table(load_network("digits-gelu"), 64)  # turns in a digit of 64 steps, not in the 12 that are drawn
    assert report["turns_counted_over"] == {"steps": 64, "length_of": "the sequences of this network"}
    assert report["length"] == 12
    assert report["channels"] == json.loads(json.dumps([row.as_dict() for row in rows]))
    speeds = [abs(row.hop) for row in rows]
    assert report["drawn"]["channel"] == int(np.argmax(speeds))
    assert report["drawn"]["hop"] == pytest.approx(max(speeds), abs=1e-12)


def test_the_written_contents_are_the_fourier_transform_of_the_recurrence(trained):
    """Another route: the states of the stored modes, step by step with inputs of weight 1, then the DFT."""
    data = np.load(trained[0] / "contents.npz")
    network, channel = load_network("digits-gelu"), 7
    layer = network.layers[0]
    entered = network.encoder_weight[channel, 0] * impulse(12)
    np.testing.assert_allclose(data["u"], entered, atol=1e-15)
    state, expected = np.zeros(layer.modes, complex), []
    for u in entered:
        state = layer.multipliers[channel] * state + u
        expected.append(np.fft.fft(state) / layer.modes)
    np.testing.assert_allclose(data["h"], expected, atol=1e-13)  # 12 steps of 16 modes of size below 1
    backward = np.array(expected)[:, np.r_[0, 15:0:-1]]
    assert np.abs(data["h"] - backward).max() > 0.1  # a wave towards -j would be another picture


def test_the_couplings_of_s4d_lin_are_its_closed_form(initial):
    folder, result = initial
    assert result.exit_code == 0, result.error
    drawn = json.loads((folder / "waves.json").read_text(encoding="utf-8"))["drawn"]
    d, n = np.arange(1, 9), 9
    expected = -np.pi / 2 * (-1.0) ** d / np.sin(np.pi * d / n)
    found = np.array(drawn["couplings"])
    np.testing.assert_allclose(found[0], [-0.5, 0], atol=1e-13)
    np.testing.assert_allclose(found[1:, 0], expected, atol=1e-13 * n)  # err/N of THEORY T2 is 5.3e-15
    assert np.abs(found[1:, 0] - expected * (-1.0) ** d).max() > 1  # false twin: (-1)^d dropped
    assert drawn["closed_form_largest_difference"] < 1e-12
    assert "largest difference from the closed form" in result.output


def test_latex_prints_the_closed_form_only_where_it_holds(initial, trained):
    closed = (initial[0] / "couplings.tex").read_text(encoding="utf-8")
    numbers = (trained[0] / "couplings.tex").read_text(encoding="utf-8")
    assert r"\sin" in closed
    assert r"\sin" not in numbers
    assert "w_{15}" in numbers
    for source in (closed, numbers):
        assert source.count("{") == source.count("}")
        assert source.isascii()
    first = channel_ring(network_source("digits-gelu", Closure.COMPLEX).rings[0], 7).couplings[0, 1]
    assert f"{abs(first.real):.6g}" in numbers


def test_the_space_time_diagram_shows_the_contents():
    run = lin_run(6, 0.21, [1, 0, -0.5, 0, 0, 0, 0])
    axes = space_time_figure(run).axes
    maps = [axis.images[0] for axis in axes if axis.images]
    np.testing.assert_array_equal(maps[0].get_array(), run.amplitudes.T)
    shown = maps[1].get_array()
    assert shown.mask.any()
    tolerance = AMPLITUDE_TOLERANCE * run.limit
    np.testing.assert_array_equal(shown.mask, (run.amplitudes < tolerance).transpose())
    np.testing.assert_array_equal(shown.compressed(), np.angle(run.contents.T[~shown.mask]))
    assert maps[0].get_extent() == [0.5, 7.5, -0.5, 5.5]


def test_a_real_ring_is_one_signed_map():
    run = lin_run(6, 0.21, [1, 0, -0.5, 0, 0, 0, 0], Closure.REAL)
    maps = [axis.images[0] for axis in space_time_figure(run).axes if axis.images]
    assert len(maps) == 1
    assert maps[0].get_array().min() < 0
    low, high = maps[0].get_clim()
    assert -low == high
    assert run.contents.dtype == np.float64


def test_the_dotted_line_runs_through_the_wave():
    """One node per step (dt = 2/N): the impulse sits at node k - 1 modulo N, and so does the line."""
    run = lin_run(5, 0.4, impulse(13))
    assert run.hop == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_array_equal(run.amplitudes.argmax(axis=1), np.arange(13) % 5)
    np.testing.assert_allclose(run.participation, 1.0, atol=1e-12)
    line = next(axis for axis in space_time_figure(run).axes if axis.images).lines[0]
    steps, places = line.get_data()
    steps, places = np.asarray(steps)[~np.isnan(places)], np.asarray(places)[~np.isnan(places)]
    away = (places - (steps - 1) + 2.5) % 5 - 2.5
    assert np.abs(away).max() < 1e-9
    assert np.abs((places + (steps - 1) + 2.5) % 5 - 2.5).max() > 0.9  # the other direction is not drawn


def test_the_participation_curve_counts_nodes():
    run = lin_run(7, 0.1, [0, 0, 1, 0, 0, 0.3])
    energy = run.amplitudes[2:] ** 2
    np.testing.assert_allclose(run.participation[2:], energy.sum(1) ** 2 / (energy**2).sum(1), rtol=1e-12)
    assert np.isnan(run.participation[:2]).all()  # silent: no number, and no warning
    curve = space_time_figure(run).axes[3].lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), run.participation)


def test_the_coupling_figure_draws_the_closed_form_beside_the_numbers():
    run = lin_run(8, 0.1, impulse(3))
    left, middle, right = coupling_figure(run).axes
    distances, strengths = left.lines[0].get_data()
    assert list(distances) == list(range(-3, 5))
    np.testing.assert_allclose(strengths, np.abs(run.ring.couplings[0])[np.mod(distances, 8)], rtol=1e-12)
    chord = 8 / np.pi * np.abs(np.sin(np.pi * np.asarray(distances) / 8))
    np.testing.assert_allclose(np.ma.compressed(left.lines[1].get_ydata()), 4 / chord[chord > 0], rtol=1e-12)
    np.testing.assert_allclose(middle.lines[0].get_ydata(), middle.lines[1].get_ydata(), atol=1e-12)
    np.testing.assert_allclose(right.lines[0].get_ydata(), np.abs(run.ring.propagator[0])[np.mod(distances, 8)])


def test_no_closed_form_is_drawn_where_there_is_none():
    source = network_source("digits-gelu", Closure.ANTIPERIODIC)
    ring = channel_ring(source.rings[0], 2)
    run = RingRun("x", "Input.", ring, impulse(3), lin_reference(ring))
    assert run.reference is None
    assert len(coupling_figure(run).axes[0].lines) == 1
    assert "seam" in couplings_document(run)


def test_the_dispersion_figure_shows_one_velocity_for_s4d_lin_and_many_for_s4d_inv():
    spread = {}
    for spectrum in (InitialSpectrum.S4D_LIN, InitialSpectrum.S4D_INV):
        ring = initial_source(spectrum, 8, 0.05, Closure.COMPLEX).rings[0]
        run = RingRun("x", "Input.", ring, impulse(2), lin_reference(ring))
        middle = dispersion_figure(run).axes[1]
        spread[spectrum] = np.ptp(np.asarray(middle.lines[1].get_ydata()))
    assert spread[InitialSpectrum.S4D_LIN] < 1e-12
    assert spread[InitialSpectrum.S4D_INV] > 0.1


@pytest.mark.parametrize("closure", list(Closure))
def test_every_axis_is_named_and_every_figure_has_a_caption(closure):
    run = lin_run(4, 0.2, impulse(6), closure)
    for draw in (space_time_figure, coupling_figure, dispersion_figure):
        figure = draw(run)
        assert len(figure.get_supxlabel()) > 100
        bottom = figure.axes if draw is not space_time_figure else [figure.axes[-3 if run.is_complex else -2]]
        assert all(axis.get_ylabel() for axis in figure.axes)
        assert all(axis.get_xlabel() for axis in bottom)


def test_the_animation_moves_and_stays_small(tmp_path):
    run = lin_run(6, 1 / 3, np.sin(np.arange(9.0)), Closure.REAL)
    path = write_animation(run, tmp_path / "ring.gif")
    assert path.stat().st_size < 300_000  # 80 frames stay below 3 MB
    with Image.open(path) as picture:
        frames = [np.asarray((picture.seek(k), picture.convert("RGB"))[1], dtype=float) for k in range(9)]
        assert picture.n_frames == 9
    assert all(np.abs(after - before).max() > 100 for before, after in pairwise(frames))


@given(st.integers(1, 5000), st.integers(2, 100))
def test_frames_are_evenly_spaced_and_not_too_many(length, frames):
    steps = frame_steps(length, frames)
    assert 1 <= len(steps) <= frames
    assert steps[0] == 1
    assert steps[-1] == length
    *apart, left = np.diff(steps).tolist() or [1]
    assert len(set(apart)) <= 1
    assert 1 <= left <= min(apart, default=left)


def test_phase_colours_close_and_are_equally_light():
    colours = np.array([to_rgb(colour) for colour in phase_colours(64).colors])
    around = np.abs(np.diff(np.concatenate([colours, colours[:1]]), axis=0)).max(axis=1)
    assert around[-1] <= 1.2 * around[:-1].max()  # the seam at ±π is no wider than any other step
    luminance = colours**2.2 @ [0.2126, 0.7152, 0.0722]
    assert np.ptp(luminance) < 0.15
    opened = np.abs(colours[32] - colours[0]).max()
    assert opened > 0.4  # false twin: half a turn apart is far apart


def two_layers(prenorm):
    network = load_network("digits-gelu")
    layer = replace(network.layers[0], norm=Normalization(np.linspace(0.5, 2, 16), np.linspace(-1, 1, 16)))
    config = NetworkConfig(norm="layer", prenorm=prenorm)
    return replace(network, layers=(layer, layer), config=config)


@pytest.mark.parametrize("prenorm", [True, False])
def test_layer_inputs_drive_the_preactivations(prenorm):
    network, x = two_layers(prenorm), shipped_sequences("digits-gelu").x[:2]
    inputs, reached = network.layer_inputs(x), network.preactivations(x)
    assert len(inputs) == 2
    for layer, u, y in zip(network.layers, inputs, reached, strict=True):
        np.testing.assert_allclose(layer.preactivation(u, "recurrence"), y, atol=1e-10)
    plain = x @ network.encoder_weight.T + network.encoder_bias
    assert (np.abs(plain - inputs[0]).max() > 0.1) == prenorm


def test_the_bias_drops_out_of_what_drives_the_first_layer():
    network, x = load_network("digits-gelu"), shipped_sequences("digits-gelu").x[3]
    np.testing.assert_allclose(driving_input(network, x, 0), x @ network.encoder_weight.T, atol=1e-14)
    assert np.abs(driving_input(network, x, 0) - network.layer_inputs(x[None])[0][0]).max() > 0.1


def test_a_deeper_layer_is_driven_through_the_decoder_before_it():
    network, x = two_layers(prenorm=True), impulse(6)[:, None]
    once, twice = (driving_input(network, scale * x, 1) for scale in (1.0, 2.0))
    assert np.abs(twice - 2 * once).max() > 1e-3  # not linear in x: GELU and the norm lie between


def test_signals_are_what_their_names_say():
    np.testing.assert_array_equal(chosen_input("impulse", 1, 10.0, 4).x[:, 0], [1, 0, 0, 0])
    np.testing.assert_array_equal(chosen_input("step", 2, 10.0, 3).x, [[1, 0], [1, 0], [1, 0]])
    sine = chosen_input("sine", 1, 60.0, 61)
    assert "period 20 steps" in sine.words
    np.testing.assert_allclose(sine.x[20:, 0], sine.x[:41, 0], atol=1e-12)
    assert np.abs(sine.x[10:, 0] - sine.x[:51, 0]).max() > 1  # half a period is no period


@given(st.floats(0.01, 1e9) | st.just(float("inf")))
def test_the_default_length_is_two_revolutions_within_bounds(revolution):
    length = default_length(revolution)
    assert MIN_LENGTH <= length <= MAX_LENGTH
    if MIN_LENGTH < length < MAX_LENGTH:
        assert 2 * revolution <= length < 2 * revolution + 1


def test_a_sequence_of_a_file_goes_through_the_network(tmp_path):
    x = np.zeros((3, 8, 1))
    x[2, 1] = 2.0
    np.savez(tmp_path / "x.npz", x=x)
    result = command(
        "frequencies", "--input", tmp_path / "x.npz", "--sequence", 2, "--channel", 0, "--output", tmp_path / "out"
    )
    assert result.exit_code == 0, result.error
    data = np.load(tmp_path / "out" / "contents.npz")
    expected = 2 * load_network("frequencies").encoder_weight[0, 0]
    np.testing.assert_allclose(data["u"], expected * np.eye(1, 8, 1)[0], atol=1e-15)
    assert "two points lie on a line" in " ".join(result.output.split())


def test_turns_are_counted_over_the_sequences_of_the_network_and_the_table_says_whose(trained, initial, tmp_path):
    """The network's own length, else the file's, else what is drawn: one turn is 2/dt steps of S4D-Lin."""
    assert "turns in 64: revolutions in as many steps, the length of the sequences of this network." in flat(trained[1])
    assert "turns in 9: revolutions in as many steps, the length of what is drawn" in flat(initial[1])
    (row,) = json.loads((initial[0] / "waves.json").read_text(encoding="utf-8"))["channels"]
    assert row["wraps"] == pytest.approx(9 * 0.3 / 2)
    np.savez(tmp_path / "x.npz", x=np.ones((1, 30, 1)))
    (tmp_path / "mine.npz").write_bytes(shipped_file("frequencies"))
    result = command(tmp_path / "mine.npz", "--input", tmp_path / "x.npz", "--length", 8, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.error
    assert "turns in 30" in flat(result)
    assert "the sequences of the file" in flat(result)


def flat(result):
    return " ".join(result.output.split())


def shipped_file(name):
    """A shipped checkpoint as a file of one's own, of which no sequences are known."""
    folder = resources.files("carleman_ssm.data")
    (path,) = (path for path in folder.iterdir() if path.name.startswith(f"{name}."))
    return path.read_bytes()


def test_real_spectra_travel_nowhere_and_the_table_says_so(tmp_path):
    result = command("--init", "s4d-real", "--modes", 4, "--length", 5, "--output", tmp_path)
    assert result.exit_code == 0, result.error
    assert "Nothing travels" in result.output
    (row,) = json.loads((tmp_path / "waves.json").read_text(encoding="utf-8"))["channels"]
    assert row["revolution_steps"] is None
    h = np.load(tmp_path / "contents.npz")["h"]
    np.testing.assert_allclose(h[:, 1:], h[:, :0:-1].conj(), atol=1e-15)  # h_{-d} is the conjugate of h_d


def test_the_anti_periodic_ring_is_no_judge_of_rigidity():
    """Its table says so: S4D-Lin is rigid on the complex ring, and not on the anti-periodic one."""
    residual, printed = {}, {}
    for closure in (Closure.COMPLEX, Closure.ANTIPERIODIC):
        source = initial_source(InitialSpectrum.S4D_LIN, 8, 0.05, closure)
        table = source.table(10)
        residual[closure] = table[0].relative_residual
        screen = Console(file=io.StringIO(), width=100)
        ring = channel_ring(source.rings[0], 0)
        counted = CountedSteps(10, "what is drawn")
        print_waves("x", RingRun("x", "Input.", ring, impulse(10)), table, counted, screen)
        printed[closure] = " ".join(screen.file.getvalue().split())
    assert residual[Closure.COMPLEX] < 1e-12
    assert residual[Closure.ANTIPERIODIC] > 0.2
    assert "1 of 1 channels" in printed[Closure.COMPLEX]
    assert "not rigid" not in printed[Closure.COMPLEX]
    assert "S4D-Lin itself is not rigid" in printed[Closure.ANTIPERIODIC]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "nobody: no such file and no shipped network"),
        (["digits-gelu", "--init", "s4d-lin"], "either a model (digits-gelu) or --init s4d-lin, not both"),
        (["--init", "s4d-what"], "s4d-what"),
        (["--modes", "4"], "--modes belongs to --init"),
        (["--dt", "0.1"], "--dt belongs to --init"),
        (["--init", "s4d-lin", "--modes", "0"], "--modes must be between 1 and 512 for s4d-lin, got 0"),
        (["--init", "s4d-legs", "--modes", "65"], "--modes must be between 1 and 64 for s4d-legs, got 65"),
        (["--init", "s4d-lin", "--dt", "0"], "--dt must be a positive number between 1e-09 and 1e+06, got 0"),
        (["--init", "s4d-lin", "--dt", "nan"], "--dt must be a positive number"),
        (["--init", "s4d-inv", "--closure", "real"], "use --closure antiperiodic"),
        (["--closure", "real"], "closure"),
        (["--layer", "1"], "there is no layer 1: choose --layer between 0 and 0"),
        (["--channel", "16"], "there is no channel 16: choose --channel between 0 and 15"),
        (["--channel", "-1"], "there is no channel -1"),
        (["--length", "0"], "--length must be between 1 and 100000 steps, got 0"),
        (["--input", "digits-test", "--length", "65"], "a sequence has 64 steps, fewer than --length 65"),
        (["--input", "digits-test", "--sequence", "450"], "there is no --sequence 450"),
        (["--input", "ramp"], "--input is none of impulse, step, sine"),
        (["--input", "{wide}"], "x has 3 input channels, the ring's input has 1"),
        (["--output", __file__], "is a file; name a folder"),
    ],
)
def test_wrong_options_are_one_clear_line_and_nothing_is_written(arguments, message, tmp_path):
    np.savez(tmp_path / "wide.npz", x=np.zeros((2, 5, 3)))
    given_output = [] if "--output" in arguments else ["--output", tmp_path / "o"]
    result = command(*(argument.format(wide=tmp_path / "wide.npz") for argument in arguments), *given_output)
    assert result.exit_code == 2
    assert message in result.error
    assert result.error.count("\n") == 1
    assert result.output == ""
    assert not (tmp_path / "o").exists()
