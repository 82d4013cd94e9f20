r"""What is known of a network around one sequence: its linearisation there, and lower bounds of margins on balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.network_function import margin_rows
from carleman_ssm.operators.ranges import LayerRules
from carleman_ssm.operators.stack import Stack, build_stack
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.robustness.certified_quadratics import BallBounds, EnclosedQuadratics
from carleman_ssm.robustness.linearisation import LayerAdjoints, Linearisation, linearised
from carleman_ssm.robustness.preactivation_curvature import PreactivationCurvature, preactivation_curvatures
from carleman_ssm.robustness.remainders import minorants
from carleman_ssm.robustness.single_precision import evaluation_error

Arithmetic = Literal["real", "float32"]


@dataclass(frozen=True, eq=False, repr=False)
class Surroundings(Brief):
    """Everything that does not depend on the radius; build it with `surroundings`.

    Parameters
    ----------
    network, stack, rules
        The network, its arrays and its activations.
    sequence
        x (L, d).
    linear, adjoints
        `linearised` at x, and the adjoints of `rows`.
    label
        The class with the largest logit at x (to be proved by a positive bound).
    rivals, rows
        All other classes, and the margins over them, (K − 1, K); or the rows that were asked for.
    curvatures
        What bounds the bend of the pre-activations of deeper layers.
    quadratic
        The margins themselves where they are quadratic in the input, else None.
    """

    network: StateSpaceNetwork
    stack: Stack
    rules: tuple[LayerRules, ...]
    sequence: Floats
    linear: Linearisation
    label: int
    rivals: NDArray[np.intp]
    rows: Floats
    adjoints: tuple[LayerAdjoints, ...]
    curvatures: tuple[PreactivationCurvature | None, ...]
    quadratic: EnclosedQuadratics | None

    def bounds(self, radius: float, arithmetic: Arithmetic) -> BallBounds:
        """Lower bounds of all margins on the ball, less what float32 evaluation may take."""
        quadratics = self.quadratic
        if quadratics is None:
            quadratics = minorants(self.linear, self.rows, self.adjoints, radius, self.curvatures)
        found = quadratics.ball_bounds(radius)
        if arithmetic == "real":
            return found
        return BallBounds(found.lower - self.evaluation_errors(radius), found.points, found.multipliers)

    def evaluation_errors(self, radius: float) -> Floats:
        """Of every margin (rows,), in single precision."""
        return evaluation_error(self.network, self.stack, self.sequence, radius, self.rows)


def surroundings(network: StateSpaceNetwork, sequence: Floats, readout: Floats | None = None) -> Surroundings:
    """Linearise a network at a sequence (L, d), and name its class and the rivals.

    Parameters
    ----------
    readout
        Rows (m, K) to be bounded from below in place of the margins of the class.
    """
    stack, rules = build_stack(network, len(sequence)), layer_rules(network)
    with np.errstate(all="ignore"):  # what leaves float64 proves nothing and ends as radius 0
        linear = linearised(stack, rules, sequence)
        label = int(linear.logits.value.value[0].argmax())
        rivals = np.delete(np.arange(network.classes), label)
        rows = margin_rows(network.classes, label, rivals) if readout is None else readout
        adjoints, curvatures = linear.adjoints(rows), preactivation_curvatures(linear)
    quadratic = minorants(linear, rows, adjoints, 1.0, curvatures) if _has_quadratic_margins(stack, rules) else None
    return Surroundings(network, stack, rules, sequence, linear, label, rivals, rows, adjoints, curvatures, quadratic)


def _has_quadratic_margins(stack: Stack, rules: tuple[LayerRules, ...]) -> bool:
    """Whether the minorants are the margins, the same for every radius."""
    layer, coefficients = stack.layers[0], rules[0].activation.coefficients
    plain = len(stack.layers) == 1 and layer.is_polynomial and not layer.gated
    return plain and coefficients is not None and len(coefficients) <= 3


def first_guess(around: Surroundings) -> float:
    """Where the first of the linearised margins vanishes, or 1 + ‖x‖ if that is nearer (a slope may nearly vanish)."""
    logits = around.linear.logits
    margins = around.rows @ logits.value.value[0]
    slopes = np.linalg.norm(logits.linear.value[:, 0] @ around.rows.T, axis=0)
    with np.errstate(all="ignore"):
        guesses = margins / slopes
    guesses = guesses[np.isfinite(guesses) & (guesses > 0)]
    return float(np.min(guesses, initial=1.0 + np.linalg.norm(around.sequence)))
