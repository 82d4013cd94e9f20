r"""Laws of outputs that are products of three affine maps of the input: degree, homogeneity, one Volterra kernel.

The laws put affine maps of two input channels in the place of queries, keys and values, with a symbol for each weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import comb

import sympy as sp

from carleman_ssm.formulas.statements import Identity
from carleman_ssm.recurrences.affine import Vector, step_symbols
from carleman_ssm.recurrences.cubic_kernels import (
    CubicKernel,
    cubic_sum,
    symmetrised,
    with_query_and_key_exchanged,
)
from carleman_ssm.theory.polynomials import require_count, require_integer

CHANNELS = 2
"""Input channels in the laws of degree and kernel."""

Rows = tuple[Vector, ...]


@dataclass(frozen=True)
class AffineMaps:
    """Symbols of the maps from the input channels to query, key and value, and the inputs per step.

    Parameters
    ----------
    q, k, v
        Weights, one row for each component.
    biases
        One for each component, in the order q, k, v.
    inputs
        Steps of `CHANNELS` real inputs.
    """

    q: Rows
    k: Rows
    v: Rows
    biases: tuple[Vector, Vector, Vector]
    inputs: Rows

    @classmethod
    def symbolic(cls, components: int, values: int, steps: int, *, real: bool) -> AffineMaps:
        """Fresh symbols; weights of queries and keys are real or complex, everything else is real."""
        sizes = {"q": components, "k": components, "v": values}
        kinds: dict[str, dict[str, bool]] = {"v": {"real": True}}
        for name in "qk":
            kinds[name] = {"real": True} if real else {}
        rows = {
            name: tuple(tuple(sp.symbols(f"W{name}_{i}_:{CHANNELS}", **kinds[name])) for i in range(size))
            for name, size in sizes.items()
        }
        q0, k0, v0 = (tuple(sp.symbols(f"b{name}_:{size}", **kinds[name])) for name, size in sizes.items())
        inputs = step_symbols("u", steps, CHANNELS, real=True)
        return cls(rows["q"], rows["k"], rows["v"], (q0, k0, v0), inputs)

    @property
    def letters(self) -> Vector:
        """All inputs."""
        return tuple(chain.from_iterable(self.inputs))

    def put_into(self, expression: sp.Expr, letters: Sequence[Sequence[Vector]], *, biases: bool = True) -> sp.Expr:
        """Queries, keys and values of all steps as maps of the inputs: affine, or linear without the biases."""
        maps = zip(letters, (self.q, self.k, self.v), self.biases, strict=True)
        return expression.xreplace(
            {
                letter: sp.Add(*(w * u for w, u in zip(row, present, strict=True)), *([bias] if biases else []))
                for steps, rows, offsets in maps
                for present, step in zip(self.inputs, steps, strict=True)
                for letter, row, bias in zip(step, rows, offsets, strict=True)
            }
        )


def require_sizes(states: int, steps: int) -> None:
    """At least one state, and two steps: with one the twins would be true.

    Raises
    ------
    TypeError, ValueError
        Other sizes.
    """
    require_integer(states, "the number of states", least=1)
    require_integer(steps, "the number of steps", least=2)


def kernel_laws(output: sp.Expr, kernel: CubicKernel, maps: AffineMaps) -> tuple[Identity, ...]:
    """Linear maps: the output is homogeneous of degree 3 and the sum of one Volterra kernel, symmetric or not."""
    reason = "the query is the present one, the value lies m steps back, the key l more"
    return (
        homogeneity_law(output, maps.letters, 3, "homogeneous of degree 3 without biases"),
        Identity(cubic_sum(kernel, maps.inputs), output, name="Volterra kernel of order 3", because=reason),
        Identity(
            cubic_sum(symmetrised(kernel), maps.inputs),
            output,
            name="symmetric Volterra kernel of order 3",
            because="the product of three inputs does not depend on their order",
        ),
    )


def kernel_twins(output: sp.Expr, kernel: CubicKernel, maps: AffineMaps) -> tuple[Identity, ...]:
    """A kernel with query and key exchanged, and a degree too low."""
    exchanged = cubic_sum(with_query_and_key_exchanged(kernel), maps.inputs)
    return (
        Identity(exchanged, output, name="query and key exchanged in the kernel"),
        degree_law(output, maps.letters, 2, "degree 2"),
    )


def degree_law(output: sp.Expr, letters: Sequence[sp.Symbol], degree: int, name: str) -> Identity:
    r"""The degree in the letters is at most d: $\sum_{i=0}^{d+1} (-1)^i \binom{d+1}{i}\, y(i u) = 0$ for all u.

    With the homogeneous parts $y = \sum_n y_n$ the left-hand side is $\pm \sum_n \Delta^{d+1}(t^n)_{t=0}\, y_n(u)$. The
    differences of order d + 1 vanish for n ≤ d and are positive for n > d, and parts of different degree cannot cancel:
    so a polynomial y obeys the law exactly if its degree is at most d.

    Parameters
    ----------
    output
        y, with the letters in it.
    letters
        The inputs u; other symbols are parameters.
    degree
        d.
    name
        Of the identity.

    Examples
    --------
    >>> from carleman_ssm.formulas.verification import verify
    >>> u, v = sp.symbols("u v")
    >>> [str(verify(degree_law(u**2 * v, (u, v), d, "")).evidence.value) for d in (2, 3)]
    ['refuted', 'proved']
    """
    order = require_count(degree, "the degree") + 1
    scaled = (sp.Integer((-1) ** i * comb(order, i)) * scaled_letters(output, letters, i) for i in range(order + 1))
    return Identity(
        sp.Add(*scaled, evaluate=False),
        sp.S.Zero,
        name=name,
        because=r"$\Delta^{d+1} t^n$ at t = 0 vanishes for n ≤ d and is positive for n > d",
    )


def homogeneity_law(output: sp.Expr, letters: Sequence[sp.Symbol], degree: int, name: str) -> Identity:
    r"""$y(tu) = t^d y(u)$: no terms but of degree d."""
    t = sp.Symbol("scaling_t")
    scaled = scaled_letters(output, letters, t)
    return Identity(scaled, t**degree * output, name=name, because="each term is a product of as many linear maps")


def scaled_letters(output: sp.Expr, letters: Sequence[sp.Symbol], factor: sp.Expr | int) -> sp.Expr:
    """The output at the inputs times a factor."""
    return output.xreplace({letter: factor * letter for letter in letters})
