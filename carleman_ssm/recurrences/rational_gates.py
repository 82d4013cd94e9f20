r"""Diagonal recurrences with algebraic and rational gates: RG-LRU (Griffin) and S7.

RG-LRU: $h_k = a_k h_{k-1} + \beta_k x_k$ with $a_k = \alpha^{c r_k}$, $\alpha = \sigma(-p)$, a recurrence gate $r_k$
and $\beta_k = \sqrt{1 - a_k^2}$ for $k \ge 2$; the first step is not damped, $\beta_1 = 1$. The decays multiply on a
clock, $a_k \cdots a_1 = \alpha^{c(r_1 + \dots + r_k)}$; $(a_k, \beta_k)$ is a point of the unit circle
(`circle_gates`), and so is the first step: from rest $a_1$ is not read, so that it may be taken as 0.

S7: $h_k = (1 - 1/(\Lambda_k^2 + \frac12)) h_{k-1} + b_k$ with $\Lambda_k$ affine in the input. The multiplier is
$n_k/d_k$ with $n_k = 2\Lambda_k^2 - 1$, $d_k = 2\Lambda_k^2 + 1$, so that $\hat h_k = d_k \cdots d_1 h_k$ obeys a
recurrence with polynomial coefficients, $\hat h_k = n_k \hat h_{k-1} + d_k \cdots d_1 b_k$.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import VaryingDiagonal, Vector, step_symbols
from carleman_ssm.recurrences.circle_gates import by_entry, circle_laws, on_circle
from carleman_ssm.recurrences.statement import FamilyStatement, read_output
from carleman_ssm.theory.polynomials import require_integer

REFERENCE = "derivations/19_rational_gates"
DECAY_EXPONENT = 8
"""c of RG-LRU, fixed by its authors."""

Read = Callable[[sp.ImmutableMatrix], sp.Expr]


def rg_lru_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""RG-LRU with its gates as letters of every step.

    Parameters
    ----------
    states
        N channels of the recurrence; each is on its own until the output map.
    steps
        L.

    Returns
    -------
    FamilyStatement
        Of $h_k = a_k \odot h_{k-1} + \beta_k \odot x_k$ ($x_k$ after the input gate), read by
        $y = \sum_n c_n s_n h_{L,n}$ with the other branch $s$. The lift is exact with $a_k$, $\beta_k$, $x_k$ as its
        inputs, whatever they are. Laws: $\beta_k^2 = 1 - a_k^2$, which the layer has for $k \ge 2$, its first step
        with $\beta_1 = 1$ as the point (0, 1) of the same circle, and the clock.

    Raises
    ------
    TypeError, ValueError
        A size that is no positive integer.

    References
    ----------
    De et al., *Griffin* (2024), arXiv 2402.19427, equations 1-4; THEORY T19.
    """
    _require_sizes(states, steps)
    decays, roots, inputs = (step_symbols(stem, steps, states) for stem in ("a", "beta", "x"))
    drives = tuple(by_entry(root, x) for root, x in zip(roots, inputs, strict=True))
    recurrence = VaryingDiagonal(decays, drives)
    weights = by_entry(sp.symbols(f"c_:{states}"), sp.symbols(f"s_:{states}"))
    read = _reader(weights)
    output = read_output(recurrence, read, symbol=sp.Symbol(f"y_{steps}"), reference=REFERENCE)
    laws = (*circle_laws(states, steps), _first_step_law(recurrence), *_clock_laws(states, steps))
    twins = (*_root_twins(recurrence, output.expression), *_own_decay_twin(recurrence, read))
    return FamilyStatement("rg-lru", recurrence, output, laws, twins, input_degree=None, real_spectrum=True)


def s7_statement(states: int = 2, steps: int = 3) -> FamilyStatement:
    r"""S7 with one input channel: $\Lambda_{k,n}$ affine, $b_{k,n} = B_n(u_k) u_k + o_n$ quadratic in the input.

    Parameters
    ----------
    states
        N.
    steps
        L.

    Returns
    -------
    FamilyStatement
        Of $h_k = (1 - 1/(\Lambda_k^2 + \frac12)) \odot h_{k-1} + b_k$, read by $c \cdot h_L$, with the definitions of
        $\Lambda$ and b in `where` of the output. The letter c stands for a row of $C_L$, which in the layer is affine
        in $u_L$; what the layer adds without reading its state, $D_L u_L$, is not stated. Laws: the cleared
        recurrence at every step after the first, and that for real $\Lambda$ the multiplier lies in $[-1, 1)$, with −1
        at $\Lambda = 0$.

    Raises
    ------
    TypeError, ValueError
        A size that is no positive integer.

    References
    ----------
    Soydan et al., *S7* (2024), arXiv 2410.03464, equation 4; THEORY T19.
    """
    _require_sizes(states, steps)
    rates, drives = (step_symbols(stem, steps, states) for stem in ("Lambda", "b"))
    recurrence = VaryingDiagonal(tuple(tuple(map(s7_multiplier, row)) for row in rates), drives)
    weights = sp.symbols(f"c_:{states}")
    read = _reader(weights)
    where = _s7_letters(states, steps)
    free = sorted({s for value in where.values() for s in value.free_symbols} | set(weights), key=str)
    output = read_output(
        recurrence, read, symbol=sp.Symbol(f"y_{steps}"), reference=REFERENCE, where=where, arguments=tuple(free)
    )
    output = replace(output, certificates=tuple(_defined(one, rates) for one in output.certificates))
    laws = (*_cleared_laws(recurrence, rates), *_range_laws(sp.Symbol("Lambda", real=True)))
    twins = (
        *_s7_twins(recurrence, rates, read, output.expression),
        *_own_decay_twin(recurrence, read),
        *(replace(law, name=f"{law.name}, rates complex") for law in _range_laws(sp.Symbol("Lambda"))),
    )
    return FamilyStatement("s7", recurrence, output, laws, twins, input_degree=None, real_spectrum=True)


def s7_multiplier(rate: sp.Expr) -> sp.Expr:
    r"""$1 - 1/(\Lambda^2 + \frac12)$, the stable parametrisation of S7."""
    return 1 - 1 / (rate**2 + sp.Rational(1, 2))


def cleared(recurrence: VaryingDiagonal, rates: Sequence[Vector]) -> VaryingDiagonal:
    r"""The polynomial recurrence of $\hat h_k = d_k \cdots d_1 h_k$, $d_k = 2\Lambda_k^2 + 1$.

    Parameters
    ----------
    recurrence
        Multipliers `s7_multiplier` of the rates.
    rates
        $\Lambda_{k,n}$, L rows of N.
    """
    drives, product = [], [sp.S.One] * recurrence.states
    for row, drive in zip(rates, recurrence.drives, strict=True):
        product = [done * (2 * rate**2 + 1) for done, rate in zip(product, row, strict=True)]
        drives.append(by_entry(product, drive))
    return VaryingDiagonal(tuple(tuple(2 * rate**2 - 1 for rate in row) for row in rates), tuple(drives))


def cleared_degree(steps: int) -> int:
    r"""$2L + 2$: the degree of the cleared state $\hat h_L$ in the inputs; that of the output is none.

    For $\Lambda_k$ affine and $b_k$ quadratic in them: every step multiplies by $n_k$ or $d_k$, of degree 2; one drive,
    of degree 2, stands in every term. The state $\hat h_{L,n} / (d_{L,n} \cdots d_{1,n})$, and with it the output, is
    rational: each mode has denominators of its own.

    Examples
    --------
    >>> cleared_degree(3)
    8
    """
    return 2 * require_integer(steps, "the number of steps", least=1) + 2


def _require_sizes(states: int, steps: int) -> None:
    require_integer(states, "the number of states", least=1)
    require_integer(steps, "the number of steps", least=1)


def _reader(weights: Sequence[sp.Expr]) -> Read:
    return lambda state: sp.Add(*by_entry(weights, list(state)))


def _first_step_law(recurrence: VaryingDiagonal) -> Identity:
    """The state with an undamped first step, and with the point t = 1 of the circle in its place."""
    last, (decay, root) = recurrence.steps, on_circle(sp.S.One)
    names = range(recurrence.states)
    undamped = {sp.Symbol(f"beta_1_{n}"): sp.S.One for n in names}
    point = {sp.Symbol(f"beta_1_{n}"): root for n in names} | dict.fromkeys(recurrence.multipliers[0], decay)
    return Identity(
        recurrence.state(last).xreplace(point),
        recurrence.recurred_state(last).xreplace(undamped),
        name="an undamped first step is a point of the circle",
        because=r"from rest $a_1$ is not read; t = 1 gives $(a_1, \beta_1) = (0, 1)$",
    )


def _clock_laws(states: int, steps: int) -> Iterator[Identity]:
    p = sp.Symbol("p", real=True)
    yield Identity(
        sp.exp(-DECAY_EXPONENT * sp.log(1 + sp.exp(p))),
        (1 - _sigmoid(p)) ** DECAY_EXPONENT,
        name="with an open gate the decay is a power of one sigmoid",
        because=r"$e^{-\mathrm{softplus}(p)} = \sigma(-p) = 1 - \sigma(p)$",
    )
    bases = sp.symbols(f"alpha_:{states}", positive=True)
    gates, drives = step_symbols("r", steps, states), step_symbols("b", steps, states)
    decays = (tuple(a ** (DECAY_EXPONENT * r) for a, r in zip(bases, row, strict=True)) for row in gates)
    powers = VaryingDiagonal(tuple(decays), drives)
    sums = [sp.Add(*(row[n] for row in gates)) for n in range(states)]
    yield Identity(
        powers.propagator(steps, 0),
        sp.ImmutableMatrix(sp.diag(*(a ** (DECAY_EXPONENT * total) for a, total in zip(bases, sums, strict=True)))),
        name="the decays multiply on a clock",
        because=r"$\alpha^{c r} \alpha^{c r'} = \alpha^{c (r + r')}$",
    )


def _cleared_laws(recurrence: VaryingDiagonal, rates: Sequence[Vector]) -> Iterator[Identity]:
    polynomial, products = cleared(recurrence, rates), [sp.S.One] * recurrence.states
    for k, row in enumerate(rates, start=1):
        products = [done * (2 * rate**2 + 1) for done, rate in zip(products, row, strict=True)]
        if k == 1:  # from rest there is no denominator yet
            continue
        law = Identity(
            sp.ImmutableMatrix(by_entry(products, list(recurrence.recurred_state(k)))),
            polynomial.state(k),
            name=f"cleared denominators after {k} steps",
            because=r"$1 - 1/(\Lambda^2 + \frac12) = (2\Lambda^2 - 1)/(2\Lambda^2 + 1)$",
        )
        yield _defined(law, rates)


def _defined(identity: Identity, rates: Sequence[Vector]) -> Identity:
    r"""With the condition $2\Lambda^2 + 1 \ne 0$ for each rate that occurs: the letters may be complex."""
    letters = identity.left.free_symbols | identity.right.free_symbols
    found = tuple(2 * rate**2 + 1 for row in rates for rate in row if rate in letters)
    return replace(identity, nonzero=(*identity.nonzero, *found))


def _range_laws(rate: sp.Expr) -> Iterator[Identity]:
    """Written with the modulus, whose signs can be seen: they hold of real rates only."""
    multiplier, square = s7_multiplier(rate), sp.Abs(rate) ** 2
    yield Identity(
        1 - multiplier,
        2 / (2 * square + 1),
        name="the multiplier is below 1",
        because=r"a positive number, as $\Lambda$ is real",
    )
    yield Identity(
        1 + multiplier,
        4 * square / (2 * square + 1),
        name="the multiplier is at least -1",
        because=r"a number that is not negative, as $\Lambda$ is real: −1 at $\Lambda = 0$",
    )


def _s7_letters(states: int, steps: int) -> dict[sp.Basic, sp.Basic]:
    names = ("w", "z", "B", "beta", "o")
    slope, shift, quadratic, linear, offset = (sp.symbols(f"{name}_:{states}") for name in names)
    letters: dict[sp.Basic, sp.Basic] = {}
    for k in range(1, steps + 1):
        u = sp.Symbol(f"u_{k}")
        for n in range(states):
            letters[sp.Symbol(f"Lambda_{k}_{n}")] = slope[n] * u + shift[n]
            letters[sp.Symbol(f"b_{k}_{n}")] = (quadratic[n] * u + linear[n]) * u + offset[n]
    return letters


def _sigmoid(v: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-v))


def _root_twins(recurrence: VaryingDiagonal, output: sp.Expr) -> Iterator[Identity]:
    """Other weights of the last input, on the circle where the true one lives; a damped first; a mirrored sigmoid."""
    letters = {n: on_circle(sp.Symbol(f"t_{n}")) for n in range(recurrence.states)}
    decays, roots = recurrence.multipliers[-1], [f"beta_{recurrence.steps}_{n}" for n in letters]
    circle = {decays[n]: decay for n, (decay, _) in letters.items()}
    true = {sp.Symbol(roots[n]): root for n, (_, root) in letters.items()}
    forgotten = {sp.Symbol(roots[n]): root**2 for n, (_, root) in letters.items()}
    average = {sp.Symbol(roots[n]): 1 - decay for n, (decay, _) in letters.items()}
    for name, wrong in (("the root is forgotten", forgotten), ("a moving average", average)):
        yield Identity(output.xreplace(circle | wrong), output.xreplace(circle | true), name=name)
    first = {sp.Symbol(f"beta_1_{n}"): (sp.S.One, on_circle(sp.Symbol(f"t_{n}"))[1]) for n in letters}
    undamped, damped = ({root: pair[i] for root, pair in first.items()} for i in (0, 1))
    yield Identity(output.xreplace(damped), output.xreplace(undamped), name="the first step is damped like the others")
    p = sp.Symbol("p", real=True)
    softened = sp.exp(-DECAY_EXPONENT * sp.log(1 + sp.exp(p)))
    yield Identity(softened, _sigmoid(p) ** DECAY_EXPONENT, name="the sigmoid is mirrored")


def _own_decay_twin(recurrence: VaryingDiagonal, read: Read) -> Iterator[Identity]:
    """The input of a step is damped by the decay of that same step: a product that starts one step too early."""
    pairs = zip(recurrence.multipliers, recurrence.drives, strict=True)
    late = replace(recurrence, drives=tuple(sp.ImmutableMatrix(by_entry(row, list(drive))) for row, drive in pairs))
    last = recurrence.steps
    yield Identity(read(late.state(last)), read(recurrence.state(last)), name="every input decays in its own step")


def _s7_twins(recurrence: VaryingDiagonal, rates: Sequence[Vector], read: Read, output: sp.Expr) -> Iterator[Identity]:
    last = recurrence.steps
    products = [sp.Mul(*(2 * row[n] ** 2 + 1 for row in rates)) for n in range(recurrence.states)]
    polynomial = cleared(recurrence, rates)
    pairs = zip(rates, recurrence.drives, strict=True)
    own = tuple(sp.ImmutableMatrix(by_entry([2 * r**2 + 1 for r in row], list(drive))) for row, drive in pairs)
    if last > 1:
        unhalved = tuple(tuple(1 - 1 / rate**2 for rate in row) for row in rates)
        yield Identity(
            read(replace(recurrence, multipliers=unhalved).state(last)), output, name="the half is forgotten"
        )
        yield Identity(
            sp.ImmutableMatrix(by_entry(products, list(recurrence.state(last)))),
            replace(polynomial, drives=own).state(last),
            name="only the drive's own denominator is cleared",
        )
