"""The conventions in which published implementations store and apply their layers: one table.

A checkpoint read under another convention loads without a complaint and computes something else: the sign of the
imaginary part, the factor 2 of conjugate pairs, the rule for the input matrix and the form of GELU are invisible in
the shapes. Each dialect is recognised by keys and shapes that only it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Convention:
    """How one reference implementation stores and applies a layer.

    Parameters
    ----------
    dialect
        Name in `carleman-ssm zoo` and in error messages.
    family
        The family whose layer it is.
    source
        Repository, file and commit that were read.
    imaginary
        Sign with which the stored imaginary part of A enters: ``"+"``, ``"-"``, or ``"none"`` for real A.
    pairs
        ``"2 Re"``: one of each conjugate pair is stored. ``"1 Re"``: all modes are stored, the real part is read.
        ``"real"``: no complex numbers. ``"2 real"``: real modes, doubled all the same.
    activation
        Form of the pointwise nonlinearity of the block: ``"gelu (erf)"``, ``"gelu (tanh)"``, ``"silu"``, ``"none"``.
    input_rule
        Rule for the input matrix: ``"zoh"``, ``"bilinear"``, ``"euler"``, ``"discrete"`` or ``"none"``; several with
        ``" or "`` where the configuration decides.
    norm_eps
        ε of the norms of the block; 0 without one.
    dense_layout
        ``"out, in"`` (torch) or ``"in, out"`` (flax) for dense weights; ``"none"`` if the layer has none.
    marks
        Key names (last parts) that tell the dialect; all must be present.
    """

    dialect: str
    family: str
    source: str
    imaginary: Literal["+", "-", "none"]
    pairs: Literal["2 Re", "1 Re", "real", "2 real"]
    activation: str
    input_rule: str
    norm_eps: float
    dense_layout: Literal["out, in", "in, out", "none"]
    marks: frozenset[str]
