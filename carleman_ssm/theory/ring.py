r"""Every diagonal model as a ring of coupled nodes: the discrete Fourier transform of its modes.

The mode with the ring frequency $f$ has the phase $e^{2\pi i f j/N}$ at node $j$. With the normalised node contents
$$h_j = \frac1N \sum_n x_n e^{-2\pi i f_n j/N}, \qquad x_n = \sum_j h_j e^{2\pi i f_n j/N}$$
the model $x' = \mathrm{diag}(a) x + b u$, $y = c^\top x + D u$ becomes
$$h' = W h + \beta u, \quad y = \sum_j C_j h_j + D u, \quad W_{jl} = w_{j-l}, \quad
  w_d = \frac1N \sum_n a_n e^{-2\pi i f_n d/N}, \quad C_j = \sum_n c_n e^{2\pi i f_n j/N},$$
and a discrete model the same with $\lambda$ for $a$ and one step for the derivative (T1). The closures differ in
the frequencies alone: $0 \dots N-1$ for the stored modes (a complex ring), $-(M-1) \dots M-1$ for conjugate pairs
around one real mode (a real ring, T5), and the half-integers $-(M-\frac12) \dots M-\frac12$ (a real ring that
changes sign once around, $w_{d-N} = -w_d$, T5b). A ring exists for *every* spectrum in every order; waves do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sympy as sp

from carleman_ssm.theory.couplings import circulant, skew_circulant
from carleman_ssm.theory.polynomials import exact, exact_entries
from carleman_ssm.theory.ring_modes import (
    ANTIPERIODIC,
    COMPLEX,
    INDEX,
    UNIT_INPUT,
    Model,
    check_model,
    permutation,
    resolved_order,
    ring_modes,
    spectrum_of,
)
from carleman_ssm.theory.roots_of_unity import root_of_unity, weighted_roots
from carleman_ssm.theory.ssm import DiscreteSSM


@dataclass(frozen=True)
class RingEmbedding:
    r"""A diagonal model seen as a ring of N nodes; `ring_embedding` builds it and names its orders.

    Parameters
    ----------
    model
        The model, in continuous or in discrete time, symbolic or with exact numbers.
    closure
        ``"complex"``: one node for each stored mode; the output of stored conjugate pairs is twice a real part.
        ``"real"``: $2M - 1$ nodes for $M$ stored pairs, exactly one of which is a real mode.
        ``"antiperiodic"``: $2M$ nodes for $M$ stored pairs, with a change of sign once around.
    gauge
        ``"unit-input"``: $b_n = 1$ ($\bar b_n = 1$ in discrete time), folded into $c_n$. ``"textbook"``: the
        entries as they are.
    order
        The stored modes in the order of their frequencies: ``order[i]`` is the index of the mode with the
        i-th frequency that is not negative. Conjugates have the negative frequencies.

    Raises
    ------
    TypeError
        Not a diagonal model, or an order that is no sequence of integers.
    ValueError
        An unknown closure or gauge, an order that is no permutation, an input entry 0 in the unit gauge, or a
        spectrum that the closure cannot hold.

    References
    ----------
    THEORY T1, T1′, T5, T5b.
    """

    model: Model
    closure: str
    gauge: str
    order: tuple[int, ...]

    def __post_init__(self) -> None:
        check_model(self.model, self.closure, self.gauge)
        object.__setattr__(self, "order", permutation(self.order, self.model, self.closure))

    @cached_property
    def modes(self) -> Model:
        """The model with the modes of the ring: in ring order and gauge, conjugates written out for real rings."""
        return ring_modes(self.model, self.closure, self.gauge, self.order)

    @property
    def discrete(self) -> bool:
        r"""True for a recurrence $h_k = W h_{k-1} + \beta u_k$, False for $h' = W h + \beta u$."""
        return isinstance(self.model, DiscreteSSM)

    @property
    def nodes(self) -> int:
        """N, the number of nodes."""
        return self.modes.states

    @property
    def spectrum(self) -> tuple[sp.Expr, ...]:
        r"""$a_n$ [1/time], or the multipliers $\lambda_n$ of one step, in ring order."""
        return spectrum_of(self.modes)

    @property
    def frequencies(self) -> tuple[sp.Expr, ...]:
        r"""$f_n$ [turns around the ring], ascending."""
        if self.closure == COMPLEX:
            return tuple(map(sp.Integer, range(self.nodes)))
        return tuple(sp.Rational(1 - self.nodes + 2 * n, 2) for n in range(self.nodes))

    @property
    def input_vector(self) -> tuple[sp.Expr, ...]:
        r"""$b_n$, or $\bar b_n$ in discrete time, of the modes of the ring: all 1 in the unit gauge."""
        return self.modes.input_vector

    @property
    def output_vector(self) -> tuple[sp.Expr, ...]:
        """$c_n$ of the modes of the ring."""
        return self.modes.output_vector

    @property
    def feedthrough(self) -> sp.Expr:
        """D [output/input]: it passes by the ring."""
        return self.model.feedthrough

    @cached_property
    def couplings(self) -> tuple[sp.Expr, ...]:
        r"""$w_d = \frac1N \sum_n a_n e^{-2\pi i f_n d/N}$, $d = 0 \dots N-1$: what node j receives from node j - d."""
        return self.node_contents(self.spectrum)

    @cached_property
    def coupling_matrix(self) -> sp.ImmutableMatrix:
        r"""$W_{jl} = w_{j-l}$, circulant; skew-circulant, $w_{d-N} = -w_d$, for the anti-periodic closure."""
        return (skew_circulant if self.closure == ANTIPERIODIC else circulant)(self.couplings)

    @cached_property
    def kick(self) -> tuple[sp.Expr, ...]:
        r"""$\beta_j$, where the input enters the normalised ring: in the unit gauge at node 0 alone."""
        return self.node_contents(self.input_vector)

    @cached_property
    def readout_weights(self) -> tuple[sp.Expr, ...]:
        r"""$C_j = \sum_n c_n e^{2\pi i f_n j/N}$ [output/content]."""
        return tuple(self._sum(self.output_vector, j, 1) for j in range(self.nodes))

    @cached_property
    def fourier_matrix(self) -> sp.ImmutableMatrix:
        r"""$F_{nj} = e^{2\pi i f_n j/N}/\sqrt N$ (mode, node), unitary: $x = \sqrt N F h$, $W = F^H \Lambda F$."""
        scale = 1 / sp.sqrt(self.nodes)
        return sp.ImmutableMatrix(self.nodes, self.nodes, lambda n, j: scale * self._phase(self.frequencies[n] * j))

    def node_contents(self, amplitudes: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        r"""$h_j = \frac1N \sum_n x_n e^{-2\pi i f_n j/N}$ of the N modes of the ring, in ring order.

        Raises
        ------
        TypeError, ValueError
            Not one exact amplitude for each mode of the ring.
        """
        values = self._exact(amplitudes, "amplitudes")
        return tuple(self._sum(values, j, -1) / self.nodes for j in range(self.nodes))

    def mode_amplitudes(self, contents: Sequence[sp.Expr]) -> tuple[sp.Expr, ...]:
        r"""$x_n = \sum_j h_j e^{2\pi i f_n j/N}$, in ring order: the inverse of `node_contents`.

        Raises
        ------
        TypeError, ValueError
            Not one exact content for each node.
        """
        values = self._exact(contents, "node contents")
        return tuple(weighted_roots(values, [f * j / self.nodes for j in range(self.nodes)]) for f in self.frequencies)

    def readout(self, contents: Sequence[sp.Expr], u: sp.Expr) -> sp.Expr:
        r"""$y = \sum_j C_j h_j + D u$; twice the real part of the sum on a complex ring of conjugate pairs.

        Raises
        ------
        TypeError, ValueError
            Not one exact content for each node, or an input that is not exact.
        """
        values, entered = self._exact(contents, "node contents"), exact(u, "the input")
        return replace(self.modes, output_vector=self.readout_weights).readout(values, entered)

    def _sum(self, values: Sequence[sp.Expr], node: int, sign: int) -> sp.Expr:
        r"""$\sum_n v_n e^{\pm 2\pi i f_n j/N}$ over the modes."""
        return weighted_roots(values, [sign * f * node / self.nodes for f in self.frequencies])

    def _phase(self, turns: sp.Expr) -> sp.Expr:
        return root_of_unity(turns / self.nodes)

    def _exact(self, values: Sequence[sp.Expr], what: str) -> tuple[sp.Expr, ...]:
        entries = exact_entries(values, what)
        if len(entries) != self.nodes:
            msg = f"the ring has {self.nodes} nodes and as many modes, got {len(entries)} {what}"
            raise ValueError(msg)
        return entries


def ring_embedding(
    model: Model,
    *,
    closure: str = COMPLEX,
    gauge: str = UNIT_INPUT,
    order: str | Sequence[int] = INDEX,
) -> RingEmbedding:
    r"""The ring of a diagonal model.

    Parameters
    ----------
    model, closure, gauge
        As in `RingEmbedding`.
    order
        ``"index"``: as stored (a real ring puts its real mode first). ``"angle"``: by $\arg \lambda_n$ in
        $(-\pi, \pi]$, in continuous time by $\mathrm{Im}\, a_n$, equal ones by index; exact numbers only.
        ``"auto"`` (T6): the index where no angle wraps, $\max|\mathrm{Im}\, a|\Delta < \pi$, or where the law is
        affine in the index, else by angle. In continuous time nothing is sampled, so nothing wraps: the index. In
        discrete time exact numbers only; $\lambda$ knows $\mathrm{Im}\, a \Delta$ modulo $2\pi$ only, so it is
        followed along the index from the slowest mode by the smaller difference, which is right while neighbours
        differ by less than half a turn (else give `sampled_order`, which knows a and Δ). Or the indices of the
        stored modes themselves. The order changes the picture, never the output.

    Returns
    -------
    RingEmbedding

    Raises
    ------
    TypeError, ValueError
        As in `RingEmbedding`; or the angle of a symbol is asked for.

    See Also
    --------
    carleman_ssm.theory.ring_modes.sampled_order : the same rule from the eigenvalues and the step.

    References
    ----------
    THEORY T1, T1′, T5, T5b, T6.

    Examples
    --------
    >>> from carleman_ssm.theory.initialisations import s4d_lin
    >>> ring = ring_embedding(s4d_lin(2), closure="real")
    >>> ring.nodes, ring.frequencies, ring.kick
    (3, (-1, 0, 1), (1, 0, 0))
    >>> ring_embedding(DiscreteSSM.symbolic(2)).couplings
    (lambda_0/2 + lambda_1/2, lambda_0/2 - lambda_1/2)
    """
    check_model(model, closure, gauge)
    return RingEmbedding(model, closure, gauge, resolved_order(model, closure, order))
