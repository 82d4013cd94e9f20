"""carleman_ssm: the computation inside a state space network, as one explicit operator.

The table of contents, in dependency order: formulas ← theory ← networks ← report.
"""
# ruff: noqa: I001 (the order of this table is the order of dependencies, not the alphabet)

# theory: polynomials and their lift
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
