r"""Statements of the families with one diagonal state for many inputs and outputs: S5 and LRU.

$$x_k = \lambda \odot x_{k-1} + \bar B u_k, \qquad y_k = \mathrm{read}(C x_k) + D u_k$$

for one output, with read = 2Re where one of each conjugate pair is stored and Re where all modes are. The output is
$y_k = \sum_{j \le k} K_{k-j} u_j + D u_k$ with one row of kernels for each input: on the ring each input channel i is a
kick of its own, $F^H \bar B e_i$, and the kicks superpose. All parameters are symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import InvariantDiagonal, step_symbols
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.polynomials import require_integer
from carleman_ssm.theory.roots_of_unity import root_of_unity

INPUTS = 2
"""Input channels of the statements: two kicks show the superposition."""

Row = tuple[sp.Expr, ...]
Matrix = tuple[Row, ...]


def s5_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""S5 with stored conjugate pairs: $y_k = 2\,\mathrm{Re}(C x_k) + D u_k$, each mode with its own $\Delta_p$.

    Parameters
    ----------
    states
        P, stored modes; λ and $\bar B$ are letters, so that the statement holds for a hold and the bilinear rule.
    steps
        L.

    Returns
    -------
    FamilyStatement
        Laws: the convolution with the kernels $2\,\mathrm{Re}(C \lambda^m \bar B)$ gives the output; the 2P modes with
        their conjugates and without the factor 2 give the same; the inputs superpose, on the ring as well; the hold and
        the bilinear rule solve the equations that define them. Twins: one conjugate dropped; +i for −i in λ alone;
        Euler for the hold; the bilinear rule with its sign flipped; with more than one mode, the output held with
        the Δ of the first for all of them.

    Raises
    ------
    TypeError, ValueError
        A size is no positive integer.

    References
    ----------
    Smith, Warrington, Linderman (2023), §3; THEORY T1, T5, T12.

    Examples
    --------
    >>> s5_statement(1, 1).output.symbol, s5_statement(1, 1).input_degree
    (y_1, 1)
    """
    recurrence, inputs = _recurrence(states, steps)
    weights, feedthrough = _symbols("c", states), _symbols("D", INPUTS, real=True)

    def read(state: sp.ImmutableMatrix) -> sp.Expr:
        total = _dot(weights, list(state))
        return total + sp.conjugate(total) + _dot(feedthrough, inputs[-1])

    output = read_output(
        recurrence, read, symbol=sp.Symbol(f"y_{steps}"), reference="derivations/12_time_invariant_families"
    )
    pairs = _with_conjugates(recurrence, weights, feedthrough, inputs)
    laws = (
        Identity(output.expression, _convolution(recurrence, weights, feedthrough, inputs, pairs=True), name="kernels"),
        Identity(output.expression, pairs, name="2P modes without the factor 2", because="inputs are real"),
        _superposition(recurrence, read, inputs),
        _kicks_on_the_ring(recurrence, weights, inputs),
        *_discretisation_laws(),
    )
    last = recurrence.state(steps)
    dropped = 2 * _dot(weights, list(last)) + _dot(feedthrough, inputs[-1])
    swapped = _with_conjugates(recurrence, weights, feedthrough, inputs, turn=sp.conjugate)
    twins = (
        Identity(output.expression, dropped, name="the conjugate of the pair is dropped"),
        *_sign_twin(output.expression, swapped, steps),
        *_discretisation_twins(),
        *_one_step_twin(output.expression, states),
    )
    return FamilyStatement("s5", recurrence, output, laws, twins, input_degree=1, real_spectrum=False)


def lru_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""LRU: $x_k = \lambda x_{k-1} + e^{\gamma} \odot (B u_k)$, $y_k = \mathrm{Re}(C x_k) + D u_k$, all modes stored.

    Parameters
    ----------
    states, steps
        N and L.

    Returns
    -------
    FamilyStatement
        Laws: the convolution with the kernels $\mathrm{Re}(C \lambda^m e^{\gamma} B)$; the inputs superpose, on the
        ring as well; $|\lambda|^2 = e^{-2e^\nu}$; with $e^{2\gamma} = 1 - |\lambda|^2$ white noise of unit variance
        brings $E|x_L|^2$ to $1 - |\lambda|^{2L}$. Twins: 2Re for Re; no real part; the scale γ forgotten; +i for −i in
        λ alone.

    Raises
    ------
    TypeError, ValueError
        A size is no positive integer.

    References
    ----------
    Orvieto et al. (2023), §3.3 and §3.4; THEORY T1, T12.
    """
    scales = tuple(sp.exp(g) for g in _symbols("gamma", states, real=True))
    recurrence, inputs = _recurrence(states, steps, scales)
    weights, feedthrough = _symbols("c", states), _symbols("D", INPUTS, real=True)
    direct = _dot(feedthrough, inputs[-1])

    def read(state: sp.ImmutableMatrix) -> sp.Expr:
        total = _dot(weights, list(state))
        return (total + sp.conjugate(total)) / 2 + direct

    output = read_output(
        recurrence, read, symbol=sp.Symbol(f"y_{steps}"), reference="derivations/12_time_invariant_families"
    )
    plain, _ = _recurrence(states, steps)
    last = _dot(weights, list(recurrence.state(steps)))
    turned = InvariantDiagonal(tuple(map(sp.conjugate, recurrence.multipliers)), recurrence.drives)
    laws = (
        Identity(
            output.expression, _convolution(recurrence, weights, feedthrough, inputs, pairs=False), name="kernels"
        ),
        _superposition(recurrence, read, inputs),
        _kicks_on_the_ring(recurrence, weights, inputs),
        *_lru_laws(),
    )
    twins = (
        Identity(output.expression, 2 * output.expression - direct, name="2Re for Re"),
        Identity(output.expression, last + direct, name="no real part"),
        Identity(output.expression, read(plain.state(steps)), name="the input scale is forgotten"),
        *_sign_twin(output.expression, read(turned.state(steps)), steps),
    )
    return FamilyStatement("lru", recurrence, output, laws, twins, input_degree=1, real_spectrum=False)


def _symbols(stem: str, count: int, **assumptions: bool) -> Row:
    return tuple(sp.Symbol(f"{stem}_{n}", **assumptions) for n in range(count))


def _dot(weights: Sequence[sp.Expr], values: Sequence[sp.Expr]) -> sp.Expr:
    return sp.Add(*(w * v for w, v in zip(weights, values, strict=True)))


def _input_matrix(states: int, scales: Row | None) -> Matrix:
    rows = [sp.symbols(f"b_{n}_:{INPUTS}") for n in range(states)]
    factors = scales or (sp.S.One,) * states
    return tuple(tuple(factor * b for b in row) for factor, row in zip(factors, rows, strict=True))


def _recurrence(states: int, steps: int, scales: Row | None = None) -> tuple[InvariantDiagonal, Matrix]:
    require_integer(states, "the number of states", least=1)
    require_integer(steps, "the number of steps", least=1)
    inputs: Matrix = step_symbols("u", steps, INPUTS, real=True)
    rows = _input_matrix(states, scales)
    drives = tuple(sp.ImmutableMatrix([_dot(row, u) for row in rows]) for u in inputs)
    return InvariantDiagonal(_symbols("lambda", states), drives), inputs


def _convolution(
    recurrence: InvariantDiagonal, weights: Row, feedthrough: Row, inputs: Matrix, *, pairs: bool
) -> sp.Expr:
    r"""$\sum_j K_{k-j} u_j + D u_k$ with the kernels, real parts written out, for each input."""
    rows, last = [_kernel_inputs(recurrence, inputs, i) for i in range(INPUTS)], len(inputs)
    terms = []
    for j, u in enumerate(inputs, start=1):
        for i in range(INPUTS):
            modes = zip(weights, recurrence.multipliers, rows[i], strict=True)
            kernel = sp.Add(*(c * multiplier ** (last - j) * b for c, multiplier, b in modes))
            terms.append((2 if pairs else 1) * sp.re(kernel) * u[i])
    return sp.Add(*terms, _dot(feedthrough, inputs[-1]))


def _kernel_inputs(recurrence: InvariantDiagonal, inputs: Matrix, channel: int) -> Row:
    r"""Column i of $\bar B$: the drive of the first step by one unit on that channel."""
    unit = {u: sp.Integer(i == channel) for i, u in enumerate(inputs[0])}
    return tuple(entry.xreplace(unit) for entry in recurrence.drives[0])


def _with_conjugates(
    recurrence: InvariantDiagonal, weights: Row, feedthrough: Row, inputs: Matrix, turn: type[sp.Expr] | None = None
) -> sp.Expr:
    """The output of the doubled system; `turn` changes the stored multipliers, for a twin."""
    stored = tuple(map(turn, recurrence.multipliers)) if turn else recurrence.multipliers
    multipliers = (*stored, *map(sp.conjugate, stored))
    drives = tuple((*drive, *map(sp.conjugate, drive)) for drive in recurrence.drives)
    doubled = InvariantDiagonal(multipliers, drives)
    state = list(doubled.recurred_state(recurrence.steps))
    return _dot((*weights, *map(sp.conjugate, weights)), state) + _dot(feedthrough, inputs[-1])


def _sign_twin(output: sp.Expr, wrong: sp.Expr, steps: int) -> tuple[Identity, ...]:
    """After one step no multiplier has acted, so that the twin would be true."""
    return (Identity(output, wrong, name="+i for −i in the multipliers alone"),) if steps > 1 else ()


def _superposition(
    recurrence: InvariantDiagonal, read: Callable[[sp.ImmutableMatrix], sp.Expr], inputs: Matrix
) -> Identity:
    """Each input on its own, then the sum: several kicks on one ring do not meet."""
    output = read(recurrence.state(recurrence.steps))
    alone = [_alone((output,), inputs, i)[0] for i in range(INPUTS)]
    return Identity(
        output, sp.Add(*alone), name="the inputs superpose", because="the recurrence and readout are linear"
    )


def _kicks_on_the_ring(recurrence: InvariantDiagonal, weights: Row, inputs: Matrix) -> Identity:
    r"""$c^\top x = \sum_j C_j \sum_i h^{(i)}_j$: each input kicks the ring on its own; the nodes add up."""
    nodes, state = recurrence.states, list(recurrence.state(recurrence.steps))
    phase = [root_of_unity(sp.Rational(n, nodes)) for n in range(nodes)]
    terms = []
    for j in range(nodes):
        read = sp.Add(*(c * phase[n * j % nodes] for n, c in enumerate(weights)))
        kicks = [_alone(state, inputs, i) for i in range(INPUTS)]
        held = [sp.Add(*(x * phase[-n * j % nodes] for n, x in enumerate(kick))) / nodes for kick in kicks]
        terms.append(read * sp.Add(*held))
    return Identity(
        _dot(weights, state),
        sp.Add(*terms),
        name="several kicks on one ring",
        because=r"the Fourier matrix is unitary, and $F^H \bar B u = \sum_i F^H \bar B e_i u_i$",
    )


def _alone(values: Sequence[sp.Expr], inputs: Matrix, channel: int) -> Row:
    """The values when all other input channels are silent."""
    silent = {u[other]: sp.S.Zero for u in inputs for other in range(INPUTS) if other != channel}
    return tuple(value.xreplace(silent) for value in values)


def _rule() -> tuple[sp.Symbol, sp.Symbol, sp.Expr, sp.Expr]:
    a, step = sp.Symbol("a"), sp.Symbol("Delta", positive=True)
    return a, step, sp.exp(a * step), (sp.exp(a * step) - 1) / a


def _discretisation_laws() -> tuple[Identity, ...]:
    a, step, multiplier, held = _rule()
    bilinear, kick = (1 + a * step / 2) / (1 - a * step / 2), step / (1 - a * step / 2)
    pole = (1 - a * step / 2,)
    return (
        Identity(sp.Derivative(multiplier, step), a * multiplier, name="the hold solves x' = ax"),
        Identity(sp.Derivative(held, step), a * held + 1, name="the hold solves x' = ax + 1", nonzero=(a,)),
        Identity(bilinear - 1, a * step / 2 * (bilinear + 1), name="trapezoidal rule of x' = ax", nonzero=pole),
        Identity(kick, a * step / 2 * kick + step, name="trapezoidal rule of x' = ax + 1", nonzero=pole),
    )


def _discretisation_twins() -> tuple[Identity, ...]:
    a, step, _, held = _rule()
    flipped = (1 - a * step / 2) / (1 + a * step / 2)
    pole = (1 + a * step / 2,)
    return (
        Identity(held, step, name="Euler for the hold", nonzero=(a,)),
        Identity(
            flipped - 1, a * step / 2 * (flipped + 1), name="the bilinear rule with its sign flipped", nonzero=pole
        ),
    )


def _one_step_twin(output: sp.Expr, states: int) -> tuple[Identity, ...]:
    r"""The output under a hold, $\lambda_n = e^{a_n \Delta_n}$ and $\bar b_n = (\lambda_n - 1) b_n / a_n$, two ways."""
    if states == 1:
        return ()
    rates, steps = _symbols("a", states), _symbols("Delta", states, positive=True)

    def held(lengths: Row) -> sp.Expr:
        letters: dict[sp.Basic, sp.Basic] = {}
        for n, (a, length) in enumerate(zip(rates, lengths, strict=True)):
            letters[sp.Symbol(f"lambda_{n}")] = sp.exp(a * length)
            letters |= {b: (sp.exp(a * length) - 1) / a * b for b in sp.symbols(f"b_{n}_:{INPUTS}")}
        return output.xreplace(letters)

    return (Identity(held(steps), held((steps[0],) * states), name="one step for all modes", nonzero=rates),)


def _lru_laws() -> tuple[Identity, ...]:
    nu, theta = sp.symbols("nu theta", real=True)
    multiplier = sp.exp(-sp.exp(nu) + sp.I * sp.exp(theta))
    radius, lag = sp.Symbol("r", positive=True), sp.Symbol("m", integer=True)
    length = sp.Symbol("L", integer=True, positive=True)
    return (
        Identity(
            multiplier * sp.conjugate(multiplier), sp.exp(-2 * sp.exp(nu)), name="the modulus of λ", because="θ is real"
        ),
        Identity(
            sp.Sum((1 - radius**2) * radius ** (2 * lag), (lag, 0, length - 1)),
            1 - radius ** (2 * length),
            name="the mean square of a state under white noise",
            because=r"$E|x_k|^2 = |\lambda|^2 E|x_{k-1}|^2 + e^{2\gamma}$, $e^{2\gamma} = 1 - r^2$ and $r = |\lambda|$",
            nonzero=(1 - radius**2,),
        ),
    )
