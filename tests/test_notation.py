"""Notation: a letter of the table has one meaning in all derivations, but where a reason is given."""

from dataclasses import replace

import pytest
import sympy as sp

from carleman_ssm.book.notation import is_known, overridden, undeclared
from carleman_ssm.formulas.derivations import Derivation
from carleman_ssm.formulas.statements import Identity
from carleman_ssm.proofs.scripts import Script, load_script, script_names

pytestmark = pytest.mark.symbolic

HERE = {
    "00_discretisation": ("z", "the argument of the functions phi, as it is written everywhere"),
    "01_ring_equivalence": ("g", "gauges of the embedding"),
    "06_dispersion_and_rigidity": ("W g z", "a width, a register and the characteristic polynomial of the theory"),
    "07_polar_oscillators": ("K", "Kuramoto's strength of a coupling"),
    "08_kuramoto": ("a", "Kuramoto's weights"),
    "12_low_rank_steps": ("b", "input weights of a step that is real"),
    "12_pascal_cores": ("a b c x", "summands without modes"),
    "12_steps_of_any_kind": ("b lambda", "they change with the step, which is the index"),
    "13_phase_products": ("a b c y", "Fourier coefficients are a_n and b_n"),
    "16_stacks": ("a w", "heights of inputs and biases of the networks"),
    "17_layer_matrices": ("x y", "arguments of maps"),
    "18_three_waves": ("x y", "the two parts of a complex number"),
    "19_delta_rule": ("g", "gates of the papers"),
    "19_rational_gates": ("Lambda b h x", "letters of the papers"),
    "19_selective_clock": ("b x", "drives of a step that changes"),
    "20_derivatives": ("a", "what the other inputs add up to"),
    "22_ball_bound": ("g", "a gradient"),
    "22_smallest_edit": ("delta g", "a change, and a gradient"),
    "23_frequency_responses": ("T rho w z", "the last lag, the ratio of an input, a weight and what is added to y"),
    "23_gaussian_inputs": ("c h", "a covariance, and a second decoder beside g"),
    "23_spectral_lines": ("h", "the number of a harmonic"),
}


@pytest.mark.parametrize("name", script_names())
def test_no_derivation_takes_a_letter_of_the_table_for_something_else_but_for_a_reason(name):
    letters, reason = HERE.get(name, ("", "none"))
    assert {letter.split("_")[0] for letter in overridden(load_script(name))} == set(letters.split()), reason


def test_counters_are_whole_numbers():
    assert not is_known(sp.Symbol("q"))
    assert is_known(sp.Symbol("q", integer=True))
    whole, real = sp.Symbol("q", integer=True), sp.Symbol("q", real=True)
    for letter in (whole, real):
        script = Script("name", "title", (), Derivation("", letter).lemma(Identity(letter, letter)), {letter: "turns"})
        assert overridden(script) == ()
        assert undeclared(replace(script, notation={})) == (() if letter is whole else ("q",))
