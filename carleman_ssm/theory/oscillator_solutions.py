r"""The exact solution of the nonlinear oscillator network: the ring is linear, so its modes solve it.

$$x_j(t) = \frac1N \sum_n e^{-2\pi i f_n j/N} \Big(e^{a_n t} x_n(0) + b_n \int_0^t e^{a_n(t-\tau)} u(\tau)\,d\tau\Big),
    \qquad \psi_j(t) = -i \ln x_j(t), \quad r_j = |x_j|, \quad \theta_j = \arg x_j,$$
in closed form for the inputs of `theory.excitations`; in discrete time $\lambda_n^k$ and a geometric sum. Modes that
move as they should solve the nonlinear equations T7, whatever the input: for up to three nodes that is a certificate
in letters for the modes, and the motion of these modes is another one. The logarithm may be continued along the path;
a node passes a singular point where $x_j = 0$.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.couplings import circulant, skew_circulant
from carleman_ssm.theory.excitations import Excitation
from carleman_ssm.theory.instances import at_size, node_count
from carleman_ssm.theory.motions import continuous_motion, discrete_motion
from carleman_ssm.theory.oscillators import OscillatorNetwork, real_symbol
from carleman_ssm.theory.polar import (
    INPUT,
    amplitude_symbols,
    complex_phase_field,
    phase_symbols,
    polar_field,
    polar_step,
)
from carleman_ssm.theory.polynomials import exact, require_kind
from carleman_ssm.theory.ring import RingEmbedding
from carleman_ssm.theory.ring_modes import ANTIPERIODIC
from carleman_ssm.theory.ssm import DiagonalSSM, DiscreteSSM

REFERENCE = "derivations/07_oscillator_solutions"
PROVED_NODES = 3
"""Up to this many nodes the nonlinear equations themselves are certificates."""


def oscillator_solution(
    network: OscillatorNetwork,
    excitation: Excitation,
    *,
    initial: Sequence[sp.Expr] | None = None,
    step: sp.Expr = sp.S.One,
) -> ClosedForm:
    r"""The complex phases $\psi_j(t) = -i \ln x_j(t) = \arg x_j - i \ln |x_j|$ of a network that came from a ring.

    Parameters
    ----------
    network
        From `OscillatorNetwork.of_ring`; in discrete time the phases are those after step k.
    excitation
        The input.
    initial
        $x_j(0)$, by default 0: every node starts at the singular point of the equations, and a phase
        exists from when the input reaches the node.
    step
        $\Delta$ [time] of a discrete network: $\rho = e^{s\Delta}$ for the rates s of the excitation.

    Returns
    -------
    ClosedForm
        Of the column $\psi_j$, with the modes ``x_n`` and the nodes ``h_j`` as definitions. Certificates: the start
        and the motion of the modes; and for up to `PROVED_NODES` nodes that the *nonlinear* equations hold along
        whatever modes move so, in letters $x_n$ and u. Continuous: the field of $\psi$; and for a real input the polar
        equations at $r_j = \sqrt{h_j \bar h_j}$, $\theta_j = \frac{1}{2i} (\ln h_j - \ln \bar h_j)$, as $r r'$ and
        $r^2\theta'$, the real and the imaginary part of $\bar h_j h_j'$. Discrete: the polar step. They claim nothing
        where some $h_j = 0$, and a compiled solution refuses such a time: from rest, $t = 0$.

    Raises
    ------
    ValueError
        The network has no ring (a coupling matrix alone has no modes in closed form), or the initial state has
        another size, or a node stays at 0 for ever.

    References
    ----------
    derivations/07_oscillator_solutions; THEORY T7, T15.

    Examples
    --------
    >>> from carleman_ssm.theory.ring import ring_embedding
    >>> one = OscillatorNetwork.of_ring(ring_embedding(DiagonalSSM((sp.I - 1,), (1,), (1,))))
    >>> solution = oscillator_solution(one, Excitation.impulse())
    >>> solution.where[sp.Symbol("x_0")]
    exp(t*(-1 + I))
    """
    ring = _ring_of(network)
    given = (sp.S.Zero,) * ring.nodes if initial is None else initial
    start = tuple(exact(x, f"the initial state x[{j}]") for j, x in enumerate(given))
    amplitudes = ring.mode_amplitudes(start)
    path = _discrete_path if network.discrete else _continuous_path
    time, modes, where, certificates = path(ring, excitation, amplitudes, start, step)
    _refuse_still_nodes(ring.node_contents(modes))
    count = range(ring.nodes)
    x, h = (tuple(sp.Symbol(f"{stem}_{j}") for j in count) for stem in ("x", "h"))
    where |= dict(zip(x, modes, strict=True)) | dict(zip(h, ring.node_contents(x), strict=True))
    column = sp.ImmutableMatrix(ring.nodes, 1, [sp.arg(node) - sp.I * sp.log(sp.Abs(node)) for node in h])
    entries = (*network.parameters, *ring.modes.parameters, *excitation.parameters, *_symbols(step, *start))
    used = set().union(*(value.free_symbols for value in where.values()))
    arguments = tuple(s for s in dict.fromkeys(entries) if s in used)
    taken = sorted({str(time), "i", *map(str, where)} & set(map(str, arguments)))
    if taken:
        msg = f"the names {', '.join(taken)} are used by the solution itself: rename the parameters"
        raise ValueError(msg)
    return ClosedForm(sp.Symbol("psi"), column, (*arguments, time), where, tuple(certificates), REFERENCE)


def _refuse_still_nodes(nodes: tuple[sp.Expr, ...]) -> None:
    still = [str(j) for j, node in enumerate(nodes) if sp.expand(node) == 0]
    if still:
        msg = (
            f"the input never reaches node {', '.join(still)}, which has no phase: give an initial state without zeros"
        )
        raise ValueError(msg)


_Found = tuple[sp.Symbol, tuple[sp.Expr, ...], dict[sp.Basic, sp.Basic], list[Identity]]


def _ring_of(network: OscillatorNetwork) -> RingEmbedding:
    require_kind(network, OscillatorNetwork, "the network")
    if network.ring is None:
        msg = (
            "a coupling matrix alone has no modes in closed form: build the network with OscillatorNetwork.of_ring, "
            "or integrate it with rings.oscillations"
        )
        raise ValueError(msg)
    return network.ring


def _continuous_path(
    ring: RingEmbedding,
    excitation: Excitation,
    amplitudes: tuple[sp.Expr, ...],
    start: tuple[sp.Expr, ...],
    step: sp.Expr,
) -> _Found:
    """Modes as functions of t; `step` has no part in continuous time."""
    del step
    model = replace(_continuous(ring), conjugate_pairs=False)
    motion = continuous_motion(model, excitation)
    t, u = motion.time, motion.excitation
    rows = list(zip(motion.states, amplitudes, model.eigenvalues, model.input_vector, strict=True))
    modes = tuple(forced + x0 * sp.exp(a * t) for forced, x0, a, _ in rows)
    nodes = ring.node_contents(modes)
    kicked = [x + beta * excitation.impulse_weight for x, beta in zip(start, ring.kick, strict=True)]
    moved = [a * x + b * u for x, (_, _, a, b) in zip(modes, rows, strict=True)]
    certificates = [
        Identity(_column([sp.Subs(node, t, 0) for node in nodes]), _column(kicked), name="nodes just after t = 0"),
        Identity(_column([sp.Derivative(x, t) for x in modes]), _column(moved), name="motion of the modes"),
    ]
    if ring.nodes <= PROVED_NODES:
        letters, drive = _letters(ring, u)
        moving = [a * x + b * drive for x, (_, _, a, b) in zip(letters, rows, strict=True)]
        certificates += _nonlinear_laws(ring, ring.node_contents(letters), ring.node_contents(moving), drive)
    return t, modes, {}, _at_nodes(ring, certificates)


def _discrete_path(
    ring: RingEmbedding,
    excitation: Excitation,
    amplitudes: tuple[sp.Expr, ...],
    start: tuple[sp.Expr, ...],
    step: sp.Expr,
) -> _Found:
    """Modes after step k, with the geometric sums written as sums: they need no cases at resonance."""
    del start
    model = replace(_discrete(ring), conjugate_pairs=False)
    motion = discrete_motion(model, excitation, step, "sum")
    named, _ = model.named()
    k, u = motion.time, motion.excitation
    rows = list(zip(motion.states, amplitudes, named.multipliers, named.input_vector, strict=True))
    modes = tuple(forced + x0 * multiplier**k for forced, x0, multiplier, _ in rows)
    later = [x.subs(k, k + 1) for x in modes]
    moved = [m * x + b * u.subs(k, k + 1) for x, (_, _, m, b) in zip(modes, rows, strict=True)]
    first = [m * x0 + b * u.subs(k, 1) for _, x0, m, b in rows]
    certificates = [
        Identity(_column([x.subs(k, 1) for x in modes]), _column(first), name="modes after the first step"),
        Identity(_column(later), _column(moved), name="one step of the modes"),
    ]
    if ring.nodes <= PROVED_NODES:
        build = skew_circulant if ring.closure == ANTIPERIODIC else circulant
        letters = OscillatorNetwork(
            build(ring.node_contents(named.multipliers)), ring.node_contents(named.input_vector), discrete=True
        )
        x, drive = _letters(ring, u)
        stepped = [m * mode + b * drive for mode, (_, _, m, b) in zip(x, rows, strict=True)]
        certificates += _stepwise_laws(letters, ring.node_contents(x), ring.node_contents(stepped), drive)
    return k, modes, dict(motion.where), _at_nodes(ring, certificates)


def _at_nodes(ring: RingEmbedding, certificates: list[Identity]) -> list[Identity]:
    return list(at_size(certificates, node_count(ring.nodes)))


def _letters(ring: RingEmbedding, u: sp.Expr) -> tuple[tuple[sp.Symbol, ...], sp.Symbol]:
    """Letters for the modes, and for the input: real if it is."""
    real = sp.expand(u - sp.conjugate(u)) == 0
    return tuple(sp.Symbol(f"x_{n}") for n in range(ring.nodes)), INPUT if real else sp.Symbol(INPUT.name)


_Nodes = tuple[sp.Expr, ...]


def _nonlinear_laws(ring: RingEmbedding, nodes: _Nodes, moving: _Nodes, u: sp.Symbol) -> list[Identity]:
    """The equations of ψ, and for a real input those of θ and r, where the nodes move like this."""
    network = OscillatorNetwork.of_ring(ring)
    psi = {sp.Symbol(f"psi_{j}"): -sp.I * sp.log(node) for j, node in enumerate(nodes)}
    field = list(complex_phase_field(network).where.values())
    laws = [
        Identity(
            -sp.I * speed / node, right.xreplace({**psi, INPUT: u}), name=rf"equation of $\psi_{j}$", nonzero=(node,)
        )
        for j, (node, speed, right) in enumerate(zip(nodes, moving, field, strict=True))
    ]
    return laws + _polar_laws(network, nodes, moving) if u == INPUT else laws


def _polar_laws(network: OscillatorNetwork, nodes: _Nodes, moving: _Nodes) -> list[Identity]:
    """The equations of θ and r for a real input."""
    laws = []
    polar, r = list(polar_field(network).where.values()), amplitude_symbols(network.nodes)
    for j, (node, speed) in enumerate(zip(nodes, moving, strict=True)):
        turning, growing = polar[j], polar[network.nodes + j]
        ahead, behind = speed * sp.conjugate(node), node * sp.conjugate(speed)
        statements = [
            (r"$r^2\theta'$", r[j] ** 2 * turning, (ahead - behind) / (2 * sp.I)),
            ("$rr'$", r[j] * growing, (ahead + behind) / 2),
        ]
        laws += [
            Identity(motion, _along(field, nodes), name=f"{what} of node {j}", nonzero=(node,))
            for what, field, motion in statements
        ]
    return laws


def _stepwise_laws(network: OscillatorNetwork, nodes: _Nodes, later: _Nodes, u: sp.Symbol) -> list[Identity]:
    """The polar step takes the nodes to those after one step of the modes."""
    where = polar_step(network).where
    return [
        Identity(
            _along(where[real_symbol(f"X_{j}")] + sp.I * where[real_symbol(f"Y_{j}")], nodes).xreplace({INPUT: u}),
            later[j],
            name=f"polar step of node {j}",
            nonzero=nodes,
        )
        for j in range(network.nodes)
    ]


def _along(expression: sp.Expr, nodes: tuple[sp.Expr, ...]) -> sp.Expr:
    r"""The expression at $r_j = \sqrt{h_j}\sqrt{\bar h_j}$ and $e^{i\theta_j} = \sqrt{h_j}/\sqrt{\bar h_j}$.

    Sines, cosines and exponentials of sums of phases are written as powers of $e^{i\theta_j}$ first; with one choice
    of each root the roots cancel. Terms with the same nodes stand together.
    """
    thetas, r = phase_symbols(len(nodes)), amplitude_symbols(len(nodes))
    phasors = tuple(sp.Symbol(f"phasor_{j}") for j in range(len(nodes)))

    def turned(angle: sp.Expr) -> sp.Expr:
        powers = [sp.expand(angle).coeff(theta) for theta in thetas]
        rest = sp.expand(angle) - sp.Add(*(power * theta for power, theta in zip(powers, thetas, strict=True)))
        return sp.exp(sp.I * rest) * sp.Mul(*(e**power for e, power in zip(phasors, powers, strict=True)))

    rules = {
        sp.cos: lambda angle: (turned(angle) + turned(-angle)) / 2,
        sp.sin: lambda angle: (turned(angle) - turned(-angle)) / (2 * sp.I),
        sp.exp: lambda power: turned(power / sp.I) if power.has(*thetas) else sp.exp(power),
    }
    for function, rule in rules.items():
        expression = expression.replace(function, rule)
    values: dict[sp.Basic, sp.Basic] = {}
    for length, e, node in zip(r, phasors, nodes, strict=True):
        root, mirrored = sp.sqrt(node), sp.sqrt(sp.conjugate(node))
        values |= {length: root * mirrored, e: root / mirrored}
    weights: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(sp.expand(expression)):
        weight, met = term.as_independent(*r, *phasors)
        weights[met] = weights.get(met, sp.S.Zero) + weight
    return sp.Add(*(weight * met.xreplace(values) for met, weight in weights.items()))


def _continuous(ring: RingEmbedding) -> DiagonalSSM:
    if not isinstance(ring.modes, DiagonalSSM):
        msg = "the network is continuous and its ring is discrete: use OscillatorNetwork.of_ring"
        raise TypeError(msg)
    return ring.modes


def _discrete(ring: RingEmbedding) -> DiscreteSSM:
    if not isinstance(ring.modes, DiscreteSSM):
        msg = "the network is discrete and its ring is continuous: use OscillatorNetwork.of_ring"
        raise TypeError(msg)
    return ring.modes


def _column(entries: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(len(entries), 1, list(entries))


def _symbols(*entries: sp.Expr) -> list[sp.Symbol]:
    return [s for entry in entries for s in sorted(sp.sympify(entry, strict=True).free_symbols, key=str)]
