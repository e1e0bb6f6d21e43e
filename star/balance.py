"""The load-balancing term M sum_m f_m P_m, which is 1 for even routing (Fedus et al. 2022, eq. 4).

f_m is the share of all choices that fall on route m and P_m is the mean probability of route m, both over all tokens of
a call. f has no gradient; P carries the gradient to the router. Routers keep no terms: they add them to the list of the
enclosing `balancing` context.

B batch, L tokens, M routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch
from torch import Tensor

_COLLECTED: ContextVar[list[Tensor] | None] = ContextVar("terms of the routers that run", default=None)


@contextmanager
def balancing() -> Iterator[list[Tensor]]:
    """Collect one term for each choice of a router in the block; features taken from another LIV add no term."""
    terms: list[Tensor] = []
    token = _COLLECTED.set(terms)
    try:
        yield terms
    finally:
        _COLLECTED.reset(token)


def again() -> tuple[AbstractContextManager[object], AbstractContextManager[object]]:
    """Return contexts for a part of a model and for its repetition in the backward pass (activation checkpointing).

    A repetition must compute what was computed, so it collects terms if there is a list now, and these are dropped.
    """
    return nullcontext(), nullcontext() if _COLLECTED.get() is None else balancing()


def report(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> None:
    """Add the term of one choice to the list of the enclosing `balancing`; without one, compute nothing."""
    terms = _COLLECTED.get()
    if terms is not None:
        terms.append(imbalance(probabilities_BLM, chosen_BLM))


def imbalance(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> Tensor:
    """Compute M sum_m f_m P_m: 1 for even routes, M / k where all tokens choose the same k routes with certainty."""
    counts_M = chosen_BLM.sum((0, 1))
    share_M = counts_M / counts_M.sum()
    term: Tensor = len(share_M) * torch.dot(share_M.to(probabilities_BLM.dtype), probabilities_BLM.mean((0, 1)))
    return term
