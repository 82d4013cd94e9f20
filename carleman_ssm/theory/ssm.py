r"""Diagonal state space models, in continuous and in discrete time, symbolic or exact.

$x' = \Lambda x + b u,\; y = c^\top x + D u$ with $\Lambda = \mathrm{diag}(a_n)$, and one step
$x_k = \bar\Lambda x_{k-1} + \bar b u_k,\; y_k = c^\top x_k + D u_k$ with multipliers $\lambda_n$. The state
starts at rest, $x_0 = 0$, and the first input is $u_1$.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, fields, replace
from typing import Any, ClassVar, Self

import sympy as sp

from carleman_ssm.formulas.special import phi
from carleman_ssm.formulas.statements import check_names
from carleman_ssm.theory.polynomials import exact, require_count


class _DiagonalModel:
    """What both kinds of time share: the vectors, their validation, and the doubled system."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    output_vector: tuple[sp.Expr, ...]
    feedthrough: sp.Expr
    conjugate_pairs: bool

    def __post_init__(self) -> None:
        for name in self._vectors():
            entries: object = getattr(self, name)
            if not isinstance(entries, tuple | list):
                msg = f"{name} must be a tuple of exact entries, one per state, got {entries!r}"
                raise TypeError(msg)
            values = tuple(exact(value, f"{name}[{n}]") for n, value in enumerate(entries))
            object.__setattr__(self, name, values)
        object.__setattr__(self, "feedthrough", exact(self.feedthrough, "the feedthrough D"))
        self._check()

    def _check(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in self._vectors()}
        if len(set(sizes.values())) != 1 or 0 in sizes.values():
            listed = ", ".join(f"{name}: {size}" for name, size in sizes.items())
            msg = f"a model needs one entry per state in each vector and at least one state, got {listed}"
            raise ValueError(msg)
        flag: object = self.conjugate_pairs
        if not isinstance(flag, bool):
            msg = f"conjugate_pairs must be True or False, got {flag!r}"
            raise TypeError(msg)
        if self.conjugate_pairs and self.feedthrough.is_real is False:
            msg = f"the output of conjugate pairs is real, so D must be real, got {self.feedthrough}"
            raise ValueError(msg)
        check_names(self.parameters)

    @classmethod
    def _vectors(cls) -> tuple[str, ...]:
        """The names of the three vectors, the one of the spectrum first."""
        return tuple(field.name for field in fields(cls))[:3]

    @property
    def states(self) -> int:
        """Number of stored modes (one of each conjugate pair, if pairs are stored)."""
        return len(self.output_vector)

    @property
    def parameters(self) -> tuple[sp.Symbol, ...]:
        """The free symbols, each once: spectrum, input, output, feedthrough, in the order of the states."""
        entries = [*(value for name in self._vectors() for value in getattr(self, name)), self.feedthrough]
        ordered = (symbol for entry in entries for symbol in sorted(entry.free_symbols, key=str))
        return tuple(dict.fromkeys(ordered))

    def with_conjugates(self, *, merge_real: bool = False) -> Self:
        r"""The doubled system, each mode beside its conjugate: $y = c^\top x + \bar c^\top \bar x + D u$.

        For a real input the second half of the state is the conjugate of the first, so the output is
        $2\,\mathrm{Re}(c^\top x) + D u$ as before, now linear in the state. A model without stored pairs
        is returned as it is.

        Parameters
        ----------
        merge_real
            Keep a mode whose multiplier and input are real (mode 0 of S4D-Lin) once, with the output
            weight $c + \bar c = 2\,\mathrm{Re}\,c$, instead of two equal copies.

        References
        ----------
        THEORY T5: S4D-Lin with M stored modes has 2M - 1 different ones.

        Examples
        --------
        >>> a, c = sp.symbols("a c")
        >>> pair = DiagonalSSM((a,), (1,), (c,), conjugate_pairs=True)
        >>> pair.with_conjugates().eigenvalues, pair.with_conjugates().output_vector
        ((a, conjugate(a)), (c, conjugate(c)))
        """
        if not self.conjugate_pairs:
            return self
        rows = list(zip(*(getattr(self, name) for name in self._vectors()), strict=True))
        real = [merge_real and all(value.is_real is True for value in row[:2]) for row in rows]
        stored = [
            (*row[:2], row[2] + sp.conjugate(row[2])) if single else row for row, single in zip(rows, real, strict=True)
        ]
        partners = [tuple(map(sp.conjugate, row)) for row, single in zip(rows, real, strict=True) if not single]
        columns = zip(*stored, *partners, strict=True)
        return replace(self, **dict(zip(self._vectors(), columns, strict=True)), conjugate_pairs=False)

    def readout(self, state: tuple[sp.Expr, ...], u: sp.Expr) -> sp.Expr:
        r"""$y = c^\top x + D u$, or $c^\top x + \overline{c^\top x} + D u$ for stored conjugate pairs."""
        if len(state) != self.states:
            msg = f"the model has {self.states} stored modes, the state has {len(state)} entries"
            raise ValueError(msg)
        terms = [c * x for c, x in zip(self.output_vector, state, strict=True)]
        pairs = [sp.conjugate(term) for term in terms] if self.conjugate_pairs else []
        return sp.Add(*terms, *pairs, self.feedthrough * u)


@dataclass(frozen=True)
class DiagonalSSM(_DiagonalModel):
    r"""$x' = \mathrm{diag}(a) x + b u$, $y = c^\top x + D u$, or twice the real part of $c^\top x$.

    Parameters
    ----------
    eigenvalues
        $a_n$ [1/time], exact numbers or symbols.
    input_vector, output_vector
        $b_n$ [state/(input·time)] and $c_n$ [output/state].
    feedthrough
        $D$ [output/input].
    conjugate_pairs
        True when only one of each conjugate pair is stored: $y = 2\,\mathrm{Re}(c^\top x) + D u$, for a
        real input. `with_conjugates` gives the doubled system.

    Raises
    ------
    ValueError
        The vectors differ in length or are empty, an entry is a float or infinite, a name is illegal, or
        D is not real although conjugate pairs are stored.
    TypeError
        An entry is text or no scalar.
    """

    eigenvalues: tuple[sp.Expr, ...]
    input_vector: tuple[sp.Expr, ...]
    output_vector: tuple[sp.Expr, ...]
    feedthrough: sp.Expr = sp.S.Zero
    conjugate_pairs: bool = False

    @classmethod
    def symbolic(cls, states: int, *, feedthrough: bool = False, conjugate_pairs: bool = False) -> DiagonalSSM:
        """All entries symbols: ``a_n``, ``b_n``, ``c_n``, and a real ``D`` if there is a feedthrough.

        Examples
        --------
        >>> DiagonalSSM.symbolic(states=2).parameters
        (a_0, a_1, b_0, b_1, c_0, c_1)
        """
        a, b, c = (_symbols(stem, states) for stem in ("a", "b", "c"))
        return cls(a, b, c, _feedthrough_symbol(feedthrough), conjugate_pairs)


@dataclass(frozen=True)
class DiscreteSSM(_DiagonalModel):
    r"""$x_k = \mathrm{diag}(\lambda) x_{k-1} + \bar b u_k$, $y_k = c^\top x_k + D u_k$.

    The output reads the *new* state, so the kernel begins with $K_0 = c^\top \bar b + D$.

    Parameters
    ----------
    multipliers, input_vector, output_vector
        $\lambda_n$, $\bar b_n$ and $c_n$.
    feedthrough
        $D$.
    conjugate_pairs
        As in `DiagonalSSM`.

    Raises
    ------
    ValueError, TypeError
        As in `DiagonalSSM`.
    """

    multipliers: tuple[sp.Expr, ...]
    input_vector: tuple[sp.Expr, ...]
    output_vector: tuple[sp.Expr, ...]
    feedthrough: sp.Expr = sp.S.Zero
    conjugate_pairs: bool = False

    @classmethod
    def symbolic(cls, states: int, *, feedthrough: bool = False, conjugate_pairs: bool = False) -> DiscreteSSM:
        """All entries symbols: ``lambda_n``, ``bbar_n``, ``c_n``, and a real ``D`` for a feedthrough."""
        multipliers, b, c = (_symbols(stem, states) for stem in ("lambda", "bbar", "c"))
        return cls(multipliers, b, c, _feedthrough_symbol(feedthrough), conjugate_pairs)

    def named(self, *, suffix: str = "") -> tuple[DiscreteSSM, dict[sp.Symbol, sp.Expr]]:
        r"""The same model with symbols $\lambda_n$, $\bar b_n$ for compound entries, and their definitions.

        The mapping is the beginning of the `where` of a closed form. Entries that are symbols or rational
        numbers stay, but a multiplier 0 gets a name: laws with $\lambda_n^m$ are stated for a letter.

        Parameters
        ----------
        suffix
            Added to the stems: ``"prime"`` gives $\lambda'_n$ to the second of two layers.

        Raises
        ------
        ValueError
            A name such as ``lambda_0`` is already in use with another meaning.

        Examples
        --------
        >>> delta = sp.Symbol("Delta")
        >>> model, where = bilinear_transform(DiagonalSSM.symbolic(states=1), delta).named()
        >>> model.multipliers, where[model.multipliers[0]]
        ((lambda_0,), (Delta*a_0/2 + 1)/(-Delta*a_0/2 + 1))
        """
        where: dict[sp.Symbol, sp.Expr] = {}
        multipliers = _name_entries(f"lambda{suffix}", self.multipliers, where)
        inputs = _name_entries(f"bbar{suffix}", self.input_vector, where)
        taken = sorted(set(map(str, self.parameters)) & set(map(str, where)))
        if taken:
            msg = f"the model already uses {', '.join(taken)} with another meaning: rename its symbols"
            raise ValueError(msg)
        return replace(self, multipliers=multipliers, input_vector=inputs), where


def _symbols(stem: str, count: int) -> tuple[sp.Symbol, ...]:
    if require_count(count, "the number of states") == 0:
        msg = "a model needs at least one state"
        raise ValueError(msg)
    return tuple(sp.Symbol(f"{stem}_{n}") for n in range(count))


def _feedthrough_symbol(present: bool) -> sp.Expr:
    return sp.Symbol("D", real=True) if present else sp.S.Zero


def _name_entries(stem: str, entries: tuple[sp.Expr, ...], where: dict[sp.Symbol, sp.Expr]) -> tuple[sp.Expr, ...]:
    """Symbols for the compound entries; their definitions are added to `where`."""
    named = []
    for n, entry in enumerate(entries):
        vanishing_power_base = entry == 0 and stem.startswith("lambda")
        if entry.is_Symbol or (entry.is_Rational and not vanishing_power_base):
            named.append(entry)
        else:
            named.append(sp.Symbol(f"{stem}_{n}"))
            where[named[-1]] = entry
    return tuple(named)


def zero_order_hold(ssm: DiagonalSSM, step: sp.Expr) -> DiscreteSSM:
    r"""The exact sampled model when the input is held during each step: $\lambda_n = e^{a_n \Delta}$.

    $\bar b_n = \Delta\,\varphi_1(a_n \Delta)\, b_n$, which is $(\lambda_n - 1) b_n / a_n$ without its
    singularity: at $a_n = 0$ it is $\Delta b_n$.

    Parameters
    ----------
    step
        $\Delta$ [time], an exact number or a symbol.

    Returns
    -------
    DiscreteSSM
        Finite at a = 0, where $\varphi_1(0) = 1$.

    Raises
    ------
    TypeError
        The step is text or no scalar.

    References
    ----------
    THEORY §3; Gu et al. (2022), S4D, eq. 3.
    """
    delta = exact(step, "the step")
    multipliers = tuple(sp.exp(a * delta) for a in ssm.eigenvalues)
    inputs = tuple(delta * phi(1, a * delta) * b for a, b in zip(ssm.eigenvalues, ssm.input_vector, strict=True))
    return DiscreteSSM(multipliers, inputs, ssm.output_vector, ssm.feedthrough, ssm.conjugate_pairs)


def bilinear_transform(ssm: DiagonalSSM, step: sp.Expr) -> DiscreteSSM:
    r"""Tustin's rule: $\lambda_n = (1 + a_n\Delta/2)/(1 - a_n\Delta/2)$.

    The input vector is $\bar b_n = \Delta b_n/(1 - a_n\Delta/2)$.

    Parameters
    ----------
    step
        $\Delta$ [time], an exact number or a symbol.

    Returns
    -------
    DiscreteSSM
        With a pole where $a_n\Delta = 2$.

    Raises
    ------
    ValueError
        $a_n \Delta = 2$ for some mode: the transform has a pole there.

    References
    ----------
    THEORY §3; Gu et al. (2022), S4D, eq. 3.
    """
    delta = exact(step, "the step")
    halves = [a * delta / 2 for a in ssm.eigenvalues]
    for n, half in enumerate(halves):
        if (1 - half).is_zero:
            msg = f"the bilinear transform has a pole, a*Delta = 2 in mode {n}: change the step or use a hold"
            raise ValueError(msg)
    multipliers = tuple((1 + half) / (1 - half) for half in halves)
    inputs = tuple(delta * b / (1 - half) for half, b in zip(halves, ssm.input_vector, strict=True))
    return DiscreteSSM(multipliers, inputs, ssm.output_vector, ssm.feedthrough, ssm.conjugate_pairs)
