r"""The delta rule: $Z_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top) Z_{k-1} + \beta_k \kappa_k v_k^\top$.

DeltaNet has $g = 1$. The transitions do not commute, because

$$[\kappa\kappa^\top, \eta\eta^\top] = (\kappa \cdot \eta)(\kappa\eta^\top - \eta\kappa^\top),$$

which vanishes for real keys only if they are orthogonal or parallel. The lift still collapses (it never needed that the
transitions commute); what is lost is the clock of T19: $\exp(\sum_i \tau_i G_i)$ with the symmetric generators
$G_i = \kappa_i \kappa_i^\top$ of the steps is symmetric, and the product of two steps is not. Even one step is an
exponential of a finite real time only for $\beta |\kappa|^2 < 1$: it is singular for $\beta |\kappa|^2 = 1$, and
beyond that $\tau$ is complex. What remains is a representation of rank at most k (WY), with coefficients from one
triangular system:

$$A_k \cdots A_1 = g_k \cdots g_1 \Big(1 - \sum_{i \le k} \kappa_i w_i^\top\Big), \qquad
w_k = \beta_k \Big(\kappa_k - \sum_{i<k} (\kappa_i \cdot \kappa_k)\, w_i\Big).$$

Every step has real eigenvalues, and yet products of steps turn: two reflections are a rotation
(`recurrences.turning_steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import VaryingRankOne, Vector, step_symbols
from carleman_ssm.recurrences.commuting_keys import clock_laws, column, commutation_laws, dot
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.recurrences.turning_steps import turning_laws, turning_twins
from carleman_ssm.theory.polynomials import require_integer, require_kind

Read = Callable[[sp.ImmutableMatrix], sp.Expr]


def delta_net_statement(states: int = 2, steps: int = 3, values: int = 1) -> FamilyStatement:
    r"""DeltaNet with symbols for all strengths, keys, values and the last query.

    Parameters
    ----------
    states
        N, the entries of a key.
    steps
        L.
    values
        V, the entries of a value: the columns of the state.

    Returns
    -------
    FamilyStatement
        Of $Z_k = (1 - \beta_k \kappa_k \kappa_k^\top) Z_{k-1} + \beta_k \kappa_k v_k^\top$, read by $y = q_L^\top Z_L$
        (the scale $N^{-1/2}$ of the published layer belongs to q).

    Raises
    ------
    TypeError, ValueError
        A size that is no positive integer.

    References
    ----------
    THEORY T19; Yang et al., arXiv 2406.06484, section 3.2 (there with $S = Z^\top$).

    Examples
    --------
    >>> delta_net_statement(states=1, steps=2).output.expression
    q_0*(beta_1*kappa_1_0*v_1_0*(-beta_2*kappa_2_0**2 + 1) + beta_2*kappa_2_0*v_2_0)
    """
    return _statement("delta-net", _recurrence(states, steps, values, gated=False))


def gated_delta_net_statement(states: int = 2, steps: int = 3, values: int = 1) -> FamilyStatement:
    r"""Gated DeltaNet: the decay $g_k$ acts on the state before the delta rule reads it.

    Parameters, Raises
    ------------------
    As in `delta_net_statement`.

    Returns
    -------
    FamilyStatement
        Of $Z_k = g_k (1 - \beta_k \kappa_k \kappa_k^\top) Z_{k-1} + \beta_k \kappa_k v_k^\top$, read by $q_L^\top Z_L$.

    References
    ----------
    THEORY T19; Yang et al., arXiv 2412.06464, equation 10.
    """
    return _statement("gated-delta-net", _recurrence(states, steps, values, gated=True))


def wy_vectors(recurrence: VaryingRankOne) -> tuple[sp.ImmutableMatrix, ...]:
    r"""$w_1, \dots, w_L$ with $A_k \cdots A_1 = g_k \cdots g_1 (1 - \sum_{i \le k} \kappa_i w_i^\top)$.

    Row by row the solution of $(1 + \mathrm{tril}_{-1}(\mathrm{diag}(\beta) K K^\top))\, W = \mathrm{diag}(\beta) K$,
    where $\kappa_i^\top$ are the rows of K.

    Parameters
    ----------
    recurrence
        Transitions $g_k (1 - \beta_k \kappa_k \kappa_k^\top)$; the drives are not read.

    Raises
    ------
    TypeError
        Another kind of recurrence.

    References
    ----------
    Bischof and Van Loan, SIAM J. Sci. Stat. Comput. 8 (1987) s2 (products of Householder matrices).
    """
    keys = _keys(recurrence)
    found: list[sp.ImmutableMatrix] = []
    for strength, key in zip(recurrence.strengths, keys, strict=True):
        known = sum((dot(old, key) * w for old, w in zip(keys, found, strict=False)), sp.zeros(key.rows, 1))
        found.append((strength * (key - known)).as_immutable())
    return tuple(found)


def wy_propagator(recurrence: VaryingRankOne, k: int) -> sp.ImmutableMatrix:
    r"""$g_k \cdots g_1 (1 - \sum_{i \le k} \kappa_i w_i^\top)$, equal to the ordered product $A_k \cdots A_1$."""
    pairs = list(zip(_keys(recurrence), wy_vectors(recurrence), strict=True))[:k]
    lost = sum((key * w.T for key, w in pairs), sp.zeros(recurrence.states, recurrence.states))
    return (sp.Mul(*recurrence.decays[:k]) * (sp.eye(recurrence.states) - lost)).as_immutable()


def written_state(recurrence: VaryingRankOne, values: Sequence[Vector], k: int) -> sp.ImmutableMatrix:
    r"""$Z_k = \sum_{i \le k} g_k \cdots g_{i+1}\, \kappa_i u_i^\top$: rank at most k, in the span of the keys.

    $u_k = \beta_k (v_k - \sum_{i<k} g_k \cdots g_{i+1} (\kappa_i \cdot \kappa_k)\, u_i)$ is what step k writes: its
    value less what the decayed state already answers to its key, times the strength.

    Parameters
    ----------
    recurrence
        Driven by $\beta_k \kappa_k v_k^\top$.
    values
        $v_1, \dots, v_L$, V entries each.
    k
        The step.
    """
    keys, written = _keys(recurrence), list[sp.ImmutableMatrix]()

    def decay(last: int, first: int) -> sp.Expr:
        return sp.Mul(*recurrence.decays[first + 1 : last + 1])

    for now, (strength, key) in enumerate(zip(recurrence.strengths, keys, strict=True)):
        known = sum(
            (decay(now, i) * dot(keys[i], key) * old for i, old in enumerate(written)), sp.zeros(recurrence.columns, 1)
        )
        written.append((strength * (column(values[now]) - known)).as_immutable())
    terms = (decay(k - 1, i) * keys[i] * written[i].T for i in range(k))
    return sum(terms, sp.zeros(recurrence.states, recurrence.columns)).as_immutable()


def no_clock_twins(recurrence: VaryingRankOne) -> tuple[Identity, ...]:
    r"""What a clock would imply for the first two steps; both are false for general keys and have a witness.

    Were $A_2 A_1 = \exp(\tau_1 G_1 + \tau_2 G_2)$ with the symmetric generators of the two steps, then the product
    would be symmetric, and so would not depend on the order. For equal keys, which have a clock, both are true.
    """
    first, second = recurrence.transition(1), recurrence.transition(2)
    product = second * first
    return (
        Identity(product, first * second, name="the order of two steps does not matter"),
        Identity(product, product.T, name="the product of two steps is symmetric"),
    )


def added_steps_twin(recurrence: VaryingRankOne) -> Identity:
    r"""False: $A_2 A_1 = g_2 g_1 (1 - \beta_1 \kappa_1 \kappa_1^\top - \beta_2 \kappa_2 \kappa_2^\top)$.

    Of steps that do something it is true for orthogonal keys only. It says nothing of a clock: with equal keys there is
    one, and times that add do not make strengths that add.
    """
    pairs = list(zip(recurrence.strengths, _keys(recurrence), strict=True))[:2]
    added = sum((strength * key * key.T for strength, key in pairs), sp.zeros(recurrence.states, recurrence.states))
    return Identity(
        recurrence.propagator(2, 0),
        sp.Mul(*recurrence.decays[:2]) * (sp.eye(recurrence.states) - added),
        name="two steps subtract the sum of what each subtracts",
    )


def _keys(recurrence: VaryingRankOne) -> tuple[sp.ImmutableMatrix, ...]:
    require_kind(recurrence, VaryingRankOne, "the recurrence")
    return tuple(map(column, recurrence.keys))


def _values(steps: int, values: int) -> tuple[Vector, ...]:
    return tuple(step_symbols("v", steps, values))


def _recurrence(states: int, steps: int, values: int, *, gated: bool) -> VaryingRankOne:
    for what, size in (("states", states), ("steps", steps), ("values", values)):
        require_integer(size, f"the number of {what}", least=1)
    strengths, keys = step_symbols("beta", steps), step_symbols("kappa", steps, states)
    parts = zip(strengths, keys, _values(steps, values), strict=True)
    drives = tuple(strength * column(key) * column(value).T for strength, key, value in parts)
    decays = step_symbols("g", steps) if gated else (sp.S.One,) * steps
    return VaryingRankOne(decays, strengths, keys, drives)


def _statement(family: str, recurrence: VaryingRankOne) -> FamilyStatement:
    query = sp.symbols(f"q_:{recurrence.states}")

    def read(state: sp.ImmutableMatrix) -> sp.Expr:
        row = column(query).T * state
        return row[0] if recurrence.columns == 1 else row

    output = read_output(
        recurrence, read, symbol=sp.Symbol(f"y_{recurrence.steps}"), reference="derivations/19_delta_rule"
    )
    last = recurrence.steps
    twins = tuple(_false_outputs(recurrence, read, output.expression))
    if last > 1 and recurrence.states > 1:
        twins += (*no_clock_twins(recurrence), added_steps_twin(recurrence), *turning_twins(recurrence.states))
    laws = tuple(_laws(recurrence))
    return FamilyStatement(family, recurrence, output, laws, twins, input_degree=None, real_spectrum=True)


def _laws(recurrence: VaryingRankOne) -> Iterator[Identity]:
    values = _values(recurrence.steps, recurrence.columns)
    for k in range(1, recurrence.steps + 1):
        count = "1 step" if k == 1 else f"{k} steps"
        yield Identity(
            recurrence.propagator(k, 0),
            wy_propagator(recurrence, k),
            name=f"WY form of {count}, of rank at most {min(k, recurrence.states)} beside the identity",
            because=r"$\kappa_k^\top (1 - \sum_{i<k} \kappa_i w_i^\top) = w_k^\top / \beta_k$",
        )
        yield Identity(
            recurrence.recurred_state(k),
            written_state(recurrence, values, k),
            name=f"the state after {count} in the span of the keys",
            because="every step adds a multiple of its key",
        )
    if recurrence.steps > 1:
        first, second = _keys(recurrence)[:2]
        yield from commutation_laws(first, second)
        yield from _order_laws(recurrence)
        yield from clock_laws(first, second, (recurrence.strengths[0], recurrence.strengths[1]))
        if recurrence.states > 1:
            yield from turning_laws(recurrence.states, recurrence.decays[:2])


def _order_laws(recurrence: VaryingRankOne) -> Iterator[Identity]:
    first, second = recurrence.transition(1), recurrence.transition(2)
    kappa, eta = _keys(recurrence)[:2]
    factor = sp.Mul(*recurrence.decays[:2], *recurrence.strengths[:2], dot(kappa, eta))
    yield Identity(
        second * first - first * second,
        factor * (eta * kappa.T - kappa * eta.T),
        name="commutator of two steps",
        because=r"only $\kappa\kappa^\top$ and $\eta\eta^\top$ fail to commute",
    )
    yield Identity(
        (second * first).T,
        first * second,
        name="the product of two steps is symmetric only if they commute",
        because="every step is symmetric",
    )


def _false_outputs(recurrence: VaryingRankOne, read: Read, output: sp.Expr) -> Iterator[Identity]:
    last, decay = recurrence.steps, recurrence.decays[-1]
    bare = tuple(drive.xreplace({recurrence.strengths[-1]: sp.S.One}) for drive in recurrence.drives)
    yield Identity(read(replace(recurrence, drives=bare).state(last)), output, name="the strength scales no value")
    if last > 1:
        reflected = replace(recurrence, strengths=tuple(-strength for strength in recurrence.strengths))
        yield Identity(read(reflected.state(last)), output, name="the state is added to, not corrected")
    if decay != 1:
        undecayed = replace(recurrence, decays=(*recurrence.decays[:-1], sp.S.One))
        yield Identity(decay * read(undecayed.state(last)), output, name="the decay acts after the value is written")
