r"""Two layers: pairs of waves of the first drive the modes of the second.

A layer with modes $\lambda_p$ and a decoder with the quadratic coefficient $g_2$ stands in front of a layer with
modes $\lambda'_r$. With $k_m = \sum_p c_p\bar b_p\lambda_p^m$ and $k'_m$ of the second layer, the kernel of second
order from the input of the first to the output of the second layer is the delay in the second layer summed up,
$$K^{(2)}_{l_1 l_2} = g_2\sum_{m=0}^{\mu} k'_m\,k_{l_1-m}\,k_{l_2-m}
= g_2\sum_{p,q,r} c_p\bar b_p\,c_q\bar b_q\,c'_r\bar b'_r\,\lambda_p^{l_1}\lambda_q^{l_2}\frac{1-\rho^{\mu+1}}{1-\rho},
\quad \rho = \frac{\lambda'_r}{\lambda_p\lambda_q},\ \mu = \min(l_1, l_2),$$
the fraction being $\mu + 1$ at $\rho = 1$. It is written here without division by a multiplier, which may be 0:
$\lambda_p^{l_1-\mu}\lambda_q^{l_2-\mu}\,\frac{s^{\mu+1} - {\lambda'_r}^{\mu+1}}{s - \lambda'_r}$ with
$s = \lambda_p\lambda_q$.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, product

import sympy as sp

from carleman_ssm.formulas.statements import ClosedForm, Identity
from carleman_ssm.formulas.verification import Evidence, Verdict, verify
from carleman_ssm.theory.affine_lift import column
from carleman_ssm.theory.instances import at_size
from carleman_ssm.theory.monomials import refuse_beyond_budget
from carleman_ssm.theory.polynomials import PolynomialDecoder, require_integer, require_kind
from carleman_ssm.theory.ssm import DiscreteSSM
from carleman_ssm.theory.volterra import simulate

REFERENCE = "derivations/18_pair_kernel"
MAX_TRIPLES = 500
"""Kernels with more triples of modes are not written out."""

_LAGS = l1, l2 = sp.symbols("l_1 l_2", integer=True, nonnegative=True)
mu, d = (sp.Symbol(name, integer=True, nonnegative=True) for name in ("mu", "d"))
m = sp.Symbol("m", integer=True)
shorter = sp.Symbol("l", integer=True, nonnegative=True)
_LEAST = sp.Min(l1, l2)
_SIMULATED = 2
_INPUTS = sp.symbols(f"u_0:{_SIMULATED + 1}")
_DIGITS = 60, 120
_Triple = tuple[int, int, int]


def second_layer(states: int, *, feedthrough: bool = False) -> DiscreteSSM:
    r"""All entries symbols with a prime: $\lambda'_r$ is ``lambdaprime_r``, and so on.

    References
    ----------
    THEORY T18.

    Examples
    --------
    >>> second_layer(1).parameters
    (lambdaprime_0, bbarprime_0, cprime_0)
    """
    count = require_integer(states, "the number of states", least=1)
    lam, b, c = (tuple(sp.Symbol(f"{stem}prime_{r}") for r in range(count)) for stem in ("lambda", "bbar", "c"))
    return DiscreteSSM(lam, b, c, sp.Symbol("Dprime", real=True) if feedthrough else sp.S.Zero)


def geometric_pair(pair: sp.Expr, mode: sp.Expr, delay: sp.Expr, *, resonant: bool = False) -> sp.Expr:
    r"""$\sum_{m=0}^{\mu} s^{\mu-m} r^m = \frac{s^{\mu+1} - r^{\mu+1}}{s - r}$, and $(\mu + 1)\,r^\mu$ at $s = r$.

    Parameters
    ----------
    pair, mode, delay
        $s = \lambda_p\lambda_q$, $r = \lambda'_r$ and $\mu$.
    resonant
        Whether $s = r$.

    Examples
    --------
    >>> s, r = sp.symbols("s r")
    >>> sp.cancel(geometric_pair(s, r, sp.Integer(2))), geometric_pair(r, r, sp.Integer(2), resonant=True)
    (r**2 + r*s + s**2, 3*r**2)
    """
    if resonant:
        return (delay + 1) * mode**delay
    return (pair ** (delay + 1) - mode ** (delay + 1)) / (pair - mode)


def pair_kernel(first: DiscreteSSM, decoder: PolynomialDecoder, second: DiscreteSSM) -> ClosedForm:
    r"""The second-order kernel of a layer, its decoder and the linear output of the next layer, for symbolic lags.

    With feedthroughs $D$ and $D'$ stand beside the sum over modes
    $g_2 k'_\mu\,(D k_{|l_1-l_2|}(1 + \delta_{l_1l_2}) + D^2\delta_{l_1l_2})$ and $g_2 D' K_{l_1}K_{l_2}$ with
    $K_l = k_l + D\delta_{l0}$.

    Parameters
    ----------
    first, second
        The two layers; conjugate pairs are written out. Symbols that both use are the same quantity:
        `second_layer` has names of its own.
    decoder
        Between them; only $g_2$ enters.

    Returns
    -------
    ClosedForm
        Of ``K_2[l_1, l_2]``, with $\mu = \min(l_1, l_2)$ in `where`; triples with $\lambda_p\lambda_q = \lambda'_r$
        proved have their limit, all others are assumed different. Near a resonance the kernel is right but cancels
        in floating point: relative error about $\epsilon/|\lambda_p\lambda_q - \lambda'_r|$. Certificates: for each
        triple the sum over the delay and the step $\mu \to \mu + 1$, in letters (at a resonance
        $\lambda_p\lambda_q$ stands for $\lambda'_r$, so a multiplier 0 is included); the kernel as the sum over the
        delay at all lags, feedthroughs and $\mu$ included: 0 or later, equal or either one longer; derivatives of
        the simulated layers at lags up to 2; and the resonances, if there are any.

    Raises
    ------
    ValueError
        More than 500 triples of modes, or a name that the result needs is in use; or a product
        $\lambda_p\lambda_q$ and $\lambda'_r$ that look equal to 60 digits cannot be proved equal or different.
    TypeError
        Not a discrete model, or not a polynomial decoder.

    References
    ----------
    derivations/18_pair_kernel; THEORY T18.

    Examples
    --------
    >>> form = pair_kernel(DiscreteSSM.symbolic(1), PolynomialDecoder((0, 0, 1)), second_layer(1))
    >>> form.symbol, form.where
    (K_2[l_1, l_2], mappingproxy({mu: Min(l_1, l_2)}))
    """
    require_kind(first, DiscreteSSM, "the first layer")
    require_kind(second, DiscreteSSM, "the second layer")
    require_kind(decoder, PolynomialDecoder, "the decoder")
    kernel = _pair_kernel(first, decoder, second)
    parameters = dict.fromkeys([*first.parameters, *decoder.parameters, *second.parameters])
    form = ClosedForm(
        sp.IndexedBase("K_2")[_LAGS],
        kernel.value(l1, l2, mu, sp.KroneckerDelta(l1, l2)),
        (*parameters, *_LAGS),
        {**kernel.where, mu: _LEAST},
        reference=REFERENCE,
    )
    return replace(form, certificates=at_size(kernel.certificates(form), f"N = {first.states} and {second.states}"))


def _pair_kernel(first: DiscreteSSM, decoder: PolynomialDecoder, second: DiscreteSSM) -> _PairKernel:
    """The layers with all modes written out and with named entries."""
    front, where = first.with_conjugates().named()
    back, primed = second.with_conjugates().named(suffix="prime")
    refuse_beyond_budget(front.states**2 * back.states, "the pair kernel", MAX_TRIPLES)
    used = {str(s) for s in (*first.parameters, *decoder.parameters, *second.parameters)}
    clash = used & {*map(str, (*_LAGS, mu, m, d, shorter, *_INPUTS, *where, *primed)), "K_2"}
    if clash:
        msg = f"the layers use the names {', '.join(sorted(clash))}, which the result needs: rename their symbols"
        raise ValueError(msg)
    quadratic = decoder.coefficients[2] if decoder.degree >= 2 else sp.S.Zero
    return _PairKernel(front, quadratic, back, {**where, **primed}, _resonances(front, back, {**where, **primed}))


@dataclass(frozen=True)
class _PairKernel:
    """The kernel as a function of two lags, the smaller of them, and whether they are equal (1 or 0)."""

    first: DiscreteSSM
    quadratic: sp.Expr
    second: DiscreteSSM
    where: Mapping[sp.Symbol, sp.Expr]
    resonances: frozenset[_Triple]

    def state_kernel(self, lag: sp.Expr) -> sp.Expr:
        r"""$k_l$ of the first layer."""
        return sp.Add(*(gain * multiplier**lag for gain, multiplier in _modes(self.first)))

    def kernel(self, lag: sp.Expr) -> sp.Expr:
        r"""$K_l$ of the first layer."""
        return self.state_kernel(lag) + self.first.feedthrough * sp.KroneckerDelta(lag, 0)

    @property
    def triples(self) -> list[_Triple]:
        """Two modes of the first layer and one of the second."""
        states = range(self.first.states)
        return list(product(states, states, range(self.second.states)))

    def mode(self, triple: _Triple) -> sp.Expr:
        r"""$\lambda'_r$; at a resonance $\lambda_p\lambda_q$, so that laws in letters hold."""
        p, q, r = triple
        ones = self.first.multipliers
        return ones[p] * ones[q] if triple in self.resonances else self.second.multipliers[r]

    def met(self, triple: _Triple, a: sp.Expr, b: sp.Expr, least: sp.Expr, mode: sp.Expr) -> sp.Expr:
        r"""$c_p\bar b_p\,c_q\bar b_q\sum_m{\lambda'_r}^m\lambda_p^{a-m}\lambda_q^{b-m}$ in closed form."""
        (gain_p, one), (gain_q, other) = (_modes(self.first)[n] for n in triple[:2])
        summed = geometric_pair(one * other, mode, least, resonant=triple in self.resonances)
        return gain_p * gain_q * one ** (a - least) * other ** (b - least) * summed

    def value(self, a: sp.Expr, b: sp.Expr, least: sp.Expr, equal: sp.Expr) -> sp.Expr:
        """The kernel at the lags a and b; the feedthrough of the first layer acts at the end of the delay."""
        direct, rows = self.first.feedthrough, []
        ended = direct * self.state_kernel(a + b - 2 * least) * (1 + equal) + direct**2 * equal
        for r, (gain, mode) in enumerate(_modes(self.second)):
            waves = [self.met(triple, a, b, least, mode) for triple in self.triples if triple[2] == r]
            rows += [self.quadratic * gain * sp.Add(*waves), self.quadratic * gain * mode**least * ended]
        return sp.Add(*rows, self.quadratic * self.second.feedthrough * self.kernel(a) * self.kernel(b))

    def certificates(self, form: ClosedForm) -> tuple[Identity, ...]:
        """Each triple of modes, in letters; the value of the form itself; the simulated layers; the resonances."""
        stated = (*self._triple_laws(), self._definition(form), _simulated(self, form))
        laws = tuple(replace(law, nonzero=self._divisors()) for law in stated)
        if not self.resonances:
            return laws
        ones, others = ([z.xreplace(self.where) for z in model.multipliers] for model in (self.first, self.second))
        found = sorted(self.resonances)
        known = Identity(
            column([ones[p] * ones[q] for p, q, _ in found]),
            column([others[r] for *_, r in found]),
            name="resonances",
            because=r"$\lambda_p\lambda_q = \lambda'_r$ for these triples, and they have the limit",
        )
        return (*laws, known)

    def _triple_laws(self) -> tuple[Identity, Identity]:
        a, b = shorter, shorter + d  # the other order is the same law of the modes q and p
        closed, summed, later, stepped = [], [], [], []
        for triple in self.triples:
            (gain_p, one), (gain_q, other) = (_modes(self.first)[n] for n in triple[:2])
            mode, gain = self.mode(triple), gain_p * gain_q
            closed.append(self.met(triple, a, b, shorter, mode))
            summed.append(gain * sp.Sum(mode**m * one ** (a - m) * other ** (b - m), (m, 0, shorter)))
            later.append(self.met(triple, a + 1, b + 1, shorter + 1, mode))
            stepped.append(mode * closed[-1] + gain * one ** (a + 1) * other ** (b + 1))
        grown = r"the delay of one step more, and the pair that arrives with none"
        return (
            Identity(column(closed), column(summed), "sum over the delay", r"a geometric sum with the ratio $\rho$"),
            Identity(column(later), column(stepped), "one more step of delay", grown),
        )

    def _divisors(self) -> tuple[sp.Expr, ...]:
        r"""$\lambda_p\lambda_q - \lambda'_r$ away from the resonances."""
        ones, apart = self.first.multipliers, [t for t in self.triples if t not in self.resonances]
        return tuple(dict.fromkeys(ones[p] * ones[q] - self.mode((p, q, r)) for p, q, r in apart))

    def _definition(self, form: ClosedForm) -> Identity:
        """The form where both lags are 0, one is, or none is; which of them is longer is told by `d`."""
        nought, one, later = sp.S.Zero, shorter + 1, shorter + d + 2
        lags = [(nought, nought), (nought, d + 1), (d + 1, nought), (one, one), (one, later), (later, one)]
        return Identity(
            column([_at(form, a, b) for a, b in lags]),
            column([self._delays(a, b) for a, b in lags]),
            name="the kernel at all lags",
            because=r"$g_2\sum_{m\le\mu} K'_mK_{l_1-m}K_{l_2-m}$; its last term holds $K_0$, the first $K'_0$",
        )

    def _delays(self, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """The sum over the delay at two lags whose order shows; resonant triples as the laws above give them."""
        last, total = sp.Min(a, b), sp.S.Zero
        for triple in self.triples:
            gain, mode = _modes(self.second)[triple[2]]
            (gain_p, one), (gain_q, other) = (_modes(self.first)[n] for n in triple[:2])
            if triple in self.resonances:
                waves = self.met(triple, a, b, last, mode)
            elif last == 0:
                waves = gain_p * gain_q * one**a * other**b
            else:
                waves = sp.Sum(gain_p * gain_q * mode**m * one ** (a - m) * other ** (b - m), (m, 0, last))
            total += gain * waves
        met, begun = self._product(a - last, b - last), self.state_kernel(a - last) * self.state_kernel(b - last)
        total += sp.Add(*(gain * mode**last * (met - begun) for gain, mode in _modes(self.second)))
        return self.quadratic * (total + self.second.feedthrough * self._product(a, b))

    def _product(self, a: sp.Expr, b: sp.Expr) -> sp.Expr:
        """$K_aK_b$ where it shows whether a lag is 0."""
        return sp.Mul(*(self.state_kernel(lag) + (self.first.feedthrough if lag == 0 else 0) for lag in (a, b)))


def _at(form: ClosedForm, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """The expression of the form at two lags, the smaller one as its `where` says."""
    return form.expression.xreplace({mu: form.where[mu]}).xreplace({l1: a, l2: b})


def _simulated(kernel: _PairKernel, form: ClosedForm) -> Identity:
    """Half the second derivatives of the output of both layers, run step by step."""
    u, inputs = _INPUTS, list(_INPUTS[::-1])
    between = [kernel.quadratic * simulate(kernel.first, inputs[: k + 1]) ** 2 for k in range(len(inputs))]
    output = simulate(kernel.second, between)
    lags = list(combinations_with_replacement(range(_SIMULATED + 1), 2))
    left, right = (
        column([_at(form, sp.Integer(a), sp.Integer(b)) for a, b in lags]),
        column([output.diff(u[a]).diff(u[b]) / 2 for a, b in lags]),
    )
    if kernel.resonances:  # a relation between values, which named entries do not show
        left, right = left.xreplace(kernel.where), right.xreplace(kernel.where)
    return Identity(
        left,
        right,
        name=f"derivatives of the simulated layers, lags up to {_SIMULATED}",
        because="the kernel is half the second derivative in the inputs of the two lags",
    )


def _modes(model: DiscreteSSM) -> list[tuple[sp.Expr, sp.Expr]]:
    r"""$c_n\bar b_n$ and $\lambda_n$ of every mode."""
    rows = zip(model.output_vector, model.input_vector, model.multipliers, strict=True)
    return [(c * b, multiplier) for c, b, multiplier in rows]


def _resonances(first: DiscreteSSM, second: DiscreteSSM, where: Mapping[sp.Symbol, sp.Expr]) -> frozenset[_Triple]:
    r"""The triples with $\lambda_p\lambda_q = \lambda'_r$, as far as that is proved."""
    ones, others = ([value.xreplace(where) for value in model.multipliers] for model in (first, second))
    found = set()
    for (p, a), (q, b), (r, c) in product(enumerate(ones), enumerate(ones), enumerate(others)):
        verdict = verify(Identity(a * b, c))
        if verdict.proved:
            found.add((p, q, r))
        elif verdict.evidence is not Evidence.REFUTED and _look_equal(a * b - c, verdict):
            msg = (
                f"lambda_{p}*lambda_{q} = {a * b} of the first layer and lambdaprime_{r} = {c} of the second agree to "
                f"{_DIGITS[0]} digits, but cannot be proved equal or different: write lambdaprime_{r} as the product "
                f"lambda_{p}*lambda_{q}, or both in a form in which equality can be proved"
            )
            raise ValueError(msg)
    return frozenset(found)


def _look_equal(difference: sp.Expr, verdict: Verdict) -> bool:
    """Whether a number has no digit that two precisions agree on; with symbols, whether both sides agreed."""
    if difference.free_symbols:
        return verdict.evidence is Evidence.SUPPORTED
    coarse, fine = (sp.N(difference, digits) for digits in _DIGITS)
    scale, change = sp.Abs(fine), sp.Abs(sp.N(fine - coarse))
    return (change < scale * sp.Float(10) ** (-_DIGITS[0] // 2)) is not sp.true
