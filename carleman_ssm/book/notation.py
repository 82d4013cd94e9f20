r"""Notation: what each letter stands for, from the first derivation to the last.

A letter of this table means the same on every page. What a single derivation needs beside it the script declares
itself (``notation = {symbol: meaning}``), and the book prints it at the head of that derivation. Letters that mean
different things in different derivations (t, s, v, alpha, theta, ...) are not in the table. Where a derivation needs a
letter of the table for something else, because the literature calls it so, the word "here" stands before its meaning.
Counters are letters of whole numbers: what they count each sum says, or the derivation that declares them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp
from sympy.core.function import AppliedUndef

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.printing.tex import to_latex
from carleman_ssm.proofs.scripts import Script

_LISTED = 4  # more letters of one meaning are shortened by dots


@dataclass(frozen=True)
class Letter:
    r"""One row of the table.

    Parameters
    ----------
    tex
        As it is printed, without dollars.
    names
        How symbols are called that are this letter; ``#`` stands for one index, ``"x_#"`` for ``x_0`` and ``x_n``.
    meaning
        Prose with TeX formulas between dollars.
    statement
        Where it is introduced: a number of THEORY, such as ``"T3"``.
    counts
        Whether only whole numbers are called so: a symbol that is not declared an integer is then another letter, and a
        derivation may say what it counts.
    """

    tex: str
    names: tuple[str, ...]
    meaning: str
    statement: str
    counts: bool = False


def _row(tex: str, names: str, meaning: str, statement: str) -> Letter:
    return Letter(tex, tuple(names.split()), meaning, statement)


NOTATION: tuple[Letter, ...] = (
    # sizes and counters
    _row("N", "N", "number of modes, and of nodes of the ring", "§3"),
    _row("M", "M", "number of stored modes, one of each conjugate pair", "T5"),
    _row("P", "P P_#", "degree of the polynomial decoder (of layer $\\ell$: $P_\\ell$)", "§3"),
    _row("L", "L", "number of steps", "T3"),
    _row("k", "k", "step; the state after it is $x_k$", "§3"),
    Letter("i,\\, j,\\, l,\\, m,\\, n,\\, p,\\, q,\\, r", ("i", "j", "l", "m", "n", "p", "q", "r", "l_#", "m_#"),
           "counters where they are whole numbers, as each sum says: n mostly of modes, j and l of nodes, m of lags, "
           "p of orders; else what a derivation declares", "§3", counts=True),
    Letter("d", ("d",), "where it is a whole number, the difference of two counters: of two nodes "
           "$(j - l) \\bmod N$, of two lags", "T2", counts=True),
    _row("\\tau", "tau", "time of an input; for a clock that the input drives $\\tau_k = \\sum_{i\\le k}\\Delta_i$",
         "T15"),
    # the model
    _row("a_n", "a a_#", "eigenvalues in continuous time [1/time]", "§3"),
    _row("\\lambda_n", "lambda_# lambda", "multipliers of one step", "§3"),
    _row("\\Lambda", "Lambda", "$\\mathrm{diag}(\\lambda)$", "§3"),
    _row("b_n", "b b_#", "input weights in continuous time", "§3"),
    _row("\\bar b_n", "bbar bbar_#", "input weights of one step", "§3"),
    _row("c_n", "c c_#", "output weights", "§3"),
    _row("D", "D D_#", "feedthrough, of several channels one each; $D(z)$ with an argument is the periodic sinc",
         "§3, T3"),
    _row("\\Delta", "Delta Delta_#", "length of a step [time], of step k $\\Delta_k$", "§3"),
    _row("u,\\, u_k", "u u_# u_#_#", "input (of a channel)", "§3"),
    _row("x,\\, x_n", "x x_#", "state, one component for each mode", "§3"),
    _row("y", "y y_#", "pre-activation $c^\\top x + Du$; $y_m$ what lag m adds to it", "§3"),
    _row("y_0", "y_0", "the level about which a decoder is expanded: what a bias alone produces", "T13"),
    _row("z", "z z_#", "what is decoded, $\\sigma(y)$", "§3"),
    _row("g_p", "g_#", "coefficients of the decoder, $\\sigma(y) = \\sum_p g_p y^p$", "§3"),
    _row("K_m", "K K_#", "taps of the kernel, $K_{n,m}$ the share of mode n; $K(t)$ in continuous time", "T10"),
    _row("\\lambda'_n,\\, \\bar b'_n,\\, c'_n,\\, D',\\, \\Delta'",
         "lambdaprime_# bbarprime_# cprime_# Dprime Deltaprime aprime_# bprime_#", "the same of the second layer",
         "T18"),
    # the ring
    _row("F", "F", "unitary discrete Fourier transform, $F_{jn} = e^{2\\pi ijn/N}/\\sqrt N$", "T1"),
    _row("W,\\, w_d", "W w_#", "coupling of the ring, a circulant matrix, and its entries by distance", "T1"),
    _row("h_j", "h h_#", "contents of node j", "T1"),
    _row("C_j", "C C_#", "readout weight of node j", "T1"),
    _row("\\rho", "rho", "damping of one step: modulus of the multipliers", "T3"),
    _row("\\delta", "delta", "hop: nodes that a pattern moves in one step, $N\\Delta/2$ for S4D-Lin", "T3"),
    _row("\\omega,\\, \\omega_n", "omega omega_#", "frequencies: angle in one step, in a unit of time or of y", "T8"),
    # the lifted operator
    _row("T(\\xi),\\, \\xi_n", "xi xi_# T", "lift of the translation by $\\xi$; the displacement of a whole input",
         "T12"),
    _row("S(A)", "S", "lift of the linear map A", "T12"),
    _row("G", "G", "generator of Pascal's matrices, $G_{p,p-1} = p$", "T12′"),
)  # fmt: skip
"""The letters of all derivations."""

_COUNTED = tuple(row.meaning for row in NOTATION if row.counts)

FUNCTIONS: Mapping[str, str] = {
    r"\varphi_k(z)": r"$\varphi_0 = e^z$, $\varphi_{k+1}(z) = (\varphi_k(z) - 1/k!)/z$, and $1/(k+1)!$ at 0",
    r"\Phi,\, \varphi": "distribution function and density of the standard normal law",
    r"\operatorname{chord}(d)": r"$\frac N\pi\sin\frac{\pi d}N$, the straight distance of two nodes",
    r"\bar z": "the complex conjugate (a bar over b is the input weight of a step)",
    r"\otimes": "Kronecker product",
    r"P^\delta": r"cyclic shift by $\delta$ nodes",
    r"x^\top,\ x^H": "transpose, and conjugate transpose",
    r"\mathcal{Q}_1,\ \mathcal{Q}_2": "parts of a long display, explained where they stand",
}
"""Functions and signs, as they are printed, with what they mean."""


def meaning_of(symbol: sp.Basic | str) -> str:
    """What the table says of a symbol, an indexed letter or its base; empty if it has no row.

    Examples
    --------
    >>> meaning_of(sp.Symbol("lambda_3")), meaning_of("q_1_2"), meaning_of(sp.Symbol("q"))
    ('multipliers of one step', '', '')
    """
    row = _row_of(name_of(symbol))
    counted = isinstance(symbol, str) or bool(getattr(symbol, "is_integer", False))
    return row.meaning if row is not None and (counted or not row.counts) else ""


def is_known(symbol: sp.Basic | str) -> bool:
    """Whether the table has a row for a symbol.

    Examples
    --------
    >>> is_known(sp.IndexedBase("u")[3]), is_known("varrho")
    (True, False)
    """
    return bool(meaning_of(symbol))


def name_of(symbol: sp.Basic | str) -> str:
    """The name of a symbol, of the base of an indexed one, or of an applied function."""
    if isinstance(symbol, sp.Indexed):
        return str(symbol.base)
    return str(getattr(symbol, "name", symbol))


@cache
def _row_of(name: str) -> Letter | None:
    exact = [row for row in NOTATION if name in row.names]
    fitting = (row for row in NOTATION if any(_fits(name, pattern) for pattern in row.names))
    return exact[0] if exact else next(fitting, None)


def _fits(name: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\#", "[0-9A-Za-z]+"), name) is not None


def letters_of(statements: Iterable[Statement]) -> tuple[sp.Basic, ...]:
    """Free letters of statements: symbols, bases of indexed letters, and functions that are not defined."""
    found: dict[str, sp.Basic] = {}
    for statement in statements:
        for side in (statement.left, statement.right):
            functions = {applied.func for applied in side.atoms(AppliedUndef)}
            for letter in side.free_symbols | functions:
                found.setdefault(name_of(letter), letter.base if isinstance(letter, sp.Indexed) else letter)
    return tuple(found[name] for name in sorted(found))


def undeclared(script: Script) -> tuple[str, ...]:
    """Letters of a script that neither the table nor the script declares."""
    own = {name_of(symbol) for symbol in script.notation}
    letters = letters_of(script.derivation.statements)
    return tuple(name_of(letter) for letter in letters if not is_known(letter) and name_of(letter) not in own)


def declared_in(script: Script) -> tuple[tuple[str, str], ...]:
    """Letters that a script declares, as they are printed, with their meaning; letters of one meaning together.

    Where the table has another meaning, the word "here" says so.
    """
    together: dict[str, list[str]] = {}
    elsewhere = set(overridden(script))
    for symbol, meaning in script.notation.items():
        said = re.sub("^here:? ", "", meaning)
        shown = f"here {said}" if name_of(symbol) in elsewhere else said
        together.setdefault(shown, []).append(to_latex(symbol))
    return tuple((_enumerated(letters), meaning) for meaning, letters in together.items())


def _enumerated(letters: list[str]) -> str:
    shown = letters if len(letters) <= _LISTED else [*letters[:2], r"\dots", letters[-1]]
    return r",\, ".join(shown)


def overridden(script: Script) -> tuple[str, ...]:
    """Letters of the table for which a script has another meaning; what a counter counts is no other meaning."""
    return tuple(
        name_of(symbol)
        for symbol, meaning in script.notation.items()
        if meaning_of(symbol) not in ("", meaning, *_COUNTED)
    )
