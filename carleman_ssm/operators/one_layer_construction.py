r"""The operator of a network of one layer with affine surroundings: kernel, fits, sharp certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork
from carleman_ssm.operators.bases import NO_FIT, refuse_wide
from carleman_ssm.operators.certificate import (
    PreactivationBounds,
    bias_trajectory,
    box_interval,
    certificate,
    preactivation_bounds,
)
from carleman_ssm.operators.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.operators.domain import CERTIFIED_SHARE, Domain
from carleman_ssm.operators.one_layer import OneLayerForm, one_layer_form
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.fits import ChebyshevFit, fit_chebyshev, fit_least_squares

MAX_DEGREE = 64
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


def one_layer_operator(
    network: S4DNetwork,
    domain: Domain,
    degree: int | None,
    fit: str,
    *,
    shared_fit: bool = False,
    progress: Progress = lambda _: None,
) -> OneLayerOperator:
    """The operator of one layer; see `network_operator` for the parameters.

    Raises
    ------
    ValueError
        The network has no such form, the degree or the fit is illegal or missing, or the intervals are too wide.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused by name
        setting = _setting(network, domain, shared_fit)
    if setting.activation.is_polynomial:
        if fit != "auto":
            raise ValueError(NO_FIT)
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
    if domain.inputs is None:
        msg = "give a degree, or sequences for which the smallest certifying degree is found"
        raise ValueError(msg)
    return _smallest_degree(setting, domain.inputs, fit, progress)


def _setting(network: S4DNetwork, domain: Domain, shared_fit: bool) -> _Setting:
    form = one_layer_form(network, domain.steps)
    bounds = preactivation_bounds(form, domain.bound)
    samples = None if domain.inputs is None else form.preactivations(domain.inputs)
    if domain.is_box or samples is None:
        lower, upper, name = *box_interval(form, bounds), "box"
    else:
        lower, upper, name = *_observed(form, bounds, samples, domain.centre), "sequences"
    if shared_fit:
        lower, upper = np.full_like(lower, lower.min()), np.full_like(upper, upper.max())
    rule = layer_rules(network)[0].activation
    refuse_wide(rule, lower, upper, "layer 0 (preactivation)", is_box=name == "box")
    return _Setting(network, form, bounds, rule, lower, upper, samples, name, domain.centre)


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
    if fit in ("auto", "chebyshev"):
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
    if isinstance(decoders, ExactDecoders):
        unlimited = np.full(setting.form.channels, np.inf)
        interval = (-unlimited, unlimited)
    else:
        interval = (setting.lower, setting.upper)
    lipschitz = lipschitz_bounds(setting.activation, decoders, setting.bounds, interval)
    with np.errstate(over="ignore", invalid="ignore"):
        proof = certificate(setting.form, decoders, setting.bounds, lipschitz, interval, setting.domain)
    return OneLayerOperator(setting.network, setting.form, decoders, proof, setting.centre)


def lipschitz_bounds(
    rule: Activation, decoders: ChannelDecoders, bounds: PreactivationBounds, interval: tuple[Floats, Floats]
) -> Floats:
    r"""Upper bound (H,) of $|\varphi'|$ between a pre-activation as computed and as it is.

    Polynomials: up to the size of the pre-activations. Others: over the interval (H,), (H,) of the decoders and the
    rounding of the pre-activations past its ends.
    """
    if isinstance(decoders, ExactDecoders):
        with np.errstate(over="ignore", invalid="ignore"):
            return decoders.slope(bounds.magnitude.max(axis=0))
    slack = bounds.rounding.max(axis=0)
    ends = zip((interval[0] - slack).tolist(), (interval[1] + slack).tolist(), strict=True)
    # The ends are rounded once more here; the interval of `lipschitz` is rounded outward past that.
    return np.array([rule.lipschitz(*map(_outward, pair, (-np.inf, np.inf))) for pair in ends])


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
