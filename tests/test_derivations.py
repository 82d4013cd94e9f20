"""Every derivation is run, every step and lemma proved, planted errors refuted, each citation checked."""

import dataclasses
import importlib
import inspect
import pkgutil
import runpy
from functools import cache
from pathlib import Path

import pytest
import sympy as sp

import carleman_ssm as cs
from carleman_ssm import theory
from carleman_ssm.formulas.latex import to_latex
from carleman_ssm.recurrences.clock import Clock, clocked_output
from carleman_ssm.recurrences.clock_ring import clocked_wave
from carleman_ssm.recurrences.cubic_series import cubic_series
from carleman_ssm.recurrences.sigmoid_powers import sigmoid_powers
from carleman_ssm.theory.finite_responses import geometric_response, near_resonance
from carleman_ssm.theory.frequency_responses import transfer_function, transfer_of_order
from carleman_ssm.theory.gaussian_expectations import gaussian_covariance, gaussian_mean, gaussian_mean_gelu
from carleman_ssm.theory.input_derivatives import gelu_curvature_range, gelu_derivative, pooled_hessian
from carleman_ssm.theory.layer_matrices import (
    carleman_composition,
    recentred_composition,
    rectangular_composition,
)
from carleman_ssm.theory.pair_kernel import pair_kernel, second_layer
from carleman_ssm.theory.phase_products import phase_product
from carleman_ssm.theory.polynomial_maps import PolynomialMap
from carleman_ssm.theory.real_spectra import alternating_hop, standing_contents
from carleman_ssm.theory.scalar_edits import edit_of_two_shifts, nearest_shift, residual_edit_norm, shortest_edit
from carleman_ssm.theory.spectral_lines import gelu_line, spectral_line
from carleman_ssm.theory.stack_lift import StackLift
from carleman_ssm.theory.stacks import PolynomialStack
from carleman_ssm.theory.trust_region import ball_bound, edit_of_multiplier, extreme_shift, hard_case, reached_shift
from carleman_ssm.theory.wave_profile import RANGES
from carleman_ssm.theory.wave_readout import deleted_share
from carleman_ssm.theory.wave_resonance import resonance_gain, s4d_lin_resonance

ROOT = Path(__file__).parents[1]
FILES = sorted(ROOT.glob("derivations/*.py"))


@cache
def derivation(path):
    return runpy.run_path(str(path))["derivation"]


def statements(path):
    found = derivation(path)
    return [*found.steps, *found.lemmas, found.conclusion]


CASES = [
    pytest.param(path, number, id=f"{path.stem}-{number}") for path in FILES for number in range(len(statements(path)))
]


def multiplied(side):
    """A product of explicit matrices as one matrix."""
    if not isinstance(side, sp.MatMul):
        return side
    result, *rest = side.args
    for factor in rest:
        result = result * factor
    return result


def entries(side):
    side = multiplied(side)
    return list(side) if isinstance(side, sp.MatrixBase) else [side]


def with_entries(side, values):
    side = multiplied(side)
    return sp.ImmutableMatrix(*side.shape, values) if isinstance(side, sp.MatrixBase) else values[0]


def one_added(values):
    yield [*values[:-1], values[-1] + 1]


def sign_swapped(values):
    if any(value != 0 for value in values):  # nothing is its own opposite
        yield [-value for value in values]


@cache
def terms_of(value):
    """The value multiplied out, unless it is so long that this would take seconds."""
    return sp.expand(value) if value.count_ops() <= 300 else value


def binomial_dropped(values):
    """The first integer factor above 1 becomes 1, in the last entry that has one."""
    for place in reversed(range(len(values))):
        expanded = terms_of(values[place])
        for term in sp.Add.make_args(expanded):
            factor, rest = term.as_coeff_Mul()
            if factor.is_Integer and factor > 1:
                yield [*values[:place], expanded - term + rest, *values[place + 1 :]]
                return


def term_dropped(values):
    for place in reversed(range(len(values))):
        terms = sp.Add.make_args(terms_of(values[place]))
        if len(terms) > 1:
            yield [*values[:place], sp.Add(*terms[1:]), *values[place + 1 :]]
            return


PLANTS = [one_added, sign_swapped, binomial_dropped, term_dropped]


def test_there_are_derivations_with_steps_and_lemmas():
    assert FILES
    for path in FILES:
        assert len(derivation(path).steps) >= 2, path
        assert derivation(path).lemmas, path
        assert len(path.read_text().splitlines()) <= 160, path


@pytest.mark.parametrize(("path", "number"), CASES)
def test_every_step_lemma_and_conclusion_is_proved(path, number):
    statement = statements(path)[number]
    verdict = cs.verify(statement)
    assert verdict.proved, (statement.name, str(verdict))


@pytest.mark.parametrize(("path", "number"), CASES)
def test_every_planted_error_is_refuted(path, number):
    statement = statements(path)[number]
    values = entries(statement.right)
    planted = {plant: [*plant(values)] for plant in PLANTS}
    for wrong in {tuple(wrong): wrong for found in planted.values() for wrong in found}.values():
        twin = cs.Identity(statement.left, with_entries(statement.right, wrong), nonzero=statement.nonzero)
        verdict = cs.verify(twin)
        assert verdict.evidence is cs.Evidence.REFUTED, (statement.name, wrong, str(verdict))
        assert verdict.witness is not None
    assert len(planted[one_added]) == 1  # not vacuous; without a binomial or a sum there is nothing to drop
    assert len(planted[sign_swapped]) == any(value != 0 for value in values)


@pytest.mark.parametrize("plant", PLANTS)
def test_every_kind_of_error_was_planted_somewhere(plant):
    assert any(list(plant(entries(s.right))) for path in FILES for s in statements(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_steps_are_links_of_one_chain(path):
    found = derivation(path)
    previous = found.start
    for step in found.steps:
        assert step.left == previous
        assert step.left != step.right, f"{step.name} says that a thing is itself"
        assert step.because
        previous = step.right
    assert found.conclusion.left == sp.sympify(found.start)
    assert found.conclusion.right == previous


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_printed_derivation_shows_every_reason_and_balances(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.strip() == to_latex(derivation(path)).strip()
    assert printed.count("{") == printed.count("}")
    assert printed.count(r"\begin{") == printed.count(r"\end{")
    for step in derivation(path).steps:
        for word in step.because.split("$")[::2]:
            assert word.strip() in printed


def test_importing_a_derivation_prints_nothing(capsys):
    for path in FILES:
        runpy.run_path(str(path))
    assert capsys.readouterr().out == ""


# --- citations: rule 7 of CONTRIBUTING.md ----------------------------------------------------------------------------

LAWS = {
    f"{name}, {rule}": transform(law())
    for name, law in {"Lin": cs.s4d_lin_dispersion, "Inv": cs.s4d_inv_dispersion}.items()
    for rule, transform in {
        "continuous": lambda law: law,
        "held": cs.held_dispersion,
        "bilinear": cs.bilinear_dispersion,
    }.items()
}


def over(make, *instances):
    """One builder for each instance of the arguments."""
    return {str(instance): (lambda instance=instance: make(instance)) for instance in instances}


def symbolic(states, **options):
    return cs.DiscreteSSM.symbolic(states=states, feedthrough=True, **options)


def forward_operator(states):
    return cs.forward_operator(symbolic(states), cs.PolynomialDecoder.symbolic(symbolic(states), degree=2))


def decoder_map(name, *, centred=False):
    variable = sp.Symbol({"f": "y", "g": "x"}[name])
    constant, *rest = cs.PolynomialDecoder.symbolic(degree=2, name=name).coefficients
    return PolynomialMap.of_decoder(cs.PolynomialDecoder((0 if centred else constant, *rest)), variable)


def polynomial(degree, name="g"):
    return cs.PolynomialDecoder.symbolic(degree=degree, name=name)


def stack_lift(states):
    return StackLift(PolynomialStack.symbolic(states, degrees=(2, 2)))


BUILDERS = {
    "collapse.forward_operator": over(forward_operator, 1, 2),
    "couplings.s4d_lin_couplings": over(cs.s4d_lin_couplings, *RANGES),
    "couplings.s4d_lin_self_coupling": over(cs.s4d_lin_self_coupling, *RANGES),
    "couplings.coupling_strength": {"": cs.coupling_strength},
    "dispersion.Dispersion.phase_velocity": over(lambda name: LAWS[name].phase_velocity, *LAWS),
    "dispersion.Dispersion.group_velocity": over(lambda name: LAWS[name].group_velocity, *LAWS),
    "finite_responses.geometric_response": {"": geometric_response},
    "finite_responses.near_resonance": {"": near_resonance},
    "frequency_responses.transfer_function": over(lambda states: transfer_function(symbolic(states)), 1),
    "frequency_responses.transfer_of_order": over(lambda order: transfer_of_order(polynomial(2), order), 1, 2),
    "gaussian_expectations.gaussian_covariance": {
        "2, 2": lambda: gaussian_covariance(polynomial(2), polynomial(2, name="h"))
    },
    "gaussian_expectations.gaussian_mean": over(lambda degree: gaussian_mean(polynomial(degree)), 3),
    "gaussian_expectations.gaussian_mean_gelu": {"": gaussian_mean_gelu},
    "held_input.held_kick": {"": cs.held_kick},
    "input_derivatives.gelu_curvature_range": {"": gelu_curvature_range},
    "input_derivatives.gelu_derivative": over(gelu_derivative, 1, 2, 3, 4, 5),
    "input_derivatives.pooled_hessian": over(lambda degree: pooled_hessian(polynomial(degree), 2), 3),
    "krylov.unit_hop_characteristic": {
        "N": cs.unit_hop_characteristic,
        "3": lambda: cs.unit_hop_characteristic(3, first=0),
    },
    "kuramoto.kuramoto_field": over(lambda n: cs.kuramoto_field(cs.KuramotoModel.symbolic(n)), 2, 3),
    "kuramoto.phase_gap": over(lambda n: cs.phase_gap(cs.KuramotoModel.symbolic(n)), 2, 3),
    "kuramoto.projected_step": over(lambda n: cs.projected_step(cs.KuramotoModel.symbolic(n)), 2, 3),
    "layer_matrices.carleman_composition": {
        "2": lambda: carleman_composition(decoder_map("f"), decoder_map("g", centred=True), 2)
    },
    "layer_matrices.rectangular_composition": {
        "2": lambda: rectangular_composition(decoder_map("f"), decoder_map("g"), 2)
    },
    "layer_matrices.recentred_composition": {
        "2": lambda: recentred_composition([decoder_map("g"), decoder_map("f")], 2)
    },
    "localisation.participation_ratio_formula": {"": cs.participation_ratio_formula},
    "localisation.jittered_peak": {"": cs.jittered_peak},
    "pair_kernel.pair_kernel": {
        "1, 1": lambda: pair_kernel(
            symbolic(1), cs.PolynomialDecoder.symbolic(degree=2), second_layer(1, feedthrough=True)
        )
    },
    "phase_products.phase_product": {"2, 2": lambda: phase_product(2, 2)},
    "polar.complex_phase_field": {"3": lambda: cs.complex_phase_field(cs.OscillatorNetwork.symbolic(3))},
    "polar.polar_field": {"3": lambda: cs.polar_field(cs.OscillatorNetwork.symbolic(3))},
    "polar.polar_step": {"2": lambda: cs.polar_step(cs.OscillatorNetwork.symbolic(2, discrete=True))},
    "polar_laws.polar_law": {"": cs.polar_law},
    "polar_laws.s4d_lin_polar_law": {"": cs.s4d_lin_polar_law},
    "real_spectra.alternating_hop": {"": alternating_hop},
    "real_spectra.standing_contents": {"": standing_contents},
    "rigidity.rigid_spectrum": {"": cs.rigid_spectrum},
    "rigidity.real_spectrum_contents": {"": cs.real_spectrum_contents},
    "ring_equivalence.ring_equivalence": {
        "2, textbook": lambda: cs.ring_equivalence(cs.ring_embedding(symbolic(2), gauge="textbook")),
        "3, unit input": lambda: cs.ring_equivalence(cs.ring_embedding(symbolic(3))),
        "3, continuous": lambda: cs.ring_equivalence(
            cs.ring_embedding(cs.DiagonalSSM.symbolic(states=3), gauge="textbook")
        ),
    },
    "scalar_edits.edit_of_two_shifts": {"": edit_of_two_shifts},
    "scalar_edits.nearest_shift": {"": nearest_shift},
    "scalar_edits.residual_edit_norm": over(lambda degree: residual_edit_norm(polynomial(degree)), 2),
    "scalar_edits.shortest_edit": {"": shortest_edit},
    "spectral_lines.gelu_line": over(gelu_line, 0, 1, 2),
    "spectral_lines.spectral_line": over(lambda lines: spectral_line(polynomial(2), lines), (2,), (1, -1)),
    "stack_lift.StackLift.output": over(lambda states: stack_lift(states).output(), (1, 1)),
    "stack_lift.StackLift.pooled_step": over(lambda states: stack_lift(states).pooled_step(), (1, 1)),
    "stack_lift.StackLift.step": over(lambda states: stack_lift(states).step(), (1, 1)),
    "trust_region.ball_bound": over(ball_bound, 2),
    "trust_region.edit_of_multiplier": over(edit_of_multiplier, 2),
    "trust_region.extreme_shift": {"": extreme_shift},
    "trust_region.hard_case": {"": hard_case},
    "trust_region.reached_shift": {"": reached_shift},
    "wave_readout.readout_weights": {"": cs.readout_weights},
    "wave_readout.impulse_response": {"": cs.impulse_response},
    "wave_readout.tap_design": {"3": lambda: cs.tap_design(3)},
    "wave_readout.edited_kernel": {"3": lambda: cs.edited_kernel(3, node=0)},
    "wave_readout.deleted_share": {"": deleted_share},
    "wave_resonance.resonance_gain": {"": resonance_gain},
    "wave_resonance.s4d_lin_resonance": {"": s4d_lin_resonance},
    "waves.wave_propagator": {"": cs.wave_propagator},
    "waves.rigid_step": {"": cs.rigid_step},
    "waves.node_contents": {"": cs.node_contents},
}
"""A representative of every public closed form that cites a derivation: the instance that is derived there."""

RECURRENCE_BUILDERS = {
    "clock.clocked_output": {
        "2, 3": lambda: clocked_output(
            Clock(sp.symbols("a_0 a_1"), sp.symbols("Delta_1 Delta_2 Delta_3")),
            [sp.symbols(f"b_{k}_0 b_{k}_1") for k in (1, 2, 3)],
            lambda z, _: sp.Symbol("c_0") * z[0] + sp.Symbol("c_1") * z[1],
            symbol=sp.Symbol("y_3"),
        )
    },
    "clock_ring.clocked_wave": {"": clocked_wave},
    "cubic_series.cubic_series": {"1, 2": cubic_series},
    "sigmoid_powers.sigmoid_powers": over(sigmoid_powers, 1, 2, 3),
}
"""The same for the closed forms of `recurrences` that cite a derivation."""

WITHOUT_DERIVATION = {
    "carleman.BilinearSystem.generator",
    "carleman.BilinearSystem.readout",
    "carleman.StateAffineSystem.readout",
    "carleman.one_step_map",
    "collapse.rank_form",
    "marginals.joint_part",
    "marginals.marginal",
    "oscillator_solutions.oscillator_solution",
    "responses.lifted_response",
    "responses.output_response",
    "shapley.shapley_interaction",
    "shapley.shapley_value",
    "volterra.convolution_kernel",
    "volterra.volterra_kernel",
    "volterra.volterra_series",
}
"""Closed forms that cite a numbered statement alone; their certificates are proved in their own tests."""


def returns_closed_form(function):
    return inspect.isfunction(function) and "ClosedForm" in str(inspect.signature(function).return_annotation)


def public_closed_forms():
    """Every public function, method and property of `theory` that says it returns a closed form."""
    for info in pkgutil.iter_modules(theory.__path__):
        module = importlib.import_module(f"{theory.__name__}.{info.name}")
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            if returns_closed_form(value):
                yield f"{info.name}.{name}"
            for attribute, member in inspect.getmembers_static(value) if inspect.isclass(value) else ():
                function = (
                    getattr(member, "fget", None)
                    or getattr(member, "func", None)
                    or getattr(member, "__func__", member)
                )
                if not attribute.startswith("_") and returns_closed_form(function):
                    yield f"{info.name}.{name}.{attribute}"


def sides(statement):
    return statement.left, statement.right


def not_derived(form):
    """The certificates that the cited derivation does not state; a citation of no derivation derives nothing."""
    path = ROOT / f"{form.reference}.py"
    stated = set(map(sides, statements(path))) if path in FILES else set()
    return [certificate.name for certificate in form.certificates if sides(certificate) not in stated]


READ_OFF = {"kick", "every gauge", "output on the clock, step 1", "output on the clock, step 2"}
"""Statements on which SymPy cancels by itself (t = 0 put in, $c_n/g_n$ times $g_n b_n$): their sides become one."""

FORMS = [
    pytest.param(build, id=f"{name}[{instance}]")
    for name, each in (BUILDERS | RECURRENCE_BUILDERS).items()
    for instance, build in each.items()
]


def test_every_public_closed_form_has_a_representative_or_is_known_to_cite_no_derivation():
    found = set(public_closed_forms())
    assert found == set(BUILDERS) | WITHOUT_DERIVATION
    assert not set(BUILDERS) & WITHOUT_DERIVATION


@pytest.mark.parametrize("build", FORMS)
def test_every_certificate_is_stated_by_the_cited_derivation(build):
    form = build()
    assert form.certificates
    assert not_derived(form) == []
    for certificate in form.certificates:
        if certificate.name not in READ_OFF:
            assert certificate.left != certificate.right, f"{certificate.name} compares a thing with itself"


def test_a_form_without_its_derivation_would_be_seen():
    form = cs.wave_propagator()
    first, *rest = form.certificates
    falsified = cs.Identity(first.left, 2 * first.right, name="doubled")
    assert not_derived(dataclasses.replace(form, certificates=(falsified, *rest))) == ["doubled"]
    for reference in ("", "THEORY T3", "derivations/02_s4d_lin_couplings", "derivations/no_such_file"):
        assert len(not_derived(dataclasses.replace(form, reference=reference))) == len(form.certificates)


def test_the_one_mode_certificate_is_the_conclusion_itself():
    form = forward_operator(1)
    conclusion = derivation(ROOT / f"{form.reference}.py").conclusion
    (step,) = [c for c in form.certificates if c.name == "one lifted step"]
    assert sides(step) == sides(conclusion)
