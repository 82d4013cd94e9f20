"""LaTeX per term of T(u), straight from the table, beside sympy.latex of the same terms."""

from __future__ import annotations

import sympy as sp

from benchmarks.measure import Row, alternate
from carleman_ssm.theory.term_table import lifted_table

STATES, DEGREE = 8, 4
SAMPLE = 500


def rows(threads: int) -> list[Row]:
    del threads
    table, large = lifted_table(STATES, DEGREE), lifted_table(32, 3)
    lam, b = sp.symbols(f"lambda_0:{STATES}"), sp.symbols(f"b_0:{STATES}")
    matrix = table.to_sympy(lam, b, sp.Symbol("u"))
    terms = [matrix[int(i), int(j)] for i, j in zip(table.row[-SAMPLE:], table.column[-SAMPLE:], strict=True)]
    seconds = alternate(
        {"table": table.latex, "large": large.latex, "sympy": lambda: [sp.latex(term) for term in terms]},
        repeats=5,
    )
    ours, theirs = 1e6 * seconds["table"] / len(table), 1e6 * seconds["sympy"] / SAMPLE
    per_large = 1e6 * seconds["large"] / len(large)
    name = f"LaTeX per term, N = {STATES}, P = {DEGREE}"
    return [
        Row(name, "term table", "", ours, None, "µs", aim=7),
        Row(name, "term table", f"sympy.latex ({SAMPLE} terms)", ours, theirs, "µs"),
        Row("LaTeX per term, N = 32, P = 3", "term table", "", per_large, None, "µs", aim=7),
    ]
