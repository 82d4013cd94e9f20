r"""Expected logits of a network of one layer under a Gaussian input, in closed form, beside simulation (THEORY T23).

$$\mathbb E\,\ell_i = o_i + \sum_h R_{ih}\,\mathrm{pool}_k\,\mathbb E\,\varphi(y_{k,h}) + S_i\,\mathrm{pool}_k\,m_k,
\qquad y_{k,h} \sim N(\mu_{k,h}, s_{k,h}^2).$$

Exact for the real function of the stored parameters: no truncation, no interval, transient and biases included; what is
printed is its value in float64. Polynomials of degree at most 2 also have the exact covariance of the logits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.networks.finite_arrays import require_range
from carleman_ssm.networks.network import S4DNetwork, StateSpaceNetwork
from carleman_ssm.operators.bases import exact_decoders
from carleman_ssm.operators.one_layer import OneLayerForm, has_one_layer_form, one_layer_form
from carleman_ssm.operators.one_layer_operator import OneLayerOperator
from carleman_ssm.operators.operator import DomainError, NetworkOperator
from carleman_ssm.operators.stack_construction import layer_rules
from carleman_ssm.operators.stack_operator import StackOperator
from carleman_ssm.operators.volterra_kernels import first_order_kernel, second_order_kernel
from carleman_ssm.predictions.covariance_roots import DENSE
from carleman_ssm.predictions.gaussian_moments import (
    PreactivationMoments,
    expected_activation,
    expected_decoders,
    preactivation_moments,
)
from carleman_ssm.predictions.gaussian_process import GaussianProcess
from carleman_ssm.predictions.leaving import LeavingProbability, leaving_probability
from carleman_ssm.theory.activations import Activation
from carleman_ssm.theory.polynomials import require_count, require_integer, require_kind

ENTRIES = 2**22
"""Pre-activations of one block of simulated sequences."""
LARGEST_COVARIANCE = 10**7
"""Entries of the second-order kernels of all classes that the covariance of the logits may need."""


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedLogits(Brief):
    """Logits of sequences drawn at random, through the network: measured.

    Parameters
    ----------
    mean, standard_error
        Sample mean of each logit and its standard error, (classes,).
    deviation
        Sample standard deviation of each logit, (classes,).
    count
        Number of sequences.
    """

    mean: Floats
    standard_error: Floats
    deviation: Floats
    count: int


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedLogits(Brief):
    r"""Expected logits under a Gaussian input.

    Parameters
    ----------
    logits
        $\mathbb E\,\ell$ of the network itself, (classes,).
    method
        How the expectation of the activation was found.
    quadrature_error
        *Measured* error of the logits from a quadrature, (classes,): an estimate, not a bound; 0 for closed forms.
    moments
        Mean and standard deviation of every pre-activation, (L, H) each.
    covariance
        Of the logits, (classes, classes), exact; None where the activation has a degree above 2 (`logit_covariance`
        serves GELU and higher degrees, at a higher price) or L·d is too large.
    simulation
        Beside it: sequences drawn from the process, run through the network. None where none were asked for.
    operator_logits
        Expected value of the fitted decoders in the network's place, continued over the whole line, (classes,); None
        without a fit. It means what `leaving` lets it mean.
    leaving
        Of a fitted operator: the probability that a sequence leaves its intervals, or its input bound; else None.
        (A stack operator that was certified for given sequences has no input bound, and no certificate for others.)
    """

    logits: Floats
    method: str
    quadrature_error: Floats
    moments: PreactivationMoments
    covariance: Floats | None
    simulation: SimulatedLogits | None
    operator_logits: Floats | None
    leaving: LeavingProbability | None

    @property
    def deviation(self) -> Floats | None:
        """Standard deviation of each logit, (classes,), where the covariance is known."""
        return None if self.covariance is None else np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    def table(self) -> dict[str, object]:
        """What is known, as plain lists and numbers: data for a file."""
        simulation, leaving = self.simulation, self.leaving
        return {
            "expected_logits": self.logits.tolist(),
            "method": self.method,
            "measured_quadrature_error": self.quadrature_error.tolist(),
            "standard_deviation": None if self.deviation is None else self.deviation.tolist(),
            "simulation": None
            if simulation is None
            else {
                "mean": simulation.mean.tolist(),
                "standard_error": simulation.standard_error.tolist(),
                "standard_deviation": simulation.deviation.tolist(),
                "count": simulation.count,
            },
            "operator_logits": None if self.operator_logits is None else self.operator_logits.tolist(),
            "leaving": None if leaving is None else {"at_least": leaving.at_least, "at_most": leaving.at_most},
        }


def expected_logits(
    source: StateSpaceNetwork | NetworkOperator,
    process: GaussianProcess,
    *,
    count: int = 0,
    generator: np.random.Generator | None = None,
) -> ExpectedLogits:
    """Expected logits of a network of one layer with affine surroundings under a Gaussian input.

    They are the expected logits of the network's own activation, also where an operator with fitted decoders is given:
    no input is refused. What a fit would expect, and how probably a sequence leaves its intervals, stands beside.

    Parameters
    ----------
    source
        A network, or an operator of one.
    process
        The input: mean sequence and autocovariance.
    count
        Number of sequences that are simulated beside; 0 for none.
    generator
        Draws them; ``np.random.default_rng(0)`` by default.

    Raises
    ------
    ValueError
        The network has more than one layer, a gate, or a norm that is not affine (the pre-activations are not Gaussian
        then: `simulated_logits` measures their logits), the process does not fit it, or a result leaves float64.
    TypeError
        What is given is no network, no process, no whole count or no generator.
    DomainError
        The process has more steps than the operator serves; the network itself serves any number.

    References
    ----------
    THEORY T23; derivations/23_gaussian_inputs; `gaussian_moments` for the formulas.

    Examples
    --------
    >>> from carleman_ssm.networks.checkpoints import load_network
    >>> noise = GaussianProcess.white(64, variance=0.1, mean=0.5)
    >>> found = expected_logits(load_network("digits-gelu"), noise, count=200)
    >>> found.method, bool((abs(found.logits - found.simulation.mean) < 5 * found.simulation.standard_error).all())
    ('GELU, closed form', True)
    """
    require_kind(process, GaussianProcess, "the input")
    sequences = require_count(count, "count")
    network = source.network if isinstance(source, NetworkOperator) else source
    form = one_layer_parts(source, process.length)
    rule = layer_rules(network)[0].activation
    moments = preactivation_moments(form, process)
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves float64 is refused by name
        decoded = expected_activation(rule, moments)
        logits = require_range("the expected logits", _read_out(form, decoded.values, process))
        operator_logits, leaving = _through_fit(source, form, process, moments)
        covariance = quadratic_covariance(form, rule, process)
    for what, found in (("covariances of the logits", covariance), ("expectations of the fit", operator_logits)):
        if found is not None:
            require_range(what, found)
    return ExpectedLogits(
        logits=logits,
        method=decoded.method,
        quadrature_error=np.abs(form.readout.value).sum(axis=1) * decoded.quadrature_error,
        moments=moments,
        covariance=covariance,
        simulation=simulated_logits(network, process, sequences, generator) if sequences else None,
        operator_logits=operator_logits,
        leaving=leaving,
    )


def one_layer_parts(source: StateSpaceNetwork | NetworkOperator, length: int) -> OneLayerForm:
    """The one-layer form of a network or an operator for sequences of `length` steps.

    Raises
    ------
    TypeError
        The source is neither.
    ValueError
        There is none; the message says why, and what measures such a network.
    """
    if isinstance(source, OneLayerOperator) and length <= source.form.length:
        return source.form
    network = source.network if isinstance(source, NetworkOperator) else source
    require_kind(network, StateSpaceNetwork, "the network (or that of an operator)")
    if isinstance(network, S4DNetwork) and has_one_layer_form(network):
        return one_layer_form(network, length)
    msg = (
        "closed forms need a pool and one S4D layer with affine surroundings: behind a second layer, a gate or a "
        "LayerNorm the signals of a Gaussian or sinusoidal input are no longer Gaussian or sinusoidal. "
        "simulated_logits (Gaussian inputs) and simulated_lines (sinusoids) measure any network; without a pool take "
        "network.read_at_last_step()"
    )
    raise ValueError(msg)


def _read_out(form: OneLayerForm, decoded: Floats, process: GaussianProcess) -> Floats:
    logits: Floats = form.read_out(form.pooled(decoded[None]), form.pooled(process.mean[None]))[0]
    return logits


def _through_fit(
    source: StateSpaceNetwork | NetworkOperator,
    form: OneLayerForm,
    process: GaussianProcess,
    moments: PreactivationMoments,
) -> tuple[Floats | None, LeavingProbability | None]:
    """What the fitted decoders of an operator expect, and how probably they are asked outside their intervals."""
    if not isinstance(source, OneLayerOperator | StackOperator):
        return None, None
    if process.length > source.certificate.length:
        msg = (
            f"the process has {process.length} steps, the operator holds for at most {source.certificate.length}: "
            "build it with a longer length, or give the network itself"
        )
        raise DomainError(msg)
    if source.exact:
        return None, None
    decoders = source.decoders if isinstance(source, OneLayerOperator) else source.decoders[0].activation
    fitted = _read_out(form, expected_decoders(decoders, moments), process)
    bounded = isinstance(source, OneLayerOperator) or source.certificate.domain == "box"
    bound = source.certificate.input_bound if bounded else np.inf
    return fitted, leaving_probability(moments, *decoders.interval, process, bound)


def quadratic_covariance(form: OneLayerForm, rule: Activation, process: GaussianProcess) -> Floats | None:
    r"""$\mathrm{Cov}(\ell_i, \ell_j) = g_i^\top Cg_j + 2\,\mathrm{tr}(Q_iCQ_jC)$ (classes, classes), or None.

    About the mean the logits of a decoder of degree at most 2 are $c_i + g_i^\top\xi + \xi^\top Q_i\xi$ with
    $\xi \sim N(0, C)$: third moments vanish, and fourth ones pair up (Isserlis). Other decoders have None, and so have
    sequences whose matrices would be too large.
    """
    size = process.mean.size
    quadratic = rule.is_polynomial and rule.exact_decoder.degree <= 2
    if not quadratic or size > DENSE or form.classes * size**2 > LARGEST_COVARIANCE:
        return None
    decoders = exact_decoders(rule, form.channels)
    covariance = process.covariance()
    linear = first_order_kernel(form, decoders, process.mean).reshape(form.classes, size)
    square = second_order_kernel(form, decoders, process.mean).all_arrays().reshape(form.classes, size, size)
    spread = square @ covariance
    result: Floats = linear @ covariance @ linear.T + 2.0 * np.einsum("iab,jba->ij", spread, spread, optimize=True)
    return result


def simulated_logits(
    network: StateSpaceNetwork, process: GaussianProcess, count: int, generator: np.random.Generator | None = None
) -> SimulatedLogits:
    r"""Logits of `count` sequences of a Gaussian process through the network, of any depth: measured.

    Parameters
    ----------
    network
        With a pool.
    count
        At least 2.
    generator
        Draws the sequences; ``np.random.default_rng(0)`` by default.

    Raises
    ------
    TypeError
        The process, the count or the generator is of another kind.
    ValueError
        ``count < 2``, the network has no pool, the channels differ, or what is measured leaves float64.

    References
    ----------
    THEORY T23. The standard error of a mean is $s/\sqrt n$, with the sample deviation s (denominator n − 1).
    """
    require_kind(process, GaussianProcess, "the input")
    if require_integer(count, "count") < 2:
        msg = f"a standard error needs at least two sequences, got count {count}"
        raise ValueError(msg)
    if network.config.pool == "none":
        msg = "the network has no pool: use network.read_at_last_step()"
        raise ValueError(msg)
    draws = np.random.default_rng(0) if generator is None else generator
    block = max(1, ENTRIES // (process.length * network.channels))
    sizes = [min(block, count - first) for first in range(0, count, block)]
    logits = np.concatenate([network(process.sample(size, draws)) for size in sizes])
    with np.errstate(over="ignore"):
        deviation = require_range("the deviations of the simulated logits", logits.std(axis=0, ddof=1))
    return SimulatedLogits(logits.mean(axis=0), deviation / np.sqrt(count), deviation, count)
