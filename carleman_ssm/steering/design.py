r"""The layer that realises wanted kernels: explanation, run backwards.

One S4D layer with the decoder $y + y^2$, read at the last step, has the logits

$$\ell_i(x) = o_i + \sum_m k^{(1)}_{i,m}\,x_{L-1-m} + \sum_{m,n} k^{(2)}_{i,mn}\,x_{L-1-m}x_{L-1-n},\qquad
k^{(1)}_{i} = \sum_h R_{ih}K_h,\quad k^{(2)}_i = \sum_h R_{ih}K_hK_h^\top,$$

with $K_{h,m} = 2\,\mathrm{Re}\sum_n c_{hn}\lambda_{hn}^m$ (THEORY T9, T10). Wanted kernels are met in the least squares
of the *operator*: $\sigma^2\lVert\Delta k^{(1)}\rVert^2 + 2\sigma^4\lVert\Delta k^{(2)}\rVert_F^2$ is the variance of
the error of a logit when the inputs are independent and normal with standard deviation σ. The minimum that is found is
a local one: the problem is not convex in λ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.discretization import step_inputs
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array, S4DLayer
from carleman_ssm.networks.network import NetworkConfig, S4DNetwork
from carleman_ssm.steering.kernel_fits import Modes, fitted_modes
from carleman_ssm.theory.polynomials import require_integer

MAX_ENTRIES = 10**8
"""More entries of the matrix of derivatives than this are refused."""

SIZES = 1e-50, 1e50
"""Range of the largest entries of σ k⁽¹⁾ and σ² k⁽²⁾: the search multiplies four such numbers, and ratios of them."""

EIGENVALUE_ROUNDING = 1e-10
"""Eigenvalues of wanted kernels below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False, repr=False)
class WantedKernels(Brief):
    """First- and second-order kernels over lags: (K, L) and (K, L, L), the second symmetric."""

    first: Array
    second: Array

    def residual(self, kernels: Array, readout: Array, scale: float) -> Array:
        r"""$(\sigma\,\Delta k^{(1)}, \sqrt2\sigma^2\Delta k^{(2)})$ as one vector, for K (H, L) and R (K, H)."""
        first = readout @ kernels - self.first
        second = np.einsum("ih,hm,hn->imn", readout, kernels, kernels, optimize=True) - self.second
        return np.concatenate([scale * first.ravel(), np.sqrt(2) * scale**2 * second.ravel()])

    def readout(self, kernels: Array, scale: float) -> Array:
        """The best R (K, H) for given kernels: linear least squares."""
        pairs = np.einsum("hm,hn->hmn", kernels, kernels).reshape(len(kernels), -1)
        columns = np.concatenate([scale * kernels, np.sqrt(2) * scale**2 * pairs], axis=1).T
        wanted = np.concatenate(
            [scale * self.first, np.sqrt(2) * scale**2 * self.second.reshape(len(self.second), -1)], axis=1
        )
        result: Array = np.linalg.lstsq(columns, wanted.T, rcond=None)[0].T
        return result


@dataclass(frozen=True, eq=False, repr=False)
class Design(Brief):
    """A designed network, and how well it does what was wanted; build it with `design_layer`.

    Parameters
    ----------
    network
        One S4D layer with H channels of M stored modes, decoder $y + y^2$, pool ``"last"``.
    wanted
        What was asked for.
    first, second
        What the network has, (K, L) and (K, L, L) over lags.
    input_scale
        σ of the least squares.
    converged
        Whether the search ended at a stationary point, rather than for want of steps.
    """

    network: S4DNetwork
    wanted: WantedKernels
    first: Array
    second: Array
    input_scale: float
    converged: bool

    @property
    def first_error(self) -> float:
        r"""$\lVert\Delta k^{(1)}\rVert/\lVert k^{(1)}\rVert$ over all logits; the norm itself where none was wanted."""
        return _relative(self.first - self.wanted.first, self.wanted.first)

    @property
    def second_error(self) -> float:
        r"""$\lVert\Delta k^{(2)}\rVert_F/\lVert k^{(2)}\rVert_F$; the norm itself where none was wanted."""
        return _relative(self.second - self.wanted.second, self.wanted.second)

    @property
    def rms_error(self) -> Array:
        """Standard deviation of each logit's error (K,) for independent normal inputs of standard deviation σ."""
        first = ((self.first - self.wanted.first) ** 2).sum(axis=1)
        second = ((self.second - self.wanted.second) ** 2).sum(axis=(1, 2))
        result: Array = np.sqrt(self.input_scale**2 * first + 2 * self.input_scale**4 * second)
        return result


def design_layer(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    modes: int,
    channels: int | None = None,
    offset: npt.ArrayLike = 0.0,
    input_scale: float = 1.0,
    steps: int = 200,
) -> Design:
    r"""S4D parameters whose operator has wanted first- and second-order kernels, by least squares.

    The start: eigenvectors of the wanted second-order kernels, and what the first-order ones lack beside them, as
    kernels of channels, each fitted by M modes (`fitted_modes`), and the best readout for them. Then Gauss–Newton
    steps with exact derivatives in all λ, c and R at once.

    Parameters
    ----------
    first
        $k^{(1)}$ over lags, (L,) or (K, L).
    second
        $k^{(2)}$ over pairs of lags, symmetric, (L, L) or (K, L, L).
    modes
        M, stored modes of a channel.
    channels
        H; by default the ranks of the second-order kernels, and two for each logit: a pair of channels with opposite
        signs carries a first order and no second.
    offset
        $o$, a number or (K,).
    input_scale
        σ, the usual size of an input: how the two orders are weighed against each other.
    steps
        At most so many Gauss–Newton steps.

    Returns
    -------
    Design
        With the errors that remain. A delay, say, is no sum of few modes: then they do not vanish.

    Raises
    ------
    ValueError
        Shapes that do not fit each other, a second-order kernel that is not symmetric, numbers that are not finite or
        so large or small that the search leaves float64, less than one channel, mode or step, or a problem too large
        to write its derivatives out.
    TypeError
        Numbers of channels, modes or steps that are no integers, or kernels and offset that are no real numbers.

    References
    ----------
    THEORY T9, T10; poles: Roy and Kailath (1989), ESPRIT.

    Examples
    --------
    >>> decay = 0.8 ** np.arange(12)
    >>> design = design_layer(2 * decay, 0.5 * np.outer(decay, decay), modes=1)
    >>> bool(design.first_error < 1e-6), bool(design.second_error < 1e-6)
    (True, True)
    """
    wanted = _wanted(first, second)
    width = _channels(wanted, channels)
    _check(wanted, width, modes, input_scale)
    require_integer(steps, "the number of steps", least=1)
    constant = _offset(offset, len(wanted.first))
    start = fitted_modes(_directions(wanted, width), modes)
    readout = wanted.readout(start.kernels(wanted.first.shape[1]), input_scale)
    found, weights, converged = _refined(wanted, start, readout, input_scale, steps)
    kernels = found.kernels(wanted.first.shape[1])
    second_found = np.einsum("ih,hm,hn->imn", weights, kernels, kernels, optimize=True)
    network = _network(found, weights, constant)
    return Design(network, wanted, weights @ kernels, second_found, input_scale, converged)


def _refined(
    wanted: WantedKernels, start: Modes, readout: Array, scale: float, steps: int
) -> tuple[Modes, Array, bool]:
    """Least squares in all λ, c and R at once."""
    length, size = wanted.first.shape[1], start.parameters.size

    def split(values: Array) -> tuple[Modes, Array]:
        return start.moved(values[:size]), values[size:].reshape(readout.shape)

    def residual(values: Array) -> Array:
        modes, weights = split(values)
        return wanted.residual(modes.kernels(length), weights, scale)

    def slope(values: Array) -> Array:
        modes, weights = split(values)
        return _derivatives(modes.kernels(length), modes.derivatives(length), weights, scale)

    free = np.full(readout.size, np.inf)
    lower, upper = start.bounds
    bounds = np.concatenate([lower.ravel(), -free]), np.concatenate([upper.ravel(), free])
    begin = np.concatenate([start.parameters.ravel(), readout.ravel()])
    options = {"bounds": bounds, "x_scale": "jac", "max_nfev": steps, "xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
    found = optimize.least_squares(residual, begin, slope, **options)
    return *split(found.x), bool(found.status > 0)


def _derivatives(kernels: Array, slopes: Array, readout: Array, scale: float) -> Array:
    """Of `WantedKernels.residual`: slopes (H, L, p) are those of the kernels in the parameters of their channel."""
    classes, length = len(readout), kernels.shape[1]
    first = np.einsum("ih,hmp->imhp", readout, slopes)
    half = np.einsum("ih,hmp,hn->imnhp", readout, slopes, kernels, optimize=True)
    second = half + half.swapaxes(1, 2)
    own = np.eye(classes)[:, :, None]  # the readout of a logit moves that logit alone
    linear = np.einsum("ijo,hm->imjh", own, kernels)
    quadratic = np.einsum("ijo,hm,hn->imnjh", own, kernels, kernels, optimize=True)
    rows = scale * np.concatenate([first.reshape(classes * length, -1), linear.reshape(classes * length, -1)], axis=1)
    pairs = classes * length**2
    below = np.concatenate([second.reshape(pairs, -1), quadratic.reshape(pairs, -1)], axis=1)
    return np.concatenate([rows, np.sqrt(2) * scale**2 * below])


def _directions(wanted: WantedKernels, width: int) -> Array:
    """Kernels (H, L) to start from.

    Eigenvectors of the second order; and for every logit, with both signs, what its first order lacks when these are
    read out for the second. Channels beyond these repeat them in other sizes.
    """
    quadratic = _eigenvectors(wanted)
    lacking = wanted.first.copy()
    for vector in quadratic:
        strength = np.einsum("imn,m,n->i", wanted.second, vector, vector)
        lacking -= strength[:, None] * vector
    linear = [sign * row / np.linalg.norm(row) for row in lacking if row.any() for sign in (1.0, -1.0)]
    pool = [*linear[: max(0, width - 1)], *quadratic] or [np.eye(1, wanted.first.shape[1])[0]]
    return np.array([pool[h % len(pool)] * (1.0 + h // len(pool)) for h in range(width)])


def _eigenvectors(wanted: WantedKernels) -> list[Array]:
    """Those of every logit's second-order kernel that are not rounding, by the size of the eigenvalue."""
    values, vectors = np.linalg.eigh(wanted.second)
    sizes = np.abs(values)
    order = np.argsort(-sizes, axis=None, kind="stable")
    ranked = zip(*np.unravel_index(order, sizes.shape), strict=True)
    return [vectors[i, :, n] for i, n in ranked if sizes[i, n] > EIGENVALUE_ROUNDING * sizes.max()]


def _network(modes: Modes, readout: Array, offset: Array) -> S4DNetwork:
    """The design as a network with Δ = 1, so that A = log λ."""
    shape = modes.rates.shape
    drive = step_inputs(modes.rates, np.ones((shape[0], 1)), "zoh")
    layer = S4DLayer(
        log_dt=np.zeros(shape[0]),
        log_A_real=np.log(-modes.rates.real),
        A_imag=modes.rates.imag,
        C=modes.weights / drive,
        D=np.zeros(shape[0]),
        activation_coefficients=np.ones(2),
    )
    config = NetworkConfig(activation="poly", output="none", residual=False, pool="last")
    return S4DNetwork(np.ones((shape[0], 1)), np.zeros(shape[0]), (layer,), readout, offset, config)


def _wanted(first: npt.ArrayLike, second: npt.ArrayLike) -> WantedKernels:
    one, two = real_array("first-order kernels", first), real_array("second-order kernels", second)
    one, two = (one[None] if one.ndim == 1 else one), (two[None] if two.ndim == 2 else two)
    if one.ndim != 2 or 0 in one.shape or two.shape != (*one.shape, one.shape[1]):
        msg = (
            f"kernels over L lags have shapes (L,) and (L, L), or (K, L) and (K, L, L) for K logits; got "
            f"{np.shape(first)} and {np.shape(second)}"
        )
        raise ValueError(msg)
    if np.abs(two - two.swapaxes(1, 2)).max() > 1e-12 * np.abs(two).max():
        msg = "a second-order kernel is symmetric in its two lags: give (k + kᵀ)/2, which has the same output"
        raise ValueError(msg)
    return WantedKernels(one, two)


def _channels(wanted: WantedKernels, channels: int | None) -> int:
    if channels is not None:
        return channels
    return len(_eigenvectors(wanted)) + 2 * len(wanted.first)


def _check(wanted: WantedKernels, channels: int, modes: int, scale: float) -> None:
    require_integer(channels, "the number of channels", least=1)
    require_integer(modes, "the number of stored modes", least=1)
    if not (np.isfinite(scale) and scale > 0):
        msg = f"input_scale is a positive number, got {scale}"
        raise ValueError(msg)
    with np.errstate(over="ignore", under="ignore"):
        sizes = scale * np.abs(wanted.first).max(), scale * (scale * np.abs(wanted.second).max())
    if not all(size == 0.0 or SIZES[0] <= size <= SIZES[1] for size in (*sizes, scale)):
        msg = (
            f"with the input scale {scale:.3g} the orders have the sizes {sizes[0]:.3g} and {sizes[1]:.3g}, too far "
            "from 1 for the search: measure inputs and logits in other units"
        )
        raise ValueError(msg)
    entries = wanted.second.size * channels * (4 * modes + len(wanted.first))
    if entries > MAX_ENTRIES:
        msg = f"{entries:.3g} derivatives (at most {MAX_ENTRIES:.0e} are written out): ask for fewer lags or channels"
        raise ValueError(msg)


def _offset(offset: npt.ArrayLike, classes: int) -> Array:
    given = real_array("offset", offset)
    if given.shape not in ((), (1,), (classes,)):
        msg = f"an offset is a number or one for each of {classes} logits, got the shape {given.shape}"
        raise ValueError(msg)
    result: Array = np.broadcast_to(given, (classes,))
    return result


def _relative(error: Array, wanted: Array) -> float:
    size = float(np.linalg.norm(wanted))
    return float(np.linalg.norm(error)) / (size if size > 0 else 1.0)
