r"""Products of three affine maps of the input: the Volterra kernel of order 3.

H3, linear attention and retention read a linear memory of the products key × value with the query,

$$y_t = \sum_i q_i(u_t) \sum_{m \ge 0} g_i(m) \Bigl[\sum_{l \ge 0} \kappa_l\, k_i(u_{t-m-l})\Bigr] v(u_{t-m}) .$$

With q, k, v linear in the inputs $u_{t,a}$ that is one Volterra series with the single kernel

$$h_3\bigl((0, a), (m, c), (m + l, b)\bigr) = \sum_i W^q_{ia}\, g_i(m)\, W^v_c\, \kappa_l\, W^k_{ib}$$

(lag, channel); all other entries vanish. Its mean over the six orders is the symmetric kernel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import sympy as sp

from carleman_ssm.theory.polynomials import exact_entries

Vector = tuple[sp.Expr, ...]
Place = tuple[int, int]
CubicKernel = Mapping[tuple[Place, Place, Place], sp.Expr]
"""Three places (lag, channel) -> the weight of the product of the three inputs there."""


@dataclass(frozen=True)
class Branch:
    r"""One term i of the sum: query and key weights by input channel, and the memory $g_i(0), g_i(1), \dots$

    Parameters
    ----------
    query, key
        $W^q_{ia}$ and $W^k_{ib}$, one entry for each channel.
    memory
        $g_i(m)$ for m from 0.

    Raises
    ------
    ValueError, TypeError
        Entries that are not exact; query and key of different length.
    """

    query: Vector
    key: Vector
    memory: Vector

    def __post_init__(self) -> None:
        for name in ("query", "key", "memory"):
            object.__setattr__(self, name, exact_entries(getattr(self, name), name))
        if len(self.query) != len(self.key):
            msg = f"query and key see the same channels, got {len(self.query)} and {len(self.key)} weights"
            raise ValueError(msg)


def cubic_kernel(branches: Sequence[Branch], value: Sequence[sp.Expr], taps: Sequence[sp.Expr] = (1,)) -> CubicKernel:
    r"""$h_3$ as it stands, query first, then value, then key.

    Parameters
    ----------
    branches
        The terms i.
    value
        $W^v_c$ by channel.
    taps
        $\kappa_l$ for l from 0.

    Returns
    -------
    Mapping
        (query, value, key), each (lag, channel), to the entry.

    Examples
    --------
    >>> q, k, v, lam = sp.symbols("q k v lambda")
    >>> cubic_kernel([Branch((q,), (k,), (1, lam))], (v,))
    {((0, 0), (0, 0), (0, 0)): k*q*v, ((0, 0), (1, 0), (1, 0)): k*lambda*q*v}
    """
    weights, delays = exact_entries(tuple(value), "the value weights"), exact_entries(tuple(taps), "the taps")
    terms: dict[tuple[Place, Place, Place], list[sp.Expr]] = defaultdict(list)
    for branch in branches:
        letters = (enumerate(branch.memory), enumerate(delays), *map(enumerate, (branch.query, weights, branch.key)))
        for (m, g), (lag, kappa), (a, query), (c, held), (b, key) in product(*letters):
            terms[(0, a), (m, c), (m + lag, b)].append(sp.Mul(query, g, held, kappa, key))
    return {places: sp.Add(*parts) for places, parts in terms.items()}


def symmetrised(kernel: CubicKernel) -> CubicKernel:
    """The mean over the six orders of the three places: the kernel that the input-output map determines."""
    parts: dict[tuple[Place, Place, Place], list[sp.Expr]] = defaultdict(list)
    for places, weight in kernel.items():
        for first, second, third in permutations(places):
            parts[first, second, third].append(weight / 6)
    return {places: sp.Add(*terms) for places, terms in parts.items()}


def cubic_sum(kernel: CubicKernel, inputs: Sequence[Sequence[sp.Expr]]) -> sp.Expr:
    r"""$\sum h_3\, u_{t-m_1} u_{t-m_2} u_{t-m_3}$ with the last input at lag 0; before the first one all is zero.

    Parameters
    ----------
    kernel
        Entries by places.
    inputs
        $u_{k,a}$, step by step.
    """
    last = len(inputs) - 1
    within = (item for item in kernel.items() if max(lag for lag, _ in item[0]) <= last)
    return sp.Add(*(sp.Mul(h, *(inputs[last - lag][a] for lag, a in places)) for places, h in within))


def with_query_and_key_exchanged(kernel: CubicKernel) -> CubicKernel:
    """The lags of query and key exchanged: another map, as only the query has to be the present one (a false twin)."""
    return {((key[0], query[1]), value, (query[0], key[1])): h for (query, value, key), h in kernel.items()}
