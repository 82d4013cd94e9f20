"""What public objects show beside closed forms, and formulas drawn at random: TeX sets it, KaTeX reads it."""

import inspect
import shutil
import subprocess
from functools import cache, cached_property

import pytest
import sympy as sp
from hypothesis import given, settings

import carleman_ssm as cs
from carleman_ssm.printing.latex import document, to_latex
from carleman_ssm.printing.statement_displays import statement_lines
from carleman_ssm.proofs.scripts import load_script, script_names
from tests.strategies_formulas import expressions
from tests.test_katex import NEEDS_KATEX, refused_by_katex

STATEMENTS = (cs.ClosedForm, cs.Identity, cs.Bound)


def symbolic_objects():
    """One of every kind of public object that holds letters."""
    model, discrete = cs.DiagonalSSM.symbolic(states=2), cs.DiscreteSSM.symbolic(states=2, feedthrough=True)
    decoder = cs.PolynomialDecoder.symbolic(degree=2)
    yield from (model, discrete, decoder, cs.carleman_lift(model, decoder), cs.carleman_lift(discrete, decoder))
    ring = cs.ring_embedding(model)
    yield from (ring, cs.ring_embedding(discrete, gauge="textbook"), cs.krylov_frame(discrete))
    yield from (cs.s4d_lin_dispersion(), cs.OscillatorNetwork.of_ring(ring), cs.KuramotoModel.symbolic(2))
    stack = cs.PolynomialStack.symbolic((1, 1), (2, 2))
    yield from (stack, cs.StackLift(stack), cs.Excitation.sinusoid(sp.Symbol("omega")))
    yield from (family.statement().recurrence for family in cs.FAMILIES)  # its laws are lines of derivations


def formulas_in(value):
    """Statements, expressions and mappings of them in a value; containers are opened, numbers and texts are none."""
    if isinstance(value, dict) and not (value and all(isinstance(key, sp.Basic) for key in value)):
        value = tuple(value.values())
    if isinstance(value, tuple | list):
        for part in value:
            yield from formulas_in(part)
    elif isinstance(value, (dict, sp.Basic, sp.MatrixBase, *STATEMENTS)):
        yield value


def shown_by(thing):
    """Name and value of every public attribute, and of every public method that needs no argument."""
    for name, member in inspect.getmembers_static(type(thing)):
        function = getattr(member, "fget", None) or getattr(member, "func", None) or member
        if name.startswith("_") or isinstance(member, classmethod | staticmethod) or not inspect.isfunction(function):
            continue
        parameters = list(inspect.signature(function).parameters.values())[1:]
        if any(parameter.default is inspect.Parameter.empty for parameter in parameters):
            continue
        value = getattr(thing, name)
        yield name, value if isinstance(member, property | cached_property) else value()
    yield from vars(thing).items() if hasattr(thing, "__dict__") else ()


@cache
def shown():
    """TeX of everything -> where it is shown first."""
    found = {
        to_latex(cs.activation(name).expression(sp.Symbol("y"))): name for name in ("gelu", "gelu_tanh", "silu", "tanh")
    }
    for thing in symbolic_objects():
        for name, value in shown_by(thing):
            for formula in formulas_in(value):
                found.setdefault(to_latex(formula), f"{type(thing).__name__}.{name}")
    return found


def lemmas():
    """What derivations state beside their chains."""
    waiting = [load_script(name).derivation for name in script_names()]
    for chain in waiting:
        waiting += chain.chains
        yield from chain.lemmas


def test_many_kinds_of_objects_are_looked_at():
    assert len(shown()) > 150
    assert {"BilinearSystem.generator", "RingEmbedding.coupling_matrix", "gelu"} <= set(shown().values())


def test_tex_sets_what_every_public_object_shows(tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    body = "\n".join(f"\\[\n{tex}\n\\]" for tex in shown())
    (tmp_path / "all.tex").write_text(
        document([]).replace(r"\end{document}", body + r"\end{document}"), encoding="utf-8"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-600:]


@NEEDS_KATEX
def test_katex_reads_what_every_public_object_shows():
    places = list(shown().values())
    assert [(places[place], reason) for place, reason in refused_by_katex(list(shown()))] == []


@NEEDS_KATEX
def test_katex_reads_lemmas():
    """One of eight: printing them all takes longer than reading them, and the book has all of them set by TeX."""
    chosen = list(dict.fromkeys(lemmas()))[::8]
    lines = [rf"\begin{{aligned}}{line}\end{{aligned}}" for lemma in chosen for line in statement_lines(lemma)]
    assert len(lines) > 80
    assert [(lines[place], reason) for place, reason in refused_by_katex(lines)] == []


@NEEDS_KATEX
def test_katex_reads_whatever_is_drawn():
    drawn = []

    @settings(max_examples=150, deadline=None)
    @given(expressions(), expressions())
    def draw(left, right):
        drawn.extend(map(to_latex, (cs.Identity(left, right), {sp.Symbol("z"): left}, sp.Matrix([[left, right]]))))

    draw()
    assert [(drawn[place], reason) for place, reason in refused_by_katex(drawn)] == []
