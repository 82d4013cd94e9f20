r"""Interaction indices of a one-layer polynomial network in closed form, with every input position a player.

The game: a coalition S of players keeps its values of the sequence, everything else is put back to the centre
$x^0$; $v(S)$ are the logits. With $t_p = p_h^{(p)}(y^0_{k,h})/p!$ and $a_j = a_{j,k,h}$ the effect of player j on
pre-activation (k, h),

$$v(S) = v(\emptyset) + \sum_h R_{ih}\,\mathrm{pool}_k \sum_{p\ge1} t_p\Big(\sum_{j\in S}a_j\Big)^p
+ \text{(affine path)}.$$

A player who joins at random with probability t contributes the factor $(1-t) + t e^{a_js}$ to the generating function
of $\sum_{j\in S}a_j$, so that with $c_r(t)$, $\beta_r(t)$ the Taylor coefficients of $\ln(1-t+te^x)$ and of
$(e^x-1)/(1-t+te^x)$,

$$\sum_m M_m(t)s^m = \exp\sum_r c_r(t)\Big(\sum_j a_j^r\Big)s^r,\qquad
G_m(t) = \sum_{p\ge m}p!\,t_p M_{p-m}(t),$$

the mean of what i adds is $\sum_r\beta_r a_i^rG_r$, and of what i and j add together beyond each alone
$\sum_{r,q}\beta_r\beta_q a_i^ra_j^qG_{r+q}$, $r, q \ge 1$ (proved in `theory.shapley`). Both are
polynomials in t of degree below P: integrals over t by Gauss' rule are exact. The power sums $\sum_j a_j^r$ are causal
convolutions of $K^r$, and sums over (k, h) are correlations with $K^r$: all Shapley values of a sequence cost 2P
convolutions, and no coalition is ever formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from carleman_ssm.interactions.players import GroupPlayers, Players, StepPlayers, members
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.enclosures import Floats
from carleman_ssm.operators.cosine_decoders import CosineDecoders
from carleman_ssm.operators.decoders import ChannelDecoders
from carleman_ssm.operators.one_layer import OneLayerForm
from carleman_ssm.theory.random_joins import contracted, exponential, join_series

PairIndex = Literal["mobius", "shapley", "shapley_taylor"]
PAIR_INDICES: tuple[PairIndex, ...] = ("mobius", "shapley", "shapley_taylor")
MAX_ENTRIES = 2 * 10**7
MAX_GAP = 1e-6
"""Largest gap that rounding may leave, as a share of the largest logit or Shapley value."""


class InteractionIndices(Protocol):
    """What every way of computing them answers, for the n players of one sequence."""

    @property
    def baseline(self) -> Floats:
        r"""$v(\emptyset)$, the logits at the centre, (classes,)."""

    @property
    def total(self) -> Floats:
        """$v(N)$, the logits of the sequence, (classes,)."""

    @property
    def gap(self) -> Floats:
        r"""What is missing from completeness, $v(N) - v(\emptyset) - \sum_i\phi_i$, (classes,)."""

    def mobius_values(self) -> Floats:
        r"""Dividend $m(\{i\}) = v(\{i\}) - v(\emptyset)$ of each player alone, (n, classes)."""

    def shapley_values(self) -> Floats:
        """Shapley value of each player, (n, classes); they sum to ``total - baseline - gap``."""

    def pairs(self, index: PairIndex, label: int, rival: int | None = None) -> Floats:
        """Index of every pair for one logit, or for the margin of `label` over `rival`: (n, n), diagonal 0."""


@dataclass(frozen=True, eq=False, repr=False)
class OneLayerIndices(Brief):
    r"""Indices of one sequence; build them with `one_layer_indices`.

    Parameters
    ----------
    players
        The effects of the n players.
    coefficients
        $t_p$ at the centre's pre-activations, (P + 1, L, H).
    readout
        $R$ (classes, H).
    pool_weights
        (L,).
    direct
        What reaches the logits past the decoders, per player, (n, classes).
    baseline
        $v(\emptyset)$ (classes,).
    """

    players: Players
    coefficients: Floats
    readout: Floats
    pool_weights: Floats
    direct: Floats
    baseline: Floats

    @property
    def degree(self) -> int:
        """P: no coalition of more players has a dividend of its own."""
        return len(self.coefficients) - 1

    @cached_property
    def total(self) -> Floats:
        r"""$v(N)$, by summing $t_p(\sum_ja_j)^p$."""
        response = self.players.power_sum(1)
        values = np.polynomial.polynomial.polyval(response, self.coefficients, tensor=False) - self.coefficients[0]
        total: Floats = self.baseline + self.readout @ (self.pool_weights @ values) + self.direct.sum(axis=0)
        return total

    @cached_property
    def gap(self) -> Floats:
        """What the Shapley values leave of the difference: rounding, which grows with the degree of a fit."""
        return np.asarray(self.total - self.baseline - self.shapley_values().sum(axis=0), dtype=np.float64)

    def mobius_values(self) -> Floats:
        r"""$m(\{i\}) = \sum_{p\ge1}t_pa_i^p$, read out: (n, classes)."""
        return self._singles(*_nobody())

    def shapley_values(self) -> Floats:
        r"""$\int_0^1\sum_r\beta_ra_i^rG_r\,dt$, read out: (n, classes)."""
        return self._singles(*_gauss(self.degree))

    def banzhaf_values(self) -> Floats:
        """The same at $t = 1/2$: what a player adds on average to a coalition drawn at random, (n, classes)."""
        return self._singles(np.array([0.5]), np.ones(1))

    def pairs(self, index: PairIndex, label: int, rival: int | None = None) -> Floats:
        r"""Index of every pair of players for one logit, or for a margin between two: (n, n), diagonal 0.

        Parameters
        ----------
        index
            ``"mobius"``: the dividend $m(\{i,j\})$. ``"shapley"``: the Shapley interaction index
            $\int_0^1\partial_{ij}\,dt$. ``"shapley_taylor"``: that of order 2, $\int_0^1 2(1-t)\partial_{ij}\,dt$;
            its pairs and the `mobius_values` sum to ``total - baseline``.
        label, rival
            The class, and the class whose logit is taken off.

        Raises
        ------
        ValueError
            An unknown index or class, or more than 2·10⁷ effects: use groups of positions.

        References
        ----------
        Grabisch & Roubens (1999), Int. J. Game Theory 28, 547; Sundararajan, Dhamdhere & Agarwal (2020),
        ICML (Shapley–Taylor).
        """
        row = readout_row(self.readout, label, rival)
        factors = self._pair_factors(index)
        effects = self.effects()
        result = np.zeros((effects.shape[1],) * 2)
        for r, row_factors in enumerate(factors, start=1):
            # Σ_q F_rq a_j^q by Horner's rule, then one product over (k, h) with a_i^r.
            inner = np.zeros_like(effects)
            for factor in row_factors[::-1]:
                inner += factor.T[:, None, :]
                inner *= effects
            inner *= (row[:, None] * self.pool_weights)[:, None, :]
            result += np.tensordot(effects**r, inner, axes=((0, 2), (0, 2)))
        np.fill_diagonal(result, 0.0)
        return result

    def pair(self, first: int, second: int, index: PairIndex) -> Floats:
        """The index of one pair for every logit, (classes,).

        Raises
        ------
        ValueError
            These are not two different players of 0 … n − 1, or the index is unknown.
        """
        if first == second:
            msg = f"a pair is two different players, got {first} twice"
            raise ValueError(msg)
        if not 0 <= min(first, second) <= max(first, second) < len(self.direct):
            msg = f"players {first} and {second} are not both among 0 … {len(self.direct) - 1}"
            raise ValueError(msg)
        one, other = self.effects()[:, [first, second]].transpose(1, 2, 0)
        joint = sum(
            (
                one**r * other**q * factor
                for r, row in enumerate(self._pair_factors(index), start=1)
                for q, factor in enumerate(row, start=1)
            ),
            np.zeros_like(one),
        )
        result: Floats = self.readout @ (self.pool_weights @ joint)
        return result

    def effects(self) -> Floats:
        """Effects of the players on the pre-activations, (H, n, L)."""
        count = len(self.direct) * self.coefficients[0].size
        if count > MAX_ENTRIES:
            msg = (
                f"pairs of {len(self.direct)} players need {count:.3g} effects (at most {MAX_ENTRIES:.0e} are written "
                "out): take groups of positions as players"
            )
            raise ValueError(msg)
        return self.players.effects()

    def _singles(self, nodes: Floats, weights: Floats) -> Floats:
        factors = np.zeros_like(self.coefficients)
        for slopes, moments, weight in self._at_nodes(nodes, weights):
            factors += weight * slopes[:, None, None] * moments
        result = self.direct.copy()
        for power in range(1, self.degree + 1):
            weighted = self.pool_weights[:, None] * factors[power]
            result += self.players.collected(power, weighted) @ self.readout.T
        return result

    def _pair_factors(self, index: PairIndex) -> list[list[Floats]]:
        r"""$F_{rq} = \sum_t w_t\beta_r\beta_qG_{r+q}$ for $r, q \ge 1$, $r + q \le P$; each (L, H)."""
        if index == "mobius":
            nodes, weights = _nobody()
        elif index in PAIR_INDICES:
            nodes, weights = _gauss(self.degree)
            weights = weights if index == "shapley" else 2.0 * (1.0 - nodes) * weights
        else:
            msg = f"unknown index {index!r}; choose one of {', '.join(map(repr, PAIR_INDICES))}"
            raise ValueError(msg)
        factors = [[np.zeros_like(self.coefficients[0]) for _ in range(self.degree - r)] for r in range(1, self.degree)]
        for slopes, moments, weight in self._at_nodes(nodes, weights):
            for r, row in enumerate(factors, start=1):
                for q, factor in enumerate(row, start=1):
                    factor += weight * slopes[r] * slopes[q] * moments[r + q]
        return factors

    def _at_nodes(self, nodes: Floats, weights: Floats) -> Iterator[tuple[Floats, Floats, float]]:
        r"""$\beta(t)$ (P + 1,), $G(t)$ (P + 1, L, H) and the weight of each node."""
        powers = self._power_sums
        for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
            cumulants, slopes = join_series(node, self.degree)
            moments = exponential([cumulant * power for cumulant, power in zip(cumulants, powers, strict=True)])
            yield np.array(slopes), np.stack(contracted(list(self.coefficients), moments)), weight

    @cached_property
    def _power_sums(self) -> Floats:
        sums = [self.players.power_sum(power) for power in range(1, self.degree + 1)]
        return np.stack([np.zeros_like(self.coefficients[0]), *sums])


def one_layer_indices(
    form: OneLayerForm,
    decoders: ChannelDecoders,
    centre: Floats,
    sequence: Floats,
    groups: NDArray[np.int64] | None = None,
) -> OneLayerIndices:
    """Indices of a sequence x (L, d) against the centre (L, d), every step or every group a player.

    For fitted decoders these are the indices of the polynomials: coalitions put pre-activations where the sequences
    never were, and no certificate covers them there. Above degree 20 or so the monomials of a fit cancel:
    a `gap` above `MAX_GAP` is refused.

    Parameters
    ----------
    groups
        Number 0 … n − 1 of the player of every step (L,) or of every entry (L, d); every step one by default.

    Raises
    ------
    ValueError
        Shapes that do not fit, group numbers with a gap, or a degree at which the sums cancel to rounding.
    TypeError
        The decoders are no polynomials.
    """
    if isinstance(decoders, CosineDecoders):
        msg = "phase products are no polynomials and have no finite degree: take dividends of groups of positions"
        raise TypeError(msg)
    if sequence.shape != centre.shape or sequence.shape[1:] != (form.features,) or len(sequence) > form.length:
        msg = f"sequence {sequence.shape} and centre {centre.shape} must both be (at most {form.length}, d)"
        raise ValueError(msg)
    deviation, length = sequence - centre, len(sequence)
    pool = form.pool_weights(length)
    trajectory = form.preactivations(centre[None])[0]
    coefficients = np.asarray(decoders.taylor(trajectory, decoders.degree), dtype=np.float64)
    if groups is None:
        players: Players = StepPlayers(form.kernel.value[:, :length], deviation @ form.drive_weight.value.T)
        direct = pool[:, None] * (deviation @ form.skip.value.T)
    else:
        masked = members(groups, sequence.shape) * deviation
        players = GroupPlayers(form.response(masked))
        direct = np.einsum("k,gkd,cd->gc", pool, masked, form.skip.value)
    baseline = form.read_out(pool @ coefficients[0], pool @ centre)
    return _complete(OneLayerIndices(players, coefficients, form.readout.value, pool, direct, baseline))


def _complete(found: OneLayerIndices) -> OneLayerIndices:
    """Refuse cancellation: what the values miss of completeness is rounding, and says what they are worth."""
    with np.errstate(over="ignore", invalid="ignore"):
        largest = float(np.abs(np.stack([found.total, found.baseline, *found.shapley_values()])).max())
        gap = float(np.abs(found.gap).max())
    if not gap <= MAX_GAP * largest:  # NaN is refused, too
        msg = (
            f"the indices of polynomials of degree {found.degree} cancel to rounding: they miss completeness by "
            f"{gap:.2g} (at most {MAX_GAP:.0e} of the largest logit or value is let pass). Build the operator with a "
            "lower degree, or take dividends of the network itself over a few groups of positions"
        )
        raise ValueError(msg)
    return found


def _nobody() -> tuple[Floats, Floats]:
    """Nobody else has joined: the node $t = 0$."""
    return np.zeros(1), np.ones(1)


def _gauss(degree: int) -> tuple[Floats, Floats]:
    """Gauss' nodes and weights on [0, 1] that are exact for polynomials of degree below P."""
    nodes, weights = np.polynomial.legendre.leggauss(max(1, (degree + 1) // 2))
    return np.asarray((nodes + 1) / 2, dtype=np.float64), np.asarray(weights / 2, dtype=np.float64)


def readout_row(readout: Floats, label: int, rival: int | None) -> Floats:
    """Row of a logit, or the difference of two rows.

    Raises
    ------
    ValueError
        There is no such class.
    """
    for name in (label, rival):
        if name is not None and not 0 <= name < len(readout):
            msg = f"class {name} is not one of 0 … {len(readout) - 1}"
            raise ValueError(msg)
    return np.asarray(readout[label] if rival is None else readout[label] - readout[rival], dtype=np.float64)
