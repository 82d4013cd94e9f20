"""Works that the derivations cite: data of the bibliography."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One work.

    Parameters
    ----------
    key
        How prose cites it: the family name of the first author and the year, or all names and the year.
    authors, title, place
        Plain text; the place is a journal with volume and pages, a publisher, or an identifier.
    year
        Of publication.
    statements
        Numbers of THEORY that are known from it, or close to what it has.
    """

    key: str
    authors: str
    title: str
    place: str
    statements: tuple[str, ...]

    @property
    def year(self) -> str:
        """Of publication."""
        return self.key.split()[-1]

    @property
    def short(self) -> str:
        """Family names and year, for a sentence."""
        if "," in self.key:  # another work has the first of these names and this year
            return self.key
        names = [author.split()[-1] for author in self.authors.removesuffix(", et al.").split(", ")]
        few = len(names) < 3 and not self.authors.endswith("et al.")
        shown = " and ".join(names) if few else f"{names[0]} et al."
        return f"{shown} {self.year}"


def _source(key: str, authors: str, title: str, place: str, statements: str) -> Source:
    return Source(key, authors, title, place, tuple(statements.split()))


SOURCES = (
    _source(
        "Bischof 1987",
        "C. Bischof, C. Van Loan",
        "The WY representation for products of Householder matrices",
        "SIAM J. Sci. Stat. Comput. 8, s2–s13",
        "T19",
    ),
    _source(
        "Budzinski 2022",
        "R. C. Budzinski, T. T. Nguyen, J. Đoàn, J. Mináč, T. J. Sejnowski, L. E. Muller",
        "Geometry unites synchrony, chimeras, and waves in nonlinear oscillator networks",
        "Chaos 32, 031104",
        "T7 T8",
    ),
    _source(
        "Busch 2026",
        "Busch, et al.",
        "An explicit operator explains end-to-end computation in the modern neural networks used for sequence and "
        "language modeling",
        "arXiv 2604.20595",
        "T1 T3 T11 T12",
    ),
    _source(
        "Carleman 1932",
        "T. Carleman",
        "Application de la théorie des équations intégrales linéaires aux systèmes d'équations différentielles "
        "non linéaires",
        "Acta Math. 59, 63–87",
        "T9 T14 T17",
    ),
    _source(
        "Dao 2024",
        "T. Dao, A. Gu",
        "Transformers are SSMs: generalized models and efficient algorithms through structured state space duality",
        "ICML; arXiv 2405.21060",
        "T19",
    ),
    _source(
        "De 2024",
        "S. De, S. L. Smith, A. Fernando, A. Botev, et al.",
        "Griffin: mixing gated linear recurrences with local attention for efficient language models",
        "arXiv 2402.19427",
        "T19",
    ),
    _source(
        "Fu 2023",
        "D. Y. Fu, T. Dao, K. K. Saab, A. W. Thomas, A. Rudra, C. Ré",
        "Hungry hungry hippos: towards language modeling with state space models",
        "ICLR; arXiv 2212.14052",
        "T25",
    ),
    _source(
        "Grabisch 1999",
        "M. Grabisch, M. Roubens",
        "An axiomatic approach to the concept of interaction among players in cooperative games",
        "Int. J. Game Theory 28, 547–565",
        "T12′",
    ),
    _source(
        "Grasedyck 2010",
        "L. Grasedyck",
        "Polynomial approximation in hierarchical Tucker format by vector-tensorization",
        "Preprint 308, IGPM, RWTH Aachen",
        "T12′",
    ),
    _source(
        "Gu 2022",
        "A. Gu, K. Goel, A. Gupta, C. Ré",
        "On the parameterization and initialization of diagonal state space models",
        "NeurIPS 35; arXiv 2206.11893",
        "§3 T2 T5 T6",
    ),
    _source(
        "Gu 2023",
        "A. Gu, T. Dao",
        "Mamba: linear-time sequence modeling with selective state spaces",
        "arXiv 2312.00752",
        "T19",
    ),
    _source(
        "Gu, Goel and Ré 2022",
        "A. Gu, K. Goel, C. Ré",
        "Efficiently modeling long sequences with structured state spaces",
        "ICLR; arXiv 2111.00396",
        "T6 T12",
    ),
    _source(
        "Gupta 2022",
        "A. Gupta, A. Gu, J. Berant",
        "Diagonal state spaces are as effective as structured state spaces",
        "NeurIPS 35; arXiv 2203.14343",
        "§3 T12",
    ),
    _source(
        "Hendrycks 2016",
        "D. Hendrycks, K. Gimpel",
        "Gaussian error linear units",
        "arXiv 1606.08415",
        "T13",
    ),
    _source(
        "Hochbruck 2010",
        "M. Hochbruck, A. Ostermann",
        "Exponential integrators",
        "Acta Numer. 19, 209–286",
        "§3",
    ),
    _source(
        "Iacob 2025",
        "L. C. Iacob, R. Tóth, M. Schoukens",
        "Exact finite Koopman embedding of block-oriented polynomial systems",
        "arXiv 2507.15093",
        "T9 T16",
    ),
    _source(
        "Katharopoulos 2020",
        "A. Katharopoulos, A. Vyas, N. Pappas, F. Fleuret",
        "Transformers are RNNs: fast autoregressive transformers with linear attention",
        "ICML; arXiv 2006.16236",
        "T25",
    ),
    _source(
        "Moré 1993",
        "J. J. Moré",
        "Generalizations of the trust region problem",
        "Optim. Methods Softw. 2, 189–209",
        "T22",
    ),
    _source(
        "Muller 2021",
        "L. Muller, J. Mináč, T. T. Nguyen",
        "Algebraic approach to the Kuramoto model",
        "Phys. Rev. E 104, L022201",
        "T7 T8",
    ),
    _source(
        "Olver 2010",
        "F. W. J. Olver, D. W. Lozier, R. F. Boisvert, C. W. Clark",
        "NIST handbook of mathematical functions",
        "Cambridge University Press; dlmf.nist.gov (cited as DLMF)",
        "T23",
    ),
    _source(
        "Orvieto 2023",
        "A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De",
        "Resurrecting recurrent neural networks for long sequences",
        "ICML; arXiv 2303.06349",
        "T12",
    ),
    _source(
        "Oseledets 2013",
        "I. V. Oseledets",
        "Constructive representation of functions in low-rank tensor formats",
        "Constr. Approx. 37, 1–18",
        "T12′",
    ),
    _source(
        "Owen 1972",
        "G. Owen",
        "Multilinear extensions of games",
        "Management Sci. 18, 64–79",
        "T12′",
    ),
    _source(
        "Pong 2014",
        "T. K. Pong, H. Wolkowicz",
        "The generalized trust region subproblem",
        "Comput. Optim. Appl. 58, 273–322",
        "T22",
    ),
    _source(
        "Price 1958",
        "R. Price",
        "A useful theorem for nonlinear devices having Gaussian inputs",
        "IRE Trans. Inf. Theory 4, 69–72",
        "T23",
    ),
    _source(
        "Rugh 1981",
        "W. J. Rugh",
        "Nonlinear system theory: the Volterra/Wiener approach",
        "Johns Hopkins University Press",
        "T10 T14 T23",
    ),
    _source(
        "Sakaguchi 1986",
        "H. Sakaguchi, Y. Kuramoto",
        "A soluble active rotator model showing phase transitions via mutual entrainment",
        "Prog. Theor. Phys. 76, 576–581",
        "T8",
    ),
    _source(
        "Shapley 1953",
        "L. S. Shapley",
        "A value for n-person games",
        "Contributions to the Theory of Games II, Princeton University Press, 307–317",
        "T12′",
    ),
    _source(
        "Singla 2020",
        "S. Singla, S. Feizi",
        "Second-order provable defenses against adversarial attacks",
        "ICML; arXiv 2006.00731",
        "T22",
    ),
    _source(
        "Smith 2023",
        "J. T. H. Smith, A. Warrington, S. W. Linderman",
        "Simplified state space layers for sequence modeling",
        "ICLR; arXiv 2208.04933",
        "T12",
    ),
    _source(
        "Stein 1981",
        "C. M. Stein",
        "Estimation of the mean of a multivariate normal distribution",
        "Ann. Statist. 9, 1135–1151",
        "T23",
    ),
    _source(
        "Stern 1995",
        "R. J. Stern, H. Wolkowicz",
        "Indefinite trust region subproblems and nonsymmetric eigenvalue perturbations",
        "SIAM J. Optim. 5, 286–313",
        "T22",
    ),
    _source(
        "Sun 2023",
        "Y. Sun, L. Dong, S. Huang, S. Ma, Y. Xia, J. Xue, J. Wang, F. Wei",
        "Retentive network: a successor to transformer for large language models",
        "arXiv 2307.08621",
        "T25",
    ),
    _source(
        "Trefethen 2000",
        "L. N. Trefethen",
        "Spectral methods in MATLAB",
        "SIAM",
        "T2",
    ),
    _source(
        "Tychonoff 1935",
        "A. Tychonoff",
        "Théorèmes d'unicité pour l'équation de la chaleur",
        "Mat. Sbornik 42, 199–216",
        "T23",
    ),
    _source(
        "Wei 1964",
        "J. Wei, E. Norman",
        "On global representations of the solutions of linear differential equations as a product of exponentials",
        "Proc. Amer. Math. Soc. 15, 327–334",
        "T15",
    ),
    _source(
        "Yang 2024",
        "S. Yang, B. Wang, Y. Zhang, Y. Shen, Y. Kim",
        "Parallelizing linear transformers with the delta rule over sequence length",
        "NeurIPS 37; arXiv 2406.06484",
        "T19",
    ),
)
"""In the order in which they are printed."""
