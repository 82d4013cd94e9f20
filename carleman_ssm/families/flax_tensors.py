"""Parameters of flax modules by their paths, and the dense maps among them: no path is missing, and none is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.finite_arrays import real_array
from carleman_ssm.networks.layers import Array

TRUNCATION = 2.0
"""Standard deviations at which the normal draws of flax end."""

SPREAD_LEFT = 0.87962566103423978
"""Standard deviation of a standard normal number, given that its size is at most 2."""


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Brief):
    """$v K + b$ with the kernel as flax stores it, (in, out): the transpose of torch's weight.

    Parameters
    ----------
    kernel
        (in, out).
    bias
        (out,).

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, NaN or infinity.

    Examples
    --------
    >>> Dense([[1.0, 2.0]], [0.0, 1.0])(np.array([3.0]))
    array([3., 7.])
    """

    kernel: Array
    bias: Array

    def __post_init__(self) -> None:
        kernel = real_array("a dense kernel", self.kernel, (None, None))
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "bias", real_array("a dense bias", self.bias, (kernel.shape[1],)))

    def __call__(self, v: Array) -> Array:
        """Map the last axis."""
        result: Array = v @ self.kernel + self.bias
        return result

    def require(self, name: str, inputs: int, outputs: int) -> None:
        """Refuse another shape.

        Raises
        ------
        ValueError
            The kernel is not (inputs, outputs).
        """
        if self.kernel.shape != (inputs, outputs):
            msg = f"{name}: expected a kernel of shape {(inputs, outputs)}, got {self.kernel.shape}"
            raise ValueError(msg)

    def tensors(self, name: str) -> dict[str, Array]:
        """``name/kernel`` and ``name/bias``."""
        return {f"{name}/kernel": self.kernel, f"{name}/bias": self.bias}


def flax_tensors(
    layer: str, tensors: Mapping[str, Array], needed: Iterable[str], *, dense: Iterable[str] = (), norm: str
) -> dict[str, Array]:
    """The tensors of a layer by path, with ``/`` between the parts.

    Parameters
    ----------
    layer
        What is read, for messages.
    tensors
        Keys with ``/`` or ``.``.
    needed
        Paths that have to be there.
    dense
        Names of dense maps, each of which is there with its kernel and its bias or not at all.
    norm
        The norm of the residual block around the layer: its tensors are left out.

    Raises
    ------
    ValueError
        Paths are missing, or unknown.
    """
    paths = {name.replace(".", "/"): np.asarray(value) for name, value in tensors.items()}
    kept = {path: value for path, value in paths.items() if not path.startswith(f"{norm}/")}
    maps = [name for name in dense if any(path.startswith(f"{name}/") for path in kept)]
    wanted = {*needed, *(f"{name}/{part}" for name in maps for part in ("kernel", "bias"))}
    for what, found in (("missing", wanted - kept.keys()), ("unknown", kept.keys() - wanted)):
        if found:
            msg = f"{layer}: {what} tensors {', '.join(sorted(found))}; is this the layer of another family?"
            raise ValueError(msg)
    return kept


def dense_map(paths: Mapping[str, Array], name: str) -> Dense | None:
    """The dense map of that name, or None."""
    return Dense(paths[f"{name}/kernel"], paths[f"{name}/bias"]) if f"{name}/kernel" in paths else None


def require_settings(layer: str, settings: Mapping[str, object], *known: str) -> None:
    """Refuse settings that the layer does not have.

    Raises
    ------
    ValueError
        With their names and those that are known.
    """
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        msg = f"{layer}: unknown settings {', '.join(unknown)}; known are {', '.join(known) or 'none'}"
        raise ValueError(msg)


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    r"""Normal numbers, cut at two standard deviations of the uncut law, of variance 1/fan_in after the cut.

    Examples
    --------
    >>> drawn = lecun_normal(np.random.default_rng(0), (10_000,), 4)
    >>> bool(abs(drawn.std() - 0.5) < 0.01), bool(abs(drawn).max() <= 1 / SPREAD_LEFT)
    (True, True)
    """
    edge = special.ndtr(TRUNCATION)
    drawn: Array = special.ndtri(rng.uniform(1 - edge, edge, shape)) / (SPREAD_LEFT * np.sqrt(fan_in))
    return drawn
