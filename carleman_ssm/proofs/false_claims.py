r"""Claims that sound true and are false: why, what holds instead, and a statement of each that is refuted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from carleman_ssm.formulas.bounds import Statement
from carleman_ssm.formulas.verification import Verdict, verify
from carleman_ssm.printing.latex import to_latex
from carleman_ssm.proofs import false_statements
from carleman_ssm.proofs.ledger import evidence_words


@dataclass(frozen=True)
class FalseClaim:
    """A claim, with what refutes it.

    Parameters
    ----------
    number
        As tests and texts count the claims.
    claim
        As one hears it.
    why
        Why it is false, as prose with TeX.
    instead
        What holds, as prose with TeX.
    numbered
        The numbered statements that say what holds.
    scripts
        The derivations of what holds.
    build
        The statement that would follow, for its smallest case, and a statement of what holds instead.
    """

    number: int
    claim: str
    why: str
    instead: str
    numbered: str
    scripts: tuple[str, ...]
    build: Callable[[], tuple[Statement, Statement]]

    @cached_property
    def _built(self) -> tuple[Statement, Statement]:
        return self.build()

    @property
    def statement(self) -> Statement:
        """What would follow from the claim; `verify` refutes it with a witness."""
        return self._built[0]

    @property
    def holds(self) -> Statement:
        """What holds instead, as a statement that stands."""
        return self._built[1]

    @cached_property
    def verdicts(self) -> tuple[Verdict, Verdict]:
        """On what would follow, and on what holds; found when asked."""
        return verify(self.statement), verify(self.holds)


FALSE_CLAIMS: tuple[FalseClaim, ...] = (
    FalseClaim(
        1,
        "The ring is special to S4D, and every ring carries waves.",
        "Every diagonal model has a ring, by the Fourier matrix. One step leaves the mean of the multipliers at the "
        "node of a pulse, here of two: it moves on as a whole only if that vanishes.",
        "The couplings are circulant for any spectrum; rigid waves need multipliers that are roots of unity up to one "
        "factor, and among the usual initialisations only S4D-Lin has them.",
        "T1, T6",
        (
            "01_ring_equivalence",
            "06_dispersion_and_rigidity",
        ),
        false_statements.waves_on_every_ring,
    ),
    FalseClaim(
        2,
        r"Node $j$ holds the input of $j/\delta$ steps ago.",
        "It also holds what came one, two, … revolutions before, each damped by 1/e only.",
        r"Inputs return after every revolution; they are smeared unless they enter at node 0 and $\delta$ is whole.",
        "T3",
        ("03_rigid_waves",),
        false_statements.input_of_one_lag,
    ),
    FalseClaim(
        3,
        "S4D with $N = 64$ is a ring of 64 real nodes.",
        r"A stored mode and its conjugate, put on a periodic ring, have the coupling $(a - \bar a)/2$, which is "
        "imaginary. At initialisation the real mode is stored twice: 63 modes are different.",
        "63 real nodes at initialisation; once trained, 64 with anti-periodic closure, or 32 complex ones.",
        "T5",
        ("05_real_rings",),
        false_statements.real_nodes_of_pairs,
    ),
    FalseClaim(
        4,
        "Training keeps the waves.",
        "That has to be measured: independent normal shifts of the frequencies, of standard deviation $s$, take the "
        "expected intensity of the peak to $q + (1 - q)/N$ with $q = e^{-s^2t^2}$.",
        "With a jitter of 0.2 mode spacings less than 22 % of the peak are left after one revolution.",
        "T6",
        ("06_dispersion_and_rigidity",),
        false_statements.kept_waves,
    ),
    FalseClaim(
        5,
        "The linear network is Kuramoto's.",
        "Its phases are weighted by ratios of amplitudes, which differ from node to node, and an input adds a force.",
        "The gap between both is in proportion to the differences of the amplitudes, and none where all are equal.",
        "T8",
        ("08_kuramoto",),
        false_statements.same_phases,
    ),
    FalseClaim(
        6,
        "Phases are well defined.",
        "The state 0, where every model starts, has every phase; on real rings phases are signs.",
        r"Any other state determines its phase: here $e^{2i\theta}$, which is $e^{i\theta}$ up to a sign.",
        "T7",
        ("07_polar_oscillators",),
        false_statements.phase_at_rest,
    ),
    FalseClaim(
        7,
        "A truncation of order 2 to 4 describes GELU.",
        "At $|y| = 3$ the polynomial of order 4 is wrong by more than the value of GELU.",
        "It is within 1/100 for $|y| \\le 1$; the order that is needed grows with the square of the radius.",
        "T13",
        ("13_gelu_series",),
        false_statements.low_order_gelu,
    ),
    FalseClaim(
        8,
        "The truncated operator is exact.",
        "It is for polynomial decoders, at finite size. GELU is no polynomial.",
        "What is odd in GELU, $y/2$, is kept exactly; of the rest every order leaves a remainder, which has to be "
        "stated with the range of the pre-activations.",
        "T13",
        ("13_gelu_series",),
        false_statements.exact_truncation,
    ),
    FalseClaim(
        9,
        "The decoder makes waves collide, and GELU without a cubic term has no interactions of three.",
        "The states stay linear in the input: products exist in what is observed, not in what travels. About a bias "
        "the third order returns.",
        r"It is $(y_0^3 - 4y_0)\,\varphi(y_0)/6$ with the normal density $\varphi$, and vanishes at $y_0 = 0$ and "
        r"$y_0 = \pm 2$ only.",
        "T13",
        ("13_gelu_series",),
        false_statements.no_third_order,
    ),
    FalseClaim(
        10,
        "Layers compose by multiplying truncated Carleman matrices.",
        "Not with biases: a constant of the inner layer brings the powers that were cut off back to low orders. And "
        "LayerNorm is no polynomial.",
        "Without constants, or recentred at the trajectory of the biases, they do.",
        "T17",
        ("17_layer_matrices",),
        false_statements.truncated_layers,
    ),
    FalseClaim(
        11,
        "Real spectra carry waves too.",
        "With multipliers that are not negative the node of a pulse always holds the most.",
        r"$|h_d| \le h_0$ at all times; 1, −1, 1, … hops by half of the ring.",
        "T6",
        ("06_real_spectra",),
        false_statements.waves_of_real_spectra,
    ),
    FalseClaim(
        12,
        "The rings of bilinear transform and zero-order hold are the same.",
        r"Their multipliers agree up to the second order in $a\Delta$ only: the bilinear ring is dispersive and hardly "
        r"damps fast modes ($|\lambda_{63}| = .9990$ against .9753 for S4D-Lin at $\Delta = .05$).",
        "For slow modes and small steps the difference is of the third order.",
        "T6",
        ("06_dispersion_and_rigidity",),
        false_statements.equal_discretisations,
    ),
    FalseClaim(
        13,
        "Diagonalise S4 first.",
        "The condition of the eigenvectors of HiPPO-LegS grows exponentially: at $N = 16$ it takes more than half of "
        "the digits of float64, at $N = 24$ all of them.",
        "Dense powers serve at every $N$, eigenvectors with an enclosed error at raised precision.",
        "T1",
        ("01_ring_equivalence",),
        false_statements.harmless_eigenvectors,
    ),
    FalseClaim(
        14,
        "The orders up to one reach so many per cent, so interactions are needed.",
        "Cutting orders off a trained network is an ablation of that network. A line fitted to $y = x^2$ is not the "
        "linear part of the fitted parabola, which is 0.",
        "Whether interactions are needed is answered only by networks trained without them.",
        "T12",
        (),
        false_statements.truncation_is_training,
    ),
)
"""In the order of their numbers."""


def claim_prose(claim: FalseClaim) -> str:
    r"""The claim as paragraphs of Markdown with TeX: why it is false, the witness, what holds.

    Examples
    --------
    >>> print(claim_prose(FALSE_CLAIMS[10]).splitlines()[0])
    **11. Real spectra carry waves too.**
    """
    refuted, held = claim.verdicts
    parts = (
        f"**{claim.number}. {claim.claim}**",
        claim.why,
        f"It would follow that\n\n$$\n{to_latex(claim.statement)}\n$$\n\n{_witnessed(refuted)}",
        f"Instead: {claim.instead} [THEORY {claim.numbered}]",
        f"$$\n{to_latex(claim.holds)}\n$$\n\nThis is {evidence_words(claim.holds, held)}.",
    )
    return "\n\n".join(parts)


def _witnessed(verdict: Verdict) -> str:
    values = ", ".join(f"${to_latex(key)} = {to_latex(value)}$" for key, value in (verdict.witness or {}).items())
    return refuted_at(values)


def refuted_at(values: str) -> str:
    """The sentence that says at which values of its letters, printed already, a statement was refuted.

    Examples
    --------
    >>> refuted_at("x = 1"), refuted_at("")
    ('Refuted at x = 1.', 'Refuted: no letter is in it, the numbers decide.')
    """
    return f"Refuted at {values}." if values else "Refuted: no letter is in it, the numbers decide."
