"""The command `steer`: the smallest change of a sequence that does what is wanted, with its figure and its proof."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
from rich.console import Console

from carleman_ssm.families.networks import load_network
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import StateSpaceNetwork
from carleman_ssm.networks.sequences import Sequences
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.report.explain import require_pool
from carleman_ssm.report.figures import save
from carleman_ssm.report.html import write_html
from carleman_ssm.report.inputs import sequences_for
from carleman_ssm.report.one_sequence import require_index
from carleman_ssm.report.sections import Section, print_sections
from carleman_ssm.report.steer_figure import STEER, steer_figure
from carleman_ssm.report.steered import Steered, steered_content, steered_sections
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in
from carleman_ssm.robustness.distance_bounds import certified_distance
from carleman_ssm.robustness.radius import certified_radius
from carleman_ssm.steering.constraints import EditConstraints
from carleman_ssm.steering.edit import Edit, EditGoal
from carleman_ssm.steering.smallest_edit import smallest_edit

DEFAULT_STEERED = "digits-quadratic"
FILES = ("report.json", "report.html", "edit.npz", STEER)
LEAD = (
    "Global: no smaller edit reaches the goal (a theorem, its certificate evaluated in float64). Local: an edit that "
    "reaches the goal. Certified: every rounding counted. Measured: a simulation of the network."
)


@dataclass(frozen=True)
class Wish:
    """What the options of the command ask for.

    Parameters
    ----------
    target, rival, logit, margin
        See `EditGoal`; a margin of None is its default.
    box, band, smoothness, sparsity
        See `EditConstraints`.
    """

    target: int
    rival: int | None = None
    logit: float | None = None
    margin: float | None = None
    box: tuple[float, float] | None = None
    band: tuple[float, float] | None = None
    smoothness: float = 0.0
    sparsity: int | None = None

    @property
    def goal(self) -> EditGoal:
        """The goal, checked.

        Raises
        ------
        ValueError
            Options that contradict each other.
        """
        if self.margin is not None and self.logit is not None:
            msg = "--margin belongs to a class, --logit to a value: give one of them"
            raise ValueError(msg)
        given = {} if self.margin is None else {"margin": self.margin}
        return EditGoal(self.target, self.rival, self.logit, **given)

    @property
    def constraints(self) -> EditConstraints | None:
        """What the edit may do; None for anything."""
        if self.box is None and self.band is None and not self.smoothness and self.sparsity is None:
            return None
        return EditConstraints(box=self.box, band=self.band, smoothness=self.smoothness, sparsity=self.sparsity)


def steer(
    model: str = DEFAULT_STEERED,
    wish: Wish | None = None,
    *,
    inputs: Path | None = None,
    index: int = 0,
    output: Path | None = None,
    console: Console | None = None,
) -> Steered:
    """Find the smallest edit of one sequence and write the results; returns what was found.

    Parameters
    ----------
    model
        A checkpoint file or the name of a shipped network.
    wish
        What is wanted; class 0 by default.
    inputs
        npz file with ``x`` (batch, length, channels) and optionally ``y`` (labels); the shipped sequences by default.
    index
        Which sequence, from 0.
    output
        Folder for ``report.json``, ``report.html``, ``edit.npz`` and the figure; ``steer-NAME`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        The model, the sequences or an option is wrong; the message says what and which.
    OSError
        The output folder cannot be written.
    """
    screen, wanted = console or Console(), wish or Wish(0)
    folder = output_folder(output, f"steer-{Path(model).stem}")
    with progress_line(f"reading {model}") as say:
        network = load_network(model)
        require_pool(model, network)
        sequences = sequences_for(model, network, inputs)
        require_index(index, len(sequences.x))
        with results_in(folder, FILES, [Path(model), *([] if inputs is None else [inputs])]):
            found = _steered(Path(model).stem, network, sequences, index, wanted, say)
            say("drawing")
            sections, files = _write(found, folder)
    print_sections(sections, screen)
    print_files(screen, files)
    return found


def _steered(
    name: str, network: StateSpaceNetwork, sequences: Sequences, index: int, wish: Wish, say: Callable[[str], None]
) -> Steered:
    goal, constraints = wish.goal, wish.constraints
    sequence = sequences.x[index]
    say("building the operator")
    operator = network_operator(network, sequences=sequence[None])
    say("looking for the smallest edit")
    edit = smallest_edit(
        operator, sequence, goal.target, rival=goal.rival, logit=goal.logit, margin=goal.margin, constraints=constraints
    )
    say("certifying the neighbourhood")
    radius = certified_radius(operator, sequence) if network.classes > 1 else None
    certified = isfinite(edit.norm) and _proved_class(network, edit.edited) == edit.class_after
    return Steered(name, index, edit, radius, _distance(network, edit), certified, sequences)


def _distance(network: StateSpaceNetwork, edit: Edit) -> float | None:
    """A certified norm within which no edit reaches the goal; None where the network is too large to be linearised."""
    rows, wanted = edit.goal.readout(network.classes)
    if edit.goal.is_equality and (rows @ edit.logits_before > wanted).any():
        rows, wanted = -rows, -wanted  # the value has to fall
    try:
        return certified_distance(network, edit.sequence, rows, wanted)
    except ValueError:
        return None


def _proved_class(network: StateSpaceNetwork, sequence: Floats) -> int | None:
    """The class that an operator built for this sequence proves the exact network to give it, or None."""
    operator = network_operator(network, sequences=sequence[None])
    if not operator.certified_classes(sequence[None])[0]:
        return None
    return int(operator(sequence[None])[0].argmax())


def _write(found: Steered, folder: Path) -> tuple[list[Section], list[Path]]:
    """Write everything; returns what it says, and the files in reading order."""
    report, arrays = folder / "report.json", folder / "edit.npz"
    report.write_text(json.dumps(steered_content(found), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    np.savez(arrays, x=found.edit.edited[None], edit=found.edit.edit[None])
    picture = save(steer_figure(found), folder / STEER)
    sections = steered_sections(found, picture)
    title = f"{found.name}, sequence {found.index}: steered"
    html = write_html(folder / "report.html", title, sections, lead=LEAD)
    return sections, [report, arrays, picture.path, html]
