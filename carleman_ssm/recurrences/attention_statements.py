r"""Statements of linear attention and of retention.

Given the inputs their states are affine recurrences with fixed diagonal multipliers, driven with products of keys and
values; the query reads them. So the lift of the linear map is the same for every input (T12), the drives have degree 2
and the outputs degree 3 in the inputs, exactly: nothing is cut off. Feature maps of degree 2 make it 5. The queries
hold the factor $d^{-1/2}$. What follows the core (RMSNorm, gate) is no polynomial of the input and is not stated.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDiagonal, Vector, step_symbols
from carleman_ssm.recurrences.cubic_kernels import Branch, cubic_kernel
from carleman_ssm.recurrences.cubic_laws import AffineMaps, Rows, degree_law, kernel_laws, kernel_twins, require_sizes
from carleman_ssm.recurrences.statement import FamilyStatement, read_output

REFERENCE = "derivations/12_products_of_inputs"
VALUES = 2
"""Columns of the matrix states."""

Letters = tuple[Rows, Rows, Rows]
"""Queries, keys and values of all steps."""


def linear_attention_statement(states: int = 2, steps: int = 3, *, product_features: bool = False) -> FamilyStatement:
    r"""$S_k = S_{k-1} + \phi(k_k)\, v_k^\top$, $o_L = S_L^\top \phi(q_L)$; the letters are features and values.

    Parameters
    ----------
    states
        N, the dimension of the features.
    steps
        L, at least 2.
    product_features
        The product map $(W_1 x + b_1) \odot (W_2 x + b_2)$ for queries and keys instead of the identity, over one input
        channel.

    Returns
    -------
    FamilyStatement
        Laws: sum over causal pairs of query and key. With the identity as feature map and no biases homogeneous of
        degree 3 and the sum of one Volterra kernel, with biases of degree at most 3; with the product map, defined in
        `where` of the output, of degree at most 5. Twins: another query, the state before the step, one degree less;
        with the identity query and key exchanged in the kernel.

    Raises
    ------
    TypeError, ValueError
        Sizes below 1 state or 2 steps.

    References
    ----------
    Katharopoulos et al. (2020), arXiv 2006.16236, eq. 16-20; THEORY T10, T12.
    """
    require_sizes(states, steps)
    q, k = (step_symbols(name, steps, states, real=True) for name in ("q", "k"))
    v = step_symbols("v", steps, VALUES, real=True)
    drives = tuple(sp.Matrix(key) * sp.Matrix([value]) for key, value in zip(k, v, strict=True))
    recurrence = InvariantDiagonal((1,) * states, drives)

    def read(state: sp.ImmutableMatrix, query: Vector = q[-1]) -> sp.Expr:
        return sp.Add(*(query[i] * state[i, 0] for i in range(states)))

    output = read_output(recurrence, read, symbol=sp.Symbol(f"o_{steps}"), reference=REFERENCE)
    pairs = sp.Add(*(sp.Add(*map(sp.Mul, q[-1], key)) * value[0] for key, value in zip(k, v, strict=True)))
    law = Identity(output.expression, pairs, name="sum over causal pairs of query and key", because="sums exchanged")
    twins = (
        Identity(read(recurrence.state(steps), q[0]), output.expression, name="the query of the first step"),
        Identity(read(recurrence.state(steps - 1)), output.expression, name="the state before the step"),
    )
    stated = FamilyStatement("linear-attention", recurrence, output, (law,), twins, input_degree=3, real_spectrum=True)
    return (_with_product_features if product_features else _with_linear_features)(stated, (q, k, v))


def _with_linear_features(stated: FamilyStatement, letters: Letters) -> FamilyStatement:
    states, steps, output = stated.recurrence.states, stated.recurrence.steps, stated.output.expression
    maps = AffineMaps.symbolic(states, VALUES, steps, real=True)
    linear = maps.put_into(output, letters, biases=False)
    kernel = cubic_kernel([Branch(maps.q[i], maps.k[i], (1,) * steps) for i in range(states)], maps.v[0])
    degree = degree_law(maps.put_into(output, letters), maps.letters, 3, "degree 3 with biases")
    laws = (*stated.laws, *kernel_laws(linear, kernel, maps), degree)
    return replace(stated, laws=laws, twins=(*stated.twins, *kernel_twins(linear, kernel, maps)))


def _with_product_features(stated: FamilyStatement, letters: Letters) -> FamilyStatement:
    """One input channel: features as products of two affine functions of it, values as one."""
    inputs = step_symbols("u", stated.recurrence.steps, real=True)
    used, where = stated.output.expression.free_symbols, {}
    for name, steps in zip("qkv", letters, strict=True):
        for u, step in zip(inputs, steps, strict=True):
            for i, letter in enumerate(step):
                factors = range(1 if name == "v" else 2)
                pairs = (sp.symbols(f"W{name}{f}_{i} b{name}{f}_{i}", real=True) for f in factors)
                where[letter] = sp.Mul(*(w * u + b for w, b in pairs))
    where = {letter: value for letter, value in where.items() if letter in used}
    free = sorted({symbol for value in where.values() for symbol in value.free_symbols}, key=str)
    output = replace(stated.output, where=where, arguments=tuple(free))
    features = stated.output.expression.xreplace(where)
    law, twin = (degree_law(features, inputs, d, f"degree {d} with product feature maps") for d in (5, 4))
    return replace(stated, output=output, laws=(*stated.laws, law), twins=(*stated.twins, twin), input_degree=5)


def retnet_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""$S_k = \gamma e^{-i\theta_n} S_{k-1} + k_k v_k^\top$, $o_L = \mathrm{Re} \sum_n \bar q_{L,n} S_{L,n}$, in pairs.

    Parameters
    ----------
    states
        N, the number of pairs of a key (half of its dimension).
    steps
        L, at least 2.

    Returns
    -------
    FamilyStatement
        Laws: keys and queries rotated by $\theta_n k$ at step k and one real decay (the rotary form) give the same
        output; the parallel form with $\gamma^{L-k} \cos$ and $\sin$ of $(L-k)\theta_n$; degree and kernel as in
        `linear_attention_statement`. Twins: $+i$ for $-i$, keys rotated but not the query, the conjugate of the query
        dropped, one more decay, query and key exchanged in the kernel, degree 2.

    Raises
    ------
    TypeError, ValueError
        Sizes below 1 pair or 2 steps.

    References
    ----------
    Sun et al. (2023), arXiv 2307.08621, eq. 1-8; THEORY T10, T12.
    """
    require_sizes(states, steps)
    gamma, thetas = sp.Symbol("gamma", real=True), sp.symbols(f"theta_:{states}", real=True)
    q, k = (step_symbols(name, steps, states) for name in ("q", "k"))
    v = step_symbols("v", steps, VALUES, real=True)
    drives = tuple(sp.Matrix(key) * sp.Matrix([value]) for key, value in zip(k, v, strict=True))
    multipliers = tuple(gamma * sp.exp(-sp.I * theta) for theta in thetas)
    recurrence = InvariantDiagonal(multipliers, drives)

    def read(state: sp.ImmutableMatrix) -> sp.Expr:
        return _real_part(sp.Add(*(sp.conjugate(q[-1][n]) * state[n, 0] for n in range(states))))

    output = read_output(recurrence, read, symbol=sp.Symbol(f"o_{steps}"), reference=REFERENCE)
    maps = AffineMaps.symbolic(states, VALUES, steps, real=False)
    linear = maps.put_into(output.expression, (q, k, v), biases=False)
    kernel = cubic_kernel(_retention_branches(maps, multipliers, steps), maps.v[0])
    laws = (
        Identity(_rotary(q, k, v, gamma, thetas), output.expression, name="rotary form", because=_ROTATION),
        Identity(_parallel(q, k, v, gamma, thetas), output.expression, name="parallel form", because=_ROTATION),
        *kernel_laws(linear, kernel, maps),
        degree_law(maps.put_into(output.expression, (q, k, v)), maps.letters, 3, "degree 3 with biases"),
    )
    other = InvariantDiagonal(tuple(sp.conjugate(value) for value in multipliers), drives)
    dropped = _real_part(sp.Add(*(q[-1][n] * recurrence.state(steps)[n, 0] for n in range(states))))
    unrotated = _rotary(q, k, v, gamma, thetas, turn=0)
    twins = (
        Identity(read(other.state(steps)), output.expression, name="+i for -i"),
        Identity(dropped, output.expression, name="the conjugate of the query dropped"),
        Identity(unrotated, output.expression, name="keys rotated, the query not"),
        Identity(gamma * output.expression, output.expression, name="one more decay"),
        *kernel_twins(linear, kernel, maps),
    )
    return FamilyStatement("retnet", recurrence, output, laws, twins, input_degree=3, real_spectrum=False)


_ROTATION = r"$\overline{q e^{i\theta L}}\, k e^{i\theta k} = \bar q k\, e^{-i\theta(L-k)}$"


def _real_part(value: sp.Expr) -> sp.Expr:
    return (value + sp.conjugate(value)) / 2


def _retention_branches(maps: AffineMaps, multipliers: Vector, steps: int) -> list[Branch]:
    """Half of each pair and half of its conjugate."""
    branches = []
    for query, key, multiplier in zip(maps.q, maps.k, multipliers, strict=True):
        memory = tuple(multiplier**m / 2 for m in range(steps))
        branches.append(Branch(_conjugates(query), key, memory))
        branches.append(Branch(query, _conjugates(key), _conjugates(memory)))
    return branches


def _conjugates(values: Vector) -> Vector:
    return tuple(sp.conjugate(value) for value in values)


def _rotary(q: Rows, k: Rows, v: Rows, gamma: sp.Expr, thetas: Vector, turn: int = 1) -> sp.Expr:
    """Two real numbers per pair, turned by the step number times the angle, and the real decay alone as multiplier."""
    last = len(k)
    state = sp.zeros(2 * len(thetas), 1)
    for step, (key, value) in enumerate(zip(k, v, strict=True), 1):
        state = gamma * state + _turned(key, thetas, step) * value[0]
    return (_turned(q[-1], thetas, turn * last).T * state)[0, 0]


def _turned(pairs: Vector, thetas: Vector, step: int) -> sp.Matrix:
    rows = []
    for z, theta in zip(pairs, thetas, strict=True):
        first, second = sp.re(z), sp.im(z)
        c, s = sp.cos(step * theta), sp.sin(step * theta)
        rows += [c * first - s * second, s * first + c * second]
    return sp.Matrix(rows)


def _parallel(q: Rows, k: Rows, v: Rows, gamma: sp.Expr, thetas: Vector) -> sp.Expr:
    last = len(k)
    terms = []
    for step, (key, value) in enumerate(zip(k, v, strict=True), 1):
        for query, entry, theta in zip(q[-1], key, thetas, strict=True):
            product, angle = sp.conjugate(query) * entry, (last - step) * theta
            turned = sp.re(product) * sp.cos(angle) + sp.im(product) * sp.sin(angle)
            terms.append(gamma ** (last - step) * value[0] * turned)
    return sp.Add(*terms)
