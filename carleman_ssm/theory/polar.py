r"""The equations of amplitude and phase of an oscillator network, in continuous and in discrete time (T7).

$x_j = r_j e^{i\theta_j} = e^{i\psi_j}$ with $\psi_j = \theta_j - i \ln r_j$, as in `theory.oscillators`. The equations
hold where no $x_j$ vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import at_size, node_count
from carleman_ssm.theory.oscillators import OscillatorNetwork, real_symbol
from carleman_ssm.theory.polynomials import require_kind

REFERENCE = "derivations/07_polar_oscillators"
INPUT = sp.Symbol("u", real=True)

_EULER = "Euler's formula"
_POLAR = r"$X + iY$ by its modulus and argument"


def complex_phase_field(network: OscillatorNetwork) -> ClosedForm:
    r"""$\psi_j' = -i\sum_l W_{jl} e^{i(\psi_l - \psi_j)} - i\beta_j u e^{-i\psi_j}$ for $x_j = e^{i\psi_j}$.

    Parameters
    ----------
    network
        In continuous time.

    Returns
    -------
    ClosedForm
        Of the column $(\psi_0', \dots)$ in the parameters, ``psi_j`` and ``u``. Certificates: the chain rule,
        $i\psi_j' e^{i\psi_j} = (W x + \beta u)_j$, for every node.

    Raises
    ------
    ValueError
        The network is discrete, or uses a name of the equations.

    References
    ----------
    THEORY T7; Muller, Mináč and Nguyen (2021), PRE 104, L022201, for a network without input.

    Examples
    --------
    >>> field = complex_phase_field(OscillatorNetwork(sp.Matrix([[sp.I]]), (0,)))
    >>> field.where[sp.Symbol("psidot_0")]
    1
    """
    _require_time(network, discrete=False)
    count = network.nodes
    psi = tuple(sp.Symbol(f"psi_{j}") for j in range(count))
    names = tuple(sp.Symbol(f"psidot_{j}") for j in range(count))
    where: dict[sp.Basic, sp.Basic] = {}
    for j, name in enumerate(names):
        row = [network.coupling_matrix[j, l] * sp.exp(sp.I * psi[l] - sp.I * psi[j]) for l in range(count)]
        where[name] = -sp.I * sp.Add(*row) - sp.I * network.drive[j] * INPUT * sp.exp(-sp.I * psi[j])
    contents = network.derivative([sp.exp(sp.I * p) for p in psi], INPUT)
    certificates = tuple(
        Identity(
            sp.I * where[name] * sp.exp(sp.I * psi[j]),
            contents[j],
            name=f"chain rule at node {j}",
            because=r"$\frac{d}{dt} e^{i\psi} = i\psi' e^{i\psi}$",
        )
        for j, name in enumerate(names)
    )
    return _vector_form("F", names, network, (*psi, INPUT), where, certificates)


def polar_field(network: OscillatorNetwork) -> ClosedForm:
    r"""The equations of phase and amplitude with input: $\theta_j'$ and $r_j'$ of T7.

    A coupling that shows its modulus and argument ($K e^{i\alpha}$ with a real, perhaps negative K) is written
    $K \frac{r_l}{r_j} \sin(\theta_l - \theta_j + \alpha)$; any other one by its real and imaginary part.

    Parameters
    ----------
    network
        In continuous time.

    Returns
    -------
    ClosedForm
        Of the column $(\theta_0', \dots, r_0', \dots)$ in the parameters, ``theta_j``, ``r_j`` and the real ``u``.
        Certificates: $e^{i\theta_j}(r_j' + i r_j\theta_j') = (W x + \beta u)_j$ for every node, which determines
        both where $r_j \ne 0$. A compiled field refuses $r_j = 0$: there is no phase.

    Raises
    ------
    ValueError
        As in `complex_phase_field`.

    References
    ----------
    derivations/07_polar_oscillators; THEORY T7.

    Examples
    --------
    >>> pair = polar_field(OscillatorNetwork.symbolic(2))
    >>> print(pair.where[sp.Symbol("rdot_0", real=True)].subs(INPUT, 0))
    K_0_1*r_1*cos(alpha_0_1 - theta_0 + theta_1) - gamma_0*r_0
    """
    _require_time(network, discrete=False)
    count = network.nodes
    theta, r = phase_symbols(count), amplitude_symbols(count)
    names = tuple(real_symbol(f"{stem}_{j}") for stem in ("thetadot", "rdot") for j in range(count))
    turning, growing = [], []
    for j in range(count):
        along, across = _pull(network.drive[j], -theta[j])
        frequency, growth = [across * INPUT / r[j]], [along * INPUT]
        for l in range(count):
            along, across = _pull(network.coupling_matrix[j, l], theta[l] - theta[j])
            frequency.append(across * (r[l] / r[j]))
            growth.append(along * r[l])
        turning.append(sp.Add(*frequency))
        growing.append(sp.Add(*growth))
    where = dict(zip(names, (*turning, *growing), strict=True))
    contents = network.derivative([x * sp.exp(sp.I * phase) for x, phase in zip(r, theta, strict=True)], INPUT)
    certificates = tuple(
        Identity(
            sp.exp(sp.I * theta[j]) * (growing[j] + sp.I * r[j] * turning[j]),
            contents[j],
            name=f"velocity of node {j}",
            because=r"$\frac{d}{dt} r e^{i\theta} = e^{i\theta}(r' + i r \theta')$",
        )
        for j in range(count)
    )
    return _vector_form("F", names, network, (*theta, *r, INPUT), where, certificates)


def polar_step(network: OscillatorNetwork) -> ClosedForm:
    r"""One step in polar form: $r_j^+ e^{i\theta_j^+} = X_j + i Y_j = \sum_l W_{jl} r_l e^{i\theta_l} + \beta_j u$.

    $r_j^+ = \sqrt{X_j^2 + Y_j^2}$ and $\theta_j^+ = \mathrm{atan2}(Y_j, X_j)$ in $(-\pi, \pi]$, where
    $X_j = \sum_l |W_{jl}| r_l \cos(\theta_l + \arg W_{jl}) + |\beta_j| u \cos\arg\beta_j$, and $Y_j$ with sines.

    Parameters
    ----------
    network
        In discrete time.

    Returns
    -------
    ClosedForm
        Of the column $(\theta_0^+, \dots, r_0^+, \dots)$, named ``thetaprime_j`` and ``rprime_j``, in the parameters,
        ``theta_j``, ``r_j`` and the real ``u``. Certificates for every node: $X + iY = (W x + \beta u)_j$, and
        $r^+ e^{i\theta^+} = (W x + \beta u)_j$ where $r^+ \ne 0$ (at $r^+ = 0$ the compiled phase is 0).

    Raises
    ------
    ValueError
        The network is continuous, or uses a name of the equations.

    References
    ----------
    THEORY T7.
    """
    _require_time(network, discrete=True)
    count = network.nodes
    theta, r = phase_symbols(count), amplitude_symbols(count)
    contents = network.derivative([x * sp.exp(sp.I * phase) for x, phase in zip(r, theta, strict=True)], INPUT)
    following = tuple(sp.Symbol(f"rprime_{j}", nonnegative=True) for j in range(count))
    phases = tuple(real_symbol(f"thetaprime_{j}") for j in range(count))
    where: dict[sp.Basic, sp.Basic] = {}
    certificates = []
    for j in range(count):
        X, Y = real_symbol(f"X_{j}"), real_symbol(f"Y_{j}")
        where[X], where[Y] = values = _components(network, j, theta, r)
        where[following[j]], where[phases[j]] = sp.sqrt(X**2 + Y**2), sp.atan2(Y, X)
        certificates.append(
            Identity(values[0] + sp.I * values[1], contents[j], name=f"components of node {j}", because=_EULER)
        )
        length = sp.Add(values[0] ** 2, values[1] ** 2)
        if length == 0:  # nothing reaches this node: it has no phase to state anything about
            continue
        phasor = sp.exp(sp.expand_mul(sp.I * where[phases[j]].rewrite(sp.log)))  # the definition of atan2
        state = (where[following[j]] * phasor).xreplace({X: values[0], Y: values[1]})
        words = f"next state of node {j}"
        certificates.append(Identity(state, contents[j], name=words, because=_POLAR, nonzero=(length,)))
    return _vector_form("F", (*phases, *following), network, (*theta, *r, INPUT), where, tuple(certificates))


def _components(
    network: OscillatorNetwork, j: int, theta: Sequence[sp.Symbol], r: Sequence[sp.Symbol]
) -> tuple[sp.Expr, sp.Expr]:
    r"""$X_j = \sum_l |W_{jl}| r_l \cos(\theta_l + \arg W_{jl}) + |\beta_j| u \cos\arg\beta_j$, and $Y_j$ with sines."""
    pulls = [_pull(network.coupling_matrix[j, l], theta[l]) for l in range(network.nodes)]
    real, imaginary = _pull(network.drive[j], sp.S.Zero)
    return (
        sp.Add(*(pull[0] * x for pull, x in zip(pulls, r, strict=True)), real * INPUT),
        sp.Add(*(pull[1] * x for pull, x in zip(pulls, r, strict=True)), imaginary * INPUT),
    )


def phase_symbols(count: int) -> tuple[sp.Symbol, ...]:
    r"""$\theta_0, \theta_1, \dots$, real."""
    return tuple(real_symbol(f"theta_{j}") for j in range(count))


def amplitude_symbols(count: int) -> tuple[sp.Symbol, ...]:
    r"""$r_0, r_1, \dots$, real: a negative amplitude is the opposite phase."""
    return tuple(real_symbol(f"r_{j}") for j in range(count))


def _pull(weight: sp.Expr, angle: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    r"""Real and imaginary part of $w e^{i\,\mathrm{angle}}$ for a real angle."""
    strength, lag = _strength_and_lag(weight)
    if not angle and not (lag is not None and lag.free_symbols):
        return sp.re(weight), sp.im(weight)
    if lag is not None:  # unevaluated, so that 2 pi/3 stays the lag that it is
        return tuple(strength * turn(angle + lag, evaluate=not lag) for turn in (sp.cos, sp.sin))
    real, imaginary = sp.re(weight), sp.im(weight)
    return (
        real * sp.cos(angle) - imaginary * sp.sin(angle),
        real * sp.sin(angle) + imaginary * sp.cos(angle),
    )


def _strength_and_lag(weight: sp.Expr) -> tuple[sp.Expr, sp.Expr | None]:
    r"""$(K, \alpha)$ with $w = K e^{i\alpha}$ if every factor shows that it is real or of modulus one."""
    strength, lag = sp.S.One, sp.S.Zero
    for factor in sp.Mul.make_args(weight):
        if factor.is_real:
            strength *= factor
        elif factor is sp.I:
            lag += sp.pi / 2
        elif isinstance(factor, sp.exp) and (factor.args[0] / sp.I).is_real:
            lag += factor.args[0] / sp.I
        else:
            return weight, None
    return strength, lag


def _require_time(network: OscillatorNetwork, *, discrete: bool) -> None:
    require_kind(network, OscillatorNetwork, "the network")
    if network.discrete is not discrete:
        kinds = ("continuous", "discrete")
        remedy = "polar_step" if network.discrete else "polar_field or complex_phase_field"
        msg = f"these are equations in {kinds[discrete]} time, the network is {kinds[network.discrete]}: use {remedy}"
        raise ValueError(msg)


def _vector_form(
    symbol: str,
    names: Sequence[sp.Symbol],
    network: OscillatorNetwork,
    variables: tuple[sp.Symbol, ...],
    where: dict[sp.Basic, sp.Basic],
    certificates: tuple[Identity, ...],
) -> ClosedForm:
    """A column of named entries; the parameters of the network may not use the names of the equations."""
    taken = {str(s) for s in (*variables, *where)} & set(map(str, network.parameters))
    if taken:
        msg = f"the names {', '.join(sorted(taken))} are used by the equations: rename the parameters of the network"
        raise ValueError(msg)
    column = sp.ImmutableMatrix(len(names), 1, list(names))
    arguments, stated = (*network.parameters, *variables), at_size(certificates, node_count(network.nodes))
    return ClosedForm(sp.Symbol(symbol), column, arguments, where, stated, REFERENCE)
