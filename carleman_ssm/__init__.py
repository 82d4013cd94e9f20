"""carleman_ssm: the computation inside a state space network, as one explicit operator.

The table of contents, in dependency order: formulas ← theory ← recurrences ← networks ← families ← … ← report.
"""
# ruff: noqa: I001 (the order of this table is the order of dependencies, not the alphabet)

from importlib.metadata import version as _version

# formulas: statements, and what proves and compiles them
from carleman_ssm.formulas.special import phi as phi
from carleman_ssm.formulas.statements import ClosedForm as ClosedForm, Identity as Identity, unfold as unfold
from carleman_ssm.formulas.bounds import Bound as Bound
from carleman_ssm.formulas.derivations import Derivation as Derivation
from carleman_ssm.formulas.verification import Evidence as Evidence, Verdict as Verdict, verify as verify
from carleman_ssm.formulas.numerics import Kernel as Kernel, compile_kernel as compile_kernel

# printing: formulas and statements as LaTeX, and as PDF
from carleman_ssm.printing.latex import document as document, to_latex as to_latex, write_pdf as write_pdf

# theory: polynomials and the two routes to their lift
from carleman_ssm.theory.polynomials import PolynomialDecoder as PolynomialDecoder
from carleman_ssm.theory.monomials import MonomialBasis as MonomialBasis
from carleman_ssm.theory.term_table import TermTable as TermTable, lifted_table as lifted_table
from carleman_ssm.theory.affine_lift import affine_representation as affine_representation
from carleman_ssm.theory.affine_lift import lowering_matrix as lowering_matrix, scaling_generator as scaling_generator
from carleman_ssm.theory.kronecker import duplication_matrix as duplication_matrix
from carleman_ssm.theory.kronecker import elimination_matrix as elimination_matrix
from carleman_ssm.theory.kronecker import homogeneous_matrix as homogeneous_matrix, kronecker_power as kronecker_power
from carleman_ssm.theory.kronecker import kronecker_product as kronecker_product, kronecker_sum as kronecker_sum
from carleman_ssm.theory.kronecker import project_flow as project_flow, project_map as project_map

# theory: activation functions and their certified fits
from carleman_ssm.theory.activations import Activation as Activation, activation as activation
from carleman_ssm.theory.fits import ChebyshevFit as ChebyshevFit, certify as certify, fit_chebyshev as fit_chebyshev
from carleman_ssm.theory.fits import fit_least_squares as fit_least_squares, fit_many as fit_many
from carleman_ssm.theory.cosine_fits import CosineFit as CosineFit
from carleman_ssm.theory.fourier_extension import fit_cosines as fit_cosines
from carleman_ssm.theory.taylor_fits import TaylorFit as TaylorFit, fit_taylor as fit_taylor
from carleman_ssm.theory.inverse_roots import InverseRootFit as InverseRootFit, fit_inverse_root as fit_inverse_root

# theory: state space models, their lift, its collapse, kernels and responses
from carleman_ssm.theory.ssm import DiagonalSSM as DiagonalSSM, DiscreteSSM as DiscreteSSM
from carleman_ssm.theory.ssm import bilinear_transform as bilinear_transform, zero_order_hold as zero_order_hold
from carleman_ssm.theory.discretisation import bilinear_step as bilinear_step, held_step as held_step
from carleman_ssm.theory.initialisations import s4d_inv as s4d_inv, s4d_legs as s4d_legs, s4d_lin as s4d_lin
from carleman_ssm.theory.initialisations import s4d_real as s4d_real
from carleman_ssm.theory.carleman import BilinearSystem as BilinearSystem, StateAffineSystem as StateAffineSystem
from carleman_ssm.theory.carleman import carleman_lift as carleman_lift, one_step_map as one_step_map
from carleman_ssm.theory.closure import ClosureReport as ClosureReport, closure as closure, closure_of as closure_of
from carleman_ssm.theory.collapse import forward_operator as forward_operator, rank_form as rank_form
from carleman_ssm.theory.volterra import convolution_kernel as convolution_kernel, volterra_kernel as volterra_kernel
from carleman_ssm.theory.volterra import volterra_series as volterra_series
from carleman_ssm.theory.excitations import Excitation as Excitation
from carleman_ssm.theory.responses import lifted_response as lifted_response, output_response as output_response

# theory: depth, what sums of inputs share, and who interacts with whom
from carleman_ssm.theory.affine_maps import ExactAffineMap as ExactAffineMap
from carleman_ssm.theory.stacks import PolynomialLayer as PolynomialLayer, PolynomialStack as PolynomialStack
from carleman_ssm.theory.weighted_basis import WeightedBasis as WeightedBasis
from carleman_ssm.theory.stack_lift import StackLift as StackLift
from carleman_ssm.theory.polynomial_maps import PolynomialMap as PolynomialMap, sequence_maps as sequence_maps
from carleman_ssm.theory.layer_matrices import bias_trajectory as bias_trajectory
from carleman_ssm.theory.layer_matrices import carleman_composition as carleman_composition
from carleman_ssm.theory.layer_matrices import carleman_matrix as carleman_matrix
from carleman_ssm.theory.layer_matrices import recentred_composition as recentred_composition
from carleman_ssm.theory.layer_matrices import rectangular_composition as rectangular_composition
from carleman_ssm.theory.pair_kernel import pair_kernel as pair_kernel, second_layer as second_layer
from carleman_ssm.theory.wave_resonance import resonance_gain as resonance_gain, s4d_lin_resonance as s4d_lin_resonance
from carleman_ssm.theory.marginals import joint_part as joint_part, marginal as marginal
from carleman_ssm.theory.marginals import marginal_decoder as marginal_decoder
from carleman_ssm.theory.phase_products import phase_product as phase_product
from carleman_ssm.theory.shapley import shapley_interaction as shapley_interaction, shapley_value as shapley_value

# theory: every diagonal model as a ring, the waves of S4D-Lin, and which spectra carry them
from carleman_ssm.theory.couplings import circulant as circulant, coupling_strength as coupling_strength
from carleman_ssm.theory.couplings import s4d_lin_couplings as s4d_lin_couplings
from carleman_ssm.theory.couplings import s4d_lin_self_coupling as s4d_lin_self_coupling
from carleman_ssm.theory.couplings import skew_circulant as skew_circulant
from carleman_ssm.theory.ring import RingEmbedding as RingEmbedding, ring_embedding as ring_embedding
from carleman_ssm.theory.ring_equivalence import ring_equivalence as ring_equivalence
from carleman_ssm.theory.wave_profile import periodic_sinc as periodic_sinc
from carleman_ssm.theory.waves import node_contents as node_contents, rigid_step as rigid_step
from carleman_ssm.theory.waves import visiting_lags as visiting_lags, wave_propagator as wave_propagator
from carleman_ssm.theory.wave_readout import deleted_share as deleted_share, edited_kernel as edited_kernel
from carleman_ssm.theory.wave_readout import impulse_response as impulse_response, readout_weights as readout_weights
from carleman_ssm.theory.wave_readout import tap_design as tap_design
from carleman_ssm.theory.held_input import held_kick as held_kick
from carleman_ssm.theory.dispersion import Dispersion as Dispersion, bilinear_dispersion as bilinear_dispersion
from carleman_ssm.theory.dispersion import held_dispersion as held_dispersion, s4d_inv_dispersion as s4d_inv_dispersion
from carleman_ssm.theory.dispersion import s4d_lin_dispersion as s4d_lin_dispersion
from carleman_ssm.theory.rigidity import multiplied_order as multiplied_order
from carleman_ssm.theory.rigidity import real_spectrum_contents as real_spectrum_contents, rigid_hops as rigid_hops
from carleman_ssm.theory.rigidity import rigid_spectrum as rigid_spectrum, shift_matrix as shift_matrix
from carleman_ssm.theory.krylov import KrylovFrame as KrylovFrame, krylov_frame as krylov_frame
from carleman_ssm.theory.krylov import unit_hop_characteristic as unit_hop_characteristic
from carleman_ssm.theory.localisation import jittered_peak as jittered_peak
from carleman_ssm.theory.localisation import participation_ratio_formula as participation_ratio_formula

# theory: the ring in polar form, a network of nonlinear oscillators, and how it relates to Kuramoto's
from carleman_ssm.theory.oscillators import OscillatorNetwork as OscillatorNetwork
from carleman_ssm.theory.polar import complex_phase_field as complex_phase_field, polar_field as polar_field
from carleman_ssm.theory.polar import polar_step as polar_step
from carleman_ssm.theory.polar_laws import polar_law as polar_law, s4d_lin_polar_law as s4d_lin_polar_law
from carleman_ssm.theory.oscillator_solutions import oscillator_solution as oscillator_solution
from carleman_ssm.theory.kuramoto import KuramotoModel as KuramotoModel, kuramoto_field as kuramoto_field
from carleman_ssm.theory.kuramoto import phase_gap as phase_gap, projected_step as projected_step

# theory: the series of GELU, at 0 and about a bias
from carleman_ssm.theory.gelu_series import biased_gelu_coefficient as biased_gelu_coefficient
from carleman_ssm.theory.gelu_series import gelu_coefficient as gelu_coefficient, gelu_series as gelu_series

# theory: derivatives, shortest changes, and what whole families of inputs will do
from carleman_ssm.theory.input_derivatives import gelu_curvature_range as gelu_curvature_range
from carleman_ssm.theory.input_derivatives import gelu_derivative as gelu_derivative, pooled_hessian as pooled_hessian
from carleman_ssm.theory.scalar_edits import edit_of_two_shifts as edit_of_two_shifts, nearest_shift as nearest_shift
from carleman_ssm.theory.scalar_edits import residual_edit_norm as residual_edit_norm, shortest_edit as shortest_edit
from carleman_ssm.theory.trust_region import ball_bound as ball_bound, edit_of_multiplier as edit_of_multiplier
from carleman_ssm.theory.trust_region import extreme_shift as extreme_shift, hard_case as hard_case
from carleman_ssm.theory.trust_region import reached_shift as reached_shift
from carleman_ssm.theory.gaussian_expectations import gaussian_covariance as gaussian_covariance
from carleman_ssm.theory.gaussian_expectations import gaussian_mean as gaussian_mean
from carleman_ssm.theory.gaussian_expectations import gaussian_mean_gelu as gaussian_mean_gelu
from carleman_ssm.theory.finite_responses import geometric_response as geometric_response
from carleman_ssm.theory.frequency_responses import transfer_function as transfer_function
from carleman_ssm.theory.frequency_responses import transfer_of_order as transfer_of_order
from carleman_ssm.theory.spectral_lines import gelu_line as gelu_line, spectral_line as spectral_line

# theory: what real multipliers do on a ring
from carleman_ssm.theory.real_spectra import alternating_hop as alternating_hop, standing_contents as standing_contents

# recurrences: whatever is affine in its own state; its lift, its collapse, its clock
from carleman_ssm.recurrences.affine import AffineRecurrence as AffineRecurrence, InvariantDense as InvariantDense
from carleman_ssm.recurrences.affine import InvariantDiagonal as InvariantDiagonal, VaryingDiagonal as VaryingDiagonal
from carleman_ssm.recurrences.affine import VaryingRankOne as VaryingRankOne, step_symbols as step_symbols
from carleman_ssm.recurrences.lift import collapse as collapse, lift_of_affine_map as lift_of_affine_map
from carleman_ssm.recurrences.lift import lift_size as lift_size, ordered_product as ordered_product
from carleman_ssm.recurrences.statement import FamilyStatement as FamilyStatement, read_output as read_output
from carleman_ssm.recurrences.clock import Clock as Clock, clocked_output as clocked_output
from carleman_ssm.recurrences.clock_ring import clocked_wave as clocked_wave
from carleman_ssm.recurrences.sigmoid_powers import selective_degree as selective_degree
from carleman_ssm.recurrences.sigmoid_powers import sigmoid_powers as sigmoid_powers
from carleman_ssm.recurrences.delta_rule import wy_propagator as wy_propagator, wy_vectors as wy_vectors
from carleman_ssm.recurrences.rational_gates import cleared as cleared
from carleman_ssm.recurrences.cubic_series import cubic_series as cubic_series

# networks: trained parameters, real sequences
from carleman_ssm.networks.network import NetworkConfig as NetworkConfig, Normalization as Normalization
from carleman_ssm.networks.network import S4DLayer as S4DLayer, S4DNetwork as S4DNetwork
from carleman_ssm.networks.network import StateSpaceLayer as StateSpaceLayer, StateSpaceNetwork as StateSpaceNetwork
from carleman_ssm.networks.checkpoints import CheckpointError as CheckpointError, save_network as save_network
from carleman_ssm.networks.sequences import Sequences as Sequences, frequency_sequences as frequency_sequences
from carleman_ssm.networks.sequences import load_sequences as load_sequences
from carleman_ssm.networks.vocabulary import Vocabulary as Vocabulary
from carleman_ssm.networks.fast_layer import FastLayer as FastLayer

# families: the layer of every modern state space model, from its reference's checkpoints
from carleman_ssm.families.family import Family as Family
from carleman_ssm.families.s4d import S4D as S4D
from carleman_ssm.families.s4_block import S4Block as S4Block
from carleman_ssm.families.s4 import S4 as S4
from carleman_ssm.families.annotated_s4d import AnnotatedS4D as AnnotatedS4D
from carleman_ssm.families.dss import DSS as DSS
from carleman_ssm.families.s5 import S5 as S5
from carleman_ssm.families.lru import LRU as LRU
from carleman_ssm.families.h3 import H3 as H3
from carleman_ssm.families.linear_attention import LinearAttention as LinearAttention
from carleman_ssm.families.retnet import RetNet as RetNet
from carleman_ssm.families.gla import GLA as GLA
from carleman_ssm.families.mamba import Mamba as Mamba
from carleman_ssm.families.mamba2 import Mamba2 as Mamba2
from carleman_ssm.families.rg_lru import RGLRU as RGLRU
from carleman_ssm.families.s7 import S7 as S7
from carleman_ssm.families.delta_net import DeltaNet as DeltaNet
from carleman_ssm.families.gated_delta_net import GatedDeltaNet as GatedDeltaNet
from carleman_ssm.families.mamba_language_model import MambaLanguageModel as MambaLanguageModel
from carleman_ssm.families.mamba_language_model import load_language_model as load_language_model
from carleman_ssm.families.registry import FAMILIES as FAMILIES
from carleman_ssm.families.conventions import CONVENTIONS as CONVENTIONS, Convention as Convention
from carleman_ssm.families.importers import Checkpoint as Checkpoint, open_checkpoint as open_checkpoint
from carleman_ssm.families.importers import load_layer as load_layer, save_layer as save_layer
from carleman_ssm.families.layer_options import assumed_options as assumed_options, layer_options as layer_options
from carleman_ssm.families.diagonal_form import DiagonalForm as DiagonalForm, diagonal_form as diagonal_form
from carleman_ssm.families.network_layer import FamilyLayer as FamilyLayer
from carleman_ssm.families.networks import load_network as load_network
from carleman_ssm.families.selective_scan import selective_scan as selective_scan
from carleman_ssm.families.selective_polynomials import SelectivePolynomials as SelectivePolynomials
from carleman_ssm.families.selective_polynomials import selective_polynomials as selective_polynomials

# operators: the forward pass as one operator with a certified error
from carleman_ssm.operators.certificate import Certificate as Certificate
from carleman_ssm.operators.volterra_kernels import SecondOrderKernel as SecondOrderKernel
from carleman_ssm.operators.operator import DomainError as DomainError, NetworkOperator as NetworkOperator
from carleman_ssm.operators.one_layer_operator import OneLayerOperator as OneLayerOperator
from carleman_ssm.operators.bases import DecoderBasis as DecoderBasis
from carleman_ssm.operators.stack import Stack as Stack, build_stack as build_stack
from carleman_ssm.operators.stack_certificate import StackCertificate as StackCertificate
from carleman_ssm.operators.stack_operator import StackOperator as StackOperator
from carleman_ssm.operators.norm_polynomials import replace_norms as replace_norms
from carleman_ssm.operators.jets import jets as jets, orders_with_remainder as orders_with_remainder
from carleman_ssm.operators.adjoint import gradients as gradients, hessian_products as hessian_products
from carleman_ssm.operators.wiener import orthogonal_orders as orthogonal_orders, raw_cancellation as raw_cancellation
from carleman_ssm.operators.network_function import NetworkFunction as NetworkFunction
from carleman_ssm.operators.network_function import network_function as network_function
from carleman_ssm.operators.construction import network_operator as network_operator
from carleman_ssm.operators.closed_forms import channel_formula as channel_formula, network_formula as network_formula

# interactions: what interacts with what, and how much each adds
from carleman_ssm.interactions.attribution import Attribution as Attribution, attribute as attribute
from carleman_ssm.interactions.mode_pairs import PairMatrices as PairMatrices, pair_matrices as pair_matrices
from carleman_ssm.interactions.mode_pairs import sequence_pair_matrices as sequence_pair_matrices
from carleman_ssm.interactions.mode_pairs import three_wave_response as three_wave_response
from carleman_ssm.interactions.dividends import interaction_indices as interaction_indices
from carleman_ssm.interactions.integrated_gradients import integrated_gradients as integrated_gradients
from carleman_ssm.interactions.integrated_gradients import integrated_hessians as integrated_hessians
from carleman_ssm.interactions.window_marginals import window_marginals as window_marginals
from carleman_ssm.interactions.low_degree import LowDegreeTable as LowDegreeTable, low_degree_table as low_degree_table

# rings: those of trained layers, their waves, and the oscillators in floating point
from carleman_ssm.rings.rings import Rings as Rings, layer_rings as layer_rings, model_rings as model_rings
from carleman_ssm.rings.node_lags import NodeLags as NodeLags, node_lags as node_lags
from carleman_ssm.rings.rigidity import Rigidity as Rigidity, rigidity as rigidity
from carleman_ssm.rings.waves import ChannelWaves as ChannelWaves, ModeVelocities as ModeVelocities
from carleman_ssm.rings.waves import dispersion as dispersion, kick_participation as kick_participation
from carleman_ssm.rings.waves import participation_ratio as participation_ratio, wave_table as wave_table
from carleman_ssm.rings.waves import with_lin_spectrum as with_lin_spectrum
from carleman_ssm.rings.phases import SingularPhaseError as SingularPhaseError, masked_phases as masked_phases
from carleman_ssm.rings.oscillators import Oscillators as Oscillators, exact_states as exact_states
from carleman_ssm.rings.oscillators import polar_recurrence as polar_recurrence
from carleman_ssm.rings.oscillations import Trajectory as Trajectory, integrate_oscillators as integrate_oscillators
from carleman_ssm.rings.kuramoto_runs import PhaseOscillators as PhaseOscillators, kuramoto_phases as kuramoto_phases
from carleman_ssm.rings.kuramoto_runs import linear_states as linear_states, phase_distance as phase_distance
from carleman_ssm.rings.kuramoto_runs import projected_phases as projected_phases
from carleman_ssm.rings.family_rings import FamilyRings as FamilyRings, FamilyWaves as FamilyWaves
from carleman_ssm.rings.family_rings import family_rings as family_rings, family_waves as family_waves

# predictions: what a whole family of inputs will do
from carleman_ssm.predictions.input_families import Exponential as Exponential, Impulse as Impulse, Step as Step
from carleman_ssm.predictions.geometric_inputs import InputFamily as InputFamily
from carleman_ssm.predictions.input_families import Sinusoid as Sinusoid, SumOfInputs as SumOfInputs
from carleman_ssm.predictions.predict import Prediction as Prediction, predict as predict
from carleman_ssm.predictions.predicted_logits import predicted_logits as predicted_logits
from carleman_ssm.predictions.formulas import logit_formula as logit_formula
from carleman_ssm.predictions.amplitude_polynomials import AmplitudePolynomial as AmplitudePolynomial
from carleman_ssm.predictions.amplitude_polynomials import amplitude_polynomial as amplitude_polynomial
from carleman_ssm.predictions.frequency_polynomials import FrequencyPolynomial as FrequencyPolynomial
from carleman_ssm.predictions.frequency_polynomials import frequency_polynomial as frequency_polynomial
from carleman_ssm.predictions.gaussian_process import GaussianProcess as GaussianProcess
from carleman_ssm.predictions.expected_logits import ExpectedLogits as ExpectedLogits
from carleman_ssm.predictions.expected_logits import SimulatedLogits as SimulatedLogits
from carleman_ssm.predictions.expected_logits import expected_logits as expected_logits
from carleman_ssm.predictions.expected_logits import simulated_logits as simulated_logits
from carleman_ssm.predictions.logit_covariance import LogitCovariance as LogitCovariance
from carleman_ssm.predictions.logit_covariance import logit_covariance as logit_covariance
from carleman_ssm.predictions.transfer import TransferFunctions as TransferFunctions
from carleman_ssm.predictions.transfer import transfer_functions as transfer_functions
from carleman_ssm.predictions.spectral_lines import SpectralLines as SpectralLines, spectral_lines as spectral_lines
from carleman_ssm.predictions.spectral_lines import MergedLines as MergedLines
from carleman_ssm.predictions.simulated_spectra import SimulatedSpectrum as SimulatedSpectrum
from carleman_ssm.predictions.simulated_spectra import simulated_lines as simulated_lines
from carleman_ssm.predictions.steady_means import SteadyMean as SteadyMean, steady_mean as steady_mean

# robustness: how far a class holds
from carleman_ssm.robustness.radius import Radius as Radius, certified_radius as certified_radius
from carleman_ssm.robustness.distance_bounds import certified_distance as certified_distance

# steering: which input does what is wanted
from carleman_ssm.steering.constraints import EditConstraints as EditConstraints
from carleman_ssm.steering.edit import Edit as Edit, EditGoal as EditGoal
from carleman_ssm.steering.smallest_edit import smallest_edit as smallest_edit
from carleman_ssm.steering.local_edits import LocalEdit as LocalEdit, local_edit as local_edit
from carleman_ssm.steering.scalar_edits import ScalarEdit as ScalarEdit, scalar_edit as scalar_edit
from carleman_ssm.steering.scalar_edits import channel_readout as channel_readout, logit_readout as logit_readout
from carleman_ssm.steering.scalar_edits import linear_edit as linear_edit
from carleman_ssm.steering.quadratic import Quadratic as Quadratic, margin_quadratics as margin_quadratics
from carleman_ssm.steering.trust_region import QuadraticChange as QuadraticChange, smallest_change as smallest_change
from carleman_ssm.steering.trust_region import dual_bound as dual_bound
from carleman_ssm.steering.quadratic import QuadraticLogits as QuadraticLogits, quadratic_logits as quadratic_logits
from carleman_ssm.steering.ring_edits import RingEdit as RingEdit, edit_modes as edit_modes, edit_nodes as edit_nodes
from carleman_ssm.steering.ring_edits import edit_orders as edit_orders
from carleman_ssm.steering.substitutions import substitution_logits as substitution_logits
from carleman_ssm.steering.language import CharacterModel as CharacterModel, character_model as character_model
from carleman_ssm.steering.character_answers import NextCharacters as NextCharacters, Replacements as Replacements
from carleman_ssm.steering.design import Design as Design, design_layer as design_layer

# experiments: claims, judged
from carleman_ssm.experiments.distinction import distinguish_inputs as distinguish_inputs
from carleman_ssm.experiments.zoo import FamilyFinding as FamilyFinding, examine as examine

# proofs: every derivation, judged and challenged
from carleman_ssm.proofs.scripts import Script as Script, load_script as load_script, script_names as script_names
from carleman_ssm.proofs.ledger import Entry as Entry, check_script as check_script
from carleman_ssm.proofs.ledger import evidence_words as evidence_words
from carleman_ssm.proofs.planted import planted_errors as planted_errors
from carleman_ssm.proofs.false_claims import FALSE_CLAIMS as FALSE_CLAIMS, FalseClaim as FalseClaim

__version__ = _version("carleman_ssm")
