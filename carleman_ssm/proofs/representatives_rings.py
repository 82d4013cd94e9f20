"""Representatives of the closed forms of rings, waves and oscillators."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm
from carleman_ssm.proofs.instances import Instances, over, symbolic_model
from carleman_ssm.theory.couplings import coupling_strength, s4d_lin_couplings, s4d_lin_self_coupling
from carleman_ssm.theory.dispersion import (
    MODE_NUMBER,
    Dispersion,
    bilinear_dispersion,
    held_dispersion,
    s4d_inv_dispersion,
    s4d_lin_dispersion,
)
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.krylov import unit_hop_characteristic
from carleman_ssm.theory.kuramoto import KuramotoModel, kuramoto_field, phase_gap, projected_step
from carleman_ssm.theory.localisation import jittered_peak, participation_ratio_formula
from carleman_ssm.theory.oscillator_solutions import oscillator_solution
from carleman_ssm.theory.oscillators import OscillatorNetwork
from carleman_ssm.theory.polar import complex_phase_field, polar_field, polar_step
from carleman_ssm.theory.polar_laws import polar_law, s4d_lin_polar_law
from carleman_ssm.theory.real_spectra import alternating_hop, standing_contents
from carleman_ssm.theory.rigidity import real_spectrum_contents, rigid_spectrum
from carleman_ssm.theory.ring import ring_embedding
from carleman_ssm.theory.ring_equivalence import ring_equivalence
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM
from carleman_ssm.theory.wave_profile import RANGES
from carleman_ssm.theory.wave_readout import (
    deleted_share,
    edited_kernel,
    impulse_response,
    readout_weights,
    tap_design,
)
from carleman_ssm.theory.wave_resonance import resonance_gain, s4d_lin_resonance
from carleman_ssm.theory.waves import node_contents, rigid_step, wave_propagator

_HEIGHT = sp.Symbol("A", real=True)


def _two_nodes(model: DiagonalSSM | DiscreteSSM, excitation: Excitation) -> ClosedForm:
    network = OscillatorNetwork.of_ring(ring_embedding(model))
    return oscillator_solution(network, excitation, initial=sp.symbols("p_0 p_1"))


def _laws() -> dict[str, Dispersion]:
    """Two spectra; what sampling does to any phase and slope at a mode number, where all modes decay alike."""
    decay, (phase, slope) = sp.Symbol("r", positive=True), sp.symbols("omega_0 omega_1", real=True)
    turning = phase + slope * MODE_NUMBER
    tangent = Dispersion(-decay + sp.I * turning, turning, -decay, slope)
    sampled = {"any, held": held_dispersion(tangent), "any, bilinear": bilinear_dispersion(tangent)}
    return {"Lin": s4d_lin_dispersion(), "Inv": s4d_inv_dispersion()} | sampled


def _mixed_pairs() -> DiagonalSSM:
    """A real mode and one of a conjugate pair, in the gauge b = 1."""
    eigenvalues = (sp.Symbol("a_0", real=True), sp.Symbol("a_1"))
    return DiagonalSSM(eigenvalues, (sp.S.One, sp.S.One), sp.symbols("c_0 c_1"), conjugate_pairs=True)


_LAWS = ("Lin", "Inv", "any, held", "any, bilinear")

RINGS: Mapping[str, Instances] = MappingProxyType(
    {
        "theory.couplings.coupling_strength": {"": coupling_strength},
        "theory.couplings.s4d_lin_couplings": over(s4d_lin_couplings, RANGES),
        "theory.couplings.s4d_lin_self_coupling": over(s4d_lin_self_coupling, RANGES),
        "theory.dispersion.Dispersion.group_velocity": over(lambda name: _laws()[name].group_velocity, _LAWS),
        "theory.dispersion.Dispersion.phase_velocity": over(lambda name: _laws()[name].phase_velocity, _LAWS),
        "theory.krylov.unit_hop_characteristic": {
            "N": unit_hop_characteristic,
            "3": lambda: unit_hop_characteristic(3, first=0),
        },
        "theory.kuramoto.kuramoto_field": over(lambda n: kuramoto_field(KuramotoModel.symbolic(n)), (2,)),
        "theory.kuramoto.phase_gap": over(lambda n: phase_gap(KuramotoModel.symbolic(n)), (2,)),
        "theory.kuramoto.projected_step": over(lambda n: projected_step(KuramotoModel.symbolic(n)), (2,)),
        "theory.localisation.jittered_peak": {"": jittered_peak},
        "theory.localisation.participation_ratio_formula": {"": participation_ratio_formula},
        "theory.oscillator_solutions.oscillator_solution": {
            "N = 2": lambda: _two_nodes(DiagonalSSM.symbolic(2), Excitation.step(_HEIGHT)),
            "N = 2, discrete": lambda: _two_nodes(
                DiscreteSSM.symbolic(2), Excitation.exponential(sp.Symbol("s"), _HEIGHT)
            ),
        },
        "theory.polar.complex_phase_field": {"2": lambda: complex_phase_field(OscillatorNetwork.symbolic(2))},
        "theory.polar.polar_field": {"2": lambda: polar_field(OscillatorNetwork.symbolic(2))},
        "theory.polar.polar_step": {"2": lambda: polar_step(OscillatorNetwork.symbolic(2, discrete=True))},
        "theory.polar_laws.polar_law": {"": polar_law},
        "theory.polar_laws.s4d_lin_polar_law": {"": s4d_lin_polar_law},
        "theory.real_spectra.alternating_hop": {"": alternating_hop},
        "theory.real_spectra.standing_contents": {"": standing_contents},
        "theory.rigidity.real_spectrum_contents": {"": real_spectrum_contents},
        "theory.rigidity.rigid_spectrum": {"": rigid_spectrum},
        "theory.ring_equivalence.ring_equivalence": {
            "2, textbook": lambda: ring_equivalence(ring_embedding(symbolic_model(2), gauge="textbook")),
            "3, continuous": lambda: ring_equivalence(ring_embedding(DiagonalSSM.symbolic(states=3))),
            "3, real": lambda: ring_equivalence(ring_embedding(_mixed_pairs(), closure="real")),
            "2, antiperiodic": lambda: ring_equivalence(
                ring_embedding(DiagonalSSM.symbolic(states=1, conjugate_pairs=True), closure="antiperiodic")
            ),
        },
        "theory.wave_readout.deleted_share": {"": deleted_share},
        "theory.wave_readout.edited_kernel": {"3": lambda: edited_kernel(3, node=0)},
        "theory.wave_readout.impulse_response": {"": impulse_response},
        "theory.wave_readout.readout_weights": {"": readout_weights},
        "theory.wave_readout.tap_design": {"3": lambda: tap_design(3)},
        "theory.wave_resonance.resonance_gain": {"": resonance_gain},
        "theory.wave_resonance.s4d_lin_resonance": {"": s4d_lin_resonance},
        "theory.waves.node_contents": {"": node_contents},
        "theory.waves.rigid_step": {"": rigid_step},
        "theory.waves.wave_propagator": {"": wave_propagator},
    }
)
"""Qualified name -> label of the instance -> what builds it."""
