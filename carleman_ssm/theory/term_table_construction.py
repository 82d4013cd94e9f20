r"""How the columns of a `TermTable` are filled: every degree from tails of the degree below.

Before a sorted tuple of modes $i_1 \le \dots \le i_p$ stand
$\binom{N+p-1}{p} - 1 - \sum_r \binom{N+r-2-i_{(r)}}{r}$ others of its degree, $i_{(r)}$ being the r-th from
the *end*. A weight depends on the place from the end only, so that putting an atom in front adds one weight
to the sum of the tail: the sums are filled first and turned into places at last.
"""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Columns = tuple[Array, Array, Array, Array, tuple[Array, ...]]

_DEGREE_OF_INT64 = 56
"""A coefficient is at most 2^P and is multiplied by at most P before a division: 2^56 · 56 < 2^63."""


def tail_start(atoms: int, degree: int, first: int) -> int:
    """Where, in the list of the given degree, the tuples begin whose first atom is `first` or later."""
    if degree == 0:
        return 0
    return comb(atoms + degree - 1, degree) - comb(atoms - first + degree - 1, degree)


class _Filler:
    """The columns while they are being filled; `start[p]` is where degree p begins."""

    def __init__(self, states: int, degree: int) -> None:
        self.states, self.atoms = states, 2 * states
        sizes = [comb(self.atoms + p - 1, p) for p in range(degree + 1)]
        self.start = [0, *np.cumsum(sizes).tolist()]
        terms, small = self.start[-1], np.min_scalar_type(degree)
        self.row, self.column = np.zeros(terms, np.int32), np.zeros(terms, np.int32)
        self.input_power = np.zeros(terms, small)
        self.coefficient = np.ones(terms, np.int64 if degree <= _DEGREE_OF_INT64 else object)
        kind = np.min_scalar_type(self.atoms - 1)
        self.factors = [np.empty((p, size), kind) for p, size in enumerate(sizes)]
        # multiplicity of the leading mode, in all and as λx, of the degree below
        self.run, self.run_state = np.zeros(1, small), np.zeros(1, small)

    def fill(self, p: int) -> None:
        """Degree p: for each first atom, the tail of degree p - 1 that may follow it."""
        run, run_state = (np.ones(self.factors[p].shape[1], self.run.dtype) for _ in range(2))
        place = 0
        for atom in range(self.atoms):
            tail = tail_start(self.atoms, p - 1, atom)
            size = self.factors[p - 1].shape[1] - tail
            self._prepend(p, atom, slice(tail, tail + size), slice(place, place + size), run, run_state)
            place += size
        self.run, self.run_state = run, run_state

    def _prepend(self, p: int, atom: int, tail: slice, place: slice, run: Array, run_state: Array) -> None:
        mode, is_input = divmod(atom, 2)
        old = slice(self.start[p - 1] + tail.start, self.start[p - 1] + tail.stop)
        new = slice(self.start[p] + place.start, self.start[p] + place.stop)
        self.factors[p][0, place] = atom
        self.factors[p][1:, place] = self.factors[p - 1][:, tail]
        np.add(self.row[old], comb(self.states + p - 2 - mode, p), out=self.row[new])
        np.add(self.input_power[old], is_input, out=self.input_power[new], casting="unsafe")
        self.coefficient[new] = self.coefficient[old]
        if is_input:
            self.column[new] = self.column[old]
            run_state[place] = 0
        else:
            orders = range(p, 0, -1)  # the λx of the new term: p less the inputs of the tail
            weights = np.array([comb(self.states + q - 2 - mode, q) for q in orders], np.int32)
            np.add(self.column[old], weights[self.input_power[old]], out=self.column[new])
        if p > 1:
            self._same_mode(p, atom, tail, place, run, run_state)

    def _same_mode(self, p: int, atom: int, tail: slice, place: slice, run: Array, run_state: Array) -> None:
        """Where the tail begins with the mode of `atom`: lengthen its run and update the binomial."""
        end = tail_start(self.atoms, p - 1, 2 * (atom // 2) + 2)
        old, new = slice(tail.start, end), slice(place.start, place.start + end - tail.start)
        is_state = 1 - atom % 2
        np.add(self.run[old], 1, out=run[new], casting="unsafe")
        np.add(self.run_state[old], is_state, out=run_state[new], casting="unsafe")
        if is_state:  # binom(a + 1, b + 1) = binom(a, b) (a + 1) / (b + 1); with no λx it stays 1
            target = self.coefficient[self.start[p] + new.start : self.start[p] + new.stop]
            target *= run[new].astype(target.dtype)
            target //= run_state[new].astype(target.dtype)

    def columns(self) -> Columns:
        """The finished columns, the sums turned into places."""
        degrees = range(len(self.start) - 1)
        last = np.array([comb(self.states + p, p) - 1 for p in degrees], np.int32)
        for p in degrees:
            of = slice(self.start[p], self.start[p + 1])
            np.subtract(last[p], self.row[of], out=self.row[of])
            np.subtract(last[p - self.input_power[of]], self.column[of], out=self.column[of])
        return self.row, self.column, self.input_power, self.coefficient, tuple(self.factors)


def build_columns(states: int, degree: int) -> Columns:
    """Row, column, input power, coefficient and atoms of every term, degrees 0 … P."""
    filler = _Filler(states, degree)
    for p in range(1, degree + 1):
        filler.fill(p)
    return filler.columns()
