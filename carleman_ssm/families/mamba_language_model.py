r"""Whole language models of Mamba or Mamba-2 layers, from the checkpoints of their reference.

$$x^0 = E[\text{token}], \qquad x^{i+1} = x^i + \mathrm{mixer}_i(\mathrm{RMS}(x^i)), \qquad
  \text{logits} = W \, \mathrm{RMS}(x^{M}),$$

with W = E where the weights are tied. Nothing but the mixers passes information along the sequence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import numpy.typing as npt

from carleman_ssm.families.importers import open_checkpoint
from carleman_ssm.families.known_entries import LAYER, MODEL, require_known
from carleman_ssm.families.mamba import Mamba
from carleman_ssm.families.mamba2 import Mamba2
from carleman_ssm.families.pointwise import rms_norm
from carleman_ssm.families.reference_tensors import count, flag, freeze_real, number, require_agreement
from carleman_ssm.networks.brief import Brief
from carleman_ssm.networks.checkpoints import merged_config
from carleman_ssm.networks.containers import CheckpointError
from carleman_ssm.networks.layers import Array

EMBEDDING, FINAL_NORM, HEAD = "backbone.embedding.weight", "backbone.norm_f.weight", "lm_head.weight"
OF_TRANSFORMERS = "backbone.embeddings.weight"
"""The embedding's key in transformers' checkpoints."""
KEY = re.compile(r"backbone\.layers\.(\d{1,4})\.(norm\.weight|mixer\..+)")

OF_MODELS = MODEL - frozenset(
    {"prenorm", "residual", "pool", "norm", "eps", "output", "gate", "norm_epsilon", "attn", "attn_mode"}
)
"""Entries that the configuration of such a model may have beside those of its mixers."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class MambaBlock(Brief):
    r"""$x + \mathrm{mixer}(w \odot \mathrm{RMS}(x))$.

    Parameters
    ----------
    norm_weight
        w (H,).
    mixer
        A `Mamba` or `Mamba2` of H channels.

    Raises
    ------
    ValueError
        The norm has another number of channels.
    """

    norm_weight: Array
    mixer: Mamba | Mamba2

    def __post_init__(self) -> None:
        freeze_real(self, {"norm_weight": (self.mixer.channels,)})


@final
@dataclass(frozen=True, eq=False, repr=False)
class MambaLanguageModel(Brief):
    """A language model of V tokens, H channels and M blocks.

    Parameters
    ----------
    embedding_weight
        E (V, H).
    blocks
        M blocks.
    norm_f_weight
        (H,).
    lm_head_weight
        W (V, H), or None: tied to the embedding.
    norm_eps
        ε of all norms between the mixers.

    Raises
    ------
    ValueError
        No block, or shapes that do not fit each other.

    References
    ----------
    Gu and Dao (2023), §3.4 and appendix E.2; ``mamba_ssm/models/mixer_seq_simple.py``.
    """

    embedding_weight: Array
    blocks: tuple[MambaBlock, ...]
    norm_f_weight: Array
    lm_head_weight: Array | None = None
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        freeze_real(self, {"embedding_weight": (None, None)})
        tokens, channels = self.embedding_weight.shape
        if {block.mixer.channels for block in self.blocks} != {channels}:
            held = sorted({block.mixer.channels for block in self.blocks}) or "none"
            msg = f"the model needs blocks of {channels} channels as its embedding has, got {held}"
            raise ValueError(msg)
        freeze_real(self, {"norm_f_weight": (channels,), "lm_head_weight": (tokens, channels)})
        if not 0 <= self.norm_eps < np.inf:
            msg = f"norm_eps must be a number of 0 or more, got {self.norm_eps}"
            raise ValueError(msg)

    def hidden(self, tokens: npt.ArrayLike, method: str = "closed") -> Array:
        """What the last norm gives to the decoder, (batch, L, H).

        Parameters
        ----------
        tokens
            (batch, L) integers below V.
        method
            As in `families.family.Family`.

        Raises
        ------
        TypeError, ValueError
            No integers, another shape, or a token that the embedding does not have.
        """
        x = self.embedding_weight[self._checked(tokens)]
        for block in self.blocks:
            x = x + block.mixer(rms_norm(x, block.norm_weight, self.norm_eps), method)
        return rms_norm(x, self.norm_f_weight, self.norm_eps)

    def __call__(self, tokens: npt.ArrayLike, method: str = "closed") -> Array:
        """Logits (batch, L, V) of the next token, as in `hidden`."""
        head = self.embedding_weight if self.lm_head_weight is None else self.lm_head_weight
        result: Array = self.hidden(tokens, method) @ head.T
        return result

    def _checked(self, tokens: npt.ArrayLike) -> npt.NDArray[np.int64]:
        values = np.asarray(tokens)
        if values.dtype.kind not in "iu":
            msg = f"tokens: expected integers, got {values.dtype}"
            raise TypeError(msg)
        if values.ndim != 2 or values.shape[1] == 0:
            msg = f"tokens: expected the shape (batch, length) with at least one step, got {values.shape}"
            raise ValueError(msg)
        known = len(self.embedding_weight)
        if values.size and not (values.min() >= 0 and values.max() < known):
            msg = f"tokens: expected numbers from 0 to {known - 1}, got {values.min()} to {values.max()}"
            raise ValueError(msg)
        return values.astype(np.int64)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], config: Mapping[str, object]) -> Self:
        """Build the model from the tensors of its reference by their key names.

        Parameters
        ----------
        tensors
            ``backbone.layers.0.mixer.A_log``, …, all of them.
        config
            The configuration of the model; `families.selective_settings.mixer_settings` says where a mixer's
            settings may stand.

        Raises
        ------
        ValueError, TypeError
            Keys that are missing or unknown (attention and MLP layers are not read), settings that contradict the
            parameters.
        """
        embedding = OF_TRANSFORMERS if OF_TRANSFORMERS in tensors else EMBEDDING
        grouped, others = _grouped(tensors)
        missing = [key for key in (embedding, FINAL_NORM) if key not in others]
        unknown = sorted(set(others) - {embedding, FINAL_NORM, HEAD})
        if missing or unknown or list(grouped) != list(range(len(grouped))):
            held = f"layers {', '.join(map(str, grouped)) or 'none'}"
            parts = f"missing {', '.join(missing) or 'nothing'}; not known here: {', '.join(unknown) or 'nothing'}"
            msg = f"Mamba language model: {parts}; {held}, which must be counted from 0 without a gap"
            raise ValueError(msg)
        blocks = tuple(_block(number, layer, config) for number, layer in grouped.items())
        stored = {"n_layer": len(blocks), "num_hidden_layers": len(blocks), "rms_norm": True, "d_intermediate": 0}
        require_agreement("Mamba language model", config, stored)
        if config.get("attn_layer_idx") not in (None, [], ()):
            msg = f"Mamba language model: attn_layer_idx = {config['attn_layer_idx']!r}, but no layer has attention"
            raise ValueError(msg)
        head = others.get(HEAD)
        _require_tie(config, others[embedding], head)
        _require_vocabulary(config, len(others[embedding]))
        eps = number(config, "layer_norm_epsilon", 1e-5)
        return cls(others[embedding], blocks, others[FINAL_NORM], head, eps)

    def tensors(self) -> dict[str, Array]:
        """The parameters by the key names of the reference; a tied decoder is left out."""
        stored = {EMBEDDING: self.embedding_weight, FINAL_NORM: self.norm_f_weight}
        for i, block in enumerate(self.blocks):
            stored[f"backbone.layers.{i}.norm.weight"] = block.norm_weight
            stored |= {f"backbone.layers.{i}.mixer.{key}": value for key, value in block.mixer.tensors().items()}
        return stored if self.lm_head_weight is None else stored | {HEAD: self.lm_head_weight}


def load_language_model(
    source: str | os.PathLike[str], config: Mapping[str, object] | None = None
) -> MambaLanguageModel:
    """Read a whole language model of Mamba or Mamba-2 layers.

    Parameters
    ----------
    source
        A safetensors or npz file, with its configuration in it or beside it as `<name>.json`.
    config
        Entries that the file lacks; they may not contradict it.

    Raises
    ------
    CheckpointError
        The file is missing or damaged, or its tensors or settings are not those of such a model.
    """
    checkpoint = open_checkpoint(source)
    try:
        settings = merged_config(checkpoint.config, config or {})
        dialects = {layer.convention.dialect for layer in checkpoint.layers}
        require_known("a Mamba language model", settings, OF_MODELS.union(*(LAYER[dialect] for dialect in dialects)))
        tensors = {name: np.asarray(checkpoint.container.read(name)) for name in checkpoint.container.headers}
        return MambaLanguageModel.from_tensors(tensors, settings)
    except (ValueError, TypeError) as error:
        msg = f"{checkpoint.label}: {error}"
        raise CheckpointError(msg) from error


def _require_tie(config: Mapping[str, object], embedding: Array, head: Array | None) -> None:
    """Refuse a model that says whether its decoder is the embedding, and stores something else."""
    for name in ("tie_embeddings", "tie_word_embeddings"):
        if config.get(name) is None:
            continue
        tied = flag(config, name, default=True)
        if not tied and head is None:
            msg = f"Mamba language model: the configuration says {name} = False, but {HEAD} is not there"
            raise ValueError(msg)
        if tied and head is not None and not np.array_equal(head, embedding):
            msg = f"Mamba language model: the configuration says {name} = True, but {HEAD} is not the embedding"
            raise ValueError(msg)


def _require_vocabulary(config: Mapping[str, object], rows: int) -> None:
    """The reference pads the vocabulary to a multiple, 8 where it does not say another."""
    if config.get("vocab_size") is None:
        return
    tokens, multiple = count(config, "vocab_size"), count(config, "pad_vocab_size_multiple", 8)
    if rows not in (tokens, -(-tokens // multiple) * multiple):
        msg = (
            f"Mamba language model: the configuration says vocab_size = {tokens} in multiples of {multiple}, the "
            f"embedding has {rows} rows"
        )
        raise ValueError(msg)


def _grouped(tensors: Mapping[str, Array]) -> tuple[dict[int, dict[str, Array]], dict[str, Array]]:
    """Tensors of every layer without their prefix, and the others."""
    layers: dict[int, dict[str, Array]] = {}
    others: dict[str, Array] = {}
    for key, value in tensors.items():
        found = KEY.fullmatch(key)
        if found is None:
            others[key] = value
        else:
            layer = layers.setdefault(int(found[1]), {})
            if found[2] in layer:
                msg = f"{key}: another key says {found[2]} of layer {int(found[1])}"
                raise ValueError(msg)
            layer[found[2]] = value
    return dict(sorted(layers.items())), others


def _block(index: int, layer: Mapping[str, Array], config: Mapping[str, object]) -> MambaBlock:
    mixer = {key.removeprefix("mixer."): value for key, value in layer.items() if key != "norm.weight"}
    if "norm.weight" not in layer or not mixer:
        msg = f"layer {index}: expected norm.weight and a mixer, got {', '.join(sorted(layer))}"
        raise ValueError(msg)
    kind = Mamba if "x_proj.weight" in mixer else Mamba2
    try:
        return MambaBlock(layer["norm.weight"], kind.from_tensors(mixer, config))
    except ValueError as error:
        msg = f"layer {index}: {error}"
        raise ValueError(msg) from error
