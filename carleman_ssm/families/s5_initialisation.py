r"""How S5 starts: the normal part of HiPPO-LegS on J blocks, its lower half of the spectrum, and random maps.

The normal part $-\tfrac12 + S$ has the skew part S of HiPPO-LegS (`theory.legendre`). With $-iS = V \omega V^*$,
$\omega$ ascending, one block has $\Lambda = -\tfrac12 + i\omega$; if conjugate pairs are stored, only the first half of
it, where $\omega < 0$. Then $B = V^* B_0$ and $C = C_0 V$ with real $B_0$ and complex $C_0$ drawn at random.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from carleman_ssm.families.flax_tensors import lecun_normal
from carleman_ssm.networks.layers import Array, ComplexArray
from carleman_ssm.theory.legendre import legs_skew_matrix

C_RULES = ("lecun_normal", "trunc_standard_normal", "complex_normal")


def initial_tensors(rng: np.random.Generator, **sizes: Any) -> tuple[dict[str, Array], dict[str, object]]:
    r"""Tensors and settings of an S5 layer before training.

    Parameters
    ----------
    rng
        The source of random numbers.
    **sizes
        ``channels`` (4), ``states`` (8, the full state size), ``blocks`` (1), ``conj_sym`` (True), ``bidirectional``
        (False), ``discretization`` (``"zoh"``), ``activation`` (``"half_glu1"``), ``C_init`` (``"lecun_normal"``,
        or ``"trunc_standard_normal"``, ``"complex_normal"``), ``dt_min`` and ``dt_max`` (0.001, 0.1) [time].

    Raises
    ------
    ValueError
        The states do not divide into blocks (of even size if pairs are stored), or another `C_init`.
    TypeError
        An unknown size.
    """
    return _tensors(rng, **sizes)


def _tensors(
    rng: np.random.Generator,
    *,
    channels: int = 4,
    states: int = 8,
    blocks: int = 1,
    conj_sym: bool = True,
    bidirectional: bool = False,
    discretization: str = "zoh",
    activation: str = "half_glu1",
    C_init: str = "lecun_normal",
    dt_min: float = 1e-3,
    dt_max: float = 0.1,
) -> tuple[dict[str, Array], dict[str, object]]:
    eigenvalues, vectors = _normal_part(states, blocks, conj_sym=conj_sym)
    modes = len(eigenvalues)
    read = [_readout(rng, C_init, channels, vectors) for _ in range(2 if bidirectional else 1)]
    halves = {"seq/C1": read[0], "seq/C2": read[-1]} if len(read) == 2 else {"seq/C": read[0]}
    if bidirectional and C_init == "complex_normal":
        halves = {"seq/C": np.concatenate(read, axis=1)}
    dense = {"full_glu": ("out1", "out2"), "half_glu1": ("out2",), "half_glu2": ("out2",)}.get(activation, ())
    tensors = {
        "seq/Lambda_re": eigenvalues.real,
        "seq/Lambda_im": eigenvalues.imag,
        "seq/B": _parts(vectors.conj().T @ lecun_normal(rng, (states, channels), states)),
        **halves,
        "seq/D": rng.normal(size=channels),
        "seq/log_step": rng.uniform(np.log(dt_min), np.log(dt_max), (modes, 1)),
    }
    for name in dense:
        tensors[f"{name}/kernel"] = lecun_normal(rng, (channels, channels), channels)
        tensors[f"{name}/bias"] = np.zeros(channels)
    settings = {"activation": activation, "discretization": discretization, "conj_sym": conj_sym}
    return tensors, settings


def _normal_part(states: int, blocks: int, *, conj_sym: bool) -> tuple[ComplexArray, ComplexArray]:
    """Eigenvalues (P,) and eigenvectors (states, P)."""
    size = states // blocks
    if size * blocks != states or size < 1 or (conj_sym and size % 2):
        kind = "blocks of even size" if conj_sym else "blocks"
        msg = f"{states} states do not divide into {blocks} {kind}: choose other `states` or `blocks`"
        raise ValueError(msg)
    frequencies, vectors = np.linalg.eigh(-1j * np.array(legs_skew_matrix(size), dtype=np.float64))
    kept = size // 2 if conj_sym else size
    wide = np.kron(np.eye(blocks), vectors[:, :kept])
    return np.tile(-0.5 + 1j * frequencies[:kept], blocks), wide


def _readout(rng: np.random.Generator, rule: str, channels: int, vectors: ComplexArray) -> Array:
    """One C (H, P, 2)."""
    if rule not in C_RULES:
        msg = f"unknown C_init {rule!r}; choose one of {', '.join(C_RULES)}"
        raise ValueError(msg)
    states, modes = vectors.shape
    if rule == "complex_normal":
        return rng.normal(0.0, np.sqrt(0.5), (channels, modes, 2))
    fan_in = states * (channels if rule == "lecun_normal" else 1)  # the reference counts the leading axis in
    drawn = lecun_normal(rng, (channels, states, 2), fan_in)
    return _parts((drawn[..., 0] + 1j * drawn[..., 1]) @ vectors)


def _parts(values: ComplexArray) -> Array:
    return np.stack([values.real, values.imag], axis=-1)
