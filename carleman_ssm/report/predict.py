"""The command `predict`: what a network will say to a family of inputs, before it is run, and what it then says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from carleman_ssm.families.networks import load_network
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.construction import network_operator
from carleman_ssm.operators.one_layer import has_one_layer_form
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.predictions.expected_logits import expected_logits, one_layer_parts, simulated_logits
from carleman_ssm.predictions.geometric_inputs import WHOLE, InputFamily, SimpleFamily
from carleman_ssm.predictions.input_families import Sinusoid
from carleman_ssm.predictions.predict import Prediction
from carleman_ssm.predictions.predict import predict as predict_logits
from carleman_ssm.predictions.predicted_logits import predicted_logits
from carleman_ssm.report.class_names import class_name
from carleman_ssm.report.explain import require_pool
from carleman_ssm.report.family_requests import POINTS, SIMPLE, SWEPT, Family, FamilyRequest, family_request
from carleman_ssm.report.figures import save
from carleman_ssm.report.formula_document import FORMULA, WrittenFormula, written_formula
from carleman_ssm.report.frequency_domain import frequency_domain
from carleman_ssm.report.frequency_figures import FREQUENCY_FIGURES
from carleman_ssm.report.gaussian_figures import expected_logits_figure
from carleman_ssm.report.html import write_html
from carleman_ssm.report.inputs import shipped_sequences
from carleman_ssm.report.predict_figure import PREDICTION, sweep_figure
from carleman_ssm.report.predicted import Predicted, Sweep, predicted_content, predicted_sections
from carleman_ssm.report.sections import Picture, print_sections
from carleman_ssm.report.terminal import output_folder, print_files, progress_line, results_in

DEFAULT_PREDICTED = "frequencies"
DEFAULT_LENGTH, DRAWS, CHECKED, HEIGHTS = 64, 1000, 9, 21
BOX_DEGREE = 24
"""Degree of fits on a box, where no sequences can tell how large it has to be."""
SWEPT_VALUES = 2**22
"""Pre-activations of all inputs of a sweep together: longer sequences are swept at fewer points."""
FILES = ("report.json", "report.html", FORMULA, PREDICTION, *FREQUENCY_FIGURES)
MOST_PRODUCTS = 2**30
"""Products of one convolution beyond which an operator is built for a box."""
LEAD = (
    "Certified: computed with every rounding and every fit counted. Measured: found in this run. Closed form: an "
    "expression of the family's parameters, transient and biases included."
)


@dataclass(frozen=True, eq=False)
class _Task:
    """A network, the family, and what they are called."""

    name: str
    network: StateSpaceNetwork
    request: FamilyRequest
    length: int
    input_bound: float | None
    degree: int | None
    second: Sinusoid | None
    class_names: tuple[str, ...]

    def whole(self, member: SimpleFamily) -> InputFamily:
        """The member, with the second tone where there is one."""
        return member if self.second is None else member + self.second

    def sequence(self, member: SimpleFamily) -> Floats:
        """The input (L, d)."""
        return self.whole(member).sequence(self.length, self.network.features)

    def operator(self, sweep: Floats) -> NetworkOperator:
        """Certified for all inputs within the bound where one is given, else for the inputs of the family itself.

        Of long sequences it is certified for all inputs as large as those: no convolution is needed.
        """
        if self.input_bound is not None:
            return self.on_box(self.input_bound)
        own = self.sequence(self.request.member())
        if self.length**2 * self.network.channels > MOST_PRODUCTS:
            return self.on_box(max(float(np.abs(own).max()), float(np.abs(sweep).max())))
        return network_operator(self.network, sequences=np.concatenate([own[None], sweep]), degree=self.degree)

    @property
    def points(self) -> int:
        """How many values of the swept parameter are taken."""
        width = self.network.channels * len(self.network.layers)
        return int(np.clip(SWEPT_VALUES // (self.length * width), CHECKED, POINTS))

    def on_box(self, bound: float) -> NetworkOperator:
        """Certified for all inputs within the bound."""
        degree = BOX_DEGREE if self.degree is None and not self._is_polynomial else self.degree
        return network_operator(self.network, input_bound=bound, length=self.length, degree=degree)

    @property
    def _is_polynomial(self) -> bool:
        """Whether the network is one layer whose activation is its own decoder: there is no degree to choose."""
        one_layer = isinstance(self.network, S4DNetwork) and has_one_layer_form(self.network)
        return one_layer and layer_rules(self.network)[0].activation.is_polynomial


def predict(
    model: str = DEFAULT_PREDICTED,
    family: Family = Family.SINUSOID,
    settings: list[str] | None = None,
    *,
    length: int | None = None,
    input_bound: float | None = None,
    degree: int | None = None,
    second: float | None = None,
    output: Path | None = None,
    console: Console | None = None,
) -> Predicted:
    """Predict the logits of a network under a family of inputs and write the results; returns what was found.

    Parameters
    ----------
    model
        A checkpoint file or the name of a shipped network.
    family, settings
        The family, and its parameters as ``NAME=VALUE``.
    length
        Steps L; 64 by default.
    input_bound
        B: certify for all inputs with |x| ≤ B, and refuse members of the family that leave it. By default the operator
        is certified for the members that are drawn.
    degree
        Degree of the decoders' fits, where the activation is no polynomial: by default the smallest that certifies
        classes, and 24 under an input bound and for very long sequences.
    second
        Frequency [rad/step] of a second tone beside a sinusoid, else like the first: waves interact where tones meet.
    output
        Folder for the results; ``predict-NAME`` by default.
    console
        Where to print; the terminal by default.

    Raises
    ------
    ValueError
        The model or an option is wrong; the message says what and which.
    DomainError
        The input leaves the certified interval; the message says by how much.
    OSError
        The output folder cannot be written.
    """
    screen = console or Console()
    request = family_request(family, settings or ())
    folder = output_folder(output, f"predict-{Path(model).stem}")
    steps = DEFAULT_LENGTH if length is None else length
    if steps < 1:
        msg = f"--length {steps}: a sequence has at least one step"
        raise ValueError(msg)
    with progress_line(f"reading {model}") as say:
        network = load_network(model)
        require_pool(model, network)
        beside = _second(request, second)
        names = _class_names(model, network)
        task = _Task(Path(model).stem, network, request, steps, input_bound, degree, beside, names)
        with results_in(folder, FILES, [Path(model)]):
            result, pictures, extra = (_noise if family is Family.GAUSSIAN else _signal)(task, folder, say)
            files = _write(result, folder, pictures, extra)
    print_sections(predicted_sections(result, ()), screen)
    print_files(screen, files)
    return result


def _second(request: FamilyRequest, frequency: float | None) -> Sinusoid | None:
    if frequency is None:
        return None
    if request.family is not Family.SINUSOID:
        msg = f"--second is a tone beside a sinusoid; the family is {request.family}"
        raise ValueError(msg)
    values: dict[str, Any] = {**request.whole(), "frequency": frequency}
    return Sinusoid(**values)


def _signal(task: _Task, folder: Path, say: Callable[[str], None]) -> tuple[Predicted, list[Picture], list[Path]]:
    say("building the operator")
    request, name = task.request, SWEPT[task.request.family]
    member, values = request.member(), request.sweep(task.length, task.points)
    inputs = np.stack([task.sequence(request.with_value(name, value)) for value in values])
    operator = task.operator(inputs)
    say("predicting")
    found = predict_logits(operator, task.whole(member), task.length)
    sweep = _sweep(task, operator, values, inputs)
    formula, notes = _formula(task, operator, found, sweep)
    data: dict[str, Any] = {}
    say("drawing")
    pictures = [save(sweep_figure(task.name, sweep, request, task.class_names), folder / PREDICTION)]
    if isinstance(member, Sinusoid):
        tones = [member] if task.second is None else [member, task.second]
        domain = frequency_domain(operator, tones, task.length, folder, task.class_names, found.winner)
        notes, data = (*notes, *domain.notes), domain.data
        pictures += domain.pictures
    second = None if task.second is None else task.second.frequency
    result = Predicted(
        task.name, request, task.length, task.class_names, found, sweep, notes, data, second, formula
    )  # fmt: skip
    return result, pictures, _document(task, formula, folder)


def _sweep(task: _Task, operator: NetworkOperator, values: Floats, inputs: Floats) -> Sweep:
    request, name = task.request, SWEPT[task.request.family]
    family, channel = SIMPLE[request.family], request.member().channel
    fixed = {key: value for key, value in request.whole().items() if key not in (name, "channel")}
    grid: dict[str, Any] = {**fixed, name: values.astype(np.int64) if name in WHOLE else values}
    logits = predicted_logits(
        operator, family, task.length, channel=channel, background=task.second, outside="nan", **grid
    )
    places = tuple(int(place) for place in np.linspace(0, len(values) - 1, CHECKED))
    return Sweep(name, values, logits, places, task.network(inputs[list(places)]))


def _formula(
    task: _Task, operator: NetworkOperator, found: Prediction, sweep: Sweep
) -> tuple[WrittenFormula | None, tuple[str, ...]]:
    """The formula of the predicted class's logit beside predictions; or why there is none."""
    request, label = task.request, found.winner
    swept = [request.with_value(sweep.name, float(sweep.values[place])) for place in sweep.places]
    members = [(member,) if task.second is None else (member, task.second) for member in (request.member(), *swept)]
    predicted = np.array([found.logits[label], *sweep.logits[list(sweep.places), label]])
    try:
        return written_formula(operator, members, predicted, label, task.length), ()
    except ValueError as reason:
        return None, (f"No formula of a logit ({FORMULA}): {reason}.",)


def _document(task: _Task, formula: WrittenFormula | None, folder: Path) -> list[Path]:
    if formula is None:
        return []
    path = folder / FORMULA
    title = f"{task.name}: the logit of {task.class_names[formula.label]} under the family {task.request.family}"
    path.write_text(formula.source(title), encoding="utf-8")
    return [path]


def _noise(task: _Task, folder: Path, say: Callable[[str], None]) -> tuple[Predicted, list[Picture], list[Path]]:
    say("expecting")
    process = task.request.process(task.length, task.network.features)
    try:
        one_layer_parts(task.network, task.length)
    except ValueError as error:
        measured = simulated_logits(task.network, process, DRAWS)
        note = f"No closed form: {error}."
        alone = Predicted(task.name, task.request, task.length, task.class_names, measured, None, (note,), {})
        return alone, [], []
    source = task.network if task.input_bound is None else task.on_box(task.input_bound)
    found = expected_logits(source, process, count=DRAWS)
    heights = np.linspace(0.0, 2.0, HEIGHTS)
    curve = [expected_logits(task.network, process.scaled(height)) for height in heights]
    checked = [(h, expected_logits(task.network, process.scaled(h), count=DRAWS)) for h in (0.5, 1.5, 2.0)]
    say("drawing")
    figure = expected_logits_figure(heights, curve, [*checked, (1.0, found)], task.class_names)
    pictures = [save(figure, folder / PREDICTION)]
    return Predicted(task.name, task.request, task.length, task.class_names, found, None, (), {}), pictures, []


def _class_names(model: str, network: StateSpaceNetwork) -> tuple[str, ...]:
    """Names from the sequences that come with a shipped network, else numbers."""
    numbers = tuple(f"class {label}" for label in range(network.classes))
    try:
        names = shipped_sequences(model).classes
    except (ValueError, ImportError):
        return numbers
    if len(names) != network.classes:
        return numbers
    return tuple(class_name(names, label) for label in range(len(names)))


def _write(result: Predicted, folder: Path, pictures: list[Picture], extra: list[Path]) -> list[Path]:
    report = folder / "report.json"
    report.write_text(json.dumps(predicted_content(result), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    title = f"{result.name} under the family {result.request.family}, predicted"
    html = write_html(folder / "report.html", title, predicted_sections(result, pictures), lead=LEAD)
    return [report, *extra, *(picture.path for picture in pictures), html]
