"""The lifted one-step matrix T(u), N = 32, degrees 0 … 4, beside a polynomial ring and symengine."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import combinations_with_replacement

from sympy import ring
from sympy.polys.domains import ZZ

from benchmarks.measure import Row, alternate, once, peak_megabytes
from carleman_ssm.theory.term_table import lifted_table

STATES, DEGREE = 32, 4
NAME = f"T(u), N = {STATES}, degrees 0 … {DEGREE}"


def by_ring(states: int, degree: int) -> int:
    """Rows of T(u) as polynomials in λ_n, x_n, b_n, u; products of prefixes are kept. Returns the terms."""
    names = [f"{kind}{n}" for kind in "lxb" for n in range(states)]
    letters = ring([*names, "u"], ZZ)[1:]
    u = letters[-1]
    atoms = [letters[n] * letters[states + n] + letters[2 * states + n] * u for n in range(states)]
    return _by_prefix(atoms, letters[0] ** 0, degree, lambda row, atom: row * atom, len)


def by_symengine(states: int, degree: int) -> int:
    """The same with symengine's expand."""
    import symengine

    u = symengine.Symbol("u")
    letters = [[symengine.Symbol(f"{kind}{n}") for n in range(states)] for kind in "lxb"]
    atoms = [lam * x + b * u for lam, x, b in zip(*letters, strict=True)]
    return _by_prefix(
        atoms,
        symengine.Integer(1),
        degree,
        lambda row, atom: (row * atom).expand(),
        lambda row: len(row.args),
    )


def _by_prefix(atoms, one, degree, times, size) -> int:
    """Each row is a row of one degree less times one atom; returns the number of terms of all rows."""
    total, rows = 1, {(): one}
    for p in range(1, degree + 1):
        rows = {
            modes: times(rows[modes[:-1]], atoms[modes[-1]])
            for modes in combinations_with_replacement(range(len(atoms)), p)
        }
        total += sum(map(size, rows.values()))
    return total


def rows(threads: int) -> list[Row]:
    del threads
    entries = len(lifted_table(STATES, DEGREE))
    ours = alternate({"table": lambda: lifted_table(STATES, DEGREE)}, repeats=7)["table"]
    result = [
        Row(NAME, "term table", "", ours, None, "s", aim=0.12),
        Row(
            NAME,
            "term table, peak",
            "",
            peak_megabytes(lambda: lifted_table(STATES, DEGREE)),
            None,
            "MiB",
            aim=40,
        ),
    ]
    others = {"sympy.polys.ring": (by_ring, None)}
    if find_spec("symengine") is not None:
        others["symengine"] = (by_symengine, 15)
    else:
        result.append(Row(NAME, "term table", "symengine: not installed", ours, None, "s", aim=0.12))
    for name, (build, aim) in others.items():
        small = build(4, 3), len(lifted_table(4, 3))
        if small[0] != small[1]:
            msg = f"{name} finds {small[0]} entries for N = 4, degree 3, the table {small[1]}"
            raise RuntimeError(msg)
        seconds = once(lambda build=build: build(STATES, DEGREE))
        result.append(Row(f"{NAME}: {entries} entries", "term table", name, ours, seconds, "s", aim=aim))
    return result
