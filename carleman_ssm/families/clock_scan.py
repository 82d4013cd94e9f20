r"""The selective diagonal recurrence whose multipliers are exponentials of one clock: $A_k = e^{\Delta_k A}$ (T19)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from carleman_ssm.families.scans import Scan, Values
from carleman_ssm.families.selective_scan import clock_states


@final
@dataclass(frozen=True, eq=False, repr=False)
class ClockScan(Scan):
    r"""$Z_k = e^{a \Delta_k} Z_{k-1} + B_k = \sum_{j \le k} e^{a (\tau_k - \tau_j)} B_j$; $\tau$ is the `clock`.

    A varying diagonal (`VaryingDiagonalScan`) of which more is known: one exponential for each state makes all its
    multipliers over any stretch of time.

    Parameters
    ----------
    increments
        $\Delta_k$ [time], real, (batch, L, …), broadcast to the drives.
    rates
        a [1/time], real or complex, broadcast to the axes S of the state.
    drives
        (batch, L, *S).

    References
    ----------
    THEORY T19.

    Examples
    --------
    >>> scan = ClockScan(np.array([[[1.0], [2.0]]]), np.array([-np.log(2.0)]), np.ones((1, 2, 1)))
    >>> scan.states().ravel()
    array([1.  , 1.25])
    """

    increments: Values
    rates: Values
    drives: Values

    @property
    def multipliers(self) -> Values:
        r"""$e^{a \Delta_k}$, broadcast to (batch, L, *S)."""
        result: Values = np.exp(self.increments * self.rates)
        return result

    @property
    def clock(self) -> Values:
        r"""$\tau_k$ [time], the shape of the increments."""
        result: Values = np.cumsum(self.increments, axis=1)
        return result

    def _dtype(self) -> np.dtype[Any]:
        return np.result_type(self.increments, self.rates, self.drives)

    def _step(self, k: int, state: Values) -> Values:
        result: Values = np.exp(self.increments[:, k] * self.rates) * state
        return result

    def _closed(self) -> Values:
        return clock_states(self.increments, self.rates, self.drives)
