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
from carleman_ssm.formulas.verification import verify
from carleman_ssm.theory.affine_lift import column
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
_SIMULATED = 2


def second_layer(states: int, *, feedthrough: bool = False) -> DiscreteSSM:
    r"""All entries symbols with a prime: $\lambda'_r$ is ``lambdaprime_r``, and so on.

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
        Of ``K_2[l_1, l_2]``, with $\mu = \min(l_1, l_2)$ in `where`; proportional triples $\lambda_p\lambda_q =
        \lambda'_r$ have their limit, all others are assumed different. Certificates: the sum over the delay;
        the value at $\mu = 0$ and the step $\mu \to \mu + 1$ for each mode of the second layer, which fix the kernel
        for all lags; and derivatives of the simulated layers at lags up to 2.

    Raises
    ------
    ValueError
        More than 500 triples of modes, or a name that the result needs is in use.
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
    return ClosedForm(
        sp.IndexedBase("K_2")[_LAGS],
        kernel.value(l1, l2, mu, sp.KroneckerDelta(l1, l2)),
        (*parameters, *_LAGS),
        {**kernel.where, mu: sp.Min(l1, l2)},
        tuple(kernel.stated(law) for law in (*kernel.certificates(), _simulated(kernel))),
        REFERENCE,
    )


def _pair_kernel(first: DiscreteSSM, decoder: PolynomialDecoder, second: DiscreteSSM) -> _PairKernel:
    """The layers with all modes written out and with named entries."""
    front, where = first.with_conjugates().named()
    back, primed = second.with_conjugates().named(suffix="prime")
    refuse_beyond_budget(front.states**2 * back.states, "the pair kernel", MAX_TRIPLES)
    used = {str(s) for s in (*first.parameters, *decoder.parameters, *second.parameters)}
    clash = used & {"l_1", "l_2", "mu", "m", "d", "delta", "K_2", *map(str, (*where, *primed))}
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
    resonances: frozenset[tuple[int, int, int]]

    def state_kernel(self, lag: sp.Expr) -> sp.Expr:
        r"""$k_l$ of the first layer."""
        return sp.Add(*(gain * multiplier**lag for gain, multiplier in _modes(self.first)))

    def kernel(self, lag: sp.Expr) -> sp.Expr:
        r"""$K_l$ of the first layer."""
        return self.state_kernel(lag) + self.first.feedthrough * sp.KroneckerDelta(lag, 0)

    def by_pairs(self, a: sp.Expr, b: sp.Expr, least: sp.Expr) -> list[sp.Expr]:
        r"""$g_2c'_r\bar b'_r\sum_m{\lambda'_r}^m k_{a-m}k_{b-m}$ summed in closed form, for each r."""
        values = []
        for r, (gain, mode) in enumerate(_modes(self.second)):
            terms = []
            for (p, (gain_p, one)), (q, (gain_q, other)) in product(enumerate(_modes(self.first)), repeat=2):
                summed = geometric_pair(one * other, mode, least, resonant=(p, q, r) in self.resonances)
                terms.append(gain_p * gain_q * one ** (a - least) * other ** (b - least) * summed)
            values.append(self.quadratic * gain * sp.Add(*terms))
        return values

    def driven(self, a: sp.Expr, b: sp.Expr, least: sp.Expr, equal: sp.Expr) -> list[sp.Expr]:
        """The same with the feedthrough of the first layer, which acts at the end of the delay."""
        direct = self.first.feedthrough
        met = direct * self.state_kernel(a + b - 2 * least) * (1 + equal) + direct**2 * equal
        rows = zip(self.by_pairs(a, b, least), _modes(self.second), strict=True)
        return [value + self.quadratic * gain * mode**least * met for value, (gain, mode) in rows]

    def value(self, a: sp.Expr, b: sp.Expr, least: sp.Expr, equal: sp.Expr) -> sp.Expr:
        """The kernel at the lags a and b."""
        direct = self.quadratic * self.second.feedthrough
        return sp.Add(*self.driven(a, b, least, equal), direct * self.kernel(a) * self.kernel(b))

    def certificates(self) -> tuple[Identity, ...]:
        """The geometric sum; one more step of delay; no delay."""
        equal, later = sp.Symbol("delta"), self.state_kernel(l1 + 1) * self.state_kernel(l2 + 1)
        delayed = self.state_kernel(l1 - m) * self.state_kernel(l2 - m)
        modes = [(self.quadratic * gain, mode) for gain, mode in _modes(self.second)]
        before = zip(self.driven(l1, l2, mu, equal), modes, strict=True)
        return (
            Identity(
                column(self.by_pairs(l1, l2, mu)),
                column([gain * sp.Sum(mode**m * delayed, (m, 0, mu)) for gain, mode in modes]),
                name="sum over the delay",
                because=r"a geometric sum with the ratio $\rho$",
            ),
            Identity(
                column(self.driven(l1 + 1, l2 + 1, mu + 1, equal)),
                column([mode * value + gain * later for value, (gain, mode) in before]),
                name="one more step of delay",
                because=r"the delay of one step more, and the pair that arrives with none",
            ),
            *self._boundary([gain for gain, _ in modes]),
        )

    def stated(self, law: Identity) -> Identity:
        """The law as it is true: a resonance is a relation between values, which named entries do not show."""
        if not self.resonances:
            return law
        return replace(law, left=law.left.xreplace(self.where), right=law.right.xreplace(self.where))

    def _boundary(self, gains: list[sp.Expr]) -> tuple[Identity, Identity]:
        nought, begun = sp.S.Zero, self.state_kernel(sp.S.Zero) + self.first.feedthrough
        return (
            Identity(
                column(self.driven(nought, d + 1, nought, nought)),
                column([gain * begun * self.state_kernel(d + 1) for gain in gains]),
                name="no delay, different lags",
                because=r"$\mu = 0$: one term, $K_0K_{d+1}$",
            ),
            Identity(
                column(self.driven(nought, nought, nought, sp.S.One)),
                column([gain * begun**2 for gain in gains]),
                name="no delay, equal lags",
                because=r"$\mu = 0$: one term, $K_0^2$",
            ),
        )


def _simulated(kernel: _PairKernel) -> Identity:
    """Half the second derivatives of the output of both layers, run step by step."""
    u = [sp.Symbol(f"u_{lag}") for lag in range(_SIMULATED + 1)]
    inputs = u[::-1]
    between = [kernel.quadratic * simulate(kernel.first, inputs[: k + 1]) ** 2 for k in range(len(inputs))]
    output = simulate(kernel.second, between)
    lags = list(combinations_with_replacement(range(_SIMULATED + 1), 2))
    whole = [tuple(map(sp.Integer, (a, b, min(a, b), int(a == b)))) for a, b in lags]
    return Identity(
        column([kernel.value(*at) for at in whole]),
        column([output.diff(u[a]).diff(u[b]) / 2 for a, b in lags]),
        name=f"derivatives of the simulated layers, lags up to {_SIMULATED}",
        because="the kernel is half the second derivative in the inputs of the two lags",
    )


def _modes(model: DiscreteSSM) -> list[tuple[sp.Expr, sp.Expr]]:
    r"""$c_n\bar b_n$ and $\lambda_n$ of every mode."""
    rows = zip(model.output_vector, model.input_vector, model.multipliers, strict=True)
    return [(c * b, multiplier) for c, b, multiplier in rows]


def _resonances(
    first: DiscreteSSM, second: DiscreteSSM, where: Mapping[sp.Symbol, sp.Expr]
) -> frozenset[tuple[int, int, int]]:
    r"""The triples with $\lambda_p\lambda_q = \lambda'_r$, as far as that is proved."""
    ones, others = ([value.xreplace(where) for value in model.multipliers] for model in (first, second))
    triples = product(enumerate(ones), enumerate(ones), enumerate(others))
    return frozenset((p, q, r) for (p, a), (q, b), (r, c) in triples if verify(Identity(a * b, c)).proved)
