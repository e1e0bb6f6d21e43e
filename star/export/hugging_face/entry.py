"""The model as a class of transformers.

Prompts of different lengths are padded on the left. Their padding is not read: rows of equal lengths are read together,
each as if it were alone.

B batch, L tokens, V vocabulary.
"""

from __future__ import annotations

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from star.build import assembled
from star.cache import Cache
from star.export.standalone.entry import BLUEPRINT, SHAPE, SIZES


class StarConfig(PreTrainedConfig):
    """The configuration; the architecture itself is in this file, and `genome` is its name."""

    model_type = "star"

    def __init__(self, genome: str = "", **others: Any) -> None:
        self.genome = genome
        self.vocab_size = SHAPE.vocab
        self.hidden_size = SHAPE.width
        self.num_hidden_layers = len(BLUEPRINT.livs)
        super().__init__(**others)


class Decoding:
    """The cache that transformers hands from token to token."""

    is_compileable = False
    is_linear = (False,)

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the tokens read so far, the padding of the longest prompt not included."""
        return self.cache.position

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Go on from these sequences in this order."""
        self.cache = self.cache.select(beam_idx)


class StarForCausalLM(PreTrainedModel, GenerationMixin):
    """The model of this file under the interface of transformers."""

    config_class = StarConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    gradient_checkpointing = False

    def __init__(self, config: StarConfig) -> None:
        super().__init__(config)
        self.model = assembled(BLUEPRINT, SHAPE, SIZES)
        first: dict[int, str] = {}
        named = self.named_parameters(remove_duplicate=False)
        self._tied_weights_keys = {
            name: first[id(one)] for name, one in named if first.setdefault(id(one), name) != name
        }
        self.post_init()

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        return False

    def _init_weights(self, module: nn.Module) -> None:
        """Leave the weights as they are: they come from a file."""

    def _set_gradient_checkpointing(self, enable: bool = True, *others: Any, **named: Any) -> None:
        self.gradient_checkpointing = enable
        self.model.checkpoint_activations = enable

    @classmethod
    def _from_config(cls, config: StarConfig, **others: Any) -> Self:
        raise ValueError("this model has no initial weights of its own; load it with from_pretrained")

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding as a module; its weight is the model's own."""
        vocab, width = self.model.embedding_VD.shape
        table = nn.Embedding(vocab, width, device="meta")
        table.weight = self.model.embedding_VD
        return table

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the weight of the embedding."""
        self.model.embedding_VD = nn.Parameter(value.weight)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        cache: Decoding | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int = 0,
        **others: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits_BLV, 0 at padding, and the loss of predicting each label from what is before it.

        Args:
            input_ids: tokens (B, L); with a cache, the tokens behind those that it has read.
            attention_mask: 1 for tokens and 0 for padding, (B, tokens in all).
            cache: what an earlier call with `use_cache` returned.
            labels: (B, L), with -100 where nothing is to be predicted.
            logits_to_keep: return the logits of so many last tokens alone; 0 for all.

        Raises:
            ValueError: padding is not on the left where it would be read, or an argument is not supported.
        """
        if others.get("inputs_embeds") is not None:
            raise ValueError("inputs_embeds is not supported; pass input_ids")
        keeping = bool(use_cache) and labels is None
        if cache is not None:
            logits_BLV = self.model(input_ids, cache.cache)
        else:
            padding_B = _padding(input_ids, attention_mask, keeping)
            logits_BLV, cache = self._whole(input_ids, padding_B, keeping)
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits_BLV[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=logits_BLV[:, -logits_to_keep:], cache=cache)

    def _whole(self, tokens_BL: Tensor, padding_B: list[int], keeping: bool) -> tuple[Tensor, Decoding | None]:
        """Read rows of equal padding together: their logits, and the cache of all rows if it is kept."""
        groups = {padding: [b for b, one in enumerate(padding_B) if one == padding] for padding in sorted({*padding_B})}
        caches = [self.model.new_cache(len(rows)) if keeping else None for rows in groups.values()]
        parts = [
            F.pad(self.model(tokens_BL[rows, padding:], cache), (0, 0, padding, 0))
            for (padding, rows), cache in zip(groups.items(), caches, strict=True)
        ]
        if len(groups) == 1:
            return parts[0], None if caches[0] is None else Decoding(caches[0])
        order = [b for rows in groups.values() for b in rows]
        back = sorted(range(len(order)), key=lambda place: order[place])
        kept = [cache for cache in caches if cache is not None]
        return torch.cat(parts)[back], Decoding(Cache.joined(kept).select(back)) if kept else None


def _padding(tokens_BL: Tensor, mask_BL: Tensor | None, keeping: bool) -> list[int]:
    """Count the padding on the left of each row; padding behind the tokens changes none of them."""
    if mask_BL is None or bool(mask_BL.all()):
        return [0] * len(tokens_BL)
    present_BL = mask_BL.bool()
    left_B = present_BL.int().argmax(1)
    inside_BL = torch.arange(present_BL.shape[1], device=mask_BL.device) >= left_B.unsqueeze(1)
    if keeping and not bool((present_BL == inside_BL).all()):
        raise ValueError("prompts to go on from must be padded on the left: tokenizer.padding_side = 'left'")
    if not bool(present_BL.any(1).all()):
        raise ValueError("a row has no token; attention_mask must have a 1 in every row")
    return [int(count) for count in left_B]
