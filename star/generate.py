"""Autoregressive decoding, one token at a time, with a cache.

B batch, L tokens, V vocabulary.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from star.cache import Cache


class Decoder(Protocol):
    """The interface of a model that can decode: a call with a cache, and an empty cache."""

    def __call__(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor: ...

    def new_cache(self, batch: int = 1) -> Cache: ...


@torch.inference_mode()
def generate(model: Decoder, prompt_BL: Tensor, new_tokens: int, temperature: float = 0.0, seed: int = 0) -> Tensor:
    """Continue a prompt: the likeliest tokens at temperature 0, otherwise samples of the tempered softmax.

    Returns:
        The prompt and the new tokens, (B, L + new_tokens).

    Raises:
        ValueError: the prompt is empty or not (batch, tokens), or new_tokens or the temperature is negative.
    """
    if prompt_BL.dim() != 2 or prompt_BL.shape[1] == 0:
        raise ValueError(f"the prompt must be (batch, tokens) with at least one token, not {tuple(prompt_BL.shape)}")
    if new_tokens < 0 or temperature < 0:
        raise ValueError(f"new_tokens and temperature must be 0 or more, not {new_tokens} and {temperature}")
    generator = torch.Generator().manual_seed(seed)
    cache = model.new_cache(prompt_BL.shape[0])
    tokens_BL = pending_BL = prompt_BL
    for _ in range(new_tokens):
        logits_BV = model(pending_BL, cache)[:, -1].float().cpu()
        pending_BL = _choose(logits_BV, temperature, generator).to(prompt_BL.device)
        tokens_BL = torch.cat([tokens_BL, pending_BL], dim=1)
    return tokens_BL


def _choose(logits_BV: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    if temperature == 0:
        return logits_BV.argmax(-1, keepdim=True)
    return torch.multinomial((logits_BV / temperature).softmax(-1), 1, generator=generator)
