r"""The oscillators of a ring against Kuramoto's model: when the phases agree, and an approximation where they do not.

The Kuramoto–Sakaguchi model $\theta_i' = \omega_i + \varepsilon \sum_j a_{ij} \sin(\theta_j - \theta_i - \varphi)$
has no amplitudes. The linear network $x' = (i\,\mathrm{diag}\,\omega + \varepsilon e^{-i\varphi} A) x$, A real, has
the phases
$$\theta_i' = \omega_i + \varepsilon \sum_j a_{ij} \frac{r_j}{r_i} \sin(\theta_j - \theta_i - \varphi),$$
so both agree on an interval if and only if the gap
$$g_i = \varepsilon \sum_j a_{ij} \Big(\frac{r_j}{r_i} - 1\Big) \sin(\theta_j - \theta_i - \varphi)$$
vanishes for every i throughout (T8). Equal amplitudes along every edge suffice, if they stay equal. Otherwise the
linear network is *not* Kuramoto's model: taking its phases for Kuramoto's is an **approximation**, and so is the
projected iteration $x \leftarrow x/|x|$ every $\tau$, whose error is of first order in $\tau$ (measured in
`rings.kuramoto_runs`) and which is no longer linear. Exactly solvable or Kuramoto, not both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import at_size, node_count
from carleman_ssm.theory.oscillators import OscillatorNetwork, real_symbol
from carleman_ssm.theory.polar import INPUT, amplitude_symbols, phase_symbols, polar_field
from carleman_ssm.theory.polynomials import exact, exact_entries, require_integer, require_kind

REFERENCE = "derivations/08_kuramoto"


@dataclass(frozen=True)
class KuramotoModel:
    r"""$\theta_i' = \omega_i + \varepsilon \sum_j a_{ij} \sin(\theta_j - \theta_i - \varphi)$, all parameters real.

    Parameters
    ----------
    frequencies
        $\omega_i$ [rad/time].
    adjacency
        $A$, shape (N, N); $a_{ij}$ is how strongly j pulls i.
    strength
        $\varepsilon$ [1/time].
    lag
        $\varphi$ [rad], 0 for Kuramoto's own model.

    Raises
    ------
    ValueError
        The matrix is not square or of another size than the frequencies, or a parameter is not known to be real.
    TypeError
        An entry is text or no scalar, or there are no frequencies.

    References
    ----------
    Kuramoto (1975); Sakaguchi and Kuramoto (1986); THEORY T8.

    Examples
    --------
    >>> KuramotoModel.symbolic(2).frequencies
    (omega_0, omega_1)
    """

    frequencies: tuple[sp.Expr, ...]
    adjacency: sp.ImmutableMatrix
    strength: sp.Expr = sp.S.One
    lag: sp.Expr = sp.S.Zero

    def __post_init__(self) -> None:
        given: object = self.adjacency
        frequencies = exact_entries(self.frequencies, "the frequencies")
        if not isinstance(given, sp.MatrixBase) or given.shape != (len(frequencies),) * 2 or not given.rows:
            msg = f"{len(frequencies)} frequencies need a square adjacency matrix of that size, got {given!r}"
            raise ValueError(msg)
        checked = {
            "frequencies": tuple(_real(w, f"the frequency {i}") for i, w in enumerate(frequencies)),
            "adjacency": sp.ImmutableMatrix(*given.shape, [_real(a, "an entry of the adjacency") for a in given]),
            "strength": _real(self.strength, "the strength"),
            "lag": _real(self.lag, "the lag"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def symbolic(cls, nodes: int) -> KuramotoModel:
        r"""$\omega_i$, $a_{ij}$ without self-couplings, $\varepsilon$ and $\varphi$ as real letters."""
        count = require_integer(nodes, "the number of nodes", least=1)
        matrix = sp.ImmutableMatrix(count, count, lambda i, j: 0 if i == j else real_symbol(f"a_{i}_{j}"))
        frequencies = tuple(real_symbol(f"omega_{i}") for i in range(count))
        return cls(frequencies, matrix, real_symbol("epsilon"), real_symbol("varphi"))

    @property
    def nodes(self) -> int:
        """N."""
        return len(self.frequencies)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once."""
        entries = [*self.frequencies, *self.adjacency, self.strength, self.lag]
        return tuple(dict.fromkeys(s for entry in entries for s in sorted(entry.free_symbols, key=str)))

    def linear_network(self) -> OscillatorNetwork:
        r"""$x' = (i\,\mathrm{diag}\,\omega + \varepsilon e^{-i\varphi} A)\,x$: exactly solvable, and not this model.

        Its phases are an approximation of the phases of this model unless `phase_gap` vanishes.

        References
        ----------
        Muller, Mináč and Nguyen (2021), PRE 104, L022201; THEORY T8.
        """
        pull = self.strength * sp.exp(-sp.I * self.lag)
        matrix = sp.diag(*(sp.I * w for w in self.frequencies)) + pull * self.adjacency
        return OscillatorNetwork(sp.ImmutableMatrix(matrix), (sp.S.Zero,) * self.nodes)


def kuramoto_field(model: KuramotoModel) -> ClosedForm:
    r"""$\theta_i' = \omega_i + \varepsilon \sum_j a_{ij} \sin(\theta_j - \theta_i - \varphi)$: the column of all nodes.

    Returns
    -------
    ClosedForm
        In the parameters and ``theta_i``. Certificate: a node feels the others through
        $Z_i = \sum_j a_{ij}e^{i\theta_j}$ alone, $\theta_i' = \omega_i + \varepsilon\,
        \mathrm{Im}(e^{-i(\theta_i + \varphi)} Z_i)$; so a common turn of all phases changes nothing.

    Raises
    ------
    ValueError
        A parameter is called ``theta_i`` with another meaning.
    TypeError
        This is no `KuramotoModel`.

    References
    ----------
    derivations/08_kuramoto; Kuramoto (1975); THEORY T8.

    Examples
    --------
    >>> one = KuramotoModel((2,), sp.Matrix([[1]]), 3)
    >>> kuramoto_field(one).expression
    Matrix([[2]])
    """
    require_kind(model, KuramotoModel, "the model")
    theta = phase_symbols(model.nodes)
    field = _field(model, theta)
    certificate = Identity(
        field,
        _through_order_parameters(model, theta),
        name="through the order parameters",
        because="Euler's formula",
        sizes=node_count(model.nodes),
    )
    return ClosedForm(sp.Symbol("thetadot"), field, (*model.parameters, *theta), {}, (certificate,), REFERENCE)


def phase_gap(model: KuramotoModel) -> ClosedForm:
    r"""How far the phase velocities of the linear network are from Kuramoto's: $g_i$, in radians per time.

    The two models agree on an interval **iff** $g = 0$ throughout it: if g vanishes, the phases of the network solve
    Kuramoto's equations, whose solution is unique; if the phases agree, so do their derivatives.

    Parameters
    ----------
    model
        Kuramoto's model; the network is `KuramotoModel.linear_network`.

    Returns
    -------
    ClosedForm
        Of the column $g$ in the parameters, ``theta_i`` and ``r_i``. Certificates: the polar field of the network is
        Kuramoto's field plus g; at equal amplitudes it is Kuramoto's field.

    Raises
    ------
    ValueError
        A parameter is called ``theta_i`` or ``r_i``.
    TypeError
        This is no `KuramotoModel`.

    References
    ----------
    derivations/08_kuramoto; THEORY T8.

    Examples
    --------
    >>> pair = KuramotoModel((0, 0), sp.Matrix([[0, 1], [1, 0]]))
    >>> phase_gap(pair).expression[0]
    -(-1 + r_1/r_0)*sin(theta_0 - theta_1)
    """
    require_kind(model, KuramotoModel, "the model")
    theta, r = phase_symbols(model.nodes), amplitude_symbols(model.nodes)
    gap = _pulls(model, lambda i, j: (r[j] / r[i] - 1) * sp.sin(theta[j] - theta[i] - model.lag))
    network = polar_field(model.linear_network())
    free = [value.xreplace({INPUT: sp.S.Zero}) for value in network.where.values()]
    phases, alone = sp.ImmutableMatrix(free[: model.nodes]), kuramoto_field(model).expression
    same = real_symbol("r")
    certificates = (
        Identity(phases, alone + gap, name="the phases of the network", because="T7 without input"),
        Identity(
            phases.xreplace(dict.fromkeys(r, same)),
            alone,
            name="equal amplitudes",
            because="the quotients of the amplitudes are 1",
            nonzero=(same,),
        ),
    )
    stated = at_size(certificates, node_count(model.nodes))
    return ClosedForm(sp.Symbol("g"), gap, (*model.parameters, *theta, *r), {}, stated, REFERENCE)


def projected_step(model: KuramotoModel) -> ClosedForm:
    r"""The generator of the projected iteration, an **approximation**: step the network, then put $|x_i| = 1$.

    One step of length $\tau$ takes $x = e^{i\theta}$ to $e^{W\tau} x$ and divides by the amplitudes. To first order in
    $\tau$ the phases move by $\tau\,\mathrm{Im}(\bar x_i (Wx)_i)$: Kuramoto's field. The error of a step is of second
    order and the global one of first order; that is measured, not proved here.

    Returns
    -------
    ClosedForm
        Of the column $\mathrm{Im}(\bar x_i (W x)_i)$ at $x = e^{i\theta}$. Certificates: it is Kuramoto's field; and
        the velocity of the amplitudes, which the projection throws away.

    Raises
    ------
    ValueError
        A parameter is called ``theta_i`` with another meaning.
    TypeError
        This is no `KuramotoModel`.

    References
    ----------
    THEORY T8; Budzinski et al. (2022), Chaos 32, 031104.
    """
    require_kind(model, KuramotoModel, "the model")
    theta = phase_symbols(model.nodes)
    states = [sp.exp(sp.I * phase) for phase in theta]
    velocities = model.linear_network().derivative(states, sp.S.Zero)
    turned = [v * sp.exp(-sp.I * phase) for v, phase in zip(velocities, theta, strict=True)]
    generator = sp.ImmutableMatrix([sp.im(v, evaluate=False) for v in turned])
    growth = _pulls(model, lambda i, j: sp.cos(theta[j] - theta[i] - model.lag))
    certificates = (
        Identity(
            generator,
            kuramoto_field(model).expression,
            name="first order of a projected step",
            because=r"$\mathrm{Im}(\bar x_i (Wx)_i)$ at $x = e^{i\theta}$",
        ),
        Identity(
            sp.ImmutableMatrix([sp.re(v, evaluate=False) for v in turned]),
            growth,
            name="growth that the projection removes",
            because=r"$\mathrm{Re}(\bar x_i (Wx)_i)$",
        ),
    )
    stated = at_size(certificates, node_count(model.nodes))
    return ClosedForm(sp.Symbol("thetadot"), generator, (*model.parameters, *theta), {}, stated, REFERENCE)


def _field(model: KuramotoModel, theta: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    """The column of Kuramoto's velocities."""
    pulls = _pulls(model, lambda i, j: sp.sin(theta[j] - theta[i] - model.lag))
    return sp.ImmutableMatrix(model.nodes, 1, list(model.frequencies)) + pulls


def _through_order_parameters(model: KuramotoModel, theta: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
    r"""The column $\omega_i + \varepsilon\,\mathrm{Im}(e^{-i(\theta_i + \varphi)} \sum_j a_{ij} e^{i\theta_j})$."""
    entries = []
    for i, frequency in enumerate(model.frequencies):
        parameter = sp.Add(*(model.adjacency[i, j] * sp.exp(sp.I * phase) for j, phase in enumerate(theta)))
        seen = sp.exp(-sp.I * (theta[i] + model.lag)) * parameter
        entries.append(frequency + model.strength * sp.im(seen, evaluate=False))
    return sp.ImmutableMatrix(entries)


def _pulls(model: KuramotoModel, weight: Callable[[int, int], sp.Expr]) -> sp.ImmutableMatrix:
    r"""The column $\varepsilon \sum_j a_{ij} w_{ij}$."""
    count = range(model.nodes)
    rows = [sp.Add(*(model.adjacency[i, j] * weight(i, j) for j in count)) for i in count]
    return sp.ImmutableMatrix(model.nodes, 1, [model.strength * row for row in rows])


def _real(value: object, what: str) -> sp.Expr:
    expression = exact(value, what)
    if expression.is_real is not True:
        msg = f"{what} must be real, got {expression}: give a real number or Symbol(..., real=True)"
        raise ValueError(msg)
    return expression
