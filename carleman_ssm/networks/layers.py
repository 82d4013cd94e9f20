r"""One S4D layer of a trained network: its stored parameters and its arithmetic in float64.

Names, as in the reference implementation: $\Delta$ = `step`, $A$ = `eigenvalues`, $\bar A$ = `multipliers`,
$\bar B$ = `input_vector` ($B = 1$ is absorbed in $C$; both by the layer's `discretization`), $D$ = feedthrough,

$$x_k = \bar A x_{k-1} + \bar B u_k, \qquad y_k = 2\,\mathrm{Re} \sum_n C_n x_{k,n} + D u_k .$$

One of each conjugate pair is stored, hence the factor 2. Arrays are read-only float64 or complex128 and
equal the stored float32 numbers exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from carleman_ssm.networks.discretization import (
    Discretization,
    require_discretization,
    step_inputs,
    step_multipliers,
    step_powers,
)
from carleman_ssm.networks.enclosures import Enclosed
from carleman_ssm.networks.kernel import convolution_kernel
from carleman_ssm.networks.normalization import Normalization
from carleman_ssm.networks.parameters import Array, ComplexArray, parameter_array
from carleman_ssm.networks.state_space_layer import StateSpaceLayer

__all__ = ["Array", "ComplexArray", "Normalization", "S4DLayer", "parameter_array"]


@dataclass(frozen=True, eq=False, repr=False)
class S4DLayer(StateSpaceLayer):
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
    discretization
        ``"zoh"`` (zero-order hold, the reference's) or ``"bilinear"``.

    Raises
    ------
    ValueError
        Wrong shapes, an unknown discretization, NaN or infinity, or eigenvalues that are not stable and finite in
        float64.
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
    discretization: Discretization = "zoh"

    def __post_init__(self) -> None:
        require_discretization(self.discretization)
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
    def kind(self) -> str:
        """S4D."""
        return "S4D"

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
        r"""$\bar A$ (H, M): $e^{\Delta A}$ under zero-order hold."""
        return step_multipliers(self.eigenvalues, self.step[:, None], self.discretization)

    @property
    def input_vector(self) -> ComplexArray:
        r"""$\bar B$ (H, M): $(e^{\Delta A} - 1)/A$ under zero-order hold."""
        return step_inputs(self.eigenvalues, self.step[:, None], self.discretization)

    def kernel(self, length: int) -> Array:
        r"""$K_\ell = 2\,\mathrm{Re} \sum_n C_n \bar B_n \bar A_n^{\ell}$, $0 \le \ell < L$: (H, L), no $D$.

        Powers at two levels, $\ell = q \lceil\sqrt L\rceil + r$: $2 \sqrt L$ exponentials per mode, not $L$.
        """
        if length < 1:
            msg = f"a kernel needs at least one lag, got length {length}"
            raise ValueError(msg)
        inner = int(np.ceil(np.sqrt(length)))
        modes = (self.eigenvalues, self.step[:, None], self.discretization)
        fine = step_powers(*modes, np.arange(inner, dtype=np.float64))
        coarse = step_powers(*modes, inner * np.arange(-(-length // inner), dtype=np.float64))
        weights = 2 * (self.C * self.input_vector)[..., None]
        powers = np.swapaxes(weights * coarse, 1, 2) @ fine
        result: Array = np.ascontiguousarray(powers.real.reshape(self.channels, -1)[:, :length])
        return result

    def enclosed_kernel(self, length: int) -> Enclosed:
        """Kernel over L lags, feedthrough included, (H, L), with a proved bound on its rounding."""
        return convolution_kernel(self, length)

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
