r"""`network_operator`: from a trained network to its operator, with intervals, fits and certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.network import S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.bases import Role
from carleman_ssm.operators.domain import CERTIFIED_SHARE as CERTIFIED_SHARE
from carleman_ssm.operators.domain import Centre, Domain, checked_domain
from carleman_ssm.operators.one_layer import has_one_layer_form
from carleman_ssm.operators.one_layer_construction import MAX_DEGREE, one_layer_operator
from carleman_ssm.operators.operator import NetworkOperator
from carleman_ssm.operators.stack_construction import stack_operator
from carleman_ssm.operators.stack_fits import FitChoice

Progress = Callable[[str], None]


def network_operator(
    network: StateSpaceNetwork,
    *,
    degree: int | None = None,
    tolerance: float | None = None,
    input_bound: float | None = None,
    sequences: Floats | None = None,
    length: int | None = None,
    fit: Literal["auto", "chebyshev", "least_squares", "taylor", "cosine"] = "auto",
    bases: Mapping[tuple[int, Role], tuple[str, int]] | None = None,
    shared_fit: bool = False,
    centre: Centre = "zero",
    form: Literal["auto", "one_layer", "stack"] = "auto",
    progress: Progress = lambda _: None,
) -> NetworkOperator:
    r"""The explicit operator of a network, with a certified error (THEORY T10, T12′, T13, T13b, T16).

    Parameters
    ----------
    network
        Any depth; output linear, gated or none; any norm; any activation; pool mean or last.
    degree
        Degree of the decoders' fits, or their number of frequencies with ``fit="cosine"``. Without it (and without a
        tolerance) the smallest fits are searched whose certified error cannot change the class of 99 % of `sequences`;
        where none do, the last is returned and `progress` says so. Polynomial activations are exact and need none.
    tolerance
        Largest sup-error of each fit on its interval, in place of a degree.
    input_bound
        B: the certificate holds for every sequence with $|x_{k,j}| \le B$ of at most `length` steps.
    sequences
        (batch, L, d): without `input_bound`, intervals are those that these sequences visit, widened outward, and the
        certificate is one for sequences that stay there (one layer) or for these sequences (deeper networks).
    length
        Longest sequence of a box certificate; that of `sequences` by default.
    fit
        ``"chebyshev"`` (near-minimax), ``"least_squares"`` under the observed density, ``"taylor"`` at 0,
        ``"cosine"`` (phase products), or ``"auto"``: the cheaper of Chebyshev and cosine for each layer and role.
    bases
        (layer, ``"activation"`` or ``"gate"``) → (basis, size): what is set by hand, in place of `fit` and `degree`.
    shared_fit
        One interval and fit for all channels of a layer: needs far higher degrees, for comparison only.
    centre
        Input (L, d) about which orders are counted: zero, the mean of `sequences`, or an array.
    form
        ``"one_layer"`` and ``"stack"`` ask for one of the two forms; ``"auto"`` takes the first where there is one.
    progress
        Called with a line of text as the work goes on.

    Returns
    -------
    NetworkOperator
        `OneLayerOperator` for one layer with affine surroundings and polynomial decoders (unless its search falls
        short on wide intervals), else `StackOperator`: logits (batch, classes) of sequences (batch, at most L, d),
        with ``certified_error`` (classes,).

    Raises
    ------
    ValueError
        The network has no pool, neither domain is given, or what is asked of the fits is illegal or missing.
    """
    domain = checked_domain(network.features, input_bound, sequences, length, centre)
    if form not in ("auto", "one_layer", "stack"):
        msg = f"form must be 'auto', 'one_layer' or 'stack', got {form!r}"
        raise ValueError(msg)
    polynomial_fit = fit in ("auto", "chebyshev", "least_squares") and tolerance is None and not bases
    search = degree is None and tolerance is None
    if form == "one_layer" and not isinstance(network, S4DNetwork):
        msg = "the one-layer form is one of S4D networks: use form='stack' or 'auto'"
        raise ValueError(msg)
    if isinstance(network, S4DNetwork) and (
        form == "one_layer" or (form == "auto" and polynomial_fit and has_one_layer_form(network))
    ):
        found = one_layer_operator(network, domain, degree, fit, shared_fit=shared_fit, progress=progress)
        if form == "one_layer" or fit != "auto" or not search or not _falls_short(found, domain):
            return found
        progress(f"degree {found.degree} does not serve on intervals so wide: phase products instead")
    choice = FitChoice(fit, degree, tolerance, bases or {}, shared_fit)
    return stack_operator(network, domain, choice, search=search, progress=progress)


def _falls_short(operator: NetworkOperator, domain: Domain) -> bool:
    """Whether a search over sequences ended at its largest degree without reaching its aim."""
    if operator.exact or domain.is_box or domain.inputs is None or operator.degree < MAX_DEGREE:
        return False
    return float(operator.certified_classes(domain.inputs).mean()) < CERTIFIED_SHARE
