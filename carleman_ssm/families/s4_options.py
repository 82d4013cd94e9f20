r"""The options of the S4 block: how its stored parameters become $\Delta$, $A$ and the kernel, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.pointwise import inverse_softplus, sigmoid, softplus
from carleman_ssm.networks.layers import Array, ComplexArray

Transform = Literal["none", "exp", "relu", "sigmoid", "softplus"]
Rule = Literal["zoh", "bilinear", "dss"]
RULES: tuple[Rule, ...] = ("zoh", "bilinear", "dss")

LEAST = 1e-4
"""What the reference adds to a rectified parameter, and the least value that it inverts a transform at."""


def _exp(v: Array) -> Array:
    result: Array = np.exp(v)
    return result


def _rectified(v: Array) -> Array:
    return np.maximum(v, 0.0) + LEAST


def _logit(p: Array) -> Array:
    result: Array = np.log(p) - np.log1p(-p)
    return result


def _log(p: Array) -> Array:
    result: Array = np.log(p)
    return result


def _same(v: Array) -> Array:
    return v


_TRANSFORMS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "none": (_same, _same),
    "exp": (_exp, _log),
    "relu": (_rectified, _same),
    "sigmoid": (sigmoid, _logit),
    "softplus": (softplus, inverse_softplus),
}


def transformed(parameter: Array, transform: str) -> Array:
    r"""$f(p)$ of a stored parameter: p, $e^p$, $\max(p, 0) + 10^{-4}$, $\sigma(p)$ or $\ln(1 + e^p)$.

    Examples
    --------
    >>> transformed(np.array([-1.0, 2.0]), "relu")
    array([1.0000e-04, 2.0001e+00])
    """
    return _TRANSFORMS[transform][0](parameter)


def stored_parameter(value: Array, transform: str) -> Array:
    """The parameter that the reference stores for a positive value, which it first raises to at least 1e-4.

    For ``"relu"`` that is the value itself, so that the parameter reads 1e-4 more than it was given.
    """
    return _TRANSFORMS[transform][1](np.maximum(value, LEAST))


@dataclass(frozen=True)
class S4Options:
    r"""What the tensors of an S4 block do not say.

    Parameters
    ----------
    disc
        Rule for the input matrix: ``"zoh"``, ``"bilinear"``, or ``"dss"`` (the normalised kernel of DSS, 1·Re).
    real_transform, imag_transform, dt_transform
        f in $\mathrm{Re}\,A = -f(p)$, $\mathrm{Im}\,A = -f(p)$ and $\Delta = f(p)$.
    dt_fast
        Whether sinh is applied to the stored step first.
    bandlimit
        Modes with $\Delta |\mathrm{Im}\,A| / 2\pi \ge$ half of it are not read; None: all are.
    bidirectional
        Whether a second set of readouts sees the future.
    l_max
        Longest kernel; inputs that are longer are refused. None: no limit.

    Raises
    ------
    ValueError, TypeError
        An unknown rule or transform; a band limit or length that is not positive.
    """

    disc: Rule = "zoh"
    real_transform: Transform = "exp"
    imag_transform: Transform = "none"
    dt_transform: Transform = "exp"
    dt_fast: bool = False
    bandlimit: float | None = None
    bidirectional: bool = False
    l_max: int | None = None

    def __post_init__(self) -> None:
        if self.disc not in RULES:
            msg = f"disc: expected one of {', '.join(RULES)}, got {self.disc!r}"
            raise ValueError(msg)
        for name in ("real_transform", "imag_transform", "dt_transform"):
            if getattr(self, name) not in _TRANSFORMS:
                msg = f"{name}: expected one of {', '.join(_TRANSFORMS)}, got {getattr(self, name)!r}"
                raise ValueError(msg)
        for name in ("dt_fast", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                msg = f"{name}: expected true or false, got {getattr(self, name)!r}"
                raise TypeError(msg)
        for name in ("bandlimit", "l_max"):
            limit = getattr(self, name)
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0):
                msg = f"{name}: expected a positive number or nothing, got {limit!r}"
                raise ValueError(msg)

    @classmethod
    def read(
        cls, config: Mapping[str, object], *, mode: str, readouts: tuple[int, int], disc: str = "zoh"
    ) -> S4Options:
        """From the configuration of a reference block; what is not stated has the reference's default.

        Parameters
        ----------
        config
            Names as in the reference.
        mode
            ``"diag"`` or ``"dplr"``: a configuration of the other mode is refused.
        readouts
            Rows of C and of D: twice as many tell of two directions.
        disc
            Rule where the configuration states none.

        Raises
        ------
        ValueError, TypeError
            An option with a value that is not read, or one that changes the block and is not read at all.
        """
        names = {"diag": ("diag", "s4d"), "dplr": ("dplr", "s4", "nplr")}[mode]
        stated = config.get("mode") or config.get("kernel") or names[0]
        if stated not in names:
            msg = f"the configuration says mode = {stated!r}, but the tensors are those of mode {mode!r}"
            raise ValueError(msg)
        for name in ("gate", "bottleneck", "mult_act", "weight_norm", "swap_channels"):
            if config.get(name) not in (None, False, "id"):
                msg = f"{name} = {config[name]!r} is not read: only blocks without a gating branch are"
                raise ValueError(msg)
        given: dict[str, Any] = {field.name: config[field.name] for field in fields(cls) if field.name in config}
        rows, feedthroughs = readouts
        return cls(**{"disc": disc, "bidirectional": rows == 2 * feedthroughs, **given})

    def step(self, stored: Array) -> Array:
        r"""$\Delta = f(p)$, or $f(\sinh p)$ with `dt_fast` [time]."""
        return transformed(np.sinh(stored) if self.dt_fast else stored, self.dt_transform)

    def eigenvalues(self, real: Array, imaginary: Array | None) -> ComplexArray:
        r"""$A = -f(p) - i f(q)$: the imaginary part is stored with the opposite sign [1/time]."""
        decay = -transformed(real, self.real_transform).astype(np.complex128)
        return decay if imaginary is None else decay - 1j * transformed(imaginary, self.imag_transform)

    def band(self, step: Array, eigenvalues: ComplexArray) -> npt.NDArray[np.bool_]:
        r"""Which modes are read: $\Delta |\mathrm{Im}\,A| / 2\pi$ below half the band limit."""
        frequencies = step * np.abs(eigenvalues.imag) / (2 * np.pi)
        return frequencies < (np.inf if self.bandlimit is None else self.bandlimit / 2)

    def require_length(self, length: int) -> None:
        """Refuse inputs longer than the longest kernel, where the layer is no recurrence any more."""
        if self.l_max is not None and length > self.l_max:
            msg = (
                f"the kernel ends after l_max = {self.l_max} steps and the inputs have {length}: "
                "a kernel that is cut off belongs to no recurrence of this state; give at most l_max steps"
            )
            raise ValueError(msg)
