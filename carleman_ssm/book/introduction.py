r"""What stands before the derivations: title, introduction, and how to read what is in the margin."""

from __future__ import annotations

from carleman_ssm.formulas.evidence import Evidence

TITLE = "State space networks as one explicit operator"
SUBTITLE = "Derivations, each line with its evidence"

INTRODUCTION = r"""
A diagonal state space model is a bank of $N$ modes, $x_k = \mathrm{diag}(\lambda)x_{k-1} + \bar b u_k$, read by $y_k
= c^\top x_k + Du_k$ and decoded by a function, $z_k = \sigma(y_k)$. Everything in it but the decoder is linear. This
book derives what can be said of it without approximation, and says of every line how it is known.

Three lines of thought meet. *Rings:* a unitary transform puts the modes on the nodes of a ring (T1). For one family
of spectra, that of S4D-Lin, the contents of the nodes are waves that keep their shape (T3), so that the network
remembers by letting its recent inputs travel; other spectra disperse (T6). The nodes can be read as nonlinear
oscillators with an exact solution (T7), which are close to Kuramoto's and not the same (T8). *Lifting:* where the
decoder is a polynomial, the monomials of the state obey a finite linear recurrence (T9, T14), whose ordered product
collapses to one displacement (T12, T15); the output is a finite Volterra series of separable kernels (T10), or,
sorted by other summands, a sum over interactions of waves, modes or channels (T11, T12′). *Depth:* stacks of such
layers have finite lifts too (T16), layers compose if they are centred (T17), and pairs of waves of one layer drive
the modes of the next (T18).

What follows from the formulas: what a family of inputs will answer before it is run (T15, T23), how an output changes
with its input and which smallest change moves it (T20 to T22), and what remains of all this where the step depends on
the input, as in selective models, linear attention and the delta rule (T19, T25).

The correspondence of these networks with rings of oscillators, and the idea to write a whole forward pass as one
operator, are those of Busch et al. (2026), of which only the abstract was available when these derivations were made:
they are a reconstruction, and no statement of theirs is ascribed to that work. The complex-valued view of oscillators
is that of Muller, Mináč and Nguyen (2021) and Budzinski et al. (2022); lifting to monomials goes back to Carleman
(1932); the family of models to Gu et al. (2022).

Numbers such as T3 refer to the statements at the end of this book, with their conditions. Every chapter is printed
from a script in the folder `derivations`; its name stands at the head of the page. A script builds its statements
from the functions of the package themselves, so that what is proved here is what is computed there; the index at the
end leads from each function to its derivation.
"""

EVIDENCE = r"""
Each numbered statement has been checked by machine when this book was printed, and the margin says what came out. A
chain $A = B = C$ is checked link by link, and once more from end to end (*all steps together*). Reasons between the
links are for the reader: the check does not use them.

Letters stand for arbitrary complex numbers, or for what their names say (whole numbers for indices and steps). A
letter for a size, such as $N$ or $k$, is arbitrary too: *proved in general* means for all of them. Where a matrix or
a sum is written out, the size is part of the claim and stands in the margin.

A proof brings the difference of both sides to a normal form in which only zero is written as zero; powers,
exponentials, factorials and binomials with symbolic exponents are letters of that normal form, related by their laws.
Agreement of numbers is never called a proof. Conditions in parentheses behind a formula, $(\lambda \ne 0)$, are part
of the statement. In the tests, each statement is also spoilt on purpose, by a changed sign, a dropped term, a
conjugate that is not one, an index that is off by one, and the check has to refute it with a counterexample.
"""

FALSE_CLAIMS_INTRODUCTION = r"""
Each of these has been heard, or thought, while the statements of this book were made. For each one a statement is shown
that would follow from it in a small case, with the values of its letters at which that statement fails; then what holds
instead, with its own evidence.
"""

EVIDENCE_MARKS: tuple[tuple[Evidence, str, str], ...] = (
    (Evidence.PROVED, "proved in general", "for all values of all letters that occur, sizes among them"),
    (Evidence.PROVED, "proved for N = 3", "for all values of the letters, with the sizes that are given"),
    (Evidence.CERTIFIED, "certified on ...", "an inequality, enclosed by ball arithmetic on all of the stated box"),
    (Evidence.SUPPORTED, "supported at 30 digits", "numbers agree at random points: evidence, and no proof"),
    (Evidence.REFUTED, "refuted at ...", "false, with values of the letters at which the sides differ"),
    (Evidence.UNDECIDED, "undecided", "neither proved nor refuted; nothing is claimed"),
)
"""Level, words of the margin, and what they mean."""
