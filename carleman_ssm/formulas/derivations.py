r"""Derivations: chains of identities with reasons, and what they stand on, as plain immutable data.

A step *is* an `Identity` between the previous and the next expression; the checker is the ordinary `verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import sympy as sp

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.formulas.shown import Shown
from carleman_ssm.formulas.statements import Identity, fold, immutable


@dataclass(frozen=True)
class Derivation(Shown):
    """A chain ``start = … = end`` with a reason for every step, and the lemmas that it stands on.

    Lemmas are statements that are not links of the chain (the base and the step of an induction, a bound); further
    chains are lemmas that have steps of their own. Values are immutable: every method returns a longer derivation.

    Parameters
    ----------
    title
        What is derived, in a few words.
    start
        Left-hand side of the conclusion.
    steps, lemmas, chains
        Built by the methods `step`, `lemma` and `chain`.
    where
        Abbreviations for the reader, ``symbol -> what it stands for``: literal occurrences are printed as the symbol.
    sizes
        The instances that the chain is written out for; empty for a general one (`Identity.sizes`).

    Examples
    --------
    >>> x, y = sp.symbols("x y")
    >>> square = Derivation("Square", (x + y) ** 2).step(x**2 + 2 * x * y + y**2, "binomial theorem")
    >>> square.conclusion.right
    x**2 + 2*x*y + y**2
    >>> [statement.name for statement in square.statements]
    ['Square, step 1', 'Square']
    """

    title: str
    start: sp.Basic
    steps: tuple[Identity, ...] = ()
    lemmas: tuple[Statement, ...] = ()
    chains: tuple[Derivation, ...] = ()
    where: Mapping[sp.Basic, sp.Basic] = field(default_factory=dict, hash=False)
    sizes: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", immutable(self.start))
        where = {key: immutable(value) for key, value in self.where.items()}
        object.__setattr__(self, "where", MappingProxyType(where))

    def step(
        self, expression: sp.Basic, because: str, nonzero: tuple[sp.Expr, ...] = (), sizes: str | None = None
    ) -> Derivation:
        """Append ``… = expression`` with its reason; `sizes` of the chain unless the step has its own."""
        link = Identity(
            self.end,
            expression,
            name=f"{self.title}, step {len(self.steps) + 1}",
            because=because,
            nonzero=nonzero,
            sizes=self.sizes if sizes is None else sizes,
        )
        return replace(self, steps=(*self.steps, link))

    def lemma(self, *statements: Statement) -> Derivation:
        """Add statements that the chain relies on, each checked on its own; what is there already is not repeated."""
        return replace(self, lemmas=tuple(dict.fromkeys((*self.lemmas, *statements))))

    def chain(self, *derivations: Derivation) -> Derivation:
        """Add further chains, each with its steps, its conclusion and its own lemmas."""
        return replace(self, chains=(*self.chains, *derivations))

    @property
    def end(self) -> sp.Basic:
        """The last expression of the chain."""
        return self.steps[-1].right if self.steps else self.start

    @property
    def has_chain(self) -> bool:
        """Whether there is a chain to print; a start alone only gives a title to lemmas and further chains."""
        return bool(self.steps) or not (self.lemmas or self.chains)

    @property
    def conclusion(self) -> Identity:
        """The end-to-end identity, checked independently of the steps; it assumes what all of its steps assume."""
        assumed = dict.fromkeys(expression for step in self.steps for expression in step.nonzero)
        sizes = "; ".join(dict.fromkeys(step.sizes for step in self.steps if step.sizes))
        return Identity(
            self.start, self.end, name=self.title, because="all steps together", nonzero=tuple(assumed), sizes=sizes
        )

    @property
    def explained(self) -> Mapping[sp.Basic, sp.Basic]:
        """The abbreviations that occur in what is printed, or in other ones that do."""
        sides = (fold(Identity(one.left, one.right), self.where) for one in self.statements or (self.conclusion,))
        shown = [side for one in sides for side in (one.left, one.right)]
        shown += [factor for one in self.statements if isinstance(one, Identity) for factor in one.nonzero]
        found: list[sp.Basic] = []
        while new := [key for key in self.where if key not in found and any(one.has(key) for one in shown)]:
            found += new
            shown = [self.where[key] for key in new]
        return {key: value for key, value in self.where.items() if key in found}

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Everything that is checked: steps and conclusion, lemmas, then those of further chains."""
        return tuple(dict.fromkeys(_statements(self)))


def _statements(derivation: Derivation) -> Iterator[Statement]:
    yield from derivation.steps
    if derivation.steps:
        yield derivation.conclusion
    yield from derivation.lemmas
    for chain in derivation.chains:
        yield from chain.statements
