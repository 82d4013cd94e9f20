"""The conventions in which published implementations store and apply their layers: one table.

A checkpoint read under another convention loads without a complaint and computes something else: the sign of the
imaginary part, the factor 2 of conjugate pairs, the rule for the input matrix and the form of GELU are invisible in
the shapes. Each dialect is recognised by keys and shapes that only it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Keys = frozenset[str]


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
        ``"real"``: no complex numbers. ``"2 real"``: real modes, doubled all the same. The configuration may decide
        otherwise (`is_real` of the S4 block, `conj_sym` of S5): this is the default.
    activation
        Form of the pointwise nonlinearity of the block: ``"gelu (erf)"``, ``"gelu (tanh)"``, ``"silu"``, ``"none"``.
    input_rule
        Rule for the input matrix: ``"zoh"``, ``"bilinear"``, ``"euler"``, ``"discrete"``, ``"dss"`` or ``"none"``;
        several with ``" or "`` where the configuration decides.
    norm_eps
        ε of the norms of the block; 0 without one.
    dense_layout
        ``"out, in"`` (torch) or ``"in, out"`` (flax) for dense weights; ``"none"`` if the layer has none.
    marks
        Keys of the layer that tell the dialect; all must be present. Keys are written with dots; flax writes slashes.
    choices
        Keys of which at least one must be present; empty without such a choice.
    optional
        Keys that the layer may have besides.
    beside
        Folders under the layer's prefix that are no part of it: the norm of its residual block.
    axes
        Numbers of axes that tell dialects apart that share their keys.
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
    marks: Keys
    choices: Keys = frozenset()
    optional: Keys = frozenset()
    beside: Keys = frozenset()
    axes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def keys(self) -> Keys:
        """All keys that a layer of this dialect can have."""
        return self.marks | self.choices | self.optional


def _keys(text: str) -> Keys:
    return frozenset(text.split())


_OUTPUT = _keys("output_linear.0.weight output_linear.0.bias output_linear.weight output_linear.bias")
_GATES = _keys("out1.kernel out1.bias out2.kernel out2.bias")
_ATTENTION = _keys("q_proj.weight k_proj.weight v_proj.weight o_proj.weight")
_SHORT = _keys(
    "q_conv1d.weight q_conv1d.bias k_conv1d.weight k_conv1d.bias v_conv1d.weight v_conv1d.bias"
)  # fmt: skip
_HADAMARD = frozenset(
    f"feature_map_{side}.layer{i}.{part}" for side in "qk" for i in (1, 2) for part in ("weight", "bias")
)
_KERNEL = _keys("layer.D layer.kernel.inv_dt layer.kernel.C layer.kernel.B layer.kernel.A_real")
_FLA = "fla-org/flash-linear-attention@bc3b101"
_DELTA = _ATTENTION | _keys("o_norm.weight")

_TABLE = (
    Convention(
        "s4d", "s4d", "state-spaces/s4@e757cef, models/s4/s4d.py",
        "+", "2 Re", "gelu (erf)", "zoh", 1e-5, "out, in",
        marks=_keys("D kernel.C kernel.log_dt kernel.log_A_real kernel.A_imag"),
        optional=_OUTPUT,
    ),
    Convention(
        "s4-block", "s4-block", "state-spaces/s4@e757cef, models/s4/s4.py, mode 'diag'",
        "-", "2 Re", "gelu (erf)", "zoh or bilinear or dss", 1e-5, "out, in",
        marks=_KERNEL,
        optional=_OUTPUT | _keys("layer.kernel.A_imag"),
    ),
    Convention(
        "s4-dplr", "s4", "state-spaces/s4@e757cef, models/s4/s4.py, mode 's4'",
        "-", "2 Re", "gelu (erf)", "bilinear", 1e-5, "out, in",
        marks=_KERNEL | _keys("layer.kernel.A_imag layer.kernel.P"),
        optional=_OUTPUT | _keys("layer.kernel.l_kernel"),
    ),
    Convention(
        "annotated-s4", "s4d", "srush/annotated-s4@f19e246, s4/s4d.py",
        "+", "1 Re", "gelu (tanh)", "zoh", 1e-6, "in, out",
        marks=_keys("seq.A_re seq.A_im seq.C seq.D seq.log_step"),
        optional=_keys("seq.B_re seq.B_im out.kernel out.bias out2.kernel out2.bias"),
        beside=_keys("norm"),
    ),
    Convention(
        "dss", "dss", "ag1988/dss@777084e, src/models/sequence/ss/standalone/dss.py",
        "+", "1 Re", "gelu (erf)", "dss", 1e-5, "out, in",
        marks=_keys("D kernel.log_dt kernel.W"),
        choices=_keys("kernel.Lambda kernel.Lambda_log_neg_re"),
        optional=_OUTPUT | _keys("kernel.Lambda_im kernel.Lambda_log_im"),
    ),
    Convention(
        "s5", "s5", "lindermanlab/S5@3c18fdb, s5/ssm.py and s5/layers.py",
        "+", "2 Re", "gelu (tanh)", "zoh or bilinear", 1e-5, "in, out",
        marks=_keys("seq.Lambda_re seq.Lambda_im seq.B seq.D seq.log_step"),
        choices=_keys("seq.C seq.C1 seq.C2"),
        optional=_GATES,
        beside=_keys("norm"),
    ),
    Convention(
        "minimal-lru", "lru", "NicolasZucchet/minimal-LRU@bbd71b1, lru/model.py",
        "+", "1 Re", "gelu (tanh)", "discrete", 1e-5, "in, out",
        marks=_keys(
            "seq.nu_log seq.theta_log seq.gamma_log seq.B_re seq.B_im seq.C_re seq.C_im seq.D"
        ),
        optional=_GATES,
        beside=_keys("normalization"),
    ),
    Convention(
        "h3", "h3", "HazyResearch/H3@5c4d06b, src/models/ssm/h3.py",
        "+", "2 Re", "none", "zoh or bilinear", 1e-5, "out, in",
        marks=_keys(
            "q_proj.weight k_proj.weight v_proj.weight D ssm_k_D ssm_k_kernel.kernel.B ssm_k_kernel.kernel.C "
            "kernel.kernel.log_dt kernel.kernel.B kernel.kernel.C kernel.kernel.inv_A_real kernel.kernel.A_imag "
            "output_linear.weight"
        ),
        optional=_keys("q_proj.bias k_proj.bias v_proj.bias output_linear.bias"),
    ),
    Convention(
        "fla-linear-attention", "linear-attention", f"{_FLA}, fla/layers/linear_attn.py",
        "none", "real", "none", "none", 1e-5, "out, in",
        marks=_ATTENTION,
        optional=_HADAMARD | _keys("norm.weight"),
    ),
    Convention(
        "fla-retnet", "retnet", f"{_FLA}, fla/layers/multiscale_retention.py",
        "none", "real", "silu", "none", 1e-5, "out, in",
        marks=_ATTENTION,
        optional=_SHORT | _keys("g_proj.weight g_norm_swish_gate.weight g_norm.weight"),
    ),
    Convention(
        "fla-gla", "gla", f"{_FLA}, fla/layers/gla.py",
        "none", "real", "silu", "none", 1e-5, "out, in",
        marks=_ATTENTION | _keys("gk_proj.0.weight gk_proj.1.weight gk_proj.1.bias"),
        optional=_SHORT | _keys("g_proj.weight g_norm_swish_gate.weight g_norm.weight"),
    ),
    Convention(
        "mamba", "mamba", "state-spaces/mamba@e9594ce, mamba_ssm/modules/mamba_simple.py",
        "none", "real", "silu", "euler", 1e-5, "out, in",
        marks=_keys(
            "A_log D in_proj.weight conv1d.weight x_proj.weight dt_proj.weight dt_proj.bias out_proj.weight"
        ),
        optional=_keys("conv1d.bias in_proj.bias out_proj.bias A_imag"),
        axes=MappingProxyType({"A_log": 2}),
    ),
    Convention(
        "mamba2", "mamba2", "state-spaces/mamba@e9594ce, mamba_ssm/modules/mamba2.py",
        "none", "real", "silu", "euler", 1e-5, "out, in",
        marks=_keys("A_log D dt_bias in_proj.weight conv1d.weight out_proj.weight"),
        optional=_keys("conv1d.bias in_proj.bias out_proj.bias norm.weight"),
        axes=MappingProxyType({"A_log": 1}),
    ),
    Convention(
        "recurrentgemma", "rg-lru", "google-deepmind/recurrentgemma@2efa84d, recurrentgemma/torch/modules.py",
        "none", "real", "gelu (tanh)", "discrete", 1e-6, "out, in",
        marks=_keys(
            "rg_lru.a_param rg_lru.input_gate.w rg_lru.input_gate.b rg_lru.a_gate.w rg_lru.a_gate.b "
            "conv_1d.w conv_1d.b linear_x.weight linear_x.bias linear_y.weight linear_y.bias "
            "linear_out.weight linear_out.bias"
        ),
    ),
    Convention(
        "s7", "s7", "arXiv 2410.03464, its equations; key names of this package",
        "none", "real", "gelu (tanh)", "discrete", 1e-6, "out, in",
        marks=_keys(
            "Lambda_proj.weight Lambda_proj.bias B_proj.weight B_proj.bias C_proj.weight C_proj.bias "
            "D_proj.weight D_proj.bias bias_proj.weight bias_proj.bias gate_proj.weight gate_proj.bias"
        ),
    ),
    Convention(
        "fla-delta-net", "delta-net", f"{_FLA}, fla/layers/delta_net.py",
        "none", "real", "silu", "none", 1e-5, "out, in",
        marks=_DELTA,
        optional=_SHORT | _keys("g_proj.weight b_proj.weight"),
    ),
    Convention(
        "fla-gated-delta-net", "gated-delta-net", f"{_FLA}, fla/layers/gated_deltanet.py",
        "none", "real", "silu", "none", 1e-5, "out, in",
        marks=_DELTA | _keys("a_proj.weight b_proj.weight A_log dt_bias"),
        optional=_SHORT | _keys("g_proj.weight"),
    ),
)  # fmt: skip

CONVENTIONS: Mapping[str, Convention] = MappingProxyType({row.dialect: row for row in _TABLE})
"""All dialects, by name."""


@dataclass(frozen=True)
class Refused:
    """A layout in use that is not read.

    Parameters
    ----------
    name
        What it is.
    marks
        Last parts of keys; together only this layout has them.
    remedy
        What to do about it.
    """

    name: str
    marks: Keys
    remedy: str


REFUSED = (
    Refused(
        "S4 of version 2 or 3 (state-spaces/s4), whose imaginary part is stored with the other sign",
        _keys("w_imag"),
        "convert it by the repository's checkpoints/convert_v3_to_v4.py: it renames log_dt to inv_dt, inv_w_real to "
        "A_real and negates w_imag to A_imag",
    ),
    Refused(
        "S4 of version 3 in diagonal mode",
        _keys("inv_A_real"),
        "only H3 is read with inv_A_real; convert an S4 layer by the repository's checkpoints/convert_v3_to_v4.py",
    ),
    Refused(
        "Mamba-3",
        _keys("B_bias C_bias dt_bias"),
        "its decay depends on the input in a way of its own; the dialects read are 'mamba' and 'mamba2'",
    ),
    Refused(
        "the DPLR layer of annotated-s4",
        _keys("Lambda_re P"),
        "the DPLR layer that is read is that of state-spaces/s4 (dialect 's4-dplr')",
    ),
)
"""Layouts that are named and refused."""


def convention(dialect: str) -> Convention:
    """The convention of a dialect.

    Raises
    ------
    ValueError
        No such dialect; the message lists them.

    Examples
    --------
    >>> convention("mamba").input_rule
    'euler'
    """
    if dialect not in CONVENTIONS:
        msg = f"unknown dialect {dialect!r}; known are {', '.join(CONVENTIONS)}"
        raise ValueError(msg)
    return CONVENTIONS[dialect]
