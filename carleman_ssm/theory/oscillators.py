r"""A ring of coupled nodes as a network of nonlinear oscillators: the equations of amplitude and phase.

With $x_j = r_j e^{i\theta_j} = e^{i\psi_j}$, $\psi_j = \theta_j - i \ln r_j$, the linear network $x' = W x + \beta u$
reads, wherever no $x_j$ vanishes,
$$\psi_j' = -i \sum_l W_{jl} e^{i(\psi_l - \psi_j)} - i \beta_j u e^{-i\psi_j},$$
$$\theta_j' = \mathrm{Im} W_{jj}
    + \sum_{l \ne j} |W_{jl}| \frac{r_l}{r_j} \sin(\theta_l - \theta_j + \arg W_{jl})
    + \frac{|\beta_j| u}{r_j} \sin(\arg \beta_j - \theta_j),$$
$$r_j' = r_j \mathrm{Re} W_{jj} + \sum_{l \ne j} |W_{jl}| r_l \cos(\theta_l - \theta_j + \arg W_{jl})
    + |\beta_j| u \cos(\arg \beta_j - \theta_j)$$
for a real input (T7). This is a change of variables of the linear network, nothing is approximated; but it is
singular at $x_j = 0$, where every state space model starts and where real rings pass all the time: see
`rings.oscillations` for what to do there. The weights $r_l/r_j$ and the additive input distinguish the network
from Kuramoto's model (`theory.kuramoto`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import check_names
from carleman_ssm.theory.couplings import circulant, s4d_lin_couplings, s4d_lin_self_coupling
from carleman_ssm.theory.polynomials import exact, exact_entries, require_integer, require_kind
from carleman_ssm.theory.ring import RingEmbedding

MOST_NODES = 512
"""Of a network that is built from a number of nodes: $N^2$ expressions take seconds from here on."""


@dataclass(frozen=True)
class OscillatorNetwork:
    r"""$x' = W x + \beta u$, or one step $x_k = W x_{k-1} + \beta u_k$, to be read in polar form.

    Parameters
    ----------
    coupling_matrix
        $W$, shape (N, N) [1/time], or the matrix of one step; exact numbers or symbols.
    drive
        $\beta$, N entries [state/(input·time)], or [state/input] of one step.
    discrete
        True for the recurrence.
    ring
        The ring that the network came from, if it did: its modes solve the network in closed form.

    Raises
    ------
    ValueError
        The matrix is not square, or the drive, or the ring, has another size; an entry is a float.
    TypeError
        An entry is text or no scalar, there is no drive, `discrete` is no bool, `ring` no `RingEmbedding`.

    References
    ----------
    THEORY T7; Budzinski et al. (2022), Chaos 32, 031104, for the network without input.

    Examples
    --------
    >>> network = OscillatorNetwork(sp.Matrix([[-1 + 2 * sp.I, 3], [0, -1]]), (1, 0))
    >>> network.natural_frequencies, network.dampings
    ((2, 0), (1, 1))
    """

    coupling_matrix: sp.ImmutableMatrix
    drive: tuple[sp.Expr, ...]
    discrete: bool = False
    ring: RingEmbedding | None = None

    def __post_init__(self) -> None:
        given: object = self.coupling_matrix
        if not isinstance(given, sp.MatrixBase) or given.rows != given.cols or not given.rows:
            msg = f"the coupling matrix must be an explicit square matrix with at least one row, got {given!r}"
            raise ValueError(msg)
        places = {w: i for i, w in reversed(list(enumerate(given)))}  # each entry once: circulants repeat theirs
        for w, i in places.items():
            exact(w, f"W[{i // given.rows}, {i % given.rows}]")
        object.__setattr__(self, "coupling_matrix", sp.ImmutableMatrix(given))
        drive = exact_entries(self.drive, "beta")
        object.__setattr__(self, "drive", drive)
        if self.ring is not None:
            require_kind(self.ring, RingEmbedding, "the ring")
        sizes = {len(drive), *([] if self.ring is None else [self.ring.nodes])}
        if sizes != {given.rows}:
            msg = f"{given.rows} nodes need a drive (and a ring) of that size, got {len(drive)} entries of the drive"
            raise ValueError(msg)
        flag: object = self.discrete
        if not isinstance(flag, bool):
            msg = f"discrete must be True or False, got {flag!r}"
            raise TypeError(msg)
        check_names(self.parameters)

    @classmethod
    def of_ring(cls, ring: RingEmbedding) -> OscillatorNetwork:
        r"""The oscillators of a ring: $W$ its couplings, $\beta$ its kick; continuous or discrete as the ring is.

        Raises
        ------
        TypeError
            This is no `RingEmbedding`.

        Examples
        --------
        >>> from carleman_ssm.theory.initialisations import s4d_lin
        >>> from carleman_ssm.theory.ring import ring_embedding
        >>> OscillatorNetwork.of_ring(ring_embedding(s4d_lin(2))).natural_frequencies
        (pi/2, pi/2)
        """
        require_kind(ring, RingEmbedding, "the ring")
        return cls(ring.coupling_matrix, ring.kick, ring.discrete, ring)

    @classmethod
    def symbolic(cls, nodes: int, *, discrete: bool = False) -> OscillatorNetwork:
        r"""Every network with these nodes: $W_{jl} = K_{jl} e^{i\alpha_{jl}}$, $\beta_j = B_j e^{i\eta_j}$, all real.

        In continuous time the diagonal is written $W_{jj} = -\gamma_j + i\omega_j$: damping and natural frequency.

        Raises
        ------
        ValueError, TypeError
            The number of nodes is no integer from 1 to `MOST_NODES`.
        """
        count = _node_count(nodes)

        def entry(j: int, l: int) -> sp.Expr:
            if j == l and not discrete:
                return -real_symbol(f"gamma_{j}") + sp.I * real_symbol(f"omega_{j}")
            return real_symbol(f"K_{j}_{l}") * sp.exp(sp.I * real_symbol(f"alpha_{j}_{l}"))

        drive = tuple(real_symbol(f"B_{j}") * sp.exp(sp.I * real_symbol(f"eta_{j}")) for j in range(count))
        return cls(sp.ImmutableMatrix(count, count, entry), drive, discrete)

    @classmethod
    def s4d_lin(cls, nodes: int) -> OscillatorNetwork:
        r"""S4D-Lin with the modes $0 \dots N-1$ and the input at node 0.

        Natural frequency $\pi(N-1)/2$, damping $\tfrac12$, coupling $-\frac{\pi/2}{\sin(\pi d/N)} e^{i\pi d/N}$ over
        $d = j - l \bmod N$: stronger the nearer, with a lag that grows with the distance.

        Raises
        ------
        ValueError, TypeError
            The number of nodes is no integer from 1 to `MOST_NODES`.

        References
        ----------
        THEORY T2, T7.

        Examples
        --------
        >>> OscillatorNetwork.s4d_lin(2).coupling_matrix
        Matrix([
        [-1/2 + I*pi/2,       -I*pi/2],
        [      -I*pi/2, -1/2 + I*pi/2]])
        """
        count = _node_count(nodes)
        alone, coupling = s4d_lin_self_coupling("one-sided"), s4d_lin_couplings("one-sided")
        size, distance = coupling.arguments
        column = [alone.expression.subs(size, count)]
        for d in range(1, count):
            place = {size: count, distance: d}
            column.append(coupling.expression.replace(sp.sin, lambda x, at=place: _short_sine(x.subs(at))).subs(place))
        return cls(circulant(column), tuple(sp.Integer(int(j == 0)) for j in range(count)))

    @property
    def nodes(self) -> int:
        """N."""
        return int(self.coupling_matrix.rows)

    @property
    def natural_frequencies(self) -> tuple[sp.Expr, ...]:
        r"""$\mathrm{Im} W_{jj}$ [rad/time]: how fast the phase of node j turns on its own."""
        return tuple(sp.im(self.coupling_matrix[j, j]) for j in range(self.nodes))

    @property
    def dampings(self) -> tuple[sp.Expr, ...]:
        r"""$-\mathrm{Re} W_{jj}$ [1/time]: how fast the amplitude of node j falls on its own."""
        return tuple(-sp.re(self.coupling_matrix[j, j]) for j in range(self.nodes))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once, rows of W first."""
        entries = dict.fromkeys([*self.coupling_matrix, *self.drive])
        return tuple(dict.fromkeys(s for entry in entries for s in sorted(entry.free_symbols, key=str)))

    def derivative(self, states: Sequence[sp.Expr], u: sp.Expr) -> tuple[sp.Expr, ...]:
        r"""$(W x + \beta u)_j$ for every node; of a discrete network the next state.

        Raises
        ------
        ValueError
            Not one state for each node.
        """
        if len(states) != self.nodes:
            msg = f"the network has {self.nodes} nodes, got {len(states)} states"
            raise ValueError(msg)
        rows = self.coupling_matrix.tolist()
        return tuple(
            sp.Add(*(w * x for w, x in zip(row, states, strict=True)), beta * u)
            for row, beta in zip(rows, self.drive, strict=True)
        )


def _node_count(nodes: object) -> int:
    count = require_integer(nodes, "the number of nodes")
    if count < 1:
        msg = "a network needs at least one node"
        raise ValueError(msg)
    if count > MOST_NODES:
        msg = (
            f"an exact network of {count} nodes has {count}^2 expressions, at most {MOST_NODES} nodes are built: use "
            "theory.polar_laws for symbolic N, or rings.rings.model_rings and Oscillators.of_rings for numbers"
        )
        raise ValueError(msg)
    return count


def _short_sine(angle: sp.Expr) -> sp.Expr:
    r"""The sine, evaluated only to a root of a rational number: $\sin(\pi/5)$ is shorter than its nested roots."""
    value = sp.sin(angle)
    return value if (value**2).is_Rational else sp.sin(angle, evaluate=False)


def real_symbol(name: str) -> sp.Symbol:
    """A letter for a real number."""
    return sp.Symbol(name, real=True)
