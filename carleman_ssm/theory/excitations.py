r"""Input families with closed responses: finite sums of exponentials, and the impulse.

$u(t) = w\,\delta(t) + \sum_j A_j e^{s_j t}$ for $t \ge 0$. In discrete time $u_k = \sum_j A_j \rho_j^k$ with
$\rho_j = e^{s_j \Delta}$, and the impulse is $u_1 = w$. A step is the rate $s = 0$, a sinusoid the pair
$s = \pm i\omega$.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from carleman_ssm.theory.polynomials import exact


@dataclass(frozen=True)
class Excitation:
    r"""$u(t) = w\,\delta(t) + \sum_j A_j e^{s_j t}$, switched on at $t = 0$.

    Parameters
    ----------
    terms
        Pairs $(A_j, s_j)$: amplitude [input] and rate [1/time], exact numbers or expressions.
    impulse_weight
        $w$ [input·time], or [input] for a discrete model.

    Raises
    ------
    ValueError
        There is nothing in it, or an entry is a float.

    Examples
    --------
    >>> t, omega = sp.symbols("t omega", real=True)
    >>> Excitation.sinusoid(omega)(t)
    exp(I*omega*t)/2 + exp(-I*omega*t)/2
    >>> (Excitation.step() + Excitation.exponential(-2, amplitude=3)).terms
    ((1, 0), (3, -2))
    """

    terms: tuple[tuple[sp.Expr, sp.Expr], ...] = ()
    impulse_weight: sp.Expr = sp.S.Zero

    def __post_init__(self) -> None:
        terms = tuple(
            (exact(amplitude, f"amplitude A_{j}"), exact(rate, f"rate s_{j}"))
            for j, (amplitude, rate) in enumerate(self.terms)
        )
        object.__setattr__(self, "terms", terms)
        object.__setattr__(self, "impulse_weight", exact(self.impulse_weight, "the impulse weight w"))
        if not terms and self.impulse_weight == 0:
            msg = "an excitation needs a term or an impulse: such as Excitation.step()"
            raise ValueError(msg)

    @classmethod
    def impulse(cls, weight: sp.Expr = sp.S.One) -> Excitation:
        r"""$u = w\,\delta(t)$; in discrete time $u_1 = w$ and nothing after."""
        return cls(impulse_weight=weight)

    @classmethod
    def step(cls, height: sp.Expr = sp.S.One) -> Excitation:
        """$u = A$ from the start on."""
        return cls(((height, sp.S.Zero),))

    @classmethod
    def exponential(cls, rate: sp.Expr, amplitude: sp.Expr = sp.S.One) -> Excitation:
        """$u = A e^{st}$."""
        return cls(((amplitude, rate),))

    @classmethod
    def sinusoid(cls, frequency: sp.Expr, amplitude: sp.Expr = sp.S.One, phase: sp.Expr = sp.S.Zero) -> Excitation:
        r"""$u = A \cos(\omega t + \theta)$, as two exponentials $\tfrac A2 e^{\pm i(\omega t + \theta)}$."""
        omega, half = exact(frequency, "the frequency"), exact(amplitude, "the amplitude") / 2
        turn = sp.I * exact(phase, "the phase")
        return cls(((half * sp.exp(turn), sp.I * omega), (half * sp.exp(-turn), -sp.I * omega)))

    def __add__(self, other: Excitation) -> Excitation:
        if not isinstance(other, Excitation):
            return NotImplemented
        return Excitation((*self.terms, *other.terms), self.impulse_weight + other.impulse_weight)

    def __call__(self, t: sp.Expr) -> sp.Expr:
        r"""$\sum_j A_j e^{s_j t}$: the input at $t > 0$, after the impulse."""
        return sp.Add(*(amplitude * sp.exp(rate * t) for amplitude, rate in self.terms))

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once, in the order of the terms."""
        entries = [*(value for term in self.terms for value in term), self.impulse_weight]
        return tuple(dict.fromkeys(s for entry in entries for s in sorted(entry.free_symbols, key=str)))
