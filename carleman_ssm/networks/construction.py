r"""`network_operator`: from a trained network to its operator, with intervals, fits and certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.certificate import (
    PreactivationBounds,
    bias_trajectory,
    box_interval,
    certificate,
    preactivation_bounds,
)
from carleman_ssm.networks.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.networks.one_layer import OneLayerForm, one_layer_form
from carleman_ssm.networks.one_layer_operator import OneLayerOperator
from carleman_ssm.networks.operator import NetworkOperator
from carleman_ssm.theory.activations import Activation, activation
from carleman_ssm.theory.fits import ChebyshevFit, fit_chebyshev, fit_least_squares

MAX_DEGREE = 64
CERTIFIED_SHARE = 0.99
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Setting:
    """What is fixed before a degree is chosen."""

    network: S4DNetwork
    form: OneLayerForm
    bounds: PreactivationBounds
    activation: Activation
    lower: Floats
    upper: Floats
    samples: Floats | None
    domain: str
    centre: Floats


def network_operator(
    network: S4DNetwork,
    *,
    degree: int | None = None,
    input_bound: float | None = None,
    sequences: Floats | None = None,
    length: int | None = None,
    fit: Literal["chebyshev", "least_squares"] = "chebyshev",
    shared_fit: bool = False,
    centre: Floats | Literal["zero", "mean"] = "zero",
    progress: Progress = lambda _: None,
) -> NetworkOperator:
    r"""The explicit operator of a network of one S4D layer, with a certified error (THEORY T10, T12′, T13).

    Parameters
    ----------
    network
        One layer; output linear or none; norm none or batch; any activation.
    degree
        Degree of the decoders' fits. Without it: the smallest degree (at most 64) whose certified error cannot change
        the class of 99 % of `sequences`. Polynomial activations are exact and need none.
    input_bound
        B: the certificate holds for every sequence with $|x_{k,j}| \le B$ of at most `length` steps.
    sequences
        (batch, L, d): without `input_bound`, intervals are those that these sequences visit, rounded outward, and the
        certificate is one for sequences that stay there.
    length
        Longest sequence of a box certificate; that of `sequences` by default.
    fit
        ``"chebyshev"`` (near-minimax) or ``"least_squares"`` under the observed density of pre-activations.
    shared_fit
        One interval and fit for all channels: needs far higher degrees, for comparison only.
    centre
        Input (L, d) about which orders are counted: zero, the mean of `sequences`, or an array.
    progress
        Called with a line of text as the work goes on.

    Returns
    -------
    NetworkOperator
        Logits (batch, classes) of sequences (batch, at most L, d), with ``certified_error`` (classes,).

    Raises
    ------
    ValueError
        The network is not covered, neither domain is given, or the degree is needed and missing or illegal.
    """
    setting = _setting(network, input_bound, sequences, length, centre, shared_fit)
    if setting.activation.is_polynomial:
        own = _exact(setting).degree
        if degree is not None and degree != own:
            what = "would truncate it" if degree < own else "would change nothing"
            msg = (
                f"the activation is a polynomial of degree {own} and exact at it: degree {degree} {what}; leave it out"
            )
            raise ValueError(msg)
        return _assemble(setting, _exact(setting))
    if degree is not None:
        if not 0 <= degree <= MAX_DEGREE:
            msg = f"degree must be between 0 and {MAX_DEGREE}, got {degree}"
            raise ValueError(msg)
        return _assemble(setting, _fitted(setting, degree, fit))
    if sequences is None:
        msg = "give a degree, or sequences for which the smallest certifying degree is found"
        raise ValueError(msg)
    return _smallest_degree(setting, np.asarray(sequences, dtype=np.float64), fit, progress)


def _setting(
    network: S4DNetwork,
    input_bound: float | None,
    sequences: Floats | None,
    length: int | None,
    centre: Floats | str,
    shared_fit: bool,
) -> _Setting:
    inputs, steps = _checked_domain(input_bound, sequences, length)
    form = one_layer_form(network, steps)
    if inputs is not None and inputs.shape[2] != form.features:
        msg = f"the network takes {form.features} input channels, the sequences have {inputs.shape[2]}"
        raise ValueError(msg)
    origin = _centre(centre, inputs, steps, form.features)
    largest = max(0.0 if inputs is None else float(np.abs(inputs).max()), float(np.abs(origin).max()))
    bound = largest if input_bound is None else float(input_bound)
    if largest > bound:
        msg = f"the sequences (or the centre) reach |x| = {largest:.6g}, more than input_bound = {bound:.6g}"
        raise ValueError(msg)
    bounds = preactivation_bounds(form, bound)
    samples = None if inputs is None else form.preactivations(inputs)
    if input_bound is not None or samples is None:
        lower, upper, domain = *box_interval(form, bounds), "box"
    else:
        lower, upper, domain = *_observed(form, bounds, samples, origin), "sequences"
    if shared_fit:
        lower, upper = np.full_like(lower, lower.min()), np.full_like(upper, upper.max())
    rule = _activation_of(network)
    return _Setting(network, form, bounds, rule, lower, upper, samples, domain, origin)


def _checked_domain(
    input_bound: float | None, sequences: Floats | None, length: int | None
) -> tuple[Floats | None, int]:
    """The sequences as float64, and the number of steps that the operator shall serve."""
    inputs = None if sequences is None else np.asarray(sequences, dtype=np.float64)
    if inputs is None and input_bound is None:
        msg = "give the inputs for which the operator shall hold: input_bound=B with length=L, or sequences=…"
        raise ValueError(msg)
    if inputs is not None and (inputs.ndim != 3 or 0 in inputs.shape or not np.isfinite(inputs).all()):
        msg = f"sequences must be finite and of shape (batch, length, channels), none of them zero; got {inputs.shape}"
        raise ValueError(msg)
    if input_bound is not None and not (np.isfinite(input_bound) and input_bound >= 0):
        msg = f"input_bound must be a finite number that is not negative, got {input_bound}"
        raise ValueError(msg)
    if length is None and inputs is None:
        msg = "an input bound needs the length of the sequences for which it shall hold: pass length=L"
        raise ValueError(msg)
    return inputs, length if length is not None else int(inputs.shape[1]) if inputs is not None else 0


def _centre(centre: Floats | str, inputs: Floats | None, steps: int, features: int) -> Floats:
    if isinstance(centre, str):
        if centre == "zero":
            return np.zeros((steps, features))
        if centre == "mean" and inputs is not None:
            return np.asarray(inputs.mean(axis=0), dtype=np.float64)
        msg = f"centre must be 'zero', 'mean' (with sequences) or an array, got {centre!r}"
        raise ValueError(msg)
    given = np.asarray(centre, dtype=np.float64)
    if given.shape != (steps, features) or not np.isfinite(given).all():
        msg = f"the centre must be finite and of shape ({steps}, {features}), got {given.shape}"
        raise ValueError(msg)
    return given


def _observed(
    form: OneLayerForm,
    bounds: PreactivationBounds,
    samples: Floats,
    origin: Floats,
) -> tuple[Floats, Floats]:
    """Intervals of the visited pre-activations and of the centre's, widened by the rounding and outward."""
    visited = [samples.reshape(-1, form.channels), bias_trajectory(form).value, form.preactivations(origin[None])[0]]
    lower = np.min([part.min(axis=0) for part in visited], axis=0)
    upper = np.max([part.max(axis=0) for part in visited], axis=0)
    # A floor for channels that stand still, so that the scaled variable of a fit keeps its meaning.
    slack = bounds.rounding.max(axis=0) + 1e-6 * np.maximum(1.0, np.maximum(np.abs(lower), np.abs(upper)))
    return np.nextafter(lower - slack, -np.inf), np.nextafter(upper + slack, np.inf)


def _activation_of(network: S4DNetwork) -> Activation:
    coefficients = network.layers[0].activation_coefficients
    return activation(network.config.activation, None if coefficients is None else tuple(coefficients.tolist()))


def _exact(setting: _Setting) -> ExactDecoders:
    values = [float(coefficient) for coefficient in setting.activation.exact_decoder.coefficients]
    return ExactDecoders(np.array(values), setting.form.channels)


def _fitted(setting: _Setting, degree: int, fit: str) -> FittedDecoders:
    samples = None if setting.samples is None else setting.samples.reshape(-1, setting.form.channels)
    by_density = fit == "least_squares"
    return FittedDecoders.from_fits(_fits(setting, degree, fit), setting.activation, samples, by_density=by_density)


def _fits(setting: _Setting, degree: int, fit: str) -> list[ChebyshevFit]:
    intervals = list(zip(setting.lower.tolist(), setting.upper.tolist(), strict=True))
    rule = setting.activation
    if fit == "chebyshev":
        return [fit_chebyshev(rule, low, high, degree) for low, high in intervals]
    if fit != "least_squares":
        msg = f"fit must be 'chebyshev' or 'least_squares', got {fit!r}"
        raise ValueError(msg)
    if setting.samples is None:
        msg = "a least-squares fit needs sequences: their pre-activations are its density"
        raise ValueError(msg)
    columns = setting.samples.reshape(-1, setting.form.channels).T
    return [
        fit_least_squares(rule, column, degree, low, high)
        for column, (low, high) in zip(columns, intervals, strict=True)
    ]


def _assemble(setting: _Setting, decoders: ChannelDecoders) -> OneLayerOperator:
    slack = setting.bounds.rounding.max(axis=0)
    if isinstance(decoders, ExactDecoders):
        unlimited = np.full(setting.form.channels, np.inf)
        interval, lipschitz = (-unlimited, unlimited), decoders.slope(setting.bounds.magnitude.max(axis=0))
    else:
        interval = (setting.lower, setting.upper)
        ends = zip((setting.lower - slack).tolist(), (setting.upper + slack).tolist(), strict=True)
        # The ends are rounded once more here; the interval of `lipschitz` is rounded outward past that.
        lipschitz = np.array([setting.activation.lipschitz(*map(_outward, pair, (-np.inf, np.inf))) for pair in ends])
    proof = certificate(setting.form, decoders, setting.bounds, lipschitz, interval, setting.domain)
    return OneLayerOperator(setting.network, setting.form, decoders, proof, setting.centre)


def _outward(end: float, direction: float) -> float:
    return float(np.nextafter(end, direction))


def _smallest_degree(setting: _Setting, inputs: Floats, fit: str, progress: Progress) -> OneLayerOperator:
    """Raise the degree until the certified error leaves the class of 99 % of the sequences alone."""
    form, values = setting.form, setting.samples if setting.samples is not None else setting.form.preactivations(inputs)
    operator = _assemble(setting, _fitted(setting, 0, fit))
    for degree in range(1, MAX_DEGREE + 1):
        logits = form.read_out(form.pooled(operator.decoders(values)), form.pooled(inputs))
        share = float(operator.certified_same_class(logits).mean())
        progress(f"degree {operator.degree}: class certified for {100 * share:.1f} % of the sequences")
        if share >= CERTIFIED_SHARE:
            break
        operator = _assemble(setting, _fitted(setting, degree, fit))
    return operator
