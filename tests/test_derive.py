import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from carleman_ssm.formulas.verification import verify
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.report import cli
from carleman_ssm.report.derive import Discretization, Init, derive, operator_of
from carleman_ssm.report.srepr import read_srepr
from carleman_ssm.report.systems import parse_system
from carleman_ssm.theory.initialisations import s4d_legs, s4d_lin
from carleman_ssm.theory.polynomials import PolynomialDecoder
from carleman_ssm.theory.ssm import bilinear_transform, zero_order_hold
from tests.checkpoint_files import arrays
from tests.strategies_ssm import simulated_output

GELU = Path(__file__).parent / "data" / "digits64__L2_H16_N32_gelu_glu_layer__s0.npz"


def run(capsys, *arguments):
    """The command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return stopped.value.code, captured.out, captured.err


@pytest.fixture
def system_file(tmp_path):
    def write(**entries):
        path = tmp_path / "system.json"
        path.write_text(json.dumps(entries))
        return path

    return write


def kernel_of(source):
    scope = {}
    exec(compile(source, "derived", "exec"), scope)
    return scope["kernel"]


@pytest.mark.parametrize("discretization", Discretization)
@pytest.mark.parametrize("init", Init)
def test_every_derivation_is_proved_and_read_back(capsys, init, discretization):
    code, text, errors = run(
        capsys,
        "derive",
        "--states",
        2,
        "--degree",
        2,
        "--init",
        init.value,
        "--discretization",
        discretization.value,
        "--format",
        "srepr",
    )
    assert (code, errors) == (0, "")
    form = read_srepr(text)
    assert form.certificates
    assert all(verify(certificate).proved for certificate in form.certificates)
    assert text.count("proved (") == len(form.certificates)


@pytest.mark.parametrize("discretization", ["zoh", "bilinear", "continuous"])
def test_latex_is_one_balanced_document(capsys, discretization):
    code, text, _ = run(capsys, "derive", "--states", 2, "--degree", 2, "--discretization", discretization)
    assert code == 0
    assert text.startswith(r"\documentclass")
    assert text.count("\\begin{document}") == text.count("\\end{document}") == 1
    assert text.count("{") == text.count("}")
    for piece in (r"\lambda_{0}", r"\bar{b}_{1}", r"\text{where}", "proved"):
        assert piece in text


@pytest.mark.parametrize(("init", "model"), [("s4d-lin", s4d_lin), ("s4d-legs", s4d_legs)])
@pytest.mark.parametrize(("name", "sample"), [("zoh", zero_order_hold), ("bilinear", bilinear_transform)])
def test_the_python_source_runs_and_equals_the_simulation(capsys, init, model, name, sample):
    code, source, _ = run(
        capsys, "derive", "--states", 2, "--degree", 3, "--init", init, "--discretization", name, "--format", "python"
    )
    assert code == 0
    weights, inputs = (0.5 - 1j, 2 + 0.25j), [1.0, -2.0, 0.5]
    value = kernel_of(source)(0.1, *weights, 0.75, 1.0, 2.0, 3.0, 4.0, [None, *inputs], 3)
    exact = model(2, output_vector=[sp.Rational(1, 2) - sp.I, 2 + sp.I / 4], feedthrough=sp.Rational(3, 4))
    sampled = sample(exact, sp.Rational(1, 10))
    y = 0.75 * inputs[-1]
    for a, b, c in zip(sampled.multipliers, sampled.input_vector, sampled.output_vector, strict=True):
        state = 0
        for u in inputs:
            state = complex(a) * state + complex(b) * u
        y += 2 * (complex(c) * state).real
    assert value == pytest.approx(np.polyval([4, 3, 2, 1], y), rel=1e-12)


def test_the_step_of_the_continuous_lift_runs(capsys):
    _, source, _ = run(
        capsys, "derive", "--states", 1, "--degree", 2, "--discretization", "continuous", "--format", "python"
    )
    assert "def kernel(a_0, b_0" in source
    matrix = np.array(kernel_of(source)(a_0=0.0, b_0=2.0, c_0=0.0, D=0.0, Delta=0.5, u=3.0))
    later = 2.0 * 0.5 * 3.0
    assert np.allclose(matrix @ [1, 1, 1], [1, 1 + later, (1 + later) ** 2])


def test_a_system_file_is_derived_with_its_numbers(capsys, system_file):
    path = system_file(eigenvalues=["-1/2+I", 0], b=[1, 2], c=["1/3", "-I"], D=2, decoder=[0, 0, "1/2"], step="1/4")
    code, source, errors = run(capsys, "derive", "--system", path, "--degree", 2, "--format", "python")
    assert (code, errors) == (0, "")
    system = parse_system(path.read_text())
    inputs = [sp.Integer(3), sp.Integer(-1)]
    y = complex(simulated_output(zero_order_hold(system.model, system.step), inputs).evalf(20))
    assert kernel_of(source)([None, 3.0, -1.0], 2) == pytest.approx(y**2 / 2)


def test_a_file_without_a_decoder_takes_a_symbolic_one(capsys, system_file):
    path = system_file(eigenvalues=["a"])
    code, text, _ = run(capsys, "derive", "--system", path, "--degree", 1, "--format", "srepr")
    assert code == 0
    assert {"a", "c_0", "g_0", "g_1", "Delta"} <= {str(symbol) for symbol in read_srepr(text).arguments}


def test_output_goes_to_a_file(capsys, tmp_path):
    path = tmp_path / "operator.tex"
    code, text, _ = run(capsys, "derive", "--states", 1, "--degree", 1, "--output", path)
    assert (code, text) == (0, f"wrote {path}\n")
    assert path.read_text().startswith(r"\documentclass")


def test_a_pdf_is_set_and_the_engine_named(capsys, tmp_path):
    pytest.importorskip("typst")
    path = tmp_path / "operator.pdf"
    code, text, _ = run(capsys, "derive", "--states", 2, "--degree", 2, "--format", "pdf", "--output", path)
    assert code == 0
    assert path.read_bytes().startswith(b"%PDF")
    assert "typst" in text or "pdflatex" in text


WRONG = [
    (["derive"], "--states N or --system"),
    (["derive", "--states", "2"], "--degree P"),
    (["derive", "--states", "0", "--degree", "1"], "between 1 and 128, got 0"),
    (["derive", "--states", "1", "--degree", "-1"], "between 0 and 64, got -1"),
    (["derive", "--states", "1", "--degree", "99"], "between 0 and 64"),
    (["derive", "--states", "x", "--degree", "1"], "--states"),
    (["derive", "--states", "1", "--degree", "1", "--format", "word"], "'word' is not one of"),
    (["derive", "--states", "1", "--degree", "1", "--init", "hippo"], "'hippo'"),
    (["derive", "--states", "1", "--degree", "1", "--format", "pdf"], "--output FILE.pdf"),
    (["derive", "--states", "1", "--degree", "1", "--output", "/nonexistent/x.tex"], "/nonexistent/x.tex"),
    (["derive", "--states", "65", "--degree", "1", "--init", "s4d-legs"], "64 modes, got 65"),
    (["derive", "--states", "8", "--degree", "8", "--discretization", "continuous"], "735,471 terms"),
    (["derive", "--system", "nowhere.json", "--degree", "1"], "nowhere.json: cannot be read"),
    (["derive", "--system", "nowhere.json", "--states", "1", "--degree", "1"], "not both"),
    (["derive", "--frobnicate"], "--frobnicate"),
    (["frobnicate"], "frobnicate"),
    (["convert", "nowhere.pth"], "OUT"),
    (["convert", "nowhere.pth", "out.safetensors"], "nowhere.pth|torch"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_wrong_input_is_one_clear_line_and_exit_code_two(capsys, arguments, words):
    code, text, errors = run(capsys, *arguments)
    assert (code, text) == (2, "")
    assert errors.startswith("carleman-ssm: ")
    assert errors.count("\n") == 1
    assert any(word in errors for word in words.split("|"))


FILES = [
    ({"eigenvalues": ["1/"]}, ["--degree", "1"], "eigenvalues[0]: in '1/', position 3"),
    ({"eigenvalues": [1], "decoder": [1, 1]}, ["--degree", "3"], "degree 1, but --degree is 3"),
    ({"eigenvalues": [1]}, [], "holds no decoder"),
    ({"eigenvalues": [1]}, ["--degree", "1", "--init", "s4d-lin"], "--init"),
    ({"eigenvalues": ["u"]}, ["--degree", "1"], "the result itself uses u"),
    ({"eigenvalues": ["lambda_0"]}, ["--degree", "1"], "lambda_0"),
    ({"eigenvalues": ["xi_0"]}, ["--degree", "1"], "xi_0"),
    ({"eigenvalues": ["Delta"]}, ["--degree", "1"], "Delta"),
    ({"eigenvalues": [2], "step": 1}, ["--degree", "1", "--discretization", "bilinear"], "pole"),
    ({"eigenvalues": [2], "step": 1}, ["--degree", "1", "--discretization", "continuous"], "step stays a symbol"),
    ({"eigenvalues": ["np"]}, ["--degree", "1", "--format", "python"], "'np' is used"),
]


@pytest.mark.parametrize(("entries", "options", "words"), FILES, ids=[words for *_, words in FILES])
def test_wrong_files_are_one_clear_line_and_exit_code_two(capsys, system_file, entries, options, words):
    code, text, errors = run(capsys, "derive", "--system", system_file(**entries), *options)
    assert (code, text) == (2, "")
    assert errors.count("\n") == 1
    assert words in errors


def test_the_frequencies_of_legs_are_named_with_their_numbers(capsys):
    code, text, _ = run(capsys, "derive", "--states", 4, "--degree", 1, "--init", "s4d-legs")
    assert code == 0
    for published in ("19.857", "5.354", "1.957", "0.427"):  # 1.958 and 0.428, not yet rounded
        assert published in text
    assert r"\omega_{3} &=" in text


def test_a_torch_checkpoint_is_converted_from_the_command_line(capsys, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed: extra torch")
    state = {name: torch.from_numpy(value) for name, value in arrays(GELU).items()}
    torch.save({"model": state, "acc": 1.0, "epoch": 1}, tmp_path / "ckpt.pth")
    code, text, errors = run(capsys, "convert", tmp_path / "ckpt.pth", tmp_path / "out.safetensors")
    assert (code, errors) == (0, "")
    assert "assumed activation = gelu" in text
    assert load_network(tmp_path / "out.safetensors").layers
    (tmp_path / "own.json").write_text('{"activation": "silu", "pool": "last"}')
    options = ("--config", tmp_path / "own.json")
    code, text, _ = run(capsys, "convert", tmp_path / "ckpt.pth", tmp_path / "own.safetensors", *options)
    assert code == 0
    assert "activation" not in text
    own = load_network(tmp_path / "own.safetensors").config
    assert (own.activation, own.pool) == ("silu", "last")
    (tmp_path / "bad.json").write_text("[1]")
    code, _, errors = run(
        capsys, "convert", tmp_path / "ckpt.pth", tmp_path / "x.npz", "--config", tmp_path / "bad.json"
    )
    assert code == 2
    assert "is not a JSON object" in errors


def test_without_arguments_the_commands_are_listed(capsys):
    code, text, errors = run(capsys)
    assert (code, errors) == (0, "")
    assert "derive" in text
    assert "convert" in text


def test_the_installed_command_works_from_a_shell():
    command = [sys.executable, "-c", "from carleman_ssm.report.cli import main; main()", "derive"]
    good = subprocess.run(
        [*command, "--states", "1", "--degree", "1", "--format", "srepr"], capture_output=True, text=True, check=False
    )
    assert good.returncode == 0
    assert read_srepr(good.stdout).certificates
    bad = subprocess.run([*command, "--states", "1"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr


def test_a_decoder_is_needed():
    with pytest.raises(ValueError, match="no decoder"):
        operator_of(parse_system('{"eigenvalues": [1]}'), Discretization.ZOH)
    assert "wrote" not in derive(states=1, degree=0)
    assert PolynomialDecoder.symbolic(degree=0).degree == 0
