r"""What a change of the input shall do, and the record of a change that was found.

Every edit is found through an operator or a derivative formula and then verified: the true network is simulated on
the sequence before and after, and both pairs of logits stand in the record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.operators.network_function import margin_rows
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.theory.polynomials import require_integer

Status = Literal["global", "local", "unreachable"]
TOLERANCE = 1e-9
"""A wanted value counts as reached when it is missed by at most this share of the largest logit or wanted value, and a
margin by no more than half of it, so that the class is the target; but always by the logits' rounding."""
ROUNDING = 2.0**-40
"""Share of the largest logit that the rounding of a simulation may be."""


@dataclass(frozen=True)
class EditGoal:
    r"""What the edit shall reach.

    * ``target`` alone: the class becomes `target`, $\ell_t - \ell_j \ge M$ for every other class j;
    * with `rival`: that one margin, $\ell_t - \ell_r \ge M$;
    * with `logit`: $\ell_t = v$, from whichever side.

    Parameters
    ----------
    target
        Class t.
    rival
        Class r, or None.
    logit
        $v$, or None.
    margin
        $M$ in logits; not used with `logit`.

    Raises
    ------
    ValueError
        Rival and logit together, a rival that is the target, a negative class, a margin or logit that is not finite.
    TypeError
        A class is no integer.

    Examples
    --------
    >>> rows, wanted = EditGoal(target=1, margin=0.5).readout(classes=3)
    >>> rows
    array([[-1.,  1.,  0.],
           [ 0.,  1., -1.]])
    >>> wanted
    array([0.5, 0.5])
    """

    target: int
    rival: int | None = None
    logit: float | None = None
    margin: float = 1e-3

    def __post_init__(self) -> None:
        require_integer(self.target, "the target")
        if self.rival is not None:
            require_integer(self.rival, "the rival")
        if self.rival is not None and self.logit is not None:
            msg = "give a rival (one margin) or a logit (one value), not both"
            raise ValueError(msg)
        if self.rival == self.target or self.target < 0 or (self.rival is not None and self.rival < 0):
            asked = f"target {self.target}" + ("" if self.rival is None else f" and rival {self.rival}")
            msg = f"{asked}: a goal names classes counted from 0, target and rival two different classes"
            raise ValueError(msg)
        if not isfinite(self.margin) or not isfinite(self.logit or 0.0):
            msg = f"margin and logit have to be finite, got {self.margin if self.logit is None else self.logit}"
            raise ValueError(msg)

    @property
    def is_equality(self) -> bool:
        """True when a value is wanted exactly (`logit`), not at least."""
        return self.logit is not None

    def readout(self, classes: int) -> tuple[Floats, Floats]:
        r"""Rows (m, classes) and wanted values (m,): row · logits ≥ wanted, or = wanted for a `logit`.

        Raises
        ------
        ValueError
            No such class, or a class target in a network of one logit, which has no rivals.
        """
        if max(self.target, self.rival or 0) >= classes:
            msg = f"there is no class {max(self.target, self.rival or 0)}: the network has classes 0 to {classes - 1}"
            raise ValueError(msg)
        if self.logit is not None:
            return np.eye(1, classes, self.target), np.array([self.logit])
        if classes == 1:
            msg = "a network of one logit has no rival classes: say which value the logit shall reach (logit=…)"
            raise ValueError(msg)
        rivals = [self.rival] if self.rival is not None else [j for j in range(classes) if j != self.target]
        return margin_rows(classes, self.target, rivals), np.full(len(rivals), self.margin)

    def reached_by(self, logits: Floats) -> bool:
        """Whether logits (classes,) fulfil the goal, up to `TOLERANCE`."""
        rows, wanted = self.readout(len(logits))
        slack = rows @ logits - wanted
        largest, asked = float(np.abs(logits).max()), float(np.abs(wanted).max())
        allowed = TOLERANCE * max(largest, asked)
        if not self.is_equality and asked > 0.0:
            allowed = min(allowed, 0.5 * asked)
        return bool((np.abs(slack) if self.is_equality else -slack).max() <= max(allowed, ROUNDING * largest))


@dataclass(frozen=True, eq=False, repr=False)
class Edit(Brief):
    r"""A change δ of a sequence, what is known about its norm, and what the network says to it.

    Parameters
    ----------
    sequence, edit
        $x$ and δ (L, d). An edit that was not found is zero.
    goal
        What was wanted.
    norm
        $\lVert\delta\rVert_2$; with a smoothness μ what is minimised then, $\sqrt{\lVert\delta\rVert^2+\mu\lVert
        D\delta\rVert^2}$. Infinite where nothing was found.
    lower_bound
        No δ that fulfils goal and constraints has a smaller norm, up to the rounding of float64; 0 where nothing is
        known. Where the goal is out of reach, infinite, or finite where curvature that rounding may hide in a matrix
        that is only semidefinite could reach it at such norms.
    status
        ``"global"``: the norm is the least possible, by a duality certificate evaluated in float64. ``"local"``: a
        change that fulfils the goal, not proved smallest (`gap` says how much is open). ``"unreachable"``: no change of
        any size fulfils it, by completing the square in float64: curvature within rounding of 0 counts as 0.
    reason
        The certificate or obstacle in words.
    logits_before, logits_after
        By the formula with which the edit was found (classes,): the operator where it is exact, else the network's own
        activations over its kernels.
    network_before, network_after
        Of the simulated network (classes,).
    constraints
        What was not allowed to change, or None.
    """

    sequence: Floats
    edit: Floats
    goal: EditGoal
    norm: float
    lower_bound: float
    status: Status
    reason: str
    logits_before: Floats
    logits_after: Floats
    network_before: Floats
    network_after: Floats
    constraints: EditConstraints | None = None

    @property
    def target(self) -> int:
        """Class t of the goal."""
        return self.goal.target

    @property
    def rival(self) -> int | None:
        """The one rival of the goal, or None."""
        return self.goal.rival

    @property
    def margin(self) -> float:
        """Wanted margin M."""
        return self.goal.margin

    @property
    def gap(self) -> float:
        """Norm − lower bound ≥ 0: how much smaller another edit could at most be. NaN where it is out of reach."""
        return float("nan") if self.status == "unreachable" else max(0.0, self.norm - self.lower_bound)

    @property
    def edited(self) -> Floats:
        """$x + δ$ (L, d)."""
        return self.sequence + self.edit

    @property
    def class_before(self) -> int:
        """Class that the simulated network gives to the sequence."""
        return int(self.network_before.argmax())

    @property
    def class_after(self) -> int:
        """Class that the simulated network gives to the edited sequence."""
        return int(self.network_after.argmax())

    @property
    def found(self) -> bool:
        """Whether there is an edit that fulfils the goal, by the formula with which it was found."""
        return isfinite(self.norm) and self.goal.reached_by(self.logits_after)

    @property
    def confirmed(self) -> bool:
        """Whether the simulated network fulfils the goal on the edited sequence (measured)."""
        return isfinite(self.norm) and self.goal.reached_by(self.network_after)


def verified_edit(
    network: StateSpaceNetwork,
    logits: Callable[[Floats], Floats],
    sequence: Floats,
    change: Floats | None,
    *,
    goal: EditGoal,
    status: Status,
    reason: str,
    lower_bound: float = 0.0,
    constraints: EditConstraints | None = None,
) -> Edit:
    """Record of a change: logits before and after by the operator, and by simulation of the network.

    Parameters
    ----------
    logits
        Logits (batch, classes) of sequences (batch, L, d) by the formula with which the edit was found.
    change
        δ (L, d), or None where no edit was found.
    constraints
        Their metric gives the norm.

    Raises
    ------
    ValueError
        Sequence and change differ in shape.
    """
    x = np.asarray(sequence, dtype=np.float64)
    delta = np.zeros_like(x) if change is None else np.asarray(change, dtype=np.float64)
    if delta.shape != x.shape:
        msg = f"the change has shape {delta.shape}, the sequence {x.shape}"
        raise ValueError(msg)
    metric = EditConstraints() if constraints is None else constraints
    size = float("inf") if change is None else metric.norm(delta)
    both = np.stack([x, x + delta])
    by_formula, by_network = logits(both), network(both)
    return Edit(
        x, delta, goal, size, float(lower_bound), status, reason, by_formula[0], by_formula[1],
        by_network[0], by_network[1], constraints,
    )  # fmt: skip
