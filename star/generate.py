"""Autoregressive decoding, one token at a time, with a cache.

B batch, L tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from star.cache import Cache

Prompts = TypeVar("Prompts", Tensor, list[Tensor])
"""Prompts of one length, (B, L), or of different lengths, (L,) each."""


class Decoder(Protocol):
    """The interface of a model that can decode: a call with a cache, and an empty cache."""

    def __call__(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor: ...

    def new_cache(self, batch: int = 1) -> Cache: ...


@torch.inference_mode()
def generate(
    model: Decoder,
    prompts: Prompts,
    new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    stop: int | None = None,
) -> Prompts:
    """Continue prompts: the likeliest tokens at temperature 0, otherwise samples of the tempered softmax.

    Each prompt goes on as if it were alone, whatever the lengths of the others. Samples of prompt b are those of this
    prompt alone with the seed plus b.

    Args:
        prompts: (B, L), or a list of B prompts of any lengths, (L,) each.
        new_tokens: the most tokens to add to a prompt.
        stop: a token after which a prompt does not go on; it is the last one of the result.

    Returns:
        The prompts and the new tokens: of (B, L) prompts (B, L + new_tokens), or fewer columns if all rows have
        stopped, with `stop` in the rest of a row; of a list a list.

    Raises:
        ValueError: a prompt is empty or of another shape, or new_tokens, the temperature or `stop` is negative.
    """
    _check(prompts, new_tokens, temperature, stop)
    rows = list(prompts)
    added: list[list[int]] = [[] for _ in rows]
    if new_tokens and rows:
        generators = [torch.Generator().manual_seed(seed + number) for number in range(len(rows))]
        logits_BV, cache = prefill(model, rows)
        going = list(range(len(rows)))
        while True:
            next_B = _choose(logits_BV.float().cpu(), temperature, [generators[number] for number in going])
            for number, token in zip(going, next_B.tolist(), strict=True):
                added[number].append(token)
            kept = [place for place, token in enumerate(next_B.tolist()) if token != stop]
            if not kept or len(added[going[kept[0]]]) == new_tokens:
                break
            if len(kept) < len(going):
                cache, next_B = cache.select(kept), next_B[kept]
                going = [going[place] for place in kept]
            logits_BV = model(next_B.unsqueeze(1).to(rows[0].device), cache)[:, -1]
    if isinstance(prompts, Tensor):
        most = max(map(len, added), default=0)
        filled = [tokens + [stop or 0] * (most - len(tokens)) for tokens in added]
        return torch.cat([prompts, prompts.new_tensor(filled).view(len(rows), most)], dim=1)
    return [torch.cat([row_L, row_L.new_tensor(tokens)]) for row_L, tokens in zip(rows, added, strict=True)]


@torch.no_grad()
def prefill(model: Decoder, prompts: Sequence[Tensor]) -> tuple[Tensor, Cache]:
    """Read prompts of any lengths, (L,) each with at least one token.

    All prompts are read together up to the end of the shortest, then the others up to the end of the next one, and so
    on: no token is padding, and each prompt is read as if it were alone.

    Returns:
        The logits behind the last token of each prompt, (B, V), and the cache of all prompts, from which they go on.

    Raises:
        ValueError: there are no prompts, or one is empty or of another shape.
    """
    if not prompts:
        raise ValueError("there are no prompts to read")
    _check_each(prompts)
    going = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    order, cache, read = list(going), model.new_cache(len(prompts)), 0
    ended: list[tuple[Tensor, Cache]] = []
    for length, group in groupby(order, key=lambda number: len(prompts[number])):
        logits_BV = model(torch.stack([prompts[number][read:length] for number in going]), cache)[:, -1]
        count, read = len(list(group)), length
        if count == len(going):
            ended.append((logits_BV, cache))
        else:
            ended.append((logits_BV[:count], cache.select(range(count))))
            cache, going = cache.select(range(count, len(going))), going[count:]
    if len(ended) == 1:
        return ended[0]
    back = sorted(range(len(order)), key=lambda place: order[place])
    logits_BV = torch.cat([logits for logits, _ in ended])
    return logits_BV[back], Cache.joined([cache for _, cache in ended]).select(back)


def _check(prompts: Tensor | list[Tensor], new_tokens: int, temperature: float, stop: int | None) -> None:
    if isinstance(prompts, Tensor):
        if prompts.dim() != 2 or prompts.shape[1] == 0:
            raise ValueError(f"the prompt must be (batch, tokens) with at least one token, not {tuple(prompts.shape)}")
    else:
        _check_each(prompts)
    if new_tokens < 0 or temperature < 0:
        raise ValueError(f"new_tokens and temperature must be 0 or more, not {new_tokens} and {temperature}")
    if stop is not None and stop < 0:
        raise ValueError(f"the token to stop at must be 0 or more, not {stop}")


def _check_each(prompts: Sequence[Tensor]) -> None:
    for number, prompt_L in enumerate(prompts):
        if prompt_L.dim() != 1 or len(prompt_L) == 0:
            found = tuple(prompt_L.shape)
            raise ValueError(f"prompt {number} of the list must be (tokens,) with at least one token, not {found}")


def _choose(logits_BV: Tensor, temperature: float, generators: Sequence[torch.Generator]) -> Tensor:
    if temperature == 0:
        return logits_BV.argmax(-1)
    shares_BV = (logits_BV / temperature).softmax(-1)
    drawn = [torch.multinomial(row_V, 1, generator=one) for row_V, one in zip(shares_BV, generators, strict=True)]
    return torch.cat(drawn)
