"""The term that keeps routes in use: M sum_m f_m P_m, 1 where routing is even (Fedus et al. 2022, eq. 4).

f_m is the share of choices that fell on route m and P_m its mean probability, over all tokens of a call. f has no
gradient; P carries it to the router. Routers keep nothing: they hand their terms to whoever is listening.

B batch, L tokens, M routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_LISTENING: ContextVar[list[Tensor] | None] = ContextVar("terms of the routers that run", default=None)


@contextmanager
def balancing() -> Iterator[list[Tensor]]:
    """A list that fills with one term for every time a router chooses; features taken from another LIV add none."""
    terms: list[Tensor] = []
    token = _LISTENING.set(terms)
    try:
        yield terms
    finally:
        _LISTENING.reset(token)


def tell(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> None:
    """What a router says when it has chosen; nothing is computed unless somebody listens."""
    terms = _LISTENING.get()
    if terms is not None:
        terms.append(imbalance(probabilities_BLM, chosen_BLM))


def imbalance(probabilities_BLM: Tensor, chosen_BLM: Tensor) -> Tensor:
    """1 for even routes, M / k where all tokens choose the same k with certainty."""
    counts_M = chosen_BLM.sum((0, 1))
    share_M = counts_M / counts_M.sum()
    term: Tensor = len(share_M) * torch.dot(share_M.to(probabilities_BLM.dtype), probabilities_BLM.mean((0, 1)))
    return term
