"""The load-balancing term M sum_m f_m P_m, which is 1 for even routing (Fedus et al. 2022, eq. 4).

f_m is the share of all choices that fall on route m and P_m is the mean probability of route m, both over all tokens of
a call. f has no gradient; P carries the gradient to the router. Routers keep no terms: they report each choice to the
enclosing `balancing` context.

B batch, L tokens, M routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor

from star.ops.routing import over_routes


class _Choice(NamedTuple):
    """What a router chose: the mean probability of each route, and how often each was chosen; (M,) both."""

    probability: Tensor
    counts: Tensor


_COLLECTED: ContextVar[list[_Choice] | None] = ContextVar("choices of the routers that run", default=None)


@contextmanager
def balancing(summed: Callable[[Tensor], Tensor] | None = None) -> Iterator[list[Tensor]]:
    """Collect one term for each choice of a router in the block; features taken from another LIV add no term.

    The list is filled at the end of the block.

    Args:
        summed: adds up counts over processes that compute parts of one batch. The means of their terms, by tokens, are
            then those of the whole batch, because P is a mean over tokens.
    """
    choices: list[_Choice] = []
    terms: list[Tensor] = []
    token = _COLLECTED.set(choices)
    try:
        yield terms
    finally:
        _COLLECTED.reset(token)
    if choices:
        counts = torch.cat([choice.counts for choice in choices])
        every = torch.split(counts if summed is None else summed(counts), [len(choice.counts) for choice in choices])
        terms += [_term(choice.probability, counts_M) for choice, counts_M in zip(choices, every, strict=True)]


def again() -> tuple[AbstractContextManager[object], AbstractContextManager[object]]:
    """Return contexts for a part of a model and for its repetition in the backward pass (activation checkpointing).

    A repetition must compute what was computed, so it collects choices if there is a list now, and these are dropped.
    """
    return nullcontext(), nullcontext() if _COLLECTED.get() is None else balancing()


def report(logits_BLM: Tensor, chosen_BLM: Tensor) -> None:
    """Add a choice to those of the enclosing `balancing`; without one, compute nothing.

    The probabilities of the routes are the softmax of `logits_BLM`.
    """
    choices = _COLLECTED.get()
    if choices is not None:
        choices.append(_choice(over_routes(logits_BLM), chosen_BLM))


def imbalance(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> Tensor:
    """Compute M sum_m f_m P_m: 1 for even routes, M / k where all tokens choose the same k routes with certainty."""
    return _term(*_choice(probabilities_BLM, chosen_BLM))


def _choice(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> _Choice:
    return _Choice(probabilities_BLM.mean((0, 1)), chosen_BLM.sum((0, 1)))


def _term(probability_M: Tensor, counts_M: Tensor) -> Tensor:
    share_M = counts_M / counts_M.sum()
    term: Tensor = len(share_M) * torch.dot(share_M.to(probability_M.dtype), probability_M)
    return term
