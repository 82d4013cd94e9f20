r"""Reading the waves of S4D-Lin out: the weights of the nodes are the undamped kernel.

With $b_n = 1$ the impulse response is $K(t) = \sum_n c_n e^{a_n t}$ and the readout of the normalised ring
$y = \sum_j C_j h_j$ has $C_j = \sum_n c_n e^{2\pi i f_n j/N} = e^{t_j/2} K(t_j)$, with the travel time $t_j = 2j/N$ to
node j. For whole frequencies the pattern comes back after 2 units of time, damped by $e^{-1}$:
$K(t + 2) = e^{-1} K(t)$ for every c. In discrete time ($\bar b_n = 1$) $K_m = \sum_j \rho^m D(\delta m - j)\,C_j$.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import for_nodes, node_count
from carleman_ssm.theory.polynomials import require_integer
from carleman_ssm.theory.wave_profile import (
    HOP,
    MODE,
    NODES,
    TIME,
    checked_hop,
    checked_nodes,
    interpolation_sum,
    letters,
    lin_eigenvalue,
    mode_frequency,
    whole_start,
    written_nodes,
)

REFERENCE = "derivations/03_rigid_waves"
MAX_TAPS = 24
"""Most taps that `tap_design` writes out: its certificate has their third power of terms."""

_C = sp.IndexedBase("c")
_K = sp.IndexedBase("K")
_NODE = sp.Symbol("j", integer=True)
_LAG = sp.Symbol("m", integer=True, nonnegative=True)
_DAMPING = sp.Symbol("rho", positive=True)
_REVOLUTION = sp.Symbol("R", integer=True, positive=True)


def _over_modes(factor: sp.Expr, size: sp.Expr) -> sp.Expr:
    """The sum over the modes of the output weight times a factor."""
    return sp.Sum(_C[MODE] * factor, (MODE, 0, size - 1))


def _taps(f: sp.Expr, size: sp.Expr, hop: sp.Expr) -> sp.Expr:
    r"""The kernel at lag m, $\sum_n c_n \lambda_n^m$ with $\lambda_n = \rho e^{2\pi i f_n\delta/N}$."""
    return _over_modes((_DAMPING * sp.exp(2 * sp.pi * sp.I * f * hop / size)) ** _LAG, size)


def _share(place: sp.Expr, weight: sp.Expr, size: sp.Expr, first: sp.Expr | int | None) -> sp.Expr:
    r"""What a node adds to the kernel at lag m: $\rho^m D(\delta m - j)\,C_j$, with the place $\delta m - j$."""
    return _DAMPING**_LAG * interpolation_sum(place, size, first=first) * weight


def _impulse_response(f: sp.Expr, size: sp.Expr, time: sp.Expr) -> sp.Expr:
    return _over_modes(sp.exp(lin_eigenvalue(f) * time), size)


def _weight(f: sp.Expr, size: sp.Expr, node: sp.Expr) -> sp.Expr:
    return _over_modes(sp.exp(2 * sp.pi * sp.I * f * node / size), size)


def readout_weights(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""The readout weight of node j is the undamped kernel: $C_j = e^{t_j/2} K(t_j)$, $t_j = 2j/N$.

    Parameters
    ----------
    nodes
        N.
    first
        $f_0$, a whole number; None for the symbol ``f_0``: the statements hold for each.

    Returns
    -------
    ClosedForm
        Of ``C[j]`` in the output weights ``c[n]`` of the modes in ring order. Certificates: $C_j = e^{t_j/2}K(t_j)$;
        $C_{j+N} = C_j$; at one node per step ($\delta = 1$) $K_m = \rho^m C_m$, so the kernel is an arbitrary
        N-tap filter and its damped repeats (`tap_design`).

    Raises
    ------
    ValueError
        N is no positive integer, or $f_0$ no whole number.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    size, start = checked_nodes(nodes), whole_start(first)
    f = mode_frequency(start, size)
    travel = 2 * _NODE / size
    undamped = sp.exp(travel / 2) * _impulse_response(f, size, travel)
    unit_hop = _over_modes(sp.exp(lin_eigenvalue(f) * 2 / size) ** _LAG, size)
    certificates = (
        Identity(_weight(f, size, _NODE), undamped, name="undamped kernel", because=r"$e^{t_j/2} e^{a_n t_j}$"),
        Identity(
            _weight(f, size, _NODE + size), _weight(f, size, _NODE), name="the ring closes", because=r"$e^{2\pi i f}=1$"
        ),
        Identity(
            unit_hop,
            sp.exp(-1 / size) ** _LAG * _weight(f, size, _LAG),
            name="one node per step",
            because=r"$\lambda_n = \rho\, e^{2\pi i f_n/N}$",
        ),
    )
    arguments = (*letters(size, start), _C, _NODE)
    return ClosedForm(
        sp.IndexedBase("C")[_NODE], _weight(f, size, _NODE), arguments, {}, for_nodes(certificates, size), REFERENCE
    )


def impulse_response(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""The kernel of S4D-Lin comes round: $K(t + 2) = e^{-1} K(t)$ for every c, and $K_{k+R} = e^{-1} K_k$.

    One revolution lasts 2 units of time, $R = 2/\Delta$ steps, and costs the factor $e^{-1}$ whatever N and
    $\Delta$: so every node holds the input of one travel time ago *plus* $e^{-1}$ times that of one revolution
    before, and so on. For a stationary white input the energy that is older than one revolution is the fraction
    $e^{-2}$ of the whole.

    Parameters
    ----------
    nodes, first
        As in `readout_weights`.

    Returns
    -------
    ClosedForm
        Of K at time t. Certificates: the wrap-around in continuous time; in steps of $2/R$; and the energy
        $\sum_{m=N}^{N+L-1} \rho^{2m} = e^{-2}\sum_{m=0}^{L-1}\rho^{2m}$ of whatever is one revolution older.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    size, start = checked_nodes(nodes), whole_start(first)
    f = mode_frequency(start, size)
    length = sp.Symbol("L", integer=True, positive=True)
    rho, i = sp.exp(-1 / size), sp.Symbol("i", integer=True)

    def sampled(k: sp.Expr) -> sp.Expr:
        return _impulse_response(f, size, 2 * k / _REVOLUTION)

    certificates = (
        Identity(
            _impulse_response(f, size, TIME + 2),
            sp.exp(-1) * _impulse_response(f, size, TIME),
            name="wrap-around",
            because=r"$e^{2 a_n} = e^{-1} e^{2\pi i f_n} = e^{-1}$",
        ),
        Identity(
            sampled(_LAG + _REVOLUTION),
            sp.exp(-1) * sampled(_LAG),
            name="wrap-around in steps",
            because=r"$R$ steps of $2/R$ are one revolution",
        ),
        Identity(
            sp.Sum(rho ** (2 * i), (i, size, size + length - 1)),
            sp.exp(-2) * sp.Sum(rho ** (2 * i), (i, 0, length - 1)),
            name="energy older than one revolution",
            because=r"$\rho^{2N} = e^{-2}$",
        ),
    )
    arguments = (*letters(size, start), _C, TIME)
    return ClosedForm(
        sp.Symbol("K"), _impulse_response(f, size, TIME), arguments, {}, for_nodes(certificates, size), REFERENCE
    )


def tap_design(nodes: int, *, first: sp.Expr | int = 0) -> ClosedForm:
    r"""Output weights for prescribed taps $K_0 \dots K_{N-1}$: $c_n = \frac1N\sum_m \rho^{-m} K_m e^{-2\pi i f_n m/N}$.

    So at one node per step S4D-Lin realises every filter with N taps, followed by its $e^{-1}$-damped repeats.

    Parameters
    ----------
    nodes
        N, a number of at most `MAX_TAPS`: the certificate is written out.
    first
        $f_0$.

    Returns
    -------
    ClosedForm
        Of ``c[n]`` in the taps ``K[0] … K[N-1]``. Certificate: the kernel of these weights is the given one.

    Raises
    ------
    TypeError, ValueError
        `nodes` is no positive number, or larger than `MAX_TAPS`; or $f_0$ is no whole number.

    References
    ----------
    derivations/03_rigid_waves; THEORY T3.
    """
    remedy = r"for any N `readout_weights` states K_m = rho^m C_m, and c is the Fourier transform of rho^-m K_m"
    size, start = sp.Integer(written_nodes(nodes, remedy, MAX_TAPS)), whole_start(first)
    rho = sp.exp(-1 / size)

    def weight(n: sp.Expr) -> sp.Expr:
        phase = -2 * sp.pi * sp.I * (start + n) / size
        return sp.Add(*(rho**-m * _K[m] * sp.exp(phase * m) for m in range(size))) / size

    multipliers = [sp.exp(sp.expand(lin_eigenvalue(start + n) * 2 / size)) for n in range(size)]
    powers = sp.ImmutableMatrix(size, size, lambda m, n: sp.Pow(multipliers[n], m, evaluate=False))
    weights = sp.ImmutableMatrix([weight(sp.Integer(n)) for n in range(size)])
    taps = Identity(
        sp.MatMul(powers, weights, evaluate=False),
        sp.ImmutableMatrix([_K[m] for m in range(size)]),
        name="the taps are the prescribed ones",
        because=r"$\sum_n c_n\lambda_n^m = K_m$, as the discrete Fourier transform is invertible",
        sizes=node_count(size),
    )
    return ClosedForm(_C[MODE], weight(MODE), (*letters(start), _K, MODE), {}, (taps,), REFERENCE)


def edited_kernel(nodes: int, *, node: int, first: sp.Expr | int | None = None, hop: sp.Expr | int = HOP) -> ClosedForm:
    r"""The kernel without the readout of node j: $K_m - \rho^m D(\delta m - j)\,C_j$.

    For every $\delta$ zeroing $C_j$ deletes lag m if $\delta m$ is a whole number $\equiv j \bmod N$, leaves it
    untouched if $\delta m$ is another whole number, and takes a part of it, $D(\delta m - j) \ne 0$, otherwise. So a
    whole $\delta$ loses exactly the lags that visit the node (`visiting_lags`, `deleted_share`): one, and every
    $N/\gcd(\delta, N)$ steps another; none if the wave leaps over the node. Lag 0 goes with $C_0$ for every $\delta$.

    Parameters
    ----------
    nodes
        N, a number of at most `MAX_WRITTEN`: the sum over nodes is written out.
    node
        j, the node whose weight becomes 0.
    first, hop
        $f_0$ (symmetric by default) and $\delta$.

    Returns
    -------
    ClosedForm
        Of the kernel at lag m, in the weights ``C[0] … C[N-1]``. Certificate: with the share of the node,
        $\rho^m D(\delta m - j)\,C_j$, it is $\sum_n c_n \lambda_n^m$.

    Raises
    ------
    TypeError, ValueError
        N is no number or too large, j no integer or not on the ring, $f_0$ or $\delta$ not known to be real; or a
        letter of the statement is used with another meaning.

    References
    ----------
    derivations/03_rigid_waves; THEORY T24.
    """
    step, size = checked_hop(hop), sp.Integer(written_nodes(nodes, "for any N use `deleted_share`"))
    if require_integer(node, "the node") not in range(int(size)):
        msg = f"a ring of {nodes} nodes has no node {node!r}: they are 0 … {size - 1}"
        raise ValueError(msg)
    f, weights = mode_frequency(first, size), sp.IndexedBase("C")
    kept = sp.Add(*(_share(step * _LAG - j, weights[j], size, first) for j in range(size) if j != node))
    readout = {weights[j]: _weight(f, size, sp.Integer(j)) for j in range(size)}
    whole = Identity(
        kept.xreplace(readout) + _share(step * _LAG - node, readout[weights[node]], size, first),
        _taps(f, size, step),
        name="what is kept and what the node held",
        because="the profile interpolates every mode exactly",
        sizes=node_count(size),
    )
    where = {_DAMPING: sp.exp(-step / size)}
    symbols = (*letters(f - MODE, step), weights, _LAG)
    return ClosedForm(_K[_LAG], kept, symbols, where, (whole,), REFERENCE)


def deleted_share(nodes: sp.Expr | int = NODES, *, first: sp.Expr | int | None = None) -> ClosedForm:
    r"""What zeroing the weight of node j takes from the kernel, for whole hops: whole lags, and nothing else.

    The share of node j in lag m is $\rho^m D(\delta m - j)\,C_j$. For a whole $\delta$ it is all of $K_m$ if
    $\delta m \equiv j \bmod N$, and 0 for every other lag. So exactly the visiting lags go (`visiting_lags`): one lag
    alone as long as no wave came round.

    Parameters
    ----------
    nodes
        N.
    first
        $f_0$, a whole number; None for the symbol ``f_0``: the statement holds for each.

    Returns
    -------
    ClosedForm
        Of the share ``S[j]`` in lag m, with the weight of the node written with the modes. Certificates, with
        symbolic N, $\delta$, m: at $j = \delta m - qN$ it is $\sum_n c_n\lambda_n^m$, the whole lag; and
        $(e^{2\pi i(\delta m - j)/N} - 1)$ times it is 0, so that it vanishes at all other nodes.

    Raises
    ------
    ValueError
        N is no positive integer, or $f_0$ no whole number.

    References
    ----------
    derivations/03_rigid_waves; THEORY T24.
    """
    size, start = checked_nodes(nodes), whole_start(first)
    f, hop, turns = mode_frequency(start, size), sp.Symbol("delta", integer=True), sp.Symbol("q", integer=True)
    front = hop * _LAG

    def share(node: sp.Expr) -> sp.Expr:
        return _share(front - node, _weight(f, size, node), size, start)

    certificates = (
        Identity(
            share(front - turns * size),
            _taps(f, size, hop),
            name="a lag that visits the node goes as a whole",
            because=r"$D(qN) = 1$ and $C_{\delta m - qN} = C_{\delta m}$",
        ),
        Identity(
            (sp.exp(2 * sp.pi * sp.I * (front - _NODE) / size) - 1) * share(_NODE),
            sp.S.Zero,
            name="every other lag stays",
            because=r"$D$ vanishes at other whole numbers",
        ),
    )
    where = {_DAMPING: sp.exp(-hop / size)}
    arguments = (*letters(size, start, hop), _C, _NODE, _LAG)
    return ClosedForm(
        sp.IndexedBase("S")[_NODE], share(_NODE), arguments, where, for_nodes(certificates, size), REFERENCE
    )
