r"""The basis of every decoder: Chebyshev, least squares, Taylor or cosine, its size, and what was chosen and why.

``"auto"`` takes the cheaper of Chebyshev and cosine fits that reach a tolerance. One evaluation costs about P passes
over the data for a polynomial of degree P and K + 12 for K frequencies (the phase itself takes the 12), and
$K \approx P/3$ on wide intervals: narrow intervals get polynomials, wide ones phase products (THEORY T13, T13b).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.cosine_decoders import CosineDecoders
from carleman_ssm.operators.decoders import ChannelDecoders, ExactDecoders, FittedDecoders
from carleman_ssm.operators.stack_trace import LayerDecoders
from carleman_ssm.operators.taylor_decoders import TaylorDecoders
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.clenshaw import clenshaw
from carleman_ssm.theory.fits import fit_chebyshev, fit_least_squares
from carleman_ssm.theory.fourier_extension import EXTENSIONS, certified_cosines, measured_error, uncertified_cosines
from carleman_ssm.theory.taylor_fits import fit_taylor

Basis = Literal["chebyshev", "least_squares", "taylor", "cosine"]
BASES: tuple[Basis, ...] = ("chebyshev", "least_squares", "taylor", "cosine")
LARGEST = {"chebyshev": 320, "least_squares": 64, "taylor": 128, "cosine": 160}
"""Largest degree or number of terms that a search tries, and that may be asked for."""
SCANNED = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Degrees of least squares and Taylor polynomials that a search tries."""
PHASE_COST = 12
WIDEST = 1e6
"""Widest interval that is fitted: on a wider one, no decoder of reasonable size means anything."""
SHORTEST = min(EXTENSIONS)
Role = Literal["activation", "gate"]
NO_FIT = "every activation and gate of this network is a polynomial and exact at its own degree: leave the fit out"
"""Said of a network that is asked for fits and needs none."""


@dataclass(frozen=True, eq=False, repr=False)
class DecoderBasis(Brief):
    """What stands for one nonlinearity of one layer.

    Parameters
    ----------
    layer, role
        Which one: layer index from 0; ``"activation"`` or ``"gate"``.
    basis
        ``"chebyshev"``, ``"least_squares"``, ``"taylor"``, ``"cosine"``, or ``"exact"`` (the network's polynomial).
    terms
        Degree of the polynomials, or number of frequencies.
    lower, upper
        Intervals of the channels, (H,); ±∞ where exact.
    fit_error
        Certified sup-errors of the channels on them, (H,).

    References
    ----------
    THEORY T13, T13b.
    """

    layer: int
    role: Role
    basis: str
    terms: int
    lower: Floats
    upper: Floats
    fit_error: Floats

    def __str__(self) -> str:
        place = f"layer {self.layer} {self.role}"
        if self.basis == "exact":
            return f"{place}: exact polynomial of degree {self.terms}"
        size = f"{self.terms} frequencies" if self.basis == "cosine" else f"degree {self.terms}"
        return (
            f"{place}: {self.basis}, {size}, on intervals {float((self.upper - self.lower).min()):.3g} to "
            f"{float((self.upper - self.lower).max()):.3g} wide, certified error {float(self.fit_error.max()):.3g}"
        )


def decoder_bases(decoders: Sequence[LayerDecoders]) -> tuple[DecoderBasis, ...]:
    """What was chosen, activation before gate, layer by layer."""
    records = []
    for index, layer in enumerate(decoders):
        records.append(_record(index, "activation", layer.activation))
        if layer.gate is not None:
            records.append(_record(index, "gate", layer.gate))
    return tuple(records)


def _record(layer: int, role: Role, rule: ChannelDecoders) -> DecoderBasis:
    return DecoderBasis(layer, role, basis_name(rule), rule.degree, *rule.interval, rule.fit_error)


def basis_name(rule: ChannelDecoders) -> str:
    """Name of the basis of some decoders."""
    if isinstance(rule, ExactDecoders):
        return "exact"
    if isinstance(rule, CosineDecoders):
        return "cosine"
    if isinstance(rule, TaylorDecoders):
        return "taylor"
    return "least_squares" if isinstance(rule, FittedDecoders) and rule.by_density else "chebyshev"


@dataclass(frozen=True, eq=False)
class FitTask:
    """One nonlinearity to be fitted.

    Parameters
    ----------
    rule
        The function.
    lower, upper
        Intervals of the channels, (H,).
    samples
        Observed arguments (n, H), the density of least squares; None on a box.
    centre
        Where Taylor polynomials are taken, (H,).
    """

    rule: Activation
    lower: Floats
    upper: Floats
    samples: Floats | None
    centre: Floats

    @property
    def ends(self) -> list[tuple[float, float]]:
        """The intervals, channel by channel."""
        return list(zip(self.lower.tolist(), self.upper.tolist(), strict=True))


def exact_decoders(rule: Activation, channels: int) -> ExactDecoders:
    """The decoders of a polynomial activation or gate."""
    return ExactDecoders(np.array([float(c) for c in rule.exact_decoder.coefficients]), channels)


def fit_decoders(task: FitTask, basis: Basis, terms: int) -> ChannelDecoders:
    """Certified fits of one size for all channels.

    Raises
    ------
    ValueError
        The size is out of range, the basis unknown, or least squares has no samples.
    """
    check_size(basis, terms)
    if basis == "cosine":
        fits = uncertified_cosines(task.rule, task.lower, task.upper, terms)
        return CosineDecoders.from_fits([certified_cosines(task.rule, fit) for fit in fits], task.rule)
    if basis == "taylor":
        centres = task.centre.tolist()
        expansions = [fit_taylor(task.rule, *ends, terms, m) for ends, m in zip(task.ends, centres, strict=True)]
        return TaylorDecoders.from_fits(expansions, task.rule)
    if basis == "chebyshev":
        series = [fit_chebyshev(task.rule, *ends, terms) for ends in task.ends]
        return FittedDecoders.from_fits(series, task.rule, task.samples)
    if task.samples is None:
        msg = "a least-squares fit needs sequences: the values that they visit are its density"
        raise ValueError(msg)
    columns = zip(task.samples.T, task.ends, strict=True)
    series = [fit_least_squares(task.rule, column, terms, *ends) for column, ends in columns]
    return FittedDecoders.from_fits(series, task.rule, task.samples, by_density=True)


def refuse_wide(rule: Activation, lower: Floats, upper: Floats, place: str, *, is_box: bool) -> None:
    """Refuse intervals (H,) of a nonlinearity that are too wide to fit; a polynomial needs no fit.

    Raises
    ------
    ValueError
        An interval is wider than `WIDEST` or not finite; `place` says whose it is.
    """
    widest = float((upper - lower).max())
    if rule.is_polynomial or widest <= WIDEST:
        return
    domain, remedy = "the sequences", "no fit of reasonable size means anything there. Scale the sequences"
    if is_box:
        domain = "the whole box"
        remedy = (
            "interval arithmetic loses all correlation there. Give sequences without an input_bound, or a smaller "
            "input_bound"
        )
    msg = f"over {domain} the arguments of {place} range over {widest:.3g} (at most {WIDEST:.0e} is fitted): {remedy}"
    raise ValueError(msg)


def check_size(basis: str, terms: int) -> Basis:
    """The basis, once its name is known and the size is in its range.

    Raises
    ------
    ValueError
        Naming the choices, or the range.
    """
    found = next((known for known in BASES if known == basis), None)
    if found is None:
        msg = f"the fit must be 'auto' or one of {', '.join(map(repr, BASES))}; got {basis!r}"
        raise ValueError(msg)
    if not 0 <= terms <= LARGEST[found]:
        what = "number of frequencies" if found == "cosine" else "degree"
        msg = f"the {what} of a {found} fit must be between 0 and {LARGEST[found]}, got {terms}"
        raise ValueError(msg)
    return found


def chosen_decoders(task: FitTask, basis: str, tolerance: float) -> ChannelDecoders:
    """The smallest fit whose error reaches the tolerance, of one basis or of the cheaper one (``"auto"``).

    Where none of at most `LARGEST` terms reaches it, the largest is taken; its certified error then says so.
    """
    if basis != "auto":
        name = check_size(basis, 0)
        return fit_decoders(task, name, smallest_size(task, name, tolerance))
    degree = smallest_size(task, "chebyshev", tolerance)
    if degree <= PHASE_COST:
        return fit_decoders(task, "chebyshev", degree)
    terms = smallest_size(task, "cosine", tolerance)
    reaches = _measured(task, "chebyshev", degree) <= tolerance or _measured(task, "cosine", terms) > tolerance
    cheaper = degree <= terms + PHASE_COST
    return fit_decoders(task, "chebyshev", degree) if cheaper and reaches else fit_decoders(task, "cosine", terms)


def smallest_size(task: FitTask, basis: Basis, tolerance: float) -> int:
    """The size to take for a tolerance; the certificate follows for the one that is taken.

    Chebyshev and cosine errors fall with the size: doubling and bisection, to one part in 16, on errors measured on a
    grid. Those of least
    squares and of Taylor polynomials may not: the first of a few sizes that reaches the tolerance, else the best.
    """
    if basis in ("least_squares", "taylor"):
        return _scanned_size(task, basis, tolerance)
    low, high = -1, 4
    while high < LARGEST[basis] and _measured(task, basis, high) > 0.95 * tolerance:
        low, high = high, min(2 * high, LARGEST[basis])
    while high - low > max(1, high // 16):
        middle = (low + high) // 2
        if _measured(task, basis, middle) > 0.95 * tolerance:
            low = middle
        else:
            high = middle
    return high


def _scanned_size(task: FitTask, basis: Basis, tolerance: float) -> int:
    found = {}
    for size in (size for size in SCANNED if size <= LARGEST[basis]):
        found[size] = float(fit_decoders(task, basis, size).fit_error.max())
        if found[size] <= tolerance:
            return size
    return min(found, key=found.__getitem__)


def _measured(task: FitTask, basis: Basis, terms: int) -> float:
    """Largest error of all channels on a grid; cosine fits are probed on the widest interval alone."""
    if basis == "chebyshev":
        return _chebyshev_error(task, terms)
    widest = int(np.argmax(task.upper - task.lower))
    chosen = slice(widest, widest + 1)
    period = SHORTEST if terms > 48 else None  # with so many terms the shortest period is best, or nearly so
    fits = uncertified_cosines(task.rule, task.lower[chosen], task.upper[chosen], terms, period)
    return measured_error(task.rule, fits[0])


def _chebyshev_error(task: FitTask, degree: int) -> float:
    """Interpolate all channels at once at the Chebyshev points, and compare in between."""
    centre, half_width = (task.lower + task.upper) / 2, np.maximum((task.upper - task.lower) / 2, 2.0**-30)
    angles = np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)
    values = task.rule(centre + np.outer(np.cos(angles), half_width))
    coefficients = 2 / (degree + 1) * np.cos(np.outer(np.arange(degree + 1), angles)) @ values
    coefficients[0] /= 2
    position = np.cos(np.pi * np.arange(4 * degree + 33) / (4 * degree + 32))[:, None] * np.ones(len(centre))
    error = clenshaw(coefficients, position) - task.rule(centre + position * half_width)
    return float(np.abs(error).max())
