"""Smallest edits of a pooled quadratic network beside SciPy's SLSQP with exact gradients.

The shipped digits network (64 steps, mean pool): ten digits, each to become the class five further on. One margin (over
the class that it has) and the whole class (nine margins). SLSQP minimises ‖δ‖² under the margins from δ = 0, with exact
gradients: by PyTorch (the extra ``torch``), by our operator, and with the margins already expanded to quadratics, which
costs it least and is what ours computes first (no aim). The aim is for SLSQP with gradients, and by PyTorch is how one
would call it without this package; the closed gradients of our operator make it faster, so that this ratio is lower.
Ours expands the network within its time, once, as the curvature of the logits does not depend on the input. What SLSQP
finds is local, ours carries the proof that it is global. A ratio of norms (theirs / ours) stands beside every ratio of
times: at least 1 means equal or smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from scipy.optimize import minimize

from benchmarks.measure import Row, alternate
from carleman_ssm.networks.checkpoints import load_network
from carleman_ssm.networks.sequences import load_sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.network_function import network_function
from carleman_ssm.steering.edit import EditGoal
from carleman_ssm.steering.quadratic import margin_quadratics, quadratic_logits
from carleman_ssm.steering.quadratic_edits import lift_margins

COUNT, AIM, REPEATS = 10, 20.0, 5
GIVEN = "SLSQP, quadratics given"
EQUAL, MISSED = 1 - 1e-6, 1e-6
"""Norms count as equal to this ratio, and edits of SLSQP as found when a margin misses by at most this."""


@dataclass(frozen=True)
class Task:
    """A sequence (L, d) and the margins that are wanted of it."""

    sequence: np.ndarray
    readout: np.ndarray
    wanted: np.ndarray


def rows(threads: int) -> list[Row]:
    return [row for goal in ("one margin", "class") for row in compare(goal, COUNT, REPEATS, threads)]


def tasks(network, goal, count):
    """Digits that are to become the class five further on, with a margin of 1e-3."""
    sequences = load_sequences("digits-test").x[:count]
    found = []
    for sequence, label in zip(sequences, network(sequences).argmax(axis=1), strict=True):
        rival = int(label) if goal == "one margin" else None
        found.append(Task(sequence, *EditGoal((int(label) + 5) % 10, rival).readout(10)))
    return found


def candidates(goal, count, threads=1):
    """Name to a call without arguments that returns the norms of all edits."""
    network = load_network("digits-quadratic")
    function = network_function(network_operator(network, input_bound=1.0, length=64), 64)
    work = tasks(network, goal, count)
    expanded = [margin_quadratics(function, task.sequence, task.readout) for task in work]

    def ours():
        logits = quadratic_logits(function, 64)
        found = (lift_margins(logits.margins(task.sequence, task.readout), task.wanted) for task in work)
        return np.array([np.linalg.norm(edit.change) for edit in found])

    def solved(problems):
        return np.array([slsqp(*problem, 64) for problem in problems])

    runs = {
        "ours": ours,
        "SLSQP, gradients by our operator": lambda: solved(by_operator(function, task) for task in work),
        GIVEN: lambda: solved(by_quadratics(known, task) for known, task in zip(expanded, work, strict=True)),
    }
    if find_spec("torch") is None:
        return runs
    import torch

    from benchmarks.smallest_edit_torch import by_autograd

    torch.set_num_threads(threads)
    return runs | {"SLSQP, gradients by PyTorch": lambda: solved(by_autograd(network, task) for task in work)}


def by_operator(function, task):
    """Margins above what is wanted and their gradients, by the operator."""

    def edited(change):
        return task.sequence + change.reshape(task.sequence.shape)

    def slack(change):
        return task.readout @ function.logits(edited(change)) - task.wanted

    def slope(change):
        return function.gradients(edited(change), task.readout).reshape(len(task.wanted), -1)

    return slack, slope


def by_quadratics(quadratics, task):
    """The same from arrays that are already there."""
    values = np.array([quadratic.value for quadratic in quadratics]) - task.wanted
    slopes = np.array([quadratic.gradient for quadratic in quadratics])
    bends = np.array([quadratic.curvature for quadratic in quadratics])
    return (
        lambda change: values + slopes @ change + (bends @ change) @ change,
        lambda change: slopes + 2 * bends @ change,
    )


def slsqp(slack, slope, size):
    """Norm of the edit that SLSQP finds from no edit, infinite where it misses a margin."""
    constraint = {"type": "ineq", "fun": slack, "jac": slope}
    options = {"ftol": 1e-9, "maxiter": 500}
    run = minimize(
        lambda d: d @ d, np.zeros(size), jac=lambda d: 2 * d, constraints=constraint, method="SLSQP", options=options
    )
    return np.sqrt(run.fun) if slack(run.x).min() >= -MISSED else np.inf


def compare(goal, count, repeats, threads=1) -> list[Row]:
    """Times of all edits, and the smallest ratio of norms, beside each way to call SLSQP."""
    runs = candidates(goal, count, threads)
    norms = {name: run() for name, run in runs.items()}
    seconds = alternate(runs, repeats)
    name, result = f"smallest edit, digits, {goal}", []
    for other in sorted(set(runs) - {"ours"}, reverse=True):
        aim = None if other == GIVEN else AIM
        result.append(Row(name, f"{count} edits", other, 1e3 * seconds["ours"], 1e3 * seconds[other], "ms", aim))
        worst = int((norms[other] / norms["ours"]).argmin())
        result.append(Row(name, "norm", other, float(norms["ours"][worst]), float(norms[other][worst]), "", EQUAL))
    return result
