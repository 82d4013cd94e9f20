"""`waves` at its edges: hostile names, folders that cannot be written, rings that do not move, narrow terminals."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from carleman_ssm.networks.checkpoints import load_network, save_network
from carleman_ssm.report import distinguish as distinguish_module
from carleman_ssm.report import waves as command_module
from carleman_ssm.report.animation import frame_steps, write_animation
from carleman_ssm.report.cli import main
from carleman_ssm.report.couplings_page import lin_reference
from carleman_ssm.report.ring_run import RingRun, channel_ring
from carleman_ssm.report.ring_sources import Closure, InitialSpectrum, initial_source, network_source
from carleman_ssm.report.spectrum_figures import coupling_figure, dispersion_figure
from carleman_ssm.report.terminal import progress_line, results_in
from carleman_ssm.report.wave_figures import MANY_NODES, MAX_STROKES, space_time_figure, world_line
from carleman_ssm.report.wave_summary import CountedSteps, print_waves
from carleman_ssm.report.waves import FILES, waves
from carleman_ssm.rings.rigidity import rigidity
from carleman_ssm.rings.waves import wave_table

LIN = ("--init", "s4d-lin", "--modes", 4, "--length", 3)


def command(*arguments, name="waves"):
    """Exit code, standard output and standard error of the command, as a user gets them."""
    output, error = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(error), pytest.raises(SystemExit) as stopped:
        main([name, *map(str, arguments)])
    return SimpleNamespace(exit_code=stopped.value.code, output=output.getvalue(), error=error.getvalue())


def flat(result):
    return " ".join(result.output.split())


def ring_run(spectrum, modes, step, length, closure=Closure.COMPLEX):
    source = initial_source(spectrum, modes, step, closure)
    ring = channel_ring(source.rings[0], 0)
    return RingRun(source.title(0, 0), "Input.", ring, np.eye(1, length)[0], lin_reference(ring))


def same_angles(tmp_path, frequency):
    """A checkpoint of which every mode has the same frequency."""
    network = load_network("digits-gelu")
    layer = replace(network.layers[0], A_imag=np.full_like(network.layers[0].A_imag, frequency))
    save_network(replace(network, layers=(layer,)), tmp_path / "same.npz")
    return tmp_path / "same.npz"


# Names are a user's


@pytest.mark.parametrize("name", ["[/red]", "run[b]1", ":rocket:", "$\\frac$", "a$b^_{", "[", "[bold red]x["])
def test_names_of_files_are_printed_and_drawn_as_they_are(name, tmp_path):
    data, folder = tmp_path / "h" / f"{name}.npz", tmp_path / "o" / name
    data.parent.mkdir(parents=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    np.savez(tmp_path / "x.npz", x=np.ones((1, 3, 1)))
    data.parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "x.npz").rename(data)
    result = command("--init", "s4d-lin", "--modes", 4, "--input", data, "--output", folder)
    assert result.exit_code == 0, result.error
    assert result.error == ""
    for file in FILES:
        assert f"\n  {folder / file}\n" in result.output
        assert (folder / file).stat().st_size > 0
    assert f"{name}.npz".replace(" ", "") in "".join(result.output.split())


def test_no_part_of_a_name_becomes_a_formula():
    run = replace(ring_run(InitialSpectrum.S4D_LIN, 4, 0.2, 6), title="$x$: ring", signal="Input: $\\frac$.npz.")
    for draw in (space_time_figure, coupling_figure, dispersion_figure):
        for text in draw(run).texts:
            assert text._preprocess_math(text.get_text()) == (text.get_text(), False)


def test_the_line_of_progress_takes_names_as_they_are(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(
        "carleman_ssm.report.terminal.Console", lambda stderr: Console(file=screen, force_terminal=True, width=60)
    )
    with progress_line("reading [/red]"):
        pass
    assert "reading [/red]" in screen.getvalue()


# Folders


def test_a_folder_is_probed_before_there_is_work_to_lose(tmp_path, monkeypatch):
    def no_work(*arguments, **settings):
        pytest.fail("the work began")

    monkeypatch.setattr(command_module, "_content", no_work)
    monkeypatch.setattr(distinguish_module, "distinguish_inputs", no_work)
    (tmp_path / "taken" / "ring.gif").mkdir(parents=True)
    (tmp_path / "taken" / "distinction.png").mkdir()
    for name, options in (("waves", LIN), ("distinguish", ("--seeds", 2))):
        for folder in (tmp_path / "taken", Path("/proc/x"), tmp_path / ("x" * 300)):
            result = command(*options, "--output", folder, name=name)
            assert result.exit_code == 2
            assert result.error.startswith(f"carleman-ssm: --output {folder}")
            assert "name another folder" in result.error
            assert result.output == ""
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == ["distinction.png", "ring.gif"]


def test_the_table_is_printed_before_a_file_can_fail(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(*arguments)

    monkeypatch.setattr(command_module, "write_animation", full)
    result = command(*LIN, "--output", tmp_path)
    assert result.exit_code == 2
    assert "all channels" in result.output


def interrupted(folder, keep):
    with results_in(folder, ["x"]):
        if keep:
            (folder / "x").write_text("a part", encoding="utf-8")
        raise RuntimeError(folder.is_dir())


def test_a_folder_made_in_vain_is_removed_and_one_with_something_in_it_stays(tmp_path):
    for keep in (False, True):
        folder = tmp_path / str(keep) / "b"
        with pytest.raises(RuntimeError, match="True"):
            interrupted(folder, keep)
        assert folder.exists() == keep
        assert folder.parent.exists() == keep


@pytest.mark.parametrize("link", [False, True])
def test_the_user_s_own_files_are_never_written_over(link, tmp_path):
    np.savez(tmp_path / "contents.npz", x=np.ones((1, 3, 1)))
    before = (tmp_path / "contents.npz").read_bytes()
    given = tmp_path / "mine.npz" if link else tmp_path / "contents.npz"
    if link:
        given.symlink_to(tmp_path / "contents.npz")
    result = command("--init", "s4d-lin", "--modes", 4, "--input", given, "--output", tmp_path)
    assert result.exit_code == 2
    assert "would write over" in result.error
    assert "name another folder" in result.error
    assert (tmp_path / "contents.npz").read_bytes() == before
    assert not (tmp_path / "ring.gif").exists()


@pytest.mark.parametrize("name", ["waves", "distinguish", "explain"])
def test_an_empty_output_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = command("--output", "", name=name)
    assert result.exit_code == 2
    assert "the name is empty" in result.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "--length", 3], "no such file"),
        ([*LIN, "--sequence", 0], "--sequence 0 chooses one of a file, and --input impulse is none"),
        ([*LIN, "--input", "sine", "--sequence", 7], "--input sine is none"),
        (["--init", "s4d-inv", "--dt", 1e308], "--dt must be a positive number between 1e-09 and 1e+06, got 1e+308"),
        (["--init", "s4d-inv", "--dt", 1e-20], "--dt must be a positive number"),
        (["--init", "s4d-inv", "--modes", 4, "--closure", "real"], "use --closure antiperiodic"),
    ],
)
def test_what_would_be_ignored_or_overflow_is_refused_in_words_of_the_command(arguments, message, tmp_path):
    result = command(*arguments, "--output", tmp_path / "o")
    assert result.exit_code == 2
    assert message in result.error
    assert "='" not in result.error
    assert not (tmp_path / "o").exists()


def test_inputs_that_overflow_are_one_line_and_leave_no_folder(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.full((1, 20, 1), 1e307))
    result = command("--init", "s4d-lin", "--input", tmp_path / "x.npz", "--output", tmp_path / "o")
    assert result.exit_code == 2
    assert "the inputs are too large" in result.error
    assert not (tmp_path / "o").exists()


# Rings that do not move


def why(spectrum, modes, step):
    source = initial_source(spectrum, modes, step, Closure.COMPLEX)
    screen = Console(file=io.StringIO(), width=200)
    ring = channel_ring(source.rings[0], 0)
    run = RingRun("x", "Input.", ring, np.eye(1, 4)[0])
    print_waves("x", run, source.table(4), CountedSteps(4, "what is drawn"), screen)
    return " ".join(screen.file.getvalue().split())


def test_each_ring_that_stands_still_gets_its_own_reason():
    reasons = {
        "a ring of one node leads nowhere": (InitialSpectrum.S4D_LIN, 1, 0.5),
        "every mode dies within one step": (InitialSpectrum.S4D_LIN, 8, 1e5),
        "apart by whole turns": (InitialSpectrum.S4D_LIN, 8, 2.0),
        "real spectra carry no wave": (InitialSpectrum.S4D_REAL, 8, 0.1),
    }
    for reason, case in reasons.items():
        printed = why(*case)
        assert "Nothing travels: " in printed
        assert reason in printed
        assert sum(other in printed for other in reasons) == 1
        assert "e+1" not in printed  # no turns of 1e16 steps
    assert "Nothing travels" not in why(InitialSpectrum.S4D_LIN, 8, 1.9)


def test_modes_of_one_angle_are_not_called_a_real_spectrum(tmp_path):
    result = command(same_angles(tmp_path, 3.0), "--length", 4, "--output", tmp_path / "o")
    assert result.exit_code == 0, result.error
    assert "all modes turn by the same angle" in flat(result)
    assert "real spectra" not in flat(result)


def test_angles_that_are_nothing_but_rounding_are_refused(tmp_path):
    """At Im a · Δt = 1e12 rad two neighbouring floats are 1e-4 rad apart; a little below is measured."""
    for frequency, code in ((1e300, 2), (1e9, 0)):
        result = command(same_angles(tmp_path, frequency), "--length", 4, "--output", tmp_path / "o")
        assert result.exit_code == code, result.error
        assert ("no digits modulo 2π" in result.error) == (code == 2)


def test_a_multiplier_of_zero_has_no_angle_whatever_its_signs():
    zeros = np.zeros(4, dtype=complex)
    zeros.imag = [0.0, -0.0, -0.0, 0.0]
    zeros.real = [0.0, -0.0, 0.0, -0.0]
    assert np.abs(np.angle(zeros)).max() > 3  # what numpy makes of the signs
    assert rigidity(zeros[None]).hop == 0


def test_rounding_of_the_angles_is_no_hop_and_what_is_larger_is():
    nodes = np.arange(8)
    for hop, found in ((3e-13, 0.0), (3e-11, 3e-11)):
        law = rigidity(np.exp(2j * np.pi * hop * nodes / 8)[None])
        np.testing.assert_allclose(law.hop, found, atol=1e-14)
    assert np.isinf(rigidity(np.exp(2j * np.pi * nodes)[None]).revolution_steps).all()  # whole turns, rounded


def test_a_kick_that_has_died_out_is_no_number_and_no_part_of_the_median():
    printed = why(InitialSpectrum.S4D_LIN, 8, 1.9)  # a turn takes 20 steps of e^{-0.95} … all that is left underflows
    assert "shared by" in printed
    dead = why(InitialSpectrum.S4D_LIN, 3, 999.1)
    assert "nothing is left of a kick" in dead
    assert "0 of" not in dead.split("nothing is left")[1]


# Figures and the animation


@pytest.mark.parametrize("hop", [1.0, 0.37, -0.9])
def test_the_dotted_line_follows_the_law_however_long_the_run(hop):
    run = ring_run(InitialSpectrum.S4D_LIN, 2, 1.0, 180)  # 80 samples for 90 revolutions would run backwards
    object.__setattr__(run, "law", replace(run.law, hop=np.array([hop])))
    steps, places = world_line(run)
    known = ~np.isnan(places)
    assert known.sum() > 60
    away = (places - hop * (steps - 1) + 1) % 2 - 1
    np.testing.assert_allclose(np.sin(np.pi * away[known] / 2), 0, atol=1e-9)
    strokes = np.stack([steps, places], axis=1).reshape(-1, 3, 2)
    rise = strokes[:, 1] - strokes[:, 0]
    np.testing.assert_allclose(rise[:, 1], hop * rise[:, 0], atol=1e-9)  # every stroke runs the way of the wave
    assert np.abs(rise[:, 1]).max() <= 2 + 1e-9


def test_a_line_that_would_be_a_veil_is_left_out_and_the_caption_says_so():
    run = ring_run(InitialSpectrum.S4D_LIN, 2, 0.9, 3000)
    assert len(world_line(run)[0]) == 0
    assert f"more than {MAX_STROKES} times" in " ".join(space_time_figure(run).get_supxlabel().split())
    assert "Dotted line" not in space_time_figure(run).get_supxlabel()


def words(figure):
    return " ".join(figure.get_supxlabel().split())


def test_the_spread_of_a_wave_is_put_down_to_its_cause():
    """Between nodes a rigid wave is interpolated; where modes part it disperses."""
    lin = words(space_time_figure(ring_run(InitialSpectrum.S4D_LIN, 8, 0.1, 9)))
    inv = words(space_time_figure(ring_run(InitialSpectrum.S4D_INV, 8, 0.1, 9)))
    assert "periodic sinc" in lin
    assert "different speeds" not in lin
    assert "periodic sinc" not in inv
    assert "different speeds" in inv


def test_the_dispersion_caption_is_true_of_a_law_with_an_offset():
    """With an offset the angles are on a line, the group velocity is one, and the phase velocities differ."""
    run = ring_run(InitialSpectrum.S4D_LIN, 8, 0.1, 3)
    ring = replace(run.ring, eigenvalues=run.ring.eigenvalues + 3j, multipliers=run.ring.multipliers * np.exp(0.3j))
    figure = dispersion_figure(replace(run, ring=ring))
    phase, group = (np.ma.compressed(line.get_ydata()) for line in figure.axes[1].lines[:2])
    assert np.ptp(group) < 1e-9
    assert np.ptp(phase) > 0.1
    assert "the phase velocity is the same if the line goes through 0 at n = 0" in words(figure)


def test_a_few_of_many_nodes_are_seen_on_their_axis():
    for modes, scale in ((8, "linear"), (MANY_NODES, "log")):
        axis = space_time_figure(ring_run(InitialSpectrum.S4D_LIN, modes, 0.01, 5)).axes[3]
        assert axis.get_yscale() == scale


def test_the_last_step_has_a_frame():
    assert frame_steps(1024)[-1] == 1024
    assert len(frame_steps(1024)) <= 80


def test_the_seam_of_an_anti_periodic_ring_is_marked_in_its_animation(tmp_path, monkeypatch):
    found = {}
    for closure in (Closure.ANTIPERIODIC, Closure.REAL):
        monkeypatch.setattr(
            "carleman_ssm.report.animation.PillowWriter.grab_frame",
            lambda writer, closure=closure, **_: found.update({closure: writer.fig.axes[0]}),
        )
        monkeypatch.setattr("carleman_ssm.report.animation.PillowWriter.finish", lambda writer: None)
        write_animation(ring_run(InitialSpectrum.S4D_LIN, 4, 0.2, 3, closure), tmp_path / "ring.gif")
    seams = {closure: [text.get_text() for text in axis.texts] for closure, axis in found.items()}
    assert "dashed: seam, signs change" in seams[Closure.ANTIPERIODIC]
    assert "dashed: seam, signs change" not in seams[Closure.REAL]


# Terminals


@pytest.mark.parametrize("width", [45, 50, 60, 80, 100])
def test_no_number_is_cut_on_a_narrow_terminal(width):
    source = network_source("digits-gelu", Closure.COMPLEX)
    table = wave_table(source.network, 64)
    screen = Console(file=io.StringIO(), width=width)
    run = RingRun("x", "Input.", channel_ring(source.rings[0], 0), np.eye(1, 4)[0])
    print_waves("x", run, table, CountedSteps(64, "what is drawn"), screen)
    lines = screen.file.getvalue().splitlines()
    rows = [line.split() for line in lines if line.lstrip().startswith("0/3 ")]
    shown = [cell for row in rows for cell in row]
    assert len(shown) == 11 + len(rows) - 1  # every column once, the ring in each part
    assert (len(rows) == 1) == (width >= 80)
    assert "…" not in "".join(shown)
    assert all(len(line) <= width for line in lines)


def test_small_steps_are_printed_as_they_are():
    printed = why(InitialSpectrum.S4D_LIN, 8, 1.25e-6)
    assert "1.25e-06" in printed
    assert "0.00000" not in printed


def test_an_ascii_terminal_gets_everything(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "carleman_ssm",
        "waves",
        *map(str, LIN),
        "--output",
        str(tmp_path / "o"),
    ]
    done = subprocess.run(call, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert done.stdout.isascii()
    assert b"contents.npz" in done.stdout


def test_a_report_is_returned_and_its_files_are_there(tmp_path):
    report = waves(
        init=InitialSpectrum.S4D_REAL, modes=1, output=tmp_path, length=2, console=Console(file=io.StringIO())
    )
    assert [path.name for path in report.files] == list(FILES)
    assert json.loads(report.files[5].read_text(encoding="utf-8"))["length"] == 2


class ClosedPipe(io.StringIO):
    """A reader that has seen enough."""

    def write(self, text):
        raise BrokenPipeError


def test_a_reader_that_closes_the_pipe_early_loses_no_file(tmp_path):
    with pytest.raises((BrokenPipeError, SystemExit)):
        waves(
            init=InitialSpectrum.S4D_LIN, modes=4, length=3, output=tmp_path / "w", console=Console(file=ClosedPipe())
        )
    assert {path.name for path in (tmp_path / "w").iterdir()} == set(FILES)
