r"""One S4D layer of a trained network: its stored parameters and its arithmetic in float64.

Names, as in the reference implementation: $\Delta$ = `step`, $A$ = `eigenvalues`,
$\bar A = e^{\Delta A}$ = `multipliers`, $\bar B = (e^{\Delta A} - 1)/A$ = `input_vector` (zero-order hold;
$B = 1$ is absorbed in $C$), $D$ = feedthrough,

$$x_k = \bar A x_{k-1} + \bar B u_k, \qquad y_k = 2\,\mathrm{Re} \sum_n C_n x_{k,n} + D u_k .$$

One of each conjugate pair is stored, hence the factor 2. Arrays are read-only float64 or complex128 and
equal the stored float32 numbers exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, special

Array = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


def parameter_array(name: str, value: npt.ArrayLike, shape: tuple[int | None, ...]) -> Array:
    """Return `value` as a read-only float64 array, checked against `shape` (None: any positive length).

    Raises
    ------
    TypeError
        The values are not real numbers that float64 holds exactly.
    ValueError
        The shape is wrong, or an entry is NaN or infinite.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > np.dtype(np.float64).itemsize:
        msg = f"{name} holds {array.dtype}, expected real numbers of at most 64 bits"
        raise TypeError(msg)
    fits = array.ndim == len(shape) and all(
        have > 0 if want is None else have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join("any" if want is None else str(want) for want in shape) + ")"
        msg = f"{name} has shape {array.shape}, expected {wanted} with no empty axis"
        raise ValueError(msg)
    if not np.isfinite(array).all():
        msg = f"{name} holds NaN or infinity; retrain or repair the checkpoint"
        raise ValueError(msg)
    frozen = np.array(array, dtype=np.float64, order="C")
    frozen.flags.writeable = False
    return frozen


@dataclass(frozen=True, eq=False)
class Normalization:
    r"""BatchNorm in evaluation (with running statistics) or LayerNorm (without).

    $\mathrm{weight} \cdot (x - \mu)/\sqrt{\sigma^2 + \varepsilon} + \mathrm{bias}$, where $\mu, \sigma^2$ are
    the stored running statistics of each channel, or the mean and biased variance over the channels per step.

    Parameters
    ----------
    weight, bias
        (H,).
    running_mean, running_var
        (H,) for BatchNorm, both None for LayerNorm.
    """

    weight: Array
    bias: Array
    running_mean: Array | None = None
    running_var: Array | None = None

    def __post_init__(self) -> None:
        weight = parameter_array("norm weight", self.weight, (None,))
        shape = weight.shape
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "bias", parameter_array("norm bias", self.bias, shape))
        if (self.running_mean is None) != (self.running_var is None):
            msg = "running_mean and running_var come together (BatchNorm) or not at all (LayerNorm)"
            raise ValueError(msg)
        if self.running_mean is None or self.running_var is None:
            return
        variance = parameter_array("norm running_var", self.running_var, shape)
        if (variance < 0).any():
            msg = "norm running_var has a negative entry; a variance is at least 0"
            raise ValueError(msg)
        mean = parameter_array("norm running_mean", self.running_mean, shape)
        object.__setattr__(self, "running_mean", mean)
        object.__setattr__(self, "running_var", variance)

    def __call__(self, x: Array, eps: float) -> Array:
        """Normalise x (…, H)."""
        mean: Array | np.floating
        variance: Array | np.floating
        if self.running_mean is None or self.running_var is None:
            mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        else:
            mean, variance = self.running_mean, self.running_var
        result: Array = (x - mean) / np.sqrt(variance + eps) * self.weight + self.bias
        return result


@dataclass(frozen=True, eq=False)
class S4DLayer:
    r"""The parameters of one S4D layer: H channels, M stored modes each (half of the papers' d_state).

    Parameters
    ----------
    log_dt
        (H,), $\Delta = e^{\mathrm{log\_dt}}$ [time].
    log_A_real, A_imag
        (H, M), $A = -e^{\mathrm{log\_A\_real}} + i\,\mathrm{A\_imag}$ [1/time].
    C
        (H, M) complex.
    D
        (H,).
    output_weight, output_bias
        (H, H) and (H,); (2H, H) and (2H,) with a GLU; both None without an output map.
    norm
        The normalisation that belongs to this layer, or None.
    activation_coefficients
        (d,): $c_1, \dots, c_d$ of a learned polynomial $\sum_k c_k y^k$, or None.

    Raises
    ------
    ValueError
        Wrong shapes, NaN or infinity, or eigenvalues that are not stable and finite in float64.
    """

    log_dt: Array
    log_A_real: Array
    A_imag: Array
    C: ComplexArray
    D: Array
    output_weight: Array | None = None
    output_bias: Array | None = None
    norm: Normalization | None = None
    activation_coefficients: Array | None = None

    def __post_init__(self) -> None:
        log_dt = parameter_array("log_dt", self.log_dt, (None,))
        channels = log_dt.shape[0]
        decay = parameter_array("log_A_real", self.log_A_real, (channels, None))
        readout = np.asarray(self.C)
        pair = (
            parameter_array("C (real part)", readout.real, decay.shape),
            parameter_array("C (imaginary part)", readout.imag, decay.shape),
        )
        values = {
            "log_dt": log_dt,
            "log_A_real": decay,
            "A_imag": parameter_array("A_imag", self.A_imag, decay.shape),
            "C": pair[0] + 1j * pair[1],
            "D": parameter_array("D", self.D, (channels,)),
        }
        values["C"].flags.writeable = False
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._freeze_optional(channels)
        self._check_eigenvalues()

    def _freeze_optional(self, channels: int) -> None:
        if (self.output_weight is None) != (self.output_bias is None):
            msg = "output_weight and output_bias come together or not at all"
            raise ValueError(msg)
        if self.output_weight is not None and self.output_bias is not None:
            weight = parameter_array("output_weight", self.output_weight, (None, channels))
            bias = parameter_array("output_bias", self.output_bias, (weight.shape[0],))
            object.__setattr__(self, "output_weight", weight)
            object.__setattr__(self, "output_bias", bias)
        if self.norm is not None and self.norm.weight.shape != (channels,):
            msg = f"norm has {self.norm.weight.shape[0]} channels, the layer {channels}"
            raise ValueError(msg)
        if self.activation_coefficients is not None:
            learned = parameter_array("activation_coefficients", self.activation_coefficients, (None,))
            object.__setattr__(self, "activation_coefficients", learned)

    def _check_eigenvalues(self) -> None:
        with np.errstate(all="ignore"):
            unstable = ~(self.eigenvalues.real < 0)
            rates = self.step[:, None] * self.eigenvalues
            usable = np.isfinite(rates) & np.isfinite(self.input_vector) & (self.step[:, None] > 0)
        if unstable.any():
            channel, mode = np.argwhere(unstable)[0]
            msg = (
                f"eigenvalue {mode} of channel {channel} is unstable: Re A = -exp(log_A_real) = "
                f"-exp({self.log_A_real[channel, mode]:g}) is not below 0 in float64; "
                "every Re A must be negative"
            )
            raise ValueError(msg)
        if not usable.all():
            channel, mode = np.argwhere(~usable)[0]
            msg = (
                f"step times eigenvalue {mode} of channel {channel} leaves the range of float64: "
                f"log_dt = {self.log_dt[channel]:g}, log_A_real = {self.log_A_real[channel, mode]:g}"
            )
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """H."""
        return int(self.log_dt.shape[0])

    @property
    def modes(self) -> int:
        """M, the number of stored modes per channel: half of the papers' d_state."""
        return int(self.log_A_real.shape[1])

    @property
    def step(self) -> Array:
        r"""$\Delta$ (H,)."""
        result: Array = np.exp(self.log_dt)
        return result

    @property
    def eigenvalues(self) -> ComplexArray:
        """$A$ (H, M)."""
        result: ComplexArray = -np.exp(self.log_A_real) + 1j * self.A_imag
        return result

    @property
    def multipliers(self) -> ComplexArray:
        r"""$\bar A = e^{\Delta A}$ (H, M)."""
        result: ComplexArray = np.exp(self.step[:, None] * self.eigenvalues)
        return result

    @property
    def input_vector(self) -> ComplexArray:
        r"""$\bar B = (e^{\Delta A} - 1)/A$ (H, M), by expm1: it cancels when $\Delta A$ is small."""
        eigenvalues = self.eigenvalues
        result: ComplexArray = np.expm1(self.step[:, None] * eigenvalues) / eigenvalues
        return result

    def kernel(self, length: int) -> Array:
        r"""$K_\ell = 2\,\mathrm{Re} \sum_n C_n \bar B_n \bar A_n^{\ell}$, $0 \le \ell < L$: (H, L), no $D$.

        Powers at two levels, $\ell = q \lceil\sqrt L\rceil + r$: $2 \sqrt L$ exponentials per mode, not $L$.
        """
        if length < 1:
            msg = f"a kernel needs at least one lag, got length {length}"
            raise ValueError(msg)
        inner = int(np.ceil(np.sqrt(length)))
        rates = (self.step[:, None] * self.eigenvalues)[..., None]
        fine = np.exp(rates * np.arange(inner))
        coarse = np.exp(rates * (inner * np.arange(-(-length // inner))))
        weights = 2 * (self.C * self.input_vector)[..., None]
        powers = np.swapaxes(weights * coarse, 1, 2) @ fine
        result: Array = np.ascontiguousarray(powers.real.reshape(self.channels, -1)[:, :length])
        return result

    def preactivation(self, u: Array, method: str = "convolution") -> Array:
        """$y$, what reaches the activation, feedthrough included: (batch, length, H) to the same shape."""
        if method == "convolution":
            return self._convolve(u) + self.D * u
        if method == "recurrence":
            return self._recur(u) + self.D * u
        msg = f"unknown method {method!r}; choose 'convolution' or 'recurrence'"
        raise ValueError(msg)

    def _convolve(self, u: Array) -> Array:
        length = u.shape[1]
        size = fft.next_fast_len(2 * length - 1, real=True)  # long enough that nothing wraps around
        spectrum = fft.rfft(self.kernel(length).T, size, axis=0) * fft.rfft(u, size, axis=1)
        result: Array = fft.irfft(spectrum, size, axis=1)[:, :length]
        return result

    def _recur(self, u: Array) -> Array:
        multipliers, drive = self.multipliers, self.input_vector
        state = np.zeros((u.shape[0], *multipliers.shape), dtype=np.complex128)
        result = np.empty_like(u)
        for k in range(u.shape[1]):
            state = multipliers * state + drive * u[:, k, :, None]
            result[:, k] = 2 * np.einsum("hm,bhm->bh", self.C, state).real
        return result

    def output(self, v: Array, *, gated: bool) -> Array:
        r"""$W v + w$ of the activated values (…, H); the first half times $\sigma$(second half) if gated."""
        if self.output_weight is None or self.output_bias is None:
            return v
        mapped: Array = v @ self.output_weight.T + self.output_bias
        if not gated:
            return mapped
        value, gate = np.split(mapped, 2, axis=-1)
        result: Array = value * special.expit(gate)
        return result
