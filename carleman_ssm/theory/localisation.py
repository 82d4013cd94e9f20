r"""How many nodes share a wave, and how fast random phases spread it.

The participation ratio of the node contents is $\left(\sum_j|h_j|^2\right)^2/\sum_j|h_j|^4$: 1 if one node holds all, W
if W nodes share it equally, N at most.
"""

from __future__ import annotations

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.theory.instances import for_nodes
from carleman_ssm.theory.wave_profile import MODE, NODES, TIME, checked_nodes, letters

REFERENCE = "derivations/06_dispersion_and_rigidity"

_NODE = sp.Symbol("j", integer=True)
_OTHER = sp.Symbol("i", integer=True)
_CONTENTS = sp.IndexedBase("h")
_SPREAD = sp.Symbol("s", positive=True)


def participation_ratio_formula(nodes: sp.Expr | int = NODES) -> ClosedForm:
    r"""The number of nodes that share the energy: $\mathrm{PR} = (\sum_j p_j)^2/\sum_j p_j^2$, $p_j = |h_j|^2$.

    Parameters
    ----------
    nodes
        N.

    Returns
    -------
    ClosedForm
        Of ``PR`` in the contents ``h[0] … h[N-1]``. Certificates: it is W if W nodes share the energy equally;
        $N\sum p_j^2 - (\sum p_j)^2 = \frac12\sum_{ij}(p_i - p_j)^2 \ge 0$, so it is at most N; and
        $(\sum p_j)^2 - \sum p_j^2$ is a sum of products of different $p_i, p_j \ge 0$, so it is at least 1.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6.
    """
    size = checked_nodes(nodes)
    energy = _CONTENTS[_NODE] * sp.conjugate(_CONTENTS[_NODE])
    ratio = _total(energy, _NODE, size) ** 2 / _total(energy**2, _NODE, size)
    p, share, window = sp.IndexedBase("p"), sp.Symbol("p", positive=True), sp.Symbol("W", integer=True, positive=True)
    together = _total(p[_NODE], _NODE, size) ** 2
    difference = sp.Sum((p[_NODE] - p[_OTHER]) ** 2, (_OTHER, 0, size - 1), (_NODE, 0, size - 1)) / 2
    others = sp.Sum(p[_OTHER], (_OTHER, 0, size - 1)) - p[_NODE]
    certificates = (
        Identity(
            _total(share, _NODE, window) ** 2 / _total(share**2, _NODE, window),
            window,
            name="equal shares",
            because="W equal terms",
        ),
        Identity(
            size * _total(p[_NODE] ** 2, _NODE, size) - together,
            difference,
            name="at most N",
            because="squares are not negative",
        ),
        Identity(
            together - _total(p[_NODE] ** 2, _NODE, size),
            _total(p[_NODE] * others, _NODE, size),
            name="at least 1",
            because="products of what is not negative",
        ),
    )
    return ClosedForm(sp.Symbol("PR"), ratio, (*letters(size), _CONTENTS), {}, for_nodes(certificates, size), REFERENCE)


def _total(summand: sp.Expr, index: sp.Symbol, size: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (index, 0, size - 1))


def jittered_peak(nodes: sp.Expr | int = NODES) -> ClosedForm:
    r"""Expected intensity at the peak of a jittered wave: $q + (1 - q)/N$ with $q = e^{-s^2t^2}$.

    The undamped amplitude there is $\frac1N\sum_n e^{i\varepsilon_n t}$ with independent normal $\varepsilon_n$ of
    standard deviation s [rad/time]. The mean of $e^{i(\varepsilon_m - \varepsilon_n)t}$ is q for different modes, 1 for
    equal ones.

    Parameters
    ----------
    nodes
        N.

    Returns
    -------
    ClosedForm
        Of ``I`` at time t. Certificates: the sum over all pairs of modes; q is the product of two
        characteristic functions; 1 at $t = 0$.

    References
    ----------
    derivations/06_dispersion_and_rigidity; THEORY T6.
    """
    size = checked_nodes(nodes)
    q, mean = sp.Symbol("q", positive=True), sp.exp(-(_SPREAD**2) * TIME**2)
    before, after = (sp.Sum(q, (_OTHER, *ends)) for ends in ((0, MODE - 1), (MODE + 1, size - 1)))
    expected = q + (1 - q) / size
    one = sp.exp(-(_SPREAD**2) * TIME**2 / 2)
    certificates = (
        Identity(
            sp.Sum(before + 1 + after, (MODE, 0, size - 1)) / size**2,
            expected,
            name="all pairs of modes",
            because="N pairs of equal modes, N(N - 1) of different ones",
        ),
        Identity(
            sp.Pow(one, 2, evaluate=False),
            mean,
            name="two independent phases",
            because=r"a normal phase of variance $s^2t^2$ has the mean $e^{-s^2t^2/2}$",
        ),
        Identity(
            sp.Sum((before + 1 + after).subs(q, mean.subs(TIME, 0)), (MODE, 0, size - 1)) / size**2,
            sp.S.One,
            name="in phase at the start",
            because="every pair adds 1",
        ),
    )
    symbols = (*letters(size), _SPREAD, TIME)
    return ClosedForm(sp.Symbol("intensity"), expected, symbols, {q: mean}, for_nodes(certificates, size), REFERENCE)
