"""carleman_ssm: the computation inside a state space network, as one explicit operator.

The table of contents, in dependency order: formulas ← theory ← networks ← report.
"""
# ruff: noqa: I001 (the order of this table is the order of dependencies, not the alphabet)

from importlib.metadata import version as _version

# formulas: statements, and what proves, compiles and prints them
from carleman_ssm.formulas.special import phi as phi
from carleman_ssm.formulas.statements import (
    ClosedForm as ClosedForm,
    Derivation as Derivation,
    Identity as Identity,
    unfold as unfold,
)
from carleman_ssm.formulas.verification import Evidence as Evidence, Verdict as Verdict, verify as verify
from carleman_ssm.formulas.numerics import Kernel as Kernel, compile_kernel as compile_kernel
from carleman_ssm.formulas.latex import document as document, to_latex as to_latex, write_pdf as write_pdf

# theory: polynomials and the two routes to their lift
from carleman_ssm.theory.polynomials import PolynomialDecoder as PolynomialDecoder
from carleman_ssm.theory.monomials import MonomialBasis as MonomialBasis
from carleman_ssm.theory.term_table import TermTable as TermTable, lifted_table as lifted_table
from carleman_ssm.theory.affine_lift import (
    affine_representation as affine_representation,
    lowering_matrix as lowering_matrix,
    scaling_generator as scaling_generator,
)
from carleman_ssm.theory.kronecker import (
    duplication_matrix as duplication_matrix,
    elimination_matrix as elimination_matrix,
    homogeneous_matrix as homogeneous_matrix,
    kronecker_power as kronecker_power,
    kronecker_product as kronecker_product,
    kronecker_sum as kronecker_sum,
    project_flow as project_flow,
    project_map as project_map,
)

# theory: activation functions and their certified fits
from carleman_ssm.theory.activations import Activation as Activation, activation as activation
from carleman_ssm.theory.fits import (
    ChebyshevFit as ChebyshevFit,
    certify as certify,
    fit_chebyshev as fit_chebyshev,
    fit_least_squares as fit_least_squares,
    fit_many as fit_many,
)

# theory: state space models, their lift, its collapse, kernels and responses
from carleman_ssm.theory.ssm import (
    DiagonalSSM as DiagonalSSM,
    DiscreteSSM as DiscreteSSM,
    bilinear_transform as bilinear_transform,
    zero_order_hold as zero_order_hold,
)
from carleman_ssm.theory.initialisations import (
    s4d_inv as s4d_inv,
    s4d_legs as s4d_legs,
    s4d_lin as s4d_lin,
    s4d_real as s4d_real,
)
from carleman_ssm.theory.carleman import (
    BilinearSystem as BilinearSystem,
    StateAffineSystem as StateAffineSystem,
    carleman_lift as carleman_lift,
    one_step_map as one_step_map,
)
from carleman_ssm.theory.closure import (
    ClosureReport as ClosureReport,
    closure as closure,
    closure_of as closure_of,
)
from carleman_ssm.theory.collapse import forward_operator as forward_operator, rank_form as rank_form
from carleman_ssm.theory.volterra import (
    convolution_kernel as convolution_kernel,
    volterra_kernel as volterra_kernel,
    volterra_series as volterra_series,
)
from carleman_ssm.theory.excitations import Excitation as Excitation
from carleman_ssm.theory.responses import (
    lifted_response as lifted_response,
    output_response as output_response,
)

# networks: trained parameters, real sequences, certified operators
from carleman_ssm.networks.network import (
    NetworkConfig as NetworkConfig,
    Normalization as Normalization,
    S4DLayer as S4DLayer,
    S4DNetwork as S4DNetwork,
)
from carleman_ssm.networks.checkpoints import (
    CheckpointError as CheckpointError,
    load_network as load_network,
    save_network as save_network,
)
from carleman_ssm.networks.sequences import (
    Sequences as Sequences,
    frequency_sequences as frequency_sequences,
    load_sequences as load_sequences,
)
from carleman_ssm.networks.fast_layer import FastLayer as FastLayer
from carleman_ssm.networks.certificate import Certificate as Certificate
from carleman_ssm.networks.interactions import SecondOrderKernel as SecondOrderKernel
from carleman_ssm.networks.operator import DomainError as DomainError, NetworkOperator as NetworkOperator
from carleman_ssm.networks.construction import network_operator as network_operator
from carleman_ssm.networks.closed_forms import (
    channel_formula as channel_formula,
    network_formula as network_formula,
)

__version__ = _version("carleman_ssm")
