r"""What the layers of the S4 kind share: pairs of reals for complex tensors, two directions, the normalised kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from carleman_ssm.families.block_output import MAP_KEYS, BlockOutput, activation_name
from carleman_ssm.networks.layers import Array, ComplexArray

EPSILON = 1e-7
r"""$\varepsilon$ of the reference's reciprocals $\bar x / (|x|^2 + \varepsilon)$."""


BLOCK_KEYS = tuple(f"layer.{name}" for name in ("D", "kernel.inv_dt", "kernel.C", "kernel.B", "kernel.A_real"))
"""What every S4 block stores."""

OUTPUT_KEYS = tuple(f"{key}.{name}" for key in MAP_KEYS for name in ("weight", "bias"))
"""Weight and bias of the linear map of a block."""


def complex_of(stored: Array, *, real: bool = False) -> ComplexArray:
    """A complex tensor stored with (re, im) on its last axis; `real`: stored as it is.

    Raises
    ------
    ValueError
        The last axis does not hold two numbers.

    Examples
    --------
    >>> complex_of(np.array([[1.0, 2.0]]))
    array([1.+2.j])
    """
    array = np.asarray(stored)
    if real:
        return array.astype(np.complex128)
    if array.ndim == 0 or array.shape[-1] != 2:
        msg = f"a complex tensor is stored with (re, im) on the last axis, got the shape {array.shape}"
        raise ValueError(msg)
    result: ComplexArray = array[..., 0] + 1j * array[..., 1]
    return result.astype(np.complex128)


def parts(values: ComplexArray) -> Array:
    """(re, im) on a new last axis."""
    result: Array = np.stack([values.real, values.imag], axis=-1)
    return result


def require_keys(
    family: str, tensors: Mapping[str, Array], needed: Iterable[str], optional: Iterable[str] = ()
) -> None:
    """Refuse tensors that are missing, and tensors that the layer does not have.

    Raises
    ------
    ValueError
        With their names.
    """
    wanted = set(needed)
    missing, unknown = wanted - tensors.keys(), tensors.keys() - wanted - set(optional)
    if missing or unknown:
        words = [
            f"{what} {', '.join(sorted(names))}"
            for what, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        msg = f"{family}: tensors {'; '.join(words)}; is this the layer of another family?"
        raise ValueError(msg)


def require_sizes(family: str, config: Mapping[str, object], sizes: Mapping[str, int]) -> None:
    """Refuse a configuration that states other sizes than the tensors have; null states nothing.

    Raises
    ------
    ValueError
        With the name, and both numbers.
    """
    for name, size in sizes.items():
        if config.get(name) not in (None, size):
            msg = f"{family}: the configuration says {name} = {config[name]!r}, but the tensors have {size}"
            raise ValueError(msg)


def require_block_sizes(tensors: Mapping[str, Array], config: Mapping[str, object]) -> None:
    """`require_sizes` for an S4 block: state, channels and readouts; the number of copies is what the tensors have.

    Raises
    ------
    ValueError
        As in `require_sizes`; shapes without the axes of a block.
    """
    shapes = [np.shape(tensors[key]) for key in ("layer.D", "layer.kernel.A_real")]
    if [len(shape) for shape in shapes] != [2, 2]:
        msg = f"S4: expected D (readouts, H) and A_real (copies, modes), got {shapes}"
        raise ValueError(msg)
    (rows, channels), (_, modes) = shapes
    halves = 2 if activation_name(config.get("activation", "gelu")) == "glu" else 1
    full = modes * (2 if "layer.kernel.A_imag" in tensors else 1)
    sizes = {"d_state": full, "d_model": channels, "channels": rows // halves}
    require_sizes("S4", config, sizes)


def two_sided(inputs: Array) -> Array:
    """(batch, L, H) to (batch, L, 2, H): the inputs, and the inputs from the end."""
    result: Array = np.stack([inputs, inputs[:, ::-1]], axis=2)
    return result


def unite(directions: Sequence[Array]) -> Array:
    r"""What is read of the past at step k, plus what is read of the future at step k + 1; nothing after the last step.

    Parameters
    ----------
    directions
        One array (batch, L, …), or two, of which the second runs from the end.
    """
    if len(directions) == 1:
        return directions[0]
    past, reversed_future = directions
    future = np.zeros_like(past)
    future[:, :-1] = reversed_future[:, ::-1][:, 1:]
    return past + future


def reciprocal(values: ComplexArray, *, clamp: bool = False) -> ComplexArray:
    r"""$\bar x / (|x|^2 + \varepsilon)$, or $\bar x / \max(|x|^2, \varepsilon)$: bounded reciprocals."""
    squares: Array = np.square(values.real) + np.square(values.imag)
    bounded = np.maximum(squares, EPSILON) if clamp else squares + EPSILON
    result: ComplexArray = np.divide(np.conj(values), bounded)
    return result


def dss_inputs(eigenvalues: ComplexArray, rates: ComplexArray, length: int) -> ComplexArray:
    r"""$\bar b$ with which the modes sum to one softmax over the L lags, divided by $\Lambda$.

    $$\frac{1}{\Lambda} \frac{e^{\Delta\Lambda} - 1}{e^{\Delta\Lambda L} - 1}, \qquad
    \frac{e^{-\Delta\Lambda(L-1)}}{\Lambda} \frac{e^{-\Delta\Lambda} - 1}{e^{-\Delta\Lambda L} - 1}
    \text{ where } \mathrm{Re}\,\Lambda > 0,$$

    which are equal; the second does not overflow. Each quotient is bounded as in `reciprocal`, so that a mode loses
    the share $\varepsilon / (|d|^2 + \varepsilon)$ with the d that it is divided by (`recurrences.softmax_laws`). It
    depends on L: the recurrence is one for each length.

    Parameters
    ----------
    eigenvalues, rates
        $\Lambda$ and $\Delta\Lambda$; the shapes broadcast.
    length
        L.

    References
    ----------
    Gupta, Gu & Berant (2022), "Diagonal state spaces are as effective as structured state spaces", prop. 1.
    """
    growing = eigenvalues.real > 0
    damped = np.where(growing, -rates, rates)
    shift = np.where(growing, -rates * (length - 1), 0)
    result: ComplexArray = np.exp(shift) * np.expm1(damped) * reciprocal(np.expm1(damped * length) * eigenvalues)
    return result


def read_output(tensors: Mapping[str, Array], config: Mapping[str, object], feedthrough: Array) -> BlockOutput:
    """The activation and the linear map of a block with feedthrough D of shape (readouts, H)."""
    rows, channels = np.asarray(feedthrough).shape
    halves = 2 if activation_name(config.get("activation", "gelu")) == "glu" else 1
    return BlockOutput.read(tensors, config, values=rows * channels // halves, outputs=channels)
